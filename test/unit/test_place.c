/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a port where: what a bind meets, counted. */
#include "unit/port_fixture.h"

#define MANY 10000u

static struct port_claim at_number(uint32_t number)
{
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 443);

	claim.local = minato_addr4(10, 1, (uint8_t)(number >> 8), (uint8_t)number);
	return claim;
}

static void crowd(bool reuse_addr, bool reuse_port)
{
	fixture_close();
	fixture_open(16, MANY + 16, &fixture_key);
	for (uint32_t i = 0; i < MANY; i++) {
		struct port_claim claim = at_number(i);
		claim.reuse_addr = reuse_addr;
		claim.reuse_port = reuse_port;
		assert_true(bind_claim(claim) >= 0);
	}
}

/* Steps of a bind that comes to this. */
static uint64_t steps_of(struct port_claim claim, bool fits)
{
	const uint64_t before = t->steps;
	const int64_t entry = bind_claim(claim);

	assert_int_equal(entry >= 0, fits);
	if (entry < 0)
		assert_int_equal(entry, -EADDRINUSE);
	else
		port_remove(t, (uint32_t)entry);
	return t->steps - before;
}

static void a_bind_asks_few_places_however_many_there_are(void **state)
{
	struct port_claim any = claim_of(TCP, "0.0.0.0", 443);
	struct port_claim any6 = claim_of(TCP, "::", 443);

	(void)state;
	crowd(false, false);
	assert_true(steps_of(at_number(MANY), true) <= 64);
	assert_true(steps_of(at_number(17), false) <= 64);
	assert_true(steps_of(any, false) <= 64);
	assert_true(steps_of(any6, false) <= 64);
	any6.v6_only = true;
	assert_true(steps_of(any6, true) <= 64);
	crowd(true, true);
	any.reuse_addr = true;
	assert_true(steps_of(any, true) <= 64);
	any.reuse_addr = false;
	any.reuse_port = true;
	assert_true(steps_of(any, true) <= 64);
	any.uid = 1;
	assert_true(steps_of(any, false) <= 64);
}

/* A wildcard is barred until the last one goes, whichever it is. */
static void one_of_many_bars_the_wildcard(void **state)
{
	struct port_claim any = claim_of(TCP, "0.0.0.0", 443), hard = at_number(MANY);
	uint32_t holder;
	int64_t entry;

	(void)state;
	crowd(true, false);
	any.reuse_addr = true;
	steps_of(any, true);
	entry = bind_claim(hard);
	assert_true(entry >= 0);
	assert_int_equal(port_bind(t, &any, &holder), -EADDRINUSE);
	assert_int_equal(holder, entry);
	port_claim_reuse(t, (uint32_t)entry, true, false);
	steps_of(any, true);
	assert_int_equal(port_accepting(t, (uint32_t)entry, true), 0);
	steps_of(any, false);
	assert_int_equal(port_accepting(t, (uint32_t)entry, false), 0);
	steps_of(any, true);
}

static void a_listener_elsewhere_does_not_bar_a_listener(void **state)
{
	struct port_claim any = claim_of(TCP, "0.0.0.0", 443);
	int64_t wildcard;

	(void)state;
	crowd(true, false);
	any.reuse_addr = true;
	wildcard = bind_claim(any);
	assert_int_equal(port_accepting(t, 3, true), 0);
	assert_int_equal(port_accepting(t, 4, true), 0);
	assert_int_equal(port_accepting(t, (uint32_t)wildcard, true), -EADDRINUSE);
	assert_int_equal(port_accepting(t, 3, false), 0);
	assert_int_equal(port_accepting(t, 4, false), 0);
	assert_int_equal(port_accepting(t, (uint32_t)wildcard, true), 0);
	assert_int_equal(port_accepting(t, 3, true), -EADDRINUSE);
	/* Again is no change. */
	assert_int_equal(port_accepting(t, (uint32_t)wildcard, true), 0);
}

static void groups_are_of_one_user(void **state)
{
	struct port_claim claim = at_number(1);
	int64_t first;

	(void)state;
	claim.reuse_port = true;
	first = bind_claim(claim);
	assert_int_equal(port_accepting(t, (uint32_t)first, true), 0);
	steps_of(claim, true);
	claim.uid++;
	steps_of(claim, false);
	claim.uid--;
	claim.exclusive = true;
	steps_of(claim, false);
	claim.exclusive = false;
	claim.reuse_port = false;
	claim.reuse_addr = true;
	steps_of(claim, false);
}

/* The port is chosen for an address of ours that nobody has it at. */
static void ports_held_at_many_addresses_are_held_at_those_alone(void **state)
{
	struct minato_entry e = at_local(entry_of(MINATO_KIND_FORWARD, 443, 443), "10.2.0.0", 112);
	struct port_choice choice = { .proto = TCP, .low = 443, .high = 443 };
	uint64_t before;

	(void)state;
	crowd(false, false);
	added(e);
	before = t->steps;
	choice.local = addr("10.3.0.1");
	assert_int_equal(port_choose(t, &choice), 443);
	choice.local = addr("10.2.0.1");
	assert_int_equal(port_choose(t, &choice), 0);
	choice.local = at_number(77).local;
	assert_int_equal(port_choose(t, &choice), 0);
	choice.local = addr("0.0.0.0");
	assert_int_equal(port_choose(t, &choice), 0);
	choice.local = addr("2001:db8::1");
	assert_int_equal(port_choose(t, &choice), 443);
	assert_true(t->steps - before <= 128);
}

static void what_rests_bars_no_bind_but_a_choice(void **state)
{
	struct port_choice choice = {
		.proto = TCP, .local = addr("10.1.0.1"), .low = 443, .high = 444
	};
	const int64_t entry = bind_claim(at_number(1));

	(void)state;
	port_claim_rest(t, (uint32_t)entry, (struct minato_time){ 100 });
	steps_of(at_number(1), true);
	steps_of(claim_of(TCP, "0.0.0.0", 443), true);
	for (int i = 0; i < 20; i++)
		assert_int_equal(port_choose(t, &choice), 444);
	port_rest_expire(t, (struct minato_time){ 100 });
	assert_int_equal(t->cells.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_bind_asks_few_places_however_many_there_are),
		CASE(one_of_many_bars_the_wildcard),
		CASE(a_listener_elsewhere_does_not_bar_a_listener),
		CASE(groups_are_of_one_user),
		CASE(ports_held_at_many_addresses_are_held_at_those_alone),
		CASE(what_rests_bars_no_bind_but_a_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
