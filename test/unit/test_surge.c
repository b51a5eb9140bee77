/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that calls everywhere at once: when it does, what is let through, and when it is over. */
#include <stdlib.h>

#include "hosts.h"
#include "relay/relay.h"

#define WINDOW_NS INT64_C(50000000)

/* Its host value is the second of these; what the guest says comes from the first. */
static struct pair pair;
static struct relay relay;
static struct relay_surge told;
static unsigned times;
static uint32_t next;

static bool deaf;

static bool note(void *user, const struct relay_surge *surge)
{
	(void)user;
	times++;
	if (deaf)
		return false;
	told = *surge;
	return true;
}

static int begin(void **state)
{
	(void)state;
	pair = pair_new(MINATO_LINK_IP);
	memset(&relay, 0, sizeof(relay));
	relay.host = pair.b.m;
	relay.config.surge = note;
	relay.now.ns = 1000;
	surge_begin(&relay);
	deaf = false;
	told = (struct relay_surge){ .on = false };
	times = 0;
	next = 0;
	return 0;
}

static int end_it(void **state)
{
	(void)state;
	pair_end(&pair);
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

/* So many packets that are of nothing. */
static void strays(unsigned count)
{
	const uint64_t s = open_socket(pair.a.m, MINATO_UDP);
	const uint64_t before = counter(pair.b.m, "drop_closed");
	const struct minato_datagram lost = { .remote = end("10.0.0.2", 9) };

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(minato_send_datagram(pair.a.m, s, &lost, "x", 1), 1);
		if (i % 16 == 15 || i + 1 == count)
			settle(&pair);
	}
	assert_int_equal(counter(pair.b.m, "drop_closed") - before, count);
	assert_int_equal(minato_close(pair.a.m, s), 0);
}

/* A connection that was reset with much under way is no flood. */
static void a_burst_of_nothing(void **state)
{
	(void)state;
	strays(3000);
	for (int i = 0; i < 20; i++)
		window();
	assert_int_equal(surge_turn(&relay).ns, MINATO_NEVER.ns);
	assert_int_equal(times, 0);
}

static void nothing_without_end(void **state)
{
	unsigned through = 3000;

	(void)state;
	strays(through);
	assert_true(surge_turn(&relay).ns <= relay.now.ns + WINDOW_NS);
	for (int i = 0; i < 6; i++) {
		strays(through);
		window();
	}
	assert_int_equal(times > 0, 1);
	assert_true(told.on);
	assert_int_equal(told.chance, UINT32_MAX);
	assert_true(told.strays < UINT32_MAX / 100);
	/* First contacts are none of it. */
	assert_int_equal(calls(150), 150);
	for (int i = 0; i < 50; i++) {
		through = (unsigned)(30000.0 * told.strays / UINT32_MAX);
		strays(through);
		window();
	}
	assert_true(told.on);
	assert_in_range(through, 3, 20);
	for (int i = 0; i < 60 && told.on; i++)
		window();
	assert_false(told.on);
	assert_int_equal(surge_turn(&relay).ns, MINATO_NEVER.ns);
}

/* To whom something stands may be more than can be known: then nothing of a flow is kept out. */
static void strays_beside_many_flows(void **state)
{
	static struct lane blocks_of[3][LANE_BLOCK];
	static struct lane *blocks[] = { blocks_of[0], blocks_of[1], blocks_of[2] };

	(void)state;
	memset(blocks_of, 0, sizeof(blocks_of));
	relay.lanes.blocks = blocks;
	relay.lanes.block_count = 3;
	for (uint32_t i = 0; i <= RELAY_KNOWN_MAX; i++) {
		struct lane *f = &blocks_of[i / LANE_BLOCK][i % LANE_BLOCK];

		*f = (struct lane){ .kind = LANE_OUT, .state = LANE_OPEN, .used_ns = 900 + i };
		f->far.addr = minato_addr4(192, 0, 2, (uint8_t)i);
	}
	for (int i = 0; i < 20; i++) {
		strays(3000);
		window();
	}
	assert_int_equal(times, 0);
	/* One fewer, and all are known. */
	blocks_of[0][0].kind = LANE_FREE;
	for (int i = 0; i < 6; i++) {
		strays(3000);
		window();
	}
	assert_true(told.on);
	assert_int_equal(told.known_count, RELAY_KNOWN_MAX);
	/* One comes: what stands goes before. */
	blocks_of[0][0].kind = LANE_OUT;
	strays(300);
	window();
	assert_false(told.on);
}

