/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings: one inside endpoint, one outside endpoint, for all destinations
 * (RFC 4787 REQ-1); and the inside hosts that have them, with their bounds.
 * A mapping lives as long as a session that the inside has sent in (RFC 7857
 * 11), or one that uses it from elsewhere.
 */
#include "nat/nat.h"

#include <errno.h>
#include <string.h>

#define TOKEN INT64_C(1000) /* one mapping */

/* --- keys ---------------------------------------------------------------- */

struct minato_endpoint mapping_inside(const struct nat_mapping *m)
{
	struct minato_endpoint e = { .port = m->inside_port };

	if (m->flags & NAT_MAPPING_SIX)
		memcpy(e.addr.bytes, m->six, 16);
	else
		e.addr = nat_addr4(m->four[0]);
	return e;
}

struct minato_endpoint mapping_outside(const struct nat_mapping *m)
{
	if (m->flags & NAT_MAPPING_SIX)
		return mapping_inside(m);
	return (struct minato_endpoint){ nat_addr4(m->four[1]),
					 m->outside_port };
}

/* Who sends to whom does not matter: the remote end is open. */
static struct port_key outside_key(const struct nat *n, uint8_t proto,
				   const struct minato_endpoint *outside)
{
	struct port_key key = {
		.local = outside->addr,
		.local_port = outside->port,
		.scope = n->limits.outside_scope,
		.face = MINATO_FACE_ANY,
		.proto = proto,
	};

	if (minato_addr_is4(&outside->addr))
		key.remote = minato_addr4(0, 0, 0, 0);
	return key;
}

/* To 0.0.0.1 .. 0.0.0.4 nobody sends (RFC 1122 3.2.1.3). An IPv4 endpoint may
   have two mappings: what it is outside, and itself for routes. */
static struct port_key inside_key(uint8_t scope, uint8_t proto,
				  const struct minato_endpoint *inside,
				  bool same)
{
	static const struct minato_addr nobody[2] = {
		{ { [10] = 0xff, [11] = 0xff, [15] = 1 } },
		{ { [10] = 0xff, [11] = 0xff, [15] = 3 } }
	};
	const bool routed = same && minato_addr_is4(&inside->addr);

	return (struct port_key){
		.local = nobody[routed],
		.remote = inside->addr,
		.remote_port = inside->port,
		.scope = scope,
		.face = MINATO_FACE_ANY,
		.proto = proto,
	};
}

void mapping_inside_key(const struct port_key *packet, struct port_key *out)
{
	const struct minato_endpoint inside = { packet->remote,
						packet->remote_port };

	*out = inside_key(packet->scope, packet->proto, &inside, false);
}

static struct port_key host_key(uint8_t scope, const struct minato_addr *addr)
{
	return (struct port_key){
		.local = minato_addr4(0, 0, 0, 2),
		.remote = *addr,
		.scope = scope,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
	};
}

void mapping_host_key(const struct port_key *packet, struct port_key *out)
{
	*out = host_key(packet->scope, &packet->remote);
}

void mapping_outside_key(const struct nat *n, uint8_t proto,
			 const struct minato_endpoint *outside,
			 struct port_key *out)
{
	*out = outside_key(n, proto, outside);
}

static uint32_t find(const struct nat *n, const struct port_key *key,
		     uint8_t class)
{
	struct port_tuple_ref ref;

	if (!port_tuple_find(nat_table(n), key, &ref, NULL) ||
	    ref.class != class)
		return NAT_NONE;
	return ref.owner;
}

uint32_t mapping_of_outside(const struct nat *n, uint8_t proto,
			    const struct minato_endpoint *outside)
{
	const struct port_key key = outside_key(n, proto, outside);

	return find(n, &key, NAT_CLASS_MAPPING);
}

uint32_t mapping_of_inside(const struct nat *n, uint8_t scope, uint8_t proto,
			   const struct minato_endpoint *inside, bool same)
{
	const struct port_key key = inside_key(scope, proto, inside, same);

	return find(n, &key, NAT_CLASS_INSIDE);
}

/* --- hosts --------------------------------------------------------------- */

uint32_t host_find(const struct nat *n, uint8_t scope,
		   const struct minato_addr *addr)
{
	const struct port_key key = host_key(scope, addr);

	return find(n, &key, NAT_CLASS_HOST);
}

/* Thousandths of a mapping that it may save up. */
static int64_t burst(const struct nat *n)
{
	const uint32_t most = n->options.host_burst != 0 ?
				      n->options.host_burst :
				      n->options.host_rate;

	return most * TOKEN;
}

