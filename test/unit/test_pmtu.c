/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths narrower than their link: learned, bounded, forgotten; what datagrams make of it. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

/* Answers the frame that went out with "too big", as a router does. */
static void too_big(struct pair *p, const uint8_t *frame, uint32_t len, uint32_t mtu)
{
	const bool is6 = frame[0] >> 4 == 6;
	const uint32_t head = is6 ? 40 : 20;
	static uint8_t out[1280];
	struct ip_build ip = {
		.is6 = is6,
		.src = addr(is6 ? "fd00::99" : "10.0.0.99"),
		.dst = addr(is6 ? "fd00::1" : "10.0.0.1"),
		.proto = is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP,
		.hop_limit = 64,
	};
	struct minato_frame f = { .data = out, .chunk = MINATO_CHUNK_NONE, .csum_trusted = true };

	if (len > 400)
		len = 400;
	ip.payload_len = 8 + len;
	ip_build(&ip, out);
	memset(out + head, 0, 8);
	out[head] = is6 ? 2 : 3;
	out[head + 1] = is6 ? 0 : 4;
	out[head + 6] = (uint8_t)(mtu >> 8);
	out[head + 7] = (uint8_t)mtu;
	memcpy(out + head + 8, frame, len);
	f.len = head + 8 + len;
	minato_input(p->a.m, p->now, &f, 1);
}

static uint32_t longest(struct pair *p)
{
	struct minato_frame_out out;
	uint32_t max = 0;

	while (minato_output(p->a.m, p->now, &out, 1) == 1)
		if (out.len > max)
			max = out.len;
	return max;
}

static void test_datagrams(void **state)
{
	static uint8_t data[3000];

	(void)state;
	for (int is6 = 0; is6 < 2; is6++) {
		struct pair p = pair_new(MINATO_LINK_IP);
		const uint64_t a = open_bound(p.a.m, MINATO_UDP, "::", 7);
		struct minato_datagram to = { .remote = end(is6 ? "fd00::2" : "10.0.0.2", 53) };
		const uint32_t fit = is6 ? 1452 : 1472;
		struct minato_frame_out out;
		uint8_t frame[1500];

		assert_int_equal(minato_path_mtu(p.a.m, a, &to.remote.addr), 1500);
		minato_send_datagram(p.a.m, a, &to, data, fit);
		assert_int_equal(minato_output(p.a.m, p.now, &out, 1), 1);
		assert_int_equal(flat(&out, frame), 1500);
		/* Of a port that nobody has: not believed. */
		frame[(is6 ? 40 : 20) + 1] ^= 1;
		too_big(&p, frame, out.len, 1400);
		assert_int_equal(minato_path_mtu(p.a.m, a, &to.remote.addr), 1500);
		frame[(is6 ? 40 : 20) + 1] ^= 1;
		too_big(&p, frame, out.len, 1400);
		assert_int_equal(minato_path_mtu(p.a.m, a, &to.remote.addr), 1400);
		assert_int_equal(counter(p.a.m, "pmtu_learned"), 1);
		/* Smaller fragments, or a refusal; other destinations as before. */
		minato_send_datagram(p.a.m, a, &to, data, fit);
		assert_true(longest(&p) <= 1400);
		assert_int_equal(counter(p.a.m, "fragmented"), 1);
		to.dont_fragment = true;
		assert_int_equal(minato_send_datagram(p.a.m, a, &to, data, fit - 99), -EMSGSIZE);
		assert_int_equal(minato_send_datagram(p.a.m, a, &to, data, fit - 100), fit - 100);
		assert_int_equal(longest(&p), 1400);
		to.remote = end(is6 ? "fd00::3" : "10.0.0.3", 53);
		assert_int_equal(minato_send_datagram(p.a.m, a, &to, data, fit), fit);
		assert_int_equal(longest(&p), 1500);
		/* Wider again only by time. */
		to.remote = end(is6 ? "fd00::2" : "10.0.0.2", 53);
		too_big(&p, frame, out.len, 1450);
		assert_int_equal(minato_path_mtu(p.a.m, a, &to.remote.addr), 1400);
		too_big(&p, frame, out.len, 68);
		assert_int_equal(minato_path_mtu(p.a.m, a, &to.remote.addr), is6 ? 1280 : 552);
		p.now.ns += 600 * SECOND;
		minato_advance(p.a.m, p.now);
		assert_int_equal(minato_path_mtu(p.a.m, a, &to.remote.addr), 1500);
		pair_end(&p);
	}
}

