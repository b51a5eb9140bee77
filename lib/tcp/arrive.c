/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segment arrival: the steps of RFC 9293 3.10.7 in the RFC's order, one
 * function each, tightened by RFC 5961 and RFC 7323.
 *
 *	first    sequence number (before it PAWS)   in_window, fresh
 *	second   RST                                 no_reset
 *	third    security: not applicable
 *	fourth   SYN                                 no_syn
 *	fifth    ACK                                 acknowledged
 *	sixth    URG                                 urgent
 *	seventh  segment text, eighth FIN            text
 *
 * A step goes on, or drops the segment; what it owes in answer is a flag or a
 * count that tcp_next works off.
 */
#include "tcp/engine.h"

#define PAWS_DAYS_S (24u * 24 * 3600) /* RFC 7323 5.5 */
#define CHALLENGE_SPAN_MS 5000u

enum step { GO_ON, DROP };

static enum step drop(struct tcp_arrival *in, enum drop why)
{
	in->why = why;
	return DROP;
}

/* A limit of each connection, which only its ends can see (RFC 5961 7). There
   is none for all: whoever shares a count can read it (CVE-2016-5696), and no
   more is answered than came. */
void arrive_challenge(struct tcp_env *e, struct tcp *c)
{
	const uint32_t now = clock_ms(e);

	if (now - c->challenge_ms >= CHALLENGE_SPAN_MS || c->challenges == 0) {
		c->challenge_ms = now;
		c->challenges = 0;
	}
	if (c->challenges >= TCP_CHALLENGES)
		return;
	c->challenges++;
	if (c->owed_challenges < UINT8_MAX)
		c->owed_challenges++;
}

/* Owes an ACK to a segment that is not acceptable. Those with data are no ACK
   loop, and their sender must learn where it stands. */
static void answer_unacceptable(struct tcp_env *e, struct tcp *c,
				struct tcp_arrival *in)
{
	const bool data = in->len > 0 || in->fin;

	if (!data) {
		arrive_challenge(e, c);
		return;
	}
	if (seq_lt(in->seq, c->rcv_nxt)) {
		delay_quick(e, c);
		reassemble_duplicate(e, c, in->seq,
				     seq_min(in->end, c->rcv_nxt));
	}
	if (c->owed_duplicates < UINT8_MAX)
		c->owed_duplicates++;
}

/* --- first: PAWS and the window ------------------------------------------ */

/* An old duplicate ACK that brings nothing: no reason to answer (Linux). */
static bool harmless_old_ack(const struct tcp *c, const struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;

	return seq_eq(in->seq, in->end) && seq_eq(in->seq, c->rcv_nxt) &&
	       seq_eq(s->ack, c->snd_una) &&
	       (int32_t)(c->ts_recent - s->options.tsval) <=
		       (int32_t)(rtt_timeout(c) / NS_PER_MS);
}

/* RFC 7323 5.3 R1: before the window; never for RST (P2). */
static enum step fresh(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	const struct tcp_options *o = &in->s->options;
	const uint32_t now_s = (uint32_t)(e->now.ns / NS_PER_S);

	if (!c->ts_ok || (in->s->flags & TCP_RST))
		return GO_ON;
	if (!o->has_timestamp) /* RFC 7323 3.2 */
		return drop(in, DROP_TCP_TIMESTAMP);
	if ((int32_t)(o->tsval - c->ts_recent) >= 0 ||
	    now_s - c->ts_recent_s > PAWS_DAYS_S)
		return GO_ON;
	if (harmless_old_ack(c, in))
		return GO_ON;
	answer_unacceptable(e, c, in);
	return drop(in, DROP_TCP_PAWS);
}

static enum step in_window(struct tcp_env *e, struct tcp *c,
			   struct tcp_arrival *in)
{
	const uint32_t window = window_offered(c);
	const struct seq edge = seq_add(c->rcv_nxt, window);
	const bool text = !seq_eq(in->seq, in->end);
	bool ok = seq_le(c->rcv_wup, in->end);

