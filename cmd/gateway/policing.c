/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the policy in the host value. All entries of a list of statements are one sequence;
 * a rule that the one in force has too keeps its entries, with their counts and what is left of
 * their rates, wherever it stands now (alike.c). The longest run of those in the same order keeps
 * its orders; the rest get orders between those of its neighbours, and where there is no room for
 * them, all orders are given anew.
 *
 *   begin: what is new is made in the next policy, of which no packet meets anything
 *   turn:  few changes are made at once, where nobody looks; else all stands in the next policy
 *          with what stays, and the two change places
 *   end:   what has become of no use is taken away
 *
 * Begin and end may take long, and breathe.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "minato/guard.h"

/* So many entries change in one step as they are; it is a fraction of a millisecond. */
#define STEP_MAX 256u
/* Orders of a first list end here, so that half of all is left behind them. */
#define ORDER_END (UINT64_C(1) << 62)

/* Counted first: to move a long list takes long. */
static int count_entry(void *user, size_t statement, struct minato_entry *entry)
{
	struct gateway_sequence *sequence = user;

	(void)statement;
	(void)entry;
	sequence->room++;
	gateway_breathe();
	return 0;
}

static int append(void *user, size_t statement, struct minato_entry *entry)
{
	struct gateway_sequence *sequence = user;

	sequence->list[sequence->count++] = (struct gateway_ruled){ *entry, 0, statement, 0 };
	gateway_breathe();
	return 0;
}

/* Where nothing is said of zones, they are those of the statements. */
static const struct conf_zones zones = { .guest = false };

static uint32_t mark_of(const char *name)
{
	uint32_t mark = 0x811c9dc5u;

	for (; *name; name++)
		mark = (mark ^ (uint8_t)*name) * 0x01000193u;
	return mark;
}

static int gather(const struct conf *conf, struct gateway_sequence *sequence)
{
	int result = conf_policy(conf, &zones, count_entry, sequence);

	if (result < 0)
		return result;
	sequence->list = malloc((sequence->room + 1) * sizeof(sequence->list[0]));
	result = sequence->list ? conf_policy(conf, &zones, append, sequence) : -ENOMEM;
	for (size_t i = 0; i < sequence->count && result == 0; i++, gateway_breathe()) {
		if (sequence->list[i].statement < conf->count)
			sequence->list[i].mark =
				mark_of(conf->list[sequence->list[i].statement]->name);
	}
	return result;
}

