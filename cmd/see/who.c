/* SPDX-License-Identifier: BSD-2-Clause */
/* minato who: who holds a port, why it cannot be had, and how it becomes free. */
#include "cmd/see/who.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/gateway/gateway.h"
#include "cmd/reserve.h"
#include "cmd/see/services.h"

#define NEAREST_MAX 5u
#define NOTES_MAX 12u
#define NOTE_SIZE 256
#define NAME_ROOM 4u
#define WORD_MAX 64
#define INDENT 12

struct who_options {
	bool tcp, udp, json;
	const char *guest;
};

#define AT(field) offsetof(struct who_options, field)

static const struct cmd_option options[] = {
	{ CMD_FLAG, 't', "tcp", NULL, AT(tcp), 0, 0, "Of TCP only." },
	{ CMD_FLAG, 'u', "udp", NULL, AT(udp), 0, 0, "Of UDP only." },
	{ CMD_TEXT, 0, "in", "GUEST", AT(guest), 0, 0, "In the network of this guest only." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0, "JSON; minato-who(1) says which members." },
};

/* Whether the caller could have the port now. */
#define VERDICTS(X)                                                                                \
	X(FREE, "free")		      /* yes */                                                    \
	X(CLOSING, "closing")	      /* with SO_REUSEADDR */                                      \
	X(TAKEN, "taken")	      /* no: somebody has it */                                    \
	X(FORBIDDEN, "not permitted") /* no: it is for root */

enum verdict {
#define X(name, text) VERDICT_##name,
	VERDICTS(X)
#undef X
};

static const char *verdict_word(enum verdict verdict)
{
	static const char *const words[] = {
#define X(name, text) text,
		VERDICTS(X)
#undef X
	};

	return words[verdict];
}

/* What is asked: one port of one protocol. */
struct question {
	uint16_t port;
	uint8_t proto;
};

struct answer {
	struct question asked;
	enum verdict verdict;
	const char *names[NAME_ROOM];
	size_t name_count;
	const struct cmd_holder *holders; /* borrowed */
	size_t holder_count;
	char notes[NOTES_MAX][NOTE_SIZE];
	size_t note_count;
	uint16_t nearest[NEAREST_MAX];
	size_t nearest_count;
};

/* What is read once, however much is asked. */
struct known {
	const struct who_options *chosen;
	const struct minato_services *services;
	struct cmd_holders holders; /* of all ports that are asked for */
	struct drive_reserved reserved;
	json_t *nat; /* NULL: not known */
};

/* ---- the words of the command line ---- */

struct reading {
	const struct who_options *chosen;
	const struct minato_services *services;
	struct question *list;
	size_t count;
};

static void ask(struct reading *reading, uint16_t port, uint8_t proto)
{
	reading->list[reading->count++] = (struct question){ port, proto };
}

/* -1: the word is no number. */
static int number_of(const char *word)
{
	int port = drive_port_read(&word);

	if (port == -EINVAL || *word)
		return -1;
	return port >= 1 ? port : -EINVAL;
}

static int refuse(const char *word)
{
	return cmd_usage(&cmd_who,
			 "'%s' is no port: 1 to 65535 or the name of a service, and /tcp or /udp "
			 "after it where only one is meant",
			 word);
}

static int read_word(struct reading *reading, const char *word)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP };
	const char *slash = strchr(word, '/');
	size_t before = reading->count;
	size_t length = slash ? (size_t)(slash - word) : strlen(word);
	char name[WORD_MAX];
	int port;

	if (length >= sizeof(name) ||
	    (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0))
		return refuse(word);
	memcpy(name, word, length);
	name[length] = '\0';
	port = number_of(name);
	for (size_t i = 0; i < 2 && port != -EINVAL; i++) {
		bool wanted = protos[i] == MINATO_TCP ? reading->chosen->tcp : reading->chosen->udp;
		int found = port;

		if (slash && strcmp(slash + 1, view_proto_word(protos[i])) != 0)
			continue;
		if (!wanted && reading->chosen->tcp != reading->chosen->udp)
			continue;
		if (port < 0)
			found = minato_services_port(reading->services, protos[i], name);
		if (found > 0)
			ask(reading, (uint16_t)found, protos[i]);
	}
	return reading->count > before ? CMD_GO_ON : refuse(word);
}

/* ---- finding the answer ---- */

