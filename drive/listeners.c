/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for others in a guest's own kernel: its listening and bound sockets, by sock_diag. */
#include "drive/drive.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_SIZE 32768
#define LOCAL_PORTS "/proc/sys/net/ipv4/ip_local_port_range"

/* ---- in the namespace ---- */

struct answer {
	int32_t result;
	uint16_t first, last;
};

/* Beside the answer travels the descriptor, if there is one. */
static void send_answer(int to, const struct answer *answer, int fd)
{
	struct iovec iov = { (void *)(uintptr_t)answer, sizeof(*answer) };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr out = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		out.msg_control = control.bytes;
		out.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	}
	(void)!sendmsg(to, &out, MSG_NOSIGNAL);
}

static void read_range(struct answer *answer)
{
	unsigned first = 0;
	unsigned last = 0;
	FILE *file = fopen(LOCAL_PORTS, "re");

	if (file && fscanf(file, "%u %u", &first, &last) == 2 && first <= last &&
	    last <= UINT16_MAX) {
		answer->first = (uint16_t)first;
		answer->last = (uint16_t)last;
	}
	if (file)
		(void)fclose(file);
}

/* unsealed: prctl setns socket openat read close newfstatat sendmsg exit_group */
static _Noreturn void enter_and_open(int userns, int netns, int to)
{
	struct answer answer = { .first = 32768, .last = 60999 };
	int fd = -1;

	/* We bear all descriptors of the maker: who is inside shall not get hold of us. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* Root of the host shares it with the guest: then there is nothing to enter. */
	if (userns >= 0 && setns(userns, CLONE_NEWUSER) < 0 && errno != EINVAL)
		answer.result = -errno;
	else if (setns(netns, CLONE_NEWNET) < 0)
		answer.result = -errno;
	if (answer.result == 0) {
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
		answer.result = fd < 0 ? -errno : 0;
		read_range(&answer);
	}
	send_answer(to, &answer, fd);
	_exit(0);
}

/* ---- outside ---- */

static int take_answer(int from, struct drive_listeners *out)
{
	struct answer answer = { .result = -EPIPE };
	struct iovec iov = { &answer, sizeof(answer) };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr in = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header;

	if (recvmsg(from, &in, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(answer))
		return -EPIPE;
	header = CMSG_FIRSTHDR(&in);
	if (answer.result < 0 || !header || header->cmsg_type != SCM_RIGHTS)
		return answer.result < 0 ? answer.result : -EPIPE;
	memcpy(&out->fd, CMSG_DATA(header), sizeof(int));
	out->first = answer.first;
	out->last = answer.last;
	return 0;
}

/* unsealed: socketpair clone wait4 recvmsg close */
int drive_listeners_open(int userns, int netns, struct drive_listeners *out)
{
	int ends[2];
	int result;
	pid_t child;

	out->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		enter_and_open(userns, netns, ends[1]);
	result = child < 0 ? -errno : 0;
	close(ends[1]);
	if (result == 0)
		result = take_answer(ends[0], out);
	close(ends[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	return result;
}

/* ---- reading ---- */

struct reading {
	struct drive_listener *list;
	size_t room, count;
	uint8_t protocol;
};

static int take_v6only(const struct nlattr *attribute, void *user)
{
	bool *v6only = user;

	if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY)
		*v6only = mnl_attr_get_u8(attribute) != 0;
	return MNL_CB_OK;
}

static int take_socket(const struct nlmsghdr *message, void *user)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	struct reading *reading = user;
	struct drive_listener *one;
	bool v6only = false;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket) || socket->id.idiag_sport == 0 ||
	    reading->count == reading->room)
		return MNL_CB_OK;
	one = &reading->list[reading->count++];
	*one = (struct drive_listener){
		.addr = minato_addr4(0, 0, 0, 0),
		.protocol = reading->protocol,
		.port = ntohs(socket->id.idiag_sport),
	};
	if (socket->idiag_family == AF_INET) {
		memcpy(one->addr.bytes + 12, socket->id.idiag_src, 4);
		return MNL_CB_OK;
	}
	memcpy(one->addr.bytes, socket->id.idiag_src, 16);
	(void)mnl_attr_parse(message, sizeof(*socket), take_v6only, &v6only);
	one->dual = !v6only && minato_addr_is_any(&one->addr);
	return MNL_CB_OK;
}

/* syscalls: sendto recvfrom */
static int ask(int fd, struct reading *reading, uint8_t family)
{
	char buffer[BUFFER_SIZE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;
	int more = MNL_CB_OK;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = family;
	request->sdiag_protocol = reading->protocol;
	/* A datagram socket without a peer is CLOSE. */
	request->idiag_states = 1u << (reading->protocol == IPPROTO_TCP ? TCP_LISTEN : TCP_CLOSE);
	if (send(fd, message, message->nlmsg_len, MSG_DONTWAIT) < 0)
		return -errno;
	/* The kernel has each part ready before we ask for it. */
	while (more > MNL_CB_STOP) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (got < 0)
			return -errno;
		more = mnl_cb_run(buffer, (size_t)got, 0, 0, take_socket, reading);
	}
	return more < 0 ? -errno : 0;
}

int drive_listeners_read(const struct drive_listeners *listeners, uint8_t protocol,
			 struct drive_listener *list, size_t room)
{
	struct reading reading = { .list = list, .room = room, .protocol = protocol };
	int result = ask(listeners->fd, &reading, AF_INET);

	if (result == 0)
		result = ask(listeners->fd, &reading, AF_INET6);
	return result < 0 ? result : (int)reading.count;
}
