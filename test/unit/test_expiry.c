/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions end at their time, whatever the distance, and never in one long stroke. */
#include "unit/nat_fixture.h"

#define S INT64_C(1000)

static const char *const host = "10.0.0.7", *const server = "203.0.113.9";

static void not_before_and_not_long_after(void **state)
{
	(void)state;
	/* At instants that lie anywhere in the wheel. */
	for (uint32_t i = 0; i < 300; i++) {
		pass_ms(i * 7 + 1);
		map_udp(host, 5000, server, 53);
		pass_ms(300 * S);
		assert_int_equal(n->sessions4.used, 1);
		pass_ms(1);
		assert_empty();
		pass_ms(120 * S);
	}
}

static void outward_packets_refresh(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		pass_ms(299 * S);
		assert_true(same_end(map_udp(host, 5000, server, 53), at));
	}
	/* What comes in does not, nor what is refused, nor an error. */
	pass_ms(200 * S);
	assert_int_equal(in(UDP, end(server, 53), at, 0), NAT_PASS);
	pass_ms(101 * S);
	assert_empty();
}

static void an_inward_flow_keeps_no_mapping(void **state)
{
	const struct minato_endpoint at = map_udp(host, 5000, server, 53);

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		pass_ms(60 * S);
		in(UDP, end("192.0.2.5", (uint16_t)(1000 + i)), at, 0);
	}
	assert_empty();
	/* Unless the inside answers. */
	assert_int_equal(in(UDP, end("192.0.2.5", 1), map_udp(host, 5000, server, 53), 0),
			 NAT_PASS);
	pass_ms(200 * S);
	assert_int_equal(out(UDP, end(host, 5000), end("192.0.2.5", 1), 0), NAT_PASS);
	pass_ms(200 * S);
	assert_int_equal(n->mappings.used, 1);
	pass_ms(101 * S);
	assert_empty();
}

static void the_deadline_is_never_late(void **state)
{
	(void)state;
	assert_true(nat_deadline(n).ns == MINATO_NEVER.ns);
	for (uint16_t i = 0; i < 200; i++) {
		map_udp(host, (uint16_t)(5000 + i), server, 53);
		pass_ms(i * 37 % 1000);
	}
	/* Going from deadline to deadline misses nothing, and takes few steps. */
	for (uint32_t steps = 0; n->sessions4.used > 0; steps++) {
		const struct minato_time next = nat_deadline(n);
		assert_true(next.ns > fixture_now.ns || n->wheel.due != NAT_NONE);
		for (uint32_t i = 0, walk = session_walk(n, 0); walk != NAT_NONE; i++) {
			assert_false(session_over(n, session_at(n, walk)));
			walk = session_walk(n, walk + 1);
		}
		assert_true(steps < 2000);
		fixture_now = next;
		nat_advance(n, next);
	}
	assert_empty();
}

static void work_comes_in_parts(void **state)
{
	const struct nat_limits limits = { .sessions_max = 20000,
					   .mappings_max = 20000,
					   .hosts_max = 256,
					   .pools_max = 8,
					   .forwards_max = 64,
					   .outside_scope = 1 };
	const struct minato_addr public = addr(PUBLIC);
	struct nat_flow f;

	(void)state;
	fixture_close();
	fixture_open(&limits);
	assert_int_equal(nat_pool_add(n, 1, &public, 0, 0), 0);
	for (uint32_t i = 0; i < 20000; i++)
		map_udp(host, (uint16_t)(2000 + i), server, 53);
	pass_ms(301 * S);
	assert_in_range(n->sessions4.used, 20000 - NAT_WORK_MAX, 20000 - 1);
	assert_true(nat_deadline(n).ns == fixture_now.ns);
	/* Those that wait for their end are over all the same. */
	session_flow(session_at(n, session_walk(n, 0)), &f);
	assert_int_equal(in(UDP, f.d, f.c, 0), NAT_CLOSED);
	for (uint32_t i = 0; i < 6; i++)
		nat_advance(n, fixture_now);
	assert_empty();
}

