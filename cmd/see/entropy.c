/* SPDX-License-Identifier: BSD-2-Clause */
/* minato entropy: certifies a chooser of ports, by measuring it. */
#include "cmd/see/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define PICKS_LEAST 10000
#define PICKS_MOST 100000000
#define FIRST_PORT 40000

struct entropy_options {
	const char *algorithm;
	bool json, kernel, no_plot;
	long picks, first, seed;
};

#define AT(field) offsetof(struct entropy_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 'a', "algorithm", "NAME", AT(algorithm), 0, 0,
	  "The chooser: permutation (minato's own, the default), or one of RFC 6056: random-walk, "
	  "random, hash, double-hash, increments." },
	{ CMD_FLAG, 'k', "kernel", NULL, AT(kernel), 0, 0,
	  "Measure this host's kernel too, as far as one process can, for up to a minute." },
	{ CMD_NUMBER, 'n', "picks", "N", AT(picks), PICKS_LEAST, PICKS_MOST,
	  "Length of each series; 1000000." },
	{ CMD_NUMBER, 0, "first", "PORT", AT(first), 1, UINT16_MAX - MEASURE_GAME_PORTS + 1,
	  "The first of the 64 ports that estimators and predictors see; 40000." },
	{ CMD_NUMBER, 's', "seed", "N", AT(seed), 0, INT32_MAX,
	  "Repeat a run: the same number, the same ports. Drawn at random where it is not given." },
	{ CMD_FLAG, 0, "no-plot", NULL, AT(no_plot), 0, 0, "Leave the pictures out." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0,
	  "JSON; minato-entropy(1) says which members." },
};

/* ---- how far it is, on a terminal ---- */

static void show_progress(void *user, const char *what, double share)
{
	(void)user;
	/* The line is wiped when there is no more to say. */
	if (*what)
		fprintf(stderr, "\r%3.0f %%  %s\033[K", share * 100, what);
	else
		fputs("\r\033[K", stderr);
}

/* ---- the kernel beside it ---- */

/* Ours with as many picks, and each with the ideal of its own law. */
static int portray_both(struct cmd_beside *beside, const struct measure_source *source,
			const struct measure_plan *plan)
{
	const struct cmd_kernel *kernel = beside->kernel;
	struct measure_series series = { kernel->symbol, kernel->count, MEASURE_GAME_PORTS };
	uint16_t *ours = malloc(kernel->count * sizeof(*ours));
	uint16_t high = (uint16_t)(plan->low + MEASURE_GAME_PORTS - 1);
	int result = ours ? 0 : -ENOMEM;

	if (result == 0)
		result = measure_record(source, plan->low, high, ours, kernel->count);
	if (result == 0)
		result = measure_portrait(&series, NULL, &beside->theirs);
	series.symbol = ours;
	if (result == 0)
		result = measure_portrait(&series, NULL, &beside->ours);
	if (result == 0)
		result = measure_ideal_portrait(series.count, series.alphabet,
						&beside->theirs.game.law, plan->seed,
						&beside->their_ideal);
	if (result == 0)
		result = measure_ideal_portrait(series.count, series.alphabet,
						&beside->ours.game.law, plan->seed,
						&beside->our_ideal);
	free(ours);
	return result;
}

static int measure_beside(struct cmd_beside *beside, const struct measure_source *source,
			  const struct measure_plan *plan)
{
	struct drive_error error;
	struct cmd_kernel *kernel;
	uint32_t ports;
	int result;

	if (plan->progress)
		plan->progress(plan->user, "the kernel's choices", 0.99);
	kernel = cmd_kernel_measure(plan->picks, &error);
	beside->kernel = kernel;
	if (!kernel) {
		cmd_say("%s", error.text);
		return -EIO;
	}
	ports = kernel->cost.ports;
	result = portray_both(beside, source, plan);
	if (result == 0)
		result = measure_cost(source, CMD_KERNEL_LOW,
				      (uint16_t)(CMD_KERNEL_LOW + ports - 1), &beside->cost);
	if (result < 0)
		cmd_say("cannot measure beside the kernel: %s", strerror(-result));
	return result;
}

/* ---- the command ---- */

