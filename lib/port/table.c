/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table as a whole: how it lies in memory, and the look-up.
 *
 *   port_lookup
 *     tuple.c, bucket.c   both ends      step 1
 *     match.c, cell.c     what is left   steps 2 to 4: once over the guards,
 *                                        once over the other general entries
 *     rulematch.c         ... and in step 2 the rules of the policy
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define LINE 64u

static const uint32_t tuple_bytes[2] = { sizeof(struct port_tuple4),
					 sizeof(struct port_tuple6) };
#define LEDGERS ((size_t)PORT_LEDGERS)

/* --- memory -------------------------------------------------------------- */

/* Reserves `bytes` at the end; returns where they begin. */
static size_t reserve(size_t *end, size_t bytes)
{
	size_t at = *end;

	*end += (bytes + LINE - 1) & ~(size_t)(LINE - 1);
	return at;
}

struct layout {
	size_t handles, lines[2], rows[2], backs[2], entries, generations;
	size_t intervals, group_nodes, cells, cell_buckets, shapes, tiers;
	size_t uses, holds, holds_six, ledgers;
	size_t crowds, resting, crowded, parts, part_buckets;
	size_t destinations, destination_buckets, views, rests, end;
	size_t recall;
	struct rules_layout rules;
};

static void lay_out(struct layout *l, const struct port_limits *limits)
{
	const size_t tuples = limits->tuples_max;
	const size_t slots = bucket_slots(limits->tuples_max);
	const size_t entries = limits->entries_max;
	const size_t numbers = PORT_NUMBERS * sizeof(uint32_t);
	size_t end = 0;

	check(tuples > 0 && tuples <= PORT_TUPLES_MAX);
	check(entries > 0 && entries <= PORT_ENTRIES_MAX);
	check(limits->rests_max <= PORT_OWNERS_MAX);
	reserve(&end, sizeof(struct port_table));
	l->handles = reserve(&end, tuples * sizeof(uint32_t));
	for (int six = 0; six < 2; six++) {
		l->lines[six] = reserve(&end, bucket_lines(limits->tuples_max) *
						      LINE);
		l->rows[six] = reserve(&end, slots * tuple_bytes[six]);
		l->backs[six] = reserve(&end, slots * sizeof(uint32_t));
	}
	l->entries = reserve(&end, entries * sizeof(struct port_entry));
	l->generations = reserve(&end, entries * sizeof(uint32_t));
	l->intervals = reserve(&end, 2 * entries * sizeof(struct interval));
	l->group_nodes = reserve(&end, 4 * entries * sizeof(struct interval));
	l->cells = reserve(&end, cell_count_max(limits->entries_max) *
					 sizeof(struct port_cell));
	l->cell_buckets = reserve(&end, cell_bucket_count(limits->entries_max) *
						sizeof(uint32_t));
	l->shapes = reserve(&end, 2 * entries * sizeof(struct port_shape));
	l->tiers = reserve(&end, PORT_SPACES * PORT_MATCHED_SETS *
					 sizeof(struct port_tiers));
	l->uses = reserve(&end, LEDGERS * numbers);
	l->holds = reserve(&end, LEDGERS * numbers);
	l->holds_six = reserve(&end, LEDGERS * numbers);
	l->crowds = reserve(&end, LEDGERS * 2 * PORT_NUMBERS *
					  sizeof(struct port_crowd));
	l->resting = reserve(&end, LEDGERS * 2 * numbers);
	l->crowded = reserve(&end, LEDGERS * 2 * PORT_NUMBERS / 8);
	l->parts = reserve(&end, tuples * sizeof(struct port_part));
	l->part_buckets =
		reserve(&end, crowd_bucket_count(limits->tuples_max) *
				      sizeof(uint32_t));
	l->ledgers = reserve(&end, LEDGERS * sizeof(struct port_ledger));
	l->destinations = reserve(
		&end, PORT_DESTINATIONS * sizeof(struct port_destination));
	l->destination_buckets =
		reserve(&end, PORT_DESTINATIONS * sizeof(uint32_t));
	l->views = reserve(&end, PORT_VIEWS * sizeof(struct port_view));
	l->rests =
		reserve(&end, limits->rests_max * sizeof(struct port_rest));
	l->recall = reserve(&end, recall_bytes(limits));
	ruleset_lay_out(&l->rules, &end, limits->rules_max);
	l->end = end;
}

