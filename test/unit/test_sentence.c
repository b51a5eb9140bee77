/* SPDX-License-Identifier: BSD-2-Clause */
/* Verbs, the statements of few words, and clauses. */
#include "conf_fixture.h"

static void verbs(void **state)
{
	(void)state;
	refused("forwad tcp 80 to 10.0.0.2", "forwad",
		"expected inside, outside, route, pool, forward");
	assert_true(may_stand(&report.fault[0], "forward"));
	assert_true(may_stand(&report.fault[0], "test"));
	cut_short("", "expected inside, outside");
	assert_string_equal(conf_verb(&(struct conf_statement){ .kind = CONF_KIND_POOL }), "pool");
	assert_string_equal(
		conf_verb(&(struct conf_statement){ .kind = CONF_KIND_LINK, .link.outside = true }),
		"outside");
}

static void routes(void **state)
{
	(void)state;
	same_form("route 10.1.0.0/16 via 10.0.0.5");
	canonical("route 10.1.2.3 via 10.0.0.5", "route 10.1.2.3/32 via 10.0.0.5");
	same_form("route 2001:db8:7::/48 via fd00::5");
	refused("route 10.1.0.0/16 via fd00::5", "fd00::5", "other family");
	refused("route 10.1.0.0/16 through 10.0.0.5", "through", "expected via");
	refused("route 10.1.0.0/16 via 10.0.0.5 named x", "named", "complete before this word");
}

static void pools(void **state)
{
	struct conf_pool p;

	(void)state;
	p = said("pool 198.51.100.16/28 ports 1024-65535 on eth0").pool;
	assert_int_equal(p.addresses.length, 96 + 28);
	assert_int_equal(p.low, 1024);
	assert_int_equal(p.high, 65535);
	assert_string_equal(p.link, "eth0");
	same_form("pool 198.51.100.16/28 ports 1024-65535 on eth0");
	canonical("pool 198.51.100.7", "pool 198.51.100.7/32");
	same_form("pool 198.51.100.0/22");
	refused("pool 198.51.96.0/21", "198.51.96.0/21", "at most 1024 addresses");
	refused("pool 2001:db8::/126", "2001:db8::/126", "IPv6 is not translated");
	refused("pool 198.51.100.17/28", "198.51.100.17/28", "the network is 198.51.100.16/28");
}

static void short_ones(void **state)
{
	(void)state;
	same_form("never translate 192.0.2.0/24");
	refused("never 192.0.2.0/24", "192.0.2.0/24", "expected translate");
	refused("never translate 2001:db8::/32", "2001:db8::/32", "never translated anyway");
	same_form("capacity 1000 sessions");
	same_form("capacity 1000 mappings");
	same_form("capacity 1000 hosts");
	refused("capacity 1000 ports", "ports", "expected sessions, mappings or hosts");
	canonical("Listen Systemd", "listen systemd");
	refused("listen inetd", "inetd", "expected systemd");
	same_form("state /var/lib/minato/gateway.db");
	canonical("reserve 8080", "reserve tcp,udp 8080");
	same_form("reserve tcp 22, 8000-8099 named admin");
	cut_short("reserve", "a port is missing");
}

static void long_one(void **state)
{
	char line[CONF_LINE_MAX + 64];
	struct conf_statement s;

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "dmz 10.0.0.9", 12);
	line[CONF_LINE_MAX] = 0;
	assert_int_equal(conf_statement_read(&s, line, &report), 0);
	line[CONF_LINE_MAX] = ' ';
	line[CONF_LINE_MAX + 1] = 0;
	assert_int_not_equal(conf_statement_read(&s, line, &report), 0);
	assert_non_null(strstr(report.fault[0].what, "the longest has 2048"));
	refused("dmz 10.0.0.9\ndmz 10.0.0.8", "\n", "no printable ASCII");
}

/* Blanks behind commas make a statement longer in print than it was: it must still fit. */
static void long_in_print(void **state)
{
	char line[CONF_LINE_MAX + 64];
	size_t used =
		(size_t)snprintf(line, sizeof(line), "forward tcp 80-81 all to 100.100.100.1:1");
	struct conf_statement s = said(line);

	(void)state;
	for (unsigned i = 2; CONF_LINE_MAX - conf_print(NULL, 0, &s) > 90; i++) {
		used += (size_t)snprintf(line + used, sizeof(line) - used,
					 ",100.100.%u.100:10000 weight 10000 drain", i);
		s = said(line);
	}
	for (unsigned i = 1; CONF_LINE_MAX - conf_print(NULL, 0, &s) > 38; i++) {
		used += (size_t)snprintf(line + used, sizeof(line) - used, ",1.1.1.%u:1", i);
		s = said(line);
	}
	assert_true(conf_print(NULL, 0, &s) > used);
	/* A name fills it to the last byte, and one byte more. */
	snprintf(line + used, sizeof(line) - used, " named %.*s",
		 (int)(CONF_LINE_MAX - conf_print(NULL, 0, &s) - strlen(" named ")),
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	s = said(line);
	assert_int_equal(conf_print(NULL, 0, &s), CONF_LINE_MAX);
	assert_true(strlen(line) < CONF_LINE_MAX);
	strcat(line, "a");
	if (strlen(s.name) + 1 < CONF_NAME_SIZE)
		refused(line, "forward", "more than 2048 bytes in print");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs),    cmocka_unit_test(routes),
		cmocka_unit_test(pools),    cmocka_unit_test(short_ones),
		cmocka_unit_test(long_one), cmocka_unit_test(long_in_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
