/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that time does to a connection. The timers, each one instant:
 *
 *	c->timer     SYN-SENT, SYN-RECEIVED: the SYN again
 *	             FIN-WAIT-2 of an orphan, TIME-WAIT: the end
 *	             otherwise: keepalive (RFC 9293 3.8.4)
 *	a->timer_at  one of: retransmission (RFC 6298), tail loss probe and
 *	             reordering (RFC 8985), zero-window probe (3.8.6.1)
 *	a->delay.at  the delayed ACK
 *
 * They say what is due; tcp_next sends it.
 */
#include "tcp/engine.h"

#include <errno.h>

void timer_arm(struct tcp_env *e, struct tcp *c, enum tcp_timer what,
	       int64_t span_ns)
{
	struct tcp_active *a = active_of(e, c);

	check(what != TIMER_NONE);
	a->timer = what;
	a->timer_at = time_after(e->now, span_max(span_ns, 0));
	c->signals |= TCP_SIGNAL_TIMER;
}

void timer_stop(struct tcp_active *a)
{
	a->timer = TIMER_NONE;
	a->timer_at = MINATO_NEVER;
}

void timer_rearm(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	int64_t span = rtt_backed_off(c, a);

	if (a->packets_out == 0) {
		timer_stop(a);
		return;
	}
	/* A probe took the place of the timer: count from the head's time. */
	if (a->timer == TIMER_PROBE || a->timer == TIMER_REORDER)
		span += record_at(e, a->first)->sent_ns - e->now.ns;
	timer_arm(e, c, TIMER_RTO, span);
}

void timer_set(struct tcp_env *e, struct tcp *c)
{
	if (!rack_schedule_probe(e, c, true))
		timer_rearm(e, c);
}

static int64_t persist_span(const struct tcp *c, const struct tcp_active *a)
{
	int64_t span = span_max(rtt_backed_off(c, a), TCP_RTO_MIN);
	uint32_t times;

	/* SHLD-29, SHLD-30. */
	for (times = 0; times < a->probe_backoff && span < TCP_RTO_MAX; times++)
		span *= 2;
	return span_min(span, TCP_RTO_MAX);
}

void timer_persist(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	if (a->timer == TIMER_NONE && !a->persist_due)
		timer_arm(e, c, TIMER_PERSIST, persist_span(c, a));
}

void timer_persist_acked(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t unsent = send_unsent(c, a);
	const bool fin = c->fin_queued && !c->fin_sent;
	uint32_t room = 0;

	if (a->packets_out > 0 || (unsent == 0 && !fin))
		return;
	if (seq_lt(c->snd_nxt, send_edge(c)))
		room = seq_sub(send_edge(c), c->snd_nxt);
	if (room >= umax(umin(unsent, send_mss(e, c)), 1)) {
		a->probe_backoff = 0;
		a->persist_since_ns = 0;
		if (a->timer == TIMER_PERSIST)
			timer_stop(a);
	} else if (a->timer == TIMER_PERSIST || a->timer == TIMER_NONE) {
		timer_arm(e, c, TIMER_PERSIST, persist_span(c, a));
	}
}

void timer_idle(struct tcp_env *e, struct tcp *c)
{
	const struct tcp_extra *x = extra_of(e, c);

	c->tries = 0;
	if (c->orphan && c->state == MINATO_FIN_WAIT_2)
		return;
	c->timer = MINATO_NEVER;
	if (!c->keepalive || c->state == MINATO_TIME_WAIT)
		return;
	c->timer = time_after(e->now, x->keep_idle_s * NS_PER_S);
	c->signals |= TCP_SIGNAL_TIMER;
}

void timer_keep_idle(struct tcp_env *e, struct tcp *c)
{
	const struct tcp_extra *x = extra_of(e, c);
	const int64_t silent_ms = (uint32_t)(clock_ms(e) - c->heard_ms);
	const int64_t idle_ms = (int64_t)x->keep_idle_s * 1000;

	if (!c->keepalive || !life_synchronized(c) ||
	    c->state == MINATO_TIME_WAIT ||
	    (c->orphan && c->state == MINATO_FIN_WAIT_2))
		return;
	c->timer = time_after(e->now,
			      span_max(idle_ms - silent_ms, 0) * NS_PER_MS);
	c->signals |= TCP_SIGNAL_TIMER;
}

