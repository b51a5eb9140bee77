/* SPDX-License-Identifier: BSD-2-Clause */
/* The local end: claims, conflicts, late choice, what can be read of it. */
#include <errno.h>

#include "hosts.h"

static int try_bind(struct minato *m, enum minato_proto proto, const char *text, uint16_t port)
{
	const struct minato_endpoint local = end(text, port);

	return minato_bind(m, open_socket(m, proto), &local);
}

static void test_addresses(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);

	(void)state;
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", 80), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "fd00::1", 80), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.2", 80), -EADDRNOTAVAIL);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "224.0.0.1", 80), -EADDRNOTAVAIL);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "255.255.255.255", 80), -EADDRNOTAVAIL);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 81), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "0.0.0.0", 82), 0);
	pair_end(&p);
}

static void test_conflicts(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);

	(void)state;
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", 80), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", 80), -EADDRINUSE);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EADDRINUSE);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "0.0.0.0", 80), -EADDRINUSE);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "fd00::1", 80), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_UDP, "10.0.0.1", 80), 0);
	pair_end(&p);
}

static void test_twice(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_bound(p.a.m, MINATO_TCP, "::", 80);
	const uint64_t late = open_bound(p.a.m, MINATO_TCP, "::", 0);
	const struct minato_endpoint local = end("::", 81);

	(void)state;
	assert_int_equal(minato_bind(p.a.m, s, &local), -EINVAL);
	assert_int_equal(minato_bind(p.a.m, late, &local), -EINVAL);
	assert_int_equal(minato_bind(p.a.m, 77, &local), -EBADF);
	pair_end(&p);
}

static void test_close_frees(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_listener(p.a.m, "::", 80, 1);

	(void)state;
	assert_int_equal(minato_close(p.a.m, s), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), 0);
	pair_end(&p);
}

static void test_v6_only(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, MINATO_TCP);
	const struct minato_endpoint v6 = end("::", 80), v4 = end("0.0.0.0", 80);

	(void)state;
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_V6ONLY, 1), 0);
	assert_int_equal(minato_bind(p.a.m, s, &v4), -EINVAL);
	assert_int_equal(minato_bind(p.a.m, s, &v6), 0);
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "0.0.0.0", 80), 0);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_V6ONLY, 0), -EINVAL);
	pair_end(&p);
}

/* As in Linux, where bind(0) has bound though nobody has asked for the port. */
static void test_said_before_bind(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint any = end("::", 0);

	(void)state;
	for (int i = 0; i < 2; i++) {
		const uint64_t s = open_socket(p.a.m, i == 0 ? MINATO_TCP : MINATO_UDP);
		assert_int_equal(minato_bind(p.a.m, s, &any), 0);
		assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_V6ONLY, 1), -EINVAL);
		assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_EXCLUSIVE, 1), -EINVAL);
		assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_REUSEADDR, 1), 0);
		assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_REUSEPORT, 1), 0);
	}
	pair_end(&p);
}

static void test_reuse_port(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint local = end("::", 80);

	(void)state;
	for (int i = 0; i < 3; i++) {
		const uint64_t s = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_REUSEPORT, 1), 0);
		assert_int_equal(minato_bind(p.a.m, s, &local), 0);
		assert_int_equal(minato_listen(p.a.m, s, 5), 0);
	}
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "::", 80), -EADDRINUSE);
	pair_end(&p);
}

/* Not even with those who would share. Said before bind, for good. */
static void test_exclusive(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint local = end("::", 80);
	uint64_t s[2];
	int64_t is;

	(void)state;
	for (int i = 0; i < 2; i++) {
		s[i] = open_socket(p.a.m, MINATO_UDP);
		assert_int_equal(minato_set(p.a.m, s[i], MINATO_OPT_REUSEADDR, 1), 0);
		assert_int_equal(minato_set(p.a.m, s[i], MINATO_OPT_REUSEPORT, 1), 0);
	}
	assert_int_equal(minato_set(p.a.m, s[0], MINATO_OPT_EXCLUSIVE, 1), 0);
	assert_int_equal(minato_get(p.a.m, s[0], MINATO_OPT_EXCLUSIVE, &is), 0);
	assert_int_equal(is, 1);
	assert_int_equal(minato_bind(p.a.m, s[0], &local), 0);
	assert_int_equal(minato_bind(p.a.m, s[1], &local), -EADDRINUSE);
	assert_int_equal(minato_set(p.a.m, s[0], MINATO_OPT_EXCLUSIVE, 0), -EINVAL);
	assert_int_equal(minato_close(p.a.m, s[0]), 0);
	assert_int_equal(minato_bind(p.a.m, s[1], &local), 0);
	pair_end(&p);
}

