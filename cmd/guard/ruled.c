/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of a guest that are added and removed while it runs, and those that end. The keeper has the
 * sequence, the worker's host value the entries; one change is under way at a time.
 *
 *   client -> worker --RULE_WANTED--> keeper: read, judged, its place found
 *                    <--RULE--------- all is well; else RULED
 *      tried in the  --RULE_DONE----> it stands, or is taken back; the sockets have their filters
 *      host value    <--RULED-------- what the client is told
 */
#include "cmd/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/gateway/gateway.h"
#include "minato/guard.h"
#include "relay/permit.h"

/* Of what is said while it runs. */
#define SAID_MAX 256u
/* The clock on the wall may be set: it is looked at so often. */
#define CLOCK_NS (INT64_C(10000) * 1000000)

/* ---- the sequence ---- */

bool cmd_ruled_is_rule(const struct cmd_ruling *ruling, size_t index)
{
	return index < ruling->conf.count && ruling->conf.list[index]->kind == CONF_KIND_RULE;
}

const struct conf_statement *cmd_ruled_at(const struct cmd_ruling *ruling, uint64_t order)
{
	for (size_t i = 0; i < ruling->conf.count; i++) {
		if (cmd_ruled_is_rule(ruling, i) && ruling->places[i].order == order)
			return ruling->conf.list[i];
	}
	return NULL;
}

/* The nearest rule before `index`, or the next from it on; NULL: there is none. */
static const struct cmd_place *rule_before(const struct cmd_ruling *ruling, size_t index)
{
	while (index-- > 0) {
		if (cmd_ruled_is_rule(ruling, index))
			return &ruling->places[index];
	}
	return NULL;
}

static const struct cmd_place *rule_from(const struct cmd_ruling *ruling, size_t index)
{
	for (; index < ruling->conf.count; index++) {
		if (cmd_ruled_is_rule(ruling, index))
			return &ruling->places[index];
	}
	return NULL;
}

/* An order between those of its neighbours; 0: there is none left. */
static uint64_t order_at(const struct cmd_ruling *ruling, size_t index)
{
	const struct cmd_place *before = rule_before(ruling, index);
	const struct cmd_place *next = rule_from(ruling, index);
	uint64_t half;

	if (!before && !next)
		return cmd_ruling_order(1);
	if (!before)
		return next->order - CMD_RULE_STEP;
	if (!next)
		return before->order + CMD_RULE_STEP;
	half = (next->order - before->order) / 2;
	return half ? before->order + half : 0;
}

int cmd_ruled_insert(struct cmd_ruling *ruling, size_t index, const struct conf_statement *one,
		     const struct cmd_place *place)
{
	struct conf *conf = &ruling->conf;
	struct conf_statement *mine;
	struct cmd_place *places;
	int result = conf_add(conf, one);

	if (result < 0)
		return result;
	places = realloc(ruling->places, conf->count * sizeof(*places));
	if (!places) {
		conf_remove(conf, conf->count - 1);
		return -ENOMEM;
	}
	ruling->places = places;
	mine = conf->list[conf->count - 1];
	mine->line = one->line;
	mine->rule.term = (struct conf_term){ .sort = CONF_TERM_NONE };
	memmove(&conf->list[index + 1], &conf->list[index],
		(conf->count - 1 - index) * sizeof(conf->list[0]));
	memmove(&places[index + 1], &places[index], (conf->count - 1 - index) * sizeof(places[0]));
	conf->list[index] = mine;
	places[index] = *place;
	return 0;
}

void cmd_ruled_take_out(struct cmd_ruling *ruling, size_t index)
{
	conf_remove(&ruling->conf, index);
	memmove(&ruling->places[index], &ruling->places[index + 1],
		(ruling->conf.count - index) * sizeof(ruling->places[0]));
}

/* ---- the keeper: is it one that can be said now? ---- */

#define NOTHING "nothing was changed"

static int cannot(struct drive_error *error, const char *text)
{
	return drive_fail(error, EINVAL, "%s; " NOTHING, text);
}

