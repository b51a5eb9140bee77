/* SPDX-License-Identifier: BSD-2-Clause */
/* The predictor game: who finds what, and that nothing is found in the ideal. */
#include "unit/measure_fixture.h"

static struct measure_game play(const struct measure_series *series)
{
	const struct measure_law law = measure_law_of(series);
	struct measure_game game;

	assert_int_equal(measure_game(series, &law, &game), 0);
	return game;
}

static void ideal_is_not_beaten(void **state)
{
	static const struct measure_law laws[] = { { 1, 0 }, { 1, 32 }, { 64, 0 }, { 16, 1 } };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct measure_series series = ideal_of(300000, 64, laws[i]);
		struct measure_game game = play(&series);

		assert_true(game.ratio > 0.97 && game.ratio < 1.05);
		series_free(&series);
	}
}

/* 1/64 + 1/63 + ... + 1: what elimination alone gives. */
static void bound_of_a_permutation_is_harmonic(void **state)
{
	struct measure_series series = ideal_of(6400, 64, (struct measure_law){ 64, 0 });
	struct measure_game game = play(&series);
	double sum = 0, bits = 0;

	(void)state;
	for (int k = 1; k <= 64; k++) {
		sum += 1.0 / k;
		bits += log2(k) / 64;
	}
	assert_near(game.bound, 100 * sum, 1e-6);
	assert_near(game.doubt_bits, bits, 1e-9);
	assert_int_equal(game.least, 1);
	series_free(&series);
}

static uint16_t counter(size_t i, struct measure_dice *dice)
{
	(void)dice;
	return (uint16_t)(i % 64);
}

static uint16_t down(size_t i, struct measure_dice *dice)
{
	(void)dice;
	return (uint16_t)(63 - i % 64);
}

static uint16_t by_seven(size_t i, struct measure_dice *dice)
{
	static uint16_t last;

	(void)i;
	last = (uint16_t)((last + 7 * (measure_below(dice, 2) != 0)) % 64);
	return last;
}

/* Mostly another of three that belong to the last one. */
static uint16_t followers(size_t i, struct measure_dice *dice)
{
	static uint16_t last;

	(void)i;
	last = measure_below(dice, 8) ? (uint16_t)measure_below(dice, 64) :
					(uint16_t)((last * 29u + 11) % 64);
	return last;
}

static void defects_are_found(void **state)
{
	static const struct {
		uint16_t (*symbol)(size_t, struct measure_dice *);
		double share; /* of right guesses, at least */
	} cases[] = { { counter, 0.99 }, { down, 0.99 }, { by_seven, 0.45 }, { followers, 0.12 } };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct measure_series series = series_of(50000, 64, cases[i].symbol);
		struct measure_game game = play(&series);

		assert_true((double)game.hits >= cases[i].share * 50000);
		assert_true(game.ratio > 1.05);
		series_free(&series);
	}
}

/* The same permutation in every round, and one that is a little biased in late places. */
static void a_permutation_kept_is_found(void **state)
{
	struct measure_series round = ideal_of(64, 64, (struct measure_law){ 64, 0 });
	struct measure_series series = series_of(64000, 64, counter);
	uint16_t *symbol = (uint16_t *)(uintptr_t)series.symbol;
	struct measure_game game;

	(void)state;
	for (size_t i = 0; i < series.count; i++)
		symbol[i] = round.symbol[i % 64];
	game = play(&series);
	assert_true(game.hits > 63000);
	series_free(&round);
	series_free(&series);
}

static void oldest_first_is_found(void **state)
{
	struct measure_dice dice = { 9 };
	struct measure_series series = series_of(60000, 64, counter);
	uint16_t *symbol = (uint16_t *)(uintptr_t)series.symbol;
	struct measure_game game;

	(void)state;
	/* One pick in ten is the one of 63 ago, which none of the last 62 is; the others are random
	   among what is not of the last 32. */
	for (size_t i = 64; i < series.count; i++) {
		struct measure_watcher watcher;
		const struct measure_law law = { 1, 32 };

		measure_watch(&watcher, &law, 64);
		for (size_t j = i - 32; j < i; j++)
			measure_see(&watcher, symbol[j]);
		do {
			symbol[i] = (uint16_t)measure_below(&dice, 64);
		} while (!(measure_eligible(&watcher) >> symbol[i] & 1));
		if (measure_below(&dice, 10) == 0) {
			size_t last[64] = { 0 };
			uint16_t oldest = 0;

			for (size_t j = i > 1000 ? i - 1000 : 0; j < i; j++)
				last[symbol[j]] = j + 1;
			for (uint16_t s = 0; s < 64; s++)
				oldest = last[s] < last[oldest] ? s : oldest;
			symbol[i] = oldest;
		}
	}
	game = play(&series);
	assert_int_equal(game.law.before, 32);
	assert_string_equal(game.best, "the eligible one unused for longest");
	assert_true(game.ratio > 3);
	series_free(&series);
}

/*
 * ---- each predictor is the best one where the defect is its own ----
 *
 * But for "what followed the last one most often": among what is eligible it is as good or better.
 */

/* The wishes: what comes at place i, half of the time, if it is eligible. */

static uint16_t up_by_five(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	(void)eligible;
	return (uint16_t)((symbol[i - 1] + 5) % 64);
}

