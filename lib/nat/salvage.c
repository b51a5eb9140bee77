/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows carried over from a host value that died: read from its memory, which
 * is believed in nothing, and taken into a new one, which checks them again.
 *
 * Of the old memory only the records of sessions are read, one by one in the
 * order in which they lie; where they lie the config says, no number in the
 * memory. No index in a record is followed: a record has all four ends.
 */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

/* --- what a flow may look like ------------------------------------------- */

static bool end_valid(const struct minato_endpoint *e, uint8_t proto)
{
	return !minato_addr_is_any(&e->addr) && !addr_is_multicast(&e->addr) &&
	       !addr_is_broadcast4(&e->addr) && !addr_is_loopback(&e->addr) &&
	       (e->port != 0 || proto == MINATO_ICMP);
}

static bool same_end(const struct minato_endpoint *a,
		     const struct minato_endpoint *b)
{
	return a->port == b->port && minato_addr_equal(&a->addr, &b->addr);
}

static bool ends_valid(const struct minato_session *s)
{
	const struct minato_endpoint *end[] = { &s->source, &s->destination,
						&s->back_source,
						&s->back_destination };
	const bool four = minato_addr_is4(&s->source.addr);

	for (uint32_t i = 0; i < 4; i++)
		if (!end_valid(end[i], s->proto) ||
		    minato_addr_is4(&end[i]->addr) != four)
			return false;
	return four || (same_end(&s->source, &s->back_destination) &&
			same_end(&s->destination, &s->back_source));
}

/* Scopes: outward, inward, or from inside to inside. */
static bool scopes_valid(const struct nat_limits *limits,
			 const struct minato_session *s)
{
	const uint8_t outside = limits->outside_scope;

	if (s->from >= PORT_SCOPES || s->to >= PORT_SCOPES)
		return false;
	if (s->hairpin)
		return s->from != outside && s->to != outside &&
		       minato_addr_is4(&s->source.addr) && !s->overflow;
	if (s->from == outside)
		return s->to != outside && !s->overflow;
	return !s->forward && (s->to == outside || !s->overflow);
}

/* What each kind leaves as it came. */
static bool kind_valid(const struct nat_limits *limits,
		       const struct minato_session *s)
{
	if (s->hairpin)
		return true;
	/* A forward may have given it another port. */
	if (s->from == limits->outside_scope)
		return minato_addr_equal(&s->source.addr,
					 &s->back_destination.addr) &&
		       (s->source.port == s->back_destination.port ||
			s->forward);
	return minato_addr_equal(&s->destination.addr, &s->back_source.addr) &&
	       (s->proto == MINATO_ICMP ?
			s->back_source.port == s->back_destination.port :
			s->destination.port == s->back_source.port);
}

/* Of another protocol its number is all ports. */
static bool other_valid(const struct minato_session *s)
{
	const uint16_t number = s->source.port;

	return number != 0 && number < 256 && number != MINATO_TCP &&
	       number != MINATO_UDP && number != MINATO_ICMP &&
	       (!s->hairpin || s->forward) && !s->overflow &&
	       s->destination.port == number && s->back_source.port == number &&
	       s->back_destination.port == number;
}

static bool proto_valid(uint8_t proto)
{
	return proto == MINATO_TCP || proto == MINATO_UDP ||
	       proto == MINATO_ICMP || proto == NAT_OTHER;
}

static bool flow_valid(const struct nat_limits *limits,
		       const struct minato_session *s)
{
	if (!proto_valid(s->proto) ||
	    (s->proto == NAT_OTHER && !other_valid(s)))
		return false;
	if (s->state > MINATO_NAT_RESET ||
	    (s->proto != MINATO_TCP && s->state != MINATO_NAT_OPEN))
		return false;
	/* The identifier stands in both ends of a query. */
	if (s->proto == MINATO_ICMP &&
	    (s->source.port != s->destination.port || s->hairpin))
		return false;
	return ends_valid(s) && scopes_valid(limits, s) &&
	       kind_valid(limits, s);
}

/* --- salvage ------------------------------------------------------------- */

#define SPAN_MS (UINT32_C(31) * 24 * 3600 * 1000) /* longer than any timer */

/* The clock of the dead, as far as it makes sense. */
static bool read_clock(const char *memory, size_t size, struct nat *head)
{
	if (size < sizeof(*head))
		return false;
	memcpy(&head->now, memory + offsetof(struct nat, now),
	       sizeof(head->now));
	memcpy(head->timeout_ms, memory + offsetof(struct nat, timeout_ms),
	       sizeof(head->timeout_ms));
	for (uint32_t i = 0; i < NAT_TIMERS; i++)
		if (head->timeout_ms[i] >= SPAN_MS)
			return false;
	if (head->now.ns < 0)
		return false;
	head->now_ms = (uint32_t)(head->now.ns / NS_PER_MS);
	return true;
}

