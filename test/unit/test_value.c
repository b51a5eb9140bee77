/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, times, addresses, prefixes, ports and names, by statements that have them. */
#include "conf_fixture.h"

static void numbers(void **state)
{
	(void)state;
	assert_int_equal(said("capacity 1 sessions").capacity.value, 1);
	assert_int_equal(said("capacity 100000000 sessions").capacity.value, 100000000);
	refused("capacity 0 sessions", "0", "from 1 to 100000000");
	refused("capacity 100000001 sessions", "100000001", "from 1 to");
	refused("capacity 99999999999 sessions", "99999999999", "is a number from 1 to 100000000");
	refused("limit smtp to 99999999999999999999 per second", "99999999999999999999",
		"a limit is a number from 1 to ");
	refused("capacity 1k sessions", "1k", "whole number");
	refused("capacity -1 sessions", "-1", "whole number");
	cut_short("capacity", "a capacity is missing");
}

static uint32_t span(const char *text)
{
	char line[64];

	snprintf(line, sizeof(line), "nat timeout udp-short %s", text);
	return said(line).nat.value;
}

static void spans(void **state)
{
	(void)state;
	assert_int_equal(span("90s"), 90);
	assert_int_equal(span("5m"), 300);
	assert_int_equal(span("2h"), 7200);
	assert_int_equal(span("1d"), 86400);
	assert_int_equal(span("1d2h3m4s"), 93784);
	assert_int_equal(span("30d"), 30 * 86400);
	refused("nat timeout udp-short 31d", "31d", "from 1 to 2592000 seconds");
	refused("nat timeout udp-short 9999999999d9999999999d", "9999999999d9999999999d",
		"seconds");
	refused("nat timeout udp-short 90", "90", "s, m, h or d");
	refused("nat timeout udp-short m", "m", "s, m, h or d");
	refused("nat timeout udp-short 5x", "5x", "s, m, h or d");
	refused("nat timeout udp-short 5m3", "5m3", "s, m, h or d");
	cut_short("nat timeout udp-short", "a time (90s, 5m, 2h, 1d) is missing");
}

static struct conf_term term(const char *text)
{
	char line[96];

	snprintf(line, sizeof(line), "dmz 10.0.0.9 %s", text);
	return said(line).dmz.term;
}

static void terms(void **state)
{
	struct conf_term t;

	(void)state;
	t = term("until 18:00");
	assert_int_equal(t.sort, CONF_TERM_CLOCK);
	assert_int_equal(t.hour * 100 + t.minute, 1800);
	t = term("until 2028-02-29 00:59");
	assert_int_equal(t.sort, CONF_TERM_DATE);
	assert_int_equal(t.year * 10000 + t.month * 100 + t.day, 20280229);
	assert_int_equal(t.minute, 59);
	t = term("for 2h30m");
	assert_int_equal(t.sort, CONF_TERM_SPAN);
	assert_int_equal(t.seconds, 9000);
	refused("dmz 10.0.0.9 until 24:00", "24:00", "time of day");
	refused("dmz 10.0.0.9 until 7:00", "7:00", "time of day");
	refused("dmz 10.0.0.9 until 18:60", "18:60", "time of day");
	refused("dmz 10.0.0.9 until 2026-02-29 10:00", "2026-02-29", "no day");
	refused("dmz 10.0.0.9 until 2100-02-29 10:00", "2100-02-29", "no day");
	refused("dmz 10.0.0.9 until 2026-13-01 10:00", "2026-13-01", "no day");
	refused("dmz 10.0.0.9 until 2026-11-31 10:00", "2026-11-31", "no day");
	refused("dmz 10.0.0.9 until 26-11-30 10:00", "26-11-30", "no day");
	cut_short("dmz 10.0.0.9 until 2026-11-30", "the time of that day");
	refused("dmz 10.0.0.9 for 366d", "366d", "seconds");
	refused("dmz 10.0.0.9 for 0s", "0s", "from 1 to");
}

static void addresses(void **state)
{
	struct conf_statement s = said("dmz 10.0.0.9");

	(void)state;
	assert_addr(&s.dmz.host, "10.0.0.9");
	refused("dmz 10.0.0.256", "10.0.0.256", "no address");
	refused("dmz www.example.com", "www.example.com", "names are not looked up");
	refused("dmz 0.0.0.0", "0.0.0.0", "not an address of one host");
	refused("dmz 224.0.0.1", "224.0.0.1", "not an address of one host");
	refused("dmz 255.255.255.255", "255.255.255.255", "not an address of one host");
	refused("dmz ,", ",", "an address is missing");
}

static void prefixes(void **state)
{
	struct conf_prefix p;

	(void)state;
	p = said("never translate 192.0.2.0/24").never;
	assert_int_equal(p.length, 96 + 24);
	assert_int_equal(said("never translate 0.0.0.0/0").never.length, 96);
	assert_int_equal(said("never translate 192.0.2.7").never.length, 128);
	p = said("route 2001:db8::/32 via 2001:db9::1").route.to;
	assert_int_equal(p.length, 32);
	refused("never translate 192.0.2.1/24", "192.0.2.1/24", "the network is 192.0.2.0/24");
	refused("route 2001:db8::1/32 via ::1", "2001:db8::1/32", "the network is 2001:db8::/32");
	refused("never translate 192.0.2.0/33", "33", "0 to 32");
	refused("route 2001:db8::/129 via ::1", "129", "0 to 128");
	refused("never translate 192.0.2.0/x", "x", "0 to 32");
	refused("inside eth1 10.0.0.1", "10.0.0.1", "as in 10.0.0.1/24");
	refused("inside eth1 fd00::1", "fd00::1", "as in fd00::1/64");
}

