/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules say together, and beside what a gateway forwards. */
#include "conf_fixture.h"

#define FORWARD "forward tcp 22 to 10.0.0.2\n"
#define FIRST LINKS_LINES + 2

static void warned(const char *lines, uint32_t line, const char *where, const char *says)
{
	char text[1024];

	snprintf(text, sizeof(text), LINKS FORWARD "%s", lines);
	one_fault(text, CONF_WARNING, line, where, says);
}

static void wrong(const char *lines, uint32_t line, const char *where, const char *says)
{
	char text[1024];

	snprintf(text, sizeof(text), LINKS FORWARD "%s", lines);
	one_fault(text, CONF_ERROR, line, where, says);
}

static void fine(const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), LINKS FORWARD "%s", lines);
	no_fault(text);
}

static void words(void **state)
{
	(void)state;
	wrong("block ssh from lna\n", FIRST, "lna", "there are lan, wan, self");
	assert_true(may_stand(&report.fault[0], "lan"));
	wrong("block ssh from offce\nzone office 192.0.2.0/24\n", FIRST, "offce", "self, office");
	wrong("block ssh to wan\n", FIRST, "wan", "an address of ours");
	fine("block ssh from lan to lan\n");
	wrong("block out to self\n", FIRST, "self", "goes to others");
	wrong("block out to a.example.com\n", FIRST, "a.example.com", "a resolver of ours");
	wrong("block program curl out\n", FIRST, "block program curl out", "guests alone");
	wrong("zone a 192.0.2.0/24\nset a 192.0.2.0/24\n", FIRST + 1, "a", "already");
	wrong("zone a 192.0.2.0/24\nzone a 192.0.3.0/24\n", FIRST + 1, "a", "already");
	fine("set a 192.0.2.0/24\nset a 192.0.3.0/24\nblock ssh from a\n");
}

static void nothing_changes(void **state)
{
	(void)state;
	warned("allow tcp 22 from lan\n", FIRST, "allow tcp 22",
	       "the other line lets everybody in");
	assert_int_equal(report.fault[0].other, FIRST - 1);
	warned("allow tcp 23 from lan\n", FIRST, "allow tcp 23", "opens nothing by itself");
	warned("allow out tcp 23\n", FIRST, "allow out tcp 23", "all may go out");
	warned("limit tcp 23 to 1 per day\n", FIRST, "limit tcp 23", "it is closed");
	fine("limit tcp 22 to 1 per day\n");
	fine("allow tcp 22 from lan\nblock tcp 22\n");
	fine("allow tcp 22 from lan\nlimit everything to 1 per second\n");
	fine("allow out tcp 443 to 192.0.2.0/24\nblock out everything\n");
	warned("allow tcp 22 from lan\nblock tcp 22 from wan\n", FIRST, "allow tcp 22",
	       "changes nothing");
	warned("block tcp 22 to 10.0.0.2\n", FIRST, "10.0.0.2", "an address of the gateway");
	fine("block tcp 22 from lan to 10.0.0.2\n");
	fine("inside eth7 10.0.7.1/24\nblock tcp 22 from 10.0.7.9 to 10.0.0.2\n");
	fine("block tcp 22 to 198.51.100.1\n");
}

