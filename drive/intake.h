/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that arrive by a packet socket, in a ring of slots that the kernel fills; and which of
 * them are served first where more come than can be handled.
 *
 *	  tail              seen         the kernel's head
 *	----|-- some wait ----|--- new ----|--- free, the kernel's
 *
 * While no more is there than one batch takes, all of it is taken in order. Behind that, in a
 * flood, each frame is of a crowd (knownpeers.c): one source that is known, or all strangers that
 * send things of one sort. Frames of a crowd that is small, or is no more than its share, go first;
 * the others wait in their slots, are taken in order with what a batch has left, and the oldest are
 * given up where a queue of them stands. So a flood from everywhere costs those who are known, and
 * strangers who want something else than the flood does, a look at each of its frames; who floods
 * although he is known harms himself; and whose frame is lost is not for the chance of the moment
 * to say, as it is where a socket's buffer is full. A call that comes again is of a crowd of
 * its own (again.c), and so is one that does not look as the others do (looks.c).
 *
 * Strangers' calls that are few among the frames do not wait for each other, as long as there is
 * time for them: a connection costs whoever is called more than us, and who connects and connects
 * shall not make each newcomer wait.
 *
 * While somebody is served first, those who wait get a share of the time and no more: behind us may
 * be others who need the processor. When all of that is used up the intake rests for a moment.
 *
 * Where most of what comes are strangers' calls, a flood of them, those for which there is time are
 * answered at once and the first of each of the others is given up, while somebody is served and
 * other programs want the processor. Where others answer them than we, as behind a gateway, whoever
 * is called has few places: there those for which there is time are asked whether they are there
 * (safereset.c), and before others those from networks in which somebody was. One whose look is
 * rare, and one that comes again, is of no flood.
 *
 * A frame that is too long for a slot (a super-segment) stands in the socket's own queue: its slot
 * says so.
 */
#ifndef DRIVE_INTAKE_H
#define DRIVE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "minato/minato.h"

struct drive_intake;
struct drive_known;

#define DRIVE_INTAKE_BATCH 64u /* frames taken at once, at most */

enum drive_taken_where {
	DRIVE_TAKEN_HERE,
	DRIVE_TAKEN_QUEUED, /* whole in the socket's queue, the next there */
	DRIVE_TAKEN_CUT,    /* its end is lost */
};

/* A frame; good until drive_intake_done. */
struct drive_taken {
	const void *header; /* virtio_net_hdr */
	uint8_t *bytes;
	uint32_t len; /* of the bytes */
	uint16_t vlan;
	uint8_t where; /* enum drive_taken_where */
	bool asks; /* a call not to be served, but to be asked for a proof (drive_intake_ask) */
};

/*
 * Gives the socket, which has virtio headers, a ring, by which alone frames shorter than a slot
 * then come; it borrows the socket. What waits in the socket is lost. `trusted`: whoever sends
 * there is known; `forwards`: others answer the calls that come there. 0, or negative errno: then
 * the socket is as it was.
 */
int drive_intake_open(struct drive_intake **out, int fd, bool trusted, bool forwards);
void drive_intake_close(struct drive_intake *intake);
/* A socket that a predecessor may have given a ring has none from now on. */
void drive_intake_without(int fd);
/*
 * Takes a batch of frames, in the order in which they are to be served; the socket stays readable
 * while others are there. 0 where nothing is there, or after a rest.
 */
uint32_t drive_intake_take(struct drive_intake *intake, struct minato_time now,
			   struct drive_taken out[DRIVE_INTAKE_BATCH]);
/* Gives the slots of those back to the kernel. */
void drive_intake_done(struct drive_intake *intake);
/* A frame of ours that leaves: whoever is sent data is known. */
void drive_intake_leaves(struct drive_intake *intake, const struct minato_frame_out *frame,
			 struct minato_time now);
/*
 * Before drive_intake_done: of a call that is to be asked, and would be let in, the frame that asks
 * its sender, and how long it is; 0: it cannot be asked. The call is kept, and is taken when the
 * answer comes.
 */
#define DRIVE_ASKING_MAX 74u /* Ethernet, IPv6, TCP */
uint32_t drive_intake_ask(struct drive_intake *intake, const struct drive_taken *call,
			  struct minato_time now, uint8_t frame[DRIVE_ASKING_MAX]);
/* Whether a call that cannot be asked for is served all the same: a thousand in a second are. */
bool drive_intake_may_begin(struct drive_intake *intake, struct minato_time now);
/* How long the asking of a batch took. */
void drive_intake_spent(struct drive_intake *intake, int64_t ns);
struct drive_intake_counts {
	uint64_t shed;	   /* given up */
	uint64_t asked;	   /* calls whose sender was asked */
	uint64_t answered; /* and of these, that then were taken */
};
/* Since it was opened. */
void drive_intake_counts(const struct drive_intake *intake, struct drive_intake_counts *out);

