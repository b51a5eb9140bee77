/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery: every rule of RFC 4861 6.1.1, 7.1.1 and 7.1.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catch.h"
#include "dice.h"
#include "forge.h"

static struct forge f;
static struct nd n;

static int done(void **state)
{
	(void)state;
	free(f.exact);
	f.exact = NULL;
	return 0;
}

/* A message of a type about fd00::2, with options behind it. */
static void message(uint8_t type, uint8_t flags, const void *options,
		    uint32_t len)
{
	const bool router = type == ICMP6_ROUTER_SOLICITATION;
	const uint32_t target_len = router ? 0 : 16;

	forge_icmp(&f, true, type, 0, (uint32_t)flags << 24, target_len + len);
	memset(f.payload, 0, 16);
	f.payload[0] = 0xfd;
	f.payload[15] = 2;
	if (len > 0)
		memcpy(f.payload + target_len, options, len);
	f.ttl = 255;
}

static bool read(void)
{
	memset(&n, 0xa5, sizeof(n));
	assert_int_equal(forge_parse(&f), DROP_NONE);
	return nd_parse(&f.packet, &n);
}

#define LINK "\2\0\0\0\0\7"
#define SOURCE "\1\1" LINK
#define TARGET "\2\1" LINK

static void solicit(void)
{
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, SOURCE, 8);
}

static void advertise(void)
{
	message(ICMP6_NEIGHBOUR_ADVERTISEMENT, 0xe0, TARGET, 8);
}

static void ask_for_routers(void)
{
	message(ICMP6_ROUTER_SOLICITATION, 0, SOURCE, 8);
}

static void a_solicitation_is_read(void **state)
{
	(void)state;
	solicit();
	assert_true(read());
	assert_int_equal(n.type, ICMP6_NEIGHBOUR_SOLICITATION);
	assert_int_equal(n.target.bytes[0], 0xfd);
	assert_int_equal(n.target.bytes[15], 2);
	assert_memory_equal(n.link_addr, LINK, 6);
	assert_false(n.router || n.solicited || n.override);
}

static void an_advertisement_is_read(void **state)
{
	(void)state;
	advertise();
	assert_true(read());
	assert_int_equal(n.type, ICMP6_NEIGHBOUR_ADVERTISEMENT);
	assert_memory_equal(n.link_addr, LINK, 6);
	assert_true(n.router && n.solicited && n.override);
	message(ICMP6_NEIGHBOUR_ADVERTISEMENT, 0x80, NULL, 0);
	assert_true(read());
	assert_null(n.link_addr);
	assert_true(n.router);
	assert_false(n.solicited || n.override);
	message(ICMP6_NEIGHBOUR_ADVERTISEMENT, 0x20, NULL, 0);
	assert_true(read());
	assert_true(n.override);
	assert_false(n.solicited || n.router);
}

static void a_router_solicitation_is_read(void **state)
{
	(void)state;
	ask_for_routers();
	assert_true(read());
	assert_int_equal(n.type, ICMP6_ROUTER_SOLICITATION);
	assert_memory_equal(n.link_addr, LINK, 6);
	message(ICMP6_ROUTER_SOLICITATION, 0, NULL, 0);
	assert_true(read());
	assert_null(n.link_addr);
}

static void only_hop_limit_255_is_of_this_link(void **state)
{
	(void)state;
	for (int ttl = 0; ttl < 256; ttl++) {
		solicit();
		f.ttl = (uint8_t)ttl;
		assert_int_equal(read(), ttl == 255);
	}
	ask_for_routers();
	f.ttl = 254;
	assert_false(read());
}

static void another_code_is_refused(void **state)
{
	(void)state;
	solicit();
	f.header[1] = 1;
	assert_false(read());
	advertise();
	f.header[1] = 1;
	assert_false(read());
	ask_for_routers();
	f.header[1] = 1;
	assert_false(read());
}

static void other_types_are_refused(void **state)
{
	(void)state;
	for (int type = 0; type < 256; type++) {
		if (type == 133 || type == 135 || type == 136)
			continue;
		solicit();
		f.header[0] = (uint8_t)type;
		assert_false(read());
	}
}

static void a_short_message_is_refused(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 16; len++) {
		solicit();
		f.payload_len = len;
		assert_false(read());
		advertise();
		f.payload_len = len;
		assert_false(read());
	}
}

static void a_multicast_target_is_refused(void **state)
{
	(void)state;
	solicit();
	f.payload[0] = 0xff;
	assert_false(read());
	advertise();
	f.payload[0] = 0xff;
	assert_false(read());
}

static void a_mapped_target_is_refused(void **state)
{
	const struct minato_addr mapped = minato_addr4(10, 0, 2, 2);
	(void)state;
	solicit();
	memcpy(f.payload, mapped.bytes, 16);
	assert_false(read());
}

static void an_option_without_length_is_refused(void **state)
{
	(void)state;
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, "\1\0" LINK, 8);
	assert_false(read());
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, SOURCE "\xff\0xxxxxx", 16);
	assert_false(read());
}

