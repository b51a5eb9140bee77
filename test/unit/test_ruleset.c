/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the policy come and go, and are what they were said to be. */
#include "minato/guard.h"
#include "unit/port_fixture.h"

static struct minato_entry a_rule(uint64_t order)
{
	return (struct minato_entry){ .kind = MINATO_KIND_GUARD,
				      .verdict = MINATO_DROP,
				      .scope = MINATO_SCOPE_ANY,
				      .face = MINATO_FACE_ANY,
				      .order = order };
}

static void require_nothing_left(void)
{
	const struct port_rules *r = &t->rules;

	assert_int_equal(r->count, 0);
	assert_int_equal(r->rules.used + r->groups + r->lines.used + r->blocks.used, 0);
	assert_int_equal(r->facets.used + r->rows.used + r->pairs.used, 0);
	assert_int_equal(r->used[0] | r->used[1] | r->used[2], 0);
	for (int side = 0; side < 2; side++) {
		const uint64_t *words = port_part(t, r->side[side].words_at);
		for (uint32_t i = 0; i <= r->filter_mask; i++)
			assert_int_equal(words[i], 0);
		for (int w = 0; w < 3; w++)
			assert_int_equal(r->side[side].here[0][w] | r->side[side].here[1][w], 0);
	}
}

static void what_is_wrong_is_refused(void **state)
{
	struct minato_entry e;

	(void)state;
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		e = a_rule(1);                                                                     \
		change;                                                                            \
		assert_int_equal(port_add(t, &e, NULL), -EINVAL);                                  \
	} while (0)
	REFUSED(e.order = UINT64_MAX);
	REFUSED(e.course = 3);
	REFUSED(e.program = MINATO_PROGRAM_UNKNOWN);
	REFUSED(e.kind = MINATO_KIND_FORWARD);
	REFUSED((e.rate_count = 1, e.rate_span_s = 1, e.rate_verdict = MINATO_DROP));
	REFUSED((e.verdict = MINATO_PASS, e.rate_count = 1, e.rate_verdict = MINATO_DROP));
	REFUSED((e.verdict = MINATO_PASS, e.rate_count = 1, e.rate_span_s = 1));
	REFUSED(e.rate_span_s = 1);
	REFUSED(e.rate_each = true);
	REFUSED((e.proto = ICMP, e.first = 8, e.last = 256));
	REFUSED((e.order = 0, e.log = true, e.kind = MINATO_KIND_UPLINK));
	REFUSED((e.order = 0, e.program = 4));
	REFUSED((e.order = 0, e.course = MINATO_COURSE_IN));
#undef REFUSED
	require_nothing_left();
}

static void rules_may_be_alike(void **state)
{
	const struct minato_entry e = a_rule(7);
	const int64_t one = port_add(t, &e, NULL), two = port_add(t, &e, NULL);

	(void)state;
	assert_true(one >= 0 && two >= 0);
	port_remove(t, (uint32_t)one);
	port_remove(t, (uint32_t)two);
	require_nothing_left();
}

static void a_full_table_says_so(void **state)
{
	const struct minato_entry e = a_rule(7);
	int64_t added;

	(void)state;
	while ((added = port_add(t, &e, NULL)) >= 0)
		;
	assert_int_equal(added, -ENOSPC);
	assert_int_equal(t->rules.count, t->limits.rules_max);
	for (uint32_t i = 0; i < 1024; i++)
		port_remove(t, i);
	require_nothing_left();
}

static bool is_met(uint16_t port)
{
	const struct port_key key = { .local = addr("10.0.0.1"),
				      .local_port = port,
				      .remote = addr("10.0.0.2"),
				      .proto = TCP,
				      .course = MINATO_COURSE_IN };
	struct port_fate fate;

	port_lookup(t, &key, (struct minato_time){ 1 }, true, &fate);
	return fate.kind == MINATO_KIND_GUARD;
}

