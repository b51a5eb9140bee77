/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a connection: state by event (RFC 9293 3.3.2, figure 5).
 *
 *	CLOSED --connect--> SYN-SENT --open--> ESTABLISHED
 *	   \--call--> SYN-RECEIVED --open--/      |      \
 *	                              fin sent    |     fin seen
 *	            FIN-WAIT-1 <------------------/      \--> CLOSE-WAIT
 *	     fin acked |   \ fin seen                            | fin sent
 *	     FIN-WAIT-2    CLOSING                            LAST-ACK
 *	      fin seen \     / fin acked                         | fin acked
 *	               TIME-WAIT --over--> CLOSED <--------------/
 *
 * Everything that changes a state is an event here, and state_set is the one
 * place where it changes.
 */
#include "tcp/engine.h"

#include <errno.h>

static void state_set(struct tcp *c, enum minato_state to)
{
	check(c->state != to);
	c->state = (uint8_t)to;
	c->signals |= TCP_SIGNAL_TIMER;
}

bool life_synchronized(const struct tcp *c)
{
	switch ((enum minato_state)c->state) {
	case MINATO_CLOSED:
	case MINATO_LISTEN:
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
		return false;
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSE_WAIT:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		return true;
	}
	return false;
}

bool life_may_send(const struct tcp *c)
{
	return c->state == MINATO_ESTABLISHED || c->state == MINATO_CLOSE_WAIT;
}

bool life_may_receive(const struct tcp *c)
{
	return c->state == MINATO_ESTABLISHED ||
	       c->state == MINATO_FIN_WAIT_1 || c->state == MINATO_FIN_WAIT_2;
}

/* --- verbs --------------------------------------------------------------- */

/* Nothing more is sent of what was queued; what came stays to be read. */
static void stop_sending(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	c->syn_due = false;
	c->ack_now = false;
	c->held = false;
	c->owed_challenges = 0;
	c->owed_duplicates = 0;
	c->timer = MINATO_NEVER;
	if (a == NULL)
		return;
	board_clear(e, a);
	queue_clear(e->payload, &a->sendq);
	a->cursor = (struct queue_cursor){ 0 };
	reassemble_clear(e, a);
	timer_stop(a);
	a->delay.at = MINATO_NEVER;
	a->delay.owed = false;
	a->persist_due = false;
	a->probe_due = false;
	a->ca = CA_OPEN;
	if (c->orphan)
		queue_clear(e->payload, &a->recvq);
}

static void end(struct tcp_env *e, struct tcp *c, int error)
{
	if (c->state != MINATO_CLOSED)
		state_set(c, MINATO_CLOSED);
	stop_sending(e, c);
	c->snd_una = c->snd_nxt;
	if (error != 0) {
		c->error = (uint8_t)error;
		c->signals |= TCP_SIGNAL_ERROR;
	}
	c->signals |= c->rst_due ? TCP_SIGNAL_OUTPUT : TCP_SIGNAL_DEAD;
}

static void end_with_reset(struct tcp_env *e, struct tcp *c, int error)
{
	c->rst_due = true; /* RFC 9293 3.10.5 */
	end(e, c, error);
}

static void open_up(struct tcp_env *e, struct tcp *c)
{
	state_set(c, MINATO_ESTABLISHED);
	c->was_open = true;
	c->tries = 0;
	c->syn_due = false;
	c->signals |= TCP_SIGNAL_CONNECTED;
	timer_idle(e, c);
	if (c->fin_queued) /* 3.10.4: the CLOSE that waited for this */
		life_event(e, c, EVENT_FIN_SENT, 0);
}

static void wait_time(struct tcp_env *e, struct tcp *c)
{
	state_set(c, MINATO_TIME_WAIT);
	c->timer = time_after(e->now, TCP_TIME_WAIT_SPAN); /* MUST-13 */
	c->signals |= TCP_SIGNAL_TIME_WAIT;
}

static void wait_fin(struct tcp_env *e, struct tcp *c)
{
	state_set(c, MINATO_FIN_WAIT_2);
	/* An orphan waits for the peer's FIN only so long, as Linux. */
	if (c->orphan)
		c->timer = time_after(e->now,
				      extra_of(e, c)->linger2_s * NS_PER_S);
}

