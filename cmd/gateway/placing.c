/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a rule stands that is said while the gateway runs. Among the live ones their list has the
 * order; a `before` that names one of the file is kept with the rule, by name or by a tag of what
 * that one says, since lines move when a file is edited.
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

/* The rule with another place, or without one (NULL). */
static void set_place(struct conf_rule *rule, const char *word)
{
	struct conf_rule from = *rule;
	struct conf_item item;
	uint32_t at = 0;

	memset(rule->tail, 0, rule->tail_size);
	rule->tail_size = 0;
	while (conf_item_next(&from, &at, &item)) {
		if (item.sort != CONF_ITEM_PLACE)
			(void)conf_item_add(rule, &item);
	}
	item = (struct conf_item){ .sort = CONF_ITEM_PLACE, .word = word };
	if (word)
		(void)conf_item_add(rule, &item);
}

/* Appends, and moves it before the one at `index`. */
static int insert(struct gateway_rules *said, const struct conf_statement *one, int64_t until_s,
		  size_t index)
{
	int result = gateway_rules_add(said, one, until_s);
	size_t last = said->conf.count - 1;
	struct conf_statement *mine;

	if (result < 0)
		return result;
	mine = said->conf.list[last];
	memmove(&said->conf.list[index + 1], &said->conf.list[index],
		(last - index) * sizeof(said->conf.list[0]));
	memmove(&said->until_s[index + 1], &said->until_s[index],
		(last - index) * sizeof(said->until_s[0]));
	said->conf.list[index] = mine;
	said->until_s[index] = until_s;
	return 0;
}

static int before_live(struct gateway_rules *said, struct conf_statement *one, int64_t until_s,
		       size_t index)
{
	struct conf_item item;

	/* It stands where that one stands. */
	if (conf_item_find(&said->conf.list[index]->rule, CONF_ITEM_PLACE, &item))
		set_place(&one->rule, item.word);
	else
		set_place(&one->rule, NULL);
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
		set_place(&one->rule, NULL);
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
	set_place(&one->rule, other->name[0] ? other->name : gateway_rule_tag(tag, other));
	return gateway_rules_add(said, one, until_s);
}
