/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chooses a free port that nobody can guess (RFC 6056): the chooser's own way
 * first, then uniformly among what is free, then what others of our addresses
 * alone hold, then what rests.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

/* RFC 6056 3.2: the largest range, not only the dynamic ports. */
#define LOW_DEFAULT 1024u
#define HIGH_DEFAULT 65535u
#define STEPS 3u  /* of the walk; all used: it holds about 1/8 of the range */
#define DRAWS 64u /* without a view */

void port_set_chooser(struct port_table *t, enum minato_chooser chooser)
{
	check((uint32_t)chooser < MINATO_CHOOSER_COUNT);
	t->chooser = chooser;
}

static void find_destination(struct port_search *s,
			     const struct port_choice *choice)
{
	const struct port_key key = {
		.local = choice->local,
		.remote = choice->remote->addr,
		.remote_port = choice->remote->port,
		.scope = choice->scope,
		.proto = choice->proto,
	};

	s->remote = choice->remote;
	s->destination = destination_get(s->t, &key);
	if (!choice->alone)
		s->free = destination_view(s->t, s->destination, false,
					   s->strict);
}

static void start_search(struct port_search *s, struct port_table *t,
			 const struct port_choice *choice)
{
	check(choice->scope < PORT_SCOPES);
	*s = (struct port_search){
		.t = t,
		.slot = port_slot(choice->proto),
		.low = choice->low,
		.high = choice->high,
		.strict = choice->other_clock,
		.mapping = choice->mapping,
		.own = { .scope = choice->scope, .proto = choice->proto },
	};
	s->space = port_space_index(choice->scope, s->slot);
	if (choice->low == 0 && choice->high == 0) {
		s->low = LOW_DEFAULT;
		s->high = HIGH_DEFAULT;
	}
	if (s->low == 0)
		s->low = 1; /* never on the wire */
	entry_set_local(&s->own, &choice->local, false);
	s->ledger = ledger_synced(t, s->space);
	/* Without an own address one cannot tell which tuples it meets, but
	   for who wants none. */
	if (choice->remote != NULL &&
	    (choice->alone || s->own.local_prefix == 128))
		find_destination(s, choice);
	s->shared = s->remote != NULL && !choice->alone;
	if (!s->shared)
		s->free = &s->ledger->unused;
}

bool choose_suitable(const struct port_search *s, uint16_t port)
{
	if (s->free != NULL)
		return bitmap_free(s->free, port);
	return bitmap_free(&s->ledger->open, port) &&
	       !destination_has(s->t, s->destination, port, s->strict);
}

static uint16_t walk(const struct port_search *s)
{
	for (uint32_t i = 0; i < STEPS; i++) {
		const uint16_t port =
			destination_step(s->t, s->destination, s->low, s->high);
		if (choose_suitable(s, port))
			return port;
	}
	return 0;
}

/* --- uniformly ----------------------------------------------------------- */

static uint16_t draw(const struct port_search *s, const struct bitmap *b)
{
	const uint32_t count = bitmap_count(b, s->low, s->high);

	if (count == 0)
		return 0;
	return bitmap_select(b, s->low, random_below(&s->t->random, count));
}

/* Nobody counts what is free there: drawn among the open ports, and at last
   the next suitable one from the last draw on. */
static uint16_t draw_unseen(const struct port_search *s)
{
	const uint32_t count = (uint32_t)s->high - s->low + 1;
	uint16_t port = 0;

	for (uint32_t i = 0; i < DRAWS; i++) {
		port = draw(s, &s->ledger->open);
		if (port == 0 || choose_suitable(s, port))
			return port;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t place = (port - s->low + i) % count;
		if (choose_suitable(s, (uint16_t)(s->low + place)))
			return (uint16_t)(s->low + place);
	}
	return 0;
}

static uint16_t choose_uniform(struct port_search *s)
{
	if (s->free == NULL)
		s->free =
			destination_view(s->t, s->destination, true, s->strict);
	return s->free != NULL ? draw(s, s->free) : draw_unseen(s);
}

/* --- what is held at other addresses -------------------------------------- */

/* Whether a single entry that meets our address holds the port. Where mappings
   alone do there is none to be looked for. */
static bool held(const struct port_search *s, uint16_t port)
{
	if (s->own.local_prefix == 128)
		return ledger_holds(s->t, s->space, port) >
			       crowd_mappings(s->t, s->space, port) &&
		       place_held(s->t, s->space, &s->own, port);
	return ledger_held(s->t, s->space, port,
			   minato_addr_is4(&s->own.local));
}

/* Whether a mapping has it at our address. */
static bool mapped(const struct port_search *s, uint16_t port)
{
	const struct port_probe *sought = s->mapping;
	struct port_tuple_ref ref;

	if (!port_probe_is_at(sought, &s->own.local, port))
		return crowd_mapped(s->t, &s->own, port);
	return port_tuple_sought(s->t, sought, &ref, NULL);
}

/* No single entry of our address holds it, and no tuple keeps it. */
static bool suits_beside(const struct port_search *s, uint16_t port)
{
	if (held(s, port) || mapped(s, port))
		return false;
	if (s->shared)
		return !destination_has(s->t, s->destination, port, s->strict);
	return !crowd_stands(s->t, &s->own, port);
}

