/* SPDX-License-Identifier: BSD-2-Clause */
/* Executing the command; PID 1's other duties are seen in the tests of guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "drive/drive.h"
#include "netns_fixture.h"

static int execute(const char *path, const char *name)
{
	char *argv[2] = { NULL, NULL };

	argv[0] = (char *)(uintptr_t)name;
	setenv("PATH", path, 1);
	return drive_init_exec(argv, NULL);
}

static void finds(void)
{
	(void)execute("/nonexistent:/usr/bin:/bin", "true");
	DEMAND(false);
}

static void unblocks(void)
{
	char script[] = "grep SigBlk /proc/self/status | grep -q 0000000000000000";
	char shell[] = "/bin/sh";
	char option[] = "-c";
	char *argv[] = { shell, option, script, NULL };
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	(void)drive_init_exec(argv, NULL);
	DEMAND(false);
}

static void does_not_find(void)
{
	DEMAND(execute("/usr/bin:/bin", "minato-no-such-command") == -ENOENT);
	DEMAND(execute("", "minato-no-such-command") == -ENOENT);
	DEMAND(execute("/bin", "/nonexistent/command") == -ENOENT);
}

/* A directory of PATH that may not be looked into says EACCES for every name. */
static void cannot_look(void)
{
	char directory[] = "/tmp/minato-test-XXXXXX";

	DEMAND(mkdtemp(directory));
	DEMAND(chmod(directory, 0) == 0);
	if (geteuid() == 0)
		DEMAND(setegid(65534) == 0 && seteuid(65534) == 0);
	DEMAND(execute(directory, "minato-no-such-command") == -ENOENT);
	(void)!seteuid(0);
	DEMAND(rmdir(directory) == 0);
}

static void is_no_program(void)
{
	char directory[] = "/tmp/minato-test-XXXXXX";
	char path[64];
	FILE *file;

	DEMAND(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/plain", directory);
	file = fopen(path, "we");
	DEMAND(file && fclose(file) == 0);
	DEMAND(execute(directory, "plain") == -EACCES);
	DEMAND(execute(directory, path) == -EACCES);
	DEMAND(unlink(path) == 0 && rmdir(directory) == 0);
}

CHILD_CASE(a_command_is_found_by_path, finds)
CHILD_CASE(signals_are_unblocked, unblocks)
CHILD_CASE(a_command_that_is_nowhere, does_not_find)
CHILD_CASE(a_closed_directory_of_path_hides_nothing, cannot_look)
CHILD_CASE(a_file_that_is_no_program, is_no_program)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_found_by_path),
		cmocka_unit_test(signals_are_unblocked),
		cmocka_unit_test(a_command_that_is_nowhere),
		cmocka_unit_test(a_closed_directory_of_path_hides_nothing),
		cmocka_unit_test(a_file_that_is_no_program),
	};

	return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
