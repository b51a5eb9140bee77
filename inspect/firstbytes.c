/* SPDX-License-Identifier: BSD-2-Clause */
/* The first bytes of a TCP connection, whatever they turn out to be. */
#include "inspect/inspect.h"

#include <string.h>

/* Nothing of HTTP begins like a record of TLS, nor the other way. */
static enum inspect_verdict begin(struct inspect_stream *stream, const uint8_t *bytes, size_t len,
				  size_t *pass, struct inspect_wish *wish)
{
	enum inspect_verdict verdict = tls_read(bytes, len, pass, wish);

	if (verdict == INSPECT_OTHER)
		return http_read(stream, bytes, len, pass, wish);
	if (verdict == INSPECT_WISH) {
		stream->where = INSPECT_AT_RECORD;
		stream->early = wish->early;
		if (stream->answer == INSPECT_UNASKED)
			stream->answer = INSPECT_AWAITED;
	} else if (verdict == INSPECT_MALFORMED) {
		stream->where = INSPECT_AT_FAULT;
	}
	return verdict;
}

enum inspect_verdict inspect_stream(struct inspect_stream *stream, const uint8_t *bytes, size_t len,
				    size_t *pass, struct inspect_wish *wish)
{
	if (stream->where == INSPECT_AT_START)
		return begin(stream, bytes, len, pass, wish);
	if (stream->where == INSPECT_AT_RECORD || stream->where == INSPECT_AT_RECORD_DATA)
		return afterhello_read(stream, bytes, len, pass, wish);
	return http_read(stream, bytes, len, pass, wish);
}
