/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port: THE PORT TABLE. Whatever a packet can meet is an entry here, and its
 * fate is one look-up.
 *
 *   key = scope, face, protocol, local address:port, remote address:port
 *
 *   exact    tuples, both ends given: 64-byte lines of tags under a keyed
 *            hash, and the records in their places; established flows,
 *            TIME-WAIT, datagram flows.
 *            A tuple whose local end is left open (an association: "whatever
 *            this remote endpoint sends") lives there too.
 *   groups   general entries under a keyed hash of what they match, one probe
 *            for each form that some entry has; ranges of ports in trees: a new
 *            flow's fate takes as many steps with ten entries as with millions
 *   ranges   intervals of ports once more, in order: what choices look at
 *
 * Precedence of port_lookup, coded as this list:
 *   1  the exact tuple; then the association of the remote endpoint
 *   2  guard, for new flows only (among guards: as 3); a guard whose verdict
 *      is MINATO_PASS is an exception from the less specific ones. Then the
 *      rules of the policy: of those that match the one of the lowest order
 *   3  general entries: the most specific local address, then the most
 *      specific port (single, shorter range, any), then the most specific
 *      remote, then a named face before any, a named scope before any, then
 *      the older entry
 *   4  the scope's default (kind uplink without address or port)
 *   5  closed
 *
 * Life of an entry: FREE -> LIVE (port_bind, port_add, port_tuple_insert)
 * -> FREE (port_remove, port_tuple_remove). Whoever inserted removes; the
 * table never forgets by itself, except that a general entry whose `until`
 * has passed no longer matches.
 *
 * An entry of any scope counts in every scope. A tuple remembers the face it
 * came by but is found from every face: a flow may move between links.
 *
 * Nothing here knows TCP, sockets or frames: `owner` is the caller's number.
 */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <stdalign.h>
#include <string.h>

#include "base/addr.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/pool.h"
#include "minato/minato.h"

#define PORT_SCOPES 16u

/* Of a packet or arrival that looks for its fate; local is its destination. */
struct port_key {
	struct minato_addr local, remote;
	uint16_t local_port, remote_port; /* ICMP: the identifier in both */
	uint8_t scope;
	uint8_t proto; /* MINATO_TCP, _UDP, _ICMP; of tuples and questions to
			  rules MINATO_PROTO_OTHER, its number in both ports */
	uint8_t face;
	/* Rules of the policy alone look at these. */
	uint8_t course;	   /* MINATO_COURSE_*; _ANY is _IN; _NONE: not asked */
	uint8_t icmp_type;
	uint16_t program;
};

struct port_table; /* opaque to others; see table.c */

/* --- table.c: making, look-up -------------------------------------------- */

struct port_limits {
	uint32_t tuples_max;  /* 1..PORT_TUPLES_MAX */
	uint32_t entries_max; /* general entries, socket claims included */
	uint32_t rests_max;   /* freed ports at rest, which are tuples and
				 entries too; 0: none rests */
	uint32_t rules_max;   /* of the policy, which are entries too; at most
				 PORT_RULES_MAX */
	uint32_t tuples_first; /* for so many, with IPv4 at both ends, there is
				  room from the start: it need not grow by steps
				  while it fills for the first time */
};
#define PORT_RULES_MAX (1u << 24)
#define PORT_TUPLES_MAX (1u << 26)
#define PORT_ENTRIES_MAX (1u << 26)
size_t port_bytes(const struct port_limits *limits); /* multiple of 64 */
/* Bytes of it, from its start, that the tuples there is room for from the start
   (tuples_first) take. */
#define PORT_FIRST_PARTS 7u
void port_first(const struct port_limits *limits,
		struct minato_range parts[PORT_FIRST_PARTS]);
/* `memory` is zero, aligned to 64; the table is found at its start. */
struct port_table *port_init(void *memory, const struct port_limits *limits,
			     const struct hash_key *key);

/* What an exact tuple stands for; the numbers are the caller's. */
struct port_tuple_ref {
	uint32_t owner; /* with IPv4 at both ends below PORT_OWNERS_MAX */
	uint8_t class;	/* 0..14, the caller's: connection, time-wait, ... */
	/* Its socket had no SO_REUSEADDR: a later bind to its port fails even
	   with that option, as on Linux. */
	bool exclusive;
	/* A new flow of ours may take its place at once (RFC 6191): choices
	   see its port as free, and the caller ends it. */
	bool yields;
	bool rests; /* set by quarantine.c alone */
	/* Its port is somebody's already (a mapping's), or not ours: it is
	   found, and counted nowhere; it has no index, and its face is not
	   remembered: what costs half as much. */
	bool quiet;
};
#define PORT_CLASS_REST 15u /* of these alone */
#define PORT_OWNERS_MAX (1u << 25)

struct port_fate {
	enum minato_kind kind;
	enum minato_verdict verdict;
	bool exact;	  /* step 1 found it: `tuple` is meaningful */
	bool association; /* ... with the local end left open */
	struct port_tuple_ref tuple;
	bool asks;	/* which program it is decides (guard.h) */
	bool behind;	/* a guard of step 4: a mapping goes before it */
	uint32_t entry; /* general entry, or a wall; or POOL_NONE */
	uint32_t owner; /* SOCKET claim: the caller's socket number */
	uint32_t rule;	/* of the policy, which decided: port_rule_entry tells
			   its entry; or POOL_NONE */
	struct minato_endpoint target; /* FORWARD, translated */
	uint64_t user; /* of a general entry that is no rule */
};
/*
 * Total: always an answer. `new_flow`: the packet may open a flow (a SYN, any
 * datagram); otherwise guards are passed over. A socket claim takes part only
 * while it is `accepting`. Counts no hit on what is found, since who asks may
 * have other things to say: see port_hit. A wall that lets a new flow pass has
 * had its word, and its hit.
 * Of a REUSEPORT group one member is chosen by the keyed hash of the remote
 * and local ends, each with the same chance, in steps that grow with the
 * logarithm of their number; a member's leaving moves only its own share.
 */
void port_lookup(struct port_table *t, const struct port_key *key,
		 struct minato_time now, bool new_flow, struct port_fate *out);

/* The hash that places an exact key, for tests. */
uint64_t port_hash(const struct port_table *t, const struct port_key *key);

/*
 * Batch: hash early, fetch, compare at delivery. A probe is a key on its way
 * through a batch; what it knows stays true, or is found out, whatever is
 * inserted or removed meanwhile.
 */
#define PORT_KEY_WORDS 5u
struct port_probe {
	const struct port_key *key;    /* the caller's; borrowed */
	uint64_t word[PORT_KEY_WORDS]; /* both ends as in a record: 2 or 5 */
	uint64_t ends;	  /* their hash */
	uint32_t guess;	  /* the slot that it may be in, or as below: */
	uint32_t note;	  /* the caller's; 0 at first */
	uint64_t changes; /* of the table at that time */
	uint32_t rule;	  /* the word of what it meets, if it was sought: */
	uint64_t rule_changes; /* of rules at that time */
};
#define PORT_RULES_UNSOUGHT UINT64_MAX
#define PORT_GUESS_NOWHERE 0x80000000u /* its home; it was not in the table */
#define PORT_GUESS_NONE 0x40000000u /* its home; it is to be looked for */
/*
 * Makes the probes of exact keys, of which `key` is set: hashes all and fetches
 * their lines, then the records that those point to. Compares nothing. Best
 * with about 32.
 */
void port_seek(const struct port_table *t, struct port_probe *probes,
	       size_t count);
/* Its two halves, of at most PORT_FAR probes. */
void port_seek_homes(const struct port_table *t, struct port_probe *probes,
		     size_t count);
void port_seek_records(const struct port_table *t, struct port_probe *probes,
		       size_t count);
/* The same for keys that are mostly far (see struct port_far): quicker where
   pages are far too, slower where they are not. Of keys that are not there it
   fetches what inserting them will write to. */
void port_seek_apart(const struct port_table *t, struct port_probe *probes,
		     size_t count);
/* port_lookup of a key that was sought; and of one that was looked for since,
   and is not in the table. */
void port_lookup_sought(struct port_table *t, const struct port_probe *probe,
			struct minato_time now, bool new_flow,
			struct port_fate *out);
void port_lookup_missed(struct port_table *t, const struct port_probe *probe,
			struct minato_time now, bool new_flow,
			struct port_fate *out);
/* For whoever decides a new flow by what was found: one, where it is decided.
   Of POOL_NONE nothing is counted. */
void port_hit(struct port_table *t, uint32_t entry);
/* True: the table has nothing at all that such a key could meet, but an exact
   tuple: without one port_lookup says closed. */
bool port_lookup_closed(const struct port_table *t, const struct port_key *key);

/* --- tuple.c: exact tuples ----------------------------------------------- */

/*
 * Inserts. local 0/:: with port 0 makes an association. Returns the tuple's
 * index, which is its own as long as it lives (of a quiet one: 0, which says
 * nothing), -EEXIST when the key is taken, -ENOSPC.
 *
 * One whose remote end is open, 0/:: with port 0, is a *mapping*: its port is
 * held at this address as by a claim, so that no choice and no bind takes it.
 */
int64_t port_tuple_insert(struct port_table *t, const struct port_key *key,
			  struct port_tuple_ref ref);
/* The same for an exact key that port_seek saw. */
int64_t port_tuple_insert_sought(struct port_table *t,
				 const struct port_probe *p,
				 struct port_tuple_ref ref);
void port_tuple_remove(struct port_table *t, uint32_t tuple);
/* By its key, quiet or not. False when there is none. */
bool port_tuple_erase(struct port_table *t, const struct port_key *key);
bool port_tuple_erase_sought(struct port_table *t, const struct port_probe *p);
/* False when there is none. `index` may be NULL; of what is quiet it becomes
   POOL_NONE. */
bool port_tuple_find(const struct port_table *t, const struct port_key *key,
		     struct port_tuple_ref *ref, uint32_t *index);
/* The same for an exact key that port_seek saw. */
bool port_tuple_sought(const struct port_table *t, const struct port_probe *p,
		       struct port_tuple_ref *ref, uint32_t *index);
/* Whether something of this local end was sought; `p` may be NULL. */
static inline bool port_probe_is_at(const struct port_probe *p,
				    const struct minato_addr *local,
				    uint16_t port)
{
	return p != NULL && p->key->local_port == port &&
	       minato_addr_equal(&p->key->local, local);
}
/* What the record says that the probe may be looking for, compared or not: for
   who wants to fetch ahead. False: there is none. */
bool port_tuple_guess(const struct port_table *t, const struct port_probe *p,
		      struct port_tuple_ref *ref);
/* What inserting a key that was sought will write to, to be fetched: to be
   called when its line has come. Never NULL. */
const void *port_tuple_room(const struct port_table *t,
			    const struct port_probe *p);
/*
 * Places that are fetched together. Where the page of one is far too, its fetch
 * is held up until the page is known, and with it what follows: so with nothing
 * between them as many are on their way at once as can be.
 */
#define PORT_FAR 32u
struct port_far {
	size_t count;
	const void *at[PORT_FAR];
};
void port_far_fetch(struct port_far *far); /* all; it is empty then */
static inline void port_far_add(struct port_far *far, const void *at)
{
	if (far->count == PORT_FAR)
		port_far_fetch(far);
	far->at[far->count++] = at;
}
/* Gives a tuple to another owner or class (connection -> TIME-WAIT). */
void port_tuple_assign(struct port_table *t, uint32_t tuple,
		       struct port_tuple_ref ref);
/* The same of a quiet one, by its key. False: there is none. */
bool port_tuple_reassign(struct port_table *t, const struct port_key *key,
			 struct port_tuple_ref ref);
void port_tuple_key(const struct port_table *t, uint32_t tuple,
		    struct port_key *out);
void port_tuple_get(const struct port_table *t, uint32_t tuple,
		    struct port_tuple_ref *out);
uint32_t port_tuple_count(const struct port_table *t);

/* --- claim.c: what sockets bind ------------------------------------------ */

struct port_claim {
	uint8_t scope, proto;
	struct minato_addr local; /* :: unless v6_only claims both families */
	uint16_t port;		  /* != 0 */
	bool v6_only, reuse_addr, reuse_port;
	bool exclusive; /* no other claim may meet it, whatever both wish */
	bool lent;    /* kind LEASE: nobody here receives on it */
	bool chosen;  /* the port is the table's choice */
	uint32_t uid; /* REUSEPORT groups are of one owner */
	uint32_t owner;
	uint64_t user;
};
/*
 * Claims a port for a socket, by Linux's rules of conflict: wildcard against
 * specific, family against dual stack, REUSEADDR (TCP: unless one listens),
 * REUSEPORT (all of them, same uid); one that is exclusive goes together with
 * no other, whatever the others allow. Tuples that use the port at an address
 * claimed here conflict too, unless a claim stands over them (then it alone is
 * asked) or the new one has REUSEADDR and they are not exclusive. So does a
 * forward or uplink of the same key. Returns the entry index, or -EADDRINUSE
 * with *holder (may be NULL) = an entry in the way, or POOL_NONE; -ENOSPC.
 */
int64_t port_bind(struct port_table *t, const struct port_claim *claim,
		  uint32_t *holder);
/* Listening or receiving: from now on look-ups find it. For TCP -EADDRINUSE
   when another listener appeared on it meanwhile. */
int port_accepting(struct port_table *t, uint32_t entry, bool accepting);
/* Changes the socket's reuse flags after bind, as setsockopt may. */
void port_claim_reuse(struct port_table *t, uint32_t entry, bool reuse_addr,
		      bool reuse_port);

/* --- right.c: who may bind there ----------------------------------------- */

/*
 * What the entries of kind RIGHT say to such a claim of its uid: the best that
 * names this uid or anybody decides, by the order of minato.h; `otherwise`
 * where none does.
 */
bool port_right(const struct port_table *t, const struct port_claim *claim,
		struct minato_time now, bool otherwise);

/* --- rulematch.c: rules of the policy ------------------------------------ */

struct rule_verdict {
	uint32_t rule; /* its word; POOL_NONE: none matches */
	enum minato_verdict verdict;
	bool asks;
	bool limited; /* beyond its rate */
};
/* Private: one flow on its way through the rules (rulematch.c). */
struct rule_words { /* an address */
	uint64_t high, low;
};
struct rule_cluster { /* a line of a filter: see below */
	uint32_t line;
	uint32_t shift; /* what the numbers of its nodes are mixed with */
};
struct rule_candidate {
	uint32_t facet;
	uint32_t group; /* its home at first; POOL_NONE: there is none */
	uint8_t local_prefix, remote_prefix;
	bool found; /* the group, or that there is none */
};
#define RULE_BYTES 16u	   /* of an address; the last one has length 128 too */
#define RULE_CANDIDATES 8u /* put off at once */
struct rule_asking {
	struct port_table *t;
	const struct port_key *key;
	struct port_probe *probe; /* of a batch */
	struct rule_words word[2];
	uint64_t has[2][3]; /* lengths of which there may be prefixes */
	uint64_t order;	    /* of the best one; UINT64_MAX: none yet */
	uint32_t rule;	    /* its word */
	uint32_t candidates;
	uint16_t port;
	bool crosses; /* what it meets is to be noted where it does */
	struct rule_cluster cluster[2][RULE_BYTES]; /* of bytes in use */
	struct rule_candidate candidate[RULE_CANDIDATES];
};
#define PORT_ASKINGS 32u
struct port_askings {
	size_t count;
	struct rule_asking of[PORT_ASKINGS];
};
/* After port_seek, of those that open a flow: which rule they meet. It is
   looked for again where rules have changed since. */
void port_rules_seek(struct port_table *t, struct port_probe *probes,
		     const bool *opens, size_t count);
/* Both, of at most 32 probes: a SYN's rules are fetched beside its tuple. Of a
   flow that seems to be there already no rule is asked. What there is of rules
   is far away; the caller has other things to fetch before it comes nearer, and
   before it settles them. */
void port_seek_opening(struct port_table *t, struct port_probe *probes,
		       const bool *opens, size_t count,
		       struct port_askings *askings);
void port_rules_near(struct port_askings *askings);
void port_rules_settle(struct port_table *t, struct port_askings *askings);
/* Whether any is about flows of this scope, face, course and no program. */
bool port_rules_bear(const struct port_table *t, const struct port_key *key);
/* What they alone say to a new flow; `peek`: nothing is counted or spent. At
   one time the same flow is judged once. */
void port_rules_ask(struct port_table *t, const struct port_key *key,
		    struct minato_time now, bool peek,
		    struct rule_verdict *out);
/* Of a rule that a verdict or fate names; POOL_NONE: of none. */
uint32_t port_rule_entry(const struct port_table *t, uint32_t rule);

/* A flow that a rule or wall with `log` decided. */
struct port_rule_event {
	struct port_key key;
	struct minato_time now;
	enum minato_verdict verdict;
	bool limited;		    /* beyond the rule's rate */
	uint32_t entry, generation; /* of the rule; it may be gone */
};
/* The oldest that nobody has taken yet; false: there is none. 256 wait; what
   comes then is left out and counted. */
bool port_rule_event(struct port_table *t, struct port_rule_event *out);
/* A packet was refused before it was looked up: a wall that it would have met
   tells of it, if it tells; of a protocol without ports nobody's event does. */
void port_wall_note(struct port_table *t, const struct port_key *key,
		    struct minato_time now);
/* ruleset.c: the next policy is in force, and the other one is the next. */
void port_rules_turn(struct port_table *t);
uint64_t port_rule_events_lost(const struct port_table *t);

/* --- explain.c ------------------------------------------------------------ */

struct port_finding {
	uint8_t step; /* enum minato_step_kind */
	bool found, asks, limited;
	enum minato_verdict verdict;
	uint32_t entry; /* or POOL_NONE */
	struct port_tuple_ref tuple; /* of a flow that was found */
};
#define PORT_FINDINGS 4u
/* The steps that port_lookup would take for a new flow, without a trace in the
   table; returns how many. The last decides. */
size_t port_explain(struct port_table *t, const struct port_key *key,
		    struct minato_time now,
		    struct port_finding out[PORT_FINDINGS]);
/* The same in short, of one that is no flow yet: whether guards and rules let
   it begin; and what stands there then, or POOL_NONE; `behind`: that is a guard
   which shuts out what nothing else takes. */
bool port_would_begin(struct port_table *t, const struct port_key *key,
		      struct minato_time now, uint32_t *entry, bool *behind);

/* --- entry.c: general entries -------------------------------------------- */

/*
 * Errors as minato_entry_add. Returns the entry index. Ports 0..0 are any, as
 * 0..65535. Prefixes are masked; -EINVAL for an address with prefix length 0,
 * for first > last, a target range beyond 65535, a number that no enum or
 * limit knows. `target.port` 0 keeps the port. An entry whose time has passed
 * still holds its key until it is removed.
 */
int64_t port_add(struct port_table *t, const struct minato_entry *entry,
		 uint32_t *holder);
void port_remove(struct port_table *t, uint32_t entry); /* claims too */
void port_get(const struct port_table *t, uint32_t entry,
	      struct minato_entry *out);
/* -EINVAL: the entry is no rule, or no rule may have this order. */
int port_order(struct port_table *t, uint32_t entry, uint64_t order);
/* In the next policy; 0: it is none of that. -ENOSPC too. */
int port_order_next(struct port_table *t, uint32_t entry, uint64_t order);
/* True for an index that stands for an entry now; any index may be asked. */
bool port_entry_live(const struct port_table *t, uint32_t entry);
uint64_t port_entry_hits(const struct port_table *t, uint32_t entry);
uint64_t port_entry_user(const struct port_table *t, uint32_t entry);
/* A number of the caller's on an entry that is no claim; 0 at first. */
uint32_t port_entry_owner(const struct port_table *t, uint32_t entry);
void port_entry_set_owner(struct port_table *t, uint32_t entry, uint32_t owner);
/* One more, of a forward or dmz. */
uint32_t port_entry_kept(const struct port_table *t, uint32_t entry);
void port_entry_set_kept(struct port_table *t, uint32_t entry, uint32_t kept);
/* Another one, for when it began; likewise. */
uint32_t port_entry_since(const struct port_table *t, uint32_t entry);
void port_entry_set_since(struct port_table *t, uint32_t entry, uint32_t since);
/* Changes each time the index is taken or given back; any index below the
   limit may be asked. */
uint32_t port_entry_generation(const struct port_table *t, uint32_t entry);
/* Next live general entry at or after `from`, or POOL_NONE. */
uint32_t port_entry_next(const struct port_table *t, uint32_t from);
/* True when this entry is a claim, a socket's or a lease; writes it. */
bool port_entry_claim(const struct port_table *t, uint32_t entry,
		      struct port_claim *out);

/* --- choose.c: a free port ----------------------------------------------- */

struct port_choice {
	uint8_t scope, proto;
	struct minato_addr local;
	const struct minato_endpoint *remote; /* NULL: for any destination */
	uint16_t low, high;		      /* 0, 0: 1024..65535 */
	/* A claim will stand on it: not even shared with other destinations. */
	bool alone;
	/* Its segments will bear another clock, which proves nothing to who
	   remembers ours (RFC 6191): what yields does not yield to it. */
	bool other_clock;
	/* For port_vacant: a mapping of this key was sought by port_seek, and
	   is not looked for again. NULL: none was. */
	const struct port_probe *mapping;
};
/*
 * A port for a new flow towards `remote`, or for a claim: one that no claim,
 * lease, forward or reservation meets and whose tuple towards `remote` is free
 * (for any destination: that no tuple uses). By the table's chooser; where
 * that finds none, uniform among the free ones; so 0 only when truly none is
 * left, rests included. Tens of nanoseconds at any occupancy, but for
 *  - the first choice behind a change of ranges (their union is made again),
 *  - one millisecond when a destination gets its view, below,
 *  - ports that are held at other addresses of ours alone, or, for any
 *    destination, used there: these go last, uniformly, in microseconds, and by
 *    a look at each port, at most a millisecond, where few are left.
 *
 * The default, MINATO_CHOOSER_PERMUTATION, goes through the range once in an
 * order that the host's secret, the destination and the number of the round
 * decide, and then again in another: nobody without the secret knows the next
 * port, none comes twice in a round, and nothing is shared between
 * destinations. At three used ports in a row the choice is uniform among the
 * free ones instead, by the destination's view.
 *
 * What is remembered of a destination (its place in the round: ~100 bytes) is
 * made by the first choice for it. PORT_DESTINATIONS are kept, by clock: one
 * not chosen for gives way, and its next round begins anew. PORT_VIEWS of them
 * have a view, 9.2 KB: who holds so much of the range that three in a row were
 * used (half will have one at 9 %); a new one takes the place only of one idle
 * for long. Without a view the choice is as right, by draws and at worst by a
 * walk over the range.
 */
uint16_t port_choose(struct port_table *t, const struct port_choice *choice);
void port_set_chooser(struct port_table *t, enum minato_chooser chooser);
/*
 * Whether a mapping may have this port of this one address: nothing holds it
 * there, neither an entry nor a tuple that is not quiet, at rest or not. Rights
 * and guards are not asked.
 */
bool port_vacant(struct port_table *t, const struct port_choice *choice,
		 uint16_t port);
/* The same for a mapping that had it before: a range may stand over it. */
bool port_unheld(struct port_table *t, const struct port_choice *choice,
		 uint16_t port);
/* Whether a range stands over it there. */
bool port_ranged(struct port_table *t, const struct port_choice *choice,
		 uint16_t port);
/* Fetches what port_vacant, and a mapping there, will want. */
void port_fetch_vacant(const struct port_table *t,
		       const struct port_choice *choice, uint16_t port);
/* Changes whenever a port of some scope may have become vacant. */
uint64_t port_releases(const struct port_table *t);

/* --- quarantine.c: freed ports at rest ----------------------------------- */

/*
 * Instead of removing it: a tuple, or the entry of a claim, that is freed but
 * must not be chosen again before `until`, later than any before. Look-ups pass
 * over it, a bind or an insert of the same key takes its place; choices take
 * the oldest such that helps when nothing else is free. When rests_max rest,
 * the oldest of all ends.
 */
void port_tuple_rest(struct port_table *t, uint32_t tuple,
		     struct minato_time until);
void port_claim_rest(struct port_table *t, uint32_t entry,
		     struct minato_time until);
void port_rest_expire(struct port_table *t, struct minato_time now);
uint32_t port_rest_count(const struct port_table *t); /* linear */

/* --- recall.c: whom we have asked lately ---------------------------------- */

/* From ports below go answers, which may come late, when the port that asked is
   closed; what asks comes from above. Only those are remembered. */
#define PORT_ASKING_MIN 32768u
/* What came before is not known. */
void port_recall_begin(struct port_table *t, struct minato_time now);
/*
 * A flow of TCP or datagrams that our side began has ended; or (_port) a socket
 * of datagrams to any remote. `key` is that of a packet that would answer it.
 */
void port_recall_note(struct port_table *t, const struct port_key *key,
		      struct minato_time now);
void port_recall_note_port(struct port_table *t, uint16_t local_port,
			   struct minato_time now);
/* Whether a packet of this key, which nothing is there for, may be an answer to
   what was asked. True also where that cannot be known. */
bool port_recall_asked(struct port_table *t, const struct port_key *key,
		       struct minato_time now);

/* --- bitmap.c: the counted bitmap of free ports -------------------------- */

/* 65,536 bits, 1,024 word counts, 16 group counts: 9.2 KB. Zeroed = all used;
   bitmap_init makes all free. */
struct bitmap {
	uint64_t word[1024];
	uint8_t count[1024]; /* free bits in the word */
	uint16_t group[16];  /* free bits in 64 words; 4096 at most */
	uint32_t total;
};
void bitmap_init(struct bitmap *b);
/* Those of which the bit is set are free. */
void bitmap_from(struct bitmap *b, const uint64_t *words);
void bitmap_take(struct bitmap *b, uint16_t port);
void bitmap_give(struct bitmap *b, uint16_t port);
static inline bool bitmap_free(const struct bitmap *b, uint16_t port)
{
	return (b->word[port >> 6] >> (port & 63) & 1) != 0;
}
/* Free ports in [low, high]. */
uint32_t bitmap_count(const struct bitmap *b, uint16_t low, uint16_t high);
/* The k-th (from 0) free port at or above `low`; k < count. */
uint16_t bitmap_select(const struct bitmap *b, uint16_t low, uint32_t k);

/* --- interval.c: ranges of ports ----------------------------------------- */

/*
 * A balanced (AVL) tree ordered by first, last and node number, in which each
 * node knows the highest `last` and the greatest weight below it: all n ranges
 * that contain a port are found in O(log n) each, the heaviest of those that
 * begin before a port in O(log n). Nodes are numbers into an array of the
 * caller's.
 */
struct interval {
	uint32_t left, right; /* or POOL_NONE */
	uint64_t weight;      /* the caller's, as are first and last */
	uint64_t heaviest;    /* of this subtree */
	uint16_t first, last;
	uint16_t reach; /* highest last of this subtree */
	uint8_t height;
};
void interval_insert(struct interval *nodes, uint32_t *root, uint32_t node);
void interval_remove(struct interval *nodes, uint32_t *root, uint32_t node);

#define INTERVAL_HEIGHT_MAX 48
/* Walks the ranges that meet [low, high], in order. Borrows the nodes. */
struct interval_walk {
	const struct interval *nodes;
	uint16_t low, high;
	uint32_t depth;
	uint32_t stack[INTERVAL_HEIGHT_MAX];
};
void interval_start(struct interval_walk *w, const struct interval *nodes,
		    uint32_t root, uint16_t low, uint16_t high);
uint32_t interval_next(struct interval_walk *w); /* POOL_NONE at the end */
/* Of the ranges that begin at or before `limit` one that weighs most; POOL_NONE
   when none does, or all weigh 0. O(log n). */
uint32_t interval_heaviest(const struct interval *nodes, uint32_t root,
			   uint16_t limit);
/* A node of just this range, or POOL_NONE. O(log n). */
uint32_t interval_find(const struct interval *nodes, uint32_t root,
		       uint16_t first, uint16_t last);

/* ------------------------------------------------------------------------
 * Internal: shared by the files of this folder and by their tests.
 */

#define PORT_PROTOS 3u /* TCP, UDP, ICMP */
#define RULE_PROTOS 4u /* and what has no ports */
#define PORT_SPACES ((PORT_SCOPES + 1) * PORT_PROTOS)
#define PORT_NUMBERS 65536u

/* Look-ups match the first three sets, each by itself. */
enum port_set {
	PORT_GENERAL,
	PORT_GUARDS,
	PORT_ROUTES,
	PORT_RESERVED,
	PORT_RIGHTS,
	PORT_RULES, /* a structure of their own: ruleset.c */
	PORT_SETS
};
#define PORT_MATCHED_SETS 3u

/* What one scope and protocol has. The last scope is "any". */
struct port_space {
	/* The ranges that choices and rights look at: all but guards and single
	   ports of a scope. */
	uint32_t root[PORT_SETS];
	uint32_t count[PORT_SETS]; /* entries */
	uint32_t associations;
	bool opened; /* its ledger is made */
};
struct port_entry;
#define PORT_LEDGERS (PORT_SCOPES * PORT_PROTOS) /* scope any has none */

/* permute.c: a keyed permutation of [0, size), size 1..65535. */
struct permutation {
	struct hash_key key;
	uint32_t size, high_bits, low_bits;
};
void permute_init(struct permutation *p, const struct hash_key *key,
		  uint32_t size);
uint32_t permute(const struct permutation *p, uint32_t place);

/* rfc6056.c: the algorithms of its section 3.3. */
#define RFC6056_CELLS 256u /* TABLE_LENGTH of algorithm 4 */
struct rfc6056 {
	struct hash_key offset_key, cell_key; /* of F and G */
	uint32_t next, incremented;   /* next_ephemeral of 3, and of 5 */
	uint32_t cell[RFC6056_CELLS]; /* table[] */
};
void rfc6056_init(struct rfc6056 *r, struct random *random,
		  const struct hash_key *key);

/* destination.c */
#define PORT_DESTINATIONS 4096u
#define PORT_VIEWS 64u
struct destination_key {
	struct minato_addr local, remote;
	uint16_t remote_port; /* ICMP: 0 */
	uint8_t scope, slot;
};
struct port_destination {
	alignas(8) uint32_t next; /* in its bucket, + 1; the pool's word */
	uint32_t view;		  /* + 1, or 0 */
	uint32_t place;		  /* of the walk */
	uint16_t low, high;	  /* what it goes over */
	bool used;		  /* since the hand passed */
	uint64_t rests_from;	  /* before it the ring has none of its own */
	struct destination_key key;
	struct permutation permutation;
};
struct port_view {
	/* Open, and without a tuple there but such as yield; without any. */
	struct bitmap free[2];
	uint32_t destination; /* + 1, or 0 */
	uint8_t patience;
};
/* Made if it is not there. Local port 0 or not: it is left out. */
uint32_t destination_get(struct port_table *t, const struct port_key *key);
struct port_destination *destination_at(const struct port_table *t,
					uint32_t index);
/* The next port of its walk. */
uint16_t destination_step(struct port_table *t, uint32_t index, uint16_t low,
			  uint16_t high);
/* Whether a tuple stands on the port towards it; `strict`: if it yields too. */
bool destination_has(const struct port_table *t, uint32_t index, uint16_t port,
		     bool strict);
/* Whether this is the key of a tuple towards it. */
bool destination_is(const struct port_table *t, uint32_t index,
		    const struct port_key *key);
/* Its view; NULL when it has none and none is made or to be had. */
const struct bitmap *destination_view(struct port_table *t, uint32_t index,
				      bool make, bool strict);
/* What others do to views: a tuple came (that yields) or went, a port is held
   or no more, all of a space are out of date. */
void destination_note(struct port_table *t, const struct port_key *key,
		      bool stands, bool yields);
void destination_shut(struct port_table *t, uint32_t space, uint16_t port);
void destination_reopen(struct port_table *t, uint32_t space, uint16_t port);
void destination_forget_views(struct port_table *t, uint32_t space);

/* quarantine.c */
struct port_rest {
	int64_t until_ns;
	uint32_t place; /* tuple, or entry; POOL_NONE: ended before its time */
	bool entry;
};
struct port_search;
/* The tuple of this slot of the ring goes. */
void quarantine_ended(struct port_table *t, uint32_t slot);
/* Ends the oldest rest that keeps a port from the search's destination;
   returns that port, or 0. */
uint16_t quarantine_oldest(const struct port_search *s);
/* Ends the oldest at or after the position `at` that may keep a port of the
   range, and goes on behind it. False: none. */
bool quarantine_end_one(const struct port_search *s, uint64_t *at);

/* ledger.c */
struct port_ledger {
	struct bitmap unused, open;
	uint64_t ranged[PORT_NUMBERS / 64];
	uint32_t range_changes; /* of the table, when `ranged` was made */
};
/* As it is; and with its ranges up to date. */
struct port_ledger *ledger_at(struct port_table *t, uint32_t space);
struct port_ledger *ledger_synced(struct port_table *t, uint32_t space);
/* A tuple on the port; a single entry that holds it, of IPv6 alone or not. */
void ledger_use(struct port_table *t, uint32_t space, uint16_t port);
void ledger_unuse(struct port_table *t, uint32_t space, uint16_t port);
void ledger_hold(struct port_table *t, uint32_t space, uint16_t port,
		 bool six_only);
void ledger_release(struct port_table *t, uint32_t space, uint16_t port,
		    bool six_only);
/* Fetches what these three touch. */
void ledger_fetch(const struct port_table *t, uint32_t space, uint16_t port);
/* Whether a single entry holds it, at some address of IPv4 or at any at all. */
bool ledger_held(const struct port_table *t, uint32_t space, uint16_t port,
		 bool four);
/* How many hold it, mappings among them. */
uint32_t ledger_holds(const struct port_table *t, uint32_t space,
		      uint16_t port);
bool ledger_has_tuples(const struct port_table *t, uint32_t space,
		       uint16_t port);
/* Bits of the ports in ranges that keep them from choice; `own`: in those that
   meet its address. */
void ledger_ranges(const struct port_table *t, uint32_t space,
		   const struct port_entry *own, uint64_t *bits);

/* crowd.c: the tuples of one family on one port. */
struct port_crowd {
	uint32_t count;
	uint32_t exclusive;
	uint32_t local; /* a hash of the address that all have, or: */
	uint32_t mappings; /* beside them */
};
#define PORT_CROWD_MIXED 0u
/* Of those at one address, where they are at several. */
struct port_part {
	uint32_t next; /* in its bucket, + 1; the pool's word */
	uint32_t crowd, mark;
	uint32_t count, exclusive, resting;
};
uint32_t crowd_bucket_count(uint32_t tuples_max); /* a power of two */
/* Fetches what crowd_enter needs. */
void crowd_fetch(const struct port_table *t, const struct port_key *key);
/* A tuple with this key comes, or goes; no association. */
void crowd_enter(struct port_table *t, const struct port_key *key,
		 const struct port_tuple_ref *ref);
void crowd_leave(struct port_table *t, const struct port_key *key,
		 const struct port_tuple_ref *ref);
/*
 * Whether a tuple on `port` (an exclusive one) that does not rest stands at an
 * address of `e`: a wildcard, or one address. A hash stands for an address:
 * with a chance of 2^-31 another one is taken for it, and the port is refused.
 */
bool crowd_meets(const struct port_table *t, const struct port_entry *e,
		 uint16_t port, bool exclusive);
/* Whether any stands there, at rest or not. */
bool crowd_stands(const struct port_table *t, const struct port_entry *e,
		  uint16_t port);
/* Leaves of these ports, as bits, those on which one does. */
void crowd_ports(const struct port_table *t, const struct port_entry *e,
		 uint64_t *bits);
/* A mapping comes or goes; how many there are on the port; and whether one has
   it at an address of `e`, of those two kinds. */
void crowd_map(struct port_table *t, const struct port_key *key, bool stands);
uint32_t crowd_mappings(const struct port_table *t, uint32_t space,
			uint16_t port);
bool crowd_mapped(const struct port_table *t, const struct port_entry *e,
		  uint16_t port);

/* cell.c: what stands in one place, found by what it is about. */
enum cell_kind {
	CELL_LOCAL,  /* a local prefix: how many entries have it */
	CELL_GROUP,  /* what a look-up or an equal key finds at once */
	CELL_PLACE,  /* what is held at one address, or wildcard, on a port */
	CELL_FAMILY, /* ... at all single addresses of a family */
	CELL_CREW,   /* a REUSEPORT group */
	CELL_SLOT,   /* one of its slots */
};
/* What a cell is about, beside the remote prefix; zero where it has no say. */
struct cell_what {
	struct minato_addr local; /* masked, as all addresses */
	uint32_t uid;
	uint16_t block; /* the port, without its last `level` bits */
	uint16_t tier;
	uint8_t kind, space, set;
	uint8_t remote_prefix, face, level;
	bool faced;
	bool users; /* of `uid` alone */
};
struct cell_key {
	struct cell_what what;
	struct minato_addr remote; /* of a group */
};
/* place.c: claims by what they bar. */
struct place_counts {
	uint32_t head; /* a list of all here, the newest first, + 1 */
	uint32_t exclusive, hard, soft;
	uint32_t listening; /* of all these */
};
/* crew.c: a group, and its slots. */
struct crew {
	uint32_t size;	   /* slots, those given up too */
	uint32_t given_up; /* of them; the last one: */
	uint32_t last_given_up;
};
struct crew_slot {
	uint32_t entry;	 /* the member's, + 1; 0: given up */
	uint32_t before; /* the slot given up before, if there is one */
	uint32_t left;	 /* members after it was; */
	uint32_t heir;	 /* which slot took its place then */
	uint32_t place;	 /* of this slot among the members, and */
	uint32_t holder; /* which slot has the place of this number */
};
struct port_cell {
	uint32_t next;	/* in its bucket, + 1; the pool's word */
	uint32_t count; /* who stands in it; without any it is given back */
	struct cell_what what;
	union {
		struct {
			struct minato_addr remote;
			/* Of level 0: the entry that is no claim, and the
			   claims that accept; else the ranges by their
			   beginnings, and by their ends. */
			uint32_t root[2];
		} group;
		struct place_counts place;
		struct crew crew;
		struct crew_slot slot;
	};
};
/* In the worst case an entry has so many to itself. */
#define PORT_CELLS_OF_ENTRY 9u
uint32_t cell_count_max(uint32_t entries_max);
size_t cell_bucket_count(uint32_t entries_max);
void cell_init(struct port_table *t);
struct port_cell *cell_find(struct port_table *t, const struct cell_key *key);
/* The same, made if it is not there; the caller counts itself. */
struct port_cell *cell_get(struct port_table *t, const struct cell_key *key);
void cell_release(struct port_table *t, struct port_cell *cell);
uint32_t cell_number(const struct port_table *t, const struct port_cell *cell);

/* match.c: which general entry a packet meets. Tiers by rank, the defaults of
   their scope below all others: */
#define TIER_DEFAULT(length) (length)
#define TIER_ANY 129u
#define TIER_ANY_V6ONLY 130u
#define TIER_OF_PREFIX(length) (130u + (length)) /* 1..128 */
#define TIER_ANY4 TIER_OF_PREFIX(96u)
#define PORT_TIERS 259u
#define PORT_TIER_WORDS 5u
struct port_shape {
	uint32_t next; /* in its tier, + 1; the pool's word */
	uint32_t count;
	uint8_t remote_prefix, level;
	bool faced;
	uint8_t zero[5];
};
/* Of a space and set. */
struct port_tiers {
	/* Which tiers have entries that a packet of IPv4, of IPv6 may meet. */
	uint64_t here[2][PORT_TIER_WORDS];
	uint32_t count[2][PORT_TIERS];
	uint32_t shapes[PORT_TIERS]; /* the first, + 1 */
};
uint32_t match_tier(const struct port_entry *e);
uint32_t match_tier_prefix(uint32_t tier);
/* Whether it is for some address of IPv4; of IPv6. */
bool match_reaches(const struct port_entry *e, bool six);
/* Those of general entries. */
void match_tiers(const struct port_table *t, uint32_t space, bool six,
		 uint64_t *tiers);
/* The four tree nodes of an entry. */
struct interval *match_nodes(const struct port_table *t, uint32_t entry);
/* An entry comes or goes: a claim when it begins or ceases to accept. */
void match_enter(struct port_table *t, uint32_t space, uint32_t entry,
		 uint32_t link);
void match_leave(struct port_table *t, uint32_t space, uint32_t entry,
		 uint32_t link);
/* One that is no claim with the same set, scope, protocol and key. */
uint32_t match_same(struct port_table *t, uint32_t space,
		    const struct port_entry *e);
/* The best of a set, in the key's scope and in scope any; of a REUSEPORT group
   its oldest. */
uint32_t match_best(struct port_table *t, enum port_set set,
		    const struct port_key *key, struct minato_time now);

/*
 * ruleset.c: the rules of the policy. See there for how they stand.
 */
#define RULE_POLICIES 2u
struct port_rule {
	uint64_t until_ns;
	uint64_t full_ns; /* of a rate of all together: when its allowance
			     would be spent, were none given back */
	uint32_t rate_count, rate_span_s;
	uint32_t generation; /* of its entry */
	uint16_t program;
	uint8_t course, rate_verdict;
	uint8_t stands; /* bit n: in policy n */
	bool rate_each, log;
	bool lapsed; /* its time has passed: it stands nowhere any more */
};
/* Where a rule stands, and how often it was met. No verdict waits for it. */
struct rule_tally {
	uint64_t order[RULE_POLICIES]; /* 0: it is none of that policy */
	uint64_t hits; /* but for those that are owed yet */
	uint32_t entry;
	uint32_t word;
};
/* A rule's word: its number, its verdict, and whether that is all that there is
   to it. So the verdict is known where the rule is found. */
#define RULE_NUMBER (PORT_RULES_MAX - 1)
#define RULE_VERDICT_SHIFT 24
#define RULE_PLAIN (1u << 26) /* neither a time, nor a rate, nor a log */
/* One of a group, as far as its group asks. */
struct rule_place {
	uint64_t order;
	uint32_t word;
	uint16_t first, last;
};
#define RULES_OF_LINE 4u
#define RULE_LINES 4u
#define RULES_LISTED (RULES_OF_LINE * RULE_LINES)
struct rule_line {
	alignas(64) struct rule_place place[RULES_OF_LINE];
};
enum rule_form { RULES_ONE, RULES_LIST, RULES_TREES };
/* Those that differ in ports alone. */
struct rule_group {
	alignas(64) uint32_t next; /* of the same home, + 1; the pool's word */
	uint32_t count; /* 0: nobody's home */
	uint32_t facet;
	uint8_t local_prefix, remote_prefix, form;
	struct rule_words local, remote; /* masked */
	union {
		struct rule_place one;
		uint32_t line[RULE_LINES];
		struct {
			uint32_t levels; /* bit n: some block is of 2^n ports */
			uint32_t map;	 /* + 1; 0: none is to be had */
			uint64_t lowest; /* of all that have been here */
		} trees;
	};
};
_Static_assert(sizeof(struct rule_group) == 64, "a line");
struct rule_block {
	alignas(8) uint32_t next; /* in its bucket, + 1; the pool's word */
	uint32_t count, group;
	uint16_t block;
	uint8_t level;
	uint32_t root[2]; /* by their beginnings, and by their ends */
};
#define RULE_PAIRS 16u
/* What a rule is about beside addresses and ports. */
struct rule_facet {
	alignas(64) uint32_t next; /* in its bucket, + 1; the pool's word */
	uint32_t count;
	uint64_t key;
	uint64_t lowest; /* no rule that stands here has a lower order */
	uint32_t rows;	 /* the first, + 1 */
	uint32_t pairs;	 /* of lengths; as long as they fit, they are here: */
	struct rule_lengths {
		uint8_t local, remote;
	} pair[RULE_PAIRS]; /* in their order */
};
_Static_assert(sizeof(struct rule_facet) == 64, "a line");
/* The lengths of remote prefixes beside one of local ones. */
struct rule_row {
	alignas(8) uint32_t next; /* the pool's word */
	uint32_t count;
	uint64_t remotes[3];
	uint32_t pairs; /* the first, + 1 */
	uint8_t local_prefix;
};
struct rule_pair {
	alignas(8) uint32_t next; /* the pool's word */
	uint32_t count;
	uint8_t remote_prefix;
};
/* Which prefixes of one side there are: bits of a filter, and how often each
   was set. */
struct rule_side {
	uint64_t here[2][3]; /* lengths in IPv4, in IPv6 */
	uint32_t bytes[2];   /* in which these end, but for length 0 */
	uint32_t count[2][129];
	size_t words_at, counts_at;
};
/* What flows meet that cross the rules at one place (rulecross.c). */
struct rule_crossing {
	alignas(64) struct rule_words local; /* masked */
	struct rule_words remote;
	uint64_t changes; /* of rules at that time; 0: nothing is noted */
	uint64_t order;
	uint32_t rule; /* its word, or POOL_NONE */
	uint16_t port; /* the edge that its own is behind */
	uint16_t program;
	uint8_t local_prefix, remote_prefix, scope, face, slot, course;
};
_Static_assert(sizeof(struct rule_crossing) == 64, "a line");
#define RULE_COMBINATIONS 16u
/* Who asked last, and what he heard: one flow's first packet may be looked up
   more than once. */
struct rule_memo {
	struct port_key key;
	int64_t now_ns;
	uint64_t changes;
	struct rule_verdict verdict;
	bool valid;
};
#define RULE_EVENTS 256u
#define RULES_OWED 8u /* 2^n */
struct port_rules {
	struct pool rules, strays, lines, blocks, facets, rows, pairs;
	uint32_t policy; /* the one in force */
	uint32_t count;
	uint32_t standings; /* of both policies */
	uint32_t groups; /* at home or astray */
	uint64_t changes;
	/* How many rules have each combination of scope, face, course and
	   program; by protocol. */
	uint32_t combinations[RULE_PROTOS][RULE_COMBINATIONS];
	uint32_t used[RULE_PROTOS]; /* which of them */
	struct rule_side side[2];   /* local, remote */
	uint32_t filter_mask; /* of its lines: 2^n - 1 */
	uint32_t homes, block_buckets, facet_buckets; /* 2^n - 1 */
	uint32_t maps_max, maps_fresh, maps_free;
	uint32_t allowances; /* 2^n */
	uint32_t crossings;  /* 2^n - 1 */
	uint32_t crossing_turn;
	uint64_t crossed; /* answers that were there, ever */
	/* Where a rule's ports begin, and behind their ends; of rules that went
	   too, until all are gone. In which of those words are some. */
	uint64_t edge[PORT_NUMBERS / 64], edge_words[PORT_NUMBERS / 64 / 64];
	struct rule_memo memo;
	uint32_t owed[RULES_OWED]; /* a hit each, to the number + 1; or 0 */
	uint32_t owed_at;
	uint64_t shared; /* allowances that a newcomer took over, ever */
	uint32_t event_first, event_count;
	uint64_t events_lost;
	struct port_rule_event event[RULE_EVENTS];
	size_t homes_at, block_buckets_at, facet_buckets_at;
	size_t tallies_at, nodes_at, maps_at, allowances_at, crossings_at;
};
#define RULE_MAP_NONE UINT32_MAX
#define RULE_NODES 16u /* of a rule: 2 policies, protocols, facets, trees */
/* What a rule at most has of groups, rows and the like in one policy. */
#define RULE_LINKS 4u
struct rules_layout {
	size_t rules, tallies, strays, lines, blocks, facets, rows, pairs;
	size_t homes, block_buckets, facet_buckets;
	size_t words[2], counts[2], nodes, maps, allowances, crossings, end;
};
/* Reserves what they need behind `end`. */
void ruleset_lay_out(struct rules_layout *l, size_t *end, uint32_t rules_max);
void ruleset_init(struct port_table *t, const struct rules_layout *l);
/* Of rules, and of what they have in both policies together, rules_max are. */
bool ruleset_has_room(const struct port_table *t);
/* A rule for the entry, from what the caller wants; there is room for it. It
   goes with the entry. */
void ruleset_add(struct port_table *t, uint32_t entry,
		 const struct minato_entry *in);
void ruleset_remove(struct port_table *t, uint32_t entry);
/* It takes another place among the rules of that policy, with its hits and
   allowances; order 0: none. 0 or -ENOSPC. */
int ruleset_order(struct port_table *t, uint32_t entry, uint32_t policy,
		  uint64_t order);
uint64_t ruleset_hits(const struct port_table *t, uint32_t entry);
void ruleset_get(const struct port_table *t, uint32_t entry,
		 struct minato_entry *out);
/* Its time has passed: it matches nothing any more. */
void ruleset_lapse(struct port_table *t, uint32_t rule);
static inline struct port_rule *ruleset_rule(const struct port_table *t,
					     uint32_t rule);
/* By its number, or its word. */
static inline struct rule_tally *ruleset_tally(const struct port_table *t,
					       uint32_t rule);
/* Of an address, in host order; and cut to `length` bits. */
struct rule_words ruleset_words(const struct minato_addr *a);
uint64_t ruleset_facet_key(uint32_t policy, uint32_t slot, uint32_t combination,
			   const struct port_key *key);
struct rule_facet *ruleset_facet(const struct port_table *t, uint64_t key);
struct interval *ruleset_nodes(const struct port_table *t);
/* One of the up to four groups that a rule is in in one policy: by protocol,
   and once more for the facet of UNKNOWN. */
struct rule_standing {
	uint32_t rule, policy, link;
	struct rule_place place;
	struct rule_words local, remote;
	uint8_t local_prefix, remote_prefix;
};
/* That by which a rule stands in a group of the facet. */
struct rule_standing ruleset_standing_in(const struct port_table *t,
					 uint32_t rule, uint32_t facet);

/* rulegroup.c: a standing begins, and ends. */
void rulegroup_enter(struct port_table *t, uint32_t facet,
		     const struct rule_standing *s);
void rulegroup_leave(struct port_table *t, uint32_t facet,
		     const struct rule_standing *s);
/* The home of the group of these prefixes; lengths: local << 8 | remote. */
uint32_t rulegroup_home(const struct port_table *t, uint32_t facet,
			uint32_t lengths, struct rule_words local,
			struct rule_words remote);
/* Homes have the first numbers, strays those behind. */
static inline struct rule_group *rulegroup_at(const struct port_table *t,
					      uint32_t group);
struct rule_block *rulegroup_block(const struct port_table *t, uint32_t group,
				 uint32_t level, uint32_t block);
/* A map for a group of trees, if one is to be had: it is asked. */
void rulegroup_map_make(struct port_table *t, uint32_t group);
/* Answers by port: a rule's word + 1, RULE_MAP_NOBODY, or 0, not known. */
uint32_t *rulegroup_map(const struct port_table *t, uint32_t map);
/* Beside them the orders of those rules. */
uint64_t *rulegroup_map_orders(const struct port_table *t, uint32_t map);
#define RULE_MAP_NOBODY UINT32_MAX

/* rulecross.c: answers by places, of flows that may meet many groups. */
size_t rulecross_count(uint32_t rules_max); /* 2^n */
void rulecross_edges(struct port_table *t, uint16_t first, uint16_t last);
void rulecross_forget_edges(struct port_table *t); /* no rule stands */
/* The answer of rules without a program, or (the best of those is known) with
   one: it is in *a. False: it is to be found, and then noted. */
bool rulecross_known(struct rule_asking *a, bool programs);
void rulecross_note(struct rule_asking *a, bool programs);

/* rulematch.c: an event of a rule's entry, or a wall's. */
void rulematch_note(struct port_table *t, const struct port_key *key,
		    struct minato_time now, uint32_t entry,
		    const struct rule_verdict *v);
/* Of a probe. */
void rulematch_sought(struct port_table *t, const struct port_probe *probe,
		      struct minato_time now, struct rule_verdict *out);

/* allowance.c: rates. */
struct allowance {
	uint64_t owner;	  /* a hash of rule and source; 0: free */
	uint64_t full_ns; /* as in a rule */
};
size_t allowance_count(uint32_t rules_max); /* 2^n */
/* Whether one more flow from there is within the rule's rate; takes it from
   the allowance, unless `peek`. */
bool allowance_take(struct port_table *t, uint32_t number,
		    const struct minato_addr *source, struct minato_time now,
		    bool peek);
/* The rule goes: a later one of its number begins with nothing owed. */
void allowance_forget(struct port_table *t, uint32_t number);

/* crew.c: a claim with REUSEPORT begins, or ceases, to accept. */
void crew_enter(struct port_table *t, uint32_t entry);
void crew_leave(struct port_table *t, uint32_t entry);
/* The member of this one's group to which a flow of this hash falls. */
uint32_t crew_choose(struct port_table *t, uint32_t entry, uint64_t hash);

/* place.c: who holds a port where. */
void place_enter(struct port_table *t, uint32_t space, uint32_t entry);
void place_leave(struct port_table *t, uint32_t space, uint32_t entry);
/* A claim at just the address, or wildcard, of `e`. */
uint32_t place_claim(struct port_table *t, uint32_t space,
		     const struct port_entry *e);
struct place_survey {
	bool claimed;  /* some claim meets its addresses */
	bool barred;   /* one is in its way */
	bool listened; /* another listens there, and is not of its group */
};
/* What a claim meets that does not stand there yet. */
struct place_survey place_survey(struct port_table *t, uint32_t space,
				 const struct port_entry *e);
/* Whether a claim or forward of this port alone is for the address of `own`. */
bool place_held(struct port_table *t, uint32_t space,
		const struct port_entry *own, uint16_t port);

/*
 * bucket.c: where tuples stand; IPv4 and IPv6 have a hash each. A key's home is
 * one line; when that is full its neighbour takes the key as a guest, and when
 * both are full a chain does. `strays` says of a home whether there may be such
 * a key elsewhere, so that a miss costs one line, with few exceptions. Nothing
 * is ever refused.
 */
#define LINE_LANES 28u
#define LINE_ALL ((1u << LINE_LANES) - 1)
struct port_line {
	alignas(64) uint16_t tags[LINE_LANES]; /* 0 = empty lane */
	uint32_t chain;	 /* the next line of the home's chain, or 0 */
	uint16_t strays; /* bit `tag % 16` of each key that is elsewhere, or of
			    former ones */
	uint8_t away;	 /* keys of this home that are next door */
	uint8_t near_chained; /* next door has a chain: 1, or 0 */
};
struct port_hash {
	uint32_t base;		  /* groups when this doubling began: 2^n */
	uint32_t share;		  /* lines of a group: 2, 3 */
	uint32_t done;		  /* groups below it have one more */
	uint32_t mask;		  /* base - 1 */
	/* What these have more, in 32 bits; or less, when they are two. */
	uint32_t more_share, more_mask;
	uint32_t start[4];	  /* + a group's number: its lines */
	uint32_t region[2];
	uint32_t lines, lines_max, count, pace;
	uint32_t full; /* with so many it is time to grow */
	uint32_t chains_used, chains_fresh, chains_max, chains_free;
	uint32_t record_bytes;
	size_t lines_at, rows_at, backs_at;
};

/* recall.c */
#define PORT_RECALL_KINDS 2u
struct recall_kind {
	int64_t turned_ns;
	uint32_t noted[2]; /* of each generation */
	uint32_t young;	   /* which of them */
};
struct port_recall {
	uint64_t bits; /* of a generation: 2^n */
	size_t cells_at;
	int64_t began_ns;
	struct recall_kind kind[PORT_RECALL_KINDS];
};
size_t recall_bytes(const struct port_limits *limits);
void recall_init(struct port_table *t, size_t cells_at);

/*
 * The memory, from its start; every part begins on a cache line:
 *
 *   port_table | handles | lines, rows, backs of IPv4 | those of IPv6
 *   | entries | generations | intervals | group nodes | cells | their buckets
 *   | shapes | tiers | uses | holds | holds of IPv6 | crowds | their resting
 *   | their ports | parts | their buckets | ledgers | destinations | their
 *   buckets | views | rests | cells of recall.c | what ruleset.c has
 */
struct port_table {
	struct port_limits limits;
	struct hash_key key;	   /* of choices */
	struct hash_secret secret; /* of places in the hash */
	uint64_t hash_mask; /* all ones; a test weakens the hash by it */
	struct random random;
	uint64_t sequence; /* of the newest entry */

	enum minato_chooser chooser;
	struct hash_key walk_key;
	uint64_t epoch;		/* of the newest walk */
	uint32_t range_changes; /* how often ranges came or went */
	struct rfc6056 rfc6056;
	struct pool destinations;
	uint32_t destination_last; /* the one asked for before, + 1, or 0 */
	uint32_t destination_hand, view_hand, view_count;
	uint64_t rest_head, rest_tail; /* positions; modulo rests_max */

	struct port_hash hash[2]; /* of tuples: IPv4, IPv6 */
	uint64_t spread;	  /* what scope and protocol do to a place */
	uint32_t tuple_count;
	uint32_t handles_fresh; /* handles from here on were never used */
	uint32_t handles_free;	/* a list, or POOL_NONE */
	/* Insertions and removals of tuples, ever; and as often as homes have
	   become others, 2^40 more. */
	uint64_t changes;
	uint64_t releases;   /* of ports by tuples and single entries, ever */
	struct pool entries;

	struct pool parts;
	uint32_t part_buckets;
	struct pool cells, shapes;
	uint32_t cell_buckets; /* in use, in [cell_base, 2 * cell_base) */
	uint32_t cell_base;
	uint32_t slots_given_up; /* of all groups */
	uint64_t steps; /* cells and nodes that general entries took, ever */

	size_t handles_at, generations_at;
	size_t intervals_at, group_nodes_at, cell_buckets_at, tiers_at;
	size_t uses_at, holds_at, holds_six_at, ledgers_at;
	size_t crowds_at, resting_at, crowded_at, part_buckets_at;
	size_t destination_buckets_at, views_at, rests_at;
	struct port_recall recall;
	struct port_rules rules;
	struct port_space space[PORT_SPACES];
};

#define PORT_HOMES_MOVED (UINT64_C(1) << 40) /* in `changes` */

static inline void *port_part(const struct port_table *t, size_t at)
{
	return (char *)(uintptr_t)t + at;
}
static inline struct port_rule *ruleset_rule(const struct port_table *t,
					     uint32_t rule)
{
	return pool_at(&t->rules.rules, rule);
}
static inline struct rule_tally *ruleset_tally(const struct port_table *t,
					       uint32_t rule)
{
	return (struct rule_tally *)port_part(t, t->rules.tallies_at) +
	       (rule & RULE_NUMBER);
}
static inline struct rule_group *rulegroup_at(const struct port_table *t,
					      uint32_t group)
{
	if (group > t->rules.homes)
		return pool_at(&t->rules.strays, group - t->rules.homes - 1);
	return (struct rule_group *)port_part(t, t->rules.homes_at) + group;
}
static inline struct rule_words ruleset_cut(struct rule_words w,
					    uint32_t length)
{
	if (length <= 64) {
		w.low = 0;
		w.high &= length == 0 ? 0 : UINT64_MAX << (64 - length);
	} else {
		w.low &= UINT64_MAX << (128 - length);
	}
	return w;
}
/* The home of a group: halves are of its prefixes, lengths of both: local << 8
   | remote. */
static inline hash_wide ruleset_half(const struct port_table *t, uint32_t side,
				     struct rule_words w)
{
	return hash_half(&t->secret, side, w.high, w.low);
}
static inline uint32_t ruleset_home(const struct port_table *t, uint32_t facet,
				    uint32_t lengths, hash_wide local,
				    hash_wide remote)
{
	return (uint32_t)hash_halves(&t->secret, local, remote,
				     (uint64_t)facet << 16 | lengths) &
	       t->rules.homes;
}
/*
 * The filter of a side says which prefixes may be there: two bits for each. All
 * prefixes of an address that end within one of its bytes have their bits in
 * one line, for they are nodes 1..511 of one tree: a look-up touches a line for
 * each byte in which prefixes end, and not one for each length.
 */
#define RULE_LINE_BITS 512u
static inline uint32_t ruleset_byte(uint32_t length)
{
	return length == 128 ? RULE_BYTES - 1 : length / 8;
}
static inline struct rule_cluster ruleset_cluster(const struct port_table *t,
						  uint32_t side,
						  struct rule_words w,
						  uint32_t byte)
{
	const struct rule_words cut = ruleset_cut(w, 8 * byte);
	const uint64_t word[2] = { cut.high + (side << 8 | byte), cut.low };
	const uint64_t hash = hash_pair(&t->secret, word);

	return (struct rule_cluster){
		(uint32_t)(hash >> 32) & t->rules.filter_mask, (uint32_t)hash
	};
}
/* The bits of one length there. */
static inline void ruleset_bits(struct rule_cluster c, struct rule_words w,
				uint32_t length, uint32_t bit[2])
{
	const uint32_t byte = ruleset_byte(length);
	const uint32_t depth = length - 8 * byte; /* 0..8 */
	const uint64_t half = byte < 8 ? w.high : w.low;
	const uint32_t value = (uint32_t)(half >> (56 - byte % 8 * 8)) & 0xff;
	const uint32_t node = 1u << depth | value >> (8 - depth);

	bit[0] = (node ^ c.shift) % RULE_LINE_BITS;
	bit[1] = (node * 293 ^ c.shift >> 9) % RULE_LINE_BITS;
}
static inline uint64_t *ruleset_filter(const struct port_table *t,
				       uint32_t side, uint32_t line)
{
	return (uint64_t *)port_part(t, t->rules.side[side].words_at) +
	       (size_t)line * (RULE_LINE_BITS / 64);
}
/* 1 where such a prefix may be there; 0: surely not. */
static inline uint64_t ruleset_may_be(const uint64_t *filter,
				      struct rule_cluster c,
				      struct rule_words w, uint32_t length)
{
	uint32_t bit[2];

	ruleset_bits(c, w, length, bit);
	return filter[bit[0] / 64] >> bit[0] % 64 &
	       filter[bit[1] / 64] >> bit[1] % 64 & 1;
}

/* table.c */
/* MINATO_TCP.. -> 0..2 */
static inline uint32_t port_slot(uint8_t proto)
{
	check(proto == MINATO_TCP || proto == MINATO_UDP ||
	      proto == MINATO_ICMP);
	return proto == MINATO_TCP ? 0 : proto == MINATO_UDP ? 1 : 2;
}
/* What entries for all ports say of what has none: as of a datagram to port 0,
   which no forward names. */
static inline struct port_key port_key_of_all(const struct port_key *other)
{
	struct port_key key = *other;

	key.proto = MINATO_UDP;
	key.local_port = 0;
	key.remote_port = 0;
	return key;
}
/* The same of rules, which know what has no ports: 3. */
static inline uint32_t rule_slot(uint8_t proto)
{
	return proto == MINATO_PROTO_OTHER ? PORT_PROTOS : port_slot(proto);
}
static inline uint32_t port_space_index(uint8_t scope, uint32_t slot)
{
	uint32_t row = scope == MINATO_SCOPE_ANY ? PORT_SCOPES : scope;

	check(row <= PORT_SCOPES && slot < PORT_PROTOS);
	return row * PORT_PROTOS + slot;
}
struct interval *port_intervals(const struct port_table *t);
/* How many tuples and single entries stand on each port; which none uses. */
uint32_t *port_uses(const struct port_table *t, uint32_t space);
struct bitmap *port_bitmap(struct port_table *t, uint32_t space);

/* bucket.c */
size_t bucket_lines(uint32_t tuples_max);
size_t bucket_slots(uint32_t tuples_max);
void bucket_init(struct port_hash *h, uint32_t tuples_max,
		 uint32_t tuples_first);
/* Which lines there are at first: of either region the first, and how many. */
void bucket_first(uint32_t tuples_max, uint32_t tuples_first, uint32_t at[2],
		  uint32_t lines[2]);
static inline struct port_line *bucket_line(const struct port_table *t,
					    const struct port_hash *h,
					    uint32_t number)
{
	return (struct port_line *)port_part(t, h->lines_at) + number;
}
/* The number of a key's home. */
static inline uint32_t bucket_home(const struct port_hash *h, uint64_t place)
{
	const uint32_t low = (uint32_t)place;
	uint32_t share = h->share, mask = h->mask;

	if (h->done != 0) { /* seldom; the same for all keys */
		const uint32_t done = 0u - ((low & mask) < h->done);
		share += h->more_share & done;
		mask |= h->more_mask & done;
	}
	return h->start[(hash_wide)place * share >> 64] + (low & mask);
}
/* The lanes whose tag is this: bit n for lane n; the first one on machines
   without SSE2. */
typedef int16_t lane_vector __attribute__((vector_size(16), may_alias));
uint32_t line_lanes_plain(const struct port_line *b, uint16_t tag);
static inline uint32_t line_lanes(const struct port_line *b, uint16_t tag)
{
#ifdef __SSE2__
	const lane_vector *v = (const lane_vector *)b;
	const lane_vector all = (lane_vector){ 0 } + (int16_t)tag;
	const uint32_t low = (uint32_t)__builtin_ia32_pmovmskb128(
		__builtin_ia32_packsswb128(all == v[0], all == v[1]));
	const uint32_t high = (uint32_t)__builtin_ia32_pmovmskb128(
		__builtin_ia32_packsswb128(all == v[2], all == v[3]));

	return (high << 16 | low) & LINE_ALL;
#else
	return line_lanes_plain(b, tag);
#endif
}
static inline uint16_t line_stray(uint16_t tag)
{
	return (uint16_t)(1u << tag % 16);
}
/* Whether a key of this home may stand elsewhere. */
static inline bool line_strays(const struct port_line *home, uint16_t tag)
{
	return (home->strays >> tag % 16 & 1) != 0;
}
/* A slot for a key that is not in the table, in the line that is its home; or
   POOL_NONE: it takes more than that, which bucket_insert does. */
static inline uint32_t bucket_plant(const struct port_table *t,
				    struct port_hash *h, uint32_t home,
				    uint16_t tag)
{
	struct port_line *b = bucket_line(t, h, home);
	const uint32_t room = line_lanes(b, 0);
	uint32_t lane;

	if (room == 0 || h->done != 0 || h->count >= h->full)
		return POOL_NONE;
	lane = (uint32_t)__builtin_ctz(room);
	b->tags[lane] = tag;
	h->count++;
	return home * LINE_LANES + lane;
}
/* The same wherever there is room; the table may grow. */
uint32_t bucket_insert(struct port_table *t, struct port_hash *h,
		       uint64_t place, uint16_t tag);
/* `home` is that of its key. */
void bucket_remove(struct port_table *t, struct port_hash *h, uint32_t slot,
		   uint32_t home);
/* The invariants of both hashes, for tests; linear in their size. */
bool bucket_sound(const struct port_table *t);

/*
 * tuple.c: records. The ends are words as they lie in memory. Scope and
 * protocol are not in a record: a tag is a hash of the ends plus those, so
 * where tags and ends are the same, scope and protocol are, too.
 */
struct port_tuple4 {
	alignas(16) uint32_t local;
	uint32_t remote;
	uint16_t local_port, remote_port;
	uint32_t ref;
};
struct port_tuple6 {
	alignas(64) uint64_t ends[4]; /* local, remote */
	uint16_t local_port, remote_port;
	uint32_t ref;
	uint32_t more; /* of the owner's bits */
};
static inline void *slot_record(const struct port_table *t,
				const struct port_hash *h, uint32_t slot)
{
	return (char *)port_part(t, h->rows_at) +
	       (size_t)slot * h->record_bytes;
}
void tuple_init(struct port_table *t);
/* The hash that places the key of a slot. */
uint64_t tuple_place(const struct port_table *t, const struct port_hash *h,
		     uint32_t slot);
/* A record was copied to another slot. */
void tuple_moved(struct port_table *t, const struct port_hash *h, uint32_t from,
		 uint32_t to);
/* The same, but only slots know of it, and it will be moved on soon. */
void tuple_lifted(const struct port_table *t, const struct port_hash *h,
		  uint32_t from, uint32_t to);
/* Of both ends: for the choice of a group's member, which others may see. */
uint64_t tuple_group_hash(const struct port_table *t,
			  const struct port_probe *p);
/* Whether slot and handle know each other. */
bool tuple_sound(const struct port_table *t, const struct port_hash *h,
		 uint32_t slot);
/* The record of a tuple, for tests. */
const void *tuple_record(const struct port_table *t, uint32_t tuple);

/* entry.c */
struct port_entry {
	uint32_t next, previous; /* of the claims in its place, + 1 */
	uint64_t rank;	  /* higher goes first; equal: older */
	uint64_t sequence;
	uint64_t hits;
	uint64_t user;
	uint64_t until_ns;
	struct minato_addr local, remote; /* masked */
	struct minato_endpoint target;
	uint16_t first, last;
	uint32_t owner;
	uint32_t uid; /* of a claim; of a right: whom it is about; of a forward
			 or dmz: what the caller keeps */
	uint8_t kind, verdict, scope, face, proto;
	uint8_t local_prefix, remote_prefix;
	/* Of a claim: */
	bool v6_only : 1, reuse_addr : 1, reuse_port : 1, exclusive : 1;
	bool accepting : 1;
	bool chosen : 1;
	bool rests : 1;	 /* freed, by quarantine.c */
	bool rule : 1;	 /* of the policy; `next` is its number there */
	bool logs : 1;	 /* a wall, whose refusals are events */
	bool behind : 1; /* a guard of what nothing else takes */
	uint32_t since;	 /* of no claim: the caller's, like `owner`; of a claim
			   with REUSEPORT that accepts: its slot */
};
_Static_assert(sizeof(struct port_entry) <= 128, "two lines to an entry");
static inline bool entry_expired(const struct port_entry *e,
				 struct minato_time now)
{
	return e->until_ns != 0 && now.ns >= 0 &&
	       (uint64_t)now.ns >= e->until_ns;
}
/* claim.c: such a claim as an entry, not yet placed. */
void claim_entry(struct port_entry *e, const struct port_claim *claim);
/* It bars nobody any more, and answers nothing; quarantine.c has it. */
void claim_rest(struct port_table *t, uint32_t entry);
void entry_init(struct port_table *t);
struct port_entry *entry_at(const struct port_table *t, uint32_t entry);
/* Takes a slot for a copy of `e`, ranks it and links it; or POOL_NONE. */
uint32_t entry_place(struct port_table *t, const struct port_entry *e);
enum port_set entry_set(const struct port_entry *e);
/* The scope's default: an uplink without address or port. */
bool entry_is_default(const struct port_entry *e);
/* Which of its links an entry has in the protocol `slot`. Its interval node
   there is 2 * entry + link. */
uint32_t entry_link(const struct port_entry *e, uint32_t slot);
bool entry_outranks(const struct port_entry *a, const struct port_entry *b);
/* Whether some address is in both; `v6_only` is heeded. */
bool entry_overlap(const struct port_entry *a, const struct port_entry *b);
/* The local side of an entry that stands for one address or a wildcard. */
void entry_set_local(struct port_entry *e, const struct minato_addr *local,
		     bool v6_only);
bool entry_has_local(const struct port_entry *e, const struct minato_addr *a);

/* choose.c: a choice being made. */
struct port_search {
	struct port_table *t;
	const struct minato_endpoint *remote; /* or NULL */
	struct port_entry own; /* scope, protocol and address, as an entry */
	uint32_t slot, space;
	uint16_t low, high;
	const struct port_ledger *ledger;
	uint32_t destination;	   /* with `remote` */
	bool shared;		   /* with other destinations */
	bool strict;		   /* with no tuple that yields */
	const struct bitmap *free; /* what may be had, if it is at hand */
	const struct port_probe *mapping; /* of the choice */
};
/* RFC 6056 3: check_suitable_port(). */
bool choose_suitable(const struct port_search *s, uint16_t port);

/* 0: the algorithm gives up. */
uint16_t rfc6056_choose(const struct port_search *s);

#endif
