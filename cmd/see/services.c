/* SPDX-License-Identifier: BSD-2-Clause */
/* minato services: what a port is for, which port a service has, and all else known of it. */
#include "cmd/see/services.h"

#include <errno.h>
#include <string.h>

struct services_options {
	bool tcp, udp, json, export, no_header;
	const char *file, *suggest;
};

#define AT(field) offsetof(struct services_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 't', "tcp", NULL, AT(tcp), 0, 0, "TCP only." },
	{ CMD_FLAG, 'u', "udp", NULL, AT(udp), 0, 0, "UDP only." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "No heading over a list." },
	{ CMD_TEXT, 0, "suggest", "NAME", AT(suggest), 0, 0,
	  "Propose a free port for a new service of that name." },
	{ CMD_TEXT, 0, "services", "FILE", AT(file), 0, 0,
	  "Names of this services file go first, instead of /etc/services." },
	{ CMD_FLAG, 0, "export", NULL, AT(export), 0, 0, "Write a services file." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0,
	  "JSON; minato-services(1) says which members." },
};

/* A name of many ports (x11) is a list. */
#define FULL_MAX 4

static bool in_full(const struct cmd_wanted *wanted, const struct cmd_cards *cards)
{
	size_t ports = 0;

	for (size_t i = 0; i < cards->count; i++)
		ports += i == 0 || cards->list[i].port != cards->list[i - 1].port;
	return wanted->sought == CMD_SOUGHT_PORT ||
	       (wanted->sought == CMD_SOUGHT_NAME && ports <= FULL_MAX);
}

static int print(const struct services_options *chosen, const struct cmd_cards *cards,
		 const struct cmd_wanted *wanted)
{
	struct view_look look = cmd_look(stdout);
	int result;

	look.header = !chosen->no_header;
	if (chosen->json)
		result = cmd_cards_json(stdout, cards);
	else if (chosen->export)
		result = cmd_cards_export(stdout, cards);
	else if (in_full(wanted, cards))
		result = cmd_cards_show(stdout, cards, &look);
	else
		result = cmd_cards_list(stdout, cards, &look);
	if (result < 0)
		cmd_say("cannot write the list: %s", strerror(-result));
	return result < 0 ? CMD_FAILED : CMD_OK;
}

static int say_nothing(const struct cmd_cards *cards, const struct cmd_wanted *wanted)
{
	const char *guess;

	if (wanted->sought == CMD_SOUGHT_RANGE) {
		cmd_say("nothing in %u-%u has a name or a holder", wanted->first, wanted->last);
		return CMD_REFUSED;
	}
	if (wanted->sought == CMD_SOUGHT_NAME) {
		cmd_say("%s is no service of that protocol", wanted->text);
		return CMD_REFUSED;
	}
	guess = cmd_finding_guess(cards, wanted->text);
	if (guess)
		cmd_say("no service is called '%s'; did you mean %s?", wanted->text, guess);
	else
		cmd_say("no service is called '%s', and none is described so", wanted->text);
	return CMD_REFUSED;
}

/* Where a slip of the finger happens to begin another name: smpt of smpte. */
static void say_other(const struct cmd_cards *cards, const struct cmd_wanted *wanted)
{
	const char *guess;

	if (wanted->sought != CMD_SOUGHT_WORDS)
		return;
	guess = cmd_finding_guess(cards, wanted->text);
	if (guess && strncasecmp(guess, wanted->text, strlen(wanted->text)) != 0 &&
	    strncasecmp(guess, wanted->text, strlen(guess)) != 0)
		cmd_say("no service is called just '%s'; did you mean %s?", wanted->text, guess);
}

static int show(const struct services_options *chosen, struct cmd_cards *cards,
		struct cmd_wanted *wanted, struct drive_error *error)
{
	bool limited = chosen->tcp || chosen->udp;
	uint32_t set = (chosen->tcp ? MINATO_SERVICE_TCP : 0) |
		       (chosen->udp ? MINATO_SERVICE_UDP : 0);

