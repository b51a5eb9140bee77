/* SPDX-License-Identifier: BSD-2-Clause */
/* The requests of a connection of HTTP/1.x, one after another: where each ends (RFC 9112 6, 7). */
#include "inspect/inspect.h"

#include <string.h>

#define CHUNK_LINE_MAX 1024u

static enum inspect_verdict refuse(struct inspect_stream *stream, size_t *pass,
				   struct inspect_wish *wish, const char *fault)
{
	stream->where = INSPECT_AT_FAULT;
	*pass = 0;
	if (fault)
		wish->fault = fault;
	return INSPECT_MALFORMED;
}

static void message_ends(struct inspect_stream *stream)
{
	stream->where = INSPECT_AT_HEAD;
	stream->left = 0;
}

static enum inspect_verdict request_begins(struct inspect_stream *stream, const uint8_t *bytes,
					   size_t len, size_t *pass, struct inspect_wish *wish)
{
	bool first = stream->where == INSPECT_AT_START;
	bool changed = stream->answer == INSPECT_AGREED;
	struct httphead head;
	enum inspect_verdict verdict = httphead_read(bytes, len, &head, wish);

	if (verdict == INSPECT_MORE)
		return INSPECT_MORE;
	if (verdict == INSPECT_OTHER && (first || changed)) {
		stream->where = INSPECT_AT_REST;
		*pass = len;
		return changed ? INSPECT_PASS : INSPECT_OTHER;
	}
	/* No client speaks another protocol before it knows that it may (RFC 9110 7.8). */
	if (verdict == INSPECT_OTHER && stream->answer == INSPECT_AWAITED)
		return refuse(stream, pass, wish, "another protocol before the server agreed");
	if (verdict == INSPECT_OTHER)
		return refuse(stream, pass, wish, "something behind a request that is none");
	if (verdict == INSPECT_MALFORMED)
		return refuse(stream, pass, wish, NULL);
	*pass = head.len;
	if (wish->sort == INSPECT_HTTP2) {
		stream->where = INSPECT_AT_REST;
		return INSPECT_WISH;
	}
	/* Only the answer to a first request is known for sure to be its own. */
	if (stream->answer == INSPECT_UNASKED)
		stream->answer = wish->upgrades ? INSPECT_AWAITED : INSPECT_GOES_ON;
	stream->left = head.length;
	if (head.chunked)
		stream->where = INSPECT_AT_CHUNK;
	else if (head.length > 0)
		stream->where = INSPECT_AT_BODY;
	else
		message_ends(stream);
	return INSPECT_WISH;
}

static enum inspect_verdict body_goes_on(struct inspect_stream *stream, size_t len, size_t *pass)
{
	*pass = stream->left < len ? (size_t)stream->left : len;
	stream->left -= *pass;
	if (stream->left == 0)
		message_ends(stream);
	return INSPECT_PASS;
}

static int hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 9112 7.1: the size, and perhaps extensions, of which there are none in the wild. */
static const char *read_chunk_line(const uint8_t *line, size_t len, uint64_t *size)
{
	size_t digits = 0;

	*size = 0;
	while (digits < len && hex(line[digits]) >= 0)
		*size = *size << 4 | (uint64_t)hex(line[digits++]);
	if (digits == 0 || digits > 15)
		return "a chunk without a size";
	if (digits < len && line[digits] != ';')
		return "something behind the size of a chunk";
	for (size_t i = digits; i < len; i++)
		if ((line[i] < ' ' && line[i] != '\t') || line[i] >= 0x7f)
			return "a character in the line of a chunk that may not be there";
	return NULL;
}

static enum inspect_verdict chunk_begins(struct inspect_stream *stream, const uint8_t *bytes,
					 size_t len, size_t *pass, struct inspect_wish *wish)
{
	size_t within = len < CHUNK_LINE_MAX ? len : CHUNK_LINE_MAX;
	const uint8_t *end = memchr(bytes, '\n', within);
	const char *fault;
	size_t line_len;

	if (!end && within == len)
		return INSPECT_MORE;
	if (!end)
		return refuse(stream, pass, wish, "the line of a chunk of more than 1 KB");
	line_len = (size_t)(end - bytes);
	if (line_len == 0 || bytes[line_len - 1] != '\r')
		return refuse(stream, pass, wish, "a line that does not end with CR LF");
	fault = read_chunk_line(bytes, line_len - 1, &stream->left);
	if (fault)
		return refuse(stream, pass, wish, fault);
	*pass = line_len + 1;
	stream->where = stream->left ? INSPECT_AT_CHUNK_DATA : INSPECT_AT_TRAILER;
	if (stream->left)
		stream->left += 2;
	return INSPECT_PASS;
}

/* The last two bytes of `left` are CR LF, by which the next chunk is found or lost. */
static enum inspect_verdict chunk_goes_on(struct inspect_stream *stream, const uint8_t *bytes,
					  size_t len, size_t *pass, struct inspect_wish *wish)
{
	uint64_t data = stream->left > 2 ? stream->left - 2 : 0;

	if (data > 0)
		*pass = data < len ? (size_t)data : len;
	else if (bytes[0] == (stream->left == 2 ? '\r' : '\n'))
		*pass = 1;
	else
		return refuse(stream, pass, wish, "a chunk that is not as long as it said");
	stream->left -= *pass;
	if (stream->left == 0)
		stream->where = INSPECT_AT_CHUNK;
	return INSPECT_PASS;
}

static enum inspect_verdict trailer_goes_on(struct inspect_stream *stream, const uint8_t *bytes,
					    size_t len, size_t *pass, struct inspect_wish *wish)
{
	size_t within = len < INSPECT_WINDOW ? len : INSPECT_WINDOW;
	enum inspect_verdict verdict = httphead_trailer(bytes, within, pass, wish);

	if (verdict == INSPECT_PASS)
		message_ends(stream);
	if (verdict == INSPECT_MALFORMED)
		return refuse(stream, pass, wish, NULL);
	if (verdict == INSPECT_MORE && within == INSPECT_WINDOW)
		return refuse(stream, pass, wish, "a trailer of more than 16 KB");
	return verdict;
}

enum inspect_verdict http_read(struct inspect_stream *stream, const uint8_t *bytes, size_t len,
			       size_t *pass, struct inspect_wish *wish)
{
	*pass = 0;
	memset(wish, 0, sizeof(*wish));
	wish->sort = INSPECT_HTTP;
	if (len == 0)
		return INSPECT_MORE;
	switch (stream->where) {
	case INSPECT_AT_START:
	case INSPECT_AT_HEAD:
		return request_begins(stream, bytes, len, pass, wish);
	case INSPECT_AT_BODY:
		return body_goes_on(stream, len, pass);
	case INSPECT_AT_CHUNK:
		return chunk_begins(stream, bytes, len, pass, wish);
	case INSPECT_AT_CHUNK_DATA:
		return chunk_goes_on(stream, bytes, len, pass, wish);
	case INSPECT_AT_TRAILER:
		return trailer_goes_on(stream, bytes, len, pass, wish);
	case INSPECT_AT_REST:
		*pass = len;
		return INSPECT_PASS;
	/* Those of TLS do not come here. */
	case INSPECT_AT_RECORD:
	case INSPECT_AT_RECORD_DATA:
	case INSPECT_AT_FAULT:
		break;
	}
	return refuse(stream, pass, wish, "what follows something broken");
}
