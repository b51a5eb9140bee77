/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash by its published vectors, and the numbers drawn from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "catch.h"
#include "dice.h"

/* The key of all published vectors, and the message 0, 1, 2 ... */
static const struct hash_key key = { { UINT64_C(0x0706050403020100),
				       UINT64_C(0x0f0e0d0c0b0a0908) } };
static uint8_t message[64];

static int count_up(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	return 0;
}

struct vector {
	size_t len;
	uint64_t hash;
};

/* SipHash-2-4: len 15 is the example of the paper, Appendix A. */
static void strong_is_siphash_2_4(void **state)
{
	static const struct vector vectors[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 7, UINT64_C(0xab0200f58b01d137) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
		{ 16, UINT64_C(0x3f2acc7f57c29bdb) },
		{ 63, UINT64_C(0x958a324ceb064572) },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		assert_true(hash_strong(&key, message, vectors[i].len) ==
			    vectors[i].hash);
}

static void table_is_siphash_1_3(void **state)
{
	static const struct vector vectors[] = {
		{ 0, UINT64_C(0xabac0158050fc4dc) },
		{ 1, UINT64_C(0xc9f49bf37d57ca93) },
		{ 7, UINT64_C(0xd3927d989bb11140) },
		{ 8, UINT64_C(0x369095118d299a8e) },
		{ 15, UINT64_C(0xd320d86d2a519956) },
		{ 16, UINT64_C(0xcc4fdd1a7d908b66) },
		{ 63, UINT64_C(0x9d199062b7bbb3a8) },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		assert_true(hash_table(&key, message, vectors[i].len) ==
			    vectors[i].hash);
}

static void alignment_does_not_matter(void **state)
{
	uint8_t shifted[72];
	(void)state;
	for (size_t shift = 0; shift < 8; shift++) {
		memcpy(shifted + shift, message, 64);
		assert_true(hash_strong(&key, shifted + shift, 61) ==
			    hash_strong(&key, message, 61));
	}
}

static void every_bit_of_key_and_data_counts(void **state)
{
	const uint64_t before = hash_table(&key, message, 37);
	(void)state;
	for (int bit = 0; bit < 128; bit++) {
		struct hash_key other = key;
		other.k[bit / 64] ^= UINT64_C(1) << (bit % 64);
		assert_true(hash_table(&other, message, 37) != before);
	}
	for (int bit = 0; bit < 37 * 8; bit++) {
		message[bit / 8] ^= (uint8_t)(1 << (bit % 8));
		assert_true(hash_table(&key, message, 37) != before);
		message[bit / 8] ^= (uint8_t)(1 << (bit % 8));
	}
}

static void a_label_is_a_stream_of_its_own(void **state)
{
	struct random a, b, again;
	(void)state;
	random_init(&a, &key, 1);
	random_init(&b, &key, 2);
	random_init(&again, &key, 1);
	for (int i = 0; i < 100; i++) {
		uint64_t number = random_next(&a);
		assert_true(number != random_next(&b));
		assert_true(number == random_next(&again));
	}
}

static void numbers_do_not_repeat(void **state)
{
	static uint64_t seen[1000];
	struct random r;
	(void)state;
	random_init(&r, &key, 0);
	for (int i = 0; i < 1000; i++) {
		seen[i] = random_next(&r);
		for (int j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
	}
}

static void below_stays_below(void **state)
{
	static const uint32_t bounds[] = { 1, 2, 3, 10, 65536, 0x80000001u,
					   UINT32_MAX };
	struct random r;
	(void)state;
	random_init(&r, &key, 0);
	for (size_t b = 0; b < sizeof(bounds) / sizeof(*bounds); b++)
		for (int i = 0; i < 1000; i++)
			assert_true(random_below(&r, bounds[b]) < bounds[b]);
}

static void below_is_uniform(void **state)
{
	uint32_t hits[7] = { 0 };
	struct random r;
	(void)state;
	random_init(&r, &key, 0);
	for (int i = 0; i < 70000; i++)
		hits[random_below(&r, 7)]++;
	for (int i = 0; i < 7; i++) /* ten standard deviations */
		assert_in_range(hits[i], 9100, 10900);
}

/* A bound of 3/4 of 2^32, where a plain remainder would be 2:1 unfair. */
static void below_is_uniform_for_huge_bounds(void **state)
{
	uint32_t low = 0;
	struct random r;
	(void)state;
	random_init(&r, &key, 0);
	for (int i = 0; i < 30000; i++)
		low += random_below(&r, 0xc0000000u) < 0x40000000u;
	assert_in_range(low, 9200, 10800);
}

static void below_nothing_is_caught(void **state)
{
	struct random r;
	(void)state;
	random_init(&r, &key, 0);
	assert_check_fails(random_below(&r, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strong_is_siphash_2_4),
		cmocka_unit_test(table_is_siphash_1_3),
		cmocka_unit_test(alignment_does_not_matter),
		cmocka_unit_test(every_bit_of_key_and_data_counts),
		cmocka_unit_test(a_label_is_a_stream_of_its_own),
		cmocka_unit_test(numbers_do_not_repeat),
		cmocka_unit_test(below_stays_below),
		cmocka_unit_test(below_is_uniform),
		cmocka_unit_test(below_is_uniform_for_huge_bounds),
		cmocka_unit_test(below_nothing_is_caught),
	};
	return cmocka_run_group_tests_name("hash", tests, count_up, NULL);
}