static int judge_name(const struct cmd_harbour *harbour, const struct conf_rule *rule,
		      struct drive_error *error)
{
	if (rule->verb != CONF_ALLOW)
		return cannot(error,
			      "a name can be allowed, not blocked: who wants to get there has "
			      "its address");
	if (!harbour->closed)
		return cannot(error,
			      "a rule about a name says nothing unless all else is shut, and this "
			      "guest began open: whatever it has asked its resolver for may be "
			      "anywhere. Start it with --allow, --ask, or a rule about a name and "
			      "'block out everything'; now 'block out everything last' and rules "
			      "with addresses can be added");
	if (harbour->programs.count)
		return cannot(error,
			      "rules about names and rules about programs do not go together");
	return 0;
}

/* Whether its path can be found is seen now, outside of the guest. */
static int judge_program(struct cmd_harbour *harbour, const char *word, uint16_t *number,
			 struct drive_error *error)
{
	int result;

	for (size_t i = 0; i < harbour->ruling.conf.count; i++) {
		if (cmd_ruled_is_rule(&harbour->ruling, i) &&
		    cmd_ruling_names(&harbour->ruling.conf.list[i]->rule))
			return cannot(error, "rules about names and rules about programs do not go "
					     "together");
	}
	result = cmd_programs_add(&harbour->programs, word);
	*number = cmd_programs_number(&harbour->programs, word);
	if (result == -ENOENT)
		return cannot(error, "no program is called so here: say its path");
	return result == 0 ? 0 : cannot(error, "rules name too many programs, or too long a path");
}

static int judge_items(struct cmd_harbour *harbour, const struct conf_rule *rule, uint16_t *program,
		       struct drive_error *error)
{
	struct conf_item item;

	*program = MINATO_PROGRAM_NONE;
	if (cmd_ruling_names(rule))
		return judge_name(harbour, rule, error);
	if (conf_item_find(rule, CONF_ITEM_PROGRAM, &item))
		return judge_program(harbour, item.word, program, error);
	return 0;
}

/* Where it is to stand: 0..count, or negative errno. */
static int64_t place_of(const struct cmd_ruling *ruling, const struct conf_rule *rule,
			struct drive_error *error)
{
	const struct conf *conf = &ruling->conf;
	struct conf_item item;
	const char *word = conf_item_find(rule, CONF_ITEM_PLACE, &item) ? item.word : "";
	bool first = !strcmp(word, "first");

	for (size_t at = 0; at < conf->count && strcmp(word, "last") != 0; at++) {
		const struct conf_statement *one = conf->list[at];
		char line[16];

		/* A bare number is a line of the first file. */
		(void)snprintf(line, sizeof(line), "%u", one->line);
		if (one->kind == CONF_KIND_RULE &&
		    (word[0] ? first || !strcmp(word, one->name) || !strcmp(word, line) :
			       one->line > 0))
			return (int64_t)at;
	}
	if (!word[0] || first || !strcmp(word, "last"))
		return (int64_t)conf->count;
	return drive_fail(error, ENOENT,
			  "no rule is called %s, or stands in such a line, to stand before: see "
			  "'minato rule list'; nothing was changed",
			  word);
}

static size_t count_said(const struct cmd_ruling *ruling)
{
	size_t count = 0;

	for (size_t i = 0; i < ruling->conf.count; i++)
		count += ruling->conf.list[i]->line == 0;
	return count;
}

/* What was said live has a line of its own while all is judged, or none. */
static void number_said(struct conf *conf, bool numbered)
{
	for (size_t i = 0; i < conf->count; i++) {
		uint32_t *line = &conf->list[i]->line;

		if (numbered && *line == 0)
			*line = CONF_LINE_LIVE + (uint32_t)i;
		else if (!numbered && *line >= CONF_LINE_LIVE)
			*line = 0;
	}
}

static void note_warning(struct cmd_ruling *ruling, const struct conf_fault *one)
{
	const struct conf_fault other = { .line = one->other };
	struct drive_error *note = &ruling->note;
	char sentence[GATEWAY_FAULT_SIZE], where[CONF_WHERE_SIZE];
	size_t used = strlen(note->text);

	(void)snprintf(note->text + used, sizeof(note->text) - used, "%swarning: %s",
		       used ? "\n" : "", one->what);
	gateway_fault_sentence(&ruling->conf, &other, sentence);
	used = strlen(note->text);
	if (sentence[0])
		(void)snprintf(note->text + used, sizeof(note->text) - used,
			       "; the other line is '%.120s' (%.80s)", sentence,
			       conf_where(where, &ruling->conf, one->other));
}

