/* SPDX-License-Identifier: BSD-2-Clause */
/* The services file of a host, read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/see/services.h"

static struct minato_services *open_text(const char *text, size_t len)
{
	char path[] = "/tmp/test-naming-XXXXXX";
	int fd = mkstemp(path);
	struct drive_error error;
	struct minato_services *services;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	services = cmd_naming_open(path, &error);
	unlink(path);
	return services;
}

static void a_file_is_read_whole(void **state)
{
	size_t len = 100000;
	char *text = malloc(len + 16);
	struct minato_services *services;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', len);
	memcpy(text + len, "minato 4711/tcp", sizeof("minato 4711/tcp"));
	services = open_text(text, len + 15);
	free(text);
	assert_non_null(services);
	assert_string_equal(minato_services_name(services, MINATO_TCP, 4711), "minato");
	free(services);
}

static void an_empty_file_is_fine(void **state)
{
	struct minato_services *services = open_text("", 0);

	(void)state;
	assert_non_null(services);
	assert_string_equal(minato_services_name(services, MINATO_TCP, 80), "http");
	free(services);
}

static void a_missing_file_is_said(void **state)
{
	struct drive_error error;

	(void)state;
	assert_null(cmd_naming_open("/nonexistent/services", &error));
	assert_string_equal(error.text,
			    "cannot read /nonexistent/services: No such file or directory");
	assert_null(cmd_naming_open("/tmp", &error));
}

static void the_host_has_names(void **state)
{
	struct minato_services *services = cmd_naming_open(NULL, NULL);

	(void)state;
	assert_non_null(services);
	assert_string_equal(minato_services_name(services, MINATO_TCP, 443), "https");
	free(services);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_whole),
		cmocka_unit_test(an_empty_file_is_fine),
		cmocka_unit_test(a_missing_file_is_said),
		cmocka_unit_test(the_host_has_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
