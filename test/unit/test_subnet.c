/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's subnet: choosing and parsing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "drive/drive.h"
#include "netns_fixture.h"

static bool is(const struct minato_addr *addr, const char *text)
{
	struct minato_addr wanted;

	return minato_addr_parse(text, &wanted) == 0 && minato_addr_equal(addr, &wanted);
}

/* Gives the namespace's lo this address; each is a route of the host too. */
static void take(const char *text, uint8_t prefix)
{
	struct drive_rtnl *rtnl;
	struct minato_addr addr;

	DEMAND(minato_addr_parse(text, &addr) == 0);
	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_link_up(rtnl, 1, 0, NULL) == 0);
	DEMAND(drive_rtnl_addr_add(rtnl, 1, &addr, prefix) == 0);
	drive_rtnl_close(rtnl);
}

static struct drive_subnet choose(void)
{
	struct drive_subnet subnet = { 0 };

	drive_subnet_choose(&subnet, true, true);
	DEMAND(subnet.has4 && subnet.prefix4 == 24);
	DEMAND(subnet.has6 && subnet.prefix6 == 64);
	return subnet;
}

static void without_routes(void)
{
	struct drive_subnet subnet = choose();

	DEMAND(is(&subnet.network4, "10.0.2.0"));
	DEMAND(is(&subnet.gateway4, "10.0.2.2"));
	DEMAND(is(&subnet.dns4, "10.0.2.3"));
	DEMAND(is(&subnet.guest4, "10.0.2.100"));
	DEMAND(is(&subnet.network6, "fd00::"));
	DEMAND(is(&subnet.gateway6, "fd00::2"));
	DEMAND(is(&subnet.dns6, "fd00::3"));
	DEMAND(is(&subnet.guest6, "fd00::64"));
	DEMAND(!subnet.overlaps4 && !subnet.overlaps6);
	DEMAND(!subnet.routed);
}

static void default_taken(void)
{
	struct drive_subnet subnet;

	take("10.0.2.77", 24);
	take("fd00::9", 64);
	subnet = choose();
	DEMAND(is(&subnet.network4, "10.0.3.0"));
	DEMAND(is(&subnet.guest4, "10.0.3.100"));
	DEMAND(is(&subnet.network6, "fd00:0:0:1::"));
	DEMAND(is(&subnet.guest6, "fd00:0:0:1::64"));
}

static void a_piece_taken(void)
{
	struct drive_subnet subnet;

	take("10.0.2.200", 32);
	take("fd00::ffff:1", 128);
	subnet = choose();
	DEMAND(is(&subnet.network4, "10.0.3.0"));
	DEMAND(is(&subnet.network6, "fd00:0:0:1::"));
}

static void a_block_taken(void)
{
	struct drive_subnet subnet;

	take("10.0.0.1", 21);
	take("fd00:0:0:5::1", 62);
	subnet = choose();
	DEMAND(is(&subnet.network4, "10.0.8.0"));
	DEMAND(is(&subnet.network6, "fd00::"));
}

static void all_of_10_taken(void)
{
	struct drive_subnet subnet;

	take("10.200.0.1", 8);
	subnet = choose();
	DEMAND(is(&subnet.network4, "172.30.2.0"));
	take("172.16.0.1", 12);
	subnet = choose();
	DEMAND(is(&subnet.network4, "192.168.2.0"));
	take("192.168.9.9", 16);
	subnet = choose();
	DEMAND(is(&subnet.network4, "198.18.2.0"));
	DEMAND(!subnet.overlaps4);
}

static void everything_taken(void)
{
	struct drive_subnet subnet;

	take("10.200.0.1", 8);
	take("172.16.0.1", 12);
	take("192.168.9.9", 16);
	take("198.18.0.1", 15);
	take("fd00::1", 8);
	subnet = choose();
	DEMAND(subnet.overlaps4 && subnet.overlaps6);
	DEMAND(is(&subnet.network4, "10.0.2.0"));
	DEMAND(subnet.has6);
}

static void halves_of_the_world(void)
{
	struct drive_subnet subnet;

	take("10.9.9.9", 1);
	take("fd12::1", 7);
	subnet = choose();
	DEMAND(subnet.routed);
	DEMAND(is(&subnet.network4, "10.0.2.0"));
	DEMAND(is(&subnet.network6, "fd00::"));
}

static void default_route(void)
{
	struct minato_addr gateway;
	struct drive_subnet subnet;
	struct drive_rtnl *rtnl;

	take("203.0.113.5", 24);
	DEMAND(minato_addr_parse("203.0.113.1", &gateway) == 0);
	DEMAND(drive_rtnl_open(&rtnl) == 0);
	DEMAND(drive_rtnl_default_add(rtnl, 1, &gateway) == 0);
	drive_rtnl_close(rtnl);
	subnet = choose();
	DEMAND(is(&subnet.network4, "10.0.2.0"));
}

static void one_family(void)
{
	struct drive_subnet subnet = { 0 };

	drive_subnet_choose(&subnet, true, false);
	DEMAND(subnet.has4 && !subnet.has6);
	memset(&subnet, 0, sizeof(subnet));
	drive_subnet_choose(&subnet, false, true);
	DEMAND(!subnet.has4 && subnet.has6);
}

NETNS_CASE(host_without_network_gets_the_default, without_routes)
NETNS_CASE(next_one_when_the_default_is_routed, default_taken)
NETNS_CASE(one_address_inside_takes_a_subnet, a_piece_taken)
NETNS_CASE(a_wider_route_takes_all_below, a_block_taken)
NETNS_CASE(other_private_ranges_follow, all_of_10_taken)
NETNS_CASE(no_free_one_is_said_not_failed, everything_taken)
NETNS_CASE(halves_of_a_default_route_do_not_count, halves_of_the_world)
NETNS_CASE(a_default_route_does_not_count, default_route)
NETNS_CASE(families_are_chosen_alone, one_family)

