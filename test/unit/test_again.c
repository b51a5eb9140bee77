/* SPDX-License-Identifier: BSD-2-Clause */
/* Which calls have come before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "drive/intake.h"

#define MS INT64_C(1000000)

static struct drive_again *again;

static int make(void **state)
{
	(void)state;
	return drive_again_new(&again);
}

static int clear(void **state)
{
	(void)state;
	drive_again_free(again);
	return 0;
}

static bool comes(uint64_t call, int64_t at_ms)
{
	const struct minato_time now = { at_ms * MS };

	drive_again_fetch(again, call);
	return drive_again(again, call, now);
}

/* As of a hash. */
static uint64_t draw(uint64_t i)
{
	uint64_t r = i * UINT64_C(0x9e3779b97f4a7c15);

	r = (r ^ r >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	r = (r ^ r >> 27) * UINT64_C(0x94d049bb133111eb);
	return r ^ r >> 31;
}

/* RFC 6298 2.1, 5.5: after a second, and two more. Whenever that is in our steps. */
static void a_call_that_comes_after_a_second_and_after_two_was_there(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 100; i++) {
		const int64_t at = 5000 + i * 10017;
		const uint64_t call = draw((uint64_t)i);

		assert_false(comes(call, at));
		assert_true(comes(call, at + 1000));
		assert_true(comes(call, at + 3000));
	}
	/* Though the second one was lost. */
	assert_false(comes(draw(1000), 2000000));
	assert_true(comes(draw(1000), 2002000));
}

/* Who sends each twice is no better than who sends it once. */
static void at_once_it_is_none_that_comes_again(void **state)
{
	int64_t early = 0;

	(void)state;
	for (int64_t i = 0; i < 750; i++) {
		const uint64_t call = draw((uint64_t)i);

		comes(call, 10000 + i);
		early += comes(call, 10000 + i + 2);
	}
	/* But for those two at the border of a step. */
	assert_in_range(early, 0, 4);
}

static void it_is_forgotten(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 100; i++) {
		assert_false(comes(draw((uint64_t)i), 10000 + i * 4000));
		assert_false(comes(draw((uint64_t)i), 10000 + i * 4000 + 3001));
	}
	/* After a long silence too, and where the clock stands. */
	assert_false(comes(draw(1), INT64_C(10000000000)));
	assert_false(comes(draw(1), INT64_C(10000000000)));
}

/* A flood of 0.4 million a second, for five seconds. */
static void few_others_are_taken_for_it(void **state)
{
	uint32_t wrong = 0;

	(void)state;
	for (uint64_t i = 0; i < 2000000; i++)
		wrong += comes(draw(i), 1000 + (int64_t)i / 400);
	assert_in_range(wrong, 1, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, make, clear)
		CASE(a_call_that_comes_after_a_second_and_after_two_was_there),
		CASE(at_once_it_is_none_that_comes_again),
		CASE(it_is_forgotten),
		CASE(few_others_are_taken_for_it),
#undef CASE
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
