/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples: compact records of both ends, found through the buckets. */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

#define LINE 64u
#define KEY4_BYTES 13u /* up to `identity` */
#define KEY6_BYTES 37u
#define EXCLUSIVE 0x80u

_Static_assert(sizeof(struct port_tuple4) * TUPLES4_PER_LINE <= LINE,
	       "records share a cache line");
_Static_assert(offsetof(struct port_tuple4, identity) + 1 == KEY4_BYTES,
	       "the key has no holes");
_Static_assert(offsetof(struct port_tuple6, identity) + 1 == KEY6_BYTES,
	       "the key has no holes");
_Static_assert(sizeof(struct port_bucket) == LINE, "a bucket is a line");

/* A key in the form of the records, to be hashed and compared. */
struct probe {
	struct port_tuple6 wide;
	struct port_tuple4 small;
	uint32_t family; /* 0, or TUPLE_IPV6 */
};

static bool key_is_association(const struct port_key *key)
{
	return key->local_port == 0 && minato_addr_is_any(&key->local);
}

uint8_t tuple_identity(uint8_t scope, uint32_t slot, bool association)
{
	check(scope < PORT_SCOPES && slot < PORT_PROTOS);
	return (uint8_t)(TUPLE_LIVE | (association ? TUPLE_ASSOCIATION : 0) |
			 slot << 4 | scope);
}

static void make_probe(struct probe *p, const struct port_key *key,
		       bool association)
{
	const uint8_t identity =
		tuple_identity(key->scope, port_slot(key->proto), association);
	const uint16_t local_port = association ? 0 : key->local_port;

	if (minato_addr_is4(&key->remote) &&
	    (association || minato_addr_is4(&key->local))) {
		p->family = 0;
		memset(p->small.local, 0, 4);
		if (!association)
			memcpy(p->small.local, addr_v4(&key->local), 4);
		memcpy(p->small.remote, addr_v4(&key->remote), 4);
		p->small.local_port = local_port;
		p->small.remote_port = key->remote_port;
		p->small.identity = identity;
		return;
	}
	p->family = TUPLE_IPV6;
	memset(p->wide.local, 0, 16);
	if (!association)
		memcpy(p->wide.local, key->local.bytes, 16);
	memcpy(p->wide.remote, key->remote.bytes, 16);
	p->wide.local_port = local_port;
	p->wide.remote_port = key->remote_port;
	p->wide.identity = identity;
}

static uint64_t probe_hash(const struct port_table *t, const struct probe *p)
{
	if (p->family == 0)
		return hash_table(&t->key, &p->small, KEY4_BYTES) &
		       t->hash_mask;
	return hash_table(&t->key, &p->wide, KEY6_BYTES) & t->hash_mask;
}

/* Three records to a line, so that none straddles two. */
static struct port_tuple4 *tuple4_at(const struct port_table *t, uint32_t index)
{
	uint32_t line = index / TUPLES4_PER_LINE;
	uint32_t place = index % TUPLES4_PER_LINE;

	return port_part(t, t->tuples4_at + (size_t)line * LINE +
				    place * sizeof(struct port_tuple4));
}

static struct port_tuple6 *tuple6_at(const struct port_table *t, uint32_t index)
{
	return port_part(t, t->tuples6_at + (size_t)(index & ~TUPLE_IPV6) *
						    sizeof(struct port_tuple6));
}

const void *tuple_record(const struct port_table *t, uint32_t tuple)
{
	return tuple & TUPLE_IPV6 ? (const void *)tuple6_at(t, tuple) :
				    (const void *)tuple4_at(t, tuple);
}

/* What both kinds of record have. */
struct body {
	uint8_t *identity, *class, *face;
	uint32_t *owner;
	uint16_t local_port;
};

/* The body of a live tuple; a stale index is a broken promise. */
static struct body body_of(const struct port_table *t, uint32_t tuple)
{
	struct body body;

	if (tuple & TUPLE_IPV6) {
		struct port_tuple6 *r = tuple6_at(t, tuple);
		check((tuple & ~TUPLE_IPV6) < t->fresh6);
		body = (struct body){ &r->identity, &r->class, &r->face,
				      &r->owner, r->local_port };
	} else {
		struct port_tuple4 *r = tuple4_at(t, tuple);
		check(tuple < t->fresh4);
		body = (struct body){ &r->identity, &r->class, &r->face,
				      &r->owner, r->local_port };
	}
	check((*body.identity & TUPLE_LIVE) != 0);
	return body;
}

