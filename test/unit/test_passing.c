/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals: their names, and which are handed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "cmd/cmd.h"

static int last_passed;

static void pass(void *user, int signo)
{
	(void)user;
	last_passed = signo;
}

static void signals_have_names(void **state)
{
	(void)state;
	assert_int_equal(cmd_signal_number("TERM"), SIGTERM);
	assert_int_equal(cmd_signal_number("SIGTERM"), SIGTERM);
	assert_int_equal(cmd_signal_number("WINCH"), SIGWINCH);
}

static void signals_have_numbers(void **state)
{
	(void)state;
	assert_int_equal(cmd_signal_number("9"), SIGKILL);
	assert_int_equal(cmd_signal_number("15"), SIGTERM);
}

static void what_is_no_signal_is_refused(void **state)
{
	(void)state;
	assert_int_equal(cmd_signal_number(""), -EINVAL);
	assert_int_equal(cmd_signal_number("0"), -EINVAL);
	assert_int_equal(cmd_signal_number("-1"), -EINVAL);
	assert_int_equal(cmd_signal_number("65"), -EINVAL);
	assert_int_equal(cmd_signal_number("15x"), -EINVAL);
	assert_int_equal(cmd_signal_number("term"), -EINVAL);
	assert_int_equal(cmd_signal_number("SIG"), -EINVAL);
}

static void what_a_process_sends_is_passed_on(void **state)
{
	static const int signals[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGTERM, SIGUSR1,
				       SIGUSR2, SIGCONT, SIGALRM, SIGWINCH };
	struct cmd_passing passing = { .pass = pass };
	struct minato_time past = { 0 };
	struct drive_loop *loop;

	(void)state;
	assert_int_equal(drive_loop_new(&loop), 0);
	assert_int_equal(cmd_passing_begin(&passing, loop), 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		last_passed = 0;
		kill(getpid(), signals[i]);
		assert_true(drive_loop_turn(loop, past) >= 0);
		assert_int_equal(last_passed, signals[i]);
	}
	cmd_passing_end(&passing, 0);
	drive_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_have_names),
		cmocka_unit_test(signals_have_numbers),
		cmocka_unit_test(what_is_no_signal_is_refused),
		cmocka_unit_test(what_a_process_sends_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
