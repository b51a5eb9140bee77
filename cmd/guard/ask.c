/* SPDX-License-Identifier: BSD-2-Clause */
/* minato ask: the user answers, on a terminal of his own, what a guest with --ask wants. */
#include "cmd/cmd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* How often questions are looked for, and looked after while one is on the screen. */
#define LOOK_MS 250
#define LINE_MAX_BYTES 64

struct question {
	json_int_t number; /* 0: none */
	bool always;
	bool udp;
	char program[320], place[384];
};

static void read_question(struct question *question, const json_t *row)
{
	const char *program = json_string_value(json_object_get(row, "program"));
	const char *place = json_string_value(json_object_get(row, "place"));

	if (question->number || !program || !place)
		return;
	question->number = json_integer_value(json_object_get(row, "number"));
	question->always = json_is_true(json_object_get(row, "always"));
	question->udp = json_integer_value(json_object_get(row, "proto")) == MINATO_UDP;
	(void)snprintf(question->program, sizeof(question->program), "%s", program);
	(void)snprintf(question->place, sizeof(question->place), "%s", place);
	view_disarm(question->program);
	view_disarm(question->place);
}

/* Nothing came: the guest has gone, or it says why not. */
static int lost(const struct cmd_client *client, const struct drive_error *error)
{
	if (!client->refused)
		return -EPIPE;
	cmd_say("%s: %s", client->name, error->text);
	return -EPROTO;
}

/* The oldest question, or none; *still: whether that of this number is there. */
static int look(struct cmd_client *client, struct question *question, json_int_t number,
		bool *still)
{
	struct drive_error error;
	bool done = false;

	*question = (struct question){ .number = 0 };
	*still = false;
	if (cmd_client_send(client, json_pack("{s:s}", "request", "questions"), &error) < 0)
		return -EPIPE;
	while (!done) {
		json_t *reply = cmd_client_next(client, &error);
		const json_t *rows = json_object_get(reply, "questions");

		if (!reply)
			return lost(client, &error);
		for (size_t i = 0; i < json_array_size(rows); i++) {
			const json_t *row = json_array_get(rows, i);

			read_question(question, row);
			if (json_integer_value(json_object_get(row, "number")) == number)
				*still = true;
		}
		done = json_is_true(json_object_get(reply, "done"));
		json_decref(reply);
	}
	return 0;
}

/* A line of the user's that is being typed. */
struct typed {
	char text[LINE_MAX_BYTES];
	size_t used;
	bool endless; /* more than that was typed: no answer is so long */
};

/* Whether this ends the line; what stands behind it in what was read is left out. */
static bool take_keys(struct typed *typed, const char *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i] == '\n' || keys[i] == '\r')
			return true;
		if (typed->used + 1 == sizeof(typed->text))
			typed->endless = true;
		else
			typed->text[typed->used++] = keys[i];
	}
	return false;
}

/*
 * A line of the user's, without its end, none if it is too long: 1; 0: none within the time; -1: he
 * has gone. What was typed of it before stands in `typed`.
 */
static int read_line(struct typed *typed, char line[LINE_MAX_BYTES], int ms)
{
	struct pollfd ready = { .fd = STDIN_FILENO, .events = POLLIN };
	char keys[256];
	ssize_t got;

	if (poll(&ready, 1, ms) <= 0)
		return 0;
	got = read(STDIN_FILENO, keys, sizeof(keys));
	if (got <= 0)
		return got < 0 && errno == EINTR ? 0 : -1;
	if (!take_keys(typed, keys, (size_t)got))
		return 0;
	memcpy(line, typed->text, typed->used);
	line[typed->endless ? 0 : typed->used] = 0;
	*typed = (struct typed){ .used = 0 };
	return 1;
}

/*
 * What was typed before a question is there is no answer to it: neither lines that wait, nor the
 * beginning of one, of which the next Return would make an answer. False: the terminal has gone.
 */
static bool forget_keys(struct typed *typed)
{
	*typed = (struct typed){ .used = 0 };
	while (tcflush(STDIN_FILENO, TCIFLUSH) < 0) {
		if (errno != EINTR)
			return false;
	}
	return true;
}

static void show(const struct question *question)
{
	printf("%s wants %s %s: [o]nce, %s[n]o? ", question->program, question->place,
	       question->udp ? "udp" : "tcp", question->always ? "[a]lways, " : "");
	fflush(stdout);
}