	/* At the edge: an ACK of a sender that has filled the window, and the
	   ACK, RST or URG of a probe of a closed one (MUST-66). */
	if (text && window > 0)
		ok = ok && seq_lt(in->seq, edge);
	else
		ok = ok && seq_le(in->seq, edge);
	if (ok)
		return GO_ON;
	if (in->s->flags & TCP_RST)
		return drop(in, DROP_TCP_SEQUENCE);
	if (in->s->flags & TCP_SYN) /* RFC 5961 4.2 */
		arrive_challenge(e, c);
	else
		answer_unacceptable(e, c, in);
	return drop(in, DROP_TCP_SEQUENCE);
}

/* --- second and fourth --------------------------------------------------- */

static enum step no_reset(struct tcp_env *e, struct tcp *c,
			  struct tcp_arrival *in)
{
	if (!(in->s->flags & TCP_RST))
		return GO_ON;
	if (seq_eq(in->s->seq, c->rcv_nxt)) {
		life_event(e, c, EVENT_RESET, 0);
		return DROP;
	}
	arrive_challenge(e, c); /* RFC 5961 3.2 */
	return drop(in, DROP_TCP_RST);
}

/* A SYN once more, in SYN-RECEIVED: theirs, crossed or repeated. */
static enum step syn_again(struct tcp *c, struct tcp_arrival *in)
{
	if (in->s->flags & TCP_ACK) { /* simultaneous open: the ACK counts */
		in->seq = seq_add(in->seq, 1);
		return GO_ON;
	}
	if (c->held)
		return drop(in, DROP_DUPLICATE_CALL);
	c->ecn_ok = c->ecn_ok && ecn_setup(in->s);
	c->syn_due = true;
	return drop(in, DROP_TCP_SYN);
}

static enum step no_syn(struct tcp_env *e, struct tcp *c,
			struct tcp_arrival *in)
{
	if (!(in->s->flags & TCP_SYN))
		return GO_ON;
	if (c->state == MINATO_SYN_RECEIVED &&
	    seq_eq(seq_add(in->s->seq, 1), c->rcv_nxt))
		return syn_again(c, in);
	arrive_challenge(e, c); /* RFC 5961 4.2 */
	return drop(in, DROP_TCP_SYN);
}

/* --- opening: our SYN is acknowledged ------------------------------------ */

/* When the SYN was sent, unless it was sent again (Karn). */
static int64_t syn_round_trip(const struct tcp_env *e, const struct tcp *c,
			      const struct tcp_segment *s)
{
	/* Nobody knows when a cookie was sent, nor its lowest bits. */
	if (c->by_cookie)
		return -1;
	if (c->tries == 0)
		return (e->now.ns - (c->timer.ns - TCP_RTO_FIRST)) / NS_PER_US;
	return rtt_by_timestamp(e, c, s);
}

static void open_up(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;
	const uint32_t scale = c->state == MINATO_SYN_SENT ? 0 :
							     (c->wscale >> 4);
	const int64_t us = syn_round_trip(e, c, s);
	const uint32_t tries = c->tries;
	struct tcp_active *a;

	c->snd_una = s->ack;
	c->snd_wnd = (uint32_t)s->window << scale;
	c->snd_wnd_max = c->snd_wnd;
	c->snd_wl1 = s->seq;
	if (us >= 0)
		rtt_sample(e, c, us);
	else if (c->srtt_us8 == 0 && !c->by_cookie) /* RFC 6298 5.7 */
		c->rttvar_us = (uint32_t)(TCP_RTO_FALLBACK / NS_PER_US);
	/* RFC 5681 3.1: SYN or SYN-ACK was lost. Deviates: once is forgiven, as
	   by Linux, since an RTO of 1 s may be too early (RFC 6298 A). */
	if (tries > 1)
		c->cwnd = 1;
	a = block_take(e, c);
	life_event(e, c, EVENT_OPEN, 0);
	if (a == NULL)
		return;
	a->stats.total_retrans = tries;
	if (c->passive)
		a->stats.segs_out += 1 + tries;
	if (us >= 0)
		rtt_min(e, a, us);
	a->written_push = c->snd_nxt;
	a->small_end = c->snd_una;
	a->usage_end = c->snd_una;
}

