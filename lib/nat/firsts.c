/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that begin, a batch at a time. Ten lines of memory are touched for each
 * and none is near: so all of a batch are sought together.
 *
 *   packet's key      its line came with port_seek  -> room for face A
 *   inside endpoint   line, tuple, mapping          -> its newest session
 *   other face        line                          -> room for face B
 */
#include "nat/nat.h"

/* --- what a batch wants -------------------------------------------------- */

static void note(struct nat *n, struct port_probe *p)
{
	struct nat_firsts *f = &n->firsts;
	const uint32_t place = f->count++;

	p->note = f->count;
	f->first[place] =
		(struct nat_first){ .ends = p->ends, .mapping = NAT_NONE };
	mapping_inside_key(p->key, &f->inner_key[place]);
	f->inner[place].key = &f->inner_key[place];
	f->outer_key[place] = (struct port_key){
		.remote = p->key->local,
		.remote_port = p->key->local_port,
		.scope = n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = p->key->proto,
	};
	port_tuple_fetch_room(nat_table(n), p);
}

/* The mappings of all senders that have one. */
static void find_mappings(struct nat *n)
{
	struct nat_firsts *f = &n->firsts;

	port_seek(nat_table(n), f->inner, f->count);
	for (uint32_t i = 0; i < f->count; i++) {
		struct port_tuple_ref ref;
		if (!port_tuple_sought(nat_table(n), &f->inner[i], &ref,
				       NULL) ||
		    ref.class != NAT_CLASS_INSIDE)
			continue;
		f->first[i].mapping = ref.owner;
		__builtin_prefetch(mapping_at(n, ref.owner), 1);
	}
}

/* Completes the key of the other face, as session.c makes it. */
static void note_outer(struct nat *n, uint32_t place, uint32_t outer)
{
	struct nat_firsts *f = &n->firsts;
	const struct nat_mapping *m = mapping_at(n, f->first[place].mapping);
	const struct minato_endpoint outside = mapping_outside(m);
	struct port_key key = f->outer_key[place];

	key.local = outside.addr;
	key.local_port = outside.port;
	if (m->proto == MINATO_ICMP) /* the identifier stands in both ends */
		key.remote_port = outside.port;
	f->first[place].generation = m->generation;
	f->first[place].outer = (uint16_t)outer;
	f->outer_key[outer] = key; /* at or before its own place */
	f->outer[outer].key = &f->outer_key[outer];
	if (m->sessions != NAT_NONE)
		__builtin_prefetch(session_at(n, m->sessions), 1);
}

static void find_rooms(struct nat *n)
{
	struct nat_firsts *f = &n->firsts;
	uint32_t outers = 0;

	for (uint32_t i = 0; i < f->count; i++)
		if (f->first[i].mapping != NAT_NONE)
			note_outer(n, i, outers++);
	port_seek(nat_table(n), f->outer, outers);
	for (uint32_t i = 0; i < outers; i++)
		port_tuple_fetch_room(nat_table(n), &f->outer[i]);
}

void nat_seek(struct nat *n, struct port_probe *probes, size_t count)
{
	n->firsts.count = 0;
	for (size_t i = 0; i < count; i++) {
		struct port_probe *p = &probes[i];
		struct port_tuple_ref ref;
		if (port_tuple_guess(nat_table(n), p, &ref)) {
			if (ref.class == NAT_CLASS_SESSION)
				__builtin_prefetch(
					session_at(n, ref.owner >> 1), 1);
		} else if (p->key->scope != n->limits.outside_scope &&
			   n->firsts.count < NAT_FIRSTS) {
			note(n, p);
		}
	}
	if (n->firsts.count == 0)
		return;
	find_mappings(n);
	find_rooms(n);
}

/* --- what was found ------------------------------------------------------ */

uint32_t firsts_mapping(struct nat *n, const struct port_probe *packet,
			const struct port_probe **outer)
{
	struct nat_firsts *f = &n->firsts;
	const struct nat_first *first;

	if (packet->note == 0 || packet->note > f->count)
		return NAT_NONE;
	first = &f->first[packet->note - 1];
	if (first->mapping == NAT_NONE || first->ends != packet->ends ||
	    mapping_at(n, first->mapping)->generation != first->generation)
		return NAT_NONE;
	/* The whole state may lie elsewhere by now. */
	f->outer[first->outer].key = &f->outer_key[first->outer];
	*outer = &f->outer[first->outer];
	return first->mapping;
}
