/* SPDX-License-Identifier: BSD-2-Clause */
/* A worker that hangs while it starts holds nobody up for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

static struct cmd_harbour harbour;
static struct drive_error error;
static int worker; /* its end of the channel */

/* A worker that never says a word. */
static int fresh(void **state)
{
	int channel[2];
	int saying[2];
	pid_t pid;

	(void)state;
	memset(&harbour, 0, sizeof(harbour));
	harbour.nameservers.path = "/dev/null";
	harbour.guest.tap = STDERR_FILENO;
	assert_int_equal(cmd_channel_pair(channel), 0);
	assert_int_equal(pipe2(saying, O_CLOEXEC | O_NONBLOCK), 0);
	pid = fork();
	if (pid == 0) {
		for (;;)
			(void)pause();
	}
	close(saying[1]);
	worker = channel[1];
	harbour.hand = (struct cmd_hand){
		.pid = pid,
		.pidfd = pidfd_open(pid, 0),
		.channel = channel[0],
		.saying = saying[0],
	};
	return 0;
}

static int clean(void **state)
{
	(void)state;
	cmd_hand_end(&harbour);
	close(worker);
	return 0;
}

static void the_first_is_awaited_for_a_time(void **state)
{
	int64_t begin_ns = drive_now().ns;

	(void)state;
	assert_int_equal(cmd_hand_await(&harbour, 1000, &error), -ETIMEDOUT);
	assert_in_range(drive_now().ns - begin_ns, 1000000000, 5000000000);
	assert_string_equal(error.text, "the process for the traffic was not ready after 1 "
					"seconds, and was killed");
	assert_int_equal(harbour.hand.pid, -1);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
}

static void a_later_one_is_killed(void **state)
{
	siginfo_t info = { 0 };
	struct minato_time due;

	(void)state;
	assert_int_equal(cmd_hand_begin(&harbour), 0);
	due = cmd_hand_turn(&harbour, drive_now());
	assert_in_range(due.ns - drive_now().ns, 15000000000, CMD_START_MS * INT64_C(1000000));
	due = cmd_hand_turn(&harbour, due);
	assert_int_equal(due.ns, MINATO_NEVER.ns);
	assert_int_equal(waitid(P_PID, (id_t)harbour.hand.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_status, SIGKILL);
}

static void one_that_is_ready_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(cmd_hand_begin(&harbour), 0);
	harbour.hand.ready = true;
	assert_int_equal(cmd_hand_turn(&harbour, harbour.hand.until).ns, MINATO_NEVER.ns);
	assert_int_equal(kill(harbour.hand.pid, 0), 0);
	assert_int_equal(waitpid(harbour.hand.pid, NULL, WNOHANG), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_is_awaited_for_a_time, fresh, clean),
		cmocka_unit_test_setup_teardown(a_later_one_is_killed, fresh, clean),
		cmocka_unit_test_setup_teardown(one_that_is_ready_is_left_alone, fresh, clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
