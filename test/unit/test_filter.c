/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading filters, and saying what is wrong with one. */
#include "filter_fixture.h"

static uint32_t states_of(const char *text)
{
	const struct filter_program *program = read_filter(text);

	assert_true(program->stated);
	return program->states;
}

#define BIT(state) (1u << (state))

static void states_come_first(void **state)
{
	(void)state;
	assert_false(read_filter("")->stated);
	assert_false(read_filter("sport 1")->stated);
	assert_int_equal(states_of("state established"), BIT(MINATO_ESTABLISHED));
	assert_int_equal(states_of("state ESTABLISHED state listening"),
			 BIT(MINATO_ESTABLISHED) | BIT(MINATO_LISTEN));
	assert_int_equal(states_of("state bucket sport 1"),
			 BIT(MINATO_SYN_RECEIVED) | BIT(MINATO_TIME_WAIT));
	assert_int_equal(states_of("state all"), UINT32_MAX);
	assert_int_equal(states_of("exclude listening"), ~BIT(MINATO_LISTEN));
	assert_int_equal(states_of("state big exclude listening") & BIT(MINATO_LISTEN), 0);
	assert_int_equal(states_of("exclude all state closing"), BIT(MINATO_CLOSING));
	assert_int_equal(states_of("state connected exclude synchronized"), BIT(MINATO_SYN_SENT));
	assert_int_equal(states_of("state connected") & FILTER_STATE_NONE, 0);
}

/* What is wrong stands at the mark, and the text names it. */
static void each_error_points_at_its_word(void **state)
{
	static const struct {
		const char *text;
		size_t at, length;
		const char *what;
	} cases[] = {
		{ "sport = :htpp", 8, 5, "'htpp' is no port" },
		{ "sport = :70000", 8, 6, "beyond the last" },
		{ "sport = :split", 8, 6, "not one port" },
		{ "sport = :1000-2000", 8, 10, "a range is written" },
		{ "src fe80::1%eth0", 4, 12, "dev says" },
		{ "sport = 1.2.3.4:80", 8, 10, "a port alone" },
		{ "sport > *", 8, 1, "every port" },
		{ "sport", 5, 0, "missing" },
		{ "sport = )", 8, 0, "missing" },
		{ "dprot = :80", 0, 5, "expected src" },
		{ "sport 1 and", 11, 0, "ends too early" },
		{ "established", 0, 11, "word before it" },
		{ "state fin-wait-1 fin-wait-2", 17, 10, "word before it" },
		{ ":22", 0, 3, "sport or dport" },
		{ "10.0.0.1", 0, 8, "src or dst" },
		{ "sport 1 80", 8, 2, "src or dst" },
		{ "sport 1 or or sport 2", 11, 2, "expected src" },
		{ "or", 0, 2, "expected src" },
		{ "( sport 1", 0, 1, "not closed" },
		{ "sport 1 ( sport 2 ( sport 3 )", 8, 1, "not closed" },
		{ "sport 1 )", 8, 1, "no '('" },
		{ "( )", 2, 1, "expected src" },
		{ "not", 3, 0, "ends too early" },
		{ "state bogus", 6, 5, "expected a state" },
		{ "state", 5, 0, "expected a state" },
		{ "sport 1 state listening", 8, 5, "before everything" },
		{ "src > 1.2.3.4", 4, 1, "= or !=" },
		{ "src 22", 4, 2, ":22" },
		{ "src 999.1.1.1", 4, 9, "no address" },
		{ "src 10.0.0.0/33", 4, 11, "0 to 32" },
		{ "src [::1]/129", 4, 9, "0 to 128" },
		{ "src [::1", 4, 4, "not closed" },
		{ "src [::1]x", 4, 6, "after ']'" },
		{ "src ::g", 4, 3, "no port" },
		{ "src nowhere", 4, 7, "no host" },
		{ "src web/8", 4, 5, "length" },
		{ "src /8", 4, 2, "behind an address" },
		{ "src inet:[::1]", 4, 10, "family inet" },
		{ "src unix:/x", 4, 7, "only inet" },
		{ "dev nosuch", 4, 6, "no interface" },
		{ "fwmark x", 7, 1, "no mark" },
		{ "fwmark 1/x", 7, 3, "no mask" },
		{ "cgroup /nosuch", 7, 7, "no cgroup" },
	};
	static struct filter_program program;
	struct filter_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int result = filter_parse(&program, cases[i].text, &there, &error);

		if (result != -EINVAL || error.at != cases[i].at ||
		    error.length != cases[i].length || !strstr(error.what, cases[i].what))
			fail_msg("'%s': %d at %zu+%zu: %s", cases[i].text, result, error.at,
				 error.length, error.what);
	}
}

