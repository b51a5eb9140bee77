/* SPDX-License-Identifier: BSD-2-Clause */
/* unsealed: clone close exit_group pipe2 poll read wait4 write */
/* Rows side by side, each in a process of its own: a NAT in real time is waited for once. */
#include "verify/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Most of them sleep. */
#define TOGETHER 40
/* No row takes longer. */
#define LIFE_S 170

/* What a child says when it is done; `row` < 0: there is no such NAT here, `why` says why. */
struct result {
	int row;
	struct verify_outcome outcome;
};

static void run_child(int out, int row)
{
	struct drive_error error = { "" };
	struct verify_nat *nat = verify_linux_make(&error);
	struct result result = { .row = nat ? row : -1 };

	alarm(LIFE_S);
	if (nat && row >= 0)
		verify_run(&verify_rows[row], nat, NULL, &result.outcome);
	else
		memcpy(result.outcome.why, error.text, sizeof(result.outcome.why) - 1);
	if (nat && row < 0)
		result.row = 0;
	(void)!write(out, &result, sizeof(result));
	_exit(0);
}

static pid_t begin_child(const int channel[2], int row)
{
	pid_t child = fork();

	if (child == 0) {
		close(channel[0]);
		run_child(channel[1], row);
	}
	return child;
}

/* Is there such a NAT at all? Row -1 asks for that alone. */
static int try_one(struct drive_error *error)
{
	struct result result = { .row = -1 };
	int channel[2];
	ssize_t got;
	pid_t child;

	if (pipe2(channel, O_CLOEXEC) < 0)
		return drive_fail(error, errno, "no pipe: %s", strerror(errno));
	child = begin_child(channel, -1);
	close(channel[1]);
	got = child > 0 ? read(channel[0], &result, sizeof(result)) : -1;
	close(channel[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	if (got == sizeof(result) && result.row == 0)
		return 0;
	return drive_fail(error, EOPNOTSUPP, "%s",
			  *result.outcome.why ? result.outcome.why : "it ended before it began");
}

/* Takes what children have said; each write is smaller than what a pipe keeps whole. */
static void take_said(int channel, struct verify_outcome *out)
{
	struct result result;

	while (read(channel, &result, sizeof(result)) == sizeof(result)) {
		if (result.row >= 0 && (size_t)result.row < verify_row_count)
			out[result.row] = result.outcome;
	}
}

int verify_linux_run(const bool *wanted, struct verify_outcome *out, struct drive_error *error)
{
	size_t next = 0, running = 0;
	int channel[2];
	int result = try_one(error);

	if (result < 0)
		return result;
	if (pipe2(channel, O_CLOEXEC | O_NONBLOCK) < 0)
		return drive_fail(error, errno, "no pipe: %s", strerror(errno));
	for (size_t i = 0; i < verify_row_count; i++)
		out[i] = (struct verify_outcome){ false, "its process ended before the row did" };
	while (next < verify_row_count || running > 0) {
		if (next < verify_row_count && running < TOGETHER) {
			running += wanted[next] && begin_child(channel, (int)next) > 0;
			next++;
			continue;
		}
		if (waitpid(-1, NULL, 0) < 0)
			break;
		take_said(channel[0], out);
		running--;
	}
	close(channel[0]);
	close(channel[1]);
	return 0;
}
