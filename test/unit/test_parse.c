/* SPDX-License-Identifier: BSD-2-Clause */
/* A file: lines, all errors at once, and its bounds. */
#include <errno.h>

#include "conf_fixture.h"

static void lines(void **state)
{
	(void)state;
	no_fault("# a gateway\n\n" LINKS "  forward tcp 80 to 10.0.0.2  # web\r\n"
		 "dmz 10.0.0.9\r\n");
	assert_int_equal(conf.count, 4);
	assert_int_equal(conf.list[0]->line, 3);
	assert_int_equal(conf.list[2]->line, 5);
	assert_int_equal(conf.list[3]->line, 6);
	assert_int_equal(conf.list[3]->kind, CONF_KIND_DMZ);
}

static void nothing(void **state)
{
	(void)state;
	one_fault("", CONF_ERROR, 1, "", "nothing is said here");
	one_fault("# nothing\n", CONF_ERROR, 1, "", "nothing is said here");
}

static void every_error(void **state)
{
	(void)state;
	assert_int_equal(read_file("inside eth1 10.0.0.0/24\n"
				   "outsite eth0 198.51.100.1/24\n"
				   "dmz 10.0.0.9\n"
				   "forward tcp 80 to 10.0.0\n"),
			 -EINVAL);
	assert_int_equal(report.errors, 3);
	assert_int_equal(report.fault[0].line, 1);
	assert_int_equal(report.fault[1].line, 2);
	assert_int_equal(report.fault[2].line, 4);
	assert_int_equal(conf.count, 0);
	assert_null(conf.list);
}

static void many_errors(void **state)
{
	static char text[1000 * 4 + 1];

	(void)state;
	for (int i = 0; i < 1000; i++)
		memcpy(text + i * 4L, "foo\n", 4);
	assert_int_equal(read_file(text), -EINVAL);
	assert_int_equal(report.errors, 1000);
	assert_int_equal(report.count, CONF_FAULTS_MAX);
	assert_int_equal(report.fault[CONF_FAULTS_MAX - 1].line, CONF_FAULTS_MAX);
}

static void long_lines(void **state)
{
	static char text[3 * CONF_LINE_MAX];

	(void)state;
	strcpy(text, LINKS);
	memset(text + strlen(text), '#', CONF_LINE_MAX);
	no_fault(text);
	memset(text + strlen(text), '#', 1);
	one_fault(text, CONF_ERROR, 3, "", "this line has 2049 bytes; the longest has 2048");
}

static void long_files(void **state)
{
	char *text = malloc(CONF_SIZE_MAX + 1);

	(void)state;
	memset(text, '\n', CONF_SIZE_MAX + 1);
	memcpy(text, LINKS, strlen(LINKS));
	conf_free(&conf);
	assert_int_equal(conf_read(&conf, text, CONF_SIZE_MAX, &report), 0);
	conf_free(&conf);
	assert_int_equal(conf_read(&conf, text, CONF_SIZE_MAX + 1, &report), -EINVAL);
	assert_non_null(strstr(report.fault[0].what, "the file has 33554433 bytes"));
	free(text);
}

static void many_statements(void **state)
{
	size_t size = CONF_STATEMENTS_MAX * 40 + 1024;
	char *text = malloc(size);
	size_t used = (size_t)snprintf(text, size, "%s", LINKS);

	(void)state;
	for (unsigned i = LINKS_LINES; i < CONF_STATEMENTS_MAX; i++)
		used += (size_t)snprintf(text + used, size - used,
					 "block tcp 1 from 172.%u.%u.%u\n",
					 i >> 16, i >> 8 & 255, i & 255);
	no_fault(text);
	assert_int_equal(conf.count, CONF_STATEMENTS_MAX);
	snprintf(text + used, size - used, "dmz 10.0.0.9\nnot read\n");
	assert_int_equal(read_file(text), -EINVAL);
	assert_int_equal(report.errors, 1);
	assert_int_equal(report.fault[0].line, CONF_STATEMENTS_MAX + 1);
	free(text);
}

static void zero_bytes(void **state)
{
	static const char text[] = "dmz\0 10.0.0.9\n";

	(void)state;
	conf_free(&conf);
	assert_int_equal(conf_read(&conf, text, sizeof(text) - 1, &report), -EINVAL);
	assert_int_equal(report.fault[0].column, 3);
}

static void add_and_remove(void **state)
{
	struct conf list = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		struct conf_statement s = said("dmz 10.0.0.9");

		s.line = i;
		assert_int_equal(conf_add(&list, &s), 0);
	}
	conf_remove(&list, 39);
	conf_remove(&list, 0);
	conf_remove(&list, 5);
	assert_int_equal(list.count, 37);
	assert_int_equal(list.list[0]->line, 1);
	assert_int_equal(list.list[5]->line, 7);
	assert_int_equal(list.list[36]->line, 38);
	conf_free(&list);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),	   cmocka_unit_test(nothing),
		cmocka_unit_test(every_error),	   cmocka_unit_test(many_errors),
		cmocka_unit_test(long_lines),	   cmocka_unit_test(long_files),
		cmocka_unit_test(many_statements), cmocka_unit_test(zero_bytes),
		cmocka_unit_test(add_and_remove),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