/* What the line says, or NULL. */
static const char *reply_of(const char *line, const struct question *question)
{
	static const char *const replies[] = { "once", "always", "no" };

	for (size_t i = 0; i < 3 && line[0]; i++) {
		if (strncmp(line, replies[i], strlen(line)) == 0)
			return i == 1 && !question->always ? NULL : replies[i];
	}
	return NULL;
}

static int answer(struct cmd_client *client, const struct question *question, const char *reply)
{
	struct drive_error error;
	json_t *request = json_pack("{s:s,s:I,s:s}", "request", "answer", "number",
				    question->number, "reply", reply);
	json_t *said;

	if (cmd_client_send(client, request, &error) < 0)
		return -EPIPE;
	said = cmd_client_next(client, &error);
	if (!said)
		return lost(client, &error);
	if (json_is_true(json_object_get(said, "answered")))
		printf("it was answered elsewhere\n");
	else if (json_is_true(json_object_get(said, "late")))
		printf("too late: it was refused\n");
	else if (json_is_true(json_object_get(said, "once")) && reply[0] == 'a')
		printf("no further answer can be remembered: this was once\n");
	json_decref(said);
	return 0;
}

/* It is over, and was not answered here. */
static int tell_over(struct cmd_client *client, const struct question *question)
{
	struct drive_error error;
	json_t *request = json_pack("{s:s,s:I}", "request", "ended", "number", question->number);
	json_t *said;

	if (cmd_client_send(client, request, &error) < 0)
		return -EPIPE;
	said = cmd_client_next(client, &error);
	/* A guest that was begun by an older minato does not know that. */
	if (!said && !client->refused)
		return -EPIPE;
	printf("\n%s\n", json_is_true(json_object_get(said, "answered")) ?
				 "it was answered elsewhere" :
				 "too late: it was refused, or its program has gone");
	json_decref(said);
	return 0;
}

/* One question until it is answered or over. Negative: the guest or the user has gone. */
static int put(struct cmd_client *client, const struct question *question)
{
	struct typed typed;
	struct question other;
	const char *reply = NULL;
	bool still = true;

	if (!forget_keys(&typed))
		return -ESHUTDOWN;
	show(question);
	while (!reply) {
		char line[LINE_MAX_BYTES];
		int got = read_line(&typed, line, LOOK_MS);

		if (got < 0)
			return -ESHUTDOWN;
		reply = got > 0 ? reply_of(line, question) : NULL;
		if (got > 0 && !reply)
			show(question);
		got = look(client, &other, question->number, &still);
		if (got < 0)
			return got;
		if (!still)
			return tell_over(client, question);
	}
	return answer(client, question, reply);
}

/* Keys that are pressed meanwhile are read, since the end of input is among them. */
static int wait_for_one(struct cmd_client *client, struct question *question)
{
	struct typed typed = { .used = 0 };
	char line[LINE_MAX_BYTES];
	bool still;
	int result;

	for (;;) {
		result = look(client, question, 0, &still);
		if (result < 0)
			return result;
		if (question->number)
			return 0;
		if (read_line(&typed, line, LOOK_MS) < 0)
			return -ESHUTDOWN;
	}
}

static int converse(const char *name)
{
	struct cmd_client client;
	struct drive_error error;
	struct question question;
	char hint[256];
	int result = cmd_client_open(&client, name, &error);

	if (result == -ENOENT) {
		cmd_say("no guest is called %s%s", name, cmd_names_hint(hint, sizeof(hint), name));
		return CMD_REFUSED;
	}
	if (result < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	while (result == 0) {
		result = wait_for_one(&client, &question);
		if (result == 0)
			result = put(&client, &question);
	}
	cmd_client_close(&client);
	if (result == -EPROTO)
		return CMD_FAILED;
	printf("%s\n", result == -EPIPE ? "the guest has ended" : "");
	return CMD_OK;
}

static int run(int argc, char **argv)
{
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_ask, argv, NULL, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count != 1)
		return cmd_usage(&cmd_ask, "which guest? 'minato ps' lists them");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		cmd_say("there is no terminal to ask on: standard input and output must be one");
		return CMD_REFUSED;
	}
	return converse(operands.words[0]);
}

const struct cmd_command cmd_ask = {
	.name = "ask",
	.args = "NAME",
	.summary = "Answer what the programs of a guest with --ask want.",
	.operand = CMD_OPERAND_GUEST,
	.run = run,
};
