/* SPDX-License-Identifier: BSD-2-Clause */
/* The counted bitmap against a plain array of booleans. */
#include "unit/port_fixture.h"

static struct bitmap b;

static int make(void **state)
{
	(void)state;
	bitmap_init(&b);
	return 0;
}

static void starts_all_free(void **state)
{
	(void)state;
	assert_int_equal(b.total, 65536);
	assert_int_equal(bitmap_count(&b, 0, 65535), 65536);
	assert_true(bitmap_free(&b, 0));
	assert_true(bitmap_free(&b, 65535));
}

static void zeroed_is_all_used(void **state)
{
	static const struct bitmap zero;

	(void)state;
	assert_int_equal(bitmap_count(&zero, 0, 65535), 0);
	assert_false(bitmap_free(&zero, 80));
}

static void is_made_of_words(void **state)
{
	static uint64_t words[1024];

	(void)state;
	words[0] = 1;
	words[64] = UINT64_MAX;
	words[1023] = UINT64_C(1) << 63;
	bitmap_from(&b, words);
	assert_int_equal(b.total, 66);
	assert_int_equal(bitmap_count(&b, 0, 65535), 66);
	assert_int_equal(bitmap_select(&b, 0, 0), 0);
	assert_int_equal(bitmap_select(&b, 0, 64), 4096 + 63);
	assert_int_equal(bitmap_select(&b, 0, 65), 65535);
	bitmap_give(&b, 1);
	assert_int_equal(bitmap_select(&b, 0, 1), 1);
}

static void take_and_give_are_seen(void **state)
{
	(void)state;
	bitmap_take(&b, 443);
	assert_false(bitmap_free(&b, 443));
	assert_true(bitmap_free(&b, 442));
	assert_true(bitmap_free(&b, 444));
	assert_int_equal(bitmap_count(&b, 443, 443), 0);
	assert_int_equal(bitmap_count(&b, 0, 65535), 65535);
	bitmap_give(&b, 443);
	assert_true(bitmap_free(&b, 443));
	assert_int_equal(bitmap_count(&b, 443, 443), 1);
}

static void edges_of_words_and_groups(void **state)
{
	static const uint16_t edges[] = { 0, 1, 63, 64, 65, 4095, 4096, 4097, 65471, 65472, 65535 };

	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		bitmap_take(&b, edges[i]);
		assert_int_equal(bitmap_count(&b, edges[i], edges[i]), 0);
	}
	assert_int_equal(bitmap_count(&b, 0, 65), 66 - 5);
	assert_int_equal(bitmap_count(&b, 64, 4096), 4096 - 64 + 1 - 4);
	assert_int_equal(bitmap_count(&b, 65471, 65535), 65 - 3);
	assert_int_equal(bitmap_select(&b, 0, 0), 2);
	assert_int_equal(bitmap_select(&b, 63, 0), 66);
	assert_int_equal(bitmap_select(&b, 65471, 61), 65534);
}

static void the_last_free_port_is_found(void **state)
{
	(void)state;
	for (uint32_t port = 0; port < 65536; port++) {
		if (port != 51234)
			bitmap_take(&b, (uint16_t)port);
	}
	assert_int_equal(b.total, 1);
	assert_int_equal(bitmap_select(&b, 1024, 0), 51234);
	assert_int_equal(bitmap_count(&b, 51235, 65535), 0);
}

static void select_is_the_kth_free(void **state)
{
	uint32_t k = 0;

	(void)state;
	srand(1);
	for (int i = 0; i < 30000; i++) {
		uint16_t port = (uint16_t)rand();
		if (bitmap_free(&b, port))
			bitmap_take(&b, port);
	}
	for (uint32_t port = 1024; port < 65536; port++) {
		if (!bitmap_free(&b, (uint16_t)port))
			continue;
		assert_int_equal(bitmap_select(&b, 1024, k), port);
		k++;
		assert_int_equal(bitmap_count(&b, 1024, (uint16_t)port), k);
	}
	assert_int_equal(bitmap_count(&b, 1024, 65535), k);
}

static void counts_follow_random_use(void **state)
{
	static bool taken[65536];
	uint32_t used = 0;

	(void)state;
	memset(taken, 0, sizeof(taken));
	srand(2);
	for (int i = 0; i < 200000; i++) {
		uint16_t port = (uint16_t)(rand() % 65536);
		if (taken[port])
			bitmap_give(&b, port);
		else
			bitmap_take(&b, port);
		used += taken[port] ? -1u : 1u;
		taken[port] = !taken[port];
	}
	assert_int_equal(b.total, 65536 - used);
	assert_int_equal(bitmap_count(&b, 0, 65535), 65536 - used);
	for (uint32_t port = 0; port < 65536; port++)
		assert_int_equal(bitmap_free(&b, (uint16_t)port), !taken[port]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(starts_all_free, make),
		cmocka_unit_test_setup(zeroed_is_all_used, make),
		cmocka_unit_test_setup(is_made_of_words, make),
		cmocka_unit_test_setup(take_and_give_are_seen, make),
		cmocka_unit_test_setup(edges_of_words_and_groups, make),
		cmocka_unit_test_setup(the_last_free_port_is_found, make),
		cmocka_unit_test_setup(select_is_the_kth_free, make),
		cmocka_unit_test_setup(counts_follow_random_use, make),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