static bool offers(const struct filter_error *error, const char *word)
{
	for (size_t i = 0; error->candidates && error->candidates[i]; i++) {
		if (!strcmp(error->candidates[i], word))
			return true;
	}
	return false;
}

static void errors_know_the_right_words(void **state)
{
	static struct filter_program program;
	struct filter_error error;

	(void)state;
	filter_parse(&program, "state listn", &there, &error);
	assert_true(offers(&error, "listening"));
	filter_parse(&program, "dprot = :80", &there, &error);
	assert_true(offers(&error, "dport"));
	assert_false(error.service);
	filter_parse(&program, "dport = :htp", &there, &error);
	assert_true(error.service);
}

static void names_need_somebody_who_knows(void **state)
{
	static const struct filter_names nobody = { 0 };
	static struct filter_program program;
	struct filter_error error;

	(void)state;
	assert_int_equal(
		filter_parse(&program, "sport 22 src 1.2.3.4 dev 1 cgroup 3", &nobody, &error), 0);
	assert_int_equal(filter_parse(&program, "sport ssh", &nobody, &error), -EINVAL);
	assert_int_equal(filter_parse(&program, "src web", &nobody, &error), -EINVAL);
	assert_int_equal(filter_parse(&program, "dev eth0", &nobody, &error), -EINVAL);
	assert_int_equal(filter_parse(&program, "cgroup /a\\ b", &nobody, &error), -EINVAL);
}

static int parse_many(const char *piece, size_t count, struct filter_error *error)
{
	static struct filter_program program;
	size_t length = strlen(piece);
	char *text = malloc(count * length + 10);
	int result;

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * length, piece, length);
	memcpy(text + count * length, "autobound", 10);
	result = filter_parse(&program, text, &there, error);
	free(text);
	return result;
}

static void the_bounds_hold(void **state)
{
	struct filter_error error;

	(void)state;
	assert_int_equal(parse_many("! ", FILTER_DEPTH_MAX, &error), 0);
	assert_int_equal(parse_many("! ", FILTER_DEPTH_MAX + 1, &error), -EINVAL);
	assert_non_null(strstr(error.what, "too deeply"));
	assert_int_equal(parse_many("dev 1 ", 10000, &error), 0);
	assert_int_equal(parse_many("!!!!dev 1 ", 6000, &error), -EINVAL);
	assert_non_null(strstr(error.what, "too many parts"));
	assert_int_equal(parse_many("            ", 6000, &error), -EINVAL);
	assert_non_null(strstr(error.what, "longer than"));
	assert_int_equal(parse_many("( dev 1 or ", 60, &error), -EINVAL);
}

static void comments_and_lines_are_passed_over(void **state)
{
	const struct filter_program *program =
		read_filter("# what I look at\nstate established\n# with\nsport 1\n\tor dport 2\n");

	(void)state;
	assert_true(program->stated);
	assert_int_equal(program->count, 3);
}

static void assert_pointed(const char *text, const char *wanted)
{
	static struct filter_program program;
	struct filter_error error;
	char *got;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	assert_non_null(out);
	assert_int_equal(filter_parse(&program, text, &there, &error), -EINVAL);
	filter_point(out, text, &error);
	fclose(out);
	assert_string_equal(got, wanted);
	free(got);
}

static void the_word_is_pointed_at(void **state)
{
	(void)state;
	assert_pointed("sport = :80 or dprot = :80", "  sport = :80 or dprot = :80\n"
						     "                 ^^^^^\n");
	assert_pointed("sport 1 or", "  sport 1 or\n            ^\n");
	assert_pointed("sport 1\nor\tsprt\033 2\ndport 1", "  or sprt? 2\n     ^^^^^\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_come_first),
		cmocka_unit_test(each_error_points_at_its_word),
		cmocka_unit_test(errors_know_the_right_words),
		cmocka_unit_test(names_need_somebody_who_knows),
		cmocka_unit_test(the_bounds_hold),
		cmocka_unit_test(comments_and_lines_are_passed_over),
		cmocka_unit_test(the_word_is_pointed_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
