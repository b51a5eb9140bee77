/* SPDX-License-Identifier: BSD-2-Clause */
/* What a kernel knows of a socket, as members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "view/view.h"

static json_t *members_of(const struct view_row *row)
{
	json_t *object = json_object();

	view_json_socket(object, row);
	return object;
}

static json_int_t number_of(const json_t *object, const char *name)
{
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static void little_is_told_of_little(void **state)
{
	struct view_row row = { .local = { .addr = minato_addr4(10, 0, 0, 1) } };
	json_t *object = members_of(&row);

	(void)state;
	assert_int_equal(json_object_size(object), 2);
	assert_string_equal(json_string_value(json_object_get(object, "family")), "inet");
	assert_true(json_is_false(json_object_get(object, "autobound")));
	json_decref(object);
}

static void all_is_told_of_all(void **state)
{
	struct view_memory memory = { .receive_used = 1, .drops = 9 };
	struct view_tcp tcp = { .sack = true, .rtt_us = 30, .snd_wnd = 7, .has_bbr = true };
	struct view_row row = { .is6 = true,
				.v6only = true,
				.listening = true,
				.cookie = UINT64_MAX,
				.interface = 3,
				.interface_name = "e\xff",
				.mark = 4,
				.cgroup = 5,
				.cgroup_path = "/a",
				.timer = "on",
				.timer_ms = 200,
				.retransmits = 2,
				.has_shut = true,
				.shut = 2,
				.memory = &memory,
				.tcp = &tcp };
	json_t *object;
	const json_t *inner;

	(void)state;
	tcp.pacing_rate_max = UINT64_MAX;
	snprintf(tcp.congestion, sizeof(tcp.congestion), "bbr");
	object = members_of(&row);
	assert_string_equal(json_string_value(json_object_get(object, "family")), "inet6");
	assert_true(json_is_true(json_object_get(object, "v6only")));
	/* What is beyond JSON's integers is the most that they hold. */
	assert_int_equal(number_of(object, "cookie"), INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(object, "interface_name")), "e?");
	assert_int_equal(number_of(object, "mark"), 4);
	inner = json_object_get(object, "timer");
	assert_int_equal(number_of(inner, "ms"), 200);
	assert_int_equal(number_of(inner, "retransmits"), 2);
	inner = json_object_get(object, "closed");
	assert_true(json_is_false(json_object_get(inner, "reading")));
	assert_true(json_is_true(json_object_get(inner, "writing")));
	inner = json_object_get(object, "memory");
	assert_int_equal(number_of(inner, "receive_used"), 1);
	assert_int_equal(number_of(inner, "drops"), 9);
	inner = json_object_get(object, "tcp");
	assert_true(json_is_true(json_object_get(inner, "sack")));
	assert_int_equal(number_of(inner, "rtt_us"), 30);
	assert_int_equal(number_of(inner, "snd_wnd"), 7);
	assert_int_equal(number_of(inner, "pacing_rate_max"), INT64_MAX);
	assert_string_equal(json_string_value(json_object_get(inner, "congestion")), "bbr");
	assert_non_null(json_object_get(inner, "bbr"));
	json_decref(object);
}

static void what_is_told_is_read_again(void **state)
{
	struct view_tcp tcp = { .sack = true, .snd_wscale = 7, .rtt_us = UINT32_MAX };
	json_t *object;
	struct view_tcp again;

	(void)state;
	snprintf(tcp.congestion, sizeof(tcp.congestion), "cubic");
	tcp.bytes_sent = INT64_MAX;
	object = view_json_tcp(&tcp);
	assert_int_equal(view_json_tcp_read(&again, object), 0);
	assert_true(again.sack && !again.ecn && again.snd_wscale == 7);
	assert_true(again.rtt_us == UINT32_MAX && again.bytes_sent == INT64_MAX);
	assert_string_equal(again.congestion, "cubic");
	json_decref(object);
	assert_int_equal(view_json_tcp_read(&again, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(little_is_told_of_little),
		cmocka_unit_test(all_is_told_of_all),
		cmocka_unit_test(what_is_told_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
