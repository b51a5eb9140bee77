/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest from its making to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "guest_fixture.h"

static struct guest_run run;

static void assert_runs(const char *script, int code)
{
	if (!guests_can_be())
		skip();
	plan_guest(&run, script);
	if (run_guest(&run) != 0)
		fail_msg("%s", run.error.text);
	assert_int_equal(run.code, code);
}

static void exit_code_comes_back(void **state)
{
	(void)state;
	assert_runs("exit 0", 0);
	assert_runs("exit 7", 7);
	assert_runs("exit 255", 255);
}

static void a_signal_is_128_and_its_number(void **state)
{
	(void)state;
	assert_runs("kill -TERM $$", 128 + SIGTERM);
	assert_runs("kill -KILL $$", 128 + SIGKILL);
}

static void nothing_is_missing(void **state)
{
	(void)state;
	assert_runs("true", 0);
	assert_string_equal(run.guest.warning.text, "");
}

static void command_runs_as_the_caller(void **state)
{
	char wanted[64];

	(void)state;
	(void)snprintf(wanted, sizeof(wanted), "%u %u\n", geteuid(), getegid());
	assert_runs("echo $(id -u) $(id -g)", 0);
	assert_string_equal(run.output, wanted);
}

static void with_root_it_runs_as_root(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "echo $(id -u) $(id -g)");
	run.plan.root = true;
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "0 0\n");
}

static void directory_can_be_chosen(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "pwd");
	run.plan.workdir = "/usr/bin";
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "/usr/bin\n");
	plan_guest(&run, "pwd");
	run.plan.workdir = "/no/such/directory";
	assert_int_equal(run_guest(&run), -ENOENT);
	assert_non_null(strstr(run.error.text, "/no/such/directory"));
}

static void init_is_pid_1_and_sees_no_other(void **state)
{
	(void)state;
	assert_runs("cd /proc; cat 1/comm; ls -d [0-9]* | wc -w", 0);
	assert_memory_equal(run.output, "minato-init\n", 12);
	assert_in_range(atoi(run.output + 12), 2, 5);
}

static void signals_are_handed_on(void **state)
{
	char ready[8];
	int pipe_of[2];

	(void)state;
	if (!guests_can_be())
		skip();
	assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
	plan_guest(&run, "trap 'exit 33' USR1; echo; while :; do sleep 9 & wait; done");
	int saved = dup(1);
	dup2(pipe_of[1], 1);
	assert_int_equal(drive_guest_make(&run.guest, &run.plan, &run.error), 0);
	dup2(saved, 1);
	close(saved);
	assert_int_equal(drive_guest_go(&run.guest, &run.error), 0);
	assert_int_equal(read(pipe_of[0], ready, 1), 1);
	assert_int_equal(drive_guest_reap(&run.guest), -EAGAIN);
	assert_int_equal(drive_guest_signal(&run.guest, SIGUSR1), 0);
	assert_int_equal(await_guest(&run.guest), 33);
	assert_int_equal(drive_guest_signal(&run.guest, SIGUSR1), -ESRCH);
	drive_guest_end(&run.guest);
	close(run.guest.tap);
	close(pipe_of[0]);
	close(pipe_of[1]);
	free(run.argv[2]);
}

/* The line of SigIgn that a command has to show: what is ignored here, which depends on who started
 * the tests, without the bits of `never` and with those of `always`. */
static const char *ignored_line(uint64_t never, uint64_t always)
{
	static char line[64];
	uint64_t mask = 0;
	FILE *status = fopen("/proc/self/status", "re");

	assert_non_null(status);
	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "SigIgn: %" SCNx64, &mask) == 1)
			break;
	fclose(status);
	snprintf(line, sizeof(line), "SigIgn:\t%016" PRIx64 "\n", (mask & ~never) | always);
	return line;
}