/* They go where the sieve lets everything through: it is no use. */
static void strays_that_come_all_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++) {
		strays(1000);
		window();
	}
	assert_false(told.on);
	assert_in_range(times, 2, 25);
	/* After a while it is tried again. */
	for (int i = 0; i < 200; i++) {
		strays(1000);
		window();
		if (told.on)
			break;
	}
	assert_true(told.on);
}

/* What could not be passed on is not lost, above all that it is over. */
static void who_does_not_hear_is_told_again(void **state)
{
	(void)state;
	(void)calls(1000);
	(void)surge_turn(&relay);
	assert_true(told.on);
	deaf = true;
	for (int i = 0; i < 40; i++)
		window();
	assert_true(told.on);
	assert_true(surge_turn(&relay).ns <= relay.now.ns + WINDOW_NS);
	deaf = false;
	window();
	assert_false(told.on);
	assert_int_equal(surge_turn(&relay).ns, MINATO_NEVER.ns);
}

/* Where something stands, too, though it has said nothing since others were known. */
static void whoever_has_a_flow_is_known(void **state)
{
	static struct lane block[LANE_BLOCK];
	static struct lane *blocks[] = { block };

	(void)state;
	memset(block, 0, sizeof(block));
	relay.lanes.blocks = blocks;
	relay.lanes.block_count = 1;
	block[7] = (struct lane){ .kind = LANE_OUT, .state = LANE_OPEN, .used_ns = 900 };
	block[7].far.addr = minato_addr4(192, 0, 2, 7);
	block[8] = (struct lane){ .kind = LANE_IN, .state = LANE_OPEN, .used_ns = 901 };
	block[8].far.addr = minato_addr4(192, 0, 2, 8);
	block[9] = (struct lane){ .kind = LANE_OUT, .state = LANE_DIALLING, .used_ns = 902 };
	block[9].far.addr = minato_addr4(192, 0, 2, 9);
	(void)calls(400);
	(void)surge_turn(&relay);
	assert_true(told.on);
	assert_int_equal(told.known_count, 2);
	assert_true(surge_admits(&relay, &block[7].far.addr));
	/* Of more than there is room for, those that were used last. */
	for (uint8_t i = 0; i < RELAY_KNOWN_MAX; i++) {
		const struct minato_addr addr = minato_addr4(198, 51, 100, i);

		relay.now.ns++;
		surge_answered(&relay, &addr);
	}
	block[8].used_ns = relay.now.ns;
	(void)calls(5);
	window();
	assert_int_equal(told.known_count, RELAY_KNOWN_MAX);
	for (uint32_t i = 0; i < told.known_count; i++)
		assert_false(minato_addr_equal(&told.known[i], &block[7].far.addr));
	assert_int_equal(surge_admits(&relay, &block[8].far.addr), true);
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
		cmocka_unit_test_setup_teardown(what_is_usual, begin, end_it),
		cmocka_unit_test_setup_teardown(all_at_once, begin, end_it),
		cmocka_unit_test_setup_teardown(as_much_as_is_wanted, begin, end_it),
		cmocka_unit_test_setup_teardown(it_is_over, begin, end_it),
		cmocka_unit_test_setup_teardown(who_answers_is_told_of, begin, end_it),
		cmocka_unit_test_setup_teardown(a_burst_of_nothing, begin, end_it),
		cmocka_unit_test_setup_teardown(nothing_without_end, begin, end_it),
		cmocka_unit_test_setup_teardown(whoever_has_a_flow_is_known, begin, end_it),
		cmocka_unit_test_setup_teardown(strays_beside_many_flows, begin, end_it),
		cmocka_unit_test_setup_teardown(strays_that_come_all_the_same, begin, end_it),
		cmocka_unit_test_setup_teardown(who_does_not_hear_is_told_again, begin, end_it),
		cmocka_unit_test_setup_teardown(many_hosts, begin, end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
