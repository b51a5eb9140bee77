/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a port cannot be had, and how it becomes free. */
#ifndef MINATO_CMD_WHO_H
#define MINATO_CMD_WHO_H

#include "cmd/see/holders.h"

/* ---- remedy.c: what makes a holder go. Each writes into `out`, cut to `size`; returns it. ---- */

#define CMD_HOLDER_TEXT 320

/* "running since 14:02:11 (2h03m)"; empty where that is not known. Seconds since 1970. */
const char *cmd_since_text(char *out, size_t size, int64_t started_s, int64_t now_s);
/* The command that frees the port, or what to wait for: "sudo systemctl stop nginx.service". */
const char *cmd_remedy_text(char *out, size_t size, const struct cmd_holder *holder);

/* A new reference: cmd_holder_json's members, and those that minato-who(1) adds. */
json_t *cmd_held_json(const struct cmd_holder *holder);

/* ---- taken.c: "address in use", said in the same words wherever minato meets it ---- */

/*
 * Up to `room` ports at all these places that the caller could bind now, the nearest to `port`
 * first; none that is reserved or that the kernel gives to connections. Returns how many.
 */
size_t cmd_nearest_free(const struct drive_place *places, size_t count, uint16_t port,
			uint16_t *nearest, size_t room);
/*
 * "host port 80/tcp is taken by nginx (pid 812, user www-data), running since 14:02:11 (2h03m); to
 * free it: sudo systemctl stop nginx.service; the next free ones are 81, 82, 83". `what` is its
 * beginning, "host port 80/tcp". With `alone` no guest is asked what it publishes: for one whose
 * own guest would wait for it. Returns -EADDRINUSE.
 */
int cmd_taken(const char *what, const struct drive_place *places, size_t count, uint16_t port,
	      bool alone, struct drive_error *error);
/*
 * Says in words why a list could not be published, as relay_publish_explain, and of a port that is
 * taken by whom. Returns -errnum.
 */
int cmd_publish_explain(const struct relay_publish *list, const struct relay_failure *failure,
			const struct drive_subnet *subnet, bool alone, struct drive_error *error);

/* ---- natrules.c ---- */

/*
 * All rules of the host kernel as nft tells them, a new reference. NULL where nft is not installed
 * or not for the caller: it is for root alone.
 */
json_t *cmd_nat_read(void);
/*
 * Whether one of these rules (NULL: none) sends what arrives for the port elsewhere; then where it
 * stands, "table ip nat, chain DOCKER".
 */
bool cmd_nat_rule(const json_t *rules, char *out, size_t size, uint8_t proto, uint16_t port);

/* ---- who.c ---- */

extern const struct cmd_command cmd_who;

#endif
