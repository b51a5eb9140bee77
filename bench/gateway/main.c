/* SPDX-License-Identifier: BSD-2-Clause */
/* bench-gateway [GROUP...]: runs the groups that are named, or all. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where this program lies: beside bench-gateway-memory. */
static const char *self;

/* A group of memory.c is a program of its own: it sees no host value. */
static int beside(const char *group)
{
	char path[4096];
	int status = -1;
	pid_t child;

	snprintf(path, sizeof(path), "%s-memory", self);
	child = fork();
	if (child == 0) {
		execl(path, path, group, (char *)NULL);
		say("%s: %s", path, strerror(errno));
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

static int memory(void)
{
	return beside("memory");
}

static int mapped(void)
{
	return beside("mapped");
}

static int translate(void)
{
	return beside("translate");
}

static int full(void)
{
	return beside("full");
}

static const struct group groups[] = {
	{ "memory", memory, "ten million sessions, ten to a mapping: memory and setting up" },
	{ "mapped", mapped, "the same, one to a mapping" },
	{ "translate", translate, "packets translated in memory" },
	{ "pass", bench_pass, "the same through a host value's input and output" },
	{ "begin", bench_begin, "new sessions through a host value's input and output" },
	{ "full", full, "new mappings while 99.99 % of the ports are used" },
	{ "net", bench_net, "between namespaces, beside nftables (needs root)" },
};

int main(int argc, char **argv)
{
	(void)argc;
	self = argv[0];
	return run_groups(groups, sizeof(groups) / sizeof(groups[0]), argv + 1);
}