static struct conf_run ports(const char *text)
{
	char line[96];

	snprintf(line, sizeof(line), "reserve tcp %s", text);
	return said(line).reserve.run[0];
}

static void runs(void **state)
{
	(void)state;
	assert_int_equal(ports("1").first, 1);
	assert_int_equal(ports("65535").last, 65535);
	assert_int_equal(ports("5000-5999").first, 5000);
	assert_int_equal(ports("5000-5999").last, 5999);
	assert_int_equal(ports("https").first, 443);
	assert_int_equal(ports("HTTPS").last, 443);
	assert_int_equal(ports("ftp-data").first, 20);
	refused("reserve tcp 0", "0", "the lowest is 1");
	refused("reserve tcp 65536", "65536", "the highest is 65535");
	refused("reserve tcp 99999999999999999999", "99999999999999999999", "the highest");
	refused("reserve tcp 6000-5000", "6000-5000", "reversed: 5000-6000");
}

static void run_pieces(void **state)
{
	struct conf_statement s;

	(void)state;
	assert_int_not_equal(conf_statement_read(&s, "reserve tcp 5000-70000", &report), 0);
	assert_int_equal(report.fault[0].column, 17);
	assert_int_equal(report.fault[0].length, 5);
	refused("reserve tcp 10-20-30", "20-30", "no port");
	refused("reserve tcp 80, 90, 70-85", "70-85", "port 80 is named twice");
	assert_int_not_equal(conf_statement_read(&s, "reserve tcp 80,,90", &report), 0);
	assert_string_equal(report.fault[0].what, "a port is missing");
	assert_int_equal(report.fault[0].column, 15);
	cut_short("reserve tcp 5000-", "no port");
}

static void services(void **state)
{
	struct conf_statement s;

	(void)state;
	refused("reserve tcp htpps", "htpps", "no service is called htpps");
	assert_true(report.fault[0].service);
	refused("reserve tcp http-alt", "http-alt", "is a name of 591 and of 8008: say which");
	/* Both protocols, but one of them alone has the name, or another number. */
	assert_int_equal(said("reserve domain").reserve.run[0].first, 53);
	assert_int_not_equal(conf_statement_read(&s, "reserve tcp 0x50", &report), 0);
}

static void ends(void **state)
{
	struct conf_test t;

	(void)state;
	t = said("test tcp from 192.0.2.1 to 198.51.100.1:http is closed").test;
	assert_int_equal(t.source.port, 0);
	assert_int_equal(t.destination.port, 80);
	t = said("test udp from [2001:db8::1]:9 to [2001:db8::2]:53 is closed").test;
	assert_int_equal(t.source.port, 9);
	assert_addr(&t.destination.addr, "2001:db8::2");
	t = said("test udp from 2001:db8::1 to [2001:db8::2]:53 is closed").test;
	assert_addr(&t.source.addr, "2001:db8::1");
	refused("test tcp from [2001:db8::1 to x is closed", "[", "not closed");
	refused("test tcp from [::1]x to 1.2.3.4:5 is closed", "x", "behind the bracket");
	refused("test tcp from 192.0.2.1 to 198.51.100.1 is closed", "198.51.100.1",
		"port is missing");
	refused("test tcp from 192.0.2.1 to 198.51.100.1:1-2 is closed", "198.51.100.1:1-2",
		"one port");
	refused("test tcp from 192.0.2.300:7 to 198.51.100.1:1 is closed", "192.0.2.300",
		"no address");
}

static void names_and_paths(void **state)
{
	char line[256];
	char path[128];

	(void)state;
	assert_string_equal(said("dmz 10.0.0.9 named a.B_c-9").name, "a.B_c-9");
	refused("dmz 10.0.0.9 named a/b", "a/b", "letters, digits");
	refused("dmz 10.0.0.9 named aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "at most 31 bytes");
	assert_string_equal(said("state /var/lib/minato/gateway.db").state,
			    "/var/lib/minato/gateway.db");
	refused("state var/lib", "var/lib", "begin with a slash");
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[107] = 0;
	snprintf(line, sizeof(line), "forward tcp 80 to unix:%s", path);
	assert_string_equal(said(line).forward.path, path);
	path[107] = 'a';
	path[108] = 0;
	snprintf(line, sizeof(line), "forward tcp 80 to unix:%s", path);
	refused(line, path, "at most 107 bytes");
	refused("forward tcp 80 to unix:run/app", "run/app", "from the root on");
	refused("inside eth/1 10.0.0.1/24", "eth/1", "no interface can be called so");
	refused("inside aaaaaaaaaaaaaaaa 10.0.0.1/24", "aaaaaaaaaaaaaaaa", "at most 15 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),    cmocka_unit_test(spans),
		cmocka_unit_test(terms),      cmocka_unit_test(addresses),
		cmocka_unit_test(prefixes),   cmocka_unit_test(runs),
		cmocka_unit_test(run_pieces), cmocka_unit_test(services),
		cmocka_unit_test(ends),	      cmocka_unit_test(names_and_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
