/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Forwards and dmz: what the port table does not keep of them. Most are entries
 * whose packets are rewritten; the flows of a held one end with its owner, who
 * says when they begin and end. The slot outlives the entry while flows of it
 * live.
 */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

/* Beside 0.0.0.1 and 0.0.0.2 of mapping.c, in 0.0.0.0/8. */
#define SOURCE_FIRST 16u
#define SLOTS_MAX ((1u << 24) - SOURCE_FIRST)

uint32_t forwards_kept(const struct nat *n, uint32_t entry)
{
	const uint32_t kept = port_entry_kept(nat_table(n), entry);

	return kept != 0 ? kept - 1 : NAT_NONE;
}

uint32_t forwards_of(const struct nat *n, uint32_t entry)
{
	const uint32_t forward = forwards_kept(n, entry);

	return forward == NAT_NONE || forwards_at(n, forward)->held ? NAT_NONE :
								      forward;
}

/* IPv6 without a target: opened as it is. IPv4: somebody must get it. */
static bool valid(const struct minato_entry *e)
{
	const struct minato_addr *to = &e->target.addr;
	static const struct minato_addr zero;
	const bool none = minato_addr_equal(to, &zero);
	const bool local_any = e->local_prefix == 0;
	const bool local4 = e->local_prefix >= 96 && minato_addr_is4(&e->local);

	if (e->group != 0)
		return none || e->target.port != 0;
	if (!e->translate && e->kind == MINATO_KIND_FORWARD)
		return !e->many_to_one || e->target.port != 0;
	if (e->kind == MINATO_KIND_DMZ)
		return !none && minato_addr_is4(to) && e->target.port == 0 &&
		       (local4 || local_any);
	if (none)
		return !local4 && e->target.port == 0 && !e->many_to_one;
	if (minato_addr_is_any(to) || addr_is_multicast(to) ||
	    (e->many_to_one && e->target.port == 0))
		return false;
	return local_any || minato_addr_is4(to) == local4;
}

static bool is_forward(const struct nat *n, uint32_t entry)
{
	struct minato_entry e;

	port_get(nat_table(n), entry, &e);
	return (e.kind == MINATO_KIND_FORWARD || e.kind == MINATO_KIND_DMZ) &&
	       forwards_kept(n, entry) != NAT_NONE;
}

static int add_route(struct nat *n, uint32_t entry,
		     const struct minato_entry *what)
{
	if (n->route_count == NAT_ROUTES_MAX)
		return -ENOSPC;
	n->route[n->route_count++] = (struct nat_prefix){
		.addr = what->local,
		.entry = entry,
		.len = what->local_prefix,
		.scope = what->scope,
		.live = true,
	};
	return 0;
}

static void remove_route(struct nat *n, uint32_t entry)
{
	for (uint32_t i = 0; i < n->route_count; i++) {
		if (n->route[i].entry != entry)
			continue;
		n->route[i] = n->route[--n->route_count];
		return;
	}
}

int nat_forward_add(struct nat *n, uint32_t entry, uint32_t bounds,
		    const struct minato_entry *what)
{
	static const struct minato_addr zero;
	uint32_t group = NAT_NONE, forward;

	if (what->kind == MINATO_KIND_ROUTE)
		return add_route(n, entry, what);
	if (!valid(what))
		return -EINVAL;
	if (bounds != NAT_NONE && !is_forward(n, bounds))
		return -EBADF;
	if (what->group != 0) {
		group = servers_find(n, what->group);
		if (group == NAT_NONE)
			return -EBADF;
	}
	forward = nat_slot_take(n, &n->forwards);
	if (forward == NAT_NONE || forward >= SLOTS_MAX)
		return -ENOSPC;
	*forwards_at(n, forward) = (struct nat_forward){
		.entry = entry,
		.bounds = forward,
		.flows_max = what->flows_max,
		.source_flows_max = what->source_flows_max,
		.group = group + 1,
		.target = what->target,
		.first = what->first,
		.many_to_one = what->many_to_one,
		.opens = what->translate && group == NAT_NONE &&
			 minato_addr_equal(&what->target.addr, &zero),
		.held = !what->translate && what->kind == MINATO_KIND_FORWARD,
		.live = true,
	};
	if (bounds != NAT_NONE) {
		bounds = forwards_at(n, forwards_kept(n, bounds))->bounds;
		forwards_at(n, forward)->bounds = bounds;
		forwards_at(n, bounds)->others++;
	}
	if (group != NAT_NONE)
		group_at(n, group)->refs++;
	port_entry_set_kept(nat_table(n), entry, forward + 1);
	return 0;
}

