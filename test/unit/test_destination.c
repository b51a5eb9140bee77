/* SPDX-License-Identifier: BSD-2-Clause */
/* What is remembered of destinations: walks, views, and who gives way. */
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

static uint16_t choose(struct port_choice c)
{
	return port_choose(t, &c);
}

static int64_t take(uint32_t number, uint16_t port)
{
	const struct port_choice c = towards(number, 0, 0);
	const struct port_key key = {
		.local = c.local,
		.remote = c.remote->addr,
		.local_port = port,
		.remote_port = c.remote->port,
		.proto = c.proto,
	};

	return port_tuple_insert(t, &key, (struct port_tuple_ref){ .owner = port });
}

static uint32_t open_to(uint32_t number, uint16_t low, uint16_t high)
{
	const uint16_t port = choose(towards(number, low, high));

	assert_int_not_equal(port, 0);
	return (uint32_t)take(number, port);
}

static void no_port_comes_twice_in_a_round(void **state)
{
	static uint8_t seen[65536];

	(void)state;
	for (int round = 0; round < 3; round++) {
		memset(seen, 0, sizeof(seen));
		for (int i = 0; i < 1000; i++)
			assert_int_equal(seen[choose(towards(1, 5000, 5999))]++, 0);
	}
}

static void rounds_differ(void **state)
{
	uint16_t first[200];
	uint32_t equal = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		first[i] = choose(towards(1, 5000, 5199));
	for (int i = 0; i < 200; i++)
		equal += choose(towards(1, 5000, 5199)) == first[i];
	assert_true(equal < 10); /* 1 expected */
}

/* The same secret, destination and choices, and yet no order comes again. */
static void a_destination_forgotten_begins_anew(void **state)
{
	uint16_t first[100];
	uint32_t equal = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		first[i] = choose(towards(1, 0, 0));
	for (uint32_t n = 2; n < 2 * PORT_DESTINATIONS + 2; n++)
		assert_int_not_equal(choose(towards(n, 0, 0)), 0);
	for (int i = 0; i < 100; i++)
		equal += choose(towards(1, 0, 0)) == first[i];
	assert_true(equal <= 1);
	assert_int_equal(t->destinations.used, PORT_DESTINATIONS);
}

static void a_crowded_destination_gets_a_view(void **state)
{
	uint32_t tuples[1000];

	(void)state;
	for (int i = 0; i < 300; i++)
		tuples[i] = open_to(1, 5000, 5299);
	assert_int_equal(t->view_count, 0); /* the walk met none that was used */
	assert_int_equal(choose(towards(1, 5000, 5299)), 0);
	assert_int_equal(t->view_count, 1);
	/* It hears of what comes and goes by any way. */
	port_tuple_remove(t, tuples[7]);
	assert_int_not_equal(choose(towards(1, 5000, 5299)), 0);
	assert_true(take(1, choose(towards(1, 5000, 5299))) >= 0);
	assert_int_equal(choose(towards(1, 5000, 5299)), 0);
	assert_int_not_equal(choose(towards(2, 5000, 5299)), 0);
}

static void a_view_heeds_entries(void **state)
{
	struct port_key key;
	uint32_t tuple[10];
	int64_t claim;
	uint32_t range;

	(void)state;
	for (int i = 0; i < 10; i++)
		tuple[i] = open_to(1, 5000, 5009);
	assert_int_equal(choose(towards(1, 5000, 5009)), 0);
	assert_int_equal(t->view_count, 1);
	port_tuple_key(t, tuple[4], &key);
	port_tuple_remove(t, tuple[4]);
	claim = bind_claim(claim_of(TCP, "0.0.0.0", key.local_port));
	assert_int_equal(choose(towards(1, 5000, 5009)), 0);
	port_remove(t, (uint32_t)claim);
	assert_int_equal(choose(towards(1, 5000, 5009)), key.local_port);
	range = added(entry_of(MINATO_KIND_RESERVED, 4000, 6000));
	assert_int_equal(choose(towards(1, 5000, 5009)), 0);
	port_remove(t, range);
	assert_int_equal(choose(towards(1, 5000, 5009)), key.local_port);
}

