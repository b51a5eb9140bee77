/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest measures, read from its reply; nothing of it is believed unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "cmd/see/metrics.h"

static json_t *sample(void)
{
	json_t *reply =
		json_pack("{s:s,s:i,s:{s:i,s:i},s:{s:i},s:i,s:i,s:i,s:{s:[i,i,i],s:[i,i,i]},"
			  "s:[{s:s,s:i,s:i}],s:i,s:i,s:[i,i,i]}",
			  "name", "web", "started", 1700000000, "counters", "rx_frames", 5,
			  "drop_closed", 6, "tcp_states", "ESTABLISHED", 7, "udp_flows", 8,
			  "icmp_flows", 9, "other_flows", 3, "ports", "tcp", 1, 2, 3, "udp", 4, 5,
			  6, "rules", "rule", "8080/tcp", "bytes_in", 10, "bytes_out", 11,
			  "rules_standing", 1, "ports_resting", 12, "mappings", 13, 14, -1);

	assert_non_null(reply);
	return reply;
}

static void a_reply_is_read(void **state)
{
	struct view_measures measures = { .guest = "web" };
	struct cmd_measured measured;

	(void)state;
	assert_int_equal(cmd_measures_read(&measures, &measured, sample()), 0);
	assert_int_equal(measures.started_s, 1700000000);
	assert_int_equal(measures.counter_count, 2);
	assert_int_equal(measures.counters[0].value + measures.counters[1].value, 11);
	assert_int_equal(measures.tcp_states[MINATO_ESTABLISHED], 7);
	assert_int_equal(measures.udp_flows, 8);
	assert_int_equal(measures.icmp_flows, 9);
	assert_int_equal(measures.other_flows, 3);
	assert_int_equal(measures.ports[0][MINATO_PORT_DYNAMIC], 3);
	assert_int_equal(measures.ports[1][MINATO_PORT_SYSTEM], 4);
	assert_int_equal(measures.rule_count, 1);
	assert_string_equal(measures.rules[0].rule, "8080/tcp");
	assert_int_equal(measures.rules[0].bytes_out, 11);
	assert_int_equal(measures.rules_standing, 1);
	assert_int_equal(measures.ports_resting, 12);
	assert_true(measures.maps);
	assert_int_equal(measures.mappings[1], 14);
	assert_int_equal(measures.mappings[2], 0);
	cmd_measured_free(&measured);
}

static void refuse(json_t *reply)
{
	struct view_measures measures = { .guest = "web" };
	struct cmd_measured measured;

	assert_int_equal(cmd_measures_read(&measures, &measured, reply), -EPROTO);
	cmd_measured_free(&measured);
}

static void strange_replies_are_refused(void **state)
{
	json_t *reply = json_object();

	(void)state;
	refuse(reply);
	reply = sample();
	json_object_set_new(json_object_get(reply, "counters"), "a\"} 1\n", json_integer(1));
	refuse(reply);
	reply = sample();
	json_object_set_new(json_object_get(reply, "counters"), "accepts", json_string("1"));
	refuse(reply);
	reply = sample();
	json_array_append_new(json_object_get(reply, "rules"), json_integer(1));
	refuse(reply);
	reply = sample();
	while (json_array_size(json_object_get(reply, "rules")) <= VIEW_RULES_MAX)
		json_array_append_new(json_object_get(reply, "rules"),
				      json_pack("{s:s}", "rule", "80/tcp"));
	refuse(reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_read),
		cmocka_unit_test(strange_replies_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
