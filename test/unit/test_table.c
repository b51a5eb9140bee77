/* SPDX-License-Identifier: BSD-2-Clause */
/* Look-up: the precedence, and that a byte copy of the table is the table. */
#include <time.h>

#include "unit/port_fixture.h"

static struct port_key syn(const char *local, uint16_t port)
{
	return key_of(TCP, local, port, "192.0.2.1", 50000);
}

static void empty_table_says_closed(void **state)
{
	struct port_fate fate = look_up(syn("10.0.0.1", 80));

	(void)state;
	assert_int_equal(fate.kind, MINATO_KIND_CLOSED);
	assert_int_equal(fate.verdict, MINATO_REFUSE);
	assert_int_equal(fate.entry, POOL_NONE);
	assert_false(fate.exact);
}

static void closed_for_every_protocol_and_edge(void **state)
{
	static const uint8_t protos[] = { TCP, UDP, ICMP };
	static const uint16_t ports[] = { 0, 1, 1023, 1024, 49151, 49152, 65535 };

	(void)state;
	for (int p = 0; p < 3; p++) {
		for (int i = 0; i < 7; i++) {
			struct port_key key = key_of(protos[p], "fd00::1", ports[i], "fd00::2", 1);
			assert_int_equal(look_up(key).kind, MINATO_KIND_CLOSED);
		}
	}
}

/* It says so only where whatever could be met is looked at. */
static void closed_at_once_is_closed(void **state)
{
	const struct port_key key = syn("10.0.0.1", 80);
	const struct port_key other = key_of(UDP, "10.0.0.1", 80, "192.0.2.1", 50000);
	static const enum minato_kind kinds[] = { MINATO_KIND_GUARD, MINATO_KIND_UPLINK };

	(void)state;
	assert_true(port_lookup_closed(t, &key));
	for (uint32_t i = 0; i < 4; i++) {
		struct minato_entry e = entry_of(kinds[i / 2], 0, 0);
		uint32_t entry;
		e.scope = i % 2 ? MINATO_SCOPE_ANY : 0;
		e.proto = TCP;
		entry = added(e);
		assert_false(port_lookup_closed(t, &key));
		assert_true(port_lookup_closed(t, &other));
		port_remove(t, entry);
		assert_true(port_lookup_closed(t, &key));
	}
	insert(key_of(TCP, "0.0.0.0", 0, "192.0.2.9", 9), 1); /* an association */
	assert_false(port_lookup_closed(t, &key));
	assert_true(port_lookup_closed(t, &other));
}

static void exact_tuple_goes_before_guard(void **state)
{
	(void)state;
	added(entry_of(MINATO_KIND_GUARD, 0, 0));
	insert(syn("10.0.0.1", 80), 5);
	assert_true(look_up(syn("10.0.0.1", 80)).exact);
	assert_int_equal(look_up(syn("10.0.0.1", 81)).kind, MINATO_KIND_GUARD);
}

static void guard_goes_before_listener(void **state)
{
	struct port_fate fate;

	(void)state;
	listen_on(TCP, "10.0.0.1", 80);
	added(entry_of(MINATO_KIND_GUARD, 0, 0));
	fate = look_up(syn("10.0.0.1", 80));
	assert_int_equal(fate.kind, MINATO_KIND_GUARD);
	assert_int_equal(fate.verdict, MINATO_DROP);
}

static void guard_is_for_new_flows_only(void **state)
{
	struct port_key key = syn("10.0.0.1", 80);
	struct port_fate fate;

	(void)state;
	listen_on(TCP, "10.0.0.1", 80);
	added(entry_of(MINATO_KIND_GUARD, 0, 0));
	port_lookup(t, &key, (struct minato_time){ 0 }, false, &fate);
	assert_int_equal(fate.kind, MINATO_KIND_SOCKET);
}

