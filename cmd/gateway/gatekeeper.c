/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper of a gateway. What it opens, in this order: the configuration, what was said before
 * (the state file), the links, memory for the host value, and the worker that works in it.
 */
#include "cmd/conf.h"
#include "cmd/gateway/gateway.h"
#include "cmd/guard/scans.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/see/metrics.h"
#include "drive/carry.h"

#define SYSTEM_STATE "/var/lib/minato"
#define LINKS_LOOK_MS 50
#define LINKS_WAIT_MS 2000
#define READY_NS INT64_C(500000000)

static char fault[GATEWAY_ORDER_MAX];

/* ---- the configuration ---- */

static int64_t written_at(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 && S_ISREG(about.st_mode) ? about.st_mtime : time(NULL);
}

/* What a term of the file counts from is when the file was written: restarts do not prolong it. */
static int take_statements(struct gateway_rules *rules, const struct conf *conf, const char *path,
			   char *out, size_t size)
{
	int result = 0;

	*rules = (struct gateway_rules){ .until_s = NULL };
	for (size_t i = 0; i < conf->count && result == 0; i++) {
		struct conf_statement *one = conf->list[i];
		const char *other = conf_file_of(conf, one->line);
		const struct conf_term *term = gateway_term_of(one);
		int64_t until_s = term ? gateway_term_end(term, written_at(other ? other : path)) :
					 0;

		if (until_s < 0) {
			snprintf(out, size, "%s:%u:1: no such time", other ? other : path,
				 CONF_LINE_NUMBER(one->line));
			result = -EINVAL;
		} else {
			result = gateway_rules_add(rules, one, until_s);
		}
	}
	if (result < 0)
		gateway_rules_free(rules);
	else
		rules->conf.files = conf_files_hold(conf->files);
	return result;
}

/* Reads and judges; what is wrong, or warned of, is in `out`. */
static int read_files(struct conf *conf, struct cmd_conf_files *files, struct conf_report *report,
		      char *out, size_t size)
{
	int result = conf_read_sources(conf, &files->sources, report);

	if (result == 0)
		result = cmd_sets_read(conf, report);
	gateway_alerts_judge(conf, report);
	if (result == 0 && report->errors)
		result = -EINVAL;
	gateway_fault_sources(report, &files->sources, out, size);
	return result;
}

void gateway_file_fault(struct conf_report *report, const struct conf *merged, const char *path,
			char *out, size_t size)
{
	struct conf_report *spare = malloc(sizeof(*spare));
	struct cmd_conf_files *files = calloc(1, sizeof(*files));
	struct conf conf = { .list = NULL };
	struct drive_error error;

	gateway_fault_settle(report, merged, path != NULL);
	/* Read once more, for the lines that it is about. */
	if (path && spare && files && cmd_conf_open(files, path, &error) == 0) {
		(void)conf_read_sources(&conf, &files->sources, spare);
		gateway_fault_sources(report, &files->sources, out, size);
	} else {
		gateway_fault_lines(report, merged, out, size);
	}
	conf_free(&conf);
	if (files)
		cmd_conf_close(files);
	free(files);
	free(spare);
}

int gateway_file_read(struct gateway_rules *rules, const char *path, char *out, size_t size)
{
	struct conf_report *report = malloc(sizeof(*report));
	struct cmd_conf_files *files = malloc(sizeof(*files));
	struct conf conf = { .list = NULL };
	struct drive_error error;
	int result = report && files ? cmd_conf_open(files, path, &error) : -ENOMEM;

	out[0] = 0;
	if (result < 0)
		snprintf(out, size, "%s", report && files ? error.text : "out of memory");
	else
		result = read_files(&conf, files, report, out, size);
	if (result == 0)
		result = take_statements(rules, &conf, path, out, size);
	if (result == -ENOMEM)
		snprintf(out, size, "%s", strerror(ENOMEM));
	conf_free(&conf);
	if (report && files)
		cmd_conf_close(files);
	free(files);
	free(report);
	return result;
}

/* ---- what was said before ---- */

