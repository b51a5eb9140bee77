/* SPDX-License-Identifier: BSD-2-Clause */
/* What the statements of a file say together. */
#include "conf/reader.h"
#include "conf/rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minato/gateway.h"

#define POOL_ADDRESSES_MAX 1024u

/* ---- saying it ---- */

struct conf_fault *judge_say(struct conf_report *report, enum conf_severity severity,
			     const struct conf_statement *s, enum conf_part part, uint32_t other,
			     const char *format, ...)
{
	struct conf_fault *fault = reader_report(report, severity, s->line, s->mark[part]);
	va_list args;

	fault->other = other;
	va_start(args, format);
	vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	return fault;
}

void judge_word(struct conf_fault *fault, const char *word)
{
	static const char *const zones[3] = { "lan", "wan", "self" };

	(void)snprintf(fault->word, sizeof(fault->word), "%s", word);
	fault->candidate_count = 3;
	memcpy(fault->candidate, zones, sizeof(zones));
}

/* ---- addresses ---- */

bool judge_within(const struct conf_prefix *prefix, const struct minato_addr *addr)
{
	size_t bytes = prefix->length / 8;
	unsigned bits = prefix->length % 8;

	if (memcmp(prefix->addr.bytes, addr->bytes, bytes) != 0)
		return false;
	return !bits || (prefix->addr.bytes[bytes] ^ addr->bytes[bytes]) >> (8 - bits) == 0;
}

bool judge_overlap(const struct conf_prefix *a, const struct conf_prefix *b)
{
	return a->length <= b->length ? judge_within(a, &b->addr) : judge_within(b, &a->addr);
}

bool judge_on_link(const struct conf_link *link, const struct minato_addr *addr)
{
	for (uint32_t i = 0; i < link->address_count; i++) {
		if (judge_within(&link->address[i], addr))
			return true;
	}
	return false;
}

/* Which addresses are where: there may be many statements, but few of these among them. */
struct place {
	enum { PLACE_OWN, PLACE_NET, PLACE_ROUTE } sort;
	bool outside;
	uint32_t line;
	struct conf_prefix prefix;
};
struct ground {
	struct place *place;
	size_t count;
	struct conf_drains drains;
};

static bool stands(const struct ground *ground, int sort, bool outside,
		   const struct minato_addr *addr)
{
	for (size_t i = 0; i < ground->count; i++) {
		const struct place *place = &ground->place[i];

		if ((int)place->sort == sort && place->outside == outside &&
		    judge_within(&place->prefix, addr))
			return true;
	}
	return false;
}

static bool is_own(const struct ground *ground, const struct minato_addr *addr)
{
	return stands(ground, PLACE_OWN, false, addr) || stands(ground, PLACE_OWN, true, addr);
}

static void add_link(struct ground *ground, const struct conf_statement *s)
{
	for (uint32_t i = 0; i < s->link.address_count; i++) {
		struct place place = { PLACE_NET, s->link.outside, s->line, s->link.address[i] };

		ground->place[ground->count++] = place;
		place.sort = PLACE_OWN;
		place.prefix.length = 128;
		ground->place[ground->count++] = place;
	}
}

/*
 * The statement behind whose link, inside, addresses of the prefix are; NULL: none. Those of an
 * outside's network are of that, whatever is inside too (RFC 4787 REQ-7).
 */
static const struct place *inside_of(const struct ground *ground, const struct conf_prefix *prefix)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < ground->count; i++) {
		const struct place *place = &ground->place[i];

		if (place->sort == PLACE_OWN || !judge_overlap(&place->prefix, prefix))
			continue;
		if (place->outside)
			return NULL;
		found = found ? found : place;
	}
	return found;
}

