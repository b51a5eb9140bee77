/* SPDX-License-Identifier: BSD-2-Clause */
/* The scoreboard: what of the records is acknowledged, sacked, lost. */
#include "tcp/engine.h"

/* Runs of one instant are kept in one record up to this many bytes. */
#define RUN_MAX (256u << 10)

static uint32_t payload_of(const struct tcp_record *r)
{
	return seq_sub(r->end, r->seq) - ((r->flags & RECORD_FIN) ? 1 : 0);
}

uint32_t record_segs(const struct tcp_record *r)
{
	const uint32_t bytes = payload_of(r);

	return bytes <= r->unit ? 1 : (bytes + r->unit - 1) / r->unit;
}

uint32_t board_in_flight(const struct tcp_active *a)
{
	const uint32_t left = a->sacked_out + a->lost_out;

	return a->packets_out - umin(left, a->packets_out) + a->retrans_out;
}

struct seq board_highest(const struct tcp *c, const struct tcp_active *a)
{
	return a->sacked_out == 0 ? c->snd_una : a->fack;
}

/* Can what is being sent lengthen the tail: same instant, same shape? */
static bool continues(const struct tcp_env *e, const struct tcp_active *a,
		      const struct tcp_record *r, uint16_t unit, uint32_t len)
{
	const uint32_t held = seq_sub(r->end, r->seq);

	return r->sent_ns == e->now.ns && r->unit == unit &&
	       (r->flags & ~RECORD_LIMITED) == 0 && held % unit == 0 &&
	       held + len <= RUN_MAX && r->delivered == a->delivered;
}

bool board_sent(struct tcp_env *e, struct tcp *c, struct seq end, uint16_t unit,
		bool fin)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t len = seq_sub(end, c->snd_nxt);
	struct tcp_record *tail = a->last == POOL_NONE ? NULL :
							 record_at(e, a->last);
	struct tcp_record *r;
	uint32_t index;

	/* A FIN alone is a segment of its own. */
	if (tail != NULL && !(fin && len == 1) &&
	    continues(e, a, tail, unit, len)) {
		a->packets_out -= record_segs(tail);
		tail->end = end;
		tail->flags |= fin ? RECORD_FIN : 0;
		a->packets_out += record_segs(tail);
		return true;
	}
	if (a->records >= TCP_RECORDS_MAX)
		return false;
	index = pool_take(&e->shared->records);
	if (index == POOL_NONE)
		return false;
	r = record_at(e, index);
	*r = (struct tcp_record){ .next = POOL_NONE,
				  .seq = c->snd_nxt,
				  .end = end,
				  .unit = unit,
				  .flags = fin ? RECORD_FIN : 0,
				  .sent_ns = e->now.ns };
	congestion_rate_sent(e, a, r);
	if (tail != NULL)
		tail->next = index;
	else
		a->first = index;
	a->last = index;
	a->records++;
	a->packets_out += record_segs(r);
	return true;
}

bool board_split(struct tcp_env *e, struct tcp_active *a, uint32_t index,
		 uint32_t segs)
{
	struct tcp_record *r = record_at(e, index);
	const uint32_t before = record_segs(r);
	uint32_t rest_index;
	struct tcp_record *rest;

	check(segs > 0 && segs < before);
	rest_index = pool_take(&e->shared->records);
	if (rest_index == POOL_NONE)
		return false;
	rest = record_at(e, rest_index);
	*rest = *r;
	rest->seq = seq_add(r->seq, segs * r->unit);
	r->end = rest->seq;
	r->flags &= (uint8_t)~RECORD_FIN;
	r->next = rest_index;
	if (a->last == index)
		a->last = rest_index;
	a->records++;
	check(record_segs(r) + record_segs(rest) == before);
	return true;
}

/* Adds (sign 1) or takes (sign -1) the segments of a record to all counts. */
static void count(struct tcp_active *a, const struct tcp_record *r,
		  uint32_t segs, int sign)
{
	const uint32_t n = sign > 0 ? segs : (uint32_t)-segs;

	a->packets_out += n;
	if (r->flags & RECORD_SACKED)
		a->sacked_out += n;
	if (r->flags & RECORD_LOST)
		a->lost_out += n;
	if (r->flags & RECORD_RETRANS)
		a->retrans_out += n;
}

void board_resize(struct tcp_active *a, struct tcp_record *r, uint32_t unit)
{
	count(a, r, record_segs(r), -1);
	r->unit = (uint16_t)unit;
	count(a, r, record_segs(r), 1);
}

