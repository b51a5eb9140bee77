/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a rule lists, packed behind it: a byte for the sort, one for the length, and as many bytes.
 * There may be 100,000 rules, most of which list a port and a prefix.
 */
#include <string.h>

#include "conf/conf.h"

#define HEAD 2u

static bool has_word(enum conf_item_sort sort)
{
	return sort == CONF_ITEM_PROGRAM || sort == CONF_ITEM_FROM_WORD ||
	       sort == CONF_ITEM_TO_WORD || sort == CONF_ITEM_PLACE;
}

static bool has_run(enum conf_item_sort sort)
{
	return sort == CONF_ITEM_PORTS || sort == CONF_ITEM_TYPES || sort == CONF_ITEM_NUMBERS;
}

bool conf_item_next(const struct conf_rule *rule, uint32_t *at, struct conf_item *item)
{
	const uint8_t *from = rule->tail + *at;

	if (*at >= rule->tail_size)
		return false;
	*item = (struct conf_item){ .sort = (enum conf_item_sort)from[0] };
	if (has_word(item->sort))
		item->word = (const char *)from + HEAD;
	else if (has_run(item->sort))
		memcpy(&item->run, from + HEAD, sizeof(item->run));
	else
		memcpy(&item->prefix, from + HEAD, sizeof(item->prefix));
	*at += HEAD + from[1];
	return true;
}

bool conf_item_find(const struct conf_rule *rule, enum conf_item_sort sort, struct conf_item *item)
{
	uint32_t at = 0;

	while (conf_item_next(rule, &at, item)) {
		if (item->sort == sort)
			return true;
	}
	return false;
}

bool conf_item_add(struct conf_rule *rule, const struct conf_item *item)
{
	const void *bytes = &item->prefix;
	size_t size = sizeof(item->prefix);
	uint8_t *to = rule->tail + rule->tail_size;

	if (has_run(item->sort)) {
		bytes = &item->run;
		size = sizeof(item->run);
	} else if (has_word(item->sort)) {
		bytes = item->word;
		size = strlen(item->word) + 1;
	}
	if (size > UINT8_MAX || rule->tail_size + HEAD + size > CONF_TAIL_MAX)
		return false;
	to[0] = (uint8_t)item->sort;
	to[1] = (uint8_t)size;
	memcpy(to + HEAD, bytes, size);
	rule->tail_size = (uint16_t)(rule->tail_size + HEAD + size);
	return true;
}

void conf_item_place(struct conf_rule *rule, const char *word)
{
	const struct conf_rule from = *rule;
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
