/* SPDX-License-Identifier: BSD-2-Clause */
/* What a gateway follows of TCP, and how long it keeps it (RFC 7857 2, RFC 5382 REQ-5). */
#include "unit/nat_fixture.h"

#define S INT64_C(1000)

static const char *const host = "10.0.0.7", *const server = "203.0.113.9";
static struct minato_endpoint at; /* of host outside */

static void sends(uint8_t flags)
{
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), flags), NAT_PASS);
	at = way.src;
}

static void answers(uint8_t flags)
{
	assert_int_equal(in(TCP, end(server, 80), at, flags), NAT_PASS);
}

static uint8_t state_of(void)
{
	struct minato_session s;
	uint64_t cursor = 0;

	assert_true(nat_session_next(n, &cursor, &s));
	return s.state;
}

static void opens(void)
{
	sends(NAT_SYN);
	answers(NAT_SYN | NAT_ACK);
	sends(NAT_ACK);
	assert_int_equal(state_of(), MINATO_NAT_OPEN);
}

/* It lives for so long, and not much longer. */
static void lives(int64_t span_ms)
{
	pass_ms(span_ms);
	assert_int_equal(n->sessions4.used, 1);
	pass_ms(2);
	assert_empty();
}

static void an_opening_lives_four_minutes(void **state)
{
	(void)state;
	sends(NAT_SYN);
	assert_int_equal(state_of(), MINATO_NAT_OPENING);
	lives(240 * S);
}

static void one_syn_again_is_no_answer(void **state)
{
	(void)state;
	sends(NAT_SYN);
	pass_ms(200 * S);
	sends(NAT_SYN);
	assert_int_equal(state_of(), MINATO_NAT_OPENING);
	lives(240 * S);
}

static void an_idle_connection_lives_two_hours(void **state)
{
	(void)state;
	opens();
	lives(7440 * S);
}

static void simultaneous_open_is_open(void **state)
{
	(void)state;
	sends(NAT_SYN);
	answers(NAT_SYN);
	assert_int_equal(state_of(), MINATO_NAT_OPEN);
}

static void one_fin_may_wait_long(void **state)
{
	(void)state;
	opens();
	sends(NAT_FIN | NAT_ACK);
	assert_int_equal(state_of(), MINATO_NAT_CLOSING);
	answers(NAT_ACK);
	lives(7440 * S);
}

static void two_fins_end_it(void **state)
{
	(void)state;
	opens();
	sends(NAT_FIN | NAT_ACK);
	pass_ms(1000 * S);
	answers(NAT_FIN | NAT_ACK);
	pass_ms(100 * S);
	sends(NAT_ACK); /* passes, and prolongs nothing */
	lives(140 * S);
	assert_int_equal(n->resting, 0); /* RFC 6888 REQ-8a: seen to end */
}

static void a_reset_leaves_four_minutes(void **state)
{
	(void)state;
	opens();
	pass_ms(5 * S);
	answers(NAT_RST);
	assert_int_equal(state_of(), MINATO_NAT_RESET);
	lives(240 * S);
	assert_int_equal(n->resting, 0);
}

static void a_reset_of_the_inside_refreshes_nothing(void **state)
{
	(void)state;
	opens();
	sends(NAT_RST | NAT_ACK);
	pass_ms(100 * S);
	sends(NAT_RST | NAT_ACK);
	lives(140 * S);
}

static void a_reset_never_prolongs(void **state)
{
	(void)state;
	sends(NAT_SYN);
	pass_ms(200 * S);
	answers(NAT_RST | NAT_ACK);
	lives(40 * S);
}

static void who_goes_on_was_not_reset(void **state)
{
	(void)state;
	opens();
	answers(NAT_RST);
	pass_ms(100 * S);
	sends(NAT_ACK);
	assert_int_equal(state_of(), MINATO_NAT_OPEN);
	lives(7440 * S);
}

static void a_port_used_again_begins_anew(void **state)
{
	(void)state;
	opens();
	sends(NAT_FIN | NAT_ACK);
	answers(NAT_FIN | NAT_ACK);
	sends(NAT_ACK);
	sends(NAT_SYN);
	assert_int_equal(state_of(), MINATO_NAT_OPENING);
	answers(NAT_SYN | NAT_ACK);
	assert_int_equal(state_of(), MINATO_NAT_OPEN);
	lives(7440 * S);
}

static void what_comes_in_refreshes_by_option(void **state)
{
	struct minato_nat options = *nat_get(n);

	(void)state;
	opens();
	pass_ms(7000 * S);
	answers(NAT_ACK);
	lives(440 * S);
	options.inbound_refresh = true;
	assert_int_equal(nat_set(n, &options), 0);
	opens();
	pass_ms(7000 * S);
	answers(NAT_ACK);
	lives(7440 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_opening_lives_four_minutes),
		CASE(one_syn_again_is_no_answer),
		CASE(an_idle_connection_lives_two_hours),
		CASE(simultaneous_open_is_open),
		CASE(one_fin_may_wait_long),
		CASE(two_fins_end_it),
		CASE(a_reset_leaves_four_minutes),
		CASE(a_reset_of_the_inside_refreshes_nothing),
		CASE(a_reset_never_prolongs),
		CASE(who_goes_on_was_not_reset),
		CASE(a_port_used_again_begins_anew),
		CASE(what_comes_in_refreshes_by_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
