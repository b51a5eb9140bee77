/* SPDX-License-Identifier: BSD-2-Clause */
/* A packet that is longer than its link takes, into fragments. */
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "wire/wire.h"

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_MASK 0x1fffu
#define OPTION_COPIED 0x80u

/* Options that every fragment has (RFC 791 3.1), padded to whole words. */
static uint32_t copy_options(const uint8_t *ip, uint32_t header_len,
			     uint8_t *out)
{
	uint32_t at = IPV4_LEN;
	uint32_t len = 0;

	while (at < header_len && ip[at] != 0) {
		uint32_t size = 1;
		if (ip[at] != 1) {
			if (header_len - at < 2 || ip[at + 1] < 2 ||
			    ip[at + 1] > header_len - at)
				break;
			size = ip[at + 1];
		}
		if (ip[at] & OPTION_COPIED) {
			memcpy(out + len, ip + at, size);
			len += size;
		}
		at += size;
	}
	while (len % 4 != 0)
		out[len++] = 0;
	return len;
}

/* What is the same for both families. */
struct cut {
	const uint8_t *ip;
	uint32_t header_len; /* of the packet's own */
	uint32_t len;	     /* of what is cut */
	uint32_t offset, part;
	bool more;
};

static void measure(struct cut *c, uint32_t mtu, uint32_t header_len)
{
	const uint32_t room = (mtu - header_len) & ~7u;

	check(c->offset < c->len && room > 0);
	c->more = c->len - c->offset > room;
	c->part = c->more ? room : c->len - c->offset;
}

/* Returns how long the fragment's header is. */
static uint32_t cut4(struct cut *c, uint32_t mtu, uint8_t *ip)
{
	const uint32_t place = get16(c->ip + 6);
	uint32_t header_len = c->header_len;
	struct sum sum = { 0 };

	memcpy(ip, c->ip, IPV4_LEN);
	if (c->offset == 0)
		memcpy(ip, c->ip, header_len);
	else
		header_len = IPV4_LEN +
			     copy_options(c->ip, header_len, ip + IPV4_LEN);
	measure(c, mtu, header_len);
	ip[0] = (uint8_t)(0x40 | header_len / 4);
	put16(ip + 2, header_len + c->part);
	/* It may be a fragment itself: its last piece ends as it did. */
	put16(ip + 6, (place & OFFSET_MASK) + c->offset / 8 +
			      (c->more ? MORE_FRAGMENTS :
					 place & MORE_FRAGMENTS));
	put16(ip + 10, 0);
	sum_add(&sum, ip, header_len);
	sum_put(&sum, ip + 10);
	return header_len;
}

static uint32_t cut6(struct cut *c, uint32_t mtu, uint32_t id, uint8_t *ip)
{
	const uint32_t header_len = IPV6_LEN + FRAGMENT_LEN;

	measure(c, mtu, header_len);
	memcpy(ip, c->ip, IPV6_LEN);
	put16(ip + 4, FRAGMENT_LEN + c->part);
	ip[6] = IP_PROTO_FRAGMENT;
	fragment_build(ip + IPV6_LEN, c->ip[6], c->offset, c->more, id);
	return header_len;
}

uint32_t cut_fragment(const struct minato_extent *frame,
		      uint32_t link_header_len, uint32_t mtu, uint32_t offset,
		      uint32_t id, uint8_t *header, struct minato_extent out[2])
{
	uint8_t *base = frame->base;
	struct cut c = { .ip = base + link_header_len, .offset = offset };
	const bool is6 = c.ip[0] >> 4 == 6;
	uint32_t header_len;

	check(offset % 8 == 0);
	c.header_len = is6 ? IPV6_LEN : (c.ip[0] & 15) * 4u;
	check(frame->len > link_header_len + c.header_len);
	c.len = (uint32_t)frame->len - link_header_len - c.header_len;
	memcpy(header, base, link_header_len);
	header_len = is6 ? cut6(&c, mtu, id, header + link_header_len) :
			   cut4(&c, mtu, header + link_header_len);
	out[0] = (struct minato_extent){ header, link_header_len + header_len };
	out[1] = (struct minato_extent){
		base + link_header_len + c.header_len + offset, c.part
	};
	return c.more ? offset + c.part : 0;
}
