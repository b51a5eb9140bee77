/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp: one TCP connection, alone in the world (RFC 9293).
 *
 * A connection knows no ports, addresses, tables or frames. Segments and time
 * go in (tcp_arrive, tcp_expire), the owner's verbs go in (tcp_write,
 * tcp_shutdown, ..), segments come out one by one (tcp_next), what happened
 * comes out as signals (tcp_signals), and one instant says when to come back
 * (tcp_deadline). Arrival never transmits; it leaves debts: owed ACKs are
 * flags for plain ones and a count for duplicate and challenge ACKs.
 *
 *	tcp_arrive --> state, queues, debts --> tcp_next --> segment
 *	     |                  ^
 *	     +--> signals       +---- tcp_write, tcp_read, tcp_expire
 *
 * struct tcp is what an idle connection costs (128 bytes). What is only needed
 * while data is in flight or out of order (send records, SACK scoreboard,
 * congestion control in motion) is an *active block* from a pool, taken when
 * data moves. One that rests keeps its detailed counters until another
 * connection needs the block, so the pool bounds the memory whatever the
 * number of connections. Options that differ from the default live in an
 * *extra* block, shared by a listener and its connections until changed.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "base/hash.h"
#include "base/payload.h"
#include "base/pool.h"
#include "base/seq.h"
#include "minato/minato.h"
#include "wire/wire.h"

/* Secrets of cookies: two in turn, each for an epoch (cookie.c). */
struct tcp_cookies {
	struct hash_key key[2];
	uint64_t epoch; /* of the newer one; 0: none yet */
};

/* What all connections of a host share. Lives in the host's memory. */
struct tcp_shared {
	struct pool active;  /* active blocks */
	struct pool records; /* one per super-segment in flight */
	struct pool extras;  /* options that differ from the default */
	struct pool holes;   /* stretches received out of order */
	uint32_t rest_first, rest_last, rest_count; /* blocks at rest, oldest
						       first: the victims */
	struct hash_key secret; /* ISN (RFC 6528), timestamp offsets */
	struct tcp_cookies cookies;
	struct random random;
};
size_t tcp_shared_bytes(uint32_t active_max);
void tcp_shared_init(struct tcp_shared *s, void *memory, uint32_t active_max,
		     const struct hash_key *secret);

/* Passed down with every call; on the stack of the caller. */
struct tcp_env {
	struct tcp_shared *shared;
	struct payload *payload;
	struct minato_time now;
	bool no_block; /* one without an active block gets none now */
};

/*
 * What an idle connection is. Fields are tcp's own; others use the functions
 * below. What only a moving connection needs is in the active block
 * (tcp/engine.h); without one nothing is queued, in flight or out of order.
 */
struct tcp {
	/* Sending: acknowledged up to una, sent up to nxt (RFC 9293 3.3.1). */
	struct seq snd_una, snd_nxt, snd_wl1;
	uint32_t snd_wnd, snd_wnd_max; /* bytes, scaled */
	uint32_t cwnd, ssthresh;       /* segments */
	/* Receiving: in order up to nxt; the edge is wup + wnd. */
	struct seq rcv_nxt;
	struct seq rcv_wup; /* rcv_nxt when last sent = Last.ACK.sent */
	uint32_t rcv_wnd;
	uint32_t ts_recent, ts_recent_s, ts_offset; /* RFC 7323 4.3 */
	uint32_t srtt_us8, rttvar_us; /* srtt times 8; 0 = no sample yet */
	uint32_t heard_ms, sent_ms;   /* last segment in, last data out */
	uint32_t challenge_ms;	      /* when the count below began */
	struct seq reset_seq;	      /* of a RST owed without an ACK */
	uint32_t active, extra;	      /* blocks, or POOL_NONE */
	uint16_t mss_peer;	  /* as announced, or the default (MUST-15) */
	uint16_t mtu;		  /* IP bytes */
	struct minato_time timer; /* handshake, keepalive, FIN-WAIT-2,
					 TIME-WAIT: by state */
	uint64_t bytes_acked, bytes_received;
	uint16_t gso_max;
	uint16_t signals;
	uint8_t state;		 /* enum minato_state */
	uint8_t error;		 /* pending errno */
	uint8_t soft_error;	 /* why it may not get through (ICMP) */
	uint8_t wscale;		 /* theirs << 4 | ours */
	uint8_t tries;		 /* retransmitted SYNs, keepalive probes */
	uint8_t challenges;	 /* sent since challenge_ms */
	uint8_t owed_challenges; /* and duplicate ACKs: by count */
	uint8_t owed_duplicates;
	uint8_t is6 : 1, passive : 1, held : 1, syn_due : 1;
	uint8_t sack_ok : 1, ts_ok : 1, ws_ok : 1, ack_now : 1;
	uint8_t rst_due : 1, fin_queued : 1, fin_sent : 1, fin_seen : 1;
	uint8_t read_shut : 1, orphan : 1, nodelay : 1, cork : 1;
	uint8_t keepalive : 1, oob_inline : 1, no_ts : 1, no_sack : 1;
	uint8_t newreno : 1, pingpong : 1, was_open : 1, probe_now : 1;
	uint8_t rst_bare : 1, reset_owed : 1, starved : 1, by_cookie : 1;
	/* RFC 3168: agreed (SYN-SENT: asked for), ECE and CWR are owed. */
	uint8_t ecn_ok : 1, ecn_echo : 1, cwr_due : 1;
};
_Static_assert(sizeof(struct tcp) <= 128, "an idle connection");

