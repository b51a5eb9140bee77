/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment arrival: the steps of RFC 9293 3.10.7.4 with RFC 5961, RFC 7323. */
#include "tcp_bench.h"

static void state_is(struct bench *b, enum minato_state want)
{
	assert_int_equal(tcp_state(&b->c), want);
}

static void why_is(struct bench *b, enum drop want)
{
	assert_string_equal(drop_name(b->why), drop_name(want));
}

/* --- first: sequence numbers ----------------------------------------------------------------- */

static void old_data_is_acknowledged_again(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1001");
	in(b, "P. 1:1001(1000) ack 1 win 257");
	why_is(b, DROP_TCP_SEQUENCE);
	out(b, ". 1:1(0) ack 1001 <sack 1:1001>");
	quiet(b);
	bench_read(b, 1000);
}

static void data_beyond_the_window_is_answered_and_dropped(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 70001:71001(1000) ack 1 win 257");
	why_is(b, DROP_TCP_SEQUENCE);
	out(b, ". 1:1(0) ack 1 <>");
	quiet(b);
	assert_int_equal(bench_info(b).rcv_ooopack, 0);
}

static void data_is_trimmed_to_the_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	assert_int_equal(bench_info(b).rcv_wnd, 64240);
	in(b, "P. 64001:65001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 64001:64241>");
}

static void overlap_with_what_came_is_trimmed(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1001");
	in(b, "P. 501:2001(1500) ack 1 win 257");
	out(b, ". 1:1(0) ack 2001 <sack 501:1001>");
	bench_read(b, 2000);
}

static void an_ack_at_the_edge_of_a_full_window_counts(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 500, 0);
	out(b, "P. 1:501(500) ack 1");
	in(b, ". 64241:64241(0) ack 501 win 257");
	assert_int_equal(bench_info(b).unacked, 0);
}

static void syn_with_data_outside_is_challenged(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "S 999999:999999(0) win 100");
	out(b, ". 1:1(0) ack 1");
	state_is(b, MINATO_ESTABLISHED);
}

/* --- PAWS ------------------------------------------------------------------------------------ */

static void an_older_timestamp_is_answered_and_dropped(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	in(b, "P. 1:1001(1000) ack 1 win 257 <ts 199 1000>");
	why_is(b, DROP_TCP_PAWS);
	out(b, ". 1:1(0) ack 1 <ts 1100 200>");
	quiet(b);
}

static void paws_does_not_touch_a_reset(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	in(b, "R 1:1(0) <ts 1 0>");
	state_is(b, MINATO_CLOSED);
}

static void after_24_days_any_timestamp_is_new(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	wait_ms(b, 25ll * 24 * 3600 * 1000);
	in(b, "P. 1:1001(1000) ack 1 win 257 <ts 100 1000>");
	out(b, ". 1:1(0) ack 1001");
}

static void without_its_timestamp_a_segment_is_dropped(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	why_is(b, DROP_TCP_TIMESTAMP);
	quiet(b);
	in(b, "R 1:1(0)");
	state_is(b, MINATO_CLOSED);
}

static void timestamp_is_taken_only_at_the_left_edge(void **state)
{
	struct bench *b = *state;

	bench_accept_ts(b);
	in(b, "P. 1001:2001(1000) ack 1 win 257 <ts 300 1000>");
	out(b, ". 1:1(0) ack 1 <ts 1100 200,sack 1001:2001>");
	in(b, "P. 1:1001(1000) ack 1 win 257 <ts 299 1000>");
	out(b, ". 1:1(0) ack 2001 <ts 1100 299>");
}

/* --- second: RST ----------------------------------------------------------------------------- */

static void a_reset_at_rcv_nxt_resets(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "R 1:1(0)");
	state_is(b, MINATO_CLOSED);
	assert_int_equal(tcp_error(&b->c), ECONNRESET);
	quiet(b);
}

static void a_reset_elsewhere_in_the_window_is_challenged(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "R 1000:1000(0)");
	why_is(b, DROP_TCP_RST);
	out(b, ". 1:1(0) ack 1");
	state_is(b, MINATO_ESTABLISHED);
}

