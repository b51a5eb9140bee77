/* SPDX-License-Identifier: BSD-2-Clause */
/* What a connection tells of itself, and the options it takes. */
#include "tcp/engine.h"

#include <errno.h>

enum minato_state tcp_state(const struct tcp *c)
{
	return (enum minato_state)c->state;
}

uint64_t tcp_bytes_in(const struct tcp *c)
{
	return c->bytes_received;
}

bool tcp_memory_low(const struct tcp_env *e)
{
	return !payload_has_spare(e->payload, TCP_WRITES_LEAVE);
}

uint32_t tcp_silent_ms(const struct tcp_env *e, const struct tcp *c)
{
	return clock_ms(e) - c->heard_ms;
}

uint32_t tcp_pinned(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	if (a == NULL || a->sendq.bytes == 0 || !life_synchronized(c))
		return 0;
	if (a->retransmits < 3 && a->timer != TIMER_PERSIST &&
	    c->snd_wnd >= umin(a->sendq.bytes, TCP_MSS_DEFAULT4))
		return 0;
	return a->sendq.bytes;
}

bool tcp_is_busy(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	return a != NULL && !a->resting;
}

struct seq tcp_number(const struct tcp *c)
{
	return c->snd_nxt;
}

bool tcp_untouched(const struct tcp *c)
{
	return c->passive && !c->fin_seen && c->bytes_received == 0;
}

uint64_t tcp_bytes_out(const struct tcp *c)
{
	return c->bytes_acked;
}

void tcp_counts(const struct tcp_env *e, const struct tcp *c,
		struct minato_counts *out)
{
	const struct tcp_active *a = active_of(e, c);

	memset(out, 0, sizeof(*out));
	out->room = tcp_room(e, c);
	if (a == NULL)
		return;
	out->readable = a->recvq.bytes;
	out->unacked = a->sendq.bytes;
	out->unsent = send_unsent(c, a);
}

static void tell_path(const struct tcp_env *e, const struct tcp *c,
		      struct minato_info *out)
{
	out->snd_wscale = c->wscale >> 4;
	out->rcv_wscale = c->wscale & 15;
	out->timestamps = c->ts_ok;
	out->sack = c->sack_ok;
	out->ecn = c->ecn_ok && c->state != MINATO_SYN_SENT;
	out->wscale = c->ws_ok;
	out->rtt_us = c->srtt_us8 >> 3;
	out->rttvar_us = c->rttvar_us >> 2;
	out->rto_us = (uint32_t)(rtt_timeout(c) / NS_PER_US);
	out->snd_mss = send_mss(e, c);
	out->advmss = emit_mss(e, c);
	out->rcv_mss = TCP_MSS_DEFAULT4;
	out->pmtu = c->mtu;
	out->snd_cwnd = c->cwnd;
	out->snd_ssthresh = c->ssthresh;
	out->snd_wnd = c->snd_wnd;
	out->rcv_wnd = c->rcv_wnd;
	out->rcv_ssthresh = c->rcv_wnd;
	out->rcv_space = window_full(e, c);
	out->bytes_acked = c->bytes_acked;
	out->bytes_received = c->bytes_received;
	out->snd_una = c->snd_una.v;
	out->snd_nxt = c->snd_nxt.v;
	out->rcv_nxt = c->rcv_nxt.v;
	/* SYN, data and FIN are all that is between. */
	out->iss = c->snd_una.v - (uint32_t)c->bytes_acked -
		   (life_synchronized(c) ? 1 : 0) -
		   (c->fin_sent && seq_eq(c->snd_una, c->snd_nxt) ? 1 : 0);
	out->irs = c->rcv_nxt.v - (uint32_t)c->bytes_received - 1 -
		   (c->fin_seen ? 1 : 0);
	out->last_data_sent_ms = clock_ms(e) - c->sent_ms;
	out->last_ack_recv_ms = clock_ms(e) - c->heard_ms;
	out->last_data_recv_ms = out->last_ack_recv_ms;
	out->reordering = TCP_REORDERING;
	out->min_rtt_us = UINT32_MAX;
}

