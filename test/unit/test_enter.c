/* SPDX-License-Identifier: BSD-2-Clause */
/* Entering a guest that runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>

#include "guest_fixture.h"
#include "netns_fixture.h"
#include "target_fixture.h"

static struct guest_run run;
static char text[256];
static const char *workdir; /* of what enters, or NULL */
static char *const *envp;   /* its environment, or NULL */

/* A guest that idles until it is ended. */
static bool start_idle(void)
{
	if (!guests_can_be())
		return false;
	plan_guest(&run, "echo guest > /dev/null; sleep 600");
	DEMAND(drive_guest_make(&run.guest, &run.plan, &run.error) == 0);
	DEMAND(drive_guest_go(&run.guest, &run.error) == 0);
	return true;
}

static void end_idle(void)
{
	drive_guest_end(&run.guest);
	close(run.guest.tap);
	free(run.argv[2]);
}

/* Enters from a child, as `minato exec` is a process of its own. The exit code, and the output. */
static int enter_with(char *const *argv)
{
	struct drive_error error = { "" };
	int out[2];
	int status = 0;
	ssize_t size;
	pid_t child;

	DEMAND(pipe2(out, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		pid_t command;
		int pidfd;

		(void)dup2(out[1], 1);
		if (drive_enter(run.guest.init, workdir, false, &error) < 0)
			_exit(125);
		command = drive_enter_start(argv, envp, &pidfd, &error);
		if (command < 0)
			_exit(drive_exec_code(command));
		(void)waitpid(command, &status, 0);
		_exit(drive_status_code(status));
	}
	close(out[1]);
	DEMAND(waitpid(child, &status, 0) == child);
	size = read(out[0], text, sizeof(text) - 1);
	text[size > 0 ? size : 0] = '\0';
	close(out[0]);
	return drive_status_code(status);
}

static int enter(const char *script)
{
	char shell[] = "sh";
	char option[] = "-c";
	char copy[256];
	char *argv[] = { shell, option, copy, NULL };

	(void)snprintf(copy, sizeof(copy), "%s", script);
	return enter_with(argv);
}

#define GUEST_CASE(name)                                                                           \
	static void name##_of_guest(void);                                                         \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		if (!start_idle())                                                                 \
			skip();                                                                    \
		name##_of_guest();                                                                 \
		end_idle();                                                                        \
	}                                                                                          \
	static void name##_of_guest(void)

GUEST_CASE(exit_code_comes_back)
{
	assert_int_equal(enter("exit 9"), 9);
	assert_int_equal(enter("kill -TERM $$"), 128 + SIGTERM);
}

GUEST_CASE(network_is_the_guests)
{
	assert_int_equal(enter("ls /sys/class/net"), 0);
	assert_string_equal(text, "lo\ntap0\n");
}

GUEST_CASE(processes_are_the_guests)
{
	assert_int_equal(enter("cat /proc/1/comm"), 0);
	assert_string_equal(text, "minato-init\n");
}

GUEST_CASE(files_are_the_guests)
{
	assert_int_equal(enter("grep -c 10.77.0.3 /etc/resolv.conf"), 0);
	assert_string_equal(text, "1\n");
}

GUEST_CASE(user_is_the_guests)
{
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), "%u %u\n", geteuid(), getegid());
	assert_int_equal(enter("echo $(id -u) $(id -g)"), 0);
	assert_string_equal(text, wanted);
}

GUEST_CASE(directory_is_kept)
{
	char before[256];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir("/usr"), 0);
	assert_int_equal(enter("pwd"), 0);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(text, "/usr\n");
}

GUEST_CASE(directory_can_be_chosen)
{
	workdir = "/usr/bin";
	assert_int_equal(enter("pwd"), 0);
	assert_string_equal(text, "/usr/bin\n");
	workdir = "/no/such/directory";
	assert_int_equal(enter("pwd"), 125);
	workdir = NULL;
}

GUEST_CASE(environment_can_be_chosen)
{
	char path[] = "PATH=/usr/bin:/bin";
	char word[] = "WORD=a b";
	char *own[] = { path, word, NULL };

	envp = own;
	assert_int_equal(enter("echo \"$WORD\"; env | grep -c ^HOME"), 1);
	assert_string_equal(text, "a b\n0\n");
	envp = NULL;
}

GUEST_CASE(missing_command_is_127)
{
	char name[] = "minato-no-such-command";
	char *argv[] = { name, NULL };

	assert_int_equal(enter_with(argv), 127);
}

