/* SPDX-License-Identifier: BSD-2-Clause */
/* Sources of ports whose defects are known. */
#ifndef UNIT_MEASURE_SOURCES_H
#define UNIT_MEASURE_SOURCES_H

#include "unit/measure_fixture.h"

enum fake_kind {
	FAKE_UNIFORM, /* no defect, no late reuse */
	FAKE_COUNTER, /* one counter for all (traditional) */
	FAKE_OFFSET,  /* ... from an offset of each destination (RFC 6056 3.3.3) */
	FAKE_CELLS,   /* 16 counters, shared by destinations (RFC 6056 3.3.4) */
	FAKE_FRESH,   /* a destination's first picks are the same whenever it comes anew */
};

/* Ports are held by destination 0 alone; the others give theirs back at once. */
struct fake {
	enum fake_kind kind;
	struct measure_dice dice;
	uint32_t low, range, free_count;
	uint32_t counter, cell[16];
	uint16_t free[65536];
	uint32_t place[65536]; /* in `free`, + 1; or 0 */
	uint32_t picks[8192];  /* of each destination, for FAKE_FRESH */
};

static uint64_t fake_hash(uint64_t a, uint64_t b)
{
	struct measure_dice dice = { a * UINT64_C(0x100000001b3) + b };

	return measure_roll(&dice);
}

static int fake_open(void *user, uint16_t low, uint16_t high)
{
	struct fake *f = user;

	f->low = low;
	f->range = (uint32_t)high - low + 1;
	f->free_count = f->range;
	f->counter = 0;
	memset(f->cell, 0, sizeof(f->cell));
	memset(f->place, 0, sizeof(f->place));
	memset(f->picks, 0, sizeof(f->picks));
	for (uint32_t i = 0; i < f->range; i++) {
		f->free[i] = (uint16_t)(low + i);
		f->place[low + i] = i + 1;
	}
	return 0;
}

/* Where the search for a free one begins. */
static uint32_t fake_start(struct fake *f, uint32_t destination)
{
	uint32_t offset = (uint32_t)(fake_hash(1, destination) % f->range);

	switch (f->kind) {
	case FAKE_UNIFORM:
		return f->free[measure_below(&f->dice, f->free_count)] - f->low;
	case FAKE_COUNTER:
		return f->counter++ % f->range;
	case FAKE_OFFSET:
		return (offset + f->counter++) % f->range;
	case FAKE_CELLS:
		return (offset + f->cell[fake_hash(2, destination) % 16]++) % f->range;
	case FAKE_FRESH:
		/* Forgets the destination after some picks elsewhere. */
		if (++f->counter % 4000 == 0)
			memset(f->picks, 0, sizeof(f->picks));
		return (uint32_t)(fake_hash(destination, f->picks[destination % 8192]++) %
				  f->range);
	}
	return 0;
}

static int fake_take(void *user, uint32_t destination, uint64_t *lease, uint16_t *port)
{
	struct fake *f = user;
	uint32_t at, place;

	if (f->free_count == 0)
		return -EADDRNOTAVAIL;
	at = fake_start(f, destination);
	/* Where that one is taken, any other: their defects are about the first choice. */
	if (f->place[f->low + at] == 0)
		at = f->free[measure_below(&f->dice, f->free_count)] - f->low;
	*port = (uint16_t)(f->low + at);
	*lease = *port;
	/* The last free one takes its place. */
	place = f->place[*port];
	f->place[*port] = 0;
	f->free_count--;
	if (place - 1 != f->free_count) {
		f->free[place - 1] = f->free[f->free_count];
		f->place[f->free[place - 1]] = place;
	}
	return 0;
}

static void fake_give(void *user, uint64_t lease)
{
	struct fake *f = user;

	f->free[f->free_count++] = (uint16_t)lease;
	f->place[lease] = f->free_count;
}

static inline struct measure_source fake_source(struct fake *fake, enum fake_kind kind)
{
	memset(fake, 0, sizeof(*fake));
	fake->kind = kind;
	fake->dice.state = 11;
	return (struct measure_source){ fake, fake_open, fake_take, fake_give };
}

#endif
