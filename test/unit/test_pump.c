/* SPDX-License-Identifier: BSD-2-Clause */
/* The entrance: time through every door, one deadline for all beneath it. */
#include <errno.h>

#include "hosts.h"

static void test_each_call_moves_time(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t c = open_socket(p.a.m, MINATO_TCP);
	const struct minato_endpoint peer = end("10.0.0.9", 80);
	struct minato_frame_out f[4];
	int64_t at;

	(void)state;
	assert_int_equal(minato_connect(p.a.m, c, &peer), -EINPROGRESS);
	assert_int_equal(minato_deadline(p.a.m).ns, p.now.ns);
	assert_int_equal(minato_output(p.a.m, p.now, f, 4), 1);
	at = minato_deadline(p.a.m).ns;
	/* It may be early (a cascade of the wheel), never late. */
	assert_in_range(at - p.now.ns, 1, SECOND + 70 * 1000);
	/* By output, by input, by advance: the SYN is due again. */
	assert_int_equal(minato_output(p.a.m, (struct minato_time){ p.now.ns + SECOND + MILLI }, f,
				       4), 1);
	minato_input(p.a.m, (struct minato_time){ p.now.ns + 4 * SECOND }, NULL, 0);
	assert_int_equal(minato_deadline(p.a.m).ns, p.now.ns + 4 * SECOND);
	assert_int_equal(minato_output(p.a.m, p.now, f, 4), 1);
	minato_advance(p.a.m, (struct minato_time){ p.now.ns + 10 * SECOND });
	assert_int_equal(minato_output(p.a.m, p.now, f, 4), 1);
	pair_end(&p);
}

static void test_idle_has_no_deadline(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;

	(void)state;
	join(&p, l, "10.0.0.2", 80, &s);
	pass(&p, 100 * SECOND);
	assert_int_equal(minato_deadline(p.a.m).ns, INT64_MAX);
	assert_int_equal(minato_deadline(p.b.m).ns, INT64_MAX);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call_moves_time),
		cmocka_unit_test(test_idle_has_no_deadline),
	};

	return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
