/* SPDX-License-Identifier: BSD-2-Clause */
/* Where tuples stand: growth, guests, chains, and a hash that is worth nothing. */
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

/* A hash of which only these bits are left, whatever else a key has. */
static void weaken(uint64_t hash_mask)
{
	t->hash_mask = hash_mask;
	t->spread = 0;
}

static const struct port_line *home_of(struct port_key key)
{
	const struct port_hash *h = &t->hash[!minato_addr_is4(&key.remote)];

	return bucket_line(t, h, bucket_home(h, port_hash(t, &key)));
}

static double load(const struct port_hash *h)
{
	return (double)h->count / ((double)h->lines * LINE_LANES);
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
	assert_int_equal(t->hash[0].lines, 32);
	fill(100);
	assert_int_equal(t->hash[0].lines, 32);
	assert_int_equal(t->hash[1].lines, 32);
}

/* Where room for some is wanted from the start, for those nothing moves; it goes on as if it had
   grown to there. */
static void has_room_for_the_first(void **state)
{
	(void)state;
	for (uint32_t first = 100; first <= 102400; first *= 2) {
		const struct port_limits limits = { 100000, 16, 64, 16, first };
		uint32_t lines, few = first < 100000 ? first : 100000;

		fixture_close();
		fixture_size = port_bytes(&limits);
		t = port_init(fixture_memory(fixture_size), &limits, &fixture_key);
		lines = t->hash[0].lines;
		assert_true(lines * LINE_LANES >= few);
		assert_int_equal(t->hash[1].lines, 32);
		fill(few);
		assert_int_equal(t->hash[0].lines, lines);
		for (uint32_t i = few; i < 100000; i++)
			assert_true(insert(numbered(i), i) >= 0);
		assert_true(bucket_sound(t));
		all_found(0, 100000);
		remove_range(0, 100000);
	}
}

static void grows_as_it_fills(void **state)
{
	(void)state;
	reopen(200000);
	fill(100000);
	assert_true(t->hash[0].lines <= t->hash[0].lines_max);
	assert_int_equal(t->hash[1].lines, 32); /* IPv6 has its own */
	assert_true(bucket_sound(t));
	all_found(0, 100000);
	none_found(100000, 110000);
}

/* Neither half empty nor so full that keys go astray, whatever the size. */
static void is_as_full_at_every_size(void **state)
{
	double least = 1, most = 0;

	(void)state;
	reopen(200000);
	fill(2000);
	for (uint32_t i = 2000; i < 200000; i++) {
		assert_true(insert(numbered(i), i) >= 0);
		least = load(&t->hash[0]) < least ? load(&t->hash[0]) : least;
		most = load(&t->hash[0]) > most ? load(&t->hash[0]) : most;
	}
	assert_true(least > 0.57);
	assert_true(most < 0.81);
	assert_true(bucket_sound(t));
}

/* One insertion adds two lines at most: no pause grows with the table. */
static void grows_by_two_lines_at_a_time(void **state)
{
	uint32_t before;

	(void)state;
	reopen(50000);
	for (uint32_t i = 0; i < 50000; i++) {
		before = t->hash[0].lines;
		assert_true(insert(numbered(i), i) >= 0);
		assert_true(t->hash[0].lines - before <= 2);
	}
}

static void sound_at_every_size(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4000; i += 2) {
		struct port_key six = numbered(i);
		six.local = addr("fd00::1");
		assert_true(insert(numbered(i), i) >= 0);
		assert_true(insert(six, i) >= 0);
		if (i % 7 == 0)
			assert_true(bucket_sound(t));
	}
	assert_int_equal(t->hash[0].count, 2000);
	assert_int_equal(t->hash[1].count, 2000);
}

/* How many of the first `count` keys have a home with keys elsewhere that may
   be it: a miss there costs a second line. */
static uint32_t keys_with_two_lines(uint32_t count)
{
	uint32_t away = 0;

	for (uint32_t i = 0; i < count; i++)
		away += line_strays(home_of(numbered(i)), (uint16_t)(i * 2654435761u >> 16));
	return away;
}

static void one_line_answers_for_most_keys(void **state)
{
	uint32_t count = 100000;

	(void)state;
	reopen(200000);
	fill(count);
	while (load(&t->hash[0]) < 0.7999) { /* as full as it gets */
		assert_true(insert(numbered(count), count) >= 0);
		count++;
	}
	assert_true(keys_with_two_lines(count) < count * 3 / 100);
	assert_true(t->hash[0].chains_used < t->hash[0].lines * 5 / 100);
}

/* The machine's way to compare tags and the other one. */
static void lanes_are_those_with_the_tag(void **state)
{
	struct port_line line;

	(void)state;
	srand(8);
	for (int round = 0; round < 10000; round++) {
		const uint16_t tag = (uint16_t)(round % 3 ? rand() : 0);
		uint32_t lanes = 0;
		memset(&line, round % 2 ? 0xff : 0, sizeof(line));
		for (uint32_t lane = 0; lane < LINE_LANES; lane++) {
			const bool same = rand() % 4 == 0;
			line.tags[lane] = (uint16_t)(same ? tag : tag ^ 1u << rand() % 16);
			lanes |= (uint32_t)same << lane;
		}
		line.chain = round % 5 ? 0 : tag * 0x10001u;
		assert_int_equal(line_lanes(&line, tag), lanes);
		assert_int_equal(line_lanes_plain(&line, tag), lanes);
	}
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
	weaken(0);
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
	weaken(UINT64_C(0x0000000f80000001));
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
	weaken(0);
	fill(1000);
	assert_true(t->hash[0].chains_used > 0);
	remove_range(0, 1000);
	assert_int_equal(t->hash[0].chains_used, 0);
	assert_true(bucket_sound(t));
}

static void random_removals_keep_it_sound(void **state)
{
	static bool there[4096];

	(void)state;
	memset(there, 0, sizeof(there));
	srand(4);
	weaken(UINT64_C(0x0000000380000007));
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
		assert_true(home_of(chosen[i])->away < 9);
	assert_true(t->hash[0].chains_used < 10);
}

/* --- 2^20 tuples that an attacker picked ---------------------------------- */

#define CHOSEN (1u << 20)
/* By chance 45 keys to a pair of 56 lanes; one of more than 112, which needs a
   chain of more than two, is one in 10^17. */
#define CHAIN_MAX 2u

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

/* Multiples of the number of places that the table comes to have. */
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

	for (uint32_t i = 0; i < t->hash[0].lines_max; i++) {
		const struct port_line *b = bucket_line(t, &t->hash[0], i);
		uint32_t length = 0;
		for (; b->chain != 0; b = bucket_line(t, &t->hash[0], b->chain))
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
		CASE(has_room_for_the_first),
		CASE(grows_as_it_fills),
		CASE(is_as_full_at_every_size),
		CASE(grows_by_two_lines_at_a_time),
		CASE(sound_at_every_size),
		CASE(one_line_answers_for_most_keys),
		CASE(lanes_are_those_with_the_tag),
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
