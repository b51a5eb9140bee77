/* SPDX-License-Identifier: BSD-2-Clause */
/* A file in the language of minato.conf, or one statement of it behind a command. */
#include "cmd/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cmd_conf_read(struct conf *out, struct cmd_text *text, const char *path,
		  struct conf_report *report)
{
	struct cmd_conf_text shown = { .name = path };
	struct drive_error error;
	int result;

	*out = (struct conf){ 0 };
	/* One byte more than it may have, so that conf_read can say so. */
	if (cmd_text_read(text, path, CONF_SIZE_MAX, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_USAGE;
	}
	result = conf_read(out, text->bytes, text->size, report);
	if (result == -ENOMEM) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	shown.bytes = text->bytes;
	shown.size = text->size;
	cmd_conf_say(stderr, &shown, report, cmd_look(stderr).colour);
	return result < 0 ? CMD_REFUSED : CMD_GO_ON;
}

int cmd_conf_statement(struct conf_statement *out, const char *verb, char *const *words)
{
	char text[CONF_LINE_MAX + 2];
	struct conf_report *report = calloc(1, sizeof(*report));
	size_t used = (size_t)snprintf(text, sizeof(text), "%s", verb);
	int result;

	if (!report) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	for (size_t i = 0; words[i] && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s", words[i]);
	result = conf_statement_read(out, text, report);
	if (result < 0) {
		struct cmd_conf_text shown = { NULL, text, strlen(text) };

		cmd_conf_say(stderr, &shown, report, cmd_look(stderr).colour);
	}
	free(report);
	return result < 0 ? CMD_USAGE : CMD_GO_ON;
}
