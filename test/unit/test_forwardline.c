/* SPDX-License-Identifier: BSD-2-Clause */
/* forward and dmz: what can be said, what it means, and what makes no sense. */
#include "conf_fixture.h"

static void plain(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp http to 10.0.0.2").forward;
	assert_int_equal(f.protocols, CONF_TCP);
	assert_int_equal(f.run_count, 1);
	assert_int_equal(f.run[0].first, 80);
	assert_int_equal(f.to, CONF_TO_SERVERS);
	assert_int_equal(f.server_count, 1);
	assert_addr(&f.server[0].at.addr, "10.0.0.2");
	assert_int_equal(f.server[0].at.port, 0);
	assert_int_equal(f.server[0].weight, 1);
	canonical("forward tcp http to 10.0.0.2", "forward tcp 80 to 10.0.0.2");
	canonical("FORWARD UDP,TCP 80 , 443 TO 10.0.0.2", "forward tcp,udp 80, 443 to 10.0.0.2");
	/* The same port is as if none was said. */
	canonical("forward tcp 80 to 10.0.0.2:http", "forward tcp 80 to 10.0.0.2");
	canonical("forward tcp 80 to 10.0.0.2:8080", "forward tcp 80 to 10.0.0.2:8080");
}

static void ranges(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp,udp 5000-5999 to 10.0.0.3:6000").forward;
	assert_int_equal(f.server[0].at.port, 6000);
	assert_false(f.many_to_one);
	canonical("forward tcp,udp 5000-5999 to 10.0.0.3:6000",
		  "forward tcp,udp 5000-5999 to 10.0.0.3:6000-6999");
	same_form("forward tcp 5000-5999 to 10.0.0.3");
	canonical("forward tcp 5000-5999 to 10.0.0.3:5000-5999",
		  "forward tcp 5000-5999 to 10.0.0.3");
	refused("forward tcp 5000-5999 to 10.0.0.3:6000-6998", "10.0.0.3:6000-6998",
		"differ in length: 1000 and 999");
	refused("forward tcp 5000-5999 to 10.0.0.3:65000", "10.0.0.3:65000", "above port 65535");
	same_form("forward tcp 5000-5999 to 10.0.0.3:64536-65535");
	refused("forward tcp 80, 443 to 10.0.0.3:8080", "10.0.0.3:8080", "keep their numbers");
}

static void many_to_one(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp 5000-5999 all to 10.0.0.3:6000").forward;
	assert_true(f.many_to_one);
	assert_int_equal(f.server[0].at.port, 6000);
	same_form("forward tcp 5000-5999 all to 10.0.0.3:6000");
	same_form("forward tcp 80, 8080 all to 10.0.0.3:80");
	same_form("forward tcp 5000-5999 all to 10.0.0.3:5000");
	/* Of one port there is no difference. */
	canonical("forward tcp 80 all to 10.0.0.3:8080", "forward tcp 80 to 10.0.0.3:8080");
	canonical("forward tcp 80 all to 10.0.0.3:80", "forward tcp 80 to 10.0.0.3");
	refused("forward tcp 5000-5999 all to 10.0.0.3", "10.0.0.3", "needs a port");
	refused("forward tcp 5000-5999 all to 10.0.0.3:6000-6999", "10.0.0.3:6000-6999",
		"one port");
	refused("forward tcp 5000-5999 all to [2001:db8::2]:80", "[2001:db8::2]:80",
		"not translated");
	refused("forward tcp 80 all to unix:/run/x", "unix:/run/x", "no all to");
}

static void lists(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp https on 198.51.100.2 to 10.0.0.2, 10.0.0.3 weight 2, "
		 "10.0.0.4 drain sticky check every 5s")
		    .forward;
	assert_int_equal(f.server_count, 3);
	assert_int_equal(f.server[1].weight, 2);
	assert_true(f.server[2].drain);
	assert_true(f.sticky);
	assert_int_equal(f.check_s, 5);
	assert_addr(&f.on, "198.51.100.2");
	same_form("forward tcp 443 on 198.51.100.2 to 10.0.0.2, 10.0.0.3 weight 2, 10.0.0.4 drain "
		  "sticky check every 5s");
	same_form("forward tcp 443 to 10.0.0.2:8443 weight 65535 drain, 10.0.0.2");
	refused("forward tcp 80 to 10.0.0.2, 10.0.0.3, 10.0.0.2", "10.0.0.2", "twice");
	refused("forward tcp 80 to 10.0.0.2 weight 0", "0", "from 1 to 65535");
	refused("forward tcp 80-81 to 10.0.0.2, 10.0.0.3:90", "10.0.0.2", "keep its ports");
	same_form("forward tcp 80-81 all to 10.0.0.2:90, 10.0.0.3:91");
	cut_short("forward tcp 80 to 10.0.0.2,", "an address is missing");
}

