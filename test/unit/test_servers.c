/* SPDX-License-Identifier: BSD-2-Clause */
/* Servers behind one forward: shares by weight, and who leaves moves no other's clients. */
#include "unit/nat_fixture.h"

#define CLIENTS 20000u

static struct minato_server some[4];
static uint64_t group;

static void make(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		some[i] = (struct minato_server){
			.at = { minato_addr4(10, 0, 0, (uint8_t)(2 + i)), 80 }, .weight = 1
		};
	group = 0;
	assert_int_equal(nat_group_set(n, &group, some, count, false), 0);
}

static void set(uint32_t count)
{
	assert_int_equal(nat_group_set(n, &group, some, count, false), 0);
}

/* The last byte of the server's address; 0: none. */
static uint32_t chosen(uint32_t client)
{
	const struct minato_endpoint e = { minato_addr4(192, 0, (uint8_t)(client >> 8),
							(uint8_t)client),
					   (uint16_t)(1000 + client % 7) };
	const struct minato_server *s = servers_choose(n, servers_find(n, group), &e);

	return s != NULL ? s->at.addr.bytes[15] : 0;
}

static void shares_follow_weights(void **state)
{
	uint32_t count[8] = { 0 };

	(void)state;
	make(3);
	some[1].weight = 2;
	some[2].weight = 5;
	set(3);
	for (uint32_t i = 0; i < CLIENTS; i++)
		count[chosen(i)]++;
	assert_in_range(count[2], CLIENTS / 8 * 94 / 100, CLIENTS / 8 * 106 / 100);
	assert_in_range(count[3], CLIENTS / 4 * 94 / 100, CLIENTS / 4 * 106 / 100);
	assert_in_range(count[4], CLIENTS * 5 / 8 * 94 / 100, CLIENTS * 5 / 8 * 106 / 100);
}

static void who_leaves_moves_its_own_alone(void **state)
{
	static uint32_t before[CLIENTS];
	uint32_t moved = 0;

	(void)state;
	make(4);
	for (uint32_t i = 0; i < CLIENTS; i++)
		before[i] = chosen(i);
	some[1].weight = 0; /* draining */
	set(4);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		const uint32_t now = chosen(i);
		assert_int_not_equal(now, 3);
		if (before[i] != 3)
			assert_int_equal(now, before[i]);
		moved += before[i] == 3;
	}
	assert_in_range(moved, CLIENTS / 4 * 9 / 10, CLIENTS / 4 * 11 / 10);
	some[1].weight = 1;
	some[2].down = true;
	set(4);
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (before[i] != 4)
			assert_int_equal(chosen(i), before[i]);
	for (uint32_t i = 0; i < 4; i++)
		some[i].down = true;
	set(4);
	assert_int_equal(chosen(1), 0);
}

static void sticky_looks_at_the_address_alone(void **state)
{
	struct minato_endpoint client = end("192.0.2.1", 1);
	const struct minato_server *first;
	uint32_t others = 0;

	(void)state;
	make(4);
	first = servers_choose(n, servers_find(n, group), &client);
	for (uint16_t port = 2; port < 200; port++) {
		client.port = port;
		others += servers_choose(n, servers_find(n, group), &client) != first;
	}
	assert_true(others > 100);
	assert_int_equal(nat_group_set(n, &group, some, 4, true), 0);
	first = servers_choose(n, servers_find(n, group), &client);
	for (uint16_t port = 2; port < 200; port++) {
		client.port = port;
		assert_ptr_equal(servers_choose(n, servers_find(n, group), &client), first);
	}
}

