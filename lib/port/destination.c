/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is remembered of a destination for which ports are chosen: how far the
 * walk over its permutation is, and, where it holds many ports, its view: a
 * counted bitmap of those that are free towards it.
 *
 * Both are few and give way. A destination that nobody chose for since the
 * hand of the clock passed is forgotten (its next walk has another key: no
 * port comes earlier than chance has it, none is lost). A view is taken from a
 * destination only after the hand has found it idle VIEW_PATIENCE times, since
 * making one costs about a millisecond; who gets none chooses by the tuples
 * themselves.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define VIEW_PATIENCE 255u

static uint32_t *bucket_of(const struct port_table *t,
			   const struct destination_key *key)
{
	uint32_t *buckets = port_part(t, t->destination_buckets_at);
	const uint64_t hash = hash_table(&t->key, key, sizeof(*key));

	return &buckets[hash % PORT_DESTINATIONS];
}

struct port_destination *destination_at(const struct port_table *t,
					uint32_t index)
{
	return pool_at(&t->destinations, index);
}

static struct port_view *view_at(const struct port_table *t, uint32_t index)
{
	struct port_view *views = port_part(t, t->views_at);

	check(index < PORT_VIEWS);
	return &views[index];
}

static void key_of(struct destination_key *out, const struct port_key *key)
{
	memset(out, 0, sizeof(*out)); /* hashed and compared as bytes */
	out->local = key->local;
	out->remote = key->remote;
	/* An identifier stands on both sides: it is the port chosen. */
	if (key->proto != MINATO_ICMP)
		out->remote_port = key->remote_port;
	out->scope = key->scope;
	out->slot = (uint8_t)port_slot(key->proto);
}