void tuple_init(struct port_table *t)
{
	t->tuple_count = 0;
	t->fresh4 = 0;
	t->fresh6 = 0;
	t->free4 = POOL_NONE;
	t->free6 = POOL_NONE;
}

uint64_t tuple_hash(const struct port_table *t, uint32_t tuple)
{
	size_t len = tuple & TUPLE_IPV6 ? KEY6_BYTES : KEY4_BYTES;

	return hash_table(&t->key, tuple_record(t, tuple), len) & t->hash_mask;
}

static bool matches(const struct port_table *t, uint32_t tuple,
		    const struct probe *p)
{
	if ((tuple & TUPLE_IPV6) != p->family)
		return false;
	if (p->family == 0)
		return memcmp(tuple4_at(t, tuple), &p->small, KEY4_BYTES) == 0;
	return memcmp(tuple6_at(t, tuple), &p->wide, KEY6_BYTES) == 0;
}

static uint32_t find_in_bucket(const struct port_table *t,
			       const struct port_bucket *b, uint16_t tag,
			       const struct probe *p)
{
	for (uint32_t w = 0; w < 2; w++) {
		uint64_t lanes = bucket_lanes(b->tags[w], tag);
		for (; lanes != 0; lanes &= lanes - 1) {
			uint32_t lane =
				(uint32_t)__builtin_ctzll(lanes) / 16 + w * 4;
			if (matches(t, b->index[lane], p))
				return b->index[lane];
		}
	}
	return POOL_NONE;
}

/* Home first; elsewhere only where the home says that keys are away. */
static uint32_t find_probe(const struct port_table *t, const struct probe *p,
			   uint64_t hash)
{
	const struct port_bucket *home = bucket_home(t, hash);
	const uint16_t tag = bucket_tag(hash);
	const struct port_bucket *b;
	uint32_t tuple = find_in_bucket(t, home, tag, p);

	if (tuple != POOL_NONE || home->away == 0)
		return tuple;
	tuple = find_in_bucket(t, bucket_neighbour(t, home), tag, p);
	for (b = bucket_chain(t, home); b != NULL && tuple == POOL_NONE;
	     b = bucket_chain(t, b))
		tuple = find_in_bucket(t, b, tag, p);
	return tuple;
}

/* A record of the family, its key filled in; POOL_NONE never: counted. */
static uint32_t take_record(struct port_table *t, const struct probe *p)
{
	uint32_t index;

	if (p->family == 0) {
		index = t->free4 != POOL_NONE ? t->free4 : t->fresh4++;
		struct port_tuple4 *r = tuple4_at(t, index);
		if (index == t->free4)
			t->free4 = r->owner;
		memcpy(r, &p->small, KEY4_BYTES);
		return index;
	}
	index = t->free6 != POOL_NONE ? t->free6 : t->fresh6++;
	struct port_tuple6 *r = tuple6_at(t, index);
	if (index == t->free6)
		t->free6 = r->owner;
	memcpy(r, &p->wide, KEY6_BYTES);
	return index | TUPLE_IPV6;
}

static void give_record(struct port_table *t, uint32_t tuple)
{
	struct body body = body_of(t, tuple);

	*body.identity = 0;
	if (tuple & TUPLE_IPV6) {
		*body.owner = t->free6;
		t->free6 = tuple & ~TUPLE_IPV6;
	} else {
		*body.owner = t->free4;
		t->free4 = tuple;
	}
}

static void write_ref(struct body body, struct port_tuple_ref ref)
{
	check(ref.class < 16);
	*body.owner = ref.owner;
	*body.class = (uint8_t)(ref.class | (ref.exclusive ? EXCLUSIVE : 0));
}

static void read_ref(struct body body, struct port_tuple_ref *ref)
{
	ref->owner = *body.owner;
	ref->class = *body.class & 15;
	ref->exclusive = (*body.class & EXCLUSIVE) != 0;
}

static uint32_t space_of(uint8_t identity)
{
	return port_space_index(identity & 15, identity >> 4 & 3);
}

int64_t port_tuple_insert(struct port_table *t, const struct port_key *key,
			  struct port_tuple_ref ref)
{
	const bool association = key_is_association(key);
	struct probe p;
	struct body body;
	uint64_t hash;
	uint32_t tuple;

	make_probe(&p, key, association);
	hash = probe_hash(t, &p);
	if (find_probe(t, &p, hash) != POOL_NONE)
		return -EEXIST;
	if (t->tuple_count == t->limits.tuples_max)
		return -ENOSPC;
	tuple = take_record(t, &p);
	t->tuple_count++;
	bucket_insert(t, hash, tuple);

