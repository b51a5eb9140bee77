/* SPDX-License-Identifier: BSD-2-Clause */
/* Half-open calls without a connection: RFC 9293 3.10.7.4, RFC 5961, RFC 7323. */
#include "tcp_bench.h"

#define SYN "S 0:0(0) win 32792 <mss 1000,sackOK,ts 100 0,ws 7>"

static struct tcp listener;

static struct tcp_half call(struct bench *b, const char *syn)
{
	struct tcp_segment s;
	struct tcp_half h;

	tcp_init(&listener);
	bench_parse(b, syn, &s);
	tcp_half_begin(&b->env, &listener, &b->setup, &s, &h);
	b->iss = h.iss;
	b->known = true;
	return h;
}

static enum tcp_half_does ask(struct bench *b, const struct tcp_half *h, const char *text)
{
	struct tcp_segment s;

	bench_parse(b, text, &s);
	return tcp_half_arrive(h, &s);
}

static void says(struct bench *b, const struct tcp_half *h, enum tcp_half_says what,
		 const char *want)
{
	struct tcp_emit out;
	char got[256];

	tcp_half_say(&b->env, &listener, &b->setup, h, what, &out);
	if (b->ts_base == 0 && out.segment.options.has_timestamp)
		b->ts_base = out.segment.options.tsval - 1000;
	bench_text(b, &out, want, got);
	assert_string_equal(got, want);
}

/* What a connection would have answered. */
static void a_syn_is_answered(void **state)
{
	struct bench *b = *state;
	struct tcp_half h = call(b, SYN);

	says(b, &h, TCP_HALF_SYN, "S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,ts 1000 100,ws 7>");
	says(b, &h, TCP_HALF_ACK, ". 1:1(0) ack 1");
	says(b, &h, TCP_HALF_RESET, "R. 1:1(0) ack 1");
	h = call(b, "S 0:0(0) win 1000");
	says(b, &h, TCP_HALF_SYN, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
	h = call(b, "S 0:0(0) win 1000 <mss 1000>");
	says(b, &h, TCP_HALF_SYN, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
	/* Not what the listener does not want. */
	listener.no_ts = listener.no_sack = true;
	says(b, &h, TCP_HALF_SYN, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
	assert_int_equal(b->shared.active.used, 0);
}

static void segments_are_judged(void **state)
{
	struct bench *b = *state;
	struct tcp_half h = call(b, "S 0:0(0) win 1000 <mss 1000>");

	assert_int_equal(ask(b, &h, "S 0:0(0) win 1000"), TCP_HALF_REPEAT);
	assert_int_equal(ask(b, &h, "S 9:9(0) win 1000"), TCP_HALF_CHALLENGE);
	assert_int_equal(ask(b, &h, "S. 0:0(0) ack 1 win 1000"), TCP_HALF_CHALLENGE);
	assert_int_equal(ask(b, &h, "R 1:1(0)"), TCP_HALF_END);
	assert_int_equal(ask(b, &h, "R 2:2(0)"), TCP_HALF_CHALLENGE);
	assert_int_equal(ask(b, &h, "R 70000:70000(0)"), TCP_HALF_DROP);
	assert_int_equal(ask(b, &h, "R 0:0(0)"), TCP_HALF_DROP);
	assert_int_equal(ask(b, &h, "F 1:1(0)"), TCP_HALF_DROP);
	assert_int_equal(ask(b, &h, ". 1:1(0) ack 2 win 1000"), TCP_HALF_REFUSE);
	assert_int_equal(ask(b, &h, ". 1:1(0) ack 0 win 1000"), TCP_HALF_REFUSE);
	assert_int_equal(ask(b, &h, ". 0:0(0) ack 1 win 1000"), TCP_HALF_CHALLENGE);
	assert_int_equal(ask(b, &h, ". 70000:70000(0) ack 1 win 1000"), TCP_HALF_CHALLENGE);
	assert_int_equal(ask(b, &h, ". 1:1(0) ack 1 win 1000"), TCP_HALF_OPEN);
	assert_int_equal(ask(b, &h, "P. 1:101(100) ack 1 win 1000"), TCP_HALF_OPEN);
	/* Sent behind data that are still on their way. */
	assert_int_equal(ask(b, &h, "P. 101:201(100) ack 1 win 1000"), TCP_HALF_OPEN);
}

static void stamps_are_looked_at(void **state)
{
	struct bench *b = *state;
	struct tcp_half h = call(b, SYN);

	assert_int_equal(ask(b, &h, ". 1:1(0) ack 1 win 257"), TCP_HALF_DROP);
	assert_int_equal(ask(b, &h, ". 1:1(0) ack 1 win 257 <ts 99 0>"), TCP_HALF_CHALLENGE);
	assert_int_equal(ask(b, &h, ". 1:1(0) ack 1 win 257 <ts 100 0>"), TCP_HALF_OPEN);
}

static void it_waits_longer_each_time(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= TCP_TRIES_SYNACK; i++)
		assert_int_equal(tcp_half_wait_s(i), 1 << i);
	assert_int_equal(tcp_half_wait_s(TCP_TRIES_SYNACK + 1), 0);
}

/* It is a connection as any, and knows the round trip. */
static void an_ack_makes_a_connection(void **state)
{
	struct bench *b = *state;
	const struct tcp_half h = call(b, SYN);
	struct minato_info info;

	says(b, &h, TCP_HALF_SYN, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts 1000 100,ws 7>");
	b->env.now.ns += 30 * NS_PER_MS;
	tcp_half_open(&b->env, &b->c, &listener, &b->setup, &h,
		      (struct minato_time){ b->env.now.ns - 30 * NS_PER_MS }, 0);
	in(b, "P. 1:101(100) ack 1 win 257 <ts 130 1000>");
	assert_int_equal(tcp_state(&b->c), MINATO_ESTABLISHED);
	info = bench_info(b);
	assert_in_range(info.rtt_us, 29000, 31000);
	assert_int_equal(info.snd_wscale, 7);
	assert_int_equal(info.snd_mss, 1000 - 12);
	assert_true(info.sack && info.timestamps && info.wscale);
	out(b, ". 1:1(0) ack 101");
	bench_write(b, 500, 0);
	out(b, "P. 1:501(500) ack 101");
}

/* Nobody knows when a cookie went out: no round trip is made up. */
static void a_cookie_knows_no_round_trip(void **state)
{
	struct bench *b = *state;
	const struct tcp_half h = call(b, SYN);
	struct minato_info info;

	tcp_half_open(&b->env, &b->c, &listener, &b->setup, &h, MINATO_NEVER, 0);
	in(b, ". 1:1(0) ack 1 win 257 <ts 130 900>");
	assert_int_equal(tcp_state(&b->c), MINATO_ESTABLISHED);
	info = bench_info(b);
	assert_int_equal(info.rtt_us, 0);
	assert_int_equal(info.rto_us, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(a_syn_is_answered),	       bench_test(segments_are_judged),
		bench_test(stamps_are_looked_at),      bench_test(it_waits_longer_each_time),
		bench_test(an_ack_makes_a_connection), bench_test(a_cookie_knows_no_round_trip),
	};

	return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
