/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of a gateway's memory that are made before the first session comes. */
#include "cmd/gateway/gateway.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE /* Linux 6.1 */
#define MADV_COLLAPSE 25
#endif

#define PIECE GATEWAY_PIECE
/* Of what could be taken without anybody feeling it. */
#define SHARE 16u

/*
 * A large page is made only of what has a small one already. The kernel may want to move others'
 * pages for it, or not have one: small ones do as well, for somewhat more time. Nothing is touched
 * here: where there is no memory that would be the end of the process.
 */
/* unsealed: madvise */
static int make(uint8_t *piece)
{
	if (madvise(piece, 1, MADV_POPULATE_WRITE) < 0)
		return -1;
	if (madvise(piece, PIECE, MADV_COLLAPSE) == 0)
		return 0;
	return madvise(piece, PIECE, MADV_POPULATE_WRITE);
}

/* Marks what the ranges touch; returns how many pieces that is. */
static size_t mark(uint8_t *marks, size_t pieces, const struct minato_range *ranges, uint32_t count)
{
	size_t marked = 0;

	for (uint32_t i = 0; i < count; i++) {
		size_t first = (GATEWAY_HEAD_SIZE + ranges[i].at) / PIECE;
		size_t last = (GATEWAY_HEAD_SIZE + ranges[i].at + ranges[i].bytes - 1) / PIECE;

		for (size_t p = first; p <= last && p < pieces; p++) {
			marked += !marks[p];
			marks[p] = 1;
		}
	}
	return marked;
}

int64_t gateway_memory_ready(int fd, struct minato_time until)
{
	struct minato_range ranges[MINATO_RANGES_MAX];
	struct gateway_head *head;
	size_t size, pieces, wanted, done = 0;
	uint8_t *marks;
	uint32_t count;
	int result = gateway_memory_map(fd, true, &head, &size);

	if (result < 0)
		return result;
	count = minato_sessions_ranges(&head->config, ranges);
	pieces = (GATEWAY_HEAD_SIZE + size) / PIECE;
	marks = calloc(pieces + 1, 1);
	wanted = marks ? mark(marks, pieces, ranges, count) : 0;
	if (wanted > drive_headroom() / SHARE / PIECE)
		wanted = 0;
	for (size_t p = 0; wanted > 0 && p < pieces && drive_now().ns < until.ns; p++) {
		if (!marks[p])
			continue;
		if (make((uint8_t *)head + p * PIECE) < 0)
			break;
		done++;
	}
	free(marks);
	(void)munmap(head, GATEWAY_HEAD_SIZE + size);
	return (int64_t)(done * PIECE);
}
