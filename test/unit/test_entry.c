/* SPDX-License-Identifier: BSD-2-Clause */
/* General entries: what is taken, what is refused, what it then covers. */
#include "unit/port_fixture.h"

static enum minato_kind kind_at(const char *local, uint16_t port)
{
	const char *remote = strchr(local, ':') != NULL ? "2001:db8::1" : "192.0.2.1";

	return look_up(key_of(TCP, local, port, remote, 50000)).kind;
}

static void wrong_entries_are_refused(void **state)
{
	struct minato_entry good = entry_of(MINATO_KIND_FORWARD, 80, 90);
	struct minato_entry e;

	(void)state;
	e = good;
	e.kind = MINATO_KIND_SOCKET;
	assert_int_equal(add(e), -EINVAL);
	e.kind = MINATO_KIND_CLOSED;
	assert_int_equal(add(e), -EINVAL);
	e = good;
	e.scope = 16;
	assert_int_equal(add(e), -EINVAL);
	e = good;
	e.proto = 2;
	assert_int_equal(add(e), -EINVAL);
	e = good;
	e.first = 91;
	assert_int_equal(add(e), -EINVAL);
	e = good;
	e.local_prefix = 129;
	assert_int_equal(add(e), -EINVAL);
	e = good;
	e.remote_prefix = 200;
	assert_int_equal(add(e), -EINVAL);
	e = good;
	e.target.port = 65526;
	assert_int_equal(add(e), -EINVAL);
	e.target.port = 65525;
	assert_true(add(e) >= 0);
}

static void address_without_prefix_is_refused(void **state)
{
	(void)state;
	assert_int_equal(add(at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 0)),
			 -EINVAL);
	assert_int_equal(add(from_remote(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 0)),
			 -EINVAL);
}

static void unknown_verdict_is_refused(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_GUARD, 80, 80);
	int bad = 9;

	(void)state;
	memcpy(&e.verdict, &bad, sizeof(bad));
	assert_int_equal(add(e), -EINVAL);
}

static void ports_zero_to_zero_are_any(void **state)
{
	struct minato_entry back;
	uint32_t entry = added(entry_of(MINATO_KIND_UPLINK, 0, 0));

	(void)state;
	port_get(t, entry, &back);
	assert_int_equal(back.first, 0);
	assert_int_equal(back.last, 65535);
	assert_int_equal(add(entry_of(MINATO_KIND_UPLINK, 0, 65535)), -EADDRINUSE);
}

static void range_ends_are_inside(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_FORWARD, 1000, 2000));
	assert_int_equal(kind_at("10.0.0.1", 999), MINATO_KIND_CLOSED);
	assert_int_equal(kind_at("10.0.0.1", 1000), MINATO_KIND_FORWARD);
	assert_int_equal(kind_at("10.0.0.1", 2000), MINATO_KIND_FORWARD);
	assert_int_equal(kind_at("10.0.0.1", 2001), MINATO_KIND_CLOSED);
}

static void prefixes_are_of_128_bits(void **state)
{
	(void)state;
	added(at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.77", 96 + 24));
	assert_int_equal(kind_at("10.0.0.1", 80), MINATO_KIND_FORWARD);
	assert_int_equal(kind_at("10.0.1.1", 80), MINATO_KIND_CLOSED);
	added(at_local(entry_of(MINATO_KIND_FORWARD, 81, 81), "fd00::", 16));
	assert_int_equal(kind_at("fd00:1::1", 81), MINATO_KIND_FORWARD);
	assert_int_equal(kind_at("fd01::1", 81), MINATO_KIND_CLOSED);
}

static void prefix_0_covers_both_families(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_FORWARD, 80, 80));
	assert_int_equal(kind_at("10.0.0.1", 80), MINATO_KIND_FORWARD);
	assert_int_equal(kind_at("fd00::1", 80), MINATO_KIND_FORWARD);
}

static void prefix_96_is_ipv4_only(void **state)
{
	(void)state;
	added(at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "0.0.0.0", 96));
	assert_int_equal(kind_at("10.0.0.1", 80), MINATO_KIND_FORWARD);
	assert_int_equal(kind_at("fd00::1", 80), MINATO_KIND_CLOSED);
}

