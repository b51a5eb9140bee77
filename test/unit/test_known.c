/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports that browsers refuse, and what is risky where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/services.h"

static void what_browsers_refuse(void **state)
{
	static const uint16_t some[] = { 0, 1, 22, 25, 53, 69, 137, 6000, 6667, 10080 };
	static const uint16_t others[] = { 2, 80, 443, 138, 445, 3306, 6001, 8080, 10081, 65535 };
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		assert_true(cmd_known_refused(some[i]));
		assert_false(cmd_known_refused(others[i]));
	}
	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		count += cmd_known_refused((uint16_t)port);
	/* As many as the table of the standard has. */
	assert_int_equal(count, 83);
}

static void risks_are_of_a_protocol(void **state)
{
	(void)state;
	assert_non_null(strstr(cmd_known_risk(MINATO_TCP, 23), "clear"));
	assert_null(cmd_known_risk(MINATO_UDP, 23));
	assert_null(cmd_known_risk(MINATO_TCP, 22));
	assert_null(cmd_known_risk(MINATO_SERVICE_PROTO_SCTP, 23));
	assert_non_null(strstr(cmd_known_risk(MINATO_UDP, 138), "NetBIOS"));
	assert_non_null(strstr(cmd_known_risk(MINATO_TCP, 445), "SMB"));
	assert_non_null(strstr(cmd_known_risk(MINATO_TCP, 2375), "root"));
	assert_string_not_equal(cmd_known_risk(MINATO_TCP, 514), cmd_known_risk(MINATO_UDP, 514));
}

static void a_risk_is_one_line(void **state)
{
	(void)state;
	for (uint32_t port = 0; port <= UINT16_MAX; port++) {
		const char *tcp = cmd_known_risk(MINATO_TCP, (uint16_t)port);
		const char *udp = cmd_known_risk(MINATO_UDP, (uint16_t)port);

		/* After the label, on a terminal of 80 columns. */
		assert_true(!tcp || strlen(tcp) <= 70);
		assert_true(!udp || strlen(udp) <= 70);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_browsers_refuse),
		cmocka_unit_test(risks_are_of_a_protocol),
		cmocka_unit_test(a_risk_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
