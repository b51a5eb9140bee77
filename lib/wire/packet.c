/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One frame into one struct packet: every bound is checked here, once.
 *
 *   parse_ethernet -> parse_arp
 *                  -> parse_ipv4 ------------------> parse_transport
 *                  -> parse_ipv6 -> chain_walk ---->      "
 */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "wire/wire.h"

/*
 * The way of a segment over IPv4 is one straight run of instructions that ends
 * in calls: nothing is saved and restored for what most frames do not need.
 */
#define COMMON static inline __attribute__((always_inline))
#define ASIDE static __attribute__((noinline))

#define MORE_FRAGMENTS 0x2000u
#define DONT_FRAGMENT 0x4000u
#define OFFSET_MASK 0x1fffu

COMMON uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* --- transport ----------------------------------------------------------- */

bool packet_checksum_holds(const struct packet *p, uint32_t len)
{
	struct sum sum = { 0 };

	if (p->ip_proto != IP_PROTO_ICMP)
		sum_pseudo(&sum, &p->src, &p->dst, p->ip_proto, len);
	sum_add(&sum, p->transport, len);
	return sum_fold(&sum) == 0xffff;
}

/* RFC 768: 0 is "none computed"; RFC 8200 8.1 does not know that. */
static bool udp_holds(const struct packet *p, uint32_t udp_len)
{
	if (get16(p->transport + 6) == 0)
		return !p->is6;
	return packet_checksum_holds(p, udp_len);
}

enum drop packet_verify(const struct packet *p)
{
	const uint32_t len = p->ip_len - (uint32_t)(p->transport - p->ip);

	switch (p->type) {
	case PACKET_TCP:
		return packet_checksum_holds(p, len) ? DROP_NONE :
						       DROP_TCP_CHECKSUM;
	case PACKET_UDP:
		return udp_holds(p, UDP_LEN + p->payload_len) ?
			       DROP_NONE :
			       DROP_UDP_CHECKSUM;
	case PACKET_ICMP4:
	case PACKET_ICMP6:
		return packet_checksum_holds(p, len) ? DROP_NONE :
						       DROP_ICMP_CHECKSUM;
	case PACKET_ARP:
	case PACKET_FRAGMENT:
	case PACKET_OTHER:
		break;
	}
	return DROP_NONE;
}

ASIDE enum drop parse_udp(uint32_t len, bool trusted, struct packet *p)
{
	const uint8_t *udp = p->transport;
	uint32_t udp_len;

	if (len < UDP_LEN)
		return DROP_UDP_HEADER;
	udp_len = get16(udp + 4);
	if (udp_len < UDP_LEN || udp_len > len)
		return DROP_UDP_HEADER;
	if (!trusted && !udp_holds(p, udp_len))
		return DROP_UDP_CHECKSUM;
	p->src_port = get16(udp);
	p->dst_port = get16(udp + 2);
	/*
	 * RFC 768: a source port of 0 is "not used", and RFC 8085 5.1 only
	 * asks senders not to. Such a datagram is delivered; it cannot be
	 * answered. To port 0 there is nobody.
	 */
	if (p->dst_port == 0)
		return DROP_UDP_PORT_ZERO;
	p->type = PACKET_UDP;
	p->payload = udp + UDP_LEN;
	p->payload_len = udp_len - UDP_LEN;
	return DROP_NONE;
}

static bool is_echo(bool is6, uint8_t type)
{
	return is6 ? type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY :
		     type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
}

ASIDE enum drop parse_icmp(uint32_t len, bool trusted, struct packet *p)
{
	const uint8_t *icmp = p->transport;

	if (len < ICMP_LEN)
		return DROP_ICMP_HEADER;
	if (!trusted && !packet_checksum_holds(p, len))
		return DROP_ICMP_CHECKSUM;
	p->type = p->is6 ? PACKET_ICMP6 : PACKET_ICMP4;
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
	if (is_echo(p->is6, icmp[0])) {
		p->src_port = get16(icmp + 4);
		p->dst_port = p->src_port;
	}
	p->payload = icmp + ICMP_LEN;
	p->payload_len = len - ICMP_LEN;
	return DROP_NONE;
}

COMMON enum drop parse_transport(const struct minato_frame *frame,
					uint32_t len, struct packet *p)
{
	const bool trusted = frame->csum_trusted || frame->csum_partial;

	if (p->ip_proto == IP_PROTO_TCP)
		return tcp_parse_packet(p, len, trusted);
	if (p->ip_proto == IP_PROTO_UDP)
		return parse_udp(len, trusted, p);
	if (p->ip_proto == (p->is6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP))
		return parse_icmp(len, trusted, p);
	p->type = PACKET_OTHER;
	p->payload = p->transport;
	p->payload_len = len;
	return DROP_NONE;
}

