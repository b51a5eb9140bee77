/* SPDX-License-Identifier: BSD-2-Clause */
/* What the words behind from and to stand for: zones, sets, links, the guest itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"

static int compare(const void *one, const void *two)
{
	const struct rules_name *a = one;
	const struct rules_name *b = two;
	int result = strcmp(a->name, b->name);

	return result ? result : a->index < b->index ? -1 : a->index > b->index;
}

static const char *name_of(const struct conf_statement *s)
{
	if (s->kind == CONF_KIND_ZONE || s->kind == CONF_KIND_SET)
		return s->set.name;
	return s->kind == CONF_KIND_LINK && s->name[0] ? s->name : NULL;
}

int rules_names_make(struct rules_names *names, const struct conf *conf, const char *guest)
{
	size_t room = 1;

	for (size_t i = 0; i < conf->count; i++)
		room += name_of(conf->list[i]) != NULL;
	*names = (struct rules_names){ .list = calloc(room, sizeof(names->list[0])),
				       .guest = guest };
	if (!names->list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];
		const char *name = name_of(s);

		if (name)
			names->list[names->count++] = (struct rules_name){ name, s, i };
		if (s->kind == CONF_KIND_LINK && names->link_count < CONF_LINKS_MAX)
			names->link[names->link_count++] = s;
	}
	qsort(names->list, names->count, sizeof(names->list[0]), compare);
	return 0;
}

void rules_names_free(struct rules_names *names)
{
	free(names->list);
	*names = (struct rules_names){ .list = NULL };
}

/* The first of this name, or the count. */
static size_t first_of(const struct rules_names *names, const char *word)
{
	size_t low = 0;
	size_t high = names->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(names->list[middle].name, word) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < names->count && !strcmp(names->list[low].name, word) ? low : names->count;
}

/* Words that people write for a zone that there is not. */
static bool is_guest_name(const char *word)
{
	static const char *const others[] = { "any", "all", "everyone", "everybody", "everywhere" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcmp(word, others[i]))
			return false;
	}
	return true;
}

enum rules_sort rules_word(const struct rules_names *names, const char *word,
			   const struct conf_statement **link)
{
	size_t at;

	if (!strcmp(word, "lan"))
		return RULES_LAN;
	if (!strcmp(word, "wan"))
		return RULES_WAN;
	if (!strcmp(word, "self") || (names->guest && !strcmp(word, names->guest)))
		return RULES_SELF;
	if (strchr(word, '.'))
		return RULES_DNS;
	at = first_of(names, word);
	/* Whatever else is called so is the other guest, whether it runs or not. */
	if (at == names->count)
		return names->guest && is_guest_name(word) ? RULES_GUEST : RULES_UNKNOWN;
	if (names->list[at].s->kind != CONF_KIND_LINK)
		return RULES_SET;
	*link = names->list[at].s;
	return RULES_LINK;
}

const struct conf_set *rules_set_next(const struct rules_names *names, const char *word, size_t *at)
{
	const struct rules_name *name;

	if (*at == 0)
		*at = first_of(names, word) + 1;
	if (*at > names->count)
		return NULL;
	name = &names->list[*at - 1];
	if (strcmp(name->name, word) != 0 || name->s->kind == CONF_KIND_LINK)
		return NULL;
	++*at;
	return &name->s->set;
}

int conf_guests(const struct conf *conf, const char *guest, conf_guest_fn *each, void *user)
{
	struct rules_names names;
	int result = rules_names_make(&names, conf, guest);

	for (size_t i = 0; i < conf->count && result == 0; i++) {
		const struct conf_statement *link = NULL;
		struct conf_item item;
		uint32_t at = 0;

		while (result == 0 && conf->list[i]->kind == CONF_KIND_RULE &&
		       conf_item_next(&conf->list[i]->rule, &at, &item)) {
			if ((item.sort == CONF_ITEM_FROM_WORD || item.sort == CONF_ITEM_TO_WORD) &&
			    rules_word(&names, item.word, &link) == RULES_GUEST)
				result = each(user, i, &item);
		}
	}
	rules_names_free(&names);
	return result;
}
