/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets between inside and outside: what of them is another, and what not. */
#include "gateway_fixture.h"

static struct gate g;
static struct forge f;

#define SERVER "203.0.113.5"

/* A datagram outward; the port that it got. */
static uint16_t send_out(const char *src, uint16_t port, const char *dst, uint16_t to,
			 uint32_t payload)
{
	const struct caught *c;

	gate_clear(&g);
	forge_udp(&f, false, payload);
	for (uint32_t i = 0; i < payload; i++)
		f.payload[i] = (uint8_t)(i * 5);
	forge_put16(f.header, port);
	forge_put16(f.header + 2, to);
	gate_ends(&f, src, dst);
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 1);
	assert_addr(&c->packet.src, "198.51.100.1");
	assert_addr(&c->packet.dst, dst);
	assert_int_equal(c->packet.dst_port, to);
	assert_int_equal(c->packet.hop_limit, 63);
	assert_memory_equal(c->packet.payload, f.payload, payload);
	return c->packet.src_port;
}

static void there_and_back(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		uint16_t port;
		gate_new(&g, how == 2 ? MINATO_LINK_IP : MINATO_LINK_ETHERNET);
		g.copied = how == 1;
		port = send_out("10.0.0.2", 4000, SERVER, 53, 99);
		gate_clear(&g);
		forge_udp(&f, false, 77);
		forge_put16(f.header, 53);
		forge_put16(f.header + 2, port);
		gate_ends(&f, SERVER, "198.51.100.1");
		gate_send(&g, 1, &f, NULL);
		{
			const struct caught *c = gate_one(&g, 0);
			assert_addr(&c->packet.src, SERVER);
			assert_addr(&c->packet.dst, "10.0.0.2");
			assert_int_equal(c->packet.src_port, 53);
			assert_int_equal(c->packet.dst_port, 4000);
		}
		assert_spent(&g);
		gate_end(&g);
	}
}

static void a_segment_and_its_answer(void **state)
{
	const struct caught *c;
	uint16_t port;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_tcp(&f, false, "\x02\x04\x05\xb4", 4, 0);
	f.header[13] = 0x02;
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 1);
	assert_int_equal(c->packet.tcp.options.mss, 1460);
	assert_addr(&c->packet.src, "198.51.100.1");
	port = c->packet.src_port;
	gate_clear(&g);
	forge_tcp(&f, false, NULL, 0, 0);
	f.header[13] = 0x12;
	forge_put16(f.header, 80);
	forge_put16(f.header + 2, port);
	gate_ends(&f, SERVER, "198.51.100.1");
	gate_send(&g, 1, &f, NULL);
	c = gate_one(&g, 0);
	assert_int_equal(c->packet.dst_port, 1234);
	assert_addr(&c->packet.dst, "10.0.0.2");
	gate_end(&g);
}

static void an_echo_and_its_reply(void **state)
{
	const struct caught *c;
	uint16_t id;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_icmp(&f, false, 8, 0, 0x12340001, 40);
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 1);
	assert_int_equal(c->packet.icmp_type, 8);
	assert_int_equal(c->packet.transport[7], 1);
	id = c->packet.src_port;
	gate_clear(&g);
	forge_icmp(&f, false, 0, 0, (uint32_t)id << 16 | 1, 40);
	gate_ends(&f, SERVER, "198.51.100.1");
	gate_send(&g, 1, &f, NULL);
	c = gate_one(&g, 0);
	assert_int_equal(c->packet.icmp_type, 0);
	assert_int_equal(c->packet.src_port, 0x1234);
	assert_addr(&c->packet.dst, "10.0.0.2");
	gate_end(&g);
}

/* We are an end too: echo, and a socket beside the mappings. */
static void what_is_for_ourselves_stays(void **state)
{
	uint8_t byte[8];
	const struct minato_endpoint any = end("0.0.0.0", 53);
	uint64_t of[2], s = 0;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint8_t scope = 0; scope < 2; scope++) {
		assert_int_equal(minato_socket(g.m, MINATO_UDP, scope, &of[scope]), 0);
		assert_int_equal(minato_bind(g.m, of[scope], &any), 0);
	}
	for (uint32_t link = 0; link < 2; link++) {
		s = of[link];
		const char *us = link ? "198.51.100.1" : "10.0.0.1";
		const char *them = link ? SERVER : "10.0.0.2";
		gate_clear(&g);
		forge_udp(&f, false, 3);
		gate_ends(&f, them, us);
		gate_send(&g, link, &f, NULL);
		gate_drain(&g, 32);
		assert_int_equal(g.count, 0);
		assert_int_equal(minato_recv(g.m, s, byte, 8, 0), 3);
		forge_icmp(&f, false, 8, 0, 0x12340001, 8);
		gate_ends(&f, them, us);
		gate_send(&g, link, &f, NULL);
		assert_int_equal(gate_one(&g, link)->packet.icmp_type, 0);
	}
	/* From inside by our outside name, too. */
	gate_clear(&g);
	forge_udp(&f, false, 3);
	gate_ends(&f, "10.0.0.2", "198.51.100.1");
	gate_send(&g, 0, &f, NULL);
	assert_int_equal(minato_recv(g.m, of[0], byte, 8, 0), 3);
	gate_end(&g);
}

