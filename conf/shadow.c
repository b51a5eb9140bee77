/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules that can never match, since rules before them decide all that they are about.
 *
 * What a rule is about is a box: way, protocol, program, from, to, and a run of ports. Boxes that
 * differ in ports alone share a *cover*: the runs that are decided already, each with the rule that
 * did. What holds a box are the covers of every wider `from` and `to`: one for each length of
 * prefix that is in use, found by a hash. So the steps for a rule do not grow with the rules before
 * it. Where no wider ones do, its parts may be held each by others: a prefix that longer ones
 * together are, a zone's links, a set's members. Only there the steps grow with what is named.
 */
#include "conf/shadow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Steps of one judgement, however a file was made to need more; then the rest goes unjudged. */
#define STEPS_MAX 20000000u
/* Of these for parts; then what is held by parts alone goes unjudged. */
#define PART_STEPS_MAX 6000000u
/* Members of sets that are entered for rules about them. */
#define MEMBERS_MAX 1000000u
#define SPOTS_MAX 64u  /* behind from or to of one rule */
#define COVERS_MAX 64u /* that are looked at for one box */
#define TERMS_MAX 16u  /* ends of rules that are told apart */
#define PORT_MAX 65535u
#define ALL4 96u /* the length of a prefix of all IPv4 addresses */

/* CONF_TCP.. by their bits; messages of ICMP have other numbers in each family. */
enum { PROTOCOL_ICMP4 = 2, PROTOCOL_ICMP6 = 4, PROTOCOLS };

#define RUNS_MAX (CONF_TAIL_MAX / 6 + 1) /* as many as a tail holds */
struct runs {
	struct conf_run run[RUNS_MAX];
	uint32_t count;
};

struct box {
	struct shadow_spot from[SPOTS_MAX], to[SPOTS_MAX];
	uint32_t from_count, to_count;
	struct runs runs; /* as they are said */
	uint64_t program;
	const struct conf_rule *rule;
	uint32_t term[TERMS_MAX + 1]; /* what lasts at least as long */
	uint32_t term_count;
};

struct shadow {
	const struct conf *conf;
	struct shadow_ground ground;
	struct shadow_covers covers;
	struct conf_term term[TERMS_MAX];
	uint32_t term_count;
	uint32_t steps, part_steps, members, depth;
	bool failed; /* out of memory */
};

/* ---- how long rules hold ---- */

static uint64_t date_of(const struct conf_term *t)
{
	return (uint64_t)t->year << 32 | (uint64_t)t->month << 24 | (uint64_t)t->day << 16 |
	       (uint64_t)t->hour << 8 | t->minute;
}

/* Spans of lines of a file begin together; those of what is said live do not. */
static bool lasts(const struct conf_term *a, const struct conf_term *b)
{
	if (a->sort != b->sort)
		return false;
	if (a->sort == CONF_TERM_SPAN)
		return a->seconds >= b->seconds;
	return a->sort == CONF_TERM_DATE ? date_of(a) >= date_of(b) : date_of(a) == date_of(b);
}

static bool is_comparable(const struct conf_statement *s)
{
	return s->rule.term.sort != CONF_TERM_SPAN || (s->line && s->line < CONF_LINE_LIVE);
}

static void find_terms(const struct shadow *s, const struct conf_statement *one, struct box *box)
{
	box->term_count = 1;
	box->term[0] = 0;
	if (one->rule.term.sort == CONF_TERM_NONE || !is_comparable(one))
		return;
	for (uint32_t i = 0; i < s->term_count; i++) {
		if (lasts(&s->term[i], &one->rule.term))
			box->term[box->term_count++] = i + 1;
	}
}

/* False: it is not told apart. */
static bool number_of_term(struct shadow *s, const struct conf_statement *one, uint32_t *number)
{
	uint32_t i = 0;

	*number = 0;
	if (one->rule.term.sort == CONF_TERM_NONE)
		return true;
	if (!is_comparable(one))
		return false;
	while (i < s->term_count && memcmp(&s->term[i], &one->rule.term, sizeof(s->term[i])) != 0)
		i++;
	if (i == TERMS_MAX)
		return false;
	if (i == s->term_count)
		s->term[s->term_count++] = one->rule.term;
	*number = i + 1;
	return true;
}

/* ---- boxes ---- */

