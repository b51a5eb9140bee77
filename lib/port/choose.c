/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses a free port that nobody can guess (RFC 6056). */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

/* RFC 6056 3.2: the largest range, not only the dynamic ports. */
#define LOW_DEFAULT 1024u
#define HIGH_DEFAULT 65535u
#define DRAWS_MAX 32u

/* A choice being made. */
struct search {
	struct port_table *t;
	const struct minato_endpoint *remote; /* or NULL */
	struct port_entry own; /* scope, protocol and address, as an entry */
	uint32_t slot, space;
	uint16_t low, high;
};

static void start_search(struct search *s, struct port_table *t,
			 const struct port_choice *choice)
{
	check(choice->scope < PORT_SCOPES);
	s->t = t;
	s->remote = choice->remote;
	s->slot = port_slot(choice->proto);
	s->space = port_space_index(choice->scope, s->slot);
	s->low = choice->low;
	s->high = choice->high;
	if (choice->low == 0 && choice->high == 0) {
		s->low = LOW_DEFAULT;
		s->high = HIGH_DEFAULT;
	}
	if (s->low == 0)
		s->low = 1; /* never on the wire */
	s->own = (struct port_entry){ .scope = choice->scope,
				      .proto = choice->proto };
	entry_set_local(&s->own, &choice->local, false);
	/* Without an own address one cannot tell which tuples it meets. */
	if (s->own.local_prefix != 128)
		s->remote = NULL;
}

/* Ranges that keep ports from being chosen: forwards and reservations, of the
   scope and of any. */
struct range_walk {
	struct interval_walk walk;
	const struct search *s;
	uint32_t turn; /* of the four trees */
};
#define RANGE_TREES 4u

static void start_tree(struct range_walk *r, uint16_t low, uint16_t high)
{
	const struct port_table *t = r->s->t;
	const enum port_set set = r->turn % 2 == 0 ? PORT_GENERAL :
						     PORT_RESERVED;
	uint32_t space = r->s->space;

	if (r->turn >= 2)
		space = port_space_index(MINATO_SCOPE_ANY, r->s->slot);
	interval_start(&r->walk, port_intervals(t), t->space[space].root[set],
		       low, high);
}

static void start_ranges(struct range_walk *r, const struct search *s,
			 uint16_t low, uint16_t high)
{
	r->s = s;
	r->turn = 0;
	start_tree(r, low, high);
}

/* The next of them, or NULL. */
static const struct port_entry *next_range(struct range_walk *r)
{
	const struct port_table *t = r->s->t;

	for (;;) {
		uint32_t node = interval_next(&r->walk);
		if (node == POOL_NONE && ++r->turn == RANGE_TREES)
			return NULL;
		if (node == POOL_NONE)
			start_tree(r, r->walk.low, r->walk.high);
		else if (entry_at(t, node / 2)->kind != MINATO_KIND_UPLINK)
			return entry_at(t, node / 2);
	}
}

static bool in_held_range(const struct search *s, uint16_t port)
{
	struct range_walk r;

	start_ranges(&r, s, port, port);
	return next_range(&r) != NULL;
}

/* --- ports that nobody uses ---------------------------------------------- */

/* Uniform among what is free and not in such a range, which are taken
   out of a copy of the bitmap. */
static uint16_t choose_outside_ranges(const struct search *s)
{
	struct bitmap left = *port_bitmap(s->t, s->space);
	const struct port_entry *e;
	struct range_walk r;
	uint32_t count;

	start_ranges(&r, s, s->low, s->high);
	while ((e = next_range(&r)) != NULL) {
		uint32_t last = e->last < s->high ? e->last : s->high;
		uint32_t port = e->first > s->low ? e->first : s->low;
		for (; port <= last; port++) {
			if (bitmap_free(&left, (uint16_t)port))
				bitmap_take(&left, (uint16_t)port);
		}
	}
	count = bitmap_count(&left, s->low, s->high);
	if (count == 0)
		return 0;
	return bitmap_select(&left, s->low, random_below(&s->t->random, count));
}

/*
 * RFC 6056 3.3.2 (uniform, drawn again where a range is hit), over the free
 * ports alone, so that it never gives up: where draws keep hitting ranges, the
 * ranges are taken out first. Both ways are uniform.
 */
static uint16_t choose_unused(const struct search *s)
{
	const struct bitmap *b = port_bitmap(s->t, s->space);
	uint32_t count = bitmap_count(b, s->low, s->high);

	if (count == 0)
		return 0;
	for (uint32_t i = 0; i < DRAWS_MAX; i++) {
		uint16_t port = bitmap_select(
			b, s->low, random_below(&s->t->random, count));
		if (!in_held_range(s, port))
			return port;
	}
	return choose_outside_ranges(s);
}

/* --- ports in use elsewhere ---------------------------------------------- */

/* Whether a claim or forward that meets our address holds the port. */
static bool held(const struct search *s, uint16_t port)
{
	const struct port_entry *e;
	struct range_walk r;
	uint32_t word = *port_word(s->t, s->space, PORT_GENERAL, port);

	while (word != 0) {
		e = entry_at(s->t, word - 1);
		if (e->kind != MINATO_KIND_UPLINK && entry_overlap(e, &s->own))
			return true;
		word = e->next[entry_link(e, s->slot)];
	}
	start_ranges(&r, s, port, port);
	while ((e = next_range(&r)) != NULL) {
		if (entry_overlap(e, &s->own))
			return true;
	}
	return false;
}

static bool tuple_exists(const struct search *s, uint16_t port)
{
	struct port_key key = {
		.local = s->own.local,
		.remote = s->remote->addr,
		.local_port = port,
		.remote_port = s->remote->port,
		.scope = s->own.scope,
		.proto = s->own.proto,
	};
	struct port_tuple_ref ref;

	if (key.proto == MINATO_ICMP)
		key.remote_port =
			port; /* the identifier stands on both sides */
	return port_tuple_find(s->t, &key, &ref, NULL);
}

/* Takes the ports of all tuples that meet our address. */
static void take_tuples(const struct search *s, struct bitmap *b)
{
	const uint8_t identity = tuple_identity(s->own.scope, s->slot, false);
	uint32_t tuple = tuple_next(s->t, 0, identity, 0);

	while (tuple != POOL_NONE) {
		struct port_key key;
		port_tuple_key(s->t, tuple, &key);
		if (entry_has_local(&s->own, &key.local) &&
		    bitmap_free(b, key.local_port))
			bitmap_take(b, key.local_port);
		tuple = tuple_next(s->t, tuple + 1, identity, 0);
	}
}

/* Shares a port: from a random start, the first whose use does not meet ours
   (RFC 6056 3.3.1). */
static uint16_t choose_shared(const struct search *s)
{
	const uint32_t count = (uint32_t)s->high - s->low + 1;
	const uint32_t start = random_below(&s->t->random, count);
	struct bitmap open;

	bitmap_init(&open);
	if (s->remote == NULL)
		take_tuples(s, &open);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t port = (uint16_t)(s->low + (start + i) % count);
		if (!bitmap_free(&open, port) || held(s, port))
			continue;
		if (s->remote == NULL || !tuple_exists(s, port))
			return port;
	}
	return 0;
}

uint16_t port_choose(struct port_table *t, const struct port_choice *choice)
{
	struct search s;
	uint16_t port;

	start_search(&s, t, choice);
	if (s.low > s.high)
		return 0;
	port = choose_unused(&s);
	return port != 0 ? port : choose_shared(&s);
}
