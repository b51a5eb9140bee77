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

static struct port_crowd *crowd_at(const struct port_table *t, uint32_t space,
				   uint16_t port)
{
	struct port_crowd *crowds = port_part(t, t->crowds_at);

	check(space < PORT_LEDGERS);
	return &crowds[(size_t)space * PORT_NUMBERS + port];
}

static uint32_t family_of(const struct minato_addr *local)
{
	return minato_addr_is4(local) ? 0 : 1;
}

/* An address in 32 bits, never PORT_CROWD_MIXED. */
static uint32_t mark_of(const struct port_table *t, const struct minato_addr *a)
{
	uint64_t word[2];

	memcpy(word, a->bytes, sizeof(word));
	return (uint32_t)hash_pair(&t->secret, word) | 1;
}

static uint32_t space_of(const struct port_key *key)
{
	return port_space_index(key->scope, port_slot(key->proto));
}

void crowd_enter(struct port_table *t, const struct port_key *key,
		 bool exclusive)
{
	struct port_crowd *c = crowd_at(t, space_of(key), key->local_port);
	const uint32_t family = family_of(&key->local);
	const uint32_t mark = mark_of(t, &key->local);

	if (c->count[family]++ == 0)
		c->local[family] = mark;
	else if (c->local[family] != mark)
		c->local[family] = PORT_CROWD_MIXED;
	c->exclusive[family] += exclusive;
}

void crowd_leave(struct port_table *t, const struct port_key *key,
		 bool exclusive)
{
	struct port_crowd *c = crowd_at(t, space_of(key), key->local_port);
	const uint32_t family = family_of(&key->local);

	check(c->count[family] > 0 && c->exclusive[family] >= exclusive);
	c->count[family]--;
	c->exclusive[family] -= exclusive;
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

bool crowd_meets(const struct port_table *t, const struct port_entry *e,
		 uint16_t port, bool exclusive)
{
	const struct port_crowd *c = crowd_at(
		t, port_space_index(e->scope, port_slot(e->proto)), port);
	const uint32_t *count = exclusive ? c->exclusive : c->count;
	const uint32_t family = family_of(&e->local);

	if (e->local_prefix == 0) /* the wildcard of IPv6, or of both */
		return count[1] > 0 || (!e->v6_only && count[0] > 0);
	if (count[family] == 0 || e->local_prefix != 128)
		return count[family] > 0;
	if (c->local[family] != PORT_CROWD_MIXED)
		return c->local[family] == mark_of(t, &e->local);
	return search(t, e, port, exclusive);
}
