/* SPDX-License-Identifier: BSD-2-Clause */
/* --capture: from the option to the file, and what is said of it. */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MIN 4096
#define SIZE_DEFAULT "64M"

int64_t cmd_size_parse(const char *text)
{
	static const char suffixes[] = "kMGT";
	uint64_t size;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	size = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	if (*end) {
		const char *suffix = strchr(suffixes, *end == 'K' ? 'k' : *end);

		if (!suffix || end[1])
			return -EINVAL;
		for (const char *at = suffixes; at <= suffix; at++) {
			if (size > INT64_MAX / 1024)
				return -EINVAL;
			size *= 1024;
		}
	}
	return size > INT64_MAX ? -EINVAL : (int64_t)size;
}

int cmd_capture_plan(struct cmd_capturing *capturing, const struct cmd_network *chosen,
		     const struct cmd_command *command)
{
	const char *text = chosen->capture_size ? chosen->capture_size : SIZE_DEFAULT;
	int64_t size = cmd_size_parse(text);

	if (!chosen->capture && (chosen->capture_size || chosen->capture_snap))
		return cmd_usage(command, "--%s goes with --capture FILE",
				 chosen->capture_size ? "capture-size" : "capture-snap");
	if (size < SIZE_MIN)
		return cmd_usage(command,
				 "--capture-size %s: a number of bytes from %d on, or of k, M or G",
				 text, SIZE_MIN);
	capturing->path = chosen->capture;
	capturing->quiet = chosen->quiet;
	capturing->size_text = text;
	capturing->size_max = (uint64_t)size;
	capturing->snap = (uint32_t)chosen->capture_snap;
	return CMD_GO_ON;
}

int cmd_capture_create(struct cmd_capturing *capturing, struct drive_error *error)
{
	struct drive_error why;
	int fd;

	if (!capturing->path)
		return 0;
	fd = drive_capture_create(capturing->path, &why);
	if (fd < 0)
		return drive_fail(error, -fd, "--capture: %s", why.text);
	capturing->fd = fd;
	return 0;
}

void cmd_capture_mend(const struct cmd_capturing *capturing)
{
	int result = capturing->fd ? drive_capture_mend(capturing->fd) : 0;

	if (result < 0)
		cmd_say("--capture: whether the last packet in %s is whole cannot be seen: %s",
			capturing->path, strerror(-result));
}

/* unsealed: dup */
int cmd_capture_begin(struct drive_capture **capture, const struct cmd_capturing *capturing)
{
	int fd;

	if (!capturing->fd)
		return 0;
	/* Ours, to be closed; the keeper has its own for the next of us. */
	fd = dup(capturing->fd);
	if (fd < 0)
		return -errno;
	return drive_capture_open(capture, fd, capturing->size_max, capturing->snap);
}

void cmd_capture_turn(struct drive_capture *capture, const struct cmd_capturing *capturing,
		      struct minato_time now, struct minato_time *next)
{
	int result = drive_capture_turn(capture, now, next);

	if (result == DRIVE_CAPTURE_FULL && !capturing->quiet)
		cmd_say("--capture: %s has its %s bytes and is complete; the guest goes on "
			"without (--capture-size)",
			capturing->path, capturing->size_text);
	else if (result < 0)
		cmd_say("--capture: %s: %s; the guest goes on without", capturing->path,
			strerror(-result));
}
