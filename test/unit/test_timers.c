/* SPDX-License-Identifier: BSD-2-Clause */
/* What time alone does: probes of a closed window, keepalive, giving up. */
#include "tcp_bench.h"

static void set(struct bench *b, enum minato_option option, int64_t value)
{
	assert_int_equal(tcp_set(&b->env, &b->c, option, value), 0);
}

static void state_is(struct bench *b, enum minato_state want)
{
	assert_int_equal(tcp_state(&b->c), want);
}

/* --- the closed window ----------------------------------------------------------------------- */

static void closed(struct bench *b)
{
	bench_accept(b);
	bench_write(b, 1000, 0);
	out(b, "P. 1:1001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 0");
	bench_write(b, 3000, 0);
	quiet(b);
}

static void a_closed_window_is_probed(void **state)
{
	struct bench *b = *state;

	closed(b);
	out_at(b, 300, ". 1000:1000(0) ack 1"); /* an old number, no data */
	out_at(b, 600, ". 1000:1000(0) ack 1");
	out_at(b, 1200, ". 1000:1000(0) ack 1");
	assert_int_equal(bench_info(b).probes, 3);
	in(b, ". 1:1(0) ack 1001 win 0");
	assert_int_equal(bench_info(b).probes, 0); /* it lives */
	out_at(b, 2400, ". 1000:1000(0) ack 1");
	in(b, ". 1:1(0) ack 1001 win 257");
	out(b, ". 1001:2001(1000) ack 1");
}

static void probes_are_two_minutes_apart_at_most(void **state)
{
	struct bench *b = *state;
	int i;

	closed(b);
	for (i = 0; i < 14; i++) {
		out_at(b, i < 9 ? 300 << i : 120000, ". 1000:1000(0) ack 1");
		in(b, ". 1:1(0) ack 1001 win 0");
	}
	state_is(b, MINATO_ESTABLISHED); /* MUST-37: as long as it answers */
}

static void unanswered_probes_end_it(void **state)
{
	struct bench *b = *state;
	int i;

	closed(b);
	for (i = 0; i < 15; i++)
		out_at(b, i < 9 ? 300 << i : 120000, ". 1000:1000(0) ack 1");
	wait_ms(b, 121000);
	state_is(b, MINATO_CLOSED);
	assert_int_equal(tcp_error(&b->c), ETIMEDOUT);
}

static void a_probe_takes_what_little_fits(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 1000, 0);
	out(b, "P. 1:1001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 2"); /* 256 bytes */
	bench_write(b, 3000, 0);
	quiet(b);
	out_at(b, 300, "P. 1001:1257(256) ack 1");
}

static void a_fin_waits_for_the_window(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	bench_write(b, 1000, 0);
	out(b, "P. 1:1001(1000) ack 1");
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 0");
	tcp_close(&b->env, &b->c);
	quiet(b);
	out_at(b, 300, ". 1000:1000(0) ack 1");
	in(b, ". 1:1(0) ack 1001 win 10");
	out(b, "F. 1001:1001(0) ack 1");
}

static void a_window_shrunk_to_nothing(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept_plain(b);
	bench_write(b, 3000, 0);
	for (i = 0; i < 3; i++)
		assert_true(bench_next(b));
	wait_ms(b, 100);
	in(b, ". 1:1(0) ack 1001 win 0");
	out_at(b, 300, ". 1001:2001(1000) ack 1"); /* MUST-35 */
	quiet(b);
	in(b, ". 1:1(0) ack 1001 win 0");
	out_at(b, 600, ". 1001:2001(1000) ack 1");
	for (i = 0; i < 20; i++) { /* answered: never given up */
		in(b, ". 1:1(0) ack 1001 win 0");
		wait_ms(b, 119000);
		while (bench_next(b))
			;
	}
	state_is(b, MINATO_ESTABLISHED);
}

/* --- giving up ------------------------------------------------------------------------------- */

static void fifteen_retransmissions(void **state)
{
	struct bench *b = *state;
	int64_t began;
	int count = 0;

	bench_accept_plain(b);
	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	began = b->env.now.ns;
	while (tcp_state(&b->c) == MINATO_ESTABLISHED) {
		b->env.now = tcp_deadline(&b->env, &b->c);
		tcp_expire(&b->env, &b->c);
		while (bench_next(b))
			count++;
	}
	assert_int_equal(tcp_error(&b->c), ETIMEDOUT);
	/* SHLD-11: not before 100 s. As Linux with its default of 15. */
	assert_in_range((b->env.now.ns - began) / NS_PER_S, 900, 1100);
	assert_in_range(count, 13, 16);
}

