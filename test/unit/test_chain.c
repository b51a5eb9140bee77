/* SPDX-License-Identifier: BSD-2-Clause */
/* The chain of IPv6 extension headers: walked, refused, cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "wire/wire.h"

static struct chain c;
static uint8_t *exact;

static enum drop walk(uint8_t proto, const void *bytes, uint32_t len)
{
	free(exact);
	exact = malloc(len ? len : 1);
	memcpy(exact, bytes, len);
	c = (struct chain){ .at = exact, .len = len, .proto = proto };
	return chain_walk(&c);
}

static int done(void **state)
{
	(void)state;
	free(exact);
	exact = NULL;
	return 0;
}

#define WALK(proto, bytes) walk(proto, bytes, sizeof(bytes) - 1)
#define REFUSED(proto, bytes)                                                  \
	assert_int_equal(WALK(proto, bytes), DROP_IP_EXTENSION)
#define PASSED(proto, bytes) assert_int_equal(WALK(proto, bytes), DROP_NONE)

static void no_extension_is_a_chain(void **state)
{
	(void)state;
	PASSED(6, "xxxx");
	assert_int_equal(c.proto, 6);
	assert_int_equal(c.len, 4);
	assert_ptr_equal(c.at, exact);
	assert_false(c.fragment);
}

static void each_kind_is_stepped_over(void **state)
{
	(void)state;
	PASSED(0, "\6\0\1\4\0\0\0\0tcp");
	assert_int_equal(c.proto, 6);
	assert_int_equal(c.len, 3);
	PASSED(60, "\x11\0\1\4\0\0\0\0");
	assert_int_equal(c.proto, 17);
	assert_int_equal(c.len, 0);
	PASSED(43, "\x3a\0\2\0\0\0\0\0....");
	assert_int_equal(c.proto, 58);
}

static void longer_headers_are_stepped_over(void **state)
{
	(void)state;
	PASSED(60, "\6\1\1\x0c............tcp");
	assert_int_equal(c.proto, 6);
	assert_ptr_equal(c.at, exact + 16);
}

static void hop_by_hop_is_first_or_nowhere(void **state)
{
	(void)state;
	PASSED(0, "\x3c\0\1\4\0\0\0\0\6\0\1\4\0\0\0\0");
	REFUSED(60, "\0\0\1\4\0\0\0\0\6\0\1\4\0\0\0\0");
	REFUSED(0, "\0\0\1\4\0\0\0\0\6\0\1\4\0\0\0\0");
}

static void eight_headers_are_the_most(void **state)
{
	uint8_t bytes[72] = { 0 };
	(void)state;
	for (int i = 0; i < 9; i++)
		memcpy(bytes + 8 * i, "\x3c\0\1\4\0\0\0\0", 8);
	bytes[56] = 6;
	assert_int_equal(walk(60, bytes, 72), DROP_NONE);
	assert_int_equal(c.len, 8);
	bytes[56] = 60;
	bytes[64] = 6;
	assert_int_equal(walk(60, bytes, 72), DROP_IP_EXTENSION);
}

static void a_route_with_hops_left_is_refused(void **state)
{
	(void)state;
	REFUSED(43, "\6\0\0\1\0\0\0\0");
	REFUSED(43, "\6\0\2\xff\0\0\0\0");
	PASSED(43, "\6\0\0\0\0\0\0\0");
}

static void unknown_options_do_as_their_bits_say(void **state)
{
	uint8_t bytes[8] = { 6, 0, 0, 4 };
	(void)state;
	for (int kind = 2; kind < 256; kind++) {
		bytes[2] = (uint8_t)kind;
		assert_int_equal(walk(60, bytes, 8),
				 kind < 64 ? DROP_NONE : DROP_IP_EXTENSION);
		assert_int_equal(walk(0, bytes, 8),
				 kind < 64 ? DROP_NONE : DROP_IP_EXTENSION);
	}
}

static void options_are_stepped_over_by_their_length(void **state)
{
	(void)state;
	REFUSED(60, "\6\0\5\0\x41\0\1\0");
	REFUSED(60, "\6\0\5\1\x09\x41\0\0");
	PASSED(60, "\6\0\5\2\x41\x41\1\0");
	REFUSED(60, "\6\0\0\x41\0\1\1\0");
}

static void a_jumbo_payload_is_refused(void **state)
{
	(void)state;
	REFUSED(0, "\6\0\xc2\4\0\1\0\0");
}

static void options_must_end_with_their_header(void **state)
{
	(void)state;
	PASSED(0, "\6\0\0\0\0\0\0\0");
	PASSED(0, "\6\0\0\1\3\0\0\0");
	REFUSED(0, "\6\0\1\5\0\0\0\0");
	REFUSED(0, "\6\0\1\xff\0\0\0\0");
	REFUSED(0, "\6\0\0\0\0\0\0\1");
}

static void a_header_cut_off_is_refused(void **state)
{
	static const uint8_t bytes[24] = { 6, 2, 1, 20 };
	(void)state;
	for (uint32_t len = 0; len < 24; len++) {
		assert_int_equal(walk(0, bytes, len), DROP_IP_EXTENSION);
		assert_int_equal(walk(60, bytes, len), DROP_IP_EXTENSION);
	}
	assert_int_equal(walk(60, bytes, 24), DROP_NONE);
	for (uint32_t len = 0; len < 8; len++)
		assert_int_equal(walk(44, bytes, len), DROP_IP_EXTENSION);
}

static void a_fragment_ends_the_walk(void **state)
{
	(void)state;
	PASSED(44, "\x3c\0\0\x01\x0a\x0b\x0c\x0d\6\0\1\4\0\0\0\0");
	assert_true(c.fragment);
	assert_true(c.more_fragments);
	assert_int_equal(c.fragment_offset, 0);
	assert_int_equal(c.fragment_id, 0x0a0b0c0d);
	assert_int_equal(c.proto, 60);
	assert_int_equal(c.len, 8);
	PASSED(44, "\6\0\xff\xf8\0\0\0\1");
	assert_true(c.fragment);
	assert_false(c.more_fragments);
	assert_int_equal(c.fragment_offset, 0xfff8);
}

static void a_fragment_of_one_is_walked_on(void **state)
{
	(void)state;
	PASSED(44, "\x3c\0\0\x06\0\0\0\1\6\0\1\4\0\0\0\0");
	assert_false(c.fragment);
	assert_int_equal(c.proto, 6);
	assert_int_equal(c.len, 0);
}

static void any_bytes_are_survived(void **state)
{
	static const uint8_t protos[] = { 0, 43, 44, 60 };
	struct dice dice = { 10 };
	uint8_t bytes[96];
	(void)state;
	for (int round = 0; round < 50000; round++) {
		uint32_t len = dice_below(&dice, 97);
		dice_fill(&dice, bytes, len);
		for (uint32_t i = 0; i + 1 < len; i += 8) {
			bytes[i] = protos[bytes[i] & 3];
			bytes[i + 1] &= 1;
		}
		walk(protos[dice_below(&dice, 4)], bytes, len);
		assert_true(c.at >= exact && c.at + c.len == exact + len);
	}
}

#define T(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_extension_is_a_chain),
		T(each_kind_is_stepped_over),
		T(longer_headers_are_stepped_over),
		T(hop_by_hop_is_first_or_nowhere),
		T(eight_headers_are_the_most),
		T(a_route_with_hops_left_is_refused),
		T(unknown_options_do_as_their_bits_say),
		T(options_are_stepped_over_by_their_length),
		T(a_jumbo_payload_is_refused),
		T(options_must_end_with_their_header),
		T(a_header_cut_off_is_refused),
		T(a_fragment_ends_the_walk),
		T(a_fragment_of_one_is_walked_on),
		T(any_bytes_are_survived),
	};
	return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
