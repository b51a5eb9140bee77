/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing, reading, borrowing, options, blocks: the owner's side. */
#include "tcp_bench.h"

static void writing_needs_an_open_connection(void **state)
{
	struct bench *b = *state;

	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), -ENOTCONN);
	bench_connect(b);
	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), 0);
	in(b, "R. 0:0(0) ack 1");
	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), -ECONNREFUSED);
	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), -ENOTCONN);
}

static void writing_after_a_reset(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "R 1:1(0)");
	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), -ECONNRESET);
	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), -EPIPE);
}

static void writing_is_bounded(void **state)
{
	struct bench *b = *state;
	static uint8_t data[10000];
	uint32_t total = 0, i;
	int64_t n;

	tcp_set(&b->env, &b->c, MINATO_OPT_SNDBUF, 25000);
	bench_accept(b);
	for (i = 0; i < 25000; i++)
		if (i < sizeof(data))
			data[i] = bench_byte(i + 1);
	assert_int_equal(tcp_room(&b->env, &b->c), 25000);
	while ((n = tcp_write(&b->env, &b->c, data, sizeof(data), 0)) > 0)
		total += (uint32_t)n;
	assert_int_equal(n, 0);
	assert_int_equal(total, 25000);
	assert_int_equal(tcp_room(&b->env, &b->c), 0);
	assert_true(tcp_next(&b->env, &b->c, &b->last));
	in(b, ". 1:1(0) ack 1001 win 257");
	assert_int_equal(tcp_room(&b->env, &b->c), 1000);
	assert_true(tcp_signals(&b->c) & TCP_SIGNAL_ROOM);
}

static void counts_of_the_queues(void **state)
{
	struct bench *b = *state;
	struct minato_counts n;

	bench_accept(b);
	in(b, "P. 1:501(500) ack 1 win 257");
	in(b, "P. 1001:1501(500) ack 1 win 257");
	bench_write(b, 3000, 0);
	assert_true(bench_next(b));
	tcp_counts(&b->env, &b->c, &n);
	assert_int_equal(n.readable, 500);
	assert_int_equal(n.unacked, 3000);
	assert_int_equal(n.unsent, 2012); /* a SACK block took 12 bytes */
	assert_int_equal(n.room, tcp_room(&b->env, &b->c));
}

static void drained_is_told(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	(void)tcp_signals(&b->c);
	in(b, ". 1:1(0) ack 51 win 257");
	assert_false(tcp_signals(&b->c) & TCP_SIGNAL_DRAINED);
	in(b, ". 1:1(0) ack 101 win 257");
	assert_true(tcp_signals(&b->c) & TCP_SIGNAL_DRAINED);
}

static void peeking_leaves_it(void **state)
{
	struct bench *b = *state;
	uint8_t data[200];

	bench_accept(b);
	in(b, "P. 1:101(100) ack 1 win 257");
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, MINATO_MSG_PEEK), 100);
	assert_int_equal(data[7], bench_byte(8));
	assert_int_equal(tcp_read(&b->env, &b->c, NULL, 40, MINATO_MSG_TRUNC), 40);
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, 0), 60);
	assert_int_equal(data[0], bench_byte(41));
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, 0), -EAGAIN);
}

/* The urgent byte, the first, is left out: where it lies it stays until something is read. */
static void peeking_behind_the_urgent_byte_leaves_it(void **state)
{
	struct bench *b = *state;
	uint8_t data[200];

	bench_accept(b);
	in(b, "PU. 1:101(100) ack 1 win 257 urg 1");
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, MINATO_MSG_PEEK), 99);
	assert_int_equal(data[0], bench_byte(2));
	assert_int_equal(data[98], bench_byte(100));
	assert_int_equal(tcp_read_queue(&b->env, &b->c)->bytes, 100);
	assert_int_equal(tcp_read(&b->env, &b->c, data, 1, MINATO_MSG_PEEK), 1);
	assert_int_equal(data[0], bench_byte(2));
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, MINATO_MSG_PEEK | MINATO_MSG_INLINE),
			 100);
	assert_int_equal(data[0], bench_byte(1));
	assert_int_equal(tcp_read(&b->env, &b->c, data, 1, MINATO_MSG_OOB), 1);
	assert_int_equal(data[0], bench_byte(1));
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, 0), 99);
	assert_int_equal(data[0], bench_byte(2));
	/* It alone: nothing to read, and still there. */
	in(b, "PU. 101:102(1) ack 1 win 257 urg 1");
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, MINATO_MSG_PEEK), -EAGAIN);
	assert_int_equal(tcp_read_queue(&b->env, &b->c)->bytes, 1);
	assert_int_equal(tcp_read(&b->env, &b->c, data, 200, 0), -EAGAIN);
	assert_int_equal(tcp_read_queue(&b->env, &b->c)->bytes, 0);
}

