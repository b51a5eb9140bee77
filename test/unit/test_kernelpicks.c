/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's choices, asked with few descriptors so that it is over at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "cmd/see/entropy.h"

static void allow_descriptors(rlim_t count)
{
	struct rlimit limit = { count, count };

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void choices_are_of_the_range(void **state)
{
	struct drive_error error;
	struct cmd_kernel *kernel;
	uint32_t seen = 0;

	(void)state;
	allow_descriptors(600);
	kernel = cmd_kernel_measure(500, &error);
	/* Neither a namespace of its own nor Linux 6.3. */
	if (!kernel)
		skip();
	assert_int_equal(kernel->count, 500);
	for (size_t i = 0; i < kernel->count; i++) {
		assert_true(kernel->symbol[i] < MEASURE_GAME_PORTS);
		seen += i > 0 && kernel->symbol[i] != kernel->symbol[i - 1];
	}
	assert_true(seen > 250);
	assert_int_equal(kernel->cost.ports, 536);
	assert_true(kernel->cost.filled >= 536 / 2);
	assert_true(kernel->cost.connect_ns > 0 && kernel->cost.half_ns > 0);
	cmd_kernel_free(kernel);
}

static void too_few_descriptors_are_said(void **state)
{
	struct drive_error error;

	(void)state;
	allow_descriptors(100);
	assert_null(cmd_kernel_measure(10, &error));
	assert_non_null(strstr(error.text, "cannot be measured"));
	assert_non_null(strstr(error.text, "descriptors"));
	cmd_kernel_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_are_of_the_range),
		cmocka_unit_test(too_few_descriptors_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
