/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the policy in the host value. All entries of a list of statements are one sequence;
 * what it has in common with the one in force, at both ends, stays as it is, with its orders and
 * its counts. What differs in between goes and comes, with orders between those of its neighbours;
 * where there is no room for them, all orders are given anew.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Orders of a first list end here, so that half of all is left behind them. */
#define ORDER_END (UINT64_C(1) << 62)

struct sequence {
	struct gateway_ruled *list;
	size_t count, room;
};

static int append(void *user, size_t statement, struct minato_entry *entry)
{
	struct sequence *sequence = user;

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

/* In all but their order. */
static bool same(const struct minato_entry *a, const struct minato_entry *b)
{
	return a->verdict == b->verdict && a->scope == b->scope && a->face == b->face &&
	       a->proto == b->proto && a->local_prefix == b->local_prefix &&
	       a->remote_prefix == b->remote_prefix && a->first == b->first && a->last == b->last &&
	       minato_addr_equal(&a->local, &b->local) &&
	       minato_addr_equal(&a->remote, &b->remote) && a->course == b->course &&
	       a->program == b->program && a->rate_count == b->rate_count &&
	       a->rate_span_s == b->rate_span_s && a->rate_each == b->rate_each &&
	       a->rate_verdict == b->rate_verdict && a->log == b->log;
}

/* Entries of one rule stay together: a rule whose entries differ in part differs. */
static bool begins_rule(const struct sequence *s, size_t at)
{
	return at == 0 || at >= s->count || s->list[at].entry.order != s->list[at - 1].entry.order;
}

static size_t common_head(const struct sequence *a, const struct sequence *b)
{
	size_t count = 0;

	while (count < a->count && count < b->count &&
	       same(&a->list[count].entry, &b->list[count].entry))
		count++;
	while (count > 0 && (!begins_rule(a, count) || !begins_rule(b, count)))
		count--;
	return count;
}

static size_t common_tail(const struct sequence *a, const struct sequence *b, size_t head)
{
	size_t count = 0;

	while (count + head < a->count && count + head < b->count &&
	       same(&a->list[a->count - count - 1].entry, &b->list[b->count - count - 1].entry))
		count++;
	while (count > 0 &&
	       (!begins_rule(a, a->count - count) || !begins_rule(b, b->count - count)))
		count--;
	return count;
}

/* Orders for what stands between two; false: there is no room. */
static bool set_orders(struct sequence *s, size_t from, size_t to, uint64_t low, uint64_t high)
{
	uint64_t rules = 0;
	uint64_t gap, order;

	for (size_t i = from; i < to; i++)
		rules += i == from || begins_rule(s, i);
	gap = (high - low) / (rules + 1);
	if (gap == 0)
		return false;
	order = low;
	/* The numbers by which conf_policy counts rules tell them apart until they are replaced. */
	for (size_t i = from; i < to;) {
		uint64_t rule = s->list[i].entry.order;

		order += gap;
		while (i < to && s->list[i].entry.order == rule)
			s->list[i++].entry.order = order;
	}
	return true;
}

/* On failure what did not come is taken out of the sequence. */
static int enter(struct gateway_applied *applied, struct sequence *s, size_t from, size_t to,
		 size_t *culprit)
{
	for (size_t i = from; i < to; i++) {
		struct gateway_ruled *one = &s->list[i];
		int result;

		one->entry.user = GATEWAY_WORD_RULE;
		result = minato_entry_add(applied->host, &one->entry, &one->handle);
		if (result == 0)
			continue;
		one->handle = 0;
		/* A prefix that stands in a set twice. */
		if (result == -EADDRINUSE)
			continue;
		*culprit = one->statement;
		memmove(&s->list[i], &s->list[to], (s->count - to) * sizeof(s->list[0]));
		s->count -= to - i;
		return result;
	}
	return 0;
}

static void leave(struct gateway_applied *applied, const struct sequence *s, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (s->list[i].handle)
			(void)minato_entry_remove(applied->host, s->list[i].handle);
	}
}

/* `from` on, of both; `tail` of them stay. */
static int replace(struct gateway_applied *applied, struct sequence *old, struct sequence *new,
		   size_t head, size_t tail, size_t *culprit)
{
	uint64_t low = head ? old->list[head - 1].entry.order : 0;
	uint64_t high = tail ? old->list[old->count - tail].entry.order : ORDER_END;

	if (!set_orders(new, head, new->count - tail, low, high)) {
		head = tail = 0;
		(void)set_orders(new, 0, new->count, 0, ORDER_END);
	}
	for (size_t i = 0; i < head; i++) {
		new->list[i].entry = old->list[i].entry;
		new->list[i].handle = old->list[i].handle;
	}
	for (size_t i = 1; i <= tail; i++) {
		new->list[new->count - i].entry = old->list[old->count - i].entry;
		new->list[new->count - i].handle = old->list[old->count - i].handle;
	}
	leave(applied, old, head, old->count - tail);
	return enter(applied, new, head, new->count - tail, culprit);
}

/* Where nothing is said of zones, they are those of the statements. */
static const struct conf_zones zones = { .guest = false };

int gateway_police(struct gateway_applied *applied, const struct gateway_rules *wanted,
		   size_t *culprit)
{
	struct sequence old = { applied->ruled, applied->ruled_count, 0 };
	struct sequence new = { .list = NULL };
	int result = conf_policy(&wanted->conf, &zones, append, &new);
	size_t head, tail;

	*culprit = wanted->conf.count;
	if (result < 0) {
		free(new.list);
		return result;
	}
	head = common_head(&old, &new);
	tail = common_tail(&old, &new, head);
	result = replace(applied, &old, &new, head, tail, culprit);
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
