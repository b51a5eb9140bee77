/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What begin.c would refuse, without a trace: the bounds of forwards, sources
 * and inside hosts, servers that take nothing, filters. What makes way when
 * memory or ports are used up (yielding.c) is not foreseen.
 */
#include "nat/nat.h"

#include "minato/guard.h"

static const struct minato_addr nobody;

static struct minato_endpoint source_of(const struct port_key *key)
{
	return (struct minato_endpoint){ key->remote, key->remote_port };
}

static struct minato_endpoint destination_of(const struct port_key *key)
{
	return (struct minato_endpoint){ key->local, key->local_port };
}

/* Whether a host has as many sessions as it may. */
static bool is_full(const struct nat *n, uint32_t host,
		    struct minato_prospect *out)
{
	if (host == NAT_NONE || host_may_begin(n, host))
		return false;
	out->hindrance = MINATO_HINDERED_HOST_SESSIONS;
	out->bound = n->options.host_sessions;
	return true;
}

/* A mapping of the sender's, as it has one or would get one. */
static void foresee_own(const struct nat *n, const struct port_key *key,
			bool same, struct minato_prospect *out)
{
	const struct minato_endpoint inside = source_of(key);
	const uint32_t mapping =
		mapping_of_inside(n, key->scope, key->proto, &inside, same);
	enum minato_hindrance bound;

	if (is_full(n, host_find(n, key->scope, &key->remote), out) ||
	    mapping != NAT_NONE)
		return;
	if (same)
		return;
	bound = host_hindrance(n, key->scope, &key->remote, key->proto,
			       &out->bound);
	out->hindrance = (uint8_t)bound;
	if (bound == MINATO_HINDERED_NOT && n->pool_count == 0)
		out->hindrance = MINATO_HINDERED_NO_POOL;
}

/* A flow that somebody else carries (nat_inside_join). */
static void foresee_away(const struct nat *n, const struct port_key *key,
			 struct minato_prospect *out)
{
	if (key->proto != NAT_OTHER && /* nobody carries those */
	    !is_full(n, host_find(n, key->scope, &key->remote), out))
		out->hindrance = (uint8_t)host_hindrance(
			n, key->scope, &key->remote, key->proto, &out->bound);
}

/* Somebody's mapping, with its filter. */
static void foresee_mapping(const struct nat *n, uint32_t mapping,
			    const struct minato_endpoint *from,
			    struct minato_prospect *out)
{
	if (!mapping_admits(n, mapping, from))
		out->hindrance = MINATO_HINDERED_FILTERED;
	else
		(void)is_full(n, mapping_at(n, mapping)->host, out);
}

/* A forward's or dmz's. */
static void foresee_entry(const struct nat *n, const struct port_key *key,
			  uint32_t entry, struct minato_prospect *out)
{
	const struct minato_endpoint client = source_of(key);
	const struct minato_endpoint asked = destination_of(key);
	struct minato_entry e;

	if (entry == POOL_NONE)
		return;
	port_get(nat_table(n), entry, &e);
	if ((e.kind == MINATO_KIND_FORWARD || e.kind == MINATO_KIND_DMZ) &&
	    forwards_kept(n, entry) != NAT_NONE)
		forwards_foresee(n, forwards_kept(n, entry), &client, &asked,
				 out);
}

/* Towards one remote one inside host has a protocol (nat/others.c). */
static bool is_taken_by_another(const struct nat *n, enum nat_course course,
				const struct port_key *key, bool same,
				const struct minato_addr *target)
{
	if (course == NAT_OUTWARD)
		return !same && others_taken(n, key, n->limits.outside_scope,
					     &key->local);
	return !minato_addr_is_any(target) &&
	       others_taken(n, key, nat_inside_scope(n, target), target);
}

/* Without ports there is no mapping: the host's bound, and a dmz's. */
static void foresee_other(const struct nat *n, enum nat_course course,
			  const struct port_key *key, uint32_t entry,
			  struct minato_prospect *out)
{
	const bool same = !minato_addr_is4(&key->local) ||
			  begin_is_routed(n, key);

