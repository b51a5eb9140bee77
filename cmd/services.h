/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of ports, and all that is known of one: what `minato services` shows. */
#ifndef MINATO_CMD_SERVICES_H
#define MINATO_CMD_SERVICES_H

#include "cmd/cmd.h"
#include "minato/services.h"

/* ---- naming.c: the names of ports on this host ---- */

/*
 * Reads a services file; NULL is that of the host, which may be missing. The result is one block,
 * to be freed. NULL with a text in case of failure.
 */
struct minato_services *cmd_naming_open(const char *path, struct drive_error *error);

#endif
