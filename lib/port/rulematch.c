/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which rule of the policy a new flow meets: the lowest order of those that
 * match, in a number of steps that does not grow with their number.
 *
 *   of which lengths do the packet's two addresses have prefixes?  (filters)
 *   are they many on both sides, has the like been asked before?  (rulecross.c)
 *   for each combination of scope, face, course and program in use
 *       the facet of this packet; unless all in it are of a higher order
 *       for each pair of those lengths that the facet has
 *           the group of these prefixes
 *   all groups are fetched by their homes; then the ports of each are compared
 *
 * In a batch each of these steps is taken for all before the next one, so that
 * they wait for memory together; between two of them who asks may fetch what
 * else it wants. With a hundred thousand rules three things are far away: lines
 * of the filters, homes, and a line of a list or map. Nothing waits for more: a
 * rule's word and order stand where it is found.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"
#include "minato/guard.h"

#define WITH_PROGRAM 8u

/* --- lengths ------------------------------------------------------------- */

/* The lines of the filter that tell of the address, which are fetched. */
static void find_clusters(struct rule_asking *a, uint32_t side, bool six)
{
	const struct rule_side *s = &a->t->rules.side[side];

	for (uint32_t left = s->bytes[six]; left != 0; left &= left - 1) {
		const uint32_t byte = (uint32_t)__builtin_ctz(left);
		const struct rule_cluster c =
			ruleset_cluster(a->t, side, a->word[side], byte);
		__builtin_prefetch(ruleset_filter(a->t, side, c.line));
		a->cluster[side][byte] = c;
	}
}

static void find_lengths(struct rule_asking *a, uint32_t side, bool six)
{
	const struct rule_side *s = &a->t->rules.side[side];

	for (uint32_t w = 0; w < 3; w++) {
		uint64_t has = 0;
		for (uint64_t left = s->here[six][w]; left != 0;
		     left &= left - 1) {
			const uint32_t bit = (uint32_t)__builtin_ctzll(left);
			const uint32_t length = 64 * w + bit;
			const struct rule_cluster c =
				a->cluster[side][ruleset_byte(length)];
			uint64_t is = 1;
			if (length != 0)
				is = ruleset_may_be(ruleset_filter(a->t, side,
								   c.line),
						    c, a->word[side], length);
			has |= is << bit;
		}
		a->has[side][w] = has;
	}
}

/* --- ports --------------------------------------------------------------- */

/* Without a jump: whether it matches nobody can foretell, and what comes next
   need not wait for it. */
static inline void offer(struct rule_asking *a, const struct rule_place *p)
{
	const bool better = (a->port >= p->first) & (a->port <= p->last) &
			    (p->order < a->order);

	a->order = better ? p->order : a->order;
	a->rule = better ? p->word : a->rule;
}

static void offer_list(struct rule_asking *a, const struct rule_group *g)
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

/* The word of the best of one group, by its trees; RULE_MAP_NOBODY. */
static uint32_t best_in_trees(struct rule_asking *a, uint32_t group,
			      const struct rule_group *g, uint64_t *order)
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
		best = ruleset_tally(a->t, node / RULE_NODES)->word;
	}
	*order = ~weight;
	return best;
}

/* The same from the group's map, which notes it. */
static uint32_t best_in_map(struct rule_asking *a, uint32_t group,
			    const struct rule_group *g, uint64_t *order)
{
	const uint32_t map = g->trees.map - 1;
	uint32_t *answer = &rulegroup_map(a->t, map)[a->port];
	uint64_t *noted = &rulegroup_map_orders(a->t, map)[a->port];
	uint32_t rule;

	if (*answer == 0) {
		rule = best_in_trees(a, group, g, noted);
		*answer = rule == RULE_MAP_NOBODY ? rule : rule + 1;
	}
	*order = *noted;
	return *answer == RULE_MAP_NOBODY ? RULE_MAP_NOBODY : *answer - 1;
}

static void offer_trees(struct rule_asking *a, uint32_t group,
			const struct rule_group *g)
{
	uint64_t order;
	uint32_t rule;

	if (g->trees.lowest >= a->order)
		return;
	if (g->trees.map == 0)
		rulegroup_map_make(a->t, group);
	rule = g->trees.map != 0 ? best_in_map(a, group, g, &order) :
				   best_in_trees(a, group, g, &order);
	if (rule == RULE_MAP_NOBODY || order >= a->order)
		return;
	a->order = order;
	a->rule = rule;
}

