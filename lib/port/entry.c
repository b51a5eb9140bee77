/* SPDX-License-Identifier: BSD-2-Clause */
/* General entries: ranked, linked into words and intervals, given back. */
#include "port/port.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "minato/guard.h"

#define PREFIX4 96u /* bits before an IPv4 address */

static uint32_t *generation_at(const struct port_table *t, uint32_t entry)
{
	uint32_t *generations = port_part(t, t->generations_at);

	check(entry < t->limits.entries_max);
	return &generations[entry];
}

struct port_entry *entry_at(const struct port_table *t, uint32_t entry)
{
	check(entry < t->entries.fresh);
	return pool_at(&t->entries, entry);
}

/* --- keys: what an entry covers ------------------------------------------ */

bool entry_has_local(const struct port_entry *e, const struct minato_addr *a)
{
	if (e->v6_only && minato_addr_is4(a))
		return false;
	return addr_in_prefix(a, &e->local, e->local_prefix);
}

bool entry_overlap(const struct port_entry *a, const struct port_entry *b)
{
	const struct port_entry *wide = a->local_prefix <= b->local_prefix ? a :
									     b;
	const struct port_entry *narrow = wide == a ? b : a;

	if (narrow->local_prefix == 0)
		return true; /* both have the whole of IPv6 */
	return entry_has_local(wide, &narrow->local);
}

void entry_set_local(struct port_entry *e, const struct minato_addr *local,
		     bool v6_only)
{
	e->local = *local;
	e->local_prefix = 128;
	e->v6_only = false;
	if (!minato_addr_is_any(local))
		return;
	e->local_prefix = minato_addr_is4(local) ? PREFIX4 : 0;
	e->v6_only = v6_only && !minato_addr_is4(local);
}

static bool single_port(const struct port_entry *e)
{
	return e->first == e->last;
}

static bool any_port(const struct port_entry *e)
{
	return e->first == 0 && e->last == PORT_NUMBERS - 1;
}

enum port_set entry_set(const struct port_entry *e)
{
	if (e->kind == MINATO_KIND_GUARD && !e->behind)
		return e->rule ? PORT_RULES : PORT_GUARDS;
	if (e->kind == MINATO_KIND_RIGHT)
		return PORT_RIGHTS;
	if (e->kind == MINATO_KIND_ROUTE)
		return PORT_ROUTES;
	return e->kind == MINATO_KIND_RESERVED ? PORT_RESERVED : PORT_GENERAL;
}

static bool is_claim(const struct port_entry *e)
{
	return e->kind == MINATO_KIND_SOCKET || e->kind == MINATO_KIND_LEASE;
}

/* These are counted port by port; other ranges stand in a tree, in order. */
static bool counted_alone(const struct port_entry *e)
{
	return single_port(e) && e->scope != MINATO_SCOPE_ANY &&
	       entry_set(e) == PORT_GENERAL;
}

static bool in_tree(const struct port_entry *e)
{
	return !counted_alone(e) && e->kind != MINATO_KIND_GUARD;
}

bool entry_is_default(const struct port_entry *e)
{
	if (e->kind == MINATO_KIND_DMZ || e->behind)
		return true;
	if (e->kind != MINATO_KIND_UPLINK || !any_port(e))
		return false;
	return e->local_prefix == 0 ||
	       (e->local_prefix == PREFIX4 && minato_addr_is4(&e->local));
}

/* The list at the head of port.h, as one number. */
static uint64_t rank_of(const struct port_entry *e)
{
	uint64_t width = (uint64_t)e->last - e->first + 1;
	uint64_t rank = entry_is_default(e) ? 0 : 1;

	/* The IPv6 wildcard lies between any of both families and a prefix. */
	rank = rank << 9 | (2u * e->local_prefix + (e->v6_only ? 1 : 0));
	rank = rank << 17 | (PORT_NUMBERS - width);
	rank = rank << 8 | e->remote_prefix;
	rank = rank << 1 | (e->face != MINATO_FACE_ANY);
	return rank << 1 | (e->scope != MINATO_SCOPE_ANY);
}

bool entry_outranks(const struct port_entry *a, const struct port_entry *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank;
	return a->sequence < b->sequence;
}

