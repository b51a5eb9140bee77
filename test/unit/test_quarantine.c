/* SPDX-License-Identifier: BSD-2-Clause */
/* Freed ports at rest: for how long, in whose way, and the oldest first. */
#include "unit/port_fixture.h"

#define UNTIL ((struct minato_time){ 120 })

static struct minato_endpoint remote;

static struct port_choice towards(const char *to, uint16_t low, uint16_t high)
{
	remote = (struct minato_endpoint){ addr(to), 80 };
	return (struct port_choice){
		.proto = TCP,
		.local = addr("10.0.0.1"),
		.remote = &remote,
		.low = low,
		.high = high,
	};
}

static uint16_t choose(const char *to, uint16_t low, uint16_t high)
{
	const struct port_choice c = towards(to, low, high);

	return port_choose(t, &c);
}

static uint16_t choose_any(uint16_t low, uint16_t high)
{
	struct port_choice c = towards("10.0.0.2", low, high);

	c.remote = NULL;
	return port_choose(t, &c);
}

static uint32_t take(const char *to, uint16_t port)
{
	const int64_t tuple = insert(key_of(TCP, "10.0.0.1", port, to, 80), port);

	assert_true(tuple >= 0);
	return (uint32_t)tuple;
}

static void rest(const char *to, uint16_t port, int64_t until_ns)
{
	port_tuple_rest(t, take(to, port), (struct minato_time){ until_ns });
}

static void it_is_chosen_last(void **state)
{
	(void)state;
	rest("10.0.0.2", 5000, 120);
	for (int i = 0; i < 50; i++)
		assert_int_equal(choose("10.0.0.2", 5000, 5001), 5001);
	/* Another destination is not concerned. */
	assert_int_equal(choose("10.0.0.3", 5000, 5000), 5000);
}

/* Though somebody holds the port at another address. */
static void it_is_chosen_where_others_hold_the_port(void **state)
{
	(void)state;
	rest("10.0.0.2", 5000, 120);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.9", 5000)) >= 0);
	assert_int_equal(choose("10.0.0.2", 5000, 5000), 5000);
	rest("10.0.0.2", 5000, 120);
	assert_int_equal(choose_any(5000, 5000), 5000);
}

static void it_ends_in_time(void **state)
{
	(void)state;
	rest("10.0.0.2", 5000, 120);
	rest("10.0.0.2", 5001, 130);
	port_rest_expire(t, (struct minato_time){ 119 });
	assert_int_equal(port_rest_count(t), 2);
	port_rest_expire(t, (struct minato_time){ 120 });
	assert_int_equal(port_rest_count(t), 1);
	assert_int_equal(port_tuple_count(t), 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(choose("10.0.0.2", 5000, 5001), 5000);
}

static void under_pressure_the_oldest_goes_first(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 20; i++) {
		rest("10.0.0.2", (uint16_t)(5000 + (i * 7) % 20), 120 + i);
		rest("10.0.0.3", (uint16_t)(5000 + i), 120 + i);
	}
	for (uint16_t i = 0; i < 20; i++) {
		assert_int_equal(choose("10.0.0.2", 5000, 5019), 5000 + (i * 7) % 20);
		take("10.0.0.2", (uint16_t)(5000 + (i * 7) % 20));
	}
	assert_int_equal(choose("10.0.0.2", 5000, 5019), 0);
	assert_int_equal(port_rest_count(t), 20); /* those of the other */
	/* What rests later is found behind all that. */
	struct port_key key = key_of(TCP, "10.0.0.1", 5004, "10.0.0.2", 80);
	struct port_tuple_ref ref;
	uint32_t tuple;
	assert_true(port_tuple_find(t, &key, &ref, &tuple));
	port_tuple_rest(t, tuple, (struct minato_time){ 200 });
	assert_int_equal(choose("10.0.0.2", 5000, 5019), 5004);
}

