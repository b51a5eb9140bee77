/* SPDX-License-Identifier: BSD-2-Clause */
/* Slow start and congestion avoidance of RFC 5681, in segments. */
#include "tcp/engine.h"

uint32_t newreno_slow_start(struct tcp *c, uint32_t acked)
{
	const uint32_t to = umin(c->cwnd + acked, c->ssthresh);

	acked -= to - c->cwnd;
	c->cwnd = umin(to, TCP_CWND_MAX);
	return acked;
}

void newreno_additive(struct tcp *c, struct tcp_active *a, uint32_t per,
		      uint32_t acked)
{
	/* Credits of a time when more was asked for each segment. */
	if (a->cwnd_count >= per) {
		a->cwnd_count = 0;
		c->cwnd++;
	}
	a->cwnd_count += acked;
	c->cwnd += a->cwnd_count / per;
	a->cwnd_count %= per;
	c->cwnd = umin(c->cwnd, TCP_CWND_MAX);
}

uint32_t newreno_ssthresh(const struct tcp *c, bool by_ecn)
{
	/* RFC 8511 3: a mark comes from a short queue, so 0.8 of it stays. */
	return umax(by_ecn ? c->cwnd * 4 / 5 : c->cwnd >> 1, 2);
}
