/* SPDX-License-Identifier: BSD-2-Clause */
/* The user's runtime directory and the control sockets of guests in it. */
#include "drive/drive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SUFFIX ".sock"
#define BACKLOG 16
#define NUMBER_MAX 9999
#define CONNECT_S 2
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static bool is_ours(const char *path, struct stat *info)
{
	return lstat(path, info) == 0 && S_ISDIR(info->st_mode) && info->st_uid == geteuid();
}

/* A directory that others may enter, but nobody else writes: the session's own. */
static bool usable_base(const char *path)
{
	struct stat info;

	return path && path[0] == '/' && is_ours(path, &info) && (info.st_mode & 022) == 0;
}

/* Makes the directory, or takes the one that is there if it is ours alone. */
static int own_directory(const char *path, struct drive_error *error)
{
	struct stat info;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return drive_fail(error, errno, "cannot make %s: %s", path, strerror(errno));
	if (!is_ours(path, &info))
		return drive_fail(error, EPERM,
				  "%s is not a directory of this user; remove it, or set "
				  "XDG_RUNTIME_DIR to a directory of your own",
				  path);
	/* Ours by owner; whoever could write there before has had no time to do harm. */
	if ((info.st_mode & 07777) != 0700 && chmod(path, 0700) < 0)
		return drive_fail(error, errno, "cannot close %s to others: %s", path,
				  strerror(errno));
	return 0;
}

int drive_runtime_dir(char path[DRIVE_PATH_SIZE], struct drive_error *error)
{
	const char *session = getenv("XDG_RUNTIME_DIR");
	char base[DRIVE_PATH_SIZE];
	int size;

	if (!usable_base(session)) {
		(void)snprintf(base, sizeof(base), "/run/user/%u", geteuid());
		session = base;
	}
	if (!usable_base(session)) {
		int result;

		(void)snprintf(base, sizeof(base), "/tmp/minato-%u", geteuid());
		result = own_directory(base, error);
		if (result < 0)
			return result;
	}
	size = snprintf(path, DRIVE_PATH_SIZE, "%s/minato", session);
	if (size < 0 || size >= DRIVE_PATH_SIZE)
		return drive_fail(error, ENAMETOOLONG, "the runtime directory's name is too long");
	return own_directory(path, error);
}

bool drive_runtime_name_ok(const char *name)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char others[] = "._-";
	size_t size = strlen(name);

	if (size == 0 || size >= DRIVE_NAME_SIZE || !strchr(first, name[0]))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!strchr(first, name[i]) && !strchr(others, name[i]))
			return false;
	return true;
}

static int address_of(struct sockaddr_un *addr, const char *directory, const char *name,
		      struct drive_error *error)
{
	int size;

	addr->sun_family = AF_UNIX;
	size = snprintf(addr->sun_path, sizeof(addr->sun_path), "%s/%s" SUFFIX, directory, name);
	if (size < 0 || (size_t)size >= sizeof(addr->sun_path))
		return drive_fail(error, ENAMETOOLONG,
				  "the path of the control socket, %s/%s" SUFFIX
				  ", is too long; use a shorter name, or a shorter directory in "
				  "XDG_RUNTIME_DIR",
				  directory, name);
	return 0;
}

/*
 * Held while names are taken and swept, so that of two who find the same dead socket none removes
 * the other's new one. Closing the descriptor lets go.
 */
static int lock(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0) {
		int result = -errno;

		if (result == -EINTR)
			continue;
		close(fd);
		return result;
	}
	return fd;
}

/*
 * Connects, without waiting: descriptor; -ECONNREFUSED when the process behind is gone; -EAGAIN
 * when it is there and busy.
 */
static int try_connect(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		int result = -errno;

		close(fd);
		return result;
	}
	return fd;
}

int drive_runtime_try(const char *name)
{
	char directory[DRIVE_PATH_SIZE];
	struct sockaddr_un addr;
	int result = drive_runtime_dir(directory, NULL);

	if (result == 0)
		result = drive_runtime_name_ok(name) ? address_of(&addr, directory, name, NULL) :
						       -ENOENT;
	return result < 0 ? result : try_connect(&addr);
}

