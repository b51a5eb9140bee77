/* SPDX-License-Identifier: BSD-2-Clause */
/* Loss: found by SACK, time, duplicates and timeouts; repaired, and undone
   where it was none. */
#include "tcp_bench.h"

static void info_is(struct bench *b, int ca, uint32_t cwnd, uint32_t ssthresh)
{
	const struct minato_info i = bench_info(b);

	assert_int_equal(i.ca_state, ca);
	assert_int_equal(i.snd_cwnd, cwnd);
	assert_int_equal(i.snd_ssthresh, ssthresh);
}

#define NONE 0x7fffffff

static void sent(struct bench *b, uint32_t segments)
{
	bench_write(b, segments * 1000, 0);
	while (segments-- > 0)
		assert_true(bench_next(b));
	quiet(b);
}

/* --- fast retransmit and recovery ------------------------------------------------------------ */

static void three_duplicates_without_sack(void **state)
{
	struct bench *b = *state;

	bench_accept_plain(b);
	sent(b, 6);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257");
	in(b, ". 1:1(0) ack 1 win 257");
	quiet(b);
	in(b, ". 1:1(0) ack 1 win 257");
	out(b, ". 1:1001(1000) ack 1");
	quiet(b);
	assert_int_equal(bench_info(b).ca_state, 3);
	/* A partial ACK: the next hole (RFC 6582). */
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 3001 win 257");
	out(b, ". 3001:4001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 6001 win 257");
	quiet(b);
	/* Held until something above is acknowledged. */
	assert_int_equal(bench_info(b).ca_state, 3);
	sent(b, 1);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 7001 win 257");
	info_is(b, 0, 7, 7);
}

static void sacked_segments_are_not_sent_again(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 10);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:2001>");
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:3001>");
	quiet(b);
	assert_int_equal(bench_info(b).ca_state, 1);
	assert_int_equal(bench_info(b).sacked, 2);
	in(b, ". 1:1(0) ack 1 win 257 <sack 4001:5001 1001:3001>");
	out(b, ". 1:1001(1000) ack 1");
	assert_int_equal(bench_info(b).lost, 2); /* 3001 too: sent no later */
	in(b, ". 1:1(0) ack 1 win 257 <sack 4001:6001 1001:3001>");
	in(b, ". 1:1(0) ack 1 win 257 <sack 4001:7001 1001:3001>");
	out(b, ". 3001:4001(1000) ack 1");
	quiet(b);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 10001 win 257");
	info_is(b, 0, 7, 7);
	assert_int_equal(bench_info(b).total_retrans, 2);
}

static void limited_transmit(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 13000, 0);
	while (bench_next(b))
		;
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:2001>");
	out(b, ". 10001:11001(1000) ack 1"); /* RFC 3042 */
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:3001>");
	out(b, ". 11001:12001(1000) ack 1");
	quiet(b);
}

static void sack_in_the_middle_of_a_run(void **state)
{
	struct bench *b = *state;

	b->setup.gso_max = 65495;
	bench_accept(b);
	bench_write(b, 10000, 0);
	while (bench_next(b))
		assert_int_equal(b->last.gso_size, 1000);
	assert_int_equal(active_of(&b->env, &b->c)->records, 1);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 3001:7001>");
	assert_int_equal(bench_info(b).sacked, 4);
	out(b, "P. 1:2001(2000) ack 1");
	in(b, ". 1:1(0) ack 2001 win 257 <sack 8001:8501 3001:7001>");
	assert_int_equal(bench_info(b).sacked, 4); /* half a segment is none */
	in(b, ". 1:1(0) ack 2001 win 257 <sack 8001:9001 3001:7001>");
	assert_int_equal(bench_info(b).sacked, 5);
}

static void partly_acknowledged_segment(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 3);
	in(b, ". 1:1(0) ack 1501 win 257");
	assert_int_equal(bench_info(b).unacked, 2);
	b->mark = b->env.now.ns;
	out_at(b, 177, "P. 2501:3001(500) ack 1");
}

static void cwnd_shrinks_to_seven_tenths(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 10);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:4001>");
	out(b, ". 1:1001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 9001 win 257");
	in(b, ". 1:1(0) ack 10001 win 257");
	assert_int_equal(bench_info(b).snd_ssthresh, 7);
}

static void newreno_halves(void **state)
{
	struct bench *b = *state;

	tcp_set(&b->env, &b->c, MINATO_OPT_CONGESTION, MINATO_NEWRENO);
	bench_accept(b);
	sent(b, 10);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:4001>");
	out(b, ". 1:1001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 10001 win 257");
	assert_int_equal(bench_info(b).snd_ssthresh, 5);
}

