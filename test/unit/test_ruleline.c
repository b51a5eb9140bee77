/* SPDX-License-Identifier: BSD-2-Clause */
/* allow, block, reject, drop, limit: what can be said, what it means, and what makes no sense. */
#include "conf_fixture.h"

static void verbs(void **state)
{
	struct conf_rule r;

	(void)state;
	r = said("allow ssh from lan").rule;
	assert_int_equal(r.verb, CONF_ALLOW);
	assert_int_equal(r.protocols, CONF_TCP | CONF_UDP);
	assert_false(r.out);
	canonical("allow ssh from lan", "allow tcp,udp 22 from lan");
	canonical("REJECT tcp Http", "block tcp 80");
	same_form("block udp 137-139");
	same_form("drop icmp");
	canonical("drop all", "drop everything");
	canonical("block anything from WAN", "block everything from wan");
	canonical("block from 203.0.113.0/24", "block everything from 203.0.113.0/24");
	canonical("block out", "block out everything");
	canonical("allow tcp 445 from anyone", "allow tcp 445");
}

static void limits(void **state)
{
	struct conf_rule r = said("limit smtp to 10 per minute per source").rule;

	(void)state;
	assert_int_equal(r.verb, CONF_LIMIT);
	assert_int_equal(r.rate_count, 10);
	assert_int_equal(r.rate_span_s, 60);
	assert_true(r.each);
	assert_false(r.silent);
	r = said("limit tcp 22 to 3 per day then drop").rule;
	assert_int_equal(r.rate_span_s, 86400);
	assert_false(r.each);
	assert_true(r.silent);
	same_form("limit tcp 22 to 3 per second then drop");
	canonical("limit tcp 22 to 3 per hour then block", "limit tcp 22 to 3 per hour");
	/* Two words `to`, in either order. */
	canonical("limit tcp 22 to 10 per minute to 192.0.2.1 from lan",
		  "limit tcp 22 from lan to 192.0.2.1 to 10 per minute");
	cut_short("limit ssh", "the limit is missing");
	refused("limit ssh to 10", "10", "as in 10 per minute");
	refused("limit ssh to 0 per minute", "0", "from 1 to");
	refused("limit ssh to 10 per fortnight", "fortnight", "second, minute, hour or day");
	refused("limit ssh to 1 per day to 2 per day", "2", "said twice");
	refused("allow ssh then drop", "then", "for limit");
}

/* What is often said, and means something else in this language. */
static void what_beginners_say(void **state)
{
	(void)state;
	refused("allow dns", "dns", "IANA's name of it is domain");
	refused("allow RDP from lan", "RDP", "IANA's name of it is ms-wbt-server");
	refused("block tcp port 23", "port", "as in tcp 23: leave this word out");
	refused("allow ports 80, 443", "ports", "leave this word out");
	refused("block 203.0.113.5", "203.0.113.5", "stands behind from or to: from 203.0.113.5");
	refused("block 2001:db8::5", "2001:db8::5", "from 2001:db8::5");
	refused("block tcp 10.0.0.0/8", "10.0.0.0/8", "from 10.0.0.0/8");
	refused("block ipv6", "ipv6", "say from ::/0");
	refused("block ssh from 10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9", "said by prefixes");
	refused("block out to 10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9", "said by prefixes");
}

static void going_out(void **state)
{
	struct conf_item item;
	struct conf_rule r = said("allow program /usr/bin/curl out tcp https").rule;

	(void)state;
	assert_true(r.out);
	assert_true(conf_item_find(&r, CONF_ITEM_PROGRAM, &item));
	assert_string_equal(item.word, "/usr/bin/curl");
	canonical("allow program curl out tcp https", "allow program curl out tcp 443");
	canonical("allow out tcp https to API.example.com, *.debian.org",
		  "allow out tcp 443 to api.example.com, *.debian.org");
	canonical("allow out tcp 443 to api.example.com., *.debian.org.",
		  "allow out tcp 443 to api.example.com, *.debian.org");
	refused("allow out to api.", "api.", "no address, zone, set or name");
	refused("allow out to a.example.com..", "a.example.com..", "no address, zone, set or name");
	refused("allow program bin/curl out", "bin/curl", "from the root on");
	refused("allow program curl tcp 22", "curl", "say out");
	refused("allow tcp 22 from a.example.com", "a.example.com", "behind 'out ... to' alone");
	refused("allow tcp 22 to a.example.com", "a.example.com", "behind 'out ... to' alone");
	refused("allow out to a..example.com", "a..example.com", "no address, zone, set or name");
	refused("allow out to -a.example.com", "-a.example.com", "no address, zone, set or name");
}

static void icmp(void **state)
{
	(void)state;
	canonical("block ping from wan", "block icmp echo-request from wan");
	same_form("drop icmp echo-request, timestamp, 42");
	same_form("block tcp,udp,icmp");
	refused("block icmp eco-request", "eco-request", "expected echo-request");
	refused("block icmp 256", "256", "from 0 to 255");
	refused("block icmp 3, 3", "3", "named twice");
	refused("block tcp,icmp 22", "22", "a rule of its own");
}

