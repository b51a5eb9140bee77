/* SPDX-License-Identifier: BSD-2-Clause */
/* What minato_output puts out: in which order, how many, and how it looks. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

static uint32_t take_all(struct pair *p, struct minato *m, struct minato_frame_out *f,
			 uint32_t max)
{
	return (uint32_t)minato_output(m, p->now, f, max);
}

static void test_order_of_datagrams(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	struct minato_frame_out f[16];

	(void)state;
	for (uint8_t i = 0; i < 10; i++)
		assert_int_equal(minato_send_datagram(p.a.m, s, &to, &i, 1), 1);
	assert_int_equal(take_all(&p, p.a.m, f, 16), 10);
	for (uint8_t i = 0; i < 10; i++)
		assert_int_equal(*(uint8_t *)f[i].extents[1].base, i);
	pair_end(&p);
}

/* Fewer than asked for means: nothing more is due. */
static void test_counts(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	struct minato_frame_out f[16];

	(void)state;
	for (int i = 0; i < 10; i++)
		minato_send_datagram(p.a.m, s, &to, "x", 1);
	assert_int_equal(minato_deadline(p.a.m).ns, p.now.ns);
	assert_int_equal(take_all(&p, p.a.m, f, 4), 4);
	assert_int_equal(minato_deadline(p.a.m).ns, p.now.ns);
	assert_int_equal(take_all(&p, p.a.m, f, 4), 4);
	assert_int_equal(take_all(&p, p.a.m, f, 4), 2);
	assert_int_equal(take_all(&p, p.a.m, f, 4), 0);
	assert_int_equal(minato_deadline(p.a.m).ns, INT64_MAX);
	pair_end(&p);
}

/* Sockets take turns: one with much to say does not silence another. */
static void test_turns(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s[2] = { open_socket(p.a.m, MINATO_UDP), open_socket(p.a.m, MINATO_UDP) };
	struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	struct minato_frame_out f[64];
	uint32_t first_of_second = 64;

	(void)state;
	for (int i = 0; i < 60; i++)
		minato_send_datagram(p.a.m, s[0], &to, "a", 1);
	minato_send_datagram(p.a.m, s[1], &to, "b", 1);
	assert_int_equal(take_all(&p, p.a.m, f, 64), 61);
	for (uint32_t i = 0; i < 61; i++)
		if (*(char *)f[i].extents[1].base == 'b')
			first_of_second = i;
	assert_true(first_of_second < 30);
	pair_end(&p);
}

/* Linux's face: DF, TTL 64, an identification that counts, MSS each. */
static void test_like_linux(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	static char data[5000];
	static uint8_t bytes[FRAME_MAX];
	struct minato_frame_out f[16];
	uint32_t count, id = 0, seq = 0;

	(void)state;
	assert_int_equal(minato_send(p.a.m, c, data, sizeof(data), 0), 5000);
	count = take_all(&p, p.a.m, f, 16);
	assert_int_equal(count, 4);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t len = flat(&f[i], bytes);
		const uint32_t this_id = (uint32_t)bytes[4] << 8 | bytes[5];
		const uint32_t this_seq = (uint32_t)bytes[24] << 24 | (uint32_t)bytes[25] << 16 |
					  (uint32_t)bytes[26] << 8 | bytes[27];
		assert_int_equal(f[i].gso_size, 0);
		assert_int_equal(f[i].csum_start, 0);
		assert_int_equal(bytes[0], 0x45);
		assert_int_equal(bytes[6], 0x40);
		assert_int_equal(bytes[8], 64);
		assert_int_equal(len, i < 3 ? 1500 : 20 + 32 + 5000 - 3 * 1448);
		if (i > 0) {
			assert_int_equal(this_id, (id + 1) & 0xffff);
			assert_int_equal(this_seq, seq + 1448);
		}
		id = this_id;
		seq = this_seq;
		/* PSH at the end of what was written. */
		assert_int_equal(bytes[33], i < 3 ? 0x10 : 0x18);
	}
	pair_end(&p);
}