/* Whether the record is, by now, that host's. */
static bool is_host(const struct nat *n, uint32_t host, uint8_t scope,
		    const struct minato_addr *addr)
{
	const struct nat_host *h;

	if (host == NAT_NONE)
		return false;
	h = host_record(n, host);
	return h->live && h->scope == scope &&
	       minato_addr_equal(&h->addr, addr);
}

int64_t host_get(struct nat *n, uint8_t scope, const struct minato_addr *addr)
{
	const struct port_key key = host_key(scope, addr);
	uint32_t host = find(n, &key, NAT_CLASS_HOST);
	struct port_tuple_ref ref = { .class = NAT_CLASS_HOST, .quiet = true };

	if (host != NAT_NONE)
		return host;
	host = nat_slot_take(n, &n->hosts);
	if (host == NAT_NONE)
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	ref.owner = host;
	if (port_tuple_insert(nat_table(n), &key, ref) < 0) {
		nat_slot_give(n, &n->hosts, host);
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	}
	*host_record(n, host) = (struct nat_host){
		.mappings = { NAT_NONE, NAT_NONE, NAT_NONE, NAT_NONE },
		.look = { NAT_NONE, NAT_NONE, NAT_NONE, NAT_NONE },
		.others = NAT_NONE,
		.live = true,
		.scope = scope,
		.addr = *addr,
		.tokens = burst(n),
		.refilled = n->now_ms,
	};
	return host;
}

uint32_t host_mapping(const struct nat_host *h)
{
	uint32_t list = 0;

	while (list < NAT_MAPPING_LISTS - 1 && h->mappings[list] == NAT_NONE)
		list++;
	return h->mappings[list];
}

void host_settle(struct nat *n, uint32_t host)
{
	struct nat_host *h = host_record(n, host);
	struct port_key key;

	if (!h->live || host_mapping(h) != NAT_NONE || h->sessions > 0 ||
	    h->held > 0)
		return;
	key = host_key(h->scope, &h->addr);
	nat_untuple(n, &key);
	h->live = false;
	nat_slot_give(n, &n->hosts, host);
}

bool host_may_begin(const struct nat *n, uint32_t host)
{
	const struct nat_host *h = host_record(n, host);

	return n->options.host_sessions == 0 ||
	       h->sessions + h->held < n->options.host_sessions;
}

static uint32_t host_bound(const struct nat *n, uint8_t proto)
{
	if (proto == MINATO_TCP)
		return n->options.host_tcp;
	return proto == MINATO_UDP ? n->options.host_udp : n->options.host_icmp;
}

/* What it has by now. */
static int64_t tokens_of(const struct nat *n, const struct nat_host *h)
{
	const int64_t most = burst(n);
	const uint32_t passed = n->now_ms - h->refilled;
	const int64_t tokens =
		h->tokens + (int64_t)passed * n->options.host_rate;

	return tokens < most ? tokens : most;
}

/* Whether the rate allows one more. */
static bool has_token(const struct nat *n, const struct nat_host *h)
{
	return n->options.host_rate == 0 || tokens_of(n, h) >= TOKEN;
}

static void spend_token(struct nat *n, struct nat_host *h)
{
	if (n->options.host_rate == 0)
		return;
	h->tokens = tokens_of(n, h) - TOKEN;
	h->refilled = n->now_ms;
}

enum minato_hindrance host_hindrance(const struct nat *n, uint8_t scope,
				     const struct minato_addr *addr,
				     uint8_t proto, uint32_t *bound)
{
	const uint32_t host = host_find(n, scope, addr);
	const uint32_t most = host_bound(n, proto);
	const struct nat_host *h;

	if (host == NAT_NONE)
		return MINATO_HINDERED_NOT;
	h = host_record(n, host);
	*bound = most;
	if (most != 0 && h->count[port_slot(proto)] >= most)
		return MINATO_HINDERED_HOST_PORTS;
	*bound = n->options.host_rate;
	if (!has_token(n, h))
		return MINATO_HINDERED_HOST_RATE;
	*bound = 0;
	return MINATO_HINDERED_NOT;
}

/* --- flows that somebody else carries ------------------------------------- */

/* As a mapping of its own and its session would; 0, or a refusal. */
static int64_t join_host(struct nat *n, uint32_t host, uint8_t proto)
{
	const uint32_t most = host_bound(n, proto);
	struct nat_host *h = host_record(n, host);

	if (!host_may_begin(n, host))
		return nat_refusal(NAT_COUNT_HOST_SESSIONS);
	if (most != 0 && h->count[port_slot(proto)] >= most)
		return nat_refusal(NAT_COUNT_HOST_MAPPINGS);
	if (!has_token(n, h))
		return nat_refusal(NAT_COUNT_HOST_RATE);
	spend_token(n, h);
	h->count[port_slot(proto)]++;
	h->held++;
	return 0;
}

