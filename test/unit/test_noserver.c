/* SPDX-License-Identifier: BSD-2-Clause */
/* A forward whose servers all drain or are down refuses at once, as a closed port does. */
#include "gateway_fixture.h"

#define SYN 0x02
#define RST 0x04

static struct gate g;
static struct forge f;

static uint64_t opened(uint8_t proto, bool is6)
{
	const struct minato_entry e = {
		.kind = MINATO_KIND_FORWARD,
		.scope = 1,
		.face = MINATO_FACE_ANY,
		.proto = proto,
		.first = 80,
		.last = 80,
		.local_prefix = is6 ? 128 : 96,
		.local = addr(is6 ? "fd00::2" : "0.0.0.0"),
		/* IPv6 is opened, not translated. */
		.target = { .addr = addr(is6 ? "::" : "10.0.0.2"), .port = is6 ? 0 : 80 },
		.uid = MINATO_UID_NONE,
		.translate = true,
	};
	uint64_t handle;

	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

/* By which link; `spoiled`: with a checksum that does not hold. */
static void send_by(uint32_t link, uint8_t proto, const char *src, const char *dst, bool spoiled)
{
	const bool is6 = strchr(dst, ':') != NULL;

	gate_clear(&g);
	if (proto == MINATO_TCP) {
		forge_tcp(&f, is6, NULL, 0, 0);
		forge_put16(f.header, 4000);
		forge_put16(f.header + 2, 80);
		f.header[13] = SYN;
	} else {
		forge_udp(&f, is6, 10);
		forge_put16(f.header, 4000);
		forge_put16(f.header + 2, 80);
	}
	gate_ends(&f, src, dst);
	f.wrong_checksum = spoiled;
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

static void send_to(uint8_t proto, const char *src, const char *dst)
{
	send_by(1, proto, src, dst, false);
}

/* The kernel of the caller knows what was refused: by the ends, or the packet inside. */
static void is_refused_at(uint32_t link, uint8_t proto, bool is6)
{
	const struct packet *p = &g.caught[0].packet;

	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, link);
	if (proto == MINATO_TCP) {
		assert_int_equal(p->type, PACKET_TCP);
		assert_int_equal(p->tcp.flags & RST, RST);
		assert_int_equal(p->src_port, 80);
		assert_addr(&p->src, is6 ? "fd00::2" : "198.51.100.1");
		return;
	}
	assert_int_equal(p->type, is6 ? PACKET_ICMP6 : PACKET_ICMP4);
	assert_int_equal(p->icmp_type, is6 ? 1 : 3); /* unreachable: port */
	assert_int_equal(p->icmp_code, is6 ? 4 : 3);
}

static void is_refused(uint8_t proto, bool is6)
{
	is_refused_at(1, proto, is6);
}

static void it_drains(uint8_t proto, bool is6)
{
	const char *from = is6 ? "2001:db8::9" : "203.0.113.9";
	uint64_t entry;

	gate_new(&g, MINATO_LINK_ETHERNET);
	entry = opened(proto, is6);
	assert_int_equal(minato_entry_drain(g.m, entry, true), 0);
	send_to(proto, from, is6 ? "fd00::2" : "198.51.100.1");
	is_refused(proto, is6);
	assert_int_equal(minato_entry_drain(g.m, entry, false), 0);
	send_to(proto, from, is6 ? "fd00::2" : "198.51.100.1");
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 0);
	gate_end(&g);
}

static void tcp_hears_a_reset(void **state)
{
	(void)state;
	it_drains(MINATO_TCP, false);
	it_drains(MINATO_TCP, true);
}

static void udp_hears_port_unreachable(void **state)
{
	(void)state;
	it_drains(MINATO_UDP, false);
	it_drains(MINATO_UDP, true);
}

static void silence_where_that_is_the_policy(void **state)
{
	struct minato_nat nat;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_nat_get(g.m, &nat), 0);
	nat.icmp_to_outside = false;
	assert_int_equal(minato_nat_set(g.m, &nat), 0);
	assert_int_equal(minato_entry_drain(g.m, opened(MINATO_UDP, false), true), 0);
	send_to(MINATO_UDP, "203.0.113.9", "198.51.100.1");
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "nat_no_server"), 1);
	gate_end(&g);
}

