/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that answers of ours have led to, each with the name that was asked for. */
#include "relay/permit.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024u

struct pins {
	pins_gone_fn *gone;
	void *gone_user;
	int64_t due_ns;		   /* no pin ends before */
	uint16_t buckets[BUCKETS]; /* index + 1 */
	uint16_t oldest, newest, free;
	struct pin *list; /* PINS_MAX of them */
};

static struct pin *at(const struct pins *pins, uint16_t place)
{
	return place ? &pins->list[place - 1] : NULL;
}

static uint16_t place_of(const struct pins *pins, const struct pin *pin)
{
	return pin ? (uint16_t)(pin - pins->list + 1) : 0;
}

/* A chain that somebody makes long on purpose has PINS_OF_ADDR for each of his addresses. */
static uint32_t bucket_of(const struct minato_addr *addr)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof(addr->bytes); i++)
		hash = (hash ^ addr->bytes[i]) * 16777619u;
	return (hash ^ hash >> 16) % BUCKETS;
}

struct pins *pins_new(void)
{
	struct pins *pins = calloc(1, sizeof(*pins));

	if (!pins)
		return NULL;
	pins->list = calloc(PINS_MAX, sizeof(pins->list[0]));
	if (!pins->list) {
		free(pins);
		return NULL;
	}
	for (uint16_t i = 0; i < PINS_MAX; i++) {
		pins->list[i].generation = 1;
		pins->list[i].next = (uint16_t)(i + 1u < PINS_MAX ? i + 2u : 0);
	}
	pins->free = 1;
	pins->due_ns = INT64_MAX;
	return pins;
}

void pins_free(struct pins *pins)
{
	for (uint32_t i = 0; pins && i < PINS_MAX; i++)
		free(pins->list[i].entries);
	if (pins)
		free(pins->list);
	free(pins);
}

void pins_watch(struct pins *pins, pins_gone_fn *gone, void *user)
{
	pins->gone = gone;
	pins->gone_user = user;
}

void pins_each(struct pins *pins, void (*visit)(void *user, struct pin *pin), void *user)
{
	for (struct pin *pin = at(pins, pins->oldest); pin; pin = at(pins, pin->newer))
		visit(user, pin);
}

static void unlist(struct pins *pins, struct pin *pin)
{
	struct pin *older = at(pins, pin->older);
	struct pin *newer = at(pins, pin->newer);

	if (older)
		older->newer = pin->newer;
	else
		pins->oldest = pin->newer;
	if (newer)
		newer->older = pin->older;
	else
		pins->newest = pin->older;
}

static void unchain(struct pins *pins, struct pin *pin)
{
	uint16_t *link = &pins->buckets[bucket_of(&pin->addr)];

	while (*link != place_of(pins, pin))
		link = &at(pins, *link)->next;
	*link = pin->next;
}

/* The latest stands first in its chain, and last by age. */
static void enlist(struct pins *pins, struct pin *pin)
{
	uint16_t *bucket = &pins->buckets[bucket_of(&pin->addr)];
	uint16_t place = place_of(pins, pin);

	pin->next = *bucket;
	*bucket = place;
	pin->older = pins->newest;
	pin->newer = 0;
	if (pins->newest)
		at(pins, pins->newest)->newer = place;
	else
		pins->oldest = place;
	pins->newest = place;
}

static void drop(struct pins *pins, struct pin *pin)
{
	if (pins->gone)
		pins->gone(pins->gone_user, pin);
	unlist(pins, pin);
	unchain(pins, pin);
	pin->until_ns = 0;
	pin->flows = 0;
	pin->generation++;
	pin->next = pins->free;
	pins->free = place_of(pins, pin);
}

static bool lives(const struct pin *pin, struct minato_time now)
{
	return pin->flows > 0 || pin->until_ns > now.ns;
}

/* The one that gives way: dead, or without a flow, or the oldest. */
static struct pin *victim(const struct pins *pins, struct minato_time now)
{
	struct pin *idle = NULL;

	for (struct pin *pin = at(pins, pins->oldest); pin; pin = at(pins, pin->newer)) {
		if (!lives(pin, now))
			return pin;
		if (!idle && pin->flows == 0)
			idle = pin;
	}
	return idle ? idle : at(pins, pins->oldest);
}

