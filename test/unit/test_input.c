/* SPDX-License-Identifier: BSD-2-Clause */
/* Vectors of frames: any length, leased chunks taken over, nothing sent. */
#include "hosts.h"
#include "stack/stack.h"

static void test_long_vector(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const uint64_t b = open_bound(p.b.m, MINATO_UDP, "::", 53);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 53) };
	static uint8_t bytes[100][100];
	struct minato_frame in[100];
	struct minato_frame_out f[100];
	uint8_t data;

	(void)state;
	for (uint8_t i = 0; i < 100; i++)
		assert_int_equal(minato_send_datagram(p.a.m, s, &to, &i, 1), 1);
	assert_int_equal(minato_output(p.a.m, p.now, f, 100), 100);
	for (int i = 0; i < 100; i++)
		in[i] = (struct minato_frame){ .data = bytes[i], .len = flat(&f[i], bytes[i]),
					       .chunk = MINATO_CHUNK_NONE };
	minato_input(p.b.m, p.now, in, 100);
	for (uint8_t i = 0; i < 100; i++) {
		assert_int_equal(minato_recv(p.b.m, b, &data, 1, 0), 1);
		assert_int_equal(data, i);
	}
	minato_input(p.b.m, p.now, NULL, 0);
	pair_end(&p);
}

/* A chunk is taken over also where the frame is dropped. */
static void test_dropped_chunk(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_extent where;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct minato_frame f = { .len = 100 };
		f.chunk = minato_lease(p.a.m, &where);
		assert_int_not_equal(f.chunk, MINATO_CHUNK_NONE);
		f.data = where.base;
		memset(where.base, i, 100);
		minato_input(p.a.m, p.now, &f, 1);
	}
	assert_int_equal(p.a.m->payload.large.used, 0);
	assert_int_equal(counter(p.a.m, "rx_frames"), 200);
	pair_end(&p);
}

static void test_empty_frame(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const struct minato_frame f = { .data = (const uint8_t *)"", .chunk = MINATO_CHUNK_NONE };

	(void)state;
	minato_input(p.a.m, p.now, &f, 1);
	assert_int_equal(counter(p.a.m, "drop_truncated"), 1);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_vector),
		cmocka_unit_test(test_dropped_chunk),
		cmocka_unit_test(test_empty_frame),
	};

	return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
