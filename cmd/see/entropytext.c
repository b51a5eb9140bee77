/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate of a chooser, for people. */
#include "cmd/see/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLOT_POINTS 3000
#define PLOT_COLUMNS 60
#define PLOT_ROWS 15
#define BAR_ROWS 6

#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

static const char *tone(const struct cmd_entropy_report *r, const char *sequence)
{
	return r->look.colour ? sequence : "";
}

static void heading(FILE *out, const struct cmd_entropy_report *r, const char *text)
{
	fprintf(out, "\n%s%s%s\n", tone(r, BOLD), text, tone(r, PLAIN));
}

static void law_words(char *text, size_t size, const struct measure_law *law)
{
	if (law->round == 1 && law->before == 0)
		snprintf(text, size, "any port may come at any time");
	else if (law->round == 1)
		snprintf(text, size, "the last %u do not come", law->before);
	else if (law->before == 0)
		snprintf(text, size, "none comes twice in a round of %u", law->round);
	else
		snprintf(text, size, "none comes twice in a round of %u, nor of the %u before",
			 law->round, law->before);
}

static void put_estimates(FILE *out, const struct measure_portrait *ours,
			  const struct measure_portrait *ideal)
{
	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++) {
		double deficit = ideal->estimate[e].share_bits - ours->estimate[e].share_bits;

		fprintf(out, "  %-34s %9.4f %9.4f %9.4f\n",
			measure_estimator_words((enum measure_estimator)e),
			ours->estimate[e].share_bits, ideal->estimate[e].share_bits,
			deficit > 0 ? deficit : 0);
	}
}

static void put_entropy(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_portrait *ours = &r->certificate->chooser;
	const struct measure_portrait *ideal = &r->certificate->ideal;
	double ours_bits = ours->estimate[0].bits, ideal_bits = ideal->estimate[0].bits;

	heading(out, r, "Min-entropy, bits a pick (NIST SP 800-90B)");
	fprintf(out, "  %-34s %9s %9s %9s\n", "", "chooser", "ideal", "deficit");
	put_estimates(out, ours, ideal);
	for (int e = 1; e < MEASURE_ESTIMATOR_COUNT; e++) {
		if (ours->estimate[e].bits < ours_bits)
			ours_bits = ours->estimate[e].bits;
		if (ideal->estimate[e].bits < ideal_bits)
			ideal_bits = ideal->estimate[e].bits;
	}
	fprintf(out, "  %-34s %9.4f %9.4f\n", "least, longest runs included", ours_bits,
		ideal_bits);
}

static void put_game(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_game *ours = &r->certificate->chooser.game;
	const struct measure_game *ideal = &r->certificate->ideal.game;
	char law[96];

	law_words(law, sizeof(law), &ours->law);
	heading(out, r, "Predictor game: who has seen all earlier picks");
	fprintf(out, "  late reuse: %s\n", law);
	fprintf(out, "  %-34s %9u %9u\n", "eligible at the worst moment", ours->least,
		ideal->least);
	fprintf(out, "  %-34s %9.4f %9.4f\n", "doubt that is left, bits", ours->doubt_bits,
		ideal->doubt_bits);
	fprintf(out, "  %-34s %9zu %9zu\n", "hits of the best predictor", ours->hits, ideal->hits);
	fprintf(out, "  %-34s %9.4f %9.4f\n", "over the sum of 1/eligible", ours->ratio,
		ideal->ratio);
	fprintf(out, "  the best: \"%s\"; of the ideal: \"%s\"\n", ours->best, ideal->best);
}

static void put_tests(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_certificate *c = r->certificate;

	heading(out, r, "Evenness over 1024-65535 (64 ports: where it says so)");
	for (uint32_t i = 0; i < c->test_count; i++) {
		const struct measure_test *test = &c->test[i].test;

		if (test->freedom > 0)
			fprintf(out, "  %-34s chi-square %11.1f of %6.0f   p %.4f\n",
				c->test[i].name, test->statistic, test->freedom, test->p);
		else
			fprintf(out, "  %-34s deviate    %11.2f             p %.4f\n",
				c->test[i].name, test->statistic, test->p);
	}
}

