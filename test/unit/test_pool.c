/* SPDX-License-Identifier: BSD-2-Clause */
/* Pools: taking, giving, the bound, reuse, and a copy elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/pool.h"
#include "catch.h"
#include "dice.h"

#define SLOT 24
#define CAPACITY 100

/* A pool and its slots in one piece of memory, as in a host value. */
struct house {
	struct pool pool;
	_Alignas(64) char slots[(SLOT * CAPACITY + 63) / 64 * 64];
};

static struct house *house;

static int build(void **state)
{
	(void)state;
	house = aligned_alloc(64, sizeof(*house));
	memset(house, 0, sizeof(*house));
	pool_init(&house->pool, house->slots, SLOT, CAPACITY);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(house);
	return 0;
}

static void bytes_are_rounded_to_a_line(void **state)
{
	(void)state;
	assert_int_equal(pool_bytes(8, 0), 0);
	assert_int_equal(pool_bytes(8, 1), 64);
	assert_int_equal(pool_bytes(8, 8), 64);
	assert_int_equal(pool_bytes(8, 9), 128);
	assert_int_equal(pool_bytes(65536, 1 << 20), (size_t)1 << 36);
}

static void slots_come_in_order_at_first(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_int_equal(pool_take(&house->pool), i);
}

static void takes_no_more_than_capacity(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CAPACITY; i++)
		pool_take(&house->pool);
	assert_int_equal(pool_take(&house->pool), POOL_NONE);
	assert_int_equal(house->pool.used, CAPACITY);
	pool_give(&house->pool, 42);
	assert_int_equal(pool_take(&house->pool), 42);
	assert_int_equal(pool_take(&house->pool), POOL_NONE);
}

static void the_last_given_is_the_first_taken(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		pool_take(&house->pool);
	pool_give(&house->pool, 1);
	pool_give(&house->pool, 3);
	assert_int_equal(pool_take(&house->pool), 3);
	assert_int_equal(pool_take(&house->pool), 1);
	assert_int_equal(pool_take(&house->pool), 5);
}

static void first_take_finds_zero(void **state)
{
	static const char zero[SLOT];
	(void)state;
	for (uint32_t i = 0; i < CAPACITY; i++) {
		void *slot = pool_at(&house->pool, pool_take(&house->pool));
		assert_memory_equal(slot, zero, SLOT);
	}
}

static void later_take_keeps_all_but_four_bytes(void **state)
{
	char *slot = pool_at(&house->pool, pool_take(&house->pool));
	(void)state;
	memset(slot, 0x5a, SLOT);
	pool_give(&house->pool, 0);
	assert_int_equal(pool_take(&house->pool), 0);
	for (int i = 4; i < SLOT; i++)
		assert_int_equal(slot[i], 0x5a);
}

static void untaken_slots_are_not_touched(void **state)
{
	(void)state;
	memset(house->slots, 0x77, sizeof(house->slots));
	pool_init(&house->pool, house->slots, SLOT, CAPACITY);
	pool_give(&house->pool, pool_take(&house->pool));
	for (size_t i = SLOT; i < sizeof(house->slots); i++)
		assert_int_equal(house->slots[i], 0x77);
}

static void peak_is_the_most_ever_used(void **state)
{
	(void)state;
	for (int i = 0; i < 7; i++)
		pool_take(&house->pool);
	for (uint32_t i = 0; i < 7; i++)
		pool_give(&house->pool, i);
	pool_take(&house->pool);
	assert_int_equal(house->pool.peak, 7);
	assert_int_equal(house->pool.used, 1);
}

static void no_slot_is_held_twice(void **state)
{
	bool held[CAPACITY] = { false };
	uint32_t count = 0;
	struct dice dice = { 1 };
	(void)state;

	for (int step = 0; step < 20000; step++) {
		if (dice_below(&dice, 2) == 0) {
			uint32_t index = pool_take(&house->pool);
			if (count == CAPACITY) {
				assert_int_equal(index, POOL_NONE);
				continue;
			}
			assert_true(index < CAPACITY && !held[index]);
			held[index] = true;
			count++;
		} else {
			uint32_t index = dice_below(&dice, CAPACITY);
			if (!held[index])
				continue;
			pool_give(&house->pool, index);
			held[index] = false;
			count--;
		}
		assert_int_equal(house->pool.used, count);
	}
}

static void a_copy_elsewhere_works(void **state)
{
	struct house *copy = aligned_alloc(64, sizeof(*copy));
	(void)state;

	for (int i = 0; i < 10; i++)
		memset(pool_at(&house->pool, pool_take(&house->pool)), i, SLOT);
	pool_give(&house->pool, 4);
	pool_give(&house->pool, 7);
	copy_plain(copy, house, sizeof(*house));
	memset(house->slots, 0xee, SLOT); /* the copy must not look here */

	assert_int_equal(*(char *)pool_at(&copy->pool, 0), 0);
	assert_int_equal(*(char *)pool_at(&copy->pool, 9), 9);
	assert_int_equal(pool_take(&copy->pool), 7);
	assert_int_equal(pool_take(&copy->pool), 4);
	assert_int_equal(pool_take(&copy->pool), 10);
	assert_int_equal(house->pool.used, 8);
	free(copy);
}

static void giving_what_was_never_taken_is_caught(void **state)
{
	(void)state;
	pool_take(&house->pool);
	assert_check_fails(pool_give(&house->pool, 1));
}

static void giving_more_than_taken_is_caught(void **state)
{
	(void)state;
	pool_take(&house->pool);
	pool_give(&house->pool, 0);
	house->pool.free = POOL_NONE;
	unpoison(house->slots, SLOT);
	assert_check_fails(pool_give(&house->pool, 0));
}

static void odd_slot_sizes_are_caught(void **state)
{
	(void)state;
	assert_check_fails(pool_init(&house->pool, house->slots, 4, 1));
	assert_check_fails(pool_init(&house->pool, house->slots, 12, 1));
}

static void a_damaged_free_list_is_caught(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		pool_take(&house->pool);
	pool_give(&house->pool, 1);
	unpoison(house->slots, sizeof(house->slots));
	*(uint32_t *)pool_at(&house->pool, 1) = 99;
	assert_check_fails(pool_take(&house->pool));
}

#define T(name) cmocka_unit_test_setup_teardown(name, build, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bytes_are_rounded_to_a_line),
		T(slots_come_in_order_at_first),
		T(takes_no_more_than_capacity),
		T(the_last_given_is_the_first_taken),
		T(first_take_finds_zero),
		T(later_take_keeps_all_but_four_bytes),
		T(untaken_slots_are_not_touched),
		T(peak_is_the_most_ever_used),
		T(no_slot_is_held_twice),
		T(a_copy_elsewhere_works),
		T(giving_what_was_never_taken_is_caught),
		T(giving_more_than_taken_is_caught),
		T(odd_slot_sizes_are_caught),
		T(a_damaged_free_list_is_caught),
	};
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