static void retries_can_be_set(void **state)
{
	struct bench *b = *state;

	set(b, MINATO_OPT_RETRIES2, 3);
	bench_accept_plain(b);
	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	wait_ms(b, 1);
	out_at(b, 300, "P. 1:101(100) ack 1");
	out_at(b, 600, "P. 1:101(100) ack 1");
	out_at(b, 1200, "P. 1:101(100) ack 1");
	wait_ms(b, 2410);
	state_is(b, MINATO_CLOSED);
}

static void user_timeout_of_data(void **state)
{
	struct bench *b = *state;

	bench_accept_plain(b);
	set(b, MINATO_OPT_USER_TIMEOUT, 2000);
	bench_write(b, 100, 0);
	assert_true(bench_next(b));
	b->mark = b->env.now.ns;
	out_at(b, 300, "P. 1:101(100) ack 1");
	out_at(b, 600, "P. 1:101(100) ack 1");
	out_at(b, 1200, "P. 1:101(100) ack 1");
	wait_ms(b, 150); /* 2250 after the first, 1950 after the first again */
	state_is(b, MINATO_ESTABLISHED);
	wait_ms(b, 100);
	state_is(b, MINATO_CLOSED);
	assert_int_equal(tcp_error(&b->c), ETIMEDOUT);
}

static void user_timeout_of_a_closed_window(void **state)
{
	struct bench *b = *state;

	closed(b);
	set(b, MINATO_OPT_USER_TIMEOUT, 1000);
	out_at(b, 300, ". 1000:1000(0) ack 1");
	in(b, ". 1:1(0) ack 1001 win 0");
	out_at(b, 600, ". 1000:1000(0) ack 1");
	in(b, ". 1:1(0) ack 1001 win 0");
	wait_ms(b, 1300);
	state_is(b, MINATO_CLOSED);
}

static void orphans_have_less_time(void **state)
{
	struct bench *b = *state;
	int64_t began;

	bench_accept_plain(b);
	bench_write(b, 100, 0);
	tcp_close(&b->env, &b->c);
	began = b->env.now.ns;
	while (!tcp_dead(&b->c)) {
		while (bench_next(b))
			;
		b->env.now = tcp_deadline(&b->env, &b->c);
		tcp_expire(&b->env, &b->c);
	}
	assert_in_range((b->env.now.ns - began) / NS_PER_S, 90, 250);
	assert_int_equal(tcp_error(&b->c), 0);
}

/* --- keepalive ------------------------------------------------------------------------------- */

static void keepalive_is_off_by_default(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	assert_int_equal(tcp_deadline(&b->env, &b->c).ns, INT64_MAX);
}

static void keepalive_after_two_hours(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	set(b, MINATO_OPT_KEEPALIVE, 1);
	b->mark = b->env.now.ns;
	out_at(b, 7200000, ". 0:0(0) ack 1"); /* one below, no data (SHLD-12) */
	quiet(b);
	in(b, ". 1:1(0) ack 1 win 257");
	out_at(b, 7200000, ". 0:0(0) ack 1");
	out_at(b, 75000, ". 0:0(0) ack 1");
}

static void keepalive_gives_up(void **state)
{
	struct bench *b = *state;
	int i;

	bench_accept(b);
	set(b, MINATO_OPT_KEEPIDLE, 10);
	set(b, MINATO_OPT_KEEPINTVL, 2);
	set(b, MINATO_OPT_KEEPCNT, 3);
	set(b, MINATO_OPT_KEEPALIVE, 1);
	b->mark = b->env.now.ns;
	for (i = 0; i < 3; i++)
		out_at(b, i == 0 ? 10000 : 2000, ". 0:0(0) ack 1");
	out_at(b, 2000, "R. 1:1(0) ack 1");
	assert_int_equal(tcp_error(&b->c), ETIMEDOUT);
	assert_true(tcp_dead(&b->c));
}