/* The pin of this name, and which of the address gives way where there are too many. */
static struct pin *find(struct pins *pins, const struct minato_addr *addr, const char *name)
{
	struct pin *last = NULL;
	uint32_t count = 0;

	for (struct pin *pin = at(pins, pins->buckets[bucket_of(addr)]); pin;
	     pin = at(pins, pin->next)) {
		if (!minato_addr_equal(&pin->addr, addr))
			continue;
		if (strcmp(pin->name, name) == 0)
			return pin;
		last = pin;
		count++;
	}
	if (count >= PINS_OF_ADDR)
		drop(pins, last);
	return NULL;
}

struct pin *pins_add(struct pins *pins, const struct minato_addr *addr, const char *name,
		     struct minato_time now, int64_t until_ns)
{
	struct pin *pin = find(pins, addr, name);

	if (pin) {
		unlist(pins, pin);
		unchain(pins, pin);
	} else {
		if (!pins->free)
			drop(pins, victim(pins, now));
		pin = at(pins, pins->free);
		pins->free = pin->next;
		pin->addr = *addr;
		pin->until_ns = 0;
		memset(pin->name, 0, sizeof(pin->name));
		memcpy(pin->name, name, strnlen(name, sizeof(pin->name) - 1));
	}
	if (pin->until_ns < until_ns)
		pin->until_ns = until_ns;
	if (pins->due_ns > pin->until_ns)
		pins->due_ns = pin->until_ns;
	enlist(pins, pin);
	return pin;
}

struct pin *pins_next(const struct pins *pins, const struct minato_addr *addr,
		      struct minato_time now, const struct pin *after)
{
	struct pin *pin = at(pins, after ? after->next : pins->buckets[bucket_of(addr)]);

	while (pin && (!minato_addr_equal(&pin->addr, addr) || !lives(pin, now)))
		pin = at(pins, pin->next);
	return pin;
}

uint64_t pins_word(const struct pins *pins, const struct pin *pin)
{
	return (uint64_t)pin->generation << 32 | place_of(pins, pin);
}

struct pin *pins_at(const struct pins *pins, uint64_t word)
{
	struct pin *pin = at(pins, (uint16_t)word);

	return pin && pin->generation == (uint32_t)(word >> 32) && pin->until_ns ? pin : NULL;
}

bool pins_yield(struct pins *pins, struct minato_time now, const struct pin *keep)
{
	struct pin *pin = pins->oldest ? victim(pins, now) : NULL;

	if (!pin || pin == keep)
		return false;
	drop(pins, pin);
	return true;
}

void pins_hold(struct pins *pins, struct pin *pin)
{
	(void)pins;
	pin->flows++;
}

void pins_release(struct pins *pins, struct pin *pin)
{
	if (pin->flows > 0)
		pin->flows--;
	if (pin->flows == 0 && pins->due_ns > pin->until_ns)
		pins->due_ns = pin->until_ns;
}

struct minato_time pins_sweep(struct pins *pins, struct minato_time now)
{
	struct pin *newer;

	if (now.ns < pins->due_ns)
		return (struct minato_time){ pins->due_ns };
	pins->due_ns = INT64_MAX;
	for (struct pin *pin = at(pins, pins->oldest); pin; pin = newer) {
		newer = at(pins, pin->newer);
		if (!lives(pin, now))
			drop(pins, pin);
		else if (pin->flows == 0 && pin->until_ns < pins->due_ns)
			pins->due_ns = pin->until_ns;
	}
	return (struct minato_time){ pins->due_ns };
}

void pins_drop(struct pins *pins, bool (*is_out)(void *user, const struct minato_addr *addr),
	       void *user)
{
	struct pin *newer;

	for (struct pin *pin = at(pins, pins->oldest); pin; pin = newer) {
		newer = at(pins, pin->newer);
		if (pin->until_ns != INT64_MAX && is_out(user, &pin->addr))
			drop(pins, pin);
	}
}

const char *pins_name(const struct pins *pins, uint16_t place)
{
	const struct pin *pin = place <= PINS_MAX ? at(pins, place) : NULL;

	return pin && pin->until_ns ? pin->name : NULL;
}
