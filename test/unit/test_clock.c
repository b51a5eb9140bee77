/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock and the seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "drive/drive.h"

static void clock_is_the_monotonic_one(void **state)
{
	struct timespec before;
	struct timespec after;
	struct minato_time now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	now = drive_now();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(now.ns >= before.tv_sec * 1000000000 + before.tv_nsec);
	assert_true(now.ns <= after.tv_sec * 1000000000 + after.tv_nsec);
}

static void clock_never_goes_back(void **state)
{
	struct minato_time last = drive_now();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct minato_time now = drive_now();

		assert_true(now.ns >= last.ns);
		last = now;
	}
}

static void seeds_differ(void **state)
{
	uint64_t one[2] = { 0, 0 };
	uint64_t other[2] = { 0, 0 };

	(void)state;
	assert_int_equal(drive_seed(one, sizeof(one)), 0);
	assert_int_equal(drive_seed(other, sizeof(other)), 0);
	assert_memory_not_equal(one, other, sizeof(one));
}

static void seed_fills_all_of_a_large_memory(void **state)
{
	static uint8_t memory[1024];
	uint8_t seen = 0;

	(void)state;
	assert_int_equal(drive_seed(memory, sizeof(memory)), 0);
	for (size_t i = sizeof(memory) - 32; i < sizeof(memory); i++)
		seen |= memory[i];
	assert_int_not_equal(seen, 0);
}

static void seed_of_nothing_is_well(void **state)
{
	(void)state;
	assert_int_equal(drive_seed(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_is_the_monotonic_one),
		cmocka_unit_test(clock_never_goes_back),
		cmocka_unit_test(seeds_differ),
		cmocka_unit_test(seed_fills_all_of_a_large_memory),
		cmocka_unit_test(seed_of_nothing_is_well),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
