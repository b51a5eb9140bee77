/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes and gives the slots of a pool. */
#include "base/pool.h"

#include <string.h>

#include "base/check.h"

size_t pool_bytes(uint32_t slot_size, uint32_t capacity)
{
	return ((size_t)slot_size * capacity + 63) & ~(size_t)63;
}

void pool_init(struct pool *p, void *slots, uint32_t slot_size,
	       uint32_t capacity)
{
	check(slot_size >= 8 && slot_size % 8 == 0);
	check(capacity < POOL_NONE);
	check((uintptr_t)slots % 64 == 0);

	p->offset = (char *)slots - (char *)p;
	p->slot_size = slot_size;
	p->capacity = capacity;
	p->used = 0;
	p->fresh = 0;
	p->free = POOL_NONE;
	p->peak = 0;
	/* The memory may have served a pool before. */
	unpoison(slots, pool_bytes(slot_size, capacity));
}

uint32_t pool_take(struct pool *p)
{
	uint32_t index = p->free;

	if (index == POOL_NONE) {
		if (p->fresh == p->capacity)
			return POOL_NONE;
		index = p->fresh++;
	} else {
		void *slot = pool_at(p, index);
		unpoison(slot, p->slot_size);
		memcpy(&p->free, slot, sizeof(p->free));
		check(p->free == POOL_NONE || p->free < p->fresh);
	}
	p->used++;
	if (p->used > p->peak)
		p->peak = p->used;
	return index;
}

void pool_give(struct pool *p, uint32_t index)
{
	void *slot = pool_at(p, index);

	check(index < p->fresh);
	check(p->used > 0);
	memcpy(slot, &p->free, sizeof(p->free));
	poison(slot, p->slot_size);
	p->free = index;
	p->used--;
}