static void shut(void **state)
{
	(void)state;
	warned("forward tcp 400-500 to 10.0.0.3\n", FIRST, "tcp 400-500",
	       "tcp port 445 (NetBIOS, SMB) is shut to everyone but lan");
	warned("forward tcp 400-500 to 10.0.0.3\nblock tcp 445 from lan\n", FIRST, "tcp 400-500",
	       "'allow tcp 445' opens it");
	warned("forward tcp 445 to 10.0.0.3\nblock everything from 192.0.2.0/24\n", FIRST,
	       "tcp 445", "is shut to everyone but lan");
	fine("forward tcp 445 to 10.0.0.3\nallow tcp 445\n");
	/* Under other numbers. */
	warned("forward tcp 8445 to 10.0.0.3:445\n", FIRST, "tcp 8445",
	       "tcp port 8445 leads to port 445 (NetBIOS, SMB), and is shut to everyone but lan");
	warned("forward udp 100-138 to 10.0.0.3:101\n", FIRST, "udp 100-138",
	       "udp ports 136-138 lead to ports 137-139 (NetBIOS, SMB), and are shut to everyone "
	       "but lan; the rule 'allow udp 136-138' opens them");
	warned("forward tcp 20-30 all to 10.0.0.3:445\n", FIRST, "tcp 20-30",
	       "'allow tcp 20-30' opens them");
	fine("forward tcp 8445 to 10.0.0.3:445\nallow tcp 8445\n");
	fine("forward tcp 8445 to 10.0.0.3:446\n");
	/* Each port for itself; who comes from an inside is lan. */
	warned("forward tcp 137-445 to 10.0.0.3\nallow tcp 445 from wan\nallow tcp 139\n", FIRST,
	       "tcp 137-445",
	       "tcp ports 137-138 (NetBIOS, SMB) are shut to everyone but lan; the "
	       "rule 'allow tcp 137-138' opens them");
	warned("forward tcp 1-1000 to 10.0.0.3\n", FIRST, "tcp 1-1000",
	       "tcp ports 137-139, 445 (NetBIOS, SMB) are shut to everyone but lan; the rule "
	       "'allow tcp 137-139, 445' opens them");
	fine("forward tcp 137-445 to 10.0.0.3\nallow tcp 445 from wan\nallow tcp 137-139\n");
	warned("inside eth5 10.5.0.1/24 named lan1\nforward tcp 445 to 10.0.0.3\n"
	       "allow tcp from lan1\nblock tcp 22\n",
	       FIRST + 1, "tcp 445", "tcp port 445 (NetBIOS, SMB) is shut to everyone but lan");
	fine("forward tcp 445 to 10.0.0.3\nallow tcp 445 from 192.0.2.0/24\n");
	fine("forward tcp 445 to 10.0.0.3\nblock tcp 445\n");
	fine("forward udp 136 to 10.0.0.3\n");
	warned("forward udp 138-1000 to 10.0.0.3\n", FIRST, "udp 138-1000",
	       "udp ports 138-139, 445 (NetBIOS, SMB) are shut");
	fine("forward udp 140-444 to 10.0.0.3\n");
}

/* By a rule that is about much else, and does not name them. */
static void opened_unnamed(void **state)
{
	(void)state;
	warned("forward tcp 1-1000 to 10.0.0.3\nallow everything from wan\n", FIRST + 1,
	       "allow everything",
	       "this opens ports 137-139, 445 (NetBIOS, SMB) of the other line to others than "
	       "lan, too; 'block tcp 137-139, 445 from wan' before it keeps them shut");
	warned("dmz 10.0.0.3\nallow everything\n", FIRST + 1, "allow everything",
	       "'block tcp,udp 137-139, 445 from wan' before it");
	warned("forward tcp 8445 to 10.0.0.3:445\nallow tcp 8000-9000\n", FIRST + 1,
	       "allow tcp 8000-9000", "this opens port 8445 (NetBIOS, SMB)");
	fine("forward tcp 1-1000 to 10.0.0.3\nblock tcp 137-139, 445 from wan\n"
	     "allow everything from wan\n");
	fine("forward tcp 1-1000 to 10.0.0.3\nallow tcp 137-139, 445 from wan\n");
	fine("forward tcp 80 to 10.0.0.3\nallow everything from wan\n");
	fine("forward tcp 1-1000 to 10.0.0.3\nallow tcp 137-139, 445\nallow everything\n");
	/* Who refuses everybody has decided; who is about another address has not. */
	fine("forward tcp 445 to 10.0.0.3\nblock tcp 445 from 0.0.0.0/0\n"
	     "allow everything from wan\n");
	fine("forward tcp 445 to 10.0.0.3\nblock tcp 445 from wan to self\n"
	     "allow everything from wan\n");
#define WITH_POOL "pool 192.0.2.0/24\nforward tcp 445 to 10.0.0.3\n"
	warned(WITH_POOL "allow everything from wan to 192.0.2.0/24\n", FIRST + 1, "tcp 445",
	       "shut to everyone but lan");
	warned(WITH_POOL "block tcp 445 from wan to 192.0.2.9\nallow everything from wan\n",
	       FIRST + 3, "allow everything", "this opens port 445");
	fine("pool 192.0.2.0/24\nforward tcp 445 on 192.0.2.9 to 10.0.0.3\n"
	     "block tcp 445 from wan to 192.0.2.9\nallow everything from wan\n");
	warned("pool 192.0.2.0/24\nforward tcp 445 on 192.0.2.9 to 10.0.0.3\n"
	       "allow everything from wan to 192.0.2.0/24\n",
	       FIRST + 2, "allow everything", "this opens port 445");
	warned(WITH_POOL "block tcp 445 to 192.0.2.9\n", FIRST + 1, "tcp 445",
	       "shut to everyone but lan");
	/* Nor has who is about one outside decided about another, or what a dmz leaves out. */
#define ISPS                                                                                       \
	"outside eth2 203.0.113.1/24 named isp\noutside eth3 192.0.2.1/24 named fibre\n"           \
	"inside eth1 10.0.0.1/24\nforward tcp 445 to 10.0.0.3\n"
	one_fault(ISPS "block tcp 445 from isp\nallow everything from wan\n", CONF_WARNING, 6,
		  "allow everything", "this opens port 445");
	no_fault(ISPS "block tcp 445 from isp, fibre\nallow everything from wan\n");
	one_fault(ISPS "allow everything from isp\n", CONF_WARNING, 5, "allow everything",
		  "this opens port 445");
	fine("dmz 10.0.0.3 except tcp 137-139, 445, udp 137-139, 445\nallow everything\n");
	/* IPv6 is opened: the host itself is called. */
	one_fault("inside eth1 10.0.0.1/24, 2001:db8:1::1/64\n"
		  "outside eth0 198.51.100.1/24, 2001:db8::1/64\n"
		  "forward tcp 445 to 2001:db8:1::3\nblock tcp 445 from wan to self\n"
		  "allow everything from wan\n",
		  CONF_WARNING, 5, "allow everything", "this opens port 445");
	no_fault("inside eth1 10.0.0.1/24, 2001:db8:1::1/64\n"
		 "outside eth0 198.51.100.1/24, 2001:db8::1/64\n"
		 "forward tcp 445 to 2001:db8:1::3\nblock tcp 445 from wan to 2001:db8:1::3\n"
		 "allow everything from wan\n");
}

