/* SPDX-License-Identifier: BSD-2-Clause */
/* minato forward: what is forwarded to and from a running guest, listed and changed. */
#include "cmd/gateway/gateway.h"
#include "cmd/see/who.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct forward_options {
	struct cmd_many reach;
	const char *name;
	bool json, no_header, fleeting;
};

#define AT(field) offsetof(struct forward_options, field)

static const struct cmd_option options[] = {
	{ CMD_MANY, 0, "reach", "PORT", AT(reach), 0, 0,
	  "With add and rm: a port of the host's loopback for the guest, as with run. Can be "
	  "repeated." },
	{ CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0,
	  "The guest or gateway; needed where several run." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "With list: no heading." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0,
	  "With list: JSON; minato-forward(1) says which members." },
	{ CMD_FLAG, 0, "volatile", NULL, AT(fleeting), 0, 0,
	  "Of a gateway: change it until the gateway ends, even where nothing can be written "
	  "down." },
};

/* What is to be done to which guest. */
struct errand {
	const struct forward_options *chosen;
	char name[DRIVE_NAME_SIZE];
	char **specs;
	int spec_count;
	struct relay_publish list; /* the specs, parsed */
};

/* ---- which guest ---- */

static bool is_running(const struct cmd_names *names, const char *word)
{
	for (size_t i = 0; i < names->count; i++) {
		if (!strcmp(names->list[i], word))
			return true;
	}
	return false;
}

static bool is_spec(const char *word)
{
	struct relay_publish list = { 0 };
	bool result = relay_publish_add(&list, word, NULL) == 0;

	relay_publish_free(&list);
	return result;
}

/* The first word if a guest of that name runs, or else the one guest that does. */
static int choose_guest(struct errand *errand, bool all_names)
{
	struct cmd_names names;
	struct drive_error error;
	char hint[256];
	const char *word = errand->spec_count > 0 ? errand->specs[0] : NULL;
	int code = CMD_OK;

	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	if (word && is_running(&names, word)) {
		snprintf(errand->name, sizeof(errand->name), "%s", word);
		errand->specs++;
		errand->spec_count--;
	} else if (word && (all_names || (drive_runtime_name_ok(word) && !is_spec(word)))) {
		cmd_say("no guest is called %s%s", word, cmd_names_hint(hint, sizeof(hint), word));
		code = CMD_REFUSED;
	} else if (names.count == 1) {
		snprintf(errand->name, sizeof(errand->name), "%s", names.list[0]);
	} else {
		cmd_say(names.count ? "several guests run: say which%s" : "no guest is running",
			cmd_names_hint(hint, sizeof(hint), ""));
		code = CMD_REFUSED;
	}
	cmd_names_free(&names);
	return code;
}

/* ---- list ---- */

static json_int_t number(const json_t *row, const char *name)
{
	return json_integer_value(json_object_get(row, name));
}

/* Who keeps out whom the rules refuse. */
static const char *wall_of(const json_t *row)
{
	const char *wall = json_string_value(json_object_get(row, "wall"));

	return wall && strlen(wall) == strspn(wall, "abcdefghijklmnopqrstuvwxyz") ? wall : "-";
}

static void print_row(const json_t *row)
{
	char age[VIEW_WORD_SIZE];

	printf("%-9s %-32s %6" JSON_INTEGER_FORMAT " %8" JSON_INTEGER_FORMAT
	       " %12" JSON_INTEGER_FORMAT " %12" JSON_INTEGER_FORMAT " %7s  %s\n",
	       json_string_value(json_object_get(row, "kind")),
	       json_string_value(json_object_get(row, "spec")), number(row, "flows"),
	       number(row, "hits"), number(row, "bytes_in"), number(row, "bytes_out"),
	       view_age_word(age, sizeof(age), number(row, "age_ms")), wall_of(row));
}

/* A text that a guest's minato might send; nothing else is printed. */
static bool is_row(const json_t *row)
{
	const char *spec = json_string_value(json_object_get(row, "spec"));
	const char *kind = json_string_value(json_object_get(row, "kind"));

	for (size_t i = 0; spec && spec[i]; i++) {
		if (spec[i] < ' ' || spec[i] > '~')
			return false;
	}
	return spec && kind && strlen(kind) == strspn(kind, "abcdefghijklmnopqrstuvwxyz");
}

