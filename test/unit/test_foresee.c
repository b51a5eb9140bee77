/* SPDX-License-Identifier: BSD-2-Clause */
/* What is foreseen of a new flow is what becomes of it then, and asking leaves nothing behind. */
#include "nat_fixture.h"

static struct minato_prospect seen;

/* TCP from a caller outside, to a port of the public address. */
static enum minato_hindrance foreseen(struct minato_endpoint from, uint16_t port, int64_t entry)
{
	const struct port_key key = { .local = addr(PUBLIC),
				      .remote = from.addr,
				      .local_port = port,
				      .remote_port = from.port,
				      .scope = 1,
				      .face = 1,
				      .proto = TCP };

	nat_foresee(n, NAT_INWARD, &key, entry < 0 ? POOL_NONE : (uint32_t)entry, &seen);
	return seen.hindrance;
}

static enum minato_hindrance from_inside(enum nat_course course, struct minato_endpoint from,
					 struct minato_endpoint to, int64_t entry)
{
	const struct port_key key = { .local = to.addr,
				      .remote = from.addr,
				      .local_port = to.port,
				      .remote_port = from.port,
				      .scope = 0,
				      .face = 0,
				      .proto = UDP };

	nat_foresee(n, course, &key, entry < 0 ? POOL_NONE : (uint32_t)entry, &seen);
	return seen.hindrance;
}

/* A call that its caller has answered for. */
static enum nat_verdict call(struct minato_endpoint from, uint16_t port)
{
	const enum nat_verdict verdict = in(TCP, from, end(PUBLIC, port), NAT_SYN);

	if (verdict != NAT_PASS)
		return verdict;
	assert_int_equal(out(TCP, way.dst, from, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, from, end(PUBLIC, port), NAT_ACK), NAT_PASS);
	return NAT_PASS;
}