static void parse_ipv4(void **state)
{
	struct drive_subnet subnet = { 0 };

	(void)state;
	assert_int_equal(drive_subnet_parse(&subnet, "192.168.77.0/24", NULL), 0);
	assert_true(subnet.has4);
	assert_false(subnet.has6);
	assert_int_equal(subnet.prefix4, 24);
	assert_true(is(&subnet.gateway4, "192.168.77.2"));
	assert_true(is(&subnet.dns4, "192.168.77.3"));
	assert_true(is(&subnet.guest4, "192.168.77.100"));
}

static void parse_clears_bits_beyond_the_mask(void **state)
{
	struct drive_subnet subnet = { 0 };

	(void)state;
	assert_int_equal(drive_subnet_parse(&subnet, "10.1.2.131/25", NULL), 0);
	assert_true(is(&subnet.network4, "10.1.2.128"));
	assert_true(is(&subnet.guest4, "10.1.2.228"));
	assert_int_equal(drive_subnet_parse(&subnet, "10.255.255.255/9", NULL), 0);
	assert_true(is(&subnet.network4, "10.128.0.0"));
}

static void parse_ipv6(void **state)
{
	struct drive_subnet subnet = { 0 };

	(void)state;
	assert_int_equal(drive_subnet_parse(&subnet, "fd12:3456::99/64", NULL), 0);
	assert_true(subnet.has6);
	assert_false(subnet.has4);
	assert_true(is(&subnet.guest6, "fd12:3456::64"));
}

static void parse_both_in_turn(void **state)
{
	struct drive_subnet subnet = { 0 };

	(void)state;
	assert_int_equal(drive_subnet_parse(&subnet, "10.9.0.0/16", NULL), 0);
	assert_int_equal(drive_subnet_parse(&subnet, "fd99::/64", NULL), 0);
	assert_true(subnet.has4 && subnet.has6);
	assert_true(is(&subnet.gateway4, "10.9.0.2"));
}

static void parse_takes_the_bounds_of_the_mask(void **state)
{
	struct drive_subnet subnet = { 0 };

	(void)state;
	assert_int_equal(drive_subnet_parse(&subnet, "32.0.0.0/3", NULL), 0);
	assert_int_equal(drive_subnet_parse(&subnet, "10.0.0.0/25", NULL), 0);
}

static void assert_no_subnet(const char *text)
{
	struct drive_subnet subnet = { 0 };
	struct drive_error error = { "" };

	if (drive_subnet_parse(&subnet, text, &error) != -EINVAL)
		fail_msg("taken: %s", text);
	assert_string_not_equal(error.text, "");
	assert_false(subnet.has4 || subnet.has6);
}

static void parse_refuses_other_masks(void **state)
{
	(void)state;
	assert_no_subnet("10.0.0.0/0");
	assert_no_subnet("10.0.0.0/26");
	assert_no_subnet("10.0.0.0/32");
	assert_no_subnet("fd00::/63");
	assert_no_subnet("fd00::/65");
	assert_no_subnet("10.0.0.0/999");
}

static void parse_refuses_what_is_no_subnet(void **state)
{
	(void)state;
	assert_no_subnet("");
	assert_no_subnet("/");
	assert_no_subnet("/24");
	assert_no_subnet("10.0.0.0");
	assert_no_subnet("10.0.0.0/");
	assert_no_subnet("10.0.0.0/24x");
	assert_no_subnet("10.0.0.0/ 24");
	assert_no_subnet("10.0.0.0/+24");
	assert_no_subnet("10.0.0/24");
	assert_no_subnet("10.0.0.256/24");
	assert_no_subnet("example/24");
	assert_no_subnet("1111111111111111111111111111111111111111111111111111111111111111111/24");
}

static void parse_refuses_special_addresses(void **state)
{
	(void)state;
	assert_no_subnet("127.0.0.0/8");
	assert_no_subnet("127.5.0.0/16");
	assert_no_subnet("0.0.0.0/8");
	assert_no_subnet("224.0.0.0/24");
	assert_no_subnet("240.0.0.0/8");
	assert_no_subnet("255.255.255.0/24");
	assert_no_subnet("126.0.0.0/7"); /* holds 127.0.0.0/8 */
	assert_no_subnet("128.0.0.0/1"); /* holds 224.0.0.0/3 */
	assert_no_subnet("ff02::/64");
	assert_no_subnet("::/64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_without_network_gets_the_default),
		cmocka_unit_test(next_one_when_the_default_is_routed),
		cmocka_unit_test(one_address_inside_takes_a_subnet),
		cmocka_unit_test(a_wider_route_takes_all_below),
		cmocka_unit_test(other_private_ranges_follow),
		cmocka_unit_test(no_free_one_is_said_not_failed),
		cmocka_unit_test(halves_of_a_default_route_do_not_count),
		cmocka_unit_test(a_default_route_does_not_count),
		cmocka_unit_test(families_are_chosen_alone),
		cmocka_unit_test(parse_ipv4),
		cmocka_unit_test(parse_clears_bits_beyond_the_mask),
		cmocka_unit_test(parse_ipv6),
		cmocka_unit_test(parse_both_in_turn),
		cmocka_unit_test(parse_takes_the_bounds_of_the_mask),
		cmocka_unit_test(parse_refuses_other_masks),
		cmocka_unit_test(parse_refuses_what_is_no_subnet),
		cmocka_unit_test(parse_refuses_special_addresses),
	};

	return cmocka_run_group_tests_name("subnet", tests, NULL, NULL);
}
