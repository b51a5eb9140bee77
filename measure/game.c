/* SPDX-License-Identifier: BSD-2-Clause */
/* The predictor game: everybody guesses every pick, the best one counts. */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define K MEASURE_GAME_PORTS
#define STEPS 16
#define LAGS 128

/* Who guesses. Behind these come the lags 1..LAGS. */
enum predictor {
	STEP, /* STEPS of them */
	BACK = STEP + STEPS,
	LINEAR,
	FOLLOWED_LATELY,
	FOLLOWED_MOST,
	UNUSED_LONGEST,
	NEXT_ELIGIBLE,
	FOLLOWED_ELIGIBLE,
	AT_PLACE,
	LAG,
	PREDICTORS = LAG + LAGS
};

/* No symbol: whoever does not guess. */
#define NOBODY UINT16_MAX

struct player {
	const struct measure_series *series;
	struct measure_watcher watcher;
	size_t hits[PREDICTORS];
	size_t seen;
	size_t last_use[K]; /* + 1 */
	uint16_t after[K];  /* what came after each symbol the time before */
	uint16_t often[K];  /* ... most often */
	uint32_t follow[K][K];
	uint32_t place[K][K]; /* by place in the round */
};

/* The symbol of the set with the highest count. */
static uint16_t most_of(uint64_t set, const uint32_t *count)
{
	uint16_t best = (uint16_t)__builtin_ctzll(set);

	for (; set != 0; set &= set - 1) {
		uint16_t symbol = (uint16_t)__builtin_ctzll(set);

		if (count[symbol] > count[best])
			best = symbol;
	}
	return best;
}

static uint16_t longest_unused(const struct player *p, uint64_t set)
{
	uint16_t best = (uint16_t)__builtin_ctzll(set);

	for (; set != 0; set &= set - 1) {
		uint16_t symbol = (uint16_t)__builtin_ctzll(set);

		if (p->last_use[symbol] < p->last_use[best])
			best = symbol;
	}
	return best;
}

/* The first of the set above `last`, round the end. */
static uint16_t next_of(uint64_t set, uint16_t last)
{
	uint64_t above = last < 63 ? set >> (last + 1) << (last + 1) : 0;

	return (uint16_t)__builtin_ctzll(above != 0 ? above : set);
}

static void hit_if(struct player *p, int predictor, uint16_t guess, uint16_t now)
{
	p->hits[predictor] += guess == now;
}

/* Those who need to have seen a pick. */
static void guess_from_last(struct player *p, uint64_t eligible, uint16_t last, uint16_t now)
{
	const uint16_t *symbol = p->series->symbol;
	uint32_t k = p->series->alphabet;
	uint32_t up = (now + k - last) % k; /* the only step that would have hit */

	if (up >= 1 && up <= STEPS)
		p->hits[STEP + up - 1]++;
	hit_if(p, BACK, (uint16_t)((last + k - 1) % k), now);
	if (p->seen >= 2)
		hit_if(p, LINEAR, (uint16_t)((2u * last + k - symbol[p->seen - 2]) % k), now);
	hit_if(p, FOLLOWED_LATELY, p->after[last], now);
	hit_if(p, FOLLOWED_MOST, p->often[last], now);
	hit_if(p, NEXT_ELIGIBLE, next_of(eligible, last), now);
	hit_if(p, FOLLOWED_ELIGIBLE, most_of(eligible, p->follow[last]), now);
	for (size_t lag = 1; lag <= LAGS && lag <= p->seen; lag++)
		p->hits[LAG + lag - 1] += symbol[p->seen - lag] == now;
}

static void guess(struct player *p, uint64_t eligible, uint16_t now)
{
	size_t place = p->seen % p->watcher.law.round;

	hit_if(p, UNUSED_LONGEST, longest_unused(p, eligible), now);
	hit_if(p, AT_PLACE, most_of(eligible, p->place[place]), now);
	if (p->seen > 0)
		guess_from_last(p, eligible, p->series->symbol[p->seen - 1], now);
}

static void learn(struct player *p, uint16_t now)
{
	p->place[p->seen % p->watcher.law.round][now]++;
	if (p->seen > 0) {
		uint16_t last = p->series->symbol[p->seen - 1];
		uint16_t often = p->often[last];
		uint32_t count = ++p->follow[last][now];

		p->after[last] = now;
		if (often == NOBODY || count > p->follow[last][often])
			p->often[last] = now;
	}
	p->last_use[now] = p->seen + 1;
	p->seen++;
	measure_see(&p->watcher, now);
}

static void name_predictor(char *name, size_t size, int predictor)
{
	static const char *const named[] = {
		[BACK] = "the last less 1",
		[LINEAR] = "linear continuation",
		[FOLLOWED_LATELY] = "what followed the last one before",
		[FOLLOWED_MOST] = "what followed the last one most often",
		[UNUSED_LONGEST] = "the eligible one unused for longest",
		[NEXT_ELIGIBLE] = "the next eligible one up",
		[FOLLOWED_ELIGIBLE] = "what followed most often, if eligible",
		[AT_PLACE] = "what comes at this place of a round",
	};

	if (predictor < BACK)
		snprintf(name, size, "the last plus %d", predictor - STEP + 1);
	else if (predictor < LAG)
		snprintf(name, size, "%s", named[predictor]);
	else
		snprintf(name, size, "the one %d picks ago", predictor - LAG + 1);
}

static void play(struct player *p, struct measure_game *out)
{
	double doubt = 0;
	int best = 0;

	for (size_t i = 0; i < p->series->count; i++) {
		/* Under a law that is not the series' own, none may be left. */
		uint64_t eligible = measure_eligible(&p->watcher);
		uint32_t count;

		eligible = eligible != 0 ? eligible : p->watcher.all;
		count = (uint32_t)__builtin_popcountll(eligible);
		out->bound += 1.0 / count;
		doubt += log2(count);
		out->least = count < out->least ? count : out->least;
		guess(p, eligible, p->series->symbol[i]);
		learn(p, p->series->symbol[i]);
	}
	for (int i = 1; i < PREDICTORS; i++)
		best = p->hits[i] > p->hits[best] ? i : best;
	out->hits = p->hits[best];
	out->doubt_bits = doubt / (double)p->series->count;
	out->ratio = (double)out->hits / out->bound;
	name_predictor(out->best, sizeof(out->best), best);
}

size_t measure_game_reach(uint32_t players, double mean, size_t tries)
{
	size_t hits = (size_t)mean + 1;

	/* Above its mean the tail of such a sum is below Poisson's (Hoeffding 1956); and of many
	   players none is further up than their tails together say. */
	while (hits < tries && players * measure_poisson_tail(hits + 1, mean) > 0.001)
		hits++;
	return hits < tries ? hits : tries;
}

int measure_game(const struct measure_series *series, const struct measure_law *law,
		 struct measure_game *out)
{
	uint32_t k = series->alphabet;
	struct player *p;

	if (k < 2 || k > K || series->count < 1 || !measure_law_valid(law, k))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->series = series;
	measure_watch(&p->watcher, law, k);
	for (uint32_t s = 0; s < K; s++)
		p->after[s] = p->often[s] = NOBODY;
	*out = (struct measure_game){ .law = *law, .least = k, .players = PREDICTORS };
	play(p, out);
	free(p);
	return 0;
}