/* Whether it is there in the end, and ours to write to; of a disk that takes no writing it is. */
static bool make_folder(char *folder)
{
	for (char *at = folder + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		(void)mkdir(folder, 0755);
		*at = '/';
	}
	(void)mkdir(folder, 0700);
	return access(folder, R_OK | W_OK | X_OK) == 0 || errno == EROFS;
}

static int state_path_in(struct gateway_keeper *keeper, const char *folder)
{
	(void)snprintf(keeper->state_path, sizeof(keeper->state_path), "%s/%s.state", folder,
		       keeper->harbour.name);
	return 0;
}

/*
 * $STATE_DIRECTORY is systemd's, with StateDirectory=. Root of a user namespace has not the
 * system's directory: it is somebody else's there.
 */
static int default_state_path(struct gateway_keeper *keeper)
{
	const char *given = getenv("STATE_DIRECTORY");
	const char *home = getenv("HOME");
	const char *base = getenv("XDG_STATE_HOME");
	char folder[PATH_MAX - DRIVE_NAME_SIZE - 16] = SYSTEM_STATE;
	size_t room = sizeof(folder);
	int took = 0;

	if (given && *given == '/')
		took = snprintf(folder, room, "%.*s", (int)strcspn(given, ":"), given);
	else if (getuid() == 0 && make_folder(folder))
		return state_path_in(keeper, folder);
	else if (base && *base == '/')
		took = snprintf(folder, room, "%s/minato", base);
	else if (home && *home == '/')
		took = snprintf(folder, room, "%s/.local/state/minato", home);
	else
		return -ENOENT;
	if (took < 0 || (size_t)took >= room)
		return -ENAMETOOLONG;
	(void)make_folder(folder);
	return state_path_in(keeper, folder);
}

static int find_state_path(struct gateway_keeper *keeper)
{
	const struct conf *conf = &keeper->file.conf;

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind != CONF_KIND_STATE)
			continue;
		snprintf(keeper->state_path, sizeof(keeper->state_path), "%s",
			 conf->list[i]->state);
		return 0;
	}
	return default_state_path(keeper);
}

/* A sentence that this program does not know, as one of a newer one, is passed over and kept. */
static int remember(void *user, const char *text, int64_t until_s)
{
	static struct conf_statement one;
	static struct conf_report report;
	struct gateway_keeper *keeper = user;

	if (!strcmp(text, GATEWAY_DMZ_OFF)) {
		keeper->said.dmz_off = true;
		return 0;
	}
	if (conf_statement_read(&one, text, &report) < 0) {
		cmd_say("the state file %s: '%s' is not understood, and passed over",
			keeper->state_path, text);
		return 0;
	}
	one.line = 0;
	/* The later one was said while something fleeting stood for the earlier one. */
	for (size_t i = keeper->said.conf.count; i-- > 0;) {
		if (gateway_rules_replaces(keeper->said.conf.list[i], &one))
			gateway_rules_remove(&keeper->said, i);
	}
	return gateway_rules_add(&keeper->said, &one, until_s);
}

/* The gateway starts without a state file rather than not at all; then it changes nothing. */
static void open_state(struct gateway_keeper *keeper)
{
	struct drive_error *error = &keeper->state_error;
	struct drive_error warning = { "" };
	int result = find_state_path(keeper);

	if (result < 0)
		(void)drive_fail(error, -result,
				 "there is no place for a state file: say one by "
				 "\"state FILE\"");
	else
		result = gateway_state_open(&keeper->state, keeper->state_path, &warning, error);
	if (warning.text[0])
		cmd_say("%s", warning.text);
	if (result == 0)
		result = gateway_state_each(keeper->state, remember, keeper, error);
	if (result < 0)
		cmd_say("%s", error->text);
	else if (!gateway_state_stopped(keeper->state) && keeper->old_memory < 0)
		cmd_say("the gateway was not stopped the last time: what was said stands, the "
			"sessions of then are lost");
}

