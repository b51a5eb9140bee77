/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that belong to no session: what they open. Choice of a port and
 * insertion are one step; what cannot be leaves nothing behind.
 *
 *   outward   guard; a mapping of the sender, made if it has none; a session
 *   inward    guard; the mapping of the destination, if its filter admits the
 *             sender; a forward; a dmz; closed
 *   hairpin   inward, with the sender's own mapping as the sender
 *   between   two insides: guard; a session, or a router's hop
 *
 * The guard of IPv6 (and of routes, which are not translated either) by the
 * sections of RFC 6092:
 *
 *   3.1, 3.2.1  stateless: spoofed, multicast, reserved     the stack's checks
 *   3.2.1       ICMP errors about known flows pass          nat_error
 *   3.2.2       state by both ends, two idle minutes        options
 *   3.2.3 UDP   two minutes at least, five by default       options
 *               outward refreshes                           translate.c: note
 *               filtering by choice, endpoint-independent   mapping_admits
 *               no ICMP error ends it                       nat_error
 *   3.2.4 IPsec AH, ESP and HIP come in unasked, and IKE   others.c
 *               (REC-21 and on), unless that is switched off
 *   others      tunnels (3.2.5), SCTP, DCCP: state by both  others.c
 *               ends; from outside closed unless opened
 *   3.3.1 TCP   every valid sequence, simultaneous open     tcpstate.c
 *               filtering by choice, as for UDP             mapping_admits
 *               unsolicited SYN: silence for six seconds    unsolicited
 *               idle 2 h 4 min established, 4 min else      options
 *               no ICMP error ends it                       nat_error
 *   3.4         opened on the administrator's word          forwards.c: opens
 *               a mode without the guard, off by default    open_inward
 */
#include "nat/nat.h"

#include <string.h>

#include "minato/guard.h"

/*
 * Prohibited where the administrator's bound says so (RFC 5508 REQ-8), host
 * unreachable where nothing is left (RFC 6888 REQ-11b); ICMPv6: prohibited,
 * address unreachable (RFC 4443 3.1).
 */
static uint8_t code_of(enum minato_nat_news_kind kind, bool is4)
{
	if (kind == MINATO_NEWS_HOST_BOUND)
		return is4 ? 13 : 1;
	return is4 ? 1 : 3;
}

enum nat_verdict begin_refused(struct nat *n, int64_t refusal, uint8_t proto,
			       const struct minato_endpoint *inside)
{
	const enum nat_counter why = (enum nat_counter)(-1 - refusal);
	enum minato_nat_news_kind kind;

	check(refusal < 0);
	nat_count(n, why);
	if (why == NAT_COUNT_NO_PORT || why == NAT_COUNT_NO_POOL)
		kind = MINATO_NEWS_NO_PORT;
	else if (why == NAT_COUNT_NO_MEMORY)
		kind = MINATO_NEWS_NO_MEMORY;
	else if (why == NAT_COUNT_HOST_MAPPINGS ||
		 why == NAT_COUNT_HOST_SESSIONS || why == NAT_COUNT_HOST_RATE)
		kind = MINATO_NEWS_HOST_BOUND;
	else
		return why == NAT_COUNT_NO_SERVER ? NAT_NO_SERVER : NAT_DROP;
	nat_tell(n, kind, proto, inside, NULL);
	n->refused_code = code_of(kind, minato_addr_is4(&inside->addr));
	return n->options.mark_unreachable ? NAT_UNREACHABLE : NAT_DROP;
}

static enum nat_verdict drop(struct nat *n, enum nat_counter why)
{
	nat_count(n, why);
	return NAT_DROP;
}

/*
 * From inside, of no flow that is known and opening none: its session is over,
 * was ended, or went with an outside address. Its sender would wait for hours;
 * it hears at once (RFC 9293 3.5.2, group 1). What is no part of a connection
 * that stands is dropped.
 */
