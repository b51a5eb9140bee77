/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash of tuple indices: pairs of 64-byte buckets that grow one by one. */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define LANES 8u
#define PAIRS_MIN 32u
/* A doubling begins when a pair of 16 lanes holds so many on average; by its
   end there are 6.5. */
#define PAIR_FILL 12u
#define CHAINS_AT_ONCE 8u /* more than needed while a pair is being split */

static uint32_t pairs_for(uint32_t tuples_max)
{
	uint32_t pairs = PAIRS_MIN;

	while ((uint64_t)pairs * PAIR_FILL < tuples_max)
		pairs *= 2;
	return pairs;
}

size_t bucket_bytes(uint32_t tuples_max)
{
	return (size_t)pairs_for(tuples_max) * 2 * sizeof(struct port_bucket);
}

/*
 * A chain exists only beside 16 keys in its pair, and all its buckets but the
 * first are full: there are fewer than an eighth of the keys.
 */
size_t bucket_chain_count(uint32_t tuples_max)
{
	return tuples_max / LANES + CHAINS_AT_ONCE;
}

void bucket_init(struct port_table *t)
{
	t->pairs_max = pairs_for(t->limits.tuples_max);
	t->pairs = PAIRS_MIN;
	t->base = PAIRS_MIN;
}

struct port_bucket *bucket_neighbour(const struct port_table *t,
				     const struct port_bucket *home)
{
	size_t index = (size_t)(home - bucket_at(t, 0));

	return bucket_at(t, (uint32_t)index ^ 1);
}

struct port_bucket *bucket_chain(const struct port_table *t,
				 const struct port_bucket *b)
{
	return b->chain == 0 ? NULL : pool_at(&t->chains, b->chain - 1);
}

static uint32_t lane_with_tag(const struct port_bucket *b, uint16_t tag)
{
	uint64_t lanes = bucket_lanes(b, tag);

	return lanes != 0 ? bucket_lane(lanes) : LANES;
}

static uint16_t lane_tag(const struct port_bucket *b, uint32_t lane)
{
	return b->tags[lane];
}

/* A lane in use, or LANES. */
static uint32_t used_lane(const struct port_bucket *b)
{
	uint32_t lane = 0;

	while (lane < LANES && lane_tag(b, lane) == 0)
		lane++;
	return lane;
}

static uint32_t lane_of(const struct port_bucket *b, uint32_t tuple)
{
	for (uint32_t lane = 0; lane < LANES; lane++) {
		if (b->index[lane] == tuple && lane_tag(b, lane) != 0)
			return lane;
	}
	return LANES;
}

/* One key as it stands in a lane. */
struct occupant {
	uint16_t tag;
	uint32_t tuple;
};

static void put(struct port_bucket *b, uint32_t lane, struct occupant o)
{
	check(lane < LANES && lane_tag(b, lane) == 0);
	b->tags[lane] = o.tag;
	b->index[lane] = o.tuple;
}

static struct occupant lift(struct port_bucket *b, uint32_t lane)
{
	struct occupant o = { lane_tag(b, lane), b->index[lane] };

	check(o.tag != 0);
	b->tags[lane] = 0;
	return o;
}

/* --- chains: all buckets full but the first ------------------------------ */

static void chain_push(struct port_table *t, struct port_bucket *home,
		       struct occupant o)
{
	struct port_bucket *b = bucket_chain(t, home);
	uint32_t lane = b == NULL ? LANES : lane_with_tag(b, 0);

	if (lane == LANES) {
		uint32_t index = pool_take(&t->chains);
		check(index != POOL_NONE);
		b = pool_at(&t->chains, index);
		memset(b, 0, sizeof(*b));
		b->chain = home->chain;
		home->chain = index + 1;
		lane = 0;
	}
	put(b, lane, o);
}

/* Gives the first bucket of a chain back when nothing is left in it. */
static void chain_trim(struct port_table *t, struct port_bucket *home)
{
	struct port_bucket *b = bucket_chain(t, home);
	uint32_t index = home->chain - 1;

	if (used_lane(b) != LANES)
		return;
	home->chain = b->chain;
	pool_give(&t->chains, index);
}

