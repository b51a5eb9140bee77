/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames made byte by byte for tests of lib/wire, without the help of
 * lib/wire: a mistake there cannot hide itself. Fill a struct forge, spoil
 * what the test is about, then forge_parse().
 */
#ifndef TEST_FORGE_H
#define TEST_FORGE_H

#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

#define FORGE_MAX 70000

struct forge {
	bool ip_link; /* no Ethernet header */
	bool is6;
	uint8_t dst_mac[6], src_mac[6];
	uint16_t ethertype;
	uint8_t first; /* the byte with version and IPv4 header length */
	uint8_t tos, ttl;
	uint16_t id, fragment;
	uint8_t src[16], dst[16]; /* IPv4: the first 4 bytes */
	uint8_t next;		  /* protocol in the IP header */
	uint8_t extra[256]; /* IPv4 options or IPv6 extension headers */
	uint32_t extra_len;
	uint8_t proto; /* of what follows, for its checksum */
	uint8_t header[128], payload[FORGE_MAX];
	uint32_t header_len, payload_len;
	int32_t ip_len_more; /* added to the length in the IP header */
	uint32_t padding;    /* bytes behind the packet */
	bool trusted;
	bool wrong_ip_checksum, wrong_checksum, no_checksum;
	/* made by forge_frame */
	uint8_t frame[FORGE_MAX];
	uint32_t len, ip_at, transport_at;
	uint8_t *exact; /* copy of exactly its length: overreads are seen */
	struct packet packet;
};

static const uint8_t forge_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };

static inline void forge_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void forge_put32(uint8_t *p, uint32_t v)
{
	forge_put16(p, v >> 16);
	forge_put16(p + 2, v);
}

/* The sum of RFC 1071, word by word as the text says. */
static inline uint32_t forge_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline void forge_start(struct forge *f, bool is6, uint8_t proto)
{
	static const uint8_t src6[16] = { 0xfd, [15] = 0x64 };
	static const uint8_t dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 9 };

	free(f->exact);
	memset(f, 0, offsetof(struct forge, payload));
	memset((uint8_t *)f + offsetof(struct forge, header_len), 0,
	       offsetof(struct forge, frame) -
		       offsetof(struct forge, header_len));
	f->exact = NULL;
	f->is6 = is6;
	memcpy(f->dst_mac, forge_mac, 6);
	memcpy(f->src_mac, "\x02\0\0\0\0\x02", 6);
	f->ethertype = is6 ? 0x86dd : 0x0800;
	f->first = is6 ? 0x60 : 0x45;
	f->ttl = 64;
	memcpy(f->src, is6 ? src6 : (const uint8_t *)"\x0a\0\x02\x64", is6 ? 16 : 4);
	memcpy(f->dst, is6 ? dst6 : (const uint8_t *)"\xc0\0\x02\x09", is6 ? 16 : 4);
	f->next = proto;
	f->proto = proto;
}

/* A segment 1234 -> 80 with the given options, which fill up whole words. */
static inline void forge_tcp(struct forge *f, bool is6, const void *options,
			     uint32_t options_len, uint32_t payload_len)
{
	forge_start(f, is6, 6);
	forge_put16(f->header, 1234);
	forge_put16(f->header + 2, 80);
	forge_put32(f->header + 4, 0x01020304);
	forge_put32(f->header + 8, 0x05060708);
	f->header[12] = (uint8_t)((20 + options_len) / 4 << 4);
	f->header[13] = 0x18;
	forge_put16(f->header + 14, 500);
	if (options_len > 0)
		memcpy(f->header + 20, options, options_len);
	f->header_len = 20 + options_len;
	f->payload_len = payload_len;
}

/* A datagram 5353 -> 53. */
static inline void forge_udp(struct forge *f, bool is6, uint32_t payload_len)
{
	forge_start(f, is6, 17);
	forge_put16(f->header, 5353);
	forge_put16(f->header + 2, 53);
	forge_put16(f->header + 4, 8 + payload_len);
	f->header_len = 8;
	f->payload_len = payload_len;
}

