/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tuples on each port, as numbers: how many of each family, how many whose
 * socket would share with nobody, how many at rest. Where all of them are at
 * one local address that address is noted beside, as a hash; where there are
 * several, each of them has such numbers of its own, a *part*, under a hash of
 * port and address. Who binds or chooses asks these, whatever the number of
 * tuples.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

/* Of a port, by the family of the local address: a table has mostly one, and
   what it touches stays small. */
static struct port_crowd *crowd_at(const struct port_table *t, uint32_t space,
				   bool six, uint16_t port)
{
	struct port_crowd *crowds = port_part(t, t->crowds_at);

	check(space < PORT_LEDGERS);
	return &crowds[((size_t)space * 2 + six) * PORT_NUMBERS + port];
}

/* An address in 32 bits, never PORT_CROWD_MIXED. */
static uint32_t mark_of(const struct port_table *t, const struct minato_addr *a)
{
	uint64_t word[2];

	memcpy(word, a->bytes, sizeof(word));
	return (uint32_t)hash_pair(&t->secret, word) | 1;
}

static struct port_crowd *crowd_of(const struct port_table *t,
				   const struct port_key *key)
{
	return crowd_at(t, port_space_index(key->scope, port_slot(key->proto)),
			!minato_addr_is4(&key->local), key->local_port);
}

void crowd_fetch(const struct port_table *t, const struct port_key *key)
{
	__builtin_prefetch(crowd_of(t, key), 1);
}

static uint32_t *resting_of(const struct port_table *t,
			    const struct port_crowd *c)
{
	uint32_t *resting = port_part(t, t->resting_at);
	const struct port_crowd *crowds = port_part(t, t->crowds_at);

	return &resting[c - crowds];
}

/* Ports on which a tuple of the family stands, as bits. */
static uint64_t *ports_of(const struct port_table *t, uint32_t space, bool six)
{
	uint64_t *words = port_part(t, t->crowded_at);

	check(space < PORT_LEDGERS);
	return &words[((size_t)space * 2 + six) * (PORT_NUMBERS / 64)];
}

static bool is_empty(const struct port_table *t, const struct port_crowd *c)
{
	return c->count == 0 && *resting_of(t, c) == 0;
}

/* --- parts --------------------------------------------------------------- */

static struct port_part *part_at(const struct port_table *t, uint32_t index)
{
	return pool_at(&t->parts, index);
}

uint32_t crowd_bucket_count(uint32_t tuples_max)
{
	uint32_t count = 64;

	while (count < tuples_max / 4)
		count *= 2;
	return count;
}

/* The mark is a keyed hash already. */
static uint32_t *bucket_of(const struct port_table *t, uint32_t crowd,
			   uint32_t mark)
{
	uint32_t *buckets = port_part(t, t->part_buckets_at);
	uint64_t x = (uint64_t)mark << 32 | crowd;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return &buckets[(x >> 32) & (t->part_buckets - 1)];
}

static uint32_t number_of(const struct port_table *t,
			  const struct port_crowd *c)
{
	const struct port_crowd *crowds = port_part(t, t->crowds_at);

	return (uint32_t)(c - crowds);
}

/* The place that points to the part, or the empty one at the end. */
static uint32_t *find_part(const struct port_table *t,
			   const struct port_crowd *c, uint32_t mark)
{
	const uint32_t crowd = number_of(t, c);
	uint32_t *place = bucket_of(t, crowd, mark);

	while (*place != 0 && (part_at(t, *place - 1)->crowd != crowd ||
			       part_at(t, *place - 1)->mark != mark))
		place = &part_at(t, *place - 1)->next;
	return place;
}

static struct port_part *get_part(struct port_table *t,
				  const struct port_crowd *c, uint32_t mark)
{
	uint32_t *place = find_part(t, c, mark);
	uint32_t index;

	if (*place != 0)
		return part_at(t, *place - 1);
	index = pool_take(&t->parts);
	check(index != POOL_NONE); /* there is one for each tuple */
	*part_at(t, index) =
		(struct port_part){ .crowd = number_of(t, c), .mark = mark };
	*place = index + 1;
	return part_at(t, index);
}

