/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack: joins the layers. Frame -> packet -> look-up -> entry, and back.
 *
 *   minato_input                                   minato_output
 *        |                                              ^
 *   input.c    parse all, hash and prefetch all    output.c   in order
 *        |     deliver all                              ^
 *   deliver.c  ours? martian? one look-up          frames.c   headers, offloads
 *        |     one switch over the kinds                ^
 *        +--> flow.c     segment of a connection -------+  dirty sockets
 *        +--> calls.c    a new flow: child or call      |
 *        +--> halves.c   half-open, and cookies     |
 *        +--> udp.c      datagram into a queue          |
 *        +--> icmp_in.c  errors, echo, discovery        |
 *        +--> fragment_in.c  gathers, then delivers     |
 *        +--> pass.c     neither for us nor from us ----+  pass_queue.c
 *        +--> icmp_out.c errors and RSTs, limited ------+  control messages
 *        +--> evidence.c what became of first contacts, for port/scan
 *
 * Nothing here transmits while a frame arrives: what is owed is a mark on a
 * socket (it stands in the list of dirty ones) or a message in the control
 * queue, and minato_output empties first the queue, then the list.
 *
 * A socket is a slot of 192 bytes: 64 of ours and a body of 128, which is a
 * struct tcp or a struct datagrams. Addresses are not in it: they are the key
 * of its tuple or claim in the port table. Life of a slot:
 *
 *   FREE -> fresh (minato_socket) -> bound -> listener
 *     ^                          \-> connection (has a tuple) -> ended
 *     |        a SYN, a datagram -> connection                    |
 *     +--------- owner let go (not OWNED) and nothing to send <---+
 *
 *   OWNED      a handle is out: only minato_close ends it
 *   CALL       half-open or held; bounded together, with a stated victim
 *   ACCEPT     complete, in the queue of its listener for minato_accept
 *
 * Everything lies in the caller's memory, found by 32-bit indices and offsets
 * from struct minato, so a byte copy of the memory is a working host value.
 */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include <stdalign.h>

#include "base/addr.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/payload.h"
#include "base/pool.h"
#include "base/time.h"
#include "base/wheel.h"
#include "minato/minato.h"
#include "nat/nat.h"
#include "port/port.h"
#include "port/scan.h"
#include "tcp/tcp.h"
#include "wire/wire.h"

/* --- Bounds. Each has a counter or an error, and a victim. -------------- */

#define STACK_NONE UINT32_MAX
#define STACK_LINK_ANY 0xffu
#define STACK_ADDRESSES_MAX 64u
#define STACK_BATCH 32u		 /* frames parsed before the first delivery */
#define STACK_OUTPUT_MAX 256u	 /* frames of one minato_output */
#define STACK_HEADER_MAX 192u	 /* link, IP and transport header */
#define STACK_EXTENTS_MAX 64u	 /* of a frame; more are copied into one */
#define STACK_SPLIT_EXTENTS 160u /* of a super-segment cut by software */
#define STACK_VISIT_FRAMES 16u	 /* of one socket before the next one's turn */
#define STACK_REFERENCE_MIN 16384u /* payload kept by reference from here on */
#define STACK_RESERVE_MAX 64u	   /* chunks of a reservation */
#define STACK_CONTROL_MAX 1024u	 /* control messages waiting; newest dropped */
#define STACK_BRIEF_MAX 128u	 /* bytes of a message without chunk */
#define STACK_HELD_DATAGRAMS 16u /* of an unanswered call; newest dropped */
#define STACK_NEIGHBOUR_MESSAGES 16u /* waiting for a MAC; oldest dropped */
#define STACK_CALL_NS (190 * NS_PER_S)
#define STACK_TIME_WAIT_NS (60 * NS_PER_S)
#define STACK_REST_NS (120 * NS_PER_S) /* RFC 6888 REQ-8 */
#define STACK_DATAGRAM_BUFFER (1u << 20) /* default, bytes of chunks */
#define STACK_TTL 64u
#define STACK_NARROW_MAX 64u /* paths narrower than their link; oldest goes */
#define PASS_QUEUE 1024u /* frames handed on, of a link; newest dropped */
#define PASS_TURN 32u	 /* of them, before sockets have as many */
#define PASS_WAYS 16384u /* next hops remembered, by a hash; newest stays */
#define PASS_SOURCES 16384u /* senders found to be where they are, likewise */
#define PASS_TARGETS 4096u /* destinations of what is of no flow, likewise */
#define PASS_PARKED 256u /* frames that wait for a MAC; newest dropped */
#define PASS_PARKED_EACH 16u /* for the same one */
#define PASS_SYNS 4096u /* SYNs held in silence; oldest dropped */
#define PASS_IDS 4096u	/* counters of identifications */

/* --- Sockets ------------------------------------------------------------ */

/* The lists in which a socket can stand, each at most once. */
enum socket_list {
	LIST_OUTPUT, /* dirty, or waiting for a neighbour's MAC */
	LIST_EVENT,
	LIST_CALL, /* held, half_open, or the accept queue of its listener */
	LIST_COUNT
};
struct list {
	uint32_t head, tail, count; /* sockets */
};
#define STACK_VERDICTS 2048u /* 2^n */

#define SOCKET_OWNED 0x00001u	  /* a handle is out */
#define SOCKET_OUTPUT 0x00002u	  /* stands in LIST_OUTPUT */
#define SOCKET_EVENT 0x00004u	  /* stands in LIST_EVENT */
#define SOCKET_CALL 0x00008u	  /* stands in held, if HELD, or half_open */
#define SOCKET_ACCEPT 0x00010u	  /* stands in its parent's accept queue */
#define SOCKET_HELD 0x00020u	  /* a call waits for an answer */
#define SOCKET_ANNOUNCED 0x00040u /* the owner has heard of the call */
#define SOCKET_LISTENER 0x00080u
#define SOCKET_LATE 0x00100u	    /* bound to port 0: chosen when needed */
#define SOCKET_CHILD 0x00200u	    /* `other` is its listener */
#define SOCKET_OPENED 0x00400u	    /* was a connection once */
#define SOCKET_ASSOCIATION 0x00800u /* its tuple has the local end open */
#define SOCKET_REUSEADDR 0x01000u
#define SOCKET_REUSEPORT 0x02000u
#define SOCKET_V6ONLY 0x04000u
#define SOCKET_TRANSPARENT 0x08000u
#define SOCKET_HOLD 0x10000u
#define SOCKET_DEFER 0x20000u  /* child in half_open that waits for data */
#define SOCKET_ERROR 0x40000u  /* tcp has a pending error */
#define SOCKET_URGENT 0x80000u /* urgent data not yet taken */
#define SOCKET_ASKS SOCKET_DEFER /* HELD: the program decides (guard.h) */
/* Set by its owner, so that a second connect offers them again. */
#define SOCKET_MAXSEG 0x200000u
#define SOCKET_SCALE 0x400000u
#define SOCKET_STARVED 0x100000u /* a write was cut short by memory */
#define SOCKET_CLASS 0x800000u	 /* the class below changed, not yet read */
#define SOCKET_EXCLUSIVE 0x1000000u
#define SOCKET_CHOSEN 0x2000000u /* the port of its tuple is our choice */
/* The upper 6 bits: traffic class that the peer sends in, without ECN. */
#define SOCKET_PEER_CLASS_SHIFT 24u
#define SOCKET_PEER_CLASS_MASK 0xfc000000u
/* What children of a listener take over. */
#define SOCKET_INHERITED                                                       \
	(SOCKET_REUSEADDR | SOCKET_REUSEPORT | SOCKET_V6ONLY |                 \
	 SOCKET_TRANSPARENT | SOCKET_EXCLUSIVE)

/* A queue of messages. */
struct messages {
	uint32_t head, tail, count;
	uint32_t charge; /* bytes of chunks that they hold */
};

/* The body of a UDP or ICMP socket. */
struct datagrams {
	struct messages received, unsent;
	uint32_t rcvbuf, sndbuf;    /* bounds of the charges above */
	int32_t error;		    /* pending, positive; 0 none */
	uint8_t ttl, traffic_class; /* 0: default */
	bool no_more;		    /* SHUT_RD: nothing more is received */
	bool no_send;		    /* SHUT_WR */
	uint16_t program;	    /* association: who speaks (guard.h) */
	uint64_t bytes_in, bytes_out;
};

struct socket_link {
	uint32_t next, prev;
};