/* --- groups -------------------------------------------------------------- */

static inline bool is_of(const struct rule_group *g,
			 const struct rule_candidate *c,
			 struct rule_words local, struct rule_words remote)
{
	return ((g->local.high ^ local.high) | (g->local.low ^ local.low) |
		(g->remote.high ^ remote.high) | (g->remote.low ^ remote.low) |
		(g->facet ^ c->facet) |
		(uint32_t)(g->local_prefix ^ c->local_prefix) |
		(uint32_t)(g->remote_prefix ^ c->remote_prefix) |
		(g->count == 0)) == 0;
}

/* The group of the candidate, of which the home is known. */
static uint32_t group_of(const struct rule_asking *a,
			 const struct rule_candidate *c)
{
	const struct rule_words local =
		ruleset_cut(a->word[0], c->local_prefix);
	const struct rule_words remote =
		ruleset_cut(a->word[1], c->remote_prefix);
	uint32_t group = c->group;

	for (;;) {
		const struct rule_group *g = rulegroup_at(a->t, group);
		if (is_of(g, c, local, remote))
			return group;
		if (g->next == 0)
			return POOL_NONE;
		group = a->t->rules.homes + g->next;
	}
}

/* Finds it, and fetches what is looked at of one that has several rules. */
static void find_group(struct rule_asking *a, struct rule_candidate *c)
{
	const struct rule_group *g;

	if (c->found)
		return;
	c->found = true;
	c->group = group_of(a, c);
	if (c->group == POOL_NONE)
		return;
	g = rulegroup_at(a->t, c->group);
	if (g->form == RULES_LIST) {
		for (uint32_t k = 0; k * RULES_OF_LINE < g->count; k++)
			__builtin_prefetch(
				pool_at(&a->t->rules.lines, g->line[k]));
	} else if (g->form == RULES_TREES && g->trees.map != 0) {
		const uint32_t map = g->trees.map - 1;
		__builtin_prefetch(&rulegroup_map(a->t, map)[a->port]);
		__builtin_prefetch(&rulegroup_map_orders(a->t, map)[a->port]);
	}
}

static void find_groups(struct rule_asking *a)
{
	for (uint32_t i = 0; i < a->candidates; i++)
		find_group(a, &a->candidate[i]);
}

static void try_candidate(struct rule_asking *a, const struct rule_candidate *c)
{
	const struct rule_group *g;

	if (c->group == POOL_NONE)
		return;
	g = rulegroup_at(a->t, c->group);
	if (g->form == RULES_ONE)
		offer(a, &g->one);
	else if (g->form == RULES_LIST)
		offer_list(a, g);
	else
		offer_trees(a, c->group, g);
}

static void try_candidates(struct rule_asking *a)
{
	for (uint32_t i = 0; i < a->candidates; i++)
		try_candidate(a, &a->candidate[i]);
	a->candidates = 0;
}

static void add_candidate(struct rule_asking *a, uint32_t facet,
			  uint32_t lengths, hash_wide local, hash_wide remote)
{
	struct rule_candidate *c;

	if (a->candidates == RULE_CANDIDATES) {
		find_groups(a);
		try_candidates(a);
	}
	c = &a->candidate[a->candidates++];
	c->facet = facet;
	c->local_prefix = (uint8_t)(lengths >> 8);
	c->remote_prefix = (uint8_t)lengths;
	c->found = false;
	c->group = ruleset_home(a->t, facet, lengths, local, remote);
	/* That of everybody is near: what it has of the port is not. */
	if (lengths == 0)
		find_group(a, c);
	else
		__builtin_prefetch(rulegroup_at(a->t, c->group));
}

static inline bool may_have(const struct rule_asking *a, uint32_t side,
			    uint32_t length)
{
	return (a->has[side][length / 64] >> length % 64 & 1) != 0;
}

static inline hash_wide half_of(const struct rule_asking *a, uint32_t side,
				uint32_t length)
{
	return ruleset_half(a->t, side, ruleset_cut(a->word[side], length));
}

