/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What comes by a link of a gateway and is not for us goes on to another link.
 *
 *   from where? -> a session? ----------------------> nat: with which ends?
 *                  whose address? -> an inside's: as it is      |
 *                       | ours                                  v
 *                       v                        onward: hop limit, next hop,
 *                  to ourselves                  size, rewritten where it lies
 *
 * Nothing is looked at that handing on does not need: a transport checksum is
 * verified only of what is for ourselves, or is answered by us.
 */
#include "stack/stack.h"

#include <string.h>

/* --- whose it is --- */

static enum minato_role role_of(const struct minato *m, uint32_t link)
{
	return m->link[link].config.role;
}

bool pass_is_inside(const struct minato *m, uint32_t link)
{
	const struct minato_link_config *c = &m->link[link].config;

	return c->role == MINATO_ROLE_INSIDE ||
	       (c->role == MINATO_ROLE_HOST && c->any_destination &&
		host_nat(m) != NULL);
}

/*
 * An address of the packet's own side first: another side may have the same
 * (RFC 4787 REQ-7). From outside nobody reaches what we are called inside.
 */
enum nat_whose pass_whose(const struct minato *m, uint32_t link,
			  const struct minato_addr *a)
{
	const bool inside = pass_is_inside(m, link);
	const uint8_t scope = m->link[link].config.scope;
	enum nat_whose whose = NAT_OTHERS;

	for (uint32_t i = 0; i < m->address_count; i++) {
		const struct address *ours = &m->address[i];
		if (!minato_addr_equal(&ours->addr, a))
			continue;
		if (ours->scope == scope)
			return inside ? NAT_OURS : NAT_OUTSIDE;
		if (inside)
			whose = role_of(m, ours->link) == MINATO_ROLE_OUTSIDE ?
					NAT_OUTSIDE :
					NAT_OURS;
	}
	if (whose == NAT_OTHERS && nat_pool_has(host_nat(m), UINT32_MAX, a))
		return NAT_OUTSIDE;
	return whose;
}

bool pass_is_ours(const struct minato *m, uint32_t link,
		  const struct minato_addr *a)
{
	return pass_whose(m, link, a) != NAT_OTHERS;
}

bool pass_leads_between(const struct minato *m, uint32_t link,
			const struct minato_addr *to, uint8_t *scope)
{
	struct next_hop best = { STACK_LINK_ANY, *to };
	int length = 0; /* a default is none of an inside */

	if (!pass_is_inside(m, link))
		return false;
	for (uint32_t i = 0; i < m->link_count; i++) {
		const struct minato_link_config *c = &m->link[i].config;
		struct next_hop hop = best;
		int found;
		if (!pass_is_inside(m, i))
			continue;
		found = route_longest(m, c->scope, to, &hop);
		if (found <= length)
			continue;
		length = found;
		best = hop;
		*scope = c->scope;
	}
	/* A neighbour of the sender's own is none of ours to reach: who asks
	   us for such an address means the outside's (RFC 4787 REQ-7). With
	   IPv6 there is one of each: outside it would come round again. */
	return length > 0 && (!minato_addr_is4(to) || best.link != link ||
			      !minato_addr_equal(&best.addr, to));
}

bool pass_is_link_local(const struct packet *p)
{
	return p->is6 &&
	       (addr_is_link_local(&p->src) || addr_is_link_local(&p->dst));
}

bool pass_between(const struct minato *m, const struct packet *p,
		  uint8_t *scope)
{
	return !pass_is_link_local(p) &&
	       pass_leads_between(m, p->link, &p->dst, scope);
}

/* --- verdicts --- */

enum drop pass_verify(const struct arrival *a)
{
	if (a->largest != 0 || a->frame->csum_trusted || a->frame->csum_partial)
		return DROP_NONE;
	return packet_verify(&a->packet);
}

void pass_refuse(struct minato *m, const struct packet *p,
		 enum minato_reason reason, uint32_t mtu)
{
	struct minato_addr us;

	if (route_source(m, m->link[p->link].config.scope, &p->src, &us))
		icmp_out_error(m, p, reason, mtu, &us);
}

