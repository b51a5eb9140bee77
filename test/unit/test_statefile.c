/* SPDX-License-Identifier: BSD-2-Clause */
/* What was said while a gateway ran is there again, or it is said why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/gateway/gateway.h"

static char folder[] = "/tmp/minato-state.XXXXXX";
static char path[64];
static struct drive_error warning, error;
static char found[4096];

static int note(void *user, const char *text, int64_t until_s)
{
	(void)user;
	snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s|%lld;", text,
		 (long long)until_s);
	return 0;
}

static const char *all_of(struct gateway_state *state)
{
	found[0] = 0;
	assert_int_equal(gateway_state_each(state, note, NULL, &error), 0);
	return found;
}

static struct gateway_state *open_it(void)
{
	struct gateway_state *state = NULL;

	assert_int_equal(gateway_state_open(&state, path, &warning, &error), 0);
	return state;
}

static int fresh(void **unused)
{
	(void)unused;
	(void)strcpy(folder + strlen(folder) - 6, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

static int clean(void **unused)
{
	char command[128];

	(void)unused;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void a_change_is_there_again(void **unused)
{
	const struct gateway_change changes[] = {
		{ false, "forward tcp 80 to 10.0.0.2", 0 },
		{ false, "dmz 10.0.0.9", 1900000000 },
	};
	const struct gateway_change remove = { true, "forward tcp 80 to 10.0.0.2", 0 };
	struct gateway_state *state = open_it();
	struct stat about;

	(void)unused;
	assert_string_equal(warning.text, "");
	assert_true(gateway_state_stopped(state));
	assert_string_equal(all_of(state), "");
	assert_int_equal(gateway_state_write(state, changes, 2, &error), 0);
	gateway_state_close(state);
	assert_int_equal(stat(path, &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	state = open_it();
	assert_string_equal(all_of(state), "forward tcp 80 to 10.0.0.2|0;dmz 10.0.0.9|1900000000;");
	assert_int_equal(gateway_state_write(state, &remove, 1, &error), 0);
	gateway_state_close(state);
	state = open_it();
	assert_string_equal(all_of(state), "dmz 10.0.0.9|1900000000;");
	gateway_state_close(state);
}

/* Without sync or close: what was said to be written is. */
static void a_change_survives_a_killed_gateway(void **unused)
{
	const struct gateway_change change = { false, "dmz 10.0.0.9", 0 };
	struct gateway_state *state;
	pid_t child = fork();
	int status;

	(void)unused;
	if (child == 0) {
		state = open_it();
		(void)gateway_state_write(state, &change, 1, &error);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	state = open_it();
	assert_string_equal(all_of(state), "dmz 10.0.0.9|0;");
	assert_false(gateway_state_stopped(state));
	gateway_state_close(state);
	state = open_it();
	assert_true(gateway_state_stopped(state));
	gateway_state_close(state);
}

static void another_gateway_has_it(void **unused)
{
	struct gateway_state *state = open_it();
	struct gateway_state *second = NULL;

	(void)unused;
	assert_int_equal(gateway_state_open(&second, path, &warning, &error), -EBUSY);
	assert_non_null(strstr(error.text, "in use by another gateway"));
	gateway_state_close(state);
}

static void assert_moved_aside(const char *content)
{
	struct gateway_state *state = open_it();
	char pattern[96];
	char text[64] = "";
	glob_t moved;
	FILE *file;

	assert_non_null(strstr(warning.text, "it is kept as"));
	assert_string_equal(all_of(state), "");
	gateway_state_close(state);
	snprintf(pattern, sizeof(pattern), "%s.broken-*[0-9]", path);
	assert_int_equal(glob(pattern, 0, NULL, &moved), 0);
	file = fopen(moved.gl_pathv[0], "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	(void)fclose(file);
	assert_string_equal(text, content);
	globfree(&moved);
}

static void what_is_no_state_file_is_moved_aside(void **unused)
{
	(void)unused;
	write_text("This is my letter to the editor, long enough to be no header.\n");
	assert_moved_aside("This is my letter to the editor, long enough to be no header.\n");
}

/* A page in the middle is overwritten. */
static void a_damaged_one_is_moved_aside(void **unused)
{
	static char text[200];
	struct gateway_change change = { false, text, 0 };
	struct gateway_state *state = open_it();
	FILE *file;

	(void)unused;
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "forward tcp %d to 10.0.0.2 # %0150d", i + 1, i);
		assert_int_equal(gateway_state_write(state, &change, 1, &error), 0);
	}
	gateway_state_close(state);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 4096 * 2, SEEK_SET), 0);
	for (int i = 0; i < 4096 * 3; i++)
		(void)fputc(0x5a, file);
	(void)fclose(file);
	state = open_it();
	assert_non_null(strstr(warning.text, "it is kept as"));
	assert_string_equal(all_of(state), "");
	gateway_state_close(state);
}

