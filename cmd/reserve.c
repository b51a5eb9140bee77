/* SPDX-License-Identifier: BSD-2-Clause */
/* minato reserve: ports that no automatic choice takes, listed and changed. */
#include "cmd/reserve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/kernel.h"

struct reserve_options {
	const char *in, *note;
	bool json, no_header;
};

#define AT(field) offsetof(struct reserve_options, field)

static const struct cmd_option options[] = {
	{ CMD_TEXT, 0, "in", "GUEST", AT(in), 0, 0, "In this running guest alone, for its life." },
	{ CMD_TEXT, 0, "note", "TEXT", AT(note), 0, 0, "With add: what it is for." },
	{ CMD_FLAG, 'H', "no-header", NULL, AT(no_header), 0, 0, "With list: no heading." },
	{ CMD_FLAG, 0, "json", NULL, AT(json), 0, 0,
	  "With list: JSON; minato-reserve(1) says which members." },
};

/* What is to be done. */
struct errand {
	const struct reserve_options *chosen;
	struct drive_reserved ranges; /* of the command line */
	char path[DRIVE_PATH_SIZE];   /* the file that this user changes */
	enum drive_origin origin;     /* where the change is made */
};

void cmd_reserved_wrong(void *user, const char *text)
{
	(void)user;
	cmd_say("%s; the line is passed over", text);
}

/* ---- asking guests ---- */

int cmd_reserved_ask(struct drive_reserved *out, const char *name, struct drive_error *error)
{
	struct cmd_client client;
	bool done = false;
	int result = cmd_client_open(&client, name, error);

	if (result == 0)
		result = cmd_client_send(&client, json_pack("{s:s}", "request", "reserved"), error);
	while (result == 0 && !done) {
		json_t *reply = cmd_client_next(&client, error);
		json_t *some = json_object_get(reply, "reserved");
		struct drive_reservation one;

		if (!reply)
			result = -EPROTO;
		for (size_t i = 0; i < json_array_size(some); i++) {
			if (cmd_reservation_read(&one, json_array_get(some, i)) == 0)
				(void)drive_reserved_add(out, &one);
		}
		done = json_is_true(json_object_get(reply, "done"));
		json_decref(reply);
	}
	cmd_client_close(&client);
	return result;
}

static int tell(const char *name, const struct drive_reservation *one, bool add,
		struct drive_error *error)
{
	struct cmd_client client;
	json_t *reply = NULL;
	int result = cmd_client_open(&client, name, error);

	if (result < 0)
		return result;
	if (cmd_client_send(&client,
			    json_pack("{s:s,s:o}", "request", add ? "reserve-add" : "reserve-rm",
				      "reservation", cmd_reservation_message(one)),
			    error) == 0)
		reply = cmd_client_next(&client, error);
	json_decref(reply);
	cmd_client_close(&client);
	/* One that has ended meanwhile has nothing reserved. */
	if (!reply && cmd_client_open(&client, name, NULL) == 0) {
		cmd_client_close(&client);
		return -EPROTO;
	}
	return reply ? 0 : -ENOENT;
}

/* ---- all guests at once ---- */

/* Every range in every guest: as many steps. */
struct steps {
	const struct cmd_names *names;
	const struct drive_reserved *ranges;
	size_t done;
};

static int take_step(const struct steps *steps, size_t step, bool add, struct drive_error *error)
{
	const char *name = steps->names->list[step / steps->ranges->count];
	struct drive_error why = { "" };
	int result = tell(name, &steps->ranges->list[step % steps->ranges->count], add, &why);

	if (result == 0 || result == -ENOENT)
		return 0;
	return drive_fail(error, -result, "guest %s: %.300s", name, why.text);
}

static int take_steps(struct steps *steps, bool add, struct drive_error *error)
{
	size_t count = steps->names->count * steps->ranges->count;
	int result = 0;

	while (steps->done < count && result == 0) {
		result = take_step(steps, steps->done, add, error);
		steps->done += result == 0;
	}
	return result;
}

static void take_back(struct steps *steps, bool add)
{
	struct drive_error error;

	while (steps->done > 0) {
		if (take_step(steps, --steps->done, !add, &error) < 0)
			cmd_say("%s: it keeps the change", error.text);
	}
}

/* The running guests and then the file, or neither. */
static int change(const struct errand *errand, const struct drive_reserved *ranges, bool add)
{
	static const struct drive_reserved none;
	struct drive_error error;
	struct cmd_names names;
	struct steps steps = { .names = &names, .ranges = ranges };
	int result = cmd_names_read(&names, &error);

	if (result == 0)
		result = take_steps(&steps, add, &error);
	if (result == 0)
		result = drive_reserved_change(errand->path, add ? ranges : &none,
					       add ? &none : ranges, &error);
	if (result < 0) {
		cmd_say("%s; nothing was changed", error.text);
		take_back(&steps, add);
	}
	cmd_names_free(&names);
	return result < 0 ? CMD_FAILED : CMD_OK;
}

