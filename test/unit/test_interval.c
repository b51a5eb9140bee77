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

/* The narrowest range that contains a port, by a climb; and how many it saw. */
static uint32_t narrowest(uint16_t port, uint32_t *seen)
{
	struct interval_climb climb;
	uint32_t best = POOL_NONE;
	uint32_t node;

	*seen = 0;
	interval_climb_start(&climb, nodes, root, port, 0);
	while ((node = interval_climb_next(&climb)) != POOL_NONE) {
		assert_true(present[node]);
		assert_true(nodes[node].first <= port && nodes[node].last >= port);
		assert_true(nodes[node].weight >= climb.floor);
		if (best == POOL_NONE || nodes[node].weight > nodes[best].weight)
			best = node;
		climb.floor = nodes[best].weight;
		++*seen;
	}
	return best;
}

static uint64_t weight_expected(uint16_t port)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < NODES; i++) {
		if (present[i] && nodes[i].first <= port && nodes[i].last >= port &&
		    nodes[i].weight > most)
			most = nodes[i].weight;
	}
	return most;
}

static void climb_finds_the_heaviest(void **state)
{
	uint32_t seen, total = 0;

	(void)state;
	for (uint32_t i = 0; i < NODES; i++)
		put_random(i);
	for (uint32_t i = 0; i < NODES; i += 3)
		drop(i);
	for (uint32_t port = 0; port < 65536; port += 61) {
		uint32_t best = narrowest((uint16_t)port, &seen);
		assert_int_equal(best == POOL_NONE ? 0 : nodes[best].weight,
				 weight_expected((uint16_t)port));
		total += seen;
	}
	/* Of the 210 ranges that contain a port on average. */
	assert_true(total < 65536 / 61 * 12);
}

static void climb_passes_over_what_is_wider(void **state)
{
	uint32_t seen;

	(void)state;
	for (uint32_t i = 0; i < NODES; i++)
		put(i, (uint16_t)i, (uint16_t)(65535 - i));
	for (uint32_t port = 0; port < NODES; port += 7) {
		assert_int_equal(narrowest((uint16_t)port, &seen), port);
		assert_int_equal(seen, 1);
	}
	assert_int_equal(narrowest(30000, &seen), NODES - 1);
	assert_int_equal(seen, 1);
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
		cmocka_unit_test_setup(climb_finds_the_heaviest, clear),
		cmocka_unit_test_setup(climb_passes_over_what_is_wider, clear),
		cmocka_unit_test_setup(random_use_agrees_with_a_list, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
