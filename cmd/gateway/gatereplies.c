/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a gateway's worker says to clients of the control socket. Beside what every guest answers:
 *
 *	{"request":"change","add":[{"text":T,"until":S}],"remove":[T],"dmz":"off","volatile":true}
 *		"unset":[WORDS] (settings of nat)	-> {} when it stands, or {"refused":text}
 *	{"request":"reload"}	-> {"note":text}, or {"refused":text}
 *	{"request":"statements"}, "mappings", "sessions"	-> listings
 *	{"request":"why","proto":P,"from":END,"to":END}	-> the steps of the look-up
 *	{"request":"nat"}	-> {"settings":[T...],"defaults":[T...]}
 *	{"request":"end","mapping":H}, "session":H, "inside":A	-> {"ended":count}
 */
#include "cmd/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS 1000000
/* More would hold the traffic up for a second. */
#define SESSIONS_WALKED_MAX 1000000u

/* ---- orders ---- */

static int give_order(void *user, uint64_t client, const json_t *request, struct drive_error *error)
{
	const struct cmd_message order = { .kind = GATEWAY_ASK_ORDER };
	struct gateway_worker *worker = user;
	char *text;
	int result;

	if (worker->busy)
		return -EAGAIN;
	text = json_dumps(request, JSON_COMPACT);
	if (!text)
		return drive_fail(error, ENOMEM, "out of memory");
	result = strlen(text) < GATEWAY_ORDER_MAX ? 0 : -E2BIG;
	if (result == 0)
		result = gateway_parcel_send(worker->base.channel, GATEWAY_ASK_PIECE, text);
	if (result == 0)
		result = cmd_channel_send(worker->base.channel, &order, NULL, 0);
	free(text);
	if (result == -E2BIG)
		return drive_fail(error, E2BIG, "the order is longer than %u bytes",
				  GATEWAY_ORDER_MAX);
	/* Some of it may have gone: this worker's word is worth nothing any more. */
	if (result < 0)
		_exit(1);
	worker->busy = true;
	worker->client = client;
	return 0;
}

void gateway_reply_done(struct gateway_worker *worker, int result)
{
	const char *text = worker->answer.used ? worker->answer.text : "";
	json_t *reply;

	if (result < 0)
		reply = json_pack("{s:o,s:i}", "refused", view_json_string(text), "errno", -result);
	else
		reply = *text ? json_pack("{s:o}", "note", view_json_string(text)) : json_object();
	worker->answer.used = 0;
	worker->busy = false;
	cmd_control_reply(worker->base.control, worker->client, reply);
	cmd_control_resume(worker->base.control);
}

/* ---- statements ---- */

static void sum_row(json_t *object, const char *name, uint64_t value)
{
	json_int_t sum = json_integer_value(json_object_get(object, name));

	json_object_set_new(object, name, json_integer(sum + (json_int_t)value));
}

static int compare_uses(const void *one, const void *two)
{
	const struct gateway_use *a = one;
	const struct gateway_use *b = two;

	return a->handle < b->handle ? -1 : a->handle > b->handle;
}

/* One walk serves a whole listing. Without memory there are no counts in it. */
static void count_uses(struct gateway_worker *worker)
{
	struct minato_row row;
	uint64_t cursor = 0;
	size_t room = 0;

	worker->use_count = 0;
	while (minato_row(worker->base.host, &cursor, &row)) {
		/* General entries come first, and there are no more of them. */
		if (row.kind == MINATO_KIND_SOCKET || row.kind == MINATO_KIND_MAPPING ||
		    row.kind == MINATO_KIND_SESSION)
			break;
		if (worker->use_count >= room) {
			size_t wanted = room ? room * 2 : 256;
			void *list = realloc(worker->uses, wanted * sizeof(worker->uses[0]));

			if (!list)
				break;
			worker->uses = list;
			room = wanted;
		}
		worker->uses[worker->use_count++] = (struct gateway_use){ row.handle, row.hits };
	}
	qsort(worker->uses, worker->use_count, sizeof(worker->uses[0]), compare_uses);
}

