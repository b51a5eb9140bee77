/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters have a name each, and none twice. */
#include "hosts.h"

static void test_names(void **state)
{
	const uint32_t count = minato_counter_count();

	(void)state;
	assert_true(count > 50);
	assert_null(minato_counter_name(count));
	for (uint32_t i = 0; i < count; i++) {
		assert_non_null(minato_counter_name(i));
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(minato_counter_name(i), minato_counter_name(k));
	}
}

static void test_frames(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };

	(void)state;
	minato_send_datagram(p.a.m, s, &to, "x", 1);
	settle(&p);
	assert_int_equal(counter(p.a.m, "tx_frames"), counter(p.b.m, "rx_frames"));
	assert_int_equal(counter(p.a.m, "tx_bytes"), counter(p.b.m, "rx_bytes"));
	assert_int_equal(counter(p.b.m, "delivered") + counter(p.b.m, "drop_closed"),
			 counter(p.b.m, "rx_frames"));
	assert_int_equal(minato_counter(p.a.m, minato_counter_count()), 0);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
