/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Changes of what is in force, as the keeper makes them: one at a time, all or nothing.
 *
 *   begin: the lists as they will be --RULES--> worker --APPLIED--> commit: the state file
 *                                                                     |           |
 *                                                     written: the lists are      full: RULES as
 *                                                     what is in force            before, then
 *                                                                                 the answer
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS INT64_C(1000000)
/* How long a worker may take to change its host value, in slices, beside a flood. */
#define APPLY_MS 30000
/* The clock on the wall may be set: it is looked at so often. */
#define CLOCK_MS 10000
/* Statements in one order. */
#define ORDER_STATEMENTS_MAX 64u
/* Of what is said while the gateway runs. */
#define SAID_MAX 1024u
#define VOLATILE_HINT " (--volatile: change it until the gateway ends)"

static char fault[GATEWAY_ORDER_MAX];

/* ---- answers ---- */

static void answer(struct gateway_keeper *keeper, int result, const char *text)
{
	const struct cmd_message done = { .kind = GATEWAY_TELL_DONE, .number = result };
	int channel = keeper->harbour.hand.channel;

	if (keeper->pending.asked) {
		if (gateway_parcel_send(channel, GATEWAY_TELL_PIECE, text) < 0)
			cmd_say("an answer found no room");
		(void)cmd_channel_send(channel, &done, NULL, 0);
	}
	/* Of what nobody waits for, and of failures, the log tells too. */
	if (text[0] && result < 0)
		cmd_say("%s", text);
	else if (!keeper->pending.asked)
		gateway_note_say(text);
}

/*
 * Who came before the change was over has waited in the worker, however long that took: the time
 * for such an order begins now. Each client is due once, so that a worker that was taken over gains
 * no more orders by that than there were clients.
 */
static void hear_the_next(struct cmd_harbour *harbour)
{
	harbour->orders_held = false;
	if (harbour->orders_due > 0)
		harbour->admitted = drive_now();
}

static void end(struct gateway_keeper *keeper)
{
	struct gateway_pending *pending = &keeper->pending;

	hear_the_next(&keeper->harbour);
	gateway_rules_free(&pending->file);
	gateway_rules_free(&pending->said);
	gateway_rules_free(&pending->standing);
	gateway_doors_prune(&keeper->doors, &keeper->standing);
	*pending = (struct gateway_pending){ .busy = false };
	if (keeper->reload_wanted)
		gateway_reload(keeper);
}

static int fail(struct gateway_keeper *keeper, int result, const char *text)
{
	answer(keeper, result, text);
	end(keeper);
	return 0;
}

/* ---- the worker gets a list ---- */

static int send_rules(struct gateway_keeper *keeper, const struct gateway_rules *rules)
{
	const struct cmd_message message = { .kind = GATEWAY_TELL_RULES };
	int fd = memfd_create("rules", MFD_CLOEXEC);
	int result = fd < 0 ? -errno : gateway_rules_write(rules, fd);

	if (result == 0)
		result = gateway_doors_send(&keeper->doors, rules, keeper->harbour.hand.channel);
	if (result == 0)
		result = cmd_channel_send(keeper->harbour.hand.channel, &message, &fd, 1);
	if (fd >= 0)
		close(fd);
	keeper->pending.until.ns = drive_now().ns + APPLY_MS * NS_PER_MS;
	return result;
}

static bool says(const struct conf *conf, const struct conf_report *report, const struct conf *new,
		 const struct conf_fault *one)
{
	char text[GATEWAY_FAULT_SIZE], other[GATEWAY_FAULT_SIZE];

	gateway_fault_sentence(new, one, text);
	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->fault[i].what, one->what))
			continue;
		gateway_fault_sentence(conf, &report->fault[i], other);
		if (!strcmp(text, other))
			return true;
	}
	return false;
}

