/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes in namespaces of their own, as somebody else's sandbox makes them. */
#ifndef MINATO_TEST_TARGET_FIXTURE_H
#define MINATO_TEST_TARGET_FIXTURE_H

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drive/drive.h"
#include "guest_fixture.h"

struct sandbox {
	pid_t pid;
	int namespaces; /* CLONE_NEW* */
	char word[16];	/* the pid */
	char output[4096];
};

static inline void map_to_root(uid_t uid, gid_t gid)
{
	char map[32];

	(void)drive_proc_write("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1\n", gid);
	(void)drive_proc_write("/proc/self/gid_map", map);
	snprintf(map, sizeof(map), "0 %u 1\n", uid);
	(void)drive_proc_write("/proc/self/uid_map", map);
}

/* As unshare(1) does: with a user namespace, root inside. False where that is forbidden. */
static inline bool sandbox_make(struct sandbox *sandbox, int namespaces)
{
	int ready[2];
	char byte = 0;

	*sandbox = (struct sandbox){ .namespaces = namespaces };
	if (pipe2(ready, O_CLOEXEC) < 0)
		return false;
	sandbox->pid = fork();
	if (sandbox->pid == 0) {
		uid_t uid = geteuid();
		gid_t gid = getegid();

		close(ready[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(namespaces) < 0)
			_exit(1);
		if (namespaces & CLONE_NEWUSER)
			map_to_root(uid, gid);
		if (namespaces & CLONE_NEWNS)
			(void)mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
		(void)prctl(PR_SET_DUMPABLE, 1);
		(void)!write(ready[1], "", 1);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	snprintf(sandbox->word, sizeof(sandbox->word), "%d", (int)sandbox->pid);
	if (read(ready[0], &byte, 1) != 1) {
		(void)waitpid(sandbox->pid, NULL, 0);
		sandbox->pid = -1;
	}
	close(ready[0]);
	return sandbox->pid > 0;
}

static inline void sandbox_end(struct sandbox *sandbox)
{
	if (sandbox->pid <= 0)
		return;
	kill(sandbox->pid, SIGKILL);
	(void)waitpid(sandbox->pid, NULL, 0);
	sandbox->pid = -1;
}

/* Runs a shell's script inside; what it prints is in sandbox->output. */
static inline const char *sandbox_run(struct sandbox *sandbox, const char *script)
{
	size_t used = 0;
	ssize_t got;
	int out[2];
	pid_t child;

	sandbox->output[0] = '\0';
	if (pipe2(out, O_CLOEXEC) < 0)
		return NULL;
	child = fork();
	if (child == 0) {
		int pidfd = pidfd_open(sandbox->pid, 0);

		if (setns(pidfd, sandbox->namespaces) < 0)
			_exit(1);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execlp("sh", "sh", "-c", script, NULL);
		_exit(127);
	}
	close(out[1]);
	while ((got = read(out[0], sandbox->output + used, sizeof(sandbox->output) - 1 - used)) > 0)
		used += (size_t)got;
	sandbox->output[used] = '\0';
	close(out[0]);
	(void)waitpid(child, NULL, 0);
	return sandbox->output;
}

/* The namespaces that this account may make by itself. */
static inline int own_namespaces(int namespaces)
{
	return geteuid() == 0 ? namespaces : namespaces | CLONE_NEWUSER;
}

#endif
