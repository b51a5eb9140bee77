/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which caller of a published port gives way when descriptors or flows are used up: one of the
 * source that has most, so that whoever opens connections and leaves them does not shut the port to
 * others. Sources have places by a hash with a secret; only when something is used up are the
 * places looked through.
 */
#include "relay/relay.h"

#include <stdlib.h>
#include <string.h>

#define LOOK 16u
#define LINKS_FIRST 64u
/* Below it nobody is reset for somebody who is no caller. */
#define AT_LEAST 8u

int rank_init(struct rank *rank)
{
	return drive_seed(rank->key, sizeof(rank->key));
}

void rank_free(struct rank *rank)
{
	free(rank->links);
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

/* Of a lane's index + 1. */
static struct rank_link *link_at(const struct rank *rank, uint32_t at)
{
	return &rank->links[at - 1];
}

static void append(struct rank *rank, uint32_t at, uint32_t place)
{
	struct rank_link *link = link_at(rank, at);

	*link = (struct rank_link){ .prev = rank->last[place], .place = (uint16_t)(place + 1) };
	if (link->prev)
		link_at(rank, link->prev)->next = at;
	else
		rank->first[place] = at;
	rank->last[place] = at;
	rank->count[place]++;
}

static void take_off(struct rank *rank, uint32_t at)
{
	struct rank_link *link = link_at(rank, at);
	uint32_t place = link->place - 1u;

	if (link->prev)
		link_at(rank, link->prev)->next = link->next;
	else
		rank->first[place] = link->next;
	if (link->next)
		link_at(rank, link->next)->prev = link->prev;
	else
		rank->last[place] = link->prev;
	rank->count[place]--;
	link->place = 0;
}

/* Room for a link of that index; relays without callers have none. */
static bool has_room(struct rank *rank, uint32_t index)
{
	uint32_t count = rank->link_count ? rank->link_count : LINKS_FIRST;
	struct rank_link *links;

	if (index < rank->link_count)
		return true;
	while (count <= index)
		count *= 2;
	links = realloc(rank->links, count * sizeof(*links));
	if (!links)
		return false;
	memset(links + rank->link_count, 0, (count - rank->link_count) * sizeof(*links));
	rank->links = links;
	rank->link_count = count;
	return true;
}

void rank_join(struct lane *f)
{
	struct rank *rank = &f->relay->rank;

	if (has_room(rank, f->index))
		append(rank, f->index + 1, place_of(rank, &f->dial.addr));
}

void rank_leave(struct lane *f)
{
	struct rank *rank = &f->relay->rank;

	if (f->index < rank->link_count && rank->links[f->index].place)
		take_off(rank, f->index + 1);
}

/* Who may be one: of IPv6 all of a /64. */
static bool is_same_source(const struct minato_addr *a, const struct minato_addr *b)
{
	return minato_addr_is4(a) || minato_addr_is4(b) ? minato_addr_equal(a, b) :
							  memcmp(a->bytes, b->bytes, 8) == 0;
}

/* Came by it, or by one that was removed and stood for the same port. */
static bool is_by(const struct lane *f, const struct relay_forward *forward)
{
	return f->forward == forward || (f->forward && f->forward->gone &&
					 relay_spec_names(&f->forward->spec, &forward->spec));
}

bool rank_admits(const struct relay_forward *forward, const struct minato_addr *who)
{
	const struct relay *relay = forward->relay;
	const struct rank *rank = &relay->rank;
	uint32_t left = forward->spec.per_source;

	if (left == 0)
		return true;
	for (uint32_t at = rank->first[place_of(rank, who)]; at; at = link_at(rank, at)->next) {
		const struct lane *f = lane_at(&relay->lanes, at);

		if (is_by(f, forward) && is_same_source(&f->dial.addr, who) && --left == 0)
			return false;
	}
	return true;
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
		uint32_t at = rank->first[place];
		struct lane *f = lane_at(&relay->lanes, at);

		take_off(rank, at);
		append(rank, at, place);
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
