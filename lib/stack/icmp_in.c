/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP errors that arrive: to the flow that they speak of. */
#include "stack/stack.h"

#include <errno.h>
#include <string.h>

#define ICMP4_FRAGMENTATION_NEEDED 4
#define MTU_SURELY4 576u /* where a router does not say */
#define MTU_FLOOR4 552u	 /* less is not believed (RFC 5927 7), as on Linux */
#define MTU_SURELY6 1280u

/* What an error means for the flow. */
struct meaning {
	enum tcp_icmp what;
	uint32_t mtu;
	int error; /* errno */
};

/*
 * RFC 1122 4.2.3.9 with the codes of RFC 1812: 0, 1 and 5 are soft
 * (MUST-56), 2 and 3 hard (SHLD-26), and so are those that say that nothing
 * will help: unknown, isolated, prohibited. Errno numbers as Linux gives them.
 */
static bool unreachable4(const struct packet *p, struct meaning *out)
{
	static const struct meaning table[16] = {
		{ TCP_ICMP_SOFT, 0, ENETUNREACH },
		{ TCP_ICMP_SOFT, 0, EHOSTUNREACH },
		{ TCP_ICMP_HARD, 0, ENOPROTOOPT },
		{ TCP_ICMP_HARD, 0, ECONNREFUSED },
		{ TCP_ICMP_TOO_BIG, 0, EMSGSIZE },
		{ TCP_ICMP_SOFT, 0, EOPNOTSUPP },
		{ TCP_ICMP_HARD, 0, ENETUNREACH },
		{ TCP_ICMP_HARD, 0, EHOSTDOWN },
		{ TCP_ICMP_HARD, 0, ENONET },
		{ TCP_ICMP_HARD, 0, ENETUNREACH },
		{ TCP_ICMP_HARD, 0, EHOSTUNREACH },
		{ TCP_ICMP_SOFT, 0, ENETUNREACH },
		{ TCP_ICMP_SOFT, 0, EHOSTUNREACH },
		{ TCP_ICMP_HARD, 0, EHOSTUNREACH },
		{ TCP_ICMP_HARD, 0, EHOSTUNREACH },
		{ TCP_ICMP_HARD, 0, EHOSTUNREACH },
	};

	if (p->icmp_code >= 16)
		return false;
	*out = table[p->icmp_code];
	if (p->icmp_code == ICMP4_FRAGMENTATION_NEEDED) {
		out->mtu = (uint32_t)p->transport[6] << 8 | p->transport[7];
		/* A router older than RFC 1191 says 0. */
		if (out->mtu == 0)
			out->mtu = MTU_SURELY4;
		if (out->mtu < MTU_FLOOR4)
			out->mtu = MTU_FLOOR4;
	}
	return true;
}

static bool error4(const struct packet *p, struct meaning *out)
{
	if (p->icmp_type == ICMP4_UNREACHABLE)
		return unreachable4(p, out);
	/* Source quench is dropped in silence (RFC 6633, MUST-55). */
	if (p->icmp_type != ICMP4_TIME_EXCEEDED)
		return false;
	*out = (struct meaning){ TCP_ICMP_SOFT, 0, EHOSTUNREACH };
	return true;
}

static bool unreachable6(const struct packet *p, struct meaning *out)
{
	static const struct meaning table[7] = {
		{ TCP_ICMP_SOFT, 0, ENETUNREACH },
		{ TCP_ICMP_HARD, 0, EACCES },
		{ TCP_ICMP_SOFT, 0, EHOSTUNREACH },
		{ TCP_ICMP_SOFT, 0, EHOSTUNREACH },
		{ TCP_ICMP_HARD, 0, ECONNREFUSED },
		{ TCP_ICMP_HARD, 0, EACCES },
		{ TCP_ICMP_HARD, 0, EACCES },
	};

	if (p->icmp_code >= 7)
		return false;
	*out = table[p->icmp_code];
	return true;
}