/* --- fifth --------------------------------------------------------------- */

/* RFC 7323 4.3 (2): only a segment that covers Last.ACK.sent. */
static void remember_timestamp(struct tcp_env *e, struct tcp *c,
			       const struct tcp_arrival *in)
{
	const struct tcp_options *o = &in->s->options;

	if (!c->ts_ok || !o->has_timestamp || seq_lt(c->rcv_wup, in->s->seq))
		return;
	if ((int32_t)(o->tsval - c->ts_recent) < 0 &&
	    (uint32_t)(e->now.ns / NS_PER_S) - c->ts_recent_s <= PAWS_DAYS_S)
		return;
	c->ts_recent = o->tsval;
	c->ts_recent_s = (uint32_t)(e->now.ns / NS_PER_S);
}

static enum step acknowledged(struct tcp_env *e, struct tcp *c,
			      struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;

	if (!(s->flags & TCP_ACK))
		return drop(in, DROP_TCP_FLAGS);
	if (c->state == MINATO_SYN_RECEIVED) {
		if (c->held || !seq_eq(s->ack, c->snd_nxt)) {
			c->reset_owed = true; /* 3.10.7.4 */
			c->reset_seq = s->ack;
			return drop(in, DROP_TCP_ACK);
		}
		remember_timestamp(e, c, in);
		open_up(e, c, in);
		return GO_ON;
	}
	if (!ack_arrive(e, c, in))
		return DROP;
	if (!in->old_ack)
		remember_timestamp(e, c, in);
	return c->state == MINATO_CLOSED ? DROP : GO_ON;
}

/* --- sixth to eighth ----------------------------------------------------- */

static enum step urgent(struct tcp_env *e, struct tcp *c,
			struct tcp_arrival *in)
{
	if (life_may_receive(c) && !c->orphan)
		urgent_arrive(e, c, in);
	return GO_ON;
}

/* Cuts what came before and what the window does not hold. */
static void trim(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	const struct seq edge = seq_add(c->rcv_nxt, window_offered(c));
	uint32_t old;

	if (seq_lt(in->seq, c->rcv_nxt)) {
		old = umin(seq_sub(c->rcv_nxt, in->seq), in->len);
		reassemble_duplicate(e, c, in->seq, seq_add(in->seq, old));
		in->skip += old;
		in->len -= old;
		in->seq = c->rcv_nxt;
	}
	if (seq_lt(edge, seq_add(in->seq, in->len))) {
		in->len = seq_lt(in->seq, edge) ? seq_sub(edge, in->seq) : 0;
		in->fin = false;
	}
}

/* MAY-1, RFC 2525 2.17: nobody is there who could read it. */
static enum step refuse_text(struct tcp_env *e, struct tcp *c,
			     struct tcp_arrival *in)
{
	c->rst_bare = true;
	c->reset_seq = in->s->ack;
	life_event(e, c, EVENT_ABORT, 0);
	return drop(in, DROP_TCP_CLOSED);
}

/*
 * RFC 3168 6.1.3: a mark on data that is taken is told with each ACK until the
 * sender says that it has heard; both at once, or a delayed ACK would hold its
 * reaction back.
 */
static void note_congestion(struct tcp_env *e, struct tcp *c,
			    const struct tcp_arrival *in)
{
	const bool marked = (in->p->traffic_class & 3) == 3;

	if (!c->ecn_ok || in->len == 0)
		return;
	if (in->s->flags & TCP_CWR) {
		c->ecn_echo = false;
		c->ack_now = true;
	}
	if (!marked)
		return;
	if (!c->ecn_echo)
		delay_quick(e, c);
	c->ecn_echo = true;
	c->ack_now = true;
}

