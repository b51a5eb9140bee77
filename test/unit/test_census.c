/* SPDX-License-Identifier: BSD-2-Clause */
/* The table counted: states as the guest sees them, its ports once each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/see/metrics.h"

static struct cmd_census census;

static int setup(void **state)
{
	(void)state;
	memset(&census, 0, sizeof(census));
	return 0;
}

static void flow(uint8_t proto, uint16_t guest, enum minato_state state)
{
	const struct minato_row row = {
		.kind = MINATO_KIND_SOCKET,
		.proto = proto,
		.state = state,
		.local = { minato_addr4(192, 0, 2, 1), 443 },
		.remote = { minato_addr4(10, 0, 2, 100), guest },
	};

	cmd_census_add(&census, &row);
}

static void flows_are_seen_from_the_guest(void **state)
{
	(void)state;
	flow(MINATO_TCP, 50000, MINATO_ESTABLISHED);
	flow(MINATO_TCP, 50000, MINATO_ESTABLISHED);
	/* We have closed, and it has not yet. */
	flow(MINATO_TCP, 80, MINATO_FIN_WAIT_2);
	flow(MINATO_UDP, 5353, MINATO_ESTABLISHED);
	flow(MINATO_ICMP, 77, MINATO_ESTABLISHED);
	assert_int_equal(census.tcp_states[MINATO_ESTABLISHED], 2);
	assert_int_equal(census.tcp_states[MINATO_CLOSE_WAIT], 1);
	assert_int_equal(census.udp_flows, 1);
	assert_int_equal(census.icmp_flows, 1);
	/* One port however many connections; an echo's identifier is none. */
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_DYNAMIC), 1);
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_SYSTEM), 1);
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_USER), 1);
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_SYSTEM), 0);
}

static void edges_of_the_kinds(void **state)
{
	static const uint16_t ports[] = { 0, 1, 1023, 1024, 49151, 49152, 65535 };

	(void)state;
	for (size_t i = 1; i < sizeof(ports) / sizeof(ports[0]); i++)
		flow(MINATO_TCP, ports[i], MINATO_ESTABLISHED);
	for (int kind = 0; kind < MINATO_PORT_KIND_COUNT; kind++)
		assert_int_equal(cmd_census_ports(&census, 0, (enum minato_port_kind)kind), 2);
}

static void published_ports_use_the_guests(void **state)
{
	struct minato_row row = {
		.kind = MINATO_KIND_FORWARD,
		.proto = MINATO_TCP,
		.first = 8000,
		.last = 8009,
		.target = { minato_addr4(10, 0, 2, 100), 80 },
	};

	(void)state;
	cmd_census_add(&census, &row);
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_SYSTEM), 10);
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_SYSTEM), 0);
	row.proto = 0;
	cmd_census_add(&census, &row);
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_SYSTEM), 10);
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_SYSTEM), 10);
	/* All of them: what is used is what flows. */
	row.first = 0;
	row.last = UINT16_MAX;
	row.target.port = 0;
	cmd_census_add(&census, &row);
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_DYNAMIC), 0);
}

static void sessions_and_mappings_of_a_gateway(void **state)
{
	const struct minato_endpoint host = { minato_addr4(10, 0, 0, 7), 5000 };
	const struct minato_endpoint far = { minato_addr4(203, 0, 113, 9), 443 };
	const struct minato_endpoint ours = { minato_addr4(198, 51, 100, 1), 60000 };
	const struct minato_row rows[] = {
		{ .kind = MINATO_KIND_MAPPING, .proto = MINATO_TCP, .local = ours, .target = host },
		{ .kind = MINATO_KIND_SESSION,
		  .proto = MINATO_TCP,
		  .state = MINATO_SYN_SENT,
		  .remote = host,
		  .local = far,
		  .target = far,
		  .via = ours },
		{ .kind = MINATO_KIND_SESSION,
		  .scope = 1,
		  .proto = MINATO_UDP,
		  .state = MINATO_ESTABLISHED,
		  .remote = far,
		  .local = { ours.addr, 53 },
		  .target = host,
		  .via = far },
		{ .kind = MINATO_KIND_MAPPING,
		  .proto = MINATO_ICMP,
		  .local = ours,
		  .target = host },
		{ .kind = MINATO_KIND_SESSION,
		  .proto = MINATO_PROTO_OTHER,
		  .state = MINATO_ESTABLISHED,
		  .remote = { host.addr, 47 },
		  .local = { far.addr, 47 },
		  .target = { far.addr, 47 },
		  .via = { ours.addr, 47 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cmd_census_add(&census, &rows[i]);
	assert_int_equal(census.tcp_states[MINATO_SYN_SENT], 1);
	assert_int_equal(census.udp_flows, 1);
	assert_int_equal(census.icmp_flows, 0);
	assert_int_equal(census.other_flows, 1);
	assert_int_equal(census.mappings[0], 1);
	assert_int_equal(census.mappings[1], 0);
	assert_int_equal(census.mappings[2], 1);
	/* A mapping and its session are one port. */
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_DYNAMIC), 1);
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_SYSTEM), 0);
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_SYSTEM), 1);
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_DYNAMIC), 0);
	/* The forward's 53; the number of GRE is no port. */
	assert_int_equal(cmd_census_ports(&census, 1, MINATO_PORT_SYSTEM), 1);
}

static void entries_and_listeners_are_no_flows(void **state)
{
	const struct minato_row uplink = { .kind = MINATO_KIND_UPLINK, .remote.port = 5 };
	const struct minato_row listener = { .kind = MINATO_KIND_SOCKET,
					     .proto = MINATO_TCP,
					     .state = MINATO_LISTEN,
					     .local.port = 53 };

	(void)state;
	cmd_census_add(&census, &uplink);
	cmd_census_add(&census, &listener);
	for (size_t i = 0; i < VIEW_STATES; i++)
		assert_int_equal(census.tcp_states[i], 0);
	assert_int_equal(cmd_census_ports(&census, 0, MINATO_PORT_SYSTEM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(flows_are_seen_from_the_guest, setup),
		cmocka_unit_test_setup(edges_of_the_kinds, setup),
		cmocka_unit_test_setup(published_ports_use_the_guests, setup),
		cmocka_unit_test_setup(sessions_and_mappings_of_a_gateway, setup),
		cmocka_unit_test_setup(entries_and_listeners_are_no_flows, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
