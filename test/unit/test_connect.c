/* SPDX-License-Identifier: BSD-2-Clause */
/* Active opens: refusals before anything is sent, transparent sources, again. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static int try_connect(struct minato *m, uint64_t s, const char *text, uint16_t port)
{
	const struct minato_endpoint peer = end(text, port);

	return minato_connect(m, s, &peer);
}

/* MUST-46 and what has no route. */
static void test_refusals(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, MINATO_TCP);

	(void)state;
	assert_int_equal(try_connect(p.a.m, s, "224.0.0.1", 80), -EACCES);
	assert_int_equal(try_connect(p.a.m, s, "ff02::1", 80), -EACCES);
	assert_int_equal(try_connect(p.a.m, s, "255.255.255.255", 80), -EACCES);
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.255", 80), -EACCES);
	assert_int_equal(try_connect(p.a.m, s, "8.8.8.8", 80), -ENETUNREACH);
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.1", 80), -ENETUNREACH);
	assert_int_equal(try_connect(p.a.m, s, "0.0.0.0", 80), -ENETUNREACH);
	assert_int_equal(try_connect(p.a.m, s, "127.0.0.1", 80), -ENETUNREACH);
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.2", 0), -EINVAL);
	assert_int_equal(try_connect(p.a.m, 5, "10.0.0.2", 80), -EBADF);
	/* None of that has done anything. */
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.2", 80), -EINPROGRESS);
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.2", 80), -EALREADY);
	pair_end(&p);
}

static void test_families(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t v4 = open_bound(p.a.m, MINATO_TCP, "10.0.0.1", 0);
	const uint64_t any4 = open_bound(p.a.m, MINATO_TCP, "0.0.0.0", 0);
	const uint64_t only6 = open_socket(p.a.m, MINATO_TCP);

	(void)state;
	assert_int_equal(try_connect(p.a.m, v4, "fd00::2", 80), -EAFNOSUPPORT);
	assert_int_equal(try_connect(p.a.m, any4, "fd00::2", 80), -EAFNOSUPPORT);
	minato_set(p.a.m, only6, MINATO_OPT_V6ONLY, 1);
	assert_int_equal(try_connect(p.a.m, only6, "10.0.0.2", 80), -ENETUNREACH);
	assert_int_equal(try_connect(p.a.m, only6, "fd00::2", 80), -EINPROGRESS);
	pair_end(&p);
}

static void test_connected_is_connected(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);

	(void)state;
	assert_int_equal(try_connect(p.a.m, c, "10.0.0.2", 80), -EISCONN);
	assert_int_equal(try_connect(p.b.m, l, "10.0.0.1", 80), -EISCONN);
	assert_int_equal(minato_listen(p.a.m, c, 5), -EINVAL);
	pair_end(&p);
}

/* As on Linux a second attempt after a failure is allowed. */
static void test_again_after_refusal(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);
	uint64_t l, s;
	int64_t value;

	(void)state;
	minato_set(p.a.m, c, MINATO_OPT_NODELAY, 1);
	minato_set(p.a.m, c, MINATO_OPT_KEEPIDLE, 55);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(try_connect(p.a.m, c, "10.0.0.2", 80), -EINPROGRESS);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_error(p.a.m, c), ECONNREFUSED);
	}
	l = open_listener(p.b.m, "::", 80, 5);
	assert_int_equal(try_connect(p.a.m, c, "10.0.0.2", 80), -EINPROGRESS);
	pass(&p, 5 * MILLI);
	assert_true(ready(p.a.m, c) & MINATO_CONNECTED);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	assert_int_equal(minato_get(p.a.m, c, MINATO_OPT_NODELAY, &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(minato_get(p.a.m, c, MINATO_OPT_KEEPIDLE, &value), 0);
	assert_int_equal(value, 55);
	pair_end(&p);
}

/* As on Linux the address that was bound outlives a refusal. */
static void test_address_outlives_refusal(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_addr second = addr("10.0.0.7");
	struct minato_endpoint local;
	uint64_t c;

	(void)state;
	assert_int_equal(minato_address_add(p.a.m, 0, &second, 24), 0);
	c = open_bound(p.a.m, MINATO_TCP, "10.0.0.7", 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(try_connect(p.a.m, c, "10.0.0.2", 80), -EINPROGRESS);
		assert_int_equal(minato_local(p.a.m, c, &local), 0);
		assert_memory_equal(&local.addr, &second, sizeof(second));
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_error(p.a.m, c), ECONNREFUSED);
	}
	assert_int_equal(minato_local(p.a.m, c, &local), 0);
	assert_memory_equal(&local.addr, &second, sizeof(second));
	pair_end(&p);
}