static bool same(const struct destination_key *a,
		 const struct destination_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool destination_is(const struct port_table *t, uint32_t index,
		    const struct port_key *key)
{
	struct destination_key other;

	key_of(&other, key);
	return same(&destination_at(t, index)->key, &other);
}

/* Its number, or POOL_NONE. Mostly it is the one asked for before. */
static uint32_t find(struct port_table *t, const struct destination_key *key)
{
	uint32_t word;

	if (t->destination_last != 0 &&
	    same(&destination_at(t, t->destination_last - 1)->key, key))
		return t->destination_last - 1;
	word = *bucket_of(t, key);
	while (word != 0 && !same(&destination_at(t, word - 1)->key, key))
		word = destination_at(t, word - 1)->next;
	if (word != 0)
		t->destination_last = word;
	return word == 0 ? POOL_NONE : word - 1;
}

/* --- making room --------------------------------------------------------- */

static void drop_view(struct port_table *t, struct port_destination *d)
{
	if (d->view == 0)
		return;
	view_at(t, d->view - 1)->destination = 0;
	d->view = 0;
	t->view_count--;
}

static void forget(struct port_table *t, uint32_t index)
{
	struct port_destination *d = destination_at(t, index);
	uint32_t *place = bucket_of(t, &d->key);

	while (*place != index + 1)
		place = &destination_at(t, *place - 1)->next;
	*place = d->next;
	drop_view(t, d);
	t->destination_last = 0;
	pool_give(&t->destinations, index);
}

/* All are taken: the hand goes on to the first that was not used since. */
static void make_room(struct port_table *t)
{
	for (;;) {
		const uint32_t index = t->destination_hand;
		struct port_destination *d = destination_at(t, index);
		t->destination_hand = (index + 1) % PORT_DESTINATIONS;
		if (!d->used) {
			forget(t, index);
			return;
		}
		d->used = false;
	}
}

uint32_t destination_get(struct port_table *t, const struct port_key *key)
{
	struct port_destination *d;
	struct destination_key wanted;
	uint32_t index, *bucket;

	key_of(&wanted, key);
	index = find(t, &wanted);
	if (index == POOL_NONE) {
		if (t->destinations.used == PORT_DESTINATIONS)
			make_room(t);
		index = pool_take(&t->destinations);
		check(index != POOL_NONE);
		bucket = bucket_of(t, &wanted);
		*destination_at(t, index) = (struct port_destination){
			.next = *bucket,
			.key = wanted,
		};
		*bucket = index + 1;
		t->destination_last = index + 1;
	}
	d = destination_at(t, index);
	d->used = true;
	return index;
}

/* --- the walk ------------------------------------------------------------ */

/* A new key, of the secret, the destination and a number never used before. */
static void begin_walk(struct port_table *t, struct port_destination *d,
		       uint16_t low, uint16_t high)
{
	struct {
		struct destination_key key;
		uint64_t epoch, half;
	} from;
	struct hash_key key;

	memset(&from, 0, sizeof(from));
	from.key = d->key;
	from.epoch = ++t->epoch;
	key.k[0] = hash_strong(&t->walk_key, &from, sizeof(from));
	from.half = 1;
	key.k[1] = hash_strong(&t->walk_key, &from, sizeof(from));
	d->low = low;
	d->high = high;
	d->place = 0;
	permute_init(&d->permutation, &key, (uint32_t)high - low + 1);
}

uint16_t destination_step(struct port_table *t, uint32_t index, uint16_t low,
			  uint16_t high)
{
	struct port_destination *d = destination_at(t, index);

	if (d->low != low || d->high != high || d->place == d->permutation.size)
		begin_walk(t, d, low, high);
	return (uint16_t)(low + permute(&d->permutation, d->place++));
}

/* --- views --------------------------------------------------------------- */

/* Whether a tuple keeps the port from the destination. */
static bool tuple_stands(const struct port_table *t,
			 const struct destination_key *d, uint16_t port,
			 bool strict)
{
	static const uint8_t protos[PORT_PROTOS] = { MINATO_TCP, MINATO_UDP,
						     MINATO_ICMP };
	const uint8_t proto = protos[d->slot];
	const struct port_key key = {
		.local = d->local,
		.remote = d->remote,
		.local_port = port,
		.remote_port = proto == MINATO_ICMP ? port : d->remote_port,
		.scope = d->scope,
		.proto = proto,
	};
	struct port_tuple_ref ref;

	return port_tuple_find(t, &key, &ref, NULL) && (strict || !ref.yields);
}

bool destination_has(const struct port_table *t, uint32_t index, uint16_t port,
		     bool strict)
{
	const struct destination_key *key = &destination_at(t, index)->key;

	return ledger_has_tuples(t, port_space_index(key->scope, key->slot),
				 port) &&
	       tuple_stands(t, key, port, strict);
}

/* The next in the hand's turn, if it has been idle for long. */
static struct port_view *idle_view(struct port_table *t)
{
	struct port_view *v = view_at(t, t->view_hand);

	t->view_hand = (t->view_hand + 1) % PORT_VIEWS;
	if (v->patience > 0) {
		v->patience--;
		return NULL;
	}
	drop_view(t, destination_at(t, v->destination - 1));
	return v;
}

/* A view to fill, or NULL. */
static struct port_view *take_view(struct port_table *t)
{
	if (t->view_count == PORT_VIEWS)
		return idle_view(t);
	for (uint32_t i = 0; i < PORT_VIEWS; i++) {
		if (view_at(t, i)->destination == 0)
			return view_at(t, i);
	}
	return NULL;
}

static void fill_view(struct port_table *t, struct port_view *v, uint32_t index)
{
	const struct destination_key *key = &destination_at(t, index)->key;
	const uint32_t space = port_space_index(key->scope, key->slot);

	v->free[0] = ledger_synced(t, space)->open;
	v->free[1] = v->free[0];
	for (uint32_t i = 0; i < PORT_NUMBERS; i++) {
		const uint16_t port = (uint16_t)i;
		if (!bitmap_free(&v->free[1], port) ||
		    !destination_has(t, index, port, true))
			continue;
		bitmap_take(&v->free[1], port);
		if (destination_has(t, index, port, false))
			bitmap_take(&v->free[0], port);
	}
}

const struct bitmap *destination_view(struct port_table *t, uint32_t index,
				      bool make, bool strict)
{
	struct port_destination *d = destination_at(t, index);
	struct port_view *v;

	if (d->view == 0) {
		v = make ? take_view(t) : NULL;
		if (v == NULL)
			return NULL;
		fill_view(t, v, index);
		v->destination = index + 1;
		d->view = (uint32_t)(v - view_at(t, 0)) + 1;
		t->view_count++;
	}
	v = view_at(t, d->view - 1);
	v->patience = VIEW_PATIENCE;
	return &v->free[strict];
}

/* --- keeping views true -------------------------------------------------- */

static void set_free(struct bitmap *b, uint16_t port, bool is_free)
{
	if (bitmap_free(b, port) == is_free)
		return;
	if (is_free)
		bitmap_give(b, port);
	else
		bitmap_take(b, port);
}

void destination_note(struct port_table *t, const struct port_key *key,
		      bool stands, bool yields)
{
	const uint32_t space =
		port_space_index(key->scope, port_slot(key->proto));
	struct destination_key wanted;
	struct port_destination *d;
	struct port_view *v;
	uint32_t index;
	bool open;

	if (t->view_count == 0)
		return;
	key_of(&wanted, key);
	index = find(t, &wanted);
	if (index == POOL_NONE)
		return;
	d = destination_at(t, index);
	if (d->view == 0)
		return;
	v = view_at(t, d->view - 1);
	open = bitmap_free(&ledger_at(t, space)->open, key->local_port);
	set_free(&v->free[0], key->local_port, open && (!stands || yields));
	set_free(&v->free[1], key->local_port, open && !stands);
}

/* The view if it is in use, of this space. */
static struct port_view *view_in(const struct port_table *t, uint32_t i,
				 uint32_t space)
{
	struct port_view *v = view_at(t, i);
	const struct destination_key *key;

	if (v->destination == 0)
		return NULL;
	key = &destination_at(t, v->destination - 1)->key;
	return port_space_index(key->scope, key->slot) == space ? v : NULL;
}

void destination_shut(struct port_table *t, uint32_t space, uint16_t port)
{
	for (uint32_t i = 0; i < PORT_VIEWS && t->view_count > 0; i++) {
		struct port_view *v = view_in(t, i, space);
		if (v == NULL)
			continue;
		set_free(&v->free[0], port, false);
		set_free(&v->free[1], port, false);
	}
}

void destination_reopen(struct port_table *t, uint32_t space, uint16_t port)
{
	for (uint32_t i = 0; i < PORT_VIEWS && t->view_count > 0; i++) {
		struct port_view *v = view_in(t, i, space);
		for (uint32_t strict = 0; strict < 2 && v != NULL; strict++)
			set_free(&v->free[strict], port,
				 !destination_has(t, v->destination - 1, port,
						  strict != 0));
	}
}

void destination_forget_views(struct port_table *t, uint32_t space)
{
	for (uint32_t i = 0; i < PORT_VIEWS && t->view_count > 0; i++) {
		struct port_view *v = view_in(t, i, space);
		if (v != NULL)
			drop_view(t, destination_at(t, v->destination - 1));
	}
}