static void a_forward_that_drains_keeps_its_flows(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 81, "0.0.0.0", 0);
	int64_t entry;

	(void)state;
	web.target = end("10.0.0.2", 8080);
	entry = add_entry(&web);
	assert_true(entry >= 0);
	assert_int_equal(in(TCP, end("192.0.2.5", 999), end(PUBLIC, 81), NAT_SYN), NAT_PASS);
	assert_true(nat_forward_drain(n, (uint32_t)entry, true));
	assert_int_equal(in(TCP, end("192.0.2.5", 999), end(PUBLIC, 81), NAT_ACK), NAT_PASS);
	assert_int_equal(way.dst.port, 8081);
	assert_int_equal(in(TCP, end("192.0.2.5", 998), end(PUBLIC, 81), NAT_SYN), NAT_NO_SERVER);
	assert_int_equal(counted(NAT_COUNT_NO_SERVER), 1);
	assert_true(nat_forward_drain(n, (uint32_t)entry, false));
	assert_int_equal(in(TCP, end("192.0.2.5", 998), end(PUBLIC, 81), NAT_SYN), NAT_PASS);
	assert_int_equal(way.dst.port, 8081);
}

static void flows_are_spread_and_stay(void **state)
{
	struct minato_entry web = forward_entry(TCP, 80, 80, "0.0.0.0", 0);
	struct minato_endpoint first;

	(void)state;
	make(4);
	web.target = (struct minato_endpoint){ 0 };
	web.group = group;
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(in(TCP, end("192.0.2.5", 999), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	first = way.dst;
	for (uint32_t i = 0; i < 4; i++)
		some[i].weight = minato_addr_equal(&some[i].at.addr, &first.addr) ? 0 : 1;
	set(4);
	assert_int_equal(in(TCP, end("192.0.2.5", 999), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_true(same_end(way.dst, first));
	for (uint16_t port = 1; port < 60; port++) {
		assert_int_equal(in(TCP, end("192.0.2.5", port), end(PUBLIC, 80), NAT_SYN),
				 NAT_PASS);
		assert_false(same_end(way.dst, first));
	}
	for (uint32_t i = 0; i < 4; i++)
		some[i].down = true;
	set(4);
	assert_int_equal(in(TCP, end("192.0.2.5", 77), end(PUBLIC, 80), NAT_SYN), NAT_NO_SERVER);
	assert_int_equal(counted(NAT_COUNT_NO_SERVER), 1);
	assert_int_equal(nat_group_remove(n, group), -EBUSY);
}

static void a_range_keeps_its_distances(void **state)
{
	struct minato_entry range = forward_entry(UDP, 5000, 5999, "0.0.0.0", 0);

	(void)state;
	make(1);
	some[0].at.port = 6000;
	set(1);
	range.target = (struct minato_endpoint){ 0 };
	range.group = group;
	assert_true(add_entry(&range) >= 0);
	assert_int_equal(in(UDP, end("192.0.2.5", 999), end(PUBLIC, 5005), 0), NAT_PASS);
	assert_int_equal(way.dst.port, 6005);
	range.first = 7000;
	range.last = 7009;
	range.many_to_one = true;
	assert_true(add_entry(&range) >= 0);
	assert_int_equal(in(UDP, end("192.0.2.5", 999), end(PUBLIC, 7005), 0), NAT_PASS);
	assert_int_equal(way.dst.port, 6000);
}

static void wrong_groups_are_refused(void **state)
{
	uint64_t none = 0, stale;

	(void)state;
	make(2);
	assert_int_equal(nat_group_set(n, &none, some, 0, false), -EINVAL);
	assert_int_equal(nat_group_set(n, &none, some, 65, false), -EINVAL);
	some[0].weight = 65536;
	assert_int_equal(nat_group_set(n, &none, some, 2, false), -EINVAL);
	some[0].weight = 1;
	some[0].at.addr = addr("2001:db8::1"); /* of two families */
	assert_int_equal(nat_group_set(n, &none, some, 2, false), -EINVAL);
	stale = group;
	assert_int_equal(nat_group_remove(n, group), 0);
	make(2);
	assert_int_equal(nat_group_remove(n, stale), -EBADF);
	assert_int_equal(nat_group_set(n, &stale, some, 2, false), -EBADF);
	assert_int_equal(nat_group_remove(n, group), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(shares_follow_weights),
		CASE(who_leaves_moves_its_own_alone),
		CASE(sticky_looks_at_the_address_alone),
		CASE(a_forward_that_drains_keeps_its_flows),
		CASE(flows_are_spread_and_stay),
		CASE(a_range_keeps_its_distances),
		CASE(wrong_groups_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
