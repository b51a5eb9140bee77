/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of bench/ print, and what they are told by their environment. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>

/* Prints a figure at once, with digits enough for its size. */
void figure(const char *name, double value, const char *unit);
/* A line on standard error, behind the program's name. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A number from the environment, or `otherwise`. */
long chosen(const char *name, long otherwise);
/* BENCH_MINATO: the program that was built beside this one, unless another is named. */
void name_minato(void);
/* Processor time of this thread, seconds. */
double cpu_seconds(void);

/* What can be asked for by a word; `run` returns 0, or not when something failed. */
struct group {
	const char *name;
	int (*run)(void);
	const char *help;
};
/* Runs the groups that are named (argv + 1), or all; returns the exit code. */
int run_groups(const struct group *groups, size_t count, char **names);

#endif