static void tell_active(const struct tcp_env *e, const struct tcp *c,
			const struct tcp_active *a, struct minato_info *out)
{
	const struct tcp_rate *r = &a->rate;

	out->ca_state = (uint8_t)a->ca;
	out->retransmits = a->retransmits;
	out->probes = a->probes;
	out->backoff = a->timer == TIMER_PERSIST ? a->probe_backoff :
						   a->backoff;
	out->app_limited = r->limited_until != 0;
	out->rto_us = (uint32_t)(rtt_backed_off(c, a) / NS_PER_US);
	out->ato_us = (uint32_t)(a->delay.ato_ns / NS_PER_US);
	out->min_rtt_us = a->min_rtt_us;
	out->rcv_rtt_us = a->tuning.rtt_us8 >> 3;
	out->rcv_ssthresh = a->rcv_ssthresh;
	out->rcv_mss = a->delay.rcv_mss;
	out->rcv_space = a->tuning.space;
	out->unacked = a->packets_out;
	out->sacked = a->sacked_out;
	out->lost = a->lost_out;
	out->retrans = a->retrans_out;
	out->reordering = a->reordering;
	out->notsent_bytes = send_unsent(c, a);
	if (a->delay.last_in.ns != 0)
		out->last_data_recv_ms =
			(uint32_t)((e->now.ns - a->delay.last_in.ns) /
				   NS_PER_MS);
	if (r->last_us > 0)
		out->delivery_rate = (uint64_t)r->last_segs * send_mss(e, c) *
				     1000000 / r->last_us;
}

static void tell_stats(const struct tcp_active *a, struct minato_info *out)
{
	const struct tcp_stats *s = &a->stats;

	out->total_retrans = s->total_retrans;
	out->bytes_sent = s->bytes_sent;
	out->bytes_retrans = s->bytes_retrans;
	out->segs_out = s->segs_out;
	out->segs_in = s->segs_in;
	out->data_segs_out = s->data_segs_out;
	out->data_segs_in = s->data_segs_in;
	out->delivered = a->delivered;
	out->delivered_ce = s->delivered_ce;
	out->dsack_dups = s->dsack_dups;
	out->reord_seen = s->reord_seen;
	out->rcv_ooopack = s->ooo_packets;
}

void tcp_info(const struct tcp_env *e, const struct tcp *c,
	      struct minato_info *out)
{
	const struct tcp_active *a = active_of(e, c);

	memset(out, 0, sizeof(*out));
	out->state = tcp_state(c);
	if (c->state == MINATO_LISTEN || c->mtu == 0)
		return;
	tell_path(e, c, out);
	if (!life_synchronized(c) && c->state != MINATO_CLOSED)
		out->retransmits = c->tries;
	if (a == NULL)
		return;
	tell_active(e, c, a, out);
	tell_stats(a, out);
}

/* --- options ------------------------------------------------------------- */

