/* SPDX-License-Identifier: BSD-2-Clause */
/* The first packets of QUIC: a ClientHello in frames, in packets, in datagrams (RFC 9000 17.2). */
#include "inspect/inspect.h"

#include <string.h>

enum packet_type {
	PACKET_INITIAL,
	PACKET_EARLY, /* 0-RTT */
	PACKET_HANDSHAKE,
	PACKET_RETRY,
};

#define FRAME_PADDING 0x00u
#define FRAME_PING 0x01u
#define FRAME_ACK 0x02u
#define FRAME_ACK_ECN 0x03u
#define FRAME_CRYPTO 0x06u
#define FRAME_CLOSE 0x1cu

#define CLIENT_HELLO 1u
#define MESSAGE_HEAD 4u

/* Bytes still to be read; `broken` once more was asked for than there is. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool broken;
};

/* One packet with a long header, where it lies in its datagram. */
struct packet {
	const uint8_t *at;
	size_t len;
	enum packet_type type;
	uint32_t version;
	const uint8_t *id;
	size_t id_len;
	size_t number_at;
};

static const uint8_t *skip(struct cursor *c, uint64_t len)
{
	const uint8_t *at = c->at;

	if (c->broken || len > c->left) {
		c->broken = true;
		c->left = 0;
		return at;
	}
	c->at += len;
	c->left -= (size_t)len;
	return at;
}

static unsigned take8(struct cursor *c)
{
	const uint8_t *at = skip(c, 1);

	return c->broken ? 0 : at[0];
}

/* RFC 9000 16 */
static uint64_t take_number(struct cursor *c)
{
	unsigned first = take8(c);
	size_t more = ((size_t)1 << (first >> 6)) - 1;
	const uint8_t *at = skip(c, more);
	uint64_t value = first & 0x3f;

	if (c->broken)
		return 0;
	for (size_t i = 0; i < more; i++)
		value = value << 8 | at[i];
	return value;
}

static enum inspect_verdict broken(struct inspect_wish *wish, const char *fault)
{
	wish->fault = fault;
	return INSPECT_MALFORMED;
}

/* ---- the header ---- */

static enum packet_type type_of(unsigned first, uint32_t version)
{
	unsigned bits = first >> 4 & 3;

	/* RFC 9369 3.2 moves them on by one. */
	return (enum packet_type)(version == QUICKEYS_V2 ? (bits + 3) % 4 : bits);
}

/* Reads a long header and how far the packet goes. WISH stands for well-read; OTHER, MALFORMED. */
static enum inspect_verdict read_header(struct cursor *rest, struct packet *p,
					struct inspect_wish *wish)
{
	struct cursor c = *rest;
	unsigned first = take8(&c);
	const uint8_t *version = skip(&c, 4);
	uint64_t len;

	p->at = rest->at;
	if (c.broken)
		return INSPECT_OTHER;
	p->version = (uint32_t)version[0] << 24 | (uint32_t)version[1] << 16 |
		     (uint32_t)version[2] << 8 | version[3];
	if (p->version != QUICKEYS_V1 && p->version != QUICKEYS_V2)
		return INSPECT_OTHER;
	p->type = type_of(first, p->version);
	if (p->type == PACKET_RETRY)
		return broken(wish, "a Retry from a client");
	p->id_len = take8(&c);
	p->id = skip(&c, p->id_len);
	len = take8(&c); /* the client's own */
	skip(&c, len);
	if (p->id_len > INSPECT_QUIC_ID_MAX || len > INSPECT_QUIC_ID_MAX)
		return broken(wish, "a connection id of more than 20 bytes");
	if (p->type == PACKET_INITIAL)
		skip(&c, take_number(&c)); /* a token */
	len = take_number(&c);
	p->number_at = (size_t)(c.at - p->at);
	skip(&c, len);
	if (c.broken)
		return broken(wish, "a packet cut short");
	p->len = (size_t)(c.at - p->at);
	*rest = c;
	return INSPECT_WISH;
}

/* ---- frames ---- */

