/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat: what becomes of packets that are neither for us nor from us. Everything
 * that it remembers is a tuple of the port table, so it is found by the look-up
 * that a packet takes anyway:
 *
 *   session  two tuples, one of each face; owner: its record and the side
 *   mapping  outside face {outside endpoint, any remote}, exclusive, and inside
 *            face {an address that nobody sends to, inside endpoint}
 *   host     {likewise, inside address}; what its caps count
 *   source   {likewise, address and forward}; owner: its flows
 *
 * Faces of a session, as it is begun by a and goes to d:
 *
 *        a ----(a -> b)---> [A | session | B] ----(c -> d)---> d
 *        a <---(b -> a)---- [A |         | B] <---(d -> c)---- d
 *
 *   a -> b  matches A (local b, remote a) and leaves as c -> d
 *   d -> c  matches B (local c, remote d) and leaves as b -> a
 *
 *             a          b              c                   d
 *   outward   inside     destination    its mapping         = b
 *   forward   client     public         = a                 server
 *   hairpin   inside     public         its mapping         inside
 *   IPv6      a          b              = a                 = b
 *
 * nat knows no frames and no bytes: who asks (lib/stack) parses, rewrites,
 * routes and transmits.
 */
#ifndef NAT_NAT_H
#define NAT_NAT_H

#include "base/addr.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/time.h"
#include "minato/gateway.h"
#include "port/port.h"

struct nat; /* opaque to others; it and the table lie in one memory */

/* Classes of tuples; those below are the stack's. */
enum nat_class {
	NAT_CLASS_SESSION = 8, /* owner: session << 1 | side */
	NAT_CLASS_MAPPING,     /* outside face; owner: mapping */
	NAT_CLASS_INSIDE,      /* inside face; owner: mapping */
	NAT_CLASS_HOST,	       /* owner: inside host */
	NAT_CLASS_SOURCE,      /* owner: how many flows */
	NAT_CLASS_END
};
static inline bool nat_class(uint8_t class)
{
	return class >= NAT_CLASS_SESSION && class < NAT_CLASS_END;
}

/* --- Counters: what was dropped, and why; what was made ------------------- */

#define NAT_COUNTERS(X)                                                        \
	X(PASSED_OUT, "nat_passed_out") /* packets, from inside */             \
	X(PASSED_IN, "nat_passed_in")                                          \
	X(PASSED_ERRORS, "nat_passed_errors") /* ICMP errors */                \
	X(SESSIONS, "nat_sessions_made")                                       \
	X(MAPPINGS, "nat_mappings_made")                                       \
	X(OVERFLOWS, "nat_overflows_made") /* on a port that another has */    \
	X(EXPIRED, "nat_sessions_expired")                                     \
	X(ADOPTED, "nat_sessions_adopted")                                     \
	X(NO_PORT, "nat_no_port") /* from here on: packets dropped */          \
	X(NO_POOL, "nat_no_pool") /* no outside address is given */            \
	X(NO_SESSION, "nat_no_session") /* it opens nothing */                 \
	X(NO_MAPPING, "nat_no_mapping") /* ICMP error about nothing */         \
	X(NO_MEMORY, "nat_no_memory") /* sessions_max, mappings_max, ... */    \
	X(FILTERED, "nat_filtered") /* from whom nothing was sent to */        \
	X(UNSOLICITED, "nat_unsolicited") /* a SYN that waits (REQ-4) */       \
	X(HOST_MAPPINGS, "nat_host_mappings") /* a host's own bounds */        \
	X(HOST_SESSIONS, "nat_host_sessions")                                  \
	X(HOST_RATE, "nat_host_rate")                                          \
	X(FORWARD_FLOWS, "nat_forward_flows") /* a forward's bounds */         \
	X(SOURCE_FLOWS, "nat_source_flows")                                    \
	X(NO_SERVER, "nat_no_server") /* all of a group are down */            \
	X(HAIRPIN_OFF, "nat_hairpin_off")                                      \
	X(GUARD, "nat_guard")                                                  \
	X(CLOSED, "nat_closed") /* nothing there, or IPv6 not opened */        \
	X(TAKEN, "nat_taken") /* the very flow is another's */                 \
	X(NEWS_LOST, "nat_news_lost") /* the ring was full */

