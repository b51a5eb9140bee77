/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire: bytes <-> meaning of packets. Pure: no state, no table, no clock.
 *
 * Reading: packet_parse() checks a frame once, all bounds in one place, and
 * fills a struct packet that everything above reads as const. Writing: the
 * build functions write headers in front of a payload that lies elsewhere.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/seq.h"
#include "minato/minato.h"

/* --- drop.c: why a frame was not delivered ------------------------------ */

/* One list: enum, counter name. Network errors are counted, never errno. */
#define WIRE_DROPS(X)							\
	X(NONE, "delivered")						\
	X(TRUNCATED, "drop_truncated") /* shorter than it says */	\
	X(ETHERTYPE, "drop_ethertype") /* not ARP, IPv4, IPv6 */	\
	X(NOT_OURS, "drop_not_ours") /* MAC or IP of others */		\
	X(ARP, "drop_arp") /* malformed ARP */				\
	X(IP_VERSION, "drop_ip_version")				\
	X(IP_HEADER, "drop_ip_header") /* lengths disagree */		\
	X(IP_CHECKSUM, "drop_ip_checksum")				\
	X(IP_OPTIONS, "drop_ip_options") /* source route */		\
	X(IP_FRAGMENT, "drop_ip_fragment") /* length, or in a run */	\
	X(FRAGMENT_RANGE, "drop_fragment_range") /* beyond 65535 */	\
	X(FRAGMENT_TINY, "drop_fragment_tiny") /* headers cut off */	\
	X(FRAGMENT_OVERLAP, "drop_fragment_overlap") /* whole refused */\
	X(FRAGMENT_DUPLICATE, "drop_fragment_duplicate")		\
	X(FRAGMENT_ECN, "drop_fragment_ecn") /* marks that disagree */	\
	X(IP_SOURCE, "drop_ip_source") /* martian source */		\
	X(IP_DESTINATION, "drop_ip_destination") /* martian destination */\
	X(IP_PROTOCOL, "drop_ip_protocol")				\
	X(IP_EXTENSION, "drop_ip_extension") /* bad or endless chain */	\
	X(MULTICAST, "drop_multicast")					\
	X(BROADCAST, "drop_broadcast")					\
	X(TCP_HEADER, "drop_tcp_header")				\
	X(TCP_CHECKSUM, "drop_tcp_checksum")				\
	X(TCP_PORT_ZERO, "drop_tcp_port_zero")				\
	X(UDP_HEADER, "drop_udp_header")				\
	X(UDP_CHECKSUM, "drop_udp_checksum")				\
	X(UDP_PORT_ZERO, "drop_udp_port_zero")				\
	X(ICMP_HEADER, "drop_icmp_header")				\
	X(ICMP_CHECKSUM, "drop_icmp_checksum")				\
	X(ICMP_TYPE, "drop_icmp_type")					\
	X(ND, "drop_nd") /* malformed or off-link */			\
	X(GUARD, "drop_guard") /* by verdict */				\
	X(CLOSED, "drop_closed") /* answered with RST or ICMP */	\
	X(NO_ROUTE, "drop_no_route")					\
	X(NEIGHBOUR, "drop_neighbour") /* unresolved */			\
	X(HOP_LIMIT, "drop_hop_limit")					\
	X(TOO_BIG, "drop_too_big")					\
	X(BACKLOG, "drop_backlog") /* accept queue full */		\
	X(SOURCE, "drop_source") /* it has all that one may */		\
	X(CALLS, "drop_calls") /* held calls full */			\
	X(SOCKETS, "drop_sockets") /* table full */			\
	X(MEMORY, "drop_memory") /* no chunk or extent */		\
	X(QUEUE, "drop_queue") /* receive queue full */			\
	X(TCP_SEQUENCE, "drop_tcp_sequence") /* outside the window */	\
	X(TCP_PAWS, "drop_tcp_paws")					\
	X(TCP_ACK, "drop_tcp_ack") /* RFC 5961 5 */			\
	X(TCP_RST, "drop_tcp_rst") /* RFC 5961 3 */			\
	X(TCP_SYN, "drop_tcp_syn") /* RFC 5961 4 */			\
	X(TCP_FLAGS, "drop_tcp_flags") /* meaningless ones */		\
	X(TCP_TIMESTAMP, "drop_tcp_timestamp") /* RFC 7323 3.2 */	\
	X(TCP_CLOSED, "drop_tcp_closed") /* data after close */		\
	X(DUPLICATE_CALL, "drop_duplicate_call") /* SYN of a held call */\
	X(SPOOFED, "drop_spoofed") /* its source is not behind that link */\
	X(NAT, "drop_nat") /* a gateway's: nat_* say why */		\
	X(GSO, "drop_gso") /* a run that is none, to be handed on */	\
	X(PASS_QUEUE, "drop_pass_queue") /* the link's is full */

