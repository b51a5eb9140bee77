/* SPDX-License-Identifier: BSD-2-Clause */
/* Options by name and number, ranges, and those of datagram sockets. */
#include <errno.h>

#include "hosts.h"

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < MINATO_OPTION_COUNT; i++) {
		const char *name = minato_option_name((enum minato_option)i);
		assert_non_null(name);
		assert_int_equal(minato_option_by_name(name), i);
	}
	assert_int_equal(minato_option_by_name("no-delay"), MINATO_OPT_NODELAY);
	assert_int_equal(minato_option_by_name("no-dela"), -ENOPROTOOPT);
	assert_int_equal(minato_option_by_name("no-delayy"), -ENOPROTOOPT);
	assert_int_equal(minato_option_by_name(""), -ENOPROTOOPT);
	assert_null(minato_option_name(MINATO_OPTION_COUNT));
}

/* Every option of TCP that can be set reads back as set. */
static void test_set_and_get(void **state)
{
	static const struct {
		enum minato_option option;
		int64_t value;
	} cases[] = {
		{ MINATO_OPT_REUSEADDR, 1 },	{ MINATO_OPT_REUSEPORT, 1 },
		{ MINATO_OPT_V6ONLY, 1 },	{ MINATO_OPT_TRANSPARENT, 1 },
		{ MINATO_OPT_KEEPALIVE, 1 },	{ MINATO_OPT_KEEPIDLE, 100 },
		{ MINATO_OPT_KEEPINTVL, 10 },	{ MINATO_OPT_KEEPCNT, 3 },
		{ MINATO_OPT_LINGER, 5 },	{ MINATO_OPT_LINGER2, 30 },
		{ MINATO_OPT_NODELAY, 1 },	{ MINATO_OPT_CORK, 1 },
		{ MINATO_OPT_MAXSEG, 1000 },	{ MINATO_OPT_SYNCNT, 3 },
		{ MINATO_OPT_USER_TIMEOUT, 5000 }, { MINATO_OPT_RETRIES2, 5 },
		{ MINATO_OPT_DEFER_ACCEPT, 5 },	{ MINATO_OPT_RCVLOWAT, 10 },
		{ MINATO_OPT_NOTSENT_LOWAT, 1000 }, { MINATO_OPT_OOBINLINE, 1 },
		{ MINATO_OPT_TIMESTAMPS, 0 },	{ MINATO_OPT_SACK, 0 },
		{ MINATO_OPT_WINDOW_SCALE, 3 }, { MINATO_OPT_CONGESTION, MINATO_NEWRENO },
		{ MINATO_OPT_TTL, 9 },		{ MINATO_OPT_TRAFFIC_CLASS, 0xb8 },
		{ MINATO_OPT_HOLD, 1 },
	};
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_TCP);
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(minato_set(p.a.m, s, cases[i].option, cases[i].value), 0);
		assert_int_equal(minato_get(p.a.m, s, cases[i].option, &value), 0);
		assert_int_equal(value, cases[i].value);
	}
	pair_end(&p);
}

static void test_defaults(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_TCP);
	static const struct {
		enum minato_option option;
		int64_t value;
	} cases[] = {
		{ MINATO_OPT_KEEPALIVE, 0 }, { MINATO_OPT_KEEPIDLE, 7200 },
		{ MINATO_OPT_KEEPINTVL, 75 }, { MINATO_OPT_KEEPCNT, 9 },
		{ MINATO_OPT_LINGER, -1 }, { MINATO_OPT_LINGER2, 60 },
		{ MINATO_OPT_SYNCNT, 7 }, { MINATO_OPT_RETRIES2, 15 },
		{ MINATO_OPT_TIMESTAMPS, 1 }, { MINATO_OPT_SACK, 1 },
		{ MINATO_OPT_CONGESTION, MINATO_CUBIC }, { MINATO_OPT_TTL, 64 },
	};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(minato_get(p.a.m, s, cases[i].option, &value), 0);
		assert_int_equal(value, cases[i].value);
	}
	pair_end(&p);
}

static void test_out_of_range(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_TCP);

	(void)state;
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_REUSEADDR, 2), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_NODELAY, -1), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TTL, 0), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TTL, 256), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_MAXSEG, 87), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_WINDOW_SCALE, 15), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_CONGESTION, 9), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPTION_COUNT, 1), -ENOPROTOOPT);
	assert_int_equal(minato_set(p.a.m, 8, MINATO_OPT_TTL, 1), -EBADF);
	pair_end(&p);
}

static void test_read_only(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_listener(p.a.m, "::", 80, 5);
	int64_t value;

	(void)state;
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TYPE, 1), -ENOPROTOOPT);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_ACCEPTCONN, 1), -ENOPROTOOPT);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_ERROR, 1), -ENOPROTOOPT);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_TYPE, &value), 0);
	assert_int_equal(value, MINATO_TCP);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_ACCEPTCONN, &value), 0);
	assert_int_equal(value, 1);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_ERROR, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(minato_get(p.a.m, 8, MINATO_OPT_TYPE, &value), -EBADF);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPTION_COUNT, &value), -ENOPROTOOPT);
	pair_end(&p);
}

static void test_datagrams(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	int64_t value;

	(void)state;
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_NODELAY, 1), -ENOPROTOOPT);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_HOLD, 1), -ENOPROTOOPT);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_NODELAY, &value), -ENOPROTOOPT);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TTL, 5), 0);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_TTL, &value), 0);
	assert_int_equal(value, 5);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TTL, 0), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TRAFFIC_CLASS, 255), 0);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_TRAFFIC_CLASS, &value), 0);
	assert_int_equal(value, 255);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_TRAFFIC_CLASS, 256), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_RCVBUF, -1), -EINVAL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_RCVBUF, 1), 0);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_RCVBUF, &value), 0);
	assert_int_equal(value, MINATO_CHUNK_SMALL);
	assert_int_equal(minato_set(p.a.m, s, MINATO_OPT_SNDBUF, 0), 0);
	assert_int_equal(minato_get(p.a.m, s, MINATO_OPT_SNDBUF, &value), 0);
	assert_int_equal(value, 1 << 20);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_set_and_get),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_datagrams),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
