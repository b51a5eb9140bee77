/* SPDX-License-Identifier: BSD-2-Clause */
/* How often a watch looks; the rest of it is tested at a terminal (test/net/watch.sh). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/ss.h"

static void seconds_are_read(void **state)
{
	(void)state;
	assert_int_equal(cmd_watch_every(""), 1000);
	assert_int_equal(cmd_watch_every("2"), 2000);
	assert_int_equal(cmd_watch_every("0.25"), 250);
	assert_int_equal(cmd_watch_every("0.1"), CMD_WATCH_MS_LEAST);
	assert_int_equal(cmd_watch_every("3600"), CMD_WATCH_MS_MOST);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const texts[] = { "0",  "0.05", "3601", "-1", "x",
					     "1s", "nan",  "inf",  " ",	 "1e99" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(cmd_watch_every(texts[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_are_read),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
