/* SPDX-License-Identifier: BSD-2-Clause */
/* What statements are in a host value: entries of its port table, servers, settings. */
#include "conf/conf.h"

#include <string.h>

#include "minato/gateway.h"

#define PREFIX4 96u

static uint8_t proto_of(uint8_t protocols)
{
	return protocols == CONF_TCP ? MINATO_TCP : protocols == CONF_UDP ? MINATO_UDP : 0;
}

/* Every IPv4 address of ours, or this one. */
static void set_local(struct minato_entry *entry, const struct minato_addr *on)
{
	bool any = minato_addr_is_any(on);

	entry->local = any ? minato_addr4(0, 0, 0, 0) : *on;
	entry->local_prefix = any ? PREFIX4 : 128;
}

static struct minato_entry entry_of(enum minato_kind kind, uint64_t user)
{
	return (struct minato_entry){
		.kind = kind,
		.scope = CONF_SCOPE_OUTSIDE,
		.face = MINATO_FACE_ANY,
		.last = UINT16_MAX,
		.uid = MINATO_UID_NONE,
		.user = user,
	};
}

/* ---- forward ---- */

bool conf_ends_here(const struct conf_forward *forward)
{
	return forward->to == CONF_TO_SOCKET || forward->proxy;
}

static bool has_group(const struct conf_forward *f)
{
	return f->to == CONF_TO_SERVERS &&
	       (f->server_count > 1 || f->server[0].drain || f->check_s);
}

/* Outside are sockets of the host: nothing is handed on as packets. */
static bool has_host(const struct conf *conf)
{
	for (size_t i = 0; i < conf->count; i++) {
		if (conf->list[i]->kind == CONF_KIND_LINK &&
		    conf->list[i]->link.sort == CONF_LINK_HOST)
			return true;
	}
	return false;
}

static struct minato_entry forward_entry(const struct conf_forward *f, const struct conf_run *run,
					 uint64_t user)
{
	struct minato_entry entry = entry_of(MINATO_KIND_FORWARD, user);

	entry.proto = proto_of(f->protocols);
	entry.first = run->first;
	entry.last = run->last;
	entry.translate = !conf_ends_here(f);
	entry.flows_max = f->flows_max;
	entry.source_flows_max = f->source_flows_max;
	entry.many_to_one = f->many_to_one;
	set_local(&entry, f->to == CONF_TO_OPEN ? &f->server[0].at.addr : &f->on);
	if (f->to == CONF_TO_SERVERS && !has_group(f)) {
		entry.target = f->server[0].at;
		if (!entry.target.port)
			entry.target.port = run->first;
	}
	return entry;
}

static size_t forward_entries(const struct conf_forward *f, uint64_t user, struct minato_entry *out)
{
	size_t count = 0;

	for (uint32_t i = 0; i < f->run_count; i++) {
		uint32_t k = 0;

		do {
			out[count] = forward_entry(f, &f->run[i], user);
			if (k < f->source_count) {
				out[count].remote = f->source[k].addr;
				out[count].remote_prefix = f->source[k].length;
			}
			count++;
		} while (++k < f->source_count);
	}
	return count;
}

uint32_t conf_servers(const struct conf_statement *statement, struct minato_server *out)
{
	const struct conf_forward *f = &statement->forward;

	if (statement->kind != CONF_KIND_FORWARD || !has_group(f))
		return 0;
	for (uint32_t i = 0; i < f->server_count; i++) {
		out[i] = (struct minato_server){ 0 };
		out[i].at = f->server[i].at;
		out[i].weight = f->server[i].drain ? 0 : f->server[i].weight;
	}
	return f->server_count;
}

/* ---- dmz ---- */

static size_t dmz_entries(const struct conf_dmz *dmz, uint64_t user, struct minato_entry *out)
{
	size_t count = 0;
	uint32_t k = 0;

	do {
		struct minato_entry *entry = &out[count++];

		*entry = entry_of(MINATO_KIND_DMZ, user);
		set_local(entry, &dmz->on);
		entry->target.addr = dmz->host;
		entry->translate = true;
		entry->flows_max = dmz->flows_max;
		entry->source_flows_max = dmz->source_flows_max;
		if (k < dmz->source_count) {
			entry->remote = dmz->source[k].addr;
			entry->remote_prefix = dmz->source[k].length;
		}
	} while (++k < dmz->source_count);
	for (uint32_t i = 0; i < dmz->except_count; i++) {
		struct minato_entry *guard = &out[count++];
		struct minato_entry *reserved = &out[count++];

		*guard = entry_of(MINATO_KIND_GUARD, user);
		set_local(guard, &dmz->on);
		guard->verdict = MINATO_REFUSE;
		guard->behind = true; /* forwards go before the dmz in any case */
		guard->proto = proto_of(dmz->except[i].protocols);
		guard->first = dmz->except[i].run.first;
		guard->last = dmz->except[i].run.last;
		*reserved = *guard;
		reserved->kind = MINATO_KIND_RESERVED;
		reserved->verdict = MINATO_PASS;
		reserved->behind = false;
	}
	return count;
}

