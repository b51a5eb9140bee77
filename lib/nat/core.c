/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of the gateway as a whole: how it lies in memory, time, options. */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

#define LINE 64u
#define MS_PER_S 1000u
#define TIMER_MAX_S (30u * 24 * 3600)
#define REST_MAX_S (7u * 24 * 3600)

/* --- options ------------------------------------------------------------- */

void minato_nat_init(struct minato_nat *nat)
{
	*nat = (struct minato_nat){
		.tcp_filtering = MINATO_FILTER_ENDPOINT,
		.udp_filtering = MINATO_FILTER_ENDPOINT,
		.hairpin = true,
		.overflow = true,
		.port_class = true,
		.mark_unreachable = true,
		.icmp_to_inside = true,
		.icmp_to_outside = true,
		.carry = true,
		.udp_s = 300,
		.tcp_established_s = 7440,
		.tcp_opening_s = 240,
		.tcp_closing_s = 240,
		.tcp_reset_s = 240,
		.icmp_s = 60,
		.other_s = 600,
		.unsolicited_syn_s = 6,
		.rest_s = 120,
		.rests_max = 65536,
	};
}

static bool timer_valid(uint32_t s, uint32_t least)
{
	return s >= least && s <= TIMER_MAX_S;
}

/* The least values: RFC 4787 REQ-5, RFC 5382 REQ-5 and REQ-4, RFC 5508 REQ-2,
   RFC 7857 2, RFC 6092 3.2.2. */
static bool timers_valid(const struct minato_nat *o)
{
	return timer_valid(o->udp_s, 120) && o->udp_short_s <= TIMER_MAX_S &&
	       timer_valid(o->tcp_established_s, 7440) &&
	       timer_valid(o->tcp_opening_s, 240) &&
	       timer_valid(o->tcp_closing_s, 240) &&
	       timer_valid(o->tcp_reset_s, 240) && timer_valid(o->icmp_s, 60) &&
	       timer_valid(o->other_s, 120) &&
	       (o->unsolicited_syn_s == 0 ||
		timer_valid(o->unsolicited_syn_s, 6)) &&
	       o->rest_s <= REST_MAX_S && o->rests_max <= NAT_RESTS_LIMIT;
}

/* Whether a timer is shorter than it was. */
static bool apply(struct nat *n)
{
	const struct minato_nat *o = &n->options;
	const uint32_t seconds[NAT_TIMERS] = {
		[NAT_TIMER_UDP] = o->udp_s,
		[NAT_TIMER_SHORT] = o->udp_short_s != 0 ? o->udp_short_s :
							  o->udp_s,
		[NAT_TIMER_ICMP] = o->icmp_s,
		[NAT_TIMER_OTHER] = o->other_s,
		[NAT_TIMER_OPENING] = o->tcp_opening_s,
		[NAT_TIMER_OPEN] = o->tcp_established_s,
		[NAT_TIMER_CLOSING] = o->tcp_closing_s,
		[NAT_TIMER_RESET] = o->tcp_reset_s,
	};

	bool shorter = false;

	for (uint32_t i = 0; i < NAT_TIMERS; i++) {
		shorter |= seconds[i] * MS_PER_S < n->timeout_ms[i];
		n->timeout_ms[i] = seconds[i] * MS_PER_S;
	}
	return shorter;
}

int nat_set(struct nat *n, const struct minato_nat *nat)
{
	if ((uint32_t)nat->tcp_filtering > MINATO_FILTER_ADDRESS_PORT ||
	    (uint32_t)nat->udp_filtering > MINATO_FILTER_ADDRESS_PORT ||
	    !timers_valid(nat))
		return -EINVAL;
	n->options = *nat;
	if (apply(n))
		expiry_rearm(n);
	nat_offers_look(n);
	return 0;
}

const struct minato_nat *nat_get(const struct nat *n)
{
	return &n->options;
}

/* --- memory -------------------------------------------------------------- */

struct layout {
	size_t sessions4, sessions6, mappings, hosts, forwards;
	size_t pools, ports, groups, news, openings, end;
};

static size_t reserve(struct layout *l, size_t bytes)
{
	const size_t at = l->end;

	l->end += (bytes + LINE - 1) & ~(size_t)(LINE - 1);
	return at;
}

