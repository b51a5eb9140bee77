/* SPDX-License-Identifier: BSD-2-Clause */
/* Which socket of this kernel has a pair of ends: its cookie, by one question to sock_diag. */
#include "kernel/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_SIZE 8192
#define ERRNO_END 4096 /* of the kernel's errors */
#define TIME_WAIT 3    /* of idiag_timer: tcp_diag.c */

static void put_end(__be32 *addr, __be16 *port, const struct minato_endpoint *end)
{
	bool four = minato_addr_is4(&end->addr);

	*port = htons(end->port);
	memcpy(addr, end->addr.bytes + (four ? 12 : 0), four ? 4 : 16);
}

/* syscalls: sendto */
static int ask(int fd, uint32_t number, enum minato_proto proto,
	       const struct minato_endpoint *local, const struct minato_endpoint *remote)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;
	/* For UDP the kernel takes the two as those of a packet that arrives (udp_diag.c). */
	bool turned = proto == MINATO_UDP;

	message->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = number;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = minato_addr_is4(&local->addr) ? AF_INET : AF_INET6;
	request->sdiag_protocol = (uint8_t)proto;
	request->idiag_states = KERNEL_STATES_ALL;
	put_end(request->id.idiag_src, &request->id.idiag_sport, turned ? remote : local);
	put_end(request->id.idiag_dst, &request->id.idiag_dport, turned ? local : remote);
	request->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	request->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return send(fd, message, message->nlmsg_len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* 1: it is the answer; 0: one to an earlier question; or negative errno. */
static int take(const struct nlmsghdr *message, uint32_t number, struct kernel_exact *out)
{
	const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_seq != number)
		return 0;
	/* No error at all is no answer either. */
	if (message->nlmsg_type == NLMSG_ERROR)
		return mnl_nlmsg_get_payload_len(message) >= sizeof(*error) && error->error < 0 &&
				       error->error > -ERRNO_END ?
			       error->error :
			       -EPROTO;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*socket))
		return -EPROTO;
	/* What is left of one that was closed has another cookie than it had. */
	if (socket->idiag_timer == TIME_WAIT)
		return -ENOENT;
	out->cookie = (uint64_t)socket->id.idiag_cookie[1] << 32 | socket->id.idiag_cookie[0];
	out->uid = socket->idiag_uid;
	return 1;
}

/* libmnl takes a length of 2^31 and more for a negative one, which fits everywhere. */
static bool is_whole(const struct nlmsghdr *message, int size)
{
	return mnl_nlmsg_ok(message, size) && message->nlmsg_len <= (uint32_t)size;
}

/* syscalls: recvfrom */
int kernel_cookie(int fd, enum minato_proto proto, const struct minato_endpoint *local,
		  const struct minato_endpoint *remote, struct kernel_exact *out)
{
	static uint32_t number;
	char buffer[BUFFER_SIZE];
	int result;

	/* A process before this one may have left answers, and began with the same numbers. */
	while (!number && recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0)
		;
	result = ask(fd, ++number, proto, local, remote);
	/* The kernel has answered when the question is sent. */
	while (result == 0) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		int size = (int)got;

		if (got < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		for (const struct nlmsghdr *one = (const struct nlmsghdr *)(const void *)buffer;
		     result == 0 && is_whole(one, size); one = mnl_nlmsg_next(one, &size))
			result = take(one, number, out);
	}
	return result < 0 ? result : 0;
}

/* unsealed: socket */
int kernel_cookie_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}
