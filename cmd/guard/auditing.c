/* SPDX-License-Identifier: BSD-2-Clause */
/* --audit in the keeper: lines come by a pipe, and are appended to a file that may be rotated. */
#include "cmd/guard/attempts.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define BATCH 65536u
#define TURN_MAX 32u /* batches of one turn */

static int open_file(const struct cmd_auditing *auditing, const char *name)
{
	/* A pipe that nobody reads does not hold up the keeper. */
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = openat(auditing->folder, name, flags, 0600);

	return fd < 0 ? -errno : fd;
}

/* The last part of the path, in `copy`. */
static const char *name_of(const struct cmd_auditing *auditing, char *copy, size_t size)
{
	(void)snprintf(copy, size, "%s", auditing->path);
	return basename(copy);
}

static int open_folder(struct cmd_auditing *auditing)
{
	char copy[PATH_MAX];
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s", auditing->path);
	fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	auditing->folder = fd;
	return 0;
}

int cmd_auditing_open(struct cmd_auditing *auditing, struct drive_error *error)
{
	char copy[PATH_MAX];
	int ends[2];
	int result;

	auditing->folder = auditing->file = auditing->in = auditing->out = -1;
	if (!auditing->path)
		return 0;
	result = open_folder(auditing);
	if (result == 0)
		result = open_file(auditing, name_of(auditing, copy, sizeof(copy)));
	if (result < 0)
		return drive_fail(error, -result, "--audit: %s: %s", auditing->path,
				  strerror(-result));
	auditing->file = result;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return drive_fail(error, errno, "--audit: %s", strerror(errno));
	auditing->in = ends[0];
	auditing->out = ends[1];
	/* A comfort: without it less waits while the disk is slow. */
	(void)fcntl(auditing->out, F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

/* Whether the path still leads to the file that is open. */
static bool is_there(const struct cmd_auditing *auditing, const char *name)
{
	struct stat named;
	struct stat open;

	return fstatat(auditing->folder, name, &named, 0) == 0 &&
	       fstat(auditing->file, &open) == 0 && named.st_dev == open.st_dev &&
	       named.st_ino == open.st_ino;
}

static void reopen(struct cmd_auditing *auditing)
{
	char copy[PATH_MAX];
	const char *name = name_of(auditing, copy, sizeof(copy));
	int fd;

	if (is_there(auditing, name))
		return;
	fd = open_file(auditing, name);
	if (fd < 0)
		return; /* the old one is better than none */
	close(auditing->file);
	auditing->file = fd;
	auditing->torn = false;
	auditing->end = 0;
}

/*
 * A program inside may own the file, as its user does, and empty it of what it has tried. What is
 * left is too short then.
 */
static void look_for_cut(struct cmd_auditing *auditing)
{
	struct stat file;

	if (fstat(auditing->file, &file) < 0 || !S_ISREG(file.st_mode))
		return;
	if (file.st_size < auditing->end) {
		auditing->cut += (uint64_t)(auditing->end - file.st_size);
		auditing->torn = file.st_size > 0;
		cmd_say("--audit: %s: somebody took %llu bytes away; the file says where",
			auditing->path, (unsigned long long)(auditing->end - file.st_size));
	}
	auditing->end = file.st_size;
}

static uint64_t lines_in(const char *text, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static void lose(struct cmd_auditing *auditing, uint64_t lines, int errnum)
{
	auditing->lost += lines;
	if (auditing->said)
		return;
	auditing->said = true;
	cmd_say("--audit: %s: %s; lines are lost until it can be written again", auditing->path,
		strerror(errnum));
}

/* Writes it whole, or as far as it goes. */
static bool put(struct cmd_auditing *auditing, const char *text, size_t len)
{
	ssize_t wrote = write(auditing->file, text, len);

	auditing->end += wrote > 0 ? wrote : 0;
	if (wrote == (ssize_t)len)
		return true;
	if (wrote < 0) {
		lose(auditing, lines_in(text, len), errno);
		return false;
	}
	auditing->torn = wrote > 0 && text[wrote - 1] != '\n';
	lose(auditing, lines_in(text + wrote, len - (size_t)wrote), ENOSPC);
	return false;
}

/* Says first what is missing before it. */
static bool put_gap(struct cmd_auditing *auditing)
{
	char line[160];
	int len = 0;

	look_for_cut(auditing);
	if (!auditing->torn && !auditing->lost && !auditing->cut)
		return true;
	if (auditing->torn)
		line[len++] = '\n';
	if (auditing->cut)
		len += snprintf(line + len, sizeof(line) - (size_t)len,
				"{\"event\":\"cut\",\"bytes\":%llu}\n",
				(unsigned long long)auditing->cut);
	if (auditing->lost || !auditing->cut)
		len += snprintf(line + len, sizeof(line) - (size_t)len,
				"{\"event\":\"lost\",\"lines\":%llu}\n",
				(unsigned long long)auditing->lost);
	if (write(auditing->file, line, (size_t)len) != len)
		return false;
	auditing->end += len;
	auditing->torn = false;
	auditing->lost = 0;
	auditing->cut = 0;
	auditing->said = false;
	return true;
}

/* It comes from a worker, which is not believed: a file of text stays one. */
static void clean(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] < ' ' && text[i] != '\n') || text[i] > '~')
			text[i] = '?';
	}
}

/* False: nothing more is there now. */
static bool take_batch(struct cmd_auditing *auditing)
{
	char text[BATCH];
	ssize_t got = read(auditing->in, text, sizeof(text));

	if (got <= 0)
		return got < 0 && errno == EINTR;
	clean(text, (size_t)got);
	reopen(auditing);
	if (put_gap(auditing))
		(void)put(auditing, text, (size_t)got);
	else
		lose(auditing, lines_in(text, (size_t)got), ENOSPC);
	return true;
}

static void ready(void *user, uint32_t events)
{
	struct cmd_auditing *auditing = user;

	(void)events;
	for (uint32_t i = 0; i < TURN_MAX && take_batch(auditing); i++)
		;
}

int cmd_auditing_watch(struct cmd_auditing *auditing, struct drive_loop *loop)
{
	if (auditing->in < 0)
		return 0;
	auditing->watch = drive_loop_add(loop, auditing->in, EPOLLIN, ready, auditing);
	return auditing->watch < 0 ? (int)auditing->watch : 0;
}

void cmd_auditing_drain(struct cmd_auditing *auditing)
{
	while (auditing->in >= 0 && take_batch(auditing))
		;
	if (auditing->in >= 0)
		(void)put_gap(auditing);
}

void cmd_auditing_close(struct cmd_auditing *auditing)
{
	const int fds[] = { auditing->folder, auditing->file, auditing->in, auditing->out };

	if (!auditing->path)
		return;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	auditing->folder = auditing->file = auditing->in = auditing->out = -1;
}
