/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one inside of a gateway to another: a router's hop, behind the rules of
 * the policy. It goes out of the one and comes in to the other, so both courses
 * are asked, and both must let it pass.
 *
 *   flow       a session, or rules that let it begin one; what belongs to no
 *              flow that is known goes on where they would let it begin
 *   fragments  are put together first, where any rule may be about them
 *   ICMP       an error about a session, or rules for its type
 *   others     have no ports: sessions by both addresses and the protocol
 *
 * What rules keep from another inside is a try at a door that is shut, as one
 * from outside is: the statistic of scans hears of it.
 */
#include "stack/stack.h"

#include <string.h>

#include "minato/guard.h"

/* In silence, or so that its sender hears of it. */
static enum drop keep_out(struct minato *m, const struct arrival *a,
			  bool silent)
{
	const enum drop bad = pass_verify(a);

	if (bad != DROP_NONE)
		return bad;
	evidence_packet(m, &a->packet);
	if (!silent)
		pass_answer(m, &a->packet, MINATO_REASON_PROHIBITED);
	return DROP_GUARD;
}

static enum drop go_between(struct minato *m, const struct arrival *a,
			    const struct port_probe *probe, uint8_t scope)
{
	struct nat_packet packet = pass_describe(m, &a->packet);
	struct port_tuple_ref ref;
	struct nat_way way;

	packet.opens |= a->packet.type == PACKET_OTHER;
	if (packet.opens &&
	    !port_tuple_sought(host_table(m), probe, &ref, NULL) &&
	    host_shuts_out(m, a->packet.link, &a->packet.src))
		return DROP_GUARD;
	switch (nat_between(host_nat(m), probe, &packet, scope, &way)) {
	case NAT_PASS:
		return pass_translated(m, a, &way);
	case NAT_HOST:
		return pass_routed(m, a, scope);
	case NAT_CLOSED: /* an owner's wall, which refuses */
	case NAT_PROHIBITED:
		return keep_out(m, a, false);
	case NAT_DROP:
		return keep_out(m, a, true);
	case NAT_NO_SERVER:
	case NAT_WAIT_SYN:
	case NAT_RESET:
	case NAT_UNREACHABLE:
		break;
	}
	return DROP_GUARD;
}

enum drop pass_inner_flow(struct minato *m, const struct arrival *a,
			  uint8_t scope)
{
	return go_between(m, a, a->probe, scope);
}

/* Of a message, as rules look at it. */
static struct port_key key_of(const struct minato *m, const struct packet *p,
			      uint8_t proto, uint8_t type)
{
	return (struct port_key){
		.local = p->dst,
		.remote = p->src,
		.scope = m->link[p->link].config.scope,
		.face = (uint8_t)p->link,
		.proto = proto,
		.icmp_type = type,
	};
}

static enum minato_verdict judge(struct minato *m, const struct packet *p,
				 uint8_t proto, uint8_t type, bool peek)
{
	struct port_key key = key_of(m, p, proto, type);
	struct rule_verdict v;

	key.course = MINATO_COURSE_OUT;
	port_rules_ask(host_table(m), &key, m->now, peek, &v);
	if (v.verdict != MINATO_PASS)
		return v.verdict;
	key.course = MINATO_COURSE_IN;
	port_rules_ask(host_table(m), &key, m->now, peek, &v);
	return v.verdict;
}

/* Of a session between insides nothing in the quoted packet is another's. */
static bool is_about_session(struct minato *m, const struct packet *p)
{
	struct packet inner;
	struct port_key key;
	struct nat_way way;

	if (!packet_parse_embedded(p, &inner) && inner.type != PACKET_OTHER)
		return false;
	if (inner.transport == NULL)
		return false;
	key = pass_icmp_key(m, p, &inner);
	return nat_error(host_nat(m), &key, true, &way) == NAT_PASS &&
	       way.between;
}

enum drop pass_inner_icmp(struct minato *m, const struct arrival *a, bool error,
			  uint8_t scope)
{
	const struct packet *p = &a->packet;

	/* Nobody has to say that he may tell of an error. */
	if (error &&
	    judge(m, p, MINATO_ICMP, p->icmp_type, true) != MINATO_PASS &&
	    is_about_session(m, p))
		return pass_routed(m, a, scope);
	if (judge(m, p, MINATO_ICMP, p->icmp_type, false) != MINATO_PASS)
		return DROP_GUARD;
	return pass_routed(m, a, scope);
}

enum drop pass_inner_other(struct minato *m, const struct arrival *a,
			   uint8_t scope)
{
	const struct packet *p = &a->packet;
	const struct port_key key = nat_other_key(m->link[p->link].config.scope,
						  (uint8_t)p->link, p->ip_proto,
						  &p->dst, &p->src);
	struct port_probe probe = { .key = &key };

	if (!pass_other_goes_on(p))
		return DROP_IP_PROTOCOL;
	port_seek(host_table(m), &probe, 1);
	return go_between(m, a, &probe, scope);
}

bool pass_inner_judged(const struct minato *m, const struct packet *p)
{
	struct port_key key = key_of(m, p, MINATO_UDP, 0);
	bool bear;

	key.course = MINATO_COURSE_OUT;
	bear = port_rules_bear(host_table(m), &key);
	key.course = MINATO_COURSE_IN;
	return bear || port_rules_bear(host_table(m), &key);
}