#define TWO "inside eth7 10.0.7.1/24 named office\ninside eth8 10.0.8.1/24 named guests\n"
#define INSIDES TWO "forward tcp 80 to 10.0.7.2\n"

/* Who calls the gateway's address outside is asked about as he calls. */
static void past_a_rule_between_insides(void **state)
{
	(void)state;
	warned(INSIDES "block everything from guests to office\n", FIRST + 3, "block everything",
	       "who is of guests comes there all the same, at the gateway's address outside, by "
	       "the other line (hairpin), of which this says nothing; 'block tcp 80 from guests "
	       "to self' does");
	fine(INSIDES "block everything from guests to office\nblock tcp 80 from guests to self\n");
	fine(INSIDES "block everything from guests to office\nblock tcp 80 from lan\n");
	fine(INSIDES "block tcp 81 from guests to office\n");
	fine(INSIDES "block everything from office to guests\n");
	fine(INSIDES "nat hairpin off\nblock everything from guests to office\n");
	/* What closes it is about an address outside, by whatever word. */
	fine(INSIDES "block everything from guests to office, self\n");
	fine(INSIDES "block everything from guests to office, 198.51.100.1\n");
	fine(INSIDES "block everything from guests to 0.0.0.0/0\n");
	fine(INSIDES "zone ours 198.51.100.1\nblock everything from guests to office\n"
		     "block tcp from guests to ours\n");
	fine(INSIDES "block everything from guests to office\n"
		     "block tcp 80 from 10.0.8.0/24 to self\n");
	fine(INSIDES "allow tcp 80 from guests to self\n"
		     "block everything from guests to office\n");
	warned(INSIDES "block everything from guests to office\n"
		       "block tcp 80 from 10.0.8.0/25 to self\n",
	       FIRST + 3, "block everything", "'block tcp 80 from guests to self'");
	warned(INSIDES "block everything from guests to office\n"
		       "allow tcp 80 from guests to 198.51.100.1\n"
		       "block tcp 80 from guests to self\n",
	       FIRST + 3, "block everything", "'block tcp 80 from guests to self'");
	warned(TWO "block everything from guests to lan\n", FIRST + 2, "block everything",
	       "'block tcp 22 from guests to self' does");
	warned(INSIDES "block everything from 10.0.8.0/24 to 10.0.7.0/24\n", FIRST + 3,
	       "block everything", "'block tcp 80 from guests to self' does");
	fine(INSIDES "block everything from 10.0.8.0/25 to 10.0.7.0/24\n");
}

