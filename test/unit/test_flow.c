/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections between two hosts: handshake, data, ends, errors. */
#include <errno.h>

#include "hosts.h"

static void fill(uint8_t *data, size_t len, unsigned salt)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 31 + i / 251 + salt);
}

/* Sends all and reads all, turning the clock; checks every byte. */
static void transfer(struct pair *p, struct minato *from, uint64_t out, struct minato *to,
		     uint64_t in, size_t total)
{
	static uint8_t data[40000], got[40000];
	size_t sent = 0, received = 0;
	int64_t n;

	for (int turns = 0; received < total; turns++) {
		assert_true(turns < 100000);
		if (sent < total) {
			size_t part = total - sent < sizeof(data) ? total - sent : sizeof(data);
			fill(data, sizeof(data), 1);
			/* The pattern repeats every sizeof(data) bytes. */
			if (part > sizeof(data) - sent % sizeof(data))
				part = sizeof(data) - sent % sizeof(data);
			n = minato_send(from, out, data + sent % sizeof(data), part, 0);
			assert_true(n > 0 || n == -EAGAIN);
			if (n > 0)
				sent += (size_t)n;
		}
		settle(p);
		n = minato_recv(to, in, got, sizeof(got) - received % sizeof(got), 0);
		assert_true(n > 0 || n == -EAGAIN);
		if (n > 0) {
			assert_memory_equal(got, data + received % sizeof(data), (size_t)n);
			received += (size_t)n;
		} else {
			pass(p, 5 * MILLI);
		}
	}
}

static void whole_life(enum minato_link_type type, const char *to)
{
	struct pair p = pair_new(type);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, to, 80, &s);
	struct minato_endpoint e;
	char data[10];

	assert_true(ready(p.a.m, c) & MINATO_CONNECTED);
	assert_int_equal(minato_peer(p.b.m, s, &e), 0);
	assert_int_equal(minato_local(p.a.m, c, &e), 0);
	assert_int_equal(minato_send(p.a.m, c, "hello", 5, 0), 5);
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, s, data, 10, 0), 5);
	assert_int_equal(minato_send(p.b.m, s, "world!", 6, 0), 6);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, c, data, 10, 0), 6);
	assert_int_equal(minato_close(p.a.m, c), 0);
	settle(&p);
	assert_int_equal(minato_recv(p.b.m, s, data, 10, 0), 0);
	assert_int_equal(minato_close(p.b.m, s), 0);
	pass(&p, 100 * MILLI);
	assert_int_equal(minato_close(p.b.m, l), 0);
	pair_end(&p);
}

static void test_life(void **state)
{
	(void)state;
	whole_life(MINATO_LINK_ETHERNET, "10.0.0.2");
	whole_life(MINATO_LINK_ETHERNET, "fd00::2");
	whole_life(MINATO_LINK_IP, "10.0.0.2");
	whole_life(MINATO_LINK_IP, "fd00::2");
}

static void bulk(uint32_t offloads, const char *to)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	struct pair p;
	uint64_t l, s, c;

	ca.link[0].offloads = cb.link[0].offloads = offloads;
	p = pair_with(&ca, &cb);
	l = open_listener(p.b.m, "::", 80, 5);
	c = join(&p, l, to, 80, &s);
	transfer(&p, p.a.m, c, p.b.m, s, 3000000);
	transfer(&p, p.b.m, s, p.a.m, c, 3000000);
	if (offloads & MINATO_OFFLOAD_TSO4)
		assert_true(p.largest > 20000);
	else
		assert_true(p.largest <= 1514);
	assert_int_equal(counter(p.b.m, "drop_tcp_checksum"), 0);
	pair_end(&p);
}

static void test_bulk_plain(void **state)
{
	(void)state;
	bulk(0, "10.0.0.2");
	bulk(0, "fd00::2");
}

static void test_bulk_checksum_only(void **state)
{
	(void)state;
	bulk(MINATO_OFFLOAD_CSUM, "10.0.0.2");
}

static void test_bulk_segments(void **state)
{
	(void)state;
	bulk(MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6, "10.0.0.2");
	bulk(MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6, "fd00::2");
}

static void test_refused(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);
	const struct minato_endpoint peer = end("10.0.0.2", 81);

	(void)state;
	assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
	pass(&p, 10 * MILLI);
	assert_true(ready(p.a.m, c) & MINATO_ERROR);
	assert_true(ready(p.a.m, c) & MINATO_HANGUP);
	assert_int_equal(minato_error(p.a.m, c), ECONNREFUSED);
	assert_int_equal(minato_error(p.a.m, c), 0);
	assert_int_equal(counter(p.b.m, "rst_sent"), 1);
	pair_end(&p);
}

