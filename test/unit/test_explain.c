/* SPDX-License-Identifier: BSD-2-Clause */
/* What a look-up would find, step by step, beside what one finds. */
#include "minato/guard.h"
#include "unit/port_fixture.h"

static void steps_end_where_the_look_up_does(void **state)
{
	const struct minato_time now = { 1000 };
	struct minato_entry rule = entry_of(MINATO_KIND_GUARD, 443, 443);
	const struct minato_entry forward = entry_of(MINATO_KIND_FORWARD, 0, 0);
	const struct port_key key = key_of(TCP, "192.0.2.1", 443, "10.0.0.7", 5000);
	struct port_finding f[PORT_FINDINGS];
	int64_t refused, forwards;

	(void)state;
	assert_int_equal(port_explain(t, &key, now, f), 4);
	assert_false(f[3].found);
	forwards = port_add(t, &forward, NULL);
	assert_true(forwards >= 0);
	assert_int_equal(port_explain(t, &key, now, f), 4);
	assert_int_equal(f[3].entry, forwards);
	rule.order = 5;
	refused = port_add(t, &rule, NULL);
	assert_true(refused >= 0);
	assert_int_equal(port_explain(t, &key, now, f), 3);
	assert_int_equal(f[2].step, MINATO_STEP_RULE);
	assert_int_equal(f[2].entry, refused);
	assert_int_equal(f[2].verdict, MINATO_DROP);
	assert_int_equal(port_entry_hits(t, (uint32_t)refused), 0);
	assert_int_equal(port_entry_hits(t, (uint32_t)forwards), 0);
	assert_true(insert(key, 9) >= 0);
	assert_int_equal(port_explain(t, &key, now, f), 1);
	assert_true(f[0].found);
	assert_int_equal(f[0].tuple.owner, 9);
}

static void an_association_is_a_flow(void **state)
{
	const struct port_key any = key_of(UDP, "::", 0, "10.0.0.7", 5000);
	const struct port_key key = key_of(UDP, "192.0.2.1", 53, "10.0.0.7", 5000);
	struct port_finding f[PORT_FINDINGS];

	(void)state;
	assert_true(insert(any, 3) >= 0);
	assert_int_equal(port_explain(t, &key, (struct minato_time){ 1 }, f), 1);
	assert_int_equal(f[0].tuple.owner, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(steps_end_where_the_look_up_does),
		CASE(an_association_is_a_flow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