static void passing_guard_is_an_exception(void **state)
{
	struct minato_entry let =
		from_remote(entry_of(MINATO_KIND_GUARD, 22, 22), "192.0.2.1", 128);
	uint32_t entry;

	(void)state;
	let.verdict = MINATO_PASS;
	listen_on(TCP, "10.0.0.1", 22);
	added(entry_of(MINATO_KIND_GUARD, 0, 0));
	entry = added(let);
	assert_int_equal(look_up(syn("10.0.0.1", 22)).kind, MINATO_KIND_SOCKET);
	assert_int_equal(port_entry_hits(t, entry), 1);
	assert_int_equal(look_up(key_of(TCP, "10.0.0.1", 22, "192.0.2.2", 1)).kind,
			 MINATO_KIND_GUARD);
}

static void specific_address_goes_before_wildcard(void **state)
{
	struct port_claim any = claim_of(TCP, "0.0.0.0", 80);
	struct port_claim own = claim_of(TCP, "10.0.0.1", 80);
	uint32_t entry;

	(void)state;
	any.reuse_port = own.reuse_port = true;
	any.owner = 1;
	own.owner = 2;
	entry = (uint32_t)bind_claim(any);
	port_accepting(t, entry, true);
	entry = (uint32_t)bind_claim(own);
	port_accepting(t, entry, true);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).owner, 2);
	assert_int_equal(look_up(syn("10.0.0.2", 80)).owner, 1);
}

/* An entry that is better in each respect than the one before it. */
static void precedence_is_the_list(void **state)
{
	struct minato_entry rows[] = {
		entry_of(MINATO_KIND_UPLINK, 0, 0),
		from_remote(entry_of(MINATO_KIND_UPLINK, 0, 0), "192.0.2.0", 120),
		entry_of(MINATO_KIND_FORWARD, 0, 0),
		entry_of(MINATO_KIND_FORWARD, 1, 9000),
		entry_of(MINATO_KIND_FORWARD, 8000, 9000),
		entry_of(MINATO_KIND_FORWARD, 8080, 8080),
		from_remote(entry_of(MINATO_KIND_FORWARD, 8080, 8080), "192.0.2.0", 120),
		from_remote(entry_of(MINATO_KIND_FORWARD, 8080, 8080), "192.0.2.1", 128),
		at_local(entry_of(MINATO_KIND_FORWARD, 0, 0), "10.0.0.0", 120),
		at_local(entry_of(MINATO_KIND_FORWARD, 0, 0), "10.0.0.1", 128),
		at_local(entry_of(MINATO_KIND_FORWARD, 8080, 8080), "10.0.0.1", 128),
	};
	const uint64_t count = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (uint64_t i = 0; i < count; i++) {
		rows[i].user = i;
		added(rows[i]);
		assert_int_equal(look_up(syn("10.0.0.1", 8080)).user, i);
	}
}

static void precedence_does_not_depend_on_the_order_of_adding(void **state)
{
	(void)state;
	added(at_local(entry_of(MINATO_KIND_FORWARD, 8080, 8080), "10.0.0.1", 128));
	added(entry_of(MINATO_KIND_UPLINK, 0, 0));
	added(entry_of(MINATO_KIND_UPLINK, 8080, 8080));
	assert_int_equal(look_up(syn("10.0.0.1", 8080)).kind, MINATO_KIND_FORWARD);
	assert_int_equal(look_up(syn("10.0.0.2", 8080)).kind, MINATO_KIND_UPLINK);
}

static void named_face_and_scope_go_before_any(void **state)
{
	struct minato_entry any = entry_of(MINATO_KIND_FORWARD, 80, 80);
	struct minato_entry face = any;
	struct minato_entry scope = any;

	(void)state;
	any.scope = MINATO_SCOPE_ANY;
	any.user = 1;
	scope.user = 2;
	face.face = 3;
	face.user = 3;
	added(any);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).user, 1);
	added(scope);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).user, 2);
	added(face);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).user, 2);
	struct port_key key = syn("10.0.0.1", 80);
	key.face = 3;
	assert_int_equal(look_up(key).user, 3);
	key.scope = 7;
	assert_int_equal(look_up(key).user, 1);
}

