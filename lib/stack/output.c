/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is due, in order. First the rest of a super-segment or a datagram that
 * is being cut, then control messages (ARP, ICMP, RST) as they were caused,
 * then the dirty sockets in turn.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#define RAW_HEADER 8u /* of an ICMP message: stands with the headers */
#define UDP_CSUM 6u
#define TCP_CSUM 16u

enum made {
	MADE_FRAME,
	MADE_NOTHING, /* something was done, no frame came of it */
	MADE_END,
};

/* The socket whose turn it is, and what is the same for all its packets. */
struct visit {
	uint32_t socket; /* STACK_NONE: none */
	uint32_t frames;
	int error; /* errno where the path leads nowhere */
	struct path path;
	struct port_key key;
};

void output_mark(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	if (s->flags & SOCKET_OUTPUT)
		return;
	s->flags |= SOCKET_OUTPUT;
	check(s->waits_on == STACK_NONE);
	list_append(m, &m->dirty, LIST_OUTPUT, index);
}

static void unmark(struct minato *m, uint32_t index)
{
	list_remove(m, &m->dirty, LIST_OUTPUT, index);
	socket_at(m, index)->flags &= ~SOCKET_OUTPUT;
}

static void multicast_mac(const struct minato_addr *to, uint8_t mac[6])
{
	if (minato_addr_is4(to)) {
		/* RFC 1112 6.4 */
		const uint8_t v4[6] = { 0x01,	       0x00,
					0x5e,	       to->bytes[13] & 0x7f,
					to->bytes[14], to->bytes[15] };
		memcpy(mac, v4, 6);
	} else {
		/* RFC 2464 7 */
		const uint8_t v6[6] = { 0x33,	       0x33,
					to->bytes[12], to->bytes[13],
					to->bytes[14], to->bytes[15] };
		memcpy(mac, v6, 6);
	}
}

/* 0, or the errno of a way that leads nowhere; EAGAIN: wait for *neighbour. */
static int find_path(struct minato *m, uint8_t scope, uint32_t link,
		     const struct minato_addr *to, struct path *path,
		     uint32_t *neighbour)
{
	struct next_hop hop = { link, *to };

	*path = (struct path){ 0 };
	if (addr_is_multicast(to) && link != STACK_LINK_ANY) {
		path->link = link;
		multicast_mac(to, path->mac);
		return 0;
	}
	if (!route_find(m, scope, link, to, &hop)) {
		path->dropped = true;
		return ENETUNREACH;
	}
	path->link = hop.link;
	if (m->link[hop.link].config.type == MINATO_LINK_IP)
		return 0;
	switch (neighbour_resolve(m, hop.link, &hop.addr, path->mac,
				  neighbour)) {
	case NEIGHBOUR_READY:
		return 0;
	case NEIGHBOUR_WAIT:
		return EAGAIN;
	case NEIGHBOUR_NONE:
		break;
	}
	path->dropped = true;
	return EHOSTUNREACH;
}

static void count_lost(struct minato *m, int error)
{
	host_count(m, error == ENETUNREACH ? COUNTER_OUT_NO_ROUTE :
					     COUNTER_OUT_NEIGHBOUR);
}

/* --- messages ----------------------------------------------------------- */

static void describe_message(struct minato *m, const struct message *msg,
			     struct emission *e)
{
	e->ip = (struct ip_build){
		.is6 = !minato_addr_is4(&msg->remote.addr),
		.src = msg->local.addr,
		.dst = msg->remote.addr,
		.proto = msg->proto,
		.hop_limit = msg->ttl != 0 ? msg->ttl : STACK_TTL,
		.traffic_class = msg->traffic_class,
		.id = (uint16_t)random_next(&m->random),
		.dont_fragment = true,
	};
	e->data = &msg->data;
	e->gso_size = msg->gso_size;
	if (msg->kind == MESSAGE_UDP) {
		e->ip.proto = IP_PROTO_UDP;
		e->transport_len = 8;
		e->csum_offset = UDP_CSUM;
		e->len = msg->data.bytes;
		check(msg->local.port != 0 && msg->remote.port != 0);
		udp_build(e->transport, msg->local.port, msg->remote.port,
			  e->len + 8);
		return;
	}
	if (msg->kind == MESSAGE_RST)
		e->csum_offset = TCP_CSUM;
	if (msg->brief_len > 0) {
		e->transport_len = msg->brief_len;
		memcpy(e->transport, msg->brief, msg->brief_len);
		return;
	}
	e->transport_len = RAW_HEADER;
	e->offset = RAW_HEADER;
	e->len = msg->data.bytes - RAW_HEADER;
	queue_copy(&m->payload, &msg->data, 0, e->transport, RAW_HEADER);
}

