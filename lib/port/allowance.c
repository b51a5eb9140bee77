/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rates of rules: so many flows in so many seconds, as many of them at once as
 * there are. What is kept is one instant, when the allowance would be spent if
 * time gave nothing back: each flow moves it on by its share of the span, and a
 * flow that would move it beyond a whole span from now is too much.
 *
 * Of a rate for each source there is one for each that owes something, in sets
 * of four. An allowance that owes nothing any more is as none, and its place is
 * free. Where all four of a set owe, a newcomer takes over the place *and the
 * debt* of the one of his rule that owes least: who lost his place so comes
 * back to no less than he owed, so that nobody gains by crowding others out;
 * and a newcomer finds the least that is owed, not nothing at all. Where none
 * of the four is of his rule, he shares one allowance with all such.
 */
#include "port/port.h"

#include "base/check.h"

#define NS_IN_S UINT64_C(1000000000)
#define WAYS 4u
#define ALLOWANCES_MAX 65536u
#define RULE_BITS 24u

_Static_assert(PORT_RULES_MAX == 1u << RULE_BITS, "a rule beside its hash");

size_t allowance_count(uint32_t rules_max)
{
	size_t count = 1024;

	while (count < 16 * (size_t)rules_max && count < ALLOWANCES_MAX)
		count *= 2;
	return count;
}

/* Of an IPv6 source its /64. */
static uint64_t owner_of(const struct port_table *t, uint32_t number,
			 const struct minato_addr *source, uint32_t *set)
{
	const struct rule_words w = ruleset_cut(
		ruleset_words(source), minato_addr_is4(source) ? 128 : 64);
	const uint64_t word[5] = { w.high, w.low, number,
				   ruleset_rule(t, number)->generation, 0 };
	const uint64_t hash = hash_five(&t->secret, word);

	*set = (uint32_t)(hash >> 8) & (t->rules.allowances / WAYS - 1);
	return hash << RULE_BITS | number;
}

static bool is_of_rule(const struct allowance *a, uint32_t number)
{
	return (a->owner & (PORT_RULES_MAX - 1)) == number;
}

/* The place of an owner; whether it is another's yet is in `owner`. */
static struct allowance *find(struct port_table *t, uint32_t set,
			      uint64_t owner, uint64_t now)
{
	struct allowance *a = port_part(t, t->rules.allowances_at);
	const uint32_t number = (uint32_t)owner & (PORT_RULES_MAX - 1);
	struct allowance *spare = NULL, *least = NULL;

	a += set * WAYS;
	for (uint32_t i = 0; i < WAYS; i++) {
		if (a[i].owner == owner)
			return &a[i];
		if (a[i].full_ns <= now)
			spare = &a[i];
		else if (is_of_rule(&a[i], number) &&
			 (least == NULL || a[i].full_ns < least->full_ns))
			least = &a[i];
	}
	return spare != NULL ? spare : least;
}

/* The instant that a source's flows move. */
static uint64_t *of_source(struct port_table *t, uint32_t number,
			   const struct minato_addr *source, uint64_t now,
			   bool peek)
{
	uint32_t set;
	const uint64_t owner = owner_of(t, number, source, &set);
	struct allowance *a = find(t, set, owner, now);

	if (a == NULL) {
		t->rules.shared += !peek;
		return &ruleset_rule(t, number)->full_ns;
	}
	if (!peek && a->owner != owner) {
		t->rules.shared += a->full_ns > now;
		a->owner = owner;
	}
	return &a->full_ns;
}

bool allowance_take(struct port_table *t, uint32_t number,
		    const struct minato_addr *source, struct minato_time now,
		    bool peek)
{
	struct port_rule *rule = ruleset_rule(t, number);
	const uint64_t at = now.ns > 0 ? (uint64_t)now.ns : 0;
	const uint64_t span = rule->rate_span_s * NS_IN_S;
	const uint64_t share = span / rule->rate_count;
	uint64_t *full = rule->rate_each ?
				 of_source(t, number, source, at, peek) :
				 &rule->full_ns;
	const uint64_t begin = *full > at ? *full : at;

	if (begin - at + share > span)
		return false;
	if (!peek)
		*full = begin + share;
	return true;
}

void allowance_forget(struct port_table *t, uint32_t number)
{
	struct allowance *a = port_part(t, t->rules.allowances_at);

	for (uint32_t i = 0; i < t->rules.allowances; i++) {
		if (a[i].owner != 0 && is_of_rule(&a[i], number))
			a[i] = (struct allowance){ 0 };
	}
}
