/* SPDX-License-Identifier: BSD-2-Clause */
/* ClientHellos to look into, and streams that come in pieces. */
#ifndef TEST_INSPECT_FIXTURE_H
#define TEST_INSPECT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "inspect/inspect.h"

__attribute__((unused)) static void put_extension(struct bytes *b, unsigned type, const void *data,
						  size_t len)
{
	put16(b, type);
	put16(b, len);
	put(b, data, len);
}

__attribute__((unused)) static void put_server_name(struct bytes *b, const char *name, size_t len)
{
	struct bytes e = { .len = 0 };

	put16(&e, len + 3);
	put8(&e, 0);
	put16(&e, len);
	put(&e, name, len);
	put_extension(b, 0, e.at, e.len);
}

/* The body of a ClientHello with these extensions. */
__attribute__((unused)) static void put_hello(struct bytes *b, const struct bytes *extensions)
{
	put16(b, 0x0303);
	for (unsigned i = 0; i < 32; i++)
		put8(b, i);
	put8(b, 0);
	put16(b, 2);
	put16(b, 0x1301);
	put8(b, 1);
	put8(b, 0);
	put16(b, extensions->len);
	put(b, extensions->at, extensions->len);
}

/* The same with the message's head. */
__attribute__((unused)) static void put_message(struct bytes *b, const struct bytes *extensions)
{
	struct bytes body = { .len = 0 };

	put_hello(&body, extensions);
	put8(b, 1);
	put8(b, 0);
	put16(b, body.len);
	put(b, body.at, body.len);
}

/* The message in records of at most `piece` bytes. */
__attribute__((unused)) static void put_records(struct bytes *b, const struct bytes *message,
						size_t piece)
{
	for (size_t at = 0; at < message->len; at += piece) {
		size_t len = message->len - at < piece ? message->len - at : piece;

		put8(b, 22);
		put16(b, 0x0301);
		put16(b, len);
		put(b, message->at + at, len);
	}
}

__attribute__((unused)) static void named_message(struct bytes *message, const char *name)
{
	struct bytes extensions = { .len = 0 };

	message->len = 0;
	put_server_name(&extensions, name, strlen(name));
	put_message(message, &extensions);
}

/* What a stream of pieces of `step` bytes came to: each wish's name and a bar, then the end. */
struct account {
	char names[2048];
	size_t passed, wishes;
	enum inspect_verdict last;
	const char *fault;
	struct inspect_wish wish; /* the last */
};

/* What the server says when so many wishes have gone on; set before, all zero: nothing. */
struct said {
	size_t wishes;
	const void *data;
	size_t len;
};
static struct said said[4];

__attribute__((unused)) static void hear(struct inspect_stream *stream, size_t wishes, size_t step)
{
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		const uint8_t *at = said[i].data;
		size_t left = said[i].wishes == wishes ? said[i].len : 0;

		while (left > 0) {
			size_t here = left < step ? left : step;

			inspect_heard(stream, at, here);
			at += here;
			left -= here;
		}
	}
}

__attribute__((unused)) static void run_stream(const void *data, size_t len, size_t step,
					       struct account *a)
{
	struct inspect_stream stream = { 0 };
	const uint8_t *bytes = data;
	size_t have = 0;

	memset(a, 0, sizeof(*a));
	a->last = INSPECT_MORE;
	hear(&stream, 0, step);
	while (have < len && a->last != INSPECT_MALFORMED) {
		have = len - have < step ? len : have + step;
		do {
			/* Of the very size, so that a step beyond is seen. */
			size_t here = have - a->passed;
			uint8_t *copy = malloc(here ? here : 1);
			struct inspect_wish wish;
			size_t pass;

			assert_non_null(copy);
			memcpy(copy, bytes + a->passed, here);
			a->last = inspect_stream(&stream, copy, here, &pass, &wish);
			free(copy);
			assert_true(pass <= here);
			a->passed += pass;
			if (a->last == INSPECT_WISH) {
				strcat(strcat(a->names, wish.name), "|");
				a->wishes++;
				a->wish = wish;
				hear(&stream, a->wishes, step);
			}
			if (a->last == INSPECT_MALFORMED)
				a->fault = wish.fault;
		} while (a->passed < have && a->last != INSPECT_MORE &&
			 a->last != INSPECT_MALFORMED);
	}
}

/* Whole, byte by byte and in pieces of seven it must come to the same. */
__attribute__((unused)) static void run_all_ways(const void *data, size_t len, struct account *a)
{
	static const size_t steps[] = { 1, 7 };
	struct account b;

	run_stream(data, len, len ? len : 1, a);
	for (size_t i = 0; i < 2; i++) {
		run_stream(data, len, steps[i], &b);
		assert_string_equal(a->names, b.names);
		assert_int_equal(a->wishes, b.wishes);
		assert_int_equal(a->passed, b.passed);
		assert_ptr_equal(a->fault, b.fault);
	}
}

#endif