/* Before what a rule was to stand may have left the file while no gateway ran. */
static void say_lost_places(const struct gateway_keeper *keeper)
{
	static char text[CONF_TEXT_SIZE];

	for (size_t i = 0; i < keeper->said.conf.count; i++) {
		const struct conf_statement *one = keeper->said.conf.list[i];
		bool gone = false;

		if (one->kind != CONF_KIND_RULE)
			continue;
		(void)gateway_place_in(&keeper->file, one, &gone);
		if (!gone)
			continue;
		(void)cmd_rule_print(text, sizeof(text), one);
		cmd_say("'%s' was added while the gateway ran, and the file has no more what it "
			"stands before: it is %s",
			text,
			one->rule.verb == CONF_ALLOW || one->rule.verb == CONF_LIMIT ?
				"behind all rules now" :
				"before all rules now");
	}
}

/* What was said and cannot stand beside the file of today is left out, and forgotten. */
static int has_sides(const struct conf *conf, struct drive_error *error)
{
	bool side[2] = { false, false };

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_LINK)
			side[conf->list[i]->link.outside] = true;
	}
	if (!side[0])
		return drive_fail(error, EINVAL,
				  "the configuration has no inside link, as 'inside eth1 "
				  "10.0.0.1/24'");
	if (!side[1])
		return drive_fail(error, EINVAL,
				  "the configuration has no outside link, as 'outside eth0 "
				  "198.51.100.1/24 via 198.51.100.254', or 'outside host'");
	return 0;
}

static int merge(struct gateway_keeper *keeper, struct drive_error *error)
{
	struct conf_report *report = malloc(sizeof(*report));
	int result = -ENOMEM;

	say_lost_places(keeper);
	while (report) {
		static char text[CONF_TEXT_SIZE];
		struct gateway_change forget = { true, text, 0 };
		size_t last = keeper->said.conf.count;

		result = gateway_rules_merge(&keeper->standing, &keeper->file, &keeper->said,
					     time(NULL), report);
		if (result != -EINVAL || last == 0)
			break;
		gateway_fault_settle(report, &keeper->standing.conf, false);
		gateway_fault_lines(report, &keeper->file.conf, fault, sizeof(fault));
		gateway_rules_free(&keeper->standing);
		(void)cmd_rule_print(text, sizeof(text), keeper->said.conf.list[last - 1]);
		cmd_say("'%s' was added while the gateway ran, and is dropped: %s", text, fault);
		gateway_rules_remove(&keeper->said, last - 1);
		if (keeper->state)
			(void)gateway_state_write(keeper->state, &forget, 1, NULL);
	}
	free(report);
	if (result < 0)
		return drive_fail(error, -result, "%s",
				  result == -EINVAL ? fault : strerror(-result));
	keeper->next_end_s = gateway_rules_next(&keeper->standing, time(NULL));
	result = gateway_alerts_apply(&keeper->harbour.alerting, &keeper->standing.conf, error);
	return result < 0 ? result : has_sides(&keeper->standing.conf, error);
}

/* ---- memory ---- */

static void store(struct gateway_keeper *keeper)
{
	(void)gateway_notify(&keeper->notify, "FDSTOREREMOVE=1\nFDNAME=" GATEWAY_MEMORY_NAME);
	(void)gateway_notify_with(&keeper->notify, "FDSTORE=1\nFDNAME=" GATEWAY_MEMORY_NAME,
				  keeper->memory);
}

static void forget_old(struct gateway_keeper *keeper)
{
	if (keeper->old_memory >= 0)
		close(keeper->old_memory);
	keeper->old_memory = -1;
}

static int make_memory(struct gateway_keeper *keeper, struct drive_error *error)
{
	struct minato_config config;

	/* What the last worker followed is not known here. */
	gateway_links_look(&keeper->links);
	gateway_config(&config, &keeper->standing.conf, &keeper->links);
	keeper->entries_room = config.entries_max;
	keeper->memory = gateway_memory_new(&config);
	if (keeper->memory < 0)
		return drive_fail(error, -keeper->memory, "memory for the host value: %s",
				  strerror(-keeper->memory));
	return 0;
}

/* Before sessions come. Who waits for the start, or for a reload, waits so much longer at most. */
static void make_ready(const struct gateway_keeper *keeper)
{
	struct minato_time until = drive_now();

	until.ns += READY_NS;
	(void)gateway_memory_ready(keeper->memory, until);
}

