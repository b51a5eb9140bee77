/* SPDX-License-Identifier: BSD-2-Clause */
/* What sockets bind, by Linux's rules of conflict. */
#include "unit/port_fixture.h"

/* Whether both can be bound, in this order. */
static bool together(struct port_claim a, struct port_claim b)
{
	int64_t first = bind_claim(a);
	int64_t second = bind_claim(b);

	assert_true(first >= 0);
	assert_true(second >= 0 || second == -EADDRINUSE);
	if (second >= 0)
		port_remove(t, (uint32_t)second);
	port_remove(t, (uint32_t)first);
	return second >= 0;
}

static struct port_claim reusing(struct port_claim claim, bool reuse_addr, bool reuse_port)
{
	claim.reuse_addr = reuse_addr;
	claim.reuse_port = reuse_port;
	return claim;
}

static struct port_claim v6_only(struct port_claim claim)
{
	claim.v6_only = true;
	return claim;
}

static void one_holder_per_port(void **state)
{
	uint32_t holder = 0;
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
	int64_t first = bind_claim(claim);

	(void)state;
	assert_int_equal(port_bind(t, &claim, &holder), -EADDRINUSE);
	assert_int_equal(holder, first);
	port_remove(t, (uint32_t)first);
	assert_true(port_bind(t, &claim, &holder) >= 0);
	assert_int_equal(holder, POOL_NONE);
}

static void different_addresses_share(void **state)
{
	(void)state;
	assert_true(together(claim_of(TCP, "10.0.0.1", 80), claim_of(TCP, "10.0.0.2", 80)));
	assert_true(together(claim_of(TCP, "fd00::1", 80), claim_of(TCP, "fd00::2", 80)));
	assert_true(together(claim_of(TCP, "10.0.0.1", 80), claim_of(TCP, "fd00::2", 80)));
}

static void different_protocols_scopes_and_ports_share(void **state)
{
	struct port_claim other = claim_of(TCP, "10.0.0.1", 80);

	(void)state;
	assert_true(together(claim_of(TCP, "10.0.0.1", 80), claim_of(UDP, "10.0.0.1", 80)));
	assert_true(together(claim_of(TCP, "10.0.0.1", 80), claim_of(TCP, "10.0.0.1", 81)));
	other.scope = 3;
	assert_true(together(claim_of(TCP, "10.0.0.1", 80), other));
}

/* Which pairs of addresses meet, in either order; rows and columns alike. */
static void address_matrix(void **state)
{
	static const char *const names[] = { "10.0.0.1", "0.0.0.0", "::", "::", "fd00::1" };
	static const bool meet[5][5] = {
		/* 4     any4   dual   v6only fd00::1 */
		{ true, true, true, false, false }, { true, true, true, false, false },
		{ true, true, true, true, true },   { false, false, true, true, true },
		{ false, false, true, true, true },
	};

	(void)state;
	for (int i = 0; i < 25; i++) {
		struct port_claim a = claim_of(i % 2 ? UDP : TCP, names[i / 5], 80);
		struct port_claim b = claim_of(i % 2 ? UDP : TCP, names[i % 5], 80);
		a.v6_only = i / 5 == 3;
		b.v6_only = i % 5 == 3;
		assert_int_equal(together(a, b), !meet[i / 5][i % 5]);
	}
}

static void v6_only_means_nothing_on_ipv4(void **state)
{
	(void)state;
	assert_false(
		together(v6_only(claim_of(TCP, "0.0.0.0", 80)), claim_of(TCP, "10.0.0.1", 80)));
}

static void reuse_addr_needs_both(void **state)
{
	static const uint8_t protos[] = { TCP, UDP };

	(void)state;
	for (int p = 0; p < 2; p++) {
		struct port_claim claim = claim_of(protos[p], "10.0.0.1", 80);
		assert_false(together(reusing(claim, true, false), claim));
		assert_false(together(claim, reusing(claim, true, false)));
		assert_true(together(reusing(claim, true, false), reusing(claim, true, false)));
	}
}

