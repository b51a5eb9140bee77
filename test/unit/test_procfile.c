/* SPDX-License-Identifier: BSD-2-Clause */
/* Small files of /proc; a temporary file stands for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "drive/drive.h"

static char path[] = "/tmp/minato-test-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void assert_number(const char *text, int64_t number)
{
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(drive_proc_write(path, text), 0);
	assert_int_equal(drive_proc_number(path, -7), number);
}

static void the_first_number_is_read(void **state)
{
	(void)state;
	assert_number("1024\n", 1024);
	assert_number("  0   1000  1\n", 0);
	assert_number("4294967295", 4294967295);
	assert_number("-1\n", -1);
}

static void what_is_no_number_is_missing(void **state)
{
	(void)state;
	assert_number("", -7);
	assert_number("none\n", -7);
	assert_int_equal(drive_proc_number("/proc/nonexistent", -7), -7);
}

static void writing_says_why_not(void **state)
{
	(void)state;
	assert_int_equal(drive_proc_write("/proc/nonexistent", "1"), -ENOENT);
	assert_int_equal(drive_proc_write("/proc/self/oom_score_adj", "words"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_number_is_read),
		cmocka_unit_test(what_is_no_number_is_missing),
		cmocka_unit_test(writing_says_why_not),
	};

	return cmocka_run_group_tests_name("procfile", tests, make_file, remove_file);
}