static inline void forge_icmp(struct forge *f, bool is6, uint8_t type,
			      uint8_t code, uint32_t word,
			      uint32_t payload_len)
{
	forge_start(f, is6, is6 ? 58 : 1);
	f->header[0] = type;
	f->header[1] = code;
	forge_put32(f->header + 4, word);
	f->header_len = 8;
	f->payload_len = payload_len;
}

static inline void forge_transport_checksum(struct forge *f, uint8_t *transport,
					    uint32_t len)
{
	const uint32_t addr_len = f->is6 ? 16 : 4;
	uint32_t at = f->proto == 6 ? 16 : f->proto == 17 ? 6 : 2;
	uint32_t sum = 0;

	if (f->no_checksum || len < at + 2)
		return;
	if (f->proto != 1) {
		sum = forge_sum(f->src, addr_len, sum);
		sum = forge_sum(f->dst, addr_len, sum) + f->proto + len;
	}
	if (f->proto == 1 || f->proto == 6 || f->proto == 17 || f->proto == 58) {
		sum = forge_sum(transport, len, sum) ^ 0xffff;
		if (f->proto == 17 && sum == 0)
			sum = 0xffff;
		forge_put16(transport + at, sum ^ f->wrong_checksum);
	}
}

static inline void forge_ip(struct forge *f, uint8_t *ip, uint32_t len)
{
	ip[0] = f->first;
	if (f->is6) {
		ip[0] |= f->tos >> 4;
		ip[1] = (uint8_t)(f->tos << 4);
		forge_put16(ip + 4, len - 40 + (uint32_t)f->ip_len_more);
		ip[6] = f->next;
		ip[7] = f->ttl;
		memcpy(ip + 8, f->src, 16);
		memcpy(ip + 24, f->dst, 16);
		memcpy(ip + 40, f->extra, f->extra_len);
		return;
	}
	if (f->first == 0x45)
		ip[0] = (uint8_t)(0x40 | (20 + f->extra_len) / 4);
	ip[1] = f->tos;
	forge_put16(ip + 2, len + (uint32_t)f->ip_len_more);
	forge_put16(ip + 4, f->id);
	forge_put16(ip + 6, f->fragment);
	ip[8] = f->ttl;
	ip[9] = f->next;
	memcpy(ip + 12, f->src, 4);
	memcpy(ip + 16, f->dst, 4);
	memcpy(ip + 20, f->extra, f->extra_len);
	forge_put16(ip + 10, forge_sum(ip, 20 + f->extra_len, 0) ^ 0xffff ^
				     f->wrong_ip_checksum);
}

static inline void forge_frame(struct forge *f)
{
	uint8_t *at = f->frame;
	uint8_t *ip, *transport;
	uint32_t transport_len = f->header_len + f->payload_len;

	memset(at, 0, 14 + 40);
	if (!f->ip_link) {
		memcpy(at, f->dst_mac, 6);
		memcpy(at + 6, f->src_mac, 6);
		forge_put16(at + 12, f->ethertype);
		at += 14;
	}
	ip = at;
	transport = ip + (f->is6 ? 40 : 20) + f->extra_len;
	memcpy(transport, f->header, f->header_len);
	memcpy(transport + f->header_len, f->payload, f->payload_len);
	forge_transport_checksum(f, transport, transport_len);
	forge_ip(f, ip, (uint32_t)(transport - ip) + transport_len);
	f->ip_at = (uint32_t)(ip - f->frame);
	f->transport_at = (uint32_t)(transport - f->frame);
	f->len = f->transport_at + transport_len;
	memset(f->frame + f->len, 0xee, f->padding);
	f->len += f->padding;
}

/* Parses the first `len` bytes of the frame as they are. */
static inline enum drop forge_parse_as_is(struct forge *f, uint32_t len)
{
	struct minato_frame frame = {
		.len = len,
		.chunk = MINATO_CHUNK_NONE,
		.csum_trusted = f->trusted,
	};

	free(f->exact);
	f->exact = malloc(len ? len : 1);
	memcpy(f->exact, f->frame, len);
	frame.data = f->exact;
	return packet_parse(&frame,
			    f->ip_link ? MINATO_LINK_IP : MINATO_LINK_ETHERNET,
			    forge_mac, &f->packet);
}

static inline enum drop forge_parse(struct forge *f)
{
	forge_frame(f);
	return forge_parse_as_is(f, f->len);
}

#endif
