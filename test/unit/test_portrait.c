/* SPDX-License-Identifier: BSD-2-Clause */
/* A series beside the ideal of its own law. */
#include "unit/measure_fixture.h"

#define COUNT 50000

static uint16_t counter(size_t i, struct measure_dice *dice)
{
	(void)dice;
	return (uint16_t)(i % 64);
}

static void ideal_lacks_nothing(void **state)
{
	struct measure_series series = ideal_of(COUNT, 64, (struct measure_law){ 16, 1 });
	struct measure_portrait portrait, ideal;

	(void)state;
	assert_int_equal(measure_portrait(&series, NULL, &portrait), 0);
	assert_int_equal(portrait.game.law.round, 16);
	assert_int_equal(portrait.game.least, 33);
	assert_int_equal(measure_ideal_portrait(COUNT, 64, &portrait.game.law, 3, &ideal), 0);
	assert_true(measure_deficit_bits(&portrait, &ideal) < 0.15);
	assert_true(measure_runs_p(&portrait) > 1e-4);
	assert_near(ideal.game.ratio, portrait.game.ratio, 0.04);
	assert_int_equal(ideal.reuse.least, portrait.reuse.least);
	series_free(&series);
}

static void counter_lacks_all(void **state)
{
	struct measure_series series = series_of(COUNT, 64, counter);
	struct measure_portrait portrait, ideal;

	(void)state;
	assert_int_equal(measure_portrait(&series, NULL, &portrait), 0);
	assert_int_equal(measure_ideal_portrait(COUNT, 64, &portrait.game.law, 3, &ideal), 0);
	assert_true(measure_deficit_bits(&portrait, &ideal) > 5);
	assert_true(portrait.game.ratio > 10);
	series_free(&series);
}

/* Six in a row by chance come once in 64^5 guesses. */
static void a_run_is_seen_where_the_share_is_not(void **state)
{
	struct measure_series series = ideal_of(COUNT, 64, (struct measure_law){ 1, 0 });
	uint16_t *symbol = (uint16_t *)(uintptr_t)series.symbol;
	struct measure_portrait portrait;

	(void)state;
	for (int i = 5000; i < 5200; i++)
		symbol[i] = 7;
	assert_int_equal(measure_portrait(&series, NULL, &portrait), 0);
	assert_true(measure_runs_p(&portrait) < 1e-6);
	series_free(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ideal_lacks_nothing),
		CASE(counter_lacks_all),
		CASE(a_run_is_seen_where_the_share_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