/* 0 or -ENOMEM. */
static int make_ground(struct ground *ground, const struct conf *conf)
{
	size_t room = 1;

	for (size_t i = 0; i < conf->count; i++)
		room += conf->list[i]->kind == CONF_KIND_LINK ? 2 * CONF_ADDRESSES_MAX : 1;
	ground->count = 0;
	conf_drains_find(&ground->drains, conf);
	ground->place = calloc(room, sizeof(ground->place[0]));
	if (!ground->place)
		return -ENOMEM;
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_LINK)
			add_link(ground, s);
	}
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_ROUTE && stands(ground, PLACE_NET, false, &s->route.via))
			ground->place[ground->count++] =
				(struct place){ PLACE_ROUTE, false, s->line, s->route.to };
	}
	/* One that is wrong is told of at its own line, and makes no host ours. */
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_POOL && !inside_of(ground, &s->pool.addresses))
			ground->place[ground->count++] =
				(struct place){ PLACE_OWN, true, s->line, s->pool.addresses };
	}
	return 0;
}

/* ---- links ---- */

/* What the links are, together. */
struct links {
	const struct conf_statement *first_inside, *first_outside, *host;
	uint32_t count, outside_count;
};

static struct links count_links(const struct conf *conf)
{
	struct links links = { 0 };

	for (size_t i = conf->count; i-- > 0;) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind != CONF_KIND_LINK)
			continue;
		links.count++;
		links.outside_count += s->link.outside;
		if (s->link.outside)
			links.first_outside = s;
		else
			links.first_inside = s;
		if (s->link.sort == CONF_LINK_HOST)
			links.host = s;
	}
	return links;
}

/*
 * The two sides may use the same range of IPv4 (RFC 4787 REQ-7), where nobody could choose; a slip
 * it is more often. IPv6 is not translated: of each address there is one.
 */
static void say_overlap(const struct conf_statement *a, const struct conf_statement *b,
			const struct conf_prefix *prefix, struct conf_report *report)
{
	if (a->link.outside == b->link.outside || !minato_addr_is4(&prefix->addr))
		judge_say(report, CONF_ERROR, b, CONF_PART_TARGET, a->line,
			  "hosts of this prefix would be on two links");
	else
		judge_say(report, CONF_WARNING, b, CONF_PART_TARGET, a->line,
			  "these addresses are inside and outside: each host is met from its own "
			  "side alone");
}

static void compare_links(const struct conf_statement *a, const struct conf_statement *b,
			  struct conf_report *report)
{
	const struct conf_link *x = &a->link;
	const struct conf_link *y = &b->link;

	if (x->sort == CONF_LINK_HOST && y->sort == CONF_LINK_HOST) {
		judge_say(report, CONF_ERROR, b, CONF_PART_SUBJECT, a->line,
			  "the host's sockets are an outside already");
		return;
	}
	if (x->sort == CONF_LINK_HOST || y->sort == CONF_LINK_HOST)
		return;
	if (!strcmp(x->ifname, y->ifname) && x->space == y->space && x->space_pid == y->space_pid &&
	    !strcmp(x->space_name, y->space_name)) {
		judge_say(report, CONF_ERROR, b, CONF_PART_SUBJECT, a->line, "%s is a link already",
			  y->ifname);
		return;
	}
	for (uint32_t i = 0; i < x->address_count; i++) {
		for (uint32_t k = 0; k < y->address_count; k++) {
			if (minato_addr_equal(&x->address[i].addr, &y->address[k].addr)) {
				judge_say(report, CONF_ERROR, b, CONF_PART_TARGET, a->line,
					  "two links have one address");
				return;
			}
			if (judge_overlap(&x->address[i], &y->address[k])) {
				say_overlap(a, b, &y->address[k], report);
				return;
			}
		}
	}
}

static void judge_links(const struct conf *conf, const struct links *links, bool whole,
			struct conf_report *report)
{
	uint32_t number = 0;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind != CONF_KIND_LINK)
			continue;
		number++;
		if (number == CONF_LINKS_MAX + 1)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0, "more than %d links",
				  CONF_LINKS_MAX);
		if (number > CONF_LINKS_MAX)
			continue;
		for (uint32_t k = 0; k < s->link.address_count; k++) {
			const struct minato_addr *addr = &s->link.address[k].addr;

			if (minato_addr_is4(addr) && addr->bytes[12] == 127)
				judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0,
					  "127.0.0.0/8 is each host's own, and on no link");
		}
		if (links->host && links->host != s && s->link.outside &&
		    s->link.sort != CONF_LINK_HOST)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, links->host->line,
				  "beside the host's sockets there is no other outside");
		for (size_t k = 0; k < i; k++) {
			if (conf->list[k]->kind == CONF_KIND_LINK)
				compare_links(conf->list[k], s, report);
		}
	}
	if (!whole)
		return;
	if (conf->count > 0 && !links->first_inside)
		judge_say(report, CONF_ERROR, links->count ? links->first_outside : conf->list[0],
			  CONF_PART_SUBJECT, 0, "no line says what is inside");
	if (conf->count > 0 && links->count && !links->first_outside)
		judge_say(report, CONF_ERROR, links->first_inside, CONF_PART_SUBJECT, 0,
			  "no line says what is outside");
}

