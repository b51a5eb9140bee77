/* SPDX-License-Identifier: BSD-2-Clause */
/* The life of a socket as its owner sees it: made, shut down, let go. */
#include "stack/stack.h"

#include <errno.h>

int minato_socket(struct minato *m, enum minato_proto proto, uint8_t scope,
		  uint64_t *out)
{
	uint32_t index;

	if (proto != MINATO_TCP && proto != MINATO_UDP && proto != MINATO_ICMP)
		return -EPROTONOSUPPORT;
	if (scope >= PORT_SCOPES)
		return -EINVAL;
	index = slots_take(m, proto, scope);
	if (index == STACK_NONE)
		return -ENFILE;
	socket_at(m, index)->flags = SOCKET_OWNED;
	*out = slots_handle(m, index);
	return 0;
}

static int shut_datagrams(struct minato *m, struct socket *s, uint32_t how)
{
	struct datagrams *d = &s->body.datagrams;

	if (s->tuple == STACK_NONE)
		return -ENOTCONN;
	if (how & MINATO_SHUT_RD) {
		d->no_more = true;
		messages_clear(m, &d->received);
	}
	if (how & MINATO_SHUT_WR)
		d->no_send = true;
	return 0;
}

int minato_shutdown(struct minato *m, uint64_t socket, uint32_t how)
{
	struct tcp_env e = host_env(m);
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	bool done = true;

	if (s == NULL)
		return -EBADF;
	if (how == 0 || (how & ~(MINATO_SHUT_RD | MINATO_SHUT_WR)) != 0)
		return -EINVAL;
	if (s->flags & SOCKET_HELD)
		return -ENOTCONN;
	if (s->proto != MINATO_TCP)
		return shut_datagrams(m, s, how);
	if (s->tuple == STACK_NONE)
		return -ENOTCONN;
	if (how & MINATO_SHUT_RD)
		tcp_shutdown_read(&e, &s->body.tcp);
	if (how & MINATO_SHUT_WR)
		done = tcp_shutdown_write(&e, &s->body.tcp);
	flow_settle(m, index);
	return done ? 0 : -ENOTCONN;
}

/* What a reservation holds goes back when its socket goes. */
static void end_reservation(struct minato *m, uint64_t socket)
{
	if (m->reservation.socket == socket)
		stream_unreserve(m);
}

static int let_go(struct minato *m, uint64_t socket, bool abort)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	end_reservation(m, socket);
	if (s->flags & SOCKET_HELD)
		return minato_refuse(m, socket);
	if (s->flags & SOCKET_LISTENER) {
		port_accepting(host_table(m), s->claim, false);
		calls_drop_children(m, index);
		slots_give(m, index);
		return 0;
	}
	if (s->proto == MINATO_TCP) {
		flow_release(m, index, abort);
		return 0;
	}
	/* What was sent before goes out, as on Linux. */
	udp_flush(m, index);
	slots_give(m, index);
	return 0;
}

int minato_close(struct minato *m, uint64_t socket)
{
	return let_go(m, socket, false);
}

int minato_abort(struct minato *m, uint64_t socket)
{
	return let_go(m, socket, true);
}

int minato_error(struct minato *m, uint64_t socket)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);
	int error;

	if (s == NULL)
		return -EBADF;
	s->flags &= ~SOCKET_ERROR;
	if (s->proto == MINATO_TCP)
		return tcp_error(&s->body.tcp);
	error = s->body.datagrams.error;
	s->body.datagrams.error = 0;
	return error;
}

int minato_set_user(struct minato *m, uint64_t socket, uint64_t user)
{
	uint32_t index;
	struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	s->user = user;
	return 0;
}

int minato_get_user(struct minato *m, uint64_t socket, uint64_t *user)
{
	uint32_t index;
	const struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	*user = s->user;
	return 0;
}

int minato_info(struct minato *m, uint64_t socket, struct minato_info *out)
{
	const struct tcp_env e = host_env(m);
	uint32_t index;
	const struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	if (s->proto != MINATO_TCP)
		return -EOPNOTSUPP;
	tcp_info(&e, &s->body.tcp, out);
	if (s->flags & SOCKET_LISTENER)
		out->state = MINATO_LISTEN;
	return 0;
}

static void count_datagrams(const struct minato *m, const struct socket *s,
			    struct minato_counts *out)
{
	const struct datagrams *d = &s->body.datagrams;

	*out = (struct minato_counts){
		.unsent = d->unsent.charge,
		.unacked = d->unsent.charge,
	};
	if (d->received.head != STACK_NONE && !(s->flags & SOCKET_HELD))
		out->readable = message_at(m, d->received.head)->data.bytes;
	if (d->unsent.charge < d->sndbuf)
		out->room = d->sndbuf - d->unsent.charge;
}

int minato_counts(struct minato *m, uint64_t socket, struct minato_counts *out)
{
	const struct tcp_env e = host_env(m);
	uint32_t index;
	const struct socket *s = slots_find(m, socket, &index);

	if (s == NULL)
		return -EBADF;
	if (s->flags & SOCKET_LISTENER)
		*out = (struct minato_counts){
			.readable = slots_detail(m, s)->accepts.count
		};
	else if (s->proto == MINATO_TCP)
		tcp_counts(&e, &s->body.tcp, out);
	else
		count_datagrams(m, s, out);
	return 0;
}