int nat_inside_join(struct nat *n, uint8_t scope, uint8_t proto,
		    const struct minato_endpoint *inside)
{
	const int64_t host = host_get(n, scope, &inside->addr);
	int64_t joined = host;

	if (host >= 0)
		joined = join_host(n, (uint32_t)host, proto);
	if (joined >= 0)
		return 0;
	if (host >= 0)
		host_settle(n, (uint32_t)host);
	(void)begin_refused(n, joined, proto, inside);
	return host >= 0 ? -EBUSY : -ENOSPC;
}

bool nat_inside_leave(struct nat *n, uint8_t scope, uint8_t proto,
		      const struct minato_addr *inside)
{
	const uint32_t host = host_find(n, scope, inside);
	struct nat_host *h;

	if (host == NAT_NONE)
		return false;
	h = host_record(n, host);
	if (h->held == 0 || h->count[port_slot(proto)] == 0)
		return false;
	h->count[port_slot(proto)]--;
	h->held--;
	host_settle(n, host);
	return true;
}

/* --- making -------------------------------------------------------------- */

static uint32_t list_of(const struct nat_mapping *m)
{
	return (m->flags & NAT_MAPPING_SAME) != 0 ? PORT_PROTOS :
						    port_slot(m->proto);
}

static void enlist(struct nat *n, uint32_t mapping)
{
	struct nat_mapping *m = mapping_at(n, mapping);
	struct nat_host *h = host_record(n, m->host);
	const uint32_t list = list_of(m);
	uint32_t *first = &h->mappings[list];

	m->prev = NAT_NONE;
	m->next = *first;
	if (*first != NAT_NONE)
		mapping_at(n, *first)->prev = mapping;
	*first = mapping;
	if ((++h->mapped & (NAT_GREW - 1)) == 0)
		yielding_spread(n, m->host);
	if (list < PORT_PROTOS && (++h->count[list] & (NAT_GREW - 1)) == 0)
		yielding_widened(n, m->host, m->pool, m->proto);
}

static void delist(struct nat *n, uint32_t mapping)
{
	const struct nat_mapping *m = mapping_at(n, mapping);
	struct nat_host *h = host_record(n, m->host);
	const uint32_t list = list_of(m);

	if (m->next != NAT_NONE)
		mapping_at(n, m->next)->prev = m->prev;
	if (m->prev != NAT_NONE)
		mapping_at(n, m->prev)->next = m->next;
	else
		h->mappings[list] = m->next;
	if (h->look[list] == mapping)
		h->look[list] = m->next;
	h->mapped--;
	if (list < PORT_PROTOS)
		h->count[list]--;
}

/* With what was sought for it, where that is the same key. */
static int64_t insert(struct nat *n, const struct port_key *key,
		      const struct port_probe *sought,
		      struct port_tuple_ref ref)
{
	if (port_probe_is_at(sought, &key->local, key->local_port))
		return port_tuple_insert_sought(nat_table(n), sought, ref);
	return port_tuple_insert(nat_table(n), key, ref);
}

/* The tuples of its faces; one where both are the same. */
static bool insert_faces(struct nat *n, uint32_t mapping,
			 const struct nat_faces *f)
{
	static const struct nat_sender unsought;
	const struct nat_sender *sender = f->sender ? f->sender : &unsought;
	const struct nat_mapping *m = mapping_at(n, mapping);
	const bool same = (m->flags & NAT_MAPPING_SAME) != 0;
	const struct port_key outer = outside_key(n, m->proto, f->outside);
	const struct port_key inner =
		inside_key(m->scope, m->proto, f->inside, same);
	struct port_tuple_ref ref = { .owner = mapping,
				      .class = NAT_CLASS_MAPPING,
				      .quiet = same };

	if (insert(n, &outer, sender->outer, ref) < 0)
		return false;
	ref.class = NAT_CLASS_INSIDE;
	ref.quiet = true;
	if (insert(n, &inner, sender->inner, ref) >= 0)
		return true;
	nat_untuple(n, &outer);
	return false;
}

