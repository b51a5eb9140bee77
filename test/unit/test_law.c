/* SPDX-License-Identifier: BSD-2-Clause */
/* The law that a series keeps is found, and says which ports may come. */
#include "unit/measure_fixture.h"

static void assert_found(struct measure_law law)
{
	struct measure_series series = ideal_of(20000, 64, law);
	struct measure_law found = measure_law_of(&series);

	assert_int_equal(found.round, law.round);
	assert_int_equal(found.before, law.before);
	series_free(&series);
}

static void laws_are_found(void **state)
{
	(void)state;
	assert_found((struct measure_law){ 1, 0 }); /* none */
	assert_found((struct measure_law){ 1, 1 });
	assert_found((struct measure_law){ 1, 32 }); /* the last half */
	assert_found((struct measure_law){ 64, 0 }); /* permutations */
	assert_found((struct measure_law){ 32, 0 });
	assert_found((struct measure_law){ 16, 1 });
	assert_found((struct measure_law){ 16, 2 });
}

static void one_offence_in_a_thousand_rounds_is_seen(void **state)
{
	struct measure_series series = ideal_of(64000, 64, (struct measure_law){ 64, 0 });
	uint16_t *symbol = (uint16_t *)(uintptr_t)series.symbol;

	(void)state;
	symbol[63999] = symbol[63998];
	assert_int_equal(measure_law_of(&series).before, 0);
	assert_int_not_equal(measure_law_of(&series).round, 64);
	series_free(&series);
}

static void a_round_is_open_again_when_it_is_over(void **state)
{
	const struct measure_law law = { 2, 1 };
	struct measure_watcher watcher;

	(void)state;
	measure_watch(&watcher, &law, 8);
	assert_int_equal(measure_eligible(&watcher), 0xff);
	measure_see(&watcher, 0);
	assert_int_equal(measure_eligible(&watcher), 0xfe);
	measure_see(&watcher, 1);
	measure_see(&watcher, 2);
	assert_int_equal(measure_eligible(&watcher), 0xf8);
	measure_see(&watcher, 3);
	/* The third round begins; the first is forgotten. */
	assert_int_equal(measure_eligible(&watcher), 0xf3);
}

static void last_ones_are_ruled_out(void **state)
{
	const struct measure_law law = { 1, 3 };
	struct measure_watcher watcher;

	(void)state;
	measure_watch(&watcher, &law, 64);
	for (uint16_t s = 10; s < 20; s++)
		measure_see(&watcher, s);
	assert_int_equal(measure_eligible(&watcher), ~(UINT64_C(7) << 17));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(laws_are_found),
		CASE(one_offence_in_a_thousand_rounds_is_seen),
		CASE(a_round_is_open_again_when_it_is_over),
		CASE(last_ones_are_ruled_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
