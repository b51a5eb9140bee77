/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of hosts: of a made-up resolver, which answers, knows nothing, or does not come back. */
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/see/ss.h"

static _Atomic int *asked; /* shared with the children */

/* In the place of libc's: 10.0.0.N is hostN; 10.0.1.N has no name; 10.0.2.N is dead. */
int getnameinfo(const struct sockaddr *from, socklen_t length, char *host, socklen_t host_size,
		char *service, socklen_t service_size, int flags)
{
	struct minato_endpoint end;

	(void)length;
	(void)service;
	(void)service_size;
	(void)flags;
	++*asked;
	if (!drive_endpoint_from(&end, from) || end.addr.bytes[14] == 1)
		return EAI_NONAME;
	if (end.addr.bytes[14] == 2)
		sleep(60);
	snprintf(host, host_size, "host%d", end.addr.bytes[15]);
	return 0;
}

static struct view_row row_of(uint8_t c, uint8_t d)
{
	struct minato_endpoint local = { minato_addr4(10, 0, c, d), 1 };
	struct minato_endpoint peer = { minato_addr4(0, 0, 0, 0), 0 };

	return (struct view_row){ .local = view_end_of(&local), .peer = view_end_of(&peer) };
}

static const char *name_of(struct cmd_resolver *resolver, uint8_t c, uint8_t d)
{
	const struct minato_addr addr = minato_addr4(10, 0, c, d);
	const char *name = cmd_resolver_name(resolver, &addr);

	return name ? name : "none";
}

static void each_address_is_asked_for_once(void **state)
{
	struct cmd_resolver *resolver = cmd_resolver_open();
	struct view_row rows[60];

	(void)state;
	*asked = 0;
	for (uint8_t i = 0; i < 60; i++)
		rows[i] = row_of(0, i % 20);
	cmd_resolver_learn(resolver, rows, 60);
	assert_int_equal(*asked, 20);
	for (uint8_t i = 0; i < 20; i++) {
		char wanted[16];

		snprintf(wanted, sizeof(wanted), "host%d", i);
		assert_string_equal(name_of(resolver, 0, i), wanted);
	}
	rows[0] = row_of(0, 99);
	rows[1] = row_of(1, 1);
	cmd_resolver_learn(resolver, rows, 60);
	assert_int_equal(*asked, 22);
	assert_string_equal(name_of(resolver, 0, 99), "host99");
	assert_string_equal(name_of(resolver, 0, 5), "host5");
	assert_string_equal(name_of(resolver, 1, 1), "none");
	cmd_resolver_learn(resolver, rows, 60);
	assert_int_equal(*asked, 22);
	cmd_resolver_close(resolver);
}

static void the_dead_hold_nobody_up_for_long(void **state)
{
	struct cmd_resolver *resolver = cmd_resolver_open();
	struct view_row rows[9];
	int64_t before = drive_now().ns;

	(void)state;
	*asked = 0;
	rows[0] = row_of(2, 1);
	for (uint8_t i = 1; i < 9; i++)
		rows[i] = row_of(0, i);
	cmd_resolver_learn(resolver, rows, 9);
	assert_true(drive_now().ns - before < INT64_C(5000000000));
	assert_string_equal(name_of(resolver, 2, 1), "none");
	assert_string_equal(name_of(resolver, 0, 1), "host1");
	/* Nobody asks again, and no child is left. */
	before = drive_now().ns;
	cmd_resolver_learn(resolver, rows, 9);
	assert_true(drive_now().ns - before < INT64_C(1000000000));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	cmd_resolver_close(resolver);
}

/* After some waits for nothing, rows are shown without. */
static void many_dead_are_not_waited_for(void **state)
{
	struct cmd_resolver *resolver = cmd_resolver_open();
	int64_t before = drive_now().ns;

	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		struct view_row row = row_of(2, i);

		cmd_resolver_learn(resolver, &row, 1);
	}
	assert_true(drive_now().ns - before < INT64_C(10000000000));
	*asked = 0;
	for (uint8_t i = 0; i < 20; i++) {
		struct view_row row = row_of(0, i);

		cmd_resolver_learn(resolver, &row, 1);
	}
	assert_int_equal(*asked, 0);
	cmd_resolver_close(resolver);
}

static void nothing_is_needed(void **state)
{
	struct cmd_resolver *resolver = cmd_resolver_open();

	(void)state;
	cmd_resolver_learn(resolver, NULL, 0);
	assert_string_equal(name_of(resolver, 0, 1), "none");
	cmd_resolver_close(resolver);
	cmd_resolver_close(NULL);
}

static void names_have_addresses(void **state)
{
	struct minato_addr addrs[4];
	const struct minato_addr wanted = minato_addr4(127, 0, 0, 1);

	(void)state;
	assert_int_equal(cmd_resolve_name("127.0.0.1", 0, addrs, 4), 1);
	assert_true(minato_addr_equal(&addrs[0], &wanted));
	assert_true(cmd_resolve_name("127.0.0.1", 6, addrs, 4) < 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_is_asked_for_once),
		cmocka_unit_test(the_dead_hold_nobody_up_for_long),
		cmocka_unit_test(many_dead_are_not_waited_for),
		cmocka_unit_test(nothing_is_needed),
		cmocka_unit_test(names_have_addresses),
	};

	asked = mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	return asked == MAP_FAILED || cmocka_run_group_tests(tests, NULL, NULL);
}
