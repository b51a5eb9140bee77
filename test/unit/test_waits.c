/* SPDX-License-Identifier: BSD-2-Clause */
/* TIME-WAIT as records of 32 bytes: entered, answered, ended, reused. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

/* A connection that a closed first; its ports are the same each time. */
static void close_one(struct pair *p, uint64_t l, uint16_t port)
{
	const uint64_t c = open_bound(p->a.m, MINATO_TCP, "10.0.0.1", port);
	const struct minato_endpoint peer = end("10.0.0.2", 80);
	uint64_t s;

	assert_int_equal(minato_connect(p->a.m, c, &peer), -EINPROGRESS);
	pass(p, 5 * MILLI);
	assert_int_equal(minato_accept(p->b.m, l, &s, NULL), 0);
	assert_int_equal(minato_close(p->a.m, c), 0);
	pass(p, 5 * MILLI);
	assert_int_equal(minato_close(p->b.m, s), 0);
	pass(p, 50 * MILLI);
}

static uint32_t waiting_rows(struct minato *m)
{
	struct minato_row row;
	uint64_t cursor = 0;
	uint32_t count = 0;

	while (minato_row(m, &cursor, &row))
		count += row.state == MINATO_TIME_WAIT;
	return count;
}

static void test_minute(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);

	(void)state;
	close_one(&p, l, 5000);
	assert_int_equal(p.a.m->sockets.used, 0);
	assert_int_equal(waiting_rows(p.a.m), 1);
	assert_int_equal(waiting_rows(p.b.m), 0);
	pass(&p, 59 * SECOND);
	assert_int_equal(waiting_rows(p.a.m), 1);
	pass(&p, 2 * SECOND);
	assert_int_equal(waiting_rows(p.a.m), 0);
	assert_int_equal(port_tuple_count(host_table(p.a.m)), 0);
	assert_int_equal(minato_deadline(p.a.m).ns, INT64_MAX);
	pair_end(&p);
}

static void test_port_is_kept(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const struct minato_endpoint local = end("10.0.0.1", 5000);
	uint64_t c;

	(void)state;
	close_one(&p, l, 5000);
	c = open_socket(p.a.m, MINATO_TCP);
	assert_int_equal(minato_bind(p.a.m, c, &local), -EADDRINUSE);
	pass(&p, 61 * SECOND);
	assert_int_equal(minato_bind(p.a.m, c, &local), 0);
	pair_end(&p);
}

static void test_full_ends_the_oldest(void **state)
{
	struct minato_config ca = small_config(MINATO_LINK_IP, 1);
	const struct minato_config cb = small_config(MINATO_LINK_IP, 2);
	struct pair p;
	uint64_t l;

	(void)state;
	ca.time_wait_max = 3;
	p = pair_with(&ca, &cb);
	l = open_listener(p.b.m, "::", 80, 5);
	for (uint16_t i = 0; i < 5; i++)
		close_one(&p, l, (uint16_t)(5000 + i));
	assert_int_equal(waiting_rows(p.a.m), 3);
	assert_int_equal(counter(p.a.m, "time_wait_victim"), 2);
	assert_int_equal(port_tuple_count(host_table(p.a.m)), 3);
	pass(&p, 61 * SECOND);
	assert_int_equal(waiting_rows(p.a.m), 0);
	pair_end(&p);
}

/* Its user has another clock: what yields to a connection of ours does not yield
   to a lease, which is refused rather. */
static void test_yields_to_no_lease(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const struct minato_wish wish = {
		.proto = MINATO_TCP,
		.local = addr("10.0.0.1"),
		.remote = end("10.0.0.2", 80),
		.low = 5000,
		.high = 5000,
	};
	const struct minato_endpoint peer = end("10.0.0.2", 80), local = end("10.0.0.1", 5000);
	uint64_t lease, c, s;
	uint16_t port;

	(void)state;
	for (int i = 0; i < 2; i++) {
		c = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_REUSEADDR, 1), 0);
		assert_int_equal(minato_bind(p.a.m, c, &local), 0);
		assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
		assert_int_equal(waiting_rows(p.a.m), 0);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
		assert_int_equal(minato_close(p.a.m, c), 0);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_close(p.b.m, s), 0);
		pass(&p, 50 * MILLI);
		assert_int_equal(minato_port_take(p.a.m, &wish, &lease, &port), -EADDRNOTAVAIL);
		assert_int_equal(waiting_rows(p.a.m), 1);
	}
	pair_end(&p);
}

/* The server closed first: the same client comes again at once (RFC 6191). */
static void test_reopened_by_syn(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const struct minato_endpoint peer = end("10.0.0.2", 80), local = end("10.0.0.1", 5000);
	uint64_t s, c;

	(void)state;
	for (int i = 0; i < 3; i++) {
		c = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_REUSEADDR, 1), 0);
		assert_int_equal(minato_bind(p.a.m, c, &local), 0);
		assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
		assert_int_equal(minato_close(p.b.m, s), 0);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_close(p.a.m, c), 0);
		pass(&p, 2 * SECOND);
		assert_int_equal(waiting_rows(p.b.m), 1);
	}
	assert_int_equal(counter(p.b.m, "time_wait_reused"), 2);
	pair_end(&p);
}

/* An active open may take the place of its own TIME-WAIT at once (RFC 6191). */
static void test_reused_by_connect(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	const struct minato_endpoint peer = end("10.0.0.2", 80), local = end("10.0.0.1", 5000);
	uint64_t c, s;

	(void)state;
	close_one(&p, l, 5000);
	c = open_socket(p.a.m, MINATO_TCP);
	/* Without the option the port is taken until the minute is over. */
	assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_REUSEADDR, 1), 0);
	assert_int_equal(minato_bind(p.a.m, c, &local), -EADDRINUSE);
	pass(&p, 61 * SECOND);
	for (int i = 0; i < 2; i++) {
		c = open_socket(p.a.m, MINATO_TCP);
		assert_int_equal(minato_set(p.a.m, c, MINATO_OPT_REUSEADDR, 1), 0);
		assert_int_equal(minato_bind(p.a.m, c, &local), 0);
		assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_accept(p.b.m, l, &s, NULL), 0);
		assert_int_equal(minato_close(p.a.m, c), 0);
		pass(&p, 5 * MILLI);
		assert_int_equal(minato_close(p.b.m, s), 0);
		pass(&p, 5 * MILLI);
	}
	assert_int_equal(counter(p.a.m, "time_wait_reused"), 1);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minute),
		cmocka_unit_test(test_port_is_kept),
		cmocka_unit_test(test_full_ends_the_oldest),
		cmocka_unit_test(test_yields_to_no_lease),
		cmocka_unit_test(test_reopened_by_syn),
		cmocka_unit_test(test_reused_by_connect),
	};

	return cmocka_run_group_tests_name("waits", tests, NULL, NULL);
}
