/* SPDX-License-Identifier: BSD-2-Clause */
/* What one series tells of another: mutual information. */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define ALPHABET_MAX 256
/* On average; with fewer the G test finds what is not there. */
#define PER_CELL 10

/* How symbols are counted: so many neighbours in one class, and how many classes there are. */
struct classes {
	uint32_t width, count;
};

static struct classes classes_of(uint32_t alphabet, uint32_t width)
{
	return (struct classes){ width, (alphabet + width - 1) / width };
}

/* Widens the classes of both until there are enough pairs for each cell. */
static void choose_classes(const struct measure_series *a, const struct measure_series *b,
			   struct classes *of_a, struct classes *of_b)
{
	*of_a = classes_of(a->alphabet, 1);
	*of_b = classes_of(b->alphabet, 1);
	while (a->count < (size_t)PER_CELL * of_a->count * of_b->count &&
	       (of_a->count > 2 || of_b->count > 2)) {
		if (of_a->count >= of_b->count)
			*of_a = classes_of(a->alphabet, 2 * of_a->width);
		else
			*of_b = classes_of(b->alphabet, 2 * of_b->width);
	}
}

/* Symbols that never come are no freedom. */
static double used(const double *count, uint32_t k)
{
	double used = 0;

	for (uint32_t s = 0; s < k; s++)
		used += count[s] > 0;
	return used;
}

/* The sum of n / count, less one. */
static double spread(const double *count, uint32_t k, double n)
{
	double sum = -1;

	for (uint32_t s = 0; s < k; s++)
		sum += count[s] > 0 ? n / count[s] : 0;
	return sum;
}

int measure_leak(const struct measure_series *a, const struct measure_series *b,
		 struct measure_leak *out)
{
	struct classes of_a, of_b;
	uint32_t ka, kb;
	double n = (double)a->count;
	double alone_a[ALPHABET_MAX] = { 0 }, alone_b[ALPHABET_MAX] = { 0 };
	double *both, bits = 0, freedom, chance, excess = 1;

	if (a->alphabet > ALPHABET_MAX || b->alphabet > ALPHABET_MAX || a->count != b->count ||
	    a->count == 0)
		return -EINVAL;
	choose_classes(a, b, &of_a, &of_b);
	ka = of_a.count;
	kb = of_b.count;
	both = calloc((size_t)ka * kb, sizeof(*both));
	if (!both)
		return -ENOMEM;
	for (size_t i = 0; i < a->count; i++) {
		uint32_t in_a = a->symbol[i] / of_a.width, in_b = b->symbol[i] / of_b.width;

		alone_a[in_a]++;
		alone_b[in_b]++;
		both[in_a * kb + in_b]++;
	}
	for (size_t cell = 0; cell < (size_t)ka * kb; cell++) {
		if (both[cell] > 0)
			bits += both[cell] / n *
				log2(both[cell] * n / (alone_a[cell / kb] * alone_b[cell % kb]));
	}
	free(both);
	freedom = (used(alone_a, ka) - 1) * (used(alone_b, kb) - 1);
	/*
	 * 2 n ln 2 times the information is chi-square (the G test), but greater by what Williams
	 * found (1976).
	 */
	if (freedom > 0)
		excess += spread(alone_a, ka, n) * spread(alone_b, kb, n) / (6 * n * freedom);
	chance = freedom * excess / (2 * n * log(2));
	*out = (struct measure_leak){
		.bits = bits - chance,
		.error_bits = sqrt(2 * freedom) / (2 * n * log(2)),
		.p = freedom > 0 ?
			     measure_chi_square_tail(2 * n * log(2) * bits / excess, freedom) :
			     1,
	};
	return 0;
}