void pass_answer(struct minato *m, const struct packet *p,
		 enum minato_reason reason)
{
	if (p->type == PACKET_TCP)
		icmp_out_reset(m, p);
	else
		pass_refuse(m, p, reason, 0);
}

enum drop pass_expire(struct minato *m, const struct packet *p)
{
	pass_refuse(m, p, MINATO_REASON_TIME_EXCEEDED, 0);
	return DROP_HOP_LIMIT;
}

bool pass_opens(const struct packet *p)
{
	if (p->type == PACKET_TCP)
		return (p->tcp.flags & (TCP_SYN | TCP_ACK | TCP_RST)) ==
		       TCP_SYN;
	if (p->type == PACKET_UDP)
		return true;
	return p->icmp_type == (p->is6 ? ICMP6_ECHO : ICMP4_ECHO);
}

/* A packet between two insides: nothing but its hop limit changes. */
enum drop pass_routed(struct minato *m, const struct arrival *a, uint8_t scope)
{
	const struct packet *p = &a->packet;
	struct onward o = {
		.to = { .src = p->src, .dst = p->dst, .same_ends = true },
		.scope = scope,
	};
	const enum drop drop = pass_onward(m, a, &o);

	if (drop == DROP_NONE)
		host_count(m, COUNTER_PASSED_ROUTED);
	return drop;
}

enum drop pass_translated(struct minato *m, const struct arrival *a,
			  const struct nat_way *way)
{
	struct onward o = {
		.to = { .src = way->src.addr,
			.dst = way->dst.addr,
			.src_port = way->src.port,
			.dst_port = way->dst.port,
			.same_ends = way->same },
		.scope = way->scope,
	};
	const enum drop drop = pass_onward(m, a, &o);

	if (way->between && drop == DROP_NONE)
		host_count(m, COUNTER_PASSED_ROUTED);
	if (way->offer && drop == DROP_NONE)
		pass_offer(m, &a->packet, way);
	return drop;
}

/* From outside, to us or (IPv6) to who is behind us: nothing was there. */
static void watch(struct minato *m, const struct arrival *a,
		  enum nat_whose whose)
{
	const struct packet *p = &a->packet;

	if (role_of(m, p->link) == MINATO_ROLE_OUTSIDE &&
	    (whose != NAT_OTHERS || p->is6) && pass_verify(a) == DROP_NONE)
		evidence_packet(m, p);
}

/* We answer it, so it must have come whole. */
static enum drop answer(struct minato *m, const struct arrival *a,
			enum nat_verdict verdict, enum nat_whose whose)
{
	const enum drop bad = pass_verify(a);

	if (bad != DROP_NONE)
		return bad;
	if (whose == NAT_OTHERS || verdict == NAT_WAIT_SYN)
		watch(m, a, whose);
	/* With IPv4 nobody outside may know that there is somebody. */
	if (whose == NAT_OTHERS && !a->packet.is6)
		return DROP_NOT_OURS;
	if (verdict == NAT_WAIT_SYN)
		return pass_syn_hold(m, a);
	if (whose != NAT_OTHERS)
		return closed_refuse(m, a);
	/* Not in the name of who is behind us (RFC 6092 3.3.1). */
	pass_refuse(m, &a->packet, MINATO_REASON_PROHIBITED, 0);
	return DROP_CLOSED;
}

/* A rule's refusal, at once, as if the destination refused: a RST in IPv6 as in
   IPv4, so that a port that a rule guards looks as one that is closed there
   (RFC 6092 3.3.1 is about what no rule says anything of). With IPv4 nobody
   outside may know that there is somebody behind us. */
static enum drop prohibited(struct minato *m, const struct arrival *a,
			    enum nat_whose whose)
{
	const struct packet *p = &a->packet;
	const bool inside = role_of(m, p->link) == MINATO_ROLE_INSIDE;
	const enum drop bad = pass_verify(a);

	if (bad != DROP_NONE)
		return bad;
	if (whose != NAT_OTHERS)
		return verdicts_answer(m, a, MINATO_REFUSE);
	watch(m, a, whose);
	if (!inside && !p->is6)
		return DROP_GUARD;
	pass_answer(m, p, MINATO_REASON_PROHIBITED);
	return DROP_GUARD;
}