static void another_programs_database_is_not_written_to(void **unused)
{
	char command[256];

	(void)unused;
	snprintf(command, sizeof(command),
		 "python3 -c \"import sqlite3; c = sqlite3.connect('%s'); "
		 "c.execute('create table mine(x)'); c.commit()\"",
		 path);
	if (system(command) != 0)
		skip();
	assert_moved_aside("SQLite format 3");
}

static void a_symbolic_link_is_refused(void **unused)
{
	struct gateway_state *state = NULL;

	(void)unused;
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_true(gateway_state_open(&state, path, &warning, &error) < 0);
}

/* In a mount namespace of its own, a disk of some pages. */
static bool make_disk(void)
{
	return unshare(getuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", folder, "tmpfs", 0, "size=256k") == 0;
}

static int fill_a_disk(void)
{
	static char text[2000];
	struct gateway_change change = { false, text, 0 };
	struct gateway_state *state = NULL;
	size_t count = 0;
	int result = 0;

	if (!make_disk())
		return 77;
	if (gateway_state_open(&state, path, &warning, &error) < 0)
		return 1;
	while (result == 0 && count < 1000) {
		snprintf(text, sizeof(text), "%01900zu", count);
		result = gateway_state_write(state, &change, 1, &error);
		count += result == 0;
	}
	if (result != -ENOSPC || !strstr(error.text, "the disk is full"))
		return 2;
	gateway_state_close(state);
	/* All that was said to be written is there, and nothing of what was not. */
	if (gateway_state_open(&state, path, &warning, &error) < 0)
		return 3;
	found[0] = 0;
	snprintf(text, sizeof(text), "%01900zu|0;", count - 1);
	if (gateway_state_each(state, note, NULL, &error) < 0)
		return 4;
	gateway_state_close(state);
	return strncmp(found, "000", 3) ? 5 : 0;
}

/* The file that fills it. */
static void fill(void)
{
	static const char page[4096];
	char name[80];
	FILE *file;

	snprintf(name, sizeof(name), "%s/fill", folder);
	file = fopen(name, "w");
	while (file && fwrite(page, sizeof(page), 1, file) == 1 && fflush(file) == 0)
		;
	if (file)
		(void)fclose(file);
}

static void make_room(void)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/fill", folder);
	(void)unlink(name);
}

/* Whether it has just these, and was at rest; it stays open. */
static bool opens(struct gateway_state **state, const char *wanted, bool stopped)
{
	found[0] = 0;
	return gateway_state_open(state, path, &warning, &error) == 0 &&
	       gateway_state_each(*state, note, NULL, &error) == 0 && !strcmp(found, wanted) &&
	       gateway_state_stopped(*state) == stopped;
}

#define BOTH "forward tcp 80 to 10.0.0.2|0;dmz off|0;"

