/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose subordinate ids a file names. The rest needs another user: test/net/inside.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/drive.h"

static char path[] = "/tmp/minato-subids.XXXXXX";
static struct drive_range ranges[3];

static int read_from(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	return drive_subids_read(path, "anna", 1000, ranges, 3);
}

static void by_name(void **state)
{
	(void)state;
	assert_int_equal(read_from("otto:100000:65536\nanna:165536:65536\n"), 1);
	assert_int_equal(ranges[0].first, 165536);
	assert_int_equal(ranges[0].count, 65536);
}

static void by_number_and_more_than_one(void **state)
{
	(void)state;
	assert_int_equal(read_from("1000:100000:10\nanna:200000:20\n100:1:1"), 2);
	assert_int_equal(ranges[0].count, 10);
	assert_int_equal(ranges[1].first, 200000);
	assert_int_equal(read_from("1000:1:1\n1000:2:1\n1000:3:1\n1000:4:1\n"), 3);
}

static void nobody_else(void **state)
{
	(void)state;
	assert_int_equal(read_from(""), 0);
	assert_int_equal(read_from("annabel:100000:10\nann:200000:20\n10000:1:1\n"), 0);
	assert_int_equal(drive_subids_read(path, NULL, 7, ranges, 3), 0);
}

/* What is longer than any line is passed over whole, and so is what is no text. */
static void a_line_is_read_whole_or_not_at_all(void **state)
{
	static const char nul[] = "anna:5:5\0\nanna:6:6\n";
	char text[700];
	FILE *file;

	(void)state;
	memset(text, 'x', 511);
	(void)snprintf(text + 511, sizeof(text) - 511, "anna:5:5\nanna:6:6\n");
	assert_int_equal(read_from(text), 1);
	assert_int_equal(ranges[0].first, 6);
	file = fopen(path, "we");
	assert_non_null(file);
	(void)fwrite(nul, 1, sizeof(nul) - 1, file);
	(void)fclose(file);
	assert_int_equal(drive_subids_read(path, "anna", 1000, ranges, 3), 1);
	assert_int_equal(ranges[0].first, 6);
}

/* Inside they follow each other. */
static void no_more_than_there_are_ids(void **state)
{
	(void)state;
	assert_int_equal(read_from("anna:1:4294967000\nanna:1:295\nanna:7:293\nanna:1:1\n"), 3);
	assert_int_equal(ranges[1].count, 293);
	assert_int_equal(ranges[2].count, 1);
}

static void damaged_lines_count_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(read_from("anna\nanna:\nanna:1\nanna:1:\nanna::1\nanna:1:0\nanna:x:1\n"
				   "anna:1:1:1\nanna: 1:1\nanna:-1:1\nanna:4294967295:1\n"
				   "anna:1:99999999999\n# anna:1:1\nanna:5:5\n"),
			 1);
	assert_int_equal(ranges[0].first, 5);
}

static void no_file(void **state)
{
	(void)state;
	assert_int_equal(drive_subids_read("/no/such/file", "anna", 1000, ranges, 3), -ENOENT);
}

static int start(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int end(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_number_and_more_than_one),
		cmocka_unit_test(nobody_else),
		cmocka_unit_test(a_line_is_read_whole_or_not_at_all),
		cmocka_unit_test(no_more_than_there_are_ids),
		cmocka_unit_test(damaged_lines_count_for_nothing),
		cmocka_unit_test(no_file),
	};

	return cmocka_run_group_tests_name("subids", tests, start, end);
}
