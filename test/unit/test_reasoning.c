/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a flow passes a gateway or not: by which link it comes, each step, and what it comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/gateway/gateway.h"
#include "minato/guard.h"

static struct gateway_links links;
static struct gateway_worker worker;
static struct gateway_rules wanted;
static size_t memory_size;
static json_t *answer;

static void say(const char *text)
{
	static struct conf_statement one;
	static struct conf_report report;

	if (conf_statement_read(&one, text, &report) != 0)
		fail_msg("\"%s\": %s", text, report.fault[0].what);
	one.line = (uint32_t)wanted.conf.count + 1;
	assert_int_equal(gateway_rules_add(&wanted, &one, 0), 0);
}

static int begin(void **state)
{
	(void)state;
	say("inside tap in0 10.0.0.1/24, fd00::1/64");
	say("inside tap in1 10.0.2.1/24");
	say("outside tap out0 198.51.100.1/24, 2001:db8::1/64 via 198.51.100.254");
	return 0;
}

/* All that was said is in force from here on. */
static void run(void)
{
	struct minato_config config;
	struct drive_error error;
	void *memory;

	links = (struct gateway_links){ .count = 0 };
	for (size_t i = 0; i < wanted.conf.count && wanted.conf.list[i]->kind == CONF_KIND_LINK;
	     i++) {
		links.count++;
		links.list[i].said = wanted.conf.list[i]->link;
		links.list[i].mtu = 1500;
		links.list[i].mac[5] = (uint8_t)i;
	}
	gateway_config(&config, &wanted.conf, &links);
	config.sessions_max = config.mappings_max = 1000;
	memory_size = minato_size(&config);
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	worker = (struct gateway_worker){ .port_count = 0 };
	assert_int_equal(minato_create(memory, memory_size, &config, (struct minato_time){ 1 },
				       &worker.base.host),
			 0);
	worker.applied.host = worker.base.host;
	worker.applied.links = &links;
	worker.applied.flows_max = 500;
	worker.ends = (struct gateway_ends){ .applied = &worker.applied };
	worker.health.applied = &worker.applied;
	if (gateway_apply(&worker.applied, &wanted, &error) != 0)
		fail_msg("%s", error.text);
}

static int clean(void **state)
{
	(void)state;
	json_decref(answer);
	answer = NULL;
	if (worker.base.host)
		gateway_applied_free(&worker.applied);
	gateway_rules_free(&wanted);
	if (worker.base.host)
		(void)munmap(worker.base.host, memory_size);
	worker.base.host = NULL;
	return 0;
}

static json_t *point(const char *text, uint16_t port)
{
	struct minato_endpoint at = { .port = port };

	assert_int_equal(minato_addr_parse(text, &at.addr), 0);
	return view_message_end(&at);
}

/* With more members, which are taken over. */
static void ask(json_t *message, const char *from, const char *to, uint16_t port)
{
	json_object_set_new(message, "from", point(from, 40000));
	json_object_set_new(message, "to", point(to, port));
	json_decref(answer);
	answer = gateway_reasons(&worker, message);
	json_decref(message);
	assert_non_null(answer);
	assert_null(json_object_get(answer, "error"));
}

/* TCP from port 40000. */
static void why(const char *from, const char *to, uint16_t port)
{
	ask(json_pack("{s:i}", "proto", MINATO_TCP), from, to, port);
}

/* A message of that type, or with MINATO_PROTO_OTHER a protocol. */
static void why_typed(int proto, int type, const char *from, const char *to)
{
	ask(json_pack("{s:i,s:i}", "proto", proto, "type", type), from, to, 0);
}

static const char *text_in(const json_t *item, const char *key)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text ? text : "";
}

static void comes_by(const char *link, bool outside)
{
	assert_string_equal(text_in(answer, "link"), link);
	assert_int_equal(json_is_true(json_object_get(answer, "outside")), outside);
}

