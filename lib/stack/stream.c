/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes in and out of sockets: copied (send, recv), or where they lie (borrow
 * and release, reserve and commit).
 *
 * A reservation is chunks taken from the host value and not yet anyone's. What
 * is committed becomes the tail of the send queue as it is; where little was
 * filled into a large chunk it is copied to a small one, so that a few bytes
 * in flight never hold 64 KB.
 */
#include "stack/stack.h"

#include <errno.h>

/* What tcp answered, with the mark of a pending error kept in step. */
static int64_t report(struct minato *m, uint32_t index, int64_t result)
{
	struct socket *s = socket_at(m, index);

	if (result < 0 && result != -EAGAIN)
		s->flags &= ~SOCKET_ERROR;
	flow_settle(m, index);
	budget_relieve(m);
	return result;
}

/* The socket, ready for streaming; else *error. */
static struct socket *find_stream(const struct minato *m, uint64_t socket,
				  uint32_t *index, int *error)
{
	struct socket *s = slots_find(m, socket, index);

	*error = 0;
	if (s == NULL)
		*error = -EBADF;
	else if (s->flags & SOCKET_HELD)
		*error = -EAGAIN;
	else if (s->flags & SOCKET_LISTENER)
		*error = -ENOTCONN;
	return *error == 0 ? s : NULL;
}

int64_t minato_send(struct minato *m, uint64_t socket, const void *data,
		    size_t len, uint32_t flags)
{
	const struct minato_datagram to = { 0 };
	struct tcp_env e = host_env(m);
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);
	uint32_t cut;
	int64_t sent;

	if (s == NULL)
		return error;
	if (s->proto != MINATO_TCP)
		return minato_send_datagram(m, socket, &to, data, len);
	if (len > INT32_MAX)
		len = INT32_MAX;
	cut = len > budget_left(m) ? (uint32_t)budget_left(m) : (uint32_t)len;
	e.no_block = !share_lends(m, index);
	sent = tcp_write(&e, &s->body.tcp, data, cut, flags);
	/* What the budget cut off; the send buffer's end and want of other
	   memory tcp watches itself. */
	if (cut < len && sent == cut)
		budget_starve(m, index);
	return report(m, index, sent == 0 && len > 0 ? -EAGAIN : sent);
}

int64_t minato_recv(struct minato *m, uint64_t socket, void *data, size_t len,
		    uint32_t flags)
{
	struct tcp_env e = host_env(m);
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);

	if (s == NULL)
		return error;
	if (s->proto != MINATO_TCP)
		return minato_recv_datagram(m, socket, NULL, data, len, flags);
	if (len == 0)
		return 0;
	if (len > INT32_MAX)
		len = INT32_MAX;
	if (flags & MINATO_MSG_OOB)
		s->flags &= ~SOCKET_URGENT;
	return report(m, index,
		      tcp_read(&e, &s->body.tcp, data, (uint32_t)len, flags));
}

/* --- reading in place --------------------------------------------------- */

static int borrow_stream(struct minato *m, uint32_t index,
			 struct minato_extent *extents, size_t max)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	const struct queue *q = tcp_read_queue(&e, &s->body.tcp);

	if (max > INT32_MAX)
		max = INT32_MAX;
	if (q != NULL && q->bytes > 0)
		return (int)queue_view(&m->payload, q, NULL, 0, q->bytes,
				       extents, (uint32_t)max, NULL);
	/* Nothing there: end of stream, error or EAGAIN, as reading says. */
	return (int)report(m, index, tcp_read(&e, &s->body.tcp, NULL, 0, 0));
}

int minato_borrow(struct minato *m, uint64_t socket,
		  struct minato_extent *extents, size_t max,
		  struct minato_datagram *from)
{
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);

	if (s == NULL)
		return error;
	if (s->proto == MINATO_TCP)
		return borrow_stream(m, index, extents, max);
	return datagram_borrow(m, s, extents, max, from);
}