	if (course == NAT_HAIRPIN && entry == POOL_NONE)
		return;
	if (course == NAT_HAIRPIN && !n->options.hairpin)
		out->hindrance = MINATO_HINDERED_NO_HAIRPIN;
	else if (course != NAT_INWARD &&
		 !is_full(n, host_find(n, key->scope, &key->remote), out) &&
		 !same && n->pool_count == 0)
		out->hindrance = MINATO_HINDERED_NO_POOL;
	if (course != NAT_OUTWARD && out->hindrance == MINATO_HINDERED_NOT)
		foresee_entry(n, key, entry, out);
	if (out->hindrance == MINATO_HINDERED_NOT && course != NAT_INWARD &&
	    is_taken_by_another(n, course, key, same, &out->target.addr))
		out->hindrance = MINATO_HINDERED_TAKEN;
}

void nat_foresee(const struct nat *n, enum nat_course course,
		 const struct port_key *key, uint32_t entry,
		 struct minato_prospect *out)
{
	const struct minato_endpoint destination = destination_of(key);
	const struct minato_endpoint source = source_of(key);
	uint32_t mapping;

	*out = (struct minato_prospect){ .target.addr = nobody };
	if (course == NAT_AWAY) {
		foresee_away(n, key, out);
		return;
	}
	if (key->proto == NAT_OTHER) {
		foresee_other(n, course, key, entry, out);
		return;
	}
	if (course == NAT_OUTWARD) {
		foresee_own(n, key,
			    !minato_addr_is4(&key->local) ||
				    begin_is_routed(n, key),
			    out);
		return;
	}
	if (key->proto == MINATO_ICMP)
		return;
	mapping = mapping_of_outside(n, key->proto, &destination);
	if (course == NAT_HAIRPIN &&
	    (mapping != NAT_NONE || entry != POOL_NONE)) {
		if (!n->options.hairpin)
			out->hindrance = MINATO_HINDERED_NO_HAIRPIN;
		else
			foresee_own(n, key, false, out);
	}
	if (out->hindrance != MINATO_HINDERED_NOT)
		return;
	if (mapping == NAT_NONE)
		foresee_entry(n, key, entry, out);
	else if (course == NAT_INWARD)
		foresee_mapping(n, mapping, &source, out);
}

/* What begin_inward does with a call that guards and rules let in. */
bool nat_would_begin(const struct nat *n, const struct port_key *key,
		     uint32_t entry, bool behind, enum nat_whose whose)
{
	const struct minato_endpoint to = destination_of(key);
	const bool others = whose == NAT_OTHERS;
	struct minato_prospect prospect;
	uint32_t forward;

	if (whose == NAT_OURS)
		return false;
	if (mapping_of_outside(n, key->proto, &to) == NAT_NONE) {
		if (behind)
			return false;
		forward = entry == POOL_NONE ? NAT_NONE : forwards_of(n, entry);
		/* Opened, not translated; and what is not its own business. */
		if (forward == NAT_NONE ||
		    forwards_at(n, forward)->opens != others)
			return others && n->options.inbound_opens_ipv6;
	}
	nat_foresee(n, NAT_INWARD, key, entry, &prospect);
	return prospect.hindrance == MINATO_HINDERED_NOT;
}

bool foresee_held(const struct nat *n, const struct port_key *met)
{
	struct port_finding findings[PORT_FINDINGS];
	const size_t count = port_explain(nat_table(n), met, n->now, findings);
	const struct port_finding *last;
	struct minato_entry e;
	struct port_claim claim;

	if (count == 0)
		return false;
	last = &findings[count - 1];
	if (last->step != MINATO_STEP_ENTRY || !last->found ||
	    port_entry_claim(nat_table(n), last->entry, &claim))
		return false;
	port_get(nat_table(n), last->entry, &e);
	return e.kind == MINATO_KIND_FORWARD &&
	       forwards_of(n, last->entry) == NAT_NONE;
}