enum drop {
#define X(name, text) DROP_##name,
	WIRE_DROPS(X)
#undef X
	DROP_COUNT
};
const char *drop_name(enum drop reason);

/* --- checksum.c --------------------------------------------------------- */

/* Running one's complement sum; any alignment, any odd split points. */
struct sum {
	uint64_t total; /* in the machine's byte order */
	bool odd;	/* an odd number of bytes so far */
};
void sum_add(struct sum *s, const void *data, size_t len);
/*
 * Folded to 16 bits, not inverted, its bytes in the order of those summed: to
 * be written with memcpy. 0xffff over data with its checksum in it.
 */
uint16_t sum_fold(const struct sum *s);
/* Writes the checksum: the sum folded and inverted. UDP turns 0 to 0xffff. */
void sum_put(const struct sum *s, uint8_t *out);
/* The pseudo header of either family (RFC 9293 3.1, RFC 8200 8.1). */
void sum_pseudo(struct sum *s, const struct minato_addr *src,
		const struct minato_addr *dst, uint8_t proto, uint32_t len);

/* --- packet.c: one parsed frame ----------------------------------------- */

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd

/* Bytes of headers without options. */
#define ETHERNET_HEADER_LEN 14
#define IPV4_LEN 20
#define IPV6_LEN 40
#define TCP_LEN 20
#define UDP_LEN 8
#define ICMP_LEN 8

#define IP_PROTO_HOP_BY_HOP 0
#define IP_PROTO_ICMP 1
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17
#define IP_PROTO_FRAGMENT 44
#define IP_PROTO_ICMP6 58

enum packet_type {
	PACKET_ARP,
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP4,
	PACKET_ICMP6,
	PACKET_FRAGMENT, /* IP parsed, the payload is a fragment */
	PACKET_OTHER,	 /* IP parsed, unknown protocol */
};

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u
#define TCP_ECE 0x40u
#define TCP_CWR 0x80u

struct sack_block {
	struct seq start, end; /* [start, end) */
};
#define TCP_SACK_MAX 4

struct tcp_options {
	uint16_t mss;	/* 0 = absent */
	uint8_t wscale; /* 0..14: parsing takes more as 14 (RFC 7323 2.3) */
	uint8_t sack_count;
	bool has_wscale, sack_permitted, has_timestamp;
	uint32_t tsval, tsecr;
	struct sack_block sack[TCP_SACK_MAX];
};

struct tcp_segment {
	uint16_t src_port, dst_port;
	struct seq seq, ack;
	uint8_t flags; /* TCP_* */
	uint16_t window; /* as on the wire, not scaled */
	uint16_t urgent;
	struct tcp_options options;
};

/*
 * All that the layers above read. Pointers borrow the frame. What a type does
 * not have is 0 or NULL, but for src, dst and tcp, which are not written then.
 * (The order keeps together what is written together.)
 */
