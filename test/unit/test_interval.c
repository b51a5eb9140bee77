/* SPDX-License-Identifier: BSD-2-Clause */
/* Ranges of ports: found, ordered, balanced, against a plain list. */
#include "unit/port_fixture.h"

#define NODES 5000u

static struct interval nodes[NODES];
static bool present[NODES];
static uint32_t root;

static int clear(void **state)
{
	(void)state;
	memset(nodes, 0, sizeof(nodes));
	memset(present, 0, sizeof(present));
	root = POOL_NONE;
	srand(3);
	return 0;
}

static void put(uint32_t node, uint16_t first, uint16_t last)
{
	nodes[node].first = first;
	nodes[node].last = last;
	nodes[node].weight = 65536u - (uint32_t)(last - first);
	interval_insert(nodes, &root, node);
	present[node] = true;
}

static void drop(uint32_t node)
{
	interval_remove(nodes, &root, node);
	present[node] = false;
}

static void put_random(uint32_t node)
{
	uint16_t first = (uint16_t)(rand() % 65536);
	uint32_t width = (uint32_t)rand() % (rand() % 8 == 0 ? 65536 : 200);
	uint32_t last = first + width > 65535 ? 65535 : first + width;

	put(node, first, (uint16_t)last);
}

static uint32_t found(uint16_t low, uint16_t high)
{
	struct interval_walk walk;
	uint32_t count = 0;
	uint32_t before = POOL_NONE;
	uint32_t node;

	interval_start(&walk, nodes, root, low, high);
	while ((node = interval_next(&walk)) != POOL_NONE) {
		assert_true(present[node]);
		assert_true(nodes[node].first <= high && nodes[node].last >= low);
		if (before != POOL_NONE)
			assert_true(nodes[before].first <= nodes[node].first);
		before = node;
		count++;
	}
	return count;
}

static uint32_t expected(uint16_t low, uint16_t high)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < NODES; i++)
		count += present[i] && nodes[i].first <= high && nodes[i].last >= low;
	return count;
}

/* Heights and reaches, from the leaves up; no recursion deeper than the tree. */
static uint32_t checked_height(uint32_t node)
{
	uint32_t left, right;
	uint16_t reach;

	if (node == POOL_NONE)
		return 0;
	left = checked_height(nodes[node].left);
	right = checked_height(nodes[node].right);
	reach = nodes[node].last;
	if (left > 0 && nodes[nodes[node].left].reach > reach)
		reach = nodes[nodes[node].left].reach;
	if (right > 0 && nodes[nodes[node].right].reach > reach)
		reach = nodes[nodes[node].right].reach;
	assert_int_equal(nodes[node].reach, reach);
	assert_true(left <= right + 1 && right <= left + 1);
	assert_int_equal(nodes[node].height, (left > right ? left : right) + 1);
	return nodes[node].height;
}

static void empty_finds_nothing(void **state)
{
	(void)state;
	assert_int_equal(found(0, 65535), 0);
}

static void edges_belong_to_a_range(void **state)
{
	(void)state;
	put(0, 1000, 2000);
	assert_int_equal(found(999, 999), 0);
	assert_int_equal(found(1000, 1000), 1);
	assert_int_equal(found(2000, 2000), 1);
	assert_int_equal(found(2001, 2001), 0);
	assert_int_equal(found(0, 1000), 1);
	assert_int_equal(found(2000, 65535), 1);
}

static void whole_space_is_a_range(void **state)
{
	(void)state;
	put(0, 0, 65535);
	assert_int_equal(found(0, 0), 1);
	assert_int_equal(found(65535, 65535), 1);
}

static void equal_ranges_stand_side_by_side(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		put(i, 7000, 8000);
	assert_int_equal(found(7500, 7500), 100);
	for (uint32_t i = 0; i < 100; i += 2)
		drop(i);
	assert_int_equal(found(7500, 7500), 50);
}

static void nested_ranges_are_all_found(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		put(i, (uint16_t)i, (uint16_t)(65535 - i));
	assert_int_equal(found(0, 0), 1);
	assert_int_equal(found(30000, 30000), 1000);
	assert_int_equal(found(65000, 65000), 536);
}

