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
	const struct scan_contact c = contact(&visitor, SCAN_REFUSED, 80);
	struct scan_case k = { 0 };

	(void)state;
	for (uint64_t i = 0; i < SCAN_VOUCHED; i++)
		scancase_vouch(&k, &c, i << 58 | i, now);
	for (uint64_t i = 0; i < SCAN_VOUCHED; i++) {
		assert_true(scancase_vouched(&k, i << 58 | i));
		assert_false(scancase_vouched(&k, i << 58 | 100));
	}
	scancase_vouch(&k, &c, 100, now);
	assert_true(scancase_vouched(&k, 100));
	assert_false(scancase_vouched(&k, UINT64_C(1) << 58 | 100));
}

/* --- one address of a /64, or all ------------------------------------------------ */

static struct minato_addr neighbour(uint8_t last)
{
	struct minato_addr a = addr("2001:db8:1:2::");

	a.bytes[15] = last;
	return a;
}

static void refuse(uint8_t who, uint16_t first, uint16_t count)
{
	const struct minato_addr source = neighbour(who);

	for (uint16_t i = 0; i < count; i++)
		note(&source, SCAN_REFUSED, first + i);
}

static bool shut_out(uint8_t who)
{
	const struct minato_addr source = neighbour(who);

	return scan_is_blocked(s, 1, &source, now);
}

/* Hosts of one link, or customers of one provider. */
static void who_scans_beside_others_is_blocked_alone(void **state)
{
	const struct minato_addr other = neighbour(7);
	struct minato_scan row;

	(void)state;
	open_keyed(1);
	refuse(1, 1000, 12);
	assert_true(shut_out(1));
	assert_false(shut_out(7));
	assert_true(scan_of(s, 1, &other, &row));
	assert_int_equal(row.blocked_until.ns, 0);
	/* What is down is down for each of them. */
	for (uint8_t who = 2; who < 20; who++)
		refuse(who, 1000, 2);
	assert_false(shut_out(7));
	assert_true(row_of(&other, &row));
	assert_int_equal(row.blocked.bytes[15], 1);
	wait_ns(600 * SECOND);
	assert_false(shut_out(1));
}

/* Who has all of it to choose from. */
static void who_moves_within_a_64_is_blocked_with_it(void **state)
{
	struct minato_scan row;
	const struct minato_addr any = neighbour(99);

	(void)state;
	open_keyed(1);
	for (uint8_t who = 1; who <= 12; who++)
		refuse(who, 1000 + who, 1);
	assert_true(shut_out(99));
	assert_true(row_of(&any, &row));
	assert_true(minato_addr_is_any(&row.blocked));
	/* Or goes on from another when the first one is blocked. */
	open_keyed(2);
	refuse(1, 1000, 12);
	assert_false(shut_out(2));
	refuse(2, 2000, 6);
	assert_true(shut_out(2));
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
		TEST(who_scans_beside_others_is_blocked_alone),
		TEST(who_moves_within_a_64_is_blocked_with_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
