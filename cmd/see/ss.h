/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `minato ss` have in common. */
#ifndef MINATO_CMD_SS_H
#define MINATO_CMD_SS_H

#include "cmd/cmd.h"
#include "kernel/kernel.h"
#include "view/filter.h"
#include "view/watch.h"

/* What the command line says. */
struct ss_options {
	bool tcp, udp, all, listening, numeric, resolve, only4, only6;
	bool no_header, oneline, processes, extended, json;
	bool timers, info, memory, summary, kill, host, netstat, wide;
	const char *guest, *filter;
	const char *watch; /* seconds, "" or NULL */
};

/* One run: where rows come from, and where they go. */
struct cmd_ss {
	const struct ss_options *chosen;
	struct view_filter filter;
	struct kernel_owners *owners; /* NULL: not asked for */
	struct kernel_groups *groups; /* NULL: not asked for */
	struct kernel_knobs knobs;    /* of this host */
	/* Each row that the filter lets pass; other than 0 ends the listing and is returned. */
	int (*take)(struct cmd_ss *ss, const struct view_row *row);
	void *user; /* of `take` */
};

/*
 * Reads the host, the guests of these names, or the one that was chosen, and gives every row on.
 * CMD_OK, or the exit code after it has said what is wrong.
 */
int cmd_ss_list(struct cmd_ss *ss, const struct cmd_names *names);
/* Reads what rows are described by, as it is now: guests' names, owners, cgroups, knobs. */
void cmd_ss_begin(struct cmd_ss *ss, struct cmd_names *names);
void cmd_ss_end(struct cmd_ss *ss, struct cmd_names *names);

/* Puts the row to the filter, and gives it on. */
int cmd_ss_row(struct cmd_ss *ss, const struct view_row *row);

/* ---- ss_host.c: rows of kernels' sockets ---- */

#define CMD_OWNERS_MAX 64 /* of one socket, as many are shown */

/* What a row of a kernel's socket borrows. */
struct cmd_details {
	struct view_memory memory;
	struct view_tcp tcp, own_tcp;
	struct view_owner owners[CMD_OWNERS_MAX];
	char interface[16];
};

/* The part of a query that the options decide. */
struct kernel_query cmd_ss_query(const struct cmd_ss *ss, pid_t process);
/*
 * Adds to the row what the kernel knows of its socket: ids, timer, and what was asked for of
 * owners, memory and TCP. The row borrows `details`.
 */
void cmd_ss_describe(const struct cmd_ss *ss, struct view_row *row, struct cmd_details *details,
		     const struct kernel_socket *socket);
/* A row of the socket, of kind "host", without what cmd_ss_describe adds. */
void cmd_ss_make(struct view_row *row, const struct kernel_socket *socket);
/* All of this host's kernel, as they come. 0, what `take` returned, or negative errno. */
int cmd_ss_host(struct cmd_ss *ss);

/* ---- ss_guest.c: rows of a guest: of minato's table, and what waits in its own kernel ---- */

/* In order. 0, what `take` returned, or negative errno with a text. */
int cmd_ss_guest(struct cmd_ss *ss, const char *name, struct drive_error *error);

/* ---- ss_print.c: a listing on standard output ---- */

struct cmd_ss_print;

/* Sets `take`, so that rows are printed as they come. NULL when memory ran out. */
struct cmd_ss_print *cmd_ss_print_open(struct cmd_ss *ss, bool host_only);
/* Prints a row; what it borrows may be used again at once. 0 or negative errno. */
int cmd_ss_print_row(struct cmd_ss_print *print, const struct view_row *row);
/* Prints what is left. 0 or negative errno. */
int cmd_ss_print_close(struct cmd_ss_print *print);
/* Prints what waits for names of hosts. 0 or negative errno. */
int cmd_ss_print_flush(struct cmd_ss_print *print);
/* How it is drawn; lives as long. */
const struct view_look *cmd_ss_print_look(const struct cmd_ss_print *print);
/* From now on rows go to the watch, not to standard output; it is ended by cmd_ss_print_drop. */
void cmd_ss_print_to(struct cmd_ss_print *print, struct watch *watch);
/* Ends it where there is nothing to list: no heading, no empty document. */
void cmd_ss_print_drop(struct cmd_ss_print *print);

