/* SPDX-License-Identifier: BSD-2-Clause */
/* A step of an explanation as JSON, of a guest's worker or a gateway's; and its words again. */
#include "cmd/cmd.h"
#include "cmd/gateway/gateway.h"

#include <string.h>

#include "minato/guard.h"

static const char *verdict_word(const struct minato_step *step)
{
	if (step->asks)
		return "asks for the program";
	return step->verdict == MINATO_PASS ? "passes" :
	       step->verdict == MINATO_DROP ? "dropped" :
					      "refused";
}

bool cmd_step_judges(const struct minato_step *step)
{
	return step->step == MINATO_STEP_RULE || step->step == MINATO_STEP_GUARD ||
	       (step->step == MINATO_STEP_ENTRY && step->kind == MINATO_KIND_GUARD);
}

json_t *cmd_step(const struct minato_step *step)
{
	json_t *item = json_pack("{s:s,s:b,s:s}", "step", minato_step_name(step->step), "found",
				 (int)step->found, "kind", minato_kind_name(step->kind));

	if (cmd_step_judges(step))
		json_object_set_new(item, "verdict", json_string(verdict_word(step)));
	if (step->limited)
		json_object_set_new(item, "limited", json_true());
	return item;
}

void cmd_step_by(json_t *item, const struct conf *conf, const struct conf_statement *one,
		 int64_t until_s)
{
	static char text[CONF_TEXT_SIZE];
	const char *file;

	if (!one) {
		json_object_set_new(item, "built_in", json_true());
		json_object_set_new(item, "text", json_string(GATEWAY_SHUT_TEXT));
		return;
	}
	(void)cmd_rule_print(text, sizeof(text), one);
	json_object_set_new(item, "line", json_integer((json_int_t)CONF_LINE_NUMBER(one->line)));
	json_object_set_new(item, "text", json_string(text));
	if (until_s)
		json_object_set_new(item, "until", json_integer(until_s));
	file = conf_file_of(conf, one->line);
	if (file)
		json_object_set_new(item, "file", json_string(file));
}

const char *cmd_step_says(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	for (const char *at = text; at && *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 127)
			return "?";
	}
	return text;
}

const char *cmd_step_place(const json_t *step, char *out, size_t size)
{
	const char *says = cmd_step_says(step, "says");
	const char *kind = cmd_step_says(step, "kind");
	json_int_t until_s = json_integer_value(json_object_get(step, "until"));
	char from[96], until[32];

	if (!json_object_get(step, "text"))
		(void)snprintf(out, size, "%s", says ? says : kind ? kind : "?");
	else
		(void)snprintf(out, size, "%s: %s%s%s%s%s",
			       gateway_from_word(from, sizeof(from), step), gateway_text_of(step),
			       until_s ? " until " : "",
			       gateway_until_word(until, sizeof(until), until_s), says ? ": " : "",
			       says ? says : "");
	return out;
}

const char *cmd_step_blame(const json_t *step, char *out, size_t size)
{
	bool said = json_object_get(step, "stops") && !json_object_get(step, "text");
	static char place[CMD_STEP_PLACE_SIZE - 8];

	(void)cmd_step_place(step, place, sizeof(place));
	said &= strncmp(place, "built in", 8) != 0;
	(void)snprintf(out, size, "%s%s", said ? ": " : " by ", place);
	return out;
}
