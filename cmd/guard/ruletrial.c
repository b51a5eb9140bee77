/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's rules may say, what they mean, and whether they do what their test lines want. */
#include "cmd/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/gateway/gateway.h"

/* ---- what may be said ---- */

/* What can be said of a guest that begins, and of none that has begun. */
static void judge_term(const struct conf_statement *one, struct conf_report *report)
{
	int64_t now_s = time(NULL);
	int64_t until_s = one->rule.term.sort == CONF_TERM_NONE ?
				  INT64_MAX :
				  gateway_term_end(&one->rule.term, now_s);

	if (until_s < 0)
		judge_say(report, CONF_ERROR, one, CONF_PART_TERM, 0,
			  "local time does not have this instant");
	else if (until_s <= now_s)
		judge_say(report, CONF_ERROR, one, CONF_PART_TERM, 0,
			  "that time is over already: take it out");
}

/* Where names lead out, by which program is not asked. */
static void judge_together(const struct conf *conf, struct conf_report *report)
{
	const struct conf_statement *named = NULL, *program = NULL;
	struct conf_item item;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];

		if (one->kind != CONF_KIND_RULE)
			continue;
		if (!named && one->rule.out && cmd_ruling_names(&one->rule))
			named = one;
		if (one->rule.out && one->rule.verb != CONF_ALLOW && cmd_ruling_names(&one->rule))
			judge_say(report, CONF_ERROR, one, CONF_PART_TARGET, 0,
				  "a name can be allowed, not blocked: who wants to get there has "
				  "its address");
		if (!program && conf_item_find(&one->rule, CONF_ITEM_PROGRAM, &item))
			program = one;
	}
	if (named && program)
		judge_say(report, CONF_ERROR, named->line > program->line ? named : program,
			  CONF_PART_SUBJECT,
			  named->line > program->line ? program->line : named->line,
			  "rules about names and rules about programs do not go together: what "
			  "lets a name out lets every program there");
}

/* It may be installed later, or be the guest's alone. */
void cmd_ruling_programs(const struct conf_statement *one, struct conf_report *report)
{
	char what[CONF_WHAT_SIZE];
	struct conf_fault *fault;
	struct conf_item item;

	if (!conf_item_find(&one->rule, CONF_ITEM_PROGRAM, &item) ||
	    !cmd_programs_missing(item.word, what, sizeof(what)))
		return;
	fault = judge_say(report, CONF_WARNING, one, CONF_PART_SUBJECT, 0, "%s", what);
	(void)snprintf(fault->word, sizeof(fault->word), "%s", item.word);
}

void cmd_ruling_judge(const struct conf *conf, struct conf_report *report)
{
	struct conf_item item;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];

		if (!conf_kind_is_guests(one->kind))
			judge_say(report, CONF_ERROR, one, CONF_PART_VERB, 0,
				  "'%s' stands in a gateway's configuration: for guests are rules, "
				  "zones, sets, scans, alerts and tests",
				  conf_verb(one));
		else if (one->kind == CONF_KIND_RULE &&
			 conf_item_find(&one->rule, CONF_ITEM_PLACE, &item))
			judge_say(report, CONF_ERROR, one, CONF_PART_ON, 0,
				  "the sentences have their order");
		if (one->kind == CONF_KIND_RULE) {
			judge_term(one, report);
			cmd_ruling_programs(one, report);
		}
	}
	judge_together(conf, report);
	gateway_alerts_judge(conf, report);
}

/* ---- what it means ---- */

static uint16_t number_program(void *user, const char *word)
{
	return cmd_programs_number(user, word);
}

static uint16_t number_fellow(void *user, const char *word)
{
	return cmd_fellows_number(user, word);
}

void cmd_ruling_zones(const struct cmd_ruling *ruling, const struct cmd_programs *programs,
		      const char *name, struct conf_zones *zones,
		      struct conf_prefix lan[CMD_LAN_MAX])
{
	for (size_t i = 0; i < ruling->lan_count; i++)
		lan[i] = (struct conf_prefix){ ruling->lan[i].addr, ruling->lan[i].length };
	*zones = (struct conf_zones){
		.guest = true,
		.name = name,
		.inside = CMD_SCOPE_INSIDE,
		.outside = CMD_SCOPE_OUTSIDE,
		.lan_face = RELAY_FACE_LAN,
		.wan_face = RELAY_FACE_WAN,
		.lan = lan,
		.lan_count = ruling->lan_count,
		.program = number_program,
		.program_user = (void *)(uintptr_t)programs,
		.fellow = number_fellow,
		.fellow_user = (void *)(uintptr_t)&ruling->fellows,
	};
}

