/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the background, but not before all is ready.
 *
 *   the user's shell --- minato run -d: waits ------ fork --- all the rest, in its own session
 *                          prints the name, ends <--- ready
 *
 * Until then what is to be said goes to the caller's terminal; afterwards there is none.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the process that was called: its end is the other's readiness or failure. */
static int await(int child_end, pid_t child)
{
	char name[DRIVE_NAME_SIZE];
	int status = 0;
	ssize_t got;

	do
		got = read(child_end, name, sizeof(name));
	while (got < 0 && errno == EINTR);
	if (got == (ssize_t)sizeof(name)) {
		name[sizeof(name) - 1] = '\0';
		puts(name);
		return CMD_OK;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		cmd_say("the process in the background was killed by signal %d before all was "
			"ready",
			WTERMSIG(status));
	return drive_status_code(status);
}

/* The command's streams. What is said meanwhile goes where it went before. */
static int turn_streams(struct cmd_detach *detach, int out)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	detach->voice = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null < 0 || detach->voice < 0)
		return -errno;
	cmd_say_to(detach->voice);
	if (dup2(null, STDIN_FILENO) < 0 || dup2(out < 0 ? null : out, STDOUT_FILENO) < 0 ||
	    dup2(out < 0 ? null : out, STDERR_FILENO) < 0)
		return -errno;
	close(null);
	return 0;
}

static int open_log(const char *log)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0)
		cmd_say("--log %s: %s", log, strerror(errno));
	return fd;
}

int cmd_detach_begin(struct cmd_detach *detach, const char *log)
{
	int out = log ? open_log(log) : -1;
	int ends[2];
	pid_t child;
	int code;

	if (log && out < 0)
		return CMD_REFUSED;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		cmd_say("socketpair: %s", strerror(errno));
		return CMD_FAILED;
	}
	child = fork();
	if (child < 0)
		cmd_say("cannot go to the background: %s", strerror(errno));
	if (child != 0) {
		close(ends[1]);
		code = child < 0 ? CMD_FAILED : await(ends[0], child);
		close(ends[0]);
		return code;
	}
	close(ends[0]);
	*detach = (struct cmd_detach){ .awaited = true, .voice = -1, .caller = ends[1] };
	(void)setsid();
	code = turn_streams(detach, out);
	if (out >= 0)
		close(out);
	/* What is read later. */
	if (log)
		cmd_say_dated();
	if (code == 0)
		return CMD_GO_ON;
	cmd_say("cannot go to the background: %s", strerror(-code));
	return CMD_FAILED;
}

int cmd_detach_ready(struct cmd_detach *detach, const char name[DRIVE_NAME_SIZE])
{
	char text[DRIVE_NAME_SIZE] = "";
	ssize_t sent;

	if (!detach->awaited)
		return 0;
	snprintf(text, sizeof(text), "%s", name);
	sent = send(detach->caller, text, sizeof(text), MSG_NOSIGNAL);
	close(detach->caller);
	cmd_say_to(STDERR_FILENO);
	close(detach->voice);
	detach->awaited = false;
	return sent == (ssize_t)sizeof(text) ? 0 : -EPIPE;
}
