/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions: the record of a flow, its two tuples, and what counts it. */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

static struct nat_slots *slots_of(struct nat *n, bool six)
{
	return six ? &n->sessions6 : &n->sessions4;
}

bool session_live(const struct nat *n, uint32_t session)
{
	const bool six = (session & NAT_SIX) != 0;
	const uint32_t fresh = six ? n->sessions6.fresh : n->sessions4.fresh;

	return (session & ~NAT_SIX) < fresh &&
	       (session_at(n, session)->generation & 1) != 0;
}

uint32_t session_walk(const struct nat *n, uint32_t from)
{
	for (; from < n->sessions4.fresh; from++)
		if (session_live(n, from))
			return from;
	if ((from & NAT_SIX) == 0)
		from = NAT_SIX;
	for (; (from & ~NAT_SIX) < n->sessions6.fresh; from++)
		if (session_live(n, from))
			return from;
	return NAT_NONE;
}

/* --- ends ---------------------------------------------------------------- */

void session_end_of6(const struct nat_session *s, enum nat_end end,
		     struct minato_endpoint *out)
{
	const struct nat_session6 *six = (const struct nat_session6 *)s;
	const bool near = end == NAT_A || end == NAT_C;

	memcpy(out->addr.bytes, near ? s->six.a : six->b, 16);
	out->port = s->six.port[near ? 0 : 1];
}

void session_flow(const struct nat_session *s, struct nat_flow *out)
{
	out->proto = s->proto;
	out->from = s->scopes >> 4;
	out->to = s->scopes & 15;
	out->flags = s->flags;
	out->owner = s->owner;
	out->other = s->other;
	out->probe[0] = NULL;
	out->probe[1] = NULL;
	session_end_of(s, NAT_A, &out->a);
	session_end_of(s, NAT_B, &out->b);
	session_end_of(s, NAT_C, &out->c);
	session_end_of(s, NAT_D, &out->d);
}

static void write_ends(struct nat_session *s, const struct nat_flow *f)
{
	const struct minato_endpoint *end[] = { &f->a, &f->b, &f->c, &f->d };

	if (f->flags & NAT_IS_SIX) {
		struct nat_session6 *six = (struct nat_session6 *)s;
		memcpy(s->six.a, f->a.addr.bytes, 16);
		memcpy(six->b, f->b.addr.bytes, 16);
		s->six.port[0] = f->a.port;
		s->six.port[1] = f->b.port;
		return;
	}
	for (uint32_t i = 0; i < 4; i++) {
		s->four.addr[i] = nat_load4(&end[i]->addr);
		s->four.port[i] = end[i]->port;
	}
}

static struct port_key face(const struct nat_flow *f, uint32_t side)
{
	const struct minato_endpoint *local = side == 0 ? &f->b : &f->c;
	const struct minato_endpoint *remote = side == 0 ? &f->a : &f->d;

	return (struct port_key){
		.local = local->addr,
		.remote = remote->addr,
		.local_port = local->port,
		.remote_port = remote->port,
		.scope = side == 0 ? f->from : f->to,
		.face = MINATO_FACE_ANY,
		.proto = f->proto,
	};
}

void session_key(const struct nat_session *s, uint32_t side,
		 struct port_key *out)
{
	struct minato_endpoint local, remote;

	session_end_of(s, side == 0 ? NAT_B : NAT_C, &local);
	session_end_of(s, side == 0 ? NAT_A : NAT_D, &remote);
	*out = (struct port_key){
		.local = local.addr,
		.remote = remote.addr,
		.local_port = local.port,
		.remote_port = remote.port,
		.scope = side == 0 ? s->scopes >> 4 : s->scopes & 15,
		.face = MINATO_FACE_ANY,
		.proto = s->proto,
	};
}

/* --- its time ------------------------------------------------------------ */

/* RFC 5597 REQ-5: a connection of DCCP has as much as one of TCP. */
static enum nat_timer timer_of_other(const struct nat_session *s)
{
	struct minato_endpoint asked;

	session_end_of(s, NAT_B, &asked);
	return asked.port == NAT_PROTO_DCCP ? NAT_TIMER_OPEN : NAT_TIMER_OTHER;
}