static int change_one(const struct errand *errand, const struct drive_reserved *ranges, bool add)
{
	struct cmd_names names = { .count = 1 };
	struct steps steps = { .names = &names, .ranges = ranges };
	char list[1][DRIVE_NAME_SIZE];
	struct drive_error error;

	snprintf(list[0], sizeof(list[0]), "%s", errand->chosen->in);
	names.list = list;
	if (take_steps(&steps, add, &error) == 0)
		return CMD_OK;
	cmd_say("%s; nothing was changed", error.text);
	take_back(&steps, add);
	return CMD_FAILED;
}

/* ---- what stands ---- */

/* All that holds here, or in the guest; CMD_GO_ON, or the exit code after it is said why not. */
static int read_standing(const struct errand *errand, struct drive_reserved *out)
{
	const char *guest = errand->chosen->in;
	struct drive_error error;
	char hint[256];
	int result = 0;

	*out = (struct drive_reserved){ 0 };
	if (guest)
		result = cmd_reserved_ask(out, guest, &error);
	else
		drive_reserved_read(out, cmd_reserved_wrong, NULL);
	if (result == 0)
		return CMD_GO_ON;
	cmd_say("%s%s", error.text,
		result == -ENOENT ? cmd_names_hint(hint, sizeof(hint), guest) : "");
	drive_reserved_free(out);
	return CMD_REFUSED;
}

/* "8000-8099 (system: staging)" */
static const char *standing_text(char *out, size_t size, const struct drive_reservation *one)
{
	char text[DRIVE_RESERVATION_TEXT];

	snprintf(out, size, "%s (%s%s%s)", drive_reservation_text(text, one),
		 drive_origin_word(one->origin), *one->note ? ": " : "", one->note);
	return out;
}

/* ---- add ---- */

static int check_new(const struct errand *errand)
{
	struct drive_reserved standing;
	char text[DRIVE_RESERVATION_TEXT];
	char by[192];
	int code = read_standing(errand, &standing);

	for (size_t i = 0; code == CMD_GO_ON && i < errand->ranges.count; i++) {
		const struct drive_reservation *one = &errand->ranges.list[i];

		for (size_t j = 0; code == CMD_GO_ON && j < standing.count; j++) {
			if (!drive_reservation_covers(&standing.list[j], one))
				continue;
			cmd_say("%s is reserved already by %s; nothing was changed",
				drive_reservation_text(text, one),
				standing_text(by, sizeof(by), &standing.list[j]));
			code = CMD_REFUSED;
		}
	}
	drive_reserved_free(&standing);
	return code;
}

/* What minato cannot keep others from. */
static void say_kernel(const struct drive_reservation *one)
{
	char text[DRIVE_RESERVATION_TEXT];
	struct kernel_knobs knobs;

	if (kernel_knobs_read(&knobs, 0) < 0 || one->last < knobs.first || one->first > knobs.last)
		return;
	for (uint32_t port = one->first; port <= one->last; port++) {
		if (port < knobs.first || port > knobs.last ||
		    kernel_port_reserved(&knobs, (uint16_t)port))
			continue;
		cmd_say("%s: the kernel itself may still choose port %u for a program's "
			"connection (net.ipv4.ip_local_port_range is %u-%u); "
			"net.ipv4.ip_local_reserved_ports keeps it from that",
			drive_reservation_text(text, one), port, knobs.first, knobs.last);
		return;
	}
}

static int add(struct errand *errand)
{
	int code = check_new(errand);

	for (size_t i = 0; i < errand->ranges.count; i++) {
		struct drive_reservation *one = &errand->ranges.list[i];

		one->origin = errand->origin;
		one->since_s = time(NULL);
		snprintf(one->note, sizeof(one->note), "%s",
			 errand->chosen->note ? errand->chosen->note : "");
	}
	if (code != CMD_GO_ON)
		return code;
	if (errand->chosen->in)
		return change_one(errand, &errand->ranges, true);
	code = change(errand, &errand->ranges, true);
	for (size_t i = 0; code == CMD_OK && i < errand->ranges.count; i++)
		say_kernel(&errand->ranges.list[i]);
	return code;
}

/* ---- rm ---- */

/* Why there is nothing to be removed. */
static void say_missing(const struct errand *errand, const struct drive_reserved *standing,
			const struct drive_reservation *wanted)
{
	static const char *const remedies[DRIVE_ORIGIN_COUNT] = {
		[DRIVE_ORIGIN_USER] = "remove that, as a whole",
		[DRIVE_ORIGIN_SYSTEM] = ("root changes " DRIVE_RESERVED_SYSTEM),
		[DRIVE_ORIGIN_KERNEL] = "sysctl net.ipv4.ip_local_reserved_ports changes it",
		[DRIVE_ORIGIN_GUEST] = "remove that, as a whole",
	};
	char text[DRIVE_RESERVATION_TEXT];
	char by[192];

	drive_reservation_text(text, wanted);
	for (size_t i = 0; i < standing->count; i++) {
		const struct drive_reservation *one = &standing->list[i];

		if (!drive_reservation_meets(one, wanted))
			continue;
		cmd_say("%s is reserved by %s: %s; nothing was changed", text,
			standing_text(by, sizeof(by), one), remedies[one->origin]);
		return;
	}
	cmd_say("%s is not reserved%s%s; nothing was changed", text,
		errand->chosen->in ? " in " : "", errand->chosen->in ? errand->chosen->in : "");
}

