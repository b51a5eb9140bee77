/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum, against the definition word by word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "forge.h"

/* The library's sum as a number. */
static uint32_t folded(const struct sum *s)
{
	uint16_t v = sum_fold(s);
	uint8_t bytes[2];
	memcpy(bytes, &v, 2);
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

static uint32_t sum_of(const void *data, size_t len)
{
	struct sum s = { 0 };
	sum_add(&s, data, len);
	return folded(&s);
}

/* The example of RFC 1071 section 3: ddf2. */
static void the_example_of_the_rfc(void **state)
{
	(void)state;
	assert_int_equal(sum_of("\0\1\xf2\3\xf4\xf5\xf6\xf7", 8), 0xddf2);
}

static void nothing_sums_to_zero(void **state)
{
	struct sum s = { 0 };
	(void)state;
	sum_add(&s, NULL, 0);
	assert_int_equal(folded(&s), 0);
	assert_false(s.odd);
}

static void an_odd_byte_has_a_zero_behind_it(void **state)
{
	(void)state;
	assert_int_equal(sum_of("\xab", 1), 0xab00);
	assert_int_equal(sum_of("\1\2\3", 3), 0x0402);
}

static void every_length_and_alignment(void **state)
{
	static uint8_t data[600];
	struct dice dice = { 5 };
	(void)state;
	dice_fill(&dice, data, sizeof(data));
	for (size_t shift = 0; shift < 16; shift++)
		for (size_t len = 0; len < 300; len++)
			assert_int_equal(sum_of(data + shift, len),
					 forge_sum(data + shift, len, 0));
}

static void no_byte_is_read_beyond_the_end(void **state)
{
	(void)state;
	for (size_t len = 1; len < 200; len++) {
		uint8_t *exact = malloc(len);
		memset(exact, 0x11, len);
		assert_int_equal(sum_of(exact, len), forge_sum(exact, len, 0));
		free(exact);
	}
}

static void carries_come_back(void **state)
{
	static uint8_t ones[70000];
	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (size_t len = 2; len < sizeof(ones); len += 997)
		assert_int_equal(sum_of(ones, len),
				 len % 2 ? 0xff00 : 0xffff);
}

static void any_split_gives_the_same(void **state)
{
	static uint8_t data[3000];
	struct dice dice = { 6 };
	(void)state;
	dice_fill(&dice, data, sizeof(data));
	for (int round = 0; round < 3000; round++) {
		size_t len = dice_below(&dice, sizeof(data));
		struct sum s = { 0 };
		for (size_t at = 0; at < len;) {
			size_t part = dice_below(&dice, 100);
			if (part > len - at)
				part = len - at;
			sum_add(&s, data + at, part);
			at += part;
		}
		assert_int_equal(folded(&s), forge_sum(data, len, 0));
		assert_int_equal(s.odd, len % 2);
	}
}

static void the_largest_total_is_folded(void **state)
{
	struct sum s = { .total = UINT64_MAX };
	(void)state;
	assert_int_equal(sum_fold(&s), 0xffff);
	s.total = UINT64_MAX - 1;
	assert_int_equal(sum_fold(&s), 0xfffe);
	s.total = UINT64_MAX - 0xffff;
	assert_int_equal(sum_fold(&s), 0xffff);
}

static void the_pseudo_header_of_both_families(void **state)
{
	struct dice dice = { 7 };
	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct minato_addr src, dst;
		struct sum s = { 0 };
		uint32_t len = dice_below(&dice, 65536);
		uint32_t addr_len = round % 2 ? 4 : 16;
		dice_fill(&dice, src.bytes, 16);
		dice_fill(&dice, dst.bytes, 16);
		if (addr_len == 4) {
			src = minato_addr4(src.bytes[0], 0, 255, src.bytes[1]);
			dst = minato_addr4(dst.bytes[0], 255, 0, dst.bytes[1]);
		}
		uint32_t expected =
			forge_sum(src.bytes + 16 - addr_len, addr_len, 0);
		expected = forge_sum(dst.bytes + 16 - addr_len, addr_len,
				     expected);
		expected = forge_sum((uint8_t[]){ 0, 17 }, 2, expected + len);
		sum_pseudo(&s, &src, &dst, 17, len);
		assert_int_equal(folded(&s), expected);
	}
}

static void put_makes_the_sum_all_ones(void **state)
{
	struct dice dice = { 8 };
	(void)state;
	for (int round = 0; round < 1000; round++) {
		uint8_t data[64];
		struct sum s = { 0 };
		dice_fill(&dice, data, sizeof(data));
		data[10] = data[11] = 0;
		sum_add(&s, data, sizeof(data));
		sum_put(&s, data + 10);
		assert_int_equal(sum_of(data, sizeof(data)), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_rfc),
		cmocka_unit_test(nothing_sums_to_zero),
		cmocka_unit_test(an_odd_byte_has_a_zero_behind_it),
		cmocka_unit_test(every_length_and_alignment),
		cmocka_unit_test(no_byte_is_read_beyond_the_end),
		cmocka_unit_test(carries_come_back),
		cmocka_unit_test(any_split_gives_the_same),
		cmocka_unit_test(the_largest_total_is_folded),
		cmocka_unit_test(the_pseudo_header_of_both_families),
		cmocka_unit_test(put_makes_the_sum_all_ones),
	};
	return cmocka_run_group_tests_name("checksum", tests, NULL, NULL);
}
