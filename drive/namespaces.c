/* SPDX-License-Identifier: BSD-2-Clause */
/* Namespaces that somebody else made: found, held, and judged whether they may be served. */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESOLV "/etc/resolv.conf"

static int open_of(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Whether the namespace is that of another process; false where that cannot be seen. */
static bool is_of(int fd, const char *path)
{
	struct stat ours;
	struct stat other;

	return fstat(fd, &ours) == 0 && stat(path, &other) == 0 && is_same(&ours, &other);
}

static const char *user_name(uid_t uid, char *text, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		(void)snprintf(text, size, "%s", user->pw_name);
	else
		(void)snprintf(text, size, "uid %u", uid);
	return text;
}

/* ---- a process ---- */

/* The kernel lets nobody look at the process but who may trace it. */
static int refuse_process(pid_t pid, int errnum, struct drive_error *error)
{
	struct stat info;
	char path[64];
	char user[64];

	if (errnum == ENOENT || errnum == ESRCH)
		return drive_fail(error, ESRCH, "the process %d has ended", (int)pid);
	if (errnum != EACCES && errnum != EPERM)
		return drive_fail(error, errnum, "cannot open the namespaces of process %d: %s",
				  (int)pid, strerror(errnum));
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	if (stat(path, &info) < 0)
		return drive_fail(error, ESRCH, "the process %d has ended", (int)pid);
	if (geteuid() == 0)
		return drive_fail(error, EPERM,
				  "a container, or a security module, forbids even root to look at "
				  "the namespaces of process %d",
				  (int)pid);
	return drive_fail(error, EPERM,
			  "the process %d is not yours (it belongs to %s): attach as that user, or "
			  "as root",
			  (int)pid, user_name(info.st_uid, user, sizeof(user)));
}

/*
 * Whether a mount over the path would appear elsewhere too: the mount it lies in is shared. A line
 * is: id, parent, device, root, mount point, options, optional fields, "-" ...
 */
static bool is_shared(FILE *mountinfo, const char *path)
{
	size_t longest = 0;
	bool shared = true; /* until the mount is seen */
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, mountinfo) >= 0) {
		char *dash = strstr(line, " - ");
		char point[256];
		size_t size;

		if (dash)
			*dash = '\0';
		if (sscanf(line, "%*s %*s %*s %*s %255s", point) != 1)
			continue;
		size = strcmp(point, "/") == 0 ? 0 : strlen(point);
		if (size < longest || strncmp(point, path, size) != 0 ||
		    (path[size] && path[size] != '/'))
			continue;
		longest = size;
		shared = strstr(line, " shared:") != NULL;
	}
	free(line);
	return shared;
}

/*
 * The mount namespace is of use only if it is the process's own: a resolver set in ours or in the
 * first process's would be that of the host.
 */
static void open_mounts(struct drive_target *target)
{
	char path[64];
	FILE *mountinfo;

	target->mntns = open_of(target->pid, "ns/mnt");
	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)target->pid);
	mountinfo = fopen(path, "re");
	if (mountinfo)
		target->mountinfo = fcntl(fileno(mountinfo), F_DUPFD_CLOEXEC, 3);
	if (target->mntns >= 0 &&
	    (!mountinfo || is_of(target->mntns, "/proc/self/ns/mnt") ||
	     is_of(target->mntns, "/proc/1/ns/mnt") || is_shared(mountinfo, RESOLV))) {
		close(target->mntns);
		target->mntns = -1;
	}
	if (mountinfo)
		(void)fclose(mountinfo);
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)target->pid);
	target->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int open_process(struct drive_target *target, const char *word, struct drive_error *error)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(word, &end, 10);
	if (errno || pid < 1 || pid > INT_MAX)
		return drive_fail(error, ESRCH, "there is no process %s", word);
	target->pid = (pid_t)pid;
	target->pidfd = pidfd_open(target->pid, 0);
	if (target->pidfd < 0 && errno == EINVAL)
		return drive_fail(error, ESRCH, "%s is a thread; name its process", word);
	if (target->pidfd < 0)
		return drive_fail(error, errno, "there is no process %s", word);
	target->netns = open_of(target->pid, "ns/net");
	if (target->netns < 0)
		return refuse_process(target->pid, errno, error);
	open_mounts(target);
	/* Its number may have become another process's meanwhile. */
	return drive_target_lives(target) ? 0 : refuse_process(target->pid, ESRCH, error);
}

