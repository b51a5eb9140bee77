/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts what came back in order: in-order bytes go to the receive queue, others
 * wait in stretches ("holes" are what they leave), and both SACK and DSACK
 * blocks are made from them (RFC 2018, RFC 2883).
 *
 *	recvq           stretch        stretch
 *	[======]........[=====]........[==]
 *	     rcv_nxt
 */
#include "tcp/engine.h"

/* Payload that fills so much of its chunk is kept there, not copied. */
#define HOLD_MIN (MINATO_CHUNK_LARGE / 8)

static struct tcp_hole *hole_at(const struct tcp_env *e, uint32_t index)
{
	return pool_at(&e->shared->holes, index);
}

static struct seq hole_end(const struct tcp_hole *h)
{
	return seq_add(h->start, h->queue.bytes);
}

void reassemble_clear(struct tcp_env *e, struct tcp_active *a)
{
	while (a->holes_first != POOL_NONE) {
		const uint32_t index = a->holes_first;
		struct tcp_hole *h = hole_at(e, index);
		queue_clear(e->payload, &h->queue);
		a->holes_first = h->next;
		pool_give(&e->shared->holes, index);
	}
	a->holes = 0;
	a->fin_waits = false;
}

/* RFC 2883 4: the first block of the next ACK. */
void reassemble_duplicate(struct tcp_env *e, struct tcp *c, struct seq start,
			  struct seq end)
{
	struct tcp_active *a = active_of(e, c);

	if (a == NULL || !c->sack_ok || !seq_lt(start, end))
		return;
	if (a->dsack && seq_eq(a->dsack_end, start)) {
		a->dsack_end = end;
		return;
	}
	a->dsack = true;
	a->dsack_start = start;
	a->dsack_end = end;
	a->stats.dsack++;
}

/* Appends payload bytes [skip, skip + len). Returns how many were kept. */
static uint32_t keep(struct tcp_env *e, struct queue *q,
		     const struct tcp_payload *p, uint32_t skip, uint32_t len)
{
	if (p->chunk == MINATO_CHUNK_NONE || len < HOLD_MIN)
		return queue_append_copy(e->payload, q, p->data + skip, len);
	chunk_hold(e->payload, p->chunk);
	return queue_append(e->payload, q, p->chunk, p->offset + skip, len) ?
		       len :
		       0;
}

/* --- in order ------------------------------------------------------------ */

static void advance(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);

	c->rcv_nxt = seq_add(c->rcv_nxt, len);
	c->bytes_received += len;
	if (c->read_shut)
		a->tuning.copied = c->rcv_nxt;
	else
		c->signals |= TCP_SIGNAL_DATA;
}

/* Stretches that rcv_nxt has reached join the queue. */
static void close_holes(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	while (a->holes_first != POOL_NONE) {
		const uint32_t index = a->holes_first;
		struct tcp_hole *h = hole_at(e, index);
		uint32_t old;

		if (seq_lt(c->rcv_nxt, h->start))
			break;
		old = umin(seq_sub(c->rcv_nxt, h->start), h->queue.bytes);
		/* Of several the first is told. */
		if (old > 0 && (!a->dsack || seq_eq(a->dsack_end, h->start)))
			reassemble_duplicate(e, c, h->start,
					     seq_add(h->start, old));
		queue_consume(e->payload, &h->queue, old);
		advance(e, c, h->queue.bytes);
		if (c->read_shut)
			queue_clear(e->payload, &h->queue);
		else
			queue_join(e->payload, &a->recvq, &h->queue);
		a->holes_first = h->next;
		a->holes--;
		pool_give(&e->shared->holes, index);
	}
}

static void finish(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const bool first = c->state == MINATO_ESTABLISHED;

	c->rcv_nxt = seq_add(c->rcv_nxt, 1);
	reassemble_clear(e, a);
	a->delay.owed = true;
	if (first)
		delay_pingpong(e, c);
	else
		c->ack_now = true;
	life_event(e, c, EVENT_FIN_SEEN, 0);
}

