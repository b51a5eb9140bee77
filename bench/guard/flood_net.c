/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that ask a server over a wire while somebody floods it. The flood and the clients share
 * processor 0, the server has 1. What clients get is held against what they get while the flooder
 * makes the same frames and sends none, so that both leave them as much of the processor.
 *
 *	flood_KIND_goodput	bytes that clients got, of those without a flood
 *	flood_KIND_connect	median of the time to connect, in the same way
 *	flood_KIND_sent_mpps	what was sent
 *	flood_memory_mb		what the server holds afterwards
 *
 * Each with _linux: the kernel's listener with its SYN cookies, in turn.
 */
#include "flood.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "yard.h"

static const char *const kinds[FLOODS] = { "none", "syn", "ack", "rst", "udp", "icmp", "fragment" };

static const char server_wires[] =
	"set -e; PATH=$PATH:/usr/sbin:/sbin;"
	"ip link add s0 address 02:00:00:00:09:01 type veth peer name c0 address 02:00:00:00:09:02 "
	"netns $YARD_CLIENT; ip link set lo up; ip link set s0 up;"
	"sysctl -qw net.ipv4.tcp_syncookies=1 || true;"
	"if [ \"$YARD_KERNEL\" ]; then ip addr add 10.9.0.1/24 dev s0;"
	"ip route add default via 10.9.0.2; fi";
static const char client_wires[] = "set -e; PATH=$PATH:/usr/sbin:/sbin; ip link set lo up;"
				   "ip link set c0 up; ip addr add 10.9.0.2/24 dev c0;"
				   "ip neigh add 10.9.0.1 lladdr 02:00:00:00:09:01 dev c0";

static void tell(const char *suffix, int kind, const struct yard_result *r,
		 const struct yard_result *idle)
{
	char name[64];

	snprintf(name, sizeof(name), "flood_%s_goodput%s", kinds[kind], suffix);
	figure(name, idle->bytes > 0 ? r->bytes / idle->bytes : 0, "ratio");
	snprintf(name, sizeof(name), "flood_%s_connect%s", kinds[kind], suffix);
	figure(name, idle->connect_us > 0 ? r->connect_us / idle->connect_us : 0, "ratio");
	snprintf(name, sizeof(name), "flood_%s_sent_mpps%s", kinds[kind], suffix);
	figure(name, r->mpps, "Mpps");
	if (r->failed > 0)
		say("flood %s%s: %.0f requests failed", kinds[kind], suffix, r->failed);
}

static void attack(int kind, volatile uint64_t *sent)
{
	flood_send((enum flood)kind, sent);
}

bool flood_asked(const char *part)
{
	const char *all = getenv("BENCH_FLOODS");

	return !all || strstr(all, part) != NULL;
}

static bool asked(int kind)
{
	return flood_asked(kinds[kind]);
}

int flood_net(void)
{
	static const struct yard_plan plan = {
		.name = "flood",
		.server_wires = server_wires,
		.client_wires = client_wires,
		.ifname = "s0",
		.address = 0x0a090001,
		.via = 0x0a090002,
		.port = FLOOD_PORT,
		.backlog = FLOOD_BACKLOG,
		.question = "question",
		.response = FLOOD_RESPONSE,
		.attack = attack,
		.kinds = FLOODS,
		.lead_us = 300000,
		.asked = asked,
		.tell = tell,
	};

	return yard_measure(&plan, (double)chosen("BENCH_SECONDS", 2));
}
