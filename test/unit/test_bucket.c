/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash of tuples: growth, guests, chains, and a hash that is worth nothing. */
#include "unit/port_fixture.h"

/* The i-th of many IPv4 keys, all different. */
static struct port_key numbered(uint32_t i)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.1.0.0", 0);

	key.remote.bytes[13] = (uint8_t)(i >> 24);
	key.remote.bytes[14] = (uint8_t)(i >> 16);
	key.remote.bytes[15] = (uint8_t)(i >> 8);
	key.remote_port = (uint16_t)(i & 255);
	return key;
}

static void fill(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_true(insert(numbered(i), i) >= 0);
}

static void all_found(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct port_key key = numbered(i);
		struct port_tuple_ref ref;
		assert_true(port_tuple_find(t, &key, &ref, NULL));
		assert_int_equal(ref.owner, i);
	}
}

static void none_found(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct port_key key = numbered(i);
		struct port_tuple_ref ref;
		assert_false(port_tuple_find(t, &key, &ref, NULL));
	}
}

static void remove_range(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct port_key key = numbered(i);
		struct port_tuple_ref ref;
		uint32_t index;
		assert_true(port_tuple_find(t, &key, &ref, &index));
		port_tuple_remove(t, index);
	}
}

static void reopen(uint32_t tuples_max)
{
	fixture_close();
	fixture_open(tuples_max, 16, &fixture_key);
}

static void starts_small(void **state)
{
	(void)state;
	reopen(1000000);
	assert_int_equal(t->pairs, 32);
	fill(100);
	assert_int_equal(t->pairs, 32);
}

static void grows_as_it_fills(void **state)
{
	(void)state;
	reopen(200000);
	fill(100000);
	assert_true(t->pairs >= 100000 / 16);
	assert_true(t->pairs <= t->pairs_max);
	assert_true(bucket_sound(t));
	all_found(0, 100000);
	none_found(100000, 110000);
}

/* One insertion splits at most one pair: no pause grows with the table. */
static void grows_by_one_pair_at_a_time(void **state)
{
	uint32_t before;

	(void)state;
	reopen(50000);
	for (uint32_t i = 0; i < 50000; i++) {
		before = t->pairs;
		assert_true(insert(numbered(i), i) >= 0);
		assert_true(t->pairs - before <= 1);
	}
}

static void sound_at_every_size(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		assert_true(insert(numbered(i), i) >= 0);
		if (i % 7 == 0)
			assert_true(bucket_sound(t));
	}
}

/* How many of the first `count` keys have a home with keys elsewhere: a miss
   there costs a second line. */
static uint32_t homes_with_keys_away(uint32_t count)
{
	uint32_t away = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct port_key key = numbered(i);
		away += bucket_home(t, port_hash(t, &key))->away > 0;
	}
	return away;
}

static void one_line_answers_for_most_keys(void **state)
{
	(void)state;
	reopen(200000);
	fill(98000); /* as full as it gets: 12 of 16 */
	assert_int_equal(t->pairs, 8192);
	assert_true(homes_with_keys_away(98000) < 98000 / 3);
	assert_true(t->chains.used < 98000 / 8 / 8);
	for (uint32_t i = 98000; i < 110000; i++)
		assert_true(insert(numbered(i), i) >= 0);
	assert_int_equal(t->pairs, 16384);
	/* By chance, of keys with 3.36 to a home: 2.2 % with more than 8. */
	assert_true(homes_with_keys_away(110000) < 110000 * 3 / 100);
	assert_true(t->chains.used < 110000 / 8 / 500);
}

static void takes_all_that_was_promised(void **state)
{
	struct port_key one_more = numbered(4096);

	(void)state;
	fill(4096);
	assert_int_equal(insert(one_more, 0), -ENOSPC);
	all_found(0, 4096);
	remove_range(17, 18);
	assert_true(insert(one_more, 4096) >= 0);
	all_found(18, 4097);
}

static void holds_all_when_every_key_collides(void **state)
{
	(void)state;
	t->hash_mask = 0;
	fill(4096);
	assert_true(bucket_sound(t));
	all_found(0, 4096);
	assert_int_equal(insert(numbered(4096), 0), -ENOSPC);
	remove_range(1000, 3000);
	assert_true(bucket_sound(t));
	none_found(1000, 3000);
	all_found(0, 1000);
	all_found(3000, 4096);
}

/* Every pair has both a chain and keys of both sides. */
static void holds_all_when_two_homes_overflow(void **state)
{
	(void)state;
	t->hash_mask = UINT64_C(0x000f800000000000);
	fill(4096);
	assert_true(bucket_sound(t));
	all_found(0, 4096);
	for (uint32_t i = 0; i < 4096; i += 64) {
		remove_range(i, i + 50);
		assert_true(bucket_sound(t));
	}
}

static void chains_are_given_back(void **state)
{
	(void)state;
	t->hash_mask = 0;
	fill(1000);
	assert_true(t->chains.used > 0);
	remove_range(0, 1000);
	assert_int_equal(t->chains.used, 0);
	assert_true(bucket_sound(t));
}

static void random_removals_keep_it_sound(void **state)
{
	static bool there[4096];

	(void)state;
	memset(there, 0, sizeof(there));
	srand(4);
	t->hash_mask = UINT64_C(0x000380000000003f);
	for (int i = 0; i < 20000; i++) {
		uint32_t k = (uint32_t)rand() % 1500;
		if (there[k])
			remove_range(k, k + 1);
		else
			assert_true(insert(numbered(k), k) >= 0);
		there[k] = !there[k];
		if (i % 100 == 0)
			assert_true(bucket_sound(t));
	}
	for (uint32_t k = 0; k < 1500; k++) {
		if (there[k])
			all_found(k, k + 1);
		else
			none_found(k, k + 1);
	}
}