struct packet {
	enum packet_type type;
	uint32_t link;
	bool to_us_mac;	    /* unicast to our MAC (or no MACs here) */
	bool is6;	    /* the IP version of the packet */
	bool dont_fragment; /* true of all IPv6 */
	bool more_fragments;
	bool fragmented; /* put together from fragments, or an atomic one */
	uint8_t hop_limit, traffic_class, ip_proto;
	uint8_t icmp_type, icmp_code;
	uint16_t gso_size;	     /* from the frame: a run */
	uint16_t src_port, dst_port; /* TCP, UDP; ICMP echo: the identifier
					in both */
	uint32_t fragment_offset;    /* bytes; PACKET_FRAGMENT: ip_proto is
					what the whole begins with */
	uint32_t fragment_id;
	uint32_t ip_len;      /* header and payload, by the header's length */
	uint32_t payload_len; /* ICMP: what follows the first 8 bytes */
	const uint8_t *src_mac;	  /* 6 bytes; NULL on MINATO_LINK_IP */
	const uint8_t *ip;	  /* from the IP header: for ICMP errors */
	const uint8_t *transport; /* TCP, UDP, ICMP header; ARP message */
	const uint8_t *payload;
	struct minato_addr src, dst;
	struct tcp_segment tcp;
};

/*
 * Checks and parses a whole frame: lengths, IP and transport checksums
 * (unless frame->csum_trusted or csum_partial for the latter), the IPv6
 * extension chain (at most 8 headers, hop-by-hop first), TCP options at any
 * byte boundary.
 * Trailing bytes (Ethernet padding) are ignored. MAC filter: `mac` is ours,
 * or NULL. Checks nothing that needs knowledge of our addresses, except that
 * source addresses which can never be one are refused: multicast, broadcast,
 * loopback, and v4-mapped on the IPv6 wire (DROP_IP_SOURCE; the unspecified
 * source passes for ND and is left to the caller); and v4-mapped destinations
 * (DROP_IP_DESTINATION).
 * Returns DROP_NONE or the reason; then `p` is filled as far as it got.
 */
enum drop packet_parse(const struct minato_frame *frame,
		       enum minato_link_type type, const uint8_t *mac,
		       struct packet *p);

/*
 * Parses what fragments made: `data` is the fragmentable part, whole. Of `p`
 * all that tells of the IP header is set, ip_proto to what `data` begins with;
 * the rest is filled as by packet_parse. The checksum is never trusted.
 */
enum drop packet_parse_whole(struct packet *p, const uint8_t *data,
			     uint32_t len);

/* Does the checksum of the `len` bytes from p->transport hold? */
bool packet_checksum_holds(const struct packet *p, uint32_t len);
/* Of a whole TCP, UDP or ICMP packet that was parsed on trust: DROP_NONE, or
   the drop that packet_parse would have returned for its checksum. */
enum drop packet_verify(const struct packet *p);

/* --- embedded.c --------------------------------------------------------- */

/*
 * The packet inside an ICMP error, of which only 8 transport bytes need be
 * there. Fills src, dst (of the embedded packet: src is us), ip_proto, ports,
 * and for TCP tcp.seq. False when it is too short or not TCP, UDP or echo; of
 * another protocol its type is PACKET_OTHER, and all but ports is there, if its
 * transport is not NULL.
 */
bool packet_parse_embedded(const struct packet *icmp, struct packet *inner);

/* --- chain.c: IPv6 extension headers ------------------------------------ */

struct chain {
	const uint8_t *at; /* the next header; in the end the transport's */
	uint32_t len;	   /* bytes from there to the end of the packet */
	uint8_t proto;	   /* what is there */
	bool truncated;	   /* refused because it ends too early */
	bool atomic;	   /* passed a fragment of one (RFC 6946) */
	bool fragment;	   /* a true one: of more than one */
	bool more_fragments;
	uint32_t fragment_offset; /* bytes */
	uint32_t fragment_id;
};
/* Walks to the transport or into a fragment; start with at, len and proto. */
enum drop chain_walk(struct chain *c);

/* --- tcpwire.c ---------------------------------------------------------- */

enum drop tcp_parse(const uint8_t *data, uint32_t len, struct tcp_segment *s,
		    uint32_t *header_len);
/* The same for the `len` bytes from p->transport, with the checksum. */
enum drop tcp_parse_packet(struct packet *p, uint32_t len, bool trusted);
/*
 * Options in Linux's order: on a SYN MSS, SACK-permitted with timestamp, NOP
 * with window scale; else NOP NOP timestamp, NOP NOP SACK. Returns their
 * length, a multiple of 4, at most 40.
 */