/* --- life.c: opening and ending ------------------------------------------ */

/* What the owner knows when a connection begins. */
struct tcp_setup {
	uint32_t mtu; /* of the path's first link: IP bytes */
	bool is6;
	uint32_t gso_max;    /* largest payload of a super-segment; 0 = none */
	uint64_t tuple_hash; /* keyed: for ISN and timestamp offset; the pair
				of addresses alone in the upper half */
	uint32_t rcvbuf, sndbuf; /* bytes; 0 = default and growing */
	bool above;		 /* the ISN must be above this (RFC 6191): */
	struct seq isn_above;
	bool fixed; /* the ISN is this: */
	struct seq iss;
};

/* Zero memory -> CLOSED, default options. */
void tcp_init(struct tcp *c);
/* Gives back every block and all payload. Legal in any state. */
void tcp_destroy(struct tcp_env *e, struct tcp *c);
/* CLOSED -> SYN-SENT. */
void tcp_connect(struct tcp_env *e, struct tcp *c, const struct tcp_setup *s);
/*
 * A SYN came for a listener: CLOSED -> SYN-RECEIVED. `held`: the SYN-ACK
 * waits for tcp_answer. `listener` gives the inherited options. `syn` must have
 * SYN and neither ACK nor RST.
 */
void tcp_passive(struct tcp_env *e, struct tcp *c, const struct tcp *listener,
		 const struct tcp_setup *s, const struct tcp_segment *syn,
		 bool held);
void tcp_answer(struct tcp_env *e, struct tcp *c);
/* FIN after what is queued (RFC 9293 3.10.4). False in a wrong state. */
bool tcp_shutdown_write(struct tcp_env *e, struct tcp *c);
/* Data that arrives from now on is discarded (SHUT_RD, as Linux: acked). */
void tcp_shutdown_read(struct tcp_env *e, struct tcp *c);
/*
 * The owner let go. FIN, or RST where unread data is thrown away or linger is
 * 0 (RFC 2525 2.17). Afterwards only tcp_arrive, tcp_next, tcp_expire until
 * tcp_dead(); data that arrives then is answered with RST (MAY-1).
 */
void tcp_close(struct tcp_env *e, struct tcp *c);
/* RST now (3.10.5). The RST is the next tcp_next; then the state is CLOSED. */
void tcp_abort(struct tcp_env *e, struct tcp *c);
/* The same where the owner still holds it, and is told why: `error`. */
void tcp_evict(struct tcp_env *e, struct tcp *c, int error);
/* Nothing more to send and CLOSED: the owner may tcp_destroy. */
bool tcp_dead(const struct tcp *c);
/* Of one that is CLOSED: the peer is known to have nothing of it any more, or
   to tell a successor apart by its timestamps (RFC 6191). */
