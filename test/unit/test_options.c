/* SPDX-License-Identifier: BSD-2-Clause */
/* Command lines: every form of an option, operands, faults, and the help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"

struct values {
	bool all, numeric, ipv4;
	const char *name;
	long mtu;
	struct cmd_many ports;
};

#define AT(field) offsetof(struct values, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 'a', "all", NULL, AT(all), 0, 0, "Everything." },
	{ CMD_FLAG, 'n', "numeric", NULL, AT(numeric), 0, 0, "Numbers." },
	{ CMD_FLAG, 0, "ipv4-only", NULL, AT(ipv4), 0, 0, "No letter." },
	{ CMD_TEXT, 'N', "name", "NAME", AT(name), 0, 0, "A name." },
	{ CMD_NUMBER, 'm', "mtu", "BYTES", AT(mtu), 576, 65521, "A number." },
	{ CMD_MANY, 'p', "publish", "PORT", AT(ports), 0, 0,
	  "A text that is long enough that it must be folded to a second line, or even to a third, "
	  "in the column of the texts." },
};

static const struct cmd_command mixing = {
	.name = "mix",
	.args = "[WORD...]",
	.summary = "Mixes.",
	.about = "More about it.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
};

static const struct cmd_command passing = {
	.name = "pass",
	.args = "COMMAND...",
	.summary = "Passes.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.passes = true,
};

/* What the last parse left. */
static struct values values;
static struct cmd_operands operands;

#define WORDS_MAX 16

static int parse(const struct cmd_command *command, const char *const *words)
{
	static char copies[WORDS_MAX][64];
	static char *argv[WORDS_MAX + 1];
	size_t i = 0;

	for (; words[i]; i++) {
		snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
		argv[i] = copies[i];
	}
	argv[i] = NULL;
	values = (struct values){ .mtu = 1500 };
	return cmd_parse(command, argv, &values, &operands);
}

#define PARSE(command, ...)                                                                        \
	parse(command, (const char *const[]){ (command)->name, __VA_ARGS__, NULL })

/* What a call prints on a stream, by way of a temporary file in its place. */
struct capture {
	FILE *stream, *file;
	int saved;
};

static struct capture capture_begin(FILE *stream)
{
	struct capture capture = { stream, tmpfile(), -1 };

	assert_non_null(capture.file);
	fflush(stream);
	capture.saved = dup(fileno(stream));
	dup2(fileno(capture.file), fileno(stream));
	return capture;
}

static const char *capture_end(struct capture *capture)
{
	static char text[8192];
	size_t length;

	fflush(capture->stream);
	dup2(capture->saved, fileno(capture->stream));
	close(capture->saved);
	rewind(capture->file);
	length = fread(text, 1, sizeof(text) - 1, capture->file);
	text[length] = 0;
	fclose(capture->file);
	return text;
}

static void assert_wrong(const char *part, const char *const *words)
{
	struct capture capture = capture_begin(stderr);
	int code = parse(&mixing, words);
	const char *text = capture_end(&capture);

	assert_int_equal(code, CMD_USAGE);
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

#define WRONG(part, ...) assert_wrong(part, (const char *const[]){ "mix", __VA_ARGS__, NULL })

static void nothing_is_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(&mixing, (const char *const[]){ "mix", NULL }), CMD_GO_ON);
	assert_false(values.all);
	assert_null(values.name);
	assert_int_equal(values.mtu, 1500);
	assert_int_equal(operands.count, 0);
	assert_null(operands.words[0]);
}

static void letters_are_flags(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "-a"), CMD_GO_ON);
	assert_true(values.all);
	assert_false(values.numeric);
}

static void letters_stand_together(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "-an"), CMD_GO_ON);
	assert_true(values.all && values.numeric);
}

static void the_last_of_the_letters_takes_a_value(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "-anNweb"), CMD_GO_ON);
	assert_true(values.all && values.numeric);
	assert_string_equal(values.name, "web");
	assert_int_equal(PARSE(&mixing, "-aN", "web"), CMD_GO_ON);
	assert_string_equal(values.name, "web");
}