static bool state_valid(const struct nat_session *s)
{
	const uint8_t known = NAT_TCP_STATE | NAT_TCP_SYN_A | NAT_TCP_SYN_B |
			      NAT_TCP_FIN_A | NAT_TCP_FIN_B | NAT_TCP_ACK_A;
	const uint8_t said = NAT_TCP_SYN_B | NAT_TCP_ACK_A;

	if ((s->generation & 1) == 0)
		return false;
	if (!proto_valid(s->proto))
		return false;
	return s->proto == MINATO_TCP ? (s->tcp & ~known) == 0 :
					(s->tcp & ~said) == 0;
}

/* A record as a session; false: none that could be one. */
static bool read_record(const struct nat *head, const struct nat_session *s,
			bool six, struct minato_session *out)
{
	struct nat_flow f;
	uint32_t idle;

	if (!state_valid(s) || ((s->flags & NAT_IS_SIX) != 0) != six ||
	    (s->flags & NAT_IS_SHUT) != 0)
		return false;
	idle = head->now_ms - s->last;
	if (idle > session_timeout(head, s))
		return false;
	session_flow(s, &f);
	*out = (struct minato_session){
		.proto = f.proto,
		.state = f.proto == MINATO_TCP ? s->tcp & NAT_TCP_STATE :
						 MINATO_NAT_OPEN,
		.half_open = session_half_open(s),
		.from = f.from,
		.to = f.to,
		.hairpin = (f.flags & NAT_IS_HAIRPIN) != 0,
		.forward = (f.flags & NAT_IS_FORWARD) != 0,
		.overflow = (f.flags & NAT_IS_OVERFLOW) != 0,
		.source = f.a,
		.destination = f.b,
		.back_source = f.d,
		.back_destination = f.c,
		.since = { (int64_t)s->since << NAT_SINCE_SHIFT },
		.until = { (head->now.ns / NS_PER_MS +
			    (int64_t)session_timeout(head, s) + 1 - idle) *
			   NS_PER_MS },
	};
	return out->since.ns <= head->now.ns;
}

/* Where record `place` lies, or false: behind the end. */
static bool record_place(const struct nat_limits *limits, uint64_t place,
			 bool *six, size_t *at)
{
	const uint64_t count = limits->sessions_max;

	*six = place >= count;
	if (place >= 2 * count)
		return false;
	*at = *six ? core_sessions6(limits) +
			      (size_t)(place - count) *
				      sizeof(struct nat_session6) :
		     core_sessions4(limits) +
			      (size_t)place * sizeof(struct nat_session);
	return true;
}

bool nat_session_salvage(const void *memory, size_t size,
			 const struct nat_limits *limits, uint64_t *cursor,
			 struct minato_session *out)
{
	struct nat_session6 record;
	struct nat head;
	size_t at;
	bool six;

	if (!read_clock(memory, size, &head))
		return false;
	for (; record_place(limits, *cursor, &six, &at); ++*cursor) {
		const size_t len = six ? sizeof(struct nat_session6) :
					 sizeof(struct nat_session);
		if (at + len > size) {
			/* IPv6 lies behind IPv4: nothing more is there. */
			*cursor = 2 * (uint64_t)limits->sessions_max;
			return false;
		}
		memcpy(&record, (const char *)memory + at, len);
		if (!read_record(&head, &record.head, six, out) ||
		    !flow_valid(limits, out))
			continue;
		++*cursor;
		return true;
	}
	return false;
}

/* --- adoption ------------------------------------------------------------ */

static void set_state(struct nat *n, uint32_t session,
		      const struct minato_session *from)
{
	struct nat_session *s = session_at(n, session);
	uint32_t timeout;
	int64_t left = (from->until.ns - n->now.ns) / NS_PER_MS;

	if (s->proto == MINATO_TCP) {
		s->tcp = from->state;
		if (from->state != MINATO_NAT_OPENING)
			s->tcp |= NAT_TCP_SYN_A | NAT_TCP_SYN_B;
		if (from->state != MINATO_NAT_OPENING && !from->half_open)
			s->tcp |= NAT_TCP_ACK_A;
		/* Of one FIN or both its time tells. */
		if (from->state == MINATO_NAT_CLOSING &&
		    left <= n->timeout_ms[NAT_TIMER_CLOSING])
			s->tcp |= NAT_TCP_FIN_A | NAT_TCP_FIN_B;
	} else if (!from->half_open) {
		s->tcp |= NAT_TCP_SYN_B;
	}
	s->since = (uint32_t)(from->since.ns >> NAT_SINCE_SHIFT);
	timeout = session_timeout(n, s);
	if (left > timeout)
		left = timeout;
	s->last = n->now_ms - (timeout - (uint32_t)left);
	expiry_arm(n, session);
}