static void a_reset_outside_the_window_is_silent(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "R 100000:100000(0)");
	why_is(b, DROP_TCP_SEQUENCE);
	quiet(b);
}

static void a_reset_is_honoured_at_a_zero_window(void **state)
{
	struct bench *b = *state;
	uint32_t at;
	char text[80];

	tcp_set(&b->env, &b->c, MINATO_OPT_RCVBUF, 4000);
	bench_listen(b, "S 0:0(0) win 32792 <mss 1000>");
	out(b, "S. 0:0(0) ack 1 win 2920");
	in(b, ". 1:1(0) ack 1 win 32792");
	for (at = 1; bench_info(b).rcv_wnd > 0 && at < 8001; at += 1000) {
		sprintf(text, "P. %u:%u(1000) ack 1 win 257", at, at + 1000);
		in(b, text);
		wait_ms(b, 300);
		bench_next(b);
	}
	assert_int_equal(b->last.segment.window, 0);
	sprintf(text, "R %u:%u(0)", at, at);
	in(b, text);
	state_is(b, MINATO_CLOSED);
}

/* --- fourth: SYN ----------------------------------------------------------------------------- */

static void a_syn_in_the_window_is_challenged(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "S 500:500(0) win 100");
	why_is(b, DROP_TCP_SYN);
	out(b, ". 1:1(0) ack 1");
	state_is(b, MINATO_ESTABLISHED);
}

static void challenges_are_counted_and_limited(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept(b);
	for (i = 0; i < 3; i++)
		in(b, "S 500:500(0) win 100");
	for (i = 0; i < 3; i++)
		out(b, ". 1:1(0) ack 1"); /* each has its own answer */
	quiet(b);
	for (i = 0; i < 100; i++)
		in(b, "S 500:500(0) win 100");
	for (i = 0; i < 7; i++)
		out(b, ". 1:1(0) ack 1");
	quiet(b);
	wait_ms(b, 5000);
	in(b, "S 500:500(0) win 100");
	out(b, ". 1:1(0) ack 1");
}

/* --- fifth: ACK ------------------------------------------------------------------------------ */

static void a_segment_without_ack_is_dropped(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P 1:1001(1000) win 257");
	why_is(b, DROP_TCP_FLAGS);
	quiet(b);
}

static void an_ack_of_what_was_not_sent_is_answered(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:1001(1000) ack 2 win 257");
	why_is(b, DROP_TCP_ACK);
	out(b, ". 1:1(0) ack 1");
	bench_write(b, 10, 0); /* and the data was not taken */
	out(b, "P. 1:11(10) ack 1");
}

static void an_ack_too_old_is_challenged(void **state)
{
	struct bench *b = *state;
	uint32_t i;
	char text[64];

	bench_accept(b);
	for (i = 0; i < 40; i++) {
		bench_write(b, 1000, 0);
		bench_next(b);
		sprintf(text, ". 1:1(0) ack %u win 257", 1001 + 1000 * i);
		in(b, text);
	}
	in(b, "P. 1:101(100) ack 20000 win 257"); /* within the largest window */
	out(b, ". 40001:40001(0) ack 101");
	in(b, "P. 101:201(100) ack 2 win 257");
	why_is(b, DROP_TCP_ACK);
	out(b, ". 40001:40001(0) ack 101");
}

static void old_acks_do_not_change_the_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:101(100) ack 1 win 300");
	out(b, ". 1:1(0) ack 101");
	assert_int_equal(bench_info(b).snd_wnd, 300 * 128);
	in(b, "P. 1:101(100) ack 1 win 10");
	assert_int_equal(bench_info(b).snd_wnd, 300 * 128);
}