/* --- links --------------------------------------------------------------- */

/* A rule of what has no ports is in none of these. */
static bool in_slot(const struct port_entry *e, uint32_t slot)
{
	return e->proto == 0 ? slot < 2 : slot == rule_slot(e->proto);
}

uint32_t entry_link(const struct port_entry *e, uint32_t slot)
{
	return e->proto == 0 && slot == 1;
}

/* These kinds keep ports from being chosen. */
static bool keeps_ports(const struct port_entry *e)
{
	return is_claim(e) || e->kind == MINATO_KIND_FORWARD ||
	       e->kind == MINATO_KIND_RESERVED;
}

/* An entry that keeps its port, counted. */
static void hold(struct port_table *t, uint32_t space, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);

	ledger_hold(t, space, e->first, !match_reaches(e, false));
	place_enter(t, space, entry);
}

static void release(struct port_table *t, uint32_t space, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);

	ledger_release(t, space, e->first, !match_reaches(e, false));
	place_leave(t, space, entry);
}

static void link_in(struct port_table *t, uint32_t entry, uint32_t slot)
{
	const struct port_entry *e = entry_at(t, entry);
	const uint32_t space = port_space_index(e->scope, slot);
	const uint32_t node = 2 * entry + entry_link(e, slot);

	t->space[space].count[entry_set(e)]++;
	if (!is_claim(e) && !e->rule) /* a claim answers when it accepts */
		match_enter(t, space, entry, entry_link(e, slot));
	if (in_tree(e)) {
		port_intervals(t)[node].first = e->first;
		port_intervals(t)[node].last = e->last;
		interval_insert(port_intervals(t),
				&t->space[space].root[entry_set(e)], node);
		t->range_changes += keeps_ports(e);
	} else if (keeps_ports(e)) {
		hold(t, space, entry);
	}
}

static void link_out(struct port_table *t, uint32_t entry, uint32_t slot)
{
	const struct port_entry *e = entry_at(t, entry);
	const uint32_t space = port_space_index(e->scope, slot);

	t->space[space].count[entry_set(e)]--;
	if (!e->rule && (!is_claim(e) || e->accepting))
		match_leave(t, space, entry, entry_link(e, slot));
	if (e->accepting && e->reuse_port)
		crew_leave(t, entry);
	if (in_tree(e)) {
		interval_remove(port_intervals(t),
				&t->space[space].root[entry_set(e)],
				2 * entry + entry_link(e, slot));
		t->range_changes += keeps_ports(e);
	} else if (keeps_ports(e)) {
		release(t, space, entry);
	}
}

/* The tree nodes go with the entry. */
static void unpoison_nodes(const struct port_table *t, uint32_t entry)
{
	unpoison(&port_intervals(t)[2 * entry], 2 * sizeof(struct interval));
	unpoison(match_nodes(t, entry), 4 * sizeof(struct interval));
}

static void poison_nodes(const struct port_table *t, uint32_t entry)
{
	poison(&port_intervals(t)[2 * entry], 2 * sizeof(struct interval));
	poison(match_nodes(t, entry), 4 * sizeof(struct interval));
}

uint32_t entry_place(struct port_table *t, const struct port_entry *e)
{
	uint32_t entry = pool_take(&t->entries);
	struct port_entry *placed;

	if (entry == POOL_NONE)
		return POOL_NONE;
	placed = entry_at(t, entry);
	*placed = *e;
	placed->rank = rank_of(e);
	placed->sequence = ++t->sequence;
	placed->hits = 0;
	++*generation_at(t, entry);
	check(port_entry_live(t, entry));
	unpoison_nodes(t, entry);
	for (uint32_t slot = 0; slot < PORT_PROTOS; slot++) {
		if (in_slot(placed, slot))
			link_in(t, entry, slot);
	}
	return entry;
}

/* --- equal keys ---------------------------------------------------------- */

/* A claim's key: one port of a scope, whoever is at the other end. */
static bool key_of_claim(const struct port_entry *e)
{
	return counted_alone(e) && e->remote_prefix == 0 &&
	       e->face == MINATO_FACE_ANY && !entry_is_default(e);
}

