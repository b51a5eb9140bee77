/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REUSEPORT groups: which member gets a new flow. Each has the same share; when
 * one leaves its share alone moves, to all others alike, and who comes takes an
 * equal part from each.
 *
 *   slot      0   1   2   3   4   5     given up: 2, when 5 were left; its
 *   member    a   b   .   d   .   f     place went to 5; then 4, when 4 were
 *   place     0   1       3       2     left; it had the last place itself
 *
 * A key's slot is its jump hash over all slots (Lamping and Veach 2014). Where
 * nobody is any more it goes on among those that were left when that one went
 * (AnchorHash, Mendelson and others 2020): a draw below their number, and where
 * the place drawn was given up before, on to who took it. That is a handful of
 * steps while half are there, and some (1 + ln n)^2 when next to none of n is.
 * A new member takes the slot that was given up last.
 *
 * Slots stand in cells, under the number of their group. The number of those
 * given up is bounded by that of entries, all groups together: beyond it a
 * group that loses a member is numbered anew, and its flows are dealt anew.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

static struct cell_key crew_key(const struct port_entry *e)
{
	return (struct cell_key){
		.what = {
			.kind = CELL_CREW,
			.space = (uint8_t)port_space_index(e->scope,
							   port_slot(e->proto)),
			.block = e->first,
			.tier = (uint16_t)match_tier(e),
			.local = e->local,
			.uid = e->uid,
		},
	};
}

static struct cell_key slot_key(const struct port_table *t,
				const struct port_cell *crew, uint32_t slot)
{
	struct cell_key key = { .what = { .kind = CELL_SLOT } };

	key.what.uid = cell_number(t, crew);
	memcpy(key.what.local.bytes, &slot, sizeof(slot));
	return key;
}

static struct port_cell *slot_of(struct port_table *t,
				 const struct port_cell *crew, uint32_t slot)
{
	const struct cell_key key = slot_key(t, crew, slot);
	struct port_cell *cell = cell_find(t, &key);

	check(cell != NULL);
	return cell;
}

/* --- coming and going ---------------------------------------------------- */

static struct port_cell *add_slot(struct port_table *t, struct port_cell *crew,
				  uint32_t slot)
{
	const struct cell_key key = slot_key(t, crew, slot);
	struct port_cell *cell = cell_get(t, &key);

	crew->count++;
	cell->count++;
	cell->slot = (struct crew_slot){ .place = slot, .holder = slot };
	return cell;
}

static void drop_slot(struct port_table *t, struct port_cell *crew,
		      struct port_cell *slot)
{
	cell_release(t, slot);
	cell_release(t, crew);
}

/* Those given up are forgotten. */
static void forget(struct port_table *t, struct port_cell *crew)
{
	while (crew->crew.given_up > 0) {
		struct port_cell *slot =
			slot_of(t, crew, crew->crew.last_given_up);
		crew->crew.last_given_up = slot->slot.before;
		crew->crew.given_up--;
		t->slots_given_up--;
		drop_slot(t, crew, slot);
	}
}

/* The members' numbers close up. */
static void renumber(struct port_table *t, struct port_cell *crew)
{
	uint32_t size = 0;

	for (uint32_t i = 0; i < crew->crew.size; i++) {
		const struct cell_key key = slot_key(t, crew, i);
		struct port_cell *slot = cell_find(t, &key);
		if (slot == NULL)
			continue;
		const uint32_t entry = slot->slot.entry;
		/* The old one last, for the group is never empty. */
		if (size != i) {
			add_slot(t, crew, size)->slot.entry = entry;
			drop_slot(t, crew, slot);
		} else {
			slot->slot.place = i;
			slot->slot.holder = i;
		}
		entry_at(t, entry - 1)->since = size++;
	}
	crew->crew.size = size;
}

static void give_up(struct port_table *t, struct port_cell *crew,
		    struct port_cell *slot, uint32_t left)
{
	const uint32_t heir = slot_of(t, crew, left)->slot.holder;

	slot_of(t, crew, slot->slot.place)->slot.holder = heir;
	slot_of(t, crew, heir)->slot.place = slot->slot.place;
	slot->slot.entry = 0;
	slot->slot.left = left;
	slot->slot.heir = heir;
	slot->slot.before = crew->crew.last_given_up;
	crew->crew.given_up++;
	t->slots_given_up++;
}

/* Undoes the last time. Returns its number. */
static uint32_t take_again(struct port_table *t, struct port_cell *crew)
{
	const uint32_t number = crew->crew.last_given_up;
	struct port_cell *slot = slot_of(t, crew, number);

	slot_of(t, crew, slot->slot.heir)->slot.place = slot->slot.left;
	slot_of(t, crew, slot->slot.place)->slot.holder = number;
	crew->crew.last_given_up = slot->slot.before;
	crew->crew.given_up--;
	t->slots_given_up--;
	return number;
}

void crew_enter(struct port_table *t, uint32_t entry)
{
	struct port_entry *e = entry_at(t, entry);
	const struct cell_key key = crew_key(e);
	struct port_cell *crew = cell_get(t, &key);

	if (crew->crew.given_up > 0) {
		e->since = take_again(t, crew);
	} else {
		e->since = crew->crew.size++;
		add_slot(t, crew, e->since);
	}
	slot_of(t, crew, e->since)->slot.entry = entry + 1;
}

void crew_leave(struct port_table *t, uint32_t entry)
{
	const uint32_t number = entry_at(t, entry)->since;
	const struct cell_key key = crew_key(entry_at(t, entry));
	struct port_cell *crew = cell_find(t, &key);
	struct port_cell *slot = slot_of(t, crew, number);
	const uint32_t left = crew->count - crew->crew.given_up - 1;

	check(slot->slot.entry == entry + 1);
	if (left > 0 && t->slots_given_up < t->limits.entries_max &&
	    (crew->crew.given_up > 0 || number + 1 < crew->crew.size)) {
		give_up(t, crew, slot, left);
		crew->crew.last_given_up = number;
		return;
	}
	forget(t, crew);
	if (number + 1 == crew->crew.size)
		crew->crew.size--;
	drop_slot(t, crew, slot);
	if (left > 0 && left < crew->crew.size)
		renumber(t, crew);
}

/* --- the choice ---------------------------------------------------------- */

/* Mixes well enough: `hash` is keyed already. */
static uint64_t mix(uint64_t hash, uint64_t number)
{
	uint64_t x = hash ^ (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Jump consistent hash: ln(size) steps. */
static uint32_t jump(uint64_t hash, uint32_t size)
{
	uint64_t slot = 0, next = 0;

	while (next < size) {
		slot = next;
		hash = hash * UINT64_C(2862933555777941757) + 1;
		next = (slot + 1) * (UINT64_C(1) << 31) / ((hash >> 33) + 1);
	}
	return (uint32_t)slot;
}

uint32_t crew_choose(struct port_table *t, uint32_t entry, uint64_t hash)
{
	const struct cell_key key = crew_key(entry_at(t, entry));
	const struct port_cell *crew = cell_find(t, &key);
	uint32_t number = jump(hash, crew->crew.size);
	const struct port_cell *slot = slot_of(t, crew, number);

	while (slot->slot.entry == 0) {
		const uint32_t left = slot->slot.left;
		number = (uint32_t)((mix(hash, number) >> 32) * left >> 32);
		slot = slot_of(t, crew, number);
		while (slot->slot.entry == 0 && slot->slot.left >= left) {
			number = slot->slot.heir;
			slot = slot_of(t, crew, number);
		}
	}
	return slot->slot.entry - 1;
}
