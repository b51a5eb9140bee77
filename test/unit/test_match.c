/* SPDX-License-Identifier: BSD-2-Clause */
/* Which general entry a packet meets, in steps that do not grow with their number. */
#include "unit/port_fixture.h"

#define MANY 100000u

static struct minato_addr numbered(uint8_t net, uint32_t number)
{
	return minato_addr4(net, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number);
}

static struct minato_entry guard(uint16_t port, enum minato_verdict verdict)
{
	struct minato_entry e = entry_of(MINATO_KIND_GUARD, port, port);

	e.verdict = verdict;
	return e;
}

static void open_large(void)
{
	fixture_close();
	fixture_open(16, MANY + 1024, &fixture_key);
}

static struct port_key packet(struct minato_addr local, uint16_t port, struct minato_addr remote)
{
	return (struct port_key){
		.local = local, .local_port = port, .remote = remote, .remote_port = 9, .proto = TCP
	};
}

static uint64_t steps_of(struct port_key key, uint64_t user)
{
	const uint64_t before = t->steps;
	const struct port_fate fate = look_up(key);

	assert_true(fate.entry != POOL_NONE);
	assert_int_equal(fate.user, user);
	return t->steps - before;
}

/* Every third address has a listener, the others a forward. */
static uint64_t publish(uint32_t number)
{
	struct minato_entry e = entry_of(MINATO_KIND_FORWARD, 80, 80);
	const uint64_t before = t->steps;
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
	int64_t entry;

	if (number % 3 == 0) {
		claim.local = numbered(10, number);
		claim.user = number;
		entry = bind_claim(claim);
		assert_true(entry >= 0);
		assert_int_equal(port_accepting(t, (uint32_t)entry, true), 0);
	} else {
		e.local = numbered(10, number);
		e.local_prefix = 128;
		e.user = number;
		added(e);
	}
	return t->steps - before;
}

static void addresses_on_one_port_cost_no_steps(void **state)
{
	uint64_t most_to_add = 0, most_to_find = 0;

	(void)state;
	open_large();
	for (uint32_t i = 0; i < MANY; i++) {
		const uint64_t steps = publish(i);
		if (steps > most_to_add)
			most_to_add = steps;
	}
	for (uint32_t i = 0; i < MANY; i += 7) {
		const uint64_t steps = steps_of(packet(numbered(10, i), 80, numbered(9, i)), i);
		if (steps > most_to_find)
			most_to_find = steps;
	}
	assert_true(most_to_add <= 96);
	assert_true(most_to_find <= 16);
	for (uint32_t i = 0; i < MANY; i++) {
		const uint64_t before = t->steps;
		port_remove(t, i);
		assert_true(t->steps - before <= 64);
	}
}

static void remotes_on_one_port_cost_no_steps(void **state)
{
	uint64_t most = 0;

	(void)state;
	open_large();
	for (uint32_t i = 0; i < MANY; i++) {
		struct minato_entry e = guard(22, MINATO_DROP);
		e.remote = numbered(172, i);
		e.remote_prefix = 128;
		e.user = i;
		added(e);
	}
	for (uint32_t i = 0; i < MANY; i += 3) {
		const uint64_t steps = steps_of(packet(numbered(10, 1), 22, numbered(172, i)), i);
		if (steps > most)
			most = steps;
	}
	assert_true(most <= 12);
	assert_int_equal(look_up(packet(numbered(10, 1), 22, numbered(173, 0))).entry, POOL_NONE);
}

static uint32_t prefix_below(uint32_t number)
{
	return 96 + number % 33;
}

/* Rules of every form that IPv4 has, at random. */
static void rules_of_all_lengths_cost_what_their_lengths_do(void **state)
{
	uint64_t most[2] = { 0, 0 };

	(void)state;
	open_large();
	srand(5);
	for (uint32_t round = 0; round < 2; round++) {
		/* Ten times as many as before. */
		for (uint32_t i = 0; i < (round == 0 ? MANY / 10 : MANY * 9 / 10); i++) {
			struct minato_entry e = guard(22, MINATO_DROP);
			e.local = numbered(10, (uint32_t)rand());
			e.remote = numbered(172, (uint32_t)rand());
			e.local_prefix = (uint8_t)prefix_below((uint32_t)rand());
			e.remote_prefix = (uint8_t)prefix_below((uint32_t)rand());
			add(e);
		}
		for (uint32_t i = 0; i < 2000; i++) {
			const uint64_t before = t->steps;
			look_up(packet(numbered(10, (uint32_t)rand()), 22,
				       numbered(172, (uint32_t)rand())));
			if (t->steps - before > most[round])
				most[round] = t->steps - before;
		}
	}
	/* 33 lengths by 33, and their chains. */
	assert_true(most[0] <= 4000 && most[1] <= 4000);
}

