/* SPDX-License-Identifier: BSD-2-Clause */
/* The wheel: single timers at the edges, then against a naive model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "base/wheel.h"
#include "dice.h"

#define TIMERS 200
#define TICK (INT64_C(1) << WHEEL_TICK_SHIFT)

struct house {
	struct wheel wheel;
	struct wheel_link links[TIMERS];
};

static struct house house;
static struct wheel *const w = &house.wheel;

static struct minato_time at(int64_t ns)
{
	return (struct minato_time){ ns };
}

static int start(void **state)
{
	(void)state;
	memset(&house, 0, sizeof(house));
	wheel_init(w, house.links, at(0));
	return 0;
}

static void nothing_armed_is_never_due(void **state)
{
	(void)state;
	assert_true(wheel_next(w).ns == INT64_MAX);
	assert_int_equal(wheel_expire(w, at(INT64_MAX)), WHEEL_NONE);
	assert_false(wheel_armed(w, 0));
}

static void expires_once(void **state)
{
	(void)state;
	wheel_arm(w, 7, at(5 * TICK));
	assert_true(wheel_armed(w, 7));
	assert_int_equal(wheel_expire(w, at(5 * TICK)), 7);
	assert_false(wheel_armed(w, 7));
	assert_int_equal(wheel_expire(w, at(5 * TICK)), WHEEL_NONE);
	assert_int_equal(w->armed, 0);
}

static void never_early_and_at_most_a_tick_late(void **state)
{
	(void)state;
	wheel_arm(w, 0, at(5 * TICK + 1));
	assert_int_equal(wheel_expire(w, at(5 * TICK + 1)), WHEEL_NONE);
	assert_int_equal(wheel_expire(w, at(6 * TICK - 1)), WHEEL_NONE);
	assert_int_equal(wheel_expire(w, at(6 * TICK)), 0);
}

static void the_past_is_due_at_once(void **state)
{
	(void)state;
	wheel_init(w, house.links, at(1000 * TICK));
	wheel_arm(w, 1, at(3));
	wheel_arm(w, 2, at(1000 * TICK));
	wheel_arm(w, 3, at(INT64_MIN));
	assert_true(wheel_next(w).ns <= 1000 * TICK);
	for (int i = 0; i < 3; i++)
		assert_true(wheel_expire(w, at(1000 * TICK)) != WHEEL_NONE);
	assert_int_equal(wheel_expire(w, at(1000 * TICK)), WHEEL_NONE);
}

static void what_is_due_can_be_cancelled(void **state)
{
	(void)state;
	wheel_init(w, house.links, at(1000 * TICK));
	for (uint32_t i = 1; i <= 3; i++)
		wheel_arm(w, i, at(0));
	wheel_cancel(w, 2);
	wheel_cancel(w, 3);
	assert_int_equal(wheel_expire(w, at(1000 * TICK)), 1);
	assert_int_equal(wheel_expire(w, at(1000 * TICK)), WHEEL_NONE);
	assert_true(wheel_next(w).ns == INT64_MAX);
}

static void what_is_due_can_be_put_off(void **state)
{
	(void)state;
	wheel_arm(w, 1, at(0));
	wheel_arm(w, 1, at(90 * TICK));
	assert_int_equal(wheel_expire(w, at(89 * TICK)), WHEEL_NONE);
	assert_int_equal(wheel_expire(w, at(90 * TICK)), 1);
}

static void never_is_never(void **state)
{
	(void)state;
	wheel_arm(w, 1, at(10 * TICK));
	wheel_arm(w, 1, MINATO_NEVER);
	assert_false(wheel_armed(w, 1));
	wheel_arm(w, 2, MINATO_NEVER);
	assert_true(wheel_next(w).ns == INT64_MAX);
}

static void time_before_the_epoch_is_the_epoch(void **state)
{
	(void)state;
	wheel_init(w, house.links, at(-5 * NS_PER_S));
	wheel_arm(w, 0, at(2 * TICK));
	assert_int_equal(wheel_expire(w, at(-1)), WHEEL_NONE);
	assert_int_equal(wheel_expire(w, at(2 * TICK)), 0);
}

static void each_level_expires_exactly(void **state)
{
	(void)state;
	for (int level = 0; level < WHEEL_LEVELS; level++) {
		int64_t ticks = INT64_C(3) << (6 * level);
		if (ticks > INT64_MAX / TICK)
			break;
		start(NULL);
		wheel_arm(w, 0, at(ticks * TICK));
		assert_int_equal(wheel_expire(w, at(ticks * TICK - 1)),
				 WHEEL_NONE);
		assert_int_equal(wheel_expire(w, at(ticks * TICK)), 0);
	}
}

static void the_last_instant_of_all_expires(void **state)
{
	const int64_t last = INT64_MAX - 2 * TICK;
	(void)state;
	wheel_arm(w, 0, at(last));
	assert_int_equal(wheel_expire(w, at(last - TICK)), WHEEL_NONE);
	assert_int_equal(wheel_expire(w, at(INT64_MAX)), 0);
}

static void a_huge_jump_finds_all_in_order(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 40; i++)
		wheel_arm(w, i, at(TICK << i));
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(wheel_expire(w, at(TICK << 41)), i);
	assert_int_equal(wheel_expire(w, at(TICK << 41)), WHEEL_NONE);
}

static void next_is_exact_within_a_level(void **state)
{
	(void)state;
	wheel_arm(w, 0, at(40 * TICK));
	wheel_arm(w, 1, at(20 * TICK));
	assert_true(wheel_next(w).ns == 20 * TICK);
	wheel_cancel(w, 1);
	assert_true(wheel_next(w).ns == 40 * TICK);
}

static void following_next_reaches_a_far_timer_in_few_steps(void **state)
{
	const struct minato_time far = at(NS_PER_S * 86400 * 365);
	int steps = 0;
	(void)state;
	wheel_arm(w, 3, far);
	for (;;) {
		struct minato_time next = wheel_next(w);
		assert_true(next.ns < far.ns + TICK);
		if (wheel_expire(w, next) == 3)
			break;
		assert_true(++steps <= WHEEL_LEVELS);
	}
}

static void arming_while_expiring_is_seen(void **state)
{
	(void)state;
	wheel_arm(w, 0, at(TICK));
	assert_int_equal(wheel_expire(w, at(NS_PER_S)), 0);
	wheel_arm(w, 1, at(2 * TICK));
	wheel_arm(w, 0, at(NS_PER_S + TICK));
	assert_int_equal(wheel_expire(w, at(NS_PER_S)), 1);
	assert_int_equal(wheel_expire(w, at(NS_PER_S)), WHEEL_NONE);
}

static void many_in_one_slot_all_expire(void **state)
{
	bool seen[TIMERS] = { false };
	(void)state;
	for (uint32_t i = 0; i < TIMERS; i++)
		wheel_arm(w, i, at(77 * NS_PER_S));
	for (int i = 0; i < TIMERS; i++) {
		uint32_t index = wheel_expire(w, at(78 * NS_PER_S));
		assert_true(index < TIMERS && !seen[index]);
		seen[index] = true;
	}
}

static void a_copy_elsewhere_works(void **state)
{
	struct house *copy = malloc(sizeof(*copy));
	(void)state;
	for (uint32_t i = 0; i < 50; i++)
		wheel_arm(w, i, at((i + 1) * NS_PER_S));
	memcpy(copy, &house, sizeof(house));
	memset(&house, 0xff, sizeof(house));
	wheel_cancel(&copy->wheel, 10);
	for (uint32_t i = 0; i < 50; i++) {
		if (i != 10)
			assert_int_equal(wheel_expire(&copy->wheel,
						      at(60 * NS_PER_S)),
					 i);
	}
	free(copy);
}

/* --- against a model ----------------------------------------------------- */

