/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan: who tries the doors; a statistic over outcomes that others report. It
 * decides about no packet and looks nothing up in the port table.
 *
 *   scan_note --> sources    16 bytes each: the walk, and which contacts were
 *                    |       counted (scan.c)
 *                    +-----> sketch: counts of those that have no place there
 *                    |       (scansketch.c)
 *                    +-----> cases: what is told of a source that has failed
 *                            twice (scancase.c)
 *
 * The walk is in half-bits of likelihood: a failure is 4 up, a success 4 down
 * but never below 0 (theta of .8 for visitors and .2 for scanners, so a ratio
 * of 4 is two bits), and 14, that is 2 log2(.99/.01) rounded up, names a scan:
 * with four failures, and with no fewer whatever is learned, since three closed
 * doors are what an honest poller of twenty may meet.
 *
 * Behind an address may be hundreds of people, each of whom errs now and then.
 * So sessions in which bytes came raise the line with each doubling, most with
 * the first ones, to 33 at most, and where nothing failed for ten minutes, or
 * with few sessions for six hours, one more outweighs one failure. Who buys
 * cover by that gets two or three times as many ports, or six an hour with
 * sixteen sessions before.
 *
 * Who calls out into the world meets more closed doors than who comes to us:
 * of the peers that a client of a swarm is told of a third or more refuse. So
 * there theta0 is .6: 2 up and 3 down, which seven failures make a scan, and
 * nothing is learned from it of those who come. A scan goes through the ports
 * of a host, or through hosts with a port; peers of a swarm have a port each.
 * So a failure at another host than the last one, at a port that is none of
 * the latest, is 1 up.
 *
 * What stands in these 16 bytes about contacts is a filter of 32 keyed bits:
 * one that was counted is never counted again; of a new one the filter says
 * wrongly, with chance n/32 after n bits, that it was. So four failures are
 * seen as four with chance .82, the fifth makes it .98, and nobody is named by
 * repetitions. (test/unit/test_scan.c measures this.)
 *
 * That no answer comes is half a failure: servers are down now and then, and
 * their clients call several ports of them. Where a port has answered anybody
 * before, it is none (scan_opened).
 *
 * Nobody reads a clock: instants come with the calls. All lies in the caller's
 * memory.
 */
#ifndef PORT_SCAN_H
#define PORT_SCAN_H

#include <stdalign.h>
#include <string.h>

#include "base/addr.h"
#include "base/bits.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/time.h"
#include "minato/scan.h"

/* --- what is reported ---------------------------------------------------- */

enum scan_sign {
	SCAN_CLOSED,	 /* refused, or shut by a verdict */
	SCAN_SILENT,	 /* no answer ever came; a ping that had none */
	SCAN_HALF,	 /* our SYN-ACK was answered by a RST without ACK */
	SCAN_IMPOSSIBLE, /* no stack sends it: FIN, NULL, Xmas, SYN with FIN */
	SCAN_STRAY,	 /* ACK or FIN-ACK of a connection that is not known: of
			    a scan, or of one that we have forgotten */
	SCAN_PIECE,	 /* a transport header cut into pieces */
	SCAN_EMPTY,	 /* completed, and ended by FIN without a byte */
	SCAN_ABORTED,	 /* completed, and ended by RST without a byte */
	SCAN_REFUSED,	 /* completed, and then refused by who is behind */
	SCAN_QUESTION,	 /* completed; its first bytes only ask what is there */
	SCAN_BARE,	 /* completed; a bare request, as monitors send */
	SCAN_GOOD,	 /* completed */
	SCAN_USED,	 /* completed, and bytes came */
	SCAN_SIGNS
};

struct scan_contact {
	struct minato_addr source, target;
	uint8_t scope, proto;
	uint8_t sign;  /* enum scan_sign */
	uint8_t tool;  /* enum minato_scan_tool, by its headers */
	uint16_t port; /* of an IP protocol: its number */
	uint16_t source_port;
	uint32_t stamp; /* what one sender writes alike under all its addresses:
			   sequence number and source port; 0: nothing */
	uint32_t kinds; /* 1 << enum minato_scan_kind, by its looks */
	bool away;	/* the target is none of ours, nor behind us */
};

struct scan; /* opaque to others */

/* --- scan.c -------------------------------------------------------------- */

#define SCAN_SOURCES_MAX (1u << 24)
/* How many sources have a place there: of 2^n, at least 1,024. */
size_t scan_bytes(uint32_t sources_max); /* multiple of 64 */
/* `memory` is zero, aligned to 64. */
struct scan *scan_init(void *memory, uint32_t sources_max,
		       const struct hash_key *key);
/*
 * Takes one report. Who reports what is unverified asks scan_listens before.
 */
void scan_note(struct scan *s, const struct scan_contact *c,
	       struct minato_time now);
/* This port of the target has answered somebody, who completed his call. */
void scan_opened(struct scan *s, const struct scan_contact *c);
/* Fetches what scan_note will look at. */
void scan_seek(const struct scan *s, uint8_t scope,
	       const struct minato_addr *source);
