/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that the command line names: whole, bounded, and what is said of one that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/cmd.h"

#define SIZE 100000u

static char path[] = "/tmp/minato-textfile-XXXXXX";

static void a_file_is_read_whole(void **state)
{
	struct cmd_text text;

	(void)state;
	assert_int_equal(cmd_text_read(&text, path, SIZE, NULL), 0);
	assert_int_equal(text.size, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(text.bytes[i], 'a' + (int)(i % 26));
	assert_int_equal(text.bytes[SIZE], 0);
	free(text.bytes);
}

static void so_is_standard_input(void **state)
{
	struct cmd_text text;

	(void)state;
	assert_non_null(freopen(path, "re", stdin));
	assert_int_equal(cmd_text_read(&text, "-", SIZE, NULL), 0);
	assert_int_equal(text.size, SIZE);
	free(text.bytes);
}

static void too_long_a_one_is_refused(void **state)
{
	struct drive_error error;
	struct cmd_text text;

	(void)state;
	assert_true(cmd_text_read(&text, path, SIZE - 1, &error) < 0);
	assert_null(text.bytes);
	assert_non_null(strstr(error.text, " is longer than 99999 bytes"));
}

static void what_cannot_be_read_is_said(void **state)
{
	struct drive_error error;
	struct cmd_text text;

	(void)state;
	assert_true(cmd_text_read(&text, "/nonexistent/file", SIZE, &error) < 0);
	assert_null(text.bytes);
	assert_string_equal(error.text, "cannot read /nonexistent/file: No such file or directory");
	assert_true(cmd_text_read(&text, "/tmp", SIZE, &error) < 0);
	assert_null(text.bytes);
	assert_string_equal(error.text, "cannot read /tmp: Is a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_whole),
		cmocka_unit_test(so_is_standard_input),
		cmocka_unit_test(too_long_a_one_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_said),
	};
	int fd = mkstemp(path);
	int failed;

	for (size_t i = 0; i < SIZE; i++)
		(void)!write(fd, &"abcdefghijklmnopqrstuvwxyz"[i % 26], 1);
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