/* What the last worker worked in is old, unless that was what killed the one before it. */
static int turn_memory(struct gateway_keeper *keeper, bool believe, struct drive_error *error)
{
	forget_old(keeper);
	if (believe && keeper->memory >= 0 && gateway_memory_fits(keeper->memory))
		keeper->old_memory = keeper->memory;
	else if (keeper->memory >= 0)
		close(keeper->memory);
	keeper->memory = -1;
	return make_memory(keeper, error);
}

/* ---- the trade ---- */

static void replace(struct cmd_harbour *harbour)
{
	struct gateway_keeper *keeper = (struct gateway_keeper *)harbour;
	struct drive_error error;

	gateway_order_forget(keeper);
	if (turn_memory(keeper, !keeper->salvaging, &error) < 0)
		cmd_say("%s", error.text);
	keeper->salvaging = true;
}

/* The worker's text says how many sessions it took over. */
static void ready(struct cmd_harbour *harbour, const struct cmd_message *message, bool again)
{
	struct gateway_keeper *keeper = (struct gateway_keeper *)harbour;
	char text[sizeof(message->text.text)];

	snprintf(text, sizeof(text), "%.*s", (int)sizeof(text) - 1, message->text.text);
	if (again)
		cmd_say("the process for the traffic %s; restarted: %s", harbour->hand_end, text);
	else if (text[0] && !harbour->quiet)
		cmd_say("%s", text);
	keeper->salvaging = false;
	forget_old(keeper);
	store(keeper);
	(void)gateway_notify(&keeper->notify, "READY=1");
	if (keeper->reload_wanted)
		gateway_reload(keeper);
}

static int take(struct cmd_harbour *harbour, const struct cmd_message *message)
{
	struct gateway_keeper *keeper = (struct gateway_keeper *)harbour;

	switch (message->kind) {
	case GATEWAY_ASK_PIECE:
		return gateway_parcel_take(&keeper->parcel, message);
	case GATEWAY_ASK_ORDER:
		return gateway_order_take(keeper);
	case GATEWAY_ASK_APPLIED:
		return gateway_order_applied(keeper, message);
	case GATEWAY_ASK_DIAL:
		return gateway_keeper_dial(keeper, message);
	case GATEWAY_ASK_BEAT:
		return gateway_pulse_take(keeper);
	default:
		return -EPROTO;
	}
}

static int pass(struct cmd_harbour *harbour, int signo)
{
	struct gateway_keeper *keeper = (struct gateway_keeper *)harbour;

	if (signo == SIGHUP)
		gateway_reload(keeper);
	else if (signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGKILL)
		drive_loop_stop(harbour->loop, 0);
	return 0;
}

static const struct cmd_trade trade = {
	.what = "the gateway",
	.work = gateway_worker_main,
	.replace = replace,
	.ready = ready,
	.take = take,
	.signal = pass,
};

int gateway_renew_ahead(struct gateway_keeper *keeper, struct drive_error *error)
{
	const int result = turn_memory(keeper, true, error);

	if (result == 0)
		make_ready(keeper);
	return result;
}

int gateway_renew(struct gateway_keeper *keeper, int result, struct drive_error *error)
{
	struct cmd_harbour *harbour = &keeper->harbour;

	cmd_hand_end(harbour);
	keeper->salvaging = true;
	if (result == 0)
		result = cmd_hand_renew(harbour, error);
	if (result < 0) {
		harbour->code = CMD_FAILED;
		drive_loop_stop(harbour->loop, CMD_FAILED);
	}
	return result;
}

/* ---- the loop ---- */

static void arrived(void *user, const struct signalfd_siginfo *signal)
{
	(void)pass(user, (int)signal->ssi_signo);
}

