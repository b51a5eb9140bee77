/* SPDX-License-Identifier: BSD-2-Clause */
/* bench-guard [GROUP...]: runs the groups that are named, or all. */
#include "bench.h"

#include <time.h>

static const struct group groups[] = {
	{ "connections", bench_connections,
	  "who holds connections, and what is left (needs root)" },
	{ "floods", bench_floods, "what floods cost, and leave to others (needs root)" },
	{ "policy", bench_policy, "a verdict with ten rules, and with 100,000" },
	{ "scans", bench_scans, "what watching for scans costs, and who is found" },
};

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	(void)argc;
	return run_groups(groups, sizeof(groups) / sizeof(groups[0]), argv + 1);
}