static bool add_spot(const struct shadow *s, struct box *box, enum shadow_end end,
		     const struct conf_item *item)
{
	uint32_t *count = end == SHADOW_FROM ? &box->from_count : &box->to_count;

	if (*count == SPOTS_MAX)
		return false;
	shadow_spot_of(&s->ground, end == SHADOW_FROM ? &box->from[*count] : &box->to[*count], end,
		       item);
	++*count;
	return true;
}

/* False: it lists more than is looked at. */
static bool make_box(const struct shadow *s, struct box *box, const struct conf_rule *rule)
{
	static const struct conf_item anybody = { .sort = CONF_ITEM_FROM };
	struct conf_item item;
	uint32_t at = 0;
	bool fits = true;

	box->rule = rule;
	box->from_count = box->to_count = box->runs.count = 0;
	box->program = 0;
	while (conf_item_next(rule, &at, &item) && fits) {
		if (item.sort == CONF_ITEM_PROGRAM)
			box->program = shadow_hash_word(item.word);
		else if (item.sort == CONF_ITEM_PORTS || item.sort == CONF_ITEM_TYPES ||
			 item.sort == CONF_ITEM_NUMBERS)
			box->runs.run[box->runs.count++] = item.run;
		else if (item.sort == CONF_ITEM_FROM || item.sort == CONF_ITEM_FROM_WORD)
			fits = add_spot(s, box, SHADOW_FROM, &item);
		else if (item.sort == CONF_ITEM_TO || item.sort == CONF_ITEM_TO_WORD)
			fits = add_spot(s, box, SHADOW_TO, &item);
	}
	if (box->runs.count == 0)
		box->runs.run[box->runs.count++] = (struct conf_run){ 0, PORT_MAX };
	if (!box->from_count)
		(void)add_spot(s, box, SHADOW_FROM, &anybody);
	if (!box->to_count)
		(void)add_spot(s, box, SHADOW_TO, &anybody);
	return fits;
}

static bool has_protocol(const struct conf_rule *rule, uint8_t protocol)
{
	return !rule->protocols ||
	       rule->protocols & (protocol == PROTOCOL_ICMP6 ? CONF_ICMP : 1u << protocol);
}

/* Whether messages of the family have this type (the registries of ICMP and ICMPv6 of IANA). */
static bool is_type(uint8_t protocol, uint32_t type)
{
	return protocol == PROTOCOL_ICMP4 ?
		       type <= 43 || type >= 253 :
		       (type >= 1 && type <= 4) || type == 100 || type == 101 || type >= 127;
}

/*
 * The numbers that the box is about in this protocol. With `asked` types that messages of the other
 * family alone have are left out.
 */
static void runs_of(const struct box *box, uint8_t protocol, bool asked, struct runs *out)
{
	const bool icmp = protocol == PROTOCOL_ICMP4 || protocol == PROTOCOL_ICMP6;
	const uint8_t other = protocol == PROTOCOL_ICMP4 ? PROTOCOL_ICMP6 : PROTOCOL_ICMP4;

	out->count = 0;
	for (uint32_t i = 0; i < box->runs.count; i++) {
		struct conf_run run = box->runs.run[i];
		int four, six;

		if (icmp && run.first == run.last && run.first >= CONF_TYPE_NAMED) {
			(void)ruleline_type(run.first, &four, &six);
			if ((protocol == PROTOCOL_ICMP4 ? four : six) < 0)
				continue;
			run.first = run.last = (uint16_t)(protocol == PROTOCOL_ICMP4 ? four : six);
		} else if (icmp && asked && run.first == run.last && is_type(other, run.first) &&
			   !is_type(protocol, run.first)) {
			continue;
		}
		out->run[out->count++] = run;
	}
}

static struct shadow_key key_of(const struct box *box, uint8_t protocol, uint32_t term,
				const struct shadow_side *from, const struct shadow_side *to)
{
	struct shadow_key key = { .program = box->program, .term = term };

	memcpy(key.from, from->value, sizeof(key.from));
	memcpy(key.to, to->value, sizeof(key.to));
	key.from_length = from->length;
	key.to_length = to->length;
	key.out = box->rule->out;
	key.protocol = protocol;
	return key;
}

/* ---- families ---- */

static bool is_prefix(const struct shadow_side *side)
{
	return side->length > 0 && side->length <= 128;
}

static bool is4(const struct shadow_side *side)
{
	const struct conf_prefix prefix = shadow_side_prefix(side);

	return side->length >= ALL4 && side->length <= 128 && minato_addr_is4(&prefix.addr);
}

/* No rule is about packets of two families. */
static bool differ(const struct shadow_side *from, const struct shadow_side *to)
{
	return is_prefix(from) && is_prefix(to) && is4(from) != is4(to);
}

