/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * To whom a packet belongs. First the rules about addresses that hold whatever
 * the port (RFC 1122 3.2.1.3), then one look-up in the port table, then one
 * switch over what may stand behind a port.
 */
#include "stack/stack.h"

#include <string.h>

#include "minato/guard.h"

void deliver_learn(struct minato *m, const struct packet *p)
{
	if (p->src_mac != NULL && p->to_us_mac && m->link[p->link].config.proxy)
		neighbour_heard(m, p->link, &p->src, p->src_mac, NEWS_PACKET);
}

/* --- addresses ---------------------------------------------------------- */

static enum drop check_source(const struct minato *m, const struct packet *p)
{
	const uint8_t scope = m->link[p->link].config.scope;

	/* MUST-63, RFC 1122 3.2.1.3: nobody else has these. */
	if (minato_addr_is_any(&p->src) || route_is_ours(m, scope, &p->src) ||
	    route_is_broadcast(m, p->link, &p->src))
		return DROP_IP_SOURCE;
	return DROP_NONE;
}

static enum drop check_destination(const struct minato *m,
				   const struct packet *p)
{
	const struct minato_link_config *c = &m->link[p->link].config;

	/* MUST-57: a SYN to these is not even refused. */
	if (addr_is_multicast(&p->dst))
		return DROP_MULTICAST;
	if (route_is_broadcast(m, p->link, &p->dst) || !p->to_us_mac)
		return DROP_BROADCAST;
	if (minato_addr_is_any(&p->dst) || addr_is_loopback(&p->dst))
		return DROP_IP_DESTINATION;
	if (route_is_ours(m, c->scope, &p->dst))
		return DROP_NONE;
	if (!c->any_destination)
		return DROP_NOT_OURS;
	/* It goes no further, which who takes the call says. */
	if (addr_is_link_local(&p->dst))
		return DROP_NONE;
	/* It would have to go on from here (RFC 1812 5.3.1). */
	return p->hop_limit <= 1 ? DROP_HOP_LIMIT : DROP_NONE;
}

/* --- what stands behind the port ---------------------------------------- */

bool deliver_opens(const struct packet *p)
{
	const uint8_t flags = p->tcp.flags;

	if (p->type == PACKET_TCP)
		return (flags & TCP_SYN) && !(flags & (TCP_ACK | TCP_RST));
	if (p->type == PACKET_UDP)
		return true;
	return p->icmp_type == (p->is6 ? ICMP6_ECHO : ICMP4_ECHO);
}

/* RFC 9293 3.10.7.2 */
static enum drop deliver_listener(struct minato *m, const struct arrival *a,
				  const struct port_fate *fate)
{
	const uint8_t flags = a->packet.tcp.flags;

	enum drop drop;

	/* Second, and first: an ACK is refused, unless it answers a cookie; a
	   RST is ignored. */
	if ((flags & (TCP_ACK | TCP_RST | TCP_SYN)) == TCP_ACK &&
	    fate->kind == MINATO_KIND_SOCKET &&
	    halves_cookie(m, a, fate->owner, &drop))
		return drop;
	if (flags & (TCP_ACK | TCP_RST))
		return closed_refuse(m, a);
	/* Fourth: what else is there means nothing here, nor a SYN with FIN,
	   which Linux drops too. */
	if (!(flags & TCP_SYN) || (flags & TCP_FIN)) {
		evidence_packet(m, &a->packet);
		return DROP_TCP_FLAGS;
	}
	return calls_syn(m, a, fate);
}

static enum drop deliver_claim(struct minato *m, const struct arrival *a,
			       const struct port_fate *fate)
{
	if (a->packet.type == PACKET_TCP)
		return deliver_listener(m, a, fate);
	/* An echo socket hears replies; requests are the stack's to answer. */
	if (a->packet.type != PACKET_UDP && deliver_opens(&a->packet))
		return DROP_CLOSED;
	return udp_arrive(m, fate->owner, a);
}