static void put_leaks(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_certificate *c = r->certificate;

	heading(out, r, "Leakage between destinations, bits a pick");
	for (int i = 0; i < MEASURE_LEAKS; i++)
		fprintf(out, "  %-34s %9.6f +- %.6f   p %.4f\n", c->leak[i].name,
			c->leak[i].leak.bits, c->leak[i].leak.error_bits, c->leak[i].leak.p);
	fprintf(out, "  %-34s %9.1f bits by %u destinations\n", "known again (tracking attack)",
		c->tracking.stable_bits, c->tracking.destinations);
}

/* 0: no port came again. */
static void put_distance(FILE *out, const char *what, const struct measure_reuse *reuse)
{
	if (reuse->least)
		fprintf(out, "  %-34s %9u %9u %9u\n", what, reuse->least, reuse->p1,
			reuse->median);
	else
		fprintf(out, "  %-34s %9s %9s %9s\n", what, "-", "-", "-");
}

static void put_reuse(FILE *out, const struct cmd_entropy_report *r)
{
	heading(out, r, "Picks until a port comes again, one destination");
	fprintf(out, "  %-34s %9s %9s %9s\n", "", "least", "1 %", "median");
	put_distance(out, "64 ports", &r->certificate->chooser.reuse);
	put_distance(out, "64,512 ports", &r->certificate->whole_reuse);
}

static void put_cost(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_cost *cost = &r->certificate->cost;

	heading(out, r, "A pick and a release, its own or of another port that is held, ns");
	fprintf(out, "  occupied  ");
	for (int i = 0; i < MEASURE_LEVELS; i++)
		fprintf(out, " %8.6g%%", measure_levels[i] * 100);
	fprintf(out, "\n  its own   ");
	for (int i = 0; i < MEASURE_LEVELS; i++)
		fprintf(out, " %9.1f", cost->level_ns[i]);
	fprintf(out, "\n  another's ");
	for (int i = 0; i < MEASURE_LEVELS; i++)
		fprintf(out, " %9.1f", cost->swap_ns[i]);
	fprintf(out, "\n  99.9 %% over 1 %%: %.2f; to say that none is left: %.0f ns\n",
		cost->level_ns[4] / cost->one_percent_ns, cost->full_ns);
	fprintf(out, "  obtained for one destination: %u of %u\n", cost->filled, cost->ports);
}

/* ---- the kernel beside it ---- */

static void put_beside_cost(FILE *out, const struct cmd_beside *beside)
{
	const struct cmd_kernel_cost *theirs = &beside->kernel->cost;

	fprintf(out,
		"  choice among %u ports, ns (connect() with a given port, %.0f, is taken off)\n",
		theirs->ports, theirs->connect_ns);
	fprintf(out, "  %-34s %9s %9s %9s\n", "occupied", "kernel", "minato", "times");
	for (int i = 0; i < MEASURE_LEVELS; i++) {
		/* At a half the step is yet to come. */
		bool half = measure_levels[i] == 0.5;
		double kernel = half ? theirs->half_ns : theirs->level_ns[i];
		double minato = half ? beside->cost.half_ns : beside->cost.level_ns[i];
		char level[16];

		snprintf(level, sizeof(level), "%.6g %%", half ? 51 : measure_levels[i] * 100);
		if (kernel == 1)
			fprintf(out, "    %-32s %9s %9.1f\n", level, "unseen", minato);
		else if (kernel > 0)
			fprintf(out, "    %-32s %9.0f %9.1f %9.0f\n", level, kernel, minato,
				kernel / minato);
		else
			fprintf(out, "    %-32s %9s %9.1f\n", level, "-", minato);
	}
}

