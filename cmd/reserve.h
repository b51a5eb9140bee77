/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reserved ports (drive/reserved.h) in running guests. A guest's keeper reads them at its start,
 * its workers have them as entries of the port table; `minato reserve` tells both of a change:
 *
 *   minato reserve --- reserve-add, reserve-rm ---> worker: its table
 *                                                     |  CMD_ASK_RESERVE, CMD_ASK_UNRESERVE
 *                                                   keeper: for the next worker, and for -p auto
 */
#ifndef MINATO_CMD_RESERVE_H
#define MINATO_CMD_RESERVE_H

#include "cmd/cmd.h"
#include "drive/reserved.h"

#define CMD_RESERVED_MAX 1024 /* in one guest */

/* ---- reserving.c ---- */

/* Between keeper, worker and command: a new reference, and back; -EPROTO. */
json_t *cmd_reservation_message(const struct drive_reservation *reservation);
int cmd_reservation_read(struct drive_reservation *out, const json_t *message);

/* The keeper, before it has a worker: what is reserved; `quiet`: nothing is said of wrong lines. */
void cmd_reserving_begin(struct cmd_harbour *harbour, bool quiet);
/*
 * The keeper: a worker asks, by the message; negative errno: none of ours asks that, or nobody has
 * come who could have ordered it.
 */
int cmd_reserving_take(struct cmd_harbour *harbour, const struct cmd_message *message);
/*
 * The keeper: whether a port that the guest opened is not to be published, which is then said
 * unless `again`.
 */
bool cmd_reserving_refuses(const struct cmd_harbour *harbour, const struct relay_spec *spec,
			   bool again);
/* The worker: makes its table have what the harbour has. 0 or negative errno. */
int cmd_reserving_apply(struct cmd_worker *worker);

/* struct cmd_answers's; `user` is the worker. */
int cmd_reserving_order(void *user, const json_t *request, bool add, struct drive_error *error);
json_t *cmd_reserving_row(void *user, uint64_t *cursor);

/* ---- reserve.c ---- */

/*
 * Adds what is reserved in the guest of that name to the list. 0 or negative errno with a text
 * (-ENOENT: no such guest).
 */
int cmd_reserved_ask(struct drive_reserved *out, const char *guest, struct drive_error *error);
/* A drive_wrong_fn that says it. */
void cmd_reserved_wrong(void *user, const char *text);

extern const struct cmd_command cmd_reserve;

/* ---- reservelist.c ---- */

/* Prints what is reserved here, or in that guest; the exit code. */
int cmd_reserve_list(const char *guest, bool json, bool header);

#endif
