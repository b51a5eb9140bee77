/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which rule of the policy a new flow meets: the lowest order of those that
 * match, in a number of steps that does not grow with their number.
 *
 *   of which lengths do the packet's two addresses have prefixes?  (filters)
 *   for each combination of scope, face, course and program in use
 *       the facet of this packet; unless all in it are of a higher order
 *       for each pair of those lengths that the facet has
 *           the group of these prefixes
 *   all buckets are fetched, then all groups; then the ports of each
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"
#include "minato/guard.h"

#define CANDIDATES 16u
#define WITH_PROGRAM 8u

struct candidate {
	const uint32_t *bucket;
	uint32_t facet;
	uint8_t local_prefix, remote_prefix;
	struct rule_words local, remote;
};

struct asking {
	struct port_table *t;
	const struct port_key *key;
	uint16_t port;
	struct rule_words word[2];
	uint64_t has[2][3]; /* lengths of which there may be prefixes */
	uint64_t order;	    /* of the best one; UINT64_MAX: none yet */
	uint32_t rule;
	uint32_t candidates;
	struct candidate candidate[CANDIDATES];
};

/* --- lengths ------------------------------------------------------------- */

static void find_lengths(struct asking *a, uint32_t side, bool six)
{
	const struct rule_side *s = &a->t->rules.side[side];

	for (uint32_t w = 0; w < 3; w++) {
		uint64_t left = s->here[six][w];
		uint64_t has = 0;
		while (left != 0) {
			const uint32_t bit = (uint32_t)__builtin_ctzll(left);
			const uint32_t length = 64 * w + bit;
			left &= left - 1;
			if (length == 0 ||
			    ruleset_may_be(a->t, side,
					   ruleset_cut(a->word[side], length),
					   length))
				has |= UINT64_C(1) << bit;
		}
		a->has[side][w] = has;
	}
}

/* --- ports --------------------------------------------------------------- */

static void offer(struct asking *a, const struct rule_place *p)
{
	if (a->port < p->first || a->port > p->last || p->order >= a->order)
		return;
	a->order = p->order;
	a->rule = p->rule;
}

static void offer_list(struct asking *a, const struct rule_group *g)
{
	uint32_t left = g->count;

	for (uint32_t i = 0; left > 0; i++) {
		const struct rule_line *line =
			pool_at(&a->t->rules.lines, g->line[i]);
		const uint32_t here = left < RULES_OF_LINE ? left :
							     RULES_OF_LINE;
		for (uint32_t k = 0; k < here; k++)
			offer(a, &line->place[k]);
		left -= here;
	}
}

/* The best of one group, by its trees. */
static uint32_t best_in_trees(struct asking *a, uint32_t group,
			      const struct rule_group *g)
{
	const struct interval *nodes = ruleset_nodes(a->t);
	uint64_t weight = 0;
	uint32_t best = RULE_MAP_NOBODY;

	for (uint32_t left = g->trees.levels; left != 0; left &= left - 1) {
		const uint32_t level = (uint32_t)__builtin_ctz(left);
		const struct rule_block *b = rulegroup_block(
			a->t, group, level, (uint32_t)a->port >> level);
		bool upper;
		uint32_t node;
		if (b == NULL)
			continue;
		upper = level != 0 && (a->port >> (level - 1) & 1) != 0;
		node = interval_heaviest(
			nodes, b->root[upper],
			upper ? (uint16_t)(PORT_NUMBERS - 1 - a->port) :
				a->port);
		if (node == POOL_NONE || nodes[node].weight <= weight)
			continue;
		weight = nodes[node].weight;
		best = node / RULE_NODES;
	}
	return best;
}

static void offer_trees(struct asking *a, uint32_t group,
			const struct rule_group *g)
{
	uint32_t *answer = NULL;
	uint32_t rule;

	if (g->trees.lowest >= a->order)
		return;
	if (g->trees.map != 0)
		answer = &rulegroup_map(a->t, g->trees.map - 1)[a->port];
	if (answer != NULL && *answer != 0) {
		rule = *answer == RULE_MAP_NOBODY ? RULE_MAP_NOBODY :
						    *answer - 1;
	} else {
		rule = best_in_trees(a, group, g);
		if (answer != NULL)
			*answer = rule == RULE_MAP_NOBODY ? RULE_MAP_NOBODY :
							    rule + 1;
	}
	if (rule == RULE_MAP_NOBODY ||
	    ruleset_rule(a->t, rule)->order >= a->order)
		return;
	a->order = ruleset_rule(a->t, rule)->order;
	a->rule = rule;
}

