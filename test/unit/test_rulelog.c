/* SPDX-License-Identifier: BSD-2-Clause */
/* What rules with `log` decided, as a worker says it: line by line, and no more than so many. */
#include "gateway_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "minato/guard.h"

static struct gate g;
static struct forge f;
static struct cmd_rule_log rule_log;
static struct cmd_rule_place place; /* of every event */
static uint64_t judged;		    /* the entry of the latest */
static int saying[2];
static char said[16384];

static int begin(void **state)
{
	struct minato_config c = gate_config(MINATO_LINK_IP);

	(void)state;
	c.entries_max = 64;
	gate_with(&g, &c);
	rule_log = (struct cmd_rule_log){ .said = 0 };
	place = (struct cmd_rule_place){ .rule = NULL };
	assert_int_equal(pipe2(saying, O_NONBLOCK | O_CLOEXEC), 0);
	cmd_say_to(saying[1]);
	return 0;
}

static int end_all(void **state)
{
	(void)state;
	cmd_say_to(STDERR_FILENO);
	close(saying[0]);
	close(saying[1]);
	gate_end(&g);
	return 0;
}

static uint64_t rule(struct minato_entry e)
{
	uint64_t handle;

	e.kind = MINATO_KIND_GUARD;
	e.scope = MINATO_SCOPE_ANY;
	e.face = MINATO_FACE_ANY;
	e.order = e.order ? e.order : 7;
	e.log = true;
	assert_int_equal(minato_entry_add(g.m, &e, &handle), 0);
	return handle;
}

static void call(const char *from, const char *to, uint16_t port)
{
	forge_tcp(&f, strchr(from, ':') != NULL, NULL, 0, 0);
	forge_put16(f.header, 5353);
	forge_put16(f.header + 2, port);
	f.header[13] = TCP_SYN;
	gate_ends(&f, from, to);
	gate_send(&g, 1, &f, NULL);
	gate_drain(&g, 32);
	gate_clear(&g);
}

static void calls(uint16_t first, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		call("198.51.100.7", "198.51.100.1", (uint16_t)(first + i));
}

static void where(void *user, const struct minato_rule_event *event, struct cmd_rule_place *out)
{
	assert_ptr_equal(user, &g);
	judged = event->entry;
	*out = place;
}

