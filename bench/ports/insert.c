/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ten million tuples come into an empty table, each on the clock by itself;
 * then a tenth of them go, at random. What a tuple costs in memory is what
 * became resident meanwhile. A call during which the processor was given to
 * another program says nothing of the table: it is left out, and so said.
 */
#include "ports.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "port/port.h"

#define COUNT 10000000u
#define LEAVING 1000000u
#define LONG_NS 10e3 /* it is worth while to ask what happened */
#define STEP_NS 100.0
#define STEPS 10000u /* a histogram up to a millisecond */

struct times {
	double sum, longest;
	uint32_t count, interrupted;
	long switches; /* away from this thread, against its will */
	uint32_t step[STEPS]; /* how many lasted so long; the last: or longer */
};

static bool interrupted(struct times *t)
{
	struct rusage usage;
	bool more;

	getrusage(RUSAGE_THREAD, &usage);
	more = usage.ru_nivcsw > t->switches;
	t->switches = usage.ru_nivcsw;
	return more;
}

static void note(struct times *t, double ns)
{
	const double step = ns / STEP_NS;

	if (ns > LONG_NS && interrupted(t)) {
		t->interrupted++;
		return;
	}
	t->count++;
	t->sum += ns;
	if (ns > t->longest)
		t->longest = ns;
	t->step[step < STEPS - 1 ? (uint32_t)step : STEPS - 1]++;
}

/* Nanoseconds that all but `beyond` of the calls stayed under. */
static double quantile(const struct times *t, uint32_t beyond)
{
	uint32_t step = STEPS;

	for (uint32_t longer = 0; step > 0 && longer <= beyond;)
		longer += t->step[--step];
	return step == STEPS - 1 ? t->longest : (step + 1) * STEP_NS;
}

static void insert_all(struct port_table *table, struct times *times)
{
	for (uint32_t i = 0; i < COUNT; i++) {
		const struct flow flow = flow_number(i);
		const struct port_key key = key_of(&flow);
		const double begin = now_ns();
		const int64_t tuple =
			port_tuple_insert(table, &key, (struct port_tuple_ref){ .owner = i });
		note(times, now_ns() - begin);
		if (tuple < 0) {
			say("insertion %u failed", i);
			exit(1);
		}
	}
}

/* Tuples that were inserted one after another have indices likewise. */
static void remove_some(struct port_table *table, struct times *times)
{
	for (uint64_t i = 0; i < LEAVING; i++) {
		const uint32_t tuple =
			(uint32_t)(i * (COUNT / LEAVING) + scatter(i) % (COUNT / LEAVING));
		/* Out of order: 7 is no divisor of 1e7. */
		const uint32_t other = (uint32_t)((uint64_t)tuple * 7 % COUNT);
		const double begin = now_ns();
		port_tuple_remove(table, other);
		note(times, now_ns() - begin);
	}
}

int bench_insert(void)
{
	static struct times in, out;
	const struct port_limits limits = { COUNT, 16, 0, 0 };
	const struct hash_key key = { { 0x6d696e61746f, 0x62656e6368 } };
	const size_t size = port_bytes(&limits), before = resident_bytes();
	struct port_table *table = port_init(reserve(size), &limits, &key);

	insert_all(table, &in);
	if (in.interrupted > 0)
		say("%u of %u insertions were interrupted by other programs", in.interrupted,
		    COUNT);
	figure("insert_ns", in.sum / in.count, "ns");
	figure("insert_p9999_us", quantile(&in, COUNT / 10000) / 1e3, "us");
	figure("insert_max_us", in.longest / 1e3, "us");
	figure("bytes_per_entry", (double)(resident_bytes() - before) / COUNT, "bytes");
	remove_some(table, &out);
	figure("remove_ns", out.sum / out.count, "ns");
	munmap(table, size);
	return 0;
}
