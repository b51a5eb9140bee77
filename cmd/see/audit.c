/* SPDX-License-Identifier: BSD-2-Clause */
/* minato audit: what answers from outside, and whether that was meant. */
#include "cmd/see/audit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/see/services.h"
#include "cmd/see/who.h"

#define FILE_MAX (1u << 20)
#define MS_PER_S 1000

struct audit_options {
	bool all, close, record, json, no_header;
	const char *expect;
};

#define AT(field) offsetof(struct audit_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 'a', "all", NULL, AT(all), 0, 0,
	  "Also what answers this host alone, or within a guest alone." },
	{ CMD_TEXT, 'x', "expect", "FILE", AT(expect), 0, 0,
	  "What is meant to listen; exit with 1 where something else does. minato-audit(1) says "
	  "what stands in it." },
	{ CMD_FLAG, 0, "record", NULL, AT(record), 0, 0, "Print what listens now as such a file." },
	{ CMD_FLAG, 0, "close", NULL, AT(close), 0, 0,
	  "Close what minato publishes, and print the command that closes each of the others; with "
	  "--expect only what is not in FILE." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-audit(1) says which members." },
};

struct audit {
	const struct audit_options *chosen;
	struct minato_services *services;
	struct cmd_expectation expectation;
	struct cmd_exposures exposures;
	size_t outside, unexpected;
};

/* ---- what was expected ---- */

/* CMD_GO_ON, or the exit code after it has said what is wrong with the file. */
static int read_expectation(struct audit *audit)
{
	const char *path = audit->chosen->expect;
	struct drive_error error;
	struct cmd_text text;
	int result = cmd_text_read(&text, path, FILE_MAX, &error);

	if (result < 0) {
		cmd_say("%s", error.text);
		return CMD_USAGE;
	}
	result = cmd_expectation_read(&audit->expectation, text.bytes, text.size, audit->services,
				      &error);
	free(text.bytes);
	if (result < 0)
		cmd_say("%s: %s", path, error.text);
	return result < 0 ? CMD_USAGE : CMD_GO_ON;
}

static bool is_outside(const struct cmd_exposure *one)
{
	return one->scope > CMD_SCOPE_LOOPBACK;
}

/* A run is told of where it begins. */
static bool is_shown(const struct audit *audit, const struct cmd_exposure *one)
{
	return !one->joined && (is_outside(one) || audit->chosen->all);
}

/* A run has many services. */
static const char *service_of(const struct audit *audit, const struct cmd_exposure *one)
{
	const struct cmd_holder *holder = one->holder;

	if (one->last > holder->port)
		return NULL;
	return minato_services_name(audit->services, holder->proto, holder->port);
}

/* Of whom no name is seen, any line will do. */
static void say_unseen(const struct audit *audit)
{
	size_t unseen = 0;

	for (size_t i = 0; i < audit->exposures.count; i++) {
		const struct cmd_exposure *one = &audit->exposures.list[i];

		unseen += is_outside(one) && one->expected && !*one->who;
	}
	if (unseen && geteuid() != 0)
		cmd_say("%zu program%s could not be seen; run as root to be sure", unseen,
			unseen == 1 ? "" : "s");
}

static void judge(struct audit *audit)
{
	for (size_t i = 0; i < audit->exposures.count; i++) {
		struct cmd_exposure *one = &audit->exposures.list[i];

		one->expected = audit->chosen->expect &&
				cmd_expectation_meets(&audit->expectation, one->holder, one->who,
						      one->scope);
		if (!is_outside(one))
			continue;
		audit->outside++;
		audit->unexpected += !one->expected;
	}
	if (audit->chosen->expect)
		say_unseen(audit);
}

/* ---- closing ---- */

static bool is_to_close(const struct cmd_exposure *one)
{
	return is_outside(one) && !one->expected;
}

