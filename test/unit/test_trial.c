/* SPDX-License-Identifier: BSD-2-Clause */
/* The test lines of a file: what becomes of their packets, and what is said where it is not met. */
#include "conf_fixture.h"

#include "conf/reader.h"

#define HOST "inside tap lan0 10.0.0.1/24\noutside host\n"

static struct conf_verdict verdicts[64];
static size_t verdict_count;

static void take(void *user, const struct conf_verdict *verdict)
{
	(void)user;
	assert_true(verdict_count < 64);
	verdicts[verdict_count++] = *verdict;
}

static void run(const char *text)
{
	size_t culprit = 0;
	int result;

	if (read_file(text) != 0)
		fail_msg("line %u: %s", report.fault[0].line, report.fault[0].what);
	verdict_count = 0;
	result = conf_try(&conf, take, NULL, &culprit);
	if (result != 0)
		fail_msg("%d at line %u", result, conf.list[culprit]->line);
}

/* The one test is met, or not met with this instead. */
static void met(const char *text)
{
	run(text);
	assert_int_equal(verdict_count, 1);
	if (!verdicts[0].met)
		fail_msg("%s: %s", strstr(text, "test"), verdicts[0].got);
}

static void got(const char *text, const char *instead)
{
	run(text);
	assert_int_equal(verdict_count, 1);
	assert_false(verdicts[0].met);
	assert_string_equal(verdicts[0].got, instead);
}

#define FROM "test tcp from 203.0.113.9 to 198.51.100.1:"

static void no_tests(void **state)
{
	(void)state;
	run(HOST);
	assert_int_equal(verdict_count, 0);
}

static void over_the_host(void **state)
{
	(void)state;
	met(HOST "forward tcp 80 to 10.0.0.2\n" FROM "80 reaches 10.0.0.2:80\n");
	met(HOST "forward tcp 80 to 10.0.0.2\n" FROM "81 is closed\n");
	got(HOST "forward tcp 80 to 10.0.0.2\n" FROM "81 is dropped\n", "is closed");
	got(HOST "forward tcp 80 to 10.0.0.2\n" FROM "80 is closed\n",
	    "reaches 10.0.0.2:80 by line 3");
	met(HOST "forward tcp 80-89 to 10.0.0.2:180\n" FROM "85 reaches 10.0.0.2:185\n");
	met(LINKS "forward tcp 9 to unix:/run/app\n" FROM "9 reaches unix:/run/app\n");
	got(LINKS "forward tcp 9 to unix:/run/app\n" FROM "9 reaches unix:/run/apq\n",
	    "reaches unix:/run/app by line 3");
	met(LINKS "forward tcp 9 to 10.0.0.2:90 proxy v2\n" FROM "9 reaches 10.0.0.2:90\n");
	met(HOST "forward tcp 9 to 10.0.0.2 from 203.0.113.0/24\n" FROM "9 reaches 10.0.0.2:9\n");
	met(HOST "forward tcp 9 to 10.0.0.2 from 203.0.114.0/24\n" FROM "9 is closed\n");
	got(HOST "test tcp from inside 10.0.0.2 to 203.0.113.9:80 leaves from 198.51.100.1\n",
	    "leaves by the host's sockets, of which the file says nothing");
}

static void lists(void **state)
{
#define LIST LINKS "forward tcp 443 to 10.0.0.2, 10.0.0.3:8443, 10.0.0.4 drain\n"
	(void)state;
	met(LIST FROM "443 reaches 10.0.0.2:443 or 10.0.0.3:8443\n");
	met(LIST FROM "443 reaches 10.0.0.2:443 or 10.0.0.3:8443 or 10.0.0.4:443\n");
	got(LIST FROM "443 reaches 10.0.0.2:443\n",
	    "reaches 10.0.0.2:443 or 10.0.0.3:8443 by line 3");
}

