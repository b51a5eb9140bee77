/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses: text in both directions, kinds, prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "base/addr.h"
#include "catch.h"
#include "dice.h"

static struct minato_addr parsed(const char *text)
{
	struct minato_addr a;
	if (minato_addr_parse(text, &a) != 0)
		fail_msg("does not parse: %s", text);
	return a;
}

static void assert_refused(const char *text)
{
	struct minato_addr a;
	if (minato_addr_parse(text, &a) != -EINVAL)
		fail_msg("parses: %s", text);
}

static void assert_prints(const char *text, const char *as)
{
	struct minato_addr a = parsed(text);
	char out[46];
	size_t len = minato_addr_format(&a, out, sizeof(out));
	assert_string_equal(out, as);
	assert_int_equal(len, strlen(as));
}

static void dotted_quads_are_read(void **state)
{
	struct minato_addr a = parsed("10.0.2.255");
	struct minato_addr b = minato_addr4(10, 0, 2, 255);
	(void)state;
	assert_true(minato_addr_equal(&a, &b));
	assert_true(minato_addr_is4(&a));
	assert_memory_equal(addr_v4(&a), "\x0a\x00\x02\xff", 4);
}

static void wrong_quads_are_refused(void **state)
{
	static const char *const wrong[] = {
		"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.",
		".1.2.3", "1..2.3", "1.2.3.4 ", " 1.2.3.4", "01.2.3.4",
		"1.2.3.00", "1.2.3.-4", "1.2.3.4x", "0x1.2.3.4",
		"1.2.3.99999999999999999999", "1,2,3,4",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused(wrong[i]);
}

static void groups_are_read(void **state)
{
	static const uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2,
					   0, 3, 0, 0x40, 0x05, 0, 0xff, 0xff };
	struct minato_addr a = parsed("2001:DB8:1:2:3:40:500:fFfF");
	(void)state;
	assert_memory_equal(a.bytes, bytes, 16);
}

static void a_gap_is_read_anywhere(void **state)
{
	struct minato_addr a = parsed("::");
	(void)state;
	assert_true(minato_addr_is_any(&a));
	a = parsed("::1");
	assert_int_equal(a.bytes[15], 1);
	a = parsed("fd00::");
	assert_int_equal(a.bytes[0], 0xfd);
	a = parsed("1::8");
	assert_int_equal(a.bytes[1], 1);
	assert_int_equal(a.bytes[15], 8);
	a = parsed("::2:3:4:5:6:7:8");
	assert_int_equal(a.bytes[3], 2);
	a = parsed("1:2:3:4:5:6:7::");
	assert_int_equal(a.bytes[13], 7);
}

static void a_closing_quad_is_read(void **state)
{
	struct minato_addr a = parsed("64:ff9b::192.0.2.33");
	struct minato_addr four = minato_addr4(192, 0, 2, 33);
	(void)state;
	assert_memory_equal(a.bytes + 12, four.bytes + 12, 4);
	assert_int_equal(a.bytes[1], 0x64);
	a = parsed("::ffff:192.0.2.33");
	assert_true(minato_addr_equal(&a, &four));
	a = parsed("1:2:3:4:5:6:1.2.3.4");
	assert_int_equal(a.bytes[12], 1);
}

