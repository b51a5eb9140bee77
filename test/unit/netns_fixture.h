/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a body in a network namespace of its own, without root; for tests of drive/. */
#ifndef MINATO_TEST_NETNS_FIXTURE_H
#define MINATO_TEST_NETNS_FIXTURE_H

#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_NAMESPACE 77

/* Inside a body: ends it as failed where the condition does not hold. */
#define DEMAND(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #condition);          \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Runs the body in a child process, which leaves what it changes behind; its exit code. */
static inline int exit_code_in_child(void (*body)(void))
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		body();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

static inline void enter_netns(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		_exit(NO_NAMESPACE);
}

#define CHILD_CASE(name, body)                                                                     \
	static void name(void **state)                                                             \
	{                                                                                          \
		int code = exit_code_in_child(body);                                               \
                                                                                                   \
		(void)state;                                                                       \
		if (code == NO_NAMESPACE)                                                          \
			skip();                                                                    \
		assert_int_equal(code, 0);                                                         \
	}

#define NETNS_CASE(name, body)                                                                     \
	static void body##_in_netns(void)                                                          \
	{                                                                                          \
		enter_netns();                                                                     \
		body();                                                                            \
	}                                                                                          \
	CHILD_CASE(name, body##_in_netns)

#endif
