/* SPDX-License-Identifier: BSD-2-Clause */
/* Tails of distributions, against values from tables. */
#include "unit/measure_fixture.h"

static void chi_square_is_as_in_the_tables(void **state)
{
	(void)state;
	/* 95 %, 99 % and 99.9 % points. */
	assert_near(measure_chi_square_tail(3.841459, 1), 0.05, 1e-6);
	assert_near(measure_chi_square_tail(18.307038, 10), 0.05, 1e-6);
	assert_near(measure_chi_square_tail(135.806723, 100), 0.01, 1e-6);
	assert_near(measure_chi_square_tail(103.442, 63), 0.001, 1e-6);
	/* Two degrees are an exponential. */
	assert_near(measure_chi_square_tail(100, 2), exp(-50), 1e-28);
	assert_near(measure_chi_square_tail(0, 5), 1, 0);
}

/* The median of chi-square is freedom (1 - 2 / (9 freedom))^3, nearly. */
static void chi_square_of_many_degrees_converges(void **state)
{
	double freedom = 65535;

	(void)state;
	assert_near(measure_chi_square_tail(freedom * pow(1 - 2 / (9 * freedom), 3), freedom), 0.5,
		    1e-4);
	/* Five standard deviations, by Wilson and Hilferty a little above the normal 2.9e-7. */
	assert_near(measure_chi_square_tail(freedom + 5 * sqrt(2 * freedom), freedom), 3.3e-7,
		    5e-8);
}

static void normal_and_poisson_are_as_in_the_tables(void **state)
{
	(void)state;
	assert_near(measure_normal_tails(1.959964), 0.05, 1e-6);
	assert_near(measure_normal_tails(-2.575829), 0.01, 1e-6);
	assert_near(measure_poisson_tail(0, 3), 1, 0);
	assert_near(measure_poisson_tail(1, 3), 1 - exp(-3), 1e-12);
	assert_near(measure_poisson_tail(3, 1), 1 - exp(-1) * 2.5, 1e-12);
	assert_near(measure_poisson_tail(1, 50), 1, 1e-12);
	assert_near(measure_poisson_tail(2, 0), 0, 0);
}

/* The example of SP 800-90B 6.3.7 step 8: 7 predictions, longest run 3. */
static void run_bound_meets_its_own_equation(void **state)
{
	double p;

	(void)state;
	/* One guess in 64 right: a run of 4 comes in a million tries once in 17 series. */
	p = measure_run_bound(3, 1000000);
	assert_near(1 - exp(-1e6 * (1 - p) * pow(p, 4)), 0.01, 1e-4);
	p = measure_run_bound(0, 1000);
	assert_near(pow(1 - p, 1000), 0.99, 1e-4);
	assert_near(measure_run_bound(10, 10), 1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(chi_square_is_as_in_the_tables),
		CASE(chi_square_of_many_degrees_converges),
		CASE(normal_and_poisson_are_as_in_the_tables),
		CASE(run_bound_meets_its_own_equation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
