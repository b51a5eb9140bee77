/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato why, why-not: what becomes of a flow at a gateway or of a guest, step by step; what would
 * let it pass.
 */
#include "cmd/guard/inquiry.h"

#include <stdlib.h>
#include <string.h>

struct why_options {
	const char *name, *term;
	bool json;
};

/* A statement, where it is from, and what is said of it. */
#define PLACE_SIZE CMD_STEP_PLACE_SIZE

#define AT(field) offsetof(struct why_options, field)

#define NAME_OPTION                                                                                \
	{                                                                                          \
		CMD_TEXT, 'n', "name", "NAME", AT(name), 0, 0,                                     \
			"The gateway or guest that is meant; needed where several run."            \
	}

static const struct cmd_option why_options[] = {
	NAME_OPTION,
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-why(1) says which members." },
};

static const struct cmd_option why_not_options[] = {
	NAME_OPTION,
	{ CMD_TEXT, 0, "for", "TIME", AT(term), 0, 0,
	  "Make the change, for so long (10m, 2h); it is taken back by itself." },
};

/* ---- what was answered ---- */

static const json_t *last_step(const struct cmd_why_inquiry *inquiry)
{
	const json_t *steps = json_object_get(inquiry->reply, "steps");
	size_t count = json_array_size(steps);

	return count ? json_array_get(steps, count - 1) : NULL;
}

static const char *word(const json_t *step, const char *member)
{
	const char *text = json_string_value(json_object_get(step, member));

	return text && strlen(text) == strspn(text, "abcdefghijklmnopqrstuvwxyz -") ? text : "?";
}

static bool is_found(const json_t *step)
{
	return json_is_true(json_object_get(step, "found"));
}

static bool is_stopped(const json_t *step)
{
	if (json_is_true(json_object_get(step, "stops")))
		return true;
	return is_found(step) &&
	       (!strcmp(word(step, "step"), "rule") || !strcmp(word(step, "kind"), "guard")) &&
	       strcmp(word(step, "verdict"), "passes") != 0;
}

/* As a scanner, and by no rule. */
static bool is_shut_out(const json_t *step)
{
	return !strcmp(word(step, "step"), "scan");
}

/* Nobody speaks from there: before any rule. */
static bool is_impossible(const json_t *step)
{
	return !strcmp(word(step, "step"), "source");
}

/* --ask: nothing decides but the user. */
static bool is_asked(const json_t *step)
{
	return !strcmp(word(step, "verdict"), "asked");
}

static const json_t *fate_of(const struct cmd_why_inquiry *inquiry)
{
	return json_object_get(inquiry->reply, "becomes");
}

/* Of no ports, and no types either. */
static bool is_other(const struct cmd_why_inquiry *inquiry)
{
	return (uint8_t)inquiry->flow->proto == MINATO_PROTO_OTHER;
}

/* It has no ports. */
static bool is_message(const struct cmd_why_inquiry *inquiry)
{
	return inquiry->flow->proto == MINATO_ICMP || is_other(inquiry);
}

/* A flow that stands already is not begun again, and a mapping's place is open by itself. */
static bool is_standing(const json_t *step)
{
	return is_found(step) &&
	       (!strcmp(word(step, "step"), "flow") || !strcmp(word(step, "step"), "mapping"));
}

/* Of a guest: no rule stops it, but where the port is bound. */
static bool is_walled(const struct cmd_why_inquiry *inquiry)
{
	return json_is_true(json_object_get(inquiry->reply, "walled")) &&
	       !json_is_true(json_object_get(inquiry->reply, "stopped"));
}

/* By rules and limits as they are now; then by what a packet in their place would come to. */
static bool is_passing(const struct cmd_why_inquiry *inquiry)
{
	const char *outcome = word(fate_of(inquiry), "outcome");

	if (inquiry->guest)
		return last_step(inquiry) && !is_walled(inquiry) &&
		       !json_is_true(json_object_get(inquiry->reply, "stopped"));
	if (is_stopped(last_step(inquiry)))
		return false;
	return is_standing(last_step(inquiry)) || !strcmp(outcome, "reaches") ||
	       !strcmp(outcome, "leaves") || !strcmp(outcome, "answered");
}

