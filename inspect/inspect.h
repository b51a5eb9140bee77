/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom a client says that it wants: the names in the first bytes of TLS, HTTP and QUIC. */
#ifndef INSPECT_INSPECT_H
#define INSPECT_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes go in, a verdict comes out. Nothing here knows sockets, clocks, memory other than what it
 * is given, or a policy: whoever asks compares the name with what it allows.
 *
 *   firstbytes.c  the first bytes of a TCP connection, whatever they turn out to be
 *     tls.c       records, until the ClientHello is whole          (RFC 8446 5.1)
 *       hello.c     the ClientHello                                (RFC 8446 4.1.2, RFC 6066 3)
 *     afterhello.c  what follows it, as far as it may be another one (RFC 8446 4.1.4)
 *     http.c      the messages of a connection, one after another  (RFC 9112)
 *     heard.c     what the server answers, as far as more is free then
 *       httphead.c  the head of one request
 *   quic.c      Initial packets, until the ClientHello is whole    (RFC 9000 17.2.2)
 *     quickeys.c  opens one                                        (RFC 9001 5, RFC 9369)
 *   hostname.c  names and literals of addresses
 *
 * What could be read in two ways is MALFORMED: a name that another program would read otherwise
 * proves nothing. Of every input the verdict is the same wherever it was cut into pieces.
 */

enum inspect_verdict {
	INSPECT_MORE,  /* nothing to be told yet: keep the bytes, ask again when there are more */
	INSPECT_WISH,  /* a wish stands in the bytes: weigh it before they go on */
	INSPECT_PASS,  /* they say nothing about whom, and may go on */
	INSPECT_OTHER, /* none of what is known here: nobody can tell */
	INSPECT_MALFORMED, /* broken, forbidden or ambiguous: to be refused */
};

enum inspect_sort {
	INSPECT_TLS,   /* a ClientHello in records: wish.name is the SNI */
	INSPECT_HTTP,  /* a request of HTTP/1.x: wish.name is the Host */
	INSPECT_HTTP2, /* the preface of HTTP/2 without TLS: names follow, where nobody looks */
	INSPECT_QUIC,  /* a ClientHello in Initial packets: wish.name is the SNI */
};

#define INSPECT_NAME_MAX 253u /* characters of a name; RFC 1035 2.3.4 without the final dot */
#define INSPECT_WINDOW 16384u /* with that many bytes the verdict is never MORE */
#define INSPECT_ALPN_MAX 64u

struct inspect_wish {
	enum inspect_sort sort;
	bool named;   /* it said a name or an address */
	bool literal; /* `name` is an address, as only HTTP may say one; IPv6 without brackets */
	char name[INSPECT_NAME_MAX + 1]; /* lower case, no final dot; empty if not named */
	uint16_t port;			 /* said along with the name (HTTP), else 0 */
	bool connects;			 /* HTTP: CONNECT; the name is the far end of a tunnel */
	bool upgrades;			 /* HTTP: asks for another protocol on this connection */
	bool hidden; /* encrypted_client_hello is there: the true name may be another;
			       browsers send it as decoration too (GREASE) */
	bool early; /* data may follow that is sealed by an earlier connection's keys; TLS */
	char alpn[INSPECT_ALPN_MAX + 1]; /* "h2,http/1.1": as offered, perhaps not all; TLS, QUIC */
	const char *fault;		 /* MALFORMED: what is wrong, in words; else NULL */
};

/* ---- firstbytes.c: what the client of a TCP connection sends ---- */

enum inspect_where {
	INSPECT_AT_START,
	INSPECT_AT_HEAD,       /* the next bytes are the head of a request */
	INSPECT_AT_BODY,       /* `left` bytes of a body */
	INSPECT_AT_CHUNK,      /* the line with the size of a chunk */
	INSPECT_AT_CHUNK_DATA, /* `left` bytes of it, and then CR LF, which count */
	INSPECT_AT_TRAILER,    /* the fields after the last chunk */
	INSPECT_AT_RECORD,      /* after a ClientHello of TLS: between two records */
	INSPECT_AT_RECORD_DATA, /* `left` bytes of one */
	INSPECT_AT_REST,       /* all that follows may go on */
	INSPECT_AT_FAULT,      /* nothing may */
};

/* What the server has said to what was asked of it. */
enum inspect_answer {
	INSPECT_UNASKED, /* nothing was asked yet */
	INSPECT_AWAITED, /* a ClientHello has gone on, or a first request that asks for a change */
	INSPECT_AGREED,	 /* HTTP: it changes the protocol (101) */
	INSPECT_RETRIES, /* TLS: HelloRetryRequest */
	INSPECT_GOES_ON, /* TLS: ServerHello; HTTP: it changes nothing */
	INSPECT_STRANGE, /* it spoke unasked, or says what is not known here */
};

