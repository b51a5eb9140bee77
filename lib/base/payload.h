/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Payload: chunks of bytes with a reference count, and queues of extents.
 *
 * All payload of a host value lies in chunks of two sizes. A queue is a list
 * of extents, each a stretch of one chunk; moving bytes between queues moves
 * or shares extents, never bytes. Small contents are copied into small chunks
 * so that 64 bytes never hold 64 KB.
 *
 *   queue: head -> [chunk 7: 54..64294] -> [chunk 9: 54..20000] <- tail
 */
#ifndef BASE_PAYLOAD_H
#define BASE_PAYLOAD_H

#include "base/pool.h"
#include "minato/minato.h"

/* Chunk numbers: large ones from 0, small ones with this bit. */
#define CHUNK_SMALL_BIT 0x80000000u

struct payload {
	struct pool large; /* slots of MINATO_CHUNK_LARGE bytes */
	struct pool small; /* slots of MINATO_CHUNK_SMALL bytes */
	struct pool extents;
	int64_t large_refs; /* offsets from this struct to uint16_t arrays */
	int64_t small_refs;
};

/* Bytes of memory wanted beside struct payload, a multiple of 64. */
size_t payload_bytes(uint32_t large, uint32_t small);
void payload_init(struct payload *p, void *memory, uint32_t large,
		  uint32_t small);

/*
 * Returns a chunk with one reference: a small one for `size_wanted` up to
 * MINATO_CHUNK_SMALL, else a large one (at most MINATO_CHUNK_LARGE).
 * MINATO_CHUNK_NONE when none of that size is free.
 */
uint32_t chunk_take(struct payload *p, uint32_t size_wanted);
/* One that suits so many bytes, of the other size where of that one no more
   than one part in `parts` is free (0: none); NONE where that is so of both. */
uint32_t chunk_take_leaving(struct payload *p, uint32_t len, uint32_t parts);
bool payload_has_spare(const struct payload *p, uint32_t parts);
/* One reference more; at most 65,535. */
void chunk_hold(struct payload *p, uint32_t chunk);
/* One reference less; with the last the chunk is free. */
void chunk_drop(struct payload *p, uint32_t chunk);
static inline uint8_t *chunk_at(const struct payload *p, uint32_t chunk)
{
	return pool_at(chunk & CHUNK_SMALL_BIT ? &p->small : &p->large,
		       chunk & ~CHUNK_SMALL_BIT);
}
static inline uint32_t chunk_size(uint32_t chunk)
{
	return chunk & CHUNK_SMALL_BIT ? MINATO_CHUNK_SMALL :
					 MINATO_CHUNK_LARGE;
}
bool chunk_shared(const struct payload *p, uint32_t chunk);

/* One stretch of a chunk in a queue. */
struct extent {
	uint32_t next; /* POOL_NONE at the tail; first word, as pools want */
	uint32_t chunk;
	uint32_t offset;
	uint32_t len; /* > 0 */
};

/* A queue of bytes. All zero is NOT a queue: use queue_init. */
struct queue {
	uint32_t head, tail; /* extents, or POOL_NONE */
	uint32_t bytes;
	uint32_t count; /* of extents */
};

void queue_init(struct queue *q);
/*
 * Appends a stretch of a chunk. Takes over one reference of the chunk, also on
 * failure (then it is dropped). False when no extent is free. A stretch that
 * continues the tail's own lengthens it and takes no extent.
 */
bool queue_append(struct payload *p, struct queue *q, uint32_t chunk,
		  uint32_t offset, uint32_t len);
/*
 * Appends a copy; fills the room behind the tail first where its chunk is not
 * shared. Returns the bytes appended, fewer when memory is short. Whoever
 * keeps room behind a tail for himself must hold the chunk meanwhile.
 */
uint32_t queue_append_copy(struct payload *p, struct queue *q, const void *data,
			   uint32_t len);
/* The same, leaving one part in `parts` of the chunks of each size to
   others. */
uint32_t queue_append_leaving(struct payload *p, struct queue *q,
			      const void *data, uint32_t len, uint32_t parts);
/* Drops bytes from the head. len <= bytes. */
void queue_consume(struct payload *p, struct queue *q, uint32_t len);
/* Drops bytes from the tail so that `len` remain. */
void queue_truncate(struct payload *p, struct queue *q, uint32_t len);
void queue_clear(struct payload *p, struct queue *q);
/* Moves all of `from` to the tail of `to`; `from` is empty then. */
void queue_join(struct payload *p, struct queue *to, struct queue *from);
/* Copies bytes [offset, offset + len) out; they must be there. */
void queue_copy(const struct payload *p, const struct queue *q, uint32_t offset,
		void *out, uint32_t len);

/*
 * Where a view begins, so that walking on from the last place costs nothing.
 * Zeroed = the head. Valid until the queue is consumed or truncated before it:
 * queue_consume must be told (queue_cursor_consumed).
 */
struct queue_cursor {
	uint32_t extent;   /* POOL_NONE or 0-filled struct: start at the head */
	uint32_t position; /* bytes of the queue before that extent */
	bool valid;
};
void queue_cursor_consumed(struct queue_cursor *c, uint32_t len);
/*
 * Describes up to `len` bytes from `offset` in at most `max` extents. Returns
 * how many extents; *covered (may be NULL) how many bytes. `c` may be NULL.
 */
uint32_t queue_view(const struct payload *p, const struct queue *q,
		    struct queue_cursor *c, uint32_t offset, uint32_t len,
		    struct minato_extent *out, uint32_t max, uint32_t *covered);

#endif