/* What is wrong with what was said, in its place there, with a caret. */
static int point_at(struct drive_error *error, struct conf_report *report, const char *text)
{
	static char lines[2048];
	size_t used;

	if (!report->count)
		return -EINVAL;
	report->count = 1;
	report->fault[0].line = 1;
	report->fault[0].other = 0;
	gateway_fault_text(report, "", text, lines, sizeof(lines));
	used = (size_t)snprintf(error->text, sizeof(error->text), "%.*s",
				(int)sizeof(error->text) - (int)sizeof(NOTHING) - 1, lines);
	(void)snprintf(error->text + used, sizeof(error->text) - used, "\n%s", NOTHING);
	return -EINVAL;
}

/* The error is about this part of the rule. */
static int point_at_part(struct drive_error *error, const struct conf_statement *one,
			 enum conf_part part, const char *text)
{
	static struct conf_report report;
	size_t end = strlen(error->text);

	report = (struct conf_report){ .count = 0 };
	if (end > strlen("; " NOTHING) &&
	    !strcmp(error->text + end - strlen("; " NOTHING), "; " NOTHING))
		error->text[end - strlen("; " NOTHING)] = 0;
	judge_say(&report, CONF_ERROR, one, part, 0, "%s", error->text);
	return point_at(error, &report, text);
}

/* What is wrong with all together; warnings about the new one become the note. */
static int judge_all(struct cmd_harbour *harbour, size_t index, const char *text,
		     struct drive_error *error)
{
	struct cmd_ruling *ruling = &harbour->ruling;
	struct conf_report *report = calloc(1, sizeof(*report));
	size_t wrong = 0;
	int result = 0;

	if (!report)
		return drive_fail(error, ENOMEM, "out of memory");
	number_said(&ruling->conf, true);
	ruling->conf.closed = harbour->closed;
	ruling->conf.behind_count = cmd_ruling_behind(&harbour->publish, ruling->conf.behind);
	(void)conf_rules_judge(&ruling->conf, harbour->name, report);
	cmd_fellows_judge(&ruling->conf, harbour->name, report);
	cmd_ruling_programs(ruling->conf.list[index], report);
	for (size_t i = 0; i < report->count && result == 0; i++) {
		const struct conf_fault *one = &report->fault[i];

		if (one->line != ruling->conf.list[index]->line)
			continue;
		if (one->severity == CONF_ERROR)
			result = cannot(error, one->what);
		else
			note_warning(ruling, one);
		if (result < 0)
			wrong = i;
	}
	if (result < 0) {
		report->fault[0] = report->fault[wrong];
		(void)point_at(error, report, text);
	}
	number_said(&ruling->conf, false);
	free(report);
	return result;
}

static int end_of(const struct cmd_rule_change *change, const struct conf_rule *rule,
		  int64_t *until_s, struct drive_error *error)
{
	*until_s = change->until_s;
	/* The clock is the client's to say, whose local time it is; a span needs none. */
	if (!*until_s && rule->term.sort != CONF_TERM_NONE)
		*until_s = gateway_term_end(&rule->term, time(NULL));
	return *until_s < 0 || (*until_s && *until_s <= time(NULL)) ?
		       cannot(error, "that time is over already") :
		       0;
}

/* With what it allows by name. */
static void forget_rule(struct cmd_harbour *harbour, size_t index)
{
	struct cmd_ruling *ruling = &harbour->ruling;

	if (cmd_ruling_names(&ruling->conf.list[index]->rule))
		relay_allow_drop(&harbour->allows, ruling->places[index].order);
	cmd_ruled_take_out(ruling, index);
}

static int find_guests(struct cmd_harbour *harbour, const struct cmd_rule_change *change,
		       struct drive_error *error)
{
	const struct conf_statement *one = NULL;
	enum conf_part part = CONF_PART_SUBJECT;
	int result = cmd_fellows_find(&harbour->ruling, harbour->name, &one, &part, error);

	return result < 0 && one ? point_at_part(error, one, part, change->text) : result;
}

static int add(struct cmd_harbour *harbour, struct cmd_rule_change *change,
	       struct drive_error *error)
{
	static struct conf_statement one;
	static struct conf_report report;
	struct cmd_ruling *ruling = &harbour->ruling;
	struct cmd_place place = { .id = ruling->last_id + 1 };
	int64_t index;
	int result = 0;

