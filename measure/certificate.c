/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate of a chooser. */
#include "measure/measure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PICKS_LEAST 10000
/* RFC 6056 3.2: the whole range that a chooser has. */
#define LOW 1024
#define HIGH 65535
#define BUCKETS 256
#define MANY_MOST 3

/* A certificate being made. */
struct work {
	const struct measure_source *source;
	const struct measure_plan *plan;
	struct measure_certificate *out;
	uint16_t *symbol; /* plan->picks of them, over few ports */
};

static void report(const struct work *w, const char *what, double share)
{
	if (w->plan->progress)
		w->plan->progress(w->plan->user, what, share);
}

static uint16_t few_high(const struct work *w)
{
	return (uint16_t)(w->plan->low + MEASURE_GAME_PORTS - 1);
}

static void add_test(struct work *w, const char *name, struct measure_test test)
{
	struct measure_named_test *named = &w->out->test[w->out->test_count++];

	snprintf(named->name, sizeof(named->name), "%s", name);
	named->test = test;
}

/* ---- few ports: entropy and game ---- */

static int certify_few(struct work *w)
{
	struct measure_certificate *out = w->out;
	struct measure_series series = { w->symbol, w->plan->picks, MEASURE_GAME_PORTS };
	struct measure_test pairs;
	int result;

	report(w, "picks of 64 ports", 0);
	result = measure_record(w->source, w->plan->low, few_high(w), w->symbol, series.count);
	report(w, "estimators and predictors", 0.05);
	if (result == 0)
		result = measure_portrait(&series, NULL, &out->chooser);
	report(w, "the ideal", 0.2);
	if (result == 0)
		result = measure_ideal_portrait(series.count, MEASURE_GAME_PORTS,
						&out->chooser.game.law, ~w->plan->seed,
						&out->ideal);
	if (result == 0)
		result = measure_pairs_test(&series, MEASURE_GAME_PORTS, &pairs);
	if (result < 0)
		return result;
	out->deficit_bits = measure_deficit_bits(&out->chooser, &out->ideal);
	add_test(w, "64 ports: each port", measure_ports_test(&series));
	add_test(w, "64 ports: successive pairs", pairs);
	return 0;
}

/* ---- the whole range: evenness ---- */

static int certify_whole(struct work *w)
{
	struct measure_certificate *out = w->out;
	struct measure_series series = { out->whole, out->whole_count, HIGH - LOW + 1 };
	struct measure_test pairs;
	int result;

	report(w, "picks of the whole range", 0.7);
	result = measure_record(w->source, LOW, HIGH, out->whole, series.count);
	report(w, "evenness", 0.75);
	if (result == 0)
		result = measure_pairs_test(&series, BUCKETS, &pairs);
	if (result == 0)
		result = measure_reuse(&series, &out->whole_reuse);
	if (result < 0)
		return result;
	add_test(w, "each port", measure_ports_test(&series));
	for (uint32_t bits = 1; bits <= 10; bits++) {
		char name[48];

		snprintf(name, sizeof(name), "port mod %u", 1u << bits);
		add_test(w, name, measure_bits_test(&series, LOW, bits));
	}
	add_test(w, "pairs in 256 x 256 buckets", pairs);
	add_test(w, "gaps between lower halves", measure_gaps_test(&series));
	add_test(w, "runs in one half", measure_halves_test(&series));
	add_test(w, "runs up and down", measure_turns_test(&series));
	add_test(w, "steps of 1 to 16", measure_steps_test(&series, 16));
	add_test(w, "steps of 1 to 500", measure_steps_test(&series, 500));
	return 0;
}

/* ---- two destinations ---- */

/*
 * Picks towards one destination, and between each two of them 1..MANY_MOST towards another. One by
 * one in `series`: ports of the first, of the second, steps of both, and how many of the second
 * there were.
 */
enum { PORTS_A, PORTS_B, STEPS_A, STEPS_B, MANY, LEAK_SERIES };

static int record_two(struct work *w, uint16_t *series[LEAK_SERIES], size_t count)
{
	const struct measure_source *source = w->source;
	struct measure_dice dice = { w->plan->seed };
	int result = source->open(source->user, w->plan->low, few_high(w));

	for (size_t i = 0; i < count && result == 0; i++) {
		uint32_t many = 1 + measure_below(&dice, MANY_MOST);

		for (uint32_t j = 0; j <= many && result == 0; j++) {
			uint64_t lease;
			uint16_t port;

			result = source->take(source->user, j > 0, &lease, &port);
			if (result < 0)
				break;
			source->give(source->user, lease);
			if (j <= 1)
				series[PORTS_A + j][i] = (uint16_t)(port - w->plan->low);
		}
		series[MANY][i] = (uint16_t)(many - 1);
	}
	for (size_t i = 0; i + 1 < count; i++) {
		for (int x = 0; x < 2; x++)
			series[STEPS_A + x][i] =
				(uint16_t)((series[PORTS_A + x][i + 1] + MEASURE_GAME_PORTS -
					    series[PORTS_A + x][i]) %
					   MEASURE_GAME_PORTS);
	}
	return result;
}

