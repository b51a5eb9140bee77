/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HyStart: ends slow start where a round trip shows that the path is full, by
 * either sign: ACKs arrive in one train for half a round trip, or the least
 * round trip of a round has grown by an eighth.
 */
#include "tcp/engine.h"

#define WINDOW_MIN 16u /* segments; below it slow start is harmless */
#define SAMPLES_MIN 8u
#define TRAIN_GAP (2 * NS_PER_MS) /* between the ACKs of one train */
#define GROWTH_MIN_US 4000u
#define GROWTH_MAX_US 16000u

void hystart_reset(const struct tcp_env *e, const struct tcp *c,
		   struct tcp_active *a)
{
	struct tcp_hystart *h = &a->hystart;

	h->began_ns = e->now.ns;
	h->last_ns = e->now.ns;
	h->end = c->snd_nxt;
	h->least_us = UINT32_MAX;
	h->samples = 0;
}

/* What four full frames take on this path, a millisecond at most: ACKs of a
   receiver that gathers so much come later by that. */
static int64_t gathering_ns(const struct tcp *c)
{
	const uint64_t mss = c->mtu;
	const uint64_t bytes_per_srtt = (uint64_t)c->cwnd * mss * 2;
	const uint64_t us = 4 * 65536ull * (c->srtt_us8 >> 3) / bytes_per_srtt;

	return (int64_t)(us < 1000 ? us : 1000) * NS_PER_US;
}

static bool long_train(const struct tcp_env *e, const struct tcp *c,
		       struct tcp_active *a)
{
	struct tcp_hystart *h = &a->hystart;
	int64_t limit;

	if (e->now.ns - h->last_ns > TRAIN_GAP)
		return false;
	h->last_ns = e->now.ns;
	limit = (int64_t)a->cubic.delay_min_us * NS_PER_US + gathering_ns(c);
	return e->now.ns - h->began_ns > limit / 2;
}

static bool grown(const struct tcp_active *a, struct tcp_hystart *h,
		  uint32_t rtt_us)
{
	const uint32_t least = a->cubic.delay_min_us;
	const uint32_t eighth = least >> 3;

	h->least_us = umin(h->least_us, rtt_us);
	if (h->samples < SAMPLES_MIN) {
		h->samples++;
		return false;
	}
	return h->least_us >
	       least + umin(umax(eighth, GROWTH_MIN_US), GROWTH_MAX_US);
}

void hystart_round_trip(const struct tcp_env *e, struct tcp *c,
			struct tcp_active *a, uint32_t rtt_us)
{
	struct tcp_hystart *h = &a->hystart;
	bool full;

	if (h->found || c->cwnd >= c->ssthresh || c->cwnd < WINDOW_MIN)
		return;
	if (seq_lt(h->end, c->snd_una) || h->began_ns == 0)
		hystart_reset(e, c, a);
	full = long_train(e, c, a);
	full = grown(a, h, rtt_us) || full;
	if (!full)
		return;
	h->found = true;
	c->ssthresh = c->cwnd;
}
