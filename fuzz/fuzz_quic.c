/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams from anywhere. The first byte says what the rest is: datagrams as they come, frames
 * that are sealed here, or a hello that is cut and shuffled here, which must change nothing.
 */
#include "fuzz/expect.h"
#include "unit/quic_fixture.h"

enum { RAW, FRAMES, HELLO, WAYS };

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static enum inspect_verdict ask(struct inspect_quic *quic, const uint8_t *data, size_t len,
				struct inspect_wish *wish)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum inspect_verdict verdict;

	expect(copy != NULL);
	if (len)
		memcpy(copy, data, len);
	verdict = inspect_quic(quic, copy, len, wish);
	free(copy);
	expect((verdict == INSPECT_MALFORMED) == (wish->fault != NULL));
	expect(strlen(wish->name) <= INSPECT_NAME_MAX);
	expect(quic->held <= INSPECT_QUIC_HELD_MAX && quic->read <= quic->whole);
	expect(inspect_quic_initial(data, len) || verdict == INSPECT_PASS);
	return verdict;
}

/* Each with two bytes of its length. */
static void raw(const uint8_t *data, size_t size)
{
	struct inspect_quic quic = { 0 };
	struct inspect_wish wish;

	while (size >= 2) {
		size_t len = (size_t)(data[0] << 8 | data[1]);

		len = len < size - 2 ? len : size - 2;
		ask(&quic, data + 2, len, &wish);
		data += 2 + len;
		size -= 2 + len;
	}
}

/* Packets of at most `step` bytes of frames each. */
static void sealed_frames(const uint8_t *data, size_t size)
{
	static struct bytes frames, datagram;
	struct inspect_quic quic = { 0 };
	struct inspect_wish wish;
	size_t step = size > 1 ? 64u + data[0] * 8u : 64u;
	struct initial initial = {
		size > 2 && data[1] & 1 ? QUICKEYS_V2 : QUICKEYS_V1, "client's", 0, 1, NULL, 0
	};

	for (size_t at = 2; at < size; at += step, initial.number++) {
		frames.len = datagram.len = 0;
		put(&frames, data + at, size - at < step ? size - at : step);
		while (frames.len < 8)
			put8(&frames, 0);
		put_initial(&datagram, &initial, &frames);
		ask(&quic, datagram.at, datagram.len, &wish);
	}
}

/* One message in frames of any size and order, in datagrams that each begin a new packet. */
static enum inspect_verdict shuffled(const uint8_t *message, size_t len, uint32_t seed,
				     struct inspect_wish *wish)
{
	static struct bytes frames, datagram;
	struct inspect_quic quic = { 0 };
	struct initial initial = { QUICKEYS_V1, "client's", 0, 2, NULL, 0 };
	size_t cuts[5] = { 0, 0, 0, 0, len };
	size_t order[4] = { 0, 1, 2, 3 };
	enum inspect_verdict verdict = INSPECT_MORE;

	for (size_t i = 1; i < 4; i++)
		cuts[i] = cuts[i - 1] + next(&seed) % (len - cuts[i - 1] + 1);
	for (size_t i = 3; i > 0; i--) {
		size_t j = next(&seed) % (i + 1);
		size_t kept = order[i];

		order[i] = order[j];
		order[j] = kept;
	}
	for (size_t i = 0; i < 4 && verdict == INSPECT_MORE; i++, initial.number++) {
		size_t part = order[i];

		frames.len = datagram.len = 0;
		put_crypto(&frames, cuts[part], message, cuts[part + 1] - cuts[part]);
		put(&frames, "\0\0\0\0\0\0", 6);
		put_initial(&datagram, &initial, &frames);
		verdict = ask(&quic, datagram.at, datagram.len, wish);
	}
	return verdict;
}

static void hello(const uint8_t *body, size_t len)
{
	static struct bytes message;
	struct inspect_wish plain = { 0 }, wish;
	const char *fault;

	if (len > 3000)
		return;
	fault = hello_read(body, len, &plain);
	message.len = 0;
	put16(&message, 0x100);
	put16(&message, len);
	put(&message, body, len);
	for (uint32_t seed = 0; seed < 3; seed++) {
		enum inspect_verdict verdict = shuffled(message.at, message.len, seed, &wish);

		expect(verdict == (fault ? INSPECT_MALFORMED : INSPECT_WISH));
		expect(wish.fault == fault);
		expect(fault || strcmp(wish.name, plain.name) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % WAYS == RAW || !inspect_quic_able())
		raw(data + 1, size - 1);
	else if (data[0] % WAYS == FRAMES)
		sealed_frames(data + 1, size - 1);
	else
		hello(data + 1, size - 1);
	return 0;
}