/* --- events -------------------------------------------------------------- */

static void on_syn(struct tcp *c)
{
	check(c->state == MINATO_SYN_SENT);
	state_set(c, MINATO_SYN_RECEIVED);
}

static void on_fin_sent(struct tcp_env *e, struct tcp *c)
{
	c->fin_queued = true;
	c->signals |= TCP_SIGNAL_OUTPUT;
	switch ((enum minato_state)c->state) {
	case MINATO_ESTABLISHED:
		state_set(c, MINATO_FIN_WAIT_1);
		break;
	case MINATO_CLOSE_WAIT:
		state_set(c, MINATO_LAST_ACK);
		break;
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
		break; /* open_up goes on from here */
	case MINATO_CLOSED:
	case MINATO_LISTEN:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		check(false); /* FIN in a state that has sent one */
	}
	(void)e;
}

static void on_fin_acked(struct tcp_env *e, struct tcp *c)
{
	switch ((enum minato_state)c->state) {
	case MINATO_FIN_WAIT_1:
		wait_fin(e, c);
		break;
	case MINATO_CLOSING:
		wait_time(e, c);
		break;
	case MINATO_LAST_ACK:
		/* Else a late copy of what answered the cookie, and its data,
		   would open the connection once more. */
		if (c->by_cookie)
			wait_time(e, c);
		else
			end(e, c, 0);
		break;
	case MINATO_FIN_WAIT_2:
	case MINATO_TIME_WAIT:
		break; /* once more */
	case MINATO_CLOSED:
	case MINATO_LISTEN:
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
	case MINATO_ESTABLISHED:
	case MINATO_CLOSE_WAIT:
		check(false); /* a FIN acknowledged that was not sent */
	}
}

static void on_fin_seen(struct tcp_env *e, struct tcp *c)
{
	c->fin_seen = true;
	c->signals |= TCP_SIGNAL_FIN;
	switch ((enum minato_state)c->state) {
	case MINATO_ESTABLISHED:
		state_set(c, MINATO_CLOSE_WAIT);
		break;
	case MINATO_FIN_WAIT_1:
		state_set(c, MINATO_CLOSING);
		break;
	case MINATO_FIN_WAIT_2:
		wait_time(e, c);
		break;
	case MINATO_CLOSED:
	case MINATO_LISTEN:
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
	case MINATO_CLOSE_WAIT:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		check(false); /* a FIN in a state that has seen one */
	}
}

static void on_reset(struct tcp_env *e, struct tcp *c)
{
	switch ((enum minato_state)c->state) {
	case MINATO_SYN_SENT:
		end(e, c, ECONNREFUSED);
		break;
	case MINATO_SYN_RECEIVED:
		/* A passive OPEN goes back to LISTEN: the listener never
		   left it, so this connection is simply gone (3.10.7.4). */
		end(e, c, c->passive ? 0 : ECONNREFUSED);
		break;
	case MINATO_CLOSE_WAIT:
		end(e, c, EPIPE);
		break;
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
		end(e, c, ECONNRESET);
		break;
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		end(e, c, 0);
		break;
	case MINATO_CLOSED:
	case MINATO_LISTEN:
		check(false); /* a reset in no connection */
	}
}

static void on_abort(struct tcp_env *e, struct tcp *c, int error)
{
	switch ((enum minato_state)c->state) {
	case MINATO_SYN_RECEIVED:
	case MINATO_ESTABLISHED:
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSE_WAIT:
		end_with_reset(e, c, error);
		break;
	case MINATO_SYN_SENT:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
	case MINATO_CLOSED:
		end(e, c, error);
		break;
	case MINATO_LISTEN:
		check(false); /* no connection listens */
	}
}

