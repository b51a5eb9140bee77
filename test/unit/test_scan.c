/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk over first contacts, and what it is allowed to lead to. */
#include "unit/scan_fixture.h"

static const struct minato_addr visitor = { { [10] = 0xff, 0xff, 203, 0, 113, 7 } };

static void four_closed_doors_are_a_scan(void **state)
{
	/* Which ports the keyed filter tells apart is fixed by the key. */
	(void)state;
	for (uint16_t port = 20; port < 23; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_false(is_recognised(&visitor));
	note(&visitor, SCAN_CLOSED, 23);
	assert_true(is_recognised(&visitor));
}

/* Who calls into the world finds more doors closed: seven, of which three open ones take two. */
static void calls_into_the_world_may_miss_more(void **state)
{
	struct scan_contact c = contact(&visitor, SCAN_CLOSED, 6881);
	uint32_t misses = 0;

	(void)state;
	c.away = true;
	while (!is_recognised(&visitor) && misses < 20) {
		c.target = host_number(0x08080000u + misses++);
		scan_note(s, &c, now);
	}
	/* Some of them the filter takes for known. */
	assert_in_range(misses, 7, 9);
	/* And nothing is learned of it about who comes to us. */
	for (uint32_t i = 0; i < 3000; i++) {
		c.target = host_number(0x09000000u + i);
		c.sign = i % 3 != 0 ? SCAN_CLOSED : SCAN_GOOD;
		scan_note(s, &c, now);
	}
	assert_int_equal(s->up, SCAN_UNIT);
	assert_int_equal(s->miss_rate, 0);
}

/* However the filter's bits fall: what was completed and ended by RST is no failure. */
static void who_ends_by_reset_is_charged_for_what_it_was_given(void **state)
{
	uint32_t named = 0;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		const struct minato_addr source = host_number(0x0a000000u + i);
		for (uint16_t at = 0; at < 30; at++) {
			const uint16_t port = 8000 + at % 6;
			note(&source, SCAN_GOOD, port);
			note(&source, SCAN_ABORTED, port);
			if (at % 6 < 4)
				note(&source, SCAN_USED, port);
		}
		named += is_recognised(&source);
	}
	assert_int_equal(named, 0);
}

static void the_same_door_again_is_not(void **state)
{
	(void)state;
	for (int i = 0; i < 10000; i++) {
		note(&visitor, SCAN_CLOSED, 80);
		note(&visitor, SCAN_CLOSED, 443);
		note(&visitor, SCAN_CLOSED, 8080);
		wait_ns(SECOND);
	}
	assert_false(is_recognised(&visitor));
}

/* In any order, however slowly: nmap -T0 waits for five minutes. */
static void slowness_does_not_hide(void **state)
{
	static const int64_t waits[] = { 300 * SECOND, HOUR, 6 * HOUR, DAY };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct minato_addr source = host_number(0xc6336400u + (uint32_t)i);
		for (uint16_t port = 1; port <= 6; port++) {
			note(&source, SCAN_CLOSED, port);
			wait_ns(waits[i]);
		}
		assert_true(is_recognised(&source));
	}
}

static void a_failure_a_week_is_none(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 50; port++) {
		note(&visitor, SCAN_CLOSED, port);
		wait_ns(8 * DAY);
	}
	assert_false(is_recognised(&visitor));
}

/* Successes before count for nothing, and each port outweighs once. */
static void no_credit_is_banked(void **state)
{
	(void)state;
	for (uint16_t port = 1000; port < 1100; port++)
		note(&visitor, SCAN_GOOD, port);
	for (uint16_t port = 1; port <= 6; port++) {
		note(&visitor, SCAN_CLOSED, port);
		note(&visitor, SCAN_GOOD, 443);
		note(&visitor, SCAN_USED, 443);
		wait_ns(SECOND);
	}
	assert_true(is_recognised(&visitor));
}

/* Who knows many open doors, and goes through all of them, tries the closed ones no better hidden:
   of 1,000 sources that do, after one failure that gives them a place. */
