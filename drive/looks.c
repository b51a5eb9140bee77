/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks of calls: what a SYN has of the system that made it, and not of whom it is for. How often
 * each was there lately is a count-min sketch: two rows of counters, each chosen by other bits of
 * the look, of which the smaller one is at most too large. All are halved now and then, so that
 * what is no more is forgotten.
 */
#include "drive/intake.h"

#include <string.h>

#define ETHERNET 14u
#define HEADER4 20u
#define HEADER6 40u
#define TCP_HEADER 20u
#define END 0u /* options */
#define NOP 1u
#define MSS 2u
#define SCALE 3u
#define BROKEN 0x100u  /* in place of one: its length is none */
#define OPTIONS_MAX 16 /* that are looked at; systems send up to nine */

/*
 * Between 1024 and 2048 calls count. A look is rare at 8 to 16 of these or fewer, which is 1/128:
 * each of up to some fifty looks of a flood comes more often than that, by more than chance takes
 * away; and 8 is enough for newcomers, who are one in hundreds where a flood is one.
 *
 * Rare looks altogether are at most 1/64. That is counted of all of them, whether they are let go
 * first or not: a flood that varies its looks is beyond it for good, not beyond it half of the
 * time. One that keeps just below gets 1/64 of its calls through, with one that changes its look
 * each some hundred calls; nobody gets more. There is no other bound for the way back: at the bound
 * rare calls go first now and then, which costs no more than below it.
 */
#define LATELY 2048u
#define RARE 128u
#define RARE_ALL 64u
#define ENOUGH 256u /* fewer calls say nothing: of these, two have a rare look */

_Static_assert((DRIVE_LOOKS_ROW & (DRIVE_LOOKS_ROW - 1)) == 0, "bits of a hash choose a counter");
_Static_assert(LATELY <= UINT16_MAX, "what a counter holds");

void drive_looks_reset(struct drive_looks *looks, uint64_t seed)
{
	memset(looks, 0, sizeof(*looks));
	looks->seed = seed;
}

static uint64_t stir(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint32_t load16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* Kinds and lengths in their order, and the values that a system chooses once. */
static uint64_t stir_options(uint64_t h, const uint8_t *options, uint32_t size)
{
	for (uint32_t i = 0, at = 0; at < size && i < OPTIONS_MAX; i++) {
		const uint8_t *o = options + at;
		const uint32_t left = size - at, kind = o[0];
		uint32_t len = 1, value = 0;

		if (kind == END)
			return stir(h, kind);
		if (kind != NOP && (left < 2 || o[1] < 2 || o[1] > left))
			return stir(h, BROKEN);
		if (kind != NOP)
			len = o[1];
		if (kind == MSS && len == 4)
			value = load16(o + 2);
		else if (kind == SCALE && len == 3)
			value = o[2];
		h = stir(h, kind | len << 8 | (uint64_t)value << 16);
		at += len;
	}
	return h;
}

static uint64_t stir_segment(uint64_t h, const uint8_t *tcp, uint32_t left)
{
	uint32_t header;

	if (left < TCP_HEADER)
		return stir(h, BROKEN);
	header = (tcp[12] >> 4) * 4u;
	h = stir(h, tcp[12] | (uint32_t)tcp[13] << 8 | load16(tcp + 14) << 16);
	if (header > left)
		header = left;
	return header > TCP_HEADER ? stir_options(h, tcp + TCP_HEADER, header - TCP_HEADER) : h;
}

uint64_t drive_looks_of(const struct drive_looks *looks, const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + ETHERNET;
	const uint32_t left = len > ETHERNET ? len - ETHERNET : 0;
	const bool six = left > 0 && ip[0] >> 4 == 6;
	uint64_t h = looks->seed;
	uint32_t header = HEADER6;

	if (left < (six ? HEADER6 : HEADER4))
		return stir(h, BROKEN);
	if (six) {
		h = stir(h, 6u | (uint32_t)ip[7] << 8);
	} else {
		header = (ip[0] & 15u) * 4;
		/* Its own length, how far it came, what may be done to it, a number that is 0. */
		h = stir(h, ip[0] | (uint32_t)ip[8] << 8 | (uint32_t)(ip[6] >> 5) << 16 |
				    (uint32_t)(load16(ip + 4) == 0) << 24);
	}
	h = header <= left ? stir_segment(h, ip + header, left - header) : stir(h, BROKEN);
	return stir(h, looks->seed);
}

static void halve(struct drive_looks *looks)
{
	looks->counted /= 2;
	looks->rare /= 2;
	for (uint32_t i = 0; i < DRIVE_LOOKS_ROW; i++) {
		looks->rows[0][i] /= 2;
		looks->rows[1][i] /= 2;
	}
}

bool drive_looks_note(struct drive_looks *looks, uint64_t look)
{
	uint16_t *a = &looks->rows[0][look % DRIVE_LOOKS_ROW];
	uint16_t *b = &looks->rows[1][(look >> 32) % DRIVE_LOOKS_ROW];
	bool is_rare;

	if (looks->counted == LATELY)
		halve(looks);
	looks->counted++;
	++*a;
	++*b;
	is_rare = (*a < *b ? *a : *b) * RARE <= looks->counted;
	looks->rare += is_rare;
	return is_rare && looks->counted >= ENOUGH && looks->rare * RARE_ALL <= looks->counted;
}
