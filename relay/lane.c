/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of flows, the ring of those with work to do, and the lists by age. */
#include "relay/permit.h"
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "minato/gateway.h"

/* A word's value: generation above, index below. */
#define INDEX_BITS 26u
#define INDEX_MASK ((1u << INDEX_BITS) - 1u)
#define GENERATION_MASK ((1u << 24) - 1u)

struct lane *lane_at(const struct lane_pool *pool, uint32_t place)
{
	if (place == 0)
		return NULL;
	return &pool->blocks[(place - 1) / LANE_BLOCK][(place - 1) % LANE_BLOCK];
}

static uint32_t place_of(const struct lane *f)
{
	return f ? f->index + 1 : 0;
}

static void give_back(struct lane_pool *pool, struct lane *f)
{
	f->busy_next = pool->free;
	pool->free = place_of(f);
}

static bool grow(struct relay *relay, struct lane_pool *pool)
{
	struct lane **blocks;
	struct lane *block;

	if (pool->block_count >= (INDEX_MASK >> 1) / LANE_BLOCK)
		return false;
	blocks = realloc(pool->blocks, (pool->block_count + 1) * sizeof(struct lane *));
	if (!blocks)
		return false;
	pool->blocks = blocks;
	block = calloc(LANE_BLOCK, sizeof(*block));
	if (!block)
		return false;
	for (uint32_t i = LANE_BLOCK; i-- > 0;) {
		block[i].relay = relay;
		block[i].index = pool->block_count * LANE_BLOCK + i;
		give_back(pool, &block[i]);
	}
	blocks[pool->block_count++] = block;
	return true;
}

/* The victim at max: an endpoint without a descriptor, or else the oldest with one. */
static void evict(struct relay *relay)
{
	if (!relay->idlers.oldest) {
		endpoint_evict(relay);
		return;
	}
	relay_count(relay, RELAY_COUNT_UDP_EVICTED);
	gram_end(relay->idlers.oldest);
}

struct lane *lane_new(struct relay *relay, enum lane_kind kind)
{
	struct lane_pool *pool = &relay->lanes;
	struct lane *f;
	uint32_t index;
	uint32_t generation;

	if (pool->count >= pool->max)
		evict(relay);
	if (pool->count >= pool->max || (!pool->free && !grow(relay, pool))) {
		relay_count(relay, RELAY_COUNT_NO_FLOW);
		return NULL;
	}
	f = lane_at(pool, pool->free);
	pool->free = f->busy_next;
	pool->count++;
	index = f->index;
	generation = f->generation;
	memset(f, 0, sizeof(*f));
	f->relay = relay;
	f->index = index;
	f->generation = generation & GENERATION_MASK;
	f->kind = kind;
	f->fd = -1;
	f->since = (uint32_t)((uint64_t)relay->now.ns >> LANE_SINCE_SHIFT);
	f->used_ns = relay->now.ns;
	return f;
}

/* syscalls: close */
void lane_close(struct lane *f)
{
	if (f->kind == LANE_VISITOR)
		return;
	if (f->fd >= 0 && f->kind != LANE_IN)
		roll_leave(f->relay, f->fd);
	if (f->watch)
		drive_loop_close(f->relay->config.loop, f->watch);
	else if (f->fd >= 0)
		close(f->fd);
	f->watch = 0;
	f->fd = -1;
}

static enum minato_proto proto_of(const struct lane *f)
{
	if (f->kind == LANE_OUT)
		return MINATO_TCP;
	return f->kind == LANE_ECHO ? MINATO_ICMP : MINATO_UDP;
}

bool lane_admit(struct lane *f, uint64_t call)
{
	struct minato *host = f->relay->host;

	f->scope = target_scope(f->relay, &f->guest.addr);
	f->joined = minato_inside_join(host, f->scope, proto_of(f), &f->guest) == 0;
	if (!f->joined)
		(void)minato_reject(host, call, MINATO_REASON_PROHIBITED);
	return f->joined;
}

