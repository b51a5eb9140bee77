/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of cgroups: the kernel's number of one is that of its directory. */
#include "kernel/kernel.h"

#include <errno.h>
#include <fts.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GROUPS_MAX 65536 /* directories that are looked at */

struct group {
	uint64_t number;
	char *path;
};

struct kernel_groups {
	struct group *list;
	size_t count, room;
};

int kernel_groups_mount(char *out, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;

	out[0] = 0;
	while (mounts && !out[0] && (mount = getmntent(mounts)) != NULL) {
		if (strcmp(mount->mnt_type, "cgroup2") == 0)
			(void)snprintf(out, size, "%s", mount->mnt_dir);
	}
	if (mounts)
		(void)endmntent(mounts);
	return out[0] ? 0 : -ENOENT;
}

static bool add(struct kernel_groups *groups, uint64_t number, const char *path)
{
	if (groups->count == groups->room) {
		size_t room = groups->room ? groups->room * 2 : 256;
		struct group *list = realloc(groups->list, room * sizeof(*list));

		if (!list)
			return false;
		groups->list = list;
		groups->room = room;
	}
	groups->list[groups->count] = (struct group){ number, strdup(*path ? path : "/") };
	return groups->list[groups->count++].path != NULL;
}

static int compare(const void *a, const void *b)
{
	const struct group *x = a;
	const struct group *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

struct kernel_groups *kernel_groups_read(void)
{
	struct kernel_groups *groups = calloc(1, sizeof(*groups));
	char mount[256];
	char *const roots[] = { mount, NULL };
	const FTSENT *item;
	FTS *walk;

	if (!groups || kernel_groups_mount(mount, sizeof(mount)) < 0) {
		free(groups);
		return NULL;
	}
	walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	while (walk && groups->count < GROUPS_MAX && (item = fts_read(walk)) != NULL) {
		if (item->fts_info == FTS_D &&
		    !add(groups, item->fts_statp->st_ino, item->fts_path + strlen(mount)))
			break;
	}
	if (walk)
		(void)fts_close(walk);
	if (groups->count)
		qsort(groups->list, groups->count, sizeof(*groups->list), compare);
	return groups;
}

void kernel_groups_free(struct kernel_groups *groups)
{
	for (size_t i = 0; groups && i < groups->count; i++)
		free(groups->list[i].path);
	if (groups)
		free(groups->list);
	free(groups);
}

const char *kernel_groups_path(const struct kernel_groups *groups, uint64_t number)
{
	const struct group wanted = { number, NULL };
	const struct group *found = NULL;

	if (groups && groups->count)
		found = bsearch(&wanted, groups->list, groups->count, sizeof(wanted), compare);
	return found ? found->path : NULL;
}
