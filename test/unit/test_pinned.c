/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins in the port table: rules and names are one sequence, and the first that matches decides. */
#include "permit_fixture.h"

#include "minato/guard.h"

#define API_ORDER 5u /* of what allows api.example; behind it *.sub.example */
#define SUB_ORDER 9u

static uint64_t add_limit(uint64_t order, enum minato_verdict verdict, uint32_t a_day)
{
	const struct minato_entry rule = {
		.kind = MINATO_KIND_GUARD,
		.verdict = verdict,
		.scope = INSIDE,
		.face = MINATO_FACE_ANY,
		.local = minato_addr4(192, 0, 2, 0),
		.local_prefix = 120,
		.last = UINT16_MAX,
		.uid = MINATO_UID_NONE,
		.order = order,
		.course = MINATO_COURSE_OUT,
		.rate_count = a_day,
		.rate_span_s = a_day ? 86400 : 0,
		.rate_verdict = a_day ? MINATO_REFUSE : MINATO_PASS,
		.user = 77,
	};
	uint64_t handle = 0;

	assert_int_equal(minato_entry_add(w.host, &rule, &handle), 0);
	return handle;
}

static uint64_t add_rule(uint64_t order, enum minato_verdict verdict)
{
	return add_limit(order, verdict, 0);
}

/* Of a frame of the guest's: the rule that it meets. */
static struct minato_step rule_of(const char *addr, uint16_t port)
{
	const struct minato_question question = {
		.scope = INSIDE,
		.face = 0,
		.proto = MINATO_TCP,
		.course = MINATO_COURSE_OUT,
		.program = MINATO_PROGRAM_UNKNOWN,
		.remote = { w.subnet.guest4, 40000 },
		.local = end(addr, port),
	};
	struct minato_step steps[8];
	size_t count = minato_explain(w.host, &question, steps, 8);

	for (size_t i = 0; i < count; i++) {
		if (steps[i].step == MINATO_STEP_RULE)
			return steps[i];
	}
	fail();
	return steps[0];
}

static int begin_ordered(void **state)
{
	int result = begin_closed(state);

	allows.list[0].order = API_ORDER;
	allows.list[1].order = SUB_ORDER;
	return result;
}

#define CASE_ORDERED(f) cmocka_unit_test_setup_teardown(f, begin_ordered, finish_closed)

static bool judged(uint16_t port, struct permit_way *way)
{
	const struct minato_endpoint to = end("192.0.2.1", port);

	return permit_judge(w.relay, MINATO_TCP, &to, way);
}

