/* SPDX-License-Identifier: BSD-2-Clause */
/* Which addresses an answer of the DNS may lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/permit.h"

static bool is_public(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return relay_addr_is_public(&a);
}

static void the_world_is_public(void **state)
{
	static const char *const list[] = {
		"1.1.1.1",	   "9.255.255.255",   "11.0.0.0",	  "100.63.255.255",
		"100.128.0.0",	   "172.15.255.255",  "172.32.0.0",	  "192.0.2.1",
		"192.167.255.255", "198.17.255.255",  "198.20.0.0",	  "223.255.255.255",
		"2001:db8::1",	   "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1",
		"2a00:1450::1",	   "192.0.0.9",	      "192.0.0.10",	  "192.31.196.1",
		"192.52.193.1",	   "192.175.48.1",    "2001:1::1",	  "2001:1::2",
		"2001:1::3",	   "2001:3::1",	      "2001:4:112::1",	  "2001:20::1",
		"2001:3f:ffff::1", "2620:4f:8000::1", "192.0.1.0",	  "192.88.98.255",
		"192.88.100.0",	   "2001:200::1",     "3fff:1000::1",	  "3ffe:ffff::1",
		"5eff::1",	   "5f01::1",	      "2620:4f:8001::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (!is_public(list[i]))
			fail_msg("%s", list[i]);
	}
}

static void what_is_near_is_not(void **state)
{
	static const char *const list[] = {
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1",
		"100.64.0.1",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.0.1",
		"169.254.169.254",
		"172.16.0.1",
		"172.31.255.255",
		"192.0.0.8",
		"192.168.1.1",
		"198.18.0.1",
		"198.19.255.255",
		"224.0.0.1",
		"239.1.2.3",
		"240.0.0.1",
		"255.255.255.255",
		"::",
		"::1",
		"::7f00:1",
		"64:ff9b::a00:1",
		"64:ff9b::7f00:1",
		"64:ff9b:1::1",
		"2002:7f00:1::1",
		"2002:c0a8:101::1",
		"2001::1",
		"2001:2::1",
		"2001:10::1",
		"2001:1f:ffff::1",
		"2001:1::4",
		"2001:40::1",
		"2001:4::1",
		"2001:1ff:ffff::1",
		"100:0:0:1::1",
		"3fff::1",
		"3fff:fff:ffff::1",
		"5f00::1",
		"192.88.99.1",
		"100::1",
		"fc00::1",
		"fd00::1",
		"fe80::1",
		"fec0::1",
		"ff02::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (is_public(list[i]))
			fail_msg("%s", list[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_world_is_public),
		cmocka_unit_test(what_is_near_is_not),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
