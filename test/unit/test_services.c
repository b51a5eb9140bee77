/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of ports out of a file like /etc/services. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "view/view.h"

static const char lines[] = "# a comment\n"
			    "http\t\t80/tcp\t\twww # WorldWideWeb\n"
			    "second 80/tcp\n"
			    "domain 53/tcp\n"
			    "domain 53/udp\n"
			    "snmp 161/udp\n"
			    "  indented 7/tcp\n"
			    "toolarge 70000/tcp\n"
			    "other 9/sctp\n"
			    "nothing\n"
			    "# commented 81/tcp\n"
			    "last 65535/tcp\n";

static struct view_services *services;

static int setup(void **state)
{
	char path[] = "/tmp/test-services-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0 || write(fd, lines, sizeof(lines) - 1) != (ssize_t)(sizeof(lines) - 1))
		return -1;
	close(fd);
	services = view_services_load(path);
	unlink(path);
	return services ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	view_services_free(services);
	return 0;
}

static void a_port_has_its_name(void **state)
{
	(void)state;
	assert_string_equal(view_services_name(services, MINATO_UDP, 161), "snmp");
	assert_string_equal(view_services_name(services, MINATO_TCP, 7), "indented");
	assert_string_equal(view_services_name(services, MINATO_TCP, 65535), "last");
}

static void the_first_name_counts(void **state)
{
	(void)state;
	assert_string_equal(view_services_name(services, MINATO_TCP, 80), "http");
}

static void protocols_are_apart(void **state)
{
	(void)state;
	assert_null(view_services_name(services, MINATO_UDP, 80));
	assert_string_equal(view_services_name(services, MINATO_TCP, 53), "domain");
	assert_string_equal(view_services_name(services, MINATO_UDP, 53), "domain");
}

static void what_is_not_there_has_no_name(void **state)
{
	(void)state;
	assert_null(view_services_name(services, MINATO_TCP, 0));
	assert_null(view_services_name(services, MINATO_TCP, 9));
	assert_null(view_services_name(services, MINATO_TCP, 81));
	assert_null(view_services_name(services, MINATO_TCP, 4464));
	assert_null(view_services_name(services, 0, 80));
}

static void no_file_means_no_names(void **state)
{
	(void)state;
	assert_null(view_services_load("/nonexistent/services"));
	assert_null(view_services_name(NULL, MINATO_TCP, 80));
	view_services_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_has_its_name),
		cmocka_unit_test(the_first_name_counts),
		cmocka_unit_test(protocols_are_apart),
		cmocka_unit_test(what_is_not_there_has_no_name),
		cmocka_unit_test(no_file_means_no_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
