/* SPDX-License-Identifier: BSD-2-Clause */
/* Readiness, and the queue of sockets on which something happened. */
#include "stack/stack.h"

#include <errno.h>

void events_raise(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	s->arrivals++;
	if (!(s->flags & SOCKET_OWNED) || (s->flags & SOCKET_EVENT))
		return;
	s->flags |= SOCKET_EVENT;
	list_append(m, &m->events, LIST_EVENT, index);
}

static uint32_t ready_datagrams(const struct socket *s)
{
	const struct datagrams *d = &s->body.datagrams;
	uint32_t ready = 0;

	if (d->received.count > 0 || d->no_more)
		ready |= MINATO_READABLE;
	if (d->unsent.charge <= d->sndbuf / 3 * 2)
		ready |= MINATO_WRITABLE;
	if (d->error != 0)
		ready |= MINATO_ERROR;
	/* An answered call whose flow is gone. */
	if ((s->flags & SOCKET_OPENED) && s->tuple == STACK_NONE)
		ready |= MINATO_HANGUP;
	return ready;
}

/* Enough to read, or nothing more to come. */
static bool is_readable(const struct tcp_env *e, const struct socket *s,
			const struct minato_counts *counts)
{
	int64_t low = 1;

	if (tcp_read_ended(&s->body.tcp))
		return true;
	tcp_get(e, &s->body.tcp, MINATO_OPT_RCVLOWAT, &low);
	if (low < 1)
		low = 1;
	return counts->readable >= low;
}

static uint32_t ready_by_state(enum minato_state state)
{
	switch (state) {
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
		return MINATO_CONNECTED;
	case MINATO_CLOSE_WAIT:
		return MINATO_CONNECTED | MINATO_PEER_DONE;
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		return MINATO_CONNECTED | MINATO_PEER_DONE | MINATO_HANGUP;
	case MINATO_CLOSED:
		return MINATO_PEER_DONE | MINATO_HANGUP | MINATO_READABLE;
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
	case MINATO_LISTEN:
		break;
	}
	return 0;
}

static uint32_t ready_stream(struct minato *m, const struct socket *s)
{
	const struct tcp *c = &s->body.tcp;
	const struct tcp_env e = host_env(m);
	const enum minato_state state = tcp_state(c);
	struct minato_counts counts;
	uint32_t ready;

	if (!(s->flags & SOCKET_OPENED) && s->tuple == STACK_NONE)
		return 0;
	ready = ready_by_state(state);
	if (s->flags & SOCKET_ERROR)
		ready |= MINATO_ERROR;
	if (state == MINATO_SYN_SENT || state == MINATO_SYN_RECEIVED)
		return ready;
	tcp_counts(&e, c, &counts);
	if (is_readable(&e, s, &counts))
		ready |= MINATO_READABLE;
	if (counts.room > 0 && counts.room >= counts.unacked / 2)
		ready |= MINATO_WRITABLE;
	if (counts.unacked == 0)
		ready |= MINATO_DRAINED;
	if (s->flags & SOCKET_CLASS)
		ready |= MINATO_CLASS;
	if (s->flags & SOCKET_URGENT)
		ready |= MINATO_URGENT;
	return ready;
}

uint32_t events_ready(struct minato *m, uint32_t index)
{
	const struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_HELD)
		return MINATO_CALL;
	if (s->flags & SOCKET_LISTENER)
		return slots_detail(m, s)->accepts.count > 0 ? MINATO_READABLE :
							       0;
	return s->proto == MINATO_TCP ? ready_stream(m, s) : ready_datagrams(s);
}

int minato_ready(struct minato *m, uint64_t socket, uint32_t *arrivals)
{
	uint32_t index;
	const struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	if (arrivals != NULL)
		*arrivals = s->arrivals;
	return (int)events_ready(m, index);
}

bool minato_event(struct minato *m, struct minato_event *out)
{
	const uint32_t index = m->events.head;
	struct socket *s;

	if (index == STACK_NONE)
		return false;
	s = socket_at(m, index);
	list_remove(m, &m->events, LIST_EVENT, index);
	s->flags &= ~SOCKET_EVENT;
	if (s->flags & SOCKET_HELD)
		s->flags |= SOCKET_ANNOUNCED;
	*out = (struct minato_event){
		.socket = slots_handle(m, index),
		.user = s->user,
		.ready = events_ready(m, index),
	};
	return true;
}
