/* SPDX-License-Identifier: BSD-2-Clause */
/* The packet inside an ICMP error: what of it is read, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "forge.h"

static struct forge outer, inner;
static struct packet found;

/* An error about `inner`, of which `len` bytes are quoted. */
static bool embedded(uint32_t len)
{
	const bool is6 = inner.is6;

	inner.ip_link = true;
	forge_frame(&inner);
	forge_icmp(&outer, is6, is6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE, 3,
		   0, len);
	memcpy(outer.payload, inner.frame, len);
	assert_int_equal(forge_parse(&outer), DROP_NONE);
	memset(&found, 0xa5, sizeof(found));
	return packet_parse_embedded(&outer.packet, &found);
}

static int done(void **state)
{
	(void)state;
	free(outer.exact);
	outer.exact = NULL;
	return 0;
}

static void eight_bytes_of_a_segment_are_enough(void **state)
{
	(void)state;
	forge_tcp(&inner, false, NULL, 0, 100);
	assert_true(embedded(28));
	assert_int_equal(found.type, PACKET_TCP);
	assert_false(found.is6);
	assert_memory_equal(found.src.bytes + 12, inner.src, 4);
	assert_memory_equal(found.dst.bytes + 12, inner.dst, 4);
	assert_true(minato_addr_is4(&found.src));
	assert_int_equal(found.ip_proto, IP_PROTO_TCP);
	assert_int_equal(found.src_port, 1234);
	assert_int_equal(found.dst_port, 80);
	assert_int_equal(found.tcp.seq.v, 0x01020304);
	assert_int_equal(found.ip_len, 140);
}

static void seven_are_not(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 28; len++) {
		forge_tcp(&inner, false, NULL, 0, 0);
		assert_false(embedded(len));
	}
	for (uint32_t len = 0; len < 48; len++) {
		forge_udp(&inner, true, 0);
		assert_false(embedded(len));
	}
}

static void datagrams_are_read(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&inner, is6, 10);
		assert_true(embedded(is6 ? 48 : 28));
		assert_int_equal(found.type, PACKET_UDP);
		assert_int_equal(found.is6, is6);
		assert_int_equal(found.src_port, 5353);
		assert_int_equal(found.dst_port, 53);
	}
}

static void echoes_are_read(void **state)
{
	(void)state;
	forge_icmp(&inner, false, ICMP4_ECHO, 0, 0xbeef0001, 0);
	assert_true(embedded(28));
	assert_int_equal(found.type, PACKET_ICMP4);
	assert_int_equal(found.src_port, 0xbeef);
	assert_int_equal(found.icmp_type, ICMP4_ECHO);
	forge_icmp(&inner, true, ICMP6_ECHO, 0, 0xbeef0001, 0);
	assert_true(embedded(48));
	assert_int_equal(found.type, PACKET_ICMP6);
	assert_int_equal(found.dst_port, 0xbeef);
	assert_int_equal(found.icmp_type, ICMP6_ECHO);
	assert_int_equal(found.icmp_code, 0);
	forge_icmp(&inner, true, ICMP6_ECHO_REPLY, 7, 0xbeef0001, 0);
	assert_true(embedded(48));
	assert_int_equal(found.icmp_code, 7);
}

static void an_error_about_an_error_is_refused(void **state)
{
	(void)state;
	forge_icmp(&inner, false, ICMP4_UNREACHABLE, 0, 0, 28);
	assert_false(embedded(28));
	forge_icmp(&inner, true, ICMP6_TOO_BIG, 0, 0, 28);
	assert_false(embedded(48));
}

static void other_protocols_are_refused(void **state)
{
	(void)state;
	forge_start(&inner, false, 132);
	inner.header_len = 12;
	assert_false(embedded(32));
	forge_icmp(&inner, false, ICMP6_ECHO, 0, 1, 0);
	inner.next = IP_PROTO_ICMP6;
	assert_false(embedded(28));
}

static void the_rest_of_the_header_is_read(void **state)
{
	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		forge_udp(&inner, is6, 700);
		inner.tos = 0xab;
		inner.ttl = 17;
		assert_true(embedded(100));
		assert_int_equal(found.traffic_class, 0xab);
		assert_int_equal(found.hop_limit, 17);
		assert_int_equal(found.ip_len, (is6 ? 40 : 20) + 708);
		assert_memory_equal(found.src.bytes + (is6 ? 0 : 12), inner.src,
				    is6 ? 16 : 4);
		assert_memory_equal(found.dst.bytes + (is6 ? 0 : 12), inner.dst,
				    is6 ? 16 : 4);
	}
}