static unsigned lines(const char *text)
{
	unsigned count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

/* What is said in one turn. */
static const char *turn(void)
{
	ssize_t got;

	cmd_rule_log_turn(&rule_log, g.m, g.now, where, &g);
	got = read(saying[0], said, sizeof(said) - 1);
	said[got > 0 ? got : 0] = 0;
	return said;
}

static void pass_time(int64_t ms)
{
	g.now.ns += ms * MILLI;
	minato_advance(g.m, g.now);
}

static void a_line_of_each(void **state)
{
	uint64_t handle;

	(void)state;
	handle = rule((struct minato_entry){ .verdict = MINATO_DROP });
	assert_string_equal(turn(), "");
	call("198.51.100.7", "198.51.100.1", 22);
	assert_string_equal(turn(), "minato: rule: tcp from 198.51.100.7 port 5353 to 198.51.100.1 "
				    "port 22: dropped\n");
	assert_int_equal(judged, handle);
	/* Said once. */
	assert_string_equal(turn(), "");
	call("2001:db8:1::7", "2001:db8:1::1", 23);
	assert_string_equal(turn(), "minato: rule: tcp from 2001:db8:1::7 port 5353 to "
				    "2001:db8:1::1 port 23: dropped\n");
}

static void other_protocols(void **state)
{
	(void)state;
	rule((struct minato_entry){ .verdict = MINATO_REFUSE });
	rule((struct minato_entry){ .verdict = MINATO_REFUSE, .proto = MINATO_ICMP, .order = 8 });
	forge_udp(&f, false, 4);
	gate_ends(&f, "198.51.100.7", "198.51.100.1");
	gate_send(&g, 1, &f, NULL);
	assert_string_equal(turn(), "minato: rule: udp from 198.51.100.7 port 5353 to 198.51.100.1 "
				    "port 53: refused\n");
	rule((struct minato_entry){
		.verdict = MINATO_REFUSE, .proto = MINATO_PROTO_OTHER, .order = 9 });
	forge_start(&f, false, 47);
	f.payload_len = 20;
	gate_ends(&f, "198.51.100.7", "198.51.100.1");
	gate_send(&g, 1, &f, NULL);
	assert_string_equal(turn(), "minato: rule: gre from 198.51.100.7 to 198.51.100.1: "
				    "refused\n");
	forge_icmp(&f, false, ICMP4_ECHO, 0, 0x00050001, 8);
	gate_ends(&f, "198.51.100.7", "198.51.100.1");
	gate_send(&g, 1, &f, NULL);
	assert_string_equal(turn(), "minato: rule: icmp type 8 from 198.51.100.7 to 198.51.100.1: "
				    "refused\n");
}

/* What was decided, and whether it was the rate. */
static void outcomes(void **state)
{
	static const char *const limited[] = {
		[MINATO_REFUSE] = ": refused, beyond the limit\n",
		[MINATO_DROP] = ": dropped, beyond the limit\n",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		const enum minato_verdict then = i ? MINATO_DROP : MINATO_REFUSE;
		uint64_t handle = rule((struct minato_entry){ .verdict = MINATO_PASS,
							      .rate_count = 1,
							      .rate_span_s = 3600,
							      .rate_verdict = then });

		call("198.51.100.7", "198.51.100.1", 80);
		assert_non_null(strstr(turn(), " port 80: allowed\n"));
		call("198.51.100.7", "198.51.100.1", 81);
		assert_non_null(strstr(turn(), limited[then]));
		assert_int_equal(minato_entry_remove(g.m, handle), 0);
		pass_time(2000);
	}
}

static void which_rule_and_by_which_link(void **state)
{
	struct conf_statement one;
	struct conf_report report;

	(void)state;
	rule((struct minato_entry){ .verdict = MINATO_REFUSE });
	assert_int_equal(conf_statement_read(&one, "block tcp 22 log named closed", &report), 0);
	one.line = 9;
	place.rule = &one;
	call("198.51.100.7", "198.51.100.1", 22);
	assert_non_null(strstr(turn(), ": refused by line 9: block tcp 22 log named closed\n"));
	strcpy(place.link, "eth0");
	pass_time(1);
	call("198.51.100.7", "198.51.100.1", 22);
	assert_non_null(strstr(turn(), ": refused by line 9 on eth0: block tcp 22 log"));
	one.line = 0;
	pass_time(1);
	call("198.51.100.7", "198.51.100.1", 22);
	assert_non_null(strstr(turn(), ": refused by a rule added live on eth0: block tcp 22"));
	/* It is gone: nothing can be said of it. */
	place.rule = NULL;
	pass_time(1);
	call("198.51.100.7", "198.51.100.1", 22);
	assert_non_null(strstr(turn(), " port 22: refused\n"));
}

static void those_for_the_audit_alone_are_no_lines(void **state)
{
	(void)state;
	rule((struct minato_entry){ .verdict = MINATO_DROP });
	place.unsaid = true;
	calls(1000, 30);
	assert_string_equal(turn(), "");
	assert_int_equal(rule_log.said, 0);
	/* And take nobody's place. */
	place.unsaid = false;
	calls(1000, 20);
	assert_int_equal(lines(turn()), 20);
}

/* 20 in a second are said, the rest is counted. */
static void more_than_anybody_reads(void **state)
{
	(void)state;
	rule((struct minato_entry){ .verdict = MINATO_DROP });
	calls(1000, 50);
	assert_int_equal(lines(turn()), 20);
	assert_null(strstr(said, "more"));
	assert_non_null(strstr(said, " port 1000: dropped\n"));
	assert_non_null(strstr(said, " port 1019: dropped\n"));
	pass_time(500);
	calls(2000, 5);
	assert_string_equal(turn(), "");
	pass_time(500);
	assert_string_equal(turn(), "minato: rule: and 35 more\n");
	assert_string_equal(turn(), "");
	/* Another second has 20 of its own, and what is left out is counted from 0. */
	calls(3000, 21);
	assert_int_equal(lines(turn()), 20);
	pass_time(1000);
	assert_string_equal(turn(), "minato: rule: and 1 more\n");
	pass_time(1000);
	assert_string_equal(turn(), "");
}

/* One flow is looked up more than once in its first packet, and is one line. */
static void the_same_flow_at_one_instant(void **state)
{
	(void)state;
	rule((struct minato_entry){ .verdict = MINATO_DROP });
	for (int i = 0; i < 30; i++)
		call("198.51.100.7", "198.51.100.1", 22);
	assert_int_equal(lines(turn()), 1);
	for (int i = 0; i < 30; i++) {
		pass_time(1);
		call("198.51.100.7", "198.51.100.1", 22);
	}
	assert_int_equal(lines(turn()), 19);
}

/* The library keeps 256: what it left out is not said, but counted there. */
static void more_than_wait(void **state)
{
	(void)state;
	rule((struct minato_entry){ .verdict = MINATO_DROP });
	calls(1000, 300);
	assert_int_equal(lines(turn()), 20);
	pass_time(1000);
	assert_string_equal(turn(), "minato: rule: and 236 more\n");
}

#define SAID(test) cmocka_unit_test_setup_teardown(test, begin, end_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAID(a_line_of_each),
		SAID(other_protocols),
		SAID(outcomes),
		SAID(which_rule_and_by_which_link),
		SAID(those_for_the_audit_alone_are_no_lines),
		SAID(more_than_anybody_reads),
		SAID(the_same_flow_at_one_instant),
		SAID(more_than_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
