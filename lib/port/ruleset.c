/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the policy: how they stand, come and go. Of those that match,
 * the lowest order decides, so they are no set of most specific ones; but a
 * look-up's steps must not grow with them either.
 *
 *   facet   policy, protocol, and scope, face, course and program, each given
 *           or not: a look-up asks one of each combination that there is
 *   row     in a facet, the lengths of remote prefixes beside a local one's; as
 *           long as they are few, all pairs of lengths stand in its line
 *   group   in a facet, equal prefixes of both sides, under a keyed hash; what
 *           is left are ports and orders
 *   filter  of each side, whether a prefix is there at all: a look-up tries
 *           pairs only of lengths of which the packet's addresses have prefixes
 *
 * A group begins as one rule in its own line, goes on as a list of sixteen in
 * four lines, and then has trees: one pair for each aligned block of 2^level
 * ports, as in match.c, where a rule belongs to the smallest block that holds
 * its ports. The first groups of such size get a map, 65,536 answers, which
 * look-ups fill and changes clear.
 *
 * A rule of a program stands in a second facet too, that of UNKNOWN: what one
 * of any program would match.
 *
 * There are two policies, of which one is in force: look-ups ask its facets
 * alone. The other one is made or cleared away in small pieces meanwhile, and
 * a turn is one number. Filters and edges are of both: what is there too much
 * makes a look-up ask, and find nothing. A rule that is in both is one rule.
 */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "minato/guard.h"

#define LINE 64u
#define WITH_SCOPE 1u
#define WITH_FACE 2u
#define WITH_COURSE 4u
#define WITH_PROGRAM 8u
#define PREFIX4 96u
#define FILTER_WORDS_MAX 32768u
#define FACET_BUCKETS 16384u
#define RULES_OF_MAP 256u
#define MAPS_MAX 32u

/* --- memory -------------------------------------------------------------- */

static size_t reserve(size_t *end, size_t bytes)
{
	const size_t at = *end;

	*end += (bytes + LINE - 1) & ~(size_t)(LINE - 1);
	return at;
}

static uint32_t power_above(uint32_t number, uint32_t least)
{
	uint32_t power = least;

	while (power < number)
		power *= 2;
	return power;
}

static uint32_t filter_words(uint32_t rules_max)
{
	const uint32_t words = power_above(rules_max / 4, 64);

	return words < FILTER_WORDS_MAX ? words : FILTER_WORDS_MAX;
}

static uint32_t facet_buckets(uint32_t rules_max)
{
	return rules_max < FACET_BUCKETS ? power_above(rules_max, 64) :
					   FACET_BUCKETS;
}

static uint32_t map_count(uint32_t rules_max)
{
	const uint32_t maps = rules_max / RULES_OF_MAP;

	return maps < MAPS_MAX ? maps : MAPS_MAX;
}

/* Of those of rules of one protocol each a quarter at most is taken: few have
   to look further. */
static uint32_t home_count(uint32_t rules_max)
{
	return power_above(4 * rules_max, 64);
}

void ruleset_lay_out(struct rules_layout *l, size_t *end, uint32_t rules_max)
{
	const size_t rules = rules_max;
	const size_t links = RULE_LINKS * rules;
	const size_t buckets = power_above((uint32_t)links, 64);
	const size_t homes = home_count(rules_max);
	const size_t words = filter_words(rules_max);

	check(rules_max <= PORT_RULES_MAX);
	l->rules = reserve(end, rules * sizeof(struct port_rule));
	l->tallies = reserve(end, rules * sizeof(struct rule_tally));
	l->homes = reserve(end, homes * sizeof(struct rule_group));
	l->strays = reserve(end, links * sizeof(struct rule_group));
	l->lines = reserve(end, links * sizeof(struct rule_line));
	l->blocks = reserve(end, links * sizeof(struct rule_block));
	l->facets = reserve(end, links * sizeof(struct rule_facet));
	l->rows = reserve(end, links * sizeof(struct rule_row));
	l->pairs = reserve(end, links * sizeof(struct rule_pair));
	l->block_buckets = reserve(end, buckets * sizeof(uint32_t));
	l->facet_buckets = reserve(end, (size_t)facet_buckets(rules_max) *
						sizeof(uint32_t));
	for (int side = 0; side < 2; side++) {
		l->words[side] = reserve(end, words * sizeof(uint64_t));
		l->counts[side] = reserve(end, words * 64 * sizeof(uint32_t));
	}
	l->nodes = reserve(end, RULE_NODES * rules * sizeof(struct interval));
	l->maps = reserve(end, (size_t)map_count(rules_max) * PORT_NUMBERS *
				       (sizeof(uint32_t) + sizeof(uint64_t)));
	l->allowances = reserve(end, allowance_count(rules_max) *
					     sizeof(struct allowance));
	l->crossings = reserve(end, rulecross_count(rules_max) *
					    sizeof(struct rule_crossing));
	l->end = *end;
}

