/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which general entry a packet meets: the list at the head of port.h in a
 * number of steps that does not grow with the number of entries.
 *
 *   tier    how specific the local address is, and of which form: an entry of a
 *           higher tier goes before all of a lower one
 *   shape   the rest of an entry's form: the length of its remote prefix, with
 *           a face or without, and the size of its block of ports
 *   group   what is equal in all that a shape compares, under a keyed hash
 *
 *   for each tier that has entries, from the most specific one
 *       unless it has but one shape: is the local prefix there at all?
 *       for each shape of the tier
 *           find the group of the packet's addresses, cut to the shape's
 *           lengths, of its face and of its port's block
 *           the best entry of the group that has the port
 *       the best of these, if there is one
 *
 * The forms that there can be bound the steps: 34 tiers of IPv4 and 130 of
 * IPv6, shapes of as many lengths; who writes rules uses a handful.
 *
 * A range belongs to the smallest block of 2^level ports, aligned, that holds
 * all of it. Its two ends lie in different halves of that block, so that of
 * two comparisons one suffices: a port of the lower half is in each range that
 * begins at or before it, one of the upper half in each that ends at or behind
 * it. A group of ranges stands in two trees, by their beginnings and by their
 * ends, and each node knows the greatest weight below it: the narrowest range
 * is found in as many steps as the tree is high. A single port is a block of
 * level 0, any port one of level 16; each port lies in 17 blocks.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define LEVEL_SINGLE 0u
#define SEQUENCE_BITS 47u /* beside the 17 of a width, in a weight */

_Static_assert(TIER_OF_PREFIX(128) + 1 == PORT_TIERS, "one for each form");

/* --- forms --------------------------------------------------------------- */

uint32_t match_tier(const struct port_entry *e)
{
	if (entry_is_default(e))
		return TIER_DEFAULT((uint32_t)e->local_prefix);
	if (e->local_prefix == 0)
		return e->v6_only ? TIER_ANY_V6ONLY : TIER_ANY;
	return TIER_OF_PREFIX((uint32_t)e->local_prefix);
}

uint32_t match_tier_prefix(uint32_t tier)
{
	if (tier > TIER_ANY_V6ONLY)
		return tier - TIER_OF_PREFIX(0);
	return tier < TIER_ANY ? tier - TIER_DEFAULT(0) : 0;
}

bool match_reaches(const struct port_entry *e, bool six)
{
	static const struct minato_addr any4 = { { [10] = 0xff, [11] = 0xff } };

	if (six) /* as many of a short prefix are */
		return e->local_prefix < 96 || !minato_addr_is4(&e->local);
	if (e->local_prefix >= 96)
		return minato_addr_is4(&e->local);
	return !e->v6_only && addr_in_prefix(&any4, &e->local, e->local_prefix);
}

/* The smallest block that holds the ports is of 2^level. */
static uint8_t level_of(const struct port_entry *e)
{
	const uint32_t differ = (uint32_t)e->first ^ e->last;

	return differ == 0 ? 0 : (uint8_t)(32 - __builtin_clz(differ));
}

static uint64_t weight_of(const struct port_entry *e)
{
	const uint64_t width = (uint64_t)e->last - e->first + 1;

	check(e->sequence >> SEQUENCE_BITS == 0);
	return (PORT_NUMBERS - width + 1) << SEQUENCE_BITS |
	       (((UINT64_C(1) << SEQUENCE_BITS) - 1) - e->sequence);
}

static struct port_tiers *tiers_of(const struct port_table *t, uint32_t space,
				   enum port_set set)
{
	struct port_tiers *tiers = port_part(t, t->tiers_at);

	check(space < PORT_SPACES && set < PORT_MATCHED_SETS);
	return &tiers[space * PORT_MATCHED_SETS + set];
}

static struct interval *nodes_of(const struct port_table *t)
{
	return port_part(t, t->group_nodes_at);
}

static uint32_t node_of(uint32_t entry, uint32_t link, uint32_t tree)
{
	return 4 * entry + 2 * link + tree;
}

struct interval *match_nodes(const struct port_table *t, uint32_t entry)
{
	return &nodes_of(t)[node_of(entry, 0, 0)];
}

void match_tiers(const struct port_table *t, uint32_t space, bool six,
		 uint64_t *tiers)
{
	memcpy(tiers, tiers_of(t, space, PORT_GENERAL)->here[six],
	       PORT_TIER_WORDS * sizeof(uint64_t));
}

