/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that can never match, since rules before them decide all that they are about.
 *
 * What a rule is about is a box: way, protocol, program, from, to, and a run of ports. Boxes that
 * differ in ports alone share a *cover*: the runs that are decided already, each with the rule that
 * did. What holds a box are the covers of every wider `from` and `to`: one for each length of
 * prefix that is in use, found by a hash. So the steps for a rule do not grow with the rules before
 * it.
 */
#include "conf/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/rules.h"

/* Steps of one judgement, however a file was made to need more; then the rest goes unjudged. */
#define STEPS_MAX 20000000u
/* Members of sets that are entered for rules about them. */
#define MEMBERS_MAX 1000000u
#define COVERS_MAX 64u /* that are looked at for one box */
#define WORD 255u      /* in the place of a length: a zone, a set, a name */
#define PORT_MAX 65535u

struct piece {
	uint16_t first, last;
	uint32_t rule; /* index of the statement */
};

struct key {
	uint64_t from[2], to[2]; /* a prefix, or the hash of a word */
	uint64_t program;
	uint8_t from_length, to_length, out, protocol; /* protocol: bits of CONF_TCP.. */
	uint32_t zero;
};

struct cover {
	struct key key;
	struct piece *piece; /* by port, apart from each other */
	uint32_t count, room;
	bool used;
};

struct shadow {
	const struct conf *conf;
	const struct rules_names *names;
	struct cover *cover; /* open addressing */
	size_t cover_count, cover_room;
	bool from_used[129], to_used[129]; /* lengths of prefixes */
	bool from_zone[2];		   /* lan, wan: together everybody */
	uint32_t steps, members;
	bool failed; /* out of memory */
};

static const char *const zone_words[2] = { "lan", "wan" };

