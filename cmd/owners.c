/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sockets of a guest's own kernel, as /proc shows them for any process in the guest, and the
 * processes that hold them.
 */
#include "cmd/cmd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The states of the kernel's lists are minato.h's; UDP's 7 is "not connected". */
#define KERNEL_STATE_MAX 11

/* Addresses are 32-bit words of the machine's own order, in hexadecimal. */
static int parse_address(struct minato_addr *addr, const char *text)
{
	size_t digits = strspn(text, "0123456789ABCDEF");
	uint32_t words[4] = { 0, 0, 0, 0 };
	char one[9];

	if (digits != 8 && digits != 32)
		return -EINVAL;
	for (size_t i = 0; i < digits / 8; i++) {
		memcpy(one, text + i * 8, 8);
		one[8] = 0;
		words[i] = (uint32_t)strtoul(one, NULL, 16);
	}
	if (digits == 32) {
		memcpy(addr->bytes, words, sizeof(words));
	} else {
		*addr = minato_addr4(0, 0, 0, 0);
		memcpy(addr->bytes + 12, words, sizeof(words[0]));
	}
	return 0;
}

static int parse_end(struct minato_endpoint *end, const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon || parse_address(&end->addr, text))
		return -EINVAL;
	end->port = (uint16_t)strtoul(colon + 1, NULL, 16);
	return 0;
}

int cmd_socket_parse(struct cmd_socket *socket, const char *line, uint8_t proto)
{
	char local[48];
	char remote[48];
	unsigned state, send_queue, recv_queue, uid, inode;
	int fields = sscanf(line, " %*u: %47s %47s %2x %8x:%8x %*s %*x %u %*d %u", local, remote,
			    &state, &send_queue, &recv_queue, &uid, &inode);

	*socket = (struct cmd_socket){ .proto = proto };
	if (fields != 7 || !state)
		return -EINVAL;
	if (parse_end(&socket->local, local) || parse_end(&socket->remote, remote))
		return -EINVAL;
	socket->state = state <= KERNEL_STATE_MAX ? (enum minato_state)state : MINATO_SYN_RECEIVED;
	socket->send_queue = send_queue;
	socket->recv_queue = recv_queue;
	socket->uid = uid;
	socket->inode = inode;
	return 0;
}

static bool append(struct cmd_sockets *sockets, const struct cmd_socket *socket)
{
	if (sockets->count == sockets->room) {
		size_t room = sockets->room ? sockets->room * 2 : 256;
		struct cmd_socket *list = realloc(sockets->list, room * sizeof(*list));

		if (!list)
			return false;
		sockets->list = list;
		sockets->room = room;
	}
	sockets->list[sockets->count++] = *socket;
	return true;
}

static int read_file(struct cmd_sockets *sockets, pid_t process, const char *name, uint8_t proto)
{
	struct cmd_socket socket;
	char line[512];
	char path[64];
	FILE *file;
	int result = 0;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)process, name);
	file = fopen(path, "re");
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!result && fgets(line, sizeof(line), file)) {
		if (cmd_socket_parse(&socket, line, proto) == 0 && !append(sockets, &socket))
			result = -ENOMEM;
	}
	fclose(file);
	return result;
}

/* By protocol and port; those bound to one address before wildcards, connected ones first. */
static int compare(const void *a, const void *b)
{
	const struct cmd_socket *x = a;
	const struct cmd_socket *y = b;
	int order = (x->proto > y->proto) - (x->proto < y->proto);

	if (!order)
		order = (x->local.port > y->local.port) - (x->local.port < y->local.port);
	if (!order)
		order = (x->remote.port < y->remote.port) - (x->remote.port > y->remote.port);
	if (!order)
		order = minato_addr_is_any(&x->local.addr) - minato_addr_is_any(&y->local.addr);
	return order;
}

int cmd_sockets_read(struct cmd_sockets *sockets, pid_t process)
{
	int result;

	*sockets = (struct cmd_sockets){ 0 };
	result = read_file(sockets, process, "tcp", MINATO_TCP);
	if (!result)
		result = read_file(sockets, process, "tcp6", MINATO_TCP);
	if (!result)
		result = read_file(sockets, process, "udp", MINATO_UDP);
	if (!result)
		result = read_file(sockets, process, "udp6", MINATO_UDP);
	if (result < 0)
		cmd_sockets_free(sockets);
	else if (sockets->count)
		qsort(sockets->list, sockets->count, sizeof(*sockets->list), compare);
	return result;
}

void cmd_sockets_free(struct cmd_sockets *sockets)
{
	free(sockets->list);
	*sockets = (struct cmd_sockets){ 0 };
}

