/* SPDX-License-Identifier: BSD-2-Clause */
/* From the command line to one of the sub-commands. */
#include "cmd/cmd.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int unknown(const char *word)
{
	struct cmd_guess guess = { .word = word };

	for (size_t i = 0; i < cmd_command_count; i++)
		cmd_guess_try(&guess, cmd_commands[i]->name);
	if (guess.best)
		cmd_say("there is no command '%s'; did you mean '%s'?", word, guess.best);
	else
		cmd_say("there is no command '%s'; 'minato help' lists them", word);
	return CMD_USAGE;
}

/* --help and --version are the commands of these names. */
static const char *command_word(const char *word)
{
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return "help";
	if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		return "version";
	return word;
}

/* What is opened later must not take the place of a stream that the caller has closed. */
static void fill_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd < 3);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct cmd_command *command;
	int code;

	fill_streams();
	if (argc < 2) {
		cmd_print_commands(stderr);
		return CMD_USAGE;
	}
	command = cmd_find(command_word(argv[1]));
	if (!command)
		return unknown(argv[1]);
	code = command->run(argc - 1, argv + 1);
	if (fflush(stdout) || ferror(stdout)) {
		if (code != CMD_FAILED) /* else the command has said it */
			cmd_say("cannot write the output");
		return CMD_FAILED;
	}
	return code;
}