static enum nat_verdict of_nothing(struct nat *n, uint8_t proto,
				   const struct nat_packet *p)
{
	nat_count(n, NAT_COUNT_NO_SESSION);
	return proto == MINATO_TCP &&
			       (p->tcp_flags & (NAT_ACK | NAT_RST)) == NAT_ACK ?
		       NAT_RESET :
		       NAT_DROP;
}

static struct minato_endpoint source_of(const struct port_key *key)
{
	return (struct minato_endpoint){ key->remote, key->remote_port };
}

static struct minato_endpoint destination_of(const struct port_key *key)
{
	return (struct minato_endpoint){ key->local, key->local_port };
}

/* Of a query the identifier stands in both ends. */
static void pair_identifiers(struct nat_flow *f)
{
	if (f->proto == MINATO_ICMP)
		f->d.port = f->c.port;
}

static enum nat_verdict guarded(struct nat *n, const struct port_fate *fate)
{
	nat_count(n, NAT_COUNT_GUARD);
	port_hit(nat_table(n), fate->entry);
	if (fate->verdict != MINATO_REFUSE)
		return NAT_DROP;
	return fate->rule != POOL_NONE ? NAT_PROHIBITED : NAT_CLOSED;
}

/* --- outward ------------------------------------------------------------- */

bool begin_is_routed(const struct nat *n, const struct port_key *key)
{
	for (uint32_t i = 0; i < n->route_count; i++) {
		const struct nat_prefix *p = &n->route[i];
		struct minato_entry e;
		if (p->scope != key->scope ||
		    !addr_in_prefix(&key->local, &p->addr, p->len))
			continue;
		port_get(nat_table(n), p->entry, &e);
		if (e.until_ns == 0 || (uint64_t)n->now.ns < e.until_ns)
			return true;
	}
	return false;
}

/* The port of another, towards a destination that nobody there uses (RFC 7857
   3). */
static int64_t overflow(struct nat *n, struct nat_flow *f)
{
	const int64_t host = host_get(n, f->from, &f->a.addr);
	struct nat_host *h;
	uint32_t pool, mapping;
	int64_t made;

	if (host < 0)
		return host;
	if (!host_may_begin(n, (uint32_t)host))
		return nat_refusal(NAT_COUNT_HOST_SESSIONS);
	h = host_record(n, (uint32_t)host);
	pool = h->pool != 0 ? h->pool - 1 : outside_pool_of(n, &h->addr);
	f->c.port = outside_share(n, pool, f->proto, &f->d, &mapping);
	if (f->c.port == 0) {
		host_settle(n, (uint32_t)host);
		return nat_refusal(NAT_COUNT_NO_PORT);
	}
	f->c.addr = pool_record(n, pool)->addr;
	pair_identifiers(f);
	f->owner = mapping;
	f->other = (uint32_t)host;
	f->flags |= NAT_IS_OVERFLOW;
	made = session_make(n, f);
	if (made >= 0)
		nat_count(n, NAT_COUNT_OVERFLOWS);
	else
		host_settle(n, (uint32_t)host);
	return made;
}

/* A session of the sender's mapping. What was made for it goes with it. */
static int64_t make_outward(struct nat *n, struct nat_flow *f, bool same)
{
	int64_t made;

	f->owner = NAT_NONE;
	if (!same || !minato_addr_is4(&f->a.addr))
		f->owner = firsts_mapping(n, f->probe[0], &f->probe[1]);
	if (f->owner == NAT_NONE) {
		made = mapping_get(n, f, same);
		if (made < 0)
			return made;
		f->owner = (uint32_t)made;
	}
	if (!host_may_begin(n, mapping_at(n, f->owner)->host)) {
		made = nat_refusal(NAT_COUNT_HOST_SESSIONS);
	} else {
		f->c = mapping_outside(mapping_at(n, f->owner));
		/* The other face may be another than was sought. */
		if (!port_probe_is_at(f->probe[1], &f->c.addr, f->c.port))
			f->probe[1] = NULL;
		pair_identifiers(f);
		made = session_make(n, f);
	}
	if (made < 0)
		mapping_settle(n, f->owner);
	return made;
}

