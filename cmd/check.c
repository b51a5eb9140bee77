/* SPDX-License-Identifier: BSD-2-Clause */
/* minato check: whether a minato.conf is right, and what its test lines find. */
#include "cmd/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/gateway/gateway.h"

struct check_options {
	bool json, print;
	const char *guest; /* NULL: it is a gateway's */
};

#define AT(field) offsetof(struct check_options, field)

static const struct cmd_option options[] = {
	{ CMD_MAYBE, 'g', "guest", "NAME", AT(guest), 0, 0,
	  "The file is one of --rules, for a guest (of that name)." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0,
	  "JSON on standard output; minato-check(1) says which members." },
	{ CMD_FLAG, 0, "print", NULL, AT(print), 0, 0,
	  "Print the statements in canonical form, without comments." },
};

/* The file, what was found in it, and where the results go. */
struct checking {
	const struct check_options *chosen;
	struct cmd_conf_files files;
	struct cmd_conf_text text;
	struct conf conf;
	struct conf_report report;
	bool colour;
	json_t *tests; /* NULL: no JSON */
	size_t met, missed;
};

/* ---- terms ---- */

/* As `minato gateway` has it: since the file was written. unsealed: newfstatat */
static int64_t written_at(const char *path, int64_t now_s)
{
	struct stat about;

	return stat(path, &about) == 0 && S_ISREG(about.st_mode) ? about.st_mtime : now_s;
}

/* What is over can never match again. */
static void judge_terms(struct checking *c)
{
	int64_t now_s = time(NULL);

	for (size_t i = 0; i < c->conf.count; i++) {
		struct conf_statement *s = c->conf.list[i];
		int64_t since_s = written_at(cmd_conf_name(&c->text, s->line), now_s);
		const struct conf_term *term = gateway_term_of(s);
		int64_t until_s = term ? gateway_term_end(term, since_s) : 0;

		if (until_s < 0)
			judge_say(&c->report, CONF_ERROR, s, CONF_PART_TERM, 0,
				  "local time does not have this instant");
		else if (until_s && until_s <= now_s)
			judge_say(&c->report, CONF_WARNING, s, CONF_PART_TERM, 0,
				  "this is over: nothing can match any more");
	}
}

/* ---- tests ---- */

static void take_verdict(void *user, const struct conf_verdict *verdict)
{
	struct checking *c = user;
	const struct conf_statement *test = c->conf.list[verdict->index];
	char text[CONF_TEXT_SIZE];

	c->met += verdict->met;
	c->missed += !verdict->met;
	if (!c->tests) {
		if (!verdict->met)
			cmd_conf_missed(stderr, cmd_conf_name(&c->text, test->line), test, verdict,
					c->colour);
		return;
	}
	conf_print(text, sizeof(text), test);
	json_array_append_new(c->tests, json_pack("{s:s,s:i,s:s,s:b,s:s}", "file",
						  cmd_conf_name(&c->text, test->line), "line",
						  (int)CONF_LINE_NUMBER(test->line), "test", text,
						  "met", verdict->met, "got", verdict->got));
}

static const char *guest_of(const struct checking *c)
{
	return c->chosen->guest[0] ? c->chosen->guest : "self";
}

/* lan is what it is on this host now, and programs are those that are here. */
static int try_guests_tests(struct checking *c)
{
	struct cmd_ruling *ruling = calloc(1, sizeof(*ruling));
	static struct conf_report report;
	const struct conf_statement *one = NULL;
	enum conf_part part = CONF_PART_SUBJECT;
	struct drive_error error = { "out of memory" };
	int result = -ENOMEM;

	if (ruling) {
		ruling->conf = c->conf;
		cmd_ruling_look_around(ruling);
		result = cmd_fellows_find(ruling, guest_of(c), &one, &part, &error);
	}
	if (result == 0) {
		result = cmd_ruling_try(ruling, guest_of(c), take_verdict, c, &error);
	}
	free(ruling);
	if (result < 0 && one) {
		judge_say(&report, CONF_ERROR, one, part, 0, "%s", error.text);
		cmd_conf_say(stderr, &c->text, &report, false);
		return CMD_REFUSED;
	}
	if (result < 0) {
		cmd_say("%s: %s", c->text.name, error.text);
		return result == -ENOMEM ? CMD_FAILED : CMD_REFUSED;
	}
	return c->missed ? CMD_REFUSED : CMD_OK;
}

/* What a start says of all together, beyond what is wrong with lines. */
static int try_whole(const struct checking *c)
{
	static struct conf_report report;
	struct conf conf = { .files = conf_files_hold(c->conf.files) };
	int result = 0;

	/* A start changes it. */
	for (size_t i = 0; i < c->conf.count && result == 0; i++) {
		result = conf_add(&conf, c->conf.list[i]);
		if (result == 0)
			conf.list[i]->line = c->conf.list[i]->line;
	}
	if (result < 0) {
		conf_free(&conf);
		return CMD_FAILED;
	}
	if (cmd_ruling_whole(&conf, &report) == 0)
		return CMD_OK;
	if (!report.errors)
		return CMD_FAILED;
	cmd_conf_say(stderr, &c->text, &report, false);
	return CMD_REFUSED;
}

