/* SPDX-License-Identifier: BSD-2-Clause */
/* What a pick costs, and how many there are. */
#include "measure/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 2000
#define BATCHES 9
/* How often it is asked when nothing is left; some choosers look everywhere first. */
#define REFUSALS 20

const double measure_levels[MEASURE_LEVELS] = { 0, 0.5, 0.9, 0.99, 0.999, 0.9999 };

/* What is taken towards one destination. */
struct held {
	const struct measure_source *source;
	struct measure_dice dice;
	uint64_t *lease;
	uint32_t count;
};

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int fill_to(struct held *held, uint32_t count)
{
	while (held->count < count) {
		uint16_t port;
		int result =
			held->source->take(held->source->user, 0, &held->lease[held->count], &port);

		if (result < 0)
			return result;
		held->count++;
	}
	return 0;
}

/* Takes one, gives back another at random, so that the occupancy stays. */
static int swap_batch(struct held *held, const uint32_t *which, double *ns)
{
	const struct measure_source *source = held->source;
	double start = now_ns();

	for (int i = 0; i < BATCH; i++) {
		uint64_t lease;
		uint16_t port;
		int result = source->take(source->user, 0, &lease, &port);

		if (result < 0)
			return result;
		if (held->count > 0) {
			uint64_t old = held->lease[which[i]];

			held->lease[which[i]] = lease;
			lease = old;
		}
		source->give(source->user, lease);
	}
	*ns = (now_ns() - start) / BATCH;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of some batches at this occupancy; the first one warms up. */
static int time_at(struct held *held, uint32_t count, double *ns)
{
	double batch[BATCHES + 1];
	uint32_t which[BATCH];
	int result = fill_to(held, count);

	for (int b = 0; b <= BATCHES && result == 0; b++) {
		for (int i = 0; i < BATCH && count > 0; i++)
			which[i] = measure_below(&held->dice, count);
		result = swap_batch(held, which, &batch[b]);
	}
	if (result < 0)
		return result;
	qsort(batch + 1, BATCHES, sizeof(*batch), compare);
	*ns = batch[1 + BATCHES / 2];
	return 0;
}

/* All that is left, and how long it takes to say that nothing is. */
static int fill_up(struct held *held, struct measure_cost *out)
{
	double start;
	uint64_t lease;
	uint16_t port;
	int result = fill_to(held, out->ports);

	if (result < 0 && result != -EADDRNOTAVAIL)
		return result;
	out->filled = held->count;
	start = now_ns();
	for (int i = 0; i < REFUSALS; i++) {
		result = held->source->take(held->source->user, 0, &lease, &port);
		if (result == 0)
			return -EPROTO;
	}
	out->full_ns = (now_ns() - start) / REFUSALS;
	return result == -EADDRNOTAVAIL ? 0 : result;
}

static uint32_t share_of(const struct measure_cost *cost, double share)
{
	return (uint32_t)(share * cost->ports + 0.5);
}

/* Occupancy only grows, so the figures come in its order. */
static int time_all(struct held *held, struct measure_cost *out)
{
	int level = 0;
	int result = 0;

	for (int i = 0; i < MEASURE_CURVE && result == 0; i++) {
		double share = (double)i / MEASURE_CURVE;

		result = time_at(held, share_of(out, share), &out->curve_ns[i]);
		if (i == 0 && result == 0)
			result = time_at(held, share_of(out, 0.01), &out->one_percent_ns);
		if (i == MEASURE_CURVE / 2 && result == 0)
			result = time_at(held, share_of(out, 0.51), &out->half_ns);
		if (result == 0 && level < MEASURE_LEVELS && share >= measure_levels[level])
			out->level_ns[level++] = out->curve_ns[i];
	}
	for (; level < MEASURE_LEVELS && result == 0; level++)
		result = time_at(held, share_of(out, measure_levels[level]), &out->level_ns[level]);
	return result;
}

int measure_cost(const struct measure_source *source, uint16_t low, uint16_t high,
		 struct measure_cost *out)
{
	struct held held = { .source = source, .dice = { 1 } };
	int result;

	*out = (struct measure_cost){ .ports = (uint32_t)high - low + 1 };
	held.lease = calloc(out->ports + 1, sizeof(*held.lease));
	if (!held.lease)
		return -ENOMEM;
	result = source->open(source->user, low, high);
	if (result == 0)
		result = time_all(&held, out);
	if (result == 0)
		result = fill_up(&held, out);
	free(held.lease);
	return result;
}
