/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two directions of a connection that ends here, and goes on by another socket of the host
 * value or by a UNIX socket. What the one side does not take stays with the other, whose window
 * closes; FIN follows the last byte in each direction by itself. So it does between two sockets of
 * the host: what waits in one is looked at and given to the other, and what that took is taken out.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SHARE ((size_t)1 << 20) /* bytes in a direction per turn */
#define ASKED 65536u		/* of a socket of the host at once */
#define EXTENTS_MAX 16u

/* What was looked at, until it is given on. */
static uint8_t looked[ASKED];

/* Bytes taken, -EAGAIN, or another negative errno: that side is over. */
/* syscalls: sendmsg */
static int64_t give_server(struct gateway_end *end, struct minato_extent *extents, size_t count)
{
	int64_t taken = 0;

	if (end->fd >= 0) {
		/* struct minato_extent has the layout of struct iovec: minato.h promises it. */
		const struct msghdr msg = {
			.msg_iov = (struct iovec *)(void *)extents,
			.msg_iovlen = count,
		};
		ssize_t sent = sendmsg(end->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			end->writable = false;
		return sent < 0 ? -errno : sent;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t sent = minato_send(end->all->host, end->server, extents[i].base,
					   extents[i].len, 0);

		if (sent < 0)
			return taken > 0 && sent == -EAGAIN ? taken : sent;
		taken += sent;
		if ((size_t)sent < extents[i].len)
			break;
	}
	return taken;
}

/* syscalls: shutdown */
static int end_server(struct gateway_end *end)
{
	if (end->fd >= 0)
		return shutdown(end->fd, SHUT_WR) < 0 ? -errno : 0;
	return minato_shutdown(end->all->host, end->server, MINATO_SHUT_WR);
}

/* What the server hears of its client comes first. 1: it has all of it. */
static int64_t give_header(struct gateway_end *end)
{
	while (end->header_sent < end->header_size) {
		struct minato_extent rest = { end->header + end->header_sent,
					      end->header_size - end->header_sent };
		int64_t taken = give_server(end, &rest, 1);

		if (taken <= 0)
			return taken ? taken : -EAGAIN;
		end->header_sent += (size_t)taken;
	}
	return 1;
}

/* Bytes that wait in a socket of the host, 0: its end, or negative errno. */
/* syscalls: recvfrom */
static int64_t look(int fd, uint8_t *bytes)
{
	ssize_t got = recv(fd, bytes, ASKED, MSG_PEEK | MSG_DONTWAIT);

	return got < 0 ? -errno : got;
}

/* Takes out what was looked at. False: it cannot be, so that it would go on twice. */
static bool take_out(int fd, uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t got = recv(fd, bytes, size, MSG_DONTWAIT);

		if (got <= 0)
			return false;
		size -= (size_t)got;
	}
	return true;
}

static int move_up_caller(struct gateway_end *end)
{
	size_t moved = 0;

	while (end->caller_readable && moved < SHARE) {
		struct minato_extent extent = { .base = looked };
		int64_t got = look(end->caller.fd, looked);
		int64_t taken;

		if (got == -EAGAIN) {
			end->caller_readable = false;
			return 0;
		}
		if (got < 0)
			return (int)got;
		if (got == 0) {
			end->up_done = true;
			return end_server(end);
		}
		end->caller_spoke = true;
		extent.len = (size_t)got;
		taken = give_server(end, &extent, 1);
		if (taken <= 0)
			return taken == -EAGAIN || taken == 0 ? 0 : (int)taken;
		if (!take_out(end->caller.fd, looked, (size_t)taken))
			return -EIO;
		moved += (size_t)taken;
	}
	return moved >= SHARE;
}

static int move_up_call(struct gateway_end *end)
{
	struct minato *host = end->all->host;
	size_t moved = 0;

	while (moved < SHARE) {
		struct minato_extent extents[EXTENTS_MAX];
		int count = minato_borrow(host, end->call, extents, EXTENTS_MAX, NULL);
		int64_t taken;

		if (count < 0)
			return count == -EAGAIN ? 0 : count;
		if (count == 0) {
			end->up_done = true;
			return end_server(end);
		}
		taken = give_server(end, extents, (size_t)count);
		if (taken <= 0)
			return taken == -EAGAIN || taken == 0 ? 0 : (int)taken;
		(void)minato_release(host, end->call, (size_t)taken);
		moved += (size_t)taken;
	}
	return 1;
}

/* From the client to the server. 0, 1: there is more, or negative errno. */
static int move_up(struct gateway_end *end)
{
	int64_t taken = end->up_done ? -EAGAIN : give_header(end);

	if (taken < 0)
		return taken == -EAGAIN ? 0 : (int)taken;
	return end->caller.fd >= 0 ? move_up_caller(end) : move_up_call(end);
}

