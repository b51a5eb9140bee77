/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection between the port table and tcp: segments in, and what tcp says
 * happened turned into marks, timers and events.
 */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

/* What its owner hears of. */
#define NEWS                                                                   \
	(TCP_SIGNAL_CONNECTED | TCP_SIGNAL_DATA | TCP_SIGNAL_FIN |             \
	 TCP_SIGNAL_DRAINED | TCP_SIGNAL_ERROR | TCP_SIGNAL_URGENT |           \
	 TCP_SIGNAL_TIME_WAIT | TCP_SIGNAL_DEAD)

#define TICK_NS (INT64_C(1) << WHEEL_TICK_SHIFT)

/* --- timers ------------------------------------------------------------- */

static struct minato_time deadline_of(struct minato *m, const struct socket *s)
{
	struct tcp_env e = host_env(m);

	return time_min(tcp_deadline(&e, &s->body.tcp), calls_deadline(m, s));
}

/* The timer is lazy: to a later instant it moves by itself on expiry. */
static void arm(struct minato *m, uint32_t index)
{
	const struct wheel_link *links = host_at(m, m->links);
	const struct minato_time at = deadline_of(m, socket_at(m, index));
	uint64_t tick;

	if (at.ns == MINATO_NEVER.ns)
		return;
	tick = ((uint64_t)(at.ns > 0 ? at.ns : 0) >> WHEEL_TICK_SHIFT) + 1;
	if (links[index].tick == 0 || tick < links[index].tick)
		wheel_arm(&m->wheel, index, at);
}

void flow_expire(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	struct minato_time at;

	if (time_reached(m->now, calls_deadline(m, s)) &&
	    !calls_expire(m, index))
		return;
	if (time_reached(m->now, tcp_deadline(&e, &s->body.tcp)))
		tcp_expire(&e, &s->body.tcp);
	at = deadline_of(m, s);
	/* Time goes on, also for a deadline that did not. */
	if (time_reached(m->now, at))
		at = time_after(m->now, TICK_NS);
	wheel_arm(&m->wheel, index, at);
	flow_settle(m, index);
}

/* --- after every call into tcp ------------------------------------------ */

static bool is_writable(struct minato *m, const struct socket *s)
{
	struct tcp_env e = host_env(m);
	struct minato_counts counts;

	tcp_counts(&e, &s->body.tcp, &counts);
	return counts.room > 0 && counts.room >= counts.unacked / 2;
}

static void tell(struct minato *m, uint32_t index, uint32_t signals)
{
	struct socket *s = socket_at(m, index);

	if (signals & TCP_SIGNAL_ERROR)
		s->flags |= SOCKET_ERROR;
	if (signals & TCP_SIGNAL_URGENT)
		s->flags |= SOCKET_URGENT;
	if ((s->flags & SOCKET_DEFER) &&
	    (signals & (TCP_SIGNAL_DATA | TCP_SIGNAL_FIN)))
		calls_admit(m, index);
	if ((signals & NEWS) ||
	    ((signals & TCP_SIGNAL_ROOM) && is_writable(m, s)))
		events_raise(m, index);
}

/* CLOSED with nothing left to send: the tuple is free for others. */
static void end(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);

	slots_drop_tuple(m, s);
	wheel_cancel(&m->wheel, index);
	if (s->flags & SOCKET_CALL)
		calls_ended(m, index);
	else if (!(s->flags & SOCKET_OWNED))
		slots_give(m, index);
}

void flow_settle(struct minato *m, uint32_t index)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	const uint32_t signals = tcp_signals(&s->body.tcp);

	tcp_check(&e, &s->body.tcp);
	if (s->tuple == STACK_NONE)
		return;
	share_weigh(m, index);
	if (signals & TCP_SIGNAL_OUTPUT)
		output_mark(m, index);
	if (signals & TCP_SIGNAL_TIMER)
		arm(m, index);
	if (signals & TCP_SIGNAL_CONNECTED) {
		s->flags |= SOCKET_OPENED;
		/* Until now it might have failed: then its address stays. */
		slots_drop_detail(m, s);
		if (s->flags & SOCKET_CALL) {
			evidence_complete(m, s);
			calls_complete(m, index);
		}
	}
	tell(m, index, signals);
	if (tcp_dead(&s->body.tcp))
		end(m, index);
	else if (tcp_state(&s->body.tcp) == MINATO_TIME_WAIT &&
		 !(s->flags & (SOCKET_OWNED | SOCKET_OUTPUT)))
		waits_enter(m, index);
}

/* --- segments ----------------------------------------------------------- */

/* Bytes before the payload's place in a leased chunk, where it is kept. */
static void locate(const struct minato *m, const struct arrival *a,
		   struct tcp_payload *out)
{
	const struct packet *p = &a->packet;

	*out = (struct tcp_payload){
		.data = p->payload,
		.len = p->payload_len,
		.chunk = MINATO_CHUNK_NONE,
		.gso_size = p->gso_size,
		.traffic_class = p->traffic_class,
	};
	if (a->frame->chunk == MINATO_CHUNK_NONE ||
	    p->payload_len < STACK_REFERENCE_MIN)
		return;
	out->chunk = a->frame->chunk;
	out->offset =
		(uint32_t)(p->payload - chunk_at(&m->payload, a->frame->chunk));
}