/* The outcome, and what is said of its end or the rule that decides. */
static void becomes(const char *outcome, const char *end, const char *rule)
{
	const json_t *fate = json_object_get(answer, "becomes");
	struct minato_endpoint at;
	char text[80] = "";

	assert_string_equal(text_in(fate, "outcome"), outcome);
	if (view_message_end_read(&at, json_object_get(fate, "end")) == 0) {
		minato_addr_format(&at.addr, text, sizeof(text));
		if (at.port)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ":%u",
				       at.port);
	}
	assert_string_equal(text, end);
	assert_string_equal(text_in(fate, "text"), rule);
}

static const json_t *step(size_t at)
{
	return json_array_get(json_object_get(answer, "steps"), at);
}

static size_t steps(void)
{
	return json_array_size(json_object_get(answer, "steps"));
}

/* The last step, and the statement that it is of ("": none). */
static void ends_at(const char *name, bool found, const char *statement)
{
	const json_t *last = step(steps() - 1);

	assert_string_equal(text_in(last, "step"), name);
	assert_int_equal(json_is_true(json_object_get(last, "found")), found);
	assert_string_equal(text_in(last, "text"), statement);
}

/* ---- what comes from outside ---- */

static void a_forward_is_reached(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.0.2:8080");
	run();
	why("192.0.2.9", "198.51.100.1", 80);
	comes_by("out0", true);
	ends_at("entry", true, "forward tcp 80 to 10.0.0.2:8080");
	assert_int_equal(json_integer_value(json_object_get(step(steps() - 1), "line")), 4);
	assert_string_equal(text_in(step(steps() - 1), "kind"), "forward");
	becomes("reaches", "10.0.0.2:8080", "");
	/* Asking leaves nothing behind. */
	why("192.0.2.9", "198.51.100.1", 80);
	becomes("reaches", "10.0.0.2:8080", "");
}

static void a_closed_port_is_closed(void **state)
{
	(void)state;
	run();
	why("192.0.2.9", "198.51.100.1", 81);
	ends_at("entry", false, "");
	becomes("closed", "", "");
}

static void by_the_outside_whose_address_it_is_for(void **state)
{
	(void)state;
	say("outside tap out1 203.0.113.1/24");
	run();
	why("192.0.2.9", "203.0.113.1", 81);
	comes_by("out1", true);
	why("192.0.2.9", "198.51.100.1", 81);
	comes_by("out0", true);
	/* Its own network says more than what it is for. */
	why("203.0.113.9", "198.51.100.1", 81);
	comes_by("out1", true);
	/* Of an address that nobody has, by the first. */
	why("192.0.2.9", "192.0.2.77", 81);
	comes_by("out0", true);
}

static void a_rule_that_stops_it(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("block tcp 80 from 192.0.2.0/24");
	say("drop tcp 80 from 192.0.3.0/24 named gone");
	run();
	why("192.0.2.9", "198.51.100.1", 80);
	ends_at("rule", true, "block tcp 80 from 192.0.2.0/24");
	assert_string_equal(text_in(step(steps() - 1), "verdict"), "refused");
	becomes("closed", "", "block tcp 80 from 192.0.2.0/24");
	why("192.0.3.9", "198.51.100.1", 80);
	ends_at("rule", true, "drop tcp 80 from 192.0.3.0/24 named gone");
	assert_string_equal(text_in(step(steps() - 1), "verdict"), "dropped");
	becomes("dropped", "", "drop tcp 80 from 192.0.3.0/24 named gone");
	why("192.0.4.9", "198.51.100.1", 80);
	ends_at("entry", true, "forward tcp 80 to 10.0.0.2");
	becomes("reaches", "10.0.0.2:80", "");
}

/* It allows, but behind it there is nothing: that is not the rule's. */
static void a_rule_that_allows_what_is_closed(void **state)
{
	(void)state;
	say("allow tcp 81");
	run();
	why("192.0.2.9", "198.51.100.1", 81);
	ends_at("entry", false, "");
	becomes("closed", "", "");
}

