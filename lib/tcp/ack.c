/* SPDX-License-Identifier: BSD-2-Clause */
/* Step five: what an acknowledgment does (RFC 9293 3.10.7.4, RFC 5681). */
#include "tcp/engine.h"

/* The window of a segment, scaled (RFC 7323 2.3). */
static uint32_t window_of(const struct tcp *c, const struct tcp_segment *s)
{
	return (uint32_t)s->window << (c->wscale >> 4);
}

/* RFC 9293 3.10.7.4: SND.WL1 and the ACK say whether it is news. */
static bool window_update(struct tcp *c, const struct tcp_segment *s)
{
	const uint32_t window = window_of(c, s);
	const bool news = seq_lt(c->snd_una, s->ack) ||
			  seq_lt(c->snd_wl1, s->seq) ||
			  (seq_eq(c->snd_wl1, s->seq) &&
			   (window > c->snd_wnd || window == 0));
	bool changed;

	if (!news)
		return false;
	c->snd_wl1 = s->seq;
	changed = window != c->snd_wnd;
	c->snd_wnd = window;
	if (window > c->snd_wnd_max)
		c->snd_wnd_max = window; /* RFC 5961 5.2: MAX.SND.WND */
	return changed;
}

/* Gives back what is acknowledged: payload, FIN, urgency. */
static void advance(struct tcp_env *e, struct tcp *c, struct seq ack)
{
	struct tcp_active *a = active_of(e, c);
	uint32_t bytes = seq_sub(ack, c->snd_una);

	c->snd_una = ack;
	if (a == NULL)
		return;
	if (bytes > a->sendq.bytes) {
		check(c->fin_sent && bytes == a->sendq.bytes + 1);
		bytes = a->sendq.bytes;
	}
	c->bytes_acked += bytes;
	if (bytes > 0) {
		queue_consume(e->payload, &a->sendq, bytes);
		queue_cursor_consumed(&a->cursor, bytes);
		c->signals |= TCP_SIGNAL_ROOM;
	}
	if (a->sendq.bytes == 0 && seq_eq(c->snd_una, c->snd_nxt))
		c->signals |= TCP_SIGNAL_DRAINED;
	if (a->urgent_sending && seq_le(a->urgent_out, ack))
		a->urgent_sending = false;
}

/* The measurements one ACK allows (RFC 6298 3, RFC 7323 4.1). */
static void round_trip(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	int64_t newest = -1, sample = -1;

	if (k->first_ns != 0 && !(k->flags & ACKED_RETRANS)) {
		sample = (e->now.ns - k->first_ns) / NS_PER_US;
		newest = (e->now.ns - k->last_ns) / NS_PER_US;
	}
	if (k->sack_first_ns != 0) {
		if (sample < 0)
			sample = (e->now.ns - k->sack_first_ns) / NS_PER_US;
		newest = (e->now.ns - k->sack_last_ns) / NS_PER_US;
	}
	/* RFC 7323 4.1: only from an ACK that advances the left edge. */
	if (sample < 0 && (k->flags & ACKED_DATA)) {
		sample = rtt_by_timestamp(e, c, k->s);
		newest = sample;
	}
	k->rtt_us = newest;
	if (sample < 0)
		return;
	if (newest >= 0)
		rtt_min(e, a, newest);
	rtt_sample(e, c, sample);
	if (newest >= 0)
		cubic_round_trip(e, c, a, newest);
}

/*
 * Without SACK a duplicate ACK stands for a segment that left the network;
 * they are counted as if sacked (RFC 6582).
 */
static void reno_acked(struct tcp_active *a, struct tcp_acked *k)
{
	const uint32_t spent = k->acked > 0 ? k->acked - 1 : 0;

	a->delivered += k->acked - umin(k->acked, a->sacked_out);
	a->sacked_out -= umin(a->sacked_out, spent);
	a->sacked_out = umin(a->sacked_out, a->packets_out);
	if (k->flags & ACKED_RETRANS)
		k->flags &= ~ACKED_ORIGINAL;
}

/* Takes acknowledged segments off and measures. */
static void clean(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	int64_t sack_age;

	if (c->sack_ok && a->sacked_out == 0)
		a->fack = c->snd_una;
	board_clean(e, c, k);
	round_trip(e, c, k);
	if (k->flags & ACKED_UNA)
		k->flags |= ACKED_REARM; /* RFC 6298 5.3 */
	if (k->flags & ACKED_DATA) {
		if (!c->sack_ok)
			reno_acked(a, k);
	} else if (k->sack_first_ns != 0 && a->first != POOL_NONE) {
		/* Progress behind the head restarts the timer only when it
		   was sent after the head was. */
		sack_age = e->now.ns - k->sack_first_ns;
		if (sack_age > e->now.ns - record_at(e, a->first)->sent_ns)
			k->flags |= ACKED_REARM;
	}
	if (c->sack_ok && k->reorder_seen &&
	    seq_lt(k->reorder, k->fack_before) &&
	    (a->ca != CA_LOSS || a->undo.marked))
		recovery_reordered(e, c, k->reorder);
}