/* REUSEPORT is of one user: who acts, says whose it is. */
static void test_group_of_one_user(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint local = end("::", 8080);
	struct minato_owner owner = { .uid = 1000 };
	uint64_t s[3];

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		owner.uid = 1000 + (i == 1);
		owner.pid = i;
		assert_int_equal(minato_act_as(p.a.m, &owner), 0);
		s[i] = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(minato_set(p.a.m, s[i], MINATO_OPT_REUSEPORT, 1), 0);
		assert_int_equal(minato_bind(p.a.m, s[i], &local), i == 1 ? -EADDRINUSE : 0);
	}
	pair_end(&p);
}

/* Port 0 of TCP is chosen when it is needed or asked for. */
static void test_late(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_bound(p.a.m, MINATO_TCP, "10.0.0.1", 0);
	const uint64_t l = open_bound(p.a.m, MINATO_TCP, "10.0.0.1", 0);
	const struct minato_addr want = addr("10.0.0.1");
	struct minato_endpoint local;

	(void)state;
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_in_range(local.port, 1024, 65535);
	assert_true(minato_addr_equal(&local.addr, &want));
	assert_int_equal(try_bind(p.a.m, MINATO_TCP, "10.0.0.1", local.port), -EADDRINUSE);
	assert_int_equal(minato_listen(p.a.m, l, 5), 0);
	assert_int_equal(minato_local(p.a.m, l, &local), 0);
	assert_in_range(local.port, 1024, 65535);
	pair_end(&p);
}

/* The port that a listing shows, which asks nobody to choose one. */
static uint16_t listed_port(struct minato *m, uint64_t s)
{
	struct minato_row row;
	uint64_t cursor = 0;

	while (minato_row(m, &cursor, &row)) {
		if (row.handle == s)
			return row.local.port;
	}
	fail();
	return 0;
}

/* bind(addr, 0) takes no port; who connects, sends, receives, listens or asks
   for it does. */
static void test_port_when_needed(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint peer = end("10.0.0.2", 53);
	const struct minato_datagram to = { .remote = peer };
	struct minato_endpoint local;
	uint64_t s[6];
	char byte = 1;

	(void)state;
	for (int i = 0; i < 6; i++) {
		s[i] = open_bound(p.a.m, i < 2 ? MINATO_TCP : MINATO_UDP, "10.0.0.1", 0);
		assert_int_equal(listed_port(p.a.m, s[i]), 0);
	}
	assert_int_equal(minato_connect(p.a.m, s[0], &peer), -EINPROGRESS);
	assert_int_equal(minato_listen(p.a.m, s[1], 1), 0);
	assert_int_equal(minato_connect(p.a.m, s[2], &peer), 0);
	assert_int_equal(minato_send_datagram(p.a.m, s[3], &to, &byte, 1), 1);
	assert_int_equal(minato_recv_datagram(p.a.m, s[4], NULL, &byte, 1, 0), -EAGAIN);
	assert_int_equal(minato_local(p.a.m, s[5], &local), 0);
	assert_int_not_equal(local.port, 0);
	for (int i = 0; i < 6; i++)
		assert_true(listed_port(p.a.m, s[i]) >= 1024);
	pair_end(&p);
}

/* What was bound without a port and connected keeps address and port. */
static void test_late_datagrams_move(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint one = end("10.0.0.2", 53), two = end("10.0.0.3", 53);
	const uint64_t s = open_bound(p.a.m, MINATO_UDP, "10.0.0.1", 0);
	struct minato_endpoint local, again;

	(void)state;
	assert_int_equal(minato_connect(p.a.m, s, &one), 0);
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_int_equal(minato_connect(p.a.m, s, &two), 0);
	assert_int_equal(minato_local(p.a.m, s, &again), 0);
	assert_int_equal(again.port, local.port);
	assert_memory_equal(&again.addr, &local.addr, sizeof(local.addr));
	/* Nobody else may bind to it. */
	const uint64_t other = open_socket(p.a.m, MINATO_UDP);
	assert_int_equal(minato_bind(p.a.m, other, &local), -EADDRINUSE);
	pair_end(&p);
}

