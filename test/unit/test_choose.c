/* SPDX-License-Identifier: BSD-2-Clause */
/* Choosing a port: what is never taken, how even it is, and the last one. */
#include "unit/port_fixture.h"

static struct minato_endpoint remote;

static struct port_choice towards(const char *to, uint16_t port)
{
	remote.addr = addr(to);
	remote.port = port;
	return (struct port_choice){ .proto = TCP, .local = addr("10.0.0.1"), .remote = &remote };
}

static struct port_choice for_any(void)
{
	return (struct port_choice){ .proto = TCP, .local = addr("10.0.0.1") };
}

static struct port_choice within(struct port_choice c, uint16_t low, uint16_t high)
{
	c.low = low;
	c.high = high;
	return c;
}

static uint16_t choose(struct port_choice c)
{
	return port_choose(t, &c);
}

/* Chooses towards `remote` and takes it. */
static uint16_t connect_to(const char *to, uint16_t port, uint16_t low, uint16_t high)
{
	uint16_t local = choose(within(towards(to, port), low, high));

	if (local != 0)
		assert_true(insert(key_of(TCP, "10.0.0.1", local, to, port), local) >= 0);
	return local;
}

static void default_range_is_the_largest(void **state)
{
	uint16_t low = 65535, high = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint16_t port = choose(for_any());
		assert_true(port >= 1024);
		low = port < low ? port : low;
		high = port > high ? port : high;
	}
	assert_true(low < 1100 && high > 65400);
}

static void range_is_kept(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint16_t port = choose(within(for_any(), 5000, 5002));
		assert_true(port >= 5000 && port <= 5002);
	}
	assert_int_equal(choose(within(for_any(), 7, 7)), 7);
	assert_int_equal(choose(within(for_any(), 9, 8)), 0);
}

static void port_0_is_never_chosen(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(choose(within(for_any(), 0, 1)), 1);
}

/* Chi-square over 64 cells, 63 degrees of freedom: 103.4 is p = 0.001. */
static void choice_is_uniform_over_what_is_free(void **state)
{
	uint32_t count[128] = { 0 };
	double chi = 0, mean = 64000.0 / 64;

	(void)state;
	for (uint16_t i = 0; i < 128; i += 2)
		bind_claim(claim_of(TCP, "10.0.0.1", (uint16_t)(3000 + i)));
	for (int i = 0; i < 64000; i++)
		count[choose(within(for_any(), 3000, 3127)) - 3000]++;
	for (int i = 0; i < 128; i++) {
		if (i % 2 == 0)
			assert_int_equal(count[i], 0);
		else
			chi += (count[i] - mean) * (count[i] - mean) / mean;
	}
	assert_true(chi < 103.4);
}

static void successive_ports_are_unrelated(void **state)
{
	uint32_t near = 0;
	uint16_t last = choose(for_any());

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint16_t port = choose(for_any());
		near += port > last && port <= last + 16;
		last = port;
	}
	assert_true(near < 12); /* 1.2 expected */
}

static void claims_are_never_chosen(void **state)
{
	(void)state;
	bind_claim(claim_of(TCP, "10.0.0.1", 6000)); /* bound and closed */
	listen_on(TCP, "0.0.0.0", 6001);
	bind_claim(claim_of(UDP, "10.0.0.1", 6002));
	for (int i = 0; i < 100; i++)
		assert_int_equal(choose(within(for_any(), 6000, 6002)), 6002);
	assert_int_equal(choose(within(towards("10.0.0.2", 80), 6000, 6001)), 0);
}

static void forwards_are_never_chosen(void **state)
{
	struct minato_entry any_scope = entry_of(MINATO_KIND_FORWARD, 6004, 6004);

	(void)state;
	added(entry_of(MINATO_KIND_FORWARD, 6000, 6000));
	added(entry_of(MINATO_KIND_FORWARD, 6001, 6003));
	any_scope.scope = MINATO_SCOPE_ANY;
	added(any_scope);
	for (int i = 0; i < 100; i++)
		assert_int_equal(choose(within(for_any(), 6000, 6005)), 6005);
	assert_int_equal(choose(within(towards("10.0.0.2", 80), 6000, 6004)), 0);
}