/* ---- statements that stand alone, or twice ---- */

static void judge_route(const struct ground *ground, const struct conf_statement *s,
			struct conf_report *report)
{
	const struct minato_addr *via = &s->route.via;

	if (is_own(ground, via))
		judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0, "this address is our own");
	else if (!stands(ground, PLACE_NET, false, via) && !stands(ground, PLACE_NET, true, via))
		judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0,
			  "no link has a prefix with this gateway in it");
}

/* A router in the pool would be ours: nothing would leave. One of a route is told of there. */
static void judge_pool_hops(const struct conf *conf, const struct conf_statement *s,
			    struct conf_report *report)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *other = conf->list[i];
		char text[64];

		for (uint32_t k = 0; other->kind == CONF_KIND_LINK && k < other->link.via_count;
		     k++) {
			if (!judge_within(&s->pool.addresses, &other->link.via[k]))
				continue;
			minato_addr_format(&other->link.via[k], text, sizeof(text));
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, other->line,
				  "%s is a router, and no address of ours", text);
			return;
		}
	}
}

/* Fewer are few for a host alone. */
#define POOL_PORTS_FEW 128u
#define PORTS_SYSTEM 1024u

static void judge_pool_ports(const struct conf_statement *s, struct conf_report *report)
{
	uint32_t count = s->pool.high - s->pool.low + 1u;

	if (s->pool.low && s->pool.low < PORTS_SYSTEM)
		judge_say(report, CONF_WARNING, s, CONF_PART_EXTRA, 0,
			  "ports below %u are those of services: a forward cannot have one that a "
			  "translation holds",
			  PORTS_SYSTEM);
	if (s->pool.low && count < POOL_PORTS_FEW)
		judge_say(report, CONF_WARNING, s, CONF_PART_EXTRA, 0,
			  "each address has %u port%s for the translations of all its hosts", count,
			  count == 1 ? "" : "s");
}

static void judge_pool(const struct conf *conf, const struct ground *ground,
		       const struct conf_statement *s, const struct links *links,
		       struct conf_report *report)
{
	const struct place *inside = inside_of(ground, &s->pool.addresses);
	bool found = false;

	judge_pool_hops(conf, s, report);
	judge_pool_ports(s, report);
	if (inside)
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, inside->line,
			  "a pool is of outside addresses, and these are of hosts inside");

	if (links->host) {
		judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, links->host->line,
			  "the host's sockets have the host's addresses, no pool: leave it out, or "
			  "let the outside be an interface that has these addresses");
		return;
	}
	if (!s->pool.link[0]) {
		if (links->outside_count > 1)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				  "there are several outsides: say on which");
		return;
	}
	for (size_t i = 0; i < conf->count; i++)
		found |= conf->list[i]->kind == CONF_KIND_LINK && conf->list[i]->link.outside &&
			 !strcmp(conf->list[i]->link.ifname, s->pool.link);
	if (!found)
		judge_say(report, CONF_ERROR, s, CONF_PART_ON, 0, "no outside link is called %s",
			  s->pool.link);
}

static bool is_loopback(const struct minato_addr *addr)
{
	return minato_addr_is4(addr) && addr->bytes[12] == 127;
}

/* All hosts of a link at once; of a prefix of two there is no such address (RFC 3021). */
static bool is_broadcast(const struct ground *ground, const struct minato_addr *addr)
{
	for (size_t i = 0; i < ground->count && minato_addr_is4(addr); i++) {
		const struct place *place = &ground->place[i];
		bool all = place->sort == PLACE_NET && place->prefix.length < 127 &&
			   judge_within(&place->prefix, addr);

		for (uint32_t bit = place->prefix.length; all && bit < 128; bit++)
			all = addr->bytes[bit / 8] & 0x80u >> bit % 8;
		if (all)
			return true;
	}
	return false;
}

