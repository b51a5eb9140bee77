/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looks of calls: what a SYN has of the system that made it, and not of whom it is for. How often
 * each was there lately is a count-min sketch: two rows of counters, each chosen by other bits of
 * the look, of which the smaller one is at most too large. All are halved now and then, so that
 * what is no more is forgotten. There is one of shapes, and one of looks with their values.
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
 * each of up to some forty looks of a flood comes more often than that, by more than chance takes
 * away; and 8 is enough for newcomers, who are one in hundreds where a flood is one.
 *
 * Rare looks altogether are at most 1/64. That is counted of all of them, whether they are let go
 * first or not: a flood that varies its looks is beyond it for good, not beyond it half of the
 * time. One that keeps just below gets 1/64 of its calls through, as does one that changes its look
 * each some hundred calls; nobody gets more. There is no other bound for the way back: at the bound
 * rare calls go first now and then, which costs no more than below it.
 *
 * Shapes and whole looks are judged apart, so that values drawn at random, as many tools do for the
 * window or the hop limit, hide no newcomer of another shape. That is 1/64 twice at most.
 */
#define LATELY 2048u
#define RARE 128u
#define RARE_ALL 64u
#define ENOUGH 256u /* fewer calls say nothing: of so many, two are rare */

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

/* A hash of the shape, and the values themselves. */
struct walk {
	uint64_t shape, values;
};

/* Kinds and lengths in their order. */
static void walk_options(struct walk *w, const uint8_t *options, uint32_t size)
{
	for (uint32_t i = 0, at = 0; at < size && i < OPTIONS_MAX; i++) {
		const uint8_t *o = options + at;
		const uint32_t left = size - at, kind = o[0];
		uint32_t len = 1;

		if (kind != NOP && kind != END && (left < 2 || o[1] < 2 || o[1] > left)) {
			w->shape = stir(w->shape, BROKEN);
			return;
		}
		if (kind != NOP && kind != END)
			len = o[1];
		w->shape = stir(w->shape, kind | len << 8);
		if (kind == END)
			return;
		if (kind == MSS && len == 4)
			w->values |= (uint64_t)load16(o + 2) << 32;
		else if (kind == SCALE && len == 3)
			w->values |= (uint64_t)o[2] << 48;
		at += len;
	}
}

static void walk_segment(struct walk *w, const uint8_t *tcp, uint32_t left)
{
	uint32_t header;

	if (left < TCP_HEADER) {
		w->shape = stir(w->shape, BROKEN);
		return;
	}
	header = (tcp[12] >> 4) * 4u;
	w->shape = stir(w->shape, load16(tcp + 12)); /* and the flags */
	w->values |= load16(tcp + 14) << 16;
	if (header > left)
		header = left;
	if (header > TCP_HEADER)
		walk_options(w, tcp + TCP_HEADER, header - TCP_HEADER);
}

struct drive_look drive_looks_of(const struct drive_looks *looks, const uint8_t *frame,
				 uint32_t len)
{
	const uint8_t *ip = frame + ETHERNET;
	const uint32_t left = len > ETHERNET ? len - ETHERNET : 0;
	const bool six = left > 0 && ip[0] >> 4 == 6;
	struct walk w = { .shape = looks->seed };
	struct drive_look look;
	uint32_t header = HEADER6;

	if (left >= (six ? HEADER6 : HEADER4)) {
		if (!six)
			header = (ip[0] & 15u) * 4;
		/* Of IPv4 its length and the bits about fragments; a number of 0 is a value. */
		w.shape = stir(w.shape, six ? 6u : ip[0] | (uint32_t)(ip[6] >> 5) << 8);
		w.values = ip[six ? 7 : 8] | (uint32_t)(!six && load16(ip + 4) == 0) << 8;
	}
	if (left >= header)
		walk_segment(&w, ip + header, left - header);
	look.shape = stir(w.shape, looks->seed);
	look.whole = stir(stir(look.shape, w.values), looks->seed);
	return look;
}

static void halve(struct drive_looks *looks)
{
	looks->counted /= 2;
	for (uint32_t kind = 0; kind < 2; kind++) {
		looks->of[kind].rare /= 2;
		for (uint32_t i = 0; i < DRIVE_LOOKS_ROW; i++) {
			looks->of[kind].rows[0][i] /= 2;
			looks->of[kind].rows[1][i] /= 2;
		}
	}
}

static bool note(struct drive_looks *looks, uint32_t kind, uint64_t hash)
{
	struct drive_looks_count *of = &looks->of[kind];
	uint16_t *a = &of->rows[0][hash % DRIVE_LOOKS_ROW];
	uint16_t *b = &of->rows[1][(hash >> 32) % DRIVE_LOOKS_ROW];
	bool is_rare;

	++*a;
	++*b;
	is_rare = (*a < *b ? *a : *b) * RARE <= looks->counted;
	of->rare += is_rare;
	return is_rare && of->rare * RARE_ALL <= looks->counted;
}

bool drive_looks_note(struct drive_looks *looks, struct drive_look look)
{
	bool is_rare;

	if (looks->counted == LATELY)
		halve(looks);
	looks->counted++;
	is_rare = note(looks, 0, look.shape);
	is_rare |= note(looks, 1, look.whole);
	return is_rare && looks->counted >= ENOUGH;
}
