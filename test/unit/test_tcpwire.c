/* SPDX-License-Identifier: BSD-2-Clause */
/* The TCP header: options read at any place, written in Linux's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "wire/wire.h"

static struct tcp_segment s;
static uint32_t header_len;

/* Parses a header with these options, each byte beyond it out of bounds. */
static enum drop parse(const void *options, uint32_t len, uint8_t flags)
{
	const uint32_t padded = (len + 3) & ~3u;
	uint8_t *data = calloc(1, 20 + padded);
	enum drop drop;

	data[1] = 1;
	data[3] = 2;
	data[12] = (uint8_t)((20 + padded) / 4 << 4);
	data[13] = flags;
	if (len > 0)
		memcpy(data + 20, options, len);
	memset(&s, 0xa5, sizeof(s));
	drop = tcp_parse(data, 20 + padded, &s, &header_len);
	free(data);
	return drop;
}

#define PARSE(options)                                                         \
	assert_int_equal(parse(options, sizeof(options) - 1, TCP_SYN), DROP_NONE)

static void fixed_fields_are_read(void **state)
{
	static const uint8_t header[20] = { 0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4,
					    5, 6, 7, 8, 0x50, 0xc2, 0xab, 0xcd,
					    0, 0, 0x11, 0x22 };
	(void)state;
	assert_int_equal(tcp_parse(header, 20, &s, &header_len), DROP_NONE);
	assert_int_equal(header_len, 20);
	assert_int_equal(s.src_port, 0x1234);
	assert_int_equal(s.dst_port, 0x5678);
	assert_int_equal(s.seq.v, 0x01020304);
	assert_int_equal(s.ack.v, 0x05060708);
	assert_int_equal(s.flags, TCP_CWR | TCP_ECE | TCP_SYN);
	assert_int_equal(s.window, 0xabcd);
	assert_int_equal(s.urgent, 0x1122);
}

static void no_options_are_none(void **state)
{
	(void)state;
	parse(NULL, 0, 0);
	assert_int_equal(s.options.mss, 0);
	assert_int_equal(s.options.wscale, 0);
	assert_int_equal(s.options.tsval, 0);
	assert_int_equal(s.options.tsecr, 0);
	assert_int_equal(s.options.sack_count, 0);
	assert_false(s.options.has_wscale);
	assert_false(s.options.sack_permitted);
	assert_false(s.options.has_timestamp);
}

static void mss_is_read(void **state)
{
	(void)state;
	PARSE("\2\4\x05\xb4");
	assert_int_equal(s.options.mss, 1460);
}

static void wscale_is_read(void **state)
{
	(void)state;
	PARSE("\3\3\7");
	assert_true(s.options.has_wscale);
	assert_int_equal(s.options.wscale, 7);
	PARSE("\3\3\0");
	assert_true(s.options.has_wscale);
	assert_int_equal(s.options.wscale, 0);
}

/* RFC 7323 2.3 */
static void wscale_above_14_is_14(void **state)
{
	(void)state;
	PARSE("\3\3\x0e");
	assert_int_equal(s.options.wscale, 14);
	PARSE("\3\3\x0f");
	assert_int_equal(s.options.wscale, 14);
	PARSE("\3\3\xff");
	assert_int_equal(s.options.wscale, 14);
}

static void sack_permitted_is_read(void **state)
{
	(void)state;
	PARSE("\4\2");
	assert_true(s.options.sack_permitted);
}

static void timestamps_are_read(void **state)
{
	(void)state;
	PARSE("\x08\x0a\1\2\3\4\5\6\7\x08");
	assert_true(s.options.has_timestamp);
	assert_int_equal(s.options.tsval, 0x01020304);
	assert_int_equal(s.options.tsecr, 0x05060708);
}

static void the_common_timestamp_is_read_alike(void **state)
{
	(void)state;
	PARSE("\1\1\x08\x0a\1\2\3\4\5\6\7\x08");
	assert_true(s.options.has_timestamp);
	assert_int_equal(s.options.tsval, 0x01020304);
	assert_int_equal(s.options.tsecr, 0x05060708);
	assert_int_equal(header_len, 32);
}

static void up_to_four_sack_blocks_are_read(void **state)
{
	uint8_t options[34] = { 5 };
	(void)state;
	for (uint8_t count = 1; count <= 4; count++) {
		options[1] = (uint8_t)(2 + 8 * count);
		for (uint8_t i = 0; i < 8 * count; i++)
			options[2 + i] = i;
		parse(options, options[1], 0);
		assert_int_equal(s.options.sack_count, count);
		assert_int_equal(s.options.sack[0].start.v, 0x00010203);
		assert_int_equal(s.options.sack[count - 1].end.v & 0xff,
				 8 * count - 1);
	}
}

static void odd_sack_lengths_are_no_blocks(void **state)
{
	uint8_t options[40] = { 5 };
	(void)state;
	for (uint8_t len = 2; len <= 38; len++) {
		if (len > 2 && len % 8 == 2)
			continue;
		options[1] = len;
		parse(options, len, 0);
		assert_int_equal(s.options.sack_count, 0);
	}
}