/* ---- ss_kill.c: ending connections ---- */

struct cmd_ss_kill {
	struct cmd_ss_print *print; /* shows what was closed */
	size_t closed, kept;
};

/* A `take` that closes what the row is about, and shows it; what it cannot close it says. */
int cmd_ss_kill(struct cmd_ss *ss, const struct view_row *row);
/* Says what there is to say when all rows have come. */
void cmd_ss_kill_end(const struct cmd_ss_kill *kill);

/* ---- ss_summary.c: counts of sockets ---- */

/* Prints the counts of this host, as ss -s. 0 or negative errno. */
int cmd_ss_summary(FILE *out);
/*
 * The same of a guest, whose rows are counted: of some counts a kernel has those of the whole
 * machine alone. As cmd_ss_guest.
 */
int cmd_ss_guest_summary(FILE *out, const struct cmd_ss *ss, const char *name,
			 struct drive_error *error);

/* ---- matching.c: the sockets of a guest's own kernel, and the rows they belong to ---- */

struct cmd_sockets {
	struct kernel_socket *list;
	size_t count, room;
};

/* Keeps what kernel_sockets tells, in the order in which they are searched. 0 or negative errno. */
int cmd_sockets_read(struct cmd_sockets *sockets, const struct kernel_query *query);
void cmd_sockets_free(struct cmd_sockets *sockets);
/* The socket at this end of a flow or waiting for one, or NULL. */
const struct kernel_socket *cmd_sockets_find(const struct cmd_sockets *sockets,
					     const struct view_row *row);

/* ---- filtering.c: the words of a filter ---- */

/*
 * Reads the filter of these words (up to NULL) and of the file (NULL: none; "-": standard input).
 * `filter` says which protocols a service may be of. CMD_GO_ON, or the exit code after it has
 * said what is wrong and where.
 */
int cmd_filter_read(struct filter_program *program, const struct view_filter *filter,
		    char *const *words, const char *file);

/* ---- resolving.c: names of hosts, within a bounded time ---- */

struct cmd_resolver;

/* NULL when memory ran out. */
struct cmd_resolver *cmd_resolver_open(void);
/* `resolver` may be NULL. */
void cmd_resolver_close(struct cmd_resolver *resolver);
/*
 * Learns the names of all addresses in the rows that it has not asked for before. Takes two seconds
 * at most: what has no name by then has none. After some of these for nothing nobody asks for a
 * minute, so that a listing of many rows does not wait for servers that are dead.
 */
void cmd_resolver_learn(struct cmd_resolver *resolver, const struct view_row *rows, size_t count);
/* The name, or NULL; `user` is the resolver, so that this is a view_look's host. */
const char *cmd_resolver_name(void *user, const struct minato_addr *addr);
/*
 * How many addresses a host of that name has, at most `size`; family 4, 6, or 0 for both. Takes
 * five seconds at most. -ENOENT where there is none, -ETIMEDOUT.
 */
int cmd_resolve_name(const char *name, uint8_t family, struct minato_addr *addrs, int size);

/* ---- ss_watch.c: minato ss --watch ---- */

/* `title` says in words what is listed. Returns the exit code. */
int cmd_ss_watch(struct cmd_ss *ss, const char *title);

/* ---- watching.c: a listing again and again ---- */

#define CMD_WATCH_MS_LEAST 100
#define CMD_WATCH_MS_MOST 3600000

struct cmd_watch {
	const char *title; /* what is shown, in a few words */
	int64_t every_ms;
	struct view_look look;
	/* Gives each row to watch_row; CMD_OK, or an exit code after it has said what is wrong. */
	int (*list)(void *user, struct watch *watch);
	void *user;
};

/* Milliseconds of a text of seconds, "2" or "0.5"; "" is one second. -EINVAL beyond the bounds. */
int64_t cmd_watch_every(const char *text);
/*
 * Shows the listing until the user ends it: on a terminal as a screen, elsewhere as lines. Returns
 * the exit code; a signal that ends it ends the process.
 */
int cmd_watch(const struct cmd_watch *plan);

#endif
