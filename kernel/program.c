/* SPDX-License-Identifier: BSD-2-Clause */
/* Which programs of a guest hold the socket of a flow: one question to its kernel, one walk. */
#include "kernel/kernel.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/magic.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

/* ---- the beginning ---- */

/* The number of a namespace, 0 where it cannot be seen. */
static uint64_t number_of(int at, const char *path)
{
	struct stat info;

	return fstatat(at, path, &info, 0) < 0 ? 0 : info.st_ino;
}

/* The guest's own list of processes, if that is one, and of its processes. */
static int open_guest_proc(pid_t init)
{
	struct statfs fs;
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/root/proc", (int)init);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)init);
	if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
	    number_of(fd, "1/ns/pid") == number_of(AT_FDCWD, path))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int kernel_seeker_open(struct kernel_seeker *seeker, pid_t process, bool trusted)
{
	char path[64];

	*seeker = (struct kernel_seeker){ .proc = -1, .diag = -1 };
	seeker->diag = kernel_netlink(process, NETLINK_SOCK_DIAG, &seeker->ids);
	if (seeker->diag < 0)
		return seeker->diag;
	if (trusted)
		seeker->proc = open_guest_proc(process);
	if (seeker->proc < 0) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)process);
		seeker->netns = process ? number_of(AT_FDCWD, path) : 0;
		seeker->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (seeker->proc >= 0)
		return 0;
	close(seeker->diag);
	return -errno;
}

void kernel_seeker_close(struct kernel_seeker *seeker)
{
	if (seeker->proc >= 0)
		close(seeker->proc);
	if (seeker->diag >= 0)
		close(seeker->diag);
	seeker->proc = seeker->diag = -1;
}

/* ---- the socket ---- */

static void put_end(__be32 *addr, __be16 *port, const struct minato_endpoint *end, bool four)
{
	*port = htons(end->port);
	memcpy(addr, end->addr.bytes + (four ? 12 : 0), four ? 4 : 16);
}

static int ask(const struct kernel_seeker *seeker, const struct kernel_flow *flow)
{
	bool four = minato_addr_is4(&flow->local.addr);
	/* For UDP the kernel takes them the other way round: as of a packet that arrives. */
	bool arriving = flow->proto == MINATO_UDP;
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = four ? AF_INET : AF_INET6;
	request->sdiag_protocol = (uint8_t)flow->proto;
	request->idiag_states = KERNEL_STATES_ALL;
	request->id.idiag_cookie[0] = request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	put_end(request->id.idiag_src, &request->id.idiag_sport,
		arriving ? &flow->remote : &flow->local, four);
	put_end(request->id.idiag_dst, &request->id.idiag_dport,
		arriving ? &flow->local : &flow->remote, four);
	return send(seeker->diag, message, message->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* 0 and the inode and user of the socket; -ENOENT. */
static int find_socket(const struct kernel_seeker *seeker, const struct kernel_flow *flow,
		       uint32_t *inode, uint32_t *uid)
{
	char buffer[4096];
	const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)buffer;
	const struct inet_diag_msg *found;
	int result = ask(seeker, flow);
	ssize_t got;

	if (result < 0)
		return result;
	do
		got = recv(seeker->diag, buffer, sizeof(buffer), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (!mnl_nlmsg_ok(message, (int)got) || message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*found))
		return -ENOENT;
	found = mnl_nlmsg_get_payload(message);
	*inode = found->idiag_inode;
	*uid = kernel_uid(&seeker->ids, found->idiag_uid);
	/* A listener's or nobody's: the connection is gone. */
	return *inode && found->idiag_state != MINATO_LISTEN ? 0 : -ENOENT;
}

/* ---- who holds it ---- */

static bool holds(int process, const char *wanted)
{
	int fds = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fds < 0 ? NULL : fdopendir(fds);
	const struct dirent *item;
	bool found = false;

	while (list && !found && (item = readdir(list)) != NULL) {
		char link[64];
		ssize_t length = readlinkat(fds, item->d_name, link, sizeof(link) - 1);

		link[length > 0 ? length : 0] = 0;
		found = strcmp(link, wanted) == 0;
	}
	if (list)
		(void)closedir(list);
	else if (fds >= 0)
		close(fds);
	return found;
}

/* The path as the process's mounts have it, and which file it is, whatever its name is by now. */
static void describe(struct kernel_program *program, int process)
{
	static const char gone[] = " (deleted)";
	static const char more[] = "...";
	struct stat file;
	ssize_t length = readlinkat(process, "exe", program->path, sizeof(program->path));
	char comm[32] = "";
	int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, comm, sizeof(comm) - 1);

	if (fd >= 0)
		close(fd);
	comm[got > 0 ? got : 0] = 0;
	comm[strcspn(comm, "\n")] = 0;
	memcpy(program->command, comm, sizeof(comm));
	if (length == (ssize_t)sizeof(program->path)) {
		memcpy(program->path + length - sizeof(more), more, sizeof(more));
		return;
	}
	program->path[length > 0 ? length : 0] = 0;
	if (length < 0 || fstatat(process, "exe", &file, 0) < 0)
		return;
	program->device = file.st_dev;
	program->inode = file.st_ino;
	program->changed_ns = file.st_ctim.tv_sec * NS_PER_S + file.st_ctim.tv_nsec;
	if ((size_t)length >= sizeof(gone) &&
	    strcmp(program->path + length - (sizeof(gone) - 1), gone) == 0 && file.st_nlink == 0) {
		program->path[length - (ssize_t)(sizeof(gone) - 1)] = 0;
		program->deleted = true;
	}
}

