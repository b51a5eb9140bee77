/* SPDX-License-Identifier: BSD-2-Clause */
/* The other side of a gateway's control socket: what forward, dmz, nat and reload share. */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum look {
	LOOK_NOBODY,
	LOOK_GUEST,
	LOOK_GATEWAY,
	LOOK_SILENT, /* somebody is there, and does not answer */
};

static enum look look_at(const char *name)
{
	struct cmd_client client;
	json_t *reply = NULL;
	enum look found = LOOK_NOBODY;

	if (cmd_client_open(&client, name, NULL) == 0) {
		reply = cmd_client_ask(&client, "info", NULL);
		found = json_is_string(json_object_get(reply, "gateway")) ? LOOK_GATEWAY :
			reply						  ? LOOK_GUEST :
									    LOOK_SILENT;
	}
	json_decref(reply);
	cmd_client_close(&client);
	return found;
}

bool gateway_is(const char *name)
{
	return look_at(name) == LOOK_GATEWAY;
}

#define SILENCE "does not answer: its process for the traffic hangs or is being replaced; try again"

/* The only gateway among those that run; how many there are. *silent: one that is there, or -1. */
static size_t find_only(const struct cmd_names *names, char name[DRIVE_NAME_SIZE], int *silent)
{
	size_t count = 0;

	*silent = -1;
	for (size_t i = 0; i < names->count; i++) {
		enum look found = look_at(names->list[i]);

		if (found == LOOK_SILENT)
			*silent = (int)i;
		if (found != LOOK_GATEWAY)
			continue;
		if (count++ == 0)
			snprintf(name, DRIVE_NAME_SIZE, "%s", names->list[i]);
	}
	return count;
}

int gateway_choose(char name[DRIVE_NAME_SIZE], const char *word)
{
	struct cmd_names names;
	struct drive_error error;
	char hint[256];
	size_t count;
	int silent;

	if (word) {
		enum look found = look_at(word);

		if (found == LOOK_GATEWAY) {
			snprintf(name, DRIVE_NAME_SIZE, "%s", word);
			return CMD_OK;
		}
		if (found == LOOK_SILENT)
			cmd_say("%s " SILENCE, word);
		else
			cmd_say("no gateway is called %s%s", word,
				cmd_names_hint(hint, sizeof(hint), word));
		return CMD_REFUSED;
	}
	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	count = find_only(&names, name, &silent);
	if (count == 0 && silent >= 0)
		cmd_say("%s " SILENCE, names.list[silent]);
	cmd_names_free(&names);
	if (count == 1)
		return CMD_OK;
	if (count == 0 && silent >= 0)
		return CMD_REFUSED;
	cmd_say(count ? "several gateways run: say which%s" : "no gateway is running",
		count ? cmd_names_hint(hint, sizeof(hint), "") : "");
	return CMD_REFUSED;
}

int gateway_take_name(char name[DRIVE_NAME_SIZE], struct cmd_operands *operands)
{
	if (operands->count == 0 || !gateway_is(operands->words[0]))
		return gateway_choose(name, NULL);
	(void)snprintf(name, DRIVE_NAME_SIZE, "%s", operands->words[0]);
	operands->words++;
	operands->count--;
	return CMD_OK;
}

/* Orders wait for those before them; the keeper bounds each (transaction.c). */
#define ORDER_WAIT_S 600

/* An order for very many rules takes its time, while packets flow. */
static bool is_order(const json_t *request)
{
	const char *word = json_string_value(json_object_get(request, "request"));

	return word && (!strcmp(word, "reload") || !strcmp(word, "change"));
}

json_t *gateway_ask(const char *name, json_t *request, struct drive_error *error)
{
	struct cmd_client client;
	json_t *reply = NULL;
	int result = cmd_client_open(&client, name, error);

	if (result == 0 && is_order(request))
		cmd_client_wait(&client, ORDER_WAIT_S);

	if (result < 0)
		json_decref(request);
	else
		result = cmd_client_send(&client, request, error);
	if (result == 0)
		reply = cmd_client_next(&client, error);
	cmd_client_close(&client);
	return reply;
}

