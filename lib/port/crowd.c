/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tuples on each port that do not rest, as numbers: how many of each
 * family, how many whose socket would share with nobody, and the local address
 * where all have the same one. Who binds asks these, whatever the number of
 * tuples; only where a port has tuples at several addresses of ours, and one of
 * them is to be bound alone without SO_REUSEADDR, are the tuples themselves
 * looked through.
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

void crowd_enter(struct port_table *t, const struct port_key *key,
		 bool exclusive)
{
	struct port_crowd *c = crowd_of(t, key);
	const uint32_t mark = mark_of(t, &key->local);

	if (c->count++ == 0)
		c->local = mark;
	else if (c->local != mark)
		c->local = PORT_CROWD_MIXED;
	c->exclusive += exclusive;
}

void crowd_leave(struct port_table *t, const struct port_key *key,
		 bool exclusive)
{
	struct port_crowd *c = crowd_of(t, key);

	check(c->count > 0 && c->exclusive >= exclusive);
	c->count--;
	c->exclusive -= exclusive;
}

/* Linear in all tuples of the table. */
static bool search(const struct port_table *t, const struct port_entry *e,
		   uint16_t port, bool exclusive)
{
	uint32_t tuple = tuple_next(t, 0, e->scope, e->proto, port);

	while (tuple != POOL_NONE) {
		struct port_tuple_ref ref;
		struct port_key key;

		port_tuple_key(t, tuple, &key);
		port_tuple_get(t, tuple, &ref);
		if (entry_has_local(e, &key.local) && !ref.rests &&
		    (!exclusive || ref.exclusive))
			return true;
		tuple = tuple_next(t, tuple + 1, e->scope, e->proto, port);
	}
	return false;
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
	return search(t, e, port, exclusive);
}
