/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples: what callers hold, and records found through their lines. */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

#define KEY_ENDS 32u /* of a key: both addresses, then both ports */
#define KEY4_WORDS 2u
#define KEY6_WORDS PORT_KEY_WORDS
#define SEEK_AHEAD 32u

/* Of a tuple's `ref`, above the owner. */
#define REF_CLASS 25u
#define REF_EXCLUSIVE 29u
#define REF_YIELDS 30u
#define REF_QUIET 31u

/* A handle's word: the slot, which hash, two bits of the face; or a link of the
   free list. A slot's: the handle, the other six bits. */
#define HANDLE_SLOT 0x0fffffffu
#define HANDLE_SIX 28u
#define HANDLE_FACE 29u
#define HANDLE_FREE 0x80000000u
#define BACK_HANDLE 0x03ffffffu
#define BACK_FACE 26u

/* Tags are never 0. What else a key has is added to the hash of its ends, and
   differs in these bits. */
#define TAG_USED 0x8000u
#define TAG_MASK 0x7fffu
#define TAG_SHIFT 24u
#define GUESS_SIX 28u /* in a probe's guess, as HANDLE_SIX */
#define TRAIT_PROTO 8u
#define TRAIT_OPEN 0x80u /* an association */

_Static_assert(sizeof(struct port_tuple4) == 16, "four records to a line");
_Static_assert(sizeof(struct port_tuple6) == 64, "one record to a line");
_Static_assert(offsetof(struct port_key, local_port) == KEY_ENDS &&
		       offsetof(struct port_key, remote_port) == KEY_ENDS + 2,
	       "a key's ports are a word");
_Static_assert(PORT_OWNERS_MAX == 1u << REF_CLASS, "an owner fits");
_Static_assert(PORT_TUPLES_MAX == BACK_HANDLE + 1, "a handle fits");

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

static inline uint64_t join(uint32_t local, uint32_t remote)
{
	return (uint64_t)remote << 32 | local;
}

