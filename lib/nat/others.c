/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows of protocols without ports that we know. They are told apart by
 * protocol and both addresses alone, so that towards one remote one inside host
 * has a protocol at a time, as with Linux' own; the next one finds it taken
 * until that has been silent for as long as is remembered.
 *
 *   outward   a session with the host's address of the pool; IPv6 as it is
 *   inward    the session; the dmz host, whose flow it is then; closed
 *   hairpin   inward, with the sender's address of the pool as the sender, so
 *             that towards the dmz host one inside host has a protocol
 *   IPv6      the session; closed unless opened: RFC 6092 3.2.4 is the stack's
 *
 * AH covers the addresses (RFC 4302 3.3.3), so it goes where they stay. DCCP
 * has ports and a list of its own (RFC 5597, asked for by RFC 6888 REQ-1): two
 * hosts' endpoints may not have one outside (REQ-6), so the dmz host alone has
 * it, whose endpoints are nobody else's.
 */
#include "nat/nat.h"

#include "minato/guard.h"

struct port_key nat_other_key(uint8_t scope, uint8_t face, uint8_t protocol,
			      const struct minato_addr *local,
			      const struct minato_addr *remote)
{
	return (struct port_key){
		.local = *local,
		.remote = *remote,
		.local_port = protocol,
		.remote_port = protocol,
		.scope = scope,
		.face = face,
		.proto = NAT_OTHER,
	};
}

static struct nat_flow flow_of(const struct port_key *key)
{
	return (struct nat_flow){
		.a = { key->remote, key->remote_port },
		.b = { key->local, key->local_port },
		.proto = NAT_OTHER,
		.from = key->scope,
		.owner = NAT_NONE,
		.other = NAT_NONE,
	};
}

/* The address that the host is known by outside. */
static int64_t place_outside(struct nat *n, uint32_t host,
			     struct minato_addr *out)
{
	struct nat_host *h = host_record(n, host);
	const uint32_t pool = h->pool != 0 ? h->pool - 1 :
					     outside_pool_of(n, &h->addr);

	if (pool == NAT_NONE)
		return nat_refusal(NAT_COUNT_NO_POOL);
	h->pool = pool + 1;
	*out = pool_record(n, pool)->addr;
	return 0;
}

static int64_t make_outward(struct nat *n, struct nat_flow *f, bool same)
{
	const int64_t host = host_get(n, f->from, &f->a.addr);
	int64_t made = host;

	if (host < 0)
		return host;
	f->other = (uint32_t)host;
	f->c = f->a;
	made = host_may_begin(n, f->other) ?
		       0 :
		       nat_refusal(NAT_COUNT_HOST_SESSIONS);
	if (made == 0 && !same)
		made = place_outside(n, f->other, &f->c.addr);
	if (made == 0)
		made = session_make(n, f);
	if (made < 0)
		host_settle(n, f->other);
	return made;
}

/* Who has most gives way where nothing is left. */
static int64_t make_fairly(struct nat *n, struct nat_flow *f, bool same)
{
	const int64_t made = make_outward(n, f, same);

	return made == nat_refusal(NAT_COUNT_NO_MEMORY) &&
			       yielding_room(n, f, same) ?
		       make_outward(n, f, same) :
		       made;
}

static bool find_dmz(struct nat *n, const struct port_key *key, uint32_t *entry)
{
	struct port_key all = port_key_of_all(key);
	struct port_fate fate;

	all.course = MINATO_COURSE_NONE;
	port_lookup(nat_table(n), &all, n->now, true, &fate);
	*entry = fate.entry;
	return !fate.exact && fate.kind == MINATO_KIND_DMZ &&
	       forwards_of(n, fate.entry) != NAT_NONE;
}