static void stays_balanced_in_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < NODES; i++)
		put(i, (uint16_t)(i * 10), (uint16_t)(i * 10 + 9));
	assert_true(checked_height(root) <= 18); /* 1.44 log2(5000) */
	assert_int_equal(found(25005, 25005), 1);
	for (uint32_t i = 0; i < NODES; i++)
		drop(i);
	assert_int_equal(root, POOL_NONE);
}

static uint64_t weight_expected(uint16_t limit)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < NODES; i++) {
		if (present[i] && nodes[i].first <= limit && nodes[i].weight > most)
			most = nodes[i].weight;
	}
	return most;
}

static void heaviest_is_of_those_that_begin_before(void **state)
{
	uint32_t best;

	(void)state;
	for (uint32_t i = 0; i < NODES; i++)
		put_random(i);
	for (uint32_t i = 0; i < NODES; i += 3)
		drop(i);
	for (uint32_t limit = 0; limit < 65536; limit += 61) {
		best = interval_heaviest(nodes, root, (uint16_t)limit);
		assert_int_equal(best == POOL_NONE ? 0 : nodes[best].weight,
				 weight_expected((uint16_t)limit));
		assert_true(best == POOL_NONE || (present[best] && nodes[best].first <= limit));
	}
}

static void what_weighs_nothing_is_no_heaviest(void **state)
{
	(void)state;
	put(0, 10, 20);
	drop(0);
	nodes[0].weight = 0;
	interval_insert(nodes, &root, 0);
	present[0] = true;
	assert_int_equal(interval_heaviest(nodes, root, 15), POOL_NONE);
	assert_int_equal(interval_heaviest(nodes, POOL_NONE, 15), POOL_NONE);
	put(1, 10, 30);
	assert_int_equal(interval_heaviest(nodes, root, 15), 1);
	assert_int_equal(interval_heaviest(nodes, root, 9), POOL_NONE);
}

static void a_range_is_found_by_both_ends(void **state)
{
	uint32_t node;

	(void)state;
	for (uint32_t i = 0; i < NODES; i++)
		put(i, (uint16_t)(i / 10 * 7), (uint16_t)(30000 + i % 10));
	for (uint32_t i = 0; i < NODES; i++) {
		node = interval_find(nodes, root, nodes[i].first, nodes[i].last);
		assert_int_equal(node, i);
	}
	assert_int_equal(interval_find(nodes, root, 0, 30010), POOL_NONE);
	assert_int_equal(interval_find(nodes, root, 1, 30000), POOL_NONE);
	drop(5);
	assert_int_equal(interval_find(nodes, root, 0, 30005), POOL_NONE);
}

static void random_use_agrees_with_a_list(void **state)
{
	(void)state;
	for (int i = 0; i < 40000; i++) {
		uint32_t node = (uint32_t)rand() % NODES;
		if (present[node])
			drop(node);
		else
			put_random(node);
		if (i % 40 == 0) {
			uint16_t low = (uint16_t)(rand() % 65536);
			uint16_t high = (uint16_t)(low + rand() % (65536 - low));
			assert_int_equal(found(low, low), expected(low, low));
			assert_int_equal(found(low, high), expected(low, high));
		}
		if (i % 1000 == 0)
			checked_height(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(empty_finds_nothing, clear),
		cmocka_unit_test_setup(edges_belong_to_a_range, clear),
		cmocka_unit_test_setup(whole_space_is_a_range, clear),
		cmocka_unit_test_setup(equal_ranges_stand_side_by_side, clear),
		cmocka_unit_test_setup(nested_ranges_are_all_found, clear),
		cmocka_unit_test_setup(stays_balanced_in_order, clear),
		cmocka_unit_test_setup(heaviest_is_of_those_that_begin_before, clear),
		cmocka_unit_test_setup(what_weighs_nothing_is_no_heaviest, clear),
		cmocka_unit_test_setup(a_range_is_found_by_both_ends, clear),
		cmocka_unit_test_setup(random_use_agrees_with_a_list, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
