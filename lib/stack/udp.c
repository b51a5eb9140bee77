/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams between sockets and the world (RFC 768, RFC 1122 4.1); echo
 * messages take the same way, with the identifier as their port.
 *
 * A run of equal datagrams (gso_size) stays one message in both directions.
 * What a receive queue holds is bounded by the chunks it keeps, not by the
 * bytes in them; nobody may fill the last eighth of the small chunks with
 * datagrams, which connections need.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#define RUN_MAX 65000u /* payload of a run: its packet stays below 64 KB */

void udp_init(struct datagrams *d)
{
	*d = (struct datagrams){
		.rcvbuf = STACK_DATAGRAM_BUFFER,
		.sndbuf = STACK_DATAGRAM_BUFFER,
	};
	messages_init(&d->received);
	messages_init(&d->unsent);
}

void udp_clear(struct minato *m, struct datagrams *d)
{
	messages_clear(m, &d->received);
	messages_clear(m, &d->unsent);
}

void udp_flush(struct minato *m, uint32_t index)
{
	struct messages *unsent = &socket_at(m, index)->body.datagrams.unsent;

	for (uint32_t i = messages_pop(m, unsent); i != STACK_NONE;
	     i = messages_pop(m, unsent))
		message_control(m, i);
}

/* --- in ----------------------------------------------------------------- */

static enum drop has_room(const struct minato *m, const struct socket *s)
{
	const struct datagrams *d = &s->body.datagrams;
	const struct pool *small = &m->payload.small;

	if (d->no_more)
		return DROP_QUEUE;
	if ((s->flags & SOCKET_HELD) &&
	    d->received.count >= STACK_HELD_DATAGRAMS)
		return DROP_QUEUE;
	if (d->received.charge >= d->rcvbuf)
		return DROP_QUEUE;
	if (d->received.count > 0 &&
	    small->used > small->capacity - small->capacity / 8)
		return DROP_MEMORY;
	return DROP_NONE;
}

static void describe(struct message *msg, const struct packet *p)
{
	msg->remote = (struct minato_endpoint){ p->src, p->src_port };
	msg->local = (struct minato_endpoint){ p->dst, p->dst_port };
	msg->ttl = p->hop_limit;
	msg->traffic_class = p->traffic_class;
	msg->dont_fragment = p->dont_fragment;
	if (p->payload_len > p->gso_size)
		msg->gso_size = p->gso_size;
}

/* The payload; of an echo message with its header, as it is on the wire. */
static bool fill(struct minato *m, struct message *msg, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const bool whole = p->type != PACKET_UDP;
	const uint8_t *data = whole ? p->transport : p->payload;
	const uint32_t len =
		p->payload_len +
		(whole ? (uint32_t)(p->payload - p->transport) : 0);

	return message_fill(m, msg, data, len, a->frame->chunk);
}

enum drop udp_arrive(struct minato *m, uint32_t index, const struct arrival *a)
{
	struct socket *s = socket_at(m, index);
	struct datagrams *d = &s->body.datagrams;
	enum drop drop = has_room(m, s);
	struct message *msg;
	uint32_t at;

	if (drop != DROP_NONE)
		return drop;
	at = message_take_datagram(m);
	if (at == STACK_NONE)
		return DROP_MEMORY;
	msg = message_at(m, at);
	describe(msg, &a->packet);
	if (!fill(m, msg, a)) {
		message_give(m, at);
		return DROP_MEMORY;
	}
	/* A datagram of nothing is something all the same. */
	if (msg->charge == 0)
		msg->charge = 256;
	d->bytes_in += msg->data.bytes;
	messages_append(m, &d->received, at);
	events_raise(m, index);
	return DROP_NONE;
}

void udp_error(struct minato *m, uint32_t index, int error)
{
	struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_HELD)
		return;
	s->body.datagrams.error = error;
	events_raise(m, index);
}

/* --- out ---------------------------------------------------------------- */

static int choose_remote(const struct minato *m, const struct socket *s,
			 const struct minato_datagram *to, struct message *msg)
{
	struct minato_endpoint peer = { 0 };

	bind_peer(m, s, &peer);
	msg->remote = to->remote;
	if (minato_addr_is_any(&to->remote.addr))
		msg->remote = peer;
	if (minato_addr_is_any(&msg->remote.addr))
		return -EDESTADDRREQ;
	/* Never on the wire, though a peer may have sent from there. */
	if (s->proto == MINATO_UDP && msg->remote.port == 0)
		return -EINVAL;
	if (addr_is_multicast(&msg->remote.addr) ||
	    addr_is_broadcast4(&msg->remote.addr))
		return -EACCES;
	return 0;
}

