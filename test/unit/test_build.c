/* SPDX-License-Identifier: BSD-2-Clause */
/* Headers of what we send, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catch.h"
#include "forge.h"

static struct minato_addr addr(const char *text)
{
	struct minato_addr a;
	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static struct ip_build four(void)
{
	return (struct ip_build){ .src = addr("192.0.2.1"),
				  .dst = addr("198.51.100.7"),
				  .proto = 6,
				  .hop_limit = 64,
				  .traffic_class = 0x28,
				  .id = 0xabcd,
				  .payload_len = 100 };
}

static struct ip_build six(void)
{
	return (struct ip_build){ .is6 = true,
				  .src = addr("2001:db8::1"),
				  .dst = addr("fd00::2"),
				  .proto = 17,
				  .hop_limit = 255,
				  .traffic_class = 0x28,
				  .flow_label = 0xabcde,
				  .payload_len = 300 };
}

static void an_ipv4_header_is_written(void **state)
{
	static const uint8_t expected[20] = {
		0x45, 0x28, 0, 120, 0xab, 0xcd, 0, 0, 64, 6, 0, 0,
		192, 0, 2, 1, 198, 51, 100, 7,
	};
	struct ip_build h = four();
	uint8_t out[21] = { [20] = 0xee };
	(void)state;
	assert_int_equal(ip_build(&h, out), 20);
	assert_int_equal(forge_sum(out, 20, 0), 0xffff);
	out[10] = out[11] = 0;
	assert_memory_equal(out, expected, 20);
	assert_int_equal(out[20], 0xee);
}

static void dont_fragment_is_written(void **state)
{
	struct ip_build h = four();
	uint8_t out[20];
	(void)state;
	h.dont_fragment = true;
	ip_build(&h, out);
	assert_int_equal(out[6], 0x40);
	assert_int_equal(forge_sum(out, 20, 0), 0xffff);
}

static void an_ipv6_header_is_written(void **state)
{
	static const uint8_t expected[40] = {
		0x62, 0x8a, 0xbc, 0xde, 1, 44, 17, 255,
		0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	};
	struct ip_build h = six();
	uint8_t out[41] = { [40] = 0xee };
	(void)state;
	assert_int_equal(ip_build(&h, out), 40);
	assert_memory_equal(out, expected, 40);
	assert_int_equal(out[40], 0xee);
}

static void a_flow_label_has_twenty_bits(void **state)
{
	struct ip_build h = six();
	uint8_t out[40];
	(void)state;
	h.flow_label = 0xfff00001;
	h.traffic_class = 0;
	ip_build(&h, out);
	assert_memory_equal(out, "\x60\x00\x00\x01", 4);
}

static void the_longest_packets_can_be_written(void **state)
{
	struct ip_build h = four();
	uint8_t out[40];
	(void)state;
	h.payload_len = 65515;
	ip_build(&h, out);
	assert_int_equal(out[2] << 8 | out[3], 65535);
	h = six();
	h.payload_len = 65535;
	ip_build(&h, out);
	assert_int_equal(out[4] << 8 | out[5], 65535);
}

static void longer_packets_are_caught(void **state)
{
	struct ip_build h = four();
	uint8_t out[40];
	(void)state;
	h.payload_len = 65516;
	assert_check_fails(ip_build(&h, out));
	h = six();
	h.payload_len = 65536;
	assert_check_fails(ip_build(&h, out));
}

static void an_ethernet_header_is_written(void **state)
{
	static const uint8_t dst_mac[6] = "dstmac", src_mac[6] = "srcmac";
	uint8_t out[15] = { [14] = 0xee };
	(void)state;
	ethernet_build(out, dst_mac, src_mac, false);
	assert_memory_equal(out, "dstmacsrcmac" "\x08\x00\xee", 15);
	ethernet_build(out, dst_mac, src_mac, true);
	assert_memory_equal(out, "dstmacsrcmac" "\x86\xdd\xee", 15);
	ethernet_build_type(out, dst_mac, src_mac,
			    ETHERTYPE_ARP);
	assert_memory_equal(out, "dstmacsrcmac" "\x08\x06\xee", 15);
}

static void a_udp_header_is_written(void **state)
{
	uint8_t out[9] = { [6] = 1, [7] = 1, [8] = 0xee };
	(void)state;
	udp_build(out, 0x1234, 53, 0x0102);
	assert_memory_equal(out, "\x12\x34\x00\x35\x01\x02\x00\x00\xee", 9);
}

static void impossible_udp_lengths_are_caught(void **state)
{
	uint8_t out[8];
	(void)state;
	assert_check_fails(udp_build(out, 1, 2, 7));
	assert_check_fails(udp_build(out, 1, 2, 65536));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_header_is_written),
		cmocka_unit_test(dont_fragment_is_written),
		cmocka_unit_test(an_ipv6_header_is_written),
		cmocka_unit_test(a_flow_label_has_twenty_bits),
		cmocka_unit_test(the_longest_packets_can_be_written),
		cmocka_unit_test(longer_packets_are_caught),
		cmocka_unit_test(an_ethernet_header_is_written),
		cmocka_unit_test(a_udp_header_is_written),
		cmocka_unit_test(impossible_udp_lengths_are_caught),
	};
	return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
