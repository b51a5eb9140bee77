/* SPDX-License-Identifier: BSD-2-Clause */
/* The relay whole: its entries in the table, its events, its turn. */
#include "relay/permit.h"
#include "relay/relay.h"

#include "minato/guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define LANES_DEFAULT 65536u
#define UDP_IDLE_NS 300000000000 /* five minutes (RFC 4787 REQ-5) */
#define ECHO_IDLE_NS 60000000000 /* a minute (RFC 5508 REQ-2) */
#define RESETTING_NS 60000000000 /* for a guest that does not take what came before a reset */
#define EVENTS_MAX 65536u	 /* of a turn */
#define LOOK_NS 1000000000	 /* how often the nameservers are asked after */
#define TAG_SHIFT 52u
#define DNS_PORT 53u

uint64_t relay_word(enum word_tag tag, uint64_t value)
{
	return (uint64_t)RELAY_WORD << 56 | (uint64_t)tag << TAG_SHIFT | value;
}

static bool is_ours(uint64_t word)
{
	return word >> 56 == RELAY_WORD;
}

bool relay_is_lane(uint64_t word)
{
	return word >> 56 == RELAY_WORD && (word >> TAG_SHIFT & 0xf) == WORD_LANE;
}

static enum word_tag tag_of(uint64_t word)
{
	return (enum word_tag)(word >> TAG_SHIFT & 0xf);
}

void relay_count(struct relay *relay, enum relay_counter counter)
{
	relay->counters[counter]++;
}

void relay_look(struct relay *relay)
{
	struct nameservers *n = &relay->nameservers;

	if (!relay->config.look) {
		nameservers_look(n, relay->now);
	} else if (!n->looked_ns || relay->now.ns - n->looked_ns >= LOOK_NS) {
		n->looked_ns = relay->now.ns;
		relay->config.look(relay->config.look_user);
	}
}

void relay_nameservers(struct relay *relay, const struct nameserver *list, size_t count)
{
	struct nameservers *n = &relay->nameservers;

	n->count = count < NAMESERVERS_MAX ? count : NAMESERVERS_MAX;
	memcpy(n->list, list, n->count * sizeof(list[0]));
}

const char *relay_counter_name(unsigned counter)
{
	static const char *const names[] = {
#define X(name, text) text,
		RELAY_COUNTERS(X)
#undef X
	};

	return counter < RELAY_COUNTER_COUNT ? names[counter] : NULL;
}

uint64_t relay_counter(const struct relay *relay, unsigned counter)
{
	return counter < RELAY_COUNTER_COUNT ? relay->counters[counter] : 0;
}

/* ---- entries ---- */

int relay_entry_add(struct relay *relay, const struct minato_entry *entry)
{
	uint64_t *entries =
		realloc(relay->entries, (relay->entry_count + 1) * sizeof(relay->entries[0]));
	uint64_t handle;
	int result;

	if (!entries)
		return -ENOMEM;
	relay->entries = entries;
	result = minato_entry_add(relay->host, entry, &handle);
	if (result == 0)
		relay->entries[relay->entry_count++] = handle;
	return result;
}

static int guard(struct relay *relay, uint8_t scope, struct minato_addr addr, unsigned prefix,
		 struct relay_run run)
{
	const struct minato_entry entry = {
		.kind = MINATO_KIND_GUARD,
		.verdict = MINATO_REFUSE,
		.scope = scope,
		.face = MINATO_FACE_ANY,
		.local = addr,
		.local_prefix = (uint8_t)prefix,
		.first = run.first,
		.last = run.last,
		.user = relay_word(WORD_GUARD, 0),
		.log = relay->config.attempt,
	};

	return relay_entry_add(relay, &entry);
}

static int guard_all_ports(struct relay *relay, uint8_t scope, struct minato_addr addr,
			   unsigned prefix)
{
	return guard(relay, scope, addr, prefix, (struct relay_run){ 0, UINT16_MAX });
}

/* Nothing but the resolver answers on the DNS address. */
static int guard_dns(struct relay *relay, uint8_t scope, struct minato_addr addr)
{
	int result;

	if (minato_addr_is_any(&addr) || relay->config.attempt)
		return 0;
	result = guard(relay, scope, addr, 128, (struct relay_run){ 1, DNS_PORT - 1 });
	return result < 0 ? result :
			    guard(relay, scope, addr, 128,
				  (struct relay_run){ DNS_PORT + 1, UINT16_MAX });
}