size_t port_bytes(const struct port_limits *limits)
{
	struct layout layout;

	lay_out(&layout, limits);
	return layout.end;
}

void port_first(const struct port_limits *limits,
		struct minato_range parts[PORT_FIRST_PARTS])
{
	uint32_t line[2], lines[2];
	struct layout l;

	lay_out(&l, limits);
	bucket_first(limits->tuples_max, limits->tuples_first, line, lines);
	*parts++ = (struct minato_range){
		l.handles, limits->tuples_first * sizeof(uint32_t)
	};
	for (uint32_t i = 0; i < 2; i++) {
		const size_t slot = (size_t)line[i] * LINE_LANES;
		const size_t slots = (size_t)lines[i] * LINE_LANES;
		*parts++ = (struct minato_range){
			l.lines[0] + (size_t)line[i] * LINE,
			(size_t)lines[i] * LINE
		};
		*parts++ = (struct minato_range){
			l.rows[0] + slot * tuple_bytes[0],
			slots * tuple_bytes[0]
		};
		*parts++ = (struct minato_range){
			l.backs[0] + slot * sizeof(uint32_t),
			slots * sizeof(uint32_t)
		};
	}
}

static void init_parts(struct port_table *t, const struct layout *l)
{
	t->handles_at = l->handles;
	for (int six = 0; six < 2; six++) {
		t->hash[six].lines_at = l->lines[six];
		t->hash[six].rows_at = l->rows[six];
		t->hash[six].backs_at = l->backs[six];
		t->hash[six].record_bytes = tuple_bytes[six];
	}
	t->generations_at = l->generations;
	t->intervals_at = l->intervals;
	t->group_nodes_at = l->group_nodes;
	t->cell_buckets_at = l->cell_buckets;
	t->tiers_at = l->tiers;
	t->uses_at = l->uses;
	t->holds_at = l->holds;
	t->holds_six_at = l->holds_six;
	t->ledgers_at = l->ledgers;
	t->crowds_at = l->crowds;
	t->resting_at = l->resting;
	t->crowded_at = l->crowded;
	t->part_buckets_at = l->part_buckets;
	t->part_buckets = crowd_bucket_count(t->limits.tuples_max);
	t->destination_buckets_at = l->destination_buckets;
	t->views_at = l->views;
	t->rests_at = l->rests;
	pool_init(&t->destinations, port_part(t, l->destinations),
		  sizeof(struct port_destination), PORT_DESTINATIONS);
	pool_init(&t->entries, port_part(t, l->entries),
		  sizeof(struct port_entry), t->limits.entries_max);
	/* The memory may have served a table before. */
	unpoison(port_part(t, l->intervals),
		 2 * (size_t)t->limits.entries_max * sizeof(struct interval));
	unpoison(port_part(t, l->group_nodes),
		 4 * (size_t)t->limits.entries_max * sizeof(struct interval));
	pool_init(&t->parts, port_part(t, l->parts), sizeof(struct port_part),
		  t->limits.tuples_max);
	pool_init(&t->cells, port_part(t, l->cells), sizeof(struct port_cell),
		  cell_count_max(t->limits.entries_max));
	pool_init(&t->shapes, port_part(t, l->shapes),
		  sizeof(struct port_shape), 2 * t->limits.entries_max);
	cell_init(t);
}