static void many_open_doors_hide_no_closed_ones(void **state)
{
	uint32_t named = 0;
	uint64_t tried = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		const struct minato_addr source = host_number(0x0a000000u + i);
		uint16_t port = 1;

		note(&source, SCAN_CLOSED, port);
		for (uint16_t at = 0; at < 100; at++) {
			note(&source, SCAN_GOOD, 8000 + at);
			note(&source, SCAN_USED, 8000 + at);
		}
		while (!is_recognised(&source) && port < 100) {
			note(&source, SCAN_CLOSED, ++port);
			wait_ns(SECOND);
		}
		named += is_recognised(&source);
		tried += port;
	}
	assert_int_equal(named, 1000);
	assert_in_range(tried / 1000, 4, 20);
}

/* It polls every minute for half a day, and always finds three next to each other closed. */
static uint32_t pollers_named(uint16_t open, uint32_t sources)
{
	uint32_t named = 0;

	for (uint32_t i = 0; i < sources; i++) {
		const struct minato_addr source = host_number(0x14000000u + 65536u * open + i);

		for (int round = 0; round < 720; round++) {
			for (uint16_t at = 0; at < open + 3; at++) {
				if (at >= 5 && at < 8) {
					note(&source, SCAN_CLOSED, 9000 + at);
					continue;
				}
				note(&source, SCAN_GOOD, 9000 + at);
				note(&source, SCAN_USED, 9000 + at);
			}
			wait_ns(60 * SECOND);
		}
		named += is_recognised(&source);
	}
	return named;
}

static void a_poller_of_many_is_none(void **state)
{
	(void)state;
	assert_int_equal(pollers_named(17, 100), 0);
	assert_int_equal(pollers_named(57, 40), 0);
	assert_int_equal(pollers_named(200, 10), 0);
}

static void successes_outweigh(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 8; i++) {
		note(&visitor, SCAN_CLOSED, (uint16_t)(1 + i));
		note(&visitor, SCAN_GOOD, (uint16_t)(1000 + i));
	}
	assert_false(is_recognised(&visitor));
}

/* --- blocking ---------------------------------------------------------------- */

static void set_answer(enum minato_scan_answer answer)
{
	struct minato_scan_policy policy;

	minato_scan_policy_init(&policy);
	policy.answer = answer;
	scan_set(s, &policy);
}

static bool blocked(const struct minato_addr *source)
{
	return scan_is_blocked(s, 1, source, now);
}

/* Decoys, an idle scan's zombie, floods with forged sources. */
static void what_anybody_can_forge_never_blocks(void **state)
{
	static const enum scan_sign forged[] = { SCAN_CLOSED, SCAN_HALF, SCAN_IMPOSSIBLE,
						 SCAN_STRAY, SCAN_PIECE };

	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (size_t i = 0; i < 5; i++)
		for (uint32_t port = 1; port < 20000; port++) {
			note(&visitor, forged[i], (uint16_t)port);
			wait_ns(SECOND / 1000);
		}
	assert_true(is_recognised(&visitor));
	assert_false(blocked(&visitor));
}

/* Its own verified visits, however many, and forged failures in its name. */
static void a_framed_poller_is_not_blocked(void **state)
{
	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint16_t port = 1; port < 200; port++) {
		note(&visitor, SCAN_GOOD, (uint16_t)(2000 + port % 17));
		note(&visitor, SCAN_EMPTY, (uint16_t)(2000 + port % 17));
		note(&visitor, SCAN_CLOSED, port);
		note(&visitor, SCAN_HALF, port);
		wait_ns(SECOND);
	}
	assert_false(blocked(&visitor));
}

/* nmap -sV scans before it asks: what it tried first does not hide what it then shows. */
static void who_has_tried_much_is_verified_all_the_same(void **state)
{
	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint16_t port = 1; port < 200; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_true(is_recognised(&visitor));
	for (uint16_t port = 1000; port < 1010; port++) {
		note(&visitor, SCAN_GOOD, port);
		note(&visitor, SCAN_QUESTION, port);
	}
	assert_true(scan_is_blocked(s, 1, &visitor, now));
}

