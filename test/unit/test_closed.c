/* SPDX-License-Identifier: BSD-2-Clause */
/* The answers of closed ports, in both families and for both protocols. */
#include <errno.h>

#include "hosts.h"

static void refused(enum minato_proto proto, const char *to)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, proto);
	const struct minato_endpoint peer = end(to, 7);

	minato_connect(p.a.m, s, &peer);
	if (proto == MINATO_UDP)
		minato_send(p.a.m, s, "x", 1, 0);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, s), ECONNREFUSED);
	assert_int_equal(counter(p.b.m, "drop_closed"), 1);
	pair_end(&p);
}

static void test_refused(void **state)
{
	(void)state;
	refused(MINATO_TCP, "10.0.0.2");
	refused(MINATO_TCP, "fd00::2");
	refused(MINATO_UDP, "10.0.0.2");
	refused(MINATO_UDP, "fd00::2");
}

/* On a proxy link the answer needs no ARP: the question said enough. */
static void test_learned_from_the_question(void **state)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, 2 };
	const struct minato_addr b = addr("10.0.0.2");
	struct pair p;
	uint64_t s;
	const struct minato_endpoint peer = { b, 7 };

	(void)state;
	cb.link[0].proxy = true;
	p = pair_with(&ca, &cb);
	assert_int_equal(minato_neighbour_add(p.a.m, 0, &b, mac), 0);
	s = open_socket(p.a.m, MINATO_TCP);
	minato_connect(p.a.m, s, &peer);
	settle(&p);
	assert_int_equal(minato_error(p.a.m, s), ECONNREFUSED);
	assert_int_equal(p.frames, 2);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_learned_from_the_question),
	};

	return cmocka_run_group_tests_name("closed", tests, NULL, NULL);
}