static void a_lost_retransmission_is_seen_by_time(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 20000, 0);
	while (bench_next(b))
		;
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:4001>");
	out(b, ". 1:1001(1000) ack 1");
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:10001>");
	out(b, ". 10001:11001(1000) ack 1");
	while (bench_next(b))
		;
	/* What was sent after the retransmission arrives, it does not. */
	wait_ms(b, 105);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:11001>");
	assert_int_equal(bench_info(b).lost, 1);
	out(b, ". 1:1001(1000) ack 1");
}

static void a_sack_block_from_nowhere_is_ignored(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 5);
	in(b, ". 1:1(0) ack 1 win 257 <sack 7001:9001>");
	in(b, ". 1:1(0) ack 1 win 257 <sack 3001:2001>");
	assert_int_equal(bench_info(b).sacked, 0);
	quiet(b);
}

/* --- reordering ------------------------------------------------------------------------------ */

static void reordering_is_learnt(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 10);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 9001:10001>");
	in(b, ". 1:1(0) ack 1 win 257 <sack 3001:4001 9001:10001>");
	in(b, ". 1:1(0) ack 10001 win 257");
	assert_int_equal(bench_info(b).reordering, 10);
	assert_int_equal(bench_info(b).reord_seen, 2);
	assert_int_equal(bench_info(b).total_retrans, 0);
	/* From now on a quarter of the round trip is waited. */
	sent(b, 2);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 10001 win 257 <sack 11001:12001>");
	quiet(b);
	out_at(b, 27, ". 10001:11001(1000) ack 1");
	assert_int_equal(bench_info(b).ca_state, 3);
}

/* --- tail loss probe ------------------------------------------------------------------------- */

static void the_tail_is_probed(void **state)
{
	struct bench *b = *state;

	bench_accept(b); /* 100 ms */
	sent(b, 3);
	b->mark = b->env.now.ns;
	out_at(b, 202, "P. 2001:3001(1000) ack 1"); /* two round trips */
	wait_ms(b, 100);
	/* Its SACK shows that the first two were lost. */
	in(b, ". 1:1(0) ack 1 win 257 <sack 2001:3001>");
	assert_int_equal(bench_info(b).ca_state, 3);
	assert_int_equal(bench_info(b).lost, 2);
	out(b, ". 1:1001(1000) ack 1");
}

static void a_single_segment_is_probed_at_the_rto(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 1);
	out_at(b, 300, "P. 1:1001(1000) ack 1");
	out_at(b, 300, "P. 1:1001(1000) ack 1"); /* RTO from the probe on */
	out_at(b, 600, "P. 1:1001(1000) ack 1");
	assert_int_equal(bench_info(b).backoff, 2);
}

static void a_probe_is_new_data_where_there_is_some(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 12000, 0);
	while (bench_next(b))
		;
	b->mark = b->env.now.ns;
	out_at(b, 202, ". 10001:11001(1000) ack 1");
}

static void a_probe_that_repaired_costs_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 10);
	wait_ms(b, 90);
	in(b, ". 1:1(0) ack 9001 win 257");
	bench_next(b);
	out_at(b, 298, "P. 9001:10001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 10001 win 257"); /* not told of twice: undecided */
	sent(b, 1);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 11001 win 257");
	assert_int_equal(bench_info(b).ca_state, 0);
	assert_int_equal(bench_info(b).snd_ssthresh, 10); /* 0.7 of 15 */
}

static void a_probe_of_what_arrived_costs_nothing(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 3);
	out_at(b, 202, "P. 2001:3001(1000) ack 1");
	in(b, ". 1:1(0) ack 3001 win 257");
	in(b, ". 1:1(0) ack 3001 win 257 <sack 2001:3001>");
	sent(b, 1);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 4001 win 257");
	info_is(b, 0, 10, NONE);
}

/* --- timeout --------------------------------------------------------------------------------- */

static void a_timeout_begins_with_one(void **state)
{
	struct bench *b = *state;

	bench_accept_plain(b); /* no probes without SACK */
	sent(b, 10);
	b->mark = b->env.now.ns;
	out_at(b, 300, ". 1:1001(1000) ack 1");
	quiet(b);
	info_is(b, 4, 1, 7);
	assert_int_equal(bench_info(b).lost, 10);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 257");
	out(b, ". 1001:2001(1000) ack 1");
	out(b, ". 2001:3001(1000) ack 1");
	quiet(b);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 10001 win 257");
	assert_int_equal(bench_info(b).unacked, 0);
}

