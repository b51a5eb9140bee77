/* SPDX-License-Identifier: BSD-2-Clause */
/* minato forward, of a gateway: its statements listed, added and removed. */
#include "cmd/gateway/gateway.h"

#include <inttypes.h>
#include <string.h>

/* ---- whether a gateway is meant ---- */

/* "tcp", "tcp,udp": what no port and no guest's forward begins with. */
static bool is_protocols(const char *word)
{
	return !strncmp(word, "tcp", 3) || !strncmp(word, "udp", 3);
}

/* What stands before a statement is a name, right or wrong. */
static bool is_named(const struct cmd_operands *operands)
{
	return operands->count > 1 && is_protocols(operands->words[1]) &&
	       !is_protocols(operands->words[0]);
}

static int take_name(char name[DRIVE_NAME_SIZE], struct cmd_operands *operands)
{
	int code;

	if (!is_named(operands))
		return gateway_take_name(name, operands);
	code = gateway_choose(name, operands->words[0]);
	operands->words++;
	operands->count--;
	return code;
}

bool gateway_forward_is(const struct cmd_operands *operands)
{
	struct cmd_names names;
	bool only;

	if (operands->count > 0 && gateway_is(operands->words[0]))
		return true;
	if (operands->count > 1 &&
	    (is_protocols(operands->words[0]) || is_protocols(operands->words[1])))
		return true;
	if (cmd_names_read(&names, NULL) < 0)
		return false;
	only = names.count == 1 && gateway_is(names.list[0]);
	cmd_names_free(&names);
	return only;
}

/* ---- list ---- */

static const char *end_word(char *out, size_t size, const json_t *message)
{
	struct minato_endpoint end;
	char text[64];

	if (view_message_end_read(&end, message) < 0)
		return "?";
	minato_addr_format(&end.addr, text, sizeof(text));
	if (end.port)
		(void)snprintf(out, size, minato_addr_is4(&end.addr) ? "%s:%u" : "[%s]:%u", text,
			       end.port);
	else
		(void)snprintf(out, size, "%s", text);
	return out;
}

/* Servers that get nothing new: those that drain, and those that do not answer. */
static void print_servers(const json_t *row)
{
	const json_t *servers = json_object_get(row, "servers");
	const char *between = "   (";
	char end[80];

	for (size_t i = 0; i < json_array_size(servers); i++) {
		const json_t *server = json_array_get(servers, i);
		const char *state = json_string_value(json_object_get(server, "state"));
		bool down = state && !strcmp(state, "down");

		if (!state || !strcmp(state, "open"))
			continue;
		printf("%s%s %s", between,
		       end_word(end, sizeof(end), json_object_get(server, "at")),
		       down ? "is down" : "drains");
		between = ", ";
	}
	if (*between == ',')
		printf(")");
}

/* Of what drains: what still lives there. */
static void print_left(const json_t *row)
{
	const json_t *flows = json_object_get(row, "flows");
	json_int_t count = json_integer_value(flows);

	if (json_is_integer(flows))
		printf("   (%" JSON_INTEGER_FORMAT " flow%s left)", count, count == 1 ? "" : "s");
}

static void print_row(const json_t *row)
{
	char until[32];
	char from[80];
	json_int_t end = json_integer_value(json_object_get(row, "until"));

	printf("%-10s %8" JSON_INTEGER_FORMAT " %-19s %s",
	       gateway_from_word(from, sizeof(from), row),
	       json_integer_value(json_object_get(row, "hits")),
	       end ? gateway_until_word(until, sizeof(until), end) : "-", gateway_text_of(row));
	print_left(row);
	print_servers(row);
	puts("");
}

static bool is_wanted(const json_t *row)
{
	const char *verb = json_string_value(json_object_get(row, "verb"));

	return verb && (!strcmp(verb, "forward") || !strcmp(verb, "dmz") || !strcmp(verb, "drain"));
}

static void keep_wanted(json_t *rows)
{
	for (size_t i = json_array_size(rows); i-- > 0;) {
		if (!is_wanted(json_array_get(rows, i)))
			(void)json_array_remove(rows, i);
	}
}