static void what_is_shut_anyway(void **state)
{
	(void)state;
	say("forward tcp 445 to 10.0.0.2");
	run();
	why("192.0.2.9", "198.51.100.1", 445);
	ends_at("rule", true, GATEWAY_SHUT_TEXT);
	assert_true(json_is_true(json_object_get(step(steps() - 1), "built_in")));
	becomes("closed", "", GATEWAY_SHUT_TEXT);
	assert_true(json_is_true(json_object_get(json_object_get(answer, "becomes"), "built_in")));
	assert_string_equal(text_in(step(steps() - 1), "says"), "");
}

/* What is built in says the ports behind: which one that is, is said too. */
static void what_leads_there_is_shut_too(void **state)
{
	(void)state;
	say("forward tcp 8445 to 10.0.0.2:445");
	run();
	why("192.0.2.9", "198.51.100.1", 8445);
	ends_at("rule", true, GATEWAY_SHUT_TEXT);
	assert_string_equal(text_in(step(steps() - 1), "says"),
			    "port 8445 leads to port 445 (NetBIOS, SMB)");
}

static void beyond_its_limit(void **state)
{
	const struct minato_question q = {
		.scope = CONF_SCOPE_OUTSIDE,
		.face = 2,
		.proto = MINATO_TCP,
		.course = MINATO_COURSE_IN,
		.remote = { minato_addr4(192, 0, 2, 9), 40000 },
		.local = { minato_addr4(198, 51, 100, 1), 80 },
	};
	struct minato_fate fate;

	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("limit tcp 80 to 1 per hour");
	run();
	why("192.0.2.9", "198.51.100.1", 80);
	assert_null(json_object_get(step(2), "limited"));
	assert_string_equal(text_in(step(2), "verdict"), "passes");
	minato_judge(worker.base.host, &q, &fate);
	why("192.0.2.9", "198.51.100.1", 80);
	ends_at("rule", true, "limit tcp 80 to 1 per hour");
	assert_true(json_is_true(json_object_get(step(steps() - 1), "limited")));
	becomes("closed", "", "limit tcp 80 to 1 per hour");
}

/* An address that nobody has: the forwards of ours are not met there. */
static void for_nobody(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.0.2");
	say("block tcp 81");
	run();
	why("192.0.2.9", "198.51.100.77", 80);
	ends_at("rule", false, "");
	becomes("dropped", "", "");
	/* Its sender hears of no rule, either. */
	why("192.0.2.9", "198.51.100.77", 81);
	ends_at("rule", true, "block tcp 81");
	assert_string_equal(text_in(step(steps() - 1), "verdict"), "dropped");
	why_typed(MINATO_PROTO_OTHER, 50, "192.0.2.9", "198.51.100.77");
	assert_int_equal(steps(), 0);
	becomes("dropped", "", "");
}

static void messages(void **state)
{
	(void)state;
	say("block icmp timestamp");
	run();
	why_typed(MINATO_ICMP, 13, "192.0.2.9", "198.51.100.1");
	ends_at("type", true, "");
	assert_int_equal(steps(), 1);
	becomes("dropped", "", "");
	why_typed(MINATO_ICMP, 13, "10.0.0.9", "10.0.0.1");
	ends_at("type", true, "");
	why_typed(MINATO_ICMP, 13, "10.0.0.9", "192.0.2.9");
	ends_at("type", true, "");
	/* Between insides rules are asked, and refuse in silence. */
	why_typed(MINATO_ICMP, 13, "10.0.0.9", "10.0.2.9");
	ends_at("rule", true, "block icmp timestamp");
	assert_string_equal(text_in(step(steps() - 1), "verdict"), "dropped");
	why_typed(MINATO_ICMP, 17, "10.0.0.9", "10.0.2.9");
	becomes("reaches", "10.0.2.9", "");
	why_typed(MINATO_ICMP, 8, "192.0.2.9", "198.51.100.1");
	becomes("answered", "", "");
}

static void what_has_no_ports(void **state)
{
	(void)state;
	say("dmz 10.0.0.9");
	run();
	why_typed(MINATO_PROTO_OTHER, 50, "192.0.2.9", "198.51.100.1");
	ends_at("entry", true, "dmz 10.0.0.9");
	becomes("reaches", "10.0.0.9", "");
	why_typed(MINATO_PROTO_OTHER, 99, "10.0.0.7", "10.0.2.9");
	becomes("reaches", "10.0.2.9", "");
}

