/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules of a guest: --rule and --rules, read by the keeper before anything starts, and entered by
 * each worker into its host value. What they say of names goes to --allow, which looks names up.
 */
#include "cmd/conf.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/gateway/gateway.h"
#include "drive/drive.h"
#include "minato/guard.h"

#define RULES_FILE_MAX CONF_SIZE_MAX
#define ORDER_SHUT (UINT64_MAX - 2)
/* Entries that rules which are said while a guest runs may have. */
#define LIVE_ROOM 2048u

/* ---- the sentences ---- */

/* A line of each --rule, then the file's. 0, or negative errno with a text. */
static int gather(struct cmd_text *out, const struct cmd_many *rules, const char *path,
		  struct drive_error *error)
{
	struct cmd_text file = { .bytes = NULL };
	size_t size = 1;
	size_t used = 0;

	if (path && cmd_text_read(&file, path, RULES_FILE_MAX, error) < 0)
		return -EINVAL;
	for (size_t i = 0; i < rules->count; i++)
		size += strlen(rules->text[i]) + 1;
	out->bytes = malloc(size + file.size);
	if (!out->bytes) {
		free(file.bytes);
		return drive_fail(error, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < rules->count; i++)
		used += (size_t)sprintf(out->bytes + used, "%s\n", rules->text[i]);
	if (file.size)
		memcpy(out->bytes + used, file.bytes, file.size);
	out->size = used + file.size;
	out->bytes[out->size] = 0;
	free(file.bytes);
	return 0;
}

static int complain(const struct cmd_conf_text *text, const struct conf_report *report)
{
	cmd_conf_say(stderr, text, report, false);
	return CMD_USAGE;
}

static int read_rules(struct cmd_ruling *ruling, const struct cmd_conf_text *text,
		      struct cmd_conf_files *files, const char *guest)
{
	struct conf_report *report = calloc(1, sizeof(*report));
	int code = CMD_FAILED;
	int result;

	if (!report)
		return code;
	result = conf_read_guest_sources(&ruling->conf, &files->sources, guest, report);
	if (result == 0)
		cmd_ruling_judge(&ruling->conf, report);
	if (result == 0 && !report->errors)
		cmd_fellows_judge(&ruling->conf, guest, report);
	if (result == 0 && !report->errors)
		result = cmd_sets_read(&ruling->conf, report);
	code = result == -ENOMEM ? CMD_FAILED : CMD_GO_ON;
	if (report->errors || report->warnings)
		(void)complain(text, report);
	if (report->errors)
		code = CMD_USAGE;
	free(report);
	return code;
}

/* Which of them is wrong, if it is one, and what of it. */
struct blame {
	const struct conf_statement *one;
	enum conf_part part;
	const char *word; /* of the part; NULL: all of it */
};

static void put_blame(struct blame *blame, const struct conf_statement *one, enum conf_part part)
{
	*blame = (struct blame){ .one = one, .part = part };
}

static void report_blame(struct conf_report *report, const struct blame *blame,
			 const struct drive_error *error)
{
	struct conf_fault *fault =
		judge_say(report, CONF_ERROR, blame->one, blame->part, 0, "%s", error->text);

	if (blame->word)
		(void)snprintf(fault->word, sizeof(fault->word), "%s", blame->word);
}

/* With its place, line and caret. */
static int say_blame(const struct cmd_conf_text *text, const struct blame *blame,
		     const struct drive_error *error)
{
	struct conf_report *report = blame->one ? calloc(1, sizeof(*report)) : NULL;

	if (!report) {
		cmd_say("%s: %s", text->name, error->text);
		return CMD_USAGE;
	}
	report_blame(report, blame, error);
	(void)complain(text, report);
	free(report);
	return CMD_USAGE;
}

/* ---- programs ---- */

static int plan_programs(struct cmd_harbour *harbour, struct blame *blame,
			 struct drive_error *error)
{
	const struct conf *conf = &harbour->ruling.conf;