struct port_table *port_init(void *memory, const struct port_limits *limits,
			     const struct hash_key *key)
{
	struct port_table *t = memory;
	struct layout layout;

	check((uintptr_t)memory % LINE == 0);
	lay_out(&layout, limits);
	t->limits = *limits;
	t->key = *key;
	hash_secret_init(&t->secret, key);
	t->hash_mask = UINT64_MAX;
	random_init(&t->random, key, UINT64_C(0x706f7274));
	t->sequence = 0;
	t->walk_key.k[0] = random_next(&t->random);
	t->walk_key.k[1] = random_next(&t->random);
	rfc6056_init(&t->rfc6056, &t->random, key);
	init_parts(t, &layout);
	recall_init(t, layout.recall);
	ruleset_init(t, &layout.rules);
	tuple_init(t);
	for (uint32_t s = 0; s < PORT_SPACES; s++) {
		t->space[s] = (struct port_space){ .opened = false };
		for (uint32_t set = 0; set < PORT_SETS; set++)
			t->space[s].root[set] = POOL_NONE;
	}
	return t;
}

struct interval *port_intervals(const struct port_table *t)
{
	return port_part(t, t->intervals_at);
}

/* --- look-up ------------------------------------------------------------- */

static void translate(const struct port_entry *e, uint16_t port,
		      struct minato_endpoint *target)
{
	*target = e->target;
	if (e->target.port == 0)
		target->port = port;
	else
		target->port = (uint16_t)(e->target.port + (port - e->first));
}

static void report_entry(struct port_table *t, uint32_t entry, uint16_t port,
			 struct port_fate *out)
{
	const struct port_entry *e = entry_at(t, entry);

	out->entry = entry;
	out->kind = (enum minato_kind)e->kind;
	out->user = e->user;
	out->verdict = MINATO_PASS;
	if (e->kind == MINATO_KIND_SOCKET)
		out->owner = e->owner;
	else if (e->kind == MINATO_KIND_FORWARD)
		translate(e, port, &out->target);
	else if (e->kind == MINATO_KIND_GUARD)
		out->verdict = (enum minato_verdict)e->verdict;
	out->behind = e->behind;
}

static const struct port_fate closed = { .kind = MINATO_KIND_CLOSED,
					 .verdict = MINATO_REFUSE,
					 .entry = POOL_NONE,
					 .rule = POOL_NONE };

static void report_exact(struct port_fate *out)
{
	out->exact = true;
	out->kind = MINATO_KIND_SOCKET;
	out->verdict = MINATO_PASS;
	out->owner = out->tuple.owner;
}

/* Step 1, its second half. */
static bool find_association(const struct port_table *t,
			     const struct port_key *key, struct port_fate *out)
{
	uint32_t own = port_space_index(key->scope, port_slot(key->proto));
	struct port_key open;

	if (t->space[own].associations == 0)
		return false;
	open = *key;
	open.local = (struct minato_addr){ { 0 } };
	open.local_port = 0;
	out->association = port_tuple_find(t, &open, &out->tuple, NULL);
	return out->association;
}

void port_lookup(struct port_table *t, const struct port_key *key,
		 struct minato_time now, bool new_flow, struct port_fate *out)
{
	struct port_probe probe = { .key = key };

	port_seek(t, &probe, 1);
	port_lookup_sought(t, &probe, now, new_flow, out);
}

/* Step 2, of rules. False: it is decided. */
static bool pass_rules(struct port_table *t, const struct port_probe *probe,
		       struct minato_time now, struct port_fate *out)
{
	struct rule_verdict v;

	if (t->rules.count == 0)
		return true;
	rulematch_sought(t, probe, now, &v);
	out->asks = v.asks;
	if (v.rule == POOL_NONE)
		return true;
	out->rule = v.rule;
	if (v.verdict == MINATO_PASS)
		return true;
	out->kind = MINATO_KIND_GUARD;
	out->verdict = v.verdict;
	return false;
}