static void the_bound_of_a_forward(void **state)
{
	struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 8080);
	int64_t entry;

	(void)state;
	e.flows_max = 2;
	entry = add_entry(&e);
	assert_int_equal(foreseen(end("192.0.2.9", 1000), 80, entry), MINATO_HINDERED_NOT);
	assert_true(same_end(seen.target, end("10.0.0.2", 8080)));
	assert_int_equal(call(end("192.0.2.9", 1000), 80), NAT_PASS);
	assert_int_equal(foreseen(end("192.0.2.9", 1001), 80, entry), MINATO_HINDERED_NOT);
	/* One that is half-open makes way, so that it keeps nobody out. */
	assert_int_equal(in(TCP, end("192.0.2.9", 1001), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(foreseen(end("192.0.2.9", 1002), 80, entry), MINATO_HINDERED_NOT);
	assert_int_equal(call(end("192.0.2.9", 1002), 80), NAT_PASS);
	assert_int_equal(counted(NAT_COUNT_FORWARD_FLOWS), 0);
	assert_int_equal(foreseen(end("192.0.2.9", 1003), 80, entry),
			 MINATO_HINDERED_FORWARD_FLOWS);
	assert_int_equal(seen.bound, 2);
	assert_int_equal(call(end("192.0.2.9", 1003), 80), NAT_DROP);
	assert_int_equal(counted(NAT_COUNT_FORWARD_FLOWS), 1);
}

static void the_bound_of_a_source(void **state)
{
	struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	int64_t entry;

	(void)state;
	e.source_flows_max = 1;
	entry = add_entry(&e);
	assert_int_equal(foreseen(end("192.0.2.9", 1000), 80, entry), MINATO_HINDERED_NOT);
	assert_int_equal(n->sources, 0);
	assert_int_equal(call(end("192.0.2.9", 1000), 80), NAT_PASS);
	assert_int_equal(foreseen(end("192.0.2.9", 1001), 80, entry), MINATO_HINDERED_SOURCE_FLOWS);
	assert_int_equal(seen.bound, 1);
	assert_int_equal(foreseen(end("192.0.2.8", 1001), 80, entry), MINATO_HINDERED_NOT);
	assert_int_equal(call(end("192.0.2.9", 1001), 80), NAT_DROP);
	assert_int_equal(n->sources, 1);
}

static void the_server_of_this_caller(void **state)
{
	struct minato_server servers[] = { { .at = end("10.0.0.2", 80), .weight = 1 },
					   { .at = end("10.0.0.3", 80), .weight = 1 } };
	struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	uint32_t gets[2] = { 0, 0 };
	int64_t entry;

	(void)state;
	e.target = (struct minato_endpoint){ .port = 0 };
	assert_int_equal(nat_group_set(n, &e.group, servers, 2, false), 0);
	entry = add_entry(&e);
	assert_true(entry >= 0);
	for (uint16_t port = 1000; port < 1040; port++) {
		const struct minato_endpoint from = end("192.0.2.9", port);

		assert_int_equal(foreseen(from, 80, entry), MINATO_HINDERED_NOT);
		assert_int_equal(in(TCP, from, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
		assert_true(same_end(way.dst, seen.target));
		gets[seen.target.addr.bytes[15] - 2]++;
	}
	assert_true(gets[0] > 0 && gets[1] > 0);
	servers[0].down = true;
	assert_int_equal(nat_group_set(n, &e.group, servers, 2, false), 0);
	for (uint16_t port = 1100; port < 1110; port++) {
		assert_int_equal(foreseen(end("192.0.2.9", port), 80, entry), MINATO_HINDERED_NOT);
		assert_true(same_end(seen.target, servers[1].at));
	}
	servers[1].weight = 0;
	assert_int_equal(nat_group_set(n, &e.group, servers, 2, false), 0);
	assert_int_equal(foreseen(end("192.0.2.9", 1200), 80, entry), MINATO_HINDERED_NO_SERVER);
	assert_int_equal(seen.target.port, 0);
	assert_int_equal(in(TCP, end("192.0.2.9", 1200), end(PUBLIC, 80), NAT_SYN), NAT_NO_SERVER);
}

static void a_forward_that_drains(void **state)
{
	const struct minato_entry e = forward_entry(TCP, 80, 80, "10.0.0.2", 0);
	const int64_t entry = add_entry(&e);

	(void)state;
	assert_true(nat_forward_drain(n, (uint32_t)entry, true));
	assert_int_equal(foreseen(end("192.0.2.9", 1000), 80, entry), MINATO_HINDERED_DRAINS);
}

static void the_bounds_of_an_inside_host(void **state)
{
	const struct minato_endpoint far = end("192.0.2.9", 53);
	struct minato_nat nat = *nat_get(n);

	(void)state;
	nat.host_udp = 1;
	assert_int_equal(nat_set(n, &nat), 0);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 1), far, -1),
			 MINATO_HINDERED_NOT);
	assert_int_equal(n->hosts.used, 0);
	(void)map_udp("10.0.0.7", 1, "192.0.2.9", 53);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 1), far, -1),
			 MINATO_HINDERED_NOT);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 2), far, -1),
			 MINATO_HINDERED_HOST_PORTS);
	assert_int_equal(seen.bound, 1);
	assert_int_equal(out(UDP, end("10.0.0.7", 2), far, 0), NAT_UNREACHABLE);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.8", 2), far, -1),
			 MINATO_HINDERED_NOT);
	nat.host_udp = 0;
	nat.host_sessions = 1;
	assert_int_equal(nat_set(n, &nat), 0);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 2), far, -1),
			 MINATO_HINDERED_HOST_SESSIONS);
	nat.host_sessions = 0;
	nat.host_rate = 1;
	assert_int_equal(nat_set(n, &nat), 0);
	pass_ms(2000);
	(void)map_udp("10.0.0.7", 3, "192.0.2.9", 53);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 4), far, -1),
			 MINATO_HINDERED_HOST_RATE);
	assert_int_equal(out(UDP, end("10.0.0.7", 4), far, 0), NAT_UNREACHABLE);
	pass_ms(1000);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 4), far, -1),
			 MINATO_HINDERED_NOT);
	assert_int_equal(out(UDP, end("10.0.0.7", 4), far, 0), NAT_PASS);
}

