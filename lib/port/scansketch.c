/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is remembered of sources that have no place: four rows of counts
 * (count-min, with conservative update), all halved when as many have been
 * added as a row is wide. Then a cell holds one or two of others' on average,
 * and what is returned is less that: a source that nobody has met is taken for
 * one that failed before with a chance of about 10^-4, by one failure. A
 * filter of bits, forgotten with each halving, keeps the same contact from
 * being counted twice.
 */
#include "port/scan.h"

#define CELL_TOP 255u
#define MET_PER_CELL 4u /* bits */

static uint32_t width_of(uint32_t sources_max)
{
	return sources_max / 4;
}

size_t sketch_bytes(uint32_t sources_max)
{
	const size_t width = width_of(sources_max);

	return SCAN_ROWS * width + MET_PER_CELL * width / 8;
}

void sketch_init(struct scan_sketch *k, int64_t at, uint32_t sources_max)
{
	k->width = width_of(sources_max);
	k->cells = at;
	k->met = at + (int64_t)(SCAN_ROWS * (size_t)k->width);
}

static bool met_before(struct scan *s, uint64_t hash)
{
	uint64_t *met = scan_part(s, s->sketch.met);
	const uint32_t bit =
		(uint32_t)(hash & (s->sketch.width * MET_PER_CELL - 1));
	const uint64_t mask = UINT64_C(1) << bit % 64;
	const bool was = (met[bit / 64] & mask) != 0;

	met[bit / 64] |= mask;
	return was;
}

static void halve(struct scan *s)
{
	uint8_t *cells = scan_part(s, s->sketch.cells);
	const size_t width = s->sketch.width;

	for (size_t i = 0; i < SCAN_ROWS * width; i++)
		cells[i] /= 2;
	memset(scan_part(s, s->sketch.met), 0, MET_PER_CELL * width / 8);
	s->sketch.added = 0;
}

uint32_t sketch_add(struct scan *s, uint64_t key, uint64_t contact)
{
	struct scan_sketch *k = &s->sketch;
	uint8_t *cells = scan_part(s, k->cells);
	uint64_t hash = scan_hash(s, key, 1);
	uint32_t least = CELL_TOP, place[SCAN_ROWS];
	const uint32_t noise = 2 + k->added / k->width;

	for (uint32_t i = 0; i < SCAN_ROWS; i++) {
		place[i] = i * k->width + (uint32_t)(hash & (k->width - 1));
		hash = scan_hash(s, hash, i + 2);
		if (cells[place[i]] < least)
			least = cells[place[i]];
	}
	if (!met_before(s, scan_hash(s, key, contact)) && least < CELL_TOP) {
		least++;
		for (uint32_t i = 0; i < SCAN_ROWS; i++)
			if (cells[place[i]] < least)
				cells[place[i]] = (uint8_t)least;
		if (++k->added >= k->width)
			halve(s);
	}
	return least > noise ? least - noise : 1;
}

/* --- ports that have answered --------------------------------------------- */

static uint64_t opened_hash(const struct scan *s, const struct scan_contact *c)
{
	uint64_t word[5] = { 0 };

	memcpy(word, c->target.bytes, 16);
	word[2] = (uint64_t)c->proto << 16 | c->port;
	word[4] = 1; /* of no source */
	return hash_five(&s->secret, word);
}

static bool opened_has(const uint64_t *bits, uint32_t bit)
{
	return (bits[bit / 64] & UINT64_C(1) << bit % 64) != 0;
}

void scan_opened(struct scan *s, const struct scan_contact *c)
{
	struct scan_opened *o = &s->opened;
	uint64_t hash = opened_hash(s, c);

	if (o->set >= SCAN_OPENED / 4) {
		o->newer ^= 1;
		o->set = 0;
		memset(o->bits[o->newer], 0, sizeof(o->bits[0]));
	}
	for (uint32_t i = 0; i < 2; i++, hash >>= 32) {
		const uint32_t bit = hash % SCAN_OPENED;
		o->set += !opened_has(o->bits[o->newer], bit);
		o->bits[o->newer][bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

bool sketch_opened(const struct scan *s, const struct scan_contact *c)
{
	const uint64_t hash = opened_hash(s, c);
	const uint32_t one = hash % SCAN_OPENED;
	const uint32_t two = (hash >> 32) % SCAN_OPENED;
	const struct scan_opened *o = &s->opened;

	return (opened_has(o->bits[0], one) && opened_has(o->bits[0], two)) ||
	       (opened_has(o->bits[1], one) && opened_has(o->bits[1], two));
}