/* An entry of the same set, scope, protocol and key, or POOL_NONE. */
static uint32_t find_same(struct port_table *t, const struct port_entry *e)
{
	uint32_t found = POOL_NONE;

	for (uint32_t s = 0; s < PORT_PROTOS && found == POOL_NONE; s++) {
		const uint32_t space = port_space_index(e->scope, s);
		if (!in_slot(e, s) || t->space[space].count[entry_set(e)] == 0)
			continue;
		found = match_same(t, space, e);
		if (found == POOL_NONE && key_of_claim(e))
			found = place_claim(t, space, e);
	}
	return found;
}

/* --- the verbs ----------------------------------------------------------- */

/* It is asked of a socket, which has no remote end yet and is on no face. */
static bool valid_right(const struct minato_entry *in)
{
	return (in->verdict == MINATO_PASS || in->verdict == MINATO_REFUSE) &&
	       in->face == MINATO_FACE_ANY && in->remote_prefix == 0 &&
	       in->proto != MINATO_ICMP;
}

/* Of any port; a dmz of packets that are rewritten, to one host or group. */
static bool valid_dmz(const struct minato_entry *in)
{
	return in->translate && in->first == 0 &&
	       (in->last == 0 || in->last == UINT16_MAX);
}

/* Destinations, whoever of an inside sends there. */
static bool valid_route(const struct minato_entry *in)
{
	return in->proto == 0 && in->remote_prefix == 0 && in->first == 0 &&
	       (in->last == 0 || in->last == UINT16_MAX) &&
	       in->scope != MINATO_SCOPE_ANY && in->face == MINATO_FACE_ANY;
}

static bool valid_kind(const struct minato_entry *in)
{
	if (in->translate && in->kind != MINATO_KIND_FORWARD &&
	    in->kind != MINATO_KIND_DMZ)
		return false;
	if (in->kind == MINATO_KIND_DMZ)
		return valid_dmz(in);
	if (in->kind == MINATO_KIND_ROUTE)
		return valid_route(in);
	return in->kind == MINATO_KIND_FORWARD ||
	       in->kind == MINATO_KIND_UPLINK ||
	       in->kind == MINATO_KIND_GUARD ||
	       in->kind == MINATO_KIND_RESERVED ||
	       in->kind == MINATO_KIND_RIGHT;
}

static bool valid_numbers(const struct minato_entry *in)
{
	if (!valid_kind(in))
		return false;
	if (in->kind == MINATO_KIND_RIGHT && !valid_right(in))
		return false;
	if (in->scope >= PORT_SCOPES && in->scope != MINATO_SCOPE_ANY)
		return false;
	if (in->kind == MINATO_KIND_GUARD && in->verdict != MINATO_PASS &&
	    in->verdict != MINATO_REFUSE && in->verdict != MINATO_DROP)
		return false;
	return in->proto == 0 || in->proto == MINATO_TCP ||
	       in->proto == MINATO_UDP || in->proto == MINATO_ICMP ||
	       (in->proto == MINATO_PROTO_OTHER && in->order != 0);
}

/* What only a rule of the policy has, but its order. */
static bool has_rules_members(const struct minato_entry *in)
{
	return in->next || in->course != 0 || in->program != 0 ||
	       in->rate_count != 0 || in->rate_span_s != 0 || in->rate_each ||
	       in->rate_verdict != MINATO_PASS;
}

static bool valid_rate(const struct minato_entry *in)
{
	if (in->rate_count == 0)
		return in->rate_span_s == 0 && !in->rate_each &&
		       in->rate_verdict == MINATO_PASS;
	return in->verdict == MINATO_PASS && in->rate_span_s != 0 &&
	       (in->rate_verdict == MINATO_REFUSE ||
		in->rate_verdict == MINATO_DROP);
}

/* It shuts what is left; a rule has its place by its order. */
static bool valid_behind(const struct minato_entry *in)
{
	return !in->behind ||
	       (in->kind == MINATO_KIND_GUARD && in->order == 0 && !in->log &&
		in->verdict != MINATO_PASS);
}

