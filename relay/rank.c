/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which caller of a published port gives way when descriptors or flows are used up: one of the
 * source that has most, so that whoever opens connections and leaves them does not shut the port to
 * others. Sources have places by a hash with a secret; only when something is used up are the
 * places looked through.
 */
#include "relay/relay.h"

#include <string.h>

#define LOOK 16u
/* Below it nobody is reset for somebody who is no caller. */
#define AT_LEAST 8u

int rank_init(struct rank *rank)
{
	return drive_seed(rank->key, sizeof(rank->key));
}

/* Of the first half of an IPv6 address, or all of an IPv4 one. */
static uint32_t place_of(const struct rank *rank, const struct minato_addr *who)
{
	uint64_t word;

	memcpy(&word, who->bytes + (minato_addr_is4(who) ? 8 : 0), sizeof(word));
	word = (word ^ rank->key[0]) * (rank->key[1] | 1);
	word = (word ^ word >> 32) * (rank->key[0] | 1);
	return (uint32_t)(word >> 54) % RANK_PLACES;
}

static void append(struct lane *f, uint32_t place)
{
	struct lane_pool *lanes = &f->relay->lanes;
	struct rank *rank = &f->relay->rank;

	f->rank_place = (uint16_t)(place + 1);
	f->rank_next = 0;
	f->rank_prev = rank->last[place];
	if (f->rank_prev)
		lane_at(lanes, f->rank_prev)->rank_next = f->index + 1;
	else
		rank->first[place] = f->index + 1;
	rank->last[place] = f->index + 1;
	rank->count[place]++;
}

void rank_join(struct lane *f)
{
	append(f, place_of(&f->relay->rank, &f->dial.addr));
}

void rank_leave(struct lane *f)
{
	struct lane_pool *lanes = &f->relay->lanes;
	struct rank *rank = &f->relay->rank;
	uint32_t place;

	if (!f->rank_place)
		return;
	place = f->rank_place - 1u;
	if (f->rank_prev)
		lane_at(lanes, f->rank_prev)->rank_next = f->rank_next;
	else
		rank->first[place] = f->rank_next;
	if (f->rank_next)
		lane_at(lanes, f->rank_next)->rank_prev = f->rank_prev;
	else
		rank->last[place] = f->rank_prev;
	rank->count[place]--;
	f->rank_place = 0;
}

static uint32_t largest(const struct rank *rank)
{
	uint32_t most = 0;

	for (uint32_t i = 1; i < RANK_PLACES; i++)
		if (rank->count[i] > rank->count[most])
			most = i;
	return most;
}

/* Those looked at go to the end, so that another time others are. */
static struct lane *idle_longest(struct relay *relay, uint32_t place)
{
	struct rank *rank = &relay->rank;
	struct lane *victim = NULL;

	for (uint32_t i = 0; i < LOOK && i < rank->count[place]; i++) {
		struct lane *f = lane_at(&relay->lanes, rank->first[place]);

		rank_leave(f);
		append(f, place);
		if (f->fd >= 0 && (!victim || f->used_ns < victim->used_ns))
			victim = f;
	}
	return victim;
}

bool rank_yield(struct relay *relay, const struct minato_addr *who)
{
	const struct rank *rank = &relay->rank;
	const uint32_t place = largest(rank);
	const uint32_t fair = who ? rank->count[place_of(rank, who)] + 1 : AT_LEAST;
	struct lane *victim;

	if (rank->count[place] <= fair)
		return false;
	victim = idle_longest(relay, place);
	if (!victim)
		return false;
	relay_count(relay, RELAY_COUNT_GAVE_WAY);
	pipe_abort(victim);
	return true;
}
