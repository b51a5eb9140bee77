/* SPDX-License-Identifier: BSD-2-Clause */
/* minato rule, of a gateway: its rules listed, added and removed. */
#include "cmd/gateway/gateway.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* ---- list ---- */

static bool is_rule(const json_t *row)
{
	static const char *const verbs[] = { "allow", "block", "drop", "limit" };
	const char *verb = json_string_value(json_object_get(row, "verb"));

	for (size_t i = 0; verb && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(verb, verbs[i]))
			return true;
	}
	return false;
}

static void print_row(const json_t *row)
{
	char until[32];
	char from[80];
	json_int_t end = json_integer_value(json_object_get(row, "until"));

	printf("%-11s %8" JSON_INTEGER_FORMAT " %-19s %s\n",
	       gateway_from_word(from, sizeof(from), row),
	       json_integer_value(json_object_get(row, "hits")),
	       end ? gateway_until_word(until, sizeof(until), end) : "-", gateway_text_of(row));
}

static int list(const char *name, const struct gateway_ruling *chosen)
{
	struct drive_error error;
	json_t *rows = json_array();

	if (gateway_list(name, "statements", rows, &error) < 0) {
		cmd_say("%s: %s", name, error.text);
		json_decref(rows);
		return CMD_FAILED;
	}
	for (size_t i = json_array_size(rows); i-- > 0;) {
		if (!is_rule(json_array_get(rows, i)))
			(void)json_array_remove(rows, i);
	}
	if (chosen->json) {
		json_t *all = json_pack("{s:i,s:s,s:o}", "v", VIEW_JSON_VERSION,
					chosen->guest ? "guest" : "gateway", name, "rules", rows);

		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(all);
		return CMD_OK;
	}
	if (!chosen->no_header)
		printf("%-11s %8s %-19s %s\n", "FROM", "HITS", "UNTIL", "RULE");
	for (size_t i = 0; i < json_array_size(rows); i++)
		print_row(json_array_get(rows, i));
	json_decref(rows);
	return CMD_OK;
}

/* ---- add and rm ---- */

/* CMD_OK, or the exit code after it has said what the word should have been. */
static int check_verb(const char *word)
{
	static const char *const verbs[] = { "allow", "block", "drop", "reject", "limit" };
	static const char *const others[] = { "forward", "dmz", "nat" };
	struct cmd_guess guess = { .word = NULL };
	char first[32];

	/* The sentence may be one word of the shell's, as --rule has it. */
	(void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(word, " \t"), word);
	guess.word = word = first;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcasecmp(word, verbs[i]))
			return CMD_OK;
		cmd_guess_try(&guess, verbs[i]);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (!strcasecmp(word, others[i]))
			return cmd_usage(&cmd_rule,
					 "%s is no rule: that is what 'minato %s' is for",
					 others[i], others[i]);
	}
	if (!strcasecmp(word, "deny"))
		guess.best = "block";
	else if (!strcasecmp(word, "accept") || !strcasecmp(word, "permit"))
		guess.best = "allow";
	return cmd_usage(&cmd_rule,
			 "'%s': a rule begins with allow, block, drop, reject or limit%s%s%s", word,
			 guess.best ? "; did you mean '" : "", guess.best ? guess.best : "",
			 guess.best ? "'?" : "");
}

static int add(const char *name, const struct cmd_operands *operands,
	       const struct gateway_ruling *chosen)
{
	struct drive_error error;
	json_t *item = NULL;
	int code = check_verb(operands->words[0]);

	if (code != CMD_OK)
		return code;
	code = gateway_statement_make(operands->words[0], operands->words + 1, operands->count - 1,
				      &item);

	if (code != CMD_OK)
		return code;
	return gateway_report(name,
			      gateway_ask(name,
					  json_pack("{s:s,s:[o],s:b}", "request", "change", "add",
						    item, "volatile", (int)chosen->fleeting),
					  &error),
			      &error);
}

/* A name, or the sentence. */
static int remove_one(const char *name, const struct cmd_operands *operands,
		      const struct gateway_ruling *chosen)
{
	struct drive_error error;
	char text[CONF_LINE_MAX];
	size_t used = 0;

	text[0] = 0;
	for (int i = 0; i < operands->count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 operands->words[i]);
	return gateway_report(name,
			      gateway_ask(name,
					  json_pack("{s:s,s:[s],s:b}", "request", "change",
						    "remove", text, "volatile",
						    (int)chosen->fleeting),
					  &error),
			      &error);
}

int gateway_rule(enum cmd_verb verb, const char *name, const struct cmd_operands *operands,
		 const struct gateway_ruling *chosen)
{
	if (verb == CMD_VERB_LIST)
		return list(name, chosen);
	return verb == CMD_VERB_ADD ? add(name, operands, chosen) :
				      remove_one(name, operands, chosen);
}
