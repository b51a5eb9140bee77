/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the program uses of libmnl, for a static program on systems whose libmnl has no archive to
 * link statically (Debian's has none). Declared by libmnl's own header, to which this file keeps.
 * Everywhere else libmnl itself is linked, and this file is not part of the program.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t aligned(size_t len)
{
	return (len + MNL_ALIGNTO - 1) & ~(size_t)(MNL_ALIGNTO - 1);
}

/* The headers' own sizes are multiples of the alignment. */
#define MESSAGE_HEADER sizeof(struct nlmsghdr)
#define ATTRIBUTE_HEADER sizeof(struct nlattr)

struct mnl_socket {
	int fd;
	struct sockaddr_nl own;
};

/* ---- sockets ---- */

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	struct mnl_socket *nl = calloc(1, sizeof(*nl));

	if (!nl)
		return NULL;
	nl->fd = socket(AF_NETLINK, SOCK_RAW | flags, bus);
	if (nl->fd >= 0)
		return nl;
	free(nl);
	return NULL;
}

struct mnl_socket *mnl_socket_open(int bus)
{
	return mnl_socket_open2(bus, 0);
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	socklen_t len = sizeof(nl->own);

	nl->own = (struct sockaddr_nl){
		.nl_family = AF_NETLINK,
		.nl_groups = groups,
		.nl_pid = (uint32_t)pid,
	};
	if (bind(nl->fd, (struct sockaddr *)&nl->own, len) < 0)
		return -1;
	return getsockname(nl->fd, (struct sockaddr *)&nl->own, &len);
}

int mnl_socket_close(struct mnl_socket *nl)
{
	int result = close(nl->fd);

	free(nl);
	return result;
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	return nl->fd;
}

unsigned int mnl_socket_get_portid(const struct mnl_socket *nl)
{
	return nl->own.nl_pid;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *data, size_t len)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(nl->fd, data, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *data, size_t size)
{
	struct sockaddr_nl from;
	struct iovec part = { data, size };
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t got = recvmsg(nl->fd, &message, 0);

	if (got < 0)
		return -1;
	if (message.msg_flags & MSG_TRUNC) {
		errno = ENOSPC;
		return -1;
	}
	if (message.msg_namelen != sizeof(from)) {
		errno = EINVAL;
		return -1;
	}
	return got;
}

/* ---- messages ---- */

struct nlmsghdr *mnl_nlmsg_put_header(void *data)
{
	struct nlmsghdr *message = data;

	memset(message, 0, MESSAGE_HEADER);
	message->nlmsg_len = MESSAGE_HEADER;
	return message;
}

void *mnl_nlmsg_put_extra_header(struct nlmsghdr *message, size_t size)
{
	char *at = (char *)message + message->nlmsg_len;

	message->nlmsg_len += (uint32_t)aligned(size);
	memset(at, 0, aligned(size));
	return at;
}

void *mnl_nlmsg_get_payload(const struct nlmsghdr *message)
{
	return (char *)(uintptr_t)message + MESSAGE_HEADER;
}

void *mnl_nlmsg_get_payload_offset(const struct nlmsghdr *message, size_t offset)
{
	return (char *)mnl_nlmsg_get_payload(message) + aligned(offset);
}

size_t mnl_nlmsg_get_payload_len(const struct nlmsghdr *message)
{
	return message->nlmsg_len - MESSAGE_HEADER;
}

void *mnl_nlmsg_get_payload_tail(const struct nlmsghdr *message)
{
	return (char *)(uintptr_t)message + aligned(message->nlmsg_len);
}

bool mnl_nlmsg_ok(const struct nlmsghdr *message, int len)
{
	return len >= (int)sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= (uint32_t)len;
}

struct nlmsghdr *mnl_nlmsg_next(const struct nlmsghdr *message, int *len)
{
	*len -= (int)aligned(message->nlmsg_len);
	return mnl_nlmsg_get_payload_tail(message);
}

/* ---- attributes ---- */

uint16_t mnl_attr_get_type(const struct nlattr *attr)
{
	return attr->nla_type & (uint16_t)NLA_TYPE_MASK;
}

uint16_t mnl_attr_get_len(const struct nlattr *attr)
{
	return attr->nla_len;
}

uint16_t mnl_attr_get_payload_len(const struct nlattr *attr)
{
	return (uint16_t)(attr->nla_len - ATTRIBUTE_HEADER);
}

