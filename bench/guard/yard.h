/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a server, and somebody who wants it for himself: two namespaces and a wire between
 * them. The server is the library's or, in turn, the kernel's.
 *
 *   client, attacker: processor 0 --veth-- server: processor 1
 *
 * What clients get under each attack is held against what they get while the attacker keeps its
 * processor busy with nothing (kind 0).
 */
#ifndef BENCH_YARD_H
#define BENCH_YARD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench.h"

struct yard_result {
	double bytes, asked, failed; /* what clients got, their requests, those without an answer */
	double connect_us;	     /* the median */
	double mpps;		     /* what the attacker counted, million a second */
};

#define YARD_RESPONSE_MAX 131072u

struct yard_plan {
	const char *name; /* "flood": of the figure NAME_memory_mb */
	/* Scripts that lay the wire, in the server's namespace and then in the client's. They find
	   $YARD_CLIENT, a path of the client's, and $YARD_KERNEL, which is empty for the library. */
	const char *server_wires, *client_wires;
	const char *ifname; /* of the server's end */
	uint32_t address;   /* of the server, host order */
	uint32_t via;	    /* the library's default route, likewise; 0: none */
	uint16_t port;
	uint32_t backlog;
	uint32_t room; /* connections that a server can have; 0: what is usual */
	const char *question;
	uint64_t response; /* bytes, at most YARD_RESPONSE_MAX */
	/* In the client's, until it is killed; `sent` is what it counts. */
	void (*attack)(int kind, volatile uint64_t *sent);
	int kinds;
	unsigned lead_us; /* from the attack's begin to the clients' */
	/* Whether the kind is wanted; NULL: each. */
	bool (*asked)(int kind);
	/* `suffix`: "" or "_linux", for the names of figures. */
	void (*tell)(const char *suffix, int kind, const struct yard_result *r,
		     const struct yard_result *idle);
};

/* All kinds, `span` seconds each, for both servers. 0, or -1 where it could not and said why. */
int yard_measure(const struct yard_plan *plan, double span);

/* yard_serve.c, in the server's namespace; they end by SIGTERM. */
_Noreturn void yard_serve_minato(const struct yard_plan *plan);
_Noreturn void yard_serve_linux(const struct yard_plan *plan);

#endif
