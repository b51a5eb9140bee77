/* SPDX-License-Identifier: BSD-2-Clause */
/* The eleven states: opening, closing, aborting. */
#include "tcp_bench.h"

static void state_is(struct bench *b, enum minato_state want)
{
	assert_int_equal(tcp_state(&b->c), want);
}

static void passive_open(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	state_is(b, MINATO_ESTABLISHED);
	assert_true(tcp_signals(&b->c) & TCP_SIGNAL_CONNECTED);
}

static void passive_open_mirrors_the_offer(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000");
	out(b, "S. 0:0(0) ack 1 win 64240 <mss 1460>");
}

static void passive_open_with_timestamps(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1460,sackOK,ts 7 0,ws 9>");
	out(b, "S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,ts 1000 7,ws 7>");
}

static void active_open(void **state)
{
	struct bench *b = *state;

	tcp_connect(&b->env, &b->c, &b->setup);
	state_is(b, MINATO_SYN_SENT);
	out(b, "S 0:0(0) win 64240 <mss 1460,sackOK,ts 1000 0,ws 7>");
	quiet(b);
	wait_ms(b, 50);
	in(b, "S. 0:0(0) ack 1 win 5000 <mss 1400,sackOK,ts 10 1000,ws 8>");
	state_is(b, MINATO_ESTABLISHED);
	out(b, ". 1:1(0) ack 1 <ts 1050 10>");
	quiet(b);
	assert_int_equal(bench_info(b).snd_mss, 1388);
	assert_int_equal(bench_info(b).rtt_us, 50000);
	assert_int_equal(bench_info(b).snd_wnd, 5000); /* never scaled on a SYN */
}

static void active_open_refused(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	in(b, "R. 0:0(0) ack 1");
	state_is(b, MINATO_CLOSED);
	assert_int_equal(tcp_error(&b->c), ECONNREFUSED);
	assert_true(tcp_dead(&b->c));
	quiet(b);
}

static void reset_without_ack_in_syn_sent_is_ignored(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	in(b, "R 0:0(0)");
	state_is(b, MINATO_SYN_SENT);
	assert_int_equal(b->why, DROP_TCP_RST);
}

static void wrong_ack_in_syn_sent_is_reset(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	in(b, "S. 0:0(0) ack 77 win 1000");
	out(b, "R 77:77(0)");
	quiet(b);
	state_is(b, MINATO_SYN_SENT);
	in(b, "R. 0:0(0) ack 78");
	state_is(b, MINATO_SYN_SENT);
}

static void simultaneous_open(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	in(b, "S 0:0(0) win 1000 <mss 1000,sackOK,ts 5 0,ws 4>");
	state_is(b, MINATO_SYN_RECEIVED);
	out(b, "S. 0:0(0) ack 1 <mss 1460,sackOK,ts 1000 5,ws 7>");
	in(b, "S. 0:0(0) ack 1 win 1000 <mss 1000,sackOK,ts 6 1000,ws 4>");
	state_is(b, MINATO_ESTABLISHED);
	quiet(b);
}

static void simultaneous_open_by_plain_ack(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	in(b, "S 0:0(0) win 1000");
	out(b, "S. 0:0(0) ack 1 <mss 1460>");
	in(b, ". 1:1(0) ack 1 win 1000");
	state_is(b, MINATO_ESTABLISHED);
}

static void syn_is_repeated_seven_times(void **state)
{
	struct bench *b = *state;
	int64_t span = 1000;
	int i;

	bench_connect(b);
	for (i = 0; i < 7; i++, span *= 2) {
		char want[64];
		sprintf(want, "S 0:0(0)");
		out_at(b, span, want);
	}
	wait_ms(b, 119000);
	state_is(b, MINATO_SYN_SENT);
	wait_ms(b, 2000);
	state_is(b, MINATO_CLOSED);
	assert_int_equal(tcp_error(&b->c), ETIMEDOUT);
}