/* No neighbour answers: unreachable, as on Linux. */
static void test_unreachable(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);
	const struct minato_endpoint peer = end("10.0.0.77", 80);

	(void)state;
	assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
	pass(&p, 4 * SECOND);
	assert_int_equal(minato_error(p.a.m, c), EHOSTUNREACH);
	pair_end(&p);
}

static bool lose_all(void *user, bool from_a, uint8_t *frame, uint32_t *len)
{
	(void)user;
	(void)from_a;
	(void)frame;
	(void)len;
	return false;
}

static void test_timeout(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);
	const struct minato_endpoint peer = end("10.0.0.2", 80);

	(void)state;
	p.filter = lose_all;
	assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
	pass(&p, 180 * SECOND);
	assert_int_equal(minato_error(p.a.m, c), 0); /* MUST-23: three minutes at least */
	pass(&p, 120 * SECOND);
	assert_int_equal(minato_error(p.a.m, c), ETIMEDOUT);
	pair_end(&p);
}

static void test_reset(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	char data[10];

	(void)state;
	assert_int_equal(minato_abort(p.b.m, s), 0);
	assert_int_equal(minato_abort(p.b.m, s), -EBADF);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, c, data, 10, 0), -ECONNRESET);
	assert_int_equal(minato_send(p.a.m, c, data, 10, 0), -EPIPE);
	pair_end(&p);
}

/* RFC 2525 2.17: unread data thrown away is told. */
static void test_close_unread(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);

	(void)state;
	minato_send(p.a.m, c, "unread", 6, 0);
	settle(&p);
	assert_int_equal(minato_close(p.b.m, s), 0);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, c), ECONNRESET);
	pair_end(&p);
}

static void test_half_close(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	char data[10];

	(void)state;
	assert_int_equal(minato_shutdown(p.a.m, c, MINATO_SHUT_WR), 0);
	settle(&p);
	assert_true(ready(p.b.m, s) & MINATO_PEER_DONE);
	assert_int_equal(minato_recv(p.b.m, s, data, 10, 0), 0);
	assert_int_equal(minato_send(p.a.m, c, "x", 1, 0), -EPIPE);
	transfer(&p, p.b.m, s, p.a.m, c, 100000);
	assert_int_equal(minato_close(p.b.m, s), 0);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, c, data, 10, 0), 0);
	assert_true(ready(p.a.m, c) & MINATO_HANGUP);
	pair_end(&p);
}

/* The receiver stops: the sender's window closes, nothing is lost later. */
static void test_back_pressure(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	static char data[100000];
	uint64_t sent = 0, received = 0;
	int64_t n;

	(void)state;
	for (int i = 0; i < 200; i++) {
		n = minato_send(p.a.m, c, data, sizeof(data), 0);
		if (n > 0)
			sent += (uint64_t)n;
		pass(&p, 100 * MILLI);
	}
	assert_true(sent < 8000000);
	assert_false(ready(p.a.m, c) & MINATO_WRITABLE);
	for (int i = 0; i < 1000 && received < sent; i++) {
		n = minato_recv(p.b.m, s, data, sizeof(data), 0);
		if (n > 0)
			received += (uint64_t)n;
		pass(&p, 100 * MILLI);
	}
	assert_int_equal(received, sent);
	assert_true(ready(p.a.m, c) & MINATO_WRITABLE);
	pair_end(&p);
}

static void test_two_step_close(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	static char data[60000];
	uint64_t received = 0;
	int64_t n;

	(void)state;
	assert_true(minato_send(p.a.m, c, data, 50000, 0) == 50000);
	/* The handle is dead at once, the data arrives all the same. */
	assert_int_equal(minato_close(p.a.m, c), 0);
	assert_int_equal(minato_ready(p.a.m, c, NULL), -EBADF);
	for (int i = 0; i < 100; i++) {
		pass(&p, 10 * MILLI);
		n = minato_recv(p.b.m, s, data, sizeof(data), 0);
		if (n == 0)
			break;
		if (n > 0)
			received += (uint64_t)n;
	}
	assert_int_equal(received, 50000);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_bulk_plain),
		cmocka_unit_test(test_bulk_checksum_only),
		cmocka_unit_test(test_bulk_segments),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_close_unread),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_two_step_close),
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