static void older_entry_wins_a_tie(void **state)
{
	struct minato_entry first =
		from_remote(entry_of(MINATO_KIND_UPLINK, 80, 89), "192.0.2.0", 120);
	struct minato_entry second = first;

	(void)state;
	first.user = 1;
	second.user = 2;
	second.first = 79;
	second.last = 88;
	added(first);
	added(second);
	assert_int_equal(look_up(syn("10.0.0.1", 85)).user, 1);
}

static void scopes_are_apart(void **state)
{
	struct port_key key = syn("10.0.0.1", 80);

	(void)state;
	listen_on(TCP, "10.0.0.1", 80);
	key.scope = 1;
	assert_int_equal(look_up(key).kind, MINATO_KIND_CLOSED);
}

static void protocols_are_apart(void **state)
{
	(void)state;
	listen_on(TCP, "10.0.0.1", 53);
	assert_int_equal(look_up(key_of(UDP, "10.0.0.1", 53, "192.0.2.1", 9)).kind,
			 MINATO_KIND_CLOSED);
}

static void only_accepting_claims_answer(void **state)
{
	uint32_t entry = (uint32_t)bind_claim(claim_of(TCP, "10.0.0.1", 80));

	(void)state;
	assert_int_equal(look_up(syn("10.0.0.1", 80)).kind, MINATO_KIND_CLOSED);
	port_accepting(t, entry, true);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).kind, MINATO_KIND_SOCKET);
	port_accepting(t, entry, false);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).kind, MINATO_KIND_CLOSED);
}

static void dual_stack_wildcard_answers_both_families(void **state)
{
	(void)state;
	listen_on(TCP, "::", 80);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).owner, 80);
	assert_int_equal(look_up(key_of(TCP, "fd00::1", 80, "fd00::2", 9)).owner, 80);
}

static void v6_only_wildcard_leaves_ipv4_alone(void **state)
{
	struct port_claim claim = claim_of(TCP, "::", 80);

	(void)state;
	claim.v6_only = true;
	port_accepting(t, (uint32_t)bind_claim(claim), true);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).kind, MINATO_KIND_CLOSED);
	assert_int_equal(look_up(key_of(TCP, "fd00::1", 80, "fd00::2", 9)).kind,
			 MINATO_KIND_SOCKET);
}

static void ipv4_wildcard_leaves_ipv6_alone(void **state)
{
	(void)state;
	listen_on(TCP, "0.0.0.0", 80);
	assert_int_equal(look_up(syn("10.0.0.1", 80)).kind, MINATO_KIND_SOCKET);
	assert_int_equal(look_up(key_of(TCP, "fd00::1", 80, "fd00::2", 9)).kind,
			 MINATO_KIND_CLOSED);
}

static void entry_ends_at_its_instant(void **state)
{
	struct minato_entry e = entry_of(MINATO_KIND_FORWARD, 80, 80);

	(void)state;
	e.until_ns = 1000;
	added(e);
	assert_int_equal(look_up_at(syn("10.0.0.1", 80), 999).kind, MINATO_KIND_FORWARD);
	assert_int_equal(look_up_at(syn("10.0.0.1", 80), 1000).kind, MINATO_KIND_CLOSED);
}

static void expired_entry_uncovers_the_next(void **state)
{
	struct minato_entry e = at_local(entry_of(MINATO_KIND_FORWARD, 80, 80), "10.0.0.1", 128);

	(void)state;
	e.until_ns = 1000;
	added(e);
	added(entry_of(MINATO_KIND_UPLINK, 0, 0));
	assert_int_equal(look_up_at(syn("10.0.0.1", 80), 5).kind, MINATO_KIND_FORWARD);
	assert_int_equal(look_up_at(syn("10.0.0.1", 80), 5000).kind, MINATO_KIND_UPLINK);
}

