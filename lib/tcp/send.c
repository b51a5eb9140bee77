/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leaves next: one decision without side effects, then its commit.
 *
 * Order: RST, SYN, what is lost, probes, new data and FIN, owed ACKs. New data
 * goes out in whole segments, as large as window, congestion and the link
 * allow; a short one only where Nagle, silly-window avoidance (RFC 9293
 * 3.8.6.2.1) and "more follows" permit.
 */
#include "tcp/engine.h"

/* The next run of new data. */
struct plan {
	uint32_t len; /* payload; 0 with fin: a FIN alone */
	bool send, fin;
	bool by_cwnd; /* the congestion window held it back */
};

struct seq send_first(const struct tcp *c)
{
	const bool syn_out = c->state == MINATO_SYN_SENT ||
			     c->state == MINATO_SYN_RECEIVED;

	return seq_add(c->snd_una, syn_out ? 1 : 0);
}

struct seq send_written(const struct tcp *c, const struct tcp_active *a)
{
	return seq_add(send_first(c), a->sendq.bytes);
}

uint32_t send_unsent(const struct tcp *c, const struct tcp_active *a)
{
	const uint32_t sent =
		seq_sub(c->snd_nxt, send_first(c)) - (c->fin_sent ? 1 : 0);

	if (c->state == MINATO_CLOSED || a->sendq.bytes < sent)
		return 0;
	return a->sendq.bytes - sent;
}

struct seq send_edge(const struct tcp *c)
{
	return seq_add(c->snd_una, c->snd_wnd);
}

/* Bytes that the options of a segment with data take now. */
static uint32_t options_len(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);
	uint32_t len = c->ts_ok ? 12 : 0;
	uint32_t blocks;

	if (a == NULL || !c->sack_ok)
		return len;
	blocks = umin(a->holes + (a->dsack ? 1 : 0), c->ts_ok ? 3 : 4);
	return len + (blocks > 0 ? 4 + 8 * blocks : 0);
}

uint32_t send_mss(const struct tcp_env *e, const struct tcp *c)
{
	const uint32_t taken = options_len(e, c);
	uint32_t mss = umin(emit_mss(e, c), c->mss_peer);
	uint32_t half = c->snd_wnd_max;

	mss = mss > taken + 8 ? mss - taken : 8; /* MUST-16 */
	/* A window smaller than two segments: never wait for all of it. */
	if (half > TCP_MSS_DEFAULT4)
		half >>= 1;
	return half != 0 && mss > half ? umax(half, 48) : mss;
}

/*
 * Segments in a run: what the path carries in a millisecond, two at least, all
 * that a frame holds where the round trip is shorter than that (Linux's
 * automatic sizing, which keeps bursts small on long paths).
 */
static uint32_t run_segs(const struct tcp *c, const struct tcp_active *a,
			 uint32_t mss)
{
	const uint32_t most = 65535 / mss;
	const uint32_t percent = c->cwnd < c->ssthresh / 2 ? 200 : 120;
	const uint32_t slow = a->min_rtt_us >> 9;
	uint64_t bytes;

	if (c->srtt_us8 == 0)
		return umax(most, 1);
	bytes = (uint64_t)umax(c->cwnd, a->packets_out) * mss * percent / 100;
	bytes = bytes * 8 * 1000 / c->srtt_us8;
	if (slow < 16)
		bytes += 65536u >> slow;
	if (bytes / mss < 2)
		return umax(umin(2, most), 1);
	return bytes / mss < most ? (uint32_t)(bytes / mss) : umax(most, 1);
}

static uint32_t segs_max(const struct tcp *c, const struct tcp_active *a,
			 uint32_t mss)
{
	/* A run has one urgent pointer, its pieces need one each (MUST-62);
	   CWR is for one segment. */
	if (a->urgent_sending || c->cwr_due)
		return 1;
	return umin(umax(c->gso_max / mss, 1), run_segs(c, a, mss));
}