static enum step text(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	struct tcp_active *a;
	const uint32_t came = in->len;

	if (in->len == 0 && !in->fin)
		return GO_ON;
	if (seq_le(in->end, c->rcv_nxt)) {
		answer_unacceptable(e, c, in); /* all of it came before */
		return drop(in, DROP_TCP_SEQUENCE);
	}
	if (!life_may_receive(c))
		return GO_ON; /* the peer has sent a FIN: ignore the text */
	if (c->orphan && in->len > 0)
		return refuse_text(e, c, in);
	trim(e, c, in);
	if (in->len == 0 && !in->fin) {
		/* A closed window: say so again (RFC 9293 3.8.6.1). */
		delay_quick(e, c);
		c->ack_now = true;
		return drop(in, DROP_TCP_SEQUENCE);
	}
	note_congestion(e, c, in);
	reassemble(e, c, in);
	a = active_of(e, c);
	if (a != NULL && came > 0)
		a->stats.data_segs_in += in->segs;
	return GO_ON;
}

static void run_steps(struct tcp_env *e, struct tcp *c, struct tcp_arrival *in)
{
	if (fresh(e, c, in) == DROP || in_window(e, c, in) == DROP ||
	    no_reset(e, c, in) == DROP || no_syn(e, c, in) == DROP ||
	    acknowledged(e, c, in) == DROP || urgent(e, c, in) == DROP)
		return;
	(void)text(e, c, in);
}

/* --- SYN-SENT (3.10.7.3) ------------------------------------------------- */

static enum step syn_sent_ack(struct tcp *c, struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;

	if (!(s->flags & TCP_ACK) || seq_eq(s->ack, c->snd_nxt))
		return GO_ON;
	if (!(s->flags & TCP_RST)) {
		c->reset_owed = true;
		c->reset_seq = s->ack;
	}
	return drop(in, DROP_TCP_ACK);
}

static void take_offer(struct tcp_env *e, struct tcp *c,
		       const struct tcp_segment *s)
{
	const struct tcp_options *o = &s->options;

	c->rcv_nxt = seq_add(s->seq, 1);
	c->rcv_wup = c->rcv_nxt;
	c->snd_wl1 = s->seq;
	c->snd_wnd = s->window;
	c->snd_wnd_max = s->window;
	if (o->mss != 0)
		c->mss_peer = (uint16_t)umax(o->mss, TCP_MSS_MIN);
	/* SYNs that cross (no ACK) agree on nothing. */
	c->ecn_ok = c->ecn_ok && (s->flags & TCP_ACK) && ecn_setup(s);
	c->sack_ok = c->sack_ok && o->sack_permitted;
	c->ts_ok = c->ts_ok && o->has_timestamp;
	c->ws_ok = c->ws_ok && o->has_wscale;
	if (c->ws_ok) /* RFC 7323 2.3: 14 at most */
		c->wscale = (uint8_t)((c->wscale & 15) |
				      (umin(o->wscale, 14) << 4));
	else
		c->wscale = 0;
	if (c->ts_ok) {
		c->ts_recent = o->tsval;
		c->ts_recent_s = (uint32_t)(e->now.ns / NS_PER_S);
	}
	if (c->active != POOL_NONE) {
		/* The block was made before there was a receive side. */
		struct tcp_active *a = active_of(e, c);
		a->tuning.copied = c->rcv_nxt;
		a->tuning.space_seq = c->rcv_nxt;
		a->tuning.rtt_seq = seq_add(c->rcv_nxt, c->rcv_wnd);
		a->tuning.rtt_ns = e->now.ns;
		a->tuning.space_ns = e->now.ns;
		delay_init(e, c, &a->delay);
	}
}

static void in_syn_sent(struct tcp_env *e, struct tcp *c,
			struct tcp_arrival *in)
{
	const struct tcp_segment *s = in->s;