/* The port is known to be open: nothing is hidden by silence, and the client
   tries its next address at once. An opening refuses in the host's name, as the
   administrator's word that stands there does. */
static enum drop no_server(struct minato *m, const struct arrival *a,
			   enum nat_whose whose)
{
	const struct packet *p = &a->packet;
	const enum drop bad = pass_verify(a);

	if (bad != DROP_NONE)
		return bad;
	if (whose != NAT_OTHERS) {
		(void)closed_refuse(m, a);
		return DROP_NAT;
	}
	watch(m, a, whose);
	if (p->type == PACKET_TCP || p->type == PACKET_UDP)
		pass_answer(m, p, MINATO_REASON_PORT);
	return DROP_NAT;
}

static enum drop reset(struct minato *m, const struct arrival *a)
{
	const enum drop bad = pass_verify(a);

	if (bad != DROP_NONE)
		return bad;
	icmp_out_reset(m, &a->packet);
	return DROP_NAT;
}

enum drop pass_unreachable(struct minato *m, const struct packet *p,
			   const struct nat_way *way)
{
	pass_refuse(m, p,
		    !p->is6 && way->icmp_code == 1 ? MINATO_REASON_HOST :
						     MINATO_REASON_PROHIBITED,
		    0);
	return DROP_NAT;
}

struct nat_packet pass_describe(const struct minato *m, const struct packet *p)
{
	return (struct nat_packet){
		.inside = pass_is_inside(m, p->link),
		.tcp_flags = p->type == PACKET_TCP ? p->tcp.flags : 0,
		.payload = p->payload_len > 0,
		.seq = p->type == PACKET_TCP ? p->tcp.seq.v : 0,
		.ack = p->type == PACKET_TCP ? p->tcp.ack.v : 0,
		.opens = pass_opens(p),
	};
}

static enum drop ask_nat(struct minato *m, const struct arrival *a,
			 enum nat_whose whose, bool *ours)
{
	const struct packet *p = &a->packet;
	struct nat_packet packet = pass_describe(m, p);
	struct nat_way way;
	enum nat_verdict verdict;

	packet.whose = (uint8_t)whose;
	verdict = nat_packet(host_nat(m), a->probe, &packet, &way);
	switch (verdict) {
	case NAT_HOST:
		*ours = whose != NAT_OTHERS;
		return DROP_NOT_OURS;
	case NAT_PASS:
		if (way.news != NAT_NEWS_NONE)
			evidence_passed(m, p, &way);
		return pass_translated(m, a, &way);
	case NAT_DROP:
		watch(m, a, whose);
		return DROP_NAT;
	case NAT_CLOSED:
	case NAT_WAIT_SYN:
		return answer(m, a, verdict, whose);
	case NAT_PROHIBITED:
		return prohibited(m, a, whose);
	case NAT_NO_SERVER:
		return no_server(m, a, whose);
	case NAT_RESET:
		return reset(m, a);
	case NAT_UNREACHABLE:
		return pass_unreachable(m, p, &way);
	}
	return DROP_NAT;
}

/* --- by what is known of it --- */

static enum drop pass_flow(struct minato *m, const struct arrival *a,
			   const struct pass_target *to, bool *ours)
{
	const struct packet *p = &a->packet;
	const enum nat_whose whose = (enum nat_whose)to->whose;
	uint32_t inside;

	if (pass_is_insides(m, p, &inside))
		return DROP_SPOOFED;
	if (pass_opens(p) && host_shuts_out(m, p->link, &p->src))
		return DROP_GUARD;
	if (whose == NAT_OTHERS) {
		/* Before anything is made for it. */
		if (p->hop_limit <= 1)
			return pass_expire(m, p);
		if (pass_is_link_local(p))
			return DROP_NOT_OURS;
		if (to->between)
			return pass_inner_flow(m, a, to->scope);
	}
	return ask_nat(m, a, whose, ours);
}

