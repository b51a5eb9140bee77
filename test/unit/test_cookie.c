/* SPDX-License-Identifier: BSD-2-Clause */
/* SYN cookies: what they carry, how long they are good, what a guess is worth. */
#include "tcp_bench.h"

#define EPOCH ((int64_t)TCP_COOKIE_EPOCH_S * NS_PER_S)

static struct tcp_half offer(uint16_t mss, uint8_t wscale, bool sack, bool stamped, bool ecn)
{
	return (struct tcp_half){ .irs = { BENCH_IRS },
				  .tsval = stamped ? 77 : 0,
				  .mss = mss,
				  .wscale = wscale,
				  .sack = sack,
				  .stamped = stamped,
				  .ecn = ecn };
}

/* The ACK of whoever got that SYN-ACK. */
static struct tcp_segment ack_of(const struct tcp_half *h, uint32_t stamp)
{
	return (struct tcp_segment){ .seq = seq_add(h->irs, 1),
				     .ack = seq_add(h->iss, 1),
				     .flags = TCP_ACK,
				     .options = { .has_timestamp = h->stamped,
						  .tsval = h->tsval + 1,
						  .tsecr = 123456u << TCP_COOKIE_STAMP | stamp } };
}

static struct tcp_half through(struct bench *b, struct tcp_half h)
{
	struct tcp_half back;
	struct tcp_segment ack;
	uint32_t stamp;

	tcp_cookie_make(&b->env, &b->setup, &h, &stamp);
	ack = ack_of(&h, stamp);
	assert_true(tcp_cookie_open(&b->env, &b->setup, &ack, &back));
	assert_int_equal(back.irs.v, h.irs.v);
	assert_int_equal(back.iss.v, h.iss.v);
	assert_int_equal(back.mss, h.mss);
	assert_int_equal(back.wscale, h.wscale);
	return back;
}

/* With timestamps the scale is exact, all 16 of them. */
static void what_was_offered_comes_back(void **state)
{
	struct bench *b = *state;

	for (uint32_t i = 0; i < 16 * 8; i++) {
		const struct tcp_half h = offer(1460, i & 15, i & 16, i & 32, i & 64);
		const struct tcp_half back = through(b, h);

		assert_int_equal(back.mss, 1460);
		assert_int_equal(back.sack, h.sack);
		assert_int_equal(back.ecn, h.ecn);
		assert_int_equal(back.stamped, h.stamped);
		if (h.stamped || h.wscale == TCP_HALF_NO_SCALE || h.wscale == 0)
			assert_int_equal(back.wscale, h.wscale);
		else
			assert_true(back.wscale <= h.wscale && back.wscale + 5 > h.wscale);
	}
}

/* Never more than was said, and never nothing. */
static void a_class_is_not_above_what_was_offered(void **state)
{
	struct bench *b = *state;
	static const uint16_t common[] = { 536, 1220, 1360, 1400, 1440, 1460, 8940 };

	for (uint32_t mss = TCP_MSS_MIN; mss <= 65535; mss += 13)
		assert_true(through(b, offer((uint16_t)mss, 7, true, mss & 1, false)).mss <= mss);
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		assert_int_equal(through(b, offer(common[i], 7, true, false, false)).mss,
				 common[i]);
	assert_int_equal(through(b, offer(0, 7, true, false, false)).mss, 536);
	b->setup.is6 = true;
	assert_int_equal(through(b, offer(0, 7, true, false, false)).mss, 1220);
}

static bool opens(struct bench *b, const struct tcp_half *h, uint32_t stamp)
{
	const struct tcp_segment ack = ack_of(h, stamp);
	struct tcp_half back;

	return tcp_cookie_open(&b->env, &b->setup, &ack, &back);
}

/* One to two epochs, whenever in its epoch it was made. */
static void a_cookie_is_good_for_a_time(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 8; i++) {
		struct tcp_half h = offer(1460, 7, true, i & 1, false);
		const int64_t at = b->env.now.ns;
		uint32_t stamp;

		tcp_cookie_make(&b->env, &b->setup, &h, &stamp);
		b->env.now.ns = at + EPOCH;
		assert_true(opens(b, &h, stamp));
		b->env.now.ns = at + 2 * EPOCH;
		assert_false(opens(b, &h, stamp));
		b->env.now.ns = at + 3 * EPOCH;
		assert_false(opens(b, &h, stamp));
		b->env.now.ns = at + 3 * EPOCH + EPOCH / 7;
	}
}

