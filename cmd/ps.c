/* SPDX-License-Identifier: BSD-2-Clause */
/* minato ps: the running guests of this user. */
#include "cmd/cmd.h"

#include <stdlib.h>

struct ps_options {
	bool json, no_header;
};

#define AT(field) offsetof(struct ps_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-ps(1) says which members." },
};

static int print(const struct ps_options *chosen, const struct view_guest *guests, size_t count)
{
	struct view_look look = cmd_look(stdout);
	const struct view *view = chosen->json ? &view_json : &view_text;

	look.header = !chosen->no_header;
	if (view->guests(stdout, guests, count, &look) < 0) {
		cmd_say("cannot write the list");
		return CMD_FAILED;
	}
	return CMD_OK;
}

/* A guest that ends meanwhile, or does not answer, is left out; the latter is said. */
static int list(const struct ps_options *chosen, const struct cmd_names *names)
{
	struct cmd_guest *guests = calloc(names->count + 1, sizeof(*guests));
	struct view_guest *views = calloc(names->count + 1, sizeof(*views));
	struct drive_error error;
	size_t count = 0;
	int code = CMD_FAILED;

	for (size_t i = 0; guests && views && i < names->count; i++) {
		if (cmd_guest_ask(&guests[count], names->list[i], &error) == 0) {
			views[count] = guests[count].view;
			count++;
		} else {
			cmd_say("%s: %s", names->list[i], error.text);
		}
	}
	if (guests && views)
		code = print(chosen, views, count);
	for (size_t i = 0; i < count; i++)
		cmd_guest_free(&guests[i]);
	free(guests);
	free(views);
	return code;
}

static int run(int argc, char **argv)
{
	struct ps_options chosen = { 0 };
	struct cmd_operands operands;
	struct drive_error error;
	struct cmd_names names;
	int code = cmd_parse(&cmd_ps, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count)
		return cmd_usage(&cmd_ps, "'%s' is one word too many", operands.words[0]);
	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	code = list(&chosen, &names);
	cmd_names_free(&names);
	return code;
}

const struct cmd_command cmd_ps = {
	.name = "ps",
	.args = "",
	.summary = "List the running guests.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
