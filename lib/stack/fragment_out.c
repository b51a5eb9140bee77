/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams and echo messages that are longer than their path takes, put out
 * as fragments (RFC 791 2.3, RFC 8200 4.5), one after the other before anything
 * else. A run of datagrams is cut into its datagrams first. What fits is never
 * a fragment of one (RFC 8021), and what must not be cut is refused earlier.
 */
#include "stack/stack.h"

#include <string.h>

#define UPPER_LEN 8u /* of a UDP header and of an ICMP one */
#define UDP_CSUM 6u

/* --- identification ----------------------------------------------------- */

static uint32_t mix(const struct hash_key *key, uint32_t round, uint32_t half)
{
	const uint32_t input[2] = { round, half };

	return (uint32_t)hash_strong(key, input, sizeof(input));
}

/*
 * RFC 6864 4.1, RFC 7739: nobody can tell the next value, and none comes twice
 * before the host has cut 2^16 datagrams (IPv6: 2^32). A counter goes through
 * a permutation (four rounds of Feistel) that is another one for each pair of
 * addresses. Deviates: above 546 datagrams per second to one destination RFC
 * 6864 would have IPv4 wait, which no host does.
 */
uint32_t fragment_out_id(struct minato *m, const struct minato_addr *src,
			 const struct minato_addr *dst)
{
	const struct minato_addr ends[2] = { *src, *dst };
	const uint64_t tweak =
		hash_strong(&m->fragment_key, ends, sizeof(ends));
	const struct hash_key key = { { m->fragment_key.k[0] ^ tweak,
					m->fragment_key.k[1] } };
	const uint32_t bits = minato_addr_is4(dst) ? 8 : 16;
	const uint32_t mask = (1u << bits) - 1;
	const uint32_t count = m->fragment_count++;
	uint32_t left = count >> bits & mask;
	uint32_t right = count & mask;

	for (uint32_t round = 0; round < 4; round++) {
		const uint32_t swap = right;
		right = left ^ (mix(&key, round, right) & mask);
		left = swap;
	}
	return left << bits | right;
}

/* --- one datagram ------------------------------------------------------- */

/* The checksum stands in the first fragment and is over all of them. */
static void complete_udp(const struct minato *m, struct fragmenting *f)
{
	const uint32_t len = UPPER_LEN + f->len;
	struct sum sum = { 0 };

	udp_build(f->upper, f->src_port, f->dst_port, len);
	sum_pseudo(&sum, &f->ip.src, &f->ip.dst, IP_PROTO_UDP, len);
	sum_add(&sum, f->upper, UPPER_LEN);
	message_sum(m, &f->data, f->at, f->len, &sum);
	sum_put(&sum, f->upper + UDP_CSUM);
	/* RFC 768: 0 would mean that there is none. */
	if (f->upper[UDP_CSUM] == 0 && f->upper[UDP_CSUM + 1] == 0)
		memset(f->upper + UDP_CSUM, 0xff, 2);
}

/* The datagram at f->at: all that is left, or the next one of a run. */
static void begin_datagram(struct minato *m, struct fragmenting *f)
{
	f->len = f->data.bytes - f->at;
	if (f->gso_size != 0 && f->len > f->gso_size)
		f->len = f->gso_size;
	f->offset = 0;
	f->id = fragment_out_id(m, &f->ip.src, &f->ip.dst);
	if (f->ip.proto == IP_PROTO_UDP)
		complete_udp(m, f);
	host_count(m, COUNTER_FRAGMENTED);
}

static void end(struct minato *m)
{
	struct fragmenting *f = &m->fragmenting;

	queue_join(&m->payload, &m->spent, &f->data);
	f->active = false;
}

/* Describes the next fragment and steps over it. */
static void describe(struct fragmenting *f, struct emission *e)
{
	const uint32_t total = UPPER_LEN + f->len;
	const uint32_t header = f->ip.is6 ? IPV6_LEN + FRAGMENT_LEN : IPV4_LEN;
	const uint32_t room = (f->mtu - header) & ~7u;
	const bool more = total - f->offset > room;
	const uint32_t part = more ? room : total - f->offset;

	e->ip = f->ip;
	e->data = &f->data;
	e->cursor = &f->cursor;
	if (f->ip.is6) {
		e->ip.proto = IP_PROTO_FRAGMENT;
		fragment_build(e->transport, f->ip.proto, f->offset, more,
			       f->id);
		e->transport_len = FRAGMENT_LEN;
	} else {
		e->ip.id = (uint16_t)f->id;
		e->ip.fragment_offset = f->offset;
		e->ip.more_fragments = more;
	}
	e->len = part;
	e->offset = f->at + f->offset;
	if (f->offset == 0) {
		memcpy(e->transport + e->transport_len, f->upper, UPPER_LEN);
		e->transport_len += UPPER_LEN;
		e->len -= UPPER_LEN;
	} else {
		e->offset -= UPPER_LEN;
	}
	f->offset += part;
}

/* --- the message -------------------------------------------------------- */

bool fragment_out_needed(const struct minato *m, const struct message *msg,
			 const struct emission *e)
{
	const uint32_t header = e->ip.is6 ? IPV6_LEN + 0u : IPV4_LEN + 0u;
	uint32_t len = e->len;

	if (msg->brief_len > 0 || e->transport_len != UPPER_LEN)
		return false;
	if (e->gso_size != 0 && len > e->gso_size)
		len = e->gso_size;
	return header + UPPER_LEN + len > pmtu_of(m, e->path->link, &e->ip.dst);
}

void fragment_out_begin(struct minato *m, struct message *msg,
			const struct emission *e)
{
	struct fragmenting *f = &m->fragmenting;

	check(!f->active);
	f->active = true;
	f->path = *e->path;
	f->ip = e->ip;
	f->ip.dont_fragment = false;
	f->mtu = pmtu_of(m, e->path->link, &e->ip.dst);
	f->gso_size = e->gso_size;
	f->src_port = msg->local.port;
	f->dst_port = msg->remote.port;
	f->cursor = (struct queue_cursor){ 0 };
	f->at = e->offset;
	memcpy(f->upper, e->transport, UPPER_LEN);
	queue_init(&f->data);
	queue_join(&m->payload, &f->data, &msg->data);
	begin_datagram(m, f);
}

bool fragment_out_next(struct minato *m, uint32_t n,
		       struct minato_frame_out *frame)
{
	struct fragmenting *f = &m->fragmenting;
	struct emission e = { .path = &f->path };
	bool made;

	describe(f, &e);
	made = frames_packet(m, &e, n, frame);
	if (made)
		host_count(m, COUNTER_FRAGMENTS_OUT);
	/* Without one of its fragments the rest is of no use. */
	if (!made || f->offset == UPPER_LEN + f->len) {
		f->at += f->len;
		if (f->at == f->data.bytes)
			end(m);
		else
			begin_datagram(m, f);
	}
	return made;
}
