/* SPDX-License-Identifier: BSD-2-Clause */
/* Which namespaces may be served, and what is said of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#include "target_fixture.h"

static struct drive_target target;
static struct drive_error error;
static struct sandbox sandbox;

static void assert_refused(const char *word, int result, const char *part)
{
	assert_int_equal(drive_target_open(&target, word, &error), result);
	if (!strstr(error.text, part))
		fail_msg("no \"%s\" in: %s", part, error.text);
	/* Nothing stays open. */
	assert_int_equal(target.netns, -1);
	assert_int_equal(target.pidfd, -1);
}

static void no_process_is_refused(void **state)
{
	(void)state;
	assert_refused("999999999", -ESRCH, "there is no process 999999999");
	assert_refused("99999999999999999999", -ESRCH, "there is no process");
	assert_refused("0", -ESRCH, "there is no process 0");
}

static void the_host_s_network_is_refused(void **state)
{
	char word[16];

	(void)state;
	snprintf(word, sizeof(word), "%d", (int)getpid());
	assert_refused(word, -ENOTSUP, "the host's own network");
	assert_refused("/proc/self/ns/net", -ENOTSUP, "the host's own network");
}

static void what_is_no_namespace_is_refused(void **state)
{
	(void)state;
	assert_refused("/nowhere/at/all", -ENOENT, "/nowhere/at/all: No such file");
	assert_refused("/etc/passwd", -EINVAL, "/etc/passwd is not a network namespace");
	assert_refused("/proc/self/ns/mnt", -EINVAL, "not a network namespace");
	assert_refused("/proc", -EINVAL, "not a network namespace");
	assert_refused("", -ENOENT, "No such file");
}

/* Run as root, who becomes somebody for whom the sandbox is another user's. */
static void try_as_another(void)
{
	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	if (drive_target_open(&target, sandbox.word, &error) != -EPERM)
		_exit(2);
	_exit(strstr(error.text, "is not yours (it belongs to root)") ? 0 : 3);
}

static void another_user_s_process_is_refused(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if (geteuid() != 0 || !guests_can_be() || !sandbox_make(&sandbox, CLONE_NEWNET))
		skip();
	child = fork();
	if (child == 0)
		try_as_another();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_sandbox_is_found(void **state)
{
	(void)state;
	if (!guests_can_be() || !sandbox_make(&sandbox, CLONE_NEWUSER | CLONE_NEWNET))
		skip();
	assert_int_equal(drive_target_open(&target, sandbox.word, &error), 0);
	assert_int_equal(target.pid, sandbox.pid);
	assert_true(target.owner >= 0);
	/* The mounts are ours too. */
	assert_int_equal(target.mntns, -1);
	assert_true(drive_target_lives(&target));
	sandbox_end(&sandbox);
	assert_false(drive_target_lives(&target));
}

static void mounts_of_its_own_are_found(void **state)
{
	(void)state;
	if (!guests_can_be() || !sandbox_make(&sandbox, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
		skip();
	assert_int_equal(drive_target_open(&target, sandbox.word, &error), 0);
	assert_true(target.mntns >= 0);
	assert_true(target.root >= 0);
}

/* What is mounted there would be seen elsewhere. */
static void shared_mounts_are_left_alone(void **state)
{
	(void)state;
	if (!guests_can_be() || !sandbox_make(&sandbox, CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS))
		skip();
	sandbox_run(&sandbox, "mount --make-rshared /");
	assert_int_equal(drive_target_open(&target, sandbox.word, &error), 0);
	assert_int_equal(target.mntns, -1);
}

static void a_path_is_found_and_goes(void **state)
{
	char path[64];

	(void)state;
	if (!guests_can_be() || !sandbox_make(&sandbox, CLONE_NEWUSER | CLONE_NEWNET))
		skip();
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)sandbox.pid);
	assert_int_equal(drive_target_open(&target, path, &error), 0);
	assert_int_equal(target.pid, 0);
	assert_int_equal(target.mntns, -1);
	assert_true(drive_target_lives(&target));
	sandbox_end(&sandbox);
	assert_false(drive_target_lives(&target));
}

static void a_path_of_the_working_directory_is_one(void **state)
{
	char path[64];
	int before = open(".", O_PATH | O_CLOEXEC);

	(void)state;
	if (!guests_can_be() || !sandbox_make(&sandbox, CLONE_NEWUSER | CLONE_NEWNET))
		skip();
	snprintf(path, sizeof(path), "/proc/%d/ns", (int)sandbox.pid);
	assert_int_equal(chdir(path), 0);
	assert_int_equal(drive_target_open(&target, "net", &error), 0);
	assert_true(drive_target_lives(&target));
	assert_int_equal(fchdir(before), 0);
	close(before);
}

static int start(void **state)
{
	(void)state;
	sandbox.pid = -1;
	target = (struct drive_target){ -1, -1, -1, -1, -1, -1, -1, -1, "", 0, 0 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	drive_target_close(&target);
	sandbox_end(&sandbox);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_process_is_refused),
		CASE(the_host_s_network_is_refused),
		CASE(what_is_no_namespace_is_refused),
		CASE(another_user_s_process_is_refused),
		CASE(a_sandbox_is_found),
		CASE(mounts_of_its_own_are_found),
		CASE(shared_mounts_are_left_alone),
		CASE(a_path_is_found_and_goes),
		CASE(a_path_of_the_working_directory_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