/* Takes the ports of all tuples that meet our address. */
static void take_crowded(const struct port_search *s, struct bitmap *left)
{
	uint64_t bits[PORT_NUMBERS / 64];

	memcpy(bits, left->word, sizeof(bits));
	crowd_ports(s->t, &s->own, bits);
	for (uint32_t w = 0; w < PORT_NUMBERS / 64; w++)
		bits[w] = left->word[w] & ~bits[w];
	bitmap_from(left, bits);
}

/* Uniformly among those that are left and suit; they are taken meanwhile. */
static uint16_t draw_beside(const struct port_search *s, struct bitmap *left)
{
	uint16_t port;

	for (uint32_t i = 0; i < DRAWS; i++) {
		port = draw(s, left);
		if (port == 0 || suits_beside(s, port))
			return port;
		bitmap_take(left, port);
	}
	/* Few are free: each is asked once. */
	if (!s->shared)
		take_crowded(s, left);
	for (uint32_t p = s->low; p <= s->high; p++) {
		if (bitmap_free(left, (uint16_t)p) &&
		    !suits_beside(s, (uint16_t)p))
			bitmap_take(left, (uint16_t)p);
	}
	return draw(s, left);
}

/* Uniformly among what nothing of our address meets. */
static uint16_t choose_beside(const struct port_search *s)
{
	const uint32_t count = (uint32_t)s->high - s->low + 1;
	uint64_t bits[PORT_NUMBERS / 64];
	struct bitmap left;

	/* Mostly nothing is held at all. */
	if (s->shared &&
	    bitmap_count(&s->ledger->open, s->low, s->high) == count)
		return 0;
	ledger_ranges(s->t, s->space, &s->own, bits);
	for (uint32_t w = 0; w < PORT_NUMBERS / 64; w++)
		bits[w] = ~bits[w] & ~(s->shared ? s->ledger->open.word[w] : 0);
	bitmap_from(&left, bits);
	/* A wildcard meets each of its family, which is quick to see. */
	if (!s->shared && s->own.local_prefix != 128)
		take_crowded(s, &left);
	return draw_beside(s, &left);
}

/* --- what rests, the oldest first ---------------------------------------- */

static uint16_t choose_resting(struct port_search *s)
{
	uint16_t port = quarantine_oldest(s);
	uint64_t at = 0;

	while (port == 0 && quarantine_end_one(s, &at))
		port = choose_uniform(s);
	/* What ended may have left ports that others hold elsewhere. */
	return port != 0 || at == 0 ? port : choose_beside(s);
}

/* A range apart. */
static bool is_unheld(const struct port_search *s, uint16_t port)
{
	return bitmap_free(&s->ledger->unused, port) ||
	       (!held(s, port) && !mapped(s, port) &&
		!crowd_stands(s->t, &s->own, port));
}

bool port_unheld(struct port_table *t, const struct port_choice *choice,
		 uint16_t port)
{
	struct port_search s;

	check(choice->remote == NULL);
	start_search(&s, t, choice);
	return is_unheld(&s, port);
}

static bool is_ranged(const struct port_search *s, uint16_t port)
{
	uint64_t bits[PORT_NUMBERS / 64];

	if ((s->ledger->ranged[port >> 6] >> (port & 63) & 1) == 0)
		return false;
	ledger_ranges(s->t, s->space, &s->own, bits);
	return (bits[port >> 6] >> (port & 63) & 1) != 0;
}

bool port_ranged(struct port_table *t, const struct port_choice *choice,
		 uint16_t port)
{
	struct port_search s;

	check(choice->remote == NULL);
	start_search(&s, t, choice);
	return is_ranged(&s, port);
}

bool port_vacant(struct port_table *t, const struct port_choice *choice,
		 uint16_t port)
{
	struct port_search s;

	check(choice->remote == NULL);
	start_search(&s, t, choice);
	if (bitmap_free(&s.ledger->unused, port))
		return true; /* at no address of ours */
	return is_unheld(&s, port) && !is_ranged(&s, port);
}

void port_fetch_vacant(const struct port_table *t,
		       const struct port_choice *choice, uint16_t port)
{
	const struct port_key key = {
		.local = choice->local,
		.local_port = port,
		.scope = choice->scope,
		.proto = choice->proto,
	};

	ledger_fetch(t,
		     port_space_index(choice->scope, port_slot(choice->proto)),
		     port);
	crowd_fetch(t, &key);
}

uint64_t port_releases(const struct port_table *t)
{
	return t->releases + t->range_changes;
}

uint16_t port_choose(struct port_table *t, const struct port_choice *choice)
{
	struct port_search s;
	uint16_t port = 0;

	start_search(&s, t, choice);
	if (s.low > s.high)
		return 0;
	/* Without a destination it is algorithm 2, over the free ports alone,
	   so that it never gives up. */
	if (s.remote != NULL && t->chooser == MINATO_CHOOSER_PERMUTATION)
		port = walk(&s);
	else if (s.remote != NULL)
		port = rfc6056_choose(&s);
	if (port == 0)
		port = choose_uniform(&s);
	if (port == 0)
		port = choose_beside(&s);
	return port != 0 ? port : choose_resting(&s);
}