struct socket {
	/* The first word belongs to the pool while the slot is free. */
	struct socket_link link[LIST_COUNT];
	uint32_t tuple; /* in the port table, or STACK_NONE */
	uint32_t claim; /* entry of the port table, or STACK_NONE */
	uint32_t other; /* child: its listener; LISTENER, LATE: its detail;
			   HELD: hop limit and class of its SYN (TCP), and
			   from bit 16 on the place of its source */
	uint32_t arrivals;
	uint64_t user;
	uint32_t waits_on; /* neighbour, when in LIST_OUTPUT there */
	uint32_t since;	   /* begin of life, in 2^26 ns */
	uint32_t flags;
	uint8_t proto, scope;
	uint16_t ip_id; /* of the next packet */
	union {
		struct tcp tcp;
		struct datagrams datagrams;
	} body;
};
#define STACK_SINCE_SHIFT 26
static inline uint32_t stack_since(struct minato_time at)
{
	return (uint32_t)(at.ns >> STACK_SINCE_SHIFT);
}
static inline struct minato_time stack_begun(uint32_t since)
{
	return (struct minato_time){ (int64_t)since << STACK_SINCE_SHIFT };
}

/* Sources of calls are counted by a keyed hash, an IPv4 address or a /64. */
#define CALLS_PLACES 256u
#define CALLS_PLACE_SHIFT 16u
#define CALLS_LOOK 8u

/* What only listeners and late-bound sockets need. */
struct detail {
	alignas(8) uint32_t unused; /* the pool's word */
	uint32_t backlog;
	struct list accepts;
	struct minato_endpoint late; /* bound address, port 0 */
};

/* --- Messages: what is sent or was received whole ----------------------- */

enum message_kind {
	MESSAGE_UDP, /* data: payload */
	MESSAGE_RAW, /* data: transport header, payload; checksum complete */
	MESSAGE_RST, /* brief: TCP header, checksum open */
	MESSAGE_ARP, /* brief: the ARP packet; remote: its MAC */
};
struct message {
	alignas(8) uint32_t next; /* pools want multiples of 8 */
	struct queue data;
	struct minato_endpoint remote, local;
	uint16_t gso_size;
	uint8_t kind;
	uint8_t proto; /* of MESSAGE_RAW on the wire */
	uint8_t ttl, traffic_class;
	uint8_t scope;
	uint8_t link; /* where it must go, or STACK_LINK_ANY */
	bool dont_fragment;
	uint32_t charge;
	/* What we must be able to say when no chunk is free: ARP, discovery,
	   RSTs. Instead of `data`. */
	uint32_t brief_len;
	uint8_t brief[STACK_BRIEF_MAX];
};

/* --- Links, addresses, routes, neighbours ------------------------------- */

/* What lib/serve advertises there, and who asked since. */
struct advertising {
	bool on, has_prefix, has_dns;
	uint8_t solicited; /* routers were asked for: by one, by many (2) */
	struct minato_addr prefix, dns;
	struct minato_addr solicitor;
	struct minato_time next, last; /* to all nodes */
};
struct link {
	struct minato_link_config config;
	struct minato_addr link_local; /* IPv6; all zero: none */
	struct advertising advertising;
};
struct address {
	struct minato_addr addr;
	uint8_t prefix; /* of 128 */
	uint8_t link, scope;
};
struct route {
	struct minato_addr prefix, gateway;
	uint8_t len; /* of 128 */
	uint8_t link, scope;
	bool has_gateway;
};

enum neighbour_state {
	NEIGHBOUR_INCOMPLETE,
	NEIGHBOUR_REACHABLE,
	NEIGHBOUR_STALE,
	NEIGHBOUR_DELAY,
	NEIGHBOUR_PROBE,
	NEIGHBOUR_FAILED,
};
struct neighbour {
	uint32_t next; /* in its bucket, index or STACK_NONE */
	struct minato_addr addr;
	uint8_t mac[6];
	uint8_t link;
	uint8_t state;
	uint8_t probes;	     /* sent in this state */
	bool permanent;	     /* MAC given by the caller */
	bool known;	     /* never evicted, never answered for by proxy */
	bool used;	     /* since the hand of the clock passed */
	struct list waiting; /* sockets, LIST_OUTPUT */
	struct messages held;
	struct minato_time deadline; /* of the state; NEVER if none */
};

/* --- Owners: equal ones are one record ----------------------------------- */

struct actor {
	alignas(8) uint32_t references; /* free: the pool's word */
	uint16_t next;			/* of its bucket, or 0 */
	struct minato_owner owner;	/* no byte behind a name's end is set */
};
#define ACTOR_BUCKETS 256u
struct actors {
	struct pool pool; /* record n is slot n - 1; 0 is nobody */
	uint16_t bucket[ACTOR_BUCKETS];
	/* Who acts. */
	bool acting;   /* somebody, even where the record is not kept */
	uint32_t uid;  /* its */
	uint16_t current;
};

/* --- TIME-WAIT: 32 bytes in a ring in order of entry -------------------- */

struct waiting {
	struct tcp_time_wait tcp;
	uint32_t tuple; /* STACK_NONE: ended before its time */
	int64_t until_ns;
};

/* --- Half-open calls of listeners: 48 bytes, in lists by repetitions ------ */

struct half {
	alignas(8) uint32_t next; /* the pool's word */
	uint32_t prev;
	uint32_t tuple;
	uint32_t listener; /* socket */
	struct tcp_half tcp;
	int64_t due_ns; /* when the SYN-ACK is repeated, or all given up */
	uint8_t tries;	/* repetitions */
	uint8_t challenges;
};
#define HALF_STAGES 6u /* of equal waits: 1, 2, 4 .. 32 s */
struct halves {
	struct pool pool;
	struct half_stage {
		uint32_t head, tail; /* in order of due_ns */
	} stage[HALF_STAGES];
	/* Cookies were sent, and are taken until then. */
	struct minato_time cookies_until;
};

/* --- What connections of each source hold (share.c) ----------------------- */

#define SHARE_PLACES 4096u /* 2^n */
enum share_tree { SHARE_COUNT, SHARE_PINNED, SHARE_TREES };
struct share_place {
	uint32_t head, tail; /* sockets, plus one; 0: none */
	uint32_t count;	     /* of them */
	uint32_t waiting;    /* in accept queues */
	uint64_t pinned;     /* bytes queued for those who do not take them */
	struct minato_time refused_until; /* its new connections */
};
/* The same of another hash: what a source has is the lesser of both. */
struct share_beside {
	uint32_t count;
	struct minato_time refused_until;
};
struct share {
	uint32_t source_max; /* connections of one source; 0: no bound */
	uint64_t pinned, pinned_max; /* bytes, of all */
	uint64_t pinned_spare;	     /* the bound while memory is short */
	/* So long are slots, and blocks, wanted by others than the largest. */
	struct minato_time slots_until, blocks_until;
	struct share_place place[SHARE_PLACES];
	struct share_beside beside[SHARE_PLACES];
	uint16_t most[SHARE_TREES][SHARE_PLACES]; /* node 1 is the root */
};
struct share_link {
	uint32_t next, prev; /* in its place, plus one */
	uint16_t place;	     /* plus one; 0: in none */
	uint16_t beside;     /* its other place */
	uint32_t pinned;
};

/* --- A port that is lent ------------------------------------------------- */

struct lease {
	alignas(8) uint32_t unused; /* the pool's word */
	uint32_t place;		    /* tuple of the port table, or entry */
	bool entry;		    /* it is one: for any destination */
	uint16_t actor;		    /* of actors.c */
	uint32_t since;		    /* as of a socket */
};

/* --- Counters ----------------------------------------------------------- */

