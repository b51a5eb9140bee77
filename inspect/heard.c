/* SPDX-License-Identifier: BSD-2-Clause */
/* What the server of a TCP connection answers, as far as it decides what its client may say. */
#include "inspect/inspect.h"

#include <string.h>

#define RECORD_HEAD 5u
#define MESSAGE_HEAD 4u
#define RANDOM_AT 6u
#define RANDOM_END 38u
#define SERVER_HELLO 2u
#define STATUS_LEN 12u /* "HTTP/1.1 101" */

enum record_type {
	RECORD_KEYS = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
};

/* ---- HTTP: the status of the first answer that is final ---- */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A byte of the status line (RFC 9112 4). */
static bool fits_status(struct inspect_hearing *h, uint8_t c)
{
	static const char line[] = "HTTP/1.1 ";

	if (h->at < 7 || h->at == 8)
		return c == (uint8_t)line[h->at];
	if (h->at == STATUS_LEN)
		return c == ' ' || c == '\r';
	if (h->at > STATUS_LEN)
		return true;
	if (!is_digit(c))
		return false;
	if (h->at > 8)
		h->left = (uint16_t)(h->left * 10 + (c - '0'));
	return true;
}

static enum inspect_answer end_head(struct inspect_hearing *h)
{
	uint16_t status = h->left;

	memset(h, 0, sizeof(*h));
	if (status == 101)
		return INSPECT_AGREED;
	/* RFC 9110 15.2: others may come before the answer. */
	return status >= 100 && status < 200 ? INSPECT_AWAITED : INSPECT_GOES_ON;
}

static enum inspect_answer hear_http(struct inspect_hearing *h, uint8_t c)
{
	bool cr = h->cr;

	if (!h->fields && c != '\n' && !fits_status(h, c))
		return INSPECT_STRANGE;
	h->cr = c == '\r';
	if (c != '\n') {
		if (cr)
			return INSPECT_STRANGE;
		if (h->at <= STATUS_LEN && c != '\r')
			h->at++;
		return INSPECT_AWAITED;
	}
	if (!cr || (!h->fields && h->at < STATUS_LEN))
		return INSPECT_STRANGE;
	if (h->fields && h->at == 0)
		return end_head(h);
	h->fields = true;
	h->at = 0;
	return INSPECT_AWAITED;
}

/* ---- TLS: whether its hello is one (RFC 8446 4.1.3, 4.1.4) ---- */

/* A ServerHello with this random asks for another ClientHello. */
static const uint8_t retry_random[RANDOM_END - RANDOM_AT] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* A byte of a handshake. */
static enum inspect_answer hear_message(struct inspect_hearing *h, enum inspect_answer so_far,
					uint8_t c)
{
	uint32_t at = h->message++;

	if (at == 0 && c != SERVER_HELLO)
		return INSPECT_STRANGE;
	if (at > 0 && at < MESSAGE_HEAD)
		h->message_len = h->message_len << 8 | c;
	if (at == MESSAGE_HEAD - 1 && h->message_len < RANDOM_END - MESSAGE_HEAD)
		return INSPECT_STRANGE;
	if (at >= RANDOM_AT && at < RANDOM_END && c != retry_random[at - RANDOM_AT])
		return INSPECT_GOES_ON;
	if (at == RANDOM_END - 1)
		so_far = INSPECT_RETRIES;
	if (at >= MESSAGE_HEAD && h->message == MESSAGE_HEAD + h->message_len)
		h->message = h->message_len = 0;
	return so_far;
}

static enum inspect_answer hear_tls(struct inspect_hearing *h, enum inspect_answer so_far,
				    uint8_t c)
{
	if (h->at == RECORD_HEAD) {
		if (h->type == RECORD_HANDSHAKE)
			so_far = hear_message(h, so_far, c);
		if (--h->left == 0)
			h->at = 0;
		return so_far;
	}
	if (h->at == 0)
		h->type = c;
	if (h->at == 0 && (c < RECORD_KEYS || c > RECORD_HANDSHAKE))
		return INSPECT_STRANGE;
	if (h->at == 1 && c != 3)
		return INSPECT_STRANGE;
	if (h->at >= 3)
		h->left = (uint16_t)(h->left << 8 | c);
	if (++h->at == RECORD_HEAD && h->left == 0)
		h->at = 0;
	return so_far;
}

bool inspect_heard(struct inspect_stream *stream, const uint8_t *bytes, size_t len)
{
	enum inspect_answer before = stream->answer;
	bool tls = stream->where == INSPECT_AT_RECORD || stream->where == INSPECT_AT_RECORD_DATA;

	if (len > 0 && before == INSPECT_UNASKED)
		stream->answer = INSPECT_STRANGE;
	for (size_t i = 0; i < len; i++) {
		/* What follows a HelloRetryRequest is read on: the next answer comes behind it. */
		if (tls && (stream->answer == INSPECT_AWAITED || stream->answer == INSPECT_RETRIES))
			stream->answer = hear_tls(&stream->hearing, stream->answer, bytes[i]);
		else if (!tls && stream->answer == INSPECT_AWAITED)
			stream->answer = hear_http(&stream->hearing, bytes[i]);
		else
			break;
	}
	return stream->answer != before;
}
