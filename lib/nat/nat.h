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
 *   pool     {likewise, its address}
 *   peer     {outside endpoint, address that was sent to}; owner: its sessions;
 *            with address-dependent filtering alone
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
	NAT_CLASS_PEER,	       /* owner: how many sessions; who was sent to */
	NAT_CLASS_POOL,	       /* owner: pool */
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
	X(NO_PORT, "nat_no_port")	/* from here on: packets dropped */    \
	X(NO_POOL, "nat_no_pool")	/* no outside address is given */      \
	X(NO_SESSION, "nat_no_session") /* it opens nothing */                 \
	X(NO_MAPPING, "nat_no_mapping") /* ICMP error about nothing */         \
	X(NO_MEMORY, "nat_no_memory")	/* sessions_max, mappings_max, ... */  \
	X(FILTERED, "nat_filtered")	/* from whom nothing was sent to */    \
	X(UNSOLICITED, "nat_unsolicited")     /* a SYN that waits (REQ-4) */   \
	X(HOST_MAPPINGS, "nat_host_mappings") /* a host's own bounds */        \
	X(HOST_SESSIONS, "nat_host_sessions")                                  \
	X(HOST_RATE, "nat_host_rate")                                          \
	X(FORWARD_FLOWS, "nat_forward_flows") /* a forward's bounds */         \
	X(OPENING_VICTIM, "nat_opening_victim") /* half-open, made way */      \
	X(HOST_VICTIM, "nat_host_victim") /* of who has most, made way */      \
	X(SOURCE_FLOWS, "nat_source_flows")                                    \
	X(NO_SERVER, "nat_no_server") /* all of a group are down */            \
	X(HAIRPIN_OFF, "nat_hairpin_off")                                      \
	X(GUARD, "nat_guard")                                                  \
	X(CLOSED, "nat_closed")	      /* nothing there, or IPv6 not opened */  \
	X(TAKEN, "nat_taken")	      /* the very flow is another's */         \
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

/*
 * Protocols without ports that we know (GRE, ESP, SCTP ...) are flows of this
 * one in the port table, which no packet has, with the number of the protocol
 * as both of their ports.
 */
#define NAT_OTHER MINATO_PROTO_OTHER
#define NAT_PROTO_DCCP 33u
#define NAT_PROTO_AH 51u

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
	bool payload;	   /* TCP: it carries some */
	uint32_t seq, ack; /* TCP: as in the header, host order */
};

/* Of a forward's flow, for who watches callers. */
enum nat_news {
	NAT_NEWS_NONE,
	NAT_NEWS_BEGAN,	   /* its first packet; of any protocol: nat_look */
	NAT_NEWS_ANSWERED, /* the first answer to datagrams */
	NAT_NEWS_SPOKE,	   /* the caller's first bytes */
	NAT_NEWS_REFUSED,  /* the server's RST answers its SYN; nat_refuse */
	NAT_NEWS_ABORTED, /* the caller's RST, of one that never spoke */
	NAT_NEWS_EMPTY,	  /* the caller's FIN, likewise */
};

enum nat_verdict {
	NAT_HOST,	 /* not its business: deliver to ourselves */
	NAT_PASS,	 /* `out` says how it goes on */
	NAT_DROP,	 /* silence */
	NAT_CLOSED,	 /* nothing there: as a closed port of ours */
	NAT_PROHIBITED,	 /* a rule of the policy refuses it, and says so */
	NAT_NO_SERVER,	 /* its forward or dmz has nobody who takes new flows:
			    refused at once */
	NAT_WAIT_SYN,	 /* RFC 5382 REQ-4: keep the packet, say nothing for
			 unsolicited_syn_s, then port unreachable, unless
			 nat_syn_met */
	NAT_RESET,	 /* TCP from inside of no flow that is known, which
			    would hear nothing any more: a RST */
	NAT_UNREACHABLE, /* drop, and ICMP unreachable with out->icmp_code
			    (13, of IPv6 1: administratively) */
};

