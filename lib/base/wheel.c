/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arms, cancels and expires the timers of a wheel.
 *
 * Ticks are counted from 1, so that 0 can mean "not armed". A timer lies at
 * the level of the highest 6-bit digit in which its tick differs from the
 * wheel's `now`, in the slot of that digit. When `now` enters a slot, the slot
 * is emptied towards lower levels (cascade), so this stays true of all timers
 * at all times and a timer's place follows from its tick alone.
 */
#include "base/wheel.h"

#include "base/check.h"

#define DIGIT_BITS 6
#define DIGIT_MASK UINT64_C(63)
#define TICK_NS (INT64_C(1) << WHEEL_TICK_SHIFT)

static struct wheel_link *link_at(const struct wheel *w, uint32_t index)
{
	return (struct wheel_link *)((char *)(uintptr_t)w + w->links) + index;
}

/* The tick that contains `at`. Instants before the epoch are the first. */
static uint64_t tick_of(struct minato_time at)
{
	return at.ns < 0 ? 1 : ((uint64_t)at.ns >> WHEEL_TICK_SHIFT) + 1;
}

/* The tick whose beginning is at or after `at`. */
static uint64_t tick_from(struct minato_time at)
{
	if (at.ns < 0)
		return 1;
	return (((uint64_t)at.ns + TICK_NS - 1) >> WHEEL_TICK_SHIFT) + 1;
}

static struct minato_time tick_time(uint64_t tick)
{
	return (struct minato_time){
		(int64_t)((tick - 1) << WHEEL_TICK_SHIFT)
	};
}

static uint32_t slot_of(uint64_t tick, uint32_t level)
{
	return (uint32_t)(tick >> (level * DIGIT_BITS) & DIGIT_MASK);
}

/* Where a timer of this tick lies, given the wheel's now < tick. */
static uint32_t level_of(const struct wheel *w, uint64_t tick)
{
	uint64_t differing = tick ^ w->now;

	return (uint32_t)(63 - __builtin_clzll(differing)) / DIGIT_BITS;
}

static uint32_t *list_of(struct wheel *w, uint64_t tick)
{
	if (tick <= w->now)
		return &w->due;
	uint32_t level = level_of(w, tick);
	return &w->slot[level][slot_of(tick, level)];
}

static void list_insert(struct wheel *w, uint32_t *list, uint32_t index)
{
	struct wheel_link *link = link_at(w, index);

	link->prev = 0;
	link->next = *list;
	if (*list != 0)
		link_at(w, *list - 1)->prev = index + 1;
	*list = index + 1;
}

static void place(struct wheel *w, uint32_t index, uint64_t tick)
{
	if (tick > w->now) {
		uint32_t level = level_of(w, tick);
		check(level < WHEEL_LEVELS);
		w->occupied[level] |= UINT64_C(1) << slot_of(tick, level);
	}
	list_insert(w, list_of(w, tick), index);
}

static void unplace(struct wheel *w, struct wheel_link *link)
{
	uint32_t *list = list_of(w, link->tick);

	if (link->next != 0)
		link_at(w, link->next - 1)->prev = link->prev;
	if (link->prev != 0) {
		link_at(w, link->prev - 1)->next = link->next;
		return;
	}
	*list = link->next;
	if (*list == 0 && link->tick > w->now) {
		uint32_t level = level_of(w, link->tick);
		w->occupied[level] &=
			~(UINT64_C(1) << slot_of(link->tick, level));
	}
}

void wheel_init(struct wheel *w, struct wheel_link *links,
		struct minato_time now)
{
	*w = (struct wheel){ 0 };
	w->links = (char *)links - (char *)w;
	w->now = tick_of(now);
}

void wheel_arm(struct wheel *w, uint32_t index, struct minato_time at)
{
	struct wheel_link *link = link_at(w, index);
	uint64_t tick;

	check(index < WHEEL_NONE);
	if (at.ns > INT64_MAX - TICK_NS) {
		wheel_cancel(w, index);
		return;
	}
	tick = tick_from(at);
	if (link->tick == tick)
		return;
	if (link->tick != 0)
		unplace(w, link);
	else
		w->armed++;
	link->tick = tick;
	place(w, index, tick);
}

void wheel_cancel(struct wheel *w, uint32_t index)
{
	struct wheel_link *link = link_at(w, index);

	if (link->tick == 0)
		return;
	unplace(w, link);
	*link = (struct wheel_link){ 0 };
	check(w->armed > 0);
	w->armed--;
}

bool wheel_armed(const struct wheel *w, uint32_t index)
{
	return link_at(w, index)->tick != 0;
}

/* The tick at which the next slot is entered, and its level; 0 = none. */
static uint64_t next_slot(const struct wheel *w, uint32_t *level)
{
	for (uint32_t l = 0; l < WHEEL_LEVELS; l++) {
		if (w->occupied[l] == 0)
			continue;
		uint64_t slot = (uint64_t)__builtin_ctzll(w->occupied[l]);
		uint32_t shift = l * DIGIT_BITS;
		*level = l;
		return ((w->now >> shift & ~DIGIT_MASK) | slot) << shift;
	}
	return 0;
}

/* Enters a slot: what is due at its first tick falls due, the rest sinks. */
static void enter_slot(struct wheel *w, uint64_t tick, uint32_t level)
{
	uint32_t slot = slot_of(tick, level);
	uint32_t head = w->slot[level][slot];

	check(tick > w->now);
	w->now = tick;
	w->slot[level][slot] = 0;
	w->occupied[level] &= ~(UINT64_C(1) << slot);
	while (head != 0) {
		uint32_t index = head - 1;
		head = link_at(w, index)->next;
		place(w, index, link_at(w, index)->tick);
	}
}

uint32_t wheel_expire(struct wheel *w, struct minato_time now)
{
	uint64_t target = tick_of(now);

	while (w->due == 0) {
		uint32_t level = 0;
		uint64_t tick = next_slot(w, &level);
		if (tick == 0 || tick > target) {
			if (target > w->now)
				w->now = target;
			return WHEEL_NONE;
		}
		enter_slot(w, tick, level);
	}
	uint32_t index = w->due - 1;
	wheel_cancel(w, index);
	return index;
}

struct minato_time wheel_next(const struct wheel *w)
{
	uint32_t level = 0;
	uint64_t tick;

	if (w->due != 0)
		return tick_time(w->now);
	tick = next_slot(w, &level);
	return tick == 0 ? MINATO_NEVER : tick_time(tick);
}
