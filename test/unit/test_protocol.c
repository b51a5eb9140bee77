/* SPDX-License-Identifier: BSD-2-Clause */
/* Words for protocols without ports: there and back, and what is none. */
#include "conf_fixture.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

static void words_there_and_back(void **state)
{
	static const struct {
		const char *word;
		uint8_t number;
	} known[] = { { "ipip", 4 }, { "dccp", 33 }, { "6in4", 41 },  { "gre", 47 },
		      { "esp", 50 }, { "ah", 51 },   { "sctp", 132 }, { "udplite", 136 } };
	char word[CONF_PROTOCOL_SIZE];
	uint8_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_string_equal(conf_protocol_word(word, known[i].number), known[i].word);
		assert_true(conf_protocol_read(known[i].word, &number));
		assert_int_equal(number, known[i].number);
	}
	assert_true(conf_protocol_read("GRE", &number));
	assert_true(conf_protocol_read("ipencap", &number));
	assert_int_equal(number, 4);
}

/* All numbers, but those of what has ports or types. */
static void numbers(void **state)
{
	char word[CONF_PROTOCOL_SIZE];
	char text[8];
	uint8_t number;

	(void)state;
	for (int i = 0; i < 256; i++) {
		bool has = i == 0 || i == 1 || i == 6 || i == 17 || i == 58;

		(void)snprintf(text, sizeof(text), "%d", i);
		assert_int_equal(conf_protocol_read(text, &number), !has);
		if (has)
			continue;
		assert_int_equal(number, i);
		assert_true(conf_protocol_read(conf_protocol_word(word, number), &number));
		assert_int_equal(number, i);
	}
}

static void what_is_none(void **state)
{
	static const char *const words[] = { "",     "256", "1000",
					     "-1",   "4 7", "gr",
					     "gree", "tcp", "99999999999999999999" };
	uint8_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_false(conf_protocol_read(words[i], &number));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_there_and_back),
		cmocka_unit_test(numbers),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
