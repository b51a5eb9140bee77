/* SPDX-License-Identifier: BSD-2-Clause */
/* Zero copy both ways: borrow and release, reserve and commit, who owns what. */
#include <errno.h>

#include "hosts.h"
#include "stack/stack.h"

struct joined {
	struct pair p;
	uint64_t c, s;
};

static struct joined joined_new(void)
{
	struct joined j = { .p = pair_new(MINATO_LINK_ETHERNET) };
	const uint64_t l = open_listener(j.p.b.m, "::", 80, 5);

	j.c = join(&j.p, l, "10.0.0.2", 80, &j.s);
	return j;
}

static void test_reserve_commit(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[8];
	static char got[200000];
	size_t filled = 0, received = 0;
	int count = minato_reserve(j.p.a.m, j.c, 100000, x, 8);

	(void)state;
	assert_true(count >= 2);
	for (int i = 0; i < count; i++)
		for (size_t k = 0; k < x[i].len; k++)
			((char *)x[i].base)[k] = (char)(filled++ % 251);
	assert_int_equal(filled, 100000);
	assert_int_equal(minato_commit(j.p.a.m, j.c, filled, 0), 0);
	for (int i = 0; i < 100 && received < filled; i++) {
		int64_t n;
		pass(&j.p, 5 * MILLI);
		n = minato_recv(j.p.b.m, j.s, got + received, sizeof(got) - received, 0);
		if (n > 0)
			received += (size_t)n;
	}
	assert_int_equal(received, filled);
	for (size_t i = 0; i < received; i++)
		assert_int_equal(got[i], (char)(i % 251));
	pair_end(&j.p);
}

static void test_one_reservation(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[2];

	(void)state;
	assert_int_equal(minato_commit(j.p.a.m, j.c, 0, 0), -EINVAL);
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 100, x, 2), 1);
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 100, x, 2), -EBUSY);
	assert_int_equal(minato_commit(j.p.a.m, j.c, 101, 0), -EINVAL);
	assert_int_equal(minato_commit(j.p.a.m, j.c, 0, 0), 0);
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 0, x, 2), -EINVAL);
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 5, x, 0), -EINVAL);
	assert_int_equal(minato_reserve(j.p.a.m, 3, 5, x, 1), -EBADF);
	assert_int_equal(j.p.a.m->payload.small.used, 0);
	pair_end(&j.p);
}

/* A reservation ends with its socket. */
static void test_close_gives_back(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[2];

	(void)state;
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 70000, x, 2), 2);
	assert_int_equal(minato_close(j.p.a.m, j.c), 0);
	assert_int_equal(j.p.a.m->payload.large.used, 0);
	assert_int_equal(j.p.a.m->payload.small.used, 0);
	pair_end(&j.p);
}

/* Little in a large chunk is copied down: bytes must not hold 64 KB. */
static void test_little_is_copied_down(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[1];

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(minato_reserve(j.p.a.m, j.c, 60000, x, 1), 1);
		memset(x[0].base, 'x', 100);
		assert_int_equal(minato_commit(j.p.a.m, j.c, 100, MINATO_MSG_MORE), 0);
	}
	assert_int_equal(j.p.a.m->payload.large.used, 0);
	/* And it shares a chunk with what stands before it. */
	assert_int_equal(j.p.a.m->payload.small.used, 1);
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 60000, x, 1), 1);
	assert_int_equal(minato_commit(j.p.a.m, j.c, 5000, 0), 0);
	assert_int_equal(j.p.a.m->payload.large.used, 0);
	pair_end(&j.p);
}

static void test_room_bounds_reservation(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[40];
	struct minato_counts counts;
	size_t total = 0;
	int count;

	(void)state;
	assert_int_equal(minato_set(j.p.a.m, j.c, MINATO_OPT_SNDBUF, 30000), 0);
	assert_int_equal(minato_counts(j.p.a.m, j.c, &counts), 0);
	count = minato_reserve(j.p.a.m, j.c, 1000000, x, 40);
	assert_true(count > 0);
	for (int i = 0; i < count; i++)
		total += x[i].len;
	assert_int_equal(total, counts.room);
	assert_int_equal(minato_commit(j.p.a.m, j.c, total, 0), 0);
	assert_int_equal(minato_reserve(j.p.a.m, j.c, 1, x, 1), -EAGAIN);
	pair_end(&j.p);
}