bool tcp_over(const struct tcp *c);

/* --- half.c: a call without a connection --------------------------------- */

#define TCP_HALF_NO_SCALE 15u
struct tcp_emit;

/* What a SYN offered, and the number that it was answered with. */
struct tcp_half {
	struct seq irs, iss;
	uint32_t tsval;
	uint16_t mss;	/* 0: none was said */
	uint8_t wscale; /* TCP_HALF_NO_SCALE: none was offered */
	bool sack : 1, stamped : 1, ecn : 1;
};
/* Of a SYN (without ACK and RST) for this listener. */
void tcp_half_begin(const struct tcp_env *e, const struct tcp *listener,
		    const struct tcp_setup *s, const struct tcp_segment *syn,
		    struct tcp_half *h);
enum tcp_half_says {
	TCP_HALF_SYN, /* SYN-ACK */
	TCP_HALF_ACK, /* challenge */
	TCP_HALF_RESET,
};
/* The SYN came once more: it asks for ECN no longer where one of them does not
   (RFC 3168 6.1.1). */
void tcp_half_again(struct tcp_half *h, const struct tcp_segment *syn);
/* A segment of the connection that the call would become. */
void tcp_half_say(struct tcp_env *e, const struct tcp *listener,
		  const struct tcp_setup *s, const struct tcp_half *h,
		  enum tcp_half_says what, struct tcp_emit *out);
enum tcp_half_does {
	TCP_HALF_DROP,
	TCP_HALF_REPEAT,    /* the same SYN: answer as before */
	TCP_HALF_CHALLENGE, /* TCP_HALF_ACK is owed (RFC 5961) */
	TCP_HALF_REFUSE,    /* tcp_reset_for is owed (RFC 9293 3.10.7.4) */
	TCP_HALF_END,	    /* the peer has reset it */
	TCP_HALF_OPEN,	    /* tcp_half_open, then tcp_arrive */
};
enum tcp_half_does tcp_half_arrive(const struct tcp_half *h,
				   const struct tcp_segment *s);
/* Seconds to wait after the SYN-ACK was repeated so often; 0: give up. */
uint32_t tcp_half_wait_s(uint32_t tries);
/* CLOSED -> SYN-RECEIVED, the SYN-ACK being out since `said`, repeated so
   often; MINATO_NEVER: it was a cookie, nobody knows since when. */
void tcp_half_open(struct tcp_env *e, struct tcp *c, const struct tcp *listener,
		   const struct tcp_setup *s, const struct tcp_half *h,
		   struct minato_time said, uint32_t tries);

/* --- cookie.c: a call without any state (RFC 4987 3.6) -------------------- */

#define TCP_COOKIE_EPOCH_S 64u /* a cookie is good for one to two of them */

/*
 * Chooses the number of the SYN-ACK so that it holds what the SYN offered, as
 * far as it goes: *h is then what the cookie holds. `stamp`: the lowest
 * TCP_COOKIE_STAMP bits of the SYN-ACK's timestamp, where it has one.
 */
#define TCP_COOKIE_STAMP 6u
void tcp_cookie_make(struct tcp_env *e, const struct tcp_setup *s,
		     struct tcp_half *h, uint32_t *stamp);
/* The segment, an ACK, answers a cookie of ours: *h is what was offered. A
   stranger's guess is taken with a chance of 2^-23, with timestamps 2^-28. */
bool tcp_cookie_open(struct tcp_env *e, const struct tcp_setup *s,
		     const struct tcp_segment *ack, struct tcp_half *h);
/* The SYN-ACK of a cookie. */
void tcp_cookie_say(struct tcp_env *e, const struct tcp *listener,
		    const struct tcp_setup *s, struct tcp_half *h,
		    struct tcp_emit *out);

/* --- arrive.c: segment arrival, the RFC's ordered steps (3.10.7) --------- */

/* Where the payload lies. chunk NONE: it is copied when kept. */
struct tcp_payload {
	const uint8_t *data;
	uint32_t len;
	uint32_t chunk;	   /* referenced here, not taken over: hold to keep */
	uint32_t offset;   /* of data in the chunk */
	uint16_t gso_size; /* several segments in one: their payload size */
	uint8_t traffic_class; /* ECN bits */
};
/*
 * Any state but CLOSED and LISTEN (the stack answers for those with
 * tcp_reset_for). Returns DROP_NONE or why the segment was not acceptable
 * (an owed answer may still follow).
 */
