/* SPDX-License-Identifier: BSD-2-Clause */
/* What a worker measures: its counters, its forwards, and its table counted row by row. */
#include "cmd/see/metrics.h"

#include <string.h>

#include "minato/gateway.h"

#define ROWS_PER_TURN 1024

/* ---- the table ---- */

static void use(struct cmd_census *census, uint8_t proto, uint32_t first, uint32_t last)
{
	uint8_t *used = census->used[proto == MINATO_TCP ? 0 : 1];

	for (uint32_t port = first; port <= last; port++)
		used[port / 8] |= (uint8_t)(1u << port % 8);
}

/* A flow's local side is the world, for which the host value speaks; the guest is its remote. */
static void add_flow(struct cmd_census *census, const struct minato_row *row)
{
	switch (row->proto) {
	case MINATO_TCP:
		census->tcp_states[view_state_mirror(row->state)]++;
		break;
	case MINATO_UDP:
		census->udp_flows++;
		break;
	default:
		census->icmp_flows++;
		return;
	}
	use(census, row->proto, row->remote.port, row->remote.port);
}

/* Of the two scopes of a gateway's flow, that of the outside. */
#define SCOPE_OUTSIDE 1

/* A gateway's flow has two hosts, and speaks for neither: states are what was seen of both. */
static void add_session(struct cmd_census *census, const struct minato_row *row)
{
	/* Where it is known by outside; with IPv6 that is a host's own port. */
	const struct minato_endpoint *end = row->scope == SCOPE_OUTSIDE ? &row->local : &row->via;

	if (row->proto == MINATO_TCP)
		census->tcp_states[row->state]++;
	else if (row->proto == MINATO_UDP)
		census->udp_flows++;
	else if (row->proto == MINATO_ICMP)
		census->icmp_flows++;
	else
		census->other_flows++;
	/* What has no ports has its number in their place. */
	if ((row->proto == MINATO_TCP || row->proto == MINATO_UDP) && minato_addr_is4(&end->addr))
		use(census, row->proto, end->port, end->port);
}

/* A place outside, whether anything flows by it or not. */
static void add_mapping(struct cmd_census *census, const struct minato_row *row)
{
	census->mappings[row->proto == MINATO_TCP ? 0 : row->proto == MINATO_UDP ? 1 : 2]++;
	if (row->proto != MINATO_ICMP && minato_addr_is4(&row->local.addr))
		use(census, row->proto, row->local.port, row->local.port);
}

/* The ports of the guest to which a published one leads; any of them use none. */
static void add_forward(struct cmd_census *census, const struct minato_row *row)
{
	uint32_t last = (uint32_t)row->target.port + row->last - row->first;

	if (!row->target.port || last > UINT16_MAX)
		return;
	if (row->proto != MINATO_UDP)
		use(census, MINATO_TCP, row->target.port, last);
	if (row->proto != MINATO_TCP)
		use(census, MINATO_UDP, row->target.port, last);
}

void cmd_census_add(struct cmd_census *census, const struct minato_row *row)
{
	if (row->kind == MINATO_KIND_FORWARD)
		add_forward(census, row);
	else if (row->kind == MINATO_KIND_SOCKET && row->remote.port)
		add_flow(census, row);
	else if (row->kind == MINATO_KIND_SESSION)
		add_session(census, row);
	else if (row->kind == MINATO_KIND_MAPPING)
		add_mapping(census, row);
}

uint32_t cmd_census_ports(const struct cmd_census *census, size_t proto, enum minato_port_kind kind)
{
	uint32_t count = 0;

	/* A kind begins at a multiple of 8. */
	for (uint32_t i = 0; i < DRIVE_PORTS_BYTES; i++)
		if (minato_port_kind((uint16_t)(i * 8)) == kind)
			count += (uint32_t)__builtin_popcount(census->used[proto][i]);
	return count;
}

bool cmd_census_go_on(void *user, struct cmd_census *census)
{
	const struct cmd_worker *worker = user;
	struct minato_row row;

	for (int i = 0; i < ROWS_PER_TURN; i++) {
		if (!minato_row(worker->host, &census->cursor, &row))
			return true;
		cmd_census_add(census, &row);
	}
	return false;
}

/* ---- the reply ---- */

static void put_count(void *user, const char *name, uint64_t value)
{
	json_object_set_new(user, name, json_integer((json_int_t)value));
}

static json_t *states_of(const struct cmd_census *census)
{
	json_t *object = json_object();

	for (size_t i = 1; i < VIEW_STATES; i++)
		put_count(object, minato_state_name((enum minato_state)i), census->tcp_states[i]);
	return object;
}

static json_t *ports_of(const struct cmd_census *census, size_t proto)
{
	return json_pack("[i,i,i]", (int)cmd_census_ports(census, proto, 0),
			 (int)cmd_census_ports(census, proto, 1),
			 (int)cmd_census_ports(census, proto, 2));
}

static void put_rule(json_t *rules, const char *text, uint64_t in, uint64_t out)
{
	json_array_append_new(rules, json_pack("{s:s,s:I,s:I}", "rule", text, "bytes_in",
					       (json_int_t)in, "bytes_out", (json_int_t)out));
}

/* Those that the guest opened come and go: together they are one. */
static json_t *rules_of(struct relay *relay, uint32_t *standing)
{
	struct relay_carried automatic = { 0 };
	struct relay_standing one;
	char text[RELAY_SPEC_TEXT];
	json_t *rules = json_array();
	uint64_t cursor = 0;

	*standing = 0;
	if (!relay)
		return rules;
	relay_forward_carried(relay, &automatic);
	if (automatic.forwards_ever)
		put_rule(rules, "auto", automatic.bytes_in, automatic.bytes_out);
	while (relay_forward_next(relay, &cursor, &one)) {
		++*standing;
		if (one.automatic || one.spec.sort == RELAY_AUTO ||
		    json_array_size(rules) >= VIEW_RULES_MAX)
			continue;
		put_rule(rules, relay_spec_text(&one.spec, text, sizeof(text)), one.bytes_in,
			 one.bytes_out);
	}
	return rules;
}

json_t *cmd_census_reply(void *user, const struct cmd_census *census)
{
	const struct cmd_worker *worker = user;
	json_t *counters = json_object();
	uint32_t standing;
	json_t *rules = rules_of(worker->relay, &standing);
	json_t *mappings = NULL;
	struct minato_nat nat;

	if (minato_nat_get(worker->host, &nat) == 0)
		mappings = json_pack("[I,I,I]", (json_int_t)census->mappings[0],
				     (json_int_t)census->mappings[1],
				     (json_int_t)census->mappings[2]);
	cmd_worker_counters(worker, put_count, counters);
	return json_pack("{s:s,s:I,s:o,s:o,s:I,s:I,s:I,s:{s:o,s:o},s:o,s:I,s:I,s:o*}", "name",
			 worker->harbour->name, "started", (json_int_t)worker->harbour->started_s,
			 "counters", counters, "tcp_states", states_of(census), "udp_flows",
			 (json_int_t)census->udp_flows, "icmp_flows",
			 (json_int_t)census->icmp_flows, "other_flows",
			 (json_int_t)census->other_flows, "ports", "tcp", ports_of(census, 0),
			 "udp", ports_of(census, 1), "rules", rules, "rules_standing",
			 (json_int_t)standing, "ports_resting",
			 (json_int_t)minato_ports_resting(worker->host), "mappings", mappings);
}