/* The same; who has most gives way where nothing is left. */
static int64_t make_fairly(struct nat *n, struct nat_flow *f, bool same)
{
	const int64_t made = make_outward(n, f, same);
	bool yielded = false;

	if (made == nat_refusal(NAT_COUNT_NO_PORT))
		yielded = yielding_port(n, f);
	else if (made == nat_refusal(NAT_COUNT_NO_MEMORY))
		yielded = yielding_room(n, f, same);
	if (!yielded)
		return made;
	f->probe[1] = NULL;
	return make_outward(n, f, same);
}

static bool may_overflow(const struct nat *n, int64_t refusal)
{
	return n->options.overflow &&
	       (refusal == nat_refusal(NAT_COUNT_NO_PORT) ||
		refusal == nat_refusal(NAT_COUNT_TAKEN));
}

/*
 * The usual flow, of a sender that nat_seek found a mapping of, where no option
 * asks for more. What it makes is what make_any makes; false: that is to be
 * asked.
 */
static bool make_usual(struct nat *n, const struct port_probe *probe,
		       uint32_t *session)
{
	const struct port_key *key = probe->key;
	const struct port_probe *other;
	const enum minato_filtering filtering =
		key->proto == MINATO_TCP ? n->options.tcp_filtering :
					   n->options.udp_filtering;
	uint32_t mapping;
	int64_t made;

	if (key->proto == MINATO_ICMP || n->route_count != 0 ||
	    n->options.host_sessions != 0 || filtering == MINATO_FILTER_ADDRESS)
		return false;
	mapping = firsts_mapping(n, probe, &other);
	if (mapping == NAT_NONE || !minato_addr_is4(&key->remote) ||
	    !minato_addr_is4(&key->local))
		return false;
	made = session_make_sought(n, mapping, probe, other);
	if (made < 0)
		return false;
	*session = (uint32_t)made;
	return true;
}

static enum nat_verdict make_any(struct nat *n, const struct port_probe *probe,
				 uint32_t *session)
{
	const struct port_key *key = probe->key;
	struct nat_flow f = { .a = source_of(key),
			      .b = destination_of(key),
			      .d = destination_of(key),
			      .proto = key->proto,
			      .from = key->scope,
			      .to = n->limits.outside_scope,
			      .flags = NAT_A_INSIDE | NAT_IS_HOLDER,
			      .probe = { probe } };
	const bool same = !minato_addr_is4(&key->local) ||
			  begin_is_routed(n, key);
	int64_t made = make_fairly(n, &f, same);

	if (made < 0 && !same && may_overflow(n, made)) {
		f.flags = NAT_A_INSIDE;
		f.probe[1] = NULL;
		made = overflow(n, &f);
	}
	if (made < 0)
		return begin_refused(n, made, f.proto, &f.a);
	*session = (uint32_t)made;
	return NAT_PASS;
}

/* What entries and rules say to who goes out: NAT_PASS, nothing. */
static enum nat_verdict judge_outward(struct nat *n,
				      const struct port_probe *probe,
				      const struct nat_packet *p)
{
	struct port_fate fate;

	if (port_lookup_closed(nat_table(n), probe->key))
		return NAT_PASS;
	port_lookup_missed(nat_table(n), probe, n->now, p->opens, &fate);
	if (fate.kind == MINATO_KIND_GUARD)
		return guarded(n, &fate);
	if (fate.exact || fate.kind == MINATO_KIND_UPLINK)
		return NAT_HOST; /* the host's own sockets are the outside */
	return NAT_PASS;
}