/* An inside host that asks for the outside address hears the same. */
static void from_inside_too(void **state)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP };

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		gate_new(&g, MINATO_LINK_ETHERNET);
		assert_int_equal(minato_entry_drain(g.m, opened(protos[i], false), true), 0);
		send_by(0, protos[i], "10.0.0.3", "198.51.100.1", false);
		is_refused_at(0, protos[i], false);
		assert_int_equal(counter(g.m, "nat_no_server"), 1);
		gate_end(&g);
	}
}

static struct minato_row the_row(enum minato_kind kind)
{
	struct minato_row row;
	uint64_t cursor = 0;

	while (minato_row(g.m, &cursor, &row))
		if (row.kind == kind)
			return row;
	fail();
	return row;
}

/* Of a group, whether its servers drain or are down; and one more is enough. */
static void of_a_group(void **state)
{
	struct minato_server servers[] = { { .at = end("10.0.0.2", 80), .weight = 0 },
					   { .at = end("10.0.0.3", 80),
					     .weight = 1,
					     .down = true } };
	struct minato_entry e;
	uint64_t group = 0;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_group_set(g.m, &group, servers, 2, false), 0);
	e = (struct minato_entry){ .kind = MINATO_KIND_FORWARD,
				   .scope = 1,
				   .face = MINATO_FACE_ANY,
				   .first = 80,
				   .last = 80,
				   .group = group,
				   .uid = MINATO_UID_NONE,
				   .translate = true };
	assert_int_equal(minato_entry_add(g.m, &e, NULL), 0);
	send_to(MINATO_TCP, "203.0.113.9", "198.51.100.1");
	is_refused(MINATO_TCP, false);
	send_to(MINATO_UDP, "203.0.113.9", "198.51.100.1");
	is_refused(MINATO_UDP, false);
	/* Nothing began. */
	assert_int_equal(the_row(MINATO_KIND_FORWARD).hits, 0);
	servers[1].down = false;
	assert_int_equal(minato_group_set(g.m, &group, servers, 2, false), 0);
	send_to(MINATO_TCP, "203.0.113.9", "198.51.100.1");
	assert_addr(&gate_one(&g, 0)->packet.dst, "10.0.0.3");
	assert_int_equal(the_row(MINATO_KIND_FORWARD).hits, 1);
	gate_end(&g);
}

static void of_a_dmz(void **state)
{
	const struct minato_entry e = { .kind = MINATO_KIND_DMZ,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.target = end("10.0.0.2", 0),
					.uid = MINATO_UID_NONE,
					.translate = true };
	uint64_t entry;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_entry_add(g.m, &e, &entry), 0);
	assert_int_equal(minato_entry_drain(g.m, entry, true), 0);
	send_to(MINATO_TCP, "203.0.113.9", "198.51.100.1");
	is_refused(MINATO_TCP, false);
	send_to(MINATO_UDP, "203.0.113.9", "198.51.100.1");
	is_refused(MINATO_UDP, false);
	gate_end(&g);
}

/* What stands goes on. */
static void a_flow_that_stands_is_not_refused(void **state)
{
	uint64_t entry;

	(void)state;
	gate_new(&g, MINATO_LINK_ETHERNET);
	entry = opened(MINATO_UDP, false);
	send_to(MINATO_UDP, "203.0.113.9", "198.51.100.1");
	(void)gate_one(&g, 0);
	assert_int_equal(minato_entry_drain(g.m, entry, true), 0);
	send_to(MINATO_UDP, "203.0.113.9", "198.51.100.1");
	(void)gate_one(&g, 0);
	send_to(MINATO_UDP, "203.0.113.10", "198.51.100.1");
	is_refused(MINATO_UDP, false);
	gate_end(&g);
}

/* A packet that was damaged may be of anybody. */
static void nothing_is_said_to_a_damaged_one(void **state)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP };

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		const bool is6 = i >= 2;
		gate_new(&g, MINATO_LINK_ETHERNET);
		assert_int_equal(minato_entry_drain(g.m, opened(protos[i % 2], is6), true), 0);
		send_by(1, protos[i % 2], is6 ? "2001:db8::9" : "203.0.113.9",
			is6 ? "fd00::2" : "198.51.100.1", true);
		assert_int_equal(g.count, 0);
		gate_end(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_hears_a_reset),
		cmocka_unit_test(udp_hears_port_unreachable),
		cmocka_unit_test(silence_where_that_is_the_policy),
		cmocka_unit_test(from_inside_too),
		cmocka_unit_test(of_a_group),
		cmocka_unit_test(of_a_dmz),
		cmocka_unit_test(a_flow_that_stands_is_not_refused),
		cmocka_unit_test(nothing_is_said_to_a_damaged_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
