/* SPDX-License-Identifier: BSD-2-Clause */
/* Drop reasons: each has a name of its own, in the form of a counter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catch.h"
#include "wire/wire.h"

static void each_reason_has_its_own_name(void **state)
{
	(void)state;
	for (int i = 0; i < DROP_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(drop_name((enum drop)i),
						drop_name((enum drop)j));
}

static void names_are_those_of_counters(void **state)
{
	(void)state;
	assert_string_equal(drop_name(DROP_NONE), "delivered");
	for (int i = 1; i < DROP_COUNT; i++) {
		const char *name = drop_name((enum drop)i);
		assert_memory_equal(name, "drop_", 5);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(name));
	}
}

static void reasons_that_are_none_are_caught(void **state)
{
	(void)state;
	assert_check_fails(drop_name(DROP_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason_has_its_own_name),
		cmocka_unit_test(names_are_those_of_counters),
		cmocka_unit_test(reasons_that_are_none_are_caught),
	};
	return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