void flow_class(struct minato *m, uint32_t index, uint8_t traffic_class)
{
	struct socket *s = socket_at(m, index);
	const uint32_t mask = SOCKET_PEER_CLASS_MASK;
	/* ECN is each segment's own (RFC 3168 6.1). */
	const uint32_t class = (uint32_t)(traffic_class & 0xfc)
			       << SOCKET_PEER_CLASS_SHIFT;

	if ((s->flags & mask) == class)
		return;
	s->flags = (s->flags & ~mask) | class | SOCKET_CLASS;
	if (s->flags & SOCKET_OWNED)
		events_raise(m, index);
}

static struct evidence_before state_before(const struct socket *s)
{
	const struct tcp *c = &s->body.tcp;

	return (struct evidence_before){
		.open = tcp_state(c) != MINATO_SYN_RECEIVED,
		.held = (s->flags & SOCKET_HELD) != 0,
		.our_next = tcp_number(c).v,
	};
}

enum drop flow_arrive(struct minato *m, uint32_t index, const struct arrival *a)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);
	struct tcp_payload payload;
	struct evidence_before before;
	enum drop drop;

	/* Its RST waits to go out; the peer will hear of it. */
	if (tcp_state(&s->body.tcp) == MINATO_CLOSED)
		return DROP_TCP_CLOSED;
	if ((a->packet.tcp.flags & (TCP_ACK | TCP_RST)) == TCP_ACK &&
	    calls_full(m, s))
		return DROP_BACKLOG;
	const bool untouched = tcp_untouched(&s->body.tcp);
	if (untouched)
		before = state_before(s);
	locate(m, a, &payload);
	e.no_block = !share_lends(m, index);
	drop = tcp_arrive(&e, &s->body.tcp, &a->packet.tcp, &payload);
	if (untouched)
		evidence_first(m, &a->packet, &before, s);
	if (drop == DROP_NONE)
		flow_class(m, index, a->packet.traffic_class);
	flow_settle(m, index);
	return drop;
}

bool flow_reopen(struct minato *m, uint32_t index, const struct arrival *a)
{
	struct socket *s = socket_at(m, index);
	const struct tcp_env e = host_env(m);
	struct tcp_time_wait waiting;
	struct tcp_segment reply;

	if (tcp_state(&s->body.tcp) != MINATO_TIME_WAIT)
		return false;
	tcp_to_time_wait(&s->body.tcp, &waiting);
	if (tcp_time_wait_arrive(&waiting, &e, &a->packet.tcp,
				 a->packet.payload_len,
				 &reply) != TCP_TW_REOPEN)
		return false;
	host_count(m, COUNTER_TIME_WAIT_REUSED);
	m->reopen = (struct reopening){ true, waiting.snd_nxt };
	/* What is still to be read there stays readable. */
	slots_drop_tuple(m, s);
	if (!(s->flags & SOCKET_OWNED))
		slots_give(m, index);
	return true;
}

/* --- begin and end ------------------------------------------------------ */

bool flow_setup(struct minato *m, const struct port_key *key,
		struct tcp_setup *out)
{
	struct next_hop hop;
	/* Laid out by hand: what is hashed must have no padding. */
	uint8_t bytes[16 + 16 + 2 + 2 + 1];

	if (!route_find(m, key->scope, STACK_LINK_ANY, &key->remote, &hop))
		return false;
	memcpy(bytes, key->local.bytes, 16);
	memcpy(bytes + 16, key->remote.bytes, 16);
	bytes[32] = (uint8_t)(key->local_port >> 8);
	bytes[33] = (uint8_t)key->local_port;
	bytes[34] = (uint8_t)(key->remote_port >> 8);
	bytes[35] = (uint8_t)key->remote_port;
	bytes[36] = key->scope;
	*out = (struct tcp_setup){
		.mtu = pmtu_of(m, hop.link, &key->remote),
		.is6 = !minato_addr_is4(&key->remote),
		.tuple_hash = hash_strong(&m->tuple_key, bytes, 32) << 32 |
			      (uint32_t)hash_strong(&m->tuple_key, bytes,
						    sizeof(bytes)),
	};
	/* Largest IP packet less its header and a full TCP header. */
	out->gso_max = UINT16_MAX - 60 - (out->is6 ? 0 : 20);
	return true;
}

void flow_release(struct minato *m, uint32_t index, bool abort)
{
	struct socket *s = socket_at(m, index);
	struct tcp_env e = host_env(m);

	s->flags &= ~SOCKET_OWNED;
	if (s->flags & SOCKET_EVENT) {
		list_remove(m, &m->events, LIST_EVENT, index);
		s->flags &= ~SOCKET_EVENT;
	}
	if (s->tuple == STACK_NONE) {
		slots_give(m, index);
		return;
	}
	if (abort)
		tcp_abort(&e, &s->body.tcp);
	else
		tcp_close(&e, &s->body.tcp);
	flow_settle(m, index);
}
