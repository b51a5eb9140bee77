/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port: THE PORT TABLE. Whatever a packet can meet is an entry here, and its
 * fate is one look-up.
 *
 *   key = scope, face, protocol, local address:port, remote address:port
 *
 *   exact    tuples, both ends given: 64-byte buckets of tags and indices
 *            under a keyed hash; established flows, TIME-WAIT, datagram flows.
 *            A tuple whose local end is left open (an association: "whatever
 *            this remote endpoint sends") lives there too.
 *   words    one 32-bit word per port, scope and protocol: the single-port
 *            claims, a chain where several addresses claim it
 *   ranges   intervals of ports and "any port": beside the words
 *
 * Precedence of port_lookup, coded as this list:
 *   1  the exact tuple; then the association of the remote endpoint
 *   2  guard, for new flows only (among guards: as 3)
 *   3  general entries: the most specific local address, then the most
 *      specific port (single, shorter range, any), then the most specific
 *      remote, then the older entry
 *   4  the scope's default (kind uplink without address or port)
 *   5  closed
 *
 * Life of an entry: FREE -> LIVE (port_bind, port_add, port_tuple_insert)
 * -> FREE (port_remove, port_tuple_remove). Whoever inserted removes; the
 * table never forgets by itself, except that a general entry whose `until`
 * has passed no longer matches.
 *
 * Nothing here knows TCP, sockets or frames: `owner` is the caller's number.
 */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include "base/addr.h"
#include "base/hash.h"
#include "base/pool.h"
#include "minato/minato.h"

#define PORT_SCOPES 16u

/* Of a packet or arrival that looks for its fate; local is its destination. */
struct port_key {
	struct minato_addr local, remote;
	uint16_t local_port, remote_port; /* ICMP: the identifier in both */
	uint8_t scope, face;
	uint8_t proto; /* MINATO_TCP, _UDP, _ICMP */
};

struct port_table; /* opaque to others; see table.c */

/* --- table.c: making, look-up ------------------------------------------- */

struct port_limits {
	uint32_t tuples_max;
	uint32_t entries_max; /* general entries, socket claims included */
};
size_t port_bytes(const struct port_limits *limits); /* multiple of 64 */
/* `memory` is zero, aligned to 64; the table is found at its start. */
struct port_table *port_init(void *memory, const struct port_limits *limits,
			     const struct hash_key *key);

/* What an exact tuple stands for; the numbers are the caller's. */
struct port_tuple_ref {
	uint32_t owner;
	uint8_t class; /* 0..15, the caller's: connection, time-wait, ... */
};

struct port_fate {
	enum minato_kind kind;
	enum minato_verdict verdict;
	bool exact;	      /* step 1 found it: `tuple` is meaningful */
	bool association;     /* ... with the local end left open */
	struct port_tuple_ref tuple;
	uint32_t entry;	      /* general entry, or POOL_NONE */
	uint32_t owner;	      /* SOCKET claim: the caller's socket number */
	struct minato_endpoint target; /* FORWARD, translated */
	uint64_t user;
};
/*
 * Total: always an answer. `new_flow`: the packet may open a flow (a SYN, any
 * datagram); otherwise guards are passed over. A socket claim takes part only
 * while it is `accepting`. Counts a hit on the general entry found.
 * Of a REUSEPORT group one member is chosen by the keyed hash of the remote
 * and local ends (rendezvous hashing: a member's leaving moves only its own).
 */
void port_lookup(struct port_table *t, const struct port_key *key,
		 struct minato_time now, bool new_flow,
		 struct port_fate *out);

/* Batch: hash early, prefetch, compare at delivery. */
uint64_t port_hash(const struct port_table *t, const struct port_key *key);
void port_prefetch(const struct port_table *t, uint64_t hash);

/* --- tuple.c: exact tuples ----------------------------------------------- */

/*
 * Inserts. local 0/:: with port 0 makes an association. Returns the tuple's
 * index, -EEXIST when the key is taken, -ENOSPC.
 */
int64_t port_tuple_insert(struct port_table *t, const struct port_key *key,
			  struct port_tuple_ref ref);
void port_tuple_remove(struct port_table *t, uint32_t tuple);
/* False when there is none. `index` may be NULL. */
bool port_tuple_find(const struct port_table *t, const struct port_key *key,
		     struct port_tuple_ref *ref, uint32_t *index);
/* Gives a tuple to another owner or class (connection -> TIME-WAIT). */
void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref);
void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out);
uint32_t port_tuple_count(const struct port_table *t);