/* The fields of struct tcp_extra by option, with their ranges. */
static uint32_t *number_of(struct tcp_extra *x, enum minato_option option,
			   int64_t *least, int64_t *most)
{
	*least = 1;
	*most = 32767;
	if (option == MINATO_OPT_KEEPIDLE)
		return &x->keep_idle_s;
	if (option == MINATO_OPT_KEEPINTVL)
		return &x->keep_interval_s;
	*most = 127;
	if (option == MINATO_OPT_KEEPCNT)
		return &x->keep_count;
	if (option == MINATO_OPT_SYNCNT)
		return &x->syn_tries;
	*most = 255;
	if (option == MINATO_OPT_RETRIES2)
		return &x->data_tries;
	*least = 0;
	*most = 120;
	if (option == MINATO_OPT_LINGER2)
		return &x->linger2_s;
	*most = INT32_MAX;
	if (option == MINATO_OPT_USER_TIMEOUT)
		return &x->user_timeout_ms;
	if (option == MINATO_OPT_WINDOW_CLAMP)
		return &x->window_clamp;
	if (option == MINATO_OPT_DEFER_ACCEPT)
		return &x->defer_accept;
	if (option == MINATO_OPT_RCVLOWAT)
		return &x->rcvlowat;
	*most = UINT32_MAX;
	if (option == MINATO_OPT_NOTSENT_LOWAT)
		return &x->notsent_lowat;
	*most = 1 << 30;
	if (option == MINATO_OPT_RCVBUF)
		return &x->rcvbuf;
	if (option == MINATO_OPT_SNDBUF)
		return &x->sndbuf;
	*least = 88;
	*most = 32767;
	if (option == MINATO_OPT_MAXSEG)
		return &x->mss;
	return NULL;
}

static void buffers_changed(struct tcp_env *e, struct tcp *c)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t rcvbuf = extra_of(e, c)->rcvbuf;

	if (a != NULL && rcvbuf != 0)
		a->rcv_space = rcvbuf;
}

/* -ENOPROTOOPT: not one of these. */
static int set_extra(struct tcp_env *e, struct tcp *c,
		     enum minato_option option, int64_t value)
{
	struct tcp_extra *x = extra_own(e, c);
	int64_t least, most;
	uint32_t *number;

	if (x == NULL)
		return -ENOBUFS;
	number = number_of(x, option, &least, &most);
	if (number != NULL) {
		if (value < least || value > most)
			return -EINVAL;
		*number = (uint32_t)value;
		buffers_changed(e, c);
		if (option == MINATO_OPT_KEEPIDLE)
			timer_keep_idle(e, c);
		return 0;
	}
	if (option == MINATO_OPT_LINGER && value >= -1 && value <= 65535)
		x->linger_s = (int32_t)value;
	else if (option == MINATO_OPT_WINDOW_SCALE && value >= -1 &&
		 value <= 14)
		x->wscale = (int32_t)value;
	else if (option == MINATO_OPT_TTL && value >= 1 && value <= 255)
		x->ttl = (uint8_t)value;
	else if (option == MINATO_OPT_TRAFFIC_CLASS && value >= 0 &&
		 value <= 255)
		x->traffic_class = (uint8_t)value;
	else if (option == MINATO_OPT_ECN && value >= MINATO_ECN_NEVER &&
		 value <= MINATO_ECN_ACCEPT)
		x->ecn = (uint8_t)value;
	else
		return -EINVAL;
	return 0;
}

static void set_quick_ack(struct tcp_env *e, struct tcp *c, bool on)
{
	struct tcp_active *a = active_of(e, c);

	c->pingpong = !on;
	if (a == NULL)
		return;
	a->delay.pingpong = !on;
	if (on && a->delay.owed) {
		c->ack_now = true;
		c->signals |= TCP_SIGNAL_OUTPUT;
	}
}

/* What was held back for company may go (or be held) now. */
static void released(struct tcp *c)
{
	c->signals |= TCP_SIGNAL_OUTPUT;
}

static int set_flag(struct tcp_env *e, struct tcp *c, enum minato_option option,
		    bool on)
{
	if (option == MINATO_OPT_KEEPALIVE) {
		c->keepalive = on;
		if (life_synchronized(c))
			timer_idle(e, c);
	} else if (option == MINATO_OPT_NODELAY) {
		c->nodelay = on;
		released(c);
	} else if (option == MINATO_OPT_CORK) {
		struct tcp_active *a = active_of(e, c);
		c->cork = on;
		if (a != NULL && !on)
			a->written_push = send_written(c, a);
		released(c);
	} else if (option == MINATO_OPT_OOBINLINE) {
		c->oob_inline = on;
	} else if (option == MINATO_OPT_TIMESTAMPS) {
		c->no_ts = !on;
	} else if (option == MINATO_OPT_SACK) {
		c->no_sack = !on;
	} else if (option == MINATO_OPT_QUICKACK) {
		set_quick_ack(e, c, on);
	} else {
		return -ENOPROTOOPT;
	}
	return 0;
}