/* --- keys of cells ------------------------------------------------------- */

static struct cell_key local_key(uint32_t space, enum port_set set,
				 uint32_t tier, const struct minato_addr *local)
{
	return (struct cell_key){
		.what = {
			.kind = CELL_LOCAL,
			.space = (uint8_t)space,
			.set = (uint8_t)set,
			.tier = (uint16_t)tier,
			.local = *local,
		},
	};
}

static struct cell_key group_key(uint32_t space, enum port_set set,
				 const struct port_entry *e)
{
	const uint8_t level = level_of(e);

	return (struct cell_key){
		.what = {
			.kind = CELL_GROUP,
			.space = (uint8_t)space,
			.set = (uint8_t)set,
			.tier = (uint16_t)match_tier(e),
			.local = e->local,
			.remote_prefix = e->remote_prefix,
			.faced = e->face != MINATO_FACE_ANY,
			.face = e->face,
			.level = level,
			.block = (uint16_t)((uint32_t)e->first >> level),
			/* Rights of two users are two. */
			.uid = e->kind == MINATO_KIND_RIGHT ? e->uid : 0,
		},
		.remote = e->remote,
	};
}

/* --- shapes -------------------------------------------------------------- */

static struct port_shape *shape_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->shapes, index);
}

/* In this order they are tried: what is found of level 0 is the best there. */
static int32_t compare_shape(const struct port_shape *shape,
			     const struct cell_what *what)
{
	if (shape->level != what->level)
		return shape->level - what->level;
	if (shape->remote_prefix != what->remote_prefix)
		return what->remote_prefix - shape->remote_prefix;
	return what->faced - shape->faced;
}

/* The place that points to the shape, or where it belongs. */
static uint32_t *find_shape(const struct port_table *t,
			    struct port_tiers *tiers,
			    const struct cell_what *what)
{
	uint32_t *place = &tiers->shapes[what->tier];

	while (*place != 0 && compare_shape(shape_at(t, *place - 1), what) < 0)
		place = &shape_at(t, *place - 1)->next;
	return place;
}

static void shape_enter(struct port_table *t, struct port_tiers *tiers,
			const struct cell_what *what)
{
	uint32_t *place = find_shape(t, tiers, what);
	uint32_t index;

	if (*place == 0 || compare_shape(shape_at(t, *place - 1), what) != 0) {
		index = pool_take(&t->shapes);
		check(index != POOL_NONE); /* one for each entry */
		*shape_at(t, index) = (struct port_shape){
			.next = *place,
			.level = what->level,
			.remote_prefix = what->remote_prefix,
			.faced = what->faced,
		};
		*place = index + 1;
	}
	shape_at(t, *place - 1)->count++;
}

static void shape_leave(struct port_table *t, struct port_tiers *tiers,
			const struct cell_what *what)
{
	uint32_t *place = find_shape(t, tiers, what);
	struct port_shape *shape = shape_at(t, *place - 1);
	const uint32_t index = *place - 1;

	check(compare_shape(shape, what) == 0);
	if (--shape->count > 0)
		return;
	*place = shape->next;
	pool_give(&t->shapes, index);
}

/* --- coming and going ---------------------------------------------------- */

static void tier_enter(struct port_tiers *tiers, const struct port_entry *e)
{
	const uint32_t tier = match_tier(e);

	for (uint32_t six = 0; six < 2; six++) {
		if (match_reaches(e, six != 0) &&
		    tiers->count[six][tier]++ == 0)
			tiers->here[six][tier / 64] |= UINT64_C(1) << tier % 64;
	}
}

static void tier_leave(struct port_tiers *tiers, const struct port_entry *e)
{
	const uint32_t tier = match_tier(e);

	for (uint32_t six = 0; six < 2; six++) {
		if (match_reaches(e, six != 0) &&
		    --tiers->count[six][tier] == 0)
			tiers->here[six][tier / 64] &=
				~(UINT64_C(1) << tier % 64);
	}
}

/* What is no claim and of one port stands in its group by itself; claims that
   accept are a tree whatever their order, and ranges are two. */
static bool stands_alone(const struct port_entry *e)
{
	return e->first == e->last && e->kind != MINATO_KIND_SOCKET;
}

static void insert_node(struct interval *nodes, uint32_t *root, uint32_t node,
			const struct port_entry *e, bool by_end)
{
	nodes[node].first = by_end ? PORT_NUMBERS - 1 - e->last : e->first;
	nodes[node].last = by_end ? PORT_NUMBERS - 1 - e->first : e->last;
	interval_insert(nodes, root, node);
}

