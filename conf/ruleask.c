/* SPDX-License-Identifier: BSD-2-Clause */
/* What leads in, and what one rule is about: ports, who calls, and where the call is for. */
#include <string.h>

#include "conf/rules.h"

/* A prefix of all IPv4 addresses has at most this length. */
#define ALL4 96u

bool rules_way(const struct conf_statement *s, uint32_t nth, struct rules_way *out)
{
	const struct conf_forward *f = &s->forward;

	*out = (struct rules_way){ .protocols = CONF_TCP | CONF_UDP, .run = { 1, UINT16_MAX } };
	if (s->kind == CONF_KIND_DMZ) {
		out->host = s->dmz.host;
		out->on = s->dmz.on;
		out->source = s->dmz.source;
		out->source_count = s->dmz.source_count;
		out->except = s->dmz.except;
		out->except_count = s->dmz.except_count;
		return nth == 0;
	}
	if (s->kind != CONF_KIND_FORWARD || f->run_count == 0 ||
	    nth >= f->run_count * (f->server_count ? f->server_count : 1))
		return false;
	out->protocols = f->protocols;
	out->run = f->run[nth % f->run_count];
	out->on = f->on;
	out->many = f->many_to_one;
	out->source = f->source;
	out->source_count = f->source_count;
	if (f->server_count) {
		out->host = f->server[nth / f->run_count].at.addr;
		out->to = f->server[nth / f->run_count].at.port;
	}
	return true;
}

bool rules_left_out(const struct rules_way *way, uint8_t protocol, uint16_t port)
{
	for (uint32_t i = 0; i < way->except_count; i++) {
		if (way->except[i].protocols & protocol && way->except[i].run.first <= port &&
		    port <= way->except[i].run.last)
			return true;
	}
	return false;
}

bool rules_about(const struct conf_rule *rule, uint8_t protocols, const struct conf_run *run)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	if (rule->out || (rule->protocols && !(rule->protocols & protocols)))
		return false;
	while (conf_item_next(rule, &at, &item)) {
		if (item.sort != CONF_ITEM_PORTS)
			continue;
		any = false;
		if (item.run.first <= run->last && run->first <= item.run.last)
			return true;
	}
	return any;
}

bool rules_lets(const struct conf_rule *rule)
{
	return rule->verb == CONF_ALLOW || rule->verb == CONF_LIMIT;
}

/* The next word or prefix of who calls, or with `to` of where the call is for. */
static bool next_end(const struct conf_rule *rule, bool to, uint32_t *at, struct conf_item *item)
{
	while (conf_item_next(rule, at, item)) {
		if (item->sort == (to ? CONF_ITEM_TO : CONF_ITEM_FROM) ||
		    item->sort == (to ? CONF_ITEM_TO_WORD : CONF_ITEM_FROM_WORD))
			return true;
	}
	return false;
}

/* ---- who calls ---- */

bool rules_outside(const struct rules_names *names, const char *word)
{
	const struct conf_statement *link = NULL;
	enum rules_sort sort = rules_word(names, word, &link);

	return sort == RULES_WAN || (sort == RULES_LINK && link->link.outside);
}

/* Whether the prefix has all hosts of IPv4 that are on the link. */
static bool holds_link(const struct conf_prefix *prefix, const struct conf_link *link)
{
	bool held = false;

	for (uint32_t i = 0; i < link->address_count; i++) {
		if (!minato_addr_is4(&link->address[i].addr))
			continue;
		held = prefix->length <= link->address[i].length &&
		       judge_within(prefix, &link->address[i].addr);
		if (!held)
			return false;
	}
	return held;
}

static bool word_is_from(const struct rules_names *names, const char *word,
			 const struct conf_statement *inside)
{
	const struct conf_statement *link = NULL;
	const struct conf_set *set;
	size_t at = 0;

	switch (rules_word(names, word, &link)) {
	case RULES_LAN:
		return true;
	case RULES_LINK:
		return link == inside;
	case RULES_SET:
		while ((set = rules_set_next(names, word, &at)) != NULL) {
			for (uint32_t i = 0; i < set->count; i++) {
				if (holds_link(&set->prefix[i], &inside->link))
					return true;
			}
		}
		return false;
	case RULES_WAN:
	case RULES_SELF:
	case RULES_DNS:
	case RULES_GUEST:
	case RULES_UNKNOWN:
		break;
	}
	return false;
}