static inline bool is4(const struct minato_addr *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

static inline bool both4(const struct port_key *key)
{
	return is4(&key->local) && is4(&key->remote);
}

/* A key made ready: which hash it is in, its home and tag there. */
struct quest {
	struct port_probe p;
	uint64_t place;
	uint32_t six;
	uint16_t tag;
};

/* What is no end of a key: 15 bits, as protocols are below 128. */
static inline uint32_t trait_of(const struct port_key *key)
{
	return key->scope | (uint32_t)key->proto << TRAIT_PROTO;
}

/* A branch, which is always foreseen: what follows need not wait for it. */
static inline uint64_t weakened(const struct port_table *t, uint64_t hash)
{
	if (t->hash_mask != UINT64_MAX)
		hash &= t->hash_mask;
	return hash;
}

static inline uint64_t hash_ends4(const struct port_table *t,
				  const uint64_t word[KEY4_WORDS])
{
	return weakened(t, hash_pair(&t->secret, word));
}

static inline uint64_t hash_ends6(const struct port_table *t,
				  const uint64_t word[KEY6_WORDS])
{
	return weakened(t, hash_five(&t->secret, word));
}

static inline uint16_t tag_of(uint64_t ends, uint32_t trait)
{
	return (uint16_t)(((uint32_t)(ends >> TAG_SHIFT) + trait) | TAG_USED);
}

/* Keys of the same ends go to different places, too. */
static inline uint64_t place_of(const struct port_table *t, uint64_t ends,
				uint32_t trait)
{
	return ends + trait * t->spread;
}

/* Bring the ends of a key into the words of a record; return their hash. */
static inline uint64_t make_words4(const struct port_table *t,
				   struct port_probe *p)
{
	const struct port_key *key = p->key;

	p->word[0] =
		join(load4(addr_v4(&key->local)), load4(addr_v4(&key->remote)));
	p->word[1] = load4((const uint8_t *)key + KEY_ENDS);
	return hash_ends4(t, p->word);
}

static inline uint64_t make_words6(const struct port_table *t,
				   struct port_probe *p)
{
	memcpy(p->word, p->key, KEY_ENDS);
	p->word[4] = load4((const uint8_t *)p->key + KEY_ENDS);
	return hash_ends6(t, p->word);
}

static uint64_t make_words(const struct port_table *t, struct port_probe *p)
{
	return both4(p->key) ? make_words4(t, p) : make_words6(t, p);
}

/* Of an association only the remote end, in its family. */
static void make_quest(const struct port_table *t, struct quest *q,
		       const struct port_key *key, bool association)
{
	uint32_t trait = trait_of(key);
	struct port_key open;
	uint64_t ends;

	check(key->scope < PORT_SCOPES && key->proto < 128);
	q->p.key = key;
	if (association) {
		open = (struct port_key){ .remote = key->remote,
					  .remote_port = key->remote_port };
		if (minato_addr_is4(&key->remote))
			open.local = minato_addr4(0, 0, 0, 0);
		q->p.key = &open;
		trait |= TRAIT_OPEN;
	}
	q->six = !both4(q->p.key);
	ends = make_words(t, &q->p);
	q->p.key = key;
	q->tag = tag_of(ends, trait);
	q->place = place_of(t, ends, trait);
}

/* --- handles -------------------------------------------------------------- */

static uint32_t *handle_at(const struct port_table *t, uint32_t tuple)
{
	check(tuple < t->handles_fresh);
	return (uint32_t *)port_part(t, t->handles_at) + tuple;
}

static uint32_t *back_at(const struct port_table *t, const struct port_hash *h,
			 uint32_t slot)
{
	return (uint32_t *)port_part(t, h->backs_at) + slot;
}

/* There is one: counted. */
static uint32_t take_handle(struct port_table *t)
{
	const uint32_t tuple = t->handles_free;
	uint32_t word;

	if (tuple == POOL_NONE)
		return t->handles_fresh++;
	word = *handle_at(t, tuple);
	t->handles_free = word == POOL_NONE ? word : word & ~HANDLE_FREE;
	return tuple;
}

static void give_handle(struct port_table *t, uint32_t tuple)
{
	*handle_at(t, tuple) = t->handles_free | HANDLE_FREE;
	t->handles_free = tuple;
}

/* Where a live tuple is; a stale index is a broken promise. */
struct whereabouts {
	const struct port_hash *h;
	uint32_t slot;
};
static struct whereabouts find_slot(const struct port_table *t, uint32_t tuple)
{
	const uint32_t word = *handle_at(t, tuple);

	check((word & HANDLE_FREE) == 0);
	return (struct whereabouts){ &t->hash[word >> HANDLE_SIX & 1],
				     word & HANDLE_SLOT };
}

static void join_slot(struct port_table *t, uint32_t tuple,
		      struct whereabouts w, uint8_t face)
{
	*handle_at(t, tuple) = w.slot |
			       (uint32_t)(w.h == &t->hash[1]) << HANDLE_SIX |
			       (uint32_t)(face >> 6) << HANDLE_FACE;
	*back_at(t, w.h, w.slot) = tuple | (uint32_t)(face & 63) << BACK_FACE;
}

void tuple_moved(struct port_table *t, const struct port_hash *h, uint32_t from,
		 uint32_t to)
{
	const uint32_t back = *back_at(t, h, from);
	uint32_t *handle = handle_at(t, back & BACK_HANDLE);

	*back_at(t, h, to) = back;
	*handle = (*handle & ~HANDLE_SLOT) | to;
}

void tuple_lifted(const struct port_table *t, const struct port_hash *h,
		  uint32_t from, uint32_t to)
{
	const uint32_t back = *back_at(t, h, from);

	*back_at(t, h, to) = back;
	__builtin_prefetch(handle_at(t, back & BACK_HANDLE), 1);
}

bool tuple_sound(const struct port_table *t, const struct port_hash *h,
		 uint32_t slot)
{
	const uint32_t tuple = *back_at(t, h, slot) & BACK_HANDLE;
	const struct whereabouts w = find_slot(t, tuple);

	return w.h == h && w.slot == slot;
}

void tuple_init(struct port_table *t)
{
	for (int six = 0; six < 2; six++) {
		struct port_hash *h = &t->hash[six];
		bucket_init(h, t->limits.tuples_max);
		/* The memory may have served a table before. */
		unpoison(slot_record(t, h, 0),
			 bucket_slots(t->limits.tuples_max) * h->record_bytes);
	}
	t->spread = hash_strong(&t->key, "spread", 6) | 1;
	t->tuple_count = 0;
	t->handles_fresh = 0;
	t->handles_free = POOL_NONE;
}

/* --- records -------------------------------------------------------------- */

static inline struct port_tuple4 *record4(const struct port_table *t,
					  uint32_t slot)
{
	return (struct port_tuple4 *)port_part(t, t->hash[0].rows_at) + slot;
}

static inline struct port_tuple6 *record6(const struct port_table *t,
					  uint32_t slot)
{
	return (struct port_tuple6 *)port_part(t, t->hash[1].rows_at) + slot;
}

static inline uint32_t *ref_at(const struct port_table *t, struct whereabouts w)
{
	return w.h == &t->hash[1] ? &record6(t, w.slot)->ref :
				    &record4(t, w.slot)->ref;
}

const void *tuple_record(const struct port_table *t, uint32_t tuple)
{
	const struct whereabouts w = find_slot(t, tuple);

	return slot_record(t, w.h, w.slot);
}

static inline uint64_t ends4(const struct port_tuple4 *r)
{
	return join(r->local, r->remote);
}

/* The hash of a record's ends. */
static uint64_t hash_slot(const struct port_table *t, const struct port_hash *h,
			  uint32_t slot)
{
	uint64_t word[PORT_KEY_WORDS];

	if (h == &t->hash[1]) {
		const struct port_tuple6 *r = record6(t, slot);
		memcpy(word, r->ends, sizeof(r->ends));
		word[4] = load4((const uint8_t *)r + sizeof(r->ends));
		return hash_ends6(t, word);
	}
	word[0] = ends4(record4(t, slot));
	word[1] = load4((const uint8_t *)record4(t, slot) + 8);
	return hash_ends4(t, word);
}

static uint32_t slot_trait(const struct port_table *t,
			   const struct port_hash *h, uint32_t slot,
			   uint64_t ends)
{
	const struct port_line *b = bucket_line(t, h, slot / LINE_LANES);
	const uint32_t tag = b->tags[slot % LINE_LANES];

	return (tag - (uint32_t)(ends >> TAG_SHIFT)) & TAG_MASK;
}

uint64_t tuple_place(const struct port_table *t, const struct port_hash *h,
		     uint32_t slot)
{
	const uint64_t ends = hash_slot(t, h, slot);

	return place_of(t, ends, slot_trait(t, h, slot, ends));
}

/* Of a slot with the key's tag: its `ref` if it is the one, or NULL. */
static inline const uint32_t *match4(const struct port_table *t, uint32_t slot,
				     const struct port_probe *p)
{
	const struct port_tuple4 *r = record4(t, slot);
	const bool same = ends4(r) == p->word[0] &&
			  load4((const uint8_t *)r + 8) == p->word[1];

	return same ? &r->ref : NULL;
}

static inline const uint32_t *match6(const struct port_table *t, uint32_t slot,
				     const struct port_probe *p)
{
	const struct port_tuple6 *r = record6(t, slot);
	const bool same = memcmp(r->ends, p->word, sizeof(r->ends)) == 0 &&
			  load4((const uint8_t *)r + sizeof(r->ends)) ==
				  p->word[4];

	return same ? &r->ref : NULL;
}

static void write_record(const struct port_table *t, uint32_t slot,
			 const struct quest *q)
{
	const struct port_probe *p = &q->p;
	const uint32_t ports =
		(uint32_t)p->word[q->six ? KEY6_WORDS - 1 : KEY4_WORDS - 1];

	if (q->six) {
		struct port_tuple6 *r = record6(t, slot);
		memcpy(r->ends, p->word, sizeof(r->ends));
		memcpy((uint8_t *)r + sizeof(r->ends), &ports, sizeof(ports));
		return;
	}
	struct port_tuple4 *r = record4(t, slot);
	r->local = (uint32_t)p->word[0];
	r->remote = (uint32_t)(p->word[0] >> 32);
	memcpy((uint8_t *)r + 8, &ports, sizeof(ports));
}

static uint32_t find_in_line(const struct port_table *t, uint32_t number,
			     const struct quest *q)
{
	const struct port_line *b = bucket_line(t, &t->hash[q->six], number);
	uint32_t lanes = line_lanes(b, q->tag);

	for (; lanes != 0; lanes &= lanes - 1) {
		const uint32_t slot =
			number * LINE_LANES + (uint32_t)__builtin_ctz(lanes);
		if (q->six ? match6(t, slot, &q->p) != NULL :
			     match4(t, slot, &q->p) != NULL)
			return slot;
	}
	return POOL_NONE;
}

/* Home first; elsewhere only where the home says that keys are away. */
static uint32_t find_quest(const struct port_table *t, const struct quest *q)
{
	const struct port_hash *h = &t->hash[q->six];
	const uint32_t home = bucket_home(h, q->place);
	const struct port_line *b = bucket_line(t, h, home);
	uint32_t slot = find_in_line(t, home, q);

	if (slot != POOL_NONE || !line_strays(b, q->tag))
		return slot;
	slot = find_in_line(t, home ^ 1, q);
	while (slot == POOL_NONE && b->chain != 0) {
		slot = find_in_line(t, b->chain, q);
		b = bucket_line(t, h, b->chain);
	}
	return slot;
}

static uint32_t pack_ref(struct port_tuple_ref ref)
{
	check(ref.class < 16);
	check((ref.class == PORT_CLASS_REST) == ref.rests);
	return (ref.owner & (PORT_OWNERS_MAX - 1)) |
	       (uint32_t)ref.class << REF_CLASS |
	       (uint32_t)ref.exclusive << REF_EXCLUSIVE |
	       (uint32_t)ref.yields << REF_YIELDS |
	       (uint32_t)ref.quiet << REF_QUIET;
}

/* What of a ref is above the owner, for all its values: one load. */
struct ref_kind {
	uint8_t class;
	bool exclusive, yields, rests, quiet;
};
#define KIND(n)                                                                \
	{                                                                      \
		(n) & 15, ((n) >> 4 & 1) != 0, ((n) >> 5 & 1) != 0,            \
			((n)&15) == PORT_CLASS_REST, (n) >> 6 != 0             \
	}
#define KINDS4(n) KIND(n), KIND((n) + 1), KIND((n) + 2), KIND((n) + 3)
#define KINDS16(n) KINDS4(n), KINDS4((n) + 4), KINDS4((n) + 8), KINDS4((n) + 12)
static const struct ref_kind kinds[128] = {
	KINDS16(0),  KINDS16(16), KINDS16(32), KINDS16(48),
	KINDS16(64), KINDS16(80), KINDS16(96), KINDS16(112),
};
_Static_assert(offsetof(struct port_tuple_ref, quiet) -
			       offsetof(struct port_tuple_ref, class) ==
		       offsetof(struct ref_kind, quiet),
	       "a ref ends as a kind");

static inline void read_ref(uint32_t word, struct port_tuple_ref *ref)
{
	ref->owner = word & (PORT_OWNERS_MAX - 1);
	memcpy((char *)ref + offsetof(struct port_tuple_ref, class),
	       &kinds[word >> REF_CLASS], sizeof(kinds[0]));
}

static void set_ref(const struct port_table *t, struct whereabouts w,
		    struct port_tuple_ref ref)
{
	const uint32_t more = ref.owner >> REF_CLASS;

	*ref_at(t, w) = pack_ref(ref);
	if (w.h == &t->hash[1])
		record6(t, w.slot)->more = more;
	else
		check(more == 0);
}

static void get_ref(const struct port_table *t, struct whereabouts w,
		    struct port_tuple_ref *ref)
{
	read_ref(*ref_at(t, w), ref);
	if (w.h == &t->hash[1])
		ref->owner |= record6(t, w.slot)->more << REF_CLASS;
}

static uint32_t space_of(const struct port_key *key)
{
	return port_space_index(key->scope, port_slot(key->proto));
}

static bool key_is_mapping(const struct port_key *key)
{
	return key->remote_port == 0 && minato_addr_is_any(&key->remote);
}

/* A tuple that now stands, or goes: its port is used, or held. */
static void count_tuple(struct port_table *t, const struct port_key *key,
			const struct port_tuple_ref *ref, bool stands)
{
	const uint32_t space = space_of(key);

	if (key_is_mapping(key)) {
		crowd_map(t, key, stands);
		if (stands)
			ledger_hold(t, space, key->local_port,
				    !minato_addr_is4(&key->local));
		else
			ledger_release(t, space, key->local_port,
				       !minato_addr_is4(&key->local));
		return;
	}
	if (stands) {
		ledger_use(t, space, key->local_port);
		crowd_enter(t, key, ref);
	} else {
		ledger_unuse(t, space, key->local_port);
		crowd_leave(t, key, ref);
	}
	destination_note(t, key, stands, ref->yields);
}

int64_t port_tuple_insert(struct port_table *t, const struct port_key *key,
			  struct port_tuple_ref ref)
{
	const bool association = key_is_association(key);
	struct whereabouts w;
	struct quest q;
	uint32_t tuple;

	make_quest(t, &q, key, association);
	if (!ref.quiet)
		crowd_fetch(t, key); /* as far away as the line */
	w.h = &t->hash[q.six];
	w.slot = find_quest(t, &q);
	if (w.slot != POOL_NONE) {
		struct port_tuple_ref was;
		get_ref(t, w, &was);
		if (!was.rests)
			return -EEXIST;
		port_tuple_remove(t, *back_at(t, w.h, w.slot) & BACK_HANDLE);
	}
	if (t->tuple_count == t->limits.tuples_max)
		return -ENOSPC;
	tuple = take_handle(t);
	t->tuple_count++;
	t->changes++;
	w.slot = bucket_insert(t, &t->hash[q.six], q.place, q.tag);
	write_record(t, w.slot, &q);
	set_ref(t, w, ref);
	join_slot(t, tuple, w, key->face);
	if (association)
		t->space[space_of(key)].associations++;
	else if (!ref.quiet)
		count_tuple(t, key, &ref, true);
	return tuple;
}

void port_tuple_remove(struct port_table *t, uint32_t tuple)
{
	const struct whereabouts w = find_slot(t, tuple);
	struct port_tuple_ref ref;
	struct port_key key;

	port_tuple_key(t, tuple, &key);
	port_tuple_get(t, tuple, &ref);
	if (key_is_association(&key))
		t->space[space_of(&key)].associations--;
	else if (!ref.quiet)
		count_tuple(t, &key, &ref, false);
	if (ref.rests)
		quarantine_ended(t, ref.owner);
	t->tuple_count--;
	t->changes++;
	bucket_remove(t, &t->hash[w.h == &t->hash[1]], w.slot);
	give_handle(t, tuple);
}

static bool find_key(const struct port_table *t, const struct quest *q,
		     struct port_tuple_ref *ref, uint32_t *index)
{
	const struct whereabouts w = { &t->hash[q->six], find_quest(t, q) };

	if (w.slot == POOL_NONE)
		return false;
	get_ref(t, w, ref);
	if (index != NULL)
		*index = *back_at(t, w.h, w.slot) & BACK_HANDLE;
	return true;
}

bool port_tuple_find(const struct port_table *t, const struct port_key *key,
		     struct port_tuple_ref *ref, uint32_t *index)
{
	const bool association = key_is_association(key);
	struct quest q;

	if (association && t->space[space_of(key)].associations == 0)
		return false;
	make_quest(t, &q, key, association);
	return find_key(t, &q, ref, index);
}

void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref)
{
	struct port_tuple_ref was;
	struct port_key key;

	port_tuple_key(t, tuple, &key);
	port_tuple_get(t, tuple, &was);
	check(was.quiet == ref.quiet);
	set_ref(t, find_slot(t, tuple), ref);
	if (key_is_association(&key) || ref.quiet || key_is_mapping(&key))
		return;
	crowd_enter(t, &key, &ref); /* first, so that it is never empty */
	crowd_leave(t, &key, &was);
	destination_note(t, &key, true, ref.yields);
}

