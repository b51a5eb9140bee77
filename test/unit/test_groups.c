/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths of cgroups from their numbers, on this machine's tree if there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "kernel/kernel.h"

static void the_root_is_found_by_its_number(void **state)
{
	struct kernel_groups *groups = kernel_groups_read();
	struct stat status;
	char mount[256];

	(void)state;
	if (kernel_groups_mount(mount, sizeof(mount)) < 0) {
		assert_null(groups);
		skip();
	}
	assert_non_null(groups);
	assert_int_equal(stat(mount, &status), 0);
	assert_string_equal(kernel_groups_path(groups, status.st_ino), "/");
	kernel_groups_free(groups);
}

static void our_own_group_is_found(void **state)
{
	struct kernel_groups *groups = kernel_groups_read();
	char own[256] = "";
	char path[600];
	struct stat status;
	char mount[256];
	FILE *file = fopen("/proc/self/cgroup", "re");

	(void)state;
	while (file && !own[0] && fgets(path, sizeof(path), file))
		(void)sscanf(path, "0::%255s", own);
	if (file)
		fclose(file);
	if (kernel_groups_mount(mount, sizeof(mount)) == 0)
		(void)snprintf(path, sizeof(path), "%s%s", mount, own);
	if (!groups || !own[0] || stat(path, &status) < 0) {
		kernel_groups_free(groups);
		skip();
	}
	assert_string_equal(kernel_groups_path(groups, status.st_ino), own);
	kernel_groups_free(groups);
}

static void no_such_number_has_no_path(void **state)
{
	struct kernel_groups *groups = kernel_groups_read();

	(void)state;
	assert_null(kernel_groups_path(groups, UINT64_MAX));
	assert_null(kernel_groups_path(NULL, 1));
	kernel_groups_free(groups);
	kernel_groups_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_is_found_by_its_number),
		cmocka_unit_test(our_own_group_is_found),
		cmocka_unit_test(no_such_number_has_no_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
