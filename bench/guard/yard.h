/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients of a server, and somebody who wants it for himself: namespaces and wires between them.
 * The server is the library's or, in turn, the kernel's:
 *
 *   client, attacker: processor 0 --veth-- server: processor 1
 *
 * or the server is the kernel's, and what lies before it is minato or, in turn, the kernel:
 *
 *   client, attacker: processor 0 ---- middle ---- server: both on processor 1
 *
 * What comes for the client's kernel is received on processor 0 too (RPS), as by a host of its own.
 *
 * What clients get under each attack is held against what they get while the attacker keeps its
 * processor busy with nothing (kind 0). Beside clients that come again and again are newcomers,
 * each from an address of its own, so many a second, whatever became of those before.
 *
 *   yard.c           clients, beside an attack
 *   yard_round.c     rounds, and what they come to
 *   yard_lay.c       namespaces, wires, processes
 *   yard_newcomer.c  newcomers
 *   yard_serve.c     servers
 */
#ifndef BENCH_YARD_H
#define BENCH_YARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

#define YARD_RESPONSE_MAX 131072u
#define YARD_PATIENCE_MS 3500
#define YARD_TIMES_MAX 65536u

enum yard_peer { YARD_MINATO, YARD_LINUX, YARD_PEERS };
enum yard_place { YARD_SERVER, YARD_CLIENT, YARD_MIDDLE, YARD_ATTACKER, YARD_PLACES };

/* What comers of one kind got. */
struct yard_comers {
	uint64_t bytes, asked, failed; /* requests, and those without an answer */
	uint32_t count;
	uint32_t us[YARD_TIMES_MAX]; /* to connect, of the first so many that did or gave up */
};

struct yard_result {
	double bytes, asked, failed; /* what clients got */
	double connect_us;	     /* the median */
	double newcomers, refused;   /* newcomers, and those without an answer */
	double newcomer_us;	     /* the median; who did not connect took all patience */
	double mpps;		     /* what the attacker counted, million a second */
};

/* Of what there was without an attack: the medians of the rounds. */
struct yard_share {
	double goodput, connect;
	double served; /* of clients' requests, those that were answered */
	double newcomer_connect, newcomer_served;
	double mpps; /* as it was */
};

struct yard_plan {
	const char *name; /* "flood": of figures NAME_memory_mb */
	unsigned places; /* bits: which there are; without an attacker's he is the client's guest */
	/*
	 * A shell's words that lay the wires. `at PLACE command..` is in a namespace, `wire PLACE name
	 * PLACE name [mac]` is a veth whose second end has that address. They find $YARD_PLACE (a path of
	 * the namespace, for each that there is) and $YARD_KERNEL, which is empty in minato's turn.
	 */
	const char *wires;
	/* The same, that run in the middle in minato's turn, until SIGTERM; they find the program as
	   $BENCH_MINATO, and an empty directory as $d. */
	const char *runs;
	const char *ifname; /* of the server's end, where the library serves */
	uint32_t address;   /* at which clients find it, host order */
	uint32_t via;	    /* the library's default route, likewise; 0: none */
	uint16_t port;
	uint32_t backlog;
	uint32_t room; /* connections that a server can have; 0: what is usual */
	const char *question;
	uint64_t response; /* bytes, at most YARD_RESPONSE_MAX */
	uint32_t strangers; /* the /12 that newcomers come from; 0: there are none */
	/* In the attacker's, until it is killed; `sent` is what it counts. */
	void (*attack)(int kind, volatile uint64_t *sent);
	int kinds;
	unsigned lead_us; /* from the attack's begin to the clients' */
	/* Whether the kind is wanted; NULL: each. */
	bool (*asked)(int kind);
	/* `suffix`: "" or "_linux", for the names of figures. */
	void (*tell)(const char *suffix, int kind, const struct yard_share *share);
};

/*
 * All kinds, `span` seconds each, for both servers; BENCH_ROUNDS (3) of them, each in a yard of its
 * own. What clients get without an attack is measured before and after each, and the mean is what
 * counts. 0, or -1 where it could not and said why.
 */
int yard_measure(const struct yard_plan *plan, double span);

/* yard_lay.c */
struct yard {
	const struct yard_plan *plan;
	enum yard_peer peer;
	int space[YARD_PLACES]; /* namespaces */
	pid_t server, middle;
};

/* Namespaces, wires and servers; false where that cannot be, having said why. */
bool yard_lay(struct yard *yard, const struct yard_plan *plan, enum yard_peer peer);
void yard_clear(struct yard *yard);
/* In a child: there, and on that processor. */
void yard_enter(const struct yard *yard, enum yard_place place, int core);
/* What the process and all below it hold in memory. */
double yard_memory_mb(pid_t pid);
/*
 * Where the kernel gives each session its share of a processor, it and those below it come before
 * all others of the machine; BENCH_BUSY=1: they have to share.
 */
void yard_put_first(pid_t pid);

/* yard.c: what clients and newcomers get for so many seconds; 0: nobody was served. */
struct yard_result yard_run(const struct yard *yard, int kind, double span);
/* The client's: a socket that is open, or -1. */
int yard_dial(const struct yard_plan *plan);

/* yard_newcomer.c: in the client's, until `until` and what was begun is over. */
_Noreturn void yard_newcomers(const struct yard_plan *plan, struct yard_comers *c, double until);

/* yard_serve.c, in the server's namespace; they end by SIGTERM. */
_Noreturn void yard_serve_minato(const struct yard_plan *plan);
_Noreturn void yard_serve_linux(const struct yard_plan *plan);

#endif