struct model {
	int64_t deadline[TIMERS]; /* rounded up; INT64_MAX = not armed */
	int64_t now;
	struct dice dice;
};

/* Spans of every size, in ticks or odd nanoseconds, also into the past. */
static int64_t some_span(struct model *m)
{
	uint32_t bits = dice_below(&m->dice, 58);
	int64_t span = (int64_t)(dice_roll(&m->dice) >> (63 - bits));

	switch (dice_below(&m->dice, 8)) {
	case 0:
		return -span;
	case 1:
		return span & ~(TICK - 1);
	case 2:
		return 0;
	default:
		return span;
	}
}

static int64_t plus(int64_t a, int64_t b)
{
	if (b > 0 && a > INT64_MAX - 2 * TICK - b)
		return INT64_MAX - 2 * TICK;
	return a + b;
}

/* The tick at which a timer armed now for `ns` must expire. */
static int64_t expected(const struct model *m, int64_t ns)
{
	int64_t present = m->now & ~(TICK - 1);
	int64_t rounded = ns <= 0 ? 0 : (ns + TICK - 1) & ~(TICK - 1);

	return rounded > present ? rounded : present;
}

static int64_t earliest(const struct model *m)
{
	int64_t first = INT64_MAX;

	for (int i = 0; i < TIMERS; i++)
		if (m->deadline[i] < first)
			first = m->deadline[i];
	return first;
}

