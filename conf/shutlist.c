/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports of NetBIOS and SMB are shut, or opened without being named, in words. */
#include "conf/shutlist.h"

#include <stdio.h>
#include <string.h>

/* ---- which ---- */

struct asking {
	const struct conf *conf;
	const struct rules_names *names;
	const struct rules_way *way;
};

/* The ports of the way that are of rules_shut[i], or with `led` those that lead there. */
static bool shut_run(const struct rules_way *way, uint32_t i, bool led, struct conf_run *out)
{
	if (led)
		return rules_behind(&way->run, way->to, way->many, i, out);
	*out = rules_shut[i];
	if (out->first < way->run.first)
		out->first = way->run.first;
	if (out->last > way->run.last)
		out->last = way->run.last;
	return out->first <= out->last;
}

/* Where a port of the way leads to. */
static uint16_t led_to(const struct rules_way *way, uint16_t port)
{
	if (!way->to)
		return port;
	return way->many ? way->to : (uint16_t)(way->to + (port - way->run.first));
}

static void add(struct shutlist *list, uint16_t port, uint16_t behind)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (list->port[i] == port)
			return;
	}
	if (list->count == SHUTLIST_MAX)
		return;
	list->port[list->count] = port;
	list->behind[list->count++] = behind;
}

/* What is said of a port as one that leads there need not be said twice. */
static void leave_out(struct shutlist *plain, const struct shutlist *led)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < plain->count; i++) {
		bool said = false;

		for (uint32_t k = 0; k < led->count; k++)
			said |= led->port[k] == plain->port[i];
		plain->port[kept] = plain->behind[kept] = plain->port[i];
		kept += !said;
	}
	plain->count = kept;
}

/* lan, or the name of an inside link. */
static bool is_lan_word(const struct rules_names *names, const char *word)
{
	const struct conf_statement *link = NULL;
	const enum rules_sort sort = rules_word(names, word, &link);

	return sort == RULES_LAN || (sort == RULES_LINK && !link->link.outside);
}

bool shutlist_of_lan(const struct rules_names *names, const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = false;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_FROM ||
		    (item.sort == CONF_ITEM_FROM_WORD && !is_lan_word(names, item.word)))
			return false;
		any |= item.sort == CONF_ITEM_FROM_WORD;
	}
	return any;
}

static bool is_from_anybody(const struct conf_rule *rule)
{
	struct conf_item item;

	return !conf_item_find(rule, CONF_ITEM_FROM, &item) &&
	       !conf_item_find(rule, CONF_ITEM_FROM_WORD, &item);
}

/* Whether a rule says what becomes of this port where it comes from others than lan. */
static bool is_decided(const struct asking *a, uint8_t protocol, uint16_t port)
{
	const struct conf_run run = { port, port };

	for (size_t i = 0; i < a->conf->count; i++) {
		const struct conf_statement *s = a->conf->list[i];

		if (s->kind == CONF_KIND_RULE && rules_about(&s->rule, protocol, &run) &&
		    (is_from_anybody(&s->rule) ||
		     (s->rule.verb == CONF_ALLOW && !shutlist_of_lan(a->names, &s->rule))) &&
		    rules_called(a->names, &s->rule, a->way, !rules_lets(&s->rule)))
			return true;
	}
	return false;
}

static void add_shut(const struct asking *a, const struct conf_run *run, bool led,
		     struct shutlist *list)
{
	for (uint32_t at = run->first; at <= run->last && list->count < SHUTLIST_MAX; at++) {
		const uint16_t port = (uint16_t)at;

		for (uint8_t one = CONF_TCP; one <= CONF_UDP; one = (uint8_t)(one << 1)) {
			if (a->way->protocols & one && !is_decided(a, one, port))
				add(list, port, led ? led_to(a->way, port) : port);
		}
	}
}

void shutlist_add(struct shutlist *plain, struct shutlist *led, const struct conf *conf,
		  const struct rules_names *names, const struct rules_way *way)
{
	const struct asking a = { conf, names, way };
	struct conf_run run;

	for (uint32_t i = 0; i < RULES_SHUT_COUNT; i++) {
		if (shut_run(way, i, false, &run))
			add_shut(&a, &run, false, plain);
		if (shut_run(way, i, true, &run))
			add_shut(&a, &run, true, led);
	}
	leave_out(plain, led);
}

/* ---- who opened it ---- */

