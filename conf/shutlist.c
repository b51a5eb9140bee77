/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports of NetBIOS and SMB are shut, or opened without being named, in words. */
#include "conf/shutlist.h"

#include <stdio.h>
#include <string.h>

#include "conf/rules.h"

/* ---- which ---- */

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

void shutlist_add(struct shutlist *plain, struct shutlist *led, const struct conf *conf,
		  const struct shutlist_way *way)
{
	struct conf_run run = way->run;
	uint16_t to = way->to;
	uint16_t port, behind;

	for (uint32_t at = run.first;
	     at <= run.last &&
	     conf_shut_port(conf, way->protocols, (uint16_t)at, run.last, &port);
	     at = port + 1u)
		add(plain, port, port);
	while (led->count < SHUTLIST_MAX &&
	       conf_shut_behind(conf, way->protocols, &run, to, way->many, &port, &behind)) {
		add(led, port, behind);
		if (port == run.last)
			break;
		to = way->many ? to : (uint16_t)(to + (port + 1u - run.first));
		run.first = (uint16_t)(port + 1u);
	}
	leave_out(plain, led);
}

/* ---- who opened it ---- */

static bool is_of_wan(const struct conf *conf, const char *word)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_LINK && s->link.outside && !strcmp(s->name, word))
			return true;
	}
	return !strcmp(word, "wan");
}

static bool is_from_wan(const struct conf *conf, const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_FROM_WORD && is_of_wan(conf, item.word))
			return true;
		any &= item.sort != CONF_ITEM_FROM_WORD && item.sort != CONF_ITEM_FROM;
	}
	return any;
}

/* Whether the rule is about the port; *named: it says so, and is about little else. */
static bool is_about(const struct conf_rule *rule, uint8_t protocol, uint16_t port, bool *named)
{
	struct conf_item item;
	uint32_t at = 0;
	bool any = true;
	bool met = false;

	*named = false;
	if (rule->out || (rule->protocols && !(rule->protocols & protocol)))
		return false;
	while (conf_item_next(rule, &at, &item)) {
		/* Who is meant by `to` is not asked: it may be meant. */
		if (item.sort != CONF_ITEM_PORTS)
			continue;
		any = false;
		if (item.run.first > port || port > item.run.last)
			continue;
		met = true;
		*named |= item.run.first == item.run.last ||
			  (conf_is_shut(item.run.first) && conf_is_shut(item.run.last) &&
			   item.run.last - item.run.first <= 2);
	}
	return any || met;
}

/* The first rule that decides it for all of wan, if that one lets in without naming it. */
static const struct conf_statement *opener(const struct conf *conf, uint8_t protocol, uint16_t port)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];
		bool named;

		if (s->kind != CONF_KIND_RULE || !is_about(&s->rule, protocol, port, &named) ||
		    !is_from_wan(conf, &s->rule))
			continue;
		return !named && (s->rule.verb == CONF_ALLOW || s->rule.verb == CONF_LIMIT) ? s :
											     NULL;
	}
	return NULL;
}

static const struct conf_statement *open_run(struct shutlist *list, const struct conf *conf,
					     const struct shutlist_way *way,
					     const struct conf_run *run,
					     const struct conf_statement *by)
{
	for (uint32_t at = run->first; at <= run->last && list->count < SHUTLIST_MAX; at++) {
		for (uint8_t one = CONF_TCP; one <= CONF_UDP; one = (uint8_t)(one << 1)) {
			const struct conf_statement *found =
				way->protocols & one ? opener(conf, one, (uint16_t)at) : NULL;

			if (!found || (by && found != by))
				continue;
			by = found;
			add(list, (uint16_t)at,
			    !way->to || way->many ? way->to :
						    (uint16_t)(way->to + (at - way->run.first)));
		}
	}
	return by;
}

const struct conf_statement *shutlist_opened(struct shutlist *list, const struct conf *conf,
					     const struct shutlist_way *way)
{
	const struct conf_statement *by = NULL;
	struct conf_run run;

	for (uint32_t i = 0; i < RULES_SHUT_COUNT; i++) {
		run = rules_shut[i];
		if (run.first < way->run.first)
			run.first = way->run.first;
		if (run.last > way->run.last)
			run.last = way->run.last;
		by = open_run(list, conf, way, &run, by);
		if (rules_behind(&way->run, way->to, way->many, i, &run))
			by = open_run(list, conf, way, &run, by);
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