static enum nat_timer timer_of(const struct nat_session *s)
{
	const uint8_t fins = NAT_TCP_FIN_A | NAT_TCP_FIN_B;

	if (s->proto == NAT_OTHER)
		return timer_of_other(s);
	if (s->proto == MINATO_UDP)
		return s->flags & NAT_IS_SHORT ? NAT_TIMER_SHORT :
						 NAT_TIMER_UDP;
	if (s->proto == MINATO_ICMP)
		return NAT_TIMER_ICMP;
	switch ((enum minato_nat_state)(s->tcp & NAT_TCP_STATE)) {
	case MINATO_NAT_OPENING:
		return NAT_TIMER_OPENING;
	case MINATO_NAT_OPEN:
		return NAT_TIMER_OPEN;
	case MINATO_NAT_CLOSING: /* half closed it may go on for long */
		return (s->tcp & fins) == fins ? NAT_TIMER_CLOSING :
						 NAT_TIMER_OPEN;
	case MINATO_NAT_RESET:
		return NAT_TIMER_RESET;
	}
	check(false);
	return NAT_TIMER_UDP;
}

uint32_t session_timeout(const struct nat *n, const struct nat_session *s)
{
	return n->timeout_ms[timer_of(s)];
}

bool session_over(const struct nat *n, const struct nat_session *s)
{
	return n->now_ms - s->last > session_timeout(n, s);
}

bool session_half_open(const struct nat_session *s)
{
	if (s->proto != MINATO_TCP)
		return (s->tcp & NAT_TCP_SYN_B) == 0;
	return (s->tcp & NAT_TCP_STATE) == MINATO_NAT_OPEN &&
	       (s->tcp & NAT_TCP_ACK_A) == 0;
}

/* --- what counts it ------------------------------------------------------ */

/* Addresses that were sent to are remembered only for who asks for them. */
static bool wants_peer(const struct nat *n, const struct nat_flow *f)
{
	const enum minato_filtering filtering =
		f->proto == MINATO_TCP ? n->options.tcp_filtering :
					 n->options.udp_filtering;

	return f->owner != NAT_NONE && f->proto != MINATO_ICMP &&
	       (f->flags & (NAT_A_INSIDE | NAT_IS_OVERFLOW)) == NAT_A_INSIDE &&
	       filtering == MINATO_FILTER_ADDRESS;
}

/* What the inside endpoint sent to, as it is known outside. */
static struct port_key peer_key(const struct nat *n, const struct nat_flow *f)
{
	return (struct port_key){
		.local = f->c.addr,
		.local_port = f->c.port,
		.remote = f->flags & NAT_IS_HAIRPIN ? f->b.addr : f->d.addr,
		.scope = n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = f->proto,
	};
}

static uint32_t host_of(const struct nat *n, const struct nat_flow *f)
{
	if ((f->flags & NAT_IS_OVERFLOW) || nat_is_between(f->flags) ||
	    nat_is_hosts(f->proto, f->flags))
		return f->other;
	if (f->owner != NAT_NONE)
		return mapping_at(n, f->owner)->host;
	return nat_is_turned(f->proto, f->flags) ?
		       host_find(n, f->from, &f->a.addr) :
		       NAT_NONE;
}

static inline void count_of_host(struct nat *n, uint32_t host)
{
	if ((++host_record(n, host)->sessions & (NAT_GREW - 1)) == 0)
		yielding_grew(n, host);
}

static void count_in(struct nat *n, const struct nat_flow *f)
{
	const uint32_t host = host_of(n, f);

	if (host != NAT_NONE)
		count_of_host(n, host);
	if (f->flags & NAT_IS_FORWARD)
		forwards_began(n, f->other);
	else if (f->flags & NAT_IS_HAIRPIN)
		mapping_at(n, f->other)->refs++;
	if (f->flags & NAT_IS_OVERFLOW)
		mapping_at(n, f->owner)->refs++;
}

