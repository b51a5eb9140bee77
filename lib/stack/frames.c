/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds frames: headers into a slot, payload as extents where it lies, and
 * what the link cannot do itself (checksums, cutting) by software.
 *
 * A super-segment for a plain link becomes the splitting: a template and
 * references to its payload, put out packet by packet, so that an
 * acknowledgement that comes in between takes nothing away.
 */
#include "stack/stack.h"

#include <string.h>

static struct slot *slot_at(const struct minato *m, uint32_t n)
{
	check(n < STACK_OUTPUT_MAX);
	return (struct slot *)host_at(m, m->frames) + n;
}

static uint32_t link_header_len(const struct minato *m, uint32_t link)
{
	return m->link[link].config.type == MINATO_LINK_ETHERNET ?
		       ETHERNET_HEADER_LEN :
		       0;
}

static void count_frame(struct minato *m, const struct minato_frame_out *frame)
{
	m->counters[COUNTER_TX_FRAMES]++;
	m->counters[COUNTER_TX_BYTES] += frame->len;
}

/* The sum over the pseudo header stands in the field: a partial checksum. */
static void start_checksum(const struct emission *e, uint8_t *transport)
{
	struct sum sum = { 0 };
	uint16_t folded;

	sum_pseudo(&sum, &e->ip.src, &e->ip.dst, e->ip.proto,
		   e->transport_len + e->len);
	folded = sum_fold(&sum);
	memcpy(transport + e->csum_offset, &folded, sizeof(folded));
}

static void build_headers(const struct minato *m, const struct emission *e,
			  uint8_t *header, struct minato_frame_out *frame)
{
	struct ip_build ip = e->ip;
	uint32_t at = link_header_len(m, e->path->link);

	if (at > 0)
		ethernet_build(header, e->path->mac,
			       m->link[e->path->link].config.mac, ip.is6);
	ip.payload_len = e->transport_len + e->len;
	at += ip_build(&ip, header + at);
	memcpy(header + at, e->transport, e->transport_len);
	*frame = (struct minato_frame_out){
		.len = at + e->transport_len + e->len,
		.link = e->path->link,
		.gso_size = e->len > e->gso_size ? e->gso_size : 0,
		.header_len = (uint16_t)(at + e->transport_len),
	};
	if (e->csum_offset == 0)
		return;
	start_checksum(e, header + at);
	frame->csum_start = (uint16_t)at;
	frame->csum_offset = e->csum_offset;
}

static enum minato_gso gso_of(const struct emission *e)
{
	if (e->ip.proto == IP_PROTO_UDP)
		return MINATO_GSO_UDP;
	return e->ip.is6 ? MINATO_GSO_TCP6 : MINATO_GSO_TCP4;
}

static uint32_t offload_for(const struct emission *e)
{
	if (e->ip.proto == IP_PROTO_UDP)
		return e->ip.is6 ? MINATO_OFFLOAD_USO6 : MINATO_OFFLOAD_USO4;
	return e->ip.is6 ? MINATO_OFFLOAD_TSO6 : MINATO_OFFLOAD_TSO4;
}

/*
 * More stretches than a slot describes, or than there are extents to name:
 * the bytes are copied into one piece. The host value has one place for that,
 * so that it works where memory is short; a chunk serves when it is in use.
 */
static bool gather(struct minato *m, const struct emission *e,
		   struct minato_extent *out)
{
	uint32_t chunk;

	if (!m->gather_used) {
		m->gather_used = true;
		*out = (struct minato_extent){ host_at(m, m->gather), e->len };
		queue_copy(&m->payload, e->data, e->offset, out->base, e->len);
		return true;
	}
	chunk = chunk_take(&m->payload, MINATO_CHUNK_LARGE);
	if (chunk == MINATO_CHUNK_NONE)
		return false;
	*out = (struct minato_extent){ chunk_at(&m->payload, chunk), e->len };
	queue_copy(&m->payload, e->data, e->offset, out->base, e->len);
	return queue_append(&m->payload, &m->spent, chunk, 0, e->len);
}

static bool describe_payload(struct minato *m, const struct emission *e,
			     struct slot *slot, struct minato_frame_out *frame)
{
	uint32_t covered = 0;
	uint32_t count = 0;

	if (e->len > 0)
		count = queue_view(&m->payload, e->data, e->cursor, e->offset,
				   e->len, slot->extents + 1,
				   STACK_EXTENTS_MAX - 1, &covered);
	if (covered < e->len) {
		if (!gather(m, e, slot->extents + 1))
			return false;
		count = 1;
	}
	slot->extents[0] =
		(struct minato_extent){ slot->header, frame->header_len };
	frame->extents = slot->extents;
	frame->extent_count = count + 1;
	return true;
}

/* References to bytes of a queue, as a queue of their own. */
static bool share(struct minato *m, const struct emission *e, struct queue *to)
{
	uint32_t skip = e->offset;
	uint32_t left = e->len;
	uint32_t index = e->data->head;

	while (left > 0) {
		const struct extent *x = pool_at(&m->payload.extents, index);
		const struct extent now = *x;
		uint32_t part = now.len;
		index = now.next;
		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		if (part > left)
			part = left;
		chunk_hold(&m->payload, now.chunk);
		if (!queue_append(&m->payload, to, now.chunk, now.offset + skip,
				  part))
			return false;
		left -= part;
		skip = 0;
	}
	return true;
}

