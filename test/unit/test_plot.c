/* SPDX-License-Identifier: BSD-2-Clause */
/* Pictures made of letters, drawn where they can be read by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/entropy.h"

static char text[4096];

static void assert_pairs(const uint16_t *symbol, size_t count, bool wide, const char *wanted)
{
	const struct cmd_plot plot = { 4, 2, wide };
	const struct measure_series series = { symbol, count, 8 };
	FILE *out = fmemopen(text, sizeof(text), "w");

	cmd_plot_pairs(out, &plot, &series);
	fclose(out);
	assert_string_equal(text, wanted);
}

/* 8 x 8 dots: each symbol and the next one, which is one higher. */
static void points_are_where_they_belong(void **state)
{
	static const uint16_t up[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	static const uint16_t corners[] = { 0, 0, 7, 0 };

	(void)state;
	assert_pairs(up, 8, true,
		     "  +----+\n"
		     "  |\u2800\u2880\u2814\u2801|\n"
		     "  |\u2814\u2801\u2800\u2800|\n"
		     "  +----+\n");
	assert_pairs(corners, 4, false,
		     "  +----+\n"
		     "  |.   |\n"
		     "  |.  .|\n"
		     "  +----+\n");
}

static void bars_have_their_height(void **state)
{
	static const double value[] = { 0, 50, 75, 100 };
	const struct cmd_plot plot = { 0, 2, true };
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	cmd_plot_bars(out, &plot, value, 4);
	fclose(out);
	assert_string_equal(text, "      100 |  \u2584\u2588\n"
				  "       50 | \u2588\u2588\u2588\n"
				  "        0 +----\n");
}

static void locale_decides(void **state)
{
	(void)state;
	unsetenv("LC_ALL");
	unsetenv("LC_CTYPE");
	setenv("LANG", "ja_JP.UTF-8", 1);
	assert_true(cmd_plot_wide());
	setenv("LC_ALL", "C", 1);
	assert_false(cmd_plot_wide());
	setenv("LC_ALL", "C.utf8", 1);
	assert_true(cmd_plot_wide());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_are_where_they_belong),
		cmocka_unit_test(bars_have_their_height),
		cmocka_unit_test(locale_decides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
