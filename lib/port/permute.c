/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A keyed permutation of a range of ports: a Feistel network over the next
 * even number of bits, walked until it falls into the range (cycle walking), so
 * that every place of the range has one image there and none twice.
 *
 * The domain is at least one larger than the range: a Feistel network by
 * itself makes even permutations only, and whoever saw all but two ports would
 * know their order.
 */
#include "port/port.h"

#include "base/check.h"

#define ROUNDS 8u
#define HALF_BITS_MIN 3u /* with 2 some orders come more often */

void permute_init(struct permutation *p, const struct hash_key *key,
		  uint32_t size)
{
	check(size > 0 && size < PORT_NUMBERS);
	p->key = *key;
	p->size = size;
	p->half_bits = HALF_BITS_MIN;
	while (UINT32_C(1) << 2 * p->half_bits <= size)
		p->half_bits++;
}

/*
 * Two secret words about a mixing step. It need not withstand what a cipher
 * does: nobody sees a single round, and the key lives for one walk.
 */
static uint32_t round_value(const struct permutation *p, uint32_t round,
			    uint32_t half)
{
	uint64_t z = p->key.k[0] ^ (uint64_t)(round << 8 | half);

	z *= UINT64_C(0xbf58476d1ce4e5b9);
	z ^= z >> 29;
	z = (z ^ p->key.k[1]) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> (64 - p->half_bits));
}

static uint32_t encrypt(const struct permutation *p, uint32_t value)
{
	uint32_t left = value >> p->half_bits;
	uint32_t right = value & ((UINT32_C(1) << p->half_bits) - 1);

	for (uint32_t round = 0; round < ROUNDS; round++) {
		const uint32_t next = left ^ round_value(p, round, right);
		left = right;
		right = next;
	}
	return left << p->half_bits | right;
}

uint32_t permute(const struct permutation *p, uint32_t place)
{
	uint32_t value = place;

	check(place < p->size);
	do {
		value = encrypt(p, value);
	} while (value >= p->size);
	return value;
}