/* ---- never, reserve ---- */

static size_t never_entries(const struct conf *conf, const struct conf_prefix *never, uint64_t user,
			    struct minato_entry *out)
{
	uint8_t scope = CONF_SCOPE_INSIDE;
	size_t count = 0;

	for (size_t i = 0; i < conf->count && count < CONF_LINKS_MAX; i++) {
		if (conf->list[i]->kind != CONF_KIND_LINK || conf->list[i]->link.outside)
			continue;
		out[count] = entry_of(MINATO_KIND_ROUTE, user);
		out[count].scope = scope;
		out[count].local = never->addr;
		out[count].local_prefix = never->length;
		scope = scope == CONF_SCOPE_INSIDE ? CONF_SCOPE_OUTSIDE + 1 : (uint8_t)(scope + 1);
		count++;
	}
	return count;
}

static size_t reserve_entries(const struct conf_reserve *reserve, uint64_t user,
			      struct minato_entry *out)
{
	for (uint32_t i = 0; i < reserve->run_count; i++) {
		out[i] = entry_of(MINATO_KIND_RESERVED, user);
		out[i].scope = MINATO_SCOPE_ANY;
		out[i].proto = proto_of(reserve->protocols);
		out[i].first = reserve->run[i].first;
		out[i].last = reserve->run[i].last;
	}
	return reserve->run_count;
}

size_t conf_entries(const struct conf *conf, const struct conf_statement *statement, uint64_t user,
		    struct minato_entry out[CONF_ENTRIES_MAX])
{
	size_t count;

	switch (statement->kind) {
	case CONF_KIND_FORWARD:
		count = forward_entries(&statement->forward, user, out);
		for (size_t i = 0; i < count && has_host(conf); i++)
			out[i].translate = false;
		return count;
	case CONF_KIND_DMZ:
		return dmz_entries(&statement->dmz, user, out);
	case CONF_KIND_NEVER:
		return never_entries(conf, &statement->never, user, out);
	case CONF_KIND_RESERVE:
		return reserve_entries(&statement->reserve, user, out);
	case CONF_KIND_LINK:
	case CONF_KIND_ROUTE:
	case CONF_KIND_POOL:
	case CONF_KIND_DRAIN:
	case CONF_KIND_NAT:
	case CONF_KIND_CAPACITY:
	case CONF_KIND_LISTEN:
	case CONF_KIND_STATE:
	case CONF_KIND_TEST:
	case CONF_KIND_RULE:
	case CONF_KIND_ZONE:
	case CONF_KIND_SET:
	case CONF_KIND_SCANS:
	case CONF_KIND_ALERT:
	case CONF_KIND_COUNT:
		break;
	}
	return 0;
}

/* ---- settings ---- */

static void set_switch(struct minato_nat *nat, enum conf_nat_key key, bool on)
{
	bool *const fields[CONF_NAT_KEY_COUNT] = {
		[CONF_NAT_HAIRPIN] = &nat->hairpin,
		[CONF_NAT_OVERFLOW] = &nat->overflow,
		[CONF_NAT_PARITY] = &nat->parity,
		[CONF_NAT_PORT_CLASS] = &nat->port_class,
		[CONF_NAT_OTHER_ADDRESS] = &nat->other_address,
		[CONF_NAT_INBOUND_REFRESH] = &nat->inbound_refresh,
		[CONF_NAT_INBOUND_IPV6] = &nat->inbound_opens_ipv6,
		[CONF_NAT_INBOUND_IPSEC] = &nat->inbound_ipsec,
		[CONF_NAT_UNREACHABLE] = &nat->mark_unreachable,
		[CONF_NAT_ICMP_INSIDE] = &nat->icmp_to_inside,
		[CONF_NAT_ICMP_OUTSIDE] = &nat->icmp_to_outside,
		[CONF_NAT_CARRY] = &nat->carry,
	};

	if (fields[key])
		*fields[key] = on;
}