/* Of what is in the next policy nothing is met before the turn, and all behind it. */
static void two_policies(void **state)
{
	int64_t old[40], fresh[40], both;
	struct minato_entry e = a_rule(500), got;

	(void)state;
	e.first = e.last = 9;
	both = port_add(t, &e, NULL);
	for (uint32_t i = 0; i < 40; i++) {
		e = a_rule(1000 + i);
		e.first = e.last = (uint16_t)(100 + i);
		old[i] = port_add(t, &e, NULL);
		e.first = e.last = (uint16_t)(200 + i);
		e.next = true;
		fresh[i] = port_add(t, &e, NULL);
	}
	assert_int_equal(port_order_next(t, (uint32_t)both, 7), 0);
	port_get(t, (uint32_t)fresh[3], &got);
	assert_true(got.next && got.order == 1003);
	for (uint32_t turn = 0; turn < 3; turn++) {
		for (uint16_t i = 0; i < 40; i++) {
			assert_int_equal(is_met((uint16_t)(100 + i)), turn % 2 == 0);
			assert_int_equal(is_met((uint16_t)(200 + i)), turn % 2 == 1);
		}
		assert_true(is_met(9));
		port_get(t, (uint32_t)both, &got);
		assert_true(!got.next && got.order == (turn % 2 ? 7 : 500));
		port_rules_turn(t);
	}
	/* What it had before goes, and it is met still. */
	assert_int_equal(port_order_next(t, (uint32_t)both, 0), 0);
	for (uint32_t i = 0; i < 40; i++)
		port_remove(t, (uint32_t)old[i]);
	assert_true(is_met(9) && is_met(239) && !is_met(139));
	assert_int_equal(ruleset_hits(t, (uint32_t)both), 4);
	assert_int_equal(port_order(t, (uint32_t)both, 2000), 0);
	for (uint32_t i = 0; i < 40; i++)
		port_remove(t, (uint32_t)fresh[i]);
	port_remove(t, (uint32_t)both);
	assert_int_equal(t->rules.standings, 0);
	require_nothing_left();
}

/* What both policies have together is bounded. */
static void both_have_room_together(void **state)
{
	const struct minato_entry e = a_rule(7);
	const uint32_t half = t->limits.rules_max / 2;

	(void)state;
	for (uint32_t i = 0; i < half + 1; i++)
		assert_true(port_add(t, &e, NULL) >= 0);
	for (uint32_t i = 0; i < half + 1; i++) {
		const bool fits = i < t->limits.rules_max - half - 1;
		assert_int_equal(port_order_next(t, i, 8), fits ? 0 : -ENOSPC);
	}
	assert_int_equal(port_add(t, &e, NULL), -ENOSPC);
	assert_int_equal(port_order_next(t, 0, 9), 0);
	for (uint32_t i = 0; i < half + 1; i++)
		port_remove(t, i);
	require_nothing_left();
}

static void every_form_leaves_nothing(void **state)
{
	uint32_t entries[200];

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		struct minato_entry e = a_rule(1 + i);
		int64_t added;
		e.proto = i % 3 == 0 ? TCP : 0;
		e.program = i % 5 == 0 ? (uint16_t)(1 + i % 7) : 0;
		e.course = (uint8_t)(i % 3);
		e.local_prefix = i % 4 == 0 ? 0 : (uint8_t)(96 + i % 33);
		e.local = i % 4 == 0 ? e.local : addr("10.1.2.3");
		e.first = (uint16_t)(i * 11);
		e.last = (uint16_t)(e.first + i * 3);
		added = port_add(t, &e, NULL);
		assert_true(added >= 0);
		entries[i] = (uint32_t)added;
	}
	for (uint32_t i = 0; i < 200; i++)
		port_remove(t, entries[i * 77 % 200]);
	require_nothing_left();
}

