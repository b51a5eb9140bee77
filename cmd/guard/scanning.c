/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's side of scans: tells of them who asks, and the keeper unasked. */
#include "cmd/guard/scans.h"

#include <errno.h>

#define EVENTS_A_TURN 8

json_t *cmd_scanning_row(void *user, uint64_t *cursor)
{
	struct cmd_worker *worker = user;
	struct minato_scan scan;

	return minato_scan_row(worker->host, cursor, &scan) ? cmd_scan_json(&scan) : NULL;
}

int cmd_scanning_forget(void *user, uint64_t number)
{
	struct cmd_worker *worker = user;

	return minato_scan_forget(worker->host, number);
}

void cmd_scanning_turn(struct cmd_worker *worker)
{
	struct cmd_message message = { .kind = CMD_ASK_SCAN };

	for (int i = 0; i < EVENTS_A_TURN && minato_scan_event(worker->host, &message.scan); i++) {
		/* Where the keeper does not keep up, the listing still has it. */
		if (cmd_channel_send(worker->channel, &message, NULL, 0) < 0)
			return;
	}
}