/* ---- what comes from inside ---- */

static void out_to_the_world(void **state)
{
	(void)state;
	say("block out tcp 25 named mail");
	run();
	why("10.0.0.9", "192.0.2.9", 443);
	comes_by("in0", false);
	becomes("leaves", "198.51.100.1", "");
	why("10.0.2.9", "192.0.2.9", 25);
	comes_by("in1", false);
	ends_at("rule", true, "block out tcp 25 named mail");
	becomes("closed", "", "block out tcp 25 named mail");
}

/* To an address of ours it is asked as what comes in, whoever sends. */
/* A flow of the inside host's by that outside address stands. */
static void has_flow_by(const char *inside, const char *outside)
{
	struct minato_session s = { .proto = MINATO_UDP,
				    .state = MINATO_NAT_OPEN,
				    .from = CONF_SCOPE_INSIDE,
				    .to = CONF_SCOPE_OUTSIDE,
				    .source.port = 5000,
				    .destination.port = 53,
				    .back_source.port = 53,
				    .back_destination.port = 5000,
				    .since = { 1 },
				    .until = { 1 + 60000000000 } };

	assert_int_equal(minato_addr_parse(inside, &s.source.addr), 0);
	assert_int_equal(minato_addr_parse("192.0.2.9", &s.destination.addr), 0);
	s.back_source.addr = s.destination.addr;
	assert_int_equal(minato_addr_parse(outside, &s.back_destination.addr), 0);
	assert_int_equal(minato_session_adopt(worker.base.host, &s), 0);
}

/* An inside host stays on one address of a pool: which, its mappings say, and nobody before. */
static void out_by_an_address_of_a_pool(void **state)
{
	(void)state;
	say("pool 203.0.113.8/29");
	say("never translate 192.0.2.77");
	run();
	why("10.0.0.9", "192.0.2.9", 443);
	becomes("leaves", "", "");
	for (int last = 8; last < 16; last++) {
		char inside[32], outside[32];

		(void)snprintf(inside, sizeof(inside), "10.0.0.%d", last);
		(void)snprintf(outside, sizeof(outside), "203.0.113.%d", last);
		has_flow_by(inside, outside);
		why(inside, "192.0.2.9", 443);
		becomes("leaves", outside, "");
	}
	why("10.0.0.9", "192.0.2.77", 443);
	becomes("leaves", "10.0.0.9", "");
}

static void back_to_ourselves(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.2.2");
	say("block out tcp 80 named out-only");
	run();
	why("10.0.0.9", "198.51.100.1", 80);
	comes_by("in0", false);
	ends_at("entry", true, "forward tcp 80 to 10.0.2.2");
	becomes("reaches", "10.0.2.2:80", "");
	assert_int_equal(steps(), 5);
	why("10.0.0.9", "198.51.100.1", 81);
	ends_at("entry", false, "");
	becomes("closed", "", "");
}

/* What stops it there is the last step. */
static void back_to_ourselves_by_a_rule(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.2.2");
	say("block tcp 80 from lan named shut");
	run();
	why("10.0.0.9", "198.51.100.1", 80);
	ends_at("rule", true, "block tcp 80 from lan named shut");
	assert_int_equal(steps(), 3);
	becomes("closed", "", "block tcp 80 from lan named shut");
}

/* Between insides it goes out of one and comes in to the other: rules of both are asked. */
static void between_insides(void **state)
{
	size_t count = 0;

	(void)state;
	say("block out tcp 23 named telnet");
	say("block tcp 24 named other");
	run();
	why("10.0.0.9", "10.0.2.9", 80);
	comes_by("in0", false);
	for (size_t i = 0; i < steps(); i++)
		count += strcmp(text_in(step(i), "step"), "rule") == 0;
	assert_int_equal(count, 2);
	why("10.0.0.9", "10.0.2.9", 23);
	ends_at("rule", true, "block out tcp 23 named telnet");
	assert_int_equal(steps(), 3); /* what stops it is the end */
	why("10.0.0.9", "10.0.2.9", 24);
	ends_at("rule", true, "block tcp 24 named other");
	assert_true(steps() > 3);
	/* Within one network it is not between two. */
	why("10.0.0.9", "10.0.0.10", 80);
	count = 0;
	for (size_t i = 0; i < steps(); i++)
		count += strcmp(text_in(step(i), "step"), "rule") == 0;
	assert_int_equal(count, 1);
}