static bool is_closed(const struct cmd_why_inquiry *inquiry)
{
	if (inquiry->guest)
		return !strcmp(word(last_step(inquiry), "kind"), "closed") &&
		       json_is_true(json_object_get(inquiry->reply, "outside"));
	return !is_stopped(last_step(inquiry)) && !is_passing(inquiry) &&
	       !json_object_get(fate_of(inquiry), "text") &&
	       !strcmp(word(fate_of(inquiry), "outcome"), "closed");
}

static void print_step(const json_t *step)
{
	static char place[PLACE_SIZE];
	bool judged = json_object_get(step, "verdict") != NULL;

	if (!is_found(step)) {
		printf("  %-8s %s\n", word(step, "step"),
		       cmd_step_says(step, "says") ? cmd_step_says(step, "says") : "none");
		return;
	}
	printf("  %-8s %s%s%s%s\n", word(step, "step"), cmd_step_place(step, place, sizeof(place)),
	       judged ? ": " : "", judged ? word(step, "verdict") : "",
	       json_is_true(json_object_get(step, "limited")) ? ", beyond the limit now" : "");
}

/* " 10.0.0.2 port 22", where the reply has an end. */
static void print_end(const json_t *fate)
{
	struct minato_endpoint end;
	char text[64];

	if (cmd_step_says(fate, "path"))
		printf(" the socket %s", cmd_step_says(fate, "path"));
	if (view_message_end_read(&end, json_object_get(fate, "end")) < 0)
		return;
	minato_addr_format(&end.addr, text, sizeof(text));
	printf(" %s", text);
	if (end.port)
		printf(" port %u", end.port);
}

static void conclude_passing(const struct cmd_why_inquiry *inquiry)
{
	static char place[PLACE_SIZE];
	const json_t *fate = fate_of(inquiry);
	bool reaches = !strcmp(word(fate, "outcome"), "reaches");
	const json_t *last = last_step(inquiry);

	if (inquiry->guest && !json_is_true(json_object_get(inquiry->reply, "outside")))
		printf("passes: it goes out");
	else if (!strcmp(word(fate, "outcome"), "answered"))
		printf("passes: the gateway answers it");
	else if (strcmp(word(last, "kind"), "closed") != 0)
		printf("passes: %s", cmd_step_place(last, place, sizeof(place)));
	else
		printf("passes: %s, and no rule is in the way",
		       json_is_true(json_object_get(inquiry->reply, "outside")) ? "from outside" :
										  "from inside");
	if (json_object_get(fate, "end") || json_object_get(fate, "path")) {
		printf(reaches ? "; it reaches" : "; it leaves from");
		print_end(fate);
	}
	printf("\n");
}

/* Whether it passes; and says so. */
static bool conclude(const struct cmd_why_inquiry *inquiry)
{
	static char place[PLACE_SIZE];
	const json_t *last = last_step(inquiry);
	const json_t *fate = fate_of(inquiry);

	if (is_passing(inquiry)) {
		conclude_passing(inquiry);
		return true;
	}
	if (is_walled(inquiry))
		printf("closed: the rules let it pass, but the host's kernel has the port bound at "
		       "the devices of lan alone\n");
	else if (is_shut_out(last) || is_impossible(last) || is_asked(last))
		printf("%s: %s\n", word(last, "verdict"),
		       cmd_step_place(last, place, sizeof(place)));
	else if (is_stopped(last))
		printf("%s%s\n", word(last, "verdict"), cmd_step_blame(last, place, sizeof(place)));
	else if (json_object_get(fate, "text"))
		printf("%s by %s\n",
		       strcmp(word(fate, "outcome"), "dropped") ? "refused" : "dropped",
		       cmd_step_place(fate, place, sizeof(place)));
	else if (!strcmp(word(fate, "outcome"), "unknown"))
		printf("the host's kernel has it, and asks no rule of the gateway\n");
	else if (is_closed(inquiry) && is_other(inquiry))
		printf(json_is_true(json_object_get(inquiry->reply, "outside")) ?
			       "refused: nobody inside has begun it, and no dmz host gets it\n" :
			       "refused: it cannot go out by another address\n");
	else if (is_closed(inquiry))
		printf(is_message(inquiry) ? "refused: it leads to nobody\n" :
					     "closed: nothing stands at that port\n");
	else
		printf("dropped: nothing here has that address, and nothing leads to it\n");
	return false;
}

static void print_note(const struct cmd_why_inquiry *inquiry)
{
	if (cmd_step_says(inquiry->reply, "note"))
		printf("  %s\n", cmd_step_says(inquiry->reply, "note"));
}