/* Those of ours that a word of the command line names: the range, for these protocols. */
static bool collect(const struct errand *errand, const struct drive_reserved *standing,
		    const struct drive_reservation *wanted, struct drive_reserved *found)
{
	size_t before = found->count;

	for (size_t i = 0; i < standing->count; i++) {
		const struct drive_reservation *one = &standing->list[i];

		if (one->origin == errand->origin && one->first == wanted->first &&
		    one->last == wanted->last && drive_reservation_covers(wanted, one))
			(void)drive_reserved_add(found, one);
	}
	return found->count > before;
}

static int rm(struct errand *errand)
{
	struct drive_reserved standing;
	struct drive_reserved found = { 0 };
	int code = read_standing(errand, &standing);

	for (size_t i = 0; code == CMD_GO_ON && i < errand->ranges.count; i++) {
		const struct drive_reservation *wanted = &errand->ranges.list[i];

		if (collect(errand, &standing, wanted, &found))
			continue;
		say_missing(errand, &standing, wanted);
		code = CMD_REFUSED;
	}
	if (code == CMD_GO_ON)
		code = errand->chosen->in ? change_one(errand, &found, false) :
					    change(errand, &found, false);
	drive_reserved_free(&standing);
	drive_reserved_free(&found);
	return code;
}

/* ---- the command ---- */

static int check_note(const char *note)
{
	if (!note)
		return CMD_GO_ON;
	if (strlen(note) >= DRIVE_NOTE_SIZE)
		return cmd_usage(&cmd_reserve, "--note: at most %d bytes", DRIVE_NOTE_SIZE - 1);
	for (const char *at = note; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return cmd_usage(&cmd_reserve, "--note: one line of text");
	}
	/* In the file it would be the time. */
	if (!strncmp(note, "since=", strlen("since=")))
		return cmd_usage(&cmd_reserve, "--note: a note does not begin with since=");
	return CMD_GO_ON;
}

static int parse(struct errand *errand, char **words)
{
	struct drive_reservation one;
	struct drive_error error;

	for (; *words; words++) {
		if (drive_reservation_parse(&one, *words, &error) < 0)
			return cmd_usage(&cmd_reserve, "%s", error.text);
		if (drive_reserved_add(&errand->ranges, &one) < 0)
			return CMD_FAILED;
	}
	return errand->ranges.count ? CMD_GO_ON :
				      cmd_usage(&cmd_reserve, "no port and no range was given");
}

/* One change at a time, of all that this user makes. */
static int do_errand(struct errand *errand, bool adds)
{
	struct drive_error error;
	int lock = drive_reserved_lock(true, &error);
	int code;

	if (lock >= 0 && drive_reserved_path(errand->path, &errand->origin, &error) < 0) {
		close(lock);
		lock = -1;
	}
	if (lock < 0) {
		cmd_say("%s", error.text);
		return CMD_FAILED;
	}
	if (errand->chosen->in)
		errand->origin = DRIVE_ORIGIN_GUEST;
	code = adds ? add(errand) : rm(errand);
	close(lock);
	return code;
}

static int run(int argc, char **argv)
{
	struct reserve_options chosen = { .json = false };
	struct errand errand = { .chosen = &chosen };
	struct cmd_operands operands;
	enum cmd_verb verb;
	int code = cmd_parse(&cmd_reserve, argv, &chosen, &operands);

	(void)argc;
	if (code == CMD_GO_ON)
		code = cmd_verb_take(&cmd_reserve, &operands, &verb);
	if (code != CMD_GO_ON)
		return code;
	if (chosen.note && verb != CMD_VERB_ADD)
		return cmd_usage(&cmd_reserve, "--note is for add");
	if (verb == CMD_VERB_LIST && operands.count > 0)
		return cmd_usage(&cmd_reserve, "list '%s': one word too many", operands.words[0]);
	if (verb == CMD_VERB_LIST)
		return cmd_reserve_list(chosen.in, chosen.json, !chosen.no_header);
	code = check_note(chosen.note);
	if (code == CMD_GO_ON)
		code = parse(&errand, operands.words);
	if (code == CMD_GO_ON)
		code = do_errand(&errand, verb == CMD_VERB_ADD);
	drive_reserved_free(&errand.ranges);
	return code;
}

const struct cmd_command cmd_reserve = {
	.name = "reserve",
	.args = "[list] | add|rm PORT[-LAST][/tcp|/udp]...",
	.summary = "Keep ports from being chosen automatically.",
	.about = "Kept in a file of the user, or as root of the system; holds at once in every "
		 "running guest of this user and in each that is started later. Of several ports "
		 "all are added or removed, or none. Whoever names a reserved port still gets it.",
	.options = options,
	.option_count = sizeof(options) / sizeof(options[0]),
	.operand = CMD_OPERAND_VERB,
	.run = run,
};