static void syn_ack_is_repeated(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1000>");
	out(b, "S. 0:0(0) ack 1");
	out_at(b, 1000, "S. 0:0(0) ack 1");
	out_at(b, 2000, "S. 0:0(0) ack 1");
	out_at(b, 4000, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 1 win 1000");
	state_is(b, MINATO_ESTABLISHED);
	/* RFC 6298 5.7: no sample from a repeated SYN. */
	assert_int_equal(bench_info(b).rto_us, 3000000);
}

static void a_repeated_syn_gets_its_answer_again(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1000>");
	out(b, "S. 0:0(0) ack 1");
	in(b, "S 0:0(0) win 1000 <mss 1000>");
	out(b, "S. 0:0(0) ack 1");
	quiet(b);
}

static void held_call_waits_for_its_answer(void **state)
{
	struct bench *b = *state;
	struct tcp_segment s;

	bench_parse(b, "S 0:0(0) win 1000 <mss 1000>", &s);
	tcp_passive(&b->env, &b->c, NULL, &b->setup, &s, true);
	quiet(b);
	in(b, "S 0:0(0) win 1000 <mss 1000>");
	assert_int_equal(b->why, DROP_DUPLICATE_CALL);
	quiet(b);
	assert_int_equal(tcp_deadline(&b->env, &b->c).ns, INT64_MAX);
	tcp_answer(&b->env, &b->c);
	out(b, "S. 0:0(0) ack 1");
}

static void held_call_refused(void **state)
{
	struct bench *b = *state;
	struct tcp_segment s;

	bench_parse(b, "S 0:0(0) win 1000 <mss 1000>", &s);
	tcp_passive(&b->env, &b->c, NULL, &b->setup, &s, true);
	b->iss = b->c.snd_una;
	tcp_abort(&b->env, &b->c);
	assert_false(tcp_dead(&b->c));
	out(b, "R. 1:1(0) ack 1");
	assert_true(tcp_dead(&b->c));
}

static void held_call_dropped_by_its_owner(void **state)
{
	struct bench *b = *state;
	struct tcp_segment s;

	bench_parse(b, "S 0:0(0) win 1000 <mss 1000>", &s);
	tcp_passive(&b->env, &b->c, NULL, &b->setup, &s, true);
	b->iss = b->c.snd_una;
	tcp_close(&b->env, &b->c);
	out(b, "R. 1:1(0) ack 1");
	assert_true(tcp_dead(&b->c));
}

static void reset_ends_a_half_open_call_without_error(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1000>");
	out(b, "S. 0:0(0) ack 1");
	in(b, "R 1:1(0)");
	state_is(b, MINATO_CLOSED);
	assert_int_equal(tcp_error(&b->c), 0);
}

static void wrong_ack_of_a_half_open_call_is_reset(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1000>");
	out(b, "S. 0:0(0) ack 1");
	in(b, ". 1:1(0) ack 99 win 1000");
	out(b, "R 99:99(0)");
	state_is(b, MINATO_SYN_RECEIVED);
}

static void we_close_first(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_close(&b->env, &b->c);
	state_is(b, MINATO_FIN_WAIT_1);
	out(b, "F. 1:1(0) ack 1");
	in(b, ". 1:1(0) ack 2 win 257");
	state_is(b, MINATO_FIN_WAIT_2);
	in(b, "F. 1:1(0) ack 2 win 257");
	state_is(b, MINATO_TIME_WAIT);
	out(b, ". 2:2(0) ack 2");
	quiet(b);
	wait_ms(b, 59900);
	state_is(b, MINATO_TIME_WAIT);
	wait_ms(b, 200);
	assert_true(tcp_dead(&b->c));
}

static void they_close_first(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "F. 1:1(0) ack 1 win 257");
	state_is(b, MINATO_CLOSE_WAIT);
	out(b, ". 1:1(0) ack 2");
	bench_read(b, 0);
	tcp_close(&b->env, &b->c);
	state_is(b, MINATO_LAST_ACK);
	out(b, "F. 1:1(0) ack 2");
	in(b, ". 2:2(0) ack 2 win 257");
	assert_true(tcp_dead(&b->c));
	assert_int_equal(tcp_error(&b->c), 0);
}

static void both_close_at_once(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_close(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, "F. 1:1(0) ack 1 win 257");
	state_is(b, MINATO_CLOSING);
	out(b, ". 2:2(0) ack 2");
	in(b, ". 2:2(0) ack 2 win 257");
	state_is(b, MINATO_TIME_WAIT);
}