/* The same run or published port may stand in several rows: once it is gone, all are. */
static void mark_closed(struct audit *audit, const struct cmd_holder *holder)
{
	for (size_t i = 0; i < audit->exposures.count; i++) {
		struct cmd_exposure *one = &audit->exposures.list[i];

		if (strcmp(one->holder->published, holder->published) != 0 ||
		    strcmp(one->holder->spec, holder->spec) != 0)
			continue;
		one->closed = true;
		audit->unexpected -= is_to_close(one);
	}
}

/* Takes away what is ours. Returns whether something that is ours would not go. */
static bool close_ours(struct audit *audit)
{
	struct drive_error error;
	bool failed = false;

	for (size_t i = 0; i < audit->exposures.count; i++) {
		struct cmd_exposure *one = &audit->exposures.list[i];
		const struct cmd_holder *holder = one->holder;

		if (!is_to_close(one) || one->closed || !*holder->published)
			continue;
		if (cmd_forward_remove(holder->published, holder->spec, &error) == 0) {
			mark_closed(audit, holder);
		} else {
			cmd_say("%s: %s", holder->published, error.text);
			failed = true;
		}
	}
	return failed;
}

static void print_commands(const struct audit *audit)
{
	char remedy[CMD_HOLDER_TEXT];
	char who[CMD_HOLDER_TEXT];
	char ports[32];

	for (size_t i = 0; i < audit->exposures.count; i++) {
		const struct cmd_exposure *one = &audit->exposures.list[i];
		const struct cmd_holder *holder = one->holder;

		if (!is_to_close(one) || one->joined)
			continue;
		cmd_remedy_text(remedy, sizeof(remedy), holder);
		/* Whoever may see the program can be told how to end it. */
		if (!holder->process.pid && geteuid() == 0)
			snprintf(remedy, sizeof(remedy), "# no command that is known here");
		else if (!holder->process.pid)
			snprintf(remedy, sizeof(remedy), "sudo minato audit --close");
		printf("%s%s  # %s, %s\n", one->closed ? "closed: " : "", remedy,
		       cmd_exposure_ports(one, ports, sizeof(ports)),
		       cmd_exposure_holder(one, who, sizeof(who)));
	}
}

/* ---- as text ---- */

static const char *scope_colour(const char *text)
{
	return !strcmp(text, "everyone") ? "31" : !strcmp(text, "lan") ? "33" : NULL;
}

static const char *expected_colour(const char *text)
{
	return !strcmp(text, "NO") ? "1;31" : NULL;
}

static const struct view_column columns[] = {
	{ .title = "PORT" },
	{ .title = "SERVICE" },
	{ .title = "KIND" },
	{ .title = "SCOPE", .colour = scope_colour },
	{ .title = "ADDRESS" },
	{ .title = "LAST-USE" },
	{ .title = "EXPECTED", .colour = expected_colour },
	{ .title = "HELD-BY" },
	{ .title = "ADVICE", .below = true },
};

static const char *use_word(const struct cmd_exposure *one, char *out, size_t size)
{
	char age[VIEW_WORD_SIZE];

	if (one->connections)
		snprintf(out, size, "now(%u)", one->connections);
	else if (one->unused_ms == -2)
		snprintf(out, size, "never");
	else if (one->unused_ms < 0)
		snprintf(out, size, "-");
	else
		snprintf(out, size, "%s ago", view_age_word(age, sizeof(age), one->unused_ms));
	return out;
}

