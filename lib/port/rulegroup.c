/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that differ in ports and orders alone: one in its own line, a list of
 * sixteen in four lines, or trees; how they come and go. ruleset.c tells why.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

/* --- groups -------------------------------------------------------------- */

uint32_t rulegroup_home(const struct port_table *t, uint32_t facet,
			uint32_t lengths, struct rule_words local,
			struct rule_words remote)
{
	return ruleset_home(t, facet, lengths, ruleset_half(t, 0, local),
			    ruleset_half(t, 1, remote));
}

static uint32_t home_of(const struct port_table *t, uint32_t facet,
			const struct rule_standing *s)
{
	return rulegroup_home(t, facet,
			      (uint32_t)s->local_prefix << 8 | s->remote_prefix,
			      s->local, s->remote);
}

static bool is_group(const struct rule_group *g, uint32_t facet,
		     const struct rule_standing *s)
{
	return g->count != 0 && g->facet == facet &&
	       g->local_prefix == s->local_prefix &&
	       g->remote_prefix == s->remote_prefix &&
	       memcmp(&g->local, &s->local, sizeof(g->local)) == 0 &&
	       memcmp(&g->remote, &s->remote, sizeof(g->remote)) == 0;
}

/* The number of a stray from what points to it. */
static uint32_t stray_of(const struct port_table *t, uint32_t next)
{
	return t->rules.homes + next;
}

/* POOL_NONE: there is none. */
static uint32_t find_group(const struct port_table *t, uint32_t facet,
			   const struct rule_standing *s)
{
	uint32_t group = home_of(t, facet, s);

	while (!is_group(rulegroup_at(t, group), facet, s)) {
		const uint32_t next = rulegroup_at(t, group)->next;
		if (next == 0)
			return POOL_NONE;
		group = stray_of(t, next);
	}
	return group;
}

/* At home, if nobody is there; else astray. */
static uint32_t place_group(struct port_table *t, uint32_t facet,
			    const struct rule_standing *s)
{
	const uint32_t home = home_of(t, facet, s);
	struct rule_group *h = rulegroup_at(t, home);
	uint32_t group = home, next = h->next;

	if (h->count != 0) {
		const uint32_t stray = pool_take(&t->rules.strays);
		check(stray != POOL_NONE);
		h->next = stray + 1;
		group = stray_of(t, stray + 1);
	}
	*rulegroup_at(t, group) = (struct rule_group){
		.next = next,
		.facet = facet,
		.local_prefix = s->local_prefix,
		.remote_prefix = s->remote_prefix,
		.local = s->local,
		.remote = s->remote,
	};
	t->rules.groups++;
	return group;
}

/* It has no rule any more. A home that is empty still knows its strays. */
static void leave_group(struct port_table *t, uint32_t group, uint32_t home)
{
	uint32_t *place = &rulegroup_at(t, home)->next;

	t->rules.groups--;
	if (group == home)
		return;
	while (stray_of(t, *place) != group)
		place = &rulegroup_at(t, stray_of(t, *place))->next;
	*place = rulegroup_at(t, group)->next;
	pool_give(&t->rules.strays, group - t->rules.homes - 1);
}

static struct rule_place *listed(const struct port_table *t,
				 const struct rule_group *g, uint32_t number)
{
	struct rule_line *line =
		pool_at(&t->rules.lines, g->line[number / RULES_OF_LINE]);

	return &line->place[number % RULES_OF_LINE];
}

/* --- blocks of ports ----------------------------------------------------- */

static uint8_t level_of(const struct rule_place *p)
{
	const uint32_t differ = (uint32_t)p->first ^ p->last;

	return differ == 0 ? 0 : (uint8_t)(32 - __builtin_clz(differ));
}

static uint32_t *block_bucket(const struct port_table *t, uint32_t group,
			      uint32_t level, uint32_t block)
{
	uint32_t *buckets = port_part(t, t->rules.block_buckets_at);
	const uint64_t word[2] = { (uint64_t)group << 32 | level << 16 | block,
				   1 };

	return &buckets[hash_pair(&t->secret, word) & t->rules.block_buckets];
}

static struct rule_block *block_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->rules.blocks, index);
}