static void borrowing(void **state)
{
	struct bench *b = *state;
	struct minato_extent where[4];
	const struct queue *q;
	uint32_t count, covered;

	bench_accept(b);
	assert_int_equal(tcp_read_queue(&b->env, &b->c)->bytes, 0);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	q = tcp_read_queue(&b->env, &b->c);
	count = queue_view(&b->payload, q, NULL, 0, 1000, where, 4, &covered);
	assert_int_equal(count, 1);
	assert_int_equal(covered, 1000);
	assert_int_equal(*(uint8_t *)where[0].base, bench_byte(1));
	tcp_consumed(&b->env, &b->c, 1000);
	assert_int_equal(tcp_read_queue(&b->env, &b->c)->bytes, 0);
}

static void large_payload_is_kept_where_it_lies(void **state)
{
	struct bench *b = *state;
	struct tcp_segment s;
	struct tcp_payload p;
	struct minato_extent where[2];
	uint32_t chunk, len, i;

	bench_accept(b);
	chunk = chunk_take(&b->payload, MINATO_CHUNK_LARGE);
	len = bench_parse(b, "P. 1:20001(20000) ack 1 win 257", &s);
	p = (struct tcp_payload){ .data = chunk_at(&b->payload, chunk) + 54,
				  .len = len,
				  .chunk = chunk,
				  .offset = 54,
				  .gso_size = 1000 };
	for (i = 0; i < len; i++)
		chunk_at(&b->payload, chunk)[54 + i] = bench_byte(1 + i);
	tcp_arrive(&b->env, &b->c, &s, &p);
	queue_view(&b->payload, tcp_read_queue(&b->env, &b->c), NULL, 0, 1, where, 2, NULL);
	assert_ptr_equal(where[0].base, p.data);
	chunk_drop(&b->payload, chunk); /* the owner's reference */
	bench_read(b, 20000);
}

static void taking_over_a_queue(void **state)
{
	struct bench *b = *state;
	struct queue q;
	uint8_t data[3000];
	uint32_t i;

	bench_accept(b);
	for (i = 0; i < sizeof(data); i++)
		data[i] = bench_byte(1 + i);
	queue_init(&q);
	assert_int_equal(queue_append_copy(&b->payload, &q, data, 3000), 3000);
	assert_int_equal(tcp_write_queue(&b->env, &b->c, &q, 0), 3000);
	assert_int_equal(q.bytes, 0);
	out(b, ". 1:1001(1000) ack 1");
	out(b, "P. 1001:2001(1000) ack 1");
	out(b, "P. 2001:3001(1000) ack 1");
}

static void end_of_stream(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	assert_false(tcp_read_ended(&b->c));
	in(b, "FP. 1:101(100) ack 1 win 257");
	assert_true(tcp_read_ended(&b->c));
	bench_read(b, 100);
	bench_read(b, 0);
}

static void options_and_their_ranges(void **state)
{
	struct bench *b = *state;
	struct {
		enum minato_option option;
		int64_t before, good, bad;
	} list[] = {
		{ MINATO_OPT_KEEPALIVE, 0, 1, 2 },
		{ MINATO_OPT_KEEPIDLE, 7200, 60, 0 },
		{ MINATO_OPT_KEEPINTVL, 75, 10, 40000 },
		{ MINATO_OPT_KEEPCNT, 9, 3, 128 },
		{ MINATO_OPT_LINGER, -1, 5, -2 },
		{ MINATO_OPT_LINGER2, 60, 10, 1000 },
		{ MINATO_OPT_NODELAY, 0, 1, -1 },
		{ MINATO_OPT_CORK, 0, 1, 7 },
		{ MINATO_OPT_MAXSEG, 536, 1000, 40 },
		{ MINATO_OPT_SYNCNT, 7, 3, 0 },
		{ MINATO_OPT_USER_TIMEOUT, 0, 5000, -5 },
		{ MINATO_OPT_RETRIES2, 15, 8, 0 },
		{ MINATO_OPT_RCVBUF, 0, 100000, -1 },
		{ MINATO_OPT_SNDBUF, 0, 100000, -1 },
		{ MINATO_OPT_NOTSENT_LOWAT, UINT32_MAX, 1000, -1 },
		{ MINATO_OPT_OOBINLINE, 0, 1, 2 },
		{ MINATO_OPT_TIMESTAMPS, 1, 0, 2 },
		{ MINATO_OPT_SACK, 1, 0, 2 },
		{ MINATO_OPT_WINDOW_SCALE, 7, 2, 15 },
		{ MINATO_OPT_CONGESTION, MINATO_CUBIC, MINATO_NEWRENO, 9 },
		{ MINATO_OPT_TTL, 64, 1, 256 },
		{ MINATO_OPT_TRAFFIC_CLASS, 0, 255, 256 },
	};
	int64_t value;
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		assert_int_equal(tcp_get(&b->env, &b->c, list[i].option, &value), 0);
		assert_int_equal(value, list[i].before);
		assert_int_equal(tcp_set(&b->env, &b->c, list[i].option, list[i].bad), -EINVAL);
		assert_int_equal(tcp_set(&b->env, &b->c, list[i].option, list[i].good), 0);
		assert_int_equal(tcp_get(&b->env, &b->c, list[i].option, &value), 0);
		if (list[i].option != MINATO_OPT_RCVBUF)
			assert_int_equal(value, list[i].good);
		tcp_destroy(&b->env, &b->c); /* each from the defaults */
	}
	assert_int_equal(tcp_set(&b->env, &b->c, MINATO_OPT_REUSEADDR, 1), -ENOPROTOOPT);
	assert_int_equal(tcp_get(&b->env, &b->c, MINATO_OPT_REUSEADDR, &value), -ENOPROTOOPT);
}