/* Those of the row. */
static void ask_row(struct rule_asking *a, const struct rule_row *row,
		    uint32_t number, const hash_wide *remote)
{
	const uint32_t length = row->local_prefix;
	const hash_wide local = half_of(a, 0, length);

	for (uint32_t w = 0; w < 3; w++) {
		uint64_t left = row->remotes[w] & a->has[1][w];
		for (; left != 0; left &= left - 1) {
			const uint32_t other =
				64 * w + (uint32_t)__builtin_ctzll(left);
			add_candidate(a, number, length << 8 | other, local,
				      remote[other]);
		}
	}
}

/* More pairs than a facet has in its line: row by row. */
static void ask_rows(struct rule_asking *a, const struct rule_facet *f,
		     uint32_t number)
{
	const struct port_rules *r = &a->t->rules;
	hash_wide remote[129];
	uint32_t word = f->rows;

	for (uint32_t w = 0; w < 3; w++) {
		uint64_t left = a->has[1][w];
		for (; left != 0; left &= left - 1) {
			const uint32_t length =
				64 * w + (uint32_t)__builtin_ctzll(left);
			remote[length] = half_of(a, 1, length);
		}
	}
	while (word != 0) {
		const struct rule_row *row = pool_at(&r->rows, word - 1);
		word = row->next;
		if (may_have(a, 0, row->local_prefix))
			ask_row(a, row, number, remote);
	}
}

static void ask_facet(struct rule_asking *a, const struct rule_facet *f)
{
	const struct rule_facet *first = pool_at(&a->t->rules.facets, 0);
	const uint32_t number = (uint32_t)(f - first);

	if (f->pairs > RULE_PAIRS) {
		ask_rows(a, f, number);
		return;
	}
	for (uint32_t i = 0; i < f->pairs; i++) {
		const struct rule_lengths *p = &f->pair[i];
		if (may_have(a, 0, p->local) && may_have(a, 1, p->remote))
			add_candidate(a, number,
				      (uint32_t)p->local << 8 | p->remote,
				      half_of(a, 0, p->local),
				      half_of(a, 1, p->remote));
	}
}

/* --- facets -------------------------------------------------------------- */

/* The candidates of the combinations with a program, or of those without. */
static void find_candidates(struct rule_asking *a, bool programs)
{
	const uint32_t slot = rule_slot(a->key->proto);

	for (uint32_t left = a->t->rules.used[slot]; left != 0;
	     left &= left - 1) {
		const uint32_t combination = (uint32_t)__builtin_ctz(left);
		const struct rule_facet *f;
		if (((combination & WITH_PROGRAM) != 0) != programs)
			continue;
		f = ruleset_facet(a->t,
				  ruleset_facet_key(a->t->rules.policy, slot,
						    combination, a->key));
		if (f != NULL && f->lowest < a->order)
			ask_facet(a, f);
	}
}

static void ask_combinations(struct rule_asking *a, bool programs)
{
	if (rulecross_known(a, programs))
		return;
	find_candidates(a, programs);
	find_groups(a);
	try_candidates(a);
	rulecross_note(a, programs);
}

/* Returns the best rule; *asks: one of a program that is not known may be
   before it. */
static uint32_t best_rule(struct rule_asking *a, bool *asks)
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

static bool has_lapsed(const struct port_table *t, uint32_t word,
		       struct minato_time now)
{
	uint64_t until_ns;

	if ((word & RULE_PLAIN) != 0)
		return false;
	until_ns = ruleset_rule(t, word & RULE_NUMBER)->until_ns;
	return until_ns != 0 && now.ns >= 0 && (uint64_t)now.ns >= until_ns;
}

static void begin_asking(struct rule_asking *a, struct port_table *t,
			 const struct port_key *key)
{
	a->t = t;
	a->key = key;
	a->port = key->proto == MINATO_ICMP ? key->icmp_type : key->local_port;
	a->word[0] = ruleset_words(&key->local);
	a->word[1] = ruleset_words(&key->remote);
	a->order = UINT64_MAX;
	a->rule = POOL_NONE;
	a->candidates = 0;
	find_clusters(a, 0, !minato_addr_is4(&key->local));
	find_clusters(a, 1, !minato_addr_is4(&key->remote));
}

static void find_all_lengths(struct rule_asking *a)
{
	find_lengths(a, 0, !minato_addr_is4(&a->key->local));
	find_lengths(a, 1, !minato_addr_is4(&a->key->remote));
}

static uint32_t find_rule(struct port_table *t, const struct port_key *key,
			  struct minato_time now, bool *asks)
{
	struct rule_asking a;
	uint32_t rule;