/* Lays the bytes down; what is there already must be the same (RFC 9000 2.2). */
static const char *lay_down(struct inspect_quic *quic, uint64_t offset, const uint8_t *bytes,
			    uint64_t len)
{
	if (offset > INSPECT_QUIC_HELLO_MAX || len > INSPECT_QUIC_HELLO_MAX - offset)
		return "a hello of more than 8 KB";
	for (size_t i = 0; i < len; i++) {
		size_t at = (size_t)offset + i;
		uint8_t bit = (uint8_t)(1u << (at & 7));

		if ((quic->have[at / 8] & bit) && quic->hello[at] != bytes[i])
			return "the same part of a hello in two ways";
		quic->have[at / 8] |= bit;
		quic->hello[at] = bytes[i];
	}
	while (quic->whole < INSPECT_QUIC_HELLO_MAX &&
	       (quic->have[quic->whole / 8] >> (quic->whole & 7) & 1))
		quic->whole++;
	return NULL;
}

/* RFC 9000 19.3 */
static void skip_ack(struct cursor *c, bool ecn)
{
	uint64_t ranges;

	take_number(c);
	take_number(c);
	ranges = take_number(c);
	take_number(c);
	for (uint64_t i = 0; i < ranges && !c->broken; i++) {
		take_number(c);
		take_number(c);
	}
	for (unsigned i = 0; ecn && i < 3; i++)
		take_number(c);
}

/* Those that may stand in an Initial packet (RFC 9000 12.4, table 3). */
static const char *read_frames(struct inspect_quic *quic, struct cursor c)
{
	while (c.left > 0) {
		unsigned type = take8(&c);
		const char *fault = NULL;
		const uint8_t *data;
		uint64_t offset, len;

		if (type == FRAME_PADDING || type == FRAME_PING)
			continue;
		if (type == FRAME_ACK || type == FRAME_ACK_ECN) {
			skip_ack(&c, type == FRAME_ACK_ECN);
		} else if (type == FRAME_CLOSE) {
			take_number(&c);
			take_number(&c);
			skip(&c, take_number(&c));
		} else if (type == FRAME_CRYPTO) {
			offset = take_number(&c);
			len = take_number(&c);
			data = skip(&c, len);
			fault = c.broken ? NULL : lay_down(quic, offset, data, len);
		} else {
			return "a frame that may not stand in an Initial packet";
		}
		if (fault)
			return fault;
		if (c.broken)
			return "a frame cut short";
	}
	return NULL;
}

/* ---- packets ---- */

/* Opens a copy of the packet; payload length or -1. */
static long open_copy(struct quickeys *keys, const struct packet *p, uint8_t *copy,
		      uint8_t **payload)
{
	memcpy(copy, p->at, p->len);
	return quickeys_open(keys, copy, p->len, p->number_at, payload);
}

static bool same_connection(const struct inspect_quic *quic, const struct packet *p)
{
	return quic->version == p->version && quic->id_len == p->id_len &&
	       memcmp(quic->id, p->id, p->id_len) == 0;
}

static void begin(struct inspect_quic *quic, const struct packet *p, const struct quickeys *keys)
{
	memset(quic, 0, sizeof(*quic));
	quic->begun = true;
	quic->version = p->version;
	quic->id_len = (uint8_t)p->id_len;
	memcpy(quic->id, p->id, p->id_len);
	quic->keys = *keys;
}

/*
 * By the keys of the present connection, which come of its first id in whichever version it goes on
 * (RFC 9368 2.3: the server may have chosen another one).
 */
static long open_known(struct inspect_quic *quic, const struct packet *p, uint8_t *copy,
		       uint8_t **payload)
{
	struct quickeys keys = quic->keys;
	long len;

	if (quic->version != p->version) {
		quickeys_make(&keys, quic->id, quic->id_len, p->version);
		keys.expected = quic->keys.expected;
	}
	len = open_copy(&keys, p, copy, payload);
	if (len >= 0) {
		quic->keys = keys;
		quic->version = p->version;
	}
	return len;
}

/*
 * Finds the connection that an Initial packet is of, and its payload: -1 if it is sealed by keys
 * that are made of neither its id nor the first id of the present one.
 */
static long open_initial(struct inspect_quic *quic, const struct packet *p, uint8_t *copy,
			 uint8_t **payload, const char **fault)
{
	struct quickeys keys;
	long len = -1;

	if (quic->begun)
		len = open_known(quic, p, copy, payload);
	if (len >= 0)
		return len;
	quickeys_make(&keys, p->id, p->id_len, p->version);
	len = open_copy(&keys, p, copy, payload);
	if (len < 0 || (quic->begun && same_connection(quic, p)))
		return len;
	/* After a Retry, or one more from the same port (RFC 9000 5.2); but each in its turn. */
	if (quic->begun && quic->read == 0)
		*fault = "a second connection within the hello of the first";
	else
		begin(quic, p, &keys);
	return len;
}