static bool valid_rule(const struct minato_entry *in)
{
	if (in->order == 0)
		return !has_rules_members(in) &&
		       (!in->log || in->kind == MINATO_KIND_GUARD);
	return in->kind == MINATO_KIND_GUARD && in->order != UINT64_MAX &&
	       in->course <= MINATO_COURSE_OUT &&
	       in->program != MINATO_PROGRAM_UNKNOWN && valid_rate(in) &&
	       ((in->proto != MINATO_ICMP && in->proto != MINATO_PROTO_OTHER) ||
		in->last <= UINT8_MAX ||
		(in->first == 0 && in->last == UINT16_MAX));
}

/* Prefix length 0 with an address would silently mean any: it is refused. */
static bool valid_prefix(const struct minato_addr *a, uint32_t prefix_len)
{
	static const struct minato_addr zero;

	if (prefix_len == 0)
		return minato_addr_equal(a, &zero);
	return prefix_len <= 128;
}

/* The target's last port is one. 0..0 is any port. */
static bool valid_target(const struct minato_entry *in)
{
	const int width = in->last == 0 ? UINT16_MAX : in->last - in->first;

	return in->kind != MINATO_KIND_FORWARD || in->target.port == 0 ||
	       in->many_to_one || width <= UINT16_MAX - in->target.port;
}

static bool valid(const struct minato_entry *in)
{
	if (in->first > in->last || !valid_target(in))
		return false;
	return valid_numbers(in) &&
	       valid_prefix(&in->local, in->local_prefix) &&
	       valid_prefix(&in->remote, in->remote_prefix);
}

static void from_public(struct port_entry *e, const struct minato_entry *in)
{
	*e = (struct port_entry){
		.kind = (uint8_t)in->kind,
		.verdict = (uint8_t)in->verdict,
		.scope = in->scope,
		.face = in->face,
		.proto = in->proto,
		.local = in->local,
		.local_prefix = in->local_prefix,
		.remote = in->remote,
		.remote_prefix = in->remote_prefix,
		.first = in->first,
		.last = in->last,
		.target = in->target,
		.user = in->user,
		.until_ns = in->until_ns,
		.uid = in->kind == MINATO_KIND_RIGHT ? in->uid : 0,
		.logs = in->log && in->order == 0,
		.behind = in->behind,
	};
	if (in->first == 0 && in->last == 0)
		e->last = PORT_NUMBERS - 1;
	addr_mask(&e->local, e->local_prefix);
	addr_mask(&e->remote, e->remote_prefix);
}

/* A rule has no key that it would bar others from. */
static int64_t add_rule(struct port_table *t, struct port_entry *e,
			const struct minato_entry *in)
{
	uint32_t placed;

	if (!ruleset_has_room(t))
		return -ENOSPC;
	e->rule = true;
	placed = entry_place(t, e);
	if (placed == POOL_NONE)
		return -ENOSPC;
	ruleset_add(t, placed, in);
	return placed;
}

int64_t port_add(struct port_table *t, const struct minato_entry *entry,
		 uint32_t *holder)
{
	struct port_entry e;
	uint32_t same, placed;

	if (holder != NULL)
		*holder = POOL_NONE;
	if (!valid(entry) || !valid_rule(entry) || !valid_behind(entry))
		return -EINVAL;
	from_public(&e, entry);
	if (entry->order != 0)
		return add_rule(t, &e, entry);
	same = find_same(t, &e);
	if (holder != NULL)
		*holder = same;
	if (same != POOL_NONE)
		return -EADDRINUSE;
	placed = entry_place(t, &e);
	return placed == POOL_NONE ? -ENOSPC : (int64_t)placed;
}

void port_remove(struct port_table *t, uint32_t entry)
{
	check(port_entry_live(t, entry));
	if (entry_at(t, entry)->rule)
		ruleset_remove(t, entry);
	for (uint32_t slot = 0; slot < PORT_PROTOS; slot++) {
		if (in_slot(entry_at(t, entry), slot))
			link_out(t, entry, slot);
	}
	poison_nodes(t, entry);
	++*generation_at(t, entry);
	pool_give(&t->entries, entry);
}

int port_order(struct port_table *t, uint32_t entry, uint64_t order)
{
	check(port_entry_live(t, entry));
	if (!entry_at(t, entry)->rule || order == 0 || order == UINT64_MAX)
		return -EINVAL;
	return ruleset_order(t, entry, t->rules.policy, order);
}

