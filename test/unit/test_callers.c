/* SPDX-License-Identifier: BSD-2-Clause */
/* Callers of forwards: what their first packet looked like, and that nobody answered. */
#include "unit/nat_fixture.h"

static const char *const host = "10.0.0.7";
static const struct minato_endpoint caller = { { { [10] = 0xff, 0xff, 203, 0, 113, 9 } }, 40000 };
static struct nat_caller told;

static void forward(uint8_t proto)
{
	const struct minato_entry e = forward_entry(proto, 80, 89, host, 80);

	assert_true(add_entry(&e) >= 0);
}

/* Its first packet, which looks so. */
static uint32_t call(uint8_t proto, uint16_t port, uint32_t look)
{
	assert_int_equal(in(proto, caller, end(PUBLIC, port), proto == TCP ? NAT_SYN : 0),
			 NAT_PASS);
	assert_int_equal(way.news, NAT_NEWS_BEGAN);
	nat_look(n, way.session, look);
	return way.session;
}

static void answer(uint8_t proto, uint16_t port, uint8_t flags)
{
	assert_int_equal(out(proto, end(host, port), caller, flags), NAT_PASS);
}

static void wait_s(int64_t seconds)
{
	pass_ms(seconds * 1000);
}

static void a_look_is_kept_until_there_is_an_answer(void **state)
{
	const uint32_t session = (forward(TCP), call(TCP, 80, 0x1234567));

	(void)state;
	assert_int_equal(in(TCP, caller, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_int_equal(way.news, NAT_NEWS_NONE);
	assert_true(nat_caller(n, session, &told));
	assert_int_equal(told.look, 0x1234567);
	assert_int_equal(told.proto, TCP);
	assert_int_equal(told.scope, 1);
	assert_true(same_end(told.client, caller));
	assert_true(same_end(told.asked, end(PUBLIC, 80)));
	answer(TCP, 80, NAT_RST | NAT_ACK);
	assert_int_equal(way.news, NAT_NEWS_REFUSED);
	assert_true(nat_caller(n, session, &told));
	assert_int_equal(told.look, 0x1234567);
	/* Of another connection of the same ends as well, until the server has a number. */
	assert_int_equal(in(TCP, caller, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	answer(TCP, 80, NAT_SYN | NAT_ACK);
	assert_true(nat_caller(n, session, &told));
	assert_int_equal(told.look, 0);
	nat_look(n, session, 0x7654321);
	assert_int_equal(in(TCP, caller, end(PUBLIC, 80), NAT_ACK), NAT_PASS);
	assert_true((session_at(n, session)->tcp & NAT_TCP_ACK_A) != 0);
	/* Nor is the number of what was before a look of what comes then. */
	assert_int_equal(in(TCP, caller, end(PUBLIC, 80), NAT_RST | NAT_ACK), NAT_PASS);
	assert_int_equal(in(TCP, caller, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	assert_true(nat_caller(n, session, &told));
	assert_int_equal(told.look, 0);
}

static void a_flow_of_the_inside_has_no_look(void **state)
{
	(void)state;
	assert_int_equal(out(TCP, end(host, 5000), caller, NAT_SYN), NAT_PASS);
	assert_int_equal(way.news, NAT_NEWS_NONE);
	nat_look(n, way.session, 7);
	assert_false(nat_caller(n, way.session, &told));
	assert_int_equal(nat_session_end(n, nat_session_handle(n, way.session)), 0);
	assert_false(nat_caller(n, NAT_NONE, &told));
	wait_s(1000);
	assert_false(nat_silence(n, &told));
	assert_empty();
}

static void silence_is_told_when_its_time_is_over(void **state)
{
	(void)state;
	forward(TCP);
	call(TCP, 80, 5);
	call(TCP, 81, 6);
	answer(TCP, 81, NAT_SYN | NAT_ACK);
	call(TCP, 82, 7);
	answer(TCP, 82, NAT_RST);
	wait_s(200);
	assert_false(nat_silence(n, &told));
	wait_s(300);
	assert_true(nat_silence(n, &told));
	assert_true(same_end(told.asked, end(PUBLIC, 80)));
	assert_true(same_end(told.client, caller));
	assert_int_equal(told.look, 5);
	assert_false(nat_silence(n, &told));
}

/* Its own packet may find out that its time is over. */
static void silence_is_told_by_the_next_call(void **state)
{
	(void)state;
	forward(TCP);
	call(TCP, 80, 5);
	fixture_now.ns += 241 * NS_PER_S;
	n->now = fixture_now;
	n->now_ms = (uint32_t)(fixture_now.ns / NS_PER_MS);
	call(TCP, 80, 6);
	assert_true(nat_silence(n, &told));
	assert_int_equal(told.look, 5);
}

static void an_end_by_command_is_no_silence(void **state)
{
	uint32_t session;

	(void)state;
	forward(TCP);
	session = call(TCP, 80, 5);
	assert_int_equal(nat_session_end(n, nat_session_handle(n, session)), 0);
	assert_false(nat_silence(n, &told));
}

static void datagrams_have_answers_or_are_a_stream(void **state)
{
	(void)state;
	forward(UDP);
	call(UDP, 80, 5);
	for (uint32_t i = 1; i < NAT_DATAGRAMS_MAX - 1; i++)
		assert_int_equal(in(UDP, caller, end(PUBLIC, 80), 0), NAT_PASS);
	call(UDP, 81, 6);
	answer(UDP, 81, 0);
	assert_int_equal(way.news, NAT_NEWS_ANSWERED);
	answer(UDP, 81, 0);
	assert_int_equal(way.news, NAT_NEWS_NONE);
	call(UDP, 82, 7);
	for (uint32_t i = 1; i < 40; i++)
		assert_int_equal(in(UDP, caller, end(PUBLIC, 82), 0), NAT_PASS);
	assert_true(nat_caller(n, way.session, &told));
	assert_int_equal(told.look, 7);
	wait_s(1000);
	assert_true(nat_silence(n, &told));
	assert_int_equal(told.look, 5);
	assert_false(nat_silence(n, &told));
	assert_empty();
}

/* RFC 5508: it ends nothing, but it is an answer. */
static void a_refusal_is_heard_once(void **state)
{
	struct nat_way theirs = { .side = 1 };
	uint32_t session;

	(void)state;
	forward(UDP);
	session = call(UDP, 80, 5);
	theirs.session = session;
	theirs.side = 0;
	assert_false(nat_refuse(n, &theirs));
	theirs.side = 1;
	assert_true(nat_refuse(n, &theirs));
	assert_false(nat_refuse(n, &theirs));
	theirs.session = NAT_NONE;
	assert_false(nat_refuse(n, &theirs));
	wait_s(1000);
	assert_false(nat_silence(n, &told));
}

/* Nobody chooses which ones are told of. */
static void of_very_many_some_are_told(void **state)
{
	uint32_t count = 0, late = 0;

	(void)state;
	forward(TCP);
	for (uint16_t i = 0; i < 600; i++) {
		const struct minato_endpoint other = { caller.addr, (uint16_t)(1000 + i) };
		assert_int_equal(in(TCP, other, end(PUBLIC, 80), NAT_SYN), NAT_PASS);
	}
	wait_s(1000);
	while (nat_silence(n, &told)) {
		count++;
		late += told.client.port >= 1300;
	}
	assert_int_equal(count, NAT_SILENCES_MAX);
	assert_in_range(late, 1, NAT_SILENCES_MAX - 1);
	assert_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_look_is_kept_until_there_is_an_answer),
		CASE(a_flow_of_the_inside_has_no_look),
		CASE(silence_is_told_when_its_time_is_over),
		CASE(silence_is_told_by_the_next_call),
		CASE(an_end_by_command_is_no_silence),
		CASE(datagrams_have_answers_or_are_a_stream),
		CASE(a_refusal_is_heard_once),
		CASE(of_very_many_some_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
