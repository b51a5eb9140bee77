/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The algorithms of RFC 6056 3.3 do what it says, collisions included; where
 * one gives up a free port comes all the same. And what they leak, which the
 * permutation does not: the attack that tells devices apart by which
 * destinations share a counter.
 */
#include "unit/port_fixture.h"

static struct minato_endpoint remote;

static struct port_choice towards(uint32_t number, uint16_t low, uint16_t high)
{
	remote.addr = minato_addr4(10, 9, (uint8_t)(number >> 8), (uint8_t)number);
	remote.port = 443;
	return (struct port_choice){
		.proto = TCP,
		.local = addr("10.0.0.1"),
		.remote = &remote,
		.low = low,
		.high = high,
	};
}

static uint16_t choose(uint32_t number, uint16_t low, uint16_t high)
{
	const struct port_choice c = towards(number, low, high);

	return port_choose(t, &c);
}

static void hold(uint16_t port)
{
	assert_true(bind_claim(claim_of(TCP, "0.0.0.0", port)) >= 0);
}

static void each_finds_the_last_port(void **state)
{
	(void)state;
	for (uint16_t p = 5000; p < 5100; p++) {
		if (p != 5077)
			hold(p);
	}
	for (int c = 0; c < MINATO_CHOOSER_COUNT; c++) {
		port_set_chooser(t, (enum minato_chooser)c);
		for (uint32_t n = 0; n < 50; n++)
			assert_int_equal(choose(n, 5000, 5099), 5077);
		assert_int_equal(choose(1, 5000, 5076), 0);
	}
}

/* Algorithm 1: where 90 ports in a row are used, the one behind them gets
   their share. */
static void random_walk_goes_to_the_next(void **state)
{
	uint32_t behind = 0;

	(void)state;
	port_set_chooser(t, MINATO_CHOOSER_RANDOM_WALK);
	for (uint16_t p = 5000; p < 5090; p++)
		hold(p);
	for (int i = 0; i < 1000; i++)
		behind += choose(1, 5000, 5099) == 5090;
	assert_true(behind > 850 && behind < 970); /* 910 expected */
}

/* Algorithm 2: drawn anew, so that all free ones are alike. */
static void random_draws_again(void **state)
{
	uint32_t behind = 0;

	(void)state;
	port_set_chooser(t, MINATO_CHOOSER_RANDOM);
	for (uint16_t p = 5000; p < 5090; p++)
		hold(p);
	for (int i = 0; i < 1000; i++)
		behind += choose(1, 5000, 5099) == 5090;
	assert_true(behind > 60 && behind < 150); /* 100 expected */
}

/* Algorithm 3: an offset of its own, and one counter for all destinations. */
static void hash_counts_for_all(void **state)
{
	uint16_t a, b;

	(void)state;
	port_set_chooser(t, MINATO_CHOOSER_HASH);
	a = choose(1, 10000, 59999);
	choose(2, 10000, 59999);
	choose(3, 10000, 59999);
	b = choose(1, 10000, 59999);
	assert_int_equal((b - a + 50000) % 50000, 3);
	hold((uint16_t)(b + 1));
	assert_int_equal(choose(1, 10000, 59999), b + 2);
}

/* Algorithm 4: a counter for each cell. */
static void double_hash_counts_by_cell(void **state)
{
	uint16_t a;
	uint32_t others = 0;

	(void)state;
	port_set_chooser(t, MINATO_CHOOSER_DOUBLE_HASH);
	a = choose(1, 10000, 59999);
	assert_int_equal(choose(1, 10000, 59999), a + 1);
	for (uint32_t n = 2; n < 20; n++)
		choose(n, 10000, 59999);
	others = choose(1, 10000, 59999) - a - 2u;
	assert_true(others <= 3); /* 18/256 expected */
}

/* Algorithm 5: by 1 to 500. */
static void increments_are_of_1_to_500(void **state)
{
	uint32_t least = 1000, most = 0;
	uint16_t last;

	(void)state;
	port_set_chooser(t, MINATO_CHOOSER_INCREMENTS);
	last = choose(1, 10000, 59999);
	for (uint32_t i = 0; i < 5000; i++) {
		const uint16_t port = choose(i, 10000, 59999);
		const uint32_t step = (port + 50000u - last) % 50000;
		least = step < least ? step : least;
		most = step > most ? step : most;
		last = port;
	}
	assert_true(least >= 1 && least < 5);
	assert_true(most <= 500 && most > 495);
}

/* --- leaks ------------------------------------------------------------------ */

/*
 * The attack (Kol, Klein, Gilad: "Device Tracking via Linux's New TCP Source
 * Port Selection Algorithm", USENIX Security 2023): between two connections to
 * x connect once to y; where x's port moved on by one more than y left alone,
 * both share a cell. Which pairs do depends on the device's key alone, so it
 * names the device. Returns the pairs among `count` that collide, thrice.
 */
static uint32_t stable_pairs(uint32_t count)
{
	uint32_t stable = 0;

	for (uint32_t x = 0; x < count; x++) {
		for (uint32_t y = x + 1; y < count; y++) {
			bool moved = true;
			for (int i = 0; i < 3 && moved; i++) {
				const uint16_t before = choose(x, 1024, 65535);
				choose(y, 1024, 65535);
				const uint16_t after = choose(x, 1024, 65535);
				moved = (uint16_t)(after - before) == 2;
			}
			stable += moved;
		}
	}
	return stable;
}

static void collisions_of_the_double_hash_name_the_device(void **state)
{
	uint32_t pairs;

	(void)state;
	port_set_chooser(t, MINATO_CHOOSER_DOUBLE_HASH);
	pairs = stable_pairs(60);
	assert_true(pairs >= 2); /* 6.9 expected of 1,770 in 256 cells */
	assert_int_equal(stable_pairs(60), pairs);
}

static void the_permutation_shows_no_collision(void **state)
{
	(void)state;
	assert_int_equal(stable_pairs(60), 0);
}

/* Two destinations in turn: neither says anything of the other's port. By 16
   and 16 cells, 225 degrees of freedom: 294 is p = 0.001. */
static double dependence(enum minato_chooser chooser)
{
	static uint32_t cell[16][16];
	double chi = 0;

	memset(cell, 0, sizeof(cell));
	port_set_chooser(t, chooser);
	for (int i = 0; i < 64000; i++) {
		const uint16_t a = choose(1, 0, 0);
		const uint16_t b = choose(2, 0, 0);
		cell[(a - 1024) / 4032][(b - 1024) / 4032]++;
	}
	for (int a = 0; a < 16; a++) {
		for (int b = 0; b < 16; b++)
			chi += (cell[a][b] - 250.0) * (cell[a][b] - 250.0) / 250;
	}
	return chi;
}

static void destinations_are_independent(void **state)
{
	(void)state;
	assert_true(dependence(MINATO_CHOOSER_PERMUTATION) < 294);
	assert_true(dependence(MINATO_CHOOSER_HASH) > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_finds_the_last_port),
		CASE(random_walk_goes_to_the_next),
		CASE(random_draws_again),
		CASE(hash_counts_for_all),
		CASE(double_hash_counts_by_cell),
		CASE(increments_are_of_1_to_500),
		CASE(collisions_of_the_double_hash_name_the_device),
		CASE(the_permutation_shows_no_collision),
		CASE(destinations_are_independent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