#define STACK_COUNTERS(X)                                                      \
	X(RX_FRAMES, "rx_frames")                                              \
	X(RX_BYTES, "rx_bytes")                                                \
	X(TX_FRAMES, "tx_frames")                                              \
	X(TX_BYTES, "tx_bytes")                                                \
	X(LEASE_FAILED, "lease_failed")                                        \
	X(CALLS, "calls") /* held calls begun */                               \
	X(CALLS_ANSWERED, "calls_answered")                                    \
	X(CALLS_REFUSED, "calls_refused") /* and rejected */                   \
	X(CALLS_IGNORED, "calls_ignored")                                      \
	X(CALLS_VICTIM, "calls_victim")	  /* oldest gave way */                \
	X(CALLS_TIMEOUT, "calls_timeout") /* nobody answered */                \
	X(HALF_OPEN_VICTIM, "half_open_victim")                                \
	X(COOKIES_SENT, "cookies_sent") /* SYN-ACKs that nothing is kept of */ \
	X(COOKIES_TAKEN, "cookies_taken") /* connections of such */            \
	X(COOKIES_FAILED, "cookies_failed") /* ACKs that were none */          \
	X(ACCEPTS, "accepts") /* connections completed */                      \
	X(BACKLOG_VICTIM, "backlog_victim") /* gave way to another source */   \
	X(SOURCE_VICTIM, "source_victim") /* the same, where slots are few */  \
	X(PINNED_VICTIM, "pinned_victim") /* did not take what is for it */    \
	X(CONNECTS, "connects")                                                \
	X(TIME_WAIT_VICTIM, "time_wait_victim") /* ended before its time */    \
	X(TIME_WAIT_REUSED, "time_wait_reused")                                \
	X(RST_SENT, "rst_sent") /* to no connection */                         \
	X(ICMP_SENT, "icmp_errors_sent")                                       \
	X(LIMITED_RST, "limited_rst")                                          \
	X(LIMITED_ICMP, "limited_icmp")                                        \
	X(LIMITED_SCAN, "limited_scan") /* to a scanner */                     \
	X(SCAN_BLOCKED, "scan_blocked") /* new flows of one */                 \
	X(CONTROL_FULL, "control_full") /* control queue full */               \
	X(ECHO_REPLIES, "echo_replies")                                        \
	X(ICMP_ERRORS, "icmp_errors_received")                                 \
	X(PMTU_LEARNED, "pmtu_learned") /* of a path, from an error */         \
	X(FRAGMENTS_IN, "fragments_in")                                        \
	X(REASSEMBLED, "reassembled")		    /* packets of them */      \
	X(REASSEMBLY_TIMEOUT, "reassembly_timeout") /* not whole in 60 s */    \
	X(REASSEMBLY_VICTIM, "reassembly_victim")   /* gave way */             \
	X(REASSEMBLY_SPOILT, "reassembly_spoilt")   /* by an overlap */        \
	X(FRAGMENTED, "fragmented")		    /* packets that we cut */  \
	X(FRAGMENTS_OUT, "fragments_out")                                      \
	X(PASSED, "passed") /* packets handed on */                            \
	X(PASSED_ROUTED, "passed_routed") /* of them between insides */        \
	X(PASS_COPIED, "pass_copied") /* of them into another chunk */         \
	X(PASS_CUT, "pass_cut") /* of them into fragments */                   \
	X(SYN_HELD, "syn_held") /* unsolicited, in silence */                  \
	X(SYN_MET, "syn_met") /* and met by one of ours */                     \
	X(SYN_ANSWERED, "syn_answered") /* or refused after that */            \
	X(SYN_VICTIM, "syn_victim") /* gave way */                             \
	X(NEIGHBOUR_FAILED, "neighbour_failed")                                \
	X(NEIGHBOUR_FULL, "neighbour_full")                                    \
	X(ADDRESS_CONFLICT, "address_conflict") /* another has our address */  \
	X(OUT_NO_ROUTE, "out_no_route")                                        \
	X(OUT_NEIGHBOUR, "out_neighbour") /* its MAC is not to be had */       \
	X(OUT_MEMORY, "out_memory")                                            \
	X(PORTS_EXHAUSTED, "ports_exhausted") /* none was left to choose */    \
	X(BINDS_DENIED, "binds_denied") /* by policy */                        \
	X(OWNERS_FULL, "owners_full") /* one was not put on record */          \
	X(ARRIVALS, "arrivals") /* minato_arrive */                            \
	X(RULE_EVENTS_LOST, "rule_events_lost") /* left out */                 \
	X(OUTCOME_OPEN, "outcome_open")                                        \
	X(OUTCOME_CLOSED, "outcome_closed")

enum counter {
#define X(name, text) COUNTER_##name,
	STACK_COUNTERS(X)
#undef X
		COUNTER_COUNT
};

/* --- The host value ----------------------------------------------------- */

/* Answers that a stranger can ask of us, of one window (limits.c). */
enum limit_kind { LIMIT_RST, LIMIT_ICMP, LIMIT_TOO_BIG, LIMIT_KINDS };
#define LIMIT_PLACES 1024u
struct limit {
	struct minato_time until; /* the end of the window */
	uint64_t salt[2];
	uint32_t asked, bound; /* of all */
	uint16_t spent[LIMIT_PLACES];
};

/* A super-segment on its way out packet by packet: a link without offload. */
struct splitting {
	uint32_t count, next; /* packets; 0 = none under way */
	uint32_t link;
	uint16_t gso_size, header_len, csum_start, csum_offset;
	enum minato_gso gso;
	struct queue data; /* references, so that it may be acknowledged */
	uint32_t gathered; /* or bytes in the gathering place instead */
	uint8_t header[STACK_HEADER_MAX];
};

/* TIME-WAIT made way for the SYN that is being delivered: the number of the
   new connection must lie above the old one's (RFC 6191). */
struct reopening {
	bool valid;
	struct seq above;
};

/* The way a packet takes out: link, next hop and its MAC. */
struct path {
	uint32_t link;
	bool dropped; /* no MAC to be had: build and forget */
	uint8_t mac[6];
};

/* A datagram, or a run, on its way out in fragments. */
struct fragmenting {
	bool active;
	struct path path;
	struct ip_build ip;
	uint32_t mtu;
	uint32_t id;
	uint16_t gso_size; /* of a run */
	uint16_t src_port, dst_port;
	uint8_t upper[8]; /* its UDP or ICMP header */
	struct queue data;
	struct queue_cursor cursor;
	uint32_t at, len; /* what follows that header, in data */
	uint32_t offset;  /* of the next fragment, from that header on */
};

/* A packet of which fragments have come. */
#define REASSEMBLY_UNITS 8192u /* of 8 bytes */
#define REASSEMBLY_HEADER 96u  /* more would be for no sane packet */
struct reassembly {
	alignas(8) uint32_t next, prev; /* by age, STACK_NONE at the ends */
	struct minato_addr src, dst;
	uint32_t id, link;
	uint8_t scope, proto;
	uint8_t bucket; /* of its source */
	uint8_t ecn_seen;
	uint32_t chunk;	    /* MINATO_CHUNK_NONE: spoilt, waits for its end */
	uint32_t total;	    /* bytes of the whole; 0: not yet known */
	uint32_t have, end; /* bytes that are here; behind the last of them */
	uint32_t largest;   /* IP bytes of a fragment */
	struct minato_time until;
	/* Of the first fragment: */
	bool answerable; /* by an ICMP error, which quotes the header */
	uint8_t hop_limit, traffic_class, header_len;
	uint32_t first_len;
	uint8_t header[REASSEMBLY_HEADER];
	uint64_t present[REASSEMBLY_UNITS / 64];
	uint64_t starts[REASSEMBLY_UNITS / 64]; /* of fragments */
};
#define REGROUP_BUCKETS 64u
struct regrouping {
	struct pool pool;
	uint32_t oldest, newest;
	uint32_t of_bucket[REGROUP_BUCKETS]; /* how many of such sources */
};

/* A path that takes less than its first link. */
struct narrow {
	struct minato_addr addr;
	uint8_t scope;
	uint16_t mtu; /* 0: none */
	struct minato_time until;
};

/* --- A gateway: what is handed on ---------------------------------------- */

enum passed_how {
	PASSED_WHOLE,
	PASSED_SPLIT, /* a super-segment for a link that takes none */
	PASSED_CUT,   /* longer than the link takes: into fragments */
};
/* A frame on its way out, ready where it lies but for what `how` says. */
struct passed {
	uint32_t chunk;	    /* a reference is held */
	uint32_t len;	    /* bytes of the frame */
	uint32_t id;	    /* PASSED_CUT */
	uint16_t offset;    /* of the frame in the chunk */
	uint16_t header_len; /* link, IP and transport */
	uint16_t gso_size;
	uint16_t csum_start; /* 0: complete */
	uint16_t piece;	    /* PASSED_CUT: IP bytes of one */
	uint8_t csum_offset;
	uint8_t gso;	    /* enum minato_gso */
	uint8_t how;	    /* enum passed_how */
	uint8_t link_header_len;
};
/* A ring of positions: [freed, sent) are in frames handed out, [sent, tail)
   wait. */
struct pass_queue {
	uint32_t freed, sent, tail;
	uint32_t next; /* packet or byte of the frame at `sent` */
	struct passed ring[PASS_QUEUE];
};
struct parked {
	struct passed frame;
	uint32_t neighbour;
	uint32_t link;
};
/* A next hop, with its MAC. Good while the generation is m's and the time is
   not over: who uses a neighbour must say so now and then. */
