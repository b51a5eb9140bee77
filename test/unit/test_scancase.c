/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of a scan: ports, pattern, kinds, decoys, events. */
#include "unit/scan_fixture.h"

static const struct minato_addr visitor = { { [10] = 0xff, 0xff, 203, 0, 113, 7 } };

static struct minato_scan row(void)
{
	struct minato_scan out;

	assert_true(row_of(&visitor, &out));
	return out;
}

static void ports_and_times_are_told(void **state)
{
	const struct minato_time began = now;

	(void)state;
	for (uint16_t port = 30; port > 10; port--) {
		note(&visitor, SCAN_CLOSED, port);
		wait_ns(SECOND);
	}
	assert_int_equal(row().began.ns, began.ns);
	assert_int_equal(row().latest.ns, now.ns - SECOND);
	assert_int_equal(row().first, 11);
	assert_int_equal(row().last, 30);
	assert_int_equal(row().port_count, MINATO_SCAN_PORTS);
	assert_int_equal(row().ports[0], 30);
	assert_int_equal(row().ports[15], 15);
	assert_in_range(row().ports_tried, 19, 21);
	assert_int_equal(row().closed, 20);
	assert_true(row().confidence > 990);
	assert_true(row().recognised);
}

static void ports_are_counted_well(void **state)
{
	static const uint32_t counts[] = { 50, 500, 5000, 65535 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct minato_addr a = host_number(0x0a000001u + (uint32_t)i);
		struct minato_scan out;
		for (uint32_t port = 1; port <= counts[i]; port++) {
			note(&a, SCAN_CLOSED, (uint16_t)port);
			wait_ns(SECOND / 1000);
		}
		assert_true(row_of(&a, &out));
		print_message("# %u ports are %u\n", counts[i], out.ports_tried);
		assert_in_range(out.ports_tried, counts[i] * 80 / 100, counts[i] * 120 / 100);
	}
}

static void patterns_are_told_apart(void **state)
{
	static const uint16_t listed[] = { 80,	 23,  443, 21, 22,   25,   3389, 110, 445,
					   7777, 139, 143, 53, 1234, 8080, 3306, 995 };
	static const struct {
		uint16_t first, last;
	} runs[] = { { 100, 160 }, { 1, 60 }, { 8000, 8020 }, { 0, 255 } };

	(void)state;
	for (uint16_t port = 1; port < 100; port++) {
		note(&visitor, SCAN_CLOSED, port);
		wait_ns(SECOND / 500);
	}
	wait_ns(SECOND);
	assert_int_equal(row().pattern, MINATO_SCAN_PATTERN_SEQUENTIAL);
	scan_forget(s, row().number);
	for (uint32_t i = 0; i < 100; i++) {
		note(&visitor, SCAN_CLOSED, (uint16_t)(1 + roll(65535)));
		wait_ns(SECOND / 500);
	}
	assert_int_equal(row().pattern, MINATO_SCAN_PATTERN_RANDOM);
	wait_ns(SECOND);
	scan_forget(s, row().number);
	for (size_t i = 0; i < 17; i++)
		note(&visitor, SCAN_CLOSED, listed[i]);
	assert_int_equal(row().pattern, MINATO_SCAN_PATTERN_TOP_LIST);
	scan_forget(s, row().number);
	/* Runs where the list is dense, in any order: each port of them once. */
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		const uint16_t size = (uint16_t)(runs[i].last - runs[i].first + 1);

		for (uint16_t k = 0; k < size; k++) { /* 37 is prime to each size */
			note(&visitor, SCAN_CLOSED, (uint16_t)(runs[i].first + k * 37 % size));
			wait_ns(SECOND / 500);
		}
		wait_ns(SECOND);
		assert_int_equal(row().pattern, MINATO_SCAN_PATTERN_RANDOM);
		scan_forget(s, row().number);
	}
	note(&visitor, SCAN_CLOSED, 80);
	assert_int_equal(row().pattern, MINATO_SCAN_PATTERN_FEW);
}

static uint32_t kinds_after(enum scan_sign sign)
{
	uint32_t kinds;

	for (uint16_t port = 1; port < 10; port++)
		note(&visitor, sign, port);
	kinds = row().kinds;
	scan_forget(s, row().number);
	return kinds;
}

static void signs_have_kinds(void **state)
{
	(void)state;
	assert_int_equal(kinds_after(SCAN_HALF), 1u << MINATO_SCAN_SYN);
	assert_int_equal(kinds_after(SCAN_ABORTED), 1u << MINATO_SCAN_CONNECT);
	assert_int_equal(kinds_after(SCAN_REFUSED), 1u << MINATO_SCAN_CONNECT);
	assert_int_equal(kinds_after(SCAN_QUESTION), 1u << MINATO_SCAN_VERSION);
	assert_int_equal(kinds_after(SCAN_PIECE), 1u << MINATO_SCAN_FRAGMENT);
}

/* One port of many addresses. */
static void a_sweep_is_one(void **state)
{
	struct scan_contact c = contact(&visitor, SCAN_CLOSED, 22);

	(void)state;
	for (uint8_t i = 1; i < 12; i++) {
		c.target = minato_addr4(10, 0, 0, i);
		scan_note(s, &c, now);
	}
	assert_true(row().recognised);
	assert_in_range(row().targets, 9, 13);
	assert_int_equal(row().kinds, 1u << MINATO_SCAN_SWEEP);
}

