/* SPDX-License-Identifier: BSD-2-Clause */
/* What one series tells of another: mutual information. */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ALPHABET_MAX 256

/* Symbols that never come are no freedom. */
static double used(const double *count, uint32_t k)
{
	double used = 0;

	for (uint32_t s = 0; s < k; s++)
		used += count[s] > 0;
	return used;
}

int measure_leak(const struct measure_series *a, const struct measure_series *b,
		 struct measure_leak *out)
{
	uint32_t ka = a->alphabet, kb = b->alphabet;
	double n = (double)a->count;
	double alone_a[ALPHABET_MAX] = { 0 }, alone_b[ALPHABET_MAX] = { 0 };
	double *both, bits = 0, freedom;

	if (ka > ALPHABET_MAX || kb > ALPHABET_MAX || a->count != b->count || a->count == 0)
		return -EINVAL;
	both = calloc((size_t)ka * kb, sizeof(*both));
	if (!both)
		return -ENOMEM;
	for (size_t i = 0; i < a->count; i++) {
		alone_a[a->symbol[i]]++;
		alone_b[b->symbol[i]]++;
		both[a->symbol[i] * kb + b->symbol[i]]++;
	}
	for (size_t cell = 0; cell < (size_t)ka * kb; cell++) {
		if (both[cell] > 0)
			bits += both[cell] / n *
				log2(both[cell] * n / (alone_a[cell / kb] * alone_b[cell % kb]));
	}
	free(both);
	freedom = (used(alone_a, ka) - 1) * (used(alone_b, kb) - 1);
	/* 2 n ln 2 times the information is chi-square (the G test); its mean is the freedom. */
	*out = (struct measure_leak){
		.bits = bits - freedom / (2 * n * log(2)),
		.error_bits = sqrt(2 * freedom) / (2 * n * log(2)),
		.p = freedom > 0 ? measure_chi_square_tail(2 * n * log(2) * bits, freedom) : 1,
	};
	return 0;
}
