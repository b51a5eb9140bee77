/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose rules a command is about: a gateway's, or a guest's. */
#include "cmd/gateway/gateway.h"

#include <string.h>

static int choose_named(char name[DRIVE_NAME_SIZE], const char *word, const struct cmd_names *names)
{
	char hint[256];

	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], word) != 0)
			continue;
		(void)snprintf(name, DRIVE_NAME_SIZE, "%s", word);
		return CMD_OK;
	}
	cmd_say("no gateway or guest is called %s%s", word,
		cmd_names_hint(hint, sizeof(hint), word));
	return CMD_REFUSED;
}

/* The only gateway that runs, or else the only guest. */
static int choose_only(char name[DRIVE_NAME_SIZE], const struct cmd_names *names)
{
	size_t gateways = 0;
	char hint[256];

	for (size_t i = 0; i < names->count; i++) {
		if (gateway_is(names->list[i]) && gateways++ == 0)
			(void)snprintf(name, DRIVE_NAME_SIZE, "%s", names->list[i]);
	}
	if (gateways == 1)
		return CMD_OK;
	if (gateways == 0 && names->count == 1) {
		(void)snprintf(name, DRIVE_NAME_SIZE, "%s", names->list[0]);
		return CMD_OK;
	}
	cmd_say("%s%s",
		gateways     ? "several gateways run: say which by --name" :
		names->count ? "several guests run: say which by --name" :
			       "no gateway or guest is running",
		names->count ? cmd_names_hint(hint, sizeof(hint), "") : "");
	return CMD_REFUSED;
}

int cmd_whose_choose(char name[DRIVE_NAME_SIZE], const char *word, bool *guest)
{
	struct cmd_names names;
	struct drive_error error;
	int code;

	if (cmd_names_read(&names, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	code = word ? choose_named(name, word, &names) : choose_only(name, &names);
	cmd_names_free(&names);
	*guest = code == CMD_OK && !gateway_is(name);
	return code;
}