void *mnl_attr_get_payload(const struct nlattr *attr)
{
	return (char *)(uintptr_t)attr + ATTRIBUTE_HEADER;
}

bool mnl_attr_ok(const struct nlattr *attr, int len)
{
	return len >= (int)sizeof(*attr) && attr->nla_len >= sizeof(*attr) && attr->nla_len <= len;
}

struct nlattr *mnl_attr_next(const struct nlattr *attr)
{
	return (struct nlattr *)(void *)((char *)(uintptr_t)attr + aligned(attr->nla_len));
}

/* Below `max` only, as a table of that many has room for. */
int mnl_attr_type_valid(const struct nlattr *attr, uint16_t max)
{
	if (mnl_attr_get_type(attr) <= max)
		return 1;
	errno = EOPNOTSUPP;
	return -1;
}

int mnl_attr_parse(const struct nlmsghdr *message, unsigned int offset, mnl_attr_cb_t each,
		   void *user)
{
	const struct nlattr *attr = mnl_nlmsg_get_payload_offset(message, offset);
	const char *end = mnl_nlmsg_get_payload_tail(message);
	int result = MNL_CB_OK;

	while (result > MNL_CB_STOP && mnl_attr_ok(attr, (int)(end - (const char *)attr))) {
		result = each(attr, user);
		attr = mnl_attr_next(attr);
	}
	return result;
}

uint8_t mnl_attr_get_u8(const struct nlattr *attr)
{
	return *(uint8_t *)mnl_attr_get_payload(attr);
}

uint32_t mnl_attr_get_u32(const struct nlattr *attr)
{
	uint32_t value;

	memcpy(&value, mnl_attr_get_payload(attr), sizeof(value));
	return value;
}

void mnl_attr_put(struct nlmsghdr *message, uint16_t type, size_t len, const void *data)
{
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(message);
	size_t whole = ATTRIBUTE_HEADER + len;

	attr->nla_type = type;
	attr->nla_len = (uint16_t)whole;
	if (len > 0)
		memcpy(mnl_attr_get_payload(attr), data, len);
	memset((char *)attr + whole, 0, aligned(whole) - whole);
	message->nlmsg_len = (uint32_t)(aligned(message->nlmsg_len) + aligned(whole));
}

void mnl_attr_put_u8(struct nlmsghdr *message, uint16_t type, uint8_t value)
{
	mnl_attr_put(message, type, sizeof(value), &value);
}

void mnl_attr_put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value)
{
	mnl_attr_put(message, type, sizeof(value), &value);
}

void mnl_attr_put_strz(struct nlmsghdr *message, uint16_t type, const char *text)
{
	mnl_attr_put(message, type, strlen(text) + 1, text);
}

/* ---- answers ---- */

/* An error message, or the acknowledgement, which is one with the number 0. */
static int end_by_error(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(error->error)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	errno = error->error < 0 ? -error->error : error->error;
	return error->error == 0 ? MNL_CB_STOP : MNL_CB_ERROR;
}

static int take(const struct nlmsghdr *message, mnl_cb_t each, void *user)
{
	switch (message->nlmsg_type) {
	case NLMSG_NOOP:
	case NLMSG_OVERRUN:
		return MNL_CB_OK;
	case NLMSG_DONE:
		return MNL_CB_STOP;
	case NLMSG_ERROR:
		return end_by_error(message);
	default:
		return each ? each(message, user) : MNL_CB_OK;
	}
}

int mnl_cb_run(const void *data, size_t size, unsigned int seq, unsigned int portid, mnl_cb_t each,
	       void *user)
{
	const struct nlmsghdr *message = data;
	int len = (int)size;
	int result = MNL_CB_OK;

	for (; result > MNL_CB_STOP && mnl_nlmsg_ok(message, len);
	     message = mnl_nlmsg_next(message, &len)) {
		if (message->nlmsg_pid && portid && message->nlmsg_pid != portid) {
			errno = ESRCH;
			return MNL_CB_ERROR;
		}
		if (message->nlmsg_seq && seq && message->nlmsg_seq != seq) {
			errno = EPROTO;
			return MNL_CB_ERROR;
		}
		if (message->nlmsg_flags & NLM_F_DUMP_INTR) {
			errno = EINTR;
			return MNL_CB_ERROR;
		}
		result = take(message, each, user);
	}
	return result;
}