/* ... and the same contact again, as a poller's, verifies once, however much is forged. */
static void a_repetition_verifies_once(void **state)
{
	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint32_t i = 0; i < 5000; i++) {
		note(&visitor, SCAN_CLOSED, (uint16_t)(1 + i));
		note(&visitor, SCAN_GOOD, (uint16_t)(8000 + i % 3));
		note(&visitor, SCAN_ABORTED, (uint16_t)(8000 + i % 3));
		wait_ns(SECOND);
	}
	assert_true(is_recognised(&visitor));
	assert_false(scan_is_blocked(s, 1, &visitor, now));
}

static void verified_refusals_block_for_longer_each_time(void **state)
{
	struct minato_scan row;

	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint16_t port = 1; port <= 6; port++)
		note(&visitor, SCAN_REFUSED, port);
	assert_true(blocked(&visitor));
	wait_ns(599 * SECOND);
	assert_true(blocked(&visitor));
	wait_ns(2 * SECOND);
	assert_false(blocked(&visitor));
	note(&visitor, SCAN_REFUSED, 7);
	wait_ns(1199 * SECOND);
	assert_true(blocked(&visitor));
	wait_ns(2 * SECOND);
	assert_false(blocked(&visitor));
	assert_true(row_of(&visitor, &row));
	assert_int_equal(row.blocks, 2);
	for (int i = 0; i < 20; i++) {
		note(&visitor, SCAN_REFUSED, (uint16_t)(100 + i));
		wait_ns(86401 * SECOND);
		assert_false(blocked(&visitor));
	}
	/* Another scope is another source. */
	note(&visitor, SCAN_REFUSED, 200);
	assert_true(blocked(&visitor));
	assert_false(scan_is_blocked(s, 0, &visitor, now));
}

/* Who comes back and does what is welcome is not blocked again for what he was blocked for. */
static void an_old_block_is_no_evidence(void **state)
{
	static const enum scan_sign harmless[] = { SCAN_GOOD,	SCAN_USED, SCAN_EMPTY,
						   SCAN_CLOSED, SCAN_HALF, SCAN_IMPOSSIBLE };
	struct minato_scan row;

	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint16_t port = 1; port <= 6; port++)
		note(&visitor, SCAN_REFUSED, port);
	assert_true(blocked(&visitor));
	/* How what it had begun before ends is none either. */
	wait_ns(300 * SECOND);
	note(&visitor, SCAN_REFUSED, 50);
	wait_ns(301 * SECOND);
	assert_false(blocked(&visitor));
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		for (uint16_t port = 60; port < 80; port++)
			note(&visitor, harmless[i], port);
		assert_false(blocked(&visitor));
	}
	assert_true(row_of(&visitor, &row));
	assert_int_equal(row.blocks, 1);
	for (uint16_t port = 1000; port < 1008; port++)
		note(&visitor, SCAN_REFUSED, port);
	assert_true(blocked(&visitor));
	wait_ns(1199 * SECOND);
	assert_true(blocked(&visitor));
}

static void the_default_blocks_nobody(void **state)
{
	(void)state;
	for (uint16_t port = 1; port <= 100; port++)
		note(&visitor, SCAN_REFUSED, port);
	assert_true(is_recognised(&visitor));
	assert_false(blocked(&visitor));
}

static void who_does_not_watch_sees_nothing(void **state)
{
	struct minato_scan_policy policy;

	(void)state;
	minato_scan_policy_init(&policy);
	policy.watch = false;
	scan_set(s, &policy);
	for (uint16_t port = 1; port <= 100; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_int_equal(s->noted, 0);
	assert_false(is_recognised(&visitor));
}

static uint32_t answered(uint32_t tries)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < tries; i++)
		count += scan_may_answer(s, 1, &visitor, now);
	return count;
}

