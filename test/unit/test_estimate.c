/* SPDX-License-Identifier: BSD-2-Clause */
/* Min-entropy of series whose entropy is known. */
#include "unit/measure_fixture.h"

#define COUNT 100000

static uint16_t constant(size_t i, struct measure_dice *dice)
{
	(void)i;
	(void)dice;
	return 5;
}

static uint16_t counter(size_t i, struct measure_dice *dice)
{
	(void)dice;
	return (uint16_t)(i % 64);
}

static uint16_t uniform(size_t i, struct measure_dice *dice)
{
	(void)i;
	return (uint16_t)measure_below(dice, 64);
}

/* One symbol comes half of the time. */
static uint16_t biased(size_t i, struct measure_dice *dice)
{
	(void)i;
	return measure_roll(dice) % 2 ? 9 : (uint16_t)measure_below(dice, 64);
}

/* The next is one of the 16 above the last. */
static uint16_t stepping(size_t i, struct measure_dice *dice)
{
	static uint16_t last;

	(void)i;
	last = (uint16_t)((last + 1 + measure_below(dice, 16)) % 64);
	return last;
}

static void estimate(uint16_t (*symbol)(size_t, struct measure_dice *),
		     struct measure_estimate out[MEASURE_ESTIMATOR_COUNT])
{
	struct measure_series series = series_of(COUNT, 64, symbol);

	assert_int_equal(measure_estimates(&series, out), 0);
	series_free(&series);
}

static void constant_has_none(void **state)
{
	struct measure_estimate out[MEASURE_ESTIMATOR_COUNT];

	(void)state;
	estimate(constant, out);
	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++)
		assert_near(out[e].bits, 0, 1e-9);
}

/* Counting hides it; everybody who looks back sees it. */
static void counter_is_seen_by_all_but_the_counts(void **state)
{
	struct measure_estimate out[MEASURE_ESTIMATOR_COUNT];

	(void)state;
	estimate(counter, out);
	assert_true(out[MEASURE_MOST_COMMON].bits > 5.8);
	/* The first symbol of 128 is free. */
	assert_near(out[MEASURE_MARKOV].bits, 6.0 / 128, 1e-3);
	assert_near(out[MEASURE_LAG].bits, 0, 0.01);
	assert_near(out[MEASURE_LZ78Y].bits, 0, 0.01);
}

static void uniform_has_all(void **state)
{
	struct measure_estimate out[MEASURE_ESTIMATOR_COUNT];

	(void)state;
	estimate(uniform, out);
	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++) {
		/* Of 64 transitions from a symbol, each seen some 24 times, the luckiest is taken.
		   */
		assert_near(out[e].share_bits, 6, e == MEASURE_MARKOV ? 0.9 : 0.2);
		assert_true(out[e].run_p > 1e-4);
	}
}

/* p = 1/2 + 1/128; one bit of min-entropy, nearly. */
static void bias_is_found_by_all(void **state)
{
	struct measure_estimate out[MEASURE_ESTIMATOR_COUNT];
	double bits = -log2(0.5 + 1.0 / 128);

	(void)state;
	estimate(biased, out);
	assert_near(out[MEASURE_MOST_COMMON].bits, bits, 0.03);
	/* After the symbol itself it comes a little more often than after others, by luck. */
	assert_near(out[MEASURE_MARKOV].bits, bits, 0.06);
	assert_near(out[MEASURE_WINDOWS].bits, bits, 0.03);
	assert_near(out[MEASURE_LZ78Y].bits, bits, 0.05);
	/* The one 64 ago is right when both are it. */
	assert_near(out[MEASURE_LAG].bits, -log2(0.2581 + 0.0036), 0.05);
}

