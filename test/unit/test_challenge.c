/* SPDX-License-Identifier: BSD-2-Clause */
/* A host that has forgotten its connections finds those that the other still has. */
#include <errno.h>

#include "hosts.h"

/* A connection from a to b, of which b then knows nothing: it has started anew. */
static struct pair half_open(const char *to, uint64_t *socket, struct minato_endpoint *client)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	struct pair fresh;
	struct host old;
	uint64_t listener;
	const struct minato_endpoint server = end(to, 80);

	listener = open_socket(p.b.m, MINATO_TCP);
	assert_int_equal(minato_bind(p.b.m, listener, &server), 0);
	assert_int_equal(minato_listen(p.b.m, listener, 4), 0);
	*socket = open_socket(p.a.m, MINATO_TCP);
	assert_int_equal(minato_connect(p.a.m, *socket, &server), -EINPROGRESS);
	settle(&p);
	assert_int_equal(minato_local(p.a.m, *socket, client), 0);
	assert_true((uint32_t)minato_ready(p.a.m, *socket, NULL) & MINATO_CONNECTED);
	fresh = pair_new(MINATO_LINK_ETHERNET);
	old = p.b;
	p.b = fresh.b;
	fresh.b = old;
	pair_end(&fresh);
	return p;
}

static void forgotten(const char *to)
{
	struct minato_endpoint server = end(to, 80);
	struct minato_endpoint client;
	uint64_t s;
	struct pair p = half_open(to, &s, &client);

	assert_int_equal(minato_challenge(p.b.m, 0, &server, &client), 0);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, s), ECONNRESET);
	assert_int_equal(counter(p.b.m, "rst_sent"), 1);
	pair_end(&p);
}

static void test_forgotten_is_reset(void **state)
{
	(void)state;
	forgotten("10.0.0.2");
	forgotten("fd00::2");
}

/* Of what stands on both sides nothing is asked. */
static void test_known_is_left_alone(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint server = end("10.0.0.2", 80);
	struct minato_endpoint client;
	uint64_t listener = open_socket(p.b.m, MINATO_TCP);
	uint64_t s = open_socket(p.a.m, MINATO_TCP);

	(void)state;
	assert_int_equal(minato_bind(p.b.m, listener, &server), 0);
	assert_int_equal(minato_listen(p.b.m, listener, 4), 0);
	minato_connect(p.a.m, s, &server);
	settle(&p);
	assert_int_equal(minato_local(p.a.m, s, &client), 0);
	assert_int_equal(minato_challenge(p.b.m, 0, &server, &client), -EEXIST);
	pair_end(&p);
}

static void test_wrong_ends(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_endpoint four = end("10.0.0.1", 80);
	const struct minato_endpoint six = end("fd00::2", 80);
	const struct minato_endpoint any = end("0.0.0.0", 80);
	const struct minato_endpoint portless = end("10.0.0.2", 0);

	(void)state;
	assert_int_equal(minato_challenge(p.b.m, 0, &six, &four), -EINVAL);
	assert_int_equal(minato_challenge(p.b.m, 0, &any, &four), -EINVAL);
	assert_int_equal(minato_challenge(p.b.m, 0, &portless, &four), -EINVAL);
	assert_int_equal(minato_challenge(p.b.m, 255, &four, &four), -EINVAL);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgotten_is_reset),
		cmocka_unit_test(test_known_is_left_alone),
		cmocka_unit_test(test_wrong_ends),
	};

	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
