/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that calls everywhere at once: when it does, what is let through, and when it is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "relay/relay.h"

#define WINDOW_NS INT64_C(50000000)

static struct relay relay;
static struct relay_surge told;
static unsigned times;
static uint32_t next;

static void note(void *user, const struct relay_surge *surge)
{
	(void)user;
	told = *surge;
	times++;
}

static int begin(void **state)
{
	(void)state;
	memset(&relay, 0, sizeof(relay));
	relay.config.surge = note;
	relay.now.ns = 1000;
	told = (struct relay_surge){ .on = false };
	times = 0;
	next = 0;
	return 0;
}

static struct minato_addr stranger(void)
{
	next++;
	return minato_addr4(20, (uint8_t)(next >> 16), (uint8_t)(next >> 8), (uint8_t)next);
}

/* So many first contacts; how many are to be dialled. */
static unsigned calls(unsigned count)
{
	unsigned admitted = 0;

	while (count-- > 0) {
		struct minato_addr addr = stranger();

		admitted += surge_admits(&relay, &addr);
	}
	return admitted;
}

static void window(void)
{
	relay.now.ns += WINDOW_NS;
	(void)surge_turn(&relay);
}

static void what_is_usual(void **state)
{
	(void)state;
	assert_int_equal(surge_turn(&relay).ns, MINATO_NEVER.ns);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(calls(150), 150);
		(void)surge_turn(&relay);
		window();
	}
	assert_int_equal(times, 0);
}

static void all_at_once(void **state)
{
	struct minato_addr known = minato_addr4(192, 0, 2, 1);

	(void)state;
	surge_answered(&relay, &known);
	(void)calls(400);
	(void)surge_turn(&relay);
	assert_int_equal(times, 1);
	assert_true(told.on);
	assert_true(told.chance < UINT32_MAX / 8);
	assert_int_equal(told.known_count, 1);
	assert_true(minato_addr_equal(&told.known[0], &known));
	/* Without a sieve it is kept here, for strangers alone. */
	assert_in_range(calls(1000), 10, 100);
	for (int i = 0; i < 1000; i++)
		assert_true(surge_admits(&relay, &known));
}

/* With a sieve: what comes through is a sample of it. */
static void as_much_as_is_wanted(void **state)
{
	unsigned through = 0;

	(void)state;
	(void)calls(400);
	(void)surge_turn(&relay);
	for (int i = 0; i < 100; i++) {
		/* 50,000 in a window. */
		through = calls((unsigned)(50000.0 * told.chance / UINT32_MAX));
		window();
	}
	assert_true(told.on);
	assert_in_range(through, 10, 50);
	/* Half as many: the chance grows. */
	for (int i = 0; i < 100; i++) {
		through = calls((unsigned)(5000.0 * told.chance / UINT32_MAX));
		window();
	}
	assert_true(told.on);
	assert_in_range(through, 10, 50);
}

static void it_is_over(void **state)
{
	(void)state;
	(void)calls(1000);
	(void)surge_turn(&relay);
	assert_true(told.on);
	for (int i = 0; i < 40 && told.on; i++)
		window();
	assert_false(told.on);
	assert_int_equal(calls(150), 150);
	assert_int_equal(surge_turn(&relay).ns > relay.now.ns, 1);
}

static void who_answers_is_told_of(void **state)
{
	struct minato_addr addr = minato_addr4(192, 0, 2, 1);

	(void)state;
	(void)calls(400);
	(void)surge_turn(&relay);
	assert_int_equal(told.known_count, 0);
	surge_answered(&relay, &addr);
	(void)calls(5);
	window();
	assert_int_equal(told.known_count, 1);
	/* The latest 64. */
	for (uint8_t i = 2; i < 200; i++) {
		relay.now.ns++;
		addr = minato_addr4(192, 0, 2, i);
		surge_answered(&relay, &addr);
	}
	(void)calls(5);
	window();
	assert_int_equal(told.known_count, RELAY_KNOWN_MAX);
	assert_true(surge_admits(&relay, &addr));
}

static void many_hosts(void **state)
{
	(void)state;
	relay.config.surge = NULL;
	assert_int_equal(calls(10000), 10000);
	assert_int_equal(surge_turn(&relay).ns, MINATO_NEVER.ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_usual, begin),
		cmocka_unit_test_setup(all_at_once, begin),
		cmocka_unit_test_setup(as_much_as_is_wanted, begin),
		cmocka_unit_test_setup(it_is_over, begin),
		cmocka_unit_test_setup(who_answers_is_told_of, begin),
		cmocka_unit_test_setup(many_hosts, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