static void uplinks_and_guards_do_not_hold_ports(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_UPLINK, 0, 0));
	added(entry_of(MINATO_KIND_UPLINK, 6000, 6000));
	added(entry_of(MINATO_KIND_GUARD, 6000, 6000));
	assert_int_equal(choose(within(for_any(), 6000, 6000)), 6000);
}

static void few_ports_outside_a_wide_range_are_found_evenly(void **state)
{
	uint32_t count[4] = { 0 };

	(void)state;
	added(entry_of(MINATO_KIND_FORWARD, 1000, 60000));
	added(entry_of(MINATO_KIND_FORWARD, 60005, 65535));
	for (int i = 0; i < 4000; i++) {
		uint16_t port = choose(for_any());
		assert_true(port >= 60001 && port <= 60004);
		count[port - 60001]++;
	}
	for (int i = 0; i < 4; i++)
		assert_true(count[i] > 850 && count[i] < 1150);
}

/* All ports lead elsewhere at another address: here they come as they would
   without that. */
static void a_range_at_another_address_is_no_hint(void **state)
{
	static bool seen[65536];
	uint32_t distinct = 0;

	(void)state;
	added(at_local(entry_of(MINATO_KIND_FORWARD, 0, 65535), "10.0.0.9", 128));
	for (int i = 0; i < 20000; i++) {
		const uint16_t port = choose(towards("10.0.0.2", 80));
		assert_true(port >= 1024);
		distinct += !seen[port];
		seen[port] = true;
	}
	assert_in_range(distinct, 16800, 17600); /* of 64,512 as dice fall */
}

static void forward_at_another_address_can_be_shared(void **state)
{
	(void)state;
	added(at_local(entry_of(MINATO_KIND_FORWARD, 6000, 6001), "10.0.0.9", 128));
	bind_claim(claim_of(TCP, "10.0.0.9", 6002));
	assert_int_not_equal(choose(within(towards("10.0.0.2", 80), 6000, 6001)), 0);
	assert_int_equal(choose(within(for_any(), 6002, 6002)), 6002);
}

/* Whoever watches one destination learns nothing of another: with the other's
   ports taken or not, the same ones come. */
static void destinations_know_nothing_of_each_other(void **state)
{
	uint16_t alone[300];

	(void)state;
	for (int i = 0; i < 300; i++)
		alone[i] = connect_to("10.0.0.3", 80, 7000, 7999);
	fixture_close();
	fixture_open(4096, 1024, &fixture_key);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(connect_to("10.0.0.3", 80, 7000, 7999), alone[i]);
		if (i > 0)
			connect_to("10.0.0.2", 80, 7000, 7999);
	}
}

static void each_destination_gets_every_port(void **state)
{
	static const char *const to[] = { "10.0.0.2", "10.0.0.3", "10.0.0.4" };

	(void)state;
	for (int d = 0; d < 3; d++) {
		for (int i = 0; i < 200; i++)
			assert_int_not_equal(connect_to(to[d], 443, 7000, 7199), 0);
		assert_int_equal(connect_to(to[d], 443, 7000, 7199), 0);
	}
	assert_int_not_equal(connect_to("10.0.0.2", 80, 7000, 7199), 0);
}

static void all_64512_are_found(void **state)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 0, "10.0.0.2", 80);

	(void)state;
	fixture_close();
	fixture_open(70000, 16, &fixture_key);
	for (uint32_t i = 0; i < 64512; i++) {
		key.local_port = choose(towards("10.0.0.2", 80));
		assert_int_not_equal(key.local_port, 0);
		assert_true(insert(key, i) >= 0);
	}
	assert_int_equal(choose(towards("10.0.0.2", 80)), 0);
	assert_int_not_equal(choose(towards("10.0.0.2", 81)), 0);
}

