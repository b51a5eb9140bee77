/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of `minato ss` have in common. */
#ifndef MINATO_CMD_SS_H
#define MINATO_CMD_SS_H

#include "cmd/cmd.h"
#include "kernel/kernel.h"

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

#endif
