/* SPDX-License-Identifier: BSD-2-Clause */
/* Who calls is asked whether he is there, and his call goes on when he is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "drive/intake.h"

#define ETHERNET 14u
#define PLACES 32768u
#define SECOND INT64_C(1000000000)

static struct drive_safereset *s;
static struct minato_time now;
static struct virtio_net_hdr header;
static uint8_t call[256], reply[DRIVE_ASKING_MAX], reset[256];
static struct drive_taken taken;

static int set_up(void **state)
{
	(void)state;
	now.ns = 5 * SECOND;
	return drive_safereset_new(&s);
}

static int tear_down(void **state)
{
	(void)state;
	drive_safereset_free(s);
	return 0;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i < len; i += 2)
		start += (uint32_t)at[i] << 8 | at[i + 1];
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* A segment with so many bytes of options, padded as Ethernet does; how long it is. */
static uint32_t write(uint8_t *frame, bool six, uint8_t flags, uint32_t options)
{
	const uint32_t len = ETHERNET + (six ? 40 : 20) + 20 + options;
	uint8_t *ip = frame + ETHERNET, *tcp = ip + (six ? 40 : 20);

	memset(frame, 0, sizeof(call));
	memcpy(frame, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	put16(frame + 12, six ? 0x86dd : 0x0800);
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, 20 + options);
		ip[6] = 6;
		ip[7] = 64;
		memcpy(ip + 8, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\5", 16);
		memcpy(ip + 24, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\6", 16);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 40 + options);
		ip[8] = 64;
		ip[9] = 6;
		memcpy(ip + 12, "\xcb\0\x71\5\xc6\x33\x64\1", 8);
	}
	memcpy(tcp, "\x12\x34\0\x50\xaa\xbb\xcc\xdd", 8);
	tcp[12] = (uint8_t)((20 + options) / 4 << 4);
	tcp[13] = flags;
	memset(tcp + 20, 1, options);
	return len < 60 ? 60 : len;
}

static uint32_t ask(bool six, uint32_t options)
{
	taken = (struct drive_taken){
		.header = &header, .bytes = call, .len = write(call, six, 0x02, options), .vlan = 7
	};
	return drive_safereset_ask(s, &taken, now, reply);
}

/* What a host sends that meets such an acknowledgement (RFC 9293 3.10.7.3). */
static void answer(bool six)
{
	const uint32_t at = ETHERNET + (six ? 40 : 20);

	taken.bytes = reset;
	taken.len = write(reset, six, 0x04, 0);
	memcpy(reset + at + 4, reply + at + 8, 4);
}

static bool proves(struct drive_taken *out)
{
	memset(out, 0, sizeof(*out));
	return drive_safereset_proves(s, &taken, now, out);
}

static void a_caller_is_asked_and_proves_himself(void **state)
{
	struct drive_taken out;

	(void)state;
	for (uint32_t i = 0; i < 22; i++) {
		const bool six = i & 1;
		const uint32_t options = i / 2 * 4, ip = six ? 40 : 20;
		const uint32_t end = ETHERNET + ip + 20 + options;

		header.csum_start = (uint16_t)i;
		assert_int_equal(ask(six, options), ETHERNET + ip + 20);
		assert_memory_equal(reply, "\x02\0\0\0\0\2\x02\0\0\0\0\1", 12);
		assert_memory_equal(reply + 12, call + 12, 2);
		assert_memory_equal(reply + ETHERNET + ip, call + ETHERNET + ip + 2, 2);
		assert_memory_equal(reply + ETHERNET + ip + 2, call + ETHERNET + ip, 2);
		assert_int_equal(reply[ETHERNET + ip + 13], 0x10);
		assert_int_not_equal(get32(reply + ETHERNET + ip + 8), 0xaabbccde);
		if (!six)
			assert_int_equal(sum(reply + ETHERNET, 20, 0), 0xffff);
		assert_int_equal(sum(reply + ETHERNET + (six ? 8 : 12), (six ? 32 : 8) + 20,
				     6 + 20),
				 0xffff);
		assert_true(drive_safereset_waits(s, now));
		answer(six);
		now.ns += SECOND / 10;
		assert_true(proves(&out));
		/* All of it but what it was padded with. */
		assert_int_equal(out.len, end);
		assert_int_equal(out.vlan, 7);
		assert_int_equal(out.where, DRIVE_TAKEN_HERE);
		assert_memory_equal(out.bytes, call, end);
		assert_memory_equal(out.header, &header, sizeof(header));
		/* Until it is taken; then no more. */
		assert_true(proves(&out));
		drive_safereset_took(&out);
		assert_false(proves(&out));
	}
}

static void nobody_else_does(void **state)
{
	const uint32_t tcp = ETHERNET + 20;
	static const uint32_t of_the_ends[] = { 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37 };
	struct drive_taken out;

	(void)state;
	assert_int_equal(ask(false, 20), 54);
	answer(false);
	for (uint32_t i = 0; i < sizeof(of_the_ends) / sizeof(of_the_ends[0]); i++) {
		reset[of_the_ends[i]] ^= 1;
		assert_false(proves(&out));
		reset[of_the_ends[i]] ^= 1;
	}
	for (uint32_t bit = 0; bit < 32; bit++) {
		reset[tcp + 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(proves(&out));
		reset[tcp + 4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	taken.vlan = 8;
	assert_false(proves(&out));
	taken.vlan = 7;
	reset[tcp + 13] = 0x10;
	assert_false(proves(&out));
	reset[tcp + 13] = 0x06;
	assert_false(proves(&out));
	reset[tcp + 13] = 0x14;
	assert_true(proves(&out));
}

static void not_too_late(void **state)
{
	struct drive_taken out;

	(void)state;
	assert_false(drive_safereset_waits(s, now));
	(void)ask(true, 0);
	answer(true);
	now.ns += 3 * SECOND + 1;
	assert_false(proves(&out));
	assert_false(drive_safereset_waits(s, now));
	now.ns -= 1;
	assert_true(proves(&out));
}

/* The oldest give way, and no other. */
static void as_many_as_have_a_place(void **state)
{
	struct drive_taken out;
	uint8_t first[DRIVE_ASKING_MAX];

	(void)state;
	(void)ask(false, 0);
	memcpy(first, reply, sizeof(first));
	for (uint32_t i = 1; i < PLACES; i++) {
		assert_true(drive_safereset_has_room(s, true, now));
		/* The last quarter is for those who are near. */
		assert_int_equal(drive_safereset_has_room(s, false, now), i < PLACES * 3 / 4);
		(void)ask(false, 0);
	}
	/* For a while nobody is asked for whom another would have to go. */
	assert_false(drive_safereset_has_room(s, true, now));
	assert_false(drive_safereset_has_room(s, false, now));
	now.ns += SECOND / 5;
	assert_true(drive_safereset_has_room(s, true, now));
	assert_true(drive_safereset_has_room(s, false, now));
	memcpy(reply, first, sizeof(first));
	answer(false);
	assert_true(proves(&out));
	(void)ask(false, 0);
	memcpy(first, reply, sizeof(first));
	for (uint32_t i = 0; i < PLACES; i++)
		(void)ask(false, 0);
	memcpy(reply, first, sizeof(first));
	answer(false);
	assert_false(proves(&out));
}

/* Nobody can say which comes next: of 17 bits each is in half of them. */
static void by_a_number_that_cannot_be_foreseen(void **state)
{
	uint32_t ones[32] = { 0 }, last = 0, same = 0;

	(void)state;
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t number;

		(void)ask(false, 0);
		number = get32(reply + ETHERNET + 28);
		same += number >> 15 == last >> 15;
		last = number;
		for (uint32_t bit = 0; bit < 32; bit++)
			ones[bit] += number >> bit & 1;
	}
	assert_true(same < 5);
	for (uint32_t bit = 15; bit < 32; bit++)
		assert_true(ones[bit] > 1800 && ones[bit] < 2200);
}

static void only_calls_are_kept(void **state)
{
	static const uint8_t flags[] = { 0x00, 0x01, 0x03, 0x04, 0x06, 0x10, 0x12, 0x14 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(flags); i++) {
		(void)ask(false, 0);
		(void)write(call, false, flags[i], 0);
		assert_int_equal(drive_safereset_ask(s, &taken, now, reply), 0);
	}
	(void)write(call, false, 0xc2, 0);
	assert_int_equal(drive_safereset_ask(s, &taken, now, reply), 54);
	/* With payload, options of IP, a fragment, another protocol, none that is IP; cut. */
	for (uint32_t i = 0; i < 7; i++) {
		static const uint32_t where[] = { 17, 14, 20, 21, 23, 12, 46 };

		(void)ask(false, 0);
		call[where[i]] ^= where[i] == 17 ? 4 : 0x11;
		assert_int_equal(drive_safereset_ask(s, &taken, now, reply), 0);
	}
	for (uint32_t len = 0; len < 54; len++) {
		(void)ask(false, 0);
		taken.len = len;
		assert_int_equal(drive_safereset_ask(s, &taken, now, reply), 0);
	}
	assert_int_equal(drive_safereset_ask(s,
					     &(struct drive_taken){
						     .header = &header, .bytes = call, .len = 54 },
					     now, reply),
			 54);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		CASE(a_caller_is_asked_and_proves_himself),
		CASE(nobody_else_does),
		CASE(not_too_late),
		CASE(as_many_as_have_a_place),
		CASE(by_a_number_that_cannot_be_foreseen),
		CASE(only_calls_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