static bool make_packet(struct minato *m, struct message *msg,
			const struct emission *e, uint32_t n,
			struct minato_frame_out *frame)
{
	if (msg->dont_fragment || !fragment_out_needed(m, msg, e))
		return frames_packet(m, e, n, frame);
	fragment_out_begin(m, msg, e);
	return fragment_out_next(m, n, frame);
}

/* Puts a message out, or parks it; takes it over. */
static enum made make_message(struct minato *m, uint32_t index, uint32_t n,
			      struct minato_frame_out *frame)
{
	struct message *msg = message_at(m, index);
	struct path path;
	struct emission e = { .path = &path };
	uint32_t neighbour = STACK_NONE;
	bool made = false;
	int error = 0;

	if (msg->kind == MESSAGE_ARP) {
		made = frames_arp(m, msg, n, frame);
	} else {
		error = find_path(m, msg->scope, msg->link, &msg->remote.addr,
				  &path, &neighbour);
		if (error == EAGAIN) {
			neighbour_hold(m, neighbour, index);
			return MADE_NOTHING;
		}
		if (error == 0) {
			describe_message(m, msg, &e);
			made = make_packet(m, msg, &e, n, frame);
		} else {
			count_lost(m, error);
		}
	}
	queue_join(&m->payload, &m->spent, &msg->data);
	message_give(m, index);
	return made ? MADE_FRAME : MADE_NOTHING;
}

/* --- sockets ------------------------------------------------------------ */

static enum made make_datagram(struct minato *m, struct visit *v, uint32_t n,
			       struct minato_frame_out *frame)
{
	struct socket *s = socket_at(m, v->socket);
	struct datagrams *d = &s->body.datagrams;
	const uint32_t before = d->unsent.charge;
	const uint32_t index = messages_pop(m, &d->unsent);

	if (index == STACK_NONE) {
		unmark(m, v->socket);
		v->socket = STACK_NONE;
		return MADE_NOTHING;
	}
	if (before > d->sndbuf / 3 * 2 && d->unsent.charge <= d->sndbuf / 3 * 2)
		events_raise(m, v->socket);
	return make_message(m, index, n, frame);
}

static void describe_segment(struct socket *s, const struct visit *v,
			     const struct tcp_emit *out, struct emission *e)
{
	struct tcp_segment segment = out->segment;
	const bool is6 = !minato_addr_is4(&v->key.remote);
	uint8_t header[60];

	check(v->key.local_port != 0 && v->key.remote_port != 0);
	segment.src_port = v->key.local_port;
	segment.dst_port = v->key.remote_port;
	e->transport_len = tcp_build(&segment, header);
	memcpy(e->transport, header, e->transport_len);
	e->csum_offset = TCP_CSUM;
	e->gso_size = out->gso_size;
	e->data = out->queue;
	e->cursor = out->cursor;
	e->offset = out->offset;
	e->len = out->len;
	/* The identification of an atomic packet says nothing (RFC 6864); it
	   counts per connection, as on Linux, so that no stranger can read
	   the host's activity from it. For IPv6 it is the flow label. */
	e->ip = (struct ip_build){
		.is6 = is6,
		.src = v->key.local,
		.dst = v->key.remote,
		.proto = IP_PROTO_TCP,
		.hop_limit = out->hop_limit != 0 ? out->hop_limit : STACK_TTL,
		.traffic_class = out->traffic_class,
		.id = s->ip_id,
		.dont_fragment = true,
		.flow_label = s->ip_id,
	};
	if (!is6)
		s->ip_id =
			(uint16_t)(s->ip_id + 1 +
				   (out->gso_size ? out->len / out->gso_size :
						    0));
}

static void lose_segment(struct minato *m, struct visit *v,
			 const struct tcp_emit *out)
{
	struct tcp *c = &socket_at(m, v->socket)->body.tcp;
	struct tcp_env e = host_env(m);
	const bool opening = tcp_state(c) == MINATO_SYN_SENT;

	count_lost(m, v->error);
	if (!(out->segment.flags & TCP_RST))
		tcp_icmp(&e, c, opening ? TCP_ICMP_HARD : TCP_ICMP_SOFT,
			 out->segment.seq, 0, v->error);
}

