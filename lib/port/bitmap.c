/* SPDX-License-Identifier: BSD-2-Clause */
/* The counted bitmap: takes, counts and finds free ports in constant time. */
#include "port/port.h"

#include <string.h>

#include "base/bits.h"
#include "base/check.h"

#define WORDS 1024u
#define GROUPS 16u
#define WORDS_PER_GROUP 64u

void bitmap_init(struct bitmap *b)
{
	memset(b->word, 0xff, sizeof(b->word));
	memset(b->count, 64, sizeof(b->count));
	for (uint32_t g = 0; g < GROUPS; g++)
		b->group[g] = WORDS_PER_GROUP * 64;
	b->total = WORDS * 64;
}

static uint64_t bit_of(uint16_t port)
{
	return UINT64_C(1) << (port & 63);
}

void bitmap_take(struct bitmap *b, uint16_t port)
{
	check(bitmap_free(b, port));
	b->word[port >> 6] &= ~bit_of(port);
	b->count[port >> 6]--;
	b->group[port >> 12]--;
	b->total--;
}

void bitmap_give(struct bitmap *b, uint16_t port)
{
	check(!bitmap_free(b, port));
	b->word[port >> 6] |= bit_of(port);
	b->count[port >> 6]++;
	b->group[port >> 12]++;
	b->total++;
}

void bitmap_from(struct bitmap *b, const uint64_t *words)
{
	memcpy(b->word, words, sizeof(b->word));
	memset(b->group, 0, sizeof(b->group));
	b->total = 0;
	for (uint32_t w = 0; w < WORDS; w++) {
		const uint32_t count = bits_count(words[w]);
		b->count[w] = (uint8_t)count;
		b->group[w / WORDS_PER_GROUP] += (uint16_t)count;
		b->total += count;
	}
}

/* Free bits in eight words: their counts, summed in lanes of 16 bits. */
static uint32_t count_eight(const uint8_t *count)
{
	const uint64_t lanes = UINT64_C(0x00ff00ff00ff00ff);
	uint64_t v;

	memcpy(&v, count, sizeof(v));
	v = (v & lanes) + (v >> 8 & lanes);
	return (uint32_t)(v * UINT64_C(0x0001000100010001) >> 48);
}

/* Free ports below `end`, which may be 65,536. */
static uint32_t count_below(const struct bitmap *b, uint32_t end)
{
	uint32_t word = end >> 6;
	uint32_t group = word / WORDS_PER_GROUP;
	uint32_t sum = 0;

	for (uint32_t g = 0; g < group; g++)
		sum += b->group[g];
	for (uint32_t w = group * WORDS_PER_GROUP; w + 8 <= word; w += 8)
		sum += count_eight(&b->count[w]);
	for (uint32_t w = word & ~UINT32_C(7); w < word; w++)
		sum += b->count[w];
	if ((end & 63) != 0)
		sum += bits_count(b->word[word] & (bit_of((uint16_t)end) - 1));
	return sum;
}

uint32_t bitmap_count(const struct bitmap *b, uint16_t low, uint16_t high)
{
	check(low <= high);
	return count_below(b, (uint32_t)high + 1) - count_below(b, low);
}

/* The place of the k-th set bit; halves the word until one bit is left. */
static uint32_t select_bit(uint64_t word, uint32_t k)
{
	uint32_t place = 0;

	for (uint32_t width = 32; width > 0; width /= 2) {
		uint64_t low = word & ((UINT64_C(1) << width) - 1);
		uint32_t count = bits_count(low);
		if (k < count) {
			word = low;
		} else {
			k -= count;
			word >>= width;
			place += width;
		}
	}
	return place;
}

uint16_t bitmap_select(const struct bitmap *b, uint16_t low, uint32_t k)
{
	uint32_t group = 0;
	uint32_t word;

	k += count_below(b, low);
	check(k < b->total);
	while (k >= b->group[group])
		k -= b->group[group++];
	word = group * WORDS_PER_GROUP;
	while (k >= count_eight(&b->count[word])) {
		k -= count_eight(&b->count[word]);
		word += 8;
	}
	while (k >= b->count[word])
		k -= b->count[word++];
	return (uint16_t)(word * 64 + select_bit(b->word[word], k));
}