static void init_pools(struct port_table *t, const struct rules_layout *l)
{
	struct port_rules *r = &t->rules;
	const uint32_t rules = t->limits.rules_max;
	const uint32_t links = RULE_LINKS * rules;

	pool_init(&r->rules, port_part(t, l->rules), sizeof(struct port_rule),
		  rules);
	pool_init(&r->strays, port_part(t, l->strays),
		  sizeof(struct rule_group), links);
	pool_init(&r->lines, port_part(t, l->lines), sizeof(struct rule_line),
		  links);
	pool_init(&r->blocks, port_part(t, l->blocks),
		  sizeof(struct rule_block), links);
	pool_init(&r->facets, port_part(t, l->facets),
		  sizeof(struct rule_facet), links);
	pool_init(&r->rows, port_part(t, l->rows), sizeof(struct rule_row),
		  links);
	pool_init(&r->pairs, port_part(t, l->pairs), sizeof(struct rule_pair),
		  links);
}

void ruleset_init(struct port_table *t, const struct rules_layout *l)
{
	struct port_rules *r = &t->rules;
	const uint32_t max = t->limits.rules_max;

	/* The memory may have served a table before. */
	unpoison(port_part(t, l->rules), l->end - l->rules);
	init_pools(t, l);
	r->tallies_at = l->tallies;
	r->homes_at = l->homes;
	r->block_buckets_at = l->block_buckets;
	r->facet_buckets_at = l->facet_buckets;
	r->homes = home_count(max) - 1;
	r->block_buckets = power_above(RULE_LINKS * max, 64) - 1;
	r->facet_buckets = facet_buckets(max) - 1;
	for (int side = 0; side < 2; side++) {
		r->side[side].words_at = l->words[side];
		r->side[side].counts_at = l->counts[side];
	}
	r->filter_mask = filter_words(max) * 64 / RULE_LINE_BITS - 1;
	r->nodes_at = l->nodes;
	r->maps_at = l->maps;
	r->maps_max = map_count(max);
	r->maps_free = RULE_MAP_NONE;
	r->allowances_at = l->allowances;
	r->allowances = (uint32_t)allowance_count(max);
	r->crossings_at = l->crossings;
	r->crossings = (uint32_t)rulecross_count(max) - 1;
}

struct interval *ruleset_nodes(const struct port_table *t)
{
	return port_part(t, t->rules.nodes_at);
}

/* --- addresses ----------------------------------------------------------- */

struct rule_words ruleset_words(const struct minato_addr *a)
{
	struct rule_words w;

	memcpy(&w, a, sizeof(w));
	if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
		w.high = __builtin_bswap64(w.high);
		w.low = __builtin_bswap64(w.low);
	}
	return w;
}

/* --- the filters of prefixes --------------------------------------------- */

static void set_bits(struct port_table *t, uint32_t side, struct rule_words w,
		     uint32_t length, bool stands)
{
	const struct rule_cluster c =
		ruleset_cluster(t, side, w, ruleset_byte(length));
	uint64_t *filter = ruleset_filter(t, side, c.line);
	uint32_t *counts = port_part(t, t->rules.side[side].counts_at);
	uint32_t bit[2];

	counts += (size_t)c.line * RULE_LINE_BITS;
	ruleset_bits(c, w, length, bit);
	for (int i = 0; i < 2; i++) {
		counts[bit[i]] += stands ? 1 : UINT32_MAX;
		if (counts[bit[i]] == 0)
			filter[bit[i] / 64] &= ~(UINT64_C(1) << bit[i] % 64);
		else
			filter[bit[i] / 64] |= UINT64_C(1) << bit[i] % 64;
	}
}