static struct minato_addr subnet_edge(const struct drive_subnet *s, bool last)
{
	struct minato_addr edge = s->network4;

	for (unsigned bit = 96u + s->prefix4; last && bit < 128; bit++)
		edge.bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	return edge;
}

/*
 * What the stack drops before it looks anything up is told by these too. What it looks up, and is
 * to be told, rather comes as a call, whose program can be found: target_judge refuses it.
 */
static int guard4(struct relay *relay, uint8_t scope, const struct drive_subnet *s)
{
	int result = guard_all_ports(relay, scope, minato_addr4(127, 0, 0, 0), 96 + 8);

	if (result == 0)
		result = guard_all_ports(relay, scope, minato_addr4(0, 0, 0, 0),
					 relay->config.attempt ? 128 : 96 + 8);
	if (result == 0)
		result = guard_all_ports(relay, scope, minato_addr4(224, 0, 0, 0), 96 + 4);
	if (result == 0)
		result = guard_all_ports(relay, scope, minato_addr4(255, 255, 255, 255), 128);
	if (result == 0)
		result = guard_all_ports(relay, scope, subnet_edge(s, false), 128);
	if (result == 0)
		result = guard_all_ports(relay, scope, subnet_edge(s, true), 128);
	return result < 0 ? result : guard_dns(relay, scope, s->dns4);
}

static int guard6(struct relay *relay, uint8_t scope, const struct drive_subnet *s)
{
	const struct minato_addr loopback = { .bytes = { [15] = 1 } };
	const struct minato_addr any = { .bytes = { 0 } };
	const struct minato_addr groups = { .bytes = { 0xff } };
	int result = guard_all_ports(relay, scope, loopback, 128);

	if (result == 0)
		result = guard_all_ports(relay, scope, any, 128);
	if (result == 0)
		result = guard_all_ports(relay, scope, groups, 8);
	return result < 0 ? result : guard_dns(relay, scope, s->dns6);
}

/* What the gateway is called on other insides. */
static int guard_others(struct relay *relay, size_t inside)
{
	const uint8_t scope = inside_scope(&relay->config, inside);
	int result = 0;

	for (size_t i = 0; i < inside_count(&relay->config) && result == 0; i++) {
		const struct drive_subnet *s = inside_subnet(&relay->config, i);

		if (i != inside && s->has4)
			result = guard_all_ports(relay, scope, s->gateway4, 128);
		if (i != inside && s->has6 && result == 0)
			result = guard_all_ports(relay, scope, s->gateway6, 128);
	}
	return result;
}

static int add_inside(struct relay *relay, size_t inside)
{
	const struct drive_subnet *s = inside_subnet(&relay->config, inside);
	struct minato_entry uplink = {
		.kind = MINATO_KIND_UPLINK,
		.scope = inside_scope(&relay->config, inside),
		.face = MINATO_FACE_ANY,
		.last = UINT16_MAX,
		.user = relay_word(WORD_UPLINK, 0),
	};
	int result = relay_entry_add(relay, &uplink);

	/* "Both" means TCP and UDP: echo wants an entry of its own. */
	uplink.proto = MINATO_ICMP;
	if (result == 0)
		result = relay_entry_add(relay, &uplink);
	if (result == 0 && s->has4)
		result = guard4(relay, uplink.scope, s);
	if (result == 0 && s->has6)
		result = guard6(relay, uplink.scope, s);
	return result < 0 ? result : guard_others(relay, inside);
}

static int add_entries(struct relay *relay)
{
	int result = 0;

	for (size_t i = 0; i < inside_count(&relay->config) && result == 0; i++)
		result = add_inside(relay, i);
	return result < 0 ? result : reach_guard(relay);
}

/* ---- making and ending ---- */

/* unsealed: prlimit64 */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* unsealed: epoll_create1 */
int relay_create(struct relay **out, const struct relay_config *config, struct drive_error *error)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int result;

	if (!relay)
		return drive_fail(error, ENOMEM, "out of memory");
	relay->config = *config;
	roll_begin(relay);
	relay->host = config->host;
	surge_begin(relay);
	relay->now = drive_now();
	relay->lanes.max = config->flows_max ? config->flows_max : LANES_DEFAULT;
	relay->nameservers.path = config->resolv_path ? config->resolv_path : "/etc/resolv.conf";
	raise_limit();
	relay->spare_fd = epoll_create1(EPOLL_CLOEXEC); /* any descriptor will do */
	result = gram_room_new(&relay->room);
	if (result == 0)
		result = rank_init(&relay->rank);
	if (result == 0)
		result = add_entries(relay);
	if (result == 0)
		result = dns_new(relay, &relay->dns);
	if (result == 0)
		result = permit_new(relay, &relay->permit);
	if (result < 0) {
		relay_free(relay);
		return drive_fail(error, -result, "cannot set up the way to the outside: %s",
				  strerror(-result));
	}
	*out = relay;
	return 0;
}

