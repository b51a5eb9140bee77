/* SPDX-License-Identifier: BSD-2-Clause */
/* The two directions of a relayed connection, between a host socket and a socket of the host value.
 */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

/*
 *      far side                    relay                        guest
 *   host socket  -- recvmsg --> reservation (commit) --> send buffer --> its window
 *   host socket  <-- sendmsg -- borrowed extents (release) <-- receive buffer: our window
 *
 * No byte is copied here, and none is kept: what the host socket does not take stays borrowed, so
 * the guest's window closes; what the guest does not take stays in the host socket, so the far
 * side's does. FIN follows the last byte in each direction by itself; a reset takes both.
 */
#define SHARE ((size_t)1 << 20) /* bytes of a lane in a direction per turn */
#define APPETITE_FIRST 16384u
#define APPETITE_MAX (1u << 20)
#define APPETITE_STEP 8u
#define EXTENTS_MAX 32u

static size_t sum(const struct minato_extent *extents, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += extents[i].len;
	return len;
}

/* struct minato_extent has the layout of struct iovec: minato.h promises it. */
static struct msghdr message(struct minato_extent *extents, size_t count)
{
	return (struct msghdr){
		.msg_iov = (struct iovec *)(void *)extents,
		.msg_iovlen = count,
	};
}

