/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors and RSTs that answer what met nothing. A stranger can ask for
 * any number of them, so here is the one place where they are limited
 * (limits.c).
 */
#include "stack/stack.h"

#include <string.h>

#define ICMP4_FRAGMENTATION_NEEDED 4u
#define REASSEMBLY_TIME 1u /* code of time exceeded */
#define IPV6_NEXT_HEADER_AT 6u

static bool may_send_icmp(struct minato *m, bool too_big,
			  const struct minato_addr *who)
{
	if (limits_allow(m, too_big ? LIMIT_TOO_BIG : LIMIT_ICMP, who))
		return true;
	host_count(m, COUNTER_LIMITED_ICMP);
	return false;
}

static bool may_send_rst(struct minato *m, const struct minato_addr *who)
{
	if (limits_allow(m, LIMIT_RST, who))
		return true;
	host_count(m, COUNTER_LIMITED_RST);
	return false;
}

/* Who is known for a scanner gets less, or nothing. */
static bool may_answer(struct minato *m, uint8_t scope,
		       const struct minato_addr *to)
{
	if (scan_may_answer(host_scan(m), scope, to, m->now))
		return true;
	host_count(m, COUNTER_LIMITED_SCAN);
	return false;
}

#define CLASS_INTERNETWORK_CONTROL 0xc0

/* Where an answer goes: from the local end to the remote. */
struct reply {
	const struct minato_addr *src, *dst;
	uint8_t scope, link;
	uint8_t kind, proto, traffic_class, ttl;
};

static void send_reply(struct minato *m, const struct reply *r,
		       const uint8_t *bytes, uint32_t len)
{
	const uint32_t index = message_take(m);
	struct message *msg;

	if (index == STACK_NONE) {
		host_count(m, COUNTER_OUT_MEMORY);
		return;
	}
	msg = message_at(m, index);
	msg->kind = r->kind;
	msg->proto = r->proto;
	msg->traffic_class = r->traffic_class;
	msg->ttl = r->ttl;
	msg->scope = r->scope;
	msg->link = r->link;
	msg->local.addr = *r->src;
	msg->remote.addr = *r->dst;
	if (!message_say(m, msg, bytes, len)) {
		host_count(m, COUNTER_OUT_MEMORY);
		message_give(m, index);
		return;
	}
	message_control(m, index);
}

static void send_segment(struct minato *m, const struct reply *r,
			 const struct tcp_segment *segment)
{
	uint8_t header[60];
	const uint32_t len = tcp_build(segment, header);

	check(segment->src_port != 0 && segment->dst_port != 0);
	send_reply(m, r, header, len);
}

void icmp_out_reset(struct minato *m, const struct packet *p)
{
	const struct reply r = {
		.src = &p->dst,
		.dst = &p->src,
		.scope = m->link[p->link].config.scope,
		.link = (uint8_t)p->link,
		.kind = MESSAGE_RST,
		.proto = IP_PROTO_TCP,
	};
	struct tcp_segment rst;

	if (!tcp_reset_for(&p->tcp, p->payload_len, &rst) ||
	    !may_send_rst(m, r.dst) || !may_answer(m, r.scope, r.dst))
		return;
	rst.src_port = p->dst_port;
	rst.dst_port = p->src_port;
	host_count(m, COUNTER_RST_SENT);
	send_segment(m, &r, &rst);
}

void icmp_out_emit(struct minato *m, const struct port_key *key,
		   const struct tcp_emit *emit)
{
	const struct reply r = {
		.src = &key->local,
		.dst = &key->remote,
		.scope = key->scope,
		.link = STACK_LINK_ANY,
		.kind = MESSAGE_RST,
		.proto = IP_PROTO_TCP,
		.traffic_class = emit->traffic_class,
		.ttl = emit->hop_limit,
	};
	struct tcp_segment out = emit->segment;

	out.src_port = key->local_port;
	out.dst_port = key->remote_port;
	send_segment(m, &r, &out);
}

void icmp_out_segment(struct minato *m, const struct port_key *key,
		      const struct tcp_segment *segment)
{
	const struct tcp_emit emit = { .segment = *segment };

	icmp_out_emit(m, key, &emit);
}

void icmp_out_refuse(struct minato *m, const struct port_key *key,
		     const struct tcp_segment *rst)
{
	if (!may_send_rst(m, &key->remote) ||
	    !may_answer(m, key->scope, &key->remote))
		return;
	host_count(m, COUNTER_RST_SENT);
	icmp_out_segment(m, key, rst);
}

struct icmp_word {
	uint8_t type, code;
	uint32_t word;
};

