/* SPDX-License-Identifier: BSD-2-Clause */
/* What is counted while the cost is measured: occupancy, and the last port. */
#include "unit/measure_sources.h"

/* Counts what it holds, and fails where it is told to. */
struct counted {
	uint32_t held, most, takes, full_at;
};

static int counted_open(void *user, uint16_t low, uint16_t high)
{
	(void)user;
	(void)low;
	(void)high;
	return 0;
}

static int counted_take(void *user, uint32_t destination, uint64_t *lease, uint16_t *port)
{
	struct counted *c = user;

	assert_int_equal(destination, 0);
	c->takes++;
	if (c->held == c->full_at)
		return -EADDRNOTAVAIL;
	c->held++;
	c->most = c->held > c->most ? c->held : c->most;
	*lease = c->takes;
	*port = 1;
	return 0;
}

static void counted_give(void *user, uint64_t lease)
{
	struct counted *c = user;

	assert_true(lease > 0);
	c->held--;
}

static void all_ports_are_obtained(void **state)
{
	struct counted c = { .full_at = 64512 };
	struct measure_source source = { &c, counted_open, counted_take, counted_give };
	struct measure_cost cost;

	(void)state;
	assert_int_equal(measure_cost(&source, 1024, 65535, &cost), 0);
	assert_int_equal(cost.ports, 64512);
	assert_int_equal(cost.filled, 64512);
	assert_int_equal(c.held, 64512);
	for (int i = 0; i < MEASURE_LEVELS; i++)
		assert_true(cost.level_ns[i] > 0 && cost.swap_ns[i] > 0);
	for (int i = 0; i < MEASURE_CURVE; i++)
		assert_true(cost.curve_ns[i] > 0);
	assert_true(cost.one_percent_ns > 0 && cost.half_ns > 0 && cost.full_ns > 0);
}

/* 99.99 % of few ports is not all of them. */
static void few_ports_are_not_full_too_soon(void **state)
{
	struct counted c = { .full_at = 300 };
	struct measure_source source = { &c, counted_open, counted_take, counted_give };
	struct measure_cost cost;

	(void)state;
	assert_int_equal(measure_cost(&source, 2000, 2299, &cost), 0);
	assert_int_equal(cost.filled, 300);
}

static void too_early_full_is_seen(void **state)
{
	struct counted c = { .full_at = 64510 };
	struct measure_source source = { &c, counted_open, counted_take, counted_give };
	struct measure_cost cost;

	(void)state;
	assert_int_equal(measure_cost(&source, 1024, 65535, &cost), 0);
	assert_int_equal(cost.filled, 64510);
}

static void more_than_all_is_a_fault(void **state)
{
	struct counted c = { .full_at = UINT32_MAX };
	struct measure_source source = { &c, counted_open, counted_take, counted_give };
	struct measure_cost cost;

	(void)state;
	assert_int_equal(measure_cost(&source, 1024, 65535, &cost), -EPROTO);
}

/* Of an even number the middle of the two in the middle. */
static void the_median_is_in_the_middle(void **state)
{
	double times[] = { 9, 1, 100, 3, 2 };

	(void)state;
	assert_near(measure_median(times, 1), 9, 0);
	assert_near(measure_median(times, 5), 3, 0);
	assert_near(measure_median(times, 4), 2.5, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(all_ports_are_obtained),
		CASE(few_ports_are_not_full_too_soon),
		CASE(too_early_full_is_seen),
		CASE(more_than_all_is_a_fault),
		CASE(the_median_is_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
