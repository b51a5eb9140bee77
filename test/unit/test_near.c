/* SPDX-License-Identifier: BSD-2-Clause */
/* Which public addresses are near the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/permit.h"

static struct minato_addr addr(const char *text)
{
	struct minato_addr a;

	assert_int_equal(minato_addr_parse(text, &a), 0);
	return a;
}

static bool is_near(const struct relay_prefix *list, size_t count, const char *text)
{
	struct minato_addr a = addr(text);

	return near_holds(list, count, &a);
}

static void the_host_and_its_links(void **state)
{
	const struct drive_hostaddr own[] = {
		{ .addr = addr("127.0.0.1"), .prefix = 8, .loopback = true },
		{ .addr = addr("192.168.1.5"), .prefix = 24 },
		{ .addr = addr("9.9.9.9"), .prefix = 25 },
		{ .addr = addr("9.9.9.10"), .prefix = 25 }, /* of the same network */
		{ .addr = addr("8.8.8.8"), .prefix = 32, .loopback = true },
		{ .addr = addr("7.7.7.7"), .prefix = 0 }, /* a tunnel to everywhere */
		{ .addr = addr("fe80::1"), .prefix = 64 },
		{ .addr = addr("fd00::1"), .prefix = 64 },
		{ .addr = addr("2a00:1:2:3::1"), .prefix = 64 },
		{ .addr = addr("2a01::1"), .prefix = 8 },
	};
	static const char *const inside[] = {
		"9.9.9.9",	    "9.9.9.1",	       "9.9.9.127", "8.8.8.8",
		"7.7.7.7",	    "2a00:1:2:3::1",   "2a01::1",   "2a00:1:2:3:ffff::1",
		"64:ff9b::909:901", "2002:909:901::1",
	};
	static const char *const outside[] = {
		"9.9.9.128", "8.8.8.9", "7.7.7.8", "2a00:1:2:4::1", "2a01::2", "64:ff9b::909:9ff",
	};
	struct relay_prefix list[RELAY_NEAR_MAX];
	size_t count = relay_near_of(own, sizeof(own) / sizeof(own[0]), list, RELAY_NEAR_MAX);

	(void)state;
	assert_int_equal(count, 5);
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		if (!is_near(list, count, inside[i]))
			fail_msg("%s is not near", inside[i]);
	}
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		if (is_near(list, count, outside[i]))
			fail_msg("%s is near", outside[i]);
	}
	/* How many there are is told also where there is no room for them. */
	assert_int_equal(relay_near_of(own, sizeof(own) / sizeof(own[0]), list, 2), 5);
	assert_int_equal(relay_near_of(own, 0, list, 2), 0);
	assert_false(is_near(list, 0, "9.9.9.9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_and_its_links),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