enum nat_verdict begin_outward(struct nat *n, const struct port_probe *probe,
			       const struct nat_packet *p, uint32_t *session)
{
	const enum nat_verdict verdict = judge_outward(n, probe, p);

	if (verdict != NAT_PASS)
		return verdict;
	if (!p->opens)
		return of_nothing(n, probe->key->proto, p);
	if (make_usual(n, probe, session))
		return NAT_PASS;
	return make_any(n, probe, session);
}

/* --- to a forward or dmz ------------------------------------------------- */

#define RENAMES_MAX 64u

/*
 * The server has a flow of the client's port already, by another forward: it
 * sees this one come from another port of the same class (system or not), so
 * that answers can be told apart.
 */
static int64_t make_renamed(struct nat *n, struct nat_flow *f)
{
	const bool low = f->a.port < MINATO_PORT_USER_FIRST;
	const uint32_t first = low ? 1 : MINATO_PORT_USER_FIRST;
	const uint32_t count = (low ? MINATO_PORT_USER_FIRST : 65536) - first;
	int64_t made = nat_refusal(NAT_COUNT_TAKEN);

	for (uint32_t i = 0; i < RENAMES_MAX; i++) {
		f->c.port = (uint16_t)(first + random_below(&n->random, count));
		made = session_make(n, f);
		if (made != nat_refusal(NAT_COUNT_TAKEN))
			break;
	}
	return made;
}

/* A hairpin's sender is its mapping, and comes from nowhere else. */
static int64_t make_forwarded(struct nat *n, struct nat_flow *f)
{
	const int64_t taken = nat_refusal(NAT_COUNT_TAKEN);
	int64_t made = session_make(n, f);

	if (made != taken || f->owner != NAT_NONE)
		return made;
	if (session_make_way(n, f))
		made = session_make(n, f);
	if (made == taken && minato_addr_is4(&f->a.addr) &&
	    f->proto != NAT_OTHER)
		made = make_renamed(n, f);
	return made;
}

enum nat_verdict begin_forwarded(struct nat *n, struct nat_flow *f,
				 uint32_t entry, uint32_t *session)
{
	const uint32_t forward = forwards_of(n, entry);
	int64_t made;

	if (forward == NAT_NONE)
		return NAT_HOST; /* a held call */
	made = forwards_choose(n, forward, &f->a, &f->b, &f->d);
	/* Who does not answer keeps nobody out. More than one goes where flows
	   that were over have begun again, beyond the bound. */
	while (made == nat_refusal(NAT_COUNT_FORWARD_FLOWS) &&
	       opening_evict(n, forward))
		made = forwards_choose(n, forward, &f->a, &f->b, &f->d);
	if (made < 0)
		return begin_refused(n, made, f->proto, &f->a);
	if (minato_addr_is4(&f->d.addr) != minato_addr_is4(&f->b.addr)) {
		forwards_refused(n, forward, &f->a.addr);
		return drop(n, NAT_COUNT_CLOSED);
	}
	pair_identifiers(f);
	f->to = nat_inside_scope(n, &f->d.addr);
	f->other = forward;
	f->flags |= NAT_IS_FORWARD | NAT_IS_CURRENT | NAT_B_INSIDE;
	if (forwards_bounds(n, forward)->source_flows_max != 0)
		f->flags |= NAT_IS_SOURCE;
	made = make_forwarded(n, f);
	if (made == nat_refusal(NAT_COUNT_NO_MEMORY) &&
	    opening_evict(n, NAT_NONE))
		made = make_forwarded(n, f);
	if (made < 0) {
		forwards_refused(n, forward, &f->a.addr);
		return begin_refused(n, made, f->proto, &f->d);
	}
	*session = (uint32_t)made;
	port_hit(nat_table(n), entry);
	opening_note(n, *session, &f->a.addr);
	return NAT_PASS;
}

/* --- inward -------------------------------------------------------------- */

