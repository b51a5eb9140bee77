/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets whose members are in files: read, or said what is wrong at the statement's line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/conf.h"

static char path[64];
static struct conf conf;
static struct conf_report report;

static int begin(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/minato-set.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	memset(&conf, 0, sizeof(conf));
	memset(&report, 0, sizeof(report));
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	conf_free(&conf);
	return 0;
}

static void write_set(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A rule about the set, which stands in line 2. */
static int read_set(const char *where)
{
	char text[256];
	int length = snprintf(text, sizeof(text),
			      "# a set\nset bad from %s\nblock tcp 81 from bad\n", where);

	assert_int_equal(conf_read_guest(&conf, text, (size_t)length, "g", &report), 0);
	return cmd_sets_read(&conf, &report);
}

/* Whether there is one error, at line 2, that says so. */
static void faulty(const char *part)
{
	assert_int_equal(report.errors, 1);
	assert_int_equal(report.fault[0].line, 2);
	if (!strstr(report.fault[0].what, part))
		fail_msg("\"%s\" does not say \"%s\"", report.fault[0].what, part);
}

static int count_entry(void *user, size_t index, struct minato_entry *entry)
{
	size_t *count = user;

	*count += index == 1 && entry->remote_prefix > 0;
	return 0;
}

static void members(void **state)
{
	const struct conf_zones zones = { .guest = true, .name = "g", .outside = 1 };
	size_t count = 0;

	(void)state;
	write_set("192.0.2.0/24\n\n# known for long\n198.51.100.7\n2001:db8::/32\n");
	assert_int_equal(read_set(path), 0);
	assert_int_equal(report.errors, 0);
	assert_int_equal(conf_policy(&conf, &zones, count_entry, &count), 0);
	assert_int_equal(count, 3);
}

static void no_file(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(read_set(path), -EINVAL);
	faulty("the set bad: ");
	faulty("No such file");
}

static void no_prefix(void **state)
{
	(void)state;
	write_set("192.0.2.0/24\n198.51.100.0/99\n");
	assert_int_equal(read_set(path), -EINVAL);
	faulty(":2: a line of the set bad is no prefix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members, begin, end),
		cmocka_unit_test_setup_teardown(no_file, begin, end),
		cmocka_unit_test_setup_teardown(no_prefix, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