/* What the guest has ended by itself the kernel delivers; everything else was cut. */
static void end_lane(struct lane *f)
{
	if (!f->out_done) {
		pipe_abort(f);
		return;
	}
	minato_abort(f->relay->host, f->socket);
	lane_free(f);
}

static void end_lanes(struct relay *relay)
{
	for (uint32_t i = 0; i < relay->lanes.block_count * LANE_BLOCK; i++) {
		struct lane *f = &relay->lanes.blocks[i / LANE_BLOCK][i % LANE_BLOCK];

		if (f->kind != LANE_FREE)
			end_lane(f);
	}
}

/* syscalls: close */
void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	end_lanes(relay);
	forward_free_all(relay);
	auto_free(relay);
	dns_free(relay->dns);
	for (size_t i = 0; i < relay->entry_count; i++)
		minato_entry_remove(relay->host, relay->entries[i]);
	free(relay->entries);
	for (size_t i = 0; i < relay->gateway_guard_count; i++)
		minato_entry_remove(relay->host, relay->gateway_guards[i]);
	free(relay->gateway_guards);
	gram_room_free(relay->room);
	lane_pool_free(&relay->lanes);
	rank_free(&relay->rank);
	turned_free(relay);
	permit_free(relay->permit);
	if (relay->spare_fd >= 0)
		close(relay->spare_fd);
	free(relay);
}

/* ---- a turn ---- */

/* By the number of its protocol: of those that go out, what has a source route alone comes here. */
static const char *other_words(uint16_t number)
{
	if (number == MINATO_TCP || number == MINATO_UDP || number == MINATO_ICMP || number == 58)
		return "its header says a route of its own";
	return "tcp, udp and pings go out of a guest, and nothing else";
}

bool relay_walled(struct relay *relay, const struct minato_rule_event *event)
{
	const struct minato_question *asked = &event->question;

	if (!event->entry && asked->proto == MINATO_PROTO_OTHER) {
		relay_count(relay, RELAY_COUNT_DENIED);
		if (relay->permit)
			permit_refused(relay, (enum minato_proto)asked->proto, &asked->remote,
				       &asked->local, NULL, other_words(asked->local.port));
		return true;
	}
	if (!is_ours(event->user) || tag_of(event->user) != WORD_GUARD)
		return false;
	relay_count(relay, RELAY_COUNT_REFUSED_INNER);
	permit_refused(relay, (enum minato_proto)asked->proto, &asked->remote, &asked->local, NULL,
		       target_words(relay, &asked->local));
	return true;
}

static void carry_call(struct relay *relay, uint64_t call)
{
	int64_t proto = 0;

	if (minato_get(relay->host, call, MINATO_OPT_TYPE, &proto) < 0)
		return;
	if (proto == MINATO_TCP)
		dial_call(relay, call);
	else if (proto == MINATO_UDP)
		endpoint_call(relay, call);
	else
		ping_call(relay, call);
}

static void ask_program(struct relay *relay, uint64_t call)
{
	struct relay_asking asking = { .call = call };
	int64_t proto = 0;

	if (minato_get(relay->host, call, MINATO_OPT_TYPE, &proto) < 0 ||
	    minato_local(relay->host, call, &asking.to) < 0 ||
	    minato_peer(relay->host, call, &asking.guest) < 0)
		return;
	asking.proto = (enum minato_proto)proto;
	if (relay->config.program && (proto == MINATO_TCP || proto == MINATO_UDP))
		relay->config.program(relay->config.ask_user, &asking);
	else
		relay_program(relay, call, MINATO_PROGRAM_NONE);
}

static void take_call(struct relay *relay, uint64_t call)
{
	if (minato_call_asks(relay->host, call) == 1)
		ask_program(relay, call);
	else
		carry_call(relay, call);
}