/* The source: given, the socket's own, or ours on the way to the remote. */
static int choose_local(struct minato *m, uint32_t index,
			const struct minato_datagram *to, struct message *msg)
{
	struct socket *s = socket_at(m, index);
	struct minato_addr ours;
	int error;

	if (s->tuple == STACK_NONE && s->claim == STACK_NONE) {
		error = bind_late(m, index, &msg->remote);
		if (error < 0)
			return error;
	}
	bind_local(m, s, &msg->local);
	if (to->local.port != 0)
		msg->local.port = to->local.port;
	if (!minato_addr_is_any(&to->local.addr))
		msg->local.addr = to->local.addr;
	/* 0 is an identifier like any other, but no port. */
	if (msg->local.port == 0 && !(s->proto == MINATO_ICMP &&
				      (s->flags & SOCKET_ASSOCIATION)))
		return -EINVAL;
	if (minato_addr_is_any(&msg->local.addr)) {
		if (!route_source(m, s->scope, &msg->remote.addr, &ours))
			return -ENETUNREACH;
		msg->local.addr = ours;
	}
	if (minato_addr_is4(&msg->local.addr) !=
	    minato_addr_is4(&msg->remote.addr))
		return -EAFNOSUPPORT;
	if (!(s->flags & SOCKET_TRANSPARENT) &&
	    !route_is_ours(m, s->scope, &msg->local.addr))
		return -EADDRNOTAVAIL;
	return 0;
}

static int check_size(const struct minato *m, const struct socket *s,
		      const struct message *msg)
{
	const uint32_t upper = s->proto == MINATO_UDP ? UDP_LEN : 0;
	const uint32_t ip = minato_addr_is4(&msg->remote.addr) ? IPV4_LEN :
								 IPV6_LEN;
	const uint32_t len = msg->data.bytes;
	const bool run = msg->gso_size != 0 && len > msg->gso_size;
	const uint32_t each = upper + (run ? msg->gso_size : len);
	struct next_hop hop;

	if (!route_find(m, s->scope, STACK_LINK_ANY, &msg->remote.addr, &hop))
		return -ENETUNREACH;
	/* The length field of IPv4 counts its header, that of IPv6 does not. */
	if (each > UINT16_MAX - (ip == IPV4_LEN ? IPV4_LEN : 0) ||
	    (run && len > RUN_MAX))
		return -EMSGSIZE;
	if (msg->dont_fragment &&
	    ip + each > pmtu_of(m, hop.link, &msg->remote.addr))
		return -EMSGSIZE;
	return 0;
}

#define ECHO_LEN 8u

/* Who speaks as others may also answer in their name. */
static bool may_say(const struct socket *s, bool is4, const uint8_t *header)
{
	if (header[1] != 0)
		return false;
	if (header[0] == (is4 ? ICMP4_ECHO : ICMP6_ECHO))
		return true;
	return (s->flags & SOCKET_TRANSPARENT) &&
	       header[0] == (is4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY);
}

/* An echo message: its identifier is the socket's, its checksum ours. */
static int complete_echo(struct minato *m, const struct socket *s,
			 struct message *msg)
{
	const bool is4 = minato_addr_is4(&msg->remote.addr);
	const uint32_t len = msg->data.bytes;
	struct minato_extent head;
	struct sum sum = { 0 };
	uint8_t *bytes;

	if (len < ECHO_LEN)
		return -EINVAL;
	queue_view(&m->payload, &msg->data, NULL, 0, ECHO_LEN, &head, 1, NULL);
	/* Just written, to a chunk of its own. */
	check(head.len == ECHO_LEN);
	bytes = head.base;
	if (!may_say(s, is4, bytes))
		return -EINVAL;
	bytes[2] = 0;
	bytes[3] = 0;
	bytes[4] = (uint8_t)(msg->local.port >> 8);
	bytes[5] = (uint8_t)msg->local.port;
	msg->kind = MESSAGE_RAW;
	msg->proto = is4 ? IP_PROTO_ICMP : IP_PROTO_ICMP6;
	if (!is4)
		sum_pseudo(&sum, &msg->local.addr, &msg->remote.addr,
			   msg->proto, len);
	message_sum(m, &msg->data, 0, len, &sum);
	sum_put(&sum, bytes + 2);
	return 0;
}

static int prepare(struct minato *m, uint32_t index, struct message *msg,
		   const struct minato_datagram *to)
{
	struct socket *s = socket_at(m, index);
	struct datagrams *d = &s->body.datagrams;
	int error;

	if (d->no_send)
		return -EPIPE;
	error = choose_remote(m, s, to, msg);
	if (error == 0)
		error = choose_local(m, index, to, msg);
	if (error < 0)
		return error;
	msg->scope = s->scope;
	msg->ttl = to->ttl != 0 ? to->ttl : d->ttl;
	msg->traffic_class = to->traffic_class != 0 ? to->traffic_class :
						      d->traffic_class;
	msg->gso_size = to->gso_size;
	msg->dont_fragment = to->dont_fragment;
	msg->kind = MESSAGE_UDP;
	error = check_size(m, s, msg);
	if (error == 0 && s->proto == MINATO_ICMP)
		error = complete_echo(m, s, msg);
	return error;
}

int udp_send(struct minato *m, uint32_t index, uint32_t message,
	     const struct minato_datagram *to)
{
	struct message *msg = message_at(m, message);
	struct datagrams *d = &socket_at(m, index)->body.datagrams;
	const int error = prepare(m, index, msg, to);

	if (error < 0) {
		message_give(m, message);
		return error;
	}
	if (msg->charge == 0)
		msg->charge = 256;
	d->bytes_out += msg->data.bytes;
	messages_append(m, &d->unsent, message);
	output_mark(m, index);
	return 0;
}