/* A connection sends again what was too big, and the next one begins so. */
static void test_connection(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "10.0.0.2", 80, 5);
	static uint8_t data[20000], got[20000];
	struct minato_frame_out out[20];
	struct minato_info info;
	uint8_t frame[1500];
	uint64_t server, client;

	(void)state;
	client = join(&p, l, "10.0.0.2", 80, &server);
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3 + i / 256);
	assert_int_equal(minato_send(p.a.m, client, data, sizeof(data), 0), sizeof(data));
	assert_true(minato_output(p.a.m, p.now, out, 20) > 5);
	assert_int_equal(flat(&out[0], frame), 1500);
	too_big(&p, frame, out[0].len, 1300);
	p.largest = 0;
	pass(&p, 5 * SECOND);
	assert_int_equal(p.largest, 1300);
	assert_int_equal(minato_recv(p.b.m, server, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, data, sizeof(data));
	client = join(&p, l, "10.0.0.2", 80, &server);
	minato_info(p.a.m, client, &info);
	assert_int_equal(info.pmtu, 1300);
	pair_end(&p);
}

/* The link itself becomes narrower, and wider again. */
static void test_link(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "10.0.0.2", 80, 5);
	static uint8_t data[20000], got[20000];
	struct minato_frame_out out[20];
	struct minato_info info;
	uint64_t server, client;

	(void)state;
	client = join(&p, l, "10.0.0.2", 80, &server);
	for (uint32_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3 + i / 256);
	assert_int_equal(minato_send(p.a.m, client, data, sizeof(data), 0), sizeof(data));
	/* What has left is lost: it did not fit any more. */
	assert_true(minato_output(p.a.m, p.now, out, 20) > 5);
	assert_int_equal(minato_link_mtu(p.a.m, 0, 1400), 0);
	p.largest = 0;
	pass(&p, 5 * SECOND);
	assert_int_equal(p.largest, 1400);
	assert_int_equal(minato_recv(p.b.m, server, got, sizeof(got), 0), sizeof(got));
	assert_memory_equal(got, data, sizeof(data));
	assert_int_equal(minato_link_mtu(p.a.m, 0, 1500), 0);
	minato_info(p.a.m, client, &info);
	assert_int_equal(info.pmtu, 1400);
	client = join(&p, l, "10.0.0.2", 80, &server);
	minato_info(p.a.m, client, &info);
	assert_int_equal(info.pmtu, 1500);
	assert_int_equal(minato_link_mtu(p.a.m, 0, 575), -EINVAL);
	assert_int_equal(minato_link_mtu(p.a.m, 0, 65536), -EINVAL);
	assert_int_equal(minato_link_mtu(p.a.m, 1, 1500), -EINVAL);
	pair_end(&p);
}

static void test_bounded(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_addr to = addr("10.0.0.2");
	const struct minato_addr first = to;

	(void)state;
	for (uint32_t i = 0; i <= STACK_NARROW_MAX; i++) {
		assert_int_equal(pmtu_of(p.a.m, 0, &first), i == 0 ? 1500 : 1000);
		to.bytes[14] = (uint8_t)i;
		pmtu_learn(p.a.m, 0, &to, 1000);
		assert_int_equal(pmtu_of(p.a.m, 0, &to), 1000);
		p.now.ns++;
		minato_advance(p.a.m, p.now);
	}
	assert_int_equal(pmtu_of(p.a.m, 0, &first), 1500);
	pair_end(&p);
}

static void test_errors(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const struct minato_addr to = addr("10.0.0.2"), far = addr("8.8.8.8");

	(void)state;
	assert_int_equal(minato_path_mtu(p.a.m, 9, &to), -EBADF);
	assert_int_equal(minato_path_mtu(p.a.m, open_socket(p.a.m, MINATO_UDP), &far),
			 -ENETUNREACH);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