static void set_number(struct minato_nat *nat, enum conf_nat_key key, uint32_t value)
{
	uint32_t *const fields[CONF_NAT_KEY_COUNT] = {
		[CONF_NAT_UDP_TIMEOUT] = &nat->udp_s,
		[CONF_NAT_UDP_SHORT_TIMEOUT] = &nat->udp_short_s,
		[CONF_NAT_ESTABLISHED_TIMEOUT] = &nat->tcp_established_s,
		[CONF_NAT_OPENING_TIMEOUT] = &nat->tcp_opening_s,
		[CONF_NAT_CLOSING_TIMEOUT] = &nat->tcp_closing_s,
		[CONF_NAT_RESET_TIMEOUT] = &nat->tcp_reset_s,
		[CONF_NAT_ICMP_TIMEOUT] = &nat->icmp_s,
		[CONF_NAT_OTHER_TIMEOUT] = &nat->other_s,
		[CONF_NAT_SYN_TIMEOUT] = &nat->unsolicited_syn_s,
		[CONF_NAT_REST_TIMEOUT] = &nat->rest_s,
		[CONF_NAT_RESTS_MAX] = &nat->rests_max,
		[CONF_NAT_HOST_TCP] = &nat->host_tcp,
		[CONF_NAT_HOST_UDP] = &nat->host_udp,
		[CONF_NAT_HOST_ICMP] = &nat->host_icmp,
		[CONF_NAT_HOST_SESSIONS] = &nat->host_sessions,
		[CONF_NAT_HOST_RATE] = &nat->host_rate,
		[CONF_NAT_HOST_BURST] = &nat->host_burst,
	};

	if (fields[key])
		*fields[key] = value;
}

void conf_nat_set(struct minato_nat *nat, const struct conf_nat *setting)
{
	enum conf_nat_key key = setting->key;

	if (key == CONF_NAT_FILTERING || key == CONF_NAT_TCP_FILTERING)
		nat->tcp_filtering = (enum minato_filtering)setting->value;
	if (key == CONF_NAT_FILTERING || key == CONF_NAT_UDP_FILTERING)
		nat->udp_filtering = (enum minato_filtering)setting->value;
	set_switch(nat, key, setting->value);
	set_number(nat, key, setting->value);
}

void conf_nat_apply(struct minato_nat *nat, const struct conf *conf)
{
	minato_nat_init(nat);
	/* What is said of one protocol goes before what is said of both, wherever it stands. */
	for (int both = 1; both >= 0; both--) {
		for (size_t i = 0; i < conf->count; i++) {
			const struct conf_statement *s = conf->list[i];

			if (s->kind == CONF_KIND_NAT && (s->nat.key == CONF_NAT_FILTERING) == both)
				conf_nat_set(nat, &s->nat);
		}
	}
}

uint32_t conf_capacity(const struct conf *conf, enum conf_capacity_key key)
{
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		if (s->kind == CONF_KIND_CAPACITY && s->capacity.key == key)
			return s->capacity.value;
	}
	return 0;
}

/* Addresses of an outside that an outside without a pool translates to. */
static uint32_t own_addresses(const struct conf_link *link)
{
	uint32_t count = 0;

	for (uint32_t i = 0; link->outside && i < link->address_count; i++)
		count += minato_addr_is4(&link->address[i].addr);
	return count;
}

static int count_entry(void *user, size_t index, struct minato_entry *entry)
{
	uint32_t *count = user;

	(void)index;
	(void)entry;
	++*count;
	return 0;
}

/* Every rule of one is bounded; where memory is short, whoever enters them will see. */
uint32_t conf_rules_count(const struct conf *conf)
{
	const struct conf_zones zones = { .guest = false };
	uint32_t count = 0;

	(void)conf_policy(conf, &zones, count_entry, &count);
	return count;
}

void conf_plan(struct minato_config *config, const struct conf *conf)
{
	struct minato_entry entries[CONF_ENTRIES_MAX];
	uint32_t *const capacities[CONF_CAPACITY_COUNT] = {
		[CONF_SESSIONS] = &config->sessions_max,
		[CONF_MAPPINGS] = &config->mappings_max,
		[CONF_HOSTS] = &config->inside_hosts_max,
	};

	config->entries_max += conf_rules_count(conf);
	for (size_t i = 0; i < conf->count; i++) {
		const struct conf_statement *s = conf->list[i];

		config->entries_max += (uint32_t)conf_entries(conf, s, 0, entries);
		if (s->kind == CONF_KIND_POOL)
			config->pool_addresses_max += 1u << (128 - s->pool.addresses.length);
		if (s->kind == CONF_KIND_LINK) {
			config->pool_addresses_max += own_addresses(&s->link);
			config->routes_max += s->link.address_count + s->link.via_count;
		}
		config->routes_max += s->kind == CONF_KIND_ROUTE;
		if (s->kind == CONF_KIND_CAPACITY)
			*capacities[s->capacity.key] = s->capacity.value;
	}
}