/* Connected datagram sockets share ports, as long as their peers differ: far
   more than there are ports. */
static void test_datagrams_share_ports(void **state)
{
	struct minato_config c = small_config(MINATO_LINK_IP, 1);
	struct minato_endpoint peer = end("10.0.0.2", 53);
	const struct minato_addr ours = addr("10.0.0.1");
	uint64_t s = 0;
	struct host h;

	(void)state;
	c.sockets_max = 70000;
	h = host_new(&c, (struct minato_time){ SECOND });
	assert_int_equal(minato_address_add(h.m, 0, &ours, 24), 0);
	for (uint32_t i = 0; i < 66000; i++) {
		peer.port = (uint16_t)(1 + i % 3);
		assert_int_equal(minato_socket(h.m, MINATO_UDP, 0, &s), 0);
		assert_int_equal(minato_connect(h.m, s, &peer), 0);
	}
	host_end(&h);
}

static void test_listen_unbound(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, MINATO_TCP);
	const uint64_t u = open_socket(p.a.m, MINATO_UDP);
	struct minato_endpoint local;

	(void)state;
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_int_equal(local.port, 0);
	assert_int_equal(minato_listen(p.a.m, s, 5), 0);
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_int_not_equal(local.port, 0);
	/* Again changes the backlog. */
	assert_int_equal(minato_listen(p.a.m, s, 50), 0);
	assert_int_equal(minato_listen(p.a.m, u, 5), -EOPNOTSUPP);
	pair_end(&p);
}

/* Linux: two may bind with REUSEADDR, one may listen. */
static void test_second_listener(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint local = end("::", 80);
	uint64_t s[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		s[i] = open_socket(p.a.m, MINATO_TCP);
		minato_set(p.a.m, s[i], MINATO_OPT_REUSEADDR, 1);
		assert_int_equal(minato_bind(p.a.m, s[i], &local), 0);
	}
	assert_int_equal(minato_listen(p.a.m, s[0], 5), 0);
	assert_int_equal(minato_listen(p.a.m, s[1], 5), -EADDRINUSE);
	pair_end(&p);
}

static uint64_t speak_as(struct minato *m, const char *text, uint16_t port)
{
	const struct minato_endpoint as = end(text, port);
	const uint64_t s = open_socket(m, MINATO_TCP);

	assert_int_equal(minato_set(m, s, MINATO_OPT_TRANSPARENT, 1), 0);
	assert_int_equal(minato_set(m, s, MINATO_OPT_REUSEADDR, 1), 0);
	assert_int_equal(minato_bind(m, s, &as), 0);
	return s;
}

/* The name of somebody else is claimed by who listens there, not by who connects from there. */
static void test_borrowed_name(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t one = speak_as(p.a.m, "192.0.2.1", 4000);
	const uint64_t two = speak_as(p.a.m, "192.0.2.1", 4000);
	const struct minato_endpoint to = end("10.0.0.2", 80), other = end("10.0.0.2", 81);
	struct minato_endpoint is;

	(void)state;
	assert_int_equal(minato_connect(p.a.m, one, &to), -EINPROGRESS);
	assert_int_equal(minato_local(p.a.m, one, &is), 0);
	assert_int_equal(is.port, 4000);
	assert_int_equal(minato_connect(p.a.m, two, &to), -EADDRNOTAVAIL);
	assert_int_equal(minato_connect(p.a.m, two, &other), -EINPROGRESS);
	assert_int_equal(minato_listen(p.a.m, speak_as(p.a.m, "192.0.2.1", 4000), 1), 0);
	assert_int_equal(minato_listen(p.a.m, speak_as(p.a.m, "192.0.2.1", 4000), 1), -EADDRINUSE);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_close_frees),
		cmocka_unit_test(test_v6_only),
		cmocka_unit_test(test_said_before_bind),
		cmocka_unit_test(test_reuse_port),
		cmocka_unit_test(test_exclusive),
		cmocka_unit_test(test_group_of_one_user),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_port_when_needed),
		cmocka_unit_test(test_late_datagrams_move),
		cmocka_unit_test(test_datagrams_share_ports),
		cmocka_unit_test(test_listen_unbound),
		cmocka_unit_test(test_second_listener),
		cmocka_unit_test(test_borrowed_name),
	};

	return cmocka_run_group_tests_name("bind", tests, NULL, NULL);
}