int minato_release(struct minato *m, uint64_t socket, size_t len)
{
	struct tcp_env e = host_env(m);
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);
	const struct queue *q;

	if (s == NULL)
		return error;
	if (s->proto != MINATO_TCP)
		return datagram_release(m, s);
	q = tcp_read_queue(&e, &s->body.tcp);
	if (q == NULL || len > q->bytes)
		return len == 0 ? 0 : -EINVAL;
	tcp_consumed(&e, &s->body.tcp, (uint32_t)len);
	report(m, index, 0);
	return 0;
}

/* --- writing in place --------------------------------------------------- */

void stream_unreserve(struct minato *m)
{
	struct reservation *r = &m->reservation;

	for (uint32_t i = 0; i < r->count; i++)
		chunk_drop(&m->payload, r->chunk[i]);
	r->count = 0;
	r->socket = 0;
}

static bool reserve_chunk(struct minato *m, uint32_t len)
{
	struct reservation *r = &m->reservation;
	const uint32_t wanted = len < MINATO_CHUNK_LARGE ? len :
							   MINATO_CHUNK_LARGE;
	const uint32_t chunk =
		chunk_take_leaving(&m->payload, wanted, TCP_WRITES_LEAVE);

	if (chunk == MINATO_CHUNK_NONE)
		return false;
	r->chunk[r->count] = chunk;
	r->len[r->count] = wanted < chunk_size(chunk) ? wanted :
							chunk_size(chunk);
	r->count++;
	return true;
}

/* How much may be reserved: what the send buffer takes now. */
static int64_t reservable(struct minato *m, const struct socket *s, size_t len)
{
	const struct tcp_env e = host_env(m);
	uint32_t room;

	if (s->proto != MINATO_TCP) {
		const struct datagrams *d = &s->body.datagrams;
		if (len > MINATO_CHUNK_LARGE)
			return -EMSGSIZE;
		return d->unsent.charge < d->sndbuf ? (int64_t)len : -EAGAIN;
	}
	if (s->tuple == STACK_NONE)
		return -ENOTCONN;
	room = tcp_room(&e, &s->body.tcp);
	if (room == 0)
		return -EAGAIN;
	return room < len ? room : (int64_t)len;
}

int minato_reserve(struct minato *m, uint64_t socket, size_t len,
		   struct minato_extent *extents, size_t max)
{
	struct reservation *r = &m->reservation;
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);
	int64_t left;

	if (s == NULL)
		return error;
	if (r->socket != 0)
		return -EBUSY;
	if (len == 0 || max == 0)
		return -EINVAL;
	left = reservable(m, s, len);
	if (left < 0)
		return (int)left;
	if (budget_left(m) == 0) {
		budget_starve(m, index);
		return -EAGAIN;
	}
	if (s->proto != MINATO_TCP)
		max = 1;
	else if ((uint64_t)left > budget_left(m))
		left = (int64_t)budget_left(m);
	while (left > 0 && r->count < max && r->count < STACK_RESERVE_MAX &&
	       reserve_chunk(m, (uint32_t)left)) {
		const uint32_t last = r->count - 1;
		extents[last] = (struct minato_extent){
			chunk_at(&m->payload, r->chunk[last]), r->len[last]
		};
		left -= r->len[last];
	}
	if (r->count == 0 || (s->proto != MINATO_TCP && left > 0)) {
		stream_unreserve(m);
		budget_starve(m, index);
		return -EAGAIN;
	}
	r->socket = socket;
	return (int)r->count;
}

/* Moves what was filled into a queue; false when it could not all be kept. */
static bool take_filled(struct minato *m, size_t len, struct queue *to)
{
	struct reservation *r = &m->reservation;
	bool kept = true;

	for (uint32_t i = 0; i < r->count; i++) {
		uint32_t part = r->len[i] < len ? r->len[i] : (uint32_t)len;
		uint32_t done = 0;
		len -= part;
		/* Well filled: kept as it is. */
		if (part >= STACK_REFERENCE_MIN ||
		    (part > 0 &&
		     chunk_size(r->chunk[i]) == MINATO_CHUNK_SMALL)) {
			kept &= queue_append(&m->payload, to, r->chunk[i], 0,
					     part);
			continue;
		}
		while (done < part) {
			uint32_t piece = part - done < MINATO_CHUNK_SMALL ?
						 part - done :
						 MINATO_CHUNK_SMALL;
			if (queue_append_copy(
				    &m->payload, to,
				    chunk_at(&m->payload, r->chunk[i]) + done,
				    piece) < piece)
				kept = false;
			done += piece;
		}
		chunk_drop(&m->payload, r->chunk[i]);
	}
	r->count = 0;
	r->socket = 0;
	return kept;
}

