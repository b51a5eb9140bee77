/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What verify reads: packets that a NAT under test lets out, and messages of graders and
 * responders. Whatever comes is read within its bounds and can be said; what is whole is built
 * again as long as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool fact)
{
	if (!fact)
		abort();
}

static void check_packet(const uint8_t *data, size_t size)
{
	static struct verify_packet p, again, quoted;
	uint8_t bytes[VERIFY_BYTES_MAX];
	char text[VERIFY_TEXT_SIZE];
	const char *wrong = verify_read(data, size, &p);

	demand(p.len <= VERIFY_DATA_MAX && p.option_len <= 40 && p.tcp_option_len <= 40);
	demand(strlen(verify_text(text, &p)) < VERIFY_TEXT_SIZE);
	if (verify_is_error(&p) && !verify_read_quoted(&p, &quoted)) {
		demand(quoted.len <= p.len);
		verify_text(text, &quoted);
	}
	if (wrong || p.offset || p.mf)
		return;
	demand(!verify_read(bytes, verify_build(&p, bytes), &again));
	demand(again.len == p.len && !memcmp(again.data, p.data, p.len));
	demand(again.src.addr == p.src.addr && again.dst.port == p.dst.port);
}

static void check_message(const uint8_t *data, size_t size)
{
	struct verify_message m, again;
	uint8_t bytes[VERIFY_MESSAGE];

	if (!verify_message_read(data, size, &m))
		return;
	demand(size >= VERIFY_MESSAGE);
	verify_message_write(&m, bytes);
	demand(verify_message_read(bytes, sizeof(bytes), &again));
	demand(again.kind == m.kind && again.port == m.port && again.cookie == m.cookie &&
	       again.full == m.full && again.other == m.other && again.seen.addr == m.seen.addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = calloc(1, size ? size : 1);

	demand(exact != NULL);
	if (size)
		memcpy(exact, data, size);
	check_packet(exact, size);
	check_message(exact, size);
	free(exact);
	return 0;
}
