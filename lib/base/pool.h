/* SPDX-License-Identifier: BSD-2-Clause */
/* A pool of equal slots, named by 32-bit indices, inside given memory. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POOL_NONE UINT32_MAX

/*
 * Slots never move and are found relative to the pool itself, so that a byte
 * copy of the memory that holds both is a working pool. Memory is touched
 * only as slots are first taken. Freed slots are reused last in, first out,
 * and poisoned under AddressSanitizer.
 */
struct pool {
	int64_t offset;	    /* from this struct to slot 0 */
	uint32_t slot_size; /* bytes, >= 8, a multiple of 8 */
	uint32_t capacity;
	uint32_t used;
	uint32_t fresh; /* slots [fresh, capacity) were never taken */
	uint32_t free;	/* newest free slot below fresh, or POOL_NONE */
	uint32_t peak;	/* most ever used */
};

/* Bytes that `capacity` slots take, rounded up to 64. */
size_t pool_bytes(uint32_t slot_size, uint32_t capacity);
/* `slots` is zero memory of pool_bytes(), aligned to 64, near the pool. */
void pool_init(struct pool *p, void *slots, uint32_t slot_size,
	       uint32_t capacity);
/*
 * Takes a slot, or POOL_NONE when all are used. The first take of a slot finds
 * it zero; later takes find what its last user left, apart from the first 4
 * bytes: whoever needs zero clears it, whoever keeps a generation can.
 */
uint32_t pool_take(struct pool *p);
/* Gives a slot back. Its first 4 bytes hold the free list from now on. */
void pool_give(struct pool *p, uint32_t index);

static inline void *pool_at(const struct pool *p, uint32_t index)
{
	return (char *)(uintptr_t)p + p->offset +
	       (size_t)index * p->slot_size;
}

#endif
