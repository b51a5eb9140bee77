/* SPDX-License-Identifier: BSD-2-Clause */
/* Predictors that look back, over series that can be checked by hand. */
#include "unit/measure_fixture.h"

/* SP 800-90B 6.3.8 counts guesses from the second symbol on. */
static void lag_learns_a_period(void **state)
{
	uint16_t symbols[300];
	struct measure_series series = { symbols, 300, 64 };
	struct measure_estimate out;

	(void)state;
	for (int i = 0; i < 300; i++)
		symbols[i] = (uint16_t)(i * i % 7);
	out = measure_lag(&series);
	assert_int_equal(out.tries, 299);
	/* Squares mod 7 repeat after 7; all are right once that lag has won. */
	assert_true(out.hits >= 285 && out.run >= 285);
	assert_near(out.bits, 0, 0.2);
}

static void lag_beyond_its_reach_is_not_learnt(void **state)
{
	uint16_t symbols[2000];
	struct measure_series series = { symbols, 2000, 200 };

	(void)state;
	for (int i = 0; i < 2000; i++)
		symbols[i] = (uint16_t)(i % 129);
	assert_int_equal(measure_lag(&series).hits, 0);
	for (int i = 0; i < 2000; i++)
		symbols[i] = (uint16_t)(i % 128);
	assert_int_equal(measure_lag(&series).hits, 2000 - 129);
}

/* A naive count of the same: the most common of the last 63, later ones first. */
static size_t naive_hits(const uint16_t *symbol, size_t count)
{
	size_t hits = 0;

	for (size_t i = 63; i < count; i++) {
		uint32_t most = 0;
		uint16_t common = 0;

		for (size_t j = i; j-- > i - 63;) {
			uint32_t times = 0;

			for (size_t k = i - 63; k < i; k++)
				times += symbol[k] == symbol[j];
			if (times > most) {
				most = times;
				common = symbol[j];
			}
		}
		hits += common == symbol[i];
	}
	return hits;
}

static void window_is_as_a_naive_one(void **state)
{
	/* Too short for the second window. */
	uint16_t symbols[255];
	struct measure_dice dice = { 3 };
	struct measure_series series = { symbols, 255, 8 };
	struct measure_estimate out;

	(void)state;
	for (int i = 0; i < 255; i++)
		symbols[i] = (uint16_t)measure_below(&dice, 8);
	assert_int_equal(measure_windows(&series, &out), 0);
	assert_int_equal(out.tries, 192);
	assert_int_equal(out.hits, naive_hits(symbols, 255));
	assert_true(out.hits > 0);
}

static void window_follows_a_change(void **state)
{
	uint16_t symbols[4000];
	struct measure_series series = { symbols, 4000, 64 };
	struct measure_estimate out;

	(void)state;
	for (int i = 0; i < 4000; i++)
		symbols[i] = (uint16_t)(i / 1000);
	assert_int_equal(measure_windows(&series, &out), 0);
	/* Each change costs the shortest window half its length. */
	assert_true(out.hits > 4000 - 63 - 3 * 33 - 3);
	assert_near(out.bits, 0, 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(lag_learns_a_period),
		CASE(lag_beyond_its_reach_is_not_learnt),
		CASE(window_is_as_a_naive_one),
		CASE(window_follows_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
