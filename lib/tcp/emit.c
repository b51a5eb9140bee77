/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes the segments that leave: flags, options, window, urgent pointer. */
#include "tcp/engine.h"

uint32_t emit_timestamp(const struct tcp_env *e, const struct tcp *c)
{
	return clock_ms(e) + c->ts_offset; /* RFC 7323 5.4: 1 ms ticks */
}

static uint32_t headers_of(const struct tcp *c)
{
	return c->is6 ? 60 : 40; /* IP and TCP without options */
}

uint32_t emit_mss(const struct tcp_env *e, const struct tcp *c)
{
	const uint32_t by_mtu = (uint32_t)c->mtu - headers_of(c);
	const uint32_t chosen = extra_of(e, c)->mss;

	return chosen != 0 ? umin(chosen, by_mtu) : by_mtu;
}

static void begin(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	const struct tcp_extra *x = extra_of(e, c);
	struct tcp_active *a = active_of(e, c);

	memset(out, 0, sizeof(*out));
	out->traffic_class = x->traffic_class; /* MUST-48, SHLD-22 */
	if (c->ecn_ok) /* not ECT, but for what emit_new says is */
		out->traffic_class &= (uint8_t)~3u;
	out->hop_limit = x->ttl;	       /* MUST-49 */
	if (a != NULL)
		a->stats.segs_out++;
}

static void put_timestamp(struct tcp_env *e, struct tcp *c,
			  struct tcp_options *o)
{
	o->has_timestamp = true;
	o->tsval = emit_timestamp(e, c);
	o->tsecr = c->ts_recent;
}

void emit_syn(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_segment *s = &out->segment;
	struct tcp_options *o = &s->options;

	begin(e, c, out);
	s->seq = c->snd_una;
	s->flags = TCP_SYN;
	s->window = (uint16_t)umin(c->rcv_wnd, 65535); /* never scaled */
	o->mss = (uint16_t)emit_mss(e, c); /* MAY-3, MUST-14, MUST-67 */
	o->sack_permitted = c->sack_ok;
	o->has_wscale = c->ws_ok;
	o->wscale = c->wscale & 15;
	if (c->ts_ok)
		put_timestamp(e, c, o);
	/* RFC 3168 6.1.1; asked once, for a path that drops such SYNs. */
	if (c->state == MINATO_SYN_SENT && c->tries > 0)
		c->ecn_ok = false;
	if (c->ecn_ok)
		s->flags |= TCP_ECE;
	if (c->ecn_ok && c->state == MINATO_SYN_SENT)
		s->flags |= TCP_CWR;
	if (c->state == MINATO_SYN_RECEIVED) {
		s->flags |= TCP_ACK;
		s->ack = c->rcv_nxt;
		c->rcv_wup = c->rcv_nxt;
	} else {
		o->tsecr = 0; /* RFC 7323 3.2: valid only with ACK */
	}
}

void emit_reset(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_segment *s = &out->segment;

	begin(e, c, out);
	s->seq = c->snd_nxt;
	s->ack = c->rcv_nxt;
	s->flags = TCP_RST | TCP_ACK;
	s->window = (uint16_t)(window_offered(c) >> (c->wscale & 15));
	if (c->ts_ok)
		put_timestamp(e, c, &s->options);
}

void emit_bare_reset(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	begin(e, c, out);
	out->segment.seq = c->reset_seq;
	out->segment.flags = TCP_RST;
}

/* RFC 9293 3.8.5: the pointer is one behind the last urgent octet (MUST-62). */
static void put_urgent(const struct tcp_active *a, struct tcp_segment *s)
{
	uint32_t ahead;

	if (a == NULL || !a->urgent_sending || !seq_lt(s->seq, a->urgent_out))
		return;
	ahead = seq_sub(a->urgent_out, s->seq);
	s->flags |= TCP_URG;
	s->urgent = (uint16_t)umin(ahead, 65535); /* MUST-31 */
}

static void put_common(struct tcp_env *e, struct tcp *c, struct seq seq,
		       struct tcp_emit *out)
{
	struct tcp_segment *s = &out->segment;

	begin(e, c, out);
	s->seq = seq;
	s->ack = c->rcv_nxt;
	s->flags = TCP_ACK;
	if (c->ecn_echo)
		s->flags |= TCP_ECE;
	s->window = window_advertise(e, c);
	if (c->ts_ok) /* RFC 7323 3.2: on every segment */
		put_timestamp(e, c, &s->options);
	if (c->sack_ok)
		reassemble_blocks(e, c, c->ts_ok ? 3 : 4, &s->options);
	put_urgent(active_of(e, c), s);
}

void emit_ack(struct tcp_env *e, struct tcp *c, struct seq seq,
	      struct tcp_emit *out)
{
	put_common(e, c, seq, out);
}

void emit_data(struct tcp_env *e, struct tcp *c, struct seq seq, uint32_t len,
	       struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);

	put_common(e, c, seq, out);
	out->queue = &a->sendq;
	out->offset = seq_sub(seq, send_first(c));
	out->len = len;
	check(len == 0 || out->offset + len <= a->sendq.bytes);
	if (len > 0) {
		a->stats.data_segs_out++;
		a->stats.bytes_sent += len;
	}
}

void emit_new(struct tcp *c, struct tcp_emit *out)
{
	if (!c->ecn_ok || out->len == 0)
		return;
	out->traffic_class |= 2; /* ECT(0) */
	if (c->cwr_due)
		out->segment.flags |= TCP_CWR;
	c->cwr_due = false;
}