/* By name; by number behind a word, since a number alone is a port. */
static void protocols_without_ports(void **state)
{
	struct conf_rule r = said("allow gre from 10.0.0.0/8").rule;
	struct conf_item item;

	(void)state;
	assert_int_equal(r.protocols, CONF_OTHER);
	assert_true(conf_item_find(&r, CONF_ITEM_NUMBERS, &item));
	assert_int_equal(item.run.first, 47);
	assert_int_equal(item.run.last, 47);
	same_form("allow gre from 10.0.0.0/8");
	same_form("block esp");
	same_form("drop out gre, esp, sctp from lan to 203.0.113.9");
	same_form("limit 6in4 to 10 per minute per source");
	same_form("block protocol 99, gre from wan");
	canonical("block out Protocol GRE, protocol 50", "block out gre, esp");
	canonical("block ipencap", "block ipip");
	/* What these mean without the word are ports, and a family of addresses. */
	canonical("allow l2tp", "allow tcp,udp 1701");
	same_form("allow protocol l2tp");
	canonical("allow protocol 115", "allow protocol l2tp");
	canonical("allow protocol ipv6", "allow 6in4");
	assert_int_equal(said("block 47").rule.protocols, CONF_TCP | CONF_UDP);
	refused("allow ipv6", "ipv6", "for one of them say from ::/0");
	refused("block gre, esp, gre", "gre", "named twice");
	refused("block gre, protocol 47", "47", "named twice");
	refused("block tcp,gre", "gre", "a rule of its own");
	refused("block gre, tcp", "tcp", "a rule of its own");
	refused("block protocol 6", "6", "as protocol 47");
	refused("block protocol 256", "256", "as protocol 47");
	cut_short("block protocol", "as protocol 47");
	refused("block esp 500", "500", "has no ports: leave it out");
}

static void ports(void **state)
{
	(void)state;
	canonical("block smtp, 587, 6000-6063", "block tcp,udp 25, 587, 6000-6063");
	canonical("block udp syslog", "block udp 514");
	assert_int_equal(said("block syslog").rule.protocols, CONF_UDP);
	assert_int_equal(said("block 22").rule.protocols, CONF_TCP | CONF_UDP);
	refused("block syslog, https", "https", "not of the same protocols");
	refused("block tcp 22, 20-30", "20-30", "named twice");
	refused("block tcp 0", "0", "the lowest is 1");
	refused("allow htps", "htps", "no service is called htps");
	assert_true(may_stand(&report.fault[0], "everything"));
	refused("allow tcp,tcp", "tcp", "named twice");
}

static void who(void **state)
{
	(void)state;
	same_form("allow tcp 22 from lan, 192.0.2.0/24, office to 198.51.100.1");
	same_form("block tcp 22 from 2001:db8::/32, 192.0.2.7");
	canonical("block tcp 22 to 192.0.2.7 from lan", "block tcp 22 from lan to 192.0.2.7");
	refused("block tcp 22 from self", "self", "behind to");
	refused("block tcp 22 from lan, lan", "lan", "said before");
	refused("block tcp 22 from 10.0.0.0/8, 10.1.0.0/16", "10.1.0.0/16", "said before");
	refused("block from 10.0.0.1/8", "10.0.0.1/8", "the network is 10.0.0.0/8");
	refused("block from 10.0.0.0/8 to 2001:db8::1", "2001:db8::1", "two families");
	refused("block to lan to wan", "to", "to is said twice");
	cut_short("allow ssh from", "");
}

static void clauses(void **state)
{
	(void)state;
	same_form("allow tcp 22 from lan log until 18:00 named ssh");
	canonical("allow tcp 22 named ssh for 2h log", "allow tcp 22 log for 2h named ssh");
	refused("allow ssh log log", "log", "said twice");
	refused("allow ssh for 1h until 18:00", "until", "said together");
	refused("allow ssh form lan", "form", "expected from");
	cut_short("block", "expected program");
	refused("block log", "log", "expected program");
}

/* A rule that lists much is refused rather than cut. */
static void much(void **state)
{
	char text[CONF_LINE_MAX + 1] = "block everything from";
	size_t used = strlen(text);
	struct conf_statement s;

	(void)state;
	for (int i = 0; i < 60; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s 2001:db8:%x::/48",
					 i ? "," : "", i);
	assert_int_not_equal(conf_statement_read(&s, text, &report), 0);
	assert_non_null(strstr(report.fault[0].what, "put addresses into a set"));
}

/* As others say it: what it is here. */
static void foreign_words(void **state)
{
	(void)state;
	refused("deny ssh", "deny", "deny is called block here");
	refused("accept ssh", "accept", "accept is called allow here");
	refused("block tcp all", "all", "leave this word out");
	refused("allow everything out", "out", "out everything");
	refused("block ssh from !lan", "!lan", "there is no not");
	refused("block ssh from not lan", "not", "there is no not");
	refused("limit ssh to 10/minute", "10/minute", "in words, as 10 per minute");
}

/* What only a rule that is added has is not proposed in a file. */
static void words_of_files(void **state)
{
	(void)state;
	one_fault(LINKS "block ssh form lan\n", CONF_ERROR, LINKS_LINES + 1, "form",
		  "expected from");
	assert_null(strstr(report.fault[0].what, "before"));
	assert_null(strstr(report.fault[0].what, "last"));
	refused("block ssh form lan", "form", "before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs),
		cmocka_unit_test(limits),
		cmocka_unit_test(what_beginners_say),
		cmocka_unit_test(going_out),
		cmocka_unit_test(icmp),
		cmocka_unit_test(protocols_without_ports),
		cmocka_unit_test(ports),
		cmocka_unit_test(who),
		cmocka_unit_test(clauses),
		cmocka_unit_test(much),
		cmocka_unit_test(foreign_words),
		cmocka_unit_test(words_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
