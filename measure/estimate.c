/* SPDX-License-Identifier: BSD-2-Clause */
/* Min-entropy of SP 800-90B: by counts, by transitions, and what makes an estimate of guesses. */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Two-sided bound of 99 %, as the standard has it. */
#define Z_99 2.5758293035489008
#define ALPHABET_MAX 256
#define CHAIN 128

static const char *const words[] = {
#define WORDS(name, text) text,
	MEASURE_ESTIMATORS(WORDS)
#undef WORDS
};

const char *measure_estimator_words(enum measure_estimator estimator)
{
	return words[estimator];
}

static double upper_bound(double share, double tries)
{
	return fmin(1, share + Z_99 * sqrt(share * (1 - share) / (tries - 1)));
}

struct measure_estimate measure_most_common(const struct measure_series *series)
{
	struct measure_estimate out = { .run_p = 1 };
	size_t *count = calloc(series->alphabet, sizeof(*count));
	size_t most = 0;

	for (size_t i = 0; count && i < series->count; i++)
		most = ++count[series->symbol[i]] > most ? count[series->symbol[i]] : most;
	free(count);
	if (most > 0)
		out.bits = -log2(
			upper_bound((double)most / (double)series->count, (double)series->count));
	/* -log2(1) is a negative zero. */
	out.bits = fmax(0, out.bits);
	out.share_bits = out.bits;
	return out;
}

/* ---- Markov ---- */

struct chain {
	uint32_t alphabet;
	double *first; /* log2 of the probability of each symbol */
	double *next;  /* ... of each transition, by [from * alphabet + to] */
};

static void count_chain(struct chain *chain, const struct measure_series *series)
{
	uint32_t k = series->alphabet;

	for (size_t i = 0; i < series->count; i++) {
		chain->first[series->symbol[i]]++;
		if (i > 0)
			chain->next[series->symbol[i - 1] * k + series->symbol[i]]++;
	}
	for (uint32_t from = 0; from < k; from++) {
		double sum = 0;

		for (uint32_t to = 0; to < k; to++)
			sum += chain->next[from * k + to];
		for (uint32_t to = 0; to < k; to++)
			chain->next[from * k + to] =
				log2(chain->next[from * k + to] / fmax(sum, 1));
		chain->first[from] = log2(chain->first[from] / (double)series->count);
	}
}

/* log2 of the probability of the likeliest sequence of CHAIN symbols. */
static double likeliest(const struct chain *chain)
{
	uint32_t k = chain->alphabet;
	double at[ALPHABET_MAX], then[ALPHABET_MAX];
	double best = -HUGE_VAL;

	for (uint32_t symbol = 0; symbol < k; symbol++)
		at[symbol] = chain->first[symbol];
	for (int step = 1; step < CHAIN; step++) {
		for (uint32_t to = 0; to < k; to++) {
			then[to] = -HUGE_VAL;
			for (uint32_t from = 0; from < k; from++)
				then[to] = fmax(then[to], at[from] + chain->next[from * k + to]);
		}
		for (uint32_t to = 0; to < k; to++)
			at[to] = then[to];
	}
	for (uint32_t symbol = 0; symbol < k; symbol++)
		best = fmax(best, at[symbol]);
	return best;
}

int measure_markov(const struct measure_series *series, struct measure_estimate *out)
{
	uint32_t k = series->alphabet;
	struct chain chain = { .alphabet = k };
	double bits;

	if (k < 1 || k > ALPHABET_MAX || series->count < CHAIN)
		return -EINVAL;
	chain.first = calloc(k + (size_t)k * k, sizeof(*chain.first));
	if (!chain.first)
		return -ENOMEM;
	chain.next = chain.first + k;
	count_chain(&chain, series);
	bits = fmin(-likeliest(&chain) / CHAIN, log2(k));
	free(chain.first);
	bits = fmax(0, bits);
	*out = (struct measure_estimate){ .bits = bits, .share_bits = bits, .run_p = 1 };
	return 0;
}

/* ---- what guesses say ---- */

/* At most as many bits as the alphabet has. */
static double bits_of(double probability, uint32_t alphabet)
{
	return fmax(0, -log2(fmax(probability, 1.0 / alphabet)));
}

struct measure_estimate measure_prediction(size_t tries, size_t hits, size_t run, uint32_t alphabet)
{
	double share = (double)hits / (double)tries;
	double chance = fmax(share, 1.0 / alphabet);
	struct measure_estimate out = { .tries = tries, .hits = hits, .run = run, .run_p = 1 };

	/* 6.3.7 step 7. */
	if (hits == 0)
		share = 1 - pow(0.01, 1 / (double)tries);
	else
		share = upper_bound(share, (double)tries);
	out.share_bits = bits_of(share, alphabet);
	out.bits = fmin(out.share_bits, bits_of(measure_run_bound(run, tries), alphabet));
	if (run > 0 && hits < tries)
		out.run_p = -expm1(-(double)tries * (1 - chance) * pow(chance, (double)run));
	return out;
}

int measure_estimates(const struct measure_series *series,
		      struct measure_estimate out[MEASURE_ESTIMATOR_COUNT])
{
	int result = measure_markov(series, &out[MEASURE_MARKOV]);

	if (result == 0)
		result = measure_windows(series, &out[MEASURE_WINDOWS]);
	if (result == 0)
		result = measure_lz78y(series, &out[MEASURE_LZ78Y]);
	out[MEASURE_MOST_COMMON] = measure_most_common(series);
	out[MEASURE_LAG] = measure_lag(series);
	return result;
}
