/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks over flows and mappings, and ends that somebody asks for. */
#include "unit/nat_fixture.h"

static const char *const host = "10.0.0.7", *const other = "10.0.0.8";
static const char *const server = "203.0.113.9", *const stranger = "192.0.2.5";

static uint32_t count_sessions(void)
{
	struct minato_session s;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (nat_session_next(n, &cursor, &s))
		count++;
	assert_int_equal(count, n->sessions4.used + n->sessions6.used);
	return count;
}

static void each_flow_is_seen_once(void **state)
{
	struct minato_session s;
	uint64_t cursor = 0, last = 0;

	(void)state;
	assert_int_equal(count_sessions(), 0);
	for (uint16_t i = 0; i < 20; i++)
		map_udp(host, (uint16_t)(5000 + i), server, 53);
	assert_int_equal(out(UDP, end("2001:db8::1", 1), end("2001:db8:f::1", 53), 0), NAT_PASS);
	assert_int_equal(count_sessions(), 21);
	while (nat_session_next(n, &cursor, &s)) {
		assert_true(s.handle != last);
		last = s.handle;
		assert_true(s.until.ns > fixture_now.ns + 299 * NS_PER_S);
		assert_true(s.until.ns <= fixture_now.ns + 301 * NS_PER_S);
		assert_true(s.since.ns <= fixture_now.ns);
		/* It may end under the walk. */
		assert_int_equal(nat_session_end(n, s.handle), 0);
		assert_int_equal(nat_session_end(n, s.handle), -EBADF);
	}
	assert_int_equal(count_sessions(), 0);
	assert_empty();
}

static void a_mapping_says_who_it_is(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);
	struct minato_mapping m, again;
	uint64_t cursor = 0;

	(void)state;
	map_udp(host, 5000, stranger, 1);
	assert_true(nat_mapping_next(n, &cursor, &m));
	assert_true(same_end(m.inside, end(host, 5000)) && same_end(m.outside, at));
	assert_int_equal(m.sessions, 2);
	assert_int_equal(m.proto, UDP);
	assert_int_equal(nat_mapping_find(n, UDP, &at, &again), 0);
	assert_true(again.handle == m.handle);
	assert_int_equal(nat_mapping_find(n, TCP, &at, &again), -ENOENT);
	assert_int_equal(nat_mapping_find(n, 99, &at, &again), -EINVAL);
	assert_false(nat_mapping_next(n, &cursor, &m));
}

/* Its flows, those of others that go to it, and guests on its port. */
static void a_mapping_ends_with_all_that_uses_it(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);
	struct minato_mapping m;

	(void)state;
	map_udp(host, 5000, stranger, 1);
	assert_int_equal(in(UDP, end(stranger, 77), at, 0), NAT_PASS);
	assert_int_equal(out(UDP, end(other, 6000), at, 0), NAT_PASS);
	assert_int_equal(n->sessions4.used, 4);
	assert_int_equal(nat_mapping_find(n, UDP, &at, &m), 0);
	assert_int_equal(nat_mapping_end(n, m.handle), 0);
	assert_empty();
	assert_int_equal(nat_mapping_end(n, m.handle), -EBADF);
}

static void a_hairpin_keeps_its_target(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	assert_int_equal(out(UDP, end(other, 6000), at, 0), NAT_PASS);
	pass_ms(200 * 1000);
	assert_int_equal(out(UDP, end(other, 6000), at, 0), NAT_PASS);
	pass_ms(101 * 1000); /* its own flow is over */
	assert_int_equal(n->sessions4.used, 1);
	assert_true(same_end(map_udp(host, 5000, server, 53), at));
	pass_ms(400 * 1000);
	assert_empty();
}

/* To one's own mapping, as a host that looks for hairpins may. */
static void a_hairpin_to_oneself(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(out(UDP, end(host, 5000), at, 0), NAT_PASS);
		assert_true(same_end(way.src, at) && same_end(way.dst, end(host, 5000)));
	}
	pass_ms(301 * 1000);
	assert_empty();
}

static void all_of_a_host_ends(void **state)
{
	const struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.7", 0);
	const struct minato_addr a = addr(host), none = addr("10.0.0.99");

	(void)state;
	map_udp(host, 5000, server, 53);
	map_udp(host, 5001, server, 53);
	map_udp(other, 5000, server, 53);
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(nat_inside_end(n, &none), -ENOENT);
	assert_int_equal(nat_inside_end(n, &a), 3);
	assert_int_equal(n->sessions4.used, 1);
	assert_int_equal(n->mappings.used, 1);
}

static void states_have_their_names(void **state)
{
	const struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 8080);
	struct minato_session s;
	uint64_t cursor = 0;
	int64_t entry;

	(void)state;
	entry = add_entry(&web);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_true(nat_session_next(n, &cursor, &s));
	assert_true(s.forward && !s.hairpin && !s.overflow);
	assert_int_equal(s.state, MINATO_NAT_OPENING);
	assert_int_equal(s.entry, entry + 1);
	assert_int_equal(s.from, 1);
	assert_int_equal(s.to, 0);
	assert_true(same_end(s.source, end(stranger, 1)));
	assert_true(same_end(s.destination, end(PUBLIC, 80)));
	assert_true(same_end(s.back_source, end("10.0.0.2", 8080)));
	assert_true(same_end(s.back_destination, end(stranger, 1)));
}

static struct minato_session only(void)
{
	struct minato_session s;
	uint64_t cursor = 0;

	assert_true(nat_session_next(n, &cursor, &s));
	return s;
}

/* A flood that a server answers is not open; nor is what nobody answers. */
static void a_half_open_call_is_none_that_is_open(void **state)
{
	const struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 8080);
	struct minato_endpoint at;

	(void)state;
	assert_true(add_entry(&e) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(out(TCP, end("10.0.0.2", 8080), end(stranger, 1), NAT_SYN | NAT_ACK),
			 NAT_PASS);
	assert_int_equal(only().state, MINATO_NAT_OPEN);
	assert_true(only().half_open);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_false(only().half_open);
	assert_int_equal(nat_session_end(n, only().handle), 0);
	at = map_udp(host, 5000, server, 53);
	assert_true(only().half_open);
	assert_int_equal(in(UDP, end(server, 53), at, 0), NAT_PASS);
	assert_false(only().half_open);
}

/* As JSON's readers hold numbers: in a double. */
static void handles_are_below_two_to_the_53(void **state)
{
	struct minato_mapping m;
	uint64_t cursor = 0;

	(void)state;
	map_udp(host, 5000, server, 53);
	assert_true(only().handle < UINT64_C(1) << 53);
	assert_true(nat_mapping_next(n, &cursor, &m));
	assert_true(m.handle < UINT64_C(1) << 53);
	assert_int_equal(out(UDP, end("2001:db8::1", 1), end("2001:db8:f::1", 53), 0), NAT_PASS);
	assert_int_equal(nat_session_end(n, only().handle), 0);
	assert_true(only().handle < UINT64_C(1) << 53);
	assert_int_equal(nat_mapping_end(n, only().handle), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_flow_is_seen_once),
		CASE(a_mapping_says_who_it_is),
		CASE(a_mapping_ends_with_all_that_uses_it),
		CASE(a_hairpin_keeps_its_target),
		CASE(a_hairpin_to_oneself),
		CASE(all_of_a_host_ends),
		CASE(states_have_their_names),
		CASE(a_half_open_call_is_none_that_is_open),
		CASE(handles_are_below_two_to_the_53),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