/* RFC 5382 REQ-4: nothing is said of a SYN for a while. */
static enum nat_verdict unsolicited(struct nat *n, const struct port_key *key,
				    const struct nat_packet *p,
				    enum nat_counter why)
{
	nat_count(n, why);
	if (key->proto == MINATO_TCP && p->opens &&
	    n->options.unsolicited_syn_s != 0) {
		nat_count(n, NAT_COUNT_UNSOLICITED);
		return NAT_WAIT_SYN;
	}
	return why == NAT_COUNT_FILTERED ? NAT_DROP : NAT_CLOSED;
}

/* While others make way for a flow of it, it does not end with one of them. */
static void pin(struct nat *n, uint32_t mapping, int step)
{
	if (mapping != NAT_NONE)
		mapping_at(n, mapping)->holders += (uint32_t)step;
}

/* A flow that nobody inside has asked for. */
static enum nat_verdict from_stranger(struct nat *n, struct nat_flow *f,
				      uint32_t *session)
{
	int64_t made;

	pin(n, f->owner, 1);
	made = session_make(n, f);
	if (made == nat_refusal(NAT_COUNT_NO_MEMORY) &&
	    opening_evict(n, NAT_NONE))
		made = session_make(n, f);
	if (made >= 0)
		opening_note(n, (uint32_t)made, &f->a.addr);
	pin(n, f->owner, -1);
	if (f->owner != NAT_NONE)
		mapping_settle(n, f->owner);
	if (made < 0)
		return begin_refused(n, made, f->proto, &f->d);
	*session = (uint32_t)made;
	/* The mapping's last one made way, and it went with it. */
	return session_live(n, *session) ? NAT_PASS : drop(n, NAT_COUNT_CLOSED);
}

static enum nat_verdict to_mapping(struct nat *n, struct nat_flow *f,
				   uint32_t mapping, uint32_t *session)
{
	const struct nat_mapping *m = mapping_at(n, mapping);

	f->d = mapping_inside(m);
	f->to = m->scope;
	f->owner = mapping;
	f->flags |= NAT_B_INSIDE;
	f->c = f->a;
	/* An outside's query to an identifier is for us, if for anybody. */
	if (f->proto == MINATO_ICMP)
		return NAT_HOST;
	if (!host_may_begin(n, m->host))
		return begin_refused(n, nat_refusal(NAT_COUNT_HOST_SESSIONS),
				     f->proto, &f->d);
	return from_stranger(n, f, session);
}

/* The Internet Key Exchange, which goes before IPsec (RFC 6092 3.2.4). */
#define PORT_IKE 500u

static bool is_open(const struct nat *n, const struct nat_flow *f)
{
	if (minato_addr_is4(&f->b.addr))
		return false;
	return n->options.inbound_opens_ipv6 ||
	       (n->options.inbound_ipsec && f->proto == MINATO_UDP &&
		f->b.port == PORT_IKE);
}

/* Closed unless opened (RFC 6092 REC-49). */
bool begin_opened(struct nat *n, struct nat_flow *f, enum nat_verdict *verdict,
		  uint32_t *session)
{
	if (!is_open(n, f))
		return false;
	f->c = f->a;
	f->d = f->b;
	f->to = nat_inside_scope(n, &f->d.addr);
	f->flags |= NAT_B_INSIDE;
	*verdict = from_stranger(n, f, session);
	return true;
}

static enum nat_verdict open_inward(struct nat *n, struct nat_flow *f,
				    const struct port_key *key,
				    const struct nat_packet *p,
				    uint32_t *session)
{
	enum nat_verdict verdict;

	return begin_opened(n, f, &verdict, session) ?
		       verdict :
		       unsolicited(n, key, p, NAT_COUNT_CLOSED);
}

/* A translation is of an address of ours, an opening of somebody else's. */
static bool applies(const struct nat *n, const struct port_fate *fate,
		    const struct nat_packet *p)
{
	uint32_t forward;

	if (fate->kind != MINATO_KIND_FORWARD && fate->kind != MINATO_KIND_DMZ)
		return false;
	forward = forwards_of(n, fate->entry);
	if (forward == NAT_NONE)
		return p->whose != NAT_OTHERS;
	return forwards_at(n, forward)->opens == (p->whose == NAT_OTHERS);
}

