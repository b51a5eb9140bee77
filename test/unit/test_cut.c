/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet in fragments: what they carry put together is the packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "forge.h"

static struct forge f;
static uint8_t whole[70000];

/* Cuts the forged frame and gathers; returns how many pieces there were. */
static uint32_t cut_all(uint32_t mtu, bool more_follows, uint32_t first_offset)
{
	const struct minato_extent frame = { f.frame, f.len };
	uint32_t offset = 0, count = 0, have = 0;

	memset(whole, 0, sizeof(whole));
	do {
		uint8_t header[100], bytes[70000];
		struct minato_extent out[2];
		struct minato_frame in = { .data = bytes };
		struct packet p;
		const uint32_t next = cut_fragment(&frame, f.ip_link ? 0 : 14, mtu, offset,
						   0xabcdef01, header, out);
		memcpy(bytes, out[0].base, out[0].len);
		memcpy(bytes + out[0].len, out[1].base, out[1].len);
		in.len = (uint32_t)(out[0].len + out[1].len);
		assert_int_equal(packet_parse(&in,
					      f.ip_link ? MINATO_LINK_IP : MINATO_LINK_ETHERNET,
					      forge_mac, &p),
				 DROP_NONE);
		assert_int_equal(p.type, PACKET_FRAGMENT);
		assert_true(p.ip_len <= mtu);
		assert_int_equal(p.fragment_offset, first_offset + offset);
		assert_int_equal(p.more_fragments, next != 0 || more_follows);
		assert_int_equal(p.fragment_id, f.is6 ? 0xabcdef01 : f.id);
		assert_int_equal(p.hop_limit, f.ttl);
		assert_int_equal(p.traffic_class, f.tos);
		/* Nothing smaller than must be: one more unit would not fit. */
		if (next != 0)
			assert_true(p.ip_len + 8 > mtu);
		memcpy(whole + offset, p.payload, p.payload_len);
		have += p.payload_len;
		offset = next;
		count++;
	} while (offset != 0);
	assert_int_equal(have, f.len - f.transport_at);
	return count;
}

static void random_packets_come_together(void **state)
{
	struct dice dice = { 1 };

	(void)state;
	for (int i = 0; i < 3000; i++) {
		const bool is6 = i % 2;
		uint32_t mtu = 88 + dice_below(&dice, 1400);
		forge_udp(&f, is6, 2000 + dice_below(&dice, 9000));
		f.ip_link = i % 3 == 0;
		f.ttl = (uint8_t)(1 + dice_below(&dice, 255));
		f.tos = (uint8_t)dice_roll(&dice);
		f.id = (uint16_t)dice_roll(&dice);
		dice_fill(&dice, f.payload, f.payload_len);
		forge_frame(&f);
		assert_true(cut_all(mtu, false, 0) > 1);
		assert_memory_equal(whole, f.frame + f.transport_at, f.len - f.transport_at);
	}
}

/* RFC 791 3.1: what has the copied bit is in each, the rest in the first. */
static void options_are_copied_as_they_say(void **state)
{
	const struct minato_extent frame = { f.frame, 0 };
	struct minato_extent all = frame;
	struct minato_extent out[2];
	uint8_t header[100];
	uint32_t next;

	(void)state;
	forge_udp(&f, false, 1000);
	/* Router alert, record route, security, end. */
	memcpy(f.extra, "\x94\x04\x12\x34\x07\x07\x04\0\0\0\0\x82\x0b\1\2\3\4\5\6\7\x08\x09\0\0",
	       24);
	f.extra_len = 24;
	forge_frame(&f);
	all.len = f.len;
	next = cut_fragment(&all, 14, 576, 0, 0, header, out);
	assert_int_equal(out[0].len, 14 + 44);
	assert_memory_equal(header + 34, f.extra, 24);
	assert_int_equal(forge_sum(header + 14, 44, 0), 0xffff);
	assert_int_not_equal(next, 0);
	next = cut_fragment(&all, 14, 576, next, 0, header, out);
	assert_int_equal(out[0].len, 14 + 20 + 16);
	assert_memory_equal(header + 34, "\x94\x04\x12\x34\x82\x0b\1\2\3\4\5\6\7\x08\x09\0", 16);
	assert_int_equal(forge_sum(header + 14, 36, 0), 0xffff);
	assert_int_equal(next, 0);
}

/* A fragment that is cut again ends as it ended. */
static void fragments_are_cut_again(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		forge_udp(&f, false, 1992);
		f.fragment = (uint16_t)(185 | (more ? 0x2000 : 0));
		f.id = 99;
		forge_frame(&f);
		assert_int_equal(cut_all(1000, more, 185 * 8), 3);
		assert_memory_equal(whole, f.frame + f.transport_at, f.len - f.transport_at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_packets_come_together),
		cmocka_unit_test(options_are_copied_as_they_say),
		cmocka_unit_test(fragments_are_cut_again),
	};

	return cmocka_run_group_tests_name("cut", tests, NULL, NULL);
}