static void hits_are_counted_by_who_decides(void **state)
{
	uint32_t listener = listen_on(TCP, "10.0.0.1", 80);
	uint32_t uplink = added(entry_of(MINATO_KIND_UPLINK, 0, 0));

	(void)state;
	port_hit(t, look_up(syn("10.0.0.1", 80)).entry);
	port_hit(t, look_up(syn("10.0.0.1", 80)).entry);
	port_hit(t, look_up(syn("10.0.0.1", 81)).entry);
	look_up(syn("10.0.0.1", 80));
	port_hit(t, POOL_NONE);
	assert_int_equal(port_entry_hits(t, listener), 2);
	assert_int_equal(port_entry_hits(t, uplink), 1);
}

/* --- REUSEPORT groups ------------------------------------------------------ */

#define MEMBERS 8u
#define FLOWS 4000u

static uint32_t member[MEMBERS];

static void make_group(void)
{
	for (uint32_t i = 0; i < MEMBERS; i++) {
		struct port_claim claim = claim_of(TCP, "0.0.0.0", 80);
		claim.reuse_port = true;
		claim.owner = i;
		member[i] = (uint32_t)bind_claim(claim);
		assert_int_equal(port_accepting(t, member[i], true), 0);
	}
}

static uint32_t owner_of_flow(uint32_t i)
{
	return look_up(key_of(TCP, "10.0.0.1", 80, i & 1 ? "192.0.2.1" : "192.0.2.77",
			      (uint16_t)(1024 + i)))
		.owner;
}

static void group_shares_evenly(void **state)
{
	uint32_t count[MEMBERS] = { 0 };

	(void)state;
	make_group();
	for (uint32_t i = 0; i < FLOWS; i++)
		count[owner_of_flow(i)]++;
	for (uint32_t i = 0; i < MEMBERS; i++) {
		assert_true(count[i] > FLOWS / MEMBERS * 3 / 4);
		assert_true(count[i] < FLOWS / MEMBERS * 5 / 4);
	}
}

static void leaving_moves_only_ones_own_flows(void **state)
{
	static uint32_t before[FLOWS];

	(void)state;
	make_group();
	for (uint32_t i = 0; i < FLOWS; i++)
		before[i] = owner_of_flow(i);
	port_remove(t, member[3]);
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint32_t owner = owner_of_flow(i);
		assert_true(owner != 3);
		assert_true(owner == before[i] || before[i] == 3);
	}
}

static void joining_takes_only_its_own_flows(void **state)
{
	static uint32_t before[FLOWS];

	(void)state;
	make_group();
	port_accepting(t, member[5], false);
	for (uint32_t i = 0; i < FLOWS; i++)
		before[i] = owner_of_flow(i);
	port_accepting(t, member[5], true);
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint32_t owner = owner_of_flow(i);
		assert_true(owner == before[i] || owner == 5);
	}
}

static void choice_depends_on_the_key(void **state)
{
	const struct hash_key other = { { 9, 9 } };
	static uint32_t before[FLOWS];
	uint32_t same = 0;

	(void)state;
	make_group();
	for (uint32_t i = 0; i < FLOWS; i++)
		before[i] = owner_of_flow(i);
	fixture_close();
	fixture_open(4096, 1024, &other);
	make_group();
	for (uint32_t i = 0; i < FLOWS; i++)
		same += owner_of_flow(i) == before[i];
	assert_true(same < FLOWS / 4);
}

