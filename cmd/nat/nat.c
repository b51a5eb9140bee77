/* SPDX-License-Identifier: BSD-2-Clause */
/* minato nat: its options, and which verb does what. */
#include "cmd/nat/nat.h"

#include <string.h>

#define AT(field) offsetof(struct cmd_nat_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0,
	  "The gateway; needed where several run." },
	{ CMD_MANY, 'r', "row", "ID", AT(row), 0, 0,
	  "With verify: this requirement alone, such as 4787-R9. Can be repeated." },
	{ CMD_TEXT, 0, "outside", "ADDR[:PORT],ADDR[:PORT]", AT(outside), 0, 0,
	  "With verify: grade the NAT between here and two responders." },
	{ CMD_TEXT, 0, "respond", "ADDR[:PORT]", AT(respond), 0, 0,
	  "With verify: be a responder at this address and port (4787), and the next port." },
	{ CMD_NUMBER, 0, "for", "SECONDS", AT(seconds), 0, 86400,
	  "With --outside: look for the UDP timer, for as long (0: not at all, the default). With "
	  "--respond: end then." },
	{ CMD_NUMBER, 0, "ports", "N", AT(ports), 16, 4096,
	  "With --outside: mappings to ask for at once; 256." },
	{ CMD_FLAG, 'l', "list", NULL, AT(list), 0, 0,
	  "With verify: which requirements there are, without a run." },
	{ CMD_TEXT, 0, "against", "NAT", AT(against), 0, 0,
	  "With verify: run the same rows against nftables too, in a namespace of its own, and "
	  "show both." },
	{ CMD_FLAG, 'p', "packets", NULL, AT(packets), 0, 0,
	  "With verify: show every packet, one line each, on standard error." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading." },
	{ CMD_FLAG, 0, "volatile", NULL, AT(fleeting), 0, 0,
	  "With set or unset: change it until the gateway ends, even where nothing can be written "
	  "down." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-nat(1) says which members." },
};

struct verb {
	const char *name;
	int (*run)(const struct cmd_nat_options *chosen, const struct cmd_operands *operands);
};

static const struct verb verbs[] = {
	{ "verify", cmd_nat_verify },	  { "show", cmd_nat_show },  { "set", cmd_nat_change },
	{ "unset", cmd_nat_unset },	  { "list", cmd_nat_flows }, { "end", cmd_nat_end },
	{ "counters", cmd_nat_counters },
};

static int run(int argc, char **argv)
{
	struct cmd_nat_options chosen = { .ports = 256 };
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_nat, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count == 0)
		return cmd_usage(&cmd_nat, "what is to be done? Verbs are: %s", cmd_nat.verbs);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(operands.words[0], verbs[i].name)) {
			operands.words++;
			operands.count--;
			if (i > 0)
				code = cmd_names_lead(&operands, chosen.name);
			if (code != CMD_GO_ON)
				return code;
			return verbs[i].run(&chosen, &operands);
		}
	}
	return cmd_usage(&cmd_nat, "'%s' is none of: %s", operands.words[0], cmd_nat.verbs);
}

const struct cmd_command cmd_nat = {
	.name = "nat",
	.args = "verify|show|set|unset|list|end|counters [NAME] [WORD...]",
	.summary = "Prove what the RFCs ask of a NAT; see and change a gateway's.",
	.about =
		"verify: every requirement, row by row. Of a gateway that runs: show its settings, "
		"set one (filtering address, timeout udp 300s; minato.conf(5) has them all), unset "
		"it again (timeout udp), list mappings or sessions, end inside ADDR, mapping "
		"HANDLE or session HANDLE; counters: what was counted, drops by their reason, and "
		"each link.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.operand = CMD_OPERAND_VERB,
	.verbs = "verify show set unset list end counters",
	.run = run,
};
