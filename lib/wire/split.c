/* SPDX-License-Identifier: BSD-2-Clause */
/* Super-segments into packets, for links that take no offload. */
#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/check.h"
#include "wire/wire.h"

/* A stretch of a frame's payload: bytes [offset, offset + len). */
struct stretch {
	uint32_t offset, len;
};

static uint32_t payload_of(const struct minato_frame_out *frame)
{
	check(frame->len >= frame->header_len);
	return frame->len - frame->header_len;
}

uint32_t split_count(const struct minato_frame_out *frame)
{
	const uint32_t payload = payload_of(frame);

	if (frame->gso_size == 0 || payload == 0)
		return 1;
	return (payload + frame->gso_size - 1) / frame->gso_size;
}

static struct stretch stretch_at(const struct minato_frame_out *frame,
				 uint32_t index)
{
	const uint32_t payload = payload_of(frame);
	struct stretch s = { index * frame->gso_size, frame->gso_size };

	if (frame->gso_size == 0 || s.len > payload - s.offset)
		s.len = payload - s.offset;
	return s;
}

/* Describes the stretch where it lies, behind the header of extents[0]. */
static uint32_t describe(const struct minato_frame_out *frame,
			 struct stretch s, struct minato_extent *out,
			 uint32_t max)
{
	uint32_t skip = frame->header_len + s.offset;
	uint32_t count = 0;

	for (uint32_t i = 0; s.len > 0; i++) {
		check(i < frame->extent_count);
		const struct minato_extent *e = &frame->extents[i];
		if (skip >= e->len) {
			skip -= (uint32_t)e->len;
			continue;
		}
		uint32_t part = (uint32_t)e->len - skip;
		if (part > s.len)
			part = s.len;
		check(count < max);
		out[count++] = (struct minato_extent){
			(uint8_t *)e->base + skip, part
		};
		s.len -= part;
		skip = 0;
	}
	return count;
}

/* Where the parts of a header are. */
struct places {
	uint8_t *ip, *transport;
	uint32_t transport_len; /* of the header alone */
	bool is6, udp;
	struct minato_addr src, dst;
};

static struct places find_places(const struct minato_frame_out *frame,
				 uint32_t link_header_len, uint8_t *header)
{
	struct places h = { .ip = header + link_header_len };
	uint32_t ip_len;

	check(frame->header_len >= link_header_len + IPV4_LEN);
	h.is6 = h.ip[0] >> 4 == 6;
	ip_len = h.is6 ? IPV6_LEN : (h.ip[0] & 15) * 4u;
	check(frame->header_len >= link_header_len + ip_len + UDP_LEN);
	h.transport = h.ip + ip_len;
	h.transport_len = frame->header_len - link_header_len - ip_len;
	h.udp = frame->gso == MINATO_GSO_UDP;
	check(h.udp || h.transport_len >= 20);
	if (h.is6) {
		memcpy(h.src.bytes, h.ip + 8, 16);
		memcpy(h.dst.bytes, h.ip + 24, 16);
	} else {
		h.src = addr_from4(h.ip + 12);
		h.dst = addr_from4(h.ip + 16);
	}
	return h;
}

static void adapt_ip(const struct places *h, uint32_t index, uint32_t len)
{
	const uint32_t ip_len = (uint32_t)(h->transport - h->ip);
	struct sum sum = { 0 };

	if (h->is6) {
		put16(h->ip + 4, len);
		return;
	}
	put16(h->ip + 2, ip_len + len);
	put16(h->ip + 4, get16(h->ip + 4) + index);
	put16(h->ip + 10, 0);
	sum_add(&sum, h->ip, ip_len);
	sum_put(&sum, h->ip + 10);
}

static void adapt_tcp(uint8_t *tcp, uint32_t offset, bool first, bool last)
{
	put32(tcp + 4, get32(tcp + 4) + offset);
	/* RFC 3168 6.1.2: CWR is said once. */
	if (!first)
		tcp[13] &= (uint8_t)~TCP_CWR;
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* RFC 768: a checksum of 0 is sent as all ones. */
static void put_checksum(const struct sum *sum, uint8_t *out, bool udp)
{
	sum_put(sum, out);
	if (udp && get16(out) == 0)
		put16(out, 0xffff);
}

static void sum_extents(struct sum *sum, const struct minato_extent *extents,
			uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		sum_add(sum, extents[i].base, extents[i].len);
}

static void fill_checksum(const struct places *h,
			  const struct minato_extent *payload, uint32_t count,
			  uint32_t len)
{
	const uint8_t proto = h->udp ? IP_PROTO_UDP : IP_PROTO_TCP;
	uint8_t *field = h->transport + (h->udp ? 6 : 16);
	struct sum sum = { 0 };

	put16(field, 0);
	sum_pseudo(&sum, &h->src, &h->dst, proto, len);
	sum_add(&sum, h->transport, h->transport_len);
	sum_extents(&sum, payload, count);
	put_checksum(&sum, field, h->udp);
}

/* The checksum of a field that holds the sum of the pseudo header. */
static void fill_partial(const struct minato_frame_out *frame, uint8_t *header,
			 const struct minato_extent *payload, uint32_t count)
{
	const uint32_t start = frame->csum_start;
	struct sum sum = { 0 };

	check(start + frame->csum_offset + 2u <= frame->header_len);
	sum_add(&sum, header + start, frame->header_len - start);
	sum_extents(&sum, payload, count);
	put_checksum(&sum, header + start + frame->csum_offset,
		     frame->csum_offset == 6);
}

uint32_t split_packet(const struct minato_frame_out *frame, uint32_t index,
		      uint32_t link_header_len, uint8_t *header,
		      struct minato_extent *out, uint32_t max)
{
	const uint32_t packets = split_count(frame);
	struct stretch s;
	struct places h;
	uint32_t count, len;

	if (index >= packets)
		return 0;
	check(max > 0 && frame->extents[0].len >= frame->header_len);
	s = stretch_at(frame, index);
	memcpy(header, frame->extents[0].base, frame->header_len);
	out[0] = (struct minato_extent){ header, frame->header_len };
	count = describe(frame, s, out + 1, max - 1);
	if (frame->gso_size == 0) {
		if (frame->csum_start != 0)
			fill_partial(frame, header, out + 1, count);
		return count + 1;
	}
	h = find_places(frame, link_header_len, header);
	len = h.transport_len + s.len;
	adapt_ip(&h, index, len);
	if (h.udp)
		put16(h.transport + 4, len);
	else
		adapt_tcp(h.transport, s.offset, index == 0,
			  index + 1 == packets);
	fill_checksum(&h, out + 1, count, len);
	return count + 1;
}

void split_complete(const struct minato_frame_out *frame)
{
	const struct minato_extent *first = &frame->extents[0];
	const uint32_t start = frame->csum_start;
	uint8_t *field = (uint8_t *)first->base + start + frame->csum_offset;
	struct sum sum = { 0 };

	if (start == 0)
		return;
	check(start + frame->csum_offset + 2u <= first->len);
	sum_add(&sum, (uint8_t *)first->base + start, first->len - start);
	sum_extents(&sum, frame->extents + 1, frame->extent_count - 1);
	put_checksum(&sum, field, frame->csum_offset == 6);
}
