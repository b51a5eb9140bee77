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
/* The same of whole words whose count the caller fixes for each sort of key:
   it is not hashed, so that two sorts must differ in what they say. */
uint64_t hash_words(const struct hash_key *key, const uint64_t *words,
		    size_t count);

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