static void long_options_take_values_in_two_forms(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "--name", "web"), CMD_GO_ON);
	assert_string_equal(values.name, "web");
	assert_int_equal(PARSE(&mixing, "--name=db"), CMD_GO_ON);
	assert_string_equal(values.name, "db");
	assert_int_equal(PARSE(&mixing, "--name="), CMD_GO_ON);
	assert_string_equal(values.name, "");
}

static void a_value_may_look_like_an_option(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "--name", "--all"), CMD_GO_ON);
	assert_string_equal(values.name, "--all");
	assert_false(values.all);
}

static void numbers_keep_their_bounds(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "--mtu", "576"), CMD_GO_ON);
	assert_int_equal(values.mtu, 576);
	assert_int_equal(PARSE(&mixing, "-m65521"), CMD_GO_ON);
	assert_int_equal(values.mtu, 65521);
	WRONG("--mtu: 575 is not a number from 576 to 65521", "--mtu", "575");
	WRONG("65522", "--mtu=65522");
	WRONG("99999999999999999999", "--mtu=99999999999999999999");
}

static void what_is_no_number_is_refused(void **state)
{
	(void)state;
	WRONG("1500x is not a number", "--mtu", "1500x");
	WRONG("is not a number", "--mtu=");
}

static void repeated_options_gather_in_order(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "-p", "80", "-p443", "--publish=53/udp"), CMD_GO_ON);
	assert_int_equal(values.ports.count, 3);
	assert_string_equal(values.ports.text[0], "80");
	assert_string_equal(values.ports.text[1], "443");
	assert_string_equal(values.ports.text[2], "53/udp");
}

static void repetition_has_a_bound(void **state)
{
	static char *argv[CMD_MANY_MAX + 3];
	static char word[] = "-p1";
	static char name[] = "mix";
	struct capture capture;
	const char *text;
	int code;

	(void)state;
	argv[0] = name;
	for (size_t i = 1; i <= CMD_MANY_MAX + 1; i++)
		argv[i] = word;
	values = (struct values){ 0 };
	capture = capture_begin(stderr);
	code = cmd_parse(&mixing, argv, &values, &operands);
	text = capture_end(&capture);
	assert_int_equal(code, CMD_USAGE);
	assert_non_null(strstr(text, "more than 1024 times"));
}

static void operands_mix_with_options(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "one", "-a", "two", "--name", "x", "three"), CMD_GO_ON);
	assert_true(values.all);
	assert_int_equal(operands.count, 3);
	assert_string_equal(operands.words[0], "one");
	assert_string_equal(operands.words[1], "two");
	assert_string_equal(operands.words[2], "three");
	assert_null(operands.words[3]);
}

static void after_two_dashes_all_are_operands(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "-a", "--", "-n", "--", "x"), CMD_GO_ON);
	assert_false(values.numeric);
	assert_int_equal(operands.count, 3);
	assert_string_equal(operands.words[0], "-n");
	assert_string_equal(operands.words[1], "--");
}

static void a_single_dash_is_an_operand(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "-"), CMD_GO_ON);
	assert_int_equal(operands.count, 1);
	assert_string_equal(operands.words[0], "-");
}

static void an_arrow_is_an_operand(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&mixing, "a", "->", "b"), CMD_GO_ON);
	assert_int_equal(operands.count, 3);
	assert_string_equal(operands.words[1], "->");
}

static void a_command_keeps_its_own_options(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&passing, "-a", "ls", "-n", "--mtu", "--"), CMD_GO_ON);
	assert_true(values.all);
	assert_false(values.numeric);
	assert_int_equal(operands.count, 4);
	assert_string_equal(operands.words[0], "ls");
	assert_string_equal(operands.words[1], "-n");
	assert_string_equal(operands.words[3], "--");
}

static void a_command_may_follow_two_dashes(void **state)
{
	(void)state;
	assert_int_equal(PARSE(&passing, "-n", "--", "--all", "x"), CMD_GO_ON);
	assert_false(values.all);
	assert_int_equal(operands.count, 2);
	assert_string_equal(operands.words[0], "--all");
}

