/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of congestion, and what an ACK, a duplicate or a timeout does in
 * them: fast recovery by SACK, RACK or duplicates (RFC 6675, 6582), PRR (RFC
 * 6937), F-RTO (RFC 5682), undo by timestamps and DSACK (RFC 4015, 3708).
 *
 *	OPEN -- dup, SACK --> DISORDER -- loss --> RECOVERY -- high acked --+
 *	 ^ \                                          |                     |
 *	 |  +-- timeout in any state --> LOSS --------+--- high acked ------+
 *	 +------------------------------------------------------------------+
 */
#include "tcp/engine.h"

bool recovery_reducing(const struct tcp_active *a)
{
	return a->ca == CA_CWR || a->ca == CA_RECOVERY;
}

/* --- undo ---------------------------------------------------------------- */

static void begin_undo(struct tcp *c, struct tcp_active *a)
{
	a->undo.marker = c->snd_una;
	a->undo.marked = true;
	a->undo.retrans = (int32_t)a->retrans_out;
	if (a->probe_out && a->probe_retrans)
		a->undo.retrans++;
	if (a->undo.retrans == 0)
		a->undo.retrans = -1; /* 0 would mean: all were needless */
}

/* The ACK answers something sent before the first retransmission (RFC 3522). */
static bool eifel(const struct tcp_env *e, const struct tcp *c,
		  const struct tcp_active *a, const struct tcp_acked *k)
{
	const struct tcp_options *o = &k->s->options;
	uint32_t stamp;

	if (!c->ts_ok || !o->has_timestamp || o->tsecr == 0 ||
	    a->retrans_ns == 0)
		return false;
	stamp = (uint32_t)(a->retrans_ns / NS_PER_MS) + c->ts_offset;
	(void)e;
	return (int32_t)(o->tsecr - stamp) < 0;
}

static bool may_undo(const struct tcp_env *e, const struct tcp *c,
		     const struct tcp_active *a, const struct tcp_acked *k)
{
	return a->undo.marked && (a->undo.retrans == 0 || eifel(e, c, a, k));
}

static void undo(struct tcp_env *e, struct tcp *c, bool unmark)
{
	struct tcp_active *a = active_of(e, c);
	uint32_t index;

	for (index = a->first; unmark && index != POOL_NONE;
	     index = record_at(e, index)->next)
		record_at(e, index)->flags &= (uint8_t)~RECORD_LOST;
	if (unmark) {
		a->lost_out = 0;
		a->hint = POOL_NONE;
	}
	if (a->undo.ssthresh != 0) {
		c->cwnd = umax(c->cwnd, a->prior_cwnd);
		c->ssthresh = umax(c->ssthresh, a->undo.ssthresh);
	}
	a->cwnd_ns = e->now.ns;
	a->undo.marked = false;
	a->rack.advanced = true; /* forces a new look for losses */
}

/* --- reordering, reduction ----------------------------------------------- */

void recovery_reordered(struct tcp_env *e, struct tcp *c, struct seq low)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t mss = send_mss(e, c);
	const struct seq high = board_highest(c, a);
	uint32_t degree;

	if (!seq_lt(low, high))
		return;
	degree = (seq_sub(high, low) + mss - 1) / mss;
	if (degree > a->reordering)
		a->reordering = umin(degree, TCP_REORDERING_MAX);
	a->stats.reord_seen++;
}

void recovery_start_reduction(struct tcp_env *e, struct tcp *c, bool by_ecn)
{
	struct tcp_active *a = active_of(e, c);

	a->high = c->snd_nxt;
	a->probe_out = false;
	a->cwnd_count = 0;
	a->prior_cwnd = c->cwnd;
	a->prr_delivered = 0;
	a->prr_out = 0;
	c->ssthresh = congestion_ssthresh(e, c, by_ecn);
	c->cwr_due = c->ecn_ok; /* for any reason (RFC 3168 6.1.2) */
}

void recovery_end_reduction(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (c->ssthresh < TCP_SSTHRESH_INFINITE &&
	    (a->ca == CA_CWR || a->undo.marked)) {
		c->cwnd = c->ssthresh;
		a->cwnd_ns = e->now.ns;
	}
}

