/* SPDX-License-Identifier: BSD-2-Clause */
/* What the statements of a file say together: what leads nowhere, and what can never match. */
#include "conf_fixture.h"

#include "conf/reader.h"

#define EACH CONF_ERROR, LINKS_LINES + 1
#define WARN CONF_WARNING, LINKS_LINES + 1

static void sides(void **state)
{
	(void)state;
	one_fault("inside eth1 10.0.0.1/24\n", CONF_ERROR, 1, "eth1",
		  "no line says what is outside");
	one_fault("outside eth1 10.0.0.1/24\n", CONF_ERROR, 1, "eth1",
		  "no line says what is inside");
	one_fault("nat hairpin off\n", CONF_ERROR, 1, "hairpin", "no line says what is inside");
	/* A line that was not understood may be the one that is missing. */
	one_fault("inside eth1 10.0.0.1/24\noutsite eth0 198.51.100.1/24\n", CONF_ERROR, 2,
		  "outsite", "expected");
}

static void tests_by_nobody(void **state)
{
	static const char text[] = LINKS "forward tcp 80 to 10.0.0.2 named web\n"
					 "test tcp from 203.0.113.9 to 198.51.100.1:80 is closed ";
	char all[512];

	(void)state;
	snprintf(all, sizeof(all), "%sby line 99\n", text);
	one_fault(all, CONF_ERROR, LINKS_LINES + 2, "by line 99", "in line 99 stands no rule");
	snprintf(all, sizeof(all), "%sby line 2\n", text);
	one_fault(all, CONF_ERROR, LINKS_LINES + 2, "by line 2", "in line 2 stands no rule");
	snprintf(all, sizeof(all), "%sby wep\n", text);
	one_fault(all, CONF_ERROR, LINKS_LINES + 2, "by wep", "is called wep");
	snprintf(all, sizeof(all), "%sby web\n", text);
	no_fault(all);
	snprintf(all, sizeof(all), "%sby line 3\n", text);
	no_fault(all);
}

static void links(void **state)
{
	(void)state;
	one_fault(LINKS "inside eth1 10.0.1.1/24\n", EACH, "eth1", "eth1 is a link already");
	assert_int_equal(report.fault[0].other, 1);
	no_fault(LINKS "inside eth1 10.0.1.1/24 in namespace blue\n");
	one_fault(LINKS "inside eth2 10.0.0.129/25\n", EACH, "10.0.0.129/25", "on two links");
	one_fault(LINKS "inside eth2 198.51.100.1/24\n", EACH, "198.51.100.1/24", "one address");
	one_fault(LINKS "inside eth2 127.0.0.1/8\n", EACH, "127.0.0.1/8", "on no link");
	/* Both sides may use one range (RFC 4787 REQ-7), but of IPv6, which is routed. */
	one_fault("inside eth1 10.0.0.1/24\noutside eth0 10.0.0.2/24\n", CONF_WARNING, 2,
		  "10.0.0.2/24", "inside and outside");
	one_fault("inside eth1 10.0.0.1/24\noutside eth0 198.51.100.1/24, 10.0.0.5/24\n",
		  CONF_WARNING, 2, "198.51.100.1/24, 10.0.0.5/24", "inside and outside");
	assert_int_equal(report.fault[0].other, 1);
	one_fault("inside eth1 fd00::1/64\noutside eth0 fd00::2/64\n", CONF_ERROR, 2, "fd00::2/64",
		  "on two links");
	one_fault("inside eth1 10.0.0.1/24\noutside host\noutside host\n", CONF_ERROR, 3, "host",
		  "outside already");
	one_fault("inside eth1 10.0.0.1/24\noutside host\noutside eth0 198.51.100.1/24\n",
		  CONF_ERROR, 3, "eth0", "no other outside");
}

static void too_many_links(void **state)
{
	char text[1024] = LINKS;
	size_t used = strlen(text);

	(void)state;
	for (int i = LINKS_LINES; i < MINATO_LINKS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "inside lan%d 10.%d.0.1/24\n", i, i);
	no_fault(text);
	snprintf(text + used, sizeof(text) - used, "inside one 10.77.0.1/24\n");
	one_fault(text, CONF_ERROR, MINATO_LINKS_MAX + 1, "one", "more than 8 links");
}

static void routes(void **state)
{
	(void)state;
	no_fault(LINKS "route 10.1.0.0/16 via 10.0.0.5\n");
	one_fault(LINKS "route 10.1.0.0/16 via 10.9.0.5\n", EACH, "10.9.0.5",
		  "no link has a prefix");
	one_fault(LINKS "route 10.1.0.0/16 via 10.0.0.1\n", EACH, "10.0.0.1", "our own");
}

