/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of requirements: as many as the RFCs have, each once, and findable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "verify/verify.h"

/* RFC 4787 has 26 rows, 5382 15, 5508 21, 6888 21, 7857 14. */
static void counted(void **state)
{
	static const struct {
		const char *rfc;
		size_t count;
	} wanted[] = { { "4787-R", 26 }, { "5382-R", 15 }, { "5508-R", 21 },
		       { "6888-R", 21 }, { "7857-U", 14 }, { "S", 4 } };
	size_t sum = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		size_t count = 0;

		for (size_t row = 0; row < verify_row_count; row++)
			count +=
				!strncmp(verify_rows[row].id, wanted[i].rfc, strlen(wanted[i].rfc));
		assert_int_equal(count, wanted[i].count);
		sum += count;
	}
	assert_int_equal(sum, verify_row_count);
	assert_int_equal(sum - 4, VERIFY_REQUIREMENTS);
	assert_string_equal(verify_rows[VERIFY_REQUIREMENTS].id, "S1");
}

static void found(void **state)
{
	size_t expected = 0;

	(void)state;
	for (size_t i = 0; i < verify_row_count; i++) {
		assert_ptr_equal(verify_find(verify_rows[i].id), &verify_rows[i]);
		assert_non_null(verify_rows[i].run);
		assert_true(strlen(verify_rows[i].asks) > 10);
		expected += i < VERIFY_REQUIREMENTS && verify_rows[i].expected;
	}
	assert_ptr_equal(verify_find("4787-r3A"), verify_find("4787-R3a"));
	assert_null(verify_find("4787"));
	assert_null(verify_find(""));
	/* The bar could not be held else. */
	assert_true(expected >= VERIFY_BAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(counted), cmocka_unit_test(found) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
