/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples: compact records of both ends, found through the buckets. */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

#define LINE 64u
#define KEY4_WORDS 2u
#define KEY6_WORDS 5u
#define EXCLUSIVE 0x80u /* in `class` */
#define YIELDS 0x40u

_Static_assert(sizeof(struct port_tuple4) * TUPLES4_PER_LINE <= LINE,
	       "records share a cache line");
_Static_assert(sizeof(struct port_bucket) == LINE, "a bucket is a line");
_Static_assert(KEY6_WORDS == PORT_KEY_WORDS, "a probe takes either key");

static bool key_is_association(const struct port_key *key)
{
	return key->local_port == 0 && minato_addr_is_any(&key->local);
}

/* Four bytes as they lie in memory. */
static inline uint32_t load4(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, 4);
	return word;
}

static inline uint64_t load8(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, 8);
	return word;
}

static inline uint64_t join(uint32_t local, uint32_t remote)
{
	return (uint64_t)remote << 32 | local;
}

static inline uint64_t tail_of(uint16_t local_port, uint16_t remote_port,
			       uint8_t identity)
{
	return (uint64_t)identity << 32 | (uint32_t)remote_port << 16 |
	       local_port;
}

static inline bool is4(const struct minato_addr *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

/* Brings the key of a tuple with both ends into the words of a record. */
static inline void make_words(struct port_probe *p)
{
	const struct port_key *key = p->key;
	const uint8_t identity =
		tuple_identity(key->scope, port_slot(key->proto), false);
	const uint64_t tail =
		tail_of(key->local_port, key->remote_port, identity);

	if (is4(&key->local) && is4(&key->remote)) {
		p->word[0] = join(load4(addr_v4(&key->local)),
				  load4(addr_v4(&key->remote)));
		p->word[1] = tail;
		p->words = KEY4_WORDS;
		return;
	}
	p->word[0] = load8(key->local.bytes);
	p->word[1] = load8(key->local.bytes + 8);
	p->word[2] = load8(key->remote.bytes);
	p->word[3] = load8(key->remote.bytes + 8);
	p->word[4] = tail;
	p->words = KEY6_WORDS;
}

/* The same with the local end left open, in the family of the remote. */
static void make_open_words(struct port_probe *p)
{
	const struct port_key *key = p->key;
	const uint8_t identity =
		tuple_identity(key->scope, port_slot(key->proto), true);
	const uint64_t tail = tail_of(0, key->remote_port, identity);

	*p = (struct port_probe){ .key = key };
	if (is4(&key->remote)) {
		p->word[0] = join(0, load4(addr_v4(&key->remote)));
		p->word[1] = tail;
		p->words = KEY4_WORDS;
		return;
	}
	p->word[2] = load8(key->remote.bytes);
	p->word[3] = load8(key->remote.bytes + 8);
	p->word[4] = tail;
	p->words = KEY6_WORDS;
}

static void make_probe(const struct port_table *t, struct port_probe *p,
		       bool association)
{
	if (association)
		make_open_words(p);
	else
		make_words(p);
	p->hash = hash_words(&t->key, p->word, p->words) & t->hash_mask;
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
	uint16_t *local_port, *remote_port;
};

static struct body fields_of(const struct port_table *t, uint32_t tuple)
{
	if (tuple & TUPLE_IPV6) {
		struct port_tuple6 *r = tuple6_at(t, tuple);
		return (struct body){ &r->identity,   &r->class,
				      &r->face,	      &r->owner,
				      &r->local_port, &r->remote_port };
	}
	struct port_tuple4 *r = tuple4_at(t, tuple);
	return (struct body){ &r->identity, &r->class,	    &r->face,
			      &r->owner,    &r->local_port, &r->remote_port };
}

/* The body of a live tuple; a stale index is a broken promise. */
static struct body body_of(const struct port_table *t, uint32_t tuple)
{
	struct body body;

	if (tuple & TUPLE_IPV6)
		check((tuple & ~TUPLE_IPV6) < t->fresh6);
	else
		check(tuple < t->fresh4);
	body = fields_of(t, tuple);
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

static inline uint64_t ends4(const struct port_tuple4 *r)
{
	return join(r->local, r->remote);
}

static inline uint64_t tail4(const struct port_tuple4 *r)
{
	return tail_of(r->local_port, r->remote_port, r->identity);
}

static inline uint64_t tail6(const struct port_tuple6 *r)
{
	return tail_of(r->local_port, r->remote_port, r->identity);
}

uint64_t tuple_hash(const struct port_table *t, uint32_t tuple)
{
	uint64_t word[PORT_KEY_WORDS];

	if (tuple & TUPLE_IPV6) {
		const struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(word, r->ends, sizeof(r->ends));
		word[4] = tail6(r);
		return hash_words(&t->key, word, KEY6_WORDS) & t->hash_mask;
	}
	word[0] = ends4(tuple4_at(t, tuple));
	word[1] = tail4(tuple4_at(t, tuple));
	return hash_words(&t->key, word, KEY4_WORDS) & t->hash_mask;
}

static inline bool matches(const struct port_table *t, uint32_t tuple,
			   const struct port_probe *p)
{
	if (p->words == KEY4_WORDS) {
		const struct port_tuple4 *r = tuple4_at(t, tuple);
		return (tuple & TUPLE_IPV6) == 0 && ends4(r) == p->word[0] &&
		       tail4(r) == p->word[1];
	}
	if ((tuple & TUPLE_IPV6) == 0)
		return false;
	const struct port_tuple6 *r = tuple6_at(t, tuple);
	return memcmp(r->ends, p->word, sizeof(r->ends)) == 0 &&
	       tail6(r) == p->word[4];
}

static uint32_t find_in_bucket(const struct port_table *t,
			       const struct port_bucket *b, uint16_t tag,
			       const struct port_probe *p)
{
	uint64_t lanes = bucket_lanes(b, tag);

	for (; lanes != 0; lanes &= lanes - 1) {
		uint32_t tuple = b->index[bucket_lane(lanes)];
		if (matches(t, tuple, p))
			return tuple;
	}
	return POOL_NONE;
}

/* Home first; elsewhere only where the home says that keys are away. */
static uint32_t find_probe(const struct port_table *t,
			   const struct port_probe *p)
{
	const struct port_bucket *home = bucket_home(t, p->hash);
	const uint16_t tag = bucket_tag(p->hash);
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
static uint32_t take_record(struct port_table *t, const struct port_probe *p)
{
	const uint64_t tail = p->word[p->words - 1];
	const bool wide = p->words == KEY6_WORDS;
	uint32_t *free = wide ? &t->free6 : &t->free4;
	uint32_t *fresh = wide ? &t->fresh6 : &t->fresh4;
	const uint32_t index = *free != POOL_NONE ? *free : (*fresh)++;
	const uint32_t tuple = wide ? index | TUPLE_IPV6 : index;
	struct body body = fields_of(t, tuple);

	if (index == *free)
		*free = *body.owner;
	if (wide) {
		struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(r->ends, p->word, sizeof(r->ends));
	} else {
		tuple4_at(t, tuple)->local = (uint32_t)p->word[0];
		tuple4_at(t, tuple)->remote = (uint32_t)(p->word[0] >> 32);
	}
	*body.local_port = (uint16_t)tail;
	*body.remote_port = (uint16_t)(tail >> 16);
	*body.identity = (uint8_t)(tail >> 32);
	return tuple;
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
	*body.class = (uint8_t)(ref.class | (ref.exclusive ? EXCLUSIVE : 0) |
				(ref.yields ? YIELDS : 0));
}

static void read_ref(struct body body, struct port_tuple_ref *ref)
{
	ref->owner = *body.owner;
	ref->class = *body.class & 15;
	ref->exclusive = (*body.class & EXCLUSIVE) != 0;
	ref->yields = (*body.class & YIELDS) != 0;
}

static uint32_t space_of(uint8_t identity)
{
	return port_space_index(identity & 15, identity >> 4 & 3);
}

/* Tells whoever chooses for its destination. */
static void note(struct port_table *t, uint32_t tuple, bool stands)
{
	struct port_key key;

	if (t->view_count == 0)
		return;
	port_tuple_key(t, tuple, &key);
	if (!key_is_association(&key))
		destination_note(t, &key, stands);
}

int64_t port_tuple_insert(struct port_table *t, const struct port_key *key,
			  struct port_tuple_ref ref)
{
	const bool association = key_is_association(key);
	struct port_probe p = { .key = key };
	struct body body;
	uint32_t tuple;

	make_probe(t, &p, association);
	if (find_probe(t, &p) != POOL_NONE)
		return -EEXIST;
	if (t->tuple_count == t->limits.tuples_max)
		return -ENOSPC;
	tuple = take_record(t, &p);
	t->tuple_count++;
	t->insertions++;
	bucket_insert(t, p.hash, tuple);

	body = body_of(t, tuple);
	write_ref(body, ref);
	*body.face = key->face;
	if (association)
		t->space[space_of(*body.identity)].associations++;
	else
		ledger_use(t, space_of(*body.identity), key->local_port);
	if (!association)
		destination_note(t, key, !ref.yields);
	return tuple;
}

void port_tuple_remove(struct port_table *t, uint32_t tuple)
{
	struct body body = body_of(t, tuple);
	uint32_t space = space_of(*body.identity);

	if (*body.identity & TUPLE_ASSOCIATION)
		t->space[space].associations--;
	else
		ledger_unuse(t, space, *body.local_port);
	note(t, tuple, false);
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
	struct port_probe p = { .key = key };

	if (association &&
	    t->space[port_space_index(key->scope, port_slot(key->proto))]
			    .associations == 0)
		return false;
	make_probe(t, &p, association);
	return report(t, find_probe(t, &p), ref, index);
}

void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref)
{
	write_ref(body_of(t, tuple), ref);
	note(t, tuple, !ref.yields);
}

void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out)
{
	static const uint8_t protos[PORT_PROTOS] = { MINATO_TCP, MINATO_UDP,
						     MINATO_ICMP };
	struct body body = body_of(t, tuple);

	if (tuple & TUPLE_IPV6) {
		const struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(out->local.bytes, &r->ends[0], 16);
		memcpy(out->remote.bytes, &r->ends[2], 16);
	} else {
		const struct port_tuple4 *r = tuple4_at(t, tuple);
		out->local = addr_from4((const uint8_t *)&r->local);
		out->remote = addr_from4((const uint8_t *)&r->remote);
	}
	out->local_port = *body.local_port;
	out->remote_port = *body.remote_port;
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
	struct port_probe p = { .key = key };

	make_probe(t, &p, false);
	return p.hash;
}

/* --- a batch -------------------------------------------------------------- */

/*
 * Fetches the first record that the probe may be looking for, and notes it;
 * where there is none here, but keys of this home are next door, that line.
 */
static inline void fetch_record(const struct port_table *t,
				struct port_probe *p)
{
	const struct port_bucket *home = bucket_home(t, p->hash);
	const uint64_t lanes = bucket_lanes(home, bucket_tag(p->hash));

	p->guess = POOL_NONE;
	p->nowhere = false;
	if (lanes != 0) {
		p->guess = home->index[bucket_lane(lanes)];
		__builtin_prefetch(tuple_record(t, p->guess));
	} else if (home->away > 0) {
		__builtin_prefetch(bucket_neighbour(t, home));
	} else {
		p->nowhere = true;
	}
}

void port_seek(const struct port_table *t, struct port_probe *probes,
	       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (probes[i].key == NULL)
			continue;
		make_probe(t, &probes[i], false);
		__builtin_prefetch(bucket_home(t, probes[i].hash));
	}
	for (size_t i = 0; i < count; i++) {
		if (probes[i].key == NULL)
			continue;
		probes[i].insertions = t->insertions;
		fetch_record(t, &probes[i]);
	}
}

/* What was noted holds for a key that stands where it was seen (a key has one
   record), and for one that was nowhere until something is inserted. */
bool port_tuple_sought(const struct port_table *t, const struct port_probe *p,
		       struct port_tuple_ref *ref, uint32_t *index)
{
	if (p->nowhere && p->insertions == t->insertions)
		return false;
	if (p->guess != POOL_NONE && matches(t, p->guess, p))
		return report(t, p->guess, ref, index);
	return report(t, find_probe(t, p), ref, index);
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