/* ---- knownpeers.c: addresses with which there is a conversation ----
 *
 * Whoever gets payload of a TCP connection from us has answered a number that it had to see: the
 * address is no forged one. It is proven. Whoever is sent a datagram or a SYN was asked, by us or
 * through us: that is good for the answer, but not for a SYN of its own. The two are kept apart, so
 * that a flood which is answered by datagrams crowds out nobody who is proven. A place that was of
 * use in the last minute is not given to another. All of it is a guess about who is to be served
 * first, nothing depends on it being right.
 *
 * It is also remembered in which networks somebody was proven on this day or the one before, an
 * IPv4 /16 or an IPv6 /32 each: most newcomers come from such, a flood that forges addresses at
 * random comes from all (Peng, Leckie, Ramamohanarao, Protection from distributed denial of service
 * attacks using history-based IP filtering, ICC 2003). That tells the less the more networks are
 * known, and nothing of a flood from known ones alone. Days are the clock's, and end when somebody
 * is proven on the next.
 */

#define DRIVE_KNOWN_PLACES 8192u /* of each of the two; a power of two */

#define DRIVE_KNOWN_NETWORKS (UINT32_C(1) << 17) /* half of them of IPv6 */

struct drive_known {
	uint64_t seed[2];
	bool all; /* everybody is */
	/* A bit for each network, of the last day on which one was learnt, and the one before. */
	uint32_t day;
	uint64_t networks[2][DRIVE_KNOWN_NETWORKS / 64];
	/* Calls from these, and among the last some hundreds those of each; some share a count. */
	uint32_t near;
	uint16_t near_each[256];
	struct drive_known_place {
		uint32_t tag, last_s;
	} places[2][DRIVE_KNOWN_PLACES];
};

/* All is forgotten; the seed is the caller's. `all`: whoever sends is known. */
void drive_known_reset(struct drive_known *known, const uint64_t seed[2], bool all);
/* From the frame that leaves; without its virtio header. `head` bytes of its `len` are there. */
void drive_known_leaves(struct drive_known *known, const uint8_t *frame, uint32_t head,
			uint32_t len, uint32_t now_s);
/*
 * Whom a frame comes from. What the link itself lives by (ARP, neighbour discovery), what is of no
 * protocol that is told apart here, and where all are known what answers a call, is of
 * DRIVE_CROWD_LINK, which never waits; known sources share few numbers.
 */
#define DRIVE_CROWD_SOURCES 256u
enum drive_crowd {
	DRIVE_CROWD_LINK,
	DRIVE_CROWD_SYN,   /* from here on: of strangers */
	DRIVE_CROWD_AGAIN, /* the same SYN, a second or so later */
	DRIVE_CROWD_RARE,  /* one that looks otherwise than most */
	DRIVE_CROWD_RST,
	DRIVE_CROWD_ACK, /* without payload */
	DRIVE_CROWD_SEGMENTS,
	DRIVE_CROWD_UDP,
	DRIVE_CROWD_ICMP,
	DRIVE_CROWD_PIECES, /* fragments */
	DRIVE_CROWD_OTHERS,
	DRIVE_CROWD_KNOWN, /* the first of DRIVE_CROWD_SOURCES */
	DRIVE_CROWDS = DRIVE_CROWD_KNOWN + DRIVE_CROWD_SOURCES
};
/*
 * A source that floods shall not hide another for long because both have the same number: it is
 * drawn anew, by the `salt`. `call` is told of a SYN of DRIVE_CROWD_SYN.
 */
struct drive_call {
	uint64_t hash;	  /* of what is the same when it comes again */
	uint32_t network; /* from which it comes, < DRIVE_KNOWN_NETWORKS, */
	bool near;	  /* and in which somebody was proven */
};
uint32_t drive_known_crowd(const struct drive_known *known, const uint8_t *frame, uint32_t len,
			   uint32_t salt, struct drive_call *call);
/* The crowd of a frame of IP if its source were known. */
uint32_t drive_known_crowd_proven(const struct drive_known *known, const uint8_t *frame,
				  uint32_t len, uint32_t salt);
/*
 * Counts a call from a network in which somebody was proven. Whether few of the last of such are
 * from that one: up to an eighth is, more than a fourth is not.
 */
bool drive_known_few(struct drive_known *known, uint32_t network);
/* Whether it is a call, a SYN of TCP. */
bool drive_known_is_call(const uint8_t *frame, uint32_t len);

