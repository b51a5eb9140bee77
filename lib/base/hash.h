/* SPDX-License-Identifier: BSD-2-Clause */
/* Keyed hash and the stream of numbers derived from the seed. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k[2];
};

/* SipHash-2-4 (64 bits): ISNs, cookies, port permutations. */
uint64_t hash_strong(const struct hash_key *key, const void *data, size_t len);
/* SipHash-1-3: hash tables. An attacker without the key finds no chains. */
uint64_t hash_table(const struct hash_key *key, const void *data, size_t len);

/*
 * For tables whose slots nobody outside sees: NH (Black et al., CRYPTO 1999)
 * over pairs of words, its 128 bits multiplied once more and folded. Two keys
 * that differ meet with a chance of 2^-64 over the secret, whoever chose them,
 * for a fifth of what SipHash costs. What an outsider could learn from (whom a
 * choice fell on) takes hash_table.
 */
struct hash_secret {
	uint64_t k[8];
};
void hash_secret_init(struct hash_secret *s, const struct hash_key *key);

__extension__ typedef unsigned __int128 hash_wide;
static inline uint64_t hash_fold(const struct hash_secret *s, hash_wide w)
{
	w = (hash_wide)((uint64_t)w + s->k[6]) *
	    ((uint64_t)(w >> 64) + s->k[7]);
	return (uint64_t)w ^ (uint64_t)(w >> 64);
}
static inline uint64_t hash_pair(const struct hash_secret *s,
				 const uint64_t w[2])
{
	return hash_fold(s, (hash_wide)(w[0] + s->k[0]) * (w[1] + s->k[1]));
}
/* The parts of hash_five: its first two words, its next two, and the whole. Who
   hashes many pairs of few halves makes each half once. */
static inline hash_wide hash_half(const struct hash_secret *s, uint32_t half,
				  uint64_t a, uint64_t b)
{
	return (hash_wide)(a + s->k[2 * half]) * (b + s->k[2 * half + 1]);
}
static inline uint64_t hash_halves(const struct hash_secret *s, hash_wide first,
				   hash_wide second, uint64_t fifth)
{
	return hash_fold(s, first + second +
				    (hash_wide)(fifth + s->k[4]) * s->k[5]);
}
static inline uint64_t hash_five(const struct hash_secret *s,
				 const uint64_t w[5])
{
	return hash_halves(s, hash_half(s, 0, w[0], w[1]),
			   hash_half(s, 1, w[2], w[3]), w[4]);
}
static inline uint64_t hash_six(const struct hash_secret *s,
				const uint64_t w[6])
{
	return hash_fold(s, (hash_wide)(w[0] + s->k[0]) * (w[1] + s->k[1]) +
				    (hash_wide)(w[2] + s->k[2]) *
					    (w[3] + s->k[3]) +
				    (hash_wide)(w[4] + s->k[4]) *
					    (w[5] + s->k[5]));
}

/* Numbers for jitter and choices: hash_strong over a counter. */
struct random {
	struct hash_key key;
	uint64_t counter;
};
void random_init(struct random *r, const struct hash_key *key, uint64_t label);
uint64_t random_next(struct random *r);
/* Uniform in [0, bound), bound > 0. */
uint32_t random_below(struct random *r, uint32_t bound);

#endif