static uint64_t use_of(const struct gateway_worker *worker, uint64_t handle)
{
	const struct gateway_use key = { handle, 0 };
	const struct gateway_use *found = worker->use_count ?
						  bsearch(&key, worker->uses, worker->use_count,
							  sizeof(worker->uses[0]), compare_uses) :
						  NULL;

	return found ? found->hits : 0;
}

/* What its entries have seen together. */
static void set_use(json_t *object, struct gateway_worker *worker, const struct gateway_held *held)
{
	sum_row(object, "hits", 0);
	for (size_t i = 0; i < held->count; i++)
		sum_row(object, "hits", use_of(worker, held->entries[i]));
}

/* The same of a rule, whose entries follow each other. */
static void set_rule_use(json_t *object, struct gateway_worker *worker, size_t statement)
{
	const struct gateway_applied *applied = &worker->applied;
	size_t low = 0;
	size_t high = applied->ruled_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (applied->ruled[middle].statement < statement)
			low = middle + 1;
		else
			high = middle;
	}
	sum_row(object, "hits", 0);
	for (; low < applied->ruled_count && applied->ruled[low].statement == statement; low++)
		sum_row(object, "hits", use_of(worker, applied->ruled[low].handle));
}

/* Behind all statements: what is shut to all but lan. */
static json_t *shut_item(struct gateway_worker *worker)
{
	json_t *object = json_pack("{s:s,s:s,s:i,s:i,s:b}", "verb", "block", "text",
				   GATEWAY_SHUT_TEXT, "line", 0, "until", 0,
				   "built_in", 1);

	set_rule_use(object, worker, worker->applied.rules.conf.count);
	return object;
}

/* Of a server that drains: whether a flow still lives there. */
static bool is_left(const struct minato_session *session, const struct minato_endpoint *at)
{
	return session->forward && session->state != MINATO_NAT_CLOSING &&
	       session->state != MINATO_NAT_RESET &&
	       minato_addr_equal(&session->back_source.addr, &at->addr) &&
	       (!at->port || at->port == session->back_source.port);
}

/* What the operator waits for: that none is left. Of very many sessions it is not known. */
static void set_left(json_t *object, struct gateway_worker *worker, const struct conf_drain *drain)
{
	const struct minato_endpoint at = { drain->host, drain->port };
	uint64_t left = gateway_ends_count(&worker->ends, &at);
	struct minato_session session;
	uint64_t cursor = 0;
	size_t seen = 0;

	if (worker->base.relay)
		left += relay_flows_to(worker->base.relay, &at);
	while (seen++ < SESSIONS_WALKED_MAX &&
	       minato_session_next(worker->base.host, &cursor, &session))
		left += is_left(&session, &at);
	json_object_set_new(object, "flows",
			    seen <= SESSIONS_WALKED_MAX ? json_integer((json_int_t)left) :
							  json_null());
}

/*
 * A place in the file is kept by a tag of what stands there (placing.c); who types says the line.
 * The list has the rule before that one, with others of that place between; an included file's
 * lines cannot be said.
 */
static size_t print_statement(char *out, size_t size, const struct conf *conf, size_t index)
{
	static struct conf_statement said;
	const struct conf_statement *one = conf->list[index];
	char tag[GATEWAY_RULE_TAG_SIZE];
	char line[16];
	struct conf_item item;
	size_t at = index + 1;

	if (one->kind != CONF_KIND_RULE || !conf_item_find(&one->rule, CONF_ITEM_PLACE, &item) ||
	    item.word[0] != '=')
		return conf_print(out, size, one);
	while (at < conf->count &&
	       (conf->list[at]->kind != CONF_KIND_RULE || !conf->list[at]->line ||
		conf->list[at]->line >= CONF_LINE_LIVE))
		at++;
	conf_copy(&said, one);
	conf_item_place(&said.rule, NULL);
	if (at < conf->count && !conf_file_of(conf, conf->list[at]->line) &&
	    !strcmp(item.word, gateway_rule_tag(tag, conf->list[at]))) {
		(void)snprintf(line, sizeof(line), "%u", CONF_LINE_NUMBER(conf->list[at]->line));
		conf_item_place(&said.rule, line);
	}
	return conf_print(out, size, &said);
}

