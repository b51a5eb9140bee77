/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules, zones, sets and what is done about scans in their canonical form. */
#include "conf/writing.h"

#include <string.h>

static const char *const verbs[] = { "allow", "block", "drop", "limit" };

const char *ruleprint_verb(const struct conf_rule *rule)
{
	return verbs[rule->verb];
}

static void put_protocols(struct writing *w, uint8_t protocols)
{
	static const char *const words[] = { "tcp", "udp", "icmp" };
	const char *before = " ";

	for (size_t i = 0; i < 3; i++) {
		if (!(protocols & 1u << i))
			continue;
		writing_put(w, "%s%s", before, words[i]);
		before = ",";
	}
}

/* Of one host the address alone. */
static void put_who(struct writing *w, const struct conf_prefix *prefix)
{
	char text[64];

	if (prefix->length < 128) {
		writing_prefix(w, prefix);
		return;
	}
	minato_addr_format(&prefix->addr, text, sizeof(text));
	writing_put(w, "%s", text);
}

static void put_item(struct writing *w, const struct conf_item *item)
{
	char number[CONF_PROTOCOL_SAID_SIZE];
	int four, six;

	switch (item->sort) {
	case CONF_ITEM_PROGRAM:
	case CONF_ITEM_FROM_WORD:
	case CONF_ITEM_TO_WORD:
	case CONF_ITEM_PLACE:
		writing_put(w, "%s", item->word);
		break;
	case CONF_ITEM_PORTS:
		writing_run(w, item->run.first, item->run.last);
		break;
	case CONF_ITEM_TYPES:
		if (item->run.first >= CONF_TYPE_NAMED)
			writing_put(w, "%s", ruleline_type(item->run.first, &four, &six));
		else
			writing_run(w, item->run.first, item->run.last);
		break;
	case CONF_ITEM_NUMBERS:
		writing_put(w, "%s", conf_protocol_said(number, (uint8_t)item->run.first));
		break;
	case CONF_ITEM_FROM:
	case CONF_ITEM_TO:
		put_who(w, &item->prefix);
		break;
	}
}

/* All of these two sorts, with a word before the first. */
static void put_items(struct writing *w, const struct conf_rule *rule, enum conf_item_sort one,
		      enum conf_item_sort two, const char *before)
{
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort != one && item.sort != two)
			continue;
		writing_put(w, "%s", before);
		put_item(w, &item);
		before = ", ";
	}
}

void ruleprint_rule(struct writing *w, const struct conf_rule *rule)
{
	struct conf_item item;

	writing_put(w, "%s", ruleprint_verb(rule));
	put_items(w, rule, CONF_ITEM_PROGRAM, CONF_ITEM_PROGRAM, " program ");
	writing_put(w, rule->out ? " out" : "");
	put_protocols(w, rule->protocols);
	writing_put(w, rule->protocols ? "" : " everything");
	put_items(w, rule, CONF_ITEM_PORTS, CONF_ITEM_TYPES, " ");
	put_items(w, rule, CONF_ITEM_NUMBERS, CONF_ITEM_NUMBERS, " ");
	put_items(w, rule, CONF_ITEM_FROM, CONF_ITEM_FROM_WORD, " from ");
	put_items(w, rule, CONF_ITEM_TO, CONF_ITEM_TO_WORD, " to ");
	if (rule->rate_count)
		writing_put(w, " to %u per %s%s%s", rule->rate_count,
			    ruleline_unit(rule->rate_span_s), rule->each ? " per source" : "",
			    rule->silent ? " then drop" : "");
	writing_put(w, rule->log ? " log" : "");
	writing_term(w, &rule->term);
	if (conf_item_find(rule, CONF_ITEM_PLACE, &item))
		writing_put(w,
			    strcmp(item.word, "first") && strcmp(item.word, "last") ? " before %s" :
										      " %s",
			    item.word);
}

void ruleprint_set(struct writing *w, const char *verb, const struct conf_set *set)
{
	writing_put(w, "%s %s", verb, set->name);
	if (set->path[0])
		writing_put(w, " from %s", set->path);
	for (uint32_t i = 0; i < set->count; i++) {
		writing_put(w, i ? ", " : " ");
		put_who(w, &set->prefix[i]);
	}
}

void ruleprint_scans(struct writing *w, const struct conf_scans *scans)
{
	writing_put(w, "scans answer %s", setline_answers[scans->answer]);
	if (scans->seconds) {
		writing_put(w, " for ");
		writing_span(w, scans->seconds);
	}
	if (scans->grown_s) {
		writing_put(w, " growing to ");
		writing_span(w, scans->grown_s);
	}
}

void ruleprint_alert(struct writing *w, const struct conf_alert *alert)
{
	writing_put(w, "alert %s%s%s", setline_alerts[alert->sort], alert->path[0] ? " " : "",
		    alert->path);
}
