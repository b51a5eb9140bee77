/* SPDX-License-Identifier: BSD-2-Clause */
/* Series and sources whose figures are known, for the tests of measure/. */
#ifndef UNIT_MEASURE_FIXTURE_H
#define UNIT_MEASURE_FIXTURE_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measure/measure.h"

#define CASE(name) cmocka_unit_test(name)

static inline void assert_near(double got, double wanted, double within)
{
	if (!(fabs(got - wanted) <= within))
		fail_msg("%.9g is not within %g of %.9g", got, within, wanted);
}

/* A series that owns its symbols; freed with series_free. */
static inline struct measure_series
series_of(size_t count, uint32_t alphabet, uint16_t (*symbol)(size_t i, struct measure_dice *dice))
{
	uint16_t *symbols = malloc(count * sizeof(*symbols));
	struct measure_dice dice = { 42 };

	assert_non_null(symbols);
	for (size_t i = 0; i < count; i++)
		symbols[i] = symbol(i, &dice);
	return (struct measure_series){ symbols, count, alphabet };
}

static inline void series_free(struct measure_series *series)
{
	free((void *)(uintptr_t)series->symbol);
}

/* An ideal series under a law. */
static inline struct measure_series ideal_of(size_t count, uint32_t alphabet,
					     struct measure_law law)
{
	uint16_t *symbols = malloc(count * sizeof(*symbols));
	struct measure_dice dice = { 7 };

	assert_non_null(symbols);
	measure_ideal(symbols, count, alphabet, &law, &dice);
	return (struct measure_series){ symbols, count, alphabet };
}

#endif
