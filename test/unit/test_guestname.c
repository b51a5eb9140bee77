/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of guests made of the names of commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/cmd.h"

static void assert_named(const char *program, const char *expected)
{
	char name[DRIVE_NAME_SIZE];

	cmd_guest_name(name, program);
	assert_string_equal(name, expected);
}

static void a_path_is_cut_to_its_last_part(void **state)
{
	(void)state;
	assert_named("/usr/bin/python3", "python3");
	assert_named("./server", "server");
	assert_named("nginx", "nginx");
}

static void dots_and_dashes_stay_but_not_in_front(void **state)
{
	(void)state;
	assert_named("/opt/my-app_2.sh", "my-app_2.sh");
	assert_named("-bash", "bash");
	assert_named("..hidden", "hidden");
}

static void other_characters_are_left_out(void **state)
{
	(void)state;
	assert_named("a b\tc;d$e", "abcde");
	assert_named("caf\xc3\xa9", "caf");
}

static void nothing_left_is_guest(void **state)
{
	(void)state;
	assert_named("", "guest");
	assert_named("/", "guest");
	assert_named("[", "guest");
	assert_named("\xe6\xb8\xaf", "guest");
}

static void a_long_name_leaves_room_for_a_number(void **state)
{
	char program[300];
	char name[DRIVE_NAME_SIZE];

	(void)state;
	memset(program, 'x', sizeof(program) - 1);
	program[sizeof(program) - 1] = 0;
	cmd_guest_name(name, program);
	assert_int_equal(strlen(name), DRIVE_NAME_SIZE - 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_cut_to_its_last_part),
		cmocka_unit_test(dots_and_dashes_stay_but_not_in_front),
		cmocka_unit_test(other_characters_are_left_out),
		cmocka_unit_test(nothing_left_is_guest),
		cmocka_unit_test(a_long_name_leaves_room_for_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
