/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples: compact records of both ends, found through the buckets. */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

#define LINE 64u
#define KEY_TAIL offsetof(struct port_key, local_port)
#define KEY4_WORDS 2u
#define KEY6_WORDS 5u
#define EXCLUSIVE 0x80u /* in `class` */
#define YIELDS 0x40u
#define RESTS 0x20u
#define QUIET 0x10u
#define SEEK_AHEAD 32u

_Static_assert(sizeof(struct port_tuple4) * TUPLES4_PER_LINE <= LINE,
	       "records share a cache line");
_Static_assert(sizeof(struct port_bucket) == LINE, "a bucket is a line");
_Static_assert(offsetof(struct port_key, proto) - KEY_TAIL ==
		       offsetof(struct tuple_tail, proto),
	       "a key ends as a tail begins");
_Static_assert(KEY_TAIL + 8 <= sizeof(struct port_key), "it has a word there");
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

/* What of a tail, or of the end of a key, belongs to the key, as a word. */
static inline uint64_t key_word(const void *tail)
{
	static const uint8_t mask[8] = { 0xff, 0xff, 0xff, 0xff,
					 0xff, 0,    0xff, 0 };

	return load8(tail) & load8(mask);
}

static inline uint64_t live_word(const struct port_key *key)
{
	static const uint8_t live[8] = { [4] = TUPLE_LIVE };
	const uint8_t *at = (const uint8_t *)key;

	return key_word(at + KEY_TAIL) | load8(live);
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

	if (is4(&key->local) && is4(&key->remote)) {
		p->word[0] = join(load4(addr_v4(&key->local)),
				  load4(addr_v4(&key->remote)));
		p->word[1] = live_word(key);
		p->words = KEY4_WORDS;
		return;
	}
	p->word[0] = load8(key->local.bytes);
	p->word[1] = load8(key->local.bytes + 8);
	p->word[2] = load8(key->remote.bytes);
	p->word[3] = load8(key->remote.bytes + 8);
	p->word[4] = live_word(key);
	p->words = KEY6_WORDS;
}

/* Of an association only the remote end, in its family. */
static void make_open_words(struct port_probe *p)
{
	const struct port_key *key = p->key;
	const struct tuple_tail tail = {
		.remote_port = key->remote_port,
		.scope = key->scope | TUPLE_LIVE | TUPLE_ASSOCIATION,
		.proto = key->proto,
	};

	memset(p->word, 0, sizeof(p->word));
	p->words = is4(&key->remote) ? KEY4_WORDS : KEY6_WORDS;
	if (p->words == KEY4_WORDS) {
		p->word[0] = join(0, load4(addr_v4(&key->remote)));
	} else {
		p->word[2] = load8(key->remote.bytes);
		p->word[3] = load8(key->remote.bytes + 8);
	}
	p->word[p->words - 1] = key_word(&tail);
}

static inline uint64_t hash_of(const struct port_table *t, const uint64_t *word,
			       uint32_t words)
{
	return (words == KEY4_WORDS ? hash_pair(&t->secret, word) :
				      hash_five(&t->secret, word)) &
	       t->hash_mask;
}

