/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors: their bytes, and when none may be sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "forge.h"

static struct forge f;
static uint8_t out[1281];

static int done(void **state)
{
	(void)state;
	free(f.exact);
	f.exact = NULL;
	return 0;
}

static const struct packet *parsed(void)
{
	assert_int_equal(forge_parse(&f), DROP_NONE);
	return &f.packet;
}

static uint32_t build(uint8_t type, uint8_t code, uint32_t word)
{
	const struct packet *about = parsed();
	memset(out, 0xee, sizeof(out));
	return icmp_build_error(about, type, code, word, &about->dst, out);
}

static void assert_may(bool expected)
{
	assert_int_equal(icmp_may_answer(parsed()), expected);
}

/* --- what it looks like --------------------------------------------------- */

static void a_short_packet_is_quoted_whole(void **state)
{
	(void)state;
	forge_udp(&f, false, 20);
	assert_int_equal(build(ICMP4_UNREACHABLE, 3, 0), 8 + 48);
	assert_memory_equal(out, "\3\3", 2);
	assert_memory_equal(out + 4, "\0\0\0\0", 4);
	assert_memory_equal(out + 8, f.frame + f.ip_at, 48);
	assert_int_equal(forge_sum(out, 56, 0), 0xffff);
	assert_int_equal(out[56], 0xee);
}

static void the_word_is_written(void **state)
{
	(void)state;
	forge_udp(&f, true, 20);
	build(ICMP6_TOO_BIG, 0, 0x010205dc);
	assert_memory_equal(out + 4, "\1\2\5\xdc", 4);
}

/* RFC 1812 4.3.2.3 */
static void an_ipv4_error_has_576_bytes(void **state)
{
	(void)state;
	forge_udp(&f, false, 3000);
	assert_int_equal(build(ICMP4_UNREACHABLE, 4, 1500), 556);
	assert_memory_equal(out + 8, f.frame + f.ip_at, 548);
	assert_int_equal(out[556], 0xee);
	assert_int_equal(forge_sum(out, 556, 0), 0xffff);
}

/* RFC 4443 2.4 (c) */
static void an_ipv6_error_has_1280_bytes(void **state)
{
	uint32_t sum;
	(void)state;
	forge_udp(&f, true, 3000);
	assert_int_equal(build(ICMP6_UNREACHABLE, 4, 0), 1240);
	assert_memory_equal(out + 8, f.frame + f.ip_at, 1232);
	assert_int_equal(out[1240], 0xee);
	sum = forge_sum(f.src, 16, 0);
	sum = forge_sum(f.dst, 16, sum) + 58 + 1240;
	assert_int_equal(forge_sum(out, 1240, sum), 0xffff);
}

static void padding_is_not_quoted(void **state)
{
	(void)state;
	forge_udp(&f, false, 1);
	f.padding = 17;
	assert_int_equal(build(ICMP4_UNREACHABLE, 3, 0), 8 + 29);
}

static void the_other_side_reads_it(void **state)
{
	struct packet inner;
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_tcp(&f, is6, NULL, 0, 50);
		uint32_t len = build(is6 ? 1 : 3, is6 ? 4 : 3, 0);
		struct forge back;
		memset(&back, 0, sizeof(back));
		forge_icmp(&back, is6, 0, 0, 0, len - 8);
		memcpy(back.header, out, 8);
		memcpy(back.payload, out + 8, len - 8);
		memcpy(back.src, f.dst, 16);
		memcpy(back.dst, f.src, 16);
		back.no_checksum = true; /* as it was built */
		assert_int_equal(forge_parse(&back), DROP_NONE);
		assert_true(packet_parse_embedded(&back.packet, &inner));
		assert_int_equal(inner.src_port, 1234);
		assert_int_equal(inner.tcp.seq.v, 0x01020304);
		free(back.exact);
	}
}

/* --- when ----------------------------------------------------------------- */

static void ordinary_packets_may_be_answered(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&f, is6, 1);
		assert_may(true);
		forge_tcp(&f, is6, NULL, 0, 1);
		assert_may(true);
		forge_start(&f, is6, 132);
		assert_may(true);
		f.ip_link = true;
		assert_may(true);
	}
}

static void icmp4_errors_are_not(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		bool question = type == 0 || (type >= 8 && type <= 10) ||
				(type >= 13 && type <= 18);
		forge_icmp(&f, false, (uint8_t)type, 0, 0, 28);
		assert_may(question);
	}
}

static void icmp6_errors_and_redirects_are_not(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		forge_icmp(&f, true, (uint8_t)type, 0, 0, 48);
		assert_may(type >= 128 && type != 137);
	}
}

static void later_fragments_are_not(void **state)
{
	(void)state;
	forge_udp(&f, false, 8);
	f.fragment = 0x2000;
	assert_may(true);
	f.fragment = 0x2001;
	assert_may(false);
}

static void first_fragments_of_errors_are_not(void **state)
{
	(void)state;
	forge_icmp(&f, false, ICMP4_UNREACHABLE, 0, 0, 8);
	f.fragment = 0x2000;
	assert_may(false);
	forge_icmp(&f, false, ICMP4_ECHO, 0, 0, 8);
	f.fragment = 0x2000;
	assert_may(true);
}

static void what_went_to_many_is_not(void **state)
{
	(void)state;
	forge_udp(&f, false, 1);
	memcpy(f.dst, "\xe0\0\0\xfb", 4);
	assert_may(false);
	memcpy(f.dst, "\xff\xff\xff\xff", 4);
	assert_may(false);
	forge_udp(&f, true, 1);
	f.dst[0] = 0xff;
	assert_may(false);
	forge_udp(&f, false, 1);
	memset(f.dst_mac, 0xff, 6); /* the frame, not the packet */
	assert_may(false);
}

static void what_came_from_nobody_is_not(void **state)
{
	(void)state;
	forge_udp(&f, false, 1);
	memset(f.src, 0, 4);
	assert_may(false);
	memcpy(f.src, "\xf0\0\0\1", 4); /* class E */
	assert_may(false);
	forge_udp(&f, true, 1);
	memset(f.src, 0, 16);
	assert_may(false);
}

static void arp_is_not(void **state)
{
	const struct packet arp = { .type = PACKET_ARP, .to_us_mac = true };
	(void)state;
	assert_false(icmp_may_answer(&arp));
}

#define T(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_short_packet_is_quoted_whole),
		T(the_word_is_written),
		T(an_ipv4_error_has_576_bytes),
		T(an_ipv6_error_has_1280_bytes),
		T(padding_is_not_quoted),
		T(the_other_side_reads_it),
		T(ordinary_packets_may_be_answered),
		T(icmp4_errors_are_not),
		T(icmp6_errors_and_redirects_are_not),
		T(later_fragments_are_not),
		T(first_fragments_of_errors_are_not),
		T(what_went_to_many_is_not),
		T(what_came_from_nobody_is_not),
		T(arp_is_not),
	};
	return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
