/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount namespace of a guest: its own /proc, /sys and files of /etc.
 *
 * A file of /etc is a file on a small tmpfs, mounted over whatever the host has at that name. The
 * mount is put on the name itself, not on what a symbolic link there leads to, so that a dangling
 * link serves as well. The tmpfs stands on /proc while it is filled (a directory every system
 * has), and is let go before the guest's /proc is mounted there; the mounts of its files keep it.
 */
#include "drive/drive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGE "/proc"
#define FILE_SIZE_MAX 65536
#define CALM (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Calls back for each line of a file, without its newline. No file is a file without lines. */
static void each_line(FILE *from, void (*line)(FILE *to, const char *text), FILE *to)
{
	size_t room = 0;
	size_t total = 0;
	char *text = NULL;
	ssize_t got;

	while (from && total < FILE_SIZE_MAX && (got = getline(&text, &room, from)) >= 0) {
		total += (size_t)got;
		text[strcspn(text, "\n")] = '\0';
		line(to, text);
	}
	free(text);
}

static void each_line_of(const char *path, void (*line)(FILE *to, const char *text), FILE *to)
{
	FILE *from = fopen(path, "re");

	each_line(from, line, to);
	if (from)
		(void)fclose(from);
}

/* Of the host's resolv.conf all but the servers is the guest's too. */
static void keep_resolv_line(FILE *to, const char *text)
{
	if (strncmp(text, "search", 6) == 0 || strncmp(text, "domain", 6) == 0 ||
	    strncmp(text, "options", 7) == 0 || strncmp(text, "sortlist", 8) == 0)
		(void)fprintf(to, "%s\n", text);
}

static void keep_line(FILE *to, const char *text)
{
	(void)fprintf(to, "%s\n", text);
}

static void write_resolv(FILE *to, const struct drive_plan *plan)
{
	const struct drive_subnet *subnet = &plan->subnet;
	char text[64];

	(void)minato_addr_format(subnet->has4 ? &subnet->dns4 : &subnet->dns6, text, sizeof(text));
	(void)fprintf(to, "nameserver %s\n", text);
	if (plan->resolv_from)
		each_line(plan->resolv_from, keep_resolv_line, to);
	else
		each_line_of("/etc/resolv.conf", keep_resolv_line, to);
}

static void write_name(FILE *to, const struct minato_addr *addr, const char *name)
{
	char text[64];

	(void)minato_addr_format(addr, text, sizeof(text));
	(void)fprintf(to, "%s %s\n", text, name);
}

/* Of several lines for a name programs take the first: the user's own come before all. */
static void write_hosts(FILE *to, const struct drive_plan *plan)
{
	const struct drive_subnet *subnet = &plan->subnet;

	for (size_t i = 0; i < plan->name_count; i++)
		write_name(to, &plan->names[i].addr, plan->names[i].name);
	if (plan->hostname && subnet->has4)
		write_name(to, &subnet->guest4, plan->hostname);
	if (plan->hostname && subnet->has6)
		write_name(to, &subnet->guest6, plan->hostname);
	if (subnet->has4)
		write_name(to, &subnet->gateway4, DRIVE_GATEWAY_NAME);
	if (subnet->has6)
		write_name(to, &subnet->gateway6, DRIVE_GATEWAY_NAME);
	each_line_of("/etc/hosts", keep_line, to);
}

