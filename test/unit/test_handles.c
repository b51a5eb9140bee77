/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles: made, shut down, closed, stale; linger; counts and info. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static void test_make(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	uint64_t s;

	(void)state;
	assert_int_equal(minato_socket(p.a.m, (enum minato_proto)5, 0, &s), -EPROTONOSUPPORT);
	assert_int_equal(minato_socket(p.a.m, MINATO_TCP, 16, &s), -EINVAL);
	assert_int_equal(minato_socket(p.a.m, MINATO_TCP, 15, &s), 0);
	assert_int_not_equal(s, 0);
	pair_end(&p);
}

/* The slot is reused, the handle is not. */
static void test_stale(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	uint64_t old = open_socket(p.a.m, MINATO_UDP);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t s;
		assert_int_equal(minato_close(p.a.m, old), 0);
		s = open_socket(p.a.m, MINATO_UDP);
		assert_int_equal(slots_index(p.a.m, socket_at(p.a.m, 0)), 0);
		assert_int_equal((uint32_t)s, (uint32_t)old);
		assert_true(s != old);
		assert_int_equal(minato_ready(p.a.m, old, NULL), -EBADF);
		old = s;
	}
	assert_int_equal(minato_close(p.a.m, 0), -EBADF);
	assert_int_equal(minato_close(p.a.m, UINT64_MAX), -EBADF);
	pair_end(&p);
}

static void test_shutdown(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s, fresh = open_socket(p.a.m, MINATO_TCP);
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	char data[10];

	(void)state;
	assert_int_equal(minato_shutdown(p.a.m, fresh, MINATO_SHUT_WR), -ENOTCONN);
	assert_int_equal(minato_shutdown(p.a.m, c, 0), -EINVAL);
	assert_int_equal(minato_shutdown(p.a.m, c, 4), -EINVAL);
	assert_int_equal(minato_shutdown(p.a.m, 3, 1), -EBADF);
	/* SHUT_RD: the end at once; what comes is taken and thrown away. */
	assert_int_equal(minato_shutdown(p.a.m, c, MINATO_SHUT_RD), 0);
	assert_int_equal(minato_recv(p.a.m, c, data, 10, 0), 0);
	assert_int_equal(minato_send(p.b.m, s, "into the void", 13, 0), 13);
	pass(&p, 300 * MILLI);
	assert_int_equal(minato_recv(p.a.m, c, data, 10, 0), 0);
	assert_true(ready(p.b.m, s) & MINATO_DRAINED);
	pair_end(&p);
}

static void test_shutdown_datagrams(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "10.0.0.2", 53);
	const struct minato_endpoint peer = end("10.0.0.2", 53);
	char data[10];

	(void)state;
	(void)b;
	assert_int_equal(minato_shutdown(p.a.m, s, MINATO_SHUT_WR), -ENOTCONN);
	assert_int_equal(minato_connect(p.a.m, s, &peer), 0);
	assert_int_equal(minato_shutdown(p.a.m, s, MINATO_SHUT_WR | MINATO_SHUT_RD), 0);
	assert_int_equal(minato_send(p.a.m, s, "x", 1, 0), -EPIPE);
	assert_int_equal(minato_recv(p.a.m, s, data, 10, 0), 0);
	pair_end(&p);
}

/* SO_LINGER 0: close is a reset. */
static void test_linger(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);

	(void)state;
	assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_LINGER, 0), 0);
	assert_int_equal(minato_close(p.a.m, c), 0);
	settle(&p);
	assert_int_equal(minato_error(p.b.m, s), ECONNRESET);
	assert_int_equal(p.a.m->sockets.used, 0);
	pair_end(&p);
}

static void test_close_while_connecting(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_endpoint peer = end("10.0.0.9", 80);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);

	(void)state;
	assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
	settle(&p);
	assert_int_equal(minato_close(p.a.m, c), 0);
	pass(&p, 5 * MILLI);
	assert_int_equal(p.a.m->sockets.used, 0);
	/* The port that we chose rests: our SYN may yet arrive. */
	assert_int_equal(port_tuple_count(host_table(p.a.m)), 1);
	assert_int_equal(port_rest_count(host_table(p.a.m)), 1);
	pair_end(&p);
}

static void test_counts(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	struct minato_counts n;
	uint64_t s, c;

	(void)state;
	c = open_socket(p.a.m, MINATO_TCP);
	minato_connect(p.a.m, c, &(struct minato_endpoint){ addr("10.0.0.2"), 80 });
	pass(&p, 5 * MILLI);
	assert_int_equal(minato_counts(p.b.m, l, &n), 0);
	assert_int_equal(n.readable, 1);
	assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
	minato_send(p.a.m, c, "12345", 5, 0);
	assert_int_equal(minato_counts(p.a.m, c, &n), 0);
	assert_int_equal(n.unsent, 5);
	assert_int_equal(n.unacked, 5);
	settle(&p);
	assert_int_equal(minato_counts(p.b.m, s, &n), 0);
	assert_int_equal(n.readable, 5);
	pass(&p, 300 * MILLI);
	assert_int_equal(minato_counts(p.a.m, c, &n), 0);
	assert_int_equal(n.unacked, 0);
	assert_true(n.room > 10000);
	assert_int_equal(minato_counts(p.a.m, 5, &n), -EBADF);
	pair_end(&p);
}

static void test_info(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const uint64_t u = open_socket(p.a.m, MINATO_UDP);
	struct minato_info info;
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);

	(void)state;
	minato_send(p.a.m, c, "12345", 5, 0);
	pass(&p, 300 * MILLI);
	assert_int_equal(minato_info(p.a.m, c, &info), 0);
	assert_int_equal(info.state, MINATO_ESTABLISHED);
	assert_int_equal(info.bytes_acked, 5);
	assert_int_equal(info.pmtu, 1500);
	assert_int_equal(info.snd_una, info.snd_nxt);
	assert_int_equal(minato_info(p.b.m, l, &info), 0);
	assert_int_equal(info.state, MINATO_LISTEN);
	assert_int_equal(minato_info(p.a.m, u, &info), -EOPNOTSUPP);
	assert_int_equal(minato_info(p.a.m, 5, &info), -EBADF);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_shutdown_datagrams),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_close_while_connecting),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_info),
	};

	return cmocka_run_group_tests_name("handles", tests, NULL, NULL);
}