static void remote_prefix_selects(void **state)
{
	(void)state;
	added(from_remote(entry_of(MINATO_KIND_FORWARD, 80, 80), "192.0.2.0", 120));
	assert_int_equal(look_up(key_of(TCP, "10.0.0.1", 80, "192.0.2.200", 1)).kind,
			 MINATO_KIND_FORWARD);
	assert_int_equal(look_up(key_of(TCP, "10.0.0.1", 80, "192.0.3.200", 1)).kind,
			 MINATO_KIND_CLOSED);
}

static void protocol_0_is_tcp_and_udp_not_icmp(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_UPLINK, 0, 0);
	uint32_t entry;

	(void)state;
	e.proto = 0;
	entry = added(e);
	assert_int_equal(look_up(key_of(TCP, "10.0.0.1", 9, "10.0.0.2", 9)).entry, entry);
	assert_int_equal(look_up(key_of(UDP, "10.0.0.1", 9, "10.0.0.2", 9)).entry, entry);
	assert_int_equal(look_up(key_of(ICMP, "10.0.0.1", 9, "10.0.0.2", 9)).kind,
			 MINATO_KIND_CLOSED);
	port_remove(t, entry);
	assert_int_equal(look_up(key_of(UDP, "10.0.0.1", 9, "10.0.0.2", 9)).kind,
			 MINATO_KIND_CLOSED);
}

static void icmp_has_its_own_uplink(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_UPLINK, 0, 0);

	(void)state;
	e.proto = ICMP;
	added(e);
	assert_int_equal(look_up(key_of(ICMP, "10.0.0.1", 9, "10.0.0.2", 9)).kind,
			 MINATO_KIND_UPLINK);
}

static void face_selects(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_FORWARD, 80, 80);
	struct port_key key = key_of(TCP, "10.0.0.1", 80, "10.0.0.2", 9);

	(void)state;
	e.face = 2;
	added(e);
	assert_int_equal(look_up(key).kind, MINATO_KIND_CLOSED);
	key.face = 2;
	assert_int_equal(look_up(key).kind, MINATO_KIND_FORWARD);
}

static void any_scope_counts_in_every_scope(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_GUARD, 23, 23);
	struct port_key key = key_of(TCP, "10.0.0.1", 23, "10.0.0.2", 9);

	(void)state;
	e.scope = MINATO_SCOPE_ANY;
	added(e);
	for (uint8_t scope = 0; scope < PORT_SCOPES; scope++) {
		key.scope = scope;
		assert_int_equal(look_up(key).kind, MINATO_KIND_GUARD);
	}
}

static struct port_fate forwarded(uint16_t first, uint16_t last, uint16_t target, uint16_t port)
{
	struct minato_entry e = entry_of(MINATO_KIND_FORWARD, first, last);
	struct port_fate fate;
	uint32_t entry;

	e.target.addr = addr("10.0.2.100");
	e.target.port = target;
	entry = added(e);
	fate = look_up(key_of(TCP, "10.0.0.1", port, "10.0.0.2", 9));
	port_remove(t, entry);
	return fate;
}

static void forward_translates(void **state)
{
	const struct minato_addr guest = addr("10.0.2.100");
	struct port_fate fate;

	(void)state;
	assert_int_equal(forwarded(8080, 8080, 80, 8080).target.port, 80);
	assert_int_equal(forwarded(8000, 8999, 18000, 8123).target.port, 18123);
	assert_int_equal(forwarded(8000, 8999, 0, 8123).target.port, 8123);
	assert_int_equal(forwarded(0, 0, 0, 443).target.port, 443);
	fate = forwarded(1, 2, 3, 2);
	assert_true(minato_addr_equal(&fate.target.addr, &guest));
}

