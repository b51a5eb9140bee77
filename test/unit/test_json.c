/* SPDX-License-Identifier: BSD-2-Clause */
/* The view for programs: documents that parse, with the members the manual names. */
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

static const struct view_owner dig = { "dig", 9, 5 };

static struct view_row sample(void)
{
	return (struct view_row){
		.guest = "web",
		.proto = MINATO_UDP,
		.kind = "out",
		.state = "ESTAB",
		.recv_queue = 1,
		.send_queue = 2,
		.local = end_of("fd00::64", 40000),
		.peer = end_of("2001:db8::1", 53),
		.bytes_in = UINT64_C(1) << 40,
		.age_ms = 12,
		.owners = &dig,
		.owner_count = 1,
	};
}

static json_t *document(const struct view_row *rows, size_t count)
{
	struct view_look look = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	json_t *parsed;

	assert_int_equal(view_rows(&view_json, out, rows, count, &look), 0);
	fclose(out);
	parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	assert_non_null(parsed);
	return parsed;
}

static const json_t *first_row(const json_t *parsed)
{
	return json_array_get(json_object_get(parsed, "rows"), 0);
}

static const char *text_of(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static json_int_t number_of(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static void every_document_has_a_version(void **state)
{
	json_t *parsed = document(NULL, 0);

	(void)state;
	assert_int_equal(number_of(parsed, "v"), VIEW_JSON_VERSION);
	assert_int_equal(json_array_size(json_object_get(parsed, "rows")), 0);
	json_decref(parsed);
}

static void a_row_has_its_members(void **state)
{
	struct view_row row = sample();
	json_t *parsed = document(&row, 1);
	const json_t *object = first_row(parsed);
	const json_t *owner = json_array_get(json_object_get(object, "process"), 0);

	(void)state;
	assert_string_equal(text_of(object, "guest"), "web");
	assert_string_equal(text_of(object, "netid"), "udp");
	assert_string_equal(text_of(object, "kind"), "out");
	assert_string_equal(text_of(object, "state"), "ESTAB");
	assert_true(json_is_false(json_object_get(object, "listening")));
	assert_int_equal(number_of(object, "recv_q"), 1);
	assert_int_equal(number_of(object, "send_q"), 2);
	assert_int_equal(number_of(object, "bytes_in"), INT64_C(1) << 40);
	assert_int_equal(number_of(object, "age_ms"), 12);
	assert_string_equal(text_of(json_object_get(object, "local"), "address"), "fd00::64");
	assert_int_equal(number_of(json_object_get(object, "peer"), "port"), 53);
	assert_string_equal(text_of(owner, "name"), "dig");
	assert_int_equal(number_of(owner, "pid"), 9);
	assert_int_equal(number_of(owner, "fd"), 5);
	json_decref(parsed);
}

static void what_is_not_known_is_absent_or_null(void **state)
{
	struct view_row row = sample();
	const json_t *object;
	json_t *parsed;

	(void)state;
	row.age_ms = -1;
	parsed = document(&row, 1);
	object = first_row(parsed);
	assert_true(json_is_null(json_object_get(object, "age_ms")));
	assert_null(json_object_get(object, "inode"));
	assert_null(json_object_get(object, "outside"));
	json_decref(parsed);
}

static void wildcards_are_null(void **state)
{
	struct view_row row = sample();
	const json_t *local;
	json_t *parsed;

	(void)state;
	row.local = (struct view_end){ .last = 65535 };
	parsed = document(&row, 1);
	local = json_object_get(first_row(parsed), "local");
	assert_true(json_is_null(json_object_get(local, "address")));
	assert_true(json_is_null(json_object_get(local, "port")));
	json_decref(parsed);
}

static void runs_and_networks_have_more_members(void **state)
{
	struct view_row row = sample();
	const json_t *local;
	json_t *parsed;

	(void)state;
	row.local = end_of("10.0.0.0", 8000);
	row.local.last = 8009;
	row.local.prefix = 104;
	parsed = document(&row, 1);
	local = json_object_get(first_row(parsed), "local");
	assert_int_equal(number_of(local, "port"), 8000);
	assert_int_equal(number_of(local, "port_last"), 8009);
	assert_int_equal(number_of(local, "prefix"), 8);
	json_decref(parsed);
}

static void many_rows_are_one_document(void **state)
{
	struct view_row rows[100];
	json_t *parsed;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		rows[i] = sample();
	parsed = document(rows, 100);
	assert_int_equal(json_array_size(json_object_get(parsed, "rows")), 100);
	json_decref(parsed);
}

static void names_that_are_no_utf8_do_not_break_it(void **state)
{
	const struct view_owner odd = { "a\x80\"\\b", 9, 5 };
	struct view_row row = sample();
	const json_t *owner;
	json_t *parsed;

	(void)state;
	row.owners = &odd;
	parsed = document(&row, 1);
	owner = json_array_get(json_object_get(first_row(parsed), "process"), 0);
	assert_string_equal(text_of(owner, "name"), "a?\"\\b");
	json_decref(parsed);
}

/* The letters of it stay, of any length; the rest is of no form, too long a form or cut. */
static void letters_stay(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "\xe6\xb8\xaf\xf0\x9f\x9a\xa2\xc3\xa9", "\xe6\xb8\xaf\xf0\x9f\x9a\xa2\xc3\xa9" },
		{ "\xe6\xb8\xaf\xe6\xb8", "\xe6\xb8\xaf??" },
		{ "\xe6\xb8...\xc3\xa9", "??...\xc3\xa9" },
		{ "\xc3", "?" },
		{ "\xc0\xaf", "??" },
		{ "\xe0\x80\xaf", "???" },
		{ "\xed\xa0\x80", "???" },
		{ "\xf0\x80\x80\xaf", "????" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xf0\x9f\x9a", "???" },
		{ "\xff\xc3\xa9\xfe", "?\xc3\xa9?" },
	};
	char text[5000];
	json_t *string;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		string = view_json_string(cases[i].text);
		assert_string_equal(json_string_value(string), cases[i].want);
		json_decref(string);
	}
	memset(text, 'a', sizeof(text));
	text[0] = (char)0x80;
	text[sizeof(text) - 1] = '\0';
	string = view_json_string(text);
	assert_int_equal(json_string_length(string), sizeof(text) - 1);
	json_decref(string);
}