/* Whether the rule says this port, and little else. */
static bool is_named(const struct conf_rule *rule, uint16_t port)
{
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_PORTS && item.run.first <= port &&
		    port <= item.run.last &&
		    (item.run.first == item.run.last ||
		     (conf_is_shut(item.run.first) && conf_is_shut(item.run.last) &&
		      item.run.last - item.run.first <= 2)))
			return true;
	}
	return false;
}

/*
 * The first rule that decides it for wan, if that one lets in without naming it. One that refuses,
 * or names it, has decided where it is about all of wan, and each address that is called.
 */
static const struct conf_statement *opener(const struct asking *a, uint8_t protocol, uint16_t port)
{
	const struct conf_run run = { port, port };

	for (size_t i = 0; i < a->conf->count; i++) {
		const struct conf_statement *s = a->conf->list[i];
		bool opens;

		if (s->kind != CONF_KIND_RULE || !rules_about(&s->rule, protocol, &run))
			continue;
		opens = rules_lets(&s->rule) && !is_named(&s->rule, port);
		if (rules_from_outside(a->names, &s->rule, !opens) &&
		    rules_called(a->names, &s->rule, a->way, !opens))
			return opens ? s : NULL;
	}
	return NULL;
}

/* Those that the rule opens which opens the first. */
static void add_opened(const struct asking *a, const struct conf_run *run, struct shutlist *list,
		       const struct conf_statement **by)
{
	for (uint32_t at = run->first; at <= run->last && list->count < SHUTLIST_MAX; at++) {
		const uint16_t port = (uint16_t)at;

		for (uint8_t one = CONF_TCP; one <= CONF_UDP; one = (uint8_t)(one << 1)) {
			const struct conf_statement *found = NULL;

			if (a->way->protocols & one && !rules_left_out(a->way, one, port))
				found = opener(a, one, port);
			if (!found || (*by && found != *by))
				continue;
			*by = found;
			add(list, port, led_to(a->way, port));
		}
	}
}

const struct conf_statement *shutlist_opened(struct shutlist *list, const struct conf *conf,
					     const struct rules_names *names,
					     const struct rules_way *way)
{
	const struct asking a = { conf, names, way };
	const struct conf_statement *by = NULL;
	struct conf_run run;

	for (uint32_t i = 0; i < 2 * RULES_SHUT_COUNT; i++) {
		if (shut_run(way, i / 2, i % 2, &run))
			add_opened(&a, &run, list, &by);
	}
	return by;
}

/* ---- words ---- */

const char *shutlist_text(char out[SHUTLIST_TEXT], const struct shutlist *list, bool behind)
{
	const uint16_t *port = behind ? list->behind : list->port;
	size_t used = 0;

	out[0] = 0;
	for (uint32_t i = 0, to; i < list->count && used < SHUTLIST_TEXT; i = to) {
		for (to = i + 1; to < list->count && port[to] == port[to - 1] + 1; to++)
			;
		/* Many may lead to one. */
		if (behind && i > 0 && port[i] == port[i - 1])
			continue;
		used += (size_t)snprintf(out + used, SHUTLIST_TEXT - used, "%s%u", i ? ", " : "",
					 port[i]);
		if (to > i + 1 && used < SHUTLIST_TEXT)
			used += (size_t)snprintf(out + used, SHUTLIST_TEXT - used, "-%u",
						 port[to - 1]);
	}
	return out;
}

const char *shutlist_protocols(uint8_t protocols)
{
	if ((protocols & (CONF_TCP | CONF_UDP)) == (CONF_TCP | CONF_UDP))
		return "tcp,udp";
	return protocols & CONF_UDP ? "udp" : "tcp";
}

void shutlist_say(char *out, size_t size, const struct shutlist *list, const char *thing,
		  const char *rule, uint8_t protocols)
{
	char ports[SHUTLIST_TEXT], behind[SHUTLIST_TEXT], leads[SHUTLIST_TEXT + 32] = "";
	const bool one = list->count == 1;

	(void)shutlist_text(ports, list, false);
	(void)shutlist_text(behind, list, true);
	if (strcmp(ports, behind) != 0)
		(void)snprintf(leads, sizeof(leads), " lead%s to port%s %s%s", one ? "s" : "",
			       strpbrk(behind, "-,") ? "s" : "", behind,
			       !strcmp(thing, "host") ? " of the guest" : "");
	(void)snprintf(out, size,
		       "%s port%s %s%s (NetBIOS, SMB)%s %s shut to everyone but lan; %s 'allow %s "
		       "%s' opens %s",
		       thing, one ? "" : "s", ports, leads, leads[0] ? ", and" : "",
		       one ? "is" : "are", rule, shutlist_protocols(protocols), ports,
		       one ? "it" : "them");
}
