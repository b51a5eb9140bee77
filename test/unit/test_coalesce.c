/* SPDX-License-Identifier: BSD-2-Clause */
/* Which datagrams become one frame. That a kernel cuts it again is in test_ethlink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "drive/drive.h"

struct sample {
	uint8_t bytes[2000];
	struct minato_extent extent;
	struct minato_frame_out frame;
};

static struct sample a, b;
static struct drive_run run;

static void make(struct sample *s, bool is6, uint32_t payload)
{
	uint32_t header = is6 ? 62 : 42;

	memset(s, 0, sizeof(*s));
	s->bytes[12] = is6 ? 0x86 : 0x08;
	s->bytes[13] = is6 ? 0xdd : 0x00;
	s->bytes[14] = is6 ? 0x60 : 0x45;
	if (!is6)
		s->bytes[20] = 0x40;
	s->bytes[is6 ? 20 : 23] = 17;
	s->bytes[header - 7] = 9;
	s->extent = (struct minato_extent){ s->bytes, header + payload };
	s->frame = (struct minato_frame_out){
		.extents = &s->extent,
		.extent_count = 1,
		.len = header + payload,
		.header_len = (uint16_t)header,
		.csum_start = (uint16_t)(header - 8),
		.csum_offset = 6,
	};
}

static void make_both(bool is6, uint32_t first, uint32_t second)
{
	make(&a, is6, first);
	make(&b, is6, second);
}

static bool joins(void)
{
	return drive_run_begin(&run, &a.frame) && drive_run_take(&run, &b.frame);
}

static void equal_ones_are_taken(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		make_both(is6, 64, 64);
		assert_true(joins());
		assert_int_equal(run.count, 2);
		assert_int_equal(run.each, 64);
		assert_int_equal(run.len, a.frame.header_len + 128);
		assert_true(drive_run_take(&run, &b.frame));
	}
}

static void only_the_last_may_be_shorter(void **state)
{
	(void)state;
	make_both(false, 64, 63);
	assert_true(joins());
	assert_int_equal(run.each, 64);
	assert_false(drive_run_take(&run, &b.frame));
	make_both(false, 63, 64);
	assert_false(joins());
	make_both(false, 64, 0);
	assert_false(joins());
}

/* Any byte that tells flows or hosts apart, or that is not put right by the run's header. */
static void any_difference_parts_them(void **state)
{
	static const uint8_t may4[] = { 16, 17, 18, 19, 24, 25, 38, 39, 40, 41 };
	static const uint8_t may6[] = { 18, 19, 58, 59, 60, 61 };

	(void)state;
	for (uint32_t is6 = 0; is6 < 2; is6++) {
		const uint8_t *may = is6 ? may6 : may4;
		size_t count = is6 ? sizeof(may6) : sizeof(may4);

		for (uint8_t at = 0; at < (is6 ? 62 : 42); at++) {
			make_both(is6, 64, 64);
			b.bytes[at] ^= 1;
			assert_int_equal(joins(), memchr(may, at, count) != NULL);
		}
	}
}

static void identifications_count_up_where_they_mean_something(void **state)
{
	(void)state;
	make_both(false, 64, 64);
	a.bytes[20] = b.bytes[20] = 0; /* may be fragmented */
	a.bytes[18] = b.bytes[18] = 1;
	a.bytes[19] = 0xff;
	b.bytes[18] = 2;
	assert_true(joins());
	assert_false(drive_run_take(&run, &b.frame));
	b.bytes[19] = 1;
	assert_true(drive_run_take(&run, &b.frame));
}

static void only_plain_datagrams_begin(void **state)
{
	(void)state;
	make(&a, false, 64);
	assert_true(drive_run_begin(&run, &a.frame));
	a.bytes[23] = 6;
	assert_false(drive_run_begin(&run, &a.frame));
	make(&a, false, 64);
	a.bytes[20] = 0x20; /* a fragment */
	assert_false(drive_run_begin(&run, &a.frame));
	make(&a, false, 64);
	a.bytes[14] = 0x46;
	assert_false(drive_run_begin(&run, &a.frame));
	make(&a, false, 64);
	a.frame.gso = MINATO_GSO_UDP;
	assert_false(drive_run_begin(&run, &a.frame));
	make(&a, false, 64);
	a.frame.csum_start = 0; /* filled in by its sender, whose word it is */
	assert_false(drive_run_begin(&run, &a.frame));
	assert_int_equal(run.count, 0);
	make(&a, false, 64);
	a.extent.len = 30; /* headers in pieces */
	assert_false(drive_run_begin(&run, &a.frame));
	make_both(false, 64, 64);
	b.frame.link = 1;
	assert_false(joins());
	make(&a, false, 64);
	make(&b, true, 64);
	assert_false(joins());
}

static void a_run_ends_before_it_is_too_long(void **state)
{
	(void)state;
	make_both(false, 1472, 1472);
	assert_true(joins());
	while (drive_run_take(&run, &b.frame))
		;
	assert_int_equal(run.count, 44);
	assert_true(run.len < 65535);
	make_both(false, 10, 10);
	assert_true(joins());
	while (drive_run_take(&run, &b.frame))
		;
	assert_int_equal(run.count, DRIVE_RUN_MAX);
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i < len; i += 2)
		start += (uint32_t)at[i] << 8 | at[i + 1];
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

static void the_header_is_that_of_the_whole(void **state)
{
	uint8_t header[DRIVE_RUN_HEADER];

	(void)state;
	make_both(false, 64, 50);
	memcpy(a.bytes + 26, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	memcpy(b.bytes + 26, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
	assert_true(joins());
	drive_run_header(&run, header);
	assert_int_equal(header[17], 28 + 114);
	assert_int_equal(sum(header + 14, 20, 0), 0xffff);
	assert_int_equal(header[39], 8 + 114);
	assert_int_equal(header[40] << 8 | header[41], sum(header + 26, 8, 17 + 8 + 114));
	make_both(true, 64, 50);
	a.bytes[30] = b.bytes[30] = 0xfd;
	assert_true(joins());
	drive_run_header(&run, header);
	assert_int_equal(header[19], 8 + 114);
	assert_int_equal(header[59], 8 + 114);
	assert_int_equal(header[60] << 8 | header[61], 0xfd00 + 17 + 8 + 114);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_ones_are_taken),
		cmocka_unit_test(only_the_last_may_be_shorter),
		cmocka_unit_test(any_difference_parts_them),
		cmocka_unit_test(identifications_count_up_where_they_mean_something),
		cmocka_unit_test(only_plain_datagrams_begin),
		cmocka_unit_test(a_run_ends_before_it_is_too_long),
		cmocka_unit_test(the_header_is_that_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