static bool same_end(const struct minato_endpoint *end, const struct view_end *view)
{
	return end->port == view->first && minato_addr_equal(&end->addr, &view->addr);
}

/* A wildcard holds for its own family; :: for both. */
static bool covers(const struct minato_addr *bound, const struct minato_addr *addr)
{
	if (minato_addr_equal(bound, addr))
		return true;
	if (!minato_addr_is_any(bound))
		return false;
	return !minato_addr_is4(bound) || minato_addr_is4(addr);
}

static bool fits(const struct cmd_socket *socket, const struct view_row *row)
{
	if (!covers(&socket->local.addr, &row->local.addr))
		return false;
	/* A UDP socket that is not connected takes part in all flows of its port. */
	if (!socket->remote.port)
		return row->listening || row->proto == MINATO_UDP;
	return same_end(&socket->remote, &row->peer);
}

const struct cmd_socket *cmd_sockets_find(const struct cmd_sockets *sockets,
					  const struct view_row *row)
{
	size_t low = 0;
	size_t high = sockets->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct cmd_socket *socket = &sockets->list[middle];

		if (socket->proto < row->proto ||
		    (socket->proto == row->proto && socket->local.port < row->local.first))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < sockets->count; low++) {
		const struct cmd_socket *socket = &sockets->list[low];

		if (socket->proto != row->proto || socket->local.port != row->local.first)
			return NULL;
		if (fits(socket, row))
			return socket;
	}
	return NULL;
}

/* ---- who holds them ---- */

/* The rows to fill, sorted by inode so that a descriptor finds its row fast. */
struct wanted {
	struct view_row **rows;
	size_t count;
};

static int compare_inodes(const void *a, const void *b)
{
	const struct view_row *const *x = a;
	const struct view_row *const *y = b;

	return ((*x)->inode > (*y)->inode) - ((*x)->inode < (*y)->inode);
}

static void read_program(struct view_owner *owner, int pid)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(owner->program, sizeof(owner->program), file))
		owner->program[0] = 0;
	owner->program[strcspn(owner->program, "\n")] = 0;
	if (file)
		fclose(file);
}

/* Several rows can share a socket: UDP flows of one port. */
static void give(const struct wanted *wanted, uint32_t inode, int pid, int fd)
{
	size_t low = 0;
	size_t high = wanted->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (wanted->rows[middle]->inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < wanted->count && wanted->rows[low]->inode == inode; low++) {
		struct view_row *row = wanted->rows[low];
		struct view_owner *owner = &row->owners[row->owner_count];

		if (row->owner_count == VIEW_OWNERS_MAX)
			continue;
		*owner = (struct view_owner){ .pid = pid, .fd = fd };
		read_program(owner, pid);
		row->owner_count++;
	}
}

static void read_descriptors(const struct wanted *wanted, int pid)
{
	const struct dirent *item;
	unsigned inode;
	char path[64];
	char link[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && (item = readdir(dir)) != NULL) {
		ssize_t length = readlinkat(dirfd(dir), item->d_name, link, sizeof(link) - 1);

		link[length > 0 ? length : 0] = 0;
		if (sscanf(link, "socket:[%u]", &inode) == 1)
			give(wanted, inode, pid, atoi(item->d_name));
	}
	if (dir)
		closedir(dir);
}

/* The network namespace of a process, as text; empty if it cannot be read. */
static void read_netns(char *text, size_t size, const char *pid)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	length = readlink(path, text, size - 1);
	text[length > 0 ? length : 0] = 0;
}

static void visit_processes(const struct wanted *wanted, pid_t init)
{
	const struct dirent *item;
	char guest[64];
	char other[64];
	char pid[16];
	DIR *dir = opendir("/proc");

	snprintf(pid, sizeof(pid), "%d", (int)init);
	read_netns(guest, sizeof(guest), pid);
	while (dir && *guest && (item = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)item->d_name[0]))
			continue;
		read_netns(other, sizeof(other), item->d_name);
		if (!strcmp(guest, other))
			read_descriptors(wanted, atoi(item->d_name));
	}
	if (dir)
		closedir(dir);
}

void cmd_owners_find(struct view_row *rows, size_t count, pid_t init)
{
	struct wanted wanted = { calloc(count ? count : 1, sizeof(*wanted.rows)), 0 };

	for (size_t i = 0; wanted.rows && i < count; i++) {
		if (rows[i].inode)
			wanted.rows[wanted.count++] = &rows[i];
	}
	if (wanted.count) {
		qsort(wanted.rows, wanted.count, sizeof(*wanted.rows), compare_inodes);
		visit_processes(&wanted, init);
	}
	free(wanted.rows);
}
