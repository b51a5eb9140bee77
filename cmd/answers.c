/* SPDX-License-Identifier: BSD-2-Clause */
/* What a running guest tells of itself: who it is, its counters, the rows of its table. */
#include "cmd/see/metrics.h"
#include "cmd/reserve.h"
#include "cmd/guard/scans.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS 1000000
/* What is told of a command line and of a list of ports; a message has its bounds. */
#define COMMAND_BYTES_MAX 4096
#define PORTS_MAX 128

static void set_address(json_t *info, const char *name, bool has, const struct minato_addr *addr)
{
	char text[64];

	if (!has)
		return;
	minato_addr_format(addr, text, sizeof(text));
	json_object_set_new(info, name, json_string(text));
}

static void set_addresses(json_t *info, const struct cmd_harbour *harbour)
{
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	bool has6 = harbour->guest.has6;

	set_address(info, "address4", subnet->has4, &subnet->guest4);
	set_address(info, "gateway4", subnet->has4, &subnet->gateway4);
	set_address(info, "dns4", subnet->has4, &subnet->dns4);
	set_address(info, "address6", has6, &subnet->guest6);
	set_address(info, "gateway6", has6, &subnet->gateway6);
	set_address(info, "dns6", has6, &subnet->dns6);
	json_object_set_new(info, "mtu", json_integer(harbour->plan.mtu));
}

static json_t *command_words(char *const *argv)
{
	json_t *words = json_array();
	size_t bytes = 0;

	for (; *argv && bytes < COMMAND_BYTES_MAX; argv++) {
		bytes += strlen(*argv) + 1;
		if (bytes < COMMAND_BYTES_MAX)
			json_array_append_new(words, view_json_string(*argv));
	}
	if (*argv || bytes >= COMMAND_BYTES_MAX)
		json_array_append_new(words, json_string("..."));
	return words;
}

static json_t *port_range(const struct minato_addr *addr, uint16_t first, uint16_t last)
{
	struct minato_endpoint end = { *addr, first };
	json_t *object = view_message_end(&end);

	json_object_set_new(object, "last", json_integer(last));
	return object;
}

static void add_port(json_t *list, const struct cmd_harbour *harbour, const struct relay_spec *spec,
		     const char *text, uint8_t proto)
{
	static const struct minato_addr every;
	const struct drive_subnet *subnet = &harbour->plan.subnet;
	uint16_t extent = (uint16_t)(spec->last - spec->first);
	json_t *host = port_range(spec->every ? &every : &spec->addr, spec->first, spec->last);
	json_t *guest = port_range(subnet->has4 ? &subnet->guest4 : &subnet->guest6, spec->guest,
				   (uint16_t)(spec->guest + extent));

	json_array_append_new(list, json_pack("{s:i,s:s,s:o,s:o}", "proto", proto, "spec", text,
					      "host", host, "guest", guest));
}

static json_t *published(const struct cmd_worker *worker)
{
	const struct cmd_harbour *harbour = worker->harbour;
	json_t *list = json_array();
	struct relay_standing standing;
	char text[RELAY_SPEC_TEXT];
	uint64_t cursor = 0;

	while (worker->relay && json_array_size(list) < PORTS_MAX &&
	       relay_forward_next(worker->relay, &cursor, &standing)) {
		struct relay_spec *spec = &standing.spec;

		if (spec->sort == RELAY_REACH || spec->sort == RELAY_AUTO)
			continue;
		relay_spec_text(spec, text, sizeof(text));
		/* All of them: as the table has it. */
		if (spec->sort == RELAY_ALL)
			spec->first = spec->guest = 0;
		if (spec->protocols & RELAY_TCP)
			add_port(list, harbour, spec, text, MINATO_TCP);
		if (spec->protocols & RELAY_UDP)
			add_port(list, harbour, spec, text, MINATO_UDP);
	}
	return list;
}

void cmd_worker_counters(const struct cmd_worker *worker,
			 void (*each)(void *user, const char *name, uint64_t value), void *user)
{
	struct drive_tap_stats tap;

	for (uint32_t i = 0; i < minato_counter_count(); i++)
		each(user, minato_counter_name(i), minato_counter(worker->host, i));
	for (unsigned i = 0; worker->relay && i < RELAY_COUNTER_COUNT; i++)
		each(user, relay_counter_name(i), relay_counter(worker->relay, i));
	each(user, "programs_sought", worker->witness.last);
	/* A gateway counts by link. */
	if (!worker->tap)
		return;
	drive_tap_stats(worker->tap, &tap);
	each(user, "tap_frames_in", tap.frames_in);
	each(user, "tap_bytes_in", tap.bytes_in);
	each(user, "tap_frames_out", tap.frames_out);
	each(user, "tap_bytes_out", tap.bytes_out);
	each(user, "tap_out_blocked", tap.out_blocked);
	each(user, "tap_out_refused", tap.out_refused);
	each(user, "tap_in_short", tap.in_short);
	each(user, "tap_in_malformed", tap.in_malformed);
	each(user, "tap_in_no_chunk", tap.in_no_chunk);
}

static void set_count(void *user, const char *name, uint64_t value)
{
	if (value)
		json_object_set_new(user, name, json_integer((json_int_t)value));
}

