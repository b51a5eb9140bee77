/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks: who is never framed into one, and by what one comes again. */
#include "unit/scan_fixture.h"

static const struct minato_addr visitor = { { [10] = 0xff, 0xff, 203, 0, 113, 7 } };

/* Begun anew with another key, which tells other contacts apart. */
static void open_keyed(uint64_t seed)
{
	struct minato_scan_policy policy;

	munmap(s, fixture_size);
	scan_seed = seed;
	scan_open(1024);
	minato_scan_policy_init(&policy);
	policy.answer = MINATO_SCAN_ANSWER_BLOCK;
	scan_set(s, &policy);
}

static bool blocked(void)
{
	return scan_is_blocked(s, 1, &visitor, now);
}

static void use(uint16_t port)
{
	note(&visitor, SCAN_GOOD, port);
	note(&visitor, SCAN_USED, port);
	wait_ns(SECOND);
}

/* Each mishap is followed by three ports that are used as they are meant. */
static void visit(uint16_t mishaps, uint16_t forged)
{
	for (uint16_t i = 0; i < mishaps; i++) {
		for (uint16_t n = 0; n < forged; n++)
			note(&visitor, SCAN_CLOSED, (uint16_t)(20000 + forged * i + n));
		note(&visitor, SCAN_GOOD, (uint16_t)(1000 + i));
		note(&visitor, SCAN_REFUSED, (uint16_t)(1000 + i));
		for (uint16_t n = 0; n < 3; n++)
			use((uint16_t)(3000 + 3 * i + n));
	}
}

/* What others forge in its name fills the filter, and hides no honest use in it. */
static void who_is_forged_is_not_framed(void **state)
{
	static const uint16_t mishaps[] = { 4, 10 };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (uint64_t seed = 1; seed <= 100; seed++) {
			open_keyed(seed);
			visit(mishaps[i], 20);
			assert_true(is_recognised(&visitor));
			assert_false(blocked());
		}
}

/* The use of a port takes back once, however often it is repeated. */
static void one_port_used_often_takes_back_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		open_keyed(seed);
		for (uint16_t i = 0; i < 10; i++) {
			note(&visitor, SCAN_REFUSED, (uint16_t)(1000 + i));
			use(443);
		}
		assert_int_equal(scan_find(s, scan_key(s, 1, 0, &visitor))->proven, 9 * 2);
	}
}

/* As many ports as it takes for each key to see enough of them. */
static void scan_once(void)
{
	for (uint16_t port = 1; port <= 12; port++)
		note(&visitor, SCAN_REFUSED, port);
}

/* A client whose server is down tries again, day after day. */
static void an_old_contact_again_is_no_evidence(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		open_keyed(seed);
		scan_once();
		assert_true(blocked());
		for (int day = 0; day < 10; day++) {
			wait_ns(DAY);
			for (uint16_t port = 1; port <= 3; port++)
				note(&visitor, SCAN_REFUSED, port);
			assert_false(blocked());
		}
	}
}

static void the_same_scan_again_is_blocked_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		open_keyed(seed);
		for (int64_t span_s = 600; span_s <= 2400; span_s *= 2) {
			scan_once();
			wait_ns((span_s - 1) * SECOND);
			assert_true(blocked());
			wait_ns(2 * SECOND);
			assert_false(blocked());
		}
	}
}

static void ask(uint16_t questions, uint16_t bare)
{
	for (uint16_t port = 0; port < questions + bare; port++) {
		note(&visitor, SCAN_GOOD, (uint16_t)(3000 + port));
		note(&visitor, port < questions ? SCAN_QUESTION : SCAN_BARE,
		     (uint16_t)(3000 + port));
	}
}

/* nmap -sV, whose bare requests count beside its questions: again, and not alone. */
static void bare_requests_count_for_one_block(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		open_keyed(seed);
		for (uint16_t port = 3000; port < 3008; port++)
			note(&visitor, SCAN_HALF, port);
		ask(3, 5);
		assert_true(blocked());
		wait_ns(601 * SECOND);
		assert_false(blocked());
		for (uint16_t port = 3003; port < 3008; port++) {
			note(&visitor, SCAN_GOOD, port);
			note(&visitor, SCAN_BARE, port);
		}
		assert_false(blocked());
		ask(3, 5);
		assert_true(blocked());
	}
}

/* Only beyond the list is a contact told by one bit: the first ones hide none of the others. */
static void the_list_hides_none_beyond_it(void **state)
{
	struct scan_case k = { 0 };

	(void)state;
	for (uint64_t i = 0; i < SCAN_VOUCHED; i++)
		scancase_vouch(&k, i << 58 | i, false, now);
	for (uint64_t i = 0; i < SCAN_VOUCHED; i++) {
		assert_true(scancase_vouched(&k, i << 58 | i));
		assert_false(scancase_vouched(&k, i << 58 | 100));
	}
	scancase_vouch(&k, 100, false, now);
	assert_true(scancase_vouched(&k, 100));
	assert_false(scancase_vouched(&k, UINT64_C(1) << 58 | 100));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scan_setup, scan_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_forged_is_not_framed),
		TEST(one_port_used_often_takes_back_once),
		TEST(an_old_contact_again_is_no_evidence),
		TEST(the_same_scan_again_is_blocked_again),
		TEST(bare_requests_count_for_one_block),
		TEST(the_list_hides_none_beyond_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