static size_t rules_asked(void)
{
	size_t count = 0;

	for (size_t i = 0; i < steps(); i++)
		count += strcmp(text_in(step(i), "step"), "rule") == 0;
	return count;
}

/* What the gateway is called on another inside is its own too: nothing goes out to it. */
static void to_the_gateway_of_another_inside(void **state)
{
	(void)state;
	say("block out tcp 7002");
	say("forward tcp 80 to 10.0.0.2");
	run();
	why("10.0.2.9", "10.0.0.1", 7002);
	assert_int_equal(rules_asked(), 1);
	becomes("closed", "", "");
	assert_non_null(strstr(text_in(answer, "note"), "no forward leads"));
	/* From inside a forward is met at the outside's address alone. */
	why("10.0.2.9", "10.0.0.1", 80);
	ends_at("entry", false, "");
	becomes("closed", "", "");
	why_typed(MINATO_ICMP, 8, "10.0.2.9", "10.0.0.1");
	becomes("answered", "", "");
	why_typed(MINATO_ICMP, 8, "10.0.0.9", "10.0.2.1");
	becomes("answered", "", "");
	why("10.0.2.9", "198.51.100.1", 80);
	becomes("reaches", "10.0.0.2:80", "");
	assert_null(json_object_get(answer, "note"));
}

static void behind_a_router_of_another_inside(void **state)
{
	(void)state;
	say("route 10.9.0.0/24 via 10.0.2.3");
	say("block tcp 24 named other");
	run();
	why("10.0.0.9", "10.9.0.2", 80);
	assert_int_equal(rules_asked(), 2);
	becomes("reaches", "10.9.0.2:80", "");
	why("10.0.0.9", "10.9.0.2", 24);
	ends_at("rule", true, "block tcp 24 named other");
}

/* Once a rule lets it out, what comes in is asked. */
static void supposed_that_it_goes_out(void **state)
{
	(void)state;
	say("block tcp 24 named in");
	say("block out tcp 24, 25 named away");
	run();
	why("10.0.0.9", "10.0.2.9", 24);
	ends_at("rule", true, "block out tcp 24, 25 named away");
	ask(json_pack("{s:i,s:b}", "proto", MINATO_TCP, "suppose", 1), "10.0.0.9", "10.0.2.9", 24);
	ends_at("rule", true, "block tcp 24 named in");
	ask(json_pack("{s:i,s:b}", "proto", MINATO_TCP, "suppose", 1), "10.0.0.9", "10.0.2.9", 25);
	ends_at("entry", false, "");
}

static void ipv6_is_routed(void **state)
{
	(void)state;
	say("forward tcp 22 to [fd00::2]");
	run();
	why("2001:db8::9", "fd00::2", 22);
	comes_by("out0", true);
	becomes("reaches", "fd00::2:22", "");
	why("2001:db8::9", "fd00::2", 23);
	becomes("closed", "", "");
}

/* ---- behind the look-up ---- */

/* The last step is no step of the look-up: it tells of a statement, and may stop the flow. */
static void tells(const char *name, const char *statement, const char *says, const char *verdict)
{
	const json_t *last = step(steps() - 1);

	ends_at(name, true, statement);
	assert_non_null(strstr(text_in(last, "says"), says));
	assert_string_equal(text_in(last, "verdict"), verdict);
	assert_int_equal(json_is_true(json_object_get(last, "stops")), *verdict != 0);
}