static void forwarded(void **state)
{
	(void)state;
	met(LINKS "forward tcp 80 to 10.0.0.2\n" FROM "80 reaches 10.0.0.2:80\n");
	met(LINKS "forward tcp 80 to 10.0.0.2:8080\n" FROM "80 reaches 10.0.0.2:8080\n");
	met(LINKS "forward tcp 5000-5999 to 10.0.0.2:6000\n" FROM "5321 reaches 10.0.0.2:6321\n");
	met(LINKS "forward tcp 5000-5999 all to 10.0.0.2:6000\n" FROM
		  "5321 reaches 10.0.0.2:6000\n");
	met(LINKS "forward tcp 5000-5999 all to 10.0.0.2:65000\n" FROM
		  "5999 reaches 10.0.0.2:65000\n");
	met(LINKS "forward tcp 80, 443 to 10.0.0.2\n" FROM "443 reaches 10.0.0.2:443\n");
	met(LINKS "forward tcp,udp 80 to 10.0.0.2\n"
		  "test udp from 203.0.113.9:1 to 198.51.100.1:80 reaches 10.0.0.2:80\n");
	got(LINKS "forward udp 80 to 10.0.0.2\n" FROM "80 reaches 10.0.0.2:80\n", "is closed");
	got(LINKS "forward tcp 80 to 10.0.0.2\n" FROM "80 is dropped\n",
	    "reaches 10.0.0.2:80 by line 3");
	met(LINKS "forward tcp 80 to 10.0.0.2 from 203.0.113.0/24\n" FROM
		  "80 reaches 10.0.0.2:80\n");
	met(LINKS "forward tcp 80 to 10.0.0.2 from 203.0.114.0/24\n" FROM "80 is closed\n");
	met(LINKS "route 10.1.0.0/16 via 10.0.0.5\nforward tcp 80 to 10.1.0.7\n" FROM
		  "80 reaches 10.1.0.7:80\n");
}

/* What has no ports is a dmz host's, and goes out where not all is refused. */
static void without_ports(void **state)
{
	(void)state;
	met(LINKS "test gre from 203.0.113.9 to 198.51.100.1 is closed\n");
	met(LINKS "dmz 10.0.0.9\ntest gre from 203.0.113.9 to 198.51.100.1 reaches 10.0.0.9\n");
	met(LINKS "test 99 from inside 10.0.0.2 to 203.0.113.9 leaves from 198.51.100.1\n");
	met(LINKS "block out everything\n"
		  "test esp from inside 10.0.0.2 to 203.0.113.9 is closed\n");
	met(LINKS "drop out everything\n"
		  "test esp from inside 10.0.0.2 to 203.0.113.9 is dropped\n");
	met(LINKS "block out tcp 1-65535\n"
		  "test esp from inside 10.0.0.2 to 203.0.113.9 leaves from 198.51.100.1\n");
	met(HOST "test gre from inside 10.0.0.2 to 203.0.113.9 is dropped\n");
}

static void precedence(void **state)
{
	(void)state;
	met(LINKS "forward tcp 1-100 to 10.0.0.2\nforward tcp 80 to 10.0.0.3\n" FROM
		  "80 reaches 10.0.0.3:80\n");
	met(LINKS "forward tcp 1-100 to 10.0.0.2\nforward tcp 80 to 10.0.0.3\n" FROM
		  "81 reaches 10.0.0.2:81\n");
	met(LINKS "pool 198.51.100.2\nforward tcp 80 to 10.0.0.2\n"
		  "forward tcp 80 on 198.51.100.2 to 10.0.0.3\n"
		  "test tcp from 203.0.113.9 to 198.51.100.2:80 reaches 10.0.0.3:80\n");
	met(LINKS
	    "forward tcp 80 to 10.0.0.2\nforward tcp 80 to 10.0.0.3 from 203.0.113.0/24\n" FROM
	    "80 reaches 10.0.0.3:80\n");
}

static void balanced(void **state)
{
#define SHARED LINKS "forward tcp 443 to 10.0.0.2, 10.0.0.3:8443 weight 5, 10.0.0.4 drain sticky\n"
	(void)state;
	met(SHARED FROM "443 reaches 10.0.0.2:443 or 10.0.0.3:8443\n");
	got(SHARED FROM "443 reaches 10.0.0.3:8443\n",
	    "reaches 10.0.0.2:443 or 10.0.0.3:8443 by line 3");
	met(LINKS "forward tcp 443 to 10.0.0.2 check every 5s\n" FROM "443 reaches 10.0.0.2:443\n");
}