void board_mark_lost(struct tcp_env *e, struct tcp_active *a, uint32_t index)
{
	struct tcp_record *r = record_at(e, index);
	const uint32_t segs = record_segs(r);

	if (r->flags & RECORD_SACKED)
		return;
	if (!(r->flags & RECORD_LOST)) {
		r->flags |= RECORD_LOST;
		a->lost_out += segs;
		a->stats.lost += segs;
	} else if (r->flags & RECORD_RETRANS) {
		/* The retransmission was lost too. */
		r->flags &= (uint8_t)~RECORD_RETRANS;
		a->retrans_out -= segs;
		a->stats.lost += segs;
	}
	if (a->hint == POOL_NONE || seq_lt(r->seq, record_at(e, a->hint)->seq))
		a->hint = a->first; /* look again from the head */
}

uint32_t board_next_lost(const struct tcp_env *e, struct tcp_active *a)
{
	if (a->lost_out == 0 || a->retrans_out >= a->lost_out)
		return POOL_NONE;
	while (a->hint != POOL_NONE) {
		const struct tcp_record *r = record_at(e, a->hint);
		if ((r->flags & RECORD_LOST) &&
		    !(r->flags & (RECORD_SACKED | RECORD_RETRANS)))
			return a->hint;
		a->hint = r->next;
	}
	return POOL_NONE;
}

bool board_any_retrans(const struct tcp_env *e, const struct tcp_active *a)
{
	/* The head is the oldest: what was sent again is sent from it. */
	return a->retrans_out > 0 ||
	       (a->first != POOL_NONE &&
		(record_at(e, a->first)->flags & RECORD_EVER));
}

void board_retransmitted(struct tcp_env *e, struct tcp_active *a,
			 struct tcp_record *r, bool probe)
{
	const uint32_t segs = record_segs(r);

	r->flags |= RECORD_EVER;
	congestion_rate_sent(e, a, r);
	r->sent_ns = e->now.ns;
	a->stats.total_retrans += segs;
	a->stats.bytes_retrans += payload_of(r);
	if (probe)
		return;
	check(!(r->flags & RECORD_RETRANS));
	r->flags |= RECORD_RETRANS;
	a->retrans_out += segs;
	if (a->retrans_ns == 0)
		a->retrans_ns = e->now.ns;
	if (a->undo.retrans < 0)
		a->undo.retrans = 0;
	a->undo.retrans += (int32_t)segs;
}

/* --- cumulative acknowledgment ------------------------------------------- */

/* What the acknowledgment of `segs` segments of a record tells. */
static void account_acked(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
			  const struct tcp_record *r, uint32_t segs)
{
	struct tcp_active *a = active_of(e, c);

	count(a, r, segs, -1);
	if (r->flags & (RECORD_RETRANS | RECORD_EVER)) {
		k->flags |= ACKED_RETRANS;
	} else if (!(r->flags & RECORD_SACKED)) {
		k->last_ns = r->sent_ns;
		if (k->first_ns == 0)
			k->first_ns = r->sent_ns;
		if (!k->reorder_seen || seq_lt(r->seq, k->reorder))
			k->reorder = r->seq;
		k->reorder_seen = true;
		if (seq_le(r->end, a->high))
			k->flags |= ACKED_ORIGINAL;
	}
	if (!(r->flags & RECORD_SACKED)) {
		if (c->sack_ok) {
			a->delivered += segs;
			rack_advance(e, a, r);
		}
		congestion_rate_sample(k, r);
	}
	k->flags |= ACKED_DATA;
	k->acked += segs;
}

void board_clean(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);

	while (a->first != POOL_NONE) {
		const uint32_t index = a->first;
		struct tcp_record *r = record_at(e, index);
		const uint32_t segs = record_segs(r);
		struct tcp_record part = *r;

		if (!seq_lt(r->seq, c->snd_una))
			break;
		if (!seq_le(r->end, c->snd_una)) {
			uint32_t left;
			r->seq = c->snd_una;
			left = record_segs(r);
			part.end = c->snd_una;
			part.flags &= (uint8_t)~RECORD_FIN;
			if (left < segs)
				account_acked(e, c, k, &part, segs - left);
			break;
		}
		account_acked(e, c, k, r, segs);
		if (r->flags & RECORD_FIN)
			k->flags |= ACKED_FIN;
		a->first = r->next;
		if (a->hint == index)
			a->hint = r->next;
		if (a->first == POOL_NONE)
			a->last = POOL_NONE;
		a->records--;
		pool_give(&e->shared->records, index);
	}
}

void board_clear(struct tcp_env *e, struct tcp_active *a)
{
	while (a->first != POOL_NONE) {
		const uint32_t index = a->first;
		a->first = record_at(e, index)->next;
		pool_give(&e->shared->records, index);
	}
	a->last = POOL_NONE;
	a->hint = POOL_NONE;
	a->records = 0;
	a->packets_out = 0;
	a->sacked_out = 0;
	a->lost_out = 0;
	a->retrans_out = 0;
}