static void pools(void **state)
{
	static const char two[] = LINKS "outside eth2 192.0.2.1/24\n";
	char text[256];

	(void)state;
	no_fault(LINKS "pool 198.51.100.16/28\n");
	one_fault("inside eth1 10.0.0.1/24\noutside eth0 198.51.100.1/24 via 198.51.100.254\n"
		  "pool 198.51.100.254\n",
		  CONF_ERROR, 3, "198.51.100.254", "198.51.100.254 is a router");
	assert_int_equal(report.fault[0].other, 2);
	/* It is told there, and not of each forward to a host in it. */
	one_fault(LINKS "pool 10.0.0.0/28\nforward tcp 80 to 10.0.0.2\n", CONF_ERROR,
		  LINKS_LINES + 1, "10.0.0.0/28", "of hosts inside");
	assert_int_equal(report.fault[0].other, 1);
	one_fault(LINKS "route 10.9.0.0/16 via 10.0.0.7\npool 10.9.1.0/30\n", CONF_ERROR,
		  LINKS_LINES + 2, "10.9.1.0/30", "of hosts inside");
	one_fault(LINKS "pool 198.51.100.16/30 ports 1000-2000\n", CONF_WARNING, LINKS_LINES + 1,
		  "1000-2000", "below 1024");
	one_fault(LINKS "pool 198.51.100.16/30 ports 40000-40099\n", CONF_WARNING, LINKS_LINES + 1,
		  "40000-40099", "has 100 ports");
	no_fault(LINKS "pool 198.51.100.16/30 ports 40000-40239\n");
	one_fault(LINKS "pool 198.51.100.16/28 on eth7\n", EACH, "eth7",
		  "no outside link is called eth7");
	one_fault(LINKS "pool 198.51.100.16/28 on eth1\n", EACH, "eth1", "no outside link");
	snprintf(text, sizeof(text), "%spool 198.51.100.16/28\n", two);
	one_fault(text, CONF_ERROR, 4, "198.51.100.16/28", "say on which");
	snprintf(text, sizeof(text), "%spool 198.51.100.16/28 on eth2\n", two);
	no_fault(text);
	one_fault(LINKS "pool 203.0.100.0/22\npool 198.51.101.1\n", CONF_ERROR, 4, "198.51.101.1",
		  "more than 1024 addresses together");
	one_fault("inside eth1 10.0.0.1/24\noutside host\npool 198.51.100.16/28\n", CONF_ERROR, 3,
		  "198.51.100.16/28", "no pool");
}

/* Each says what it is that cannot be, where it stands. */
static void over_the_hosts_sockets(void **state)
{
#define HOSTS "inside eth1 10.0.0.1/24\noutside host\n"
	(void)state;
	no_fault(HOSTS "forward tcp 80 to 10.0.0.2\nlisten systemd\n");
	no_fault(HOSTS "inside eth2 10.1.0.1/24\nforward tcp 80 to 10.1.0.2\n");
	one_fault(HOSTS "dmz 10.0.0.9\n", CONF_ERROR, 3, "10.0.0.9", "there is no dmz");
	no_fault(HOSTS "forward tcp 80 to unix:/run/x proxy v2 at most 5 connections\n");
	no_fault(HOSTS "forward tcp 80 to 10.0.0.2, 10.0.0.3 check every 1s proxy v1\n"
		       "forward tcp 81-82 all to 10.0.0.2:81 at most 5 connections\n"
		       "drain 10.0.0.3\n");
	no_fault(HOSTS "nat at most 9 tcp ports per host\n");
	one_fault(HOSTS "nat timeout icmp 2m\n", CONF_WARNING, 3, "timeout icmp",
		  "nothing is translated");
	no_fault(HOSTS "inside eth2 10.1.0.1/24\nnat timeout icmp 2m\n");
	one_fault(HOSTS "nat hairpin off\n", CONF_WARNING, 3, "hairpin", "nothing is translated");
	one_fault(HOSTS "listen systemd\nlisten systemd\n", CONF_ERROR, 4, "systemd",
		  "said already");
	one_fault(LINKS "listen systemd\n", EACH, "systemd", "'outside host' alone");
}