int port_order_next(struct port_table *t, uint32_t entry, uint64_t order)
{
	check(port_entry_live(t, entry));
	if (!entry_at(t, entry)->rule || order == UINT64_MAX)
		return -EINVAL;
	return ruleset_order(t, entry, 1 - t->rules.policy, order);
}

void port_get(const struct port_table *t, uint32_t entry,
	      struct minato_entry *out)
{
	const struct port_entry *e = entry_at(t, entry);

	check(port_entry_live(t, entry));
	*out = (struct minato_entry){
		.kind = (enum minato_kind)e->kind,
		.verdict = (enum minato_verdict)e->verdict,
		.scope = e->scope,
		.face = e->face,
		.proto = e->proto,
		.local = e->local,
		.local_prefix = e->local_prefix,
		.remote = e->remote,
		.remote_prefix = e->remote_prefix,
		.first = e->first,
		.last = e->last,
		.target = e->target,
		.uid = e->kind == MINATO_KIND_RIGHT ? e->uid : 0,
		.user = e->user,
		.until_ns = e->until_ns,
		.log = e->logs,
		.behind = e->behind,
	};
	if (e->rule)
		ruleset_get(t, entry, out);
}

/* Odd generations are of entries in use. */
bool port_entry_live(const struct port_table *t, uint32_t entry)
{
	return entry < t->entries.fresh && (*generation_at(t, entry) & 1) == 1;
}

uint64_t port_entry_hits(const struct port_table *t, uint32_t entry)
{
	const struct port_entry *e = entry_at(t, entry);

	check(port_entry_live(t, entry));
	return e->rule ? ruleset_hits(t, entry) : e->hits;
}

uint64_t port_entry_user(const struct port_table *t, uint32_t entry)
{
	check(port_entry_live(t, entry));
	return entry_at(t, entry)->user;
}

static struct port_entry *unclaimed(const struct port_table *t, uint32_t entry)
{
	check(port_entry_live(t, entry));
	check(!is_claim(entry_at(t, entry)));
	return entry_at(t, entry);
}

uint32_t port_entry_owner(const struct port_table *t, uint32_t entry)
{
	return unclaimed(t, entry)->owner;
}

void port_entry_set_owner(struct port_table *t, uint32_t entry, uint32_t owner)
{
	unclaimed(t, entry)->owner = owner;
}

uint32_t port_entry_kept(const struct port_table *t, uint32_t entry)
{
	const struct port_entry *e = unclaimed(t, entry);

	check(e->kind == MINATO_KIND_FORWARD || e->kind == MINATO_KIND_DMZ);
	return e->uid;
}

void port_entry_set_kept(struct port_table *t, uint32_t entry, uint32_t kept)
{
	struct port_entry *e = unclaimed(t, entry);

	check(e->kind == MINATO_KIND_FORWARD || e->kind == MINATO_KIND_DMZ);
	e->uid = kept;
}

uint32_t port_entry_since(const struct port_table *t, uint32_t entry)
{
	return unclaimed(t, entry)->since;
}

void port_entry_set_since(struct port_table *t, uint32_t entry, uint32_t since)
{
	unclaimed(t, entry)->since = since;
}

uint32_t port_entry_generation(const struct port_table *t, uint32_t entry)
{
	return *generation_at(t, entry);
}

uint32_t port_entry_next(const struct port_table *t, uint32_t from)
{
	for (; from < t->entries.fresh; from++) {
		if (port_entry_live(t, from))
			return from;
	}
	return POOL_NONE;
}

bool port_entry_claim(const struct port_table *t, uint32_t entry,
		      struct port_claim *out)
{
	const struct port_entry *e;

	if (!port_entry_live(t, entry))
		return false;
	e = entry_at(t, entry);
	if (!is_claim(e))
		return false;
	*out = (struct port_claim){
		.lent = e->kind == MINATO_KIND_LEASE,
		.scope = e->scope,
		.proto = e->proto,
		.local = e->local,
		.port = e->first,
		.v6_only = e->v6_only,
		.reuse_addr = e->reuse_addr,
		.reuse_port = e->reuse_port,
		.exclusive = e->exclusive,
		.chosen = e->chosen,
		.uid = e->uid,
		.owner = e->owner,
		.user = e->user,
	};
	return true;
}
