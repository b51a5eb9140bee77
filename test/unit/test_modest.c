/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest that floods leaves others the processor, where they want it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd/cmd.h"

#define MS INT64_C(1000000)

static struct cmd_worker worker;
static struct minato_time now;
static uint64_t frames, dropped, dialled;
static int64_t spent, switches;

/* The world of the worker. */

void drive_tap_stats(const struct drive_tap *tap, struct drive_tap_stats *stats)
{
	(void)tap;
	*stats = (struct drive_tap_stats){ .frames_in = frames };
}

uint32_t minato_counter_count(void)
{
	return 2;
}

const char *minato_counter_name(uint32_t index)
{
	return index ? "drop_closed" : "delivered";
}

uint64_t minato_counter(const struct minato *m, uint32_t index)
{
	(void)m;
	return index ? dropped : frames;
}

uint64_t relay_counter(const struct relay *relay, unsigned counter)
{
	(void)relay;
	return counter == RELAY_COUNT_TCP_OUT ? dialled : 0;
}

int getrusage(__rusage_who_t who, struct rusage *usage)
{
	assert_int_equal(who, RUSAGE_THREAD);
	memset(usage, 0, sizeof(*usage));
	usage->ru_utime.tv_usec = (suseconds_t)(spent / 1000 % 1000000);
	usage->ru_utime.tv_sec = (time_t)(spent / 1000000000);
	usage->ru_nivcsw = (long)switches;
	return 0;
}

static int begin(void **state)
{
	(void)state;
	memset(&worker, 0, sizeof(worker));
	now = (struct minato_time){ 1000 * MS };
	frames = dropped = dialled = 0;
	spent = switches = 0;
	cmd_modest_turn(&worker, now);
	return 0;
}

/* So much in a millisecond of work. Whether the tap is left alone then, and until when. */
static bool works(uint32_t arrive, uint32_t drops, uint32_t dials, bool preempted)
{
	now.ns += MS + 1;
	spent += MS;
	frames += arrive;
	dropped += drops;
	dialled += dials;
	switches += preempted;
	cmd_modest_turn(&worker, now);
	return worker.modest.resting;
}

static void who_floods_rests(void **state)
{
	struct minato_time until;

	(void)state;
	assert_true(works(100, 90, 0, true));
	until = cmd_modest_turn(&worker, now);
	/* For longer than it worked, and no longer than others behind the tap can bear. */
	assert_in_range(until.ns - now.ns, 2 * MS, 20 * MS);
	now.ns = until.ns - 1;
	assert_int_equal(cmd_modest_turn(&worker, now).ns, until.ns);
	assert_true(worker.modest.resting);
	now.ns = until.ns;
	assert_int_equal(cmd_modest_turn(&worker, now).ns, MINATO_NEVER.ns);
	assert_false(worker.modest.resting);
}

static void calls_to_everywhere_are_a_flood(void **state)
{
	(void)state;
	assert_true(works(100, 0, 95, true));
}

static void where_nobody_waits_nobody_rests(void **state)
{
	(void)state;
	assert_false(works(100, 90, 0, false));
	/* Somebody did, but long ago. */
	works(0, 0, 0, true);
	now.ns += 1000 * MS;
	assert_false(works(0, 0, 0, false));
	assert_false(works(100, 90, 0, false));
}

static void much_that_is_of_use_goes_on(void **state)
{
	(void)state;
	assert_false(works(5000, 20, 20, true));
	assert_false(works(4, 4, 0, true));
}

static void a_look_takes_its_time(void **state)
{
	(void)state;
	now.ns += MS / 2;
	frames += 100;
	dropped += 100;
	switches++;
	cmd_modest_turn(&worker, now);
	assert_false(worker.modest.resting);
}

#define CASE(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_floods_rests),
		CASE(calls_to_everywhere_are_a_flood),
		CASE(where_nobody_waits_nobody_rests),
		CASE(much_that_is_of_use_goes_on),
		CASE(a_look_takes_its_time),
	};

	return cmocka_run_group_tests_name("modest", tests, NULL, NULL);
}
