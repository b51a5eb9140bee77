/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registry as tables, and what services.h makes of them.
 *
 * A row is one name of one port, for one or several protocols. Rows are sorted
 * by port; the preferred name of a protocol stands before the others. A name is
 * an offset into names_pool, where ends of names are shared ("http" is the end
 * of "www-http").
 *
 *   port -> rows    A bit for each of 65,536 ports tells whether it has rows;
 *                   the bits below it, counted, are an order-preserving perfect
 *                   hash: its place in names_starts.
 *   name -> rows    Hash and displace: the hash of the name chooses a bucket,
 *                   the bucket's displacement makes a second hash of it that no
 *                   other name has: the slot of its first posting. Postings are
 *                   rows in the order of their names, so all of a name follow.
 *                   What is no name at all lands somewhere too: it is compared.
 *   row -> text     Descriptions are squeezed: a byte that is not printable
 *                   stands for a word of names_word_pool.
 */
#ifndef NAMES_NAMES_H
#define NAMES_NAMES_H

#include "minato/services.h"

struct names_row {
	uint16_t port;
	uint16_t name;		/* in names_pool; empty: none */
	uint32_t text : 20;	/* in names_text_pool */
	uint32_t protocols : 4; /* MINATO_SERVICE_TCP ... */
	uint32_t alias : 1;	/* not the preferred name */
	uint32_t standing : 2;	/* enum minato_service_state */
};

/* ---- registry.c: made by tools/make-registry ---- */

extern const char names_version[]; /* of the npm package */
extern const char names_date[];	   /* when that was published */
extern const uint16_t names_row_count;
extern const uint16_t names_posting_count;
extern const uint16_t names_slot_count;
extern const uint16_t names_bucket_count;
extern const struct names_row names_rows[];
extern const uint64_t names_ports[];  /* 1024 words of 64 ports */
extern const uint16_t names_ranks[];  /* bits set in the words before */
extern const uint16_t names_starts[]; /* first row of a port; one more at end */
extern const uint16_t names_displacements[];
extern const uint16_t names_slots[];	/* first posting of a name */
extern const uint16_t names_postings[]; /* rows by name */
extern const uint16_t names_words[];	/* where in the pool; 257 of them */
extern const char names_word_pool[];
extern const char names_text_pool[];
extern const char names_pool[];

/* ---- assigned.c ---- */

/* The bit of an IP protocol number (MINATO_SERVICE_TCP ...); 0: none. */
uint32_t names_bit(uint8_t proto);

/* ---- spelling.c ---- */

/* Letters of ASCII are the same in either case (RFC 6335 5.1). */
char names_lower(char c);
/* Whether the `len` bytes of `text` spell `name`, which ends with NUL. */
bool names_equal(const char *name, const char *text, size_t len);
bool names_same(const char *a, const char *b);
/* Of all spellings of a name one hash: the one of tools/make-registry. */
uint32_t names_hash(const char *name);
uint32_t names_scramble(uint32_t x);

#endif