/* Those that have the port are the widest, and stand among narrow ones. */
static void ranges_cost_as_much_as_their_trees_are_high(void **state)
{
	uint64_t most = 0;

	(void)state;
	open_large();
	for (uint32_t i = 1; i < 30000; i++) {
		struct minato_entry wide = entry_of(MINATO_KIND_FORWARD, (uint16_t)i, 60000);
		struct minato_entry narrow =
			entry_of(MINATO_KIND_FORWARD, (uint16_t)i, (uint16_t)(i + 1));
		wide.user = i;
		added(wide);
		added(narrow);
	}
	for (uint32_t port = 30001; port < 60000; port += 101) {
		const uint64_t steps =
			steps_of(packet(numbered(10, 1), (uint16_t)port, numbered(9, 1)), 29999);
		if (steps > most)
			most = steps;
	}
	assert_true(most <= 17 * 24);
}

static void narrowest_range_wins_on_both_sides_of_every_middle(void **state)
{
	(void)state;
	open_large();
	for (uint32_t width = 2; width <= 65535; width += width / 3 + 1) {
		for (uint32_t first = 0; first + width <= 65536; first += width) {
			struct minato_entry e = entry_of(MINATO_KIND_FORWARD, (uint16_t)first,
							 (uint16_t)(first + width - 1));
			e.user = width;
			if (first % 5 != 0 || width < 40)
				add(e);
		}
	}
	for (uint32_t port = 1; port < 65536; port += 37) {
		const struct port_fate fate =
			look_up(packet(numbered(10, 1), (uint16_t)port, numbered(9, 1)));
		uint64_t narrowest = UINT64_MAX;
		for (uint32_t e = port_entry_next(t, 0); e != POOL_NONE && port % 41 == 0;
		     e = port_entry_next(t, e + 1)) {
			const struct port_entry *entry = entry_at(t, e);
			if (port >= entry->first && port <= entry->last && entry->user < narrowest)
				narrowest = entry->user;
		}
		if (port % 41 == 0)
			assert_int_equal(fate.entry == POOL_NONE ? UINT64_MAX : fate.user,
					 narrowest);
	}
}

/* Each is passed over once. */
static void what_is_past_its_time_is_no_longer_met(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_FORWARD, 1000, 1999);
	const struct port_key key = packet(numbered(10, 1), 1500, numbered(9, 1));
	uint64_t before;

	(void)state;
	e.user = 77;
	added(e);
	for (uint32_t i = 1; i <= 400; i++) {
		e.first = (uint16_t)(1000 + i);
		e.last = (uint16_t)(1999 - i);
		e.until_ns = 1000;
		e.user = i;
		added(e);
	}
	assert_int_equal(look_up_at(key, 999).user, 400);
	assert_int_equal(look_up_at(key, 1000).user, 77);
	before = t->steps;
	assert_int_equal(look_up_at(key, 1001).user, 77);
	assert_true(t->steps - before <= 40);
	/* Its key is held all the same. */
	assert_int_equal(add(e), -EADDRINUSE);
}

static void nothing_is_left_behind(void **state)
{
	(void)state;
	open_large();
	for (uint32_t i = 0; i < 3000; i++) {
		struct minato_entry e =
			entry_of(MINATO_KIND_FORWARD, (uint16_t)(i + 1), (uint16_t)(i + 1 + i % 3));
		e.proto = 0;
		e.local = numbered(10, i);
		e.local_prefix = (uint8_t)(97 + i % 32);
		e.remote = numbered(172, i);
		e.remote_prefix = (uint8_t)(97 + i % 31);
		added(e);
	}
	assert_true(t->cells.used > 6000 && t->shapes.used > 100);
	for (uint32_t i = 0; i < 3000; i++)
		port_remove(t, i);
	assert_int_equal(t->cells.used, 0);
	assert_int_equal(t->shapes.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(addresses_on_one_port_cost_no_steps),
		CASE(remotes_on_one_port_cost_no_steps),
		CASE(rules_of_all_lengths_cost_what_their_lengths_do),
		CASE(ranges_cost_as_much_as_their_trees_are_high),
		CASE(narrowest_range_wins_on_both_sides_of_every_middle),
		CASE(what_is_past_its_time_is_no_longer_met),
		CASE(nothing_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