/* A second address comes to the port: what the first one has is known. */
static void divide(struct port_table *t, struct port_crowd *c)
{
	struct port_part *first = get_part(t, c, c->local);

	first->count = c->count;
	first->exclusive = c->exclusive;
	first->resting = *resting_of(t, c);
	c->local = PORT_CROWD_MIXED;
}

static void change_part(struct port_table *t, const struct port_crowd *c,
			uint32_t mark, const struct port_tuple_ref *ref,
			uint32_t by)
{
	struct port_part *part = get_part(t, c, mark);
	uint32_t *place, index;

	if (ref->rests) {
		part->resting += by;
	} else {
		part->count += by;
		part->exclusive += ref->exclusive ? by : 0;
	}
	if (part->count > 0 || part->resting > 0)
		return;
	place = find_part(t, c, mark);
	index = *place - 1;
	*place = part->next;
	pool_give(&t->parts, index);
}

/* --- coming and going ---------------------------------------------------- */

static void change(struct port_table *t, struct port_crowd *c,
		   const struct port_tuple_ref *ref, uint32_t by)
{
	if (ref->rests) {
		*resting_of(t, c) += by;
	} else {
		c->count += by;
		c->exclusive += ref->exclusive ? by : 0;
	}
}

static void mark_port(struct port_table *t, const struct port_key *key,
		      bool stands)
{
	uint64_t *word =
		ports_of(t, port_space_index(key->scope, port_slot(key->proto)),
			 !minato_addr_is4(&key->local)) +
		key->local_port / 64;
	const uint64_t bit = UINT64_C(1) << key->local_port % 64;

	*word = stands ? *word | bit : *word & ~bit;
}

void crowd_enter(struct port_table *t, const struct port_key *key,
		 const struct port_tuple_ref *ref)
{
	struct port_crowd *c = crowd_of(t, key);
	const uint32_t mark = mark_of(t, &key->local);

	if (is_empty(t, c)) {
		c->local = mark;
		mark_port(t, key, true);
	} else if (c->local != mark && c->local != PORT_CROWD_MIXED) {
		divide(t, c);
	}
	change(t, c, ref, 1);
	if (c->local == PORT_CROWD_MIXED)
		change_part(t, c, mark, ref, 1);
}

void crowd_leave(struct port_table *t, const struct port_key *key,
		 const struct port_tuple_ref *ref)
{
	struct port_crowd *c = crowd_of(t, key);

	check(ref->rests ? *resting_of(t, c) > 0 :
			   c->count > 0 && c->exclusive >= ref->exclusive);
	change(t, c, ref, UINT32_MAX);
	if (c->local == PORT_CROWD_MIXED)
		change_part(t, c, mark_of(t, &key->local), ref, UINT32_MAX);
	if (is_empty(t, c))
		mark_port(t, key, false);
}

static uint32_t counted(const struct port_crowd *c, bool exclusive)
{
	return exclusive ? c->exclusive : c->count;
}

void crowd_map(struct port_table *t, const struct port_key *key, bool stands)
{
	struct port_crowd *c = crowd_of(t, key);

	check(stands || c->mappings > 0);
	c->mappings += stands ? 1 : UINT32_MAX;
}

uint32_t crowd_mappings(const struct port_table *t, uint32_t space,
			uint16_t port)
{
	return crowd_at(t, space, false, port)->mappings +
	       crowd_at(t, space, true, port)->mappings;
}

bool crowd_mapped(const struct port_table *t, const struct port_entry *e,
		  uint16_t port)
{
	const uint32_t space = port_space_index(e->scope, port_slot(e->proto));
	const uint32_t four = crowd_at(t, space, false, port)->mappings;
	const uint32_t six = crowd_at(t, space, true, port)->mappings;
	const bool is4 = minato_addr_is4(&e->local);
	struct port_tuple_ref ref;

	if (e->local_prefix == 0)
		return six > 0 || (!e->v6_only && four > 0);
	if ((is4 ? four : six) == 0 || e->local_prefix != 128)
		return (is4 ? four : six) > 0;
	const struct port_key key = {
		.local = e->local,
		.remote = is4 ? minato_addr4(0, 0, 0, 0) :
				(struct minato_addr){ { 0 } },
		.local_port = port,
		.scope = e->scope,
		.proto = e->proto,
	};
	return port_tuple_find(t, &key, &ref, NULL);
}

