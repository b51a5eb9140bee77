/* SPDX-License-Identifier: BSD-2-Clause */
/* The tracking attack finds what identifies a host, and nothing else. */
#include "unit/measure_sources.h"

static double stable_bits(enum fake_kind kind)
{
	static struct fake fake;
	struct measure_source source = fake_source(&fake, kind);
	struct measure_tracking tracking;

	assert_int_equal(measure_tracking(&source, 1024, 65535, &tracking), 0);
	assert_true((tracking.p < 1e-6) == (tracking.stable_bits > 0));
	assert_int_equal(tracking.destinations, 512);
	return tracking.stable_bits;
}

static void uniform_cannot_be_tracked(void **state)
{
	(void)state;
	assert_near(stable_bits(FAKE_UNIFORM), 0, 0);
}

/* All count together, which tells nothing of the host. */
static void one_counter_does_not_identify(void **state)
{
	(void)state;
	assert_near(stable_bits(FAKE_COUNTER), 0, 0);
}

/* The offsets of destinations against each other are the host's own. */
static void offsets_identify(void **state)
{
	(void)state;
	assert_true(stable_bits(FAKE_OFFSET) > 1000);
}

/* How many destinations share a cell is seen by the steps. */
static void shared_cells_identify(void **state)
{
	(void)state;
	assert_true(stable_bits(FAKE_CELLS) > 500);
}

static void a_walk_begun_anew_identifies(void **state)
{
	(void)state;
	assert_true(stable_bits(FAKE_FRESH) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(uniform_cannot_be_tracked),
		CASE(one_counter_does_not_identify),
		CASE(offsets_identify),
		CASE(shared_cells_identify),
		CASE(a_walk_begun_anew_identifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
