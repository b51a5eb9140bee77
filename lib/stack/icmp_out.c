/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ICMP errors and RSTs that answer what met nothing. A stranger can ask for
 * any number of them, so here is the one place that limits them: a bucket of
 * tokens each. The size of the bucket varies with every refill, so that
 * nobody can count through it what others were answered (CVE-2020-25705).
 */
#include "stack/stack.h"

#include <string.h>

#define ICMP_PER_SECOND 1000u
#define ICMP_BURST 100u
#define RST_PER_SECOND 10000u
#define RST_BURST 1000u

#define ICMP4_FRAGMENTATION_NEEDED 4u
#define ICMP6_PARAMETER 4u
#define IPV6_NEXT_HEADER_AT 6u

void icmp_out_init(struct minato *m)
{
	m->limit_icmp = (struct limiter){ m->now.ns, ICMP_BURST };
	m->limit_rst = (struct limiter){ m->now.ns, RST_BURST };
}

static bool take_token(struct minato *m, struct limiter *l, uint32_t rate,
		       uint32_t burst)
{
	const int64_t token_ns = NS_PER_S / rate;
	const int64_t earned = (m->now.ns - l->refilled_ns) / token_ns;

	if (earned > 0) {
		const uint32_t cap =
			burst - random_below(&m->random, burst / 8 + 1);
		l->refilled_ns += earned * token_ns;
		l->tokens = earned > cap ? cap : l->tokens + (uint32_t)earned;
		if (l->tokens > cap)
			l->tokens = cap;
	}
	if (l->tokens == 0)
		return false;
	l->tokens--;
	return true;
}

static bool may_send_icmp(struct minato *m)
{
	if (take_token(m, &m->limit_icmp, ICMP_PER_SECOND, ICMP_BURST))
		return true;
	host_count(m, COUNTER_LIMITED_ICMP);
	return false;
}

static bool may_send_rst(struct minato *m)
{
	if (take_token(m, &m->limit_rst, RST_PER_SECOND, RST_BURST))
		return true;
	host_count(m, COUNTER_LIMITED_RST);
	return false;
}

/* Where an answer goes: from the local end to the remote. */
struct reply {
	const struct minato_addr *src, *dst;
	uint8_t scope, link;
	uint8_t kind, proto;
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

	if (!tcp_reset_for(&p->tcp, p->payload_len, &rst) || !may_send_rst(m))
		return;
	rst.src_port = p->dst_port;
	rst.dst_port = p->src_port;
	host_count(m, COUNTER_RST_SENT);
	send_segment(m, &r, &rst);
}

void icmp_out_segment(struct minato *m, const struct port_key *key,
		      const struct tcp_segment *segment)
{
	const struct reply r = {
		.src = &key->local,
		.dst = &key->remote,
		.scope = key->scope,
		.link = STACK_LINK_ANY,
		.kind = MESSAGE_RST,
		.proto = IP_PROTO_TCP,
	};
	struct tcp_segment out = *segment;

	out.src_port = key->local_port;
	out.dst_port = key->remote_port;
	send_segment(m, &r, &out);
}

void icmp_out_refuse(struct minato *m, const struct port_key *key,
		     const struct tcp_segment *rst)
{
	if (!may_send_rst(m))
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
	case MINATO_REASON_PROHIBITED:
		break;
	}
	return (struct icmp_word){ ICMP6_UNREACHABLE, 1, 0 };
}

static void send_error(struct minato *m, const struct packet *about,
		       const struct icmp_word *w, struct reply *r)
{
	uint8_t bytes[1280];
	uint32_t len;

	if (!icmp_may_answer(about) || !may_send_icmp(m))
		return;
	r->kind = MESSAGE_RAW;
	r->proto = about->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	r->dst = &about->src;
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

/* The flow's packet as it will have been: headers, nothing behind them. */
static void rebuild(const struct port_key *key, struct seq seq, uint8_t *out,
		    struct packet *about)
{
	const struct tcp_segment segment = {
		.src_port = key->remote_port,
		.dst_port = key->local_port,
		.seq = seq,
		.flags = TCP_SYN,
	};
	uint8_t transport[60] = { 0 };
	uint32_t len = 8;
	uint32_t at;
	struct ip_build ip = {
		.is6 = !minato_addr_is4(&key->local),
		.src = key->remote,
		.dst = key->local,
		.hop_limit = STACK_TTL,
		.dont_fragment = true,
	};

	if (key->proto == MINATO_TCP) {
		len = tcp_build(&segment, transport);
		ip.proto = IP_PROTO_TCP;
	} else if (key->proto == MINATO_UDP) {
		udp_build(transport, key->remote_port, key->local_port, 8);
		ip.proto = IP_PROTO_UDP;
	} else {
		transport[0] = ip.is6 ? ICMP6_ECHO : ICMP4_ECHO;
		transport[4] = (uint8_t)(key->remote_port >> 8);
		transport[5] = (uint8_t)key->remote_port;
		ip.proto = ip.is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP;
	}
	ip.payload_len = len;
	at = ip_build(&ip, out);
	memcpy(out + at, transport, len);
	*about = (struct packet){
		.is6 = ip.is6,
		.src = key->remote,
		.dst = key->local,
		.hop_limit = ip.hop_limit,
		.ip_proto = ip.proto,
		.ip = out,
		.ip_len = at + len,
		.transport = out + at,
		.icmp_type = transport[0],
		.to_us_mac = true,
	};
}

static enum packet_type type_of(const struct port_key *key)
{
	if (key->proto == MINATO_TCP)
		return PACKET_TCP;
	if (key->proto == MINATO_UDP)
		return PACKET_UDP;
	return minato_addr_is4(&key->local) ? PACKET_ICMP4 : PACKET_ICMP6;
}

void icmp_out_about(struct minato *m, const struct port_key *key,
		    enum minato_reason reason, uint32_t mtu, struct seq seq)
{
	const bool is6 = !minato_addr_is4(&key->local);
	const struct icmp_word w = is6 ? error6(reason, mtu) :
					 error4(reason, mtu);
	struct minato_addr src = key->local;
	struct reply r = {
		.src = &src,
		.scope = key->scope,
		.link = STACK_LINK_ANY,
	};
	struct packet about;
	uint8_t bytes[100];

	rebuild(key, seq, bytes, &about);
	about.type = type_of(key);
	/* That a port is closed its host says; the rest, a router: us. */
	if (mtu != 0 || reason != MINATO_REASON_PORT)
		route_source(m, key->scope, &key->remote, &src);
	send_error(m, &about, &w, &r);
}
