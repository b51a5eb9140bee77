/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors with a sentence for the user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "drive/drive.h"

static void fail_returns_the_negative_errno(void **state)
{
	struct drive_error error;

	(void)state;
	assert_int_equal(drive_fail(&error, EPERM, "no %s", "way"), -EPERM);
	assert_string_equal(error.text, "no way");
}

static void fail_without_a_place_for_the_text(void **state)
{
	(void)state;
	assert_int_equal(drive_fail(NULL, EIO, "%d", 1), -EIO);
}

static void long_text_is_cut(void **state)
{
	struct drive_error error;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(drive_fail(&error, EIO, "%s", text), -EIO);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
}

static void warnings_add_up(void **state)
{
	struct drive_error warning = { "" };

	(void)state;
	drive_warn(&warning, "one");
	assert_string_equal(warning.text, "one");
	drive_warn(&warning, "and %d", 2);
	assert_string_equal(warning.text, "one; and 2");
}

static void warnings_beyond_the_room_are_cut(void **state)
{
	struct drive_error warning = { "" };

	(void)state;
	for (int i = 0; i < 200; i++)
		drive_warn(&warning, "warning %d", i);
	assert_int_equal(strlen(warning.text), sizeof(warning.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_returns_the_negative_errno),
		cmocka_unit_test(fail_without_a_place_for_the_text),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(warnings_add_up),
		cmocka_unit_test(warnings_beyond_the_room_are_cut),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
