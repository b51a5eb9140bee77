/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire between the nodes: a heap of frames on their way. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#define BATCH 8

static bool earlier(const struct parcel *a, const struct parcel *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void push(struct cable *c, struct parcel *p)
{
	uint32_t i = c->count++;

	while (i > 0 && earlier(p, c->heap[(i - 1) / 2])) {
		c->heap[i] = c->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	c->heap[i] = p;
}

static struct parcel *pop(struct cable *c)
{
	struct parcel *top = c->heap[0];
	struct parcel *last = c->heap[--c->count];
	uint32_t i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= c->count)
			break;
		if (child + 1 < c->count && earlier(c->heap[child + 1], c->heap[child]))
			child++;
		if (!earlier(c->heap[child], last))
			break;
		c->heap[i] = c->heap[child];
		i = child;
	}
	c->heap[i] = last;
	return top;
}

void cable_clear(struct cable *c)
{
	while (c->count > 0)
		free(pop(c));
}

int64_t cable_next(const struct cable *c)
{
	return c->count > 0 ? c->heap[0]->at : INT64_MAX;
}

/* When a frame that leaves now arrives; -1: the queue before the wire is full. */
static int64_t arrival_time(struct sim *s, uint32_t from, uint32_t len)
{
	const struct weather *w = &s->cable.weather;
	int64_t *busy = &s->cable.busy_until[from];
	int64_t at = s->now;

	if (w->bytes_per_s > 0) {
		const int64_t each = (int64_t)(len * (uint64_t)SIM_S / w->bytes_per_s);
		if (*busy < s->now)
			*busy = s->now;
		if (*busy - s->now > (int64_t)w->queue_max * each && *busy > s->now + 50 * SIM_MS)
			return -1;
		*busy += each;
		at = *busy;
	}
	at += w->delay_ns;
	if (w->jitter_ns > 0)
		at += (int64_t)(dice_next(&s->wire_dice) % (uint64_t)w->jitter_ns);
	return at;
}

static void put_on_way(struct sim *s, uint32_t from, uint32_t to, const uint8_t *data,
		       const struct minato_frame *frame)
{
	const int64_t at = arrival_time(s, from, frame->len);
	struct parcel *p;

	if (at < 0 || s->cable.count == SIM_PARCELS) {
		s->cable.lost++;
		return;
	}
	p = malloc(sizeof(*p) + frame->len);
	if (!p)
		abort();
	p->at = at;
	p->order = s->cable.order++;
	p->to = to;
	p->frame = *frame;
	p->frame.data = (uint8_t *)(p + 1);
	memcpy(p + 1, data, frame->len);
	push(&s->cable, p);
	s->cable.carried++;
}