static int read_rows(struct cmd_client *client, json_t *rows, struct drive_error *error)
{
	bool done = false;
	int result = cmd_client_send(client, json_pack("{s:s}", "request", "forwards"), error);

	while (!result && !done) {
		json_t *reply = cmd_client_next(client, error);
		json_t *some = json_object_get(reply, "forwards");

		if (!reply)
			return -EPROTO;
		for (size_t i = 0; i < json_array_size(some); i++) {
			if (is_row(json_array_get(some, i)))
				json_array_append(rows, json_array_get(some, i));
		}
		done = json_is_true(json_object_get(reply, "done"));
		json_decref(reply);
	}
	return result;
}

int cmd_forward_rows(const char *guest, json_t *rows, struct drive_error *error)
{
	struct cmd_client client;
	int result = cmd_client_open(&client, guest, error);

	if (result == 0)
		result = read_rows(&client, rows, error);
	cmd_client_close(&client);
	return result;
}

static int list(struct errand *errand, struct cmd_client *client)
{
	struct drive_error error;
	json_t *rows = json_array();

	if (errand->spec_count > 0)
		return cmd_usage(&cmd_forward, "list '%s': one word too many", errand->specs[0]);
	if (read_rows(client, rows, &error) < 0) {
		cmd_say("%s: %s", errand->name, error.text);
		json_decref(rows);
		return CMD_FAILED;
	}
	if (errand->chosen->json) {
		json_t *all = json_pack("{s:i,s:s,s:o}", "v", VIEW_JSON_VERSION, "guest",
					errand->name, "forwards", rows);

		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(all);
		return CMD_OK;
	}
	if (!errand->chosen->no_header)
		printf("%-9s %-32s %6s %8s %12s %12s %7s  %s\n", "KIND", "FORWARD", "FLOWS", "HITS",
		       "BYTES-IN", "BYTES-OUT", "AGE", "WALL");
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(json_array_get(rows, i));
	json_decref(rows);
	return CMD_OK;
}

/* ---- add and rm ---- */

/* Parsed here too: what is wrong is said with its place, and why a port is not free. */
static int parse(struct errand *errand)
{
	const struct cmd_many *reach = &errand->chosen->reach;
	struct drive_error error;
	int result = 0;

	for (int i = 0; i < errand->spec_count && result == 0; i++)
		result = relay_publish_add(&errand->list, errand->specs[i], &error);
	for (size_t i = 0; i < reach->count && result == 0; i++)
		result = relay_reach_add(&errand->list, reach->text[i], &error);
	if (result < 0) {
		cmd_say("%s", error.text);
		return CMD_USAGE;
	}
	if (errand->list.spec_count == 0)
		return cmd_usage(&cmd_forward, "no port was given");
	if (errand->list.spec_count > CMD_SPECS_MAX)
		return cmd_usage(&cmd_forward, "more than %d ports or runs at once", CMD_SPECS_MAX);
	return CMD_GO_ON;
}

static json_t *request_of(const struct errand *errand, const char *name)
{
	json_t *specs = json_array();
	json_t *reach = json_array();
	char text[RELAY_SPEC_TEXT];

	for (size_t i = 0; i < errand->list.spec_count; i++) {
		const struct relay_spec *spec = &errand->list.specs[i];

		json_array_append_new(spec->sort == RELAY_REACH ? reach : specs,
				      json_string(relay_spec_text(spec, text, sizeof(text))));
	}
	return json_pack("{s:s,s:o,s:o}", "request", name, "specs", specs, "reach", reach);
}

/* Why nothing was changed; the holder of a port is looked up here. */
static int say_refused(const struct errand *errand, const json_t *refused)
{
	struct relay_failure failure = {
		.errnum = (int)number(refused, "errno"),
		.spec = (size_t)number(refused, "spec"),
		.port = (uint16_t)number(refused, "port"),
		.protocol = (uint8_t)number(refused, "proto"),
		.needed = (uint32_t)number(refused, "needed"),
		.allowed = (uint32_t)number(refused, "allowed"),
	};
	struct drive_subnet families = { 0 };
	struct cmd_guest guest;
	struct drive_error error;
	char text[RELAY_SPEC_TEXT];

	if (failure.spec >= errand->list.spec_count)
		failure.spec = 0;
	if (failure.errnum == EEXIST) {
		cmd_say("%s is forwarded already; nothing was changed",
			relay_spec_text(&errand->list.specs[failure.spec], text, sizeof(text)));
		return CMD_REFUSED;
	}
	if (cmd_guest_ask(&guest, errand->name, &error) == 0) {
		families.has4 = guest.view.has4;
		families.has6 = guest.view.has6;
		(void)cmd_publish_explain(&errand->list, &failure, &families, false, &error);
	}
	cmd_guest_free(&guest);
	cmd_say("%s; nothing was changed", error.text);
	return CMD_REFUSED;
}