static void test_borrow(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[4];
	const void *first;

	(void)state;
	assert_int_equal(minato_borrow(j.p.b.m, j.s, x, 4, NULL), -EAGAIN);
	minato_send(j.p.a.m, j.c, "abcdef", 6, 0);
	settle(&j.p);
	assert_int_equal(minato_borrow(j.p.b.m, j.s, x, 4, NULL), 1);
	assert_int_equal(x[0].len, 6);
	assert_memory_equal(x[0].base, "abcdef", 6);
	first = x[0].base;
	/* It stays where it is whatever comes behind it. */
	minato_send(j.p.a.m, j.c, "ghi", 3, 0);
	pass(&j.p, 300 * MILLI);
	assert_memory_equal(first, "abcdef", 6);
	assert_int_equal(minato_release(j.p.b.m, j.s, 10), -EINVAL);
	assert_int_equal(minato_release(j.p.b.m, j.s, 2), 0);
	assert_true(minato_borrow(j.p.b.m, j.s, x, 4, NULL) > 0);
	assert_memory_equal(x[0].base, "cdef", 4);
	assert_int_equal(minato_release(j.p.b.m, j.s, 7), 0);
	assert_int_equal(minato_borrow(j.p.b.m, j.s, x, 4, NULL), -EAGAIN);
	assert_int_equal(minato_release(j.p.b.m, j.s, 0), 0);
	minato_close(j.p.a.m, j.c);
	settle(&j.p);
	assert_int_equal(minato_borrow(j.p.b.m, j.s, x, 4, NULL), 0);
	pair_end(&j.p);
}

/* What was borrowed stays readable after the peer reset the connection. */
static void test_borrow_outlives_reset(void **state)
{
	struct joined j = joined_new();
	struct minato_extent x[4];
	char data[10];

	(void)state;
	minato_send(j.p.a.m, j.c, "abcdef", 6, 0);
	settle(&j.p);
	assert_int_equal(minato_borrow(j.p.b.m, j.s, x, 4, NULL), 1);
	minato_abort(j.p.a.m, j.c);
	settle(&j.p);
	assert_memory_equal(x[0].base, "abcdef", 6);
	minato_release(j.p.b.m, j.s, 6);
	assert_int_equal(minato_recv(j.p.b.m, j.s, data, 10, 0), -ECONNRESET);
	pair_end(&j.p);
}

static void feed_leased(struct pair *p, const uint8_t *bytes, const struct minato_frame_out *f)
{
	struct minato_extent where;
	struct minato_frame in = { .len = f->len, .gso = f->gso, .gso_size = f->gso_size,
				   .csum_trusted = true };

	in.chunk = minato_lease(p->b.m, &where);
	assert_int_not_equal(in.chunk, MINATO_CHUNK_NONE);
	memcpy(where.base, bytes, f->len);
	in.data = where.base;
	minato_input(p->b.m, p->now, &in, 1);
}

/* A leased chunk with a large payload is kept, a small one is copied. */
static void lease(size_t len, uint32_t large)
{
	struct minato_config ca = small_config(MINATO_LINK_ETHERNET, 1);
	const struct minato_config cb = small_config(MINATO_LINK_ETHERNET, 2);
	static uint8_t bytes[FRAME_MAX];
	static char data[60000], got[60000];
	struct minato_frame_out f[4];
	struct pair p;
	uint64_t l, c, s;
	size_t count;

	ca.link[0].offloads = MINATO_OFFLOAD_CSUM | MINATO_OFFLOAD_TSO4;
	p = pair_with(&ca, &cb);
	l = open_listener(p.b.m, "::", 80, 5);
	c = join(&p, l, "10.0.0.2", 80, &s);
	/* The window and congestion window open first. */
	for (int i = 0; i < 20; i++) {
		minato_send(p.a.m, c, data, sizeof(data), 0);
		pass(&p, 5 * MILLI);
		while (minato_recv(p.b.m, s, got, sizeof(got), 0) > 0)
			settle(&p);
	}
	assert_int_equal(p.b.m->payload.large.used, 0);
	memset(data, 'z', len);
	assert_int_equal(minato_send(p.a.m, c, data, len, 0), len);
	count = minato_output(p.a.m, p.now, f, 4);
	assert_int_equal(count, 1);
	flat(&f[0], bytes);
	feed_leased(&p, bytes, &f[0]);
	assert_int_equal(p.b.m->payload.large.used, large);
	assert_int_equal(minato_recv(p.b.m, s, got, sizeof(got), 0), len);
	assert_memory_equal(got, data, len);
	assert_int_equal(p.b.m->payload.large.used, 0);
	assert_int_equal(p.b.m->payload.small.used, 0);
	pair_end(&p);
}

