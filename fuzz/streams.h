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

/* What a server says to the first that was asked of it, by the data: all ways, the same. */
static void answer(struct inspect_stream *stream, const uint8_t *data, size_t size, uint32_t seed)
{
	static const char *const answers[] = {
		"\x16\3\3\0\x2c\2\0\0\x28\3\3\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\2\x1e"
		"\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\7\x9e\x09\xe2\xc8\xa8\x33\x9c\0\x13"
		"\1\0\0\0",
		"\x16\3\3\0\x2c\2\0\0\x28\3\3random",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
	};
	static const uint8_t lengths[] = { 49, 17, 50, 19 };
	size_t which = size > 0 ? data[size - 1] % 8u : 7;

	for (size_t at = 0; which < 4 && at < lengths[which];) {
		size_t len = seed ? 1 : lengths[which];

		inspect_heard(stream, (const uint8_t *)answers[which] + at, len);
		at += len;
	}
}

/* Pieces of sizes by the seed; 0: all at once. */
static void run(const uint8_t *data, size_t size, uint32_t seed, struct account *a)
{
	struct inspect_stream stream = { 0 };
	size_t have = seed ? 0 : size;

	*a = (struct account){ .look = a->look };
	for (;;) {
		bool goes_on = a->passed < have || have == 0;

		while (goes_on) {
			size_t before = a->wishes;

			goes_on = step(&stream, data + a->passed, have - a->passed, a) &&
				  a->passed < have;
			if (before == 0 && a->wishes == 1)
				answer(&stream, data, size, seed);
		}
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
