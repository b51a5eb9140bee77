/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hierarchical timing wheel with occupancy words: one timer per object,
 * found by its index. Arming later than armed is free for the caller to leave
 * out (lazy): it compares its true deadline when the timer expires.
 *
 *   level 0: 64 slots of one tick (2^16 ns, 66 us), level n: 64^n ticks each
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "minato/minato.h"

#define WHEEL_TICK_SHIFT 16
#define WHEEL_LEVELS 8 /* 48 bits of ticks: every instant of 63 bits */
#define WHEEL_NONE UINT32_MAX

/* One per object, in an array of the owner (zero memory = not armed). */
struct wheel_link {
	uint32_t next, prev; /* index + 1; 0 = none */
	uint64_t tick;	     /* armed for; 0 = not armed */
};

struct wheel {
	int64_t links; /* offset from this struct to struct wheel_link[] */
	uint64_t now;  /* tick up to which all has expired; the first is 1 */
	uint64_t occupied[WHEEL_LEVELS];
	uint32_t slot[WHEEL_LEVELS][64]; /* index + 1 of the first, or 0 */
	uint32_t due;			 /* expired, waiting for wheel_expire */
	uint32_t armed;			 /* how many */
};

void wheel_init(struct wheel *w, struct wheel_link *links,
		struct minato_time now);
/*
 * Arms, or re-arms to an earlier or later instant. Rounds up to a tick; an
 * instant in the past is due at once; MINATO_NEVER cancels.
 */
void wheel_arm(struct wheel *w, uint32_t index, struct minato_time at);
void wheel_cancel(struct wheel *w, uint32_t index);
bool wheel_armed(const struct wheel *w, uint32_t index);
/*
 * The next object whose timer expired by `now` (disarmed), or WHEEL_NONE. In
 * the order of their ticks; among equals in an order that only the calls made
 * decide. Never before its instant, less than a tick after it. Call until
 * WHEEL_NONE; to arm between the calls is allowed.
 */
uint32_t wheel_expire(struct wheel *w, struct minato_time now);
/* The earliest instant at which wheel_expire can find one; a bit scan. It may
   be early (a cascade), never late. MINATO_NEVER when nothing is armed. */
struct minato_time wheel_next(const struct wheel *w);

#endif