/* Whatever the other one is willing to share, before or after. */
static void exclusive_shares_with_nobody(void **state)
{
	static const char *const meeting[] = { "10.0.0.1", "0.0.0.0", "::" };

	(void)state;
	for (int i = 0; i < 12; i++) {
		struct port_claim other =
			reusing(claim_of(i & 1 ? TCP : UDP, meeting[i % 3], 80), true, true);
		struct port_claim alone =
			reusing(claim_of(other.proto, "10.0.0.1", 80), i & 2, i & 4);
		assert_int_equal(together(other, alone), (i & 2) || (i & 4));
		alone.exclusive = true;
		assert_false(together(alone, other));
		assert_false(together(other, alone));
	}
	struct port_claim alone = claim_of(TCP, "10.0.0.1", 80);
	alone.exclusive = true;
	assert_true(together(alone, claim_of(TCP, "10.0.0.2", 80)));
	assert_true(together(alone, claim_of(UDP, "10.0.0.1", 80)));
}

static void tcp_listener_bars_reuse_addr(void **state)
{
	struct port_claim claim = reusing(claim_of(TCP, "10.0.0.1", 80), true, false);
	uint32_t first = (uint32_t)bind_claim(claim);
	uint32_t second = (uint32_t)bind_claim(claim);

	(void)state;
	assert_int_equal(port_accepting(t, first, true), 0);
	assert_int_equal(bind_claim(claim), -EADDRINUSE);
	assert_int_equal(port_accepting(t, second, true), -EADDRINUSE);
	port_remove(t, first);
	assert_int_equal(port_accepting(t, second, true), 0);
}

static void udp_receiver_does_not_bar_reuse_addr(void **state)
{
	struct port_claim claim = reusing(claim_of(UDP, "10.0.0.1", 53), true, false);
	uint32_t first = (uint32_t)bind_claim(claim);

	(void)state;
	assert_int_equal(port_accepting(t, first, true), 0);
	uint32_t second = (uint32_t)bind_claim(claim);
	assert_int_equal(port_accepting(t, second, true), 0);
}

static void reuse_port_needs_both_and_one_owner(void **state)
{
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
	struct port_claim stranger = reusing(claim, false, true);

	(void)state;
	assert_true(together(reusing(claim, false, true), reusing(claim, false, true)));
	assert_false(together(reusing(claim, false, true), claim));
	stranger.uid = 2000;
	assert_false(together(reusing(claim, false, true), stranger));
}

static void reuse_port_listeners_listen_together(void **state)
{
	struct port_claim claim = reusing(claim_of(TCP, "::", 80), false, true);
	uint32_t first = (uint32_t)bind_claim(claim);

	(void)state;
	assert_int_equal(port_accepting(t, first, true), 0);
	uint32_t second = (uint32_t)bind_claim(claim);
	assert_int_equal(port_accepting(t, second, true), 0);
}

static void flags_can_change_after_bind(void **state)
{
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
	uint32_t first = (uint32_t)bind_claim(claim);
	struct port_claim back;

	(void)state;
	claim.reuse_addr = true;
	assert_int_equal(bind_claim(claim), -EADDRINUSE);
	port_claim_reuse(t, first, true, false);
	assert_true(bind_claim(claim) >= 0);
	assert_true(port_entry_claim(t, first, &back));
	assert_true(back.reuse_addr);
}

static void connections_left_behind_bar_a_bind(void **state)
{
	struct port_claim claim = claim_of(TCP, "0.0.0.0", 80);
	uint32_t holder = 0;

	(void)state;
	insert(key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 999), 1);
	assert_int_equal(port_bind(t, &claim, &holder), -EADDRINUSE);
	assert_int_equal(holder, POOL_NONE);
	claim.reuse_addr = true;
	assert_true(port_bind(t, &claim, &holder) >= 0);
}

static void connections_at_another_address_do_not_bar(void **state)
{
	(void)state;
	insert(key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 999), 1);
	insert(key_of(TCP, "fd00::1", 80, "fd00::2", 999), 1);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.2", 80)) >= 0);
	assert_int_equal(bind_claim(claim_of(TCP, "fd00::1", 80)), -EADDRINUSE);
}

static void connections_elsewhere_do_not_bar(void **state)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 999);

	(void)state;
	key.scope = 1;
	insert(key, 1);
	key.scope = 0;
	key.proto = UDP;
	insert(key, 1);
	key.proto = TCP;
	key.local_port = 81;
	insert(key, 1);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 80)) >= 0);
}