static void timeouts_double(void **state)
{
	struct bench *b = *state;

	bench_accept_plain(b);
	sent(b, 1);
	out_at(b, 300, "P. 1:1001(1000) ack 1");
	out_at(b, 600, "P. 1:1001(1000) ack 1");
	out_at(b, 1200, "P. 1:1001(1000) ack 1");
	out_at(b, 2400, "P. 1:1001(1000) ack 1");
	assert_int_equal(bench_info(b).backoff, 4);
	assert_int_equal(bench_info(b).retransmits, 4);
	/* Karn: the ACK of a retransmission is no measurement. */
	in(b, ". 1:1(0) ack 1001 win 257");
	assert_int_equal(bench_info(b).rto_us, 16 * 300000);
	sent(b, 1);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 2001 win 257");
	assert_int_equal(bench_info(b).rto_us, 300000);
}

static void new_data_in_flight_survives_a_timeout(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 1);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 257");
	sent(b, 2);
	wait_ms(b, 290);
	bench_next(b); /* the probe came first */
	sent(b, 2);
	out_at(b, 10, ". 1001:2001(1000) ack 1");
	assert_int_equal(bench_info(b).lost, 1);
}

static void reneging_is_noticed(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 6);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:6001>");
	out(b, ". 1:1001(1000) ack 1");
	wait_ms(b, 100);
	/* It says it has them, and takes none of them. */
	in(b, ". 1:1(0) ack 1001 win 257");
	out_at(b, 50, ". 1001:2001(1000) ack 1");
	assert_int_equal(bench_info(b).sacked, 0);
}

/* --- undo ------------------------------------------------------------------------------------ */

static void a_dsack_undoes_the_reduction(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	sent(b, 10);
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <sack 1001:4001>");
	out(b, ". 1:1001(1000) ack 1");
	assert_int_equal(bench_info(b).snd_ssthresh, 7);
	wait_ms(b, 10);
	in(b, ". 1:1(0) ack 10001 win 257"); /* the original was late */
	in(b, ". 1:1(0) ack 10001 win 257 <sack 1:1001>"); /* the copy: needless */
	assert_int_equal(bench_info(b).ca_state, 0);
	assert_true(bench_info(b).snd_cwnd >= 10);
	assert_int_equal(bench_info(b).snd_ssthresh, NONE);
	assert_int_equal(bench_info(b).dsack_dups, 1);
}

static void a_timestamp_undoes_the_reduction(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b); /* segments of 988 */
	bench_write(b, 9880, 0);
	while (bench_next(b))
		;
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1 win 257 <ts 300 1100,sack 989:3953>");
	wait_ms(b, 5);
	out(b, ". 1:989(988) ack 1");
	wait_ms(b, 10);
	/* It echoes what was sent before the retransmission (RFC 3522). */
	in(b, ". 1:1(0) ack 9881 win 257 <ts 315 1100>");
	assert_int_equal(bench_info(b).ca_state, 0);
	assert_int_equal(bench_info(b).snd_ssthresh, NONE);
	assert_true(bench_info(b).snd_cwnd >= 10);
}

static void a_spurious_timeout_is_undone_by_frto(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 20000, 0);
	while (bench_next(b))
		;
	b->mark = b->env.now.ns;
	out_at(b, 202, ". 10001:11001(1000) ack 1"); /* probe */
	out_at(b, 300, ". 1:1001(1000) ack 1"); /* timeout */
	info_is(b, 4, 1, 7);
	wait_ms(b, 50);
	/* The ACKs of the originals were only late. */
	in(b, ". 1:1(0) ack 1001 win 257");
	out(b, ". 11001:12001(1000) ack 1"); /* step 2b: new data */
	in(b, ". 1:1(0) ack 3001 win 257"); /* not sent again: spurious */
	assert_int_equal(bench_info(b).ca_state, 0);
	assert_int_equal(bench_info(b).lost, 0);
	assert_true(bench_info(b).snd_cwnd >= 10);
	assert_int_equal(bench_info(b).snd_ssthresh, NONE);
}

static void a_real_timeout_is_not_undone(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 20000, 0);
	while (bench_next(b))
		;
	b->mark = b->env.now.ns;
	out_at(b, 202, ". 10001:11001(1000) ack 1");
	out_at(b, 300, ". 1:1001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 257");
	out(b, ". 11001:12001(1000) ack 1");
	while (bench_next(b))
		;
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 257 <sack 11001:12001>");
	out(b, ". 1001:2001(1000) ack 1");
	assert_true(bench_info(b).ca_state >= 3);
	assert_int_equal(bench_info(b).snd_ssthresh, 7);
}

/* --- the receiving side of SACK -------------------------------------------------------------- */