/* Whether the process holds the socket; then the rest of `program` is filled in. */
static bool look_into(const struct kernel_seeker *seeker, const char *wanted,
		      struct kernel_program *program)
{
	char name[16];
	int process;
	bool found;

	(void)snprintf(name, sizeof(name), "%d", (int)program->pid);
	process = openat(seeker->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0)
		return false;
	found = (!seeker->netns || number_of(process, "ns/net") == seeker->netns) &&
		holds(process, wanted);
	if (found)
		describe(program, process);
	close(process);
	return found;
}

static void note_recent(struct kernel_seeker *seeker, pid_t pid)
{
	size_t at = 0;

	while (at + 1 < KERNEL_RECENT && seeker->recent[at] != pid)
		at++;
	memmove(seeker->recent + 1, seeker->recent, at * sizeof(pid));
	seeker->recent[0] = pid;
}

/* All processes there are, to be freed; NULL where there are none, or memory ran out. */
static pid_t *list_processes(const struct kernel_seeker *seeker, size_t *count)
{
	int again = openat(seeker->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *item;
	pid_t *list = NULL;
	size_t room = 0;

	*count = 0;
	while (dir && (item = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)item->d_name[0]))
			continue;
		if (*count == room) {
			pid_t *more = realloc(list, (room = room ? 2 * room : 256) * sizeof(*list));

			if (!more)
				break;
			list = more;
		}
		list[(*count)++] = (pid_t)strtol(item->d_name, NULL, 10);
	}
	if (dir)
		(void)closedir(dir);
	else if (again >= 0)
		close(again);
	return list;
}

/* The youngest first, where numbers have not begun anew. */
static int seek_all(struct kernel_seeker *seeker, const char *wanted, bool all,
		    struct kernel_program *out, size_t max)
{
	size_t left;
	pid_t *list = list_processes(seeker, &left);
	int found = 0;

	while (left > 0 && (all || !found)) {
		struct kernel_program program = { .pid = list[--left] };

		if (!look_into(seeker, wanted, &program))
			continue;
		note_recent(seeker, program.pid);
		if ((size_t)found < max)
			out[found] = program;
		found++;
	}
	free(list);
	return found;
}

static int seek_recent(struct kernel_seeker *seeker, const char *wanted, struct kernel_program *out)
{
	for (size_t i = 0; i < KERNEL_RECENT && seeker->recent[i]; i++) {
		*out = (struct kernel_program){ .pid = seeker->recent[i] };
		if (!look_into(seeker, wanted, out))
			continue;
		note_recent(seeker, out->pid);
		return 1;
	}
	return 0;
}

int kernel_program_seek(struct kernel_seeker *seeker, const struct kernel_flow *flow, bool all,
			struct kernel_program *out, size_t max)
{
	uint32_t inode = 0;
	uint32_t uid = 0;
	int result = find_socket(seeker, flow, &inode, &uid);
	char wanted[64];

	if (result < 0)
		return result;
	(void)snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
	if (!all && max > 0)
		result = seek_recent(seeker, wanted, out);
	if (result == 0)
		result = seek_all(seeker, wanted, all, out, max);
	for (int i = 0; i < result && i < (int)max; i++)
		out[i].uid = uid;
	return result;
}

bool kernel_program_is(const struct kernel_program *program, const char *path)
{
	struct stat file;

	return program->inode && !program->deleted && stat(path, &file) == 0 &&
	       file.st_dev == program->device && file.st_ino == program->inode;
}

const char *kernel_program_name(char *out, size_t size, const struct kernel_program *program)
{
	if (program->path[0])
		(void)snprintf(out, size, "%s", program->path);
	else
		(void)snprintf(out, size, "[%s]", program->command);
	return out;
}