/* A new flow for the owner of a forward or uplink. */
static enum drop deliver_call(struct minato *m, const struct arrival *a,
			      const struct port_fate *fate)
{
	struct minato_entry entry;

	if (a->packet.type == PACKET_TCP)
		return deliver_listener(m, a, fate);
	if (!deliver_opens(&a->packet))
		return closed_refuse(m, a);
	if (a->packet.type == PACKET_UDP)
		return calls_datagram(m, a, fate);
	/* Echo is called out only for an entry that names the protocol: "both"
	   means TCP and UDP. */
	port_get(host_table(m), fate->entry, &entry);
	if (entry.proto != MINATO_ICMP)
		return DROP_CLOSED;
	return calls_datagram(m, a, fate);
}

static enum drop deliver_fate(struct minato *m, const struct arrival *a,
			      const struct port_fate *fate)
{
	if (deliver_opens(&a->packet))
		port_hit(host_table(m), fate->entry);
	switch (fate->kind) {
	case MINATO_KIND_CLOSED:
		return closed_refuse(m, a);
	case MINATO_KIND_SOCKET:
		return deliver_claim(m, a, fate);
	case MINATO_KIND_FORWARD:
	case MINATO_KIND_UPLINK:
		return deliver_call(m, a, fate);
	case MINATO_KIND_GUARD:
		/* Without an order it is an owner's own wall: closed there. */
		if (fate->rule == POOL_NONE && fate->verdict == MINATO_REFUSE) {
			closed_refuse(m, a);
			return DROP_GUARD;
		}
		return verdicts_answer(m, a, fate->verdict);
	case MINATO_KIND_DMZ: /* answered by nat, on the links that it has */
		return closed_refuse(m, a);
	case MINATO_KIND_RESERVED:
	case MINATO_KIND_RIGHT:
	case MINATO_KIND_ROUTE:
	case MINATO_KIND_MAPPING:
	case MINATO_KIND_SESSION:
	case MINATO_KIND_LEASE: /* look-ups pass over them */
	case MINATO_KIND_COUNT:
		break;
	}
	check(false);
	return DROP_CLOSED;
}

static enum drop deliver_socket(struct minato *m, uint32_t index,
				const struct arrival *a)
{
	enum drop drop = DROP_NONE;

	if (socket_at(m, index)->flags & SOCKET_ASSOCIATION)
		drop = verdicts_datagram(m, index, a);
	if (drop != DROP_NONE)
		return drop;
	if (socket_at(m, index)->proto == MINATO_TCP)
		return flow_arrive(m, index, a);
	return udp_arrive(m, index, a);
}

/* Whether it is held, for somebody to say who it is. */
static bool is_call(const struct minato *m, const struct port_fate *fate)
{
	if (fate->kind == MINATO_KIND_SOCKET)
		return (socket_at(m, fate->owner)->flags & SOCKET_HOLD) != 0;
	return fate->kind == MINATO_KIND_FORWARD ||
	       fate->kind == MINATO_KIND_UPLINK;
}

/* By this course, and of no program. */
static void look_up_as(struct minato *m, const struct arrival *a,
		       uint8_t course, struct port_fate *fate)
{
	struct port_probe probe = *a->probe;
	struct port_key key = a->key;

	key.course = course;
	key.program = MINATO_PROGRAM_NONE;
	probe.key = &key;
	probe.rule_changes = PORT_RULES_UNSOUGHT;
	port_lookup_sought(host_table(m), &probe, m->now,
			   deliver_opens(&a->packet), fate);
}

/*
 * From inside to an outside address of ours: a held call of the port, as it is
 * met outside (RFC 5382 REQ-8). Rules have seen it as it is.
 */
static void look_outside(struct minato *m, const struct arrival *a,
			 struct port_fate *fate)
{
	struct port_key key = a->key;
	struct port_fate met;