uint32_t tcp_build_options(const struct tcp_options *o, bool syn,
			   uint8_t out[40]);
/* Header and options; checksum 0. Returns the header length, 20..60. */
uint32_t tcp_build(const struct tcp_segment *s, uint8_t out[60]);

/* --- build.c: headers of what we send ----------------------------------- */

/* Everything below writes complete headers; checksum of IPv4 filled in. */
struct ip_build {
	bool is6;
	struct minato_addr src, dst;
	uint8_t proto, hop_limit, traffic_class;
	uint16_t id;	     /* IPv4 */
	bool dont_fragment;  /* IPv4 */
	bool more_fragments; /* IPv4 */
	uint32_t fragment_offset; /* IPv4: bytes, a multiple of 8 */
	uint32_t flow_label; /* IPv6, 20 bits */
	uint32_t payload_len; /* transport header and payload */
};
uint32_t ip_build(const struct ip_build *h, uint8_t *out); /* 20 or 40 */
/* The fragment header of IPv6 (RFC 8200 4.5); `proto` is what it cuts. */
#define FRAGMENT_LEN 8
void fragment_build(uint8_t out[FRAGMENT_LEN], uint8_t proto, uint32_t offset,
		    bool more, uint32_t id);
void ethernet_build(uint8_t *out, const uint8_t dst[6], const uint8_t src[6],
		    bool is6); /* ETHERNET_HEADER_LEN bytes */
/* The same with any ETHERTYPE_*. */
void ethernet_build_type(uint8_t *out, const uint8_t dst[6],
			 const uint8_t src[6], uint16_t type);
/* 8 bytes, checksum 0. */
void udp_build(uint8_t *out, uint16_t src_port, uint16_t dst_port,
	       uint32_t len_with_header);

/* --- arp.c, icmp.c, nd.c ------------------------------------------------ */

struct arp {
	bool request;
	uint8_t sender_mac[6], target_mac[6];
	uint8_t sender[4], target[4];
};
#define ARP_LEN 28
bool arp_parse(const uint8_t *data, uint32_t len, struct arp *a);
void arp_build(const struct arp *a, uint8_t out[ARP_LEN]);

#define ICMP4_ECHO_REPLY 0
#define ICMP4_UNREACHABLE 3
#define ICMP4_ECHO 8
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER 12
#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ICMP6_TIME_EXCEEDED 3
#define ICMP6_PARAMETER 4
#define ICMP6_ECHO 128
#define ICMP6_ECHO_REPLY 129
#define ICMP6_ROUTER_SOLICITATION 133
#define ICMP6_ROUTER_ADVERTISEMENT 134
#define ICMP6_NEIGHBOUR_SOLICITATION 135
#define ICMP6_NEIGHBOUR_ADVERTISEMENT 136

/*
 * An ICMP error about `about` (a packet that arrived): type, code, the 32-bit
 * word (MTU or 0), then as much of the packet as fits (IPv4: 576 bytes in all,
 * RFC 1812 4.3.2.3; IPv6: 1280, RFC 4443 2.4). Writes from the ICMP header on
 * with its checksum (`src`, `dst` for the IPv6 pseudo header). Returns length.
 * `out` has room for 1280 bytes.
 */
uint32_t icmp_build_error(const struct packet *about, uint8_t type,
			  uint8_t code, uint32_t word,
			  const struct minato_addr *src, uint8_t *out);
/*
 * May an ICMP error be sent about this packet (RFC 1122 3.2.2, RFC 4443 2.4e):
 * not for ICMP errors, IPv4 fragments but the first, multicast, broadcast
 * sources.
 */
bool icmp_may_answer(const struct packet *about);

struct nd {
	uint8_t type;
	struct minato_addr target;
	const uint8_t *link_addr; /* from the option, 6 bytes; or NULL */
	bool router, solicited, override;
};
/*
 * NS, NA and RS by the rules of RFC 4861 7.1 and 6.1.1: hop limit 255, lengths,
 * options. An RS has no target (::). link_addr borrows the frame.
 */
