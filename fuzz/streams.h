/* SPDX-License-Identifier: BSD-2-Clause */
/* What the client of a TCP connection sends, cut into pieces. */
#ifndef FUZZ_STREAMS_H
#define FUZZ_STREAMS_H

#include "fuzz/expect.h"
#include "inspect/inspect.h"

#include <string.h>

/* What came of it: whom it named, how far it went, and how it ended. */
struct account {
	uint64_t names; /* a sum over the wishes */
	size_t wishes, passed;
	const char *fault;
	bool over;
	/* Sees the bytes of each wish; may be NULL. */
	void (*look)(const uint8_t *bytes, size_t len, const struct inspect_wish *wish);
};

static uint64_t sum(uint64_t so_far, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		so_far = (so_far ^ bytes[i]) * 0x100000001b3u;
	return so_far;
}

static void check_wish(const struct inspect_wish *wish)
{
	size_t len = strlen(wish->name);

	expect(len <= INSPECT_NAME_MAX && strlen(wish->alpn) <= INSPECT_ALPN_MAX);
	expect(wish->named == (len > 0) && (wish->named || !wish->literal));
	expect(!wish->fault);
	for (size_t i = 0; i < len; i++)
		expect(wish->name[i] > ' ' && wish->name[i] < 0x7f &&
		       (wish->name[i] < 'A' || wish->name[i] > 'Z'));
}

/* Asks about a copy of the very size; false when there is nothing to be got any more. */
static bool step(struct inspect_stream *stream, const uint8_t *bytes, size_t len, struct account *a)
{
	uint8_t *copy = malloc(len ? len : 1);
	struct inspect_wish wish;
	enum inspect_verdict verdict;
	size_t pass;

	expect(copy != NULL);
	if (len)
		memcpy(copy, bytes, len);
	verdict = inspect_stream(stream, copy, len, &pass, &wish);
	free(copy);
	expect(pass <= len);
	expect((verdict == INSPECT_MORE || verdict == INSPECT_MALFORMED) == (pass == 0));
	expect(verdict != INSPECT_MORE || len < INSPECT_WINDOW);
	expect(verdict != INSPECT_OTHER || (inspect_stream_over(stream) && pass == len));
	if (verdict == INSPECT_WISH) {
		check_wish(&wish);
		if (a->look)
			a->look(bytes, pass, &wish);
		a->names = sum(a->names, &wish.port, sizeof(wish.port));
		a->names = sum(a->names, wish.name, strlen(wish.name) + 1);
		a->wishes++;
	}
	if (verdict == INSPECT_MALFORMED) {
		expect(wish.fault != NULL);
		a->fault = wish.fault;
	}
	a->passed += pass;
	a->over = inspect_stream_over(stream);
	return pass > 0;
}

/* Pieces of sizes by the seed; 0: all at once. */
static void run(const uint8_t *data, size_t size, uint32_t seed, struct account *a)
{
	struct inspect_stream stream = { 0 };
	size_t have = seed ? 0 : size;

	*a = (struct account){ .look = a->look };
	for (;;) {
		while (step(&stream, data + a->passed, have - a->passed, a) && a->passed < have)
			;
		if (have == size || a->fault)
			return;
		seed = seed * 1664525u + 1013904223u;
		have += 1 + (seed >> 16) % (seed >> 31 ? 3 : 200);
		have = have < size ? have : size;
	}
}

/* However it is cut, it comes to the same. */
static inline void run_all_ways(const uint8_t *data, size_t size,
				void (*look)(const uint8_t *bytes, size_t len,
					     const struct inspect_wish *wish))
{
	struct account whole = { .look = look };
	struct account pieces = { .look = look };

	run(data, size, 0, &whole);
	for (uint32_t seed = 1; seed < 4; seed++) {
		run(data, size, seed * 77u + (uint32_t)size, &pieces);
		expect(whole.wishes == pieces.wishes && whole.names == pieces.names);
		expect(whole.passed == pieces.passed && whole.fault == pieces.fault);
		expect(whole.over == pieces.over);
	}
}

#endif