void relay_program(struct relay *relay, uint64_t call, uint16_t program)
{
	struct minato_endpoint guest = { .port = 0 };
	struct minato_endpoint to = { .port = 0 };
	int64_t proto = MINATO_TCP;
	int verdict = minato_call_program(relay->host, call, program);

	if (verdict == MINATO_PASS)
		carry_call(relay, call);
	if (verdict <= 0)
		return;
	relay_count(relay, RELAY_COUNT_DENIED);
	(void)minato_get(relay->host, call, MINATO_OPT_TYPE, &proto);
	(void)minato_local(relay->host, call, &to);
	(void)minato_peer(relay->host, call, &guest);
	if (relay->permit)
		permit_refused(relay, (enum minato_proto)proto, &guest, &to, NULL,
			       "a rule, by the program that it is");
	if (verdict == MINATO_REFUSE)
		(void)minato_refuse(relay->host, call);
	else
		(void)minato_ignore(relay->host, call);
}

void relay_identified(struct relay *relay, uint64_t call, const struct relay_program *program)
{
	int ready = minato_ready(relay->host, call, NULL);
	int64_t proto = 0;

	if (dns_identified(relay->dns, call, program))
		return;
	if (ready < 0 || !((uint32_t)ready & MINATO_CALL) ||
	    minato_get(relay->host, call, MINATO_OPT_TYPE, &proto) < 0)
		return;
	permit_identified(relay, call, (enum minato_proto)proto, program);
	carry_call(relay, call);
	permit_identified(relay, 0, (enum minato_proto)proto, NULL);
}

static void note(struct lane *f, uint32_t ready)
{
	if (ready & (MINATO_READABLE | MINATO_PEER_DONE | MINATO_ERROR | MINATO_HANGUP))
		f->guest_readable = true;
	if (ready & MINATO_ERROR)
		f->guest_reset = true;
	if (ready & MINATO_CLASS)
		f->guest_class = true;
	lane_busy(f);
}

static void take_event(struct relay *relay, const struct minato_event *event)
{
	struct lane *f;

	if (!is_ours(event->user)) {
		if (relay->config.other)
			relay->config.other(relay->config.other_user, event);
		return;
	}
	f = tag_of(event->user) == WORD_LANE ? lane_of(relay, event->user) : NULL;
	if (f)
		note(f, event->ready);
	else if (event->ready & MINATO_CALL)
		take_call(relay, event->socket);
	else if (tag_of(event->user) == WORD_DNS)
		dns_work(relay->dns, event->socket);
}

static void take_events(struct relay *relay)
{
	struct minato_event event;

	for (uint32_t i = 0; i < EVENTS_MAX && minato_event(relay->host, &event); i++)
		take_event(relay, &event);
}

static void work_doors(struct relay *relay)
{
	struct relay_published *door = relay->busy_doors;

	relay->busy_doors = NULL;
	while (door) {
		struct relay_published *next = door->busy_next;

		door->busy = false;
		if (door->protocol == MINATO_TCP)
			caller_accept(door);
		else
			visitor_arrive(door);
		door = next;
	}
}

static void work_connection(struct lane *f)
{
	switch (f->state) {
	case LANE_DIALLING:
		dial_work(f);
		break;
	case LANE_CALLING:
		caller_work(f);
		break;
	case LANE_OPEN:
	case LANE_RESETTING:
		pipe_work(f);
		break;
	}
}

static void work_lane(struct lane *f)
{
	switch (f->kind) {
	case LANE_FREE:
		break;
	case LANE_OUT:
	case LANE_IN:
		work_connection(f);
		break;
	case LANE_EXCUSE:
		excuse_work(f);
		break;
	case LANE_STREAM:
		dnsstream_work(f);
		break;
	case LANE_ENDPOINT:
		endpoint_work(f);
		break;
	case LANE_VISITOR:
		visitor_work(f);
		break;
	case LANE_ECHO:
		ping_work(f);
		break;
	}
}

/* Each lane in the ring has its share; one that has more to do stands there anew. */
static void work_lanes(struct relay *relay)
{
	struct lane *last = relay->busy_last;
	struct lane *f;

	do {
		f = lane_next_busy(relay);
		if (f)
			work_lane(f);
	} while (f && f != last);
}

static struct minato_time earlier(struct minato_time a, struct minato_time b)
{
	return a.ns < b.ns ? a : b;
}