/* RFC 4787 REQ-9: by the outside address, as the outside would see it. */
static void a_hairpin(void **state)
{
	const struct caught *c;
	uint16_t a, b;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	a = send_out("10.0.0.2", 4000, SERVER, 53, 10);
	b = send_out("10.0.0.3", 4000, SERVER, 53, 10);
	gate_clear(&g);
	forge_udp(&f, false, 10);
	forge_put16(f.header, 4000);
	forge_put16(f.header + 2, b);
	gate_ends(&f, "10.0.0.2", "198.51.100.1");
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 0);
	assert_addr(&c->packet.src, "198.51.100.1");
	assert_int_equal(c->packet.src_port, a);
	assert_addr(&c->packet.dst, "10.0.0.3");
	assert_int_equal(c->packet.dst_port, 4000);
	gate_end(&g);
}

/* RFC 6864: of one outside address no value twice, whoever inside sends. */
static void identifications_do_not_meet(void **state)
{
	static bool used[65536];
	const struct caught *c;

	(void)state;
	memset(used, 0, sizeof(used));
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint32_t i = 0; i < 3000; i++) {
		send_out(i % 2 ? "10.0.0.2" : "10.0.0.3", 4000, SERVER, 53, 4);
		c = &g.caught[0];
		assert_false(used[c->bytes[18] << 8 | c->bytes[19]]);
		used[c->bytes[18] << 8 | c->bytes[19]] = true;
	}
	/* What cannot be cut says nothing with it, and keeps it. */
	gate_clear(&g);
	forge_udp(&f, false, 4);
	f.fragment = 0x4000;
	f.id = 0xbeef;
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, NULL);
	c = gate_one(&g, 1);
	assert_int_equal(c->bytes[18] << 8 | c->bytes[19], 0xbeef);
	gate_end(&g);
}

/* --- fragments (RFC 4787 REQ-14) ----------------------------------------------------------- */

static void send_fragment(uint32_t link, uint32_t offset, uint32_t len, bool more)
{
	static struct forge part;

	forge_start(&part, false, 17);
	memcpy(part.src, f.src, 4);
	memcpy(part.dst, f.dst, 4);
	part.id = 4711;
	part.no_checksum = true;
	part.proto = 0;
	part.fragment = (uint16_t)(offset / 8 | (more ? 0x2000 : 0));
	part.payload_len = len;
	memcpy(part.payload, f.frame + f.transport_at + offset, len);
	gate_send(&g, link, &part, NULL);
}

static void assert_pieces(uint32_t link, uint32_t count, uint32_t largest)
{
	struct minato_frame in = { .chunk = MINATO_CHUNK_NONE };
	static uint8_t bytes[3000];
	uint32_t at = 0;
	struct packet p;

	gate_drain(&g, 32);
	assert_int_equal(g.count, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct packet *piece = &g.caught[i].packet;
		assert_int_equal(g.caught[i].drop, DROP_NONE);
		assert_int_equal(g.caught[i].link, link);
		assert_int_equal(piece->type, PACKET_FRAGMENT);
		assert_true(piece->ip_len <= largest);
		assert_int_equal(piece->fragment_offset, at);
		assert_int_equal(piece->fragment_id, g.caught[0].packet.fragment_id);
		assert_int_equal(piece->more_fragments, i + 1 < count);
		memcpy(bytes + 20 + at, piece->payload, piece->payload_len);
		at += piece->payload_len;
	}
	/* The whole has a right checksum for its new ends. */
	memcpy(bytes, g.caught[0].packet.ip, 20);
	forge_put16(bytes + 2, 20 + at);
	forge_put16(bytes + 6, 0);
	forge_put16(bytes + 10, 0);
	forge_put16(bytes + 10, forge_sum(bytes, 20, 0) ^ 0xffff);
	in.data = bytes;
	in.len = 20 + at;
	assert_int_equal(packet_parse(&in, MINATO_LINK_IP, NULL, &p), DROP_NONE);
	assert_memory_equal(p.payload, f.payload, f.payload_len);
}