/* Advances and takes what expires: exactly what the model says, in order. */
static void expire_both(struct model *m)
{
	uint32_t index;
	int64_t before = 0;

	while ((index = wheel_expire(w, at(m->now))) != WHEEL_NONE) {
		assert_true(index < TIMERS);
		assert_true(m->deadline[index] <= m->now);
		assert_true(m->deadline[index] >= before);
		before = m->deadline[index];
		m->deadline[index] = INT64_MAX;
	}
	assert_true(earliest(m) > m->now);
}

static void step(struct model *m)
{
	uint32_t index = dice_below(&m->dice, TIMERS);
	int64_t ns;

	switch (dice_below(&m->dice, 10)) {
	case 0:
		wheel_cancel(w, index);
		m->deadline[index] = INT64_MAX;
		break;
	case 1:
		m->now = plus(m->now, some_span(m) & INT64_MAX >> 24);
		expire_both(m);
		break;
	case 2: /* as a driver does: sleep until told */
		ns = wheel_next(w).ns;
		if (ns > m->now && ns != INT64_MAX)
			m->now = ns;
		expire_both(m);
		break;
	default:
		ns = plus(m->now, some_span(m));
		m->deadline[index] = expected(m, ns);
		wheel_arm(w, index, at(ns));
	}
	for (int i = 0; i < 4; i++) {
		uint32_t one = dice_below(&m->dice, TIMERS);
		assert_int_equal(wheel_armed(w, one),
				 m->deadline[one] != INT64_MAX);
	}
	assert_true(wheel_next(w).ns <= earliest(m));
}

static void agrees_with_the_model(void **state)
{
	static struct model m;
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		start(NULL);
		m = (struct model){ .dice = { seed } };
		for (int i = 0; i < TIMERS; i++)
			m.deadline[i] = INT64_MAX;
		for (int i = 0; i < 2000; i++)
			step(&m);
		m.now = INT64_MAX - TICK;
		expire_both(&m);
		assert_int_equal(w->armed, 0);
	}
}

#define T(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_armed_is_never_due),
		T(expires_once),
		T(never_early_and_at_most_a_tick_late),
		T(the_past_is_due_at_once),
		T(what_is_due_can_be_cancelled),
		T(what_is_due_can_be_put_off),
		T(never_is_never),
		T(time_before_the_epoch_is_the_epoch),
		T(each_level_expires_exactly),
		T(the_last_instant_of_all_expires),
		T(a_huge_jump_finds_all_in_order),
		T(next_is_exact_within_a_level),
		T(following_next_reaches_a_far_timer_in_few_steps),
		T(arming_while_expiring_is_seen),
		T(many_in_one_slot_all_expire),
		T(a_copy_elsewhere_works),
		T(agrees_with_the_model),
	};
	return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