void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out)
{
	const struct whereabouts w = find_slot(t, tuple);
	const uint32_t trait =
		slot_trait(t, w.h, w.slot, hash_slot(t, w.h, w.slot));
	const uint16_t *ports;

	if (w.h == &t->hash[1]) {
		const struct port_tuple6 *r = record6(t, w.slot);
		memcpy(out->local.bytes, &r->ends[0], 16);
		memcpy(out->remote.bytes, &r->ends[2], 16);
		ports = &r->local_port;
	} else {
		const struct port_tuple4 *r = record4(t, w.slot);
		out->local = addr_from4((const uint8_t *)&r->local);
		out->remote = addr_from4((const uint8_t *)&r->remote);
		ports = &r->local_port;
	}
	out->local_port = ports[0];
	out->remote_port = ports[1];
	out->scope = trait & 15;
	out->face = (uint8_t)(*back_at(t, w.h, w.slot) >> BACK_FACE |
			      (*handle_at(t, tuple) >> HANDLE_FACE & 3) << 6);
	out->proto = (uint8_t)(trait >> TRAIT_PROTO);
}

void port_tuple_get(const struct port_table *t, uint32_t tuple,
		    struct port_tuple_ref *out)
{
	get_ref(t, find_slot(t, tuple), out);
}

uint32_t port_tuple_count(const struct port_table *t)
{
	return t->tuple_count;
}

