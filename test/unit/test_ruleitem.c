/* SPDX-License-Identifier: BSD-2-Clause */
/* What a rule lists comes out as it went in, and what has no room is not taken. */
#include "conf_fixture.h"

static void back(void **state)
{
	static struct conf_rule rule;
	struct conf_item item;
	uint32_t at = 0;

	(void)state;
	item = (struct conf_item){ .sort = CONF_ITEM_PORTS, .run = { 5, 70 } };
	assert_true(conf_item_add(&rule, &item));
	item = (struct conf_item){ .sort = CONF_ITEM_FROM,
				   .prefix = { address("192.0.2.1"), 128 } };
	assert_true(conf_item_add(&rule, &item));
	item = (struct conf_item){ .sort = CONF_ITEM_TO_WORD, .word = "a.example.com" };
	assert_true(conf_item_add(&rule, &item));
	assert_true(conf_item_next(&rule, &at, &item));
	assert_int_equal(item.sort, CONF_ITEM_PORTS);
	assert_int_equal(item.run.last, 70);
	assert_null(item.word);
	assert_true(conf_item_next(&rule, &at, &item));
	assert_int_equal(item.sort, CONF_ITEM_FROM);
	assert_addr(&item.prefix.addr, "192.0.2.1");
	assert_int_equal(item.prefix.length, 128);
	assert_true(conf_item_next(&rule, &at, &item));
	assert_string_equal(item.word, "a.example.com");
	assert_false(conf_item_next(&rule, &at, &item));
	assert_true(conf_item_find(&rule, CONF_ITEM_FROM, &item));
	assert_false(conf_item_find(&rule, CONF_ITEM_PROGRAM, &item));
}

static void full(void **state)
{
	static struct conf_rule rule;
	const struct conf_item item = { .sort = CONF_ITEM_FROM, .prefix = { address("::1"), 128 } };
	struct conf_item got;
	uint32_t at = 0;
	uint32_t in = 0;
	uint32_t out = 0;

	(void)state;
	while (conf_item_add(&rule, &item))
		in++;
	assert_true(rule.tail_size <= CONF_TAIL_MAX);
	while (conf_item_next(&rule, &at, &got))
		out++;
	assert_int_equal(in, out);
	assert_true(in >= 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(back), cmocka_unit_test(full) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