/* --- fragments ----------------------------------------------------------- */

/* Bytes of header that must stand in the first fragment. */
static uint32_t upper_len(uint8_t proto, const uint8_t *at, uint32_t len)
{
	switch (proto) {
	case IP_PROTO_TCP:
		/* RFC 7112 5: the whole header, options too. */
		return len < TCP_LEN || at[12] >> 4 < 5 ? TCP_LEN :
							  (at[12] >> 4) * 4u;
	case IP_PROTO_UDP:
		return UDP_LEN;
	case IP_PROTO_ICMP:
	case IP_PROTO_ICMP6:
		return ICMP_LEN;
	default:
		return 0;
	}
}

/* Walks the headers that were cut into fragments: none may cut again. */
static enum drop walk_cut(struct chain *c)
{
	enum drop drop;

	if (c->proto == IP_PROTO_HOP_BY_HOP)
		return DROP_IP_EXTENSION;
	drop = chain_walk(c);
	return drop == DROP_NONE && (c->fragment || c->atomic) ?
		       DROP_IP_EXTENSION :
		       drop;
}

/*
 * The first fragment says what the whole is. RFC 7112 5 for IPv6; RFC 1858 3
 * and RFC 3128 2 for IPv4, where nothing that is sent by an honest host is
 * that small.
 */
static enum drop check_first(const struct packet *p, uint32_t len)
{
	struct chain c = { .at = p->transport,
			   .len = len,
			   .proto = p->ip_proto };
	enum drop drop;

	if (p->is6) {
		drop = walk_cut(&c);
		if (c.truncated)
			return DROP_FRAGMENT_TINY;
		if (drop != DROP_NONE)
			return drop;
	}
	return c.len < upper_len(c.proto, c.at, c.len) ? DROP_FRAGMENT_TINY :
							 DROP_NONE;
}

/*
 * `len` bytes of payload are at p->transport; offset and more are set. What
 * the whole will have beside them counts as well: its IPv4 header, or the
 * extension headers before the fragment's own.
 */
ASIDE enum drop parse_fragment(uint32_t len, struct packet *p)
{
	const uint32_t before = (uint32_t)(p->transport - p->ip) -
				(p->is6 ? IPV6_LEN + FRAGMENT_LEN : 0);

	p->type = PACKET_FRAGMENT;
	p->payload = p->transport;
	p->payload_len = len;
	/* RFC 791 3.2, RFC 8200 4.5: only the last may have an odd end. None
	   comes as a run of packets: nobody asked for that. */
	if (len == 0 || (p->more_fragments && len % 8 != 0) || p->gso_size != 0)
		return DROP_IP_FRAGMENT;
	if (before + p->fragment_offset + len > UINT16_MAX)
		return DROP_FRAGMENT_RANGE;
	if (p->fragment_offset == 0)
		return check_first(p, len);
	if (!p->is6 && p->ip_proto == IP_PROTO_TCP && p->fragment_offset == 8)
		return DROP_FRAGMENT_TINY;
	return DROP_NONE;
}

enum drop packet_parse_whole(struct packet *p, const uint8_t *data,
			     uint32_t len)
{
	const struct minato_frame untrusted = { .csum_trusted = false };
	struct chain c = { .at = data, .len = len, .proto = p->ip_proto };
	enum drop drop;

	p->type = PACKET_OTHER;
	p->dont_fragment = false;
	p->more_fragments = false;
	p->fragmented = true;
	p->fragment_offset = 0;
	p->gso_size = 0;
	if (p->is6) {
		drop = walk_cut(&c);
		if (drop != DROP_NONE)
			return drop;
	}
	p->ip_proto = c.proto;
	p->transport = c.at;
	return parse_transport(&untrusted, c.len, p);
}

/* --- IPv4 ---------------------------------------------------------------- */

COMMON void set_addr4(struct minato_addr *a, const uint8_t *bytes)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	memcpy(a->bytes, mapped, sizeof(mapped));
	memcpy(a->bytes + 12, bytes, 4);
}

static bool header_checksum_holds(const uint8_t *ip, uint32_t header_len)
{
	struct sum sum = { 0 };

	sum_add(&sum, ip, header_len);
	return sum_fold(&sum) == 0xffff;
}

/* Over a header without options, which is five words. */
COMMON bool short_checksum_holds(const uint8_t *ip)
{
	uint64_t v = (uint64_t)load32(ip) + load32(ip + 4) + load32(ip + 8) +
		     load32(ip + 12) + load32(ip + 16);

	v = (v & UINT32_MAX) + (v >> 32);
	v = (v & UINT16_MAX) + (v >> 16);
	v = (v & UINT16_MAX) + (v >> 16);
	return v == 0xffff;
}

