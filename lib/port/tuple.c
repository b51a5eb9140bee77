/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples: what callers hold, and records found through their lines. */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "port/quest.h"

/* A handle's word: the slot, which hash, two bits of the face; or a link of the
   free list. A slot's: the handle, the other six bits. */
#define HANDLE_SLOT 0x0fffffffu
#define HANDLE_SIX 28u
#define HANDLE_FACE 29u
#define HANDLE_FREE 0x80000000u
#define BACK_HANDLE 0x03ffffffu
#define BACK_FACE 26u

_Static_assert(PORT_TUPLES_MAX == BACK_HANDLE + 1, "a handle fits");

/* Of an association only the remote end, in its family. */
void quest_make(const struct port_table *t, struct quest *q,
		struct port_probe *p, const struct port_key *key,
		bool association)
{
	uint32_t trait = trait_of(key);
	struct port_key open;
	uint64_t ends;

	check(key->scope < PORT_SCOPES && key->proto < 128);
	p->key = key;
	if (association) {
		open = (struct port_key){ .remote = key->remote,
					  .remote_port = key->remote_port };
		if (minato_addr_is4(&key->remote))
			open.local = minato_addr4(0, 0, 0, 0);
		p->key = &open;
		trait |= TRAIT_OPEN;
	}
	q->p = p;
	q->six = !both4(p->key);
	ends = make_words(t, p);
	p->key = key;
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

void tuple_init(struct port_table *t)
{
	for (int six = 0; six < 2; six++) {
		struct port_hash *h = &t->hash[six];
		bucket_init(h, t->limits.tuples_max,
			    six ? 0 : t->limits.tuples_first);
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

static inline uint32_t *ref_at(const struct port_table *t, struct whereabouts w)
{
	return w.h == &t->hash[1] ? &record6(t, w.slot)->ref :
				    &record4(t, w.slot)->ref;
}

/* What is quiet has no handle: its place is known by nobody. */
static bool is_quiet(const struct port_table *t, const struct port_hash *h,
		     uint32_t slot)
{
	const struct whereabouts w = { h, slot };

	return *ref_at(t, w) >> REF_QUIET != 0;
}

void tuple_moved(struct port_table *t, const struct port_hash *h, uint32_t from,
		 uint32_t to)
{
	uint32_t *handle;
	uint32_t back;

	if (is_quiet(t, h, to))
		return;
	back = *back_at(t, h, from);
	handle = handle_at(t, back & BACK_HANDLE);
	*back_at(t, h, to) = back;
	*handle = (*handle & ~HANDLE_SLOT) | to;
}

void tuple_lifted(const struct port_table *t, const struct port_hash *h,
		  uint32_t from, uint32_t to)
{
	uint32_t back;

	if (is_quiet(t, h, to))
		return;
	back = *back_at(t, h, from);
	*back_at(t, h, to) = back;
	__builtin_prefetch(handle_at(t, back & BACK_HANDLE), 1);
}

bool tuple_sound(const struct port_table *t, const struct port_hash *h,
		 uint32_t slot)
{
	struct whereabouts w;

	if (is_quiet(t, h, slot))
		return true;
	w = find_slot(t, *back_at(t, h, slot) & BACK_HANDLE);
	return w.h == h && w.slot == slot;
}

uint32_t tuple_of_slot(const struct port_table *t, uint32_t six, uint32_t slot)
{
	const struct port_hash *h = &t->hash[six];

	return is_quiet(t, h, slot) ? POOL_NONE :
				      *back_at(t, h, slot) & BACK_HANDLE;
}

const void *tuple_record(const struct port_table *t, uint32_t tuple)
{
	const struct whereabouts w = find_slot(t, tuple);

	return slot_record(t, w.h, w.slot);
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

static inline void write_record(const struct port_table *t,
				struct whereabouts w, const struct quest *q)
{
	const bool six = w.h == &t->hash[1];
	const struct port_probe *p = q->p;
	const uint32_t ports =
		(uint32_t)p->word[six ? KEY6_WORDS - 1 : KEY4_WORDS - 1];

	if (six) {
		struct port_tuple6 *r = record6(t, w.slot);
		memcpy(r->ends, p->word, sizeof(r->ends));
		memcpy((uint8_t *)r + sizeof(r->ends), &ports, sizeof(ports));
		return;
	}
	struct port_tuple4 *r = record4(t, w.slot);
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
		if (q->six ? match6(t, slot, q->p) != NULL :
			     match4(t, slot, q->p) != NULL)
			return slot;
	}
	return POOL_NONE;
}

/* Home first; elsewhere only where the home says that keys are away. */
uint32_t quest_find(const struct port_table *t, const struct quest *q)
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

#define KIND(n)                                                                \
	{                                                                      \
		(n) & 15, ((n) >> 4 & 1) != 0, ((n) >> 5 & 1) != 0,            \
			((n)&15) == PORT_CLASS_REST, (n) >> 6 != 0             \
	}
#define KINDS4(n) KIND(n), KIND((n) + 1), KIND((n) + 2), KIND((n) + 3)
#define KINDS16(n) KINDS4(n), KINDS4((n) + 4), KINDS4((n) + 8), KINDS4((n) + 12)
const struct ref_kind tuple_kinds[128] = {
	KINDS16(0),  KINDS16(16), KINDS16(32), KINDS16(48),
	KINDS16(64), KINDS16(80), KINDS16(96), KINDS16(112),
};

static inline uint32_t pack_ref(const struct port_tuple_ref *ref)
{
	check(ref->class < 16);
	check((ref->class == PORT_CLASS_REST) == ref->rests);
	return (ref->owner & (PORT_OWNERS_MAX - 1)) |
	       (uint32_t)ref->class << REF_CLASS |
	       (uint32_t)ref->exclusive << REF_EXCLUSIVE |
	       (uint32_t)ref->yields << REF_YIELDS |
	       (uint32_t)ref->quiet << REF_QUIET;
}

static inline void set_ref(const struct port_table *t, struct whereabouts w,
			   const struct port_tuple_ref *ref)
{
	const uint32_t more = ref->owner >> REF_CLASS;

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

/* Of one that is not quiet; of an association the local end is open. */
static void read_key(const struct port_table *t, struct whereabouts w,
		     uint32_t trait, struct port_key *out)
{
	const uint32_t back = *back_at(t, w.h, w.slot);
	const uint32_t handle = *handle_at(t, back & BACK_HANDLE);
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
	out->face =
		(uint8_t)(back >> BACK_FACE | (handle >> HANDLE_FACE & 3) << 6);
	out->proto = (uint8_t)(trait >> TRAIT_PROTO);
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

/* The same key stands there: it ends if it only rests. */
static bool gives_way(struct port_table *t, struct whereabouts w)
{
	struct port_tuple_ref was;

	get_ref(t, w, &was);
	if (!was.rests)
		return false;
	port_tuple_remove(t, *back_at(t, w.h, w.slot) & BACK_HANDLE);
	return true;
}

/* Whether nothing, or nothing that stays, is where it wants to be. */
__attribute__((noinline)) static bool has_way(struct port_table *t,
					      const struct quest *q)
{
	const struct whereabouts w = { &t->hash[q->six], quest_find(t, q) };

	return w.slot == POOL_NONE || gives_way(t, w);
}

/* One that is not quiet; apart, so that a quiet one needs little. */
__attribute__((noinline)) static int64_t make_known(struct port_table *t,
						    struct whereabouts w,
						    const struct port_key *key,
						    struct port_tuple_ref ref,
						    bool association)
{
	const uint32_t tuple = take_handle(t);

	join_slot(t, tuple, w, key->face);
	if (!association)
		count_tuple(t, key, &ref, true);
	return tuple;
}

__attribute__((always_inline)) static inline int64_t
insert_in(struct port_table *t, struct port_hash *h, const struct quest *q,
	  const struct port_tuple_ref *ref, bool association)
{
	struct whereabouts w = { .h = h };

	if (!quest_absent(t, h, q) && !has_way(t, q))
		return -EEXIST;
	if (t->tuple_count == t->limits.tuples_max)
		return -ENOSPC;
	t->tuple_count++;
	t->changes++;
	w.slot = bucket_insert(t, h, q->place, q->tag);
	write_record(t, w, q);
	set_ref(t, w, ref);
	if (association)
		t->space[space_of(q->p->key)].associations++;
	return ref->quiet ? 0 : make_known(t, w, q->p->key, *ref, association);
}

static int64_t insert(struct port_table *t, const struct quest *q,
		      const struct port_tuple_ref *ref, bool association)
{
	return q->six == 0 ? insert_in(t, &t->hash[0], q, ref, association) :
			     insert_in(t, &t->hash[1], q, ref, association);
}

int64_t port_tuple_insert(struct port_table *t, const struct port_key *key,
			  struct port_tuple_ref ref)
{
	const bool association = key_is_association(key);
	struct port_probe p;
	struct quest q;

	quest_make(t, &q, &p, key, association);
	if (!ref.quiet)
		crowd_fetch(t, key); /* as far away as the line */
	return insert(t, &q, &ref, association);
}

/* The usual insertion: quiet, of IPv4, and with room at home, which the probe
   knows. False: it takes more. */
static inline bool plant4(struct port_table *t, const struct port_probe *p,
			  const struct port_tuple_ref *ref)
{
	struct port_tuple4 *r;
	uint32_t slot;

	if (!probe_absent(t, p) || t->tuple_count == t->limits.tuples_max)
		return false;
	slot = bucket_plant(t, &t->hash[0], probe_home(p), probe_tag(p));
	if (slot == POOL_NONE)
		return false;
	t->tuple_count++;
	t->changes++;
	r = record4(t, slot);
	unpoison(r, sizeof(*r));
	r->local = (uint32_t)p->word[0];
	r->remote = (uint32_t)(p->word[0] >> 32);
	memcpy((uint8_t *)r + 8, &p->word[1], 4);
	r->ref = pack_ref(ref);
	return true;
}

int64_t port_tuple_insert_sought(struct port_table *t,
				 const struct port_probe *p,
				 struct port_tuple_ref ref)
{
	struct quest q;

	if (ref.quiet && probe_six(p) == 0 && plant4(t, p, &ref))
		return 0;
	quest_of_probe(t, &q, p);
	return insert(t, &q, &ref, false);
}

static void drop_slot(struct port_table *t, struct whereabouts w,
		      uint64_t place)
{
	struct port_hash *h = &t->hash[w.h == &t->hash[1]];

	t->tuple_count--;
	t->changes++;
	bucket_remove(t, h, w.slot, bucket_home(h, place));
}

void port_tuple_remove(struct port_table *t, uint32_t tuple)
{
	const struct whereabouts w = find_slot(t, tuple);
	const uint64_t ends = hash_slot(t, w.h, w.slot);
	const uint32_t trait = slot_trait(t, w.h, w.slot, ends);
	struct port_tuple_ref ref;
	struct port_key key;

	read_key(t, w, trait, &key);
	get_ref(t, w, &ref);
	if (key_is_association(&key))
		t->space[space_of(&key)].associations--;
	else
		count_tuple(t, &key, &ref, false);
	if (ref.rests)
		quarantine_ended(t, ref.owner);
	drop_slot(t, w, place_of(t, ends, trait));
	give_handle(t, tuple);
}

static bool erase(struct port_table *t, const struct quest *q, bool association)
{
	const struct whereabouts w = { &t->hash[q->six], quest_find(t, q) };

	if (w.slot == POOL_NONE)
		return false;
	if (!is_quiet(t, w.h, w.slot)) {
		port_tuple_remove(t, *back_at(t, w.h, w.slot) & BACK_HANDLE);
		return true;
	}
	if (association)
		t->space[space_of(q->p->key)].associations--;
	drop_slot(t, w, q->place);
	return true;
}

bool port_tuple_erase(struct port_table *t, const struct port_key *key)
{
	const bool association = key_is_association(key);
	struct port_probe p;
	struct quest q;

	quest_make(t, &q, &p, key, association);
	return erase(t, &q, association);
}

bool port_tuple_erase_sought(struct port_table *t, const struct port_probe *p)
{
	struct quest q;

	quest_of_probe(t, &q, p);
	return erase(t, &q, false);
}

void tuple_ref(const struct port_table *t, uint32_t six, uint32_t slot,
	       struct port_tuple_ref *ref)
{
	const struct whereabouts w = { &t->hash[six], slot };

	get_ref(t, w, ref);
}

bool port_tuple_find(const struct port_table *t, const struct port_key *key,
		     struct port_tuple_ref *ref, uint32_t *index)
{
	const bool association = key_is_association(key);
	struct port_probe p;
	struct quest q;
	uint32_t slot;

	if (association && t->space[space_of(key)].associations == 0)
		return false;
	quest_make(t, &q, &p, key, association);
	slot = quest_find(t, &q);
	if (slot == POOL_NONE)
		return false;
	tuple_ref(t, q.six, slot, ref);
	if (index != NULL)
		*index = tuple_of_slot(t, q.six, slot);
	return true;
}

bool port_tuple_reassign(struct port_table *t, const struct port_key *key,
			 struct port_tuple_ref ref)
{
	struct whereabouts w;
	struct port_probe p;
	struct quest q;

	quest_make(t, &q, &p, key, key_is_association(key));
	w.h = &t->hash[q.six];
	w.slot = quest_find(t, &q);
	if (w.slot == POOL_NONE)
		return false;
	check(is_quiet(t, w.h, w.slot) && ref.quiet);
	set_ref(t, w, &ref);
	return true;
}

void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref)
{
	struct port_tuple_ref was;
	struct port_key key;

	port_tuple_key(t, tuple, &key);
	port_tuple_get(t, tuple, &was);
	check(!ref.quiet);
	set_ref(t, find_slot(t, tuple), &ref);
	if (key_is_association(&key) || key_is_mapping(&key))
		return;
	crowd_enter(t, &key, &ref); /* first, so that it is never empty */
	crowd_leave(t, &key, &was);
	destination_note(t, &key, true, ref.yields);
}

void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out)
{
	const struct whereabouts w = find_slot(t, tuple);

	read_key(t, w, slot_trait(t, w.h, w.slot, hash_slot(t, w.h, w.slot)),
		 out);
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
	struct port_probe p;
	struct quest q;

	quest_make(t, &q, &p, key, false);
	return q.place;
}
