/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of ten forms, by number, and flows that they are about (policy.c). */
#ifndef BENCH_GUARD_POLICY_H
#define BENCH_GUARD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "minato/guard.h"

#define POLICY_MANY 100000u
#define POLICY_FEW 10u

/* The same numbers in each run. */
uint32_t policy_below(uint32_t bound);
struct minato_entry policy_rule(uint32_t number);
/* An address of the prefix; of none, any. */
struct minato_addr policy_within(struct minato_addr prefix, uint32_t length, bool six);

/* policy_arrive.c: the whole arrival of a new flow at a gateway. 0, or -1 having said why. */
int policy_arrive(void);
/* policy_nested.c: prefixes of all lengths within each other. Likewise. */
int policy_nested(void);

#endif
