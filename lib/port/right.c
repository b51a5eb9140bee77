/* SPDX-License-Identifier: BSD-2-Clause */
/* Entries of kind RIGHT: who may bind where. No packet meets them. */
#include "port/port.h"

#include "base/check.h"

/*
 * A permission must be for all that the claim would take; a denial is for
 * whatever takes some of what it names.
 */
static bool decides(const struct port_entry *right, const struct port_entry *e,
		    struct minato_time now)
{
	if (right->uid != MINATO_UID_NONE && right->uid != e->uid)
		return false;
	if (entry_expired(right, now) || !entry_overlap(right, e))
		return false;
	return right->verdict != MINATO_PASS ||
	       right->local_prefix <= e->local_prefix;
}

/* Who is named goes before anybody; then the order of all entries. */
static bool goes_before(const struct port_entry *a, const struct port_entry *b)
{
	const bool named = a->uid != MINATO_UID_NONE;

	if (named != (b->uid != MINATO_UID_NONE))
		return named;
	return entry_outranks(a, b);
}

static const struct port_entry *better_in(const struct port_table *t,
					  uint8_t scope,
					  const struct port_entry *e,
					  struct minato_time now,
					  const struct port_entry *best)
{
	const uint32_t space = port_space_index(scope, port_slot(e->proto));
	struct interval_walk walk;
	uint32_t node;

	if (t->space[space].count[PORT_RIGHTS] == 0)
		return best;
	interval_start(&walk, port_intervals(t),
		       t->space[space].root[PORT_RIGHTS], e->first, e->first);
	while ((node = interval_next(&walk)) != POOL_NONE) {
		const struct port_entry *right = entry_at(t, node / 2);
		if (decides(right, e, now) &&
		    (best == NULL || goes_before(right, best)))
			best = right;
	}
	return best;
}

bool port_right(const struct port_table *t, const struct port_claim *claim,
		struct minato_time now, bool otherwise)
{
	const struct port_entry *best;
	struct port_entry e;

	claim_entry(&e, claim);
	best = better_in(t, e.scope, &e, now, NULL);
	best = better_in(t, MINATO_SCOPE_ANY, &e, now, best);
	return best == NULL ? otherwise : best->verdict == MINATO_PASS;
}