static void count_out(struct nat *n, const struct nat_flow *f)
{
	const uint32_t host = host_of(n, f);
	struct port_key key;

	if (host != NAT_NONE)
		host_record(n, host)->sessions--;
	if (f->flags & NAT_IS_SOURCE) {
		forwards_source_key(n, f->other, &f->a.addr, &key);
		if (nat_number(n, &key, NAT_CLASS_SOURCE, -1) == 0)
			n->sources--;
	}
	if (f->flags & NAT_IS_FORWARD)
		forwards_ended(n, f->other, (f->flags & NAT_IS_CURRENT) != 0);
	else if (f->flags & NAT_IS_HAIRPIN)
		mapping_at(n, f->other)->refs--;
	if (f->flags & NAT_IS_OVERFLOW)
		mapping_at(n, f->owner)->refs--;
	if (f->flags & NAT_IS_PEER) {
		key = peer_key(n, f);
		nat_number(n, &key, NAT_CLASS_PEER, -1);
	}
}

/* --- in the list of its mapping, or of its host -------------------------- */

/* Where the first one stands; NULL: it is in none. */
static uint32_t *list_of(struct nat *n, const struct nat_session *s)
{
	if (s->owner != NAT_NONE)
		return &mapping_at(n, s->owner)->sessions;
	return nat_is_hosts(s->proto, s->flags) ?
		       &host_record(n, s->other)->others :
		       NULL;
}

static void enlist(struct nat *n, uint32_t session)
{
	struct nat_session *s = session_at(n, session);
	uint32_t *first = list_of(n, s);

	if (first == NULL)
		return;
	s->prev = NAT_NONE;
	s->next = *first;
	if (*first != NAT_NONE)
		session_at(n, *first)->prev = session;
	*first = session;
	if (s->owner == NAT_NONE)
		return;
	mapping_at(n, s->owner)->count++;
	mapping_at(n, s->owner)->holders += (s->flags & NAT_IS_HOLDER) != 0;
}

static void delist(struct nat *n, const struct nat_session *s)
{
	uint32_t *first = list_of(n, s);

	if (first == NULL)
		return;
	if (s->next != NAT_NONE)
		session_at(n, s->next)->prev = s->prev;
	if (s->prev != NAT_NONE)
		session_at(n, s->prev)->next = s->next;
	else
		*first = s->next;
	if (s->owner == NAT_NONE)
		return;
	mapping_at(n, s->owner)->count--;
	mapping_at(n, s->owner)->holders -= (s->flags & NAT_IS_HOLDER) != 0;
}

void session_hold(struct nat *n, struct nat_session *s)
{
	if (s->flags & (NAT_IS_HOLDER | NAT_IS_OVERFLOW))
		return;
	s->flags |= NAT_IS_HOLDER;
	if (s->owner != NAT_NONE)
		mapping_at(n, s->owner)->holders++;
}

/* --- making -------------------------------------------------------------- */

/* Who sends to its own mapping is at both ends: the faces are one. */
static bool is_own(const struct nat_flow *f)
{
	return (f->flags & NAT_IS_HAIRPIN) != 0 && f->from == f->to &&
	       f->a.port == f->d.port && f->b.port == f->c.port &&
	       minato_addr_equal(&f->a.addr, &f->d.addr) &&
	       minato_addr_equal(&f->b.addr, &f->c.addr);
}

/* Quiet, it counts nowhere: an index would be of no use to anybody. */
static int64_t insert_face(struct nat *n, const struct nat_flow *f,
			   uint32_t side, struct port_tuple_ref ref)
{
	struct port_key key;

	if (ref.quiet && f->probe[side] != NULL)
		return port_tuple_insert_sought(nat_table(n), f->probe[side],
						ref);
	key = face(f, side);
	return port_tuple_insert(nat_table(n), &key, ref);
}

/* Both tuples, or none and why. */
static int insert_faces(struct nat *n, const struct nat_flow *f,
			uint32_t session)
{
	struct port_tuple_ref ref = { .owner = session << 1,
				      .class = NAT_CLASS_SESSION,
				      .quiet = !(f->flags & NAT_IS_LOCAL) };
	const int64_t first = insert_face(n, f, 0, ref);
	struct port_key key;
	int64_t second;

	if (first < 0 || is_own(f))
		return first < 0 ? (int)first : 0;
	ref.owner |= 1;
	ref.quiet = true;
	second = insert_face(n, f, 1, ref);
	if (second >= 0)
		return 0;
	key = face(f, 0);
	nat_untuple(n, &key);
	return (int)second;
}

