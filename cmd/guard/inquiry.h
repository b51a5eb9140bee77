/* SPDX-License-Identifier: BSD-2-Clause */
/* What minato why and why-not ask of a gateway or a guest: inquiry.c. */
#ifndef CMD_INQUIRY_H
#define CMD_INQUIRY_H

#include "cmd/gateway/gateway.h"

/* What is asked, and what was answered. */
struct cmd_why_inquiry {
	const struct conf_test *flow;
	char from[64], to[64];
	char proto[64];	  /* "tcp"; "icmp echo-request" */
	bool guest;	  /* it is asked of one */
	const char *link; /* by which it comes; NULL: as its source says */
	char host[256];	  /* a name that is asked about in the place of an address, or "" */
	char caller[DRIVE_NAME_SIZE]; /* another guest, as whence it comes, or "" */
	bool suppose;		      /* that a rule which stands first lets it pass */
	char beside[512];	      /* what else it takes than a rule */
	json_t *reply;
};

/* Reads the operands into `out`, which `flow` may point at. CMD_GO_ON, or the exit code, said. */
int cmd_inquiry_read(const struct cmd_command *command, struct cmd_why_inquiry *inquiry,
		     const char *name, struct conf_statement *out,
		     const struct cmd_operands *operands);
/* Asks: sets `reply`, to be given back, and the words of both ends. Returns as above. */
int cmd_inquiry_ask(struct cmd_why_inquiry *inquiry, const char *name);

#endif
