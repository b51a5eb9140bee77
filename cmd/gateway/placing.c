/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a rule stands that is said while the gateway runs. Among the live ones their list has the
 * order; a `before` that names one of the file is kept with the rule, by name or by a tag of what
 * that one says, since lines move when a file is edited. When that one leaves the file, the rule is
 * kept before what stands there now.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The live rule of this name, or -1. */
static int64_t live_of(const struct gateway_rules *said, const char *word)
{
	for (size_t i = 0; i < said->conf.count; i++) {
		if (said->conf.list[i]->kind == CONF_KIND_RULE &&
		    !strcmp(said->conf.list[i]->name, word))
			return (int64_t)i;
	}
	return -1;
}

static bool is_digits(const char *word)
{
	return strspn(word, "0123456789") == strlen(word);
}

static const struct conf_statement *file_of(const struct gateway_rules *file, const char *word)
{
	unsigned long line = is_digits(word) ? strtoul(word, NULL, 10) : 0;

	for (size_t i = 0; i < file->conf.count; i++) {
		const struct conf_statement *one = file->conf.list[i];

		if (one->kind == CONF_KIND_RULE &&
		    (line ? one->line == line : !strcmp(one->name, word)))
			return one;
	}
	return NULL;
}

/* Appends, and moves it before the one at `index`. */
static int insert(struct gateway_rules *said, const struct conf_statement *one, int64_t until_s,
		  size_t index)
{
	int result = gateway_rules_add(said, one, until_s);

	if (result == 0)
		gateway_rules_move(said, said->conf.count - 1, index);
	return result;
}

static int before_live(struct gateway_rules *said, struct conf_statement *one, int64_t until_s,
		       size_t index)
{
	struct conf_item item;

	/* It stands where that one stands. */
	if (conf_item_find(&said->conf.list[index]->rule, CONF_ITEM_PLACE, &item))
		conf_item_place(&one->rule, item.word);
	else
		conf_item_place(&one->rule, NULL);
	return insert(said, one, until_s, index);
}

int gateway_place(struct gateway_rules *said, const struct gateway_rules *file,
		  struct conf_statement *one, int64_t until_s, char *fault, size_t size)
{
	const struct conf_statement *other;
	char tag[GATEWAY_RULE_TAG_SIZE];
	struct conf_item item;
	int64_t live;

	if (!conf_item_find(&one->rule, CONF_ITEM_PLACE, &item) || !strcmp(item.word, "last"))
		return gateway_rules_add(said, one, until_s);
	if (!strcmp(item.word, "first")) {
		conf_item_place(&one->rule, NULL);
		return insert(said, one, until_s, 0);
	}
	live = is_digits(item.word) ? -1 : live_of(said, item.word);
	if (live >= 0)
		return before_live(said, one, until_s, (size_t)live);
	other = file_of(file, item.word);
	if (!other) {
		snprintf(fault, size, "no rule %s %s, to stand before: see 'minato rule list'",
			 is_digits(item.word) ? "is in line" : "is called", item.word);
		return -ENOENT;
	}
	conf_item_place(&one->rule, other->name[0] ? other->name : gateway_rule_tag(tag, other));
	return gateway_rules_add(said, one, until_s);
}

/* ---- places in a file ---- */

static bool names_rule(const char *word, const struct conf_statement *one)
{
	char text[GATEWAY_RULE_TAG_SIZE];

	if (one->kind != CONF_KIND_RULE)
		return false;
	return word[0] == '=' ? !strcmp(word, gateway_rule_tag(text, one)) :
				!strcmp(word, one->name);
}

static size_t next_rule(const struct gateway_rules *file, size_t at)
{
	while (at < file->conf.count && file->conf.list[at]->kind != CONF_KIND_RULE)
		at++;
	return at;
}

static size_t find(const struct gateway_rules *file, const char *word)
{
	size_t at = 0;

	while (at < file->conf.count && !names_rule(word, file->conf.list[at]))
		at++;
	return at;
}

size_t gateway_place_in(const struct gateway_rules *file, const struct conf_statement *one,
			bool *gone)
{
	struct conf_item item;
	size_t at;

	*gone = false;
	if (!conf_item_find(&one->rule, CONF_ITEM_PLACE, &item) || !strcmp(item.word, "first"))
		return next_rule(file, 0);
	if (!strcmp(item.word, "last"))
		return SIZE_MAX;
	at = find(file, item.word);
	*gone = at == file->conf.count;
	if (!*gone)
		return at;
	return one->rule.verb == CONF_ALLOW || one->rule.verb == CONF_LIMIT ? SIZE_MAX :
									      next_rule(file, 0);
}

