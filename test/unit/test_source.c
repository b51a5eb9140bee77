/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that include others: read where they stand, and every line knows its file. */
#include "conf_fixture.h"

#include <errno.h>

/* A file system in memory. */
static const struct {
	const char *path, *text;
} disk[] = {
	{ "web", "# the web server\nforward tcp 80 to 10.0.0.2 named web\n" },
	{ "mail", "forward tcp 25 to 10.0.0.3\ninclude more\nforward tcp 26 to 10.0.0.3\n" },
	{ "more", "forward tcp 27 to 10.0.0.4\n" },
	{ "wrong", "\n\nforward tcp 80 tp 10.0.0.2\n" },
	{ "again", "\nforward tcp 80 to 10.0.0.3\n" },
	{ "tests", "test tcp from 192.0.2.1 to 198.51.100.1:80 reaches 10.0.0.2:80 by line 3\n"
		   "test tcp from 192.0.2.1 to 198.51.100.1:28 reaches 10.0.0.2:28 by line 3\n"
		   "forward tcp 28 to 10.0.0.2\n" },
	{ "rules", "allow tcp 80 from 192.0.2.0/24\n" },
};

static int find(void *user, struct conf_sources *sources, size_t of, const char *word,
		char what[CONF_WHAT_SIZE])
{
	(void)user;
	(void)of;
	for (size_t i = 0; i < sizeof(disk) / sizeof(disk[0]); i++) {
		if (strcmp(disk[i].path, word) != 0)
			continue;
		sources->list[sources->count].path = (char *)(uintptr_t)disk[i].path;
		sources->list[sources->count].text = (char *)(uintptr_t)disk[i].text;
		sources->list[sources->count++].size = strlen(disk[i].text);
		return 0;
	}
	snprintf(what, CONF_WHAT_SIZE, "there is no %s", word);
	return -EINVAL;
}

static struct conf_sources sources;

static int read_files(const char *text)
{
	conf_free(&conf);
	memset(&sources, 0, sizeof(sources));
	sources.count = 1;
	sources.find = find;
	sources.list[0].path = (char *)(uintptr_t) "main";
	sources.list[0].text = (char *)(uintptr_t)text;
	sources.list[0].size = strlen(text);
	return conf_read_sources(&conf, &sources, &report);
}

static void where_is(size_t index, const char *text, const char *where)
{
	char out[CONF_TEXT_SIZE];

	conf_print(out, sizeof(out), conf.list[index]);
	assert_string_equal(out, text);
	assert_string_equal(conf_where(out, &conf, conf.list[index]->line), where);
}

static void they_stand_in_place_of_the_line(void **state)
{
	(void)state;
	assert_int_equal(read_files(LINKS "include web\ninclude mail\ndmz 10.0.0.9\n"), 0);
	assert_int_equal(report.count, 0);
	assert_int_equal(conf.count, 7);
	where_is(0, "inside eth1 10.0.0.1/24", "line 1");
	where_is(2, "forward tcp 80 to 10.0.0.2 named web", "line 2 of web");
	where_is(3, "forward tcp 25 to 10.0.0.3", "line 1 of mail");
	where_is(4, "forward tcp 27 to 10.0.0.4", "line 1 of more");
	where_is(5, "forward tcp 26 to 10.0.0.3", "line 3 of mail");
	where_is(6, "dmz 10.0.0.9", "line 5");
	assert_int_equal(sources.count, 4);
	assert_int_equal(sources.list[1].from, 3);
	assert_int_equal(CONF_LINE_FILE(sources.list[3].from), 2);
	assert_int_equal(CONF_LINE_NUMBER(sources.list[3].from), 2);
}

static void the_order_of_rules_is_that_of_reading(void **state)
{
	(void)state;
	assert_int_equal(read_files(LINKS
				    "include rules\nblock tcp 80\nforward tcp 80 to 10.0.0.2\n"
				    "test tcp from 192.0.2.1 to 198.51.100.1:80 reaches "
				    "10.0.0.2:80\n"
				    "test tcp from 192.0.3.1 to 198.51.100.1:80 is closed\n"),
			 0);
	where_is(2, "allow tcp 80 from 192.0.2.0/24", "line 1 of rules");
	where_is(3, "block tcp 80", "line 4");
}

