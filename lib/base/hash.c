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

static inline struct sip sip_start(const struct hash_key *key)
{
	return (struct sip){
		.a = key->k[0] ^ UINT64_C(0x736f6d6570736575),
		.b = key->k[1] ^ UINT64_C(0x646f72616e646f6d),
		.c = key->k[0] ^ UINT64_C(0x6c7967656e657261),
		.d = key->k[1] ^ UINT64_C(0x7465646279746573),
	};
}

static inline void sip_word(struct sip *s, uint64_t word, unsigned rounds)
{
	s->d ^= word;
	sip_rounds(s, rounds);
	s->a ^= word;
}

static inline uint64_t sip_end(struct sip *s, unsigned rounds)
{
	s->c ^= 0xff;
	sip_rounds(s, rounds);
	return s->a ^ s->b ^ s->c ^ s->d;
}

static inline uint64_t sip_hash(const struct hash_key *key,
				const uint8_t *data, size_t len,
				unsigned word_rounds, unsigned end_rounds)
{
	struct sip s = sip_start(key);
	uint64_t word = (uint64_t)len << 56;
	size_t i = 0;

	for (; i + 8 <= len; i += 8)
		sip_word(&s, load_word(data + i), word_rounds);
	for (unsigned shift = 0; i < len; i++, shift += 8)
		word |= (uint64_t)data[i] << shift;
	sip_word(&s, word, word_rounds);
	return sip_end(&s, end_rounds);
}

uint64_t hash_strong(const struct hash_key *key, const void *data, size_t len)
{
	return sip_hash(key, data, len, 2, 4);
}

uint64_t hash_table(const struct hash_key *key, const void *data, size_t len)
{
	return sip_hash(key, data, len, 1, 3);
}

uint64_t hash_words(const struct hash_key *key, const uint64_t *words,
		    size_t count)
{
	struct sip s = sip_start(key);

	for (size_t i = 0; i < count; i++)
		sip_word(&s, words[i], 1);
	return sip_end(&s, 3);
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