	for (size_t i = 0; i < conf->count; i++) {
		struct conf_item item;
		uint32_t at = 0;

		if (conf->list[i]->kind != CONF_KIND_RULE)
			continue;
		while (conf_item_next(&conf->list[i]->rule, &at, &item)) {
			int result = item.sort == CONF_ITEM_PROGRAM ?
					     cmd_programs_add(&harbour->programs, item.word) :
					     0;

			if (result < 0)
				*blame = (struct blame){ conf->list[i], CONF_PART_SUBJECT,
							 item.word };
			if (result == -ENOENT)
				return drive_fail(error, ENOENT,
						  "no program is called %s here: say its path",
						  item.word);
			if (result < 0)
				return drive_fail(error, -result, "program %s: %s", item.word,
						  result == -ENOSPC ? "rules name too many" :
								      "too long a path");
		}
	}
	harbour->seeking |= harbour->programs.count > 0;
	return 0;
}

/* ---- names ---- */

bool cmd_ruling_names(const struct conf_rule *rule)
{
	struct conf_item item;
	uint32_t at = 0;

	while (conf_item_next(rule, &at, &item)) {
		if (item.sort == CONF_ITEM_TO_WORD && strchr(item.word, '.'))
			return true;
	}
	return false;
}

/* "block out everything". */
static bool closes(const struct conf_statement *one)
{
	return one->kind == CONF_KIND_RULE && one->rule.out && !one->rule.protocols &&
	       one->rule.tail_size == 0 &&
	       (one->rule.verb == CONF_BLOCK || one->rule.verb == CONF_DROP);
}

/* HOST:PORTS/PROTO, as --allow has it. */
static void write_allow(char *out, size_t size, const struct conf_rule *rule,
			const struct conf_item *to)
{
	struct conf_item item;
	uint32_t at = 0;
	size_t used = 0;
	const char *before = ":";

	if (to->sort == CONF_ITEM_TO_WORD) {
		used = (size_t)snprintf(out, size, "%s", to->word);
	} else {
		bool four = minato_addr_is4(&to->prefix.addr);
		char addr[64];

		minato_addr_format(&to->prefix.addr, addr, sizeof(addr));
		used = (size_t)snprintf(out, size, four ? "%s/%d" : "[%s]/%d", addr,
					to->prefix.length - (four ? 96 : 0));
	}
	while (conf_item_next(rule, &at, &item)) {
		if (item.sort != CONF_ITEM_PORTS || used >= size)
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%u-%u", before, item.run.first,
					 item.run.last);
		before = ",";
	}
	if (before[0] == ':' && used < size)
		used += (size_t)snprintf(out + used, size - used, ":all");
	if (used < size)
		(void)snprintf(out + used, size - used, "%s",
			       rule->protocols == CONF_TCP ? "/tcp" :
			       rule->protocols == CONF_UDP ? "/udp" :
							     "/both");
}

/* Zones and sets stand for what the table alone has to know. */
int cmd_ruling_allow(struct cmd_harbour *harbour, const struct conf_rule *rule, uint64_t order,
		     struct drive_error *error)
{
	struct conf_item item;
	uint32_t at = 0;
	char text[CONF_TEXT_SIZE];
	int result = 0;

	while (result == 0 && conf_item_next(rule, &at, &item)) {
		if (item.sort != CONF_ITEM_TO &&
		    (item.sort != CONF_ITEM_TO_WORD || !strchr(item.word, '.')))
			continue;
		write_allow(text, sizeof(text), rule, &item);
		result = relay_allow_add(&harbour->allows, text, error);
		if (result < 0)
			break;
		harbour->allows.list[harbour->allows.last].order = order;
		harbour->allows.list[harbour->allows.last].log = rule->log;
	}
	return result;
}

/* Rules count from 1, as conf_policy does. */
static int allow_rules(struct cmd_harbour *harbour, struct blame *blame, struct drive_error *error)
{
	const struct conf *conf = &harbour->ruling.conf;
	uint64_t order = 0;
	int result = 0;

	for (size_t i = 0; i < conf->count && result == 0; i++) {
		struct conf_item item;

		if (conf->list[i]->kind != CONF_KIND_RULE)
			continue;
		order++;
		put_blame(blame, conf->list[i], CONF_PART_TARGET);
		if (conf->list[i]->rule.out && conf->list[i]->rule.verb == CONF_ALLOW &&
		    !conf_item_find(&conf->list[i]->rule, CONF_ITEM_PROGRAM, &item))
			result = cmd_ruling_allow(harbour, &conf->list[i]->rule,
						  cmd_ruling_order(order), error);
	}
	return result;
}

/*
 * Rules and --allow are one sequence, as permit.h says: what is allowed by name, here or there, has
 * its place in it, and "block out everything" stands behind all of it.
 */