static void the_rest(void **state)
{
	(void)state;
	met(LINKS "dmz 10.0.0.9\n" FROM "1234 reaches 10.0.0.9:1234\n");
	got(LINKS "dmz 10.0.0.9\n" FROM "1234 is closed\n", "reaches 10.0.0.9:1234 by line 3");
	met(LINKS "dmz 10.0.0.9\nforward tcp 80 to 10.0.0.2\n" FROM "80 reaches 10.0.0.2:80\n");
	met(LINKS "dmz 10.0.0.9 except tcp ssh\n" FROM "22 is closed\n");
	met(LINKS "dmz 10.0.0.9 except tcp ssh\n" FROM "23 reaches 10.0.0.9:23\n");
	met(LINKS "dmz 10.0.0.9 except tcp ssh\n"
		  "test udp from 203.0.113.9 to 198.51.100.1:22 reaches 10.0.0.9:22\n");
	met(LINKS "dmz 10.0.0.9 from 192.0.2.0/24\n" FROM "80 is closed\n");
}

static void all_met(const char *text)
{
	run(text);
	for (size_t i = 0; i < verdict_count; i++) {
		if (!verdicts[i].met)
			fail_msg("the test %zu: %s", i + 1, verdicts[i].got);
	}
}

/* What a dmz leaves out is shut for the dmz alone: forwards go before it. */
static void left_out_and_forwarded(void **state)
{
	(void)state;
	all_met(LINKS "dmz 10.0.0.9 except 1-1023\nforward tcp http to 10.0.0.2\n" FROM
		  "80 reaches 10.0.0.2:80 by line 4\n" FROM "81 is closed\n" FROM
		  "1024 reaches 10.0.0.9:1024\n"
		  "test udp from 203.0.113.9 to 198.51.100.1:80 is closed\n");
	/* A range is wider than what is left out, and goes before it too. */
	all_met(LINKS "dmz 10.0.0.9 except tcp 22\nforward tcp 20-30 to 10.0.0.2\n" FROM
		  "22 reaches 10.0.0.2:22\n");
	all_met(LINKS "dmz 10.0.0.9 on 198.51.100.1 except tcp 22\nforward tcp 22 to 10.0.0.2\n"
		  FROM "22 reaches 10.0.0.2:22\n");
	/* To others the forward is not there. */
	all_met(LINKS "dmz 10.0.0.9 except 1-1023\nforward tcp 22 to 10.0.0.2 from 192.0.2.0/24\n"
		  FROM "22 is closed\n"
		  "test tcp from 192.0.2.9 to 198.51.100.1:22 reaches 10.0.0.2:22\n");
	/* Rules are asked first, as of all that comes in. */
	all_met(LINKS "dmz 10.0.0.9 except 1-1023\ndrop tcp 22\n" FROM "22 is dropped by line 4\n"
		  FROM "23 is closed\n");
	all_met(LINKS "dmz 10.0.0.9 except 1-1023\nallow tcp 22\n" FROM "22 is closed\n");
	/* The line that leaves it out is who shut it; what nothing is about is shut by none. */
	all_met(LINKS "dmz 10.0.0.9 except 1-79\n" FROM "70 is closed by line 3\n");
	all_met(LINKS "dmz 10.0.0.9 except 1-79 named rest\nallow tcp 70\n" FROM
		  "70 is closed by rest\n");
	got(LINKS "dmz 10.0.0.9 except 1-79\n" FROM "70 is dropped\n", "is closed by line 3");
	all_met(LINKS "dmz 10.0.0.9 except 1-79\nblock tcp 70\n" FROM "70 is closed by line 4\n");
	/* A socket of this gateway's, for a call that ends here. */
	all_met(LINKS "dmz 10.0.0.9 except 1-1023\nforward tcp 80 to unix:/run/app\n" FROM
		  "80 reaches unix:/run/app\n");
	/* From inside, by the outside address. */
	all_met(LINKS "dmz 10.0.0.9 except 1-1023\nforward tcp 80 to 10.0.0.2\n"
		  "test tcp from inside 10.0.0.7 to 198.51.100.1:80 reaches 10.0.0.2:80\n"
		  "test tcp from inside 10.0.0.7 to 198.51.100.1:81 is closed\n");
}

static void ending_here(void **state)
{
	(void)state;
	met(LINKS "forward tcp 9 to unix:/run/app\n" FROM "9 reaches unix:/run/app\n");
	met(LINKS "forward tcp 9 to 10.0.0.2:90 proxy v2\n" FROM "9 reaches 10.0.0.2:90\n");
	met(LINKS "forward tcp 9 to 10.0.0.2, 10.0.0.3:90 proxy v1\n" FROM
		  "9 reaches 10.0.0.2:9 or 10.0.0.3:90\n");
}