static void a_short_header_length_is_refused(void **state)
{
	(void)state;
	for (uint8_t words = 0; words < 5; words++) {
		forge_udp(&inner, false, 30);
		inner.first = 0x40 | words;
		assert_false(embedded(58));
	}
}

static void ip_options_are_stepped_over(void **state)
{
	(void)state;
	forge_udp(&inner, false, 0);
	memset(inner.extra, 1, 40);
	inner.extra_len = 40;
	assert_true(embedded(68));
	assert_int_equal(found.dst_port, 53);
	assert_false(embedded(67));
}

static void extension_headers_are_stepped_over(void **state)
{
	(void)state;
	forge_udp(&inner, true, 0);
	inner.next = 60;
	memcpy(inner.extra, "\x11\0\1\4\0\0\0\0", 8);
	inner.extra_len = 8;
	assert_true(embedded(56));
	assert_int_equal(found.dst_port, 53);
	assert_int_equal(found.ip_proto, IP_PROTO_UDP);
}

static void later_fragments_are_refused(void **state)
{
	(void)state;
	forge_udp(&inner, false, 8);
	inner.fragment = 0x2000;
	assert_true(embedded(28));
	inner.fragment = 0x2001;
	assert_false(embedded(28));
	forge_udp(&inner, true, 8);
	inner.next = 44;
	memcpy(inner.extra, "\x11\0\0\1\0\0\0\0", 8);
	inner.extra_len = 8;
	assert_true(embedded(56));
	inner.extra[3] = 9;
	assert_false(embedded(56));
}

static void the_family_must_be_the_errors(void **state)
{
	(void)state;
	forge_udp(&inner, false, 0);
	inner.first = 0x65;
	assert_false(embedded(28));
	forge_udp(&inner, true, 0);
	inner.first = 0x40;
	assert_false(embedded(48));
}

static void mapped_addresses_are_refused(void **state)
{
	const struct minato_addr mapped = minato_addr4(10, 0, 0, 1);
	(void)state;
	forge_udp(&inner, true, 0);
	memcpy(inner.src, mapped.bytes, 16);
	assert_false(embedded(48));
	forge_udp(&inner, true, 0);
	memcpy(inner.dst, mapped.bytes, 16);
	assert_false(embedded(48));
}

/* Routers have changed it, and it may be cut off. */
static void checksums_inside_are_not_read(void **state)
{
	(void)state;
	forge_tcp(&inner, false, NULL, 0, 5);
	inner.wrong_ip_checksum = inner.wrong_checksum = true;
	inner.ip_len_more = 1000;
	assert_true(embedded(45));
}

static void any_bytes_are_survived(void **state)
{
	struct dice dice = { 12 };
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint32_t len = dice_below(&dice, 120);
		bool is6 = round % 2;
		forge_icmp(&outer, is6, is6 ? 1 : 3, 0, 0, len);
		dice_fill(&dice, outer.payload, len);
		outer.payload[0] = is6 ? 0x60 : (uint8_t)(0x40 | (round & 15));
		outer.trusted = true;
		assert_int_equal(forge_parse(&outer), DROP_NONE);
		if (packet_parse_embedded(&outer.packet, &found))
			assert_true(found.payload_len >= 8);
	}
}

#define T(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(eight_bytes_of_a_segment_are_enough),
		T(seven_are_not),
		T(datagrams_are_read),
		T(echoes_are_read),
		T(an_error_about_an_error_is_refused),
		T(other_protocols_are_refused),
		T(the_rest_of_the_header_is_read),
		T(a_short_header_length_is_refused),
		T(ip_options_are_stepped_over),
		T(extension_headers_are_stepped_over),
		T(later_fragments_are_refused),
		T(the_family_must_be_the_errors),
		T(mapped_addresses_are_refused),
		T(checksums_inside_are_not_read),
		T(any_bytes_are_survived),
	};
	return cmocka_run_group_tests_name("embedded", tests, NULL, NULL);
}
