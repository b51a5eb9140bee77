/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that repeat each other, or take what another one says it has. */
#include "conf_fixture.h"

#define LATER LINKS_LINES + 2

static void twice(const char *first, const char *second, const char *where, const char *says)
{
	char text[512];

	snprintf(text, sizeof(text), LINKS "%s\n%s\n", first, second);
	one_fault(text, CONF_ERROR, LATER, where, says);
	assert_int_equal(report.fault[0].other, LINKS_LINES + 1);
}

static void fine(const char *first, const char *second)
{
	char text[512];

	snprintf(text, sizeof(text), LINKS "%s\n%s\n", first, second);
	no_fault(text);
}

static void said_once(void **state)
{
	(void)state;
	twice("nat hairpin on", "nat hairpin off", "hairpin", "said already");
	twice("nat at most 5 udp ports per host", "nat at most 6 udp ports per host",
	      "at most 6 udp ports per host", "said already");
	fine("nat filtering address", "nat udp filtering endpoint");
	twice("capacity 5 sessions", "capacity 6 sessions", "6 sessions", "said already");
	twice("state /a", "state /b", "/b", "said already");
	twice("scans answer nothing", "scans answer silence for 5m", "answer silence",
	      "said already");
	twice("alert file /a", "alert file /b", "file /b", "said already");
	fine("alert file /a", "alert syslog");
	twice("route 10.1.0.0/16 via 10.0.0.5", "route 10.1.0.0/16 via 10.0.0.6", "10.1.0.0/16",
	      "said already");
	fine("route 10.1.0.0/16 via 10.0.0.5", "route 10.1.1.0/24 via 10.0.0.6");
	twice("forward tcp 80 to 10.0.0.2 named web", "dmz 10.0.0.9 named web", "web",
	      "another statement's");
}

static void dmz(void **state)
{
	(void)state;
	twice("dmz 10.0.0.9", "dmz 10.0.0.8", "10.0.0.8", "a dmz for this already");
	twice("dmz 10.0.0.9 from 192.0.2.0/24", "dmz 10.0.0.8 from 203.0.113.0/24, 192.0.2.0/24",
	      "10.0.0.8", "a dmz for this already");
	fine("dmz 10.0.0.9", "dmz 10.0.0.8 from 192.0.2.0/24");
	fine("dmz 10.0.0.9", "dmz 10.0.0.8 on 198.51.100.1");
}

static void excepted(void **state)
{
	(void)state;
	/* It goes before the dmz: what is left out is shut for the dmz alone. */
	fine("forward tcp 20-30 to 10.0.0.2", "dmz 10.0.0.9 except udp 25, tcp 22");
	fine("dmz 10.0.0.9 except 1-1023", "forward tcp http to 10.0.0.2");
	fine("forward tcp 20-30 to 10.0.0.2", "dmz 10.0.0.9 except udp 22");
	fine("forward tcp 80 to 10.0.0.2", "dmz 10.0.0.9 except tcp 22");
}

static void prefixes(void **state)
{
	(void)state;
	twice("pool 198.51.100.0/28", "pool 198.51.100.8/30", "198.51.100.8/30", "in another one");
	one_fault(LINKS "never translate 10.0.0.0/8\nnever translate 10.1.0.0/16\n", CONF_WARNING,
		  LATER, "10.1.0.0/16", "holds the other");
	fine("never translate 10.0.0.0/8", "never translate 11.0.0.0/8");
}

static void same_ports(void **state)
{
	(void)state;
	twice("forward tcp 80 to 10.0.0.2", "forward tcp http to 10.0.0.3", "tcp http",
	      "tcp port 80 is forwarded already");
	twice("forward tcp 80 to 10.0.0.2", "forward tcp,udp 70, 80 to 10.0.0.3", "tcp,udp 70, 80",
	      "tcp port 80 is forwarded already");
	twice("forward udp 5-6 to 10.0.0.2", "forward udp 5-6 to 10.0.0.3", "udp 5-6",
	      "udp ports 5-6 are forwarded already");
	fine("forward tcp 80 to 10.0.0.2", "forward udp 80 to 10.0.0.3");
	fine("forward tcp 80 to 10.0.0.2 from 192.0.2.0/24", "forward tcp 80 to 10.0.0.3");
	twice("forward tcp 80 to 10.0.0.2 from 192.0.2.0/24",
	      "forward tcp 80 to 10.0.0.3 from 203.0.113.0/24, 192.0.2.0/24", "tcp 80",
	      "forwarded already");
}