static int plan_names(struct cmd_harbour *harbour, struct blame *blame, struct drive_error *error)
{
	struct conf *conf = &harbour->ruling.conf;
	bool named = false;
	size_t last = SIZE_MAX;

	put_blame(blame, NULL, CONF_PART_TARGET);

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind != CONF_KIND_RULE || !conf->list[i]->rule.out)
			continue;
		if (!named && cmd_ruling_names(&conf->list[i]->rule))
			put_blame(blame, conf->list[i], CONF_PART_TARGET);
		named |= cmd_ruling_names(&conf->list[i]->rule);
		if (cmd_ruling_names(&conf->list[i]->rule) &&
		    conf->list[i]->rule.verb != CONF_ALLOW)
			return drive_fail(error, EINVAL,
					  "a name can be allowed, not blocked: who wants to get "
					  "there has its address");
		last = i;
	}
	/* What a rule about a program lets out --allow has to let out too. */
	if (!named && (!harbour->allows.count || harbour->programs.count))
		return 0;
	if (named && harbour->programs.count)
		return drive_fail(error, EINVAL,
				  "rules about names and rules about programs do not go together: "
				  "what lets a name out lets every program there");
	if (last != SIZE_MAX && closes(conf->list[last]) && conf->list[last]->rule.term.sort) {
		put_blame(blame, conf->list[last], CONF_PART_TERM);
		return drive_fail(error, EINVAL,
				  "what shuts all but what is allowed by name or --allow has no "
				  "end before the guest's");
	}
	if (last != SIZE_MAX && closes(conf->list[last])) {
		if (conf_add(&harbour->ruling.closing, conf->list[last]) < 0)
			return drive_fail(error, ENOMEM, "out of memory");
		conf_remove(conf, last);
	} else if (!harbour->closed) {
		return drive_fail(error, EINVAL,
				  "a rule about a name says nothing unless all else is shut: "
				  "'block out everything' must be the last of what goes out");
	}
	harbour->closed = true;
	return allow_rules(harbour, blame, error);
}

/* Each rule its place; one whose time is over already is no rule of a guest that begins. */
static int plan_places(struct cmd_harbour *harbour, struct blame *blame, struct drive_error *error)
{
	struct cmd_ruling *ruling = &harbour->ruling;
	struct conf *conf = &ruling->conf;
	int64_t now_s = time(NULL);

	ruling->places = conf->count ? calloc(conf->count, sizeof(ruling->places[0])) : NULL;
	if (conf->count && !ruling->places)
		return drive_fail(error, ENOMEM, "out of memory");
	for (size_t i = 0; i < conf->count; i++) {
		struct cmd_place *place = &ruling->places[i];
		struct conf_term *term = &conf->list[i]->rule.term;

		if (conf->list[i]->kind != CONF_KIND_RULE)
			continue;
		place->id = ++ruling->last_id;
		place->order = cmd_ruling_order(place->id);
		if (term->sort == CONF_TERM_NONE)
			continue;
		place->until_s = gateway_term_end(term, now_s);
		put_blame(blame, conf->list[i], CONF_PART_TERM);
		if (place->until_s <= now_s)
			return drive_fail(error, EINVAL, "that time is over already: take it out");
		*term = (struct conf_term){ .sort = CONF_TERM_NONE };
	}
	return 0;
}

