/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of evenness: what is even passes, what is not fails, and the test that is meant says so. */
#include "unit/measure_fixture.h"

#define COUNT 200000
#define RANGE 64512
#define LOW 1024

static uint16_t uniform(size_t i, struct measure_dice *dice)
{
	(void)i;
	return (uint16_t)measure_below(dice, RANGE);
}

static uint16_t counter(size_t i, struct measure_dice *dice)
{
	(void)dice;
	return (uint16_t)(i % RANGE);
}

/* One in ten is even where it was odd. */
static uint16_t rather_even(size_t i, struct measure_dice *dice)
{
	uint16_t port = uniform(i, dice);

	return measure_below(dice, 10) ? port : port & 0xfffe;
}

/* One in twenty stays in the half of the last. */
static uint16_t rather_near(size_t i, struct measure_dice *dice)
{
	static uint16_t last;
	uint16_t port = uniform(i, dice);

	if (measure_below(dice, 20) == 0)
		port = (uint16_t)((last + 1 + measure_below(dice, 500)) % RANGE);
	last = port;
	return port;
}

static void assert_all_pass(const struct measure_series *series, double least)
{
	struct measure_test pairs;

	assert_int_equal(measure_pairs_test(series, 64, &pairs), 0);
	assert_true(pairs.p > least && pairs.freedom == 64 * 64 - 1);
	assert_true(measure_ports_test(series).p > least);
	for (uint32_t bits = 1; bits <= 12; bits++)
		assert_true(measure_bits_test(series, LOW, bits).p > least);
	assert_true(measure_gaps_test(series).p > least);
	assert_true(measure_halves_test(series).p > least);
	assert_true(measure_turns_test(series).p > least);
	assert_true(measure_steps_test(series, 16).p > least);
	assert_true(measure_steps_test(series, 500).p > least);
}

static void uniform_passes(void **state)
{
	struct measure_series series = series_of(COUNT, RANGE, uniform);

	(void)state;
	assert_all_pass(&series, 1e-3);
	series_free(&series);
}

static void counter_fails_all_but_the_counts(void **state)
{
	struct measure_series series = series_of(COUNT, RANGE, counter);
	struct measure_test pairs;

	(void)state;
	assert_int_equal(measure_pairs_test(&series, 64, &pairs), 0);
	assert_true(pairs.p < 1e-9);
	assert_true(measure_ports_test(&series).p > 0.99);
	assert_true(measure_gaps_test(&series).p < 1e-9);
	assert_true(measure_halves_test(&series).p < 1e-9);
	assert_true(measure_turns_test(&series).p < 1e-9);
	assert_true(measure_steps_test(&series, 16).p < 1e-9);
	series_free(&series);
}

static void parity_is_seen_in_the_low_bits(void **state)
{
	struct measure_series series = series_of(COUNT, RANGE, rather_even);

	(void)state;
	assert_true(measure_bits_test(&series, LOW, 1).p < 1e-9);
	assert_true(measure_halves_test(&series).p > 1e-3);
	series_free(&series);
}

static void nearness_is_seen_in_pairs_and_steps(void **state)
{
	struct measure_series series = series_of(COUNT, RANGE, rather_near);
	struct measure_test pairs;

	(void)state;
	assert_int_equal(measure_pairs_test(&series, 64, &pairs), 0);
	assert_true(pairs.p < 1e-9);
	assert_true(measure_steps_test(&series, 500).p < 1e-9);
	assert_true(measure_halves_test(&series).p < 1e-9);
	assert_true(measure_bits_test(&series, LOW, 1).p > 1e-3);
	series_free(&series);
}

/* Late reuse is no fault: neither equal neighbours that lack nor counts that are too equal. */
static void late_reuse_passes(void **state)
{
	static const struct measure_law laws[] = { { 1, 32 }, { 64, 0 }, { 16, 1 } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct measure_series series = ideal_of(COUNT, 64, laws[i]);
		struct measure_test pairs;

		assert_int_equal(measure_pairs_test(&series, 64, &pairs), 0);
		assert_true(pairs.p > 1e-3 && pairs.freedom == 64 * 63 - 1);
		assert_true(measure_ports_test(&series).p > 1e-3);
		series_free(&series);
	}
}

/* Counts 30, 20, 10 of three ports: (100 + 0 + 100) / 20. */
static void chi_square_by_hand(void **state)
{
	uint16_t symbols[60];
	struct measure_series series = { symbols, 60, 3 };
	struct measure_test test;

	(void)state;
	for (int i = 0; i < 60; i++)
		symbols[i] = (uint16_t)(i < 30 ? 0 : i < 50 ? 1 : 2);
	test = measure_ports_test(&series);
	assert_near(test.statistic, 10, 1e-12);
	assert_near(test.freedom, 2, 0);
	assert_near(test.p, exp(-5), 1e-12);
}

/* Ten rising ones: one run up, where 19/3 are expected; two in a half, where 6 are. */
static void deviates_by_hand(void **state)
{
	static const uint16_t symbols[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct measure_series series = { symbols, 10, 10 };

	(void)state;
	assert_near(measure_turns_test(&series).statistic, (1 - 19.0 / 3) / sqrt(131.0 / 90),
		    1e-12);
	assert_near(measure_halves_test(&series).statistic, (2 - 6) / sqrt(20.0 / 9), 1e-12);
}

/* 1024 mod 4 is 0, so of six ports the classes have 2, 2, 1, 1. */
static void classes_have_their_own_size(void **state)
{
	uint16_t symbols[6] = { 0, 1, 2, 3, 4, 5 };
	struct measure_series series = { symbols, 6, 6 };
	struct measure_test test = measure_bits_test(&series, LOW, 2);

	(void)state;
	assert_near(test.statistic, 0, 1e-12);
	assert_near(test.freedom, 3, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(uniform_passes),
		CASE(counter_fails_all_but_the_counts),
		CASE(parity_is_seen_in_the_low_bits),
		CASE(nearness_is_seen_in_pairs_and_steps),
		CASE(late_reuse_passes),
		CASE(chi_square_by_hand),
		CASE(deviates_by_hand),
		CASE(classes_have_their_own_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
