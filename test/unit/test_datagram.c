/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of datagrams where udp.c's tests do not reach. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static void test_wrong_kind(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t t = open_socket(p.a.m, MINATO_TCP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	struct minato_datagram from;
	char data[10];

	(void)state;
	assert_int_equal(minato_send_datagram(p.a.m, t, &to, "x", 1), -EOPNOTSUPP);
	assert_int_equal(minato_recv_datagram(p.a.m, t, &from, data, 1, 0), -EOPNOTSUPP);
	assert_int_equal(minato_recv_datagram(p.a.m, 9, &from, data, 1, 0), -EBADF);
	assert_int_equal(minato_commit_datagram(p.a.m, t, 1, &to), -EINVAL);
	assert_int_equal(minato_release(p.a.m, open_socket(p.a.m, MINATO_UDP), 0), -EINVAL);
	pair_end(&p);
}

static void test_too_long(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	static char data[70000];
	struct minato_datagram to = { .remote = end("10.0.0.2", 9), .gso_size = 1000 };

	(void)state;
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65536), -EMSGSIZE);
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65001), -EMSGSIZE);
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65000), 65000);
	to.gso_size = 1473;
	to.dont_fragment = true;
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 2000), -EMSGSIZE);
	assert_int_equal(p.a.m->messages.used, 1);
	to.gso_size = 0;
	to.dont_fragment = false;
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65508), -EMSGSIZE);
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65507), 65507);
	to.remote = end("fd00::2", 9);
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65528), -EMSGSIZE);
	assert_int_equal(minato_send_datagram(p.a.m, s, &to, data, 65527), 65527);
	pair_end(&p);
}

/* A borrowed datagram stays until it is released. */
static void test_borrow(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	struct minato_datagram from;
	struct minato_extent x[2];

	(void)state;
	assert_int_equal(minato_borrow(p.b.m, b, x, 2, &from), -EAGAIN);
	minato_send_datagram(p.a.m, a, &to, "one", 3);
	minato_send_datagram(p.a.m, a, &to, "two", 3);
	settle(&p);
	assert_int_equal(minato_borrow(p.b.m, b, x, 2, &from), 1);
	assert_memory_equal(x[0].base, "one", 3);
	assert_int_equal(from.len, 3);
	assert_int_equal(minato_borrow(p.b.m, b, x, 2, NULL), 1);
	assert_memory_equal(x[0].base, "one", 3);
	assert_int_equal(minato_release(p.b.m, b, 3), 0);
	assert_int_equal(minato_borrow(p.b.m, b, x, 2, &from), 1);
	assert_memory_equal(x[0].base, "two", 3);
	assert_int_equal(minato_release(p.b.m, b, 3), 0);
	pair_end(&p);
}

/* A pending error comes first, and once. */
static void test_error_first(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_endpoint peer = end("10.0.0.2", 9);
	struct minato_extent x[1];
	char data[4];

	(void)state;
	minato_connect(p.a.m, s, &peer);
	minato_send(p.a.m, s, "x", 1, 0);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, s, data, 4, 0), -ECONNREFUSED);
	assert_int_equal(minato_recv(p.a.m, s, data, 4, 0), -EAGAIN);
	minato_send(p.a.m, s, "x", 1, 0);
	settle(&p);
	assert_int_equal(minato_borrow(p.a.m, s, x, 1, NULL), -ECONNREFUSED);
	assert_int_equal(minato_borrow(p.a.m, s, x, 1, NULL), -EAGAIN);
	minato_send(p.a.m, s, "x", 1, 0);
	settle(&p);
	assert_int_equal(minato_send(p.a.m, s, "x", 1, 0), -ECONNREFUSED);
	assert_int_equal(minato_send(p.a.m, s, "x", 1, 0), 1);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_kind),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_borrow),
		cmocka_unit_test(test_error_first),
	};

	return cmocka_run_group_tests_name("datagram", tests, NULL, NULL);
}
