/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that say the same thing twice, or take what another one says it has. */
#include "conf/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what can be said once ---- */

#define SLOT_TEXT_SIZE 144u /* two addresses and more */

/* A text that no two statements of a sort may have. */
struct slot {
	const char *sort;
	char text[SLOT_TEXT_SIZE];
	const struct conf_statement *s;
	size_t index; /* of it */
	enum conf_part part;
};
struct slots {
	struct slot *list;
	size_t count;
	size_t index; /* of the statement whose slots are added */
};

static void add_slot(struct slots *slots, const struct conf_statement *s, enum conf_part part,
		     const char *sort, const char *text)
{
	struct slot *slot = &slots->list[slots->count++];

	slot->sort = sort;
	snprintf(slot->text, sizeof(slot->text), "%s", text);
	slot->s = s;
	slot->index = slots->index;
	slot->part = part;
}

/* The place of a dmz: nothing else can stand there. Sources are few, and each is one. */
static void add_dmz(struct slots *slots, const struct conf_statement *s)
{
	const struct conf_dmz *dmz = &s->dmz;
	char on[48] = "any";
	char text[SLOT_TEXT_SIZE];
	uint32_t i = 0;

	if (!minato_addr_is_any(&dmz->on))
		minato_addr_format(&dmz->on, on, sizeof(on));
	do {
		char from[48] = "any";

		if (i < dmz->source_count)
			minato_addr_format(&dmz->source[i].addr, from, sizeof(from));
		snprintf(text, sizeof(text), "%s %s/%d", on, from,
			 i < dmz->source_count ? dmz->source[i].length : 0);
		add_slot(slots, s, CONF_PART_TARGET, "dmz", text);
	} while (++i < dmz->source_count);
}

static void add_slots(struct slots *slots, const struct conf_statement *s)
{
	char text[SLOT_TEXT_SIZE];

	if (s->name[0])
		add_slot(slots, s, CONF_PART_NAME, "named", s->name);
	switch (s->kind) {
	case CONF_KIND_NAT:
		snprintf(text, sizeof(text), "%d", (int)s->nat.key);
		add_slot(slots, s, CONF_PART_SUBJECT, "nat", text);
		break;
	case CONF_KIND_CAPACITY:
		snprintf(text, sizeof(text), "%d", (int)s->capacity.key);
		add_slot(slots, s, CONF_PART_SUBJECT, "capacity", text);
		break;
	case CONF_KIND_ROUTE:
		minato_addr_format(&s->route.to.addr, text, sizeof(text));
		snprintf(text + strlen(text), 8, "/%d", s->route.to.length);
		add_slot(slots, s, CONF_PART_SUBJECT, "route", text);
		break;
	case CONF_KIND_DRAIN:
		minato_addr_format(&s->drain.host, text, sizeof(text));
		snprintf(text + strlen(text), 8, " %u", s->drain.port);
		add_slot(slots, s, CONF_PART_SUBJECT, "drain", text);
		break;
	case CONF_KIND_STATE:
	case CONF_KIND_LISTEN:
		add_slot(slots, s, CONF_PART_SUBJECT, conf_verb(s), "");
		break;
	case CONF_KIND_SCANS:
		add_slot(slots, s, CONF_PART_SUBJECT, "scans", "");
		break;
	case CONF_KIND_ALERT:
		snprintf(text, sizeof(text), "%d", (int)s->alert.sort);
		add_slot(slots, s, CONF_PART_SUBJECT, "alert", text);
		break;
	case CONF_KIND_DMZ:
		add_dmz(slots, s);
		break;
	case CONF_KIND_LINK:
	case CONF_KIND_POOL:
	case CONF_KIND_FORWARD:
	case CONF_KIND_NEVER:
	case CONF_KIND_RESERVE:
	case CONF_KIND_TEST:
	case CONF_KIND_RULE:
	case CONF_KIND_ZONE:
	case CONF_KIND_SET:
	case CONF_KIND_COUNT:
		break;
	}
}

/* Of a name, and of each source of a dmz. */
static size_t slots_max(const struct conf_statement *s)
{
	size_t named = s->name[0] != 0;
	bool once = s->kind == CONF_KIND_NAT || s->kind == CONF_KIND_CAPACITY ||
		    s->kind == CONF_KIND_ROUTE || s->kind == CONF_KIND_STATE ||
		    s->kind == CONF_KIND_DRAIN || s->kind == CONF_KIND_LISTEN ||
		    s->kind == CONF_KIND_SCANS || s->kind == CONF_KIND_ALERT;

	return named + (s->kind == CONF_KIND_DMZ ? CONF_SOURCES_MAX : once);
}

static int compare_slots(const void *one, const void *two)
{
	const struct slot *a = one;
	const struct slot *b = two;
	int result = strcmp(a->sort, b->sort);

	if (result == 0)
		result = strcmp(a->text, b->text);
	return result ? result : a->index < b->index ? -1 : a->index > b->index;
}

