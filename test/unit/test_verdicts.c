/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the policy at every face where packets come in. */
#include <errno.h>

#include "gateway_fixture.h"
#include "minato/guard.h"

static struct gate g;
static struct forge f;

static uint64_t rule(struct minato_entry e, uint64_t order)
{
	uint64_t handle;

	e.kind = MINATO_KIND_GUARD;
	e.scope = MINATO_SCOPE_ANY;
	e.face = e.face == 0 ? MINATO_FACE_ANY : (uint8_t)(e.face - 1);
	e.order = order;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

/* A guest behind link 0, whose flows go to an uplink. */
static void guest_new(void)
{
	const struct minato_entry uplink = { .kind = MINATO_KIND_UPLINK, .face = MINATO_FACE_ANY };
	const struct minato_entry ping = { .kind = MINATO_KIND_UPLINK,
					   .face = MINATO_FACE_ANY,
					   .proto = MINATO_ICMP };
	struct minato_config c = small_config(MINATO_LINK_IP, 1);

	c.link[0].any_destination = true;
	memset(&g, 0, sizeof(g));
	g.now.ns = 10 * SECOND;
	g.h = host_new(&c, g.now);
	g.m = g.h.m;
	gate_address(&g, 0, "10.0.0.1", 24);
	gate_address(&g, 0, "fd00::1", 64);
	assert_int_equal(minato_entry_add(g.m, &uplink, NULL), 0);
	assert_int_equal(minato_entry_add(g.m, &ping, NULL), 0);
}

static void send_tcp(uint32_t link, const char *src, const char *dst, uint16_t port)
{
	gate_clear(&g);
	forge_tcp(&f, addr(src).bytes[0] != 0, NULL, 0, 0);
	forge_put16(f.header, 5353);
	forge_put16(f.header + 2, port);
	f.header[13] = TCP_SYN;
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

static void send_udp(uint32_t link, const char *src, const char *dst, uint16_t port)
{
	gate_clear(&g);
	forge_udp(&f, addr(src).bytes[0] != 0, 20);
	forge_put16(f.header + 2, port);
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

static void send_ping(uint32_t link, const char *src, const char *dst)
{
	const bool is6 = addr(src).bytes[0] != 0;

	gate_clear(&g);
	forge_icmp(&f, is6, is6 ? ICMP6_ECHO : ICMP4_ECHO, 0, 0x00050001, 8);
	gate_ends(&f, src, dst);
	gate_send(&g, link, &f, NULL);
	gate_drain(&g, 32);
}

static void expect_reset(const char *from)
{
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].packet.type, PACKET_TCP);
	assert_true((g.caught[0].packet.tcp.flags & TCP_RST) != 0);
	assert_addr(&g.caught[0].packet.src, from);
}

static void expect_icmp(uint8_t type, uint8_t code)
{
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].packet.icmp_type, type);
	assert_int_equal(g.caught[0].packet.icmp_code, code);
}

static bool next_call(uint64_t *call)
{
	struct minato_event e;

	while (minato_event(g.m, &e)) {
		if (!(e.ready & MINATO_CALL))
			continue;
		*call = e.socket;
		return true;
	}
	return false;
}

#define OUT(says, ...)                                                                             \
	((struct minato_entry){ .verdict = says, .course = MINATO_COURSE_OUT, __VA_ARGS__ })
#define IN(says, ...)                                                                              \
	((struct minato_entry){ .verdict = says, .course = MINATO_COURSE_IN, __VA_ARGS__ })

/* --- guests ------------------------------------------------------------------ */

static void what_a_guest_may_not_begin_is_told_at_once(void **state)
{
	uint64_t call = 0, drop;

	(void)state;
	guest_new();
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	assert_true(next_call(&call));
	assert_int_equal(minato_call_asks(g.m, call), 0);
	minato_ignore(g.m, call);
	rule(OUT(MINATO_REFUSE, .log = false), 20);
	rule(OUT(MINATO_REFUSE, .proto = MINATO_ICMP), 21);
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	expect_reset("192.0.2.1");
	send_tcp(0, "fd00::9", "2001:db8::1", 443);
	expect_reset("2001:db8::1");
	send_udp(0, "10.0.0.9", "192.0.2.1", 53);
	expect_icmp(ICMP4_UNREACHABLE, 13);
	send_udp(0, "fd00::9", "2001:db8::1", 53);
	expect_icmp(ICMP6_UNREACHABLE, 1);
	send_ping(0, "10.0.0.9", "192.0.2.1");
	expect_icmp(ICMP4_UNREACHABLE, 13);
	drop = rule(OUT(MINATO_DROP, .log = false), 10);
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	assert_int_equal(g.count, 0);
	assert_false(next_call(&call));
	assert_int_equal(minato_entry_remove(g.m, drop), 0);
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	expect_reset("192.0.2.1");
	gate_end(&g);
}