	if (!deliver_opens(&a->packet) || a->key.proto == MINATO_ICMP ||
	    pass_whose(m, a->packet.link, &a->packet.dst) != NAT_OUTSIDE ||
	    !nat_get(host_nat(m))->hairpin)
		return;
	key.scope = host_nat(m)->limits.outside_scope;
	key.face = MINATO_FACE_ANY;
	key.course = MINATO_COURSE_NONE;
	port_lookup(host_table(m), &key, m->now, true, &met);
	if (!met.exact && met.kind == MINATO_KIND_FORWARD &&
	    forwards_of(host_nat(m), met.entry) == NAT_NONE)
		*fate = met;
}

static void look_up(struct minato *m, const struct arrival *a,
		    struct port_fate *fate)
{
	const enum minato_role role = m->link[a->packet.link].config.role;

	if (role == MINATO_ROLE_INSIDE) { /* what comes here is for us */
		look_up_as(m, a, MINATO_COURSE_IN, fate);
		if (!fate->exact && fate->kind == MINATO_KIND_CLOSED)
			look_outside(m, a, fate);
		return;
	}
	port_lookup_sought(host_table(m), a->probe, m->now,
			   deliver_opens(&a->packet), fate);
	if (fate->asks && !is_call(m, fate))
		look_up_as(m, a, a->key.course, fate);
}

static enum drop deliver_flow(struct minato *m, const struct arrival *a)
{
	struct port_fate fate;

	m->reopen.valid = false;
	/* Twice at most: TIME-WAIT may make way for a new connection. */
	for (int tries = 0; tries < 2; tries++) {
		bool reopened = false;
		enum drop drop;
		look_up(m, a, &fate);
		if (!fate.exact) {
			if (deliver_opens(&a->packet) &&
			    host_shuts_out(m, a->packet.link,
					   &a->packet.src))
				return DROP_GUARD;
			return deliver_fate(m, a, &fate);
		}
		if (fate.tuple.class == TUPLE_SOCKET) {
			if (a->packet.type == PACKET_TCP &&
			    deliver_opens(&a->packet) &&
			    flow_reopen(m, fate.tuple.owner, a))
				continue;
			return deliver_socket(m, fate.tuple.owner, a);
		}
		if (fate.tuple.class == TUPLE_HALF)
			return halves_arrive(m, fate.tuple.owner, a);
		/* Who has it answers it, and not here. */
		if (fate.tuple.class == TUPLE_LEASE ||
		    nat_class(fate.tuple.class))
			return DROP_CLOSED;
		drop = waits_arrive(m, fate.tuple.owner, a, &reopened);
		if (!reopened)
			return drop;
	}
	return DROP_CLOSED;
}

/* --- by protocol -------------------------------------------------------- */

static bool is_discovery(const struct packet *p)
{
	return p->type == PACKET_ICMP6 &&
	       (p->icmp_type == ICMP6_ROUTER_SOLICITATION ||
		p->icmp_type == ICMP6_NEIGHBOUR_SOLICITATION ||
		p->icmp_type == ICMP6_NEIGHBOUR_ADVERTISEMENT);
}

static bool is_gateway(const struct minato *m, uint32_t link)
{
	return m->link[link].config.role != MINATO_ROLE_HOST;
}

static bool is_ours(const struct minato *m, const struct packet *p)
{
	if (is_gateway(m, p->link))
		return pass_is_ours(m, p->link, &p->dst);
	return route_is_ours(m, m->link[p->link].config.scope, &p->dst);
}

static enum drop deliver_icmp(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;

	if (a->key.proto == 0)
		return icmp_in_error(m, p);
	if (deliver_opens(p) && is_ours(m, p)) {
		const enum drop drop = verdicts_ping(m, a);
		return drop != DROP_NONE ? drop : echo_reply(m, a);
	}
	return deliver_flow(m, a);
}

static enum drop check_ends(const struct minato *m, const struct packet *p)
{
	const enum drop drop = check_source(m, p);

	return drop == DROP_NONE ? check_destination(m, p) : drop;
}

