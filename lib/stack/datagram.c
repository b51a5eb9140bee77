/* SPDX-License-Identifier: BSD-2-Clause */
/* Datagrams as verbs: sent and received whole, with both ends. */
#include "stack/stack.h"

#include <errno.h>

/* The socket and, first of all, its pending error. */
static struct socket *find_datagrams(const struct minato *m, uint64_t socket,
				     uint32_t *index, int *error)
{
	struct socket *s = slots_find(m, socket, index);

	*error = 0;
	if (s == NULL)
		*error = -EBADF;
	else if (s->proto == MINATO_TCP)
		*error = -EOPNOTSUPP;
	else if (s->flags & SOCKET_HELD)
		*error = -EAGAIN;
	else if (s->body.datagrams.error != 0) {
		*error = -s->body.datagrams.error;
		s->body.datagrams.error = 0;
	}
	return *error == 0 ? s : NULL;
}

int64_t minato_send_datagram(struct minato *m, uint64_t socket,
			     const struct minato_datagram *to, const void *data,
			     size_t len)
{
	uint32_t index;
	int error;
	struct socket *s = find_datagrams(m, socket, &index, &error);
	uint32_t at;

	if (s == NULL)
		return error;
	if (len > UINT16_MAX)
		return -EMSGSIZE;
	if (s->body.datagrams.unsent.charge >= s->body.datagrams.sndbuf)
		return -EAGAIN;
	at = len <= budget_left(m) ? message_take_datagram(m) : STACK_NONE;
	if (at == STACK_NONE ||
	    !message_fill(m, message_at(m, at), data, (uint32_t)len,
			  MINATO_CHUNK_NONE)) {
		if (at != STACK_NONE)
			message_give(m, at);
		budget_starve(m, index);
		return -EAGAIN;
	}
	error = udp_send(m, index, at, to);
	return error < 0 ? error : (int64_t)len;
}

static void tell_ends(const struct message *msg, struct minato_datagram *out)
{
	if (out == NULL)
		return;
	*out = (struct minato_datagram){
		.remote = msg->remote,
		.local = msg->local,
		.ttl = msg->ttl,
		.traffic_class = msg->traffic_class,
		.gso_size = msg->gso_size,
		.dont_fragment = msg->dont_fragment,
		.len = msg->data.bytes,
	};
}

/* The first message waiting, or NULL and why. Who waits for one and was bound
   without a port has one from now on. */
static struct message *first_message(struct minato *m, struct socket *s,
				     int *error)
{
	const struct datagrams *d = &s->body.datagrams;

	*error = d->no_more ? 0 : -EAGAIN;
	if ((s->flags & SOCKET_LATE) && s->tuple == STACK_NONE &&
	    s->claim == STACK_NONE) {
		const int unbound = bind_late(m, slots_index(m, s), NULL);
		if (unbound < 0)
			*error = unbound;
	}
	if (d->received.head == STACK_NONE)
		return NULL;
	return message_at(m, d->received.head);
}

int datagram_release(struct minato *m, struct socket *s)
{
	const uint32_t at = messages_pop(m, &s->body.datagrams.received);

	if (at == STACK_NONE)
		return -EINVAL;
	message_give(m, at);
	return 0;
}

int datagram_borrow(struct minato *m, struct socket *s,
		    struct minato_extent *extents, size_t max,
		    struct minato_datagram *from)
{
	struct datagrams *d = &s->body.datagrams;
	const struct message *msg;
	int error;

	if (d->error != 0) {
		error = -d->error;
		d->error = 0;
		return error;
	}
	msg = first_message(m, s, &error);
	if (msg == NULL)
		return error;
	tell_ends(msg, from);
	if (msg->data.bytes == 0 && max > 0) {
		/* Of no bytes, but there: the end would be 0 extents. */
		extents[0] = (struct minato_extent){ NULL, 0 };
		return 1;
	}
	return (int)queue_view(&m->payload, &msg->data, NULL, 0,
			       msg->data.bytes, extents,
			       max < INT32_MAX ? (uint32_t)max : INT32_MAX,
			       NULL);
}