static void rules_inward_are_not_asked_outward(void **state)
{
	uint64_t call = 0;

	(void)state;
	guest_new();
	rule(IN(MINATO_REFUSE, .log = false), 1);
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	assert_true(next_call(&call));
	gate_end(&g);
}

static void a_call_waits_for_the_program(void **state)
{
	uint64_t call = 0;

	(void)state;
	guest_new();
	rule(OUT(MINATO_PASS, .program = 7), 10);
	rule(OUT(MINATO_REFUSE, .log = false), 20);
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	assert_int_equal(g.count, 0);
	assert_true(next_call(&call));
	assert_int_equal(minato_call_asks(g.m, call), 1);
	assert_int_equal(minato_answer(g.m, call), -EACCES);
	assert_int_equal(minato_call_program(g.m, call, MINATO_PROGRAM_UNKNOWN), -EINVAL);
	assert_int_equal(minato_call_program(g.m, call, 8), MINATO_REFUSE);
	assert_int_equal(minato_answer(g.m, call), -EACCES);
	assert_int_equal(minato_call_program(g.m, call, 7), MINATO_PASS);
	assert_int_equal(minato_call_asks(g.m, call), 0);
	assert_int_equal(minato_answer(g.m, call), 0);
	assert_int_equal(minato_call_program(g.m, call, 7), -EINVAL);
	assert_int_equal(minato_call_asks(g.m, 77), -EBADF);
	gate_end(&g);
}

/* One socket of a guest is one association: yet each destination is judged. */
static void a_second_destination_of_a_socket_is_judged(void **state)
{
	uint64_t call = 0;

	(void)state;
	guest_new();
	rule(OUT(MINATO_PASS, .first = 53, .last = 53, .rate_count = 1, .rate_span_s = 1000,
		 .rate_verdict = MINATO_REFUSE),
	     10);
	rule(OUT(MINATO_REFUSE, .log = false), 20);
	send_udp(0, "10.0.0.9", "192.0.2.1", 53);
	assert_true(next_call(&call));
	assert_int_equal(minato_answer(g.m, call), 0);
	for (int i = 0; i < 3; i++) { /* the flow that there is: once from the rate */
		send_udp(0, "10.0.0.9", "192.0.2.1", 53);
		assert_int_equal(g.count, 0);
	}
	send_udp(0, "10.0.0.9", "192.0.2.66", 123);
	expect_icmp(ICMP4_UNREACHABLE, 13);
	send_udp(0, "10.0.0.9", "192.0.2.2", 53); /* beyond the rate */
	expect_icmp(ICMP4_UNREACHABLE, 13);
	assert_int_equal(counter(g.m, "drop_guard"), 2);
	gate_end(&g);
}

static void further_destinations_go_by_the_program_that_was_said(void **state)
{
	uint64_t call = 0;

	(void)state;
	guest_new();
	rule(OUT(MINATO_PASS, .program = 7, .first = 50, .last = 60), 10);
	rule(OUT(MINATO_REFUSE, .log = false), 20);
	send_udp(0, "10.0.0.9", "192.0.2.1", 53);
	assert_true(next_call(&call));
	send_udp(0, "10.0.0.9", "192.0.2.1", 53); /* waits with the first */
	send_udp(0, "10.0.0.9", "192.0.2.2", 53); /* and this one does not */
	assert_int_equal(counter(g.m, "drop_guard"), 1);
	assert_int_equal(minato_call_program(g.m, call, 7), MINATO_PASS);
	assert_int_equal(minato_answer(g.m, call), 0);
	send_udp(0, "10.0.0.9", "192.0.2.2", 55);
	assert_int_equal(g.count, 0);
	send_udp(0, "10.0.0.9", "192.0.2.2", 99);
	expect_icmp(ICMP4_UNREACHABLE, 13);
	gate_end(&g);
}