/* Where the rule that begins at `from` ends. */
static size_t rule_end(const struct gateway_sequence *s, size_t from)
{
	size_t to = from + 1;

	while (to < s->count && s->list[to].entry.order == s->list[from].entry.order)
		to++;
	return to;
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
	for (size_t i = from; gap && i < to; gateway_breathe()) {
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

/* ---- how much changes ---- */

static bool is_new(const struct gateway_policing *policing, size_t i)
{
	return policing->alike[i] == SIZE_MAX;
}

/* It is new, or gets another order. */
static bool is_moved(const struct gateway_policing *policing, size_t i)
{
	return is_new(policing, i) || policing->old.list[policing->alike[i]].entry.order !=
					      policing->new.list[i].entry.order;
}

/* Entries that come, go, or get another order. */
static size_t changes_of(const struct gateway_policing *policing)
{
	size_t kept = 0;
	size_t changes = 0;

	for (size_t i = 0; i < policing->new.count; i++) {
		kept += !is_new(policing, i);
		changes += is_moved(policing, i);
	}
	return changes + policing->old.count - kept;
}

/* ---- ready ---- */

/* What is new in the next policy, and with `whole` all. */
static int stage(struct gateway_policing *policing, struct gateway_applied *applied,
		 size_t *culprit)
{
	int result = 0;

	for (size_t i = 0; i < policing->new.count &&result == 0; i++, gateway_breathe()) {
		struct gateway_ruled *one = &policing->new.list[i];

		one->entry.user = GATEWAY_WORD_RULE;
		if (is_new(policing, i)) {
			one->entry.next = true;
			result = minato_entry_add(applied->host, &one->entry, &one->handle);
			one->entry.next = false;
		} else {
			one->handle = policing->old.list[policing->alike[i]].handle;
			if (policing->whole)
				result = minato_rule_next(applied->host, one->handle,
							  one->entry.order);
		}
		if (result < 0)
			*culprit = one->statement;
	}
	return result;
}

static int plan(struct gateway_policing *policing)
{
	size_t count = policing->new.count;
	bool *stays = calloc(count + 1, sizeof(stays[0]));
	int result;

	policing->alike = calloc(count + 1, sizeof(policing->alike[0]));
	result = stays && policing->alike ?
			 gateway_alike(&policing->old, &policing->new, policing->alike, stays) :
			 -ENOMEM;
	if (result == 0)
		policing->whole =
			!order_between(&policing->old, &policing->new, policing->alike, stays) ||
			changes_of(policing) > STEP_MAX;
	if (result == 0 && policing->whole)
		(void)set_orders(&policing->new, 0, count, 0, ORDER_END);
	free(stays);
	return result;
}

int gateway_police_begin(struct gateway_policing *policing, struct gateway_applied *applied,
			 const struct gateway_rules *wanted, size_t *culprit)
{
	int result;

	*policing = (struct gateway_policing){
		.old = { applied->ruled, applied->ruled_count, 0 },
	};
	*culprit = wanted->conf.count;
	result = gather(&wanted->conf, &policing->new);
	if (result == 0)
		result = plan(policing);
	if (result == 0)
		result = stage(policing, applied, culprit);
	if (result < 0)
		gateway_police_end(policing, applied);
	return result;
}

/* ---- in force ---- */

/* What leaves the next policy has room in the one in force. */
static void bring(struct gateway_policing *policing, struct gateway_applied *applied)
{
	for (size_t i = 0; i < policing->new.count; i++) {
		const struct gateway_ruled *one = &policing->new.list[i];
		bool fresh = is_new(policing, i);

		if (!is_moved(policing, i))
			continue;
		if (fresh)
			(void)minato_rule_next(applied->host, one->handle, 0);
		(void)minato_rule_order(applied->host, one->handle, one->entry.order);
	}
}

/* Of the old ones those that are no new ones have a handle still. */
static void forget_kept(struct gateway_policing *policing)
{
	for (size_t i = 0; i < policing->new.count; i++) {
		if (!is_new(policing, i))
			policing->old.list[policing->alike[i]].handle = 0;
	}
}

static void leave(struct gateway_applied *applied, const struct gateway_sequence *s)
{
	for (size_t i = 0; i < s->count; i++, gateway_breathe()) {
		if (s->list[i].handle)
			(void)minato_entry_remove(applied->host, s->list[i].handle);
	}
}

void gateway_police_turn(struct gateway_policing *policing, struct gateway_applied *applied)
{
	if (policing->whole) {
		minato_rules_turn(applied->host);
	} else {
		/* They are few. */
		bring(policing, applied);
		forget_kept(policing);
		leave(applied, &policing->old);
	}
	applied->ruled = policing->new.list;
	applied->ruled_count = policing->new.count;
	policing->turned = true;
}

/* ---- after it ---- */

/* No turn has been: what is new goes, and what stays is in force alone. */
static void take_back(struct gateway_policing *policing, struct gateway_applied *applied)
{
	for (size_t i = 0; policing->alike && i < policing->new.count; i++, gateway_breathe()) {
		uint64_t handle = policing->new.list[i].handle;

		if (handle && is_new(policing, i))
			(void)minato_entry_remove(applied->host, handle);
		else if (handle)
			(void)minato_rule_next(applied->host, handle, 0);
	}
	free(policing->new.list);
}

/* What was in force before the turn stands in the next policy now. */
static void clear(struct gateway_policing *policing, struct gateway_applied *applied)
{
	for (size_t i = 0; policing->whole && i < policing->new.count; i++, gateway_breathe()) {
		const struct gateway_ruled *old;

		if (is_new(policing, i))
			continue;
		old = &policing->old.list[policing->alike[i]];
		(void)minato_rule_next(applied->host, old->handle, 0);
	}
	if (policing->whole) {
		forget_kept(policing);
		leave(applied, &policing->old);
	}
	free(policing->old.list);
}

void gateway_police_end(struct gateway_policing *policing, struct gateway_applied *applied)
{
	if (policing->turned)
		clear(policing, applied);
	else
		take_back(policing, applied);
	free(policing->alike);
	*policing = (struct gateway_policing){ .whole = false };
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

	/* No rule's: there is no way for it here. */
	out->unsaid = event->entry == 0;
	if (index >= 0 && (size_t)index < applied->rules.conf.count)
		out->rule = applied->rules.conf.list[index];
	if (out->rule)
		out->file = conf_file_of(&applied->rules.conf, out->rule->line);
	/* A face is the number of a link. */
	if (event->question.face < applied->links->count)
		snprintf(out->link, sizeof(out->link), "%s",
			 applied->links->list[event->question.face].said.ifname);
}
