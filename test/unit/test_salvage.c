/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows are read from a dead gateway's memory, and carried on in another. */
#include "unit/nat_fixture.h"

#include <stdlib.h>

static const char *const host = "10.0.0.7", *const other = "10.0.0.8";
static const char *const server = "203.0.113.9", *const stranger = "192.0.2.5";

static const struct nat_limits limits = { .sessions_max = 4096,
					  .mappings_max = 4096,
					  .hosts_max = 256,
					  .pools_max = 8,
					  .forwards_max = 64,
					  .inside_scope = 0,
					  .outside_scope = 1 };

/* The memory of a gateway that is no more; the fixture is a new one from then on. */
static char *dead;
static size_t dead_size;

static void die(void)
{
	const struct minato_addr public = addr(PUBLIC);
	const struct minato_time now = fixture_now;

	dead_size = nat_bytes(&limits);
	dead = malloc(dead_size);
	assert_non_null(dead);
	memcpy(dead, fixture_memory, dead_size);
	fixture_close();
	fixture_open(&limits);
	assert_int_equal(nat_pool_add(n, 1, &public, 0, 0), 0);
	fixture_now = now;
	nat_advance(n, now);
}

static void bury(void)
{
	free(dead);
}

/* All that can be read, adopted; how many. */
static uint32_t carry_over(void)
{
	struct minato_session s;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (nat_session_salvage(dead, dead_size, &limits, &cursor, &s)) {
		assert_int_equal(nat_session_adopt(n, &s), 0);
		count++;
	}
	return count;
}

/* From a second inside, scope 2, to the first. */
static enum nat_verdict between(uint8_t proto, struct minato_endpoint src,
				struct minato_endpoint dst)
{
	const struct port_key key = { .local = dst.addr,
				      .remote = src.addr,
				      .local_port = dst.port,
				      .remote_port = src.port,
				      .scope = 2,
				      .face = 2,
				      .proto = proto };
	struct port_probe probe = { .key = &key };
	const struct nat_packet p = { .inside = true, .opens = true };

	port_seek(t, &probe, 1);
	nat_seek(n, &probe, 1);
	return nat_between(n, &probe, &p, 0, &way);
}

static void every_kind_of_flow_goes_on(void **state)
{
	const struct minato_entry web = forward_entry(TCP, 80, 80, "10.0.0.2", 8080);
	const struct minato_endpoint a6 = end("2001:db8::7", 5000), b6 = end("2001:db8:f::1", 53);
	const struct minato_entry more = forward_entry(TCP, 81, 81, "10.0.0.2", 8080);
	struct minato_endpoint udp, tcp, echo, pinned, renamed;

	(void)state;
	udp = map_udp(host, 5000, server, 53);
	assert_int_equal(in(UDP, end(stranger, 9), udp, 0), NAT_PASS);
	assert_int_equal(out(TCP, end(host, 6000), end(server, 80), NAT_SYN), NAT_PASS);
	tcp = way.src;
	assert_int_equal(in(TCP, end(server, 80), tcp, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_int_equal(out(ICMP, end(host, 7), end(server, 7), 0), NAT_PASS);
	echo = way.src;
	assert_int_equal(out(UDP, end(other, 6000), udp, 0), NAT_PASS);
	pinned = way.src;
	assert_int_equal(out(UDP, a6, b6, 0), NAT_PASS);
	assert_true(add_entry(&web) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_true(add_entry(&more) >= 0);
	assert_int_equal(in(TCP, end(stranger, 1), end(PUBLIC, 81), NAT_SYN), NAT_PASS);
	renamed = way.src;
	assert_int_equal(between(UDP, end("10.2.0.5", 7000), end(host, 53)), NAT_PASS);
	assert_int_equal(between(UDP, end("10.2.0.5", 7000), end(host, 53)), NAT_PASS);
	die();
	assert_true(add_entry(&web) >= 0);
	assert_true(add_entry(&more) >= 0);
	assert_int_equal(carry_over(), 9);
	assert_int_equal(counted(NAT_COUNT_ADOPTED), 9);
	assert_int_equal(out(UDP, end(host, 53), end("10.2.0.5", 7000), 0), NAT_PASS);
	assert_true(way.between && way.scope == 2);
	/* No packet of these opens anything. */
	assert_int_equal(in(TCP, end(server, 80), tcp, NAT_ACK), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 6000)));
	assert_int_equal(out(TCP, end(host, 6000), end(server, 80), NAT_ACK), NAT_PASS);
	assert_true(same_end(way.src, tcp));
	assert_int_equal(in(ICMP, end(server, echo.port), echo, 0), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 7)));
	assert_int_equal(out(UDP, end(host, 5000), pinned, 0), NAT_PASS);
	assert_true(same_end(way.dst, end(other, 6000)) && same_end(way.src, udp));
	assert_int_equal(in(UDP, b6, a6, 0), NAT_PASS);
	assert_int_equal(out(TCP, end("10.0.0.2", 8080), end(stranger, 1), NAT_ACK), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 80)));
	assert_int_equal(out(TCP, end("10.0.0.2", 8080), renamed, NAT_ACK), NAT_PASS);
	assert_true(same_end(way.src, end(PUBLIC, 81)) && same_end(way.dst, end(stranger, 1)));
	/* The mapping is the old one. */
	assert_true(same_end(map_udp(host, 5000, "192.0.2.77", 1), udp));
	pass_ms(INT64_C(8000) * 1000);
	assert_empty();
	bury();
}

