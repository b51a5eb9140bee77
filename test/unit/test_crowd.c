/* SPDX-License-Identifier: BSD-2-Clause */
/* What binds are told of the tuples on a port, and that it costs no walk. */
#include <time.h>

#include "unit/port_fixture.h"

static int64_t insert_exclusive(struct port_key key, bool exclusive)
{
	const struct port_tuple_ref ref = { .exclusive = exclusive };

	return port_tuple_insert(t, &key, ref);
}

static bool binds(const char *local, uint16_t port, bool reuse_addr)
{
	struct port_claim claim = claim_of(TCP, local, port);
	int64_t entry;

	claim.reuse_addr = reuse_addr;
	entry = bind_claim(claim);
	if (entry < 0)
		return false;
	port_remove(t, (uint32_t)entry);
	return true;
}

static void wildcards_meet_their_family(void **state)
{
	int64_t four, six;

	(void)state;
	four = insert(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 7), 1);
	six = insert(key_of(TCP, "fd00::1", 81, "fd00::2", 7), 1);
	assert_false(binds("0.0.0.0", 80, false));
	assert_false(binds("::", 80, false));
	assert_true(binds("0.0.0.0", 81, false));
	assert_false(binds("::", 81, false));
	port_tuple_remove(t, (uint32_t)four);
	port_tuple_remove(t, (uint32_t)six);
	assert_true(binds("::", 80, false));
	assert_true(binds("::", 81, false));
}

static void v6_only_wildcard_leaves_ipv4_connections(void **state)
{
	struct port_claim claim = claim_of(TCP, "::", 80);

	(void)state;
	insert(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 7), 1);
	claim.v6_only = true;
	assert_true(bind_claim(claim) >= 0);
}

static void other_addresses_are_told_apart(void **state)
{
	int64_t last;

	(void)state;
	insert(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 7), 1);
	assert_true(binds("10.0.0.9", 80, false));
	assert_false(binds("10.0.0.1", 80, false));
	/* Several local addresses. */
	last = insert(key_of(TCP, "10.0.0.3", 80, "10.0.0.2", 7), 1);
	assert_true(binds("10.0.0.9", 80, false));
	assert_false(binds("10.0.0.1", 80, false));
	assert_false(binds("10.0.0.3", 80, false));
	port_tuple_remove(t, (uint32_t)last);
	assert_true(binds("10.0.0.3", 80, false));
}

static void only_exclusive_ones_bar_reuse(void **state)
{
	int64_t tuple;

	(void)state;
	insert_exclusive(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 7), false);
	assert_true(binds("0.0.0.0", 80, true));
	assert_false(binds("0.0.0.0", 80, false));
	tuple = insert_exclusive(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 8), true);
	assert_false(binds("0.0.0.0", 80, true));
	port_tuple_assign(t, (uint32_t)tuple, (struct port_tuple_ref){ .owner = 1 });
	assert_true(binds("0.0.0.0", 80, true));
	port_tuple_assign(t, (uint32_t)tuple, (struct port_tuple_ref){ .exclusive = true });
	assert_false(binds("10.0.0.1", 80, true));
	port_tuple_remove(t, (uint32_t)tuple);
	assert_true(binds("10.0.0.1", 80, true));
}

static void associations_are_no_crowd(void **state)
{
	(void)state;
	insert(key_of(UDP, "0.0.0.0", 0, "10.0.0.2", 7), 1);
	assert_true(bind_claim(claim_of(UDP, "0.0.0.0", 7)) >= 0);
}

/* With 2^17 tuples of four ports, 2^16 binds: by a walk they would take some
   hundred seconds. */
static void binds_do_not_walk_the_tuples(void **state)
{
	const clock_t begin = clock();

	(void)state;
	fixture_close();
	fixture_open(1u << 17, 16, &fixture_key);
	for (uint32_t i = 0; i < 1u << 17; i++) {
		struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", (uint16_t)i);
		key.local_port = (uint16_t)(80 + i % 4);
		key.remote.bytes[13] = (uint8_t)(i >> 16);
		assert_true(insert(key, i) >= 0);
	}
	for (uint32_t i = 0; i < 1u << 14; i++) {
		assert_false(binds("0.0.0.0", 80, false));
		assert_false(binds("10.0.0.1", 81, false));
		assert_true(binds("10.0.0.9", 82, false));
		assert_true(binds("0.0.0.0", 83, true));
	}
	assert_true(clock() - begin < 20 * CLOCKS_PER_SEC);
}

