/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate of minato's chooser, as `minato entropy` makes it, in figures. */
#include "ports.h"

#include <math.h>
#include <string.h>

#include "measure/measure.h"

/* The same ports in every run. */
#define SEED 1
#define PICKS 1000000
#define FIRST_PORT 40000

static void print_reuse(const char *part, const struct measure_reuse *reuse)
{
	figure_of("reuse_%s_least_picks", part, reuse->least, "picks");
	figure_of("reuse_%s_p1_picks", part, reuse->p1, "picks");
	figure_of("reuse_%s_median_picks", part, reuse->median, "picks");
}

/* The greatest, with the standard error and the chance of such a one. */
static void print_leakage(const struct measure_certificate *c)
{
	const struct measure_leak *worst = &c->leak[0].leak;

	for (int i = 1; i < MEASURE_LEAKS; i++) {
		if (c->leak[i].leak.p < worst->p)
			worst = &c->leak[i].leak;
	}
	figure("leakage_bits", fmax(worst->bits, 0), "bit");
	/* Of a bit too little would be left to see. */
	figure("leakage_error_ubits", worst->error_bits * 1e6, "ubit");
	figure("leakage_p", worst->p, "probability");
}

static void print(const struct measure_certificate *c)
{
	figure("entropy_deficit_bits", c->deficit_bits, "bit");
	figure("predictor_vs_eligible", c->chooser.game.ratio, "times");
	figure("predictor_vs_eligible_ideal", c->ideal.game.ratio, "times");
	figure("eligible_least", c->chooser.game.least, "ports");
	figure("eligible_doubt_bits", c->chooser.game.doubt_bits, "bit");
	figure("evenness_p", c->bar[MEASURE_BAR_EVEN].value, "probability");
	print_leakage(c);
	figure("tracking_stable_bits", c->tracking.stable_bits, "bit");
	print_reuse("64", &c->chooser.reuse);
	print_reuse("64512", &c->whole_reuse);
	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		if (!c->bar[b].met)
			say("the certificate's bar '%s' is not met: %g", c->bar[b].word,
			    c->bar[b].value);
	}
}

int bench_entropy(void)
{
	const struct measure_plan plan = { .picks = PICKS, .low = FIRST_PORT, .seed = SEED };
	struct measure_certificate certificate;
	struct measure_source source;
	struct measure_lender *lender;
	int result = measure_lender_make(&lender, MINATO_CHOOSER_PERMUTATION, SEED);

	if (result == 0) {
		source = measure_lender_source(lender);
		result = measure_certify(&source, &plan, &certificate);
		if (result == 0)
			print(&certificate);
		measure_certificate_free(&certificate);
		measure_lender_free(lender);
	}
	if (result < 0)
		say("the chooser cannot be measured: %s", strerror(-result));
	return result < 0 ? -1 : 0;
}