/* CMD_OK, or the exit code after it has said what is wrong. */
static int try_tests(struct checking *c)
{
	size_t culprit = 0;
	int result;

	if (c->chosen->guest) {
		int whole = try_whole(c);

		return whole == CMD_OK ? try_guests_tests(c) : whole;
	}
	result = conf_try(&c->conf, take_verdict, c, &culprit);

	if (result < 0) {
		uint32_t line = culprit < c->conf.count ? c->conf.list[culprit]->line : 0;

		cmd_say("%s:%u: the tests cannot be run: %s", cmd_conf_name(&c->text, line),
			CONF_LINE_NUMBER(line), strerror(-result));
		return CMD_FAILED;
	}
	return c->missed ? CMD_REFUSED : CMD_OK;
}

/* ---- output ---- */

/* Said by the line that names the file. */
static bool is_of_file(const struct conf_statement *s)
{
	return s->kind == CONF_KIND_SET && s->set.of_file;
}

static void print_statements(const struct conf *conf)
{
	char text[CONF_TEXT_SIZE];

	for (size_t i = 0; i < conf->count; i++) {
		if (is_of_file(conf->list[i]))
			continue;
		conf_print(text, sizeof(text), conf->list[i]);
		puts(text);
	}
}

static json_t *statements_of(const struct checking *c)
{
	const struct conf *conf = &c->conf;
	json_t *list = json_array();
	char text[CONF_TEXT_SIZE];

	for (size_t i = 0; i < conf->count; i++) {
		if (is_of_file(conf->list[i]))
			continue;
		conf_print(text, sizeof(text), conf->list[i]);
		json_array_append_new(
			list, json_pack("{s:s,s:i,s:s,s:s,s:s?}", "file",
					cmd_conf_name(&c->text, conf->list[i]->line), "line",
					(int)CONF_LINE_NUMBER(conf->list[i]->line), "verb",
					conf_verb(conf->list[i]), "text", text, "name",
					conf->list[i]->name[0] ? conf->list[i]->name : NULL));
	}
	return list;
}

static void print_json(struct checking *c, bool right)
{
	json_t *all = json_pack("{s:i,s:o,s:b,s:I,s:I,s:o,s:o,s:O}", "v", VIEW_JSON_VERSION, "file",
				view_json_string(c->text.name), "right", right, "errors",
				(json_int_t)c->report.errors, "warnings",
				(json_int_t)c->report.warnings, "faults",
				cmd_conf_faults(&c->text, &c->report), "statements",
				statements_of(c), "tests", c->tests);

	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static void print_summary(const struct checking *c)
{
	size_t tests = c->met + c->missed;
	size_t statements = 0;

	for (size_t i = 0; i < c->conf.count; i++)
		statements += !is_of_file(c->conf.list[i]);
	if (tests)
		printf("%s: right: %zu statement%s, %zu test%s met\n", c->text.name, statements,
		       statements == 1 ? "" : "s", tests, tests == 1 ? "" : "s");
	else
		printf("%s: right: %zu statement%s, no test lines\n", c->text.name, statements,
		       statements == 1 ? "" : "s");
}

static int check(struct checking *c)
{
	int result = c->chosen->guest ? conf_read_guest_sources(&c->conf, &c->files.sources,
								guest_of(c), &c->report) :
					conf_read_sources(&c->conf, &c->files.sources, &c->report);
	int code;

	if (result == 0)
		result = cmd_sets_read(&c->conf, &c->report);
	if (result == -ENOMEM) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	if (c->chosen->guest) {
		cmd_ruling_judge(&c->conf, &c->report);
		cmd_fellows_judge(&c->conf, guest_of(c), &c->report);
	} else {
		gateway_alerts_judge(&c->conf, &c->report);
		judge_terms(c);
	}
	code = c->report.errors ? CMD_REFUSED : CMD_OK;
	if (!c->tests)
		cmd_conf_say(stderr, &c->text, &c->report, c->colour);
	if (code == CMD_OK)
		code = try_tests(c);
	if (c->tests)
		print_json(c, code == CMD_OK);
	else if (c->chosen->print)
		print_statements(&c->conf);
	else if (code == CMD_OK)
		print_summary(c);
	return code;
}

static int run(int argc, char **argv)
{
	static struct checking c;
	struct check_options chosen = { .json = false };
	struct cmd_operands operands;
	struct drive_error error;
	int code = cmd_parse(&cmd_check, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count == 0)
		return cmd_usage(&cmd_check, "no file was given");
	if (operands.count > 1)
		return cmd_usage(&cmd_check, "'%s': one file at a time", operands.words[1]);
	if (cmd_conf_open(&c.files, operands.words[0], &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_USAGE;
	}
	c.chosen = &chosen;
	c.colour = cmd_look(stderr).colour;
	c.text = (struct cmd_conf_text){ operands.words[0], c.files.sources.list[0].text,
					 c.files.sources.list[0].size, &c.files.sources };
	c.tests = chosen.json ? json_array() : NULL;
	code = check(&c);
	json_decref(c.tests);
	conf_free(&c.conf);
	cmd_conf_close(&c.files);
	return code;
}

const struct cmd_command cmd_check = {
	.name = "check",
	.args = "FILE",
	.summary = "Tell whether a minato.conf is right, and run its tests.",
	.about = "Changes nothing: the file's test lines are run in memory. With --guest the file "
		 "is one of 'minato run --rules'. Exits with 0 where all is right, 1 where not.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