/* Whether such a prefix is for some address of IPv4; of IPv6. */
static bool reaches(struct rule_words w, uint32_t length, bool six)
{
	const struct rule_words any4 = { 0, UINT64_C(0xffff) << 32 };
	const bool four = w.high == 0 && w.low >> 32 == 0xffff;
	const struct rule_words cut = ruleset_cut(any4, length);

	if (length >= PREFIX4)
		return four != six;
	return six || (cut.high == w.high && cut.low == w.low);
}

static uint32_t bytes_of(const uint64_t here[3])
{
	uint32_t bytes = here[2] != 0 ? 1u << (RULE_BYTES - 1) : 0;

	for (uint32_t byte = 0; byte < RULE_BYTES; byte++) {
		uint64_t lengths = here[byte / 8] >> byte % 8 * 8 & 0xff;
		if (byte == 0)
			lengths &= ~UINT64_C(1);
		bytes |= (uint32_t)(lengths != 0) << byte;
	}
	return bytes;
}

static void side_change(struct port_table *t, uint32_t side,
			struct rule_words w, uint32_t length, bool stands)
{
	struct rule_side *s = &t->rules.side[side];
	uint32_t *count;

	if (length != 0)
		set_bits(t, side, w, length, stands);
	for (uint32_t six = 0; six < 2; six++) {
		if (!reaches(w, length, six != 0))
			continue;
		count = &s->count[six][length];
		*count += stands ? 1 : UINT32_MAX;
		if (*count == 0)
			s->here[six][length / 64] &=
				~(UINT64_C(1) << length % 64);
		else
			s->here[six][length / 64] |= UINT64_C(1) << length % 64;
		s->bytes[six] = bytes_of(s->here[six]);
	}
}

/* --- facets, and the pairs of lengths in them ---------------------------- */

uint64_t ruleset_facet_key(uint32_t policy, uint32_t slot, uint32_t combination,
			   const struct port_key *key)
{
	uint64_t word = (policy << 4 | combination) << 2 | slot;

	word = word << 8 | (combination & WITH_SCOPE ? key->scope : 0);
	word = word << 8 | (combination & WITH_FACE ? key->face : 0);
	word = word << 8 | (combination & WITH_COURSE ? key->course : 0);
	return word << 16 | (combination & WITH_PROGRAM ? key->program : 0);
}

static uint32_t *facet_bucket(const struct port_table *t, uint64_t key)
{
	uint32_t *buckets = port_part(t, t->rules.facet_buckets_at);
	const uint64_t word[2] = { key, 0 };

	return &buckets[hash_pair(&t->secret, word) & t->rules.facet_buckets];
}

static struct rule_facet *facet_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->rules.facets, index);
}

struct rule_facet *ruleset_facet(const struct port_table *t, uint64_t key)
{
	uint32_t word = *facet_bucket(t, key);

	while (word != 0 && facet_at(t, word - 1)->key != key)
		word = facet_at(t, word - 1)->next;
	return word == 0 ? NULL : facet_at(t, word - 1);
}

static struct rule_row *row_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->rules.rows, index);
}

static struct rule_pair *pair_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->rules.pairs, index);
}

/* What points to the row or pair of a length, or to none. */
static uint32_t *find_row(const struct port_table *t, struct rule_facet *f,
			  uint32_t length)
{
	uint32_t *place = &f->rows;

	while (*place != 0 && row_at(t, *place - 1)->local_prefix != length)
		place = &row_at(t, *place - 1)->next;
	return place;
}

static uint32_t *find_pair(const struct port_table *t, struct rule_row *row,
			   uint32_t length)
{
	uint32_t *place = &row->pairs;

	while (*place != 0 && pair_at(t, *place - 1)->remote_prefix != length)
		place = &pair_at(t, *place - 1)->next;
	return place;
}

static bool comes_before(struct rule_lengths a, struct rule_lengths b)
{
	return a.local != b.local ? a.local < b.local : a.remote < b.remote;
}

/* The pairs of the facet, as long as its line has room for them. */
static void note_pairs(const struct port_table *t, struct rule_facet *f)
{
	uint32_t row = f->rows, at = 0;

	for (; row != 0 && f->pairs <= RULE_PAIRS;
	     row = row_at(t, row - 1)->next) {
		const struct rule_row *r = row_at(t, row - 1);
		for (uint32_t pair = r->pairs; pair != 0;
		     pair = pair_at(t, pair - 1)->next)
			f->pair[at++] = (struct rule_lengths){
				r->local_prefix,
				pair_at(t, pair - 1)->remote_prefix
			};
	}
	for (uint32_t i = 1; i < at; i++) {
		const struct rule_lengths p = f->pair[i];
		uint32_t to = i;
		for (; to > 0 && comes_before(p, f->pair[to - 1]); to--)
			f->pair[to] = f->pair[to - 1];
		f->pair[to] = p;
	}
}

