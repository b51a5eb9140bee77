/* SPDX-License-Identifier: BSD-2-Clause */
/* Words for kinds, tools, patterns and answers. */
#include "unit/scan_fixture.h"

#include <errno.h>

static void all_have_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MINATO_SCAN_KIND_COUNT; i++)
		assert_non_null(minato_scan_kind_name((enum minato_scan_kind)i));
	for (uint32_t i = 0; i < MINATO_SCAN_TOOL_COUNT; i++)
		assert_non_null(minato_scan_tool_name((enum minato_scan_tool)i));
	for (uint32_t i = 0; i < MINATO_SCAN_PATTERN_COUNT; i++)
		assert_non_null(minato_scan_pattern_name((enum minato_scan_pattern)i));
	assert_string_equal(minato_scan_kind_name(MINATO_SCAN_XMAS), "xmas");
	assert_string_equal(minato_scan_tool_name(MINATO_SCAN_TOOL_ZMAP), "zmap");
	assert_string_equal(minato_scan_pattern_name(MINATO_SCAN_PATTERN_TOP_LIST), "top-list");
	assert_null(minato_scan_kind_name(MINATO_SCAN_KIND_COUNT));
	assert_null(minato_scan_tool_name(MINATO_SCAN_TOOL_COUNT));
	assert_null(minato_scan_pattern_name(MINATO_SCAN_PATTERN_COUNT));
	assert_null(minato_scan_answer_name(MINATO_SCAN_ANSWER_COUNT));
}

static void answers_are_found_by_name(void **state)
{
	(void)state;
	for (int i = 0; i < MINATO_SCAN_ANSWER_COUNT; i++)
		assert_int_equal(minato_scan_answer_by_name(
					 minato_scan_answer_name((enum minato_scan_answer)i)),
				 i);
	assert_int_equal(minato_scan_answer_by_name("blocks"), -EINVAL);
	assert_int_equal(minato_scan_answer_by_name("bloc"), -EINVAL);
	assert_int_equal(minato_scan_answer_by_name(""), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_have_names),
		cmocka_unit_test(answers_are_found_by_name),
	};

	(void)scan_setup;
	(void)scan_teardown;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