/* Stopped on a full disk, started on it, changed when there is room again. */
static int live_on_a_full_disk(void)
{
	const struct gateway_change changes[] = {
		{ false, "forward tcp 80 to 10.0.0.2", 0 },
		{ false, "dmz off", 0 },
	};
	const struct gateway_change later = { false, "dmz 10.0.0.9", 0 };
	struct gateway_state *state = NULL;

	if (!make_disk())
		return 77;
	if (gateway_state_open(&state, path, &warning, &error) < 0 ||
	    gateway_state_write(state, changes, 2, &error) < 0)
		return 1;
	fill();
	gateway_state_close(state);
	fill();
	if (!opens(&state, BOTH, true))
		return 2;
	if (!strstr(warning.text, "the disk is full; what was said before stands"))
		return 3;
	if (gateway_state_write(state, &later, 1, &error) != -ENOSPC ||
	    !strstr(error.text, "the disk is full"))
		return 4;
	make_room();
	if (gateway_state_write(state, &later, 1, &error) < 0)
		return 5;
	gateway_state_close(state);
	if (!opens(&state, BOTH "dmz 10.0.0.9|0;", true) || warning.text[0])
		return 6;
	gateway_state_close(state);
	return 0;
}

/* The first start is on a full disk. */
static int begin_on_a_full_disk(void)
{
	const struct gateway_change change = { false, "dmz 10.0.0.9", 0 };
	struct gateway_state *state = NULL;

	if (!make_disk())
		return 77;
	fill();
	if (!opens(&state, "", true) || !warning.text[0])
		return 1;
	make_room();
	if (gateway_state_write(state, &change, 1, &error) < 0)
		return 2;
	gateway_state_close(state);
	if (!opens(&state, "dmz 10.0.0.9|0;", true))
		return 3;
	gateway_state_close(state);
	return 0;
}

/* A disk that takes no writing at all. */
static int live_on_a_sealed_disk(void)
{
	const struct gateway_change change = { false, "dmz off", 0 };
	struct gateway_state *state = NULL;

	if (!make_disk())
		return 77;
	if (gateway_state_open(&state, path, &warning, &error) < 0 ||
	    gateway_state_write(state, &change, 1, &error) < 0)
		return 1;
	gateway_state_close(state);
	if (mount("none", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 2;
	if (!opens(&state, "dmz off|0;", true) || !warning.text[0])
		return 3;
	if (gateway_state_write(state, &change, 1, &error) == 0)
		return 4;
	if (mount("none", folder, "tmpfs", MS_REMOUNT, NULL) < 0)
		return 5;
	if (gateway_state_write(state, &change, 1, &error) < 0)
		return 6;
	gateway_state_close(state);
	return 0;
}

static void in_a_child(int (*work)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(work());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_disk_is_said(void **unused)
{
	(void)unused;
	in_a_child(fill_a_disk);
}

static void what_stands_on_a_full_disk_is_read(void **unused)
{
	(void)unused;
	in_a_child(live_on_a_full_disk);
}

static void a_new_one_on_a_full_disk_is_written_later(void **unused)
{
	(void)unused;
	in_a_child(begin_on_a_full_disk);
}

static void what_cannot_be_written_to_is_read(void **unused)
{
	(void)unused;
	in_a_child(live_on_a_sealed_disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_change_is_there_again, fresh, clean),
		cmocka_unit_test_setup_teardown(a_change_survives_a_killed_gateway, fresh, clean),
		cmocka_unit_test_setup_teardown(another_gateway_has_it, fresh, clean),
		cmocka_unit_test_setup_teardown(what_is_no_state_file_is_moved_aside, fresh, clean),
		cmocka_unit_test_setup_teardown(a_damaged_one_is_moved_aside, fresh, clean),
		cmocka_unit_test_setup_teardown(another_programs_database_is_not_written_to, fresh,
						clean),
		cmocka_unit_test_setup_teardown(a_symbolic_link_is_refused, fresh, clean),
		cmocka_unit_test_setup_teardown(a_full_disk_is_said, fresh, clean),
		cmocka_unit_test_setup_teardown(what_stands_on_a_full_disk_is_read, fresh, clean),
		cmocka_unit_test_setup_teardown(a_new_one_on_a_full_disk_is_written_later, fresh,
						clean),
		cmocka_unit_test_setup_teardown(what_cannot_be_written_to_is_read, fresh, clean),
	};

	if (!gateway_state_built()) {
		puts("1..0 # SKIP built without SQLite");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