static void a_server_that_drains(void **state)
{
	static const char line[] = "forward tcp 80 to 10.0.0.2, 10.0.0.3, 10.0.2.4";

	(void)state;
	say(line);
	say("drain 10.0.0.3");
	say("drain 10.0.2.4");
	run();
	why("192.0.2.9", "198.51.100.1", 80);
	assert_int_equal(steps(), 8);
	assert_string_equal(text_in(step(5), "step"), "server");
	assert_string_equal(text_in(step(5), "text"), line);
	assert_non_null(strstr(text_in(step(5), "says"), "10.0.0.3 drains"));
	assert_non_null(strstr(text_in(step(6), "says"), "10.0.2.4 drains"));
	tells("server", line, "this call goes to 10.0.0.2 port 80, one of 1", "");
	becomes("reaches", "10.0.0.2:80", "");
}

static void all_servers_drain(void **state)
{
	static const char line[] = "forward tcp 80 to 10.0.0.2, 10.0.0.3";

	(void)state;
	say(line);
	say("drain 10.0.0.2");
	say("drain 10.0.0.3");
	say("forward tcp 81 to 10.0.0.3 named one");
	run();
	why("192.0.2.9", "198.51.100.1", 80);
	tells("server", line, "all of its servers are down or drain", "refused");
	becomes("closed", "", "");
	why("192.0.2.9", "198.51.100.1", 81);
	tells("server", "forward tcp 81 to 10.0.0.3 named one", "its only server drains",
	      "refused");
	becomes("closed", "", "");
}

/* It is warned of where it is said; it is no closed port. */
static void nobody_can_be_reached_there(void **state)
{
	(void)state;
	say("forward tcp 81 to 10.9.9.9");
	say("dmz 9.9.9.9");
	run();
	why("192.0.2.9", "198.51.100.1", 4444);
	tells("server", "dmz 9.9.9.9", "9.9.9.9 is on no inside link, and no route leads there",
	      "refused");
	becomes("closed", "", "");
	why("192.0.2.9", "198.51.100.1", 81);
	tells("server", "forward tcp 81 to 10.9.9.9",
	      "10.9.9.9 is on no inside link, and no route leads there", "refused");
	becomes("closed", "", "");
}

static void a_setting_that_stops_it(void **state)
{
	(void)state;
	say("forward tcp 80 to 10.0.2.2");
	say("nat hairpin off");
	run();
	why("10.0.0.9", "198.51.100.1", 80);
	tells("bound", "nat hairpin off", "nat hairpin is off", "dropped");
	why("192.0.2.9", "198.51.100.1", 80);
	ends_at("entry", true, "forward tcp 80 to 10.0.2.2");
}

static void a_socket_and_a_header(void **state)
{
	(void)state;
	say("forward tcp 80 to unix:/run/app.sock proxy v2");
	say("forward tcp 81 to 10.0.0.2:8081 proxy v1");
	say("forward tcp 82 to 10.0.0.2, 10.0.0.3 proxy v1");
	say("drain 10.0.0.2:82");
	run();
	why("192.0.2.9", "198.51.100.1", 80);
	tells("end", "forward tcp 80 to unix:/run/app.sock proxy v2",
	      "goes on to the socket /run/app.sock, which hears of its client by PROXY v2", "");
	becomes("reaches", "", "");
	assert_string_equal(text_in(json_object_get(answer, "becomes"), "path"), "/run/app.sock");
	worker.applied.held[3].dial_errnum = ENOENT;
	why("192.0.2.9", "198.51.100.1", 80);
	tells("end", "forward tcp 80 to unix:/run/app.sock proxy v2",
	      "the last call to it was refused: No such file", "");
	why("192.0.2.9", "198.51.100.1", 81);
	tells("end", "forward tcp 81 to 10.0.0.2:8081 proxy v1",
	      "a connection of the gateway's goes on to the server", "");
	becomes("reaches", "10.0.0.2:8081", "");
	why("192.0.2.9", "198.51.100.1", 82);
	tells("server", "forward tcp 82 to 10.0.0.2, 10.0.0.3 proxy v1",
	      "this call goes to 10.0.0.3 port 82", "");
	becomes("reaches", "10.0.0.3:82", "");
}

