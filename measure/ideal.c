/* SPDX-License-Identifier: BSD-2-Clause */
/* The ideal: a uniform choice among what a law leaves. */
#include "measure/measure.h"

/* SplitMix64: passes the usual batteries, and is nothing like what is measured. */
uint64_t measure_roll(struct measure_dice *dice)
{
	uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t measure_below(struct measure_dice *dice, uint32_t bound)
{
	/* 2^32 % bound values are drawn again. */
	uint32_t least = -bound % bound;
	uint32_t value;

	do {
		value = (uint32_t)(measure_roll(dice) >> 32);
	} while (value < least);
	return value % bound;
}

void measure_ideal(uint16_t *symbol, size_t count, uint32_t alphabet, const struct measure_law *law,
		   struct measure_dice *dice)
{
	struct measure_watcher watcher;

	measure_watch(&watcher, law, alphabet);
	for (size_t i = 0; i < count; i++) {
		uint64_t eligible = measure_eligible(&watcher);
		uint32_t k = measure_below(dice, (uint32_t)__builtin_popcountll(eligible));

		while (k-- > 0)
			eligible &= eligible - 1;
		symbol[i] = (uint16_t)__builtin_ctzll(eligible);
		measure_see(&watcher, symbol[i]);
	}
}