GUEST_CASE(command_dies_with_who_entered)
{
	char name[] = "sh";
	char option[] = "-c";
	char script[] = "echo; exec sleep 600";
	char *argv[] = { name, option, script, NULL };
	struct drive_error error;
	int out[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		int pidfd;

		(void)dup2(out[1], 1);
		(void)drive_enter(run.guest.init, NULL, false, &error);
		(void)drive_enter_start(argv, NULL, &pidfd, &error);
		(void)pause();
		_exit(0);
	}
	close(out[1]);
	assert_int_equal(read(out[0], &byte, 1), 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(read(out[0], &byte, 1), 0);
	close(out[0]);
}

GUEST_CASE(command_dies_with_the_guest)
{
	struct pollfd ended = { .fd = run.guest.pidfd, .events = POLLIN };
	int out[2];
	char byte;
	pid_t child;
	int status;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(out[0]);
		(void)dup2(out[1], 2);
		_exit(enter("echo >&2; exec sleep 600"));
	}
	close(out[1]);
	assert_int_equal(read(out[0], &byte, 1), 1);
	assert_int_equal(drive_guest_signal(&run.guest, SIGTERM), 0);
	assert_int_equal(poll(&ended, 1, 10000), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(drive_status_code(status), 128 + SIGKILL);
	close(out[0]);
}

static void with_root(void)
{
	if (!guests_can_be())
		_exit(NO_NAMESPACE);
	plan_guest(&run, "sleep 600");
	run.plan.root = true;
	DEMAND(drive_guest_make(&run.guest, &run.plan, &run.error) == 0);
	DEMAND(drive_guest_go(&run.guest, &run.error) == 0);
	DEMAND(enter("id -u") == 0);
	DEMAND(strcmp(text, "0\n") == 0);
	end_idle();
}

/* Of a sandbox that somebody else made: its namespaces alone, the others are ours already. */
static void with_a_part(int namespaces, const char *uid)
{
	struct sandbox sandbox;
	char link[64];
	char path[64];
	char wanted[128];
	ssize_t size;

	if (!guests_can_be() || !sandbox_make(&sandbox, namespaces))
		_exit(NO_NAMESPACE);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)sandbox.pid);
	size = readlink(path, link, sizeof(link) - 1);
	DEMAND(size > 0);
	link[size] = '\0';
	run.guest.init = sandbox.pid;
	DEMAND(enter("id -u; readlink /proc/self/ns/net") == 0);
	snprintf(wanted, sizeof(wanted), "%s\n%s\n", uid, link);
	DEMAND(strcmp(text, wanted) == 0);
	sandbox_end(&sandbox);
}

static void with_user_and_network(void)
{
	with_a_part(CLONE_NEWUSER | CLONE_NEWNET, "0");
}

static void with_network_alone(void)
{
	if (geteuid() != 0)
		_exit(NO_NAMESPACE);
	with_a_part(CLONE_NEWNET, "0");
}

static void nobody_there(void)
{
	struct drive_error error = { "" };
	pid_t gone = fork();

	if (gone == 0)
		_exit(0);
	DEMAND(waitpid(gone, NULL, 0) == gone);
	DEMAND(drive_enter(gone, NULL, false, &error) == -ESRCH);
	DEMAND(strstr(error.text, "ended"));
}

static void not_a_guest(void)
{
	struct drive_error error = { "" };

	/* Our own namespaces cannot be entered: EINVAL; EPERM where a filter is before. */
	DEMAND(drive_enter(getpid(), NULL, false, &error) < 0);
	DEMAND(error.text[0]);
}

CHILD_CASE(root_of_the_guest_is_root_again, with_root)
CHILD_CASE(a_sandbox_of_somebody_else, with_user_and_network)
CHILD_CASE(a_network_namespace_alone, with_network_alone)
CHILD_CASE(a_guest_that_has_ended, nobody_there)
CHILD_CASE(a_process_that_is_no_guest, not_a_guest)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_code_comes_back),
		cmocka_unit_test(network_is_the_guests),
		cmocka_unit_test(processes_are_the_guests),
		cmocka_unit_test(files_are_the_guests),
		cmocka_unit_test(user_is_the_guests),
		cmocka_unit_test(directory_is_kept),
		cmocka_unit_test(directory_can_be_chosen),
		cmocka_unit_test(environment_can_be_chosen),
		cmocka_unit_test(missing_command_is_127),
		cmocka_unit_test(command_dies_with_who_entered),
		cmocka_unit_test(command_dies_with_the_guest),
		cmocka_unit_test(root_of_the_guest_is_root_again),
		cmocka_unit_test(a_sandbox_of_somebody_else),
		cmocka_unit_test(a_network_namespace_alone),
		cmocka_unit_test(a_guest_that_has_ended),
		cmocka_unit_test(a_process_that_is_no_guest),
	};

	return cmocka_run_group_tests_name("enter", tests, NULL, NULL);
}
