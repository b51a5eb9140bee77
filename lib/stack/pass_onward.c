/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet whose new ends are known: its hop limit, whether it fits, the header
 * of the link that it leaves by. All is done where the frame lies; only what
 * came in no chunk, or in fragments, is copied.
 */
#include "stack/stack.h"

#include "base/bytes.h"

#include <string.h>

#define TCP_CSUM 16u
#define UDP_CSUM 6u
#define RUN_MAX 1400u /* packets; more have no honest size of a segment */

/* What is known of the frame before a byte of it is changed. */
struct plan {
	uint32_t link, neighbour;
	uint32_t link_header_len;
	uint32_t size;	   /* IP bytes of a packet on the wire */
	uint16_t gso_size; /* 0: no run */
	bool waits;	   /* for its MAC */
	bool scattered;	   /* a run of datagrams each too long for the link */
	bool cut;
	struct path path;
};

/* --- does it fit? --- */

static bool is_run(const struct packet *p)
{
	return p->gso_size != 0 && p->payload_len > p->gso_size;
}

/* A run as the splitter takes it: a driver may have believed a guest. */
static bool run_is_sound(const struct arrival *a)
{
	const struct packet *p = &a->packet;
	const uint32_t ip_len = p->is6 ? IPV6_LEN + 0u :
					 (uint32_t)(p->ip[0] & 15) * 4u;

	if (p->type == PACKET_TCP) {
		if (a->frame->gso !=
		    (p->is6 ? MINATO_GSO_TCP6 : MINATO_GSO_TCP4))
			return false;
	} else if (p->type != PACKET_UDP || a->frame->gso != MINATO_GSO_UDP) {
		return false;
	}
	return p->payload_len / p->gso_size <= RUN_MAX &&
	       p->transport == p->ip + ip_len &&
	       p->payload + p->payload_len == p->ip + p->ip_len;
}

static enum drop refuse_size(struct minato *m, const struct packet *p,
			     uint32_t mtu)
{
	pass_refuse(m, p, MINATO_REASON_NETWORK, mtu);
	return DROP_TOO_BIG;
}

/* What was in fragments leaves in fragments, no larger than they came. */
static enum drop fit_whole(struct minato *m, const struct arrival *a,
			   struct plan *plan)
{
	const uint32_t mtu = m->link[plan->link].config.mtu;

	if (a->packet.is6 && a->largest > mtu)
		return refuse_size(m, &a->packet, mtu);
	plan->size = a->largest < mtu ? a->largest : mtu;
	plan->cut = true;
	return DROP_NONE;
}

static enum drop fit_run(struct minato *m, const struct arrival *a,
			 struct plan *plan)
{
	const struct packet *p = &a->packet;
	const uint32_t mtu = m->link[plan->link].config.mtu;
	const uint32_t header_len = (uint32_t)(p->payload - p->ip);

	if (!run_is_sound(a))
		return DROP_GSO;
	plan->gso_size = p->gso_size;
	if (header_len + p->gso_size <= mtu)
		return DROP_NONE;
	if (p->dont_fragment)
		return refuse_size(m, p, mtu);
	if (p->type == PACKET_UDP) {
		plan->scattered = true;
		plan->size = mtu;
		return DROP_NONE;
	}
	/* Where TCP may be cut anywhere, it is cut smaller at once. */
	plan->gso_size = (uint16_t)(mtu - header_len);
	return DROP_NONE;
}

static enum drop fit(struct minato *m, const struct arrival *a,
		     struct plan *plan)
{
	const struct packet *p = &a->packet;
	const uint32_t mtu = m->link[plan->link].config.mtu;

	plan->size = p->ip_len;
	if (a->largest != 0)
		return fit_whole(m, a, plan);
	if (is_run(p))
		return fit_run(m, a, plan);
	if (p->ip_len <= mtu)
		return DROP_NONE;
	if (p->dont_fragment)
		return refuse_size(m, p, mtu);
	plan->size = mtu;
	plan->cut = true;
	return DROP_NONE;
}

