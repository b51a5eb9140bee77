/* SPDX-License-Identifier: BSD-2-Clause */
/* The dictionary of SP 800-90B 6.3.10. */
#include "unit/measure_fixture.h"

static void words_of_a_text_are_learnt(void **state)
{
	/* Each letter says which comes next but the first: 9 of 10 are certain. */
	static const uint16_t word[2][10] = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 },
					      { 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 } };
	struct measure_dice dice = { 1 };
	uint16_t symbols[20000];
	struct measure_series series = { symbols, 20000, 64 };
	struct measure_estimate out;

	(void)state;
	for (int i = 0; i < 20000; i += 10)
		memcpy(symbols + i, word[measure_below(&dice, 2)], sizeof(word[0]));
	assert_int_equal(measure_lz78y(&series, &out), 0);
	assert_int_equal(out.tries, 20000 - 17);
	assert_near((double)out.hits / (double)out.tries, 0.95, 0.01);
}

/* The steps of the standard, without a dictionary: counts are taken from the series each time. */
static uint32_t naive_count(const uint16_t *symbol, size_t i, int length, uint16_t next)
{
	uint32_t count = 0;

	for (size_t end = 16; end < i; end++)
		count += symbol[end] == next && !memcmp(symbol + end - length, symbol + i - length,
							(size_t)length * sizeof(*symbol));
	return count;
}

static size_t naive_hits(const uint16_t *symbol, size_t count, uint16_t alphabet)
{
	size_t hits = 0;

	for (size_t i = 17; i < count; i++) {
		uint32_t most = 0;
		uint16_t best = alphabet;

		for (int length = 16; length > 0; length--) {
			uint32_t longest = 0;
			uint16_t next = 0;

			for (uint16_t s = 0; s < alphabet; s++) {
				uint32_t times = naive_count(symbol, i, length, s);

				if (times > 0 && times >= longest) {
					longest = times;
					next = s;
				}
			}
			if (longest > most) {
				most = longest;
				best = next;
			}
		}
		hits += symbol[i] == best;
	}
	return hits;
}

static void it_is_as_a_naive_one(void **state)
{
	/* Of few symbols the counts are high; of many, counts are equal. */
	static const struct {
		uint16_t alphabet;
		size_t hits; /* at least */
	} cases[] = { { 3, 200 }, { 12, 100 } };
	struct measure_dice dice = { 1 };
	uint16_t symbols[600];
	struct measure_estimate out;

	(void)state;
	for (int c = 0; c < 2; c++) {
		uint16_t alphabet = cases[c].alphabet;
		struct measure_series series = { symbols, 600, alphabet };

		for (int i = 0; i < 600; i++)
			symbols[i] = i > 2 && measure_below(&dice, 3) ?
					     symbols[i - 3] :
					     (uint16_t)measure_below(&dice, alphabet);
		assert_int_equal(measure_lz78y(&series, &out), 0);
		assert_int_equal(out.hits, naive_hits(symbols, 600, alphabet));
		assert_true(out.hits > cases[c].hits);
	}
}

static void shortest_series_is_one_guess(void **state)
{
	uint16_t symbols[18] = { 0 };
	struct measure_series series = { symbols, 18, 2 };
	struct measure_estimate out;

	(void)state;
	assert_int_equal(measure_lz78y(&series, &out), 0);
	assert_int_equal(out.tries, 1);
	assert_int_equal(out.hits, 1);
	series.count = 17;
	assert_int_equal(measure_lz78y(&series, &out), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(words_of_a_text_are_learnt),
		CASE(it_is_as_a_naive_one),
		CASE(shortest_series_is_one_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
