/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat: what all its verbs share. */
#ifndef MINATO_CMD_NAT_H
#define MINATO_CMD_NAT_H

#include "cmd/cmd.h"
#include "verify/verify.h"

extern const struct cmd_command cmd_nat;

/* The options of `minato nat`, by verb. */
struct cmd_nat_options {
	const char *name; /* of a gateway; not with verify */
	bool json;
	bool no_header;
	/* verify */
	struct cmd_many row;
	bool list, packets;
	const char *against;
	const char *outside, *respond;
	long seconds, ports;
	bool fleeting; /* set */
};

/* ---- nat_table.c: what verify found, as a table ---- */

/* What was run, and what came of it; all go with verify_rows. */
struct cmd_nat_report {
	const struct cmd_nat_options *chosen;
	bool *ran;
	struct verify_outcome *ours;
	struct verify_outcome *theirs; /* nftables'; NULL: not asked for, or not to be had */
};
/* How many requirements of those that were run are met. */
size_t cmd_nat_met(const struct cmd_nat_report *report, const struct verify_outcome *outcomes);
/* 0, or -EIO. */
int cmd_nat_text(FILE *out, const struct cmd_nat_report *report);
/* As doc/nat-verify.schema.json says. 0, -EIO or -ENOMEM. */
int cmd_nat_json(FILE *out, const struct cmd_nat_report *report);

/* ---- nat_verify.c ---- */

/* The exit code. */
int cmd_nat_verify(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);

/* ---- gateway/natlive.c: of a gateway that runs ---- */

/* Each returns the exit code. */
int cmd_nat_show(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_counters(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_change(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_unset(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_flows(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
int cmd_nat_end(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);

/* ---- nat_grade.c: --outside and --respond ---- */

/* The exit codes. */
int cmd_nat_grade(const struct cmd_nat_options *chosen);
int cmd_nat_respond(const struct cmd_nat_options *chosen);

#endif
