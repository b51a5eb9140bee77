/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP options: the input is all options (up to 40 bytes) behind a sound
 * header. What was understood, written again and read again, is the same.
 */
#include "expect.h"

#include <string.h>

#include "wire/wire.h"

static void expect_same(const struct tcp_options *a,
			const struct tcp_options *b, bool syn)
{
	const uint32_t room = a->has_timestamp ? 3 : 4;
	const uint32_t blocks = a->sack_count < room ? a->sack_count : room;

	expect(a->has_timestamp == b->has_timestamp);
	expect(a->tsval == b->tsval && a->tsecr == b->tsecr);
	if (!syn) {
		expect(b->sack_count == blocks);
		expect(memcmp(a->sack, b->sack, blocks * 8) == 0);
		return;
	}
	expect(a->mss == b->mss);
	expect(a->has_wscale == b->has_wscale && a->wscale == b->wscale);
	expect(a->sack_permitted == b->sack_permitted);
}

static void write_and_read(struct tcp_segment *s, bool syn)
{
	struct tcp_segment back;
	uint8_t *exact;
	uint8_t out[60];
	uint32_t len, header_len;

	s->flags = syn ? TCP_SYN : TCP_ACK;
	len = tcp_build(s, out);
	expect(len >= 20 && len <= 60 && len % 4 == 0);
	exact = malloc(len);
	memcpy(exact, out, len);
	expect(tcp_parse(exact, len, &back, &header_len) == DROP_NONE);
	expect(header_len == len && back.flags == s->flags);
	expect_same(&s->options, &back.options, syn);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t len = size > 40 ? 40 : size & ~(size_t)3;
	struct tcp_segment s;
	uint32_t header_len;
	uint8_t *header = calloc(1, 20 + len);

	header[1] = 1;
	header[3] = 2;
	header[12] = (uint8_t)((20 + len) / 4 << 4);
	memcpy(header + 20, data, len);
	/* No option can make a segment unreadable (MUST-7). */
	expect(tcp_parse(header, 20 + (uint32_t)len, &s, &header_len) ==
	       DROP_NONE);
	expect(header_len == 20 + len);
	expect(!s.options.has_wscale || s.options.wscale <= 14);
	write_and_read(&s, true);
	write_and_read(&s, false);
	free(header);
	return 0;
}