static struct minato_time earlier(struct minato_time a, struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

static struct minato_time turn(void *user, struct minato_time now)
{
	struct gateway_keeper *keeper = user;
	struct minato_time next = earlier(cmd_admitting_turn(&keeper->harbour, now),
					  cmd_hand_turn(&keeper->harbour, now));

	next = earlier(next, gateway_order_turn(keeper, now));
	next = earlier(next, gateway_pulse_turn(keeper, now));
	return earlier(next, gateway_notify_turn(&keeper->notify, now));
}

static int make_loop(struct gateway_keeper *keeper)
{
	struct cmd_harbour *harbour = &keeper->harbour;
	sigset_t signals;
	int result = drive_loop_new(&harbour->loop);

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGQUIT);
	(void)sigaddset(&signals, SIGTERM);
	/* Nobody there to read what we say is no reason to end a gateway. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (result == 0)
		result = drive_loop_signals(harbour->loop, &signals, arrived, harbour);
	if (result == 0)
		result = drive_loop_hook(harbour->loop, turn, keeper);
	if (result == 0)
		result = cmd_exporter_watch(&harbour->exporter, harbour->loop);
	return result;
}

/* ---- making ---- */

static void prepare(struct gateway_keeper *keeper)
{
	struct cmd_harbour *harbour = &keeper->harbour;

	harbour->trade = &trade;
	harbour->hand = (struct cmd_hand){ .pid = -1, .pidfd = -1, .channel = -1, .saying = -1 };
	harbour->guest = (struct drive_guest){ .init = -1, .pidfd = -1, .control = -1, .tap = -1 };
	harbour->netns = -1;
	harbour->nameservers.path = "/etc/resolv.conf";
	harbour->pid = getpid();
	harbour->uid = getuid();
	harbour->started = drive_now();
	harbour->started_s = time(NULL);
	harbour->orphans_again = MINATO_NEVER;
	cmd_admitting_begin(harbour);
}

/* What systemd kept for us from the last time; the rest is for forwards. */
static void take_passed(struct gateway_keeper *keeper)
{
	struct gateway_passed passed[GATEWAY_PASSED_MAX];
	size_t count = gateway_passed_take(passed, GATEWAY_PASSED_MAX);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(passed[i].name, GATEWAY_MEMORY_NAME)) {
			keeper->doors.passed[keeper->doors.passed_count++] = passed[i];
			continue;
		}
		forget_old(keeper);
		keeper->old_memory = passed[i].fd;
		if (gateway_memory_fits(passed[i].fd))
			continue;
		cmd_say("the memory that was kept is of another version of minato, or unfinished: "
			"its sessions are lost");
		forget_old(keeper);
	}
}

/* Whether "listen systemd" is said of sockets of the host. */
static bool wants_passed(const struct gateway_keeper *keeper)
{
	const struct conf *conf = &keeper->standing.conf;

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_LISTEN)
			return keeper->links.host;
	}
	return false;
}

static bool is_wanted(const struct gateway_keeper *keeper, const char *name)
{
	const struct conf *conf = &keeper->standing.conf;

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_FORWARD && !strcmp(conf->list[i]->name, name))
			return wants_passed(keeper);
	}
	return false;
}

/* Descriptors that were passed for nobody are closed, which is said. */
static int open_doors(struct gateway_keeper *keeper, struct drive_error *error)
{
	struct gateway_doors *doors = &keeper->doors;

	for (size_t i = 0; i < doors->passed_count;) {
		if (is_wanted(keeper, doors->passed[i].name)) {
			i++;
			continue;
		}
		cmd_say("a descriptor named %s was passed: nothing asks for it",
			doors->passed[i].name);
		close(doors->passed[i].fd);
		doors->passed[i] = doors->passed[--doors->passed_count];
	}
	if (doors->passed_count == 0 && wants_passed(keeper))
		cmd_say("\"listen systemd\": no descriptor with the name of a forward was passed "
			"(FileDescriptorName= of the socket unit): the gateway opens all ports "
			"itself");
	if (keeper->links.host) {
		int result = gateway_doors_open(doors, &keeper->standing, error);

		if (result < 0)
			return result;
	}
	gateway_doors_prune(doors, &keeper->standing);
	return 0;
}

/* Whether two interfaces are there that something could be carried between, and it is wished. */
static bool wants_carry(const struct conf *conf, bool *wished)
{
	size_t interfaces = 0;

	*wished = true;
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *one = conf->list[i];

		interfaces += one->kind == CONF_KIND_LINK &&
			      one->link.sort == CONF_LINK_INTERFACE && !one->link.vlan;
		if (one->kind == CONF_KIND_NAT && one->nat.key == CONF_NAT_CARRY)
			*wished = one->nat.value != 0;
	}
	return interfaces > 1;
}

