/* SPDX-License-Identifier: BSD-2-Clause */
/* What the management hears: each mapping, each trouble once a second, the newest 1,024. */
#include "unit/nat_fixture.h"

static const char *const host = "10.0.0.7", *const server = "203.0.113.9";

static void mappings_come_and_go(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);
	struct minato_nat_news news;

	(void)state;
	assert_true(nat_news(n, &news));
	assert_int_equal(news.kind, MINATO_NEWS_MAPPED);
	assert_true(same_end(news.inside, end(host, 5000)) && same_end(news.outside, at));
	assert_true(news.at.ns == fixture_now.ns);
	map_udp(host, 5000, "192.0.2.5", 53); /* no destination is told of (RFC 6888 REQ-12) */
	assert_false(nat_news(n, &news));
	pass_ms(300001);
	assert_true(nat_news(n, &news));
	assert_int_equal(news.kind, MINATO_NEWS_UNMAPPED);
	assert_true(same_end(news.outside, at));
	assert_false(nat_news(n, &news));
}

static void a_trouble_is_told_once_a_second(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_nat_news news;

	(void)state;
	options.host_udp = 1;
	assert_int_equal(nat_set(n, &options), 0);
	map_udp(host, 1, server, 53);
	assert_true(nat_news(n, &news));
	for (uint16_t i = 0; i < 50; i++)
		out(UDP, end(host, (uint16_t)(2 + i)), end(server, 53), 0);
	pass_ms(1001);
	out(UDP, end(host, 99), end(server, 53), 0);
	assert_true(nat_news(n, &news));
	assert_int_equal(news.kind, MINATO_NEWS_HOST_BOUND);
	assert_int_equal(news.repeated, 49);
	assert_true(nat_news(n, &news));
	assert_int_equal(news.repeated, 0);
	assert_false(nat_news(n, &news));
}

static void the_oldest_give_way(void **state)
{
	struct minato_nat_news news;
	uint32_t count = 0;

	(void)state;
	for (uint16_t i = 0; i < 1030; i++)
		map_udp(host, (uint16_t)(2000 + i), server, 53);
	assert_int_equal(counted(NAT_COUNT_NEWS_LOST), 6);
	while (nat_news(n, &news)) {
		assert_int_equal(news.inside.port, 2006 + count);
		count++;
	}
	assert_int_equal(count, NAT_NEWS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mappings_come_and_go),
		CASE(a_trouble_is_told_once_a_second),
		CASE(the_oldest_give_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