/* RFC 6937 3.1, with the slow-start bound only while nothing more is lost. */
void recovery_reduce(struct tcp *c, struct tcp_active *a, uint32_t delivered,
		     bool lost, uint32_t flags)
{
	const uint32_t flight = board_in_flight(a);
	int64_t send;

	if (delivered == 0 || a->prior_cwnd == 0)
		return;
	a->prr_delivered += delivered;
	if (flight > c->ssthresh) {
		uint64_t share = (uint64_t)c->ssthresh * a->prr_delivered;
		send = (int64_t)((share + a->prior_cwnd - 1) / a->prior_cwnd) -
		       a->prr_out;
	} else {
		send = (int64_t)a->prr_delivered - a->prr_out;
		send = span_max(send, delivered);
		if ((flags & ACKED_UNA) && !lost)
			send++;
		send = span_min(send, c->ssthresh - flight);
	}
	/* The first retransmission goes out whatever the counts say. */
	send = span_max(send, a->prr_out > 0 ? 0 : 1);
	c->cwnd = flight + (uint32_t)send;
}

void recovery_enter(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	a->undo.ssthresh = 0;
	begin_undo(c, a);
	if (!recovery_reducing(a)) {
		a->undo.ssthresh = congestion_current_ssthresh(c, a);
		recovery_start_reduction(e, c, false);
	}
	a->ca = CA_RECOVERY;
}

void recovery_echoed(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (a->ca >= CA_CWR)
		return; /* once for what is in flight (RFC 3168 6.1.2) */
	a->undo.ssthresh = 0;
	a->undo.marked = false;
	recovery_start_reduction(e, c, true);
	a->ca = CA_CWR;
}

void recovery_keep_open(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	enum tcp_ca to = CA_OPEN;

	if (a->sacked_out + a->lost_out > 0 || board_any_retrans(e, a))
		to = CA_DISORDER;
	if (a->ca != to) {
		a->ca = to;
		a->high = c->snd_nxt;
	}
}

static void try_open(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (!board_any_retrans(e, a))
		a->retrans_ns = 0;
	if (a->ca != CA_CWR)
		recovery_keep_open(e, c);
}

/* --- timeout ------------------------------------------------------------- */

static void mark_timed_out(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	bool reneged;
	uint32_t index;

	if (a->first == POOL_NONE)
		return;
	/* The receiver has thrown away what it had (RFC 2018 8). */
	reneged = record_at(e, a->first)->flags & RECORD_SACKED;
	if (reneged || !c->sack_ok)
		a->sacked_out = 0;
	a->reneged = a->reneged || reneged;
	for (index = a->first; index != POOL_NONE;
	     index = record_at(e, index)->next) {
		struct tcp_record *r = record_at(e, index);
		if (reneged)
			r->flags &= (uint8_t)~RECORD_SACKED;
		else if (index != a->first && c->sack_ok &&
			 rack_remaining(e, a, r, 0) > 0)
			continue; /* sent so recently that it may arrive */
		board_mark_lost(e, a, index);
	}
}

void recovery_timeout(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const bool fresh = a->ca < CA_RECOVERY;

	mark_timed_out(e, c);
	if (a->ca <= CA_DISORDER || seq_le(a->high, c->snd_una) ||
	    (a->ca == CA_LOSS && a->retransmits == 0)) {
		a->undo.ssthresh = congestion_current_ssthresh(c, a);
		a->prior_cwnd = c->cwnd;
		c->ssthresh = congestion_ssthresh(e, c, false);
		c->cwr_due = c->ecn_ok;
		begin_undo(c, a);
	}
	c->cwnd = board_in_flight(a) + 1;
	a->cwnd_count = 0;
	a->cwnd_ns = e->now.ns;
	if (a->ca <= CA_DISORDER && a->sacked_out >= TCP_REORDERING)
		a->reordering = umin(a->reordering, TCP_REORDERING);
	a->ca = CA_LOSS;
	congestion_lost_state(c, a);
	a->high = c->snd_nxt;
	a->probe_out = false;
	/* RFC 5682 2.1 step 1. */
	a->frto = fresh || a->retransmits > 0;
	a->new_first = false;
}

