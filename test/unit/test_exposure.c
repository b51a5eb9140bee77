/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs of published ports, told of once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/audit.h"

#define PORTS 4u
#define ROWS (2 * PORTS)

static struct cmd_holder holders[ROWS];
static struct cmd_exposure rows[ROWS];
static struct cmd_exposures all;

/* Ports 20000 to 20003, each at 0.0.0.0 and at [::], for 30000 to 30003 of a guest. */
static void publish(void)
{
	all = (struct cmd_exposures){ .list = rows, .count = ROWS };
	for (uint16_t i = 0; i < ROWS; i++) {
		uint16_t port = i / 2;

		holders[i] = (struct cmd_holder){
			.port = (uint16_t)(20000 + port),
			.guest_port = (uint16_t)(30000 + port),
			.proto = MINATO_TCP,
			.published = "web",
			.spec = "20000-20003:30000-30003/tcp",
			.v6only = i % 2,
		};
		if (i % 2 == 0)
			holders[i].local.addr = minato_addr4(0, 0, 0, 0);
		rows[i] = (struct cmd_exposure){
			.holder = &holders[i],
			.scope = CMD_SCOPE_LAN,
		};
	}
}

/* How many are told of. */
static size_t count_told(void)
{
	size_t told = 0;

	cmd_exposures_join(&all);
	for (size_t i = 0; i < all.count; i++)
		told += !rows[i].joined;
	return told;
}

static void a_run_is_one_of_each_family(void **state)
{
	char text[200];

	(void)state;
	publish();
	assert_int_equal(count_told(), 2);
	assert_int_equal(rows[0].last, 20003);
	assert_int_equal(rows[1].last, 20003);
	assert_string_equal(cmd_exposure_ports(&rows[1], text, sizeof(text)), "20000-20003/tcp");
	assert_non_null(strstr(cmd_exposure_holder(&rows[0], text, sizeof(text)),
			       "for ports 30000-30003 of guest web"));
	assert_non_null(strstr(cmd_exposure_advice(&rows[0], text, sizeof(text)),
			       "nothing listens on port 30000-30003 "));
}

static void what_differs_stays_apart(void **state)
{
	char text[200];

	(void)state;
	publish();
	rows[4].expected = true;
	assert_int_equal(count_told(), 4);
	assert_int_equal(rows[0].last, 20001);
	assert_string_equal(cmd_exposure_ports(&rows[4], text, sizeof(text)), "20002/tcp");
	publish();
	snprintf(holders[2].spec, sizeof(holders[2].spec), "20001:30001/tcp");
	assert_int_equal(count_told(), 4);
	publish();
	holders[6].guest_port = 6379; /* Redis asks for no password */
	assert_int_equal(count_told(), 3);
	publish();
	for (size_t i = 0; i < ROWS; i++)
		holders[i].published[0] = '\0';
	assert_int_equal(count_told(), ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_is_one_of_each_family),
		cmocka_unit_test(what_differs_stays_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
