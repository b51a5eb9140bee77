/* SPDX-License-Identifier: BSD-2-Clause */
/* All that is asked of one series of few ports. */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define IDEALS 4

int measure_portrait(const struct measure_series *series, const struct measure_law *law,
		     struct measure_portrait *out)
{
	struct measure_law own;
	int result = measure_estimates(series, out->estimate);

	if (result < 0)
		return result;
	out->count = series->count;
	if (series->alphabet > MEASURE_GAME_PORTS)
		return -EINVAL;
	own = law ? *law : measure_law_of(series);
	result = measure_game(series, &own, &out->game);
	return result < 0 ? result : measure_reuse(series, &out->reuse);
}

/* Adds a share of the estimates of one more. */
static void add_share(struct measure_portrait *sum, const struct measure_portrait *one,
		      double share)
{
	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++) {
		struct measure_estimate *into = &sum->estimate[e];

		into->bits += share * one->estimate[e].bits;
		into->share_bits += share * one->estimate[e].share_bits;
		into->run_p = fmin(into->run_p, one->estimate[e].run_p);
	}
}

int measure_ideal_portrait(size_t count, uint32_t alphabet, const struct measure_law *law,
			   uint64_t seed, struct measure_portrait *out)
{
	struct measure_dice dice = { seed };
	struct measure_portrait one = { 0 };
	uint16_t *symbol = malloc(count * sizeof(*symbol));
	struct measure_series series = { symbol, count, alphabet };
	int result = symbol ? 0 : -ENOMEM;

	*out = (struct measure_portrait){ .count = count };
	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++)
		out->estimate[e].run_p = 1;
	for (int i = 0; i < IDEALS && result == 0; i++) {
		measure_ideal(symbol, count, alphabet, law, &dice);
		if (i == 0)
			result = measure_portrait(&series, law, &one);
		else
			result = measure_estimates(&series, one.estimate);
		add_share(out, &one, 1.0 / IDEALS);
	}
	out->game = one.game;
	out->reuse = one.reuse;
	free(symbol);
	return result;
}

double measure_deficit_bits(const struct measure_portrait *portrait,
			    const struct measure_portrait *ideal)
{
	double most = 0;

	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++)
		most = fmax(most, ideal->estimate[e].share_bits - portrait->estimate[e].share_bits);
	return most;
}

double measure_runs_p(const struct measure_portrait *portrait)
{
	double least = 1;

	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++)
		least = fmin(least, portrait->estimate[e].run_p);
	return least;
}