void recovery_too_big(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t mss = send_mss(e, c);
	const uint32_t before = a == NULL ? 0 : a->lost_out;
	uint32_t index;

	if (a == NULL || a->first == POOL_NONE)
		return;
	for (index = a->first; index != POOL_NONE;
	     index = record_at(e, index)->next)
		if (record_at(e, index)->unit > mss)
			board_mark_lost(e, a, index);
	if (a->lost_out == before)
		return;
	if (a->ca != CA_LOSS) {
		a->high = c->snd_nxt;
		c->ssthresh = congestion_current_ssthresh(c, a);
		a->undo.ssthresh = 0;
		a->undo.marked = false;
		a->ca = CA_LOSS;
		a->frto = false;
	}
	c->signals |= TCP_SIGNAL_OUTPUT;
}

/* --- without SACK (RFC 6582) --------------------------------------------- */

static void reno_add(struct tcp_active *a, bool duplicate)
{
	if (!duplicate || a->sacked_out + a->lost_out >= a->packets_out)
		return;
	a->sacked_out++;
	a->delivered++;
}

static void reno_mark_lost(struct tcp_env *e, struct tcp *c, bool advanced)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_record *r;

	if (a->first == POOL_NONE ||
	    !((a->ca < CA_RECOVERY && a->sacked_out >= a->reordering) ||
	      (a->ca == CA_RECOVERY && advanced)))
		return;
	r = record_at(e, a->first);
	if (r->flags & RECORD_LOST)
		return;
	if (record_segs(r) > 1 && !board_split(e, a, a->first, 1))
		return;
	board_mark_lost(e, a, a->first);
	/* Never more than is out: the guess by duplicates gives way. */
	if (a->sacked_out + a->lost_out > a->packets_out)
		a->sacked_out = a->packets_out - a->lost_out;
}

static void find_losses(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t before = a->retrans_out;

	if (!c->sack_ok) {
		reno_mark_lost(e, c, k->flags & ACKED_UNA);
		return;
	}
	rack_mark_lost(e, c);
	if (a->retrans_out < before)
		k->flags |= ACKED_LOST_RETRANS;
}

/* --- an ACK in each state ------------------------------------------------ */

/* Without SACK the state is held until something above `high` is acked, or
   old duplicates would start it again (RFC 6582 4.1). */
static bool hold_for_reno(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (c->sack_ok || !seq_eq(c->snd_una, a->high))
		return false;
	if (!board_any_retrans(e, a))
		a->retrans_ns = 0;
	return true;
}

/* True: the old state is kept. */
static bool undo_recovery(struct tcp_env *e, struct tcp *c,
			  const struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);

	if (may_undo(e, c, a, k))
		undo(e, c, false);
	else if (a->rack.persist > 0)
		a->rack.persist--;
	if (hold_for_reno(e, c))
		return true;
	a->ca = CA_OPEN;
	a->reneged = false;
	return false;
}

static bool undo_by_dsack(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (!a->undo.marked || a->undo.retrans != 0)
		return false;
	a->rack.persist = (uint8_t)umin(a->rack.persist + 1u, 16);
	undo(e, c, false);
	return true;
}

static bool undo_loss(struct tcp_env *e, struct tcp *c,
		      const struct tcp_acked *k, bool by_frto)
{
	struct tcp_active *a = active_of(e, c);

	if (!by_frto && !may_undo(e, c, a, k))
		return false;
	undo(e, c, true);
	a->retransmits = 0;
	if (hold_for_reno(e, c))
		return true;
	if (by_frto || c->sack_ok) {
		a->ca = CA_OPEN;
		a->reneged = false;
	}
	return true;
}

/* True: nothing else is to be done for this ACK. */
static bool undo_partial(struct tcp_env *e, struct tcp *c,
			 const struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);

	if (!a->undo.marked || !eifel(e, c, a, k))
		return false;
	/* The hole was filled by a late original. */
	recovery_reordered(e, c, k->una_before);
	if (a->retrans_out > 0)
		return true;
	if (!board_any_retrans(e, a))
		a->retrans_ns = 0;
	undo(e, c, true);
	recovery_keep_open(e, c);
	return false;
}

