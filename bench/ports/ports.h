/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-ports: figures of the port table and of what stands around it, one
 * line each: name, value, unit. What else there is to say goes to stderr.
 *
 *   main.c    the groups, what they share
 *   idle.c    one host with ten million idle connections
 *   insert.c  ten million tuples come and go
 *   choose.c  ports chosen, beside the kernel's choice in connect() (connect.c)
 *   lookup.c  look-ups, beside DPDK's rte_hash (rte.c, or norte.c without it),
 *             in the same pages (pages.c)
 *   entries.c  forwards and guards of many addresses on one port
 *   ss.c      minato ss, beside iproute2's
 *   services.c  names of ports, both ways, beside libc's
 *   entropy.c  what can be known of the next port
 *
 * A new group: a file with its function, a line in main.c and in meson.build.
 */
#ifndef BENCH_PORTS_H
#define BENCH_PORTS_H

#include "bench/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The groups. Each returns 0, or -1 where it could not run and has said why. */
int bench_idle(void);
int bench_insert(void);
int bench_lookup(void);
int bench_entries(void);
int bench_ss(void);
int bench_services(void);
int bench_entropy(void);
int bench_choose(void);

/* --- pages.c -------------------------------------------------------------- */

/* Huge pages are allowed from here on (unless BENCH_SMALL_PAGES is set), and no
   more. It says which there are. */
void pages_begin(void);
void pages_end(void);
bool pages_are_huge(void);
/* Memory that is all there at once, in such pages, or it exits. */
void *reserve_populated(size_t size);

/* --- connect.c ----------------------------------------------------------- */

/* The narrowed range, and how much of it one destination holds. */
#define CONNECT_LOW 20000u
#define CONNECT_HIGH 36383u
#define CONNECT_HELD 10240u
/* ns of the kernel's choice past half of the range; -1: could not be measured,
   and said why. */
double connect_choice_ns(void);

/* --- main.c -------------------------------------------------------------- */

/* A figure whose name has `part` in place of `%s`. */
void figure_of(const char *format, const char *part, double value, const char *unit);
double now_ns(void);
/* Zero memory in small pages that costs nothing until touched; or exits. */
void *reserve(size_t size);
size_t resident_bytes(void); /* of this process, from /proc/self/statm */
/* In the network namespace that this process is in. */
bool raise_loopback(void);
/* The same numbers every time: x-th of a stream; a bijection of 64 bits. */
uint64_t scatter(uint64_t x);

/* --- keys: the same for all contenders ------------------------------------ */

/* The five-tuple of a TCP connection, padded to a size that compares well. */
struct flow {
	uint32_t local, remote;
	uint16_t local_port, remote_port;
	uint32_t proto;
};
/* The i-th of many, all different and without order. */
struct flow flow_number(uint64_t i);
struct port_key;
struct port_key key_of(const struct flow *flow);

#define BATCH 32u

/* --- rte.c, norte.c ------------------------------------------------------- */

struct rte_peer;
/* NULL: not there; says why. */
struct rte_peer *rte_peer_open(uint32_t entries);
int rte_peer_add(struct rte_peer *p, const struct flow *flow);
/* Looks up BATCH keys; returns how many were found. */
uint32_t rte_peer_find(struct rte_peer *p, const struct flow *flows);
void rte_peer_close(struct rte_peer *p);

#endif
