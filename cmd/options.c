/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a command line by its table of options, and makes the help of the same table. */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 28
#define HELP_WIDTH 79

static const struct cmd_option help_option = { .letter = 'h',
					       .name = "help",
					       .help = "Show this and end." };

/* What is known while one command line is read. */
struct reading {
	const struct cmd_command *command;
	void *into;
	char **next; /* the word after the current one */
};

const struct cmd_option *cmd_option_at(const struct cmd_command *command, size_t index)
{
	size_t shared = command->shared ? command->shared->count : 0;

	if (index < shared)
		return &command->shared->options[index];
	index -= shared;
	return index < command->option_count ? &command->options[index] : NULL;
}

/* Where the option's value is in the command's own struct. */
static void *place_of(const struct reading *reading, const struct cmd_option *option)
{
	const struct cmd_shared *shared = reading->command->shared;
	size_t offset = option->offset;

	if (shared && option >= shared->options && option < shared->options + shared->count)
		offset += reading->command->shared_offset;
	return (char *)reading->into + offset;
}

int cmd_usage(const struct cmd_command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "minato %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nSee 'minato %s --help'.\n", command->name);
	return CMD_USAGE;
}

static int store_number(const struct reading *reading, const struct cmd_option *option,
			const char *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || *end || end == value || number < option->min || number > option->max)
		return cmd_usage(reading->command, "--%s: %s is not a number from %ld to %ld",
				 option->name, value, option->min, option->max);
	*(long *)place_of(reading, option) = number;
	return CMD_GO_ON;
}

static int store(const struct reading *reading, const struct cmd_option *option, const char *value)
{
	void *place = place_of(reading, option);
	struct cmd_many *many = place;

	switch (option->take) {
	case CMD_FLAG:
		*(bool *)place = true;
		return CMD_GO_ON;
	case CMD_TEXT:
	case CMD_MAYBE:
		*(const char **)place = value ? value : "";
		return CMD_GO_ON;
	case CMD_NUMBER:
		return store_number(reading, option, value);
	case CMD_MANY:
		if (many->count == CMD_MANY_MAX)
			return cmd_usage(reading->command, "--%s: given more than %d times",
					 option->name, CMD_MANY_MAX);
		many->text[many->count++] = value;
		return CMD_GO_ON;
	}
	return CMD_USAGE;
}

const char *cmd_option_value(const struct cmd_option *option)
{
	return option->take == CMD_MAYBE ? NULL : option->arg;
}

static int unknown_long(const struct reading *reading, const char *name, size_t length)
{
	char word[64];
	struct cmd_guess guess = { .word = word };

	snprintf(word, sizeof(word), "%.*s", (int)length, name);
	for (size_t i = 0; cmd_option_at(reading->command, i); i++)
		cmd_guess_try(&guess, cmd_option_at(reading->command, i)->name);
	cmd_guess_try(&guess, help_option.name);
	if (guess.best)
		return cmd_usage(reading->command, "there is no option --%s; did you mean --%s?",
				 word, guess.best);
	return cmd_usage(reading->command, "there is no option --%s", word);
}

static int show_help(const struct reading *reading)
{
	cmd_print_help(stdout, reading->command);
	return CMD_OK;
}

static const struct cmd_option *find_long(const struct cmd_command *command, const char *name,
					  size_t length)
{
	const struct cmd_option *option;

	for (size_t i = 0; (option = cmd_option_at(command, i)) != NULL; i++) {
		if (!strncmp(option->name, name, length) && !option->name[length])
			return option;
	}
	if (length == strlen(help_option.name) && !strncmp(help_option.name, name, length))
		return &help_option;
	return NULL;
}

static int read_long(struct reading *reading, const char *word)
{
	size_t length = strcspn(word, "=");
	const char *value = word[length] ? word + length + 1 : NULL;
	const struct cmd_option *option = find_long(reading->command, word, length);

	if (!option)
		return unknown_long(reading, word, length);
	if (!option->arg && value)
		return cmd_usage(reading->command, "--%s takes no value", option->name);
	if (option == &help_option)
		return show_help(reading);
	if (cmd_option_value(option) && !value)
		value = *reading->next ? *reading->next++ : NULL;
	if (cmd_option_value(option) && !value)
		return cmd_usage(reading->command, "--%s needs a value: --%s %s", option->name,
				 option->name, option->arg);
	return store(reading, option, value);
}

static const struct cmd_option *find_letter(const struct cmd_command *command, char letter)
{
	const struct cmd_option *option;

	for (size_t i = 0; (option = cmd_option_at(command, i)) != NULL; i++) {
		if (option->letter == letter)
			return option;
	}
	return letter == help_option.letter ? &help_option : NULL;
}