/* ---- tests ---- */

static int add_program(struct cmd_programs *programs, const char *word, const struct conf *conf,
		       uint32_t line, struct drive_error *error)
{
	char where[CONF_WHERE_SIZE];
	int result = cmd_programs_add(programs, word);

	return result == 0 ? 0 :
			     drive_fail(error, -result, "%s: program %s: %s",
					conf_where(where, conf, line), word,
					result == -ENOENT ? "none is called so here: say its path" :
					result == -ENOSPC ? "too many are named" :
							    "too long a path");
}

/* Those of rules, and those that tests call by. */
static int find_programs(struct cmd_programs *programs, const struct conf *conf,
			 struct drive_error *error)
{
	int result = 0;

	for (size_t i = 0; i < conf->count && result == 0; i++) {
		const struct conf_statement *one = conf->list[i];
		struct conf_item item;

		if (one->kind == CONF_KIND_RULE &&
		    conf_item_find(&one->rule, CONF_ITEM_PROGRAM, &item))
			result = add_program(programs, item.word, conf, one->line, error);
		else if (one->kind == CONF_KIND_TEST && one->test.program[0])
			result = add_program(programs, one->test.program, conf, one->line, error);
	}
	return result;
}

int cmd_ruling_try(const struct cmd_ruling *ruling, const char *name, conf_verdict_fn *each,
		   void *user, struct drive_error *error)
{
	struct conf_prefix lan[CMD_LAN_MAX];
	struct cmd_programs *programs = calloc(1, sizeof(*programs));
	struct conf_zones zones;
	char where[CONF_WHERE_SIZE];
	size_t culprit = 0;
	int result;

	if (!programs)
		return drive_fail(error, ENOMEM, "out of memory");
	result = find_programs(programs, &ruling->conf, error);
	if (result == 0) {
		cmd_ruling_zones(ruling, programs, name, &zones, lan);
		result = conf_try_guest(&ruling->conf, &zones, each, user, &culprit);
		if (result < 0)
			(void)drive_fail(error, -result, "%s: the tests cannot be run: %s",
					 conf_where(where, &ruling->conf,
						    culprit < ruling->conf.count ?
							    ruling->conf.list[culprit]->line :
							    1),
					 strerror(-result));
	}
	free(programs);
	return result;
}

struct testing {
	const struct cmd_ruling *ruling;
	const char *file;
	size_t missed;
};

static void take_verdict(void *user, const struct conf_verdict *verdict)
{
	struct testing *testing = user;
	const char *file;

	if (verdict->met)
		return;
	testing->missed++;
	file = conf_file_of(&testing->ruling->conf,
			    testing->ruling->conf.list[verdict->index]->line);
	cmd_conf_missed(stderr, file ? file : testing->file,
			testing->ruling->conf.list[verdict->index], verdict,
			cmd_look(stderr).colour);
}

int cmd_ruling_test(struct cmd_ruling *ruling, const char *name, const char *file)
{
	struct testing testing = { ruling, file, 0 };
	struct drive_error error;
	bool any = false;

	for (size_t i = 0; i < ruling->conf.count; i++)
		any |= ruling->conf.list[i]->kind == CONF_KIND_TEST;
	if (!any)
		return CMD_GO_ON;
	if (cmd_ruling_try(ruling, name, take_verdict, &testing, &error) < 0) {
		cmd_say("%s: %s", file, error.text);
		return CMD_USAGE;
	}
	for (size_t i = ruling->conf.count; i-- > 0;) {
		if (ruling->conf.list[i]->kind == CONF_KIND_TEST)
			conf_remove(&ruling->conf, i);
	}
	return testing.missed ? CMD_USAGE : CMD_GO_ON;
}