static void options_are_shared_until_changed(void **state)
{
	struct bench *b = *state;
	struct tcp listener, other;
	struct tcp_segment syn;
	int64_t value;

	tcp_init(&listener);
	tcp_init(&other);
	tcp_set(&b->env, &listener, MINATO_OPT_TTL, 9);
	tcp_set(&b->env, &listener, MINATO_OPT_NODELAY, 1);
	bench_parse(b, "S 0:0(0) win 1000", &syn);
	tcp_passive(&b->env, &b->c, &listener, &b->setup, &syn, false);
	tcp_passive(&b->env, &other, &listener, &b->setup, &syn, false);
	assert_int_equal(b->shared.extras.used, 1);
	tcp_set(&b->env, &other, MINATO_OPT_TTL, 10);
	assert_int_equal(b->shared.extras.used, 2);
	tcp_destroy(&b->env, &listener);
	tcp_get(&b->env, &b->c, MINATO_OPT_TTL, &value);
	assert_int_equal(value, 9);
	tcp_get(&b->env, &b->c, MINATO_OPT_NODELAY, &value);
	assert_int_equal(value, 1);
	tcp_get(&b->env, &other, MINATO_OPT_TTL, &value);
	assert_int_equal(value, 10);
	tcp_destroy(&b->env, &other);
	tcp_destroy(&b->env, &b->c);
	assert_int_equal(b->shared.extras.used, 0);
}

static void a_resting_block_gives_way(void **state)
{
	struct bench *b = *state;
	struct tcp more[12];
	uint32_t i;

	bench_accept(b); /* has a block, and rests */
	assert_true(b->c.active != POOL_NONE);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	in(b, ". 1:1(0) ack 101 win 257");
	assert_true(active_of(&b->env, &b->c)->resting);
	for (i = 0; i < 12; i++) { /* there are 8 */
		tcp_init(&more[i]);
		b->setup.tuple_hash++;
		tcp_connect(&b->env, &more[i], &b->setup);
	}
	assert_int_equal(b->c.active, POOL_NONE);
	assert_int_equal(bench_info(b).bytes_acked, 100); /* kept */
	for (i = 0; i < 12; i++)
		tcp_destroy(&b->env, &more[i]);
	bench_write(b, 100, 0); /* and goes on */
	out(b, "P. 101:201(100) ack 1");
	in(b, "P. 1:51(50) ack 201 win 257");
	bench_read(b, 50);
}

static void what_moves_does_not_give_way(void **state)
{
	struct bench *b = *state;
	struct tcp more[8];
	uint32_t i;

	bench_accept(b);
	for (i = 0; i < 8; i++) { /* take all that rest, and keep them busy */
		struct tcp_segment syn;
		bench_parse(b, "S 0:0(0) win 1000", &syn);
		tcp_init(&more[i]);
		b->setup.tuple_hash++;
		tcp_passive(&b->env, &more[i], NULL, &b->setup, &syn, false);
		assert_true(tcp_next(&b->env, &more[i], &b->last));
		assert_true(bench_parse(b, ". 1:1(0) win 1000", &syn) == 0);
		syn.ack = more[i].snd_nxt;
		tcp_arrive(&b->env, &more[i], &syn,
			   &(struct tcp_payload){ .chunk = MINATO_CHUNK_NONE });
		assert_int_equal(tcp_write(&b->env, &more[i], "abc", 3, 0), 3);
	}
	assert_int_equal(tcp_write(&b->env, &b->c, "abc", 3, 0), 0);
	in(b, "P. 1:51(50) ack 1 win 257");
	assert_int_equal(b->why, DROP_MEMORY);
	(void)tcp_signals(&b->c);
	for (i = 0; i < 8; i++)
		tcp_destroy(&b->env, &more[i]);
	wait_ms(b, 20); /* it is told when to try again */
	assert_true(tcp_signals(&b->c) & TCP_SIGNAL_ROOM);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
}

static void an_idle_connection_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct tcp) <= 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(writing_needs_an_open_connection),
		bench_test(writing_after_a_reset),
		bench_test(writing_is_bounded),
		bench_test(counts_of_the_queues),
		bench_test(drained_is_told),
		bench_test(peeking_leaves_it),
		bench_test(peeking_behind_the_urgent_byte_leaves_it),
		bench_test(borrowing),
		bench_test(large_payload_is_kept_where_it_lies),
		bench_test(taking_over_a_queue),
		bench_test(end_of_stream),
		bench_test(options_and_their_ranges),
		bench_test(options_are_shared_until_changed),
		bench_test(a_resting_block_gives_way),
		bench_test(what_moves_does_not_give_way),
		cmocka_unit_test(an_idle_connection_is_small),
	};
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
