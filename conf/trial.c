/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The test lines of a file, run: a gateway in memory whose links are bare IP, to which each test's
 * packet arrives, and what leaves it at once, or when the time is over that an unsolicited SYN is
 * not answered (RFC 5382 REQ-4).
 */
#include "conf/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "minato/gateway.h"
#include "minato/guard.h"

#define ALIGNMENT 64u
#define SECOND INT64_C(1000000000)
#define BETWEEN (31 * 86400 * SECOND) /* longer than any timer that can be set */
#define SOME_PORT 40000u	      /* where a test names no source port */
#define FRAMES 16u
#define STEPS_MAX 8u
#define DNS_PORT 53u
#define ECHO4 8u
#define ECHO6 128u
#define FEW 64u /* of what a host value of one flow at a time has */

/* A general entry, and the statement that it is of. */
struct held {
	uint64_t handle;
	size_t statement;
};

struct trial {
	const struct conf *conf;
	struct minato *m;
	void *memory;
	struct minato_time now;
	size_t link[MINATO_LINKS_MAX]; /* the statement of each */
	uint32_t link_count;
	int64_t patience_ns;	      /* then nothing more is said of a packet */
	bool host;		      /* outside are the host's sockets */
	const struct conf_test *only; /* all that is tried; or NULL */
	struct conf_drains drains;
	struct held *held;
	size_t held_count;
};

/* ---- the host value ---- */

static const struct conf_link *link_at(const struct trial *t, uint32_t link)
{
	return &t->conf->list[t->link[link]]->link;
}

static void find_links(struct trial *t)
{
	for (size_t i = 0; i < t->conf->count; i++) {
		const struct conf_statement *s = t->conf->list[i];

		if (s->kind != CONF_KIND_LINK)
			continue;
		if (s->link.sort == CONF_LINK_HOST)
			t->host = true;
		else if (t->link_count < MINATO_LINKS_MAX)
			t->link[t->link_count++] = i;
	}
}

static void plan_links(const struct trial *t, struct minato_config *config)
{
	uint8_t scope = CONF_SCOPE_INSIDE;

	config->link_count = t->link_count;
	for (uint32_t i = 0; i < t->link_count; i++) {
		const struct conf_link *said = link_at(t, i);
		struct minato_link_config *link = &config->link[i];

		link->type = MINATO_LINK_IP;
		link->mtu = said->mtu ? said->mtu : 1500;
		link->scope = CONF_SCOPE_OUTSIDE;
		link->role = said->outside ? MINATO_ROLE_OUTSIDE : MINATO_ROLE_INSIDE;
		if (t->host) {
			link->role = MINATO_ROLE_HOST;
			link->any_destination = true;
		}
		if (said->outside)
			continue;
		link->scope = scope;
		scope = scope == CONF_SCOPE_INSIDE ? CONF_SCOPE_OUTSIDE + 1 : (uint8_t)(scope + 1);
	}
}

static void plan(const struct trial *t, struct minato_config *config)
{
	minato_config_init(config);
	/* Any seed: what is asked does not hang on luck. */
	config->seed[0] = 1;
	config->seed[1] = 2;
	config->sockets_max = config->time_wait_max = config->active_max = FEW;
	config->calls_max = config->leases_max = config->neighbours_max = FEW;
	config->chunks_large = config->chunks_small = FEW;
	config->reassemblies_max = 4;
	config->entries_max = config->routes_max = config->pool_addresses_max = FEW;
	conf_plan(config, t->conf);
	/* One flow at a time, whatever the file makes room for. */
	config->sessions_max = FEW;
	config->mappings_max = config->inside_hosts_max = FEW;
	plan_links(t, config);
}

