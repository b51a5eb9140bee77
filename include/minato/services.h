/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of ports: the IANA registry, compiled in, and before it the services
 * file of a host.
 *
 * The registry is constant data: it needs no memory and no file, and a look-up
 * either way is a perfect hash. A services file (/etc/services, or the one of
 * Windows) is made into a value in memory that the caller gives. Names are the
 * same in either case of letters (RFC 6335 5.1).
 *
 * Protocols are IP protocol numbers: MINATO_TCP, MINATO_UDP, and the two below.
 */
#ifndef MINATO_SERVICES_H
#define MINATO_SERVICES_H

#include "minato/minato.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MINATO_SERVICE_PROTO_DCCP 33
#define MINATO_SERVICE_PROTO_SCTP 132

/* Sets of protocols. */
#define MINATO_SERVICE_TCP 1u
#define MINATO_SERVICE_UDP 2u
#define MINATO_SERVICE_SCTP 4u
#define MINATO_SERVICE_DCCP 8u

/* What a port number is to IANA (RFC 6335 6). */
enum minato_service_state {
	MINATO_SERVICE_UNASSIGNED, /* or, above 49151, never to be */
	MINATO_SERVICE_ASSIGNED,
	MINATO_SERVICE_RESERVED, /* kept back: edges of ranges, other reasons */
};

/* ---- the registry ---- */

/* One name of one port. */
struct minato_service {
	const char *name; /* "": none, as of a reserved port; else constant */
	uint16_t port;
	uint8_t protocols; /* MINATO_SERVICE_TCP ..., at least one */
	bool alias;	   /* another one is preferred */
	enum minato_service_state state;
};

/*
 * The preferred name of a port, a constant; NULL where it has none. `proto`
 * may be any number.
 */
const char *minato_service_name(uint8_t proto, uint16_t port);
/*
 * The port of a name, in any case of letters, preferred or not; the lowest
 * where it is the name of several. -ENOENT.
 */
int minato_service_port(uint8_t proto, const char *name);
/* What is not listed is unassigned; so are all dynamic ports. */
enum minato_service_state minato_service_state(uint8_t proto, uint16_t port);

/*
 * All of it, sorted by port, the preferred name of each protocol first. The
 * index of a row is constant within a version of the library.
 */
uint32_t minato_service_count(void);
/* `index` below the count. */
struct minato_service minato_service_at(uint32_t index);
/* The first row whose port is not below `port`; the count where none is. */
uint32_t minato_service_first(uint16_t port);
/*
 * Writes what a row is for, "World Wide Web HTTP", in UTF-8, cut to `size` with
 * its NUL; `size` > 0. Returns the whole length, 0 where nothing is said; at
 * most MINATO_SERVICE_TEXT_SIZE - 1.
 */
size_t minato_service_text(uint32_t index, char *out, size_t size);
#define MINATO_SERVICE_TEXT_SIZE 512

/* Where it is from: the day, "2026-09-17", and the version of the source. */
const char *minato_service_date(void);
const char *minato_service_version(void);

/* ---- a services file before it ---- */

struct minato_services;

/* A name in a services file, in the order of the file. */
struct minato_services_row {
	const char *name;
	uint16_t port;
	uint8_t proto;
	bool alias; /* not the first word of its line */
};

/*
 * Bytes that minato_services_create wants for this text, of `len` bytes of any
 * kind; 0 where it is beyond 2^30.
 */
size_t minato_services_size(const char *text, size_t len);
/*
 * Reads the text of a services file: "name port/protocol aliases... # comment",
 * with any white space, either end of line, and a byte order mark. Lines that
 * are none, other protocols and words that are not printable ASCII are passed
 * over; an empty text is fine. `memory` is aligned to 8 and borrowed until the
 * caller stops using the value; the text is not. -ENOMEM where `size` is too
 * small, -EINVAL where the alignment is wrong or the text too long.
 */
int minato_services_create(void *memory, size_t size, const char *text,
			   size_t len, struct minato_services **out);

/*
 * The preferred name of a port: the file's first one, else the registry's, else
 * NULL. It lives as long as the value. `services` may be NULL: no file.
 */
const char *minato_services_name(const struct minato_services *services,
				 uint8_t proto, uint16_t port);
/* The port of a name; the file's first one, else the registry's. -ENOENT. */
int minato_services_port(const struct minato_services *services, uint8_t proto,
			 const char *name);
/*
 * All names of a port, the preferred one first, none twice, at most `room`.
 * Returns how many it wrote.
 */
size_t minato_services_names(const struct minato_services *services,
			     uint8_t proto, uint16_t port, const char **names,
			     size_t room);
/* The file's own names; `services` may be NULL: none. */
uint32_t minato_services_count(const struct minato_services *services);
/*
 * How many lines of the file were passed over because they are neither empty
 * nor "name port/protocol", whatever the protocol; `services` may be NULL.
 */
uint32_t minato_services_strange(const struct minato_services *services);
struct minato_services_row
minato_services_at(const struct minato_services *services, uint32_t index);

/* ---- the rule for names ---- */

/* What is wrong with a name for a new service (RFC 6335 5.1). */
#define MINATO_SERVICE_FAULTS(X)                                               \
	X(FINE, "is a good name")                                              \
	X(EMPTY, "has no character at all")                                    \
	X(CHARACTER, "has a character that is no letter, digit or hyphen")     \
	X(EDGE, "begins or ends with a hyphen")                                \
	X(HYPHENS, "has two hyphens side by side")                             \
	X(LETTERLESS, "has no letter")                                         \
	X(LONG, "has more than 15 characters")

enum minato_service_fault {
#define X(name, text) MINATO_SERVICE_##name,
	MINATO_SERVICE_FAULTS(X)
#undef X
};

/*
 * The first thing that is wrong, and in *where (NULL: not wanted) the index of
 * the character that is; the length where it is the whole.
 */
enum minato_service_fault minato_service_name_check(const char *name,
						    size_t *where);
/* "has no letter": after the name a sentence. */
const char *minato_service_fault_text(enum minato_service_fault fault);

#ifdef __cplusplus
}
#endif

#endif