struct pass_way {
	struct minato_addr to;
	int64_t until_ns;
	uint32_t generation;
	uint8_t scope, link;
	uint8_t mac[6];
};
/* A sender of which all that check_source asks is known to hold. */
struct pass_source {
	struct minato_addr addr;
	uint32_t generation;
	uint32_t link;
};
/* A destination of what comes by a link, as far as the address tells. */
struct pass_target {
	struct minato_addr addr;
	uint32_t generation;
	uint8_t link;
	uint8_t whose; /* enum nat_whose */
	bool broadcast;
	bool between;  /* goes to an inside, in `scope` */
	uint8_t scope;
};
/* RFC 5382 REQ-4: the beginning of an unsolicited SYN, enough to answer it. */
#define PASS_QUOTE 60u /* IPv6 and TCP header; or IPv4 with few options */
struct held_syn {
	int64_t until_ns;
	struct minato_addr local, remote;
	uint16_t local_port, remote_port;
	uint8_t link, len; /* of the quote; 0: over */
	uint8_t quote[PASS_QUOTE];
};
struct passing {
	uint32_t waiting; /* frames in all queues */
	uint32_t parked_count;
	uint32_t generation; /* of addresses, routes, neighbours */
	uint32_t offered;    /* the one that was told of */
	uint64_t syn_head, syn_tail; /* positions in a ring */
	struct hash_secret secret; /* of the tables below, and of ids */
	uint16_t ids[PASS_IDS];
	struct parked parked[PASS_PARKED];
	struct pass_way way[PASS_WAYS];
	struct pass_source source[PASS_SOURCES];
	struct pass_target target[PASS_TARGETS];
	struct held_syn syn[PASS_SYNS];
	uint32_t syn_of[PASS_SYNS]; /* by hash: the last one's position */
	struct pass_queue queue[MINATO_LINKS_MAX];
};

struct reservation {
	uint64_t socket; /* handle; 0 = none open */
	uint32_t count;
	uint32_t chunk[STACK_RESERVE_MAX];
	uint32_t len[STACK_RESERVE_MAX];
};

struct minato {
	struct minato_time now;
	uint32_t sockets_max, calls_max, routes_max, neighbours_max;
	uint32_t link_count, address_count, route_count;
	uint32_t time_wait_max;
	/* Offsets from here to arrays. */
	int64_t table;	     /* struct port_table */
	int64_t nat;	     /* struct nat; 0: nothing is handed on */
	int64_t scan;	     /* struct scan */
	int64_t passing;     /* struct passing; likewise */
	int64_t generations; /* uint32_t of each socket; odd = live */
	int64_t half_live;   /* a bit of each half-open call */
	int64_t routes;
	int64_t buckets; /* uint32_t: neighbours by hash */
	int64_t waits;	 /* struct waiting, a ring */
	int64_t actor_of; /* uint16_t of each socket: 2 bytes, touched where
			     somebody acts */
	int64_t actor_was; /* the same of each slot of the ring */
	int64_t share;	     /* struct share */
	int64_t share_links; /* struct share_link of each socket */
	int64_t links;	 /* struct wheel_link: sockets, then neighbours */
	int64_t frames;	 /* struct slot of minato_output */
	int64_t lease_generations; /* uint32_t of each lease; odd = lent */
	int64_t gather;	 /* 64 KB where scattered payload becomes one piece */
	uint32_t bucket_mask;
	bool gather_used; /* by a frame of this output */
	uint32_t neighbour_hand;
	uint64_t waits_head, waits_tail; /* positions; modulo time_wait_max */
	uint32_t waits_live;
	uint32_t starved; /* sockets with that flag */

	struct hash_key tuple_key, neighbour_key, fragment_key, limit_key;
	uint32_t fragment_count; /* identification of what we cut */
	struct random random;
	struct pool sockets, details, messages, neighbours, leases;
	struct halves halves;
	struct payload payload;
	struct tcp_shared tcp;
	struct tcp defaults; /* what a call without listener inherits */
	struct wheel wheel;  /* sockets, then neighbours */
	struct list dirty, events;
	struct list held, half_open; /* together at most calls_max */
	uint32_t held_of[CALLS_PLACES]; /* how many of such sources */
	struct messages control;
	struct actors actors;
	struct minato_policy policy;
	struct limit limit[LIMIT_KINDS];
	struct hash_secret verdict_secret;
	uint64_t verdict[STACK_VERDICTS]; /* see verdicts.c */
	struct splitting splitting;
	struct fragmenting fragmenting;
	struct regrouping regrouping;
	struct narrow narrow[STACK_NARROW_MAX];
	struct minato_time narrow_until; /* of the last of them */
	struct queue spent; /* payload of messages in frames handed out */
	struct reservation reservation;
	struct reopening reopen;
	struct link link[MINATO_LINKS_MAX];
	struct address address[STACK_ADDRESSES_MAX];
	uint64_t counters[COUNTER_COUNT + DROP_COUNT];
};

/* --- host.c: making, layout, time --------------------------------------- */

