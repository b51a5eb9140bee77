/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The algorithms of RFC 6056 3.3, by its words: min_ephemeral is `low`,
 * num_ephemeral `count`, and each tries num_ephemeral ports at most. F and G
 * are SipHash under keys of their own; random() is the table's.
 */
#include "port/port.h"

#include <string.h>

#include "base/check.h"

#define INCREMENT 500u /* N of algorithm 5, as suggested in 3.3.5 */

void rfc6056_init(struct rfc6056 *r, struct random *random,
		  const struct hash_key *key)
{
	struct random keys;

	random_init(&keys, key, UINT64_C(0x36303536));
	r->offset_key.k[0] = random_next(&keys);
	r->offset_key.k[1] = random_next(&keys);
	r->cell_key.k[0] = random_next(&keys);
	r->cell_key.k[1] = random_next(&keys);
	r->next = random_below(random, PORT_NUMBERS);
	r->incremented = random_below(random, PORT_NUMBERS);
	for (uint32_t i = 0; i < RFC6056_CELLS; i++)
		r->cell[i] = random_below(random, PORT_NUMBERS);
}

static uint32_t count_of(const struct port_search *s)
{
	return (uint32_t)s->high - s->low + 1;
}

static uint16_t port_at(const struct port_search *s, uint32_t place)
{
	return (uint16_t)(s->low + place % count_of(s));
}

/* F and G: of local_IP, remote_IP and remote_port. */
static uint32_t hash_of(const struct port_search *s, const struct hash_key *key)
{
	const struct destination_key *d =
		&destination_at(s->t, s->destination)->key;

	return (uint32_t)hash_strong(key, d, sizeof(*d));
}

/* Algorithm 1: a random start, then the next until one is suitable. */
static uint16_t random_walk(const struct port_search *s)
{
	const uint32_t start = random_below(&s->t->random, count_of(s));

	for (uint32_t i = 0; i < count_of(s); i++) {
		if (choose_suitable(s, port_at(s, start + i)))
			return port_at(s, start + i);
	}
	return 0;
}

/* Algorithm 2: drawn anew each time. */
static uint16_t draws(const struct port_search *s)
{
	for (uint32_t i = 0; i < count_of(s); i++) {
		const uint16_t port = port_at(
			s, random_below(&s->t->random, count_of(s)));
		if (choose_suitable(s, port))
			return port;
	}
	return 0;
}

/* Algorithms 3 and 4: an offset of the destination, and a counter. */
static uint16_t counted(const struct port_search *s, uint32_t *counter)
{
	const uint32_t offset = hash_of(s, &s->t->rfc6056.offset_key) %
				count_of(s);

	for (uint32_t i = 0; i < count_of(s); i++) {
		const uint16_t port =
			port_at(s, *counter % count_of(s) + offset);
		++*counter;
		if (choose_suitable(s, port))
			return port;
	}
	return 0;
}

/* Algorithm 5: one counter for all, in random steps. */
static uint16_t increments(const struct port_search *s)
{
	uint32_t *next = &s->t->rfc6056.incremented;

	for (uint32_t i = 0; i < count_of(s); i++) {
		*next += random_below(&s->t->random, INCREMENT) + 1;
		if (choose_suitable(s, port_at(s, *next)))
			return port_at(s, *next);
	}
	return 0;
}

uint16_t rfc6056_choose(const struct port_search *s)
{
	struct rfc6056 *r = &s->t->rfc6056;

	switch (s->t->chooser) {
	case MINATO_CHOOSER_RANDOM_WALK:
		return random_walk(s);
	case MINATO_CHOOSER_RANDOM:
		return draws(s);
	case MINATO_CHOOSER_HASH:
		return counted(s, &r->next);
	case MINATO_CHOOSER_DOUBLE_HASH:
		return counted(s, &r->cell[hash_of(s, &r->cell_key) %
					   RFC6056_CELLS]);
	case MINATO_CHOOSER_INCREMENTS:
		return increments(s);
	case MINATO_CHOOSER_PERMUTATION:
	case MINATO_CHOOSER_COUNT:
		break;
	}
	check(false);
	return 0;
}
