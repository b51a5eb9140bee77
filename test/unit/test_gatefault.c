/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong is shown where it stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cmd/gateway/gateway.h"

static struct conf_report report;
static char out[4096];

static const char *fault_of(const char *text, const char *path)
{
	struct conf conf = { .list = NULL };

	assert_int_equal(conf_read(&conf, text, strlen(text), &report), -EINVAL);
	gateway_fault_text(&report, path, text, out, sizeof(out));
	return out;
}

static void line_column_and_caret(void **state)
{
	(void)state;
	assert_non_null(strstr(fault_of("inside tap in0 10.0.0.1/24\n"
					"outside tap out0 198.51.100.1/24\n"
					"\tforward tcp 80 tp 10.0.0.2 # A\n",
					"a.conf"),
			       "a.conf:3:17: "));
	/* The tab above stands below too. */
	assert_non_null(strstr(out, "\n  \tforward tcp 80 tp 10.0.0.2 # A\n  \t               ^~"));
}

static void a_slip_of_the_finger(void **state)
{
	(void)state;
	assert_non_null(strstr(fault_of("forwrad tcp 80 to 10.0.0.2\n", "a.conf"),
			       "; did you mean forward?"));
	assert_non_null(strstr(out, "\n  ^~~~~~~"));
}

static void at_the_end_of_a_line(void **state)
{
	static struct conf_statement one;

	(void)state;
	assert_int_equal(conf_statement_read(&one, "forward tcp 80 to", &report), -EINVAL);
	gateway_fault_text(&report, "", "forward tcp 80 to", out, sizeof(out));
	assert_non_null(strstr(out, "\n  forward tcp 80 to\n                   ^"));
	assert_null(strstr(out, "~"));
}

static void every_fault_in_order(void **state)
{
	const char *first;

	(void)state;
	(void)fault_of("forward tcp 99999 to 10.0.0.2\nforward tpc 80 to 10.0.0.2\n", "b.conf");
	first = strstr(out, "b.conf:1:13: ");
	assert_non_null(first);
	assert_non_null(strstr(first, "\nb.conf:2:9: "));
}

static void more_than_there_is_room_for(void **state)
{
	char few[40];

	(void)state;
	(void)fault_of("forward tcp 99999 to 10.0.0.2\n", "c.conf");
	memset(few, 'x', sizeof(few));
	gateway_fault_text(&report, "c.conf", "forward tcp 99999 to 10.0.0.2\n", few, sizeof(few));
	assert_int_equal(strlen(few), sizeof(few) - 1);
	assert_int_equal(strncmp(few, out, sizeof(few) - 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_column_and_caret),
		cmocka_unit_test(a_slip_of_the_finger),
		cmocka_unit_test(at_the_end_of_a_line),
		cmocka_unit_test(every_fault_in_order),
		cmocka_unit_test(more_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
