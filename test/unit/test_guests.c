/* SPDX-License-Identifier: BSD-2-Clause */
/* What a running guest says of itself, read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "cmd/cmd.h"

static json_t *sample(void)
{
	return json_pack("{s:s,s:i,s:i,s:i,s:i,s:i,s:s,s:s,s:[s,s,s],s:[{s:i,s:{s:s,s:i,s:i},"
			 "s:{s:s,s:i,s:i}}]}",
			 "name", "web", "pid", 42, "init", 43, "uid", 1000, "started", 1700000000,
			 "uptime_ms", 1500, "address4", "10.0.2.100", "address6", "fd00::64",
			 "command", "python3", "-m", "http.server", "published", "proto",
			 MINATO_TCP, "host", "address", "::", "port", 8080, "last", 8089, "guest",
			 "address", "10.0.2.100", "port", 80, "last", 89);
}

static void an_answer_is_read(void **state)
{
	json_t *reply = sample();
	struct cmd_guest guest;

	(void)state;
	assert_non_null(reply);
	assert_int_equal(cmd_guest_read(&guest, reply), 0);
	json_decref(reply);
	assert_string_equal(guest.view.name, "web");
	assert_int_equal(guest.view.pid, 42);
	assert_int_equal(guest.view.init, 43);
	assert_int_equal(guest.view.uid, 1000);
	assert_int_equal(guest.view.started_s, 1700000000);
	assert_int_equal(guest.view.up_ms, 1500);
	assert_true(guest.view.has4 && guest.view.has6);
	assert_string_equal(guest.view.command, "python3 -m http.server");
	cmd_guest_free(&guest);
}

static void published_ports_are_read(void **state)
{
	json_t *reply = sample();
	struct cmd_guest guest;
	char word[VIEW_WORD_SIZE];

	(void)state;
	assert_int_equal(cmd_guest_read(&guest, reply), 0);
	json_decref(reply);
	assert_int_equal(guest.view.port_count, 1);
	assert_string_equal(view_ports_word(word, sizeof(word), guest.view.ports, 1),
			    "8080-8089->80-89/tcp");
	cmd_guest_free(&guest);
}

/* Reads an answer one member of which is another. */
static int read_with(const char *name, json_t *value)
{
	json_t *reply = sample();
	struct cmd_guest guest;
	int result;

	json_object_set_new(reply, name, value);
	result = cmd_guest_read(&guest, reply);
	cmd_guest_free(&guest);
	json_decref(reply);
	return result;
}

static void a_name_that_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_with("name", json_string("../x")), -EPROTO);
	assert_int_equal(read_with("name", json_integer(1)), -EPROTO);
	assert_int_equal(read_with("name", json_string("")), -EPROTO);
}

static void a_port_that_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_int_equal(read_with("published", json_pack("[i]", 80)), -EPROTO);
	assert_int_equal(read_with("published", json_pack("[{s:i}]", "proto", 6)), -EPROTO);
}

static void what_is_missing_is_empty(void **state)
{
	json_t *reply = json_pack("{s:s}", "name", "web");
	struct cmd_guest guest;

	(void)state;
	assert_int_equal(cmd_guest_read(&guest, reply), 0);
	json_decref(reply);
	assert_false(guest.view.has4 || guest.view.has6);
	assert_int_equal(guest.view.port_count, 0);
	assert_string_equal(guest.view.command, "");
	cmd_guest_free(&guest);
}

static void words_that_are_no_text_are_marked(void **state)
{
	json_t *reply = sample();
	struct cmd_guest guest;

	(void)state;
	json_object_set_new(reply, "command", json_pack("[s,i,i,i,s]", "a", 1, 2, 3, "b"));
	assert_int_equal(cmd_guest_read(&guest, reply), 0);
	json_decref(reply);
	assert_string_equal(guest.view.command, "a ? ? ? b");
	cmd_guest_free(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read),
		cmocka_unit_test(published_ports_are_read),
		cmocka_unit_test(a_name_that_cannot_be_is_refused),
		cmocka_unit_test(a_port_that_cannot_be_is_refused),
		cmocka_unit_test(what_is_missing_is_empty),
		cmocka_unit_test(words_that_are_no_text_are_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