/* Whether the guest's call comes to a listener of the host; else it is refused. */
static bool comes_through(uint16_t port)
{
	int listener = host_socket(SOCK_STREAM, "192.0.2.1", port);
	uint64_t s = guest_connect("192.0.2.1", port);
	int far = -1;

	UNTIL((far = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0 ||
	      guest_ready(s) & MINATO_ERROR);
	minato_abort(w.guest, s);
	if (far >= 0)
		close(far);
	close(listener);
	turns(3);
	return far >= 0;
}

static void a_pin_stands_in_the_table_until_it_ends(void **state)
{
	struct minato_step step;

	(void)state;
	NEED_NETNS();
	assert_false(rule_of("192.0.2.1", 443).found);
	pin_host("api.example");
	step = rule_of("192.0.2.1", 443);
	assert_true(step.found);
	assert_int_equal(step.verdict, MINATO_PASS);
	assert_int_equal(step.order, API_ORDER);
	assert_string_equal(relay_pinned(w.relay, step.user), "api.example");
	assert_null(relay_pinned(w.relay, 77));
	assert_false(rule_of("192.0.2.1", 22).found);
	assert_false(rule_of("192.0.2.2", 443).found);
	w.skew_ns += INT64_C(91000000000);
	turns(2);
	assert_false(rule_of("192.0.2.1", 443).found);
	assert_null(relay_pinned(w.relay, step.user));
	/* And anew. */
	pin_host("api.example");
	assert_true(rule_of("192.0.2.1", 443).found);
}

static void a_flow_keeps_its_pin_in_the_table(void **state)
{
	int listener;
	int far;
	uint64_t s;

	(void)state;
	NEED_NETNS();
	pin_host("api.example");
	listener = host_socket(SOCK_STREAM, "192.0.2.1", 9000);
	s = guest_connect("192.0.2.1", 9000);
	far = host_accept(listener);
	w.skew_ns += INT64_C(91000000000);
	turns(2);
	assert_true(rule_of("192.0.2.1", 443).found);
	minato_abort(w.guest, s);
	UNTIL(told.count[RELAY_ATTEMPT_ENDED] == 1);
	turns(2);
	assert_false(rule_of("192.0.2.1", 443).found);
	close(far);
	close(listener);
}

static void a_rule_before_the_name_refuses(void **state)
{
	struct permit_way way;
	uint64_t rule;

	(void)state;
	NEED_NETNS();
	pin_host("api.example");
	rule = add_rule(API_ORDER - 1, MINATO_REFUSE);
	assert_false(judged(9000, &way));
	assert_true(way.barred);
	assert_false(comes_through(9000));
	assert_int_equal(minato_entry_remove(w.host, rule), 0);
	assert_true(judged(9000, &way));
	assert_true(comes_through(9000));
}

static void a_rule_behind_the_name_does_not(void **state)
{
	struct permit_way way;

	(void)state;
	NEED_NETNS();
	add_rule(API_ORDER + 1, MINATO_REFUSE);
	assert_false(comes_through(9000));
	pin_host("api.example");
	assert_true(judged(9000, &way));
	assert_true(way.looked_at);
	assert_true(comes_through(9000));
	/* A port that the name is not allowed on. */
	assert_false(judged(22, &way));
	assert_true(way.barred);
	assert_false(comes_through(22));
	/* Its end is the end of what went before the rule. */
	w.skew_ns += INT64_C(91000000000);
	turns(2);
	assert_false(comes_through(9000));
}

/* Two names lead there, and the rule stands between them: what is said has to be the first. */
static void each_name_has_its_own_place(void **state)
{
	const struct minato_endpoint to = end("192.0.2.1", 9000);
	struct permit_way way;

	(void)state;
	NEED_NETNS();
	pin_host("api.example");
	pin_host("x.sub.example");
	assert_non_null(permit_named(w.relay, MINATO_TCP, &to, "x.sub.example"));
	add_rule(API_ORDER + 1, MINATO_REFUSE);
	assert_true(judged(9000, &way));
	assert_string_equal(way.pin->name, "api.example");
	assert_non_null(permit_named(w.relay, MINATO_TCP, &to, "api.example"));
	assert_null(permit_named(w.relay, MINATO_TCP, &to, "x.sub.example"));
}

static void a_rule_that_lets_out_asks_for_no_name(void **state)
{
	struct permit_way way;

	(void)state;
	NEED_NETNS();
	assert_false(comes_through(22));
	add_rule(SUB_ORDER + 1, MINATO_PASS);
	assert_true(judged(22, &way));
	assert_false(way.looked_at);
	assert_true(comes_through(22));
	pin_host("api.example");
	assert_true(judged(9000, &way));
	assert_false(way.looked_at);
}

/* Of what allows the name there the one that stands first is what decides. */
static void what_a_name_lets_out_is_counted(void **state)
{
	struct minato_rule_event event;

	(void)state;
	NEED_NETNS();
	allows.list[0].log = true;
	pin_host("api.example");
	assert_true(comes_through(9000));
	assert_int_equal(allows.list[0].hits, 1);
	assert_int_equal(allows.list[1].hits, 0);
	assert_true(minato_rule_event(w.host, &event));
	assert_int_equal(event.verdict, MINATO_PASS);
	assert_int_equal(relay_pinned_order(w.relay, event.user, MINATO_TCP, 9000), API_ORDER);
	assert_int_equal(relay_pinned_order(w.relay, event.user, MINATO_TCP, 22), 0);
	assert_int_equal(relay_pinned_order(w.relay, 77, MINATO_TCP, 9000), 0);
	allows.list[0].order = 0;
	assert_int_equal(relay_pinned_order(w.relay, event.user, MINATO_TCP, 9000), 0);
	/* What is refused is nobody's. */
	assert_false(comes_through(22));
	assert_int_equal(allows.list[0].hits, 1);
}

/* Of what it lets out the last one goes, too; and once it is spent the name behind it does not. */
static void a_limit_lets_out_as_many_as_it_says(void **state)
{
	struct permit_way way;

	(void)state;
	NEED_NETNS();
	pin_host("api.example");
	add_limit(API_ORDER - 1, MINATO_PASS, 2);
	assert_true(comes_through(9000));
	assert_true(comes_through(9000));
	assert_false(comes_through(9000));
	/* A name before a limit has none, and has to be said. */
	add_limit(API_ORDER - 2, MINATO_PASS, 1);
	allows.list[0].order = API_ORDER - 3;
	relay_allows_changed(w.relay);
	assert_true(judged(9000, &way));
	assert_true(way.looked_at);
	assert_true(judged(22, &way));
	assert_false(way.looked_at);
	assert_true(comes_through(9000));
	assert_true(comes_through(9000));
	assert_true(comes_through(22));
	assert_false(comes_through(22));
	assert_true(judged(9000, &way));
	assert_true(way.looked_at);
}

/* --allow stands behind every rule. */
static void allow_comes_last(void **state)
{
	const struct minato_endpoint to = end("192.0.2.1", 9000);
	struct permit_way way;

	(void)state;
	NEED_NETNS();
	allows.list[0].order = 0;
	pin_host("api.example");
	assert_true(judged(9000, &way));
	add_rule(1000000, MINATO_REFUSE);
	assert_false(judged(9000, &way));
	assert_null(permit_named(w.relay, MINATO_TCP, &to, "api.example"));
	assert_false(comes_through(9000));
}

static void where_the_table_is_full_others_make_way(void **state)
{
	struct minato_addr addr = minato_addr4(198, 51, 100, 0);
	uint64_t filler = 0;
	struct minato_entry rule = {
		.kind = MINATO_KIND_GUARD,
		.verdict = MINATO_PASS,
		.scope = OUTSIDE,
		.face = MINATO_FACE_ANY,
		.last = UINT16_MAX,
		.uid = MINATO_UID_NONE,
		.course = MINATO_COURSE_IN,
		.order = 1,
	};

	(void)state;
	NEED_NETNS();
	relay_pin(w.relay, "api.example", &addr);
	addr.bytes[15] = 1;
	relay_pin(w.relay, "api.example", &addr);
	assert_true(rule_of("198.51.100.0", 443).found);
	while (minato_entry_add(w.host, &rule, &filler) == 0)
		rule.order++;
	addr.bytes[15] = 2;
	relay_pin(w.relay, "api.example", &addr);
	assert_false(rule_of("198.51.100.0", 443).found);
	assert_true(rule_of("198.51.100.1", 443).found);
	assert_true(rule_of("198.51.100.2", 443).found);
	assert_int_equal(count_of(RELAY_COUNT_UNENTERED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_ORDERED(a_pin_stands_in_the_table_until_it_ends),
		CASE_ORDERED(a_flow_keeps_its_pin_in_the_table),
		CASE_ORDERED(a_rule_before_the_name_refuses),
		CASE_ORDERED(a_rule_behind_the_name_does_not),
		CASE_ORDERED(each_name_has_its_own_place),
		CASE_ORDERED(a_rule_that_lets_out_asks_for_no_name),
		CASE_ORDERED(what_a_name_lets_out_is_counted),
		CASE_ORDERED(a_limit_lets_out_as_many_as_it_says),
		CASE_ORDERED(allow_comes_last),
		CASE_ORDERED(where_the_table_is_full_others_make_way),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, enter_netns, NULL);
}
