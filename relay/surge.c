/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that calls everywhere at once: a flood of SYNs or datagrams to places that do not answer.
 * Each is a socket of the host's, a hundred times dearer than the frame, and while they are dialled
 * all else that the guest says is lost before its link. So first contacts are let through by
 * chance, as many as can be dialled beside the rest: those to whom has answered lately are none,
 * nor is what stands. Whoever holds the link drops the others before they cost anything
 * (drive/sieve.c), as the config's `surge` is told; until he does, they are dropped here.
 */
#include "relay/relay.h"

#include <string.h>

#define WINDOW_NS (INT64_C(50) * 1000000)
/* As many first contacts in a window are a surge; of a quarter of that it is over after a while. */
#define BEGIN_AT 200u
#define CALM_WINDOWS 10u
/* So many are let through in a window. */
#define GOAL 25u
#define ALL UINT32_MAX

static struct relay_known *place_of(struct surge *surge, const struct minato_addr *addr)
{
	struct relay_known *oldest = &surge->known[0];

	for (uint32_t i = 0; i < RELAY_KNOWN_MAX; i++) {
		struct relay_known *one = &surge->known[i];

		if (one->answered_ns && minato_addr_equal(&one->addr, addr))
			return one;
		if (one->answered_ns < oldest->answered_ns)
			oldest = one;
	}
	return oldest;
}

static bool is_known(struct surge *surge, const struct minato_addr *addr)
{
	const struct relay_known *place = place_of(surge, addr);

	return place->answered_ns && minato_addr_equal(&place->addr, addr);
}

void surge_answered(struct relay *relay, const struct minato_addr *addr)
{
	struct surge *surge = &relay->surge;
	struct relay_known *place = surge->last;

	if (!place || !minato_addr_equal(&place->addr, addr)) {
		place = place_of(surge, addr);
		/* Who holds the link knows all but this one. */
		surge->unsaid |= !place->answered_ns || !minato_addr_equal(&place->addr, addr);
		place->addr = *addr;
		surge->last = place;
	}
	place->answered_ns = relay->now.ns;
}

bool surge_admits(struct relay *relay, const struct minato_addr *addr)
{
	struct surge *surge = &relay->surge;

	/* Of many hosts behind a gateway one must not make it hard for the others. */
	if (!relay->config.surge || is_known(surge, addr))
		return true;
	surge->calls++;
	if (!surge->on || surge->calls <= GOAL)
		return true;
	relay_count(relay, RELAY_COUNT_SURGE_SHED);
	return false;
}

static void tell(struct relay *relay)
{
	struct surge *surge = &relay->surge;
	struct relay_surge out = { .on = surge->on, .chance = surge->chance };

	surge->unsaid = false;
	for (uint32_t i = 0; surge->on && i < RELAY_KNOWN_MAX; i++) {
		if (surge->known[i].answered_ns)
			out.known[out.known_count++] = surge->known[i].addr;
	}
	relay->config.surge(relay->config.surge_user, &out);
}

/* What would come without a sieve, and how much of it is let through from now on. */
static void measure(struct surge *surge)
{
	double share = (double)surge->chance / (double)ALL;
	double offered = (double)surge->calls / (share > 0 ? share : 1);
	double chance = offered > GOAL ? (double)GOAL / offered : 1;
	uint32_t before = surge->chance;

	/* With few that come through it is a guess: by halves, but at once when too many do. */
	if (surge->calls <= GOAL && chance > 2 * share)
		chance = 2 * share;
	surge->chance = chance >= 1 ? ALL : (uint32_t)(chance * (double)ALL);
	if (surge->chance < ALL / 65536)
		surge->chance = ALL / 65536;
	surge->calm = offered < BEGIN_AT / 4.0 ? surge->calm + 1 : 0;
	surge->unsaid |= surge->chance > before + before / 4 || surge->chance < before - before / 4;
}

struct minato_time surge_turn(struct relay *relay)
{
	struct surge *surge = &relay->surge;
	const int64_t now = relay->now.ns;
	bool was = surge->on;

	if (!surge->on && !surge->calls)
		return MINATO_NEVER;
	if (!surge->begun_ns)
		surge->begun_ns = now;
	/* It begins at once; all else is by windows. */
	if (!surge->on && surge->calls >= BEGIN_AT) {
		surge->on = true;
		surge->chance = ALL;
		surge->calm = 0;
	} else if (now - surge->begun_ns < WINDOW_NS) {
		return (struct minato_time){ surge->begun_ns + WINDOW_NS };
	}
	if (surge->on)
		measure(surge);
	if (surge->on && surge->calm >= CALM_WINDOWS)
		surge->on = false;
	surge->calls = 0;
	surge->begun_ns = surge->on ? now : 0;
	if (was != surge->on || (surge->on && surge->unsaid))
		tell(relay);
	return surge->on ? (struct minato_time){ now + WINDOW_NS } : MINATO_NEVER;
}