static void established_flows_are_never_asked_again(void **state)
{
	uint64_t call = 0;

	(void)state;
	guest_new();
	send_udp(0, "10.0.0.9", "192.0.2.1", 53);
	assert_true(next_call(&call));
	assert_int_equal(minato_answer(g.m, call), 0);
	rule(OUT(MINATO_REFUSE, .log = false), 20);
	send_udp(0, "10.0.0.9", "192.0.2.1", 53);
	assert_int_equal(g.count, 0);
	assert_int_equal(counter(g.m, "drop_guard"), 0);
	gate_end(&g);
}

static void events_tell_what_a_rule_decided(void **state)
{
	struct minato_rule_event e;
	uint64_t handle;

	(void)state;
	guest_new();
	handle = rule(OUT(MINATO_REFUSE, .log = true, .user = 4711), 20);
	send_tcp(0, "10.0.0.9", "192.0.2.1", 443);
	assert_true(minato_rule_event(g.m, &e));
	assert_int_equal(e.entry, handle);
	assert_int_equal(e.user, 4711);
	assert_int_equal(e.verdict, MINATO_REFUSE);
	assert_int_equal(e.question.course, MINATO_COURSE_OUT);
	assert_int_equal(e.question.local.port, 443);
	assert_addr(&e.question.remote.addr, "10.0.0.9");
	assert_int_equal(e.at.ns, g.now.ns);
	assert_false(minato_rule_event(g.m, &e));
	gate_end(&g);
}

/* --- ourselves ---------------------------------------------------------------- */

static void pings_of_ours_are_judged(void **state)
{
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	send_ping(0, "10.0.0.2", "10.0.0.1");
	expect_icmp(ICMP4_ECHO_REPLY, 0);
	handle = rule(IN(MINATO_DROP, .proto = MINATO_ICMP, .first = 8, .last = 8), 1);
	send_ping(0, "10.0.0.2", "10.0.0.1");
	assert_int_equal(g.count, 0);
	send_ping(0, "fd00::2", "fd00::1"); /* its type is 128 */
	expect_icmp(ICMP6_ECHO_REPLY, 0);
	minato_entry_remove(g.m, handle);
	rule(IN(MINATO_REFUSE, .proto = MINATO_ICMP), 1);
	send_ping(0, "10.0.0.2", "10.0.0.1");
	expect_icmp(ICMP4_UNREACHABLE, 13);
	gate_end(&g);
}

/* On a link whose every destination is taken, by what is said of either way. */
static void pings_of_ours_on_a_host_are_judged_both_ways(void **state)
{
	uint64_t handle;

	(void)state;
	guest_new();
	send_ping(0, "10.0.0.2", "10.0.0.1");
	expect_icmp(ICMP4_ECHO_REPLY, 0);
	handle = rule(IN(MINATO_DROP, .proto = MINATO_ICMP), 1);
	send_ping(0, "10.0.0.2", "10.0.0.1");
	assert_int_equal(g.count, 0);
	minato_entry_remove(g.m, handle);
	handle = rule(OUT(MINATO_REFUSE, .proto = MINATO_ICMP), 1);
	send_ping(0, "10.0.0.2", "10.0.0.1");
	expect_icmp(ICMP4_UNREACHABLE, 13);
	minato_entry_remove(g.m, handle);
	/* Each of the two has its own sequence. */
	rule(OUT(MINATO_PASS, .proto = MINATO_ICMP), 1);
	send_ping(0, "fd00::2", "fd00::1");
	expect_icmp(ICMP6_ECHO_REPLY, 0);
	rule(IN(MINATO_DROP, .proto = MINATO_ICMP), 2);
	send_ping(0, "fd00::2", "fd00::1");
	assert_int_equal(g.count, 0);
	gate_end(&g);
}

