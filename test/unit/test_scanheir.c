/* SPDX-License-Identifier: BSD-2-Clause */
/* Who was shut out by one host value is shut out by the next. */
#include "hosts.h"
#include "minato/scan.h"

static struct pair p;
static struct minato_config config;
static uint64_t forward;
static struct minato_endpoint caller;

static void set_answer(struct minato *m, enum minato_scan_answer answer, uint32_t block_s)
{
	struct minato_scan_policy policy;

	minato_scan_policy_init(&policy);
	policy.answer = answer;
	policy.block_s = block_s;
	policy.block_max_s = 60 * block_s;
	assert_int_equal(minato_scan_set(m, &policy), 0);
}

static int begin(void **state)
{
	const struct minato_entry entry = {
		.kind = MINATO_KIND_FORWARD,
		.face = MINATO_FACE_ANY,
		.first = 8000,
		.last = 8100,
		.target = end("10.0.0.1", 8000),
	};

	(void)state;
	caller = end("203.0.113.5", 4000);
	config = small_config(MINATO_LINK_IP, 1);
	p = pair_new(MINATO_LINK_IP);
	for (int i = 0; i < 2; i++) {
		struct minato *m = i == 0 ? p.a.m : p.b.m;
		set_answer(m, MINATO_SCAN_ANSWER_BLOCK, 60);
		/* The last one made is b's. */
		assert_int_equal(minato_entry_add(m, &entry, &forward), 0);
	}
	return 0;
}

static int finish(void **state)
{
	(void)state;
	pair_end(&p);
	return 0;
}

/* Ports that are shut behind the forward. */
static void knock(struct minato *m, uint16_t first, uint16_t count)
{
	for (uint16_t i = 0; i < count; i++) {
		const struct minato_endpoint to = end("10.0.0.1", (uint16_t)(first + i));
		minato_outcome(m, forward, MINATO_TCP, &caller, &to, MINATO_OUTCOME_CLOSED);
	}
}

static struct minato_scan found(struct minato *m)
{
	struct minato_scan row;

	assert_true(minato_scan_find(m, 0, &caller.addr, &row));
	return row;
}

static uint32_t inherit(void)
{
	return minato_scan_inherit(p.b.m, p.a.m, p.a.size, &config);
}

/* Time goes on for both. */
static void wait_s(int64_t seconds)
{
	p.now.ns += seconds * SECOND;
	minato_advance(p.a.m, p.now);
	minato_advance(p.b.m, p.now);
}

static void a_block_goes_on_to_its_end(void **state)
{
	struct minato_scan old, new;

	(void)state;
	knock(p.a.m, 8000, 6);
	old = found(p.a.m);
	assert_int_equal(old.blocks, 1);
	wait_s(5);
	assert_int_equal(inherit(), 1);
	new = found(p.b.m);
	assert_int_equal(new.blocked_until.ns, old.blocked_until.ns);
	assert_int_equal(new.began.ns, old.began.ns);
	old.number = new.number;
	assert_memory_equal(&new, &old, sizeof(new));
}

static void a_scan_that_was_told_of_is_not_told_of_again(void **state)
{
	struct minato_scan row;

	(void)state;
	knock(p.a.m, 8000, 6);
	assert_true(minato_scan_event(p.a.m, &row));
	assert_int_equal(inherit(), 1);
	assert_false(minato_scan_event(p.b.m, &row));
	knock(p.b.m, 8020, 1);
	assert_false(minato_scan_event(p.b.m, &row));
}

/* As where nobody took over: what it was blocked for is no evidence for another block. */
static void the_next_block_wants_as_much_anew(void **state)
{
	(void)state;
	knock(p.a.m, 8000, 6);
	assert_int_equal(inherit(), 1);
	wait_s(61);
	knock(p.b.m, 8000, 3);
	assert_int_equal(found(p.b.m).blocks, 1);
	knock(p.b.m, 8010, 60);
	assert_int_equal(found(p.b.m).blocks, 2);
	assert_int_equal(found(p.b.m).blocked_until.ns, p.now.ns + 120 * SECOND);
}

