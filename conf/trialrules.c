/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of a hundred thousand rules those that could decide about one flow are few. The others are left
 * out of the host value that it is tried in: they would decide nothing there either. A rule is kept
 * unless what it says of an end, or of ports, surely leaves the flow out; what a zone, a set or a
 * name stands for is not looked up here.
 */
#include "conf/trial.h"

#include <errno.h>
#include <stdlib.h>

#include "minato/guard.h"

/* Whether some of the things that a rule lists of one sort hold; none of it is all. */
struct listing {
	bool said, holds;
};

static void list(struct listing *l, bool holds)
{
	l->said = true;
	l->holds |= holds;
}

static bool leaves_out(const struct listing *l)
{
	return l->said && !l->holds;
}

static bool may_decide(const struct conf_rule *rule, const struct conf_test *flow)
{
	struct listing from = { .said = false }, to = from, ports = from;
	bool counted = flow->proto == MINATO_TCP || flow->proto == MINATO_UDP;
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_FROM)
			list(&from, judge_within(&item.prefix, &flow->source.addr));
		else if (item.sort == CONF_ITEM_TO)
			list(&to, judge_within(&item.prefix, &flow->destination.addr));
		else if (item.sort == CONF_ITEM_PORTS && counted)
			list(&ports, flow->destination.port >= item.run.first &&
					     flow->destination.port <= item.run.last);
		else if (item.sort == CONF_ITEM_NUMBERS)
			list(&ports, (uint8_t)flow->proto == MINATO_PROTO_OTHER &&
					     flow->type == item.run.first);
		else if (item.sort == CONF_ITEM_FROM_WORD)
			list(&from, true);
		else if (item.sort == CONF_ITEM_TO_WORD)
			list(&to, true);
		else if (item.sort == CONF_ITEM_TYPES)
			list(&ports, true);
	}
	return !leaves_out(&from) && !leaves_out(&to) && !leaves_out(&ports);
}

bool trial_concerns(const struct minato_entry *entry, const struct conf_test *flow)
{
	const struct conf_prefix local = { entry->local, entry->local_prefix };
	const struct conf_prefix remote = { entry->remote, entry->remote_prefix };

	if ((flow->proto == MINATO_TCP || flow->proto == MINATO_UDP) &&
	    ((entry->proto && entry->proto != flow->proto) ||
	     flow->destination.port < entry->first || flow->destination.port > entry->last))
		return false;
	return judge_within(&local, &flow->destination.addr) &&
	       judge_within(&remote, &flow->source.addr);
}

int trial_few_make(struct trial_few *few, const struct conf *conf, const struct conf_test *flow)
{
	*few = (struct trial_few){ .all = conf->count };
	few->conf.list = calloc(conf->count + 1, sizeof(few->conf.list[0]));
	few->place = calloc(conf->count + 1, sizeof(few->place[0]));
	if (!few->conf.list || !few->place)
		return -ENOMEM;
	few->conf.files = conf->files;
	for (size_t i = 0; i < conf->count; i++) {
		struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_RULE && !may_decide(&s->rule, flow))
			continue;
		few->place[few->conf.count] = i;
		few->conf.list[few->conf.count++] = s;
	}
	return 0;
}

size_t trial_few_place(const struct trial_few *few, size_t index)
{
	if (index == SIZE_MAX)
		return index;
	return index < few->conf.count ? few->place[index] : few->all;
}

void trial_few_free(struct trial_few *few)
{
	free(few->conf.list);
	free(few->place);
}
