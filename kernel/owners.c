/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a socket: one walk over the descriptors of all processes, kept by inode. */
#include "kernel/kernel.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS 4096u
#define NS_PER_S 1000000000LL

/* Memory for owners and processes, in blocks that stay where they are. */
struct block {
	struct block *next;
	size_t used;
	char bytes[16384];
};

struct kernel_owners {
	struct kernel_owner *buckets[BUCKETS];
	struct block *blocks;
	int64_t boot_s; /* when this kernel began, in seconds since 1970; 0: not known */
	bool failed;
};

static void *take_room(struct kernel_owners *owners, size_t size)
{
	struct block *block = owners->blocks;

	size = (size + 7) & ~(size_t)7;
	if (!block || block->used + size > sizeof(block->bytes)) {
		block = malloc(sizeof(*block));
		if (!block) {
			owners->failed = true;
			return NULL;
		}
		block->next = owners->blocks;
		block->used = 0;
		owners->blocks = block;
	}
	block->used += size;
	return block->bytes + block->used - size;
}

/* ---- a process ---- */

/* The file's text, cut to the room; its length, 0 where it cannot be read. */
static size_t read_text(int process, const char *name, char *text, size_t size)
{
	int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = 0;
	return got > 0 ? (size_t)got : 0;
}

/* "PID (program) S ...": the name may hold anything, so it ends at the last parenthesis. */
static void read_stat(struct kernel_process *process, int dir, int64_t boot_s)
{
	char text[1024];
	unsigned long long ticks = 0;
	long per_second = sysconf(_SC_CLK_TCK);
	const char *open;
	char *close;

	(void)read_text(dir, "stat", text, sizeof(text));
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close)
		return;
	*close = 0;
	(void)snprintf(process->program, sizeof(process->program), "%s", open + 1);
	/* The 22nd field of all is the 20th after the name. */
	if (sscanf(close + 1,
		   " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%llu",
		   &ticks) == 1 &&
	    boot_s && per_second > 0)
		process->started_s = boot_s + (int64_t)(ticks / (unsigned long)per_second);
}

/* The second of its four ids. */
static void read_uid(struct kernel_process *process, int dir)
{
	char text[2048];
	const char *line;

	(void)read_text(dir, "status", text, sizeof(text));
	line = strstr(text, "\nUid:");
	if (line)
		(void)sscanf(line + 5, "%*u %u", &process->uid);
}

static void read_group(struct kernel_process *process, int dir)
{
	char text[4096];
	char *line;
	char *path;

	(void)read_text(dir, "cgroup", text, sizeof(text));
	/* "0::/path" is of version 2; of version 1 systemd's own hierarchy is the telling one. */
	line = strstr(text, "0::/");
	if (!line || line[4] == '\n')
		line = strstr(text, ":name=systemd:/");
	path = line ? strchr(line, '/') : NULL;
	if (!path)
		return;
	path[strcspn(path, "\n")] = 0;
	(void)kernel_group_name(process->group, path);
}

static void describe(struct kernel_process *process, pid_t pid, int dir, int64_t boot_s)
{
	*process = (struct kernel_process){ .pid = pid };
	read_stat(process, dir, boot_s);
	read_uid(process, dir);
	read_group(process, dir);
}

static int64_t boot_time(void)
{
	struct timespec now;
	struct timespec up;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0)
		return 0;
	return now.tv_sec - up.tv_sec - (now.tv_nsec < up.tv_nsec);
}

int kernel_process_read(struct kernel_process *process, pid_t pid)
{
	char path[32];
	int dir;

	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	describe(process, pid, dir, boot_time());
	close(dir);
	return 0;
}

/* ---- the walk ---- */

static bool inode_of(int dir, const char *name, uint32_t *inode)
{
	static const char socket[] = "socket:[";
	char link[64];
	ssize_t length = readlinkat(dir, name, link, sizeof(link) - 1);

	if (length < (ssize_t)sizeof(socket) || memcmp(link, socket, sizeof(socket) - 1) != 0)
		return false;
	link[length] = 0;
	*inode = (uint32_t)strtoul(link + sizeof(socket) - 1, NULL, 10);
	return true;
}

static void add(struct kernel_owners *owners, uint32_t inode, int fd,
		const struct kernel_process *process)
{
	struct kernel_owner **bucket = &owners->buckets[inode % BUCKETS];
	struct kernel_owner *owner = take_room(owners, sizeof(*owner));

	if (!owner)
		return;
	*owner = (struct kernel_owner){ inode, fd, process, *bucket };
	*bucket = owner;
}

/* Few processes have sockets: only those are described. */
static void visit(struct kernel_owners *owners, int proc, const char *name)
{
	struct kernel_process *process = NULL;
	int dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fds = dir < 0 ? -1 : openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fds < 0 ? NULL : fdopendir(fds);
	const struct dirent *item;
	uint32_t inode;

	while (list && (item = readdir(list)) != NULL) {
		if (!isdigit((unsigned char)item->d_name[0]) ||
		    !inode_of(fds, item->d_name, &inode))
			continue;
		if (!process) {
			process = take_room(owners, sizeof(*process));
			if (!process)
				break;
			describe(process, (pid_t)strtol(name, NULL, 10), dir, owners->boot_s);
		}
		add(owners, inode, (int)strtol(item->d_name, NULL, 10), process);
	}
	if (list)
		(void)closedir(list);
	else if (fds >= 0)
		close(fds);
	if (dir >= 0)
		close(dir);
}

int kernel_owners_read(struct kernel_owners **out)
{
	struct kernel_owners *owners = calloc(1, sizeof(*owners));
	DIR *proc = opendir("/proc");
	const struct dirent *item;
	bool failed;

	*out = owners;
	if (owners)
		owners->boot_s = boot_time();
	while (owners && proc && (item = readdir(proc)) != NULL) {
		if (isdigit((unsigned char)item->d_name[0]))
			visit(owners, dirfd(proc), item->d_name);
	}
	if (proc)
		(void)closedir(proc);
	failed = !owners || owners->failed;
	if (failed) {
		kernel_owners_free(owners);
		*out = NULL;
	}
	return failed ? -ENOMEM : 0;
}

void kernel_owners_free(struct kernel_owners *owners)
{
	struct block *next;

	if (!owners)
		return;
	for (struct block *block = owners->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	free(owners);
}

const struct kernel_owner *kernel_owners_next(const struct kernel_owners *owners, uint32_t inode,
					      const struct kernel_owner *before)
{
	const struct kernel_owner *owner;

	if (!owners || !inode)
		return NULL;
	owner = before ? before->next : owners->buckets[inode % BUCKETS];
	while (owner && owner->inode != inode)
		owner = owner->next;
	return owner;
}
