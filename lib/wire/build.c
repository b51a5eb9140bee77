/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the link, IP and UDP headers of what we send. */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/check.h"
#include "wire/wire.h"

#define DONT_FRAGMENT 0x4000u
#define MORE_FRAGMENTS 0x2000u

static uint32_t place_of(const struct ip_build *h)
{
	check(h->fragment_offset % 8 == 0);
	return h->fragment_offset / 8 | (h->dont_fragment ? DONT_FRAGMENT : 0) |
	       (h->more_fragments ? MORE_FRAGMENTS : 0);
}

static uint32_t build_ipv4(const struct ip_build *h, uint8_t *out)
{
	struct sum sum = { 0 };

	check(h->payload_len <= UINT16_MAX - IPV4_LEN);
	out[0] = 0x45;
	out[1] = h->traffic_class;
	put16(out + 2, IPV4_LEN + h->payload_len);
	put16(out + 4, h->id);
	put16(out + 6, place_of(h));
	out[8] = h->hop_limit;
	out[9] = h->proto;
	put16(out + 10, 0);
	memcpy(out + 12, addr_v4(&h->src), 4);
	memcpy(out + 16, addr_v4(&h->dst), 4);
	sum_add(&sum, out, IPV4_LEN);
	sum_put(&sum, out + 10);
	return IPV4_LEN;
}

static uint32_t build_ipv6(const struct ip_build *h, uint8_t *out)
{
	check(h->payload_len <= UINT16_MAX);
	put32(out, UINT32_C(6) << 28 | (uint32_t)h->traffic_class << 20 |
			   (h->flow_label & 0xfffff));
	put16(out + 4, h->payload_len);
	out[6] = h->proto;
	out[7] = h->hop_limit;
	memcpy(out + 8, h->src.bytes, 16);
	memcpy(out + 24, h->dst.bytes, 16);
	return IPV6_LEN;
}

uint32_t ip_build(const struct ip_build *h, uint8_t *out)
{
	return h->is6 ? build_ipv6(h, out) : build_ipv4(h, out);
}

void fragment_build(uint8_t out[FRAGMENT_LEN], uint8_t proto, uint32_t offset,
		    bool more, uint32_t id)
{
	check(offset % 8 == 0 && offset <= UINT16_MAX);
	out[0] = proto;
	out[1] = 0;
	put16(out + 2, offset | (more ? 1 : 0));
	put32(out + 4, id);
}

void ethernet_build_type(uint8_t *out, const uint8_t dst[6],
			 const uint8_t src[6], uint16_t type)
{
	memcpy(out, dst, 6);
	memcpy(out + 6, src, 6);
	put16(out + 12, type);
}

void ethernet_build(uint8_t *out, const uint8_t dst[6], const uint8_t src[6],
		    bool is6)
{
	ethernet_build_type(out, dst, src,
			    is6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
}

void udp_build(uint8_t *out, uint16_t src_port, uint16_t dst_port,
	       uint32_t len_with_header)
{
	check(len_with_header >= UDP_LEN && len_with_header <= UINT16_MAX);
	put16(out, src_port);
	put16(out + 2, dst_port);
	put16(out + 4, len_with_header);
	put16(out + 6, 0);
}
