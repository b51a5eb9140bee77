/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that begin, a batch at a time. Ten lines of memory are touched for each
 * and none is near: so all of a batch are sought together.
 *
 *   packet's key      its line came with port_seek  -> room for face A
 *   inside endpoint   line, tuple, mapping          -> its newest session
 *   other face        line                          -> room for face B
 *
 * Of who has no mapping yet the port is foreseen that it will get; where that
 * is wrong, the wrong lines were fetched.
 */
#include "nat/nat.h"

static void note(struct nat_seeking *s, struct port_probe *p)
{
	struct nat_firsts *f = s->f;
	const uint32_t place = f->count++;

	p->note = f->count;
	s->packet[place] = p->key;
	f->first[place] = (struct nat_first){ .ends = p->ends,
					      .mapping = NAT_NONE,
					      .host = NAT_NONE };
	mapping_inside_key(p->key, &f->inner_key[place]);
	f->inner[place].key = &f->inner_key[place];
	port_far_add(&s->far, port_tuple_room(nat_table(s->n), p));
}

uint32_t firsts_found(const struct nat *n, const struct port_probe *p,
		      uint8_t class)
{
	struct port_tuple_ref ref;

	return port_tuple_sought(nat_table(n), p, &ref, NULL) &&
			       ref.class == class ?
		       ref.owner :
		       NAT_NONE;
}

/* --- senders ------------------------------------------------------------- */

/* The mappings of those that have one. */
static void find_mappings(struct nat_seeking *s)
{
	struct nat_firsts *f = s->f;

	port_far_fetch(&s->far);
	port_seek_apart(nat_table(s->n), f->inner, f->count);
	for (uint32_t i = 0; i < f->count; i++) {
		struct nat_first *first = &f->first[i];
		first->mapping =
			firsts_found(s->n, &f->inner[i], NAT_CLASS_INSIDE);
		if (first->mapping != NAT_NONE)
			port_far_add(&s->far, mapping_at(s->n, first->mapping));
	}
	port_far_fetch(&s->far);
}

/* The hosts of those that have none. */
static void find_hosts(struct nat_seeking *s)
{
	struct nat_firsts *f = s->f;
	uint32_t place[NAT_FIRSTS], count = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		if (f->first[i].mapping != NAT_NONE)
			continue;
		mapping_host_key(s->packet[i], &f->outer_key[count]);
		f->outer[count].key = &f->outer_key[count];
		place[count++] = i;
	}
	port_seek_apart(nat_table(s->n), f->outer, count);
	for (uint32_t i = 0; i < count; i++) {
		struct nat_first *first = &f->first[place[i]];
		first->host = firsts_found(s->n, &f->outer[i], NAT_CLASS_HOST);
		if (first->host != NAT_NONE)
			port_far_add(&s->far, host_record(s->n, first->host));
	}
	port_far_fetch(&s->far);
}

/* --- what they will be outside ------------------------------------------- */

static struct port_key *add_outer(struct nat_seeking *s)
{
	struct nat_firsts *f = s->f;
	const uint32_t place = s->outers++;

	f->outer[place].key = &f->outer_key[place];
	return &f->outer_key[place];
}

/* As session.c makes it. */
static void seek_face(struct nat_seeking *s, uint32_t place,
		      const struct minato_endpoint *outside)
{
	const struct port_key *packet = s->packet[place];
	const bool query = packet->proto == MINATO_ICMP;

	*add_outer(s) = (struct port_key){
		.local = outside->addr,
		.remote = packet->local,
		.local_port = outside->port,
		/* of a query the identifier stands in both ends */
		.remote_port = query ? outside->port : packet->local_port,
		.scope = s->n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = packet->proto,
	};
	s->f->first[place].outer = (uint16_t)s->outers;
}

static void seek_known(struct nat_seeking *s, uint32_t place)
{
	struct nat_first *first = &s->f->first[place];
	const struct nat_mapping *m = mapping_at(s->n, first->mapping);
	const struct minato_endpoint outside = mapping_outside(m);

	first->generation = m->generation;
	seek_face(s, place, &outside);
	if (m->sessions != NAT_NONE)
		port_far_add(&s->far, session_at(s->n, m->sessions));
}

static uint32_t pool_for(const struct nat *n, const struct nat_first *first,
			 const struct minato_addr *addr)
{
	if (first->host != NAT_NONE && host_record(n, first->host)->pool != 0)
		return host_record(n, first->host)->pool - 1;
	return outside_pool_of(n, addr);
}

