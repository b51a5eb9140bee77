/* SPDX-License-Identifier: BSD-2-Clause */
/* System, User and Dynamic Ports: the edges, and every number in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "minato/minato.h"

static void the_edges_are_of_rfc_6335(void **state)
{
	(void)state;
	assert_int_equal(minato_port_kind(0), MINATO_PORT_SYSTEM);
	assert_int_equal(minato_port_kind(1023), MINATO_PORT_SYSTEM);
	assert_int_equal(minato_port_kind(1024), MINATO_PORT_USER);
	assert_int_equal(minato_port_kind(49151), MINATO_PORT_USER);
	assert_int_equal(minato_port_kind(49152), MINATO_PORT_DYNAMIC);
	assert_int_equal(minato_port_kind(65535), MINATO_PORT_DYNAMIC);
}

static void each_number_has_one_kind(void **state)
{
	uint32_t count[MINATO_PORT_KIND_COUNT] = { 0 };

	(void)state;
	for (uint32_t port = 0; port <= UINT16_MAX; port++)
		count[minato_port_kind((uint16_t)port)]++;
	assert_int_equal(count[MINATO_PORT_SYSTEM], 1024);
	assert_int_equal(count[MINATO_PORT_USER], 48128);
	assert_int_equal(count[MINATO_PORT_DYNAMIC], 16384);
}

static void kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(minato_port_kind_name(MINATO_PORT_SYSTEM), "system");
	assert_string_equal(minato_port_kind_name(MINATO_PORT_USER), "user");
	assert_string_equal(minato_port_kind_name(MINATO_PORT_DYNAMIC), "dynamic");
	assert_null(minato_port_kind_name(MINATO_PORT_KIND_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_edges_are_of_rfc_6335),
		cmocka_unit_test(each_number_has_one_kind),
		cmocka_unit_test(kinds_have_names),
	};

	return cmocka_run_group_tests_name("portkind", tests, NULL, NULL);
}
