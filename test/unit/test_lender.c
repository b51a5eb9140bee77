/* SPDX-License-Identifier: BSD-2-Clause */
/* minato's chooser as a source, and its certificate. */
#include "unit/measure_fixture.h"

#define PICKS 250000
#define SEED 1

static void ports_of_the_range_are_lent_and_taken_back(void **state)
{
	struct measure_lender *lender;
	struct measure_source source;
	uint64_t lease[5];
	uint16_t port;
	uint32_t seen = 0;

	(void)state;
	assert_int_equal(measure_lender_make(&lender, MINATO_CHOOSER_PERMUTATION, SEED), 0);
	source = measure_lender_source(lender);
	assert_int_equal(source.open(source.user, 40000, 40003), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(source.take(source.user, 7, &lease[i], &port), 0);
		assert_in_range(port, 40000, 40003);
		seen |= 1u << (port - 40000);
	}
	assert_int_equal(seen, 0xf);
	assert_int_equal(source.take(source.user, 7, &lease[4], &port), -EADDRNOTAVAIL);
	/* Another destination has them all. */
	assert_int_equal(source.take(source.user, 8, &lease[4], &port), 0);
	source.give(source.user, lease[2]);
	assert_int_equal(source.take(source.user, 7, &lease[2], &port), 0);
	/* A start begins with nothing lent. */
	assert_int_equal(source.open(source.user, 40000, 40003), 0);
	assert_int_equal(source.take(source.user, 7, &lease[0], &port), 0);
	measure_lender_free(lender);
	measure_lender_free(NULL);
}

static void starts_differ_and_seeds_repeat(void **state)
{
	struct measure_lender *a, *b;
	struct measure_source x, y;
	uint16_t first[3][64];

	(void)state;
	assert_int_equal(measure_lender_make(&a, MINATO_CHOOSER_PERMUTATION, SEED), 0);
	assert_int_equal(measure_lender_make(&b, MINATO_CHOOSER_PERMUTATION, SEED), 0);
	x = measure_lender_source(a);
	y = measure_lender_source(b);
	assert_int_equal(measure_record(&x, 1024, 65535, first[0], 64), 0);
	assert_int_equal(measure_record(&y, 1024, 65535, first[1], 64), 0);
	assert_int_equal(measure_record(&x, 1024, 65535, first[2], 64), 0);
	assert_memory_equal(first[0], first[1], sizeof(first[0]));
	assert_memory_not_equal(first[0], first[2], sizeof(first[0]));
	measure_lender_free(a);
	measure_lender_free(b);
}

static void certify(enum minato_chooser chooser, struct measure_certificate *out)
{
	struct measure_plan plan = { .picks = PICKS, .low = 40000, .seed = SEED };
	struct measure_lender *lender;
	struct measure_source source;

	assert_int_equal(measure_lender_make(&lender, chooser, SEED), 0);
	source = measure_lender_source(lender);
	assert_int_equal(measure_certify(&source, &plan, out), 0);
	measure_certificate_free(out);
	measure_lender_free(lender);
}

static void default_meets_all_bars(void **state)
{
	struct measure_certificate c;

	(void)state;
	certify(MINATO_CHOOSER_PERMUTATION, &c);
	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		if (!c.bar[b].met)
			fail_msg("%s: %g", c.bar[b].word, c.bar[b].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ports_of_the_range_are_lent_and_taken_back),
		CASE(starts_differ_and_seeds_repeat),
		CASE(default_meets_all_bars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
