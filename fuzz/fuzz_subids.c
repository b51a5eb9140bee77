/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /etc/subuid and /etc/subgid beside a naive reading: the whole lines "NAME:FIRST:COUNT" of the
 * user, in their order, and nothing that is no such line.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drive/drive.h"
#include "expect.h"

#define ROOM 4
#define USER "anna"
#define ID 1000u

/* The number that is the whole text, or -1. */
static int64_t naive_number(const char *text, size_t len)
{
	uint64_t number = 0;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		number = number * 10 + (uint64_t)(text[i] - '0');
		if (number > UINT32_MAX)
			return -1;
	}
	return (int64_t)number;
}

/* Whether the line, which has no newline, gives the user a range. Longer ones there are none. */
static bool naive_line(const char *line, size_t len, struct drive_range *range)
{
	const char *one = memchr(line, ':', len);
	const char *two = one ? memchr(one + 1, ':', (size_t)(line + len - one) - 1) : NULL;
	const size_t owner = one ? (size_t)(one - line) : 0;
	int64_t first, count;

	if (!two || len > 511 || memchr(line, 0, len))
		return false;
	if (!(owner == strlen(USER) && memcmp(line, USER, owner) == 0) &&
	    !(owner == 4 && memcmp(line, "1000", owner) == 0))
		return false;
	first = naive_number(one + 1, (size_t)(two - one) - 1);
	count = naive_number(two + 1, (size_t)(line + len - two) - 1);
	if (first < 0 || count <= 0 || first + count > UINT32_MAX)
		return false;
	*range = (struct drive_range){ (uint32_t)first, (uint32_t)count };
	return true;
}

static int naive_read(const char *text, size_t size, struct drive_range *ranges)
{
	uint64_t sum = 0;
	int count = 0;

	for (size_t at = 0; at < size && count < ROOM;) {
		const char *end = memchr(text + at, '\n', size - at);
		const size_t len = end ? (size_t)(end - text) - at : size - at;

		/* Inside they follow each other behind 0: there must be an id for each. */
		if (naive_line(text + at, len, &ranges[count]) &&
		    sum + ranges[count].count < UINT32_MAX)
			sum += ranges[count++].count;
		at += len + 1;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drive_range got[ROOM], want[ROOM + 1];
	static int fd = -1;
	char path[32];
	int count;

	if (fd < 0)
		fd = memfd_create("subids", MFD_CLOEXEC);
	expect(fd >= 0 && ftruncate(fd, 0) == 0);
	expect(pwrite(fd, data, size, 0) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	count = drive_subids_read(path, USER, ID, got, ROOM);
	expect(count == naive_read((const char *)data, size, want));
	for (int i = 0; i < count; i++)
		expect(got[i].first == want[i].first && got[i].count == want[i].count);
	return 0;
}