int cmd_ruling_plan(struct cmd_harbour *harbour, const struct cmd_many *rules, const char *path,
		    const char *guest)
{
	struct cmd_conf_text about = { .name = path && rules->count ? "--rule, --rules" :
					       path		    ? path :
								      "--rule" };
	struct cmd_text text = { .bytes = NULL };
	struct cmd_conf_files *files = calloc(1, sizeof(*files));
	struct drive_error error = { "out of memory" };
	struct blame blame = { .part = CONF_PART_SUBJECT };
	int code;

	cmd_ruling_look_around(&harbour->ruling);
	if (!files || gather(&text, rules, path, &error) < 0 ||
	    cmd_conf_open_text(files, path, &text, &error) < 0) {
		cmd_say("%s", error.text);
		free(files);
		return CMD_USAGE;
	}
	about.bytes = files->sources.list[0].text;
	about.size = files->sources.list[0].size;
	about.sources = &files->sources;
	files->sources.closed = harbour->closed;
	files->sources.behind_count = cmd_ruling_behind(&harbour->publish, files->sources.behind);
	code = read_rules(&harbour->ruling, &about, files, guest ? guest : "self");
	if (code == CMD_GO_ON && cmd_fellows_find(&harbour->ruling, guest ? guest : "self",
						  &blame.one, &blame.part, &error) < 0)
		code = say_blame(&about, &blame, &error);
	if (code == CMD_GO_ON)
		code = cmd_ruling_test(&harbour->ruling, guest ? guest : "self", about.name);
	if (code == CMD_GO_ON &&
	    (plan_programs(harbour, &blame, &error) < 0 ||
	     plan_names(harbour, &blame, &error) < 0 || plan_places(harbour, &blame, &error) < 0))
		code = say_blame(&about, &blame, &error);
	cmd_conf_close(files);
	free(files);
	if (code != CMD_GO_ON)
		cmd_ruling_free(&harbour->ruling);
	return code;
}

int cmd_ruling_whole(struct conf *conf, struct conf_report *report)
{
	struct cmd_harbour *harbour = calloc(1, sizeof(*harbour));
	struct blame blame = { .part = CONF_PART_SUBJECT };
	struct drive_error error;
	int result;

	if (!harbour) {
		conf_free(conf);
		return -ENOMEM;
	}
	harbour->ruling.conf = *conf;
	*conf = (struct conf){ .count = 0 };
	result = plan_programs(harbour, &blame, &error);
	if (result == 0)
		result = plan_names(harbour, &blame, &error);
	if (result == 0)
		result = plan_places(harbour, &blame, &error);
	if (result < 0 && blame.one)
		report_blame(report, &blame, &error);
	relay_allow_free(&harbour->allows);
	cmd_ruling_free(&harbour->ruling);
	free(harbour);
	return result;
}

void cmd_ruling_free(struct cmd_ruling *ruling)
{
	conf_free(&ruling->conf);
	conf_free(&ruling->closing);
	free(ruling->places);
	ruling->places = NULL;
}

/* ---- the worker ---- */

struct entering {
	struct minato *host;
	const struct cmd_harbour *harbour;
	size_t only; /* of this statement; SIZE_MAX: of all */
	uint32_t count;
};

static int count_entry(void *user, size_t index, struct minato_entry *entry)
{
	struct entering *entering = user;

	(void)index;
	(void)entry;
	entering->count++;
	return 0;
}

void cmd_ruling_complete(const struct cmd_harbour *harbour, size_t index,
			 struct minato_entry *entry)
{
	const struct cmd_ruling *ruling = &harbour->ruling;

	/* Behind all rules, whatever is added: what is shut to all but lan. */
	entry->user = CMD_WORD_RULE;
	entry->order = ORDER_SHUT;
	if (index < ruling->conf.count) {
		entry->user |= ruling->places[index].id;
		entry->order = ruling->places[index].order;
	}
	entry->log |= harbour->auditing.path && entry->course == MINATO_COURSE_OUT &&
		      (entry->verdict != MINATO_PASS || entry->rate_count);
}

static int enter(void *user, size_t index, struct minato_entry *entry)
{
	struct entering *entering = user;
	uint64_t handle;
	int result;

	if (entering->only != SIZE_MAX && entering->only != index)
		return 0;
	cmd_ruling_complete(entering->harbour, index, entry);
	result = minato_entry_add(entering->host, entry, &handle);
	/* A prefix that stands in a set twice. */
	return result == -EADDRINUSE ? 0 : result;
}

/* What the table refuses never comes to the relay, which tells of all else that goes out. */
static void note_refused(struct cmd_worker *worker, const struct minato_rule_event *event,
			 const struct conf_statement *rule)
{
	char where[CONF_WHERE_SIZE];
	static char text[CONF_TEXT_SIZE];
	static char reason[CONF_TEXT_SIZE + CONF_WHERE_SIZE + 32];
	const struct relay_attempt attempt = {
		.sort = RELAY_ATTEMPT_REFUSED,
		.proto = (enum minato_proto)event->question.proto,
		.guest = event->question.remote,
		.to = event->question.local,
		.reason = reason,
	};

	(void)conf_print(text, sizeof(text), rule);
	if (rule->line)
		(void)snprintf(reason, sizeof(reason), "rule in %s: %s",
			       conf_where(where, &worker->harbour->ruling.conf, rule->line), text);
	else
		(void)snprintf(reason, sizeof(reason), "rule added live: %s", text);
	cmd_attempts_take(&worker->attempts, &attempt);
}