/* Its mapping: there already, or made at that very port. */
static int64_t mapping_for(struct nat *n, uint8_t scope, uint8_t proto,
			   const struct minato_endpoint *inside,
			   const struct minato_endpoint *outside)
{
	const bool same = same_end(inside, outside);
	const uint32_t there = mapping_of_inside(n, scope, proto, inside, same);
	struct nat_faces faces = { .inside = inside,
				   .outside = same ? inside : outside };
	int64_t host, made;

	if (there != NAT_NONE) {
		const struct minato_endpoint has =
			mapping_outside(mapping_at(n, there));
		return same_end(&has, outside) ? (int64_t)there : -EADDRINUSE;
	}
	if (!same && !outside_unheld(n, proto, outside))
		return -EADDRINUSE;
	host = host_get(n, scope, &inside->addr);
	if (host < 0)
		return -ENOSPC;
	if (!same)
		faces.pool = outside_find(n, &outside->addr);
	made = mapping_make(n, (uint32_t)host, proto, &faces);
	if (made < 0) {
		host_settle(n, (uint32_t)host);
		return -ENOSPC;
	}
	if (!same && host_record(n, (uint32_t)host)->pool == 0)
		host_record(n, (uint32_t)host)->pool = faces.pool + 1;
	return made;
}

/* A translation is of a pool's address. */
static bool translates(const struct minato_session *s)
{
	return minato_addr_is4(&s->source.addr) &&
	       !same_end(&s->source, &s->back_destination);
}

static void flow_of(const struct nat *n, const struct minato_session *s,
		    struct nat_flow *f)
{
	const uint8_t outside = n->limits.outside_scope;

	*f = (struct nat_flow){ .a = s->source,
				.b = s->destination,
				.c = s->back_destination,
				.d = s->back_source,
				.proto = s->proto,
				.from = s->from,
				.to = s->to,
				.owner = NAT_NONE,
				.other = NAT_NONE };
	if (s->from != outside)
		f->flags |= NAT_A_INSIDE | NAT_IS_HOLDER;
	if (s->to != outside)
		f->flags |= NAT_B_INSIDE;
	if (s->hairpin)
		f->flags |= NAT_IS_HAIRPIN;
}

/* The forward that leads there now, whatever it was when the flow began: of an
   entry that is gone the flow goes on without one. */
static int find_forward(struct nat *n, const struct minato_session *s,
			struct nat_flow *f)
{
	struct port_key key = { .local = f->b.addr,
				.remote = f->a.addr,
				.local_port = f->b.port,
				.remote_port = f->a.port,
				.scope = n->limits.outside_scope,
				.face = MINATO_FACE_ANY,
				.proto = f->proto };
	struct port_fate fate;
	int64_t forward = NAT_NONE;

	if (f->proto == NAT_OTHER) /* as others.c looks for a dmz */
		key = port_key_of_all(&key);
	port_lookup(nat_table(n), &key, n->now, false, &fate);
	if (!fate.exact &&
	    (fate.kind == MINATO_KIND_FORWARD || fate.kind == MINATO_KIND_DMZ))
		forward = forwards_of(n, fate.entry);
	if (forward == NAT_NONE)
		forward = forwards_orphan(n);
	if (forward < 0)
		return -ENOSPC;
	f->other = (uint32_t)forward;
	f->flags |= NAT_IS_FORWARD | NAT_IS_CURRENT;
	if (!s->hairpin && f->proto != NAT_OTHER &&
	    minato_addr_is4(&f->a.addr) &&
	    nat_pool_has(n, UINT32_MAX, &f->b.addr))
		f->flags |= NAT_IS_LOCAL;
	return 0;
}

/* From one inside to another: both ends as they are, and no mapping. */
static int find_between(struct nat *n, struct nat_flow *f)
{
	int64_t host;

	if (!same_end(&f->a, &f->c) || !same_end(&f->b, &f->d))
		return -EINVAL;
	host = host_get(n, f->from, &f->a.addr);
	f->other = (uint32_t)host;
	return host < 0 ? -ENOSPC : 0;
}

/* Of another protocol: the host's address of the pool, and no port. */
static int find_host(struct nat *n, const struct minato_session *s,
		     struct nat_flow *f)
{
	const int64_t host = host_get(n, f->from, &f->a.addr);
	struct nat_host *h;

	if (host < 0)
		return -ENOSPC;
	h = host_record(n, (uint32_t)host);
	if (!s->hairpin) {
		f->other = (uint32_t)host;
		f->flags = NAT_A_INSIDE;
	}
	if (translates(s) && h->pool == 0)
		h->pool = outside_find(n, &f->c.addr) + 1;
	return 0;
}

