/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive window: first offer, silly-window avoidance (RFC 9293
 * 3.8.6.2.2), growth with what the application takes per round trip.
 */
#include "tcp/engine.h"

static uint32_t buffer_of(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	const struct tcp_extra *x;

	if (a != NULL)
		return a->rcv_space;
	x = extra_of(e, c);
	return x->rcvbuf != 0 ? x->rcvbuf : TCP_BUFFER_FIRST;
}

uint32_t window_full(const struct tcp_env *e, const struct tcp *c)
{
	const uint32_t clamp = extra_of(e, c)->window_clamp;
	const uint32_t space = buffer_of(e, c);

	return clamp != 0 ? umin(clamp, space) : space;
}

uint8_t window_scale(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_extra *x = extra_of(e, c);
	uint32_t space = x->rcvbuf != 0 ? x->rcvbuf : TCP_SCALE_FOR;
	uint8_t scale = 0;

	if (x->wscale >= 0)
		return (uint8_t)umin((uint32_t)x->wscale, 14);
	while (scale < 14 && space >> scale >= 65536)
		scale++;
	return scale;
}

void window_first(struct tcp_env *e, struct tcp *c)
{
	const uint32_t options = c->passive && c->ts_ok ? 12 : 0;
	const uint32_t mss = emit_mss(e, c) - options;
	uint32_t window = window_full(e, c);

	if (window > mss)
		window -= window % mss;
	c->rcv_wnd = umin(window, 65535);
	c->wscale &= 0xf0;
	if (c->ws_ok)
		c->wscale |= window_scale(e, c);
}

uint32_t window_offered(const struct tcp *c)
{
	const uint32_t used = seq_sub(c->rcv_nxt, c->rcv_wup);

	return used < c->rcv_wnd ? c->rcv_wnd - used : 0;
}

static uint32_t estimate_of_mss(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	return a != NULL ? a->delay.rcv_mss : TCP_MSS_DEFAULT4;
}

/* Without scaling: whole segments, and steady while within one of them. */
static uint32_t whole_segments(const struct tcp *c, uint32_t space,
			       uint32_t mss, uint32_t full)
{
	const uint32_t window = c->rcv_wnd;

	if (window + mss <= space || window > space)
		return space - space % mss;
	if (mss == full && space > window + full / 2)
		return space;
	return window;
}

uint32_t window_choose(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	const uint32_t queued = a != NULL ? a->recvq.bytes : 0;
	const uint32_t full = window_full(e, c);
	const uint32_t unit = 1u << (c->wscale & 15);
	uint32_t mss = umin(estimate_of_mss(e, c), full);
	uint32_t space = queued < full ? full - queued : 0;

	if (mss == 0)
		return 0;
	if (space < full / 2) {
		space -= space % unit;
		/* MUST-39: rather none than a silly one. */
		if (space < full / 16 || space < mss)
			return 0;
	}
	space = umin(space, a != NULL ? a->rcv_ssthresh : c->rcv_wnd);
	if ((c->wscale & 15) != 0)
		return (space + unit - 1) & ~(unit - 1);
	return whole_segments(c, space, mss, full);
}

uint16_t window_advertise(struct tcp_env *e, struct tcp *c)
{
	const uint32_t shift = c->wscale & 15;
	const uint32_t offered = window_offered(c);
	struct tcp_active *a = active_of(e, c);
	uint32_t window = window_choose(e, c);

	if (a != NULL && a->recvq.bytes > window_full(e, c) / 2)
		a->delay.quick = 0;
	/* SHLD-14: never taken back; rounded up, RFC 7323 2.4. */
	if (window < offered)
		window = (offered + (1u << shift) - 1) & ~((1u << shift) - 1);
	window = umin(window, 65535u << shift);
	c->rcv_wnd = window;
	c->rcv_wup = c->rcv_nxt;
	return (uint16_t)(window >> shift);
}

void window_received(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t full = window_full(e, c);
	uint32_t space = a->recvq.bytes < full ? full - a->recvq.bytes : 0;

	/* Small segments waste buffers: they do not open the window. */
	if (len < 128 || space <= a->rcv_ssthresh)
		return;
	a->rcv_ssthresh += umin(space - a->rcv_ssthresh,
				umax(2 * emit_mss(e, c), 2 * len));
}

static void round_trip_sample(struct tcp_tuning *t, int64_t us, bool window)
{
	uint32_t old = t->rtt_us8;
	uint32_t new = (uint32_t)span_min(span_max(us, 1), 100000000);

	if (old == 0)
		t->rtt_us8 = new << 3;
	else if (window)
		t->rtt_us8 = umin(old, new << 3);
	else
		t->rtt_us8 = old - (old >> 3) + new;
}

void window_round_trip(struct tcp_env *e, struct tcp *c,
		       const struct tcp_segment *s, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_tuning *t = &a->tuning;
	int64_t us;

	if (c->ts_ok && s->options.has_timestamp) {
		if (s->options.tsecr == t->last_tsecr || len < a->delay.rcv_mss)
			return;
		t->last_tsecr = s->options.tsecr;
		us = rtt_by_timestamp(e, c, s);
		if (us >= 0)
			round_trip_sample(t, us, false);
		return;
	}
	if (seq_lt(c->rcv_nxt, t->rtt_seq))
		return;
	round_trip_sample(t, (e->now.ns - t->rtt_ns) / NS_PER_US, true);
	t->rtt_seq = seq_add(c->rcv_nxt, c->rcv_wnd);
	t->rtt_ns = e->now.ns;
}

/*
 * What was taken in one round trip, doubled, is what a sender in congestion
 * avoidance needs; a sender that still accelerates needs more.
 */
static void grow(struct tcp_env *e, struct tcp *c, uint32_t copied)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t before = umax(a->tuning.space, 1);
	uint64_t want = 2 * (uint64_t)copied + 16 * emit_mss(e, c);

	want += 2 * (want * (copied - before) / before);
	if (want > TCP_BUFFER_MAX)
		want = TCP_BUFFER_MAX;
	if (want > a->rcv_space)
		a->rcv_space = (uint32_t)want;
}

void window_consumed(struct tcp_env *e, struct tcp *c, uint32_t len)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_tuning *t = &a->tuning;
	const int64_t passed = (e->now.ns - t->space_ns) / NS_PER_US;
	uint32_t copied;

	t->copied = seq_add(t->copied, len);
	if (t->rtt_us8 == 0 || passed < (int64_t)(t->rtt_us8 >> 3))
		return;
	copied = seq_sub(t->copied, t->space_seq);
	if (copied > t->space) {
		if (extra_of(e, c)->rcvbuf == 0)
			grow(e, c, copied);
		t->space = copied;
	}
	t->space_seq = t->copied;
	t->space_ns = e->now.ns;
}