bool session_make_way(struct nat *n, const struct nat_flow *f)
{
	const struct port_key key = face(f, 1);
	struct port_tuple_ref ref;
	const struct nat_session *s;

	if (!port_tuple_find(nat_table(n), &key, &ref, NULL) ||
	    ref.class != NAT_CLASS_SESSION || (ref.owner & 1) == 0)
		return false;
	s = session_at(n, ref.owner >> 1);
	if ((s->flags & (NAT_IS_FORWARD | NAT_IS_HAIRPIN)) != NAT_IS_FORWARD ||
	    !tcpstate_over(s))
		return false;
	session_end(n, ref.owner >> 1);
	return true;
}

static void fill(const struct nat *n, struct nat_session *s,
		 const struct nat_flow *f)
{
	const uint16_t generation = (uint16_t)(s->generation + 1);

	*s = (struct nat_session){
		.timer_prev = NAT_UNARMED,
		.last = n->now_ms,
		.since = (uint32_t)(n->now.ns >> NAT_SINCE_SHIFT),
		.owner = f->owner,
		.other = f->other,
		.generation = generation,
		.flags = f->flags,
		.proto = f->proto,
		.scopes = (uint8_t)(f->from << 4 | f->to),
	};
	write_ends(s, f);
}

static bool is_short(const struct nat_flow *f)
{
	return f->proto == MINATO_UDP && f->b.port < 1024 &&
	       (f->flags & NAT_A_INSIDE) != 0;
}

/* The number of a session as its tuples' owner has a bit less. */
static uint32_t take(struct nat *n, bool six)
{
	uint32_t session;

	if (session_full(n))
		return NAT_NONE;
	session = nat_slot_take(n, slots_of(n, six));
	return six && session != NAT_NONE ? session | NAT_SIX : session;
}

static void give(struct nat *n, uint32_t session)
{
	nat_slot_give(n, slots_of(n, (session & NAT_SIX) != 0),
		      session & ~NAT_SIX);
}

int64_t session_make(struct nat *n, struct nat_flow *f)
{
	const bool six = !minato_addr_is4(&f->a.addr);
	const uint32_t session = take(n, six);
	int made;

	if (session == NAT_NONE)
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	f->flags |= six ? NAT_IS_SIX : 0;
	f->flags |= is_short(f) ? NAT_IS_SHORT : 0;
	made = insert_faces(n, f, session);
	if (made < 0) {
		give(n, session);
		return nat_refusal(made == -EEXIST ? NAT_COUNT_TAKEN :
						     NAT_COUNT_NO_MEMORY);
	}
	if (wants_peer(n, f)) {
		const struct port_key key = peer_key(n, f);
		if (nat_number(n, &key, NAT_CLASS_PEER, 1) != 0)
			f->flags |= NAT_IS_PEER;
	}
	fill(n, session_at(n, session), f);
	enlist(n, session);
	count_in(n, f);
	expiry_begin(n, session);
	nat_count(n, NAT_COUNT_SESSIONS);
	return session;
}

/* What fill and enlist write, at once. */
static void fill_sought(struct nat *n, uint32_t session, uint32_t mapping,
			const struct port_key *key)
{
	struct nat_session *s = session_at(n, session);
	struct nat_mapping *m = mapping_at(n, mapping);
	const uint32_t asked = nat_load4(&key->local);
	const bool is_brief = key->proto == MINATO_UDP &&
			      key->local_port < 1024;

	*s = (struct nat_session){
		.next = m->sessions,
		.prev = NAT_NONE,
		.timer_prev = NAT_UNARMED,
		.last = n->now_ms,
		.since = (uint32_t)(n->now.ns >> NAT_SINCE_SHIFT),
		.owner = mapping,
		.generation = (uint16_t)(s->generation + 1),
		.flags = NAT_A_INSIDE | NAT_IS_HOLDER |
			 (is_brief ? NAT_IS_SHORT : 0),
		.proto = key->proto,
		.scopes = (uint8_t)(key->scope << 4 | n->limits.outside_scope),
		.four = { { nat_load4(&key->remote), asked, m->four[1], asked },
			  { key->remote_port, key->local_port, m->outside_port,
			    key->local_port } },
	};
	if (m->sessions != NAT_NONE)
		session_at(n, m->sessions)->prev = session;
	m->sessions = session;
	m->count++;
	m->holders++;
	count_of_host(n, m->host);
}

