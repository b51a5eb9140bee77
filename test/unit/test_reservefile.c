/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of reserved ports, changed: all or nothing, and nothing of the user's is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/reserved.h"

static char folder[] = "/tmp/minato-reservefile.XXXXXX";
static char path[128];
static struct drive_reserved add, rm;
static struct drive_error error;

static int setup(void **state)
{
	(void)state;
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/reserved", folder);
	add = rm = (struct drive_reserved){ 0 };
	return 0;
}

static int teardown(void **state)
{
	char command[256];

	(void)state;
	drive_reserved_free(&add);
	drive_reserved_free(&rm);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void want(struct drive_reserved *list, const char *text, int64_t since_s, const char *note)
{
	struct drive_reservation one;

	assert_int_equal(drive_reservation_parse(&one, text, NULL), 0);
	one.since_s = since_s;
	snprintf(one.note, sizeof(one.note), "%s", note);
	assert_int_equal(drive_reserved_add(list, &one), 0);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void assert_file(const char *wanted)
{
	char text[4096] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	assert_string_equal(text, wanted);
}

static void change(void)
{
	if (drive_reserved_change(path, &add, &rm, &error) < 0)
		fail_msg("%s", error.text);
}

static void a_new_file_says_what_it_is(void **state)
{
	struct drive_reserved back = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "%s/a/b/reserved", folder);
	want(&add, "8080/tcp", 1795687200, "staging web");
	want(&add, "9000-9099", 0, "");
	change();
	assert_int_equal(drive_reserved_file(&back, path, DRIVE_ORIGIN_USER, NULL, NULL, &error),
			 0);
	assert_int_equal(back.count, 2);
	assert_int_equal(back.list[0].since_s, 1795687200);
	assert_string_equal(back.list[0].note, "staging web");
	drive_reserved_free(&back);
}

static void other_lines_stay_as_they_are(void **state)
{
	(void)state;
	write_file("# mine\n\n  80/tcp\tmy web\nwrong line\n81\n80/udp\n80-81\nno newline");
	want(&rm, "80/tcp", 0, "");
	want(&rm, "81", 0, "");
	want(&add, "82", 1795687200, "new");
	change();
	assert_file("# mine\n\nwrong line\n80/udp\n80-81\nno newline\n"
		    "82 since=2026-11-26T10:00:00Z new\n");
}

/* What a link leads to is changed. */
static void links_are_followed(void **state)
{
	char real[160];

	(void)state;
	snprintf(real, sizeof(real), "%s/real", folder);
	assert_int_equal(symlink(real, path), 0);
	close(open(real, O_CREAT | O_WRONLY, 0600));
	want(&add, "80", 0, "");
	change();
	assert_int_equal(readlink(path, (char[160]){ 0 }, 160), strlen(real));
}

static void a_failure_changes_nothing(void **state)
{
	struct stat info;

	(void)state;
	write_file("80\n");
	want(&add, "81", 0, "");
	/* In the way of the new file. */
	snprintf(path + strlen(path), sizeof(path) - strlen(path), ".new");
	assert_int_equal(mkdir(path, 0700), 0);
	path[strlen(path) - 4] = 0;
	assert_true(drive_reserved_change(path, &add, &rm, &error) < 0);
	assert_non_null(strstr(error.text, path));
	assert_file("80\n");
	snprintf(path, sizeof(path), "%s/reserved/below", folder);
	assert_true(drive_reserved_change(path, &add, &rm, &error) < 0);
	assert_true(stat(path, &info) < 0);
}

static void where_it_stands(void **state)
{
	char got[DRIVE_PATH_SIZE];
	enum drive_origin origin;

	(void)state;
	if (geteuid() == 0) {
		assert_int_equal(drive_reserved_path(got, &origin, &error), 0);
		assert_string_equal(got, DRIVE_RESERVED_SYSTEM);
		assert_int_equal(origin, DRIVE_ORIGIN_SYSTEM);
		assert_int_equal(seteuid(65534), 0);
	}
	setenv("XDG_CONFIG_HOME", "/conf", 1);
	assert_int_equal(drive_reserved_path(got, &origin, &error), 0);
	assert_string_equal(got, "/conf/minato/reserved");
	assert_int_equal(origin, DRIVE_ORIGIN_USER);
	/* The specification: what is not absolute is passed over. */
	setenv("XDG_CONFIG_HOME", "conf", 1);
	setenv("HOME", "/home/me", 1);
	assert_int_equal(drive_reserved_path(got, &origin, &error), 0);
	assert_string_equal(got, "/home/me/.config/minato/reserved");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	assert_int_equal(drive_reserved_path(got, &origin, &error), -ENOENT);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void who_changes_is_alone(void **state)
{
	int alone, shared, other;

	(void)state;
	assert_int_equal(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
	shared = drive_reserved_lock(false, &error);
	other = drive_reserved_lock(false, &error);
	assert_true(shared >= 0 && other >= 0);
	assert_int_equal(flock(shared, LOCK_EX | LOCK_NB), -1);
	close(shared);
	close(other);
	alone = drive_reserved_lock(true, &error);
	assert_true(alone >= 0);
	close(alone);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_file_says_what_it_is),
		CASE(other_lines_stay_as_they_are),
		CASE(links_are_followed),
		CASE(a_failure_changes_nothing),
		CASE(where_it_stands),
		CASE(who_changes_is_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
