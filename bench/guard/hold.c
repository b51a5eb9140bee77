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
 * the kernel's listener, with the same room for connections, in turn. connections_gateway_..: that
 * listener behind a gateway, or nftables, that bounds what each source has of it;
 * connections_published_..: in a guest that publishes its port, with the same bound.
 */
#include "hold.h"

#include <stdio.h>

#include "yard.h"

static const char *const kinds[HOLDS] = { "none", "idle", "slow", "window" };

#define CLIENT_WIRE(place)                                                                         \
	"wire CLIENT c1 " place " s1 02:00:00:00:0a:01;"                                           \
	"for n in 2 10 11 12 13; do at CLIENT ip addr add 10.9.1.$n/24 dev c1; done;"              \
	"at CLIENT ip neigh add 10.9.1.1 lladdr 02:00:00:00:0a:01 dev c1;"
/* What an administrator would write who knows what the server has room for. */
#define PER_SOURCE "128"

#define BOUND_BY_NFT(to)                                                                           \
	" at MIDDLE sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'; at MIDDLE nft -f - <<X\n"       \
	"table ip nat {\nchain pre { type nat hook prerouting priority -100\n"                     \
	"iifname s1 tcp dport 8000 dnat to " to "\n}\n"                                            \
	"set held { type ipv4_addr; flags dynamic; }\n"                                            \
	"chain bound { type filter hook forward priority 0\n"                                      \
	"iifname s1 ct state new add @held { ip saddr ct count over " PER_SOURCE                   \
	" } drop\n}\n}\nX\nfi"

static const char listener[] = CLIENT_WIRE("SERVER")
	"if [ \"$YARD_KERNEL\" ]; then at SERVER ip addr add 10.9.1.1/24 dev s1; fi";
static const char gateway[] = CLIENT_WIRE("MIDDLE")
	"wire MIDDLE g1 SERVER r1; at SERVER ip addr add 10.9.5.2/24 dev r1;"
	"at SERVER ip route add default via 10.9.5.1 || true;"
	"if [ \"$YARD_KERNEL\" ]; then"
	" at MIDDLE ip addr add 10.9.1.1/24 dev s1; at MIDDLE ip addr add 10.9.5.1/24 dev g1;"
	BOUND_BY_NFT("10.9.5.2");
static const char published[] = CLIENT_WIRE("MIDDLE")
	"at MIDDLE ip addr add 10.9.1.1/24 dev s1; at MIDDLE ip route add default via 10.9.1.2;"
	"if [ \"$YARD_KERNEL\" ]; then wire SERVER tap0 MIDDLE g1;"
	" at SERVER ip addr add 10.0.2.2/24 dev tap0; at MIDDLE ip addr add 10.0.2.1/24 dev g1;"
	" at SERVER ip route add default via 10.0.2.1;" BOUND_BY_NFT("10.0.2.2");
static const char run_published[] =
	"exec \"$BENCH_MINATO\" attach -4 -n server -p '8000 at most " PER_SOURCE " per source'"
	" $YARD_SERVER";
static const char run_gateway[] =
	"{ echo inside g1 10.9.5.1/24 take; echo outside s1 10.9.1.1/24 via 10.9.1.2 take;"
	"echo forward tcp 8000 to 10.9.5.2 at most " PER_SOURCE " per source; } >$d/conf;"
	"exec \"$BENCH_MINATO\" gateway $d/conf";

/* The one that is measured. */
static const char *name;

static void tell_one(const char *suffix, int kind, const char *what, double value)
{
	char figures[96];

	snprintf(figures, sizeof(figures), "%s_%s_%s%s", name, kinds[kind], what, suffix);
	figure(figures, value, "ratio");
}

static void tell(const char *suffix, int kind, const struct yard_share *share)
{
	tell_one(suffix, kind, "goodput", share->goodput);
	tell_one(suffix, kind, "connect", share->connect);
	tell_one(suffix, kind, "served", share->served);
}

static void attack(int kind, volatile uint64_t *sent)
{
	(void)sent;
	hold_attack((enum hold)kind);
}

int bench_connections(void)
{
#define SERVED                                                                                     \
	.address = 0x0a090101, .port = HOLD_PORT, .backlog = 512, .room = HOLD_ROOM,               \
	.question = HOLD_QUESTION, .response = HOLD_RESPONSE, .attack = attack, .kinds = HOLDS,    \
	.lead_us = 1500000 /* it has what it can have */, .tell = tell
	static const struct yard_plan plans[] = {
		{ .name = "connections",
		  .places = 1u << YARD_SERVER | 1u << YARD_CLIENT,
		  .wires = listener,
		  .ifname = "s1",
		  SERVED },
		{ .name = "connections_gateway",
		  .places = 1u << YARD_SERVER | 1u << YARD_CLIENT | 1u << YARD_MIDDLE,
		  .wires = gateway,
		  .runs = run_gateway,
		  SERVED },
		{ .name = "connections_published",
		  .places = 1u << YARD_SERVER | 1u << YARD_CLIENT | 1u << YARD_MIDDLE,
		  .wires = published,
		  .runs = run_published,
		  SERVED },
	};
	int result = 0;

	for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		name = plans[i].name;
		if (yard_measure(&plans[i], (double)chosen("BENCH_SECONDS", 3)) != 0)
			result = -1;
	}
	return result;
}
