/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tracking attack (Kol, Klein, Gilad: Device tracking via Linux's new TCP source port
 * selection, 2023), generalised: whatever about the ports towards many destinations is the same at
 * a second visit, as counters shared by a keyed hash are, identifies the host.
 */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DESTINATIONS 512
#define OTHERS 4096
#define PICKS_BETWEEN 20000

/* What a page can note at one visit. */
#define FEATURES 3
struct visit {
	uint16_t feature[FEATURES][DESTINATIONS]; /* port, step, difference; mod the range */
};

static int pick(const struct measure_source *source, uint32_t destination, uint16_t *port)
{
	uint64_t lease;
	int result = source->take(source->user, destination, &lease, port);

	if (result == 0)
		source->give(source->user, lease);
	return result;
}

static int pay_visit(const struct measure_source *source, uint32_t range, struct visit *visit)
{
	uint16_t first[DESTINATIONS], second[DESTINATIONS];
	int result = 0;

	for (uint32_t d = 0; d < DESTINATIONS && result == 0; d++)
		result = pick(source, d, &first[d]);
	for (uint32_t d = 0; d < DESTINATIONS && result == 0; d++)
		result = pick(source, d, &second[d]);
	for (uint32_t d = 0; d < DESTINATIONS && result == 0; d++) {
		uint16_t other = first[(d + 1) % DESTINATIONS];

		visit->feature[0][d] = first[d];
		visit->feature[1][d] = (uint16_t)((second[d] + range - first[d]) % range);
		visit->feature[2][d] = (uint16_t)((other + range - first[d]) % range);
	}
	return result;
}

static int visit_others(const struct measure_source *source)
{
	int result = 0;

	for (uint32_t i = 0; i < PICKS_BETWEEN && result == 0; i++) {
		uint16_t port;

		result = pick(source, DESTINATIONS + i % OTHERS, &port);
	}
	return result;
}

/* How often each value came at a visit. */
static void count_values(const uint16_t *value, double count[65536])
{
	memset(count, 0, 65536 * sizeof(*count));
	for (int d = 0; d < DESTINATIONS; d++)
		count[value[d]]++;
}

/* Bits that a feature gives away: what is equal at both visits, if chance does not explain it. */
static void compare(const uint16_t *before, const uint16_t *after, double *count,
		    struct measure_tracking *out)
{
	double bits = 0, expected = 0, p;
	size_t equal = 0;

	count_values(before, count);
	for (int d = 0; d < DESTINATIONS; d++) {
		expected += count[after[d]] / DESTINATIONS;
		if (before[d] != after[d])
			continue;
		equal++;
		bits += log2(DESTINATIONS / count[before[d]]);
	}
	p = measure_poisson_tail(equal, expected);
	out->p = fmin(out->p, p);
	if (p < MEASURE_P_LEAST)
		out->stable_bits += bits;
}

int measure_tracking(const struct measure_source *source, uint16_t low, uint16_t high,
		     struct measure_tracking *out)
{
	uint32_t range = (uint32_t)high - low + 1;
	struct visit *visit = calloc(2, sizeof(*visit));
	double *count = calloc(65536, sizeof(*count));
	int result = visit && count ? source->open(source->user, low, high) : -ENOMEM;

	if (result == 0)
		result = pay_visit(source, range, &visit[0]);
	if (result == 0)
		result = visit_others(source);
	if (result == 0)
		result = pay_visit(source, range, &visit[1]);
	*out = (struct measure_tracking){ .destinations = DESTINATIONS, .p = 1 };
	for (int f = 0; f < FEATURES && result == 0; f++)
		compare(visit[0].feature[f], visit[1].feature[f], count, out);
	free(visit);
	free(count);
	return result;
}