int64_t forwards_orphan(struct nat *n)
{
	uint32_t forward;

	if (n->orphan != 0)
		return n->orphan - 1;
	forward = nat_slot_take(n, &n->forwards);
	if (forward == NAT_NONE)
		return -1;
	n->orphan = forward + 1;
	*forwards_at(n, forward) = (struct nat_forward){
		.entry = NAT_NONE,
		.bounds = forward,
		.live = true,
	};
	return forward;
}

static bool is_over(const struct nat_forward *f)
{
	return f->entry == NAT_NONE && f->flows == 0 && f->others == 0;
}

void forwards_settle(struct nat *n, uint32_t forward)
{
	/* Whose bounds another has has its own, so this goes once further. */
	while (is_over(forwards_at(n, forward))) {
		struct nat_forward *f = forwards_at(n, forward);
		const uint32_t bounds = f->bounds;
		f->live = false;
		if (n->orphan == forward + 1)
			n->orphan = 0;
		nat_slot_give(n, &n->forwards, forward);
		if (bounds == forward)
			return;
		forward = bounds;
		check(forwards_at(n, forward)->bounds == forward &&
		      forwards_at(n, forward)->others > 0);
		forwards_at(n, forward)->others--;
	}
}

void nat_forward_remove(struct nat *n, uint32_t entry)
{
	struct nat_forward *f;
	uint32_t forward;

	remove_route(n, entry);
	if (!is_forward(n, entry))
		return;
	forward = forwards_kept(n, entry);
	f = forwards_at(n, forward);
	if (f->group != 0)
		group_at(n, f->group - 1)->refs--;
	f->group = 0;
	f->entry = NAT_NONE;
	forwards_settle(n, forward);
}

void nat_forward_get(const struct nat *n, uint32_t entry,
		     struct minato_entry *out)
{
	const struct nat_forward *f, *bounds;

	if (!is_forward(n, entry))
		return;
	f = forwards_at(n, forwards_kept(n, entry));
	bounds = forwards_bounds(n, forwards_kept(n, entry));
	out->translate = !f->held;
	out->many_to_one = f->many_to_one;
	out->flows_max = bounds->flows_max;
	out->source_flows_max = bounds->source_flows_max;
	out->bounds_of = bounds != f && bounds->entry != NAT_NONE ?
				 (uint64_t)bounds->entry + 1 :
				 0;
	if (f->group != 0)
		out->group = (uint64_t)group_at(n, f->group - 1)->generation
				     << 32 |
			     f->group;
}

bool nat_forward_drain(struct nat *n, uint32_t entry, bool drain)
{
	if (!is_forward(n, entry))
		return false;
	forwards_at(n, forwards_kept(n, entry))->drains = drain;
	return true;
}

/* --- against living mappings --------------------------------------------- */

/* A port of [first, last] that a mapping has at this address. */
static uint32_t taken_at(const struct nat *n, uint32_t pool, uint8_t proto,
			 uint32_t first, uint32_t last)
{
	const struct nat_ports *p = outside_ports(n, pool, proto);
	struct minato_endpoint at = { .addr = pool_record(n, pool)->addr };

	for (uint32_t port = first; port <= last; port++) {
		uint32_t mapping;
		if (p->free.count[port >> 6] == 64) { /* a word at a time */
			port |= 63;
			continue;
		}
		if (bitmap_free(&p->free, (uint16_t)port))
			continue;
		at.port = (uint16_t)port;
		mapping = mapping_of_outside(n, proto, &at);
		if (mapping != NAT_NONE)
			return mapping;
	}
	return NAT_NONE;
}

uint32_t nat_forward_taken(const struct nat *n, const struct minato_entry *what)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP, MINATO_ICMP };
	const bool any = what->first == 0 && what->last == 0;
	uint32_t mapping = NAT_NONE;

	if (what->scope != n->limits.outside_scope &&
	    what->scope != MINATO_SCOPE_ANY)
		return POOL_NONE;
	for (uint32_t i = 0; i < n->pool_count * PORT_PROTOS; i++) {
		const uint32_t pool = n->pool_live[i / PORT_PROTOS];
		const uint8_t proto = protos[i % PORT_PROTOS];
		const struct minato_addr *a = &pool_record(n, pool)->addr;
		if (!addr_in_prefix(a, &what->local, what->local_prefix) ||
		    (what->proto == 0 ? proto == MINATO_ICMP :
					proto != what->proto))
			continue;
		mapping = taken_at(n, pool, proto, what->first,
				   any ? UINT16_MAX : what->last);
		if (mapping != NAT_NONE)
			break;
	}
	return mapping;
}

/* --- flows --------------------------------------------------------------- */