static void answers_become_slower_or_none(void **state)
{
	(void)state;
	assert_int_equal(answered(1000), 1000);
	for (uint16_t port = 1; port <= 8; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_int_equal(answered(1000), 10);
	wait_ns(SECOND);
	assert_int_equal(answered(1000), 10);
	set_answer(MINATO_SCAN_ANSWER_SILENCE);
	wait_ns(SECOND);
	assert_int_equal(answered(1000), 0);
	set_answer(MINATO_SCAN_ANSWER_NOTHING);
	assert_int_equal(answered(1000), 1000);
	s->policy.answer = MINATO_SCAN_ANSWER_SILENCE;
	s->policy.answer_s = 60;
	assert_int_equal(answered(1000), 0);
	wait_ns(60 * SECOND);
	assert_int_equal(answered(1000), 1000);
}

/* --- IPv6 -------------------------------------------------------------------- */

static void note6(uint32_t subnet, uint32_t interface, uint16_t port)
{
	struct minato_addr a = addr("2001:db8::");

	a.bytes[4] = (uint8_t)(subnet >> 24);
	a.bytes[5] = (uint8_t)(subnet >> 16);
	a.bytes[6] = (uint8_t)(subnet >> 8);
	a.bytes[7] = (uint8_t)subnet;
	a.bytes[14] = (uint8_t)(interface >> 8);
	a.bytes[15] = (uint8_t)interface;
	note(&a, SCAN_CLOSED, port);
}

static void a_64_is_one_source(void **state)
{
	const struct minato_addr any = addr("2001:db8::77");
	struct minato_scan row;

	(void)state;
	for (uint16_t i = 1; i <= 5; i++)
		note6(0, i, i);
	assert_true(row_of(&any, &row));
	assert_int_equal(row.prefix, 64);
	assert_true(row.recognised);
}

/* What is forgotten is so in the prefixes around it too. */
static void a_64_that_is_forgotten_names_no_56(void **state)
{
	const struct minato_addr source = addr("2001:db8::1");
	struct minato_scan row;

	(void)state;
	for (int i = 0; i < 10; i++) {
		for (uint16_t port = 0; port < 8; port++)
			note(&source, SCAN_CLOSED, (uint16_t)(100 * i + port));
		wait_ns(SECOND);
		assert_true(row_of(&source, &row));
		assert_true(row.recognised);
		assert_true(scan_forget(s, row.number));
		assert_false(is_recognised(&source));
	}
}

static void who_moves_about_is_found_in_a_56(void **state)
{
	const struct minato_addr within = addr("2001:db8:0:12::1");
	const struct minato_addr beside = addr("2001:db8:0:123::1");

	(void)state;
	for (uint16_t i = 1; i <= 12; i++)
		note6(i, 1, i);
	assert_true(is_recognised(&within));
	assert_false(is_recognised(&beside));
}

static void and_in_a_48(void **state)
{
	const struct minato_addr within = addr("2001:db8:0:ffff::1");

	(void)state;
	for (uint16_t i = 1; i <= 16; i++)
		note6((uint32_t)i << 8, 1, i);
	assert_true(is_recognised(&within));
}

/* One scanner does not make its neighbours one. */
static void a_loud_64_frames_no_56(void **state)
{
	const struct minato_addr beside = addr("2001:db8:0:1::1");

	(void)state;
	for (uint16_t i = 1; i <= 10000; i++) {
		note6(0, 1, i);
		wait_ns(SECOND / 1000);
	}
	assert_false(is_recognised(&beside));
}

/* --- strays ------------------------------------------------------------------ */

static void forgotten_connections_are_no_scan(void **state)
{
	struct scan_contact c = contact(&visitor, SCAN_STRAY, 0);

	(void)state;
	for (uint16_t i = 0; i < 50; i++) {
		c.port = (uint16_t)(1 + i);
		c.source_port = (uint16_t)(40000 + i);
		scan_note(s, &c, now);
	}
	assert_false(is_recognised(&visitor));
	for (uint16_t i = 0; i < 8; i++) {
		c.port = (uint16_t)(1 + i);
		c.source_port = 55555;
		scan_note(s, &c, now);
	}
	assert_true(is_recognised(&visitor));
}

/* FIN-ACKs of connections of ordinary sockets that are forgotten show no kind of scan either. */
static void forgotten_connections_show_no_kind(void **state)
{
	struct scan_contact c = contact(&visitor, SCAN_STRAY, 0);
	struct minato_scan row;

	(void)state;
	c.kinds = 1u << MINATO_SCAN_MAIMON;
	for (uint16_t i = 0; i < 50; i++) {
		c.port = (uint16_t)(1 + i);
		c.source_port = (uint16_t)(40000 + i);
		scan_note(s, &c, now);
	}
	assert_true(row_of(&visitor, &row));
	assert_int_equal(row.kinds, 0);
	assert_int_equal(row.latest.ns, now.ns);
	c.source_port = 55555;
	scan_note(s, &c, now);
	c.port = 1;
	scan_note(s, &c, now);
	assert_true(row_of(&visitor, &row));
	assert_int_equal(row.kinds, 1u << MINATO_SCAN_MAIMON);
}

/* --- versions ---------------------------------------------------------------- */

/* nmap -sV: both are half-opened, one greets, the other one is asked. */
static void two_open_ports_that_are_asked_are_a_scan(void **state)
{
	struct minato_scan row;

	(void)state;
	note(&visitor, SCAN_HALF, 25);
	note(&visitor, SCAN_HALF, 80);
	note(&visitor, SCAN_GOOD, 25);
	note(&visitor, SCAN_EMPTY, 25);
	note(&visitor, SCAN_GOOD, 80);
	assert_false(is_recognised(&visitor));
	note(&visitor, SCAN_QUESTION, 80);
	assert_true(is_recognised(&visitor));
	assert_true(row_of(&visitor, &row));
	assert_int_equal(row.kinds, 1u << MINATO_SCAN_SYN | 1u << MINATO_SCAN_CONNECT |
					    1u << MINATO_SCAN_VERSION);
	assert_true(row.verified < SCAN_PROVEN);
}

/* A balancer asks its servers; one port is one port; half-open checks ask nothing. */
static void who_asks_only_is_none(void **state)
{
	const struct minato_addr balancer = host_number(0x0a000001);
	const struct minato_addr checker = host_number(0x0a000002);

	(void)state;
	for (uint16_t port = 8000; port < 8006; port++) {
		note(&balancer, SCAN_GOOD, port);
		note(&balancer, SCAN_QUESTION, port);
	}
	assert_false(is_recognised(&balancer));
	note(&visitor, SCAN_HALF, 80);
	note(&visitor, SCAN_GOOD, 80);
	note(&visitor, SCAN_QUESTION, 80);
	assert_false(is_recognised(&visitor));
	for (uint16_t port = 8000; port < 8003; port++) {
		note(&checker, SCAN_HALF, port);
		note(&checker, SCAN_GOOD, port);
		note(&checker, SCAN_USED, port);
	}
	assert_false(is_recognised(&checker));
}

/* nmap -sV at five open ports, of whose many probes not all are known: in any order. */
static void who_asks_more_is_not_verified_less(void **state)
{
	enum { PORTS = 5, ROUNDS = 12 };

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		const struct minato_addr source = host_number(0x0a000000u + i);
		struct minato_scan row;
		uint32_t asked = 0;
		wait_ns(SECOND);
		for (uint16_t port = 5000; port < 5006; port++)
			note(&source, SCAN_CLOSED, port);
		for (uint16_t port = 0; port < PORTS; port++)
			note(&source, SCAN_HALF, port);
		for (uint32_t n = 0; n < PORTS * ROUNDS; n++) {
			const uint16_t port = (uint16_t)roll(PORTS);
			const bool asks = roll(3) == 0;
			note(&source, SCAN_GOOD, port);
			note(&source, asks ? SCAN_QUESTION : SCAN_USED, port);
			asked |= (uint32_t)asks << port;
		}
		if (bits_count(asked) < PORTS)
			continue;
		assert_true(row_of(&source, &row));
		assert_true(row.blockable);
		scan_forget(s, row.number);
	}
}