/* MUST-5, MUST-64 */
static void options_stand_at_any_byte(void **state)
{
	uint8_t options[40];
	(void)state;
	for (uint32_t nops = 0; nops < 26; nops++) {
		memset(options, 1, nops);
		memcpy(options + nops, "\x08\x0a\1\2\3\4\5\6\7\x08\2\4\5\xb4",
		       14);
		parse(options, nops + 14, nops % 2 ? TCP_ACK : TCP_SYN);
		assert_int_equal(s.options.tsval, 0x01020304);
		assert_int_equal(s.options.mss, 1460);
	}
}

/* MUST-6 */
static void unknown_options_are_skipped(void **state)
{
	(void)state;
	PARSE("\xfd\6xxxx\2\4\5\xb4");
	assert_int_equal(s.options.mss, 1460);
	PARSE("\x1c\2\2\4\5\xb4");
	assert_int_equal(s.options.mss, 1460);
}

static void a_known_kind_of_another_length_is_skipped(void **state)
{
	(void)state;
	PARSE("\2\5xxx\3\3\5");
	assert_int_equal(s.options.mss, 0);
	assert_int_equal(s.options.wscale, 5);
	PARSE("\3\4xx\4\3x\x08\x09xxxxxxx\2\4\5\xb4");
	assert_false(s.options.has_wscale);
	assert_false(s.options.sack_permitted);
	assert_false(s.options.has_timestamp);
	assert_int_equal(s.options.mss, 1460);
}

/* MUST-7 */
static void an_illegal_length_ends_the_options_only(void **state)
{
	(void)state;
	PARSE("\2\4\5\xb4\xfe\0\3\3\7");
	assert_int_equal(s.options.mss, 1460);
	assert_false(s.options.has_wscale);
	PARSE("\2\4\5\xb4\xfe\1\3\3\7");
	assert_false(s.options.has_wscale);
	PARSE("\2\4\5\xb4\xfe\xff\3\3");
	assert_int_equal(s.options.mss, 1460);
	assert_false(s.options.has_wscale);
}

static void an_option_cut_off_is_none(void **state)
{
	(void)state;
	PARSE("\1\1\1\2");
	assert_int_equal(s.options.mss, 0);
	PARSE("\1\1\x02\4");
	assert_int_equal(s.options.mss, 0);
	PARSE("\1\2\4\5");
	assert_int_equal(s.options.mss, 0);
}

static void the_end_of_options_ends_them(void **state)
{
	(void)state;
	PARSE("\0\2\4\5\xb4");
	assert_int_equal(s.options.mss, 0);
}

static void the_last_of_two_counts(void **state)
{
	(void)state;
	PARSE("\2\4\0\1\2\4\0\2");
	assert_int_equal(s.options.mss, 2);
}

static void any_bytes_are_survived(void **state)
{
	struct dice dice = { 9 };
	uint8_t options[40];
	(void)state;
	for (int round = 0; round < 50000; round++) {
		dice_fill(&dice, options, 40);
		for (int i = 0; i < 40; i++)
			options[i] &= round % 2 ? 0x0f : 0xff;
		assert_int_equal(parse(options, 4 * dice_below(&dice, 11), 0),
				 DROP_NONE);
		assert_true(s.options.sack_count <= TCP_SACK_MAX);
		assert_true(!s.options.has_wscale || s.options.wscale <= 14);
	}
}

/* --- writing -------------------------------------------------------------- */

static void assert_options(const struct tcp_options *o, bool syn,
			   const void *expected, uint32_t len)
{
	uint8_t out[40];
	memset(out, 0xee, sizeof(out));
	assert_int_equal(tcp_build_options(o, syn, out), len);
	assert_memory_equal(out, expected, len);
	for (uint32_t i = len; i < 40; i++)
		assert_int_equal(out[i], 0xee);
}

#define OPTIONS(o, syn, bytes) assert_options(o, syn, bytes, sizeof(bytes) - 1)

static void a_syn_is_as_linux_writes_it(void **state)
{
	const struct tcp_options o = { .mss = 1460, .has_wscale = true,
				       .wscale = 7, .sack_permitted = true,
				       .has_timestamp = true,
				       .tsval = 0x01020304, .tsecr = 0 };
	(void)state;
	OPTIONS(&o, true,
		"\2\4\5\xb4\4\2\x08\x0a\1\2\3\4\0\0\0\0\1\3\3\7");
}

static void a_syn_without_timestamp(void **state)
{
	const struct tcp_options o = { .mss = 1460, .has_wscale = true,
				       .wscale = 7, .sack_permitted = true };
	(void)state;
	OPTIONS(&o, true, "\2\4\5\xb4\1\1\4\2\1\3\3\7");
}

static void a_syn_without_sack(void **state)
{
	const struct tcp_options o = { .mss = 536, .has_timestamp = true,
				       .tsval = 1, .tsecr = 2 };
	(void)state;
	OPTIONS(&o, true, "\2\4\2\x18\1\1\x08\x0a\0\0\0\1\0\0\0\2");
}