/*
 * Few bytes: copied behind what is queued, where they share a chunk. What does
 * not fit there for want of memory stays where it was filled.
 */
static int64_t commit_few(struct minato *m, uint32_t index, uint32_t len,
			  uint32_t flags)
{
	struct reservation *r = &m->reservation;
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	const uint32_t chunk = r->chunk[0];
	const struct pool *extents = &m->payload.extents;
	struct queue rest;
	int64_t done;

	/* All or nothing: one for a new chunk of theirs, one for the rest. */
	if (extents->capacity - extents->used < 2) {
		stream_unreserve(m);
		return -EAGAIN;
	}
	chunk_hold(&m->payload, chunk);
	stream_unreserve(m);
	e.no_block = !share_lends(m, index);
	done = tcp_write(&e, &s->body.tcp, chunk_at(&m->payload, chunk), len,
			 flags);
	if (done < 0 || done == len) {
		chunk_drop(&m->payload, chunk);
		return done;
	}
	queue_init(&rest);
	check(queue_append(&m->payload, &rest, chunk, (uint32_t)done,
			   len - (uint32_t)done));
	done = tcp_write_queue(&e, &s->body.tcp, &rest, flags);
	queue_clear(&m->payload, &rest);
	return done;
}

static int open_reservation(struct minato *m, uint64_t socket, size_t len)
{
	const struct reservation *r = &m->reservation;
	size_t room = 0;

	if (r->socket == 0 || r->socket != socket)
		return -EINVAL;
	for (uint32_t i = 0; i < r->count; i++)
		room += r->len[i];
	return len <= room ? 0 : -EINVAL;
}

int minato_commit(struct minato *m, uint64_t socket, size_t len, uint32_t flags)
{
	const struct minato_datagram to = { 0 };
	struct tcp_env e = host_env(m);
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);
	struct queue filled;
	int64_t written;

	if (s == NULL)
		return error;
	error = open_reservation(m, socket, len);
	if (error < 0)
		return error;
	if (s->proto != MINATO_TCP)
		return minato_commit_datagram(m, socket, len, &to);
	if (len == 0) {
		stream_unreserve(m);
		return 0;
	}
	if (len <= m->reservation.len[0] && len <= MINATO_CHUNK_SMALL / 2) {
		written = commit_few(m, index, (uint32_t)len, flags);
		written = report(m, index, written);
		return written < 0 ? (int)written : 0;
	}
	queue_init(&filled);
	if (!take_filled(m, len, &filled)) {
		queue_clear(&m->payload, &filled);
		budget_starve(m, index);
		return -EAGAIN;
	}
	e.no_block = !share_lends(m, index);
	written = tcp_write_queue(&e, &s->body.tcp, &filled, flags);
	queue_clear(&m->payload, &filled);
	written = report(m, index, written);
	return written < 0 ? (int)written : 0;
}

int minato_commit_datagram(struct minato *m, uint64_t socket, size_t len,
			   const struct minato_datagram *to)
{
	uint32_t index;
	int error;
	struct socket *s = find_stream(m, socket, &index, &error);
	struct message *msg;
	uint32_t at;

	if (s == NULL)
		return error;
	error = open_reservation(m, socket, len);
	if (error < 0)
		return error;
	if (s->proto == MINATO_TCP)
		return -EOPNOTSUPP;
	at = message_take_datagram(m);
	if (at == STACK_NONE) {
		stream_unreserve(m);
		budget_starve(m, index);
		return -EAGAIN;
	}
	msg = message_at(m, at);
	if (!take_filled(m, len, &msg->data)) {
		message_give(m, at);
		budget_starve(m, index);
		return -EAGAIN;
	}
	msg->charge = message_charge(m, msg);
	return udp_send(m, index, at, to);
}