static void server_bound(void **state)
{
	char line[CONF_LINE_MAX];
	size_t used = (size_t)snprintf(line, sizeof(line), "forward tcp 80 to 10.0.1.0");

	(void)state;
	for (unsigned i = 1; i < CONF_SERVERS_MAX; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, ", 10.0.1.%u", i);
	assert_int_equal(said(line).forward.server_count, CONF_SERVERS_MAX);
	same_form(line);
	snprintf(line + used, sizeof(line) - used, ", 10.0.2.1");
	refused(line, "10.0.2.1", "more than 64 servers");
}

static void ipv6(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp http to 2001:db8::2").forward;
	assert_int_equal(f.to, CONF_TO_OPEN);
	assert_int_equal(f.server[0].at.port, 0);
	assert_int_equal(f.server[0].weight, 1);
	canonical("forward tcp http to [2001:db8::2]:80", "forward tcp 80 to 2001:db8::2");
	canonical("forward udp 5-6 to [2001:db8::2]:5-6 from 2001:db8:1::/48 at most 3 connections",
		  "forward udp 5-6 to 2001:db8::2 from 2001:db8:1::/48 at most 3 connections");
	refused("forward tcp 80 to [2001:db8::2]:81", "[2001:db8::2]:81", "stay as they are");
	refused("forward tcp 80-82 to [2001:db8::2]:80-81", "[2001:db8::2]:80-81",
		"stay as they are");
	refused("forward tcp 80 to 2001:db8::2, 2001:db8::3", "2001:db8::3", "stands alone");
	refused("forward tcp 80 to 2001:db8::2, 10.0.0.2", "10.0.0.2", "stands alone");
	refused("forward tcp 80 to 10.0.0.2, 2001:db8::2", "2001:db8::2", "stands alone");
	refused("forward tcp 80 on 198.51.100.1 to 2001:db8::2", "2001:db8::2", "not");
	refused("forward tcp 80 on 2001:db8::1 to 10.0.0.2", "2001:db8::1", "IPv4 address of ours");
	refused("forward tcp 80 to 2001:db8::2 sticky", "sticky", "list of servers");
	refused("forward tcp 80 to 2001:db8::2 proxy v2", "proxy", "opened as it is");
	refused("forward tcp 80 to 2001:db8::2 check every 1s", "check", "for servers");
	refused("forward tcp 80 to 2001:db8::2 from 10.0.0.0/8", "10.0.0.0/8", "never match");
	refused("forward tcp 80 to 10.0.0.2 from 2001:db8::/32", "2001:db8::/32", "never match");
}

static void sockets(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp 9000 to unix:/run/app.sock proxy v1").forward;
	assert_int_equal(f.to, CONF_TO_SOCKET);
	assert_string_equal(f.path, "/run/app.sock");
	assert_int_equal(f.proxy, 1);
	same_form("forward tcp 9000 to unix:/run/app.sock proxy v2 at most 9 per source named app");
	refused("forward udp 9000 to unix:/run/app.sock", "unix:/run/app.sock", "only tcp");
	refused("forward tcp 9000 to unix:/run/app.sock sticky", "sticky", "list of servers");
	refused("forward tcp 9000 to unix:/a, 10.0.0.2", ",", "no comma may stand here");
	refused("forward tcp,udp 9000 to 10.0.0.2 proxy v1", "proxy", "tcp alone");
	refused("forward tcp 9000 to 10.0.0.2 proxy v3", "v3", "expected v1 or v2");
	refused("forward tcp 80 on 10.0.0.1 to unix:/a from fd00::/8", "fd00::/8", "never match");
}

