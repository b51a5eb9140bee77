/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of one fixed size between keeper and worker, with descriptors beside them. */
#include "cmd/cmd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union ancillary {
	char bytes[CMSG_SPACE(CMD_CHANNEL_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

/* unsealed: socketpair */
int cmd_channel_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	return 0;
}

/* syscalls: sendmsg */
int cmd_channel_send(int channel, const struct cmd_message *message, const int *fds, size_t count)
{
	struct iovec iov = { (void *)(uintptr_t)message, sizeof(*message) };
	union ancillary ancillary = { { 0 } };
	struct msghdr out = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (count > CMD_CHANNEL_FDS_MAX)
		return -EINVAL;
	if (count) {
		struct cmsghdr *header;

		out.msg_control = ancillary.bytes;
		out.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header = CMSG_FIRSTHDR(&out);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	do
		sent = sendmsg(channel, &out, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Takes the descriptors that came along; how many. */
static size_t take_fds(struct msghdr *in, int *fds)
{
	size_t taken = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c; c = CMSG_NXTHDR(in, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    taken + count > CMD_CHANNEL_FDS_MAX)
			continue;
		memcpy(fds + taken, CMSG_DATA(c), count * sizeof(int));
		taken += count;
	}
	return taken;
}

/* syscalls: recvmsg */
int cmd_channel_receive(int channel, struct cmd_message *message, int *fds, size_t *count)
{
	struct iovec iov = { message, sizeof(*message) };
	union ancillary ancillary = { { 0 } };
	struct msghdr in = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ancillary.bytes,
		.msg_controllen = sizeof(ancillary.bytes),
	};
	ssize_t got;

	*count = 0;
	do
		got = recvmsg(channel, &in, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ECONNRESET ? 0 : -errno;
	*count = take_fds(&in, fds);
	if (got == 0)
		return 0;
	/* Cut or too long: nobody of ours sent that. */
	if (got == (ssize_t)sizeof(*message) && !(in.msg_flags & MSG_TRUNC))
		return 1;
	cmd_channel_drop(fds, *count);
	*count = 0;
	return -EPROTO;
}

/* syscalls: recvfrom */
int cmd_channel_peek(int channel, uint32_t *kind)
{
	struct cmd_message message;
	ssize_t got = recv(channel, &message, sizeof(message), MSG_PEEK | MSG_DONTWAIT);

	if (got != (ssize_t)sizeof(message))
		return got < 0 ? -errno : -EPROTO;
	*kind = message.kind;
	return 0;
}

bool cmd_channel_is_bool(const bool *at)
{
	uint8_t byte;

	memcpy(&byte, at, sizeof(byte));
	return byte <= 1;
}

/* syscalls: close */
void cmd_channel_drop(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}