static int list(const char *name, bool json, bool no_header)
{
	struct drive_error error;
	json_t *rows = json_array();

	if (gateway_list(name, "statements", rows, &error) < 0) {
		cmd_say("%s: %s", name, error.text);
		json_decref(rows);
		return CMD_FAILED;
	}
	keep_wanted(rows);
	if (json) {
		json_t *all = json_pack("{s:i,s:s,s:o}", "v", VIEW_JSON_VERSION, "gateway", name,
					"forwards", rows);

		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(all);
		return CMD_OK;
	}
	if (!no_header)
		printf("%-10s %8s %-19s %s\n", "FROM", "HITS", "UNTIL", "STATEMENT");
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(json_array_get(rows, i));
	json_decref(rows);
	return CMD_OK;
}

/* ---- of one port ---- */

static bool takes(const char *text, uint16_t port, uint8_t proto)
{
	static struct conf_report report;
	static struct conf_statement one;
	const struct conf_forward *forward = &one.forward;

	if (conf_statement_read(&one, text, &report) < 0 || one.kind != CONF_KIND_FORWARD ||
	    !(forward->protocols & (proto == MINATO_TCP ? CONF_TCP : CONF_UDP)))
		return false;
	for (uint32_t i = 0; i < forward->run_count; i++) {
		if (port >= forward->run[i].first && port <= forward->run[i].last)
			return true;
	}
	return false;
}

static void forwards_of(const char *name, uint16_t port, uint8_t proto, gateway_forward_fn *each,
			void *user)
{
	json_t *rows = json_array();
	struct drive_error error;

	if (gateway_list(name, "statements", rows, &error) == 0) {
		for (size_t i = 0; i < json_array_size(rows); i++) {
			const json_t *row = json_array_get(rows, i);
			const char *text = gateway_text_of(row);

			if (takes(text, port, proto))
				each(user, name, text,
				     (unsigned)json_integer_value(json_object_get(row, "line")));
		}
	}
	json_decref(rows);
}

void gateway_forwards_on(uint16_t port, uint8_t proto, gateway_forward_fn *each, void *user)
{
	struct cmd_names names;

	if (cmd_names_read(&names, NULL) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		if (gateway_is(names.list[i]))
			forwards_of(names.list[i], port, proto, each, user);
	}
	cmd_names_free(&names);
}

/* ---- add and rm ---- */

static int add(const char *name, const char *verb, const struct cmd_operands *operands,
	       bool fleeting)
{
	struct drive_error error;
	json_t *item = NULL;
	int code = gateway_statement_make(verb, operands->words, operands->count, &item);

	if (code != CMD_OK)
		return code;
	return gateway_report(name,
			      gateway_ask(name,
					  json_pack("{s:s,s:[o],s:b}", "request", "change", "add",
						    item, "volatile", (int)fleeting),
					  &error),
			      &error);
}

/* A name, or as much of the statement as says which it is. */
static int remove_one(const char *name, const char *verb, const struct cmd_operands *operands,
		      bool fleeting)
{
	struct drive_error error;
	char text[CONF_LINE_MAX];
	bool named = operands->count == 1 && !strcmp(verb, "forward");
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", named ? "" : verb);

	for (int i = 0; i < operands->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", named ? "" : " ",
					 operands->words[i]);
	return gateway_report(name,
			      gateway_ask(name,
					  json_pack("{s:s,s:[s],s:b}", "request", "change",
						    "remove", text, "volatile", (int)fleeting),
					  &error),
			      &error);
}

int gateway_forward(enum cmd_verb verb, struct cmd_operands *operands,
		    const struct gateway_forwarding *chosen)
{
	char name[DRIVE_NAME_SIZE];
	int code = take_name(name, operands);

	if (code != CMD_OK)
		return code;
	if (verb == CMD_VERB_LIST && operands->count == 0)
		return list(name, chosen->json, chosen->no_header);
	if (verb == CMD_VERB_LIST) {
		char hint[256];

		cmd_say("no gateway is called %s%s", operands->words[0],
			cmd_names_hint(hint, sizeof(hint), operands->words[0]));
		return CMD_REFUSED;
	}
	if (operands->count == 0) {
		cmd_say(verb > CMD_VERB_RM  ? "which server?" :
			verb == CMD_VERB_RM ? "what is to be forwarded no more?" :
					      "what is to be forwarded?");
		return CMD_USAGE;
	}
	if (verb == CMD_VERB_ADD || verb == CMD_VERB_DRAIN)
		return add(name, verb == CMD_VERB_ADD ? "forward" : "drain", operands,
			   chosen->fleeting);
	return remove_one(name, verb == CMD_VERB_RM ? "forward" : "drain", operands,
			  chosen->fleeting);
}
