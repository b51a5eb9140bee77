/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery: what a host reads and a router writes (RFC 4861). */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/check.h"
#include "wire/wire.h"

#define OPTION_SOURCE_LINK 1
#define OPTION_TARGET_LINK 2
#define OPTION_PREFIX 3
#define OPTION_MTU 5
#define OPTION_DNS 25 /* RFC 8106 5.1 */

#define FLAG_ROUTER 0x80u
#define FLAG_SOLICITED 0x40u
#define FLAG_OVERRIDE 0x20u

#define PREFIX_LEN 64
#define PREFIX_ON_LINK 0x80u
#define PREFIX_AUTONOMOUS 0x40u

#define SOLICITATION_LEN 24 /* and advertisement, without options */
#define ROUTER_SOLICITATION_LEN 8
#define ROUTER_ADVERTISEMENT_LEN 16

/* Finds the link-layer address; false when an option has no length. */
static bool read_options(const uint8_t *at, const uint8_t *end, uint8_t wanted,
			 struct nd *out)
{
	while (at < end) {
		if (end - at < 8 || at[1] == 0 || at[1] * 8 > end - at)
			return false;
		if (at[0] == wanted && at[1] == 1)
			out->link_addr = at + 2;
		at += at[1] * 8;
	}
	return true;
}

static bool is_solicited_node(const struct minato_addr *a)
{
	static const uint8_t prefix[13] = { 0xff, 0x02, [11] = 1, [12] = 0xff };

	return memcmp(a->bytes, prefix, sizeof(prefix)) == 0;
}

/* RFC 4861 7.1.1. */
static bool solicitation_holds(const struct packet *p, const struct nd *n)
{
	if (!minato_addr_is_any(&p->src))
		return true;
	return is_solicited_node(&p->dst) && n->link_addr == NULL;
}

static bool read_neighbour(const struct packet *p, uint32_t len, struct nd *n)
{
	const bool asks = n->type == ICMP6_NEIGHBOUR_SOLICITATION;
	const uint8_t flags = p->transport[4];

	if (len < SOLICITATION_LEN)
		return false;
	memcpy(n->target.bytes, p->transport + 8, 16);
	/* A mapped target would pass for an IPv4 address further up. */
	if (addr_is_multicast(&n->target) || minato_addr_is4(&n->target))
		return false;
	if (!read_options(p->transport + SOLICITATION_LEN, p->transport + len,
			  asks ? OPTION_SOURCE_LINK : OPTION_TARGET_LINK, n))
		return false;
	if (asks)
		return solicitation_holds(p, n);
	n->router = (flags & FLAG_ROUTER) != 0;
	n->solicited = (flags & FLAG_SOLICITED) != 0;
	n->override = (flags & FLAG_OVERRIDE) != 0;
	/* 7.1.2 */
	return !(n->solicited && addr_is_multicast(&p->dst));
}

/* RFC 4861 6.1.1. */
static bool read_router(const struct packet *p, uint32_t len, struct nd *n)
{
	if (!read_options(p->transport + ROUTER_SOLICITATION_LEN,
			  p->transport + len, OPTION_SOURCE_LINK, n))
		return false;
	return !minato_addr_is_any(&p->src) || n->link_addr == NULL;
}

bool nd_parse(const struct packet *p, struct nd *out)
{
	uint32_t len;

	if (p->type != PACKET_ICMP6)
		return false;
	/* 255 is proof that no router has passed it on. */
	if (p->hop_limit != 255 || p->icmp_code != 0)
		return false;
	*out = (struct nd){ .type = p->icmp_type };
	len = ICMP_LEN + p->payload_len;
	switch (p->icmp_type) {
	case ICMP6_NEIGHBOUR_SOLICITATION:
	case ICMP6_NEIGHBOUR_ADVERTISEMENT:
		return read_neighbour(p, len, out);
	case ICMP6_ROUTER_SOLICITATION:
		return read_router(p, len, out);
	}
	return false;
}

static uint8_t *put_link_option(uint8_t *out, uint8_t kind, const uint8_t *mac)
{
	out[0] = kind;
	out[1] = 1;
	memcpy(out + 2, mac, 6);
	return out + 8;
}

static uint32_t finish(uint8_t *out, const uint8_t *end,
		       const struct minato_addr *src,
		       const struct minato_addr *dst)
{
	const uint32_t len = (uint32_t)(end - out);
	struct sum sum = { 0 };

	sum_pseudo(&sum, src, dst, IP_PROTO_ICMP6, len);
	sum_add(&sum, out, len);
	sum_put(&sum, out + 2);
	return len;
}

uint32_t nd_build(const struct nd *n, const struct minato_addr *src,
		  const struct minato_addr *dst, uint8_t *out)
{
	const bool asks = n->type == ICMP6_NEIGHBOUR_SOLICITATION;
	uint8_t *at = out + SOLICITATION_LEN;
	uint32_t flags = 0;

	check(asks || n->type == ICMP6_NEIGHBOUR_ADVERTISEMENT);
	if (!asks)
		flags = (n->router ? FLAG_ROUTER : 0) |
			(n->solicited ? FLAG_SOLICITED : 0) |
			(n->override ? FLAG_OVERRIDE : 0);
	out[0] = n->type;
	out[1] = 0;
	put16(out + 2, 0);
	put32(out + 4, flags << 24);
	memcpy(out + 8, n->target.bytes, 16);
	if (n->link_addr != NULL)
		at = put_link_option(at,
				     asks ? OPTION_SOURCE_LINK :
					    OPTION_TARGET_LINK,
				     n->link_addr);
	return finish(out, at, src, dst);
}

static uint8_t *put_prefix(uint8_t *out, const struct ra *r)
{
	out[0] = OPTION_PREFIX;
	out[1] = 4;
	out[2] = PREFIX_LEN;
	out[3] = PREFIX_ON_LINK | PREFIX_AUTONOMOUS;
	put32(out + 4, r->lifetime_s); /* valid */
	put32(out + 8, r->lifetime_s); /* preferred */
	put32(out + 12, 0);
	memcpy(out + 16, r->prefix->bytes, PREFIX_LEN / 8);
	memset(out + 16 + PREFIX_LEN / 8, 0, 16 - PREFIX_LEN / 8);
	return out + 32;
}

static uint8_t *put_dns(uint8_t *out, const struct ra *r)
{
	out[0] = OPTION_DNS;
	out[1] = 3;
	put16(out + 2, 0);
	put32(out + 4, r->lifetime_s);
	memcpy(out + 8, r->dns->bytes, 16);
	return out + 24;
}

uint32_t ra_build(const struct ra *r, const struct minato_addr *src,
		  const struct minato_addr *dst, uint8_t *out)
{
	uint8_t *at = out + ROUTER_ADVERTISEMENT_LEN;

	memset(out, 0, ROUTER_ADVERTISEMENT_LEN);
	out[0] = ICMP6_ROUTER_ADVERTISEMENT;
	out[4] = r->hop_limit;
	put16(out + 6, r->lifetime_s);
	if (r->mac != NULL)
		at = put_link_option(at, OPTION_SOURCE_LINK, r->mac);
	if (r->mtu != 0) {
		at[0] = OPTION_MTU;
		at[1] = 1;
		put16(at + 2, 0);
		put32(at + 4, r->mtu);
		at += 8;
	}
	if (r->prefix != NULL)
		at = put_prefix(at, r);
	if (r->dns != NULL)
		at = put_dns(at, r);
	return finish(out, at, src, dst);
}