static bool is_flag(enum minato_option option)
{
	return option == MINATO_OPT_KEEPALIVE || option == MINATO_OPT_NODELAY ||
	       option == MINATO_OPT_CORK || option == MINATO_OPT_OOBINLINE ||
	       option == MINATO_OPT_TIMESTAMPS || option == MINATO_OPT_SACK ||
	       option == MINATO_OPT_QUICKACK;
}

static bool is_extra(enum minato_option option)
{
	struct tcp_extra x;
	int64_t least, most;

	return number_of(&x, option, &least, &most) != NULL ||
	       option == MINATO_OPT_LINGER ||
	       option == MINATO_OPT_WINDOW_SCALE || option == MINATO_OPT_TTL ||
	       option == MINATO_OPT_TRAFFIC_CLASS || option == MINATO_OPT_ECN;
}

int tcp_set(struct tcp_env *e, struct tcp *c, enum minato_option option,
	    int64_t value)
{
	int result;

	if (option == MINATO_OPT_CONGESTION) {
		if (value != MINATO_CUBIC && value != MINATO_NEWRENO)
			return -EINVAL;
		c->newreno = value == MINATO_NEWRENO;
		return 0;
	}
	if (is_flag(option))
		result = value == 0 || value == 1 ?
				 set_flag(e, c, option, value == 1) :
				 -EINVAL;
	else if (is_extra(option))
		result = set_extra(e, c, option, value);
	else
		return -ENOPROTOOPT;
	block_settle(e, c);
	tcp_check(e, c);
	return result;
}

static bool flag_of(const struct tcp_env *e, const struct tcp *c,
		    enum minato_option option)
{
	const struct tcp_active *a = active_of(e, c);

	if (option == MINATO_OPT_KEEPALIVE)
		return c->keepalive;
	if (option == MINATO_OPT_NODELAY)
		return c->nodelay;
	if (option == MINATO_OPT_CORK)
		return c->cork;
	if (option == MINATO_OPT_OOBINLINE)
		return c->oob_inline;
	if (option == MINATO_OPT_TIMESTAMPS)
		return !c->no_ts;
	if (option == MINATO_OPT_SACK)
		return !c->no_sack;
	return a != NULL ? !a->delay.pingpong : !c->pingpong;
}

int tcp_get(const struct tcp_env *e, const struct tcp *c,
	    enum minato_option option, int64_t *value)
{
	struct tcp_extra x = *extra_of(e, c);
	int64_t least, most;
	const uint32_t *number = number_of(&x, option, &least, &most);

	if (is_flag(option))
		*value = flag_of(e, c, option);
	else if (option == MINATO_OPT_CONGESTION)
		*value = c->newreno ? MINATO_NEWRENO : MINATO_CUBIC;
	else if (option == MINATO_OPT_LINGER)
		*value = x.linger_s;
	else if (option == MINATO_OPT_WINDOW_SCALE)
		*value = x.wscale == -2 ? window_scale(e, c) : x.wscale;
	else if (option == MINATO_OPT_TTL)
		*value = x.ttl;
	else if (option == MINATO_OPT_TRAFFIC_CLASS)
		*value = x.traffic_class;
	else if (option == MINATO_OPT_ECN)
		*value = x.ecn;
	else if (option == MINATO_OPT_MAXSEG && x.mss == 0)
		*value = c->mtu != 0 ? send_mss(e, c) : TCP_MSS_DEFAULT4;
	else if (number != NULL)
		*value = *number;
	else
		return -ENOPROTOOPT;
	return 0;
}