static void transitions_are_found_by_markov(void **state)
{
	struct measure_estimate out[MEASURE_ESTIMATOR_COUNT];

	(void)state;
	estimate(stepping, out);
	assert_near(out[MEASURE_MARKOV].bits, 4, 0.5);
	assert_near(out[MEASURE_LZ78Y].bits, 4, 0.3);
	assert_true(out[MEASURE_MOST_COMMON].bits > 5.8);
}

/* The likeliest 128 symbols of a fair coin that repeats itself three times in four. */
static uint16_t sticky(size_t i, struct measure_dice *dice)
{
	static uint16_t last;

	(void)i;
	if (measure_below(dice, 4) == 0)
		last = !last;
	return last;
}

static void two_symbols_are_as_in_the_standard(void **state)
{
	struct measure_series series = series_of(COUNT, 2, sticky);
	struct measure_estimate out;

	(void)state;
	assert_int_equal(measure_markov(&series, &out), 0);
	/* 1/2 * (3/4)^127. */
	assert_near(out.bits, (1 - 127 * log2(0.75)) / 128, 0.01);
	series_free(&series);
}

/* SP 800-90B 6.3.1: most common 8 of 20 symbols: p = 0.4, its bound 0.6895, 0.5363 bits. */
static void most_common_value_is_the_example_of_the_standard(void **state)
{
	static const uint16_t symbols[] = { 0, 1, 1, 2, 0, 1, 2, 2, 0, 1,
					    0, 1, 1, 0, 2, 2, 1, 0, 2, 1 };
	struct measure_series series = { symbols, 20, 3 };

	(void)state;
	assert_near(measure_most_common(&series).bits, 0.5363, 1e-4);
}

static void what_has_never_been_right_is_bounded(void **state)
{
	struct measure_estimate out = measure_prediction(1000, 0, 0, 65536);

	(void)state;
	assert_near(out.share_bits, -log2(1 - pow(0.01, 0.001)), 1e-9);
	assert_near(out.run_p, 1, 0);
}

/* A million guesses of 64 symbols, as many right as by chance: a run of 4 is rare, 12 are none. */
static void a_long_run_bounds_the_bits(void **state)
{
	struct measure_estimate few = measure_prediction(1000000, 15625, 2, 64);
	struct measure_estimate four = measure_prediction(1000000, 15625, 4, 64);
	struct measure_estimate many = measure_prediction(1000000, 15625, 12, 64);

	(void)state;
	assert_near(few.bits, few.share_bits, 0);
	assert_near(many.share_bits, few.share_bits, 0);
	assert_near(many.bits, -log2(measure_run_bound(12, 1000000)), 1e-9);
	assert_true(many.bits < few.bits - 2);
	/* 10^6 * 63/64 * 64^-4 of them are expected. */
	assert_near(four.run_p, 1 - exp(-0.0586733), 1e-6);
	assert_true(few.run_p > 0.999 && many.run_p < 1e-12);
}

static void wrong_alphabets_are_refused(void **state)
{
	struct measure_series series = series_of(200, 300, constant);
	struct measure_estimate out;

	(void)state;
	assert_int_equal(measure_markov(&series, &out), -EINVAL);
	assert_int_equal(measure_windows(&series, &out), -EINVAL);
	assert_int_equal(measure_lz78y(&series, &out), -EINVAL);
	series.alphabet = 64;
	series.count = 10;
	assert_int_equal(measure_markov(&series, &out), -EINVAL);
	assert_int_equal(measure_windows(&series, &out), -EINVAL);
	assert_int_equal(measure_lz78y(&series, &out), -EINVAL);
	series_free(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(constant_has_none),
		CASE(counter_is_seen_by_all_but_the_counts),
		CASE(uniform_has_all),
		CASE(bias_is_found_by_all),
		CASE(transitions_are_found_by_markov),
		CASE(two_symbols_are_as_in_the_standard),
		CASE(most_common_value_is_the_example_of_the_standard),
		CASE(what_has_never_been_right_is_bounded),
		CASE(a_long_run_bounds_the_bits),
		CASE(wrong_alphabets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