static json_t *statement_item(struct gateway_worker *worker, uint64_t *cursor)
{
	static char text[CONF_TEXT_SIZE];
	const struct gateway_rules *rules = &worker->applied.rules;
	json_t *object;
	size_t i = (size_t)*cursor;

	if (i == 0)
		count_uses(worker);
	if (i > rules->conf.count)
		return NULL;
	++*cursor;
	if (i == rules->conf.count)
		return shut_item(worker);
	(void)print_statement(text, sizeof(text), &rules->conf, i);
	object = json_pack("{s:s,s:s,s:i,s:I}", "verb", conf_verb(rules->conf.list[i]), "text",
			   text, "line", (int)CONF_LINE_NUMBER(rules->conf.list[i]->line), "until",
			   (json_int_t)rules->until_s[i]);
	if (object && conf_file_of(&rules->conf, rules->conf.list[i]->line))
		json_object_set_new(
			object, "file",
			json_string(conf_file_of(&rules->conf, rules->conf.list[i]->line)));
	if (object && worker->applied.held[i].count)
		set_use(object, worker, &worker->applied.held[i]);
	if (object && rules->conf.list[i]->kind == CONF_KIND_RULE)
		set_rule_use(object, worker, i);
	if (object && rules->conf.list[i]->kind == CONF_KIND_DRAIN)
		set_left(object, worker, &rules->conf.list[i]->drain);
	if (object && rules->conf.list[i]->kind == CONF_KIND_FORWARD)
		json_object_set_new(object, "servers",
				    gateway_servers(worker, rules->conf.list[i]));
	if (object && rules->conf.list[i]->name[0])
		json_object_set_new(object, "name", json_string(rules->conf.list[i]->name));
	return object;
}

/* ---- mappings and sessions ---- */

static json_t *mapping_item(struct gateway_worker *worker, uint64_t *cursor)
{
	const int64_t now = drive_loop_now(worker->base.loop).ns;
	struct minato_mapping one;

	if (!minato_mapping_next(worker->base.host, cursor, &one))
		return NULL;
	return json_pack("{s:I,s:i,s:o,s:o,s:I,s:I,s:I}", "handle", (json_int_t)one.handle, "proto",
			 (int)one.proto, "inside", view_message_end(&one.inside), "outside",
			 view_message_end(&one.outside), "sessions", (json_int_t)one.sessions,
			 "age_ms", (json_int_t)((now - one.since.ns) / NS_PER_MS), "left_ms",
			 (json_int_t)((one.until.ns - now) / NS_PER_MS));
}

static const char *state_word(const struct minato_session *one)
{
	static const char *const words[] = {
		[MINATO_NAT_OPENING] = "opening",
		[MINATO_NAT_OPEN] = "open",
		[MINATO_NAT_CLOSING] = "closing",
		[MINATO_NAT_RESET] = "reset",
	};

	if (one->half_open)
		return one->proto == MINATO_TCP ? "half-open" : "unanswered";
	return one->state < sizeof(words) / sizeof(words[0]) ? words[one->state] : "?";
}

/* Of a protocol without ports its number is told as what it is. */
static void name_protocol(struct minato_session *one)
{
	if (one->proto != MINATO_PROTO_OTHER)
		return;
	one->proto = (uint8_t)one->source.port;
	one->source.port = 0;
	one->destination.port = 0;
	one->back_source.port = 0;
	one->back_destination.port = 0;
}