/* References, or a copy in the host value's own place. */
static bool keep_payload(struct minato *m, const struct emission *e)
{
	struct splitting *s = &m->splitting;
	struct minato_extent copy;

	s->gathered = 0;
	if (share(m, e, &s->data) && s->data.count < STACK_SPLIT_EXTENTS)
		return true;
	queue_clear(&m->payload, &s->data);
	if (m->gather_used || !gather(m, e, &copy))
		return false;
	s->gathered = e->len;
	return true;
}

static bool start_splitting(struct minato *m, const struct emission *e,
			    const struct slot *slot,
			    const struct minato_frame_out *frame)
{
	struct splitting *s = &m->splitting;

	check(s->next == s->count && s->data.bytes == 0);
	if (!keep_payload(m, e))
		return false;
	s->count = split_count(frame);
	s->next = 0;
	s->link = frame->link;
	s->gso_size = frame->gso_size;
	s->header_len = frame->header_len;
	s->csum_start = frame->csum_start;
	s->csum_offset = frame->csum_offset;
	s->gso = gso_of(e);
	memcpy(s->header, slot->header, frame->header_len);
	return true;
}

static void lose(struct minato *m)
{
	host_count(m, COUNTER_OUT_MEMORY);
}

/* Packet by packet, for a link that takes none larger. */
static bool split(struct minato *m, const struct emission *e, uint32_t n,
		  struct minato_frame_out *frame)
{
	frame->gso = gso_of(e);
	if (!start_splitting(m, e, slot_at(m, n), frame)) {
		lose(m);
		return false;
	}
	frames_split(m, n, frame);
	return true;
}

bool frames_packet(struct minato *m, const struct emission *e, uint32_t n,
		   struct minato_frame_out *frame)
{
	struct slot *slot = slot_at(m, n);
	const uint32_t offloads = m->link[e->path->link].config.offloads;

	check(e->transport_len <= sizeof(e->transport));
	build_headers(m, e, slot->header, frame);
	if (frame->gso_size != 0 && !(offloads & offload_for(e)))
		return split(m, e, n, frame);
	if (!describe_payload(m, e, slot, frame)) {
		lose(m);
		return false;
	}
	if (frame->gso_size != 0) {
		frame->gso = gso_of(e);
	} else if (frame->csum_start != 0 &&
		   !(offloads & MINATO_OFFLOAD_CSUM)) {
		split_complete(frame);
		frame->csum_start = 0;
		frame->csum_offset = 0;
	}
	count_frame(m, frame);
	return true;
}

/* The whole super-segment once more, as split_packet wants it. */
static void describe_whole(struct minato *m, struct minato_extent *extents,
			   uint32_t max, struct minato_frame_out *whole)
{
	struct splitting *s = &m->splitting;
	uint32_t covered = s->gathered;
	uint32_t count = 1;

	extents[0] = (struct minato_extent){ s->header, s->header_len };
	extents[1] = (struct minato_extent){ host_at(m, m->gather), covered };
	if (s->gathered == 0)
		count = queue_view(&m->payload, &s->data, NULL, 0,
				   s->data.bytes, extents + 1, max - 1,
				   &covered);
	check(covered == s->data.bytes + s->gathered);
	*whole = (struct minato_frame_out){
		.extents = extents,
		.extent_count = count + 1,
		.len = s->header_len + covered,
		.link = s->link,
		.gso_size = s->gso_size,
		.gso = s->gso,
		.header_len = s->header_len,
		.csum_start = s->csum_start,
		.csum_offset = s->csum_offset,
	};
}

void frames_split(struct minato *m, uint32_t n, struct minato_frame_out *frame)
{
	struct splitting *s = &m->splitting;
	struct slot *slot = slot_at(m, n);
	struct minato_extent extents[STACK_SPLIT_EXTENTS];
	struct minato_frame_out whole;
	uint32_t count;

	describe_whole(m, extents, STACK_SPLIT_EXTENTS, &whole);
	count = split_packet(&whole, s->next, link_header_len(m, s->link),
			     slot->header, slot->extents, STACK_EXTENTS_MAX);
	check(count > 0);
	*frame = (struct minato_frame_out){
		.extents = slot->extents,
		.extent_count = count,
		.link = s->link,
		.header_len = s->header_len,
	};
	for (uint32_t i = 0; i < count; i++)
		frame->len += (uint32_t)slot->extents[i].len;
	count_frame(m, frame);
	if (++s->next == s->count) {
		queue_join(&m->payload, &m->spent, &s->data);
		s->count = 0;
		s->next = 0;
	}
}

bool frames_arp(struct minato *m, const struct message *msg, uint32_t n,
		struct minato_frame_out *frame)
{
	struct slot *slot = slot_at(m, n);

	check(msg->brief_len == ARP_LEN);
	ethernet_build_type(slot->header, msg->remote.addr.bytes,
			    m->link[msg->link].config.mac, ETHERTYPE_ARP);
	memcpy(slot->header + ETHERNET_HEADER_LEN, msg->brief, ARP_LEN);
	slot->extents[0] =
		(struct minato_extent){ slot->header,
					ETHERNET_HEADER_LEN + ARP_LEN };
	*frame = (struct minato_frame_out){
		.extents = slot->extents,
		.extent_count = 1,
		.len = ETHERNET_HEADER_LEN + ARP_LEN,
		.link = msg->link,
		.header_len = ETHERNET_HEADER_LEN + ARP_LEN,
	};
	count_frame(m, frame);
	return true;
}