/* RFC 5682 3.1. True: the state was dealt with. */
static bool frto(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		 bool duplicate, bool recovered)
{
	struct tcp_active *a = active_of(e, c);

	if ((k->flags & ACKED_ORIGINAL) && undo_loss(e, c, k, true))
		return true;
	if (seq_lt(a->high, c->snd_nxt)) {
		if ((k->flags & ACKED_SACK) || duplicate)
			a->frto = false;
	} else if ((k->flags & ACKED_UNA) && !recovered) {
		a->high = c->snd_nxt;
		if (send_unsent(c, a) > 0 && seq_lt(c->snd_nxt, send_edge(c))) {
			a->new_first = true; /* step 2b */
			return true;
		}
		a->frto = false;
	}
	return false;
}

static void in_loss(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		    bool duplicate)
{
	struct tcp_active *a = active_of(e, c);
	const bool recovered = seq_le(a->high, c->snd_una);

	a->new_first = false;
	if ((k->flags & ACKED_UNA) && undo_loss(e, c, k, false))
		return;
	if (a->frto && frto(e, c, k, duplicate, recovered))
		return;
	if (recovered) {
		(void)undo_recovery(e, c, k);
		return;
	}
	if (c->sack_ok)
		return;
	if (seq_lt(a->high, c->snd_nxt) && duplicate)
		reno_add(a, true);
	else if (k->flags & ACKED_UNA)
		a->sacked_out = 0;
}

static bool time_to_recover(const struct tcp_active *a)
{
	return a->lost_out > 0;
}

static void in_recovery(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
			bool duplicate)
{
	struct tcp_active *a = active_of(e, c);

	if (!(k->flags & ACKED_UNA)) {
		if (!c->sack_ok)
			reno_add(a, duplicate);
	} else if (undo_partial(e, c, k)) {
		return;
	}
	if (undo_by_dsack(e, c))
		try_open(e, c);
	find_losses(e, c, k);
	if (a->ca != CA_RECOVERY && time_to_recover(a))
		recovery_enter(e, c);
}

static void in_open(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		    bool duplicate)
{
	struct tcp_active *a = active_of(e, c);

	if (!c->sack_ok) {
		if (k->flags & ACKED_UNA)
			a->sacked_out = 0;
		reno_add(a, duplicate);
	}
	if (a->ca <= CA_DISORDER)
		(void)undo_by_dsack(e, c);
	find_losses(e, c, k);
	if (!time_to_recover(a)) {
		if (k->flags & ACKED_ECE)
			recovery_echoed(e, c);
		try_open(e, c);
		return;
	}
	recovery_enter(e, c);
}

/* The end of a state is reached when what was sent before it is acked. */
static bool leave(struct tcp_env *e, struct tcp *c, const struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);

	if (a->ca == CA_OPEN) {
		a->retrans_ns = 0;
	} else if (seq_le(a->high, c->snd_una)) {
		if (a->ca == CA_CWR && !seq_eq(c->snd_una, a->high)) {
			recovery_end_reduction(e, c);
			a->ca = CA_OPEN;
		} else if (a->ca == CA_RECOVERY) {
			if (!c->sack_ok)
				a->sacked_out = 0;
			if (undo_recovery(e, c, k))
				return true;
			recovery_end_reduction(e, c);
		}
	}
	return false;
}

/* The head is sacked but not acknowledged: it was thrown away. */
static bool reneging(struct tcp_env *e, struct tcp *c, struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);

	if (!(k->flags & ACKED_UNA) || a->first == POOL_NONE ||
	    !(record_at(e, a->first)->flags & RECORD_SACKED))
		return false;
	timer_arm(e, c, TIMER_RTO,
		  span_max((int64_t)(c->srtt_us8 >> 4) * NS_PER_US,
			   10 * NS_PER_MS));
	k->flags &= ~ACKED_REARM;
	return true;
}

void recovery_ack(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		  bool duplicate)
{
	struct tcp_active *a = active_of(e, c);

	if (a->packets_out == 0)
		a->sacked_out = 0;
	if (reneging(e, c, k) || leave(e, c, k))
		return;
	switch (a->ca) {
	case CA_RECOVERY:
		in_recovery(e, c, k, duplicate);
		break;
	case CA_LOSS:
		in_loss(e, c, k, duplicate);
		find_losses(e, c, k);
		if (a->ca == CA_OPEN || (k->flags & ACKED_LOST_RETRANS))
			in_open(e, c, k, false);
		break;
	case CA_OPEN:
	case CA_DISORDER:
	case CA_CWR:
		in_open(e, c, k, duplicate);
		break;
	}
}
