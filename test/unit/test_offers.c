/* SPDX-License-Identifier: BSD-2-Clause */
/* Which flows are offered to whoever may carry them, and what ends that. */
#include "unit/nat_fixture.h"

#define HOUR_MS (3600 * 1000)

static const char *const host = "10.0.0.7";
static const char *const server = "203.0.113.9";
static struct minato_endpoint at; /* the flow's public end */

static void open_flow(uint16_t port)
{
	assert_int_equal(out(TCP, end(host, port), end(server, 80), NAT_SYN), NAT_PASS);
	at = way.src;
	assert_false(way.offer);
	assert_int_equal(in(TCP, end(server, 80), at, NAT_SYN | NAT_ACK), NAT_PASS);
	assert_false(way.offer);
}

static bool data(uint16_t port)
{
	assert_int_equal(out(TCP, end(host, port), end(server, 80), NAT_ACK), NAT_PASS);
	return way.offer;
}

/* Offers what the last packet was of, as the stack does. */
static struct minato_carry offer(void)
{
	const struct minato_carry what = {
		.kind = MINATO_CARRY_OFFER,
		.session = nat_session_handle(n, way.session),
		.side = way.side,
	};

	nat_offer(n, &what);
	return what;
}

static struct minato_carry open_and_offer(uint16_t port)
{
	open_flow(port);
	while (!data(port))
		;
	return offer();
}

static struct minato_carry next(void)
{
	struct minato_carry what = { .kind = MINATO_CARRY_OFFER };

	assert_true(nat_offer_next(n, &what));
	return what;
}

static bool none(void)
{
	struct minato_carry what;

	return !nat_offer_next(n, &what);
}

static bool seen(const struct minato_carry *what, uint64_t frames)
{
	return nat_offer_seen(n, what, fixture_now.ns, frames, &way);
}

static void what_lasts_is_offered(void **state)
{
	(void)state;
	open_flow(5000);
	for (uint32_t i = 1; i < NAT_OFFER_EVERY; i++)
		assert_false(data(5000));
	assert_true(data(5000));
	assert_int_equal(way.side, 0);
	for (uint32_t i = 1; i < NAT_OFFER_EVERY; i++)
		assert_false(data(5000));
	/* Nobody took it: so it is offered again, the way that the packet goes. */
	assert_int_equal(in(TCP, end(server, 80), at, NAT_ACK), NAT_PASS);
	assert_true(way.offer);
	assert_int_equal(way.side, 1);
}

static void what_is_followed_is_told_with_each_segment(void **state)
{
	struct minato_carry what = open_and_offer(5000);

	(void)state;
	assert_false(data(5000));
	nat_offer_follow(n, what.session);
	for (uint32_t i = 0; i < 2 * NAT_OFFER_EVERY; i++) {
		assert_true(data(5000));
		assert_int_equal(in(TCP, end(server, 80), at, NAT_ACK), NAT_PASS);
		assert_true(way.offer);
	}
	/* Another of the same place is another flow. */
	assert_int_equal(nat_session_end(n, what.session), 0);
	open_flow(5000);
	nat_offer_follow(n, what.session);
	assert_false(data(5000));
	/* And nothing is followed that was not offered. */
	nat_offer_follow(n, nat_session_handle(n, way.session));
	assert_false(data(5000));
	nat_offer_follow(n, 0);
	nat_offer_follow(n, UINT64_MAX);
}

static void what_only_begins_is_not(void **state)
{
	(void)state;
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_SYN), NAT_PASS);
	for (uint32_t i = 0; i < 4 * NAT_OFFER_EVERY; i++)
		assert_false(data(5000));
	map_udp(host, 5000, server, 53);
	for (uint32_t i = 0; i < 4 * NAT_OFFER_EVERY; i++) {
		assert_int_equal(out(UDP, end(host, 5000), end(server, 53), 0), NAT_PASS);
		assert_false(way.offer);
	}
}

static void what_ends_is_told(void **state)
{
	static const uint8_t flags[] = { NAT_FIN | NAT_ACK, NAT_RST, NAT_SYN };

	(void)state;
	for (uint16_t i = 0; i < sizeof(flags); i++) {
		const struct minato_carry what = open_and_offer((uint16_t)(5000 + i));

		assert_int_equal(next().kind, MINATO_CARRY_OFFER);
		assert_true(none());
		assert_int_equal(out(TCP, end(host, (uint16_t)(5000 + i)), end(server, 80),
				     flags[i]),
				 NAT_PASS);
		{
			const struct minato_carry told = next();
			assert_int_equal(told.kind, MINATO_CARRY_END);
			assert_int_equal(told.session, what.session);
		}
		assert_true(none());
	}
}