static void put_beside(FILE *out, const struct cmd_entropy_report *r)
{
	const struct cmd_beside *b = r->beside;
	char law[2][96];

	heading(out, r, "This host's kernel beside it: connect() over loopback");
	fprintf(out, "  %zu picks of 64 ports each; the kernel %s\n", b->kernel->count,
		b->kernel->own ? "in a network namespace of its own" :
				 "in this host's network namespace, by IP_LOCAL_PORT_RANGE");
	fprintf(out, "  %-34s %9s %9s %9s\n", "", "kernel", "minato", "ideal");
	for (int e = 0; e < MEASURE_ESTIMATOR_COUNT; e++)
		fprintf(out, "  %-34s %9.4f %9.4f %9.4f\n",
			measure_estimator_words((enum measure_estimator)e),
			b->theirs.estimate[e].share_bits, b->ours.estimate[e].share_bits,
			b->our_ideal.estimate[e].share_bits);
	fprintf(out, "  %-34s %9.4f %9.4f %9.4f\n", "hits over the sum of 1/eligible",
		b->theirs.game.ratio, b->ours.game.ratio, b->our_ideal.game.ratio);
	fprintf(out, "  %-34s %9.4f %9.4f %9.4f\n", "share of picks foretold",
		(double)b->theirs.game.hits / (double)b->theirs.count,
		(double)b->ours.game.hits / (double)b->ours.count,
		(double)b->our_ideal.game.hits / (double)b->our_ideal.count);
	fprintf(out, "  %-34s %9u %9u %9u\n", "least picks until reuse", b->theirs.reuse.least,
		b->ours.reuse.least, b->our_ideal.reuse.least);
	law_words(law[0], sizeof(law[0]), &b->theirs.game.law);
	law_words(law[1], sizeof(law[1]), &b->ours.game.law);
	fprintf(out, "  late reuse: kernel: %s; minato: %s\n", law[0], law[1]);
	fprintf(out, "  the kernel is foretold best by \"%s\"\n", b->theirs.game.best);
	put_beside_cost(out, b);
}

/* ---- pictures ---- */

static void plot_pairs(FILE *out, const uint16_t *symbol, size_t count, uint32_t range)
{
	const struct cmd_plot plot = { PLOT_COLUMNS, PLOT_ROWS, cmd_plot_wide() };
	/* More would leave no letter empty. */
	const struct measure_series series = { symbol, count < PLOT_POINTS ? count : PLOT_POINTS,
					       range };

	cmd_plot_pairs(out, &plot, &series);
}

static void put_plots(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_certificate *c = r->certificate;
	const struct cmd_plot bars = { 0, BAR_ROWS, cmd_plot_wide() };

	heading(out, r, "A port (across) and the one after it (up), 1024-65535");
	plot_pairs(out, c->whole, c->whole_count, c->cost.ports);
	if (r->beside) {
		heading(out, r, "The same of the kernel, 64 ports");
		plot_pairs(out, r->beside->kernel->symbol, r->beside->kernel->count,
			   MEASURE_GAME_PORTS);
	}
	heading(out, r, "ns of a pick and its release, from 0 to 98 % occupied");
	cmd_plot_bars(out, &bars, c->cost.curve_ns, MEASURE_CURVE);
}

static void put_bars(FILE *out, const struct cmd_entropy_report *r)
{
	const struct measure_certificate *c = r->certificate;

	heading(out, r, "Bars");
	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		const struct measure_judgement *bar = &c->bar[b];

		fprintf(out, "  %s%-6s%s %-9s %10.5g  %s %-7.5g  %s\n",
			tone(r, bar->met ? GREEN : RED), bar->met ? "met" : "FAILED",
			tone(r, PLAIN), bar->word, bar->value,
			bar->at_least ? "at least" : "at most ", bar->limit, bar->text);
	}
	fprintf(out, "\n%s: %s%s%s\n", r->chooser, tone(r, c->met ? GREEN : RED),
		c->met ? "meets the certificate" : "does not meet the certificate", tone(r, PLAIN));
}

int cmd_entropy_text(FILE *out, const struct cmd_entropy_report *report)
{
	fprintf(out,
		"Chooser \"%s\": %zu picks of ports %u-%u towards one destination, seed %llu\n",
		report->chooser, report->plan.picks, report->plan.low,
		report->plan.low + MEASURE_GAME_PORTS - 1, (unsigned long long)report->plan.seed);
	put_entropy(out, report);
	put_game(out, report);
	put_tests(out, report);
	put_leaks(out, report);
	put_reuse(out, report);
	put_cost(out, report);
	if (report->beside)
		put_beside(out, report);
	if (report->plot)
		put_plots(out, report);
	put_bars(out, report);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