static void a_fault_is_in_its_own_file(void **state)
{
	const struct conf_fault *fault = &report.fault[0];

	(void)state;
	assert_int_equal(read_files(LINKS "include wrong\n"), -EINVAL);
	assert_int_equal(report.count, 1);
	assert_int_equal(CONF_LINE_FILE(fault->line), 1);
	assert_int_equal(CONF_LINE_NUMBER(fault->line), 3);
	assert_int_equal(fault->column, 15);
	/* What two files say together. */
	assert_int_equal(read_files(LINKS "include web\ninclude again\n"), -EINVAL);
	assert_int_equal(report.count, 1);
	assert_int_equal(CONF_LINE_FILE(fault->line), 2);
	assert_int_equal(CONF_LINE_NUMBER(fault->line), 2);
	assert_int_equal(CONF_LINE_FILE(fault->other), 1);
	assert_int_equal(CONF_LINE_NUMBER(fault->other), 2);
	/* Those of the first file come first. */
	assert_int_equal(read_files("include wrong\nnonsense\n"), -EINVAL);
	assert_int_equal(report.count, 2);
	assert_int_equal(report.fault[0].line, 2);
	assert_int_equal(CONF_LINE_FILE(report.fault[1].line), 1);
}

static void what_is_not_there_is_said_at_the_word(void **state)
{
	(void)state;
	assert_int_equal(read_files(LINKS "include nothing\n"), -EINVAL);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.fault[0].line, 3);
	assert_int_equal(report.fault[0].column, 8);
	assert_int_equal(report.fault[0].length, 7);
	assert_string_equal(report.fault[0].what, "there is no nothing");
}

static size_t missed;
static void take(void *user, const struct conf_verdict *verdict)
{
	(void)user;
	if (!verdict->met)
		print_message("# %s\n", verdict->got);
	missed += !verdict->met;
	if (verdict->met)
		assert_non_null(strstr(verdict->got, " of tests"));
}

static void tests_count_lines_of_their_own_file(void **state)
{
	size_t culprit;

	(void)state;
	assert_int_equal(read_files(LINKS "forward tcp 80 to 10.0.0.2\ninclude tests\n"), 0);
	missed = 0;
	assert_int_equal(conf_try(&conf, take, NULL, &culprit), 0);
	/* The first is by line 3 of the first file. */
	assert_int_equal(missed, 1);
}

static void where_nothing_can_be_included(void **state)
{
	(void)state;
	refused("include web", "include", "stands in a file alone");
	assert_int_equal(read_file(LINKS "include web\n"), -EINVAL);
	assert_non_null(strstr(report.fault[0].what, "this file can include no other"));
}

static void paths_are_shared(void **state)
{
	struct conf_files *files = NULL;
	char out[CONF_WHERE_SIZE];

	(void)state;
	assert_int_equal(conf_files_add(&files, "a"), 0);
	for (unsigned i = 1; i < CONF_FILES_MAX; i++)
		assert_int_equal(conf_files_add(&files, "b"), 0);
	assert_int_equal(conf_files_add(&files, "c"), -ENOSPC);
	assert_ptr_equal(conf_files_hold(files), files);
	conf_files_drop(files);
	assert_int_equal(files->count, CONF_FILES_MAX);
	conf_files_drop(files);
	assert_null(conf_files_hold(NULL));
	conf_files_drop(NULL);
	assert_string_equal(conf_where(out, NULL, 7), "line 7");
	assert_string_equal(conf_where(out, NULL, 0), "live");
	assert_string_equal(conf_where(out, NULL, CONF_LINE_LIVE + 3), "live");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_stand_in_place_of_the_line),
		cmocka_unit_test(the_order_of_rules_is_that_of_reading),
		cmocka_unit_test(a_fault_is_in_its_own_file),
		cmocka_unit_test(what_is_not_there_is_said_at_the_word),
		cmocka_unit_test(tests_count_lines_of_their_own_file),
		cmocka_unit_test(where_nothing_can_be_included),
		cmocka_unit_test(paths_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
