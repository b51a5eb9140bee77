/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports for new services. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/services.h"

#include "cardsfile.h"

static struct cmd_cards cards;

static int setup(void **state)
{
	(void)state;
	return cardsfile_open(&cards, "mine 4711/tcp\n");
}

static int teardown(void **state)
{
	(void)state;
	cmd_cards_close(&cards);
	return 0;
}

static void assert_good(int port)
{
	assert_in_range(port, 1024, 32767);
	assert_int_equal(minato_service_state(MINATO_TCP, (uint16_t)port),
			 MINATO_SERVICE_UNASSIGNED);
	assert_int_equal(minato_service_state(MINATO_UDP, (uint16_t)port),
			 MINATO_SERVICE_UNASSIGNED);
	assert_false(cmd_known_refused((uint16_t)port));
}

static void a_name_has_one_port(void **state)
{
	char name[16];
	int before = 0;
	size_t same = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		int port;

		snprintf(name, sizeof(name), "service-%d", i);
		port = cmd_propose(&cards, name, NULL);
		assert_good(port);
		assert_int_equal(cmd_propose(&cards, name, NULL), port);
		same += port == before;
		before = port;
	}
	assert_true(same < 2);
	/* For good: whoever has noted it finds it again with any version. */
	assert_int_equal(cmd_propose(&cards, "my-app", NULL), 30483);
	assert_int_equal(cmd_propose(&cards, "MY-APP", NULL), 30483);
}

static void what_is_taken_is_passed_over(void **state)
{
	struct cmd_holder holder = { .proto = MINATO_UDP };
	struct drive_reservation one = { .protocols = DRIVE_RESERVED_UDP };
	int port = cmd_propose(&cards, "my-app", NULL);
	int next;

	(void)state;
	holder.port = (uint16_t)port;
	cards.holders = (struct cmd_holders){ &holder, 1, 1, false };
	next = cmd_propose(&cards, "my-app", NULL);
	assert_good(next);
	assert_int_not_equal(next, port);
	cards.holders = (struct cmd_holders){ 0 };
	one.first = one.last = (uint16_t)port;
	cards.reserved = (struct drive_reserved){ &one, 1 };
	assert_int_equal(cmd_propose(&cards, "my-app", NULL), next);
	cards.reserved = (struct drive_reserved){ 0 };
	cards.knobs.first = (uint16_t)port;
	cards.knobs.last = (uint16_t)port;
	assert_int_not_equal(cmd_propose(&cards, "my-app", NULL), port);
	cards.knobs.first = 32768;
	cards.knobs.last = 60999;
	cards.knobs.privileged_below = (uint32_t)port + 1;
	assert_true(cmd_propose(&cards, "my-app", NULL) > port);
	cards.knobs.privileged_below = 1024;
}

static void to_the_last_port(void **state)
{
	struct drive_reservation below = { .first = 1024, .protocols = DRIVE_RESERVED_BOTH };
	int port;

	(void)state;
	/* All but one port are ephemeral, or reserved. */
	port = cmd_propose(&cards, "my-app", NULL);
	cards.knobs.privileged_below = 0;
	cards.knobs.first = (uint16_t)(port + 1);
	cards.knobs.last = 65535;
	below.last = (uint16_t)(port - 1);
	cards.reserved = (struct drive_reserved){ &below, 1 };
	assert_int_equal(cmd_propose(&cards, "another", NULL), port);
	below.last++;
	assert_int_equal(cmd_propose(&cards, "another", NULL), -EADDRNOTAVAIL);
	cards.reserved = (struct drive_reserved){ 0 };
	cards.knobs =
		(struct kernel_knobs){ .first = 32768, .last = 60999, .privileged_below = 1024 };
}

static void names_that_are_none(void **state)
{
	struct drive_error error;

	(void)state;
	assert_int_equal(cmd_propose(&cards, "my_app", &error), -EINVAL);
	assert_non_null(strstr(error.text, "'my_app' has a character that is no letter, digit or "
					   "hyphen, at character 3"));
	assert_int_equal(cmd_propose(&cards, "", &error), -EINVAL);
	assert_int_equal(cmd_propose(&cards, "1234", &error), -EINVAL);
	assert_non_null(strstr(error.text, "has no letter"));
	assert_int_equal(cmd_propose(&cards, "http", &error), -EEXIST);
	assert_string_equal(error.text, "http is a service already, at 80/tcp");
	assert_int_equal(cmd_propose(&cards, "Mine", &error), -EEXIST);
	assert_string_equal(error.text, "Mine is a service already, at 4711/tcp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_one_port),
		cmocka_unit_test(what_is_taken_is_passed_over),
		cmocka_unit_test(to_the_last_port),
		cmocka_unit_test(names_that_are_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
