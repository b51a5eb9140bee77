/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat: what all its verbs share. */
#ifndef MINATO_CMD_NAT_H
#define MINATO_CMD_NAT_H

#include "cmd/cmd.h"
#include "verify/verify.h"

extern const struct cmd_command cmd_nat;

/* The options of `minato nat`, by verb. Each verb refuses those of others: cmd_nat_only. */
struct cmd_nat_options {
	bool json;
	bool no_header;
	/* verify */
	struct cmd_many row;
	bool list, packets;
	const char *against;
	bool fleeting; /* set */
};

/* ---- nat_verify.c ---- */

/* The exit code. */
int cmd_nat_verify(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);

/* ---- gateway/natlive.c: of a gateway that runs ---- */

/* Each returns the exit code. */
int cmd_nat_show(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_change(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_flows(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_end(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);

#endif
