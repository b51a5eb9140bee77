/* SPDX-License-Identifier: BSD-2-Clause */
/* The ideal keeps its law and is even under it. */
#include "unit/measure_fixture.h"

static void below_is_even_and_below(void **state)
{
	uint32_t count[7] = { 0 };
	struct measure_dice dice = { 1 };
	double chi = 0;

	(void)state;
	for (int i = 0; i < 70000; i++)
		count[measure_below(&dice, 7)]++;
	for (int i = 0; i < 7; i++)
		chi += pow(count[i] - 10000.0, 2) / 10000;
	assert_true(measure_chi_square_tail(chi, 6) > 1e-3);
	assert_int_equal(measure_below(&dice, 1), 0);
}

static void seeds_repeat(void **state)
{
	struct measure_dice a = { 5 }, b = { 5 }, c = { 6 };

	(void)state;
	assert_int_equal(measure_roll(&a), measure_roll(&b));
	assert_int_not_equal(measure_roll(&a), measure_roll(&c));
}

static void law_is_kept(void **state)
{
	struct measure_series series = ideal_of(64 * 100, 64, (struct measure_law){ 64, 0 });

	(void)state;
	for (size_t i = 0; i < series.count; i += 64) {
		uint64_t seen = 0;

		for (size_t j = i; j < i + 64; j++)
			seen |= UINT64_C(1) << series.symbol[j];
		assert_int_equal(seen, UINT64_MAX);
	}
	series_free(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(below_is_even_and_below),
		CASE(seeds_repeat),
		CASE(law_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
