/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of --audit: appended to, found again where it was moved away, bounded by its disk. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/guard/attempts.h"
#include "cmd/cmd.h"

static char folder[64];
static char path[96], other[96];
static struct cmd_auditing auditing;

static int fresh(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test-auditing-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/audit", folder);
	snprintf(other, sizeof(other), "%s/audit.1", folder);
	auditing = (struct cmd_auditing){ .path = path };
	return 0;
}

static int clean(void **state)
{
	(void)state;
	cmd_auditing_close(&auditing);
	unlink(path);
	unlink(other);
	rmdir(folder);
	return 0;
}

static void open_it(void)
{
	struct drive_error error;

	if (cmd_auditing_open(&auditing, &error) < 0)
		fail_msg("%s", error.text);
}

static void worker_writes(const char *text)
{
	assert_int_equal(write(auditing.out, text, strlen(text)), strlen(text));
	cmd_auditing_drain(&auditing);
}

static void file_is(const char *where, const char *wanted)
{
	char text[4096];
	FILE *file = fopen(where, "r");
	size_t got;

	assert_non_null(file);
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = '\0';
	fclose(file);
	assert_string_equal(text, wanted);
}

static void lines_are_appended(void **state)
{
	struct stat st;

	(void)state;
	open_it();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	worker_writes("{\"a\":1}\n");
	worker_writes("{\"b\":2}\n{\"c\":3}\n");
	file_is(path, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
	cmd_auditing_close(&auditing);
	open_it();
	worker_writes("{\"d\":4}\n");
	file_is(path, "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\":4}\n");
}

static void a_rotated_file_is_made_anew(void **state)
{
	(void)state;
	open_it();
	worker_writes("one\n");
	assert_int_equal(rename(path, other), 0);
	worker_writes("two\n");
	file_is(other, "one\n");
	file_is(path, "two\n");
	assert_int_equal(unlink(path), 0);
	worker_writes("three\n");
	file_is(path, "three\n");
}

static void what_others_cut_is_told(void **state)
{
	(void)state;
	open_it();
	worker_writes("{\"a\":1}\n{\"b\":2}\n");
	assert_int_equal(truncate(path, 0), 0);
	worker_writes("{\"c\":3}\n");
	file_is(path, "{\"event\":\"cut\",\"bytes\":16}\n{\"c\":3}\n");
	/* In the middle of a line, and nothing comes after it but the end. */
	assert_int_equal(truncate(path, 5), 0);
	cmd_auditing_drain(&auditing);
	file_is(path, "{\"eve\n{\"event\":\"cut\",\"bytes\":30}\n");
	/* Whoever appends beside us cuts nothing. */
	worker_writes("{\"d\":4}\n");
	file_is(path, "{\"eve\n{\"event\":\"cut\",\"bytes\":30}\n{\"d\":4}\n");
}

static void what_a_worker_says_stays_text(void **state)
{
	(void)state;
	open_it();
	worker_writes("a\033[2Jb\r\x7f\xff\n");
	file_is(path, "a?[2Jb???\n");
}

/* The disk has room for so many bytes more. */
static void room_is(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_loses_lines_and_tells_how_many(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	open_it();
	worker_writes("first\n");
	room_is(10);
	worker_writes("second\nthird\n"); /* cut in the middle of the second */
	worker_writes("fourth\n");
	file_is(path, "first\nseco");
	assert_int_equal(auditing.lost, 3);
	room_is(RLIM_INFINITY);
	worker_writes("fifth\n");
	file_is(path, "first\nseco\n{\"event\":\"lost\",\"lines\":3}\nfifth\n");
	assert_int_equal(auditing.lost, 0);
}

static void a_file_that_cannot_be_is_said(void **state)
{
	struct drive_error error;

	(void)state;
	auditing.path = "/nonexistent/audit";
	assert_int_equal(cmd_auditing_open(&auditing, &error), -ENOENT);
	assert_string_equal(error.text, "--audit: /nonexistent/audit: No such file or directory");
	auditing.path = folder;
	assert_int_equal(cmd_auditing_open(&auditing, &error), -EISDIR);
}

static void none_is_none(void **state)
{
	(void)state;
	auditing.path = NULL;
	open_it();
	assert_int_equal(cmd_auditing_watch(&auditing, NULL), 0);
	cmd_auditing_drain(&auditing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_are_appended, fresh, clean),
		cmocka_unit_test_setup_teardown(a_rotated_file_is_made_anew, fresh, clean),
		cmocka_unit_test_setup_teardown(what_others_cut_is_told, fresh, clean),
		cmocka_unit_test_setup_teardown(what_a_worker_says_stays_text, fresh, clean),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_lines_and_tells_how_many, fresh,
						clean),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_is_said, fresh, clean),
		cmocka_unit_test_setup_teardown(none_is_none, fresh, clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
