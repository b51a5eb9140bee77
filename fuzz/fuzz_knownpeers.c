/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame that leaves and another that comes: whatever is in them, no byte behind their end is
 * looked at, also for their look, and who got something from us over TCP or UDP is known when it
 * sends the same back.
 */
#include "expect.h"

#include <string.h>

#include "drive/intake.h"

static const uint64_t seed[2] = { 1, 2 };

/* Of just that size, so that the sanitizer sees a byte beyond it. */
static uint8_t *copy(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size + (size == 0));

	expect(bytes);
	memcpy(bytes, data, size);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive_known known;
	static struct drive_looks looks;
	const size_t head = size > 0 ? data[0] % size : 0;
	const uint32_t then_s = size > 1 ? data[1] * 43200u : 0;
	struct drive_call call = { 0 };
	uint8_t *frame;

	if (size < 2 || size > 2000)
		return 0;
	drive_known_reset(&known, seed, false);
	drive_looks_reset(&looks, seed[0]);
	frame = copy(data + 1, head);
	/* As a frame leaves: only its headers are in one piece. */
	drive_known_leaves(&known, frame, (uint32_t)head, (uint32_t)size - 1, 100);
	drive_known_leaves(&known, frame, (uint32_t)head, (uint32_t)head, then_s);
	free(frame);
	frame = copy(data + 1, size - 1);
	expect(drive_known_crowd(&known, frame, (uint32_t)size - 1, 0, &call) < DRIVE_CROWDS);
	expect(call.network < DRIVE_KNOWN_NETWORKS && drive_known_few(&known, call.network));
	/* One call is too few for any to be rare. */
	expect(!drive_looks_note(&looks, drive_looks_of(&looks, frame, (uint32_t)size - 1)));
	/* Of IPv4 without options, with its addresses changed about. */
	if (size > 60 && frame[12] == 8 && frame[13] == 0 && (frame[14] & 15) == 5 &&
	    (frame[23] == 17 || frame[23] == 1)) {
		uint8_t source[4];

		frame[16] = 0;
		frame[17] = 40;
		drive_known_leaves(&known, frame, (uint32_t)size - 1, (uint32_t)size - 1, then_s);
		memcpy(source, frame + 26, 4);
		memcpy(frame + 26, frame + 30, 4);
		memcpy(frame + 30, source, 4);
		if (frame[23] == 17)
			expect(drive_known_crowd(&known, frame, (uint32_t)size - 1, 0, &call) >=
			       DRIVE_CROWD_KNOWN);
	}
	free(frame);
	return 0;
}
