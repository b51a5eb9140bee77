/* SPDX-License-Identifier: BSD-2-Clause */
/* The congestion window: who may raise it, and when it was really used. */
#include "tcp/engine.h"

uint32_t congestion_ssthresh(struct tcp_env *e, struct tcp *c, bool by_ecn)
{
	if (c->newreno)
		return newreno_ssthresh(c, by_ecn);
	return cubic_ssthresh(c, active_of(e, c), by_ecn);
}

uint32_t congestion_current_ssthresh(const struct tcp *c,
				     const struct tcp_active *a)
{
	if (recovery_reducing(a))
		return c->ssthresh;
	return umax(c->ssthresh, (c->cwnd >> 1) + (c->cwnd >> 2));
}

void congestion_lost_state(struct tcp *c, struct tcp_active *a)
{
	(void)c;
	cubic_reset(a);
}

/* RFC 7661: growth only where the window was what held us back. */
bool congestion_limited(const struct tcp *c, const struct tcp_active *a)
{
	if (a->cwnd_limited)
		return true;
	return c->cwnd < c->ssthresh && c->cwnd < 2 * a->max_packets_out;
}

void congestion_acked(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		      uint32_t delivered)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t wanted =
		a->reordering > TCP_REORDERING ? ACKED_PROGRESS : ACKED_DATA;

	if (!(k->flags & wanted) || delivered == 0)
		return;
	if (!congestion_limited(c, a))
		return;
	if (c->cwnd < c->ssthresh) {
		delivered = newreno_slow_start(c, delivered);
		if (delivered == 0)
			return;
	}
	if (c->newreno)
		newreno_additive(c, a, c->cwnd, delivered);
	else
		cubic_acked(e, c, a, delivered);
}

/* The application did not fill the window for an RTO: it decays towards what
   was used (RFC 7661 4.4.3, as Linux). */
static void decay(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t used = umax(a->cwnd_used, TCP_INITIAL_WINDOW);

	if (a->ca == CA_OPEN && used < c->cwnd) {
		c->ssthresh = congestion_current_ssthresh(c, a);
		c->cwnd = (c->cwnd + used) >> 1;
	}
	a->cwnd_used = 0;
	a->cwnd_ns = e->now.ns;
}

void congestion_validate(struct tcp_env *e, struct tcp *c, bool limited)
{
	struct tcp_active *a = active_of(e, c);

	/* Once limited stays so for this window; else the most that was out. */
	if (seq_le(a->usage_end, c->snd_una) || limited ||
	    (!a->cwnd_limited && a->packets_out > a->max_packets_out)) {
		a->cwnd_limited = limited;
		a->max_packets_out = a->packets_out;
		a->usage_end = c->snd_nxt;
	}
	if (congestion_limited(c, a)) {
		a->cwnd_used = 0;
		a->cwnd_ns = e->now.ns;
		return;
	}
	a->cwnd_used = umax(a->cwnd_used, a->packets_out);
	if (e->now.ns - a->cwnd_ns >= rtt_backed_off(c, a))
		decay(e, c);
}

void congestion_restart(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	int64_t idle = (int64_t)(clock_ms(e) - c->sent_ms) * NS_PER_MS;
	const int64_t rto = rtt_backed_off(c, a);
	const uint32_t floor = umin(TCP_INITIAL_WINDOW, c->cwnd);

	if (a->packets_out > 0 || idle <= rto)
		return;
	/* Halved for every RTO of silence (RFC 5681 4.1, RFC 2861). */
	c->ssthresh = congestion_current_ssthresh(c, a);
	for (idle -= rto; idle > 0 && c->cwnd > floor; idle -= rto)
		c->cwnd >>= 1;
	c->cwnd = umax(c->cwnd, floor);
	a->cwnd_ns = e->now.ns;
	a->cwnd_used = 0;
}

/* --- delivery rate (tcpi_delivery_rate) ---------------------------------- */

static uint32_t micros(int64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

void congestion_rate_sent(struct tcp_env *e, struct tcp_active *a,
			  struct tcp_record *r)
{
	if (a->packets_out == 0) {
		a->rate.first_ns = e->now.ns;
		a->rate.delivered_ns = e->now.ns;
	}
	r->delivered = a->delivered;
	r->delivered_us = micros(a->rate.delivered_ns);
	r->first_us = micros(a->rate.first_ns);
	r->flags &= (uint8_t)~RECORD_LIMITED;
	if (a->rate.limited_until != 0)
		r->flags |= RECORD_LIMITED;
}

void congestion_rate_sample(struct tcp_acked *k, const struct tcp_record *r)
{
	/* The newest sent of those delivered by this ACK. */
	if (k->sampled && r->sent_ns < k->sample.sent_ns)
		return;
	k->sample = *r;
	k->sampled = true;
	k->prior_delivered = r->delivered;
}

void congestion_rate_ack(struct tcp_env *e, struct tcp_active *a,
			 const struct tcp_acked *k)
{
	struct tcp_rate *rate = &a->rate;
	const struct tcp_record *r = &k->sample;
	uint32_t segs, us;
	bool limited;

	if (rate->limited_until != 0 &&
	    (int32_t)(a->delivered - rate->limited_until) > 0)
		rate->limited_until = 0;
	if (!k->sampled)
		return;
	rate->delivered_ns = e->now.ns;
	rate->first_ns = r->sent_ns;
	segs = a->delivered - r->delivered;
	us = umax(micros(r->sent_ns) - r->first_us,
		  micros(e->now.ns) - r->delivered_us);
	if (us == 0 || us < a->min_rtt_us)
		return; /* two ACKs in one: no interval to speak of */
	limited = r->flags & RECORD_LIMITED;
	if (limited &&
	    (uint64_t)segs * rate->last_us < (uint64_t)rate->last_segs * us)
		return;
	rate->last_segs = segs;
	rate->last_us = us;
	rate->last_limited = limited;
}
