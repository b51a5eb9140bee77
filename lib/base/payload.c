/* SPDX-License-Identifier: BSD-2-Clause */
/* Chunks with reference counts, and queues of extents over them. */
#include "base/payload.h"

#include <string.h>

#include "base/check.h"

/*
 * Extents per chunk. A large chunk may be shared out in pieces; a small one
 * has rarely more than one owner. Running out is a refusal, not a fault.
 */
#define EXTENTS_PER_LARGE 4u
#define EXTENTS_PER_SMALL 2u
#define EXTENTS_EXTRA 64u

static size_t round_up(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

static uint32_t extent_capacity(uint32_t large, uint32_t small)
{
	return EXTENTS_PER_LARGE * large + EXTENTS_PER_SMALL * small +
	       EXTENTS_EXTRA;
}

static size_t refs_bytes(uint32_t chunks)
{
	return round_up(chunks * sizeof(uint16_t));
}

size_t payload_bytes(uint32_t large, uint32_t small)
{
	return pool_bytes(MINATO_CHUNK_LARGE, large) +
	       pool_bytes(MINATO_CHUNK_SMALL, small) +
	       pool_bytes(sizeof(struct extent),
			  extent_capacity(large, small)) +
	       refs_bytes(large) + refs_bytes(small);
}

void payload_init(struct payload *p, void *memory, uint32_t large,
		  uint32_t small)
{
	char *at = memory;
	const uint32_t extents = extent_capacity(large, small);

	check(large < CHUNK_SMALL_BIT / 8 && small < CHUNK_SMALL_BIT / 8);
	pool_init(&p->large, at, MINATO_CHUNK_LARGE, large);
	at += pool_bytes(MINATO_CHUNK_LARGE, large);
	pool_init(&p->small, at, MINATO_CHUNK_SMALL, small);
	at += pool_bytes(MINATO_CHUNK_SMALL, small);
	pool_init(&p->extents, at, sizeof(struct extent), extents);
	at += pool_bytes(sizeof(struct extent), extents);
	p->large_refs = at - (char *)p;
	at += refs_bytes(large);
	p->small_refs = at - (char *)p;
}

static bool is_small(uint32_t chunk)
{
	return (chunk & CHUNK_SMALL_BIT) != 0;
}

static uint32_t slot_of(uint32_t chunk)
{
	return chunk & ~CHUNK_SMALL_BIT;
}

static uint16_t *refs_of(const struct payload *p, uint32_t chunk)
{
	const int64_t array = is_small(chunk) ? p->small_refs : p->large_refs;
	char *base = (char *)(uintptr_t)p + array;

	return (uint16_t *)(void *)base + slot_of(chunk);
}

uint32_t chunk_take(struct payload *p, uint32_t size_wanted)
{
	const bool small = size_wanted <= MINATO_CHUNK_SMALL;
	uint32_t chunk;

	check(size_wanted <= MINATO_CHUNK_LARGE);
	chunk = pool_take(small ? &p->small : &p->large);
	if (chunk == POOL_NONE)
		return MINATO_CHUNK_NONE;
	if (small)
		chunk |= CHUNK_SMALL_BIT;
	*refs_of(p, chunk) = 1;
	return chunk;
}

void chunk_hold(struct payload *p, uint32_t chunk)
{
	uint16_t *refs = refs_of(p, chunk);

	check(*refs > 0);
	check(*refs < UINT16_MAX);
	++*refs;
}

void chunk_drop(struct payload *p, uint32_t chunk)
{
	uint16_t *refs = refs_of(p, chunk);

	check(*refs > 0);
	if (--*refs == 0)
		pool_give(is_small(chunk) ? &p->small : &p->large,
			  slot_of(chunk));
}

bool chunk_shared(const struct payload *p, uint32_t chunk)
{
	return *refs_of(p, chunk) > 1;
}

static struct extent *extent_at(const struct payload *p, uint32_t index)
{
	return pool_at(&p->extents, index);
}

void queue_init(struct queue *q)
{
	*q = (struct queue){ .head = POOL_NONE, .tail = POOL_NONE };
}

/* Links an extent behind the tail. */
static void link_tail(struct payload *p, struct queue *q, uint32_t index)
{
	extent_at(p, index)->next = POOL_NONE;
	if (q->tail == POOL_NONE)
		q->head = index;
	else
		extent_at(p, q->tail)->next = index;
	q->tail = index;
	q->count++;
}

/* Does this stretch begin where the tail of the queue ends? */
static bool continues_tail(const struct payload *p, const struct queue *q,
			   uint32_t chunk, uint32_t offset)
{
	const struct extent *tail;

	if (q->tail == POOL_NONE)
		return false;
	tail = extent_at(p, q->tail);
	return tail->chunk == chunk && tail->offset + tail->len == offset;
}

bool queue_append(struct payload *p, struct queue *q, uint32_t chunk,
		  uint32_t offset, uint32_t len)
{
	uint32_t index;

	check(len > 0 && len <= chunk_size(chunk));
	check(offset <= chunk_size(chunk) - len);
	check(q->bytes <= UINT32_MAX - len);
	if (continues_tail(p, q, chunk, offset)) {
		extent_at(p, q->tail)->len += len;
		q->bytes += len;
		chunk_drop(p, chunk);
		return true;
	}
	index = pool_take(&p->extents);
	if (index == POOL_NONE) {
		chunk_drop(p, chunk);
		return false;
	}
	*extent_at(p, index) =
		(struct extent){ .chunk = chunk, .offset = offset, .len = len };
	link_tail(p, q, index);
	q->bytes += len;
	return true;
}

/* Copies what fits behind the tail, in a chunk that is the queue's alone. */
static uint32_t fill_tail(struct payload *p, struct queue *q,
			  const uint8_t *data, uint32_t len)
{
	struct extent *tail;
	uint32_t end, room;

	if (q->tail == POOL_NONE)
		return 0;
	tail = extent_at(p, q->tail);
	if (chunk_shared(p, tail->chunk))
		return 0;
	end = tail->offset + tail->len;
	room = chunk_size(tail->chunk) - end;
	if (len > room)
		len = room;
	memcpy(chunk_at(p, tail->chunk) + end, data, len);
	tail->len += len;
	q->bytes += len;
	return len;
}

/* More than one part of the pool in `parts` is free; 0: one chunk is. */
static bool has_spare(const struct pool *pool, uint32_t parts)
{
	const uint32_t left = pool->capacity - pool->used;

	return left > (parts == 0 ? 0 : pool->capacity / parts);
}

bool payload_has_spare(const struct payload *p, uint32_t parts)
{
	return has_spare(&p->large, parts) || has_spare(&p->small, parts);
}

uint32_t chunk_take_leaving(struct payload *p, uint32_t len, uint32_t parts)
{
	const bool large = has_spare(&p->large, parts);
	const bool small = has_spare(&p->small, parts);

	if (!large && !small)
		return MINATO_CHUNK_NONE;
	if (len <= MINATO_CHUNK_SMALL ? small : !large)
		return chunk_take(p, MINATO_CHUNK_SMALL);
	return chunk_take(p, MINATO_CHUNK_LARGE);
}

uint32_t queue_append_copy(struct payload *p, struct queue *q, const void *data,
			   uint32_t len)
{
	return queue_append_leaving(p, q, data, len, 0);
}

uint32_t queue_append_leaving(struct payload *p, struct queue *q,
			      const void *data, uint32_t len, uint32_t parts)
{
	const uint8_t *from = data;
	uint32_t done;

	check(q->bytes <= UINT32_MAX - len);
	if (len == 0)
		return 0;
	done = fill_tail(p, q, from, len);
	while (done < len) {
		uint32_t chunk = chunk_take_leaving(p, len - done, parts);
		uint32_t part = len - done;
		if (chunk == MINATO_CHUNK_NONE)
			break;
		if (part > chunk_size(chunk))
			part = chunk_size(chunk);
		memcpy(chunk_at(p, chunk), from + done, part);
		if (!queue_append(p, q, chunk, 0, part))
			break;
		done += part;
	}
	return done;
}

/* Unlinks the head extent and drops its reference. */
static void drop_head(struct payload *p, struct queue *q)
{
	const uint32_t index = q->head;
	const struct extent *e = extent_at(p, index);

	q->head = e->next;
	if (q->head == POOL_NONE)
		q->tail = POOL_NONE;
	q->bytes -= e->len;
	q->count--;
	chunk_drop(p, e->chunk);
	pool_give(&p->extents, index);
}

void queue_consume(struct payload *p, struct queue *q, uint32_t len)
{
	check(len <= q->bytes);
	while (len > 0) {
		struct extent *e = extent_at(p, q->head);
		if (len < e->len) {
			e->offset += len;
			e->len -= len;
			q->bytes -= len;
			return;
		}
		len -= e->len;
		drop_head(p, q);
	}
}

void queue_truncate(struct payload *p, struct queue *q, uint32_t len)
{
	struct queue rest;
	struct extent *e;
	uint32_t before = 0;
	uint32_t last = q->head;
	uint32_t count = 1;

	check(len <= q->bytes);
	if (len == q->bytes)
		return;
	if (len == 0) {
		queue_clear(p, q);
		return;
	}
	e = extent_at(p, last);
	for (; before + e->len < len; count++) {
		before += e->len;
		last = e->next;
		e = extent_at(p, last);
	}
	/* What lies behind becomes a queue of its own, and is cleared. */
	rest = (struct queue){ .head = e->next,
			       .tail = q->tail,
			       .bytes = q->bytes - before - e->len,
			       .count = q->count - count };
	e->next = POOL_NONE;
	e->len = len - before;
	*q = (struct queue){
		.head = q->head, .tail = last, .bytes = len, .count = count
	};
	queue_clear(p, &rest);
}

void queue_clear(struct payload *p, struct queue *q)
{
	while (q->head != POOL_NONE)
		drop_head(p, q);
	check(q->bytes == 0 && q->count == 0);
	q->tail = POOL_NONE;
}

void queue_join(struct payload *p, struct queue *to, struct queue *from)
{
	check(to->bytes <= UINT32_MAX - from->bytes);
	if (from->head == POOL_NONE)
		return;
	if (to->tail == POOL_NONE)
		to->head = from->head;
	else
		extent_at(p, to->tail)->next = from->head;
	to->tail = from->tail;
	to->bytes += from->bytes;
	to->count += from->count;
	queue_init(from);
}

void queue_copy(const struct payload *p, const struct queue *q, uint32_t offset,
		void *out, uint32_t len)
{
	uint32_t index = q->head;
	uint8_t *to = out;

	check(offset <= q->bytes && len <= q->bytes - offset);
	while (len > 0) {
		const struct extent *e = extent_at(p, index);
		index = e->next;
		if (offset >= e->len) {
			offset -= e->len;
			continue;
		}
		uint32_t part = e->len - offset < len ? e->len - offset : len;
		memcpy(to, chunk_at(p, e->chunk) + e->offset + offset, part);
		to += part;
		len -= part;
		offset = 0;
	}
}

void queue_cursor_consumed(struct queue_cursor *c, uint32_t len)
{
	/* The extent it names may be gone or shorter: back to the head. */
	if (!c->valid || c->position < len)
		*c = (struct queue_cursor){ 0 };
	else
		c->position -= len;
}

/*
 * Moves the cursor to the extent that holds byte `offset` < bytes, from where
 * it is or, where that is too far, from the head.
 */
static void cursor_seek(const struct payload *p, const struct queue *q,
			struct queue_cursor *c, uint32_t offset)
{
	if (!c->valid || c->position > offset)
		*c = (struct queue_cursor){ .extent = q->head, .valid = true };
	for (;;) {
		const struct extent *e = extent_at(p, c->extent);
		if (offset - c->position < e->len)
			return;
		c->position += e->len;
		c->extent = e->next;
	}
}

uint32_t queue_view(const struct payload *p, const struct queue *q,
		    struct queue_cursor *c, uint32_t offset, uint32_t len,
		    struct minato_extent *out, uint32_t max, uint32_t *covered)
{
	struct queue_cursor local = { 0 };
	uint32_t count = 0;
	uint32_t done = 0;
	uint32_t index;

	check(offset <= q->bytes);
	if (len > q->bytes - offset)
		len = q->bytes - offset;
	if (covered != NULL)
		*covered = 0;
	if (len == 0)
		return 0;
	if (c == NULL)
		c = &local;
	cursor_seek(p, q, c, offset);
	index = c->extent;
	offset -= c->position;
	while (done < len && count < max) {
		const struct extent *e = extent_at(p, index);
		uint32_t part = e->len - offset;
		if (part > len - done)
			part = len - done;
		out[count++] = (struct minato_extent){
			chunk_at(p, e->chunk) + e->offset + offset, part
		};
		done += part;
		offset = 0;
		index = e->next;
	}
	if (covered != NULL)
		*covered = done;
	return count;
}