	begin_asking(&a, t, key);
	find_all_lengths(&a);
	for (;;) {
		rule = best_rule(&a, asks);
		if (rule == POOL_NONE || !has_lapsed(t, rule, now))
			return rule;
		/* Once for each rule that ever was. */
		ruleset_lapse(t, rule & RULE_NUMBER);
	}
}

/* --- in a batch ----------------------------------------------------------- */

static void begin_all(struct rule_asking *a, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		find_all_lengths(&a[i]);
		if (!rulecross_known(&a[i], false))
			find_candidates(&a[i], false);
	}
}

static void find_all_groups(struct rule_asking *a, size_t count)
{
	for (size_t i = 0; i < count; i++)
		find_groups(&a[i]);
}

static void settle_all(struct port_table *t, struct rule_asking *a,
		       size_t count)
{
	find_all_groups(a, count);
	for (size_t i = 0; i < count; i++) {
		try_candidates(&a[i]);
		rulecross_note(&a[i], false);
		a[i].probe->rule = a[i].rule;
		a[i].probe->rule_changes = t->rules.changes;
	}
}

static bool has_programs(const struct port_table *t, uint32_t slot)
{
	return t->rules.used[slot] >> WITH_PROGRAM != 0;
}

/* Whether its rule can be sought before its turn. */
static bool can_be_sought(const struct port_table *t,
			  const struct port_key *key)
{
	return key->course != MINATO_COURSE_ANY &&
	       key->course != MINATO_COURSE_NONE &&
	       (key->program == MINATO_PROGRAM_NONE ||
		!has_programs(t, rule_slot(key->proto)));
}

static void begin_probe(struct port_table *t, struct port_probe *probe,
			struct port_askings *askings)
{
	struct rule_asking *a = &askings->of[askings->count++];

	begin_asking(a, t, probe->key);
	a->probe = probe;
}

void port_rules_near(struct port_askings *askings)
{
	find_all_groups(askings->of, askings->count);
}

void port_rules_settle(struct port_table *t, struct port_askings *askings)
{
	settle_all(t, askings->of, askings->count);
	askings->count = 0;
}

void port_rules_seek(struct port_table *t, struct port_probe *probes,
		     const bool *opens, size_t count)
{
	struct port_askings askings;

	askings.count = 0;
	for (size_t i = 0; i < count && t->rules.count != 0; i++) {
		if (!opens[i] || !can_be_sought(t, probes[i].key))
			continue;
		begin_probe(t, &probes[i], &askings);
		if (askings.count == PORT_ASKINGS) {
			begin_all(askings.of, askings.count);
			port_rules_settle(t, &askings);
		}
	}
	begin_all(askings.of, askings.count);
	port_rules_settle(t, &askings);
}

void port_seek_opening(struct port_table *t, struct port_probe *probes,
		       const bool *opens, size_t count,
		       struct port_askings *askings)
{
	struct port_tuple_ref ref;

	check(count <= PORT_ASKINGS && count <= PORT_FAR);
	askings->count = 0;
	for (size_t i = 0; i < count && t->rules.count != 0; i++) {
		if (opens[i] && probes[i].key->proto == MINATO_TCP &&
		    can_be_sought(t, probes[i].key))
			begin_probe(t, &probes[i], askings);
	}
	port_seek_homes(t, probes, count);
	port_seek_records(t, probes, count);
	for (size_t i = 0; i < count && t->rules.count != 0; i++) {
		if (opens[i] && probes[i].key->proto != MINATO_TCP &&
		    can_be_sought(t, probes[i].key) &&
		    !port_tuple_guess(t, &probes[i], &ref))
			begin_probe(t, &probes[i], askings);
	}
	begin_all(askings->of, askings->count);
}

/* --- verdicts ------------------------------------------------------------ */

void rulematch_note(struct port_table *t, const struct port_key *key,
		    struct minato_time now, uint32_t entry,
		    const struct rule_verdict *v)
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
			.entry = entry,
			.generation = entry == POOL_NONE ?
					      0 :
					      port_entry_generation(t, entry),
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

/*
 * Its tally is far away among a hundred thousand, and nobody waits for it: the
 * hit is owed while the line is fetched, and counted some verdicts later.
 */
