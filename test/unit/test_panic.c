/* SPDX-License-Identifier: BSD-2-Clause */
/* A program without a panic of its own is ended by the library's. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"

/* What a child that checks this ends with; no core, no sanitizer's report. */
static int status_of(bool condition)
{
	static const struct rlimit none = { 0, 0 };
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &none);
		signal(SIGILL, SIG_DFL);
		signal(SIGTRAP, SIG_DFL);
		check(condition);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_broken_promise_ends_the_program(void **state)
{
	(void)state;
	assert_true(WIFSIGNALED(status_of(false)));
}

static void a_kept_one_does_not(void **state)
{
	(void)state;
	assert_int_equal(status_of(true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_promise_ends_the_program),
		cmocka_unit_test(a_kept_one_does_not),
	};
	return cmocka_run_group_tests_name("panic", tests, NULL, NULL);
}