static uint16_t down_by_one(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	(void)eligible;
	return (uint16_t)((symbol[i - 1] + 63) % 64);
}

static uint16_t on_the_line(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	(void)eligible;
	return (uint16_t)((2 * symbol[i - 1] + 64 - symbol[i - 2]) % 64);
}

static uint16_t as_the_time_before(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	size_t j = i - 1;

	(void)eligible;
	while (j-- > 0) {
		if (symbol[j] == symbol[i - 1])
			return symbol[j + 1];
	}
	return 0;
}

static uint16_t one_of_two_followers(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	uint16_t first = (uint16_t)((symbol[i - 1] * 29 + 11) % 64);
	uint16_t second = (uint16_t)((symbol[i - 1] * 13 + 7) % 64);

	return eligible >> first & 1 ? first : second;
}

static uint16_t of_37_ago(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	(void)eligible;
	return symbol[i - 37];
}

static uint16_t the_next_free(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	uint16_t next = symbol[i - 1];

	do
		next = (uint16_t)((next + 1) % 64);
	while (!(eligible >> next & 1));
	return next;
}

static uint16_t of_its_place(const uint16_t *symbol, size_t i, uint64_t eligible)
{
	(void)symbol;
	(void)eligible;
	return (uint16_t)((i % 64 * 29 + 11) % 64);
}

static const struct defect {
	const char *best;
	uint16_t (*wish)(const uint16_t *symbol, size_t i, uint64_t eligible);
	struct measure_law law;
} defects[] = {
	{ "the last plus 5", up_by_five, { 1, 0 } },
	{ "the last less 1", down_by_one, { 1, 0 } },
	{ "linear continuation", on_the_line, { 1, 0 } },
	{ "what followed the last one before", as_the_time_before, { 1, 0 } },
	{ "what followed most often, if eligible", one_of_two_followers, { 64, 0 } },
	{ "the one 37 picks ago", of_37_ago, { 1, 0 } },
	{ "the next eligible one up", the_next_free, { 64, 0 } },
	{ "what comes at this place of a round", of_its_place, { 64, 0 } },
};

/* Half of the picks are as the defect has it, the others as an ideal choice. */
static struct measure_series defective(const struct defect *defect)
{
	struct measure_series series = ideal_of(20000, 64, defect->law);
	uint16_t *symbol = (uint16_t *)(uintptr_t)series.symbol;
	struct measure_dice dice = { 11 };
	struct measure_watcher watcher;

	measure_watch(&watcher, &defect->law, 64);
	for (size_t i = 0; i < series.count; i++) {
		uint64_t eligible = measure_eligible(&watcher);

		do
			symbol[i] = (uint16_t)measure_below(&dice, 64);
		while (!(eligible >> symbol[i] & 1));
		if (i >= 64 && measure_below(&dice, 2)) {
			uint16_t wish = defect->wish(symbol, i, eligible);

			symbol[i] = eligible >> wish & 1 ? wish : symbol[i];
		}
		measure_see(&watcher, symbol[i]);
	}
	return series;
}

static void each_predictor_finds_its_own_defect(void **state)
{
	(void)state;
	for (size_t d = 0; d < sizeof(defects) / sizeof(defects[0]); d++) {
		struct measure_series series = defective(&defects[d]);
		struct measure_game game = play(&series);

		assert_int_equal(game.law.round, defects[d].law.round);
		assert_string_equal(game.best, defects[d].best);
		assert_true(game.ratio > 1.2);
		series_free(&series);
	}
}

/* The best of many is held against the best of many: luck stays below that, a rule does not. */
static void luck_has_a_reach(void **state)
{
	struct measure_series counted = series_of(64, 64, counter);
	const struct measure_law none = { 1, 0 };
	struct measure_dice dice = { 7 };
	uint16_t symbol[256];
	struct measure_series series = { symbol, 256, 64 };
	struct measure_game game;
	size_t above = 0, high = 0;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 256; i++)
			symbol[i] = (uint16_t)measure_below(&dice, 64);
		assert_int_equal(measure_game(&series, &none, &game), 0);
		above += game.hits > measure_game_reach(game.players, game.bound, 256);
		high += game.hits >= 10; /* where each has 4 by chance */
	}
	assert_true(above <= 2);
	assert_true(high > 200);
	assert_int_equal(measure_game(&counted, &none, &game), 0);
	assert_true(game.hits > measure_game_reach(game.players, game.bound, 64));
	assert_int_equal(measure_game_reach(150, 15.9, 16), 16);
	series_free(&counted);
}

static void bounds_are_kept(void **state)
{
	struct measure_series series = series_of(100, 64, counter);
	struct measure_law law = { 1, 33 };
	struct measure_game game;

	(void)state;
	assert_int_equal(measure_game(&series, &law, &game), -EINVAL);
	law = (struct measure_law){ 0, 0 };
	assert_int_equal(measure_game(&series, &law, &game), -EINVAL);
	law = (struct measure_law){ 1, 0 };
	series.alphabet = 65;
	assert_int_equal(measure_game(&series, &law, &game), -EINVAL);
	series_free(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ideal_is_not_beaten),   CASE(bound_of_a_permutation_is_harmonic),
		CASE(defects_are_found),     CASE(a_permutation_kept_is_found),
		CASE(oldest_first_is_found), CASE(each_predictor_finds_its_own_defect),
		CASE(luck_has_a_reach),	     CASE(bounds_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
