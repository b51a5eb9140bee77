/* SPDX-License-Identifier: BSD-2-Clause */
/* minato dmz: the host that gets what nobody else claimed, seen and changed. */
#include "cmd/gateway/gateway.h"

#include <string.h>

struct dmz_options {
	const char *name;
	bool fleeting;
};

#define AT(field) offsetof(struct dmz_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0, "The gateway; needed where several run." },
	{ CMD_FLAG, 0, "volatile", NULL, AT(fleeting), 0, 0,
	  "Change it until the gateway ends, even where nothing can be written down." },
};

static int show(const char *name)
{
	json_t *rows = json_array();
	struct drive_error error;
	char until[32];
	size_t count = 0;
	int result = gateway_list(name, "statements", rows, &error);

	for (size_t i = 0; result == 0 && i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *verb = json_string_value(json_object_get(row, "verb"));
		json_int_t end = json_integer_value(json_object_get(row, "until"));

		if (!verb || strcmp(verb, "dmz"))
			continue;
		count++;
		printf("%s%s%s\n", gateway_text_of(row), end ? " until " : "",
		       gateway_until_word(until, sizeof(until), end));
	}
	json_decref(rows);
	if (result < 0)
		cmd_say("%s: %s", name, error.text);
	else if (!count)
		puts("no dmz");
	return result < 0 ? CMD_REFUSED : CMD_OK;
}

static int change(const char *name, const struct cmd_operands *operands, bool fleeting)
{
	const char *word = operands->words[0];
	struct drive_error error;
	json_t *item = NULL;
	json_t *request;
	int code;

	if (operands->count == 1 && (!strcmp(word, "off") || !strcmp(word, "file"))) {
		request = json_pack("{s:s,s:s,s:b}", "request", "change", "dmz", word, "volatile",
				    (int)fleeting);
	} else {
		code = gateway_statement_make("dmz", operands->words, operands->count, &item);
		if (code != CMD_OK)
			return code;
		request = json_pack("{s:s,s:[o],s:b}", "request", "change", "add", item, "volatile",
				    (int)fleeting);
	}
	return gateway_report(name, gateway_ask(name, request, &error), &error);
}

static int run(int argc, char **argv)
{
	struct dmz_options chosen = { .name = NULL };
	struct cmd_operands operands;
	char name[DRIVE_NAME_SIZE];
	int code = cmd_parse(&cmd_dmz, argv, &chosen, &operands);

	(void)argc;
	if (code == CMD_GO_ON)
		code = cmd_names_lead(&operands, chosen.name);
	if (code != CMD_GO_ON)
		return code;
	code = gateway_take_name(name, &operands);
	if (code != CMD_OK)
		return code;
	return operands.count ? change(name, &operands, chosen.fleeting) : show(name);
}

const struct cmd_command cmd_dmz = {
	.name = "dmz",
	.args = "[NAME] [ADDR [CLAUSE...] | off | file]",
	.summary = "Which host gets what no forward of a gateway claims.",
	.about =
		"Without more: what it is now. ADDR and its clauses are as in minato.conf(5). off: "
		"none, whatever the file says; file: again what the file says. NAME may be left "
		"out where one gateway runs.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