/* May a last short segment wait (RFC 9293 3.7.4, Minshall's form)? */
static bool hold_short(const struct tcp *c, const struct tcp_active *a)
{
	if (c->fin_queued)
		return false;
	if (a->urgent_sending)
		return false;
	if (c->cork || a->more)
		return true;
	if (c->nodelay || a->packets_out == 0)
		return false;
	return seq_lt(c->snd_una, a->small_end) &&
	       seq_le(a->small_end, c->snd_nxt);
}

/*
 * Is it better to wait for the next ACK and send a larger run? Only where ACKs
 * are due, and less than a full run, than the whole queue, than a third of the
 * window may go now.
 */
static bool defer(const struct tcp_env *e, const struct tcp *c,
		  const struct tcp_active *a, uint32_t unsent, uint32_t mss)
{
	const uint32_t flight = board_in_flight(a);
	const uint32_t window = seq_sub(send_edge(c), c->snd_nxt);
	const uint64_t cong = (uint64_t)(c->cwnd - flight) * mss;
	const uint64_t whole = (uint64_t)c->cwnd * mss;
	const uint32_t now = cong < window ? (uint32_t)cong : window;
	const uint32_t segs = segs_max(c, a, mss);
	const uint32_t full = segs * mss;
	uint32_t chunk = whole < c->snd_wnd ? (uint32_t)whole : c->snd_wnd;
	int64_t head_age;

	if (segs == 1 || a->ca >= CA_RECOVERY || flight == 0)
		return false;
	/* RFC 3042: each duplicate ACK lets one out. */
	if (a->ca == CA_DISORDER)
		return false;
	if (now >= full || now >= unsent)
		return false;
	chunk /= 3;
	/* The peer's window: a full run or half of it, whenever that comes. */
	if (window <= cong)
		return now < umin(full, c->snd_wnd / 2);
	if (now >= chunk || clock_ms(e) - c->sent_ms > 1)
		return false;
	head_age = e->now.ns - record_at(e, a->first)->sent_ns;
	return head_age >= (int64_t)(c->srtt_us8 >> 4) * NS_PER_US;
}

/* A FIN with nothing before it that is unsent. */
static void plan_fin(const struct tcp *c, struct plan *p)
{
	p->fin = c->fin_queued && !c->fin_sent &&
		 seq_lt(c->snd_nxt, send_edge(c));
	p->send = p->fin;
}

static struct plan plan_data(const struct tcp_env *e, const struct tcp *c,
			     uint32_t quota, bool push)
{
	const struct tcp_active *a = active_of(e, c);
	const uint32_t mss = send_mss(e, c);
	const uint32_t unsent = send_unsent(c, a);
	struct plan p = { 0 };
	uint32_t window, len;

	if (unsent == 0) {
		plan_fin(c, &p);
		return p;
	}
	if (!seq_lt(c->snd_nxt, send_edge(c)))
		return p;
	window = seq_sub(send_edge(c), c->snd_nxt);
	if (window < umin(unsent, mss))
		return p; /* MUST-38: not a silly piece */
	if (quota == 0) {
		p.by_cwnd = true;
		return p;
	}
	len = umin(quota, segs_max(c, a, mss)) * mss;
	len = umin(umin(unsent, window), len);
	if (len < unsent || (!push && hold_short(c, a)))
		len -= len % mss;
	if (len == 0)
		return p; /* Nagle */
	if (defer(e, c, a, unsent, mss)) {
		const uint64_t cong = (uint64_t)quota * mss;
		p.by_cwnd = cong < window;
		return p;
	}
	p.len = len;
	p.send = true;
	p.fin = c->fin_queued && len == unsent && len < window;
	return p;
}

/* --- commit -------------------------------------------------------------- */

