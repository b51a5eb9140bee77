/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet inside an ICMP error; the first bit chooses the family. */
#include "expect.h"

#include <string.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet icmp = { 0 };
	struct packet inner;
	uint8_t *exact;

	if (size < 1 || size > 65536)
		return 0;
	exact = malloc(size - 1 + (size == 1));
	memcpy(exact, data + 1, size - 1);
	icmp.is6 = data[0] & 1;
	icmp.type = icmp.is6 ? PACKET_ICMP6 : PACKET_ICMP4;
	icmp.payload = exact;
	icmp.payload_len = (uint32_t)size - 1;
	if (packet_parse_embedded(&icmp, &inner)) {
		expect(inner.is6 == icmp.is6);
		expect(inner.transport >= exact);
		expect(inner.transport + 8 <= exact + size - 1);
		expect(minato_addr_is4(&inner.src) == !icmp.is6);
		expect(minato_addr_is4(&inner.dst) == !icmp.is6);
		expect(inner.type == PACKET_TCP || inner.type == PACKET_UDP ||
		       inner.type == icmp.type);
	}
	free(exact);
	return 0;
}
