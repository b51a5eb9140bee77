/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of a look-up, and that writing them leaves no trace. */
#include "gateway_fixture.h"
#include "minato/guard.h"

#include <stdlib.h>

static struct gate g;
static struct forge f;

static struct minato_question question(uint8_t proto, const char *from, const char *to,
				       uint16_t port)
{
	return (struct minato_question){ .scope = 1,
					 .face = 1,
					 .proto = proto,
					 .course = MINATO_COURSE_IN,
					 .remote = end(from, 5353),
					 .local = end(to, port) };
}

static size_t explain(const struct minato_question *q, struct minato_step *steps)
{
	return minato_explain(g.m, q, steps, MINATO_STEP_COUNT);
}

static uint64_t add(struct minato_entry e)
{
	uint64_t handle;

	e.scope = e.kind == MINATO_KIND_FORWARD ? 1 : MINATO_SCOPE_ANY;
	e.face = MINATO_FACE_ANY;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

static void the_last_step_decides(void **state)
{
	const struct minato_question q = question(MINATO_TCP, "203.0.113.9", "198.51.100.1", 80);
	struct minato_step s[MINATO_STEP_COUNT];
	uint64_t forward, rule, guard;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	assert_int_equal(explain(&q, s), 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(s[i].step, i);
		assert_false(s[i].found);
	}
	assert_int_equal(s[4].kind, MINATO_KIND_CLOSED);
	forward = add((struct minato_entry){ .kind = MINATO_KIND_FORWARD,
					     .translate = true,
					     .first = 80,
					     .last = 80,
					     .user = 12,
					     .target = end("10.0.0.2", 80) });
	assert_int_equal(explain(&q, s), 5);
	assert_true(s[4].found);
	assert_int_equal(s[4].kind, MINATO_KIND_FORWARD);
	assert_int_equal(s[4].handle, forward);
	assert_int_equal(s[4].user, 12);
	rule = add((struct minato_entry){
		.kind = MINATO_KIND_GUARD, .verdict = MINATO_DROP, .order = 77, .user = 13 });
	assert_int_equal(explain(&q, s), 3);
	assert_int_equal(s[2].handle, rule);
	assert_int_equal(s[2].user, 13);
	assert_int_equal(s[2].order, 77);
	assert_int_equal(s[2].verdict, MINATO_DROP);
	guard = add((struct minato_entry){ .kind = MINATO_KIND_GUARD, .verdict = MINATO_REFUSE });
	assert_int_equal(explain(&q, s), 2);
	assert_int_equal(s[1].handle, guard);
	assert_int_equal(minato_explain(g.m, &q, s, 1), 1);
	gate_end(&g);
}

static void nothing_is_spent_by_asking(void **state)
{
	const struct minato_question q = question(MINATO_TCP, "203.0.113.9", "198.51.100.1", 80);
	struct minato_step s[MINATO_STEP_COUNT];
	struct minato_rule_event event;
	struct minato_fate fate;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	add((struct minato_entry){ .kind = MINATO_KIND_GUARD,
				   .order = 1,
				   .log = true,
				   .rate_count = 1,
				   .rate_span_s = 60,
				   .rate_verdict = MINATO_DROP });
	for (int i = 0; i < 5; i++) {
		explain(&q, s);
		assert_true(s[2].found);
		assert_false(s[2].limited);
		assert_int_equal(s[2].verdict, MINATO_PASS);
	}
	assert_false(minato_rule_event(g.m, &event));
	minato_judge(g.m, &q, &fate);
	assert_int_not_equal(fate.kind, MINATO_KIND_GUARD);
	assert_int_equal(explain(&q, s), 3);
	assert_true(s[2].limited);
	assert_int_equal(s[2].verdict, MINATO_DROP);
	gate_end(&g);
}

static void sessions_mappings_and_programs(void **state)
{
	struct minato_question q = question(MINATO_UDP, "203.0.113.9", "198.51.100.1", 0);
	struct minato_step s[MINATO_STEP_COUNT];

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	forge_udp(&f, false, 10);
	gate_ends(&f, "10.0.0.2", "203.0.113.9");
	gate_send(&g, 0, &f, NULL);
	q.local.port = gate_one(&g, 1)->packet.src_port;
	q.remote.port = 53;
	assert_int_equal(explain(&q, s), 1);
	assert_true(s[0].found);
	assert_int_equal(s[0].kind, MINATO_KIND_SESSION);
	q.remote.port = 54; /* another, by the same mapping */
	assert_int_equal(explain(&q, s), 4);
	assert_true(s[3].found);
	assert_int_equal(s[3].kind, MINATO_KIND_MAPPING);
	assert_int_not_equal(s[3].handle, 0);
	add((struct minato_entry){ .kind = MINATO_KIND_GUARD, .order = 1, .program = 7 });
	q.program = MINATO_PROGRAM_UNKNOWN;
	explain(&q, s);
	assert_true(s[2].asks);
	q.proto = 99;
	assert_int_equal(explain(&q, s), 0);
	gate_end(&g);
}

/* Sends such a datagram; what was asked says which counter rises by it. */
static enum minato_origin came(uint32_t face, const char *from, const char *to, uint32_t *link)
{
	struct minato_question q = question(MINATO_UDP, from, to, 9);
	enum minato_origin origin;
	const char *counted;
	uint64_t before;

	q.face = (uint8_t)face;
	q.scope = face == 1 ? 1 : 0;
	q.course = face == 1 ? MINATO_COURSE_IN : MINATO_COURSE_OUT;
	origin = minato_origin(g.m, &q, link);
	assert_int_equal(minato_origin(g.m, &q, link), origin);
	counted = minato_origin_counter(origin);
	before = counter(g.m, counted ? counted : "drop_ip_source");
	forge_udp(&f, !minato_addr_is4(&q.remote.addr), 10);
	gate_ends(&f, from, to);
	gate_send(&g, face, &f, NULL);
	assert_int_equal(counter(g.m, counted ? counted : "drop_ip_source"), before + !!counted);
	if (!counted)
		assert_int_equal(counter(g.m, "drop_spoofed"), 0);
	return origin;
}

static void who_asks_hears_what_packets_meet(void **state)
{
	static const char inside[] = "203.0.113.9", outside[] = "198.51.100.1";
	uint32_t link;

	(void)state;
	gate_new(&g, MINATO_LINK_IP);
	gate_route(&g, "10.9.0.0", 16, "10.0.2.254", 2);
	assert_int_equal(came(0, "10.0.0.2", inside, &link), MINATO_ORIGIN_GOOD);
	assert_int_equal(came(1, "203.0.113.9", outside, &link), MINATO_ORIGIN_GOOD);
	assert_int_equal(came(2, "10.9.8.7", inside, &link), MINATO_ORIGIN_GOOD);
	for (uint32_t i = 0; i < 3; i++) {
		const char *to = i == 1 ? outside : inside;

		assert_int_equal(came(i, "127.0.0.1", to, &link), MINATO_ORIGIN_NOBODYS);
		assert_int_equal(came(i, "0.0.0.0", to, &link), MINATO_ORIGIN_NOBODYS);
		assert_int_equal(came(i, "224.0.0.1", to, &link), MINATO_ORIGIN_NOBODYS);
		assert_int_equal(came(i, "255.255.255.255", to, &link), MINATO_ORIGIN_BROADCAST);
		assert_int_equal(link, MINATO_FACE_ANY);
	}
	assert_int_equal(came(0, "10.0.0.1", inside, &link), MINATO_ORIGIN_OURS);
	assert_int_equal(came(1, "198.51.100.1", outside, &link), MINATO_ORIGIN_OURS);
	assert_int_equal(came(0, "10.0.0.255", inside, &link), MINATO_ORIGIN_BROADCAST);
	assert_int_equal(came(0, "10.9.8.7", inside, &link), MINATO_ORIGIN_ELSEWHERE);
	assert_int_equal(came(1, "10.0.0.2", outside, &link), MINATO_ORIGIN_INSIDES);
	assert_int_equal(link, 0);
	assert_int_equal(came(1, "10.9.8.7", outside, &link), MINATO_ORIGIN_INSIDES);
	assert_int_equal(link, 2);
	gate_end(&g);
}

/* What the packet's memo has of a sender stays as it is. */
static void asking_where_from_leaves_no_trace(void **state)
{
	const struct minato_question q = question(MINATO_TCP, "203.0.113.9", "198.51.100.1", 80);
	const struct minato_config c = gate_config(MINATO_LINK_IP);
	const size_t size = minato_size(&c);
	uint8_t *before = malloc(size);
	uint32_t link;

	(void)state;
	assert_non_null(before);
	gate_new(&g, MINATO_LINK_IP);
	memcpy(before, g.m, size);
	assert_int_equal(minato_origin(g.m, &q, &link), MINATO_ORIGIN_GOOD);
	assert_memory_equal(before, g.m, size);
	free(before);
	gate_end(&g);
}

static void steps_have_names(void **state)
{
	(void)state;
	assert_string_equal(minato_step_name(MINATO_STEP_RULE), "rule");
	assert_string_equal(minato_step_name(MINATO_STEP_ENTRY), "entry");
	assert_null(minato_step_name(MINATO_STEP_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_step_decides),
		cmocka_unit_test(nothing_is_spent_by_asking),
		cmocka_unit_test(sessions_mappings_and_programs),
		cmocka_unit_test(who_asks_hears_what_packets_meet),
		cmocka_unit_test(asking_where_from_leaves_no_trace),
		cmocka_unit_test(steps_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
