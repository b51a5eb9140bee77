/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands on each port, as numbers; the union of ranges. */
#include "unit/port_fixture.h"

static uint32_t tcp_space(void)
{
	return port_space_index(0, port_slot(TCP));
}

static bool is_unused(uint16_t port)
{
	return bitmap_free(&ledger_synced(t, tcp_space())->unused, port);
}

static bool is_open(uint16_t port)
{
	return bitmap_free(&ledger_synced(t, tcp_space())->open, port);
}

static void tuples_use_and_entries_hold(void **state)
{
	int64_t tuple, claim;

	(void)state;
	tuple = insert(key_of(TCP, "10.0.0.1", 4000, "10.0.0.2", 80), 1);
	claim = bind_claim(claim_of(TCP, "10.0.0.9", 4001));
	assert_true(!is_unused(4000) && is_open(4000));
	assert_true(!is_unused(4001) && !is_open(4001));
	assert_true(ledger_has_tuples(t, tcp_space(), 4000));
	assert_false(ledger_has_tuples(t, tcp_space(), 4001));
	port_tuple_remove(t, (uint32_t)tuple);
	port_remove(t, (uint32_t)claim);
	assert_true(is_unused(4000) && is_open(4000));
	assert_true(is_unused(4001) && is_open(4001));
}

static void ranges_shut_and_reopen(void **state)
{
	uint32_t one = added(entry_of(MINATO_KIND_FORWARD, 4000, 4999));
	uint32_t two = added(entry_of(MINATO_KIND_RESERVED, 4500, 5500));
	int64_t tuple = insert(key_of(TCP, "10.0.0.1", 4600, "10.0.0.2", 80), 1);
	int64_t claim = bind_claim(claim_of(TCP, "10.0.0.9", 4601));

	(void)state;
	assert_true(is_open(3999) && !is_open(4000) && !is_open(5500) && is_open(5501));
	port_remove(t, one);
	assert_true(is_open(4000) && is_unused(4499) && !is_open(4500));
	port_remove(t, two);
	assert_true(is_open(4600) && !is_unused(4600));
	assert_true(!is_open(4601) && !is_unused(4601));
	port_remove(t, (uint32_t)claim);
	port_tuple_remove(t, (uint32_t)tuple);
	assert_int_equal(ledger_synced(t, tcp_space())->open.total, 65536);
	assert_int_equal(ledger_synced(t, tcp_space())->unused.total, 65536);
}

static void what_goes_inside_a_range_stays_shut(void **state)
{
	uint32_t range = added(entry_of(MINATO_KIND_RESERVED, 4000, 4999));
	int64_t claim;

	(void)state;
	assert_false(is_open(4100));
	claim = bind_claim(claim_of(TCP, "10.0.0.9", 4100));
	port_remove(t, (uint32_t)claim);
	assert_true(!is_open(4100) && !is_unused(4100));
	port_remove(t, range);
	assert_true(is_open(4100) && is_unused(4100));
}

static void uplinks_and_guards_are_no_ranges(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_UPLINK, 4000, 4999));
	added(entry_of(MINATO_KIND_GUARD, 4000, 4999));
	assert_true(is_open(4500));
}

/* Thousands of ranges, in any order, against a plain array. */
static void the_union_is_right(void **state)
{
	static uint8_t covered[65536];
	uint32_t dice = 12345, wrong = 0;

	(void)state;
	fixture_close();
	fixture_open(64, 8192, &fixture_key);
	for (int i = 0; i < 4000; i++) {
		struct minato_entry e = entry_of(MINATO_KIND_FORWARD, 0, 0);
		dice = dice * 1664525 + 1013904223;
		e.first = (uint16_t)(1 + (dice >> 8) % 60000);
		e.last = (uint16_t)(e.first + 1 + (dice >> 24) % (i % 40 == 0 ? 200 : 5));
		if (i % 3 == 0)
			e.scope = MINATO_SCOPE_ANY;
		if (add(e) >= 0)
			memset(covered + e.first, 1, (size_t)(e.last - e.first) + 1);
	}
	for (uint32_t p = 1; p < 65536; p++)
		wrong += is_open((uint16_t)p) == (covered[p] != 0);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(tuples_use_and_entries_hold),
		CASE(ranges_shut_and_reopen),
		CASE(what_goes_inside_a_range_stays_shut),
		CASE(uplinks_and_guards_are_no_ranges),
		CASE(the_union_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