static void an_unknown_option_names_the_nearest(void **state)
{
	(void)state;
	WRONG("there is no option --publsh; did you mean --publish?", "--publsh", "80");
	WRONG("there is no option --frobnicate\n", "--frobnicate");
	WRONG("did you mean --name?", "--nmae=x");
	WRONG("did you mean --help?", "--hlep");
}

static void an_unknown_letter_is_named(void **state)
{
	(void)state;
	WRONG("there is no option -x", "-ax");
}

static void faults_point_at_the_help(void **state)
{
	(void)state;
	WRONG("See 'minato mix --help'.", "--nothing");
}

static void missing_and_needless_values_are_told(void **state)
{
	(void)state;
	WRONG("--name needs a value: --name NAME", "--name");
	WRONG("-N needs a value: -N NAME", "-aN");
	WRONG("--all takes no value", "--all=yes");
}

static void part_of_a_name_is_not_the_option(void **state)
{
	(void)state;
	WRONG("there is no option --al", "--al");
	WRONG("there is no option --allall", "--allall");
}

static void help_ends_with_code_0(void **state)
{
	static const char *const forms[] = { "--help", "-h", "-ah" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct capture capture = capture_begin(stdout);
		int code = PARSE(&mixing, forms[i]);
		const char *text = capture_end(&capture);

		assert_int_equal(code, CMD_OK);
		assert_non_null(strstr(text, "Usage: minato mix [options] [WORD...]\n"));
	}
}

static void help_lists_every_option(void **state)
{
	struct capture capture = capture_begin(stdout);
	const char *text;

	(void)state;
	cmd_print_help(stdout, &mixing);
	text = capture_end(&capture);
	assert_non_null(strstr(text, "  -a, --all                 Everything.\n"));
	assert_non_null(strstr(text, "      --ipv4-only           No letter.\n"));
	assert_non_null(strstr(text, "  -m, --mtu BYTES           A number.\n"));
	assert_non_null(strstr(text, "  -h, --help                Show this and end.\n"));
	assert_non_null(strstr(text, "Mixes.\n\nMore about it.\n"));
}

static void help_fits_a_terminal(void **state)
{
	struct capture capture = capture_begin(stdout);
	const char *text;

	(void)state;
	cmd_print_help(stdout, &mixing);
	text = capture_end(&capture);
	while (*text) {
		size_t length = strcspn(text, "\n");

		assert_true(length < 80);
		assert_true(length == 0 || text[length - 1] != ' ');
		text += length + (text[length] != 0);
	}
}

/* A command with the options above as its shared ones, behind one of its own. */
struct sharing_values {
	bool own;
	struct values common;
};

static const struct cmd_shared common_options = { options, sizeof(options) / sizeof(options[0]) };
static const struct cmd_option own_option = {
	CMD_FLAG, 'o', "own", NULL, offsetof(struct sharing_values, own), 0, 0, "Its own.",
};

static const struct cmd_command sharing = {
	.name = "share",
	.args = "",
	.summary = "Shares.",
	.options = &own_option,
	.option_count = 1,
	.shared = &common_options,
	.shared_offset = offsetof(struct sharing_values, common),
};

static void shared_options_go_to_their_struct(void **state)
{
	struct sharing_values into = { .own = false };
	char words[][16] = { "share", "-o", "-n", "--name", "web", "--mtu=600" };
	char *argv[] = { words[0], words[1], words[2], words[3], words[4], words[5], NULL };

	(void)state;
	assert_int_equal(cmd_parse(&sharing, argv, &into, &operands), CMD_GO_ON);
	assert_true(into.own);
	assert_true(into.common.numeric);
	assert_false(into.common.all);
	assert_string_equal(into.common.name, "web");
	assert_int_equal(into.common.mtu, 600);
}

static void shared_options_are_listed_with_the_own(void **state)
{
	size_t count = 0;

	(void)state;
	while (cmd_option_at(&sharing, count))
		count++;
	assert_int_equal(count, common_options.count + 1);
	assert_ptr_equal(cmd_option_at(&sharing, 0), &options[0]);
	assert_ptr_equal(cmd_option_at(&sharing, count - 1), &own_option);
}