void timer_starved(struct tcp_env *e, struct tcp *c)
{
	c->starved = true;
	c->timer = time_min(c->timer, time_after(e->now, TCP_STARVED_RETRY));
	c->signals |= TCP_SIGNAL_TIMER;
}

struct minato_time tcp_deadline(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	if (a == NULL)
		return c->timer;
	return time_min(c->timer, time_min(a->timer_at, a->delay.at));
}

/* --- giving up (RFC 9293 3.8.3) ------------------------------------------ */

static void give_up(struct tcp_env *e, struct tcp *c)
{
	const int error = c->soft_error != 0 ? c->soft_error : ETIMEDOUT;

	life_event(e, c, EVENT_TIMEOUT, c->orphan ? 0 : error);
}

/* The time that `tries` doublings from the least timeout take. */
static int64_t patience_ns(uint32_t tries)
{
	const uint32_t doublings = 9; /* 200 ms * 2^9 is the last below 120 s */
	int64_t first = umin(tries, doublings);
	int64_t span = (((int64_t)2 << first) - 1) * TCP_RTO_MIN;

	if (tries > doublings)
		span += (int64_t)(tries - doublings) * TCP_RTO_MAX;
	return span;
}

/* R2 (MUST-20, MUST-21): by count, or by the owner's timeout. */
static bool out_of_patience(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	const struct tcp_extra *x = extra_of(e, c);
	const int64_t since = e->now.ns - a->retrans_ns;
	uint32_t tries = x->data_tries;

	if (a->retransmits == 0 || a->retrans_ns == 0)
		return false;
	if (x->user_timeout_ms != 0)
		return since >= x->user_timeout_ms * NS_PER_MS;
	if (c->orphan)
		tries = umin(tries, TCP_TRIES_ORPHAN);
	return since >= patience_ns(tries);
}

/* The owner's timeout ends the wait on time, not at the next doubling. */
static int64_t clamp_to_user(const struct tcp_env *e, const struct tcp *c,
			     int64_t span, int64_t since_ns)
{
	const uint32_t ms = extra_of(e, c)->user_timeout_ms;

	if (ms == 0 || since_ns == 0)
		return span;
	return span_min(span, span_max(since_ns + ms * NS_PER_MS - e->now.ns,
				       NS_PER_MS));
}

void timer_rto(struct tcp_env *e, struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	timer_arm(e, c, TIMER_RTO,
		  clamp_to_user(e, c, rtt_backed_off(c, a), a->retrans_ns));
}

/* --- expiry -------------------------------------------------------------- */

static void on_rto(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t silent_ms = clock_ms(e) - c->heard_ms;

	if (a->packets_out == 0)
		return;
	/* A window shrunk to nothing: the retransmission is a probe, and the
	   peer lives as long as it answers (MUST-34, MUST-37). */
	if (c->snd_wnd == 0 && !c->orphan ?
		    silent_ms > (uint32_t)(TCP_RTO_MAX / NS_PER_MS) :
		    out_of_patience(e, c)) {
		give_up(e, c);
		return;
	}
	recovery_timeout(e, c);
	if (a->retransmits < UINT8_MAX)
		a->retransmits++;
	if (a->backoff < 16)
		a->backoff++;
	timer_rto(e, c);
	c->signals |= TCP_SIGNAL_OUTPUT;
}

static void on_persist(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const struct tcp_extra *x = extra_of(e, c);
	uint32_t most = x->data_tries;
	const bool fin = c->fin_queued && !c->fin_sent;

	if (a->packets_out > 0 || (send_unsent(c, a) == 0 && !fin)) {
		a->probes = 0;
		a->persist_since_ns = 0;
		return;
	}
	if (a->persist_since_ns == 0)
		a->persist_since_ns = e->now.ns;
	if (c->orphan)
		most = umin(most, TCP_TRIES_ORPHAN);
	if (a->probes >= most || (x->user_timeout_ms != 0 &&
				  e->now.ns - a->persist_since_ns >=
					  x->user_timeout_ms * NS_PER_MS)) {
		give_up(e, c);
		return;
	}
	a->probes++;
	a->persist_due = true;
	if (a->probe_backoff < x->data_tries)
		a->probe_backoff++;
	timer_arm(e, c, TIMER_PERSIST,
		  clamp_to_user(e, c, persist_span(c, a), a->persist_since_ns));
	c->signals |= TCP_SIGNAL_OUTPUT;
}

