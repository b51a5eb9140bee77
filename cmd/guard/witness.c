/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which program of the guest a flow is of. The worker sees no processes, so it asks the keeper,
 * which sees the guest's; the flow waits meanwhile, so that its process does too.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- the worker ---- */

static struct cmd_inquiry *find(struct cmd_witness *witness, uint64_t number)
{
	for (size_t i = 0; i < CMD_WITNESS_MAX; i++) {
		if (witness->inquiries[i].number == number)
			return &witness->inquiries[i];
	}
	return NULL;
}

void cmd_witness_ask(struct cmd_worker *worker, const struct cmd_whose *wanted,
		     cmd_witness_fn *told, void *user, uint64_t word)
{
	struct cmd_inquiry *inquiry = find(&worker->witness, 0);
	struct cmd_message message = { .kind = CMD_ASK_PROGRAM };
	struct cmd_holding nobody = { .count = -EBUSY };

	message.inquiry.number = worker->witness.last + 1;
	message.inquiry.flow = wanted->flow;
	message.inquiry.all = wanted->all;
	if (wanted->flow.proto != MINATO_TCP && wanted->flow.proto != MINATO_UDP)
		nobody.count = -EPROTONOSUPPORT;
	else if (inquiry && !worker->witness.over &&
		 cmd_channel_send(worker->channel, &message, NULL, 0) == 0) {
		*inquiry = (struct cmd_inquiry){ ++worker->witness.last, told, user, word };
		return;
	}
	told(user, word, &nobody);
}

void cmd_witness_told(struct cmd_worker *worker, const struct cmd_message *message)
{
	uint64_t number = message->holding.number;
	struct cmd_inquiry *inquiry = number ? find(&worker->witness, number) : NULL;
	struct cmd_inquiry one;

	if (!inquiry)
		return;
	one = *inquiry;
	inquiry->number = 0;
	one.told(one.user, one.word, &message->holding);
}

void cmd_witness_end(struct cmd_worker *worker)
{
	const struct cmd_holding nobody = { .count = -ESRCH };

	worker->witness.over = true;
	for (size_t i = 0; i < CMD_WITNESS_MAX; i++) {
		struct cmd_inquiry one = worker->witness.inquiries[i];

		worker->witness.inquiries[i].number = 0;
		if (one.number)
			one.told(one.user, one.word, &nobody);
	}
}

/* ---- the keeper ---- */

void cmd_witness_open(struct cmd_harbour *harbour)
{
	bool made_here = !harbour->target;
	int result;

	harbour->seeker = (struct kernel_seeker){ .proc = -1, .diag = -1 };
	/* A rule that is said later may name one, when it is too late to look safely. */
	harbour->sought = true;
	result = kernel_seeker_open(&harbour->seeker, cmd_harbour_entrance(harbour), made_here);
	if (result < 0 && harbour->seeking)
		cmd_say("the programs of this guest cannot be told apart: %s", strerror(-result));
}

void cmd_witness_close(struct cmd_harbour *harbour)
{
	if (harbour->sought)
		kernel_seeker_close(&harbour->seeker);
}

/* Whether all run one file: every holder could send, so every one must be who is meant. */
static bool is_same(const struct kernel_program *list, int count)
{
	for (int i = 0; i < count; i++) {
		if (!list[i].inode || list[i].deleted || list[i].inode != list[0].inode ||
		    list[i].device != list[0].device)
			return false;
	}
	return count > 0;
}

void cmd_witness_look(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	enum { LOOK_MAX = 16 };
	struct kernel_program list[LOOK_MAX];
	struct cmd_message answer = { .kind = CMD_TELL_PROGRAM };
	struct cmd_holding *holding = &answer.holding;

	holding->number = message->inquiry.number;
	holding->count = -EOPNOTSUPP;
	if (harbour->seeker.diag >= 0 && cmd_channel_is_bool(&message->inquiry.all))
		holding->count = kernel_program_seek(&harbour->seeker, &message->inquiry.flow,
						     message->inquiry.all, list, LOOK_MAX);
	for (int i = 0; i < holding->count && i < (int)CMD_HOLDERS_MAX; i++)
		holding->list[i] = list[i];
	holding->same = holding->count <= LOOK_MAX && is_same(list, holding->count);
	if (holding->same)
		holding->program =
			cmd_programs_of(&harbour->programs, list, (size_t)holding->count);
	(void)cmd_channel_send(harbour->hand.channel, &answer, NULL, 0);
}