/* ---- a path ---- */

static int open_path(struct drive_target *target, const char *path, struct drive_error *error)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;
	char directory[PATH_MAX];

	target->netns = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (target->netns < 0)
		return drive_fail(error, errno, "%s: %s", path, strerror(errno));
	if (ioctl(target->netns, NS_GET_NSTYPE) != CLONE_NEWNET)
		return drive_fail(
			error, EINVAL,
			"%s is not a network namespace; one is made by 'ip netns add', or "
			"is /proc/PID/ns/net of a process in it",
			path);
	if (slash == path)
		(void)snprintf(directory, sizeof(directory), "/");
	else
		(void)snprintf(directory, sizeof(directory), "%.*s",
			       slash ? (int)(slash - path) : 1, slash ? path : ".");
	target->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target->directory < 0 || strlen(file) >= sizeof(target->file))
		return drive_fail(error, ENOENT, "%s: cannot open its directory", path);
	(void)snprintf(target->file, sizeof(target->file), "%s", file);
	return 0;
}

/* ---- both ---- */

static int refuse_owner(int errnum, const char *word, struct drive_error *error)
{
	return drive_fail(error, errnum == EPERM ? EPERM : errnum,
			  "the network namespace of %s was made by root or by another user: attach "
			  "as that user, or as root",
			  word);
}

/* Which user namespace gives the right to the network; none to enter if it is ours. */
static int find_owner(struct drive_target *target, const char *word, struct drive_error *error)
{
	target->owner = ioctl(target->netns, NS_GET_USERNS);
	if (target->owner < 0)
		return refuse_owner(errno, word, error);
	if (is_of(target->owner, "/proc/self/ns/user")) {
		close(target->owner);
		target->owner = -1;
	}
	return 0;
}

int drive_target_open(struct drive_target *target, const char *word, struct drive_error *error)
{
	bool digits = *word && word[strspn(word, "0123456789")] == '\0';
	struct stat info;
	int result;

	*target = (struct drive_target){ .pidfd = -1,
					 .netns = -1,
					 .owner = -1,
					 .mntns = -1,
					 .root = -1,
					 .mountinfo = -1,
					 .directory = -1 };
	result = digits ? open_process(target, word, error) : open_path(target, word, error);
	if (result == 0 && fstat(target->netns, &info) < 0)
		result = drive_fail(error, errno, "%s: %s", word, strerror(errno));
	if (result == 0 &&
	    (is_of(target->netns, "/proc/self/ns/net") || is_of(target->netns, "/proc/1/ns/net")))
		result = drive_fail(
			error, ENOTSUP,
			"%s is in the host's own network, which needs no other: name a "
			"process inside the new namespace (unshare --fork and bwrap start "
			"it as their child)",
			word);
	if (result == 0)
		result = find_owner(target, word, error);
	if (result < 0) {
		drive_target_close(target);
		return result;
	}
	target->dev = info.st_dev;
	target->ino = info.st_ino;
	return 0;
}

void drive_target_close(struct drive_target *target)
{
	int *const all[] = { &target->pidfd, &target->netns,	 &target->owner,    &target->mntns,
			     &target->root,  &target->mountinfo, &target->directory };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i] >= 0)
			close(*all[i]);
		*all[i] = -1;
	}
}

bool drive_target_lives(const struct drive_target *target)
{
	struct pollfd ended = { .fd = target->pidfd, .events = POLLIN };
	struct stat there;
	struct stat ours;

	if (target->pidfd >= 0)
		return poll(&ended, 1, 0) == 0;
	return fstatat(target->directory, target->file, &there, 0) == 0 &&
	       fstat(target->netns, &ours) == 0 && is_same(&there, &ours);
}
