/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-gateway: figures of a gateway, one line each: name, value, unit. What else there is to say
 * goes to stderr.
 *
 *   main.c   the groups, what they share
 *   net.c    between namespaces, beside nftables: rounds, medians, ratios
 *   field.c  the three namespaces, and in the middle one the kernel with nftables or minato
 *   join.c   the library and the links alone (BENCH_JOIN=1), in place of `minato gateway`
 *   load.c   the traffic, and what of it arrives
 *   pass.c   frames in memory, through input and output
 *   memory.c in memory, on one core: a program of its own
 *
 * A new group: a file with its function, a line in main.c and in meson.build.
 */
#ifndef BENCH_GATEWAY_H
#define BENCH_GATEWAY_H

#include "bench/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The groups. Each returns 0, or -1 where it could not run and has said why. */
int bench_net(void);
int bench_pass(void);
int bench_begin(void);

/* --- field.c ---------------------------------------------------------------
 *
 *   inside i0 --veth-- g0 gateway g1 --veth-- o0 outside
 *   10.0.0.2/16     10.0.0.1   198.51.100.1    198.51.100.9/24
 *
 * UDP and TCP port 7000 of 198.51.100.1 are forwarded to 10.0.0.2.
 */

#define FIELD_PORT 7000
#define FIELD_INSIDE "10.0.0.2"
#define FIELD_OUTSIDE "198.51.100.9"
#define FIELD_PUBLIC "198.51.100.1"
#define FIELD_POOL_MAX 8 /* public addresses, from .16 on */

enum place { INSIDE, GATEWAY, OUTSIDE, PLACES };
enum peer { NFT, MINATO, PEERS };

struct field {
	int ns[PLACES]; /* of the network namespaces */
	pid_t gateway;	/* minato's loop, or -1 */
};

/* TCP's control of congestion for all of them, which $BENCH_CC becomes: cubic where a namespace may
   have that, else what the machine has. */
const char *field_control(void);
/* Three namespaces and two wires. False where that cannot be, having said why. */
bool field_lay(struct field *field);
/* Lets the peer translate, to so many public addresses; with `forwards` the port comes inward. */
bool field_start(struct field *field, enum peer peer, int pool, bool forwards);
void field_clear(struct field *field);
/* In a child: into the namespace, and onto one processor (-1: any). */
void field_enter(const struct field *field, enum place place, int core);

/* --- join.c --------------------------------------------------------------- */

/* In the gateway's namespace: joins g0 and g1 until it is killed. */
_Noreturn void join(int pool, bool forwards);

/* --- load.c --------------------------------------------------------------- */

/* Packets of 64 bytes of payload that arrive per second, sent as fast as one socket can. */
double load_pps(const struct field *field, bool inward);
/* Gbit/s of one TCP connection, away from who connects. */
double load_tcp(const struct field *field, bool inward);
/* 64 bytes there and back by UDP, microseconds; false: no answer came. */
bool load_rtt(const struct field *field, double *p50, double *p99);
/* Sessions per second, each begun by one datagram, at most 1,024 of them under way at once. */
double load_setup(const struct field *field, uint32_t sessions);
/*
 * Takes 99.99 % of 64,512 ports towards one destination (what load_ready began has one already),
 * then says which share of the new sessions came through at once. -1: that many could not be had in
 * 20 s.
 */
double load_fill(const struct field *field);
/* Whether an echo comes through, waiting for up to 5 s. */
bool load_ready(const struct field *field);

#endif
