/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a port of the host, and which port is free. */
#include "drive/drive.h"

#include <cap-ng.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE 32768
#define BOUND_INACTIVE 13 /* TCP, bound and silent; listed since Linux 6.8 */

struct search {
	const struct drive_place *place;
	uint16_t port;
	int rank; /* of the best holder so far: 0 none */
	struct drive_holder *holder;
};

/* Whether a wildcard address takes the other address's port too. */
static bool covers(const struct minato_addr *wild, bool v6only, const struct minato_addr *other)
{
	if (!minato_addr_is_any(wild))
		return false;
	if (minato_addr_is4(wild))
		return minato_addr_is4(other);
	return !v6only || !minato_addr_is4(other);
}

static bool collide(const struct drive_place *place, const struct minato_addr *addr, bool v6only)
{
	return minato_addr_equal(&place->addr, addr) || covers(&place->addr, place->v6only, addr) ||
	       covers(addr, v6only, &place->addr);
}

static int take_v6only(const struct nlattr *attribute, void *user)
{
	bool *v6only = user;

	if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY)
		*v6only = mnl_attr_get_u8(attribute) != 0;
	return MNL_CB_OK;
}

/* How likely this socket is the one that is in the way. UDP is CLOSE while it has no peer. */
static int rank_of(const struct inet_diag_msg *socket)
{
	if (socket->idiag_inode == 0)
		return 1;
	if (socket->idiag_state == TCP_LISTEN || socket->idiag_state == TCP_CLOSE)
		return 4;
	return socket->idiag_state == BOUND_INACTIVE ? 3 : 2;
}

static int take_socket(const struct nlmsghdr *message, void *user)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct minato_addr addr = minato_addr4(0, 0, 0, 0);
	struct search *search = user;
	int rank = rank_of(socket);
	bool v6only = false;

	if (ntohs(socket->id.idiag_sport) != search->port || rank <= search->rank)
		return MNL_CB_OK;
	if (socket->idiag_family == AF_INET)
		memcpy(addr.bytes + 12, socket->id.idiag_src, 4);
	else
		memcpy(addr.bytes, socket->id.idiag_src, 16);
	(void)mnl_attr_parse(message, sizeof(*socket), take_v6only, &v6only);
	if (!collide(search->place, &addr, v6only))
		return MNL_CB_OK;
	search->rank = rank;
	*search->holder = (struct drive_holder){
		.uid = socket->idiag_uid,
		.inode = socket->idiag_inode,
		.listening = rank == 4,
		.addr = addr,
	};
	return MNL_CB_OK;
}

/* Asks the kernel for the family's sockets with this local port; it sends no others. */
static int ask(struct mnl_socket *netlink, struct search *search, uint8_t family)
{
	/* One comparison: on to the end of the program if equal, beyond it (no match) if not. */
	enum { END = 2 * sizeof(struct inet_diag_bc_op) };
	const struct inet_diag_bc_op only_port[2] = {
		{ .code = INET_DIAG_BC_S_EQ, .yes = END, .no = END + 4 },
		{ .no = search->port },
	};
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;
	int more = MNL_CB_OK;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = search->place->protocol;
	request->idiag_states = UINT32_MAX;
	mnl_attr_put(message, INET_DIAG_REQ_BYTECODE, sizeof(only_port), only_port);
	if (mnl_socket_sendto(netlink, message, message->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t got = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));

		if (got < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)got, 0, 0, take_socket, search);
	}
	return more < 0 ? -errno : 0;
}

static bool has_socket(int fds, uint32_t inode)
{
	DIR *directory = fdopendir(fds);
	struct dirent *entry;
	char wanted[32];
	char target[32];
	bool found = false;

	if (!directory) {
		close(fds);
		return false;
	}
	(void)snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
	while (!found && (entry = readdir(directory))) {
		ssize_t size = readlinkat(fds, entry->d_name, target, sizeof(target) - 1);

		if (size <= 0)
			continue;
		target[size] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	(void)closedir(directory);
	return found;
}

static void read_program(int proc, pid_t pid, char program[32])
{
	char path[32];
	ssize_t size = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "%d/comm", (int)pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		size = read(fd, program, 31);
		close(fd);
	}
	program[size > 0 ? size : 0] = '\0';
	program[strcspn(program, "\n")] = '\0';
}

