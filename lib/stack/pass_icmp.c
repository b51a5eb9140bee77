/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors about packets that were handed on (RFC 5508 REQ-3 to REQ-7, RFC
 * 7857 7): the packet inside gets back the ends that its sender knows, and the
 * error goes to him. Nothing is refreshed or ended by one.
 */
#include "stack/stack.h"

#include <string.h>

/*
 * RFC 5508 REQ-10: unreachable, time exceeded and parameter problem. Redirects
 * speak of routers on one's own link, source quench is no more (RFC 6633).
 */
static bool is_error(const struct packet *p)
{
	if (p->is6)
		return p->icmp_type >= ICMP6_UNREACHABLE &&
		       p->icmp_type <= ICMP6_PARAMETER;
	return p->icmp_type == ICMP4_UNREACHABLE ||
	       p->icmp_type == ICMP4_TIME_EXCEEDED ||
	       p->icmp_type == ICMP4_PARAMETER;
}

/* The packet inside, as if it came back. */
struct port_key pass_icmp_key(const struct minato *m, const struct packet *p,
			      const struct packet *inner)
{
	/* Of a protocol without ports its number is both (nat_other_key). */
	if (inner->type == PACKET_OTHER)
		return nat_other_key(m->link[p->link].config.scope,
				     (uint8_t)p->link, inner->ip_proto,
				     &inner->src, &inner->dst);
	return (struct port_key){
		.local = inner->src,
		.remote = inner->dst,
		.local_port = inner->src_port,
		.remote_port = inner->dst_port,
		.scope = m->link[p->link].config.scope,
		.face = (uint8_t)p->link,
		.proto = inner->ip_proto == IP_PROTO_ICMP6 ? MINATO_ICMP :
							     inner->ip_proto,
	};
}

static enum drop restore(struct minato *m, const struct arrival *a,
			 const struct packet *inner, const struct nat_way *way,
			 bool inside)
{
	const struct packet *p = &a->packet;
	const struct rewrite embedded = {
		.src = way->dst.addr,
		.dst = way->src.addr,
		.src_port = way->dst.port,
		.dst_port = way->src.port,
	};
	struct onward o = {
		.to = { .src = p->src,
			.dst = way->dst.addr,
			.same_ends = way->same },
		.scope = way->scope,
		.inner = way->same ? NULL : inner,
		.embedded = &embedded,
	};

	/* REQ-3 a: a damaged header inside names nobody. */
	if (!rewrite_embedded_holds(inner))
		return DROP_IP_CHECKSUM;
	/* REQ-5 c: outside nobody knows who inside says so. */
	if (inside && !way->same)
		o.to.src = way->src.addr;
	return pass_onward(m, a, &o);
}

#define CODE(code) (1u << (code)) /* RFC 792, 1812 5.2.7.1; RFC 4443 3.1 */

/* By who is there: that a port or protocol is none, or a word of his filter. Of
   a host that is down nobody has heard. */
static bool refuses(const struct packet *p)
{
	const uint32_t code = p->transport[1];
	const uint32_t refusals = p->is6 ? CODE(1) | CODE(4) | CODE(5) :
					   CODE(2) | CODE(3) | CODE(9) |
						   CODE(10) | CODE(13);

	return p->icmp_type ==
		       (p->is6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE) &&
	       code < 32 && (refusals & 1u << code) != 0;
}

static void hear_refusal(struct minato *m, const struct packet *p,
			 struct nat_way *way)
{
	if (!nat_refuse(host_nat(m), way))
		return;
	way->news = NAT_NEWS_REFUSED;
	evidence_passed(m, p, way);
}

static enum drop pass_error(struct minato *m, const struct arrival *a,
			    bool to_us, bool *ours)
{
	const struct packet *p = &a->packet;
	const bool inside = m->link[p->link].config.role == MINATO_ROLE_INSIDE;
	enum drop drop = pass_verify(a); /* REQ-3 */
	struct packet inner;
	struct port_key key;
	struct nat_way way;

	if (drop != DROP_NONE)
		return drop;
	if (!packet_parse_embedded(p, &inner) && inner.type != PACKET_OTHER)
		return DROP_ICMP_HEADER;
	if (inner.transport == NULL)
		return DROP_ICMP_HEADER;
	key = pass_icmp_key(m, p, &inner);
	switch (nat_error(host_nat(m), &key, inside, &way)) {
	case NAT_PASS:
		if (inside && refuses(p))
			hear_refusal(m, p, &way);
		return restore(m, a, &inner, &way, inside);
	case NAT_HOST:
		*ours = to_us;
		return DROP_NOT_OURS;
	case NAT_DROP:
	case NAT_CLOSED:
	case NAT_PROHIBITED:
	case NAT_NO_SERVER:
	case NAT_WAIT_SYN:
	case NAT_RESET:
	case NAT_UNREACHABLE:
		break;
	}
	return DROP_NAT;
}

enum drop pass_inner_message(struct minato *m, const struct arrival *a,
			     uint8_t scope)
{
	return pass_inner_icmp(m, a, is_error(&a->packet), scope);
}

enum drop pass_icmp(struct minato *m, const struct arrival *a,
		    const struct pass_target *to, bool *ours)
{
	const struct packet *p = &a->packet;
	const bool to_us = to->whose != NAT_OTHERS;

	if (!to_us && to->between && !pass_is_link_local(p))
		return pass_inner_message(m, a, to->scope);
	if (is_error(p))
		return pass_error(m, a, to_us, ours);
	*ours = to_us;
	return DROP_ICMP_TYPE;
}
