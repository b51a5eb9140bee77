/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a body in a network namespace of its own, without root; for tests of drive/. */
#ifndef MINATO_TEST_NETNS_FIXTURE_H
#define MINATO_TEST_NETNS_FIXTURE_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Forks, unshares, runs. Returns whether the body came to its end; skips where it cannot. */
static inline int exit_code_in_netns(void (*body)(void))
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
			_exit(NO_NAMESPACE);
		body();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

#define IN_NETNS(body)                                                                             \
	do {                                                                                       \
		int code = exit_code_in_netns(body);                                               \
		if (code == NO_NAMESPACE)                                                          \
			skip();                                                                    \
		assert_int_equal(code, 0);                                                         \
	} while (0)

#endif
