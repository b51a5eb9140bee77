/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client of TLS sends behind its ClientHello, as far as it can be another one: the answer to
 * a HelloRetryRequest (RFC 8446 4.1.4), before which early data and a change of keys that is none
 * may stand (4.2.10, appendix D.4). The first bytes that only a client says who has keys end it.
 */
#include "inspect/inspect.h"

#include <string.h>

#define RECORD_HEAD 5u
#define RECORD_MAX 18432u /* with what sealing adds (RFC 5246 6.2.3) */
#define HELLO_SEEN 6u	  /* bytes by which a ClientHello is told: type, length, version */
#define SEALED_MIN 16u	  /* a sealed record is as long at least */

enum record_type {
	RECORD_KEYS = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
};

static enum inspect_verdict rest(struct inspect_stream *stream, size_t len, size_t *pass)
{
	stream->where = INSPECT_AT_REST;
	*pass = len;
	return INSPECT_PASS;
}

/* As much of the record as there is. */
static enum inspect_verdict pass_record(struct inspect_stream *stream, size_t len, size_t *pass)
{
	*pass = len < stream->left ? len : (size_t)stream->left;
	stream->left -= *pass;
	if (stream->left == 0)
		stream->where = INSPECT_AT_RECORD;
	return INSPECT_PASS;
}

/*
 * Sealed bytes look like one in one of 2^32 cases, and are refused then. What is too short to be
 * sealed is a piece of one, if it can be.
 */
static bool is_hello(const uint8_t *body, size_t len)
{
	if (len == 0 || body[0] != 1)
		return false;
	return len < SEALED_MIN || (body[1] == 0 && body[4] == 3 && body[5] <= 4);
}

static enum inspect_verdict read_hello(struct inspect_stream *stream, const uint8_t *bytes,
				       size_t len, size_t *pass, struct inspect_wish *wish)
{
	enum inspect_verdict verdict = tls_read(bytes, len, pass, wish);

	if (verdict == INSPECT_MALFORMED)
		stream->where = INSPECT_AT_FAULT;
	if (verdict == INSPECT_WISH)
		stream->early = wish->early;
	return verdict;
}

enum inspect_verdict afterhello_read(struct inspect_stream *stream, const uint8_t *bytes,
				     size_t len, size_t *pass, struct inspect_wish *wish)
{
	size_t record_len;

	memset(wish, 0, sizeof(*wish));
	wish->sort = INSPECT_TLS;
	*pass = 0;
	if (len == 0)
		return INSPECT_MORE;
	if (stream->where == INSPECT_AT_RECORD_DATA)
		return pass_record(stream, len, pass);
	if (bytes[0] < RECORD_KEYS || bytes[0] > RECORD_DATA || (len > 1 && bytes[1] != 3) ||
	    (bytes[0] == RECORD_DATA && !stream->early))
		return rest(stream, len, pass);
	if (len < RECORD_HEAD)
		return INSPECT_MORE;
	record_len = (size_t)(bytes[3] << 8 | bytes[4]);
	if (record_len > RECORD_MAX)
		return rest(stream, len, pass);
	if (bytes[0] == RECORD_HANDSHAKE) {
		size_t seen = record_len < HELLO_SEEN ? record_len : HELLO_SEEN;

		if (len < RECORD_HEAD + seen)
			return INSPECT_MORE;
		if (is_hello(bytes + RECORD_HEAD, record_len))
			return read_hello(stream, bytes, len, pass, wish);
		/* Without bytes it is no step of a handshake, and what follows may be. */
		if (record_len > 0)
			return rest(stream, len, pass);
	}
	if (stream->records == INSPECT_RECORDS_MAX)
		return rest(stream, len, pass);
	stream->records++;
	stream->where = INSPECT_AT_RECORD_DATA;
	stream->left = RECORD_HEAD + record_len;
	return pass_record(stream, len, pass);
}
