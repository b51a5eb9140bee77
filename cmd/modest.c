/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that floods, and what its worker then leaves to others. Each guest has a worker, among
 * which the kernel shares the processors; but to be one of two that are busy all the time is half
 * of a processor, for frames of which nothing comes. So while other programs have to wait for it,
 * and much of what the guest sends is dropped or only begins flows, the worker leaves the tap alone
 * for most of the time: the guest's own kernel then drops what finds no room.
 *
 *	--- looks ---|------------- rests -------------|--- looks ---
 *	   1 ms              six times as long
 */
#include "cmd/cmd.h"

#include <string.h>
#include <sys/resource.h>

#define LOOK_NS 1000000
#define RESTS 6		     /* times what it took until then */
#define REST_MAX_NS 20000000 /* whoever else is behind the tap waits as long */
#define WANTED_NS 100000000  /* after the processor was taken from us for another program */
#define FEW 8u		     /* in a look: nothing to speak of */

/* Frames that were dropped, by whatever reason. */
static uint64_t dropped(const struct minato *host)
{
	const uint32_t count = minato_counter_count();
	uint64_t all = 0;

	for (uint32_t i = 0; i < count; i++) {
		const char *name = minato_counter_name(i);

		if (strncmp(name, "drop_", 5) == 0 || strcmp(name, "reassembly_victim") == 0)
			all += minato_counter(host, i);
	}
	return all;
}

/* And flows that were begun, or had no room. */
static uint64_t in_vain(const struct cmd_worker *worker)
{
	static const enum relay_counter begun[] = {
		RELAY_COUNT_TCP_OUT,	       RELAY_COUNT_UDP_OUT,
		RELAY_COUNT_ECHO_OUT,	       RELAY_COUNT_NO_FLOW,
		RELAY_COUNT_UDP_LOST,	       RELAY_COUNT_ECHO_LOST,
		RELAY_COUNT_ECHO_FORBIDDEN,    RELAY_COUNT_REFUSED_INNER,
		RELAY_COUNT_REFUSED_MULTICAST, RELAY_COUNT_REFUSED_BROADCAST,
	};
	uint64_t all = dropped(worker->host);

	for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++)
		all += relay_counter(worker->relay, begun[i]);
	return all;
}

static int64_t ns_of(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000000 + (int64_t)t->tv_usec * 1000;
}

/* Whether others want the processor, and what we had of it since the last look. */
/* syscalls: getrusage */
static bool is_wanted(struct cmd_modest *modest, int64_t now, int64_t *took)
{
	struct rusage usage;
	int64_t spent;

	*took = 0;
	if (getrusage(RUSAGE_THREAD, &usage) < 0)
		return false;
	spent = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
	*took = spent - modest->spent_ns;
	modest->spent_ns = spent;
	if (usage.ru_nivcsw != modest->switches)
		modest->wanted_ns = now;
	modest->switches = usage.ru_nivcsw;
	return now - modest->wanted_ns <= WANTED_NS;
}

/* What came since the last look, which ends here: whether it was much, and mostly in vain. */
static bool has_flooded(struct cmd_worker *worker, int64_t now)
{
	struct cmd_modest *modest = &worker->modest;
	const uint64_t vain = in_vain(worker), vain_before = modest->vain;
	const uint64_t frames_before = modest->frames;
	struct drive_tap_stats stats;

	drive_tap_stats(worker->tap, &stats);
	modest->begun_ns = now;
	modest->frames = stats.frames_in;
	modest->vain = vain;
	return vain - vain_before >= FEW &&
	       vain - vain_before > (stats.frames_in - frames_before) / 4;
}

struct minato_time cmd_modest_turn(struct cmd_worker *worker, struct minato_time now)
{
	struct cmd_modest *modest = &worker->modest;
	int64_t took;
	bool wanted, flooded;

	if (modest->resting && now.ns < modest->until.ns)
		return modest->until;
	if (!modest->resting && now.ns - modest->begun_ns < LOOK_NS)
		return MINATO_NEVER;
	wanted = is_wanted(modest, now.ns, &took);
	flooded = has_flooded(worker, now.ns);
	modest->resting = !modest->resting && wanted && flooded;
	if (!modest->resting)
		return MINATO_NEVER;
	took = took * RESTS < REST_MAX_NS ? took * RESTS : REST_MAX_NS;
	modest->until = (struct minato_time){ now.ns + took };
	return modest->until;
}