/*
 * In-order bytes must find room, or there is no way forward: stretches give
 * way to them. They were only sacked, and may be taken back (RFC 2018 8).
 */
static uint32_t keep_in_order(struct tcp_env *e, struct tcp_active *a,
			      const struct tcp_arrival *in)
{
	uint32_t kept = keep(e, &a->recvq, in->p, in->skip, in->len);

	if (kept == in->len || a->holes == 0)
		return kept;
	reassemble_clear(e, a);
	return kept +
	       keep(e, &a->recvq, in->p, in->skip + kept, in->len - kept);
}

static void in_order(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	struct tcp_active *a = active_of(e, c);
	const bool had_holes = a->holes > 0 || a->fin_waits;
	uint32_t kept = in->len;

	if (in->len > 0) {
		if (!c->read_shut)
			kept = keep_in_order(e, a, in);
		urgent_take(e, c, in);
		advance(e, c, kept);
		delay_received(e, c, in, in->len);
		c->owed_duplicates = 0; /* they told of the old left edge */
	}
	if (kept < in->len) {
		in->why = DROP_MEMORY;
		c->ack_now = true;
		return;
	}
	if (in->fin && !a->fin_waits) {
		a->fin_waits = true;
		a->fin_seq = c->rcv_nxt;
	}
	close_holes(e, c);
	if (had_holes)
		c->ack_now = true; /* RFC 5681 4.2: a gap is filled */
	if (a->fin_waits && seq_eq(c->rcv_nxt, a->fin_seq))
		finish(e, c);
}

/* --- out of order -------------------------------------------------------- */

/* Joins the stretch behind `index` to it when they touch. */
static void merge_next(struct tcp_env *e, struct tcp_active *a, uint32_t index)
{
	struct tcp_hole *h = hole_at(e, index);
	const uint32_t next = h->next;
	struct tcp_hole *n;

	if (next == POOL_NONE)
		return;
	n = hole_at(e, next);
	if (!seq_eq(hole_end(h), n->start))
		return;
	queue_join(e->payload, &h->queue, &n->queue);
	h->next = n->next;
	h->touched = umax(h->touched, n->touched);
	a->holes--;
	pool_give(&e->shared->holes, next);
}

/* A new stretch at `start` behind `before` (POOL_NONE: the first). */
static uint32_t new_hole(struct tcp_env *e, struct tcp_active *a,
			 uint32_t before, struct seq start)
{
	uint32_t *link = before == POOL_NONE ? &a->holes_first :
					       &hole_at(e, before)->next;
	uint32_t index;
	struct tcp_hole *h;

	if (a->holes >= TCP_HOLES_MAX)
		return POOL_NONE;
	index = pool_take(&e->shared->holes);
	if (index == POOL_NONE)
		return POOL_NONE;
	h = hole_at(e, index);
	*h = (struct tcp_hole){ .next = *link, .start = start };
	queue_init(&h->queue);
	*link = index;
	a->holes++;
	return index;
}

static void drop_hole(struct tcp_env *e, struct tcp_active *a, uint32_t before,
		      uint32_t index)
{
	uint32_t *link = before == POOL_NONE ? &a->holes_first :
					       &hole_at(e, before)->next;

	check(*link == index && hole_at(e, index)->queue.bytes == 0);
	*link = hole_at(e, index)->next;
	a->holes--;
	pool_give(&e->shared->holes, index);
}

/*
 * Keeps [at, at + len) behind the stretch `before`, which ends at or before
 * `at`. Returns the stretch that holds it, POOL_NONE when memory is short.
 */
static uint32_t fill(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in,
		     uint32_t before, struct seq at, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t skip = in->skip + seq_sub(at, in->seq);
	uint32_t index = before;
	uint32_t kept;

	if (before == POOL_NONE || !seq_eq(hole_end(hole_at(e, before)), at))
		index = new_hole(e, a, before, at);
	if (index == POOL_NONE) {
		in->why = DROP_MEMORY;
		return POOL_NONE;
	}
	kept = keep(e, &hole_at(e, index)->queue, in->p, skip, len);
	if (kept < len)
		in->why = DROP_MEMORY;
	if (hole_at(e, index)->queue.bytes == 0) {
		drop_hole(e, a, before, index);
		return POOL_NONE;
	}
	hole_at(e, index)->touched = a->touch;
	if (kept == len)
		merge_next(e, a, index);
	return kept == len ? index : POOL_NONE;
}