static void an_option_cut_off_is_refused(void **state)
{
	(void)state;
	for (uint32_t len = 1; len < 8; len++) {
		message(ICMP6_NEIGHBOUR_SOLICITATION, 0, SOURCE, len);
		assert_false(read());
	}
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, "\1\2" LINK, 8);
	assert_false(read());
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, "\1\xff" LINK, 8);
	assert_false(read());
	message(ICMP6_ROUTER_SOLICITATION, 0, "\1\2" LINK, 8);
	assert_false(read());
}

static void other_options_are_stepped_over(void **state)
{
	(void)state;
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, "\x0e\2xxxxxxxxxxxxxx" SOURCE,
		24);
	assert_true(read());
	assert_memory_equal(n.link_addr, LINK, 6);
}

static void the_others_option_is_not_taken(void **state)
{
	(void)state;
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, TARGET, 8);
	assert_true(read());
	assert_null(n.link_addr);
	message(ICMP6_NEIGHBOUR_ADVERTISEMENT, 0, SOURCE, 8);
	assert_true(read());
	assert_null(n.link_addr);
}

static void a_longer_link_address_is_not_ethernets(void **state)
{
	(void)state;
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, "\1\2xxxxxxxxxxxxxx", 16);
	assert_true(read());
	assert_null(n.link_addr);
}

/* 7.1.1: duplicate address detection */
static void who_has_no_address_asks_the_solicited_node(void **state)
{
	static const uint8_t node[16] = { 0xff, 2, [11] = 1, [12] = 0xff,
					  [15] = 2 };
	(void)state;
	message(ICMP6_NEIGHBOUR_SOLICITATION, 0, NULL, 0);
	memset(f.src, 0, 16);
	memcpy(f.dst, node, 16);
	assert_true(read());
	f.dst[12] = 0; /* no longer of solicited nodes */
	assert_false(read());
}

static void who_has_no_address_gives_none(void **state)
{
	static const uint8_t node[16] = { 0xff, 2, [11] = 1, [12] = 0xff,
					  [15] = 2 };
	(void)state;
	solicit();
	memset(f.src, 0, 16);
	memcpy(f.dst, node, 16);
	assert_false(read());
	ask_for_routers();
	memset(f.src, 0, 16);
	assert_false(read());
	message(ICMP6_ROUTER_SOLICITATION, 0, NULL, 0);
	memset(f.src, 0, 16);
	assert_true(read());
}

/* 7.1.2 */
static void an_answer_to_many_is_not_solicited(void **state)
{
	(void)state;
	advertise();
	f.dst[0] = 0xff;
	assert_false(read());
	message(ICMP6_NEIGHBOUR_ADVERTISEMENT, 0xa0, TARGET, 8);
	f.dst[0] = 0xff;
	assert_true(read());
}

static void icmp4_of_the_same_number_is_refused(void **state)
{
	struct packet p = { .type = PACKET_ICMP4, .hop_limit = 255,
			    .icmp_type = ICMP6_NEIGHBOUR_SOLICITATION };
	(void)state;
	assert_false(nd_parse(&p, &n));
}

static void any_options_are_survived(void **state)
{
	struct dice dice = { 13 };
	uint8_t options[64];
	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint32_t len = dice_below(&dice, 65);
		dice_fill(&dice, options, 64);
		for (int i = 0; i < 64; i += 8) {
			options[i] &= 3;
			options[i + 1] &= 3;
		}
		message((uint8_t)(133 + dice_below(&dice, 4)), 0, options, len);
		if (read() && n.link_addr != NULL)
			assert_true(n.link_addr + 6 <= f.exact + f.len);
	}
}

/* --- writing -------------------------------------------------------------- */

static struct minato_addr addr(const char *text)
{
	struct minato_addr a;
	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

/* Puts a built message into a frame and reads it. */
static void deliver(const uint8_t *bytes, uint32_t len,
		    const struct minato_addr *src,
		    const struct minato_addr *dst)
{
	forge_start(&f, true, 58);
	memcpy(f.src, src->bytes, 16);
	memcpy(f.dst, dst->bytes, 16);
	memcpy(f.payload, bytes, len);
	f.payload_len = len;
	f.no_checksum = true;
	f.ttl = 255;
	assert_int_equal(forge_parse(&f), DROP_NONE);
}

static void what_is_written_is_read(void **state)
{
	struct dice dice = { 14 };
	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct minato_addr src = addr("fe80::1"), dst = addr("fd00::9");
		uint8_t bytes[33] = { 0 }, mac[6];
		struct nd made = { .type = round % 2 ? 135 : 136,
				   .target = addr("fd00::") };
		bool advertises = made.type == 136;
		uint32_t len;
		dice_fill(&dice, mac, 6);
		dice_fill(&dice, made.target.bytes + 8, 8);
		made.link_addr = dice_below(&dice, 2) ? mac : NULL;
		made.router = advertises && dice_below(&dice, 2);
		made.solicited = advertises && dice_below(&dice, 2);
		made.override = advertises && dice_below(&dice, 2);
		bytes[32] = 0xee;
		len = nd_build(&made, &src, &dst, bytes);
		assert_int_equal(len, made.link_addr ? 32 : 24);
		assert_int_equal(bytes[32], 0xee);
		deliver(bytes, len, &src, &dst);
		assert_true(nd_parse(&f.packet, &n));
		assert_int_equal(n.type, made.type);
		assert_true(minato_addr_equal(&n.target, &made.target));
		assert_int_equal(n.router, made.router);
		assert_int_equal(n.solicited, made.solicited);
		assert_int_equal(n.override, made.override);
		if (made.link_addr)
			assert_memory_equal(n.link_addr, mac, 6);
		else
			assert_null(n.link_addr);
	}
}

