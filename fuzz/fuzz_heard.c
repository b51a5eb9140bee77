/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers of servers from anywhere, to a ClientHello or to a request that asks for a change (the
 * first byte says which): the same however they are cut, and nothing is made free without the word
 * that makes it.
 */
#include "fuzz/expect.h"
#include "inspect/inspect.h"

#include <string.h>

static bool holds(const uint8_t *data, size_t size, const void *what, size_t len)
{
	for (size_t i = 0; len <= size && i <= size - len; i++)
		if (memcmp(data + i, what, len) == 0)
			return true;
	return false;
}

static enum inspect_answer hear(const uint8_t *data, size_t size, bool tls, size_t step)
{
	struct inspect_stream stream = {
		.where = tls ? INSPECT_AT_RECORD : INSPECT_AT_HEAD,
		.answer = INSPECT_AWAITED,
	};
	enum inspect_answer last = INSPECT_AWAITED;

	for (size_t at = 0; at < size; at += step) {
		size_t len = size - at < step ? size - at : step;
		uint8_t *copy = malloc(len);
		bool news;

		expect(copy != NULL);
		memcpy(copy, data + at, len);
		news = inspect_heard(&stream, copy, len);
		expect(news == (stream.answer != last));
		free(copy);
		last = stream.answer;
	}
	return last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool tls = size > 0 && data[0] & 1;
	enum inspect_answer whole;

	if (size < 2)
		return 0;
	data++;
	size--;
	whole = hear(data, size, tls, size);
	expect(whole == hear(data, size, tls, 1) && whole == hear(data, size, tls, 7));
	expect(whole != INSPECT_UNASKED);
	if (whole == INSPECT_AGREED)
		expect(!tls && memcmp(data, "HTTP/1.", 7) == 0 && holds(data, size, " 101", 4) &&
		       holds(data, size, "\r\n\r\n", 4));
	/* In pieces the random may lie in more than one record. */
	if (whole == INSPECT_RETRIES)
		expect(tls && (data[0] == 22 || data[0] == 21 || data[0] == 20) && size >= 43);
	if (!tls)
		expect(whole != INSPECT_RETRIES);
	return 0;
}
