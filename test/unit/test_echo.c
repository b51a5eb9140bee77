/* SPDX-License-Identifier: BSD-2-Clause */
/* Pings: answered for our addresses, sent and heard by echo sockets. */
#include <errno.h>

#include "hosts.h"

static void ping(const char *to, uint8_t request, uint8_t reply, uint32_t len)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, MINATO_ICMP);
	const struct minato_endpoint peer = end(to, 0);
	struct minato_endpoint local;
	uint8_t data[1400] = { request, 0, 1, 2, 3, 4, 0, 7 };
	uint8_t got[1500];

	for (uint32_t i = 8; i < len; i++)
		data[i] = (uint8_t)i;
	assert_int_equal(minato_connect(p.a.m, s, &peer), 0);
	assert_int_equal(minato_send(p.a.m, s, data, len, 0), len);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, s, got, sizeof(got), 0), len);
	assert_int_equal(minato_local(p.a.m, s, &local), 0);
	assert_int_equal(got[0], reply);
	assert_int_equal(got[4] << 8 | got[5], local.port);
	assert_memory_equal(got + 6, data + 6, len - 6);
	assert_int_equal(counter(p.b.m, "echo_replies"), 1);
	assert_int_equal(counter(p.a.m, "drop_icmp_checksum"), 0);
	pair_end(&p);
}

static void test_v4(void **state)
{
	(void)state;
	ping("10.0.0.2", 8, 0, 64);
}

static void test_v6(void **state)
{
	(void)state;
	ping("fd00::2", 128, 129, 64);
}

static void test_sizes(void **state)
{
	(void)state;
	ping("10.0.0.2", 8, 0, 8);
	ping("10.0.0.2", 8, 0, 1399);
	ping("fd00::2", 128, 129, 9);
}

static void test_only_requests_go_out(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t s = open_socket(p.a.m, MINATO_ICMP);
	const struct minato_endpoint peer = end("10.0.0.2", 0);
	uint8_t data[8] = { 5 };

	(void)state;
	assert_int_equal(minato_connect(p.a.m, s, &peer), 0);
	assert_int_equal(minato_send(p.a.m, s, data, 8, 0), -EINVAL);
	data[0] = 8;
	assert_int_equal(minato_send(p.a.m, s, data, 7, 0), -EINVAL);
	assert_int_equal(minato_send(p.a.m, s, data, 8, 0), 8);
	pair_end(&p);
}

/* Two sockets, two identifiers: each hears its own replies. */
static void test_identifiers(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t one = open_bound(p.a.m, MINATO_ICMP, "::", 100);
	const uint64_t two = open_bound(p.a.m, MINATO_ICMP, "::", 200);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 0) };
	const uint8_t data[8] = { 8 };
	uint8_t got[100];

	(void)state;
	assert_int_equal(minato_send_datagram(p.a.m, one, &to, data, 8), 8);
	settle(&p);
	assert_int_equal(minato_recv(p.a.m, two, got, 100, 0), -EAGAIN);
	assert_int_equal(minato_recv(p.a.m, one, got, 100, 0), 8);
	assert_int_equal(got[5], 100);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v4),
		cmocka_unit_test(test_v6),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_only_requests_go_out),
		cmocka_unit_test(test_identifiers),
	};

	return cmocka_run_group_tests_name("echo", tests, NULL, NULL);
}