void life_event(struct tcp_env *e, struct tcp *c, enum tcp_event event,
		int error)
{
	switch (event) {
	case EVENT_CONNECT:
		state_set(c, MINATO_SYN_SENT);
		break;
	case EVENT_CALL:
		state_set(c, MINATO_SYN_RECEIVED);
		break;
	case EVENT_SYN:
		on_syn(c);
		break;
	case EVENT_OPEN:
		check(c->state == MINATO_SYN_SENT ||
		      c->state == MINATO_SYN_RECEIVED);
		open_up(e, c);
		break;
	case EVENT_FIN_SENT:
		on_fin_sent(e, c);
		break;
	case EVENT_FIN_ACKED:
		on_fin_acked(e, c);
		break;
	case EVENT_FIN_SEEN:
		on_fin_seen(e, c);
		break;
	case EVENT_RESET:
		on_reset(e, c);
		break;
	case EVENT_ABORT:
		on_abort(e, c, error);
		break;
	case EVENT_TIMEOUT:
	case EVENT_OVER:
		end(e, c, error);
		break;
	}
}

/* --- opening ------------------------------------------------------------- */

void tcp_init(struct tcp *c)
{
	memset(c, 0, sizeof(*c));
	c->state = MINATO_CLOSED;
	c->active = POOL_NONE;
	c->extra = POOL_NONE;
	c->timer = MINATO_NEVER;
	c->ssthresh = TCP_SSTHRESH_INFINITE;
}

void tcp_destroy(struct tcp_env *e, struct tcp *c)
{
	block_give(e, c);
	extra_drop(e, c);
	tcp_init(c);
}

/* RFC 6528: a clock of 64 ns ticks plus a keyed hash of the tuple (MUST-8,
   MUST-9, SHLD-1). */
struct seq life_iss(const struct tcp_env *e, const struct tcp_setup *s)
{
	uint64_t hash = hash_strong(&e->shared->secret, &s->tuple_hash,
				    sizeof(s->tuple_hash));
	struct seq iss = { (uint32_t)hash + (uint32_t)(e->now.ns >> 6) };

	if (s->above && seq_le(iss, s->isn_above))
		iss = seq_add(s->isn_above, 1 + ((uint32_t)hash & 0xffff));
	return iss;
}

static void set_buffers(struct tcp_env *e, struct tcp *c,
			const struct tcp_setup *s)
{
	const struct tcp_extra *now = extra_of(e, c);
	uint32_t rcvbuf = s->rcvbuf != 0 ? s->rcvbuf : now->rcvbuf;
	uint32_t sndbuf = s->sndbuf != 0 ? s->sndbuf : now->sndbuf;
	struct tcp_extra *x;

	if (rcvbuf == now->rcvbuf && sndbuf == now->sndbuf)
		return;
	x = extra_own(e, c);
	if (x == NULL)
		return;
	x->rcvbuf = rcvbuf;
	x->sndbuf = sndbuf;
}

static void set_up(struct tcp_env *e, struct tcp *c, const struct tcp_setup *s)
{
	uint32_t addresses = (uint32_t)(s->tuple_hash >> 32);
	uint64_t label = ~(uint64_t)addresses;

	check(c->state == MINATO_CLOSED && c->active == POOL_NONE);
	check(s->mtu >= 68 && s->mtu <= 65535);
	c->is6 = s->is6;
	c->mtu = (uint16_t)s->mtu;
	c->gso_max = (uint16_t)umin(s->gso_max, 65535);
	c->snd_una = s->fixed ? s->iss : life_iss(e, s);
	c->snd_nxt = seq_add(c->snd_una, 1);
	/* RFC 7323 5.4: one clock per pair of addresses, so that it never
	   goes back between two connections of the same ends. */
	c->ts_offset = (uint32_t)hash_strong(&e->shared->secret, &label,
					     sizeof(label));
	c->mss_peer = s->is6 ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT4;
	c->cwnd = TCP_INITIAL_WINDOW;
	c->ssthresh = TCP_SSTHRESH_INFINITE;
	c->heard_ms = clock_ms(e);
	c->sent_ms = clock_ms(e);
	set_buffers(e, c, s);
}

