/* SPDX-License-Identifier: BSD-2-Clause */
/* What is true of each state, asserted after every public call. */
#include "tcp/engine.h"

/* Connections with so few records are counted anew every time. */
#define AUDIT_MAX 4u

static void check_block(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	if (a == NULL)
		return;
	check((char *)e->shared + a->owner == (const char *)c);
	check((a->first == POOL_NONE) == (a->records == 0));
	check((a->records == 0) == (a->packets_out == 0));
	check(a->retrans_out <= a->packets_out);
	check(a->lost_out + (c->sack_ok ? a->sacked_out : 0) <= a->packets_out);
	check((a->timer == TIMER_NONE) == (a->timer_at.ns == INT64_MAX));
	check(a->delay.owed || a->delay.at.ns == INT64_MAX);
	check(!a->fin_waits || !c->fin_seen);
	if (a->packets_out > 0 && c->state != MINATO_CLOSED)
		check(a->timer != TIMER_NONE && a->timer != TIMER_PERSIST);
	if (a->records <= AUDIT_MAX)
		board_audit(e, c);
}

static void check_closed(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	check(!c->syn_due && !c->ack_now);
	check(c->timer.ns == INT64_MAX);
	check(a == NULL ||
	      (a->first == POOL_NONE && a->sendq.bytes == 0 && a->holes == 0));
}

static void check_opening(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	check(seq_eq(seq_add(c->snd_una, 1), c->snd_nxt));
	check(!c->was_open && !c->fin_sent && !c->fin_seen);
	check(c->syn_due || c->held || c->timer.ns != INT64_MAX);
	check(a == NULL || a->records == 0);
	check(!c->held || c->state == MINATO_SYN_RECEIVED);
}

/* The window never shrinks, nothing beyond it was taken, sequence numbers are
   in their order, and the FIN is where the state says. */
static void check_open(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	const bool done = c->state != MINATO_ESTABLISHED &&
			  c->state != MINATO_CLOSE_WAIT;
	const bool theirs =
		c->state == MINATO_CLOSE_WAIT || c->state == MINATO_CLOSING ||
		c->state == MINATO_LAST_ACK || c->state == MINATO_TIME_WAIT;

	check(c->was_open && !c->held && !c->syn_due);
	check(seq_le(c->snd_una, c->snd_nxt));
	check(seq_le(c->rcv_wup, c->rcv_nxt));
	check(c->fin_queued == done || c->state == MINATO_TIME_WAIT);
	check(c->fin_seen == theirs);
	check(!c->fin_sent || c->fin_queued);
	check(c->cwnd > 0 && c->ssthresh > 0);
	if (a == NULL) {
		check(seq_eq(c->snd_una, c->snd_nxt));
		return;
	}
	check((a->records == 0) == seq_eq(c->snd_una, c->snd_nxt));
	check(seq_sub(c->snd_nxt, c->snd_una) <=
	      a->sendq.bytes + (c->fin_sent ? 1 : 0));
	check(seq_eq(seq_add(a->tuning.copied,
			     a->recvq.bytes + (c->fin_seen ? 1 : 0)),
		     c->rcv_nxt) ||
	      c->read_shut || c->orphan);
}

void tcp_check(const struct tcp_env *e, const struct tcp *c)
{
	check_block(e, c);
	switch ((enum minato_state)c->state) {
	case MINATO_CLOSED:
		check_closed(e, c);
		break;
	case MINATO_LISTEN:
		check(c->active == POOL_NONE);
		break;
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
		check_opening(e, c);
		break;
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSE_WAIT:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		check_open(e, c);
		break;
	}
}