static void test_offloads(void **state)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	static char data[14000];
	struct minato_frame_out f[16];
	struct pair p;
	uint64_t l, c, s;

	(void)state;
	ca.link[0].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4;
	p = pair_with(&ca, &cb);
	l = open_listener(p.b.m, "::", 80, 5);
	c = join(&p, l, "10.0.0.2", 80, &s);
	assert_int_equal(minato_send(p.a.m, c, data, sizeof(data), 0), 14000);
	assert_int_equal(take_all(&p, p.a.m, f, 16), 1);
	assert_int_equal(f[0].gso, MINATO_GSO_TCP4);
	assert_int_equal(f[0].gso_size, 1448);
	assert_int_equal(f[0].header_len, 14 + 20 + 32);
	assert_int_equal(f[0].csum_start, 34);
	assert_int_equal(f[0].csum_offset, 16);
	assert_int_equal(f[0].len, 66 + 14000);
	assert_int_equal(f[0].extents[0].len, 66);
	pair_end(&p);
}

/* A plain link and a small vector: the rest of a cut segment follows next,
   also when it has been acknowledged meanwhile. */
static void test_cut_over_several_calls(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;
	const uint64_t c = join(&p, l, "10.0.0.2", 80, &s);
	static char data[14000], got[20000];
	struct minato_frame_out f[2];
	static uint8_t bytes[FRAME_MAX];
	size_t received = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 13);
	assert_int_equal(minato_send(p.a.m, c, data, sizeof(data), 0), 14000);
	while (take_all(&p, p.a.m, f, 1) == 1) {
		struct minato_frame in = { .data = bytes, .chunk = MINATO_CHUNK_NONE };
		int64_t n;
		in.len = flat(&f[0], bytes);
		minato_input(p.b.m, p.now, &in, 1);
		/* The answer comes back before the next piece leaves. */
		carry(&p, false);
		n = minato_recv(p.b.m, s, got + received, sizeof(got) - received, 0);
		if (n > 0)
			received += (size_t)n;
	}
	assert_int_equal(received, sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	pair_end(&p);
}

/* A connection that waits for a MAC loses nothing and blocks nobody. */
static void test_waiting_for_a_neighbour(void **state)
{
	struct pair p = pair_new(MINATO_LINK_ETHERNET);
	const uint64_t absent = open_socket(p.a.m, MINATO_TCP);
	const struct minato_endpoint nobody = end("10.0.0.99", 80);
	const uint64_t l = open_listener(p.b.m, "::", 80, 5);
	uint64_t s;

	(void)state;
	assert_int_equal(minato_connect(p.a.m, absent, &nobody), -EINPROGRESS);
	settle(&p);
	join(&p, l, "10.0.0.2", 80, &s);
	pass(&p, 4 * SECOND);
	assert_int_equal(minato_error(p.a.m, absent), EHOSTUNREACH);
	pair_end(&p);
}

static void test_more_than_the_most(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t s = open_socket(p.a.m, MINATO_UDP);
	const struct minato_datagram to = { .remote = end("10.0.0.2", 9) };
	static struct minato_frame_out f[600];

	(void)state;
	for (int i = 0; i < 400; i++)
		minato_send_datagram(p.a.m, s, &to, "x", 1);
	assert_int_equal(take_all(&p, p.a.m, f, 600), STACK_OUTPUT_MAX);
	/* The deadline says that there is more. */
	assert_int_equal(minato_deadline(p.a.m).ns, p.now.ns);
	assert_int_equal(take_all(&p, p.a.m, f, 600), 400 - STACK_OUTPUT_MAX);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_of_datagrams),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_like_linux),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_cut_over_several_calls),
		cmocka_unit_test(test_waiting_for_a_neighbour),
		cmocka_unit_test(test_more_than_the_most),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