/* The warnings that there were none of before, for who asked. */
static void note_warnings(struct gateway_keeper *keeper, const struct conf_report *report)
{
	struct gateway_pending *pending = &keeper->pending;
	struct conf_report *before = calloc(1, sizeof(*before));
	char text[GATEWAY_FAULT_SIZE];

	if (!before)
		return;
	(void)gateway_rules_judge(&keeper->standing.conf, before);
	for (size_t i = 0; i < report->count; i++) {
		const struct conf_fault *one = &report->fault[i];

		gateway_fault_words(&pending->standing.conf, one, text);
		if (one->severity == CONF_WARNING &&
		    !says(&keeper->standing.conf, before, &pending->standing.conf, one))
			gateway_note_line(pending->note, sizeof(pending->note), "warning: %s",
					  text);
	}
	free(before);
}

/* Whether it has more entries than the host value has room for beside the rules in force. */
static bool outgrows(const struct gateway_keeper *keeper, const struct conf *conf)
{
	struct minato_config plan = { .entries_max = 0 };

	conf_plan(&plan, conf);
	return plan.entries_max + conf_rules_count(&keeper->standing.conf) > keeper->entries_room;
}

/* What will be is known: the worker is to try it. */
static int begin(struct gateway_keeper *keeper)
{
	struct gateway_pending *pending = &keeper->pending;
	struct conf_report *report = malloc(sizeof(*report));
	struct drive_error error = { "" };
	int result = -ENOMEM;

	if (report)
		result = gateway_rules_merge(&pending->standing, &pending->file, &pending->said,
					     time(NULL), report);
	if (result == -EINVAL)
		gateway_file_fault(report, &pending->standing.conf,
				   pending->reloaded ? keeper->path : NULL, fault, sizeof(fault));
	else if (result < 0)
		snprintf(fault, sizeof(fault), "%s", strerror(-result));
	else
		note_warnings(keeper, report);
	free(report);
	if (result == 0 && keeper->links.host) {
		result = gateway_doors_open(&keeper->doors, &pending->standing, &error);
		if (result < 0)
			snprintf(fault, sizeof(fault), "%s; nothing was changed", error.text);
	}
	if (result == 0) {
		result = gateway_alerts_check(&pending->standing.conf, &error);
		if (result < 0)
			snprintf(fault, sizeof(fault), "%s; nothing was changed", error.text);
	}
	if (result < 0)
		return fail(keeper, result, fault);
	pending->renews = gateway_apply_renews(&keeper->standing.conf, &pending->standing.conf) ||
			  outgrows(keeper, &pending->standing.conf);
	if (pending->renews)
		return gateway_order_applied(keeper, NULL);
	result = send_rules(keeper, &pending->standing);
	return result < 0 ? fail(keeper, result, strerror(-result)) : 0;
}

static int prepare(struct gateway_keeper *keeper, bool asked)
{
	struct gateway_pending *pending = &keeper->pending;
	int result = gateway_rules_copy(&pending->said, &keeper->said);

	pending->busy = true;
	pending->asked = asked;
	cmd_admitting_lapse(&keeper->harbour);
	keeper->harbour.orders_held = true;
	return result;
}

/* ---- the end of a change ---- */

static void move(struct gateway_rules *to, struct gateway_rules *from)
{
	gateway_rules_free(to);
	*to = *from;
	*from = (struct gateway_rules){ .until_s = NULL };
}

static int commit(struct gateway_keeper *keeper)
{
	struct gateway_pending *pending = &keeper->pending;
	bool renews = pending->renews;
	struct drive_error error = { "" };
	int ahead = 0;

	gateway_changes_say(keeper);
	if (pending->reloaded)
		move(&keeper->file, &pending->file);
	move(&keeper->said, &pending->said);
	move(&keeper->standing, &pending->standing);
	if (gateway_alerts_apply(&keeper->harbour.alerting, &keeper->standing.conf, &error) < 0)
		cmd_say("%s", error.text);
	keeper->next_end_s = gateway_rules_next(&keeper->standing, time(NULL));
	snprintf(fault, sizeof(fault), "%s%s%s",
		 renews ? "links, routes or capacities have changed: another process takes the "
			  "sessions over" :
			  "",
		 renews && pending->note[0] ? "\n" : "", pending->note);
	/* What takes time comes before the answer: behind it the change holds at once. */
	if (renews)
		ahead = gateway_renew_ahead(keeper, &error);
	answer(keeper, 0, fault);
	if (renews && gateway_renew(keeper, ahead, &error) < 0)
		cmd_say("%s", error.text);
	end(keeper);
	return 0;
}

