/* SPDX-License-Identifier: BSD-2-Clause */
/* minato help: the list of commands, or the help of one. */
#include "cmd/cmd.h"

static int run(int argc, char **argv)
{
	struct cmd_operands operands;
	const struct cmd_command *command;
	int code = cmd_parse(&cmd_help, argv, NULL, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (!operands.count) {
		cmd_print_commands(stdout);
		return CMD_OK;
	}
	command = cmd_find(operands.words[0]);
	if (!command)
		return cmd_usage(&cmd_help, "there is no command '%s'", operands.words[0]);
	cmd_print_help(stdout, command);
	return CMD_OK;
}

const struct cmd_command cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "Say how a command is used.",
	.operand = CMD_OPERAND_COMMAND,
	.run = run,
};
