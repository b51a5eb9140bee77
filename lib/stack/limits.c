/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much strangers are answered. Whoever sends what nobody waits for gets a
 * RST or an ICMP error, and can ask for any number of them, in any name. The
 * limits must not tell him what others were answered (CVE-2016-5696: a count
 * of challenge ACKs for all; CVE-2020-25705: one of ICMP errors): so there is
 * no count that two sources share and one of them could read.
 *
 * Each source has its own, in a place of a table that is chosen by a secret,
 * and another one each window (of 0.75 to 1.25 s). How much it holds is a
 * number drawn for that place and window, between a half and all of the
 * bound. All together are held back by chance: once `bound` were asked for in
 * a window, each further one comes through with (bound / asked)^2, so that
 * fewer than twice the bound go out however many are asked for, and one packet
 * more or less changes the chance of the next by less than 1 in 2,000.
 *
 * A source is an IPv4 address, or the /64 of an IPv6 one.
 */
#include "stack/stack.h"

#include <string.h>

#define WINDOW_NS (NS_PER_S * 3 / 4)
#define WINDOW_VARIES_MS 500u

static const struct {
	uint32_t each, all; /* in a window, at most */
} bounds[LIMIT_KINDS] = {
	[LIMIT_RST] = { 1000, 10000 },
	[LIMIT_ICMP] = { 100, 4000 },
	/* By themselves, or who spends the others would blind a path. */
	[LIMIT_TOO_BIG] = { 50, 2000 },
};

static void begin_window(struct minato *m, struct limit *l, uint32_t all)
{
	const uint32_t more_ms = random_below(&m->random, WINDOW_VARIES_MS);

	memset(l->spent, 0, sizeof(l->spent));
	l->salt[0] = random_next(&m->random);
	l->salt[1] = random_next(&m->random);
	l->asked = 0;
	l->bound = all / 2 + random_below(&m->random, all / 2);
	l->until = time_after(m->now, WINDOW_NS + more_ms * NS_PER_MS);
}

/* The place of a source in this window, and what it is good for. */
static uint64_t draw(const struct minato *m, const struct limit *l,
		     const struct minato_addr *who)
{
	uint64_t words[4] = { l->salt[0], l->salt[1], 0, 0 };

	memcpy(&words[2], who->bytes, 8);
	if (minato_addr_is4(who))
		memcpy(&words[3], who->bytes + 8, 8);
	return hash_table(&m->limit_key, words, sizeof(words));
}

static bool by_chance(struct minato *m, const struct limit *l)
{
	return random_below(&m->random, l->asked) < l->bound &&
	       random_below(&m->random, l->asked) < l->bound;
}

bool limits_allow(struct minato *m, enum limit_kind kind,
		  const struct minato_addr *who)
{
	struct limit *l = &m->limit[kind];
	const uint32_t each = bounds[kind].each;
	uint64_t drawn;
	uint16_t *spent;

	if (time_reached(m->now, l->until))
		begin_window(m, l, bounds[kind].all);
	drawn = draw(m, l, who);
	spent = &l->spent[drawn % LIMIT_PLACES];
	if (*spent >= each / 2 + (drawn >> 32) % (each / 2 + 1))
		return false;
	l->asked++;
	if (l->asked > l->bound && !by_chance(m, l))
		return false;
	++*spent;
	return true;
}
