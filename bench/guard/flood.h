/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floods between namespaces.
 *
 *   client, attacker c0 10.9.0.2 --veth-- s0 10.9.0.1 server
 *
 *   flood_net.c     the wire, what comes of it; yard.h has the rest
 *   flood_send.c    the attacker: frames from everywhere, as fast as one core can
 */
#ifndef BENCH_FLOOD_H
#define BENCH_FLOOD_H

#include "bench.h"

#define FLOOD_PORT 8000
#define FLOOD_BACKLOG 4096
#define FLOOD_RESPONSE 32768u

enum flood {
	FLOOD_NONE,
	FLOOD_SYN,
	FLOOD_ACK,
	FLOOD_RST,
	FLOOD_UDP,
	FLOOD_ICMP,
	FLOOD_FRAGMENT,
	FLOODS
};

/* Whether BENCH_FLOODS="memory syn ack" names it; without that, everything is asked for. */
bool flood_asked(const char *part);
/* 0, or -1 where it could not run and has said why. */
int flood_net(void);
/* In the client's: sends until it is killed, counting in *sent; FLOOD_NONE keeps the core busy
   with nothing. */
_Noreturn void flood_send(enum flood kind, volatile uint64_t *sent);

#endif
