/* SPDX-License-Identifier: BSD-2-Clause */
/* Sequence numbers and instants: arithmetic at the edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/seq.h"
#include "base/time.h"

static struct seq s(uint32_t v)
{
	return (struct seq){ v };
}

static void order_goes_around(void **state)
{
	(void)state;
	assert_true(seq_lt(s(1), s(2)));
	assert_false(seq_lt(s(2), s(2)));
	assert_true(seq_lt(s(0xffffffff), s(0)));
	assert_false(seq_lt(s(0), s(0xffffffff)));
	assert_true(seq_lt(s(0), s(0x7fffffff)));
	assert_true(seq_lt(s(0x80000001), s(0)));
}

static void less_or_equal_goes_around(void **state)
{
	(void)state;
	assert_true(seq_le(s(2), s(2)));
	assert_true(seq_le(s(0xffffffff), s(0)));
	assert_false(seq_le(s(0), s(0xffffffff)));
}

static void sums_and_differences_go_around(void **state)
{
	(void)state;
	assert_int_equal(seq_add(s(0xfffffff0), 0x20).v, 0x10);
	assert_int_equal(seq_sub(s(0x10), s(0xfffffff0)), 0x20);
	assert_true(seq_eq(seq_add(s(7), 0), s(7)));
	assert_false(seq_eq(s(7), s(8)));
}

static void the_later_and_the_earlier(void **state)
{
	(void)state;
	assert_int_equal(seq_max(s(0xfffffff0), s(5)).v, 5);
	assert_int_equal(seq_min(s(0xfffffff0), s(5)).v, 0xfffffff0);
	assert_int_equal(seq_max(s(5), s(5)).v, 5);
}

static void later_instants_stop_at_never(void **state)
{
	const struct minato_time t = { 100 };
	(void)state;
	assert_true(time_after(t, 5).ns == 105);
	assert_true(time_after(MINATO_NEVER, NS_PER_S).ns == INT64_MAX);
	assert_true(time_after(t, INT64_MAX).ns == INT64_MAX);
	assert_true(time_after(t, INT64_MAX - 100).ns == INT64_MAX);
	assert_true(time_after(MINATO_NEVER, 0).ns == INT64_MAX);
}

static void an_instant_is_reached_when_it_is_now(void **state)
{
	const struct minato_time t = { 100 }, u = { 101 };
	(void)state;
	assert_true(time_reached(t, t));
	assert_true(time_reached(u, t));
	assert_false(time_reached(t, u));
	assert_false(time_reached(u, MINATO_NEVER));
}

static void the_earlier_instant_is_the_minimum(void **state)
{
	const struct minato_time t = { 100 };
	(void)state;
	assert_true(time_min(t, MINATO_NEVER).ns == 100);
	assert_true(time_min(MINATO_NEVER, t).ns == 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_goes_around),
		cmocka_unit_test(less_or_equal_goes_around),
		cmocka_unit_test(sums_and_differences_go_around),
		cmocka_unit_test(the_later_and_the_earlier),
		cmocka_unit_test(later_instants_stop_at_never),
		cmocka_unit_test(an_instant_is_reached_when_it_is_now),
		cmocka_unit_test(the_earlier_instant_is_the_minimum),
	};
	return cmocka_run_group_tests_name("seq", tests, NULL, NULL);
}
