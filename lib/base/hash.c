/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash (Aumasson, Bernstein 2012) and numbers drawn from it. */
#include "base/hash.h"

#include "base/check.h"

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

/* Little-endian whatever the machine; compilers make it one load. */
static uint64_t load_word(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	       (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	       (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = rotate(s->b, 13) ^ s->a;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a = rotate(s->a, 32);
	s->a += s->d;
	s->c += s->b;
	s->d = rotate(s->d, 21) ^ s->a;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static inline void sip_rounds(struct sip *s, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		sip_round(s);
}

static inline uint64_t sip_hash(const struct hash_key *key, const uint8_t *data,
				size_t len, unsigned word_rounds,
				unsigned end_rounds)
{
	struct sip s = {
		.a = key->k[0] ^ UINT64_C(0x736f6d6570736575),
		.b = key->k[1] ^ UINT64_C(0x646f72616e646f6d),
		.c = key->k[0] ^ UINT64_C(0x6c7967656e657261),
		.d = key->k[1] ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word = (uint64_t)len << 56;
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t m = load_word(data + i);
		s.d ^= m;
		sip_rounds(&s, word_rounds);
		s.a ^= m;
	}
	for (unsigned shift = 0; i < len; i++, shift += 8)
		word |= (uint64_t)data[i] << shift;
	s.d ^= word;
	sip_rounds(&s, word_rounds);
	s.a ^= word;
	s.c ^= 0xff;
	sip_rounds(&s, end_rounds);
	return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t hash_strong(const struct hash_key *key, const void *data, size_t len)
{
	return sip_hash(key, data, len, 2, 4);
}

uint64_t hash_table(const struct hash_key *key, const void *data, size_t len)
{
	return sip_hash(key, data, len, 1, 3);
}

void hash_secret_init(struct hash_secret *s, const struct hash_key *key)
{
	for (uint64_t i = 0; i < sizeof(s->k) / sizeof(s->k[0]); i++)
		s->k[i] = hash_strong(key, &i, sizeof(i));
}

void random_init(struct random *r, const struct hash_key *key, uint64_t label)
{
	uint64_t words[2] = { label, 0 };

	r->key.k[0] = hash_strong(key, words, sizeof(words));
	words[1] = 1;
	r->key.k[1] = hash_strong(key, words, sizeof(words));
	r->counter = 0;
}

uint64_t random_next(struct random *r)
{
	uint64_t counter = r->counter++;

	return hash_strong(&r->key, &counter, sizeof(counter));
}

/* Lemire's multiplication with rejection: exactly uniform. */
uint32_t random_below(struct random *r, uint32_t bound)
{
	check(bound > 0);
	const uint32_t unfair = (0 - bound) % bound;
	uint64_t product;

	do {
		product = (random_next(r) >> 32) * bound;
	} while ((uint32_t)product < unfair);
	return (uint32_t)(product >> 32);
}
