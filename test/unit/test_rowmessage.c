/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows in messages: there and back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "view/view.h"

static struct minato_row sample(void)
{
	struct minato_row row = {
		.kind = MINATO_KIND_FORWARD,
		.verdict = MINATO_PASS,
		.proto = MINATO_UDP,
		.ranged = true,
		.state = MINATO_CLOSED,
		.local_prefix = 96,
		.remote_prefix = 64,
		.first = 8000,
		.last = 8009,
		.recv_queue = 4000000000u,
		.send_queue = 1,
		.hits = 5,
		.bytes_in = UINT64_C(1) << 40,
		.bytes_out = 6,
		.since = { 77 },
		.owner = { 1000, 77, 1700000000, "nginx", "web" },
	};

	minato_addr_parse("0.0.0.0", &row.local.addr);
	minato_addr_parse("2001:db8::1", &row.remote.addr);
	minato_addr_parse("10.0.2.100", &row.target.addr);
	row.target.port = 80;
	row.remote.port = 65535;
	return row;
}

static void a_row_survives_the_way(void **state)
{
	struct minato_row row = sample();
	struct minato_row back;
	json_t *message = view_message_row(&row);

	(void)state;
	assert_non_null(message);
	assert_int_equal(view_message_row_read(&back, message), 0);
	json_decref(message);
	assert_int_equal(back.kind, row.kind);
	assert_int_equal(back.proto, row.proto);
	assert_int_equal(back.state, row.state);
	assert_memory_equal(&back.local, &row.local, sizeof(row.local));
	assert_memory_equal(&back.remote.addr, &row.remote.addr, sizeof(row.remote.addr));
	assert_int_equal(back.remote.port, 65535);
	assert_int_equal(back.target.port, 80);
	assert_int_equal(back.local_prefix, 96);
	assert_int_equal(back.remote_prefix, 64);
	assert_int_equal(back.first, 8000);
	assert_int_equal(back.last, 8009);
	assert_int_equal(back.recv_queue, 4000000000u);
	assert_int_equal(back.bytes_in, UINT64_C(1) << 40);
	assert_int_equal(back.since.ns, 77);
	assert_true(back.ranged);
	assert_memory_equal(&back.owner, &row.owner, sizeof(row.owner));
}

/* What only sessions have. */
static void a_session_survives_the_way(void **state)
{
	const struct minato_row row = {
		.kind = MINATO_KIND_SESSION,
		.proto = MINATO_TCP,
		.scope = 1,
		.ranged = true,
		.via = { { { 1, 2, 3 } }, 4711 },
	};
	struct minato_row got;
	json_t *message = view_message_row(&row);

	(void)state;
	assert_int_equal(view_message_row_read(&got, message), 0);
	assert_int_equal(got.scope, 1);
	assert_int_equal(got.via.port, 4711);
	assert_true(minato_addr_equal(&got.via.addr, &row.via.addr));
	json_object_set_new(message, "scope", json_integer(256));
	assert_int_equal(view_message_row_read(&got, message), -EINVAL);
	json_object_set_new(message, "scope", json_integer(0));
	json_object_del(message, "via");
	assert_int_equal(view_message_row_read(&got, message), -EINVAL);
	json_decref(message);
}

static void nobody_is_known_by_no_member(void **state)
{
	struct minato_row row = sample();
	struct minato_row back;
	json_t *message;

	(void)state;
	row.owner = (struct minato_owner){ .uid = MINATO_UID_NONE };
	message = view_message_row(&row);
	assert_null(json_object_get(message, "owner"));
	assert_int_equal(view_message_row_read(&back, message), 0);
	assert_int_equal(back.owner.uid, MINATO_UID_NONE);
	assert_int_equal(back.owner.pid, 0);
	json_object_set_new(message, "owner", json_pack("{s:i}", "pid", -1));
	assert_int_equal(view_message_row_read(&back, message), -EINVAL);
	json_decref(message);
}

/* Changes one member of a good message and reads it. */
static int read_with(const char *name, json_t *value)
{
	struct minato_row row = sample();
	struct minato_row back;
	json_t *message = view_message_row(&row);
	int result;

	json_object_set_new(message, name, value);
	result = view_message_row_read(&back, message);
	json_decref(message);
	return result;
}

static void numbers_out_of_bounds_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_with("first", json_integer(65536)), -EINVAL);
	assert_int_equal(read_with("first", json_integer(-1)), -EINVAL);
	assert_int_equal(read_with("local_prefix", json_integer(129)), -EINVAL);
	assert_int_equal(read_with("state", json_integer(12)), -EINVAL);
	assert_int_equal(read_with("verdict", json_integer(3)), -EINVAL);
	assert_int_equal(read_with("recv_queue", json_integer(INT64_C(1) << 32)), -EINVAL);
	assert_int_equal(read_with("hits", json_integer(-1)), -EINVAL);
}

static void members_of_another_type_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_with("first", json_string("80")), -EINVAL);
	assert_int_equal(read_with("kind", json_integer(1)), -EINVAL);
	assert_int_equal(read_with("kind", json_string("strange")), -EINVAL);
	assert_int_equal(read_with("local", json_string("0.0.0.0:80")), -EINVAL);
	assert_int_equal(read_with("remote", json_null()), -EINVAL);
}

static void unknown_members_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(read_with("new", json_true()), 0);
}

static void what_is_no_object_is_refused(void **state)
{
	struct minato_row row;
	json_t *list = json_array();

	(void)state;
	assert_int_equal(view_message_row_read(&row, list), -EINVAL);
	assert_int_equal(view_message_row_read(&row, NULL), -EINVAL);
	json_decref(list);
}

static void ends_are_refused_when_wrong(void **state)
{
	struct minato_endpoint end;
	json_t *message = json_pack("{s:s,s:i}", "address", "10.0.0.256", "port", 1);

	(void)state;
	assert_int_equal(view_message_end_read(&end, message), -EINVAL);
	json_object_set_new(message, "address", json_string("10.0.0.255"));
	assert_int_equal(view_message_end_read(&end, message), 0);
	json_object_set_new(message, "port", json_integer(65536));
	assert_int_equal(view_message_end_read(&end, message), -EINVAL);
	json_decref(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_survives_the_way),
		cmocka_unit_test(a_session_survives_the_way),
		cmocka_unit_test(nobody_is_known_by_no_member),
		cmocka_unit_test(numbers_out_of_bounds_are_refused),
		cmocka_unit_test(members_of_another_type_are_refused),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(ends_are_refused_when_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
