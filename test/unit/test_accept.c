/* SPDX-License-Identifier: BSD-2-Clause */
/* Which text form a collector is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/metrics.h"

static void the_open_form_is_the_usual_one(void **state)
{
	(void)state;
	assert_false(cmd_accept_classic(NULL));
	assert_false(cmd_accept_classic(""));
	assert_false(cmd_accept_classic("*/*"));
	assert_false(cmd_accept_classic("application/json"));
	assert_false(cmd_accept_classic(",;q=,=;;q=1,,"));
	/* What Prometheus sends. */
	assert_false(cmd_accept_classic(
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		"version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
}

static void the_older_form_is_given_to_who_asks(void **state)
{
	(void)state;
	assert_true(cmd_accept_classic("text/plain"));
	assert_true(cmd_accept_classic(" TEXT/Plain ; version=0.0.4 "));
	assert_true(cmd_accept_classic("text/*, application/*;q=0.1"));
	assert_true(cmd_accept_classic("application/openmetrics-text; q=0.3, text/plain; q=0.4"));
	assert_true(cmd_accept_classic("application/openmetrics-text;q=0, */*"));
	/* A browser. */
	assert_true(cmd_accept_classic(
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"));
}

static void the_nearest_range_counts(void **state)
{
	(void)state;
	assert_false(cmd_accept_classic("text/plain;q=0.2, text/*;q=0.9, */*;q=0.5"));
	assert_true(cmd_accept_classic("application/openmetrics-text;q=0.2,*/*;q=0.5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_open_form_is_the_usual_one),
		cmocka_unit_test(the_older_form_is_given_to_who_asks),
		cmocka_unit_test(the_nearest_range_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
