/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where tuples stand: lines of tags, and beside them the records in place.
 *
 *   line    64 bytes: 28 tags, and what is known of keys that are elsewhere
 *   row     the records of a line's 28 lanes; slot = 28 * line + lane
 *   back    of each slot the handle of its tuple, which callers hold; a quiet
 *           one has neither
 *
 * A miss reads one line, a hit that and one record. The table is 58 to 80 %
 * full at any size, since it grows by half of a doubling at a time.
 *
 * The lines lie in two regions, each of which doubles by itself. A group are
 * the lines at one place of both regions: 2 of them when a doubling begins,
 * then 3, and 4, which are two groups of 2. Growth adds a line to each of two
 * neighbouring groups and gives it its part of their keys:
 *
 *   region 0   [ g | .   .   . ][ g' ]      g' = g + base: the group's third
 *   region 1   [ g | .   .   . ]            line; a fourth will be here
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define BASE_MIN 16u
/* A step of growth begins when so many keys come to ten lines (80 %), and
   goes on by two lines for each 8 insertions. */
#define FILL_OF_TEN 224u
#define INSERTIONS_PER_GROWTH 8u
#define CHAINS_AT_ONCE 64u /* more than needed while groups are replanted */
#define SCRATCH 6u	   /* lines of two groups */

_Static_assert(sizeof(struct port_line) == 64, "tags and all in one line");

/* --- memory -------------------------------------------------------------- */

struct extent {
	uint32_t base, share; /* groups, lines of each: at its largest */
	uint32_t lines, chains;
};

static struct extent extent_for(uint32_t tuples_max)
{
	const uint64_t lines =
		((uint64_t)tuples_max * 10 + FILL_OF_TEN - 1) / FILL_OF_TEN;
	struct extent e = { .base = BASE_MIN, .share = 2 };

	while ((uint64_t)e.base * e.share < lines) {
		if (++e.share < 4)
			continue;
		e.base *= 2;
		e.share = 2;
	}
	e.lines = e.base * e.share;
	/* A chain exists only beside 56 keys in its pair of lines, and all its
	   lines but the first are full: at most one line for 28 keys. */
	e.chains = tuples_max / LINE_LANES + CHAINS_AT_ONCE;
	return e;
}

size_t bucket_slots(uint32_t tuples_max)
{
	return (size_t)bucket_lines(tuples_max) * LINE_LANES;
}

size_t bucket_lines(uint32_t tuples_max)
{
	const struct extent e = extent_for(tuples_max);

	return (size_t)e.lines + e.chains + SCRATCH;
}

/* What follows from base, share and done. */
static void set_step(struct port_hash *h)
{
	const bool last = h->share == 3;

	h->mask = h->base - 1;
	h->more_share = last ? 2u - 3u : 1u;
	h->more_mask = last ? h->base : 0;
	for (uint32_t v = 0; v < 4; v++)
		h->start[v] = h->region[v % 2] + v / 2 * h->base;
	h->lines = h->base * h->share + h->done;
	h->full = (uint32_t)(((uint64_t)FILL_OF_TEN * h->lines + 9) / 10);
	if (h->lines == h->lines_max)
		h->full = UINT32_MAX;
}

void bucket_init(struct port_hash *h, uint32_t tuples_max,
		 uint32_t tuples_first)
{
	const struct extent e = extent_for(tuples_max);
	const struct extent first = extent_for(
		tuples_first < tuples_max ? tuples_first : tuples_max);

	h->region[0] = 0;
	h->region[1] = e.lines - e.base;
	h->lines_max = e.lines;
	h->chains_max = e.chains;
	h->base = first.base;
	h->share = first.share;
	h->done = 0;
	h->count = 0;
	h->pace = 0;
	h->chains_used = 0;
	h->chains_fresh = 0;
	h->chains_free = 0;
	set_step(h);
}

void bucket_first(uint32_t tuples_max, uint32_t tuples_first, uint32_t at[2],
		  uint32_t lines[2])
{
	struct port_hash h;

	bucket_init(&h, tuples_max, tuples_first);
	for (uint32_t i = 0; i < 2; i++)
		at[i] = h.region[i];
	lines[0] = h.base * (h.share - 1);
	lines[1] = h.base;
}

static struct port_line *line_of(const struct port_table *t,
				 const struct port_hash *h, uint32_t number)
{
	return bucket_line(t, h, number);
}

/* Each lane that fits gives its bit: eight lanes make a byte, two vectors 16
   bits in a word of each lane, which are then gathered. */
uint32_t line_lanes_plain(const struct port_line *b, uint16_t tag)
{
	const lane_vector bits = { 1, 2, 4, 8, 16, 32, 64, 128 };
	uint32_t lanes = 0;

	for (uint32_t half = 0; half < 2; half++) {
		lane_vector v[2], sum;
		uint64_t word[2];
		memcpy(v, (const char *)b + half * sizeof(v), sizeof(v));
		sum = ((v[0] == (int16_t)tag) & bits) |
		      ((v[1] == (int16_t)tag) & bits) << 8;
		memcpy(word, &sum, sizeof(sum));
		word[0] |= word[1];
		word[0] |= word[0] >> 32;
		word[0] |= word[0] >> 16;
		lanes |= (uint32_t)(word[0] & 0xffff) << 16 * half;
	}
	return lanes & LINE_ALL;
}

/* Chains and scratch lie behind the lines. */
static bool is_chain(const struct port_hash *h, uint32_t number)
{
	return number >= h->lines_max;
}

static uint32_t used_lanes(const struct port_line *b)
{
	return ~line_lanes(b, 0) & LINE_ALL;
}

static uint32_t first_lane(uint32_t lanes)
{
	return (uint32_t)__builtin_ctz(lanes);
}

/* --- moving -------------------------------------------------------------- */

static void vacate(const struct port_table *t, const struct port_hash *h,
		   uint32_t slot)
{
	line_of(t, h, slot / LINE_LANES)->tags[slot % LINE_LANES] = 0;
	poison(slot_record(t, h, slot), h->record_bytes);
}

static void occupy(const struct port_table *t, const struct port_hash *h,
		   uint32_t slot, uint16_t tag)
{
	uint16_t *at =
		&line_of(t, h, slot / LINE_LANES)->tags[slot % LINE_LANES];

	check(*at == 0);
	*at = tag;
	unpoison(slot_record(t, h, slot), h->record_bytes);
}

static void copy(const struct port_table *t, const struct port_hash *h,
		 uint32_t from, uint32_t to)
{
	const struct port_line *b = line_of(t, h, from / LINE_LANES);

	occupy(t, h, to, b->tags[from % LINE_LANES]);
	memcpy(slot_record(t, h, to), slot_record(t, h, from), h->record_bytes);
}

/* The key goes to an empty slot, with all that it has. */
static void move(struct port_table *t, struct port_hash *h, uint32_t from,
		 uint32_t to)
{
	copy(t, h, from, to);
	tuple_moved(t, h, from, to);
	vacate(t, h, from);
}

/* For the moment: nobody asks for it before it is planted. */
static void lift(const struct port_table *t, const struct port_hash *h,
		 uint32_t from, uint32_t to)
{
	copy(t, h, from, to);
	tuple_lifted(t, h, from, to);
	vacate(t, h, from);
}

/* --- chains: all lines full but the first -------------------------------- */

static uint32_t take_chain(struct port_table *t, struct port_hash *h)
{
	uint32_t number = h->chains_free;

	if (number != 0) {
		h->chains_free = line_of(t, h, number)->chain;
	} else {
		check(h->chains_fresh < h->chains_max);
		number = h->lines_max + h->chains_fresh++;
	}
	h->chains_used++;
	return number;
}

static void give_chain(struct port_table *t, struct port_hash *h,
		       uint32_t number)
{
	struct port_line *b = line_of(t, h, number);

	memset(b, 0, sizeof(*b));
	b->chain = h->chains_free;
	h->chains_free = number;
	h->chains_used--;
}

/* The line next door knows of it, so that a removal there need not ask. */
static void set_chain(const struct port_table *t, const struct port_hash *h,
		      struct port_line *home, uint32_t number)
{
	const uint32_t own = (uint32_t)(home - line_of(t, h, 0));

	home->chain = number;
	line_of(t, h, own ^ 1)->near_chained = number != 0;
}

/* In the first line of the home's chain, or in a new one before it. */
static uint32_t chain_room(struct port_table *t, struct port_hash *h,
			   struct port_line *home)
{
	uint32_t number = home->chain;
	uint32_t room = 0;

	if (number != 0)
		room = line_lanes(line_of(t, h, number), 0);
	if (room == 0) {
		number = take_chain(t, h);
		line_of(t, h, number)->chain = home->chain;
		set_chain(t, h, home, number);
		room = LINE_ALL;
	}
	return number * LINE_LANES + first_lane(room);
}

/* Gives the first line of a chain back when nothing is left in it. */
static void trim_chain(struct port_table *t, struct port_hash *h,
		       struct port_line *home)
{
	const uint32_t number = home->chain;
	const struct port_line *b = line_of(t, h, number);

	if (used_lanes(b) != 0)
		return;
	set_chain(t, h, home, b->chain);
	give_chain(t, h, number);
}

/* Some key of the chain. */
static uint32_t chain_key(const struct port_table *t, const struct port_hash *h,
			  const struct port_line *home)
{
	const uint32_t lanes = used_lanes(line_of(t, h, home->chain));

	return home->chain * LINE_LANES + first_lane(lanes);
}

/* --- planting ------------------------------------------------------------ */

/* Keys came home, or are gone for good. */
static void forget_strays(struct port_line *home)
{
	if (home->away == 0 && home->chain == 0)
		home->strays = 0;
}

/* An empty slot for a key whose home is full: next door, or in a chain. */
__attribute__((noinline)) static uint32_t room_away(struct port_table *t,
						    struct port_hash *h,
						    uint32_t number,
						    uint16_t tag)
{
	struct port_line *home = line_of(t, h, number);
	uint32_t room;

	home->strays |= line_stray(tag);
	room = line_lanes(line_of(t, h, number ^ 1), 0);
	if (room == 0)
		return chain_room(t, h, home);
	home->away++;
	return (number ^ 1) * LINE_LANES + first_lane(room);
}

static inline uint32_t room_for(struct port_table *t, struct port_hash *h,
				uint32_t number, uint16_t tag)
{
	const uint32_t room = line_lanes(line_of(t, h, number), 0);

	return room != 0 ? number * LINE_LANES + first_lane(room) :
			   room_away(t, h, number, tag);
}

/* Moves a key from where it is none of the table's. */
static void plant(struct port_table *t, struct port_hash *h, uint32_t slot)
{
	const struct port_line *b = line_of(t, h, slot / LINE_LANES);
	const uint16_t tag = b->tags[slot % LINE_LANES];
	const uint32_t home = bucket_home(h, tuple_place(t, h, slot));

	move(t, h, slot, room_for(t, h, home, tag));
}

static void plant_line(struct port_table *t, struct port_hash *h,
		       uint32_t number)
{
	uint32_t lanes = used_lanes(line_of(t, h, number));

	for (; lanes != 0; lanes &= lanes - 1)
		plant(t, h, number * LINE_LANES + first_lane(lanes));
}

/* --- growth -------------------------------------------------------------- */

static void next_step(struct port_hash *h)
{
	h->done += 2;
	if (h->done == h->base) {
		h->done = 0;
		if (++h->share == 4) {
			h->share = 2;
			h->base *= 2;
		}
	}
	set_step(h);
}

/* What growth will read of a line. */
static void fetch_row(const struct port_table *t, const struct port_hash *h,
		      uint32_t number)
{
	const uint32_t slot = number * LINE_LANES;
	const char *row = slot_record(t, h, slot);
	const char *backs = (const char *)port_part(t, h->backs_at) +
			    slot * sizeof(uint32_t);

	__builtin_prefetch(line_of(t, h, number));
	for (size_t at = 0; at < LINE_LANES * h->record_bytes; at += 64)
		__builtin_prefetch(row + at);
	__builtin_prefetch(backs);
	__builtin_prefetch(backs + LINE_LANES * sizeof(uint32_t) - 1);
}

static uint32_t step_line(const struct port_hash *h, uint32_t i)
{
	return h->start[i / 2] + h->done + i % 2;
}

/* What the next step will read comes a line at a time, between two of them. */
static void fetch_ahead(const struct port_table *t, const struct port_hash *h)
{
	if (h->done != 0 && h->pace <= 2 * h->share)
		fetch_row(t, h, step_line(h, h->pace - 1));
}

/* Takes whatever has its home elsewhere now into a line of the scratch.
   Returns the line's chain, cut off. */
static uint32_t uproot(struct port_table *t, struct port_hash *h,
		       uint32_t number, uint32_t scratch)
{
	struct port_line *b = line_of(t, h, number);
	const uint32_t chain = b->chain;
	uint32_t lanes = used_lanes(b);

	for (; lanes != 0; lanes &= lanes - 1) {
		const uint32_t lane = first_lane(lanes);
		const uint32_t slot = number * LINE_LANES + lane;
		if (bucket_home(h, tuple_place(t, h, slot)) != number)
			lift(t, h, slot, scratch * LINE_LANES + lane);
	}
	b->chain = 0;
	b->near_chained = 0; /* as the line next door is of the same step */
	b->away = 0;
	b->strays = 0;
	return chain;
}

/* Adds a line to each of the next two groups. */
static void grow(struct port_table *t, struct port_hash *h)
{
	const uint32_t share = h->share;
	const uint32_t scratch = h->lines_max + h->chains_max;
	uint32_t number[SCRATCH], chain[SCRATCH];

	for (uint32_t i = 0; i < 2 * share; i++) {
		number[i] = step_line(h, i);
		if (h->done == 0)
			fetch_row(t, h, number[i]);
	}
	next_step(h);
	t->changes += PORT_HOMES_MOVED;
	for (uint32_t i = 0; i < 2 * share; i++)
		chain[i] = uproot(t, h, number[i], scratch + i);
	for (uint32_t i = 0; i < 2 * share; i++)
		plant_line(t, h, scratch + i);
	for (uint32_t i = 0; i < 2 * share; i++) {
		while (chain[i] != 0) {
			const uint32_t link = chain[i];
			chain[i] = line_of(t, h, link)->chain;
			plant_line(t, h, link);
			give_chain(t, h, link);
		}
	}
}

/* With growth: a step, once begun, goes on. Apart, as the usual insertion needs
   no stack. */
__attribute__((noinline)) static void go_on(struct port_table *t,
					    struct port_hash *h)
{
	if (h->lines == h->lines_max)
		return;
	if (h->done != 0 && ++h->pace < INSERTIONS_PER_GROWTH) {
		fetch_ahead(t, h);
		return;
	}
	grow(t, h);
	h->pace = 0;
}

uint32_t bucket_insert(struct port_table *t, struct port_hash *h,
		       uint64_t place, uint16_t tag)
{
	uint32_t slot;

	if (h->done != 0 || h->count >= h->full)
		go_on(t, h);
	slot = room_for(t, h, bucket_home(h, place), tag);
	occupy(t, h, slot, tag);
	h->count++;
	return slot;
}

/* --- removal ------------------------------------------------------------- */

/* A guest of `host` whose home is `number`. */
static uint32_t guest_of(const struct port_table *t, const struct port_hash *h,
			 uint32_t host, uint32_t number)
{
	const struct port_line *b = line_of(t, h, host);
	const struct port_line *home = line_of(t, h, number);
	uint32_t lanes = used_lanes(b);

	for (; lanes != 0; lanes &= lanes - 1) {
		const uint32_t lane = first_lane(lanes);
		const uint32_t slot = host * LINE_LANES + lane;
		if (line_strays(home, b->tags[lane]) &&
		    bucket_home(h, tuple_place(t, h, slot)) == number)
			return slot;
	}
	check(false);
	return 0;
}

/* A key of the line's chain comes into an empty slot of it. */
static void bring_home(struct port_table *t, struct port_hash *h,
		       struct port_line *b, uint32_t slot)
{
	move(t, h, chain_key(t, h, b), slot);
	trim_chain(t, h, b);
	forget_strays(b);
}

/* Fills the empty slot of line `number` by a key that is better off there. */
static void fill_hole(struct port_table *t, struct port_hash *h,
		      uint32_t number, uint32_t slot)
{
	struct port_line *b = line_of(t, h, number);
	struct port_line *near = line_of(t, h, number ^ 1);

	if (b->chain != 0) {
		bring_home(t, h, b, slot);
	} else if (b->away > 0) {
		const uint32_t guest = guest_of(t, h, number ^ 1, number);
		move(t, h, guest, slot);
		b->away--;
		forget_strays(b);
		if (near->chain != 0)
			bring_home(t, h, near, guest);
	} else if (b->near_chained != 0) {
		move(t, h, chain_key(t, h, near), slot);
		near->away++;
		trim_chain(t, h, near);
	}
}

static void remove_chained(struct port_table *t, struct port_hash *h,
			   struct port_line *home, uint32_t slot)
{
	if (slot / LINE_LANES != home->chain)
		move(t, h, chain_key(t, h, home), slot);
	trim_chain(t, h, home);
	forget_strays(home);
}

void bucket_remove(struct port_table *t, struct port_hash *h, uint32_t slot,
		   uint32_t home)
{
	const uint32_t number = slot / LINE_LANES;
	struct port_line *b = line_of(t, h, home);

	vacate(t, h, slot);
	h->count--;
	if (is_chain(h, number)) {
		remove_chained(t, h, b, slot);
		return;
	}
	if (number != home) {
		check(number == (home ^ 1) && b->away > 0);
		b->away--;
		forget_strays(b);
	}
	fill_hole(t, h, number, slot);
}

/* --- soundness ----------------------------------------------------------- */

/* Whether a line, of no chain, belongs to the table by now. */
static bool in_use(const struct port_hash *h, uint32_t number)
{
	const uint32_t region = number >= h->region[1];
	uint32_t grown = 0; /* of this region's second half */

	if (region + 2 < h->share)
		grown = h->base;
	else if (region + 2 == h->share)
		grown = h->done;
	number -= h->region[region];
	return number < h->base + grown;
}

/* Counts the keys in line `number` that belong to `home`, which knows of those
   that are elsewhere. */
static uint32_t keys_of(const struct port_table *t, const struct port_hash *h,
			uint32_t number, uint32_t home)
{
	const struct port_line *b = line_of(t, h, number);
	uint32_t lanes = used_lanes(b), count = 0;

	for (; lanes != 0; lanes &= lanes - 1) {
		const uint32_t lane = first_lane(lanes);
		const uint32_t slot = number * LINE_LANES + lane;
		if (number != home &&
		    !line_strays(line_of(t, h, home), b->tags[lane]))
			continue;
		count += bucket_home(h, tuple_place(t, h, slot)) == home &&
			 tuple_sound(t, h, slot);
	}
	return count;
}

static uint32_t count_lanes(const struct port_table *t,
			    const struct port_hash *h, uint32_t number)
{
	uint32_t lanes = used_lanes(line_of(t, h, number)), count = 0;

	for (; lanes != 0; lanes &= lanes - 1)
		count++;
	return count;
}

/* Counts the keys in a home and in its chain into *keys. */
static bool home_sound(const struct port_table *t, const struct port_hash *h,
		       uint32_t number, uint32_t *keys)
{
	const struct port_line *b = line_of(t, h, number);
	const uint32_t used = count_lanes(t, h, number);
	const uint32_t near = count_lanes(t, h, number ^ 1);
	const uint32_t guests = line_of(t, h, number ^ 1)->away;

	*keys += used;
	for (uint32_t c = b->chain; c != 0; c = line_of(t, h, c)->chain) {
		const uint32_t chained = count_lanes(t, h, c);
		if (!is_chain(h, c) || chained == 0 ||
		    (c != b->chain && chained != LINE_LANES) ||
		    keys_of(t, h, c, number) != chained ||
		    used + near != 2 * LINE_LANES)
			return false;
		*keys += chained;
	}
	return keys_of(t, h, number ^ 1, number) == b->away &&
	       keys_of(t, h, number, number) + guests == used &&
	       (b->away == 0 || used == LINE_LANES) &&
	       (b->strays == 0) == (b->away == 0 && b->chain == 0) &&
	       line_of(t, h, number ^ 1)->near_chained == (b->chain != 0);
}

static bool hash_sound(const struct port_table *t, const struct port_hash *h)
{
	uint32_t keys = 0, lines = 0;

	for (uint32_t i = 0; i < h->lines_max; i++) {
		if (!in_use(h, i))
			continue;
		lines++;
		if (!home_sound(t, h, i, &keys))
			return false;
	}
	return keys == h->count && lines == h->lines;
}

bool bucket_sound(const struct port_table *t)
{
	return hash_sound(t, &t->hash[0]) && hash_sound(t, &t->hash[1]) &&
	       t->hash[0].count + t->hash[1].count == t->tuple_count;
}
