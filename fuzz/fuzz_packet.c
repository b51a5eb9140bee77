/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames into packets. The first byte chooses how the frame arrives; with one
 * of its bits the IPv4 header checksum is put right first, so that what lies
 * behind it is reached.
 */
#include "expect.h"

#include <string.h>

#include "wire/wire.h"

#define BARE 0x01u
#define TRUSTED 0x02u
#define NO_MAC 0x04u
#define RUN 0x08u
#define SUMMED 0x10u

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };

static void put_header_checksum(uint8_t *ip, size_t len)
{
	struct sum sum = { 0 };
	size_t header_len;

	if (len < 20)
		return;
	header_len = (ip[0] & 15) * 4u;
	if (header_len < 20 || header_len > len)
		return;
	ip[10] = ip[11] = 0;
	sum_add(&sum, ip, header_len);
	sum_put(&sum, ip + 10);
}

static void expect_inside(const struct minato_frame *frame, const uint8_t *at,
			  uint32_t len)
{
	expect(at >= frame->data && len <= frame->len);
	expect(at + len <= frame->data + frame->len);
}

static void use_answer(const struct packet *p)
{
	uint8_t out[1280];
	uint32_t len;

	if (!icmp_may_answer(p))
		return;
	len = icmp_build_error(p, p->is6 ? 1 : 3, 3, 0, &p->dst, out);
	expect(len > 8 && len <= (p->is6 ? 1240 : 556));
}

/* What the layers above read of each type must be there. */
static void use(const struct minato_frame *frame, const struct packet *p)
{
	struct packet inner;
	struct nd nd;

	expect_inside(frame, p->payload, p->payload_len);
	expect_inside(frame, p->transport, 0);
	if (p->type == PACKET_ARP)
		return;
	expect_inside(frame, p->ip, p->ip_len);
	expect(p->payload + p->payload_len <= p->ip + p->ip_len);
	expect(p->is6 || minato_addr_is4(&p->src));
	expect(!p->is6 || !minato_addr_is4(&p->src));
	expect(!p->is6 || !minato_addr_is4(&p->dst));
	if (p->type == PACKET_TCP || p->type == PACKET_UDP)
		expect(p->dst_port != 0);
	if (p->type == PACKET_TCP)
		expect(p->src_port != 0 && p->tcp.options.sack_count <= TCP_SACK_MAX);
	if (p->type == PACKET_ICMP6 && nd_parse(p, &nd) && nd.link_addr)
		expect_inside(frame, nd.link_addr, 6);
	if ((p->type == PACKET_ICMP4 || p->type == PACKET_ICMP6) &&
	    packet_parse_embedded(p, &inner))
		expect_inside(frame, inner.transport, 8);
	use_answer(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct minato_frame frame = { 0 };
	struct packet packet;
	uint8_t *copy;
	uint32_t how;

	if (size < 1 || size > 65536)
		return 0;
	how = *data;
	copy = malloc(size); /* one more than the frame: never empty */
	memcpy(copy, data + 1, size - 1);
	frame.data = copy;
	frame.len = (uint32_t)size - 1;
	frame.csum_trusted = (how & TRUSTED) != 0;
	if (how & RUN) {
		frame.gso = MINATO_GSO_TCP4;
		frame.gso_size = 1448;
	}
	if ((how & SUMMED) && (how & BARE))
		put_header_checksum(copy, size - 1);
	else if ((how & SUMMED) && size > 15)
		put_header_checksum(copy + 14, size - 15);
	copy = realloc(copy, frame.len + !frame.len);
	frame.data = copy;
	if (packet_parse(&frame,
			 how & BARE ? MINATO_LINK_IP : MINATO_LINK_ETHERNET,
			 how & NO_MAC ? NULL : our_mac, &packet) == DROP_NONE)
		use(&frame, &packet);
	free(copy);
	return 0;
}