/* "-tln", "-p8080", "-p 8080". */
static int read_letters(struct reading *reading, const char *word)
{
	for (; *word; word++) {
		const struct cmd_option *option = find_letter(reading->command, *word);
		const char *value = word + 1;
		const char *wanted;
		int code;

		if (!option)
			return cmd_usage(reading->command, "there is no option -%c", *word);
		if (option == &help_option)
			return show_help(reading);
		wanted = cmd_option_value(option);
		if (wanted && !*value)
			value = *reading->next ? *reading->next++ : NULL;
		if (wanted && !value)
			return cmd_usage(reading->command, "-%c needs a value: -%c %s", *word,
					 *word, wanted);
		code = store(reading, option, wanted ? value : NULL);
		if (code != CMD_GO_ON || wanted)
			return code;
	}
	return CMD_GO_ON;
}

int cmd_parse(const struct cmd_command *command, char **argv, void *into,
	      struct cmd_operands *operands)
{
	struct reading reading = { command, into, argv + 1 };
	int code = CMD_GO_ON;

	*operands = (struct cmd_operands){ 0, argv + 1 };
	while (*reading.next && code == CMD_GO_ON) {
		char *word = *reading.next++;

		if (!strcmp(word, "--")) {
			break;
		} else if (!strncmp(word, "--", 2)) {
			code = read_long(&reading, word + 2);
		} else if (word[0] == '-' && word[1] && word[1] != '>') {
			code = read_letters(&reading, word + 1);
		} else {
			operands->words[operands->count++] = word;
			if (command->passes)
				break;
		}
	}
	while (*reading.next)
		operands->words[operands->count++] = *reading.next++;
	operands->words[operands->count] = NULL;
	return code;
}

static const char *removal_hint(const char *word)
{
	bool removal = !strcmp(word, "delete") || !strcmp(word, "del") || !strcmp(word, "remove");

	return removal ? "; did you mean 'rm'?" : "";
}

int cmd_verb_take(const struct cmd_command *command, struct cmd_operands *operands,
		  enum cmd_verb *verb)
{
	static const char *const verbs[] = { "add", "list", "rm", "drain", "undrain" };
	const size_t count = command->verbs ? sizeof(verbs) / sizeof(verbs[0]) : 3;
	size_t i = 0;

	*verb = CMD_VERB_LIST;
	if (operands->count == 0)
		return CMD_GO_ON;
	while (i < count && strcmp(operands->words[0], verbs[i]) != 0)
		i++;
	if (i == count && command->verbs)
		return cmd_usage(command, "'%s' is none of: %s%s", operands->words[0],
				 command->verbs, removal_hint(operands->words[0]));
	if (i == count)
		return cmd_usage(command, "'%s' is none of add, list and rm%s", operands->words[0],
				 removal_hint(operands->words[0]));
	*verb = (enum cmd_verb)i;
	operands->words++;
	operands->count--;
	return CMD_GO_ON;
}

/* Prints words from `column` on, folded at the width with `indent` before each further line. */
static void print_folded(FILE *out, const char *text, int column, int indent)
{
	while (*text) {
		int length = (int)strcspn(text, " ");

		if (column + length > HELP_WIDTH && column > indent) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		}
		fprintf(out, "%.*s", length, text);
		column += length;
		text += length;
		if (*text == ' ') {
			text++;
			column++;
			if (column + (int)strcspn(text, " ") <= HELP_WIDTH)
				putc(' ', out);
		}
	}
	putc('\n', out);
}

static void print_option(FILE *out, const struct cmd_option *option)
{
	bool maybe = option->take == CMD_MAYBE;
	char left[80];
	int length = snprintf(left, sizeof(left),
			      option->letter ? "  -%c, --%s%s%s%s" : "  %c   --%s%s%s%s",
			      option->letter ? option->letter : ' ', option->name,
			      maybe	  ? "[=" :
			      option->arg ? " " :
					    "",
			      option->arg ? option->arg : "", maybe ? "]" : "");

	fputs(left, out);
	if (length >= HELP_COLUMN - 1) {
		putc('\n', out);
		length = 0;
	}
	fprintf(out, "%*s", HELP_COLUMN - length, "");
	print_folded(out, option->help, HELP_COLUMN, HELP_COLUMN);
}

void cmd_print_help(FILE *out, const struct cmd_command *command)
{
	fprintf(out, "Usage: minato %s [options]%s%s\n\n", command->name, *command->args ? " " : "",
		command->args);
	print_folded(out, command->summary, 0, 0);
	if (command->about) {
		putc('\n', out);
		print_folded(out, command->about, 0, 0);
	}
	fputs("\nOptions:\n", out);
	for (size_t i = 0; cmd_option_at(command, i); i++)
		print_option(out, cmd_option_at(command, i));
	print_option(out, &help_option);
}
