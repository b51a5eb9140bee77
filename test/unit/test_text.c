/* SPDX-License-Identifier: BSD-2-Clause */
/* The view for people: ss's columns and ps's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "view/view.h"

static struct view_end end_of(const char *text, uint16_t port)
{
	struct minato_endpoint one = { .port = port };

	assert_int_equal(minato_addr_parse(text, &one.addr), 0);
	return view_end_of(&one);
}

static const struct view_owner curl = { "curl", 12, 3 };

static struct view_row established(void)
{
	return (struct view_row){
		.guest = "web",
		.proto = MINATO_TCP,
		.kind = "out",
		.state = "ESTAB",
		.recv_queue = 0,
		.send_queue = 36,
		.local = end_of("10.0.2.100", 40000),
		.peer = end_of("93.184.216.34", 443),
		.age_ms = 61000,
		.bytes_in = 5,
		.bytes_out = 6,
		.hits = 7,
		.owners = &curl,
		.owner_count = 1,
		.uid = 1000,
		.inode = 4711,
	};
}

static struct view_row published(void)
{
	struct view_row row = {
		.guest = "web",
		.proto = MINATO_TCP,
		.kind = "published",
		.state = "LISTEN",
		.listening = true,
		.local = end_of("::", 8080),
		.peer = end_of("10.0.2.100", 80),
		.age_ms = -1,
	};

	return row;
}

static char *drawn(const struct view_row *rows, size_t count, const struct view_look *look)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(view_rows(&view_text, out, rows, count, look), 0);
	fclose(out);
	return text;
}

static void assert_drawn(const struct view_row *rows, size_t count, const struct view_look *look,
			 const char *expected)
{
	char *text = drawn(rows, count, look);

	assert_string_equal(text, expected);
	free(text);
}

static void the_heading_is_that_of_ss(void **state)
{
	struct view_look look = { .header = true };

	(void)state;
	assert_drawn(NULL, 0, &look,
		     "Netid State Recv-Q Send-Q Local Address:Port Peer Address:Port Kind Guest "
		     "Process\n");
}

static void rows_stand_under_their_heading(void **state)
{
	struct view_row rows[] = { published(), established() };
	struct view_look look = { .header = true };

	(void)state;
	assert_drawn(rows, 2, &look,
		     "Netid State  Recv-Q Send-Q Local Address:Port   Peer Address:Port Kind      "
		     "Guest Process\n"
		     "tcp   LISTEN 0      0                  *:8080     10.0.2.100:80   published "
		     "web\n"
		     "tcp   ESTAB  0      36        10.0.2.100:40000 93.184.216.34:443  out       "
		     "web\n");
}

static void processes_are_shown_when_asked_for(void **state)
{
	struct view_row row = established();
	struct view_look look = { .processes = true };

	(void)state;
	assert_drawn(&row, 1, &look,
		     "tcp ESTAB 0 36 10.0.2.100:40000 93.184.216.34:443 out web "
		     "users:((\"curl\",pid=12,fd=3))\n");
}

static void extended_adds_words(void **state)
{
	struct view_row row = established();
	struct view_look look = { .extended = true };

	(void)state;
	row.outside.addr = minato_addr4(192, 0, 2, 9);
	row.outside.port = 50001;
	row.wall = "late";
	assert_drawn(&row, 1, &look,
		     "tcp ESTAB 0 36 10.0.2.100:40000 93.184.216.34:443 out web age:1m01s "
		     "bytes_in:5 bytes_out:6 hits:7 outside:192.0.2.9:50001 wall:late "
		     "uid:1000 ino:4711\n");
}

static void a_narrow_terminal_folds_the_process(void **state)
{
	struct view_row row = established();
	struct view_look look = { .processes = true, .width = 70 };

	(void)state;
	assert_drawn(&row, 1, &look,
		     "tcp ESTAB 0 36 10.0.2.100:40000 93.184.216.34:443 out web\n"
		     "\tusers:((\"curl\",pid=12,fd=3))\n");
}

static const char *one_name(void *user, const struct minato_addr *addr)
{
	(void)addr;
	return user;
}

static void hosts_can_have_names(void **state)
{
	static char name[] = "example.org";
	struct view_row row = established();
	struct view_look look = { .host = one_name, .host_user = name };

	(void)state;
	assert_drawn(&row, 1, &look, "tcp ESTAB 0 36 example.org:40000 example.org:443 out web\n");
}

static void states_have_colours_on_a_terminal(void **state)
{
	struct view_row row = established();
	struct view_look look = { .colour = true, .width = 100 };
	char *text = drawn(&row, 1, &look);

	(void)state;
	assert_non_null(strstr(text, "\033[32mESTAB\033[0m"));
	free(text);
}

static void the_process_of_a_guest_cannot_draw(void **state)
{
	const struct view_owner evil = { "\033]0;evil\007", 12, 3 };
	struct view_row row = established();
	struct view_look look = { .processes = true };
	char *text;

	(void)state;
	row.owners = &evil;
	text = drawn(&row, 1, &look);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\007'));
	free(text);
}

static void guests_stand_in_a_table(void **state)
{
	struct view_port port = {
		MINATO_TCP, end_of("::", 8080), end_of("10.0.2.100", 80), "", false, 0, ""
	};
	struct view_guest guests[] = {
		{ .name = "web",
		  .pid = 4242,
		  .up_ms = 3000,
		  .has4 = true,
		  .ports = &port,
		  .port_count = 1,
		  .wall_in = true,
		  .wall_out = true,
		  .command = "python3 -m http.server" },
		{ .name = "db",
		  .pid = 7,
		  .up_ms = -1,
		  .has6 = true,
		  .wall_out = true,
		  .command = "sleep 600" },
	};
	struct view_look look = { .header = true };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	guests[0].addr4 = minato_addr4(10, 0, 2, 100);
	minato_addr_parse("fd00::64", &guests[1].addr6);
	assert_int_equal(view_text.guests(out, guests, 2, &look), 0);
	fclose(out);
	assert_string_equal(text, "NAME PID  UPTIME ADDRESS    WALL   PORTS        COMMAND\n"
				  "web  4242 3s     10.0.2.100 in,out 8080->80/tcp python3 -m "
				  "http.server\n"
				  "db   7    -      fd00::64   out    -            sleep 600\n");
	free(text);
}

static void a_long_command_is_cut_on_a_terminal(void **state)
{
	struct view_guest guest = { .name = "a", .pid = 1, .up_ms = 0, .command = "0123456789" };
	struct view_look look = { .width = 20 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_int_equal(view_text.guests(out, &guest, 1, &look), 0);
	fclose(out);
	assert_string_equal(text, "a 1 0s  - - 01234567\n");
	free(text);
}

static void what_tcp_knows_stands_below(void **state)
{
	const struct view_tcp tcp = { .snd_mss = 1448, .snd_ssthresh = UINT32_MAX };
	const struct view_tcp own = { .snd_mss = 1460, .snd_ssthresh = UINT32_MAX };
	const struct view_memory memory = { .receive_used = 1 };
	struct view_row row = established();
	struct view_look look = { .tcp = true, .memory = true };
	char *text;

	(void)state;
	row.tcp = &tcp;
	row.own_tcp = &own;
	row.memory = &memory;
	text = drawn(&row, 1, &look);
	assert_non_null(strstr(text, "\n\tskmem:(r1,"));
	assert_non_null(strstr(text, ") mss:1448 minato:(mss:1460)\n"));
	free(text);
	look.tcp = look.memory = false;
	text = drawn(&row, 1, &look);
	assert_null(strstr(text, "mss:"));
	free(text);
}

static void columns_that_say_nothing_new_are_left_out(void **state)
{
	struct view_row row = established();
	struct view_look look = { .one_protocol = true, .one_state = true, .host_only = true };
	char *text;

	(void)state;
	text = drawn(&row, 1, &look);
	assert_string_equal(text, "0 36 10.0.2.100:40000 93.184.216.34:443\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_tcp_knows_stands_below),
		cmocka_unit_test(columns_that_say_nothing_new_are_left_out),
		cmocka_unit_test(the_heading_is_that_of_ss),
		cmocka_unit_test(rows_stand_under_their_heading),
		cmocka_unit_test(processes_are_shown_when_asked_for),
		cmocka_unit_test(extended_adds_words),
		cmocka_unit_test(a_narrow_terminal_folds_the_process),
		cmocka_unit_test(hosts_can_have_names),
		cmocka_unit_test(states_have_colours_on_a_terminal),
		cmocka_unit_test(the_process_of_a_guest_cannot_draw),
		cmocka_unit_test(guests_stand_in_a_table),
		cmocka_unit_test(a_long_command_is_cut_on_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