static void make_probe(const struct port_table *t, struct port_probe *p,
		       bool association)
{
	check(p->key->scope < PORT_SCOPES);
	if (association)
		make_open_words(p);
	else
		make_words(p);
	p->hash = hash_of(t, p->word, p->words);
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
static inline struct tuple_tail *tail_at(const struct port_table *t,
					 uint32_t tuple)
{
	return tuple & TUPLE_IPV6 ? &tuple6_at(t, tuple)->tail :
				    &tuple4_at(t, tuple)->tail;
}

static size_t record_bytes(uint32_t tuple)
{
	return tuple & TUPLE_IPV6 ? sizeof(struct port_tuple6) :
				    sizeof(struct port_tuple4);
}

/* Under AddressSanitizer what is removed may not even be looked at; its records
   lie so that the tail is poisoned whatever stands beside it. */
static inline bool is_poisoned(const struct port_table *t, uint32_t tuple)
{
	return poisoned(&tail_at(t, tuple)->scope);
}

/* That of a live tuple; a stale index is a broken promise. */
static struct tuple_tail *live_tail(const struct port_table *t, uint32_t tuple)
{
	struct tuple_tail *r = tail_at(t, tuple);

	if (tuple & TUPLE_IPV6)
		check((tuple & ~TUPLE_IPV6) < t->fresh6);
	else
		check(tuple < t->fresh4);
	check((r->scope & TUPLE_LIVE) != 0);
	return r;
}

void tuple_init(struct port_table *t)
{
	/* The memory may have served a table before. */
	unpoison(tuple4_at(t, 0),
		 (t->limits.tuples_max / TUPLES4_PER_LINE + 1) * (size_t)64);
	unpoison(tuple6_at(t, 0),
		 t->limits.tuples_max * sizeof(struct port_tuple6));
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

uint64_t tuple_hash(const struct port_table *t, uint32_t tuple)
{
	uint64_t word[PORT_KEY_WORDS];

	if (tuple & TUPLE_IPV6) {
		const struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(word, r->ends, sizeof(r->ends));
		word[4] = key_word(&r->tail);
		return hash_of(t, word, KEY6_WORDS);
	}
	word[0] = ends4(tuple4_at(t, tuple));
	word[1] = key_word(&tuple4_at(t, tuple)->tail);
	return hash_of(t, word, KEY4_WORDS);
}

static inline bool matches(const struct port_table *t, uint32_t tuple,
			   const struct port_probe *p)
{
	if (p->words == KEY4_WORDS) {
		const struct port_tuple4 *r = tuple4_at(t, tuple);
		return (tuple & TUPLE_IPV6) == 0 && ends4(r) == p->word[0] &&
		       key_word(&r->tail) == p->word[1];
	}
	if ((tuple & TUPLE_IPV6) == 0)
		return false;
	const struct port_tuple6 *r = tuple6_at(t, tuple);
	return memcmp(r->ends, p->word, sizeof(r->ends)) == 0 &&
	       key_word(&r->tail) == p->word[4];
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

	if (tuple != POOL_NONE || !bucket_strays(home, tag))
		return tuple;
	tuple = find_in_bucket(t, bucket_neighbour(t, home), tag, p);
	for (b = bucket_chain(t, home); b != NULL && tuple == POOL_NONE;
	     b = bucket_chain(t, b))
		tuple = find_in_bucket(t, b, tag, p);
	return tuple;
}

/* A record of the family, its key filled in; there is one: counted. */
static uint32_t take_record(struct port_table *t, const struct port_probe *p)
{
	const bool wide = p->words == KEY6_WORDS;
	uint32_t *free = wide ? &t->free6 : &t->free4;
	uint32_t *fresh = wide ? &t->fresh6 : &t->fresh4;
	const uint32_t index = *free != POOL_NONE ? *free : (*fresh)++;
	const uint32_t tuple = wide ? index | TUPLE_IPV6 : index;
	struct tuple_tail *tail = tail_at(t, tuple);

	unpoison(tuple_record(t, tuple), record_bytes(tuple));
	if (index == *free)
		*free = tail->owner;
	if (wide) {
		struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(r->ends, p->word, sizeof(r->ends));
	} else {
		struct port_tuple4 *r = tuple4_at(t, tuple);
		r->local = (uint32_t)p->word[0];
		r->remote = (uint32_t)(p->word[0] >> 32);
	}
	memcpy(tail, &p->word[p->words - 1], sizeof(p->word[0]));
	return tuple;
}

static void give_record(struct port_table *t, uint32_t tuple)
{
	uint32_t *free = tuple & TUPLE_IPV6 ? &t->free6 : &t->free4;
	struct tuple_tail *r = live_tail(t, tuple);

	r->scope = 0;
	r->owner = *free;
	*free = tuple & ~TUPLE_IPV6;
	poison(tuple_record(t, tuple), record_bytes(tuple));
}

static void write_ref(struct tuple_tail *r, struct port_tuple_ref ref)
{
	check(ref.class < 16);
	r->owner = ref.owner;
	r->class = (uint8_t)(ref.class | (ref.exclusive ? EXCLUSIVE : 0) |
				(ref.yields ? YIELDS : 0) |
				(ref.rests ? RESTS : 0) |
				(ref.quiet ? QUIET : 0));
}

static inline void read_ref(const struct tuple_tail *r,
			    struct port_tuple_ref *ref)
{
	ref->owner = r->owner;
	ref->class = r->class & 15;
	ref->exclusive = (r->class & EXCLUSIVE) != 0;
	ref->yields = (r->class & YIELDS) != 0;
	ref->rests = (r->class & RESTS) != 0;
	ref->quiet = (r->class & QUIET) != 0;
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
	struct port_probe p = { .key = key };
	struct tuple_tail *r;
	uint32_t tuple;

	make_probe(t, &p, association);
	if (!ref.quiet)
		crowd_fetch(t, key); /* as far away as the bucket */
	tuple = find_probe(t, &p);
	if (tuple != POOL_NONE && (live_tail(t, tuple)->class & RESTS) == 0)
		return -EEXIST;
	if (tuple != POOL_NONE)
		port_tuple_remove(t, tuple);
	if (t->tuple_count == t->limits.tuples_max)
		return -ENOSPC;
	tuple = take_record(t, &p);
	t->tuple_count++;
	t->insertions++;
	bucket_insert(t, p.hash, tuple);

	r = live_tail(t, tuple);
	write_ref(r, ref);
	r->face = key->face;
	if (association)
		t->space[space_of(key)].associations++;
	else if (!ref.quiet)
		count_tuple(t, key, &ref, true);
	return tuple;
}

void port_tuple_remove(struct port_table *t, uint32_t tuple)
{
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
	bucket_remove(t, tuple_hash(t, tuple), tuple);
	t->tuple_count--;
	give_record(t, tuple);
}

bool port_tuple_find(const struct port_table *t, const struct port_key *key,
		     struct port_tuple_ref *ref, uint32_t *index)
{
	const bool association = key_is_association(key);
	struct port_probe p = { .key = key };

	if (association && t->space[space_of(key)].associations == 0)
		return false;
	make_probe(t, &p, association);
	p.guess = PORT_GUESS_NONE;
	return port_tuple_sought(t, &p, ref, index);
}

void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref)
{
	struct port_tuple_ref was;
	struct port_key key;

	port_tuple_key(t, tuple, &key);
	port_tuple_get(t, tuple, &was);
	check(was.quiet == ref.quiet);
	write_ref(live_tail(t, tuple), ref);
	if (key_is_association(&key) || ref.quiet || key_is_mapping(&key))
		return;
	crowd_enter(t, &key, &ref); /* first, so that it is never empty */
	crowd_leave(t, &key, &was);
	destination_note(t, &key, true, ref.yields);
}

void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out)
{
	const struct tuple_tail *tail = live_tail(t, tuple);

	if (tuple & TUPLE_IPV6) {
		const struct port_tuple6 *r = tuple6_at(t, tuple);
		memcpy(out->local.bytes, &r->ends[0], 16);
		memcpy(out->remote.bytes, &r->ends[2], 16);
	} else {
		const struct port_tuple4 *r = tuple4_at(t, tuple);
		out->local = addr_from4((const uint8_t *)&r->local);
		out->remote = addr_from4((const uint8_t *)&r->remote);
	}
	out->local_port = tail->local_port;
	out->remote_port = tail->remote_port;
	out->scope = tail->scope & 15;
	out->face = tail->face;
	out->proto = tail->proto;
}

