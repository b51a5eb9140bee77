/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of values share: seeded numbers, a plain copy, caught checks. */
#ifndef TEST_DICE_H
#define TEST_DICE_H

#include <setjmp.h>
#include <stdint.h>

/* A test's own numbers, so that the library's are not tested by themselves. */
struct dice {
	uint64_t state;
};

static inline uint64_t dice_roll(struct dice *d)
{
	/* splitmix64 */
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 .. below - 1 */
static inline uint32_t dice_below(struct dice *d, uint32_t below)
{
	return (uint32_t)(dice_roll(d) % below);
}

static inline void dice_fill(struct dice *d, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)dice_roll(d);
}

/* Copies memory with poisoned slots in it, which memcpy may not read. */
__attribute__((no_sanitize("address"))) static inline void
copy_plain(void *to, const void *from, size_t len)
{
	volatile uint64_t *t = to;
	const volatile uint64_t *f = from;

	for (size_t i = 0; i < len / 8; i++)
		t[i] = f[i];
}

#endif