/* How far an answer was heard. */
struct inspect_hearing {
	uint8_t at;	  /* bytes of the head of a record, or of a line: no more than matter */
	uint8_t type;	  /* of the record */
	bool fields;	  /* HTTP: behind the status line */
	bool cr;	  /* the last byte was CR */
	uint16_t left;	  /* bytes of the record; HTTP: the status */
	uint32_t message; /* TLS: bytes of the message */
	uint32_t message_len;
};

#define INSPECT_RECORDS_MAX 1024u /* behind a ClientHello, among which another is looked for */
/* A stream as far as it has gone on. All zero is its beginning. */
struct inspect_stream {
	enum inspect_where where;
	enum inspect_answer answer;
	struct inspect_hearing hearing;
	bool early;	  /* the ClientHello has announced early data */
	bool keys;	  /* a change of keys has followed it */
	uint32_t records; /* that have followed it */
	uint64_t left;
};

/*
 * Looks at the `len` bytes that were not passed on yet, in one piece, the first of which comes
 * right after what was. Sets *pass, 0..len:
 *
 *   MORE       0; never where len >= INSPECT_WINDOW
 *   WISH       the bytes of a whole ClientHello or head of a request, > 0: `wish` is filled in
 *   PASS       > 0
 *   OTHER      len, or what is in question; who goes on gets PASS for all that follows
 *   MALFORMED  0; and so for ever
 *
 * What is passed on must be what is taken off: the stream counts on it. A head of HTTP is a wish of
 * its own each time, so that the requests of one connection are all seen. Client bytes that never
 * become a verdict are for a timer of the caller's, which refuses. Nothing is told of a protocol
 * where the server speaks first until the client does.
 *
 * Two things depend on what the server says, which inspect_heard is told. After a request with
 * Upgrade the bytes are free once the server has answered 101 and they begin as no request can: if
 * that was the first of the connection, since answers are not counted. (CONNECT frees nothing.)
 * And after a ClientHello, what is sealed is free once it has not asked for another one.
 */
enum inspect_verdict inspect_stream(struct inspect_stream *stream, const uint8_t *bytes, size_t len,
				    size_t *pass, struct inspect_wish *wish);
/*
 * The server has sent these bytes: all of them have to come here, in their order, until the stream
 * is over. True: inspect_stream may say otherwise now about what it answered MORE to.
 */
bool inspect_heard(struct inspect_stream *stream, const uint8_t *bytes, size_t len);
/* Whether all that follows gets PASS: nobody needs to ask again. */
static inline bool inspect_stream_over(const struct inspect_stream *stream)
{
	return stream->where == INSPECT_AT_REST;
}

/* ---- quic.c: what the client of a UDP flow sends ---- */

#define INSPECT_QUIC_HELLO_MAX 8192u /* bytes of the CRYPTO stream of Initial packets */
#define INSPECT_QUIC_ID_MAX 20u
#define INSPECT_QUIC_HELD_MAX 16u      /* datagrams within which a hello must be whole */
#define INSPECT_QUIC_INITIAL_MAX 4096u /* bytes of an Initial packet; clients send 1200 to 1500 */

/* What Initial packets of a client are sealed with (RFC 9001 5). */
struct quickeys {
	uint8_t key[16], iv[12], hp[16];
	uint64_t expected; /* the highest packet number seen and one */
};

/* A connection that begins. All zero before the first datagram. */
struct inspect_quic {
	bool begun;
	bool gone_on; /* the owner's word: a hello of this connection was let go */
	uint8_t id_len;
	uint8_t id[INSPECT_QUIC_ID_MAX]; /* the client's first choice for the server */
	uint32_t version;
	uint32_t held; /* datagrams that were MORE */
	struct quickeys keys;
	size_t whole; /* bytes of `hello` that are there without a gap */
	size_t read;  /* of those, what made a wish; 0: none yet */
	uint8_t have[INSPECT_QUIC_HELLO_MAX / 8]; /* a bit for each byte of `hello` */
	uint8_t hello[INSPECT_QUIC_HELLO_MAX];
};

/* Whether Initial packets can be opened: false in a program built without nettle. */
bool inspect_quic_able(void);
/* Whether it may hold anything but packets of a connection that is already there: cheap. */
bool inspect_quic_initial(const uint8_t *datagram, size_t len);
/*
 * Looks at one whole datagram of the client of a flow:
 *
 *   MORE       part of a hello: to be kept back with those before it until there is a WISH, at most
 *              INSPECT_QUIC_HELD_MAX of them
 *   WISH       the hello is whole with it: weigh it, then this and all that was kept may go on
 *   PASS       it begins no connection, or says again what was weighed
 *   OTHER      not QUIC of a version known here (1 and 2), or not able
 *   MALFORMED  broken, two hellos in one, or an Initial packet that nobody can open: to be refused,
 *              with what was kept
 *
 * The state must stay while the hello may still be sent again: until the client sends a datagram
 * for which inspect_quic_initial is false, since then the server has it; what was weighed is
 * compared byte for byte. Later, and for as long as the flow lives, a datagram for which it is true
 * may begin another connection, and wants a new state that is all zero.
 */