static struct layout lay_out(const struct nat_limits *limits)
{
	const size_t sessions = limits->sessions_max;
	const size_t pools = limits->pools_max;
	struct layout l = { 0 };

	check(sessions < NAT_SIX && limits->mappings_max < NAT_SIX &&
	      limits->hosts_max < NAT_SIX && pools <= NAT_POOLS_LIMIT);
	reserve(&l, sizeof(struct nat));
	l.sessions4 = reserve(&l, sessions * sizeof(struct nat_session));
	l.sessions6 = reserve(&l, sessions * sizeof(struct nat_session6));
	l.mappings =
		reserve(&l, limits->mappings_max * sizeof(struct nat_mapping));
	l.hosts = reserve(&l, limits->hosts_max * sizeof(struct nat_host));
	l.forwards =
		reserve(&l, limits->forwards_max * sizeof(struct nat_forward));
	l.pools = reserve(&l, pools * sizeof(struct nat_pool));
	l.ports = reserve(&l, pools * PORT_PROTOS * sizeof(struct nat_ports));
	l.groups = reserve(&l, NAT_GROUPS_MAX * sizeof(struct nat_group));
	l.news = reserve(&l, NAT_NEWS_MAX * sizeof(struct minato_nat_news));
	l.openings = reserve(&l, opening_capacity(limits) *
					 sizeof(struct nat_opening));
	return l;
}

size_t core_sessions4(const struct nat_limits *limits)
{
	return lay_out(limits).sessions4;
}

size_t core_sessions6(const struct nat_limits *limits)
{
	return lay_out(limits).sessions6;
}

size_t nat_bytes(const struct nat_limits *limits)
{
	return lay_out(limits).end;
}

void nat_first(const struct nat_limits *limits, uint32_t count,
	       struct minato_range parts[NAT_FIRST_PARTS])
{
	const struct layout l = lay_out(limits);

	parts[0] = (struct minato_range){
		l.sessions4, count * sizeof(struct nat_session)
	};
	parts[1] = (struct minato_range){
		l.mappings, count * sizeof(struct nat_mapping)
	};
}

/* Of a session two and a peer, of a mapping two; one of each of the others. */
uint64_t nat_tuples(const struct nat_limits *limits)
{
	return 3 * (uint64_t)limits->sessions_max +
	       2 * (uint64_t)limits->mappings_max + limits->hosts_max +
	       limits->pools_max + NAT_SOURCES_MAX;
}

static struct nat_slots slots(size_t at, size_t size, uint32_t capacity)
{
	return (struct nat_slots){ .at = (int64_t)at,
				   .size = (uint32_t)size,
				   .capacity = capacity,
				   .free = NAT_NONE };
}

static void init_slots(struct nat *n, const struct layout *l)
{
	const struct nat_limits *limits = &n->limits;

	n->sessions4 = slots(l->sessions4, sizeof(struct nat_session),
			     limits->sessions_max);
	n->sessions6 = slots(l->sessions6, sizeof(struct nat_session6),
			     limits->sessions_max);
	n->mappings = slots(l->mappings, sizeof(struct nat_mapping),
			    limits->mappings_max);
	n->hosts = slots(l->hosts, sizeof(struct nat_host), limits->hosts_max);
	n->forwards = slots(l->forwards, sizeof(struct nat_forward),
			    limits->forwards_max);
}

struct nat *nat_init(void *memory, const struct nat_limits *limits,
		     struct port_table *table, const struct hash_key *key,
		     struct minato_time now)
{
	const struct layout l = lay_out(limits);
	struct nat *n = memory;

	check((uintptr_t)memory % LINE == 0);
	n->limits = *limits;
	n->table = (char *)table - (char *)n;
	n->key = *key;
	n->now = now;
	n->now_ms = (uint32_t)(now.ns / NS_PER_MS);
	n->pools = (int64_t)l.pools;
	n->ports = (int64_t)l.ports;
	n->groups = (int64_t)l.groups;
	n->news = (int64_t)l.news;
	n->openings = (int64_t)l.openings;
	n->opening.capacity = opening_capacity(limits);
	random_init(&n->random, key, UINT64_C(0x6e6174));
	n->full_at = UINT64_MAX;
	init_slots(n, &l);
	expiry_init(n);
	minato_nat_init(&n->options);
	apply(n);
	return n;
}

