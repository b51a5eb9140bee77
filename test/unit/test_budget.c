/* SPDX-License-Identifier: BSD-2-Clause */
/* Scarce memory: programs cannot take all, and hear when there is some again. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static struct pair scarce(void)
{
	struct minato_config ca = small_config(MINATO_LINK_IP, 1);
	const struct minato_config cb = small_config(MINATO_LINK_IP, 2);

	ca.chunks_small = 32;
	ca.chunks_large = 2;
	return pair_with(&ca, &cb);
}

static void test_a_quarter_is_kept(void **state)
{
	struct pair p = scarce();
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	static char data[100000];
	uint64_t s;

	(void)state;
	for (int i = 0; i < 10; i++) {
		const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
		while (minato_send(p.a.m, c, data, 1000, 0) > 0)
			;
	}
	assert_true(p.a.m->payload.small.used <= 24);
	pair_end(&p);
}

static void test_hears_of_relief(void **state)
{
	struct pair p = scarce();
	const uint64_t l = open_listener(p.b.m, "::", 80, 50);
	uint64_t s[2], c[2];
	static char data[100000];
	struct minato_event e;
	bool told = false;

	(void)state;
	for (int i = 0; i < 2; i++)
		c[i] = join(&p, l, "10.0.0.2", 80, &s[i]);
	/* The first takes it all; the second gets nothing. */
	while (minato_send(p.a.m, c[0], data, 1000, MINATO_MSG_MORE) > 0)
		;
	assert_int_equal(minato_send(p.a.m, c[1], data, 1000, 0), -EAGAIN);
	assert_int_equal(minato_reserve(p.a.m, c[1], 1000, (struct minato_extent[1]){ { 0 } }, 1),
			 -EAGAIN);
	assert_int_equal(p.a.m->starved, 2);
	while (minato_event(p.a.m, &e))
		;
	for (int i = 0; i < 20; i++) {
		pass(&p, 100 * MILLI);
		while (minato_recv(p.b.m, s[0], data, sizeof(data), 0) > 0)
			;
		while (minato_event(p.a.m, &e))
			told |= e.socket == c[1];
	}
	assert_true(told);
	assert_int_equal(p.a.m->starved, 0);
	assert_int_equal(minato_send(p.a.m, c[1], data, 1000, 0), 1000);
	pair_end(&p);
}

static void test_starved_socket_closes(void **state)
{
	struct pair p = scarce();
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	int64_t sent;

	(void)state;
	do
		sent = minato_send_datagram(p.a.m, s, &to, "x", 1);
	while (sent == 1);
	assert_int_equal(sent, -EAGAIN);
	assert_int_equal(p.a.m->starved, 1);
	assert_int_equal(minato_close(p.a.m, s), 0);
	assert_int_equal(p.a.m->starved, 0);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_quarter_is_kept),
		cmocka_unit_test(test_hears_of_relief),
		cmocka_unit_test(test_starved_socket_closes),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
