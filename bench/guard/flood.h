/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floods between namespaces, each against some faces of minato's:
 *
 *	listener	of the library, on an interface
 *	gateway		from outside, against its address and what it forwards
 *	inside		from one host of a gateway's inside, out: what is left to another
 *	guest		from one guest, out: what is left to another guest
 *	own		the same, and what is left to the guest itself
 *	published	from outside, against a port that a guest publishes
 *
 *   flood_face.c     faces: wires, who serves, where the flood goes
 *   flood_net.c      what comes of it; yard.h has the rest
 *   flood_send.c     the attacker: frames from everywhere, as fast as one core can
 *   flood_connect.c  connections from everywhere, in the same way
 */
#ifndef BENCH_FLOOD_H
#define BENCH_FLOOD_H

#include "bench.h"
#include "yard.h"

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
	FLOOD_CONNECT,	 /* connections that are reset when they are open */
	FLOOD_SYN_ALIKE, /* SYNs that look as those of newcomers do, where there are such */
	FLOOD_SYN_AMID,	 /* the same, from the networks of newcomers */
	FLOODS
};

/* Where it goes. An address is drawn from a block of a power of two of them. */
struct flood_aim {
	const char *ifname;
	uint32_t via; /* who takes the frames; addresses are in host order */
	uint32_t source, sources;
	uint32_t destination, destinations;
	uint32_t amid;	    /* in a /12: the first of those among newcomers; 0: there are none */
	bool fixed;	    /* datagrams go to FLOOD_PORT, too; else to any */
	uint32_t strangers; /* who connects; 0: nobody does */
};

struct flood_face {
	const char *name; /* "": the listener, of which figures have no name */
	struct flood_aim aim;
	struct yard_plan plan; /* attack, asked and tell are flood_net.c's */
};

extern const struct flood_face flood_faces[];
extern const unsigned flood_face_count;

/* Whether BENCH_FLOODS="memory syn ack" names it; without that, everything is asked for. */
bool flood_asked(const char *part);
/* 0, or -1 where it could not run and has said why. */
int flood_net(void);
/* In the attacker's: sends until it is killed, counting in *sent; FLOOD_NONE keeps the core busy
   with nothing. */
_Noreturn void flood_send(enum flood kind, const struct flood_aim *aim, volatile uint64_t *sent);
_Noreturn void flood_connect(const struct flood_aim *aim, volatile uint64_t *sent);

#endif
