/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyed permutation: one image for each place, whatever the size. */
#include "unit/port_fixture.h"

static struct permutation p;
static uint8_t seen[65536];

static void start(uint64_t number, uint32_t size)
{
	const uint64_t other = ~number;
	const struct hash_key key = { {
		hash_strong(&fixture_key, &number, sizeof(number)),
		hash_strong(&fixture_key, &other, sizeof(other)),
	} };

	permute_init(&p, &key, size);
}

static void require_bijective(uint32_t size)
{
	start(size, size);
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < size; i++) {
		const uint32_t image = permute(&p, i);
		assert_true(image < size);
		assert_int_equal(seen[image]++, 0);
	}
}

static void small_sizes_are_bijective(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 300; size++)
		require_bijective(size);
}

static void sizes_around_powers_of_two_are_bijective(void **state)
{
	(void)state;
	for (uint32_t bits = 9; bits <= 16; bits++) {
		for (uint32_t size = (1u << bits) - 1; size <= (1u << bits) + 1; size++)
			if (size < 65536)
				require_bijective(size);
	}
	require_bijective(64512);
	require_bijective(28232);
}

/* Of four ports each of the 24 orders comes: a bare Feistel network of this
   size would make even ones only. 23 degrees of freedom: 49.7 is p = 0.001. */
static void all_orders_of_few_ports_come(void **state)
{
	uint32_t count[256] = { 0 };
	uint32_t orders = 0;
	double chi = 0;

	(void)state;
	for (uint64_t key = 0; key < 24000; key++) {
		uint32_t order = 0;
		start(key, 4);
		for (uint32_t i = 0; i < 4; i++)
			order = order << 2 | permute(&p, i);
		count[order]++;
	}
	for (int i = 0; i < 256; i++) {
		orders += count[i] > 0;
		if (count[i] > 0)
			chi += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0;
	}
	assert_int_equal(orders, 24);
	assert_true(chi < 49.7);
}

/* Where a place goes is even over the keys, and so is what its neighbour's
   image says of its own. */
static void images_are_even_over_keys(void **state)
{
	uint32_t image[64] = { 0 }, step[64] = { 0 };
	double chi_image = 0, chi_step = 0;

	(void)state;
	for (uint64_t key = 1; key <= 63000; key++) {
		start(key, 64);
		const uint32_t a = permute(&p, 10), b = permute(&p, 11);
		image[a]++;
		step[(b - a) & 63]++;
	}
	for (int i = 0; i < 64; i++) {
		const double even = 63000.0 / 64;
		chi_image += (image[i] - even) * (image[i] - even) / even;
		if (i > 0)
			chi_step += (step[i] - 1000.0) * (step[i] - 1000.0) / 1000.0;
	}
	assert_int_equal(step[0], 0);
	assert_true(chi_image < 103.4); /* p = 0.001 */
	assert_true(chi_step < 102.2);
}

static void keys_give_different_orders(void **state)
{
	uint32_t equal = 0;
	uint32_t first[1000];

	(void)state;
	start(1, 64512);
	for (uint32_t i = 0; i < 1000; i++)
		first[i] = permute(&p, i);
	start(2, 64512);
	for (uint32_t i = 0; i < 1000; i++)
		equal += permute(&p, i) == first[i];
	assert_true(equal <= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_sizes_are_bijective),
		cmocka_unit_test(sizes_around_powers_of_two_are_bijective),
		cmocka_unit_test(all_orders_of_few_ports_come),
		cmocka_unit_test(images_are_even_over_keys),
		cmocka_unit_test(keys_give_different_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