static json_t *session_item(struct gateway_worker *worker, uint64_t *cursor)
{
	const int64_t now = drive_loop_now(worker->base.loop).ns;
	struct minato_session one;

	if (!minato_session_next(worker->base.host, cursor, &one))
		return NULL;
	name_protocol(&one);
	return json_pack("{s:I,s:i,s:s,s:i,s:i,s:b,s:b,s:b,s:b,s:o,s:o,s:o,s:o,s:I,s:I}", "handle",
			 (json_int_t)one.handle, "proto", (int)one.proto, "state", state_word(&one),
			 "from", (int)one.from, "to", (int)one.to, "hairpin", (int)one.hairpin,
			 "forward", (int)one.forward, "overflow", (int)one.overflow, "carried",
			 (int)gateway_carrying_has(&worker->carrying, one.handle), "source",
			 view_message_end(&one.source), "destination",
			 view_message_end(&one.destination), "back_source",
			 view_message_end(&one.back_source), "back_destination",
			 view_message_end(&one.back_destination), "age_ms",
			 (json_int_t)((now - one.since.ns) / NS_PER_MS), "left_ms",
			 (json_int_t)((one.until.ns - now) / NS_PER_MS));
}

static const char *const listings[] = { "statements", "mappings", "sessions" };

static const char *listing_of(const char *request)
{
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (!strcmp(request, listings[i]))
			return listings[i];
	}
	return NULL;
}

static json_t *next_item(void *user, const char *listing, uint64_t *cursor)
{
	if (listing == listings[0])
		return statement_item(user, cursor);
	return listing == listings[1] ? mapping_item(user, cursor) : session_item(user, cursor);
}

/* ---- questions ---- */

/* Handles have 64 bits: they come as a number with a sign. */
static bool handle_of(const json_t *message, const char *name, uint64_t *handle)
{
	const json_t *value = json_object_get(message, name);

	*handle = (uint64_t)json_integer_value(value);
	return json_is_integer(value);
}

static json_t *end_flows(struct gateway_worker *worker, const json_t *message)
{
	const char *inside = json_string_value(json_object_get(message, "inside"));
	const char *missing = "there is no such flow any more";
	struct minato_addr addr;
	uint64_t handle;
	int result = -EINVAL;

	if (inside && minato_addr_parse(inside, &addr) == 0) {
		result = minato_inside_end(worker->base.host, &addr);
		missing = "no inside host of that address has a flow or a mapping";
	} else if (handle_of(message, "mapping", &handle)) {
		result = minato_mapping_end(worker->base.host, handle);
		missing = "there is no such mapping any more";
	} else if (handle_of(message, "session", &handle)) {
		result = minato_session_end(worker->base.host, handle);
	}
	if (result == -EINVAL)
		return json_pack("{s:s}", "refused",
				 "end needs \"inside\", an address, or the handle of a \"mapping\" "
				 "or \"session\"");
	if (result < 0)
		return json_pack("{s:s}", "refused", missing);
	return json_pack("{s:i}", "ended", result);
}

#define SETTING(key, field, size) [CONF_NAT_##key] = { offsetof(struct minato_nat, field), size }

enum size { SIZE_NONE, SIZE_BOOL, SIZE_32 };

static const struct {
	size_t offset;
	enum size size;
} fields[CONF_NAT_KEY_COUNT] = {
	SETTING(TCP_FILTERING, tcp_filtering, SIZE_32),
	SETTING(UDP_FILTERING, udp_filtering, SIZE_32),
	SETTING(HAIRPIN, hairpin, SIZE_BOOL),
	SETTING(OVERFLOW, overflow, SIZE_BOOL),
	SETTING(PARITY, parity, SIZE_BOOL),
	SETTING(PORT_CLASS, port_class, SIZE_BOOL),
	SETTING(OTHER_ADDRESS, other_address, SIZE_BOOL),
	SETTING(INBOUND_REFRESH, inbound_refresh, SIZE_BOOL),
	SETTING(INBOUND_IPV6, inbound_opens_ipv6, SIZE_BOOL),
	SETTING(INBOUND_IPSEC, inbound_ipsec, SIZE_BOOL),
	SETTING(UNREACHABLE, mark_unreachable, SIZE_BOOL),
	SETTING(ICMP_INSIDE, icmp_to_inside, SIZE_BOOL),
	SETTING(ICMP_OUTSIDE, icmp_to_outside, SIZE_BOOL),
	SETTING(CARRY, carry, SIZE_BOOL),
	SETTING(UDP_TIMEOUT, udp_s, SIZE_32),
	SETTING(UDP_SHORT_TIMEOUT, udp_short_s, SIZE_32),
	SETTING(ESTABLISHED_TIMEOUT, tcp_established_s, SIZE_32),
	SETTING(OPENING_TIMEOUT, tcp_opening_s, SIZE_32),
	SETTING(CLOSING_TIMEOUT, tcp_closing_s, SIZE_32),
	SETTING(RESET_TIMEOUT, tcp_reset_s, SIZE_32),
	SETTING(ICMP_TIMEOUT, icmp_s, SIZE_32),
	SETTING(OTHER_TIMEOUT, other_s, SIZE_32),
	SETTING(SYN_TIMEOUT, unsolicited_syn_s, SIZE_32),
	SETTING(REST_TIMEOUT, rest_s, SIZE_32),
	SETTING(RESTS_MAX, rests_max, SIZE_32),
	SETTING(HOST_TCP, host_tcp, SIZE_32),
	SETTING(HOST_UDP, host_udp, SIZE_32),
	SETTING(HOST_ICMP, host_icmp, SIZE_32),
	SETTING(HOST_SESSIONS, host_sessions, SIZE_32),
	SETTING(HOST_RATE, host_rate, SIZE_32),
	SETTING(HOST_BURST, host_burst, SIZE_32),
};

