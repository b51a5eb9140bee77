/* SPDX-License-Identifier: BSD-2-Clause */
/* The owner's side of the two queues: writing, reading, borrowing. */
#include "tcp/engine.h"

#include <errno.h>

/* --- write --------------------------------------------------------------- */

/* 0 when writing is possible now, 1 when only later, or a negative errno. */
static int may_write(struct tcp *c)
{
	if (c->error != 0)
		return -tcp_error(c);
	switch ((enum minato_state)c->state) {
	case MINATO_CLOSED:
		return c->was_open || c->fin_queued ? -EPIPE : -ENOTCONN;
	case MINATO_LISTEN:
		return -ENOTCONN;
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
		return c->fin_queued ? -EPIPE : 1;
	case MINATO_ESTABLISHED:
	case MINATO_CLOSE_WAIT:
		return 0;
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		return -EPIPE;
	}
	return -ENOTCONN;
}

/* Without a limit by the owner: twice what the network takes. */
static uint32_t send_limit(const struct tcp_env *e, const struct tcp *c)
{
	const uint32_t fixed = extra_of(e, c)->sndbuf;
	uint64_t want = 2 * (uint64_t)c->cwnd * send_mss(e, c);

	if (fixed != 0)
		return fixed;
	if (want < TCP_SEND_FIRST)
		return TCP_SEND_FIRST;
	return want > TCP_BUFFER_MAX ? TCP_BUFFER_MAX : (uint32_t)want;
}

uint32_t tcp_room(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	const uint32_t limit = send_limit(e, c);

	if (!life_may_send(c) || c->fin_queued)
		return 0;
	if (a == NULL)
		return limit;
	if (send_unsent(c, a) >= extra_of(e, c)->notsent_lowat)
		return 0;
	return a->sendq.bytes < limit ? limit - a->sendq.bytes : 0;
}

/* What both ways of writing do once the bytes are in the queue. */
static void written(struct tcp_env *e, struct tcp *c, uint32_t flags)
{
	struct tcp_active *a = active_of(e, c);

	a->more = (flags & MINATO_MSG_MORE) != 0;
	if (!a->more)
		a->written_push = send_written(c, a);
	if (flags & MINATO_MSG_OOB) {
		a->urgent_sending = true;
		a->urgent_out = send_written(c, a);
	}
	c->signals |= TCP_SIGNAL_OUTPUT;
	block_settle(e, c);
	tcp_check(e, c);
}

static struct tcp_active *begin_write(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = block_take(e, c);

	if (a == NULL)
		timer_starved(e, c); /* ROOM is signalled when it may work */
	else
		congestion_restart(e, c);
	return a;
}

int64_t tcp_write(struct tcp_env *e, struct tcp *c, const void *data,
		  uint32_t len, uint32_t flags)
{
	const int may = may_write(c);
	struct tcp_active *a;
	uint32_t room, done;

	if (may != 0)
		return may < 0 ? may : 0;
	room = tcp_room(e, c);
	if (len > room) {
		len = room;
		flags &= ~MINATO_MSG_OOB; /* its last byte is not in yet */
	}
	if (len == 0)
		return 0;
	if (tcp_memory_low(e)) {
		timer_starved(e, c);
		return 0;
	}
	a = begin_write(e, c);
	if (a == NULL)
		return 0;
	done = queue_append_leaving(e->payload, &a->sendq, data, len,
				    TCP_WRITES_LEAVE);
	if (done < len)
		timer_starved(e, c);
	if (done == 0) {
		block_settle(e, c);
		return 0;
	}
	written(e, c, flags);
	return done;
}

int64_t tcp_write_queue(struct tcp_env *e, struct tcp *c, struct queue *from,
			uint32_t flags)
{
	const int may = may_write(c);
	const uint32_t bytes = from->bytes;
	struct tcp_active *a;

	if (may != 0)
		return may < 0 ? may : -EAGAIN;
	if (bytes == 0)
		return 0;
	a = begin_write(e, c);
	if (a == NULL)
		return -EAGAIN;
	queue_join(e->payload, &a->sendq, from);
	written(e, c, flags);
	return bytes;
}