void tcp_connect(struct tcp_env *e, struct tcp *c, const struct tcp_setup *s)
{
	const struct tcp_extra *x;

	set_up(e, c, s);
	x = extra_of(e, c);
	c->ecn_ok = x->ecn == MINATO_ECN_ASK;
	c->sack_ok = !c->no_sack;
	c->ts_ok = !c->no_ts;
	c->ws_ok = x->wscale != -1;
	window_first(e, c);
	c->syn_due = true;
	c->signals |= TCP_SIGNAL_OUTPUT;
	life_event(e, c, EVENT_CONNECT, 0);
	/* Wanted for its counters only; the handshake does without. */
	(void)block_take(e, c);
	tcp_check(e, c);
}

/* Takes what the listener was told; never its error or its state. */
static void inherit(struct tcp_env *e, struct tcp *c, const struct tcp *from)
{
	if (from == NULL)
		return;
	extra_share(e, c, from);
	c->nodelay = from->nodelay;
	c->cork = from->cork;
	c->keepalive = from->keepalive;
	c->oob_inline = from->oob_inline;
	c->no_ts = from->no_ts;
	c->no_sack = from->no_sack;
	c->newreno = from->newreno;
	c->pingpong = from->pingpong;
}

void tcp_passive(struct tcp_env *e, struct tcp *c, const struct tcp *listener,
		 const struct tcp_setup *s, const struct tcp_segment *syn,
		 bool held)
{
	const struct tcp_options *o = &syn->options;

	check((syn->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN);
	inherit(e, c, listener);
	set_up(e, c, s);
	c->passive = true;
	c->held = held;
	c->rcv_nxt = seq_add(syn->seq, 1);
	c->rcv_wup = c->rcv_nxt;
	c->snd_wl1 = syn->seq;
	c->snd_wnd = syn->window; /* RFC 7323 2.2: never scaled on a SYN */
	c->snd_wnd_max = syn->window;
	if (o->mss != 0)
		c->mss_peer = (uint16_t)umax(o->mss, TCP_MSS_MIN);
	/* The answer mirrors the offer. */
	c->ecn_ok = ecn_setup(syn) && extra_of(e, c)->ecn != MINATO_ECN_NEVER;
	c->sack_ok = o->sack_permitted && !c->no_sack;
	c->ts_ok = o->has_timestamp && !c->no_ts;
	c->ws_ok = o->has_wscale && extra_of(e, c)->wscale != -1;
	if (c->ws_ok)
		c->wscale = (uint8_t)(umin(o->wscale, 14) << 4);
	if (c->ts_ok) {
		c->ts_recent = o->tsval;
		c->ts_recent_s = (uint32_t)(e->now.ns / NS_PER_S);
	}
	window_first(e, c);
	life_event(e, c, EVENT_CALL, 0);
	c->syn_due = !held;
	if (!held)
		c->signals |= TCP_SIGNAL_OUTPUT;
	tcp_check(e, c);
}

void tcp_answer(struct tcp_env *e, struct tcp *c)
{
	if (c->state != MINATO_SYN_RECEIVED || !c->held)
		return;
	c->held = false;
	c->syn_due = true;
	c->signals |= TCP_SIGNAL_OUTPUT;
	tcp_check(e, c);
}

/* --- ending -------------------------------------------------------------- */

bool tcp_shutdown_write(struct tcp_env *e, struct tcp *c)
{
	switch ((enum minato_state)c->state) {
	case MINATO_SYN_SENT:
	case MINATO_SYN_RECEIVED:
	case MINATO_ESTABLISHED:
	case MINATO_CLOSE_WAIT:
		if (!c->fin_queued)
			life_event(e, c, EVENT_FIN_SENT, 0);
		break;
	case MINATO_FIN_WAIT_1:
	case MINATO_FIN_WAIT_2:
	case MINATO_CLOSING:
	case MINATO_LAST_ACK:
	case MINATO_TIME_WAIT:
		break; /* it has been said */
	case MINATO_CLOSED:
	case MINATO_LISTEN:
		return false;
	}
	tcp_check(e, c);
	return true;
}

void tcp_shutdown_read(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);

	c->read_shut = true;
	if (a != NULL && a->recvq.bytes > 0)
		tcp_consumed(e, c, a->recvq.bytes);
	tcp_check(e, c);
}

