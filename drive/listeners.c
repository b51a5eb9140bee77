/* SPDX-License-Identifier: BSD-2-Clause */
/* What waits for others in a guest's own kernel: its listening and bound sockets, by sock_diag. */
#include "drive/drive.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE 32768

/* ---- in the namespace ---- */

struct range {
	uint16_t first, last;
};

/* unsealed: socket openat read close */
static int open_diag(struct drive_inside *inside)
{
	struct range *range = inside->answer;

	inside->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (inside->fd < 0)
		return -errno;
	drive_ports_chosen(&range->first, &range->last);
	return 0;
}

/* ---- outside ---- */

int drive_listeners_open(int userns, int netns, struct drive_listeners *out)
{
	struct range range = { 0 };
	struct drive_inside inside = { open_diag, &range, sizeof(range), -1 };
	int result = drive_inside(userns, netns, &inside);

	*out = (struct drive_listeners){ inside.fd, range.first, range.last };
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
