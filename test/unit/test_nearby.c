/* SPDX-License-Identifier: BSD-2-Clause */
/* What lan is: private prefixes of the host's interfaces, and the devices that are lan's alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "unit/netns_fixture.h"

static struct cmd_ruling ruling;
static uid_t outer; /* who runs this, outside of all namespaces */

/* A program that is executed keeps its capabilities only as root of the namespace. */
static void run(const char *command)
{
	static bool mapped;
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)outer);
	if (!mapped && drive_proc_write("/proc/self/uid_map", map) < 0)
		_exit(NO_NAMESPACE);
	mapped = true;
	DEMAND(system(command) == 0);
}

static bool has(const char *text, uint8_t length)
{
	struct minato_addr addr;

	DEMAND(minato_addr_parse(text, &addr) == 0);
	for (size_t i = 0; i < ruling.lan_count; i++) {
		if (minato_addr_equal(&ruling.lan[i].addr, &addr) && ruling.lan[i].length == length)
			return true;
	}
	return false;
}

static bool is_own(const char *text, uint8_t length)
{
	struct minato_addr addr;

	DEMAND(minato_addr_parse(text, &addr) == 0);
	for (size_t i = 0; i < ruling.own_count; i++) {
		if (minato_addr_equal(&ruling.own[i].addr, &addr) && ruling.own[i].length == length)
			return true;
	}
	return false;
}

static bool is_device(const char *name)
{
	for (size_t i = 0; i < ruling.devices.count; i++) {
		if (!strcmp(ruling.devices.name[i], name))
			return true;
	}
	return false;
}

/* Two interfaces that are up. */
static void two_interfaces(void)
{
	/* Without addresses that come by themselves. */
	run("ip link set lo up && ip link add one type veth peer name two && "
	    "ip link set one addrgenmode none up && ip link set two addrgenmode none up");
}

static void loopback_alone(void)
{
	run("ip link set lo up");
	DEMAND(cmd_ruling_look_around(&ruling));
	DEMAND(has("127.0.0.0", 104) && has("::1", 128));
	/* The other is of an address that is private, as loopback's is not. */
	DEMAND(ruling.lan_count == 2);
	DEMAND(!cmd_ruling_look_around(&ruling));
}

static void private_prefixes(void)
{
	two_interfaces();
	run("ip addr add 10.1.2.3/16 dev one && ip addr add 172.31.0.5/12 dev one && "
	    "ip addr add 192.168.7.9/24 dev one && ip addr add 169.254.3.3/16 dev one && "
	    "ip addr add fd12:3456::9/64 dev one nodad");
	run("ip addr add 172.32.0.5/16 dev two && ip addr add 192.169.0.1/24 dev two && "
	    "ip addr add 198.51.100.7/24 dev two && ip addr add 2001:db8::7/64 dev two nodad");
	DEMAND(cmd_ruling_look_around(&ruling));
	DEMAND(has("10.1.0.0", 96 + 16) && has("172.16.0.0", 96 + 12));
	DEMAND(has("192.168.7.0", 96 + 24) && has("169.254.0.0", 96 + 16));
	DEMAND(has("fd12:3456::", 64));
	DEMAND(!has("172.32.0.0", 96 + 16) && !has("192.169.0.0", 96 + 24));
	DEMAND(!has("198.51.100.0", 96 + 24) && !has("2001:db8::", 64));
	/* Its own are all that it has. */
	DEMAND(is_own("127.0.0.0", 104) && is_own("::1", 128));
	DEMAND(is_own("10.1.2.3", 128) && is_own("198.51.100.7", 128) &&
	       is_own("2001:db8::7", 128) && !is_own("10.1.0.0", 128));
}

static void changes_are_told(void)
{
	two_interfaces();
	(void)cmd_ruling_look_around(&ruling);
	run("ip addr add 198.51.100.7/24 dev two");
	DEMAND(cmd_ruling_look_around(&ruling)); /* of its own addresses */
	DEMAND(!cmd_ruling_look_around(&ruling));
	run("ip addr add 10.1.2.3/16 dev one");
	DEMAND(cmd_ruling_look_around(&ruling));
	DEMAND(!cmd_ruling_look_around(&ruling));
	run("ip addr del 10.1.2.3/16 dev one && ip addr add 10.2.2.3/16 dev one");
	DEMAND(cmd_ruling_look_around(&ruling));
	DEMAND(has("10.2.0.0", 112) && !has("10.1.0.0", 112));
	run("ip addr del 10.2.2.3/16 dev one");
	DEMAND(cmd_ruling_look_around(&ruling));
	DEMAND(!has("10.2.0.0", 112));
}

/* Being bound at the devices of lan keeps others out only where there are others. */
static void devices_of_lan(void)
{
	two_interfaces();
	run("ip addr add 10.1.2.3/16 dev one && ip addr add 198.51.100.7/24 dev two");
	(void)cmd_ruling_look_around(&ruling);
	DEMAND(ruling.devices.count == 2 && is_device("lo") && is_device("one"));
	/* A private address makes it one of lan's, whatever else it has. */
	run("ip addr add 192.168.7.9/24 dev two");
	(void)cmd_ruling_look_around(&ruling);
	DEMAND(ruling.devices.count == 0);
	run("ip addr del 192.168.7.9/24 dev two && ip addr del 198.51.100.7/24 dev two");
	(void)cmd_ruling_look_around(&ruling);
	/* What has a link-local address alone is none of lan's. */
	DEMAND(ruling.devices.count == 0 || !is_device("two"));
}

NETNS_CASE(a_host_without_a_network, loopback_alone)
NETNS_CASE(what_is_private_is_lan, private_prefixes)
NETNS_CASE(whether_it_is_another_is_told, changes_are_told)
NETNS_CASE(devices_where_there_are_others, devices_of_lan)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_without_a_network),
		cmocka_unit_test(what_is_private_is_lan),
		cmocka_unit_test(whether_it_is_another_is_told),
		cmocka_unit_test(devices_where_there_are_others),
	};

	outer = getuid();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