static void pair_enter(struct port_table *t, struct rule_facet *f,
		       uint32_t local, uint32_t remote)
{
	uint32_t *place = find_row(t, f, local);
	struct rule_row *row;
	uint32_t *pair, index;

	if (*place == 0) {
		index = pool_take(&t->rules.rows);
		check(index != POOL_NONE);
		*row_at(t, index) =
			(struct rule_row){ .local_prefix = (uint8_t)local };
		*place = index + 1;
	}
	row = row_at(t, *place - 1);
	row->count++;
	row->remotes[remote / 64] |= UINT64_C(1) << remote % 64;
	pair = find_pair(t, row, remote);
	if (*pair == 0) {
		index = pool_take(&t->rules.pairs);
		check(index != POOL_NONE);
		*pair_at(t, index) =
			(struct rule_pair){ .remote_prefix = (uint8_t)remote };
		*pair = index + 1;
		f->pairs++;
		note_pairs(t, f);
	}
	pair_at(t, *pair - 1)->count++;
}

static void pair_leave(struct port_table *t, struct rule_facet *f,
		       uint32_t local, uint32_t remote)
{
	uint32_t *place = find_row(t, f, local);
	const uint32_t row_index = *place - 1;
	struct rule_row *row = row_at(t, row_index);
	uint32_t *pair = find_pair(t, row, remote);
	const uint32_t pair_index = *pair - 1;
	const bool last = --pair_at(t, pair_index)->count == 0;

	if (last) {
		row->remotes[remote / 64] &= ~(UINT64_C(1) << remote % 64);
		*pair = pair_at(t, pair_index)->next;
		pool_give(&t->rules.pairs, pair_index);
	}
	if (--row->count == 0) {
		*place = row->next;
		pool_give(&t->rules.rows, row_index);
	}
	if (last) {
		f->pairs--;
		note_pairs(t, f);
	}
}

static struct rule_facet *facet_get(struct port_table *t, uint64_t key)
{
	struct rule_facet *f = ruleset_facet(t, key);
	uint32_t *bucket, index;

	if (f != NULL)
		return f;
	index = pool_take(&t->rules.facets);
	check(index != POOL_NONE);
	bucket = facet_bucket(t, key);
	f = facet_at(t, index);
	*f = (struct rule_facet){ .next = *bucket,
				  .key = key,
				  .lowest = UINT64_MAX };
	*bucket = index + 1;
	return f;
}

static uint32_t facet_number(const struct port_table *t,
			     const struct rule_facet *f)
{
	return (uint32_t)(f - facet_at(t, 0));
}

static void facet_release(struct port_table *t, struct rule_facet *f)
{
	uint32_t *place = facet_bucket(t, f->key);
	const uint32_t index = facet_number(t, f);

	if (--f->count > 0)
		return;
	while (*place != index + 1)
		place = &facet_at(t, *place - 1)->next;
	*place = f->next;
	pool_give(&t->rules.facets, index);
}

/* --- where a rule stands ------------------------------------------------- */

static bool in_slot(const struct port_entry *e, uint32_t slot)
{
	return e->proto == 0 ? slot < 2 : slot == rule_slot(e->proto);
}

static uint32_t combination_of(const struct port_entry *e,
			       const struct port_rule *rule)
{
	return (e->scope != MINATO_SCOPE_ANY ? WITH_SCOPE : 0) |
	       (e->face != MINATO_FACE_ANY ? WITH_FACE : 0) |
	       (rule->course != 0 ? WITH_COURSE : 0) |
	       (rule->program != 0 ? WITH_PROGRAM : 0);
}

static uint64_t facet_key_of(const struct port_entry *e,
			     const struct port_rule *rule, uint32_t policy,
			     uint32_t slot, bool unknown)
{
	const struct port_key key = {
		.scope = e->scope,
		.face = e->face,
		.course = rule->course,
		.program = unknown ? MINATO_PROGRAM_UNKNOWN : rule->program,
	};

	return ruleset_facet_key(policy, slot, combination_of(e, rule), &key);
}

