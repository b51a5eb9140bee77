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

static void send_to(uint8_t proto, const char *src, const char *dst)
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
	gate_send(&g, 1, &f, NULL);
	gate_drain(&g, 32);
}

/* The kernel of the caller knows what was refused: by the ends, or the packet inside. */
static void is_refused(uint8_t proto, bool is6)
{
	const struct packet *p = &g.caught[0].packet;

	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_hears_a_reset),
		cmocka_unit_test(udp_hears_port_unreachable),
		cmocka_unit_test(silence_where_that_is_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