static void fragments_in_any_order(void **state)
{
	static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint32_t o = 0; o < 6; o++) {
		gate_clear(&g);
		forge_udp(&f, false, 2400);
		for (uint32_t i = 0; i < 2400; i++)
			f.payload[i] = (uint8_t)(i * 3 + o);
		forge_put16(f.header, 4000);
		gate_ends(&f, "10.0.0.2", SERVER);
		forge_frame(&f);
		for (uint32_t i = 0; i < 3; i++) {
			const uint32_t part = orders[o][i];
			send_fragment(0, part * 808, part < 2 ? 808 : 2408 - 1616, part < 2);
		}
		assert_pieces(1, 3, 828);
	}
	assert_int_equal(counter(g.m, "nat_mappings_made"), 1);
	assert_spent(&g);
	gate_end(&g);
}

/* Those for nobody of ours fill no place (REQ-14 a). */
static void a_flood_of_fragments_from_outside(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	for (uint32_t i = 0; i < 200; i++) {
		forge_udp(&f, false, 2400);
		gate_ends(&f, SERVER, "10.0.0.2");
		forge_frame(&f);
		send_fragment(1, 0, 800, true);
	}
	assert_int_equal(counter(g.m, "fragments_in"), 0);
	assert_int_equal(g.m->payload.large.used, 0);
	gate_end(&g);
}

/* --- IPv6 (RFC 6092) ------------------------------------------------------------------------ */

static const struct caught *send6(uint32_t from, const char *src, uint16_t src_port,
				  const char *dst, uint16_t dst_port, uint32_t to)
{
	gate_clear(&g);
	forge_udp(&f, true, 30);
	forge_put16(f.header, src_port);
	forge_put16(f.header + 2, dst_port);
	gate_ends(&f, src, dst);
	gate_send(&g, from, &f, NULL);
	return gate_one(&g, to);
}

static void ipv6_is_routed_behind_a_guard(void **state)
{
	const struct caught *c;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	c = send6(1, "2001:db8:9::9", 53, "fd00::2", 4000, 1);
	assert_int_equal(c->packet.icmp_type, 1);
	assert_int_equal(c->packet.icmp_code, 1);
	assert_addr(&c->packet.src, "2001:db8:1::1");
	c = send6(0, "fd00::2", 4000, "2001:db8:9::9", 53, 1);
	assert_addr(&c->packet.src, "fd00::2");
	assert_int_equal(c->packet.src_port, 4000);
	assert_int_equal(c->packet.hop_limit, 63);
	c = send6(1, "2001:db8:9::9", 53, "fd00::2", 4000, 0);
	assert_int_equal(c->packet.dst_port, 4000);
	assert_addr(&c->packet.src, "2001:db8:9::9");
	gate_end(&g);
}

/* --- sizes and offloads ---------------------------------------------------------------------- */

/* RFC 4787 REQ-13. */
static void what_is_too_big_is_said_to_who_sent_it(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	const struct caught *out;

	(void)state;
	c.link[1].mtu = 1400;
	gate_with(&g, &c);
	forge_udp(&f, false, 1401 - 28);
	f.fragment = 0x4000;
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, NULL);
	out = gate_one(&g, 0);
	assert_int_equal(out->packet.icmp_type, 3);
	assert_int_equal(out->packet.icmp_code, 4);
	assert_int_equal(out->packet.transport[6] << 8 | out->packet.transport[7], 1400);
	/* It quotes the packet as it was sent. */
	assert_memory_equal(out->packet.payload, f.frame + 14, 28);
	gate_end(&g);
}

static void a_run_outward(void **state)
{
	const struct minato_frame like = { .gso = MINATO_GSO_TCP4,
					   .gso_size = 1400,
					   .csum_partial = true };
	uint32_t sum, at = 0;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	forge_tcp(&f, false, NULL, 0, 0);
	f.header[13] = 0x02;
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 32);
	gate_clear(&g);
	forge_tcp(&f, false, NULL, 0, 30000);
	for (uint32_t i = 0; i < 30000; i++)
		f.payload[i] = (uint8_t)(i * 13);
	gate_ends(&f, "10.0.0.2", SERVER);
	f.fragment = 0x4000;
	sum = forge_sum(f.src, 4, 0);
	sum = forge_sum(f.dst, 4, sum) + 6 + 20 + 30000;
	f.no_checksum = true;
	forge_put16(f.header + 16, forge_sum(NULL, 0, sum));
	gate_send(&g, 0, &f, &like);
	gate_drain(&g, 5);
	assert_int_equal(g.count, 22);
	for (uint32_t i = 0; i < 22; i++) {
		const struct packet *p = &g.caught[i].packet;
		assert_int_equal(g.caught[i].drop, DROP_NONE);
		assert_addr(&p->src, "198.51.100.1");
		assert_memory_equal(p->payload, f.payload + at, p->payload_len);
		at += p->payload_len;
	}
	assert_int_equal(at, 30000);
	assert_spent(&g);
	gate_end(&g);
}

