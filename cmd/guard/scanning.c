/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's side of scans: tells of them who asks, and the keeper unasked. */
#include "cmd/guard/scans.h"

#include <errno.h>

#include "minato/guard.h"

#define EVENTS_A_TURN 8
#define STEPS_MAX 8u
#define NS_PER_S INT64_C(1000000000)

json_t *cmd_scanning_row(void *user, uint64_t *cursor)
{
	struct cmd_worker *worker = user;
	struct minato_scan scan;

	return minato_scan_row(worker->host, cursor, &scan) ? cmd_scan_json(&scan) : NULL;
}

/* ---- why a flow is shut out ---- */

/* What had been begun goes on. */
static bool is_begun(struct minato *host, const struct minato_question *question)
{
	struct minato_step steps[STEPS_MAX];
	size_t count = minato_explain(host, question, steps, STEPS_MAX);

	for (size_t i = 0; i < count; i++) {
		if (steps[i].step == MINATO_STEP_FLOW && steps[i].found)
			return true;
	}
	return false;
}

json_t *cmd_scanning_step(struct minato *host, const struct minato_question *question)
{
	struct minato_time now = drive_now();
	struct minato_scan scan;
	char source[64];
	json_t *said, *step;

	if (!minato_scan_find(host, question->scope, &question->remote.addr, &scan) ||
	    scan.blocked_until.ns <= now.ns || is_begun(host, question))
		return NULL;
	said = cmd_scan_json(&scan);
	step = json_pack("{s:s,s:b,s:s,s:b,s:I,s:s}", "step", "scan", "found", 1, "verdict",
			 "dropped", "stops", 1, "left_s",
			 (json_int_t)((scan.blocked_until.ns - now.ns + NS_PER_S - 1) / NS_PER_S),
			 "source", cmd_scan_source(source, &scan));
	json_object_set(step, "until", json_object_get(said, "blocked_until"));
	json_decref(said);
	return step;
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