static void fin_and_its_ack_together(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_close(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, "F. 1:1(0) ack 2 win 257");
	state_is(b, MINATO_TIME_WAIT);
	out(b, ". 2:2(0) ack 2");
}

static void half_close_still_receives(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	assert_true(tcp_shutdown_write(&b->env, &b->c));
	out(b, "F. 1:1(0) ack 1");
	in(b, ". 1:1(0) ack 2 win 257");
	in(b, "P. 1:1001(1000) ack 2 win 257");
	out(b, ". 2:2(0) ack 1001");
	bench_read(b, 1000);
	assert_int_equal(tcp_write(&b->env, &b->c, "x", 1, 0), -EPIPE);
}

static void half_closed_by_them_still_sends(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "F. 1:1(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 2");
	bench_write(b, 500, 0);
	out(b, "P. 1:501(500) ack 2");
	in(b, ". 2:2(0) ack 501 win 257");
	quiet(b);
}

static void fin_carries_the_last_data(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 500, 0);
	tcp_close(&b->env, &b->c);
	out(b, "FP. 1:501(500) ack 1");
	in(b, ". 1:1(0) ack 502 win 257");
	state_is(b, MINATO_FIN_WAIT_2);
}

static void close_with_unread_data_resets(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:1001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 1001");
	tcp_close(&b->env, &b->c);
	out(b, "R. 1:1(0) ack 1001");
	assert_true(tcp_dead(&b->c));
}

static void linger_zero_resets(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	assert_int_equal(tcp_set(&b->env, &b->c, MINATO_OPT_LINGER, 0), 0);
	tcp_close(&b->env, &b->c);
	out(b, "R. 1:1(0) ack 1");
}

static void data_after_close_is_reset(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_close(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, ". 1:1(0) ack 2 win 257");
	in(b, "P. 1:1001(1000) ack 2 win 257");
	assert_int_equal(b->why, DROP_TCP_CLOSED);
	out(b, "R 2:2(0)");
	assert_true(tcp_dead(&b->c));
}

static void orphan_does_not_wait_for_ever_in_fin_wait_2(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_close(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, ". 1:1(0) ack 2 win 257");
	wait_ms(b, 59000);
	state_is(b, MINATO_FIN_WAIT_2);
	wait_ms(b, 2000);
	assert_true(tcp_dead(&b->c));
	quiet(b);
}

static void kept_open_it_waits_in_fin_wait_2(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	tcp_shutdown_write(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, ". 1:1(0) ack 2 win 257");
	wait_ms(b, 3600 * 1000);
	state_is(b, MINATO_FIN_WAIT_2);
}

static void abort_resets(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 5000, 0);
	tcp_abort(&b->env, &b->c);
	out(b, "R. 1:1(0) ack 1");
	assert_true(tcp_dead(&b->c));
}

static void close_in_syn_sent_is_silent(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	tcp_close(&b->env, &b->c);
	assert_true(tcp_dead(&b->c));
	quiet(b);
}

static void close_while_half_open_sends_fin_later(void **state)
{
	struct bench *b = *state;

	bench_listen(b, "S 0:0(0) win 1000 <mss 1000>");
	out(b, "S. 0:0(0) ack 1");
	tcp_shutdown_write(&b->env, &b->c);
	quiet(b);
	in(b, ". 1:1(0) ack 1 win 1000");
	state_is(b, MINATO_FIN_WAIT_1);
	out(b, "F. 1:1(0) ack 1");
}

static void reset_in_close_wait_is_a_broken_pipe(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "F. 1:1(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 2");
	in(b, "R 2:2(0)");
	assert_int_equal(tcp_error(&b->c), EPIPE);
}

static void what_came_before_a_reset_can_be_read(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:101(100) ack 1 win 257");
	in(b, "R 101:101(0)");
	bench_read(b, 100);
	assert_int_equal(tcp_read(&b->env, &b->c, bench_data, 1, 0), -ECONNRESET);
	bench_read(b, 0);
}