static void ranges(void **state)
{
	(void)state;
	/* A narrower range, or a port in it, goes first: that is meant. */
	fine("forward tcp 5000-5999 to 10.0.0.2", "forward tcp 5500 to 10.0.0.3");
	fine("forward tcp 5500-5600 to 10.0.0.2", "forward tcp 5000-5999 to 10.0.0.3");
	one_fault(
		LINKS "forward tcp 5000-5999 to 10.0.0.2\nforward tcp 5500-6000 to 10.0.0.3\n",
		CONF_WARNING, LATER, "tcp 5500-6000",
		"tcp ports 5500-5999 are forwarded by both lines; this one takes them (its range "
		"is narrower)");
	one_fault(LINKS "forward tcp 5000-5999 to 10.0.0.2\nforward tcp 5500-6499 to 10.0.0.3\n",
		  CONF_WARNING, LATER, "tcp 5500-6499",
		  "the other one takes them (it comes first)");
}

static void places(void **state)
{
	(void)state;
	one_fault(LINKS
		  "forward tcp 80 to 10.0.0.2\nforward tcp 1-100 on 198.51.100.1 to 10.0.0.3\n",
		  CONF_WARNING, LINKS_LINES + 1, "tcp 80", "at 198.51.100.1 this can never match");
	assert_int_equal(report.fault[0].other, LATER);
	fine("forward tcp 1-100 to 10.0.0.2", "forward tcp 80 on 198.51.100.1 to 10.0.0.3");
	/* For one of several addresses the same ports may well lead elsewhere. */
	one_fault(LINKS "forward tcp 80 to 10.0.0.2\nforward tcp 80 on 198.51.100.1 to 10.0.0.3\n",
		  CONF_WARNING, LINKS_LINES + 1, "tcp 80", "at 198.51.100.1 this can never match");
	no_fault(LINKS "pool 198.51.100.9\n"
		       "forward tcp 80 to 10.0.0.2\nforward tcp 80 on 198.51.100.1 to 10.0.0.3\n");
	one_fault(LINKS
		  "pool 198.51.100.9\n"
		  "forward tcp 80 to 10.0.0.2\nforward tcp 80-81 on 198.51.100.1 to 10.0.0.3\n",
		  CONF_WARNING, LATER, "tcp 80", "at 198.51.100.1 this can never match");
	no_fault("inside eth1 10.0.0.1/24, 2001:db8::1/64\noutside eth0 198.51.100.1/24\n"
		 "forward tcp 80 to 10.0.0.2\nforward tcp 80 to 2001:db8::2\n"
		 "forward tcp 80 to 2001:db8::3\n");
	one_fault("inside eth1 2001:db8::1/64\noutside eth0 198.51.100.1/24\n"
		  "forward tcp 80 to 2001:db8::2\nforward tcp 80 to 2001:db8::2\n",
		  CONF_ERROR, 4, "tcp 80", "forwarded already");
}

/* Ranges without end that all meet: the work is bounded, and it is told of each once. */
static void worst(void **state)
{
	size_t size = 200000;
	char *text = malloc(size);
	/* So that nothing is said of ports that are shut anyway. */
	size_t used = (size_t)snprintf(text, size, "%s", LINKS "block tcp 137-139, 445\n");

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		used += (size_t)snprintf(text + used, size - used,
					 "forward tcp %u-%u to 10.0.0.2\n", i + 1, 40000 + i);
	assert_int_equal(read_file(text), 0);
	assert_int_equal(report.errors, 0);
	assert_true(report.warnings > 1000 && report.warnings < 3000);
	assert_int_equal(report.count, CONF_FAULTS_MAX);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(said_once),  cmocka_unit_test(dmz),
		cmocka_unit_test(excepted),   cmocka_unit_test(prefixes),
		cmocka_unit_test(same_ports), cmocka_unit_test(ranges),
		cmocka_unit_test(places),     cmocka_unit_test(worst),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