/* The live rule stands before the other one from now on, NULL: behind all. */
static int anchor(struct gateway_rules *said, size_t index, const struct conf_statement *other)
{
	static struct conf_statement one;
	char tag[GATEWAY_RULE_TAG_SIZE];
	bool fleeting = said->fleeting[index];
	int result;

	conf_copy(&one, said->conf.list[index]);
	if (!other)
		conf_item_place(&one.rule, "last");
	else
		conf_item_place(&one.rule,
				other->name[0] ? other->name : gateway_rule_tag(tag, other));
	result = insert(said, &one, said->until_s[index], index);
	if (result < 0)
		return result;
	said->fleeting[index] = fleeting;
	gateway_rules_remove(said, index + 1);
	return 0;
}

/* What stands in the new file where the rule `at` stood in the old one; its count: nothing. */
static size_t heir_of(const struct gateway_rules *old, size_t at, const struct gateway_rules *file)
{
	char tag[GATEWAY_RULE_TAG_SIZE];

	while (at-- > 0) {
		const struct conf_statement *before = old->conf.list[at];
		size_t same;

		if (before->kind != CONF_KIND_RULE)
			continue;
		same = find(file, before->name[0] ? before->name : gateway_rule_tag(tag, before));
		if (same < file->conf.count)
			return next_rule(file, same + 1);
	}
	return next_rule(file, 0);
}

static void say_moved(const struct conf_statement *one, const struct conf_statement *was,
		      const struct conf_statement *other, char *note, size_t size)
{
	static char mine[CONF_TEXT_SIZE], gone[CONF_TEXT_SIZE], now[CONF_TEXT_SIZE];
	static struct conf_statement bare;

	conf_copy(&bare, one);
	conf_item_place(&bare.rule, NULL);
	(void)conf_print(mine, sizeof(mine), &bare);
	(void)conf_print(gone, sizeof(gone), was);
	if (other)
		(void)conf_print(now, sizeof(now), other);
	gateway_note_line(
		note, size,
		"'%.200s' stood before '%.200s', which the file has no more: it %s%.200s%s", mine,
		gone, other ? "is before '" : "is behind all rules now", other ? now : "",
		other ? "' now" : "");
}

/* The live rules by their places in the file, so that those of two old places stay apart. */
static int arrange(struct gateway_rules *said, const struct gateway_rules *file)
{
	size_t *place = calloc(said->conf.count + 1, sizeof(*place));
	bool gone;

	if (!place)
		return -ENOMEM;
	for (size_t i = next_rule(said, 0); i < said->conf.count; i = next_rule(said, i + 1)) {
		size_t mine = gateway_place_in(file, said->conf.list[i], &gone);
		size_t to = i;

		/* What is no rule has no place: it is passed. */
		for (size_t k = i;
		     k-- > 0 && (said->conf.list[k]->kind != CONF_KIND_RULE || place[k] > mine);) {
			if (said->conf.list[k]->kind == CONF_KIND_RULE)
				to = k;
		}
		memmove(&place[to + 1], &place[to], (i - to) * sizeof(place[0]));
		place[to] = mine;
		gateway_rules_move(said, i, to);
	}
	free(place);
	return 0;
}

int gateway_places_keep(struct gateway_rules *said, const struct gateway_rules *old,
			const struct gateway_rules *file, char *note, size_t size)
{
	int result = arrange(said, old);

	note[0] = 0;
	for (size_t i = 0; i < said->conf.count && result == 0; i++) {
		const struct conf_statement *one = said->conf.list[i];
		const struct conf_statement *other;
		struct conf_item item;
		size_t was, now;
		bool gone = false;

		if (one->kind != CONF_KIND_RULE ||
		    !conf_item_find(&one->rule, CONF_ITEM_PLACE, &item))
			continue;
		(void)gateway_place_in(file, one, &gone);
		was = gone ? find(old, item.word) : old->conf.count;
		if (was == old->conf.count)
			continue;
		now = heir_of(old, was, file);
		other = now < file->conf.count ? file->conf.list[now] : NULL;
		say_moved(one, old->conf.list[was], other, note, size);
		result = anchor(said, i, other);
	}
	return result;
}