static struct icmp_word error4(enum minato_reason reason, uint32_t mtu)
{
	if (mtu != 0)
		return (struct icmp_word){ ICMP4_UNREACHABLE,
					   ICMP4_FRAGMENTATION_NEEDED, mtu };
	switch (reason) {
	case MINATO_REASON_NETWORK:
		return (struct icmp_word){ ICMP4_UNREACHABLE, 0, 0 };
	case MINATO_REASON_HOST:
		return (struct icmp_word){ ICMP4_UNREACHABLE, 1, 0 };
	case MINATO_REASON_PROTOCOL:
		return (struct icmp_word){ ICMP4_UNREACHABLE, 2, 0 };
	case MINATO_REASON_PORT:
		return (struct icmp_word){ ICMP4_UNREACHABLE, 3, 0 };
	case MINATO_REASON_TIME_EXCEEDED:
		return (struct icmp_word){ ICMP4_TIME_EXCEEDED, 0, 0 };
	case MINATO_REASON_PROHIBITED:
		break;
	}
	return (struct icmp_word){ ICMP4_UNREACHABLE, 13, 0 };
}

static struct icmp_word error6(enum minato_reason reason, uint32_t mtu)
{
	if (mtu != 0)
		return (struct icmp_word){ ICMP6_TOO_BIG, 0, mtu };
	switch (reason) {
	case MINATO_REASON_NETWORK:
		return (struct icmp_word){ ICMP6_UNREACHABLE, 0, 0 };
	case MINATO_REASON_HOST:
		return (struct icmp_word){ ICMP6_UNREACHABLE, 3, 0 };
	case MINATO_REASON_PROTOCOL:
		return (struct icmp_word){ ICMP6_PARAMETER, 1,
					   IPV6_NEXT_HEADER_AT };
	case MINATO_REASON_PORT:
		return (struct icmp_word){ ICMP6_UNREACHABLE, 4, 0 };
	case MINATO_REASON_TIME_EXCEEDED:
		return (struct icmp_word){ ICMP6_TIME_EXCEEDED, 0, 0 };
	case MINATO_REASON_PROHIBITED:
		break;
	}
	return (struct icmp_word){ ICMP6_UNREACHABLE, 1, 0 };
}

/* RFC 5508 REQ-9: where a gateway says nothing, by policy. */
static bool is_silent(const struct minato *m, uint32_t link)
{
	switch (m->link[link].config.role) {
	case MINATO_ROLE_INSIDE:
		return !nat_get(host_nat(m))->icmp_to_inside;
	case MINATO_ROLE_OUTSIDE:
		return !nat_get(host_nat(m))->icmp_to_outside;
	case MINATO_ROLE_HOST:
		break;
	}
	return false;
}

static bool is_too_big(const struct packet *about, const struct icmp_word *w)
{
	return about->is6 ? w->type == ICMP6_TOO_BIG :
			    w->type == ICMP4_UNREACHABLE &&
				    w->code == ICMP4_FRAGMENTATION_NEEDED;
}

/*
 * That a packet is too long is said to scanners as well: it tells nothing of
 * ports, and who was named by what others forged would lose his path by it.
 */
static void send_error(struct minato *m, const struct packet *about,
		       const struct icmp_word *w, struct reply *r)
{
	const bool too_big = is_too_big(about, w);
	uint8_t bytes[1280];
	uint32_t len;

	if (!icmp_may_answer(about) || is_silent(m, about->link) ||
	    !may_send_icmp(m, too_big, &about->src) ||
	    (!too_big && !may_answer(m, r->scope, &about->src)))
		return;
	r->kind = MESSAGE_RAW;
	r->proto = about->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	r->dst = &about->src;
	/* A router's: internetwork control (RFC 1812 4.3.2.5; RFC 5508
	   REQ-10d). */
	if (!about->is6 && m->link[about->link].config.role != MINATO_ROLE_HOST)
		r->traffic_class = CLASS_INTERNETWORK_CONTROL;
	len = icmp_build_error(about, w->type, w->code, w->word, r->src, bytes);
	host_count(m, COUNTER_ICMP_SENT);
	send_reply(m, r, bytes, len);
}

void icmp_out_error(struct minato *m, const struct packet *about,
		    enum minato_reason reason, uint32_t mtu,
		    const struct minato_addr *src)
{
	const struct icmp_word w = about->is6 ? error6(reason, mtu) :
						error4(reason, mtu);
	struct reply r = {
		.src = src,
		.scope = m->link[about->link].config.scope,
		.link = (uint8_t)about->link,
	};

	send_error(m, about, &w, &r);
}

void icmp_out_expired(struct minato *m, const struct packet *about)
{
	const uint8_t scope = m->link[about->link].config.scope;
	struct minato_addr us;

	if (route_source(m, scope, &about->src, &us))
		icmp_out_error(m, about, MINATO_REASON_TIME_EXCEEDED, 0, &us);
}

static void send_word(struct minato *m, const struct packet *about,
		      const struct icmp_word *w)
{
	const struct minato_link_config *link = &m->link[about->link].config;
	struct minato_addr us = about->dst;
	struct reply r = {
		.src = &us,
		.scope = link->scope,
		.link = (uint8_t)about->link,
	};

	/* A gateway gathers in its own name. */
	if (link->role != MINATO_ROLE_HOST)
		route_source(m, link->scope, &about->src, &us);
	send_error(m, about, w, &r);
}

void icmp_out_overdue(struct minato *m, const struct packet *about)
{
	const uint8_t type = about->is6 ? ICMP6_TIME_EXCEEDED :
					  ICMP4_TIME_EXCEEDED;
	const struct icmp_word w = { type, REASSEMBLY_TIME, 0 };

	send_word(m, about, &w);
}