/* PSH where what was written ends, or half a window without one (MUST-60). */
static bool wants_push(struct tcp *c, struct tcp_active *a, struct seq end)
{
	const bool written = seq_eq(end, send_written(c, a)) &&
			     seq_le(a->written_push, end) &&
			     seq_lt(a->pushed, a->written_push);
	const uint32_t quiet = seq_sub(end, a->pushed);

	return written || quiet > c->snd_wnd_max / 2;
}

/*
 * PSH at the end of each run of several segments, whether it leaves as one
 * frame or as many: a receiver that gathers segments then passes them on.
 */
static bool ends_run(const struct tcp *c, struct tcp_active *a,
		     const struct tcp_emit *m, uint32_t mss, uint32_t quota)
{
	uint32_t left, segs;

	if (m->len > mss)
		return true;
	if (a->run_left == 0) {
		left = (send_unsent(c, a) + mss - 1) / mss;
		left = umin(left, seq_sub(send_edge(c), c->snd_nxt) / mss);
		segs = umin(run_segs(c, a, mss), umax(c->cwnd / 2, 1));
		segs = umin(umin(segs, quota), umin(left, 255));
		a->run_left = (uint8_t)umax(segs, 1);
		a->run_long = segs > 1;
	}
	a->run_left--;
	return a->run_left == 0 && a->run_long;
}

static void after_data(struct tcp_env *e, struct tcp *c)
{
	delay_data_sent(e, c);
	delay_sent(e, c);
	c->sent_ms = clock_ms(e);
}

static bool commit_data(struct tcp_env *e, struct tcp *c, const struct plan *p,
			struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t mss = send_mss(e, c);
	const struct seq seq = c->snd_nxt;
	const struct seq data_end = seq_add(seq, p->len);
	const struct seq end = seq_add(data_end, p->fin ? 1 : 0);
	const uint32_t before = a->packets_out;
	const uint32_t flight = board_in_flight(a);
	bool push;

	if (before == 0)
		cubic_idle(e, c, a);
	if (!board_sent(e, c, end, (uint16_t)mss, p->fin)) {
		timer_starved(e, c);
		return false;
	}
	emit_data(e, c, seq, p->len, out);
	out->cursor = &a->cursor;
	push = p->len > 0 && ends_run(c, a, out, mss,
				      c->cwnd > flight ? c->cwnd - flight : 1);
	if (p->fin) {
		out->segment.flags |= TCP_FIN;
		c->fin_sent = true;
	}
	if (p->len > mss)
		out->gso_size = (uint16_t)mss;
	if (push || (p->len > 0 && wants_push(c, a, data_end))) {
		out->segment.flags |= TCP_PSH; /* MUST-61 */
		a->pushed = data_end;
	}
	if (p->len % mss != 0)
		a->small_end = end;
	c->snd_nxt = end;
	a->sent_burst = true;
	congestion_validate(e, c, board_in_flight(a) >= c->cwnd);
	if (before == 0 || a->timer == TIMER_PROBE)
		timer_rearm(e, c);
	if (recovery_reducing(a))
		a->prr_out += a->packets_out - before;
	(void)rack_schedule_probe(e, c, false);
	after_data(e, c);
	return true;
}

/* Sends again the first `segs` segments of a record. */
static bool commit_again(struct tcp_env *e, struct tcp *c, uint32_t index,
			 uint32_t segs, bool probe, struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);
	struct tcp_record *r = record_at(e, index);
	const uint32_t mss = send_mss(e, c);
	uint32_t len;

	if (a->urgent_sending)
		segs = 1; /* each piece points at the same octet (MUST-62) */
	if (r->unit > mss)
		board_resize(a, r, mss); /* a smaller MTU since */
	if (record_segs(r) > segs && !board_split(e, a, index, segs))
		return false;
	len = seq_sub(r->end, r->seq) - ((r->flags & RECORD_FIN) ? 1 : 0);
	emit_data(e, c, r->seq, len, out);
	if (r->flags & RECORD_FIN)
		out->segment.flags |= TCP_FIN;
	if (len > r->unit)
		out->gso_size = r->unit;
	if (len == 0)
		out->queue = NULL;
	else if (len > r->unit ||
		 seq_eq(seq_add(r->seq, len), send_written(c, a)))
		out->segment.flags |= TCP_PSH;
	board_retransmitted(e, a, r, probe);
	after_data(e, c);
	return true;
}

