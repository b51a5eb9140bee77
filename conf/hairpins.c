/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules between insides beside forwards. A forward's host has an address outside too, and who calls
 * that from another inside (hairpin) is asked about as he calls, before anything is translated: a
 * rule to that host's own network is not about it.
 */
#include <stdio.h>

#include "conf/shutlist.h"

/* As many rules are asked about what leads in, and no more. */
#define STEPS_MAX 4000000u

struct hairpins {
	const struct conf *conf;
	const struct rules_names *names;
	struct conf_report *report;
	size_t rule; /* the index of the one that is judged */
	uint32_t steps;
};

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

/* Whether somebody of that inside may call. */
static bool may_call(const struct rules_way *way, const struct conf_link *inside)
{
	for (uint32_t i = 0; i < way->source_count; i++) {
		for (uint32_t k = 0; k < inside->address_count; k++) {
			if (judge_overlap(&way->source[i], &inside->address[k]))
				return true;
		}
	}
	return way->source_count == 0;
}

/* What holds for `at` holds for no port from *next on, where the run begins or has ended. */
static void cut(const struct conf_run *run, uint32_t at, uint32_t *next)
{
	if (run->first > at && run->first < *next)
		*next = run->first;
	if (run->first <= at && at <= run->last && run->last + 1u < *next)
		*next = run->last + 1u;
}

static void cut_rule(const struct conf_rule *rule, uint32_t at, uint32_t *next)
{
	struct conf_item item;
	uint32_t i = 0;

	while (conf_item_next(rule, &i, &item)) {
		if (item.sort == CONF_ITEM_PORTS)
			cut(&item.run, at, next);
	}
}

/*
 * Whether the first rule about a call of the first of these ports from that inside refuses it at
 * each address, or stands before the one that is judged: then what it lets in is meant. The same
 * holds up to *next.
 */
static bool is_decided(struct hairpins *h, const struct conf_statement *inside,
		       const struct rules_way *way, const struct conf_run *run, uint32_t *next)
{
	const struct conf_run first = { run->first, run->first };

	for (size_t i = 0; i < h->conf->count && ++h->steps < STEPS_MAX; i++) {
		const struct conf_statement *s = h->conf->list[i];
		const bool lets = s->kind == CONF_KIND_RULE && rules_lets(&s->rule);

		if (s->kind != CONF_KIND_RULE || !rules_about(&s->rule, way->protocols, run) ||
		    !rules_from_inside(h->names, &s->rule, inside) ||
		    !rules_called(h->names, &s->rule, way, !lets))
			continue;
		cut_rule(&s->rule, run->first, next);
		if (rules_about(&s->rule, way->protocols, &first))
			return i < h->rule || !lets;
	}
	/* What was too much to ask is not warned of. */
	return h->steps >= STEPS_MAX;
}

/* The first of these ports that nothing keeps that inside from; 0: none. `way`: of one protocol. */
static uint16_t first_open(struct hairpins *h, const struct conf_statement *inside,
			   const struct rules_way *way, const struct conf_run *run)
{
	uint32_t next;

	for (uint32_t at = run->first; at <= run->last; at = next) {
		const struct conf_run rest = { (uint16_t)at, run->last };

		next = run->last + 1u;
		for (uint32_t i = 0; i < way->except_count; i++)
			cut(&way->except[i].run, at, &next);
		if (!rules_left_out(way, way->protocols, rest.first) &&
		    !is_decided(h, inside, way, &rest, &next))
			return rest.first;
	}
	return 0;
}

/* "tcp 80", "tcp,udp 5000-5010", "everything". */
static void say(const struct hairpins *h, const struct conf_statement *inside,
		const struct conf_statement *way, uint8_t protocols, const struct conf_run *run)
{
	char what[32] = "everything";
	char last[8] = "";

	if (run->last > run->first)
		(void)snprintf(last, sizeof(last), "-%u", run->last);
	if (run->first > 1 || run->last < UINT16_MAX)
		(void)snprintf(what, sizeof(what), "%s %u%s", shutlist_protocols(protocols),
			       run->first, last);
	else if (protocols != (CONF_TCP | CONF_UDP))
		(void)snprintf(what, sizeof(what), "%s", shutlist_protocols(protocols));
	judge_say(h->report, CONF_WARNING, h->conf->list[h->rule], CONF_PART_SUBJECT, way->line,
		  "who is of %s comes there all the same, at the gateway's address outside, by the "
		  "other line (hairpin), of which this says nothing; 'block %s from %s to self' "
		  "does",
		  inside->name, what, inside->name);
}

