/* SPDX-License-Identifier: BSD-2-Clause */
/* The certificate: who is good meets all bars, who is not fails by the bar that is meant. */
#include "unit/measure_sources.h"

#define PICKS 200000

static void certify(enum fake_kind kind, struct measure_certificate *out)
{
	static struct fake fake;
	struct measure_source source = fake_source(&fake, kind);
	struct measure_plan plan = { .picks = PICKS, .low = 40000, .seed = 4 };

	assert_int_equal(measure_certify(&source, &plan, out), 0);
	measure_certificate_free(out);
}

static void uniform_meets_all_bars(void **state)
{
	struct measure_certificate c;

	(void)state;
	certify(FAKE_UNIFORM, &c);
	for (int b = 0; b < MEASURE_BAR_COUNT; b++) {
		if (!c.bar[b].met)
			fail_msg("%s: %g", c.bar[b].word, c.bar[b].value);
	}
	assert_true(c.met);
	assert_int_equal(c.chooser.game.least, 64);
	assert_int_equal(c.cost.filled, 64512);
	assert_int_equal(c.test_count, 19);
}

static void counter_fails(void **state)
{
	struct measure_certificate c;

	(void)state;
	certify(FAKE_COUNTER, &c);
	assert_false(c.met);
	assert_false(c.bar[MEASURE_BAR_ENTROPY].met);
	assert_false(c.bar[MEASURE_BAR_GAME].met);
	assert_false(c.bar[MEASURE_BAR_EVEN].met);
	assert_false(c.bar[MEASURE_BAR_LEAKAGE].met);
	assert_true(c.bar[MEASURE_BAR_FILL].met);
}

static void shared_cells_fail(void **state)
{
	struct measure_certificate c;

	(void)state;
	certify(FAKE_CELLS, &c);
	assert_false(c.bar[MEASURE_BAR_GAME].met);
	assert_false(c.bar[MEASURE_BAR_TRACKING].met);
}

static void plans_have_bounds(void **state)
{
	static struct fake fake;
	struct measure_source source = fake_source(&fake, FAKE_UNIFORM);
	struct measure_plan plan = { .picks = 9999, .low = 40000 };
	struct measure_certificate c;

	(void)state;
	assert_int_equal(measure_certify(&source, &plan, &c), -EINVAL);
	plan = (struct measure_plan){ .picks = 10000, .low = 65473 };
	assert_int_equal(measure_certify(&source, &plan, &c), -EINVAL);
	measure_certificate_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(uniform_meets_all_bars),
		CASE(counter_fails),
		CASE(shared_cells_fail),
		CASE(plans_have_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
