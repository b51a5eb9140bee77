/* SPDX-License-Identifier: BSD-2-Clause */
/* Lends active blocks, records and options to connections. */
#include "tcp/engine.h"

/* Enough for all of a few large windows, and for some of every one. */
#define RECORDS_PER_ACTIVE 8u
#define RECORDS_EXTRA TCP_RECORDS_MAX
#define HOLES_PER_ACTIVE 4u
#define HOLES_EXTRA TCP_HOLES_MAX
/* Blocks at rest kept before the oldest is given back. */
#define REST_MAX 1024u

static const struct tcp_extra defaults = {
	.linger_s = -1,
	.keep_idle_s = 7200, /* MUST-28 */
	.keep_interval_s = 75,
	.keep_count = 9,
	.linger2_s = 60,
	.syn_tries = TCP_TRIES_SYN,
	.data_tries = TCP_TRIES_DATA,
	.rcvlowat = 1,
	.notsent_lowat = UINT32_MAX,
	.wscale = -2,
	.ttl = 64,
	.ecn = MINATO_ECN_ACCEPT,
};

static uint32_t records_of(uint32_t active_max)
{
	return active_max * RECORDS_PER_ACTIVE + RECORDS_EXTRA;
}

static uint32_t holes_of(uint32_t active_max)
{
	return active_max * HOLES_PER_ACTIVE + HOLES_EXTRA;
}

size_t tcp_shared_bytes(uint32_t active_max)
{
	return pool_bytes(sizeof(struct tcp_active), active_max) +
	       pool_bytes(sizeof(struct tcp_record), records_of(active_max)) +
	       pool_bytes(sizeof(struct tcp_extra), active_max) +
	       pool_bytes(sizeof(struct tcp_hole), holes_of(active_max));
}

static char *lay_pool(struct pool *p, char *at, uint32_t size, uint32_t count)
{
	pool_init(p, at, size, count);
	return at + pool_bytes(size, count);
}

void tcp_shared_init(struct tcp_shared *s, void *memory, uint32_t active_max,
		     const struct hash_key *secret)
{
	char *at = memory;

	check(active_max > 0 && active_max < 1u << 28);
	at = lay_pool(&s->active, at, sizeof(struct tcp_active), active_max);
	at = lay_pool(&s->records, at, sizeof(struct tcp_record),
		      records_of(active_max));
	at = lay_pool(&s->extras, at, sizeof(struct tcp_extra), active_max);
	at = lay_pool(&s->holes, at, sizeof(struct tcp_hole),
		      holes_of(active_max));
	check((size_t)(at - (char *)memory) == tcp_shared_bytes(active_max));
	s->rest_first = POOL_NONE;
	s->rest_last = POOL_NONE;
	s->rest_count = 0;
	s->secret = *secret;
	random_init(&s->random, secret, 0x746370);
}

static struct tcp_active *block_at(const struct tcp_shared *s, uint32_t index)
{
	return pool_at(&s->active, index);
}

static void rest_remove(struct tcp_shared *s, struct tcp_active *a)
{
	check(a->resting && s->rest_count > 0);
	if (a->rest_prev == POOL_NONE)
		s->rest_first = a->rest_next;
	else
		block_at(s, a->rest_prev)->rest_next = a->rest_next;
	if (a->rest_next == POOL_NONE)
		s->rest_last = a->rest_prev;
	else
		block_at(s, a->rest_next)->rest_prev = a->rest_prev;
	a->resting = false;
	s->rest_count--;
}

static void rest_add(struct tcp_shared *s, struct tcp_active *a, uint32_t index)
{
	check(!a->resting);
	a->rest_next = POOL_NONE;
	a->rest_prev = s->rest_last;
	if (s->rest_last == POOL_NONE)
		s->rest_first = index;
	else
		block_at(s, s->rest_last)->rest_next = index;
	s->rest_last = index;
	a->resting = true;
	s->rest_count++;
}

/* The connection that has rested longest goes on without its block. */
static void reclaim(struct tcp_env *e)
{
	struct tcp_active *victim = block_at(e->shared, e->shared->rest_first);
	struct tcp *owner =
		(struct tcp *)(void *)((char *)e->shared + victim->owner);

	check(owner->active == e->shared->rest_first);
	block_give(e, owner);
}

