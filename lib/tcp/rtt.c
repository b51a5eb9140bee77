/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round trip times and the retransmission timeout (RFC 6298), with the
 * deviation smoothed as Linux does: it rises at once and falls once per round
 * trip, and never below the minimum timeout.
 */
#include "tcp/engine.h"

#define MIN_RTT_WINDOW (300 * NS_PER_S)

static uint32_t floor_us(void)
{
	return (uint32_t)(TCP_RTO_MIN / NS_PER_US);
}

void rtt_block(struct tcp *c, struct tcp_active *a)
{
	/* After the first sample: srtt = R, deviation = R/2 (RFC 6298 2.2). */
	a->mdev_us = c->srtt_us8 >> 2;
	a->mdev_max_us = umax(a->mdev_us, floor_us());
	a->rtt_seq = c->snd_nxt;
	a->min_rtt_us = UINT32_MAX;
	a->min_rtt_next_us = UINT32_MAX;
	if (c->srtt_us8 != 0)
		a->min_rtt_us = c->srtt_us8 >> 3;
}

/* The deviation of one sample; srtt moves by an eighth of the error. */
static void smooth(struct tcp *c, struct tcp_active *a, uint32_t us)
{
	int64_t error = (int64_t)us - (c->srtt_us8 >> 3);
	int64_t mdev = a->mdev_us;

	c->srtt_us8 = (uint32_t)((int64_t)c->srtt_us8 + error);
	if (error < 0) {
		error = -error - (mdev >> 2);
		/* A shorter round trip is no reason for a longer timeout:
		   it moves the deviation up by an eighth only. */
		if (error > 0)
			error >>= 3;
	} else {
		error -= mdev >> 2;
	}
	a->mdev_us = (uint32_t)(mdev + error);
	if (a->mdev_us > a->mdev_max_us) {
		a->mdev_max_us = a->mdev_us;
		if (a->mdev_max_us > c->rttvar_us)
			c->rttvar_us = a->mdev_max_us;
	}
	if (!seq_lt(a->rtt_seq, c->snd_una))
		return;
	if (a->mdev_max_us < c->rttvar_us)
		c->rttvar_us -= (c->rttvar_us - a->mdev_max_us) >> 2;
	a->rtt_seq = c->snd_nxt;
	a->mdev_max_us = floor_us();
}

void rtt_sample(struct tcp_env *e, struct tcp *c, int64_t us)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t sample = (uint32_t)span_min(span_max(us, 1), 100000000);

	if (c->srtt_us8 == 0) {
		c->srtt_us8 = sample << 3;
		c->rttvar_us = umax(sample << 1, floor_us());
		if (a != NULL)
			rtt_block(c, a);
	} else if (a != NULL) {
		smooth(c, a, sample);
	}
	if (a != NULL)
		a->backoff = 0; /* RFC 6298 5.7, Karn */
}

void rtt_min(const struct tcp_env *e, struct tcp_active *a, int64_t us)
{
	const uint32_t sample = (uint32_t)span_min(span_max(us, 1), 100000000);

	/* Two halves of a window that slides: the older one expires. */
	if (e->now.ns - a->min_rtt_ns > MIN_RTT_WINDOW / 2) {
		a->min_rtt_ns = e->now.ns;
		if (a->min_rtt_next_us != UINT32_MAX)
			a->min_rtt_us = a->min_rtt_next_us;
		a->min_rtt_next_us = UINT32_MAX;
	}
	a->min_rtt_next_us = umin(a->min_rtt_next_us, sample);
	a->min_rtt_us = umin(a->min_rtt_us, sample);
}

int64_t rtt_timeout(const struct tcp *c)
{
	int64_t us = (int64_t)(c->srtt_us8 >> 3) + c->rttvar_us;

	if (c->srtt_us8 == 0 && c->rttvar_us == 0)
		return TCP_RTO_FIRST;
	return span_min(us * NS_PER_US, TCP_RTO_MAX);
}

int64_t rtt_backed_off(const struct tcp *c, const struct tcp_active *a)
{
	int64_t rto = rtt_timeout(c);
	uint32_t times;

	for (times = 0; times < a->backoff && rto < TCP_RTO_MAX; times++)
		rto *= 2;
	return span_min(rto, TCP_RTO_MAX);
}

int64_t rtt_by_timestamp(const struct tcp_env *e, const struct tcp *c,
			 const struct tcp_segment *s)
{
	uint32_t ms;

	if (!c->ts_ok || !s->options.has_timestamp || s->options.tsecr == 0)
		return -1;
	ms = emit_timestamp(e, c) - s->options.tsecr;
	if (ms > 1000000)
		return -1; /* not one of ours */
	return ms == 0 ? 1000 : (int64_t)ms * 1000;
}
