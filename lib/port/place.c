/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who holds a port where, as counts: what a bind, a listen or a choice has to
 * know of the claims on a port, and of its forwards, however many there are.
 *
 *   place     the entries at one address, or at one wildcard, on one port
 *   family    all claims on a port at single addresses of one family
 *   users     of either, those that share by REUSEPORT as one user
 *
 * A claim is hard when it bars whoever is not of its group (it listens, or has
 * no REUSEADDR), and soft when it bars those alone that have no REUSEADDR. Who
 * comes to a port asks at most five places, and its own group's share of each.
 * What rests, and a forward, is counted as being there, and bars no claim.
 */
#include "port/port.h"

#include "base/check.h"

#define KEYS_MAX 5u

static bool is_claim(const struct port_entry *e)
{
	return e->kind == MINATO_KIND_SOCKET || e->kind == MINATO_KIND_LEASE;
}

static bool listens(const struct port_entry *e)
{
	return e->proto == MINATO_TCP && e->accepting;
}

/* --- keys ---------------------------------------------------------------- */

static struct cell_key place_key(uint32_t space, uint16_t port, uint32_t tier,
				 const struct minato_addr *local)
{
	return (struct cell_key){
		.what = {
			.kind = CELL_PLACE,
			.space = (uint8_t)space,
			.block = port,
			.tier = (uint16_t)tier,
			.local = *local,
		},
	};
}

static struct cell_key family_key(uint32_t space, uint16_t port, bool six)
{
	return (struct cell_key){
		.what = {
			.kind = CELL_FAMILY,
			.space = (uint8_t)space,
			.block = port,
			.tier = six,
		},
	};
}

static struct cell_key users_key(const struct cell_key *key, uint32_t uid)
{
	struct cell_key users = *key;

	users.what.users = true;
	users.what.uid = uid;
	return users;
}

/* --- coming and going ---------------------------------------------------- */

static void count(struct port_cell *cell, const struct port_entry *e, bool come)
{
	const uint32_t by = come ? 1 : UINT32_MAX;

	if (e->exclusive)
		cell->place.exclusive += by;
	else if (listens(e) || !e->reuse_addr)
		cell->place.hard += by;
	else
		cell->place.soft += by;
	if (listens(e))
		cell->place.listening += by;
}

static void change_cell(struct port_table *t, const struct cell_key *key,
			const struct port_entry *e, bool come)
{
	struct port_cell *cell = come ? cell_get(t, key) : cell_find(t, key);

	check(cell != NULL);
	if (is_claim(e) && !e->rests)
		count(cell, e, come);
	if (come)
		cell->count++;
	else
		cell_release(t, cell);
}

static void change(struct port_table *t, const struct cell_key *key,
		   const struct port_entry *e, bool come)
{
	change_cell(t, key, e, come);
	if (is_claim(e) && !e->rests && e->reuse_port && !e->exclusive) {
		const struct cell_key users = users_key(key, e->uid);
		change_cell(t, &users, e, come);
	}
}

static void chain_enter(struct port_table *t, struct port_cell *cell,
			uint32_t entry)
{
	struct port_entry *e = entry_at(t, entry);

	e->next = cell->place.head;
	e->previous = 0;
	if (e->next != 0)
		entry_at(t, e->next - 1)->previous = entry + 1;
	cell->place.head = entry + 1;
}

static void chain_leave(struct port_table *t, struct port_cell *cell,
			uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);

	if (e->next != 0)
		entry_at(t, e->next - 1)->previous = e->previous;
	if (e->previous != 0)
		entry_at(t, e->previous - 1)->next = e->next;
	else
		cell->place.head = e->next;
}

static struct cell_key own_key(uint32_t space, const struct port_entry *e)
{
	return place_key(space, e->first, match_tier(e), &e->local);
}

void place_enter(struct port_table *t, uint32_t space, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);
	const struct cell_key key = own_key(space, e);

	change(t, &key, e, true);
	if (!is_claim(e) || e->rests)
		return;
	chain_enter(t, cell_find(t, &key), entry);
	if (e->local_prefix == 128) {
		const struct cell_key family = family_key(
			space, e->first, !minato_addr_is4(&e->local));
		change(t, &family, e, true);
	}
}

void place_leave(struct port_table *t, uint32_t space, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);
	const struct cell_key key = own_key(space, e);

	if (is_claim(e) && !e->rests) {
		chain_leave(t, cell_find(t, &key), entry);
		if (e->local_prefix == 128) {
			const struct cell_key family = family_key(
				space, e->first, !minato_addr_is4(&e->local));
			change(t, &family, e, false);
		}
	}
	change(t, &key, e, false);
}