/* What a gateway sends may be shown: lines of text. */
static bool is_text(const char *text)
{
	for (const char *at = text; at && *at; at++) {
		if ((unsigned char)*at < ' ' && *at != '\n' && *at != '\t')
			return false;
	}
	return text != NULL;
}

int gateway_report(const char *name, json_t *reply, const struct drive_error *error)
{
	const char *refused = json_string_value(json_object_get(reply, "refused"));
	const char *note = json_string_value(json_object_get(reply, "note"));
	int code = CMD_OK;

	if (!reply) {
		cmd_say("%s: %s", name, error->text);
		return CMD_REFUSED;
	}
	if (refused) {
		cmd_say("%s", is_text(refused) ? refused : "refused");
		code = CMD_REFUSED;
	} else if (is_text(note)) {
		gateway_note_say(note);
	}
	json_decref(reply);
	return code;
}

int gateway_list(const char *name, const char *listing, json_t *rows, struct drive_error *error)
{
	struct cmd_client client;
	bool done = false;
	int result = cmd_client_open(&client, name, error);

	if (result == 0)
		result = cmd_client_send(&client, json_pack("{s:s}", "request", listing), error);
	while (result == 0 && !done) {
		json_t *reply = cmd_client_next(&client, error);

		if (!reply) {
			result = -EPROTO;
			break;
		}
		json_array_extend(rows, json_object_get(reply, listing));
		done = json_is_true(json_object_get(reply, "done"));
		json_decref(reply);
	}
	cmd_client_close(&client);
	return result;
}

/* ---- statements of the command line ---- */

int gateway_statement_make(const char *verb, char *const *words, int count, json_t **item)
{
	static struct conf_statement one;
	static struct conf_report report;
	static char fault[4096];
	char text[CONF_LINE_MAX];
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", verb);
	const struct conf_term *term;
	int64_t until_s;

	for (int i = 0; i < count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", words[i]);
	if (used >= sizeof(text)) {
		cmd_say("a statement has at most %u bytes", CONF_LINE_MAX - 1);
		return CMD_USAGE;
	}
	if (conf_statement_read(&one, text, &report) < 0) {
		gateway_fault_text(&report, "", text, fault, sizeof(fault));
		cmd_say("%s", fault);
		return CMD_USAGE;
	}
	/* By the clock of who says it. */
	term = gateway_term_of(&one);
	until_s = term ? gateway_term_end(term, time(NULL)) : 0;
	if (until_s < 0) {
		cmd_say("%s: no such time", text);
		return CMD_USAGE;
	}
	*item = until_s ? json_pack("{s:s,s:I}", "text", text, "until", (json_int_t)until_s) :
			  json_pack("{s:s}", "text", text);
	return CMD_OK;
}

const char *gateway_text_of(const json_t *row)
{
	const char *text = json_string_value(json_object_get(row, "text"));

	return is_text(text) ? text : "?";
}

const char *gateway_from_word(char *out, size_t size, const json_t *row)
{
	const char *file = json_string_value(json_object_get(row, "file"));
	const char *slash = is_text(file) ? strrchr(file, '/') : NULL;
	json_int_t line = json_integer_value(json_object_get(row, "line"));

	if (line && is_text(file))
		(void)snprintf(out, size, "line %" JSON_INTEGER_FORMAT " of %.40s", line,
			       slash ? slash + 1 : file);
	else if (line)
		(void)snprintf(out, size, "line %" JSON_INTEGER_FORMAT, line);
	else
		(void)snprintf(out, size, "%s",
			       json_is_true(json_object_get(row, "built_in")) ? "built in" :
										"live");
	return out;
}

const char *gateway_until_word(char *out, size_t size, int64_t until_s)
{
	time_t at = (time_t)until_s;
	struct tm local;

	out[0] = 0;
	if (until_s && localtime_r(&at, &local))
		(void)strftime(out, size, "%Y-%m-%d %H:%M:%S", &local);
	return out;
}
