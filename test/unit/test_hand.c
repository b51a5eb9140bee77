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
static int voice;  /* and of its standard error */

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
	voice = saying[1];
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
	close(voice);
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

/* ---- what a worker says ---- */

static int heard;	/* a file in the place of our standard error */
static int real_stderr; /* meanwhile */

static int fresh_and_ready(void **state)
{
	const struct cmd_message ready = { .kind = CMD_ASK_READY };

	fresh(state);
	assert_int_equal(drive_loop_new(&harbour.loop), 0);
	assert_int_equal(cmd_channel_send(worker, &ready, NULL, 0), 0);
	assert_int_equal(cmd_hand_await(&harbour, 1000, &error), 0);
	harbour.hand.ready = true;
	heard = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(heard >= 0);
	real_stderr = dup(STDERR_FILENO);
	(void)dup2(heard, STDERR_FILENO);
	return 0;
}

static int clean_and_quiet(void **state)
{
	clean(state);
	(void)dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(heard);
	drive_loop_free(harbour.loop);
	return 0;
}

/* How much was heard so far, of what is said with this byte. */
static size_t heard_of(char byte)
{
	static char text[1 << 20];
	ssize_t size = pread(heard, text, sizeof(text), 0);
	size_t count = 0;

	assert_true(size >= 0);
	for (ssize_t i = 0; i < size; i++)
		count += text[i] == byte;
	return count;
}

static void turn_loop(void)
{
	for (int i = 0; i < 40; i++)
		assert_true(drive_loop_turn(harbour.loop, drive_now()) >= 0);
}

/* So much; what does not fit is lost, and the worker does not wait. */
static void says(size_t size)
{
	static char text[1024];

	memset(text, 'x', sizeof(text));
	for (; size; size -= sizeof(text)) {
		if (write(voice, text, sizeof(text)) < 0)
			assert_int_equal(errno, EAGAIN);
		assert_true(drive_loop_turn(harbour.loop, drive_now()) >= 0);
	}
	turn_loop();
}

static void what_it_says_is_text(void **state)
{
	(void)state;
	assert_int_equal(write(voice, "a\tb\033[2J\n\xff", 9), 9);
	turn_loop();
	assert_int_equal(heard_of('?'), 2);
	assert_int_equal(heard_of('\t'), 1);
	assert_int_equal(heard_of('\n'), 1);
	assert_int_equal(heard_of('J'), 1);
}

/* A rule that logs may speak for years, but nobody hears more than so much in a second. */
static void it_may_speak_for_as_long_as_it_lives(void **state)
{
	struct minato_time due = drive_now();
	size_t before;

	(void)state;
	says(60 * 1024);
	assert_int_equal(heard_of('x'), 60 * 1024);
	assert_int_equal(cmd_hand_turn(&harbour, due).ns, MINATO_NEVER.ns);
	says(200 * 1024);
	before = heard_of('x');
	assert_in_range(before, 60 * 1024, 80 * 1024);
	for (int i = 0; i < 20; i++) {
		due = cmd_hand_turn(&harbour, due);
		assert_true(due.ns > 0 && due.ns != MINATO_NEVER.ns);
		assert_int_equal(cmd_hand_turn(&harbour, due).ns, MINATO_NEVER.ns);
		says(70 * 1024);
		assert_in_range(heard_of('x') - before, 12 * 1024, 24 * 1024);
		before = heard_of('x');
	}
	/* It is said, and once. */
	assert_int_equal(heard_of(':'), 2);
}

static void last_words_are_heard(void **state)
{
	size_t before;

	(void)state;
	says(200 * 1024);
	before = heard_of('x');
	assert_true(write(voice, "zzzz", 4) == 4 || errno == EAGAIN);
	cmd_hand_end(&harbour);
	assert_true(heard_of('x') > before);
}

#define SPOKEN(test) cmocka_unit_test_setup_teardown(test, fresh_and_ready, clean_and_quiet)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_is_awaited_for_a_time, fresh, clean),
		cmocka_unit_test_setup_teardown(a_later_one_is_killed, fresh, clean),
		cmocka_unit_test_setup_teardown(one_that_is_ready_is_left_alone, fresh, clean),
		SPOKEN(what_it_says_is_text),
		SPOKEN(it_may_speak_for_as_long_as_it_lives),
		SPOKEN(last_words_are_heard),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
