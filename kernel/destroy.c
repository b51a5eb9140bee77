/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending a socket of the kernel's, by SOCK_DESTROY. */
#include "kernel/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put_end(__be32 *addr, __be16 *port, bool is6, const struct minato_endpoint *end)
{
	*port = htons(end->port);
	if (is6)
		memcpy(addr, end->addr.bytes, 16);
	else
		memcpy(addr, end->addr.bytes + 12, 4);
}

static int order(int fd, const struct kernel_socket *socket)
{
	char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct inet_diag_req_v2 *request;
	ssize_t got;

	message->nlmsg_type = SOCK_DESTROY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request = mnl_nlmsg_put_extra_header(message, sizeof(*request));
	request->sdiag_family = socket->is6 ? AF_INET6 : AF_INET;
	request->sdiag_protocol = socket->proto;
	request->id.idiag_if = socket->interface;
	request->id.idiag_cookie[0] = (uint32_t)socket->cookie;
	request->id.idiag_cookie[1] = (uint32_t)(socket->cookie >> 32);
	put_end(request->id.idiag_src, &request->id.idiag_sport, socket->is6, &socket->local);
	put_end(request->id.idiag_dst, &request->id.idiag_dport, socket->is6, &socket->remote);
	if (send(fd, message, message->nlmsg_len, 0) < 0)
		return -errno;
	got = recv(fd, buffer, sizeof(buffer), 0);
	if (got < 0)
		return -errno;
	return mnl_cb_run(buffer, (size_t)got, 0, 0, NULL, NULL) < 0 ? -errno : 0;
}

static int explain(int result, struct drive_error *error)
{
	switch (-result) {
	case EPERM:
	case EACCES:
		return drive_fail(error, EPERM,
				  "closing a socket of the kernel's takes CAP_NET_ADMIN: run "
				  "this as root, or end the program that holds it");
	case ENOENT:
		return drive_fail(error, ENOENT, "it has ended by itself meanwhile");
	case EOPNOTSUPP:
		return drive_fail(error, EOPNOTSUPP,
				  "this kernel cannot close sockets of others (it is built "
				  "without CONFIG_INET_DIAG_DESTROY): end the program that "
				  "holds it");
	default:
		return drive_fail(error, -result, "the kernel refuses: %s", strerror(-result));
	}
}

int kernel_destroy(const struct kernel_socket *socket, pid_t process, struct drive_error *error)
{
	int fd = kernel_netlink(process, NETLINK_SOCK_DIAG, NULL);
	int result = fd < 0 ? fd : order(fd, socket);

	if (fd >= 0)
		close(fd);
	return result < 0 ? explain(result, error) : 0;
}
