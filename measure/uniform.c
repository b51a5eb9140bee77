/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a series even, and are its neighbours unrelated? */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define GAPS 16
#define CLASSES_MAX 4096
#define BUCKETS_MAX 256

static struct measure_test chi_square(double statistic, double freedom)
{
	return (struct measure_test){ statistic, freedom,
				      measure_chi_square_tail(statistic, freedom) };
}

static struct measure_test deviate(double z)
{
	return (struct measure_test){ z, 0, measure_normal_tails(z) };
}

static double square_over(double count, double mean)
{
	return (count - mean) * (count - mean) / mean;
}

struct measure_test measure_ports_test(const struct measure_series *series)
{
	uint32_t k = series->alphabet;
	double mean = (double)series->count / k;
	uint32_t *count = calloc(k, sizeof(*count));
	double sum = 0;

	if (!count)
		return (struct measure_test){ 0 };
	for (size_t i = 0; i < series->count; i++)
		count[series->symbol[i]]++;
	for (uint32_t s = 0; s < k; s++)
		sum += square_over(count[s], mean);
	free(count);
	return chi_square(sum, k - 1);
}

struct measure_test measure_bits_test(const struct measure_series *series, uint16_t low,
				      uint32_t bits)
{
	uint32_t classes = 1u << bits;
	uint32_t count[CLASSES_MAX] = { 0 }, size[CLASSES_MAX] = { 0 };
	double sum = 0, freedom = -1;

	for (size_t i = 0; i < series->count; i++)
		count[(low + series->symbol[i]) % classes]++;
	for (uint32_t s = 0; s < series->alphabet; s++)
		size[(low + s) % classes]++;
	for (uint32_t c = 0; c < classes; c++) {
		if (size[c] == 0)
			continue;
		sum += square_over(count[c], (double)series->count * size[c] / series->alphabet);
		freedom++;
	}
	return chi_square(sum, freedom);
}

int measure_pairs_test(const struct measure_series *series, uint32_t buckets,
		       struct measure_test *out)
{
	uint32_t k = series->alphabet;
	bool single = buckets == k;
	uint32_t *count;
	double *size;
	double pairs = 0, sum = 0, cells = 0;

	if (buckets < 2 || buckets > BUCKETS_MAX || buckets > k)
		return -EINVAL;
	count = calloc((size_t)buckets * buckets, sizeof(*count));
	size = calloc(buckets, sizeof(*size));
	for (uint32_t s = 0; size && s < k; s++)
		size[(uint64_t)s * buckets / k]++;
	for (size_t i = 0; count && i + 1 < series->count; i += 2) {
		size_t a = (uint64_t)series->symbol[i] * buckets / k;
		size_t b = (uint64_t)series->symbol[i + 1] * buckets / k;

		if (single && a == b)
			continue;
		count[a * buckets + b]++;
		pairs++;
	}
	for (size_t cell = 0; count && size && cell < (size_t)buckets * buckets; cell++) {
		size_t a = cell / buckets, b = cell % buckets;
		double share = size[a] * size[b] / ((double)k * k - (single ? k : 0));

		if (single && a == b)
			continue;
		sum += square_over(count[cell], pairs * share);
		cells++;
	}
	if (count && size)
		*out = chi_square(sum, cells - 1);
	free(count);
	free(size);
	return cells > 0 ? 0 : -ENOMEM;
}

static bool lower_half(const struct measure_series *series, size_t i)
{
	return series->symbol[i] < series->alphabet / 2;
}

struct measure_test measure_gaps_test(const struct measure_series *series)
{
	double share = floor(series->alphabet / 2.0) / series->alphabet;
	double count[GAPS] = { 0 };
	double gaps = 0, sum = 0, left = 1;
	size_t length = 0;

	for (size_t i = 0; i < series->count; i++) {
		if (!lower_half(series, i)) {
			length++;
			continue;
		}
		count[length < GAPS ? length : GAPS - 1]++;
		gaps++;
		length = 0;
	}
	for (int i = 0; i < GAPS; i++) {
		/* The last class has all that is longer. */
		double chance = i < GAPS - 1 ? left * share : left;

		left -= chance;
		sum += square_over(count[i], fmax(gaps, 1) * chance);
	}
	return chi_square(sum, GAPS - 1);
}

struct measure_test measure_halves_test(const struct measure_series *series)
{
	double n = (double)series->count, low = 0, runs = 1;
	double mean, variance;

	for (size_t i = 0; i < series->count; i++) {
		low += lower_half(series, i);
		if (i > 0)
			runs += lower_half(series, i) != lower_half(series, i - 1);
	}
	mean = 2 * low * (n - low) / n + 1;
	variance = (mean - 1) * (mean - 2) / (n - 1);
	/* All in one half: as far from chance as can be. */
	return deviate(variance > 0 ? (runs - mean) / sqrt(variance) : sqrt(n));
}

struct measure_test measure_turns_test(const struct measure_series *series)
{
	double n = 1, runs = 1;
	int way = 0;

	/* Equal neighbours are one. */
	for (size_t i = 1; i < series->count; i++) {
		int step = (series->symbol[i] > series->symbol[i - 1]) -
			   (series->symbol[i] < series->symbol[i - 1]);

		if (step == 0)
			continue;
		n++;
		runs += way != 0 && step != way;
		way = step;
	}
	return deviate((runs - (2 * n - 1) / 3) / sqrt(fmax(16 * n - 29, 1) / 90));
}

struct measure_test measure_steps_test(const struct measure_series *series, uint32_t reach)
{
	uint32_t k = series->alphabet;
	double n = (double)series->count - 1, near = 0;
	double share = (double)reach / k;

	for (size_t i = 1; i < series->count; i++) {
		uint32_t up = (series->symbol[i] + k - series->symbol[i - 1]) % k;

		near += up >= 1 && up <= reach;
	}
	return deviate((near - n * share) / sqrt(n * share * (1 - share)));
}
