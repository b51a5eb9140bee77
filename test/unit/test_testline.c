/* SPDX-License-Identifier: BSD-2-Clause */
/* test: packets and outcomes, as they are written. */
#include "conf_fixture.h"

static void outcomes(void **state)
{
	struct conf_test t;

	(void)state;
	t = said("test tcp from 203.0.113.9:999 to 198.51.100.1:80 reaches 10.0.0.2:80").test;
	assert_int_equal(t.proto, MINATO_TCP);
	assert_false(t.inside);
	assert_int_equal(t.outcome, CONF_REACHES);
	assert_int_equal(t.source.port, 999);
	assert_int_equal(t.end_count, 1);
	assert_int_equal(t.end[0].port, 80);
	same_form("test tcp from 203.0.113.9:999 to 198.51.100.1:80 reaches 10.0.0.2:80");
	same_form(
		"test tcp from 203.0.113.9 to 198.51.100.1:80 reaches 10.0.0.2:80 or 10.0.0.3:80");
	same_form("test tcp from 203.0.113.9 to 198.51.100.1:80 reaches unix:/run/app.sock");
	same_form("test udp from 203.0.113.9:999 to 198.51.100.1:80 is closed");
	same_form("test udp from 203.0.113.9:999 to 198.51.100.1:80 is dropped");
	same_form("test udp from inside 10.0.0.7 to 203.0.113.9:53 leaves from 198.51.100.1");
	same_form("test udp from inside 10.0.0.7 to 203.0.113.9:53 leaves from 198.51.100.1:53 or "
		  "198.51.100.2");
	same_form("test tcp from 2001:db8:9::1 to [2001:db8::2]:80 reaches [2001:db8::2]:80");
}

static void wrong(void **state)
{
	(void)state;
	refused("test tcp,udp from 203.0.113.9 to 198.51.100.1:80 is closed", "udp",
		"one protocol");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 leaves from 198.51.100.1", "from",
		"only what comes from inside leaves");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 is open", "open",
		"expected closed or dropped");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 reach 10.0.0.2:80", "reach",
		"expected reaches, leaves or is");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 reaches 10.0.0.2", "10.0.0.2",
		"a port is missing");
	refused("test tcp from 203.0.113.9 to [2001:db8::1]:80 is closed", "[2001:db8::1]:80",
		"two families");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 reaches [2001:db8::1]:80",
		"[2001:db8::1]:80", "other family");
	refused("test icmp from 203.0.113.9 to 198.51.100.1:80 is closed", "icmp",
		"expected tcp or udp");
	cut_short("test tcp from 203.0.113.9", "expected to");
	cut_short("test tcp from 203.0.113.9 to 198.51.100.1:80", "expected reaches, leaves or is");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
