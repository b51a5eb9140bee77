/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CUBIC (RFC 9438): the window as a cubic function of the time since the last
 * reduction, and never slower than Reno would be.
 *
 *	W(t) = C (t - K)^3 + Wmax,	K = cbrt((Wmax - cwnd) / C)
 *
 * Time in 1/1024 s, C = 410/1024, beta = 717/1024.
 */
#include "tcp/engine.h"

#define BETA 717u
#define BETA_ECN 871u /* 0.85, RFC 8511 3 */
#define ONE 1024u
#define C_SHIFTED 410u /* C * 1024 */
/* Reno with beta 0.7 gains 8/15 of what Reno with 0.5 does per window. */
#define FRIENDLY_EIGHTHS 15u

uint32_t cubic_ssthresh(struct tcp *c, struct tcp_active *a, bool by_ecn)
{
	struct tcp_cubic *q = &a->cubic;
	const uint32_t beta = by_ecn ? BETA_ECN : BETA;

	q->epoch_ns = 0;
	/* Fast convergence (RFC 9438 4.7): leave room for a newcomer. */
	if (c->cwnd < q->last_max)
		q->last_max = c->cwnd * (ONE + beta) / (2 * ONE);
	else
		q->last_max = c->cwnd;
	return umax(c->cwnd * beta / ONE, 2);
}

void cubic_reset(struct tcp_active *a)
{
	memset(&a->cubic, 0, sizeof(a->cubic));
	memset(&a->hystart, 0, sizeof(a->hystart));
}

void cubic_idle(const struct tcp_env *e, const struct tcp *c,
		struct tcp_active *a)
{
	struct tcp_cubic *q = &a->cubic;
	int64_t idle = (int64_t)(clock_ms(e) - c->sent_ms) * NS_PER_MS;

	/* The function of time stands still while nothing was sent. */
	if (q->epoch_ns != 0 && idle > 0)
		q->epoch_ns = span_min(q->epoch_ns + idle, e->now.ns);
}

void cubic_round_trip(const struct tcp_env *e, struct tcp *c,
		      struct tcp_active *a, int64_t rtt_us)
{
	struct tcp_cubic *q = &a->cubic;
	const uint32_t us = (uint32_t)span_max(rtt_us, 1);

	/* Just after a reduction the queues are still full. */
	if (q->epoch_ns != 0 && e->now.ns - q->epoch_ns < NS_PER_S)
		return;
	if (q->delay_min_us == 0 || us < q->delay_min_us)
		q->delay_min_us = us;
	if (!c->newreno)
		hystart_round_trip(e, c, a, us);
}

static uint32_t cube_root(uint64_t of)
{
	uint64_t root = 0;
	int bit;

	for (bit = 20; bit >= 0; bit--) {
		const uint64_t try = root | (uint64_t)1 << bit;
		if (try * try * try <= of)
			root = try;
	}
	return (uint32_t)root;
}

static void begin_epoch(const struct tcp_env *e, const struct tcp *c,
			struct tcp_cubic *q, uint32_t acked)
{
	q->epoch_ns = e->now.ns;
	q->ack_count = acked;
	q->friendly = c->cwnd;
	if (q->last_max <= c->cwnd) {
		q->k = 0;
		q->origin = c->cwnd;
	} else {
		/* (Wmax - cwnd) / C in cubes of 1/1024 s. */
		q->k = cube_root(((uint64_t)1 << 40) / C_SHIFTED *
				 (q->last_max - c->cwnd));
		q->origin = q->last_max;
	}
}

/* W(t + RTT): what the window should be one round trip from now. */
static uint32_t target(const struct tcp_env *e, const struct tcp_cubic *q)
{
	const int64_t since =
		e->now.ns - q->epoch_ns + (int64_t)q->delay_min_us * NS_PER_US;
	const uint64_t t = (uint64_t)(since / NS_PER_US) * ONE / 1000000;
	uint64_t away = t < q->k ? q->k - t : t - q->k;
	uint64_t delta;

	if (away > 300000)
		away = 300000; /* five minutes: as good as forever */
	delta = (C_SHIFTED * away * away * away) >> 40;
	if (t >= q->k)
		return (uint32_t)(delta > TCP_CWND_MAX ? TCP_CWND_MAX :
							 q->origin + delta);
	return delta < q->origin ? q->origin - (uint32_t)delta : 0;
}

/* Acknowledged segments it takes to gain one. */
static void choose_count(const struct tcp_env *e, const struct tcp *c,
			 struct tcp_cubic *q)
{
	const uint32_t want = target(e, q);

	q->cnt = want > c->cwnd ? c->cwnd / (want - c->cwnd) : 100 * c->cwnd;
	/* No loss yet: the plateau is unknown, so do not dwell on it. */
	if (q->last_max == 0)
		q->cnt = umin(q->cnt, 20);
}

static void befriend_reno(const struct tcp *c, struct tcp_cubic *q)
{
	const uint32_t per = c->cwnd * FRIENDLY_EIGHTHS >> 3;

	q->friendly += q->ack_count / per;
	q->ack_count %= per;
	if (q->friendly > c->cwnd)
		q->cnt = umin(q->cnt, c->cwnd / (q->friendly - c->cwnd));
}

void cubic_acked(const struct tcp_env *e, struct tcp *c, struct tcp_active *a,
		 uint32_t acked)
{
	struct tcp_cubic *q = &a->cubic;

	q->ack_count += acked;
	if (q->last_cwnd != c->cwnd || q->epoch_ns == 0 ||
	    e->now.ns - q->last_ns > NS_PER_S / 32) {
		/* The curve at most once per millisecond. */
		if (q->epoch_ns == 0 || e->now.ns - q->last_ns >= NS_PER_MS) {
			q->last_cwnd = c->cwnd;
			q->last_ns = e->now.ns;
			if (q->epoch_ns == 0)
				begin_epoch(e, c, q, acked);
			choose_count(e, c, q);
		}
		befriend_reno(c, q);
		q->cnt = umax(q->cnt, 2);
	}
	newreno_additive(c, a, q->cnt, acked);
}
