/* SPDX-License-Identifier: BSD-2-Clause */
/* The view of netstat, letter by letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/view.h"

static struct view_end end_of(const char *text, uint16_t port)
{
	struct minato_endpoint one = { .port = port };

	assert_int_equal(minato_addr_parse(text, &one.addr), 0);
	return view_end_of(&one);
}

static const struct view_owner owners[] = { { "later", 4000, 3 }, { "curl", 12, 3 } };

static struct view_row row_of(const char *state, const char *local, uint16_t port, const char *peer,
			      uint16_t peer_port)
{
	struct view_row row = { .proto = MINATO_TCP, .kind = "host", .state = state };

	row.local = end_of(local, port);
	row.peer = end_of(peer, peer_port);
	return row;
}

static void assert_line(const struct view_row *row, const struct view_look *look,
			const char *wanted)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(view_rows(&view_netstat, out, row, 1, look), 0);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static const struct view_look plain = { 0 };

static void ends_are_written_as_netstat_does(void **state)
{
	struct view_row row = row_of("ESTAB", "127.0.0.1", 22, "127.0.0.2", 40000);

	(void)state;
	row.send_queue = 36;
	assert_line(&row, &plain,
		    "tcp        0     36 127.0.0.1:22            "
		    "127.0.0.2:40000         ESTABLISHED\n");
	row.is6 = true;
	assert_line(&row, &plain,
		    "tcp6       0     36 127.0.0.1:22            "
		    "127.0.0.2:40000         ESTABLISHED\n");
	row = row_of("LISTEN", "0.0.0.0", 22, "0.0.0.0", 0);
	assert_line(&row, &plain,
		    "tcp        0      0 0.0.0.0:22              "
		    "0.0.0.0:*               LISTEN     \n");
	row.peer = end_of("::", 0);
	assert_line(&row, &plain,
		    "tcp        0      0 0.0.0.0:22              "
		    "0.0.0.0:*               LISTEN     \n");
	row = row_of("LISTEN", "::", 22, "::", 0);
	assert_line(&row, &plain,
		    "tcp6       0      0 :::22                   "
		    ":::*                    LISTEN     \n");
	row = row_of("UNCONN", "::1", 53, "::", 0);
	row.proto = MINATO_UDP;
	assert_line(&row, &plain,
		    "udp6       0      0 ::1:53                  "
		    ":::*                               \n");
	row = row_of("FIN-WAIT-1", "::1", 53, "::1", 1);
	assert_line(&row, &plain,
		    "tcp6       0      0 ::1:53                  "
		    "::1:1                   FIN_WAIT1  \n");
}

static void long_addresses_are_cut_but_not_ports(void **state)
{
	const char *address = "fd00:1234:5678:9abc:def0:1234:5678:9abc";
	struct view_row row = row_of("LISTEN", address, 12206, "::", 0);
	struct view_look look = { .wide = true };

	(void)state;
	assert_line(&row, &plain,
		    "tcp6       0      0 fd00:1234:5678:9a:12206 "
		    ":::*                    LISTEN     \n");
	assert_line(&row, &look,
		    "tcp6       0      0 fd00:1234:5678:9abc:def0:1234:5678:9abc:12206 "
		    ":::*                    LISTEN     \n");
}

/* Names from a host's file can be longer than the column. */
static void long_names_of_ports_leave_something_of_the_address(void **state)
{
	static const char text[] = "a-name-as-long-as-nobody-should-choose 4711/tcp";
	struct view_row row = row_of("LISTEN", "127.0.0.1", 4711, "0.0.0.0", 0);
	size_t size = minato_services_size(text, strlen(text));
	void *memory = malloc(size);
	struct minato_services *services;
	struct view_look look = { 0 };

	(void)state;
	assert_int_equal(minato_services_create(memory, size, text, strlen(text), &services), 0);
	look.services = services;
	assert_line(&row, &look,
		    "tcp        0      0 127.:a-name-as-long-as- "
		    "0.0.0.0:*               LISTEN     \n");
	free(memory);
}

static const char *user_there(void *user, uint32_t uid)
{
	(void)user;
	return uid == 1000 ? "marta" : NULL;
}

static const char *host_there(void *user, const struct minato_addr *addr)
{
	(void)user;
	(void)addr;
	return "a\033[2J";
}

