/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals and the terminal: what is meant for the command reaches it through us. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* All that a process may be told from outside; KILL and STOP cannot be passed on. */
static const int passed[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGTERM,  SIGUSR1,
			      SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH, SIGALRM };

#define PASSED_COUNT (sizeof(passed) / sizeof(passed[0]))

/*
 * A signal of the terminal reached the whole foreground group, the command too, so only what a
 * process sent is passed on. But when the terminal hangs up the kernel tells the leader of the
 * session alone, which may be us. When the terminal stops the job, we stop with it: the shell that
 * started us waits for that.
 */
static void arrived(void *user, const struct signalfd_siginfo *signal)
{
	struct cmd_passing *passing = user;
	int signo = (int)signal->ssi_signo;

	if (drive_signal_was_sent(signal) || signo == SIGHUP || passing->alone)
		passing->pass(passing->user, signo);
	if (signo == SIGTSTP)
		raise(SIGSTOP);
}

int cmd_passing_begin(struct cmd_passing *passing, struct drive_loop *loop)
{
	sigset_t set;

	passing->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	passing->foreground = passing->terminal < 0 ? -1 : tcgetpgrp(passing->terminal);
	sigemptyset(&set);
	for (size_t i = 0; i < PASSED_COUNT; i++)
		sigaddset(&set, passed[i]);
	return drive_loop_signals(loop, &set, arrived, passing);
}

void cmd_passing_end(struct cmd_passing *passing)
{
	sigset_t set;

	if (passing->terminal < 0)
		return;
	/* Only where we were in the foreground: a job in the background takes nothing. */
	if (passing->foreground == getpgrp() &&
	    tcgetpgrp(passing->terminal) != passing->foreground) {
		/* tcsetpgrp from the background would stop us (SIGTTOU). */
		sigemptyset(&set);
		sigaddset(&set, SIGTTOU);
		sigprocmask(SIG_BLOCK, &set, NULL);
		tcsetpgrp(passing->terminal, passing->foreground);
	}
	close(passing->terminal);
	passing->terminal = -1;
}

int cmd_signal_number(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);

	if (end != name && !*end)
		return number > 0 && number < NSIG ? (int)number : -EINVAL;
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (int i = 1; i < NSIG; i++) {
		const char *known = sigabbrev_np(i);

		if (known && !strcmp(known, name))
			return i;
	}
	return -EINVAL;
}