enum nat_counter {
#define X(name, text) NAT_COUNT_##name,
	NAT_COUNTERS(X)
#undef X
		NAT_COUNTER_COUNT
};

/* --- packet.c: a packet --------------------------------------------------- */

/* Whose its destination is. */
enum nat_whose {
	NAT_OTHERS,  /* an address of none of ours */
	NAT_OURS,    /* of the link that it came by, or otherwise not outside */
	NAT_OUTSIDE, /* ours on an outside link, or a pool's (nat_pool_has) */
};

#define NAT_FIN 0x01u
#define NAT_SYN 0x02u
#define NAT_RST 0x04u
#define NAT_ACK 0x10u

struct nat_packet {
	bool inside;	   /* the role of the link that it came by */
	uint8_t whose;	   /* enum nat_whose; not looked at where its session
			      is known, so ask port_tuple_sought first */
	uint8_t tcp_flags; /* NAT_FIN .., as in the header; else 0 */
	bool opens;	   /* SYN without ACK; any datagram; an echo request */
};

enum nat_verdict {
	NAT_HOST,    /* not its business: deliver to ourselves */
	NAT_PASS,    /* `out` says how it goes on */
	NAT_DROP,    /* silence */
	NAT_CLOSED,  /* nothing there: as a closed port of ours */
	NAT_WAIT_SYN, /* RFC 5382 REQ-4: keep the packet, say nothing for
			 unsolicited_syn_s, then port unreachable, unless
			 nat_syn_met */
	NAT_UNREACHABLE, /* drop, and ICMP unreachable with out->icmp_code
			    (13, of IPv6 1: administratively) */
};

struct nat_way {
	struct minato_endpoint src, dst; /* as it leaves; ICMP: the identifier
					    in both */
	uint8_t scope;			 /* where `dst` is */
	bool same;  /* ends as they came: nothing is to be rewritten */
	bool hairpin;
	uint8_t icmp_code;
	uint32_t session; /* its index, to know a flow by */
};

/*
 * A packet, first or later of its flow, of which both ends are known: one call,
 * at the time of nat_advance. `probe` was sought with the batch; its key is the
 * packet's (local = destination). Counts, refreshes, and where it opens a flow
 * makes the session, its mapping and port in one step. `out` is written for
 * NAT_PASS, and its icmp_code for NAT_UNREACHABLE.
 */
enum nat_verdict nat_packet(struct nat *n, const struct port_probe *probe,
			    const struct nat_packet *p, struct nat_way *out);
/* After port_seek of a batch: fetches the sessions that these may be of. */
void nat_seek(const struct nat *n, const struct port_probe *probes,
	      size_t count);
/*
 * An ICMP error that came by a link of that role about a packet that we handed
 * on: `inner` is the embedded packet as a key, seen as if it came back
 * (local = its source, remote = its destination, scope of the link). For
 * NAT_PASS the embedded packet becomes out->dst -> out->src, the error goes to
 * out->dst.addr, and where it came from inside its source is out->src.addr
 * (RFC 5508 REQ-4, REQ-5). Refreshes and ends nothing (RFC 4787 REQ-12, RFC
 * 5382 REQ-10, RFC 5508 REQ-6). Else NAT_DROP, or NAT_HOST: of our own packets.
 */
enum nat_verdict nat_error(struct nat *n, const struct port_key *inner,
			   bool inside, struct nat_way *out);
/* For whoever keeps a SYN (NAT_WAIT_SYN): its flow is known by now. */
bool nat_syn_met(const struct nat *n, const struct port_key *key);

/* --- core.c: making, time -------------------------------------------------- */