/* A monitor's poll of twenty ports by a request each, of which three are closed, at any place. */
static void a_bare_request_asks_nothing(void **state)
{
	const struct minato_addr sources[] = { host_number(0x0a000001), host_number(0x0a000002),
					       host_number(0x0a000003) };
	static const uint16_t first_closed[] = { 0, 8, 17 };

	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint16_t i = 0; i < 3; i++)
		for (uint16_t round = 0; round < 10; round++)
			for (uint16_t port = 0; port < 20; port++) {
				const uint16_t at = (uint16_t)(3000 + port);
				if ((uint16_t)(port - first_closed[i]) < 3) {
					note(&sources[i], SCAN_CLOSED, at);
					continue;
				}
				note(&sources[i], SCAN_GOOD, at);
				note(&sources[i], SCAN_BARE, at);
			}
	for (uint16_t i = 0; i < 3; i++) {
		struct minato_scan row;
		assert_false(is_recognised(&sources[i]));
		assert_true(!row_of(&sources[i], &row) || row.verified == 0);
	}
}

/* ... but of who has half-opened these ports before, as nmap -sV does. */
static void a_bare_request_of_who_has_knocked_asks(void **state)
{
	struct minato_scan row;

	(void)state;
	note(&visitor, SCAN_HALF, 25);
	note(&visitor, SCAN_HALF, 80);
	note(&visitor, SCAN_GOOD, 80);
	note(&visitor, SCAN_BARE, 80);
	assert_true(is_recognised(&visitor));
	assert_true(row_of(&visitor, &row));
	assert_int_equal(row.verified, 0);
	assert_true(row.kinds & 1u << MINATO_SCAN_VERSION);
}