static void a_value_may_be_left_out(void **state)
{
	static const struct cmd_option option = { CMD_MAYBE, 'w', "watch", "SECONDS",
						  0,	     0,	  0,	   "Again and again." };
	static const struct cmd_command command = {
		.name = "look", .args = "", .summary = "", .options = &option, .option_count = 1
	};
	struct capture out;
	const char *value;

	(void)state;
	for (int i = 0; i < 4; i++) {
		static const char *const words[] = { "--watch", "-w", "--watch=2", "more" };
		static const char *const wanted[] = { "", "", "2", NULL };
		char name[] = "look";
		char word[16];
		char *argv[] = { name, word, name, NULL };

		snprintf(word, sizeof(word), "%s", words[i]);
		value = NULL;
		assert_int_equal(cmd_parse(&command, argv, &value, &operands), CMD_GO_ON);
		assert_int_equal(operands.count, wanted[i] ? 1 : 2);
		if (wanted[i])
			assert_string_equal(value, wanted[i]);
		else
			assert_null(value);
	}
	assert_null(cmd_option_value(&option));
	out = capture_begin(stdout);
	cmd_print_help(stdout, &command);
	assert_non_null(strstr(capture_end(&out), "-w, --watch[=SECONDS]"));
}

static void a_verb_is_taken_off(void **state)
{
	struct capture capture;
	enum cmd_verb verb;

	(void)state;
	parse(&mixing, (const char *const[]){ "mix", NULL });
	assert_int_equal(cmd_verb_take(&mixing, &operands, &verb), CMD_GO_ON);
	assert_int_equal(verb, CMD_VERB_LIST);
	assert_int_equal(operands.count, 0);
	PARSE(&mixing, "rm", "-a", "list");
	assert_int_equal(cmd_verb_take(&mixing, &operands, &verb), CMD_GO_ON);
	assert_int_equal(verb, CMD_VERB_RM);
	assert_int_equal(operands.count, 1);
	assert_string_equal(operands.words[0], "list");
	assert_null(operands.words[1]);
	PARSE(&mixing, "add");
	assert_int_equal(cmd_verb_take(&mixing, &operands, &verb), CMD_GO_ON);
	assert_int_equal(verb, CMD_VERB_ADD);
	PARSE(&mixing, "ad");
	capture = capture_begin(stderr);
	assert_int_equal(cmd_verb_take(&mixing, &operands, &verb), CMD_USAGE);
	assert_non_null(strstr(capture_end(&capture), "'ad' is none of add, list and rm"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_the_defaults),
		cmocka_unit_test(letters_are_flags),
		cmocka_unit_test(letters_stand_together),
		cmocka_unit_test(the_last_of_the_letters_takes_a_value),
		cmocka_unit_test(long_options_take_values_in_two_forms),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(repeated_options_gather_in_order),
		cmocka_unit_test(repetition_has_a_bound),
		cmocka_unit_test(operands_mix_with_options),
		cmocka_unit_test(after_two_dashes_all_are_operands),
		cmocka_unit_test(a_single_dash_is_an_operand),
		cmocka_unit_test(an_arrow_is_an_operand),
		cmocka_unit_test(a_command_keeps_its_own_options),
		cmocka_unit_test(a_command_may_follow_two_dashes),
		cmocka_unit_test(an_unknown_option_names_the_nearest),
		cmocka_unit_test(an_unknown_letter_is_named),
		cmocka_unit_test(faults_point_at_the_help),
		cmocka_unit_test(missing_and_needless_values_are_told),
		cmocka_unit_test(part_of_a_name_is_not_the_option),
		cmocka_unit_test(help_ends_with_code_0),
		cmocka_unit_test(help_lists_every_option),
		cmocka_unit_test(help_fits_a_terminal),
		cmocka_unit_test(shared_options_go_to_their_struct),
		cmocka_unit_test(shared_options_are_listed_with_the_own),
		cmocka_unit_test(a_value_may_be_left_out),
		cmocka_unit_test(a_verb_is_taken_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