static void same_key_is_taken(void **state)
{
	struct minato_entry e = at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 128);
	uint32_t first = added(e);
	uint32_t holder;

	(void)state;
	assert_int_equal(port_add(t, &e, &holder), -EADDRINUSE);
	assert_int_equal(holder, first);
	e.kind = MINATO_KIND_UPLINK;
	assert_int_equal(port_add(t, &e, &holder), -EADDRINUSE);
	e.proto = 0;
	assert_int_equal(port_add(t, &e, &holder), -EADDRINUSE);
	e.proto = UDP;
	assert_true(port_add(t, &e, &holder) >= 0);
	assert_int_equal(holder, POOL_NONE);
}

static void same_key_after_masking(void **state)
{
	(void)state;
	added(at_local(entry_of(MINATO_KIND_FORWARD, 80, 99), "10.0.0.1", 120));
	assert_int_equal(add(at_local(entry_of(MINATO_KIND_FORWARD, 80, 99), "10.0.0.2", 120)),
			 -EADDRINUSE);
}

/* They never compete: the default is asked last. */
static void default_and_forward_of_all_stand_together(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_UPLINK, 0, 0));
	added(entry_of(MINATO_KIND_FORWARD, 0, 0));
	assert_int_equal(kind_at("10.0.0.1", 80), MINATO_KIND_FORWARD);
}

static void other_keys_stand_beside(void **state)
{
	struct minato_entry e = at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 128);
	struct minato_entry other;

	(void)state;
	added(e);
	other = e;
	other.face = 1;
	assert_true(add(other) >= 0);
	other = e;
	other.scope = 1;
	assert_true(add(other) >= 0);
	other.scope = MINATO_SCOPE_ANY;
	assert_true(add(other) >= 0);
	other = e;
	other.last = 81;
	assert_true(add(other) >= 0);
	assert_true(add(from_remote(e, "192.0.2.0", 120)) >= 0);
	other = e;
	other.kind = MINATO_KIND_GUARD;
	assert_true(add(other) >= 0);
}

static void claim_of_the_same_key_holds_it(void **state)
{
	struct minato_entry e = at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 128);
	uint32_t claim = (uint32_t)bind_claim(claim_of(TCP, "10.0.0.1", 80));
	uint32_t holder;

	(void)state;
	assert_int_equal(port_add(t, &e, &holder), -EADDRINUSE);
	assert_int_equal(holder, claim);
}

static void reads_back_as_added(void **state)
{
	struct minato_entry e = from_remote(
		at_local(entry_of(MINATO_KIND_GUARD, 7, 9), "10.0.0.9", 120), "2001:db8::", 32);
	struct minato_entry back;

	(void)state;
	e.face = 5;
	e.user = 99;
	e.until_ns = 12345;
	e.verdict = MINATO_REFUSE;
	port_get(t, added(e), &back);
	assert_int_equal(back.kind, MINATO_KIND_GUARD);
	assert_int_equal(back.verdict, MINATO_REFUSE);
	assert_int_equal(back.face, 5);
	assert_int_equal(back.first, 7);
	assert_int_equal(back.last, 9);
	assert_int_equal(back.local_prefix, 120);
	assert_int_equal(back.remote_prefix, 32);
	assert_int_equal(back.user, 99);
	assert_int_equal(back.until_ns, 12345);
	e.local = addr("10.0.0.0");
	assert_true(minato_addr_equal(&back.local, &e.local));
}

static void generation_tells_an_index_used_again(void **state)
{
	uint32_t first = added(entry_of(MINATO_KIND_FORWARD, 1, 1));
	uint32_t generation = port_entry_generation(t, first);
	uint32_t second;

	(void)state;
	assert_true(port_entry_live(t, first));
	port_remove(t, first);
	assert_false(port_entry_live(t, first));
	second = added(entry_of(MINATO_KIND_FORWARD, 1, 1));
	assert_int_equal(second, first);
	assert_int_not_equal(port_entry_generation(t, second), generation);
	assert_int_equal(port_entry_hits(t, second), 0);
}

static void any_index_may_be_asked(void **state)
{
	struct port_claim claim;

	(void)state;
	assert_false(port_entry_live(t, 0));
	assert_false(port_entry_live(t, 1023));
	assert_false(port_entry_live(t, 1024));
	assert_false(port_entry_live(t, POOL_NONE));
	assert_false(port_entry_claim(t, POOL_NONE, &claim));
	assert_int_equal(port_entry_generation(t, 1023), 0);
}