/* Whoever knocks in a monitor's name gets it listed, and never blocked. */
static void a_framed_monitor_is_not_blocked(void **state)
{
	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint16_t port = 3000; port < 3012; port++) {
		wait_ns(SECOND);
		note(&visitor, SCAN_HALF, port);
		note(&visitor, SCAN_CLOSED, (uint16_t)(port + 100));
	}
	for (uint16_t port = 3000; port < 3012; port++) {
		note(&visitor, SCAN_GOOD, port);
		note(&visitor, SCAN_BARE, port);
	}
	assert_true(is_recognised(&visitor));
	assert_false(blocked(&visitor));
}

/* nmap -sV of five ports, two of which answer a bare request: in any order. */
static void bare_requests_of_who_asks_count(void **state)
{
	(void)state;
	set_answer(MINATO_SCAN_ANSWER_BLOCK);
	for (uint32_t i = 0; i < 100; i++) {
		const struct minato_addr source = host_number(0x0a000000u + i);
		const uint32_t first = roll(5);
		wait_ns(SECOND);
		for (uint16_t port = 3000; port < 3005; port++)
			note(&source, SCAN_HALF, port);
		for (uint32_t n = first; n < first + 5; n++) {
			const uint16_t port = (uint16_t)(3000 + n % 5);
			note(&source, SCAN_GOOD, port);
			note(&source, n % 5 < 3 ? SCAN_QUESTION : SCAN_BARE, port);
		}
		assert_true(blocked(&source));
	}
}

/* nmap -O at one open port and one closed one: what no stack sends is not hidden by what came
   before it at the same port. */
static void two_ports_are_enough_to_fingerprint(void **state)
{
	(void)state;
	note(&visitor, SCAN_HALF, 80);
	note(&visitor, SCAN_CLOSED, 81);
	assert_false(is_recognised(&visitor));
	note(&visitor, SCAN_IMPOSSIBLE, 80);
	note(&visitor, SCAN_IMPOSSIBLE, 81);
	assert_true(is_recognised(&visitor));
}

