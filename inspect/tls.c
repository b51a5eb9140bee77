/* SPDX-License-Identifier: BSD-2-Clause */
/* The records of TLS in which a ClientHello comes (RFC 8446 5.1). */
#include "inspect/inspect.h"

#include <string.h>

#define RECORD_HEAD 5u
#define RECORD_MAX 16384u
#define TYPE_ALERT 21u
#define TYPE_HANDSHAKE 22u
#define STRANGE_VERSIONS 16u /* high bytes of versions below it are taken by some servers */
#define MESSAGE_HEAD 4u
#define CLIENT_HELLO 1u

/* The handshake's bytes in records, as far as they have come. */
struct records {
	size_t message_len; /* with its head; 0 while that is not whole */
	size_t have;	    /* of the message */
	size_t end;	    /* of the record that ends it */
	uint8_t head[MESSAGE_HEAD];
	bool single; /* it lies in the first record */
};

static enum inspect_verdict broken(struct inspect_wish *wish, const char *fault)
{
	wish->fault = fault;
	return INSPECT_MALFORMED;
}

/*
 * SSL 2.0 and the hello in its clothes (RFC 5246 E.2) have no room for a name: two bytes of length
 * with the high bit, type 1, the version.
 */
static bool looks_like_ssl2(const uint8_t *bytes, size_t len)
{
	return len >= 4 && (bytes[0] & 0x80) && bytes[2] == 1 && (bytes[3] == 3 || bytes[3] == 0);
}

/*
 * What stricter servers refuse, and others (Go's) read as TLS: alerts before the hello, which are
 * warnings, and a hello in a record of any version. OTHER as soon as it is none of these.
 */
static enum inspect_verdict judge_strange(const uint8_t *bytes, size_t len,
					  struct inspect_wish *wish)
{
	bool alert = bytes[0] == TYPE_ALERT;

	if (!tls_begins(bytes[0]) || (len > 1 && bytes[1] >= STRANGE_VERSIONS))
		return INSPECT_OTHER;
	if (alert && ((len > 3 && bytes[3] != 0) || (len > 4 && bytes[4] != 2)))
		return INSPECT_OTHER;
	if (!alert && len > RECORD_HEAD && bytes[RECORD_HEAD] != CLIENT_HELLO)
		return INSPECT_OTHER;
	if (!alert && len > 4 && (bytes[3] << 8 | bytes[4]) == 0)
		return INSPECT_OTHER;
	if (len < RECORD_HEAD + !alert)
		return INSPECT_MORE;
	return broken(wish, alert ? "an alert before the ClientHello" :
				    "a record of an unknown version");
}

static const char *check_head(const uint8_t *head, size_t have)
{
	if (have > 0 && head[0] != CLIENT_HELLO)
		return "a handshake that does not begin with ClientHello";
	/* Longer than the caller's window: no client's hello is. */
	if (have >= 3 && (head[1] != 0 || (size_t)(head[2] << 8) + RECORD_HEAD > INSPECT_WINDOW))
		return "a ClientHello of more than 16 KB";
	return NULL;
}

/* Counts the message's bytes within one record of `len` that lies at `body`, `here` of it yet. */
static const char *count_record(struct records *r, const uint8_t *body, size_t here, size_t len)
{
	const char *fault;

	for (size_t i = 0; i < here && r->have + i < MESSAGE_HEAD; i++)
		r->head[r->have + i] = body[i];
	r->have += here;
	fault = check_head(r->head, r->have < MESSAGE_HEAD ? r->have : MESSAGE_HEAD);
	if (fault)
		return fault;
	if (r->have >= MESSAGE_HEAD && r->message_len == 0) {
		r->message_len =
			MESSAGE_HEAD + (size_t)(r->head[1] << 16 | r->head[2] << 8 | r->head[3]);
		r->single = r->have == here && len >= r->message_len;
	}
	return NULL;
}

/* Walks the records until the message is whole. MORE, WISH, MALFORMED. */
static enum inspect_verdict walk(struct records *r, const uint8_t *bytes, size_t len,
				 struct inspect_wish *wish)
{
	size_t at = 0;

	while (r->message_len == 0 || r->have < r->message_len) {
		const uint8_t *head = bytes + at;
		size_t left = len - at;
		size_t record_len, here;
		const char *fault;

		if (left > 0 && head[0] != TYPE_HANDSHAKE)
			return broken(wish, "a record of another type within the ClientHello");
		if (left > 1 && head[1] != 3)
			return broken(wish, "a record of an unknown version");
		if (left < RECORD_HEAD)
			return INSPECT_MORE;
		record_len = (size_t)(head[3] << 8 | head[4]);
		if (record_len == 0 || record_len > RECORD_MAX)
			return broken(wish, "a record of a length that may not be");
		here = left - RECORD_HEAD < record_len ? left - RECORD_HEAD : record_len;
		fault = count_record(r, head + RECORD_HEAD, here, record_len);
		if (fault)
			return broken(wish, fault);
		if (here < record_len)
			return INSPECT_MORE;
		at += RECORD_HEAD + record_len;
	}
	r->end = at;
	/* RFC 8446 5.1: what follows needs an answer first, or other keys. */
	return r->have > r->message_len ? broken(wish, "a record with more than the ClientHello") :
					  INSPECT_WISH;
}

/* Puts the pieces of the message together. */
static size_t join(const uint8_t *bytes, size_t end, uint8_t *out)
{
	size_t out_len = 0;

	for (size_t at = 0; at < end;) {
		size_t record_len = (size_t)(bytes[at + 3] << 8 | bytes[at + 4]);

		memcpy(out + out_len, bytes + at + RECORD_HEAD, record_len);
		out_len += record_len;
		at += RECORD_HEAD + record_len;
	}
	return out_len;
}

enum inspect_verdict tls_read(const uint8_t *bytes, size_t len, size_t *pass,
			      struct inspect_wish *wish)
{
	struct records r = { 0 };
	enum inspect_verdict verdict;
	uint8_t joined[INSPECT_WINDOW];
	const uint8_t *message = bytes + RECORD_HEAD;
	const char *fault;

	*pass = 0;
	memset(wish, 0, sizeof(*wish));
	wish->sort = INSPECT_TLS;
	if (len == 0)
		return INSPECT_MORE;
	if (looks_like_ssl2(bytes, len))
		return broken(wish, "a hello of SSL 2.0, which names no server");
	if ((bytes[0] & 0x80) && (len < 3 || (len < 4 && bytes[2] == 1)))
		return INSPECT_MORE;
	if (bytes[0] != TYPE_HANDSHAKE || (len > 1 && bytes[1] != 3))
		return judge_strange(bytes, len, wish);
	/* More than that many bytes are a caller's to keep, not to be looked at. */
	len = len < INSPECT_WINDOW ? len : INSPECT_WINDOW;
	verdict = walk(&r, bytes, len, wish);
	if (verdict == INSPECT_MORE && len == INSPECT_WINDOW)
		return broken(wish, "a ClientHello of more than 16 KB");
	if (verdict != INSPECT_WISH)
		return verdict;
	if (!r.single) {
		join(bytes, r.end, joined);
		message = joined;
	}
	fault = hello_read(message + MESSAGE_HEAD, r.message_len - MESSAGE_HEAD, wish);
	if (fault)
		return broken(wish, fault);
	*pass = r.end;
	return INSPECT_WISH;
}