/* A fragment tells neither ports nor session: only where it is addressed. */
static enum drop pass_fragment(struct minato *m, const struct arrival *a,
			       const struct pass_target *to)
{
	const struct packet *p = &a->packet;

	if (to->whose != NAT_OTHERS)
		return fragment_in_arrive(m, a);
	if (p->hop_limit <= 1)
		return pass_expire(m, p);
	if (pass_is_link_local(p))
		return DROP_NOT_OURS;
	if (to->between && !pass_inner_judged(m, p))
		return pass_routed(m, a, to->scope);
	/* IPv4 from outside for none of ours: it would fill a place. */
	if (!p->is6 && role_of(m, p->link) == MINATO_ROLE_OUTSIDE)
		return DROP_NOT_OURS;
	return fragment_in_arrive(m, a);
}

/*
 * The outside's end of a flow that is known was found good once; who is inside
 * may be somebody else who says so, and was asked about (pass_from). False: it
 * is of none.
 */
static bool pass_known(struct minato *m, const struct arrival *a,
		       enum drop *drop)
{
	const struct nat_packet packet = pass_describe(m, &a->packet);
	struct nat_way way;

	if (!nat_known(host_nat(m), a->probe, &packet, &way))
		return false;
	if (way.news != NAT_NEWS_NONE)
		evidence_passed(m, &a->packet, &way);
	*drop = pass_translated(m, a, &way);
	return true;
}

enum drop pass_check_to(const struct packet *p, bool broadcast)
{
	if (addr_is_multicast(&p->dst))
		return DROP_MULTICAST;
	if (!p->to_us_mac || broadcast)
		return DROP_BROADCAST;
	if (minato_addr_is_any(&p->dst) || addr_is_loopback(&p->dst))
		return DROP_IP_DESTINATION;
	return DROP_NONE;
}

enum drop pass_arrive(struct minato *m, const struct arrival *a, bool *ours)
{
	const struct packet *p = &a->packet;
	const bool inside = pass_is_inside(m, p->link);
	struct pass_target to;
	enum drop drop = DROP_NONE;

	*ours = false;
	if (inside)
		drop = pass_from(m, p);
	if (drop != DROP_NONE)
		return drop;
	if (a->key.proto != 0 && p->to_us_mac && pass_known(m, a, &drop))
		return drop;
	if (!inside)
		drop = pass_from(m, p);
	if (drop != DROP_NONE)
		return drop;
	pass_target(m, p->link, &p->dst, &to);
	drop = pass_check_to(p, to.broadcast);
	if (drop != DROP_NONE)
		return drop;
	switch (p->type) {
	case PACKET_TCP:
	case PACKET_UDP:
		return pass_flow(m, a, &to, ours);
	case PACKET_ICMP4:
	case PACKET_ICMP6:
		return a->key.proto != 0 ? pass_flow(m, a, &to, ours) :
					   pass_icmp(m, a, &to, ours);
	case PACKET_FRAGMENT:
		return pass_fragment(m, a, &to);
	case PACKET_OTHER:
		return pass_other(m, a, &to, ours);
	case PACKET_ARP:
		break;
	}
	return DROP_ETHERTYPE;
}

bool pass_inner_arrive(struct minato *m, const struct arrival *a,
		       enum drop *drop)
{
	const struct packet *p = &a->packet;
	struct pass_target to;

	/* A fragment is put together first. */
	if (!pass_is_inside(m, p->link) || p->type == PACKET_FRAGMENT ||
	    !p->to_us_mac)
		return false;
	if (a->key.proto != 0) {
		*drop = pass_from(m, p);
		if (*drop != DROP_NONE || pass_known(m, a, drop))
			return true;
	}
	pass_target(m, p->link, &p->dst, &to);
	if (to.whose != NAT_OTHERS || !to.between || pass_is_link_local(p))
		return false;
	if (a->key.proto == 0)
		*drop = pass_from(m, p);
	if (*drop == DROP_NONE)
		*drop = pass_check_to(p, to.broadcast);
	if (*drop != DROP_NONE)
		return true;
	if (p->hop_limit <= 1)
		*drop = pass_expire(m, p);
	else if (a->key.proto != 0)
		*drop = pass_inner_flow(m, a, to.scope);
	else if (p->type == PACKET_OTHER)
		*drop = pass_inner_other(m, a, to.scope);
	else
		*drop = pass_inner_message(m, a, to.scope);
	return true;
}
