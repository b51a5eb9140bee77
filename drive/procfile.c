/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and settings in the small files of /proc. */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int drive_proc_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
	int result = got < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	return result;
}

int64_t drive_proc_number(const char *path, int64_t missing)
{
	char text[64];
	char *end;
	int64_t number;

	(void)drive_proc_text(path, text, sizeof(text));
	number = strtoll(text, &end, 10);
	return end == text ? missing : number;
}

int drive_proc_write(const char *path, const char *text)
{
	size_t size = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, size) != (ssize_t)size)
		result = -errno;
	close(fd);
	return result;
}