static uint32_t value_of(const struct minato_nat *nat, enum conf_nat_key key)
{
	const uint8_t *at = (const uint8_t *)nat + fields[key].offset;
	uint32_t value;

	if (fields[key].size == SIZE_BOOL)
		return *(const bool *)at;
	memcpy(&value, at, sizeof(value));
	return value;
}

/* Every setting as the sentence that sets it. */
static json_t *settings_of(const struct minato_nat *nat)
{
	static char text[CONF_TEXT_SIZE];
	json_t *list = json_array();

	for (enum conf_nat_key key = 0; key < CONF_NAT_KEY_COUNT; key++) {
		struct conf_statement one = { .kind = CONF_KIND_NAT };

		/* Where both kinds of filtering are one word, they are shown apart. */
		if (fields[key].size == SIZE_NONE)
			continue;
		one.nat.key = key;
		one.nat.value = value_of(nat, key);
		(void)conf_print(text, sizeof(text), &one);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* null: the kernel carries nothing here. */
static json_t *carried_of(const struct gateway_carrying *carrying)
{
	if (!carrying->table)
		return json_null();
	return json_pack("{s:i,s:I,s:I,s:I,s:I}", "now", (int)carrying->count, "begun",
			 (json_int_t)carrying->begun, "hurried", (json_int_t)carrying->hurried,
			 "frames", (json_int_t)carrying->frames,
			 "bytes", (json_int_t)gateway_carrying_bytes(carrying));
}

static json_t *nat_of(struct gateway_worker *worker)
{
	struct minato_nat nat;
	struct minato_nat usual;

	if (minato_nat_get(worker->base.host, &nat) < 0)
		return NULL;
	minato_nat_init(&usual);
	return json_pack("{s:o,s:o,s:o}", "settings", settings_of(&nat), "defaults",
			 settings_of(&usual), "carried", carried_of(&worker->carrying));
}

static json_t *ask(void *user, const char *request, const json_t *message)
{
	if (!strcmp(request, "nat"))
		return nat_of(user);
	if (!strcmp(request, "end"))
		return end_flows(user, message);
	if (!strcmp(request, "why"))
		return gateway_reasons(user, message);
	return NULL;
}

/* ---- what every guest answers: counters of links ---- */

static void put_of_link(json_t *counters, const struct gateway_link *link, const char *what,
			uint64_t value)
{
	char name[CONF_IFNAME_SIZE + 40];

	if (!value)
		return;
	(void)snprintf(name, sizeof(name), "link_%s_%s", link->said.ifname, what);
	json_object_set_new(counters, name, json_integer((json_int_t)value));
}

static void count_tap(json_t *counters, const struct gateway_link *link, struct drive_tap *tap)
{
	struct drive_tap_stats s;

	drive_tap_stats(tap, &s);
	put_of_link(counters, link, "frames_in", s.frames_in);
	put_of_link(counters, link, "bytes_in", s.bytes_in);
	put_of_link(counters, link, "frames_out", s.frames_out);
	put_of_link(counters, link, "bytes_out", s.bytes_out);
	put_of_link(counters, link, "in_malformed", s.in_malformed + s.in_short);
	put_of_link(counters, link, "in_no_chunk", s.in_no_chunk);
	put_of_link(counters, link, "out_blocked", s.out_blocked);
	put_of_link(counters, link, "out_refused", s.out_refused);
}

static void count_interface(json_t *counters, const struct gateway_link *link,
			    struct drive_link *eth)
{
	struct drive_link_stats s;

	drive_link_stats(eth, &s);
	put_of_link(counters, link, "frames_in", s.frames_in);
	put_of_link(counters, link, "bytes_in", s.bytes_in);
	put_of_link(counters, link, "frames_out", s.frames_out);
	put_of_link(counters, link, "bytes_out", s.bytes_out);
	put_of_link(counters, link, "sends", s.sends);
	put_of_link(counters, link, "in_dropped", s.in_dropped);
	put_of_link(counters, link, "in_malformed", s.in_malformed);
	put_of_link(counters, link, "in_long", s.in_long);
	put_of_link(counters, link, "in_vlan", s.in_vlan);
	put_of_link(counters, link, "in_shed", s.in_shed);
	put_of_link(counters, link, "in_asked", s.in_asked);
	put_of_link(counters, link, "in_answered", s.in_answered);
	put_of_link(counters, link, "in_no_chunk", s.in_no_chunk);
	put_of_link(counters, link, "out_full", s.out_full);
	put_of_link(counters, link, "out_down", s.out_down);
	put_of_link(counters, link, "out_refused", s.out_refused);
}

static void count_links(json_t *counters, const struct gateway_worker *worker)
{
	for (size_t i = 0; i < worker->port_count; i++) {
		const struct gateway_port *port = &worker->ports[i];
		const struct gateway_link *link = &worker->applied.links->list[i];

		if (port->eth)
			count_interface(counters, link, port->eth);
		else if (port->tap)
			count_tap(counters, link, port->tap);
	}
}

static json_t *info(void *user)
{
	struct gateway_worker *worker = user;
	json_t *object = cmd_answers_of(&worker->base).info(&worker->base);
	json_t *counters = json_object_get(object, "counters");

	if (!object)
		return NULL;
	json_object_set_new(object, "gateway", json_string(worker->keeper->path));
	if (!worker->base.relay)
		json_object_set_new(object, "published", gateway_published(worker));
	count_links(counters, worker);
	if (worker->out_lost)
		json_object_set_new(counters, "link_out_lost",
				    json_integer((json_int_t)worker->out_lost));
	return object;
}

static int cut(void *user, uint64_t handle)
{
	struct gateway_worker *worker = user;

	if (minato_session_end(worker->base.host, handle) == 0)
		return 0;
	return minato_mapping_end(worker->base.host, handle) < 0 ? -ENOENT : 0;
}

static json_t *no_forward(void *user, uint64_t *cursor)
{
	(void)user;
	(void)cursor;
	return NULL;
}

static int refuse(void *user, uint64_t client, const json_t *request, struct drive_error *error)
{
	(void)user;
	(void)client;
	(void)request;
	return drive_fail(error, EOPNOTSUPP,
			  "this is a gateway: what it forwards are statements, such as "
			  "'tcp 80 to 10.0.0.2'");
}

static const struct cmd_further further = {
	.order = give_order,
	.listing = listing_of,
	.item = next_item,
	.ask = ask,
};

struct cmd_answers gateway_answers_of(struct gateway_worker *worker)
{
	struct cmd_answers answers = cmd_answers_of(&worker->base);

	answers.info = info;
	answers.row = gateway_row;
	answers.row_tcp = gateway_row_tcp;
	answers.cut = cut;
	answers.forward = no_forward;
	answers.add = refuse;
	answers.remove = refuse;
	answers.further = &further;
	answers.user = worker;
	return answers;
}
