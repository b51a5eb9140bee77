/* SPDX-License-Identifier: BSD-2-Clause */
/* A ClientHello in records from anywhere: the same account however the stream is cut. */
#include "fuzz/streams.h"

/* The name stands in the bytes, as it was said but for upper case. */
static void look(const uint8_t *bytes, size_t len, const struct inspect_wish *wish)
{
	size_t name_len = strlen(wish->name);

	if (wish->sort != INSPECT_TLS)
		return;
	expect(len > 5 && !wish->literal && wish->port == 0);
	/* Records may run through the name; in the first alone it is in one piece. */
	if (!wish->named || len != 5u + (size_t)(bytes[3] << 8 | bytes[4]))
		return;
	for (size_t at = 0; at + name_len <= len; at++) {
		size_t i = 0;

		while (i < name_len &&
		       (bytes[at + i] |
			(bytes[at + i] >= 'A' && bytes[at + i] <= 'Z' ? 0x20 : 0)) ==
			       (uint8_t)wish->name[i])
			i++;
		if (i == name_len)
			return;
	}
	expect(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run_all_ways(data, size, look);
	return 0;
}