/*
 * Options are read over (RFC 9293 MUST-50). Deviates: source routes are
 * refused (RFC 7126 4.3, 4.4), so that MUST-51 to MUST-53 have no object.
 */
static enum drop check_options4(const uint8_t *at, const uint8_t *end)
{
	while (at < end && *at != 0) {
		if (*at == 1) {
			at++;
			continue;
		}
		if (*at == 131 || *at == 137) /* loose, strict */
			return DROP_IP_OPTIONS;
		if (end - at < 2 || at[1] < 2 || at[1] > end - at)
			return DROP_IP_OPTIONS;
		at += at[1];
	}
	return DROP_NONE;
}

COMMON bool is_source4(const uint8_t *src)
{
	/* Not loopback, a group or the broadcast address; zero passes. */
	if (src[0] < 224)
		return src[0] != 127;
	return src[0] >= 240 && get32(src) != UINT32_MAX;
}

/* What is told of a packet that goes nowhere, too. */
COMMON void set_whose4(struct packet *p, const uint8_t *ip)
{
	p->hop_limit = ip[8];
	p->ip_proto = ip[9];
	set_addr4(&p->src, ip + 12);
	set_addr4(&p->dst, ip + 16);
}

/* The rest of a packet whose header is sound. */
COMMON enum drop finish_ipv4(const struct minato_frame *frame,
			     const uint8_t *ip, uint32_t header_len,
			     uint32_t total_len, struct packet *p)
{
	const uint32_t fragment = get16(ip + 6);
	const uint32_t len = total_len - header_len;

	p->ip = ip;
	p->ip_len = total_len;
	p->traffic_class = ip[1];
	p->dont_fragment = (fragment & DONT_FRAGMENT) != 0;
	set_whose4(p, ip);
	p->transport = ip + header_len;
	if (!is_source4(ip + 12))
		return DROP_IP_SOURCE;
	if (fragment & (MORE_FRAGMENTS | OFFSET_MASK)) {
		p->fragment_id = get16(ip + 4);
		p->fragment_offset = (fragment & OFFSET_MASK) * 8;
		p->more_fragments = (fragment & MORE_FRAGMENTS) != 0;
		return parse_fragment(len, p);
	}
	return parse_transport(frame, len, p);
}

/* A header with options, or with a first byte that is wrong. */
ASIDE enum drop parse_long_ipv4(const struct minato_frame *frame,
				const uint8_t *ip, uint32_t len,
				struct packet *p)
{
	const uint32_t header_len = (ip[0] & 15) * 4u;
	const uint32_t total_len = get16(ip + 2);
	enum drop drop;

	if (ip[0] >> 4 != 4)
		return DROP_IP_VERSION;
	if (header_len < IPV4_LEN || total_len < header_len)
		return DROP_IP_HEADER;
	if (total_len > len)
		return DROP_TRUNCATED;
	if (!header_checksum_holds(ip, header_len))
		return DROP_IP_CHECKSUM;
	drop = check_options4(ip + IPV4_LEN, ip + header_len);
	if (drop != DROP_NONE) {
		set_whose4(p, ip);
		return drop;
	}
	return finish_ipv4(frame, ip, header_len, total_len, p);
}

COMMON enum drop parse_ipv4(const struct minato_frame *frame, const uint8_t *ip,
			    uint32_t len, struct packet *p)
{
	uint32_t total_len;

	if (len < IPV4_LEN)
		return DROP_TRUNCATED;
	if (ip[0] != 0x45)
		return parse_long_ipv4(frame, ip, len, p);
	total_len = get16(ip + 2);
	if (total_len < IPV4_LEN)
		return DROP_IP_HEADER;
	if (total_len > len)
		return DROP_TRUNCATED;
	if (!short_checksum_holds(ip))
		return DROP_IP_CHECKSUM;
	return finish_ipv4(frame, ip, IPV4_LEN, total_len, p);
}

/* --- IPv6 ---------------------------------------------------------------- */

static enum drop check_addrs6(const struct packet *p)
{
	if (addr_is_multicast(&p->src) || addr_is_loopback(&p->src) ||
	    minato_addr_is4(&p->src))
		return DROP_IP_SOURCE;
	if (minato_addr_is4(&p->dst))
		return DROP_IP_DESTINATION;
	return DROP_NONE;
}

