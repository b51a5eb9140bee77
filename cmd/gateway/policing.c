/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the policy in the host value. All entries of a list of statements are one sequence;
 * a rule that the one in force has too keeps its entries, with their counts and what is left of
 * their rates, wherever it stands now (alike.c). The longest run of those in the same order keeps
 * its orders; the rest get orders between those of its neighbours, and where there is no room for
 * them, all orders are given anew.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "minato/guard.h"

/* Orders of a first list end here, so that half of all is left behind them. */
#define ORDER_END (UINT64_C(1) << 62)

static int append(void *user, size_t statement, struct minato_entry *entry)
{
	struct gateway_sequence *sequence = user;

	if (sequence->count == sequence->room) {
		size_t room = sequence->room ? sequence->room * 2 : 64;
		struct gateway_ruled *list = realloc(sequence->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		sequence->list = list;
		sequence->room = room;
	}
	sequence->list[sequence->count++] = (struct gateway_ruled){ *entry, 0, statement };
	return 0;
}

/* Where the rule that begins at `from` ends. */
static size_t rule_end(const struct gateway_sequence *s, size_t from)
{
	size_t to = from + 1;

	while (to < s->count && s->list[to].entry.order == s->list[from].entry.order)
		to++;
	return to;
}

/* What both have: handles to the new one, which none of the old one has then. */
static void keep(struct gateway_sequence *old, struct gateway_sequence *new, const size_t *alike)
{
	for (size_t i = 0; i < new->count; i++) {
		if (alike[i] == SIZE_MAX)
			continue;
		new->list[i].handle = old->list[alike[i]].handle;
		old->list[alike[i]].handle = 0;
	}
}

/* Of the rules in `from` to `to`, between two orders; false: there is no room. */
static bool set_orders(struct gateway_sequence *s, size_t from, size_t to, uint64_t low,
		       uint64_t high)
{
	uint64_t rules = 0;
	uint64_t gap;

	for (size_t i = from; i < to; i = rule_end(s, i))
		rules++;
	gap = (high - low) / (rules + 1);
	/* The numbers by which conf_policy counts rules tell them apart until they are replaced. */
	for (size_t i = from; gap && i < to;) {
		size_t end = rule_end(s, i);

		for (low += gap; i < end; i++)
			s->list[i].entry.order = low;
	}
	return gap;
}

/* Orders of all that do not stay where they are. */
static bool order_between(const struct gateway_sequence *old, struct gateway_sequence *new,
			  const size_t *alike, const bool *stays)
{
	uint64_t low = 0;
	size_t from = 0;

	while (from < new->count) {
		size_t to = from;
		uint64_t high;

		while (to < new->count && !stays[to])
			to++;
		high = to < new->count ? old->list[alike[to]].entry.order : ORDER_END;
		if (!set_orders(new, from, to, low, high))
			return false;
		for (from = to; from < new->count &&stays[from]; from++)
			low = new->list[from].entry.order = old->list[alike[from]].entry.order;
	}
	return true;
}

static void leave(struct gateway_applied *applied, const struct gateway_sequence *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->list[i].handle)
			(void)minato_entry_remove(applied->host, s->list[i].handle);
	}
}

/* On failure what did not come is taken out of the sequence. */
static int enter(struct gateway_applied *applied, struct gateway_sequence *s, size_t *culprit)
{
	size_t kept = 0;
	int result = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct gateway_ruled *one = &s->list[i];

		one->entry.user = GATEWAY_WORD_RULE;
		if (one->handle) {
			(void)minato_rule_order(applied->host, one->handle, one->entry.order);
		} else if (result == 0) {
			result = minato_entry_add(applied->host, &one->entry, &one->handle);
			if (result < 0)
				*culprit = one->statement;
		}
		if (one->handle)
			s->list[kept++] = *one;
	}
	s->count = kept;
	return result;
}

static int replace(struct gateway_applied *applied, struct gateway_sequence *old,
		   struct gateway_sequence *new, size_t *culprit)
{
	size_t *alike = calloc(new->count + 1, sizeof(alike[0]));
	bool *stays = calloc(new->count + 1, sizeof(stays[0]));
	int result = alike && stays ? gateway_alike(old, new, alike, stays) : -ENOMEM;

	if (result < 0) {
		/* Nothing has changed yet. */
		struct gateway_sequence none = *new;

		*new = *old;
		*old = none;
	} else {
		if (!order_between(old, new, alike, stays))
			(void)set_orders(new, 0, new->count, 0, ORDER_END);
		keep(old, new, alike);
		leave(applied, old);
		result = enter(applied, new, culprit);
	}
	free(alike);
	free(stays);
	return result;
}

/* Where nothing is said of zones, they are those of the statements. */
static const struct conf_zones zones = { .guest = false };

int gateway_police(struct gateway_applied *applied, const struct gateway_rules *wanted,
		   size_t *culprit)
{
	struct gateway_sequence old = { applied->ruled, applied->ruled_count, 0 };
	struct gateway_sequence new = { .list = NULL };
	int result = conf_policy(&wanted->conf, &zones, append, &new);

	*culprit = wanted->conf.count;
	if (result < 0) {
		free(new.list);
		return result;
	}
	result = replace(applied, &old, &new, culprit);
	free(old.list);
	applied->ruled = new.list;
	applied->ruled_count = new.count;
	return result;
}

int64_t gateway_rule_of(const struct gateway_applied *applied, uint64_t handle)
{
	for (size_t i = 0; i < applied->ruled_count; i++) {
		if (applied->ruled[i].handle == handle)
			return (int64_t)applied->ruled[i].statement;
	}
	return -ENOENT;
}

void gateway_rule_place(void *user, const struct minato_rule_event *event,
			struct cmd_rule_place *out)
{
	const struct gateway_applied *applied = user;
	int64_t index = gateway_rule_of(applied, event->entry);

	if (index >= 0 && (size_t)index < applied->rules.conf.count)
		out->rule = applied->rules.conf.list[index];
	if (out->rule)
		out->file = conf_file_of(&applied->rules.conf, out->rule->line);
	/* A face is the number of a link. */
	if (event->question.face < applied->links->count)
		snprintf(out->link, sizeof(out->link), "%s",
			 applied->links->list[event->question.face].said.ifname);
}