static void their_time_goes_on(void **state)
{
	struct minato_session s;
	uint64_t cursor = 0;

	(void)state;
	map_udp(host, 5000, server, 53);
	pass_ms(200 * 1000);
	die();
	assert_true(nat_session_salvage(dead, dead_size, &limits, &cursor, &s));
	assert_in_range(s.until.ns - fixture_now.ns, 99 * NS_PER_S, 101 * NS_PER_S);
	assert_int_equal(nat_session_adopt(n, &s), 0);
	pass_ms(99 * 1000);
	assert_int_equal(n->sessions4.used, 1);
	pass_ms(2 * 1000);
	assert_empty();
	/* What is over is not taken. */
	assert_int_equal(nat_session_adopt(n, &s), -EINVAL);
	bury();
}

/* A forward's range stands over it, as it did when its owner lived; one port's forward has it. */
static void a_range_leaves_ports_to_who_had_them(void **state)
{
	struct minato_entry range = forward_entry(UDP, 1024, 65535, "10.0.0.9", 0);
	struct minato_entry one;
	struct minato_endpoint had;
	struct minato_session s;
	uint64_t cursor = 0;
	int64_t entry;

	(void)state;
	had = map_udp(host, 5000, server, 53);
	die();
	assert_true(nat_session_salvage(dead, dead_size, &limits, &cursor, &s));
	one = forward_entry(UDP, had.port, had.port, "10.0.0.9", 0);
	entry = add_entry(&one);
	assert_true(entry >= 0);
	assert_int_equal(nat_session_adopt(n, &s), -EADDRINUSE);
	nat_forward_remove(n, (uint32_t)entry);
	port_remove(t, (uint32_t)entry);
	assert_true(add_entry(&range) >= 0);
	assert_int_equal(nat_session_adopt(n, &s), 0);
	assert_int_equal(in(UDP, end(server, 53), had, 0), NAT_PASS);
	assert_true(same_end(way.dst, end(host, 5000)));
	bury();
}

static void what_others_have_now_they_keep(void **state)
{
	struct port_claim claim = { .scope = 1, .proto = UDP, .local = addr(PUBLIC) };
	struct minato_session s;
	uint64_t cursor = 0;

	(void)state;
	claim.port = map_udp(host, 5000, server, 53).port;
	die();
	assert_true(port_bind(t, &claim, NULL) >= 0);
	assert_true(nat_session_salvage(dead, dead_size, &limits, &cursor, &s));
	assert_int_equal(nat_session_adopt(n, &s), -EADDRINUSE);
	assert_int_equal(n->mappings.used + n->hosts.used + n->sessions4.used, 0);
	bury();
}

