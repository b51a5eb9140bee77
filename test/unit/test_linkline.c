/* SPDX-License-Identifier: BSD-2-Clause */
/* inside and outside: links, their addresses and where they are. */
#include "conf_fixture.h"

static void interfaces(void **state)
{
	struct conf_link l;

	(void)state;
	l = said("outside eth0 198.51.100.1/24, 2001:db8::1/64 via 198.51.100.254, fe80::1").link;
	assert_true(l.outside);
	assert_int_equal(l.sort, CONF_LINK_INTERFACE);
	assert_string_equal(l.ifname, "eth0");
	assert_int_equal(l.address_count, 2);
	assert_int_equal(l.address[0].length, 96 + 24);
	assert_int_equal(l.address[1].length, 64);
	assert_addr(&l.address[0].addr, "198.51.100.1");
	assert_int_equal(l.via_count, 2);
	same_form("outside eth0 198.51.100.1/24, 2001:db8::1/64 via 198.51.100.254, fe80::1");
	same_form("inside eth1 10.0.0.1/24");
	assert_false(said("inside eth1 10.0.0.1/24").link.outside);
}

static void sorts(void **state)
{
	(void)state;
	assert_int_equal(said("inside tap lan0 10.0.0.1/24").link.sort, CONF_LINK_TAP);
	same_form("inside tap lan0 10.0.0.1/24 mtu 9000 named lan");
	assert_int_equal(said("outside host").link.sort, CONF_LINK_HOST);
	same_form("outside host named wan");
	/* Interfaces that are called so. */
	assert_string_equal(said("inside tap 10.0.0.1/24").link.ifname, "tap");
	assert_string_equal(said("inside host 10.0.0.1/24").link.ifname, "host");
	same_form("inside tap tap 10.0.0.1/24");
	same_form("inside host 10.0.0.1/24");
	refused("inside host", "host", "only be an outside");
	refused("outside host via 10.0.0.1", "via", "expected named");
}

static void spaces(void **state)
{
	struct conf_link l;

	(void)state;
	l = said("inside eth1 10.0.0.1/24 in namespace blue").link;
	assert_int_equal(l.space, CONF_SPACE_NAME);
	assert_string_equal(l.space_name, "blue");
	l = said("inside eth1 10.0.0.1/24 in namespace /proc/7/ns/net").link;
	assert_int_equal(l.space, CONF_SPACE_PATH);
	l = said("inside eth1 10.0.0.1/24 in namespace pid 4711").link;
	assert_int_equal(l.space, CONF_SPACE_PID);
	assert_int_equal(l.space_pid, 4711);
	same_form("inside eth1 10.0.0.1/24 in namespace blue mtu 1400");
	same_form("inside eth1 10.0.0.1/24 in namespace /run/netns/blue");
	same_form("inside eth1 10.0.0.1/24 in namespace pid 4711 named a");
	same_form("inside eth1 10.0.0.1/24 in namespace pid mtu 1400");
	refused("inside eth1 10.0.0.1/24 in namespace pid 0", "0", "process id");
	cut_short("inside eth1 10.0.0.1/24 in namespace", "a name is missing");
	cut_short("inside eth1 10.0.0.1/24 in", "expected namespace");
}

static void wrong_addresses(void **state)
{
	(void)state;
	refused("inside eth1 10.0.0.0/24", "10.0.0.0/24", "no host has it");
	refused("inside eth1 10.0.0.255/24", "10.0.0.255/24", "no host has it");
	same_form("inside eth1 10.0.0.0/31");
	same_form("inside eth1 10.0.0.0/32");
	refused("inside eth1 10.0.0.1/24, 10.0.0.1/25", "10.0.0.1/25", "twice");
	refused("inside eth1 fd00::1/64, fd00::1/64", "fd00::1/64", "twice");
	cut_short("inside eth1", "an address with its prefix");
	cut_short("inside", "the name of an interface is missing");
	refused("inside eth1 10.0.0.1/24, 10.0.0.2/24, 10.0.0.3/24, 10.0.0.4/24, 10.0.0.5/24, "
		"10.0.0.6/24, 10.0.0.7/24, 10.0.0.8/24, 10.0.0.9/24",
		"10.0.0.9/24", "at most 8 addresses");
}

static void gateways(void **state)
{
	(void)state;
	refused("outside eth0 198.51.100.1/24 via 198.51.101.1", "198.51.101.1", "no prefix");
	refused("outside eth0 198.51.100.1/24 via 198.51.100.1", "198.51.100.1", "own address");
	refused("outside eth0 198.51.100.1/24 via 2001:db8::1", "2001:db8::1", "gateway's family");
	refused("outside eth0 198.51.100.1/24 via 198.51.100.2, 198.51.100.3", "198.51.100.3",
		"one gateway of a family");
	refused("outside eth0 2001:db8::1/64 via 2001:db9::1", "2001:db9::1", "no prefix");
	refused("outside eth0 198.51.100.1/24 via 198.51.100.2 via 198.51.100.3", "via",
		"said twice");
}

static void mtu(void **state)
{
	(void)state;
	assert_int_equal(said("inside eth1 10.0.0.1/24 mtu 576").link.mtu, 576);
	refused("inside eth1 10.0.0.1/24 mtu 575", "575", "from 576 to 65535");
	refused("inside eth1 10.0.0.1/24, fd00::1/64 mtu 1279", "1279", "from 1280 to 65535");
	refused("inside eth1 10.0.0.1/24 mtu 65536", "65536", "from 576");
}

static void interfaces_beside_a_kernel(void **state)
{
	struct conf_statement s;

	(void)state;
	same_form("outside eth0 198.51.100.1/24 take mac 02:00:00:00:00:0a vlan 7 named wan");
	s = said("outside eth0 198.51.100.1/24 vlan 4094 take");
	assert_true(s.link.take);
	assert_int_equal(s.link.vlan, 4094);
	assert_int_equal(s.link.mac[0], 0);
	s = said("outside eth0 198.51.100.1/24 mac 02:a0:00:00:00:0B");
	assert_int_equal(s.link.mac[1], 0xa0);
	assert_int_equal(s.link.mac[5], 11);
	refused("outside eth0 198.51.100.1/24 mac 01:00:00:00:00:01", "01:00:00:00:00:01", "even");
	refused("outside eth0 198.51.100.1/24 mac 00:00:00:00:00:00", "00:00:00:00:00:00", "0");
	refused("outside eth0 198.51.100.1/24 mac 02:00:00:00:00:1", "02:00:00:00:00:1",
		"written like");
	refused("outside eth0 198.51.100.1/24 mac 02-00-00-00-00-01", "02-00-00-00-00-01",
		"written like");
	refused("outside eth0 198.51.100.1/24 vlan 4095", "4095", "from 1 to 4094");
	refused("outside tap wan0 198.51.100.1/24 take", "take", "");
	refused("outside eth0 198.51.100.1/24 take take", "take", "said twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interfaces),
		cmocka_unit_test(sorts),
		cmocka_unit_test(spaces),
		cmocka_unit_test(wrong_addresses),
		cmocka_unit_test(gateways),
		cmocka_unit_test(mtu),
		cmocka_unit_test(interfaces_beside_a_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