#define OUT "test udp from inside 10.0.0.7:5000 to 203.0.113.9:53 "

static void outward(void **state)
{
	(void)state;
	met(LINKS OUT "leaves from 198.51.100.1\n");
	run(LINKS OUT "leaves from 198.51.100.2\n");
	assert_false(verdicts[0].met);
	assert_non_null(strstr(verdicts[0].got, "leaves from 198.51.100.1:"));
	met(LINKS "pool 198.51.100.32/31\n" OUT "leaves from 198.51.100.32 or 198.51.100.33\n");
	met(LINKS "pool 198.51.100.32 ports 7000\n" OUT "leaves from 198.51.100.32:7000\n");
	met(LINKS "never translate 203.0.113.0/24\n" OUT "leaves from 10.0.0.7:5000\n");
	met(LINKS "never translate 203.0.114.0/24\n" OUT "leaves from 198.51.100.1\n");
}

static void hairpin(void **state)
{
#define BACK "test tcp from inside 10.0.0.7 to 198.51.100.1:80 "
	(void)state;
	met(LINKS "forward tcp 80 to 10.0.0.2\n" BACK "reaches 10.0.0.2:80\n");
	run(LINKS "nat hairpin off\nforward tcp 80 to 10.0.0.2\n" BACK "reaches 10.0.0.2:80\n");
	assert_false(verdicts[0].met);
}

/* What is asked of a gateway that runs: one flow, with or without test lines. */
static void a_flow(void **state)
{
	struct conf_test flow = { .proto = MINATO_TCP,
				  .source = { minato_addr4(203, 0, 113, 9), 0 },
				  .destination = { minato_addr4(198, 51, 100, 1), 80 } };
	struct conf_fate fate;

	(void)state;
	run(LINKS "forward tcp 80 to 10.0.0.2\nblock tcp 80 from 203.0.113.66\n");
	assert_int_equal(conf_try_flow(&conf, &flow, &fate), 0);
	assert_int_equal(fate.outcome, CONF_REACHES);
	assert_int_equal(fate.end.addr.bytes[15], 2);
	assert_int_equal(fate.end.port, 80);
	assert_ptr_equal(fate.by, conf.list[2]);
	assert_true(fate.rule == SIZE_MAX);
	flow.source.addr.bytes[15] = 66;
	assert_int_equal(conf_try_flow(&conf, &flow, &fate), 0);
	assert_int_equal(fate.outcome, CONF_CLOSED);
	assert_int_equal(fate.rule, 3);
	/* Behind us, and not to be reached from there. */
	flow.destination.addr = minato_addr4(10, 0, 0, 2);
	flow.source.addr.bytes[15] = 9;
	assert_int_equal(conf_try_flow(&conf, &flow, &fate), 0);
	assert_int_equal(fate.outcome, CONF_DROPPED);
}

static void two_insides(void **state)
{
#define TWO LINKS "inside eth2 10.2.0.1/24\n"
	(void)state;
	met(TWO "forward tcp 80 to 10.2.0.2\n" FROM "80 reaches 10.2.0.2:80\n");
	met(TWO "test tcp from inside 10.2.0.7 to 203.0.113.9:80 leaves from 198.51.100.1\n");
	met(TWO "never translate 203.0.113.0/24\n"
		"test tcp from inside 10.2.0.7:9 to 203.0.113.9:80 leaves from 10.2.0.7:9\n");
	/* A packet comes by the link of its source, whosever address it is for. */
	met(TWO "test ping from inside 10.2.0.7 to 10.0.0.1 is answered\n");
	met(TWO "test ping from inside 10.0.0.7 to 10.2.0.1 is answered\n");
	met(TWO "test tcp from inside 10.2.0.7 to 10.0.0.1:22 is closed\n");
	met(TWO "test tcp from inside 10.0.0.7 to 10.2.0.1:22 is closed\n");
	met(TWO "route 10.0.0.128/25 via 10.2.0.3\n"
		"test tcp from inside 10.0.0.200 to 10.0.0.7:80 reaches 10.0.0.7:80\n");
}