/* --- figures ----------------------------------------------------------------- */

/* The share of sources recognised, of those whose contacts succeed so often. */
static double share(uint32_t first, uint32_t sources, uint32_t contacts, double success)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < sources; i++) {
		const struct minato_addr a = host_number(first + i);
		/* The host has other visitors, who do not miss. */
		for (uint32_t n = 0; n < 20; n++) {
			const struct minato_addr other = host_number(0x0f000000 + n);
			note(&other, SCAN_GOOD, 443);
		}
		for (uint32_t n = 0; n < contacts; n++) {
			const bool good = roll(1u << 20) < success * (1u << 20);
			note(&a, good ? SCAN_GOOD : SCAN_CLOSED, (uint16_t)roll(65536));
			wait_ns(SECOND / 50);
		}
		found += is_recognised(&a);
		/* Room for the next. */
		struct minato_scan row;
		if (row_of(&a, &row))
			scan_forget(s, row.number);
	}
	return (double)found / sources;
}

static void errors_are_as_rare_as_they_should_be(void **state)
{
	double detected, plainly, false_well, false_badly;

	(void)state;
	plainly = share(0x0a000000, 3000, 6, .01);
	detected = share(0x0b000000, 3000, 20, .2);
	false_well = share(0x0c000000, 3000, 40, .97);
	false_badly = share(0x0d000000, 3000, 12, .8);
	print_message("# P_D %.4f (scanner, 6 contacts, 1%% succeed)\n", plainly);
	print_message("# P_D %.4f (scanner, 20 contacts, 20%% succeed)\n", detected);
	print_message("# P_F %.4f (visitor, 40 contacts, 97%% succeed)\n", false_well);
	print_message("# P_F %.4f (visitor, 12 contacts, 80%% succeed)\n", false_badly);
	assert_true(plainly >= .98);
	assert_true(detected >= .98);
	assert_true(false_well <= .002);
	assert_true(false_badly <= .03);
}

/* How many ports it takes to be seen as four. */
static void the_filter_delays_little(void **state)
{
	uint32_t sum = 0, by_five = 0;

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		const struct minato_addr a = host_number(0x0e000000 + i);
		struct minato_scan row;
		uint32_t tries = 0;
		while (!is_recognised(&a)) {
			note(&a, SCAN_CLOSED, (uint16_t)(1 + tries));
			wait_ns(SECOND / 100);
			tries++;
		}
		sum += tries;
		by_five += tries <= 5;
		assert_true(row_of(&a, &row));
		scan_forget(s, row.number);
	}
	print_message("# named after %.2f ports on average, %.1f %% after five\n", sum / 2000.,
		      by_five / 20.);
	assert_in_range(sum, 4 * 2000, 4.4 * 2000);
	assert_true(by_five >= 2000 * 95 / 100);
}

/* --- floods ------------------------------------------------------------------ */

/* A million forged sources a second; one scanner, of a hundred ports a second. */
static void a_flood_washes_nobody_out(void **state)
{
	uint32_t probes = 0, found = 0;

	(void)state;
	for (uint32_t i = 0; i < 3000000; i++) {
		const struct minato_addr forged = host_number(0x20000000u + roll(1u << 30));
		note(&forged, SCAN_CLOSED, (uint16_t)roll(65536));
		wait_ns(1000);
		if (i % 10000 != 0)
			continue;
		note(&visitor, SCAN_CLOSED, (uint16_t)(1 + probes++));
		if (found == 0 && is_recognised(&visitor))
			found = probes;
	}
	print_message("# found after %u of its ports; %u others named; %u of %u noted\n", found,
		      count_recognised() - 1, (unsigned)s->noted, 3000300u);
	assert_in_range(found, 1, 299);
	assert_true(is_recognised(&visitor));
	assert_true(count_recognised() <= 3);
}

