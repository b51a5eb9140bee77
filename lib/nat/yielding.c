/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which inside host gives way when sessions, mappings or ports are used up: the
 * one that has most, to one that has less. So whoever opens flows to all the
 * world shuts it to nobody beside him. How much more he must have is drawn anew
 * each time, between as much and twice as much, as for connections of our own
 * (stack/share.c).
 *
 * Who has most is not searched for: each host that has begun some flows more is
 * held against the one that had most until then. Where that one has become
 * smaller meanwhile, the next that grows takes its place.
 *
 * Of its newest flows one goes that has had no answer yet; where all have, the
 * one that was silent longest. The port of the former serves another at once.
 */
#include "nat/nat.h"

#define LOOK 16u
/* Below it no host is asked to give way to another. */
#define AT_LEAST 64u

void yielding_grew(struct nat *n, uint32_t host)
{
	const struct nat_host *h = host_record(n, host);
	const struct nat_host *most = host_record(n, n->largest);

	if (!most->live || h->sessions > most->sessions)
		n->largest = host;
}

static bool is_answered(const struct nat_session *s)
{
	if (s->proto == MINATO_TCP)
		return (s->tcp & NAT_TCP_STATE) != MINATO_NAT_OPENING;
	return (s->tcp & NAT_TCP_SYN_B) != 0;
}

/* Who might give way, as far as was looked. */
struct search {
	uint32_t victim, longest, seen;
};

/* From here on in a list. True: this one it is. */
static bool search_list(const struct nat *n, struct search *found, uint32_t at)
{
	for (; at != NAT_NONE && found->seen < LOOK; found->seen++) {
		const struct nat_session *s = session_at(n, at);
		const uint32_t silent = n->now_ms - s->last;
		if (found->victim == NAT_NONE || silent > found->longest ||
		    !is_answered(s)) {
			found->victim = at;
			found->longest = silent;
		}
		if (!is_answered(s))
			return true;
		at = s->next;
	}
	return false;
}

/* Of the newest of its mappings, each with its newest flow; of those without a
   mapping too. */
static uint32_t victim_of(const struct nat *n, const struct nat_host *h)
{
	struct search found = { .victim = NAT_NONE };
	uint32_t m = h->mappings;
	bool done = search_list(n, &found, h->others);

	if (found.seen == LOOK)
		found.seen /= 2;
	for (; m != NAT_NONE && !done && found.seen < LOOK;
	     m = mapping_at(n, m)->next)
		done = search_list(n, &found, mapping_at(n, m)->sessions);
	return found.victim;
}

bool yielding_room(struct nat *n, uint8_t scope, const struct minato_addr *who)
{
	const struct nat_host *most = host_record(n, n->largest);
	const uint32_t host = host_find(n, scope, who);
	const uint32_t fair =
		1 + (host == NAT_NONE ? 0 : host_record(n, host)->sessions);
	uint32_t victim;

	if (!most->live || host == n->largest || most->sessions <= AT_LEAST ||
	    most->sessions <= fair + random_below(&n->random, fair + 1))
		return false;
	victim = victim_of(n, most);
	if (victim == NAT_NONE)
		return false;
	nat_count(n, NAT_COUNT_HOST_VICTIM);
	if (!is_answered(session_at(n, victim)))
		session_at(n, victim)->flags |= NAT_IS_UNHEARD;
	session_end(n, victim);
	return true;
}
