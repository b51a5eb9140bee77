/* SPDX-License-Identifier: BSD-2-Clause */
/* What a change changes: in the state file, and in the log. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAID_LINES 10u /* of one change */

/* ---- the state file ---- */

static size_t texts_of(const struct gateway_rules *rules, size_t i, char **text)
{
	static char room[CONF_TEXT_SIZE];

	(void)conf_print(room, sizeof(room), rules->conf.list[i]);
	*text = strdup(room);
	return *text ? 1 : 0;
}

/* What the first list has at `at`. */
static bool has(const struct gateway_rules *rules, const struct gateway_rules *from, size_t at)
{
	for (size_t i = 0; i < rules->conf.count; i++) {
		if (rules->until_s[i] == from->until_s[at] &&
		    rules->fleeting[i] == from->fleeting[at] &&
		    conf_same(rules->conf.list[i], from->conf.list[at]))
			return true;
	}
	return false;
}

/* What the first list has and the second has not; with `again` all rules too. */
static size_t list_changes(const struct gateway_rules *from, const struct gateway_rules *to,
			   bool remove, bool again, struct gateway_change *out)
{
	size_t count = 0;

	/* What ends with us was never written; to take it out does no harm. */
	for (size_t i = 0; i < from->conf.count; i++) {
		bool rule = from->conf.list[i]->kind == CONF_KIND_RULE;
		char *text = NULL;

		if (!(again && rule) && has(to, from, i))
			continue;
		if ((!remove && from->fleeting[i]) || !texts_of(from, i, &text))
			continue;
		out[count++] = (struct gateway_change){ remove, text, from->until_s[i] };
	}
	return count;
}

/* The next rule of the list from `at` on, or its count. */
static size_t next_rule(const struct gateway_rules *rules, size_t at)
{
	while (at < rules->conf.count && rules->conf.list[at]->kind != CONF_KIND_RULE)
		at++;
	return at;
}

/* Whether rules that stay do not stand before all new ones, in the order in which they stood. */
static bool has_moved(const struct gateway_rules *old, const struct gateway_rules *new)
{
	size_t k = next_rule(new, 0);

	for (size_t i = next_rule(old, 0); i < old->conf.count; i = next_rule(old, i + 1)) {
		const struct conf_statement *one = old->conf.list[i];

		if (!has(new, old, i))
			continue;
		if (k == new->conf.count || new->until_s[k] != old->until_s[i] ||
		    !conf_same(new->conf.list[k], one))
			return true;
		k = next_rule(new, k + 1);
	}
	return false;
}

int gateway_changes_write(struct gateway_keeper *keeper, struct drive_error *error)
{
	const struct gateway_rules *old = &keeper->said;
	const struct gateway_rules *new = &keeper->pending.said;
	size_t room = old->conf.count + new->conf.count + 1;
	struct gateway_change *changes = calloc(room, sizeof(*changes));
	size_t count;
	bool again;
	int result = 0;

	if (!changes)
		return drive_fail(error, ENOMEM, "out of memory");
	/* The file has the order in which they were written. */
	again = has_moved(old, new);
	count = list_changes(old, new, true, again, changes);
	count += list_changes(new, old, false, again, changes + count);
	if (old->dmz_off != new->dmz_off)
		changes[count++] =
			(struct gateway_change){ old->dmz_off, strdup(GATEWAY_DMZ_OFF), 0 };
	if (count && keeper->state)
		result = gateway_state_write(keeper->state, changes, count, error);
	/* What is over ends, disk or none: what the file has of it says when, too. */
	if (result < 0 && keeper->pending.ends) {
		cmd_say("%s", error->text);
		result = 0;
	}
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)changes[i].text);
	free(changes);
	return result;
}

/* ---- the log ---- */

static void say_one(const struct gateway_rules *of, size_t at, const char *word, size_t *said)
{
	static char text[CONF_TEXT_SIZE];
	char until[32] = "";

	if (++*said > SAID_LINES)
		return;
	(void)cmd_rule_print(text, sizeof(text), of->conf.list[at]);
	if (of->until_s[at] > time(NULL))
		(void)gateway_until_word(until, sizeof(until), of->until_s[at]);
	cmd_say("%s: '%s'%s%s", word, text, until[0] ? ", until " : "", until);
}

static void say_more(const struct gateway_rules *from, const struct gateway_rules *to,
		     const char *word, size_t *said)
{
	for (size_t i = 0; i < from->conf.count; i++) {
		if (!has(to, from, i))
			say_one(from, i, word, said);
	}
}

/* Of the file's, those that were in force. */
static void say_over(const struct gateway_keeper *keeper, size_t *said)
{
	const struct gateway_rules *file = &keeper->file;
	int64_t now_s = time(NULL);

	for (size_t i = 0; i < file->conf.count; i++) {
		if (file->until_s[i] && file->until_s[i] <= now_s &&
		    has(&keeper->standing, file, i))
			say_one(file, i, "over", said);
	}
}

void gateway_changes_say(const struct gateway_keeper *keeper)
{
	const struct gateway_pending *pending = &keeper->pending;
	size_t said = 0;

	if (pending->reloaded)
		cmd_say("read again: %s, %zu statements, before %zu", keeper->path,
			pending->file.conf.count, keeper->file.conf.count);
	say_more(&keeper->said, &pending->said, pending->ends ? "over" : "taken back", &said);
	say_more(&pending->said, &keeper->said, "added", &said);
	if (keeper->said.dmz_off != pending->said.dmz_off)
		cmd_say("%s: '" GATEWAY_DMZ_OFF "'",
			pending->said.dmz_off ? "added" : "taken back");
	if (pending->ends)
		say_over(keeper, &said);
	if (said > SAID_LINES)
		cmd_say("and %zu more", said - SAID_LINES);
}
