/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which rules of one sequence another one has too, by all but their places: each is found by a hash
 * of its entries, first with its name, then, for one that was renamed, without. Of those that both
 * have the longest run in the same order can stay where it is (an increasing subsequence, by
 * patience sorting); so all takes n log n steps.
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* All entries of one order. */
struct rule {
	uint64_t hash;
	uint32_t mark;	 /* of its name */
	size_t from, to; /* entries */
	size_t other;	 /* of the new one: the old one that is alike; SIZE_MAX: none */
	bool taken;	 /* of the old one: it is some new one's */
	size_t skip;	 /* of the first old one of its hash: so many of them are taken */
};

/* So that what is sorted is small, and lies together. */
struct place {
	uint64_t hash;
	size_t rule;
};

struct rules {
	const struct gateway_sequence *sequence;
	struct rule *list;
	struct place *places; /* by hash, and then in their order */
	size_t count;
};

/* ---- one rule ---- */

static uint64_t add_word(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * HASH_PRIME;
	return hash ^ hash >> 29;
}

static uint64_t add_addr(uint64_t hash, const struct minato_addr *addr)
{
	uint64_t words[2];

	memcpy(words, addr, sizeof(words));
	return add_word(add_word(hash, words[0]), words[1]);
}

/* Of what tells rules apart most; the rest is compared. */
static uint64_t add_entry(uint64_t hash, const struct minato_entry *e)
{
	hash = add_word(hash, (uint64_t)e->verdict << 32 | (uint64_t)e->first << 16 | e->last);
	hash = add_word(hash, (uint64_t)e->proto << 24 | (uint64_t)e->course << 16 |
				      (uint64_t)e->local_prefix << 8 | e->remote_prefix);
	hash = add_word(hash, (uint64_t)e->scope << 32 | (uint64_t)e->face << 16 | e->program);
	hash = add_word(hash, (uint64_t)e->rate_count << 32 | e->rate_span_s);
	return add_addr(add_addr(hash, &e->local), &e->remote);
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

static bool same_rule(const struct rules *old, const struct rule *a, const struct rules *new,
		      const struct rule *b)
{
	if (a->to - a->from != b->to - b->from)
		return false;
	for (size_t i = 0; i < a->to - a->from; i++) {
		if (!same(&old->sequence->list[a->from + i].entry,
			  &new->sequence->list[b->from + i].entry))
			return false;
	}
	return true;
}

static int cut(struct rules *rules, const struct gateway_sequence *sequence)
{
	*rules = (struct rules){ sequence, NULL, NULL, 0 };
	rules->list = calloc(sequence->count + 1, sizeof(rules->list[0]));
	rules->places = calloc(sequence->count + 1, sizeof(rules->places[0]));
	if (!rules->list || !rules->places)
		return -ENOMEM;
	for (size_t i = 0; i < sequence->count; i++) {
		const struct minato_entry *entry = &sequence->list[i].entry;

		gateway_breathe();
		if (i == 0 || entry->order != sequence->list[i - 1].entry.order)
			rules->list[rules->count++] =
				(struct rule){ HASH_START, sequence->list[i].mark,
					       i,	   i,
					       SIZE_MAX,   false,
					       0 };
		rules->list[rules->count - 1].to = i + 1;
		rules->list[rules->count - 1].hash =
			add_entry(rules->list[rules->count - 1].hash, entry);
	}
	return 0;
}

/* ---- which is which ---- */

static int by_hash(const void *a, const void *b)
{
	const struct place *x = a;
	const struct place *y = b;

	gateway_breathe();
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static uint64_t hash_of(const struct rule *one, bool named)
{
	return named ? add_word(one->hash, one->mark) : one->hash;
}

static void sort(struct rules *rules, bool named)
{
	for (size_t i = 0; i < rules->count; i++, gateway_breathe()) {
		rules->places[i] = (struct place){ hash_of(&rules->list[i], named), i };
		rules->list[i].skip = 0;
	}
	qsort(rules->places, rules->count, sizeof(rules->places[0]), by_hash);
}

/* The first of this hash among the sorted. */
static size_t first_of(const struct rules *sorted, uint64_t hash)
{
	size_t low = 0;
	size_t high = sorted->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted->places[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The first alike that is nobody's yet. */
static void find_other(struct rules *sorted, const struct rules *new, struct rule *one, bool named)
{
	const uint64_t hash = hash_of(one, named);
	size_t first = first_of(sorted, hash);
	size_t *skip = first < sorted->count ? &sorted->list[sorted->places[first].rule].skip :
					       NULL;

	for (size_t i = first + (skip ? *skip : 0); i < sorted->count; i++) {
		struct rule *other = &sorted->list[sorted->places[i].rule];
		bool next = i == first + *skip;

		if (sorted->places[i].hash != hash)
			return;
		*skip += other->taken && next;
		if (other->taken || !same_rule(sorted, other, new, one))
			continue;
		other->taken = true;
		one->other = other->from;
		*skip += next;
		return;
	}
}

static void match(struct rules *sorted, struct rules *new, bool named)
{
	bool all = true;

	for (size_t i = 0; i < new->count; i++, gateway_breathe())
		all &= new->list[i].other != SIZE_MAX;
	if (all)
		return;
	sort(sorted, named);
	for (size_t i = 0; i < new->count; i++, gateway_breathe()) {
		if (new->list[i].other == SIZE_MAX)
			find_other(sorted, new, &new->list[i], named);
	}
}

/* ---- which may stay ---- */

/* How long the longest run is that `other` goes on; ends[n]: the last of one of n + 1. */
static size_t seat(const struct rules *new, const size_t *ends, size_t count, size_t other)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;

		if (new->list[ends[middle]].other < other)
			low = middle + 1;
		else
			count = middle;
	}
	return low;
}

/* `ends` and `before` have a place for each rule. */
static void choose(const struct rules *new, size_t *ends, size_t *before, bool *stays)
{
	size_t longest = 0;

	for (size_t i = 0; i < new->count; i++) {
		size_t at;

		gateway_breathe();
		if (new->list[i].other == SIZE_MAX)
			continue;
		at = seat(new, ends, longest, new->list[i].other);
		before[i] = at ? ends[at - 1] : SIZE_MAX;
		ends[at] = i;
		longest += at == longest;
	}
	for (size_t i = longest ? ends[longest - 1] : SIZE_MAX; i != SIZE_MAX; i = before[i]) {
		for (size_t k = new->list[i].from; k < new->list[i].to; k++)
			stays[k] = true;
	}
}

static void note(const struct rules *new, size_t *alike)
{
	for (size_t i = 0; i < new->count; i++, gateway_breathe()) {
		const struct rule *one = &new->list[i];

		for (size_t k = one->from; k < one->to; k++)
			alike[k] = one->other == SIZE_MAX ? SIZE_MAX : one->other + (k - one->from);
	}
}

int gateway_alike(const struct gateway_sequence *old, const struct gateway_sequence *new,
		  size_t *alike, bool *stays)
{
	struct rules sorted, wanted;
	int result = cut(&sorted, old);
	int other = cut(&wanted, new);
	size_t *ends = calloc(wanted.count + 1, sizeof(ends[0]));
	size_t *before = calloc(wanted.count + 1, sizeof(before[0]));

	if (result < 0 || other < 0 || !ends || !before) {
		result = -ENOMEM;
	} else {
		match(&sorted, &wanted, true);
		match(&sorted, &wanted, false);
		choose(&wanted, ends, before, stays);
		note(&wanted, alike);
	}
	free(sorted.list);
	free(sorted.places);
	free(wanted.list);
	free(wanted.places);
	free(ends);
	free(before);
	return result;
}