static void a_tuple_that_yields_is_free(void **state)
{
	struct port_tuple_ref ref = { .owner = 1, .yields = true };
	uint32_t tuple[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		tuple[i] = open_to(1, 5000, 5003);
	assert_int_equal(choose(towards(1, 5000, 5003)), 0);
	port_tuple_assign(t, tuple[2], ref);
	assert_int_not_equal(choose(towards(1, 5000, 5003)), 0);
	port_tuple_remove(t, tuple[2]);
	assert_int_not_equal(choose(towards(1, 5000, 5003)), 0);
}

/* To whom has another clock, no tuple yields: with a view as without. */
static void nothing_yields_to_another_clock(void **state)
{
	struct port_tuple_ref ref = { .owner = 1, .yields = true };
	struct port_choice choice = towards(1, 5000, 5003);
	uint32_t tuple[4];

	(void)state;
	for (int i = 0; i < 3; i++)
		tuple[i] = open_to(1, 5000, 5003);
	for (int i = 0; i < 3; i++)
		port_tuple_assign(t, tuple[i], ref);
	choice.other_clock = true;
	const uint16_t only = choose(choice);
	for (int i = 0; i < 40; i++)
		assert_int_equal(choose(choice), only);
	tuple[3] = open_to(1, only, only);
	port_tuple_assign(t, tuple[3], ref);
	assert_int_equal(choose(choice), 0);
	assert_int_equal(t->view_count, 1);
	assert_int_not_equal(choose(towards(1, 5000, 5003)), 0);
	/* The view keeps both apart. */
	port_tuple_assign(t, tuple[3], (struct port_tuple_ref){ .owner = 1 });
	assert_int_not_equal(choose(towards(1, 5000, 5003)), only);
	port_tuple_remove(t, tuple[3]);
	assert_int_equal(choose(choice), only);
}

/* Beyond the walk, too, what is free comes evenly: of 1,000 ports 64 are. 63
   degrees of freedom: 103.4 is p = 0.001. */
static void a_crowded_destination_is_chosen_for_evenly(void **state)
{
	uint32_t tuples[1000], count[1000] = { 0 };
	double chi = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		tuples[i] = open_to(1, 5000, 5999);
	for (int i = 0; i < 64; i++)
		port_tuple_remove(t, tuples[i * 15]);
	for (int i = 0; i < 64000; i++)
		count[choose(towards(1, 5000, 5999)) - 5000]++;
	assert_int_equal(t->view_count, 1);
	for (int i = 0; i < 1000; i++) {
		if (count[i] > 0)
			chi += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000;
	}
	assert_true(chi < 103.4);
}

/* Every chooser, at every occupancy up to the last port, beside ranges and
   reservations: never one that is held, and none refused while one is free. */
static void never_full_while_one_is_free(void **state)
{
	(void)state;
	for (int chooser = 0; chooser < MINATO_CHOOSER_COUNT; chooser++) {
		uint8_t seen[300] = { 0 };
		fixture_close();
		fixture_open(4096, 64, &fixture_key);
		port_set_chooser(t, (enum minato_chooser)chooser);
		for (uint16_t p = 5000; p < 5300; p += 50) {
			added(entry_of(MINATO_KIND_FORWARD, p, (uint16_t)(p + 9)));
			added(entry_of(MINATO_KIND_RESERVED, (uint16_t)(p + 5),
				       (uint16_t)(p + 19)));
			listen_on(TCP, "0.0.0.0", (uint16_t)(p + 30));
		}
		for (int i = 0; i < 6 * 29; i++) {
			const uint16_t port = choose(towards(1, 5000, 5299));
			assert_in_range(port, 5000, 5299);
			assert_true(port % 50 >= 20 && port % 50 != 30);
			assert_int_equal(seen[port - 5000]++, 0);
			assert_true(take(1, port) >= 0);
		}
		assert_int_equal(choose(towards(1, 5000, 5299)), 0);
	}
}

/* With more crowded destinations than views, each still gets its last port. */
static void without_a_view_the_choice_is_as_right(void **state)
{
	const uint32_t many = PORT_VIEWS + 20;

	(void)state;
	fixture_close();
	fixture_open(PORT_VIEWS * 40 + 2000, 16, &fixture_key);
	for (uint32_t n = 1; n <= many; n++) {
		for (int i = 0; i < 20; i++)
			open_to(n, 5000, 5019);
		assert_int_equal(choose(towards(n, 5000, 5019)), 0);
	}
	assert_int_equal(t->view_count, PORT_VIEWS);
	for (uint32_t n = 1; n <= many; n++)
		assert_int_equal(choose(towards(n, 5000, 5019)), 0);
}

static void an_idle_view_gives_way_after_long(void **state)
{
	(void)state;
	fixture_close();
	fixture_open(PORT_VIEWS * 40 + 2000, 16, &fixture_key);
	for (uint32_t n = 1; n <= PORT_VIEWS + 1; n++) {
		for (int i = 0; i < 20; i++)
			open_to(n, 5000, 5019);
		assert_int_equal(choose(towards(n, 5000, 5019)), 0);
	}
	assert_int_equal(destination_at(t, t->destination_last - 1)->view, 0);
	for (uint32_t i = 0; i < 256 * PORT_VIEWS; i++)
		assert_int_equal(choose(towards(PORT_VIEWS + 1, 5000, 5019)), 0);
	assert_int_equal(t->view_count, PORT_VIEWS);
	assert_int_not_equal(destination_at(t, t->destination_last - 1)->view, 0);
	for (uint32_t n = 1; n <= PORT_VIEWS; n++)
		assert_int_equal(choose(towards(n, 5000, 5019)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_port_comes_twice_in_a_round),
		CASE(rounds_differ),
		CASE(a_destination_forgotten_begins_anew),
		CASE(a_crowded_destination_gets_a_view),
		CASE(a_view_heeds_entries),
		CASE(a_tuple_that_yields_is_free),
		CASE(nothing_yields_to_another_clock),
		CASE(a_crowded_destination_is_chosen_for_evenly),
		CASE(never_full_while_one_is_free),
		CASE(without_a_view_the_choice_is_as_right),
		CASE(an_idle_view_gives_way_after_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