static bool retransmit(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t index = board_next_lost(e, a);
	const uint32_t flight = board_in_flight(a);
	const uint32_t mss = send_mss(e, c);
	const struct tcp_record *r;
	uint32_t segs;

	if (index == POOL_NONE || flight >= c->cwnd)
		return false;
	r = record_at(e, index);
	segs = umin(c->cwnd - flight, segs_max(c, a, mss));
	if (!seq_lt(r->seq, send_edge(c))) {
		/* SHLD-16, MAY-7: beyond a shrunk window only the head, which
		   is then a probe (MUST-35). */
		if (!seq_eq(r->seq, c->snd_una))
			return false;
		segs = 1;
	} else {
		const uint32_t room = seq_sub(send_edge(c), r->seq);
		segs = umin(segs, umax(room / mss, 1));
	}
	if (!commit_again(e, c, index, segs, false, out))
		return false;
	if (recovery_reducing(a))
		a->prr_out += record_segs(record_at(e, index));
	if (index == a->first && a->timer != TIMER_REORDER)
		timer_rto(e, c);
	return true;
}

/* RFC 8985 7.3: new data where there is some, else the last segment again. */
static bool loss_probe(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);
	struct plan p;
	bool sent;

	a->probe_due = false;
	if (a->packets_out == 0 || a->probe_out)
		return false; /* one at a time: the RTO is armed */
	a->probe_retrans = false;
	p = plan_data(e, c, 1, true);
	if (p.send) {
		sent = commit_data(e, c, &p, out);
		if (sent)
			emit_new(c, out);
	} else {
		const struct tcp_record *r = record_at(e, a->last);
		const uint32_t segs = record_segs(r);
		sent = segs == 1 || board_split(e, a, a->last, segs - 1);
		sent = sent && commit_again(e, c, a->last, 1, true, out);
		a->probe_retrans = sent;
	}
	if (!sent)
		return false;
	a->probe_out = true;
	a->probe_end = c->snd_nxt;
	a->timer = TIMER_NONE; /* the RTO counts from now */
	timer_rearm(e, c);
	return true;
}

/* RFC 9293 3.8.6.1: what little fits, else an old number that asks for an
   answer; as Linux it carries no data. */
static bool window_probe(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);
	struct plan p = { 0 };

	a->persist_due = false;
	if (a->packets_out > 0)
		return false;
	if (seq_lt(c->snd_nxt, send_edge(c)) && send_unsent(c, a) > 0) {
		const uint32_t room = seq_sub(send_edge(c), c->snd_nxt);
		p.len = umin(umin(room, send_mss(e, c)), send_unsent(c, a));
		p.send = commit_data(e, c, &p, out);
		if (p.send) {
			out->segment.flags |= TCP_PSH;
			a->pushed = c->snd_nxt;
		}
		return p.send;
	}
	emit_ack(e, c, seq_add(c->snd_una, a->urgent_sending ? 0 : UINT32_MAX),
		 out);
	return true;
}

/* After the last segment of a burst: what was the limit? */
static void judge(struct tcp_env *e, struct tcp *c, bool by_cwnd)
{
	struct tcp_active *a = active_of(e, c);

	if (by_cwnd)
		congestion_validate(e, c, true);
	if (a->sent_burst && board_in_flight(a) < c->cwnd &&
	    send_unsent(c, a) == 0)
		a->rate.limited_until =
			umax(a->delivered + board_in_flight(a), 1);
	a->sent_burst = false;
	if (a->packets_out == 0 && send_unsent(c, a) > 0)
		timer_persist(e, c);
	else if (a->packets_out == 0 && c->fin_queued && !c->fin_sent)
		timer_persist(e, c);
}