static void a_closed_port_of_ours_looks_as_refused(void **state)
{
	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	rule(IN(MINATO_REFUSE, .log = false), 1);
	send_tcp(0, "10.0.0.2", "10.0.0.1", 22);
	expect_reset("10.0.0.1");
	send_udp(0, "10.0.0.2", "10.0.0.1", 22);
	expect_icmp(ICMP4_UNREACHABLE, 3);
	assert_int_equal(counter(g.m, "drop_guard"), 2);
	gate_end(&g);
}

/* --- a gateway ------------------------------------------------------------------ */

static void outward_through_a_gateway(void **state)
{
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	handle = rule(OUT(MINATO_REFUSE, .log = false), 5);
	rule(OUT(MINATO_REFUSE, .proto = MINATO_ICMP), 6);
	send_tcp(0, "10.0.0.2", "203.0.113.9", 443);
	expect_reset("203.0.113.9");
	send_udp(0, "10.0.0.2", "203.0.113.9", 53);
	expect_icmp(ICMP4_UNREACHABLE, 13);
	send_udp(0, "fd00::2", "2001:db8:9::9", 53);
	expect_icmp(ICMP6_UNREACHABLE, 1);
	send_ping(0, "10.0.0.2", "203.0.113.9");
	expect_icmp(ICMP4_UNREACHABLE, 13);
	assert_int_equal(minato_entry_remove(g.m, handle), 0);
	send_tcp(0, "10.0.0.2", "203.0.113.9", 443);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 1);
	/* Its answers and what follows are of a session. */
	rule(OUT(MINATO_REFUSE, .log = false), 5);
	rule(IN(MINATO_REFUSE, .log = false), 4);
	send_tcp(0, "10.0.0.2", "203.0.113.9", 443);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 1);
	gate_end(&g);
}

static void inward_by_a_forward(void **state)
{
	struct minato_entry forward = { .kind = MINATO_KIND_FORWARD,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.first = 8080,
					.last = 8080,
					.translate = true };
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	forward.target = end("10.0.0.2", 80);
	assert_int_equal(minato_entry_add(g.m, &forward, NULL), 0);
	handle = rule(IN(MINATO_DROP, .face = 2), 5); /* by link 1 */
	send_tcp(1, "198.51.100.254", "198.51.100.1", 8080);
	assert_int_equal(g.count, 0);
	/* From inside it came by another link. */
	send_tcp(0, "10.0.0.3", "198.51.100.1", 8080);
	assert_int_equal(g.count, 1);
	assert_addr(&g.caught[0].packet.dst, "10.0.0.2");
	minato_entry_remove(g.m, handle);
	handle = rule(IN(MINATO_REFUSE, .face = 2), 5);
	send_tcp(1, "198.51.100.254", "198.51.100.1", 8080);
	expect_reset("198.51.100.1");
	minato_entry_remove(g.m, handle);
	send_tcp(1, "198.51.100.254", "198.51.100.1", 8080);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 0);
	gate_end(&g);
}

static void a_hairpin_is_inward(void **state)
{
	struct minato_entry forward = { .kind = MINATO_KIND_FORWARD,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.first = 8080,
					.last = 8080,
					.translate = true };

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	forward.target = end("10.0.0.2", 80);
	assert_int_equal(minato_entry_add(g.m, &forward, NULL), 0);
	rule(OUT(MINATO_REFUSE, .log = false), 4);
	send_tcp(0, "10.0.0.3", "198.51.100.1", 8080);
	assert_int_equal(g.count, 1);
	assert_addr(&g.caught[0].packet.dst, "10.0.0.2");
	rule(IN(MINATO_REFUSE, .face = 1), 5);
	send_tcp(0, "10.0.0.9", "198.51.100.1", 8080);
	expect_reset("198.51.100.1");
	gate_end(&g);
}

static void an_opening_of_ipv6(void **state)
{
	struct minato_entry opening = { .kind = MINATO_KIND_FORWARD,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.first = 22,
					.last = 22,
					.translate = true };
	uint64_t handle;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	opening.local = addr("fd00::2");
	opening.local_prefix = 128;
	assert_int_equal(minato_entry_add(g.m, &opening, NULL), 0);
	handle = rule(IN(MINATO_REFUSE, .remote = addr("2001:db8:1::fe"), .remote_prefix = 128), 5);
	send_tcp(1, "2001:db8:1::fe", "fd00::2", 22);
	expect_reset("fd00::2");
	send_tcp(1, "2001:db8:1::fd", "fd00::2", 22);
	assert_int_equal(g.count, 1);
	assert_int_equal(g.caught[0].link, 0);
	minato_entry_remove(g.m, handle);
	send_tcp(1, "2001:db8:1::fe", "fd00::2", 22);
	assert_int_equal(g.caught[0].link, 0);
	gate_end(&g);
}