uint32_t place_claim(struct port_table *t, uint32_t space,
		     const struct port_entry *e)
{
	const struct cell_key key = own_key(space, e);
	const struct port_cell *cell = cell_find(t, &key);

	return cell == NULL || cell->place.head == 0 ? POOL_NONE :
						       cell->place.head - 1;
}

/* --- who is in the way --------------------------------------------------- */

/* The places where claims stand that meet the addresses of this one. */
static uint32_t keys_met(uint32_t space, const struct port_entry *e,
			 struct cell_key *key)
{
	static const struct minato_addr any6 = { { 0 } };
	static const struct minato_addr any4 = { { [10] = 0xff, [11] = 0xff } };
	const bool four = match_reaches(e, false);
	const bool six = match_reaches(e, true);
	const uint16_t port = e->first;
	uint32_t count = 0;

	key[count++] = place_key(space, port, TIER_ANY, &any6);
	if (four)
		key[count++] = place_key(space, port, TIER_ANY4, &any4);
	if (six)
		key[count++] = place_key(space, port, TIER_ANY_V6ONLY, &any6);
	if (e->local_prefix == 128) {
		key[count++] = own_key(space, e);
		return count;
	}
	if (four)
		key[count++] = family_key(space, port, false);
	if (six)
		key[count++] = family_key(space, port, true);
	check(count <= KEYS_MAX);
	return count;
}

/* Of those in a place, the ones that share with `e` as one group. */
static struct place_counts group_at(struct port_table *t,
				    const struct cell_key *key,
				    const struct port_entry *e)
{
	const struct cell_key users = users_key(key, e->uid);
	const struct port_cell *cell = e->reuse_port ? cell_find(t, &users) :
						       NULL;

	return cell == NULL ? (struct place_counts){ 0 } : cell->place;
}

/* Whether some of those in a place bar it. */
static bool barred_by(const struct place_counts *there,
		      const struct place_counts *group,
		      const struct port_entry *e)
{
	if (there->exclusive > 0 ||
	    (e->exclusive && there->hard + there->soft > 0))
		return true;
	return there->hard > group->hard ||
	       (there->soft > group->soft && !e->reuse_addr);
}

struct place_survey place_survey(struct port_table *t, uint32_t space,
				 const struct port_entry *e)
{
	struct place_survey s = { false, false, false };
	struct cell_key key[KEYS_MAX];
	const uint32_t keys = keys_met(space, e, key);

	for (uint32_t i = 0; i < keys; i++) {
		const struct port_cell *cell = cell_find(t, &key[i]);
		if (cell == NULL)
			continue;
		const struct place_counts *there = &cell->place;
		const struct place_counts group = group_at(t, &key[i], e);
		s.claimed |= there->exclusive + there->hard + there->soft > 0;
		s.barred |= barred_by(there, &group, e);
		s.listened |= there->listening >
			      (e->exclusive ? 0 : group.listening);
	}
	return s;
}

bool place_held(struct port_table *t, uint32_t space,
		const struct port_entry *own, uint16_t port)
{
	const bool six = !minato_addr_is4(&own->local);
	uint64_t tiers[PORT_TIER_WORDS];

	check(own->local_prefix == 128);
	match_tiers(t, space, six, tiers);
	tiers[TIER_ANY / 64] |= UINT64_C(1) << TIER_ANY % 64;
	if (six)
		tiers[TIER_ANY_V6ONLY / 64] |= UINT64_C(1)
					       << TIER_ANY_V6ONLY % 64;
	else
		tiers[TIER_ANY4 / 64] |= UINT64_C(1) << TIER_ANY4 % 64;
	tiers[TIER_OF_PREFIX(128) / 64] |= UINT64_C(1)
					   << TIER_OF_PREFIX(128) % 64;
	for (uint32_t w = 0; w < PORT_TIER_WORDS; w++) {
		for (; tiers[w] != 0; tiers[w] &= tiers[w] - 1) {
			const uint32_t tier =
				w * 64 + (uint32_t)__builtin_ctzll(tiers[w]);
			struct minato_addr local = own->local;
			addr_mask(&local, match_tier_prefix(tier));
			const struct cell_key key =
				place_key(space, port, tier, &local);
			if (cell_find(t, &key) != NULL)
				return true;
		}
	}
	return false;
}
