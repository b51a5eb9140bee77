/* SPDX-License-Identifier: BSD-2-Clause */
/* minato completion: command lines completed in the user's shell, from the tables of options. */
#include "cmd/cmd.h"

#include <string.h>

/* What a filter is made of (view/filter.h), but for values and signs. */
#define FILTER_WORDS "state exclude src dst sport dport dev fwmark cgroup autobound and or not"
#define STATE_WORDS \
	"established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait closed close-wait " \
	"last-ack listening closing all connected synchronized bucket big"

/*
 * Each shell gets a text for every command and a frame around them. What an option's value or an
 * operand is, the tables say: a value called FILE or DIR is a path, one called GUEST a running
 * guest; `operand` says what the operands are.
 */
struct shell {
	const char *name;
	void (*print)(FILE *out);
};

static bool is_path(const char *arg)
{
	return arg && (!strcmp(arg, "FILE") || !strcmp(arg, "DIR"));
}

static bool is_guest(const char *arg)
{
	return arg && !strcmp(arg, "GUEST");
}

static const char *operand_word(enum cmd_operand operand)
{
	switch (operand) {
	case CMD_OPERAND_OTHER:
		return "other";
	case CMD_OPERAND_GUEST:
		return "guest";
	case CMD_OPERAND_PROGRAM:
		return "program";
	case CMD_OPERAND_COMMAND:
		return "command";
	case CMD_OPERAND_VERB:
		return "verb";
	case CMD_OPERAND_FILTER:
		return "filter";
	case CMD_OPERAND_SHELL:
		return "shell";
	}
	return "other";
}

static const char *verbs_of(const struct cmd_command *command)
{
	return command->verbs ? command->verbs : "add list rm";
}

/* What an option does, in a few words, as part of a text in single quotes. */
static void print_summary(FILE *out, const char *help)
{
	static const char *const ends[] = { ". ", "; ", ": " };
	size_t length = strlen(help);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *end = strstr(help, ends[i]);

		if (end && (size_t)(end - help) < length)
			length = (size_t)(end - help);
	}
	for (size_t i = 0; i < length; i++) {
		if (help[i] == '[' || help[i] == ']')
			putc(help[i] == '[' ? '(' : ')', out);
		else if (help[i] == '\'')
			fputs("'\\''", out);
		else if (help[i] != '.' || i + 1 < length)
			putc(help[i], out);
	}
}

/* ---- bash ---- */

static void bash_option(FILE *out, const struct cmd_option *option)
{
	if (option->letter)
		fprintf(out, " -%c", option->letter);
	fprintf(out, " --%s", option->name);
}

/* A list of the options for which `has` says so. */
static void bash_list(FILE *out, const char *name, const struct cmd_command *command,
		      bool (*has)(const char *arg))
{
	fprintf(out, "\n\t\t%s=\"", name);
	const struct cmd_option *option;

	for (size_t i = 0; (option = cmd_option_at(command, i)) != NULL; i++) {
		if (has(cmd_option_value(option)))
			bash_option(out, option);
	}
	fputs(" \"", out);
}

static bool is_any(const char *arg)
{
	(void)arg;
	return true;
}

static bool is_value(const char *arg)
{
	return arg != NULL;
}

static void bash_command(FILE *out, const struct cmd_command *command)
{
	fprintf(out, "\t%s)\n\t\toperand=%s verbs=\"%s\" passes=%d", command->name,
		operand_word(command->operand), verbs_of(command), command->passes);
	bash_list(out, "options", command, is_any);
	bash_list(out, "values", command, is_value);
	bash_list(out, "paths", command, is_path);
	bash_list(out, "guests", command, is_guest);
	fputs(" ;;\n", out);
}

static void print_names(FILE *out)
{
	for (size_t i = 0; i < cmd_command_count; i++)
		fprintf(out, "%s%s", i ? " " : "", cmd_commands[i]->name);
}

static const char bash_head[] =
	"# bash completion for minato: source it, or install it as\n"
	"# share/bash-completion/completions/minato\n"
	"_minato_guests()\n"
	"{\n"
	"\tminato ps --no-header 2>/dev/null | cut -d ' ' -f 1\n"
	"}\n"
	"_minato()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal operand verbs passes options values paths guests word i seen=0 ended=\n"
	"\tCOMPREPLY=()\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$_minato_commands --help --version\" -- \"$cur\"))\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcase ${COMP_WORDS[1]} in\n";