enum drop tcp_arrive(struct tcp_env *e, struct tcp *c,
		     const struct tcp_segment *s, const struct tcp_payload *p);
/*
 * The RST that answers a segment which met no connection (3.10.7.1). False
 * when the segment had RST. `len`: payload bytes.
 */
bool tcp_reset_for(const struct tcp_segment *s, uint32_t len,
		   struct tcp_segment *out);

/* An ICMP error about our segment with sequence number `seq`. */
enum tcp_icmp {
	TCP_ICMP_SOFT,	  /* network/host unreachable: reported, not fatal */
	TCP_ICMP_HARD,	  /* protocol, port: aborts in SYN-SENT (SHLD-26,
			     RFC 5461), soft once synchronized */
	TCP_ICMP_TOO_BIG, /* `mtu` (RFC 1191, RFC 8201) */
};
/* `error`: errno for the owner. False: seq outside what is in flight. */
bool tcp_icmp(struct tcp_env *e, struct tcp *c, enum tcp_icmp what,
	      struct seq seq, uint32_t mtu, int error);

/* The way has become narrower: at most `mtu` bytes in a packet from now on. */
void tcp_narrow(struct tcp_env *e, struct tcp *c, uint32_t mtu);

/* --- signals ------------------------------------------------------------- */

#define TCP_SIGNAL_CONNECTED 0x001u /* reached ESTABLISHED */
#define TCP_SIGNAL_DATA 0x002u	    /* more to read in order */
#define TCP_SIGNAL_FIN 0x004u	    /* the peer's FIN is in order */
#define TCP_SIGNAL_ROOM 0x008u	    /* acknowledged: room to write */
#define TCP_SIGNAL_DRAINED 0x010u   /* all acknowledged */
#define TCP_SIGNAL_ERROR 0x020u	    /* pending error set; state CLOSED */
#define TCP_SIGNAL_URGENT 0x040u
#define TCP_SIGNAL_TIME_WAIT 0x080u /* entered TIME-WAIT */
#define TCP_SIGNAL_DEAD 0x100u	    /* tcp_dead is true */
#define TCP_SIGNAL_OUTPUT 0x200u    /* tcp_next has something */
#define TCP_SIGNAL_TIMER 0x400u	    /* tcp_deadline may be earlier */
/* What happened since the last call, and clears it. Every call above and
   below may add to it. */
uint32_t tcp_signals(struct tcp *c);

/* --- read and write (queue.c) -------------------------------------------- */

/* Bytes queued, fewer than len when the send buffer is full (0 = EAGAIN), or
   while the host's blocks or payload are used up (TCP_SIGNAL_ROOM says when to
   try again); negative errno as minato_send. */
int64_t tcp_write(struct tcp_env *e, struct tcp *c, const void *data,
		  uint32_t len, uint32_t flags);
/* Takes over all extents of `from` (filled by reserve/commit). */
int64_t tcp_write_queue(struct tcp_env *e, struct tcp *c, struct queue *from,
			uint32_t flags);
/* What tcp_write would take now. */
uint32_t tcp_room(const struct tcp_env *e, const struct tcp *c);
/* As minato_recv (MINATO_MSG_PEEK, _TRUNC, _OOB, _INLINE). */
int64_t tcp_read(struct tcp_env *e, struct tcp *c, void *data, uint32_t len,
		 uint32_t flags);
/* The receive queue for borrowing; tcp_consumed after queue bytes are used
   (consumes them, opens the window, may owe an ACK). */
const struct queue *tcp_read_queue(const struct tcp_env *e,
				   const struct tcp *c);
void tcp_consumed(struct tcp_env *e, struct tcp *c, uint32_t len);
/* True: end of stream reached once the queue is empty. */
bool tcp_read_ended(const struct tcp *c);
/* Pending error as errno, cleared; 0 none. */
int tcp_error(struct tcp *c);

