/* SPDX-License-Identifier: BSD-2-Clause */
/* Who asks how much memory there is hears of the nearest bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/drive.h"

#define MB ((uint64_t)1 << 20)

static char place[] = "/tmp/minato-headroom-XXXXXX";

static const char *at(const char *name)
{
	static char path[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", place, name);
	return path[turn];
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static uint64_t headroom(void)
{
	return drive_headroom_at(at("meminfo"), at("own"), at("groups"));
}

static int lay(void **state)
{
	(void)state;
	strcpy(place + sizeof(place) - 7, "XXXXXX");
	if (!mkdtemp(place) || mkdir(at("groups"), 0700) < 0 || mkdir(at("groups/a"), 0700) < 0 ||
	    mkdir(at("groups/a/b c"), 0700) < 0)
		return -1;
	put("meminfo", "MemTotal:  4194304 kB\nMemFree:  1 kB\nMemAvailable:  2097152 kB\n");
	put("own", "1:name=other:/x\n0::/a/b c\n");
	return 0;
}

static int clear(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", place);
	return system(command);
}

static void it_is_what_the_host_has(void **state)
{
	(void)state;
	assert_int_equal(headroom(), 2048 * MB);
	put("groups/a/b c/memory.max", "max\n");
	assert_int_equal(headroom(), 2048 * MB);
}

static void a_group_has_its_bound(void **state)
{
	(void)state;
	put("groups/a/b c/memory.max", "104857600\n");
	assert_int_equal(headroom(), 100 * MB);
	put("groups/a/b c/memory.current", "94371840\n");
	assert_int_equal(headroom(), 10 * MB);
	put("groups/a/b c/memory.current", "994371840\n"); /* its bound was lowered */
	assert_int_equal(headroom(), 0);
	put("groups/a/b c/memory.current", "0\n");
	put("groups/a/b c/memory.high", "20971520\n");
	assert_int_equal(headroom(), 20 * MB);
	put("groups/a/b c/memory.high", "max\n");
	assert_int_equal(headroom(), 100 * MB);
}

static void a_group_it_is_in_bounds_it_too(void **state)
{
	(void)state;
	put("groups/a/b c/memory.max", "104857600\n");
	put("groups/a/memory.max", "52428800\n");
	assert_int_equal(headroom(), 50 * MB);
	/* As a container sees its own. */
	put("own", "0::/\n");
	assert_int_equal(headroom(), 2048 * MB);
	put("groups/memory.max", "20971520\n");
	assert_int_equal(headroom(), 20 * MB);
}

static void without_groups_the_host_alone_says(void **state)
{
	(void)state;
	put("own", "3:cpu:/a\n");
	assert_int_equal(headroom(), 2048 * MB);
	assert_int_equal(unlink(at("own")), 0);
	assert_int_equal(headroom(), 2048 * MB);
	put("meminfo", "MemTotal: 5 kB\n");
	assert_int_equal(headroom(), 0);
}

/* Of the first version, where each controller has groups of its own. */
static void the_old_groups_bound_it_too(void **state)
{
	(void)state;
	put("own", "4:cpu:/x\n3:memory:/a/b c\n0::/\n");
	assert_int_equal(mkdir(at("groups/memory"), 0700), 0);
	assert_int_equal(mkdir(at("groups/memory/a"), 0700), 0);
	put("groups/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
	put("groups/memory/memory.usage_in_bytes", "1000000000000\n");
	assert_int_equal(headroom(), 2048 * MB);
	put("groups/memory/a/memory.limit_in_bytes", "52428800\n");
	put("groups/memory/a/memory.usage_in_bytes", "10485760\n");
	assert_int_equal(headroom(), 40 * MB);
	/* As in a container, which sees its own group alone, and the host's name for it. */
	put("own", "3:memory:/docker/0123\n");
	put("groups/memory/memory.limit_in_bytes", "20971520\n");
	put("groups/memory/memory.usage_in_bytes", "0\n");
	assert_int_equal(headroom(), 20 * MB);
}

/* A name as long as may be is no reason to read what is not there. */
static void a_long_name_is_cut(void **state)
{
	FILE *f = fopen(at("own"), "w");

	(void)state;
	assert_non_null(f);
	fputs("0::", f);
	for (uint32_t i = 0; i < 5000; i++)
		fputs("/a", f);
	fclose(f);
	assert_int_equal(headroom(), 2048 * MB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, lay, clear)
		CASE(it_is_what_the_host_has),
		CASE(a_group_has_its_bound),
		CASE(a_group_it_is_in_bounds_it_too),
		CASE(without_groups_the_host_alone_says),
		CASE(the_old_groups_bound_it_too),
		CASE(a_long_name_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
