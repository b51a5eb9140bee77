/* SPDX-License-Identifier: BSD-2-Clause */
/* What is sent and when: segment sizes, Nagle, silly windows, PSH, runs. */
#include "tcp_bench.h"

static void set(struct bench *b, enum minato_option option, int64_t value)
{
	assert_int_equal(tcp_set(&b->env, &b->c, option, value), 0);
}

static void whole_segments_and_the_rest(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 2500, 0);
	out(b, ". 1:1001(1000) ack 1");
	out(b, "P. 1001:2001(1000) ack 1"); /* a run of two */
	out(b, "P. 2001:2501(500) ack 1");
	quiet(b);
}

static void mss_is_less_options(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b); /* they announce 1000, timestamps take 12 */
	bench_write(b, 1976, 0);
	out(b, ". 1:989(988) ack 1");
	out(b, "P. 989:1977(988) ack 1");
}

static void default_mss(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 30000");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 30000");
	assert_int_equal(bench_info(b).snd_mss, 536);
	tcp_destroy(&b->env, &b->c);
	b->setup.is6 = true;
	b->known = false;
	bench_listen(b, "S 0:0(0) win 30000");
	out(b, "S. 0:0(0) ack 1 <mss 1440>");
	in(b, ". 1:1(0) ack 1 win 30000");
	assert_int_equal(bench_info(b).snd_mss, 1220);
}

static void our_mss_is_the_smaller_bound(void **state)
{
	struct bench *b = *state;

	set(b, MINATO_OPT_MAXSEG, 700);
	bench_listen(b, "S 0:0(0) win 30000 <mss 1460>");
	out(b, "S. 0:0(0) ack 1 <mss 700>");
	in(b, ". 1:1(0) ack 1 win 30000");
	bench_write(b, 1400, 0);
	out(b, ". 1:701(700) ack 1");
}

static void nagle_holds_the_second_short_segment(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	bench_write(b, 100, 0);
	quiet(b);
	bench_write(b, 100, 0);
	quiet(b);
	in(b, ". 1:1(0) ack 101 win 257");
	out(b, "P. 101:301(200) ack 1");
	bench_write(b, 900, 0);
	quiet(b);
	bench_write(b, 200, 0); /* a whole one goes */
	out(b, ". 301:1301(1000) ack 1");
	quiet(b);
}

static void nagle_can_be_switched_off(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	set(b, MINATO_OPT_NODELAY, 1);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	bench_write(b, 100, 0);
	out(b, "P. 101:201(100) ack 1");
}

static void nagle_lets_the_fin_pass(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	bench_write(b, 100, 0);
	quiet(b);
	tcp_shutdown_write(&b->env, &b->c);
	out(b, "FP. 101:201(100) ack 1");
}

static void cork_holds_what_is_short_for_200_ms(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	set(b, MINATO_OPT_CORK, 1);
	bench_write(b, 1500, 0);
	out(b, ". 1:1001(1000) ack 1");
	quiet(b);
	in(b, ". 1:1(0) ack 1001 win 257");
	quiet(b);
	wait_ms(b, 100);
	quiet(b);
	set(b, MINATO_OPT_CORK, 0);
	out(b, "P. 1001:1501(500) ack 1");
	in(b, ". 1:1(0) ack 1501 win 257");
	set(b, MINATO_OPT_CORK, 1);
	bench_write(b, 10, 0);
	quiet(b);
	out_at(b, 287, "P. 1501:1511(10) ack 1"); /* an RTO */
}

static void more_holds_what_is_short(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 100, MINATO_MSG_MORE);
	quiet(b);
	bench_write(b, 100, MINATO_MSG_MORE);
	quiet(b);
	bench_write(b, 100, 0);
	out(b, "P. 1:301(300) ack 1");
}

static void no_silly_segment_into_a_small_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 3000, 0);
	bench_next(b);
	bench_next(b);
	bench_next(b);
	in(b, ". 1:1(0) ack 3001 win 5"); /* 640 bytes, largest was 32896 */
	bench_write(b, 3000, 0);
	quiet(b);
	in(b, ". 1:1(0) ack 3001 win 8"); /* 1024 */
	out(b, ". 3001:4001(1000) ack 1");
	quiet(b);
}

static void what_little_is_left_fits_a_small_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, ". 1:1(0) ack 1 win 5");
	bench_write(b, 600, 0);
	out(b, "P. 1:601(600) ack 1");
}

static void half_of_a_window_that_was_never_large(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1460>");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 1000");
	bench_write(b, 3000, 0);
	out(b, ". 1:501(500) ack 1");
	out(b, "P. 501:1001(500) ack 1");
	quiet(b);
}

static void nothing_beyond_the_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 1000, 0);
	out(b, "P. 1:1001(1000) ack 1");
	in(b, ". 1:1(0) ack 1001 win 16"); /* 2048 */
	bench_write(b, 5000, 0);
	out(b, ". 1001:2001(1000) ack 1");
	out(b, "P. 2001:3001(1000) ack 1");
	quiet(b);
	in(b, ". 1:1(0) ack 2001 win 4"); /* shrunk: nothing new (SHLD-15) */
	quiet(b);
	in(b, ". 1:1(0) ack 3001 win 257");
	out(b, ". 3001:4001(1000) ack 1");
}

static void initial_window_of_ten(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept(b);
	bench_write(b, 30000, 0);
	for (i = 0; i < 10; i++)
		assert_true(bench_next(b));
	quiet(b);
	assert_int_equal(bench_info(b).unacked, 10);
}