/* --- send.c: one decision ------------------------------------------------ */

/* A segment to put on the wire. */
struct tcp_emit {
	struct tcp_segment segment; /* ports 0: the owner fills them in */
	const struct queue *queue;  /* payload: bytes [offset, offset + len) */
	struct queue_cursor *cursor;
	uint32_t offset, len;
	uint16_t gso_size; /* != 0: a super-segment of this MSS */
	uint8_t traffic_class, hop_limit;
};
/*
 * Decides and commits the next segment due at e->now, or returns false.
 * Order: RST; SYN; retransmissions; new data and FIN; owed ACKs. The payload
 * stays where it is until acknowledged.
 */
bool tcp_next(struct tcp_env *e, struct tcp *c, struct tcp_emit *out);

/* --- timers.c: RTO, persist, delayed ACK, keepalive, FIN-WAIT-2, held ---- */

/* When tcp_expire has something to do, MINATO_NEVER if never. */
struct minato_time tcp_deadline(const struct tcp_env *e, const struct tcp *c);
void tcp_expire(struct tcp_env *e, struct tcp *c);

/* --- TIME-WAIT: the connection shrinks to this (timewait.c) -------------- */

struct tcp_time_wait {
	struct seq snd_nxt, rcv_nxt;
	uint32_t ts_recent, ts_offset;
	uint16_t rcv_wnd; /* as put on the wire */
	bool timestamps;  /* were in use */
	bool may_stamp;	  /* are, where the other end offers them */
};
void tcp_to_time_wait(const struct tcp *c, struct tcp_time_wait *out);
enum tcp_tw_answer {
	TCP_TW_DROP,
	TCP_TW_ACK,    /* *reply is the ACK; restarts 2 MSL on a FIN */
	TCP_TW_REOPEN, /* a newer SYN (RFC 6191): treat as for a listener,
			   the ISN must be above snd_nxt + 65535 */
	TCP_TW_END,    /* RST (RFC 1337: only exactly at rcv_nxt) */
};
enum tcp_tw_answer tcp_time_wait_arrive(struct tcp_time_wait *t,
					const struct tcp_env *e,
					const struct tcp_segment *s,
					uint32_t len,
					struct tcp_segment *reply);

/* --- info.c -------------------------------------------------------------- */

enum minato_state tcp_state(const struct tcp *c);
void tcp_info(const struct tcp_env *e, const struct tcp *c,
	      struct minato_info *out);
void tcp_counts(const struct tcp_env *e, const struct tcp *c,
		struct minato_counts *out);
uint64_t tcp_bytes_in(const struct tcp *c);
uint64_t tcp_bytes_out(const struct tcp *c);
/* What is written leaves one part in so many to what arrives. */
#define TCP_WRITES_LEAVE 4u
/* No more than that is free: nothing more may be written. */
bool tcp_memory_low(const struct tcp_env *e);
/* Since the last segment of the peer that was acceptable. */
uint32_t tcp_silent_ms(const struct tcp_env *e, const struct tcp *c);
/*
 * Bytes that are queued for a peer that does not take them, or 0: its window
 * is closed, or too small for what waits and for the least segment that all
 * must take (RFC 9293 3.7.1), or three repetitions were not acknowledged.
 */
uint32_t tcp_pinned(const struct tcp_env *e, const struct tcp *c);
/* It has an active block that is not at rest. */
bool tcp_is_busy(const struct tcp_env *e, const struct tcp *c);
/* The number of what it sends next. */
struct seq tcp_number(const struct tcp *c);
/* The peer began it, and has sent neither a byte nor a FIN yet. */
bool tcp_untouched(const struct tcp *c);
/* The options that belong to TCP (KEEP*, NODELAY, CORK, ... TTL and
   TRAFFIC_CLASS too). Errors as minato_set. */
int tcp_set(struct tcp_env *e, struct tcp *c, enum minato_option option,
	    int64_t value);
int tcp_get(const struct tcp_env *e, const struct tcp *c,
	    enum minato_option option, int64_t *value);

/* Asserts the truths of the state it is in; called after every public call. */
void tcp_check(const struct tcp_env *e, const struct tcp *c);

#endif