/* --- groups -------------------------------------------------------------- */

static bool is_of(const struct rule_group *g, const struct candidate *c)
{
	return g->facet == c->facet && g->local_prefix == c->local_prefix &&
	       g->remote_prefix == c->remote_prefix &&
	       g->local.high == c->local.high && g->local.low == c->local.low &&
	       g->remote.high == c->remote.high &&
	       g->remote.low == c->remote.low;
}

static void try_candidate(struct asking *a, const struct candidate *c)
{
	uint32_t word = *c->bucket;
	const struct rule_group *g;

	for (; word != 0; word = g->next) {
		g = pool_at(&a->t->rules.groups, word - 1);
		if (!is_of(g, c))
			continue;
		if (g->form == RULES_ONE)
			offer(a, &g->one);
		else if (g->form == RULES_LIST)
			offer_list(a, g);
		else
			offer_trees(a, word - 1, g);
		return;
	}
}

static void try_candidates(struct asking *a)
{
	for (uint32_t i = 0; i < a->candidates; i++) {
		const uint32_t word = *a->candidate[i].bucket;
		if (word != 0)
			__builtin_prefetch(
				pool_at(&a->t->rules.groups, word - 1));
	}
	for (uint32_t i = 0; i < a->candidates; i++)
		try_candidate(a, &a->candidate[i]);
	a->candidates = 0;
}

static void add_candidate(struct asking *a, uint32_t facet, uint32_t local,
			  uint32_t remote)
{
	struct candidate *c;

	if (a->candidates == CANDIDATES)
		try_candidates(a);
	c = &a->candidate[a->candidates++];
	c->facet = facet;
	c->local_prefix = (uint8_t)local;
	c->remote_prefix = (uint8_t)remote;
	c->local = ruleset_cut(a->word[0], local);
	c->remote = ruleset_cut(a->word[1], remote);
	c->bucket = rulegroup_bucket(a->t, facet, local << 8 | remote, c->local,
				     c->remote);
	__builtin_prefetch(c->bucket);
}

static void ask_facet(struct asking *a, const struct rule_facet *f)
{
	const struct port_rules *r = &a->t->rules;
	const uint32_t number =
		(uint32_t)(f -
			   (const struct rule_facet *)pool_at(&r->facets, 0));
	uint32_t word = f->rows;

	while (word != 0) {
		const struct rule_row *row = pool_at(&r->rows, word - 1);
		const uint32_t length = row->local_prefix;
		word = row->next;
		if ((a->has[0][length / 64] >> length % 64 & 1) == 0)
			continue;
		for (uint32_t w = 0; w < 3; w++) {
			uint64_t left = row->remotes[w] & a->has[1][w];
			for (; left != 0; left &= left - 1)
				add_candidate(a, number, length,
					      64 * w +
						      (uint32_t)__builtin_ctzll(
							      left));
		}
	}
}

/* --- facets -------------------------------------------------------------- */

/* Of the combinations with a program, or of those without. */
static void ask_combinations(struct asking *a, bool programs)
{
	const uint32_t slot = port_slot(a->key->proto);

	for (uint32_t left = a->t->rules.used[slot]; left != 0;
	     left &= left - 1) {
		const uint32_t combination = (uint32_t)__builtin_ctz(left);
		const struct rule_facet *f;
		if (((combination & WITH_PROGRAM) != 0) != programs)
			continue;
		f = ruleset_facet(a->t,
				  ruleset_facet_key(slot, combination, a->key));
		if (f != NULL && f->lowest < a->order)
			ask_facet(a, f);
	}
	try_candidates(a);
}

/* Returns the best rule; *asks: one of a program that is not known may be
   before it. */
static uint32_t best_rule(struct asking *a, bool *asks)
{
	const uint16_t program = a->key->program;
	uint32_t sure;

	*asks = false;
	a->order = UINT64_MAX;
	a->rule = POOL_NONE;
	ask_combinations(a, false);
	if (program == MINATO_PROGRAM_NONE)
		return a->rule;
	sure = a->rule;
	ask_combinations(a, true);
	if (program != MINATO_PROGRAM_UNKNOWN || a->rule == sure)
		return a->rule;
	*asks = true;
	return a->rule;
}