static enum drop make_plan(struct minato *m, const struct arrival *a,
			   const struct onward *o, struct plan *plan)
{
	const struct packet *p = &a->packet;

	*plan = (struct plan){ .neighbour = STACK_NONE };
	if (p->hop_limit <= 1) {
		pass_refuse(m, p, MINATO_REASON_TIME_EXCEEDED, 0);
		return DROP_HOP_LIMIT;
	}
	switch (pass_way(m, o->scope, &o->to.dst, &plan->path,
			 &plan->neighbour)) {
	case PASS_REACHED:
		break;
	case PASS_WAIT:
		plan->waits = true;
		break;
	case PASS_NO_ROUTE:
		pass_refuse(m, p, MINATO_REASON_NETWORK, 0);
		return DROP_NO_ROUTE;
	case PASS_NO_NEIGHBOUR:
		pass_refuse(m, p, MINATO_REASON_HOST, 0);
		return DROP_NEIGHBOUR;
	}
	plan->link = plan->path.link;
	if (m->link[plan->link].config.type == MINATO_LINK_ETHERNET)
		plan->link_header_len = ETHERNET_HEADER_LEN;
	return fit(m, a, plan);
}

/* --- where it lies --- */

/* The packet as it is found at `ip` from now on. */
static void move(struct packet *p, const uint8_t *ip)
{
	const ptrdiff_t transport = p->transport - p->ip;
	const ptrdiff_t payload = p->payload - p->ip;

	p->ip = ip;
	p->transport = ip + transport;
	p->payload = ip + payload;
}

static uint8_t *take_chunk(struct minato *m, const struct plan *plan,
			   uint32_t ip_len, struct passed *out)
{
	const uint32_t wanted = plan->link_header_len + ip_len;

	if (wanted > MINATO_CHUNK_LARGE)
		return NULL;
	out->chunk = chunk_take(&m->payload, wanted);
	if (out->chunk == MINATO_CHUNK_NONE && wanted <= MINATO_CHUNK_SMALL)
		out->chunk = chunk_take(&m->payload, MINATO_CHUNK_LARGE);
	if (out->chunk == MINATO_CHUNK_NONE)
		return NULL;
	out->offset = 0;
	host_count(m, COUNTER_PASS_COPIED);
	return chunk_at(&m->payload, out->chunk) + plan->link_header_len;
}

static bool place_copy(struct minato *m, const struct plan *plan,
		       struct packet *p, struct passed *out)
{
	uint8_t *ip = take_chunk(m, plan, p->ip_len, out);

	if (ip == NULL)
		return false;
	memcpy(ip, p->ip, p->ip_len);
	move(p, ip);
	return true;
}

/* Fragments were put together without a header: it gets one. */
static bool place_whole(struct minato *m, const struct arrival *a,
			const struct plan *plan, struct packet *p,
			struct passed *out)
{
	const struct ip_build header = {
		.is6 = p->is6,
		.src = p->src,
		.dst = p->dst,
		.proto = p->ip_proto,
		.hop_limit = p->hop_limit,
		.traffic_class = p->traffic_class,
		.payload_len = a->frame->len,
	};
	const ptrdiff_t transport = p->transport - a->frame->data;
	const ptrdiff_t payload = p->payload - a->frame->data;
	const uint32_t len = p->is6 ? IPV6_LEN : IPV4_LEN;
	uint8_t *ip;

	/* Extension headers before the transport are not handed on. */
	if (transport != 0)
		return false;
	if (!p->is6 && len + a->frame->len > UINT16_MAX)
		return false;
	ip = take_chunk(m, plan, len + a->frame->len, out);
	if (ip == NULL)
		return false;
	ip_build(&header, ip);
	memcpy(ip + len, a->frame->data, a->frame->len);
	p->ip = ip;
	p->ip_len = len + a->frame->len;
	p->transport = ip + len;
	p->payload = ip + len + payload;
	return true;
}

/* In its own chunk, where the header of the link is made room for. */
static bool place_moved(struct minato *m, const struct arrival *a,
			const struct plan *plan, struct packet *p,
			struct passed *out)
{
	uint8_t *base = chunk_at(&m->payload, a->frame->chunk);

	if (plan->link_header_len + p->ip_len > chunk_size(a->frame->chunk))
		return place_copy(m, plan, p, out);
	memmove(base + plan->link_header_len, p->ip, p->ip_len);
	move(p, base + plan->link_header_len);
	chunk_hold(&m->payload, a->frame->chunk);
	out->chunk = a->frame->chunk;
	out->offset = 0;
	return true;
}

/* True where it stays: most do. */
static bool place_here(struct minato *m, const struct arrival *a,
		       const struct plan *plan, struct passed *out)
{
	const struct packet *p = &a->packet;
	uint32_t at;

	if (a->largest != 0 || a->frame->chunk == MINATO_CHUNK_NONE)
		return false;
	at = (uint32_t)(p->ip - chunk_at(&m->payload, a->frame->chunk));
	if (at < plan->link_header_len)
		return false;
	out->chunk = a->frame->chunk;
	out->offset = (uint16_t)(at - plan->link_header_len);
	if (a->kept != NULL)
		*a->kept = true;
	else
		chunk_hold(&m->payload, out->chunk);
	return true;
}