/* syscalls: setsockopt */
static void set_linger(const struct lane *f, bool reset)
{
	const struct linger linger = { .l_onoff = reset };

	if (f->fd >= 0)
		setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* The guest has ended its half, and the kernel has all of it: from now on it sees to the rest, even
   if this process dies. Where the far side has ended already, closing sends the FIN. */
/* syscalls: shutdown */
static void finish_out(struct lane *f)
{
	if (!f->in_done)
		shutdown(f->fd, SHUT_WR);
	set_linger(f, false);
	f->out_done = true;
}

/* A caller that completed a connection, and said nothing in it. */
static void note_silent(const struct lane *f, enum minato_outcome outcome)
{
	if (f->kind == LANE_IN && f->bytes_in == 0)
		minato_outcome(f->relay->host, f->entry, MINATO_TCP, &f->dial, &f->guest, outcome);
}

/* The end of the lane when the guest has reset: a reset for the far side too. */
static bool end_by_guest(struct lane *f)
{
	set_linger(f, true);
	minato_close(f->relay->host, f->socket);
	lane_free(f);
	return false;
}

/*
 * The far side has reset, and all it sent before has gone on. The guest is reset as soon as it has
 * that, as it would have found data before a reset readable on a connection of its own.
 */
static bool end_by_far(struct lane *f)
{
	struct minato_counts counts;

	if (f->state != LANE_RESETTING)
		note_silent(f, MINATO_OUTCOME_ABORTED);
	lane_close(f);
	if (minato_counts(f->relay->host, f->socket, &counts) == 0 && counts.unacked > 0 &&
	    !f->in_done) {
		if (f->state != LANE_RESETTING)
			lane_touch(f, &f->relay->resetting);
		f->state = LANE_RESETTING;
		return false;
	}
	pipe_abort(f);
	return false;
}

void pipe_abort(struct lane *f)
{
	set_linger(f, true);
	minato_abort(f->relay->host, f->socket);
	lane_free(f);
}

/* Both directions are over: what the kernel and the host value still hold, they deliver. */
static bool end_well(struct lane *f)
{
	note_silent(f, MINATO_OUTCOME_EMPTY);
	minato_close(f->relay->host, f->socket);
	lane_free(f);
	return false;
}

/* Hands the borrowed bytes to the host socket. False when it took less. */
/* syscalls: sendmsg */
static bool send_some(struct lane *f, struct minato_extent *extents, size_t count)
{
	struct msghdr msg = message(extents, count);
	struct minato_counts counts;
	size_t len = sum(extents, count);
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t sent;

	/* More is there than one call describes: keep the kernel from sending a short tail. */
	if (count == EXTENTS_MAX && minato_counts(f->relay->host, f->socket, &counts) == 0 &&
	    counts.readable > len)
		flags |= MSG_MORE;
	sent = sendmsg(f->fd, &msg, flags);
	if (sent < 0) {
		if (errno == EAGAIN) {
			lane_await_room(f);
		} else if (errno != EINTR) {
			/* What it sent before may still be readable. */
			f->host_failed = true;
			f->host_readable = true;
		}
		return false;
	}
	minato_release(f->relay->host, f->socket, (size_t)sent);
	ticket_passed(f, (size_t)sent);
	f->bytes_out += (uint64_t)sent;
	return (size_t)sent == len;
}

/* As many of the extents as hold so many bytes; the last may be cut. */
static size_t shorten(struct minato_extent *extents, size_t count, size_t len)
{
	size_t i;

	for (i = 0; i < count && len > 0; i++) {
		if (extents[i].len > len)
			extents[i].len = len;
		len -= extents[i].len;
	}
	return i;
}

/*
 * Sends what may pass of it. False: the lane is no more, for what it said. *stuck: nothing more
 * goes now.
 */
static bool send_weighed(struct lane *f, struct minato_extent *extents, size_t count, bool *stuck)
{
	int64_t room = ticket_room(f);

	if (room < 0) {
		pipe_abort(f);
		return false;
	}
	if (room == 0) {
		f->guest_readable = false;
		return true;
	}
	if (room < INT64_MAX)
		count = shorten(extents, count, (size_t)room);
	*stuck = !send_some(f, extents, count) && !f->host_writable;
	return true;
}

/* From the guest to the far side. False: the lane is no more. */
static bool move_out(struct lane *f)
{
	struct minato_extent extents[EXTENTS_MAX];
	uint64_t until = f->bytes_out + SHARE;

	while (f->guest_readable && f->host_writable && !f->out_done && !f->host_failed) {
		int count;

		if (f->bytes_out >= until) {
			lane_busy(f);
			break;
		}
		count = minato_borrow(f->relay->host, f->socket, extents, EXTENTS_MAX, NULL);
		if (count == -EAGAIN) {
			f->guest_readable = false;
		} else if (count < 0) {
			return end_by_guest(f);
		} else if (count == 0) {
			finish_out(f);
		} else {
			bool stuck = false;

			if (!send_weighed(f, extents, (size_t)count, &stuck))
				return false;
			if (stuck)
				break;
		}
	}
	/* A reset does not wait for room at the far side. */
	return f->guest_reset && !f->host_failed ? end_by_guest(f) : true;
}

/* How much to ask for next time: a lot where a lot came, so that small talk costs small chunks. */
static void adapt(struct lane *f, size_t asked, size_t got)
{
	if (got == asked && f->appetite < APPETITE_MAX)
		f->appetite *= APPETITE_STEP;
	else if (got < asked / APPETITE_STEP && f->appetite > APPETITE_FIRST)
		f->appetite /= APPETITE_STEP;
	if (f->appetite > APPETITE_MAX)
		f->appetite = APPETITE_MAX;
}

/* One read into the host value: a count, or -errno; -ENOBUFS: it has no room. */
/* syscalls: recvmsg */
static ssize_t receive_some(struct lane *f)
{
	struct minato_extent extents[EXTENTS_MAX];
	struct minato *host = f->relay->host;
	struct msghdr msg;
	size_t asked;
	ssize_t got;
	int count;
	int ready;

	ready = minato_ready(host, f->socket, NULL);
	if (ready < 0 || !((uint32_t)ready & MINATO_WRITABLE))
		return -ENOBUFS;
	count = minato_reserve(host, f->socket, f->appetite, extents, EXTENTS_MAX);
	if (count <= 0)
		return -ENOBUFS;
	asked = sum(extents, (size_t)count);
	msg = message(extents, (size_t)count);
	got = recvmsg(f->fd, &msg, MSG_DONTWAIT);
	if (got < 0)
		got = -errno;
	if (got > 0)
		ticket_heard(f, extents, (size_t)count, (size_t)got);
	/* What the host value could not keep is lost: only a reset tells the truth then. */
	if (minato_commit(host, f->socket, got > 0 ? (size_t)got : 0, 0) < 0 && got > 0)
		return -ENOMEM;
	if (got <= 0)
		return got;
	f->bytes_in += (uint64_t)got;
	adapt(f, asked, (size_t)got);
	/* Less than asked for: the next byte makes a new edge. But a FIN that has come made its
	   edge already. */
	if ((size_t)got < asked && !f->host_hung_up)
		f->host_readable = false;
	return got;
}

/* From the far side to the guest. False: the lane is no more. */
static bool move_in(struct lane *f)
{
	uint64_t until = f->bytes_in + SHARE;

	while (f->host_readable && !f->in_done) {
		ssize_t got;

		if (f->bytes_in >= until) {
			lane_busy(f);
			break;
		}
		got = receive_some(f);
		if (got == -ENOBUFS)
			break; /* an event tells when there is room, or memory */
		if (got == -ENOMEM) {
			relay_count(f->relay, RELAY_COUNT_NO_MEMORY);
			pipe_abort(f);
			return false;
		}
		if (got == -EAGAIN) {
			f->host_readable = false;
			/* After a failed send nothing else comes. */
			if (f->host_failed)
				return end_by_far(f);
		} else if (got == 0 && !f->host_failed) {
			minato_shutdown(f->relay->host, f->socket, MINATO_SHUT_WR);
			f->in_done = true;
		} else if (got <= 0 && got != -EINTR) {
			return end_by_far(f);
		}
	}
	return f->host_failed && f->in_done ? end_by_far(f) : true;
}

static void reset_work(struct lane *f)
{
	if (f->guest_reset)
		end_by_guest(f);
	else
		end_by_far(f);
}

void pipe_work(struct lane *f)
{
	f->used_ns = f->relay->now.ns;
	if (f->state == LANE_RESETTING) {
		reset_work(f);
		return;
	}
	if (f->guest_class)
		dial_class(f);
	/* In first: it may find that the far side is gone before more is sent there. */
	if (move_in(f) && move_out(f) && f->in_done && f->out_done)
		end_well(f);
	else if (f->kind != LANE_FREE && f->host_failed && f->state == LANE_OPEN &&
		 f->host_readable)
		move_in(f);
}

void pipe_open(struct lane *f)
{
	minato_set(f->relay->host, f->socket, MINATO_OPT_NODELAY, 1);
	f->state = LANE_OPEN;
	f->appetite = APPETITE_FIRST;
	f->guest_readable = true;
	f->host_writable = true; /* whether there is something to read, its watch says */
	pipe_work(f);
}