uint64_t port_hash(const struct port_table *t, const struct port_key *key)
{
	struct quest q;

	make_quest(t, &q, key, false);
	return q.place;
}

/* --- a batch -------------------------------------------------------------- */

/* Notes the home for the moment. */
static inline void note_home(const struct port_table *t, uint32_t six,
			     struct port_probe *p, uint64_t ends)
{
	const struct port_hash *h = &t->hash[six];
	const uint32_t home =
		bucket_home(h, place_of(t, ends, trait_of(p->key)));

	p->ends = ends;
	p->guess = home | six << GUESS_SIX;
	__builtin_prefetch(bucket_line(t, h, home));
}

__attribute__((noinline)) static void fetch_home6(const struct port_table *t,
						  struct port_probe *p)
{
	note_home(t, 1, p, make_words6(t, p));
}

static inline void fetch_home(const struct port_table *t, struct port_probe *p)
{
	if (both4(p->key))
		note_home(t, 0, p, make_words4(t, p));
	else
		fetch_home6(t, p);
}

/*
 * Notes and fetches the first record that the probe may be looking for; where
 * there is none at home, but keys of it are elsewhere, the line next door.
 */
static inline void note_guess(const struct port_table *t, uint32_t six,
			      struct port_probe *p, size_t record_bytes)
{
	const struct port_hash *h = &t->hash[six];
	const uint32_t home = p->guess & ~(1u << GUESS_SIX);
	const struct port_line *b = bucket_line(t, h, home);
	const uint16_t tag = tag_of(p->ends, trait_of(p->key));
	const uint32_t lanes = line_lanes(b, tag);

