/* SPDX-License-Identifier: BSD-2-Clause */
/* Distance from one use of a port to its next. */
#include "unit/measure_fixture.h"

static void distances_by_hand(void **state)
{
	/* 1 after 2, 0 after 3, 1 after 1. */
	static const uint16_t symbols[] = { 0, 1, 2, 0, 1, 1 };
	struct measure_series series = { symbols, 6, 64 };
	struct measure_reuse reuse;

	(void)state;
	assert_int_equal(measure_reuse(&series, &reuse), 0);
	assert_int_equal(reuse.least, 1);
	assert_int_equal(reuse.median, 3);
	series.count = 3;
	assert_int_equal(measure_reuse(&series, &reuse), 0);
	assert_int_equal(reuse.least, 0);
}

static void counter_comes_back_after_all_others(void **state)
{
	uint16_t symbols[640];
	struct measure_series series = { symbols, 640, 64 };
	struct measure_reuse reuse;

	(void)state;
	for (int i = 0; i < 640; i++)
		symbols[i] = (uint16_t)(i % 64);
	assert_int_equal(measure_reuse(&series, &reuse), 0);
	assert_int_equal(reuse.least, 64);
	assert_int_equal(reuse.p1, 64);
	assert_int_equal(reuse.median, 64);
}

/* Geometric: median 64 ln 2, nearly 44; one in a hundred within the next pick. */
static void blind_choice_comes_back_early(void **state)
{
	struct measure_series series = ideal_of(200000, 64, (struct measure_law){ 1, 0 });
	struct measure_reuse reuse;

	(void)state;
	assert_int_equal(measure_reuse(&series, &reuse), 0);
	assert_int_equal(reuse.least, 1);
	assert_int_equal(reuse.p1, 1);
	assert_near(reuse.median, 44, 2);
	series_free(&series);
}

static void law_is_the_least(void **state)
{
	struct measure_series series = ideal_of(200000, 64, (struct measure_law){ 1, 32 });
	struct measure_reuse reuse;

	(void)state;
	assert_int_equal(measure_reuse(&series, &reuse), 0);
	assert_int_equal(reuse.least, 33);
	series_free(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(distances_by_hand),
		CASE(counter_comes_back_after_all_others),
		CASE(blind_choice_comes_back_early),
		CASE(law_is_the_least),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