	if (limited)
		wanted->protocols = wanted->protocols ? wanted->protocols & set : set;
	if (limited && !wanted->protocols)
		return cmd_usage(&cmd_services, "-t and -u leave nothing of that protocol");
	/* A services file has no holders. */
	if (!chosen->export && cmd_cards_look(cards, wanted->first, wanted->last, error) < 0) {
		cmd_say("%s", error->text);
		return CMD_FAILED;
	}
	if (!cmd_finding_mark(cards, wanted)) {
		/* Whoever reads JSON gets some in any case. */
		if (chosen->json)
			cmd_cards_json(stdout, cards);
		return say_nothing(cards, wanted);
	}
	if (cmd_cards_make(cards, wanted->protocols ? wanted->protocols : UINT32_MAX) < 0) {
		cmd_say("out of memory");
		return CMD_FAILED;
	}
	say_other(cards, wanted);
	return print(chosen, cards, wanted);
}

static int suggest(const struct services_options *chosen, struct cmd_cards *cards,
		   struct drive_error *error)
{
	int port = cmd_cards_look(cards, 0, UINT16_MAX, error);

	if (port < 0) {
		cmd_say("%s", error->text);
		return CMD_FAILED;
	}
	port = cmd_propose(cards, chosen->suggest, error);
	if (port < 0) {
		cmd_say("%s", error->text);
		return port == -EINVAL ? CMD_USAGE : CMD_REFUSED;
	}
	if (chosen->json)
		printf("{\"v\":%d,\"name\":\"%s\",\"port\":%d}\n", VIEW_JSON_VERSION,
		       chosen->suggest, port);
	else if (chosen->export)
		printf("%-15s %d/tcp\n%-15s %d/udp\n", chosen->suggest, port, chosen->suggest,
		       port);
	else
		printf("%d\n", port);
	return CMD_OK;
}

/* Of a file that was named; the host's own is not the caller's to mend. */
static void say_strange(const struct services_options *chosen, const struct cmd_cards *cards)
{
	uint32_t count = chosen->file ? minato_services_strange(cards->services) : 0;

	if (count)
		cmd_say("%s: %u line%s not understood; expected 'NAME PORT/PROTOCOL'", chosen->file,
			count, count == 1 ? " was" : "s were");
}

static int answer(const struct services_options *chosen, const struct cmd_operands *operands)
{
	struct drive_error error;
	struct cmd_wanted wanted;
	struct cmd_cards cards;
	int code;

	if (cmd_cards_open(&cards, chosen->file, &error) < 0) {
		cmd_say("%s", error.text);
		cmd_cards_close(&cards);
		return CMD_FAILED;
	}
	say_strange(chosen, &cards);
	if (chosen->suggest) {
		code = suggest(chosen, &cards, &error);
	} else if (cmd_finding_parse(&wanted, operands, &cards, &error) < 0) {
		code = cmd_usage(&cmd_services, "%s", error.text);
	} else {
		code = show(chosen, &cards, &wanted, &error);
	}
	cmd_cards_close(&cards);
	return code;
}

static int run(int argc, char **argv)
{
	struct services_options chosen = { 0 };
	struct cmd_operands operands;
	int code = cmd_parse(&cmd_services, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (chosen.suggest && operands.count)
		return cmd_usage(&cmd_services, "--suggest takes one name, and no '%s'",
				 operands.words[0]);
	if (chosen.suggest && (chosen.tcp || chosen.udp))
		return cmd_usage(&cmd_services, "--suggest is for TCP and UDP in one");
	if (chosen.json && chosen.export)
		return cmd_usage(&cmd_services, "--json and --export are two forms; choose one");
	return answer(&chosen, &operands);
}

const struct cmd_command cmd_services = {
	.name = "services",
	.args = "[NUMBER|NAME|PREFIX|WORDS|RANGE]",
	.summary = "Say what a port is for, or which port a service has.",
	.about = "A number or a name is told of in full: what it is for, its kind, who holds it "
		 "here. A beginning of names, words of a description, and a range (20-25) give a "
		 "list; without a word it is the whole one.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