static bool asked(uint8_t proto, struct minato_endpoint from, const char *remote, uint16_t port)
{
	const struct port_key key = { .local = from.addr,
				      .remote = addr(remote),
				      .local_port = from.port,
				      .remote_port = port,
				      .scope = 1,
				      .proto = proto };

	return port_recall_asked(t, &key, fixture_now);
}

/* Whom the inside has asked is remembered when the flow is over, as it is known outside. */
static void whom_it_asked_is_known_for_a_while(void **state)
{
	struct minato_endpoint at;

	(void)state;
	pass_ms(3600 * S);
	at = map_udp(host, 5000, server, 53);
	assert_false(asked(UDP, at, server, 53));
	pass_ms(301 * S);
	assert_empty();
	assert_true(asked(UDP, at, server, 53));
	assert_false(asked(UDP, end(host, 5000), server, 53));
	assert_false(asked(UDP, at, "203.0.113.77", 53));
	at.port++;
	assert_false(asked(UDP, at, server, 53));
	pass_ms(601 * S);
	at.port--;
	assert_false(asked(UDP, at, server, 53));
}

static void shorter_timers_hold_at_once(void **state)
{
	struct minato_nat options = *nat_get(n);
	struct minato_endpoint at;

	(void)state;
	at = map_udp(host, 5000, server, 53);
	options.udp_s = 120;
	assert_int_equal(nat_set(n, &options), 0);
	pass_ms(121 * S);
	/* Its next packet makes another. */
	assert_false(same_end(map_udp(host, 5000, server, 53), at));
	options.udp_short_s = 10;
	assert_int_equal(nat_set(n, &options), 0);
	map_udp(host, 6000, server, 53);
	map_udp(host, 6001, server, 4500);
	pass_ms(11 * S);
	assert_int_equal(n->mappings.used, 1);
}

/* Nothing of it need come: the mapping is given up too, and a longer timer is one at once. */
static void changed_timers_are_those_of_what_lives(void **state)
{
	struct minato_nat options = *nat_get(n);
	const uint32_t many = NAT_WORK_MAX - 200;

	(void)state;
	map_udp(host, 5000, server, 53);
	assert_int_equal(out(UDP, end("fd00::7", 5000), end("2001:db8::9", 53), 0), NAT_PASS);
	pass_ms(150 * S);
	map_udp(host, 5001, server, 53);
	options.udp_s = 120;
	assert_int_equal(nat_set(n, &options), 0);
	assert_true(nat_deadline(n).ns == fixture_now.ns);
	nat_advance(n, fixture_now);
	assert_int_equal(n->sessions4.used, 1);
	assert_int_equal(n->sessions6.used, 0);
	assert_int_equal(n->mappings.used, 1);
	assert_true(nat_deadline(n).ns > fixture_now.ns);
	options.udp_s = 200;
	assert_int_equal(nat_set(n, &options), 0);
	pass_ms(200 * S);
	assert_int_equal(n->mappings.used, 1);
	pass_ms(1);
	assert_empty();
	/* A part at a time, and the walk goes on over what begins and ends meanwhile. */
	for (uint32_t i = 0; i < many; i++)
		map_udp(host, (uint16_t)(2000 + i), server, 53);
	pass_ms(150 * S);
	options.udp_s = 120;
	assert_int_equal(nat_set(n, &options), 0);
	map_udp(host, 60000, server, 53);
	for (uint32_t i = 0; i < 4; i++)
		nat_advance(n, fixture_now);
	assert_int_equal(n->mappings.used, 1);
	pass_ms(121 * S);
	assert_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(not_before_and_not_long_after),
		CASE(outward_packets_refresh),
		CASE(an_inward_flow_keeps_no_mapping),
		CASE(the_deadline_is_never_late),
		CASE(work_comes_in_parts),
		CASE(whom_it_asked_is_known_for_a_while),
		CASE(shorter_timers_hold_at_once),
		CASE(changed_timers_are_those_of_what_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
