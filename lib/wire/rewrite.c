/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet that is handed on gets other ends, in place. Its checksums are
 * changed by what changed (RFC 1624 3, equation 3), never made anew, so that
 * what was wrong stays wrong and what was right stays right:
 *
 *	HC' = ~(~HC + ~m + m')
 *
 * All is added in the machine's own byte order, as in checksum.c: words are
 * taken at even places only, so their bytes keep their places in the sum.
 */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/check.h"
#include "wire/wire.h"

#define IP4_ID 4
#define IP4_TTL 8 /* and the protocol: one word */
#define IP4_CSUM 10
#define IP4_SRC 12
#define IP4_DST 16
#define IP6_HOP_LIMIT 7
#define IP6_SRC 8
#define IP6_DST 24
#define ICMP_CSUM 2
#define ICMP_ID 4
#define UDP_CSUM 6
#define TCP_CSUM 16
/* Over a pseudo header too: DCCP (RFC 4340 9.1), UDP-Lite (RFC 3828 3.1). */
#define PROTO_DCCP 33
#define PROTO_UDP_LITE 136
#define OTHER_CSUM 6
#define OTHER_MIN 8

static inline uint16_t load2(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load4(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint16_t fold(uint64_t v)
{
	v = (v & UINT32_MAX) + (v >> 32);
	v = (v & UINT16_MAX) + (v >> 16);
	v = (v & UINT16_MAX) + (v >> 16);
	v = (v & UINT16_MAX) + (v >> 16);
	return (uint16_t)v;
}

/* Writes words and returns by how much that changes the sum over them: ~m + m'
   of each, not folded. */
static inline uint64_t change4(uint8_t *at, const uint8_t *to)
{
	const uint64_t change = (uint64_t)(uint32_t)~load4(at) + load4(to);

	memcpy(at, to, 4);
	return change;
}

static uint64_t change16(uint8_t *at, const uint8_t *to)
{
	uint64_t change = 0;

	for (size_t i = 0; i < 16; i += 4)
		change += change4(at + i, to + i);
	return change;
}

/* A number in the bytes' own order, as it is loaded. */
static inline uint16_t wire_order(uint16_t v)
{
	const union {
		uint8_t bytes[2];
		uint16_t word;
	} u = { { (uint8_t)(v >> 8), (uint8_t)v } };

	return u.word;
}

static inline uint64_t change_port(uint8_t *at, uint16_t port)
{
	const uint16_t to = wire_order(port);
	const uint64_t change = (uint64_t)(uint16_t)~load2(at) + to;

	memcpy(at, &to, sizeof(to));
	return change;
}

/* A checksum over what has changed so much. */
static inline void adjust(uint8_t *field, uint64_t change)
{
	const uint16_t sum = (uint16_t)~load2(field);
	const uint16_t csum = (uint16_t)~fold(sum + change);

	memcpy(field, &csum, sizeof(csum));
}

/* RFC 768: 0 is none, and stays so over IPv4; what comes out as 0 is all ones.
   Over IPv6 nobody may send 0 (RFC 8200 8.1): such a one stays as wrong. */
static inline void adjust_udp(uint8_t *field, uint64_t change)
{
	if (load2(field) == 0)
		return;
	adjust(field, change);
	if (load2(field) == 0)
		memset(field, 0xff, 2);
}

/* The pseudo header's sum in the field: not inverted, and no port counts. */
static inline void adjust_partial(uint8_t *field, uint64_t change)
{
	const uint16_t sum = fold(load2(field) + change);

	memcpy(field, &sum, sizeof(sum));
}

/* Only what differs counts, so that what stays is not touched at all. */
static inline uint64_t change_ends4(uint8_t *ip, const struct rewrite *to)
{
	uint64_t change = 0;

	if (load4(ip + IP4_SRC) != load4(addr_v4(&to->src)))
		change += change4(ip + IP4_SRC, addr_v4(&to->src));
	if (load4(ip + IP4_DST) != load4(addr_v4(&to->dst)))
		change += change4(ip + IP4_DST, addr_v4(&to->dst));
	return change;
}

/* Returns what the pseudo header changed by. */
static inline uint64_t rewrite_ip4(uint8_t *ip, const struct rewrite *to)
{
	const uint64_t ends = to->same_ends ? 0 : change_ends4(ip, to);
	const uint16_t old = load2(ip + IP4_TTL);
	uint64_t change = ends + (uint16_t)~old;

	ip[IP4_TTL] = to->hop_limit;
	change += load2(ip + IP4_TTL);
	if (to->new_id)
		change += change_port(ip + IP4_ID, to->id);
	adjust(ip + IP4_CSUM, change);
	return ends;
}

static uint64_t change_ends6(uint8_t *ip, const struct rewrite *to)
{
	uint64_t ends = 0;

	if (memcmp(ip + IP6_SRC, to->src.bytes, 16) != 0)
		ends += change16(ip + IP6_SRC, to->src.bytes);
	if (memcmp(ip + IP6_DST, to->dst.bytes, 16) != 0)
		ends += change16(ip + IP6_DST, to->dst.bytes);
	return ends;
}

static inline uint64_t change_ports(uint8_t *at, const struct rewrite *to)
{
	uint64_t change = 0;

	if (load2(at) != wire_order(to->src_port))
		change += change_port(at, to->src_port);
	if (load2(at + 2) != wire_order(to->dst_port))
		change += change_port(at + 2, to->dst_port);
	return change;
}

/* An echo has one number for both of its ends. */
static uint64_t change_identifier(uint8_t *at, const struct rewrite *to)
{
	return get16(at) == to->src_port ? 0 : change_port(at, to->src_port);
}

static bool has_identifier(bool is6, uint8_t type)
{
	return is6 ? type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY :
		     type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
}

/* The transport header at `at`; `ends`: change of the pseudo header. */
static inline void rewrite_transport(uint8_t *at, uint8_t proto, bool partial,
				     uint64_t ends, const struct rewrite *to)
{
	uint64_t change;

	switch (proto) {
	case IP_PROTO_TCP:
		change = change_ports(at, to);
		if (partial)
			adjust_partial(at + TCP_CSUM, ends);
		else if (change + ends != 0)
			adjust(at + TCP_CSUM, change + ends);
		break;
	case IP_PROTO_UDP:
		change = change_ports(at, to);
		if (partial)
			adjust_partial(at + UDP_CSUM, ends);
		else if (change + ends != 0)
			adjust_udp(at + UDP_CSUM, change + ends);
		break;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		change = proto == IP_PROTO_ICMP6 ? ends : 0;
		if (has_identifier(proto == IP_PROTO_ICMP6, at[0]))
			change += change_identifier(at + ICMP_ID, to);
		if (change != 0)
			adjust(at + ICMP_CSUM, change);
		break;
	case PROTO_DCCP:
		adjust(at + OTHER_CSUM, ends);
		break;
	case PROTO_UDP_LITE: /* never 0 either: RFC 3828 3.1 */
		adjust_udp(at + OTHER_CSUM, ends);
		break;
	default:
		break;
	}
}

/* Where the transport of a first fragment begins: IPv6 may have headers
   between, which packet_parse has walked. */
static const uint8_t *first_transport(const struct packet *p, uint8_t *proto)
{
	struct chain c = { .at = p->transport,
			   .len = p->payload_len,
			   .proto = p->ip_proto };

	if (p->is6)
		chain_walk(&c);
	*proto = c.proto;
	return c.at;
}

void rewrite_packet(uint8_t *ip, const struct packet *p, bool partial,
		    const struct rewrite *to)
{
	const uint8_t *transport = p->transport;
	uint8_t proto = p->ip_proto;
	uint64_t ends;

	if (p->is6) {
		ends = to->same_ends ? 0 : change_ends6(ip, to);
		ip[IP6_HOP_LIMIT] = to->hop_limit;
	} else {
		ends = rewrite_ip4(ip, to);
	}
	if (to->same_ends)
		return;
	if (p->type == PACKET_FRAGMENT) {
		if (p->fragment_offset != 0)
			return;
		transport = first_transport(p, &proto);
	}
	if (p->type == PACKET_OTHER && p->payload_len < OTHER_MIN)
		return;
	rewrite_transport(ip + (transport - p->ip), proto, partial, ends, to);
}

/* --- inside an ICMP error ------------------------------------------------- */

bool rewrite_embedded_holds(const struct packet *inner)
{
	struct sum sum = { 0 };

	if (inner->is6)
		return true;
	sum_add(&sum, inner->ip, (inner->ip[0] & 15) * 4u);
	return sum_fold(&sum) == 0xffff;
}

/* Applies `adjusting` to a checksum inside, and returns what that changes. */
static uint64_t change_inner(uint8_t *field, uint64_t change,
			     void (*adjusting)(uint8_t *field, uint64_t change))
{
	const uint16_t old = load2(field);

	if (change != 0)
		adjusting(field, change);
	return (uint64_t)(uint16_t)~old + load2(field);
}

/* The 8 bytes or more that are there of the embedded transport. */
static uint64_t change_inner_transport(uint8_t *at, const struct packet *inner,
				       uint64_t ends, const struct rewrite *to)
{
	uint64_t change;

	switch (inner->ip_proto) {
	case IP_PROTO_TCP:
		change = change_ports(at, to);
		if (inner->payload_len < TCP_CSUM + 2)
			return change;
		return change +
		       change_inner(at + TCP_CSUM, change + ends, adjust);
	case IP_PROTO_UDP:
		change = change_ports(at, to);
		return change +
		       change_inner(at + UDP_CSUM, change + ends, adjust_udp);
	case PROTO_DCCP:
		return change_inner(at + OTHER_CSUM, ends, adjust);
	case PROTO_UDP_LITE:
		return change_inner(at + OTHER_CSUM, ends, adjust_udp);
	default:
		/* GRE, ESP and others do not know who they are of. */
		if (inner->ip_proto != IP_PROTO_ICMP &&
		    inner->ip_proto != IP_PROTO_ICMP6)
			return 0;
		change = change_identifier(at + ICMP_ID, to);
		return change + change_inner(at + ICMP_CSUM,
					     change + (inner->is6 ? ends : 0),
					     adjust);
	}
}

void rewrite_embedded(uint8_t *icmp, const struct packet *outer,
		      const struct packet *inner, const struct rewrite *to)
{
	uint8_t *ip = icmp + (inner->ip - outer->transport);
	uint8_t *at = icmp + (inner->transport - outer->transport);
	uint64_t ends, change;

	check(inner->payload_len >= 8);
	if (inner->is6) {
		ends = change_ends6(ip, to);
		change = ends;
	} else {
		ends = change_ends4(ip, to);
		change = ends + change_inner(ip + IP4_CSUM, ends, adjust);
	}
	change += change_inner_transport(at, inner, ends, to);
	adjust(icmp + ICMP_CSUM, change);
}