static int why_of(const struct why_options *chosen, const char *name,
		  struct cmd_why_inquiry *inquiry)
{
	const json_t *steps;
	char hint[256];
	int code = cmd_inquiry_ask(inquiry, name);
	bool passes;

	if (code != CMD_GO_ON)
		return code;
	steps = json_object_get(inquiry->reply, "steps");
	passes = is_passing(inquiry);
	if (chosen->json) {
		(void)json_object_set_new(inquiry->reply, "v", json_integer(VIEW_JSON_VERSION));
		(void)json_object_set_new(inquiry->reply, "passes", json_boolean(passes));
		json_dumpf(inquiry->reply, stdout, JSON_INDENT(2));
		printf("\n");
		return passes ? CMD_OK : CMD_REFUSED;
	}
	printf("%s from %s to %s", inquiry->proto, inquiry->from, inquiry->to);
	if (!is_message(inquiry))
		printf(" port %u", inquiry->flow->destination.port);
	printf(", from %s\n", inquiry->guest ?
				      json_is_true(json_object_get(inquiry->reply, "outside")) ?
				      "this host's side" :
				      "the guest" :
			      json_is_true(json_object_get(inquiry->reply, "outside")) ? "outside" :
											 "inside");
	for (size_t i = 0; i < json_array_size(steps); i++)
		print_step(json_array_get(steps, i));
	passes = conclude(inquiry);
	print_note(inquiry);
	/* Rules may name one that is still to start. */
	if (inquiry->caller[0] && !cmd_fellows_runs(inquiry->caller))
		printf("  no guest called %s runs now%s\n", inquiry->caller,
		       cmd_names_hint(hint, sizeof(hint), inquiry->caller));
	return passes ? CMD_OK : CMD_REFUSED;
}

/* ---- the smallest change ---- */

/*
 * Whether it is a rule of what goes out that stops it: "block out ...". Of what comes from an
 * inside to an address of the gateway a rule of what comes in decides.
 */
static bool is_outward(const struct cmd_why_inquiry *inquiry)
{
	const char *text = json_string_value(json_object_get(last_step(inquiry), "text"));
	const char *space = text ? strchr(text, ' ') : NULL;

	if (inquiry->guest)
		return !json_is_true(json_object_get(inquiry->reply, "outside"));
	return space && !strncmp(space, " out", 4) && (space[4] == ' ' || !space[4]);
}

/* A rule for this very flow, before the one that stops it. */
struct remedy {
	char port[8];
	char number[CONF_PROTOCOL_SAID_SIZE];
	char *words[16];
	struct cmd_operands operands;
	int bare; /* of the words: without its term and place */
};

static void find_remedy(struct remedy *remedy, const struct why_options *chosen,
			const struct cmd_why_inquiry *inquiry, bool out)
{
	/* What goes out of a guest comes from it alone. */
	bool from = !out || !inquiry->guest;
	const char *sentence[] = { "allow",
				   out ? "out" : NULL,
				   inquiry->proto,
				   is_message(inquiry) ? NULL : remedy->port,
				   from ? "from" : NULL,
				   from ? inquiry->from : NULL,
				   "to",
				   inquiry->host[0] ? inquiry->host : inquiry->to,
				   chosen->term ? "for" : NULL,
				   chosen->term,
				   "first" };

	*remedy = (struct remedy){ .operands = { .words = remedy->words } };
	if (is_other(inquiry))
		sentence[2] = conf_protocol_said(remedy->number, (uint8_t)inquiry->flow->type);
	(void)snprintf(remedy->port, sizeof(remedy->port), "%u", inquiry->flow->destination.port);
	for (size_t i = 0; i < sizeof(sentence) / sizeof(sentence[0]); i++) {
		if (sentence[i])
			remedy->words[remedy->operands.count++] = (char *)(uintptr_t)sentence[i];
	}
	remedy->bare = remedy->operands.count - (chosen->term ? 3 : 1);
}