static struct rule_standing standing_of(const struct port_table *t,
					uint32_t number, uint32_t policy,
					uint32_t link)
{
	const struct rule_tally *tally = ruleset_tally(t, number);
	const struct port_entry *e = entry_at(t, tally->entry);

	return (struct rule_standing){
		.rule = number,
		.policy = policy,
		.link = link,
		.place = { .order = tally->order[policy],
			   .word = tally->word,
			   .first = e->first,
			   .last = e->last },
		.local = ruleset_words(&e->local),
		.remote = ruleset_words(&e->remote),
		.local_prefix = e->local_prefix,
		.remote_prefix = e->remote_prefix,
	};
}

/* Whether it stands in that facet by its program, 1, or that of UNKNOWN, 2. */
static uint32_t stands_as(const struct port_entry *e, const struct port_rule *r,
			  uint32_t policy, uint32_t slot, uint64_t key)
{
	if (facet_key_of(e, r, policy, slot, false) == key)
		return 1;
	return r->program != 0 &&
			       facet_key_of(e, r, policy, slot, true) == key ?
		       2 :
		       0;
}

struct rule_standing ruleset_standing_in(const struct port_table *t,
					 uint32_t rule, uint32_t facet)
{
	const struct port_rule *r = ruleset_rule(t, rule);
	const struct port_entry *e = entry_at(t, ruleset_tally(t, rule)->entry);
	const uint64_t key = facet_at(t, facet)->key;

	for (uint32_t i = 0; i < RULE_POLICIES * RULE_PROTOS; i++) {
		const uint32_t policy = i / RULE_PROTOS, slot = i % RULE_PROTOS;
		const uint32_t as = in_slot(e, slot) ?
					    stands_as(e, r, policy, slot, key) :
					    0;
		if (as != 0)
			return standing_of(t, rule, policy,
					   2 * entry_link(e, slot) + as - 1);
	}
	check(false);
	return standing_of(t, rule, 0, 0);
}

static void stand(struct port_table *t, const struct rule_standing *s,
		  uint64_t facet_key, bool stands)
{
	struct rule_facet *f = stands ? facet_get(t, facet_key) :
					ruleset_facet(t, facet_key);
	const uint32_t number = facet_number(t, f);

	if (!stands) {
		rulegroup_leave(t, number, s);
		pair_leave(t, f, s->local_prefix, s->remote_prefix);
		facet_release(t, f);
		return;
	}
	f->count++;
	if (s->place.order < f->lowest)
		f->lowest = s->place.order;
	pair_enter(t, f, s->local_prefix, s->remote_prefix);
	rulegroup_enter(t, number, s);
}

/* It comes to a policy, or leaves it. */
static void stand_everywhere(struct port_table *t, uint32_t number,
			     uint32_t policy, bool stands)
{
	struct port_rule *rule = ruleset_rule(t, number);
	const struct port_entry *e =
		entry_at(t, ruleset_tally(t, number)->entry);
	const uint32_t combination = combination_of(e, rule);
	struct rule_standing s = standing_of(t, number, policy, 0);

	side_change(t, 0, s.local, s.local_prefix, stands);
	side_change(t, 1, s.remote, s.remote_prefix, stands);
	for (uint32_t slot = 0; slot < RULE_PROTOS; slot++) {
		uint32_t *count = &t->rules.combinations[slot][combination];
		if (!in_slot(e, slot))
			continue;
		s.link = 2 * entry_link(e, slot);
		stand(t, &s, facet_key_of(e, rule, policy, slot, false),
		      stands);
		if (rule->program != 0) {
			s.link++;
			stand(t, &s, facet_key_of(e, rule, policy, slot, true),
			      stands);
		}
		*count += stands ? 1 : UINT32_MAX;
		if (*count == 0)
			t->rules.used[slot] &= ~(UINT32_C(1) << combination);
		else
			t->rules.used[slot] |= UINT32_C(1) << combination;
	}
	rule->stands ^= (uint8_t)(1u << policy);
	t->rules.standings += stands ? 1 : UINT32_MAX;
	/* No answer depends on what is not in force. */
	if (policy == t->rules.policy)
		t->rules.changes++;
}

static void leave_all(struct port_table *t, uint32_t number)
{
	const uint32_t stands = ruleset_rule(t, number)->stands;

	for (uint32_t policy = 0; policy < RULE_POLICIES; policy++) {
		if ((stands >> policy & 1) != 0)
			stand_everywhere(t, number, policy, false);
	}
}

/* --- rules --------------------------------------------------------------- */

