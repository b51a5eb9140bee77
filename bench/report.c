/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void figure(const char *name, double value, const char *unit)
{
	printf("%s %.*f %s\n", name, value < 10 ? 3 : value < 1000 ? 1 : 0, value, unit);
	fflush(stdout);
}

void say(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

long chosen(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtol(text, NULL, 10) : otherwise;
}

double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool named(const char *name, char **names)
{
	while (*names && strcmp(name, *names) != 0)
		names++;
	return *names != NULL;
}

static const char *unknown(const struct group *groups, size_t count, char **names)
{
	for (; *names; names++) {
		size_t i = 0;

		while (i < count && strcmp(groups[i].name, *names) != 0)
			i++;
		if (i == count)
			return *names;
	}
	return NULL;
}

static int usage(FILE *out, const struct group *groups, size_t count)
{
	fprintf(out, "usage: %s [GROUP...]\nGroups:\n", program_invocation_short_name);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  %-10s %s\n", groups[i].name, groups[i].help);
	return out == stdout ? 0 : 2;
}

int run_groups(const struct group *groups, size_t count, char **names)
{
	const char *wrong = unknown(groups, count, names);
	int failed = 0;

	if (*names && strcmp(*names, "--help") == 0)
		return usage(stdout, groups, count);
	if (wrong) {
		say("there is no group '%s'", wrong);
		return usage(stderr, groups, count);
	}
	for (size_t i = 0; i < count; i++) {
		if (!*names || named(groups[i].name, names))
			failed |= groups[i].run();
	}
	return failed ? 1 : 0;
}

void name_minato(void)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash;

	path[length < 0 ? 0 : length] = '\0';
	for (int i = 0; i < 3; i++) {
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	strcat(path, "/minato");
	setenv("BENCH_MINATO", path, 0);
}