static void seek_foreseen(struct nat_seeking *s, uint32_t place)
{
	const struct port_key *packet = s->packet[place];
	struct port_choice choice = { .scope = s->n->limits.outside_scope,
				      .proto = packet->proto };
	struct minato_endpoint outside;
	uint32_t pool;

	if (!minato_addr_is4(&packet->remote) || s->n->pool_count == 0)
		return;
	pool = pool_for(s->n, &s->f->first[place], &packet->remote);
	outside.addr = pool_record(s->n, pool)->addr;
	outside.port =
		outside_peek(s->n, pool, packet->proto, packet->remote_port);
	if (outside.port == 0)
		return;
	choice.local = outside.addr;
	port_fetch_vacant(nat_table(s->n), &choice, outside.port);
	mapping_outside_key(s->n, packet->proto, &outside, add_outer(s));
	seek_face(s, place, &outside);
}

static void find_rooms(struct nat_seeking *s)
{
	struct nat_firsts *f = s->f;

	for (uint32_t i = 0; i < f->count; i++)
		if (f->first[i].mapping != NAT_NONE)
			seek_known(s, i);
		else
			seek_foreseen(s, i);
	port_far_fetch(&s->far);
	port_seek_apart(nat_table(s->n), f->outer, s->outers);
}

void nat_seek_senders(struct nat *n, struct port_probe *probes, size_t count,
		      struct nat_seeking *s)
{
	s->n = n;
	s->f = &n->firsts;
	s->f->count = 0;
	s->f->batch++;
	s->outers = 0;
	s->far.count = 0;
	for (size_t i = 0; i < count; i++) {
		struct port_probe *p = &probes[i];
		struct port_tuple_ref ref;
		if (port_tuple_guess(nat_table(n), p, &ref)) {
			if (ref.class == NAT_CLASS_SESSION)
				__builtin_prefetch(
					session_at(n, ref.owner >> 1), 1);
		} else if (p->key->scope != n->limits.outside_scope &&
			   s->f->count < NAT_FIRSTS) {
			note(s, p);
		}
	}
	if (s->f->count == 0)
		return;
	find_mappings(s);
	find_hosts(s);
}

void nat_seek_rooms(struct nat_seeking *s)
{
	if (s->f->count != 0)
		find_rooms(s);
}

void nat_seek(struct nat *n, struct port_probe *probes, size_t count)
{
	struct nat_seeking s;

	nat_seek_senders(n, probes, count, &s);
	nat_seek_rooms(&s);
}

/* --- what was found ------------------------------------------------------ */

/* What was noted of the packet, or NULL. */
static const struct nat_first *first_of(const struct nat *n,
					const struct port_probe *packet)
{
	const struct nat_firsts *f = &n->firsts;
	const struct nat_first *first;

	if (packet->note == 0 || packet->note > f->count)
		return NULL;
	first = &f->first[packet->note - 1];
	return first->ends == packet->ends ? first : NULL;
}

/* The whole state may lie elsewhere by now. */
static const struct port_probe *outer_at(struct nat_firsts *f, uint32_t place)
{
	f->outer[place].key = &f->outer_key[place];
	return &f->outer[place];
}

uint32_t firsts_mapping(struct nat *n, const struct port_probe *packet,
			const struct port_probe **outer)
{
	const struct nat_first *first = first_of(n, packet);

	*outer = NULL;
	if (first == NULL || first->outer == 0)
		return NAT_NONE;
	if (first->mapping != NAT_NONE &&
	    mapping_at(n, first->mapping)->generation != first->generation)
		return NAT_NONE;
	*outer = outer_at(&n->firsts, first->outer - 1u);
	return first->mapping;
}

void firsts_sender(struct nat *n, const struct port_probe *packet,
		   struct nat_sender *out)
{
	struct nat_firsts *f = &n->firsts;
	const struct nat_first *first = first_of(n, packet);
	const uint32_t place = packet->note - 1;

	*out = (struct nat_sender){ .host = NAT_NONE };
	if (first == NULL || first->mapping != NAT_NONE)
		return;
	f->inner[place].key = &f->inner_key[place];
	out->inner = &f->inner[place];
	out->host = first->host;
	if (first->outer != 0)
		out->outer = outer_at(f, first->outer - 2u);
}
