/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify: the behaviour that the RFCs ask of a NAT, as tests that run.
 *
 * A *row* is one numbered requirement of RFC 4787 (UDP), 5382 (TCP), 5508 (ICMP), 6888
 * (carrier-grade) or 7857 (updates; its sections are the numbers). It is a function that sends
 * packets at a *NAT under test* and looks at what comes out:
 *
 *	inside                       NAT                     outside
 *	A 10.0.0.2, B 10.0.0.3 ..  --    --  X 203.0.113.9, Y 203.0.113.10, R 192.0.2.77 (a router)
 *	                       10.0.0.1   198.51.100.1
 *
 * Both links carry bare IP packets. A NAT under test is a table of functions: minato in virtual
 * time (own.c), Linux's in a namespace of our own (nftables.c). Whatever leaves a NAT, asked for or
 * not, is checked: every checksum is computed again, and no address of the inside may be seen
 * outside, in headers or in the packets that ICMP errors quote.
 *
 * Packets are built and read here, without the help of lib/wire: a mistake there cannot hide. Of
 * the stack verify knows minato.h and gateway.h alone.
 *
 * A grader of NATs elsewhere, with sockets (grade.c), needs a responder outside (respond.c).
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "minato/minato.h"

/* ---- rowtable.c, table.h: the table ---- */

enum verify_level { VERIFY_MUST, VERIFY_SHOULD, VERIFY_MAY };
/* "must", "should", "may". */
const char *verify_level_word(enum verify_level level);

struct verify_row {
	const char *id;	  /* "4787-R3a" */
	const char *asks; /* the requirement, in a few words */
	enum verify_level level;
	bool expected; /* minato is expected to meet it */
};

/* The 97 requirements. */
extern const struct verify_row verify_rows[];
extern const size_t verify_row_count;
/* The row of that id, without regard to case; or NULL. */
const struct verify_row *verify_find(const char *id);

#endif
