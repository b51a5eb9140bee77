/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * minato/scan: who tries the doors.
 *
 * A first contact of a source with a port succeeds or fails. Over these the
 * host value keeps a sequential test for each source (threshold random walk,
 * Jung et al. 2004): about four failures that nothing outweighs name a scan,
 * however slowly they come, and a visitor who errs now and then is none.
 *
 *  - What a packet alone says is *unverified*: anybody can write any source
 *    into it. It names a scan, and may make our answers to its claimed source
 *    fewer; it never shuts anybody out.
 *  - *Verified* is what only the owner of the address can have done: a
 *    handshake that it completed. Blocking needs that, enough of it alone.
 *  - A success outweighs failures that were before it; none is saved up.
 *
 * IPv6 is counted by /64, and by /56 and /48 where a source moves about in
 * these. Addresses of several scopes are several sources.
 */
#ifndef MINATO_SCAN_H
#define MINATO_SCAN_H

#include "minato/minato.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was seen of it, a set. What differs in nothing on the wire has one name:
   a window scan sends what an ACK scan sends. */
#define MINATO_SCAN_KINDS(X)                                                   \
	X(SYN, "syn") /* SYNs that no kernel makes, or half a handshake */     \
	X(CONNECT, "connect") /* of a kernel; completed, and nothing sent */   \
	X(FIN, "fin")                                                          \
	X(NULL, "null")                                                        \
	X(XMAS, "xmas")                                                        \
	X(MAIMON, "maimon")                                                    \
	X(ACK, "ack/window")                                                   \
	X(UDP, "udp")                                                          \
	X(PROTOCOL, "ip-protocol")                                             \
	X(VERSION, "version")	/* first bytes that ask what is there */       \
	X(OS, "os")		/* segments that fingerprint a stack */        \
	X(DECOY, "decoy")	/* one sender under several addresses */       \
	X(FRAGMENT, "fragment") /* headers cut into pieces */                  \
	X(SWEEP, "sweep")	/* one port of many addresses */               \
	X(SCTP, "sctp")		/* associations that are begun, or claimed */

enum minato_scan_kind {
#define X(name, text) MINATO_SCAN_##name,
	MINATO_SCAN_KINDS(X)
#undef X
		MINATO_SCAN_KIND_COUNT
};
const char *minato_scan_kind_name(enum minato_scan_kind kind);

/* Whose habits its headers have. */
#define MINATO_SCAN_TOOLS(X)                                                   \
	X(UNKNOWN, "unknown")                                                  \
	X(NMAP, "nmap")                                                        \
	X(MASSCAN, "masscan")                                                  \
	X(ZMAP, "zmap")                                                        \
	X(HPING, "hping")

enum minato_scan_tool {
#define X(name, text) MINATO_SCAN_TOOL_##name,
	MINATO_SCAN_TOOLS(X)
#undef X
		MINATO_SCAN_TOOL_COUNT
};
const char *minato_scan_tool_name(enum minato_scan_tool tool);

/* In what order it goes through ports. */
#define MINATO_SCAN_PATTERNS(X)                                                \
	X(FEW, "few") /* too few to say */                                     \
	X(SEQUENTIAL, "sequential")                                            \
	X(RANDOM, "random")                                                    \
	X(TOP_LIST, "top-list") /* those that are used most, in any order */

enum minato_scan_pattern {
#define X(name, text) MINATO_SCAN_PATTERN_##name,
	MINATO_SCAN_PATTERNS(X)
#undef X
		MINATO_SCAN_PATTERN_COUNT
};
const char *minato_scan_pattern_name(enum minato_scan_pattern pattern);

#define MINATO_SCAN_PORTS 16
#define MINATO_SCAN_TARGETS_MAX 130u /* so many, or any number above 100 */