/* --- read ---------------------------------------------------------------- */

static const struct queue nothing = { .head = POOL_NONE, .tail = POOL_NONE };

const struct queue *tcp_read_queue(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	return a != NULL ? &a->recvq : &nothing;
}

bool tcp_read_ended(const struct tcp *c)
{
	return c->fin_seen || c->read_shut || c->state == MINATO_CLOSED;
}

/* Why there is nothing to read: 0 at the end of the stream, or -errno. */
static int64_t nothing_to_read(struct tcp *c)
{
	if (c->error != 0)
		return -tcp_error(c);
	if (c->fin_seen || c->read_shut)
		return 0;
	if (c->state == MINATO_CLOSED)
		return c->was_open ? 0 : -ENOTCONN;
	return -EAGAIN;
}

/* Bytes leave the queue: what has passed the mark is urgent no more. */
static void consume(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);

	queue_consume(e->payload, &a->recvq, len);
	window_consumed(e, c, len);
	if (a->urgent_state != URGENT_NONE &&
	    seq_lt(a->urgent_in, a->tuning.copied))
		a->urgent_state = URGENT_NONE;
}

static void settle_read(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	if (life_synchronized(c))
		delay_consumed(e, c, len);
	block_settle(e, c);
	tcp_check(e, c);
}

void tcp_consumed(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	if (len == 0)
		return;
	check(c->active != POOL_NONE);
	consume(e, c, len);
	settle_read(e, c, len);
}

static int64_t read_urgent(struct tcp_env *e, struct tcp *c, void *data,
			   uint32_t len, bool peek)
{
	struct tcp_active *a = active_of(e, c);

	if (a == NULL || c->oob_inline || a->urgent_state == URGENT_NONE ||
	    a->urgent_state == URGENT_TAKEN)
		return -EINVAL;
	if (a->urgent_state == URGENT_COMING)
		return -EAGAIN;
	if (len > 0)
		memcpy(data, &a->urgent_byte, 1);
	if (!peek)
		a->urgent_state = URGENT_TAKEN;
	return len > 0 ? 1 : 0;
}

/*
 * Bytes at the head that are no part of the stream that is read: the urgent
 * one. Looking at what follows leaves it there.
 */
static uint32_t skip_urgent(struct tcp_env *e, struct tcp *c, uint32_t flags)
{
	struct tcp_active *a = active_of(e, c);

	if (flags & MINATO_MSG_INLINE || c->oob_inline || a->recvq.bytes == 0 ||
	    a->urgent_state == URGENT_NONE ||
	    !seq_eq(a->urgent_in, a->tuning.copied))
		return 0;
	if (flags & MINATO_MSG_PEEK)
		return 1;
	consume(e, c, 1);
	delay_consumed(e, c, 1);
	return 0;
}

int64_t tcp_read(struct tcp_env *e, struct tcp *c, void *data, uint32_t len,
		 uint32_t flags)
{
	const bool peek = (flags & MINATO_MSG_PEEK) != 0;
	struct tcp_active *a = active_of(e, c);
	uint32_t skipped = 0;

	if (flags & MINATO_MSG_OOB)
		return read_urgent(e, c, data, len, peek);
	if (a != NULL)
		skipped = skip_urgent(e, c, flags);
	if (a == NULL || a->recvq.bytes == skipped) {
		block_settle(e, c);
		return nothing_to_read(c);
	}
	len = umin(len, a->recvq.bytes - skipped);
	if (skipped == 0 && !(flags & MINATO_MSG_INLINE))
		len = urgent_before(c, a, len);
	if (!(flags & MINATO_MSG_TRUNC))
		queue_copy(e->payload, &a->recvq, skipped, data, len);
	if (!peek) {
		consume(e, c, len);
		settle_read(e, c, len);
	}
	return len;
}
