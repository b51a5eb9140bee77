/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts of sources that have no place. */
#include "unit/scan_fixture.h"

static int small_setup(void **state)
{
	(void)state;
	scan_open(4096);
	return 0;
}

static void it_counts_what_it_is_told(void **state)
{
	uint32_t most = 0;

	(void)state;
	for (uint64_t contact = 1; contact <= 30; contact++)
		most = sketch_add(s, 77, contact);
	/* Less the noise of others, of which there was none. */
	assert_int_equal(most, 28);
}

static void the_same_contact_counts_once(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sketch_add(s, 77, 5), 1);
	assert_int_equal(s->sketch.added, 1);
}

/* Whoever is new is taken for new, whatever others did. */
static void others_are_not_taken_for_it(void **state)
{
	uint32_t wrong = 0;

	(void)state;
	for (uint64_t key = 1; key <= 200000; key++)
		wrong += sketch_add(s, key * 7919, key) > 1;
	print_message("# %u of 200000 taken for one that had failed before\n", wrong);
	assert_true(wrong <= 200);
}

/* Among a hundred times as many others. */
static void it_stands_out(void **state)
{
	uint32_t most = 0;

	(void)state;
	for (uint64_t i = 0; i < 900; i++) {
		sketch_add(s, 1000000 + i * 104729, i);
		if (i % 100 == 0)
			most = sketch_add(s, 77, i);
	}
	assert_in_range(most, 4, 9);
}

static void all_fades(void **state)
{
	(void)state;
	for (uint64_t contact = 1; contact <= 60; contact++)
		sketch_add(s, 77, contact);
	for (uint64_t i = 0; i < 8 * s->sketch.width; i++)
		sketch_add(s, 1000000 + i * 104729, i);
	assert_true(sketch_add(s, 77, 61) <= 2);
}

static struct scan_contact answered(uint32_t host, uint16_t port)
{
	struct scan_contact c = { .proto = MINATO_TCP, .port = port };

	c.target = host_number(host);
	return c;
}

/* The latest five hundred at least; and nobody's else. */
static void ports_that_have_answered_are_known(void **state)
{
	uint32_t wrong = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		const struct scan_contact c = answered(i, 443);
		scan_opened(s, &c);
		assert_true(sketch_opened(s, &c));
		if (i >= 500) {
			const struct scan_contact before = answered(i - 500, 443);
			assert_true(sketch_opened(s, &before));
		}
	}
	for (uint32_t i = 0; i < 10000; i++) {
		const struct scan_contact other = answered(i, 444);
		wrong += sketch_opened(s, &other);
	}
	print_message("# %u of 10000 taken for one that has answered\n", wrong);
	assert_in_range(wrong, 0, 1300); /* 2 / 4^2 */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, small_setup, scan_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_counts_what_it_is_told),
		TEST(the_same_contact_counts_once),
		TEST(others_are_not_taken_for_it),
		TEST(it_stands_out),
		TEST(all_fades),
		TEST(ports_that_have_answered_are_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