static inline void *host_at(const struct minato *m, int64_t offset)
{
	return (char *)(uintptr_t)m + offset;
}
static inline struct port_table *host_table(const struct minato *m)
{
	return host_at(m, m->table);
}
/* NULL: nothing is handed on. */
static inline struct nat *host_nat(const struct minato *m)
{
	return m->nat != 0 ? host_at(m, m->nat) : NULL;
}
static inline struct scan *host_scan(const struct minato *m)
{
	return host_at(m, m->scan);
}
static inline bool same_addr(const struct minato_addr *a,
			     const struct minato_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
static inline struct passing *host_passing(const struct minato *m)
{
	return m->passing != 0 ? host_at(m, m->passing) : NULL;
}
/* Its new flows are shut out, for scanning. */
static inline bool host_shuts_out(struct minato *m, uint32_t link,
				  const struct minato_addr *source)
{
	if (host_scan(m)->blocked == 0 ||
	    !scan_is_blocked(host_scan(m), m->link[link].config.scope, source,
			     m->now))
		return false;
	m->counters[COUNTER_SCAN_BLOCKED]++;
	return true;
}
static inline struct tcp_env host_env(struct minato *m)
{
	return (struct tcp_env){ &m->tcp, &m->payload, m->now, false };
}
/* Nearly all active blocks are of connections that are not at rest. */
static inline bool host_blocks_few(const struct minato *m)
{
	const struct pool *blocks = &m->tcp.active;

	return blocks->used - m->tcp.rest_count >
	       blocks->capacity - blocks->capacity / 16;
}
static inline void host_count(struct minato *m, enum counter counter)
{
	m->counters[counter]++;
}

/* port_choose; where not one port is left, 0, and counted. */
static inline uint16_t host_choose_port(struct minato *m,
					const struct port_choice *choice)
{
	const uint16_t port = port_choose(host_table(m), choice);

	if (port == 0)
		host_count(m, COUNTER_PORTS_EXHAUSTED);
	return port;
}
static inline void host_drop(struct minato *m, enum drop reason)
{
	m->counters[COUNTER_COUNT + (uint32_t)reason]++;
}
/* Sets the time (never back) and runs all timers due. */
void host_advance(struct minato *m, struct minato_time now);
/* When host_advance or minato_output has something to do. */
struct minato_time host_deadline(const struct minato *m);

/* --- input.c ------------------------------------------------------------ */

struct arrival {
	struct packet packet;
	struct port_key key; /* of TCP, UDP and echo; else proto is 0 */
	const struct port_probe *probe; /* of the key, sought */
	const struct minato_frame *frame;
	enum drop verdict; /* of the parser */
	/* Put together from fragments: IP bytes of the largest. The frame is
	   what they carried, without headers. Else 0. */
	uint32_t largest;
	/* What it lies in was kept, the reference of the driver with it. NULL:
	   who keeps it takes a reference of his own. */
	bool *kept;
};
/* Fills in the key of a packet that the parser took. True when there is one:
   its probe, which the arrival borrows, is to be sought before delivery. */
bool input_key(struct minato *m, struct arrival *a, struct port_probe *probe);
/* The whole of minato_input, but for the servers of lib/serve. */
void input_frames(struct minato *m, struct minato_time now,
		  const struct minato_frame *frames, size_t count);

/* --- deliver.c ---------------------------------------------------------- */

/*
 * On a proxy link the sender of a packet that is answered or opens a flow is
 * learned as a neighbour if nothing is known of it.
 */
void deliver_learn(struct minato *m, const struct packet *p);
/* May this packet begin a flow? Guards and rules look at nothing else. */
bool deliver_opens(const struct packet *p);
/* To whom it belongs. Returns DROP_NONE or why nobody has it. */
enum drop deliver_packet(struct minato *m, const struct arrival *a);

/* --- pass.c, pass_icmp.c: packets for others ------------------------------ */

/*
 * A packet that came by a link of a gateway: handed on, dropped, or *ours: to
 * be delivered here, its ends are in order. `a->frame` is rewritten in place
 * where it lies in a chunk.
 */
enum drop pass_arrive(struct minato *m, const struct arrival *a, bool *ours);
/* Its checksums hold, which nobody has looked at for a packet that may be
   handed on. DROP_NONE or the drop. */
enum drop pass_verify(const struct arrival *a);
/* Whose an address is, seen from this link of a gateway. */
enum nat_whose pass_whose(const struct minato *m, uint32_t link,
			  const struct minato_addr *a);
/* An address of ours, or of a pool, likewise. */
bool pass_is_ours(const struct minato *m, uint32_t link,
		  const struct minato_addr *a);
/* The same for an ICMP message without identifier. */
enum drop pass_icmp(struct minato *m, const struct arrival *a,
		    const struct pass_target *to, bool *ours);
/* Whether hosts of a gateway are behind the link: an inside, or a link of a
   HOST that takes every destination, where somebody else is the outside. */
bool pass_is_inside(const struct minato *m, uint32_t link);
/* On a HOST's link: what is for who is behind another one goes on there. False:
   it is for us, or for whoever is the outside. */
bool pass_inner_arrive(struct minato *m, const struct arrival *a,
		       enum drop *drop);
/* Who is behind an inside: is `to` reached there from this link? */
bool pass_leads_between(const struct minato *m, uint32_t link,
			const struct minato_addr *to, uint8_t *scope);
/* Its addresses say that it stays on its link (RFC 4291 2.5.6). */
bool pass_is_link_local(const struct packet *p);
/* The same of a packet; what stays on its link is none. */
bool pass_between(const struct minato *m, const struct packet *p,
		  uint8_t *scope);
/*
 * Sends the packet on with these ends to that scope: hop limit, size, next
 * hop, queue. `inner`: of an ICMP error, what it quotes is restored to
 * `embedded`. Errors of ours are about the packet as it came.
 */
struct onward {
	struct rewrite to;
	uint8_t scope;
	const struct packet *inner;
	const struct rewrite *embedded;
};
enum drop pass_onward(struct minato *m, const struct arrival *a,
		      struct onward *o);
/* The same for one that keeps its ends, between insides. */
enum drop pass_routed(struct minato *m, const struct arrival *a,
		      uint8_t scope);
/* As nat says. */
enum drop pass_translated(struct minato *m, const struct arrival *a,
			  const struct nat_way *way);
/* A SYN, any datagram, an echo request. */
bool pass_opens(const struct packet *p);
/* What nat is to know of it, but whose its destination is. */
struct nat_packet pass_describe(const struct minato *m, const struct packet *p);
/* Of an error: the packet inside, as if it came back. */
struct port_key pass_icmp_key(const struct minato *m, const struct packet *p,
			      const struct packet *inner);
/* Error of ours about a packet that goes no further, from the address by
   which its sender knows us. */
void pass_refuse(struct minato *m, const struct packet *p,
		 enum minato_reason reason, uint32_t mtu);
/* To TCP a RST in the name of its destination, else such an error. */
void pass_answer(struct minato *m, const struct packet *p,
		 enum minato_reason reason);

/* --- pass_inner.c: from one inside to another, as rules say --------------- */

/* Of TCP, UDP and queries; `a->key` is its key. */
enum drop pass_inner_flow(struct minato *m, const struct arrival *a,
			  uint8_t scope);
/* An ICMP message without identifier; `error`: it quotes a packet. */
enum drop pass_inner_icmp(struct minato *m, const struct arrival *a, bool error,
			  uint8_t scope);
enum drop pass_inner_message(struct minato *m, const struct arrival *a,
			     uint8_t scope);
/* Of a packet that has come to its last hop: said, and dropped. */
enum drop pass_expire(struct minato *m, const struct packet *p);
/* NAT_UNREACHABLE, likewise. */
enum drop pass_unreachable(struct minato *m, const struct packet *p,
			   const struct nat_way *way);
/* Neither TCP, UDP nor ICMP. `ours`: it is for ourselves. */
enum drop pass_other(struct minato *m, const struct arrival *a,
		     const struct pass_target *to, bool *ours);
/* Whether its protocol is none that stays on its link. */
bool pass_other_goes_on(const struct packet *p);
/* The same between insides, as pass_inner_flow. */
enum drop pass_inner_other(struct minato *m, const struct arrival *a,
			   uint8_t scope);
/* Some rule may be about what comes by that link: fragments are to be put
   together, so that their ports are seen. */
bool pass_inner_judged(const struct minato *m, const struct packet *p);

/* --- pass_way.c: from where, and where to --------------------------------- */

void pass_init(struct minato *m, const struct hash_key *key);
/* What pass_whose, route_is_broadcast and pass_leads_between say, remembered:
   for packets, not for who only asks (m is written). */
void pass_target(struct minato *m, uint32_t link, const struct minato_addr *to,
		 struct pass_target *out);
/* Addresses, routes or neighbours are others now. */
void pass_forget(struct minato *m);
/* May such a source come by that link? (RFC 2827 on the inside.) */
enum drop pass_from(struct minato *m, const struct packet *p);
/* The same for who only asks. *link: by which it would be answered, if it is
   not from there; untouched where none is known. */
enum minato_origin pass_origin(const struct minato *m, const struct packet *p,
			       uint32_t *link);
enum drop pass_origin_drop(enum minato_origin origin);
/* Came from outside, with a source that is of an inside's network, that of
   *link, and not as near of its own side: it begins no flow (RFC 6092 REC-5,
   RFC 3704 2.2). An ICMP error may, for a router there may be called so (RFC
   4787 REQ-12a). */
bool pass_is_insides(const struct minato *m, const struct packet *p,
		     uint32_t *link);
/* To one host, and not to many: those go no further (RFC 1812 5.3.5).
   `broadcast`: its destination is one, on that link. */
enum drop pass_check_to(const struct packet *p, bool broadcast);
enum pass_reach {
	PASS_REACHED, /* *path is written */
	PASS_WAIT,    /* its link is; *neighbour is asked for its MAC */
	PASS_NO_ROUTE,
	PASS_NO_NEIGHBOUR,
};
enum pass_reach pass_way(struct minato *m, uint8_t scope,
			 const struct minato_addr *to, struct path *path,
			 uint32_t *neighbour);
/* Identification for `count` packets to come (RFC 6864 4.3). */
uint16_t pass_id(struct minato *m, const struct minato_addr *src,
		 const struct minato_addr *dst, uint32_t count);

/* --- pass_carry.c: flows that somebody else may carry --------------------- */

/* The flow of a segment that went that way may be carried from now on. */
void pass_offer(struct minato *m, const struct packet *p,
		const struct nat_way *way);

/* --- pass_queue.c: frames that are handed on ------------------------------ */

/* Takes the frame's reference over, also where the queue is full. */
enum drop pass_append(struct minato *m, uint32_t link,
		      const struct passed *frame);
/* The same, until the neighbour's MAC is there. */
enum drop pass_park(struct minato *m, uint32_t link,
		    const struct passed *frame, uint32_t neighbour);
/* Of a neighbour: its MAC, or NULL: none is to be had. */
void pass_resolved(struct minato *m, uint32_t neighbour, const uint8_t *mac);
/* At the begin of an output: what the last one handed out is given back. */
void pass_spent(struct minato *m);
/* Writes frames [n, count) as far as some wait; returns the new n. */
uint32_t pass_output(struct minato *m, uint32_t n,
		     struct minato_frame_out *frames, uint32_t count);

/* --- pass_syn.c: unsolicited SYNs (RFC 5382 REQ-4) ------------------------ */

/* Keeps it in silence. */
enum drop pass_syn_hold(struct minato *m, const struct arrival *a);
/* Answers those whose time is over, unless nat knows of the flow. */
void pass_syn_expire(struct minato *m);
struct minato_time pass_syn_deadline(const struct minato *m);

/* --- fragment_in.c: packets put together from fragments ------------------ */

/* `memory`: that of a pool of `count` reassemblies. */
void fragment_in_init(struct minato *m, void *memory, uint32_t count);
/*
 * Keeps a fragment; with the last one that was missing the whole is delivered,
 * and what became of it is returned.
 */
enum drop fragment_in_arrive(struct minato *m, const struct arrival *a);
/* Says what was wrong with one that the parser refused (RFC 8200 4.5). */
void fragment_in_refused(struct minato *m, const struct packet *p,
			 enum drop drop);
/* Gives up what was not complete in time. */
void fragment_in_expire(struct minato *m);
struct minato_time fragment_in_deadline(const struct minato *m);

/* --- list.c ------------------------------------------------------------- */

static inline struct socket *socket_at(const struct minato *m, uint32_t index)
{
	return pool_at(&m->sockets, index);
}
void list_init(struct list *l);
void list_append(struct minato *m, struct list *l, enum socket_list which,
		 uint32_t index);
void list_remove(struct minato *m, struct list *l, enum socket_list which,
		 uint32_t index);

/* --- slots.c: taking and giving socket slots, handles ------------------- */

/* A fresh slot, of who acts, or STACK_NONE. */
uint32_t slots_take(struct minato *m, enum minato_proto proto, uint8_t scope);
/* Ends a slot in any state: leaves every list, gives back all it holds. */
void slots_give(struct minato *m, uint32_t index);
uint64_t slots_handle(const struct minato *m, uint32_t index);
/* The owned socket of a handle, or NULL. */
struct socket *slots_find(const struct minato *m, uint64_t handle,
			  uint32_t *index);
bool slots_live(const struct minato *m, uint32_t index);
uint32_t slots_index(const struct minato *m, const struct socket *s);
struct detail *slots_detail(const struct minato *m, const struct socket *s);
/* Gives a socket a detail of its own; false when none is free. */
bool slots_add_detail(struct minato *m, struct socket *s);
void slots_drop_detail(struct minato *m, struct socket *s);

/* What the port table's exact tuples stand for. */
enum tuple_class {
	TUPLE_SOCKET,
	TUPLE_TIME_WAIT,
	TUPLE_LEASE, /* owner: its number */
	TUPLE_HALF,  /* owner: its number; above them enum nat_class */
};
/* Gives the socket the tuple. 0, -EEXIST, -ENOSPC. */
int slots_add_tuple(struct minato *m, uint32_t index,
		    const struct port_key *key);
/* Takes over one that was another's. */
void slots_take_tuple(struct minato *m, uint32_t index, uint32_t tuple);
/* A port that we chose rests, unless its flow is known to be over. */
void slots_drop_tuple(struct minato *m, struct socket *s);
void slots_drop_claim(struct minato *m, struct socket *s);
/* The key of the socket's tuple, which it must have. */
void slots_key(const struct minato *m, const struct socket *s,
	       struct port_key *out);

/* --- actors.c: who holds it ---------------------------------------------- */

/*
 * A record of this owner with one more reference, which is the caller's, or 0
 * (nobody): for NULL, and when the pool is full (counted).
 */
uint16_t actors_take(struct minato *m, const struct minato_owner *owner);
/* One more reference; and one less, with the last of which the record goes.
   0 is nobody and lasts. */
uint16_t actors_keep(struct minato *m, uint16_t actor);
void actors_drop(struct minato *m, uint16_t actor);
void actors_describe(const struct minato *m, uint16_t actor,
		     struct minato_owner *out);
/* The place where the record of a socket, or of a TIME-WAIT ring slot, is. */
uint16_t actors_of(const struct minato *m, uint32_t index);
uint16_t actors_was(const struct minato *m, uint32_t at);
/* Puts a reference of the caller's there, and drops the one that was. */
void actors_own(struct minato *m, uint32_t index, uint16_t actor);
void actors_leave(struct minato *m, uint32_t at, uint16_t actor);

/* --- policy.c: who may bind what ----------------------------------------- */

/* May whoever acts bind the socket there? 0, -EACCES (counted). */
int policy_bind(struct minato *m, const struct socket *s,
		const struct minato_endpoint *local);

/* --- flow.c: a connection and what tcp says of it ----------------------- */

/* A segment of this connection. */
enum drop flow_arrive(struct minato *m, uint32_t index,
		      const struct arrival *a);
/* The traffic class of what its peer sends; a new one is news to its owner. */
void flow_class(struct minato *m, uint32_t index, uint8_t traffic_class);
/*
 * A SYN for a connection in TIME-WAIT whose handle is still out. True: it opens
 * anew (RFC 6191), the old one has left the table.
 */
bool flow_reopen(struct minato *m, uint32_t index, const struct arrival *a);
/* After every call into tcp: lists, timers, events, the end. The socket may
   be gone afterwards. */
void flow_settle(struct minato *m, uint32_t index);
/* Its timer expired. */
void flow_expire(struct minato *m, uint32_t index);
/* The owner let go: the connection ends by itself, with RST if `abort`. */
void flow_release(struct minato *m, uint32_t index, bool abort);
/* What tcp must know of the way to the remote. False: no route. */
bool flow_setup(struct minato *m, const struct port_key *key,
		struct tcp_setup *out);

/* --- calls.c: new flows, held calls, accept queues ---------------------- */

/*
 * A SYN for a listener, or for an entry whose owner is to be asked (`fate` is
 * what the look-up found).
 */
enum drop calls_syn(struct minato *m, const struct arrival *a,
		    const struct port_fate *fate);
/* The first datagram of a flow whose owner is to be asked. */
enum drop calls_datagram(struct minato *m, const struct arrival *a,
			 const struct port_fate *fate);
/* The handshake of a passive connection is complete. */
void calls_complete(struct minato *m, uint32_t index);
/* A child whose listener defers got data, or has waited long enough. */
void calls_admit(struct minato *m, uint32_t index);
/* The connection of a call ended before its time. */
void calls_ended(struct minato *m, uint32_t index);
/* Must a segment that would complete this handshake wait (queue full)? */
bool calls_full(const struct minato *m, const struct socket *s);
/* When a held call is forgotten, or a child handed over without data. */
struct minato_time calls_deadline(struct minato *m, const struct socket *s);
/* That instant has come. False: the call is forgotten. */
bool calls_expire(struct minato *m, uint32_t index);
/* Ends all unaccepted children of a listener with RST. */
void calls_drop_children(struct minato *m, uint32_t listener);
/* The packet that a held call began with, for an error about it. */
struct icmp_about;
void calls_about(struct minato *m, const struct socket *s,
		 struct icmp_about *out);
/* What is known of its payload, where the trouble quotes nothing yet. */
void calls_quote(const struct minato *m, const struct socket *s,
		 struct minato_trouble *trouble);

/* Is the accept queue full, for one of this source too? */
bool calls_backlog_full(struct minato *m, const struct socket *listener,
			const struct minato_addr *source);
/* Makes room there for it, who is proved to be who he says. */
bool calls_backlog_room(struct minato *m, const struct socket *listener,
			const struct minato_addr *source);
/* A slot for a child of the listener, with this tuple (STACK_NONE: a new one
   of the key), in CLOSED. It stands among the half-open ones. */
enum drop calls_child(struct minato *m, const struct port_key *key,
		      uint32_t listener, uint32_t tuple, uint32_t *index);
/* One that is held comes, or goes. */
void calls_count_held(struct minato *m, const struct socket *s, bool comes);
/* Keeps calls_max: lets the victim go where there is one more. */
void calls_bound(struct minato *m);

/* --- halves.c: half-open calls of listeners, and cookies ----------------- */

/* `memory`: that of a pool of `count` records. */
void halves_init(struct minato *m, void *memory, uint32_t count);
/* A SYN for a listener that decides by itself. */
enum drop halves_syn(struct minato *m, const struct arrival *a,
		   uint32_t listener);
/* A segment for record `at`. */
enum drop halves_arrive(struct minato *m, uint32_t at, const struct arrival *a);
/* An ACK for a listener that meets nothing: does it answer a cookie? False:
   it is to be refused; else *drop is what became of it. */
bool halves_cookie(struct minato *m, const struct arrival *a, uint32_t listener,
		 enum drop *drop);
/* Repeats and gives up what is due. */
void halves_expire(struct minato *m);
struct minato_time halves_deadline(const struct minato *m);
/* All of a listener that is closed, with RST. */
void halves_drop(struct minato *m, uint32_t listener);
struct minato_time halves_since(const struct half *h);
/* The record at or after *position, in the pool's order, or false. */
bool halves_next(const struct minato *m, uint64_t *position, struct half *out);

/* --- share.c: connections, and memory, fair to each source ---------------- */

size_t share_bytes(void);
void share_init(struct minato *m, const struct minato_config *c);
/* A connection that its peer began, and has proved to, counts for this source;
   and not any more: nothing happens where it did not. */
void share_enter(struct minato *m, uint32_t index,
		 const struct minato_addr *source);
void share_leave(struct minato *m, uint32_t index);
/* It stands in an accept queue; or not any more. */
void share_wait(struct minato *m, uint32_t index, bool comes);
/* After every call into tcp: what is queued for it. */
void share_weigh(struct minato *m, uint32_t index);
/* May this source have one more (source_connections_max)? */
bool share_allows(const struct minato *m, const struct minato_addr *source);
/* One of this source comes: where slots are few, one of a source that has more
   is reset. */
void share_make_room(struct minato *m, const struct minato_addr *source);
/* May this connection have an active block, if it needs one? Where they are
   few, one of a source that has more is reset for it. */
bool share_lends_few(struct minato *m, uint32_t index);
static inline bool share_lends(struct minato *m, uint32_t index)
{
	return !host_blocks_few(m) || share_lends_few(m, index);
}
/* Keeps the bound of what is pinned. */
void share_relieve(struct minato *m);
/* A queue is full: *victim of it may give way to one more of this source. */
bool share_displaces(struct minato *m, const struct list *accepts,
		     const struct minato_addr *source, uint32_t *victim);

/* --- closed.c: what meets no socket ------------------------------------- */

/* RST or port unreachable in the name of the destination. */
enum drop closed_refuse(struct minato *m, const struct arrival *a);

/* --- waits.c: TIME-WAIT ------------------------------------------------- */

/* A connection in TIME-WAIT shrinks to a record; its slot is given back. */
void waits_enter(struct minato *m, uint32_t index);
/* A segment for the record in ring slot `at`. *reopened: the record is gone,
   look the segment up again (RFC 6191). */
enum drop waits_arrive(struct minato *m, uint32_t at, const struct arrival *a,
		       bool *reopened);
void waits_expire(struct minato *m);
struct minato_time waits_deadline(const struct minato *m);
/* Ends the record of this tuple if the number of a new connection may follow;
   writes its last number. False: the tuple stays taken. */
bool waits_reuse(struct minato *m, const struct port_key *key,
		 struct seq *above);
/* Record at or after `position`, or false. */
bool waits_next(const struct minato *m, uint64_t *position,
		struct waiting *out);

/* --- message.c ---------------------------------------------------------- */

static inline struct message *message_at(const struct minato *m, uint32_t index)
{
	return pool_at(&m->messages, index);
}
void messages_init(struct messages *q);
void messages_append(struct minato *m, struct messages *q, uint32_t index);
/* The head, unlinked; STACK_NONE when empty. */
uint32_t messages_pop(struct minato *m, struct messages *q);
void messages_clear(struct minato *m, struct messages *q);
/* An empty message, or STACK_NONE. The one for datagrams leaves some free for
   what we must say ourselves. */
uint32_t message_take(struct minato *m);
uint32_t message_take_datagram(struct minato *m);
void message_give(struct minato *m, uint32_t index);
/*
 * Adds bytes: by reference where they fill the leased chunk well, else copied
 * to small chunks. False, and nothing added, when memory is short.
 */
bool message_fill(struct minato *m, struct message *msg, const void *data,
		  uint32_t len, uint32_t chunk);
/* The same for what we say ourselves: up to STACK_BRIEF_MAX bytes in itself. */
bool message_say(struct minato *m, struct message *msg, const void *data,
		 uint32_t len);
/* What its queue keeps from others: the sizes of its chunks. */
uint32_t message_charge(const struct minato *m, const struct message *msg);
/* Adds bytes [offset, offset + len) of its data, which are there, to a sum. */
void message_sum(const struct minato *m, const struct queue *q, uint32_t offset,
		 uint32_t len, struct sum *sum);
/* Into the control queue; takes the message over, also when it is full. */
void message_control(struct minato *m, uint32_t index);

/* --- output.c, frames.c ------------------------------------------------- */

struct slot {
	uint8_t header[STACK_HEADER_MAX];
	struct minato_extent extents[STACK_EXTENTS_MAX];
};
/* minato_output, but for the servers of lib/serve. */
size_t output_frames(struct minato *m, struct minato_time now,
		     struct minato_frame_out *frames, size_t count);
/* Puts a socket into the list of those that have something to send. */
void output_mark(struct minato *m, uint32_t index);

/* A packet to build: its IP header, what follows, and where that lies. */
struct emission {
	const struct path *path;
	struct ip_build ip;
	uint8_t transport
		[STACK_BRIEF_MAX]; /* headers; checksum zero or complete */
	uint32_t transport_len;
	uint16_t csum_offset; /* in transport; 0 = complete already */
	uint16_t gso_size;
	const struct queue *data;
	struct queue_cursor *cursor;
	uint32_t offset, len;
};
/*
 * Builds the frame in slot number `n`. False: nothing came out now (dropped,
 * or packets of a splitting follow).
 */
bool frames_packet(struct minato *m, const struct emission *e, uint32_t n,
		   struct minato_frame_out *frame);
/* The next packet of the splitting under way. */
void frames_split(struct minato *m, uint32_t n, struct minato_frame_out *frame);
/* An ARP packet or other frame without IP. */
bool frames_arp(struct minato *m, const struct message *msg, uint32_t n,
		struct minato_frame_out *frame);

/* --- fragment_out.c: what is longer than its path takes ------------------ */

/* Must this packet be cut? */
bool fragment_out_needed(const struct minato *m, const struct message *msg,
			 const struct emission *e);
/* Begins to, with nothing else under way; takes the message's data over. */
void fragment_out_begin(struct minato *m, struct message *msg,
			const struct emission *e);
/* The next fragment; false when it was lost, and the rest with it. */
bool fragment_out_next(struct minato *m, uint32_t n,
		       struct minato_frame_out *frame);
/* A value for what is cut next (exported for its tests). */
uint32_t fragment_out_id(struct minato *m, const struct minato_addr *src,
			 const struct minato_addr *dst);

/* --- pmtu.c -------------------------------------------------------------- */

#define STACK_MTU_MIN 576u /* of a link */

/* What a packet to this address may have, over this link. */
uint32_t pmtu_of(const struct minato *m, uint32_t link,
		 const struct minato_addr *to);
/* By an error about a packet of ours. Only less than before is believed. */
void pmtu_learn(struct minato *m, uint32_t link, const struct minato_addr *to,
		uint32_t mtu);

/* --- route.c: our addresses, and the way to others ---------------------- */

bool route_is_ours(const struct minato *m, uint8_t scope,
		   const struct minato_addr *a);
/* On this very link: for ARP and neighbour discovery. */
bool route_is_ours_on(const struct minato *m, uint32_t link,
		      const struct minato_addr *a);
/* Broadcast address of a subnet of ours on the link, or 255.255.255.255. */
bool route_is_broadcast(const struct minato *m, uint32_t link,
			const struct minato_addr *a);
/* Within a prefix of ours on the link, or link-local there. */
bool route_on_link(const struct minato *m, uint32_t link,
		   const struct minato_addr *a);
struct next_hop {
	uint32_t link;
	struct minato_addr addr;
};
/* `link`: only there, or STACK_LINK_ANY. False: no route. */
bool route_find(const struct minato *m, uint8_t scope, uint32_t link,
		const struct minato_addr *to, struct next_hop *out);
/* The length of the longest prefix of the scope that `to` is in, of 128, its
   own family's (0: a default), with *out; or -1. */
int route_longest(const struct minato *m, uint8_t scope,
		  const struct minato_addr *to, struct next_hop *out);
/* The source address of ours for packets to `to`. False: none of its family. */
bool route_source(const struct minato *m, uint8_t scope,
		  const struct minato_addr *to, struct minato_addr *out);

/* --- neighbour.c -------------------------------------------------------- */

enum neighbour_answer {
	NEIGHBOUR_READY, /* *mac is written */
	NEIGHBOUR_WAIT,
	NEIGHBOUR_NONE, /* failed not long ago, or the cache is full */
};
/* Looks the next hop up and starts to ask for it where needed. */
enum neighbour_answer neighbour_resolve(struct minato *m, uint32_t link,
					const struct minato_addr *addr,
					uint8_t mac[6], uint32_t *index);
/* Parks a socket, or a message (taken over), until the MAC is known. */
void neighbour_park(struct minato *m, uint32_t neighbour, uint32_t socket);
void neighbour_hold(struct minato *m, uint32_t neighbour, uint32_t message);
struct neighbour *neighbour_find(const struct minato *m, uint32_t link,
				 const struct minato_addr *addr);
/* What was heard of a neighbour. */
enum neighbour_news {
	NEWS_REQUEST, /* it asked for an address of ours: learn (RFC 826) */
	NEWS_PACKET,  /* it sent a packet that we answer: learn if unknown */
	NEWS_OTHER,   /* heard by the way: refresh if known (RFC 826) */
	NEWS_REPLY,   /* answered us */
};
void neighbour_heard(struct minato *m, uint32_t link,
		     const struct minato_addr *addr, const uint8_t mac[6],
		     enum neighbour_news news);
/* RFC 4861 7.2.5. */
void neighbour_advertised(struct minato *m, uint32_t link, const struct nd *nd);
/* True for one that answers for itself (so a proxy is silent). */
bool neighbour_speaks(const struct minato *m, uint32_t link,
		      const struct minato_addr *addr);
void neighbour_expire(struct minato *m, uint32_t index);

/* --- discovery.c: ARP and neighbour discovery on the wire --------------- */

enum drop discovery_arp(struct minato *m, const struct packet *p);
enum drop discovery_nd(struct minato *m, const struct packet *p);
/* Asks for an address; `mac` NULL: everybody. */
void discovery_ask(struct minato *m, uint32_t link,
		   const struct minato_addr *target, const uint8_t *mac);
/* An ICMPv6 message of ours on the link, complete, with hop limit 255. */
void discovery_send(struct minato *m, uint32_t link, const uint8_t *bytes,
		    uint32_t len, const struct minato_addr *src,
		    const struct minato_addr *dst);
/* The solicited-node multicast address. */
struct minato_addr discovery_solicited(const struct minato_addr *a);

/* --- evidence.c: for the statistic of scans ------------------------------ */

/* A TCP segment, datagram or ping that met nothing, or a verdict. */
void evidence_take(struct minato *m, const struct packet *p);
static inline void evidence_packet(struct minato *m, const struct packet *p)
{
	if (scan_listens(host_scan(m), m->now))
		evidence_take(m, p);
}
/* A packet of a protocol that nobody here speaks. */
void evidence_protocol(struct minato *m, const struct packet *p);
/* A first fragment that does not hold its transport header. */
void evidence_piece(struct minato *m, const struct packet *p);
/* A connection that its peer began is complete. */
void evidence_complete(struct minato *m, const struct socket *s);
/* The RST that ended a half-open one, of which we sent what is before this
   number. */
void evidence_half(struct minato *m, const struct packet *p,
		   struct seq our_next);
/* The first thing that its peer says, or its end; of one that was untouched
   before, and was like this: */
struct evidence_before {
	bool open, held;
	uint32_t our_next; /* number */
};
void evidence_first(struct minato *m, const struct packet *p,
		    const struct evidence_before *before,
		    const struct socket *s);
/* The packet was handed on, and way->news is not NONE. */
void evidence_passed(struct minato *m, const struct packet *p,
		     const struct nat_way *way);
/* What a gateway handed on ended without any answer. */
void evidence_silent(struct minato *m);
/* A call, or a datagram of one, was refused by its owner. */
void evidence_refused(struct minato *m, const struct socket *s,
		      const struct port_key *key);

/* --- scanheir.c ---------------------------------------------------------- */

/* Takes over what is sound of the recognised scans in the statistic of another
   host value, which has as many sources as ours; how many these are. */
uint32_t scanheir_take(struct minato *m, const void *memory);

/* --- icmp_in.c, echo.c -------------------------------------------------- */

/* ICMP that is no error about a flow and no echo for a socket. */
enum drop icmp_in_error(struct minato *m, const struct packet *p);
enum drop echo_reply(struct minato *m, const struct arrival *a);

/* --- limits.c: what strangers are answered ------------------------------- */

/* May this source be answered once more now? */
bool limits_allow(struct minato *m, enum limit_kind kind,
		  const struct minato_addr *who);

/* --- verdicts.c: what rules of the policy say ---------------------------- */

/* The course and program of what comes by a link. */
void verdicts_course(const struct minato *m, uint32_t link,
		     struct port_key *key);
/* The same of a call, whose packet is not at hand any more. */
void verdicts_key(const struct minato *m, const struct socket *s,
		  struct port_key *key);
/* The answer to a new flow that a guard or rule does not let pass. */
enum drop verdicts_answer(struct minato *m, const struct arrival *a,
			  enum minato_verdict verdict);
/* A ping of ours. DROP_NONE: it passes. */
enum drop verdicts_ping(struct minato *m, const struct arrival *a);
/* A datagram of an association that exists, which may be for somebody whom it
   did not speak to before. DROP_NONE: it passes. */
enum drop verdicts_datagram(struct minato *m, uint32_t index,
			    const struct arrival *a);
/* That association may speak to whom the key says. */
void verdicts_remember(struct minato *m, uint32_t index,
		       const struct port_key *key);

/* --- icmp_out.c: errors and RSTs, limited in one place ------------------ */

/* RST for a segment that met nothing (RFC 9293 3.10.7.1). */
void icmp_out_reset(struct minato *m, const struct packet *p);
/* The RST of a call that was refused. */
void icmp_out_refuse(struct minato *m, const struct port_key *key,
		     const struct tcp_segment *rst);
/* An ACK of TIME-WAIT; not limited, it answers what is known. */
void icmp_out_segment(struct minato *m, const struct port_key *key,
		      const struct tcp_segment *segment);
/* The same for what a call says, with its hop limit and class. */
void icmp_out_emit(struct minato *m, const struct port_key *key,
		   const struct tcp_emit *emit);
/* Unreachable, too big about a packet that arrived, from `src`. */
void icmp_out_error(struct minato *m, const struct packet *about,
		    enum minato_reason reason, uint32_t mtu,
		    const struct minato_addr *src);
/* Time exceeded about a packet that would have to go on, from us. */
void icmp_out_expired(struct minato *m, const struct packet *about);
/* Reassembly time exceeded, about a first fragment, from its destination. */
void icmp_out_overdue(struct minato *m, const struct packet *about);
/* Parameter problem (RFC 4443 3.4) about an IPv6 packet, likewise. */
void icmp_out_parameter(struct minato *m, const struct packet *about,
			uint8_t code, uint32_t pointer);
/* A flow of which no packet is at hand any more. */
struct icmp_about {
	struct port_key key; /* remote: whose packet it was */
	struct seq seq;	     /* TCP: of its SYN */
	uint8_t hop_limit, traffic_class;
	uint32_t len; /* its payload, if more than is quoted */
};
void icmp_out_about(struct minato *m, const struct icmp_about *about,
		    const struct minato_trouble *trouble);

/* --- udp.c: datagrams in and out ---------------------------------------- */

void udp_init(struct datagrams *d);
void udp_clear(struct minato *m, struct datagrams *d);
/* What waits to be sent goes out without its socket. */
void udp_flush(struct minato *m, uint32_t index);
/* A datagram or run for this socket. */
enum drop udp_arrive(struct minato *m, uint32_t index, const struct arrival *a);
/* An ICMP error about what it sent, as errno. */
void udp_error(struct minato *m, uint32_t index, int error);
/* Queues a message with data to send. `to` and defaults; errors as
   minato_send_datagram. Takes the message over. */
int udp_send(struct minato *m, uint32_t index, uint32_t message,
	     const struct minato_datagram *to);

/* --- datagram.c, stream.c: the verbs that both kinds share -------------- */

int datagram_borrow(struct minato *m, struct socket *s,
		    struct minato_extent *extents, size_t max,
		    struct minato_datagram *from);
int datagram_release(struct minato *m, struct socket *s);
/* Gives the open reservation back. */
void stream_unreserve(struct minato *m);

/* --- bind.c: addresses of sockets --------------------------------------- */

/* A claim for a socket that has none, now that it must have a port: towards
   `remote`, if that is why, or NULL. 0, -EADDRINUSE, -EADDRNOTAVAIL. */
int bind_late(struct minato *m, uint32_t index,
	      const struct minato_endpoint *remote);
/* The address that it was bound to, whatever it is connected to. */
struct minato_addr bind_address(const struct minato *m, const struct socket *s);
/* Local end, as far as it is known: zero where not. */
void bind_local(const struct minato *m, const struct socket *s,
		struct minato_endpoint *out);
/* False when it has no peer. */
bool bind_peer(const struct minato *m, const struct socket *s,
	       struct minato_endpoint *out);

/* --- budget.c: memory when it is scarce --------------------------------- */

/* Bytes that programs may still write, about. */
uint64_t budget_left(const struct minato *m);
/* A write of this socket was cut short; it hears when there is room. */
void budget_starve(struct minato *m, uint32_t index);
void budget_forget(struct minato *m, uint32_t index);
void budget_relieve(struct minato *m);

/* --- events.c ----------------------------------------------------------- */

/* Something new on a socket: counts it and queues it for its owner. */
void events_raise(struct minato *m, uint32_t index);
uint32_t events_ready(struct minato *m, uint32_t index);

/* --- entries.c ---------------------------------------------------------- */

/* The 64-bit handle of a general entry of the port table. */
/* A question as a key, and whether it is one that may be asked. */
struct minato_question;
struct port_key entries_key(const struct minato_question *question);
bool entries_question(const struct minato_question *question);
/* What the caller knows an entry by: a claim by its socket or lease. And whose
   a flow is. */
uint64_t entries_known_by(const struct minato *m, uint32_t entry);
void entries_flow(const struct minato *m, const struct port_fate *fate,
		  struct minato_fate *out);
uint64_t entries_handle(const struct minato *m, uint32_t entry);
/* The live general entry of a handle; claims have none of their own. */
bool entries_find(const struct minato *m, uint64_t handle, uint32_t *entry);
/* Its record of actors.c, and another one, which takes a reference over. */
uint16_t entries_actor(const struct minato *m, uint32_t entry);
void entries_own(struct minato *m, uint32_t entry, uint16_t actor);

/* --- leases.c: ports lent ----------------------------------------------- */

static inline struct lease *lease_at(const struct minato *m, uint32_t index)
{
	return pool_at(&m->leases, index);
}
uint64_t leases_handle(const struct minato *m, uint32_t index);
bool leases_find(const struct minato *m, uint64_t lease, uint32_t *index);
/* The first that is lent at or after `from`, or STACK_NONE. */
uint32_t leases_next(const struct minato *m, uint32_t from);
/* The ends of one; remote zero for any. */
void leases_key(const struct minato *m, uint32_t index, struct port_key *out);

#endif
