/* SPDX-License-Identifier: BSD-2-Clause */
/* A few steps in another network namespace, by a child that comes back with what it found. */
#include "drive/drive.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Room for one descriptor beside a message. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	size_t align;
};

/* What travels: the result, the answer's bytes, and beside them the descriptor if there is one. */
static void send_answer(int to, const struct drive_inside *inside, int32_t result)
{
	struct iovec parts[] = { { &result, sizeof(result) }, { inside->answer, inside->size } };
	struct msghdr out = { .msg_iov = parts, .msg_iovlen = 2 };
	union control control = { { 0 } };

	if (inside->fd >= 0) {
		struct cmsghdr *header;

		out.msg_control = control.bytes;
		out.msg_controllen = sizeof(control.bytes);
		header = CMSG_FIRSTHDR(&out);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &inside->fd, sizeof(int));
	}
	(void)!sendmsg(to, &out, MSG_NOSIGNAL);
}

/* unsealed: prctl setns sendmsg exit_group */
static _Noreturn void enter_and_work(int userns, int netns, struct drive_inside *inside, int to)
{
	bool entered;
	int result;

	/* We bear all descriptors of the maker: who is inside shall not get hold of us. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* Root of the host shares it with the guest: then there is nothing to enter. */
	entered = userns < 0 || setns(userns, CLONE_NEWUSER) == 0 || errno == EINVAL;
	entered = entered && setns(netns, CLONE_NEWNET) == 0;
	result = entered ? inside->work(inside) : -errno;
	send_answer(to, inside, result);
	_exit(0);
}

static int take_answer(int from, struct drive_inside *inside)
{
	int32_t result = -EPIPE;
	struct iovec parts[] = { { &result, sizeof(result) }, { inside->answer, inside->size } };
	union control control = { { 0 } };
	struct msghdr in = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const struct cmsghdr *header;

	if (recvmsg(from, &in, MSG_CMSG_CLOEXEC) != (ssize_t)(sizeof(result) + inside->size))
		return -EPIPE;
	header = CMSG_FIRSTHDR(&in);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&inside->fd, CMSG_DATA(header), sizeof(int));
	return result;
}

/* unsealed: socketpair clone wait4 recvmsg close */
int drive_inside(int userns, int netns, struct drive_inside *inside)
{
	int ends[2];
	int result;
	pid_t child;

	inside->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		enter_and_work(userns, netns, inside, ends[1]);
	result = child < 0 ? -errno : 0;
	close(ends[1]);
	if (result == 0)
		result = take_answer(ends[0], inside);
	close(ends[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	return result;
}
