/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The process that serves metrics. Of a guest it is a child of the keeper, which keeps the
 * listening socket: when the child dies another takes its place, and collectors wait meanwhile.
 */
#include "cmd/see/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* What was gathered holds for so long, so that many collectors do not ask the guests more often. */
#define FRESH_MS 200

/* ---- serving ---- */

struct serving {
	struct drive_loop *loop;
	const char *guest;
	/* The last text of each form. */
	struct {
		char *text;
		size_t size;
		struct minato_time made;
	} last[2];
};

static char *copy_of(const char *text, size_t size)
{
	char *copy = malloc(size + 1);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}

static char *make_page(void *user, bool classic, size_t *size)
{
	struct serving *serving = user;
	struct minato_time now = drive_now();
	struct drive_error error;
	char *text;

	if (!serving->last[classic].text ||
	    now.ns - serving->last[classic].made.ns > FRESH_MS * NS_PER_MS) {
		if (cmd_metrics_text(serving->guest, classic, &text, size, &error) < 0) {
			cmd_say("metrics: %s", error.text);
			return NULL;
		}
		free(serving->last[classic].text);
		serving->last[classic].text = text;
		serving->last[classic].size = *size;
		serving->last[classic].made = drive_now();
	}
	*size = serving->last[classic].size;
	return copy_of(serving->last[classic].text, *size);
}

/* Serves until the loop ends; tells that it does by `ready`, unless that is -1. */
static int serve(struct drive_loop *loop, int listener, const char *guest, int ready,
		 struct drive_error *error)
{
	struct serving serving = { .loop = loop, .guest = guest };
	const struct cmd_page page = { make_page, &serving };
	struct cmd_httpd *httpd = NULL;
	int result = cmd_httpd_open(&httpd, loop, listener, &page, error);

	if (result < 0)
		return result;
	/* What was to be loaded is. A kernel without such filters serves all the same. */
	(void)drive_sandbox_tame();
	if (ready >= 0) {
		(void)!write(ready, "", 1);
		close(ready);
	}
	result = drive_loop_run(loop);
	cmd_httpd_close(httpd);
	free(serving.last[0].text);
	free(serving.last[1].text);
	if (result < 0)
		return drive_fail(error, -result, "the loop failed: %s", strerror(-result));
	return 0;
}

int cmd_exporter_serve(struct drive_loop *loop, int listener, const char *guest,
		       struct drive_error *error)
{
	return serve(loop, listener, guest, -1, error);
}

/* ---- the child of a keeper ---- */

/* A text at the pipe says why it failed, an empty one that all is well. */
static _Noreturn void be_exporter(struct cmd_exporter *exporter, int ready)
{
	int keep[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, exporter->listener, ready };
	struct drive_error error = { "" };
	struct drive_loop *loop = NULL;
	int result = drive_sandbox_bare(keep, sizeof(keep) / sizeof(keep[0]), &error);

	/* The descriptor by which minato speaks while it goes to the background is closed now. */
	cmd_say_to(STDERR_FILENO);
	if (result == 0)
		result = drive_loop_new(&loop);
	if (result == 0)
		result = serve(loop, exporter->listener, exporter->guest, ready, &error);
	if (result < 0) {
		if (!error.text[0])
			drive_fail(&error, -result, "%s", strerror(-result));
		(void)!write(ready, error.text, strlen(error.text) + 1);
		_exit(1);
	}
	_exit(0);
}

static pid_t make_child(struct cmd_exporter *exporter, int ready)
{
	pid_t pid = fork();

	if (pid == 0)
		be_exporter(exporter, ready);
	if (pid < 0)
		return -errno;
	exporter->pid = pid;
	exporter->pidfd = pidfd_open(pid, 0);
	return exporter->pidfd < 0 ? -errno : 0;
}