uint32_t nat_slot_take(struct nat *n, struct nat_slots *s)
{
	uint32_t index = s->free;

	if (index != NAT_NONE) {
		memcpy(&s->free, nat_slot(n, s, index), sizeof(s->free));
		if (s->free != NAT_NONE) /* the next one's turn comes */
			__builtin_prefetch(nat_slot(n, s, s->free), 1);
	} else if (s->fresh < s->capacity) {
		index = s->fresh++;
	} else {
		return NAT_NONE;
	}
	s->used++;
	return index;
}

void nat_slot_give(struct nat *n, struct nat_slots *s, uint32_t index)
{
	check(index < s->fresh && s->used > 0);
	memcpy(nat_slot(n, s, index), &s->free, sizeof(s->free));
	s->free = index;
	s->used--;
}

/* --- tuples -------------------------------------------------------------- */

void nat_untuple(struct nat *n, const struct port_key *key)
{
	const bool erased = port_tuple_erase(nat_table(n), key);

	check(erased);
}

uint32_t nat_number(struct nat *n, const struct port_key *key, uint8_t class,
		    int step)
{
	struct port_tuple_ref ref = { .owner = 1,
				      .class = class,
				      .quiet = true };

	if (!port_tuple_find(nat_table(n), key, &ref, NULL)) {
		check(step > 0);
		return port_tuple_insert(nat_table(n), key, ref) >= 0;
	}
	check(ref.class == class && ref.owner > 0);
	ref.owner += (uint32_t)step;
	if (ref.owner == 0)
		nat_untuple(n, key);
	else
		port_tuple_reassign(nat_table(n), key, ref);
	return ref.owner;
}

/* --- time ---------------------------------------------------------------- */

void nat_advance(struct nat *n, struct minato_time now)
{
	if (now.ns > n->now.ns) {
		n->now = now;
		n->now_ms = (uint32_t)(now.ns / NS_PER_MS);
	}
	expiry_run(n);
}

struct minato_time nat_deadline(const struct nat *n)
{
	return expiry_next(n);
}

/* --- counters ------------------------------------------------------------ */

uint64_t nat_counter(const struct nat *n, enum nat_counter counter)
{
	return n->counters[counter];
}

const char *nat_counter_name(enum nat_counter counter)
{
	static const char *const names[NAT_COUNTER_COUNT] = {
#define X(name, text) [NAT_COUNT_##name] = text,
		NAT_COUNTERS(X)
#undef X
	};

	check((uint32_t)counter < NAT_COUNTER_COUNT);
	return names[counter];
}

/* --- insides ------------------------------------------------------------- */

static struct nat_prefix *find_inside(struct nat *n, uint8_t scope,
				      const struct minato_addr *prefix,
				      uint8_t len)
{
	for (uint32_t i = 0; i < NAT_INSIDES_MAX; i++) {
		struct nat_prefix *p = &n->inside[i];
		if (p->live && p->scope == scope && p->len == len &&
		    minato_addr_equal(&p->addr, prefix))
			return p;
	}
	return NULL;
}

int nat_inside_add(struct nat *n, uint8_t scope,
		   const struct minato_addr *prefix, uint8_t len)
{
	for (uint32_t i = 0; i < NAT_INSIDES_MAX; i++) {
		if (n->inside[i].live)
			continue;
		n->inside[i] = (struct nat_prefix){ .addr = *prefix,
						    .len = len,
						    .scope = scope,
						    .live = true };
		return 0;
	}
	return -ENOSPC;
}

int nat_inside_remove(struct nat *n, uint8_t scope,
		      const struct minato_addr *prefix, uint8_t len)
{
	struct nat_prefix *p = find_inside(n, scope, prefix, len);

	if (p == NULL)
		return -ENOENT;
	p->live = false;
	return 0;
}

uint8_t nat_inside_scope(const struct nat *n, const struct minato_addr *a)
{
	uint8_t scope = n->limits.inside_scope;
	int best = -1;

	for (uint32_t i = 0; i < NAT_INSIDES_MAX; i++) {
		const struct nat_prefix *p = &n->inside[i];
		if (!p->live || (int)p->len <= best ||
		    !addr_in_prefix(a, &p->addr, p->len))
			continue;
		best = p->len;
		scope = p->scope;
	}
	return scope;
}