/* RFC 2525 2.17, SHLD-3: data nobody will read must not look delivered. */
static bool must_reset(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	if (extra_of(e, c)->linger_s == 0)
		return true;
	return a != NULL && a->recvq.bytes > 0 && c->state != MINATO_TIME_WAIT;
}

void tcp_close(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const bool reset = must_reset(e, c);

	check(!c->orphan);
	c->orphan = true;
	/* A call nobody answered is refused. */
	if (reset || c->state == MINATO_SYN_SENT || c->held) {
		life_event(e, c, EVENT_ABORT, 0);
	} else if (c->state == MINATO_FIN_WAIT_2) {
		c->timer = time_after(e->now,
				      extra_of(e, c)->linger2_s * NS_PER_S);
		c->signals |= TCP_SIGNAL_TIMER;
	} else if (c->state == MINATO_CLOSED) {
		if (!c->rst_due)
			c->signals |= TCP_SIGNAL_DEAD;
	} else {
		(void)tcp_shutdown_write(e, c);
	}
	if (a != NULL && c->orphan)
		queue_clear(e->payload, &a->recvq);
	block_settle(e, c);
	tcp_check(e, c);
}

void tcp_abort(struct tcp_env *e, struct tcp *c)
{
	c->orphan = true;
	life_event(e, c, EVENT_ABORT, 0);
	block_settle(e, c);
	tcp_check(e, c);
}

void tcp_evict(struct tcp_env *e, struct tcp *c, int error)
{
	life_event(e, c, EVENT_ABORT, c->orphan ? 0 : error);
	block_settle(e, c);
	tcp_check(e, c);
}

bool tcp_dead(const struct tcp *c)
{
	return c->state == MINATO_CLOSED && !c->rst_due;
}

bool tcp_over(const struct tcp *c)
{
	/* The peer's RST, or its host's word that nobody is there. */
	if (c->error == ECONNREFUSED || c->error == ECONNRESET)
		return true;
	return c->fin_sent && c->fin_seen && c->ts_ok &&
	       seq_eq(c->snd_una, c->snd_nxt);
}

uint32_t tcp_signals(struct tcp *c)
{
	uint32_t signals = c->signals;

	c->signals = 0;
	return signals;
}

int tcp_error(struct tcp *c)
{
	int error = c->error;

	c->error = 0;
	return error;
}

/* Below what each path must take nobody is believed (RFC 5927 7.4). */
static bool narrow(struct tcp_env *e, struct tcp *c, uint32_t mtu)
{
	if (mtu < (c->is6 ? 1280u : 68u) || mtu >= c->mtu)
		return false;
	c->mtu = (uint16_t)mtu;
	recovery_too_big(e, c);
	return true;
}

void tcp_narrow(struct tcp_env *e, struct tcp *c, uint32_t mtu)
{
	if (c->state == MINATO_CLOSED || c->state == MINATO_TIME_WAIT ||
	    !narrow(e, c, mtu))
		return;
	block_settle(e, c);
	tcp_check(e, c);
}

bool tcp_icmp(struct tcp_env *e, struct tcp *c, enum tcp_icmp what,
	      struct seq seq, uint32_t mtu, int error)
{
	/* RFC 5927 4.1: only about what is in flight. */
	if (c->state == MINATO_CLOSED || c->state == MINATO_TIME_WAIT)
		return false;
	if (seq_lt(seq, c->snd_una) || !seq_lt(seq, c->snd_nxt))
		return false;
	switch (what) {
	case TCP_ICMP_SOFT:
		c->soft_error = (uint8_t)error; /* MUST-47, MUST-56 */
		break;
	case TCP_ICMP_HARD:
		c->soft_error = (uint8_t)error;
		/* SHLD-26 in SYN-SENT; RFC 5461 4.1 once synchronized. */
		if (c->state == MINATO_SYN_SENT)
			life_event(e, c, EVENT_TIMEOUT, error);
		break;
	case TCP_ICMP_TOO_BIG:
		if (!narrow(e, c, mtu))
			return true;
		break;
	}
	block_settle(e, c);
	tcp_check(e, c);
	return true;
}