/* What was overlooked in a burst ends with it. */
static void a_burst_hides_nobody_after_it(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		const struct minato_addr forged = host_number(0x20000000u + i);
		note(&forged, SCAN_CLOSED, 1);
	}
	wait_ns(2 * SECOND / 1000);
	for (uint16_t port = 1; port <= 6; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_true(is_recognised(&visitor));
}

/* Known before: its record outlives any number of others. */
static void a_flood_makes_nothing_forgotten(void **state)
{
	struct minato_scan before, after;

	(void)state;
	for (uint16_t port = 1; port <= 8; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_true(row_of(&visitor, &before));
	for (uint32_t i = 0; i < 2000000; i++) {
		const struct minato_addr forged = host_number(0x20000000u + roll(1u << 30));
		note(&forged, SCAN_CLOSED, (uint16_t)roll(65536));
		wait_ns(8000);
	}
	assert_true(row_of(&visitor, &after));
	assert_true(after.recognised);
	assert_int_equal(after.number, before.number);
}

/* 16 bytes each, and nearly all of them have a place. */
static void sources_fill_their_memory(void **state)
{
	uint32_t kept = 0;

	(void)state;
	assert_true(scan_bytes(1u << 20) - scan_bytes(1u << 19) <= (1u << 19) * 18u);
	for (uint32_t i = 0; i < 60000; i++) {
		const struct minato_addr a = host_number(0x0a000000u + i);
		note(&a, SCAN_CLOSED, 1);
		wait_ns(SECOND / 50);
	}
	for (uint32_t i = 0; i < 60000; i++) {
		const struct minato_addr a = host_number(0x0a000000u + i);
		kept += scan_find(s, scan_key(s, 1, 0, &a)) != NULL;
	}
	print_message("# %u of 60000 sources in 65536 places\n", kept);
	assert_true(kept >= 59000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scan_setup, scan_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(four_closed_doors_are_a_scan),
		TEST(calls_into_the_world_may_miss_more),
		TEST(who_ends_by_reset_is_charged_for_what_it_was_given),
		TEST(the_same_door_again_is_not),
		TEST(slowness_does_not_hide),
		TEST(a_failure_a_week_is_none),
		TEST(no_credit_is_banked),
		TEST(many_open_doors_hide_no_closed_ones),
		TEST(a_poller_of_many_is_none),
		TEST(successes_outweigh),
		TEST(what_anybody_can_forge_never_blocks),
		TEST(a_framed_poller_is_not_blocked),
		TEST(who_has_tried_much_is_verified_all_the_same),
		TEST(a_repetition_verifies_once),
		TEST(verified_refusals_block_for_longer_each_time),
		TEST(an_old_block_is_no_evidence),
		TEST(the_default_blocks_nobody),
		TEST(who_does_not_watch_sees_nothing),
		TEST(answers_become_slower_or_none),
		TEST(a_64_is_one_source),
		TEST(a_64_that_is_forgotten_names_no_56),
		TEST(who_moves_about_is_found_in_a_56),
		TEST(and_in_a_48),
		TEST(a_loud_64_frames_no_56),
		TEST(forgotten_connections_are_no_scan),
		TEST(forgotten_connections_show_no_kind),
		TEST(two_open_ports_that_are_asked_are_a_scan),
		TEST(who_asks_only_is_none),
		TEST(who_asks_more_is_not_verified_less),
		TEST(a_bare_request_asks_nothing),
		TEST(a_bare_request_of_who_has_knocked_asks),
		TEST(a_framed_monitor_is_not_blocked),
		TEST(bare_requests_of_who_asks_count),
		TEST(two_ports_are_enough_to_fingerprint),
		TEST(errors_are_as_rare_as_they_should_be),
		TEST(the_filter_delays_little),
		TEST(a_flood_washes_nobody_out),
		TEST(a_burst_hides_nobody_after_it),
		TEST(a_flood_makes_nothing_forgotten),
		TEST(sources_fill_their_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
