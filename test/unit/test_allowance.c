/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates of rules: how many flows pass, whose they are, who gives way to whom. */
#include "minato/guard.h"
#include "unit/port_fixture.h"

#define SECOND INT64_C(1000000000)

static uint32_t limit(uint64_t order, uint32_t count, uint32_t span_s, bool each)
{
	const struct minato_entry e = { .kind = MINATO_KIND_GUARD,
					.scope = MINATO_SCOPE_ANY,
					.face = MINATO_FACE_ANY,
					.order = order,
					.rate_count = count,
					.rate_span_s = span_s,
					.rate_each = each,
					.rate_verdict = MINATO_DROP };
	const int64_t added = port_add(t, &e, NULL);

	assert_true(added >= 0);
	return (uint32_t)added;
}

/* Flows that pass of `count` from there at once. */
static uint32_t passing(const char *from, uint32_t count, int64_t ns)
{
	struct port_key key = key_of(TCP, "192.0.2.1", 25, from, 0);
	uint32_t passed = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct port_fate fate;
		key.remote_port = (uint16_t)(1000 + i);
		port_lookup(t, &key, (struct minato_time){ ns }, true, &fate);
		passed += fate.kind != MINATO_KIND_GUARD;
	}
	return passed;
}

static void so_many_at_once_then_so_many_in_the_span(void **state)
{
	int64_t at = SECOND;

	(void)state;
	limit(1, 10, 60, false);
	assert_int_equal(passing("10.0.0.1", 20, at), 10);
	assert_int_equal(passing("10.0.0.2", 20, at), 0); /* together */
	at += 6 * SECOND;
	assert_int_equal(passing("10.0.0.2", 20, at), 1);
	at += 59 * SECOND;
	assert_int_equal(passing("10.0.0.2", 20, at), 9);
	at += 3600 * SECOND; /* no more is saved up than the span's */
	assert_int_equal(passing("10.0.0.2", 20, at), 10);
}

static void each_source_has_its_own(void **state)
{
	(void)state;
	limit(1, 3, 60, true);
	assert_int_equal(passing("10.0.0.1", 9, SECOND), 3);
	assert_int_equal(passing("10.0.0.2", 9, SECOND), 3);
}

static void a_source_of_ipv6_is_a_64(void **state)
{
	(void)state;
	limit(1, 3, 60, true);
	assert_int_equal(passing("2001:db8::1", 9, SECOND), 3);
	assert_int_equal(passing("2001:db8::2", 9, SECOND), 0);
	assert_int_equal(passing("2001:db8:0:1::2", 9, SECOND), 3);
}

/* A hundred thousand sources come between two tries of one. */
static void nobody_gains_by_crowding_himself_out(void **state)
{
	uint32_t mine = 0;

	(void)state;
	limit(1, 2, 3600, true);
	for (uint32_t round = 0; round < 20; round++) {
		mine += passing("10.0.0.1", 4, SECOND);
		for (uint32_t i = 0; i < 5000; i++) {
			char other[32];
			snprintf(other, sizeof(other), "172.%u.%u.%u", 16 + round, i / 250,
				 1 + i % 250);
			passing(other, 1, SECOND);
		}
	}
	assert_int_equal(mine, 2);
	assert_true(t->rules.shared > 1000);
}

/* Sources that made one try each leave room for others. */
static void a_newcomer_finds_the_least_that_is_owed(void **state)
{
	(void)state;
	limit(1, 10, 3600, true);
	for (uint32_t i = 0; i < 20000; i++) {
		char other[32];
		snprintf(other, sizeof(other), "172.16.%u.%u", i / 250, 1 + i % 250);
		passing(other, 1, SECOND);
	}
	assert_true(passing("10.0.0.1", 10, SECOND) >= 5);
}

static void one_rule_does_not_crowd_out_another_ones_sources(void **state)
{
	struct port_key key = key_of(UDP, "192.0.2.1", 25, "10.0.0.1", 5000);
	struct minato_entry strict = { .kind = MINATO_KIND_GUARD,
				       .scope = MINATO_SCOPE_ANY,
				       .face = MINATO_FACE_ANY,
				       .proto = UDP,
				       .order = 1,
				       .rate_count = 1,
				       .rate_span_s = 86400,
				       .rate_each = true,
				       .rate_verdict = MINATO_DROP };
	struct port_fate fate;

	(void)state;
	assert_true(port_add(t, &strict, NULL) >= 0);
	limit(2, 2, 3600, true);
	port_lookup(t, &key, (struct minato_time){ SECOND }, true, &fate);
	assert_int_not_equal(fate.kind, MINATO_KIND_GUARD);
	for (uint32_t i = 0; i < 50000; i++) {
		char other[32];
		snprintf(other, sizeof(other), "172.16.%u.%u", i / 250, 1 + i % 250);
		passing(other, 1, SECOND);
	}
	key.remote_port++;
	port_lookup(t, &key, (struct minato_time){ SECOND }, true, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_GUARD);
}

static void a_later_rule_begins_with_nothing_owed(void **state)
{
	uint32_t entry;

	(void)state;
	entry = limit(1, 2, 3600, true);
	assert_int_equal(passing("10.0.0.1", 5, SECOND), 2);
	port_remove(t, entry);
	limit(1, 2, 3600, true);
	assert_int_equal(passing("10.0.0.1", 5, SECOND), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(so_many_at_once_then_so_many_in_the_span),
		CASE(each_source_has_its_own),
		CASE(a_source_of_ipv6_is_a_64),
		CASE(nobody_gains_by_crowding_himself_out),
		CASE(a_newcomer_finds_the_least_that_is_owed),
		CASE(one_rule_does_not_crowd_out_another_ones_sources),
		CASE(a_later_rule_begins_with_nothing_owed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
