/* SPDX-License-Identifier: BSD-2-Clause */
/* Laws of late reuse: which one a series keeps, and which ports a watcher rules out by it. */
#include "measure/measure.h"

static uint64_t bit_of(uint16_t symbol)
{
	return UINT64_C(1) << symbol;
}

void measure_watch(struct measure_watcher *watcher, const struct measure_law *law,
		   uint32_t alphabet)
{
	*watcher = (struct measure_watcher){ .law = *law };
	watcher->all = alphabet < 64 ? bit_of((uint16_t)alphabet) - 1 : UINT64_MAX;
}

/* The round of `ago` rounds before the current one. */
static uint64_t *round_of(struct measure_watcher *w, size_t ago)
{
	return &w->rounds[(w->seen / w->law.round + w->law.before + 1 - ago) % (w->law.before + 1)];
}

uint64_t measure_eligible(const struct measure_watcher *watcher)
{
	return watcher->all & ~watcher->out;
}

void measure_see(struct measure_watcher *watcher, uint16_t symbol)
{
	*round_of(watcher, 0) |= bit_of(symbol);
	watcher->out |= bit_of(symbol);
	watcher->seen++;
	if (watcher->seen % watcher->law.round == 0) {
		/* The new round takes the place of the one that is no longer heeded. */
		*round_of(watcher, 0) = 0;
		watcher->out = 0;
		for (size_t ago = 0; ago <= watcher->law.before; ago++)
			watcher->out |= *round_of(watcher, ago);
	}
}

/*
 * How many rounds of `round` before its own a port of the series never comes again in; -1 where one
 * comes twice in a round.
 */
static int64_t rounds_kept(const struct measure_series *series, uint32_t round, int64_t most)
{
	int64_t last[MEASURE_GAME_PORTS];

	for (uint32_t s = 0; s < series->alphabet; s++)
		last[s] = INT64_MIN / 2;
	for (size_t i = 0; i < series->count && most >= 0; i++) {
		int64_t now = (int64_t)(i / round);
		int64_t between = now - last[series->symbol[i]] - 1;

		most = between < most ? between : most;
		last[series->symbol[i]] = now;
	}
	return most;
}

/* The mean of 1 / eligible under a law that is kept. */
static double share_of(const struct measure_law *law, uint32_t alphabet)
{
	double sum = 0;

	for (uint32_t place = 0; place < law->round; place++)
		sum += 1.0 / (alphabet - law->round * law->before - place);
	return sum / law->round;
}

bool measure_law_valid(const struct measure_law *law, uint32_t alphabet)
{
	if (law->round < 1 || law->round > alphabet || law->before > alphabet / 2 / law->round)
		return false;
	return law->before == 0 || law->round * (law->before + 1) <= alphabet - alphabet / 4;
}

struct measure_law measure_law_of(const struct measure_series *series)
{
	uint32_t k = series->alphabet;
	struct measure_law best = { 1, 0 };

	for (uint32_t round = 1; round <= k; round++) {
		struct measure_law law = { .round = round };
		int64_t kept = rounds_kept(series, round, k / 2 / round);

		if (kept < 0)
			continue;
		law.before = (uint32_t)kept;
		while (!measure_law_valid(&law, k))
			law.before--;
		if (share_of(&law, k) > share_of(&best, k) * (1 + 1e-9))
			best = law;
	}
	return best;
}