bool crowd_meets(const struct port_table *t, const struct port_entry *e,
		 uint16_t port, bool exclusive)
{
	const uint32_t space = port_space_index(e->scope, port_slot(e->proto));
	const struct port_crowd *four = crowd_at(t, space, false, port);
	const struct port_crowd *six = crowd_at(t, space, true, port);
	const struct port_crowd *own = minato_addr_is4(&e->local) ? four : six;

	if (e->local_prefix == 0) /* the wildcard of IPv6, or of both */
		return counted(six, exclusive) > 0 ||
		       (!e->v6_only && counted(four, exclusive) > 0);
	if (counted(own, exclusive) == 0 || e->local_prefix != 128)
		return counted(own, exclusive) > 0;
	if (own->local != PORT_CROWD_MIXED)
		return own->local == mark_of(t, &e->local);
	const uint32_t part = *find_part(t, own, mark_of(t, &e->local));
	if (part == 0)
		return false;
	return exclusive ? part_at(t, part - 1)->exclusive > 0 :
			   part_at(t, part - 1)->count > 0;
}

bool crowd_stands(const struct port_table *t, const struct port_entry *e,
		  uint16_t port)
{
	const uint32_t space = port_space_index(e->scope, port_slot(e->proto));
	const bool is_six = !minato_addr_is4(&e->local);
	const struct port_crowd *c = crowd_at(t, space, is_six, port);
	uint32_t mark;

	if (e->local_prefix != 128)
		return !is_empty(t, c) ||
		       (is_six && !e->v6_only &&
			!is_empty(t, crowd_at(t, space, false, port)));
	if (is_empty(t, c))
		return false;
	mark = mark_of(t, &e->local);
	if (c->local != PORT_CROWD_MIXED)
		return c->local == mark;
	return *find_part(t, c, mark) != 0;
}

/* Those of 64 ports on which one stands at the address of this mark. What they
   have to look at is fetched for all, and then for all the next. */
static uint64_t ports_at(const struct port_table *t,
			 const struct port_crowd *crowds, uint64_t ports,
			 uint32_t mark)
{
	uint64_t mixed = 0, found = 0;

	for (; ports != 0; ports &= ports - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(ports);
		if (crowds[i].local == mark)
			found |= UINT64_C(1) << i;
		if (crowds[i].local != PORT_CROWD_MIXED)
			continue;
		mixed |= UINT64_C(1) << i;
		__builtin_prefetch(
			bucket_of(t, number_of(t, &crowds[i]), mark));
	}
	for (ports = mixed; ports != 0; ports &= ports - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(ports);
		const uint32_t first =
			*bucket_of(t, number_of(t, &crowds[i]), mark);
		if (first != 0)
			__builtin_prefetch(part_at(t, first - 1));
	}
	for (ports = mixed; ports != 0; ports &= ports - 1) {
		const uint32_t i = (uint32_t)__builtin_ctzll(ports);
		if (*find_part(t, &crowds[i], mark) != 0)
			found |= UINT64_C(1) << i;
	}
	return found;
}

void crowd_ports(const struct port_table *t, const struct port_entry *e,
		 uint64_t *bits)
{
	const uint32_t space = port_space_index(e->scope, port_slot(e->proto));
	const bool is_six = !minato_addr_is4(&e->local);
	const uint64_t *own = ports_of(t, space, is_six);
	const uint64_t *four = ports_of(t, space, false);
	const bool both = e->local_prefix == 0 && !e->v6_only;
	const uint32_t mark = mark_of(t, &e->local);

	for (uint32_t w = 0; w < PORT_NUMBERS / 64; w++) {
		if (e->local_prefix != 128)
			bits[w] &= own[w] | (both ? four[w] : 0);
		else
			bits[w] = ports_at(t,
					   crowd_at(t, space, is_six,
						    (uint16_t)(w * 64)),
					   bits[w] & own[w], mark);
	}
}
