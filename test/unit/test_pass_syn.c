/* SPDX-License-Identifier: BSD-2-Clause */
/* SYNs that nobody asked for: six seconds of silence (RFC 5382 REQ-4). */
#include "gateway_fixture.h"

static struct gate g;
static struct forge f;

#define SERVER "203.0.113.5"

static void send_syn(uint32_t link, const char *src, uint16_t src_port, const char *dst,
		     uint16_t dst_port)
{
	forge_tcp(&f, strchr(src, ':') != NULL, "\x02\x04\x05\xb4", 4, 0);
	forge_put16(f.header, src_port);
	forge_put16(f.header + 2, dst_port);
	f.header[13] = 0x02;
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
}

/* A mapping of 10.0.0.2:4000; its port outside. */
static uint16_t make_mapping(void)
{
	uint16_t port;

	send_syn(0, "10.0.0.2", 4000, SERVER, 80);
	port = gate_one(&g, 1)->packet.src_port;
	gate_clear(&g);
	return port;
}

static void wait_until(int64_t ns)
{
	while (g.now.ns < ns) {
		const int64_t due = minato_deadline(g.m).ns;
		g.now.ns = due > g.now.ns && due < ns ? due : ns;
		minato_advance(g.m, g.now);
		gate_drain(&g, 32);
	}
}

static struct minato_nat strict(void)
{
	struct minato_nat nat;

	minato_nat_init(&nat);
	nat.tcp_filtering = MINATO_FILTER_ADDRESS_PORT;
	return nat;
}

static void begin(const struct minato_nat *nat)
{
	gate_new(&g, MINATO_LINK_ETHERNET);
	assert_int_equal(minato_nat_set(g.m, nat), 0);
}

static void silence_and_then_an_answer(void **state)
{
	const struct minato_nat nat = strict();
	const struct caught *c;
	int64_t start;
	uint16_t port;

	(void)state;
	begin(&nat);
	port = make_mapping();
	start = g.now.ns;
	send_syn(1, "203.0.113.77", 9000, "198.51.100.1", port);
	assert_int_equal(counter(g.m, "syn_held"), 1);
	wait_until(start + 3 * SECOND);
	/* Sent again: held once. */
	send_syn(1, "203.0.113.77", 9000, "198.51.100.1", port);
	assert_int_equal(counter(g.m, "syn_held"), 1);
	wait_until(start + 6 * SECOND - 1);
	assert_int_equal(g.count, 0);
	wait_until(start + 6 * SECOND);
	c = gate_one(&g, 1);
	assert_int_equal(c->packet.icmp_type, 3);
	assert_int_equal(c->packet.icmp_code, 3);
	assert_addr(&c->packet.src, "198.51.100.1");
	assert_addr(&c->packet.dst, "203.0.113.77");
	assert_memory_equal(c->packet.payload, f.frame + f.ip_at, 40);
	wait_until(start + 20 * SECOND);
	assert_int_equal(g.count, 1);
	gate_end(&g);
}

/* The other half of a simultaneous open came: not a word. */
static void met_in_time(void **state)
{
	const struct minato_nat nat = strict();
	const int64_t start = 10 * SECOND;
	uint16_t port;

	(void)state;
	begin(&nat);
	port = make_mapping();
	send_syn(1, "203.0.113.77", 9000, "198.51.100.1", port);
	wait_until(start + 2 * SECOND);
	send_syn(0, "10.0.0.2", 4000, "203.0.113.77", 9000);
	assert_int_equal(gate_one(&g, 1)->packet.src_port, port);
	gate_clear(&g);
	wait_until(start + 20 * SECOND);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "syn_met"), 1);
	gate_end(&g);
}

/* RFC 6092 REC-34: in our own name. */
static void over_ipv6(void **state)
{
	const struct minato_nat nat = strict();
	const struct caught *c;

	(void)state;
	begin(&nat);
	send_syn(1, "2001:db8:9::9", 9000, "fd00::2", 4000);
	assert_int_equal(counter(g.m, "syn_held"), 1);
	wait_until(16 * SECOND - 1);
	assert_int_equal(g.count, 0);
	wait_until(16 * SECOND);
	c = gate_one(&g, 1);
	assert_int_equal(c->packet.icmp_type, 1);
	assert_int_equal(c->packet.icmp_code, 1);
	assert_addr(&c->packet.src, "2001:db8:1::1");
	gate_end(&g);
}

/* An inside address is none that can be asked for from outside. */
static void none_for_an_inside_address(void **state)
{
	const struct minato_nat nat = strict();

	(void)state;
	begin(&nat);
	send_syn(1, SERVER, 9000, "10.0.0.2", 4000);
	assert_int_equal(counter(g.m, "syn_held"), 0);
	assert_int_equal(counter(g.m, "drop_not_ours"), 1);
	gate_end(&g);
}

/* REQ-4 a. */
static void no_word_by_policy(void **state)
{
	struct minato_nat nat = strict();
	uint16_t port;

	(void)state;
	nat.icmp_to_outside = false;
	begin(&nat);
	port = make_mapping();
	send_syn(1, "203.0.113.77", 9000, "198.51.100.1", port);
	wait_until(20 * SECOND);
	assert_int_equal(g.count, 0);
	gate_end(&g);
}

static void a_flood_has_bounded_memory(void **state)
{
	const struct minato_nat nat = strict();
	const uint32_t flood = PASS_SYNS + 500;
	uint16_t port;

	(void)state;
	begin(&nat);
	port = make_mapping();
	for (uint32_t i = 0; i < flood; i++)
		send_syn(1, "203.0.113.77", (uint16_t)(1000 + i), "198.51.100.1", port);
	assert_int_equal(counter(g.m, "syn_held"), flood);
	assert_int_equal(counter(g.m, "syn_victim"), 500);
	assert_int_equal(g.m->payload.large.used, 0);
	wait_until(17 * SECOND);
	assert_int_equal(counter(g.m, "syn_answered"), PASS_SYNS);
	/* As many as errors may be said at once. */
	assert_true(g.count <= 101);
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_and_then_an_answer),
		cmocka_unit_test(met_in_time),
		cmocka_unit_test(over_ipv6),
		cmocka_unit_test(none_for_an_inside_address),
		cmocka_unit_test(no_word_by_policy),
		cmocka_unit_test(a_flood_has_bounded_memory),
	};

	return cmocka_run_group_tests_name("pass_syn", tests, NULL, NULL);
}
