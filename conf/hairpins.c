/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules between insides beside forwards. A forward's host has an address outside too, and who calls
 * that from another inside (hairpin) is asked about as he calls, before anything is translated: a
 * rule to that host's own network is not about it.
 */
#include <stdio.h>
#include <string.h>

#include "conf/rules.h"

/* As many pairs of a rule and a forward are looked at, and no more. */
#define PAIRS_MAX 4000000u

static bool hairpin_is_off(const struct conf *conf)
{
	bool off = false;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_NAT && s->nat.key == CONF_NAT_HAIRPIN)
			off = !s->nat.value;
	}
	return off;
}

static bool is_of_link(const struct conf_statement *link, const struct minato_addr *addr)
{
	for (uint32_t i = 0; i < link->link.address_count; i++) {
		if (judge_within(&link->link.address[i], addr))
			return true;
	}
	return false;
}

/* Whether the rule's `to` says the network of that host, and not the host's address outside. */
static bool is_to(const struct rules_names *names, const struct conf_rule *rule,
		  const struct minato_addr *host)
{
	const struct conf_statement *link = NULL;
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_TO && judge_within(&item.prefix, host))
			return true;
		if (item.sort != CONF_ITEM_TO_WORD)
			continue;
		if (rules_word(names, item.word, &link) == RULES_LINK && !link->link.outside &&
		    is_of_link(link, host))
			return true;
	}
	return false;
}

/* The first inside that the rule's `from` names, other than that host's; NULL: none. */
static const struct conf_statement *from_inside(const struct rules_names *names,
						const struct conf_rule *rule,
						const struct minato_addr *host)
{
	const struct conf_statement *link = NULL;
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_FROM_WORD &&
		    rules_word(names, item.word, &link) == RULES_LINK && !link->link.outside &&
		    !is_of_link(link, host))
			return link;
	}
	return NULL;
}

static bool is_port(const struct conf_rule *rule, uint8_t protocols, uint16_t port)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	if (rule->protocols && !(rule->protocols & protocols))
		return false;
	while (conf_item_next(rule, &at, &item)) {
		if (item.sort != CONF_ITEM_PORTS)
			continue;
		if (item.run.first <= port && port <= item.run.last)
			return true;
		any = false;
	}
	return any;
}

static bool refuses(const struct conf_statement *s)
{
	return s->kind == CONF_KIND_RULE && !s->rule.out &&
	       (s->rule.verb == CONF_BLOCK || s->rule.verb == CONF_DROP);
}

static bool is_from(const struct rules_names *names, const struct conf_rule *rule,
		    const struct conf_statement *inside)
{
	const struct conf_statement *link = NULL;
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	while (conf_item_next(rule, &at, &item)) {
		any &= item.sort != CONF_ITEM_FROM && item.sort != CONF_ITEM_FROM_WORD;
		if (item.sort == CONF_ITEM_FROM_WORD &&
		    (!strcmp(item.word, "lan") ||
		     (rules_word(names, item.word, &link) == RULES_LINK && link == inside)))
			return true;
	}
	return any;
}

/* Whether another rule refuses that inside the port where it is called. */
static bool is_closed(const struct conf *conf, const struct rules_names *names,
		      const struct conf_statement *inside, const struct conf_forward *f,
		      const struct minato_addr *host)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (refuses(s) && is_port(&s->rule, f->protocols, f->run[0].first) &&
		    is_from(names, &s->rule, inside) && !is_to(names, &s->rule, host))
			return true;
	}
	return false;
}

/* The port of the host that the first port of the forward leads to. */
static uint16_t led_to(const struct conf_forward *f)
{
	return f->server[0].at.port ? f->server[0].at.port : f->run[0].first;
}

static bool judge_pair(const struct conf *conf, const struct rules_names *names,
		       const struct conf_statement *rule, const struct conf_statement *way,
		       struct conf_report *report)
{
	const struct conf_forward *f = &way->forward;
	const struct minato_addr *host = &f->server[0].at.addr;
	const struct conf_statement *inside;

	if (f->server_count == 0 || !minato_addr_is4(host) ||
	    !is_port(&rule->rule, f->protocols, led_to(f)) || !is_to(names, &rule->rule, host))
		return false;
	inside = from_inside(names, &rule->rule, host);
	if (!inside || is_closed(conf, names, inside, f, host))
		return false;
	judge_say(report, CONF_WARNING, rule, CONF_PART_SUBJECT, way->line,
		  "who is of %s comes there all the same, at the gateway's address outside, by the "
		  "other line (hairpin), of which this says nothing; 'block %s %u from %s to self' "
		  "does",
		  inside->name, f->protocols == CONF_UDP ? "udp" : "tcp", f->run[0].first,
		  inside->name);
	return true;
}

void hairpins_judge(const struct conf *conf, const struct rules_names *names,
		    struct conf_report *report)
{
	uint32_t pairs = 0;

	if (hairpin_is_off(conf))
		return;
	for (size_t i = 0; i < conf->count; i++) {
		bool said = !refuses(conf->list[i]);

		for (size_t k = 0; k < conf->count && !said && ++pairs < PAIRS_MAX; k++) {
			if (conf->list[k]->kind == CONF_KIND_FORWARD)
				said = judge_pair(conf, names, conf->list[i], conf->list[k],
						  report);
		}
	}
}
