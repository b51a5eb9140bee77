/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Half-open calls of listeners that decide by themselves (RFC 4987).
 *
 *    SYN --> a record is free? --- yes --> record and tuple; SYN-ACK,
 *                  |                       repeated after 1, 2, 4 .. s
 *                  no                                |
 *                  v                                 v
 *            SYN-ACK with a cookie, nothing kept    ACK --> connection
 *                                                    ^
 *            ACK for the listener that meets nothing |
 *            and answers a cookie of ours -----------+
 *
 * A flood fills the records, and from then on costs an answer for each SYN and
 * nothing else; who is there and answers is served all the same. What a cookie
 * cannot do: a SYN-ACK that is lost is sent again only when the SYN is, and
 * when the ACK is lost the peer must be the first to speak (its data bring the
 * cookie again).
 */
#include "stack/stack.h"

_Static_assert(sizeof(struct half) <= 48, "a half-open call");

#define HALF_CHALLENGES 10u /* of one call in its life (RFC 5961 7) */
#define COOKIES_NS (2 * (int64_t)TCP_COOKIE_EPOCH_S * NS_PER_S)

static struct half *half_at(const struct minato *m, uint32_t at)
{
	return pool_at(&m->halves.pool, at);
}

/* Which records are in use: those that are not must not be looked at. */
static uint64_t *live_word(const struct minato *m, uint32_t at)
{
	return (uint64_t *)host_at(m, m->half_live) + at / 64;
}

void halves_init(struct minato *m, void *memory, uint32_t count)
{
	pool_init(&m->halves.pool, memory, sizeof(struct half), count);
	for (uint32_t i = 0; i < HALF_STAGES; i++)
		m->halves.stage[i] =
			(struct half_stage){ STACK_NONE, STACK_NONE };
}

/* --- lists: by repetitions, so that each is in the order of its ends ------ */

static void enlist(struct minato *m, uint32_t at)
{
	struct half *h = half_at(m, at);
	struct half_stage *stage = &m->halves.stage[h->tries];

	h->next = STACK_NONE;
	h->prev = stage->tail;
	if (stage->tail == STACK_NONE)
		stage->head = at;
	else
		half_at(m, stage->tail)->next = at;
	stage->tail = at;
}

static void delist(struct minato *m, const struct half *h)
{
	struct half_stage *stage = &m->halves.stage[h->tries];

	if (h->prev == STACK_NONE)
		stage->head = h->next;
	else
		half_at(m, h->prev)->next = h->next;
	if (h->next == STACK_NONE)
		stage->tail = h->prev;
	else
		half_at(m, h->next)->prev = h->prev;
}

/* Without its tuple, which is another's now or gone. */
static void give(struct minato *m, uint32_t at)
{
	delist(m, half_at(m, at));
	*live_word(m, at) &= ~(UINT64_C(1) << at % 64);
	pool_give(&m->halves.pool, at);
}

static void forget(struct minato *m, uint32_t at)
{
	port_tuple_remove(host_table(m), half_at(m, at)->tuple);
	give(m, at);
}

static struct minato_time said_at(const struct half *h)
{
	return (struct minato_time){
		h->due_ns - (int64_t)tcp_half_wait_s(h->tries) * NS_PER_S
	};
}

/* --- what is said --------------------------------------------------------- */

static const struct tcp *listener_of(const struct minato *m,
				     const struct half *h)
{
	return &socket_at(m, h->listener)->body.tcp;
}

static void say(struct minato *m, const struct half *h, enum tcp_half_says what)
{
	struct tcp_env e = host_env(m);
	struct tcp_setup setup;
	struct tcp_emit out;
	struct port_key key;

	port_tuple_key(host_table(m), h->tuple, &key);
	if (!flow_setup(m, &key, &setup))
		return;
	tcp_half_say(&e, listener_of(m, h), &setup, &h->tcp, what, &out);
	icmp_out_emit(m, &key, &out);
}

/* --- a SYN ---------------------------------------------------------------- */

static enum drop send_cookie(struct minato *m, const struct arrival *a,
			     const struct tcp *listener,
			     const struct tcp_setup *setup,
			     struct tcp_half *call)
{
	struct tcp_env e = host_env(m);
	struct tcp_emit out;