/* Keeps of the segment what no stretch has yet, and reports what one had. */
static void out_of_order(struct tcp_env *e, struct tcp *c,
			 struct tcp_arrival *in)
{
	struct tcp_active *a = active_of(e, c);
	const struct seq end = seq_add(in->seq, in->len);
	struct seq at = in->seq;
	uint32_t before = POOL_NONE;
	uint32_t index = a->holes_first;

	a->touch++;
	while (seq_lt(at, end)) {
		const struct tcp_hole *h =
			index == POOL_NONE ? NULL : hole_at(e, index);
		struct seq gap_end;

		if (h != NULL && seq_le(h->start, at)) {
			const struct seq had = seq_min(hole_end(h), end);
			if (seq_lt(at, hole_end(h))) {
				reassemble_duplicate(e, c, at, had);
				hole_at(e, index)->touched = a->touch;
				at = had;
			}
			before = index;
			index = h->next;
			continue;
		}
		gap_end = h != NULL ? seq_min(h->start, end) : end;
		before = fill(e, c, in, before, at, seq_sub(gap_end, at));
		if (before == POOL_NONE)
			return;
		/* What it ran into, joined to it by now, came twice. */
		at = seq_min(hole_end(hole_at(e, before)), end);
		reassemble_duplicate(e, c, gap_end, at);
		index = hole_at(e, before)->next;
	}
}

/* The text of a segment, trimmed to the window, goes where it belongs. */
void reassemble(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	struct tcp_active *a = block_take(e, c);

	if (a == NULL) {
		in->why = DROP_MEMORY;
		return;
	}
	if (seq_eq(in->seq, c->rcv_nxt)) {
		in_order(e, c, in);
		return;
	}
	a->stats.ooo_packets += in->segs;
	if (in->len > 0)
		delay_estimate(e, c, in);
	if (block_memory_low(e, 8))
		in->why = DROP_MEMORY;
	else
		out_of_order(e, c, in);
	if (in->fin && in->why == DROP_NONE && !a->fin_waits) {
		a->fin_waits = true;
		a->fin_seq = seq_add(in->seq, in->len);
	}
	/* MAY-13, RFC 5681 4.2: at once, one for each. */
	if (c->owed_duplicates < UINT8_MAX)
		c->owed_duplicates++;
}

/* --- blocks -------------------------------------------------------------- */

/* Inserts a stretch into the newest so far. */
static void rank(const struct tcp_hole *h, uint32_t touched[TCP_SACK_MAX],
		 struct sack_block *block, uint32_t max, uint32_t *count)
{
	uint32_t i = *count < max ? (*count)++ : max;

	if (i == max) {
		if (touched[max - 1] >= h->touched)
			return;
		i = max - 1;
	}
	for (; i > 0 && touched[i - 1] < h->touched; i--) {
		touched[i] = touched[i - 1];
		block[i] = block[i - 1];
	}
	touched[i] = h->touched;
	block[i] = (struct sack_block){ h->start, hole_end(h) };
}

void reassemble_blocks(struct tcp_env *e, struct tcp *c, uint32_t max,
		       struct tcp_options *o)
{
	const struct tcp_active *a = active_of(e, c);
	uint32_t touched[TCP_SACK_MAX] = { 0 };
	uint32_t count = 0;
	uint32_t index;

	if (a == NULL)
		return;
	if (a->dsack) {
		o->sack[0] =
			(struct sack_block){ a->dsack_start, a->dsack_end };
		o->sack_count = 1;
		max--;
	}
	for (index = a->holes_first; index != POOL_NONE;
	     index = hole_at(e, index)->next)
		rank(hole_at(e, index), touched, o->sack + o->sack_count, max,
		     &count);
	o->sack_count = (uint8_t)(o->sack_count + count);
}