static enum made make_segment(struct minato *m, struct visit *v, uint32_t n,
			      struct minato_frame_out *frame)
{
	struct socket *s = socket_at(m, v->socket);
	struct tcp_env env = host_env(m);
	struct emission e = { .path = &v->path };
	struct tcp_emit out;

	if (s->tuple == STACK_NONE || !tcp_next(&env, &s->body.tcp, &out)) {
		const uint32_t index = v->socket;
		unmark(m, index);
		v->socket = STACK_NONE;
		flow_settle(m, index);
		return MADE_NOTHING;
	}
	if (v->path.dropped) {
		lose_segment(m, v, &out);
		return MADE_NOTHING;
	}
	describe_segment(s, v, &out, &e);
	return frames_packet(m, &e, n, frame) ? MADE_FRAME : MADE_NOTHING;
}

/* Its turn begins; false: it waits for a MAC and is out of the way. */
static bool begin_visit(struct minato *m, struct visit *v, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	uint32_t neighbour = STACK_NONE;

	*v = (struct visit){ .socket = index };
	if (s->proto != MINATO_TCP || s->tuple == STACK_NONE)
		return true;
	slots_key(m, s, &v->key);
	v->error = find_path(m, s->scope, STACK_LINK_ANY, &v->key.remote,
			     &v->path, &neighbour);
	if (v->error != EAGAIN)
		return true;
	neighbour_park(m, neighbour, index);
	v->socket = STACK_NONE;
	return false;
}

static enum made make_from_socket(struct minato *m, struct visit *v, uint32_t n,
				  struct minato_frame_out *frame)
{
	const uint32_t index = m->dirty.head;

	if (v->socket != index && !begin_visit(m, v, index))
		return MADE_NOTHING;
	if (v->frames++ >= STACK_VISIT_FRAMES && m->dirty.count > 1) {
		list_remove(m, &m->dirty, LIST_OUTPUT, index);
		list_append(m, &m->dirty, LIST_OUTPUT, index);
		v->socket = STACK_NONE;
		return MADE_NOTHING;
	}
	if (socket_at(m, index)->proto == MINATO_TCP)
		return make_segment(m, v, n, frame);
	return make_datagram(m, v, n, frame);
}

static enum made make_next(struct minato *m, struct visit *v, uint32_t n,
			   struct minato_frame_out *frame)
{
	if (m->splitting.next < m->splitting.count) {
		frames_split(m, n, frame);
		return MADE_FRAME;
	}
	if (m->fragmenting.active)
		return fragment_out_next(m, n, frame) ? MADE_FRAME :
							MADE_NOTHING;
	if (m->control.count > 0)
		return make_message(m, messages_pop(m, &m->control), n, frame);
	if (m->dirty.count > 0)
		return make_from_socket(m, v, n, frame);
	return MADE_END;
}

/* Writes frames [n, count) of our own as far as some are due; returns n. */
static uint32_t make_own(struct minato *m, struct visit *v, uint32_t n,
			 struct minato_frame_out *frames, uint32_t count)
{
	enum made made = MADE_NOTHING;

	while (n < count && made != MADE_END) {
		made = make_next(m, v, n, &frames[n]);
		if (made == MADE_FRAME)
			n++;
	}
	return n;
}

static uint32_t turn_end(uint32_t n, uint32_t count)
{
	return count - n > PASS_TURN ? n + PASS_TURN : count;
}

/* Of a gateway: ours and what is handed on take turns, so that no flow of
   either keeps the others waiting. */
static uint32_t make_both(struct minato *m, struct visit *v,
			  struct minato_frame_out *frames, uint32_t count)
{
	uint32_t before, n = 0;

	do {
		before = n;
		n = make_own(m, v, n, frames, turn_end(n, count));
		n = pass_output(m, n, frames, turn_end(n, count));
	} while (n < count && n != before);
	return n;
}

size_t output_frames(struct minato *m, struct minato_time now,
		     struct minato_frame_out *frames, size_t count)
{
	struct visit v = { .socket = STACK_NONE };

	host_advance(m, now);
	queue_clear(&m->payload, &m->spent);
	pass_spent(m);
	if (m->splitting.count == 0 || m->splitting.gathered == 0)
		m->gather_used = false;
	if (count > STACK_OUTPUT_MAX)
		count = STACK_OUTPUT_MAX;
	if (host_nat(m) != NULL)
		return make_both(m, &v, frames, (uint32_t)count);
	return make_own(m, &v, 0, frames, (uint32_t)count);
}
