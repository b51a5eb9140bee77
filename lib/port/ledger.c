/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stands on each port of one scope and protocol, as numbers and bitmaps
 * for whoever chooses one.
 *
 *   uses    tuples and single entries on the port  0: `unused`, but for ranges
 *   holds   single entries alone                   0: `open`, but for ranges
 *   ranged  in some range of forwards or reservations
 *
 * Ranges come and go rarely: a choice finds that they changed and makes their
 * union anew, once, in O(ranges) and a pass over the bits that differ.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

static bool ranged(const struct port_ledger *l, uint16_t port)
{
	return (l->ranged[port >> 6] >> (port & 63) & 1) != 0;
}

struct port_ledger *ledger_at(struct port_table *t, uint32_t space)
{
	struct port_ledger *ledgers = port_part(t, t->ledgers_at);
	struct port_ledger *l = &ledgers[space];

	check(space < PORT_LEDGERS);
	if (!t->space[space].opened) {
		bitmap_init(&l->unused);
		bitmap_init(&l->open);
		t->space[space].opened = true;
	}
	return l;
}

uint32_t *port_uses(const struct port_table *t, uint32_t space)
{
	uint32_t *uses = port_part(t, t->uses_at);

	check(space < PORT_LEDGERS);
	return &uses[(size_t)space * PORT_NUMBERS];
}

static uint32_t *holds_of(const struct port_table *t, uint32_t space)
{
	uint32_t *holds = port_part(t, t->holds_at);

	check(space < PORT_LEDGERS);
	return &holds[(size_t)space * PORT_NUMBERS];
}

/* Those of them that are for IPv6 alone. */
static uint32_t *holds_six_of(const struct port_table *t, uint32_t space)
{
	uint32_t *holds = port_part(t, t->holds_six_at);

	check(space < PORT_LEDGERS);
	return &holds[(size_t)space * PORT_NUMBERS];
}

struct bitmap *port_bitmap(struct port_table *t, uint32_t space)
{
	return &ledger_synced(t, space)->unused;
}

static void take_if_free(struct bitmap *b, uint16_t port)
{
	if (bitmap_free(b, port))
		bitmap_take(b, port);
}

void ledger_use(struct port_table *t, uint32_t space, uint16_t port)
{
	if (port_uses(t, space)[port]++ == 0)
		take_if_free(&ledger_at(t, space)->unused, port);
}

void ledger_unuse(struct port_table *t, uint32_t space, uint16_t port)
{
	uint32_t *uses = &port_uses(t, space)[port];
	struct port_ledger *l = ledger_at(t, space);

	check(*uses > 0);
	t->releases++;
	if (--*uses == 0 && !ranged(l, port))
		bitmap_give(&l->unused, port);
}

void ledger_hold(struct port_table *t, uint32_t space, uint16_t port,
		 bool six_only)
{
	ledger_use(t, space, port);
	holds_six_of(t, space)[port] += six_only;
	if (holds_of(t, space)[port]++ > 0)
		return;
	take_if_free(&ledger_at(t, space)->open, port);
	destination_shut(t, space, port);
}

void ledger_release(struct port_table *t, uint32_t space, uint16_t port,
		    bool six_only)
{
	uint32_t *holds = &holds_of(t, space)[port];
	struct port_ledger *l = ledger_at(t, space);

	ledger_unuse(t, space, port);
	holds_six_of(t, space)[port] -= six_only;
	check(*holds > 0);
	if (--*holds > 0 || ranged(l, port))
		return;
	bitmap_give(&l->open, port);
	destination_reopen(t, space, port);
}

void ledger_fetch(const struct port_table *t, uint32_t space, uint16_t port)
{
	__builtin_prefetch(&port_uses(t, space)[port], 1);
	__builtin_prefetch(&holds_of(t, space)[port], 1);
	__builtin_prefetch(&holds_six_of(t, space)[port], 1);
}

bool ledger_held(const struct port_table *t, uint32_t space, uint16_t port,
		 bool four)
{
	const uint32_t six_only = four ? holds_six_of(t, space)[port] : 0;

	return holds_of(t, space)[port] > six_only;
}

uint32_t ledger_holds(const struct port_table *t, uint32_t space, uint16_t port)
{
	return holds_of(t, space)[port];
}

bool ledger_has_tuples(const struct port_table *t, uint32_t space,
		       uint16_t port)
{
	return port_uses(t, space)[port] > holds_of(t, space)[port];
}

/* --- ranges -------------------------------------------------------------- */

/* Sets bits [first, last]. */
static void set_run(uint64_t *bits, uint32_t first, uint32_t last)
{
	for (uint32_t w = first >> 6; w <= last >> 6; w++) {
		uint64_t word = UINT64_MAX;
		if (w == first >> 6)
			word &= UINT64_MAX << (first & 63);
		if (w == last >> 6)
			word &= UINT64_MAX >> (63 - (last & 63));
		bits[w] |= word;
	}
}

/*
 * In order of `first`: what a range adds begins behind the farthest end so
 * far, so that each bit is set once however the ranges overlap.
 */
static void add_tree(const struct port_table *t, uint32_t root,
		     const struct port_entry *own, uint64_t *bits)
{
	struct interval_walk walk;
	uint32_t behind = 0;
	uint32_t node;

	interval_start(&walk, port_intervals(t), root, 0, PORT_NUMBERS - 1);
	while ((node = interval_next(&walk)) != POOL_NONE) {
		const struct port_entry *e = entry_at(t, node / 2);
		const uint32_t first = e->first > behind ? e->first : behind;
		if (e->kind == MINATO_KIND_UPLINK ||
		    e->kind == MINATO_KIND_DMZ || first > e->last ||
		    (own != NULL && !entry_overlap(e, own)))
			continue;
		set_run(bits, first, e->last);
		behind = (uint32_t)e->last + 1;
	}
}

void ledger_ranges(const struct port_table *t, uint32_t space,
		   const struct port_entry *own, uint64_t *bits)
{
	static const enum port_set sets[] = { PORT_GENERAL, PORT_RESERVED };
	const uint32_t any = port_space_index(MINATO_SCOPE_ANY,
					      space % PORT_PROTOS);

	memset(bits, 0, PORT_NUMBERS / 8);
	for (uint32_t i = 0; i < 2; i++) {
		add_tree(t, t->space[space].root[sets[i]], own, bits);
		add_tree(t, t->space[any].root[sets[i]], own, bits);
	}
}

static void range_changed(struct port_table *t, uint32_t space, uint16_t port)
{
	struct port_ledger *l = ledger_at(t, space);

	if (ranged(l, port)) {
		take_if_free(&l->unused, port);
		take_if_free(&l->open, port);
		return;
	}
	if (port_uses(t, space)[port] == 0)
		bitmap_give(&l->unused, port);
	if (holds_of(t, space)[port] == 0)
		bitmap_give(&l->open, port);
}

struct port_ledger *ledger_synced(struct port_table *t, uint32_t space)
{
	struct port_ledger *l = ledger_at(t, space);
	uint64_t now[PORT_NUMBERS / 64];
	uint64_t differ;

	if (l->range_changes == t->range_changes)
		return l;
	l->range_changes = t->range_changes;
	destination_forget_views(t, space);
	ledger_ranges(t, space, NULL, now);
	for (uint32_t w = 0; w < PORT_NUMBERS / 64; w++) {
		differ = l->ranged[w] ^ now[w];
		l->ranged[w] = now[w];
		for (; differ != 0; differ &= differ - 1)
			range_changed(t, space,
				      (uint16_t)(w * 64 +
						 (uint32_t)__builtin_ctzll(
							 differ)));
	}
	return l;
}