/* The worker goes back to what was, and then the failure is told. */
static int undo(struct gateway_keeper *keeper, int result, const struct drive_error *error)
{
	struct gateway_pending *pending = &keeper->pending;

	pending->undoing = true;
	pending->errnum = -result;
	pending->error = *error;
	return send_rules(keeper, &keeper->standing);
}

/* Links of another shape are opened before anything is given up. */
static int try_links(struct gateway_keeper *keeper, struct drive_error *error)
{
	struct gateway_links links;
	int result = gateway_links_open(&links, &keeper->pending.standing.conf, &keeper->links,
					keeper->carry, error);

	if (result < 0)
		return result;
	result = gateway_links_claim(&links, keeper->harbour.name, error);
	if (result == 0)
		result = gateway_links_change(&links, &keeper->links, error);
	if (result < 0) {
		gateway_links_close(&links);
		return result;
	}
	gateway_links_close(&keeper->links);
	keeper->links = links;
	return 0;
}

/* The worker's remarks, of what the change has not yet. */
static void add_note(struct gateway_pending *pending, const struct drive_error *said)
{
	struct drive_error text = *said;
	char *rest = text.text;
	const char *line;

	text.text[sizeof(text.text) - 1] = 0;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line)
			gateway_note_line(pending->note, sizeof(pending->note), "%s", line);
	}
}

int gateway_order_applied(struct gateway_keeper *keeper, const struct cmd_message *message)
{
	struct gateway_pending *pending = &keeper->pending;
	struct drive_error error = { "" };
	int result;

	if (!pending->busy)
		return -EPROTO;
	if (pending->undoing) {
		snprintf(fault, sizeof(fault), "%s; nothing was changed%s", pending->error.text,
			 pending->asked && !pending->reloaded ? VOLATILE_HINT : "");
		return fail(keeper, -pending->errnum, fault);
	}
	if (message && message->number < 0) {
		snprintf(fault, sizeof(fault), "%.*s; nothing was changed",
			 (int)sizeof(message->text.text) - 1, message->text.text);
		return fail(keeper, message->number, fault);
	}
	if (message)
		add_note(pending, &message->text);
	/* What is fleeting leaves the file as it is. */
	result = pending->fleeting ? 0 : gateway_changes_write(keeper, &error);
	if (result == 0 && pending->renews)
		result = try_links(keeper, &error);
	if (result == 0)
		return commit(keeper);
	if (!pending->renews)
		return undo(keeper, result, &error);
	snprintf(fault, sizeof(fault), "%s; nothing was changed", error.text);
	return fail(keeper, result, fault);
}

void gateway_order_forget(struct gateway_keeper *keeper)
{
	keeper->parcel.used = 0;
	keeper->harbour.orders_due = 0; /* who waited there asks the next one again */
	if (keeper->pending.busy) {
		keeper->pending.asked = false;
		end(keeper);
	}
}

/* ---- reload ---- */

static int reload(struct gateway_keeper *keeper, bool asked)
{
	int result = prepare(keeper, asked);

	if (result == 0)
		result = gateway_file_read(&keeper->pending.file, keeper->path, fault,
					   sizeof(fault));
	else
		snprintf(fault, sizeof(fault), "%s", strerror(-result));
	if (result < 0)
		return fail(keeper, result, fault);
	if (fault[0])
		cmd_say("%s", fault);
	result = gateway_places_keep(&keeper->pending.said, &keeper->file, &keeper->pending.file,
				     keeper->pending.note, sizeof(keeper->pending.note));
	if (result == 0)
		result = gateway_terms_keep(&keeper->pending.file, &keeper->file, time(NULL),
					    keeper->pending.note, sizeof(keeper->pending.note));
	if (result < 0)
		return fail(keeper, result, strerror(-result));
	if (asked)
		gateway_note_say(keeper->pending.note);
	keeper->pending.reloaded = true;
	return begin(keeper);
}

void gateway_reload(struct gateway_keeper *keeper)
{
	keeper->reload_wanted = keeper->pending.busy || !keeper->harbour.hand.ready;
	if (!keeper->reload_wanted)
		(void)reload(keeper, false);
}