/* Elsewhere: `p`, a copy, is of it there; out->chunk has a reference. */
static bool place(struct minato *m, const struct arrival *a,
		  const struct plan *plan, struct packet *p, struct passed *out)
{
	if (a->largest != 0)
		return place_whole(m, a, plan, p, out);
	if (a->frame->chunk == MINATO_CHUNK_NONE)
		return place_copy(m, plan, p, out);
	return place_moved(m, a, plan, p, out);
}

/* --- what changes in it --- */

/* Only what may be cut on its way says anything with it (RFC 6864 4.1). */
static void identify(struct minato *m, const struct packet *p,
		     const struct plan *plan, struct rewrite *to)
{
	uint32_t count = 1;

	if (p->is6 || (p->dont_fragment && !plan->cut) ||
	    p->type == PACKET_FRAGMENT)
		return;
	/* Of its own source: that one counts already. */
	if (!plan->cut && same_addr(&p->src, &to->src))
		return;
	if (plan->gso_size != 0)
		count = (p->payload_len + plan->gso_size - 1) / plan->gso_size;
	to->new_id = true;
	to->id = pass_id(m, &to->src, &to->dst, count);
}

static uint8_t *writable(const struct packet *p)
{
	return (uint8_t *)(uintptr_t)p->ip;
}

static void rewrite(const struct arrival *a, const struct packet *p,
		    const struct onward *o)
{
	uint8_t *ip = writable(p);

	if (o->inner != NULL)
		rewrite_embedded(ip + (p->transport - p->ip), &a->packet,
				 o->inner, o->embedded);
	rewrite_packet(ip, p, a->frame->csum_partial, &o->to);
}

static uint8_t csum_offset_of(const struct packet *p)
{
	if (p->type == PACKET_TCP)
		return TCP_CSUM;
	return p->type == PACKET_UDP ? UDP_CSUM : 0;
}

/* The splitter, and a link with offloads, want the pseudo header's sum. */
static void make_partial(const struct packet *p, const struct rewrite *to)
{
	uint8_t *field =
		writable(p) + (p->transport - p->ip) + csum_offset_of(p);
	struct sum sum = { 0 };
	uint16_t folded;

	sum_pseudo(&sum, &to->src, &to->dst, p->ip_proto,
		   p->ip_len - (uint32_t)(p->transport - p->ip));
	folded = sum_fold(&sum);
	memcpy(field, &folded, sizeof(folded));
}

static void complete(const struct minato *m, struct passed *out)
{
	const struct minato_extent all = {
		chunk_at(&m->payload, out->chunk) + out->offset, out->len
	};
	const struct minato_frame_out frame = {
		.extents = &all,
		.extent_count = 1,
		.len = out->len,
		.header_len = out->header_len,
		.csum_start = out->csum_start,
		.csum_offset = out->csum_offset,
	};

	split_complete(&frame);
	out->csum_start = 0;
	out->csum_offset = 0;
}

static uint32_t offload_for(const struct packet *p)
{
	if (p->type == PACKET_UDP)
		return p->is6 ? MINATO_OFFLOAD_USO6 : MINATO_OFFLOAD_USO4;
	return p->is6 ? MINATO_OFFLOAD_TSO6 : MINATO_OFFLOAD_TSO4;
}

/* Checksum and run, as the link takes them. */
static void suit(struct minato *m, const struct arrival *a,
		 const struct packet *p, const struct plan *plan,
		 const struct rewrite *to, struct passed *out)
{
	const uint32_t offloads = m->link[plan->link].config.offloads;

	if (plan->gso_size != 0) {
		if (!a->frame->csum_partial)
			make_partial(p, to);
		out->gso = (uint8_t)a->frame->gso;
		out->gso_size = plan->gso_size;
		if (!(offloads & offload_for(p)))
			out->how = PASSED_SPLIT;
	}
	if (plan->gso_size != 0 ||
	    (a->frame->csum_partial && csum_offset_of(p) != 0)) {
		out->csum_start = (uint16_t)(plan->link_header_len +
					     (uint32_t)(p->transport - p->ip));
		out->csum_offset = csum_offset_of(p);
	}
	if (out->csum_start != 0 && plan->gso_size == 0 &&
	    (plan->cut || !(offloads & MINATO_OFFLOAD_CSUM)))
		complete(m, out);
}