static void a_solicitation_is_written(void **state)
{
	static const uint8_t expected[32] = {
		135, 0, 0, 0, 0, 0, 0, 0,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
		1, 1, 2, 0, 0, 0, 0, 7,
	};
	struct minato_addr a = addr("fe80::1");
	struct nd made = { .type = 135, .target = addr("fd00::9"),
			   .link_addr = (const uint8_t *)LINK,
			   .router = true, .override = true };
	uint8_t bytes[32];
	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(nd_build(&made, &a, &a, bytes), 32);
	bytes[2] = bytes[3] = 0;
	assert_memory_equal(bytes, expected, 32);
}

static void an_advertisement_is_written(void **state)
{
	static const uint8_t expected[32] = {
		136, 0, 0, 0, 0x60, 0, 0, 0,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
		2, 1, 2, 0, 0, 0, 0, 7,
	};
	struct minato_addr a = addr("fe80::1");
	struct nd made = { .type = 136, .target = addr("fd00::9"),
			   .link_addr = (const uint8_t *)LINK,
			   .solicited = true, .override = true };
	uint8_t bytes[32];
	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(nd_build(&made, &a, &a, bytes), 32);
	bytes[2] = bytes[3] = 0;
	assert_memory_equal(bytes, expected, 32);
}

static void writing_another_type_is_caught(void **state)
{
	struct nd made = { .type = ICMP6_ROUTER_SOLICITATION };
	struct minato_addr a = addr("fe80::1");
	uint8_t bytes[32];
	(void)state;
	assert_check_fails(nd_build(&made, &a, &a, bytes));
}

static void a_full_advertisement_is_written(void **state)
{
	static const uint8_t expected[88] = {
		134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 1, 2, 0, 0, 0, 0, 7,
		5, 1, 0, 0, 0, 0, 0x05, 0xdc,
		3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0,
		0xfd, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0,
		25, 3, 0, 0, 0, 0, 7, 8,
		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
	};
	struct minato_addr src = addr("fe80::1"), dst = addr("ff02::1");
	struct minato_addr prefix = addr("fd00:0:0:5::77"), dns = addr("fd00::3");
	struct ra r = { .hop_limit = 64, .lifetime_s = 1800, .mtu = 1500,
			.mac = (const uint8_t *)LINK, .prefix = &prefix,
			.dns = &dns };
	uint8_t bytes[128];
	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(ra_build(&r, &src, &dst, bytes), 88);
	assert_int_equal(bytes[88], 0xee);
	deliver(bytes, 88, &src, &dst); /* the checksum holds */
	bytes[2] = bytes[3] = 0;
	assert_memory_equal(bytes, expected, 88);
}

static void a_bare_advertisement_is_written(void **state)
{
	struct minato_addr src = addr("fe80::1"), dst = addr("ff02::1");
	struct ra r = { 0 };
	uint8_t bytes[128];
	(void)state;
	assert_int_equal(ra_build(&r, &src, &dst, bytes), 16);
	deliver(bytes, 16, &src, &dst);
	assert_int_equal(f.packet.icmp_type, ICMP6_ROUTER_ADVERTISEMENT);
}

#define T(name) cmocka_unit_test_teardown(name, done)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_solicitation_is_read),
		T(an_advertisement_is_read),
		T(a_router_solicitation_is_read),
		T(only_hop_limit_255_is_of_this_link),
		T(another_code_is_refused),
		T(other_types_are_refused),
		T(a_short_message_is_refused),
		T(a_multicast_target_is_refused),
		T(a_mapped_target_is_refused),
		T(an_option_without_length_is_refused),
		T(an_option_cut_off_is_refused),
		T(other_options_are_stepped_over),
		T(the_others_option_is_not_taken),
		T(a_longer_link_address_is_not_ethernets),
		T(who_has_no_address_asks_the_solicited_node),
		T(who_has_no_address_gives_none),
		T(an_answer_to_many_is_not_solicited),
		T(icmp4_of_the_same_number_is_refused),
		T(any_options_are_survived),
		T(what_is_written_is_read),
		T(a_solicitation_is_written),
		T(an_advertisement_is_written),
		T(writing_another_type_is_caught),
		T(a_full_advertisement_is_written),
		T(a_bare_advertisement_is_written),
	};
	return cmocka_run_group_tests_name("nd", tests, NULL, NULL);
}
