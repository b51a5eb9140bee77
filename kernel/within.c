/* SPDX-License-Identifier: BSD-2-Clause */
/* Into the network namespace of a process, and its user ids as ours. */
#include "kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define UID_NOBODY 65534u

/* Opens the process's namespace of that name; *fd is -1 where it is the caller's own. */
static int open_namespace(pid_t process, const char *name, int *fd)
{
	struct stat ours;
	struct stat theirs;
	char path[64];

	*fd = -1;
	(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (process == 0 || stat(path, &ours) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)process, name);
	if (stat(path, &theirs) == 0 && ours.st_ino == theirs.st_ino &&
	    ours.st_dev == theirs.st_dev)
		return 0;
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	return errno == ENOENT ? -ESRCH : errno == EACCES ? -EPERM : -errno;
}

static void close_both(int userns, int netns)
{
	if (userns >= 0)
		close(userns);
	if (netns >= 0)
		close(netns);
}

/*
 * Does the work in the process's network namespace, in this process if that is the same. Root need
 * not enter the user namespace, and sees ids as its own then.
 */
int kernel_within(pid_t process, struct drive_inside *inside, bool *mapped)
{
	int userns = -1;
	int netns = -1;
	int result = open_namespace(process, "net", &netns);

	inside->fd = -1;
	*mapped = false;
	if (result == 0 && netns >= 0)
		result = open_namespace(process, "user", &userns);
	if (result == 0 && netns < 0)
		result = inside->work(inside);
	else if (result == 0) {
		result = drive_inside(-1, netns, inside);
		if (result == -EPERM && userns >= 0) {
			result = drive_inside(userns, netns, inside);
			*mapped = true;
		}
	}
	close_both(userns, netns);
	return result;
}

static void read_ids(struct kernel_ids *ids, pid_t process)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)process);
	file = fopen(path, "re");
	while (file && ids->count < KERNEL_IDS_MAX) {
		struct kernel_id_range *range = &ids->ranges[ids->count];

		if (fscanf(file, "%u %u %u", &range->inside, &range->outside, &range->length) != 3)
			break;
		ids->count++;
	}
	if (file)
		(void)fclose(file);
}

uint32_t kernel_uid(const struct kernel_ids *ids, uint32_t uid)
{
	if (!ids->mapped)
		return uid;
	for (size_t i = 0; i < ids->count; i++) {
		const struct kernel_id_range *range = &ids->ranges[i];

		if (uid >= range->inside && uid - range->inside < range->length)
			return range->outside + (uid - range->inside);
	}
	return UID_NOBODY;
}

static int open_netlink(struct drive_inside *inside)
{
	const int *protocol = inside->answer;

	inside->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, *protocol);
	return inside->fd < 0 ? -errno : 0;
}

int kernel_netlink(pid_t process, int protocol, struct kernel_ids *ids)
{
	struct drive_inside inside = { open_netlink, &protocol, sizeof(protocol), -1 };
	bool mapped;
	int result = kernel_within(process, &inside, &mapped);

	if (ids) {
		*ids = (struct kernel_ids){ .mapped = mapped };
		if (mapped)
			read_ids(ids, process);
	}
	return result < 0 ? result : inside.fd;
}