static bool error6(const struct packet *p, struct meaning *out)
{
	const uint8_t *word = p->transport + 4;

	switch (p->icmp_type) {
	case ICMP6_UNREACHABLE:
		return unreachable6(p, out);
	case ICMP6_TOO_BIG:
		*out = (struct meaning){ TCP_ICMP_TOO_BIG, 0, EMSGSIZE };
		out->mtu = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 |
			   (uint32_t)word[2] << 8 | word[3];
		/* RFC 8201 4: never below the minimum. */
		if (out->mtu < MTU_SURELY6)
			out->mtu = MTU_SURELY6;
		return true;
	case ICMP6_TIME_EXCEEDED:
		*out = (struct meaning){ TCP_ICMP_SOFT, 0, EHOSTUNREACH };
		return true;
	case ICMP6_PARAMETER:
		/* RFC 4443 3.4 code 1: next header unknown. */
		*out = (struct meaning){ p->icmp_code == 1 ? TCP_ICMP_HARD :
							     TCP_ICMP_SOFT,
					 0, EPROTO };
		return true;
	default:
		return false;
	}
}

/* The flow inside: its source is us. */
static void key_of(const struct minato *m, const struct packet *inner,
		   uint32_t link, struct port_key *key)
{
	*key = (struct port_key){
		.local = inner->src,
		.remote = inner->dst,
		.local_port = inner->src_port,
		.remote_port = inner->dst_port,
		.scope = m->link[link].config.scope,
		.face = (uint8_t)link,
		.proto = inner->ip_proto == IP_PROTO_ICMP6 ? MINATO_ICMP :
							     inner->ip_proto,
	};
}

/*
 * A path is narrower than its link: for datagrams there is nothing to send
 * again, what follows is cut smaller or refused. Believed of what a socket may
 * have sent.
 */
static enum drop narrow_path(struct minato *m, const struct packet *p,
			     const struct port_key *key, uint32_t mtu)
{
	struct port_fate fate;

	port_lookup(host_table(m), key, m->now, false, &fate);
	if (fate.exact ? fate.tuple.class != TUPLE_SOCKET :
			 fate.kind != MINATO_KIND_SOCKET)
		return DROP_CLOSED;
	host_count(m, COUNTER_ICMP_ERRORS);
	pmtu_learn(m, p->link, &key->remote, mtu);
	return DROP_NONE;
}

enum drop icmp_in_error(struct minato *m, const struct packet *p)
{
	struct meaning meaning;
	struct packet inner = { 0 };
	struct port_tuple_ref ref;
	struct port_key key;
	struct tcp_env e = host_env(m);
	struct socket *s;

	if (!(p->is6 ? error6(p, &meaning) : error4(p, &meaning)))
		return DROP_ICMP_TYPE;
	if (!packet_parse_embedded(p, &inner))
		return DROP_ICMP_HEADER;
	key_of(m, &inner, p->link, &key);
	if (meaning.what == TCP_ICMP_TOO_BIG && key.proto != MINATO_TCP)
		return narrow_path(m, p, &key, meaning.mtu);
	if (!port_tuple_find(host_table(m), &key, &ref, NULL) ||
	    ref.class != TUPLE_SOCKET)
		return DROP_CLOSED;
	host_count(m, COUNTER_ICMP_ERRORS);
	s = socket_at(m, ref.owner);
	if (s->proto != MINATO_TCP) {
		if (meaning.what == TCP_ICMP_HARD)
			udp_error(m, ref.owner, meaning.error);
		return DROP_NONE;
	}
	if (!tcp_icmp(&e, &s->body.tcp, meaning.what, inner.tcp.seq,
		      meaning.mtu, meaning.error))
		return DROP_TCP_SEQUENCE;
	if (meaning.what == TCP_ICMP_TOO_BIG)
		pmtu_learn(m, p->link, &key.remote, meaning.mtu);
	flow_settle(m, ref.owner);
	return DROP_NONE;
}
