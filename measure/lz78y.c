/* SPDX-License-Identifier: BSD-2-Clause */
/* SP 800-90B 6.3.10: a dictionary of what followed the strings seen before. */
#include "measure/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 16
#define ENTRIES_MAX 65536u
#define SLOTS ((size_t)4 * ENTRIES_MAX) /* a power of two */
#define ALPHABET_MAX 256
#define NONE UINT32_MAX

/* A string that was seen, and what came after it. */
struct word {
	size_t at; /* where the series has it */
	uint16_t length, best;
	uint32_t best_count;
};

struct dictionary {
	const struct measure_series *series;
	uint32_t *slot; /* word + 1, by hash */
	struct word *word;
	uint32_t *count; /* of each next symbol, by [word * alphabet + symbol] */
	uint32_t words;
};

static uint64_t mix(uint64_t hash, uint16_t symbol)
{
	hash = (hash ^ (symbol + 1u)) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* The slot of the string: its own, or the free one where it belongs. */
static uint32_t *find(const struct dictionary *d, size_t at, uint16_t length, uint64_t hash)
{
	const uint16_t *symbol = d->series->symbol;
	size_t i = (hash ^ hash >> 32) % SLOTS;

	for (; d->slot[i] != 0; i = (i + 1) % SLOTS) {
		const struct word *w = &d->word[d->slot[i] - 1];

		if (w->length == length &&
		    !memcmp(symbol + w->at, symbol + at, length * sizeof(*symbol)))
			break;
	}
	return &d->slot[i];
}

/*
 * Finds the strings of 1..LENGTH_MAX symbols that end before `end`; NONE for what is unknown. The
 * longest are entered first while there is room, as the standard has it.
 */
static void look_up(struct dictionary *d, size_t end, uint32_t known[LENGTH_MAX + 1], bool enter)
{
	uint64_t hash[LENGTH_MAX + 1] = { 0 };

	for (uint16_t j = 1; j <= LENGTH_MAX; j++)
		hash[j] = mix(hash[j - 1], d->series->symbol[end - j]);
	for (uint16_t j = LENGTH_MAX; j > 0; j--) {
		uint32_t *slot = find(d, end - j, j, hash[j]);

		if (*slot == 0 && enter && d->words < ENTRIES_MAX) {
			d->word[d->words] = (struct word){ .at = end - j, .length = j };
			*slot = ++d->words;
		}
		known[j] = *slot != 0 ? *slot - 1 : NONE;
	}
}

/* One more time, `symbol` followed these strings. */
static void learn(struct dictionary *d, const uint32_t known[LENGTH_MAX + 1], uint16_t symbol)
{
	for (int j = LENGTH_MAX; j > 0; j--) {
		struct word *w;
		uint32_t count;

		if (known[j] == NONE)
			continue;
		w = &d->word[known[j]];
		count = ++d->count[(size_t)known[j] * d->series->alphabet + symbol];
		/* Of equal counts the greater symbol. */
		if (count > w->best_count || (count == w->best_count && symbol > w->best)) {
			w->best = symbol;
			w->best_count = count;
		}
	}
}

/* The symbol whose count after any of the strings is highest, the longer string first; or -1. */
static int guess(const struct dictionary *d, const uint32_t known[LENGTH_MAX + 1])
{
	uint32_t most = 0;
	int symbol = -1;

	for (int j = LENGTH_MAX; j > 0; j--) {
		if (known[j] != NONE && d->word[known[j]].best_count > most) {
			most = d->word[known[j]].best_count;
			symbol = d->word[known[j]].best;
		}
	}
	return symbol;
}

static struct measure_estimate play(struct dictionary *d)
{
	const struct measure_series *series = d->series;
	size_t hits = 0, run = 0, longest = 0, tries = 0;
	uint32_t known[LENGTH_MAX + 1];

	look_up(d, LENGTH_MAX, known, true);
	for (size_t i = LENGTH_MAX; i + 1 < series->count; i++) {
		/* First what symbol i followed, then a guess at the one after it. */
		if (d->words < ENTRIES_MAX)
			look_up(d, i, known, true);
		learn(d, known, series->symbol[i]);
		look_up(d, i + 1, known, false);
		tries++;
		run = guess(d, known) == series->symbol[i + 1] ? run + 1 : 0;
		hits += run > 0;
		longest = run > longest ? run : longest;
	}
	return measure_prediction(tries, hits, longest, series->alphabet);
}

int measure_lz78y(const struct measure_series *series, struct measure_estimate *out)
{
	struct dictionary d = { .series = series };
	int result = -ENOMEM;

	if (series->alphabet > ALPHABET_MAX || series->count < LENGTH_MAX + 2)
		return -EINVAL;
	d.slot = calloc(SLOTS, sizeof(*d.slot));
	d.word = calloc(ENTRIES_MAX, sizeof(*d.word));
	d.count = calloc((size_t)ENTRIES_MAX * series->alphabet, sizeof(*d.count));
	if (d.slot && d.word && d.count) {
		*out = play(&d);
		result = 0;
	}
	free(d.slot);
	free(d.word);
	free(d.count);
	return result;
}
