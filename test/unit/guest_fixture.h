/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest whose command is a shell script, for tests of drive/. */
#ifndef MINATO_TEST_GUEST_FIXTURE_H
#define MINATO_TEST_GUEST_FIXTURE_H

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/drive.h"

struct guest_run {
	struct drive_plan plan;
	struct drive_guest guest;
	struct drive_error error;
	char *argv[4];
	char output[8192];
	int code;
};

/* Whether this system lets us have guests at all: otherwise the tests are skipped. */
static inline bool guests_can_be(void)
{
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	pid_t child;
	int status = 1;

	if (tun < 0)
		return false;
	close(tun);
	child = fork();
	if (child == 0)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) == 0 ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static inline void plan_guest(struct guest_run *run, const char *script)
{
	static char shell[] = "sh";
	static char option[] = "-c";

	memset(run, 0, sizeof(*run));
	run->plan.mtu = 1500;
	memcpy(run->plan.mac, "\x52\x55\x0a\x00\x02\x64", 6);
	(void)drive_subnet_parse(&run->plan.subnet, "10.77.0.0/24", NULL);
	(void)drive_subnet_parse(&run->plan.subnet, "fd77::/64", NULL);
	run->argv[0] = shell;
	run->argv[1] = option;
	run->argv[2] = strdup(script);
	run->plan.argv = run->argv;
}

/* Waits until the guest has ended; its exit code. */
static inline int await_guest(struct drive_guest *guest)
{
	struct pollfd ended = { .fd = guest->pidfd, .events = POLLIN };

	if (poll(&ended, 1, 20000) != 1)
		return -1;
	return drive_guest_reap(guest);
}

/* Runs it to its end with its standard output in run->output. Returns what make or go did. */
static inline int run_guest(struct guest_run *run)
{
	int out = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int saved = dup(1);
	int result;
	ssize_t size;

	dup2(out, 1);
	result = drive_guest_make(&run->guest, &run->plan, &run->error);
	dup2(saved, 1);
	close(saved);
	run->code = -1;
	if (result == 0)
		result = drive_guest_go(&run->guest, &run->error);
	if (result == 0)
		run->code = await_guest(&run->guest);
	drive_guest_end(&run->guest);
	if (run->guest.tap >= 0)
		close(run->guest.tap);
	size = pread(out, run->output, sizeof(run->output) - 1, 0);
	run->output[size > 0 ? size : 0] = '\0';
	close(out);
	free(run->argv[2]);
	return result;
}

#endif