/*
 * Of a predecessor that was killed the process for the traffic has the taps, and its sockets the
 * claims, for a moment longer.
 */
static int take_links(struct gateway_keeper *keeper, struct drive_error *error)
{
	int result;

	for (int waited = 0;; waited += LINKS_LOOK_MS) {
		result = gateway_links_open(&keeper->links, &keeper->standing.conf, NULL,
					    keeper->carry, error);
		if (result == 0)
			result = gateway_links_claim(&keeper->links, keeper->harbour.name, error);
		if (result != -EBUSY || waited >= LINKS_WAIT_MS)
			return result;
		gateway_links_close(&keeper->links);
		(void)poll(NULL, 0, LINKS_LOOK_MS);
	}
}

/* All goes on without it, as fast as we are. */
static int open_links(struct gateway_keeper *keeper, struct drive_error *error)
{
	struct drive_error why = { "" };
	bool wished;
	int result = 0;

	if (wants_carry(&keeper->standing.conf, &wished))
		result = drive_carry_open(&keeper->carry, &why);
	if (result < 0 && wished && !keeper->harbour.quiet)
		cmd_say("the kernel does not carry flows for the gateway: %s", why.text);
	result = take_links(keeper, error);
	for (size_t i = 0; result == 0 && keeper->carry && wished && i < keeper->links.count; i++) {
		const struct gateway_link *link = &keeper->links.list[i];

		if (link->said.sort == CONF_LINK_INTERFACE && !link->said.vlan &&
		    link->ends.carrier < 0 && !keeper->harbour.quiet)
			cmd_say("the kernel carries nothing that arrives at %s: %s",
				link->said.ifname, strerror(-link->ends.carrier));
	}
	return result;
}

int gateway_keeper_open(struct gateway_keeper *keeper, struct drive_error *error)
{
	int result;

	prepare(keeper);
	keeper->memory = keeper->old_memory = -1;
	gateway_notify_begin(&keeper->notify);
	take_passed(keeper);
	open_state(keeper);
	result = make_loop(keeper);
	if (result < 0)
		return drive_fail(error, -result, "cannot make the loop: %s", strerror(-result));
	result = merge(keeper, error);
	if (result == 0)
		result = open_links(keeper, error);
	if (result == 0)
		result = make_memory(keeper, error);
	if (result == 0)
		result = open_doors(keeper, error);
	if (result < 0)
		return result;
	keeper->salvaging = keeper->old_memory >= 0;
	if (!keeper->salvaging)
		make_ready(keeper);
	result = cmd_hand_start(&keeper->harbour, error);
	if (result == 0)
		result = cmd_hand_await(&keeper->harbour, CMD_START_MS, error);
	return result;
}

int gateway_keeper_run(struct gateway_keeper *keeper)
{
	int result = drive_loop_run(keeper->harbour.loop);

	(void)gateway_notify(&keeper->notify, "STOPPING=1");
	if (result < 0)
		cmd_say("the loop failed: %s", strerror(-result));
	return result < 0 ? CMD_FAILED : keeper->harbour.code;
}

void gateway_keeper_close(struct gateway_keeper *keeper)
{
	struct cmd_harbour *harbour = &keeper->harbour;

	cmd_hand_end(harbour);
	cmd_exporter_end(&harbour->exporter);
	cmd_admitting_end(harbour);
	gateway_links_close(&keeper->links);
	drive_carry_free(keeper->carry);
	gateway_doors_close(&keeper->doors);
	cmd_alerting_clear(&harbour->alerting);
	forget_old(keeper);
	if (keeper->memory >= 0)
		close(keeper->memory);
	gateway_state_close(keeper->state);
	gateway_notify_end(&keeper->notify);
	gateway_rules_free(&keeper->file);
	gateway_rules_free(&keeper->said);
	gateway_rules_free(&keeper->standing);
	if (harbour->loop)
		drive_loop_free(harbour->loop);
}