static void walk_visits_every_entry_once(void **state)
{
	uint32_t entries[50];
	uint32_t count = 0;

	(void)state;
	for (uint16_t i = 0; i < 50; i++)
		entries[i] = added(entry_of(MINATO_KIND_FORWARD, (uint16_t)(i + 1),
					    (uint16_t)(i + 1 + i % 3)));
	for (int i = 0; i < 50; i += 5)
		port_remove(t, entries[i]);
	for (uint32_t e = port_entry_next(t, 0); e != POOL_NONE; e = port_entry_next(t, e + 1)) {
		assert_true(port_entry_live(t, e));
		count++;
	}
	assert_int_equal(count, 40);
}

static void full_table_says_so(void **state)
{
	(void)state;
	fixture_close();
	fixture_open(16, 3, &fixture_key);
	for (uint16_t i = 1; i <= 3; i++)
		assert_true(add(entry_of(MINATO_KIND_FORWARD, i, i)) >= 0);
	assert_int_equal(add(entry_of(MINATO_KIND_FORWARD, 4, 4)), -ENOSPC);
	assert_int_equal(add(entry_of(MINATO_KIND_FORWARD, 3, 3)), -EADDRINUSE);
}

static void thousands_of_ranges_stay_exact(void **state)
{
	(void)state;
	fixture_close();
	fixture_open(16, 8192, &fixture_key);
	for (uint32_t i = 0; i < 6000; i++) {
		struct minato_entry e = entry_of(MINATO_KIND_FORWARD, (uint16_t)(i * 10 + 1),
						 (uint16_t)(i * 10 + 8));
		e.user = i;
		added(e);
	}
	for (uint32_t i = 0; i < 6000; i++) {
		struct port_fate fate =
			look_up(key_of(TCP, "10.0.0.1", (uint16_t)(i * 10 + 4), "10.0.0.2", 9));
		assert_int_equal(fate.user, i);
		assert_int_equal(kind_at("10.0.0.1", (uint16_t)(i * 10 + 9)), MINATO_KIND_CLOSED);
	}
}

/* Under AddressSanitizer a stale index is found at the first touch. */
static void what_is_removed_is_poisoned(void **state)
{
	const uint32_t entry = added(entry_of(MINATO_KIND_FORWARD, 5000, 5999));
	const struct port_entry *e = entry_at(t, entry);
	const struct interval *node = &port_intervals(t)[2 * entry];

	(void)state;
#ifndef BASE_POISON
	skip();
#endif
	assert_false(poisoned(e) || poisoned(node));
	port_remove(t, entry);
	assert_true(poisoned(e) && poisoned(node));
	assert_int_equal(added(entry_of(MINATO_KIND_FORWARD, 5000, 5999)), entry);
	assert_false(poisoned(e) || poisoned(node));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(wrong_entries_are_refused),
		CASE(what_is_removed_is_poisoned),
		CASE(address_without_prefix_is_refused),
		CASE(unknown_verdict_is_refused),
		CASE(ports_zero_to_zero_are_any),
		CASE(range_ends_are_inside),
		CASE(prefixes_are_of_128_bits),
		CASE(prefix_0_covers_both_families),
		CASE(prefix_96_is_ipv4_only),
		CASE(remote_prefix_selects),
		CASE(protocol_0_is_tcp_and_udp_not_icmp),
		CASE(icmp_has_its_own_uplink),
		CASE(face_selects),
		CASE(any_scope_counts_in_every_scope),
		CASE(forward_translates),
		CASE(same_key_is_taken),
		CASE(same_key_after_masking),
		CASE(default_and_forward_of_all_stand_together),
		CASE(other_keys_stand_beside),
		CASE(claim_of_the_same_key_holds_it),
		CASE(reads_back_as_added),
		CASE(generation_tells_an_index_used_again),
		CASE(any_index_may_be_asked),
		CASE(walk_visits_every_entry_once),
		CASE(full_table_says_so),
		CASE(thousands_of_ranges_stay_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