	p->changes = t->changes;
	if (lanes != 0) {
		const uint32_t slot =
			home * LINE_LANES + (uint32_t)__builtin_ctz(lanes);
		p->guess = slot | six << GUESS_SIX;
		__builtin_prefetch((char *)port_part(t, h->rows_at) +
				   slot * record_bytes);
		return;
	}
	p->guess = PORT_GUESS_NOWHERE;
	if (line_strays(b, tag)) {
		p->guess = PORT_GUESS_NONE;
		__builtin_prefetch(bucket_line(t, h, home ^ 1));
	}
}

static inline void fetch_guess(const struct port_table *t, struct port_probe *p)
{
	if (p->guess >> GUESS_SIX == 0)
		note_guess(t, 0, p, sizeof(struct port_tuple4));
	else
		note_guess(t, 1, p, sizeof(struct port_tuple6));
}

uint64_t tuple_group_hash(const struct port_table *t,
			  const struct port_probe *p)
{
	const size_t words = both4(p->key) ? KEY4_WORDS : KEY6_WORDS;

	return hash_table(&t->key, p->word, words * sizeof(uint64_t));
}

void port_seek(const struct port_table *t, struct port_probe *probes,
	       size_t count)
{
	for (size_t at = 0; at < count; at += SEEK_AHEAD) {
		const size_t left = count - at;
		const size_t end = at + (left < SEEK_AHEAD ? left : SEEK_AHEAD);

		for (size_t i = at; i < end; i++)
			fetch_home(t, &probes[i]);
		for (size_t i = at; i < end; i++)
			fetch_guess(t, &probes[i]);
	}
}

