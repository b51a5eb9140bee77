/* SPDX-License-Identifier: BSD-2-Clause */
/* The congestion window over time: slow start, CUBIC, Reno, and who may raise
   it. */
#include "tcp_bench.h"

struct drive {
	struct bench *b;
	struct tcp_active *a;
};

static struct drive begin(struct bench *b, uint32_t cwnd)
{
	struct drive d;

	bench_accept(b);
	d.b = b;
	d.a = active_of(&b->env, &b->c);
	b->c.cwnd = cwnd;
	d.a->cwnd_limited = true;
	return d;
}

/* One round trip in which every segment of the window is acknowledged. */
static void round_trip(struct drive *d, int64_t ms)
{
	struct bench *b = d->b;
	struct tcp_acked k = { .flags = ACKED_DATA };
	uint32_t left = b->c.cwnd;

	b->env.now.ns += ms * NS_PER_MS;
	cubic_round_trip(&b->env, &b->c, d->a, ms * 1000);
	for (; left > 0; left--)
		congestion_acked(&b->env, &b->c, &k, 1);
}

static void slow_start_doubles(void **state)
{
	struct drive d = begin(*state, 10);

	round_trip(&d, 100);
	assert_int_equal(d.b->c.cwnd, 20);
	round_trip(&d, 100);
	assert_int_equal(d.b->c.cwnd, 40);
}

static void slow_start_ends_at_the_threshold(void **state)
{
	struct drive d = begin(*state, 10);

	d.b->c.ssthresh = 15;
	round_trip(&d, 100);
	assert_int_equal(d.b->c.cwnd, 15);
}

static void only_a_full_window_grows(void **state)
{
	struct drive d = begin(*state, 10);

	d.a->cwnd_limited = false;
	d.a->max_packets_out = 4;
	round_trip(&d, 100);
	assert_int_equal(d.b->c.cwnd, 10);
	d.a->max_packets_out = 6; /* more than half of it, in slow start */
	round_trip(&d, 100);
	assert_int_equal(d.b->c.cwnd, 12);
}

static void reduction_is_to_seven_tenths(void **state)
{
	struct drive d = begin(*state, 100);

	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, false), 70);
	assert_int_equal(d.a->cubic.last_max, 100);
	d.b->c.cwnd = 80; /* less than before: fast convergence */
	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, false), 56);
	assert_int_equal(d.a->cubic.last_max, 68);
	d.b->c.cwnd = 2;
	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, false), 2);
}

/* RFC 8511: a mark is no loss. */
static void ecn_is_answered_by_less(void **state)
{
	struct drive d = begin(*state, 100);

	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, true), 85);
	d.b->c.newreno = true;
	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, true), 80);
	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, false), 50);
}

static void back_to_the_plateau_in_k(void **state)
{
	struct drive d = begin(*state, 1000);
	uint32_t steps;

	d.b->c.ssthresh = congestion_ssthresh(&d.b->env, &d.b->c, false);
	d.b->c.cwnd = 700;
	/* K = cbrt(300 / 0.4) = 9.1 s */
	for (steps = 0; steps < 45; steps++)
		round_trip(&d, 200);
	assert_in_range(d.b->c.cwnd, 985, 1001);
	for (steps = 0; steps < 10; steps++) /* flat around it */
		round_trip(&d, 200);
	assert_in_range(d.b->c.cwnd, 998, 1010);
	for (steps = 0; steps < 35; steps++) /* and steeply away: 7 s later */
		round_trip(&d, 200);
	assert_in_range(d.b->c.cwnd, 1180, 1300);
}

static void never_slower_than_reno(void **state)
{
	struct drive d = begin(*state, 20);
	uint32_t steps;

	d.b->c.ssthresh = congestion_ssthresh(&d.b->env, &d.b->c, false);
	d.b->c.cwnd = d.b->c.ssthresh; /* 14; K = 2.5 s: 250 round trips of 10 ms */
	for (steps = 0; steps < 40; steps++)
		round_trip(&d, 10);
	assert_in_range(d.b->c.cwnd, 14 + 40 * 45 / 100, 14 + 40 * 60 / 100);
}

static void newreno_gains_one_per_window(void **state)
{
	struct drive d = begin(*state, 20);
	uint32_t steps;

	d.b->c.newreno = true;
	d.b->c.ssthresh = 20;
	for (steps = 0; steps < 10; steps++)
		round_trip(&d, 100);
	assert_in_range(d.b->c.cwnd, 29, 30);
	assert_int_equal(congestion_ssthresh(&d.b->env, &d.b->c, false), d.b->c.cwnd / 2);
}

static void a_pause_does_not_count(void **state)
{
	struct drive d = begin(*state, 1000);
	uint32_t before;

	d.b->c.ssthresh = congestion_ssthresh(&d.b->env, &d.b->c, false);
	d.b->c.cwnd = 700;
	round_trip(&d, 100);
	round_trip(&d, 100);
	before = d.b->c.cwnd;
	d.b->c.sent_ms = clock_ms(&d.b->env);
	d.b->env.now.ns += 60 * NS_PER_S;
	cubic_idle(&d.b->env, &d.b->c, d.a);
	round_trip(&d, 100);
	assert_in_range(d.b->c.cwnd, before, before + 30);
}

static void unused_window_decays(void **state)
{
	struct drive d = begin(*state, 40);

	d.a->cwnd_limited = false;
	d.a->cwnd_used = 0;
	d.a->max_packets_out = 0;
	d.a->cwnd_ns = d.b->env.now.ns;
	d.b->env.now.ns += NS_PER_S;
	congestion_validate(&d.b->env, &d.b->c, false);
	assert_int_equal(d.b->c.cwnd, 25); /* half way to the initial window */
	assert_int_equal(d.b->c.ssthresh, TCP_SSTHRESH_INFINITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(slow_start_doubles),
		bench_test(slow_start_ends_at_the_threshold),
		bench_test(only_a_full_window_grows),
		bench_test(reduction_is_to_seven_tenths),
		bench_test(ecn_is_answered_by_less),
		bench_test(back_to_the_plateau_in_k),
		bench_test(never_slower_than_reno),
		bench_test(newreno_gains_one_per_window),
		bench_test(a_pause_does_not_count),
		bench_test(unused_window_decays),
	};
	return cmocka_run_group_tests_name("cubic", tests, NULL, NULL);
}