static void servers(void **state)
{
	(void)state;
	one_fault(LINKS "forward tcp 80 to 10.9.0.2\n", WARN, "10.9.0.2",
		  "10.9.0.2 is on no inside link, and no route leads there");
	no_fault(LINKS "route 10.9.0.0/16 via 10.0.0.5\nforward tcp 80 to 10.9.0.2\n");
	one_fault(LINKS "forward tcp 80 to 198.51.100.7\n", WARN, "198.51.100.7",
		  "on no inside link");
	one_fault(LINKS "forward tcp 80 to 10.0.0.1\n", EACH, "10.0.0.1", "the gateway itself");
	one_fault(LINKS "dmz 198.51.100.1\n", EACH, "198.51.100.1", "the gateway itself");
	one_fault(LINKS "forward tcp 80 to 10.0.0.255\n", EACH, "10.0.0.255",
		  "the broadcast address of its link");
	no_fault("inside eth1 10.0.0.1/31\n"
		 "outside eth0 198.51.100.1/24\ndmz 10.0.0.0\n");
	one_fault(LINKS "dmz 127.0.0.1\n", EACH, "127.0.0.1", "a host's own");
	/* A port behind an address without brackets is a part of it. */
	one_fault("inside eth1 10.0.0.1/24, 2001:db8:1::1/64\noutside eth0 198.51.100.1/24\n"
		  "forward tcp 8088 to 2001:db8:1::2:8087\n",
		  WARN, "2001:db8:1::2:8087", "8087 is the end of the address");
	no_fault("inside eth1 10.0.0.1/24, 2001:db8:1::1/64\noutside eth0 198.51.100.1/24\n"
		 "forward tcp 8088 to 2001:db8:1::2\n");
	one_fault("inside eth1 10.0.0.1/24, 2001:db8:1::1/64\noutside eth0 198.51.100.1/24\n"
		  "forward tcp 81 to 2001:db8:1::2:80\n",
		  WARN, "2001:db8:1::2:80", "80 is the end of the address");
	/* So hosts are numbered: after their service, or by what no service has. */
	no_fault("inside eth1 10.0.0.1/24, 2001:db8:1::1/64\noutside eth0 198.51.100.1/24\n"
		 "forward tcp 81 to 2001:db8:1::80\nforward tcp 82 to 2001:db8:1::2:17\n");
	one_fault(LINKS "forward tcp 80 to 2001:db8::2\n", WARN, "2001:db8::2",
		  "on no inside link");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2 drain, 10.0.0.3 drain\n", WARN,
		  "10.0.0.2 drain, 10.0.0.3 drain", "no server is left");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2 weight 2\n", WARN, "10.0.0.2 weight 2",
		  "one server alone");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2 sticky\n", WARN, "10.0.0.2",
		  "one server alone");
}

static void clauses(void **state)
{
	(void)state;
	one_fault(LINKS "forward tcp 80 on 198.51.100.2 to 10.0.0.2\n", EACH, "198.51.100.2",
		  "no outside link and no pool has the address 198.51.100.2");
	no_fault(LINKS "pool 198.51.100.2\nforward tcp 80 on 198.51.100.2 to 10.0.0.2\n");
	one_fault(LINKS "dmz 10.0.0.9 on 10.0.0.1\n", EACH, "10.0.0.1", "no outside link");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2 from 192.0.2.0/24, 10.0.0.128/25\n", WARN,
		  "192.0.2.0/24, 10.0.0.128/25", "never match: these hosts are inside");
	assert_int_equal(report.fault[0].other, 1);
	no_fault(LINKS "forward tcp 80 to 10.0.0.2 from 10.0.0.0/8\n");
	one_fault(LINKS "dmz 10.0.0.9 from 10.0.0.7\n", WARN, "10.0.0.7", "these hosts are inside");
	one_fault(LINKS "forward tcp 80 to 10.0.0.2 at most 5 connections at most 6 per source\n",
		  WARN, "tcp 80", "at most 6 per source is never reached");
	one_fault(LINKS "dmz 10.0.0.9 except 1-40000, 40001-65535\n", WARN, "1-40000, 40001-65535",
		  "every port is left out");
	no_fault(LINKS "dmz 10.0.0.9 except tcp 1-65535\n");
}

static void capacities(void **state)
{
	(void)state;
	no_fault(LINKS "capacity 10000000 sessions\n");
	one_fault(LINKS "capacity 100000000 sessions\n", EACH, "100000000 sessions",
		  "cannot have so many");
	one_fault(LINKS "capacity 16000000 sessions\ncapacity 16000000 mappings\n"
			"capacity 16777217 hosts\n",
		  CONF_ERROR, LINKS_LINES + 3, "16777217 hosts", "cannot have so many");
}