/* What a flow that the inside began has: its mapping, or another's port. */
static int find_owner(struct nat *n, const struct minato_session *s,
		      struct nat_flow *f)
{
	int64_t made;

	if (translates(s) && !nat_pool_has(n, UINT32_MAX, &f->c.addr))
		return -EINVAL;
	if (f->proto == NAT_OTHER)
		return find_host(n, s, f);
	if (!s->overflow) {
		made = mapping_for(n, f->from, f->proto, &f->a, &f->c);
		f->owner = (uint32_t)made;
		return made < 0 ? (int)made : 0;
	}
	f->owner = mapping_of_outside(n, f->proto, &f->c);
	if (f->owner == NAT_NONE)
		return -EADDRINUSE; /* whose port it was is not here (yet) */
	made = host_get(n, f->from, &f->a.addr);
	f->other = (uint32_t)made;
	f->flags = NAT_A_INSIDE | NAT_IS_OVERFLOW;
	return made < 0 ? -ENOSPC : 0;
}

/* Whom a flow goes to that somebody else began. */
static int find_target(struct nat *n, const struct minato_session *s,
		       struct nat_flow *f)
{
	int64_t mapping;

	if (s->forward)
		return find_forward(n, s, f);
	if (!same_end(&f->b, &f->d) && !nat_pool_has(n, UINT32_MAX, &f->b.addr))
		return -EINVAL;
	if (f->proto == NAT_OTHER)
		return same_end(&f->b, &f->d) ? 0 : -EINVAL;
	if (f->from == n->limits.outside_scope && same_end(&f->b, &f->d) &&
	    mapping_of_inside(n, f->to, f->proto, &f->d, true) == NAT_NONE)
		return 0; /* IPv6 that was open */
	mapping = mapping_for(n, f->to, f->proto, &f->d, &f->b);
	if (mapping < 0)
		return (int)mapping;
	if (s->hairpin)
		f->other = (uint32_t)mapping;
	else
		f->owner = (uint32_t)mapping;
	/* Until the inside speaks it keeps nothing; it has spoken before. */
	if (!s->hairpin)
		f->flags |= NAT_IS_HOLDER;
	return 0;
}

static void undo(struct nat *n, const struct nat_flow *f)
{
	if (((f->flags & NAT_IS_OVERFLOW) || nat_is_between(f->flags) ||
	     nat_is_hosts(f->proto, f->flags)) &&
	    f->other != NAT_NONE)
		host_settle(n, f->other);
	if (nat_is_turned(f->proto, f->flags) &&
	    host_find(n, f->from, &f->a.addr) != NAT_NONE)
		host_settle(n, host_find(n, f->from, &f->a.addr));
	if ((f->flags & NAT_IS_FORWARD) != 0)
		forwards_settle(n, f->other);
	else if ((f->flags & NAT_IS_HAIRPIN) != 0 && f->other != NAT_NONE)
		mapping_settle(n, f->other);
	if (f->owner != NAT_NONE)
		mapping_settle(n, f->owner);
}

static int find_records(struct nat *n, const struct minato_session *s,
			struct nat_flow *f)
{
	int found = 0;

	if (nat_is_between(f->flags) && !s->forward && !s->overflow)
		return find_between(n, f);
	if (s->from != n->limits.outside_scope)
		found = find_owner(n, s, f);
	if (found == 0 && s->to != n->limits.outside_scope)
		found = find_target(n, s, f);
	return found;
}

static int adopt(struct nat *n, const struct minato_session *s,
		 struct nat_flow *f)
{
	const int found = find_records(n, s, f);
	int64_t made;

	if (found < 0) {
		if ((int32_t)f->owner < 0)
			f->owner = NAT_NONE;
		if ((int32_t)f->other < 0) {
			f->other = NAT_NONE;
			f->flags &=
				(uint16_t) ~(NAT_IS_FORWARD | NAT_IS_CURRENT |
					     NAT_IS_OVERFLOW);
		}
		undo(n, f);
		return found;
	}
	made = session_make(n, f);
	if (made < 0) {
		undo(n, f);
		return made == nat_refusal(NAT_COUNT_TAKEN) ? -EADDRINUSE :
							      -ENOSPC;
	}
	set_state(n, (uint32_t)made, s);
	nat_count(n, NAT_COUNT_ADOPTED);
	return 0;
}

int nat_session_adopt(struct nat *n, const struct minato_session *s)
{
	struct nat_flow f;

	if (!flow_valid(&n->limits, s) || s->until.ns <= n->now.ns ||
	    s->since.ns > n->now.ns || s->since.ns < 0 ||
	    (s->until.ns - n->now.ns) / NS_PER_MS > SPAN_MS)
		return -EINVAL;
	flow_of(n, s, &f);
	return adopt(n, s, &f);
}
