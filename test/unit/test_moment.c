/* SPDX-License-Identifier: BSD-2-Clause */
/* Moments in RFC 3339, beside those of libc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "cmd/cmd.h"

#define NS_PER_S INT64_C(1000000000)
#define YEAR_2262_S INT64_C(9223372036) /* where nanoseconds end */

static void thousandths(void **state)
{
	char text[64];

	(void)state;
	cmd_moment(7 * NS_PER_S + 42999999, true, text, sizeof(text));
	assert_string_equal(text, "1970-01-01T00:00:07.042Z");
	cmd_moment(7 * NS_PER_S + 42999999, false, text, sizeof(text));
	assert_string_equal(text, "1970-01-01T00:00:07Z");
}

static void compare(int64_t seconds)
{
	char text[64], wanted[64];
	time_t at = (time_t)seconds;
	struct tm utc;

	assert_non_null(gmtime_r(&at, &utc));
	assert_true(strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
	cmd_moment(seconds * NS_PER_S, false, text, sizeof(text));
	assert_string_equal(text, wanted);
}

/* The last and first second of every day that nanoseconds reach: leap years, centuries, 2000. */
static void each_day(void **state)
{
	(void)state;
	compare(0);
	for (int64_t day = 86400; day < YEAR_2262_S; day += 86400) {
		compare(day - 1);
		compare(day);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousandths),
		cmocka_unit_test(each_day),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