/* NetBIOS and SMB are for lan alone, under whatever number, unless a rule says more. */
static void warn_shut(const struct errand *errand)
{
	for (size_t i = 0; i < errand->list.spec_count; i++) {
		const struct relay_spec *spec = &errand->list.specs[i];
		const char *word = spec->protocols & RELAY_TCP ? "tcp" : "udp";
		uint32_t port = spec->first;

		while (port <= spec->last && !conf_is_shut((uint16_t)port) &&
		       !conf_is_shut((uint16_t)(spec->guest + (port - spec->first))))
			port++;
		if (spec->sort == RELAY_PORTS && port <= spec->last)
			cmd_say("host port %u leads to port %u of the guest (NetBIOS, SMB), and is "
				"shut to everyone but lan unless a rule allows it: "
				"'minato rule add -n %s allow %s %u'",
				port, (unsigned)(spec->guest + (port - spec->first)), errand->name,
				word, port);
	}
}

static int change(struct errand *errand, struct cmd_client *client, const char *name)
{
	struct drive_error error;
	const json_t *refused;
	json_t *reply = NULL;
	int code = parse(errand);

	if (code != CMD_GO_ON)
		return code;
	if (cmd_client_send(client, request_of(errand, name), &error) == 0)
		reply = cmd_client_next(client, &error);
	if (!reply) {
		cmd_say("%s: %s", errand->name, error.text);
		return CMD_REFUSED;
	}
	refused = json_object_get(reply, "refused");
	code = refused ? say_refused(errand, refused) : CMD_OK;
	if (!refused && strcmp(name, "forward-add") == 0)
		warn_shut(errand);
	json_decref(reply);
	return code;
}

int cmd_forward_remove(const char *guest, const char *spec, struct drive_error *error)
{
	struct cmd_client client;
	json_t *reply = NULL;
	int result = cmd_client_open(&client, guest, error);

	if (result == 0)
		result = cmd_client_send(&client,
					 json_pack("{s:s,s:[s],s:[]}", "request", "forward-rm",
						   "specs", spec, "reach"),
					 error);
	if (result == 0) {
		reply = cmd_client_next(&client, error);
		result = reply ? 0 : -EPROTO;
	}
	if (json_object_get(reply, "refused"))
		result = drive_fail(error, ENOENT, "%s is not forwarded so", spec);
	json_decref(reply);
	cmd_client_close(&client);
	return result;
}

/* ---- the command ---- */

static int do_errand(struct errand *errand, enum cmd_verb verb)
{
	struct cmd_client client;
	struct drive_error error;
	int code = choose_guest(errand, verb == CMD_VERB_LIST);

	if (code != CMD_OK)
		return code;
	if (cmd_client_open(&client, errand->name, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_REFUSED;
	}
	if (verb == CMD_VERB_LIST)
		code = list(errand, &client);
	else
		code = change(errand, &client, verb == CMD_VERB_ADD ? "forward-add" : "forward-rm");
	cmd_client_close(&client);
	relay_publish_free(&errand->list);
	return code;
}

static int run(int argc, char **argv)
{
	struct forward_options chosen = { .json = false };
	struct errand errand = { .chosen = &chosen };
	struct cmd_operands operands;
	enum cmd_verb verb;
	int code = cmd_parse(&cmd_forward, argv, &chosen, &operands);

	(void)argc;
	if (code == CMD_GO_ON)
		code = cmd_verb_take(&cmd_forward, &operands, &verb);
	if (code == CMD_GO_ON)
		code = cmd_names_lead(&operands, chosen.name);
	if (code != CMD_GO_ON)
		return code;
	if (!chosen.reach.count && (verb > CMD_VERB_RM || gateway_forward_is(&operands)))
		return gateway_forward(verb, &operands,
				       &(struct gateway_forwarding){
					       .json = chosen.json,
					       .no_header = chosen.no_header,
					       .fleeting = chosen.fleeting,
				       });
	errand.specs = operands.words;
	errand.spec_count = operands.count;
	return do_errand(&errand, verb);
}

const struct cmd_command cmd_forward = {
	.name = "forward",
	.args = "add|list|rm|drain|undrain [NAME] [PORT...]",
	.summary = "List and change what is forwarded to a running guest or by a gateway.",
	.about =
		"PORT is as with run -p; of a gateway it is what stands behind the word forward in "
		"minato.conf(5), such as: "
		"tcp http to 10.0.0.2 for 2h. drain ADDR[:PORT]: this server of a gateway's "
		"forwards gets no new connections, until undrain. "
		"Of several ports all are added or removed, or none. "
		"Established connections go on. NAME may be left out where one guest runs.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.operand = CMD_OPERAND_VERB,
	.verbs = "add list rm drain undrain",
	.run = run,
};