/* --- decoys ------------------------------------------------------------------ */

static void probe(uint32_t source, uint16_t port, uint32_t stamp)
{
	const struct minato_addr a = host_number(source);
	struct scan_contact c = contact(&a, SCAN_CLOSED, port);

	c.stamp = stamp;
	scan_note(s, &c, now);
}

static bool is_decoy(uint32_t source)
{
	const struct minato_addr a = host_number(source);
	struct minato_scan out;

	assert_true(row_of(&a, &out));
	return (out.kinds & 1u << MINATO_SCAN_DECOY) != 0;
}

static void decoys_are_seen_by_what_they_share(void **state)
{
	(void)state;
	for (uint16_t port = 1; port < 10; port++) {
		for (uint32_t i = 1; i <= 4; i++)
			probe(0xc0000200u + i, port, 0x1000u + port);
		probe(0xcb007100u, port, 0x2000u + port);
		wait_ns(SECOND / 10);
	}
	for (uint32_t i = 1; i <= 4; i++)
		assert_true(is_decoy(0xc0000200u + i));
	assert_false(is_decoy(0xcb007100u));
}

static void who_comes_later_shares_nothing(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 4; i++)
		for (uint16_t port = 1; port < 10; port++) {
			probe(0xc0000200u + i, port, 0x1000u + port);
			wait_ns(SECOND);
		}
	for (uint32_t i = 1; i <= 4; i++)
		assert_false(is_decoy(0xc0000200u + i));
}

/* --- events ------------------------------------------------------------------ */

static void a_scan_is_told_once_and_when_it_shows_more(void **state)
{
	struct scan_contact c = contact(&visitor, SCAN_CLOSED, 1);
	struct minato_scan out;

	(void)state;
	assert_false(scan_event(s, &out));
	for (c.port = 1; c.port < 100; c.port++)
		scan_note(s, &c, now);
	/* Nothing tells a kind yet, but that it is a scan is something new. */
	c.kinds = 1u << MINATO_SCAN_FIN;
	scan_note(s, &c, now);
	assert_true(scan_event(s, &out));
	assert_true(minato_addr_equal(&out.source, &visitor));
	assert_int_equal(out.kinds, 1u << MINATO_SCAN_FIN);
	assert_false(scan_event(s, &out));
	scan_note(s, &c, now);
	assert_false(scan_event(s, &out));
	c.kinds = 1u << MINATO_SCAN_OS;
	scan_note(s, &c, now);
	assert_true(scan_event(s, &out));
	assert_int_equal(out.kinds, 1u << MINATO_SCAN_FIN | 1u << MINATO_SCAN_OS);
}

static void a_scan_without_a_kind_is_told_too(void **state)
{
	struct minato_scan out;

	(void)state;
	for (uint16_t port = 1; port < 10; port++)
		note(&visitor, SCAN_CLOSED, port);
	assert_true(scan_event(s, &out));
	assert_true(out.recognised);
	assert_false(scan_event(s, &out));
}

static void events_are_bounded(void **state)
{
	struct minato_scan out;
	uint32_t count = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		const struct minato_addr a = host_number(0x0a000000u + i);
		for (uint16_t port = 1; port < 10; port++) {
			note(&a, SCAN_CLOSED, port);
			wait_ns(SECOND / 1000);
		}
	}
	while (scan_event(s, &out))
		count++;
	assert_int_equal(count, SCAN_EVENTS);
	assert_int_equal(s->events_lost > 0, 1);
}

/* --- bounds ------------------------------------------------------------------ */

/* Forged sources of two failures each; the scanner goes on, and is kept. */
static void who_is_recognised_keeps_its_case(void **state)
{
	uint64_t number;

	(void)state;
	for (uint16_t port = 1; port < 10; port++)
		note(&visitor, SCAN_CLOSED, port);
	number = row().number;
	for (uint32_t i = 0; i < 100000; i++) {
		const struct minato_addr a = host_number(0x20000000u + i);
		note(&a, SCAN_CLOSED, 1);
		note(&a, SCAN_CLOSED, 2);
		wait_ns(SECOND / 10000);
	}
	assert_int_equal(row().number, number);
	assert_true(s->cases_used <= SCAN_CASES);
}

static void what_is_forgotten_begins_anew(void **state)
{
	struct minato_scan out;
	uint64_t number;

	(void)state;
	for (uint16_t port = 1; port < 10; port++)
		note(&visitor, SCAN_CLOSED, port);
	number = row().number;
	assert_int_equal(s->recognised, 1);
	assert_true(scan_forget(s, number));
	assert_false(scan_forget(s, number));
	assert_int_equal(s->recognised, 0);
	assert_false(row_of(&visitor, &out));
	note(&visitor, SCAN_CLOSED, 1);
	assert_false(row().recognised);
	assert_int_not_equal(row().number, number);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scan_setup, scan_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ports_and_times_are_told),
		TEST(ports_are_counted_well),
		TEST(patterns_are_told_apart),
		TEST(signs_have_kinds),
		TEST(a_sweep_is_one),
		TEST(decoys_are_seen_by_what_they_share),
		TEST(who_comes_later_shares_nothing),
		TEST(a_scan_is_told_once_and_when_it_shows_more),
		TEST(a_scan_without_a_kind_is_told_too),
		TEST(events_are_bounded),
		TEST(who_is_recognised_keeps_its_case),
		TEST(what_is_forgotten_begins_anew),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
