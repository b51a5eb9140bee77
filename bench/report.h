/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs of bench/ print, and what they are told by their environment. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

/* Prints a figure at once, with digits enough for its size. */
void figure(const char *name, double value, const char *unit);
/* A line on standard error, behind the program's name. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A number from the environment, or `otherwise`. */
long chosen(const char *name, long otherwise);
/* Processor time of this thread, seconds. */
double cpu_seconds(void);

#endif