bool rules_from_inside(const struct rules_names *names, const struct conf_rule *rule,
		       const struct conf_statement *inside)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	while (next_end(rule, false, &at, &item)) {
		any = false;
		if (item.word ? word_is_from(names, item.word, inside) :
				holds_link(&item.prefix, &inside->link))
			return true;
	}
	return any;
}

static bool is_all(const struct conf_prefix *prefix)
{
	return prefix->length == 0 || (prefix->length == ALL4 && minato_addr_is4(&prefix->addr));
}

bool rules_from_outside(const struct rules_names *names, const struct conf_rule *rule, bool whole)
{
	struct conf_item item;
	uint32_t at = 0;
	size_t missing = 0;
	bool any = true;

	for (size_t i = 0; i < names->link_count; i++)
		missing += names->link[i]->link.outside;
	while (next_end(rule, false, &at, &item)) {
		any = false;
		if (item.word ? !strcmp(item.word, "wan") : is_all(&item.prefix))
			return true;
		if (item.word && rules_outside(names, item.word) && (!whole || --missing == 0))
			return true;
	}
	return any;
}

/* ---- where to ---- */

static bool is_of_inside(const struct rules_names *names, const struct minato_addr *addr)
{
	for (size_t i = 0; i < names->link_count; i++) {
		if (!names->link[i]->link.outside && judge_on_link(&names->link[i]->link, addr))
			return true;
	}
	return false;
}

static bool word_is_to(const struct rules_names *names, const char *word,
		       const struct minato_addr *addr, bool own)
{
	const struct conf_statement *link = NULL;
	const struct conf_set *set;
	size_t at = 0;

	switch (rules_word(names, word, &link)) {
	case RULES_SELF:
		return own;
	case RULES_LAN:
		return is_of_inside(names, addr);
	case RULES_LINK:
		return judge_on_link(&link->link, addr);
	case RULES_SET:
		while ((set = rules_set_next(names, word, &at)) != NULL) {
			for (uint32_t i = 0; i < set->count; i++) {
				if (judge_within(&set->prefix[i], addr))
					return true;
			}
		}
		return false;
	case RULES_WAN:
	case RULES_DNS:
	case RULES_GUEST:
	case RULES_UNKNOWN:
		break;
	}
	return false;
}

bool rules_to(const struct rules_names *names, const struct conf_rule *rule,
	      const struct minato_addr *addr, bool own)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	while (next_end(rule, true, &at, &item)) {
		any = false;
		if (item.word ? word_is_to(names, item.word, addr, own) :
				judge_within(&item.prefix, addr))
			return true;
	}
	return any;
}

/* Addresses that are not known are of no inside. */
static bool item_is_to_unknown(const struct rules_names *names, const struct conf_item *item,
			       bool whole)
{
	const struct conf_statement *link = NULL;

	if (item->word) {
		const enum rules_sort sort = rules_word(names, item->word, &link);

		return sort == RULES_SELF || (!whole && sort == RULES_SET);
	}
	return is_all(&item->prefix) || (!whole && !is_of_inside(names, &item->prefix.addr));
}

static bool is_to_unknown(const struct rules_names *names, const struct conf_rule *rule, bool whole)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	while (next_end(rule, true, &at, &item)) {
		any = false;
		if (item_is_to_unknown(names, &item, whole))
			return true;
	}
	return any;
}

/* IPv6 is opened, not translated: the host itself is called. */
static bool is_opened(const struct rules_way *way)
{
	return !minato_addr_is4(&way->host) && !minato_addr_is_any(&way->host);
}

bool rules_called(const struct rules_names *names, const struct conf_rule *rule,
		  const struct rules_way *way, bool whole)
{
	size_t known = 0;
	size_t met = 0;

	if (is_opened(way))
		return rules_to(names, rule, &way->host, false);
	if (!minato_addr_is_any(&way->on))
		return rules_to(names, rule, &way->on, true);
	for (size_t i = 0; i < names->link_count; i++) {
		const struct conf_link *link = &names->link[i]->link;

		for (uint32_t k = 0; link->outside && k < link->address_count; k++) {
			if (!minato_addr_is4(&link->address[k].addr))
				continue;
			known++;
			met += rules_to(names, rule, &link->address[k].addr, true);
		}
	}
	if (!known)
		return is_to_unknown(names, rule, whole);
	return whole ? met == known : met > 0;
}
