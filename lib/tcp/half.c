/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call that is half-open, without a connection: SYN-RECEIVED in 16 bytes
 * (RFC 9293 3.10.7.2 to 3.10.7.4, RFC 4987 3.3). What its SYN offered is all
 * that must be remembered: everything else follows from the listener, and is
 * made anew for each answer, so that the SYN-ACK of a repeated SYN, and the
 * connection in the end, are what a connection from the beginning would be.
 */
#include "tcp/engine.h"

void tcp_half_begin(const struct tcp_env *e, const struct tcp *listener,
		    const struct tcp_setup *s, const struct tcp_segment *syn,
		    struct tcp_half *h)
{
	const struct tcp_options *o = &syn->options;

	*h = (struct tcp_half){
		.irs = syn->seq,
		.iss = life_iss(e, s),
		.tsval = o->has_timestamp ? o->tsval : 0,
		.mss = o->mss,
		.wscale = o->has_wscale ? o->wscale : TCP_HALF_NO_SCALE,
		.sack = o->sack_permitted,
		.stamped = o->has_timestamp && !listener->no_ts,
		.ecn = ecn_setup(syn) &&
		       extra_of(e, listener)->ecn != MINATO_ECN_NEVER,
	};
}

void tcp_half_again(struct tcp_half *h, const struct tcp_segment *syn)
{
	h->ecn = h->ecn && ecn_setup(syn);
}

static void remake_syn(const struct tcp_half *h, struct tcp_segment *syn)
{
	const bool scaled = h->wscale != TCP_HALF_NO_SCALE;

	*syn = (struct tcp_segment){
		.seq = h->irs,
		.flags = (uint8_t)(TCP_SYN |
				   (h->ecn ? TCP_ECE | TCP_CWR : 0)),
		.options = {
			.mss = h->mss,
			.has_wscale = scaled,
			.wscale = scaled ? h->wscale : 0,
			.sack_permitted = h->sack,
			.has_timestamp = h->stamped,
			.tsval = h->tsval,
		},
	};
}

static void remake(struct tcp_env *e, struct tcp *c, const struct tcp *listener,
		   const struct tcp_setup *s, const struct tcp_half *h)
{
	struct tcp_setup setup = *s;
	struct tcp_segment syn;

	setup.fixed = true;
	setup.iss = h->iss;
	remake_syn(h, &syn);
	tcp_passive(e, c, listener, &setup, &syn, false);
}

void tcp_half_say(struct tcp_env *e, const struct tcp *listener,
		  const struct tcp_setup *s, const struct tcp_half *h,
		  enum tcp_half_says what, struct tcp_emit *out)
{
	struct tcp c;

	tcp_init(&c);
	remake(e, &c, listener, s, h);
	switch (what) {
	case TCP_HALF_SYN:
		emit_syn(e, &c, out);
		break;
	case TCP_HALF_ACK:
		emit_ack(e, &c, c.snd_nxt, out);
		break;
	case TCP_HALF_RESET:
		emit_reset(e, &c, out);
		break;
	}
	tcp_destroy(e, &c);
}

uint32_t tcp_half_wait_s(uint32_t tries)
{
	return tries > TCP_TRIES_SYNACK ? 0 : 1u << tries;
}

/* RFC 9293 3.10.7.4, first: what a window of 64 KB takes, which is the least
   that any listener offers whose buffer is not set smaller. */
static bool acceptable(const struct tcp_half *h, const struct tcp_segment *s)
{
	const struct seq nxt = seq_add(h->irs, 1);

	return seq_le(nxt, s->seq) && seq_lt(s->seq, seq_add(nxt, 65535));
}

static enum tcp_half_does on_ack(const struct tcp_half *h,
				 const struct tcp_segment *s)
{
	const struct tcp_options *o = &s->options;

	if (!seq_eq(s->ack, seq_add(h->iss, 1)))
		return TCP_HALF_REFUSE; /* fifth */
	/* RFC 7323 5.3 R1; 3.2: who offered stamps has them on all. */
	if (h->stamped &&
	    (!o->has_timestamp || (int32_t)(o->tsval - h->tsval) < 0))
		return o->has_timestamp ? TCP_HALF_CHALLENGE : TCP_HALF_DROP;
	return acceptable(h, s) ? TCP_HALF_OPEN : TCP_HALF_CHALLENGE;
}

enum tcp_half_does tcp_half_arrive(const struct tcp_half *h,
				   const struct tcp_segment *s)
{
	const struct seq nxt = seq_add(h->irs, 1);

	if (s->flags & TCP_RST) { /* RFC 5961 3.2 */
		if (seq_eq(s->seq, nxt))
			return TCP_HALF_END;
		return acceptable(h, s) ? TCP_HALF_CHALLENGE : TCP_HALF_DROP;
	}
	if (s->flags & TCP_SYN) {
		if (!(s->flags & TCP_ACK) && seq_eq(s->seq, h->irs))
			return TCP_HALF_REPEAT;
		return TCP_HALF_CHALLENGE; /* RFC 5961 4.2 */
	}
	if (!(s->flags & TCP_ACK))
		return TCP_HALF_DROP;
	return on_ack(h, s);
}

void tcp_half_open(struct tcp_env *e, struct tcp *c, const struct tcp *listener,
		   const struct tcp_setup *s, const struct tcp_half *h,
		   struct minato_time said, uint32_t tries)
{
	remake(e, c, listener, s, h);
	/* As if the SYN-ACK had been its own. */
	c->syn_due = false;
	c->tries = (uint8_t)tries;
	c->by_cookie = said.ns == MINATO_NEVER.ns;
	c->timer = time_after(c->by_cookie ? e->now : said,
			      TCP_RTO_FIRST << tries);
	c->signals = TCP_SIGNAL_TIMER;
	tcp_check(e, c);
}
