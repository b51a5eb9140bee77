/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets that a trial's gateway lets out: whatever they are, read within their bounds; and those
   that tests send, which are read as what they are. */
#include <string.h>

#include "conf/conf.h"
#include "expect.h"

/* Protocol, family, ports: then a packet that was made. */
static void check_made(const uint8_t *data, size_t size)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP, MINATO_ICMP, MINATO_PROTO_OTHER };
	const uint8_t proto = protos[data[0] & 3];
	struct minato_endpoint source = { minato_addr4(10, 0, 0, 1), 1 };
	struct minato_endpoint destination = { minato_addr4(10, 0, 0, 2), 1 };
	struct minato_endpoint from, to;
	uint8_t packet[CONF_PACKET_MAX];
	size_t length;

	if (size < 5)
		return;
	if (data[0] & 4) {
		source.addr = (struct minato_addr){ { 0xfd, [15] = 1 } };
		destination.addr = (struct minato_addr){ { 0xfd, [15] = 2 } };
	}
	source.port = (uint16_t)(data[1] << 8 | data[2] | 1);
	destination.port = (uint16_t)(data[3] << 8 | data[4] | 1);
	if (proto == MINATO_PROTO_OTHER || proto == MINATO_ICMP)
		destination.port &= 0xff;
	length = conf_packet_make(packet, (enum minato_proto)proto, &source, &destination);
	expect(length <= CONF_PACKET_MAX);
	if (proto != MINATO_TCP && proto != MINATO_UDP)
		return;
	expect(conf_packet_read(packet, length, &from, &to) == CONF_PACKET_FLOW);
	expect(!memcmp(&from, &source, sizeof(from)) && !memcmp(&to, &destination, sizeof(to)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct minato_endpoint source, destination;
	enum conf_packet_sort sort = conf_packet_read(data, size, &source, &destination);

	expect(sort <= CONF_PACKET_ERROR);
	expect(size >= 20 || sort == CONF_PACKET_OTHER);
	if (size > 0)
		check_made(data, size);
	return 0;
}