/* A hundred members: each has its share, and only the leaver's moves. */
static void a_large_group_does_not_reshuffle(void **state)
{
	enum { LARGE = 100, CALLS = 40000 };
	static uint32_t before[CALLS], count[LARGE];
	uint32_t claims[LARGE];
	uint32_t moved = 0;

	(void)state;
	for (uint32_t i = 0; i < LARGE; i++) {
		struct port_claim claim = claim_of(TCP, "0.0.0.0", 80);
		claim.reuse_port = true;
		claim.owner = i;
		claims[i] = (uint32_t)bind_claim(claim);
		assert_int_equal(port_accepting(t, claims[i], true), 0);
	}
	memset(count, 0, sizeof(count));
	for (uint32_t i = 0; i < CALLS; i++) {
		before[i] = owner_of_flow(i);
		count[before[i]]++;
	}
	/* 400 each; a deviation of 20 by chance. */
	for (uint32_t i = 0; i < LARGE; i++)
		assert_in_range(count[i], 300, 500);
	port_remove(t, claims[64]);
	for (uint32_t i = 0; i < CALLS; i++) {
		const uint32_t owner = owner_of_flow(i);
		assert_true(owner != 64);
		assert_true(owner == before[i] || before[i] == 64);
		moved += owner != before[i];
	}
	assert_int_equal(moved, count[64]);
}

/* --- ten thousand ranges ---------------------------------------------------- */

#define RANGES 10000u

static void add_range(uint32_t first, uint32_t last)
{
	struct minato_entry e = entry_of(MINATO_KIND_FORWARD, (uint16_t)first, (uint16_t)last);

	e.user = (uint64_t)first << 16 | last;
	added(e);
}

/* Of a hundred thousand look-ups, by the way: linear ones would take minutes. */
static void in_time(clock_t begin)
{
	assert_true(clock() - begin < 20 * CLOCKS_PER_SEC);
}

static uint64_t range_at(uint32_t port)
{
	return look_up(key_of(TCP, "10.0.0.1", (uint16_t)port, "192.0.2.1", 9)).user;
}

static void ranges_one_in_the_other(void **state)
{
	const clock_t begin = clock();

	(void)state;
	fixture_close();
	fixture_open(16, RANGES + 16, &fixture_key);
	for (uint32_t i = 1; i <= RANGES; i++)
		add_range(i, 65535 - i);
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 1; i <= RANGES; i++) {
			uint32_t port = round % 2 ? i : 65535 - i;
			assert_true(range_at(port) == ((uint64_t)i << 16 | (65535 - i)));
		}
	}
	assert_true(range_at(32768) == ((uint64_t)RANGES << 16 | (65535 - RANGES)));
	in_time(begin);
}

static void ranges_side_by_side(void **state)
{
	const clock_t begin = clock();

	(void)state;
	fixture_close();
	fixture_open(16, RANGES + 16, &fixture_key);
	for (uint32_t i = 0; i < RANGES; i++)
		add_range(6 * i + 1, 6 * i + 4);
	for (uint32_t port = 0; port < 6 * RANGES; port++) {
		uint32_t first = port / 6 * 6 + 1;
		uint64_t wanted = (uint64_t)first << 16 | (first + 3);
		bool inside = port >= first && port <= first + 3;
		assert_true(range_at(port) == (inside ? wanted : 0));
	}
	in_time(begin);
}

/* Each overlaps its neighbours by half: the later of two equal ones, in order
   of their ports, was added first. */
static void ranges_that_overlap(void **state)
{
	const clock_t begin = clock();

	(void)state;
	fixture_close();
	fixture_open(16, RANGES + 16, &fixture_key);
	for (uint32_t i = RANGES; i-- > 0;)
		add_range(6 * i + 1, 6 * i + 12);
	for (uint32_t port = 7; port < 6 * RANGES; port++) {
		uint32_t first = (port - 1) / 6 * 6 + 1;
		assert_true(range_at(port) == ((uint64_t)first << 16 | (first + 11)));
	}
	in_time(begin);
}

/* --- memory ----------------------------------------------------------------- */

