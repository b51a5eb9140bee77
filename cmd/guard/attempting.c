/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of the audit wait, in their order, until it is known whose flow each is about. */
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

static struct cmd_attempt_wait *place(struct cmd_attempts *attempts, size_t nth)
{
	return &attempts->ring[(attempts->first + nth) % CMD_ATTEMPTS_WAITING];
}

static void write_ready(struct cmd_attempts *attempts)
{
	while (attempts->waiting > 0 && place(attempts, 0)->number == 0) {
		struct cmd_attempt_wait *one = place(attempts, 0);

		cmd_attempts_write(attempts, one->text);
		free(one->text);
		one->text = NULL;
		attempts->first = (attempts->first + 1) % CMD_ATTEMPTS_WAITING;
		attempts->waiting--;
	}
}

char *cmd_attempting_add(char *text, const struct cmd_holding *holding)
{
	const struct kernel_program *first = &holding->list[0];
	char name[KERNEL_PROGRAM_PATH];
	json_t *program = view_json_string(kernel_program_name(name, sizeof(name), first));
	json_t *more = json_pack("{s:o,s:i}", "program", program, "pid", (int)first->pid);
	char *members;
	char *whole;
	size_t len;

	if (text && holding->count > 1)
		(void)json_object_set_new(more, "holders", json_integer(holding->count));
	members = text ? json_dumps(more, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(more);
	len = members ? strlen(text) : 0;
	whole = len > 0 ? realloc(text, len + strlen(members) + 1) : NULL;
	if (!whole) {
		free(members);
		return text;
	}
	/* "{...}" and "{...}" become one. */
	whole[len - 1] = ',';
	memcpy(whole + len, members + 1, strlen(members));
	free(members);
	return whole;
}

static void settle(struct cmd_attempt_wait *one, const struct cmd_holding *holding)
{
	one->number = 0;
	if (holding && holding->count > 0)
		one->text = cmd_attempting_add(one->text, holding);
}

static void program_told(void *user, uint64_t number, const struct cmd_holding *holding)
{
	struct cmd_attempts *attempts = user;

	for (size_t i = 0; i < attempts->waiting; i++) {
		if (place(attempts, i)->number == number)
			settle(place(attempts, i), holding);
	}
	write_ready(attempts);
}

/* Whether it is about a flow that a socket of the guest begins. */
static bool has_socket(const struct cmd_attempts *attempts, const struct relay_attempt *attempt)
{
	return attempts->worker && attempts->worker->harbour->seeking && attempt->guest.port &&
	       (attempt->proto == MINATO_TCP || attempt->proto == MINATO_UDP) &&
	       (attempt->sort == RELAY_ATTEMPT_BEGUN ||
		(attempt->sort == RELAY_ATTEMPT_REFUSED && !attempt->flow));
}

void cmd_attempting_line(struct cmd_attempts *attempts, const struct relay_attempt *attempt,
			 char *text)
{
	const struct cmd_whose wanted = { { attempt->proto, attempt->guest, attempt->to }, false };
	const struct cmd_holding *known = NULL;
	struct cmd_attempt_wait *one;

	if (attempts->waiting == CMD_ATTEMPTS_WAITING) {
		place(attempts, 0)->number = 0;
		write_ready(attempts);
	}
	one = place(attempts, attempts->waiting++);
	*one = (struct cmd_attempt_wait){ .text = text };
	if (has_socket(attempts, attempt)) {
		known = attempts->worker->asked.deciding;
		one->number = ++attempts->asked;
	}
	if (known)
		settle(one, known);
	if (one->number)
		cmd_witness_ask(attempts->worker, &wanted, program_told, attempts, one->number);
	else
		write_ready(attempts);
}

void cmd_attempts_end(struct cmd_attempts *attempts)
{
	for (size_t i = 0; i < attempts->waiting; i++)
		place(attempts, i)->number = 0;
	write_ready(attempts);
}