/* The line is of a file that is included. */
static void the_file_of_a_line(void **state)
{
	(void)state;
	say("block tcp 81");
	run();
	assert_int_equal(conf_files_add(&worker.applied.rules.conf.files, "/etc/minato.conf"), 0);
	assert_int_equal(conf_files_add(&worker.applied.rules.conf.files, "/etc/web.conf"), 0);
	worker.applied.rules.conf.list[3]->line = 1u << 25 | 7;
	why("192.0.2.9", "198.51.100.1", 81);
	assert_string_equal(text_in(step(steps() - 1), "file"), "/etc/web.conf");
	assert_int_equal(json_integer_value(json_object_get(step(steps() - 1), "line")), 7);
}

/* ---- what cannot be asked ---- */

static void questions_that_are_none(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"proto\":6}",
		"{\"proto\":6,\"from\":{},\"to\":{}}",
		"{\"proto\":6,\"from\":\"10.0.0.1\",\"to\":\"10.0.0.2\"}",
		"{\"proto\":6,\"from\":{\"address\":\"10.0.0.1\",\"port\":1}}",
		"{\"proto\":6,\"from\":{\"address\":\"10.0.0.1\",\"port\":65536},"
		"\"to\":{\"address\":\"10.0.0.1\",\"port\":1}}",
		"{\"proto\":6,\"from\":{\"address\":\"10.0.0.1\",\"port\":-1},"
		"\"to\":{\"address\":\"10.0.0.1\",\"port\":1}}",
		"{\"proto\":6,\"from\":{\"address\":\"10.0.0.1\",\"port\":1},"
		"\"to\":{\"address\":\"fd00::1\",\"port\":1}}",
		"{\"proto\":6,\"from\":{\"address\":\"ten\",\"port\":1},"
		"\"to\":{\"address\":\"10.0.0.1\",\"port\":1}}",
	};
	static const int protos[] = { 0, -1, 2, 256 + MINATO_TCP, 47 };

	(void)state;
	run();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *message = json_loads(texts[i], 0, NULL);
		json_t *reply = gateway_reasons(&worker, message);

		assert_string_equal(text_in(reply, "error"), "this cannot be asked");
		json_decref(reply);
		json_decref(message);
	}
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		json_t *message = json_pack("{s:i,s:o,s:o}", "proto", protos[i], "from",
					    point("10.0.0.9", 1), "to", point("192.0.2.9", 1));
		json_t *reply = gateway_reasons(&worker, message);

		assert_string_equal(text_in(reply, "error"), "this cannot be asked");
		json_decref(reply);
		json_decref(message);
	}
	links.count = 0;
	{
		json_t *reply = gateway_reasons(&worker, NULL);

		assert_string_equal(text_in(reply, "error"), "this cannot be asked");
		json_decref(reply);
	}
}

#define REASONED(test) cmocka_unit_test_setup_teardown(test, begin, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REASONED(a_forward_is_reached),
		REASONED(a_closed_port_is_closed),
		REASONED(by_the_outside_whose_address_it_is_for),
		REASONED(a_rule_that_stops_it),
		REASONED(a_rule_that_allows_what_is_closed),
		REASONED(what_is_shut_anyway),
		REASONED(what_leads_there_is_shut_too),
		REASONED(beyond_its_limit),
		REASONED(for_nobody),
		REASONED(messages),
		REASONED(what_has_no_ports),
		REASONED(to_the_gateway_of_another_inside),
		REASONED(behind_a_router_of_another_inside),
		REASONED(supposed_that_it_goes_out),
		REASONED(out_to_the_world),
		REASONED(out_by_an_address_of_a_pool),
		REASONED(back_to_ourselves),
		REASONED(back_to_ourselves_by_a_rule),
		REASONED(between_insides),
		REASONED(ipv6_is_routed),
		REASONED(a_server_that_drains),
		REASONED(all_servers_drain),
		REASONED(nobody_can_be_reached_there),
		REASONED(a_setting_that_stops_it),
		REASONED(a_socket_and_a_header),
		REASONED(the_file_of_a_line),
		REASONED(questions_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