/* Nothing stands there: a forward would. Of IPv6 it is known to whom, who has the address. */
static int open_up(const struct why_options *chosen, const struct cmd_why_inquiry *inquiry)
{
	bool six = !minato_addr_is4(&inquiry->flow->destination.addr);

	/* No forward could. */
	if (!json_is_true(json_object_get(inquiry->reply, "outside")) &&
	    cmd_step_says(inquiry->reply, "note")) {
		conclude(inquiry);
		print_note(inquiry);
		return CMD_REFUSED;
	}
	printf("closed: nothing stands at that port; this would open it%s:\n"
	       "minato forward add %s%s%s%s %u to %s from %s\n",
	       six ? "" : ", towards HOST", chosen->name ? "-n " : "",
	       chosen->name ? chosen->name : "", chosen->name ? " " : "", inquiry->proto,
	       inquiry->flow->destination.port, six ? inquiry->to : "HOST", inquiry->from);
	if (chosen->term)
		cmd_say("--for: nothing is changed, since only you know the host");
	return CMD_REFUSED;
}

/* What was done, up to `count`; 0 or the exit code of what could not be. */
static int take_back(const char *name, struct remedy *list, int count)
{
	const struct gateway_ruling ruling = { .json = false };
	int code = CMD_OK;

	while (count-- > 0 && code == CMD_OK) {
		list[count].operands.count = list[count].bare;
		code = gateway_rule(CMD_VERB_RM, name, &list[count].operands, &ruling);
	}
	return code;
}

/* After the change: what it came to. Rules that alone are of no use do not stay. */
static int look_again(const struct why_options *chosen, const char *name, struct remedy *list,
		      int count, struct cmd_why_inquiry *inquiry)
{
	int code;

	json_decref(inquiry->reply);
	inquiry->reply = NULL;
	code = cmd_inquiry_ask(inquiry, name);
	if (code == CMD_GO_ON && is_passing(inquiry)) {
		conclude(inquiry);
		return CMD_OK;
	}
	if (take_back(name, list, count) == CMD_OK) {
		printf(count > 1 ? "(They alone do not let it pass, and were taken back.)\n" :
				   "(That alone does not let it pass, and was taken back.)\n");
		(void)fflush(stdout);
	}
	if (code != CMD_GO_ON)
		return code;
	if (is_closed(inquiry) && !inquiry->guest && !is_message(inquiry))
		return open_up(chosen, inquiry);
	conclude(inquiry);
	print_note(inquiry);
	return CMD_REFUSED;
}

/*
 * Between insides a flow goes out of one and comes in to the other, and both may be refused: once
 * it may go out, whether a rule of what comes in still stops it. Says which, as is blamed.
 */
static bool is_refused_too(const char *name, struct cmd_why_inquiry *inquiry, char *blame,
			   size_t size)
{
	json_t *before = inquiry->reply;
	bool too = false;

	if (inquiry->guest || !is_outward(inquiry))
		return false;
	inquiry->suppose = true;
	if (cmd_inquiry_ask(inquiry, name) == CMD_GO_ON)
		too = is_stopped(last_step(inquiry)) && !is_outward(inquiry) &&
		      !strcmp(word(last_step(inquiry), "step"), "rule");
	if (too)
		(void)cmd_step_blame(last_step(inquiry), blame, size);
	json_decref(inquiry->reply);
	inquiry->reply = before;
	inquiry->suppose = false;
	return too;
}

static void print_remedy(const struct why_options *chosen, const struct remedy *remedy)
{
	printf("minato rule add%s%s", chosen->name ? " -n " : "", chosen->name ? chosen->name : "");
	for (int i = 0; i < remedy->operands.count; i++)
		printf(" %s", remedy->words[i]);
	printf("\n");
}

static int change(const struct why_options *chosen, const char *name,
		  struct cmd_why_inquiry *inquiry)
{
	static char blame[PLACE_SIZE];
	const struct gateway_ruling ruling = { .json = false };
	struct remedy list[2];
	int count = 1, done = 0;
	int code = CMD_OK;

	find_remedy(&list[0], chosen, inquiry, is_outward(inquiry));
	print_remedy(chosen, &list[0]);
	if (is_refused_too(name, inquiry, blame, sizeof(blame))) {
		find_remedy(&list[count++], chosen, inquiry, false);
		printf("  and with it, since it is refused%s too:\n", blame);
		print_remedy(chosen, &list[1]);
	}
	if (!chosen->term && inquiry->beside[0])
		printf("  and with it: %s\n", inquiry->beside);
	if (!chosen->term)
		return CMD_REFUSED;
	(void)fflush(stdout);
	while (done < count && code == CMD_OK)
		code = gateway_rule(CMD_VERB_ADD, name, &list[done++].operands, &ruling);
	if (code == CMD_OK)
		return look_again(chosen, name, list, count, inquiry);
	(void)take_back(name, list, done - 1);
	return code;
}