	tcp_cookie_say(&e, listener, setup, call, &out);
	icmp_out_emit(m, &a->key, &out);
	m->halves.cookies_until = time_after(m->now, COOKIES_NS);
	host_count(m, COUNTER_COOKIES_SENT);
	return DROP_NONE;
}

/* The one that was repeated most often, and of these the oldest. */
static void make_room(struct minato *m)
{
	for (uint32_t i = HALF_STAGES; i-- > 0;) {
		const uint32_t at = m->halves.stage[i].head;
		if (at == STACK_NONE)
			continue;
		host_count(m, COUNTER_HALF_OPEN_VICTIM);
		forget(m, at);
		return;
	}
}

/* False: no record or no tuple is to be had. */
static bool keep(struct minato *m, const struct arrival *a, uint32_t listener,
		 const struct tcp_half *call)
{
	const uint32_t at = pool_take(&m->halves.pool);
	const struct port_tuple_ref ref = {
		.owner = at,
		.class = TUPLE_HALF,
		.exclusive =
			!(socket_at(m, listener)->flags & SOCKET_REUSEADDR),
	};
	int64_t tuple;

	if (at == POOL_NONE)
		return false;
	tuple = port_tuple_insert(host_table(m), &a->key, ref);
	if (tuple < 0) {
		pool_give(&m->halves.pool, at);
		return false;
	}
	*half_at(m, at) = (struct half){
		.tuple = (uint32_t)tuple,
		.listener = listener,
		.tcp = *call,
		.due_ns = time_after(m->now, tcp_half_wait_s(0) * NS_PER_S).ns,
	};
	*live_word(m, at) |= UINT64_C(1) << at % 64;
	enlist(m, at);
	return true;
}

enum drop halves_syn(struct minato *m, const struct arrival *a,
		     uint32_t listener)
{
	const struct tcp *c = &socket_at(m, listener)->body.tcp;
	struct tcp_env e = host_env(m);
	struct tcp_setup setup;
	struct tcp_half call;
	struct tcp_emit out;

	if (!share_allows(m, &a->key.remote))
		return DROP_SOURCE;
	if (calls_backlog_full(m, socket_at(m, listener), &a->key.remote))
		return DROP_BACKLOG;
	if (!flow_setup(m, &a->key, &setup))
		return DROP_NO_ROUTE;
	deliver_learn(m, &a->packet);
	if (m->reopen.valid) {
		/* A cookie cannot lie above the last number (RFC 6191). */
		setup.above = true;
		setup.isn_above = m->reopen.above;
		if (m->halves.pool.used == m->halves.pool.capacity)
			make_room(m);
	}
	tcp_half_begin(&e, c, &setup, &a->packet.tcp, &call);
	if (!keep(m, a, listener, &call))
		return send_cookie(m, a, c, &setup, &call);
	tcp_half_say(&e, c, &setup, &call, TCP_HALF_SYN, &out);
	icmp_out_emit(m, &a->key, &out);
	return DROP_NONE;
}

/* --- an ACK: the call becomes a connection -------------------------------- */

/* `at`: its record, or STACK_NONE: it was a cookie. */
static enum drop complete(struct minato *m, const struct arrival *a,
			  const struct half *h, uint32_t at)
{
	struct tcp_env e = host_env(m);
	struct tcp_setup setup;
	uint32_t index;
	enum drop drop;

	if (!share_allows(m, &a->key.remote))
		return DROP_SOURCE;
	if (!flow_setup(m, &a->key, &setup))
		return DROP_NO_ROUTE;
	if (!calls_backlog_room(m, socket_at(m, h->listener), &a->key.remote))
		return DROP_BACKLOG;
	share_make_room(m, &a->key.remote);
	drop = calls_child(m, &a->key, h->listener, h->tuple, &index);
	if (drop != DROP_NONE)
		return drop;
	tcp_half_open(&e, &socket_at(m, index)->body.tcp, listener_of(m, h),
		      &setup, &h->tcp,
		      at == STACK_NONE ? MINATO_NEVER : said_at(h), h->tries);
	if (at == STACK_NONE)
		host_count(m, COUNTER_COOKIES_TAKEN);
	else
		give(m, at);
	drop = flow_arrive(m, index, a);
	calls_bound(m);
	return drop;
}