/* MORE, WISH or MALFORMED of what is laid down; PASS: all of it was weighed. */
static enum inspect_verdict weigh(struct inspect_quic *quic, struct inspect_wish *wish)
{
	const uint8_t *message = quic->hello + quic->read;
	size_t have = quic->whole - quic->read;
	const char *fault;
	size_t len;

	if (have == 0)
		return quic->read > 0 ? INSPECT_PASS : INSPECT_MORE;
	if (message[0] != CLIENT_HELLO)
		return broken(wish, "a handshake that does not begin with ClientHello");
	if (have < MESSAGE_HEAD)
		return INSPECT_MORE;
	len = (size_t)(message[1] << 16 | message[2] << 8 | message[3]);
	if (len > INSPECT_QUIC_HELLO_MAX - MESSAGE_HEAD - quic->read)
		return broken(wish, "a hello of more than 8 KB");
	if (have < MESSAGE_HEAD + len)
		return INSPECT_MORE;
	fault = hello_read(message + MESSAGE_HEAD, len, wish);
	if (fault)
		return broken(wish, fault);
	/* A second one, after HelloRetryRequest (RFC 8446 4.1.4), is weighed like the first. */
	quic->read += MESSAGE_HEAD + len;
	return quic->whole > quic->read ? broken(wish, "something behind a hello in its packet") :
					  INSPECT_WISH;
}

static enum inspect_verdict read_initial(struct inspect_quic *quic, const struct packet *p,
					 struct inspect_wish *wish)
{
	uint8_t copy[INSPECT_QUIC_INITIAL_MAX];
	const char *fault = NULL;
	uint8_t *payload = copy;
	long len;

	if (!inspect_quic_able())
		return INSPECT_OTHER;
	if (p->len > sizeof(copy))
		return broken(wish, "an Initial packet of more than 4 KB");
	len = open_initial(quic, p, copy, &payload, &fault);
	/* A client seals none any more once it has others to send (RFC 9001 4.9.1): by keys that
	   are not known here it could only be another hello. */
	if (!fault && len < 0)
		return broken(wish, "a hello sealed by keys that are not the connection's");
	if (!fault)
		fault = read_frames(quic, (struct cursor){ payload, (size_t)len, false });
	return fault ? broken(wish, fault) : weigh(quic, wish);
}

static enum inspect_verdict read_datagram(struct inspect_quic *quic, struct cursor rest,
					  struct inspect_wish *wish)
{
	enum inspect_verdict verdict = INSPECT_PASS;
	struct packet first = { 0 }, p;

	/* What is not a long header goes to the end, or is no packet (RFC 9000 12.2). */
	while (rest.left > 0 && (rest.at[0] & 0x80)) {
		enum inspect_verdict one = read_header(&rest, &p, wish);

		if (one == INSPECT_OTHER && first.at)
			return broken(wish, "packets of two versions in one datagram");
		if (one != INSPECT_WISH)
			return one;
		if (first.at && (first.version != p.version || first.id_len != p.id_len ||
				 memcmp(first.id, p.id, p.id_len) != 0))
			return broken(wish, "packets of two connections in one datagram");
		first = p;
		if (p.type != PACKET_INITIAL)
			continue;
		one = read_initial(quic, &p, wish);
		if (one == INSPECT_MALFORMED || one == INSPECT_OTHER)
			return one;
		/* A wish stays one; what is not whole after it is of a second hello. */
		if (one != INSPECT_PASS && verdict != INSPECT_WISH)
			verdict = one;
	}
	return verdict;
}

bool inspect_quic_initial(const uint8_t *datagram, size_t len)
{
	return len > 0 && (datagram[0] & 0x80);
}

enum inspect_verdict inspect_quic(struct inspect_quic *quic, const uint8_t *datagram, size_t len,
				  struct inspect_wish *wish)
{
	enum inspect_verdict verdict;

	memset(wish, 0, sizeof(*wish));
	wish->sort = INSPECT_QUIC;
	verdict = read_datagram(quic, (struct cursor){ datagram, len, false }, wish);
	if (verdict == INSPECT_MORE && ++quic->held > INSPECT_QUIC_HELD_MAX)
		verdict = broken(wish, "a hello that is not whole in 16 datagrams");
	if (verdict == INSPECT_WISH)
		quic->held = 0;
	if (verdict == INSPECT_MALFORMED)
		memset(quic, 0, sizeof(*quic));
	return verdict;
}
