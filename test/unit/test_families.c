/* SPDX-License-Identifier: BSD-2-Clause */
/* Which metrics there are: each counter in its family once, guests side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay/relay.h"
#include "view/view.h"

static char *text;

static void write_scene(const struct view_scene *scene, bool classic)
{
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_int_equal(view_scene_write(out, scene, classic), 0);
	fclose(out);
}

static unsigned count(const char *part)
{
	unsigned found = 0;

	for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
		found++;
	return found;
}

static void assert_once(const char *line)
{
	if (count(line) != 1)
		fail_msg("%u times: %s in:\n%s", count(line), line, text);
}

static void counters_have_families(void **state)
{
	static const struct view_counter counters[] = {
		{ "rx_frames", 1 },	    { "rx_bytes", 2 },	       { "tx_frames", 3 },
		{ "tx_bytes", 4 },	    { "delivered", 5 },	       { "drop_tcp_paws", 6 },
		{ "relay_dns_queries", 7 }, { "tap_bytes_in", 8 },     { "tap_out_blocked", 9 },
		{ "accepts", 10 },	    { "ports_exhausted", 11 },
	};
	const struct view_measures guest = {
		.guest = "web",
		.up = true,
		.started_s = 1700000000,
		.counters = counters,
		.counter_count = sizeof(counters) / sizeof(counters[0]),
	};
	const struct view_scene scene = { .version = "1", .guests = &guest, .guest_count = 1 };

	(void)state;
	write_scene(&scene, false);
	/* What the host value receives, the guest has sent. */
	assert_once("\nminato_link_frames_total{guest=\"web\",dir=\"out\"} 1\n");
	assert_once("\nminato_link_bytes_total{guest=\"web\",dir=\"out\"} 2\n");
	assert_once("\nminato_link_frames_total{guest=\"web\",dir=\"in\"} 3\n");
	assert_once("\nminato_link_bytes_total{guest=\"web\",dir=\"in\"} 4\n");
	assert_once("\nminato_drops_total{guest=\"web\",reason=\"tcp_paws\"} 6\n");
	assert_once("\nminato_relay_events_total{guest=\"web\",event=\"dns_queries\"} 7\n");
	assert_once("\nminato_link_events_total{guest=\"web\",event=\"out_blocked\"} 9\n");
	assert_once("\nminato_stack_events_total{guest=\"web\",event=\"accepts\"} 10\n");
	assert_once("\nminato_guest_start_time_seconds{guest=\"web\"} 1700000000\n");
	assert_once("\nminato_port_alloc_failures_total{guest=\"web\",reason=\"exhausted\"} 11\n");
	assert_int_equal(count("\"delivered\""), 0);
	assert_int_equal(count("\"bytes_in\""), 0);
	free(text);
}

/* Of all counters there are none is lost, and each is there once. */
static void every_counter_is_told(void **state)
{
	struct view_counter counters[512];
	struct view_measures guest = { .guest = "g", .up = true, .counters = counters };
	const struct view_scene scene = { .version = "1", .guests = &guest, .guest_count = 1 };
	char value[32];

	(void)state;
	for (uint32_t i = 0; i < minato_counter_count(); i++)
		counters[guest.counter_count++].name = minato_counter_name(i);
	for (unsigned i = 0; i < RELAY_COUNTER_COUNT; i++)
		counters[guest.counter_count++].name = relay_counter_name(i);
	assert_true(guest.counter_count < sizeof(counters) / sizeof(counters[0]));
	for (size_t i = 0; i < guest.counter_count; i++)
		counters[i].value = 700000 + i;
	write_scene(&scene, true);
	for (size_t i = 0; i < guest.counter_count; i++) {
		snprintf(value, sizeof(value), "\"} %zu\n", 700000 + i);
		if (count(value) != (strcmp(counters[i].name, "delivered") ? 1 : 0))
			fail_msg("%s is told %u times", counters[i].name, count(value));
	}
	free(text);
}