static void a_syn_with_mss_alone(void **state)
{
	const struct tcp_options o = { .mss = 1220 };
	(void)state;
	OPTIONS(&o, true, "\2\4\4\xc4");
}

static void without_options_nothing_is_written(void **state)
{
	const struct tcp_options o = { 0 };
	(void)state;
	assert_options(&o, true, "", 0);
	assert_options(&o, false, "", 0);
}

/* MUST-65: what belongs on a SYN stays there. */
static void a_segment_has_no_options_of_a_syn(void **state)
{
	const struct tcp_options o = { .mss = 1460, .has_wscale = true,
				       .wscale = 7, .sack_permitted = true,
				       .has_timestamp = true, .tsval = 1,
				       .tsecr = 2 };
	(void)state;
	OPTIONS(&o, false, "\1\1\x08\x0a\0\0\0\1\0\0\0\2");
}

static void three_blocks_fit_beside_a_timestamp(void **state)
{
	struct tcp_options o = { .has_timestamp = true, .sack_count = 4 };
	uint8_t out[40];
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		o.sack[i] = (struct sack_block){ { i }, { i + 100 } };
	assert_int_equal(tcp_build_options(&o, false, out), 40);
	assert_int_equal(out[12], 1);
	assert_int_equal(out[13], 1);
	assert_int_equal(out[14], 5);
	assert_int_equal(out[15], 26);
	assert_int_equal(out[39], 102);
}

static void one_block_is_written(void **state)
{
	const struct tcp_options o = { .sack_count = 1,
				       .sack = { { { 1 }, { 2 } } } };
	(void)state;
	OPTIONS(&o, false, "\1\1\5\x0a\0\0\0\1\0\0\0\2");
}

static void four_blocks_fit_alone(void **state)
{
	const struct tcp_options o = { .sack_count = 4 };
	uint8_t out[40];
	(void)state;
	assert_int_equal(tcp_build_options(&o, false, out), 36);
	assert_int_equal(out[3], 34);
}

static void the_header_is_written(void **state)
{
	const struct tcp_segment segment = {
		.src_port = 0x1234, .dst_port = 0x5678, .seq = { 0x01020304 },
		.ack = { 0x05060708 }, .flags = TCP_ACK | TCP_PSH,
		.window = 0xabcd, .urgent = 0x1122,
	};
	uint8_t out[60];
	(void)state;
	memset(out, 0xee, sizeof(out));
	assert_int_equal(tcp_build(&segment, out), 20);
	assert_memory_equal(out,
			    "\x12\x34\x56\x78\1\2\3\4\5\6\7\x08\x50\x18\xab"
			    "\xcd\0\0\x11\x22\xee",
			    21);
}

static void the_header_says_its_length(void **state)
{
	struct tcp_segment segment = { .flags = TCP_SYN,
				       .options = { .mss = 9,
						    .has_timestamp = true } };
	uint8_t out[60];
	(void)state;
	assert_int_equal(tcp_build(&segment, out), 36);
	assert_int_equal(out[12], 0x90);
	assert_memory_equal(out + 20, "\2\4\0\x09", 4);
	segment.flags = TCP_ACK;
	assert_int_equal(tcp_build(&segment, out), 32);
	assert_int_equal(out[12], 0x80);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_fields_are_read),
		cmocka_unit_test(no_options_are_none),
		cmocka_unit_test(mss_is_read),
		cmocka_unit_test(wscale_is_read),
		cmocka_unit_test(wscale_above_14_is_14),
		cmocka_unit_test(sack_permitted_is_read),
		cmocka_unit_test(timestamps_are_read),
		cmocka_unit_test(the_common_timestamp_is_read_alike),
		cmocka_unit_test(up_to_four_sack_blocks_are_read),
		cmocka_unit_test(odd_sack_lengths_are_no_blocks),
		cmocka_unit_test(options_stand_at_any_byte),
		cmocka_unit_test(unknown_options_are_skipped),
		cmocka_unit_test(a_known_kind_of_another_length_is_skipped),
		cmocka_unit_test(an_illegal_length_ends_the_options_only),
		cmocka_unit_test(an_option_cut_off_is_none),
		cmocka_unit_test(the_end_of_options_ends_them),
		cmocka_unit_test(the_last_of_two_counts),
		cmocka_unit_test(any_bytes_are_survived),
		cmocka_unit_test(a_syn_is_as_linux_writes_it),
		cmocka_unit_test(a_syn_without_timestamp),
		cmocka_unit_test(a_syn_without_sack),
		cmocka_unit_test(a_syn_with_mss_alone),
		cmocka_unit_test(without_options_nothing_is_written),
		cmocka_unit_test(a_segment_has_no_options_of_a_syn),
		cmocka_unit_test(three_blocks_fit_beside_a_timestamp),
		cmocka_unit_test(one_block_is_written),
		cmocka_unit_test(four_blocks_fit_alone),
		cmocka_unit_test(the_header_is_written),
		cmocka_unit_test(the_header_says_its_length),
	};
	return cmocka_run_group_tests_name("tcpwire", tests, NULL, NULL);
}