enum drop halves_arrive(struct minato *m, uint32_t at, const struct arrival *a)
{
	struct half *h = half_at(m, at);
	const struct half copy = *h;

	switch (tcp_half_arrive(&h->tcp, &a->packet.tcp)) {
	case TCP_HALF_DROP:
		return DROP_TCP_FLAGS;
	case TCP_HALF_REPEAT:
		tcp_half_again(&h->tcp, &a->packet.tcp);
		say(m, h, TCP_HALF_SYN);
		return DROP_TCP_SYN;
	case TCP_HALF_CHALLENGE:
		if (h->challenges < HALF_CHALLENGES) {
			h->challenges++;
			say(m, h, TCP_HALF_ACK);
		}
		return DROP_TCP_SEQUENCE;
	case TCP_HALF_REFUSE:
		icmp_out_reset(m, &a->packet);
		return DROP_TCP_ACK;
	case TCP_HALF_END:
		evidence_half(m, &a->packet, seq_add(h->tcp.iss, 1));
		forget(m, at);
		return DROP_NONE;
	case TCP_HALF_OPEN:
		break;
	}
	return complete(m, a, &copy, at);
}

bool halves_cookie(struct minato *m, const struct arrival *a, uint32_t listener,
		   enum drop *drop)
{
	struct half h = { .tuple = STACK_NONE, .listener = listener };
	struct tcp_env e = host_env(m);
	struct tcp_setup setup;

	if (time_reached(m->now, m->halves.cookies_until) ||
	    !flow_setup(m, &a->key, &setup))
		return false;
	if (!tcp_cookie_open(&e, &setup, &a->packet.tcp, &h.tcp)) {
		host_count(m, COUNTER_COOKIES_FAILED);
		return false;
	}
	deliver_learn(m, &a->packet);
	*drop = complete(m, a, &h, STACK_NONE);
	return true;
}

/* --- time, and the end of the listener ----------------------------------- */

static void repeat(struct minato *m, uint32_t at)
{
	struct half *h = half_at(m, at);
	const uint32_t wait_s = tcp_half_wait_s(h->tries + 1u);

	if (wait_s == 0) {
		forget(m, at);
		return;
	}
	delist(m, h);
	h->tries++;
	h->due_ns = time_after(m->now, wait_s * NS_PER_S).ns;
	enlist(m, at);
	say(m, h, TCP_HALF_SYN);
}

void halves_expire(struct minato *m)
{
	for (uint32_t i = HALF_STAGES; i-- > 0;) {
		const struct half_stage *stage = &m->halves.stage[i];
		while (stage->head != STACK_NONE &&
		       half_at(m, stage->head)->due_ns <= m->now.ns)
			repeat(m, stage->head);
	}
}

struct minato_time halves_deadline(const struct minato *m)
{
	struct minato_time at = MINATO_NEVER;

	for (uint32_t i = 0; i < HALF_STAGES; i++) {
		const uint32_t head = m->halves.stage[i].head;
		if (head != STACK_NONE)
			at = time_min(at, (struct minato_time){
						  half_at(m, head)->due_ns });
	}
	return at;
}

void halves_drop(struct minato *m, uint32_t listener)
{
	for (uint32_t i = 0; i < HALF_STAGES; i++) {
		uint32_t next;
		for (uint32_t at = m->halves.stage[i].head; at != STACK_NONE;
		     at = next) {
			const struct half *h = half_at(m, at);
			next = h->next;
			if (h->listener != listener)
				continue;
			say(m, h, TCP_HALF_RESET);
			forget(m, at);
		}
	}
}

bool halves_next(const struct minato *m, uint64_t *position, struct half *out)
{
	for (; *position < m->halves.pool.fresh; ++*position) {
		const uint32_t at = (uint32_t)*position;
		if ((*live_word(m, at) >> at % 64 & 1) == 0)
			continue;
		*out = *half_at(m, at);
		return true;
	}
	return false;
}

struct minato_time halves_since(const struct half *h)
{
	/* Its waits so far: 1, 2, 4 .. s. */
	const int64_t waits_s = ((int64_t)1 << (h->tries + 1)) - 1;

	return (struct minato_time){ h->due_ns - waits_s * NS_PER_S };
}
