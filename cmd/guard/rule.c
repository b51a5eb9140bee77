/* SPDX-License-Identifier: BSD-2-Clause */
/* minato rule: rules of the policy of what runs, listed and changed. */
#include "cmd/gateway/gateway.h"

#include <string.h>

struct rule_options {
	const char *name;
	struct gateway_ruling ruling;
};

#define AT(field) offsetof(struct rule_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0,
	  "The gateway or guest that is meant; needed where several run." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(ruling.no_header), 0, 0, "With list: no heading." },
	{ CMD_FLAG, 0, "json", NULL, AT(ruling.json), 0, 0,
	  "With list: JSON; minato-rule(1) says which members." },
	{ CMD_FLAG, 0, "volatile", NULL, AT(ruling.fleeting), 0, 0,
	  "Of a gateway: change it until it ends, even where nothing can be written down." },
};

static int run(int argc, char **argv)
{
	struct rule_options chosen = { .name = NULL };
	struct cmd_operands operands;
	char name[DRIVE_NAME_SIZE];
	enum cmd_verb verb;
	int code = cmd_parse(&cmd_rule, argv, &chosen, &operands);

	(void)argc;
	if (code == CMD_GO_ON)
		code = cmd_verb_take(&cmd_rule, &operands, &verb);
	if (code != CMD_GO_ON)
		return code;
	if (verb == CMD_VERB_LIST && operands.count)
		return cmd_usage(&cmd_rule, "list '%s': one word too many", operands.words[0]);
	if (verb != CMD_VERB_LIST && !operands.count)
		return cmd_usage(&cmd_rule, "which rule? A sentence, as: block tcp 22 from wan");
	code = cmd_whose_choose(name, chosen.name, &chosen.ruling.guest);
	if (code != CMD_OK)
		return code;
	return gateway_rule(verb, name, &operands, &chosen.ruling);
}

const struct cmd_command cmd_rule = {
	.name = "rule",
	.args = "add|list|rm [RULE]",
	.summary = "List and change the rules of what runs: who may come in, what may go out.",
	.about =
		"RULE is a sentence as in minato.conf(5), such as: block tcp 22 from wan for 2h. "
		"Of all that match the first decides; one that is added stands before those of the "
		"file, or where it says by first, last, or before NAME or LINE. rm takes the name "
		"too. Established flows go on. Those of a guest end with it.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.operand = CMD_OPERAND_VERB,
	.run = run,
};