/* The pool's place that an inside host has, or would get. */
static uint32_t pool_for(const struct nat *n, uint8_t scope,
			 const struct minato_addr *addr)
{
	const uint32_t host = host_find(n, scope, addr);

	return host != NAT_NONE && host_record(n, host)->pool != 0 ?
		       host_record(n, host)->pool - 1 :
		       outside_pool_of(n, addr);
}

/* Whether what the remote sends to us would come to this host. */
static bool is_dmz_host(struct nat *n, const struct nat_flow *f)
{
	struct port_key key = { .remote = f->b.addr,
				.scope = n->limits.outside_scope,
				.face = MINATO_FACE_ANY };
	const uint32_t pool = pool_for(n, f->from, &f->a.addr);
	uint32_t entry;

	if (pool == NAT_NONE)
		return false;
	key.local = pool_record(n, pool)->addr;
	return find_dmz(n, &key, &entry) &&
	       minato_addr_equal(
		       &forwards_at(n, forwards_of(n, entry))->target.addr,
		       &f->a.addr);
}

static bool may_translate(struct nat *n, const struct nat_flow *f)
{
	if (f->b.port == NAT_PROTO_AH)
		return false;
	return f->b.port != NAT_PROTO_DCCP || is_dmz_host(n, f);
}

/* Another host has it: nothing is left for this one (RFC 6888 REQ-11). */
static enum nat_verdict taken(struct nat *n, bool same)
{
	nat_count(n, NAT_COUNT_TAKEN);
	n->refused_code = 1;
	return n->options.mark_unreachable && !same ? NAT_UNREACHABLE :
						      NAT_DROP;
}

static enum nat_verdict outward(struct nat *n, const struct port_key *key,
				uint32_t *session)
{
	struct nat_flow f = flow_of(key);
	const bool same = !minato_addr_is4(&key->local) ||
			  begin_is_routed(n, key);
	int64_t made;

	f.d = f.b;
	f.to = n->limits.outside_scope;
	f.flags = NAT_A_INSIDE;
	if (!same && !may_translate(n, &f)) {
		nat_count(n, NAT_COUNT_CLOSED);
		return NAT_CLOSED;
	}
	made = make_fairly(n, &f, same);
	if (made == nat_refusal(NAT_COUNT_TAKEN))
		return taken(n, same);
	if (made < 0)
		return begin_refused(n, made, NAT_OTHER, &f.a);
	*session = (uint32_t)made;
	return NAT_PASS;
}

static enum nat_verdict inward(struct nat *n, const struct port_key *key,
			       const struct nat_packet *p, uint32_t *session)
{
	struct nat_flow f = flow_of(key);
	enum nat_verdict verdict;
	uint32_t entry;

	if (p->whose == NAT_OTHERS) {
		if (begin_opened(n, &f, &verdict, session))
			return verdict;
		nat_count(n, NAT_COUNT_CLOSED);
		return NAT_CLOSED;
	}
	if (p->whose != NAT_OUTSIDE || !minato_addr_is4(&key->local) ||
	    f.b.port == NAT_PROTO_AH || !find_dmz(n, key, &entry))
		return NAT_HOST;
	f.c = f.a;
	return begin_forwarded(n, &f, entry, session);
}

/* Its place outside, with a record of the host: f->c, or a refusal. */
static int64_t place_own(struct nat *n, struct nat_flow *f)
{
	const int64_t host = host_get(n, f->from, &f->a.addr);
	int64_t placed = nat_refusal(NAT_COUNT_HOST_SESSIONS);

	if (host < 0)
		return host;
	f->c = f->a;
	if (host_may_begin(n, (uint32_t)host))
		placed = place_outside(n, (uint32_t)host, &f->c.addr);
	if (placed < 0)
		host_settle(n, (uint32_t)host);
	return placed < 0 ? placed : host;
}

/* Whether another inside host has the protocol towards the dmz host. */
static bool is_taken(const struct nat *n, const struct nat_flow *f)
{
	const struct port_key key = nat_other_key(f->to, MINATO_FACE_ANY,
						  (uint8_t)f->b.port,
						  &f->c.addr, &f->d.addr);
	struct port_tuple_ref ref;

	return port_tuple_find(nat_table(n), &key, &ref, NULL);
}

