/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of a gateway whose from or to is nowhere that a packet could be from, or for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"

/* As many comparisons are made, and no more. */
#define STEPS_MAX 4000000u

/* What is ours, and where hosts are behind us. */
struct place {
	struct conf_prefix prefix;
	bool inside; /* hosts; else an address of ours */
};

struct ground {
	struct place *list;
	size_t count;
	bool host; /* the outside is the host's own sockets: nobody knows its addresses */
	uint32_t steps;
};

static void add(struct ground *g, const struct conf_prefix *prefix, bool inside)
{
	g->list[g->count++] = (struct place){ *prefix, inside };
}

static void add_own(struct ground *g, const struct minato_addr *addr)
{
	const struct conf_prefix one = { .addr = *addr, .length = 128 };

	if (!minato_addr_is_any(addr))
		add(g, &one, false);
}

static void add_places(struct ground *g, const struct conf_statement *s)
{
	if (s->kind == CONF_KIND_ROUTE)
		add(g, &s->route.to, true);
	if (s->kind == CONF_KIND_POOL)
		add(g, &s->pool.addresses, false);
	if (s->kind == CONF_KIND_FORWARD)
		add_own(g, &s->forward.on);
	if (s->kind == CONF_KIND_DMZ)
		add_own(g, &s->dmz.on);
	if (s->kind != CONF_KIND_LINK)
		return;
	g->host |= s->link.sort == CONF_LINK_HOST;
	for (uint32_t i = 0; i < s->link.address_count; i++) {
		add_own(g, &s->link.address[i].addr);
		if (!s->link.outside)
			add(g, &s->link.address[i], true);
	}
}

/* Whether somebody inside, or with `own` an address of ours, is in the prefix. */
static bool is_somewhere(struct ground *g, const struct conf_prefix *prefix, bool own)
{
	for (size_t i = 0; i < g->count; i++) {
		if (++g->steps > STEPS_MAX)
			return true;
		if ((own || g->list[i].inside) && judge_overlap(&g->list[i].prefix, prefix))
			return true;
	}
	return false;
}

/* Groups of many hosts are for whoever listens (RFC 1112, 919; RFC 4291 2.7). */
static bool is_group(const struct conf_prefix *prefix)
{
	const uint8_t *b = prefix->addr.bytes;

	return minato_addr_is4(&prefix->addr) ? b[12] >= 224 : b[0] == 0xff;
}

/* Of a rule about what has no ports alone: what of it comes from outside the host's kernel has. */
static void judge_messages(struct ground *g, const struct rules_names *names,
			   const struct conf_statement *s, struct conf_report *report)
{
	struct conf_item item;
	uint32_t at = 0;
	const char *what = s->rule.protocols == CONF_OTHER ? "protocols without ports" :
							     "messages of ICMP";
	bool said = false;

	if (!g->host || s->rule.out ||
	    (s->rule.protocols != CONF_ICMP && s->rule.protocols != CONF_OTHER))
		return;
	while (conf_item_next(&s->rule, &at, &item)) {
		bool word = item.sort == CONF_ITEM_FROM_WORD;

		if (!word && item.sort != CONF_ITEM_FROM)
			continue;
		said = true;
		if (word ? rules_outside(names, item.word) : !is_somewhere(g, &item.prefix, false))
			judge_say(report, CONF_WARNING, s, CONF_PART_SOURCE, 0,
				  "this can never match: %s that come from outside are "
				  "for the host's kernel, which asks no rule",
				  what);
	}
	if (!said)
		judge_say(report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
			  "this is about what comes from inside alone: %s from "
			  "outside are for the host's kernel, which asks no rule; say from lan",
			  what);
}

static void judge_rule(struct ground *g, const struct rules_names *names,
		       const struct conf_statement *s, struct conf_report *report)
{
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(&s->rule, &at, &item)) {
		if (s->rule.out && item.sort == CONF_ITEM_FROM_WORD &&
		    rules_outside(names, item.word))
			judge_say(
				report, CONF_WARNING, s, CONF_PART_SOURCE, 0,
				"this can never match: what goes out comes from an inside, and %s "
				"is outside",
				item.word);
		else if (s->rule.out && item.sort == CONF_ITEM_FROM &&
			 !is_somewhere(g, &item.prefix, false))
			judge_say(report, CONF_WARNING, s, CONF_PART_SOURCE, 0,
				  "this can never match: no inside link or route has an address of "
				  "it, and what goes out comes from an inside");
		else if (!s->rule.out && item.sort == CONF_ITEM_TO && !g->host &&
			 !is_group(&item.prefix) && !is_somewhere(g, &item.prefix, true))
			judge_say(
				report, CONF_WARNING, s, CONF_PART_TARGET, 0,
				"this can never match: it is no address of ours, nor of an inside; "
				"a rule about what goes out says out");
	}
}

int ruleends_judge(const struct conf *conf, const struct rules_names *names,
		   struct conf_report *report)
{
	struct ground g = { .list = NULL };
	size_t room = 1;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		room += s->kind == CONF_KIND_LINK ? 2 * s->link.address_count : 1;
	}
	g.list = calloc(room, sizeof(g.list[0]));
	if (!g.list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->count; i++)
		add_places(&g, conf->list[i]);
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind != CONF_KIND_RULE)
			continue;
		judge_rule(&g, names, conf->list[i], report);
		judge_messages(&g, names, conf->list[i], report);
	}
	free(g.list);
	return 0;
}