static int add_leak(struct work *w, int at, const char *name, const struct measure_series *a,
		    const struct measure_series *b)
{
	w->out->leak[at].name = name;
	return measure_leak(a, b, &w->out->leak[at].leak);
}

static int certify_leaks(struct work *w)
{
	size_t count = w->plan->picks / 2;
	uint16_t *all = calloc(LEAK_SERIES * count, sizeof(*all));
	struct measure_series s[LEAK_SERIES];
	uint16_t *series[LEAK_SERIES];
	struct measure_series before, after;
	int result;

	if (!all)
		return -ENOMEM;
	for (int i = 0; i < LEAK_SERIES; i++) {
		series[i] = all + (size_t)i * count;
		s[i] = (struct measure_series){ series[i], count - 1, MEASURE_GAME_PORTS };
	}
	s[MANY].alphabet = MANY_MOST;
	report(w, "picks towards two destinations", 0.8);
	result = record_two(w, series, count);
	/* The second destination's, against the first's next. */
	before = s[PORTS_B];
	after = s[PORTS_A];
	after.symbol++;
	if (result == 0)
		result = add_leak(w, 0, "ports of two destinations", &s[PORTS_A], &s[PORTS_B]);
	if (result == 0)
		result = add_leak(w, 1, "one's port, the other's next", &before, &after);
	if (result == 0)
		result = add_leak(w, 2, "steps of two destinations", &s[STEPS_A], &s[STEPS_B]);
	if (result == 0)
		result = add_leak(w, 3, "one's step, picks of the other", &s[STEPS_A], &s[MANY]);
	free(all);
	return result;
}

/* ---- bars ---- */

static double worst_leak_p(const struct measure_certificate *c)
{
	double least = 1;

	for (int i = 0; i < MEASURE_LEAKS; i++)
		least = fmin(least, c->leak[i].leak.p);
	return least;
}

static double worst_test_p(const struct measure_certificate *c)
{
	double least = 1;

	for (uint32_t i = 0; i < c->test_count; i++)
		least = fmin(least, c->test[i].test.p);
	return least;
}

/* How much wider the bars are that luck can fail. */
static double luck(const struct measure_certificate *c)
{
	return fmax(1, sqrt(MEASURE_PICKS_FULL / (double)c->chooser.count));
}

static void judge(struct measure_certificate *c)
{
	const struct measure_judgement values[MEASURE_BAR_COUNT] = {
		[MEASURE_BAR_ENTROPY] = { .value = c->deficit_bits,
					  .limit = MEASURE_DEFICIT_MOST * luck(c) },
		[MEASURE_BAR_GAME] = { .value = c->chooser.game.ratio,
				       .limit = 1 + (MEASURE_GAME_MOST - 1) * luck(c) },
		[MEASURE_BAR_RUNS] = { .value = measure_runs_p(&c->chooser),
				       .limit = MEASURE_P_LEAST,
				       .at_least = true },
		[MEASURE_BAR_EVEN] = { .value = worst_test_p(c),
				       .limit = MEASURE_P_LEAST,
				       .at_least = true },
		[MEASURE_BAR_LEAKAGE] = { .value = worst_leak_p(c),
					  .limit = MEASURE_P_LEAST,
					  .at_least = true },
		[MEASURE_BAR_TRACKING] = { .value = c->tracking.stable_bits, .limit = 0 },
		[MEASURE_BAR_FILL] = { .value = c->cost.filled,
				       .limit = c->cost.ports,
				       .at_least = true },
	};
	static const char *const words[][2] = {
#define WORDS(name, word, text) { word, text },
		MEASURE_BARS(WORDS)
#undef WORDS
	};

	c->met = true;
	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		struct measure_judgement *bar = &c->bar[b];

		*bar = values[b];
		bar->word = words[b][0];
		bar->text = words[b][1];
		bar->met = bar->at_least ? bar->value >= bar->limit : bar->value <= bar->limit;
		c->met = c->met && bar->met;
	}
}

int measure_certify(const struct measure_source *source, const struct measure_plan *plan,
		    struct measure_certificate *out)
{
	struct work work = { .source = source, .plan = plan, .out = out };
	int result = 0;

	*out = (struct measure_certificate){ 0 };
	if (plan->picks < PICKS_LEAST || plan->low < 1 ||
	    plan->low > UINT16_MAX - MEASURE_GAME_PORTS + 1)
		return -EINVAL;
	out->whole_count = plan->picks;
	out->whole = malloc(plan->picks * sizeof(*out->whole));
	work.symbol = malloc(plan->picks * sizeof(*work.symbol));
	if (!out->whole || !work.symbol)
		result = -ENOMEM;
	if (result == 0)
		result = certify_few(&work);
	if (result == 0)
		result = certify_whole(&work);
	if (result == 0)
		result = certify_leaks(&work);
	report(&work, "tracking", 0.88);
	if (result == 0)
		result = measure_tracking(source, LOW, HIGH, &out->tracking);
	report(&work, "cost and fill", 0.9);
	if (result == 0)
		result = measure_cost(source, LOW, HIGH, &out->cost);
	report(&work, "", 1);
	if (result == 0)
		judge(out);
	free(work.symbol);
	return result;
}

void measure_certificate_free(struct measure_certificate *certificate)
{
	free(certificate->whole);
	certificate->whole = NULL;
}
