/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments nobody honest would send, calls in any order, time in any step: the
 * truths of every state hold, nothing leaks, nothing is read that was not sent.
 */
#include "tcp_bench.h"

struct storm {
	struct bench b;
	uint64_t random;
	bool closed;
};

static uint32_t roll(struct storm *s, uint32_t below)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)((s->random >> 24) % below);
}

/* Near something that matters, mostly. */
static struct seq near(struct storm *s, struct seq a, struct seq b)
{
	const struct seq base = roll(s, 2) ? a : b;
	const uint32_t spread[] = { 1, 3, 1500, 70000, UINT32_MAX };
	const uint32_t by = spread[roll(s, 5)];

	return seq_add(base, roll(s, by) - (roll(s, 3) == 0 ? by / 2 : 0));
}

static void random_segment(struct storm *s)
{
	struct bench *b = &s->b;
	struct tcp *c = &b->c;
	struct tcp_segment seg = { 0 };
	struct tcp_payload p = { .data = bench_data, .chunk = MINATO_CHUNK_NONE };
	uint8_t i;

	seg.seq = near(s, c->rcv_nxt, seq_add(c->rcv_wup, c->rcv_wnd));
	if (roll(s, 2))
		seg.seq = c->rcv_nxt;
	seg.ack = near(s, c->snd_una, c->snd_nxt);
	if (roll(s, 2))
		seg.ack = c->snd_nxt;
	seg.flags = TCP_ACK;
	if (c->state == MINATO_SYN_RECEIVED)
		seg.ack = c->snd_nxt; /* or it never opens */
	if (c->state == MINATO_SYN_SENT && roll(s, 2)) {
		seg.flags |= TCP_SYN;
		seg.ack = c->snd_nxt;
	}
	if (roll(s, 20) == 0)
		seg.flags = (uint8_t)roll(s, 256);
	if (roll(s, 400) == 0)
		seg.flags |= TCP_FIN;
	if (roll(s, 60) == 0)
		seg.flags |= TCP_URG;
	if (roll(s, 200) != 0)
		seg.flags &= (uint8_t)~TCP_RST;
	seg.window = (uint16_t)(roll(s, 4) == 0 ? 0 : roll(s, 65536));
	seg.urgent = (uint16_t)roll(s, 3000);
	if (c->ts_ok && roll(s, 30) != 0) {
		seg.options.has_timestamp = true;
		seg.options.tsval = c->ts_recent + roll(s, 3) - (roll(s, 20) == 0 ? 50 : 0);
		seg.options.tsecr = clock_ms(&b->env) + c->ts_offset - roll(s, 2000);
	}
	if (roll(s, 3) == 0)
		seg.options.sack_count = (uint8_t)roll(s, 5);
	for (i = 0; i < seg.options.sack_count; i++) {
		seg.options.sack[i].start = near(s, c->snd_una, c->snd_nxt);
		seg.options.sack[i].end =
			seq_add(seg.options.sack[i].start, roll(s, roll(s, 2) ? 3000 : 30000));
	}
	if (seg.flags & TCP_SYN) {
		seg.options.mss = (uint16_t)roll(s, 2000);
		seg.options.has_wscale = roll(s, 2);
		seg.options.wscale = (uint8_t)roll(s, 20);
		seg.options.sack_permitted = roll(s, 2);
		seg.options.has_timestamp = roll(s, 2);
	}
	p.len = roll(s, 3) == 0 ? roll(s, roll(s, 4) == 0 ? 60000 : 2000) : 0;
	if (p.len > 1460)
		p.gso_size = (uint16_t)(1 + roll(s, 1460));
	(void)tcp_arrive(&b->env, c, &seg, &p);
}

static void random_call(struct storm *s)
{
	struct bench *b = &s->b;
	static uint8_t data[1 << 16];

	switch (roll(s, 12)) {
	case 0:
		if (roll(s, 20) == 0)
			(void)tcp_shutdown_write(&b->env, &b->c);
		break;
	case 1:
		if (roll(s, 20) == 0)
			tcp_shutdown_read(&b->env, &b->c);
		break;
	case 2:
		if (roll(s, 100) == 0) {
			tcp_close(&b->env, &b->c);
			s->closed = true;
		}
		break;
	case 3:
		if (roll(s, 300) == 0) {
			tcp_abort(&b->env, &b->c);
			s->closed = true;
		}
		break;
	case 4:
		(void)tcp_set(&b->env, &b->c, (enum minato_option)roll(s, MINATO_OPTION_COUNT),
			      roll(s, 2) ? roll(s, 3) : roll(s, 100000));
		break;
	case 5:
		(void)tcp_icmp(&b->env, &b->c, (enum tcp_icmp)roll(s, 3),
			       near(s, b->c.snd_una, b->c.snd_nxt), roll(s, 2000), EHOSTUNREACH);
		break;
	case 6:
	case 7:
		(void)tcp_read(&b->env, &b->c, data, roll(s, sizeof(data)), roll(s, 16));
		break;
	default:
		(void)tcp_write(&b->env, &b->c, data, roll(s, roll(s, 2) ? 100 : sizeof(data)),
				roll(s, 8) == 0 ? roll(s, 8) : 0);
		break;
	}
}

static void storm(uint64_t seed, uint32_t steps)
{
	static struct storm s;
	uint32_t i;

	s.random = seed * 0x9e3779b97f4a7c15u + 7;
	s.closed = false;
	bench_open(&s.b, 2, 8);
	if (roll(&s, 2)) {
		s.b.setup.gso_max = roll(&s, 2) ? 65495 : 3000;
		s.b.setup.mtu = 576 + roll(&s, 60000);
	}
	if (roll(&s, 2)) {
		tcp_connect(&s.b.env, &s.b.c, &s.b.setup);
	} else {
		bench_listen(&s.b, "S 0:0(0) win 32792 <mss 1000,sackOK,ts 5 0,ws 7>");
	}
	for (i = 0; i < steps && !tcp_dead(&s.b.c); i++) {
		const uint32_t what = roll(&s, 10);
		if (what < 5)
			random_segment(&s);
		else if (what < 7 && !s.closed)
			random_call(&s);
		else
			s.b.env.now.ns += (int64_t)roll(&s, 4) * roll(&s, 200) * NS_PER_MS;
		if (tcp_deadline(&s.b.env, &s.b.c).ns <= s.b.env.now.ns)
			tcp_expire(&s.b.env, &s.b.c);
		while (roll(&s, 8) != 0 && tcp_next(&s.b.env, &s.b.c, &s.b.last))
			assert_true(s.b.last.len <= 65535);
		board_audit(&s.b.env, &s.b.c);
		(void)tcp_signals(&s.b.c);
		(void)bench_info(&s.b);
	}
	bench_close(&s.b);
}

static void two_thousand_storms(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 2000; seed++)
		storm(seed, 300);
}

static void long_storms(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 5000; seed < 5050; seed++)
		storm(seed, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_thousand_storms),
		cmocka_unit_test(long_storms),
	};
	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
