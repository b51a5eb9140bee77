/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of how a NAT chooses its ports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "measure/measure.h"
#include "verify/verify.h"

#define PORTS 256u

static uint16_t symbol[PORTS];

static void draw(uint64_t seed)
{
	struct measure_dice dice = { seed };

	for (uint32_t i = 0; i < PORTS; i++)
		symbol[i] = (uint16_t)measure_below(&dice, MEASURE_GAME_PORTS);
}

static struct verify_grade graded(uint32_t got, uint32_t preserved)
{
	struct verify_grade g = { .got = got, .preserved = preserved };

	verify_predict(&g, symbol);
	return g;
}

static void luck_is_no_prediction(void **state)
{
	struct verify_grade g;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		draw(seed);
		g = graded(PORTS, 1);
		assert_int_equal(verify_foretold(&g), VERIFY_BY_CHANCE);
		assert_in_range(g.reach, 10, 20);
		g = graded(16, 0);
		assert_int_equal(verify_foretold(&g), VERIFY_BY_CHANCE);
	}
}

static void an_order_is_found(void **state)
{
	struct verify_grade g;

	(void)state;
	for (uint32_t i = 0; i < PORTS; i++)
		symbol[i] = i * 2 % MEASURE_GAME_PORTS;
	g = graded(PORTS, 0);
	assert_int_equal(verify_foretold(&g), VERIFY_BY_ORDER);
	assert_string_equal(g.predictor, "the last plus 2");
	g = graded(16, 0);
	assert_int_equal(verify_foretold(&g), VERIFY_BY_ORDER);
}

/* Whoever keeps the inside's is told by that, whatever order the inside has. */
static void a_kept_port_predicts(void **state)
{
	struct verify_grade g;

	(void)state;
	draw(1);
	g = graded(PORTS, PORTS);
	assert_int_equal(verify_foretold(&g), VERIFY_BY_INSIDE);
	g = graded(PORTS, 2);
	assert_int_equal(verify_foretold(&g), VERIFY_BY_CHANCE);
	for (uint32_t i = 0; i < PORTS; i++)
		symbol[i] = i % MEASURE_GAME_PORTS;
	g = graded(PORTS, PORTS);
	assert_int_equal(verify_foretold(&g), VERIFY_BY_INSIDE);
}

static void few_are_not_judged(void **state)
{
	struct verify_grade g;

	(void)state;
	draw(1);
	g = graded(15, 15);
	assert_int_equal(verify_foretold(&g), VERIFY_UNJUDGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(luck_is_no_prediction),
		cmocka_unit_test(an_order_is_found),
		cmocka_unit_test(a_kept_port_predicts),
		cmocka_unit_test(few_are_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
