/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that come again: a Bloom filter of those that came lately, in steps of time. All bits of a
 * call are in one place of half a cache line, so that it costs one look at memory; each place has a
 * word for the present step and one for each of those before. Which is of which step goes round:
 * the next step begins by emptying that of the oldest.
 */
#include "drive/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STEPS 4u
#define PLACES ((size_t)1 << 17) /* 4 MB */
#define SIZE (PLACES * sizeof(struct place))
#define STEP_NS INT64_C(750000000) /* less than the second after which a call comes again */

struct place {
	uint64_t steps[STEPS];
};

struct drive_again {
	int64_t since_ns; /* the present step */
	uint32_t step;
	bool dirty[STEPS];
	struct place *places;
};

/* In large pages: each call is somewhere else. Until a flood comes none of it takes memory. */
/* unsealed: mmap munmap madvise */
int drive_again_new(struct drive_again **out)
{
	struct drive_again *again = calloc(1, sizeof(*again));
	void *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*out = again;
	if (again && map != MAP_FAILED) {
		(void)madvise(map, SIZE, MADV_HUGEPAGE);
		again->places = map;
		return 0;
	}
	if (map != MAP_FAILED)
		(void)munmap(map, SIZE);
	free(again);
	*out = NULL;
	return -ENOMEM;
}

/* unsealed: munmap */
void drive_again_free(struct drive_again *again)
{
	if (again)
		(void)munmap(again->places, SIZE);
	free(again);
}

static void empty(struct drive_again *again, uint32_t step)
{
	if (!again->dirty[step])
		return;
	for (size_t i = 0; i < PLACES; i++)
		again->places[i].steps[step] = 0;
	again->dirty[step] = false;
}

static void go_on(struct drive_again *again, int64_t now_ns)
{
	const int64_t passed = (now_ns - again->since_ns) / STEP_NS;

	for (uint32_t i = 0; i < STEPS && (int64_t)i < passed; i++) {
		again->step = (again->step + 1) % STEPS;
		empty(again, again->step);
	}
	if (passed > 0)
		again->since_ns += passed * STEP_NS;
}

static struct place *place_of(const struct drive_again *again, uint64_t call)
{
	return &again->places[call % PLACES];
}

/* Four, by other bits of the hash than choose the place. */
static uint64_t bits_of(uint64_t call)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < 4; i++)
		bits |= UINT64_C(1) << (call >> (40 + 6 * i) & 63);
	return bits;
}

void drive_again_fetch(const struct drive_again *again, uint64_t call)
{
	__builtin_prefetch(place_of(again, call), 1);
}

bool drive_again(struct drive_again *again, uint64_t call, struct minato_time now)
{
	uint64_t *steps = place_of(again, call)->steps;
	const uint64_t bits = bits_of(call);
	bool found = false;

	if (now.ns - again->since_ns >= STEP_NS)
		go_on(again, now.ns);
	for (uint32_t i = 0; i < STEPS; i++)
		found |= i != again->step && (steps[i] & bits) == bits;
	steps[again->step] |= bits;
	again->dirty[again->step] = true;
	return found;
}
