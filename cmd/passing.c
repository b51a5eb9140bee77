/* SPDX-License-Identifier: BSD-2-Clause */
/* Signals and the terminal: what is meant for the command reaches it through us. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* All that a process may be told from outside; KILL and STOP cannot be passed on. */
static const int passed[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGTERM, SIGUSR1,  SIGUSR2,
			      SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGALRM };

#define PASSED_COUNT (sizeof(passed) / sizeof(passed[0]))

/*
 * A signal of the terminal reached the whole foreground group, the command too, so only what a
 * process sent is passed on. But when the terminal hangs up the kernel tells the leader of the
 * session alone, which may be us. What stops a command is up to the command: we hear of it.
 */
static void arrived(void *user, const struct signalfd_siginfo *signal)
{
	struct cmd_passing *passing = user;
	int signo = (int)signal->ssi_signo;

	if (signo == SIGCHLD)
		passing->child(passing->user);
	else if (passing->alone && signo == SIGTSTP)
		cmd_passing_stopped(passing);
	else if (drive_signal_was_sent(signal) || signo == SIGHUP || passing->alone)
		passing->pass(passing->user, signo);
}

/* The process namespace of a process, as /proc had it when we began; 0: cannot be seen. */
static ino_t namespace_of(const struct cmd_passing *passing, pid_t process)
{
	struct stat info;
	char path[32];

	snprintf(path, sizeof(path), "%d/ns/pid", (int)process);
	return fstatat(passing->proc, path, &info, 0) == 0 ? info.st_ino : 0;
}

int cmd_passing_begin(struct cmd_passing *passing, struct drive_loop *loop)
{
	sigset_t set;

	passing->terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	passing->foreground = passing->terminal < 0 ? -1 : tcgetpgrp(passing->terminal);
	passing->moded = passing->terminal >= 0 && passing->foreground == getpgrp() &&
			 tcgetattr(passing->terminal, &passing->modes) == 0;
	passing->proc = passing->terminal < 0 ? -1 : open("/proc", O_PATH | O_CLOEXEC);
	passing->namespace = namespace_of(passing, getpid());
	sigemptyset(&set);
	for (size_t i = 0; i < PASSED_COUNT; i++)
		sigaddset(&set, passed[i]);
	if (passing->child)
		sigaddset(&set, SIGCHLD);
	return drive_loop_signals(loop, &set, arrived, passing);
}

/* Makes a process group the terminal's; from the background that would stop us (SIGTTOU). */
static void give_terminal(const struct cmd_passing *passing, pid_t group)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &before);
	tcsetpgrp(passing->terminal, group);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Takes what has continued us from the signals that wait to be passed on. */
static void forget_continuation(void)
{
	static const struct timespec at_once;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	sigtimedwait(&set, NULL, &at_once);
}

/* Whether the leader of a process group is in the guest. */
static bool is_inside(const struct cmd_passing *passing, pid_t group)
{
	ino_t its = group > 0 ? namespace_of(passing, group) : 0;

	return its && its != passing->namespace;
}

/*
 * Who runs us without job control, or at no terminal, waits for no stop, and nobody would continue
 * us. Commands in our own group are continued together with us. A shell inside, which makes groups
 * of its own, has the terminal when it stops itself: it gets both back.
 */
void cmd_passing_stopped(struct cmd_passing *passing)
{
	pid_t group;
	bool inside;

	if (passing->terminal < 0 || getsid(getppid()) != getsid(0))
		return;
	group = tcgetpgrp(passing->terminal);
	inside = is_inside(passing, group);
	raise(SIGSTOP);
	forget_continuation();
	if (!inside)
		return;
	if (tcgetpgrp(passing->terminal) == getpgrp())
		give_terminal(passing, group);
	passing->pass(passing->user, SIGCONT);
}

void cmd_passing_end(struct cmd_passing *passing, int code)
{
	if (passing->terminal < 0)
		return;
	/* Only where we were in the foreground: a job in the background takes nothing. */
	if (passing->foreground == getpgrp() && tcgetpgrp(passing->terminal) != passing->foreground)
		give_terminal(passing, passing->foreground);
	if (passing->moded && code > 128 && tcgetpgrp(passing->terminal) == getpgrp())
		tcsetattr(passing->terminal, TCSADRAIN, &passing->modes);
	close(passing->terminal);
	passing->terminal = -1;
	if (passing->proc >= 0)
		close(passing->proc);
	passing->proc = -1;
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
