/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whoever holds what others want: connections that are opened and left, requests byte by byte,
 * windows that stay closed.
 *
 *   clients 10.9.1.2, attacker 10.9.1.10 to .13  c1 --veth-- s1  10.9.1.1 server
 *   the same  c1 --veth-- s1  10.9.1.1 gateway 10.9.5.1  g1 --veth-- r1  10.9.5.2 server
 *   the same  c1 --veth-- s1  10.9.1.1 host, whose guest is the server
 *
 *   hold.c         the wire, what comes of it; yard.h has the rest
 *   hold_attack.c  the attacker
 */
#ifndef BENCH_HOLD_H
#define BENCH_HOLD_H

#include "bench.h"

#define HOLD_PORT 8000
#define HOLD_ROOM 1024u	  /* connections that a server can have */
#define HOLD_WANTED 2000u /* that the attacker wants */
#define HOLD_SOURCES 4u
#define HOLD_QUESTION "question"
#define HOLD_RESPONSE 131072u

enum hold {
	HOLD_NONE, /* keeps the core as busy, with nothing */
	HOLD_IDLE,
	HOLD_SLOW,
	HOLD_WINDOW,
	HOLDS
};

/* In the client's; until it is killed. */
_Noreturn void hold_attack(enum hold kind);

#endif
