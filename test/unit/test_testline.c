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

/* Protocols without ports, by name or number. */
static void without_ports(void **state)
{
	struct conf_test t;

	(void)state;
	t = said("test gre from 203.0.113.9 to 198.51.100.1 reaches 10.0.0.9").test;
	assert_int_equal(t.proto, MINATO_PROTO_OTHER);
	assert_int_equal(t.type, 47);
	assert_int_equal(t.end[0].port, 0);
	same_form("test gre from 203.0.113.9 to 198.51.100.1 reaches 10.0.0.9");
	same_form("test 99 from inside 10.0.0.7 to 203.0.113.9 leaves from 198.51.100.1");
	canonical("test 50 from 2001:db8:9::1 to 2001:db8::2 is closed",
		  "test esp from 2001:db8:9::1 to 2001:db8::2 is closed");
	refused("test esp from 203.0.113.9:1 to 198.51.100.1 is closed", "203.0.113.9:1",
		"ports are of tcp and udp");
	refused("test esp from 203.0.113.9 to 198.51.100.1:1 is closed", "198.51.100.1:1",
		"ports are of tcp and udp");
	refused("test gre from 203.0.113.9 to 198.51.100.1 is answered", "answered", "pings alone");
	refused("test 17 from 203.0.113.9 to 198.51.100.1 is closed", "17", "expected tcp");
}

static void wrong(void **state)
{
	(void)state;
	refused("test tcp,udp from 203.0.113.9 to 198.51.100.1:80 is closed", "udp",
		"one protocol");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 leaves from 198.51.100.1", "from",
		"only what comes from inside leaves");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 is open", "open",
		"expected closed, dropped or answered");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 reach 10.0.0.2:80", "reach",
		"expected reaches, leaves, is or passes");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 reaches 10.0.0.2", "10.0.0.2",
		"a port is missing");
	refused("test tcp from 2001:db8:f::9 to 2001:db8:a::2:1011 is closed",
		"2001:db8:a::2:1011", "behind IPv6 it wants brackets: [ADDRESS]:PORT");
	refused("test tcp from 203.0.113.9 to [2001:db8::1]:80 is closed", "[2001:db8::1]:80",
		"two families");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 reaches [2001:db8::1]:80",
		"[2001:db8::1]:80", "other family");
	refused("test scpt from 203.0.113.9 to 198.51.100.1:80 is closed", "scpt",
		"expected tcp, udp, icmp or ping");
	cut_short("test tcp from 203.0.113.9", "expected to");
	cut_short("test tcp from 203.0.113.9 to 198.51.100.1:80",
		  "expected reaches, leaves, is or passes");
}

static void messages(void **state)
{
	struct conf_test t = said("test ping from 203.0.113.9 to 198.51.100.1 is answered").test;

	(void)state;
	assert_int_equal(t.proto, MINATO_ICMP);
	assert_int_equal(t.type, CONF_TYPE_NAMED);
	assert_int_equal(t.destination.port, 0);
	canonical("test ping from inside 10.0.0.2 to 9.9.9.9 leaves from 198.51.100.1",
		  "test icmp echo-request from inside 10.0.0.2 to 9.9.9.9 leaves from "
		  "198.51.100.1");
	canonical("TEST ICMP from 2001:db8::1 to 2001:db8::2 reaches 2001:db8::2",
		  "test icmp echo-request from 2001:db8::1 to 2001:db8::2 reaches 2001:db8::2");
	same_form("test icmp 42 from 203.0.113.9 to 198.51.100.1 is dropped by line 7");
	same_form("test icmp timestamp from 203.0.113.9 to 198.51.100.1 is closed by quiet");
	refused("test ping from 203.0.113.9 to 198.51.100.1:7 is closed", "198.51.100.1:7",
		"no ports");
	refused("test ping from 203.0.113.9 to 198.51.100.1 reaches 10.0.0.2:7", "10.0.0.2:7",
		"no ports");
	refused("test icmp 256 from 203.0.113.9 to 198.51.100.1 is closed", "256", "0 to 255");
	refused("test icmp echo from 203.0.113.9 to 198.51.100.1 is closed", "echo",
		"echo-request");
	refused("test icmp timestamp from 2001:db8::1 to 2001:db8::2 is closed", "test",
		"no such type");
	refused("test icmp timestamp from 203.0.113.9 to 198.51.100.1 is answered", "answered",
		"pings alone");
	refused("test tcp from 203.0.113.9 to 198.51.100.1:80 is answered", "answered",
		"pings alone");
}

/* As they stand in the rules of a guest. */
static void guests(void **state)
{
	struct conf_test t =
		said("test program curl tcp from guest to API.example.com:https passes").test;

	(void)state;
	assert_true(t.guest && t.inside);
	assert_string_equal(t.program, "curl");
	assert_string_equal(t.host, "api.example.com");
	assert_int_equal(t.destination.port, 443);
	canonical("test program curl tcp from guest to API.example.com:https passes",
		  "test program curl tcp from guest to api.example.com:443 passes");
	same_form("test program /usr/bin/curl udp from guest to 192.0.2.1:53 is closed by line 2");
	same_form("test tcp from guest to [2001:db8::1]:443 is dropped");
	same_form("test tcp from 203.0.113.9:7 to self:22 is closed");
	same_form("test tcp from 2001:db8::9 to self:22 passes by ssh");
	same_form("test icmp echo-request from guest to 192.0.2.1 is closed");
	same_form("test icmp echo-request from guest to example.com is closed");
	same_form("test tcp from inside 10.0.2.100:99 to 192.0.2.1:80 passes");
	refused("test program bin/curl tcp from guest to 192.0.2.1:80 passes", "bin/curl",
		"from the root on");
	refused("test tcp from guest to self:80 passes", "self:80", "what comes in");
	refused("test tcp from 203.0.113.9 to example.com:80 passes", "example.com:80",
		"where a guest goes");
	refused("test tcp from guest to example.com passes", "example.com", "a port is missing");
	refused("test tcp from guest to -a.example:80 passes", "-a.example:80", "no name");
	refused("test tcp from 203.0.113.9 to self:22-23 passes", "self:22-23", "no range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes), cmocka_unit_test(without_ports),
		cmocka_unit_test(wrong),    cmocka_unit_test(messages),
		cmocka_unit_test(guests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