/* What its number owes is no other's. */
static void forget_hits(struct port_rules *r, uint32_t number)
{
	for (uint32_t i = 0; i < RULES_OWED; i++) {
		if (r->owed[i] == number + 1)
			r->owed[i] = 0;
	}
}

uint64_t ruleset_hits(const struct port_table *t, uint32_t entry)
{
	const uint32_t number = entry_at(t, entry)->next;
	uint64_t hits = ruleset_tally(t, number)->hits;

	for (uint32_t i = 0; i < RULES_OWED; i++)
		hits += t->rules.owed[i] == number + 1;
	return hits;
}

static uint32_t word_of(uint32_t number, const struct minato_entry *in)
{
	const bool plain = in->until_ns == 0 && in->rate_count == 0 && !in->log;

	return number | (uint32_t)in->verdict << RULE_VERDICT_SHIFT |
	       (plain ? RULE_PLAIN : 0);
}

bool ruleset_has_room(const struct port_table *t)
{
	return t->rules.count < t->limits.rules_max &&
	       t->rules.standings < t->limits.rules_max;
}

void ruleset_add(struct port_table *t, uint32_t entry,
		 const struct minato_entry *in)
{
	const uint32_t policy = in->next ? 1 - t->rules.policy :
					   t->rules.policy;
	const uint32_t number = pool_take(&t->rules.rules);
	struct port_entry *e = entry_at(t, entry);
	struct port_rule *rule;
	uint32_t generation;

	check(number != POOL_NONE);
	rule = ruleset_rule(t, number);
	generation = rule->generation + 1;
	*rule = (struct port_rule){
		.until_ns = in->until_ns,
		.rate_count = in->rate_count,
		.rate_span_s = in->rate_span_s,
		.generation = generation,
		.program = in->program,
		.course = in->course,
		.rate_verdict = (uint8_t)in->rate_verdict,
		.rate_each = in->rate_each,
		.log = in->log,
	};
	*ruleset_tally(t, number) = (struct rule_tally){
		.entry = entry,
		.word = word_of(number, in),
	};
	ruleset_tally(t, number)->order[policy] = in->order;
	e->next = number;
	t->rules.count++;
	rulecross_edges(t, e->first, e->last);
	stand_everywhere(t, number, policy, true);
}

int ruleset_order(struct port_table *t, uint32_t entry, uint32_t policy,
		  uint64_t order)
{
	const uint32_t number = entry_at(t, entry)->next;
	const struct port_rule *rule = ruleset_rule(t, number);
	const bool stands = (rule->stands >> policy & 1) != 0;

	if (!stands && order != 0 && !rule->lapsed &&
	    t->rules.standings == t->limits.rules_max)
		return -ENOSPC;
	if (stands)
		stand_everywhere(t, number, policy, false);
	ruleset_tally(t, number)->order[policy] = order;
	if (order != 0 && !rule->lapsed)
		stand_everywhere(t, number, policy, true);
	return 0;
}

void port_rules_turn(struct port_table *t)
{
	t->rules.policy = 1 - t->rules.policy;
	t->rules.changes++;
}

void ruleset_lapse(struct port_table *t, uint32_t rule)
{
	leave_all(t, rule);
	ruleset_rule(t, rule)->lapsed = true;
}

void ruleset_remove(struct port_table *t, uint32_t entry)
{
	const uint32_t number = entry_at(t, entry)->next;

	leave_all(t, number);
	if (ruleset_rule(t, number)->rate_each)
		allowance_forget(t, number);
	forget_hits(&t->rules, number);
	if (--t->rules.count == 0)
		rulecross_forget_edges(t);
	pool_give(&t->rules.rules, number);
}

void ruleset_get(const struct port_table *t, uint32_t entry,
		 struct minato_entry *out)
{
	const uint32_t number = entry_at(t, entry)->next;
	const struct port_rule *rule = ruleset_rule(t, number);

	out->order = ruleset_tally(t, number)->order[t->rules.policy];
	out->next = out->order == 0;
	if (out->next)
		out->order =
			ruleset_tally(t, number)->order[1 - t->rules.policy];
	out->course = rule->course;
	out->program = rule->program;
	out->rate_count = rule->rate_count;
	out->rate_span_s = rule->rate_span_s;
	out->rate_each = rule->rate_each;
	out->rate_verdict = (enum minato_verdict)rule->rate_verdict;
	out->log = rule->log;
}
