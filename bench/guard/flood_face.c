/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is flooded. Clients are 10.9.0.2, newcomers 10.64.0.0/12, in each of its /16 the lower half;
 * the flood's sources 10.128.0.0/9, or the upper halves, its connections come from 10.80.0.0/12.
 * From within it goes to 20.0.0.0/9, which leads to the server's namespace and ends there.
 *
 *   listener   c0 --veth-- s0 10.9.0.1 server
 *   gateway    c0 --veth-- s0 10.9.0.1 gateway 10.9.4.1 g0 --veth-- r0 10.9.4.2 server
 *   inside     c0, the attacker 10.9.0.3 --veth-- s0 10.9.0.1 gateway g0 --veth-- r0 server
 *   guest      guests of a host, g0 198.51.100.1 --veth-- r0 198.51.100.9 server
 *   own        the same; the attacker is in the client's guest
 *   published  c0 --veth-- s0 10.9.0.1 host, whose guest is the server
 *
 * In the kernel's turn guests are namespaces on wires of their own, and nftables translates.
 */
#include "flood.h"

#define CLIENT_WIRE(place)                                                                         \
	"wire CLIENT c0 " place " s0 02:00:00:00:09:01;"                                           \
	"for a in 2 3; do at CLIENT ip addr add 10.9.0.$a/24 dev c0; done;"                        \
	"at CLIENT ip neigh add 10.9.0.1 lladdr 02:00:00:00:09:01 dev c0;"                         \
	"for a in `seq 64 79`; do at CLIENT ip route add local 10.$a.0.0/17 dev lo; done;"         \
	"at CLIENT ip route add local 10.80.0.0/12 dev lo;"
#define SERVER_WIRE(here, there)                                                                   \
	"wire MIDDLE g0 SERVER r0; at SERVER ip addr add " there "/24 dev r0;"                     \
	"at SERVER ip route add default via " here " || true;"                                     \
	"here=" here "; there=" there ";"
#define KERNEL(words) "if [ \"$YARD_KERNEL\" ]; then " words "\nfi;"
#define TAKES_FRONT                                                                                \
	"at MIDDLE ip addr add 10.9.0.1/24 dev s0; at MIDDLE ip route add default via 10.9.0.2;"
#define TAKES_BACK "at MIDDLE ip addr add $here/24 dev g0;"
/* What an administrator would write. */
#define NFT(chain)                                                                                 \
	"at MIDDLE sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'; at MIDDLE nft -f - <<X\n"        \
	"table ip nat {\n" chain "}\nX\n"
#define INWARD(to)                                                                                 \
	"chain pre { type nat hook prerouting priority -100\n"                                     \
	"iifname s0 meta l4proto { tcp, udp } th dport 8000 dnat to " to "\n}\n"
#define OUTWARD                                                                                    \
	"chain post { type nat hook postrouting priority 100\n"                                    \
	"oifname g0 meta l4proto { tcp, udp } masquerade to :1024-65535\n"                         \
	"oifname g0 meta l4proto icmp masquerade\n}\n"
#define NEAR(place, name, net)                                                                     \
	"wire " place " tap0 MIDDLE " name "; at " place " ip addr add " net ".2/24 dev tap0;"     \
	"at MIDDLE ip addr add " net ".1/24 dev " name ";"                                         \
	"at " place " ip route add default via " net ".1;"

static const char listener[] = CLIENT_WIRE("SERVER")
	KERNEL("at SERVER ip addr add 10.9.0.1/24 dev s0;"
	       "at SERVER ip route add default via 10.9.0.2");
static const char gateway[] = CLIENT_WIRE("MIDDLE") SERVER_WIRE("10.9.4.1", "10.9.4.2")
	KERNEL(TAKES_FRONT TAKES_BACK NFT(INWARD("10.9.4.2")));
static const char inside[] = CLIENT_WIRE("MIDDLE")
	SERVER_WIRE("198.51.100.1", "198.51.100.9") "at CLIENT ip route add default via 10.9.0.1;" KERNEL(
		"at MIDDLE ip addr add 10.9.0.1/24 dev s0;" TAKES_BACK
		"at MIDDLE ip route add default via $there;" NFT(OUTWARD));