ASIDE enum drop parse_ipv6(const struct minato_frame *frame, const uint8_t *ip,
			    uint32_t len, struct packet *p)
{
	struct chain chain;
	enum drop drop;

	if (len < IPV6_LEN)
		return DROP_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return DROP_IP_VERSION;
	p->is6 = true;
	p->ip = ip;
	p->ip_len = IPV6_LEN + get16(ip + 4);
	if (p->ip_len > len)
		return DROP_TRUNCATED;
	p->traffic_class = (uint8_t)(get16(ip) >> 4);
	p->hop_limit = ip[7];
	memcpy(p->src.bytes, ip + 8, 16);
	memcpy(p->dst.bytes, ip + 24, 16);
	p->dont_fragment = true; /* no router may (RFC 8200 5) */
	p->ip_proto = ip[6];
	p->transport = ip + IPV6_LEN;
	drop = check_addrs6(p);
	if (drop != DROP_NONE)
		return drop;

	chain = (struct chain){ .at = p->transport,
				.len = p->ip_len - IPV6_LEN,
				.proto = ip[6] };
	drop = chain_walk(&chain);
	p->ip_proto = chain.proto;
	p->transport = chain.at;
	p->fragmented = chain.atomic;
	if (drop != DROP_NONE)
		return drop;
	if (chain.fragment) {
		p->fragment_id = chain.fragment_id;
		p->fragment_offset = chain.fragment_offset;
		p->more_fragments = chain.more_fragments;
		return parse_fragment(chain.len, p);
	}
	return parse_transport(frame, chain.len, p);
}

/* --- link ---------------------------------------------------------------- */

ASIDE enum drop parse_arp(const uint8_t *data, uint32_t len, struct packet *p)
{
	struct arp arp;

	p->type = PACKET_ARP;
	p->transport = data;
	p->payload = data;
	p->payload_len = len;
	if (len < ARP_LEN)
		return DROP_TRUNCATED;
	return arp_parse(data, len, &arp) ? DROP_NONE : DROP_ARP;
}

COMMON bool mac_equal(const uint8_t *a, const uint8_t *b)
{
	return load32(a) == load32(b) && memcmp(a + 4, b + 4, 2) == 0;
}

COMMON enum drop parse_ethernet(const struct minato_frame *frame,
				       const uint8_t *mac, struct packet *p)
{
	const uint8_t *data = frame->data;
	const uint8_t *payload = data + ETHERNET_HEADER_LEN;
	const uint32_t len = frame->len - ETHERNET_HEADER_LEN;

	if (frame->len < ETHERNET_HEADER_LEN)
		return DROP_TRUNCATED;
	p->src_mac = data + 6;
	if (mac != NULL && mac_equal(data, mac)) {
		p->to_us_mac = true;
	} else if ((data[0] & 1) == 0) {
		if (mac != NULL)
			return DROP_NOT_OURS;
		p->to_us_mac = true;
	}
	switch (get16(data + 12)) {
	case ETHERTYPE_IPV4:
		return parse_ipv4(frame, payload, len, p);
	case ETHERTYPE_IPV6:
		return parse_ipv6(frame, payload, len, p);
	case ETHERTYPE_ARP:
		return parse_arp(payload, len, p);
	}
	return DROP_ETHERTYPE;
}

static enum drop parse_ip(const struct minato_frame *frame, struct packet *p)
{
	p->to_us_mac = true;
	if (frame->len == 0)
		return DROP_TRUNCATED;
	switch (frame->data[0] >> 4) {
	case 4:
		return parse_ipv4(frame, frame->data, frame->len, p);
	case 6:
		return parse_ipv6(frame, frame->data, frame->len, p);
	}
	return DROP_IP_VERSION;
}

COMMON void clear_packet(const struct minato_frame *frame, struct packet *p)
{
	p->type = PACKET_OTHER;
	p->link = frame->link;
	p->to_us_mac = false;
	p->is6 = false;
	p->dont_fragment = false;
	p->more_fragments = false;
	p->fragmented = false;
	p->hop_limit = 0;
	p->traffic_class = 0;
	p->ip_proto = 0;
	p->icmp_type = 0;
	p->icmp_code = 0;
	p->gso_size = frame->gso_size;
	p->src_port = 0;
	p->dst_port = 0;
	p->fragment_offset = 0;
	p->fragment_id = 0;
	p->ip_len = 0;
	p->payload_len = 0;
	p->src_mac = NULL;
	p->ip = NULL;
	p->transport = NULL;
	p->payload = NULL;
}

enum drop packet_parse(const struct minato_frame *frame,
		       enum minato_link_type type, const uint8_t *mac,
		       struct packet *p)
{
	clear_packet(frame, p);
	if (type == MINATO_LINK_ETHERNET)
		return parse_ethernet(frame, mac, p);
	return parse_ip(frame, p);
}
