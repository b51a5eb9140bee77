/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables: widths, alignment, folding, cutting, colours, hostile cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "view/view.h"

static const char *red_if_bad(const char *text)
{
	return !strcmp(text, "bad") ? "31" : NULL;
}

static const struct view_column columns[] = {
	{ .title = "Name", .colour = red_if_bad },
	{ .title = "Address:", .right = true, .glued = true },
	{ .title = "Port" },
	{ .title = "More" },
};

static const struct view_look plain = { .header = true };

/* Prints the cells, row by row until NULL, and compares. */
static void assert_drawn(const struct view_look *look, bool fold, const char *const *cells,
			 const char *expected)
{
	struct view_table table;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	view_table_begin(&table, columns, 4);
	for (; *cells; cells++)
		view_table_cell(&table, *cells);
	assert_int_equal(view_table_print(out, &table, look, fold), 0);
	view_table_free(&table);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

#define CELLS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void an_empty_table_is_its_heading(void **state)
{
	static const char *const none[] = { NULL };

	(void)state;
	assert_drawn(&plain, true, none, "Name Address:Port More\n");
}

static void without_heading_nothing_is_left(void **state)
{
	static const char *const none[] = { NULL };
	struct view_look look = { 0 };

	(void)state;
	assert_drawn(&look, true, none, "");
}

static void columns_are_as_wide_as_their_content(void **state)
{
	(void)state;
	assert_drawn(&plain, true,
		     CELLS("a", "10.0.2.100:", "80", "x", "a-longer-one", "1.1.1.1:", "40000", "y"),
		     "Name            Address:Port  More\n"
		     "a            10.0.2.100:80    x\n"
		     "a-longer-one    1.1.1.1:40000 y\n");
}

static void no_line_ends_in_spaces(void **state)
{
	(void)state;
	assert_drawn(&plain, true, CELLS("abcdef", "", "", "", "b", "1:", "2", ""),
		     "Name   Address:Port More\n"
		     "abcdef\n"
		     "b            1:2\n");
}

static void the_heading_does_not_widen_when_it_is_absent(void **state)
{
	struct view_look look = { 0 };

	(void)state;
	assert_drawn(&look, true, CELLS("a", "1:", "2", "z"), "a 1:2 z\n");
}

static void the_last_column_folds_on_a_narrow_terminal(void **state)
{
	struct view_look look = { .header = true, .width = 24 };

	(void)state;
	assert_drawn(&look, true, CELLS("a", "1:", "2", "a long last column", "b", "3:", "4", ""),
		     "Name Address:Port\n"
		     "a          1:2\n\ta long last column\n"
		     "b          3:4\n");
}

static void one_line_stays_one_line(void **state)
{
	struct view_look look = { .header = true, .width = 24, .oneline = true };

	(void)state;
	assert_drawn(&look, true, CELLS("a", "1:", "2", "longer than that"),
		     "Name Address:Port More\n"
		     "a          1:2    longer than that\n");
}

static void the_last_column_is_cut_where_folding_is_not_wanted(void **state)
{
	struct view_look look = { .header = true, .width = 24 };

	(void)state;
	assert_drawn(&look, false, CELLS("a", "1:", "2", "abcdefghij"),
		     "Name Address:Port More\n"
		     "a          1:2    abcdef\n");
}

static void cutting_counts_characters(void **state)
{
	struct view_look look = { .header = true, .width = 21 };

	(void)state;
	assert_drawn(&look, false, CELLS("\xc3\xa9\xc3\xa8", "1:", "2", "\xe6\xb8\xaf-port"),
		     "Name Address:Port Mor\n"
		     "\xc3\xa9\xc3\xa8         1:2    \xe6\xb8\xaf-p\n");
}

static void colour_does_not_change_widths(void **state)
{
	struct view_look look = { .colour = true };

	(void)state;
	assert_drawn(&look, true, CELLS("bad", "1:", "2", "z", "good", "3:", "4", "z"),
		     "\033[31mbad\033[0m  1:2 z\n"
		     "good 3:4 z\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	struct view_look look = { 0 };

	(void)state;
	assert_drawn(&look, true,
		     CELLS("a\033[2J", "\x7f:", "\n",
			   "\xc2\x9b"
			   "31m"),
		     "a?[2J ?:? ??31m\n");
}

static void a_name_cannot_bring_its_own_colour(void **state)
{
	struct view_look look = { .colour = true };

	(void)state;
	assert_drawn(&look, true, CELLS("\033[31mbad", "1:", "2", ""), "?[31mbad 1:2\n");
}

static void many_rows_are_kept(void **state)
{
	struct view_table table;
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	view_table_begin(&table, columns, 4);
	for (int i = 0; i < 5000 * 4; i++)
		view_table_cell(&table, "x");
	assert_int_equal(view_table_print(out, &table, &(struct view_look){ 0 }, true), 0);
	view_table_free(&table);
	fclose(out);
	assert_int_equal(size, 5000 * strlen("x xx x\n"));
	free(text);
}

/* Rows that come later stand in the same columns, below the same heading. */
static void a_second_print_goes_on(void **state)
{
	const struct view_look look = { .header = true };
	struct view_table table;
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	view_table_begin(&table, columns, 4);
	for (int i = 0; i < 2; i++) {
		view_table_cell(&table, i ? "b" : "longer");
		view_table_cell(&table, "1:");
		view_table_cell(&table, "2");
		view_table_cell(&table, "z");
		assert_int_equal(view_table_print(out, &table, &look, true), 0);
	}
	view_table_free(&table);
	fclose(out);
	assert_string_equal(text, "Name   Address:Port More\n"
				  "longer       1:2    z\n"
				  "b            1:2    z\n");
	free(text);
}

static void drawn_below(const struct view_look *look, const char *expected)
{
	static const struct view_column two[] = { { .title = "A" },
						  { .title = "B" },
						  { .title = "", .below = true } };
	struct view_table table;
	size_t size = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	view_table_begin(&table, two, 3);
	for (int i = 0; i < 2; i++) {
		view_table_cell(&table, "a");
		view_table_cell(&table, "b");
		view_table_cell(&table, i ? "" : "more");
	}
	assert_int_equal(view_table_print(out, &table, look, true), 0);
	view_table_free(&table);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void what_is_below_has_a_line_of_its_own(void **state)
{
	const struct view_look look = { .header = true };
	const struct view_look oneline = { .oneline = true };

	(void)state;
	drawn_below(&look, "A B\na b\n\tmore\na b\n");
	drawn_below(&oneline, "a b more\na b\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_is_its_heading),
		cmocka_unit_test(without_heading_nothing_is_left),
		cmocka_unit_test(columns_are_as_wide_as_their_content),
		cmocka_unit_test(no_line_ends_in_spaces),
		cmocka_unit_test(the_heading_does_not_widen_when_it_is_absent),
		cmocka_unit_test(the_last_column_folds_on_a_narrow_terminal),
		cmocka_unit_test(one_line_stays_one_line),
		cmocka_unit_test(the_last_column_is_cut_where_folding_is_not_wanted),
		cmocka_unit_test(cutting_counts_characters),
		cmocka_unit_test(colour_does_not_change_widths),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
		cmocka_unit_test(a_name_cannot_bring_its_own_colour),
		cmocka_unit_test(many_rows_are_kept),
		cmocka_unit_test(a_second_print_goes_on),
		cmocka_unit_test(what_is_below_has_a_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
