/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest as its maker sees it: making, starting, signalling, ending. */
#include "drive/drive.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long the helper may take to undo what it did. */
#define HELPER_ENDS_MS 3000

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS)

static int say_go(int control)
{
	return send(control, "", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* Init died before it could say anything. */
static int died(int result, const char *when, struct drive_error *error)
{
	return drive_fail(error, -result, "the guest's first process ended while %s: %s", when,
			  strerror(-result));
}

/*
 * The copy of this process that becomes PID 1 of all the namespaces at once; as fork, it has its
 * own copy of our memory. Returns twice.
 */
static pid_t clone_init(int *pidfd)
{
	struct clone_args args = {
		.flags = NAMESPACES | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int converse(struct drive_guest *guest, const struct drive_plan *plan,
		    struct drive_error *error)
{
	struct drive_word word = { 0 };
	int result = drive_word_hear(guest->control, &word, &guest->tap);

	if (result < 0)
		return died(result, "starting", error);
	result = drive_userns_map(guest->init, plan, error);
	if (result < 0)
		return result;
	result = say_go(guest->control);
	if (result == 0)
		result = drive_word_hear(guest->control, &word, &guest->tap);
	if (result < 0)
		return died(result, "setting up the guest", error);
	if (word.result < 0)
		return drive_fail(error, -word.result, "%s", word.text.text);
	guest->vnet = word.vnet;
	guest->has6 = word.has6;
	guest->warning = word.text;
	return guest->tap >= 0 ? 0 : died(-EPIPE, "making tap0", error);
}

int drive_guest_make(struct drive_guest *guest, const struct drive_plan *plan,
		     struct drive_error *error)
{
	int ends[2];
	int result;

	*guest = (struct drive_guest){ .init = -1, .pidfd = -1, .control = -1, .tap = -1 };
	(void)prctl(PR_SET_DUMPABLE, 1);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return drive_fail(error, errno, "socketpair: %s", strerror(errno));
	guest->init = clone_init(&guest->pidfd);
	if (guest->init == 0)
		drive_init_main(ends[1], plan);
	result = -errno;
	close(ends[1]);
	guest->control = ends[0];
	if (guest->init < 0) {
		drive_guest_end(guest);
		return drive_userns_explain(result, "making the guest's namespaces", error);
	}
	result = converse(guest, plan, error);
	if (result < 0) {
		drive_guest_end(guest);
		if (guest->tap >= 0)
			close(guest->tap);
		guest->tap = -1;
	}
	return result;
}

int drive_guest_go(struct drive_guest *guest, struct drive_error *error)
{
	struct drive_word word = { 0 };
	int result = say_go(guest->control);
	int none;

	if (result == 0)
		result = drive_word_hear(guest->control, &word, &none);
	if (result < 0)
		return died(result, "starting the command", error);
	if (word.result < 0)
		return drive_fail(error, -word.result, "cannot execute the command: %s",
				  strerror(-word.result));
	return 0;
}

int drive_guest_signal(const struct drive_guest *guest, int signo)
{
	siginfo_t info = { .si_signo = DRIVE_HANDED_ON, .si_code = SI_QUEUE };

	if (guest->pidfd < 0)
		return -ESRCH;
	if (guest->attached)
		return shutdown(guest->control, SHUT_RDWR) < 0 ? -errno : 0;
	if (signo == SIGKILL)
		return pidfd_send_signal(guest->pidfd, signo, NULL, 0) < 0 ? -errno : 0;
	info.si_value.sival_int = signo;
	return pidfd_send_signal(guest->pidfd, DRIVE_HANDED_ON, &info, 0) < 0 ? -errno : 0;
}

int drive_guest_ear(const struct drive_guest *guest)
{
	return guest->control;
}

int drive_guest_hear(const struct drive_guest *guest)
{
	struct drive_word word;
	ssize_t got = recv(guest->control, &word, sizeof(word), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return got == (ssize_t)sizeof(word) ? word.result : -EPIPE;
}

bool drive_signal_was_sent(const struct signalfd_siginfo *signal)
{
	return signal->ssi_code <= 0; /* SI_USER, SI_QUEUE, SI_TKILL ...; SI_KERNEL is positive */
}

int drive_status_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int drive_exec_code(int result)
{
	return result == -ENOENT ? 127 : 126;
}

int drive_guest_reap(struct drive_guest *guest)
{
	int status;
	pid_t pid;

	if (guest->init < 0)
		return -ESRCH;
	do
		pid = waitpid(guest->init, &status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return -EAGAIN;
	if (pid < 0)
		return -errno;
	guest->init = -1;
	return drive_status_code(status);
}

/* The helper in somebody else's namespaces undoes what it did there, and ends. */
static void await_helper(const struct drive_guest *guest)
{
	struct pollfd ended = { .fd = guest->pidfd, .events = POLLIN };

	(void)drive_guest_signal(guest, SIGTERM);
	if (poll(&ended, 1, HELPER_ENDS_MS) <= 0)
		(void)pidfd_send_signal(guest->pidfd, SIGKILL, NULL, 0);
}

void drive_guest_end(struct drive_guest *guest)
{
	if (guest->init > 0) {
		int status;

		if (guest->attached && guest->pidfd >= 0)
			await_helper(guest);
		else
			(void)drive_guest_signal(guest, SIGKILL);
		while (waitpid(guest->init, &status, 0) < 0 && errno == EINTR)
			;
	}
	guest->init = -1;
	if (guest->pidfd >= 0)
		close(guest->pidfd);
	guest->pidfd = -1;
	if (guest->control >= 0)
		close(guest->control);
	guest->control = -1;
}
