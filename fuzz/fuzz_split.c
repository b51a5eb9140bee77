/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The splitter: the input says of what kind, how long and in what pieces a
 * super-segment is. Its packets parse, and carry its payload in order.
 */
#include "expect.h"

#include <string.h>

#include "wire/wire.h"

#define PIECES_MAX 16
#define PAYLOAD_MAX 60000

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

struct run {
	bool is6, udp, bare;
	uint32_t ip_at, header_len;
	uint8_t header[128];
	uint8_t payload[PAYLOAD_MAX];
	uint32_t payload_len;
	struct minato_extent extents[1 + PIECES_MAX];
	struct minato_frame_out frame;
};

static uint32_t take16(const uint8_t **data, size_t *size)
{
	uint32_t value;

	if (*size < 2)
		return 0;
	value = (uint32_t)(*data)[0] << 8 | (*data)[1];
	*data += 2;
	*size -= 2;
	return value;
}

static void build_header(struct run *r, uint8_t flags)
{
	const struct tcp_segment s = {
		.src_port = 1,
		.dst_port = 2,
		.flags = flags,
		.options = { .has_timestamp = (flags & 1) != 0, .mss = 1460 },
	};
	uint8_t transport[60];
	struct ip_build ip = { .is6 = r->is6, .hop_limit = 64 };
	uint32_t len = 8;

	if (r->udp)
		udp_build(transport, 1, 2, 8 + r->payload_len);
	else
		len = tcp_build(&s, transport);
	ip.proto = r->udp ? IP_PROTO_UDP : IP_PROTO_TCP;
	ip.payload_len = len + r->payload_len;
	ip.src = ip.dst = minato_addr4(10, 0, 0, 1);
	if (r->is6)
		ip.src.bytes[0] = ip.dst.bytes[0] = 0xfd;
	r->ip_at = r->bare ? 0 : 14;
	if (!r->bare)
		ethernet_build(r->header, mac, mac, r->is6);
	r->header_len = r->ip_at + ip_build(&ip, r->header + r->ip_at);
	memcpy(r->header + r->header_len, transport, len);
	r->header_len += len;
}

static void cut_into_pieces(struct run *r, const uint8_t *data, size_t size)
{
	uint32_t at = 0;
	uint32_t count = 1;

	r->extents[0] = (struct minato_extent){ r->header, r->header_len };
	while (at < r->payload_len) {
		uint32_t part = take16(&data, &size);
		if (part == 0 || count == PIECES_MAX ||
		    part > r->payload_len - at)
			part = r->payload_len - at;
		r->extents[count++] =
			(struct minato_extent){ r->payload + at, part };
		at += part;
	}
	r->frame.extents = r->extents;
	r->frame.extent_count = count;
	r->frame.len = r->header_len + r->payload_len;
	r->frame.header_len = (uint16_t)r->header_len;
}

/* Parses a packet from its extents; returns how much payload it carries. */
static uint32_t check_packet(const struct run *r,
			     const struct minato_extent *out, uint32_t count,
			     uint32_t seen)
{
	static uint8_t bytes[70000];
	struct minato_frame in = { .data = bytes };
	struct packet p;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(bytes + in.len, out[i].base, out[i].len);
		in.len += (uint32_t)out[i].len;
	}
	expect(packet_parse(&in, r->bare ? MINATO_LINK_IP : MINATO_LINK_ETHERNET,
			    mac, &p) == DROP_NONE);
	expect(p.payload_len <= r->frame.gso_size);
	expect(seen + p.payload_len <= r->payload_len);
	expect(memcmp(p.payload, r->payload + seen, p.payload_len) == 0);
	expect(r->udp || p.tcp.seq.v == seen);
	return p.payload_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	struct minato_extent out[PIECES_MAX + 2];
	uint8_t header[128];
	uint32_t how = take16(&data, &size);
	uint32_t index = 0, seen = 0, count;

	r.is6 = how & 1;
	r.udp = how & 2;
	r.bare = how & 4;
	r.payload_len = take16(&data, &size) % PAYLOAD_MAX;
	r.frame.gso_size = (uint16_t)(take16(&data, &size) | 1);
	if (r.payload_len / r.frame.gso_size > 300)
		return 0;
	for (uint32_t i = 0; i < r.payload_len; i++)
		r.payload[i] = (uint8_t)(i * 7 + how);
	build_header(&r, (uint8_t)(how >> 8));
	cut_into_pieces(&r, data, size);
	r.frame.gso = r.udp ? MINATO_GSO_UDP :
		      r.is6 ? MINATO_GSO_TCP6 :
			      MINATO_GSO_TCP4;
	while ((count = split_packet(&r.frame, index, r.ip_at, header, out,
				     PIECES_MAX + 2)) > 0) {
		seen += check_packet(&r, out, count, seen);
		index++;
	}
	expect(seen == r.payload_len && index == split_count(&r.frame));
	return 0;
}