/* Whether the digits of a short group are a port of the forward, or one that everybody knows. */
static bool is_port_meant(const struct conf_forward *f, uint32_t group)
{
	static const uint16_t known[] = { 22, 25, 53, 80, 110, 143, 443, 465, 587, 853, 993, 995 };
	uint32_t port = 0;

	for (int shift = 12; shift >= 0; shift -= 4)
		port = port * 10 + (group >> shift & 15);
	for (uint32_t i = 0; i < f->run_count; i++) {
		if (port && f->run[i].first == port)
			return true;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i] == port)
			return true;
	}
	return false;
}

/*
 * "2001:db8::2:8087", "2001:db8::2:80": a port was meant, perhaps. A short one needs a number in
 * front of it that ends an address: "2001:db8::80" is how one calls a web server.
 */
static void judge_group(const struct conf_statement *s, const struct minato_endpoint *at,
			struct conf_report *report)
{
	const uint8_t *bytes = at->addr.bytes;
	uint32_t group = (uint32_t)bytes[14] << 8 | bytes[15];
	bool ends = !bytes[10] && !bytes[11] && (bytes[12] || bytes[13]);

	for (int shift = 12; shift >= 0; shift -= 4) {
		if ((group >> shift & 15) > 9)
			return;
	}
	if (minato_addr_is4(&at->addr) || at->port ||
	    (group < 0x1000 && !(ends && is_port_meant(&s->forward, group))))
		return;
	judge_say(report, CONF_WARNING, s, CONF_PART_TARGET, 0,
		  "%x is the end of the address; a port stands behind brackets: [ADDRESS]:%x",
		  group, group);
}

/* A host that connections are handed to. */
static void judge_host(const struct ground *ground, const struct conf_statement *s,
		       const struct minato_addr *host, struct conf_report *report)
{
	char text[64];

	minato_addr_format(host, text, sizeof(text));
	if (is_own(ground, host))
		judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0, "%s is the gateway itself",
			  text);
	else if (is_loopback(host))
		judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0,
			  "%s is a host's own: nobody is there for others", text);
	else if (is_broadcast(ground, host))
		judge_say(report, CONF_ERROR, s, CONF_PART_TARGET, 0,
			  "%s is the broadcast address of its link, and no host", text);
	else if (!stands(ground, PLACE_NET, false, host) &&
		 !stands(ground, PLACE_ROUTE, false, host))
		judge_say(report, CONF_WARNING, s, CONF_PART_TARGET, 0,
			  "%s is on no inside link, and no route leads there", text);
}

static void judge_sources(const struct ground *ground, const struct conf_statement *s,
			  const struct conf_prefix *source, uint32_t count,
			  struct conf_report *report)
{
	for (size_t i = 0; i < count * ground->count; i++) {
		const struct conf_prefix *prefix = &source[i / ground->count];
		const struct place *inside = &ground->place[i % ground->count];

		if (inside->sort != PLACE_NET || inside->outside ||
		    inside->prefix.length > prefix->length ||
		    !judge_within(&inside->prefix, &prefix->addr))
			continue;
		judge_say(report, CONF_WARNING, s, CONF_PART_SOURCE, inside->line,
			  "this can never match: these hosts are inside");
		return;
	}
}

static void judge_on(const struct ground *ground, const struct conf_statement *s,
		     const struct minato_addr *on, const struct links *links,
		     struct conf_report *report)
{
	char text[64];

	if (minato_addr_is_any(on) || links->host || stands(ground, PLACE_OWN, true, on))
		return;
	minato_addr_format(on, text, sizeof(text));
	judge_say(report, CONF_ERROR, s, CONF_PART_ON, 0,
		  "no outside link and no pool has the address %s", text);
}

static void judge_bounds(const struct conf_statement *s, uint32_t flows, uint32_t source_flows,
			 struct conf_report *report)
{
	if (flows && source_flows > flows)
		judge_say(report, CONF_WARNING, s, CONF_PART_SUBJECT, 0,
			  "at most %u per source is never reached: it is more than %u connections",
			  source_flows, flows);
}

