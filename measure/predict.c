/* SPDX-License-Identifier: BSD-2-Clause */
/* The predictors of SP 800-90B that look back: lags, and the most common of windows. */
#include "measure/measure.h"

#include <errno.h>
#include <string.h>

#define LAGS 128
#define WINDOWS 4
#define ALPHABET_MAX 256

/* Counts guesses, and how many right ones came in a row. */
struct tally {
	size_t tries, hits, run, longest;
};

static void tally_add(struct tally *tally, bool right)
{
	tally->tries++;
	tally->run = right ? tally->run + 1 : 0;
	tally->hits += right;
	if (tally->run > tally->longest)
		tally->longest = tally->run;
}

static struct measure_estimate estimate_of(const struct tally *tally, uint32_t alphabet)
{
	if (tally->tries == 0)
		return (struct measure_estimate){ .run_p = 1 };
	return measure_prediction(tally->tries, tally->hits, tally->longest, alphabet);
}

struct measure_estimate measure_lag(const struct measure_series *series)
{
	size_t score[LAGS + 1] = { 0 };
	struct tally tally = { 0 };
	size_t winner = 1;

	for (size_t i = 1; i < series->count; i++) {
		const uint16_t *now = series->symbol + i;
		size_t reach = i < LAGS ? i : LAGS;

		tally_add(&tally, winner <= i && *(now - winner) == *now);
		for (size_t lag = 1; lag <= reach; lag++) {
			if (*(now - lag) == *now && ++score[lag] >= score[winner])
				winner = lag;
		}
	}
	return estimate_of(&tally, series->alphabet);
}

/* ---- the most common of a window ---- */

struct window {
	size_t size;
	uint32_t count[ALPHABET_MAX];
	size_t last[ALPHABET_MAX]; /* when each symbol came, + 1 */
	uint16_t common;	   /* the later one where counts are equal */
};

static void find_common(struct window *w, uint32_t alphabet)
{
	for (uint32_t s = 0; s < alphabet; s++) {
		if (w->count[s] > w->count[w->common] ||
		    (w->count[s] == w->count[w->common] && w->last[s] > w->last[w->common]))
			w->common = (uint16_t)s;
	}
}

/* Moves the window on, to end with symbol i. */
static void slide(struct window *w, const struct measure_series *series, size_t i)
{
	uint16_t in = series->symbol[i];

	w->count[in]++;
	w->last[in] = i + 1;
	if (w->count[in] >= w->count[w->common])
		w->common = in;
	if (i >= w->size) {
		uint16_t out = series->symbol[i - w->size];

		w->count[out]--;
		if (out == w->common)
			find_common(w, series->alphabet);
	}
}

int measure_windows(const struct measure_series *series, struct measure_estimate *out)
{
	struct window window[WINDOWS] = {
		{ .size = 63 }, { .size = 255 }, { .size = 1023 }, { .size = 4095 }
	};
	size_t score[WINDOWS] = { 0 };
	struct tally tally = { 0 };
	size_t winner = 0;

	if (series->alphabet > ALPHABET_MAX || series->count <= window[0].size)
		return -EINVAL;
	for (size_t i = 0; i < series->count; i++) {
		uint16_t now = series->symbol[i];

		if (i >= window[0].size)
			tally_add(&tally, window[winner].common == now);
		for (size_t j = 0; j < WINDOWS; j++) {
			if (i >= window[j].size && window[j].common == now &&
			    ++score[j] >= score[winner])
				winner = j;
			slide(&window[j], series, i);
		}
	}
	*out = estimate_of(&tally, series->alphabet);
	return 0;
}