void cmd_ruling_place(void *user, const struct minato_rule_event *event, struct cmd_rule_place *out)
{
	struct cmd_worker *worker = user;
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	uint64_t order = relay_pinned_order(worker->relay, event->user, event->question.proto,
					    event->question.local.port);

	if (relay_walled(worker->relay, event)) {
		out->unsaid = true;
		return;
	}
	/* A name that led there. */
	if (order)
		out->rule = cmd_ruled_at(ruling, order);
	/* The entry's word has the id of the rule's place (enter). */
	for (size_t i = 0; i < ruling->conf.count; i++) {
		if (cmd_ruled_is_rule(ruling, i) &&
		    event->user == (CMD_WORD_RULE | ruling->places[i].id))
			out->rule = ruling->conf.list[i];
	}
	if (!out->rule)
		return;
	out->file = conf_file_of(&ruling->conf, out->rule->line);
	out->unsaid = !out->rule->rule.log;
	if (worker->harbour->auditing.path && event->question.course == MINATO_COURSE_OUT &&
	    (event->verdict != MINATO_PASS || event->limited))
		note_refused(worker, event, out->rule);
}

const struct conf_statement *cmd_ruling_closing(const struct cmd_ruling *ruling)
{
	return ruling->closing.count ? ruling->closing.list[0] : NULL;
}

void cmd_ruling_shut(struct cmd_worker *worker, const struct relay_attempt *attempt)
{
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	struct cmd_rule_place place = { .rule = cmd_ruling_closing(ruling) };
	bool four = minato_addr_is4(&attempt->to.addr);
	struct minato_rule_event event = {
		.question = {
			.proto = (uint8_t)attempt->proto,
			.icmp_type = four ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
			.remote = attempt->guest,
			.local = attempt->to,
		},
		.verdict = MINATO_REFUSE,
	};

	worker->ruled.shut++;
	if (!place.rule || !place.rule->rule.log)
		return;
	if (place.rule->rule.verb == CONF_DROP)
		event.verdict = MINATO_DROP;
	place.file = conf_file_of(&ruling->conf, place.rule->line);
	cmd_rule_log_say(&worker->rule_log, &event, &place);
}

uint32_t cmd_ruling_entries(const struct cmd_harbour *harbour)
{
	struct conf_prefix lan[CMD_LAN_MAX];
	struct conf_zones zones;
	struct entering entering = { .count = 0 };

	cmd_ruling_zones(&harbour->ruling, &harbour->programs, harbour->name, &zones, lan);
	(void)conf_policy(&harbour->ruling.conf, &zones, count_entry, &entering);
	return entering.count + LIVE_ROOM;
}

uint64_t cmd_ruling_order(uint64_t n)
{
	return CMD_RULE_FIRST + n * CMD_RULE_STEP;
}

int cmd_ruling_enter(struct cmd_worker *worker, size_t index)
{
	const struct cmd_harbour *harbour = worker->harbour;
	struct conf_prefix lan[CMD_LAN_MAX];
	struct conf_zones zones;
	struct entering entering = {
		.host = worker->host,
		.harbour = harbour,
		.only = index,
	};

	cmd_ruling_zones(&harbour->ruling, &harbour->programs, harbour->name, &zones, lan);
	zones.doors = cmd_fellowship_doors;
	zones.doors_user = worker;
	return conf_policy(&harbour->ruling.conf, &zones, enter, &entering);
}

/* The rule that shuts what others before it do not let out; SIZE_MAX: there is none. */
static size_t shutter(const struct conf *conf)
{
	bool opened = false;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_rule *rule = &conf->list[i]->rule;

		if (conf->list[i]->kind != CONF_KIND_RULE || !rule->out)
			continue;
		if (closes(conf->list[i]))
			return opened ? i : SIZE_MAX;
		opened |= rule->verb == CONF_ALLOW || rule->verb == CONF_LIMIT;
	}
	return SIZE_MAX;
}