static void no_signal_is_blocked_and_pipes_break(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_runs("grep -E 'SigBlk|SigIgn' /proc/self/status", 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_non_null(strstr(run.output, "SigBlk:\t0000000000000000"));
	assert_non_null(strstr(run.output, ignored_line((uint64_t)1 << (SIGPIPE - 1), 0)));
}

static void ignored_signals_stay_ignored(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	assert_runs("grep SigIgn /proc/self/status", 0);
	signal(SIGHUP, SIG_DFL);
	assert_string_equal(run.output, ignored_line(0, (uint64_t)1 << (SIGHUP - 1)));
}

static void callers_descriptors_are_closed(void **state)
{
	int high = fcntl(0, F_DUPFD, 100);
	int low = dup(1);

	(void)state;
	assert_runs("ls /proc/1/fd /proc/$$/fd | grep -c '^100$'", 1);
	assert_string_equal(run.output, "0\n");
	close(high);
	close(low);
}

static void command_inherits_the_environment(void **state)
{
	(void)state;
	setenv("MINATO_TEST", "here", 1);
	assert_runs("echo $MINATO_TEST", 0);
	unsetenv("MINATO_TEST");
	assert_string_equal(run.output, "here\n");
}

static void environment_of_the_plan(void **state)
{
	char one[] = "MINATO_TEST=there";
	char *envp[] = { one, NULL };

	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "echo $MINATO_TEST $HOME");
	run.plan.envp = envp;
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "there\n");
}

static void working_directory_stays(void **state)
{
	char before[256];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir("/usr"), 0);
	assert_runs("pwd", 0);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(run.output, "/usr\n");
}

static int result_of_command(char *name)
{
	char *argv[] = { name, NULL };

	plan_guest(&run, "");
	run.plan.argv = argv;
	return run_guest(&run);
}

static void a_command_that_is_nowhere(void **state)
{
	char relative[] = "minato-no-such-command";
	char absolute[] = "/nonexistent/command";

	(void)state;
	if (!guests_can_be())
		skip();
	assert_int_equal(result_of_command(relative), -ENOENT);
	assert_non_null(strstr(run.error.text, "No such file"));
	assert_int_equal(result_of_command(absolute), -ENOENT);
	assert_int_equal(drive_exec_code(-ENOENT), 127);
}

static void a_command_that_is_none(void **state)
{
	char name[] = "/etc/passwd";

	(void)state;
	if (!guests_can_be())
		skip();
	assert_int_equal(result_of_command(name), -EACCES);
	assert_int_equal(drive_exec_code(-EACCES), 126);
}

static void what_the_command_left_is_killed(void **state)
{
	int pipe_of[2];
	char byte;

	(void)state;
	if (!guests_can_be())
		skip();
	assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
	plan_guest(&run, "setsid sleep 600 & sleep 600 & exit 0");
	int saved = dup(1);
	dup2(pipe_of[1], 1);
	close(pipe_of[1]);
	assert_int_equal(drive_guest_make(&run.guest, &run.plan, &run.error), 0);
	dup2(saved, 1);
	close(saved);
	assert_int_equal(drive_guest_go(&run.guest, &run.error), 0);
	assert_int_equal(await_guest(&run.guest), 0);
	/* The pipe ends because nobody holds its other end any more. */
	assert_int_equal(read(pipe_of[0], &byte, 1), 0);
	drive_guest_end(&run.guest);
	close(run.guest.tap);
	close(pipe_of[0]);
	free(run.argv[2]);
}

/* A process that makes a guest with `script`, holding our pipe as its standard output. */
static pid_t maker(const char *script, int out)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	dup2(out, 1);
	plan_guest(&run, script);
	if (drive_guest_make(&run.guest, &run.plan, &run.error) != 0 ||
	    drive_guest_go(&run.guest, &run.error) != 0)
		_exit(99);
	_exit(await_guest(&run.guest));
}

static void nothing_stays_when_the_maker_is_killed(void **state)
{
	struct pollfd end = { .events = POLLIN };
	int pipe_of[2];
	char byte;
	pid_t child;

	(void)state;
	if (!guests_can_be())
		skip();
	assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
	child = maker("setsid sleep 600 & echo; sleep 600", pipe_of[1]);
	close(pipe_of[1]);
	assert_int_equal(read(pipe_of[0], &byte, 1), 1);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	end.fd = pipe_of[0];
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(read(pipe_of[0], &byte, 1), 0);
	close(pipe_of[0]);
}

