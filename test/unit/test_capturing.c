/* SPDX-License-Identifier: BSD-2-Clause */
/* Sizes as users write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "cmd/cmd.h"

static void sizes_with_and_without_a_suffix(void **state)
{
	(void)state;
	assert_int_equal(cmd_size_parse("4096"), 4096);
	assert_int_equal(cmd_size_parse("500k"), 512000);
	assert_int_equal(cmd_size_parse("64K"), 65536);
	assert_int_equal(cmd_size_parse("64M"), INT64_C(67108864));
	assert_int_equal(cmd_size_parse("2G"), INT64_C(2147483648));
	assert_int_equal(cmd_size_parse("1T"), INT64_C(1099511627776));
}

static void what_is_no_size(void **state)
{
	static const char *const wrong[] = { "",
					     "M",
					     "-1",
					     "1.5M",
					     "1MB",
					     "1m",
					     " 1",
					     "1 k",
					     "1kk",
					     "0x10",
					     "99999999999999999999",
					     "9999999999999T" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(cmd_size_parse(wrong[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_with_and_without_a_suffix),
		cmocka_unit_test(what_is_no_size),
	};

	return cmocka_run_group_tests_name("capturing", tests, NULL, NULL);
}