static void judge_servers(const struct ground *ground, const struct conf_statement *s,
			  struct conf_report *report)
{
	const struct conf_forward *f = &s->forward;
	uint32_t takers = 0;

	if (f->to != CONF_TO_SERVERS)
		return;
	for (uint32_t i = 0; i < f->server_count; i++)
		takers += !conf_drains_has(&ground->drains, s, i);
	if (takers == 0)
		judge_say(report, CONF_WARNING, s, CONF_PART_TARGET, 0,
			  "no server is left for new connections: all drain");
	else if (f->server_count == 1 && (f->sticky || f->server[0].weight > 1))
		judge_say(report, CONF_WARNING, s, CONF_PART_TARGET, 0,
			  "there is one server alone: its weight and sticky change nothing");
}

static void judge_forward(const struct ground *ground, const struct conf_statement *s,
			  const struct links *links, bool whole, struct conf_report *report)
{
	const struct conf_forward *f = &s->forward;

	judge_bounds(s, f->flows_max, f->source_flows_max, report);
	judge_servers(ground, s, report);
	if (!whole)
		return;
	for (uint32_t i = 0; i < f->server_count; i++) {
		judge_host(ground, s, &f->server[i].at.addr, report);
		judge_group(s, &f->server[i].at, report);
	}
	judge_sources(ground, s, f->source, f->source_count, report);
	judge_on(ground, s, &f->on, links, report);
}

static void judge_drain(const struct conf *conf, const struct conf_statement *s,
			struct conf_report *report)
{
	char text[64];

	for (size_t i = 0; i < conf->count; i++) {
		if (conf_drain_meets(&s->drain, conf->list[i]))
			return;
	}
	minato_addr_format(&s->drain.host, text, sizeof(text));
	judge_say(report, CONF_WARNING, s, CONF_PART_SUBJECT, 0, "no forward%s leads to %s%s",
		  s->drain.port ? "" : " and no dmz", text, s->drain.port ? " at this port" : "");
}

static void judge_drains_count(const struct conf *conf, struct conf_report *report)
{
	uint32_t count = 0;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_DRAIN && ++count == CONF_DRAINS_MAX + 1)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				  "more than %u hosts drain", CONF_DRAINS_MAX);
	}
}

/* How many ports of one protocol the exceptions name; they do not meet. */
static uint32_t excepted(const struct conf_dmz *dmz, uint8_t protocol)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < dmz->except_count; i++) {
		if (dmz->except[i].protocols & protocol)
			count += dmz->except[i].run.last - dmz->except[i].run.first + 1u;
	}
	return count;
}

static void judge_dmz(const struct ground *ground, const struct conf_statement *s,
		      const struct links *links, bool whole, struct conf_report *report)
{
	const struct conf_dmz *dmz = &s->dmz;

	judge_bounds(s, dmz->flows_max, dmz->source_flows_max, report);
	if (excepted(dmz, CONF_TCP) == 65535 && excepted(dmz, CONF_UDP) == 65535)
		judge_say(report, CONF_WARNING, s, CONF_PART_EXTRA, 0,
			  "this can never match: every port is left out");
	if (!whole)
		return;
	judge_host(ground, s, &dmz->host, report);
	judge_sources(ground, s, dmz->source, dmz->source_count, report);
	judge_on(ground, s, &dmz->on, links, report);
}

static void judge_each(const struct conf *conf, const struct ground *ground,
		       const struct links *links, bool whole, struct conf_report *report)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_FORWARD)
			judge_forward(ground, s, links, whole, report);
		else if (s->kind == CONF_KIND_DMZ)
			judge_dmz(ground, s, links, whole, report);
		else if (s->kind == CONF_KIND_ROUTE && whole)
			judge_route(ground, s, report);
		else if (s->kind == CONF_KIND_POOL && whole)
			judge_pool(conf, ground, s, links, report);
		else if (s->kind == CONF_KIND_DRAIN && whole)
			judge_drain(conf, s, report);
	}
}

