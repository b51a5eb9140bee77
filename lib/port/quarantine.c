/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports at rest: what was freed while nothing proves that the other end knows.
 * A late segment of the old flow would meet the new one (RFC 6888 REQ-8).
 *
 * What rests is the tuple itself, so that the port is kept from its own
 * destination alone; of a claim for any destination it is the entry. Both stay
 * where they are, passed over by look-ups and in nobody's way but a choice's,
 * and stand in a ring by age, since all rest equally long:
 *
 *      head                          tail
 *       v                             v
 *   [ . | r | r | ended | r | r | r  | . ]     slot = position % capacity
 *
 * Who finds no port ends the oldest rest that is in his way. A destination
 * remembers up to where the ring has nothing of its own, so that a crowd of
 * others is walked over once.
 */
#include "port/port.h"

#include "base/check.h"

static struct port_rest *rest_at(const struct port_table *t, uint64_t position)
{
	struct port_rest *rests = port_part(t, t->rests_at);

	return &rests[position % t->limits.rests_max];
}

static void end_rest(struct port_table *t, struct port_rest *r)
{
	const uint32_t place = r->place;

	r->place = POOL_NONE;
	if (place == POOL_NONE)
		return;
	if (r->entry)
		port_remove(t, place);
	else
		port_tuple_remove(t, place);
}

static uint32_t append(struct port_table *t, uint32_t place, bool entry,
		       struct minato_time until)
{
	const uint64_t position = t->rest_tail;

	if (t->rest_tail - t->rest_head == t->limits.rests_max)
		end_rest(t, rest_at(t, t->rest_head++));
	*rest_at(t, position) = (struct port_rest){
		.until_ns = until.ns,
		.place = place,
		.entry = entry,
	};
	t->rest_tail++;
	return (uint32_t)(position % t->limits.rests_max);
}

void port_tuple_rest(struct port_table *t, uint32_t tuple,
		     struct minato_time until)
{
	struct port_tuple_ref ref = { .class = PORT_CLASS_REST, .rests = true };

	if (t->limits.rests_max == 0) {
		port_tuple_remove(t, tuple);
		return;
	}
	ref.owner = append(t, tuple, false, until);
	port_tuple_assign(t, tuple, ref);
}

void port_claim_rest(struct port_table *t, uint32_t entry,
		     struct minato_time until)
{
	const struct port_entry *e = entry_at(t, entry);

	check(e->kind == MINATO_KIND_LEASE || e->kind == MINATO_KIND_SOCKET);
	if (t->limits.rests_max == 0) {
		port_remove(t, entry);
		return;
	}
	claim_rest(t, entry);
	append(t, entry, true, until);
}

void port_rest_expire(struct port_table *t, struct minato_time now)
{
	while (t->rest_head < t->rest_tail) {
		struct port_rest *r = rest_at(t, t->rest_head);
		if (r->place != POOL_NONE && r->until_ns > now.ns)
			return;
		end_rest(t, r);
		t->rest_head++;
	}
}

uint32_t port_rest_count(const struct port_table *t)
{
	uint32_t count = 0;

	for (uint64_t p = t->rest_head; p < t->rest_tail; p++)
		count += rest_at(t, p)->place != POOL_NONE;
	return count;
}

void quarantine_ended(struct port_table *t, uint32_t slot)
{
	rest_at(t, slot)->place = POOL_NONE;
}

/* --- under pressure ------------------------------------------------------- */

/* The port that this rest keeps from the search's destination, or 0. */
static uint16_t kept_from(const struct port_search *s,
			  const struct port_rest *r)
{
	struct port_key key;

	if (r->place == POOL_NONE || r->entry)
		return 0;
	port_tuple_key(s->t, r->place, &key);
	return destination_is(s->t, s->destination, &key) ? key.local_port : 0;
}

static uint16_t oldest_there(const struct port_search *s)
{
	struct port_table *t = s->t;
	struct port_destination *d = destination_at(t, s->destination);
	uint64_t p = d->rests_from > t->rest_head ? d->rests_from :
						    t->rest_head;
	bool none = true; /* of its own so far */

	for (; p < t->rest_tail; p++) {
		const uint16_t port = kept_from(s, rest_at(t, p));
		const bool fits = port >= s->low && port <= s->high &&
				  bitmap_free(&s->ledger->open, port);
		none = none && (port == 0 || fits);
		if (none)
			d->rests_from = p + 1;
		if (port != 0 && fits) {
			end_rest(t, rest_at(t, p));
			return port;
		}
	}
	return 0;
}

/* Whether ending this rest may free a port for the search. */
static bool in_its_way(const struct port_search *s, const struct port_rest *r)
{
	struct port_key key;

	if (r->place == POOL_NONE)
		return false;
	if (r->entry) {
		const struct port_entry *e = entry_at(s->t, r->place);
		return e->scope == s->own.scope && e->proto == s->own.proto &&
		       e->first >= s->low && e->first <= s->high;
	}
	port_tuple_key(s->t, r->place, &key);
	if (s->shared && !destination_is(s->t, s->destination, &key))
		return false;
	return key.scope == s->own.scope && key.proto == s->own.proto &&
	       key.local_port >= s->low && key.local_port <= s->high;
}

bool quarantine_end_one(const struct port_search *s, uint64_t *at)
{
	struct port_table *t = s->t;
	uint64_t p = *at > t->rest_head ? *at : t->rest_head;

	for (; p < t->rest_tail; p++) {
		if (in_its_way(s, rest_at(t, p))) {
			end_rest(t, rest_at(t, p));
			*at = p + 1;
			return true;
		}
	}
	return false;
}

uint16_t quarantine_oldest(const struct port_search *s)
{
	return s->shared ? oldest_there(s) : 0;
}