void port_lookup_sought(struct port_table *t, const struct port_probe *probe,
			struct minato_time now, bool new_flow,
			struct port_fate *out)
{
	/* 1 */
	*out = closed;
	if (port_tuple_sought(t, probe, &out->tuple, NULL) &&
	    !out->tuple.rests)
		report_exact(out);
	else
		port_lookup_missed(t, probe, now, new_flow, out);
}

/* Whether a set, mostly that of guards, has entries that the key could meet. */
static bool has_entries(const struct port_table *t, enum port_set set,
			const struct port_key *key)
{
	const uint32_t slot = port_slot(key->proto);
	const uint32_t own = port_space_index(key->scope, slot);
	const uint32_t any = port_space_index(MINATO_SCOPE_ANY, slot);

	return (t->space[own].count[set] | t->space[any].count[set]) != 0;
}

bool port_lookup_closed(const struct port_table *t, const struct port_key *key)
{
	const uint32_t slot = port_slot(key->proto);
	const struct port_space *own =
		&t->space[port_space_index(key->scope, slot)];
	const struct port_space *any =
		&t->space[port_space_index(MINATO_SCOPE_ANY, slot)];

	return (own->associations | own->count[PORT_GUARDS] |
		any->count[PORT_GUARDS] | own->count[PORT_GENERAL] |
		any->count[PORT_GENERAL] | t->rules.count) == 0;
}

/* What it refuses is told, if it is to be. */
static void note_wall(struct port_table *t, const struct port_key *key,
		      struct minato_time now, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);
	const struct rule_verdict v = {
		.rule = POOL_NONE,
		.verdict = (enum minato_verdict)e->verdict,
	};

	if (e->logs && v.verdict != MINATO_PASS)
		rulematch_note(t, key, now, entry, &v);
}

void port_wall_note(struct port_table *t, const struct port_key *key,
		    struct minato_time now)
{
	const struct rule_verdict nobody = {
		.rule = POOL_NONE,
		.verdict = MINATO_REFUSE,
	};
	uint32_t entry = POOL_NONE;

	/* No wall is about a protocol without ports: there is no way for it. */
	if (key->proto == MINATO_PROTO_OTHER) {
		rulematch_note(t, key, now, POOL_NONE, &nobody);
		return;
	}
	if (has_entries(t, PORT_GUARDS, key))
		entry = match_best(t, PORT_GUARDS, key, now);
	if (entry != POOL_NONE)
		note_wall(t, key, now, entry);
}

void port_lookup_missed(struct port_table *t, const struct port_probe *probe,
			struct minato_time now, bool new_flow,
			struct port_fate *out)
{
	const struct port_key *key = probe->key;
	uint32_t entry = POOL_NONE;

	*out = closed;
	if (find_association(t, key, out)) {
		report_exact(out);
		return;
	}
	/* 2 */
	if (new_flow && has_entries(t, PORT_GUARDS, key))
		entry = match_best(t, PORT_GUARDS, key, now);
	if (entry != POOL_NONE && entry_at(t, entry)->verdict == MINATO_PASS) {
		entry_at(t, entry)->hits++;
		entry = POOL_NONE;
	}
	if (entry != POOL_NONE)
		note_wall(t, key, now, entry);
	if (new_flow && entry == POOL_NONE && !pass_rules(t, probe, now, out))
		return;
	/* 3, and 4 as the lowest ranks */
	if (entry == POOL_NONE && has_entries(t, PORT_GENERAL, key))
		entry = match_best(t, PORT_GENERAL, key, now);
	/* 5; what shuts the rest is for new flows, as every guard */
	if (entry == POOL_NONE || (entry_at(t, entry)->behind && !new_flow))
		return;
	if (entry_at(t, entry)->behind)
		out->rule = POOL_NONE; /* which let it pass */
	if (entry_at(t, entry)->reuse_port)
		entry = crew_choose(t, entry, tuple_group_hash(t, probe));
	report_entry(t, entry, key->local_port, out);
}

void port_hit(struct port_table *t, uint32_t entry)
{
	if (entry != POOL_NONE)
		entry_at(t, entry)->hits++;
}