	body = body_of(t, tuple);
	write_ref(body, ref);
	*body.face = key->face;
	if (association)
		t->space[space_of(*body.identity)].associations++;
	else
		port_use(t, space_of(*body.identity), key->local_port);
	return tuple;
}

void port_tuple_remove(struct port_table *t, uint32_t tuple)
{
	struct body body = body_of(t, tuple);
	uint32_t space = space_of(*body.identity);

	if (*body.identity & TUPLE_ASSOCIATION)
		t->space[space].associations--;
	else
		port_unuse(t, space, body.local_port);
	bucket_remove(t, tuple_hash(t, tuple), tuple);
	t->tuple_count--;
	give_record(t, tuple);
}

static bool report(const struct port_table *t, uint32_t tuple,
		   struct port_tuple_ref *ref, uint32_t *index)
{
	if (tuple == POOL_NONE)
		return false;
	read_ref(body_of(t, tuple), ref);
	if (index != NULL)
		*index = tuple;
	return true;
}

bool port_tuple_find(const struct port_table *t, const struct port_key *key,
		     struct port_tuple_ref *ref, uint32_t *index)
{
	const bool association = key_is_association(key);
	struct probe p;

	if (association &&
	    t->space[port_space_index(key->scope, port_slot(key->proto))]
			    .associations == 0)
		return false;
	make_probe(&p, key, association);
	return report(t, find_probe(t, &p, probe_hash(t, &p)), ref, index);
}

bool port_tuple_find_hashed(const struct port_table *t,
			    const struct port_key *key, uint64_t hash,
			    struct port_tuple_ref *ref, uint32_t *index)
{
	struct probe p;

	make_probe(&p, key, false);
	return report(t, find_probe(t, &p, hash), ref, index);
}

void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref)
{
	write_ref(body_of(t, tuple), ref);
}

void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out)
{
	static const uint8_t protos[PORT_PROTOS] = { MINATO_TCP, MINATO_UDP,
						     MINATO_ICMP };
	struct body body = body_of(t, tuple);

	if (tuple & TUPLE_IPV6) {
		const struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(out->local.bytes, r->local, 16);
		memcpy(out->remote.bytes, r->remote, 16);
		out->remote_port = r->remote_port;
	} else {
		const struct port_tuple4 *r = tuple4_at(t, tuple);
		out->local = addr_from4(r->local);
		out->remote = addr_from4(r->remote);
		out->remote_port = r->remote_port;
	}
	out->local_port = body.local_port;
	out->scope = *body.identity & 15;
	out->face = *body.face;
	out->proto = protos[*body.identity >> 4 & 3];
}

void port_tuple_get(const struct port_table *t, uint32_t tuple,
		    struct port_tuple_ref *out)
{
	read_ref(body_of(t, tuple), out);
}

uint32_t port_tuple_count(const struct port_table *t)
{
	return t->tuple_count;
}

uint64_t port_hash(const struct port_table *t, const struct port_key *key)
{
	struct probe p;

	make_probe(&p, key, false);
	return probe_hash(t, &p);
}

void port_prefetch(const struct port_table *t, uint64_t hash)
{
	__builtin_prefetch(bucket_home(t, hash));
}

void port_prefetch_tuple(const struct port_table *t, uint64_t hash)
{
	const struct port_bucket *home = bucket_home(t, hash);

	for (uint32_t w = 0; w < 2; w++) {
		uint64_t lanes = bucket_lanes(home->tags[w], bucket_tag(hash));
		if (lanes != 0) {
			uint32_t lane = (uint32_t)__builtin_ctzll(lanes) / 16;
			__builtin_prefetch(
				tuple_record(t, home->index[w * 4 + lane]));
			return;
		}
	}
}

uint32_t tuple_next(const struct port_table *t, uint32_t from, uint8_t identity,
		    uint16_t port)
{
	for (; from < t->fresh4; from++) {
		const struct port_tuple4 *r = tuple4_at(t, from);
		if (r->identity == identity &&
		    (port == 0 || r->local_port == port))
			return from;
	}
	if ((from & TUPLE_IPV6) == 0)
		from = TUPLE_IPV6;
	for (; (from & ~TUPLE_IPV6) < t->fresh6; from++) {
		const struct port_tuple6 *r = tuple6_at(t, from);
		if (r->identity == identity &&
		    (port == 0 || r->local_port == port))
			return from;
	}
	return POOL_NONE;
}