static int print(const struct entropy_options *chosen, const struct cmd_entropy_report *report)
{
	const struct measure_certificate *c = report->certificate;
	int result = chosen->json ? cmd_entropy_json(stdout, report) :
				    cmd_entropy_text(stdout, report);

	if (result < 0) {
		cmd_say("cannot write the certificate: %s", strerror(-result));
		return CMD_FAILED;
	}
	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		if (!c->bar[b].met)
			cmd_say("%s: %s: %g, which should be at %s %g", report->chooser,
				c->bar[b].word, c->bar[b].value,
				c->bar[b].at_least ? "least" : "most", c->bar[b].limit);
	}
	return c->met ? CMD_OK : CMD_REFUSED;
}

/* The rest of the report is made here, and printed. */
static int certify(const struct entropy_options *chosen, const struct cmd_entropy_report *begun,
		   const struct measure_source *source)
{
	struct cmd_entropy_report report = *begun;
	struct measure_certificate certificate;
	struct cmd_beside beside = { 0 };
	int result = measure_certify(source, &report.plan, &certificate);
	int code = CMD_FAILED;

	if (result < 0)
		cmd_say("cannot measure %s: %s", report.chooser, strerror(-result));
	if (result == 0 && chosen->kernel) {
		result = measure_beside(&beside, source, &report.plan);
		report.beside = &beside;
	}
	if (report.plan.progress)
		report.plan.progress(report.plan.user, "", 1);
	report.certificate = &certificate;
	if (result == 0)
		code = print(chosen, &report);
	/* The child's memory is ours alone. */
	cmd_kernel_free((struct cmd_kernel *)(uintptr_t)beside.kernel);
	measure_certificate_free(&certificate);
	return code;
}

static int run_chooser(const struct entropy_options *chosen, enum minato_chooser chooser)
{
	struct cmd_entropy_report report = {
		.chooser = minato_chooser_name(chooser),
		.plan = { .picks = (size_t)chosen->picks, .low = (uint16_t)chosen->first },
		.plot = !chosen->no_plot,
		.look = cmd_look(stdout),
	};
	struct measure_lender *lender;
	struct measure_source source;
	uint32_t seed = (uint32_t)chosen->seed;
	int code;

	if (chosen->seed < 0 && getrandom(&seed, sizeof(seed), 0) == sizeof(seed))
		seed &= INT32_MAX;
	report.plan.seed = seed;
	if (isatty(STDERR_FILENO))
		report.plan.progress = show_progress;
	if (measure_lender_make(&lender, chooser, seed) < 0) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	source = measure_lender_source(lender);
	code = certify(chosen, &report, &source);
	measure_lender_free(lender);
	return code;
}

/* An unknown name, with what might have been meant. */
static int unknown(const char *name)
{
	struct cmd_guess guess = { .word = name };

	for (int i = 0; i < MINATO_CHOOSER_COUNT; i++)
		cmd_guess_try(&guess, minato_chooser_name((enum minato_chooser)i));
	if (guess.best)
		return cmd_usage(&cmd_entropy, "no algorithm is called '%s'; did you mean %s?",
				 name, guess.best);
	return cmd_usage(&cmd_entropy,
			 "no algorithm is called '%s'; there are permutation, random-walk, random, "
			 "hash, double-hash and increments",
			 name);
}

static int run(int argc, char **argv)
{
	struct entropy_options chosen = {
		.algorithm = "permutation", .picks = 1000000, .first = FIRST_PORT, .seed = -1
	};
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_entropy, argv, &chosen, &operands);
	int chooser;

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count)
		return cmd_usage(&cmd_entropy, "'%s' is one word too many", operands.words[0]);
	chooser = minato_chooser_by_name(chosen.algorithm);
	if (chooser < 0)
		return unknown(chosen.algorithm);
	return run_chooser(&chosen, (enum minato_chooser)chooser);
}

const struct cmd_command cmd_entropy = {
	.name = "entropy",
	.args = "",
	.summary = "Measure how well the choice of ports is hidden, and what it costs.",
	.about = "Takes ports and gives them back as any user of the library does, and lets "
		 "estimators and predictors look for what is not chance, with an ideal choice "
		 "beside. Ends with 0 when all bars are met, with 1 when not.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