/* A valid checksum of a run becomes the partial one that the link wants. */
static void a_run_with_a_valid_checksum(void **state)
{
	const struct minato_frame like = { .gso = MINATO_GSO_UDP,
					   .gso_size = 1000,
					   .csum_trusted = true };
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	const struct caught *out;

	(void)state;
	c.link[1].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_USO4;
	gate_with(&g, &c);
	forge_udp(&f, false, 5000);
	f.fragment = 0x4000;
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, &like);
	out = gate_one(&g, 1);
	assert_int_equal(out->gso, MINATO_GSO_UDP);
	assert_int_equal(out->gso_size, 1000);
	assert_int_equal(out->csum_offset, 6);
	{
		const uint8_t *ip = out->packet.ip;
		const uint32_t sum = forge_sum(ip + 12, 8, 17 + 5008);
		assert_int_equal(ip[26] << 8 | ip[27], sum);
	}
	gate_end(&g);
}

/* Without DF: datagram by datagram, each in fragments. */
static void a_run_of_datagrams_too_long(void **state)
{
	const struct minato_frame like = { .gso = MINATO_GSO_UDP,
					   .gso_size = 1400,
					   .csum_trusted = true };
	struct minato_config c = gate_config(MINATO_LINK_ETHERNET);
	static uint8_t got[4][1500];
	uint32_t one = 0, have = 0;

	(void)state;
	c.link[1].mtu = 1000;
	gate_with(&g, &c);
	forge_udp(&f, false, 5000);
	for (uint32_t i = 0; i < 5000; i++)
		f.payload[i] = (uint8_t)(i * 3);
	gate_ends(&f, "10.0.0.2", SERVER);
	gate_send(&g, 0, &f, &like);
	gate_drain(&g, 3);
	assert_int_equal(g.count, 7); /* three of two fragments, and one whole */
	for (uint32_t i = 0; i < g.count; i++) {
		const struct packet *p = &g.caught[i].packet;
		const bool whole = p->type == PACKET_UDP;
		assert_int_equal(g.caught[i].drop, DROP_NONE);
		assert_true(p->ip_len <= 1000);
		assert_addr(&p->src, "198.51.100.1");
		memcpy(got[one] + (whole ? 8 : p->fragment_offset), p->payload, p->payload_len);
		have += p->payload_len;
		if (whole || !p->more_fragments)
			one++;
	}
	assert_int_equal(one, 4);
	assert_int_equal(have, 5000 + 3 * 8);
	for (uint32_t i = 0; i < 4; i++)
		assert_memory_equal(got[i] + 8, f.payload + i * 1400, i < 3 ? 1400 : 800);
	assert_spent(&g);
	gate_end(&g);
}

/* --- equal ranges (RFC 4787 REQ-7) ------------------------------------------------------------ */

static void the_same_net_on_both_sides(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_IP);
	struct minato_addr a;

	(void)state;
	gate_with(&g, &c);
	a = addr("10.0.0.200");
	assert_int_equal(minato_address_add(g.m, 1, &a, 24), 0);
	gate_clear(&g);
	forge_udp(&f, false, 10);
	gate_ends(&f, "10.0.0.2", "10.0.0.77");
	gate_send(&g, 0, &f, NULL);
	{
		const struct caught *out = gate_one(&g, 1);
		assert_addr(&out->packet.dst, "10.0.0.77");
	}
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(a_segment_and_its_answer),
		cmocka_unit_test(an_echo_and_its_reply),
		cmocka_unit_test(what_is_for_ourselves_stays),
		cmocka_unit_test(a_hairpin),
		cmocka_unit_test(identifications_do_not_meet),
		cmocka_unit_test(fragments_in_any_order),
		cmocka_unit_test(a_flood_of_fragments_from_outside),
		cmocka_unit_test(ipv6_is_routed_behind_a_guard),
		cmocka_unit_test(what_is_too_big_is_said_to_who_sent_it),
		cmocka_unit_test(a_run_outward),
		cmocka_unit_test(a_run_with_a_valid_checksum),
		cmocka_unit_test(a_run_of_datagrams_too_long),
		cmocka_unit_test(the_same_net_on_both_sides),
	};

	return cmocka_run_group_tests_name("pass_onward", tests, NULL, NULL);
}