/* Whether an RST or ICMP error may go to this source; takes a token. */
bool scan_may_answer(struct scan *s, uint8_t scope,
		     const struct minato_addr *source, struct minato_time now);
/* Whether its new flows are shut out now. */
bool scan_is_blocked(struct scan *s, uint8_t scope,
		     const struct minato_addr *source, struct minato_time now);

/* --- scancase.c ---------------------------------------------------------- */

/* The row of the recognised scan that a source is in, which scan_may_answer and
   scan_is_blocked go by. (scan.c) */
bool scan_of(const struct scan *s, uint8_t scope,
	     const struct minato_addr *source, struct minato_scan *out);
bool scan_row(const struct scan *s, uint64_t *cursor, struct minato_scan *out);
bool scan_event(struct scan *s, struct minato_scan *out);
bool scan_forget(struct scan *s, uint64_t number);
void scan_set(struct scan *s, const struct minato_scan_policy *policy);
void scan_get(const struct scan *s, struct minato_scan_policy *out);

/* --- for scan*.c and their tests ----------------------------------------- */

#define SCAN_UNIT 4u   /* half-bits of a failure */
#define SCAN_LINE 14u  /* names a scan; of a /56 twice, of a /48 three times */
#define SCAN_TOP 63u   /* the walk goes no higher */
#define SCAN_PROVEN 8u /* verified units that let it be blocked */
#define SCAN_PROVEN_TOP 31u
#define SCAN_CONTACT_UNITS 2u /* of each verified contact */
#define SCAN_LEVELS 3u	      /* of IPv6: /64, /56, /48 */
#define SCAN_LANES 4u	      /* sources in a line */

struct scan_source {
	uint64_t key; /* 0: none */
	uint32_t seen;
	uint16_t last; /* 2^36 ns: of its last step; wraps in 52 days */
	uint16_t score : 6, proven : 5, cased : 1;
	uint16_t volume : 4; /* log2 of its used sessions, about */
};
_Static_assert(sizeof(struct scan_source) == 16, "a source");
struct scan_line {
	alignas(64) struct scan_source lane[SCAN_LANES];
};

#define SCAN_ROWS 4u
/* Of sources without a place: how often they failed, at least about. */
struct scan_sketch {
	int64_t cells, met; /* from here: bytes; bits */
	uint32_t width;	    /* cells of a row, 2^n */
	uint32_t added;	    /* since all was halved */
};

/* Ports that have answered, by two bits of their hashes; of two generations the
   older one goes when the newer one is a quarter full, some 580 ports. */
#define SCAN_OPENED 4096u
struct scan_opened {
	uint64_t bits[2][SCAN_OPENED / 64];
	uint32_t newer, set; /* which one, how many of its bits */
};

#define SCAN_CASES 4096u
#define SCAN_CASE_LANES 8u
#define SCAN_EVENTS 256u
#define SCAN_TOLD_MAX 8u
#define SCAN_ASKED 2u /* ports of questions, for bare ones to count */
#define SCAN_NEAR 16u
/* So many verified contacts of other addresses have a whole /64 blocked. */
#define SCAN_OTHERS 3u
#define SCAN_VOUCHED 16u /* as many are all that is ever wanted */
struct scan_case {
	uint64_t key; /* 0: free */
	int64_t began_ns, latest_ns, blocked_ns;
	int64_t refilled_ns; /* tokens of answers */
	uint32_t tokens;
	uint32_t generation, blocks;
	uint32_t kinds, told_kinds;
	uint32_t closed, half, impossible, shared, empty, verified;
	uint32_t contacts, up, listed, targets;
	uint32_t seen; /* of the source, which may lose its place */
	/* Verified contacts, the first ones by 32 bits of their hashes, the
	   others by one of 64: what others forge in its name fills the other
	   filter, and would hide these in it. */
	uint32_t vouched[SCAN_VOUCHED];
	uint64_t vouched_rest;
	/* Ports whose use took evidence away. */
	uint32_t taken[SCAN_VOUCHED];
	uint8_t vouched_count, taken_count;
	uint8_t asked; /* ports of questions */
	/* Bits of ports of bare requests, and of verified contacts, since its
	   last block. */
	uint64_t bare_at, again;
	/* Of IPv6: which address of a /64 verified first, its lower half, and
	   bits of verified contacts of others in it. */
	uint64_t owner, others;
	uint8_t near_count;	  /* of all that were written there; wraps */
	uint16_t near[SCAN_NEAR]; /* the latest ports that failed */
	uint16_t first, last, previous, source_port;
	uint8_t level, scope, tool, told;
	uint8_t score, proven, volume, port_count;
	bool recognised, blockable, queued;
	bool anew; /* since that a contact verified that never had before */
	bool news; /* there is something to tell beside new kinds */
	struct minato_addr source, target;
	uint16_t ports[MINATO_SCAN_PORTS];
	uint8_t zeros[64]; /* of hashes of ports: HyperLogLog */
	uint64_t tried[8]; /* bits of hashes of ports: linear counting */
};

