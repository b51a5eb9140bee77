/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate of a chooser, for programs; minato-entropy(1) documents it. */
#include "cmd/see/entropy.h"

#include <errno.h>

/* Words of members, as the estimators have none that fit. */
static const char *const estimators[MEASURE_ESTIMATOR_COUNT] = {
	[MEASURE_MOST_COMMON] = "most_common", [MEASURE_MARKOV] = "markov", [MEASURE_LAG] = "lag",
	[MEASURE_WINDOWS] = "multi_mcw",       [MEASURE_LZ78Y] = "lz78y",
};

static json_t *reuse_of(const struct measure_reuse *reuse)
{
	return json_pack("{s:I,s:I,s:I}", "least", (json_int_t)reuse->least, "p1",
			 (json_int_t)reuse->p1, "median", (json_int_t)reuse->median);
}

static json_t *estimates_of(const struct measure_portrait *portrait)
{
	json_t *object = json_object();

	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++) {
		const struct measure_estimate *one = &portrait->estimate[e];

		json_object_set_new(object, estimators[e],
				    json_pack("{s:f,s:f,s:f}", "bits", one->bits, "share_bits",
					      one->share_bits, "run_p", one->run_p));
	}
	return object;
}

static json_t *game_of(const struct measure_game *game)
{
	return json_pack("{s:{s:I,s:I},s:I,s:f,s:f,s:I,s:s,s:f}", "law", "round",
			 (json_int_t)game->law.round, "before", (json_int_t)game->law.before,
			 "eligible_least", (json_int_t)game->least, "doubt_bits", game->doubt_bits,
			 "bound", game->bound, "hits", (json_int_t)game->hits, "best", game->best,
			 "ratio", game->ratio);
}

static json_t *portrait_of(const struct measure_portrait *portrait)
{
	return json_pack("{s:I,s:o,s:o,s:o}", "picks", (json_int_t)portrait->count, "min_entropy",
			 estimates_of(portrait), "game", game_of(&portrait->game), "reuse",
			 reuse_of(&portrait->reuse));
}

static json_t *tests_of(const struct measure_certificate *c)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < c->test_count; i++) {
		const struct measure_named_test *named = &c->test[i];

		json_array_append_new(list, json_pack("{s:s,s:f,s:f,s:f}", "name", named->name,
						      "statistic", named->test.statistic, "freedom",
						      named->test.freedom, "p", named->test.p));
	}
	return list;
}

static json_t *leaks_of(const struct measure_certificate *c)
{
	json_t *list = json_array();

	for (int i = 0; i < MEASURE_LEAKS; i++) {
		const struct measure_leak *leak = &c->leak[i].leak;

		json_array_append_new(list, json_pack("{s:s,s:f,s:f,s:f}", "name", c->leak[i].name,
						      "bits", leak->bits, "error_bits",
						      leak->error_bits, "p", leak->p));
	}
	return list;
}

/* 0 is what was not measured. */
static json_t *levels_of(const double ns[MEASURE_LEVELS])
{
	json_t *list = json_array();

	for (int i = 0; i < MEASURE_LEVELS; i++)
		json_array_append_new(list,
				      json_pack("{s:f,s:o}", "occupied", measure_levels[i], "ns",
						ns[i] > 0 ? json_real(ns[i]) : json_null()));
	return list;
}

static json_t *cost_of(const struct measure_cost *cost)
{
	return json_pack("{s:I,s:I,s:o,s:o,s:f,s:f,s:f}", "ports", (json_int_t)cost->ports,
			 "filled", (json_int_t)cost->filled, "levels", levels_of(cost->level_ns),
			 "swaps", levels_of(cost->swap_ns), "one_percent_ns", cost->one_percent_ns,
			 "half_ns", cost->half_ns, "full_ns", cost->full_ns);
}

static json_t *bars_of(const struct measure_certificate *c)
{
	json_t *list = json_array();

	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		const struct measure_judgement *bar = &c->bar[b];

		json_array_append_new(list, json_pack("{s:s,s:f,s:f,s:b,s:b}", "name", bar->word,
						      "value", bar->value, "limit", bar->limit,
						      "at_least", bar->at_least, "met", bar->met));
	}
	return list;
}

static json_t *beside_of(const struct cmd_beside *b)
{
	const struct cmd_kernel_cost *cost = &b->kernel->cost;

	return json_pack("{s:b,s:o,s:o,s:o,s:o,s:{s:I,s:f,s:o,s:f},s:o}", "own_namespace",
			 b->kernel->own, "kernel", portrait_of(&b->theirs), "kernel_ideal",
			 portrait_of(&b->their_ideal), "minato", portrait_of(&b->ours),
			 "minato_ideal", portrait_of(&b->our_ideal), "kernel_cost", "ports",
			 (json_int_t)cost->ports, "connect_ns", cost->connect_ns, "levels",
			 levels_of(cost->level_ns), "half_ns", cost->half_ns, "minato_cost",
			 cost_of(&b->cost));
}

int cmd_entropy_json(FILE *out, const struct cmd_entropy_report *report)
{
	const struct measure_certificate *c = report->certificate;
	json_t *object = json_pack(
		"{s:i,s:s,s:I,s:I,s:I,s:b,s:f,s:o,s:o,s:o,s:o,s:{s:I,s:f,s:f},s:o,s:o,s:o}", "v",
		VIEW_JSON_VERSION, "algorithm", report->chooser, "picks",
		(json_int_t)report->plan.picks, "seed", (json_int_t)report->plan.seed, "first_port",
		(json_int_t)report->plan.low, "met", c->met, "deficit_bits", c->deficit_bits,
		"chooser", portrait_of(&c->chooser), "ideal", portrait_of(&c->ideal), "tests",
		tests_of(c), "leakage", leaks_of(c), "tracking", "destinations",
		(json_int_t)c->tracking.destinations, "stable_bits", c->tracking.stable_bits, "p",
		c->tracking.p, "whole_reuse", reuse_of(&c->whole_reuse), "cost", cost_of(&c->cost),
		"bars", bars_of(c));
	int result = 0;

	if (!object)
		return -ENOMEM;
	if (report->beside)
		json_object_set_new(object, "beside", beside_of(report->beside));
	if (json_dumpf(object, out, JSON_INDENT(1)) || putc('\n', out) == EOF || fflush(out))
		result = -EIO;
	json_decref(object);
	return result;
}