void forwards_source_key(const struct nat *n, uint32_t forward,
			 const struct minato_addr *source, struct port_key *out)
{
	const uint32_t number = forwards_at(n, forward)->bounds + SOURCE_FIRST;

	*out = (struct port_key){
		.local = minato_addr4(0, (uint8_t)(number >> 16),
				      (uint8_t)(number >> 8), (uint8_t)number),
		.remote = *source,
		.scope = n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
	};
	if (!minato_addr_is4(source))
		memset(out->remote.bytes + 8, 0, 8);
}

/* One more of the source, counted already. */
static bool source_may_begin(struct nat *n, uint32_t forward,
			     const struct minato_addr *source)
{
	const uint32_t most = forwards_bounds(n, forward)->source_flows_max;
	struct port_key key;
	uint32_t flows;

	forwards_source_key(n, forward, source, &key);
	if (n->sources == NAT_SOURCES_MAX &&
	    !port_tuple_find(nat_table(n), &key, &(struct port_tuple_ref){ 0 },
			     NULL))
		return false;
	flows = nat_number(n, &key, NAT_CLASS_SOURCE, 1);
	n->sources += flows == 1;
	if (flows != 0 && flows <= most)
		return true;
	if (flows != 0 && nat_number(n, &key, NAT_CLASS_SOURCE, -1) == 0)
		n->sources--;
	return false;
}

/* A range keeps its offset, unless all lead to one port. A held one without a
   target leads where its owner alone knows. */
static void translate(const struct nat_forward *f,
		      const struct minato_endpoint *to,
		      const struct minato_endpoint *asked,
		      struct minato_endpoint *target)
{
	static const struct minato_addr zero;

	target->addr = to->addr;
	target->port = to->port;
	if (f->held && minato_addr_equal(&to->addr, &zero))
		return;
	if (to->port == 0)
		target->port = asked->port;
	else if (!f->many_to_one)
		target->port = (uint16_t)(to->port + (asked->port - f->first));
}

static bool is_full(const struct nat_forward *bounds)
{
	return bounds->flows_max != 0 && bounds->current >= bounds->flows_max;
}

int64_t forwards_choose(struct nat *n, uint32_t forward,
			const struct minato_endpoint *client,
			const struct minato_endpoint *asked,
			struct minato_endpoint *target)
{
	const struct nat_forward *f = forwards_at(n, forward);
	const struct minato_server *server = NULL;

	if (f->drains)
		return nat_refusal(NAT_COUNT_NO_SERVER);
	if (is_full(forwards_bounds(n, forward)))
		return nat_refusal(NAT_COUNT_FORWARD_FLOWS);
	if (f->group != 0) {
		server = servers_choose(n, f->group - 1, client);
		if (server == NULL)
			return nat_refusal(NAT_COUNT_NO_SERVER);
	}
	if (f->opens)
		*target = *asked;
	else
		translate(f, server != NULL ? &server->at : &f->target, asked,
			  target);
	if (forwards_bounds(n, forward)->source_flows_max != 0 &&
	    !source_may_begin(n, forward, &client->addr))
		return nat_refusal(NAT_COUNT_SOURCE_FLOWS);
	return 0;
}

/* Whether one source has as many as it may. */
static bool source_is_full(const struct nat *n, uint32_t forward,
			   const struct minato_addr *source)
{
	const uint32_t most = forwards_bounds(n, forward)->source_flows_max;
	struct port_tuple_ref ref;
	struct port_key key;

	if (most == 0)
		return false;
	forwards_source_key(n, forward, source, &key);
	return port_tuple_find(nat_table(n), &key, &ref, NULL) ?
		       ref.owner >= most :
		       n->sources == NAT_SOURCES_MAX;
}

void forwards_foresee(const struct nat *n, uint32_t forward,
		      const struct minato_endpoint *client,
		      const struct minato_endpoint *asked,
		      struct minato_prospect *out)
{
	const struct nat_forward *f = forwards_at(n, forward);
	const struct nat_forward *bounds = forwards_bounds(n, forward);
	const struct minato_server *server = NULL;

	if (f->group != 0)
		server = servers_choose(n, f->group - 1, client);
	if (f->opens)
		out->target = *asked;
	else if (f->group == 0 || server != NULL)
		translate(f, server != NULL ? &server->at : &f->target, asked,
			  &out->target);
	if (f->drains) {
		out->hindrance = MINATO_HINDERED_DRAINS;
	} else if (f->group != 0 && server == NULL) {
		out->hindrance = MINATO_HINDERED_NO_SERVER;
	} else if (is_full(bounds) && !opening_yields(n, forward)) {
		out->hindrance = MINATO_HINDERED_FORWARD_FLOWS;
		out->bound = bounds->flows_max;
	} else if (source_is_full(n, forward, &client->addr)) {
		out->hindrance = MINATO_HINDERED_SOURCE_FLOWS;
		out->bound = bounds->source_flows_max;
	}
}