/* ---- what was said ---- */

static bool is_sayable(const struct conf_statement *one)
{
	return one->kind == CONF_KIND_FORWARD || one->kind == CONF_KIND_DMZ ||
	       one->kind == CONF_KIND_NAT || one->kind == CONF_KIND_RULE ||
	       one->kind == CONF_KIND_DRAIN;
}

/* The instant is the client's to say, whose local time it is; a span needs none. */
static int64_t end_of(struct conf_statement *one, const json_t *item)
{
	const struct conf_term *term = gateway_term_of(one);
	const json_t *until = json_object_get(item, "until");

	if (json_is_integer(until))
		return json_integer_value(until);
	return term ? gateway_term_end(term, time(NULL)) : 0;
}

static int add_said(struct gateway_rules *said, const struct gateway_rules *file,
		    struct conf_statement *one, const json_t *item)
{
	int64_t until_s = end_of(one, item);
	struct conf_term *term = gateway_term_of(one);

	if (term)
		*term = (struct conf_term){ .sort = CONF_TERM_NONE };
	if (until_s < 0 || (until_s && until_s <= time(NULL))) {
		static char text[CONF_TEXT_SIZE];

		(void)cmd_rule_print(text, sizeof(text), one);
		snprintf(fault, sizeof(fault), "'%s': that time is over already", text);
		return -EINVAL;
	}
	if (said->conf.count >= SAID_MAX) {
		snprintf(fault, sizeof(fault),
			 "more than %u statements were added while the gateway ran: write some "
			 "into the configuration",
			 SAID_MAX);
		return -ENOSPC;
	}
	for (size_t i = said->conf.count; i-- > 0;) {
		if (gateway_rules_replaces(said->conf.list[i], one))
			gateway_rules_remove(said, i);
	}
	one->line = 0;
	if (one->kind == CONF_KIND_DMZ)
		said->dmz_off = false;
	if (one->kind == CONF_KIND_RULE)
		return gateway_place(said, file, one, until_s, fault, sizeof(fault));
	return gateway_rules_add(said, one, until_s);
}

/* Of the written ones none is like it: it ends with us. */
static void make_fleeting(struct gateway_keeper *keeper, const struct conf_statement *one)
{
	struct gateway_rules *said = &keeper->pending.said;
	const struct gateway_rules *before = &keeper->said;

	for (size_t i = 0; i < before->conf.count; i++) {
		if (!before->fleeting[i] && conf_same(before->conf.list[i], one))
			return;
	}
	for (size_t i = 0; i < said->conf.count; i++)
		said->fleeting[i] |= conf_same(said->conf.list[i], one);
}

static int add_item(struct gateway_keeper *keeper, const json_t *item)
{
	struct gateway_rules *said = &keeper->pending.said;
	static struct conf_statement one;
	static struct conf_report report;
	int result;
	const char *text = json_string_value(json_object_get(item, "text"));

	if (!text) {
		snprintf(fault, sizeof(fault), "each of \"add\" has a \"text\"");
		return -EINVAL;
	}
	if (conf_statement_read(&one, text, &report) < 0) {
		gateway_fault_text(&report, "", text, fault, sizeof(fault));
		return -EINVAL;
	}
	if (!is_sayable(&one)) {
		snprintf(fault, sizeof(fault),
			 "'%s' stands in the configuration alone: only forward, dmz, drain, "
			 "nat and rules can be said while the gateway runs",
			 conf_verb(&one));
		return -EINVAL;
	}
	result = add_said(said, &keeper->file, &one, item);
	if (result == 0 && keeper->pending.fleeting)
		make_fleeting(keeper, &one);
	return result;
}

static const char *file_of(const struct gateway_keeper *keeper, const struct conf_statement *one)
{
	const char *path = conf_file_of(&keeper->file.conf, one->line);

	return path ? path : keeper->path;
}