static const char bash_tail[] =
	"\t*) return ;;\n"
	"\tesac\n"
	"\toptions+=\"-h --help\"\n"
	"\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tif ((passes && seen)) || [[ $ended || $word != -* ]]; then\n"
	"\t\t\t((++seen))\n"
	"\t\telif [[ $word == -- ]]; then\n"
	"\t\t\tended=1\n"
	"\t\telif [[ $values == *\" $word \"* ]]; then\n"
	"\t\t\t((++i))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\t[[ $operand == guest ]] && ((passes && seen)) && ((seen--)) && operand=program ended=1\n"
	"\tif ((passes && seen)); then\n"
	"\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	"\telif [[ $paths == *\" $prev \"* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	"\telif [[ $guests == *\" $prev \"* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(_minato_guests)\" -- \"$cur\"))\n"
	"\telif [[ $values == *\" $prev \"* ]]; then\n"
	"\t\treturn\n"
	"\telif [[ $cur == -* && ! $ended ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	"\telse\n"
	"\t\tcase $operand in\n"
	"\t\tguest) COMPREPLY=($(compgen -W \"$(_minato_guests)\" -- \"$cur\")) ;;\n"
	"\t\tprogram) COMPREPLY=($(compgen -c -- \"$cur\")) ;;\n"
	"\t\tcommand) COMPREPLY=($(compgen -W \"$_minato_commands\" -- \"$cur\")) ;;\n"
	"\t\tverb) ((seen)) || COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\")) ;;\n"
	"\t\tfilter)\n"
	"\t\t\tword=\"" FILTER_WORDS "\"\n"
	"\t\t\t[[ $prev == state || $prev == exclude ]] && word=\"" STATE_WORDS "\"\n"
	"\t\t\tCOMPREPLY=($(compgen -W \"$word\" -- \"$cur\")) ;;\n"
	"\t\tshell) COMPREPLY=($(compgen -W \"bash fish zsh\" -- \"$cur\")) ;;\n"
	"\t\tother) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
	"\t\tesac\n"
	"\tfi\n"
	"}\n"
	"complete -o filenames -F _minato minato\n";

static void print_bash(FILE *out)
{
	fputs("_minato_commands=\"", out);
	print_names(out);
	fputs("\"\n", out);
	fputs(bash_head, out);
	for (size_t i = 0; i < cmd_command_count; i++)
		bash_command(out, cmd_commands[i]);
	fputs(bash_tail, out);
}

/* ---- zsh ---- */

static void zsh_value(FILE *out, const char *arg)
{
	if (!arg)
		return;
	fprintf(out, ":%s:", arg);
	if (is_path(arg))
		fputs("_files", out);
	else if (is_guest(arg))
		fputs("_minato_guests", out);
}

static void zsh_spec(FILE *out, const struct cmd_option *option)
{
	const char *many = option->take == CMD_MANY ? "*" : "";

	fprintf(out, " \\\n\t\t\t'%s--%s[", many, option->name);
	print_summary(out, option->help);
	putc(']', out);
	zsh_value(out, cmd_option_value(option));
	putc('\'', out);
	if (!option->letter)
		return;
	fprintf(out, " \\\n\t\t\t'%s-%c[", many, option->letter);
	print_summary(out, option->help);
	putc(']', out);
	zsh_value(out, cmd_option_value(option));
	putc('\'', out);
}

static void zsh_operands(FILE *out, const struct cmd_command *command)
{
	const char *rest = command->passes ? " \\\n\t\t\t'*::: :_normal'" : "";

	switch (command->operand) {
	case CMD_OPERAND_OTHER:
		fputs(" \\\n\t\t\t'*: :_files'", out);
		break;
	case CMD_OPERAND_GUEST:
		fprintf(out, " \\\n\t\t\t'%s:guest:_minato_guests'%s", command->passes ? "1" : "*",
			rest);
		break;
	case CMD_OPERAND_PROGRAM:
		fputs(" \\\n\t\t\t'(-)1: :_command_names -e' \\\n\t\t\t'*::: :_normal'", out);
		break;
	case CMD_OPERAND_COMMAND:
		fputs(" \\\n\t\t\t'1:command:_minato_commands'", out);
		break;
	case CMD_OPERAND_VERB:
		fprintf(out, " \\\n\t\t\t'1:verb:(%s)' \\\n\t\t\t'*: :'", verbs_of(command));
		break;
	case CMD_OPERAND_FILTER:
		fputs(" \\\n\t\t\t'*:filter:(" FILTER_WORDS " " STATE_WORDS ")'", out);
		break;
	case CMD_OPERAND_SHELL:
		fputs(" \\\n\t\t\t'1:shell:(bash fish zsh)'", out);
		break;
	}
}

static void zsh_command(FILE *out, const struct cmd_command *command)
{
	const struct cmd_option *option;

	fprintf(out, "\t%s)\n\t\t_arguments -s '--help[Show this and end]'", command->name);
	for (size_t i = 0; (option = cmd_option_at(command, i)) != NULL; i++)
		zsh_spec(out, option);
	zsh_operands(out, command);
	fputs(" ;;\n", out);
}

static void print_zsh(FILE *out)
{
	fputs("#compdef minato\n"
	      "# zsh completion for minato: install it as _minato in a directory of $fpath\n"
	      "_minato_guests()\n"
	      "{\n"
	      "\tlocal list=\"$(minato ps --no-header 2>/dev/null | cut -d ' ' -f 1)\"\n"
	      "\tlocal -a guests=(${(f)list})\n"
	      "\tcompadd -a guests\n"
	      "}\n"
	      "_minato_commands()\n"
	      "{\n"
	      "\tlocal -a commands=(\n",
	      out);
	for (size_t i = 0; i < cmd_command_count; i++) {
		fprintf(out, "\t\t'%s:", cmd_commands[i]->name);
		print_summary(out, cmd_commands[i]->summary);
		fputs("'\n", out);
	}
	fputs("\t)\n"
	      "\t_describe command commands\n"
	      "}\n"
	      "_minato()\n"
	      "{\n"
	      "\tif ((CURRENT == 2)); then\n"
	      "\t\t_minato_commands\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tlocal command=$words[2]\n"
	      "\tshift words\n"
	      "\t((CURRENT--))\n"
	      "\tcase $command in\n",
	      out);
	for (size_t i = 0; i < cmd_command_count; i++)
		zsh_command(out, cmd_commands[i]);
	fputs("\tesac\n"
	      "}\n"
	      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
	      "\t_minato \"$@\"\n"
	      "else\n"
	      "\tcompdef _minato minato\n"
	      "fi\n",
	      out);
}

/* ---- fish ---- */

static void fish_operands(FILE *out, const struct cmd_command *command)
{
	const char *what = NULL;

	switch (command->operand) {
	case CMD_OPERAND_OTHER:
		fprintf(out, "complete -c minato -n '__minato_in %s' -F\n", command->name);
		break;
	case CMD_OPERAND_GUEST:
		what = "(__minato_guests)";
		break;
	case CMD_OPERAND_PROGRAM:
		what = "(__fish_complete_subcommand --fcs-skip=2)";
		break;
	case CMD_OPERAND_COMMAND:
		what = "$__minato_commands";
		break;
	case CMD_OPERAND_VERB:
		fprintf(out,
			"complete -c minato -n '__minato_in %s; and __minato_second' -x -a '%s'\n",
			command->name, verbs_of(command));
		break;
	case CMD_OPERAND_FILTER:
		what = FILTER_WORDS " " STATE_WORDS;
		break;
	case CMD_OPERAND_SHELL:
		what = "bash fish zsh";
		break;
	}
	if (what)
		fprintf(out, "complete -c minato -n '__minato_in %s' -x -a '%s'\n", command->name,
			what);
}

static void fish_command(FILE *out, const struct cmd_command *command)
{
	const struct cmd_option *option;

	fprintf(out, "complete -c minato -n '__minato_first' -f -a %s -d '", command->name);
	print_summary(out, command->summary);
	fputs("'\n", out);
	for (size_t i = 0; (option = cmd_option_at(command, i)) != NULL; i++) {
		fprintf(out, "complete -c minato -n '__minato_in %s' -l %s", command->name,
			option->name);
		if (option->letter)
			fprintf(out, " -s %c", option->letter);
		if (is_path(cmd_option_value(option)))
			fputs(" -rF", out);
		else if (is_guest(cmd_option_value(option)))
			fputs(" -xa '(__minato_guests)'", out);
		else if (cmd_option_value(option))
			fputs(" -x", out);
		fputs(" -d '", out);
		print_summary(out, option->help);
		fputs("'\n", out);
	}
	fish_operands(out, command);
}

static void print_fish(FILE *out)
{
	fputs("# fish completion for minato: install it as vendor_completions.d/minato.fish\n"
	      "set -g __minato_commands ",
	      out);
	print_names(out);
	fputs("\n"
	      "function __minato_guests\n"
	      "\tminato ps --no-header 2>/dev/null | string split -f 1 ' '\n"
	      "end\n"
	      "function __minato_first\n"
	      "\ttest (count (commandline -opc)) -eq 1\n"
	      "end\n"
	      "function __minato_second\n"
	      "\ttest (count (commandline -opc)) -eq 2\n"
	      "end\n"
	      "function __minato_in\n"
	      "\tset -l words (commandline -opc)\n"
	      "\ttest (count $words) -ge 2; and test $words[2] = $argv[1]\n"
	      "end\n"
	      "complete -c minato -f\n"
	      "complete -c minato -s h -l help -d 'Say how it is used'\n",
	      out);
	for (size_t i = 0; i < cmd_command_count; i++)
		fish_command(out, cmd_commands[i]);
}

/* ---- the command ---- */

static const struct shell shells[] = {
	{ "bash", print_bash },
	{ "fish", print_fish },
	{ "zsh", print_zsh },
};

static int run(int argc, char **argv)
{
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_completion, argv, NULL, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count != 1)
		return cmd_usage(&cmd_completion, "for which shell: bash, fish or zsh?");
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (!strcmp(shells[i].name, operands.words[0])) {
			shells[i].print(stdout);
			return CMD_OK;
		}
	}
	return cmd_usage(&cmd_completion, "there is none for '%s', but for bash, fish and zsh",
			 operands.words[0]);
}

const struct cmd_command cmd_completion = {
	.name = "completion",
	.args = "bash|fish|zsh",
	.summary = "Print what a shell needs to complete command lines of minato.",
	.about = "For this session of bash: source <(minato completion bash). An installed minato "
		 "has it in place for every shell.",
	.operand = CMD_OPERAND_SHELL,
	.run = run,
};