/*
 * Whether a rule would let it pass, as the change is, tried without making it; what else would be
 * in the way is said. A guest alone is asked: at a gateway --for tries it.
 */
static bool would_help(const char *name, struct cmd_why_inquiry *inquiry)
{
	static char place[PLACE_SIZE], still[PLACE_SIZE], blame[PLACE_SIZE];
	json_t *before = inquiry->reply;
	bool helps = true;

	if (!inquiry->guest)
		return true;
	(void)cmd_step_place(last_step(inquiry), place, sizeof(place));
	(void)cmd_step_blame(last_step(inquiry), blame, sizeof(blame));
	inquiry->suppose = true;
	if (cmd_inquiry_ask(inquiry, name) == CMD_GO_ON)
		helps = !json_is_true(json_object_get(inquiry->reply, "supposed")) ||
			is_passing(inquiry) || is_walled(inquiry);
	if (is_walled(inquiry) && cmd_step_says(inquiry->reply, "note"))
		(void)snprintf(inquiry->beside, sizeof(inquiry->beside), "%s",
			       cmd_step_says(inquiry->reply, "note"));
	if (!helps) {
		(void)cmd_step_place(last_step(inquiry), still, sizeof(still));
		printf("refused%s; no rule would let it pass%s%s\n", blame,
		       strcmp(place, still) != 0 ? ": " : "",
		       strcmp(place, still) != 0 ? still : "");
	}
	json_decref(inquiry->reply);
	inquiry->reply = before;
	inquiry->suppose = false;
	return helps;
}

/* Whose address it is is for the user to judge: nothing is forgotten unasked. */
static int forgive(const struct why_options *chosen, const json_t *last)
{
	static char place[PLACE_SIZE];
	const char *source = cmd_step_says(last, "source");

	printf("%s; this would forget the scan, and end its block:\n"
	       "minato scans%s%s --forget %s\n",
	       cmd_step_place(last, place, sizeof(place)), chosen->name ? " -n " : "",
	       chosen->name ? chosen->name : "", source ? source : "?");
	if (chosen->term)
		cmd_say("--for: nothing is changed, since no rule goes before a block");
	return CMD_REFUSED;
}

/* With what it passes by, where that ends first: its end is the flow's. */
static void say_passing(const struct cmd_why_inquiry *inquiry)
{
	static char place[PLACE_SIZE];
	const json_t *steps = json_object_get(inquiry->reply, "steps");
	const json_t *first = NULL;
	const json_t *step;
	json_int_t first_s = 0;
	size_t i;

	json_array_foreach(steps, i, step)
	{
		json_int_t until_s = json_integer_value(json_object_get(step, "until"));

		if (!until_s || (first && until_s >= first_s))
			continue;
		first = step;
		first_s = until_s;
	}
	if (first)
		printf("it passes for now, by %s\n", cmd_step_place(first, place, sizeof(place)));
	else
		printf("it passes\n");
}

static int why_not_of(const struct why_options *chosen, const char *name,
		      struct cmd_why_inquiry *inquiry)
{
	static char place[PLACE_SIZE];
	const json_t *last;
	int code = cmd_inquiry_ask(inquiry, name);

	if (code != CMD_GO_ON)
		return code;
	last = last_step(inquiry);
	if (is_shut_out(last))
		return forgive(chosen, last);
	if (is_impossible(last)) {
		printf("%s; no rule would let it pass\n",
		       cmd_step_place(last, place, sizeof(place)));
		return CMD_REFUSED;
	}
	if (is_stopped(last) && strcmp(word(last, "step"), "kernel") != 0 &&
	    !would_help(name, inquiry))
		return CMD_REFUSED;
	if (inquiry->host[0] && is_stopped(last)) {
		printf("%s; this would let it pass the rules:\n",
		       cmd_step_place(last, place, sizeof(place)));
		return change(chosen, name, inquiry);
	}
	if (is_stopped(last) &&
	    (!strcmp(word(last, "step"), "rule") || !strcmp(word(last, "step"), "allow") ||
	     !strcmp(word(last, "step"), "shut") || !strcmp(word(last, "step"), "program"))) {
		printf("%s%s; this would let it pass the rules%s:\n", word(last, "verdict"),
		       cmd_step_blame(last, place, sizeof(place)),
		       is_asked(last) ? " unasked" : "");
		return change(chosen, name, inquiry);
	}
	if (is_closed(inquiry) && inquiry->guest && !is_message(inquiry)) {
		printf("closed: no port of the guest is published there; this would open it, to "
		       "port %u of the guest:\nminato forward add %s %u/%s\n",
		       inquiry->flow->destination.port, name, inquiry->flow->destination.port,
		       inquiry->proto);
		return CMD_REFUSED;
	}
	if (is_closed(inquiry) && !is_message(inquiry))
		return open_up(chosen, inquiry);
	if (!is_passing(inquiry)) {
		conclude(inquiry);
		print_note(inquiry);
		return CMD_REFUSED;
	}
	say_passing(inquiry);
	return CMD_OK;
}