/* Rules about a third inside are about nothing outside. */
static void past_rules_of_three_insides(void **state)
{
#define IOT "inside eth9 10.0.9.1/24 named iot\n"
	(void)state;
	assert_int_equal(read_file(LINKS INSIDES IOT "block everything from guests to office\n"
						     "block everything from guests to iot\n"),
			 0);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.fault[0].line, LINKS_LINES + 5);
	assert_int_equal(report.fault[0].other, LINKS_LINES + 3);
	warned(INSIDES IOT "block everything from guests, iot to office\n"
			   "block tcp 80 from guests to self\n",
	       FIRST + 4, "block everything", "'block tcp 80 from iot to self' does");
	fine(INSIDES IOT "block everything from guests to iot\n");
}

/* By each port and server of each way in. */
static void past_each_way(void **state)
{
	(void)state;
	warned(TWO "dmz 10.0.7.2\nblock everything from guests to office\n", FIRST + 3,
	       "block everything", "'block everything from guests to self' does");
	warned(TWO "dmz 10.0.7.2 except tcp 80\nblock tcp 80, 443 from guests to office\n",
	       FIRST + 3, "block tcp 80, 443", "'block tcp 443 from guests to self' does");
	fine(TWO "dmz 10.0.7.2 except tcp 80\nblock tcp 80 from guests to office\n");
	warned(TWO "dmz 10.0.7.2\nblock everything from guests to office\n"
		   "block tcp from guests to self\n",
	       FIRST + 3, "block everything", "'block udp from guests to self' does");
	warned(TWO "forward tcp 80, 443 to 10.0.7.2\nblock tcp 443 from guests to office\n",
	       FIRST + 3, "block tcp 443", "'block tcp 443 from guests to self' does");
	warned(TWO "forward tcp 80 to 10.0.0.2, 10.0.7.2\nblock tcp 80 from guests to office\n",
	       FIRST + 3, "block tcp 80", "'block tcp 80 from guests to self' does");
	warned(TWO "forward tcp 8000-8010 to 10.0.7.2:80\nblock tcp 85-200 from guests to office\n",
	       FIRST + 3, "block tcp 85-200", "'block tcp 8005-8010 from guests to self' does");
	fine(TWO "forward tcp 8000-8010 to 10.0.7.2:80\nblock tcp 8005 from guests to office\n");
	warned(TWO "forward tcp 8000-8010 all to 10.0.7.2:80\nblock tcp 80 from guests to office\n",
	       FIRST + 3, "block tcp 80", "'block tcp 8000-8010 from guests to self' does");
	/* The first port is not all. */
	warned(TWO "forward tcp 80-90 to 10.0.7.2\nblock everything from guests to office\n"
		   "block tcp 80-84, 86-90 from guests to self\n",
	       FIRST + 3, "block everything", "'block tcp 85-90 from guests to self' does");
	fine(TWO "forward tcp 80-90 to 10.0.7.2\nblock everything from guests to office\n"
		 "block tcp 80-84, 85-90 from guests to self\n");
	warned(TWO "dmz 10.0.7.2 except tcp 1-1023, udp 1-1023\n"
		   "block everything from guests to office\n",
	       FIRST + 3, "block everything", "'block tcp,udp 1024-65535 from guests to self'");
	/* Who may not call comes by none. */
	fine(TWO "forward tcp 80 to 10.0.7.2 from 203.0.113.0/24\n"
		 "block everything from guests to office\n");
	fine(TWO "dmz 10.0.7.2 from 203.0.113.0/24\nblock everything from guests to office\n");
	warned(TWO "forward tcp 80 to 10.0.7.2 from 203.0.113.0/24, 10.0.0.0/8\n"
		   "block everything from guests to office\n",
	       FIRST + 3, "block everything", "'block tcp 80 from guests to self' does");
}

/* An outside may have several addresses: what is about one of them says nothing of the others. */
static void past_one_address(void **state)
{
#define MANY                                                                                       \
	"inside eth7 10.0.7.1/24 named office\ninside eth8 10.0.8.1/24 named guests\n"             \
	"outside eth0 198.51.100.1/24, 203.0.113.1/24, 2001:db8::1/64\n"
	(void)state;
	one_fault(MANY "forward tcp 80 to 10.0.7.2\nblock everything from guests to office\n"
		       "block everything from guests to 198.51.100.1\n",
		  CONF_WARNING, 5, "block everything", "'block tcp 80 from guests to self' does");
	one_fault(MANY "forward tcp 80 to 10.0.7.2\n"
		       "block everything from guests to office, 198.51.100.1\n",
		  CONF_WARNING, 5, "block everything", "'block tcp 80 from guests to self' does");
	no_fault(MANY "forward tcp 80 to 10.0.7.2\nblock everything from guests to office\n"
		      "block everything from guests to 198.51.100.1, 203.0.113.1\n");
	no_fault(MANY "forward tcp 80 on 198.51.100.1 to 10.0.7.2\n"
		      "block everything from guests to office, 198.51.100.1\n");
	one_fault(MANY "forward tcp 445 to 10.0.7.2\nblock tcp 445 from wan to 198.51.100.1\n"
		       "allow everything from wan\n",
		  CONF_WARNING, 6, "allow everything", "this opens port 445");
	no_fault(MANY "forward tcp 445 to 10.0.7.2\n"
		      "block tcp 445 from wan to 198.51.100.1, 203.0.113.1\n"
		      "allow everything from wan\n");
}