static struct occupant chain_pop(struct port_table *t, struct port_bucket *home)
{
	struct port_bucket *b = bucket_chain(t, home);
	struct occupant o = lift(b, used_lane(b));

	chain_trim(t, home);
	return o;
}

static void chain_remove(struct port_table *t, struct port_bucket *home,
			 uint32_t tuple)
{
	struct port_bucket *b = bucket_chain(t, home);
	struct port_bucket *first = b;
	uint32_t lane;

	while ((lane = lane_of(b, tuple)) == LANES) {
		b = bucket_chain(t, b);
		check(b != NULL);
	}
	lift(b, lane);
	if (b != first)
		put(b, lane, lift(first, used_lane(first)));
	chain_trim(t, home);
}

/* --- growth -------------------------------------------------------------- */

static void goes_away(struct port_bucket *home, uint16_t tag)
{
	home->away++;
	home->strays |= 1u << tag % 32;
}

/* One came home, or is gone for good. */
static void no_more_away(struct port_bucket *home)
{
	check(home->away > 0);
	if (--home->away == 0)
		home->strays = 0;
}

static void plant(struct port_table *t, uint64_t hash, uint32_t tuple)
{
	struct occupant o = { bucket_tag(hash), tuple };
	struct port_bucket *home = bucket_home(t, hash);
	struct port_bucket *near = bucket_neighbour(t, home);
	uint32_t lane = lane_with_tag(home, 0);

	if (lane < LANES) {
		put(home, lane, o);
		return;
	}
	goes_away(home, o.tag);
	lane = lane_with_tag(near, 0);
	if (lane < LANES) {
		put(near, lane, o);
		near->guests |= (uint8_t)(1u << lane);
		return;
	}
	chain_push(t, home, o);
}

static void plant_all(struct port_table *t, const struct port_bucket *b)
{
	for (uint32_t lane = 0; lane < LANES; lane++) {
		if (lane_tag(b, lane) != 0)
			plant(t, tuple_hash(t, b->index[lane]), b->index[lane]);
	}
}

static void fetch_all(const struct port_table *t, const struct port_bucket *b)
{
	for (uint32_t lane = 0; lane < LANES; lane++) {
		if (lane_tag(b, lane) != 0)
			__builtin_prefetch(tuple_record(t, b->index[lane]));
	}
}

/* Plants a chain that was cut off from its home anew. */
static void plant_chain(struct port_table *t, uint32_t chain)
{
	while (chain != 0) {
		struct port_bucket b;
		memcpy(&b, pool_at(&t->chains, chain - 1), sizeof(b));
		pool_give(&t->chains, chain - 1);
		plant_all(t, &b);
		chain = b.chain;
	}
}

/* Splits the next pair in turn: half of its keys go to a new one. */
static void grow(struct port_table *t)
{
	struct port_bucket old[2];
	struct port_bucket *pair = bucket_at(t, 2 * (t->pairs - t->base));

	memcpy(old, pair, sizeof(old));
	memset(pair, 0, sizeof(old));
	fetch_all(t, &old[0]);
	fetch_all(t, &old[1]);
	t->pairs++;
	if (t->pairs == 2 * t->base)
		t->base = t->pairs;
	plant_all(t, &old[0]);
	plant_all(t, &old[1]);
	plant_chain(t, old[0].chain);
	plant_chain(t, old[1].chain);
}

/* A doubling, once begun, goes on by one pair per insertion. */
static bool growth_due(const struct port_table *t)
{
	if (t->pairs == t->pairs_max)
		return false;
	return t->pairs != t->base || t->tuple_count >= PAIR_FILL * t->pairs;
}

void bucket_insert(struct port_table *t, uint64_t hash, uint32_t tuple)
{
	if (growth_due(t))
		grow(t);
	plant(t, hash, tuple);
}

/* --- removal ------------------------------------------------------------- */

static void bring_home(struct port_table *t, struct port_bucket *home)
{
	struct occupant o = chain_pop(t, home);

	put(home, lane_with_tag(home, 0), o);
	no_more_away(home);
}

