/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long work of a process that has traffic to move: it is done in slices, and between two of them
 * whoever waits gets its turn. Where it must not, since what it would meet is half done, the breath
 * is held.
 */
#include "cmd/gateway/gateway.h"

#define SLICE_NS INT64_C(1000000)
#define LOOK_EVERY 16u /* the clock, in calls */

static struct {
	void (*call)(void *user); /* NULL: nobody waits */
	void *user;
	bool held, out; /* `out`: the call is under way */
	unsigned calls;
	struct minato_time since;
} breath;

void gateway_breath_begin(void (*call)(void *user), void *user)
{
	breath.call = call;
	breath.user = user;
	breath.held = false;
	breath.since = drive_now();
}

void gateway_breath_end(void)
{
	breath.call = NULL;
}

void gateway_breath_hold(bool held)
{
	breath.held = held;
}

void gateway_breathe(void)
{
	if (!breath.call || breath.held || breath.out || ++breath.calls % LOOK_EVERY)
		return;
	if (drive_now().ns - breath.since.ns < SLICE_NS)
		return;
	breath.out = true;
	breath.call(breath.user);
	breath.out = false;
	breath.since = drive_now();
}