/* ECT(0) becomes CE (RFC 3168 5); the checksum of IPv4 goes with it (RFC 1624). */
static void mark(uint8_t *ip, uint32_t len)
{
	uint32_t sum;

	if (len >= 40 && ip[0] >> 4 == 6 && (ip[1] >> 4 & 3) == 2)
		ip[1] |= 0x10;
	if (len < 20 || ip[0] >> 4 != 4 || (ip[1] & 3) != 2)
		return;
	ip[1] |= 1;
	sum = (uint32_t)(ip[10] << 8 | ip[11]);
	sum = (sum + 0xfffe) % 0xffff; /* less 1, in the one's complement */
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* One frame to one node, with what the weather does to it. */
static void send_to(struct sim *s, uint32_t from, uint32_t to, uint8_t *data,
		    const struct minato_frame *frame)
{
	const struct weather *w = &s->cable.weather;

	if (dice_chance(&s->wire_dice, w->loss)) {
		s->cable.lost++;
		sim_trace(s, "  lost");
		return;
	}
	if (dice_chance(&s->wire_dice, w->marks)) {
		const bool ethernet =
			s->node[from].config.link[0].type == MINATO_LINK_ETHERNET;
		const uint32_t at = ethernet ? 14 : 0;
		mark(data + at, frame->len - at);
		sim_trace(s, "  marked");
	}
	/* One bit: a checksum sees it always. None guards a trusted frame. */
	if (!frame->csum_trusted && dice_chance(&s->wire_dice, w->corrupt)) {
		const uint32_t bit = dice_below(&s->wire_dice, frame->len * 8);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		put_on_way(s, from, to, data, frame);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		s->cable.corrupted++;
		sim_trace(s, "  corrupted in bit %u", bit);
		return;
	}
	put_on_way(s, from, to, data, frame);
	if (dice_chance(&s->wire_dice, w->repeat)) {
		put_on_way(s, from, to, data, frame);
		s->cable.repeated++;
		sim_trace(s, "  repeated");
	}
}

static const uint8_t *ip_destination(const uint8_t *ip, uint32_t len, size_t *size)
{
	if (len >= 20 && ip[0] >> 4 == 4) {
		*size = 4;
		return ip + 16;
	}
	if (len >= 40 && ip[0] >> 4 == 6) {
		*size = 16;
		return ip + 24;
	}
	return NULL;
}

/* Does this node hear the frame? On a bare wire the address decides. */
static bool hears(const struct sim *s, uint32_t node, const uint8_t *data, uint32_t len)
{
	const struct node *n = &s->node[node];
	const uint8_t *dst;
	size_t size;

	if (n->config.link[0].type == MINATO_LINK_ETHERNET)
		return len >= 6 &&
		       ((data[0] & 1) || memcmp(data, n->config.link[0].mac, 6) == 0);
	dst = ip_destination(data, len, &size);
	if (!dst)
		return false;
	if (size == 4 ? memcmp(dst, n->v4.bytes + 12, 4) == 0 : memcmp(dst, n->v6.bytes, 16) == 0)
		return true;
	if (node != 0 || !s->outside)
		return false;
	for (uint32_t i = 1; i < s->nodes; i++)
		if (size == 4 ? memcmp(dst, s->node[i].v4.bytes + 12, 4) == 0 :
				memcmp(dst, s->node[i].v6.bytes, 16) == 0)
			return false;
	return true;
}

static void trace_frame(const struct sim *s, uint32_t from, const uint8_t *data, uint32_t len,
			const struct minato_frame_out *f)
{
	const bool ethernet = s->node[from].config.link[0].type == MINATO_LINK_ETHERNET;
	const uint8_t *ip = data + (ethernet ? 14 : 0);
	const uint32_t header = len > (ethernet ? 34u : 20u) && ip[0] >> 4 == 6 ? 40 : 20;
	const uint8_t *t = ip + header;

	if (!s->trace)
		return;
	if (ethernet && data[12] == 8 && data[13] == 6) {
		sim_trace(s, "%u> arp %u", from, data[21]);
		return;
	}
	if ((header == 40 ? ip[6] : ip[9]) != 6) {
		sim_trace(s, "%u> proto %u len %u", from, header == 40 ? ip[6] : ip[9], len);
		return;
	}
	sim_trace(s, "%u> %u>%u seq %u ack %u flags %02x win %u len %u gso %u", from,
		  t[0] << 8 | t[1], t[2] << 8 | t[3],
		  (uint32_t)t[4] << 24 | (uint32_t)t[5] << 16 | (uint32_t)t[6] << 8 | t[7],
		  (uint32_t)t[8] << 24 | (uint32_t)t[9] << 16 | (uint32_t)t[10] << 8 | t[11],
		  t[13], t[14] << 8 | t[15],
		  len - (uint32_t)(t - data) - (uint32_t)(t[12] >> 4) * 4, f->gso_size);
}

static void carry(struct sim *s, uint32_t from, const struct minato_frame_out *f)
{
	static uint8_t data[70000];
	uint32_t len = 0;
	struct minato_frame frame;

	for (uint32_t i = 0; i < f->extent_count; i++) {
		if (len + f->extents[i].len > sizeof(data)) {
			sim_fail(s, "a frame of more than 70,000 bytes");
			return;
		}
		memcpy(data + len, f->extents[i].base, f->extents[i].len);
		len += (uint32_t)f->extents[i].len;
	}
	if (len != f->len) {
		sim_fail(s, "a frame of %u bytes says %u", len, f->len);
		return;
	}
	frame = (struct minato_frame){
		.len = len,
		.chunk = MINATO_CHUNK_NONE,
		.gso_size = f->gso_size,
		.gso = f->gso,
		.csum_trusted = f->csum_start != 0,
		.csum_partial = f->csum_start != 0,
	};
	trace_frame(s, from, data, len, f);
	for (uint32_t to = 0; to < s->nodes; to++)
		if (to != from && hears(s, to, data, len))
			send_to(s, from, to, data, &frame);
}

bool cable_collect(struct sim *s, uint32_t from)
{
	struct minato_frame_out frames[16];
	const uint32_t want = 1 + dice_below(&s->dice, 16);
	const size_t count =
		minato_output(s->node[from].m, sim_clock(s, from), frames, want);

	for (size_t i = 0; i < count; i++)
		carry(s, from, &frames[i]);
	return count > 0;
}

/* Into a leased chunk, as a driver does, or as a copy of the caller's. */
static void lease(struct sim *s, struct minato *m, struct parcel *p)
{
	struct minato_extent where;
	uint32_t chunk;

	if (!dice_chance(&s->dice, 500))
		return;
	chunk = minato_lease(m, &where);
	if (chunk == MINATO_CHUNK_NONE)
		return;
	if (where.len < p->frame.len) {
		minato_unlease(m, chunk);
		return;
	}
	memcpy(where.base, p->frame.data, p->frame.len);
	p->frame.data = where.base;
	p->frame.chunk = chunk;
}

bool cable_deliver(struct sim *s)
{
	struct parcel *batch[BATCH];
	struct minato_frame frames[BATCH];
	uint32_t count = 0;
	uint32_t to;

	if (cable_next(&s->cable) > s->now)
		return false;
	to = s->cable.heap[0]->to;
	while (count < BATCH && s->cable.count > 0 && s->cable.heap[0]->at <= s->now &&
	       s->cable.heap[0]->to == to) {
		batch[count] = pop(&s->cable);
		lease(s, s->node[to].m, batch[count]);
		frames[count] = batch[count]->frame;
		count++;
	}
	minato_input(s->node[to].m, sim_clock(s, to), frames, count);
	for (uint32_t i = 0; i < count; i++)
		free(batch[i]);
	return true;
}