void icmp_out_parameter(struct minato *m, const struct packet *about,
			uint8_t code, uint32_t pointer)
{
	const struct icmp_word w = { ICMP6_PARAMETER, code, pointer };

	send_word(m, about, &w);
}

/* --- about packets that are not at hand any more ------------------------- */

/* As much of one as an error has room for. */
#define REBUILT_MAX 1280u

/* Its transport header, or the beginning of it; returns how long it is. */
static uint32_t rebuild_transport(const struct icmp_about *a, uint32_t payload,
				  uint8_t out[60])
{
	const struct port_key *key = &a->key;
	const struct tcp_segment segment = {
		.src_port = key->remote_port,
		.dst_port = key->local_port,
		.seq = a->seq,
		.flags = TCP_SYN,
	};

	if (key->proto == MINATO_TCP)
		return tcp_build(&segment, out);
	if (key->proto == MINATO_UDP) {
		udp_build(out, key->remote_port, key->local_port,
			  UDP_LEN + payload);
		return UDP_LEN;
	}
	memset(out, 0, ICMP_LEN);
	out[0] = minato_addr_is4(&key->local) ? ICMP4_ECHO : ICMP6_ECHO;
	out[4] = (uint8_t)(key->remote_port >> 8);
	out[5] = (uint8_t)key->remote_port;
	return ICMP_LEN;
}

static uint8_t proto_of(const struct port_key *key)
{
	if (key->proto != MINATO_ICMP)
		return key->proto;
	return minato_addr_is4(&key->local) ? IP_PROTO_ICMP : IP_PROTO_ICMP6;
}

static enum packet_type type_of(const struct port_key *key)
{
	if (key->proto == MINATO_TCP)
		return PACKET_TCP;
	if (key->proto == MINATO_UDP)
		return PACKET_UDP;
	return minato_addr_is4(&key->local) ? PACKET_ICMP4 : PACKET_ICMP6;
}

/*
 * The packet as it will have been: its headers, and behind them what is known
 * of the rest. An echo's own header comes with that.
 */
static void rebuild(const struct icmp_about *a, const struct minato_trouble *t,
		    uint8_t *out, struct packet *about)
{
	uint8_t transport[60];
	const bool whole = a->key.proto == MINATO_ICMP && t->len >= ICMP_LEN;
	uint32_t quoted = t->data != NULL ? (uint32_t)t->len : 0;
	uint32_t payload = a->len > quoted ? a->len : quoted;
	uint32_t header = whole ? 0 : rebuild_transport(a, payload, transport);
	struct ip_build ip = {
		.is6 = !minato_addr_is4(&a->key.local),
		.src = a->key.remote,
		.dst = a->key.local,
		.proto = proto_of(&a->key),
		.hop_limit = a->hop_limit != 0 ? a->hop_limit : STACK_TTL,
		.traffic_class = a->traffic_class,
		.dont_fragment = true,
		.payload_len = header + payload,
	};
	uint32_t at = ip_build(&ip, out);

	memcpy(out + at, transport, header);
	if (quoted > REBUILT_MAX - at - header)
		quoted = REBUILT_MAX - at - header;
	if (quoted > 0)
		memcpy(out + at + header, t->data, quoted);
	*about = (struct packet){
		.type = type_of(&a->key),
		.is6 = ip.is6,
		.src = a->key.remote,
		.dst = a->key.local,
		.hop_limit = ip.hop_limit,
		.ip_proto = ip.proto,
		.ip = out,
		.ip_len = at + header + quoted,
		.transport = out + at,
		.icmp_type = out[at],
		.to_us_mac = true,
	};
}

static struct icmp_word word_of(const struct minato_trouble *t, bool is6)
{
	if (t->mtu == 0 && t->type != 0)
		return (struct icmp_word){ t->type, t->code, 0 };
	return is6 ? error6(t->reason, t->mtu) : error4(t->reason, t->mtu);
}

/* That a port is closed its host says; the rest, a router: us. */
static struct minato_addr offender_of(const struct minato *m,
				      const struct icmp_about *a,
				      const struct minato_trouble *t)
{
	struct minato_addr src = a->key.local;

	if (!minato_addr_is_any(&t->offender))
		return t->offender;
	if (t->mtu != 0 || t->type != 0 || t->reason != MINATO_REASON_PORT)
		route_source(m, a->key.scope, &a->key.remote, &src);
	return src;
}

void icmp_out_about(struct minato *m, const struct icmp_about *about,
		    const struct minato_trouble *trouble)
{
	const struct minato_addr src = offender_of(m, about, trouble);
	struct reply r = {
		.src = &src,
		.scope = about->key.scope,
		.link = STACK_LINK_ANY,
	};
	struct packet packet;
	uint8_t bytes[REBUILT_MAX];
	struct icmp_word w;

	/* An association without a datagram: nothing to speak of. */
	if (minato_addr_is_any(&about->key.local))
		return;
	rebuild(about, trouble, bytes, &packet);
	w = word_of(trouble, packet.is6);
	send_error(m, &packet, &w, &r);
}