/* ---- again.c: calls that come again ----
 *
 * Who floods from everywhere sends each SYN once; whoever wants to be served sends it again when a
 * second has passed without an answer (RFC 6298 2.1). So those that were lost in a flood are served
 * at their next try, without knowing who sends them. Whoever repeats his flood is a crowd again.
 */

struct drive_again;

/* 0 or -ENOMEM. */
int drive_again_new(struct drive_again **out);
void drive_again_free(struct drive_again *again);
/*
 * Notes a call, which may have been fetched into the cache before. True: it was noted some steps of
 * 0.75 s before, up to 3 s; not what came in the same one. Of other calls that is said of less than
 * one in a hundred, in a flood of 0.4 million a second.
 */
void drive_again_fetch(const struct drive_again *again, uint64_t call);
bool drive_again(struct drive_again *again, uint64_t call, struct minato_time now);

/* ---- looks.c: how calls look ----
 *
 * Nobody can tell by its address whether a SYN is of a flood. But a flood's SYNs are made by one
 * program, and look alike: how far they came, which options they have in which order, what window
 * they offer. Systems differ in that. So among many strangers' calls those whose look is rare are
 * of others, and are worth more than a look, as long as they are few. Where looks are many, as a
 * flood can make them, none is rare, and where a flood looks as a newcomer's system does, that
 * newcomer is one of many: both have to call again.
 */

#define DRIVE_LOOKS_ROW 256u

struct drive_look {
	uint64_t shape; /* lengths, flags, the options and their order: of few do these vary */
	uint64_t whole; /* and hop limit, window, MSS, scale, a number of 0 */
};

struct drive_looks {
	uint64_t seed;
	uint32_t counted; /* calls, lately */
	struct drive_looks_count {
		uint32_t rare; /* of these */
		uint16_t rows[2][DRIVE_LOOKS_ROW];
	} of[2]; /* shapes, whole looks */
};

/* All is forgotten; the seed is the caller's. */
void drive_looks_reset(struct drive_looks *looks, uint64_t seed);
/*
 * The look of a frame without its virtio header, in which a SYN is: hashes of what its headers have
 * but addresses, ports, numbers, sums and times. Of any other bytes they are some numbers.
 */
struct drive_look drive_looks_of(const struct drive_looks *looks, const uint8_t *frame,
				 uint32_t len);
/* Counts a call; whether its shape or its whole look is rare among the last thousand or two. */
bool drive_looks_note(struct drive_looks *looks, struct drive_look look);

/* ---- safereset.c: calls that wait for a proof of who made them ----
 *
 * Where a flood's calls look as those of newcomers do, who is there can be told from who is not by
 * asking. A call is answered by an acknowledgement of a number that it cannot have sent. Whoever
 * did call resets that, with this number, and waits on for an answer to his call (RFC 9293
 * 3.10.7.3); whoever gave an address at which nobody is does not see it. The call is kept
 * meanwhile, and goes on when the reset comes, which goes no further. So a newcomer connects one
 * round trip later.
 *
 * It is a proof that somebody is there, not that he called: a host that did not call resets it as
 * well (3.10.7.1). And who floods from addresses of his own can answer. So of those who did a
 * thousand in a second go on, as many as whoever is called has places for.
 *
 * The number is the place in which the call is kept, of 2^15, and 17 bits that nobody can foresee.
 * A place is kept for 0.2 s at least, so that those who are far away can answer; when all are in
 * use nobody is asked. What stands between may not let such an acknowledgement through: then the
 * call comes again, and is known by that (again.c).
 */

struct drive_safereset;

/* 0 or -ENOMEM; 4.7 MB, of which nothing is touched until somebody is asked. */
int drive_safereset_new(struct drive_safereset **out);
void drive_safereset_free(struct drive_safereset *s);
/* As drive_intake_ask. 0: no TCP SYN without payload and IP options, or -ENOSYS of drive_seed. */
uint32_t drive_safereset_ask(struct drive_safereset *s, const struct drive_taken *call,
			     struct minato_time now, uint8_t reply[DRIVE_ASKING_MAX]);
/* Whether another one may be asked now; if not `near`, a quarter of the places is not for it. */
bool drive_safereset_has_room(const struct drive_safereset *s, bool near, struct minato_time now);
/* Whether some may have to be answered yet. */
bool drive_safereset_waits(const struct drive_safereset *s, struct minato_time now);
/*
 * Whether the frame is a reset by which somebody proves himself: then `call` becomes what he had
 * called with, good until the next is asked; until it was taken, whoever resets it proves it again.
 */
bool drive_safereset_proves(struct drive_safereset *s, const struct drive_taken *reset,
			    struct minato_time now, struct drive_taken *call);
void drive_safereset_took(const struct drive_taken *call);

#endif
