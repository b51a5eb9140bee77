/* SPDX-License-Identifier: BSD-2-Clause */
/* Mutual information: known amounts are found, none is found where there is none. */
#include "unit/measure_fixture.h"

#define COUNT 200000

static uint16_t uniform(size_t i, struct measure_dice *dice)
{
	(void)i;
	return (uint16_t)measure_below(dice, 64);
}

static uint16_t other(size_t i, struct measure_dice *dice)
{
	if (i == 0)
		dice->state = 99;
	return uniform(i, dice);
}

static void strangers_share_nothing(void **state)
{
	struct measure_series a = series_of(COUNT, 64, uniform), b = series_of(COUNT, 64, other);
	struct measure_leak leak;

	(void)state;
	assert_int_equal(measure_leak(&a, &b, &leak), 0);
	assert_true(leak.p > 1e-3);
	assert_near(leak.bits, 0, 4 * leak.error_bits);
	/* sqrt(2 * 63^2) / (2 n ln 2). */
	assert_near(leak.error_bits, sqrt(2) * 63 / (2 * COUNT * log(2)), 1e-9);
	series_free(&a);
	series_free(&b);
}

static void few_pairs_share_nothing_either(void **state)
{
	static const size_t counts[] = { 20, 500, 5000, 10000 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct measure_series a = series_of(counts[i], 64, uniform);
		struct measure_series b = series_of(counts[i], 64, other);
		struct measure_leak leak;

		assert_int_equal(measure_leak(&a, &b, &leak), 0);
		assert_true(leak.p > 1e-3);
		series_free(&a);
		series_free(&b);
	}
}

/* Of strangers every p is as likely as another; some ten pairs a cell are the worst case. */
static void chance_is_as_it_should_be(void **state)
{
	static uint16_t a[42000], b[42000];
	struct measure_series x = { a, 42000, 64 }, y = { b, 42000, 64 };
	struct measure_dice dice = { 5 };
	double p = 0, bits = 0;

	(void)state;
	for (int run = 0; run < 100; run++) {
		struct measure_leak leak;

		for (int i = 0; i < 42000; i++) {
			a[i] = (uint16_t)measure_below(&dice, 64);
			b[i] = (uint16_t)measure_below(&dice, 64);
		}
		assert_int_equal(measure_leak(&x, &y, &leak), 0);
		p += leak.p / 100;
		bits += leak.bits / leak.error_bits / 10;
	}
	assert_near(p, 0.5, 0.1);
	assert_near(bits, 0, 3);
}

static void a_copy_shares_all(void **state)
{
	struct measure_series a = series_of(COUNT, 64, uniform);
	struct measure_leak leak;

	(void)state;
	assert_int_equal(measure_leak(&a, &a, &leak), 0);
	assert_near(leak.bits, 6, 0.02);
	assert_near(leak.p, 0, 0);
	series_free(&a);
}

/* One pick in twenty is copied: some hundredths of a bit. */
static void little_is_found(void **state)
{
	struct measure_series a = series_of(COUNT, 64, uniform), b = series_of(COUNT, 64, other);
	uint16_t *symbol = (uint16_t *)(uintptr_t)b.symbol;
	struct measure_leak leak;

	(void)state;
	for (size_t i = 0; i < COUNT; i += 20)
		symbol[i] = a.symbol[i];
	assert_int_equal(measure_leak(&a, &b, &leak), 0);
	assert_true(leak.bits > 0.01 && leak.bits < 0.2);
	assert_true(leak.p < 1e-9);
	series_free(&a);
	series_free(&b);
}

/* Rounds that run side by side are no leak. */
static void two_permutations_share_nothing(void **state)
{
	struct measure_series all = ideal_of(2 * 64 * 2000, 64, (struct measure_law){ 64, 0 });
	struct measure_series a = { all.symbol, 64 * 2000, 64 };
	struct measure_series b = { all.symbol + 64 * 2000, 64 * 2000, 64 };
	struct measure_leak leak;

	(void)state;
	assert_int_equal(measure_leak(&a, &b, &leak), 0);
	assert_true(leak.p > 1e-3);
	series_free(&all);
}

static void a_constant_tells_nothing(void **state)
{
	static const uint16_t zeros[100];
	struct measure_series a = { zeros, 100, 64 };
	struct measure_leak leak;

	(void)state;
	assert_int_equal(measure_leak(&a, &a, &leak), 0);
	assert_near(leak.bits, 0, 1e-12);
	assert_near(leak.p, 1, 0);
	a.alphabet = 257;
	assert_int_equal(measure_leak(&a, &a, &leak), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(strangers_share_nothing),	 CASE(few_pairs_share_nothing_either),
		CASE(chance_is_as_it_should_be), CASE(a_copy_shares_all),
		CASE(little_is_found),		 CASE(two_permutations_share_nothing),
		CASE(a_constant_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
