/* SPDX-License-Identifier: BSD-2-Clause */
/* Slips of the finger: distances, and the word that was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/cmd.h"

static const char *guess(const char *word, const char *const *candidates)
{
	struct cmd_guess guess = { .word = word };

	for (; *candidates; candidates++)
		cmd_guess_try(&guess, *candidates);
	return guess.best;
}

static const char *const commands[] = {
	"run", "exec", "stop", "ps", "ss", "help", "version", NULL,
};
static const char *const options[] = { "publish", "ipv4-only", "ipv6-only", "hostname", NULL };

static void equal_words_have_no_distance(void **state)
{
	(void)state;
	assert_int_equal(cmd_distance("publish", "publish"), 0);
	assert_int_equal(cmd_distance("", ""), 0);
}

static void each_kind_of_slip_counts_one(void **state)
{
	(void)state;
	assert_int_equal(cmd_distance("stop", "stp"), 1);
	assert_int_equal(cmd_distance("stop", "sttop"), 1);
	assert_int_equal(cmd_distance("stop", "stip"), 1);
	assert_int_equal(cmd_distance("stop", "sotp"), 1);
	assert_int_equal(cmd_distance("stop", "tsop"), 1);
}

static void distance_counts_from_nothing(void **state)
{
	(void)state;
	assert_int_equal(cmd_distance("", "exec"), 4);
	assert_int_equal(cmd_distance("exec", ""), 4);
}

static void distance_is_symmetric(void **state)
{
	(void)state;
	assert_int_equal(cmd_distance("kitten", "sitting"), 3);
	assert_int_equal(cmd_distance("sitting", "kitten"), 3);
}

static void long_words_are_far_from_all(void **state)
{
	char word[200];

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = 0;
	assert_true(cmd_distance(word, "stop") >= 40);
}

static void a_misspelt_command_is_found(void **state)
{
	(void)state;
	assert_string_equal(guess("rnu", commands), "run");
	assert_string_equal(guess("exce", commands), "exec");
	assert_string_equal(guess("hlep", commands), "help");
	assert_string_equal(guess("verison", commands), "version");
}

static void a_beginning_is_found(void **state)
{
	(void)state;
	assert_string_equal(guess("vers", commands), "version");
	assert_string_equal(guess("host", options), "hostname");
}

static void the_nearest_wins(void **state)
{
	(void)state;
	assert_string_equal(guess("ipv6-onyl", options), "ipv6-only");
	assert_string_equal(guess("ipv4-onyl", options), "ipv4-only");
}

static void a_strange_word_is_not_guessed(void **state)
{
	(void)state;
	assert_null(guess("attach", commands));
	assert_null(guess("xy", commands));
	assert_null(guess("", commands));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_words_have_no_distance),
		cmocka_unit_test(each_kind_of_slip_counts_one),
		cmocka_unit_test(distance_counts_from_nothing),
		cmocka_unit_test(distance_is_symmetric),
		cmocka_unit_test(long_words_are_far_from_all),
		cmocka_unit_test(a_misspelt_command_is_found),
		cmocka_unit_test(a_beginning_is_found),
		cmocka_unit_test(the_nearest_wins),
		cmocka_unit_test(a_strange_word_is_not_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