static void ipv6(void **state)
{
#define SIX                                                                                        \
	"inside eth1 10.0.0.1/24, 2001:db8:1::1/64\n"                                              \
	"outside eth0 198.51.100.1/24, 2001:db8:2::1/64 via 198.51.100.254, 2001:db8:2::fe\n"
#define FROM6 "test tcp from 2001:db8:9::9 to [2001:db8:1::2]:80 "
	(void)state;
	met(SIX "forward tcp 80 to 2001:db8:1::2\n" FROM6 "reaches [2001:db8:1::2]:80\n");
	met(SIX "forward tcp 80 to 2001:db8:1::2 from 2001:db8:9::/48\n" FROM6
		"reaches [2001:db8:1::2]:80\n");
	run(SIX "forward tcp 81 to 2001:db8:1::2\n" FROM6 "reaches [2001:db8:1::2]:80\n");
	assert_false(verdicts[0].met);
	met(SIX
	    "test udp from inside 2001:db8:1::7 to [2001:db8:9::9]:53 leaves from 2001:db8:1::7\n");
	met(SIX "inside eth2 2001:db8:3::1/64\n"
		"test ping from inside 2001:db8:3::7 to 2001:db8:1::1 is answered\n");
}

/* What one test began is over before the next. */
static void apart(void **state)
{
	char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text),
				       LINKS "forward tcp 80 to 10.0.0.2 at most 1 connections\n"
					     "nat at most 1 udp ports per host\n");

	(void)state;
	for (int i = 0; i < 20; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"test tcp from 203.0.113.%d to 198.51.100.1:80 reaches "
			"10.0.0.2:80\n"
			"test udp from inside 10.0.0.7:%d to 203.0.113.9:53 leaves from "
			"198.51.100.1\n",
			i + 1, i + 5000);
	run(text);
	assert_int_equal(verdict_count, 40);
	for (size_t i = 0; i < verdict_count; i++)
		assert_true(verdicts[i].met);
}

/* Whatever setting the language has, the engine takes, at both ends of its range. */
static void settings(void **state)
{
	static const char *const values[] = {
		"on",	     "off", "1",   "5",	       "100000000", "16777216",
		"unlimited", "1s",  "6s",  "60s",      "120s",	    "240s",
		"7440s",     "7d",  "30d", "endpoint", "address",   "address-and-port",
	};
	unsigned tried = 0;

	(void)state;
	for (int key = 0; key < CONF_NAT_KEY_COUNT; key++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			const char *words = natline_words((enum conf_nat_key)key);
			bool counts = natline_value((enum conf_nat_key)key) == CONF_NAT_COUNT;
			struct conf_statement s;
			char text[512];

			snprintf(text, sizeof(text), "nat %s %s", counts ? "at most" : words,
				 values[i]);
			if (counts)
				snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s",
					 words);
			if (conf_statement_read(&s, text, &report) != 0)
				continue;
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "\n" LINKS FROM "80 is dropped\n");
			run(text);
			tried++;
		}
	}
	assert_true(tried >= 3 * CONF_NAT_KEY_COUNT - 11);
}

static void several(void **state)
{
	(void)state;
	run(HOST "forward tcp 80 to 10.0.0.2\n" FROM "80 is closed\n" FROM "81 is closed\n" FROM
		 "80 reaches 10.0.0.2:80\n");
	assert_int_equal(verdict_count, 3);
	assert_int_equal(verdicts[0].index, 3);
	assert_false(verdicts[0].met);
	assert_true(verdicts[1].met);
	assert_true(verdicts[2].met);
	assert_int_equal(verdicts[2].index, 5);
}

/* Pings that are for the gateway, that go through it, and what a rule says of them. */
static void messages(void **state)
{
#define PING "test ping from 203.0.113.9 to 198.51.100.1 "
#define GOES "test ping from inside 10.0.0.2 to 203.0.113.9 "
	(void)state;
	met(LINKS PING "is answered\n");
	met(LINKS PING "passes\n");
	met(LINKS "block ping from wan\n" PING "is closed by line 3\n");
	met(LINKS "drop icmp from wan named quiet\n" PING "is dropped by quiet\n");
	got(LINKS "block ping from lan\n" PING "is closed\n", "is answered");
	met(LINKS "block icmp timestamp\n" PING "is answered\n");
	met(LINKS GOES "leaves from 198.51.100.1\n");
	met(LINKS GOES "passes\n");
	met(LINKS "block out ping\n" GOES "is closed by line 3\n");
	got(LINKS "block out ping to 203.0.113.0/24\n" GOES "leaves from 198.51.100.1\n",
	    "is closed by line 3");
	met(LINKS "block ping from lan\n"
		  "test ping from inside 10.0.0.2 to 10.0.0.1 is closed by line 3\n");
	met(LINKS "dmz 10.0.0.9\n" PING "is answered\n");
	got(LINKS "dmz 10.0.0.9\n" PING "reaches 10.0.0.9\n", "is answered");
}

