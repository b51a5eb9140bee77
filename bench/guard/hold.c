/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that ask a server which somebody else would like to have full. The attacker and the
 * clients share processor 0, the server has 1. What clients get is held against what they get while
 * the attacker keeps its processor busy with nothing.
 *
 *	connections_KIND_goodput	bytes that clients got, of those without an attack
 *	connections_KIND_connect	median of the time to connect, in the same way
 *	connections_KIND_served		of the clients' requests, the share that was answered
 *	connections_memory_mb		what the server holds afterwards; of the kernel's, only what
 *					its process has
 *
 * KIND: idle, slow (requests byte by byte), window (closed after the question). Each with _linux:
 * the kernel's listener, with the same room for connections, in turn.
 */
#include "hold.h"

#include <stdio.h>

#include "yard.h"

static const char *const kinds[HOLDS] = { "none", "idle", "slow", "window" };

static const char wires[] =
	"wire CLIENT c1 SERVER s1 02:00:00:00:0a:01;"
	"for n in 2 10 11 12 13; do at CLIENT ip addr add 10.9.1.$n/24 dev c1; done;"
	"at CLIENT ip neigh add 10.9.1.1 lladdr 02:00:00:00:0a:01 dev c1;"
	"if [ \"$YARD_KERNEL\" ]; then at SERVER ip addr add 10.9.1.1/24 dev s1; fi";

static void tell(const char *suffix, int kind, const struct yard_result *r,
		 const struct yard_result *idle)
{
	char name[64];

	snprintf(name, sizeof(name), "connections_%s_goodput%s", kinds[kind], suffix);
	figure(name, idle->bytes > 0 ? r->bytes / idle->bytes : 0, "ratio");
	snprintf(name, sizeof(name), "connections_%s_connect%s", kinds[kind], suffix);
	figure(name, idle->connect_us > 0 ? r->connect_us / idle->connect_us : 0, "ratio");
	snprintf(name, sizeof(name), "connections_%s_served%s", kinds[kind], suffix);
	figure(name, r->asked > 0 ? 1 - r->failed / r->asked : 0, "ratio");
}

static void attack(int kind, volatile uint64_t *sent)
{
	(void)sent;
	hold_attack((enum hold)kind);
}

int bench_connections(void)
{
	static const struct yard_plan plan = {
		.name = "connections",
		.places = 1u << YARD_SERVER | 1u << YARD_CLIENT,
		.wires = wires,
		.ifname = "s1",
		.address = 0x0a090101,
		.port = HOLD_PORT,
		.backlog = 512,
		.room = HOLD_ROOM,
		.question = HOLD_QUESTION,
		.response = HOLD_RESPONSE,
		.attack = attack,
		.kinds = HOLDS,
		.lead_us = 1500000, /* it has what it can have */
		.tell = tell,
	};

	return yard_measure(&plan, (double)chosen("BENCH_SECONDS", 3));
}