static void more_columns_come_with_flags(void **state)
{
	struct view_row row = row_of("ESTAB", "127.0.0.1", 22, "127.0.0.2", 40000);
	struct view_look look = { .extended = true, .processes = true, .user = user_there };

	(void)state;
	row.uid = 1000;
	row.inode = 4711;
	row.owners = owners;
	row.owner_count = 2;
	assert_line(
		&row, &look,
		"tcp        0      0 127.0.0.1:22            127.0.0.2:40000         ESTABLISHED "
		"marta      4711       12/curl             \n");
	row.uid = 1001;
	row.owner_count = 0;
	assert_line(
		&row, &look,
		"tcp        0      0 127.0.0.1:22            127.0.0.2:40000         ESTABLISHED "
		"1001       4711       -                   \n");
}

/* Names are a guest's or a process's own, and netstat has 19 characters for one. */
static void names_are_cut_and_disarmed(void **state)
{
	static const struct view_owner owner = { "a-\033[31m-name-that-is-long", 12345, 3 };
	struct view_row row = row_of("ESTAB", "127.0.0.1", 22, "127.0.0.2", 40000);
	struct view_look look = { .processes = true, .host = host_there };

	(void)state;
	row.owners = &owner;
	row.owner_count = 1;
	assert_line(
		&row, &look,
		"tcp        0      0 a?[2J:22                a?[2J:40000             ESTABLISHED "
		"12345/a-?[31m-name- \n");
}

/* How many connections may wait is what ss says there. */
static void a_listener_has_nothing_to_send(void **state)
{
	struct view_row row = row_of("LISTEN", "127.0.0.1", 22, "0.0.0.0", 0);

	(void)state;
	row.recv_queue = 1;
	row.send_queue = 128;
	assert_line(&row, &plain,
		    "tcp        1      0 127.0.0.1:22            "
		    "0.0.0.0:*               LISTEN     \n");
}

static void timers_come_last(void **state)
{
	struct view_row row = row_of("ESTAB", "127.0.0.1", 22, "127.0.0.2", 40000);
	struct view_look look = { .timers = true };
	static const struct {
		const char *timer, *wanted;
	} cases[] = {
		{ NULL, "off (0.00/0/0)" },
		{ "on", "on (7198.71/2/0)" },
		{ "keepalive", "keepalive (7198.71/0/2)" },
		{ "persist", "probe (7198.71/0/2)" },
		{ "timewait", "timewait (7198.71/2/0)" },
	};
	char wanted[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row.timer = cases[i].timer;
		row.timer_ms = row.timer ? 7198719 : 0;
		row.retransmits = row.timer ? 2 : 0;
		snprintf(wanted, sizeof(wanted),
			 "tcp        0      0 127.0.0.1:22            127.0.0.2:40000         "
			 "ESTABLISHED %s\n",
			 cases[i].wanted);
		assert_line(&row, &look, wanted);
	}
}

/* What a guest has must not look like the host's. */
static void rows_of_a_guest_say_so(void **state)
{
	struct view_row row = row_of("LISTEN", "0.0.0.0", 80, "0.0.0.0", 0);
	struct view_look look = { .header = true };

	(void)state;
	snprintf(row.guest, sizeof(row.guest), "web");
	assert_line(
		&row, &look,
		"Active Internet connections ()\n"
		"Proto Recv-Q Send-Q Local Address           Foreign Address         State       "
		"Guest\n"
		"tcp        0      0 0.0.0.0:80              0.0.0.0:*               LISTEN      "
		"web\n");
}

static void the_heading_says_which_rows(void **state)
{
	struct view_row guard = row_of("REFUSE", "127.0.0.1", 22, "127.0.0.2", 40000);
	struct view_look look = { .header = true,
				  .extended = true,
				  .processes = true,
				  .host_only = true };

	(void)state;
	look.title = "only servers";
	/* A guard is no socket: netstat has no such row. */
	assert_line(
		&guard, &look,
		"Active Internet connections (only servers)\n"
		"Proto Recv-Q Send-Q Local Address           Foreign Address         State       "
		"User       Inode      PID/Program name    \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_written_as_netstat_does),
		cmocka_unit_test(long_addresses_are_cut_but_not_ports),
		cmocka_unit_test(long_names_of_ports_leave_something_of_the_address),
		cmocka_unit_test(more_columns_come_with_flags),
		cmocka_unit_test(names_are_cut_and_disarmed),
		cmocka_unit_test(a_listener_has_nothing_to_send),
		cmocka_unit_test(timers_come_last),
		cmocka_unit_test(rows_of_a_guest_say_so),
		cmocka_unit_test(the_heading_says_which_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
