/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-guard: figures of the guard, one line each: name, value, unit. What else there is to say
 * goes to stderr.
 *
 *   main.c   the groups, what they share
 *   flood.c  what is answered without state, in memory
 *   policy.c what rules cost a new flow
 *   scan.c   what watching for scans costs; matrix.sh: what is said of scans by real tools
 *   flood_*.c  floods between namespaces (flood.h)
 *   hold.c, hold_attack.c  connections that are held (hold.h)
 *   yard*.c  what both have in common: wires, clients, servers (yard.h)
 *
 * A new group: a file with its function, a line in main.c and in meson.build. It sees the library
 * from within, and the drivers.
 */
#ifndef BENCH_GUARD_H
#define BENCH_GUARD_H

#include "bench/report.h"

#include <stdbool.h>
#include <stdint.h>

/* The groups. Each returns 0, or -1 where it could not run and has said why. */
int bench_connections(void);
int bench_floods(void);
int bench_policy(void);
int bench_scans(void);

/* --- main.c --------------------------------------------------------------- */

/* Seconds on the monotonic clock. */
double seconds(void);

#endif