static int create(struct trial *t)
{
	struct minato_config config;
	uintptr_t aligned;
	size_t size;

	find_links(t);
	conf_drains_find(&t->drains, t->conf);
	plan(t, &config);
	size = minato_size(&config);
	if (!size)
		return -EINVAL;
	t->memory = calloc(1, size + ALIGNMENT);
	t->held = calloc(config.entries_max, sizeof(t->held[0]));
	if (!t->memory || !t->held)
		return -ENOMEM;
	aligned = ((uintptr_t)t->memory + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
	t->now.ns = SECOND;
	return minato_create((void *)aligned, size, &config, t->now, &t->m);
}

static uint8_t length_of(const struct conf_prefix *prefix)
{
	return (uint8_t)(minato_addr_is4(&prefix->addr) ? prefix->length - 96 : prefix->length);
}

/* ---- statements into it ---- */

/* An outside without a pool translates to its own addresses. */
static bool has_pool(const struct trial *t, const struct conf_link *link)
{
	for (size_t i = 0; i < t->conf->count; i++) {
		const struct conf_statement *s = t->conf->list[i];

		if (s->kind == CONF_KIND_POOL &&
		    (!s->pool.link[0] || !strcmp(s->pool.link, link->ifname)))
			return true;
	}
	return false;
}

static int add_link(struct trial *t, uint32_t index)
{
	const struct conf_link *link = link_at(t, index);
	bool own = link->outside && !has_pool(t, link);
	const struct minato_addr none[2] = { minato_addr4(0, 0, 0, 0), { { 0 } } };
	int result = 0;

	for (uint32_t i = 0; i < link->address_count && result == 0; i++) {
		const struct minato_addr *addr = &link->address[i].addr;

		result = minato_address_add(t->m, index, addr, length_of(&link->address[i]));
		if (result == 0 && own && minato_addr_is4(addr))
			result = minato_pool_add(t->m, index, addr, 0, 0);
	}
	for (uint32_t i = 0; i < link->via_count && result == 0; i++) {
		bool four = minato_addr_is4(&link->via[i]);

		result = minato_route_add(t->m, &none[!four], 0, &link->via[i], index);
	}
	return result;
}

static int add_route(struct trial *t, const struct conf_route *route)
{
	for (uint32_t i = 0; i < t->link_count; i++) {
		if (judge_on_link(link_at(t, i), &route->via))
			return minato_route_add(t->m, &route->to.addr, length_of(&route->to),
						&route->via, i);
	}
	return 0;
}

static int add_pool(struct trial *t, const struct conf_pool *pool)
{
	uint32_t count = 1u << (128 - pool->addresses.length);
	struct minato_addr addr = pool->addresses.addr;
	uint32_t link = 0;
	int result = 0;

	while (link < t->link_count &&
	       (!link_at(t, link)->outside ||
		(pool->link[0] && strcmp(pool->link, link_at(t, link)->ifname) != 0)))
		link++;
	for (uint32_t i = 0; link < t->link_count && i < count && result == 0; i++) {
		result = minato_pool_add(t->m, link, &addr, pool->low, pool->high);
		for (int byte = 15; byte >= 12 && ++addr.bytes[byte] == 0; byte--)
			;
	}
	return result;
}

static int add_entries(struct trial *t, size_t index)
{
	const struct conf_statement *s = t->conf->list[index];
	struct minato_entry entries[CONF_ENTRIES_MAX];
	struct minato_server servers[CONF_SERVERS_MAX];
	size_t count = conf_entries(t->conf, s, index, entries);
	uint32_t server_count = conf_servers(s, servers);
	uint64_t group = 0;
	int result = 0;

	for (uint32_t i = 0; i < server_count; i++)
		servers[i].weight = conf_drains_has(&t->drains, s, i) ? 0 : servers[i].weight;
	if (server_count)
		result = minato_group_set(t->m, &group, servers, server_count, s->forward.sticky);
	for (size_t i = 0; i < count && result == 0; i++) {
		struct held *held = &t->held[t->held_count];

		/* Without translation there is nothing to leave out of it. */
		if (t->host &&
		    (entries[i].kind == MINATO_KIND_ROUTE || entries[i].kind == MINATO_KIND_DMZ))
			continue;
		entries[i].group = group;
		result = minato_entry_add(t->m, &entries[i], &held->handle);
		held->statement = index;
		if (result == 0 && (entries[i].translate || t->host) && !group &&
		    conf_drains_has(&t->drains, s, 0))
			(void)minato_entry_drain(t->m, held->handle, true);
		t->held_count += result == 0;
		/* Two statements may well reserve or shut the same port. */
		if (result == -EADDRINUSE && (entries[i].kind == MINATO_KIND_RESERVED ||
					      entries[i].kind == MINATO_KIND_GUARD))
			result = 0;
	}
	return result;
}

struct ruling {
	struct trial *t;
	size_t *culprit;
};

/* Each tells when it decides, whatever is said of its log. */
static int add_rule(void *user, size_t index, struct minato_entry *entry)
{
	struct ruling *ruling = user;
	uint64_t handle;
	int result;

	if (ruling->t->only && !trial_concerns(entry, ruling->t->only))
		return 0;
	entry->user = index;
	entry->log = true;
	result = minato_entry_add(ruling->t->m, entry, &handle);
	*ruling->culprit = index < ruling->t->conf->count ? index : 0;
	/* A prefix that stands in a set twice. */
	return result == -EADDRINUSE ? 0 : result;
}

static int add_rules(struct trial *t, size_t *culprit)
{
	const struct conf_zones zones = { .guest = false };
	struct ruling ruling = { t, culprit };

	return conf_policy(t->conf, &zones, add_rule, &ruling);
}

static int add_all(struct trial *t, size_t *culprit)
{
	struct minato_nat nat;
	int result = 0;

	for (uint32_t i = 0; i < t->link_count && result == 0; i++) {
		*culprit = t->link[i];
		result = add_link(t, i);
	}
	for (size_t i = 0; i < t->conf->count && result == 0; i++) {
		const struct conf_statement *s = t->conf->list[i];

		*culprit = i;
		if (s->kind == CONF_KIND_ROUTE)
			result = add_route(t, &s->route);
		else if (s->kind == CONF_KIND_POOL)
			result = add_pool(t, &s->pool);
		else
			result = add_entries(t, i);
	}
	if (result == 0)
		result = add_rules(t, culprit);
	if (result < 0 || t->host)
		return result;
	conf_nat_apply(&nat, t->conf);
	t->patience_ns = (int64_t)(nat.unsolicited_syn_s + 1) * SECOND;
	*culprit = 0;
	return minato_nat_set(t->m, &nat);
}

/* ---- a packet ---- */

static bool has_address(const struct conf_link *link, const struct minato_addr *addr)
{
	for (uint32_t i = 0; i < link->address_count; i++) {
		if (minato_addr_equal(&link->address[i].addr, addr))
			return true;
	}
	return false;
}

/* How many bits of the longest network on the link, or routed by it, have the address; -1: none. */
static int bits_of(const struct trial *t, const struct conf_link *link,
		   const struct minato_addr *addr)
{
	int bits = -1;

	for (uint32_t i = 0; i < link->address_count; i++) {
		if (judge_within(&link->address[i], addr) && (int)link->address[i].length > bits)
			bits = (int)link->address[i].length;
	}
	for (size_t i = 0; i < t->conf->count; i++) {
		const struct conf_statement *s = t->conf->list[i];

		if (s->kind == CONF_KIND_ROUTE && judge_on_link(link, &s->route.via) &&
		    judge_within(&s->route.to, addr) && (int)s->route.to.length > bits)
			bits = (int)s->route.to.length;
	}
	return bits;
}

/*
 * The link that a test's packet comes by: its source's, whomever it is for; else the one that has
 * the address it is for, else the first of that side.
 */
static uint32_t link_of(const struct trial *t, const struct conf_test *test)
{
	uint32_t longest = 0, any = 0;
	int most = -1;

	for (uint32_t i = t->link_count; i-- > 0;) {
		const struct conf_link *link = link_at(t, i);
		const int bits = bits_of(t, link, &test->source.addr);

		if (link->outside == test->inside)
			continue;
		if (bits >= most && bits >= 0) {
			most = bits;
			longest = i;
		}
		any = i;
	}
	if (most >= 0)
		return longest;
	for (uint32_t i = 0; i < t->link_count; i++) {
		if (link_at(t, i)->outside != test->inside &&
		    has_address(link_at(t, i), &test->destination.addr))
			return i;
	}
	return any;
}

static const struct conf_statement *statement_of(const struct trial *t, uint64_t handle)
{
	for (size_t i = 0; i < t->held_count; i++) {
		if (handle && t->held[i].handle == handle)
			return t->conf->list[t->held[i].statement];
	}
	return NULL;
}

/* The statement that the flow goes by; it is the only one that lives. */
static const struct conf_statement *by_what(const struct trial *t)
{
	struct minato_session session;
	uint64_t cursor = 0;

	while (minato_session_next(t->m, &cursor, &session)) {
		if (statement_of(t, session.entry))
			return statement_of(t, session.entry);
	}
	return NULL;
}

/* The first bytes of it, which lie in several places. */
static size_t gather(const struct minato_frame_out *frame, uint8_t out[CONF_PACKET_MAX])
{
	size_t used = 0;

	for (uint32_t i = 0; i < frame->extent_count && used < CONF_PACKET_MAX; i++) {
		size_t room = CONF_PACKET_MAX - used;
		size_t length = frame->extents[i].len < room ? frame->extents[i].len : room;

		memcpy(out + used, frame->extents[i].base, length);
		used += length;
	}
	return used;
}

/* Whether a frame says what became of the packet. */
static bool look_at_frame(const struct trial *t, const struct conf_test *test,
			  const struct minato_frame_out *frame, struct conf_fate *found)
{
	struct minato_endpoint source, destination;
	uint8_t packet[CONF_PACKET_MAX];
	enum conf_packet_sort sort =
		conf_packet_read(packet, gather(frame, packet), &source, &destination);
	bool outside = link_at(t, frame->link)->outside;

	if (sort == CONF_PACKET_RESET || sort == CONF_PACKET_ERROR) {
		found->outcome = CONF_CLOSED;
		return minato_addr_equal(&destination.addr, &test->source.addr);
	}
	if (sort == CONF_PACKET_REPLY) {
		found->outcome = CONF_ANSWERED;
		return test->proto == MINATO_ICMP &&
		       minato_addr_equal(&destination.addr, &test->source.addr);
	}
	if (sort != CONF_PACKET_FLOW || (outside && !test->inside))
		return false;
	found->outcome = outside ? CONF_LEAVES_FROM : CONF_REACHES;
	found->end = outside ? source : destination;
	found->by = outside ? NULL : by_what(t);
	return true;
}

static bool look_at_frames(struct trial *t, const struct conf_test *test, struct conf_fate *found)
{
	struct minato_frame_out frames[FRAMES];
	bool seen = false;
	size_t count;

	do {
		count = minato_output(t->m, t->now, frames, FRAMES);
		for (size_t i = 0; i < count && test && !seen; i++)
			seen = look_at_frame(t, test, &frames[i], found);
	} while (count == FRAMES);
	return seen;
}

/* A held call: the flow would end here and go on by a socket of the host. */
static bool look_at_events(struct trial *t, struct conf_fate *found)
{
	struct minato_event event;
	bool seen = false;

	while (minato_event(t->m, &event)) {
		if (!(event.ready & MINATO_CALL) || event.user >= t->conf->count)
			continue;
		found->outcome = CONF_REACHES;
		found->by = t->conf->list[event.user];
		seen = true;
		(void)minato_ignore(t->m, event.socket);
	}
	return seen;
}

/* Which rule has decided since it was asked last; SIZE_MAX: none. */
static size_t deciding_rule(struct trial *t)
{
	struct minato_rule_event event;
	size_t rule = SIZE_MAX;

	while (minato_rule_event(t->m, &event)) {
		if (rule == SIZE_MAX)
			rule = (size_t)event.user;
	}
	return rule;
}

/* Whether it is a rule that lets nothing on; one that allows opens nothing, either. */
static bool stops(const struct conf *conf, size_t rule)
{
	if (rule >= conf->count)
		return rule == conf->count;
	return conf->list[rule]->rule.verb != CONF_ALLOW;
}

/* It has no ports. */
static bool has_type(const struct conf_test *test)
{
	return test->proto == MINATO_ICMP || (uint8_t)test->proto == MINATO_PROTO_OTHER;
}

/*
 * What a dmz leaves out is refused by its own statement, where nothing goes before that; from
 * inside it is met by an outside address as from outside.
 */
static const struct conf_statement *shut_by(struct trial *t, const struct conf_test *test)
{
	const struct minato_question question = {
		.scope = CONF_SCOPE_OUTSIDE,
		.face = MINATO_FACE_ANY,
		.proto = (uint8_t)test->proto,
		.course = MINATO_COURSE_NONE,
		.program = MINATO_PROGRAM_NONE,
		.remote = { test->source.addr, test->source.port ? test->source.port : SOME_PORT },
		.local = test->destination,
	};
	struct minato_step steps[STEPS_MAX];
	size_t count = has_type(test) ? 0 : minato_explain(t->m, &question, steps, STEPS_MAX);

	return count && steps[count - 1].kind == MINATO_KIND_GUARD ?
		       statement_of(t, steps[count - 1].handle) :
		       NULL;
}

static struct conf_fate send(struct trial *t, const struct conf_test *test)
{
	struct conf_fate found = { .outcome = CONF_DROPPED, .rule = SIZE_MAX };
	struct minato_endpoint source = test->source;
	struct minato_endpoint destination = test->destination;
	uint8_t packet[CONF_PACKET_MAX];
	struct minato_frame frame = { .data = packet, .chunk = MINATO_CHUNK_NONE };

	if (!source.port)
		source.port = SOME_PORT;
	if (has_type(test))
		destination.port = conf_test_type(test);
	frame.len = (uint32_t)conf_packet_make(packet, test->proto, &source, &destination);
	frame.link = link_of(t, test);
	minato_input(t->m, t->now, &frame, 1);
	found.rule = deciding_rule(t);
	if (!look_at_events(t, &found) && !look_at_frames(t, test, &found)) {
		t->now.ns += t->patience_ns;
		minato_advance(t->m, t->now);
		(void)look_at_frames(t, test, &found);
	}
	if (found.outcome == CONF_CLOSED && !stops(t->conf, found.rule))
		found.by = shut_by(t, test);
	/* Whatever it began is over before the next one. */
	t->now.ns += BETWEEN;
	minato_advance(t->m, t->now);
	(void)look_at_frames(t, NULL, NULL);
	return found;
}

/* Over the host's sockets a connection arrives without frames. */
static struct conf_fate arrive(struct trial *t, const struct conf_test *test)
{
	struct conf_fate found = { .outcome = CONF_CLOSED };
	struct minato_led led = { .client = test->source, .asked = test->destination };
	struct minato_fate fate;

	(void)deciding_rule(t);
	minato_arrive(t->m, CONF_SCOPE_OUTSIDE, MINATO_FACE_ANY, test->proto, &test->source,
		      &test->destination, &fate);
	found.rule = deciding_rule(t);
	if (fate.kind == MINATO_KIND_GUARD && fate.verdict == MINATO_DROP)
		found.outcome = CONF_DROPPED;
	if (fate.kind == MINATO_KIND_FORWARD && fate.user < t->conf->count &&
	    minato_forward_join(t->m, fate.handle, &led) == 0) {
		(void)minato_forward_leave(t->m, led.place, &led.client.addr);
		found.outcome = CONF_REACHES;
		found.end = led.target;
		found.by = t->conf->list[fate.user];
	}
	return found;
}

/* ---- inside, where outside are the host's sockets ---- */

static bool is_own(const struct trial *t, const struct minato_addr *addr)
{
	for (uint32_t i = 0; i < t->link_count; i++) {
		if (has_address(link_at(t, i), addr))
			return true;
	}
	return false;
}

/* Whether it goes from one inside to another, or to who is behind a router there. */
static bool goes_between(const struct trial *t, const struct conf_test *test)
{
	const uint32_t from = link_of(t, test);

	for (uint32_t i = 0; i < t->link_count; i++) {
		if (i != from && judge_on_link(link_at(t, i), &test->destination.addr))
			return true;
	}
	for (size_t i = 0; i < t->conf->count; i++) {
		const struct conf_statement *s = t->conf->list[i];

		if (s->kind == CONF_KIND_ROUTE &&
		    judge_within(&s->route.to, &test->destination.addr))
			return true;
	}
	return false;
}

/* Whether a rule stops it; asked as a frame's flow is (verdicts_course). */
static bool is_stopped(struct trial *t, struct minato_question *question, uint8_t course,
		       struct conf_fate *found)
{
	struct minato_fate fate;

	question->course = course;
	minato_judge(t->m, question, &fate);
	found->rule = deciding_rule(t);
	if (fate.kind != MINATO_KIND_GUARD || fate.verdict == MINATO_PASS)
		return false;
	found->outcome = fate.verdict == MINATO_DROP ? CONF_DROPPED : CONF_CLOSED;
	return true;
}

/* A message that is no ping. */
static bool is_uncarried(const struct conf_test *test)
{
	const uint16_t ping = minato_addr_is4(&test->destination.addr) ? ECHO4 : ECHO6;

	return test->proto == MINATO_ICMP && conf_test_type(test) != ping;
}

/* At addresses of the gateway's nothing answers but the resolver, and pings on their own link. */
static bool is_walled(const struct trial *t, const struct conf_test *test)
{
	const struct minato_endpoint *to = &test->destination;
	bool near = has_address(link_at(t, link_of(t, test)), &to->addr);

	return is_own(t, &to->addr) &&
	       !(near && (test->proto == MINATO_ICMP || to->port == DNS_PORT));
}

static struct conf_fate go_out(struct trial *t, const struct conf_test *test)
{
	struct conf_fate found = { .outcome = CONF_LEAVES_FROM, .rule = SIZE_MAX };
	uint32_t link = link_of(t, test);
	bool echo = test->proto == MINATO_ICMP && is_own(t, &test->destination.addr);
	bool walled = is_walled(t, test);
	struct minato_question question = {
		.scope = link == 0 ? CONF_SCOPE_INSIDE : (uint8_t)(CONF_SCOPE_OUTSIDE + link),
		.face = (uint8_t)link,
		.proto = (uint8_t)test->proto,
		.icmp_type = (uint8_t)conf_test_type(test),
		.program = MINATO_PROGRAM_NONE,
		.remote = test->source,
		.local = test->destination,
	};

	(void)deciding_rule(t);
	/* A wall of the gateway's own, before rules, unless it is of pings. */
	if (walled)
		found.outcome = CONF_CLOSED;
	if ((walled && !echo) || is_stopped(t, &question, MINATO_COURSE_OUT, &found) || walled ||
	    (echo && is_stopped(t, &question, MINATO_COURSE_IN, &found)))
		return found;
	found.outcome = echo ? CONF_ANSWERED : CONF_LEAVES_FROM;
	found.host = !echo;
	return found;
}

/* ---- all ---- */

static struct conf_fate fate_of(struct trial *t, const struct conf_test *test)
{
	struct conf_fate found = { .outcome = CONF_ANSWERED, .rule = SIZE_MAX, .host = true };

	if (t->host && test->inside && !is_own(t, &test->destination.addr) && goes_between(t, test))
		return send(t, test);
	/* The host has no socket for it. */
	if (t->host && test->inside &&
	    ((uint8_t)test->proto == MINATO_PROTO_OTHER || is_uncarried(test))) {
		found = (struct conf_fate){ .outcome = CONF_DROPPED, .rule = SIZE_MAX };
		return found;
	}
	if (t->host && test->inside)
		return go_out(t, test);
	/* The host's kernel has it, and gives it to nobody. */
	if (t->host && has_type(test))
		return found;
	found = t->host ? arrive(t, test) : send(t, test);
	/* A flow that goes on from here, by a socket of the host, to its server. */
	if (found.by && found.by->kind == CONF_KIND_FORWARD && found.by->forward.proxy &&
	    found.by->forward.server_count == 1)
		(void)trial_server_end(test, &found.by->forward, 0, &found.end);
	return found;
}

static void run_test(struct trial *t, size_t index, conf_verdict_fn *each, void *user)
{
	const struct conf_test *test = &t->conf->list[index]->test;
	struct conf_verdict verdict = { .index = index };
	struct conf_fate found = fate_of(t, test);

	trial_judge(t->conf, &verdict, test, &found);
	each(user, &verdict);
}

static void finish(struct trial *t)
{
	free(t->memory);
	free(t->held);
}

int conf_try(const struct conf *conf, conf_verdict_fn *each, void *user, size_t *culprit)
{
	struct trial t = { .conf = conf };
	size_t tests = 0;
	int result = 0;

	*culprit = 0;
	for (size_t i = 0; i < conf->count; i++)
		tests += conf->list[i]->kind == CONF_KIND_TEST;
	if (tests > 0)
		result = create(&t);
	if (tests > 0 && result == 0)
		result = add_all(&t, culprit);
	for (size_t i = 0; i < conf->count && result == 0; i++) {
		if (conf->list[i]->kind == CONF_KIND_TEST)
			run_test(&t, i, each, user);
	}
	finish(&t);
	return result;
}

int conf_try_flow(const struct conf *conf, const struct conf_test *flow, struct conf_fate *out)
{
	struct trial_few few;
	struct trial t = { .conf = &few.conf, .only = flow };
	size_t culprit;
	int result = trial_few_make(&few, conf, flow);

	if (result == 0)
		result = create(&t);
	if (result == 0)
		result = add_all(&t, &culprit);
	if (result == 0) {
		*out = fate_of(&t, flow);
		out->rule = trial_few_place(&few, out->rule);
	}
	finish(&t);
	trial_few_free(&few);
	return result;
}