static struct minato_time expire(struct relay *relay, struct lane_list *list, int64_t idle_ns)
{
	while (list->oldest && list->oldest->used_ns + idle_ns <= relay->now.ns) {
		relay_count(relay, list == &relay->echoes ? RELAY_COUNT_ECHO_EXPIRED :
							    RELAY_COUNT_UDP_EXPIRED);
		gram_end(list->oldest);
	}
	if (!list->oldest)
		return MINATO_NEVER;
	return (struct minato_time){ list->oldest->used_ns + idle_ns };
}

static struct minato_time expire_resetting(struct relay *relay)
{
	struct lane_list *list = &relay->resetting;

	while (list->oldest && list->oldest->used_ns + RESETTING_NS <= relay->now.ns)
		pipe_abort(list->oldest);
	if (!list->oldest)
		return MINATO_NEVER;
	return (struct minato_time){ list->oldest->used_ns + RESETTING_NS };
}

struct minato_time relay_pump(void *user, struct minato_time now)
{
	struct relay *relay = user;
	struct minato_time next;

	relay->now = now;
	minato_advance(relay->host, now);
	take_events(relay);
	work_doors(relay);
	work_lanes(relay);
	next = dns_turn(relay->dns);
	next = earlier(next, auto_turn(relay));
	next = earlier(next, caller_turn(relay));
	next = earlier(next, permit_turn(relay));
	next = earlier(next, surge_turn(relay));
	next = earlier(next, turned_turn(relay));
	next = earlier(next, expire_resetting(relay));
	next = earlier(next, expire(relay, &relay->endpoints, UDP_IDLE_NS));
	next = earlier(next, expire(relay, &relay->idlers, UDP_IDLE_NS));
	next = earlier(next, expire(relay, &relay->visitors, UDP_IDLE_NS));
	next = earlier(next, expire(relay, &relay->echoes, ECHO_IDLE_NS));
	/* What the work has caused in the host value. */
	take_events(relay);
	return relay->busy_first || relay->busy_doors ? now : next;
}

/* ---- listing ---- */

/* syscalls: getsockname */
static void about_lane(const struct lane *f, struct relay_about *out)
{
	struct sockaddr_storage name = { 0 };
	socklen_t len = sizeof(name);

	bool in = f->kind == LANE_IN || f->kind == LANE_VISITOR;

	out->what = in ? RELAY_WHAT_IN : RELAY_WHAT_OUT;
	out->far = in ? f->dial : f->far;
	out->bytes_in = f->bytes_in;
	out->bytes_out = f->bytes_out;
	out->since = (struct minato_time){ (int64_t)((uint64_t)f->since << LANE_SINCE_SHIFT) };
	out->last = (struct minato_time){ f->used_ns };
	if (f->kind == LANE_VISITOR)
		out->near = f->visit->here;
	if (f->fd >= 0 && getsockname(f->fd, (struct sockaddr *)&name, &len) == 0)
		drive_endpoint_from(&out->near, (struct sockaddr *)&name);
}

bool relay_about(const struct relay *relay, uint64_t user, struct relay_about *out)
{
	const struct lane *f;

	memset(out, 0, sizeof(*out));
	if (!is_ours(user))
		return false;
	switch (tag_of(user)) {
	case WORD_LANE:
		f = lane_of(relay, user);
		if (f)
			about_lane(f, out);
		break;
	case WORD_UPLINK:
		out->what = RELAY_WHAT_UPLINK;
		break;
	case WORD_GUARD:
	case WORD_PIN:
		out->what = RELAY_WHAT_GUARD;
		break;
	case WORD_PUBLISHED:
		out->what = RELAY_WHAT_PUBLISHED;
		out->screened = forward_screened(relay, user & UINT32_MAX);
		break;
	case WORD_REACH:
		out->what = RELAY_WHAT_REACH;
		break;
	case WORD_DNS:
		out->what = RELAY_WHAT_RESOLVER;
		break;
	case WORD_WAITING:
		break;
	}
	return out->what != RELAY_WHAT_NOTHING;
}

int relay_cut(struct relay *relay, uint64_t user)
{
	struct lane *f = is_ours(user) && tag_of(user) == WORD_LANE ? lane_of(relay, user) : NULL;

	if (!f)
		return -ENOENT;
	if (f->kind == LANE_OUT || f->kind == LANE_IN || f->kind == LANE_EXCUSE ||
	    f->kind == LANE_STREAM)
		pipe_abort(f);
	else
		gram_end(f);
	return 0;
}