/* --- selective acknowledgment (RFC 2018, RFC 2883) ----------------------- */

/* A block that could have been sent by an honest receiver. */
static bool believable(const struct tcp *c, const struct tcp_active *a,
		       const struct sack_block *b, bool dsack)
{
	if (!seq_lt(b->start, b->end) || seq_lt(c->snd_nxt, b->end) ||
	    !seq_lt(b->start, c->snd_nxt))
		return false;
	if (seq_lt(c->snd_una, b->start))
		return true;
	if (!dsack || !a->undo.marked || seq_lt(c->snd_una, b->end))
		return false;
	if (seq_le(a->undo.marker, b->start))
		return true;
	return seq_lt(a->undo.marker, b->end) &&
	       seq_sub(b->end, b->start) <= c->snd_wnd_max;
}

/* The first block repeats what was acknowledged or sacked already. */
static bool repeats(const struct tcp_segment *s)
{
	const struct sack_block *b = s->options.sack;

	if (seq_lt(b[0].start, s->ack))
		return true;
	return s->options.sack_count > 1 && seq_le(b[0].end, b[1].end) &&
	       seq_le(b[1].start, b[0].start);
}

/* Counts a DSACK; false when it cannot be about a retransmission of ours. */
static bool account_dsack(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	const struct sack_block *b = &k->s->options.sack[0];
	const uint32_t len = seq_sub(b->end, b->start);
	const uint32_t mss = send_mss(e, c);
	uint32_t segs = 1;

	if (!seq_lt(b->start, b->end) || len > c->snd_wnd_max)
		return false;
	if (len > mss)
		segs = (len + mss - 1) / mss;
	else if (a->probe_out && seq_eq(b->end, a->probe_end))
		k->flags |= ACKED_DSACK_PROBE;
	a->stats.dsack_dups += segs;
	if (a->stats.dsack_dups > a->stats.total_retrans)
		return false;
	if (a->stats.reord_seen > 0 && !(k->flags & ACKED_DSACK_PROBE))
		a->rack.dsack_seen = true;
	k->flags |= ACKED_DSACK;
	a->delivered += segs;
	if (seq_le(b->end, k->una_before) && a->undo.marked &&
	    a->undo.retrans > 0 && seq_lt(a->undo.marker, b->end))
		a->undo.retrans -=
			(int32_t)umin(segs, (uint32_t)a->undo.retrans);
	return true;
}

/* A segment sacked for the first time. */
static void newly_sacked(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
			 struct tcp_record *r)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t segs = record_segs(r);

	rack_advance(e, a, r);
	congestion_rate_sample(k, r);
	if (r->flags & RECORD_RETRANS) {
		/* Not lost, sent again: the copy is still under way. */
		if (r->flags & RECORD_LOST) {
			r->flags &= (uint8_t) ~(RECORD_LOST | RECORD_RETRANS);
			a->lost_out -= segs;
			a->retrans_out -= segs;
		}
	} else {
		if (!(r->flags & RECORD_EVER)) {
			if (seq_lt(r->seq, k->fack_before) &&
			    (!k->reorder_seen || seq_lt(r->seq, k->reorder))) {
				k->reorder = r->seq;
				k->reorder_seen = true;
			}
			if (seq_le(r->end, a->high))
				k->flags |= ACKED_ORIGINAL;
			if (k->sack_first_ns == 0)
				k->sack_first_ns = r->sent_ns;
			k->sack_last_ns = r->sent_ns;
		}
		if (r->flags & RECORD_LOST) {
			r->flags &= (uint8_t)~RECORD_LOST;
			a->lost_out -= segs;
		}
	}
	r->flags |= RECORD_SACKED;
	a->sacked_out += segs;
	a->delivered += segs;
	k->flags |= ACKED_SACK;
	a->fack = a->sacked_out == segs ? r->end : seq_max(a->fack, r->end);
}

/* A DSACK about a segment still in the queue. */
static void repeated(struct tcp_active *a, struct tcp_acked *k,
		     struct tcp_record *r)
{
	const uint32_t segs = record_segs(r);

	if (!(r->flags & (RECORD_RETRANS | RECORD_EVER)))
		return;
	if (a->undo.marked && a->undo.retrans > 0 &&
	    seq_lt(a->undo.marker, r->end))
		a->undo.retrans -=
			(int32_t)umin(segs, (uint32_t)a->undo.retrans);
	if ((r->flags & RECORD_SACKED) &&
	    (!k->reorder_seen || seq_lt(r->seq, k->reorder))) {
		k->reorder = r->seq;
		k->reorder_seen = true;
	}
	if (r->flags & RECORD_RETRANS) {
		r->flags &= (uint8_t)~RECORD_RETRANS;
		a->retrans_out -= segs;
	}
}

