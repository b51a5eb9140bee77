/* SPDX-License-Identifier: BSD-2-Clause */
/* Readiness, the arrival counter, and the queue in which each stands once. */
#include <errno.h>

#include "hosts.h"

static uint32_t arrivals(struct minato *m, uint64_t s)
{
	uint32_t count;

	assert_true(minato_ready(m, s, &count) >= 0);
	return count;
}

static int drain(struct minato *m, uint64_t s)
{
	struct minato_event e;
	int count = 0;

	while (minato_event(m, &e))
		count += e.socket == s;
	return count;
}

static void test_each_stands_once(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	uint32_t before;

	(void)state;
	drain(p.b.m, s);
	before = arrivals(p.b.m, s);
	for (int i = 0; i < 5; i++) {
		minato_send(p.a.m, c, "x", 1, 0);
		pass(&p, 300 * MILLI);
	}
	assert_int_equal(drain(p.b.m, s), 1);
	assert_true(arrivals(p.b.m, s) >= before + 5);
	assert_int_equal(drain(p.b.m, s), 0);
	pair_end(&p);
}

static void test_user_word(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_bound(p.b.m, MINATO_UDP, "::", 53);
	const uint64_t a = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	struct minato_event e;
	uint64_t user;

	(void)state;
	assert_int_equal(minato_set_user(p.b.m, s, 0x1234567890abcdef), 0);
	assert_int_equal(minato_get_user(p.b.m, s, &user), 0);
	assert_true(user == 0x1234567890abcdef);
	assert_int_equal(minato_set_user(p.b.m, 9, 1), -EBADF);
	assert_int_equal(minato_get_user(p.b.m, 9, &user), -EBADF);
	minato_send_datagram(p.a.m, a, &to, "x", 1);
	settle(&p);
	assert_true(minato_event(p.b.m, &e));
	assert_true(e.user == 0x1234567890abcdef);
	assert_int_equal(e.ready, MINATO_READABLE | MINATO_WRITABLE);
	pair_end(&p);
}

static void test_closed_socket_has_no_event(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);

	(void)state;
	minato_send(p.a.m, c, "x", 1, 0);
	settle(&p);
	assert_int_equal(minato_close(p.b.m, s), 0);
	assert_int_equal(drain(p.b.m, s), 0);
	assert_int_equal(minato_ready(p.b.m, s, NULL), -EBADF);
	pair_end(&p);
}

/* The peer's traffic class is news when it changes, until it is asked for; ECN never is. */
static void test_class(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s, c = join(&p, l, "10.0.0.2", 80, &s);
	int64_t class = -1;
	char data[10];

	(void)state;
	assert_false(ready(p.b.m, s) & MINATO_CLASS);
	assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_TRAFFIC_CLASS, 0xb8 | 3), 0);
	minato_send(p.a.m, c, "x", 1, 0);
	settle(&p);
	assert_true(ready(p.b.m, s) & MINATO_CLASS);
	assert_int_equal(minato_get(p.b.m, s, MINATO_OPT_PEER_CLASS, &class), 0);
	assert_int_equal(class, 0xb8);
	assert_false(ready(p.b.m, s) & MINATO_CLASS);
	minato_recv(p.b.m, s, data, 10, 0);
	assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_TRAFFIC_CLASS, 0xb8), 0);
	minato_send(p.a.m, c, "y", 1, 0);
	settle(&p);
	assert_false(ready(p.b.m, s) & MINATO_CLASS);
	assert_int_equal(minato_set(p.b.m, s, MINATO_OPT_PEER_CLASS, 1), -ENOPROTOOPT);
	pair_end(&p);
}

static void test_stream_states(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s, c = open_socket(p.a.m, MINATO_TCP);
	char data[10];

	(void)state;
	assert_int_equal(ready(p.a.m, c), 0);
	assert_int_equal(ready(p.b.m, l), 0);
	minato_close(p.a.m, c);
	c = join(&p, l, "10.0.0.2", 80, &s);
	assert_int_equal(ready(p.a.m, c), MINATO_CONNECTED | MINATO_WRITABLE | MINATO_DRAINED);
	minato_send(p.a.m, c, "x", 1, 0);
	assert_false(ready(p.a.m, c) & MINATO_DRAINED);
	settle(&p);
	assert_true(ready(p.b.m, s) & MINATO_READABLE);
	minato_recv(p.b.m, s, data, 10, 0);
	assert_false(ready(p.b.m, s) & MINATO_READABLE);
	pass(&p, 300 * MILLI);
	assert_true(ready(p.a.m, c) & MINATO_DRAINED);
	minato_shutdown(p.a.m, c, MINATO_SHUT_WR);
	settle(&p);
	assert_true(ready(p.b.m, s) & MINATO_PEER_DONE);
	assert_true(ready(p.b.m, s) & MINATO_READABLE);
	assert_false(ready(p.b.m, s) & MINATO_HANGUP);
	minato_shutdown(p.b.m, s, MINATO_SHUT_WR);
	settle(&p);
	assert_true(ready(p.a.m, c) & MINATO_HANGUP);
	pair_end(&p);
}

static void test_low_water(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);

	(void)state;
	assert_int_equal(minato_set(p.b.m, s, MINATO_OPT_RCVLOWAT, 10), 0);
	minato_send(p.a.m, c, "12345", 5, 0);
	settle(&p);
	assert_false(ready(p.b.m, s) & MINATO_READABLE);
	minato_send(p.a.m, c, "67890", 5, 0);
	pass(&p, 300 * MILLI);
	assert_true(ready(p.b.m, s) & MINATO_READABLE);
	pair_end(&p);
}

/* Room for a third of the buffer, and the event that says so. */
static void test_writable(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	static char data[300000];
	struct minato_event e;
	bool told = false;

	(void)state;
	assert_int_equal(minato_set(p.b.m, s, MINATO_OPT_RCVBUF, 20000), 0);
	assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_SNDBUF, 60000), 0);
	while (minato_send(p.a.m, c, data, sizeof(data), 0) > 0)
		pass(&p, 50 * MILLI);
	assert_false(ready(p.a.m, c) & MINATO_WRITABLE);
	while (minato_event(p.a.m, &e))
		;
	for (int i = 0; i < 200 && !told; i++) {
		minato_recv(p.b.m, s, data, 5000, 0);
		pass(&p, 50 * MILLI);
		while (minato_event(p.a.m, &e))
			told |= e.socket == c && (e.ready & MINATO_WRITABLE);
	}
	assert_true(told);
	pair_end(&p);
}

static void test_urgent(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	char data[10];

	(void)state;
	assert_int_equal(minato_send(p.a.m, c, "!", 1, MINATO_MSG_OOB), 1);
	settle(&p);
	assert_true(ready(p.b.m, s) & MINATO_URGENT);
	assert_int_equal(minato_recv(p.b.m, s, data, 1, MINATO_MSG_OOB), 1);
	assert_int_equal(data[0], '!');
	assert_false(ready(p.b.m, s) & MINATO_URGENT);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_stands_once),
		cmocka_unit_test(test_user_word),
		cmocka_unit_test(test_closed_socket_has_no_event),
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_stream_states),
		cmocka_unit_test(test_low_water),
		cmocka_unit_test(test_writable),
		cmocka_unit_test(test_urgent),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