static void fill(struct nat *n, struct nat_mapping *m, uint32_t host,
		 uint8_t proto, const struct nat_faces *f)
{
	const bool same = f->inside == f->outside;
	const uint16_t generation = m->generation;

	*m = (struct nat_mapping){
		.sessions = NAT_NONE,
		.host = host,
		.since = (uint32_t)(n->now.ns >> NAT_SINCE_SHIFT),
		.inside_port = f->inside->port,
		.outside_port = f->outside->port,
		.generation = generation,
		.proto = proto,
		.scope = host_record(n, host)->scope,
		.flags = same ? NAT_MAPPING_SAME : 0,
		.pool = same ? 0 : (uint16_t)f->pool,
	};
	if (!minato_addr_is4(&f->inside->addr)) {
		m->flags |= NAT_MAPPING_SIX;
		memcpy(m->six, f->inside->addr.bytes, 16);
		return;
	}
	m->four[0] = nat_load4(&f->inside->addr);
	m->four[1] = nat_load4(&f->outside->addr);
}

int64_t mapping_make(struct nat *n, uint32_t host, uint8_t proto,
		     const struct nat_faces *f)
{
	const uint32_t mapping = nat_slot_take(n, &n->mappings);
	struct nat_mapping *m;

	if (mapping == NAT_NONE)
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	m = mapping_at(n, mapping);
	fill(n, m, host, proto, f);
	if (!insert_faces(n, mapping, f)) {
		nat_slot_give(n, &n->mappings, mapping);
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	}
	m->generation++;
	enlist(n, mapping);
	nat_count(n, NAT_COUNT_MAPPINGS);
	if ((m->flags & NAT_MAPPING_SAME) == 0) {
		outside_take(n, m->pool, proto, f->outside->port);
		nat_tell(n, MINATO_NEWS_MAPPED, proto, f->inside, f->outside);
	}
	return mapping;
}

/* A free port: at the host's own address (RFC 4787 REQ-2), at any where it has
   none yet or RFC 7857 4 is allowed. False: there is none. */
static bool choose(struct nat *n, struct nat_host *h, uint8_t proto,
		   uint16_t inside_port, const struct nat_sender *sender,
		   struct minato_endpoint *out, uint32_t *chosen)
{
	const bool paired = h->pool != 0;
	uint32_t pool = paired ? h->pool - 1 : outside_pool_of(n, &h->addr);

	out->port = outside_choose(n, pool, proto, inside_port,
				   sender->outer);
	for (uint32_t i = 0; out->port == 0 && i < n->pool_count &&
			     (!paired || n->options.other_address);
	     i++) {
		pool = n->pool_live[i];
		out->port = outside_choose(n, pool, proto, inside_port,
				   sender->outer);
	}
	if (out->port == 0)
		return false;
	out->addr = pool_record(n, pool)->addr;
	*chosen = pool;
	if (!paired)
		h->pool = pool + 1;
	return true;
}

/* Bounds of its own, then what may be used up; in this order, so that a host at
   its bounds is told so, and nobody gives way to it. Where no session will find
   room nothing is made. */
static int64_t make_for(struct nat *n, uint32_t host, uint8_t proto,
			const struct minato_endpoint *inside, bool same,
			const struct nat_sender *sender)
{
	struct nat_host *h = host_record(n, host);
	const uint32_t bound = host_bound(n, proto);
	struct minato_endpoint outside;
	struct nat_faces faces = { .inside = inside,
				   .outside = same ? inside : &outside,
				   .sender = sender };
	int64_t made;

	if (!host_may_begin(n, host))
		return nat_refusal(NAT_COUNT_HOST_SESSIONS);
	if (!same && bound != 0 && h->count[port_slot(proto)] >= bound)
		return nat_refusal(NAT_COUNT_HOST_MAPPINGS);
	if (!same && n->pool_count == 0)
		return nat_refusal(NAT_COUNT_NO_POOL);
	if (!has_token(n, h))
		return nat_refusal(NAT_COUNT_HOST_RATE);
	if (!same &&
	    !choose(n, h, proto, inside->port, sender, &outside, &faces.pool))
		return nat_refusal(NAT_COUNT_NO_PORT);
	if (session_full(n))
		return nat_refusal(NAT_COUNT_NO_MEMORY);
	made = mapping_make(n, host, proto, &faces);
	if (made >= 0)
		spend_token(n, h);
	return made;
}