static void what_was_verified_and_did_not_suffice_begins_anew(void **state)
{
	(void)state;
	set_answer(p.a.m, MINATO_SCAN_ANSWER_SLOWER, 60);
	knock(p.a.m, 8000, 3);
	for (uint16_t i = 0; i < 4; i++) { /* datagrams verify nothing */
		const struct minato_endpoint to = end("10.0.0.1", (uint16_t)(8050 + i));
		minato_outcome(p.a.m, forward, MINATO_UDP, &caller, &to, MINATO_OUTCOME_CLOSED);
	}
	assert_true(found(p.a.m).recognised);
	assert_false(found(p.a.m).blockable);
	assert_int_equal(inherit(), 1);
	knock(p.b.m, 8000, 3);
	assert_int_equal(found(p.b.m).blocks, 0);
	knock(p.b.m, 8003, 1);
	assert_int_equal(found(p.b.m).blocks, 1);
}

static void the_policy_of_now_bounds_it(void **state)
{
	(void)state;
	knock(p.a.m, 8000, 6);
	set_answer(p.b.m, MINATO_SCAN_ANSWER_SILENCE, 60);
	assert_int_equal(inherit(), 1);
	assert_int_equal(found(p.b.m).blocked_until.ns, 0);
	assert_int_equal(minato_scan_forget(p.b.m, found(p.b.m).number), 0);
	set_answer(p.b.m, MINATO_SCAN_ANSWER_BLOCK, 1);
	assert_int_equal(minato_scan_forget(p.a.m, found(p.a.m).number), 0);
	set_answer(p.a.m, MINATO_SCAN_ANSWER_BLOCK, 3600);
	knock(p.a.m, 8000, 6);
	assert_int_equal(inherit(), 1);
	assert_int_equal(found(p.b.m).blocked_until.ns, p.now.ns + 60 * SECOND);
}

static void who_is_suspected_is_left(void **state)
{
	struct minato_scan row;
	uint64_t cursor = 0;

	(void)state;
	knock(p.a.m, 8000, 1);
	assert_true(minato_scan_row(p.a.m, &cursor, &row));
	assert_int_equal(inherit(), 0);
	/* Of what is taken twice there is one. */
	knock(p.a.m, 8000, 6);
	assert_int_equal(inherit(), 1);
	assert_int_equal(inherit(), 0);
}

static void another_measure_and_a_cut_memory_give_nothing(void **state)
{
	struct minato_config other = config;

	(void)state;
	knock(p.a.m, 8000, 6);
	other.scan_sources_max *= 4;
	assert_int_equal(minato_scan_inherit(p.b.m, p.a.m, p.a.size, &other), 0);
	assert_int_equal(minato_scan_inherit(p.b.m, p.a.m, 4096, &config), 0);
	other = config;
	other.link_count = MINATO_LINKS_MAX + 1;
	assert_int_equal(minato_scan_inherit(p.b.m, p.a.m, p.a.size, &other), 0);
}

/* Any byte of a case may be any: what is taken can be listed, and blocks end. */
static void nothing_is_believed(void **state)
{
	const uint8_t *bytes = (const uint8_t *)p.a.m;
	uint8_t *copy = malloc(p.a.size);
	uint64_t chance = 0x5eed;
	size_t at = 0;

	(void)state;
	assert_non_null(copy);
	knock(p.a.m, 8000, 6);
	/* The one place where its ports stand in the order in which they came. */
	for (uint16_t ports[6] = { 8000, 8001, 8002, 8003, 8004, 8005 };
	     memcmp(bytes + at, ports, sizeof(ports)) != 0; at++)
		assert_true(at + sizeof(ports) < p.a.size);
	for (int round = 0; round < 20000; round++) {
		struct minato_scan row;
		uint64_t cursor = 0;

		if (round % 100 == 0)
			memcpy(copy, bytes, p.a.size);
		chance = chance * UINT64_C(6364136223846793005) + 1;
		copy[at - 600 + (chance >> 40) % 1300] = (uint8_t)(chance >> 32);
		(void)minato_scan_inherit(p.b.m, copy, p.a.size, &config);
		while (minato_scan_row(p.b.m, &cursor, &row)) {
			assert_true(row.port_count <= MINATO_SCAN_PORTS);
			assert_true(row.blocked_until.ns <= p.now.ns + 3600 * SECOND);
			assert_int_equal(minato_scan_forget(p.b.m, row.number), 0);
		}
	}
	free(copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_block_goes_on_to_its_end),
		TEST(a_scan_that_was_told_of_is_not_told_of_again),
		TEST(the_next_block_wants_as_much_anew),
		TEST(what_was_verified_and_did_not_suffice_begins_anew),
		TEST(the_policy_of_now_bounds_it),
		TEST(who_is_suspected_is_left),
		TEST(another_measure_and_a_cut_memory_give_nothing),
		TEST(nothing_is_believed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