static void trees_enter(struct port_table *t, struct port_cell *cell,
			uint32_t entry, uint32_t link, uint64_t weight)
{
	const struct port_entry *e = entry_at(t, entry);
	struct interval *nodes = nodes_of(t);
	const bool range = e->first != e->last;

	for (uint32_t tree = 0; tree <= range; tree++) {
		const uint32_t node = node_of(entry, link, tree);
		nodes[node].weight = weight;
		insert_node(nodes, &cell->group.root[tree ^ !range], node, e,
			    tree != 0);
	}
	t->steps += nodes[cell->group.root[1]].height;
}

static void trees_leave(struct port_table *t, struct port_cell *cell,
			uint32_t entry, uint32_t link)
{
	const struct port_entry *e = entry_at(t, entry);
	const bool range = e->first != e->last;

	t->steps += nodes_of(t)[cell->group.root[1]].height;
	for (uint32_t tree = 0; tree <= range; tree++)
		interval_remove(nodes_of(t), &cell->group.root[tree ^ !range],
				node_of(entry, link, tree));
}

void match_enter(struct port_table *t, uint32_t space, uint32_t entry,
		 uint32_t link)
{
	const struct port_entry *e = entry_at(t, entry);
	const enum port_set set = entry_set(e);
	const struct cell_key key = group_key(space, set, e);
	struct port_cell *cell = cell_get(t, &key);

	cell->count++;
	if (stands_alone(e)) {
		check(cell->group.root[0] == POOL_NONE);
		cell->group.root[0] = entry;
	} else {
		trees_enter(t, cell, entry, link, weight_of(e));
	}
	if (set >= PORT_MATCHED_SETS)
		return;
	const struct cell_key local =
		local_key(space, set, key.what.tier, &e->local);
	cell_get(t, &local)->count++;
	tier_enter(tiers_of(t, space, set), e);
	shape_enter(t, tiers_of(t, space, set), &key.what);
}

void match_leave(struct port_table *t, uint32_t space, uint32_t entry,
		 uint32_t link)
{
	const struct port_entry *e = entry_at(t, entry);
	const enum port_set set = entry_set(e);
	const struct cell_key key = group_key(space, set, e);
	struct port_cell *cell = cell_find(t, &key);

	check(cell != NULL);
	if (stands_alone(e)) {
		check(cell->group.root[0] == entry);
		cell->group.root[0] = POOL_NONE;
	} else {
		trees_leave(t, cell, entry, link);
	}
	cell_release(t, cell);
	if (set >= PORT_MATCHED_SETS)
		return;
	const struct cell_key local =
		local_key(space, set, key.what.tier, &e->local);
	cell_release(t, cell_find(t, &local));
	tier_leave(tiers_of(t, space, set), e);
	shape_leave(t, tiers_of(t, space, set), &key.what);
}

uint32_t match_same(struct port_table *t, uint32_t space,
		    const struct port_entry *e)
{
	const struct cell_key key = group_key(space, entry_set(e), e);
	const struct port_cell *cell = cell_find(t, &key);
	uint32_t node;

	if (cell == NULL || e->first == e->last)
		return cell == NULL ? POOL_NONE : cell->group.root[0];
	node = interval_find(nodes_of(t), cell->group.root[0], e->first,
			     e->last);
	t->steps += nodes_of(t)[cell->group.root[0]].height;
	return node == POOL_NONE ? POOL_NONE : node / 4;
}

/* --- what a packet meets ------------------------------------------------- */

struct meeting {
	struct port_table *t;
	const struct port_key *key;
	struct minato_time now;
	uint32_t space;
	enum port_set set;
	uint32_t best;
};

static void offer(struct meeting *m, uint32_t entry)
{
	const struct port_table *t = m->t;

	if (m->best == POOL_NONE ||
	    entry_outranks(entry_at(t, entry), entry_at(t, m->best)))
		m->best = entry;
}

/* The oldest of the claims that accept: of equal width, the heaviest. */
static void offer_single(struct meeting *m, const struct port_cell *cell)
{
	const struct interval *nodes = nodes_of(m->t);
	const uint32_t alone = cell->group.root[0];

	if (alone != POOL_NONE && !entry_expired(entry_at(m->t, alone), m->now))
		offer(m, alone);
	if (cell->group.root[1] == POOL_NONE)
		return;
	m->t->steps += nodes[cell->group.root[1]].height;
	offer(m, interval_heaviest(nodes, cell->group.root[1],
				   m->key->local_port) /
			 4);
}