static void exclusive_connection_bars_even_reuse_addr(void **state)
{
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 999);
	struct port_claim claim = reusing(claim_of(TCP, "10.0.0.1", 80), true, false);
	int64_t tuple = port_tuple_insert(t, &key, (struct port_tuple_ref){ .exclusive = true });

	(void)state;
	assert_int_equal(bind_claim(claim), -EADDRINUSE);
	port_tuple_remove(t, (uint32_t)tuple);
	assert_true(bind_claim(claim) >= 0);
}

static void group_goes_on_over_its_connections(void **state)
{
	struct port_claim claim = reusing(claim_of(TCP, "0.0.0.0", 80), false, true);

	(void)state;
	assert_true(bind_claim(claim) >= 0);
	insert(key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 999), 1);
	assert_true(bind_claim(claim) >= 0);
}

static void forward_of_the_same_key_bars(void **state)
{
	uint32_t holder;
	struct port_claim claim = claim_of(TCP, "10.0.0.1", 80);
	uint32_t forward = added(at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 128));

	(void)state;
	assert_int_equal(port_bind(t, &claim, &holder), -EADDRINUSE);
	assert_int_equal(holder, forward);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.2", 80)) >= 0);
}

static void wider_entries_give_way_to_a_claim(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_UPLINK, 0, 0));
	added(entry_of(MINATO_KIND_FORWARD, 1, 65535));
	added(entry_of(MINATO_KIND_GUARD, 80, 80));
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 80)) >= 0);
}

static void claim_reads_back(void **state)
{
	struct port_claim claim = claim_of(UDP, "fd00::7", 5353);
	struct port_claim back;
	uint32_t entry;

	(void)state;
	claim.scope = 9;
	claim.owner = 41;
	claim.user = 42;
	claim.reuse_addr = true;
	entry = (uint32_t)bind_claim(claim);
	assert_true(port_entry_claim(t, entry, &back));
	assert_int_equal(back.scope, 9);
	assert_int_equal(back.proto, UDP);
	assert_int_equal(back.port, 5353);
	assert_int_equal(back.owner, 41);
	assert_int_equal(back.user, 42);
	assert_int_equal(back.uid, 1000);
	assert_true(back.reuse_addr);
	assert_true(minato_addr_equal(&back.local, &claim.local));
}

static void full_table_says_so(void **state)
{
	(void)state;
	fixture_close();
	fixture_open(16, 2, &fixture_key);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 1)) >= 0);
	assert_true(bind_claim(claim_of(TCP, "10.0.0.1", 2)) >= 0);
	assert_int_equal(bind_claim(claim_of(TCP, "10.0.0.1", 3)), -ENOSPC);
	assert_int_equal(bind_claim(claim_of(TCP, "10.0.0.1", 2)), -EADDRINUSE);
}

static void all_ports_can_be_claimed(void **state)
{
	(void)state;
	fixture_close();
	fixture_open(16, 2 * 65535, &fixture_key);
	for (uint32_t port = 1; port < 65536; port++) {
		assert_true(bind_claim(claim_of(TCP, "0.0.0.0", (uint16_t)port)) >= 0);
		assert_true(bind_claim(claim_of(UDP, "0.0.0.0", (uint16_t)port)) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_holder_per_port),
		CASE(different_addresses_share),
		CASE(different_protocols_scopes_and_ports_share),
		CASE(address_matrix),
		CASE(v6_only_means_nothing_on_ipv4),
		CASE(reuse_addr_needs_both),
		CASE(exclusive_shares_with_nobody),
		CASE(tcp_listener_bars_reuse_addr),
		CASE(udp_receiver_does_not_bar_reuse_addr),
		CASE(reuse_port_needs_both_and_one_owner),
		CASE(reuse_port_listeners_listen_together),
		CASE(flags_can_change_after_bind),
		CASE(connections_left_behind_bar_a_bind),
		CASE(connections_at_another_address_do_not_bar),
		CASE(connections_elsewhere_do_not_bar),
		CASE(exclusive_connection_bars_even_reuse_addr),
		CASE(group_goes_on_over_its_connections),
		CASE(forward_of_the_same_key_bars),
		CASE(wider_entries_give_way_to_a_claim),
		CASE(claim_reads_back),
		CASE(full_table_says_so),
		CASE(all_ports_can_be_claimed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
