/* SPDX-License-Identifier: BSD-2-Clause */
/* bench-gateway [GROUP...]: runs the groups that are named, or all. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A group of memory.c has no `run`: it is a program of its own, beside this one. */
static const struct group {
	const char *name;
	int (*run)(void);
	const char *help;
} groups[] = {
	{ "memory", NULL, "ten million sessions, ten to a mapping: memory and setting up" },
	{ "mapped", NULL, "the same, one to a mapping" },
	{ "translate", NULL, "packets translated in memory" },
	{ "pass", bench_pass, "the same through a host value's input and output" },
	{ "begin", bench_begin, "new sessions through a host value's input and output" },
	{ "full", NULL, "new mappings while 99.99 % of the ports are used" },
	{ "net", bench_net, "between namespaces, beside nftables (needs root)" },
};
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static bool named(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return false;
}

static bool known(const char *name)
{
	for (size_t i = 0; i < GROUPS; i++) {
		if (strcmp(groups[i].name, name) == 0)
			return true;
	}
	return false;
}

static int usage(FILE *out)
{
	fputs("usage: bench-gateway [GROUP...]\nGroups:\n", out);
	for (size_t i = 0; i < GROUPS; i++)
		fprintf(out, "  %-10s %s\n", groups[i].name, groups[i].help);
	return out == stdout ? 0 : 2;
}

static int run(const struct group *group, const char *self)
{
	char path[4096];
	int status = -1;
	pid_t child;

	if (group->run)
		return group->run();
	snprintf(path, sizeof(path), "%s-memory", self);
	child = fork();
	if (child == 0) {
		execl(path, path, group->name, (char *)NULL);
		say("%s: %s", path, strerror(errno));
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	for (int i = 1; i < argc; i++) {
		if (!known(argv[i])) {
			say("there is no group '%s'", argv[i]);
			return usage(stderr);
		}
	}
	for (size_t i = 0; i < GROUPS; i++) {
		if (argc == 1 || named(groups[i].name, argc, argv))
			failed |= run(&groups[i], argv[0]);
	}
	return failed ? 1 : 0;
}
