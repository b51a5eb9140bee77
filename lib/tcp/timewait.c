/* SPDX-License-Identifier: BSD-2-Clause */
/* TIME-WAIT without a connection (RFC 9293 3.10.7.4, RFC 6191, RFC 1337). */
#include "tcp/engine.h"

void tcp_to_time_wait(const struct tcp *c, struct tcp_time_wait *out)
{
	out->snd_nxt = c->snd_nxt;
	out->rcv_nxt = c->rcv_nxt;
	out->ts_recent = c->ts_recent;
	out->ts_offset = c->ts_offset;
	out->rcv_wnd =
		(uint16_t)umin(window_offered(c) >> (c->wscale & 15), 65535);
	out->timestamps = c->ts_ok;
	out->may_stamp = !c->no_ts;
}

static void make_ack(const struct tcp_time_wait *t, const struct tcp_env *e,
		     struct tcp_segment *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->flags = TCP_ACK;
	reply->seq = t->snd_nxt;
	reply->ack = t->rcv_nxt;
	reply->window = t->rcv_wnd;
	if (t->timestamps) {
		reply->options.has_timestamp = true;
		reply->options.tsval = clock_ms(e) + t->ts_offset;
		reply->options.tsecr = t->ts_recent;
	}
}

/*
 * Whether a SYN is surely newer than what was (RFC 6191 2): by its timestamp;
 * or since timestamps begin with it, which will tell the two apart; else, or
 * where both are of one tick, by a number beyond the last one seen.
 */
static bool is_newer_syn(const struct tcp_time_wait *t,
			 const struct tcp_segment *s)
{
	const bool stamped = t->may_stamp && s->options.has_timestamp;
	const int32_t newer = (int32_t)(s->options.tsval - t->ts_recent);

	if (!(s->flags & TCP_SYN) || (s->flags & TCP_ACK))
		return false;
	if (stamped && (!t->timestamps || newer != 0))
		return !t->timestamps || newer > 0;
	return seq_le(t->rcv_nxt, s->seq);
}

enum tcp_tw_answer tcp_time_wait_arrive(struct tcp_time_wait *t,
					const struct tcp_env *e,
					const struct tcp_segment *s,
					uint32_t len, struct tcp_segment *reply)
{
	const bool stamped = t->timestamps && s->options.has_timestamp;
	const int32_t newer = (int32_t)(s->options.tsval - t->ts_recent);
	const bool stale = stamped && newer < 0 && !(s->flags & TCP_RST);
	const bool bare = len == 0 && !(s->flags & (TCP_SYN | TCP_FIN));

	if (s->flags & TCP_RST) /* RFC 1337, RFC 5961: only the exact one */
		return seq_eq(s->seq, t->rcv_nxt) ? TCP_TW_END : TCP_TW_DROP;
	if (!stale && bare && seq_eq(s->seq, t->rcv_nxt)) {
		if (stamped)
			t->ts_recent = s->options.tsval;
		return TCP_TW_DROP;
	}
	if (is_newer_syn(t, s))
		return TCP_TW_REOPEN;
	/* Deviates from RFC 6191, which drops other SYNs silently: RFC 9293
	   3.10.7.4 has them answered, as all else. */
	make_ack(t, e, reply);
	return TCP_TW_ACK;
}