static void note(struct answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void note(struct answer *answer, const char *format, ...)
{
	va_list args;

	if (answer->note_count == NOTES_MAX)
		return;
	va_start(args, format);
	vsnprintf(answer->notes[answer->note_count++], NOTE_SIZE, format, args);
	va_end(args);
}

/* What the administrator said of it: of this host, or of a guest. */
static void note_reserved(struct answer *answer, const struct known *known)
{
	const char *guest = known->chosen->guest;
	const struct drive_reservation *one;
	char range[DRIVE_RESERVATION_TEXT];

	one = drive_reserved_find(&known->reserved, answer->asked.port, answer->asked.proto);
	if (one)
		drive_reservation_text(range, one);
	if (one && one->origin == DRIVE_ORIGIN_KERNEL)
		note(answer,
		     "Reserved by the kernel (net.ipv4.ip_local_reserved_ports, %s): no automatic "
		     "choice takes it, and who asks for it by number gets it.",
		     range);
	else if (one)
		note(answer,
		     "Reserved by the %s (%s%s%s): no automatic choice takes it, and who asks for "
		     "it by number gets it. To end that: %sminato reserve rm %s%s%s",
		     drive_origin_word(one->origin), range, *one->note ? ", " : "", one->note,
		     one->origin == DRIVE_ORIGIN_SYSTEM ? "sudo " : "", range,
		     guest ? " --in " : "", guest ? guest : "");
}

/* What the kernel itself makes of the port. */
static void note_rules(struct answer *answer, const json_t *nat)
{
	const uint16_t port = answer->asked.port;
	struct kernel_knobs knobs;
	char rule[128];

	if (cmd_nat_rule(nat, rule, sizeof(rule), answer->asked.proto, port))
		note(answer,
		     "The kernel's NAT sends what arrives for it elsewhere (nftables, %s): a "
		     "program that binds it hears nothing from outside.",
		     rule);
	if (kernel_knobs_read(&knobs, 0) < 0)
		return;
	if (port < knobs.privileged_below)
		note(answer,
		     "Only root and programs with CAP_NET_BIND_SERVICE may bind it. For everybody: "
		     "sudo sysctl net.ipv4.ip_unprivileged_port_start=%u",
		     port);
	if (port >= knobs.first && port <= knobs.last && !kernel_port_reserved(&knobs, port))
		note(answer,
		     "The kernel gives it to connections (net.ipv4.ip_local_port_range is "
		     "%u-%u), so it can be taken at any time. To keep it back: sudo sysctl "
		     "net.ipv4.ip_local_reserved_ports=%u",
		     knobs.first, knobs.last, port);
}

/* Traffic that a gateway of ours takes: at its own addresses, which the kernel may not have. */
static void note_forward(void *user, const char *gateway, const char *text, unsigned line)
{
	char place[32] = "made live";

	if (line)
		snprintf(place, sizeof(place), "line %u", line);
	note(user, "Gateway %.40s takes it at its outside: %.160s (%s).", gateway, text, place);
}

/* Every address of both families, as a server binds that says nothing else. */
static size_t everywhere(struct drive_place places[2], uint8_t proto)
{
	places[0] = (struct drive_place){ .protocol = proto, .v6only = true };
	places[1] = (struct drive_place){ .addr = minato_addr4(0, 0, 0, 0), .protocol = proto };
	return 2;
}

/* The kernel's own word: the port is bound and let go, then without SO_REUSEADDR. */
static enum verdict try_it(const struct question *asked)
{
	struct drive_place places[2];
	size_t count = everywhere(places, asked->proto);
	int plain = 0;
	int result = 0;

	for (size_t i = 0; i < count && result != -EADDRINUSE && result != -EACCES; i++) {
		result = drive_port_probe(&places[i], asked->port);
		places[i].plain = true;
		if (plain == 0)
			plain = drive_port_probe(&places[i], asked->port);
	}
	if (result == -EACCES)
		return VERDICT_FORBIDDEN;
	if (result == -EADDRINUSE)
		return VERDICT_TAKEN;
	return plain == -EADDRINUSE ? VERDICT_CLOSING : VERDICT_FREE;
}

/* In a guest the answer is what its sockets say. */
static enum verdict judge(const struct answer *answer)
{
	enum verdict verdict = VERDICT_FREE;

	for (size_t i = 0; i < answer->holder_count; i++) {
		if (answer->holders[i].hold != CMD_HOLD_TIME_WAIT)
			return VERDICT_TAKEN;
		verdict = VERDICT_CLOSING;
	}
	return verdict;
}

/* A port that is for root may be held by somebody as well, which is what counts. */
static bool held_on_host(const struct answer *answer)
{
	for (size_t i = 0; i < answer->holder_count; i++) {
		if (!*answer->holders[i].guest && answer->holders[i].hold != CMD_HOLD_TIME_WAIT)
			return true;
	}
	return false;
}

/* Those of the port, which follow each other. */
static void select_holders(struct answer *answer, const struct cmd_holders *all)
{
	const struct question *asked = &answer->asked;
	size_t first = cmd_holders_first(all, asked->port, asked->proto);
	size_t end = first;

	while (end < all->count && all->list[end].port == asked->port &&
	       all->list[end].proto == asked->proto)
		end++;
	answer->holders = all->list + first;
	answer->holder_count = end - first;
}

static void find(struct answer *answer, const struct known *known)
{
	const struct question *asked = &answer->asked;
	struct drive_place places[2];

	select_holders(answer, &known->holders);
	answer->name_count = minato_services_names(known->services, asked->proto, asked->port,
						   answer->names, NAME_ROOM);
	note_reserved(answer, known);
	if (known->chosen->guest) {
		answer->verdict = judge(answer);
		return;
	}
	answer->verdict = try_it(asked);
	if (answer->verdict == VERDICT_FORBIDDEN && held_on_host(answer))
		answer->verdict = VERDICT_TAKEN;
	note_rules(answer, known->nat);
	gateway_forwards_on(asked->port, asked->proto, note_forward, answer);
	if (answer->verdict != VERDICT_FREE)
		answer->nearest_count = cmd_nearest_free(places, everywhere(places, asked->proto),
							 asked->port, answer->nearest, NEAREST_MAX);
}

/* ---- as text ---- */

/* One labelled paragraph, folded between words where there is a terminal. */
static void print_part(const struct view_look *look, const char *label, const char *text)
{
	size_t room = look->width > INDENT + WORD_MAX / 2 ? look->width - INDENT : 0;

	printf("  %-*s", INDENT - 2, label);
	while (room && strlen(text) > room) {
		size_t cut = room;

		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			cut = room;
		printf("%.*s\n%*s", (int)cut, text, INDENT, "");
		text += cut;
		text += *text == ' ';
	}
	printf("%s\n", text);
}

static void print_headline(const struct answer *answer, const struct view_look *look)
{
	static const char *const colours[] = { "32", "33", "31", "33" };
	const char *kind = minato_port_kind_name(minato_port_kind(answer->asked.port));

	printf("%u/%s (", answer->asked.port, view_proto_word(answer->asked.proto));
	if (answer->name_count)
		printf("%s, ", answer->names[0]);
	printf("%s port): ", kind);
	if (look->colour)
		printf("\033[%sm%s\033[0m\n", colours[answer->verdict],
		       verdict_word(answer->verdict));
	else
		printf("%s\n", verdict_word(answer->verdict));
}

static void print_holder(const struct cmd_holder *holder, enum verdict verdict,
			 const struct view_look *look)
{
	char text[CMD_HOLDER_TEXT + 128];
	char line[CMD_HOLDER_TEXT + 256];
	char since[96];

	cmd_holder_text(text, sizeof(text), holder);
	cmd_since_text(since, sizeof(since), holder->process.started_s, time(NULL));
	snprintf(line, sizeof(line), "%s%s%s", text, *since ? "; " : "", since);
	print_part(look, "held by", line);
	/* Who has the port in a guest keeps nobody from it here. */
	if (verdict == VERDICT_FREE)
		return;
	print_part(look, "to free", cmd_remedy_text(text, sizeof(text), holder));
}

static void print_nearest(const struct answer *answer, const struct view_look *look)
{
	char text[96];
	size_t used = 0;

	for (size_t i = 0; i < answer->nearest_count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u", i ? ", " : "",
					 answer->nearest[i]);
	if (used)
		print_part(look, "free near", text);
}

static void print_answer(const struct answer *answer, const struct view_look *look)
{
	print_headline(answer, look);
	for (size_t i = 0; i < answer->holder_count; i++)
		print_holder(&answer->holders[i], answer->verdict, look);
	for (size_t i = 0; i < answer->note_count; i++)
		print_part(look, "note", answer->notes[i]);
	print_nearest(answer, look);
}

/* ---- as JSON ---- */

static json_t *answer_json(const struct answer *answer)
{
	json_t *holders = json_array();
	json_t *names = json_array();
	json_t *notes = json_array();
	json_t *nearest = json_array();

	for (size_t i = 0; i < answer->holder_count; i++)
		json_array_append_new(holders, cmd_held_json(&answer->holders[i]));
	for (size_t i = 0; i < answer->name_count; i++)
		json_array_append_new(names, json_string(answer->names[i]));
	for (size_t i = 0; i < answer->note_count; i++)
		json_array_append_new(notes, json_string(answer->notes[i]));
	for (size_t i = 0; i < answer->nearest_count; i++)
		json_array_append_new(nearest, json_integer(answer->nearest[i]));
	return json_pack("{s:i,s:s,s:o,s:s,s:s,s:o,s:o,s:o}", "port", (int)answer->asked.port,
			 "protocol", view_proto_word(answer->asked.proto), "names", names, "kind",
			 minato_port_kind_name(minato_port_kind(answer->asked.port)), "verdict",
			 verdict_word(answer->verdict), "holders", holders, "notes", notes,
			 "nearest_free", nearest);
}

/* ---- the command ---- */

/* Reads what is known of all the ports in one go. */
static int learn(struct known *known, const struct question *list, size_t count,
		 struct drive_error *error)
{
	const char *guest = known->chosen->guest;
	struct cmd_holders_query query = {
		.first = UINT16_MAX,
		.host = !guest,
		.guests = true,
		.guest = guest,
	};
	int result;

	for (size_t i = 0; i < count; i++) {
		query.first = list[i].port < query.first ? list[i].port : query.first;
		query.last = list[i].port > query.last ? list[i].port : query.last;
		query.tcp |= list[i].proto == MINATO_TCP;
		query.udp |= list[i].proto == MINATO_UDP;
	}
	result = cmd_holders_find(&known->holders, &query, error);
	if (result < 0)
		return result;
	if (guest)
		(void)cmd_reserved_ask(&known->reserved, guest, NULL);
	else
		drive_reserved_read(&known->reserved, cmd_reserved_wrong, NULL);
	known->nat = guest ? NULL : cmd_nat_read();
	return 0;
}

static void forget(struct known *known)
{
	cmd_holders_free(&known->holders);
	drive_reserved_free(&known->reserved);
	json_decref(known->nat);
}

/* Shows all; whether one of the ports cannot be had. */
static int answer_each(const struct known *known, const struct question *list, size_t count)
{
	const struct view_look look = cmd_look(stdout);
	json_t *ports = json_array();
	int code = CMD_OK;

	for (size_t i = 0; i < count; i++) {
		struct answer answer = { .asked = list[i] };

		find(&answer, known);
		if (answer.verdict == VERDICT_TAKEN || answer.verdict == VERDICT_FORBIDDEN)
			code = CMD_REFUSED;
		if (known->chosen->json)
			json_array_append_new(ports, answer_json(&answer));
		else
			print_answer(&answer, &look);
	}
	if (known->chosen->json) {
		json_t *all = json_pack("{s:i,s:O}", "v", VIEW_JSON_VERSION, "ports", ports);

		json_dumpf(all, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(all);
	}
	json_decref(ports);
	return code;
}

static int answer_all(const struct who_options *chosen, const struct minato_services *services,
		      const struct question *list, size_t count)
{
	struct known known = { .chosen = chosen, .services = services };
	struct drive_error error;
	int code;

	if (learn(&known, list, count, &error) < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	code = answer_each(&known, list, count);
	forget(&known);
	return code;
}

static int check_guest(const char *name)
{
	struct cmd_guest guest;
	struct drive_error error;
	char hint[256];
	int result = cmd_guest_ask(&guest, name, &error);

	if (result == -ENOENT)
		cmd_say("no guest is called %s%s", name, cmd_names_hint(hint, sizeof(hint), name));
	else if (result < 0)
		cmd_say("%s: %s", name, error.text);
	else
		cmd_guest_free(&guest);
	return result < 0 ? CMD_FAILED : CMD_GO_ON;
}

static int run(int argc, char **argv)
{
	struct who_options chosen = { 0 };
	struct reading reading = { .chosen = &chosen };
	struct cmd_operands operands;
	struct minato_services *services;
	struct drive_error error;
	int code = cmd_parse(&cmd_who, argv, &chosen, &operands);

	(void)argc;
	if (code != CMD_GO_ON)
		return code;
	if (operands.count == 0)
		return cmd_usage(&cmd_who, "which port?");
	services = cmd_naming_open(NULL, &error);
	reading.services = services;
	reading.list = calloc((size_t)operands.count * 2, sizeof(*reading.list));
	for (int i = 0; i < operands.count && reading.list && code == CMD_GO_ON; i++)
		code = read_word(&reading, operands.words[i]);
	if (code == CMD_GO_ON && chosen.guest)
		code = check_guest(chosen.guest);
	if (code == CMD_GO_ON)
		code = reading.list ? answer_all(&chosen, services, reading.list, reading.count) :
				      CMD_FAILED;
	free(reading.list);
	free(services);
	return code;
}

const struct cmd_command cmd_who = {
	.name = "who",
	.args = "PORT[/tcp|/udp]...",
	.summary = "Say who holds a port, and how to free it.",
	.about = "PORT is a number or the name of a service. Looks at this host and at every "
		 "running guest. Exit code 0 when all of the ports could be bound now, 1 when one "
		 "could not.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.run = run,
};