static const char guests[] = SERVER_WIRE("198.51.100.1", "198.51.100.9") TAKES_BACK
	"at MIDDLE ip route add default via $there;" KERNEL(
		NEAR("CLIENT", "a0", "10.0.2") "[ -z \"$YARD_ATTACKER\" ] || { " NEAR(
			"ATTACKER", "b0", "10.0.3") "}\n" NFT(OUTWARD));
static const char published[] = CLIENT_WIRE("MIDDLE")
	TAKES_FRONT KERNEL(NEAR("SERVER", "g0", "10.0.2") NFT(INWARD("10.0.2.2")));

#define MINATO "\"$BENCH_MINATO\""
static const char run_gateway[] =
	"{ echo inside g0 10.9.4.1/24 take; echo outside s0 10.9.0.1/24 via 10.9.0.2 take;"
	"echo forward tcp,udp 8000 to 10.9.4.2; } >$d/conf; exec " MINATO " gateway $d/conf";
static const char run_inside[] =
	"{ echo inside s0 10.9.0.1/24 take;"
	"echo outside g0 198.51.100.1/24 via 198.51.100.9 take; } >$d/conf;"
	"exec " MINATO " gateway $d/conf";
/* Until the shell is told to end. */
static const char run_guests[] = "b=; " MINATO " attach -4 -n client $YARD_CLIENT & a=$!;"
				 "[ -z \"$YARD_ATTACKER\" ] || { " MINATO
				 " attach -4 -n attacker $YARD_ATTACKER & b=$!; };"
				 "trap 'kill $a $b; wait; exit' TERM; wait $a $b";
static const char run_published[] = "exec " MINATO " attach -4 -n server -p 8000:8000 $YARD_SERVER";

#define PLACE(which) (1u << YARD_##which)
#define OF_SERVER                                                                                  \
	.port = FLOOD_PORT, .backlog = FLOOD_BACKLOG, .question = "question",                      \
	.response = FLOOD_RESPONSE, .kinds = FLOODS, .lead_us = 300000
#define FROM_OUTSIDE                                                                               \
	{                                                                                          \
		.ifname = "c0", .via = 0x0a090001, .source = 0x0a800000, .sources = 1u << 23,      \
		.destination = 0x0a090001, .destinations = 1, .fixed = true,                       \
		.strangers = 0x0a500000, .amid = 0x0a408000                                        \
	}
#define FROM_WITHIN(name, gateway, own)                                                            \
	{                                                                                          \
		.ifname = name, .via = gateway, .source = own, .sources = 1,                       \
		.destination = 0x14000000, .destinations = 1u << 23                                \
	}

const struct flood_face flood_faces[] = {
	{ "listener",
	  FROM_OUTSIDE,
	  { "flood", PLACE(SERVER) | PLACE(CLIENT), listener, NULL, .ifname = "s0",
	    .address = 0x0a090001, .via = 0x0a090002, .strangers = 0x0a400000, OF_SERVER } },
	{ "gateway",
	  FROM_OUTSIDE,
	  { "flood_gateway", PLACE(SERVER) | PLACE(CLIENT) | PLACE(MIDDLE), gateway, run_gateway,
	    .address = 0x0a090001, .strangers = 0x0a400000, OF_SERVER } },
	{ "inside",
	  FROM_WITHIN("c0", 0x0a090001, 0x0a090003),
	  { "flood_inside", PLACE(SERVER) | PLACE(CLIENT) | PLACE(MIDDLE), inside, run_inside,
	    .address = 0xc6336409, OF_SERVER } },
	{ "guest",
	  FROM_WITHIN("tap0", 0, 0),
	  { "flood_guest", PLACE(SERVER) | PLACE(CLIENT) | PLACE(MIDDLE) | PLACE(ATTACKER), guests,
	    run_guests, .address = 0xc6336409, OF_SERVER } },
	{ "own",
	  FROM_WITHIN("tap0", 0, 0),
	  { "flood_own", PLACE(SERVER) | PLACE(CLIENT) | PLACE(MIDDLE), guests, run_guests,
	    .address = 0xc6336409, OF_SERVER } },
	{ "published",
	  FROM_OUTSIDE,
	  { "flood_published", PLACE(SERVER) | PLACE(CLIENT) | PLACE(MIDDLE), published,
	    run_published, .address = 0x0a090001, .strangers = 0x0a400000, OF_SERVER } },
};
const unsigned flood_face_count = sizeof(flood_faces) / sizeof(flood_faces[0]);