static void initial_numbers_move_with_the_clock(void **state)
{
	struct bench *b = *state;
	struct tcp d;
	uint32_t first;

	tcp_connect(&b->env, &b->c, &b->setup);
	first = b->c.snd_una.v;
	b->env.now.ns += 64 * 1000;
	tcp_init(&d);
	tcp_connect(&b->env, &d, &b->setup);
	assert_int_equal(d.snd_una.v - first, 1000);
	tcp_destroy(&b->env, &d);
	b->setup.tuple_hash++;
	tcp_connect(&b->env, &d, &b->setup);
	assert_true(d.snd_una.v - first > 100000 || d.snd_una.v - first < 1);
	tcp_destroy(&b->env, &d);
}

static void reopened_number_is_above_the_old_ones(void **state)
{
	struct bench *b = *state;

	tcp_connect(&b->env, &b->c, &b->setup);
	b->setup.above = true;
	b->setup.isn_above = seq_add(b->c.snd_una, 1000000);
	tcp_destroy(&b->env, &b->c);
	tcp_connect(&b->env, &b->c, &b->setup);
	assert_true(seq_lt(b->setup.isn_above, b->c.snd_una));
}

static void hard_icmp_ends_only_what_is_not_open(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	assert_false(tcp_icmp(&b->env, &b->c, TCP_ICMP_HARD, seq_add(b->iss, 5), 0, EHOSTUNREACH));
	assert_true(tcp_icmp(&b->env, &b->c, TCP_ICMP_HARD, b->iss, 0, ECONNREFUSED));
	assert_int_equal(tcp_error(&b->c), ECONNREFUSED);
	tcp_destroy(&b->env, &b->c);
	b->known = false;
	bench_accept(b);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	assert_true(tcp_icmp(&b->env, &b->c, TCP_ICMP_HARD, seq_add(b->iss, 1), 0, ECONNREFUSED));
	state_is(b, MINATO_ESTABLISHED);
}

static void soft_icmp_names_the_timeout(void **state)
{
	struct bench *b = *state;

	bench_connect(b);
	assert_true(tcp_icmp(&b->env, &b->c, TCP_ICMP_SOFT, b->iss, 0, EHOSTUNREACH));
	state_is(b, MINATO_SYN_SENT);
	tcp_set(&b->env, &b->c, MINATO_OPT_SYNCNT, 1);
	out_at(b, 1000, "S 0:0(0)");
	wait_ms(b, 3000);
	assert_int_equal(tcp_error(&b->c), EHOSTUNREACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(passive_open),
		bench_test(passive_open_mirrors_the_offer),
		bench_test(passive_open_with_timestamps),
		bench_test(active_open),
		bench_test(active_open_refused),
		bench_test(reset_without_ack_in_syn_sent_is_ignored),
		bench_test(wrong_ack_in_syn_sent_is_reset),
		bench_test(simultaneous_open),
		bench_test(simultaneous_open_by_plain_ack),
		bench_test(syn_is_repeated_seven_times),
		bench_test(syn_ack_is_repeated),
		bench_test(a_repeated_syn_gets_its_answer_again),
		bench_test(held_call_waits_for_its_answer),
		bench_test(held_call_refused),
		bench_test(held_call_dropped_by_its_owner),
		bench_test(reset_ends_a_half_open_call_without_error),
		bench_test(wrong_ack_of_a_half_open_call_is_reset),
		bench_test(we_close_first),
		bench_test(they_close_first),
		bench_test(both_close_at_once),
		bench_test(fin_and_its_ack_together),
		bench_test(half_close_still_receives),
		bench_test(half_closed_by_them_still_sends),
		bench_test(fin_carries_the_last_data),
		bench_test(close_with_unread_data_resets),
		bench_test(linger_zero_resets),
		bench_test(data_after_close_is_reset),
		bench_test(orphan_does_not_wait_for_ever_in_fin_wait_2),
		bench_test(kept_open_it_waits_in_fin_wait_2),
		bench_test(abort_resets),
		bench_test(close_in_syn_sent_is_silent),
		bench_test(close_while_half_open_sends_fin_later),
		bench_test(reset_in_close_wait_is_a_broken_pipe),
		bench_test(what_came_before_a_reset_can_be_read),
		bench_test(initial_numbers_move_with_the_clock),
		bench_test(reopened_number_is_above_the_old_ones),
		bench_test(hard_icmp_ends_only_what_is_not_open),
		bench_test(soft_icmp_names_the_timeout),
	};
	return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
