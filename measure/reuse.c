/* SPDX-License-Identifier: BSD-2-Clause */
/* How late a port comes again. */
#include "measure/measure.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

int measure_reuse(const struct measure_series *series, struct measure_reuse *out)
{
	size_t *last = calloc(series->alphabet, sizeof(*last)); /* + 1 */
	uint32_t *distance = calloc(series->count + 1, sizeof(*distance));
	size_t count = 0;
	int result = -ENOMEM;

	*out = (struct measure_reuse){ 0 };
	if (last && distance) {
		for (size_t i = 0; i < series->count; i++) {
			size_t *before = &last[series->symbol[i]];

			if (*before != 0)
				distance[count++] = (uint32_t)(i + 1 - *before);
			*before = i + 1;
		}
		qsort(distance, count, sizeof(*distance), compare);
		if (count > 0)
			*out = (struct measure_reuse){ distance[0], distance[count / 100],
						       distance[count / 2] };
		result = 0;
	}
	free(last);
	free(distance);
	return result;
}
