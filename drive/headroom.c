/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory may still be taken here. */
#include "drive/drive.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the two versions of cgroups say in which group we are, and what its bound is. */
static const struct version {
	const char *line, *place, *bounds[2], *used;
} versions[] = {
	{ "0::/", "", { "memory.max", "memory.high" }, "memory.current" },
	{ ":memory:/",
	  "/memory",
	  { "memory.limit_in_bytes", "memory.soft_limit_in_bytes" },
	  "memory.usage_in_bytes" },
};

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

static int64_t number_in(const char *group, const char *name, int64_t missing)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", group, name);
	return drive_proc_number(path, missing);
}

/*
 * Of one group: what its bounds leave, those above which it is slowed down too. "max" is no number,
 * nor is a file that is missing.
 */
static uint64_t left_in(const char *group, const struct version *version)
{
	const int64_t used = number_in(group, version->used, 0);
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		const int64_t bound = number_in(group, version->bounds[i], -1);
		const uint64_t left = bound > used ? (uint64_t)(bound - used) : 0;

		if (bound >= 0 && left < least)
			least = left;
	}
	return least;
}

/* Those that it is in hold too. */
static uint64_t least_of(const struct version *version, const char *own, const char *groups)
{
	const char *name = strstr(own, version->line);
	uint64_t least = UINT64_MAX;
	char group[PATH_MAX];
	size_t root;
	int len;

	if (!name)
		return least;
	name += strlen(version->line);
	len = snprintf(group, sizeof(group), "%s%s/%.*s", groups, version->place,
		       (int)strcspn(name, "\n"), name);
	root = strlen(groups) + strlen(version->place);
	if (len < 0 || (size_t)len >= sizeof(group))
		group[root] = '\0';
	while (strlen(group) >= root) {
		const uint64_t left = left_in(group, version);

		if (left < least)
			least = left;
		*strrchr(group, '/') = '\0';
	}
	return least;
}

uint64_t drive_headroom_at(const char *meminfo, const char *own, const char *groups)
{
	uint64_t least = available(meminfo);
	char text[PATH_MAX];

	(void)drive_proc_text(own, text, sizeof(text));
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const uint64_t left = least_of(&versions[i], text, groups);

		if (left < least)
			least = left;
	}
	return least;
}

uint64_t drive_headroom(void)
{
	return drive_headroom_at("/proc/meminfo", "/proc/self/cgroup", "/sys/fs/cgroup");
}