struct nat_way {
	struct minato_endpoint src, dst; /* as it leaves; ICMP: the identifier
					    in both */
	uint8_t scope;			 /* where `dst` is */
	bool same; /* ends as they came: nothing is to be rewritten */
	bool hairpin;
	uint8_t icmp_code;
	uint8_t side;	  /* that it came from: 0 who began it */
	bool offer;	  /* somebody else might carry it: nat_offer */
	uint32_t session; /* its index, to know a flow by */
	uint8_t news;	  /* enum nat_news */
	bool between;	  /* two insides */
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
/*
 * The same where its session is known; else false, and nothing has happened.
 * Whose its destination is need not be known for that.
 */
bool nat_known(struct nat *n, const struct port_probe *probe,
	       const struct nat_packet *p, struct nat_way *out);
/*
 * The same from one inside to another, in scope `to`, whose ends stay as they
 * are. Rules of what goes out and of what comes in judge it, both: a flow that
 * they let begin is a session, so that its answers pass whatever is said of the
 * other way. NAT_HOST: rules have nothing against it, but it begins nothing
 * that is remembered (it is of a flow that is not known, or there is no room):
 * a router hands it on.
 */
enum nat_verdict nat_between(struct nat *n, const struct port_probe *probe,
			     const struct nat_packet *p, uint8_t to,
			     struct nat_way *out);
/*
 * A packet of a protocol without ports. `key` is nat_other_key's. nat_other:
 * where its flow is known; else false, and nothing has happened.
 * nat_other_begin: the first of one, that rules let pass. Outward its host gets
 * its address of the pool, where nobody else has a flow of the protocol with
 * that remote; from outside the dmz host gets it, or of IPv6 whoever it is
 * for, where that is open; so it does from inside, for an outside address of
 * ours. NAT_HOST: it is for nobody but us. From one inside to another: such a
 * key, sought, is what nat_between takes.
 */
struct port_key nat_other_key(uint8_t scope, uint8_t face, uint8_t protocol,
			      const struct minato_addr *local,
			      const struct minato_addr *remote);
bool nat_other(struct nat *n, const struct port_key *key,
	       const struct nat_packet *p, struct nat_way *out);
enum nat_verdict nat_other_begin(struct nat *n, const struct port_key *key,
				 const struct nat_packet *p,
				 struct nat_way *out);
/* After port_seek of a batch: fetches the sessions that these may be of, and
   what flows that begin will want. */
void nat_seek(struct nat *n, struct port_probe *probes, size_t count);
/* Its two halves, between which the caller may wait for something else. */
struct nat_seeking;
void nat_seek_senders(struct nat *n, struct port_probe *probes, size_t count,
		      struct nat_seeking *s);
void nat_seek_rooms(struct nat_seeking *s);
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
/* Who began a flow of a forward, what it asked for, and in which scope. */
struct nat_caller {
	struct minato_endpoint client, asked;
	uint8_t scope, proto;
	uint32_t look; /* of nat_look; 0: not known (any more) */
};
/* False: it is no forward's, or lives no more. */
bool nat_caller(const struct nat *n, uint32_t session, struct nat_caller *out);
/* What is to be known of a flow's first packet until there is an answer: these
   bits, for who watches callers. */
#define NAT_LOOK 0x0fffffffu
void nat_look(struct nat *n, uint32_t session, uint32_t look);
/* The way that nat_error gave: the error refuses the flow. True: that answers
   its first packet, and is its first answer. */
bool nat_refuse(struct nat *n, const struct nat_way *way);
/* Flows of forwards that ended, by their time or since they gave way, without
   any answer; of very many some. Not datagrams that go on without one. */
bool nat_silence(struct nat *n, struct nat_caller *out);
/* For whoever keeps a SYN (NAT_WAIT_SYN): its flow is known by now. */
bool nat_syn_met(const struct nat *n, const struct port_key *key);

/* --- core.c: making, time ------------------------------------------------- */

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
/* Where the first so many sessions over IPv4 and mappings lie, each of them. */
#define NAT_FIRST_PARTS 2u
void nat_first(const struct nat_limits *limits, uint32_t count,
	       struct minato_range parts[NAT_FIRST_PARTS]);
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
/* A flow of an inside host that somebody else carries begins, within the bounds
   of that host, and is over. -EBUSY: a bound. -ENOSPC: of memory. */
int nat_inside_join(struct nat *n, uint8_t scope, uint8_t proto,
		    const struct minato_endpoint *inside);
bool nat_inside_leave(struct nat *n, uint8_t scope, uint8_t proto,
		      const struct minato_addr *inside);

/* --- pools.c -------------------------------------------------------------- */

int nat_pool_add(struct nat *n, uint32_t link, const struct minato_addr *addr,
		 uint16_t low, uint16_t high);
int nat_pool_remove(struct nat *n, uint32_t link,
		    const struct minato_addr *addr);
/* Whether it is one, of that link (UINT32_MAX: any): we answer ARP for it. */
bool nat_pool_has(const struct nat *n, uint32_t link,
		  const struct minato_addr *addr);

/* --- forwards.c: forwards, dmz and routes --------------------------------- */

/* port_add took `entry`; this keeps what it does not. Its bounds are those of
   the entry `bounds`, or its own (NAT_NONE). -EOPNOTSUPP, -EINVAL, -EBADF (no
   such group, or nothing that has bounds), -ENOSPC. */
int nat_forward_add(struct nat *n, uint32_t entry, uint32_t bounds,
		    const struct minato_entry *what);
void nat_forward_remove(struct nat *n, uint32_t entry);
/* Fills in what it keeps; `bounds_of` is an index + 1, or 0. */
void nat_forward_get(const struct nat *n, uint32_t entry,
		     struct minato_entry *out);
/* False: it is no forward or dmz. */
bool nat_forward_drain(struct nat *n, uint32_t entry, bool drain);
/* Of a forward without `translate`: a flow begins, and is over. The first
   returns its place among those of the forward, above 0, or -EBUSY (bounds) or
   -EHOSTUNREACH (nobody takes it). False: nobody has that place. */
int64_t nat_forward_join(struct nat *n, uint32_t entry,
			 const struct minato_endpoint *client,
			 const struct minato_endpoint *asked,
			 struct minato_endpoint *target);
bool nat_forward_leave(struct nat *n, uint32_t place,
		       const struct minato_addr *client);
/* Where flows of it go, this client's first; how many. */
uint32_t nat_forward_targets(const struct nat *n, uint32_t entry,
			     const struct minato_endpoint *client,
			     const struct minato_endpoint *asked,
			     struct minato_endpoint out[MINATO_SERVERS_MAX]);
/* A mapping that has a port of the entry's, or POOL_NONE. */
uint32_t nat_forward_taken(const struct nat *n,
			   const struct minato_entry *what);
int nat_group_set(struct nat *n, uint64_t *group,
		  const struct minato_server *servers, uint32_t count,
		  bool sticky);
int nat_group_get(const struct nat *n, uint64_t group,
		  struct minato_server *servers, uint32_t max);
int nat_group_remove(struct nat *n, uint64_t group);

/* --- foresee.c: what would be --------------------------------------------- */

enum nat_course {
	NAT_OUTWARD, /* from inside to what is none of ours */
	NAT_INWARD,  /* from outside */
	NAT_HAIRPIN, /* from inside to an outside address of ours */
	NAT_AWAY, /* from inside, where the outside is none of ours */
};
/*
 * What keeps the first packet of a flow from passing that rules let begin, if
 * anything does; its entry is `entry`, or POOL_NONE. Nothing is made, nothing
 * counted.
 */
void nat_foresee(const struct nat *n, enum nat_course course,
		 const struct port_key *key, uint32_t entry,
		 struct minato_prospect *out);
/* Whether a TCP call from outside begins a session now, which guards and rules
   let begin (port_would_begin); what makes way for it is not foreseen. */
bool nat_would_begin(const struct nat *n, const struct port_key *key,
		     uint32_t entry, bool behind, enum nat_whose whose);

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
/* Whether a session has this handle. */
bool nat_session_is(const struct nat *n, uint64_t handle);

/* --- offers.c: flows that somebody else may carry ------------------------- */

/* A living session of `what`, open, is to be told of. */
void nat_offer(struct nat *n, const struct minato_carry *what);
/* Who carries any is to look at all of them. */
void nat_offers_look(struct nat *n);
bool nat_offer_next(struct nat *n, struct minato_carry *out);
/* What is offered (else nothing happens) is offered with each segment. */
void nat_offer_follow(struct nat *n, uint64_t session);
/* `frames` of it passed elsewhere, the last then. Writes the way of others, or
   false: it is to come by us again. */
bool nat_offer_seen(struct nat *n, const struct minato_carry *what,
		    int64_t last_ns, uint64_t frames, struct nat_way *out);
/* The way of a packet that comes from that side. */
void nat_way_of(const struct nat *n, uint32_t session, uint32_t side,
		struct nat_way *out);

/* ------------------------------------------------------------------------
 * Internal: shared by the files of this folder and by their tests.
 */

#define NAT_NONE UINT32_MAX
#define NAT_SIX 0x40000000u /* in the index of a session: of IPv6 */
#define NAT_POOLS_LIMIT 4096u
#define NAT_ROUTES_MAX 256u
#define NAT_RESTS_LIMIT (1u << 24)
#define NAT_SINCE_SHIFT 26 /* instants of beginning, in 2^26 ns */
#define NAT_WORK_MAX 4096u /* timers looked at per nat_advance */

/* IPv4 in 32 bits as it lies in memory. */
static inline uint32_t nat_load4(const struct minato_addr *a)
{
	uint32_t word;

	memcpy(&word, a->bytes + 12, sizeof(word));
	return word;
}
static inline struct minato_addr nat_addr4(uint32_t word)
{
	struct minato_addr a = { { [10] = 0xff, [11] = 0xff } };

	memcpy(a.bytes + 12, &word, sizeof(word));
	return a;
}

/* What of a session is one bit. */
#define NAT_IS_HOLDER 0x01u /* it keeps its mapping: the inside has sent */
#define NAT_IS_HAIRPIN 0x02u
#define NAT_IS_FORWARD 0x04u  /* `other` is one, of a dmz or opening too */
#define NAT_IS_OVERFLOW 0x08u /* `other` is the host that sends */
#define NAT_IS_SIX 0x10u
#define NAT_IS_PEER 0x20u    /* counted in one */
#define NAT_A_INSIDE 0x40u   /* packets of this side are outward: they */
#define NAT_B_INSIDE 0x80u   /* refresh */
#define NAT_IS_SHORT 0x100u  /* of a well-known port */
#define NAT_IS_SOURCE 0x200u /* counted in one */
#define NAT_IS_LOCAL 0x400u  /* face A counts in the port table */
#define NAT_IS_CURRENT 0x800u /* a forward's, and not over: within its bound */
#define NAT_HAS_SPOKEN 0x1000u /* a: of a forward's */
#define NAT_IS_UNHEARD 0x4000u /* makes way, and had no answer */
#define NAT_IS_SHUT 0x2000u /* a hairpin that a filter keeps out yet */
#define NAT_HAS_NUMBER 0x8000u /* b's SYN was seen: session_expects */

/* From one inside to another, as it is: `other` is the host that began it. */
static inline bool nat_is_between(uint16_t flags)
{
	const uint16_t both = NAT_A_INSIDE | NAT_B_INSIDE;

	return (flags & (both | NAT_IS_HAIRPIN | NAT_IS_FORWARD)) == both;
}

/* Outward, of a protocol without ports: no mapping, `other` is the host. */
static inline bool nat_is_hosts(uint8_t proto, uint16_t flags)
{
	return proto == NAT_OTHER &&
	       (flags & (NAT_A_INSIDE | NAT_B_INSIDE)) == NAT_A_INSIDE;
}

/* Of such a protocol too, from inside to the dmz host: the host that began it
   is counted, and found by its address, since `other` is the forward. Towards
   each dmz host it has one of each protocol, so that it need not give way. */
static inline bool nat_is_turned(uint8_t proto, uint16_t flags)
{
	return proto == NAT_OTHER && (flags & NAT_IS_HAIRPIN) != 0;
}

/* What TCP has shown; beside enum minato_nat_state in `tcp`. Of datagrams
   SYN_B: there was an answer; ACK_A: and a has sent after it. */
#define NAT_TCP_STATE 0x03u
#define NAT_TCP_SYN_A 0x04u
#define NAT_TCP_SYN_B 0x08u
#define NAT_TCP_FIN_A 0x10u
#define NAT_TCP_FIN_B 0x20u
#define NAT_TCP_ACK_A 0x40u /* a has answered: more than a SYN came; where b's \
			       number is known, with that */

#define NAT_IS_OFFERED 0x80u  /* in `carry`: maybe somebody carries it */
#define NAT_IS_FOLLOWED 0x40u /* each segment is told of */
#define NAT_OFFER_EVERY 16u   /* segments: a power of two below 64 */
#define NAT_OFFERS_MAX 256u
#define NAT_SILENCES_MAX 128u
struct nat_silences {
	uint32_t count, lost; /* lost: since it was empty */
	struct nat_caller ring[NAT_SILENCES_MAX];
};
struct nat_offers {
	uint32_t head, tail; /* positions; modulo NAT_OFFERS_MAX */
	bool look;
	struct minato_carry ring[NAT_OFFERS_MAX];
};

/* One line to a flow of IPv4. Of IPv6 c = a and d = b; b is in a second one. */
struct nat_session {
	uint32_t next, prev; /* of its mapping; free: of the free ones; without
				an owner: see session_expects */
	uint32_t timer_next, timer_prev;
	uint32_t last;	/* ms: when it was refreshed */
	uint32_t since; /* 2^26 ns */
	uint32_t owner; /* mapping, or NAT_NONE: a forward's from outside */
	uint32_t other; /* forward; mapping that a hairpin goes to; host */
	uint16_t generation; /* odd: it lives */
	uint16_t flags;
	uint8_t tcp;
	uint8_t proto;
	uint8_t scopes; /* of a << 4 | of d */
	uint8_t carry;	/* segments since it was open; flags above */
	union {
		struct {
			uint32_t addr[4]; /* a, b, c, d */
			uint16_t port[4];
		} four;
		struct {
			uint64_t a[2];
			uint16_t port[2];
		} six;
	};
};
struct nat_session6 {
	struct nat_session head;
	uint64_t b[2];
	uint64_t unused[6];
};
_Static_assert(sizeof(struct nat_session) == 64, "a line");
_Static_assert(sizeof(struct nat_session6) == 128, "two lines");

/*
 * What a caller acknowledges first: the server's SYN. Whoever does has seen it,
 * which nobody has who forged his address (RFC 6528 1, 3: the number cannot be
 * guessed). Kept where an owner's list would be: of calls that come from
 * outside and have none. NULL: there is no room. Until the server has a number,
 * and of datagrams, the look of the first packet is there, and above it how
 * many datagrams have had no answer.
 */
#define NAT_DATAGRAM (NAT_LOOK + 1)
#define NAT_DATAGRAMS_MAX 8u /* so many without an answer are a stream */
static inline uint32_t *session_expects(struct nat_session *s)
{
	return s->owner == NAT_NONE ? &s->prev : NULL;
}

/* A flow as the faces at the head of this file say. */
struct nat_flow {
	struct minato_endpoint a, b, c, d;
	uint8_t proto, from, to; /* scopes of a and d */
	uint16_t flags;
	uint32_t owner, other;
	/* What a face is found by, where it was sought with its batch. */
	const struct port_probe *probe[2];
};

#define NAT_MAPPING_SAME 0x1u /* outside is inside: IPv6, routes */
#define NAT_MAPPING_SIX 0x2u
#define NAT_MAPPING_UNCLEAN 0x4u /* a flow of it ended by silence */
struct nat_mapping {
	uint32_t next, prev;	  /* of its host; free: of the free ones */
	uint32_t sessions, count; /* the first; how many */
	uint32_t holders;	  /* of these, who keep it */
	uint32_t refs; /* hairpins that go to it, guests on its port */
	uint32_t host;
	uint32_t since;
	union {
		uint32_t four[2]; /* inside, outside */
		uint64_t six[2];
	};
	uint16_t inside_port, outside_port;
	uint16_t pool;
	uint16_t generation; /* odd: it lives */
	uint8_t proto, scope, flags;
	uint8_t unused[5];
};
_Static_assert(sizeof(struct nat_mapping) == 64, "a line");

/* One for each protocol, and the last for those that are not translated. */
#define NAT_MAPPING_LISTS (PORT_PROTOS + 1)

struct nat_host {
	uint32_t next;	   /* free: of the free ones */
	/* The first of each protocol, and of those that are not translated. */
	uint32_t mappings[NAT_MAPPING_LISTS];
	/* Of each list: where one is looked for that gives way. */
	uint32_t look[NAT_MAPPING_LISTS];
	uint32_t mapped; /* in all of these lists */
	uint32_t others; /* the first session that has none: nat_is_hosts */
	uint32_t count[PORT_PROTOS]; /* with flows that others carry */
	uint32_t sessions;
	uint32_t held; /* flows of it that end with their owner */
	uint32_t pool; /* + 1; 0: none yet */
	bool live;
	uint8_t scope;
	struct minato_addr addr;
	int64_t tokens;	   /* thousandths of a mapping */
	uint32_t refilled; /* ms */
};

struct nat_forward {
	uint32_t next;	/* free: of the free ones */
	uint32_t entry; /* NAT_NONE: it was removed, its flows live on */
	uint32_t flows; /* records of them */
	/* The forward whose bounds are its, and which counts for both: itself,
	   or one that stays as long as there are others. */
	uint32_t bounds;
	uint32_t others;
	uint32_t current; /* flows that are not over, of the others too */
	uint32_t flows_max, source_flows_max;
	uint32_t group; /* + 1, or 0 */
	struct minato_endpoint target;
	uint16_t first;
	bool many_to_one, opens; /* `opens`: no target, IPv6 as it is */
	bool drains;		 /* no new flows */
	bool held; /* nothing is rewritten: its flows end with its owner */
	bool live;
};
struct nat_group {
	uint32_t generation; /* odd: it lives */
	uint32_t refs;	     /* forwards */
	uint32_t count;
	bool sticky;
	struct minato_server server[MINATO_SERVERS_MAX];
};

struct nat_pool {
	bool live;
	uint32_t link;
	struct minato_addr addr;
	uint16_t low, high;
	bool classed; /* also 1..1023 */
};
#define NAT_AHEAD 64u /* steps of a walk that are kept; a power of two */
/* The ports of one pool address and protocol. */
struct nat_ports {
	bool opened;
	struct bitmap free;  /* no mapping, no rest, not shut */
	uint64_t shut[1024]; /* held by others, when last looked */
	uint64_t releases;   /* of the port table, at that time */
	uint32_t shut_count;
	struct permutation walk;
	uint32_t place;
	uint32_t peeked, peeked_for; /* likewise, ahead; of which batch */
	/* What the walk has at these places, by their low bits. */
	struct nat_step {
		uint16_t port;
		uint32_t place; /* + 1; 0: none */
	} ahead[NAT_AHEAD];
	uint32_t widest; /* the inside host with most of them, about */
	uint16_t rest_head, rest_tail; /* by age; 0: none */
	uint16_t rest_next[PORT_NUMBERS];
	uint32_t rest_until[PORT_NUMBERS]; /* ms */
};

/* A pool of slots of which the first word is a link while they are free. */
struct nat_slots {
	int64_t at; /* from struct nat */
	uint32_t size, capacity, used, fresh, free;
};

#define NAT_WHEEL_LEVELS 6u /* of 64 slots, in ms: 2^36 ms are two years */
struct nat_wheel {
	uint64_t at; /* ms: what was armed for up to here is due */
	uint32_t due;
	uint64_t occupied[NAT_WHEEL_LEVELS];
	/* Where the last that began stood, and what that followed from. */
	int64_t begun_ns;
	uint64_t begun_at;
	uint32_t begun_timeout, begun_slot;
	uint32_t slot[NAT_WHEEL_LEVELS * 64]; /* the first, or NAT_NONE */
};

enum nat_timer {
	NAT_TIMER_UDP,
	NAT_TIMER_SHORT,
	NAT_TIMER_ICMP,
	NAT_TIMER_OTHER,
	NAT_TIMER_OPENING,
	NAT_TIMER_OPEN,
	NAT_TIMER_CLOSING,
	NAT_TIMER_RESET,
	NAT_TIMERS
};

struct nat_prefix {
	struct minato_addr addr;
	uint32_t entry; /* routes: of the port table */
	uint8_t len, scope;
	bool live;
};

/*
 * firsts.c: packets of a batch that begin flows outward. What their making will
 * want is sought for all of them, one step behind the other; what was found is
 * good as long as the mapping lives.
 */
#define NAT_FIRSTS 32u
struct nat_first {
	uint64_t ends;	     /* of the packet's probe */
	uint32_t mapping;    /* its sender's, or NAT_NONE: */
	uint32_t host;	     /* of which there may be this, or NAT_NONE */
	uint16_t generation; /* of the mapping */
	uint16_t outer;	     /* the place of its probe, + 1, or 0; where it has
				no mapping that one's stands before it */
};
struct nat_firsts {
	uint32_t count;
	uint32_t batch; /* how many there were */
	struct nat_first first[NAT_FIRSTS];
	/* By its inside endpoint; and first its host, then the other face of
	   its flow, with the mapping that it will have. */
	struct port_key inner_key[NAT_FIRSTS], outer_key[2 * NAT_FIRSTS];
	struct port_probe inner[NAT_FIRSTS], outer[2 * NAT_FIRSTS];
};

struct nat_seeking { /* private: a batch on its way through firsts.c */
	struct nat *n;
	struct nat_firsts *f;
	struct port_far far; /* what the next step wants */
	const struct port_key *packet[NAT_FIRSTS];
	uint32_t outers; /* probes there */
};

/* A flow from outside that may be half-open. */
struct nat_opening {
	uint32_t session; /* NAT_NONE: over */
	uint16_t generation;
	uint8_t source; /* of 256, by a keyed hash */
};
struct nat_openings {
	uint64_t head, tail; /* positions in a ring */
	uint32_t capacity;
	uint32_t of_source[256];
};

struct nat {
	struct nat_limits limits;
	int64_t table; /* from here */
	struct hash_key key;
	struct random random;
	struct minato_time now;
	uint32_t now_ms;
	struct minato_nat options;
	uint32_t timeout_ms[NAT_TIMERS];
	uint32_t rearmed; /* sessions from here on stand by older timers in the
			     wheel; NAT_NONE: none does */
	struct nat_slots sessions4, sessions6, mappings, hosts, forwards;
	uint32_t sources, resting;
	uint32_t orphan; /* forward + 1 of flows whose entries are gone, or 0 */
	uint32_t pool_count, route_count;
	uint8_t refused_code; /* ICMP, of the refusal that was the last */
	uint64_t ends;	      /* of sessions, ever */
	uint32_t largest;     /* the inside host with most sessions, about */
	uint32_t broadest;    /* with most mappings */
	/* Towards this no port was to be shared, after so many changes. */
	struct port_key full;
	uint64_t full_at;
	int64_t pools, ports, groups, news; /* from here */
	int64_t openings;
	struct nat_openings opening;
	uint16_t pool_live[NAT_POOLS_LIMIT];
	struct nat_prefix inside[NAT_INSIDES_MAX], route[NAT_ROUTES_MAX];
	uint64_t news_head, news_tail; /* positions; modulo NAT_NEWS_MAX */
	struct nat_wheel wheel;
	struct nat_firsts firsts;
	struct nat_offers offers;
	struct nat_silences silences;
	uint64_t counters[NAT_COUNTER_COUNT];
};

/* opening.c: flows from outside of whose caller nothing is proven */
uint32_t opening_capacity(const struct nat_limits *limits);
/* A session that was begun from outside; may end others. */
void opening_note(struct nat *n, uint32_t session,
		  const struct minato_addr *source);
/* Ends one, of this forward or (NAT_NONE) of any. False: there is none near
   the oldest. */
bool opening_evict(struct nat *n, uint32_t forward);
/* Whether one would end. */
bool opening_yields(const struct nat *n, uint32_t forward);

/* yielding.c: which inside host gives way */
#define NAT_GREW 64u /* a power of two: sessions, or mappings of a protocol,
			of a host from look to look */
/* A host has some more sessions than when this was said last; or mappings. */
void yielding_grew(struct nat *n, uint32_t host);
void yielding_spread(struct nat *n, uint32_t host);
/* A host has some more mappings of a protocol, the last one of this pool. */
void yielding_widened(struct nat *n, uint32_t host, uint32_t pool,
		      uint8_t proto);
/* Ends a flow of the host that has most, or where this flow wants a mapping and
   these are used up, one of those; `same`: one that is not translated. False:
   nobody gives way to its sender. */
bool yielding_room(struct nat *n, const struct nat_flow *f, bool same);
/* Likewise a mapping whose port the sender of this flow can have. */
bool yielding_port(struct nat *n, const struct nat_flow *f);

static inline struct port_table *nat_table(const struct nat *n)
{
	return (struct port_table *)((char *)(uintptr_t)n + n->table);
}
static inline void nat_count(struct nat *n, enum nat_counter counter)
{
	n->counters[counter]++;
}
/* An answer that is none: for what it counts. */
static inline int64_t nat_refusal(enum nat_counter why)
{
	return -1 - (int64_t)why;
}

/* core.c: where the records lie, and slots of them */
size_t core_sessions4(const struct nat_limits *limits);
size_t core_sessions6(const struct nat_limits *limits);
static inline void *nat_slot(const struct nat *n, const struct nat_slots *s,
			     uint32_t index)
{
	return (char *)(uintptr_t)n + s->at + (size_t)index * s->size;
}
uint32_t nat_slot_take(struct nat *n, struct nat_slots *s); /* or NAT_NONE */
void nat_slot_give(struct nat *n, struct nat_slots *s, uint32_t index);
/* Removes the tuple of this key; there is one. */
void nat_untuple(struct nat *n, const struct port_key *key);
/* One more, or less, in the number that the tuple of this key is; it is made,
   and goes with the last. Returns the new number, or 0: there is no room. */
uint32_t nat_number(struct nat *n, const struct port_key *key, uint8_t class,
		    int step);

/* gazette.c */
void nat_tell(struct nat *n, enum minato_nat_news_kind kind, uint8_t proto,
	      const struct minato_endpoint *inside,
	      const struct minato_endpoint *outside);

/* expiry.c: a lazy slot per session in a wheel of milliseconds. */
#define NAT_UNARMED 0xffffffffu /* in timer_prev */
void expiry_init(struct nat *n);
/* Where it stands, or not at all, after it was made or may end earlier. */
void expiry_arm(struct nat *n, uint32_t session);
void expiry_begin(struct nat *n, uint32_t session); /* a new one's first */
void expiry_cancel(struct nat *n, uint32_t session);
/* A timer is shorter than it was: each session is to stand anew. */
void expiry_rearm(struct nat *n);
/* Ends what is due, a bounded number; lets as many stand anew. */
void expiry_run(struct nat *n);
struct minato_time expiry_next(const struct nat *n);

/* session.c */
static inline struct nat_session *session_at(const struct nat *n,
					     uint32_t session)
{
	return session & NAT_SIX ?
		       nat_slot(n, &n->sessions6, session & ~NAT_SIX) :
		       nat_slot(n, &n->sessions4, session);
}
bool session_live(const struct nat *n, uint32_t session);
/* There is no room for one more. */
static inline bool session_full(const struct nat *n)
{
	return n->sessions4.used + n->sessions6.used == n->limits.sessions_max;
}
/* The inside host that it counts for, or NAT_NONE. */
uint32_t session_host(const struct nat *n, const struct nat_session *s);
/* The next living one at or after `from`, or NAT_NONE. */
uint32_t session_walk(const struct nat *n, uint32_t from);
void session_flow(const struct nat_session *s, struct nat_flow *out);
enum nat_end { NAT_A, NAT_B, NAT_C, NAT_D };
void session_end_of6(const struct nat_session *s, enum nat_end end,
		     struct minato_endpoint *out);
static inline void session_end_of(const struct nat_session *s, enum nat_end end,
				  struct minato_endpoint *out)
{
	if ((s->flags & NAT_IS_SIX) != 0) {
		session_end_of6(s, end, out);
		return;
	}
	out->addr = nat_addr4(s->four.addr[end]);
	out->port = s->four.port[end];
}
/* The key that face `side` is found by. */
void session_key(const struct nat_session *s, uint32_t side,
		 struct port_key *out);
/* Refreshed so long ago that it is no more. */
bool session_over(const struct nat *n, const struct nat_session *s);
/* The beginner has not answered what came back; of datagrams nothing has come
   back. */
bool session_half_open(const struct nat_session *s);
/* ms from its last refreshing to its end. */
uint32_t session_timeout(const struct nat *n, const struct nat_session *s);
/* Makes it, or a refusal: TAKEN, NO_MEMORY. Completes the flow's flags. */
int64_t session_make(struct nat *n, struct nat_flow *f);
/*
 * The same of the usual flow: outward, IPv4, no query, of the sender's mapping,
 * counted in no peer, both faces sought. Any refusal says no more than that
 * session_make is to be asked.
 */
int64_t session_make_sought(struct nat *n, uint32_t mapping,
			    const struct port_probe *packet,
			    const struct port_probe *other);
/*
 * Two forwards lead to one server, which cannot tell a client's flows by them
 * apart if they have one port. Ends the other one if it is over, as its server
 * would take the SYN of the new one (RFC 6191). False: it stays.
 */
bool session_make_way(struct nat *n, const struct nat_flow *f);
/* The inside has sent: from now on it keeps its mapping. */
void session_hold(struct nat *n, struct nat_session *s);
/* Ends it, and its mapping with the last that keeps it. */
void session_end(struct nat *n, uint32_t session);
/* The same, since its time is over or it gives way: where nobody has answered,
   nat_silence tells. */
void session_lapse(struct nat *n, uint32_t session);

/* tcpstate.c */
/* A segment from `side`; whether it refreshes is told apart. Returns true when
   the timer may now end earlier than it was armed for. */
bool tcpstate_segment(struct nat *n, struct nat_session *s, uint32_t side,
		      uint8_t flags);
/* A TCP flow behind a FIN of each, or a RST: nothing refreshes it. */
bool tcpstate_over(const struct nat_session *s);

/* offers.c */
/* It was offered, and is not as it was. */
void offers_end(struct nat *n, uint32_t session);
/* A segment of TCP came by us; whether its flow is to be offered. */
static inline bool offers_segment(struct nat *n, uint32_t session,
				  uint8_t flags)
{
	struct nat_session *s = session_at(n, session);

	if ((s->tcp & NAT_TCP_STATE) != MINATO_NAT_OPEN ||
	    (flags & (NAT_FIN | NAT_SYN | NAT_RST)) != 0) {
		if ((s->carry & NAT_IS_OFFERED) != 0)
			offers_end(n, session);
		return false;
	}
	s->carry = (uint8_t)((s->carry & (NAT_IS_OFFERED | NAT_IS_FOLLOWED)) |
			     ((s->carry + 1u) & (NAT_OFFER_EVERY - 1)));
	return ((s->carry & (NAT_OFFER_EVERY - 1)) == 0 ||
		(s->carry & NAT_IS_FOLLOWED) != 0) &&
	       n->options.carry;
}

/* mapping.c */
static inline struct nat_mapping *mapping_at(const struct nat *n,
					     uint32_t mapping)
{
	return nat_slot(n, &n->mappings, mapping);
}
static inline struct nat_host *host_record(const struct nat *n, uint32_t host)
{
	return nat_slot(n, &n->hosts, host);
}
struct minato_endpoint mapping_inside(const struct nat_mapping *m);
struct minato_endpoint mapping_outside(const struct nat_mapping *m);
/* The key that the mapping of a packet's sender is found by. */
void mapping_inside_key(const struct port_key *packet, struct port_key *out);
/* Likewise its host; and a mapping's, of its outside endpoint. */
void mapping_host_key(const struct port_key *packet, struct port_key *out);
void mapping_outside_key(const struct nat *n, uint8_t proto,
			 const struct minato_endpoint *outside,
			 struct port_key *out);
/* By its outside endpoint; by its inside one. NAT_NONE. */
uint32_t mapping_of_outside(const struct nat *n, uint8_t proto,
			    const struct minato_endpoint *outside);
/* `same`: the one that is not translated, which IPv4 has beside the other. */
uint32_t mapping_of_inside(const struct nat *n, uint8_t scope, uint8_t proto,
			   const struct minato_endpoint *inside, bool same);
/* What firsts.c has found of a sender, as good as it may be by now. */
struct nat_sender {
	const struct port_probe *inner; /* of its mapping; NULL: not sought */
	const struct port_probe *outer; /* of the one it may get, or NULL */
	uint32_t host;			/* that may be its, or NAT_NONE */
};
/* That of a flow's `a`, made where it has none and there is room for a
   session; `same`: not translated. Or a refusal. What was sought with probe[0]
   is not looked for again. */
int64_t mapping_get(struct nat *n, const struct nat_flow *f, bool same);
/* The ends that a mapping is to have; the same twice: not translated. */
struct nat_faces {
	const struct minato_endpoint *inside, *outside;
	uint32_t pool;			 /* of `outside`, if it is another */
	const struct nat_sender *sender; /* or NULL */
};
/* At this outside endpoint and no other, for mapping_get and adoption. */
int64_t mapping_make(struct nat *n, uint32_t host, uint8_t proto,
		     const struct nat_faces *faces);
/* Ends it when nothing keeps it any more. */
void mapping_settle(struct nat *n, uint32_t mapping);
/* Ends it and its sessions; returns how many these were. */
uint32_t mapping_end(struct nat *n, uint32_t mapping);
/* The record of an inside host; a refusal NO_MEMORY. */
int64_t host_get(struct nat *n, uint8_t scope, const struct minato_addr *addr);
uint32_t host_find(const struct nat *n, uint8_t scope,
		   const struct minato_addr *addr);
/* A mapping of it, or NAT_NONE. */
uint32_t host_mapping(const struct nat_host *h);
/* Frees it when nothing is of it any more. */
void host_settle(struct nat *n, uint32_t host);
/* Whether it may have one more session. */
bool host_may_begin(const struct nat *n, uint32_t host);
/* What keeps an inside host from one more mapping, or MINATO_HINDERED_NOT; the
   bound of its own that it is. */
enum minato_hindrance host_hindrance(const struct nat *n, uint8_t scope,
				     const struct minato_addr *addr,
				     uint8_t proto, uint32_t *bound);
/* Whether somebody outside, as such an address and port, may send to it (RFC
   4787 5, RFC 5382 4.3). */
bool mapping_admits(const struct nat *n, uint32_t mapping,
		    const struct minato_endpoint *from);

/* firsts.c: the owner of what was sought, if it is of that class; NAT_NONE. */
uint32_t firsts_found(const struct nat *n, const struct port_probe *p,
		      uint8_t class);
/* The mapping of a packet's sender as nat_seek found it, and the
   probe of its flow's other face; NAT_NONE: it is to be looked for, and `outer`
   is a guess, or NULL. */
uint32_t firsts_mapping(struct nat *n, const struct port_probe *packet,
			const struct port_probe **outer);
/* Of a sender that had no mapping then: what its making can begin with. */
void firsts_sender(struct nat *n, const struct port_probe *packet,
		   struct nat_sender *out);

/* others.c: ends flows of protocols without ports that are known outside by
   this address; returns how many. */
uint32_t others_end(struct nat *n, const struct minato_addr *outside);

/* Of a flow that an inside host would begin: whether another one has its
   protocol at `target`, met in that scope, by the same outside address. */
bool others_taken(const struct nat *n, const struct port_key *key,
		  uint8_t scope, const struct minato_addr *target);

/* begin.c: a packet that belongs to no session: what it opens, and how it goes
   on then (`*session`), or the verdict. */
enum nat_verdict begin_outward(struct nat *n, const struct port_probe *probe,
			       const struct nat_packet *p, uint32_t *session);
enum nat_verdict begin_inward(struct nat *n, const struct port_probe *probe,
			      const struct nat_packet *p, uint32_t *session);
/* From inside to an outside address of ours. */
enum nat_verdict begin_hairpin(struct nat *n, const struct port_probe *probe,
			       const struct nat_packet *p, uint32_t *session);
/* A packet of a hairpin that is NAT_IS_SHUT: NAT_PASS if that is over. */
enum nat_verdict begin_shut(struct nat *n, const struct port_probe *probe,
			    const struct nat_packet *p, uint32_t session,
			    uint32_t side);
/* To the host of a forward or dmz; `f` has a and b, and of a hairpin owner and
   c. */
enum nat_verdict begin_forwarded(struct nat *n, struct nat_flow *f,
				 uint32_t entry, uint32_t *session);
/* IPv6, or a route, from outside; closed unless it is open: then false. */
bool begin_opened(struct nat *n, struct nat_flow *f, enum nat_verdict *verdict,
		  uint32_t *session);
/* From inside to another inside, in scope `to`. */
enum nat_verdict begin_between(struct nat *n, const struct port_probe *probe,
			       const struct nat_packet *p, uint8_t to,
			       uint32_t *session);
/* RFC 6888 REQ-6: the administrator's destinations without translation. */
bool begin_is_routed(const struct nat *n, const struct port_key *key);
/* The answer to what cannot be: counted, told, ICMP if it shall be. */
enum nat_verdict begin_refused(struct nat *n, int64_t refusal, uint8_t proto,
			       const struct minato_endpoint *inside);

/* foresee.c: whether a held call of somebody's stands there, as it is met
   outside. Looked for without a trace, since it is asked about once more where
   the call is taken (stack/deliver.c). */
bool foresee_held(const struct nat *n, const struct port_key *met);

/* outside.c: pools and the choice of ports */
static inline struct nat_pool *pool_record(const struct nat *n, uint32_t pool)
{
	return (struct nat_pool *)((char *)(uintptr_t)n + n->pools) + pool;
}
struct nat_ports *outside_ports(const struct nat *n, uint32_t pool,
				uint8_t proto);
uint32_t outside_find(const struct nat *n, const struct minato_addr *addr);
/* Whether this very port of a pool's address can be had by who had it. */
bool outside_unheld(const struct nat *n, uint8_t proto,
		    const struct minato_endpoint *outside);
/* A free port of the pool for an inside port, or 0. Takes nothing. `sought`:
   of the mapping that was foreseen, or NULL. */
uint16_t outside_choose(struct nat *n, uint32_t pool, uint8_t proto,
			uint16_t inside_port, const struct port_probe *sought);
/* The port that a choice soon will probably be, and at each call for a batch
   the next one; 0: it cannot be foreseen. */
uint16_t outside_peek(const struct nat *n, uint32_t pool, uint8_t proto,
		      uint16_t inside_port);
void outside_take(struct nat *n, uint32_t pool, uint8_t proto, uint16_t port);
void outside_give(struct nat *n, uint32_t pool, uint8_t proto, uint16_t port,
		  bool rests);
/* Whether a port of a pool, were it free, would be chosen for such an inside
   port. */
bool outside_serves(const struct nat *n, uint32_t pool, uint8_t proto,
		    uint16_t port, uint16_t inside_port);
/* Which pool an inside host gets its first port of. NAT_NONE: there is none. */
uint32_t outside_pool_of(const struct nat *n, const struct minato_addr *host);
/* A port that another has, towards a destination that nobody there uses;
   *mapping is whose. 0: none. */
uint16_t outside_share(struct nat *n, uint32_t pool, uint8_t proto,
		       const struct minato_endpoint *remote, uint32_t *mapping);

/* forwards.c */
static inline struct nat_forward *forwards_at(const struct nat *n,
					      uint32_t forward)
{
	return nat_slot(n, &n->forwards, forward);
}
/* Whose bounds are the forward's, and counts. */
static inline struct nat_forward *forwards_bounds(const struct nat *n,
						  uint32_t forward)
{
	return forwards_at(n, forwards_at(n, forward)->bounds);
}
/* What is kept of a forward or dmz, or NAT_NONE: the entry is none. */
uint32_t forwards_kept(const struct nat *n, uint32_t entry);
/* The same of one whose packets are rewritten; NAT_NONE: it is no such. */
uint32_t forwards_of(const struct nat *n, uint32_t entry);
/* Where a new flow to `asked` goes, and that it may begin, or a refusal. */
int64_t forwards_choose(struct nat *n, uint32_t forward,
			const struct minato_endpoint *client,
			const struct minato_endpoint *asked,
			struct minato_endpoint *target);
/* Where a forward would lead that asker now, and what keeps it from it. */
void forwards_foresee(const struct nat *n, uint32_t forward,
		      const struct minato_endpoint *client,
		      const struct minato_endpoint *asked,
		      struct minato_prospect *out);
/* A flow that was chosen for was not made after all. */
void forwards_refused(struct nat *n, uint32_t forward,
		      const struct minato_addr *source);
/* One without an entry, for a flow whose entry is gone; or -1. */
int64_t forwards_orphan(struct nat *n);
/* Frees it when entry and flows are both gone, and who has its bounds. */
void forwards_settle(struct nat *n, uint32_t forward);
void forwards_began(struct nat *n, uint32_t forward);
void forwards_ended(struct nat *n, uint32_t forward, bool current);
/*
 * Bounds are for what is going on: a TCP flow behind both FINs or a RST, whose
 * record stays for minutes, counts against none, until it goes on after all.
 */
void forwards_follow(struct nat *n, struct nat_session *s);
/* The key under which the flows of one source are counted, of all forwards that
   have these bounds. */
void forwards_source_key(const struct nat *n, uint32_t forward,
			 const struct minato_addr *source,
			 struct port_key *out);

/* servers.c */
static inline struct nat_group *group_at(const struct nat *n, uint32_t group)
{
	return (struct nat_group *)((char *)(uintptr_t)n + n->groups) + group;
}
/* The index of a group, or NAT_NONE. */
uint32_t servers_find(const struct nat *n, uint64_t handle);
/* The server of a client, or NULL: none takes new flows. */
const struct minato_server *
servers_choose(const struct nat *n, uint32_t group,
	       const struct minato_endpoint *client);

#endif
