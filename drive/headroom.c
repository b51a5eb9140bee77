/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory may still be taken here. */
#include "drive/drive.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS "/sys/fs/cgroup"
#define NAME_MAX_LEN 4096

/* What the kernel would find without swapping; nothing where it does not say. */
static uint64_t available(const char *path)
{
	static const char word[] = "MemAvailable:";
	char text[4096];
	const char *at;

	(void)drive_proc_text(path, text, sizeof(text));
	at = strstr(text, word);
	return at ? strtoull(at + strlen(word), NULL, 10) * 1024 : 0;
}

/* Of one group of processes: what its bound leaves. "max" is no number, nor is a missing file. */
static uint64_t left_in(const char *group)
{
	char path[NAME_MAX_LEN + 32];
	int64_t bound, used;

	snprintf(path, sizeof(path), "%s/memory.max", group);
	bound = drive_proc_number(path, -1);
	snprintf(path, sizeof(path), "%s/memory.current", group);
	used = drive_proc_number(path, 0);
	if (bound < 0)
		return UINT64_MAX;
	return bound > used ? (uint64_t)(bound - used) : 0;
}

uint64_t drive_headroom_at(const char *meminfo, const char *own, const char *groups)
{
	uint64_t least = available(meminfo);
	char text[NAME_MAX_LEN], group[NAME_MAX_LEN];
	const char *name;
	int len;

	(void)drive_proc_text(own, text, sizeof(text));
	name = strstr(text, "0::/");
	if (!name)
		return least;
	len = snprintf(group, sizeof(group), "%s/%.*s", groups, (int)strcspn(name + 4, "\n"),
		       name + 4);
	/* Those that it is in hold too. */
	while (len < (int)sizeof(group) && strlen(group) >= strlen(groups)) {
		const uint64_t left = left_in(group);

		if (left < least)
			least = left;
		if (!strrchr(group, '/'))
			break;
		*strrchr(group, '/') = '\0';
	}
	return least;
}

uint64_t drive_headroom(void)
{
	return drive_headroom_at("/proc/meminfo", "/proc/self/cgroup", GROUPS);
}
