/* SPDX-License-Identifier: BSD-2-Clause */
/* What people call a cgroup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/kernel.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_name(const char *path, const char *name)
{
	char out[KERNEL_GROUP_SIZE];

	assert_string_equal(kernel_group_name(out, path), name);
}

static void containers(void **state)
{
	(void)state;
	assert_name("/system.slice/docker-" ID ".scope", "docker:0123456789ab");
	assert_name("/docker/" ID, "docker:0123456789ab");
	assert_name("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		    ".scope/container",
		    "podman:0123456789ab");
	assert_name("/kubepods.slice/kubepods-pod7.slice/cri-containerd-" ID ".scope",
		    "containerd:0123456789ab");
	assert_name("/lxc.payload.web/system.slice", "lxc:web");
	assert_name("/lxc/web", "lxc:web");
	assert_name("/machine.slice/machine-web.scope", "machine:web");
}

static void services(void **state)
{
	(void)state;
	assert_name("/system.slice/nginx.service", "nginx.service");
	assert_name("/user.slice/user-1000.slice/user@1000.service/app.slice/syncthing.service",
		    "syncthing.service");
	/* What is inside a container belongs to it no less than to its own service. */
	assert_name("/lxc.payload.web/system.slice/nginx.service", "nginx.service");
}

static void sessions_and_none(void **state)
{
	(void)state;
	assert_name("/", "");
	assert_name("", "");
	assert_name("/user.slice/user-1000.slice/session-3.scope", "");
	assert_name("/user.slice/user-1000.slice/user@1000.service/init.scope", "");
	assert_name("/system.slice/.service", "");
}

static void long_names_are_cut(void **state)
{
	char path[512] = "/";
	char out[KERNEL_GROUP_SIZE];

	(void)state;
	memset(path + 1, 'x', 300);
	strcpy(path + 301, ".service");
	assert_int_equal(strlen(kernel_group_name(out, path)), KERNEL_GROUP_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers),
		cmocka_unit_test(services),
		cmocka_unit_test(sessions_and_none),
		cmocka_unit_test(long_names_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