static void test_large_is_kept(void **state)
{
	(void)state;
	lease(40000, 1);
}

static void test_small_is_copied(void **state)
{
	(void)state;
	lease(1000, 0);
}

static void test_unlease(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	struct minato_extent where;
	uint32_t chunk[64];

	(void)state;
	for (int i = 0; i < 64; i++) {
		chunk[i] = minato_lease(p.a.m, &where);
		assert_int_equal(where.len, MINATO_CHUNK_LARGE);
	}
	assert_int_equal(minato_lease(p.a.m, &where), MINATO_CHUNK_NONE);
	assert_null(where.base);
	assert_int_equal(counter(p.a.m, "lease_failed"), 1);
	for (int i = 0; i < 64; i++)
		minato_unlease(p.a.m, chunk[i]);
	minato_unlease(p.a.m, MINATO_CHUNK_NONE);
	assert_int_equal(p.a.m->payload.large.used, 0);
	pair_end(&p);
}

static void test_trunc_and_peek(void **state)
{
	struct joined j = joined_new();
	char data[10];

	(void)state;
	minato_send(j.p.a.m, j.c, "abcdef", 6, 0);
	settle(&j.p);
	assert_int_equal(minato_recv(j.p.b.m, j.s, data, 4, MINATO_MSG_PEEK), 4);
	assert_int_equal(minato_recv(j.p.b.m, j.s, NULL, 4, MINATO_MSG_TRUNC), 4);
	assert_int_equal(minato_recv(j.p.b.m, j.s, data, 4, 0), 2);
	assert_memory_equal(data, "ef", 2);
	assert_int_equal(minato_recv(j.p.b.m, j.s, data, 0, 0), 0);
	pair_end(&j.p);
}

static void test_not_a_stream(void **state)
{
	struct pair p = pair_new(MINATO_LINK_IP);
	const uint64_t l = open_listener(p.a.m, "::", 80, 5);
	const uint64_t fresh = open_socket(p.a.m, MINATO_TCP);
	struct minato_extent x[1];
	char data[4];

	(void)state;
	assert_int_equal(minato_send(p.a.m, l, "x", 1, 0), -ENOTCONN);
	assert_int_equal(minato_recv(p.a.m, l, data, 1, 0), -ENOTCONN);
	assert_int_equal(minato_borrow(p.a.m, l, x, 1, NULL), -ENOTCONN);
	assert_int_equal(minato_reserve(p.a.m, l, 1, x, 1), -ENOTCONN);
	assert_int_equal(minato_reserve(p.a.m, fresh, 1, x, 1), -ENOTCONN);
	assert_true(minato_send(p.a.m, fresh, "x", 1, 0) < 0);
	assert_int_equal(minato_send(p.a.m, 4, "x", 1, 0), -EBADF);
	assert_int_equal(minato_recv(p.a.m, 4, data, 1, 0), -EBADF);
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve_commit),
		cmocka_unit_test(test_one_reservation),
		cmocka_unit_test(test_close_gives_back),
		cmocka_unit_test(test_little_is_copied_down),
		cmocka_unit_test(test_room_bounds_reservation),
		cmocka_unit_test(test_borrow),
		cmocka_unit_test(test_borrow_outlives_reset),
		cmocka_unit_test(test_large_is_kept),
		cmocka_unit_test(test_small_is_copied),
		cmocka_unit_test(test_unlease),
		cmocka_unit_test(test_trunc_and_peek),
		cmocka_unit_test(test_not_a_stream),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