static void block_init(struct tcp_env *e, struct tcp *c, struct tcp_active *a)
{
	memset(a, 0, sizeof(*a));
	a->owner = (char *)c - (char *)e->shared;
	queue_init(&a->sendq);
	queue_init(&a->recvq);
	a->first = POOL_NONE;
	a->last = POOL_NONE;
	a->hint = POOL_NONE;
	a->holes_first = POOL_NONE;
	a->reordering = TCP_REORDERING;
	a->timer_at = MINATO_NEVER;
	a->written_push = c->snd_nxt;
	a->pushed = c->snd_nxt;
	a->small_end = c->snd_una;
	a->usage_end = c->snd_una;
	a->undo.marker = c->snd_una;
	a->rack.steps = 1;
	a->delivered = 1; /* the SYN */
	a->cwnd_ns = e->now.ns;
	a->rcv_space = extra_of(e, c)->rcvbuf;
	if (a->rcv_space == 0)
		a->rcv_space = TCP_BUFFER_FIRST;
	/* What is counted are bytes, and their FIN is none. */
	a->tuning.copied = seq_add(c->rcv_nxt, 0u - c->fin_seen);
	a->tuning.space_seq = c->rcv_nxt;
	a->tuning.rtt_seq = seq_add(c->rcv_nxt, c->rcv_wnd);
	a->tuning.space_ns = e->now.ns;
	a->tuning.rtt_ns = e->now.ns;
	a->rcv_ssthresh = c->rcv_wnd;
	a->tuning.space = umin(c->rcv_wnd, TCP_INITIAL_WINDOW * emit_mss(e, c));
	rtt_block(c, a);
	delay_init(e, c, &a->delay);
}

struct tcp_active *block_take(struct tcp_env *e, struct tcp *c)
{
	uint32_t index;

	if (c->active != POOL_NONE)
		return active_of(e, c);
	if (e->no_block)
		return NULL;
	if (e->shared->rest_count >= REST_MAX)
		reclaim(e);
	index = pool_take(&e->shared->active);
	if (index == POOL_NONE && e->shared->rest_count > 0) {
		reclaim(e);
		index = pool_take(&e->shared->active);
	}
	if (index == POOL_NONE)
		return NULL;
	block_init(e, c, block_at(e->shared, index));
	c->active = index;
	return active_of(e, c);
}

/* Nothing is queued, in flight, out of order, owed or timed. */
static bool is_at_rest(const struct tcp_active *a)
{
	return a->sendq.bytes == 0 && a->recvq.bytes == 0 &&
	       a->first == POOL_NONE && a->holes_first == POOL_NONE &&
	       !a->fin_waits && !a->delay.owed && a->timer == TIMER_NONE &&
	       a->urgent_state == URGENT_NONE;
}

void block_settle(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	bool rest;

	if (a == NULL)
		return;
	rest = is_at_rest(a);
	if (a->resting && !rest)
		rest_remove(e->shared, a);
	else if (!a->resting && rest)
		rest_add(e->shared, a, c->active);
}

void block_give(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (a == NULL)
		return;
	if (a->resting)
		rest_remove(e->shared, a);
	board_clear(e, a);
	reassemble_clear(e, a);
	queue_clear(e->payload, &a->sendq);
	queue_clear(e->payload, &a->recvq);
	pool_give(&e->shared->active, c->active);
	c->active = POOL_NONE;
}

static uint64_t bytes_of(const struct pool *p, uint32_t slots)
{
	return (uint64_t)slots * p->slot_size;
}

bool block_memory_low(const struct tcp_env *e, uint32_t parts)
{
	const struct pool *large = &e->payload->large;
	const struct pool *small = &e->payload->small;
	const uint64_t all = bytes_of(large, large->capacity) +
			     bytes_of(small, small->capacity);
	const uint64_t used =
		bytes_of(large, large->used) + bytes_of(small, small->used);

	return all - used < all / parts;
}

const struct tcp_extra *extra_of(const struct tcp_env *e, const struct tcp *c)
{
	return c->extra == POOL_NONE ? &defaults :
				       pool_at(&e->shared->extras, c->extra);
}

struct tcp_extra *extra_own(struct tcp_env *e, struct tcp *c)
{
	struct tcp_extra *mine;
	uint32_t index;

	if (c->extra != POOL_NONE) {
		mine = pool_at(&e->shared->extras, c->extra);
		if (mine->refs == 1)
			return mine;
	}
	index = pool_take(&e->shared->extras);
	if (index == POOL_NONE)
		return NULL;
	mine = pool_at(&e->shared->extras, index);
	*mine = *extra_of(e, c);
	mine->refs = 1;
	extra_drop(e, c);
	c->extra = index;
	return mine;
}

void extra_share(struct tcp_env *e, struct tcp *c, const struct tcp *from)
{
	struct tcp_extra *shared;

	check(c->extra == POOL_NONE);
	if (from->extra == POOL_NONE)
		return;
	shared = pool_at(&e->shared->extras, from->extra);
	check(shared->refs > 0 && shared->refs < UINT32_MAX);
	shared->refs++;
	c->extra = from->extra;
}

void extra_drop(struct tcp_env *e, struct tcp *c)
{
	struct tcp_extra *shared;

	if (c->extra == POOL_NONE)
		return;
	shared = pool_at(&e->shared->extras, c->extra);
	check(shared->refs > 0);
	if (--shared->refs == 0)
		pool_give(&e->shared->extras, c->extra);
	c->extra = POOL_NONE;
}