/* A flow that is freed in the ring of work stays there as LANE_FREE until the ring comes by. */
void lane_free(struct lane *f)
{
	struct lane_pool *pool = &f->relay->lanes;

	lane_unlist(f);
	rank_leave(f);
	if (f->joined)
		(void)minato_inside_leave(f->relay->host, f->scope, proto_of(f), &f->guest.addr);
	lane_close(f);
	forward_leave(f);
	if (f->kind == LANE_VISITOR)
		free(f->visit);
	else if (f->kind == LANE_OUT || f->kind == LANE_ENDPOINT)
		ticket_give(f);
	f->door = NULL;
	f->socket = 0;
	f->kind = LANE_FREE;
	f->generation = (f->generation + 1) & GENERATION_MASK;
	if (!f->busy)
		give_back(pool, f);
	pool->count--;
}

uint64_t lane_word(const struct lane *f)
{
	return relay_word(WORD_LANE, (uint64_t)f->generation << INDEX_BITS | f->index);
}

struct lane *lane_of(const struct relay *relay, uint64_t word)
{
	uint32_t index = (uint32_t)word & INDEX_MASK;
	struct lane *f;

	if (index / LANE_BLOCK >= relay->lanes.block_count)
		return NULL;
	f = &relay->lanes.blocks[index / LANE_BLOCK][index % LANE_BLOCK];
	return f->kind != LANE_FREE && lane_word(f) == word ? f : NULL;
}

void lane_busy(struct lane *f)
{
	struct relay *relay = f->relay;

	if (f->busy)
		return;
	f->busy = true;
	f->busy_next = 0;
	if (relay->busy_last)
		relay->busy_last->busy_next = place_of(f);
	else
		relay->busy_first = f;
	relay->busy_last = f;
}

struct lane *lane_next_busy(struct relay *relay)
{
	struct lane *f = relay->busy_first;

	if (!f)
		return NULL;
	relay->busy_first = lane_at(&relay->lanes, f->busy_next);
	if (!relay->busy_first)
		relay->busy_last = NULL;
	f->busy = false;
	if (f->kind == LANE_FREE)
		give_back(&relay->lanes, f);
	return f;
}

static void ready(void *user, uint32_t events)
{
	struct lane *f = user;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		f->host_readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		f->host_writable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		f->host_hung_up = true;
	if (events & EPOLLERR)
		f->host_error = true;
	lane_busy(f);
}

#define ALWAYS (EPOLLIN | EPOLLRDHUP | EPOLLET)

int lane_watch(struct lane *f, bool room)
{
	int64_t id = drive_loop_add(f->relay->config.loop, f->fd, ALWAYS | (room ? EPOLLOUT : 0u),
				    ready, f);

	if (id < 0)
		return (int)id;
	f->watch = id;
	f->room_watched = room;
	return 0;
}

void lane_await_room(struct lane *f)
{
	f->host_writable = false;
	if (!f->room_watched)
		(void)drive_loop_modify(f->relay->config.loop, f->watch, ALWAYS | EPOLLOUT);
	f->room_watched = true;
}

struct lane *lane_newer(const struct lane *f)
{
	return lane_at(&f->relay->lanes, f->newer);
}

void lane_unlist(struct lane *f)
{
	struct relay *relay = f->relay;
	struct lane_list *list = (void *)((char *)relay + f->list);
	struct lane *older;
	struct lane *newer;

	if (!f->list)
		return;
	older = lane_at(&relay->lanes, f->older);
	newer = lane_at(&relay->lanes, f->newer);
	if (older)
		older->newer = f->newer;
	else
		list->oldest = newer;
	if (newer)
		newer->older = f->older;
	else
		list->newest = older;
	list->count--;
	f->list = 0;
	f->older = 0;
	f->newer = 0;
}

void lane_touch(struct lane *f, struct lane_list *list)
{
	lane_unlist(f);
	f->used_ns = f->relay->now.ns;
	f->list = (uint16_t)((char *)list - (char *)f->relay);
	f->newer = 0;
	f->older = place_of(list->newest);
	if (list->newest)
		list->newest->newer = place_of(f);
	else
		list->oldest = f;
	list->newest = f;
	list->count++;
}

_Static_assert(sizeof(struct relay) <= UINT16_MAX, "a list is found by 16 bits");

void lane_pool_free(struct lane_pool *pool)
{
	for (uint32_t i = 0; i < pool->block_count; i++)
		free(pool->blocks[i]);
	free(pool->blocks);
	memset(pool, 0, sizeof(*pool));
}