static void a_filter_of_a_mapping(void **state)
{
	struct minato_nat nat = *nat_get(n);
	struct minato_endpoint mapped;
	struct port_key key = { .local = addr(PUBLIC),
				.remote = addr("192.0.2.8"),
				.remote_port = 9,
				.scope = 1,
				.face = 1,
				.proto = UDP };

	(void)state;
	nat.udp_filtering = MINATO_FILTER_ADDRESS;
	assert_int_equal(nat_set(n, &nat), 0);
	mapped = map_udp("10.0.0.7", 1, "192.0.2.9", 53);
	key.local_port = mapped.port;
	nat_foresee(n, NAT_INWARD, &key, POOL_NONE, &seen);
	assert_int_equal(seen.hindrance, MINATO_HINDERED_FILTERED);
	key.remote = addr("192.0.2.9");
	nat_foresee(n, NAT_INWARD, &key, POOL_NONE, &seen);
	assert_int_equal(seen.hindrance, MINATO_HINDERED_NOT);
}

static void no_hairpin_and_no_pool(void **state)
{
	struct minato_entry e = forward_entry(UDP, 80, 80, "10.0.0.2", 0);
	struct minato_nat nat = *nat_get(n);
	const struct minato_addr public = addr(PUBLIC);
	const int64_t entry = add_entry(&e);

	(void)state;
	assert_int_equal(from_inside(NAT_HAIRPIN, end("10.0.0.7", 1), end(PUBLIC, 80), entry),
			 MINATO_HINDERED_NOT);
	assert_true(same_end(seen.target, end("10.0.0.2", 80)));
	nat.hairpin = false;
	assert_int_equal(nat_set(n, &nat), 0);
	assert_int_equal(from_inside(NAT_HAIRPIN, end("10.0.0.7", 1), end(PUBLIC, 80), entry),
			 MINATO_HINDERED_NO_HAIRPIN);
	assert_true(nat_pool_remove(n, 1, &public) >= 0);
	assert_int_equal(from_inside(NAT_OUTWARD, end("10.0.0.7", 1), end("192.0.2.9", 53),
				     POOL_NONE),
			 MINATO_HINDERED_NO_POOL);
}

/* Of what has no ports one inside host has a protocol towards a remote. */
static void a_protocol_that_another_has(void **state)
{
	const struct minato_addr there = addr("192.0.2.9");
	const struct minato_addr elsewhere = addr("192.0.2.10");
	const struct minato_addr first = addr("10.0.0.7");
	const struct minato_addr second = addr("10.0.0.8");
	const struct nat_packet p = { .inside = true, .whose = NAT_OTHERS, .opens = true };
	struct port_key key = nat_other_key(0, 0, 99, &there, &first);

	(void)state;
	nat_foresee(n, NAT_OUTWARD, &key, POOL_NONE, &seen);
	assert_int_equal(seen.hindrance, MINATO_HINDERED_NOT);
	assert_int_equal(nat_other_begin(n, &key, &p, &way), NAT_PASS);
	key = nat_other_key(0, 0, 99, &there, &second);
	nat_foresee(n, NAT_OUTWARD, &key, POOL_NONE, &seen);
	assert_int_equal(seen.hindrance, MINATO_HINDERED_TAKEN);
	assert_int_equal(nat_other_begin(n, &key, &p, &way), NAT_UNREACHABLE);
	key = nat_other_key(0, 0, 98, &there, &second);
	nat_foresee(n, NAT_OUTWARD, &key, POOL_NONE, &seen);
	assert_int_equal(seen.hindrance, MINATO_HINDERED_NOT);
	key = nat_other_key(0, 0, 99, &elsewhere, &second);
	nat_foresee(n, NAT_OUTWARD, &key, POOL_NONE, &seen);
	assert_int_equal(seen.hindrance, MINATO_HINDERED_NOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_bound_of_a_forward),	    CASE(the_bound_of_a_source),
		CASE(the_server_of_this_caller),    CASE(a_forward_that_drains),
		CASE(the_bounds_of_an_inside_host), CASE(a_filter_of_a_mapping),
		CASE(no_hairpin_and_no_pool),	    CASE(a_protocol_that_another_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