/* Fills up the spares from a mount, which is still at its place or not. */
static void take_spares(struct drive_etc *etc, int mount)
{
	for (size_t i = 0; i < 2; i++) {
		if (etc->spare[i] < 0)
			etc->spare[i] = open_tree(
				mount, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
	if (etc->spare[0] < 0) {
		etc->spare[0] = etc->spare[1];
		etc->spare[1] = -1;
	}
}

/*
 * Mounts a spare at its place and takes the next from it: not by its name, which may be another
 * file's by now. Where a rename has taken it away already, there is a second one.
 */
static int attach(struct drive_etc *etc)
{
	int mount = etc->spare[0];

	if (move_mount(mount, "", AT_FDCWD, etc->path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	etc->spare[0] = -1;
	take_spares(etc, mount);
	close(mount);
	return 0;
}

/*
 * Where the host's /etc has no such name there is nothing to mount on. Then /etc becomes two
 * layers, ours above the host's; without an upper layer, so that writing fails instead of being
 * lost.
 */
static int layer(const char *directory, struct drive_error *warning)
{
	char options[128];

	(void)snprintf(options, sizeof(options), "lowerdir=%s:/etc", directory);
	if (mount("overlay", "/etc", "overlay", CALM & ~(unsigned)MS_NOEXEC, options) < 0)
		return -errno;
	drive_warn(warning, "/etc is read-only in the guest: the host lacks a file there that the "
			    "guest needs");
	return 0;
}

/* A file of the guest: on the stage in a directory of its own, which can become a layer. */
struct own_file {
	const char *path;
	const char *directory;
	const char *staged;
	void (*fill)(FILE *to, const struct drive_plan *plan);
};

static const struct own_file own_files[DRIVE_ETC_FILES] = {
	{ "/etc/resolv.conf", STAGE "/resolv", STAGE "/resolv/resolv.conf", write_resolv },
	{ "/etc/hosts", STAGE "/hosts", STAGE "/hosts/hosts", write_hosts },
};

static int stage(const struct own_file *own, const struct drive_plan *plan)
{
	FILE *file;

	if (mkdir(own->directory, 0755) < 0)
		return -errno;
	file = fopen(own->staged, "wxe");
	if (!file)
		return -errno;
	own->fill(file, plan);
	if (fclose(file) != 0)
		return -errno;
	/* Whatever the umask is: every user of the guest reads them. */
	if (chmod(own->directory, 0755) < 0 || chmod(own->staged, 0644) < 0)
		return -errno;
	return 0;
}

/* Takes the staged file as a detached mount, to be put over its name. */
static int lift(struct drive_etc *etc, const struct own_file *own)
{
	struct stat info;

	if (stat(own->staged, &info) < 0)
		return -errno;
	for (size_t i = 0; i < 2; i++) {
		etc->spare[i] =
			open_tree(AT_FDCWD, own->staged, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (etc->spare[i] < 0)
			return -errno;
	}
	etc->path = own->path;
	etc->dev = info.st_dev;
	etc->ino = info.st_ino;
	return 0;
}

/* Puts the staged file over its name in /etc. */
static int place(struct drive_etc *etc, const struct own_file *own, struct drive_error *warning)
{
	struct stat info;
	int result;

	if (lstat(own->path, &info) < 0)
		return layer(own->directory, warning);
	result = lift(etc, own);
	if (result == 0)
		result = attach(etc);
	if (result < 0)
		etc->path = NULL;
	return result;
}

/*
 * A host's name service daemons would answer the guest's questions past its own DNS server: their
 * sockets are hidden.
 */
static void hide_resolvers(void)
{
	static const char *const hidden[] = { "/run/systemd/resolve", "/run/nscd" };
	struct stat info;

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (lstat(hidden[i], &info) == 0 && S_ISDIR(info.st_mode))
			(void)mount("minato", hidden[i], "tmpfs", CALM | MS_RDONLY, "size=4k");
}

static void make_etc(const struct drive_plan *plan, struct drive_etc etc[DRIVE_ETC_FILES],
		     struct drive_error *warning)
{
	const bool wanted[DRIVE_ETC_FILES] = {
		!plan->keep_resolv,
		plan->hostname || plan->name_count > 0 || plan->name_gateway,
	};

	if (!wanted[0] && !wanted[1])
		return;
	if (mount("minato", STAGE, "tmpfs", CALM, "mode=0755,size=1m") < 0) {
		drive_warn(warning, "the files of /etc are the host's (tmpfs: %s)",
			   strerror(errno));
		return;
	}
	for (int i = 0; i < DRIVE_ETC_FILES; i++) {
		int result = wanted[i] ? stage(&own_files[i], plan) : 0;

		if (wanted[i] && result == 0)
			result = place(&etc[i], &own_files[i], warning);
		if (result < 0)
			drive_warn(warning, "%s is the host's (%s)", own_files[i].path,
				   strerror(-result));
	}
	if (!plan->keep_resolv)
		hide_resolvers();
	(void)umount2(STAGE, MNT_DETACH);
}

/*
 * A sysfs shows the network namespace it was mounted in. The host's control groups, which lie
 * below, are carried over.
 */
static void make_sys(void)
{
	int groups = open_tree(AT_FDCWD, "/sys/fs/cgroup",
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (mount("sysfs", "/sys", "sysfs", CALM | MS_RDONLY, NULL) == 0 && groups >= 0)
		(void)move_mount(groups, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH);
	if (groups >= 0)
		close(groups);
}

int drive_mounts_make(const struct drive_plan *plan, struct drive_etc etc[DRIVE_ETC_FILES],
		      struct drive_error *warning, struct drive_error *error)
{
	for (int i = 0; i < DRIVE_ETC_FILES; i++)
		etc[i] = (struct drive_etc){ .spare = { -1, -1 } };
	/* A slave sees what the host mounts later; nothing of ours goes back. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return drive_userns_explain(-errno, "making mounts private to the guest", error);
	make_etc(plan, etc, warning);
	make_sys();
	if (mount("proc", "/proc", "proc", CALM, NULL) < 0)
		drive_warn(warning, "/proc shows the host's processes (a new one: %s)",
			   strerror(errno));
	return 0;
}

/*
 * The kernel takes a mount away in the middle of the rename, while the old name still stands. A
 * rename holds its directory: who reads that waits for the rename's end.
 */
static void await_renames(void)
{
	DIR *directory = opendir("/etc");

	if (!directory)
		return;
	(void)readdir(directory);
	(void)closedir(directory);
}

bool drive_mounts_keep(struct drive_etc *etc, size_t count)
{
	struct stat info;
	bool all_there = true;

	await_renames();
	for (size_t i = 0; i < count; i++) {
		if (!etc[i].path || etc[i].spare[0] < 0)
			continue;
		if (lstat(etc[i].path, &info) < 0)
			all_there = false;
		else if ((info.st_dev != etc[i].dev || info.st_ino != etc[i].ino) &&
			 attach(&etc[i]) < 0)
			all_there = false; /* renamed over just then */
	}
	return all_there;
}

int drive_mounts_stage(const struct drive_plan *plan, struct drive_etc *etc)
{
	const struct own_file *own = &own_files[0];
	int result;

	*etc = (struct drive_etc){ .spare = { -1, -1 } };
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("minato", STAGE, "tmpfs", CALM, "mode=0755,size=1m") < 0)
		return -errno;
	result = stage(own, plan);
	if (result == 0)
		result = lift(etc, own);
	(void)umount2(STAGE, MNT_DETACH);
	return result;
}

int drive_mounts_put(struct drive_etc *etc)
{
	struct stat info;
	int result;

	if (lstat(etc->path, &info) < 0)
		return -errno;
	result = attach(etc);
	if (result < 0)
		etc->path = NULL;
	return result;
}

void drive_mounts_take(struct drive_etc *etc)
{
	struct stat info;

	if (etc->path && lstat(etc->path, &info) == 0 && info.st_dev == etc->dev &&
	    info.st_ino == etc->ino)
		(void)umount2(etc->path, MNT_DETACH | UMOUNT_NOFOLLOW);
	for (size_t i = 0; i < 2; i++) {
		if (etc->spare[i] >= 0)
			close(etc->spare[i]);
	}
	*etc = (struct drive_etc){ .spare = { -1, -1 } };
}
