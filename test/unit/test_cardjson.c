/* SPDX-License-Identifier: BSD-2-Clause */
/* Cards for programs. */
#include <stdio.h>
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
	return cardsfile_open(&cards, "");
}

static int teardown(void **state)
{
	(void)state;
	cmd_cards_close(&cards);
	return 0;
}

static json_t *read_back(const char *words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *document;

	assert_non_null(out);
	cardsfile_find(&cards, words);
	assert_int_equal(cmd_cards_json(out, &cards), 0);
	fclose(out);
	document = json_loads(text, 0, NULL);
	assert_non_null(document);
	free(text);
	return document;
}

static const char *string(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static void all_members(void **state)
{
	json_t *document = read_back("80");
	const json_t *list = json_object_get(document, "services");
	const json_t *one = json_array_get(list, 0);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(document, "v")), VIEW_JSON_VERSION);
	assert_string_equal(string(json_object_get(document, "registry"), "date"),
			    minato_service_date());
	assert_int_equal(json_array_size(list), 3);
	assert_int_equal(json_integer_value(json_object_get(one, "port")), 80);
	assert_string_equal(string(one, "protocol"), "tcp");
	assert_string_equal(string(one, "name"), "http");
	assert_int_equal(json_array_size(json_object_get(one, "aliases")), 2);
	assert_string_equal(string(one, "description"), "World Wide Web HTTP");
	assert_string_equal(string(one, "kind"), "system");
	assert_string_equal(string(one, "state"), "assigned");
	assert_true(json_is_true(json_object_get(one, "privileged")));
	assert_true(json_is_false(json_object_get(one, "browser_refused")));
	assert_true(json_is_false(json_object_get(one, "ephemeral_here")));
	assert_true(json_is_false(json_object_get(one, "reserved_here")));
	assert_true(json_is_string(json_object_get(one, "risk")));
	assert_int_equal(json_array_size(json_object_get(one, "holders")), 0);
	json_decref(document);
}

static void what_is_not_there_is_null(void **state)
{
	json_t *document = read_back("40002/udp");
	const json_t *one = json_array_get(json_object_get(document, "services"), 0);

	(void)state;
	assert_true(json_is_null(json_object_get(one, "name")));
	assert_true(json_is_null(json_object_get(one, "description")));
	assert_true(json_is_null(json_object_get(one, "risk")));
	assert_string_equal(string(one, "state"), "unassigned");
	assert_true(json_is_true(json_object_get(one, "ephemeral_here")));
	json_decref(document);
}

static void holders(void **state)
{
	struct cmd_holder holder = {
		.port = 8080,
		.proto = MINATO_TCP,
		.local = { minato_addr4(127, 0, 0, 1), 8080 },
		.count = 2,
		.uid = 1000,
		.processes = 1,
		.process = { .pid = 12, .uid = 1000, .program = "a\xff", .group = "docker:0123" },
		.published = "web",
		.guest_port = 80,
	};
	json_t *object = cmd_holder_json(&holder);

	(void)state;
	assert_non_null(object);
	assert_true(json_is_null(json_object_get(object, "guest")));
	assert_string_equal(string(object, "hold"), "listener");
	assert_string_equal(string(json_object_get(object, "local"), "address"), "127.0.0.1");
	assert_true(json_is_null(json_object_get(object, "peer")));
	assert_int_equal(json_integer_value(json_object_get(object, "count")), 2);
	assert_string_equal(string(json_object_get(object, "process"), "program"), "a?");
	assert_string_equal(string(json_object_get(object, "process"), "group"), "docker:0123");
	assert_string_equal(string(object, "published_for"), "web");
	assert_int_equal(json_integer_value(json_object_get(object, "guest_port")), 80);
	json_decref(object);
	holder.process.pid = 0;
	holder.published[0] = 0;
	object = cmd_holder_json(&holder);
	assert_true(json_is_null(json_object_get(object, "process")));
	assert_true(json_is_null(json_object_get(object, "guest_port")));
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_members),
		cmocka_unit_test(what_is_not_there_is_null),
		cmocka_unit_test(holders),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