/* Its first word; the end without one is its death. */
static int await(int fd, struct drive_error *error)
{
	char text[sizeof(error->text)];
	ssize_t got;

	do
		got = read(fd, text, sizeof(text) - 1);
	while (got < 0 && errno == EINTR);
	if (got == 1 && !text[0])
		return 0;
	text[got > 0 ? got : 0] = '\0';
	return drive_fail(error, EPIPE, "%s",
			  got > 0 ? text : "the process for the metrics died while it started");
}

int cmd_exporter_start(struct cmd_exporter *exporter, const char *guest, struct drive_error *error)
{
	int ends[2];
	int result;

	exporter->guest = guest;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return drive_fail(error, errno, "pipe: %s", strerror(errno));
	result = make_child(exporter, ends[1]);
	close(ends[1]);
	if (result < 0)
		drive_fail(error, -result, "the process for the metrics: %s", strerror(-result));
	else
		result = await(ends[0], error);
	close(ends[0]);
	if (result < 0)
		cmd_exporter_end(exporter);
	return result;
}

int cmd_exporter_take(struct cmd_exporter *exporter, const char *guest)
{
	struct drive_error error;
	int fd = cmd_listen_open(&exporter->at, &error);
	int code = CMD_REFUSED;

	if (fd >= 0) {
		exporter->listener = fd;
		code = cmd_exporter_start(exporter, guest, &error) < 0 ? CMD_FAILED : CMD_GO_ON;
	}
	if (code != CMD_GO_ON)
		cmd_say("--metrics: %s", error.text);
	return code;
}

/* ---- its death ---- */

static void reap(struct cmd_exporter *exporter)
{
	int status = 0;

	while (waitpid(exporter->pid, &status, 0) < 0 && errno == EINTR)
		;
	snprintf(exporter->end, sizeof(exporter->end),
		 WIFSIGNALED(status) ? "was killed by signal %d" : "ended with %d",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	close(exporter->pidfd);
	exporter->pidfd = -1;
	exporter->pid = 0;
}

static void died(void *user, uint32_t events);

static int watch(struct cmd_exporter *exporter)
{
	exporter->watch = drive_loop_add(exporter->loop, exporter->pidfd, EPOLLIN, died, exporter);
	return exporter->watch < 0 ? (int)exporter->watch : 0;
}

/* The guest goes on in any case. */
static void died(void *user, uint32_t events)
{
	struct cmd_exporter *exporter = user;
	struct minato_time now = drive_loop_now(exporter->loop);
	struct drive_error error;

	(void)events;
	drive_loop_remove(exporter->loop, exporter->watch);
	exporter->watch = 0;
	reap(exporter);
	if (now.ns - exporter->died.ns > CMD_DEATHS_MS * NS_PER_MS)
		exporter->deaths = 0;
	exporter->died = now;
	if (++exporter->deaths > CMD_DEATHS_MAX) {
		cmd_say("the process for the metrics %s, and %d before it: there are none from "
			"now on",
			exporter->end, CMD_DEATHS_MAX);
		cmd_exporter_end(exporter);
		return;
	}
	if (cmd_exporter_start(exporter, exporter->guest, &error) < 0 || watch(exporter) < 0) {
		cmd_say("the process for the metrics %s, and cannot be replaced: %s", exporter->end,
			error.text);
		cmd_exporter_end(exporter);
		return;
	}
	cmd_say("the process for the metrics %s; restarted", exporter->end);
}

int cmd_exporter_watch(struct cmd_exporter *exporter, struct drive_loop *loop)
{
	exporter->loop = loop;
	return exporter->pid > 0 ? watch(exporter) : 0;
}

void cmd_exporter_end(struct cmd_exporter *exporter)
{
	if (exporter->watch > 0)
		drive_loop_remove(exporter->loop, exporter->watch);
	exporter->watch = 0;
	if (exporter->pid > 0) {
		(void)kill(exporter->pid, SIGKILL);
		reap(exporter);
	}
	if (exporter->listener > 0)
		close(exporter->listener);
	exporter->listener = 0;
}
