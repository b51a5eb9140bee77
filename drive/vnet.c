/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-net header in front of a frame: what it says to a host value, and the other way. */
#include "drive/drive.h"

#include <linux/virtio_net.h>
#include <string.h>

/* In the kernel since Linux 6.2, in its headers later. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define ETHERNET 14u
#define IP4_MIN 20u
#define IP6 40u
#define TCP_CHECKSUM 16u /* offsets in the transport header, and the least that one has */
#define TCP_MIN 20u
#define UDP_CHECKSUM 6u
#define UDP 8u

enum minato_gso drive_vnet_gso(uint8_t type)
{
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return MINATO_GSO_TCP4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return MINATO_GSO_TCP6;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return MINATO_GSO_UDP;
	default: /* what was never asked for (UFO) */
		return MINATO_GSO_NONE;
	}
}

static uint8_t type_of(enum minato_gso gso)
{
	switch (gso) {
	case MINATO_GSO_NONE:
		return VIRTIO_NET_HDR_GSO_NONE;
	case MINATO_GSO_TCP4:
		return VIRTIO_NET_HDR_GSO_TCPV4;
	case MINATO_GSO_TCP6:
		return VIRTIO_NET_HDR_GSO_TCPV6;
	case MINATO_GSO_UDP:
		return VIRTIO_NET_HDR_GSO_UDP_L4;
	}
	return VIRTIO_NET_HDR_GSO_NONE;
}

/* Where the transport header begins, and its protocol; 0 where that cannot be told. */
static uint32_t find_transport(const struct minato_frame *frame, uint8_t *proto, bool *is4)
{
	const uint8_t *bytes = frame->data;
	uint32_t at = ETHERNET + IP6;

	*is4 = frame->len >= ETHERNET + IP4_MIN && bytes[12] == 0x08 && bytes[13] == 0x00 &&
	       bytes[ETHERNET] >> 4 == 4;
	if (*is4) {
		*proto = bytes[ETHERNET + 9];
		return ETHERNET + (bytes[ETHERNET] & 15u) * 4;
	}
	if (frame->len < at || bytes[12] != 0x86 || bytes[13] != 0xdd || bytes[ETHERNET] >> 4 != 6)
		return 0;
	*proto = bytes[ETHERNET + 6];
	/* RFC 8200 4.3, 4.4, 4.6: hop-by-hop, routing and destination options. */
	while ((*proto == 0 || *proto == 43 || *proto == 60) && at + 8 <= frame->len) {
		*proto = bytes[at];
		at += (bytes[at + 1] + 1u) * 8;
	}
	return at;
}

/*
 * Whether a checksum there is that of the frame's own TCP or UDP header, and a super-segment of
 * the kind that it claims to be.
 */
static bool is_transport(const struct minato_frame *frame, uint32_t start, uint32_t offset)
{
	uint8_t proto = 0;
	bool is4;

	if (start != find_transport(frame, &proto, &is4))
		return false;
	if (proto == MINATO_UDP)
		return offset == UDP_CHECKSUM && start + UDP <= frame->len &&
		       (frame->gso == MINATO_GSO_NONE || frame->gso == MINATO_GSO_UDP);
	return proto == MINATO_TCP && offset == TCP_CHECKSUM && start + TCP_MIN <= frame->len &&
	       (frame->gso == MINATO_GSO_NONE ||
		frame->gso == (is4 ? MINATO_GSO_TCP4 : MINATO_GSO_TCP6));
}

/* Ones' complement of the ones' complement sum (RFC 1071), to where it belongs. */
static void fill_in(uint8_t *bytes, uint32_t len, uint32_t start, uint32_t offset)
{
	uint64_t sum = 0;
	uint16_t folded;

	for (uint32_t i = start; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	if ((len - start) % 2)
		sum += (uint32_t)bytes[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t)~sum;
	/* A zero would say that there is none (RFC 768). */
	if (folded == 0)
		folded = 0xffff;
	bytes[start + offset] = (uint8_t)(folded >> 8);
	bytes[start + offset + 1] = (uint8_t)folded;
}

bool drive_vnet_take(const struct virtio_net_hdr *header, struct minato_frame *frame,
		     uint8_t *bytes)
{
	bool partial = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	uint32_t start = header->csum_start;
	uint32_t offset = header->csum_offset;

	frame->gso = drive_vnet_gso(header->gso_type);
	frame->gso_size = frame->gso == MINATO_GSO_NONE ? 0 : header->gso_size;
	frame->csum_trusted = header->flags & VIRTIO_NET_HDR_F_DATA_VALID;
	frame->csum_partial = false;
	if (!partial)
		return header->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	if (start + offset + 2 > frame->len)
		return false;
	frame->csum_partial = is_transport(frame, start, offset);
	if (header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return frame->csum_partial && frame->gso_size > 0;
	if (!frame->csum_partial)
		fill_in(bytes, frame->len, start, offset);
	return true;
}

void drive_vnet_give(const struct minato_frame_out *frame, struct virtio_net_hdr *header)
{
	*header = (struct virtio_net_hdr){
		.gso_type = type_of(frame->gso),
		.gso_size = frame->gso_size,
		.hdr_len = frame->gso == MINATO_GSO_NONE ? 0 : frame->header_len,
	};
	if (frame->csum_start) {
		header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header->csum_start = frame->csum_start;
		header->csum_offset = frame->csum_offset;
	}
}