static void on_data_timer(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const enum tcp_timer what = a->timer;

	timer_stop(a);
	switch (what) {
	case TIMER_NONE:
		break;
	case TIMER_RTO:
		on_rto(e, c);
		break;
	case TIMER_PROBE:
		a->probe_due = true;
		/* Should nothing come of it, the RTO is still there. Where
		   both are due at once it counts from the probe (RFC 8985
		   7.2), which tcp_next has yet to send. */
		a->timer = TIMER_PROBE;
		timer_rearm(e, c);
		if (!a->probe_out && time_reached(e->now, a->timer_at))
			timer_rto(e, c);
		c->signals |= TCP_SIGNAL_OUTPUT;
		break;
	case TIMER_REORDER:
		a->timer = TIMER_REORDER;
		rack_timeout(e, c);
		c->signals |= TCP_SIGNAL_OUTPUT;
		break;
	case TIMER_PERSIST:
		on_persist(e, c);
		break;
	}
}

static void on_syn_timer(struct tcp_env *e, struct tcp *c)
{
	const struct tcp_extra *x = extra_of(e, c);
	const uint32_t most = c->passive ? TCP_TRIES_SYNACK : x->syn_tries;
	const int64_t since = (((int64_t)1 << (c->tries + 1)) - 1) * NS_PER_S;

	c->timer = MINATO_NEVER;
	if (c->held)
		return;
	if (c->tries >= most || (x->user_timeout_ms != 0 &&
				 since >= x->user_timeout_ms * NS_PER_MS)) {
		give_up(e, c);
		return;
	}
	c->tries++;
	c->syn_due = true;
	c->signals |= TCP_SIGNAL_OUTPUT;
}

/* RFC 9293 3.8.4: only when idle and nothing is outstanding (MUST-26). */
static void on_keepalive(struct tcp_env *e, struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	const struct tcp_extra *x = extra_of(e, c);
	const uint32_t silent_ms = clock_ms(e) - c->heard_ms;
	const uint32_t idle_ms = x->keep_idle_s * 1000;
	bool dead;

	c->timer = MINATO_NEVER;
	if (!c->keepalive)
		return;
	if (a != NULL && (a->packets_out > 0 || send_unsent(c, a) > 0)) {
		c->timer = time_after(e->now, x->keep_idle_s * NS_PER_S);
		return;
	}
	if (silent_ms < idle_ms) {
		c->timer = time_after(e->now, (int64_t)(idle_ms - silent_ms) *
						      NS_PER_MS);
		return;
	}
	/* MUST-29: one lost answer proves nothing. */
	dead = c->tries >= x->keep_count;
	if (x->user_timeout_ms != 0)
		dead = c->tries > 0 && silent_ms >= x->user_timeout_ms;
	if (dead) {
		life_event(e, c, EVENT_ABORT, ETIMEDOUT);
		return;
	}
	c->tries++;
	c->probe_now = true;
	c->timer = time_after(e->now, x->keep_interval_s * NS_PER_S);
	c->signals |= TCP_SIGNAL_OUTPUT;
}

static void on_starved(struct tcp *c)
{
	c->starved = false;
	c->signals |= TCP_SIGNAL_ROOM | TCP_SIGNAL_OUTPUT;
}

static void on_own_timer(struct tcp_env *e, struct tcp *c)
{
	switch ((enum minato_state)c->state) {
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
		on_syn_timer(e, c);
		break;
	case MINATO_TIME_WAIT:
		life_event(e, c, EVENT_OVER, 0);
		break;
	case MINATO_FIN_WAIT_2:
		if (c->orphan) {
			life_event(e, c, EVENT_OVER, 0);
			break;
		}
		on_keepalive(e, c);
		break;
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_CLOSE_WAIT:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
		if (c->starved)
			on_starved(c);
		on_keepalive(e, c);
		break;
	case MINATO_CLOSED:
	case MINATO_LISTEN:
		c->timer = MINATO_NEVER;
		break;
	}
}

void tcp_expire(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a;

	if (time_reached(e->now, c->timer))
		on_own_timer(e, c);
	a = active_of(e, c);
	if (a != NULL && time_reached(e->now, a->delay.at))
		delay_expired(e, c);
	if (a != NULL && time_reached(e->now, a->timer_at))
		on_data_timer(e, c);
	if (send_pending(e, c))
		c->signals |= TCP_SIGNAL_OUTPUT;
	block_settle(e, c);
	tcp_check(e, c);
}