enum inspect_verdict inspect_quic(struct inspect_quic *quic, const uint8_t *datagram, size_t len,
				  struct inspect_wish *wish);

/* ---- tls.c ---- */

/* Whether a first byte may be that of a record: of a handshake, or of an alert, which some skip. */
static inline bool tls_begins(uint8_t byte)
{
	return byte == 21 || byte == 22;
}
/*
 * Reads a stream from its beginning: MORE, WISH (*pass: to the end of the record that ends the
 * hello, or of what there is), OTHER, MALFORMED.
 */
enum inspect_verdict tls_read(const uint8_t *bytes, size_t len, size_t *pass,
			      struct inspect_wish *wish);

/* ---- afterhello.c ---- */

/* As inspect_stream, from where records follow a ClientHello. */
enum inspect_verdict afterhello_read(struct inspect_stream *stream, const uint8_t *bytes,
				     size_t len, size_t *pass, struct inspect_wish *wish);

/* ---- hello.c ---- */

/*
 * Reads the body of a ClientHello, after its type and length (RFC 8446 4.1.2). NULL, or what is
 * wrong with it.
 */
const char *hello_read(const uint8_t *body, size_t len, struct inspect_wish *wish);

/* ---- http.c ---- */

/* As inspect_stream, from where a request can begin. */
enum inspect_verdict http_read(struct inspect_stream *stream, const uint8_t *bytes, size_t len,
			       size_t *pass, struct inspect_wish *wish);

/* ---- httphead.c ---- */

/*
 * What parts the words of a request line for some server: that of Python takes all that is a blank
 * to its language, in Latin-1.
 */
static inline bool httphead_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' ||
	       (c >= 0x1c && c <= 0x1f) || c == 0x85 || c == 0xa0;
}

struct httphead {
	size_t len; /* with the empty line; of the preface of HTTP/2: all of it */
	bool chunked;
	uint64_t length; /* of a body that is not chunked */
};

/*
 * Reads the head of a request. MORE, WISH, OTHER (the first line does not speak of HTTP),
 * MALFORMED.
 */
enum inspect_verdict httphead_read(const uint8_t *bytes, size_t len, struct httphead *head,
				   struct inspect_wish *wish);
/*
 * Reads fields up to the empty line, as they follow a last chunk: MORE, PASS with *pass, MALFORMED.
 */
enum inspect_verdict httphead_trailer(const uint8_t *bytes, size_t len, size_t *pass,
				      struct inspect_wish *wish);

/* ---- hostname.c ---- */

/*
 * A name of letters, digits, hyphens, underscores and dots, its labels of 1 to 63 of them, in all
 * at most INSPECT_NAME_MAX: written to `out` in lower case. False if it is none, or if its last
 * label is a number, since programs would take it for an IPv4 address.
 */
bool hostname_read(const uint8_t *text, size_t len, char out[INSPECT_NAME_MAX + 1]);
/* Four decimal numbers without leading zeros; or IPv6 as RFC 4291 2.2 has it, without a zone. */
bool hostname_literal4(const uint8_t *text, size_t len, char out[INSPECT_NAME_MAX + 1]);
bool hostname_literal6(const uint8_t *text, size_t len, char out[INSPECT_NAME_MAX + 1]);
/*
 * HOST[:PORT] as Host and authorities of HTTP have it (RFC 9112 3.2), without user information:
 * fills in named, literal, name and port. One final dot of a name is taken off. Empty is a wish
 * without a name. NULL, or what is wrong.
 */
const char *hostname_authority(const uint8_t *text, size_t len, struct inspect_wish *wish);

/* ---- quickeys.c: keys of Initial packets, by nettle; noquickeys.c: none ---- */

#define QUICKEYS_TAG 16u
#define QUICKEYS_V1 0x00000001u /* RFC 9000 */
#define QUICKEYS_V2 0x6b3343cfu /* RFC 9369 */

/* Those of the client, from its first choice of the server's id (RFC 9001 5.2, RFC 9369 3.3). */
void quickeys_make(struct quickeys *keys, const uint8_t *id, size_t id_len, uint32_t version);
/*
 * Opens, in place, the packet of `len` bytes whose packet number is at `number_at`. Sets *payload
 * to within it and returns its length; or -1 if it was not sealed with these keys, and the packet's
 * bytes are then no longer what they were.
 */
long quickeys_open(struct quickeys *keys, uint8_t *packet, size_t len, size_t number_at,
		   uint8_t **payload);

#endif