static void take_in(struct port_table *t, struct port_bucket *host,
		    struct port_bucket *home)
{
	struct occupant o = chain_pop(t, home);
	uint32_t lane = lane_with_tag(host, 0);

	put(host, lane, o);
	host->guests |= (uint8_t)(1u << lane);
}

/* Fills the hole in `b` by a key that is better off there. */
static void fill_hole(struct port_table *t, struct port_bucket *b)
{
	struct port_bucket *near = bucket_neighbour(t, b);

	if (b->chain != 0) {
		bring_home(t, b);
	} else if (b->away > 0) {
		uint32_t lane = (uint32_t)__builtin_ctz(near->guests);
		near->guests &= (uint8_t) ~(1u << lane);
		put(b, lane_with_tag(b, 0), lift(near, lane));
		no_more_away(b);
		if (near->chain != 0)
			bring_home(t, near);
	} else if (near->chain != 0) {
		take_in(t, b, near);
	}
}

void bucket_remove(struct port_table *t, uint64_t hash, uint32_t tuple)
{
	struct port_bucket *home = bucket_home(t, hash);
	struct port_bucket *near = bucket_neighbour(t, home);
	uint32_t lane = lane_of(home, tuple);

	if (lane < LANES) {
		check((home->guests >> lane & 1) == 0);
		lift(home, lane);
		fill_hole(t, home);
		return;
	}
	no_more_away(home);
	lane = lane_of(near, tuple);
	if (lane < LANES) {
		check((near->guests >> lane & 1) == 1);
		near->guests &= (uint8_t) ~(1u << lane);
		lift(near, lane);
		fill_hole(t, near);
		return;
	}
	chain_remove(t, home, tuple);
}

/* --- soundness ----------------------------------------------------------- */

/* Counts the keys of a bucket that belong to `home`, which knows of them. */
static uint32_t keys_of(const struct port_table *t, const struct port_bucket *b,
			const struct port_bucket *home)
{
	uint32_t count = 0;

	for (uint32_t lane = 0; lane < LANES; lane++) {
		const uint16_t tag = lane_tag(b, lane);
		uint64_t hash;
		if (tag == 0 || (b != home && !bucket_strays(home, tag)))
			continue;
		hash = tuple_hash(t, b->index[lane]);
		count += tag == bucket_tag(hash) &&
			 bucket_home(t, hash) == home;
	}
	return count;
}

static uint32_t lanes_used(const struct port_bucket *b)
{
	uint32_t count = 0;

	for (uint32_t lane = 0; lane < LANES; lane++)
		count += lane_tag(b, lane) != 0;
	return count;
}

static uint32_t guest_count(const struct port_bucket *b)
{
	uint32_t count = 0;

	for (uint32_t lane = 0; lane < LANES; lane++)
		count += b->guests >> lane & 1;
	return count;
}

/* Counts the keys of a home and all that are away into *keys. */
static bool home_sound(const struct port_table *t, uint32_t index,
		       uint32_t *keys)
{
	const struct port_bucket *b = bucket_at(t, index);
	const struct port_bucket *near = bucket_at(t, index ^ 1);
	const struct port_bucket *first = bucket_chain(t, b);
	uint32_t chained = 0;

	for (const struct port_bucket *c = first; c != NULL;
	     c = bucket_chain(t, c)) {
		uint32_t used = lanes_used(c);
		if (used == 0 || (c != first && used != LANES))
			return false;
		if (keys_of(t, c, b) != used)
			return false;
		chained += used;
	}
	if (chained > 0 && lanes_used(b) + lanes_used(near) != 2 * LANES)
		return false;
	*keys += lanes_used(b) + chained;
	return keys_of(t, b, near) == guest_count(b) &&
	       keys_of(t, b, b) + guest_count(b) == lanes_used(b) &&
	       b->away == guest_count(near) + chained &&
	       (b->away == 0 || lanes_used(b) == LANES);
}

bool bucket_sound(const struct port_table *t)
{
	uint32_t keys = 0;

	for (uint32_t i = 0; i < 2 * t->pairs; i++) {
		if (!home_sound(t, i, &keys))
			return false;
	}
	return keys == t->tuple_count;
}