static enum nat_verdict inward_entry(struct nat *n, struct nat_flow *f,
				     const struct port_fate *fate,
				     const struct port_probe *probe,
				     const struct nat_packet *p,
				     uint32_t *session)
{
	const bool entry = applies(n, fate, p);
	const bool socket = fate->kind == MINATO_KIND_SOCKET ||
			    fate->kind == MINATO_KIND_UPLINK;

	if (entry && p->opens) {
		f->c = f->a;
		if (p->whose != NAT_OTHERS && minato_addr_is4(&f->a.addr))
			f->flags |= NAT_IS_LOCAL;
		return begin_forwarded(n, f, fate->entry, session);
	}
	if (entry)
		return forwards_of(n, fate->entry) != NAT_NONE ?
			       drop(n, NAT_COUNT_NO_SESSION) :
			       NAT_HOST;
	if (p->whose != NAT_OTHERS && socket)
		return NAT_HOST;
	if (p->whose == NAT_OTHERS && p->opens)
		return open_inward(n, f, probe->key, p, session);
	if (p->whose == NAT_OTHERS)
		return drop(n, NAT_COUNT_NO_SESSION);
	/* A query to us is answered by us. */
	if (probe->key->proto == MINATO_ICMP)
		return NAT_HOST;
	return unsolicited(n, probe->key, p, NAT_COUNT_CLOSED);
}

enum nat_verdict begin_inward(struct nat *n, const struct port_probe *probe,
			      const struct nat_packet *p, uint32_t *session)
{
	const struct port_key *key = probe->key;
	struct nat_flow f = { .a = source_of(key),
			      .b = destination_of(key),
			      .proto = key->proto,
			      .from = key->scope,
			      .owner = NAT_NONE,
			      .other = NAT_NONE,
			      .probe = { probe } };
	struct port_fate fate;
	uint32_t mapping;

	if (p->whose == NAT_OURS)
		return NAT_HOST;
	port_lookup_missed(nat_table(n), probe, n->now, p->opens, &fate);
	if (fate.exact)
		return NAT_HOST; /* an association */
	if (fate.kind == MINATO_KIND_GUARD && !fate.behind)
		return guarded(n, &fate);
	mapping = mapping_of_outside(n, key->proto, &f.b);
	if (fate.kind == MINATO_KIND_GUARD && mapping == NAT_NONE)
		return guarded(n, &fate);
	if (mapping == NAT_NONE)
		return inward_entry(n, &f, &fate, probe, p, session);
	if (!p->opens)
		return drop(n, NAT_COUNT_NO_SESSION);
	if (!mapping_admits(n, mapping, &f.a))
		return unsolicited(n, key, p, NAT_COUNT_FILTERED);
	return to_mapping(n, &f, mapping, session);
}

/* Of a flow from inside to an outside address of ours. */
static bool rules_pass(struct nat *n, const struct port_key *asked,
		       enum nat_verdict *verdict)
{
	struct port_key key = *asked;
	struct rule_verdict v;

	key.course = MINATO_COURSE_IN;
	port_rules_ask(nat_table(n), &key, n->now, false, &v);
	if (v.verdict == MINATO_PASS)
		return true;
	nat_count(n, NAT_COUNT_GUARD);
	*verdict = v.verdict == MINATO_REFUSE ? NAT_PROHIBITED : NAT_DROP;
	return false;
}

/* --- hairpin (RFC 4787 REQ-9, RFC 5382 REQ-8) ---------------------------- */

/* The sender's own mapping: it appears as it would outside (REQ-9a). Towards a
   forward a half-open flow makes way, and that before one is made. */