	if (conf_statement_read(&one, change->text, &report) < 0)
		return report.count ? point_at(error, &report, change->text) :
				      cannot(error, "this is no rule");
	if (one.kind != CONF_KIND_RULE)
		return cannot(error, "a guest has rules alone");
	if (count_said(ruling) >= SAID_MAX)
		return cannot(error, "too many rules were added while it ran");
	result = judge_items(harbour, &one.rule, &change->program, error);
	if (result < 0)
		return point_at_part(error, &one,
				     cmd_ruling_names(&one.rule) ? CONF_PART_TARGET :
								   CONF_PART_SUBJECT,
				     change->text);
	result = end_of(change, &one.rule, &place.until_s, error);
	if (result < 0)
		return point_at_part(error, &one, CONF_PART_TERM, change->text);
	index = result == 0 ? place_of(ruling, &one.rule, error) : result;
	if (index < 0)
		return (int)index;
	place.order = order_at(ruling, (size_t)index);
	if (!place.order)
		return cannot(error, "there is no room left between its neighbours");
	conf_item_place(&one.rule, NULL);
	one.line = 0;
	result = cmd_ruled_insert(ruling, (size_t)index, &one, &place);
	if (result < 0)
		return drive_fail(error, -result, "%s", strerror(-result));
	ruling->last_id++;
	ruling->note.text[0] = 0;
	result = judge_all(harbour, (size_t)index, change->text, error);
	if (result == 0)
		result = find_guests(harbour, change, error);
	if (result == 0 && cmd_ruling_names(&one.rule))
		result = cmd_ruling_allow(harbour, &one.rule, place.order, error);
	if (result < 0) {
		forget_rule(harbour, (size_t)index);
		cmd_fellows_forget(harbour);
		return result;
	}
	change->place = place;
	change->index = (uint32_t)index;
	(void)conf_print(change->text, sizeof(change->text), ruling->conf.list[index]);
	return 0;
}

static int find(struct cmd_harbour *harbour, struct cmd_rule_change *change,
		struct drive_error *error)
{
	static struct conf_report report;
	struct cmd_ruling *ruling = &harbour->ruling;
	int found = conf_find(&ruling->conf, change->text, &report);

	if (found < 0 && conf_find(&ruling->closing, change->text, &report) == 0)
		return cannot(error, "what shuts all but what is allowed by name or --allow stands "
				     "as long as the guest");
	if (found < 0 || !cmd_ruled_is_rule(ruling, (size_t)found))
		return drive_fail(error, ENOENT,
				  "no rule says so; one is named by its name or its sentence, as "
				  "'minato rule list' shows them; nothing was changed");
	ruling->note.text[0] = 0;
	change->index = (uint32_t)found;
	change->place = ruling->places[found];
	return 0;
}

/* ---- the keeper: a change ---- */