static void judge_pools_size(const struct conf *conf, struct conf_report *report)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];
		bool within = sum <= POOL_ADDRESSES_MAX;

		if (s->kind != CONF_KIND_POOL)
			continue;
		sum += 1u << (128 - s->pool.addresses.length); /* 4,096 of them at most 2^22 */
		if (within && sum > POOL_ADDRESSES_MAX)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				  "the pools have more than %u addresses together",
				  POOL_ADDRESSES_MAX);
	}
}

static void judge_routes_count(const struct conf *conf, struct conf_report *report)
{
	uint32_t count = 0;

	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_ROUTE && ++count == CONF_ROUTES_MAX + 1)
			judge_say(report, CONF_ERROR, s, CONF_PART_SUBJECT, 0,
				  "more than %u routes", CONF_ROUTES_MAX);
	}
}

/* The library says how much a host value can have, of all together. */
static void judge_capacity(const struct conf *conf, struct conf_report *report)
{
	const struct conf_statement *last = NULL;
	struct minato_config config;

	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_CAPACITY)
			last = conf->list[i];
	}
	if (!last)
		return;
	minato_config_init(&config);
	config.sessions_max = 1;
	for (int i = 0; i < CONF_CAPACITY_COUNT; i++) {
		uint32_t said = conf_capacity(conf, (enum conf_capacity_key)i);
		uint32_t *into = i == CONF_SESSIONS ? &config.sessions_max :
				 i == CONF_MAPPINGS ? &config.mappings_max :
						      &config.inside_hosts_max;

		*into = said ? said : *into;
	}
	if (!minato_size(&config))
		judge_say(report, CONF_ERROR, last, CONF_PART_SUBJECT, 0,
			  "a gateway cannot have so many, of all together");
}

/* ---- nat ---- */

/* The setting, or NULL where nothing is said. */
static const struct conf_statement *setting(const struct conf *conf, enum conf_nat_key key)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_NAT && conf->list[i]->nat.key == key)
			return conf->list[i];
	}
	return NULL;
}

static void judge_nat(const struct conf *conf, struct conf_report *report)
{
	const struct conf_statement *burst = setting(conf, CONF_NAT_HOST_BURST);
	const struct conf_statement *rate = setting(conf, CONF_NAT_HOST_RATE);
	const struct conf_statement *brief = setting(conf, CONF_NAT_UDP_SHORT_TIMEOUT);
	struct minato_nat nat;

	if (burst && (!rate || !rate->nat.value))
		judge_say(report, CONF_WARNING, burst, CONF_PART_SUBJECT, 0,
			  "without a bound of new ports per second this changes nothing");
	conf_nat_apply(&nat, conf);
	if (brief && nat.udp_short_s > nat.udp_s)
		judge_say(report, CONF_WARNING, brief, CONF_PART_SUBJECT, 0,
			  "the short time is longer than the other one (%us)", nat.udp_s);
}

int conf_judge(const struct conf *conf, struct conf_report *report)
{
	/* What a line that was not understood has said cannot be missed. */
	bool whole = report->errors == 0;
	struct links links = count_links(conf);
	struct ground ground;
	int result = make_ground(&ground, conf);

	if (result < 0)
		return result;
	judge_links(conf, &links, whole, report);
	judge_each(conf, &ground, &links, whole, report);
	if (whole) {
		hostjudge_judge(conf, report);
		ftpjudge_judge(conf, report);
	}
	free(ground.place);
	judge_pools_size(conf, report);
	judge_routes_count(conf, report);
	judge_drains_count(conf, report);
	judge_capacity(conf, report);
	judge_nat(conf, report);
	result = clash_judge(conf, report);
	if (result == 0 && whole)
		result = conf_rules_judge(conf, NULL, report);
	if (result < 0 && result != -EINVAL)
		return result;
	if (conf->count == 0 && whole) {
		struct conf_fault *fault =
			reader_report(report, CONF_ERROR, 1, (struct conf_mark){ 0, 0 });

		snprintf(fault->what, sizeof(fault->what),
			 "nothing is said here: the configuration has no inside link, as 'inside "
			 "eth1 10.0.0.1/24'");
	}
	return report->errors ? -EINVAL : 0;
}
