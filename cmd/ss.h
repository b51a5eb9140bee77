/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `minato ss` have in common. */
#ifndef MINATO_CMD_SS_H
#define MINATO_CMD_SS_H

#include "cmd/cmd.h"
#include "kernel/kernel.h"
#include "view/filter.h"

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
 * at most: what has no name by then has none.
 */
void cmd_resolver_learn(struct cmd_resolver *resolver, const struct view_row *rows, size_t count);
/* The name, or NULL; `user` is the resolver, so that this is a view_look's host. */
const char *cmd_resolver_name(void *user, const struct minato_addr *addr);
/*
 * How many addresses a host of that name has, at most `size`; family 4, 6, or 0 for both. Takes five
 * seconds at most. -ENOENT where there is none, -ETIMEDOUT.
 */
int cmd_resolve_name(const char *name, uint8_t family, struct minato_addr *addrs, int size);

#endif
