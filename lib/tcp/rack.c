/* SPDX-License-Identifier: BSD-2-Clause */
/* Loss by time: RACK and the tail loss probe (RFC 8985), as Linux runs them. */
#include "tcp/engine.h"

#define PERSIST_ROUNDS 16u

/* Was (ns1, end1) sent after (ns2, end2)? */
static bool sent_after(int64_t ns1, struct seq end1, int64_t ns2,
		       struct seq end2)
{
	return ns1 > ns2 || (ns1 == ns2 && seq_lt(end2, end1));
}

/* RFC 8985 6.2 step 2. */
void rack_advance(const struct tcp_env *e, struct tcp_active *a,
		  const struct tcp_record *r)
{
	const int64_t us = (e->now.ns - r->sent_ns) / NS_PER_US;

	/* Faster than light: the original was delivered, not the copy. */
	if ((r->flags & (RECORD_RETRANS | RECORD_EVER)) &&
	    us < (int64_t)a->min_rtt_us)
		return;
	a->rack.advanced = true;
	a->rack.rtt_us = (uint32_t)us;
	if (sent_after(r->sent_ns, r->end, a->rack.sent_ns, a->rack.end)) {
		a->rack.sent_ns = r->sent_ns;
		a->rack.end = r->end;
	}
}

/* RFC 8985 6.2 step 4: how much reordering is waited for. */
static int64_t window_ns(const struct tcp *c, const struct tcp_active *a)
{
	int64_t us = (int64_t)(a->min_rtt_us >> 2) * a->rack.steps;

	if (a->stats.reord_seen == 0) {
		if (a->ca >= CA_RECOVERY || a->sacked_out >= a->reordering)
			return 0;
	}
	return span_min(us, c->srtt_us8 >> 3) * NS_PER_US;
}

int64_t rack_remaining(const struct tcp_env *e, const struct tcp_active *a,
		       const struct tcp_record *r, int64_t reorder_ns)
{
	return r->sent_ns + (int64_t)a->rack.rtt_us * NS_PER_US + reorder_ns -
	       e->now.ns;
}

/* RFC 8985 6.2 step 5. Returns how long the next one still has, 0 none. */
static int64_t detect(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const int64_t reorder = window_ns(c, a);
	int64_t longest = 0;
	uint32_t index;

	for (index = a->first; index != POOL_NONE;
	     index = record_at(e, index)->next) {
		const struct tcp_record *r = record_at(e, index);
		int64_t left;

		if (r->flags & RECORD_SACKED)
			continue;
		if ((r->flags & RECORD_LOST) && !(r->flags & RECORD_RETRANS))
			continue;
		if (!sent_after(a->rack.sent_ns, a->rack.end, r->sent_ns,
				r->end))
			continue;
		left = rack_remaining(e, a, r, reorder);
		if (left <= 0)
			board_mark_lost(e, a, index);
		else
			longest = span_max(longest, left);
	}
	return longest;
}

void rack_mark_lost(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	int64_t left;

	if (!a->rack.advanced)
		return;
	a->rack.advanced = false;
	left = detect(e, c);
	if (left > 0)
		timer_arm(e, c, TIMER_REORDER, left + TCP_TIMER_SLACK);
}

void rack_timeout(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t before = board_in_flight(a);

	(void)detect(e, c);
	if (board_in_flight(a) != before && a->ca != CA_RECOVERY) {
		recovery_enter(e, c);
		recovery_reduce(c, a, 1, true, 0);
	}
	if (a->timer != TIMER_RTO)
		timer_rearm(e, c);
}

/* RFC 8985 6.2 step 4: DSACKs widen the window, calm rounds narrow it. */
void rack_update_window(struct tcp_active *a, const struct tcp_acked *k)
{
	struct tcp_rack *r = &a->rack;

	if (!k->sampled)
		return;
	if ((int32_t)(k->prior_delivered - r->last_delivered) < 0)
		r->dsack_seen = false;
	if (r->dsack_seen) {
		r->steps = (uint8_t)umin(r->steps + 1u, 255);
		r->dsack_seen = false;
		r->last_delivered = a->delivered;
		r->persist = PERSIST_ROUNDS;
	} else if (r->persist == 0) {
		r->steps = 1;
	}
}

/* RFC 8985 7.2: two round trips, and room for a delayed ACK of one. */
bool rack_schedule_probe(struct tcp_env *e, struct tcp *c, bool advancing)
{
	struct tcp_active *a = active_of(e, c);
	int64_t span = TCP_RTO_FIRST;
	int64_t rto;

	if (a->packets_out == 0 || !c->sack_ok ||
	    (a->ca != CA_OPEN && a->ca != CA_CWR))
		return false;
	if (c->srtt_us8 != 0) {
		span = (int64_t)(c->srtt_us8 >> 2) * NS_PER_US;
		span += a->packets_out == 1 ? TCP_RTO_MIN : TCP_TIMER_SLACK;
	}
	rto = rtt_backed_off(c, a);
	if (!advancing)
		rto += record_at(e, a->first)->sent_ns - e->now.ns;
	if (rto > 0)
		span = span_min(span, rto);
	timer_arm(e, c, TIMER_PROBE, span);
	return true;
}

/* RFC 8985 7.4. */
void rack_probe_acked(struct tcp_env *e, struct tcp *c,
		      const struct tcp_acked *k)
{
	struct tcp_active *a = active_of(e, c);
	const struct seq ack = k->s->ack;

	if (seq_lt(ack, a->probe_end))
		return;
	if (!a->probe_retrans || (k->flags & ACKED_DSACK_PROBE)) {
		a->probe_out = false;
	} else if (seq_lt(a->probe_end, ack)) {
		/* It repaired a loss that nothing else told of. */
		recovery_start_reduction(e, c, false);
		a->ca = CA_CWR;
		recovery_end_reduction(e, c);
		recovery_keep_open(e, c);
	} else if (!(k->flags & (ACKED_UNA | ACKED_NOT_DUP | ACKED_SACK))) {
		a->probe_out = false; /* both arrived */
	}
}