/* Two hundred addresses of ours on each of three ports. */
static struct port_key key_of_many(uint32_t i)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 7);

	key.local_port = (uint16_t)(80 + i % 3);
	key.local.bytes[14] = (uint8_t)(i / 3 % 200);
	key.remote_port = (uint16_t)(1 + i / 600);
	return key;
}

static void each_address_is_counted_by_itself(void **state)
{
	static int64_t tuple[1800];
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);

	(void)state;
	for (uint32_t i = 0; i < 1800; i++)
		tuple[i] = insert(key_of_many(i), i);
	assert_int_equal(t->parts.used, 600);
	/* Those of one address and port go one by one. */
	claim.local = key_of_many(33).local;
	claim.port = key_of_many(33).local_port;
	for (uint32_t i = 33; i < 1800; i += 600) {
		assert_int_equal(bind_claim(claim), -EADDRINUSE);
		port_tuple_remove(t, (uint32_t)tuple[i]);
	}
	assert_int_equal(t->parts.used, 599);
	assert_true(bind_claim(claim) >= 0);
	for (uint32_t i = 0; i < 1800; i++) {
		if (i % 600 != 33)
			port_tuple_remove(t, (uint32_t)tuple[i]);
	}
	assert_int_equal(t->parts.used, 0);
	/* And once more from the start. */
	insert(key_of_many(0), 1);
	assert_int_equal(t->parts.used, 0);
	assert_true(binds("10.0.7.1", 80, false));
	assert_false(binds("10.0.0.1", 80, false));
}

static void what_rests_keeps_its_port_from_choices_at_its_address(void **state)
{
	struct port_choice choice = { .proto = TCP, .low = 80, .high = 80 };
	const int64_t first = insert(key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 7), 1);
	const int64_t second = insert(key_of(TCP, "10.0.0.3", 80, "10.0.0.2", 7), 1);

	(void)state;
	port_tuple_rest(t, (uint32_t)first, (struct minato_time){ 9 });
	assert_true(binds("10.0.0.1", 80, false));
	assert_false(binds("10.0.0.3", 80, false));
	choice.local = addr("10.0.0.1");
	assert_false(port_vacant(t, &choice, 80));
	choice.local = addr("10.0.0.3");
	assert_false(port_vacant(t, &choice, 80));
	choice.local = addr("10.0.0.9");
	assert_true(port_vacant(t, &choice, 80));
	assert_int_equal(port_choose(t, &choice), 80);
	port_rest_expire(t, (struct minato_time){ 9 });
	choice.local = addr("10.0.0.1");
	assert_true(port_vacant(t, &choice, 80));
	assert_int_equal(port_choose(t, &choice), 80);
	port_tuple_remove(t, (uint32_t)second);
}

/* Each port has a tuple at one of our two addresses, the last at none. */
static void a_choice_for_any_destination_asks_the_ports(void **state)
{
	struct port_choice choice = { .proto = TCP, .local = addr("10.0.0.1"), .alone = true };
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 7);

	(void)state;
	fixture_close();
	fixture_open(1u << 17, 16, &fixture_key);
	for (uint32_t port = 1024; port < 65536; port++) {
		key.local_port = (uint16_t)port;
		key.local.bytes[15] = port == 40000 ? 2 : 1;
		insert(key, 1);
		key.remote_port = 8;
		insert(key, 1);
		key.remote_port = 7;
	}
	assert_int_equal(port_choose(t, &choice), 40000);
	choice.local = addr("10.0.0.2");
	for (int i = 0; i < 50; i++) {
		const uint16_t port = port_choose(t, &choice);
		assert_true(port >= 1024 && port != 40000);
	}
	choice.local = addr("0.0.0.0");
	assert_int_equal(port_choose(t, &choice), 0);
	choice.local = addr("::");
	assert_int_equal(port_choose(t, &choice), 0);
	choice.local = addr("fd00::1");
	assert_true(port_choose(t, &choice) >= 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(wildcards_meet_their_family),
		CASE(v6_only_wildcard_leaves_ipv4_connections),
		CASE(other_addresses_are_told_apart),
		CASE(only_exclusive_ones_bar_reuse),
		CASE(associations_are_no_crowd),
		CASE(binds_do_not_walk_the_tuples),
		CASE(each_address_is_counted_by_itself),
		CASE(what_rests_keeps_its_port_from_choices_at_its_address),
		CASE(a_choice_for_any_destination_asks_the_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