/* Who cannot have another peer keeps the one he has. */
static void test_peer_outlives_failure(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint local = end("10.0.0.1", 5000), old = end("10.0.0.2", 80);
	struct minato_endpoint peer;
	uint64_t s[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		s[i] = open_socket(p.a.m, MINATO_UDP);
		minato_set(p.a.m, s[i], MINATO_OPT_REUSEADDR, 1);
		assert_int_equal(minato_bind(p.a.m, s[i], &local), 0);
	}
	assert_int_equal(try_connect(p.a.m, s[0], "10.0.0.2", 81), 0);
	assert_int_equal(try_connect(p.a.m, s[1], "10.0.0.2", 80), 0);
	assert_int_equal(try_connect(p.a.m, s[1], "10.0.0.2", 81), -EADDRNOTAVAIL);
	assert_int_equal(minato_peer(p.a.m, s[1], &peer), 0);
	assert_memory_equal(&peer, &old, sizeof(peer));
	pair_end(&p);
}

/* The same two ends twice: the tuple is taken. */
static void test_tuple_taken(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint local = end("10.0.0.1", 5000);
	uint64_t s[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		s[i] = open_socket(p.a.m, MINATO_TCP);
		minato_set(p.a.m, s[i], MINATO_OPT_REUSEADDR, 1);
		assert_int_equal(minato_bind(p.a.m, s[i], &local), 0);
	}
	assert_int_equal(try_connect(p.a.m, s[0], "10.0.0.2", 80), -EINPROGRESS);
	assert_int_equal(try_connect(p.a.m, s[1], "10.0.0.2", 80), -EADDRNOTAVAIL);
	assert_int_equal(try_connect(p.a.m, s[1], "10.0.0.2", 81), -EINPROGRESS);
	pair_end(&p);
}

/*
 * A published port: towards the guest, in the name of a client that is not
 * ours. The guest answers to that name, through us.
 */
static void transparent(enum minato_proto proto, const char *client, const char *guest)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	const struct minato_endpoint local = end(client, 40000), peer = end(guest, 80);
	const struct minato_addr any4 = addr("0.0.0.0"), any6 = addr("::");
	const struct minato_addr via4 = addr("10.0.0.1"), via6 = addr("fd00::1");
	struct minato_endpoint seen;
	struct minato_datagram d;
	struct pair p;
	uint64_t c, l, s;
	char data[10];

	ca.link[0].any_destination = ca.link[0].proxy = true;
	p = pair_with(&ca, &cb);
	minato_route_add(p.b.m, &any4, 0, &via4, 0);
	minato_route_add(p.b.m, &any6, 0, &via6, 0);
	c = open_socket(p.a.m, proto);
	assert_int_equal(minato_bind(p.a.m, c, &local), -EADDRNOTAVAIL);
	assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_TRANSPARENT, 1), 0);
	assert_int_equal(minato_bind(p.a.m, c, &local), 0);
	if (proto == MINATO_TCP) {
		l = open_listener(p.b.m, "::", 80, 5);
		assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_accept(p.b.m, l, &s, &seen), 0);
	} else {
		s = open_bound(p.b.m, MINATO_UDP, "::", 80);
		assert_int_equal(minato_connect(p.a.m, c, &peer), 0);
		assert_int_equal(minato_send(p.a.m, c, "q", 1, 0), 1);
		settle(&p);
		assert_int_equal(minato_recv_datagram(p.b.m, s, &d, data, 10, 0), 1);
		seen = d.remote;
		d.local = (struct minato_endpoint){ 0 };
		assert_int_equal(minato_send_datagram(p.b.m, s, &d, "a", 1), 1);
		settle(&p);
		assert_int_equal(minato_recv(p.a.m, c, data, 10, 0), 1);
	}
	assert_true(minato_addr_equal(&seen.addr, &local.addr));
	assert_int_equal(seen.port, 40000);
	pair_end(&p);
}

static void test_transparent(void **state)
{
	(void)state;
	transparent(MINATO_TCP, "203.0.113.9", "10.0.0.2");
	transparent(MINATO_TCP, "2001:db8::9", "fd00::2");
	transparent(MINATO_UDP, "203.0.113.9", "10.0.0.2");
	transparent(MINATO_UDP, "2001:db8::9", "fd00::2");
}

/* Ports towards one destination run out only when all are taken. */
/* How often the port comes in ten choices between it and the next one. */
static int times_chosen(struct minato *m, uint16_t port)
{
	const struct minato_wish wish = {
		.proto = MINATO_TCP,
		.local = addr("10.0.0.1"),
		.remote = end("10.0.0.2", 80),
		.low = port,
		.high = (uint16_t)(port + 1),
	};
	uint64_t lease;
	uint16_t chosen;
	int times = 0;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(minato_port_take(m, &wish, &lease, &chosen), 0);
		assert_int_equal(minato_port_give(m, lease, true), 0);
		times += chosen == port;
	}
	return times;
}

/* Whether a connection of ours to that port of the other end may have it. */
static bool may_reuse(struct minato *m, uint16_t port)
{
	const struct minato_endpoint remote = end("10.0.0.2", 80);
	const struct port_choice choice = {
		.proto = MINATO_TCP,
		.local = addr("10.0.0.1"),
		.remote = &remote,
		.low = port,
		.high = port,
	};

	return port_choose(host_table(m), &choice) == port;
}

static uint16_t port_of(struct minato *m, uint64_t s)
{
	struct minato_endpoint local;

	assert_int_equal(minato_local(m, s, &local), 0);
	return local.port;
}