static void a_window_update_is_not_a_duplicate(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept(b);
	bench_write(b, 4000, 0);
	for (i = 0; i < 4; i++)
		bench_next(b);
	in(b, ". 1:1(0) ack 1 win 258");
	in(b, ". 1:1(0) ack 1 win 259");
	in(b, ". 1:1(0) ack 1 win 260");
	in(b, ". 1:1(0) ack 1 win 261");
	quiet(b);
	assert_int_equal(bench_info(b).ca_state, 0);
}

/* --- sixth: URG ------------------------------------------------------------------------------ */

static void urgent_byte_is_set_apart(void **state)
{
	struct bench *b = *state;
	uint8_t byte = 0;

	bench_accept(b);
	assert_int_equal(tcp_read(&b->env, &b->c, &byte, 1, MINATO_MSG_OOB), -EINVAL);
	in(b, "PU. 1:11(10) ack 1 win 257 urg 5"); /* the fourth is urgent: pointer behind it */
	assert_true(tcp_signals(&b->c) & TCP_SIGNAL_URGENT);
	assert_int_equal(tcp_read(&b->env, &b->c, &byte, 1, MINATO_MSG_OOB), 1);
	assert_int_equal(byte, bench_byte(5));
	assert_int_equal(tcp_read(&b->env, &b->c, &byte, 1, MINATO_MSG_OOB), -EINVAL);
	bench_read(b, 4); /* up to the mark */
	bench_read(b, 5); /* behind it */
}

static void urgent_inline_stays_in_the_stream(void **state)
{
	struct bench *b = *state;

	tcp_set(&b->env, &b->c, MINATO_OPT_OOBINLINE, 1);
	bench_accept(b);
	in(b, "PU. 1:11(10) ack 1 win 257 urg 5");
	bench_read(b, 4);
	bench_read(b, 6);
}

static void urgent_pointer_ahead_of_its_data(void **state)
{
	struct bench *b = *state;
	uint8_t byte = 0;

	bench_accept(b);
	in(b, "U. 1:11(10) ack 1 win 257 urg 15");
	assert_int_equal(tcp_read(&b->env, &b->c, &byte, 1, MINATO_MSG_OOB), -EAGAIN);
	in(b, "P. 11:21(10) ack 1 win 257");
	assert_int_equal(tcp_read(&b->env, &b->c, &byte, 1, MINATO_MSG_OOB), 1);
	assert_int_equal(byte, bench_byte(15));
	bench_read(b, 14);
	bench_read(b, 5);
}

static void urgent_is_sent_with_the_pointer_behind(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 10, MINATO_MSG_OOB);
	out(b, "PU. 1:11(10) ack 1 urg 10");
	in(b, ". 1:1(0) ack 11 win 257");
	bench_write(b, 10, 0);
	out(b, "P. 11:21(10) ack 1");
}

static void urgent_run_longer_than_the_pointer(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 60000 <mss 1000,ws 7>");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 2000");
	bench_write(b, 40000, 0);
	bench_write(b, 40000, MINATO_MSG_OOB);
	out(b, "U. 1:1001(1000) ack 1 urg 65535");
}

/* --- seventh, eighth ------------------------------------------------------------------------- */

static void fin_beyond_a_gap_waits(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "FP. 1001:2001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1 <sack 1001:2001>");
	state_is(b, MINATO_ESTABLISHED);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	state_is(b, MINATO_CLOSE_WAIT);
	out(b, ". 1:1(0) ack 2002 <>");
	bench_read(b, 2000);
	bench_read(b, 0);
}

static void lone_fin_beyond_a_gap_waits(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "F. 1001:1001(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 1");
	state_is(b, MINATO_ESTABLISHED);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	state_is(b, MINATO_CLOSE_WAIT);
	out(b, ". 1:1(0) ack 1002");
}

static void text_after_fin_is_ignored(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "F. 1:1(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 2");
	in(b, "P. 2:102(100) ack 1 win 257");
	bench_read(b, 0);
	state_is(b, MINATO_CLOSE_WAIT);
}

static void a_repeated_fin_is_acknowledged_again(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "F. 1:1(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 2");
	in(b, "F. 1:1(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 2");
}