/* ---- the commands ---- */

/* Asked before anything else: whether it is needed or not, a wrong word is wrong. */
static int look_at_term(const struct cmd_command *command, const char *term)
{
	static struct conf_statement rule;
	static struct conf_report report;
	const bool is_word = term[0] && !term[strcspn(term, " \t\n#\\\"{},")];
	char text[CONF_LINE_MAX];

	(void)snprintf(text, sizeof(text), "allow everything for %.200s", term);
	if (is_word && conf_statement_read(&rule, text, &report) == 0)
		return CMD_GO_ON;
	/* A time, but none that can be meant. */
	if (is_word && strstr(report.fault[0].what, "must be from"))
		return cmd_usage(command, "--for: '%s': %s", term, report.fault[0].what);
	return cmd_usage(command, "--for: '%s' is no time; it is said as 20s, 10m, 2h or 1d", term);
}

static int run(const struct cmd_command *command, char **argv,
	       int (*of)(const struct why_options *, const char *, struct cmd_why_inquiry *))
{
	struct why_options chosen = { .name = NULL };
	struct cmd_operands operands;
	struct cmd_why_inquiry inquiry = { .reply = NULL };
	static struct conf_statement flow;
	char name[DRIVE_NAME_SIZE];
	int code = cmd_parse(command, argv, &chosen, &operands);

	if (code == CMD_GO_ON && chosen.term)
		code = look_at_term(command, chosen.term);
	if (code != CMD_GO_ON)
		return code;
	if (!operands.count)
		return cmd_usage(command, "which flow? As: %s tcp 203.0.113.9 to 198.51.100.1:80",
				 command->name);
	code = cmd_whose_choose(name, chosen.name, &inquiry.guest);
	if (code != CMD_OK)
		return code;
	code = cmd_inquiry_read(command, &inquiry, name, &flow, &operands);
	if (code != CMD_GO_ON)
		return code;
	inquiry.flow = &flow.test;
	code = of(&chosen, name, &inquiry);
	json_decref(inquiry.reply);
	return code;
}

static int run_why(int argc, char **argv)
{
	(void)argc;
	return run(&cmd_why, argv, why_of);
}

static int run_why_not(int argc, char **argv)
{
	(void)argc;
	return run(&cmd_why_not, argv, why_not_of);
}

const struct cmd_command cmd_why = {
	.name = "why",
	.args = "PROTO FROM[:PORT] to ADDR[:PORT] [by LINK]",
	.summary = "Say what becomes of a new flow at a gateway or of a guest, step by step.",
	.about =
		"Each step of the look-up, with the line of the configuration that it met. Nothing "
		"is sent and nothing counted. PROTO is tcp, udp, ping, icmp TYPE, or what has no "
		"ports: gre, esp, sctp, a number. Of a guest FROM may be the word guest, and then "
		"ADDR a name; or another guest's name, which calls it. Exit code 0 if the flow "
		"passes, 1 if not.",
	.options = why_options,
	.option_count = sizeof(why_options) / sizeof(why_options[0]),
	.run = run_why,
};

const struct cmd_command cmd_why_not = {
	.name = "why-not",
	.args = "PROTO FROM[:PORT] to ADDR[:PORT] [by LINK]",
	.summary = "Say what would let a flow pass, and do it for a time.",
	.about = "The smallest change, as a command. With --for it is made, and taken back by "
		 "itself. Exit code 0 if the flow passes now.",
	.options = why_not_options,
	.option_count = sizeof(why_not_options) / sizeof(why_not_options[0]),
	.run = run_why_not,
};