/* By these of the ports that are called; whether it was said. */
static bool judge_run(struct hairpins *h, const struct conf_statement *s,
		      const struct rules_way *way, const struct conf_run *run)
{
	const struct conf_rule *rule = &h->conf->list[h->rule]->rule;

	for (size_t i = 0; i < h->names->link_count; i++) {
		const struct conf_statement *inside = h->names->link[i];
		struct conf_run open = { UINT16_MAX, run->last };
		uint8_t protocols = 0;

		if (inside->link.outside || !inside->name[0] ||
		    judge_on_link(&inside->link, &way->host) || !may_call(way, &inside->link) ||
		    !rules_from_inside(h->names, rule, inside))
			continue;
		for (uint8_t one = CONF_TCP; one <= CONF_UDP; one = (uint8_t)(one << 1)) {
			struct rules_way part = *way;
			uint16_t first;

			part.protocols = way->protocols & one;
			if (!part.protocols || (rule->protocols && !(rule->protocols & one)))
				continue;
			first = first_open(h, inside, &part, run);
			if (!first || first > open.first)
				continue;
			protocols = first < open.first ? one : protocols | one;
			open.first = first;
		}
		if (!protocols)
			continue;
		say(h, inside, s, protocols, &open);
		return true;
	}
	return false;
}

/* Of the ports of a way those that are called and lead to some of `led`. */
static bool led_ports(const struct rules_way *way, const struct conf_run *led, struct conf_run *out)
{
	const int ahead = way->to ? way->to - way->run.first : 0;
	int first = led->first - ahead;
	int last = led->last - ahead;

	*out = way->run;
	if (way->to && way->many)
		return led->first <= way->to && way->to <= led->last;
	first = first > out->first ? first : out->first;
	last = last < out->last ? last : out->last;
	if (first > last)
		return false;
	out->first = (uint16_t)first;
	out->last = (uint16_t)last;
	return true;
}

static bool judge_way(struct hairpins *h, const struct conf_statement *s,
		      const struct rules_way *way)
{
	const struct conf_rule *rule = &h->conf->list[h->rule]->rule;
	struct conf_item item;
	struct conf_run run;
	uint32_t at = 0;
	bool any = true;

	if (!minato_addr_is4(&way->host) || !rules_to(h->names, rule, &way->host, false) ||
	    rules_called(h->names, rule, way, true))
		return false;
	while (conf_item_next(rule, &at, &item)) {
		if (item.sort != CONF_ITEM_PORTS)
			continue;
		any = false;
		if (led_ports(way, &item.run, &run) && judge_run(h, s, way, &run))
			return true;
	}
	return any && judge_run(h, s, way, &way->run);
}

static bool is_between(const struct conf_statement *s)
{
	struct conf_item item;

	return s->kind == CONF_KIND_RULE && !s->rule.out && !rules_lets(&s->rule) &&
	       (conf_item_find(&s->rule, CONF_ITEM_FROM_WORD, &item) ||
		conf_item_find(&s->rule, CONF_ITEM_FROM, &item));
}

void hairpins_judge(const struct conf *conf, const struct rules_names *names, const size_t *ways,
		    size_t way_count, struct conf_report *report)
{
	struct hairpins h = { .conf = conf, .names = names, .report = report };

	if (hairpin_is_off(conf))
		return;
	for (h.rule = 0; h.rule < conf->count; h.rule++) {
		bool said = !is_between(conf->list[h.rule]);

		for (size_t i = 0; i < way_count && !said && ++h.steps < STEPS_MAX; i++) {
			const struct conf_statement *s = conf->list[ways[i]];
			struct rules_way way;

			for (uint32_t k = 0; rules_way(s, k, &way) && !said; k++)
				said = judge_way(&h, s, &way);
		}
	}
}