static void a_rest_in_another_range_is_not_forgotten(void **state)
{
	(void)state;
	rest("10.0.0.2", 5000, 120);
	rest("10.0.0.2", 6000, 120);
	assert_int_equal(choose("10.0.0.2", 6000, 6000), 6000);
	assert_int_equal(choose("10.0.0.2", 5000, 5000), 5000);
}

static void packets_pass_over_it(void **state)
{
	const struct port_key key = key_of(TCP, "10.0.0.1", 5000, "10.0.0.2", 80);

	(void)state;
	rest("10.0.0.2", 5000, 120);
	assert_false(look_up(key).exact);
	assert_int_equal(look_up(key).kind, MINATO_KIND_CLOSED);
	listen_on(TCP, "0.0.0.0", 5000);
	assert_int_equal(look_up(key).kind, MINATO_KIND_SOCKET);
}

static void who_names_the_port_gets_it(void **state)
{
	(void)state;
	rest("10.0.0.2", 5000, 120);
	take("10.0.0.2", 5000);
	assert_int_equal(port_rest_count(t), 0);
	rest("10.0.0.2", 5001, 120);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 5001)) >= 0);
}

static void a_ring_that_is_full_ends_the_oldest(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 65; i++)
		rest("10.0.0.2", (uint16_t)(5000 + i), 120);
	assert_int_equal(port_rest_count(t), 64);
	assert_int_equal(port_tuple_count(t), 64);
	for (int i = 0; i < 10; i++)
		assert_int_equal(choose("10.0.0.2", 5000, 5064), 5000);
}

static uint32_t lend(uint16_t port)
{
	struct port_claim claim = claim_of(TCP, "0.0.0.0", port);
	int64_t entry;

	claim.lent = true;
	entry = bind_claim(claim);
	assert_true(entry >= 0);
	return (uint32_t)entry;
}

static void a_lease_rests_for_all(void **state)
{
	(void)state;
	port_claim_rest(t, lend(5000), UNTIL);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(choose_any(5000, 5001), 5001);
		assert_int_equal(choose("10.0.0.2", 5000, 5001), 5001);
	}
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 5000)) >= 0);
	port_rest_expire(t, UNTIL);
	assert_int_equal(port_rest_count(t), 0);
}

static void a_claim_without_a_free_port_ends_rests(void **state)
{
	(void)state;
	port_claim_rest(t, lend(5001), UNTIL);
	rest("10.0.0.2", 5000, 120);
	rest("10.0.0.3", 5000, 120);
	bind_claim(claim_of(UDP, "10.0.0.1", 5000));
	assert_int_equal(choose_any(5000, 5001), 5001);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 5001)) >= 0);
	assert_int_equal(choose_any(5000, 5001), 5000);
	assert_int_equal(port_rest_count(t), 0);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 5000)) >= 0);
	assert_int_equal(choose_any(5000, 5001), 0);
}

static void without_room_nothing_rests(void **state)
{
	const struct port_limits none = { 64, 64, 0, 0, 0 };

	(void)state;
	fixture_close();
	fixture_size = port_bytes(&none);
	t = port_init(fixture_memory(fixture_size), &none, &fixture_key);
	rest("10.0.0.2", 5000, 120);
	port_claim_rest(t, lend(5001), UNTIL);
	assert_int_equal(port_tuple_count(t), 0);
	assert_int_equal(choose("10.0.0.2", 5000, 5000), 5000);
	assert_int_equal(choose_any(5001, 5001), 5001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_is_chosen_last),
		CASE(it_is_chosen_where_others_hold_the_port),
		CASE(it_ends_in_time),
		CASE(under_pressure_the_oldest_goes_first),
		CASE(a_rest_in_another_range_is_not_forgotten),
		CASE(packets_pass_over_it),
		CASE(who_names_the_port_gets_it),
		CASE(a_ring_that_is_full_ends_the_oldest),
		CASE(a_lease_rests_for_all),
		CASE(a_claim_without_a_free_port_ends_rests),
		CASE(without_room_nothing_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