int64_t session_make_sought(struct nat *n, uint32_t mapping,
			    const struct port_probe *packet,
			    const struct port_probe *other)
{
	const uint32_t session = take(n, false);
	struct port_tuple_ref ref = { .owner = session << 1,
				      .class = NAT_CLASS_SESSION,
				      .quiet = true };

	if (session == NAT_NONE)
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	if (port_tuple_insert_sought(nat_table(n), packet, ref) < 0) {
		give(n, session);
		return nat_refusal(NAT_COUNT_TAKEN);
	}
	ref.owner |= 1;
	if (port_tuple_insert_sought(nat_table(n), other, ref) < 0) {
		port_tuple_erase_sought(nat_table(n), packet);
		give(n, session);
		return nat_refusal(NAT_COUNT_TAKEN);
	}
	fill_sought(n, session, mapping, packet->key);
	expiry_begin(n, session);
	nat_count(n, NAT_COUNT_SESSIONS);
	return session;
}

/* --- ending -------------------------------------------------------------- */

static void drop(struct nat *n, uint32_t session)
{
	struct nat_session *s = session_at(n, session);
	struct nat_flow f;
	struct port_key key;

	check(session_live(n, session));
	if ((s->carry & NAT_IS_OFFERED) != 0)
		offers_end(n, session);
	session_flow(s, &f);
	for (uint32_t side = 0; side < (is_own(&f) ? 1 : 2); side++) {
		key = face(&f, side);
		nat_untuple(n, &key);
		if (side == 1 && (f.flags & NAT_A_INSIDE) != 0 &&
		    f.to == n->limits.outside_scope)
			port_recall_note(nat_table(n), &key, n->now);
	}
	expiry_cancel(n, session);
	if (f.owner != NAT_NONE) {
		/* Where both ends know, its port may go (RFC 6888 REQ-8a);
		   deviates where it goes because others want one, and nobody
		   has sent anything to it. */
		if (!tcpstate_over(s) && !(s->flags & NAT_IS_UNHEARD))
			mapping_at(n, f.owner)->flags |= NAT_MAPPING_UNCLEAN;
	}
	delist(n, s);
	count_out(n, &f);
	s->generation++;
	give(n, session);
	n->ends++;
}

/* Of a flow without a mapping: the host that it counts for, or NAT_NONE. */
static uint32_t bare_host(const struct nat *n, const struct nat_session *s)
{
	struct minato_endpoint a;

	if ((s->flags & NAT_IS_OVERFLOW) || nat_is_between(s->flags) ||
	    nat_is_hosts(s->proto, s->flags))
		return s->other;
	if (!nat_is_turned(s->proto, s->flags))
		return NAT_NONE;
	session_end_of(s, NAT_A, &a);
	return host_find(n, s->scopes >> 4, &a.addr);
}

uint32_t session_host(const struct nat *n, const struct nat_session *s)
{
	return s->owner != NAT_NONE && (s->flags & NAT_IS_OVERFLOW) == 0 ?
		       mapping_at(n, s->owner)->host :
		       bare_host(n, s);
}

void session_end(struct nat *n, uint32_t session)
{
	const struct nat_session *s = session_at(n, session);
	const uint32_t owner = s->owner, host = bare_host(n, s);
	uint32_t other = NAT_NONE;

	if ((s->flags & (NAT_IS_HAIRPIN | NAT_IS_FORWARD)) == NAT_IS_HAIRPIN)
		other = s->other;
	drop(n, session);
	if (owner != NAT_NONE)
		mapping_settle(n, owner);
	if (other != NAT_NONE)
		mapping_settle(n, other);
	if (host != NAT_NONE)
		host_settle(n, host);
}