/* Anybody is a host of the family that the other one is of. False: there is no such packet. */
static bool narrow(uint8_t protocol, struct shadow_spot *from, struct shadow_spot *to)
{
	const struct conf_prefix all4 = { .addr = minato_addr4(0, 0, 0, 0), .length = ALL4 };
	const bool four = protocol == PROTOCOL_ICMP4 || is4(&from->side) || is4(&to->side);
	const bool six = protocol == PROTOCOL_ICMP6 ||
			 (is_prefix(&from->side) && !is4(&from->side)) ||
			 (is_prefix(&to->side) && !is4(&to->side));

	if (four && six)
		return false;
	if (four && from->side.length == 0)
		shadow_side_set(&from->side, &all4);
	if (four && to->side.length == 0)
		shadow_side_set(&to->side, &all4);
	return true;
}

/* ---- whether a box is held ---- */

/* What is asked: some ports of a protocol, of those that a box is about. */
struct question {
	const struct box *box;
	uint8_t protocol;
	struct runs runs;
};

static void count_step(struct shadow *s)
{
	s->steps += s->depth == 0;
	s->part_steps += s->depth > 0;
}

static uint32_t gather(struct shadow *s, const struct question *q, const struct shadow_spot *from,
		       const struct shadow_spot *to, const struct shadow_cover *out[COVERS_MAX])
{
	static struct shadow_side froms[SHADOW_WIDER_MAX], tos[SHADOW_WIDER_MAX];
	const uint32_t from_count = shadow_spot_wider(&s->ground, from, SHADOW_FROM, froms);
	const uint32_t to_count = shadow_spot_wider(&s->ground, to, SHADOW_TO, tos);
	const uint32_t programs = q->box->program ? 2 : 1;
	uint32_t count = 0;

	for (uint32_t i = 0; i < from_count * to_count && count < COVERS_MAX; i++) {
		const struct shadow_side *one = &froms[i % from_count];
		const struct shadow_side *other = &tos[i / from_count];

		if (differ(one, other))
			continue;
		for (uint32_t k = 0; k < q->box->term_count * programs && count < COVERS_MAX; k++) {
			struct shadow_key key =
				key_of(q->box, q->protocol, q->box->term[k / programs], one, other);

			if (k % programs == 0)
				key.program = 0;
			count_step(s);
			out[count] = shadow_cover_find(&s->covers, &key);
			count += out[count] != NULL;
		}
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

static bool run_is_held(struct shadow *s, const struct shadow_cover *const *covers, uint32_t count,
			const struct conf_run *run, struct decider *decider)
{
	uint32_t port = run->first;

	while (port <= run->last) {
		const struct shadow_piece *best = NULL;

		for (uint32_t i = 0; i < count; i++) {
			const struct shadow_piece *piece = shadow_cover_at(covers[i], port);

			count_step(s);
			if (piece && (!best || piece->last > best->last))
				best = piece;
		}
		if (!best)
			return false;
		note(decider, best->rule);
		port = best->last + 1u;
	}
	return true;
}

static bool cell_is_held(struct shadow *s, const struct question *q, struct shadow_spot from,
			 struct shadow_spot to, struct decider *decider);

/* Of one end; the first way to part it that there is will do, since others part its parts. */
static bool parts_are_held(struct shadow *s, const struct question *q,
			   const struct shadow_spot *from, const struct shadow_spot *to,
			   struct decider *decider)
{
	struct shadow_parts parts;
	struct shadow_spot part;
	bool held = true;
	bool of_from = shadow_parts_begin(&s->ground, from, SHADOW_FROM, &parts);

	if (s->part_steps >= PART_STEPS_MAX ||
	    (!of_from && !shadow_parts_begin(&s->ground, to, SHADOW_TO, &parts)))
		return false;
	s->depth++;
	while (held && shadow_parts_next(&s->ground, &parts, &part))
		held = cell_is_held(s, q, of_from ? part : *from, of_from ? *to : part, decider);
	s->depth--;
	return held;
}

static bool cell_is_held(struct shadow *s, const struct question *q, struct shadow_spot from,
			 struct shadow_spot to, struct decider *decider)
{
	const struct shadow_cover *covers[COVERS_MAX];
	struct decider one = *decider;
	bool held = true;
	uint32_t count;

	if (!narrow(q->protocol, &from, &to))
		return true;
	count = gather(s, q, &from, &to, covers);
	for (uint32_t i = 0; i < q->runs.count && held; i++)
		held = run_is_held(s, covers, count, &q->runs.run[i], &one);
	if (!held) {
		one = *decider;
		held = parts_are_held(s, q, &from, &to, &one);
	}
	*decider = one;
	return held;
}

static bool box_is_held(struct shadow *s, const struct box *box, struct decider *decider)
{
	static struct question q;
	bool held = true;

	q.box = box;
	for (q.protocol = 0; q.protocol < PROTOCOLS && held; q.protocol++) {
		if (!has_protocol(box->rule, q.protocol))
			continue;
		runs_of(box, q.protocol, true, &q.runs);
		for (uint32_t i = 0; q.runs.count && i < box->from_count * box->to_count && held;
		     i++)
			held = cell_is_held(s, &q, box->from[i % box->from_count],
					    box->to[i / box->from_count], decider);
	}
	/* Of what nobody decides no packet is; that is said elsewhere. */
	return held && decider->any;
}

/* ---- a box is entered ---- */

static void enter_pair(struct shadow *s, const struct box *box, const struct shadow_spot *from,
		       const struct shadow_spot *to, uint32_t term, uint32_t index)
{
	static struct runs runs;
	const struct shadow_side one = shadow_spot_side(from);
	const struct shadow_side other = shadow_spot_side(to);

	for (uint8_t protocol = 0; protocol < PROTOCOLS && !s->failed; protocol++) {
		struct shadow_key key = key_of(box, protocol, term, &one, &other);

		s->steps++;
		if (!has_protocol(box->rule, protocol))
			continue;
		runs_of(box, protocol, false, &runs);
		s->failed = runs.count &&
			    !shadow_cover_fill(&s->covers, &key, runs.run, runs.count, index);
	}
	if (!s->failed)
		s->failed = !shadow_spot_note(&s->ground, from, SHADOW_FROM) ||
			    !shadow_spot_note(&s->ground, to, SHADOW_TO);
}

/* The nth spot that a rule about this one is about: a set's members too. False: no more. */
struct members {
	const struct conf_set *set;
	size_t at;
	uint32_t i;
	bool begun;
};

static bool next_entered(struct shadow *s, const struct shadow_spot *of, struct members *m,
			 struct shadow_spot *out)
{
	*out = *of;
	if (!m->begun) {
		m->begun = true;
		return true;
	}
	if (of->side.length != SHADOW_WORD || !of->side.word || of->side.sort != RULES_SET)
		return false;
	while (!m->set || m->i == m->set->count) {
		m->set = rules_set_next(s->ground.names, of->side.word, &m->at);
		m->i = 0;
		if (!m->set)
			return false;
	}
	shadow_side_set(&out->side, &m->set->prefix[m->i++]);
	return s->members++ < MEMBERS_MAX;
}

static void enter_box(struct shadow *s, const struct box *box, uint32_t term, uint32_t index)
{
	for (uint32_t i = 0; i < box->from_count * box->to_count && !s->failed; i++) {
		struct members froms = { .begun = false };
		struct shadow_spot from;

		while (!s->failed &&
		       next_entered(s, &box->from[i % box->from_count], &froms, &from)) {
			struct members tos = { .begun = false };
			struct shadow_spot to;

			while (!s->failed &&
			       next_entered(s, &box->to[i / box->from_count], &tos, &to))
				enter_pair(s, box, &from, &to, term, index);
		}
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

	if (limits &&
	    !(same_box(&earlier->rule, &later->rule) && same_rate(&earlier->rule, &later->rule))) {
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
	uint32_t term;

	if (!make_box(s, &box, &one->rule))
		return false;
	find_terms(s, one, &box);
	if (box_is_held(s, &box, &decider)) {
		say(s, one, &decider, report);
		return true;
	}
	/* What ends some day hides others until then alone. */
	if (number_of_term(s, one, &term))
		enter_box(s, &box, term, (uint32_t)index);
	return false;
}

int shadow_judge(const struct conf *conf, const struct rules_names *names, bool *hidden,
		 struct conf_report *report)
{
	static struct shadow s;

	s = (struct shadow){ .conf = conf };
	shadow_ground_make(&s.ground, conf, names);
	for (size_t i = 0; i < conf->count && s.steps < STEPS_MAX && !s.failed; i++) {
		if (conf->list[i]->kind == CONF_KIND_RULE)
			hidden[i] = judge_one(&s, i, report);
	}
	shadow_cover_free(&s.covers);
	shadow_ground_free(&s.ground);
	return s.failed ? -ENOMEM : 0;
}