int drive_runtime_watch(void)
{
	char directory[DRIVE_PATH_SIZE];
	int result = drive_runtime_dir(directory, NULL);
	int fd = result < 0 ? result : inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (result < 0 || fd < 0)
		return result < 0 ? result : -errno;
	if (inotify_add_watch(fd, directory, IN_CREATE | IN_MOVED_TO) >= 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

/* Whether a process listens there. Removes the file that a killed one left. */
static bool is_living(const struct sockaddr_un *addr)
{
	int fd = try_connect(addr);

	if (fd >= 0)
		close(fd);
	if (fd == -ECONNREFUSED)
		(void)unlink(addr->sun_path);
	return fd >= 0 || fd == -EAGAIN;
}

static int listen_at(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = 0;

	if (fd < 0)
		return -errno;
	/* The mode that bind gives the file: 0600 from the first moment. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		result = -errno;
	if (result == 0 && listen(fd, BACKLOG) < 0)
		result = -errno;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

/* name, name-2, name-3 ...: the next one in line, cut so that it fits. */
static void number(char name[DRIVE_NAME_SIZE], const char *stem, unsigned count)
{
	char suffix[16];

	(void)snprintf(suffix, sizeof(suffix), "-%u", count);
	(void)snprintf(name, DRIVE_NAME_SIZE, "%.*s%s", (int)(DRIVE_NAME_SIZE - 1 - strlen(suffix)),
		       stem, suffix);
}

static int take_name(const char *directory, char name[DRIVE_NAME_SIZE], bool unique,
		     struct drive_error *error)
{
	struct sockaddr_un addr;
	char stem[DRIVE_NAME_SIZE];

	memcpy(stem, name, sizeof(stem));
	for (unsigned count = 2; count <= NUMBER_MAX; count++) {
		int result = address_of(&addr, directory, name, error);

		if (result < 0)
			return result;
		if (!is_living(&addr)) {
			result = listen_at(&addr);
			return result >= 0 ? result :
					     drive_fail(error, -result, "%s: %s", addr.sun_path,
							strerror(-result));
		}
		if (!unique)
			return drive_fail(error, EADDRINUSE, "a guest named %s is running already",
					  name);
		number(name, stem, count);
	}
	return drive_fail(error, EADDRINUSE, "too many guests are named %s", stem);
}

int drive_runtime_listen(char name[DRIVE_NAME_SIZE], bool unique, struct drive_error *error)
{
	char directory[DRIVE_PATH_SIZE];
	int result;
	int held;

	if (!drive_runtime_name_ok(name))
		return drive_fail(error, EINVAL,
				  "\"%s\" cannot be a guest's name: up to 63 letters, digits, "
				  "\".\", \"_\" and \"-\", a letter or digit first",
				  name);
	result = drive_runtime_dir(directory, error);
	if (result < 0)
		return result;
	held = lock(directory);
	if (held < 0)
		return drive_fail(error, -held, "%s: %s", directory, strerror(-held));
	result = take_name(directory, name, unique, error);
	close(held);
	return result;
}

void drive_runtime_remove(const char *name)
{
	char directory[DRIVE_PATH_SIZE];
	struct sockaddr_un addr;

	if (drive_runtime_name_ok(name) && drive_runtime_dir(directory, NULL) == 0 &&
	    address_of(&addr, directory, name, NULL) == 0)
		(void)unlink(addr.sun_path);
}

/*
 * Whether who made the socket is inside of a guest, or gone: files are the same there, so that a
 * program of it can take another guest's place, but not in our user namespace. From within a guest
 * the process is not seen, or not what it is in.
 */
static bool is_impostor(pid_t pid)
{
	struct stat own, its;
	char path[64];

	if (pid <= 0 || stat("/proc/self/ns/user", &own) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (stat(path, &its) < 0)
		return errno == ENOENT;
	return own.st_ino != its.st_ino || own.st_dev != its.st_dev;
}

int drive_runtime_connect(const char *name, struct drive_error *error)
{
	const struct timeval patience = { .tv_sec = CONNECT_S };
	char directory[DRIVE_PATH_SIZE];
	struct sockaddr_un addr;
	int result = drive_runtime_dir(directory, error);
	pid_t peer;
	int fd;

	if (result < 0)
		return result;
	if (!drive_runtime_name_ok(name))
		return drive_fail(error, ENOENT, "no guest is called %s", name);
	result = address_of(&addr, directory, name, error);
	if (result < 0)
		return result;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return drive_fail(error, errno, "socket: %s", strerror(errno));
	/* Whoever is stopped takes nobody in, once its backlog is full. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		bool gone = errno == ENOENT || errno == ECONNREFUSED;

		result = gone ? drive_fail(error, ENOENT, "no guest is called %s", name) :
				drive_fail(error, errno, "%s: %s", addr.sun_path, strerror(errno));
		close(fd);
		return result;
	}
	result = drive_runtime_peer(fd, &peer);
	if (result == 0 && !is_impostor(peer))
		return fd;
	close(fd);
	if (result == 0)
		return drive_fail(error, EPERM,
				  "%s is no guest's: a program inside of a guest made it (pid %d)",
				  addr.sun_path, (int)peer);
	return drive_fail(error, -result, "%s belongs to another user", addr.sun_path);
}

static int is_socket_name(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return size > strlen(SUFFIX) && strcmp(entry->d_name + size - strlen(SUFFIX), SUFFIX) == 0;
}

/* Cuts the suffix off. False, with nothing left behind, if no process is there. */
static bool living_name(const char *directory, char *name)
{
	struct sockaddr_un addr;

	name[strlen(name) - strlen(SUFFIX)] = '\0';
	return drive_runtime_name_ok(name) && address_of(&addr, directory, name, NULL) == 0 &&
	       is_living(&addr);
}

/* The living guests' sockets in order of name; the others are swept, which needs the lock. */
static int scan(const char *directory, struct dirent ***entries)
{
	int held = lock(directory);
	int living = 0;
	int count;

	if (held < 0)
		return held;
	count = scandir(directory, entries, is_socket_name, alphasort);
	if (count < 0)
		count = -errno;
	for (int i = 0; i < count; i++) {
		if (living_name(directory, (*entries)[i]->d_name))
			(*entries)[living++] = (*entries)[i];
		else
			free((*entries)[i]);
	}
	close(held);
	return count < 0 ? count : living;
}

int drive_runtime_list(void (*each)(void *user, const char *name), void *user,
		       struct drive_error *error)
{
	char directory[DRIVE_PATH_SIZE];
	struct dirent **entries;
	int count = drive_runtime_dir(directory, error);

	if (count < 0)
		return count;
	count = scan(directory, &entries);
	if (count < 0)
		return drive_fail(error, -count, "%s: %s", directory, strerror(-count));
	for (int i = 0; i < count; i++) {
		each(user, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return count;
}

int drive_runtime_peer(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (pid)
		*pid = peer.pid;
	return peer.uid == geteuid() || peer.uid == 0 ? 0 : -EPERM;
}

int drive_runtime_peer_pidfd(int fd)
{
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);

	return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0 ? -errno : pidfd;
}
