/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat show, set, unset, list and end: the translations of a gateway that runs. */
#include "cmd/gateway/gateway.h"
#include "cmd/nat/nat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const char *name, const struct drive_error *error)
{
	cmd_say("%s: %s", name, error->text);
	return CMD_REFUSED;
}

/* ---- show ---- */

static bool is_among(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *other = json_string_value(json_array_get(list, i));

		if (other && !strcmp(other, text))
			return true;
	}
	return false;
}

static void print_carried(const struct cmd_nat_options *chosen, const json_t *carried)
{
	if (!chosen->json && json_is_object(carried))
		printf("# directions of flows that the kernel carries now: %" JSON_INTEGER_FORMAT
		       "\n",
		       json_integer_value(json_object_get(carried, "now")));
}

int cmd_nat_show(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	struct cmd_operands rest = *operands;
	char name[DRIVE_NAME_SIZE];
	struct drive_error error;
	const json_t *settings;
	json_t *reply;
	int code = gateway_take_name(name, &rest);

	if (code != CMD_OK)
		return code;
	if (rest.count == 1)
		return gateway_choose(name, rest.words[0]);
	if (rest.count)
		return cmd_usage(&cmd_nat, "show '%s': one word too many", rest.words[1]);
	reply = gateway_ask(name, json_pack("{s:s}", "request", "nat"), &error);
	if (!reply)
		return refuse(name, &error);
	if (chosen->json) {
		(void)json_object_set_new(reply, "v", json_integer(VIEW_JSON_VERSION));
		(void)json_object_set_new(reply, "gateway", json_string(name));
		json_dumpf(reply, stdout, JSON_INDENT(2));
		printf("\n");
	}
	settings = json_object_get(reply, "settings");
	for (size_t i = 0; !chosen->json && i < json_array_size(settings); i++) {
		const char *text = json_string_value(json_array_get(settings, i));

		if (text)
			printf("%s%s\n", text,
			       is_among(json_object_get(reply, "defaults"), text) ? "" : "   *");
	}
	print_carried(chosen, json_object_get(reply, "carried"));
	json_decref(reply);
	return CMD_OK;
}

/* ---- counters ---- */

int cmd_nat_counters(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	struct cmd_operands rest = *operands;
	char name[DRIVE_NAME_SIZE];
	struct drive_error error;
	const char *key;
	json_t *value;
	json_t *counters;
	json_t *reply;
	int code = gateway_take_name(name, &rest);

	if (code != CMD_OK)
		return code;
	if (rest.count == 1)
		return gateway_choose(name, rest.words[0]);
	if (rest.count)
		return cmd_usage(&cmd_nat, "counters '%s': one word too many", rest.words[1]);
	reply = gateway_ask(name, json_pack("{s:s}", "request", "info"), &error);
	if (!reply)
		return refuse(name, &error);
	counters = json_object_get(reply, "counters");
	if (chosen->json) {
		json_t *all = json_pack("{s:i,s:s,s:O?}", "v", VIEW_JSON_VERSION, "gateway", name,
					"counters", counters);

		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(all);
	} else {
		json_object_foreach(counters, key, value)
			if (strlen(key) == strspn(key, "abcdefghijklmnopqrstuvwxyz"
						       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))
				printf("%-36s %" JSON_INTEGER_FORMAT "\n", key,
				       json_integer_value(value));
	}
	json_decref(reply);
	return CMD_OK;
}

/* ---- set ---- */

int cmd_nat_change(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	struct cmd_operands rest = *operands;
	char name[DRIVE_NAME_SIZE];
	struct drive_error error;
	json_t *item = NULL;
	int code = gateway_take_name(name, &rest);

	if (code == CMD_OK)
		code = gateway_statement_make("nat", rest.words, rest.count, &item);
	if (code != CMD_OK)
		return code;
	return gateway_report(name,
			      gateway_ask(name,
					  json_pack("{s:s,s:[o],s:b}", "request", "change", "add",
						    item, "volatile", (int)chosen->fleeting),
					  &error),
			      &error);
}

/* ---- unset ---- */

/* The words as one text, cut to the size. */
static void join_words(char *out, size_t size, const struct cmd_operands *words)
{
	size_t used = 0;

	out[0] = 0;
	for (int i = 0; i < words->count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "",
					 words->words[i]);
}

int cmd_nat_unset(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	struct cmd_operands rest = *operands;
	char name[DRIVE_NAME_SIZE];
	struct drive_error error;
	char text[CONF_LINE_MAX];
	int code = gateway_take_name(name, &rest);

	if (code != CMD_OK)
		return code;
	join_words(text, sizeof(text), &rest);
	if (conf_nat_key_read(text) < 0)
		return cmd_usage(&cmd_nat,
				 "unset what? A setting, as 'filtering' or 'timeout udp'; "
				 "minato nat show has them all");
	return gateway_report(name,
			      gateway_ask(name,
					  json_pack("{s:s,s:[s],s:b}", "request", "change", "unset",
						    text, "volatile", (int)chosen->fleeting),
					  &error),
			      &error);
}

/* ---- list ---- */

