/* SPDX-License-Identifier: BSD-2-Clause */
/* Pins: how long they stand, and which gives way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "relay/permit.h"

static struct pins *pins;

static int fresh(void **state)
{
	(void)state;
	pins = pins_new();
	return pins ? 0 : -1;
}

static int clean(void **state)
{
	(void)state;
	pins_free(pins);
	return 0;
}

static struct minato_addr addr(uint32_t n)
{
	return minato_addr4(198, 51, (uint8_t)(n >> 8), (uint8_t)n);
}

static struct pin *add(uint32_t n, const char *name, int64_t now, int64_t until)
{
	const struct minato_addr a = addr(n);

	return pins_add(pins, &a, name, (struct minato_time){ now }, until);
}

static struct pin *first(uint32_t n, int64_t now)
{
	const struct minato_addr a = addr(n);

	return pins_next(pins, &a, (struct minato_time){ now }, NULL);
}

static uint32_t count(uint32_t n, int64_t now)
{
	const struct minato_addr a = addr(n);
	const struct pin *pin = NULL;
	uint32_t found = 0;

	while ((pin = pins_next(pins, &a, (struct minato_time){ now }, pin)) != NULL)
		found++;
	return found;
}

static void a_pin_stands_until_its_end(void **state)
{
	(void)state;
	add(1, "a.example", 0, 100);
	assert_non_null(first(1, 99));
	assert_null(first(1, 100));
	assert_null(first(2, 0));
	/* A later answer makes it longer, never shorter. */
	add(1, "a.example", 50, 200);
	add(1, "a.example", 60, 110);
	assert_int_equal(count(1, 199), 1);
	assert_null(first(1, 200));
}

static void a_flow_keeps_it(void **state)
{
	struct pin *pin = add(1, "a.example", 0, 100);

	(void)state;
	pin->flows = 1;
	assert_non_null(first(1, 1000));
	pin->flows = 0;
	assert_null(first(1, 1000));
}

static void an_address_has_many_names_the_latest_first(void **state)
{
	(void)state;
	add(1, "a.example", 0, 100);
	add(1, "b.example", 0, 100);
	add(2, "c.example", 0, 100);
	assert_int_equal(count(1, 0), 2);
	assert_string_equal(first(1, 0)->name, "b.example");
	add(1, "a.example", 0, 100);
	assert_int_equal(count(1, 0), 2);
	assert_string_equal(first(1, 0)->name, "a.example");
}

static void of_one_address_the_oldest_name_gives_way(void **state)
{
	char name[32];

	(void)state;
	for (uint32_t i = 0; i <= PINS_OF_ADDR; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		add(1, name, 0, 100);
	}
	assert_int_equal(count(1, 0), PINS_OF_ADDR);
	assert_string_equal(first(1, 0)->name, name);
	for (const struct pin *pin = first(1, 0); pin;) {
		const struct minato_addr a = addr(1);

		assert_string_not_equal(pin->name, "n0.example");
		pin = pins_next(pins, &a, (struct minato_time){ 0 }, pin);
	}
}

static void of_all_the_oldest_without_a_flow_gives_way(void **state)
{
	struct pin *busy = add(0, "busy.example", 0, 100);
	uint64_t word = pins_word(pins, busy);

	(void)state;
	busy->flows = 1;
	for (uint32_t i = 1; i < PINS_MAX; i++)
		add(i, "n.example", 0, 100);
	assert_non_null(first(1, 0));
	add(60000, "new.example", 0, 100);
	assert_non_null(first(60000, 0));
	assert_null(first(1, 0));
	assert_ptr_equal(pins_at(pins, word), busy);
	/* One that is over goes before. */
	add(7, "n.example", 0, 100);
	pins_at(pins, word)->flows = 0;
	add(60001, "new.example", 200, 300);
	assert_null(pins_at(pins, word));
	assert_null(first(0, 0));
}

static void a_word_is_of_one_pin_alone(void **state)
{
	struct pin *pin = add(1, "a.example", 0, 100);
	uint64_t word = pins_word(pins, pin);

	(void)state;
	assert_true(word != 0);
	assert_ptr_equal(pins_at(pins, word), pin);
	assert_null(pins_at(pins, 0));
	for (uint32_t i = 0; i < PINS_MAX; i++)
		add(2 + i, "n.example", 0, 100);
	assert_null(pins_at(pins, word));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_pin_stands_until_its_end, fresh, clean),
		cmocka_unit_test_setup_teardown(a_flow_keeps_it, fresh, clean),
		cmocka_unit_test_setup_teardown(an_address_has_many_names_the_latest_first, fresh,
						clean),
		cmocka_unit_test_setup_teardown(of_one_address_the_oldest_name_gives_way, fresh,
						clean),
		cmocka_unit_test_setup_teardown(of_all_the_oldest_without_a_flow_gives_way, fresh,
						clean),
		cmocka_unit_test_setup_teardown(a_word_is_of_one_pin_alone, fresh, clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
