/* SPDX-License-Identifier: BSD-2-Clause */
/* bench-guard [GROUP...]: runs the groups that are named, or all. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct group {
	const char *name;
	int (*run)(void);
	const char *help;
} groups[] = {
	{ "floods", bench_floods, "what floods cost, and leave to others (needs root)" },
	{ "policy", bench_policy, "a verdict with ten rules, and with 100,000" },
	{ "scans", bench_scans, "what watching for scans costs, and who is found" },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const struct group *find(const char *name)
{
	for (size_t i = 0; i < GROUPS; i++) {
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	}
	return NULL;
}

static bool named(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return false;
}

static int usage(FILE *out)
{
	fputs("usage: bench-guard [GROUP...]\nGroups:\n", out);
	for (size_t i = 0; i < GROUPS; i++)
		fprintf(out, "  %-10s %s\n", groups[i].name, groups[i].help);
	return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	for (int i = 1; i < argc; i++) {
		if (!find(argv[i])) {
			say("there is no group '%s'", argv[i]);
			return usage(stderr);
		}
	}
	for (size_t i = 0; i < GROUPS; i++) {
		if (argc == 1 || named(groups[i].name, argc, argv))
			failed |= groups[i].run();
	}
	return failed ? 1 : 0;
}