static void byte_copy_elsewhere_is_the_same_table(void **state)
{
	uint32_t listener = listen_on(TCP, "0.0.0.0", 80);
	struct port_table *old = t;
	struct minato_entry e;

	(void)state;
	added(entry_of(MINATO_KIND_FORWARD, 5000, 5999));
	added(entry_of(MINATO_KIND_GUARD, 23, 23));
	for (uint16_t i = 1; i < 1000; i++)
		insert(key_of(TCP, "10.0.0.1", 80, "192.0.2.1", i), i);
	t = fixture_memory(fixture_size);
	unpoison(old, fixture_size); /* a freed slot is copied too */
	memcpy(t, old, fixture_size);
	memset(old, 0xee, 1 << 20);
	munmap(old, fixture_size);

	assert_int_equal(look_up(syn("10.0.0.1", 80)).entry, listener);
	assert_int_equal(look_up(syn("10.0.0.1", 5555)).kind, MINATO_KIND_FORWARD);
	assert_int_equal(look_up(syn("10.0.0.1", 23)).kind, MINATO_KIND_GUARD);
	assert_int_equal(look_up(key_of(TCP, "10.0.0.1", 80, "192.0.2.1", 999)).owner, 999);
	assert_true(bucket_sound(t));
	for (uint16_t i = 1000; i < 3000; i++)
		assert_true(insert(key_of(TCP, "10.0.0.1", 80, "192.0.2.1", i), i) >= 0);
	assert_true(bucket_sound(t));
	port_remove(t, listener);
	port_get(t, port_entry_next(t, 0), &e);
	assert_int_equal(e.kind, MINATO_KIND_FORWARD);
}

static void same_key_same_answers(void **state)
{
	uint16_t ports[64];
	struct port_choice choice = { .proto = TCP, .local = addr("10.0.0.1") };

	(void)state;
	for (int i = 0; i < 64; i++)
		ports[i] = port_choose(t, &choice);
	fixture_close();
	fixture_open(4096, 1024, &fixture_key);
	for (int i = 0; i < 64; i++)
		assert_int_equal(port_choose(t, &choice), ports[i]);
}

/* Capacity is address space: what is not used is not touched. */
static void capacity_costs_nothing_until_used(void **state)
{
	static unsigned char resident[1 << 18];
	size_t pages = 0;

	(void)state;
	fixture_close();
	fixture_open(1u << 20, 1u << 16, &fixture_key);
	listen_on(TCP, "0.0.0.0", 80);
	insert(syn("10.0.0.1", 80), 1);
	look_up(syn("10.0.0.1", 81));
	assert_true(fixture_size / 4096 < sizeof(resident));
	assert_int_equal(mincore(t, fixture_size, resident), 0);
	for (size_t i = 0; i < fixture_size / 4096; i++)
		pages += resident[i] & 1;
	assert_true(pages < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(empty_table_says_closed),
		CASE(closed_for_every_protocol_and_edge),
		CASE(closed_at_once_is_closed),
		CASE(exact_tuple_goes_before_guard),
		CASE(guard_goes_before_listener),
		CASE(guard_is_for_new_flows_only),
		CASE(passing_guard_is_an_exception),
		CASE(specific_address_goes_before_wildcard),
		CASE(precedence_is_the_list),
		CASE(precedence_does_not_depend_on_the_order_of_adding),
		CASE(named_face_and_scope_go_before_any),
		CASE(older_entry_wins_a_tie),
		CASE(scopes_are_apart),
		CASE(protocols_are_apart),
		CASE(only_accepting_claims_answer),
		CASE(dual_stack_wildcard_answers_both_families),
		CASE(v6_only_wildcard_leaves_ipv4_alone),
		CASE(ipv4_wildcard_leaves_ipv6_alone),
		CASE(entry_ends_at_its_instant),
		CASE(expired_entry_uncovers_the_next),
		CASE(hits_are_counted_by_who_decides),
		CASE(group_shares_evenly),
		CASE(leaving_moves_only_ones_own_flows),
		CASE(joining_takes_only_its_own_flows),
		CASE(choice_depends_on_the_key),
		CASE(a_large_group_does_not_reshuffle),
		CASE(ranges_one_in_the_other),
		CASE(ranges_side_by_side),
		CASE(ranges_that_overlap),
		CASE(byte_copy_elsewhere_is_the_same_table),
		CASE(same_key_same_answers),
		CASE(capacity_costs_nothing_until_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
