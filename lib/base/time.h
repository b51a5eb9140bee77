/* SPDX-License-Identifier: BSD-2-Clause */
/* Instants and spans: arithmetic on struct minato_time. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "minato/minato.h"

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

/* later = at + span, which is not negative; MINATO_NEVER stays so. */
static inline struct minato_time time_after(struct minato_time at, int64_t ns)
{
	if (at.ns > INT64_MAX - ns)
		return MINATO_NEVER;
	return (struct minato_time){ at.ns + ns };
}

static inline bool time_reached(struct minato_time now, struct minato_time at)
{
	return now.ns >= at.ns;
}

static inline struct minato_time time_min(struct minato_time a,
					  struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

#endif