struct nat_limits {
	uint32_t sessions_max, mappings_max, hosts_max, pools_max;
	uint32_t forwards_max;
	uint8_t inside_scope, outside_scope; /* the first of each role */
};
/* Forwards that count flows per source have so many counts, together. */
#define NAT_SOURCES_MAX 65536u
#define NAT_GROUPS_MAX 256u
#define NAT_INSIDES_MAX 64u
#define NAT_NEWS_MAX 1024u
size_t nat_bytes(const struct nat_limits *limits); /* multiple of 64 */
/* Tuples that it may insert. */
uint64_t nat_tuples(const struct nat_limits *limits);
/* `memory` is zero, aligned to 64; the state is found at its start. */
struct nat *nat_init(void *memory, const struct nat_limits *limits,
		     struct port_table *table, const struct hash_key *key,
		     struct minato_time now);
/* Sets the time (never back); runs what is due, a bounded part of it. */
void nat_advance(struct nat *n, struct minato_time now);
/* When nat_advance has something to do; the present one where it has not done
   all. */
struct minato_time nat_deadline(const struct nat *n);
uint64_t nat_counter(const struct nat *n, enum nat_counter counter);
const char *nat_counter_name(enum nat_counter counter);

/* The rest is as the functions of gateway.h and minato.h say. */
int nat_set(struct nat *n, const struct minato_nat *nat);
const struct minato_nat *nat_get(const struct nat *n);
/* The hosts behind an inside link: where the target of a forward is. The
   longest prefix says; without one the first inside. -ENOSPC, -ENOENT. */
int nat_inside_add(struct nat *n, uint8_t scope,
		   const struct minato_addr *prefix, uint8_t len);
int nat_inside_remove(struct nat *n, uint8_t scope,
		      const struct minato_addr *prefix, uint8_t len);
uint8_t nat_inside_scope(const struct nat *n, const struct minato_addr *a);

/* --- pools.c -------------------------------------------------------------- */

int nat_pool_add(struct nat *n, uint32_t link, const struct minato_addr *addr,
		 uint16_t low, uint16_t high);
int nat_pool_remove(struct nat *n, uint32_t link,
		    const struct minato_addr *addr);
/* Whether it is one, of that link (UINT32_MAX: any): we answer ARP for it. */
bool nat_pool_has(const struct nat *n, uint32_t link,
		  const struct minato_addr *addr);

/* --- forwards.c: entries with `translate` --------------------------------- */

/* port_add took `entry`; this keeps what it does not. -EOPNOTSUPP, -EINVAL,
   -EBADF (no such group), -ENOSPC. */
int nat_forward_add(struct nat *n, uint32_t entry,
		    const struct minato_entry *what);
void nat_forward_remove(struct nat *n, uint32_t entry);
/* Fills in what it keeps. */
void nat_forward_get(const struct nat *n, uint32_t entry,
		     struct minato_entry *out);
/* A mapping that has a port which the entry wants, or POOL_NONE. */
uint32_t nat_forward_taken(const struct nat *n,
			   const struct minato_entry *what);
int nat_group_set(struct nat *n, uint64_t *group,
		  const struct minato_server *servers, uint32_t count,
		  bool sticky);
int nat_group_get(const struct nat *n, uint64_t group,
		  struct minato_server *servers, uint32_t max);
int nat_group_remove(struct nat *n, uint64_t group);

/* --- walks.c: what others see of it --------------------------------------- */

/* The handle of the entry is left out of it: `entry` is its index + 1, or 0. */
bool nat_session_next(const struct nat *n, uint64_t *cursor,
		      struct minato_session *out);
bool nat_mapping_next(const struct nat *n, uint64_t *cursor,
		      struct minato_mapping *out);
int nat_mapping_find(const struct nat *n, uint8_t proto,
		     const struct minato_endpoint *outside,
		     struct minato_mapping *out);
uint64_t nat_session_handle(const struct nat *n, uint32_t session);
uint64_t nat_mapping_handle(const struct nat *n, uint32_t mapping);
int nat_session_end(struct nat *n, uint64_t handle);
int nat_mapping_end(struct nat *n, uint64_t handle);
int nat_inside_end(struct nat *n, const struct minato_addr *inside);
int nat_session_adopt(struct nat *n, const struct minato_session *s);
bool nat_session_salvage(const void *memory, size_t size,
			 const struct nat_limits *limits, uint64_t *cursor,
			 struct minato_session *out);
bool nat_news(struct nat *n, struct minato_nat_news *out);

#endif