/* Who is the dmz host himself has nobody to speak to there; it is for us. */
static enum nat_verdict hairpin(struct nat *n, const struct port_key *key,
				uint32_t *session)
{
	struct nat_flow f = flow_of(key);
	struct port_key met = *key;
	enum nat_verdict verdict;
	uint32_t entry;
	int64_t host;

	met.scope = n->limits.outside_scope;
	met.face = MINATO_FACE_ANY;
	if (!minato_addr_is4(&key->local) || f.b.port == NAT_PROTO_AH ||
	    f.b.port == NAT_PROTO_DCCP || !find_dmz(n, &met, &entry) ||
	    minato_addr_equal(
		    &forwards_at(n, forwards_of(n, entry))->target.addr,
		    &f.a.addr))
		return NAT_HOST;
	if (!n->options.hairpin) {
		nat_count(n, NAT_COUNT_HAIRPIN_OFF);
		return NAT_DROP;
	}
	host = place_own(n, &f);
	if (host < 0)
		return begin_refused(n, host, NAT_OTHER, &f.a);
	f.flags = NAT_A_INSIDE | NAT_IS_HAIRPIN;
	/* Whoever makes way for it may have been the host's last. */
	host_record(n, (uint32_t)host)->held++;
	verdict = begin_forwarded(n, &f, entry, session);
	host_record(n, (uint32_t)host)->held--;
	if (verdict == NAT_PASS)
		return NAT_PASS;
	host_settle(n, (uint32_t)host);
	if (verdict != NAT_DROP || !is_taken(n, &f))
		return verdict;
	n->refused_code = 1; /* as in `taken`, which is counted */
	return n->options.mark_unreachable ? NAT_UNREACHABLE : NAT_DROP;
}

static enum nat_verdict begin(struct nat *n, const struct port_key *key,
			      const struct nat_packet *p, uint32_t *session)
{
	if (!p->inside)
		return inward(n, key, p, session);
	return p->whose == NAT_OTHERS  ? outward(n, key, session) :
	       p->whose == NAT_OUTSIDE ? hairpin(n, key, session) :
					 NAT_HOST;
}

enum nat_verdict nat_other_begin(struct nat *n, const struct port_key *key,
				 const struct nat_packet *p,
				 struct nat_way *out)
{
	uint32_t session = NAT_NONE;
	const enum nat_verdict verdict = begin(n, key, p, &session);

	if (verdict == NAT_PASS)
		check(nat_other(n, key, p, out));
	if (verdict == NAT_UNREACHABLE)
		out->icmp_code = n->refused_code;
	return verdict;
}

bool others_taken(const struct nat *n, const struct port_key *key,
		  uint8_t scope, const struct minato_addr *target)
{
	const uint32_t pool = pool_for(n, key->scope, &key->remote);
	struct nat_flow f = flow_of(key);

	if (pool == NAT_NONE)
		return false;
	f.to = scope;
	f.c.addr = pool_record(n, pool)->addr;
	f.d.addr = *target;
	return is_taken(n, &f);
}

uint32_t others_end(struct nat *n, const struct minato_addr *outside)
{
	uint32_t ended = 0;

	for (uint32_t i = session_walk(n, 0); i != NAT_NONE && i < NAT_SIX;
	     i = session_walk(n, i + 1)) {
		struct minato_endpoint known;

		session_end_of(session_at(n, i), NAT_C, &known);
		if ((!nat_is_hosts(session_at(n, i)->proto,
				   session_at(n, i)->flags) &&
		     !nat_is_turned(session_at(n, i)->proto,
				    session_at(n, i)->flags)) ||
		    !minato_addr_equal(&known.addr, outside))
			continue;
		session_end(n, i);
		ended++;
	}
	return ended;
}