static bool has_lapsed(const struct port_rule *rule, struct minato_time now)
{
	return rule->until_ns != 0 && now.ns >= 0 &&
	       (uint64_t)now.ns >= rule->until_ns;
}

static uint32_t find_rule(struct port_table *t, const struct port_key *key,
			  struct minato_time now, bool *asks)
{
	struct asking a = {
		.t = t,
		.key = key,
		.port = key->proto == MINATO_ICMP ? key->icmp_type :
						    key->local_port,
		.word = { ruleset_words(&key->local),
			  ruleset_words(&key->remote) },
	};
	uint32_t rule;

	find_lengths(&a, 0, !minato_addr_is4(&key->local));
	find_lengths(&a, 1, !minato_addr_is4(&key->remote));
	for (;;) {
		rule = best_rule(&a, asks);
		if (rule == POOL_NONE ||
		    !has_lapsed(ruleset_rule(t, rule), now))
			return rule;
		/* Once for each rule that ever was. */
		ruleset_lapse(t, rule);
	}
}

/* --- verdicts ------------------------------------------------------------ */

static void note_event(struct port_table *t, const struct port_key *key,
		       struct minato_time now, const struct rule_verdict *v)
{
	struct port_rules *r = &t->rules;

	if (r->event_count == RULE_EVENTS) {
		r->events_lost++;
		return;
	}
	r->event[(r->event_first + r->event_count++) % RULE_EVENTS] =
		(struct port_rule_event){
			.key = *key,
			.now = now,
			.verdict = v->verdict,
			.limited = v->limited,
			.entry = v->entry,
			.generation = port_entry_generation(t, v->entry),
		};
}

bool port_rule_event(struct port_table *t, struct port_rule_event *out)
{
	struct port_rules *r = &t->rules;

	if (r->event_count == 0)
		return false;
	*out = r->event[r->event_first];
	r->event_first = (r->event_first + 1) % RULE_EVENTS;
	r->event_count--;
	return true;
}

uint64_t port_rule_events_lost(const struct port_table *t)
{
	return t->rules.events_lost;
}

static void judge(struct port_table *t, const struct port_key *key,
		  struct minato_time now, bool peek, struct rule_verdict *out)
{
	uint32_t number;
	struct port_rule *rule;

	number = find_rule(t, key, now, &out->asks);
	if (number == POOL_NONE || out->asks)
		return;
	rule = ruleset_rule(t, number);
	out->entry = rule->entry;
	out->verdict = (enum minato_verdict)rule->verdict;
	if (rule->rate_count != 0 &&
	    !allowance_take(t, rule, &key->remote, now, peek)) {
		out->verdict = (enum minato_verdict)rule->rate_verdict;
		out->limited = true;
	}
	if (peek)
		return;
	entry_at(t, rule->entry)->hits++;
	if (rule->log)
		note_event(t, key, now, out);
}

static bool same_key(const struct port_key *a, const struct port_key *b)
{
	return minato_addr_equal(&a->local, &b->local) &&
	       minato_addr_equal(&a->remote, &b->remote) &&
	       a->local_port == b->local_port &&
	       a->remote_port == b->remote_port && a->scope == b->scope &&
	       a->proto == b->proto && a->face == b->face &&
	       a->course == b->course && a->icmp_type == b->icmp_type &&
	       a->program == b->program;
}

void port_rules_ask(struct port_table *t, const struct port_key *key,
		    struct minato_time now, bool peek,
		    struct rule_verdict *out)
{
	struct rule_memo *memo = &t->rules.memo;
	struct port_key asked = *key;

	*out = (struct rule_verdict){ .entry = POOL_NONE,
				      .verdict = MINATO_PASS };
	if (t->rules.count == 0 || key->course == MINATO_COURSE_NONE)
		return;
	if (asked.course == MINATO_COURSE_ANY)
		asked.course = MINATO_COURSE_IN;
	if (!peek && memo->valid && memo->now_ns == now.ns &&
	    memo->changes == t->rules.changes && same_key(&memo->key, &asked)) {
		*out = memo->verdict;
		return;
	}
	judge(t, &asked, now, peek, out);
	if (peek)
		return;
	*memo = (struct rule_memo){ .key = asked,
				    .now_ns = now.ns,
				    .changes = t->rules.changes,
				    .verdict = *out,
				    .valid = true };
}
