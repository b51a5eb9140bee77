/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is neither TCP, UDP nor ICMP, in a gateway: SCTP, GRE, ESP, IP in IP and
 * whatever else there is. nat/others.c tells flows of it apart.
 *
 *   for whom? -> another inside: behind the rules, as it is
 *                a flow that is known: nat_other
 *                what begins one: rules, then nat_other_begin
 *                ourselves: only what no dmz host gets
 */
#include "stack/stack.h"

#include "minato/guard.h"

#define PROTO_IGMP 2u
#define PROTO_ESP 50u
#define PROTO_AH NAT_PROTO_AH
#define PROTO_NONE 59u
#define PROTO_PIM 103u
#define PROTO_VRRP 112u
#define PROTO_HIP 139u

static bool is_inside(const struct minato *m, const struct packet *p)
{
	return m->link[p->link].config.role == MINATO_ROLE_INSIDE;
}

/* What is for a link alone goes no further; nor do headers that are none, or of
   the other version. */
bool pass_other_goes_on(const struct packet *p)
{
	switch (p->ip_proto) {
	case 0:
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
	case PROTO_IGMP:
	case PROTO_NONE:
	case PROTO_PIM:
	case PROTO_VRRP:
		return false;
	default:
		return true;
	}
}

static enum minato_verdict
judge_other(struct minato *m, const struct port_key *key, uint8_t course)
{
	struct port_key asked = *key;
	struct rule_verdict v;

	asked.course = course;
	port_rules_ask(host_table(m), &asked, m->now, false, &v);
	return v.verdict;
}

static enum drop refuse_other(struct minato *m, const struct packet *p,
			      enum nat_whose whose, enum minato_verdict verdict)
{
	const bool inside = is_inside(m, p);

	/* With IPv4 nobody outside may know that there is somebody. */
	if (verdict == MINATO_REFUSE &&
	    (inside || p->is6 || whose != NAT_OTHERS))
		pass_refuse(m, p, MINATO_REASON_PROHIBITED, 0);
	return DROP_GUARD;
}

/* RFC 6092 REC-21, REC-22 and what follows: unasked, and without state. */
static bool is_ipsec(const struct minato *m, const struct packet *p)
{
	return p->is6 && nat_get(host_nat(m))->inbound_ipsec &&
	       (p->ip_proto == PROTO_ESP || p->ip_proto == PROTO_AH ||
		p->ip_proto == PROTO_HIP);
}

/* The first of a flow, or what may come at any time. */
static enum drop begin_other(struct minato *m, const struct arrival *a,
			     const struct port_key *key, enum nat_whose whose,
			     bool *ours)
{
	const struct packet *p = &a->packet;
	const struct nat_packet packet = {
		.inside = is_inside(m, p),
		.whose = (uint8_t)whose,
		.opens = true,
	};
	enum minato_verdict verdict;
	struct nat_way way;

	if (host_shuts_out(m, p->link, &p->src))
		return DROP_GUARD;
	/* To an outside address of ours it goes in: to the dmz host, or us. */
	verdict = judge_other(m, key,
			      packet.inside && whose == NAT_OTHERS ?
				      MINATO_COURSE_OUT :
				      MINATO_COURSE_IN);
	if (verdict != MINATO_PASS)
		return refuse_other(m, p, whose, verdict);
	if (!packet.inside && whose == NAT_OTHERS && is_ipsec(m, p))
		return pass_routed(m, a,
				   nat_inside_scope(host_nat(m), &p->dst));
	switch (nat_other_begin(host_nat(m), key, &packet, &way)) {
	case NAT_PASS:
		return pass_translated(m, a, &way);
	case NAT_HOST:
		*ours = whose != NAT_OTHERS;
		return *ours ? DROP_NONE : DROP_IP_PROTOCOL;
	case NAT_CLOSED: /* RFC 6092 3.3.1; from inside: it cannot be had */
		pass_refuse(m, p, MINATO_REASON_PROHIBITED, 0);
		return DROP_CLOSED;
	case NAT_UNREACHABLE:
		return pass_unreachable(m, p, &way);
	case NAT_DROP:
	case NAT_PROHIBITED:
	case NAT_NO_SERVER:
	case NAT_WAIT_SYN:
	case NAT_RESET: /* of TCP alone */
		break;
	}
	return DROP_NAT;
}

/* Neither TCP, UDP nor ICMP: flows are told apart by their addresses alone. */
enum drop pass_other(struct minato *m, const struct arrival *a,
		     const struct pass_target *to, bool *ours)
{
	const struct packet *p = &a->packet;
	const bool inside = is_inside(m, p);
	const enum nat_whose whose = (enum nat_whose)to->whose;
	const struct nat_packet packet = pass_describe(m, p);
	struct port_key key;
	struct nat_way way;
	uint32_t link;

	*ours = whose != NAT_OTHERS &&
		(!pass_other_goes_on(p) ||
		 (inside && (whose == NAT_OURS || p->is6)));
	if (*ours)
		return DROP_NONE;
	if (whose == NAT_OTHERS && p->hop_limit <= 1)
		return pass_expire(m, p);
	if (whose == NAT_OTHERS && to->between && !pass_is_link_local(p))
		return pass_inner_other(m, a, to->scope);
	if (!pass_other_goes_on(p) || pass_is_link_local(p))
		return DROP_IP_PROTOCOL;
	if (pass_is_insides(m, p, &link))
		return DROP_SPOOFED;
	key = nat_other_key(m->link[p->link].config.scope, (uint8_t)p->link,
			    p->ip_proto, &p->dst, &p->src);
	if (nat_other(host_nat(m), &key, &packet, &way))
		return pass_translated(m, a, &way);
	/* With IPv4 nobody outside may know that there is somebody. */
	if (whose == NAT_OTHERS && !inside && !p->is6)
		return DROP_NOT_OURS;
	return begin_other(m, a, &key, whose, ours);
}