/* The latest failures by target and port, to see who tries the same. */
#define SCAN_MOMENTS 1024u
struct scan_moment {
	int64_t at_ns;
	uint64_t key; /* of who came first */
	uint32_t stamp, place;
};

struct scan {
	int64_t tick;  /* SCAN_TICK_SHIFT */
	uint32_t left; /* of the budget in it */
	uint32_t gap;  /* reports that are overlooked from here on */
	uint64_t overlooked;
	bool waits; /* a report, beyond the budget */
	struct scan_contact waiting;
	uint32_t lines, used, cases_used, recognised, blocked;
	uint64_t salt[SCAN_LEVELS]; /* times scope + 1: in keys */
	struct hash_secret secret;
	uint64_t chance; /* of a generator for what is overlooked */
	/* Learned: failures of visitors that then succeeded, in 2^-16 of their
	   contacts. */
	uint32_t miss_rate;
	uint32_t up, down; /* steps by that */
	struct minato_scan_policy policy;
	uint64_t noted, displaced, unplaced, events_lost;
	uint32_t event_head, event_tail;
	uint16_t events[SCAN_EVENTS];
	int64_t lines_at, cases_at; /* from here */
	struct scan_sketch sketch;
	struct scan_opened opened;
	struct scan_moment moments[SCAN_MOMENTS];
	uint32_t tags[SCAN_CASES];
};

static inline void *scan_part(const struct scan *s, int64_t at)
{
	return (char *)(uintptr_t)s + at;
}
static inline struct scan_case *scan_case_at(const struct scan *s,
					     uint32_t number)
{
	return (struct scan_case *)scan_part(s, s->cases_at) + number;
}

/*
 * Whether a report of something unverified is to be made now: within a budget
 * of time, and beyond it one in 160, by chance, so that a flood costs little
 * and cannot choose what is overlooked.
 */
#define SCAN_TICK_SHIFT 20u /* ns: a good millisecond */
#define SCAN_BUDGET 24u	    /* in it */
bool scan_listens_now(struct scan *s, int64_t tick);
static inline bool scan_listens(struct scan *s, struct minato_time now)
{
	const int64_t tick = now.ns >> SCAN_TICK_SHIFT;

	if (s->gap == 0 || s->tick != tick)
		return scan_listens_now(s, tick);
	s->gap--;
	return false;
}

/* scan.c: the key of a source, at a level; IPv4 has level 0 alone. */
uint64_t scan_key(const struct scan *s, uint8_t scope, uint32_t level,
		  const struct minato_addr *source);
uint64_t scan_hash(const struct scan *s, uint64_t a, uint64_t b);
/* The record of a key, or NULL. */
struct scan_source *scan_find(const struct scan *s, uint64_t key);
/* What names a source of a level, with such a volume. */
uint32_t scan_line_of(uint32_t level, uint32_t volume);

/* scansketch.c */
size_t sketch_bytes(uint32_t sources_max);
void sketch_init(struct scan_sketch *k, int64_t at, uint32_t sources_max);
/* A contact of a source without a place failed; how often it has, less what
   may be the noise of others. */
uint32_t sketch_add(struct scan *s, uint64_t key, uint64_t contact);

/* Whether scan_opened was told of it. */
bool sketch_opened(const struct scan *s, const struct scan_contact *c);

/* scancase.c: the case of a key, or NULL; one made for it, or NULL where all
   places are better filled. */
struct scan_case *scancase_find(const struct scan *s, uint64_t key);
/* Whether a port is among the first that it tried. */
bool scancase_tried(const struct scan_case *k, uint16_t port);
/* Whether it goes on with a target or port that has just failed. */
bool scancase_goes_on(const struct scan_case *k, const struct scan_contact *c);
/* Whether this contact has verified something; that it has. */
bool scancase_vouched(const struct scan_case *k, uint64_t contact);
void scancase_vouch(struct scan_case *k, const struct scan_contact *c,
		    uint64_t contact, struct minato_time now);
/* Whether this address of its is one that a block of it holds for. */
bool scancase_covers(const struct scan_case *k,
		     const struct minato_addr *source);
/* The use of a port took evidence away. False: it has already. */
bool scancase_take(struct scan_case *k, uint64_t contact);
/* It was no use: it is to be given back. False: nothing was taken. */
bool scancase_give(struct scan_case *k, uint64_t contact);
struct scan_case *scancase_open(struct scan *s, const struct scan_contact *c,
				uint64_t key, uint32_t level,
				const struct scan_source *r,
				struct minato_time now);
/* One more contact of it, behind the step of its walk. */
void scancase_add(struct scan *s, struct scan_case *k,
		  const struct scan_contact *c, struct minato_time now);
/* A stray segment that may be of a forgotten connection. */
void scancase_stray(struct scan_case *k, const struct scan_contact *c,
		    struct minato_time now);
void scancase_row(const struct scan *s, const struct scan_case *k,
		  struct minato_scan *out);
/* Looks who tried the same at this moment, and marks both. */
void scancase_moment(struct scan *s, struct scan_case *k,
		     const struct scan_contact *c, struct minato_time now);
void scancase_verdict(struct scan *s, struct scan_case *k,
		      struct minato_time now);

#endif