static int64_t own_mapping(struct nat *n, struct nat_flow *f, bool forwarded)
{
	int64_t mapping = mapping_get(n, f, false);

	if (mapping == nat_refusal(NAT_COUNT_NO_MEMORY) && forwarded &&
	    session_full(n) && opening_evict(n, NAT_NONE))
		mapping = mapping_get(n, f, false);
	if (mapping < 0)
		return mapping;
	f->owner = (uint32_t)mapping;
	f->c = mapping_outside(mapping_at(n, f->owner));
	if (host_may_begin(n, mapping_at(n, f->owner)->host))
		return mapping;
	mapping_settle(n, f->owner);
	return nat_refusal(NAT_COUNT_HOST_SESSIONS);
}

/*
 * What the other's filter keeps out has left all the same: by it this side's
 * filter lets the other in. Two that send to each other both get through then,
 * as they would from behind two gateways (RFC 5128 3.3).
 */
static enum nat_verdict hairpin_to(struct nat *n, struct nat_flow *f,
				   uint32_t mapping, uint32_t *session)
{
	const bool admitted = mapping_admits(n, mapping, &f->c);
	int64_t made;

	f->d = mapping_inside(mapping_at(n, mapping));
	f->to = mapping_at(n, mapping)->scope;
	f->other = mapping;
	f->flags |= NAT_B_INSIDE;
	f->flags |= admitted ? 0 : NAT_IS_SHUT;
	made = session_make(n, f);
	if (made < 0)
		return begin_refused(n, made, f->proto, &f->a);
	*session = (uint32_t)made;
	return admitted ? NAT_PASS : drop(n, NAT_COUNT_FILTERED);
}

enum nat_verdict begin_shut(struct nat *n, const struct port_probe *probe,
			    const struct nat_packet *p, uint32_t session,
			    uint32_t side)
{
	struct nat_session *s = session_at(n, session);
	enum nat_verdict verdict;
	struct nat_flow f;

	session_flow(s, &f);
	if (!p->opens)
		return drop(n, NAT_COUNT_NO_SESSION);
	/* The other one begins too, as far as rules are concerned. */
	if (side == 1 && !rules_pass(n, probe->key, &verdict))
		return verdict;
	if (side == 0 && !mapping_admits(n, f.other, &f.c))
		return drop(n, NAT_COUNT_FILTERED);
	s->flags &= (uint16_t)~NAT_IS_SHUT;
	return NAT_PASS;
}

enum nat_verdict begin_hairpin(struct nat *n, const struct port_probe *probe,
			       const struct nat_packet *p, uint32_t *session)
{
	struct port_key key = *probe->key;
	struct nat_flow f = { .a = source_of(&key),
			      .b = destination_of(&key),
			      .proto = key.proto,
			      .from = key.scope,
			      .flags = NAT_A_INSIDE | NAT_IS_HOLDER |
				       NAT_IS_HAIRPIN };
	enum nat_verdict verdict;
	struct port_fate fate;
	uint32_t mapping;
	bool entry;
	int64_t own;

	if (key.proto == MINATO_ICMP || !minato_addr_is4(&key.local))
		return NAT_HOST; /* a query to us is answered by us */
	/* As it would be met outside. */
	key.scope = n->limits.outside_scope;
	key.face = MINATO_FACE_ANY;
	key.course = MINATO_COURSE_NONE;
	mapping = mapping_of_outside(n, f.proto, &f.b);
	if (p->opens && mapping == NAT_NONE && foresee_held(n, &key))
		return n->options.hairpin ? NAT_HOST :
					    drop(n, NAT_COUNT_HAIRPIN_OFF);
	/* Rules see it as it is; it is for us, or for an inside. */
	if (p->opens && !rules_pass(n, probe->key, &verdict))
		return verdict;
	port_lookup(nat_table(n), &key, n->now, p->opens, &fate);
	entry = (fate.kind == MINATO_KIND_FORWARD ||
		 fate.kind == MINATO_KIND_DMZ) &&
		forwards_of(n, fate.entry) != NAT_NONE;
	if (fate.kind == MINATO_KIND_GUARD &&
	    (!fate.behind || mapping == NAT_NONE))
		return guarded(n, &fate);
	if (mapping == NAT_NONE && !entry)
		return NAT_HOST;
	if (!p->opens)
		return of_nothing(n, key.proto, p);
	if (!n->options.hairpin)
		return drop(n, NAT_COUNT_HAIRPIN_OFF);
	own = own_mapping(n, &f, mapping == NAT_NONE);
	if (own < 0)
		return begin_refused(n, own, f.proto, &f.a);
	pin(n, f.owner, 1);
	verdict = mapping != NAT_NONE ?
			  hairpin_to(n, &f, mapping, session) :
			  begin_forwarded(n, &f, fate.entry, session);
	pin(n, f.owner, -1);
	if (verdict != NAT_PASS)
		mapping_settle(n, f.owner);
	return verdict;
}