static void guests_have_their_members(void **state)
{
	struct view_port port = {
		MINATO_TCP, end_of("::", 8080), end_of("10.0.2.100", 80), "", false, 0, ""
	};
	struct view_guest guest = { .name = "web",
				    .pid = 42,
				    .worker = 44,
				    .init = 43,
				    .uid = 1000,
				    .up_ms = 5,
				    .started_s = 1700000000,
				    .has4 = true,
				    .ports = &port,
				    .port_count = 1,
				    .wall_out = true,
				    .shut = true,
				    .rules = 3,
				    .command = "sleep \xe6\xb8\xaf" };
	struct view_look look = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	const json_t *object;
	json_t *parsed;

	(void)state;
	guest.addr4 = minato_addr4(10, 0, 2, 100);
	assert_int_equal(view_json.guests(out, &guest, 1, &look), 0);
	fclose(out);
	parsed = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(parsed);
	object = json_array_get(json_object_get(parsed, "guests"), 0);
	assert_int_equal(number_of(parsed, "v"), VIEW_JSON_VERSION);
	assert_string_equal(text_of(object, "name"), "web");
	assert_int_equal(number_of(object, "pid"), 42);
	assert_int_equal(number_of(object, "worker"), 44);
	assert_int_equal(number_of(object, "init"), 43);
	assert_int_equal(number_of(object, "uid"), 1000);
	assert_int_equal(number_of(object, "started"), 1700000000);
	assert_int_equal(number_of(object, "uptime_ms"), 5);
	assert_string_equal(text_of(object, "command"), "sleep \xe6\xb8\xaf");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(object, "addresses"), 0)),
		"10.0.2.100");
	assert_true(json_is_false(json_object_get(json_object_get(object, "wall"), "in")));
	assert_true(json_is_true(json_object_get(json_object_get(object, "wall"), "out")));
	assert_true(json_is_true(json_object_get(json_object_get(object, "wall"), "shut")));
	assert_int_equal(number_of(json_object_get(object, "wall"), "rules"), 3);
	object = json_array_get(json_object_get(object, "ports"), 0);
	assert_string_equal(text_of(object, "netid"), "tcp");
	assert_int_equal(number_of(json_object_get(object, "host"), "port"), 8080);
	assert_int_equal(number_of(json_object_get(object, "guest"), "port"), 80);
	json_decref(parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_document_has_a_version),
		cmocka_unit_test(a_row_has_its_members),
		cmocka_unit_test(what_is_not_known_is_absent_or_null),
		cmocka_unit_test(wildcards_are_null),
		cmocka_unit_test(runs_and_networks_have_more_members),
		cmocka_unit_test(many_rows_are_one_document),
		cmocka_unit_test(names_that_are_no_utf8_do_not_break_it),
		cmocka_unit_test(letters_stay),
		cmocka_unit_test(guests_have_their_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