static int remove_item(struct gateway_keeper *keeper, const char *text)
{
	static struct conf_report report;
	struct gateway_rules *said = &keeper->pending.said;
	int index = conf_find(&said->conf, text, &report);
	int other;

	if (index >= 0) {
		gateway_rules_remove(said, (size_t)index);
		return 0;
	}
	/* As lists show where it stands. */
	if (index == -EINVAL && !strncmp(text, "line ", strlen("line "))) {
		snprintf(fault, sizeof(fault),
			 "what stands in a line of a file is taken out there, then 'minato gateway "
			 "reload'; what was said live is named by its name or its sentence, as "
			 "lists show it");
		return index;
	}
	/* One word is a name, right or wrong. */
	if (index == -EINVAL && strchr(text, ' ')) {
		gateway_fault_text(&report, "", text, fault, sizeof(fault));
		return index;
	}
	if (index == -ENOTUNIQ) {
		snprintf(fault, sizeof(fault),
			 "several stand as '%s': say where it leads too, or its name", text);
		return index;
	}
	other = conf_find(&keeper->file.conf, text, &report);
	if (other >= 0)
		snprintf(fault, sizeof(fault),
			 "'%s' stands in line %u of %s: take it out there, then 'minato gateway "
			 "reload'",
			 text, CONF_LINE_NUMBER(keeper->file.conf.list[other]->line),
			 file_of(keeper, keeper->file.conf.list[other]));
	else
		gateway_fault_missing(keeper, text, fault, sizeof(fault));
	return -ENOENT;
}

/* Where the setting is again, for who took back what had been said of it. */
static void note_setting(struct gateway_keeper *keeper, enum conf_nat_key key)
{
	static char text[CONF_TEXT_SIZE];
	const struct conf *conf = &keeper->file.conf;
	struct gateway_pending *pending = &keeper->pending;
	char where[CONF_WHERE_SIZE];

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind != CONF_KIND_NAT || conf->list[i]->nat.key != key)
			continue;
		(void)conf_print(text, sizeof(text), conf->list[i]);
		gateway_note_line(pending->note, sizeof(pending->note), "%.300s, as in %s", text,
				  conf_where(where, conf, conf->list[i]->line));
		return;
	}
	gateway_note_line(pending->note, sizeof(pending->note),
			  "nat %s: as if nothing was said of it", conf_nat_key_words(key));
}

/* What was said of a setting of nat is taken back. */
static int unset_item(struct gateway_keeper *keeper, const char *text)
{
	struct gateway_rules *said = &keeper->pending.said;
	int key = conf_nat_key_read(text);

	if (key < 0) {
		snprintf(fault, sizeof(fault), "nat has no setting '%s'", text);
		return key;
	}
	for (size_t i = 0; i < said->conf.count; i++) {
		if (said->conf.list[i]->kind != CONF_KIND_NAT ||
		    (int)said->conf.list[i]->nat.key != key)
			continue;
		gateway_rules_remove(said, i);
		note_setting(keeper, (enum conf_nat_key)key);
		return 0;
	}
	snprintf(
		fault, sizeof(fault),
		"nothing was said of 'nat %s' while the gateway ran: there is nothing to take back",
		conf_nat_key_words((enum conf_nat_key)key));
	return -ENOENT;
}

/* "off": there is none, whatever the file says; "file": as the file says. */
static int change_dmz(struct gateway_rules *said, const char *word)
{
	if (!word)
		return 0;
	if (strcmp(word, "off") && strcmp(word, "file")) {
		snprintf(fault, sizeof(fault), "\"dmz\" is \"off\" or \"file\"");
		return -EINVAL;
	}
	for (size_t i = said->conf.count; i-- > 0;) {
		if (said->conf.list[i]->kind == CONF_KIND_DMZ)
			gateway_rules_remove(said, i);
	}
	said->dmz_off = !strcmp(word, "off");
	return 0;
}