static void clauses(void **state)
{
	struct conf_forward f;

	(void)state;
	f = said("forward tcp 80 to 10.0.0.2 named web for 2h at most 10 per source from "
		 "203.0.113.0/24, 192.0.2.7 at most 100 connections")
		    .forward;
	assert_int_equal(f.source_count, 2);
	assert_int_equal(f.flows_max, 100);
	assert_int_equal(f.source_flows_max, 10);
	canonical("forward tcp 80 to 10.0.0.2 named web for 120m at most 10 per source from "
		  "203.0.113.0/24, 192.0.2.7 at most 100 connections",
		  "forward tcp 80 to 10.0.0.2 from 203.0.113.0/24, 192.0.2.7/32 at most 100 "
		  "connections at most 10 per source for 2h named web");
	same_form("forward tcp 80 to 10.0.0.2 until 2026-12-01 08:05");
	refused("forward tcp 80 to 10.0.0.2 for 2h until 18:00", "until", "said together");
	refused("forward tcp 80 to 10.0.0.2 named a named b", "named", "said twice");
	refused("forward tcp 80 to 10.0.0.2 at most 1 connections at most 2 connections", "2",
		"this bound is said twice");
	refused("forward tcp 80 to 10.0.0.2 at most 5 people", "people",
		"expected connections, per or flows");
	canonical("forward udp 80 to 10.0.0.2 at most 5 flows",
		  "forward udp 80 to 10.0.0.2 at most 5 connections");
	refused("forward tcp 80 to 10.0.0.2 from 10.0.0.0/8, 10.1.0.0/16", "10.1.0.0/16",
		"before it holds this one");
	refused("forward tcp 80 to 10.0.0.2 from 10.1.0.0/16, 10.0.0.0/8", "10.0.0.0/8",
		"holds one before it");
	refused("forward tcp 80 to 10.0.0.2 from 10.1.0.0/16, fd00::/8", "fd00::/8", "in one list");
	refused("forward udp 80 to 10.0.0.2 check every 5s", "check", "this forward has none");
	refused("forward tcp 80 to 10.0.0.2 frm 10.0.0.0/8", "frm",
		"expected sticky, check, proxy");
	assert_true(may_stand(&report.fault[0], "from"));
}

static void incomplete(void **state)
{
	(void)state;
	cut_short("forward", "expected tcp or udp");
	cut_short("forward tcp", "a port is missing");
	cut_short("forward tcp 80", "expected on, all or to");
	cut_short("forward tcp 80 to", "an address is missing");
	cut_short("forward tcp 80 on 198.51.100.1", "expected all or to");
	cut_short("forward tcp 80 all", "expected to");
	refused("forward tcp 80 too 10.0.0.2", "too", "expected on, all or to");
	refused("forward tcp,tcp 80 to 10.0.0.2", "tcp", "named twice");
	refused("forward sctp 80 to 10.0.0.2", "sctp", "expected tcp or udp");
}

static void dmz(void **state)
{
	struct conf_dmz d;

	(void)state;
	d = said("dmz 10.0.0.9 except tcp ssh, 8080, udp 53, tcp,udp 9 on 198.51.100.1").dmz;
	assert_int_equal(d.except_count, 4);
	assert_int_equal(d.except[0].run.first, 22);
	assert_int_equal(d.except[1].protocols, CONF_TCP);
	assert_int_equal(d.except[2].protocols, CONF_UDP);
	assert_int_equal(d.except[3].protocols, CONF_TCP | CONF_UDP);
	same_form("dmz 10.0.0.9");
	canonical(
		"dmz 10.0.0.9 except 7, tcp ssh, 8080-8090 on 198.51.100.1 named rest",
		"dmz 10.0.0.9 on 198.51.100.1 except tcp,udp 7, tcp 22, tcp 8080-8090 named rest");
	same_form("dmz 10.0.0.9 from 203.0.113.0/24 at most 5 connections at most 1 per source for "
		  "1d12h");
	refused("dmz 10.0.0.9 except 80-90, tcp 85", "85", "left out already");
	refused("dmz 2001:db8::9", "2001:db8::9", "IPv4 host");
	refused("dmz 10.0.0.9 from fd00::/8", "fd00::/8", "never match");
	refused("dmz 10.0.0.9 to", "to", "expected on, except");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),	cmocka_unit_test(ranges),
		cmocka_unit_test(many_to_one),	cmocka_unit_test(lists),
		cmocka_unit_test(server_bound), cmocka_unit_test(ipv6),
		cmocka_unit_test(sockets),	cmocka_unit_test(clauses),
		cmocka_unit_test(incomplete),	cmocka_unit_test(dmz),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