/* --- between two insides ------------------------------------------------- */

/* What rules of that course say. Who opens nothing spends no limit. */
static enum nat_verdict rules_between(struct nat *n, struct port_key *key,
				      uint8_t course, bool opens)
{
	struct rule_verdict v;

	key->course = course;
	port_rules_ask(nat_table(n), key, n->now, !opens, &v);
	if (v.verdict == MINATO_PASS)
		return NAT_PASS;
	nat_count(n, NAT_COUNT_GUARD);
	return v.verdict == MINATO_REFUSE ? NAT_PROHIBITED : NAT_DROP;
}

/* It leaves one inside, and comes in to the other: both are asked, behind the
   walls of owners. */
static enum nat_verdict judge_between(struct nat *n, const struct port_key *of,
				      bool opens)
{
	struct port_key key = *of;
	struct port_key wall = of->proto == NAT_OTHER ? port_key_of_all(of) :
							*of;
	enum nat_verdict verdict;
	struct port_fate fate;

	wall.course = MINATO_COURSE_NONE;
	port_lookup(nat_table(n), &wall, n->now, opens, &fate);
	if (fate.kind == MINATO_KIND_GUARD)
		return guarded(n, &fate);
	verdict = rules_between(n, &key, MINATO_COURSE_OUT, opens);
	return verdict == NAT_PASS ?
		       rules_between(n, &key, MINATO_COURSE_IN, opens) :
		       verdict;
}

/* It counts for its host, and has no mapping: nobody outside may meet it. */
static int64_t make_between(struct nat *n, struct nat_flow *f)
{
	int64_t made = host_get(n, f->from, &f->a.addr);

	if (made < 0)
		return made;
	f->other = (uint32_t)made;
	made = host_may_begin(n, f->other) ?
		       session_make(n, f) :
		       nat_refusal(NAT_COUNT_HOST_SESSIONS);
	if (made < 0)
		host_settle(n, f->other);
	return made;
}

enum nat_verdict begin_between(struct nat *n, const struct port_probe *probe,
			       const struct nat_packet *p, uint8_t to,
			       uint32_t *session)
{
	const struct port_key *key = probe->key;
	struct nat_flow f = { .a = source_of(key),
			      .b = destination_of(key),
			      .c = source_of(key),
			      .d = destination_of(key),
			      .proto = key->proto,
			      .from = key->scope,
			      .to = to,
			      .flags = NAT_A_INSIDE | NAT_B_INSIDE |
				       NAT_IS_HOLDER,
			      .owner = NAT_NONE,
			      .probe = { probe } };
	const enum nat_verdict verdict = judge_between(n, key, p->opens);
	int64_t made;

	if (verdict != NAT_PASS)
		return verdict;
	made = p->opens ? make_between(n, &f) : -1;
	if (made < 0)
		return NAT_HOST;
	*session = (uint32_t)made;
	return NAT_PASS;
}