/* Rules that have nothing to do with it are not asked about each statement. */
static void past_many_rules(void **state)
{
	const size_t room = 256u << 10;
	char *text = calloc(1, room);
	size_t used;

	(void)state;
	assert_non_null(text);
	used = (size_t)snprintf(text, room, LINKS INSIDES);
	for (unsigned i = 0; i < 3000; i++)
		used += (size_t)snprintf(text + used, room - used,
					 "block tcp 22 from 203.%u.%u.1\n", i / 256, i % 256);
	(void)snprintf(text + used, room - used, "block everything from guests to office\n");
	one_fault(text, CONF_WARNING, LINKS_LINES + 3 + 3000 + 1, "block everything", "hairpin");
	free(text);
}

/* From where nobody is, and to where nothing of ours is. */
static void nowhere(void **state)
{
	(void)state;
	warned("block out tcp 25 from wan\n", FIRST, "wan", "what goes out comes from an inside");
	warned("block out tcp 25 from 192.168.0.1\n", FIRST, "192.168.0.1",
	       "no inside link or route has an address of it");
	fine("block out tcp 25 from 10.0.0.0/8\n");
	fine("route 192.168.0.0/16 via 10.0.0.5\nblock out tcp 25 from 192.168.0.1\n");
	warned("block tcp 22 to 203.0.113.77\n", FIRST, "203.0.113.77",
	       "no address of ours, nor of an inside");
	fine("block tcp 22 to 198.51.100.1\n");
	fine("pool 203.0.113.64/28\nblock tcp 22 to 203.0.113.77\n");
	fine("block udp 5353 to 224.0.0.251\n");
}

/* What is wrong does not change nothing besides. */
static void errors_alone(void **state)
{
	(void)state;
	one_fault(LINKS "allow ssh from all\n", CONF_ERROR, LINKS_LINES + 1, "all",
		  "for everybody say anyone, or nothing");
}

/* What a host's kernel answers is asked of no rule; lan is before it. */
static void messages(void **state)
{
#define HOST "inside tap lan0 10.0.0.1/24 named home\noutside host\n"
	static const char *const held[] = { "block ping from lan\n", "block ping from home\n",
					    "drop icmp from 10.0.0.0/25\n", "block out ping\n",
					    "block out icmp to wan\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "%s%s", HOST, held[i]);
		assert_int_equal(read_file(text), 0);
		assert_int_equal(report.count, 0);
	}
	one_fault(HOST "block ping from wan\n", CONF_WARNING, 3, "wan", "never match");
	one_fault(HOST "drop icmp from 203.0.113.0/24\n", CONF_WARNING, 3, "203.0.113.0/24",
		  "never match");
	one_fault(HOST "block ping\n", CONF_WARNING, 3, "block ping", "inside alone");
	assert_int_equal(read_file(LINKS "block ping from wan\nblock ping from lan\n"), 0);
	assert_int_equal(report.count, 0);
	conf_free(&conf);
	assert_int_equal(conf_read_guest(&conf, "block ping from wan\nblock out ping\n", 35, "g",
					 &report),
			 0);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.fault[0].line, 1);
	assert_non_null(strstr(report.fault[0].what, "the host's kernel"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(words),
		cmocka_unit_test(nothing_changes),
		cmocka_unit_test(shut),
		cmocka_unit_test(opened_unnamed),
		cmocka_unit_test(past_a_rule_between_insides),
		cmocka_unit_test(past_rules_of_three_insides),
		cmocka_unit_test(past_each_way),
		cmocka_unit_test(past_one_address),
		cmocka_unit_test(past_many_rules),
		cmocka_unit_test(nowhere),
		cmocka_unit_test(errors_alone),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