static int change(struct gateway_keeper *keeper, const json_t *request)
{
	const json_t *add = json_object_get(request, "add");
	const json_t *remove = json_object_get(request, "remove");
	const json_t *unset = json_object_get(request, "unset");
	struct gateway_rules *said = &keeper->pending.said;
	int result = 0;

	snprintf(fault, sizeof(fault), "out of memory");
	if (json_array_size(add) + json_array_size(remove) + json_array_size(unset) >
	    ORDER_STATEMENTS_MAX) {
		snprintf(fault, sizeof(fault), "more than %u statements at once",
			 ORDER_STATEMENTS_MAX);
		return -E2BIG;
	}
	keeper->pending.fleeting = json_is_true(json_object_get(request, "volatile"));
	if (!keeper->state && !keeper->pending.fleeting) {
		snprintf(fault, sizeof(fault), "%s; nothing was changed" VOLATILE_HINT,
			 keeper->state_error.text);
		return -ENOTSUP;
	}
	for (size_t i = 0; i < json_array_size(remove) && result == 0; i++) {
		const char *text = json_string_value(json_array_get(remove, i));

		result = remove_item(keeper, text ? text : "");
	}
	for (size_t i = 0; i < json_array_size(unset) && result == 0; i++) {
		const char *text = json_string_value(json_array_get(unset, i));

		result = unset_item(keeper, text ? text : "");
	}
	if (result == 0)
		result = change_dmz(said, json_string_value(json_object_get(request, "dmz")));
	for (size_t i = 0; i < json_array_size(add) && result == 0; i++)
		result = add_item(keeper, json_array_get(add, i));
	return result;
}

/* The file's statements stay as they are. */
static int begin_change(struct gateway_keeper *keeper, const json_t *request)
{
	int result = prepare(keeper, true);

	if (result == 0)
		result = change(keeper, request);
	if (result == 0)
		result = gateway_rules_copy(&keeper->pending.file, &keeper->file);
	return result < 0 ? fail(keeper, result, fault) : begin(keeper);
}

int gateway_order_take(struct gateway_keeper *keeper)
{
	int64_t since_ns = drive_now().ns - keeper->harbour.admitted.ns;
	json_t *request = json_loads(keeper->parcel.text, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(request, "request"));
	int result = -EPROTO;

	keeper->parcel.used = 0;
	keeper->harbour.orders_due -= keeper->harbour.orders_due > 0;
	if (keeper->pending.busy && !keeper->pending.asked) {
		/* A change of our own is under way. */
		keeper->pending.asked = true;
		answer(keeper, -EBUSY, "another change is under way: try again");
		keeper->pending.asked = false;
		result = 0;
	} else if (keeper->pending.busy || !keeper->harbour.admitted.ns ||
		   since_ns >= CMD_ORDER_MS * NS_PER_MS) {
		result = -EPERM;
	} else if (name && !strcmp(name, "reload")) {
		result = reload(keeper, true);
	} else if (name && !strcmp(name, "change")) {
		result = begin_change(keeper, request);
	}
	json_decref(request);
	return result;
}

/* ---- what is due ---- */

static void end_terms(struct gateway_keeper *keeper)
{
	int64_t now_s = time(NULL);
	struct gateway_rules *said = &keeper->pending.said;
	int result = prepare(keeper, false);

	keeper->pending.ends = true;
	for (size_t i = said->conf.count; result == 0 && i-- > 0;) {
		if (said->until_s[i] && said->until_s[i] <= now_s)
			gateway_rules_remove(said, i);
	}
	if (result == 0)
		result = gateway_rules_copy(&keeper->pending.file, &keeper->file);
	if (result < 0)
		(void)fail(keeper, result, strerror(-result));
	else
		(void)begin(keeper);
}

struct minato_time gateway_order_turn(struct gateway_keeper *keeper, struct minato_time now)
{
	struct gateway_pending *pending = &keeper->pending;
	int64_t left_ms;

	if (pending->busy) {
		if (now.ns < pending->until.ns)
			return pending->until;
		cmd_say("the process for the traffic does not answer: it is replaced");
		(void)pidfd_send_signal(keeper->harbour.hand.pidfd, SIGKILL, NULL, 0);
		pending->until = MINATO_NEVER;
		return MINATO_NEVER;
	}
	if (!keeper->next_end_s || !keeper->harbour.hand.ready)
		return MINATO_NEVER;
	left_ms = (keeper->next_end_s - time(NULL)) * 1000;
	if (left_ms <= 0) {
		keeper->next_end_s = 0;
		end_terms(keeper);
		return pending->busy ? pending->until : MINATO_NEVER;
	}
	return (struct minato_time){ now.ns +
				     (left_ms < CLOCK_MS ? left_ms : CLOCK_MS) * NS_PER_MS };
}