static void nothing_stays_when_init_is_killed(void **state)
{
	int pipe_of[2];
	char byte;

	(void)state;
	if (!guests_can_be())
		skip();
	assert_int_equal(pipe2(pipe_of, O_CLOEXEC), 0);
	plan_guest(&run, "setsid sleep 600 & echo; sleep 600");
	int saved = dup(1);
	dup2(pipe_of[1], 1);
	close(pipe_of[1]);
	assert_int_equal(drive_guest_make(&run.guest, &run.plan, &run.error), 0);
	dup2(saved, 1);
	close(saved);
	assert_int_equal(drive_guest_go(&run.guest, &run.error), 0);
	assert_int_equal(read(pipe_of[0], &byte, 1), 1);
	kill(run.guest.init, SIGKILL);
	assert_int_equal(await_guest(&run.guest), 128 + SIGKILL);
	assert_int_equal(read(pipe_of[0], &byte, 1), 0);
	drive_guest_end(&run.guest);
	close(run.guest.tap);
	close(pipe_of[0]);
	free(run.argv[2]);
}

static void a_guest_never_started_ends_too(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "true");
	assert_int_equal(drive_guest_make(&run.guest, &run.plan, &run.error), 0);
	drive_guest_end(&run.guest);
	drive_guest_end(&run.guest);
	assert_int_equal(drive_guest_reap(&run.guest), -ESRCH);
	close(run.guest.tap);
	free(run.argv[2]);
}

static void failing_leaves_nothing(void **state)
{
	int before = dup(0);
	int after;

	(void)state;
	close(before);
	if (!guests_can_be())
		skip();
	plan_guest(&run, "true");
	run.plan.mtu = 10; /* the kernel has a lower bound of 68 */
	assert_int_equal(drive_guest_make(&run.guest, &run.plan, &run.error), -EINVAL);
	assert_non_null(strstr(run.error.text, "tap0"));
	assert_int_equal(run.guest.tap, -1);
	assert_int_equal(run.guest.pidfd, -1);
	after = dup(0);
	assert_int_equal(after, before);
	close(after);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(run.argv[2]);
}

static void status_codes(void **state)
{
	(void)state;
	assert_int_equal(drive_status_code(3 << 8), 3);
	assert_int_equal(drive_status_code(9), 137);
	assert_int_equal(drive_status_code(11 | 0x80), 139);
}

static void signals_of_a_terminal_are_told_apart(void **state)
{
	struct signalfd_siginfo info = { .ssi_code = SI_USER };

	(void)state;
	assert_true(drive_signal_was_sent(&info));
	info.ssi_code = SI_QUEUE;
	assert_true(drive_signal_was_sent(&info));
	info.ssi_code = SI_KERNEL;
	assert_false(drive_signal_was_sent(&info));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_code_comes_back),
		cmocka_unit_test(a_signal_is_128_and_its_number),
		cmocka_unit_test(nothing_is_missing),
		cmocka_unit_test(command_runs_as_the_caller),
		cmocka_unit_test(with_root_it_runs_as_root),
		cmocka_unit_test(directory_can_be_chosen),
		cmocka_unit_test(init_is_pid_1_and_sees_no_other),
		cmocka_unit_test(signals_are_handed_on),
		cmocka_unit_test(no_signal_is_blocked_and_pipes_break),
		cmocka_unit_test(ignored_signals_stay_ignored),
		cmocka_unit_test(callers_descriptors_are_closed),
		cmocka_unit_test(command_inherits_the_environment),
		cmocka_unit_test(environment_of_the_plan),
		cmocka_unit_test(working_directory_stays),
		cmocka_unit_test(a_command_that_is_nowhere),
		cmocka_unit_test(a_command_that_is_none),
		cmocka_unit_test(what_the_command_left_is_killed),
		cmocka_unit_test(nothing_stays_when_the_maker_is_killed),
		cmocka_unit_test(nothing_stays_when_init_is_killed),
		cmocka_unit_test(a_guest_never_started_ends_too),
		cmocka_unit_test(failing_leaves_nothing),
		cmocka_unit_test(status_codes),
		cmocka_unit_test(signals_of_a_terminal_are_told_apart),
	};

	return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