/* Whoever knows the code but not the key gains nothing over chance. */
static void keys_chosen_for_another_secret_spread(void **state)
{
	const struct hash_key guess = { { 1, 2 } };
	static struct port_key chosen[4096];
	uint32_t count = 0;

	(void)state;
	fixture_close();
	fixture_open(4096, 16, &guess);
	for (uint32_t i = 0; count < 600; i++) {
		struct port_key key = numbered(i);
		if ((port_hash(t, &key) & 0x1ff) == 0x155)
			chosen[count++] = key;
	}
	fixture_close();
	fixture_open(4096, 16, &fixture_key);
	for (uint32_t i = 0; i < count; i++)
		assert_true(insert(chosen[i], i) >= 0);
	for (uint32_t i = 0; i < count; i++)
		assert_true(bucket_home(t, port_hash(t, &chosen[i]))->away < 9);
	assert_true(t->chains.used < 10);
}

/* --- 2^20 tuples that an attacker picked ---------------------------------- */

#define CHOSEN (1u << 20)
/* By chance 12 keys to a pair of 16 lanes; a pair of more than 48, which needs
   a chain of more than four, is one in 10^13. */
#define CHAIN_MAX 4u

struct picked {
	uint32_t remote, local;
	uint16_t remote_port, local_port;
};

/* Everything but the ports is the same. */
static struct picked by_ports(uint32_t i)
{
	return (struct picked){ 0x0a000002, 0x0a000001, (uint16_t)i, (uint16_t)(i >> 16) };
}

/* From one port, addresses in a row, as a botnet's prefix has them. */
static struct picked by_low_bits(uint32_t i)
{
	return (struct picked){ 0x0a000000 + i, 0xc0000201, 443, 443 };
}

/* Addresses that differ in the high bits alone, ports by multiples of 16. */
static struct picked by_high_bits(uint32_t i)
{
	return (struct picked){ i << 12, 0xc0000201, (uint16_t)(i << 4), 443 };
}

/* Multiples of the number of pairs that the table comes to have. */
static struct picked by_table_size(uint32_t i)
{
	return (struct picked){ i * (1u << 17), 0xc0000201, (uint16_t)(i >> 15), 443 };
}

/* All words of the tuple together make the same exclusive or, and sum. */
static struct picked by_equal_folds(uint32_t i)
{
	return (struct picked){ i * 2654435761u, ~(i * 2654435761u), (uint16_t)i, (uint16_t)~i };
}

static uint32_t longest_chain(void)
{
	uint32_t longest = 0;

	for (uint32_t i = 0; i < 2 * t->pairs; i++) {
		const struct port_bucket *b = bucket_chain(t, bucket_at(t, i));
		uint32_t length = 0;
		for (; b != NULL; b = bucket_chain(t, b))
			length++;
		longest = length > longest ? length : longest;
	}
	return longest;
}

static uint32_t chain_of(struct picked (*pick)(uint32_t), uint32_t count, uint64_t hash_mask)
{
	reopen(count);
	t->hash_mask = hash_mask;
	for (uint32_t i = 0; i < count; i++) {
		const struct picked p = pick(i);
		struct port_key key = key_of(TCP, "10.0.0.1", 1, "10.0.0.2", 1);
		key.local_port = p.local_port;
		key.remote_port = p.remote_port;
		for (int k = 0; k < 4; k++) {
			key.local.bytes[12 + k] = (uint8_t)(p.local >> (24 - 8 * k));
			key.remote.bytes[12 + k] = (uint8_t)(p.remote >> (24 - 8 * k));
		}
		assert_true(insert(key, i) >= 0);
	}
	return longest_chain();
}

static void chosen_tuples_make_no_chains(void **state)
{
	(void)state;
	assert_true(chain_of(by_ports, CHOSEN, UINT64_MAX) <= CHAIN_MAX);
	assert_true(chain_of(by_low_bits, CHOSEN, UINT64_MAX) <= CHAIN_MAX);
	assert_true(chain_of(by_high_bits, CHOSEN, UINT64_MAX) <= CHAIN_MAX);
	assert_true(chain_of(by_table_size, CHOSEN, UINT64_MAX) <= CHAIN_MAX);
	assert_true(chain_of(by_equal_folds, CHOSEN, UINT64_MAX) <= CHAIN_MAX);
}

/* That the case above can fail: with a hash whose low bits say nothing. */
static void a_weak_hash_makes_chains(void **state)
{
	(void)state;
	assert_true(chain_of(by_ports, 1u << 14, UINT64_MAX << 8) > 10 * CHAIN_MAX);
	assert_true(chain_of(by_ports, 1u << 14, UINT64_MAX) <= CHAIN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(starts_small),
		CASE(grows_as_it_fills),
		CASE(grows_by_one_pair_at_a_time),
		CASE(sound_at_every_size),
		CASE(one_line_answers_for_most_keys),
		CASE(takes_all_that_was_promised),
		CASE(holds_all_when_every_key_collides),
		CASE(holds_all_when_two_homes_overflow),
		CASE(chains_are_given_back),
		CASE(random_removals_keep_it_sound),
		CASE(keys_chosen_for_another_secret_spread),
		CASE(chosen_tuples_make_no_chains),
		CASE(a_weak_hash_makes_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