struct minato_scan {
	uint64_t number; /* of the listing; another for another scan */
	struct minato_addr source; /* masked */
	uint8_t prefix;		   /* 128, or of IPv6 64, 56, 48 */
	uint8_t scope;
	bool recognised; /* its walk has crossed the line; else suspected */
	bool blockable;	 /* by verified evidence alone */
	enum minato_scan_tool tool;
	enum minato_scan_pattern pattern;
	uint32_t kinds;	      /* bits 1 << enum minato_scan_kind */
	uint32_t confidence;  /* thousandths, by the walk alone */
	uint32_t ports_tried; /* different ones, from its second failure on:
				 below 1000 within some 5 %, above that within
				 15 % */
	uint16_t first, last; /* the lowest and highest of them */
	uint16_t ports[MINATO_SCAN_PORTS]; /* the first ones, as they came */
	uint32_t port_count;		   /* how many these are */
	struct minato_addr target;	   /* the latest address tried */
	uint32_t targets;		   /* different ones, about */
	struct minato_time began, latest;
	struct minato_time blocked_until; /* 0: is not blocked */
	/* Of a blocked IPv6 prefix the one address that is; any (zeros): all,
	   since others of it have verified as much. */
	struct minato_addr blocked;
	uint32_t blocks;		  /* how often it was */
	/* Evidence. All but the last two are unverified. */
	uint32_t closed;     /* tries of what is closed, shut or silent */
	uint32_t half;	     /* SYN-ACKs of ours that were answered by RST */
	uint32_t impossible; /* segments that belong to nothing */
	uint32_t shared; /* tries that others made at the same moment, alike */
	uint32_t empty;	 /* completed, and ended without a byte */
	uint32_t verified; /* completed, and refused by who is behind, or
			      answered with questions alone */
};
/* Walks the listing, as minato_row does. */
bool minato_scan_row(struct minato *m, uint64_t *cursor,
		     struct minato_scan *out);
/*
 * The recognised scan that an address of a scope belongs to, by which it is
 * answered and shut out: of IPv6 the one of the longest prefix. False: it is
 * of none. Its blocked_until is 0 where a block is not of this address.
 */
bool minato_scan_find(struct minato *m, uint8_t scope,
		      const struct minato_addr *source,
		      struct minato_scan *out);
/*
 * The next scan that was recognised, or showed a kind that it had not, since
 * its last event; false when there is none. A scan stands at most once in the
 * queue, and tells at most 8 times of itself.
 */
bool minato_scan_event(struct minato *m, struct minato_scan *out);

/* What a recognised scan gets from us. Each does what those before it do. */
#define MINATO_SCAN_ANSWERS(X)                                                 \
	X(NOTHING, "nothing") /* is noted, and treated like anybody */         \
	X(SLOWER, "slower")   /* RSTs and ICMP errors to it are few */         \
	X(SILENCE, "silence") /* ... are none */                               \
	X(BLOCK, "block")     /* and where evidence is verified, no new flow */

enum minato_scan_answer {
#define X(name, text) MINATO_SCAN_ANSWER_##name,
	MINATO_SCAN_ANSWERS(X)
#undef X
		MINATO_SCAN_ANSWER_COUNT
};
/* The answer of that name, or -EINVAL. */
int minato_scan_answer_by_name(const char *name);
const char *minato_scan_answer_name(enum minato_scan_answer answer);

struct minato_scan_policy {
	bool watch; /* true; false: nothing is noted */
	bool away;  /* true; false: nor what calls of hosts into the world, on
		      links that take every destination, come to */
	enum minato_scan_answer answer; /* SLOWER */
	uint32_t slower_per_s; /* answers to one source; 1..1000000; 10 */
	/* SLOWER and SILENCE last so long after the latest try; 0: as long as
	   it is known. */
	uint32_t answer_s;
	/* A block lasts so long, twice as long each time, at most so long. */
	uint32_t block_s, block_max_s; /* 1 or more; 600, 86400 */
};
void minato_scan_policy_init(struct minato_scan_policy *policy);
/* -EINVAL. Blocks that are in force end when the answer is no longer BLOCK. */
int minato_scan_set(struct minato *m, const struct minato_scan_policy *policy);
void minato_scan_get(const struct minato *m, struct minato_scan_policy *out);
/* Forgets one scan and its source, and its block: it was none. -EBADF. */
int minato_scan_forget(struct minato *m, uint64_t number);

/*
 * Takes over the recognised scans, with the blocks that are in force, from the
 * memory of a host value that nobody runs any more, or that was cut off
 * anywhere: believes nothing, writes nothing there. No block lasts longer than
 * the policy of this host value allows, and none is where that does not block.
 * What was verified before counts for no further block. How many were taken; 0
 * where the two have room for different numbers of sources.
 */
uint32_t minato_scan_inherit(struct minato *m, const void *memory, size_t size,
			     const struct minato_config *config);

#ifdef __cplusplus
}
#endif

#endif