static void nat(void **state)
{
	(void)state;
	one_fault(LINKS "nat at most 5 new ports at once per host\n", WARN,
		  "at most 5 new ports at once per host", "changes nothing");
	no_fault(LINKS "nat at most 5 new ports at once per host\n"
		       "nat at most 2 new ports per second per host\n");
	one_fault(LINKS "nat timeout udp-short 6m\n", WARN, "timeout udp-short",
		  "longer than the other one (300s)");
	no_fault(LINKS "nat timeout udp-short 6m\nnat timeout udp 7m\n");
}

static void ftp(void **state)
{
#define CONTROL "forward tcp ftp to 10.0.0.2\n"
	(void)state;
	one_fault(LINKS CONTROL, WARN, "tcp ftp",
		  "the server's passive ports need a forward too, as 'forward tcp 50000-50099 to "
		  "10.0.0.2'");
	one_fault(LINKS "forward tcp 2121 to 10.0.0.2:21\n", WARN, "tcp 2121", "(no ALG)");
	/* Once. */
	one_fault(LINKS CONTROL "forward tcp 2121 to 10.0.0.3:21\n", WARN, "tcp ftp", "10.0.0.2");
	one_fault(LINKS CONTROL "forward tcp 50000-50099 to 10.0.0.2\n"
				"forward tcp 2121 to 10.0.0.3:21\n",
		  CONF_WARNING, LINKS_LINES + 3, "tcp 2121", "10.0.0.3");
	one_fault(LINKS "forward tcp 21, 2121 to 10.0.0.2, 10.0.0.3\n"
			"forward tcp 50000-50099 to 10.0.0.2\n",
		  WARN, "tcp 21, 2121", "10.0.0.3");
	/* To the same host, and as that says. */
	one_fault(LINKS CONTROL "forward tcp 50000-50099 to 10.0.0.3\n"
				"forward tcp 60000-60099 to 10.0.0.2:50000\n"
				"forward udp 50000-50099 to 10.0.0.2\nforward tcp http to "
				"10.0.0.2\nforward tcp 8080 to 10.0.0.2\n",
		  WARN, "tcp ftp", "passive ports");
	no_fault(LINKS CONTROL "forward tcp 50000-50099 to 10.0.0.2\n");
	no_fault(LINKS CONTROL "forward tcp 50000-50099 to 10.0.0.2:50000\n");
	no_fault(LINKS CONTROL "forward tcp 50000 to 10.0.0.2\n");
	no_fault(LINKS CONTROL "dmz 10.0.0.2\n");
	no_fault(LINKS "forward tcp 1-100 to 10.0.0.2\nforward udp ftp to 10.0.0.3\n");
}

static void many_routes(void **state)
{
	size_t size = 65536;
	char *text = malloc(size);
	size_t used = (size_t)snprintf(text, size, "%s", LINKS);

	(void)state;
	for (unsigned i = 0; i < CONF_ROUTES_MAX; i++)
		used += (size_t)snprintf(text + used, size - used,
					 "route 20.%u.%u.0/24 via 10.0.0.5\n", i / 256, i % 256);
	no_fault(text);
	snprintf(text + used, size - used, "route 21.0.0.0/8 via 10.0.0.5\n");
	one_fault(text, CONF_ERROR, LINKS_LINES + CONF_ROUTES_MAX + 1, "21.0.0.0/8",
		  "more than 1024 routes");
	free(text);
}

static void within(void **state)
{
	struct conf_prefix p = { address("10.0.0.0"), 96 + 23 };
	struct minato_addr addr = address("10.0.1.255");

	(void)state;
	assert_true(judge_within(&p, &addr));
	addr = address("10.0.2.0");
	assert_false(judge_within(&p, &addr));
	p.length = 0;
	assert_true(judge_within(&p, &addr));
	p = (struct conf_prefix){ address("2001:db8::1"), 128 };
	addr = address("2001:db8::1");
	assert_true(judge_within(&p, &addr));
	addr = address("2001:db8::");
	assert_false(judge_within(&p, &addr));
	p.length = 127;
	assert_true(judge_within(&p, &addr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sides),
		cmocka_unit_test(tests_by_nobody),
		cmocka_unit_test(links),
		cmocka_unit_test(too_many_links),
		cmocka_unit_test(routes),
		cmocka_unit_test(pools),
		cmocka_unit_test(over_the_hosts_sockets),
		cmocka_unit_test(servers),
		cmocka_unit_test(clauses),
		cmocka_unit_test(within),
		cmocka_unit_test(capacities),
		cmocka_unit_test(nat),
		cmocka_unit_test(ftp),
		cmocka_unit_test(many_routes),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