/* A packet that no flow is made of, and that goes nowhere from here. */
static void note_other(struct minato *m, const struct packet *p)
{
	const struct minato_link_config *c = &m->link[p->link].config;
	const struct port_key key = {
		.local = p->dst,
		.remote = p->src,
		.local_port = p->ip_proto,
		.remote_port = p->ip_proto,
		.scope = c->scope,
		.face = (uint8_t)p->link,
		.proto = MINATO_PROTO_OTHER,
		.course = MINATO_COURSE_OUT,
	};

	if (c->role == MINATO_ROLE_HOST && c->any_destination)
		port_wall_note(host_table(m), &key, m->now);
}

/* What the parser refused: most of it without a word. */
static void deliver_refused(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;

	if (p->type == PACKET_FRAGMENT && check_ends(m, p) == DROP_NONE)
		fragment_in_refused(m, p, a->verdict);
	/* A source route leads where the destination does not say. */
	if ((a->verdict == DROP_IP_OPTIONS ||
	     a->verdict == DROP_IP_EXTENSION) &&
	    check_ends(m, p) == DROP_NONE)
		note_other(m, p);
	if (p->type == PACKET_FRAGMENT && a->verdict == DROP_FRAGMENT_TINY &&
	    is_ours(m, p))
		evidence_piece(m, p);
}

static enum drop deliver_discovery(struct minato *m, const struct arrival *a)
{
	const enum drop bad = pass_verify(a);

	if (bad != DROP_NONE)
		return bad;
	/* RFC 6980 5: never in fragments. */
	return a->packet.fragmented ? DROP_ND : discovery_nd(m, &a->packet);
}

/* A new flow to where nothing goes on to; of one that stands the rest too. */
static bool is_stray(const struct minato *m, const struct arrival *a,
		     enum drop drop)
{
	return m->link[a->packet.link].config.any_destination &&
	       a->key.proto != 0 && deliver_opens(&a->packet) &&
	       (drop == DROP_MULTICAST || drop == DROP_BROADCAST ||
		drop == DROP_IP_DESTINATION);
}

/* On a host's link: it is for us, or for nobody. */
static enum drop check_host(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const enum drop drop = check_ends(m, p);

	if (is_stray(m, a, drop))
		port_wall_note(host_table(m), &a->key, m->now);
	if (drop == DROP_HOP_LIMIT) {
		deliver_learn(m, p);
		icmp_out_expired(m, p);
	}
	return drop;
}

enum drop deliver_packet(struct minato *m, const struct arrival *a)
{
	const struct packet *p = &a->packet;
	bool ours = true;
	enum drop drop = a->verdict;

	if (drop != DROP_NONE) {
		deliver_refused(m, a);
		return drop;
	}
	if (p->type == PACKET_ARP)
		return discovery_arp(m, p);
	if (is_discovery(p))
		return deliver_discovery(m, a);
	if (is_gateway(m, p->link)) {
		drop = pass_arrive(m, a, &ours);
		if (ours)
			drop = pass_verify(a);
	} else if (pass_inner_arrive(m, a, &drop)) {
		return drop;
	} else {
		drop = check_host(m, a);
	}
	if (drop != DROP_NONE || !ours)
		return drop;
	switch (p->type) {
	case PACKET_TCP:
	case PACKET_UDP:
		return deliver_flow(m, a);
	case PACKET_ICMP4:
	case PACKET_ICMP6:
		return deliver_icmp(m, a);
	case PACKET_FRAGMENT: /* a gateway's does not come here */
		return fragment_in_arrive(m, a);
	case PACKET_OTHER:
		evidence_protocol(m, p);
		note_other(m, p);
		/* RFC 1122 3.2.2.1 */
		icmp_out_error(m, p, MINATO_REASON_PROTOCOL, 0, &p->dst);
		return DROP_IP_PROTOCOL;
	case PACKET_ARP:
		break;
	}
	return DROP_ETHERTYPE;
}
