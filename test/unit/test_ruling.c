/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of a guest as it begins: read, put together with --allow, and entered into a host value. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/cmd.h"
#include "cmd/conf.h"
#include "minato/guard.h"

static struct cmd_harbour harbour;
static struct cmd_worker worker;
static size_t memory_size;

static int begin(void **state)
{
	struct minato_config config;
	void *memory;

	(void)state;
	memset(&harbour, 0, sizeof(harbour));
	memset(&worker, 0, sizeof(worker));
	(void)snprintf(harbour.name, sizeof(harbour.name), "g");
	harbour.plan.subnet.dns4 = minato_addr4(10, 0, 2, 3);
	worker.harbour = &harbour;
	minato_config_init(&config);
	config.entries_max = 4096;
	config.link_count = 1;
	config.link[0] = (struct minato_link_config){ .type = MINATO_LINK_IP, .mtu = 1500 };
	memory_size = minato_size(&config);
	memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(memory != MAP_FAILED);
	assert_int_equal(minato_create(memory, memory_size, &config, (struct minato_time){ 1 },
				       &worker.host),
			 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	cmd_ruling_free(&harbour.ruling);
	relay_allow_free(&harbour.allows);
	munmap(worker.host, memory_size);
	return 0;
}

/* What is said about a plan on standard error does not belong into the report. */
static int plan_from(const struct cmd_many *rules, const char *path)
{
	int kept = dup(STDERR_FILENO);
	FILE *nowhere = freopen("/dev/null", "w", stderr);
	int code = cmd_ruling_plan(&harbour, rules, path, "g");

	assert_non_null(nowhere);
	(void)fflush(stderr);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	return code;
}

#define PLAN(...)                                                                                  \
	plan_from(&(struct cmd_many){ .count = sizeof((const char *[]){ __VA_ARGS__ }) /           \
					       sizeof(const char *),                               \
				      .text = { __VA_ARGS__ } },                                   \
		  NULL)

static void says(const char *wanted)
{
	static char got[4 * CONF_TEXT_SIZE];
	char text[CONF_TEXT_SIZE];
	size_t used = 0;

	got[0] = 0;
	for (size_t i = 0; i < harbour.ruling.conf.count; i++) {
		(void)conf_print(text, sizeof(text), harbour.ruling.conf.list[i]);
		used += (size_t)snprintf(got + used, sizeof(got) - used, "%s%s", i ? "; " : "",
					 text);
	}
	assert_string_equal(got, wanted);
}

/* ---- the plan ---- */

static void those_of_the_command_line_first(void **state)
{
	const struct cmd_many rules = { .count = 2, .text = { "block tcp 1", "drop udp 2" } };
	char path[] = "/tmp/minato-ruling-XXXXXX";
	int fd = mkstemp(path);
	const char *text = "# of the file\nallow tcp 3\nblock tcp 4\n";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(plan_from(&rules, path), CMD_GO_ON);
	says("block tcp 1; drop udp 2; allow tcp 3; block tcp 4");
	unlink(path);
	cmd_ruling_free(&harbour.ruling);
	assert_int_equal(plan_from(&rules, path), CMD_USAGE);
	assert_int_equal(harbour.ruling.conf.count, 0);
}

static void what_is_wrong_is_refused(void **state)
{
	(void)state;
	assert_int_equal(PLAN("block tcp 1", "blok tcp 2"), CMD_USAGE);
	assert_int_equal(harbour.ruling.conf.count, 0);
	assert_null(harbour.ruling.places);
	assert_int_equal(PLAN("forward tcp 80 to 10.0.0.2"), CMD_USAGE);
	assert_int_equal(PLAN("block tcp 1 until 2020-01-01 00:00"), CMD_USAGE);
	assert_int_equal(PLAN("block tcp 1", "test tcp from guest to 192.0.2.1:1 is closed"),
			 CMD_USAGE); /* it is about what comes in */
	assert_int_equal(PLAN("block out tcp 1", "test tcp from guest to 192.0.2.1:1 is closed"),
			 CMD_GO_ON);
}

/* Each has its place, in the sequence and for good. */
static void rules_have_places(void **state)
{
	(void)state;
	assert_int_equal(PLAN("block tcp 1", "set bad 192.0.2.0/24", "block tcp 2 for 1h",
			      "drop everything from bad"),
			 CMD_GO_ON);
	assert_int_equal(harbour.ruling.last_id, 3);
	assert_int_equal(harbour.ruling.places[0].id, 1);
	assert_int_equal(harbour.ruling.places[1].id, 0);
	assert_int_equal(harbour.ruling.places[2].id, 2);
	assert_int_equal(harbour.ruling.places[0].order, cmd_ruling_order(1));
	assert_int_equal(harbour.ruling.places[3].order, cmd_ruling_order(3));
	assert_true(cmd_ruling_order(3) - cmd_ruling_order(2) > UINT32_MAX);
	assert_int_equal(harbour.ruling.places[0].until_s, 0);
	assert_true(harbour.ruling.places[2].until_s > 0);
	/* The term is the place's from now on. */
	assert_int_equal(harbour.ruling.conf.list[2]->rule.term.sort, CONF_TERM_NONE);
}

static void programs_are_found(void **state)
{
	(void)state;
	assert_int_equal(PLAN("block tcp 1"), CMD_GO_ON);
	assert_false(harbour.seeking);
	cmd_ruling_free(&harbour.ruling);
	assert_int_equal(PLAN("allow program sh out tcp https", "allow program sh out tcp http",
			      "block out everything"),
			 CMD_GO_ON);
	assert_int_equal(harbour.programs.count, 1);
	assert_true(harbour.seeking);
	cmd_ruling_free(&harbour.ruling);
	assert_int_equal(PLAN("allow program no-such-program-here out tcp https"), CMD_USAGE);
}

/* ---- names ---- */

static void names_go_to_allow(void **state)
{
	(void)state;
	assert_int_equal(PLAN("block out tcp 25", "allow out tcp https to api.example.com",
			      "allow out udp 53, 100-200 to 192.0.2.0/24, [2001:db8::]/32",
			      "block out everything"),
			 CMD_USAGE); /* a prefix in brackets is none of the language */
	assert_int_equal(PLAN("block out tcp 25", "allow out tcp https to api.example.com",
			      "allow out udp 53, 100-200 to 192.0.2.0/24, 2001:db8::/32",
			      "block out everything"),
			 CMD_GO_ON);
	/* What shuts the rest stands behind all of it. */
	assert_true(harbour.closed);
	says("block out tcp 25; allow out tcp 443 to api.example.com; "
	     "allow out udp 53, 100-200 to 192.0.2.0/24, 2001:db8::/32");
	assert_int_equal(harbour.allows.count, 3);
	assert_true(harbour.allows.list[0].named);
	assert_string_equal(harbour.allows.list[0].name, "api.example.com");
	assert_int_equal(harbour.allows.list[0].protocols, RELAY_TCP);
	assert_int_equal(harbour.allows.list[0].order, cmd_ruling_order(2));
	assert_int_equal(harbour.allows.list[0].run_count, 1);
	assert_int_equal(harbour.allows.list[0].runs[0].first, 443);
	assert_int_equal(harbour.allows.list[1].prefix_len, 96 + 24);
	assert_int_equal(harbour.allows.list[1].protocols, RELAY_UDP);
	assert_int_equal(harbour.allows.list[1].run_count, 2);
	assert_int_equal(harbour.allows.list[1].order, cmd_ruling_order(3));
	assert_int_equal(harbour.allows.list[2].prefix_len, 32);
}

static void names_need_what_shuts_the_rest(void **state)
{
	(void)state;
	assert_int_equal(PLAN("allow out tcp https to api.example.com"), CMD_USAGE);
	assert_int_equal(PLAN("block out everything", "allow out tcp https to api.example.com"),
			 CMD_USAGE);
	assert_int_equal(PLAN("block out tcp https to api.example.com", "block out everything"),
			 CMD_USAGE);
	assert_int_equal(PLAN("allow out tcp https to api.example.com",
			      "allow program sh out tcp http", "block out everything"),
			 CMD_USAGE);
	/* --allow shuts it too. */
	memset(&harbour.programs, 0, sizeof(harbour.programs));
	harbour.closed = true;
	assert_int_equal(PLAN("allow out tcp https to api.example.com"), CMD_GO_ON);
	assert_int_equal(harbour.allows.count, 1);
}

static void without_names_nothing_is_taken_away(void **state)
{
	(void)state;
	assert_int_equal(PLAN("allow out tcp https to 192.0.2.0/24", "block out everything"),
			 CMD_GO_ON);
	assert_false(harbour.closed);
	assert_int_equal(harbour.allows.count, 0);
	says("allow out tcp 443 to 192.0.2.0/24; block out everything");
}

static struct conf_fault wrong;

static void whole(const char *text, int result)
{
	static struct conf_statement one;
	static struct conf_report report;
	struct conf conf = { .count = 0 };

	for (const char *at = text; *at; at += strlen(at) + 1) {
		assert_int_equal(conf_statement_read(&one, at, &report), 0);
		assert_int_equal(conf_add(&conf, &one), 0);
	}
	report = (struct conf_report){ .count = 0 };
	assert_int_equal(cmd_ruling_whole(&conf, &report), result);
	assert_int_equal(conf.count, 0);
	assert_int_equal(report.errors, result < 0);
	wrong = report.fault[0];
}

/* As for a guest that began with these and nothing else. */
static void whether_they_go_together(void **state)
{
	(void)state;
	whole("block tcp 1\0", 0);
	whole("allow out tcp 443 to a.example.com\0block out everything\0", 0);
	whole("allow out tcp 443 to a.example.com\0", -EINVAL);
	assert_non_null(strstr(wrong.what, "'block out everything' must be the last"));
	assert_int_equal(wrong.line, 1);
	assert_int_equal(wrong.column, 21);
	whole("allow program no-such-program-here out tcp 1\0", -ENOENT);
	assert_non_null(strstr(wrong.what, "no program is called no-such-program-here"));
	assert_int_equal(wrong.line, 1);
}

/* ---- in the host value ---- */

/* The ports of the rules that are there, by their order. */
static const char *entered(void)
{
	static char got[256];
	uint64_t after = 0;

	got[0] = 0;
	for (;;) {
		struct minato_row row;
		struct minato_entry e, next = { .order = UINT64_MAX };
		uint64_t cursor = 0;

		while (minato_row(worker.host, &cursor, &row)) {
			if (row.kind == MINATO_KIND_GUARD &&
			    minato_entry_get(worker.host, row.handle, &e) == 0 && e.order > after &&
			    e.order < next.order)
				next = e;
		}
		if (next.order == UINT64_MAX)
			return got;
		after = next.order;
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u ", next.last);
	}
}

static void all_or_one_is_entered(void **state)
{
	(void)state;
	assert_int_equal(PLAN("block tcp 1", "block tcp 2", "drop udp 3"), CMD_GO_ON);
	assert_int_equal(cmd_ruling_enter(&worker, 1), 0);
	assert_string_equal(entered(), "2 ");
	assert_int_equal(cmd_ruling_enter(&worker, 0), 0);
	assert_string_equal(entered(), "1 2 ");
	assert_int_equal(end(NULL), 0);
	assert_int_equal(begin(NULL), 0);
	assert_int_equal(PLAN("block tcp 1", "block tcp 2", "drop udp 3"), CMD_GO_ON);
	assert_int_equal(cmd_ruling_enter(&worker, SIZE_MAX), 0);
	/* What is built in is behind all of them. */
	assert_int_equal(strncmp(entered(), "1 2 3 ", 6), 0);
	assert_true(!strcmp(entered() + 6, "139 ") || !strcmp(entered() + 6, "445 "));
	/* As many as room is made for, and some of what is said later. */
	assert_true(cmd_ruling_entries(&harbour) >= 2048 + 5);
	assert_true(cmd_ruling_entries(&harbour) < 2048 + 50);
}

static void an_entry_says_whose_it_is(void **state)
{
	struct minato_entry entry = { .course = MINATO_COURSE_OUT, .verdict = MINATO_REFUSE };

	(void)state;
	assert_int_equal(PLAN("block tcp 1", "block out tcp 2"), CMD_GO_ON);
	cmd_ruling_complete(&harbour, 1, &entry);
	assert_int_equal(entry.user, CMD_WORD_RULE | 2);
	assert_int_equal(entry.order, cmd_ruling_order(2));
	assert_false(entry.log);
	/* The audit hears of what is not let out. */
	harbour.auditing.path = "/nowhere";
	cmd_ruling_complete(&harbour, 1, &entry);
	assert_true(entry.log);
	entry = (struct minato_entry){ .course = MINATO_COURSE_OUT, .verdict = MINATO_PASS };
	cmd_ruling_complete(&harbour, 1, &entry);
	assert_false(entry.log);
	entry = (struct minato_entry){ .course = MINATO_COURSE_IN, .verdict = MINATO_REFUSE };
	cmd_ruling_complete(&harbour, 0, &entry);
	assert_false(entry.log);
	/* What is built in is behind whatever comes. */
	cmd_ruling_complete(&harbour, 2, &entry);
	assert_int_equal(entry.user, CMD_WORD_RULE);
	assert_true(entry.order > cmd_ruling_order(UINT32_MAX / 4));
}

static void an_event_finds_its_rule(void **state)
{
	struct minato_rule_event event = { .user = CMD_WORD_RULE | 2 };
	struct cmd_rule_place place = { .rule = NULL };

	(void)state;
	assert_int_equal(PLAN("block tcp 1", "block tcp 2 log", "block tcp 3"), CMD_GO_ON);
	cmd_ruling_place(&worker, &event, &place);
	assert_ptr_equal(place.rule, harbour.ruling.conf.list[1]);
	assert_false(place.unsaid);
	event.user = CMD_WORD_RULE | 3;
	cmd_ruling_place(&worker, &event, &place);
	assert_ptr_equal(place.rule, harbour.ruling.conf.list[2]);
	assert_true(place.unsaid);
	place = (struct cmd_rule_place){ .rule = NULL };
	event.user = CMD_WORD_RULE | 9;
	cmd_ruling_place(&worker, &event, &place);
	assert_null(place.rule);
}

/* The guest's resolver is asked where something is let out and the rest is shut. */
static void the_resolver_stays_reachable(void **state)
{
	struct minato_entry entry;

	(void)state;
	assert_int_equal(PLAN("allow out tcp 443", "block out everything"), CMD_GO_ON);
	assert_int_equal(cmd_ruling_resolver(&worker), 0);
	assert_int_not_equal(worker.ruled.resolver[0], 0);
	assert_int_equal(worker.ruled.resolver[1], 0); /* it has none of IPv6 */
	assert_int_equal(minato_entry_get(worker.host, worker.ruled.resolver[0], &entry), 0);
	assert_int_equal(entry.order, cmd_ruling_order(2) - 1);
	assert_int_equal(entry.first, 53);
	assert_int_equal(entry.verdict, MINATO_PASS);
	assert_true(minato_addr_equal(&entry.local, &harbour.plan.subnet.dns4));
	/* Again: there is one of it. */
	assert_int_equal(cmd_ruling_resolver(&worker), 0);
	assert_string_equal(entered(), "53 ");
	cmd_ruling_free(&harbour.ruling);
	assert_int_equal(PLAN("block out everything"), CMD_GO_ON);
	assert_int_equal(cmd_ruling_resolver(&worker), 0);
	assert_int_equal(worker.ruled.resolver[0], 0);
	assert_string_equal(entered(), "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(those_of_the_command_line_first),
		CASE(what_is_wrong_is_refused),
		CASE(rules_have_places),
		CASE(programs_are_found),
		CASE(names_go_to_allow),
		CASE(names_need_what_shuts_the_rest),
		CASE(without_names_nothing_is_taken_away),
		CASE(whether_they_go_together),
		CASE(all_or_one_is_entered),
		CASE(an_entry_says_whose_it_is),
		CASE(an_event_finds_its_rule),
		CASE(the_resolver_stays_reachable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