static void super_segments(void **state)
{
	struct bench *b = *state;

	b->setup.gso_max = 65495;
	bench_listen(b, "S 0:0(0) win 65535 <mss 1460,ws 7>");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 2000");
	bench_write(b, 60000, 0);
	out(b, "P. 1:14601(14600) ack 1"); /* the initial window in one */
	assert_int_equal(b->last.gso_size, 1460);
	quiet(b);
	in(b, ". 1:1(0) ack 14601 win 2000");
	out(b, "P. 14601:43801(29200) ack 1");
	assert_int_equal(bench_info(b).unacked, 20);
}

static void a_run_waits_for_its_window(void **state)
{
	struct bench *b = *state;

	b->setup.gso_max = 65495;
	bench_listen(b, "S 0:0(0) win 65535 <mss 1460,ws 7>");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 300"); /* 38400 */
	bench_write(b, 60000, 0);
	out(b, "P. 1:14601(14600) ack 1");
	in(b, ". 1:1(0) ack 14601 win 300");
	out(b, "P. 14601:43801(29200) ack 1");
	/* 9200 of 38400 are left: not now, while ACKs are due. */
	quiet(b);
	in(b, ". 1:1(0) ack 29201 win 300"); /* 23800 are: more than half */
	out(b, "P. 43801:60001(16200) ack 1");
}

static void smaller_mtu_resends_in_smaller_segments(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 65535 <mss 1460,sackOK,ws 7>");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 300");
	bench_write(b, 2920, 0);
	out(b, ". 1:1461(1460) ack 1");
	out(b, "P. 1461:2921(1460) ack 1");
	assert_true(tcp_icmp(&b->env, &b->c, TCP_ICMP_TOO_BIG, seq_add(b->iss, 1), 1040, 0));
	assert_int_equal(bench_info(b).snd_mss, 1000);
	assert_int_equal(bench_info(b).lost, 2);
	out(b, ". 1:1001(1000) ack 1");
	out(b, ". 1001:2001(1000) ack 1");
	in(b, ". 1:1(0) ack 2001 win 300");
	out(b, "P. 2001:2921(920) ack 1");
	assert_int_equal(bench_info(b).snd_cwnd, 10); /* no loss, no blame */
	/* An MTU that grows or is absurd is not believed. */
	tcp_icmp(&b->env, &b->c, TCP_ICMP_TOO_BIG, seq_add(b->iss, 2001), 1400, 0);
	assert_int_equal(bench_info(b).snd_mss, 1000);
	tcp_icmp(&b->env, &b->c, TCP_ICMP_TOO_BIG, seq_add(b->iss, 2001), 60, 0);
	assert_int_equal(bench_info(b).snd_mss, 1000);
}

static void the_window_restarts_after_idling(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 10000, 0);
	while (bench_next(b))
		;
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 10001 win 257");
	assert_int_equal(bench_info(b).snd_cwnd, 20);
	wait_ms(b, 100); /* less than an RTO */
	bench_write(b, 1000, 0);
	assert_true(bench_next(b));
	assert_int_equal(bench_info(b).snd_cwnd, 20);
	in(b, ". 1:1(0) ack 11001 win 257");
	wait_ms(b, 10000);
	bench_write(b, 1000, 0);
	assert_true(bench_next(b));
	assert_int_equal(bench_info(b).snd_cwnd, 10);
	assert_int_equal(bench_info(b).snd_ssthresh, 0x7fffffff);
}

static void options_of_the_packet(void **state)
{
	struct bench *b = *state;

	set(b, MINATO_OPT_TTL, 7);
	set(b, MINATO_OPT_TRAFFIC_CLASS, 0x28);
	bench_accept(b);
	bench_write(b, 10, 0);
	out(b, "P. 1:11(10) ack 1");
	assert_int_equal(b->last.hop_limit, 7);
	assert_int_equal(b->last.traffic_class, 0x28);
	set(b, MINATO_OPT_TRAFFIC_CLASS, 0);
	in(b, ". 1:1(0) ack 11 win 257");
	bench_write(b, 10, 0);
	out(b, "P. 11:21(10) ack 1");
	assert_int_equal(b->last.traffic_class, 0);
}

static void data_carries_the_ack(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:101(100) ack 1 win 257");
	bench_write(b, 50, 0);
	out(b, "P. 1:51(50) ack 101");
	quiet(b);
}

static void no_segment_without_a_record(void **state)
{
	struct bench *b = *state;
	struct pool *records = &b->shared.records;
	uint32_t taken[100000], count = 0;

	bench_accept(b);
	while (count < 100000 && (taken[count] = pool_take(records)) != POOL_NONE)
		count++;
	bench_write(b, 100, 0);
	quiet(b);
	while (count > 0)
		pool_give(records, taken[--count]);
	out_at(b, 10, "P. 1:101(100) ack 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(whole_segments_and_the_rest),
		bench_test(mss_is_less_options),
		bench_test(default_mss),
		bench_test(our_mss_is_the_smaller_bound),
		bench_test(nagle_holds_the_second_short_segment),
		bench_test(nagle_can_be_switched_off),
		bench_test(nagle_lets_the_fin_pass),
		bench_test(cork_holds_what_is_short_for_200_ms),
		bench_test(more_holds_what_is_short),
		bench_test(no_silly_segment_into_a_small_window),
		bench_test(what_little_is_left_fits_a_small_window),
		bench_test(half_of_a_window_that_was_never_large),
		bench_test(nothing_beyond_the_window),
		bench_test(initial_window_of_ten),
		bench_test(super_segments),
		bench_test(a_run_waits_for_its_window),
		bench_test(smaller_mtu_resends_in_smaller_segments),
		bench_test(the_window_restarts_after_idling),
		bench_test(options_of_the_packet),
		bench_test(data_carries_the_ack),
		bench_test(no_segment_without_a_record),
	};
	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