static struct minato_session good(void)
{
	return (struct minato_session){
		.proto = UDP,
		.state = MINATO_NAT_OPEN,
		.from = 0,
		.to = 1,
		.source = end(host, 5000),
		.destination = end(server, 53),
		.back_source = end(server, 53),
		.back_destination = end(PUBLIC, 4000),
		.since = fixture_now,
		.until = { fixture_now.ns + NS_PER_S },
	};
}

static void refuse(const struct minato_session *s, int how)
{
	assert_int_equal(nat_session_adopt(n, s), how);
	assert_empty();
}

static void strangers_are_checked(void **state)
{
	struct minato_session s = good();

	(void)state;
	s.proto = 132;
	refuse(&s, -EINVAL);
	s = good();
	s.state = 9;
	refuse(&s, -EINVAL);
	s = good();
	s.to = 0;
	refuse(&s, -EINVAL);
	s = good();
	s.from = 77;
	refuse(&s, -EINVAL);
	s = good();
	s.source.addr = addr("224.0.0.1");
	refuse(&s, -EINVAL);
	s = good();
	s.back_destination.addr = addr("198.51.100.2"); /* no pool's */
	refuse(&s, -EINVAL);
	s = good();
	s.back_source.port = 54; /* no outward flow changes its destination */
	refuse(&s, -EINVAL);
	s = good();
	s.from = 1;
	s.to = 0;
	s.source = end(stranger, 1);
	s.destination = end(PUBLIC, 80);
	s.back_source = end("10.0.0.2", 80);
	s.back_destination = end(stranger, 2); /* only a forward changes where it comes from */
	refuse(&s, -EINVAL);
	s = good();
	s.destination.addr = s.back_source.addr = addr("2001:db8::1");
	refuse(&s, -EINVAL);
	s = good();
	s.until.ns += INT64_C(40) * 24 * 3600 * NS_PER_S;
	refuse(&s, -EINVAL);
	s = good();
	s.since.ns += NS_PER_S;
	refuse(&s, -EINVAL);
	s = good();
	s.overflow = true; /* of a port that nobody has */
	refuse(&s, -EADDRINUSE);
	s = good();
	assert_int_equal(nat_session_adopt(n, &s), 0);
	assert_int_equal(nat_session_adopt(n, &s), -EADDRINUSE);
	s.source.port = 5001; /* another inside endpoint on that port */
	s.destination.port = s.back_source.port = 99;
	assert_int_equal(nat_session_adopt(n, &s), -EADDRINUSE);
	assert_int_equal(n->sessions4.used, 1);
}

/* Cut off anywhere, flipped anywhere: never more than was there, and only what passes. */
static void a_spoilt_memory_is_survived(void **state)
{
	struct minato_session s;
	uint32_t seed = 1;

	(void)state;
	for (uint16_t i = 0; i < 200; i++)
		map_udp(host, (uint16_t)(5000 + i), server, 53);
	die();
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t count = 0;
		uint64_t cursor = 0;
		size_t size, at;
		seed = seed * 1664525 + 1013904223;
		at = seed % (core_sessions4(&limits) + 200 * 64);
		dead[at] ^= (char)(1 << seed / 65536 % 8);
		size = round % 4 == 0 ? seed % dead_size : dead_size;
		while (nat_session_salvage(dead, size, &limits, &cursor, &s)) {
			nat_session_adopt(n, &s);
			count++;
		}
		assert_true(count <= 2 * limits.sessions_max);
	}
	pass_ms(INT64_C(31) * 24 * 3600 * 1000);
	for (uint32_t i = 0; i < 100; i++)
		pass_ms(1);
	assert_empty();
	bury();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_kind_of_flow_goes_on),
		CASE(their_time_goes_on),
		CASE(a_range_leaves_ports_to_who_had_them),
		CASE(what_others_have_now_they_keep),
		CASE(strangers_are_checked),
		CASE(a_spoilt_memory_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
