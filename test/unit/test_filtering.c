/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter of minato ss: words and files, names of this host, and what is said of a mistake. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/see/ss.h"

static char path[] = "/tmp/minato-filtering-XXXXXX";
static char said[4096];
static struct filter_program program;

/* Reads it, with what it says on standard error in `said`. */
static int read_words(const struct view_filter *filter, const char *const *words, const char *file)
{
	static char copies[8][FILTER_TEXT_MAX + 200];
	char *list[9] = { 0 };
	int keep = dup(STDERR_FILENO);
	FILE *out = tmpfile();
	int code;

	assert_non_null(out);
	for (size_t i = 0; words && words[i]; i++) {
		snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
		list[i] = copies[i];
	}
	dup2(fileno(out), STDERR_FILENO);
	code = cmd_filter_read(&program, filter, list, file);
	fflush(stderr);
	dup2(keep, STDERR_FILENO);
	close(keep);
	rewind(out);
	said[fread(said, 1, sizeof(said) - 1, out)] = 0;
	fclose(out);
	return code;
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_form(const char *wanted)
{
	char form[512];

	filter_print(form, sizeof(form), &program);
	assert_string_equal(form, wanted);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct view_filter any;

static void words_are_one_text(void **state)
{
	(void)state;
	assert_int_equal(read_words(&any, NULL, NULL), CMD_GO_ON);
	assert_form("");
	assert_int_equal(
		read_words(&any, WORDS("state", "established", "( sport = :22", "|", "dport 22 )"),
			   NULL),
		CMD_GO_ON);
	assert_form("state established sport = :22 or dport = :22");
}

static void a_file_is_read_too(void **state)
{
	(void)state;
	write_file("# ours\nsport = :22\n  or dport = :22\n");
	assert_int_equal(read_words(&any, WORDS("state", "all"), path), CMD_GO_ON);
	assert_form("state all sport = :22 or dport = :22");
	write_file("sport = :22\ndprot 1\n");
	assert_int_equal(read_words(&any, NULL, path), CMD_USAGE);
	assert_non_null(strstr(said, "did you mean 'dport'?\n  dprot 1\n  ^^^^^\n"));
	assert_int_equal(read_words(&any, NULL, "/nonexistent/filter"), CMD_USAGE);
	assert_non_null(strstr(said, "/nonexistent/filter: No such file"));
	assert_int_equal(read_words(&any, NULL, "/tmp"), CMD_USAGE);
	assert_non_null(strstr(said, "cannot read /tmp: Is a directory"));
}

static void names_are_those_of_this_host(void **state)
{
	const struct view_filter tcp = { .tcp = true };

	(void)state;
	assert_int_equal(read_words(&any, WORDS("sport = :https"), NULL), CMD_GO_ON);
	assert_form("sport = :443");
	assert_int_equal(read_words(&tcp, WORDS("sport = :ssh"), NULL), CMD_GO_ON);
	assert_form("sport = :22");
	assert_int_equal(read_words(&any, WORDS("dev lo"), NULL), CMD_GO_ON);
	assert_form("dev 1");
	assert_int_equal(read_words(&any, WORDS("src inet:localhost"), NULL), CMD_GO_ON);
	assert_form("src inet:127.0.0.1");
}

static void what_was_meant_is_said(void **state)
{
	(void)state;
	assert_int_equal(read_words(&any, WORDS("sport = :htpp"), NULL), CMD_USAGE);
	assert_non_null(strstr(said, "did you mean 'http'?\n  sport = :htpp\n          ^^^^^\n"));
	assert_int_equal(read_words(&any, WORDS("state", "listning"), NULL), CMD_USAGE);
	assert_non_null(strstr(said, "did you mean 'listening'?"));
	assert_int_equal(read_words(&any, WORDS("sport"), NULL), CMD_USAGE);
	assert_null(strstr(said, "did you mean"));
}

static void too_long_a_filter_is_refused(void **state)
{
	char text[FILTER_TEXT_MAX + 100];

	(void)state;
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(read_words(&any, WORDS(text), NULL), CMD_USAGE);
	assert_non_null(strstr(said, "longer than"));
	write_file(text);
	assert_int_equal(read_words(&any, NULL, path), CMD_USAGE);
	assert_non_null(strstr(said, "longer than"));
}

static void a_long_list_of_addresses_is_read(void **state)
{
	static char text[64000];
	size_t used = 0;

	(void)state;
	for (unsigned i = 0; used + 64 < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%sdst 10.1.%u.%u",
					 i ? " or " : "", i >> 8, i & 255);
	write_file(text);
	assert_int_equal(read_words(&any, NULL, path), CMD_GO_ON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_one_text),
		cmocka_unit_test(a_file_is_read_too),
		cmocka_unit_test(names_are_those_of_this_host),
		cmocka_unit_test(what_was_meant_is_said),
		cmocka_unit_test(too_long_a_filter_is_refused),
		cmocka_unit_test(a_long_list_of_addresses_is_read),
	};
	int failed;

	close(mkstemp(path));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