static void newest_block_first(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1001:2001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 1001:2001>");
	in(b, "P. 3001:4001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 3001:4001 1001:2001>");
	in(b, "P. 5001:6001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 5001:6001 3001:4001 1001:2001>");
	in(b, "P. 2001:2501(500) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 1001:2501 5001:6001 3001:4001>");
	in(b, "P. 7001:8001(1000) ack 1 win 257");
	in(b, "P. 9001:9002(1) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 9001:9002 7001:8001 1001:2501 5001:6001>");
	out(b, ". 1:1(0) ack 1 <sack 9001:9002 7001:8001 1001:2501 5001:6001>");
	quiet(b);
}

static void three_blocks_beside_timestamps(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	in(b, ". 1001:2001(1000) ack 1 win 257 <ts 200 1000>");
	in(b, ". 3001:4001(1000) ack 1 win 257 <ts 200 1000>");
	in(b, ". 5001:6001(1000) ack 1 win 257 <ts 200 1000>");
	in(b, ". 7001:8001(1000) ack 1 win 257 <ts 200 1000>");
	out(b, ". 1:1(0) ack 1 <ts 1100 200,sack 7001:8001 5001:6001 3001:4001>");
}

static void every_duplicate_is_acknowledged(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept(b);
	for (i = 1; i <= 5; i++) {
		char text[64];
		sprintf(text, "P. %d:%d(1000) ack 1 win 257", i * 1000 + 1, i * 1000 + 1001);
		in(b, text);
	}
	for (i = 1; i <= 5; i++)
		out(b, ". 1:1(0) ack 1");
	quiet(b);
}

static void filling_a_hole_is_acknowledged_at_once(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept(b);
	for (i = 0; i < 20; i++) { /* past the quick ACKs */
		char text[64];
		sprintf(text, "P. %d:%d(10) ack 1 win 257", i * 10 + 1, i * 10 + 11);
		in(b, text);
		bench_next(b);
		wait_ms(b, 100);
		bench_next(b);
	}
	bench_read(b, 200);
	in(b, "P. 211:221(10) ack 1 win 257");
	out(b, ". 1:1(0) ack 201");
	in(b, "P. 201:211(10) ack 1 win 257");
	out(b, ". 1:1(0) ack 221");
	bench_read(b, 20);
}

static void partly_known_data_is_reported(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 2001:3001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 2001:3001>");
	in(b, "P. 1001:4001(3000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 2001:3001 1001:4001>"); /* DSACK, then the whole */
	in(b, "P. 1:1001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 4001 <>");
	bench_read(b, 4000);
}

static void holes_are_bounded(void **state)
{
	struct bench *b = *state;
	uint32_t i;

	bench_accept(b);
	for (i = 0; i < 3000; i++) {
		char text[64];
		sprintf(text, "P. %u:%u(1) ack 1 win 257", i * 2 + 3, i * 2 + 4);
		in(b, text);
		while (bench_next(b))
			;
	}
	assert_true(b->shared.holes.used <= TCP_HOLES_MAX);
	assert_int_equal(b->why, DROP_MEMORY);
	in(b, "P. 1:3(2) ack 1 win 257");
	assert_true(bench_info(b).bytes_received >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(three_duplicates_without_sack),
		bench_test(sacked_segments_are_not_sent_again),
		bench_test(limited_transmit),
		bench_test(sack_in_the_middle_of_a_run),
		bench_test(partly_acknowledged_segment),
		bench_test(cwnd_shrinks_to_seven_tenths),
		bench_test(newreno_halves),
		bench_test(a_lost_retransmission_is_seen_by_time),
		bench_test(a_sack_block_from_nowhere_is_ignored),
		bench_test(reordering_is_learnt),
		bench_test(the_tail_is_probed),
		bench_test(a_single_segment_is_probed_at_the_rto),
		bench_test(a_probe_is_new_data_where_there_is_some),
		bench_test(a_probe_that_repaired_costs_window),
		bench_test(a_probe_of_what_arrived_costs_nothing),
		bench_test(a_timeout_begins_with_one),
		bench_test(timeouts_double),
		bench_test(new_data_in_flight_survives_a_timeout),
		bench_test(reneging_is_noticed),
		bench_test(a_dsack_undoes_the_reduction),
		bench_test(a_timestamp_undoes_the_reduction),
		bench_test(a_spurious_timeout_is_undone_by_frto),
		bench_test(a_real_timeout_is_not_undone),
		bench_test(newest_block_first),
		bench_test(three_blocks_beside_timestamps),
		bench_test(every_duplicate_is_acknowledged),
		bench_test(filling_a_hole_is_acknowledged_at_once),
		bench_test(partly_known_data_is_reported),
		bench_test(holes_are_bounded),
	};
	return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
