/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where prefixes of many lengths lie in each other on both sides, a flow may
 * meet a group for each pair of lengths: a thousand of IPv4. What it meets
 * depends on three things alone: on each side the longest prefix that its
 * address may be in, and between which edges of rules its port lies. All flows
 * of which these are equal cross the rules at the same place, and there the
 * answer of the first one is noted for the others.
 *
 * Sixteen places a rule are remembered, 65,536 at most; of one that made way
 * for another all pairs are asked about again. Any change of rules makes all
 * void.
 */
#include "port/port.h"

#include <string.h>

#include "base/bits.h"
#include "minato/guard.h"

#define PAIRS_MIN 32u /* fewer are asked about each time */
#define PLACES_MAX 65536u
#define PLACES_NEAR 4u /* where one is noted */

size_t rulecross_count(uint32_t rules_max)
{
	size_t count = 64;

	while (count < 16 * (size_t)rules_max && count < PLACES_MAX)
		count *= 2;
	return count;
}

/* --- edges --------------------------------------------------------------- */

static void set_edge(struct port_rules *r, uint32_t port)
{
	r->edge[port / 64] |= UINT64_C(1) << port % 64;
	r->edge_words[port / 4096] |= UINT64_C(1) << port / 64 % 64;
}

void rulecross_edges(struct port_table *t, uint16_t first, uint16_t last)
{
	set_edge(&t->rules, first);
	if (last < PORT_NUMBERS - 1)
		set_edge(&t->rules, last + 1u);
}

void rulecross_forget_edges(struct port_table *t)
{
	memset(t->rules.edge, 0, sizeof(t->rules.edge));
	memset(t->rules.edge_words, 0, sizeof(t->rules.edge_words));
}

/* The last bit of the word at or below it; UINT32_MAX: there is none. */
static uint32_t last_bit(uint64_t word, uint32_t bit)
{
	word &= UINT64_MAX >> (63 - bit);
	return word == 0 ? UINT32_MAX : 63 - (uint32_t)__builtin_clzll(word);
}

/* The last edge at or below the port: 0 where there is none. */
static uint16_t edge_below(const struct port_rules *r, uint16_t port)
{
	uint32_t word = port / 64u, part = word / 64u;
	uint32_t bit = last_bit(r->edge[word], port % 64u);

	if (bit != UINT32_MAX)
		return (uint16_t)(word * 64 + bit);
	bit = word % 64 == 0 ? UINT32_MAX :
			       last_bit(r->edge_words[part], word % 64 - 1);
	while (bit == UINT32_MAX && part-- > 0)
		bit = last_bit(r->edge_words[part], 63);
	if (bit == UINT32_MAX)
		return 0;
	word = part * 64 + bit;
	return (uint16_t)(word * 64 + last_bit(r->edge[word], 63));
}

/* --- places -------------------------------------------------------------- */

static uint32_t lengths(const uint64_t has[3])
{
	return bits_count(has[0]) + bits_count(has[1]) + bits_count(has[2]);
}

static uint8_t longest(const uint64_t has[3])
{
	uint32_t word = 2;

	while (word > 0 && has[word] == 0)
		word--;
	return has[word] == 0 ? 0 :
				(uint8_t)(64 * word + last_bit(has[word], 63));
}

static struct rule_crossing *places_of(const struct port_table *t,
				       const struct rule_crossing *c)
{
	struct rule_crossing *places = port_part(t, t->rules.crossings_at);
	const uint64_t about = c->scope ^ (uint64_t)c->face << 3 ^
			       (uint64_t)c->slot << 8 ^
			       (uint64_t)c->course << 10;
	const uint64_t word[5] = { c->local.high, c->local.low, c->remote.high,
				   c->remote.low,
				   about << 48 | (uint64_t)c->program << 32 |
					   (uint32_t)c->port << 16 |
					   (uint32_t)c->local_prefix << 8 |
					   c->remote_prefix };

	return &places[hash_five(&t->secret, word) & t->rules.crossings &
		       ~(PLACES_NEAR - 1)];
}

static bool is_same(const struct rule_crossing *a,
		    const struct rule_crossing *b)
{
	return a->changes == b->changes && a->local.high == b->local.high &&
	       a->local.low == b->local.low &&
	       a->remote.high == b->remote.high &&
	       a->remote.low == b->remote.low && a->port == b->port &&
	       a->program == b->program && a->local_prefix == b->local_prefix &&
	       a->remote_prefix == b->remote_prefix && a->scope == b->scope &&
	       a->face == b->face && a->slot == b->slot &&
	       a->course == b->course;
}

/* NULL: it is not there. */
static const struct rule_crossing *find(const struct port_table *t,
					const struct rule_crossing *c)
{
	const struct rule_crossing *near = places_of(t, c);

	for (uint32_t i = 0; i < PLACES_NEAR; i++) {
		if (is_same(&near[i], c))
			return &near[i];
	}
	return NULL;
}

/* One that is void, or the next in turn. */
static struct rule_crossing *make_room(struct port_table *t,
				       const struct rule_crossing *c)
{
	struct rule_crossing *near = places_of(t, c);

	for (uint32_t i = 0; i < PLACES_NEAR; i++) {
		if (near[i].changes != c->changes)
			return &near[i];
	}
	return &near[t->rules.crossing_turn++ % PLACES_NEAR];
}

static struct rule_crossing crossing_of(const struct rule_asking *a,
					bool programs)
{
	const uint8_t local = longest(a->has[0]), remote = longest(a->has[1]);

	return (struct rule_crossing){
		.local = ruleset_cut(a->word[0], local),
		.remote = ruleset_cut(a->word[1], remote),
		.changes = a->t->rules.changes,
		.port = edge_below(&a->t->rules, a->port),
		.program = programs ? a->key->program : MINATO_PROGRAM_NONE,
		.local_prefix = local,
		.remote_prefix = remote,
		.scope = a->key->scope,
		.face = a->key->face,
		.slot = (uint8_t)rule_slot(a->key->proto),
		.course = a->key->course,
	};
}

bool rulecross_known(struct rule_asking *a, bool programs)
{
	const struct rule_crossing *place;
	struct rule_crossing c;

	a->crosses = lengths(a->has[0]) * lengths(a->has[1]) >= PAIRS_MIN;
	if (!a->crosses)
		return false;
	c = crossing_of(a, programs);
	place = find(a->t, &c);
	if (place == NULL)
		return false;
	a->crosses = false;
	a->order = place->order;
	a->rule = place->rule;
	a->t->rules.crossed++;
	return true;
}

void rulecross_note(struct rule_asking *a, bool programs)
{
	struct rule_crossing c;

	if (!a->crosses)
		return;
	c = crossing_of(a, programs);
	c.order = a->order;
	c.rule = a->rule;
	*make_room(a->t, &c) = c;
}