static uint32_t *find_block(const struct port_table *t, uint32_t group,
			    uint32_t level, uint32_t block)
{
	uint32_t *place = block_bucket(t, group, level, block);
	const struct rule_block *b;

	for (; *place != 0; place = &block_at(t, *place - 1)->next) {
		b = block_at(t, *place - 1);
		if (b->group == group && b->level == level && b->block == block)
			break;
	}
	return place;
}

struct rule_block *rulegroup_block(const struct port_table *t, uint32_t group,
				   uint32_t level, uint32_t block)
{
	const uint32_t word = *find_block(t, group, level, block);

	return word == 0 ? NULL : block_at(t, word - 1);
}

static uint32_t node_of(const struct rule_standing *s, uint32_t tree)
{
	return RULE_NODES * s->rule + 2 * (RULE_LINKS * s->policy + s->link) +
	       tree;
}

/* A single port, or all, stands in one tree; a range by both its ends. */
static void trees_enter(struct port_table *t, struct rule_block *b,
			const struct rule_standing *s)
{
	struct interval *nodes = ruleset_nodes(t);
	const struct rule_place *p = &s->place;

	for (uint32_t tree = 0; tree < 2; tree++) {
		struct interval *n = &nodes[node_of(s, tree)];
		n->weight = ~p->order;
		n->first = tree ? PORT_NUMBERS - 1 - p->last : p->first;
		n->last = tree ? PORT_NUMBERS - 1 - p->first : p->last;
		interval_insert(nodes, &b->root[tree], node_of(s, tree));
	}
}

/* Which of its links the rule stands there by: the one that was entered with
   this group. */
static void block_enter(struct port_table *t, uint32_t group,
			const struct rule_standing *s)
{
	struct rule_group *g = rulegroup_at(t, group);
	const uint32_t level = level_of(&s->place);
	uint32_t *place =
		find_block(t, group, level, (uint32_t)s->place.first >> level);
	struct rule_block *b;

	if (*place == 0) {
		const uint32_t index = pool_take(&t->rules.blocks);
		check(index != POOL_NONE);
		*block_at(t, index) = (struct rule_block){
			.group = group,
			.level = (uint8_t)level,
			.block = (uint16_t)((uint32_t)s->place.first >> level),
			.root = { POOL_NONE, POOL_NONE },
		};
		*place = index + 1;
	}
	b = block_at(t, *place - 1);
	b->count++;
	trees_enter(t, b, s);
	g->trees.levels |= UINT32_C(1) << level;
	if (s->place.order < g->trees.lowest)
		g->trees.lowest = s->place.order;
}

static void block_leave(struct port_table *t, uint32_t group,
			const struct rule_standing *s)
{
	const uint32_t level = level_of(&s->place);
	uint32_t *place =
		find_block(t, group, level, (uint32_t)s->place.first >> level);
	const uint32_t index = *place - 1;
	struct rule_block *b = block_at(t, index);

	for (uint32_t tree = 0; tree < 2; tree++)
		interval_remove(ruleset_nodes(t), &b->root[tree],
				node_of(s, tree));
	if (--b->count > 0)
		return;
	*place = b->next;
	pool_give(&t->rules.blocks, index);
}

/* --- maps ---------------------------------------------------------------- */

uint32_t *rulegroup_map(const struct port_table *t, uint32_t map)
{
	return (uint32_t *)port_part(t, t->rules.maps_at) +
	       (size_t)map * PORT_NUMBERS;
}

uint64_t *rulegroup_map_orders(const struct port_table *t, uint32_t map)
{
	return (uint64_t *)(void *)rulegroup_map(t, t->rules.maps_max) +
	       (size_t)map * PORT_NUMBERS;
}

static uint32_t map_take(struct port_table *t)
{
	struct port_rules *r = &t->rules;
	uint32_t map = r->maps_free;

	if (map != RULE_MAP_NONE)
		r->maps_free = rulegroup_map(t, map)[0];
	else if (r->maps_fresh < r->maps_max)
		map = r->maps_fresh++;
	else
		return 0;
	memset(rulegroup_map(t, map), 0, PORT_NUMBERS * sizeof(uint32_t));
	return map + 1;
}

void rulegroup_map_make(struct port_table *t, uint32_t group)
{
	rulegroup_at(t, group)->trees.map = map_take(t);
}