/* Both nat and the host ask: it is one flow, and one from the rate. */
static void what_comes_to_us_is_judged_once(void **state)
{
	const struct minato_endpoint at = end("198.51.100.1", 80);
	struct minato_rule_event e;
	uint64_t listener;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	assert_int_equal(minato_socket(g.m, MINATO_TCP, 1, &listener), 0);
	assert_int_equal(minato_bind(g.m, listener, &at), 0);
	assert_int_equal(minato_listen(g.m, listener, 8), 0);
	rule(IN(MINATO_PASS, .log = true, .rate_count = 2, .rate_span_s = 60,
		.rate_verdict = MINATO_DROP),
	     5);
	send_tcp(1, "198.51.100.254", "198.51.100.1", 80);
	assert_true(minato_rule_event(g.m, &e));
	assert_int_equal(e.verdict, MINATO_PASS);
	assert_false(minato_rule_event(g.m, &e));
	send_tcp(1, "198.51.100.7", "198.51.100.1", 80);
	assert_int_equal(g.count, 1);
	assert_true(minato_rule_event(g.m, &e));
	assert_false(e.limited);
	send_tcp(1, "198.51.100.253", "198.51.100.1", 80);
	assert_int_equal(g.count, 0);
	assert_true(minato_rule_event(g.m, &e));
	assert_true(e.limited);
	gate_end(&g);
}

/* --- what no flow is made of ------------------------------------------------------ */

static void send_other(const char *src, const char *dst, uint8_t protocol)
{
	gate_clear(&g);
	forge_start(&f, addr(src).bytes[0] != 0, protocol);
	f.header_len = 20;
	gate_ends(&f, src, dst);
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 32);
}

static void expect_other(const char *src, const char *dst, uint8_t protocol)
{
	struct minato_rule_event e;

	assert_true(minato_rule_event(g.m, &e));
	assert_int_equal(e.entry, 0);
	assert_int_equal(e.user, 0);
	assert_int_equal(e.question.proto, MINATO_PROTO_OTHER);
	assert_int_equal(e.question.local.port, protocol);
	assert_int_equal(e.question.course, MINATO_COURSE_OUT);
	assert_addr(&e.question.remote.addr, src);
	assert_addr(&e.question.local.addr, dst);
	assert_false(minato_rule_event(g.m, &e));
}

/* A datagram that says the way that it is to take. */
static void send_by_route(const char *src, const char *dst)
{
	const bool is6 = addr(src).bytes[0] != 0;

	gate_clear(&g);
	forge_udp(&f, is6, 20);
	gate_ends(&f, src, dst);
	memcpy(f.extra, is6 ? "\x11\x02\0\x01\0\0\0\0" : "\x83\x07\x04\xc6\x33\x64\x09\0", 8);
	f.extra_len = is6 ? 24 : 8;
	if (is6) {
		memcpy(f.extra + 8, addr("2001:db8::66").bytes, 16);
		f.next = 43;
	}
	gate_send(&g, 0, &f, NULL);
	gate_drain(&g, 32);
	assert_int_equal(g.count, 0);
}

static void by_a_route_of_its_own(void **state)
{
	struct minato_rule_event e;
	uint64_t call = 0;

	(void)state;
	guest_new();
	send_by_route("10.0.0.9", "203.0.113.2");
	expect_other("10.0.0.9", "203.0.113.2", 17);
	send_by_route("fd00::9", "2001:db8::2");
	expect_other("fd00::9", "2001:db8::2", 43);
	assert_false(next_call(&call));
	/* Nor is it of a flow that stands. */
	send_udp(0, "fd00::9", "2001:db8::2", 53);
	assert_true(next_call(&call));
	assert_int_equal(minato_answer(g.m, call), 0);
	send_by_route("fd00::9", "2001:db8::2");
	expect_other("fd00::9", "2001:db8::2", 43);
	assert_int_equal(counter(g.m, "drop_ip_options"), 1);
	assert_int_equal(counter(g.m, "drop_ip_extension"), 2);
	send_udp(0, "fd00::9", "2001:db8::2", 53);
	assert_false(minato_rule_event(g.m, &e));
	gate_end(&g);
}