int64_t minato_recv_datagram(struct minato *m, uint64_t socket,
			     struct minato_datagram *from, void *data,
			     size_t len, uint32_t flags)
{
	uint32_t index;
	int error;
	struct socket *s = find_datagrams(m, socket, &index, &error);
	const struct message *msg;

	if (s == NULL)
		return error;
	msg = first_message(m, s, &error);
	if (msg == NULL)
		return error;
	tell_ends(msg, from);
	if (len > msg->data.bytes)
		len = msg->data.bytes;
	queue_copy(&m->payload, &msg->data, 0, data, (uint32_t)len);
	if (!(flags & MINATO_MSG_PEEK))
		datagram_release(m, s);
	return (int64_t)len;
}

/* The packet that the report is about. 0 or negative errno. */
static int about_what(struct minato *m, const struct socket *s,
		      const struct minato_datagram *flow,
		      struct icmp_about *out)
{
	if (flow == NULL) {
		if (!(s->flags & SOCKET_HELD))
			return -EINVAL;
		calls_about(m, s, out);
		return 0;
	}
	if (s->proto == MINATO_TCP)
		return -EOPNOTSUPP;
	if (minato_addr_is4(&flow->local.addr) !=
		    minato_addr_is4(&flow->remote.addr) ||
	    minato_addr_is_any(&flow->local.addr) ||
	    minato_addr_is_any(&flow->remote.addr))
		return -EINVAL;
	*out = (struct icmp_about){
		.key = { .local = flow->local.addr,
			 .remote = flow->remote.addr,
			 .local_port = flow->local.port,
			 .remote_port = flow->remote.port,
			 .scope = s->scope,
			 .proto = s->proto },
		.hop_limit = flow->ttl,
		.traffic_class = flow->traffic_class,
		.len = flow->len,
	};
	return 0;
}

static bool is_trouble(const struct minato_trouble *t, bool is4)
{
	if ((uint32_t)t->reason > MINATO_REASON_TIME_EXCEEDED)
		return false;
	if (!minato_addr_is_any(&t->offender) &&
	    (minato_addr_is4(&t->offender) != is4 ||
	     addr_is_multicast(&t->offender)))
		return false;
	if (t->type == 0)
		return true;
	if (is4)
		return t->type == ICMP4_UNREACHABLE ||
		       t->type == ICMP4_TIME_EXCEEDED ||
		       t->type == ICMP4_PARAMETER;
	return t->type == ICMP6_UNREACHABLE || t->type == ICMP6_TIME_EXCEEDED ||
	       t->type == ICMP6_PARAMETER;
}

/*
 * A packet too big: every link takes a minimum (RFC 791 3.2, RFC 8200 5), and
 * there are receivers who compare the MTU with the length of what it is about.
 */
static void bound_mtu(struct minato_trouble *t, struct icmp_about *about)
{
	const bool is4 = minato_addr_is4(&about->key.remote);
	const uint32_t least = is4 ? 68 : 1280;
	/* What is known of an echo message begins with its header. */
	const bool whole = about->key.proto == MINATO_ICMP &&
			   t->len >= ICMP_LEN;
	const uint32_t ip = is4 ? IPV4_LEN : IPV6_LEN;
	const uint32_t header = ip + (whole ? 0u : UDP_LEN + 0u);

	if (t->mtu == 0)
		return;
	if (t->mtu < least)
		t->mtu = least;
	if (t->mtu >= UINT16_MAX)
		t->mtu = UINT16_MAX - 1;
	if (about->len <= t->mtu - header)
		about->len = t->mtu - header + 1;
}

int minato_report(struct minato *m, uint64_t socket,
		  const struct minato_datagram *flow,
		  const struct minato_trouble *trouble)
{
	uint32_t index;
	const struct socket *s = slots_find(m, socket, &index);
	struct minato_trouble told = *trouble;
	struct icmp_about about;
	int error;

	if (s == NULL)
		return -EBADF;
	error = about_what(m, s, flow, &about);
	if (error < 0)
		return error;
	if (!is_trouble(trouble, minato_addr_is4(&about.key.remote)))
		return -EINVAL;
	if (flow == NULL)
		calls_quote(m, s, &told);
	bound_mtu(&told, &about);
	if (told.type == 0 && told.mtu == 0 &&
	    told.reason == MINATO_REASON_PORT)
		evidence_refused(m, s, &about.key);
	icmp_out_about(m, &about, &told);
	return 0;
}