/* Nothing of it may be another's or other: ends, numbers, what is carried. */
static void a_cookie_is_bound_to_its_call(void **state)
{
	struct bench *b = *state;

	for (int stamped = 0; stamped < 2; stamped++) {
		struct tcp_half h = offer(1460, 7, true, stamped, false), other;
		uint32_t stamp;

		tcp_cookie_make(&b->env, &b->setup, &h, &stamp);
		assert_true(opens(b, &h, stamp));
		other = h;
		other.irs = seq_add(h.irs, 1);
		assert_false(opens(b, &other, stamp));
		for (uint32_t bit = 0; bit < 32; bit++) {
			other = h;
			other.iss.v ^= 1u << bit;
			assert_false(opens(b, &other, stamp));
		}
		for (uint32_t bit = 0; stamped && bit < TCP_COOKIE_STAMP; bit++)
			assert_false(opens(b, &h, stamp ^ 1u << bit));
		other = h;
		other.stamped = !stamped;
		assert_false(opens(b, &other, stamp));
		b->setup.tuple_hash ^= 1;
		assert_false(opens(b, &h, stamp));
		b->setup.tuple_hash ^= 1;
	}
}

/* Of 2^24 guesses about two are right where 23 bits are to be guessed. */
static void a_guess_is_worth_what_is_said(void **state)
{
	struct bench *b = *state;
	uint32_t right = 0;

	for (uint32_t i = 0; i < 1u << 24; i++) {
		const struct tcp_half h = { .irs = { i * 2654435761u },
					    .iss = { i * 2246822519u } };

		right += opens(b, &h, 0);
	}
	assert_in_range(right, 0, 12);
}

/* Numbers of calls that differ in nothing but their own number look random. */
static void numbers_are_spread(void **state)
{
	struct bench *b = *state;
	uint32_t ones[32] = { 0 };

	for (uint32_t i = 0; i < 4096; i++) {
		struct tcp_half h = offer(1460, 7, true, false, false);
		uint32_t stamp;

		h.irs.v += i;
		tcp_cookie_make(&b->env, &b->setup, &h, &stamp);
		for (uint32_t bit = 0; bit < 32; bit++)
			ones[bit] += h.iss.v >> bit & 1;
	}
	for (uint32_t bit = 0; bit < 32; bit++)
		assert_in_range(ones[bit], 1848, 2248);
}

/* The stamp of the SYN-ACK holds the offers and is never ahead of the clock. */
static void the_stamp_does_not_run_ahead(void **state)
{
	struct bench *b = *state;
	struct tcp listener;
	struct tcp_emit plain, out;

	tcp_init(&listener);
	for (int i = 0; i < 200; i++) {
		struct tcp_half h = offer(1460, i & 15, i & 16, true, false), same = h;
		const struct tcp_segment *s = &out.segment;
		struct tcp_segment ack;
		struct tcp_half back;

		b->env.now.ns += 7 * NS_PER_MS;
		tcp_half_say(&b->env, &listener, &b->setup, &same, TCP_HALF_SYN, &plain);
		tcp_cookie_say(&b->env, &listener, &b->setup, &h, &out);
		assert_in_range(plain.segment.options.tsval - s->options.tsval, 0, 64);
		assert_int_equal(s->flags, TCP_SYN | TCP_ACK);
		ack = ack_of(&h, 0);
		ack.options.tsecr = s->options.tsval;
		assert_true(tcp_cookie_open(&b->env, &b->setup, &ack, &back));
		assert_int_equal(back.wscale, i & 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		bench_test(what_was_offered_comes_back),
		bench_test(a_class_is_not_above_what_was_offered),
		bench_test(a_cookie_is_good_for_a_time),
		bench_test(a_cookie_is_bound_to_its_call),
		bench_test(a_guess_is_worth_what_is_said),
		bench_test(numbers_are_spread),
		bench_test(the_stamp_does_not_run_ahead),
	};

	return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
