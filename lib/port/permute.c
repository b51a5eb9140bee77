/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A keyed permutation of a range of ports: a Feistel network over the next
 * number of bits, its halves as equal as may be, walked until it falls into
 * the range (cycle walking), so that every place of the range has one image
 * there and none twice; two steps on average at worst, more for fewer than 32.
 *
 * A small network by itself makes even permutations only, so that whoever saw
 * all but two ports would know their order: a small domain is larger than its
 * range. And halves of two bits are too few for all orders to come alike.
 */
#include "port/port.h"

#include "base/check.h"

#define ROUNDS 8u /* even: the halves end as they began */
#define BITS_MIN 6u
#define BITS_SMALL 12u

void permute_init(struct permutation *p, const struct hash_key *key,
		  uint32_t size)
{
	uint32_t bits = BITS_MIN;

	check(size > 0 && size < PORT_NUMBERS);
	while (UINT32_C(1) << bits < size ||
	       (UINT32_C(1) << bits == size && bits < BITS_SMALL))
		bits++;
	p->key = *key;
	p->size = size;
	p->high_bits = bits / 2;
	p->low_bits = bits - bits / 2;
}

/*
 * Two secret words about a mixing step. It need not withstand what a cipher
 * does: nobody sees a single round, and the key lives for one walk.
 */
static uint32_t round_value(const struct permutation *p, uint32_t round,
			    uint32_t half, uint32_t bits)
{
	uint64_t z = p->key.k[0] ^ (uint64_t)(round << 8 | half);

	z *= UINT64_C(0xbf58476d1ce4e5b9);
	z ^= z >> 29;
	z = (z ^ p->key.k[1]) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(z >> (64 - bits));
}

static uint32_t encrypt(const struct permutation *p, uint32_t value)
{
	uint32_t high = value >> p->low_bits;
	uint32_t low = value & ((UINT32_C(1) << p->low_bits) - 1);

	for (uint32_t round = 0; round < ROUNDS; round += 2) {
		high ^= round_value(p, round, low, p->high_bits);
		low ^= round_value(p, round + 1, high, p->low_bits);
	}
	return high << p->low_bits | low;
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
