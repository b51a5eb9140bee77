/* SPDX-License-Identifier: BSD-2-Clause */
/* Round trips and the retransmission timeout (RFC 6298). */
#include "tcp_bench.h"

static uint32_t sent_at(struct bench *b, uint32_t at, int64_t ms)
{
	char text[64];

	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	wait_ms(b, ms);
	sprintf(text, ". 1:1(0) ack %u win 257", at + 100);
	in(b, text);
	return at + 100;
}

static void one_second_before_any_sample(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	assert_int_equal(bench_info(b).rto_us, 1000000);
}

static void first_sample(void **state)
{
	struct bench *b = *state;

	bench_accept(b); /* 100 ms: RTO = R + 4 (R / 2) */
	assert_int_equal(bench_info(b).rtt_us, 100000);
	assert_int_equal(bench_info(b).rto_us, 300000);
}

static void never_below_200_ms(void **state)
{
	struct bench *b = *state;
	uint32_t at = 1;
	int i;

	bench_accept(b);
	for (i = 0; i < 100; i++)
		at = sent_at(b, at, 1);
	assert_in_range(bench_info(b).rtt_us, 900, 1100);
	assert_in_range(bench_info(b).rto_us, 201000, 202000);
}

static void smoothed_by_an_eighth(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	(void)sent_at(b, 1, 180);
	assert_int_equal(bench_info(b).rtt_us, 110000);
}

static void deviation_rises_at_once(void **state)
{
	struct bench *b = *state;
	uint32_t at = 1;
	int i;

	bench_accept(b);
	for (i = 0; i < 20; i++)
		at = sent_at(b, at, 100);
	assert_in_range(bench_info(b).rto_us, 299000, 310000);
	at = sent_at(b, at, 280);
	assert_true(bench_info(b).rto_us > 320000);
	(void)at;
}

static void a_shorter_round_trip_does_not_lengthen_it(void **state)
{
	struct bench *b = *state;
	uint32_t at = 1, before;
	int i;

	bench_accept(b);
	for (i = 0; i < 30; i++)
		at = sent_at(b, at, 250);
	before = bench_info(b).rto_us;
	(void)sent_at(b, at, 10);
	assert_true(bench_info(b).rto_us <= before);
}

static void never_above_two_minutes(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept_plain(b);
	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	for (i = 0; i < 12; i++) {
		b->env.now = tcp_deadline(&b->env, &b->c);
		tcp_expire(&b->env, &b->c);
		while (bench_next(b))
			;
	}
	assert_int_equal(bench_info(b).rto_us, 120000000);
}

static void karn(void **state)
{
	struct bench *b = *state;

	bench_accept_plain(b);
	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	wait_ms(b, 1);
	out_at(b, 300, "P. 1:101(100) ack 1");
	wait_ms(b, 5);
	in(b, ". 1:1(0) ack 101 win 257");
	assert_int_equal(bench_info(b).rtt_us, 100000);
	assert_int_equal(bench_info(b).rto_us, 600000); /* still backed off */
}

static void timestamps_measure_retransmissions(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	b->mark = b->env.now.ns;
	out_at(b, 300, "P. 1:101(100) ack 1 <ts 1400 200>");
	wait_ms(b, 20);
	in(b, ". 1:1(0) ack 101 win 257 <ts 300 1400>");
	assert_int_equal(bench_info(b).rtt_us, 90000); /* 7/8 100 + 1/8 20 */
}

static void least_round_trip(void **state)
{
	struct bench *b = *state;
	uint32_t at = 1;

	bench_accept(b);
	at = sent_at(b, at, 30);
	at = sent_at(b, at, 80);
	assert_int_equal(bench_info(b).min_rtt_us, 30000);
	(void)at;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(one_second_before_any_sample),
		bench_test(first_sample),
		bench_test(never_below_200_ms),
		bench_test(smoothed_by_an_eighth),
		bench_test(deviation_rises_at_once),
		bench_test(a_shorter_round_trip_does_not_lengthen_it),
		bench_test(never_above_two_minutes),
		bench_test(karn),
		bench_test(timestamps_measure_retransmissions),
		bench_test(least_round_trip),
	};
	return cmocka_run_group_tests_name("rtt", tests, NULL, NULL);
}
