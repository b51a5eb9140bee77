/* SPDX-License-Identifier: BSD-2-Clause */
/* The network a guest finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sched.h>

#include "guest_fixture.h"

static struct guest_run run;

static void assert_prints(const char *script, const char *output)
{
	if (!guests_can_be())
		skip();
	plan_guest(&run, script);
	if (run_guest(&run) != 0)
		fail_msg("%s", run.error.text);
	assert_string_equal(run.output, output);
}

static void any_port_may_be_bound(void **state)
{
	(void)state;
	assert_prints("cat /proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n");
}

static void every_group_may_ping(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "set -- $(cat /proc/sys/net/ipv4/ping_group_range); g=$(id -g); "
			 "[ $g -ge $1 ] && [ $g -le $2 ]");
	assert_int_equal(run_guest(&run), 0);
	assert_int_equal(run.code, 0);
}

static void interfaces_are_lo_and_tap0(void **state)
{
	(void)state;
	assert_prints("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort", "lo\ntap0\n");
}

static void both_are_up(void **state)
{
	(void)state;
	/* IFF_UP is the lowest bit. */
	assert_prints("for i in lo tap0; do echo $(($(cat /sys/class/net/$i/flags) & 1)); done",
		      "1\n1\n");
}

static void tap0_has_its_mtu_and_mac(void **state)
{
	(void)state;
	assert_prints("cat /sys/class/net/tap0/mtu /sys/class/net/tap0/address",
		      "1500\n52:55:0a:00:02:64\n");
}

static void default_route_is_the_gateway(void **state)
{
	(void)state;
	/* In the byte order of the machine, as the kernel writes it. */
	assert_prints("awk '$2 == \"00000000\" { print $1, $3 }' /proc/net/route",
		      "tap0 02004D0A\n");
}

static void addresses_of_ipv6_are_no_longer_tentative(void **state)
{
	(void)state;
	assert_prints("awk '$6 == \"tap0\" && $1 ~ /^fd77/ { print $1, $3, $5 }' "
		      "/proc/net/if_inet6",
		      "fd770000000000000000000000000064 40 82\n");
	assert_prints("awk '$6 == \"tap0\" { print and(strtonum(\"0x\" $5), 64) }' "
		      "/proc/net/if_inet6 2>/dev/null | sort -u | grep -c 64",
		      "0\n");
}

static void default_route_of_ipv6(void **state)
{
	(void)state;
	assert_prints("awk '$2 == \"00\" && $10 == \"tap0\" { print $5 }' /proc/net/ipv6_route",
		      "fd770000000000000000000000000002\n");
}

static void nobody_advertises_to_the_guest(void **state)
{
	(void)state;
	assert_prints("cd /proc/sys/net/ipv6/conf/tap0; cat accept_ra autoconf accept_dad",
		      "0\n0\n0\n");
}

static void ipv4_alone(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "grep -c tap0 /proc/net/if_inet6; grep -c lo /proc/net/if_inet6");
	run.plan.subnet.has6 = false;
	assert_int_equal(run_guest(&run), 0);
	assert_false(run.guest.has6);
	assert_string_equal(run.guest.warning.text, "");
	assert_string_equal(run.output, "0\n1\n");
}

static void ipv6_alone(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "tail -n +2 /proc/net/route | wc -l; cat /etc/resolv.conf | head -1");
	run.plan.subnet.has4 = false;
	assert_int_equal(run_guest(&run), 0);
	assert_true(run.guest.has6);
	assert_string_equal(run.output, "0\nnameserver fd77::3\n");
}

static void an_mtu_too_small_for_ipv6(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "cat /sys/class/net/tap0/mtu");
	run.plan.mtu = 1279;
	assert_int_equal(run_guest(&run), 0);
	assert_false(run.guest.has6);
	assert_non_null(strstr(run.guest.warning.text, "1280"));
	assert_string_equal(run.output, "1279\n");
}

static void the_largest_mtu(void **state)
{
	(void)state;
	if (!guests_can_be())
		skip();
	plan_guest(&run, "cat /sys/class/net/tap0/mtu");
	run.plan.mtu = 65521;
	assert_int_equal(run_guest(&run), 0);
	assert_string_equal(run.output, "65521\n");
}

static void the_tap_carries_the_virtio_header(void **state)
{
	(void)state;
	assert_prints("true", "");
	assert_true(run.guest.vnet);
	assert_true(run.guest.has6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_port_may_be_bound),
		cmocka_unit_test(every_group_may_ping),
		cmocka_unit_test(interfaces_are_lo_and_tap0),
		cmocka_unit_test(both_are_up),
		cmocka_unit_test(tap0_has_its_mtu_and_mac),
		cmocka_unit_test(default_route_is_the_gateway),
		cmocka_unit_test(addresses_of_ipv6_are_no_longer_tentative),
		cmocka_unit_test(default_route_of_ipv6),
		cmocka_unit_test(nobody_advertises_to_the_guest),
		cmocka_unit_test(ipv4_alone),
		cmocka_unit_test(ipv6_alone),
		cmocka_unit_test(an_mtu_too_small_for_ipv6),
		cmocka_unit_test(the_largest_mtu),
		cmocka_unit_test(the_tap_carries_the_virtio_header),
	};

	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