static const char *end_word(char *out, size_t size, const json_t *message)
{
	struct minato_endpoint end = { .port = 0 };
	char addr[64];

	(void)view_message_end_read(&end, message);
	minato_addr_format(&end.addr, addr, sizeof(addr));
	if (!end.port) /* a protocol without ports */
		(void)snprintf(out, size, "%s", addr);
	else
		(void)snprintf(out, size, minato_addr_is4(&end.addr) ? "%s:%u" : "[%s]:%u", addr,
			       end.port);
	return out;
}

static json_int_t number(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

static const char *word(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text && strlen(text) == strspn(text, "abcdefghijklmnopqrstuvwxyz-") ? text : "?";
}

static const char *proto_word(const json_t *row)
{
	static char other[CONF_PROTOCOL_SIZE];

	switch (number(row, "proto")) {
	case MINATO_TCP:
		return "tcp";
	case MINATO_UDP:
		return "udp";
	case MINATO_ICMP:
		return "icmp";
	default:
		return conf_protocol_word(other, (uint8_t)number(row, "proto"));
	}
}

static void print_mapping(const json_t *row)
{
	char inside[72];
	char outside[72];

	printf("%-5s %-22s %-22s %8" JSON_INTEGER_FORMAT " %7" JSON_INTEGER_FORMAT "s %016" PRIx64
	       "\n",
	       proto_word(row), end_word(inside, sizeof(inside), json_object_get(row, "inside")),
	       end_word(outside, sizeof(outside), json_object_get(row, "outside")),
	       number(row, "sessions"), number(row, "left_ms") / 1000,
	       (uint64_t)number(row, "handle"));
}

static void print_session(const json_t *row)
{
	char source[72];
	char destination[72];
	char back[72];
	const char *kind = "out";

	if (json_is_true(json_object_get(row, "hairpin")))
		kind = "hairpin";
	else if (json_is_true(json_object_get(row, "forward")))
		kind = "forward";
	else if (number(row, "from") == CONF_SCOPE_OUTSIDE)
		kind = "in";
	printf("%-5s %-8s %-10s %-22s %-22s %-22s %7" JSON_INTEGER_FORMAT "s %016" PRIx64 "\n",
	       proto_word(row), kind, word(row, "state"),
	       end_word(source, sizeof(source), json_object_get(row, "source")),
	       end_word(destination, sizeof(destination), json_object_get(row, "destination")),
	       end_word(back, sizeof(back), json_object_get(row, "back_source")),
	       number(row, "left_ms") / 1000, (uint64_t)number(row, "handle"));
}

static void print_heading(bool mappings)
{
	if (mappings)
		printf("%-5s %-22s %-22s %8s %8s %s\n", "PROTO", "INSIDE", "OUTSIDE", "SESSIONS",
		       "LEFT", "HANDLE");
	else
		printf("%-5s %-8s %-10s %-22s %-22s %-22s %8s %s\n", "PROTO", "KIND", "STATE",
		       "FROM", "TO", "ANSWERED-BY", "LEFT", "HANDLE");
}

static int print_list(const struct cmd_nat_options *chosen, const char *name, const char *what)
{
	bool mappings = !strcmp(what, "mappings");
	struct drive_error error;
	json_t *rows = json_array();
	json_t *all;

	if (gateway_list(name, what, rows, &error) < 0) {
		json_decref(rows);
		return refuse(name, &error);
	}
	all = json_pack("{s:i,s:s,s:o}", "v", VIEW_JSON_VERSION, "gateway", name, what, rows);
	if (chosen->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (!chosen->no_header) {
		print_heading(mappings);
	}
	for (size_t i = 0; !chosen->json && i < json_array_size(rows); i++) {
		if (mappings)
			print_mapping(json_array_get(rows, i));
		else
			print_session(json_array_get(rows, i));
	}
	json_decref(all);
	return CMD_OK;
}

int cmd_nat_flows(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	struct cmd_operands rest = *operands;
	char name[DRIVE_NAME_SIZE];
	int code = gateway_take_name(name, &rest);
	const char *what;

	if (code != CMD_OK)
		return code;
	what = rest.count == 1 ? rest.words[0] : "";
	if (strcmp(what, "mappings") && strcmp(what, "sessions"))
		return cmd_usage(&cmd_nat, "list what? mappings or sessions");
	return print_list(chosen, name, what);
}

/* ---- end ---- */

int cmd_nat_end(const struct cmd_nat_options *chosen, const struct cmd_operands *operands)
{
	struct cmd_operands rest = *operands;
	char name[DRIVE_NAME_SIZE];
	struct drive_error error;
	const char *what;
	json_t *request;
	char *tail;
	uint64_t handle;
	int code = gateway_take_name(name, &rest);

	(void)chosen;
	if (code != CMD_OK)
		return code;
	if (rest.count != 2)
		return cmd_usage(&cmd_nat,
				 "end what? inside ADDR, mapping HANDLE or session HANDLE");
	what = rest.words[0];
	if (!strcmp(what, "inside")) {
		request = json_pack("{s:s,s:s}", "request", "end", what, rest.words[1]);
	} else {
		handle = strtoull(rest.words[1], &tail, 16);
		if (*tail || (strcmp(what, "mapping") && strcmp(what, "session")))
			return cmd_usage(&cmd_nat,
					 "end what? inside ADDR, mapping HANDLE or session HANDLE");
		request = json_pack("{s:s,s:I}", "request", "end", what, (json_int_t)handle);
	}
	return gateway_report(name, gateway_ask(name, request, &error), &error);
}