static void keepalive_waits_while_data_is_out(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	set(b, MINATO_OPT_KEEPIDLE, 1);
	set(b, MINATO_OPT_KEEPALIVE, 1);
	bench_write(b, 100, 0);
	out(b, "P. 1:101(100) ack 1");
	out_at(b, 300, "P. 1:101(100) ack 1");
	out_at(b, 300, "P. 1:101(100) ack 1");
	out_at(b, 600, "P. 1:101(100) ack 1");
}

static void keepalive_probes_are_answered(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, ". 0:0(0) ack 1 win 257");
	out(b, ". 1:1(0) ack 1");
	in(b, ". 0:1(1) ack 1 win 257"); /* the kind with a byte of garbage */
	out(b, ". 1:1(0) ack 1");
	bench_write(b, 1, 0);
	out(b, "P. 1:2(1) ack 1");
}

/* --- delayed ACK ----------------------------------------------------------------------------- */

static void past_quick_acks(struct bench *b)
{
	uint32_t i;

	bench_accept(b);
	for (i = 0; i < 16; i++) {
		char text[64];
		sprintf(text, ". %u:%u(1000) ack 1 win 257", i * 1000 + 1, i * 1000 + 1001);
		in(b, text);
		sprintf(text, ". 1:1(0) ack %u", i * 1000 + 1001);
		out(b, text); /* each of the first sixteen */
		wait_ms(b, 5);
	}
	bench_read(b, 16000);
	while (bench_next(b))
		;
}

static void sixteen_quick_acks_then_a_delay(void **state)
{
	struct bench *b = *state;

	past_quick_acks(b);
	in(b, ". 16001:17001(1000) ack 1 win 257");
	quiet(b);
	out_at(b, 40, ". 1:1(0) ack 17001");
}

static void every_second_full_segment(void **state)
{
	struct bench *b = *state;

	past_quick_acks(b);
	in(b, ". 16001:17001(1000) ack 1 win 257");
	quiet(b);
	in(b, ". 17001:18001(1000) ack 1 win 257");
	out(b, ". 1:1(0) ack 18001");
	quiet(b);
}

static void a_run_counts_as_its_segments(void **state)
{
	struct bench *b = *state;

	past_quick_acks(b);
	in_gso(b, ". 16001:26001(10000) ack 1 win 257", 1000);
	in_gso(b, ". 26001:36001(10000) ack 1 win 257", 1000);
	out(b, ". 1:1(0) ack 36001"); /* one for the batch (MUST-58, MUST-59) */
	quiet(b);
}

static void reading_a_short_segment_acknowledges_it(void **state)
{
	struct bench *b = *state;

	past_quick_acks(b);
	in(b, "P. 16001:16101(100) ack 1 win 257");
	quiet(b);
	bench_read(b, 100);
	out(b, ". 1:1(0) ack 16101");
}

static void a_conversation_delays(void **state)
{
	struct bench *b = *state;

	bench_accept(b);
	in(b, "P. 1:101(100) ack 1 win 257");
	bench_write(b, 50, 0); /* an answer: from now on it is one */
	out(b, "P. 1:51(50) ack 101");
	wait_ms(b, 10);
	in(b, "P. 101:201(100) ack 51 win 257");
	quiet(b);
	out_at(b, 40, ". 51:51(0) ack 201");
}

static void quick_ack_can_be_asked_for(void **state)
{
	struct bench *b = *state;

	past_quick_acks(b);
	in(b, ". 16001:17001(1000) ack 1 win 257");
	quiet(b);
	set(b, MINATO_OPT_QUICKACK, 1);
	out(b, ". 1:1(0) ack 17001");
}

/* --- the window we offer --------------------------------------------------------------------- */

static void the_window_never_shrinks(void **state)
{
	struct bench *b = *state;
	uint32_t edge = 0, at;

	bench_accept(b);
	for (at = 1; at < 80000; at += 1000) {
		char text[64];
		uint32_t now;
		sprintf(text, ". %u:%u(1000) ack 1 win 257", at, at + 1000);
		in(b, text);
		if (!bench_next(b))
			continue;
		now = b->last.segment.ack.v + ((uint32_t)b->last.segment.window << 7);
		assert_true(edge == 0 || seq_le((struct seq){ edge }, (struct seq){ now }));
		edge = now;
	}
	assert_int_equal(b->last.segment.window, 0); /* nobody reads */
	tcp_consumed(&b->env, &b->c, tcp_read_queue(&b->env, &b->c)->bytes);
	assert_true(bench_next(b)); /* says at once that it is open again */
	assert_true(b->last.segment.window > 100);
}