static int end_client(struct gateway_end *end)
{
	end->down_done = true;
	if (end->caller.fd >= 0)
		return shutdown(end->caller.fd, SHUT_WR) < 0 ? -errno : 0;
	return minato_shutdown(end->all->host, end->call, MINATO_SHUT_WR);
}

/* Bytes taken from the UNIX socket, 0: its end, -EAGAIN, -ENOBUFS (no room towards the client). */
/* syscalls: recvmsg */
static int64_t take_socket(struct gateway_end *end)
{
	struct minato *host = end->all->host;
	struct minato_extent extents[EXTENTS_MAX];
	struct msghdr msg = { .msg_iov = (struct iovec *)(void *)extents };
	int ready = minato_ready(host, end->call, NULL);
	ssize_t got;
	int count;

	if (ready < 0 || !((uint32_t)ready & MINATO_WRITABLE))
		return ready < 0 ? ready : -ENOBUFS;
	count = minato_reserve(host, end->call, ASKED, extents, EXTENTS_MAX);
	if (count <= 0)
		return -ENOBUFS;
	msg.msg_iovlen = (size_t)count;
	got = recvmsg(end->fd, &msg, MSG_DONTWAIT);
	if (got < 0)
		got = -errno;
	/* What the host value could not keep is lost: only a reset tells the truth then. */
	if (minato_commit(host, end->call, got > 0 ? (size_t)got : 0, 0) < 0 && got > 0)
		return -ENOMEM;
	return got;
}

static int move_down_socket(struct gateway_end *end)
{
	size_t moved = 0;

	while (end->readable && moved < SHARE) {
		int64_t got = take_socket(end);

		if (got == -ENOBUFS)
			return 0; /* an event tells when there is room */
		if (got == -EAGAIN) {
			end->readable = false;
			return 0;
		}
		if (got < 0)
			return (int)got;
		if (got == 0)
			return end_client(end);
		moved += (size_t)got;
	}
	return moved >= SHARE;
}

/* syscalls: sendmsg */
static int64_t give_caller(const struct gateway_end *end, uint8_t *bytes, size_t size)
{
	struct iovec all = { .iov_base = bytes, .iov_len = size };
	const struct msghdr msg = { .msg_iov = &all, .msg_iovlen = 1 };
	ssize_t sent = sendmsg(end->caller.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return sent < 0 ? -errno : sent;
}

/* From the UNIX socket to a client at a socket of the host. */
static int move_down_caller(struct gateway_end *end)
{
	size_t moved = 0;

	while (end->readable && moved < SHARE) {
		int64_t got = look(end->fd, looked);

		if (got == 0)
			return end_client(end);
		if (got == -EAGAIN)
			end->readable = false;
		else if (got > 0)
			got = give_caller(end, looked, (size_t)got);
		if (got <= 0)
			return got == -EAGAIN ? 0 : (int)got;
		if (!take_out(end->fd, looked, (size_t)got))
			return -EIO;
		moved += (size_t)got;
	}
	return moved >= SHARE;
}

static int move_down_server(struct gateway_end *end)
{
	struct minato *host = end->all->host;
	size_t moved = 0;

	while (moved < SHARE) {
		struct minato_extent extents[EXTENTS_MAX];
		int count = minato_borrow(host, end->server, extents, EXTENTS_MAX, NULL);
		int64_t taken = 0;

		if (count < 0)
			return count == -EAGAIN ? 0 : count;
		if (count == 0)
			return end_client(end);
		for (int i = 0; i < count; i++) {
			int64_t sent =
				minato_send(host, end->call, extents[i].base, extents[i].len, 0);

			if (sent < 0 && sent != -EAGAIN)
				return (int)sent;
			taken += sent > 0 ? sent : 0;
			if (sent < (int64_t)extents[i].len)
				break;
		}
		if (taken == 0)
			return 0;
		(void)minato_release(host, end->server, (size_t)taken);
		moved += (size_t)taken;
	}
	return 1;
}

static int move_down(struct gateway_end *end)
{
	if (end->caller.fd >= 0)
		return move_down_caller(end);
	return end->fd >= 0 ? move_down_socket(end) : move_down_server(end);
}

bool gateway_end_pipe(struct gateway_end *end)
{
	int up = move_up(end);
	int down = 0;

	if (up >= 0 && !end->down_done)
		down = move_down(end);
	if (up < 0 || down < 0)
		return false;
	if ((up > 0 || down > 0) && !end->busy) {
		end->busy = true;
		end->busy_next = end->all->busy;
		end->all->busy = end;
	}
	return !(end->up_done && end->down_done);
}