static void a_session_that_is_ended_is_told(void **state)
{
	const struct minato_carry what = open_and_offer(5000);

	(void)state;
	assert_int_equal(next().kind, MINATO_CARRY_OFFER);
	assert_int_equal(nat_session_end(n, what.session), 0);
	assert_int_equal(next().session, what.session);
	assert_true(none());
	assert_false(seen(&what, 0));
}

static void one_that_was_never_offered_ends_in_silence(void **state)
{
	(void)state;
	open_flow(5000);
	data(5000);
	assert_int_equal(out(TCP, end(host, 5000), end(server, 80), NAT_RST), NAT_PASS);
	assert_true(none());
}

/* Offers give way to ends, and ends to a look at all. */
static void a_full_ring_loses_no_end(void **state)
{
	const struct minato_addr inside = addr(host);
	uint32_t offers = 0;
	uint32_t looks = 0;
	struct minato_carry what;

	(void)state;
	for (uint16_t i = 0; i < 2 * NAT_OFFERS_MAX; i++) {
		(void)open_and_offer((uint16_t)(5000 + i));
		if (i % 2 == 0)
			assert_int_equal(next().kind, MINATO_CARRY_OFFER);
	}
	assert_true(nat_inside_end(n, &inside) > 0);
	while (nat_offer_next(n, &what)) {
		offers += what.kind == MINATO_CARRY_OFFER;
		looks += what.kind == MINATO_CARRY_LOOK;
	}
	assert_true(offers <= NAT_OFFERS_MAX / 2);
	assert_int_equal(looks, 1);
}

static void what_is_seen_elsewhere_refreshes(void **state)
{
	const struct minato_carry what = open_and_offer(5000);

	(void)state;
	for (int i = 0; i < 5; i++) {
		pass_ms(2 * HOUR_MS);
		assert_true(seen(&what, 10));
		assert_true(same_end(way.src, at));
	}
	assert_int_equal(counted(NAT_COUNT_PASSED_OUT), NAT_OFFER_EVERY + 1 + 50);
	/* Nothing passed: it ends when it would have. */
	pass_ms(2 * HOUR_MS);
	assert_true(seen(&what, 0));
	pass_ms(5 * 60 * 1000);
	assert_false(seen(&what, 0));
	assert_empty();
}

static void what_comes_in_refreshes_where_that_is_wished(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_carry what = open_and_offer(5000);

	(void)state;
	what.side = 1;
	pass_ms(2 * HOUR_MS);
	assert_true(seen(&what, 10));
	assert_true(same_end(way.dst, end(host, 5000)));
	assert_int_equal(counted(NAT_COUNT_PASSED_IN), 11);
	options.inbound_refresh = true;
	assert_int_equal(nat_set(n, &options), 0);
	assert_true(seen(&what, 10));
	pass_ms(HOUR_MS);
	assert_true(seen(&what, 0));
	pass_ms(2 * HOUR_MS);
	assert_empty();
}

static void what_is_closing_is_not_to_be_carried(void **state)
{
	const struct minato_carry what = open_and_offer(5000);

	(void)state;
	assert_true(seen(&what, 1));
	assert_int_equal(in(TCP, end(server, 80), at, NAT_FIN | NAT_ACK), NAT_PASS);
	assert_false(seen(&what, 1));
}

static void it_is_switched_off(void **state)
{
	struct minato_nat options = *nat_get(n);
	const struct minato_carry what = open_and_offer(5000);

	(void)state;
	assert_int_equal(next().kind, MINATO_CARRY_OFFER);
	assert_true(options.carry);
	options.carry = false;
	assert_int_equal(nat_set(n, &options), 0);
	assert_int_equal(next().kind, MINATO_CARRY_LOOK);
	assert_false(seen(&what, 1));
	for (uint32_t i = 0; i < 4 * NAT_OFFER_EVERY; i++)
		assert_false(data(5000));
}

static void a_handle_of_nothing_is_harmless(void **state)
{
	const uint64_t handles[] = { 0, 1, UINT64_MAX, UINT64_C(1) << 52, 0x10000000000fff };

	(void)state;
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
		const struct minato_carry what = { .session = handles[i] };

		assert_false(seen(&what, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_lasts_is_offered),
		CASE(what_is_followed_is_told_with_each_segment),
		CASE(what_only_begins_is_not),
		CASE(what_ends_is_told),
		CASE(a_session_that_is_ended_is_told),
		CASE(one_that_was_never_offered_ends_in_silence),
		CASE(a_full_ring_loses_no_end),
		CASE(what_is_seen_elsewhere_refreshes),
		CASE(what_comes_in_refreshes_where_that_is_wished),
		CASE(what_is_closing_is_not_to_be_carried),
		CASE(it_is_switched_off),
		CASE(a_handle_of_nothing_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