static bool dubious(const struct tcp_active *a, const struct tcp_acked *k)
{
	return !(k->flags & ACKED_NOT_DUP) ||
	       (k->flags & (ACKED_SACK | ACKED_DSACK | ACKED_ECE)) ||
	       a->ca != CA_OPEN;
}

static void with_data_out(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	uint32_t lost;

	clean(e, c, k);
	rack_update_window(a, k);
	if (a->probe_out)
		rack_probe_acked(e, c, k);
	if (dubious(a, k)) {
		const bool duplicate =
			!(k->flags & (ACKED_UNA | ACKED_NOT_DUP | ACKED_DSACK));
		recovery_ack(e, c, k, duplicate);
	}
	lost = a->stats.lost - k->lost_before;
	if (k->flags & ACKED_ECE)
		a->stats.delivered_ce += a->delivered - k->delivered_before;
	if (k->flags & ACKED_REARM)
		timer_set(e, c);
	congestion_rate_ack(e, a, k);
	if (recovery_reducing(a))
		recovery_reduce(c, a, a->delivered - k->delivered_before,
				lost > 0, k->flags);
	else
		congestion_acked(e, c, k, a->delivered - k->delivered_before);
}

/* An ACK below snd_una: only its SACK blocks matter. */
static void old_ack(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);

	if (a == NULL || !c->sack_ok || k->s->options.sack_count == 0)
		return;
	board_sack(e, c, k);
	if (a->packets_out > 0 || (k->flags & ACKED_DSACK))
		recovery_ack(e, c, k, false);
}

static void begin(const struct tcp_env *e, const struct tcp *c,
		  const struct tcp_arrival *in, struct tcp_acked *k)
{
	const struct tcp_active *a = active_of(e, c);

	memset(k, 0, sizeof(*k));
	k->s = in->s;
	k->una_before = c->snd_una;
	k->fack_before = c->snd_una;
	k->rtt_us = -1;
	if (in->len > 0 || in->fin)
		k->flags |= ACKED_PAYLOAD;
	if (c->ecn_ok && (in->s->flags & (TCP_ECE | TCP_SYN)) == TCP_ECE)
		k->flags |= ACKED_ECE;
	if (a == NULL)
		return;
	k->fack_before = board_highest(c, a);
	k->in_flight_before = board_in_flight(a);
	k->delivered_before = a->delivered;
	k->lost_before = a->stats.lost;
}

static void act(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	const bool out = a != NULL && a->packets_out > 0;

	if (seq_lt(c->snd_una, k->s->ack)) {
		k->flags |= ACKED_UNA;
		if (a != NULL)
			a->retransmits = 0;
	}
	if (window_update(c, k->s))
		k->flags |= ACKED_WINDOW;
	if (k->flags & ACKED_UNA)
		advance(e, c, k->s->ack);
	if (a != NULL && c->sack_ok && k->s->options.sack_count > 0)
		board_sack(e, c, k);
	if (a == NULL)
		return;
	a->probes = 0;
	a->more = false; /* what was held back may go now */
	if (out) {
		with_data_out(e, c, k);
		return;
	}
	if (k->flags & ACKED_DSACK)
		recovery_ack(e, c, k, false);
	timer_persist_acked(e, c);
	if (a->probe_out)
		rack_probe_acked(e, c, k);
}

bool ack_arrive(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;
	struct tcp_acked k;

	if (seq_lt(c->snd_nxt, s->ack)) {
		/* Never sent: answer and drop (RFC 9293 3.10.7.4). */
		arrive_challenge(e, c);
		in->why = DROP_TCP_ACK;
		return false;
	}
	begin(e, c, in, &k);
	if (seq_lt(s->ack, c->snd_una)) {
		uint32_t behind = seq_sub(c->snd_una, s->ack);
		uint64_t most = c->snd_wnd_max;
		if (most > c->bytes_acked)
			most = c->bytes_acked;
		/* RFC 5961 5.2: blind injection. */
		if (behind > most + 1) {
			arrive_challenge(e, c);
			in->why = DROP_TCP_ACK;
			return false;
		}
		in->old_ack = true;
		old_ack(e, c, &k);
		return true;
	}
	act(e, c, &k);
	c->soft_error = 0;
	if (c->fin_sent && seq_eq(c->snd_una, c->snd_nxt) &&
	    (k.flags & ACKED_UNA))
		life_event(e, c, EVENT_FIN_ACKED, 0);
	return true;
}