static bool next_new(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);
	const uint32_t flight = board_in_flight(a);
	const uint32_t quota = flight < c->cwnd ? c->cwnd - flight : 0;
	const struct plan p = plan_data(e, c, quota, false);

	if (p.send && commit_data(e, c, &p, out)) {
		emit_new(c, out);
		return true;
	}
	a->run_left = 0;
	judge(e, c, p.by_cwnd);
	return false;
}

static bool next_data(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	struct tcp_active *a = active_of(e, c);

	if (a == NULL && c->fin_queued && !c->fin_sent) {
		a = block_take(e, c);
		if (a == NULL)
			timer_starved(e, c);
	}
	if (a == NULL || c->state == MINATO_TIME_WAIT)
		return false;
	if (a->probe_due && loss_probe(e, c, out))
		return true;
	if (a->persist_due && window_probe(e, c, out))
		return true;
	if (!a->new_first && retransmit(e, c, out))
		return true;
	if (next_new(e, c, out))
		return true;
	if (a->new_first) { /* F-RTO had nothing new to send */
		a->new_first = false;
		if (!seq_lt(a->high, c->snd_nxt)) {
			a->frto = false;
			return retransmit(e, c, out);
		}
	}
	return false;
}

/* --- acknowledgments that are owed --------------------------------------- */

static bool next_ack(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	if (c->probe_now) { /* RFC 9293 3.8.4: one below what is expected */
		c->probe_now = false;
		emit_ack(e, c, seq_add(c->snd_una, UINT32_MAX), out);
		return true;
	}
	if (c->owed_challenges > 0)
		c->owed_challenges--;
	else if (c->owed_duplicates > 0)
		c->owed_duplicates--;
	else if (!c->ack_now)
		return false;
	emit_ack(e, c, c->snd_nxt, out);
	delay_sent(e, c);
	return true;
}

bool send_pending(const struct tcp_env *e, const struct tcp *c)
{
	const struct tcp_active *a = active_of(e, c);

	if (c->rst_due || c->syn_due || c->reset_owed || c->ack_now ||
	    c->owed_challenges > 0 || c->owed_duplicates > 0 || c->probe_now)
		return true;
	if (!life_synchronized(c) || c->state == MINATO_TIME_WAIT)
		return false;
	if (c->fin_queued && !c->fin_sent)
		return true;
	if (a == NULL)
		return false;
	return a->probe_due || a->persist_due || a->sent_burst ||
	       a->lost_out > a->retrans_out || send_unsent(c, a) > 0;
}

static void commit_syn(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	int64_t rto = TCP_RTO_FIRST << c->tries;

	emit_syn(e, c, out);
	c->syn_due = false;
	c->ack_now = false;
	c->timer = time_after(e->now, span_min(rto, TCP_RTO_MAX));
	c->signals |= TCP_SIGNAL_TIMER;
}

static bool next(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	if (c->rst_due) {
		if (c->rst_bare)
			emit_bare_reset(e, c, out);
		else
			emit_reset(e, c, out);
		c->rst_due = false;
		c->signals |= TCP_SIGNAL_DEAD;
		return true;
	}
	if (c->state == MINATO_CLOSED)
		return false;
	if (c->reset_owed) { /* to a segment of somebody else's (3.10.7.3) */
		emit_bare_reset(e, c, out);
		c->reset_owed = false;
		return true;
	}
	if (c->syn_due) {
		commit_syn(e, c, out);
		return true;
	}
	if (life_synchronized(c) && next_data(e, c, out))
		return true;
	return next_ack(e, c, out);
}

bool tcp_next(struct tcp_env *e, struct tcp *c, struct tcp_emit *out)
{
	const bool found = next(e, c, out);

	block_settle(e, c);
	tcp_check(e, c);
	return found;
}