bool nd_parse(const struct packet *p, struct nd *out);
/* Writes ICMPv6 with checksum; returns length (24 or 32). */
uint32_t nd_build(const struct nd *n, const struct minato_addr *src,
		  const struct minato_addr *dst, uint8_t *out);
struct ra {
	uint8_t hop_limit;
	uint16_t lifetime_s; /* of the router, the prefix and the server */
	uint32_t mtu;	     /* 0 = no option */
	const uint8_t *mac;
	const struct minato_addr *prefix; /* a /64 for SLAAC; or NULL */
	const struct minato_addr *dns;	  /* RFC 8106; or NULL */
};
uint32_t ra_build(const struct ra *r, const struct minato_addr *src,
		  const struct minato_addr *dst, uint8_t *out); /* <= 128 */

/* --- rewrite.c: other ends for a packet that is handed on --------------- */

/* What it shall have. An echo's identifier is src_port. */
struct rewrite {
	struct minato_addr src, dst; /* of the packet's own family */
	uint16_t src_port, dst_port;
	bool same_ends; /* all of the above is not looked at: they stay */
	uint8_t hop_limit;
	bool new_id; /* IPv4: `id` is its identification from now on */
	uint16_t id;
};
/*
 * Changes the packet in place, with its checksums by what changed (RFC 1624);
 * IPv4 options and IPv6 extensions stay. `ip` are the writable bytes that `p`
 * was parsed from, p->ip. Of a fragment only the first has ports and checksum;
 * they are changed as if the whole lay there. `partial`: csum_partial of its
 * frame. A UDP checksum of 0 stays.
 */
void rewrite_packet(uint8_t *ip, const struct packet *p, bool partial,
		    const struct rewrite *to);
/* Does the header checksum of the packet inside an ICMP error hold (IPv4)? */
bool rewrite_embedded_holds(const struct packet *inner);
/*
 * The same for the packet inside the error `outer`, at `icmp`, the writable
 * bytes of outer->transport; `inner` is of packet_parse_embedded. Its hop
 * limit and identification stay. The checksums inside change by what changed,
 * as far as they are there, and so does the error's own, but for its pseudo
 * header (IPv6), which is rewrite_packet's.
 */
void rewrite_embedded(uint8_t *icmp, const struct packet *outer,
		      const struct packet *inner, const struct rewrite *to);

/* --- cut.c: a packet into fragments --------------------------------------- */

/*
 * One fragment of the packet in `frame` (one extent, link header first, the
 * transport checksum complete): the stretch from byte `offset` (a multiple of
 * 8) of what its IP header is before, in at most `mtu` bytes of IP. Writes its
 * headers to `header` (room for link_header_len + 68 bytes), and both extents
 * to `out`. IPv4 options that are not to be copied stand in the first alone
 * (RFC 791 3.1); `id` is of IPv6, IPv4's is the packet's own. Returns the
 * offset of the next fragment, or 0: that was the last.
 */
uint32_t cut_fragment(const struct minato_extent *frame,
		      uint32_t link_header_len, uint32_t mtu, uint32_t offset,
		      uint32_t id, uint8_t *header,
		      struct minato_extent out[2]);

/* --- split.c: the software splitter ------------------------------------- */

/*
 * Cuts a super-segment (one contiguous header, payload in extents) into the
 * packets a plain link carries: packet `index` of them. Writes its headers
 * with sequence number, flags (FIN and PSH on the last only, CWR on the first
 * only), lengths, IPv4 id + index and complete checksums into `header`
 * (frame->header_len bytes), and its payload extents to `out`. Returns the
 * count of extents including the header's, 0 beyond the last packet.
 */
uint32_t split_packet(const struct minato_frame_out *frame, uint32_t index,
		      uint32_t link_header_len, uint8_t *header,
		      struct minato_extent *out, uint32_t max);
/* How many packets a frame is (1 when it is not a super-segment). */
uint32_t split_count(const struct minato_frame_out *frame);
/*
 * Fills in the transport checksum of a frame that has a partial one (the sum of
 * the pseudo header in the field), in place. Nothing where csum_start is 0.
 */
void split_complete(const struct minato_frame_out *frame);

#endif