static inline uint32_t handle_of(const struct port_table *t, uint32_t six,
				 uint32_t slot)
{
	return *back_at(t, &t->hash[six], slot) & BACK_HANDLE;
}

/* IPv6, and where the guess was wrong, or may be old. Apart, so that the usual
   way needs no stack. */
__attribute__((noinline)) static bool
sought_otherwise(const struct port_table *t, const struct port_probe *p,
		 struct port_tuple_ref *ref, uint32_t *index)
{
	const struct whereabouts w = { &t->hash[1], p->guess & HANDLE_SLOT };
	struct quest q;

	if (p->changes == t->changes && p->guess < PORT_GUESS_NOWHERE &&
	    p->guess >> GUESS_SIX != 0 && match6(t, w.slot, p) != NULL) {
		get_ref(t, w, ref);
		if (index != NULL)
			*index = handle_of(t, 1, w.slot);
		return true;
	}
	make_quest(t, &q, p->key, false);
	return find_key(t, &q, ref, index);
}

/* What was noted holds until something comes or goes. The fewer instructions
   are here, the more records on their way are waited for at once. */
bool port_tuple_sought(const struct port_table *t, const struct port_probe *p,
		       struct port_tuple_ref *ref, uint32_t *index)
{
	const uint32_t guess = p->guess;
	const uint32_t *word;

	if (p->changes != t->changes)
		return sought_otherwise(t, p, ref, index);
	if (guess == PORT_GUESS_NOWHERE)
		return false;
	word = guess >> GUESS_SIX == 0 ? match4(t, guess, p) : NULL;
	if (word == NULL)
		return sought_otherwise(t, p, ref, index);
	read_ref(*word, ref);
	if (index != NULL)
		*index = handle_of(t, 0, guess);
	return true;
}

bool port_tuple_guess(const struct port_table *t, const struct port_probe *p,
		      struct port_tuple_ref *ref)
{
	struct whereabouts w;

	if (p->guess >= PORT_GUESS_NOWHERE || p->changes != t->changes)
		return false;
	w.h = &t->hash[p->guess >> GUESS_SIX];
	w.slot = p->guess & HANDLE_SLOT;
	get_ref(t, w, ref);
	return true;
}