/* Where outside are the host's sockets: rules are asked, and who is not asked is said. */
static void messages_over_the_host(void **state)
{
	(void)state;
	met(HOST GOES "passes\n");
	met(HOST "block out ping\n" GOES "is closed by line 3\n");
	met(HOST "test ping from inside 10.0.0.2 to 10.0.0.1 is answered\n");
	met(HOST "block ping from lan\n"
		 "test ping from inside 10.0.0.2 to 10.0.0.1 is closed by line 3\n");
	met(HOST "block ping from lan\n" GOES "passes\n");
	got(HOST PING "is closed\n", "meets the host's kernel, of which the file says nothing");
	got(HOST PING "passes\n", "meets the host's kernel, of which the file says nothing");
	met(HOST "drop out tcp 25 to wan\n"
		 "test tcp from inside 10.0.0.2 to 203.0.113.9:25 is dropped by line 3\n");
	met(HOST "drop out tcp 25 to wan\n"
		 "test tcp from inside 10.0.0.2 to 203.0.113.9:26 passes\n");
}

/* Packets are handed on between insides, whoever is the outside. */
static void between_insides_over_the_hosts_sockets(void **state)
{
#define INSIDES                                                                                    \
	HOST "inside tap lan1 10.1.0.1/24 named guests\n"                                          \
	     "block tcp 22 from guests\n"                                                          \
	     "route 10.9.0.0/24 via 10.1.0.3\n"
	(void)state;
	met(INSIDES "test tcp from inside 10.0.0.2 to 10.1.0.3:80 reaches 10.1.0.3:80\n");
	met(INSIDES "test tcp from inside 10.1.0.3 to 10.0.0.2:22 is closed by line 4\n");
	met(INSIDES "test tcp from inside 10.0.0.2 to 10.9.0.2:80 reaches 10.9.0.2:80\n");
	met(INSIDES "test ping from inside 10.1.0.3 to 10.0.0.2 reaches 10.0.0.2\n");
	met(INSIDES "test tcp from inside 10.1.0.3 to 203.0.113.9:80 passes\n");
	/* What the gateway is called on another inside is a wall. */
	met(INSIDES "test ping from inside 10.1.0.3 to 10.1.0.1 is answered\n");
	met(INSIDES "test ping from inside 10.1.0.3 to 10.0.0.1 is closed\n");
	met(INSIDES "test ping from inside 10.0.0.2 to 10.1.0.1 is closed\n");
	met(INSIDES "test tcp from inside 10.0.0.2 to 10.1.0.1:22 is closed\n");
	met(INSIDES "test tcp from inside 10.1.0.3 to 10.1.0.1:80 is closed\n");
	met(INSIDES "test udp from inside 10.1.0.3 to 10.1.0.1:53 passes\n");
	met(INSIDES "test udp from inside 10.1.0.3 to 10.0.0.1:53 is closed\n");
	met(INSIDES "test icmp timestamp from inside 10.1.0.3 to 10.1.0.1 is dropped\n");
	met(INSIDES "test icmp timestamp from inside 10.1.0.3 to 203.0.113.9 is dropped\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_tests),
		cmocka_unit_test(over_the_host),
		cmocka_unit_test(between_insides_over_the_hosts_sockets),
		cmocka_unit_test(lists),
		cmocka_unit_test(forwarded),
		cmocka_unit_test(without_ports),
		cmocka_unit_test(precedence),
		cmocka_unit_test(balanced),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(left_out_and_forwarded),
		cmocka_unit_test(ending_here),
		cmocka_unit_test(outward),
		cmocka_unit_test(hairpin),
		cmocka_unit_test(two_insides),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(apart),
		cmocka_unit_test(settings),
		cmocka_unit_test(several),
		cmocka_unit_test(a_flow),
		cmocka_unit_test(messages),
		cmocka_unit_test(messages_over_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, end_conf);
}
