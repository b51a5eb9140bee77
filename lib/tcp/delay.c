/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2): at once for the first
 * segments, every second full one, out of order or where a gap closes; else
 * after a delay that follows the pace of the data, 40 ms at least, in the hope
 * of an answer that carries it.
 */
#include "tcp/engine.h"

#define LOW_FLAGS (TCP_FIN | TCP_URG | TCP_SYN | TCP_PSH)

void delay_init(struct tcp_env *e, struct tcp *c, struct tcp_delay *d)
{
	uint32_t mss = umin(emit_mss(e, c), c->mss_peer);

	mss = umin(mss, c->rcv_wnd / 2);
	d->rcv_mss = umax(umin(mss, TCP_MSS_DEFAULT4), TCP_MSS_MIN);
	d->at = MINATO_NEVER;
	d->last_in = (struct minato_time){ 0 };
	d->pingpong = c->pingpong;
}

bool delay_quickly(const struct tcp *c, const struct tcp_delay *d)
{
	(void)c;
	return d->quick > 0 && !d->pingpong;
}

static void more_quick(const struct tcp *c, struct tcp_delay *d)
{
	uint32_t quick = c->rcv_wnd / (2 * d->rcv_mss);

	if (quick == 0)
		quick = 2;
	quick = umin(quick, TCP_QUICK_ACKS);
	if (quick > d->quick)
		d->quick = (uint8_t)quick;
}

void delay_quick(struct tcp_env *e, struct tcp *c)
{
	struct tcp_delay *d;
	struct tcp_active *a = active_of(e, c);

	if (a == NULL)
		return;
	d = &a->delay;
	more_quick(c, d);
	d->pingpong = false;
	d->ato_ns = TCP_DELAY_MIN;
}

void delay_pingpong(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (a != NULL)
		a->delay.pingpong = true;
}

/* What the peer sends when it has enough: the largest seen, or a size seen
   twice in a row that is no remainder. */
void delay_estimate(struct tcp_env *e, struct tcp *c,
		    const struct tcp_arrival *in)
{
	struct tcp_delay *d = &active_of(e, c)->delay;
	const uint8_t flags = in->s->flags;
	uint32_t len = in->p->gso_size;

	if (len == 0 || len > in->p->len)
		len = in->p->len;
	if (len >= d->rcv_mss) {
		d->rcv_mss = umin(len, emit_mss(e, c));
		if (flags & TCP_PSH)
			d->pushed = true;
		return;
	}
	if (len >= TCP_MSS_DEFAULT4 ||
	    (len >= TCP_MSS_MIN && !(flags & LOW_FLAGS))) {
		const bool same = len == d->last_len;
		d->last_len = len;
		if (same) {
			d->rcv_mss = len;
			return;
		}
	}
	d->pushed2 = d->pushed2 || d->pushed;
	d->pushed = true;
}

/* The delay follows the gaps between segments, by halves. */
static void follow_pace(struct tcp_env *e, struct tcp *c, struct tcp_active *a)
{
	struct tcp_delay *d = &a->delay;
	const int64_t gap = e->now.ns - d->last_in.ns;
	const int64_t rto = rtt_backed_off(c, a);

	if (d->ato_ns == 0) {
		more_quick(c, d);
		d->ato_ns = TCP_DELAY_MIN;
	} else if (gap <= TCP_DELAY_MIN / 2) {
		d->ato_ns = d->ato_ns / 2 + TCP_DELAY_MIN / 2;
	} else if (gap < d->ato_ns) {
		d->ato_ns = span_min(d->ato_ns / 2 + gap, rto);
	} else if (gap > rto) {
		/* The sender has fallen back to slow start. */
		more_quick(c, d);
	}
	d->last_in = e->now;
}

void delay_received(struct tcp_env *e, struct tcp *c,
		    const struct tcp_arrival *in, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);

	a->delay.owed = true;
	delay_estimate(e, c, in);
	window_round_trip(e, c, in->s, len);
	follow_pace(e, c, a);
	window_received(e, c, len);
}

void delay_schedule(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_delay *d = &a->delay;
	int64_t ato = d->ato_ns;
	int64_t most = NS_PER_S / 2; /* MUST-40 */
	struct minato_time at;

	if (ato > TCP_DELAY_MIN) {
		if (d->pingpong || d->pushed)
			most = TCP_DELAY_MAX;
		if (c->srtt_us8 != 0)
			most = span_min(most,
					span_max((int64_t)(c->srtt_us8 >> 3) *
							 NS_PER_US,
						 TCP_DELAY_MIN));
		ato = span_min(ato, most);
	}
	ato = span_min(ato, TCP_DELAY_MAX);
	at = time_after(e->now, ato);
	if (d->at.ns != INT64_MAX) {
		/* As good as due. */
		if (d->at.ns <= e->now.ns + ato / 4) {
			c->ack_now = true;
			return;
		}
		at = time_min(at, d->at);
	}
	d->at = at;
	if (ato == 0)
		c->ack_now = true;
	c->signals |= TCP_SIGNAL_TIMER;
}

void delay_decide(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t since = seq_sub(c->rcv_nxt, c->rcv_wup);

	if (a == NULL || !a->delay.owed)
		return;
	/* SHLD-19: more than one full segment is not acknowledged yet. */
	if (since > a->delay.rcv_mss || delay_quickly(c, &a->delay))
		c->ack_now = true;
	if (!c->ack_now)
		delay_schedule(e, c);
}

void delay_sent(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_delay *d;

	c->ack_now = false;
	if (a == NULL)
		return;
	a->dsack = false;
	d = &a->delay;
	if (d->quick > 0) {
		d->quick--;
		if (d->quick == 0)
			d->ato_ns = TCP_DELAY_MIN;
	}
	d->owed = false;
	d->pushed = false;
	d->pushed2 = false;
	d->at = MINATO_NEVER;
}

void delay_data_sent(struct tcp_env *e, struct tcp *c)
{
	struct tcp_delay *d = &active_of(e, c)->delay;

	/* An answer within the delay: this is a conversation. */
	if (d->ato_ns != 0 && e->now.ns - d->last_in.ns < d->ato_ns)
		d->pingpong = true;
}

void delay_expired(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_delay *d = &a->delay;

	d->at = MINATO_NEVER;
	if (!d->owed)
		return;
	if (d->pingpong) {
		/* The answer did not come in time. */
		d->pingpong = false;
		d->ato_ns = TCP_DELAY_MIN;
	} else {
		d->ato_ns = span_min(d->ato_ns * 2, rtt_backed_off(c, a));
	}
	c->ack_now = true;
	c->signals |= TCP_SIGNAL_OUTPUT;
}

/* The window has at least doubled: the peer should know (MUST-39). */
static bool window_opened(const struct tcp_env *e, const struct tcp *c)
{
	const uint32_t offered = window_offered(c);
	uint32_t now;

	if (!life_may_receive(c) || 2 * offered > window_full(e, c))
		return false;
	now = window_choose(e, c);
	return now != 0 && now >= 2 * offered;
}

void delay_consumed(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);
	const struct tcp_delay *d = &a->delay;
	const bool drained = len > 0 && a->recvq.bytes == 0;
	bool now = false;

	if (d->owed) {
		now = seq_sub(c->rcv_nxt, c->rcv_wup) > d->rcv_mss;
		/* A short segment and nobody who answers: do not wait. */
		if (drained && (d->pushed2 || (d->pushed && !d->pingpong)))
			now = true;
	}
	if (!now && len > 0)
		now = window_opened(e, c);
	if (now) {
		c->ack_now = true;
		c->signals |= TCP_SIGNAL_OUTPUT;
	}
}