/* What is past its time weighs nothing from now on, but keeps its key. */
static void lapse(struct meeting *m, struct port_cell *cell, uint32_t node)
{
	trees_leave(m->t, cell, node / 4, node / 2 % 2);
	trees_enter(m->t, cell, node / 4, node / 2 % 2, 0);
}

static void offer_range(struct meeting *m, struct port_cell *cell)
{
	const struct interval *nodes = nodes_of(m->t);
	const uint32_t port = m->key->local_port;
	const bool upper = (port >> (cell->what.level - 1) & 1) != 0;
	const uint32_t limit = upper ? PORT_NUMBERS - 1 - port : port;
	uint32_t node;

	for (;;) {
		m->t->steps += nodes[cell->group.root[upper]].height;
		node = interval_heaviest(nodes, cell->group.root[upper],
					 (uint16_t)limit);
		if (node == POOL_NONE)
			return;
		if (!entry_expired(entry_at(m->t, node / 4), m->now)) {
			offer(m, node / 4);
			return;
		}
		lapse(m, cell, node);
	}
}

/* True when nothing better is to come in this tier. */
static bool try_shape(struct meeting *m, const struct port_shape *shape,
		      struct cell_key *key)
{
	struct port_cell *cell;

	key->what.kind = CELL_GROUP;
	key->what.level = shape->level;
	key->what.block =
		(uint16_t)((uint32_t)m->key->local_port >> shape->level);
	key->what.remote_prefix = shape->remote_prefix;
	key->what.faced = shape->faced;
	key->what.face = shape->faced ? m->key->face : MINATO_FACE_ANY;
	key->remote = m->key->remote;
	addr_mask(&key->remote, shape->remote_prefix);
	m->t->steps++;
	cell = cell_find(m->t, key);
	if (cell == NULL)
		return false;
	if (shape->level != LEVEL_SINGLE) {
		offer_range(m, cell);
		return false;
	}
	offer_single(m, cell);
	return m->best != POOL_NONE;
}

static void try_tier(struct meeting *m, const struct port_tiers *tiers,
		     uint32_t tier)
{
	uint32_t word = tiers->shapes[tier];
	struct minato_addr local = m->key->local;
	struct cell_key key;

	addr_mask(&local, match_tier_prefix(tier));
	key = local_key(m->space, m->set, tier, &local);
	if (shape_at(m->t, word - 1)->next != 0 &&
	    cell_find(m->t, &key) == NULL)
		return;
	while (word != 0) {
		const struct port_shape *shape = shape_at(m->t, word - 1);
		if (try_shape(m, shape, &key))
			return;
		word = shape->next;
	}
}

/* The best of one space, if it is not below the tier `floor`. */
static uint32_t best_in_space(struct meeting *m, uint32_t floor)
{
	const struct port_tiers *tiers = tiers_of(m->t, m->space, m->set);
	const bool six = !minato_addr_is4(&m->key->local);

	m->best = POOL_NONE;
	for (uint32_t w = PORT_TIER_WORDS; w-- > 0;) {
		uint64_t left = tiers->here[six][w];
		while (left != 0) {
			const uint32_t bit =
				63 - (uint32_t)__builtin_clzll(left);
			if (w * 64 + bit < floor)
				return POOL_NONE;
			try_tier(m, tiers, w * 64 + bit);
			if (m->best != POOL_NONE)
				return m->best;
			left ^= UINT64_C(1) << bit;
		}
	}
	return POOL_NONE;
}

uint32_t match_best(struct port_table *t, enum port_set set,
		    const struct port_key *key, struct minato_time now)
{
	const uint32_t slot = port_slot(key->proto);
	struct meeting m = { .t = t, .key = key, .now = now, .set = set };
	uint32_t own = POOL_NONE, any = POOL_NONE, floor = 0;

	m.space = port_space_index(key->scope, slot);
	if (t->space[m.space].count[set] > 0)
		own = best_in_space(&m, floor);
	m.space = port_space_index(MINATO_SCOPE_ANY, slot);
	if (own != POOL_NONE)
		floor = match_tier(entry_at(t, own));
	if (t->space[m.space].count[set] > 0)
		any = best_in_space(&m, floor);
	if (own == POOL_NONE || any == POOL_NONE)
		return own == POOL_NONE ? any : own;
	return entry_outranks(entry_at(t, own), entry_at(t, any)) ? own : any;
}