static void for_any_destination_no_connection_may_stand_there(void **state)
{
	(void)state;
	insert(key_of(TCP, "10.0.0.1", 7000, "10.0.0.2", 80), 1);
	insert(key_of(TCP, "10.0.0.9", 7001, "10.0.0.2", 80), 1);
	assert_int_equal(choose(within(for_any(), 7000, 7000)), 0);
	assert_int_equal(choose(within(for_any(), 7001, 7001)), 7001);
	assert_int_not_equal(choose(within(towards("10.0.0.3", 80), 7000, 7000)), 0);
}

static void chosen_port_can_be_bound(void **state)
{
	(void)state;
	insert(key_of(TCP, "10.0.0.9", 7001, "10.0.0.2", 80), 1);
	bind_claim(claim_of(TCP, "10.0.0.9", 7002));
	for (int i = 0; i < 3; i++) {
		uint16_t port = choose(within(for_any(), 7000, 7002));
		assert_true(bind_claim(claim_of(TCP, "10.0.0.1", port)) >= 0);
	}
	assert_int_equal(choose(within(for_any(), 7000, 7002)), 0);
}

static void wildcard_needs_a_port_unused_at_every_address(void **state)
{
	struct port_choice c = within(for_any(), 7000, 7001);

	(void)state;
	c.local = addr("::");
	bind_claim(claim_of(TCP, "10.0.0.9", 7000));
	insert(key_of(TCP, "fd00::1", 7001, "fd00::2", 80), 1);
	assert_int_equal(choose(c), 0);
	c.local = addr("0.0.0.0");
	assert_int_equal(choose(c), 7001);
}

static void freed_port_is_free_again(void **state)
{
	int64_t tuple = insert(key_of(TCP, "10.0.0.1", 7000, "10.0.0.2", 80), 1);

	(void)state;
	assert_int_equal(choose(within(towards("10.0.0.2", 80), 7000, 7000)), 0);
	port_tuple_remove(t, (uint32_t)tuple);
	assert_int_equal(choose(within(towards("10.0.0.2", 80), 7000, 7000)), 7000);
}

static void icmp_identifier_is_the_same_on_both_sides(void **state)
{
	struct port_choice c = within(towards("10.0.0.2", 0), 7000, 7000);

	(void)state;
	c.proto = ICMP;
	assert_int_equal(choose(c), 7000);
	insert(key_of(ICMP, "10.0.0.1", 7000, "10.0.0.2", 7000), 1);
	assert_int_equal(choose(c), 0);
	c = within(towards("10.0.0.3", 0), 7000, 7000);
	c.proto = ICMP;
	assert_int_equal(choose(c), 7000);
}

static void scopes_and_protocols_have_their_own_ports(void **state)
{
	struct port_choice c = within(for_any(), 7000, 7000);

	(void)state;
	bind_claim(claim_of(TCP, "0.0.0.0", 7000));
	assert_int_equal(choose(c), 0);
	c.scope = 1;
	assert_int_equal(choose(c), 7000);
	c.scope = 0;
	c.proto = UDP;
	assert_int_equal(choose(c), 7000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(default_range_is_the_largest),
		CASE(range_is_kept),
		CASE(port_0_is_never_chosen),
		CASE(choice_is_uniform_over_what_is_free),
		CASE(successive_ports_are_unrelated),
		CASE(claims_are_never_chosen),
		CASE(forwards_are_never_chosen),
		CASE(uplinks_and_guards_do_not_hold_ports),
		CASE(few_ports_outside_a_wide_range_are_found_evenly),
		CASE(a_range_at_another_address_is_no_hint),
		CASE(forward_at_another_address_can_be_shared),
		CASE(destinations_know_nothing_of_each_other),
		CASE(each_destination_gets_every_port),
		CASE(all_64512_are_found),
		CASE(for_any_destination_no_connection_may_stand_there),
		CASE(chosen_port_can_be_bound),
		CASE(wildcard_needs_a_port_unused_at_every_address),
		CASE(freed_port_is_free_again),
		CASE(icmp_identifier_is_the_same_on_both_sides),
		CASE(scopes_and_protocols_have_their_own_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