int64_t mapping_get(struct nat *n, const struct nat_flow *f, bool same)
{
	struct nat_sender sender = { .host = NAT_NONE };
	uint32_t there;
	int64_t host, made;

	/* What is routed was sought as what is translated. */
	if (f->probe[0] != NULL && !(same && minato_addr_is4(&f->a.addr)))
		firsts_sender(n, f->probe[0], &sender);
	there = sender.inner != NULL ?
			firsts_found(n, sender.inner, NAT_CLASS_INSIDE) :
			mapping_of_inside(n, f->from, f->proto, &f->a, same);
	if (there != NAT_NONE)
		return there;
	host = is_host(n, sender.host, f->from, &f->a.addr) ?
		       sender.host :
		       host_get(n, f->from, &f->a.addr);
	if (host < 0)
		return host;
	made = make_for(n, (uint32_t)host, f->proto, &f->a, same, &sender);
	if (made < 0)
		host_settle(n, (uint32_t)host);
	return made;
}

bool mapping_admits(const struct nat *n, uint32_t mapping,
		    const struct minato_endpoint *from)
{
	const struct nat_mapping *m = mapping_at(n, mapping);
	const struct minato_endpoint outside = mapping_outside(m);
	struct port_key key = outside_key(n, m->proto, &outside);
	struct port_tuple_ref ref;

	switch (m->proto == MINATO_TCP ? n->options.tcp_filtering :
					 n->options.udp_filtering) {
	case MINATO_FILTER_ENDPOINT:
		return true;
	case MINATO_FILTER_ADDRESS:
		key.remote = from->addr;
		return port_tuple_find(nat_table(n), &key, &ref, NULL) &&
		       ref.class == NAT_CLASS_PEER;
	case MINATO_FILTER_ADDRESS_PORT:
		break; /* who was sent to has a session */
	}
	return false;
}

/* --- ending -------------------------------------------------------------- */

/* RFC 6888 REQ-8a-c: a port need not rest when TCP was seen to end, or when the
   filter kept all others out; nor when nothing ever left from it. */
static bool must_rest(const struct nat *n, const struct nat_mapping *m)
{
	const enum minato_filtering filtering =
		m->proto == MINATO_TCP ? n->options.tcp_filtering :
					 n->options.udp_filtering;

	if (m->proto != MINATO_ICMP && filtering == MINATO_FILTER_ADDRESS_PORT)
		return false;
	return (m->flags & NAT_MAPPING_UNCLEAN) != 0;
}

static void release(struct nat *n, uint32_t mapping)
{
	struct nat_mapping *m = mapping_at(n, mapping);
	const struct minato_endpoint in = mapping_inside(m);
	const struct minato_endpoint out = mapping_outside(m);
	const struct port_key outer = outside_key(n, m->proto, &out);
	const struct port_key inner = inside_key(
		m->scope, m->proto, &in, (m->flags & NAT_MAPPING_SAME) != 0);

	nat_untuple(n, &outer);
	nat_untuple(n, &inner);
	delist(n, mapping);
	if ((m->flags & NAT_MAPPING_SAME) == 0) {
		outside_give(n, m->pool, m->proto, m->outside_port,
			     must_rest(n, m));
		nat_tell(n, MINATO_NEWS_UNMAPPED, m->proto, &in, &out);
	}
	m->generation++;
	nat_slot_give(n, &n->mappings, mapping);
	host_settle(n, m->host);
}

/* Hairpins that go to it, guests on its port: rare, and searched for. */
static uint32_t end_references(struct nat *n, uint32_t mapping)
{
	uint32_t ended = 0;

	for (uint32_t i = session_walk(n, 0);
	     i != NAT_NONE && mapping_at(n, mapping)->refs > 0;
	     i = session_walk(n, i + 1)) {
		const struct nat_session *s = session_at(n, i);
		const uint32_t kind = s->flags &
				      (NAT_IS_HAIRPIN | NAT_IS_FORWARD);
		if (kind != NAT_IS_HAIRPIN || s->other != mapping)
			continue;
		session_end(n, i);
		ended++;
	}
	return ended;
}

void mapping_settle(struct nat *n, uint32_t mapping)
{
	struct nat_mapping *m = mapping_at(n, mapping);

	if ((m->generation & 1) == 0 || m->holders > 0 || m->refs > 0)
		return;
	/* What only others sent in keeps nothing. */
	m->holders = 1;
	while (m->sessions != NAT_NONE)
		session_end(n, m->sessions);
	release(n, mapping);
}

uint32_t mapping_end(struct nat *n, uint32_t mapping)
{
	struct nat_mapping *m = mapping_at(n, mapping);
	uint32_t ended = 0;

	m->holders++; /* so that it does not end by itself meanwhile */
	for (; m->sessions != NAT_NONE; ended++)
		session_end(n, m->sessions);
	if (m->refs > 0)
		ended += end_references(n, mapping);
	check(m->holders == 1 && m->refs == 0);
	release(n, mapping);
	return ended;
}
