/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A key made ready to be looked for, and what it is compared with: shared by
 * tuple.c and seek.c alone.
 */
#ifndef PORT_QUEST_H
#define PORT_QUEST_H

#include "port/port.h"

#define KEY_ENDS 32u /* of a key: both addresses, then both ports */
#define KEY4_WORDS 2u
#define KEY6_WORDS PORT_KEY_WORDS

/* Of a tuple's `ref`, above the owner. */
#define REF_CLASS 25u
#define REF_EXCLUSIVE 29u
#define REF_YIELDS 30u
#define REF_QUIET 31u

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

static inline bool key_is_association(const struct port_key *key)
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
	const struct port_probe *p; /* its words */
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

static inline uint64_t make_words(const struct port_table *t,
				  struct port_probe *p)
{
	return both4(p->key) ? make_words4(t, p) : make_words6(t, p);
}

/* Of an exact key that was sought: nothing is hashed again. */
static inline void quest_of_probe(const struct port_table *t, struct quest *q,
				  const struct port_probe *p)
{
	const uint32_t trait = trait_of(p->key);

	q->p = p;
	q->six = !both4(p->key);
	q->tag = tag_of(p->ends, trait);
	q->place = place_of(t, p->ends, trait);
}

/*
 * Of a probe that found nothing at home, or may be looked for elsewhere: it
 * knows its home, until homes become others.
 */
static inline bool probe_has_home(const struct port_table *t,
				  const struct port_probe *p)
{
	return p->guess >= PORT_GUESS_NONE &&
	       t->changes - p->changes < PORT_HOMES_MOVED;
}
static inline uint32_t probe_six(const struct port_probe *p)
{
	return p->guess >> GUESS_SIX & 1;
}
static inline uint32_t probe_home(const struct port_probe *p)
{
	return p->guess & ((1u << GUESS_SIX) - 1);
}
static inline uint16_t probe_tag(const struct port_probe *p)
{
	return tag_of(p->ends, trait_of(p->key));
}
/* True: its home, which it knows, says that it is nowhere. */
static inline bool probe_absent(const struct port_table *t,
				const struct port_probe *p)
{
	const struct port_line *b;
	const uint16_t tag = probe_tag(p);

	if (!probe_has_home(t, p))
		return false;
	b = bucket_line(t, &t->hash[probe_six(p)], probe_home(p));
	return line_lanes(b, tag) == 0 && !line_strays(b, tag);
}

/* tuple.c: of a key that was not; `p` is where its words go. */
void quest_make(const struct port_table *t, struct quest *q,
		struct port_probe *p, const struct port_key *key,
		bool association);
/* True: its home says that it is nowhere. False: quest_find tells. `h` is the
   one that it is of. */
static inline bool quest_absent(const struct port_table *t,
				const struct port_hash *h,
				const struct quest *q)
{
	const struct port_line *b = bucket_line(t, h, bucket_home(h, q->place));

	return line_lanes(b, q->tag) == 0 && !line_strays(b, q->tag);
}
/* The slot of it, or POOL_NONE. */
uint32_t quest_find(const struct port_table *t, const struct quest *q);
/* Its index, or POOL_NONE where it has none. */
uint32_t tuple_of_slot(const struct port_table *t, uint32_t six, uint32_t slot);
/* What it stands for, all of it. */
void tuple_ref(const struct port_table *t, uint32_t six, uint32_t slot,
	       struct port_tuple_ref *ref);

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

static inline uint64_t ends4(const struct port_tuple4 *r)
{
	return join(r->local, r->remote);
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

/* What of a ref is above the owner, for all its values: one load. */
struct ref_kind {
	uint8_t class;
	bool exclusive, yields, rests, quiet;
};
extern const struct ref_kind tuple_kinds[128];
_Static_assert(offsetof(struct port_tuple_ref, quiet) -
			       offsetof(struct port_tuple_ref, class) ==
		       offsetof(struct ref_kind, quiet),
	       "a ref ends as a kind");

static inline void read_ref(uint32_t word, struct port_tuple_ref *ref)
{
	ref->owner = word & (PORT_OWNERS_MAX - 1);
	memcpy((char *)ref + offsetof(struct port_tuple_ref, class),
	       &tuple_kinds[word >> REF_CLASS], sizeof(tuple_kinds[0]));
}

#endif