/* The lowest pid that has the socket open: of a server with workers, most often its master. */
static void find_process(struct drive_holder *holder)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		char path[300];
		int fds;

		if (!isdigit((unsigned char)entry->d_name[0]) || (holder->pid && pid > holder->pid))
			continue;
		(void)snprintf(path, sizeof(path), "%s/fd", entry->d_name);
		fds = openat(dirfd(proc), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds >= 0 && has_socket(fds, holder->inode))
			holder->pid = pid;
	}
	if (holder->pid)
		read_program(dirfd(proc), holder->pid, holder->program);
	(void)closedir(proc);
}

static void find_user(struct drive_holder *holder)
{
	struct passwd *found = NULL;
	struct passwd entry;
	char buffer[2048];

	if (getpwuid_r(holder->uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		(void)snprintf(holder->user, sizeof(holder->user), "%s", entry.pw_name);
	else
		(void)snprintf(holder->user, sizeof(holder->user), "%u", holder->uid);
}

int drive_port_holder(const struct drive_place *place, uint16_t port, struct drive_holder *holder)
{
	struct search search = { .place = place, .port = port, .holder = holder };
	struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
	int result;

	if (!netlink)
		return -errno;
	result = ask(netlink, &search, AF_INET);
	if (result == 0)
		result = ask(netlink, &search, AF_INET6);
	(void)mnl_socket_close(netlink);
	if (result < 0 || search.rank == 0)
		return result < 0 ? result : -ENOENT;
	find_user(holder);
	if (holder->inode)
		find_process(holder);
	return 0;
}

const char *drive_holder_text(const struct drive_holder *holder, char *text, size_t size)
{
	if (holder->pid)
		(void)snprintf(text, size, "%s (pid %d, user %s)",
			       holder->program[0] ? holder->program : "a program", (int)holder->pid,
			       holder->user);
	else if (holder->inode)
		(void)snprintf(text, size, "a program of user %s that you may not look into",
			       holder->user);
	else
		(void)snprintf(text, size, "a connection that is still closing");
	return text;
}

int drive_port_probe(const struct drive_place *place, uint16_t port)
{
	const struct minato_endpoint end = { place->addr, port };
	bool stream = place->protocol == IPPROTO_TCP;
	struct sockaddr_storage to;
	socklen_t size = drive_endpoint_to(&to, &end);
	int fd = socket(to.ss_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	const int one = 1;
	const int only = place->v6only;
	int result = 0;

	if (fd < 0)
		return -errno;
	/* Of a stream only what listens is in the way, not connections that still close. */
	if (stream)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (to.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	if (bind(fd, (struct sockaddr *)&to, size) < 0)
		result = -errno;
	close(fd);
	return result;
}

/* 0 when the port is free at all the places. */
static int probe_all(const struct drive_place *places, size_t count, uint16_t port)
{
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++)
		result = drive_port_probe(&places[i], port);
	return result;
}

int drive_port_next(const struct drive_place *places, size_t count, uint16_t after)
{
	int lowest = drive_port_lowest();
	int port = after + 1 > lowest ? after + 1 : lowest;

	for (port = port ? port : 1; port <= UINT16_MAX; port++) {
		int result = probe_all(places, count, (uint16_t)port);

		if (result == 0)
			return port;
		if (result != -EADDRINUSE && result != -EACCES)
			return result;
	}
	return -ENOENT;
}

int drive_port_lowest(void)
{
	if (capng_get_caps_process() == 0 &&
	    capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_BIND_SERVICE))
		return 0;
	return (int)drive_proc_number("/proc/sys/net/ipv4/ip_unprivileged_port_start",
				      IPPORT_RESERVED);
}