static void wrong_groups_are_refused(void **state)
{
	static const char *const wrong[] = {
		":", ":::", "1", "1:", ":1", "1:2", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1::",
		"1:2:3:4:5:6:7:8:", "12345::", "g::", "::1%eth0", "::1 ",
		"1:::2", "[::1]", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5",
		"1:2:3:4:5:6:7:1.2.3.4", "::1:2:3:4:5:6:7:8", "::256.1.1.1",
		"1:2:3:4:5:6:7:8::9", "::1:",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_refused(wrong[i]);
}

/* The examples of RFC 5952, sections 4 and 5. */
static void the_canonical_form_is_written(void **state)
{
	(void)state;
	assert_prints("2001:0db8::0001", "2001:db8::1");
	assert_prints("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
	assert_prints("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	assert_prints("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	assert_prints("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	assert_prints("2001:DB8::ABCD", "2001:db8::abcd");
	assert_prints("::", "::");
	assert_prints("::1", "::1");
	assert_prints("1::", "1::");
	assert_prints("0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7");
	assert_prints("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0");
	assert_prints("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
	assert_prints("0:0:3:4:5:6:7:8", "::3:4:5:6:7:8");
	assert_prints("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void mapped_addresses_are_written_as_quads(void **state)
{
	(void)state;
	assert_prints("::ffff:10.0.2.2", "10.0.2.2");
	assert_prints("255.255.255.255", "255.255.255.255");
	assert_prints("0.0.0.0", "0.0.0.0");
	assert_prints("100.20.3.109", "100.20.3.109");
}

/* What libc reads and writes is read and written the same. */
static void agrees_with_libc(void **state)
{
	struct dice dice = { 3 };
	struct minato_addr a, back;
	char ours[46], theirs[46];
	(void)state;
	for (int i = 0; i < 20000; i++) {
		dice_fill(&dice, a.bytes, 16);
		uint64_t zeros = dice_roll(&dice);
		for (int group = 0; group < 8; group++)
			if (zeros >> group & 1)
				memset(a.bytes + 2 * group, 0, 2);
		a.bytes[0] |= 0x10; /* libc writes ::a.b.c.d its own way */
		minato_addr_format(&a, ours, sizeof(ours));
		inet_ntop(AF_INET6, a.bytes, theirs, sizeof(theirs));
		assert_string_equal(ours, theirs);
		back = parsed(ours);
		assert_true(minato_addr_equal(&a, &back));
	}
}

static void refuses_what_libc_refuses(void **state)
{
	static const char alphabet[] = "::::..0012f9g";
	struct dice dice = { 4 };
	struct minato_addr a;
	uint8_t theirs[16];
	char text[24];
	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint32_t len = 1 + dice_below(&dice, 16);
		for (uint32_t c = 0; c < len; c++)
			text[c] = alphabet[dice_below(&dice, 13)];
		text[len] = '\0';
		bool six = inet_pton(AF_INET6, text, theirs) == 1;
		bool four = inet_pton(AF_INET, text, theirs) == 1;
		if ((minato_addr_parse(text, &a) == 0) != (six || four))
			fail_msg("disagrees with libc: %s", text);
	}
}

static void a_short_buffer_is_caught(void **state)
{
	struct minato_addr a = { 0 };
	char out[45];
	(void)state;
	assert_check_fails(minato_addr_format(&a, out, sizeof(out)));
}

static void both_wildcards_are_any(void **state)
{
	struct minato_addr a = { 0 };
	struct minato_addr four = minato_addr4(0, 0, 0, 0);
	struct minato_addr one = minato_addr4(0, 0, 0, 1);
	(void)state;
	assert_true(minato_addr_is_any(&a));
	assert_true(minato_addr_is_any(&four));
	assert_false(minato_addr_is_any(&one));
	assert_false(minato_addr_is4(&a));
	assert_true(minato_addr_is4(&four));
}

static void every_byte_counts_for_equality(void **state)
{
	struct minato_addr a = { 0 };
	(void)state;
	for (int i = 0; i < 16; i++) {
		struct minato_addr b = a;
		b.bytes[i] = 1;
		assert_false(minato_addr_equal(&a, &b));
	}
}

#define ASSERT_KIND(test, yes, no)                                             \
	do {                                                                   \
		struct minato_addr y = parsed(yes), n = parsed(no);            \
		assert_true(test(&y));                                         \
		assert_false(test(&n));                                        \
	} while (0)

static void multicast_is_known(void **state)
{
	(void)state;
	ASSERT_KIND(addr_is_multicast, "224.0.0.0", "223.255.255.255");
	ASSERT_KIND(addr_is_multicast, "239.255.255.255", "240.0.0.0");
	ASSERT_KIND(addr_is_multicast, "ff02::1", "fe80::1");
}

static void broadcast_is_known(void **state)
{
	(void)state;
	ASSERT_KIND(addr_is_broadcast4, "255.255.255.255", "255.255.255.254");
}

static void loopback_is_known(void **state)
{
	(void)state;
	ASSERT_KIND(addr_is_loopback, "127.0.0.1", "126.255.255.255");
	ASSERT_KIND(addr_is_loopback, "127.255.255.255", "128.0.0.0");
	ASSERT_KIND(addr_is_loopback, "::1", "::2");
}

static void link_local_is_known(void **state)
{
	(void)state;
	ASSERT_KIND(addr_is_link_local, "169.254.0.1", "169.253.0.1");
	ASSERT_KIND(addr_is_link_local, "fe80::1", "fec0::1");
	ASSERT_KIND(addr_is_link_local, "febf::1", "fe00::1");
}

static void a_prefix_holds_what_shares_its_bits(void **state)
{
	struct minato_addr a = parsed("10.0.2.200");
	struct minato_addr near = parsed("10.0.2.129");
	struct minato_addr far = parsed("10.0.3.200");
	(void)state;
	assert_true(addr_in_prefix(&a, &near, 96 + 25));
	assert_false(addr_in_prefix(&a, &near, 96 + 26));
	assert_false(addr_in_prefix(&a, &far, 96 + 24));
	assert_true(addr_in_prefix(&a, &far, 96 + 23));
	assert_true(addr_in_prefix(&a, &far, 0));
	assert_true(addr_in_prefix(&a, &a, 128));
	assert_false(addr_in_prefix(&a, &near, 128));
}

static void every_prefix_length_is_exact(void **state)
{
	struct minato_addr a = parsed("fd00:1:2:3:4:5:6:7");
	(void)state;
	for (uint32_t bit = 0; bit < 128; bit++) {
		struct minato_addr b = a;
		b.bytes[bit / 8] ^= (uint8_t)(0x80 >> (bit % 8));
		assert_true(addr_in_prefix(&a, &b, bit));
		assert_false(addr_in_prefix(&a, &b, bit + 1));
	}
}

static void families_do_not_mix_in_a_prefix(void **state)
{
	struct minato_addr six = parsed("::10.0.2.1");
	struct minato_addr four = parsed("10.0.2.1");
	(void)state;
	assert_false(addr_in_prefix(&six, &four, 96));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dotted_quads_are_read),
		cmocka_unit_test(wrong_quads_are_refused),
		cmocka_unit_test(groups_are_read),
		cmocka_unit_test(a_gap_is_read_anywhere),
		cmocka_unit_test(a_closing_quad_is_read),
		cmocka_unit_test(wrong_groups_are_refused),
		cmocka_unit_test(the_canonical_form_is_written),
		cmocka_unit_test(mapped_addresses_are_written_as_quads),
		cmocka_unit_test(agrees_with_libc),
		cmocka_unit_test(refuses_what_libc_refuses),
		cmocka_unit_test(a_short_buffer_is_caught),
		cmocka_unit_test(both_wildcards_are_any),
		cmocka_unit_test(every_byte_counts_for_equality),
		cmocka_unit_test(multicast_is_known),
		cmocka_unit_test(broadcast_is_known),
		cmocka_unit_test(loopback_is_known),
		cmocka_unit_test(link_local_is_known),
		cmocka_unit_test(a_prefix_holds_what_shares_its_bits),
		cmocka_unit_test(every_prefix_length_is_exact),
		cmocka_unit_test(families_do_not_mix_in_a_prefix),
	};
	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
