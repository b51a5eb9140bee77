/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scans: what the host value has recognised (minato/scan.h), on its way to people.
 *
 *   host value -> worker (scanning.c) -- control socket --> minato scans (scans.c)
 *                    |
 *                    +-- channel --> keeper (alerting.c): a line, and where it shall go besides
 *
 * The keeper believes nothing of what comes: numbers are checked, and all text is its own.
 */
#ifndef MINATO_CMD_SCANS_H
#define MINATO_CMD_SCANS_H

#include "cmd/cmd.h"

/* ---- scantext.c: a scan in words ---- */

#define CMD_SCAN_TEXT 512
#define CMD_SCAN_KINDS_TEXT 160

/* Whether all of its members are in their ranges. */
bool cmd_scan_sound(const struct minato_scan *scan);
/* "syn version", or "unknown"; returns `out`. */
const char *cmd_scan_kinds(char out[CMD_SCAN_KINDS_TEXT], uint32_t kinds);
/* "203.0.113.7", "2001:db8::/64"; returns `out`, which has room for 64. */
const char *cmd_scan_source(char *out, const struct minato_scan *scan);
/* One line without its newline; ports, addresses and words of our own alone. Returns `out`. */
const char *cmd_scan_text(char out[CMD_SCAN_TEXT], const struct minato_scan *scan);
/* A new object, its times as seconds since 1970; minato-scans(1) says which members. */
json_t *cmd_scan_json(const struct minato_scan *scan);

/* ---- scanning.c: the worker's side ---- */

/* struct cmd_answers's scan and scan_forget; `user` is the worker. */
json_t *cmd_scanning_row(void *user, uint64_t *cursor);
int cmd_scanning_forget(void *user, uint64_t number);
/* The step at which a new flow is shut out because its source is blocked as a scanner now, with
   "until" (since 1970), "left_s" and "source"; NULL: it is not, or the flow stands. */
json_t *cmd_scanning_step(struct minato *host, const struct minato_question *question);
/* Tells the keeper what is new, a bounded part of it in each turn. */
void cmd_scanning_turn(struct cmd_worker *worker);

/* ---- alerting.c: the keeper's side ---- */

/* Adds one way of telling. `path`: of the command, which must be executable, or of the file, which
   is made if it is not there. 0, or negative errno with a text. */
int cmd_alerting_add(struct cmd_alerting *alerting, enum cmd_alert_sort sort, const char *path,
		     struct drive_error *error);
/* Forgets all ways. What a command that runs does is its own business. */
void cmd_alerting_clear(struct cmd_alerting *alerting);
/* A worker has sent CMD_ASK_SCAN: tells of it. Negative errno: no worker of ours does. */
int cmd_alerting_take(struct cmd_harbour *harbour, const struct cmd_message *message);
/* Tells how many were left out, once no more are; when that is due. */
struct minato_time cmd_alerting_turn(struct cmd_harbour *harbour, struct minato_time now);

extern const struct cmd_command cmd_scans;

#endif