/* ---- covers ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static uint64_t hash_of_key(const struct key *key)
{
	uint64_t words[sizeof(*key) / sizeof(uint64_t)];
	uint64_t hash = 0;

	memcpy(words, key, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = mix(hash, words[i]);
	return hash;
}

static uint64_t hash_of_word(const char *word)
{
	uint64_t hash = 1;

	while (*word)
		hash = mix(hash, (uint64_t)*word++);
	return hash;
}

static struct cover *find(const struct shadow *s, const struct key *key)
{
	size_t at = hash_of_key(key) & (s->cover_room - 1);

	while (s->cover[at].used && memcmp(&s->cover[at].key, key, sizeof(*key)) != 0)
		at = (at + 1) & (s->cover_room - 1);
	return &s->cover[at];
}

static bool grow(struct shadow *s)
{
	struct shadow bigger = { .cover_room = s->cover_room ? s->cover_room * 2 : 64 };

	bigger.cover = calloc(bigger.cover_room, sizeof(*bigger.cover));
	if (!bigger.cover)
		return false;
	for (size_t i = 0; i < s->cover_room; i++) {
		if (s->cover[i].used)
			*find(&bigger, &s->cover[i].key) = s->cover[i];
	}
	free(s->cover);
	s->cover = bigger.cover;
	s->cover_room = bigger.cover_room;
	return true;
}

static struct cover *enter(struct shadow *s, const struct key *key)
{
	struct cover *cover;

	if ((s->cover_count + 1) * 2 > s->cover_room && !grow(s))
		return NULL;
	cover = find(s, key);
	if (!cover->used) {
		*cover = (struct cover){ .key = *key, .used = true };
		s->cover_count++;
	}
	return cover;
}

/* The first piece that ends at the port or behind it. */
static uint32_t seek(const struct cover *cover, uint32_t port)
{
	uint32_t low = 0;
	uint32_t high = cover->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (cover->piece[middle].last < port)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool insert(struct cover *cover, uint32_t at, const struct piece *piece)
{
	if (cover->count == cover->room) {
		uint32_t room = cover->room ? cover->room * 2 : 2;
		struct piece *list = realloc(cover->piece, room * sizeof(*list));

		if (!list)
			return false;
		cover->piece = list;
		cover->room = room;
	}
	memmove(&cover->piece[at + 1], &cover->piece[at],
		(cover->count - at) * sizeof(cover->piece[0]));
	cover->piece[at] = *piece;
	cover->count++;
	return true;
}

/* Fills what is not covered yet: who came first decides. */
static bool fill(struct cover *cover, const struct conf_run *run, uint32_t rule)
{
	uint32_t port = run->first;

	while (port <= run->last) {
		uint32_t at = seek(cover, port);
		bool behind = at == cover->count || cover->piece[at].first > run->last;
		uint32_t end = behind ? run->last : cover->piece[at].first - 1u;
		struct piece piece = { (uint16_t)port, (uint16_t)end, rule };

		if (!behind && cover->piece[at].first <= port)
			end = cover->piece[at].last;
		else if (!insert(cover, at, &piece))
			return false;
		port = end + 1;
	}
	return true;
}

/* ---- boxes ---- */

/* One end of a rule: anybody, a prefix, or a word. */
struct side {
	uint64_t value[2];
	uint8_t length; /* 0: anybody; WORD */
	const char *word;
};

struct box {
	struct side from[COVERS_MAX], to[COVERS_MAX];
	uint32_t from_count, to_count;
	struct conf_run run[CONF_TAIL_MAX / 6 + 1]; /* as many as a tail holds */
	uint32_t run_count;
	uint64_t program;
};

static void set_prefix(struct side *side, const struct conf_prefix *prefix)
{
	memcpy(side->value, prefix->addr.bytes, sizeof(side->value));
	side->length = prefix->length;
	side->word = NULL;
}

static void set_word(struct side *side, const char *word)
{
	side->value[0] = hash_of_word(word);
	side->value[1] = 1;
	side->length = WORD;
	side->word = word;
}

/* False: it lists more than is looked at. */
static bool add_side(struct side *list, uint32_t *count, const struct conf_item *item)
{
	if (*count == COVERS_MAX)
		return false;
	if (item->word)
		set_word(&list[(*count)++], item->word);
	else
		set_prefix(&list[(*count)++], &item->prefix);
	return true;
}

static bool make_box(struct box *box, const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;
	bool fits = true;

	memset(box, 0, offsetof(struct box, run));
	box->run_count = 0;
	box->program = 0;
	while (conf_item_next(rule, &at, &item) && fits) {
		if (item.sort == CONF_ITEM_PROGRAM)
			box->program = hash_of_word(item.word);
		else if (item.sort == CONF_ITEM_PORTS || item.sort == CONF_ITEM_TYPES ||
			 item.sort == CONF_ITEM_NUMBERS)
			box->run[box->run_count++] = item.run;
		else if (item.sort == CONF_ITEM_FROM || item.sort == CONF_ITEM_FROM_WORD)
			fits = add_side(box->from, &box->from_count, &item);
		else if (item.sort == CONF_ITEM_TO || item.sort == CONF_ITEM_TO_WORD)
			fits = add_side(box->to, &box->to_count, &item);
	}
	if (box->run_count == 0)
		box->run[box->run_count++] = (struct conf_run){ 0, PORT_MAX };
	/* Zero in both is anybody. */
	box->from_count += box->from_count == 0;
	box->to_count += box->to_count == 0;
	return fits;
}

static bool has_protocol(const struct conf_rule *rule, uint8_t protocol)
{
	return !rule->protocols || rule->protocols & 1u << protocol;
}

static struct key key_of(const struct conf_rule *rule, uint8_t protocol, uint64_t program,
			 const struct side *from, const struct side *to)
{
	struct key key = { .program = program };

	memcpy(key.from, from->value, sizeof(key.from));
	memcpy(key.to, to->value, sizeof(key.to));
	key.from_length = from->length;
	key.to_length = to->length;
	key.out = rule->out;
	key.protocol = protocol;
	return key;
}

/* ---- whether a box is held ---- */

/* The stars that a name lies below: *.debian.org and *.org of deb.debian.org. */
static uint32_t wider_names(const struct side *side, struct side *out, uint32_t count)
{
	const char *dot = strchr(side->word + (side->word[0] == '*' ? 2 : 0), '.');
	char star[256];

	for (; dot; dot = strchr(dot + 1, '.')) {
		(void)snprintf(star, sizeof(star), "*%s", dot);
		set_word(&out[count], star);
		out[count++].word = side->word;
	}
	return count;
}

/* What holds a side, itself included, by lengths that are in use. Returns how many. */
static uint32_t wider(const struct side *side, const bool used[129], struct side *out)
{
	struct conf_prefix prefix = { { { 0 } }, 0 };
	uint32_t count = 0;

	out[count++] = (struct side){ .length = 0 };
	if (side->length == WORD) {
		out[count++] = *side;
		return wider_names(side, out, count);
	}
	memcpy(prefix.addr.bytes, side->value, sizeof(prefix.addr.bytes));
	for (int length = side->length; length > 0; length--) {
		prefix.length = (uint8_t)length;
		if (length < side->length)
			prefix.addr.bytes[length / 8] &= (uint8_t) ~(0x80u >> length % 8);
		if (used[length])
			set_prefix(&out[count++], &prefix);
	}
	return count;
}

/* Behind the `count` that are there already; returns how many there are then. */
static uint32_t gather(struct shadow *s, const struct conf_rule *rule, uint8_t protocol,
		       const struct box *box, const struct side *from, const struct side *to,
		       const struct cover *out[COVERS_MAX], uint32_t count)
{
	static struct side froms[130], tos[130];
	uint32_t from_count = wider(from, s->from_used, froms);
	uint32_t to_count = wider(to, s->to_used, tos);

	for (uint32_t i = 0; i < from_count * to_count * 2; i++) {
		uint64_t program = i % 2 ? box->program : 0;
		struct key key = key_of(rule, protocol, program, &froms[i / 2 % from_count],
					&tos[i / 2 / from_count]);
		const struct cover *cover;

		if (i % 2 && !box->program)
			continue;
		s->steps++;
		cover = find(s, &key);
		if (cover->used && count < COVERS_MAX)
			out[count++] = cover;
	}
	return count;
}

/* Who decided it. `several`: more than one did, of whom `rule` is one. */
struct decider {
	uint32_t rule;
	bool any, several;
};

static void note(struct decider *decider, uint32_t rule)
{
	decider->several |= decider->any && decider->rule != rule;
	/* The last to come is the one that closed the gap. */
	if (!decider->any || rule > decider->rule)
		decider->rule = rule;
	decider->any = true;
}

static bool is_held(struct shadow *s, const struct cover *const *covers, uint32_t count,
		    const struct conf_run *run, struct decider *decider)
{
	uint32_t port = run->first;

	while (port <= run->last) {
		const struct piece *best = NULL;

		for (uint32_t i = 0; i < count; i++) {
			uint32_t at = seek(covers[i], port);
			const struct piece *piece = at < covers[i]->count ? &covers[i]->piece[at] :
									    NULL;

			s->steps++;
			if (piece && piece->first <= port && (!best || piece->last > best->last))
				best = piece;
		}
		if (!best)
			return false;
		note(decider, best->rule);
		port = best->last + 1u;
	}
	return true;
}

static bool runs_are_held(struct shadow *s, const struct cover *const *covers, uint32_t count,
			  const struct box *box, struct decider *decider)
{
	bool held = true;

	for (uint32_t i = 0; i < box->run_count && held; i++)
		held = is_held(s, covers, count, &box->run[i], decider);
	return held;
}

/* By what is wider than it; or whoever it is, of lan or of wan. */
static bool pair_is_held(struct shadow *s, const struct conf_rule *rule, uint8_t protocol,
			 const struct box *box, const struct side *from, const struct side *to,
			 struct decider *decider)
{
	const struct cover *covers[COVERS_MAX];
	uint32_t count = gather(s, rule, protocol, box, from, to, covers, 0);
	struct decider one = *decider;
	bool held = runs_are_held(s, covers, count, box, &one);

	if (!held && s->from_zone[0] && s->from_zone[1]) {
		one = *decider;
		held = true;
		for (uint32_t i = 0; i < 2 && held; i++) {
			struct side zone;
			uint32_t more;

			set_word(&zone, zone_words[i]);
			more = gather(s, rule, protocol, box, &zone, to, covers, count);
			held = runs_are_held(s, covers, more, box, &one);
		}
	}
	*decider = one;
	return held;
}

static bool box_is_held(struct shadow *s, const struct conf_rule *rule, const struct box *box,
			struct decider *decider)
{
	bool held = true;

	for (uint32_t i = 0; i < box->from_count * box->to_count; i++) {
		for (uint8_t protocol = 0; protocol < 4 && held; protocol++)
			held = !has_protocol(rule, protocol) ||
			       pair_is_held(s, rule, protocol, box, &box->from[i % box->from_count],
					    &box->to[i / box->from_count], decider);
	}
	return held;
}

/* ---- a box is entered ---- */

static void enter_pair(struct shadow *s, const struct conf_rule *rule, const struct box *box,
		       const struct side *from, const struct side *to, uint32_t index)
{
	for (uint8_t protocol = 0; protocol < 4 && !s->failed; protocol++) {
		struct key key = key_of(rule, protocol, box->program, from, to);
		struct cover *cover = has_protocol(rule, protocol) ? enter(s, &key) : NULL;

		s->steps++;
		s->failed = has_protocol(rule, protocol) && !cover;
		for (uint32_t i = 0; cover && i < box->run_count; i++)
			s->failed |= !fill(cover, &box->run[i], index);
	}
	for (uint32_t i = 0; i < 2; i++)
		s->from_zone[i] |= from->word && !strcmp(from->word, zone_words[i]);
	if (from->length <= 128)
		s->from_used[from->length] = true;
	if (to->length <= 128)
		s->to_used[to->length] = true;
}

/* A rule about a set is one about each member too. */
static void enter_members(struct shadow *s, const struct conf_rule *rule, const struct box *box,
			  const struct side *from, const struct side *to, uint32_t index)
{
	const struct side *worded = from->word ? from : to;
	size_t at = 0;
	const struct conf_set *set;

	if ((from->word && to->word) || !worded->word)
		return;
	while ((set = rules_set_next(s->names, worded->word, &at)) != NULL) {
		for (uint32_t i = 0; i < set->count && s->members < MEMBERS_MAX; i++) {
			struct side member = { .length = 0 };

			s->members++;
			set_prefix(&member, &set->prefix[i]);
			enter_pair(s, rule, box, from->word ? &member : from,
				   from->word ? to : &member, index);
		}
	}
}

static void enter_box(struct shadow *s, const struct conf_rule *rule, const struct box *box,
		      uint32_t index)
{
	for (uint32_t i = 0; i < box->from_count * box->to_count && !s->failed; i++) {
		const struct side *from = &box->from[i % box->from_count];
		const struct side *to = &box->to[i / box->from_count];

		enter_pair(s, rule, box, from, to, index);
		enter_members(s, rule, box, from, to, index);
	}
}

/* ---- the rules ---- */

static bool same_box(const struct conf_rule *a, const struct conf_rule *b)
{
	return a->out == b->out && a->protocols == b->protocols && a->tail_size == b->tail_size &&
	       !memcmp(a->tail, b->tail, a->tail_size);
}

static bool same_rate(const struct conf_rule *a, const struct conf_rule *b)
{
	return a->verb == b->verb && a->rate_count == b->rate_count &&
	       a->rate_span_s == b->rate_span_s && a->each == b->each && a->silent == b->silent;
}

static void say(const struct shadow *s, const struct conf_statement *later,
		const struct decider *decider, struct conf_report *report)
{
	const struct conf_statement *earlier = s->conf->list[decider->rule];
	bool limits = !decider->several && earlier->rule.verb == CONF_LIMIT;

	if (limits && !(same_box(&earlier->rule, &later->rule) &&
			same_rate(&earlier->rule, &later->rule))) {
		judge_say(report, CONF_WARNING, later, CONF_PART_SUBJECT, earlier->line,
			  "this can never match: the other line, a limit, comes first and decides "
			  "all of it, what is within its bound too, which it allows");
		return;
	}
	if (!decider->several && same_box(&earlier->rule, &later->rule))
		judge_say(report, CONF_WARNING, later, CONF_PART_SUBJECT, earlier->line,
			  earlier->rule.verb == later->rule.verb ?
				  "this can never match: it is said already" :
				  "this can never match: the other line says '%s' of the same, and "
				  "comes first",
			  conf_verb(earlier));
	else
		judge_say(report, CONF_WARNING, later, CONF_PART_SUBJECT, earlier->line,
			  decider->several ?
				  "this can never match: lines before it, the last of them the "
				  "other line, decide all of it" :
				  "this can never match: the other line comes first and decides "
				  "all of it");
}

/* Whether it can never match. */
static bool judge_one(struct shadow *s, size_t index, struct conf_report *report)
{
	static struct box box;
	const struct conf_statement *one = s->conf->list[index];
	struct decider decider = { .any = false };
	bool whole = make_box(&box, &one->rule);

	if (whole && s->cover_room && box_is_held(s, &one->rule, &box, &decider)) {
		say(s, one, &decider, report);
		return true;
	}
	/* What ends some day hides others until then alone. */
	if (whole && one->rule.term.sort == CONF_TERM_NONE)
		enter_box(s, &one->rule, &box, (uint32_t)index);
	return false;
}

int shadow_judge(const struct conf *conf, const struct rules_names *names, bool *hidden,
		 struct conf_report *report)
{
	struct shadow s = { .conf = conf, .names = names };

	for (size_t i = 0; i < conf->count && s.steps < STEPS_MAX && !s.failed; i++) {
		if (conf->list[i]->kind == CONF_KIND_RULE)
			hidden[i] = judge_one(&s, i, report);
	}
	for (size_t i = 0; i < s.cover_room; i++)
		free(s.cover[i].piece);
	free(s.cover);
	return s.failed ? -ENOMEM : 0;
}