static void add_row(struct view_table *table, const struct audit *audit,
		    const struct cmd_exposure *one)
{
	const struct cmd_holder *holder = one->holder;
	const char *name = service_of(audit, one);
	char text[CMD_HOLDER_TEXT];
	char more[CMD_HOLDER_TEXT];

	view_table_cell(table, cmd_exposure_ports(one, text, sizeof(text)));
	view_table_cell(table, name ? name : "-");
	view_table_cell(table, minato_port_kind_name(minato_port_kind(holder->port)));
	view_table_cell(table, cmd_scope_word(one->scope));
	view_table_cell(table, cmd_holder_address(text, sizeof(text), holder));
	view_table_cell(table, use_word(one, text, sizeof(text)));
	view_table_cell(table, !audit->chosen->expect ? "-" : one->expected ? "yes" : "NO");
	cmd_exposure_holder(one, text, sizeof(text));
	if (*holder->guest)
		snprintf(more, sizeof(more), "in %s: %.250s", holder->guest, text);
	else if (one->behind)
		snprintf(more, sizeof(more), "%.250s, %s there", text,
			 one->behind->process.program);
	else
		snprintf(more, sizeof(more), "%s", text);
	view_table_cell(table, more);
	view_table_cell(table, cmd_exposure_advice(one, text, sizeof(text)));
}

static void print_missing(const struct audit *audit)
{
	for (size_t i = 0; i < audit->expectation.count; i++) {
		const struct cmd_expected *one = &audit->expectation.list[i];

		if (one->met)
			continue;
		printf("expected, but does not listen: %u", one->first);
		if (one->last != one->first)
			printf("-%u", one->last);
		printf("/%s%s%s (line %u)\n", view_proto_word(one->proto), *one->program ? " " : "",
		       one->program, one->line);
	}
}

static int print_text(const struct audit *audit)
{
	struct view_look look = cmd_look(stdout);
	struct view_table table;
	int result;

	look.header = !audit->chosen->no_header;
	view_table_begin(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < audit->exposures.count; i++) {
		if (is_shown(audit, &audit->exposures.list[i]))
			add_row(&table, audit, &audit->exposures.list[i]);
	}
	result = view_table_print(stdout, &table, &look, true);
	view_table_free(&table);
	if (result < 0)
		return result;
	print_missing(audit);
	if (audit->chosen->close)
		print_commands(audit);
	return 0;
}

/* ---- as JSON, and as a file of what is expected ---- */

static json_t *row_json(const struct audit *audit, const struct cmd_exposure *one)
{
	const struct cmd_holder *holder = one->holder;
	const char *name = service_of(audit, one);
	char advice[CMD_HOLDER_TEXT];

	cmd_exposure_advice(one, advice, sizeof(advice));
	return json_pack(
		"{s:i,s:i,s:i,s:s,s:s?,s:s,s:s,s:i,s:o,s:o,s:b,s:s?,s:o,s:o}", "port",
		(int)holder->port, "first", (int)holder->port, "last", (int)one->last, "protocol",
		view_proto_word(holder->proto), "service", name, "kind",
		minato_port_kind_name(minato_port_kind(holder->port)), "scope",
		cmd_scope_word(one->scope), "connections", (int)one->connections, "unused_ms",
		one->unused_ms >= 0 ? json_integer(one->unused_ms) : json_null(), "expected",
		audit->chosen->expect ? json_boolean(one->expected) : json_null(), "closed",
		one->closed, "advice", *advice ? advice : NULL, "holder", cmd_held_json(holder),
		"behind", one->behind ? cmd_held_json(one->behind) : json_null());
}

static json_t *missing_json(const struct cmd_expected *one)
{
	return json_pack("{s:i,s:i,s:s,s:s?,s:i}", "first", (int)one->first, "last", (int)one->last,
			 "protocol", view_proto_word(one->proto), "program",
			 *one->program ? one->program : NULL, "line", (int)one->line);
}

