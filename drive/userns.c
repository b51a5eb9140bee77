/* SPDX-License-Identifier: BSD-2-Clause */
/* The user namespace: id maps without root, and why there may be none. */
#include "drive/drive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAP_SIZE 4096

static int write_of(pid_t child, const char *name, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, name);
	return drive_proc_write(path, text);
}

/* Every id this process has, each to itself. A line is: first inside, first outside, count. */
static int identity_map(const char *path, char map[MAP_SIZE])
{
	FILE *own = fopen(path, "re");
	char line[128];
	size_t used = 0;

	if (!own)
		return -errno;
	while (fgets(line, sizeof(line), own)) {
		char *at = line;
		unsigned long first = strtoul(at, &at, 10);
		unsigned long count;
		int wrote;

		(void)strtoul(at, &at, 10); /* outside: not ours to say */
		count = strtoul(at, NULL, 10);
		wrote = snprintf(map + used, MAP_SIZE - used, "%lu %lu %lu\n", first, first, count);
		if (wrote < 0 || (size_t)wrote >= MAP_SIZE - used)
			break;
		used += (size_t)wrote;
	}
	(void)fclose(own);
	return used > 0 ? 0 : -EINVAL;
}

/* As root of a namespace with many ids: all of them, so that servers which change user work. */
static int map_all(pid_t child, const char *name)
{
	char map[MAP_SIZE];
	char own[64];
	int result;

	(void)snprintf(own, sizeof(own), "/proc/self/%s", name);
	result = identity_map(own, map);
	return result < 0 ? result : write_of(child, name, map);
}

/* user_namespaces(7): one's own id alone needs no privilege, once setgroups is denied. */
static int map_self(pid_t child, bool root)
{
	char text[64];
	int result = write_of(child, "setgroups", "deny");

	if (result < 0)
		return result;
	(void)snprintf(text, sizeof(text), "%u %u 1\n", root ? 0 : getegid(), getegid());
	result = write_of(child, "gid_map", text);
	if (result < 0)
		return result;
	(void)snprintf(text, sizeof(text), "%u %u 1\n", root ? 0 : geteuid(), geteuid());
	return write_of(child, "uid_map", text);
}

int drive_userns_map(pid_t child, const struct drive_plan *plan, struct drive_error *error)
{
	int result;

	/* Refused where root is a container's, without the right: then like everyone else. */
	if (geteuid() == 0 && map_all(child, "uid_map") == 0)
		result = map_all(child, "gid_map");
	else if (plan->subids)
		return drive_subids_map(child, error);
	else
		result = map_self(child, plan->root);
	if (result < 0)
		return drive_userns_explain(result, "writing the id map of the user namespace",
					    error);
	return 0;
}

int drive_userns_explain(int result, const char *what, struct drive_error *error)
{
	int errnum = -result;
	const char *why = strerror(errnum);

	if (drive_proc_number("/proc/sys/user/max_user_namespaces", 1) == 0)
		return drive_fail(error, errnum,
				  "%s: %s. User namespaces are switched off here; root allows "
				  "them with: sysctl user.max_user_namespaces=15000",
				  what, why);
	if (errnum == ENOSPC || errnum == EUSERS)
		return drive_fail(error, errnum,
				  "%s: %s. There are too many user namespaces, or they are nested "
				  "too deeply (32); root allows more with: sysctl "
				  "user.max_user_namespaces=15000",
				  what, why);
	if (errnum == EINVAL)
		return drive_fail(error, errnum,
				  "%s: %s. This kernel may lack user namespaces (CONFIG_USER_NS)",
				  what, why);
	if (errnum != EPERM && errnum != EACCES)
		return drive_fail(error, errnum, "%s: %s", what, why);
	if (drive_proc_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		return drive_fail(error, errnum,
				  "%s: %s. Only root may make user namespaces here; root allows "
				  "everyone with: sysctl kernel.unprivileged_userns_clone=1",
				  what, why);
	if (drive_proc_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) != 0)
		return drive_fail(error, errnum,
				  "%s: %s. AppArmor restricts user namespaces to programs with a "
				  "profile; root either gives minato one (a profile with the line "
				  "\"userns,\" in /etc/apparmor.d) or allows everyone with: sysctl "
				  "kernel.apparmor_restrict_unprivileged_userns=0",
				  what, why);
	return drive_fail(error, errnum,
			  "%s: %s. Something forbids user namespaces to this process: a container "
			  "(docker: --security-opt seccomp=unconfined), a seccomp filter, a "
			  "security module, or a chroot",
			  what, why);
}
