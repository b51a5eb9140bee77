/* SPDX-License-Identifier: BSD-2-Clause */
/* What a pick costs, and how many there are. */
#include "measure/measure.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 2000
#define BATCH_LEAST 20
#define BATCH_NS_MOST 2e6
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

/* Takes one, and gives it back, or `swap`s it for one of those held. The ns of one such. */
static int time_batch(struct held *held, int count, bool swap, double *ns)
{
	const struct measure_source *source = held->source;
	uint32_t which[BATCH] = { 0 };
	double start;

	for (int i = 0; i < count && swap; i++)
		which[i] = measure_below(&held->dice, held->count);
	start = now_ns();
	for (int i = 0; i < count; i++) {
		uint64_t lease;
		uint16_t port;
		int result = source->take(source->user, 0, &lease, &port);

		if (result < 0)
			return result;
		if (swap) {
			uint64_t old = held->lease[which[i]];

			held->lease[which[i]] = lease;
			lease = old;
		}
		source->give(source->user, lease);
	}
	*ns = (now_ns() - start) / count;
	return 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double measure_median(double *value, size_t count)
{
	qsort(value, count, sizeof(*value), compare);
	return (value[(count - 1) / 2] + value[count / 2]) / 2;
}

/* The median of some batches; a first, small one says how long they may be. */
static int time_here(struct held *held, bool swap, double *ns)
{
	double batch[BATCHES];
	double one;
	int count = BATCH;
	int result = time_batch(held, BATCH_LEAST, swap, &one);

	if (result < 0)
		return result;
	if (one * BATCH > BATCH_NS_MOST)
		count = one * BATCH_LEAST > BATCH_NS_MOST ? BATCH_LEAST :
							    (int)(BATCH_NS_MOST / one);
	for (int b = 0; b < BATCHES && result == 0; b++)
		result = time_batch(held, count, swap, &batch[b]);
	if (result < 0)
		return result;
	*ns = measure_median(batch, BATCHES);
	return 0;
}

static int time_at(struct held *held, uint32_t count, double *ns)
{
	int result = fill_to(held, count);

	return result < 0 ? result : time_here(held, false, ns);
}

static int time_level(struct held *held, uint32_t count, struct measure_cost *out, int level)
{
	int result = time_at(held, count, &out->level_ns[level]);

	out->swap_ns[level] = out->level_ns[level];
	if (result == 0 && count > 0)
		result = time_here(held, true, &out->swap_ns[level]);
	return result;
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
	/* Rounded down: at least one is left. */
	return (uint32_t)(share * cost->ports);
}

/* Occupancy only grows, so the figures come in its order. */
static int time_all(struct held *held, struct measure_cost *out)
{
	int level = 0;
	int result = 0;

	for (int i = 0; i < MEASURE_CURVE && result == 0; i++) {
		double share = (double)i / MEASURE_CURVE;

		result = time_at(held, share_of(out, share), &out->curve_ns[i]);
		if (result == 0 && level < MEASURE_LEVELS && share >= measure_levels[level]) {
			result = time_level(held, share_of(out, share), out, level);
			level++;
		}
		if (i == 0 && result == 0)
			result = time_at(held, share_of(out, 0.01), &out->one_percent_ns);
		if (i == MEASURE_CURVE / 2 && result == 0)
			result = time_at(held, share_of(out, 0.51), &out->half_ns);
	}
	for (; level < MEASURE_LEVELS && result == 0; level++)
		result = time_level(held, share_of(out, measure_levels[level]), out, level);
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