static void tell(struct cmd_harbour *harbour, int result, const char *text)
{
	struct cmd_message message = { .kind = CMD_TELL_RULED, .number = result };

	(void)snprintf(message.ruled.text, sizeof(message.ruled.text), "%s", text);
	message.ruled.filters = relay_screen_works();
	(void)cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

static void send_change(struct cmd_harbour *harbour, enum cmd_rule_verb verb)
{
	struct cmd_message message = { .kind = CMD_TELL_RULE, .number = (int)verb };

	message.rule = harbour->ruling.change;
	(void)cmd_channel_send(harbour->hand.channel, &message, NULL, 0);
}

void cmd_ruled_wanted(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct cmd_ruling *ruling = &harbour->ruling;
	int64_t since_ns = drive_now().ns - harbour->admitted.ns;
	struct drive_error error = { "" };
	int result;

	if (ruling->changing != CMD_RULE_NONE)
		return;
	ruling->change = message->rule;
	ruling->change.text[sizeof(ruling->change.text) - 1] = 0;
	/* A worker that the guest has taken over must not do so by itself. */
	if (!harbour->admitted.ns || since_ns >= CMD_ORDER_MS * INT64_C(1000000))
		result = drive_fail(&error, EPERM, "nobody has ordered that");
	else if (message->number == CMD_RULE_ADD)
		result = add(harbour, &ruling->change, &error);
	else
		result = find(harbour, &ruling->change, &error);
	if (result < 0) {
		tell(harbour, result, error.text);
		return;
	}
	/* Before the rule, which may name another guest for the first time. */
	if (harbour->loop)
		cmd_fellows_meet(harbour);
	ruling->changing = message->number == CMD_RULE_ADD ? CMD_RULE_ADD : CMD_RULE_REMOVE;
	send_change(harbour, ruling->changing);
}

void cmd_ruled_done(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct cmd_ruling *ruling = &harbour->ruling;
	bool well = message->number == 0;
	char text[CMD_ANEW_TEXT];
	size_t used;

	if (ruling->changing == CMD_RULE_NONE)
		return;
	if (well == (ruling->changing == CMD_RULE_REMOVE)) {
		forget_rule(harbour, ruling->change.index);
		cmd_fellows_forget(harbour);
	}
	ruling->changing = CMD_RULE_NONE;
	if (!well) {
		(void)snprintf(text, sizeof(text), "%s; nothing was changed",
			       message->number == -ENOSPC ? "the table has no room for it" :
							    strerror(-message->number));
		tell(harbour, message->number, text);
		return;
	}
	cmd_ruling_screen(harbour, &harbour->publish, true);
	used = strlen(ruling->note.text);
	if (cmd_ruling_outgrown(harbour, text, sizeof(text)))
		(void)snprintf(ruling->note.text + used, sizeof(ruling->note.text) - used, "%s%s",
			       used ? "; " : "warning: ", text);
	tell(harbour, 0, ruling->note.text);
}

/* Its worker is no more: what it had not tried does not stand. */
void cmd_ruled_forget(struct cmd_harbour *harbour)
{
	struct cmd_ruling *ruling = &harbour->ruling;

	if (ruling->changing == CMD_RULE_ADD) {
		forget_rule(harbour, ruling->change.index);
		cmd_fellows_forget(harbour);
	}
	ruling->changing = CMD_RULE_NONE;
}

/* ---- the keeper: what ends ---- */

static void end_rule(struct cmd_harbour *harbour, size_t index)
{
	struct cmd_ruling *ruling = &harbour->ruling;
	char anew[CMD_ANEW_TEXT];
	char text[256];

	(void)conf_print(text, sizeof(text), ruling->conf.list[index]);
	ruling->change = (struct cmd_rule_change){
		.place = ruling->places[index],
		.index = (uint32_t)index,
		.filters = relay_screen_works(),
	};
	forget_rule(harbour, index);
	cmd_ruling_screen(harbour, &harbour->publish, true);
	send_change(harbour, CMD_RULE_END);
	cmd_fellows_forget(harbour);
	if (!harbour->quiet)
		cmd_say("its time is over: %s", text);
	if (cmd_ruling_outgrown(harbour, anew, sizeof(anew)))
		cmd_say("%s", anew);
}

struct minato_time cmd_ruled_turn(struct cmd_harbour *harbour, struct minato_time now)
{
	struct cmd_ruling *ruling = &harbour->ruling;
	int64_t now_s = time(NULL);
	int64_t next_s = INT64_MAX;
	int64_t left_ns;

	/* Indices of a change that is under way must mean the same to both. */
	if (ruling->changing != CMD_RULE_NONE || !harbour->hand.ready)
		return MINATO_NEVER;
	for (size_t i = ruling->conf.count; i-- > 0;) {
		int64_t until_s = cmd_ruled_is_rule(ruling, i) ? ruling->places[i].until_s : 0;

		if (until_s && until_s <= now_s)
			end_rule(harbour, i);
		else if (until_s && until_s < next_s)
			next_s = until_s;
	}
	if (next_s == INT64_MAX)
		return MINATO_NEVER;
	left_ns = next_s - now_s > CLOCK_NS / 1000000000 ? CLOCK_NS : (next_s - now_s) * 1000000000;
	return (struct minato_time){ now.ns + left_ns };
}

/* ---- the worker ---- */

static void end_order(struct cmd_worker *worker, json_t *reply)
{
	uint64_t client = worker->ruled.client;

	worker->ruled.client = 0;
	worker->ruled.busy = false;
	cmd_control_reply(worker->control, client, reply);
	cmd_control_resume(worker->control);
}

int cmd_ruled_order(void *user, uint64_t client, const json_t *request, struct drive_error *error)
{
	struct cmd_worker *worker = user;
	struct cmd_message message = { .kind = CMD_ASK_RULE_WANTED, .number = CMD_RULE_ADD };
	const json_t *adding = json_object_get(request, "add");
	const json_t *removing = json_object_get(request, "remove");
	const json_t *one = json_array_get(adding, 0);
	const char *text = json_string_value(json_object_get(one, "text"));

	if (worker->ruled.busy)
		return -EAGAIN;
	if (!text) {
		message.number = CMD_RULE_REMOVE;
		text = json_string_value(json_array_get(removing, 0));
	}
	if (!text || json_array_size(adding) + json_array_size(removing) != 1)
		return drive_fail(error, EINVAL, "a guest's rules are changed one at a time");
	if (strlen(text) >= sizeof(message.rule.text))
		return drive_fail(error, E2BIG, "a rule that is added so has at most %zu bytes",
				  sizeof(message.rule.text) - 1);
	(void)snprintf(message.rule.text, sizeof(message.rule.text), "%s", text);
	message.rule.until_s = json_integer_value(json_object_get(one, "until"));
	if (cmd_channel_send(worker->channel, &message, NULL, 0) < 0)
		return drive_fail(error, EBUSY, "busy: try again");
	worker->ruled.busy = true;
	worker->ruled.client = client;
	return 0;
}

void cmd_ruled_clear(struct minato *host, cmd_ruled_is_fn *is, void *user)
{
	uint64_t handles[64];
	size_t count;

	/* Handles are gathered first: a walk may miss what moves meanwhile. */
	do {
		struct minato_row row;
		uint64_t cursor = 0;

		count = 0;
		while (count < sizeof(handles) / sizeof(handles[0]) &&
		       minato_row(host, &cursor, &row) && row.kind != MINATO_KIND_SOCKET) {
			if (row.kind == MINATO_KIND_GUARD && is(user, &row))
				handles[count++] = row.handle;
		}
		for (size_t i = 0; i < count; i++)
			(void)minato_entry_remove(host, handles[i]);
	} while (count == sizeof(handles) / sizeof(handles[0]));
}

static bool is_of_rule(void *user, const struct minato_row *row)
{
	const uint64_t *word = user;

	return row->user == *word;
}

/* The rule in the sequence, with all that it is in the table. */
static void leave(struct cmd_worker *worker, size_t index)
{
	struct cmd_ruling *ruling = &worker->harbour->ruling;
	bool named = cmd_ruling_names(&ruling->conf.list[index]->rule);
	uint64_t word = CMD_WORD_RULE | ruling->places[index].id;

	cmd_ruled_clear(worker->host, is_of_rule, &word);
	forget_rule(worker->harbour, index);
	if (named)
		relay_allows_changed(worker->relay);
}

static int let_out(struct cmd_worker *worker, const struct conf_rule *rule, uint64_t order)
{
	struct drive_error error;
	int result = cmd_ruling_allow(worker->harbour, rule, order, &error);

	if (result == 0)
		relay_allows_changed(worker->relay);
	return result;
}

static int try_it(struct cmd_worker *worker, const struct cmd_rule_change *change)
{
	static struct conf_statement one;
	static struct conf_report report;
	struct cmd_ruling *ruling = &worker->harbour->ruling;
	struct conf_item item;
	int result = conf_statement_read(&one, change->text, &report);

	if (result < 0 || change->index > ruling->conf.count)
		return -EINVAL;
	one.line = 0;
	if (conf_item_find(&one.rule, CONF_ITEM_PROGRAM, &item))
		cmd_programs_note(&worker->harbour->programs, item.word, change->program);
	result = cmd_ruled_insert(ruling, change->index, &one, &change->place);
	if (result < 0)
		return result;
	result = cmd_ruling_enter(worker, change->index);
	if (result == 0)
		result = cmd_ruling_resolver(worker);
	if (result == 0 && cmd_ruling_names(&one.rule))
		result = let_out(worker, &one.rule, change->place.order);
	if (result < 0)
		leave(worker, change->index);
	return result;
}

void cmd_ruled_told(struct cmd_worker *worker, const struct cmd_message *message)
{
	struct cmd_message done = { .kind = CMD_ASK_RULE_DONE };
	struct cmd_ruling *ruling = &worker->harbour->ruling;
	const struct cmd_rule_change *change = &message->rule;

	if (message->kind == CMD_TELL_RULED) {
		if (message->number == 0)
			cmd_ruling_foresee(worker, message->ruled.filters);
		end_order(worker, message->number < 0 ?
					  json_pack("{s:s,s:i}", "refused", message->ruled.text,
						    "errno", -message->number) :
				  message->ruled.text[0] ?
					  json_pack("{s:s}", "note", message->ruled.text) :
					  json_object());
		return;
	}
	if (message->number == CMD_RULE_ADD) {
		done.number = try_it(worker, change);
	} else if (cmd_ruled_is_rule(ruling, change->index)) {
		leave(worker, change->index);
		(void)cmd_ruling_resolver(worker);
	}
	if (message->number == CMD_RULE_END)
		cmd_ruling_foresee(worker, change->filters);
	else
		(void)cmd_channel_send(worker->channel, &done, NULL, 0);
}

/* ---- the worker: the list ---- */

/* Hits of all rules together, by their numbers; one walk serves a listing. */
static void count_hits(struct cmd_worker *worker)
{
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t last = worker->harbour->ruling.last_id;
	uint64_t *hits = realloc(worker->ruled.hits, (last + 2) * sizeof(*hits));

	if (!hits)
		return;
	worker->ruled.hits = hits;
	worker->ruled.hit_count = last + 2;
	memset(hits, 0, (last + 2) * sizeof(*hits));
	while (minato_row(worker->host, &cursor, &row)) {
		uint64_t id = row.user ^ CMD_WORD_RULE;

		if (row.kind == MINATO_KIND_SOCKET)
			break;
		if (row.kind == MINATO_KIND_GUARD && id < worker->ruled.hit_count)
			hits[id] += row.hits;
	}
}

static json_int_t hits_of(const struct cmd_worker *worker, uint32_t id)
{
	return id < worker->ruled.hit_count ? (json_int_t)worker->ruled.hits[id] : 0;
}

/* With those of the names that it allows, since their addresses are no entries of its own. */
static json_int_t hits_at(const struct cmd_worker *worker, const struct cmd_place *place)
{
	const struct relay_allows *allows = &worker->harbour->allows;
	json_int_t hits = hits_of(worker, place->id);

	for (size_t i = 0; i < allows->count; i++) {
		if (allows->list[i].order && allows->list[i].order == place->order)
			hits += (json_int_t)allows->list[i].hits;
	}
	return hits;
}

static json_t *row_of(const struct conf *conf, const struct conf_statement *one, int64_t until_s)
{
	static char text[CONF_TEXT_SIZE];
	const char *file = conf_file_of(conf, one->line);
	json_t *object;

	(void)conf_print(text, sizeof(text), one);
	object = json_pack("{s:s,s:s,s:i,s:I}", "verb", conf_verb(one), "text", text, "line",
			   (int)CONF_LINE_NUMBER(one->line), "until", (json_int_t)until_s);
	if (file)
		json_object_set_new(object, "file", json_string(file));
	if (one->name[0])
		json_object_set_new(object, "name", json_string(one->name));
	return object;
}

/* Behind all of the sequence: what is not said by anybody; but the end of it may be. */
static json_t *row_behind(const struct cmd_worker *worker, size_t which)
{
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	const struct conf_statement *closing = cmd_ruling_closing(ruling);
	const char *text = which == 0 ? GATEWAY_SHUT_TEXT : "block out everything";
	json_int_t hits = which == 0 ? hits_of(worker, 0) : (json_int_t)worker->ruled.shut;
	json_t *object;

	if (which > (worker->harbour->closed ? 1u : 0u))
		return NULL;
	if (which == 0 || !closing)
		return json_pack("{s:s,s:s,s:i,s:i,s:b,s:I}", "verb", "block", "text", text, "line",
				 0, "until", 0, "built_in", 1, "hits", hits);
	object = row_of(&ruling->conf, closing, 0);
	json_object_set_new(object, "hits", json_integer(hits));
	return object;
}

json_t *cmd_ruled_row(struct cmd_worker *worker, uint64_t *cursor)
{
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	const struct conf *conf = &ruling->conf;
	json_t *object;
	size_t i;

	if (*cursor == 0)
		count_hits(worker);
	i = (size_t)(*cursor)++;
	if (i >= conf->count)
		return row_behind(worker, i - conf->count);
	object = row_of(conf, conf->list[i], ruling->places[i].until_s);
	if (cmd_ruled_is_rule(ruling, i))
		json_object_set_new(object, "hits",
				    json_integer(hits_at(worker, &ruling->places[i])));
	return object;
}
