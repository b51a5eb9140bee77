/* SPDX-License-Identifier: BSD-2-Clause */
/* TIME-WAIT after the connection is gone: RFC 9293, RFC 6191, RFC 1337. */
#include "tcp_bench.h"

static struct tcp_segment reply;

static struct tcp_time_wait waiting(struct bench *b, bool stamped)
{
	struct tcp_time_wait t;
	const char *fin = stamped ? "F. 1:1(0) ack 2 win 257 <ts 300 1100>" :
				    "F. 1:1(0) ack 2 win 257";

	if (stamped)
		bench_accept_ts(b);
	else
		bench_accept(b);
	tcp_close(&b->env, &b->c);
	out(b, "F. 1:1(0) ack 1");
	in(b, fin);
	out(b, ". 2:2(0) ack 2");
	assert_int_equal(tcp_state(&b->c), MINATO_TIME_WAIT);
	tcp_to_time_wait(&b->c, &t);
	return t;
}

static enum tcp_tw_answer ask(struct bench *b, struct tcp_time_wait *t, const char *text)
{
	struct tcp_segment s;
	uint32_t len = bench_parse(b, text, &s);

	return tcp_time_wait_arrive(t, &b->env, &s, len, &reply);
}

static void a_repeated_fin_is_answered(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, "F. 1:1(0) ack 2"), TCP_TW_ACK);
	assert_int_equal(reply.seq.v, b->iss.v + 2);
	assert_int_equal(reply.ack.v, BENCH_IRS + 2);
	assert_int_equal(reply.flags, TCP_ACK);
}

static void data_is_answered(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, "P. 1:101(100) ack 2"), TCP_TW_ACK);
}

static void a_bare_ack_is_not(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, ". 2:2(0) ack 2"), TCP_TW_DROP);
}

static void a_newer_syn_reopens(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, "S 5000:5000(0) win 100"), TCP_TW_REOPEN);
	assert_int_equal(ask(b, &t, "S 2:2(0) win 100"), TCP_TW_REOPEN);
	assert_int_equal(ask(b, &t, "S 1:1(0) win 100"), TCP_TW_ACK);
}

/* RFC 6191 2: timestamps that begin with the new one tell the two apart. */
static void a_first_timestamp_reopens_with_any_number(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, "S 1:1(0) win 100 <ts 7 0>"), TCP_TW_REOPEN);
	assert_int_equal(ask(b, &t, "S 0:0(0) win 100 <ts 7 0>"), TCP_TW_REOPEN);
}

/* Where they are switched off here an offer says nothing. */
static void an_offer_that_is_not_taken_does_not(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t;

	assert_int_equal(tcp_set(&b->env, &b->c, MINATO_OPT_TIMESTAMPS, 0), 0);
	t = waiting(b, false);
	assert_int_equal(ask(b, &t, "S 1:1(0) win 100 <ts 7 0>"), TCP_TW_ACK);
	assert_int_equal(ask(b, &t, "S 2:2(0) win 100 <ts 7 0>"), TCP_TW_REOPEN);
}

/* Without timestamps from now on the number decides, after them too. */
static void a_bare_syn_after_timestamps_needs_a_newer_number(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, true);

	assert_int_equal(ask(b, &t, "S 1:1(0) win 100"), TCP_TW_ACK);
	assert_int_equal(ask(b, &t, "S 2:2(0) win 100"), TCP_TW_REOPEN);
}

static void a_newer_timestamp_reopens_with_any_number(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, true);

	assert_int_equal(ask(b, &t, "S 0:0(0) win 100 <ts 301 0>"), TCP_TW_REOPEN);
	assert_int_equal(ask(b, &t, "S 0:0(0) win 100 <ts 300 0>"), TCP_TW_ACK);
	assert_int_equal(ask(b, &t, "S 2:2(0) win 100 <ts 300 0>"), TCP_TW_REOPEN);
	assert_int_equal(ask(b, &t, "S 9000:9000(0) win 100 <ts 299 0>"), TCP_TW_ACK);
	assert_true(reply.options.has_timestamp);
}

static void only_the_exact_reset_ends_it(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, "R 3:3(0)"), TCP_TW_DROP);
	assert_int_equal(ask(b, &t, "R 1:1(0)"), TCP_TW_DROP);
	assert_int_equal(ask(b, &t, "R 2:2(0)"), TCP_TW_END);
}

static void a_syn_ack_does_not_reopen(void **state)
{
	struct bench *b = *state;
	struct tcp_time_wait t = waiting(b, false);

	assert_int_equal(ask(b, &t, "S. 5000:5000(0) ack 2 win 100"), TCP_TW_ACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(a_repeated_fin_is_answered),
		bench_test(data_is_answered),
		bench_test(a_bare_ack_is_not),
		bench_test(a_newer_syn_reopens),
		bench_test(a_newer_timestamp_reopens_with_any_number),
		bench_test(a_first_timestamp_reopens_with_any_number),
		bench_test(an_offer_that_is_not_taken_does_not),
		bench_test(a_bare_syn_after_timestamps_needs_a_newer_number),
		bench_test(only_the_exact_reset_ends_it),
		bench_test(a_syn_ack_does_not_reopen),
	};
	return cmocka_run_group_tests_name("timewait", tests, NULL, NULL);
}