static void time_wait_answers_a_repeated_fin(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_close(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, "F. 1:1(0) ack 2 win 257");
	out(b, ". 2:2(0) ack 2");
	wait_ms(b, 30000);
	in(b, "F. 1:1(0) ack 2 win 257");
	out(b, ". 2:2(0) ack 2");
	wait_ms(b, 59000); /* the wait began again */
	state_is(b, MINATO_TIME_WAIT);
	in(b, "R 2:2(0)");
	assert_true(tcp_dead(&b->c));
}

static void discarded_after_shutdown_read(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_shutdown_read(&b->env, &b->c);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1001");
	bench_read(b, 0);
	in(b, "P. 2001:3001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1001");
	in(b, "P. 1001:2001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 3001");
	bench_read(b, 0);
}

static void data_in_the_syn_ack_is_kept(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	in(b, "S. 0:100(100) ack 1 win 5000 <mss 1000>");
	out(b, ". 1:1(0) ack 101");
	bench_read(b, 100);
}

/* --- what met no connection ------------------------------------------------------------------ */

static void resets_for_strangers(void **state)
{
	struct bench *b = *state;
	struct tcp_segment s, r;

	bench_parse(b, ". 5:5(0) ack 9", &s);
	assert_true(tcp_reset_for(&s, 0, &r));
	assert_int_equal(r.flags, TCP_RST);
	assert_int_equal(r.seq.v, s.ack.v);
	bench_parse(b, "S 5:105(100)", &s);
	assert_true(tcp_reset_for(&s, 100, &r));
	assert_int_equal(r.flags, TCP_RST | TCP_ACK);
	assert_int_equal(r.seq.v, 0);
	assert_int_equal(r.ack.v, s.seq.v + 101);
	bench_parse(b, "R. 5:5(0) ack 9", &s);
	assert_false(tcp_reset_for(&s, 0, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(old_data_is_acknowledged_again),
		bench_test(data_beyond_the_window_is_answered_and_dropped),
		bench_test(data_is_trimmed_to_the_window),
		bench_test(overlap_with_what_came_is_trimmed),
		bench_test(an_ack_at_the_edge_of_a_full_window_counts),
		bench_test(syn_with_data_outside_is_challenged),
		bench_test(an_older_timestamp_is_answered_and_dropped),
		bench_test(paws_does_not_touch_a_reset),
		bench_test(after_24_days_any_timestamp_is_new),
		bench_test(without_its_timestamp_a_segment_is_dropped),
		bench_test(timestamp_is_taken_only_at_the_left_edge),
		bench_test(a_reset_at_rcv_nxt_resets),
		bench_test(a_reset_elsewhere_in_the_window_is_challenged),
		bench_test(a_reset_outside_the_window_is_silent),
		bench_test(a_reset_is_honoured_at_a_zero_window),
		bench_test(a_syn_in_the_window_is_challenged),
		bench_test(challenges_are_counted_and_limited),
		bench_test(a_segment_without_ack_is_dropped),
		bench_test(an_ack_of_what_was_not_sent_is_answered),
		bench_test(an_ack_too_old_is_challenged),
		bench_test(old_acks_do_not_change_the_window),
		bench_test(a_window_update_is_not_a_duplicate),
		bench_test(urgent_byte_is_set_apart),
		bench_test(urgent_inline_stays_in_the_stream),
		bench_test(urgent_pointer_ahead_of_its_data),
		bench_test(urgent_is_sent_with_the_pointer_behind),
		bench_test(urgent_run_longer_than_the_pointer),
		bench_test(fin_beyond_a_gap_waits),
		bench_test(lone_fin_beyond_a_gap_waits),
		bench_test(text_after_fin_is_ignored),
		bench_test(a_repeated_fin_is_acknowledged_again),
		bench_test(time_wait_answers_a_repeated_fin),
		bench_test(discarded_after_shutdown_read),
		bench_test(data_in_the_syn_ack_is_kept),
		bench_test(resets_for_strangers),
	};
	return cmocka_run_group_tests_name("arrive", tests, NULL, NULL);
}