static void cut(struct minato *m, const struct plan *plan,
		const struct rewrite *to, struct passed *out)
{
	out->how = PASSED_CUT;
	out->piece = (uint16_t)plan->size;
	out->id = fragment_out_id(m, &to->src, &to->dst);
	host_count(m, COUNTER_PASS_CUT);
}

static void head(const struct minato *m, const struct plan *plan,
		 const struct packet *p)
{
	if (plan->link_header_len != 0)
		ethernet_build(writable(p) - ETHERNET_HEADER_LEN,
			       plan->path.mac, m->link[plan->link].config.mac,
			       p->is6);
}

static enum drop put_out(struct minato *m, const struct plan *plan,
			 const struct passed *out)
{
	if (plan->waits)
		return pass_park(m, plan->link, out, plan->neighbour);
	return pass_append(m, plan->link, out);
}

/* Packet `index` of the run in a chunk of its own. */
static bool copy_one(struct minato *m, const struct minato_frame_out *run,
		     uint32_t index, const struct plan *plan,
		     struct passed *out)
{
	uint8_t header[STACK_HEADER_MAX];
	struct minato_extent x[2];
	const uint32_t count =
		split_packet(run, index, plan->link_header_len, header, x, 2);
	uint8_t *to;

	out->len = (uint32_t)x[0].len + (count > 1 ? (uint32_t)x[1].len : 0);
	to = take_chunk(m, plan, out->len - plan->link_header_len, out);
	if (to == NULL)
		return false;
	to -= plan->link_header_len;
	memcpy(to, x[0].base, x[0].len);
	if (count > 1)
		memcpy(to + x[0].len, x[1].base, x[1].len);
	return true;
}

/* The run that `run` is, as single datagrams, each of them cut. */
static enum drop scatter(struct minato *m, const struct plan *plan,
			 const struct rewrite *to, const struct passed *run)
{
	const struct minato_extent all = {
		chunk_at(&m->payload, run->chunk) + run->offset, run->len
	};
	const struct minato_frame_out whole = {
		.extents = &all,
		.extent_count = 1,
		.len = run->len,
		.gso_size = run->gso_size,
		.gso = (enum minato_gso)run->gso,
		.header_len = run->header_len,
	};
	const uint32_t count = split_count(&whole);
	enum drop drop = DROP_NONE;

	for (uint32_t i = 0; i < count && drop == DROP_NONE; i++) {
		struct passed one = {
			.header_len = run->header_len,
			.link_header_len = run->link_header_len,
		};
		if (!copy_one(m, &whole, i, plan, &one)) {
			drop = DROP_MEMORY;
			break;
		}
		if (one.len - plan->link_header_len > plan->size)
			cut(m, plan, to, &one);
		drop = put_out(m, plan, &one);
	}
	chunk_drop(&m->payload, run->chunk);
	return drop;
}

/* With all that is planned; `p` is where the packet lies. */
static enum drop finish(struct minato *m, const struct arrival *a,
			const struct packet *p, const struct plan *plan,
			const struct onward *o, struct passed *out)
{
	out->link_header_len = (uint8_t)plan->link_header_len;
	out->len = plan->link_header_len + p->ip_len;
	out->header_len = (uint16_t)(plan->link_header_len +
				     (uint32_t)(p->payload - p->ip));
	rewrite(a, p, o);
	if (plan->gso_size != 0 || a->frame->csum_partial)
		suit(m, a, p, plan, &o->to, out);
	if (plan->cut)
		cut(m, plan, &o->to, out);
	head(m, plan, p);
	if (plan->scattered)
		return scatter(m, plan, &o->to, out);
	return put_out(m, plan, out);
}

static enum drop finish_elsewhere(struct minato *m, const struct arrival *a,
				  const struct plan *plan,
				  const struct onward *o, struct passed *out)
{
	struct packet p = a->packet;

	return place(m, a, plan, &p, out) ? finish(m, a, &p, plan, o, out) :
					    DROP_MEMORY;
}

enum drop pass_onward(struct minato *m, const struct arrival *a,
		      struct onward *o)
{
	struct passed out = { .how = PASSED_WHOLE };
	struct plan plan;
	const enum drop drop = make_plan(m, a, o, &plan);

	if (drop != DROP_NONE)
		return drop;
	o->to.hop_limit = (uint8_t)(a->packet.hop_limit - 1);
	identify(m, &a->packet, &plan, &o->to);
	if (place_here(m, a, &plan, &out))
		return finish(m, a, &a->packet, &plan, o, &out);
	return finish_elsewhere(m, a, &plan, o, &out);
}
