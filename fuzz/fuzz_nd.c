/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbour discovery: the input is an ICMPv6 message, after a byte that
 * chooses its addresses. What was read, written and read again, is the same.
 */
#include "expect.h"

#include <string.h>

#include "wire/wire.h"

static void write_and_read(const struct packet *p, const struct nd *n)
{
	uint8_t out[32];
	struct packet again = *p;
	struct nd back;
	uint32_t len = nd_build(n, &p->src, &p->dst, out);

	expect(len == (n->link_addr ? 32 : 24));
	again.transport = out;
	again.payload = out + 8;
	again.payload_len = len - 8;
	expect(packet_checksum_holds(&again, len));
	expect(nd_parse(&again, &back));
	expect(minato_addr_equal(&back.target, &n->target));
	expect(back.router == n->router && back.solicited == n->solicited);
	expect(back.override == n->override);
	expect(!back.link_addr == !n->link_addr);
	expect(!n->link_addr || memcmp(back.link_addr, n->link_addr, 6) == 0);
}

static void use(const struct packet *p, const uint8_t *end)
{
	struct nd nd;

	if (!nd_parse(p, &nd))
		return;
	if (nd.link_addr != NULL)
		expect(nd.link_addr > p->transport && nd.link_addr + 6 <= end);
	expect(!minato_addr_is4(&nd.target));
	if (nd.type != ICMP6_ROUTER_SOLICITATION)
		write_and_read(p, &nd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t node[16] = { 0xff, 2, [11] = 1, [12] = 0xff };
	struct packet p = { .type = PACKET_ICMP6, .is6 = true };
	uint8_t *exact;

	if (size < 9 || size > 65536)
		return 0;
	exact = malloc(size - 1);
	memcpy(exact, data + 1, size - 1);
	p.hop_limit = 255;
	p.ip_proto = IP_PROTO_ICMP6;
	p.src.bytes[15] = data[0] & 1; /* :: or ::1 */
	if (data[0] & 2)
		memcpy(p.dst.bytes, node, 16);
	p.transport = exact;
	p.payload = exact + 8;
	p.payload_len = (uint32_t)size - 9;
	p.icmp_type = exact[0];
	p.icmp_code = exact[1];
	use(&p, exact + size - 1);
	free(exact);
	return 0;
}
