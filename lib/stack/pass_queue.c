/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that are handed on, between the input that rewrote them and the output
 * that shows them: one bounded ring for each link. They lie where they came and
 * stay there until the output after the one that showed them.
 *
 *	     freed           sent            tail
 *	-------|--- shown -----|--- waiting ---|-------
 */
#include "stack/stack.h"

#include <string.h>

static struct passed *at(struct pass_queue *q, uint32_t position)
{
	return &q->ring[position % PASS_QUEUE];
}

enum drop pass_append(struct minato *m, uint32_t link,
		      const struct passed *frame)
{
	struct passing *g = host_passing(m);
	struct pass_queue *q = &g->queue[link];

	if (q->tail - q->freed == PASS_QUEUE) {
		chunk_drop(&m->payload, frame->chunk);
		return DROP_PASS_QUEUE;
	}
	*at(q, q->tail++) = *frame;
	g->waiting++;
	host_count(m, COUNTER_PASSED);
	return DROP_NONE;
}

/* --- waiting for a MAC --- */

enum drop pass_park(struct minato *m, uint32_t link, const struct passed *frame,
		    uint32_t neighbour)
{
	struct passing *g = host_passing(m);
	uint32_t of_it = 0;

	for (uint32_t i = 0; i < g->parked_count; i++)
		of_it += g->parked[i].neighbour == neighbour;
	if (of_it >= PASS_PARKED_EACH || g->parked_count == PASS_PARKED) {
		chunk_drop(&m->payload, frame->chunk);
		return DROP_NEIGHBOUR;
	}
	g->parked[g->parked_count++] = (struct parked){
		.frame = *frame,
		.neighbour = neighbour,
		.link = link,
	};
	return DROP_NONE;
}

/* `mac` NULL: dropped. */
static void unpark(struct minato *m, const struct parked *p, const uint8_t *mac)
{
	enum drop drop;

	if (mac == NULL) {
		chunk_drop(&m->payload, p->frame.chunk);
		host_drop(m, DROP_NEIGHBOUR);
		return;
	}
	memcpy(chunk_at(&m->payload, p->frame.chunk) + p->frame.offset, mac, 6);
	drop = pass_append(m, p->link, &p->frame);
	if (drop != DROP_NONE)
		host_drop(m, drop);
}

void pass_resolved(struct minato *m, uint32_t neighbour, const uint8_t *mac)
{
	struct passing *g = host_passing(m);
	uint32_t kept = 0;

	if (g == NULL)
		return;
	pass_forget(m);
	for (uint32_t i = 0; i < g->parked_count; i++) {
		if (g->parked[i].neighbour == neighbour)
			unpark(m, &g->parked[i], mac);
		else
			g->parked[kept++] = g->parked[i];
	}
	g->parked_count = kept;
}

/* --- out --- */

void pass_spent(struct minato *m)
{
	struct passing *g = host_passing(m);

	if (g == NULL)
		return;
	for (uint32_t i = 0; i < m->link_count; i++) {
		struct pass_queue *q = &g->queue[i];
		for (; q->freed != q->sent; q->freed++)
			chunk_drop(&m->payload, at(q, q->freed)->chunk);
	}
}

static struct slot *slot_at(const struct minato *m, uint32_t n)
{
	check(n < STACK_OUTPUT_MAX);
	return (struct slot *)host_at(m, m->frames) + n;
}

static struct minato_extent lies_at(const struct minato *m,
				    const struct passed *p)
{
	return (struct minato_extent){
		chunk_at(&m->payload, p->chunk) + p->offset, p->len
	};
}

static void describe(const struct passed *p, uint32_t link,
		     const struct minato_extent *extents,
		     struct minato_frame_out *out)
{
	*out = (struct minato_frame_out){
		.extents = extents,
		.extent_count = 1,
		.len = p->len,
		.link = link,
		.gso_size = p->gso_size,
		.gso = (enum minato_gso)p->gso,
		.header_len = p->header_len,
		.csum_start = p->csum_start,
		.csum_offset = p->csum_offset,
	};
}

/* True when that was all of the frame. */
static bool show_whole(struct minato *m, const struct passed *p, uint32_t link,
		       struct slot *slot, struct minato_frame_out *out)
{
	slot->extents[0] = lies_at(m, p);
	describe(p, link, slot->extents, out);
	return true;
}

static void finish(const struct slot *slot, uint32_t extents, uint32_t link,
		   uint32_t header_len, struct minato_frame_out *out)
{
	*out = (struct minato_frame_out){
		.extents = slot->extents,
		.extent_count = extents,
		.link = link,
		.header_len = (uint16_t)header_len,
	};
	for (uint32_t i = 0; i < extents; i++)
		out->len += (uint32_t)slot->extents[i].len;
}

static bool show_split(struct minato *m, struct pass_queue *q, uint32_t link,
		       struct slot *slot, struct minato_frame_out *out)
{
	const struct passed *p = at(q, q->sent);
	const struct minato_extent all = lies_at(m, p);
	struct minato_frame_out whole;
	uint32_t count;

	describe(p, link, &all, &whole);
	count = split_packet(&whole, q->next, p->link_header_len, slot->header,
			     slot->extents, STACK_EXTENTS_MAX);
	check(count > 0);
	finish(slot, count, link, p->header_len, out);
	return ++q->next == split_count(&whole);
}

static bool show_cut(struct minato *m, struct pass_queue *q, uint32_t link,
		     struct slot *slot, struct minato_frame_out *out)
{
	const struct passed *p = at(q, q->sent);
	const struct minato_extent all = lies_at(m, p);

	q->next = cut_fragment(&all, p->link_header_len, p->piece, q->next,
			       p->id, slot->header, slot->extents);
	finish(slot, 2, link, (uint32_t)slot->extents[0].len, out);
	host_count(m, COUNTER_FRAGMENTS_OUT);
	return q->next == 0;
}

static void show(struct minato *m, uint32_t link, uint32_t n,
		 struct minato_frame_out *out)
{
	struct passing *g = host_passing(m);
	struct pass_queue *q = &g->queue[link];
	const struct passed *p = at(q, q->sent);
	struct slot *slot = slot_at(m, n);
	bool done = true;

	switch ((enum passed_how)p->how) {
	case PASSED_WHOLE:
		done = show_whole(m, p, link, slot, out);
		break;
	case PASSED_SPLIT:
		done = show_split(m, q, link, slot, out);
		break;
	case PASSED_CUT:
		done = show_cut(m, q, link, slot, out);
		break;
	}
	m->counters[COUNTER_TX_FRAMES]++;
	m->counters[COUNTER_TX_BYTES] += out->len;
	if (done) {
		q->next = 0;
		q->sent++;
		g->waiting--;
	}
}

uint32_t pass_output(struct minato *m, uint32_t n,
		     struct minato_frame_out *frames, uint32_t count)
{
	struct passing *g = host_passing(m);

	while (n < count && g->waiting > 0) {
		for (uint32_t link = 0; link < m->link_count; link++) {
			struct pass_queue *q = &g->queue[link];
			uint32_t turn = PASS_TURN;
			for (; turn > 0 && n < count && q->sent != q->tail;
			     turn--, n++)
				show(m, link, n, &frames[n]);
		}
	}
	return n;
}