/* Those that are not zero. */
static json_t *counters(const struct cmd_worker *worker)
{
	json_t *object = json_object();

	cmd_worker_counters(worker, set_count, object);
	return object;
}

/* Whether rules, or --allow, hold it, and which way. */
static json_t *wall(const struct cmd_harbour *harbour)
{
	const struct conf *conf = &harbour->ruling.conf;
	bool holds[2] = { false, harbour->closed };
	size_t rules = 0;

	for (size_t i = 0; i < conf->count; i++) {
		if (!cmd_ruled_is_rule(&harbour->ruling, i))
			continue;
		rules++;
		holds[conf->list[i]->rule.out] |= conf->list[i]->rule.verb != CONF_ALLOW;
	}
	return json_pack("{s:b,s:b,s:b,s:I}", "in", holds[0], "out", holds[1], "shut",
			 harbour->closed, "rules", (json_int_t)rules);
}

static json_t *info(void *user)
{
	const struct cmd_worker *worker = user;
	const struct cmd_harbour *harbour = worker->harbour;
	int64_t up_ns = drive_loop_now(worker->loop).ns - harbour->started.ns;
	json_t *object = json_pack("{s:s,s:i,s:i,s:i,s:i,s:I,s:I}", "name", harbour->name, "pid",
				   (int)harbour->pid, "worker", (int)harbour->hand.pid, "init",
				   (int)harbour->guest.init, "uid", (int)harbour->uid, "started",
				   (json_int_t)harbour->started_s, "uptime_ms",
				   (json_int_t)(up_ns / NS_PER_MS));

	if (!object)
		return NULL;
	set_addresses(object, harbour);
	json_object_set_new(object, "command", command_words(harbour->plan.argv));
	json_object_set_new(object, "published", published(worker));
	json_object_set_new(object, "counters", counters(worker));
	json_object_set_new(object, "wall", wall(harbour));
	return object;
}

static const char *what_word(enum relay_what what)
{
	switch (what) {
	case RELAY_WHAT_NOTHING:
		return NULL;
	case RELAY_WHAT_UPLINK:
		return "uplink";
	case RELAY_WHAT_GUARD:
		return "guard";
	case RELAY_WHAT_PUBLISHED:
		return "published";
	case RELAY_WHAT_REACH:
		return "reach";
	case RELAY_WHAT_RESOLVER:
		return "dns";
	case RELAY_WHAT_OUT:
		return "out";
	case RELAY_WHAT_IN:
		return "in";
	}
	return NULL;
}

/* What the relay adds: the direction, and the other side of the flow in the host's own network. */
static void set_about(json_t *object, const struct cmd_worker *worker, uint64_t user)
{
	struct relay_about about;
	const char *word;

	if (!worker->relay || !relay_about(worker->relay, user, &about))
		return;
	word = what_word(about.what);
	if (word)
		json_object_set_new(object, "what", json_string(word));
	if (about.screened != RELAY_UNSCREENED)
		json_object_set_new(object, "wall", cmd_wall_word(about.screened));
	if (about.what != RELAY_WHAT_OUT && about.what != RELAY_WHAT_IN)
		return;
	json_object_set_new(object, "near", view_message_end(&about.near));
	json_object_set_new(object, "far", view_message_end(&about.far));
}

static json_t *make_row(struct cmd_worker *worker, const struct minato_row *row)
{
	json_t *object = view_message_row(row);

	if (object)
		set_about(object, worker, row->user);
	return object;
}

static json_t *next_row(void *user, uint64_t *cursor)
{
	struct cmd_worker *worker = user;
	struct minato_row row;

	return minato_row(worker->host, cursor, &row) ? make_row(worker, &row) : NULL;
}

static json_t *next_row_tcp(void *user, uint64_t *cursor)
{
	struct cmd_worker *worker = user;
	struct minato_info info;
	struct minato_row row;
	struct view_tcp tcp;
	json_t *object;

	if (!minato_row(worker->host, cursor, &row))
		return NULL;
	object = make_row(worker, &row);
	if (object && row.kind == MINATO_KIND_SOCKET && row.proto == MINATO_TCP &&
	    minato_info(worker->host, row.handle, &info) == 0) {
		view_tcp_from(&tcp, &info);
		json_object_set_new(object, "tcp", view_json_tcp(&tcp));
	}
	return object;
}

static int cut(void *user, uint64_t handle)
{
	struct cmd_worker *worker = user;
	uint64_t word;

	if (!worker->relay || minato_get_user(worker->host, handle, &word) < 0)
		return -ENOENT;
	return relay_cut(worker->relay, word);
}

static int send_signal(void *user, int signo)
{
	return cmd_worker_signal(user, signo);
}

struct cmd_answers cmd_answers_of(struct cmd_worker *worker)
{
	return (struct cmd_answers){
		.info = info,
		.row = next_row,
		.row_tcp = next_row_tcp,
		.cut = cut,
		.signal = send_signal,
		.reserve = cmd_reserving_order,
		.reserved = cmd_reserving_row,
		.forward = cmd_orders_row,
		.scan = cmd_scanning_row,
		.scan_forget = cmd_scanning_forget,
		.census = cmd_census_go_on,
		.metrics = cmd_census_reply,
		.add = cmd_orders_add,
		.remove = cmd_orders_remove,
		.further = cmd_asked_further(),
		.user = worker,
	};
}