/* Some are owed yet, and none to a rule that has a number only now. */
static void each_hit_is_counted_for_its_rule(void **state)
{
	struct port_key key = { .local = addr("10.0.0.1"),
				.remote = addr("10.0.0.2"),
				.proto = TCP,
				.course = MINATO_COURSE_IN };
	uint32_t hits[12] = { 0 }, entry[12];
	struct minato_entry e = a_rule(7);

	(void)state;
	e.proto = TCP;
	for (uint32_t i = 0; i < 12; i++) {
		e.order = 1 + i;
		e.first = e.last = (uint16_t)(100 + i);
		entry[i] = (uint32_t)port_add(t, &e, NULL);
	}
	for (uint32_t i = 0; i < 500; i++) {
		const uint32_t at = i * 5 % 12 * (i % 7 != 0);
		struct port_fate fate;
		key.local_port = (uint16_t)(100 + at);
		port_lookup(t, &key, (struct minato_time){ i }, true, &fate);
		hits[at]++;
		assert_int_equal(port_entry_hits(t, entry[at]), hits[at]);
	}
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(port_entry_hits(t, entry[i]), hits[i]);
	for (uint32_t i = 0; i < 12; i++)
		port_remove(t, entry[i]);
	for (uint32_t i = 0; i < 12; i++) {
		e.order = 1 + i;
		entry[i] = (uint32_t)port_add(t, &e, NULL);
		assert_int_equal(port_entry_hits(t, entry[i]), 0);
	}
	for (uint32_t i = 0; i < 12; i++)
		port_remove(t, entry[i]);
}

static void an_order_is_changed_in_place(void **state)
{
	const struct port_key key = { .local = addr("10.0.0.1"),
				      .remote = addr("10.0.0.2"),
				      .local_port = 5,
				      .proto = TCP,
				      .course = MINATO_COURSE_IN };
	struct minato_entry e = a_rule(7);
	struct port_fate fate;
	int64_t one, two, entry;

	(void)state;
	e.verdict = MINATO_PASS;
	e.rate_count = e.rate_span_s = 1;
	e.rate_verdict = MINATO_REFUSE;
	one = port_add(t, &e, NULL);
	e = a_rule(8);
	two = port_add(t, &e, NULL);
	port_lookup(t, &key, (struct minato_time){ 1 }, true, &fate);
	assert_int_equal(port_rule_entry(t, fate.rule), one);
	assert_int_equal(fate.kind, MINATO_KIND_CLOSED);
	assert_int_equal(port_order(t, (uint32_t)one, 9), 0);
	port_lookup(t, &key, (struct minato_time){ 2 }, true, &fate);
	assert_int_equal(port_rule_entry(t, fate.rule), two);
	/* Back in front: its hits, and nothing new to give. */
	assert_int_equal(port_order(t, (uint32_t)one, 1), 0);
	port_lookup(t, &key, (struct minato_time){ 3 }, true, &fate);
	assert_int_equal(port_rule_entry(t, fate.rule), one);
	assert_int_equal(fate.kind, MINATO_KIND_GUARD);
	assert_int_equal(port_entry_hits(t, (uint32_t)one), 2);
	assert_int_equal(port_order(t, (uint32_t)one, 0), -EINVAL);
	assert_int_equal(port_order(t, (uint32_t)one, UINT64_MAX), -EINVAL);
	e = (struct minato_entry){ .kind = MINATO_KIND_UPLINK,
				   .scope = 0,
				   .face = MINATO_FACE_ANY };
	entry = port_add(t, &e, NULL);
	assert_true(entry >= 0);
	assert_int_equal(port_order(t, (uint32_t)entry, 3), -EINVAL);
	port_remove(t, (uint32_t)entry);
	port_remove(t, (uint32_t)one);
	port_remove(t, (uint32_t)two);
	require_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_wrong_is_refused),
		CASE(rules_may_be_alike),
		CASE(a_full_table_says_so),
		CASE(every_form_leaves_nothing),
		CASE(two_policies),
		CASE(both_have_room_together),
		CASE(each_hit_is_counted_for_its_rule),
		CASE(an_order_is_changed_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