/* Is there nothing new to learn of this record? */
static bool settled(const struct tcp_record *r, bool dsack)
{
	return (r->flags & RECORD_SACKED) && !dsack;
}

/*
 * Splits the record where a block begins or ends inside, at whole segments.
 * True: the record is covered. False: it is not, or only from the next on.
 */
static bool fit(struct tcp_env *e, struct tcp_active *a, uint32_t index,
		const struct sack_block *b)
{
	struct tcp_record *r = record_at(e, index);
	const uint32_t segs = record_segs(r);
	uint32_t cut;

	if (seq_lt(r->seq, b->start)) {
		cut = (seq_sub(b->start, r->seq) + r->unit - 1) / r->unit;
		if (cut < segs)
			(void)board_split(e, a, index, cut);
		return false;
	}
	if (seq_le(r->end, b->end))
		return true;
	cut = seq_sub(b->end, r->seq) / r->unit;
	if (cut == 0)
		return false;
	return cut >= segs || board_split(e, a, index, cut);
}

/* Adjacent sacked records become one: fewer steps for the next ACK. */
static bool absorb(struct tcp_env *e, struct tcp_active *a, uint32_t index)
{
	struct tcp_record *r = record_at(e, index);
	const uint32_t next = r->next;
	struct tcp_record *n;

	if (next == POOL_NONE || !(r->flags & RECORD_SACKED))
		return false;
	n = record_at(e, next);
	if ((n->flags & ~RECORD_FIN) != r->flags || n->unit != r->unit ||
	    payload_of(r) % r->unit != 0)
		return false;
	if (payload_of(r) + payload_of(n) > RUN_MAX || payload_of(n) == 0)
		return false;
	r->end = n->end;
	r->flags = n->flags;
	r->next = n->next;
	if (a->last == next)
		a->last = index;
	if (a->hint == next)
		a->hint = index;
	a->records--;
	pool_give(&e->shared->records, next);
	return true;
}

static void mark_block(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		       const struct sack_block *b, bool dsack)
{
	struct tcp_active *a = active_of(e, c);
	uint32_t index = a->first;
	uint32_t before = POOL_NONE;

	while (index != POOL_NONE) {
		struct tcp_record *r = record_at(e, index);

		if (!seq_lt(r->seq, b->end))
			break;
		if (seq_lt(b->start, r->end) && !settled(r, dsack) &&
		    fit(e, a, index, b)) {
			if (dsack)
				repeated(a, k, r);
			if (!(r->flags & RECORD_SACKED) &&
			    seq_lt(c->snd_una, r->end))
				newly_sacked(e, c, k, r);
		}
		if (before != POOL_NONE && absorb(e, a, before))
			index = before;
		before = index;
		index = record_at(e, index)->next;
	}
	if (before != POOL_NONE)
		while (absorb(e, a, before))
			;
}

void board_sack(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	const struct tcp_options *o = &k->s->options;
	const bool dsack = repeats(k->s);
	uint8_t i;

	if (dsack && !account_dsack(e, c, k))
		return;
	/* So old that it tells nothing (as believable for one block). */
	if (seq_lt(seq_add(k->s->ack, c->snd_wnd_max), k->una_before))
		return;
	for (i = 0; i < o->sack_count && a->packets_out > 0; i++)
		if (believable(c, a, &o->sack[i], dsack && i == 0))
			mark_block(e, c, k, &o->sack[i], dsack && i == 0);
}

/* --- the truth ----------------------------------------------------------- */

void board_audit(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	struct tcp_active n = { 0 };
	uint32_t index, records = 0;
	struct seq at = c->snd_una;

	if (a == NULL)
		return;
	for (index = a->first; index != POOL_NONE; records++) {
		const struct tcp_record *r = record_at(e, index);
		check(seq_eq(r->seq, at) && seq_lt(r->seq, r->end));
		check(!(r->flags & RECORD_SACKED) || !(r->flags & RECORD_LOST));
		check(!(r->flags & RECORD_FIN) || r->next == POOL_NONE);
		check(r->next != POOL_NONE || a->last == index);
		count(&n, r, record_segs(r), 1);
		at = r->end;
		index = r->next;
	}
	check(records == a->records);
	check(records == 0 || seq_eq(at, c->snd_nxt));
	check(n.packets_out == a->packets_out);
	check(!c->sack_ok || n.sacked_out == a->sacked_out);
	check(n.lost_out == a->lost_out);
	check(n.retrans_out == a->retrans_out);
}