static const char *once(const struct slot *slot)
{
	if (slot->part == CONF_PART_NAME)
		return "this name is another statement's already";
	return slot->s->kind == CONF_KIND_DMZ ? "there is a dmz for this already" :
						"this is said already";
}

static int judge_slots(const struct conf *conf, struct conf_report *report)
{
	struct slots slots = { .list = NULL };
	size_t room = 1;

	for (size_t i = 0; i < conf->count; i++)
		room += slots_max(conf->list[i]);
	slots.list = calloc(room, sizeof(struct slot));

	if (!slots.list)
		return -ENOMEM;
	for (size_t i = 0; i < conf->count; i++) {
		slots.index = i;
		add_slots(&slots, conf->list[i]);
	}
	qsort(slots.list, slots.count, sizeof(slots.list[0]), compare_slots);
	for (size_t i = 1; i < slots.count; i++) {
		const struct slot *slot = &slots.list[i];
		const struct slot *before = slot - 1;

		if (!strcmp(slot->sort, before->sort) && !strcmp(slot->text, before->text) &&
		    slot->s != before->s)
			judge_say(report, CONF_ERROR, slot->s, slot->part, before->s->line, "%s",
				  once(slot));
	}
	free(slots.list);
	return 0;
}

/* ---- prefixes that hold each other ---- */

/* The later of two prefixes of a kind that meet, each with the first that it meets. */
static void judge_prefixes(const struct conf *conf, enum conf_kind kind, struct conf_report *report)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];
		const struct conf_prefix *mine = kind == CONF_KIND_POOL ? &s->pool.addresses :
									  &s->never;
		size_t k = 0;

		if (s->kind != kind)
			continue;
		for (; k < i; k++) {
			const struct conf_statement *t = conf->list[k];
			const struct conf_prefix *other =
				kind == CONF_KIND_POOL ? &t->pool.addresses : &t->never;

			if (t->kind == kind &&
			    (mine->length < other->length ? judge_within(mine, &other->addr) :
							    judge_within(other, &mine->addr)))
				break;
		}
		if (k == i)
			continue;
		if (kind == CONF_KIND_POOL)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, conf->list[k]->line,
				  "addresses of this pool are in another one");
		else
			judge_say(report, CONF_WARNING, s, CONF_PART_SUBJECT, conf->list[k]->line,
				  "one of these two prefixes holds the other");
	}
}

/* ---- forwards ---- */

/* As many pairs are compared, and no more, however wide the ranges of a file are. */
#define PAIRS_MAX 4000000u

/* One protocol, run and source of a forward: what the port table tells apart. */
struct key {
	uint8_t protocol;
	struct conf_run run;
	struct minato_addr on; /* of IPv6 the host's; any: every IPv4 address of ours */
	struct conf_prefix source;
	const struct conf_statement *s;
	size_t index; /* of it */
};

static size_t key_count(const struct conf_statement *s)
{
	if (s->kind != CONF_KIND_FORWARD)
		return 0;
	return (size_t)2 * s->forward.run_count *
	       (s->forward.source_count ? s->forward.source_count : 1);
}

static size_t add_keys(struct key *keys, const struct conf_statement *s, size_t index)
{
	const struct conf_forward *f = &s->forward;
	size_t count = 0;
	size_t all = key_count(s);

	for (size_t i = 0; i < all; i++) {
		struct key *key = &keys[count];
		size_t source = i / 2 / f->run_count;

		key->protocol = i % 2 ? CONF_UDP : CONF_TCP;
		if (!(f->protocols & key->protocol))
			continue;
		key->run = f->run[i / 2 % f->run_count];
		key->on = f->to == CONF_TO_OPEN ? f->server[0].at.addr : f->on;
		key->source = (struct conf_prefix){ { { 0 } }, 0 };
		if (f->source_count)
			key->source = f->source[source];
		key->s = s;
		key->index = index;
		count++;
	}
	return count;
}

static int compare_keys(const void *one, const void *two)
{
	const struct key *a = one;
	const struct key *b = two;

	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->run.first != b->run.first)
		return a->run.first < b->run.first ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static bool holds_source(const struct conf_prefix *wide, const struct conf_prefix *narrow)
{
	return wide->length <= narrow->length && judge_within(wide, &narrow->addr);
}

static bool holds_run(const struct conf_run *wide, const struct conf_run *narrow)
{
	return wide->first <= narrow->first && narrow->last <= wide->last;
}

static const char *protocol_word(const struct key *key)
{
	return key->protocol == CONF_TCP ? "tcp" : "udp";
}