static void no_flow_is_an_event_all_the_same(void **state)
{
	struct minato_rule_event e;

	(void)state;
	guest_new();
	send_other("10.0.0.9", "203.0.113.2", 4);
	expect_icmp(ICMP4_UNREACHABLE, 2);
	expect_other("10.0.0.9", "203.0.113.2", 4);
	send_other("fd00::9", "2001:db8::2", 47);
	expect_other("fd00::9", "2001:db8::2", 47);
	/* Groups are what kernels speak to by themselves. */
	send_other("10.0.0.9", "224.0.0.22", 2);
	assert_false(minato_rule_event(g.m, &e));
	gate_end(&g);
	/* Elsewhere nothing goes out by itself. */
	guest_new();
	g.m->link[0].config.any_destination = false;
	send_other("10.0.0.9", "10.0.0.1", 4);
	assert_false(minato_rule_event(g.m, &e));
	gate_end(&g);
}

/* --- without frames ------------------------------------------------------------- */

static void arrivals_are_judged(void **state)
{
	const struct minato_endpoint from = end("203.0.113.9", 5000), to = end("10.0.0.9", 80);
	struct minato_entry forward = { .kind = MINATO_KIND_FORWARD,
					.scope = 1,
					.face = MINATO_FACE_ANY,
					.first = 80,
					.last = 80 };
	struct minato_question q = { .scope = 1,
				     .face = MINATO_FACE_ANY,
				     .proto = MINATO_TCP,
				     .course = MINATO_COURSE_OUT,
				     .remote = from,
				     .local = to };
	struct minato_fate fate;
	uint64_t handle;

	(void)state;
	guest_new();
	forward.target = to;
	assert_int_equal(minato_entry_add(g.m, &forward, NULL), 0);
	minato_arrive(g.m, 1, MINATO_FACE_ANY, MINATO_TCP, &from, &to, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_FORWARD);
	assert_int_equal(fate.rule, 0);
	handle = rule(IN(MINATO_DROP, .log = false), 1);
	rule(OUT(MINATO_PASS, .program = 3), 2);
	minato_arrive(g.m, 1, MINATO_FACE_ANY, MINATO_TCP, &from, &to, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_GUARD);
	assert_int_equal(fate.verdict, MINATO_DROP);
	assert_int_equal(fate.rule, handle);
	minato_judge(g.m, &q, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_FORWARD);
	q.program = MINATO_PROGRAM_UNKNOWN;
	minato_judge(g.m, &q, &fate);
	assert_true(fate.asks);
	q.course = MINATO_COURSE_NONE;
	minato_judge(g.m, &q, &fate);
	assert_false(fate.asks);
	q.scope = 16;
	minato_judge(g.m, &q, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_CLOSED);
	gate_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_guest_may_not_begin_is_told_at_once),
		cmocka_unit_test(rules_inward_are_not_asked_outward),
		cmocka_unit_test(a_call_waits_for_the_program),
		cmocka_unit_test(a_second_destination_of_a_socket_is_judged),
		cmocka_unit_test(further_destinations_go_by_the_program_that_was_said),
		cmocka_unit_test(established_flows_are_never_asked_again),
		cmocka_unit_test(events_tell_what_a_rule_decided),
		cmocka_unit_test(no_flow_is_an_event_all_the_same),
		cmocka_unit_test(by_a_route_of_its_own),
		cmocka_unit_test(pings_of_ours_are_judged),
		cmocka_unit_test(pings_of_ours_on_a_host_are_judged_both_ways),
		cmocka_unit_test(a_closed_port_of_ours_looks_as_refused),
		cmocka_unit_test(outward_through_a_gateway),
		cmocka_unit_test(inward_by_a_forward),
		cmocka_unit_test(a_hairpin_is_inward),
		cmocka_unit_test(an_opening_of_ipv6),
		cmocka_unit_test(what_comes_to_us_is_judged_once),
		cmocka_unit_test(arrivals_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