static void print_json(const struct audit *audit)
{
	json_t *rows = json_array();
	json_t *missing = json_array();
	json_t *all;

	for (size_t i = 0; i < audit->exposures.count; i++) {
		if (is_shown(audit, &audit->exposures.list[i]))
			json_array_append_new(rows, row_json(audit, &audit->exposures.list[i]));
	}
	for (size_t i = 0; i < audit->expectation.count; i++) {
		if (!audit->expectation.list[i].met)
			json_array_append_new(missing, missing_json(&audit->expectation.list[i]));
	}
	all = json_pack("{s:i,s:o,s:o}", "v", VIEW_JSON_VERSION, "ports", rows, "missing", missing);
	json_dumpf(all, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(all);
}

/* Whether the name can stand in the file, and means a program there: it may be anything. */
static bool is_recordable(const char *who)
{
	for (const char *at = who; *at; at++) {
		if (*at <= ' ' || *at > '~' || *at == '#')
			return false;
	}
	return *who && cmd_scope_read(who) < 0;
}

/* A listener of IPv4 and one of IPv6 are one line, when nothing else tells them apart. */
static bool same_line(const struct cmd_exposure *a, const struct cmd_exposure *b)
{
	return a->holder->port == b->holder->port && a->last == b->last &&
	       a->holder->proto == b->holder->proto && a->scope == b->scope &&
	       !strcmp(a->who, b->who);
}

static void print_record(const struct audit *audit)
{
	const struct cmd_exposure *before = NULL;
	const char *name;
	char ports[32];

	printf("# PORT/PROTOCOL  PROGRAM or guest:NAME  SCOPE, the widest that is meant\n");
	for (size_t i = 0; i < audit->exposures.count; i++) {
		const struct cmd_exposure *one = &audit->exposures.list[i];

		if (!is_shown(audit, one) || (before && same_line(before, one)))
			continue;
		before = one;
		name = service_of(audit, one);
		printf("%s\t%s%s%s\t# %s\n", cmd_exposure_ports(one, ports, sizeof(ports)),
		       is_recordable(one->who) ? one->who : "", is_recordable(one->who) ? "\t" : "",
		       cmd_scope_word(one->scope), name ? name : "-");
	}
}

/* ---- the command ---- */

static int show(const struct audit *audit)
{
	int result = 0;

	if (audit->chosen->record)
		print_record(audit);
	else if (audit->chosen->json)
		print_json(audit);
	else
		result = print_text(audit);
	if (result < 0)
		cmd_say("cannot write the list: %s", strerror(-result));
	return result < 0 ? CMD_FAILED : CMD_OK;
}

static int look_and_show(struct audit *audit, struct drive_error *error)
{
	bool failed = false;
	int code;

	if (cmd_exposures_find(&audit->exposures, error) < 0) {
		cmd_say("%s", error->text);
		return CMD_FAILED;
	}
	judge(audit);
	if (audit->chosen->close)
		failed = close_ours(audit);
	cmd_exposures_join(&audit->exposures);
	code = show(audit);
	if (code == CMD_OK && failed)
		code = CMD_FAILED;
	if (code == CMD_OK && audit->chosen->expect && audit->unexpected > 0)
		code = CMD_REFUSED;
	return code;
}

static int run(int argc, char **argv)
{
	struct audit_options chosen = { 0 };
	struct audit audit = { .chosen = &chosen };
	struct cmd_operands operands;
	struct drive_error error;
	int code = cmd_parse(&cmd_audit, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count)
		return cmd_usage(&cmd_audit, "'%s' is one word too many", operands.words[0]);
	if (chosen.record && (chosen.close || chosen.json))
		return cmd_usage(&cmd_audit, "--record is a list of its own");
	audit.services = cmd_naming_open(NULL, &error);
	if (chosen.expect)
		code = read_expectation(&audit);
	if (code == CMD_GO_ON)
		code = look_and_show(&audit, &error);
	cmd_exposures_free(&audit.exposures);
	cmd_expectation_free(&audit.expectation);
	free(audit.services);
	return code;
}

const struct cmd_command cmd_audit = {
	.name = "audit",
	.args = "",
	.summary = "List the ports that answer from outside, and judge them.",
	.about = "Every port of this host, and of the guests that minato publishes, with who holds "
		 "it, from where it can be reached by its address, and what to do about it. A "
		 "firewall on the way is not looked at.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