static void count_hit(struct port_table *t, uint32_t word)
{
	struct port_rules *r = &t->rules;
	uint32_t *owed = &r->owed[r->owed_at++ % RULES_OWED];

	if (*owed != 0)
		ruleset_tally(t, *owed - 1)->hits++;
	*owed = (word & RULE_NUMBER) + 1;
	__builtin_prefetch(ruleset_tally(t, word), 1);
}

/* `word`: of the rule that the flow meets. */
static void judge(struct port_table *t, const struct port_key *key,
		  struct minato_time now, bool peek, uint32_t word,
		  struct rule_verdict *out)
{
	const struct port_rule *rule;

	if (word == POOL_NONE || out->asks)
		return;
	out->rule = word;
	out->verdict = (enum minato_verdict)(word >> RULE_VERDICT_SHIFT & 3);
	if (!peek)
		count_hit(t, word);
	if ((word & RULE_PLAIN) != 0)
		return;
	rule = ruleset_rule(t, word & RULE_NUMBER);
	if (rule->rate_count != 0 &&
	    !allowance_take(t, word & RULE_NUMBER, &key->remote, now, peek)) {
		out->verdict = (enum minato_verdict)rule->rate_verdict;
		out->limited = true;
	}
	if (rule->log && !peek)
		rulematch_note(t, key, now, port_rule_entry(t, word), out);
}

uint32_t port_rule_entry(const struct port_table *t, uint32_t rule)
{
	return rule == POOL_NONE ? POOL_NONE : ruleset_tally(t, rule)->entry;
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

static bool remembered(const struct port_table *t, const struct port_key *key,
		       struct minato_time now)
{
	const struct rule_memo *memo = &t->rules.memo;

	return memo->valid && memo->now_ns == now.ns &&
	       memo->changes == t->rules.changes && same_key(&memo->key, key);
}

static void decide(struct port_table *t, const struct port_key *key,
		   struct minato_time now, uint32_t word,
		   struct rule_verdict *out)
{
	judge(t, key, now, false, word, out);
	t->rules.memo = (struct rule_memo){ .key = *key,
					    .now_ns = now.ns,
					    .changes = t->rules.changes,
					    .verdict = *out,
					    .valid = true };
}

static bool begin_verdict(const struct port_table *t,
			  const struct port_key *key, struct rule_verdict *out)
{
	*out = (struct rule_verdict){ .rule = POOL_NONE,
				      .verdict = MINATO_PASS };
	return t->rules.count != 0 && key->course != MINATO_COURSE_NONE;
}

void port_rules_ask(struct port_table *t, const struct port_key *key,
		    struct minato_time now, bool peek, struct rule_verdict *out)
{
	struct port_key asked = *key;
	uint32_t word;

	if (!begin_verdict(t, key, out))
		return;
	if (asked.course == MINATO_COURSE_ANY)
		asked.course = MINATO_COURSE_IN;
	if (!peek && remembered(t, &asked, now)) {
		*out = t->rules.memo.verdict;
		return;
	}
	word = find_rule(t, &asked, now, &out->asks);
	if (peek)
		judge(t, &asked, now, true, word, out);
	else
		decide(t, &asked, now, word, out);
}

bool port_rules_bear(const struct port_table *t, const struct port_key *key)
{
	for (uint32_t slot = 0; slot < RULE_PROTOS; slot++) {
		for (uint32_t left = t->rules.used[slot]; left != 0;
		     left &= left - 1) {
			const uint32_t combination =
				(uint32_t)__builtin_ctz(left);
			const struct rule_facet *f = ruleset_facet(
				t, ruleset_facet_key(t->rules.policy, slot,
						     combination, key));
			if ((combination & WITH_PROGRAM) == 0 && f != NULL &&
			    f->count != 0)
				return true;
		}
	}
	return false;
}

void rulematch_sought(struct port_table *t, const struct port_probe *probe,
		      struct minato_time now, struct rule_verdict *out)
{
	if (probe->rule_changes != t->rules.changes ||
	    (probe->rule != POOL_NONE && has_lapsed(t, probe->rule, now))) {
		port_rules_ask(t, probe->key, now, false, out);
		return;
	}
	if (!begin_verdict(t, probe->key, out))
		return;
	if (remembered(t, probe->key, now))
		*out = t->rules.memo.verdict;
	else
		decide(t, probe->key, now, probe->rule, out);
}