/* --- claim.c: what sockets bind ------------------------------------------ */

struct port_claim {
	uint8_t scope, proto;
	struct minato_addr local; /* :: with v6_only false claims both families */
	uint16_t port;		  /* != 0 */
	bool v6_only, reuse_addr, reuse_port;
	uint32_t uid;		  /* REUSEPORT groups are of one owner */
	uint32_t owner;
	uint64_t user;
};
/*
 * Claims a port for a socket, by Linux's rules of conflict: wildcard against
 * specific, family against dual stack, REUSEADDR (TCP: unless one listens),
 * REUSEPORT (all of them, same uid); connections whose claim is gone but whose
 * tuples still use the port without REUSEADDR conflict too. Returns the entry
 * index, or -EADDRINUSE with *holder (may be NULL) = an entry in the way, or
 * POOL_NONE; -ENOSPC.
 */
int64_t port_bind(struct port_table *t, const struct port_claim *claim,
		  uint32_t *holder);
/* Listening or receiving: from now on look-ups find it. For TCP -EADDRINUSE
   when another listener appeared on it meanwhile. */
int port_accepting(struct port_table *t, uint32_t entry, bool accepting);
/* Changes the socket's reuse flags after bind, as setsockopt may. */
void port_claim_reuse(struct port_table *t, uint32_t entry, bool reuse_addr,
		      bool reuse_port);

/* --- entry.c: general entries --------------------------------------------- */

/* Errors as minato_entry_add. Returns the entry index. */
int64_t port_add(struct port_table *t, const struct minato_entry *entry,
		 uint32_t *holder);
void port_remove(struct port_table *t, uint32_t entry); /* claims too */
void port_get(const struct port_table *t, uint32_t entry,
	      struct minato_entry *out);
bool port_entry_live(const struct port_table *t, uint32_t entry);
uint64_t port_entry_hits(const struct port_table *t, uint32_t entry);
uint32_t port_entry_generation(const struct port_table *t, uint32_t entry);
/* Next live general entry at or after `from`, or POOL_NONE. */
uint32_t port_entry_next(const struct port_table *t, uint32_t from);
/* True when this entry is a socket's claim; writes it. */
bool port_entry_claim(const struct port_table *t, uint32_t entry,
		      struct port_claim *out);

/* --- choose.c: a free port ------------------------------------------------ */

struct port_choice {
	uint8_t scope, proto;
	struct minato_addr local;
	const struct minato_endpoint *remote; /* NULL: for any destination */
	uint16_t low, high;		      /* 0, 0: 1024..65535 */
};
/*
 * A port that no claim, forward or listener holds and whose tuple towards
 * `remote` is free, unguessable (RFC 6056); a counted bitmap gives one in
 * constant time while any is wholly unused, after that ports in use towards
 * other destinations are shared. 0 only when truly none is left.
 */
uint16_t port_choose(struct port_table *t, const struct port_choice *choice);

/* --- bitmap.c: the counted bitmap of free ports --------------------------- */

/* 65,536 bits, 1,024 word counts, 16 group counts: 9.2 KB. Zeroed = all used;
   bitmap_init makes all free. */
struct bitmap {
	uint64_t word[1024];
	uint8_t count[1024];  /* free bits in the word */
	uint16_t group[16];   /* free bits in 64 words; 4096 at most */
	uint32_t total;
};
void bitmap_init(struct bitmap *b);
void bitmap_take(struct bitmap *b, uint16_t port);
void bitmap_give(struct bitmap *b, uint16_t port);
bool bitmap_free(const struct bitmap *b, uint16_t port);
/* Free ports in [low, high]. */
uint32_t bitmap_count(const struct bitmap *b, uint16_t low, uint16_t high);
/* The k-th (from 0) free port at or above `low`; k < count. */
uint16_t bitmap_select(const struct bitmap *b, uint16_t low, uint32_t k);

/* --- interval.c ranges of ports; port-internal, see its head --------------- */

#endif