static void no_silly_window_is_offered(void **state)
{
	struct bench *b = *state;
	static uint8_t data[1000];
	uint32_t at;

	bench_accept(b);
	for (at = 1; at < 80000; at += 1000) {
		char text[64];
		sprintf(text, ". %u:%u(1000) ack 1 win 257", at, at + 1000);
		in(b, text);
		bench_next(b);
	}
	assert_int_equal(b->last.segment.window, 0);
	assert_int_equal(tcp_read(&b->env, &b->c, data, 500, 0), 500);
	quiet(b); /* MUST-39 */
	assert_int_equal(tcp_read(&b->env, &b->c, data, 1000, 0), 1000);
	quiet(b);
}

static void the_window_grows_with_the_reader(void **state)
{
	struct bench *b = *state;
	uint32_t round, at = 1;

	bench_listen(b, "S 0:0(0) win 65535 <mss 1460,sackOK,ws 7>");
	out(b, "S. 0:0(0) ack 1");
	wait_ms(b, 10);
	in(b, ". 1:1(0) ack 1 win 2000");
	for (round = 0; round < 60; round++) {
		uint32_t window = bench_info(b).rcv_wnd, sent = 0;
		while (sent + 1460 <= window) {
			char text[80];
			sprintf(text, ". %u:%u(1460) ack 1 win 2000", at, at + 1460);
			in(b, text);
			while (bench_next(b))
				;
			at += 1460;
			sent += 1460;
			tcp_consumed(&b->env, &b->c,
				     tcp_read_queue(&b->env, &b->c)->bytes);
		}
		wait_ms(b, 10);
		while (bench_next(b))
			;
	}
	assert_true(bench_info(b).rcv_wnd > 1000000);
	assert_true(bench_info(b).rcv_wnd <= TCP_BUFFER_MAX + 128);
}

static void a_fixed_buffer_stays(void **state)
{
	struct bench *b = *state;
	uint32_t at = 1, i;

	set(b, MINATO_OPT_RCVBUF, 20000);
	bench_listen(b, "S 0:0(0) win 65535 <mss 1000,sackOK,ws 7>");
	out(b, "S. 0:0(0) ack 1 win 18980 <mss 1460,sackOK,ws 0>");
	in(b, ". 1:1(0) ack 1 win 2000");
	for (i = 0; i < 500; i++) {
		char text[80];
		sprintf(text, ". %u:%u(1000) ack 1 win 2000", at, at + 1000);
		in(b, text);
		while (bench_next(b))
			;
		at += 1000;
		bench_read(b, 1000);
		wait_ms(b, 1);
	}
	assert_true(bench_info(b).rcv_wnd <= 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(a_closed_window_is_probed),
		bench_test(probes_are_two_minutes_apart_at_most),
		bench_test(unanswered_probes_end_it),
		bench_test(a_probe_takes_what_little_fits),
		bench_test(a_fin_waits_for_the_window),
		bench_test(a_window_shrunk_to_nothing),
		bench_test(fifteen_retransmissions),
		bench_test(retries_can_be_set),
		bench_test(user_timeout_of_data),
		bench_test(user_timeout_of_a_closed_window),
		bench_test(orphans_have_less_time),
		bench_test(keepalive_is_off_by_default),
		bench_test(keepalive_after_two_hours),
		bench_test(keepalive_gives_up),
		bench_test(keepalive_waits_while_data_is_out),
		bench_test(keepalive_probes_are_answered),
		bench_test(sixteen_quick_acks_then_a_delay),
		bench_test(every_second_full_segment),
		bench_test(a_run_counts_as_its_segments),
		bench_test(reading_a_short_segment_acknowledges_it),
		bench_test(a_conversation_delays),
		bench_test(quick_ack_can_be_asked_for),
		bench_test(the_window_never_shrinks),
		bench_test(no_silly_window_is_offered),
		bench_test(the_window_grows_with_the_reader),
		bench_test(a_fixed_buffer_stays),
	};
	return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
