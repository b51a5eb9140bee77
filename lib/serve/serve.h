/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve: small servers on top of the stack, and the entrance to both.
 *
 * The stack knows no server: it notes who asked for a router, and what runs
 * here looks after every batch and at every deadline.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include "stack/stack.h"

/* --- advertise.c: router advertisements (RFC 4861 6.2) ------------------ */

/* Sends what is due on all links. */
void advertise_run(struct minato *m);
struct minato_time advertise_deadline(const struct minato *m);

#endif