static void the_table_is_counted(void **state)
{
	struct view_measures guest = {
		.guest = "g", .up = true, .udp_flows = 3, .icmp_flows = 4, .ports_resting = 8
	};
	const struct view_scene scene = { .version = "1", .guests = &guest, .guest_count = 1 };

	(void)state;
	guest.tcp_states[MINATO_FIN_WAIT_1] = 2;
	guest.ports[0][MINATO_PORT_SYSTEM] = 5;
	guest.ports[1][MINATO_PORT_DYNAMIC] = 6;
	write_scene(&scene, false);
	assert_once("{guest=\"g\",proto=\"tcp\",state=\"fin_wait_1\"} 2\n");
	assert_once("{guest=\"g\",proto=\"tcp\",state=\"time_wait\"} 0\n");
	assert_once("{guest=\"g\",proto=\"udp\",state=\"established\"} 3\n");
	assert_once("{guest=\"g\",proto=\"icmp\",state=\"established\"} 4\n");
	assert_once("\nminato_ports_in_use{guest=\"g\",proto=\"tcp\",kind=\"system\"} 5\n");
	assert_once("\nminato_ports_in_use{guest=\"g\",proto=\"udp\",kind=\"dynamic\"} 6\n");
	assert_once("\nminato_ports_quarantined{guest=\"g\"} 8\n");
	/* A guest's listeners are its kernel's: nothing is known of them here. */
	assert_int_equal(count("listen"), 0);
	assert_int_equal(count("minato_host_"), 0);
	assert_int_equal(count("minato_nat_mappings"), 0);
	assert_int_equal(count("proto=\"other\""), 0);
	free(text);
	guest.maps = true;
	guest.other_flows = 7;
	guest.mappings[2] = 7;
	write_scene(&scene, false);
	assert_once("\nminato_nat_mappings{guest=\"g\",proto=\"tcp\"} 0\n");
	assert_once("\nminato_nat_mappings{guest=\"g\",proto=\"icmp\"} 7\n");
	assert_once("{guest=\"g\",proto=\"other\",state=\"established\"} 7\n");
	free(text);
}

static void rules_carry_bytes(void **state)
{
	static const struct view_rule rules[] = { { "auto", 1, 2 }, { "127.0.0.1:80/tcp", 3, 4 } };
	const struct view_measures guest = {
		.guest = "g", .up = true, .rules = rules, .rule_count = 2, .rules_standing = 9
	};
	const struct view_scene scene = { .version = "1", .guests = &guest, .guest_count = 1 };

	(void)state;
	write_scene(&scene, false);
	assert_once("\nminato_forward_bytes_total{guest=\"g\",rule=\"auto\",dir=\"in\"} 1\n");
	assert_once("{guest=\"g\",rule=\"127.0.0.1:80/tcp\",dir=\"out\"} 4\n");
	assert_once("\nminato_forward_rules{guest=\"g\"} 9\n");
	free(text);
}

/* Samples of a family stand together, whoever they are of; who is silent has none but that. */
static void guests_stand_side_by_side(void **state)
{
	static const struct view_counter counter = { "drop_closed", 1 };
	const struct view_measures guests[] = {
		{ .guest = "a", .up = true, .counters = &counter, .counter_count = 1 },
		{ .guest = "b" },
		{ .guest = "c", .up = true, .counters = &counter, .counter_count = 1 },
	};
	const struct view_scene scene = { .version = "1", .guests = guests, .guest_count = 3 };

	(void)state;
	write_scene(&scene, false);
	assert_once("minato_drops_total{guest=\"a\",reason=\"closed\"} 1\n"
		    "minato_drops_total{guest=\"c\",reason=\"closed\"} 1\n");
	assert_once("minato_guest_up{guest=\"b\"} 0\n");
	assert_int_equal(count("\"b\""), 1);
	assert_int_equal(count("# TYPE minato_drops counter"), 1);
	free(text);
}

static void the_host_has_its_own(void **state)
{
	struct view_host host = { .ephemeral = 28232,
				  .reserved = { { "user", 0 }, { "kernel", 7 } },
				  .reserved_count = 2 };
	const struct view_scene scene = { .version = "1", .host = &host };

	(void)state;
	host.sockets[0][MINATO_LISTEN] = 2;
	host.sockets[1][MINATO_CLOSED] = 3;
	host.ports[0][MINATO_PORT_USER] = 4;
	write_scene(&scene, false);
	assert_once("\nminato_host_sockets{proto=\"tcp\",state=\"listen\"} 2\n");
	assert_once("\nminato_host_sockets{proto=\"udp\",state=\"unconnected\"} 3\n");
	assert_once("\nminato_host_ports_in_use{proto=\"tcp\",kind=\"user\"} 4\n");
	assert_once("\nminato_host_ephemeral_ports 28232\n");
	assert_once("\nminato_host_reserved_ports{origin=\"user\"} 0\n");
	assert_once("\nminato_host_reserved_ports{origin=\"kernel\"} 7\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_have_families),
		cmocka_unit_test(every_counter_is_told),
		cmocka_unit_test(the_table_is_counted),
		cmocka_unit_test(rules_carry_bytes),
		cmocka_unit_test(guests_stand_side_by_side),
		cmocka_unit_test(the_host_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