	if (syn_sent_ack(c, in) == DROP)
		return;
	if (s->flags & TCP_RST) {
		if (s->flags & TCP_ACK) /* it answers our SYN: refused */
			life_event(e, c, EVENT_RESET, 0);
		else
			in->why = DROP_TCP_RST;
		return;
	}
	if (!(s->flags & TCP_SYN)) {
		in->why = DROP_TCP_FLAGS;
		return;
	}
	take_offer(e, c, s);
	in->seq = seq_add(in->seq, 1);
	if (!(s->flags & TCP_ACK)) {
		/* Simultaneous open (MUST-10): SYN-ACK, theirs will come. */
		life_event(e, c, EVENT_SYN, 0);
		c->syn_due = true;
		return;
	}
	open_up(e, c, in);
	c->ack_now = true;
	if (urgent(e, c, in) == GO_ON)
		(void)text(e, c, in);
}

/* --- TIME-WAIT, while the owner keeps the connection whole --------------- */

static void in_time_wait(struct tcp_env *e, struct tcp *c,
			 struct tcp_arrival *in)
{
	struct tcp_time_wait t;
	struct tcp_segment reply;

	tcp_to_time_wait(c, &t);
	switch (tcp_time_wait_arrive(&t, e, in->s, in->p->len, &reply)) {
	case TCP_TW_END:
		life_event(e, c, EVENT_RESET, 0);
		return;
	case TCP_TW_ACK:
		if (c->owed_challenges < UINT8_MAX)
			c->owed_challenges++;
		c->timer = time_after(e->now, TCP_TIME_WAIT_SPAN);
		break;
	case TCP_TW_DROP:
	case TCP_TW_REOPEN: /* the owner asks before it hands it here */
		break;
	}
	c->ts_recent = t.ts_recent;
	in->why = DROP_TCP_CLOSED;
}

/* --- entry --------------------------------------------------------------- */

static void begin(const struct tcp_segment *s, const struct tcp_payload *p,
		  struct tcp_arrival *in)
{
	const uint32_t unit = p->gso_size;

	memset(in, 0, sizeof(*in));
	in->s = s;
	in->p = p;
	in->seq = s->seq;
	in->len = p->len;
	in->fin = (s->flags & TCP_FIN) != 0;
	in->end = seq_add(s->seq, p->len + ((s->flags & TCP_SYN) ? 1 : 0) +
					  (in->fin ? 1 : 0));
	in->segs = unit != 0 && p->len > unit ? (p->len + unit - 1) / unit : 1;
	in->why = DROP_NONE;
}

/* The peer is alive: what was not acceptable proves nothing. */
static void heard(struct tcp_env *e, struct tcp *c)
{
	c->heard_ms = clock_ms(e);
	if (life_synchronized(c))
		c->tries = 0;
}

enum drop tcp_arrive(struct tcp_env *e, struct tcp *c,
		     const struct tcp_segment *s, const struct tcp_payload *p)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_arrival in;

	begin(s, p, &in);
	if (a != NULL)
		a->stats.segs_in += in.segs;
	switch ((enum minato_state)c->state) {
	case MINATO_CLOSED:
	case MINATO_LISTEN:
		return DROP_TCP_CLOSED;
	case MINATO_SYN_SENT:
		in_syn_sent(e, c, &in);
		break;
	case MINATO_TIME_WAIT:
		in_time_wait(e, c, &in);
		break;
	case MINATO_SYN_RECEIVED:
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSE_WAIT:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
		run_steps(e, c, &in);
		break;
	}
	if (in.why == DROP_NONE)
		heard(e, c);
	if (life_synchronized(c))
		delay_decide(e, c);
	if (send_pending(e, c))
		c->signals |= TCP_SIGNAL_OUTPUT;
	block_settle(e, c);
	tcp_check(e, c);
	return in.why;
}

bool tcp_reset_for(const struct tcp_segment *s, uint32_t len,
		   struct tcp_segment *out)
{
	if (s->flags & TCP_RST)
		return false;
	memset(out, 0, sizeof(*out));
	out->src_port = s->dst_port;
	out->dst_port = s->src_port;
	out->flags = TCP_RST;
	if (s->flags & TCP_ACK) {
		out->seq = s->ack;
		return true;
	}
	out->flags |= TCP_ACK;
	out->ack = seq_add(s->seq, len + ((s->flags & TCP_SYN) ? 1 : 0) +
					   ((s->flags & TCP_FIN) ? 1 : 0));
	return true;
}