void port_tuple_get(const struct port_table *t, uint32_t tuple,
		    struct port_tuple_ref *out)
{
	read_ref(live_tail(t, tuple), out);
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

static inline void fetch_home(const struct port_table *t, struct port_probe *p)
{
	make_words(p);
	p->hash = hash_of(t, p->word, p->words);
	p->guess = bucket_number(t, p->hash); /* for the moment */
	__builtin_prefetch(bucket_at(t, p->guess));
}

/*
 * Notes and fetches the first record that the probe may be looking for; where
 * there is none at home, but keys of it are next door, that line.
 */
static inline void fetch_guess(const struct port_table *t,
			       struct port_probe *p)
{
	const struct port_bucket *home = bucket_at(t, p->guess);
	const uint16_t tag = bucket_tag(p->hash);
	const uint64_t lanes = bucket_lanes(home, tag);

	p->insertions = t->insertions;
	p->guess = PORT_GUESS_NOWHERE;
	if (lanes != 0) {
		p->guess = home->index[bucket_lane(lanes)];
		__builtin_prefetch(tuple_record(t, p->guess));
	} else if (bucket_strays(home, tag)) {
		p->guess = PORT_GUESS_NONE;
		__builtin_prefetch(bucket_neighbour(t, home));
	}
}

/*
 * While the bucket of one key is on its way, the next ones are hashed: fetches
 * that come one by one, with work between them, are done sooner than a burst.
 */
void port_seek(const struct port_table *t, struct port_probe *probes,
	       size_t count)
{
	const size_t ahead = count < SEEK_AHEAD ? count : SEEK_AHEAD;

	for (size_t i = 0; i < ahead; i++)
		fetch_home(t, &probes[i]);
	for (size_t i = ahead; i < count; i++) {
		fetch_home(t, &probes[i]);
		fetch_guess(t, &probes[i - ahead]);
	}
	for (size_t i = count - ahead; i < count; i++)
		fetch_guess(t, &probes[i]);
}

/* Where the guess was wrong, or may be old. Apart, so that the usual way needs
   no stack. */
__attribute__((noinline)) static bool
search(const struct port_table *t, const struct port_probe *p,
       struct port_tuple_ref *ref, uint32_t *index)
{
	const uint32_t tuple = find_probe(t, p);

	if (tuple == POOL_NONE)
		return false;
	read_ref(tail_at(t, tuple), ref);
	if (index != NULL)
		*index = tuple;
	return true;
}

/* What was noted holds for a key that stands where it was seen (a key has one
   record), and for one that was nowhere until something is inserted. */
bool port_tuple_sought(const struct port_table *t, const struct port_probe *p,
		       struct port_tuple_ref *ref, uint32_t *index)
{
	const uint32_t tuple = p->guess;

	if (tuple == PORT_GUESS_NOWHERE && p->insertions == t->insertions)
		return false;
	if (tuple >= PORT_GUESS_NOWHERE || is_poisoned(t, tuple) ||
	    !matches(t, tuple, p))
		return search(t, p, ref, index);
	read_ref(tail_at(t, tuple), ref);
	if (index != NULL)
		*index = tuple;
	return true;
}

bool port_tuple_guess(const struct port_table *t, const struct port_probe *p,
		      struct port_tuple_ref *ref)
{
	if (p->guess >= PORT_GUESS_NOWHERE || is_poisoned(t, p->guess))
		return false;
	read_ref(tail_at(t, p->guess), ref);
	return true;
}
