/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client of TLS sends behind its ClientHello, as far as it can be another one: the answer to
 * a HelloRetryRequest (RFC 8446 4.1.4), before which early data and a change of keys that is none
 * may stand (4.2.10, appendix D.4). What the server has said tells which it is:
 *
 *   nothing yet        those two, and alerts; all else waits, since no client has more to say
 *   HelloRetryRequest  those two, and alerts; then a ClientHello, which is weighed as the first is
 *   ServerHello        the client's keys, by its first bytes that only a client says who has them;
 *                      another ClientHello without a change of keys is weighed all the same
 *   something strange  as after a HelloRetryRequest
 */
#include "inspect/inspect.h"

#include <string.h>

#define RECORD_HEAD 5u
#define RECORD_MAX 18432u /* with what sealing adds (RFC 5246 6.2.3) */
#define CLIENT_HELLO 1u
#define HELLO_SEEN 6u  /* bytes by which a ClientHello is told: type, length, version */
#define SEALED_MIN 16u /* a sealed record is as long at least */

enum record_type {
	RECORD_KEYS = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
};

static enum inspect_verdict refuse(struct inspect_stream *stream, struct inspect_wish *wish,
				   const char *fault)
{
	stream->where = INSPECT_AT_FAULT;
	wish->fault = fault;
	return INSPECT_MALFORMED;
}

/* What is neither a hello nor may stand before one. */
static enum inspect_verdict end(struct inspect_stream *stream, size_t len, size_t *pass,
				struct inspect_wish *wish)
{
	if (stream->answer == INSPECT_GOES_ON) {
		stream->where = INSPECT_AT_REST;
		*pass = len;
		return INSPECT_PASS;
	}
	if (stream->answer != INSPECT_AWAITED)
		return refuse(stream, wish, "something else where a second ClientHello was due");
	if (len >= INSPECT_WINDOW)
		return refuse(stream, wish, "more behind a ClientHello than waits for an answer");
	return INSPECT_MORE;
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

static enum inspect_verdict read_hello(struct inspect_stream *stream, const uint8_t *bytes,
				       size_t len, size_t *pass, struct inspect_wish *wish)
{
	enum inspect_verdict verdict = tls_read(bytes, len, pass, wish);

	if (verdict == INSPECT_MALFORMED)
		stream->where = INSPECT_AT_FAULT;
	if (verdict != INSPECT_WISH)
		return verdict;
	stream->early = wish->early;
	stream->keys = false;
	if (stream->answer != INSPECT_STRANGE)
		stream->answer = INSPECT_AWAITED;
	return verdict;
}

/*
 * Behind a change of keys it is sealed, and may begin with any byte: it looks like a hello in one
 * of 2^32 cases, and is refused then. What is too short to be sealed is a piece of one, if it can
 * be.
 */
static bool is_hello(const uint8_t *body, size_t len, bool keys)
{
	if (body[0] != CLIENT_HELLO)
		return false;
	return !keys || len < SEALED_MIN || (body[1] == 0 && body[4] == 3 && body[5] <= 4);
}

/* A record of a handshake, with bytes in it. */
static enum inspect_verdict read_handshake(struct inspect_stream *stream, const uint8_t *bytes,
					   size_t len, size_t *pass, struct inspect_wish *wish)
{
	size_t record_len = (size_t)(bytes[3] << 8 | bytes[4]);
	size_t seen = record_len < HELLO_SEEN ? record_len : HELLO_SEEN;

	if (stream->answer == INSPECT_AWAITED)
		return end(stream, len, pass, wish);
	if (stream->answer != INSPECT_GOES_ON)
		return read_hello(stream, bytes, len, pass, wish);
	if (len < RECORD_HEAD + seen)
		return INSPECT_MORE;
	if (is_hello(bytes + RECORD_HEAD, record_len, stream->keys))
		return read_hello(stream, bytes, len, pass, wish);
	return end(stream, len, pass, wish);
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
	    (bytes[0] == RECORD_DATA && (!stream->early || stream->answer == INSPECT_GOES_ON)))
		return end(stream, len, pass, wish);
	if (len < RECORD_HEAD)
		return INSPECT_MORE;
	record_len = (size_t)(bytes[3] << 8 | bytes[4]);
	if (record_len > RECORD_MAX)
		return end(stream, len, pass, wish);
	/* Without bytes it is no step of a handshake, and what follows may be. */
	if (bytes[0] == RECORD_HANDSHAKE && record_len > 0)
		return read_handshake(stream, bytes, len, pass, wish);
	if (stream->records == INSPECT_RECORDS_MAX)
		return refuse(stream, wish, "more than 1,024 records behind a ClientHello");
	stream->records++;
	stream->keys |= bytes[0] == RECORD_KEYS;
	stream->where = INSPECT_AT_RECORD_DATA;
	stream->left = RECORD_HEAD + record_len;
	return pass_record(stream, len, pass);
}