/* Both at the same addresses. The table prefers the narrower run, then the earlier entry. */
static bool compare_same_place(const struct key *a, const struct key *b, struct conf_report *report)
{
	const struct key *later = a->index < b->index ? b : a;
	const struct key *earlier = later == a ? b : a;
	uint32_t first = a->run.first > b->run.first ? a->run.first : b->run.first;
	uint32_t last = a->run.last < b->run.last ? a->run.last : b->run.last;
	int width_a = a->run.last - a->run.first;
	int width_b = b->run.last - b->run.first;
	const struct key *taker = width_a == width_b ? earlier : width_a < width_b ? a : b;

	if (width_a == width_b && a->run.first == b->run.first) {
		/* A narrower source goes first, which is what one means by it. */
		if (!holds_source(&a->source, &b->source) || a->source.length != b->source.length)
			return false;
		judge_say(report, CONF_ERROR, later->s, CONF_PART_SUBJECT, earlier->s->line,
			  first == last ? "%s port %u is forwarded already" :
					  "%s ports %u-%u are forwarded already",
			  protocol_word(a), first, last);
		return true;
	}
	if (holds_run(&a->run, &b->run) || holds_run(&b->run, &a->run))
		return false;
	judge_say(report, CONF_WARNING, later->s, CONF_PART_SUBJECT, earlier->s->line,
		  "%s ports %u-%u are forwarded by both lines; %s takes them (%s)",
		  protocol_word(a), first, last, taker == later ? "this one" : "the other one",
		  width_a == width_b ? "it comes first" : "its range is narrower");
	return true;
}

/* How many IPv4 addresses there are outside; 2 stands for any more. */
static unsigned outside_count(const struct conf *conf)
{
	unsigned count = 0;

	for (size_t i = 0; i < conf->count && count < 2; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_POOL)
			count += s->pool.addresses.length == 128 ? 1 : 2;
		for (uint32_t k = 0;
		     s->kind == CONF_KIND_LINK && s->link.outside && k < s->link.address_count; k++)
			count += minato_addr_is4(&s->link.address[k].addr);
	}
	return count;
}

/*
 * One names an address, and goes before the other there, be its range however wide. That is meant
 * where both have the same ports and there are other addresses.
 */
static bool compare_places(const struct key *a, const struct key *b, unsigned addresses,
			   struct conf_report *report)
{
	const struct key *named = minato_addr_is_any(&a->on) ? b : a;
	const struct key *any = named == a ? b : a;
	char text[64];

	if (!minato_addr_is_any(&any->on) || !minato_addr_is4(&named->on))
		return false;
	if (!holds_run(&named->run, &any->run) || !holds_source(&named->source, &any->source))
		return false;
	if (holds_run(&any->run, &named->run) && addresses > 1)
		return false;
	minato_addr_format(&named->on, text, sizeof(text));
	judge_say(report, CONF_WARNING, any->s, CONF_PART_SUBJECT, named->s->line,
		  "at %s this can never match: the other line is for that address", text);
	return true;
}

/* True: it was reported. */
static bool compare(const struct key *a, const struct key *b, unsigned addresses,
		    struct conf_report *report)
{
	bool apart = !holds_source(&a->source, &b->source) && !holds_source(&b->source, &a->source);

	if (a->s == b->s || apart)
		return false;
	if (minato_addr_equal(&a->on, &b->on))
		return compare_same_place(a, b, report);
	return compare_places(a, b, addresses, report);
}

static void sweep(const struct key *keys, size_t count, bool *told, const struct conf *conf,
		  struct conf_report *report)
{
	unsigned addresses = outside_count(conf);
	uint32_t pairs = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = i + 1; k < count && keys[k].protocol == keys[i].protocol &&
				       keys[k].run.first <= keys[i].run.last;
		     k++) {
			size_t one = keys[i].index;
			size_t two = keys[k].index;

			if (++pairs > PAIRS_MAX)
				return;
			/* A statement is told of once, or a range would be for each port. */
			if (!told[one > two ? one : two])
				told[one > two ? one : two] =
					compare(&keys[i], &keys[k], addresses, report);
		}
	}
}

static int judge_forwards(const struct conf *conf, struct conf_report *report)
{
	size_t room = 1;
	size_t count = 0;
	struct key *keys;
	bool *told = calloc(conf->count + 1, sizeof(*told));

	for (size_t i = 0; i < conf->count; i++)
		room += key_count(conf->list[i]);
	keys = calloc(room, sizeof(*keys));
	if (!keys || !told) {
		free(keys);
		free(told);
		return -ENOMEM;
	}
	for (size_t i = 0; i < conf->count; i++)
		count += key_count(conf->list[i]) ? add_keys(&keys[count], conf->list[i], i) : 0;
	qsort(keys, count, sizeof(*keys), compare_keys);
	sweep(keys, count, told, conf, report);
	free(keys);
	free(told);
	return 0;
}

int clash_judge(const struct conf *conf, struct conf_report *report)
{
	int result = judge_slots(conf, report);

	judge_prefixes(conf, CONF_KIND_POOL, report);
	judge_prefixes(conf, CONF_KIND_NEVER, report);
	return result == 0 ? judge_forwards(conf, report) : result;
}
