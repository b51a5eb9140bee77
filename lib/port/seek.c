/* SPDX-License-Identifier: BSD-2-Clause */
/* Exact tuples, a batch at a time: what is far away is fetched for all of it
   before any is looked at. */
#include "port/port.h"

#include "port/quest.h"

void port_far_fetch(struct port_far *far)
{
	for (size_t i = 0; i < far->count; i++)
		__builtin_prefetch(far->at[i]);
	far->count = 0;
}

/* Notes the home for the moment. Returns its line. */
static inline const void *note_home(const struct port_table *t, uint32_t six,
				    struct port_probe *p, uint64_t ends)
{
	const struct port_hash *h = &t->hash[six];
	const uint32_t home =
		bucket_home(h, place_of(t, ends, trait_of(p->key)));

	p->ends = ends;
	p->guess = home | six << GUESS_SIX;
	p->note = 0;
	p->rule_changes = PORT_RULES_UNSOUGHT;
	return bucket_line(t, h, home);
}

__attribute__((noinline)) static const void *
find_home6(const struct port_table *t, struct port_probe *p)
{
	return note_home(t, 1, p, make_words6(t, p));
}

static inline const void *find_home(const struct port_table *t,
				    struct port_probe *p)
{
	if (both4(p->key))
		return note_home(t, 0, p, make_words4(t, p));
	return find_home6(t, p);
}

/*
 * Notes and returns the first record that the probe may be looking for; where
 * there is none at home, but keys of it are elsewhere, the line next door.
 * NULL: neither.
 */
static inline const void *note_guess(const struct port_table *t, uint32_t six,
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
		return (char *)port_part(t, h->rows_at) + slot * record_bytes;
	}
	if (!line_strays(b, tag)) {
		p->guess |= PORT_GUESS_NOWHERE;
		return NULL;
	}
	p->guess |= PORT_GUESS_NONE;
	return bucket_line(t, h, home ^ 1);
}

static inline const void *find_guess(const struct port_table *t,
				     struct port_probe *p)
{
	return p->guess >> GUESS_SIX == 0 ?
		       note_guess(t, 0, p, sizeof(struct port_tuple4)) :
		       note_guess(t, 1, p, sizeof(struct port_tuple6));
}

uint64_t tuple_group_hash(const struct port_table *t,
			  const struct port_probe *p)
{
	const size_t words = both4(p->key) ? KEY4_WORDS : KEY6_WORDS;

	return hash_table(&t->key, p->word, words * sizeof(uint64_t));
}

void port_seek_homes(const struct port_table *t, struct port_probe *probes,
		     size_t count)
{
	for (size_t i = 0; i < count; i++)
		__builtin_prefetch(find_home(t, &probes[i]));
}

void port_seek_records(const struct port_table *t, struct port_probe *probes,
		       size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const void *guess = find_guess(t, &probes[i]);
		if (guess != NULL)
			__builtin_prefetch(guess);
	}
}

void port_seek(const struct port_table *t, struct port_probe *probes,
	       size_t count)
{
	for (; count > PORT_FAR; count -= PORT_FAR, probes += PORT_FAR) {
		port_seek_homes(t, probes, PORT_FAR);
		port_seek_records(t, probes, PORT_FAR);
	}
	port_seek_homes(t, probes, count);
	port_seek_records(t, probes, count);
}

/* The record that a key will be in whose home has room; else the home. */
static inline const void *room_in(const struct port_table *t,
				  const struct port_hash *h, uint32_t home)
{
	const struct port_line *b = bucket_line(t, h, home);
	const uint32_t room = line_lanes(b, 0);

	/* Without room it will be next door: seldom. */
	return room == 0 ? b :
			   slot_record(t, h,
				       home * LINE_LANES +
					       (uint32_t)__builtin_ctz(room));
}

static inline const void *room_at_home(const struct port_table *t,
				       const struct port_probe *p)
{
	return room_in(t, &t->hash[probe_six(p)], probe_home(p));
}

static void seek_part(const struct port_table *t, struct port_probe *probes,
		      size_t count)
{
	struct port_far far;

	far.count = 0;
	for (size_t i = 0; i < count; i++)
		port_far_add(&far, find_home(t, &probes[i]));
	port_far_fetch(&far);
	for (size_t i = 0; i < count; i++) {
		const void *guess = find_guess(t, &probes[i]);
		port_far_add(&far, guess != NULL ? guess :
						   room_at_home(t, &probes[i]));
	}
	port_far_fetch(&far);
}

void port_seek_apart(const struct port_table *t, struct port_probe *probes,
		     size_t count)
{
	for (; count > PORT_FAR; count -= PORT_FAR, probes += PORT_FAR)
		seek_part(t, probes, PORT_FAR);
	seek_part(t, probes, count);
}

static inline uint32_t guess_slot(const struct port_probe *p)
{
	return p->guess & ~(1u << GUESS_SIX);
}

/* IPv6, and where the guess was wrong, or may be old. Apart, so that the usual
   way needs no stack. */
__attribute__((noinline)) static bool
sought_otherwise(const struct port_table *t, const struct port_probe *p,
		 struct port_tuple_ref *ref, uint32_t *index)
{
	struct quest q;
	uint32_t slot;

	if (probe_absent(t, p))
		return false;
	quest_of_probe(t, &q, p);
	if (quest_absent(t, &t->hash[q.six], &q))
		return false;
	if (p->changes == t->changes && p->guess < PORT_GUESS_NONE &&
	    q.six != 0 && match6(t, guess_slot(p), p) != NULL)
		slot = guess_slot(p);
	else
		slot = quest_find(t, &q);
	if (slot == POOL_NONE)
		return false;
	tuple_ref(t, q.six, slot, ref);
	if (index != NULL)
		*index = tuple_of_slot(t, q.six, slot);
	return true;
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
	if ((guess & PORT_GUESS_NOWHERE) != 0)
		return false;
	word = guess >> GUESS_SIX == 0 ? match4(t, guess, p) : NULL;
	if (word == NULL)
		return sought_otherwise(t, p, ref, index);
	read_ref(*word, ref);
	if (index != NULL)
		*index = tuple_of_slot(t, 0, guess);
	return true;
}

bool port_tuple_guess(const struct port_table *t, const struct port_probe *p,
		      struct port_tuple_ref *ref)
{
	if (p->guess >= PORT_GUESS_NONE || p->changes != t->changes)
		return false;
	tuple_ref(t, p->guess >> GUESS_SIX, guess_slot(p), ref);
	return true;
}

const void *port_tuple_room(const struct port_table *t,
			    const struct port_probe *p)
{
	struct quest q;
	const struct port_hash *h;

	if (probe_has_home(t, p))
		return room_at_home(t, p);
	quest_of_probe(t, &q, p);
	h = &t->hash[q.six];
	return room_in(t, h, bucket_home(h, q.place));
}