static void map_give(struct port_table *t, uint32_t word)
{
	if (word == 0)
		return;
	rulegroup_map(t, word - 1)[0] = t->rules.maps_free;
	t->rules.maps_free = word - 1;
}

static void map_forget(struct port_table *t, const struct rule_group *g,
		       const struct rule_place *p)
{
	const size_t width = (size_t)p->last - p->first + 1;

	if (g->trees.map != 0)
		memset(&rulegroup_map(t, g->trees.map - 1)[p->first], 0,
		       width * sizeof(uint32_t));
}

/* --- a group's forms ----------------------------------------------------- */

static void make_list(struct port_table *t, struct rule_group *g)
{
	const struct rule_place one = g->one;

	g->form = RULES_LIST;
	for (uint32_t i = 0; i < RULE_LINES; i++)
		g->line[i] = POOL_NONE;
	g->line[0] = pool_take(&t->rules.lines);
	check(g->line[0] != POOL_NONE);
	*listed(t, g, 0) = one;
}

static void drop_lines(struct port_table *t, struct rule_group *g,
		       uint32_t count)
{
	for (uint32_t i = 0; i < RULE_LINES; i++) {
		if (i * RULES_OF_LINE < count || g->line[i] == POOL_NONE)
			continue;
		pool_give(&t->rules.lines, g->line[i]);
		g->line[i] = POOL_NONE;
	}
}

static void make_trees(struct port_table *t, uint32_t group)
{
	struct rule_group *g = rulegroup_at(t, group);
	struct rule_place places[RULES_LISTED];

	for (uint32_t i = 0; i < RULES_LISTED; i++)
		places[i] = *listed(t, g, i);
	drop_lines(t, g, 0);
	g->form = RULES_TREES;
	g->trees.levels = 0;
	g->trees.lowest = UINT64_MAX;
	g->trees.map = 0; /* when it is asked first */
	for (uint32_t i = 0; i < RULES_LISTED; i++) {
		const struct rule_standing s = ruleset_standing_in(
			t, places[i].word & RULE_NUMBER, g->facet);
		block_enter(t, group, &s);
	}
}

static void list_enter(struct port_table *t, struct rule_group *g,
		       const struct rule_place *p)
{
	const uint32_t line = g->count / RULES_OF_LINE;

	if (g->line[line] == POOL_NONE) {
		g->line[line] = pool_take(&t->rules.lines);
		check(g->line[line] != POOL_NONE);
	}
	*listed(t, g, g->count) = *p;
}

static void list_leave(struct port_table *t, struct rule_group *g,
		       uint32_t rule)
{
	uint32_t at = 0;

	while ((listed(t, g, at)->word & RULE_NUMBER) != rule)
		at++;
	*listed(t, g, at) = *listed(t, g, g->count - 1);
	drop_lines(t, g, g->count - 1);
}

/* --- a standing begins, and ends ----------------------------------------- */

void rulegroup_enter(struct port_table *t, uint32_t facet,
		     const struct rule_standing *s)
{
	uint32_t group = find_group(t, facet, s);
	struct rule_group *g;

	if (group == POOL_NONE)
		group = place_group(t, facet, s);
	g = rulegroup_at(t, group);
	if (g->form == RULES_ONE && g->count == 1)
		make_list(t, g);
	if (g->form == RULES_LIST && g->count == RULES_LISTED)
		make_trees(t, group);
	if (g->form == RULES_ONE) {
		g->one = s->place;
	} else if (g->form == RULES_LIST) {
		list_enter(t, g, &s->place);
	} else {
		block_enter(t, group, s);
		map_forget(t, g, &s->place);
	}
	g->count++;
}

void rulegroup_leave(struct port_table *t, uint32_t facet,
		     const struct rule_standing *s)
{
	const uint32_t group = find_group(t, facet, s);
	struct rule_group *g = rulegroup_at(t, group);

	if (g->form == RULES_LIST)
		list_leave(t, g, s->rule);
	if (g->form == RULES_TREES) {
		block_leave(t, group, s);
		map_forget(t, g, &s->place);
	}
	if (--g->count > 0)
		return;
	if (g->form == RULES_TREES)
		map_give(t, g->trees.map);
	leave_group(t, group, home_of(t, facet, s));
}