int cmd_ruling_resolver(struct cmd_worker *worker)
{
	const struct cmd_ruling *ruling = &worker->harbour->ruling;
	const struct drive_subnet *subnet = &worker->harbour->plan.subnet;
	const struct minato_addr *const addrs[] = { &subnet->dns4, &subnet->dns6 };
	size_t at = shutter(&ruling->conf);
	int result = 0;

	for (size_t i = 0; i < 2; i++) {
		struct minato_entry entry = {
			.kind = MINATO_KIND_GUARD,
			.verdict = MINATO_PASS,
			.scope = CMD_SCOPE_INSIDE,
			.face = MINATO_FACE_ANY,
			.local = *addrs[i],
			.local_prefix = 128,
			.first = 53,
			.last = 53,
			.uid = MINATO_UID_NONE,
			.course = MINATO_COURSE_OUT,
			.user = CMD_WORD_RESOLVER,
		};

		if (worker->ruled.resolver[i])
			(void)minato_entry_remove(worker->host, worker->ruled.resolver[i]);
		worker->ruled.resolver[i] = 0;
		if (at == SIZE_MAX || minato_addr_is_any(addrs[i]) || result < 0)
			continue;
		entry.order = ruling->places[at].order - 1;
		result = minato_entry_add(worker->host, &entry, &worker->ruled.resolver[i]);
	}
	return result;
}

/* ---- the keeper: what the host's kernel is to refuse by itself ---- */

struct gathering {
	struct minato_entry *list;
	size_t count, room;
};

static int gather_entry(void *user, size_t index, struct minato_entry *entry)
{
	struct gathering *gathering = user;

	(void)index;
	/* What goes out is none of its business. */
	if (entry->course == MINATO_COURSE_OUT)
		return 0;
	if (gathering->count == gathering->room) {
		size_t room = gathering->room ? 2 * gathering->room : 64;
		struct minato_entry *list = realloc(gathering->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		gathering->list = list;
		gathering->room = room;
	}
	gathering->list[gathering->count++] = *entry;
	return 0;
}

/* The rules that are about who comes in, for relay_screen_*; gathering->list is to be freed. */
static int describe_screening(const struct cmd_harbour *harbour, struct gathering *gathering,
			      struct relay_screening *out)
{
	struct conf_prefix lan[CMD_LAN_MAX];
	struct conf_zones zones;
	int result;

	*gathering = (struct gathering){ .list = NULL };
	cmd_ruling_zones(&harbour->ruling, &harbour->programs, harbour->name, &zones, lan);
	result = conf_policy(&harbour->ruling.conf, &zones, gather_entry, gathering);
	*out = (struct relay_screening){
		.entries = gathering->list,
		.count = gathering->count,
		.lan = harbour->ruling.lan,
		.lan_count = harbour->ruling.lan_count,
		.own = harbour->ruling.own,
		.own_count = harbour->ruling.own_count,
		.outside = zones.outside,
	};
	return result;
}

void cmd_ruling_screen(const struct cmd_harbour *harbour, struct relay_publish *list, bool live)
{
	struct gathering gathering;
	struct relay_screening rules;

	if (list->socket_count == 0)
		return;
	if (describe_screening(harbour, &gathering, &rules) == 0)
		relay_screen_list(
			list, &rules, live,
			list == &harbour->publish ? 0 : relay_screen_count(&harbour->publish));
	free(gathering.list);
}

void cmd_ruling_foresee(struct cmd_worker *worker, bool filters)
{
	struct gathering gathering;
	struct relay_screening rules;

	if (describe_screening(worker->harbour, &gathering, &rules) == 0)
		relay_forward_screened(worker->relay, &rules, filters);
	free(gathering.list);
}

static bool is_near_only(void *user, uint8_t protocol, uint16_t port, bool shut)
{
	return relay_screen_near_only(user, protocol, port, shut);
}

int cmd_ruling_open(const struct cmd_harbour *harbour, struct relay_publish *list, bool has6)
{
	struct gathering gathering;
	struct relay_screening rules;
	int result = describe_screening(harbour, &gathering, &rules);

	if (result == 0 && harbour->ruling.devices.count && !relay_screen_works()) {
		list->near_only = is_near_only;
		list->near_user = &rules;
		list->devices = &harbour->ruling.devices;
	}
	if (result == 0)
		result = relay_publish_open(list, harbour->plan.subnet.has4, has6, NULL);
	list->near_only = NULL;
	list->devices = NULL;
	free(gathering.list);
	return result;
}
