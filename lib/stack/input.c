/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames come in as a vector: all of a batch are parsed, and sought in the port
 * table, before the first is delivered. Comparison is left to delivery, because
 * the first frame of a batch may create what the second belongs to.
 */
#include "stack/stack.h"

#define HEADROOM 64u /* for the header of another link */

uint32_t minato_lease(struct minato *m, struct minato_extent *where)
{
	const uint32_t chunk = chunk_take(&m->payload, MINATO_CHUNK_LARGE);

	if (chunk == MINATO_CHUNK_NONE) {
		host_count(m, COUNTER_LEASE_FAILED);
		*where = (struct minato_extent){ NULL, 0 };
		return MINATO_CHUNK_NONE;
	}
	*where = (struct minato_extent){ chunk_at(&m->payload, chunk),
					 MINATO_CHUNK_LARGE };
	return chunk;
}

uint32_t minato_lease_small(struct minato *m, struct minato_extent *where)
{
	const uint32_t chunk = chunk_take(&m->payload, MINATO_CHUNK_SMALL);

	if (chunk == MINATO_CHUNK_NONE) {
		host_count(m, COUNTER_LEASE_FAILED);
		*where = (struct minato_extent){ NULL, 0 };
		return MINATO_CHUNK_NONE;
	}
	*where =
		(struct minato_extent){ chunk_at(&m->payload, chunk) + HEADROOM,
					MINATO_CHUNK_SMALL - HEADROOM };
	return chunk;
}

void minato_unlease(struct minato *m, uint32_t chunk)
{
	if (chunk != MINATO_CHUNK_NONE)
		chunk_drop(&m->payload, chunk);
}

static bool has_ports(const struct packet *p)
{
	switch (p->type) {
	case PACKET_TCP:
	case PACKET_UDP:
		return true;
	case PACKET_ICMP4:
		return p->icmp_type == ICMP4_ECHO ||
		       p->icmp_type == ICMP4_ECHO_REPLY;
	case PACKET_ICMP6:
		return p->icmp_type == ICMP6_ECHO ||
		       p->icmp_type == ICMP6_ECHO_REPLY;
	case PACKET_ARP:
	case PACKET_FRAGMENT:
	case PACKET_OTHER:
		return false;
	}
	return false;
}

static uint8_t proto_of(const struct packet *p)
{
	if (p->type == PACKET_TCP)
		return MINATO_TCP;
	return p->type == PACKET_UDP ? MINATO_UDP : MINATO_ICMP;
}

/* A leased chunk holds all of the frame: what is kept is named by it. */
static bool lies_in_chunk(const struct minato *m,
			  const struct minato_frame *frame)
{
	const uint8_t *base;
	uint32_t size;

	if (frame->chunk == MINATO_CHUNK_NONE)
		return true;
	base = chunk_at(&m->payload, frame->chunk);
	size = chunk_size(frame->chunk);
	return frame->data >= base && frame->len <= size &&
	       (size_t)(frame->data - base) <= size - frame->len;
}

bool input_key(struct minato *m, struct arrival *a, struct port_probe *probe)
{
	const struct packet *p = &a->packet;

	a->key.proto = 0;
	if (a->verdict != DROP_NONE || !has_ports(p))
		return false;
	a->key = (struct port_key){
		.local = p->dst,
		.remote = p->src,
		.local_port = p->dst_port,
		.remote_port = p->src_port,
		.scope = m->link[p->link].config.scope,
		.face = (uint8_t)p->link,
		.proto = proto_of(p),
		.icmp_type = p->icmp_type,
	};
	verdicts_course(m, p->link, &a->key);
	a->probe = probe;
	probe->key = &a->key;
	return true;
}

static void parse(struct minato *m, const struct minato_frame *frame,
		  struct arrival *a)
{
	const struct link *link;

	a->frame = frame;
	a->largest = 0;
	m->counters[COUNTER_RX_FRAMES]++;
	m->counters[COUNTER_RX_BYTES] += frame->len;
	check(frame->link < m->link_count);
	check(lies_in_chunk(m, frame));
	link = &m->link[frame->link];
	if (link->config.role == MINATO_ROLE_HOST) {
		a->verdict = packet_parse(frame, link->config.type,
					  link->config.mac, &a->packet);
	} else {
		/* Verified where it turns out to be for us. */
		struct minato_frame believed = *frame;
		believed.csum_trusted = true;
		a->verdict = packet_parse(&believed, link->config.type,
					  link->config.mac, &a->packet);
	}
}

/* What rules have to say comes nearer while a translation's own lines come. */
static void seek_all(struct minato *m, struct port_probe *probes,
		     const bool *opens, size_t count)
{
	struct port_askings askings;
	struct nat_seeking seeking;

	port_seek_opening(host_table(m), probes, opens, count, &askings);
	if (host_nat(m) != NULL)
		nat_seek_senders(host_nat(m), probes, count, &seeking);
	port_rules_near(&askings);
	if (host_nat(m) != NULL)
		nat_seek_rooms(&seeking);
	port_rules_settle(host_table(m), &askings);
}

static void input_batch(struct minato *m, const struct minato_frame *frames,
			size_t count)
{
	struct arrival batch[STACK_BATCH];
	struct port_probe probes[STACK_BATCH];
	bool kept[STACK_BATCH], opens[STACK_BATCH];
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		parse(m, &frames[i], &batch[i]);
		kept[i] = frames[i].chunk == MINATO_CHUNK_NONE;
		batch[i].kept = &kept[i];
		opens[used] = deliver_opens(&batch[i].packet);
		used += input_key(m, &batch[i], &probes[used]);
	}
	seek_all(m, probes, opens, used);
	for (size_t i = 0; i < count; i++) {
		host_drop(m, deliver_packet(m, &batch[i]));
		if (!kept[i])
			chunk_drop(&m->payload, frames[i].chunk);
	}
}

void input_frames(struct minato *m, struct minato_time now,
		  const struct minato_frame *frames, size_t count)
{
	host_advance(m, now);
	while (count > 0) {
		const size_t part = count < STACK_BATCH ? count : STACK_BATCH;
		input_batch(m, frames, part);
		frames += part;
		count -= part;
	}
	budget_relieve(m);
}