void forwards_refused(struct nat *n, uint32_t forward,
		      const struct minato_addr *source)
{
	struct port_key key;

	if (forwards_bounds(n, forward)->source_flows_max == 0)
		return;
	forwards_source_key(n, forward, source, &key);
	if (nat_number(n, &key, NAT_CLASS_SOURCE, -1) == 0)
		n->sources--;
}

void forwards_began(struct nat *n, uint32_t forward)
{
	forwards_at(n, forward)->flows++;
	forwards_bounds(n, forward)->current++;
}

void forwards_ended(struct nat *n, uint32_t forward, bool current)
{
	struct nat_forward *f = forwards_at(n, forward);
	struct nat_forward *bounds = forwards_bounds(n, forward);

	check(f->flows > 0 && (!current || bounds->current > 0));
	f->flows--;
	bounds->current -= current;
	forwards_settle(n, forward);
}

/* --- flows that end with the owner ---------------------------------------- */

int64_t nat_forward_join(struct nat *n, uint32_t entry,
			 const struct minato_endpoint *client,
			 const struct minato_endpoint *asked,
			 struct minato_endpoint *target)
{
	const uint32_t forward = forwards_kept(n, entry);
	int64_t chosen;

	check(forward != NAT_NONE && forwards_at(n, forward)->held);
	chosen = forwards_choose(n, forward, client, asked, target);
	if (chosen < 0) {
		nat_count(n, (enum nat_counter)(-1 - chosen));
		return chosen == nat_refusal(NAT_COUNT_NO_SERVER) ?
			       -EHOSTUNREACH :
			       -EBUSY;
	}
	forwards_began(n, forward);
	return forward + 1;
}

uint32_t nat_forward_targets(const struct nat *n, uint32_t entry,
			     const struct minato_endpoint *client,
			     const struct minato_endpoint *asked,
			     struct minato_endpoint out[MINATO_SERVERS_MAX])
{
	const struct nat_forward *f = forwards_at(n, forwards_kept(n, entry));
	const struct minato_server *chosen;
	const struct nat_group *g;
	uint32_t count = 0;

	if (f->group == 0) {
		translate(f, &f->target, asked, &out[0]);
		return 1;
	}
	g = group_at(n, f->group - 1);
	chosen = servers_choose(n, f->group - 1, client);
	if (chosen != NULL)
		translate(f, &chosen->at, asked, &out[count++]);
	for (uint32_t i = 0; i < g->count; i++)
		if (&g->server[i] != chosen)
			translate(f, &g->server[i].at, asked, &out[count++]);
	return count;
}

bool nat_forward_leave(struct nat *n, uint32_t place,
		       const struct minato_addr *client)
{
	const uint32_t forward = place - 1;

	if (place == 0 || forward >= n->forwards.fresh ||
	    !forwards_at(n, forward)->live || !forwards_at(n, forward)->held ||
	    forwards_at(n, forward)->flows == 0)
		return false;
	forwards_refused(n, forward, client);
	forwards_ended(n, forward, true);
	return true;
}

/* --- flows that are sessions ---------------------------------------------- */

static void leave_source(struct nat *n, struct nat_session *s)
{
	struct nat_flow flow;

	if (!(s->flags & NAT_IS_SOURCE))
		return;
	session_flow(s, &flow);
	forwards_refused(n, s->other, &flow.a.addr);
	s->flags &= (uint16_t)~NAT_IS_SOURCE;
}

/* It counts again, and be it above a bound: it has been let in. */
static void join_source(struct nat *n, struct nat_session *s)
{
	struct nat_flow flow;
	struct port_key key;
	uint32_t flows;

	if (forwards_bounds(n, s->other)->source_flows_max == 0)
		return;
	session_flow(s, &flow);
	forwards_source_key(n, s->other, &flow.a.addr, &key);
	flows = nat_number(n, &key, NAT_CLASS_SOURCE, 1);
	n->sources += flows == 1;
	if (flows != 0)
		s->flags |= NAT_IS_SOURCE;
}

void forwards_follow(struct nat *n, struct nat_session *s)
{
	struct nat_forward *bounds = forwards_bounds(n, s->other);
	const bool current = !tcpstate_over(s);

	if (current == ((s->flags & NAT_IS_CURRENT) != 0))
		return;
	s->flags ^= NAT_IS_CURRENT;
	if (current) {
		bounds->current++;
		join_source(n, s);
	} else {
		check(bounds->current > 0);
		bounds->current--;
		leave_source(n, s);
	}
}