/* RFC 6056 2.3, RFC 6888 REQ-8: a port that we chose rests when nothing proves
   that its connection is over, and is free at once when something does. */
static void test_freed_ports_rest(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	uint64_t s = open_socket(p.a.m, MINATO_TCP), l, c;
	uint16_t port;

	(void)state;
	/* Refused. */
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.2", 80), -EINPROGRESS);
	port = port_of(p.a.m, s);
	pass(&p, 5 * MILLI);
	assert_int_equal(minato_error(p.a.m, s), ECONNREFUSED);
	assert_true(times_chosen(p.a.m, port) > 0);
	minato_close(p.a.m, s);
	/* Reset by us: that RST may be lost. */
	l = open_listener(p.b.m, "::", 80, 5);
	c = join(&p, l, "10.0.0.2", 80, &s);
	port = port_of(p.a.m, c);
	assert_int_equal(minato_abort(p.a.m, c), 0);
	pass(&p, 5 * MILLI);
	assert_int_equal(times_chosen(p.a.m, port), 0);
	pass(&p, 121 * SECOND);
	assert_true(times_chosen(p.a.m, port) > 0);
	/* Closed by the other side first, with timestamps. */
	c = join(&p, l, "10.0.0.2", 80, &s);
	port = port_of(p.a.m, c);
	assert_int_equal(minato_close(p.b.m, s), 0);
	pass(&p, 5 * MILLI);
	assert_int_equal(minato_close(p.a.m, c), 0);
	pass(&p, 5 * MILLI);
	assert_true(times_chosen(p.a.m, port) > 0);
	pair_end(&p);
}

/* So does one that we chose for a socket before its peer was known. */
static void test_ports_chosen_early_rest(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	struct minato_endpoint local;
	uint64_t s, child;
	char byte = 1;

	(void)state;
	/* Nothing was sent. */
	s = open_socket(p.a.m, MINATO_UDP);
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_int_equal(minato_close(p.a.m, s), 0);
	assert_int_equal(minato_ports_resting(p.a.m), 0);
	s = open_socket(p.a.m, MINATO_UDP);
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, &byte, 1), 1);
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	pass(&p, 5 * MILLI);
	assert_int_equal(minato_close(p.a.m, s), 0);
	assert_int_equal(minato_ports_resting(p.a.m), 1);
	/* Who names it gets it. */
	open_bound(p.a.m, MINATO_UDP, "10.0.0.1", local.port);
	s = open_bound(p.a.m, MINATO_TCP, "10.0.0.1", 0);
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_int_equal(try_connect(p.a.m, s, "10.0.0.2", 80), -EINPROGRESS);
	pass(&p, 5 * MILLI);
	assert_int_equal(minato_accept(p.b.m, l, &child, NULL), 0);
	assert_int_equal(minato_abort(p.a.m, s), 0);
	pass(&p, 5 * MILLI);
	assert_int_equal(minato_ports_resting(p.a.m), 2);
	pass(&p, 121 * SECOND);
	assert_int_equal(minato_ports_resting(p.a.m), 0);
	pair_end(&p);
}

/* TIME-WAIT on our side: RFC 6191 tells the next one apart, if timestamps do. */
static void test_time_wait_yields_by_timestamps(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);

	(void)state;
	for (int timestamps = 0; timestamps < 2; timestamps++) {
		uint64_t c = open_socket(p.a.m, MINATO_TCP), s;
		minato_set(p.a.m, c, MINATO_OPT_TIMESTAMPS, timestamps);
		assert_int_equal(try_connect(p.a.m, c, "10.0.0.2", 80), -EINPROGRESS);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
		const uint16_t port = port_of(p.a.m, c);
		assert_int_equal(minato_close(p.a.m, c), 0);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_close(p.b.m, s), 0);
		pass(&p, 5 * MILLI);
		assert_int_equal(may_reuse(p.a.m, port), timestamps != 0);
		/* Who borrows it has another clock. */
		assert_int_equal(times_chosen(p.a.m, port), 0);
	}
	pair_end(&p);
}

static void test_many(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);

	(void)state;
	for (int i = 0; i < 2000; i++) {
		const uint64_t s = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(try_connect(p.a.m, s, "10.0.0.2", 80), -EINPROGRESS);
	}
	for (int i = 0; i < 48; i++)
		open_socket(p.a.m, MINATO_TCP);
	assert_int_equal(minato_socket(p.a.m, MINATO_TCP, 0, &(uint64_t){ 0 }), -ENFILE);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_connected_is_connected),
		cmocka_unit_test(test_again_after_refusal),
		cmocka_unit_test(test_address_outlives_refusal),
		cmocka_unit_test(test_peer_outlives_failure),
		cmocka_unit_test(test_tuple_taken),
		cmocka_unit_test(test_transparent),
		cmocka_unit_test(test_freed_ports_rest),
		cmocka_unit_test(test_ports_chosen_early_rest),
		cmocka_unit_test(test_time_wait_yields_by_timestamps),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests_name("connect", tests, NULL, NULL);
}
