/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of tcp/ share among themselves; nobody else includes it.
 *
 * The scoreboard: one record per run of segments sent at once, in order of
 * sequence from snd_una to snd_nxt. A run is split where a SACK or a partial
 * retransmission parts it, always between two of its segments.
 *
 *	snd_una                                           snd_nxt
 *	  | lost | lost, sent again | sacked | in flight | FIN |
 *
 * Counts are in segments, as everything of congestion control is:
 *	in flight = packets_out - sacked_out - lost_out + retrans_out
 */
#ifndef TCP_ENGINE_H
#define TCP_ENGINE_H

#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "tcp/tcp.h"

/* --- bounds -------------------------------------------------------------- */

#define TCP_MSS_DEFAULT4 536u /* RFC 9293 3.7.1 */
#define TCP_MSS_DEFAULT6 1220u
#define TCP_MSS_MIN 88u
#define TCP_INITIAL_WINDOW 10u /* segments, RFC 6928 */
#define TCP_SSTHRESH_INFINITE 0x7fffffffu
#define TCP_CWND_MAX 0xfffffu
#define TCP_REORDERING 3u
#define TCP_REORDERING_MAX 300u
#define TCP_QUICK_ACKS 16u
#define TCP_RECORDS_MAX 8192u	     /* of one connection */
#define TCP_HOLES_MAX 1024u	     /* of one connection */
#define TCP_CHALLENGES 10u	     /* per connection in 5 s (RFC 5961 7) */
#define TCP_BUFFER_FIRST (64u << 10) /* receive window at first */
#define TCP_BUFFER_MAX (4u << 20)    /* ..and grown by itself */
#define TCP_SEND_FIRST (256u << 10)
#define TCP_SCALE_FOR (6u << 20) /* the window scale offered suits this */

#define TCP_RTO_FIRST (1 * NS_PER_S)	/* RFC 6298 2.1 */
#define TCP_RTO_FALLBACK (3 * NS_PER_S) /* RFC 6298 5.7 */
#define TCP_RTO_MIN (200 * NS_PER_MS)
#define TCP_RTO_MAX (120 * NS_PER_S)
#define TCP_DELAY_MIN (40 * NS_PER_MS) /* of an ACK */
#define TCP_DELAY_MAX (200 * NS_PER_MS)
#define TCP_TIMER_SLACK (2 * NS_PER_MS) /* of loss probe and reordering */
#define TCP_STARVED_RETRY (10 * NS_PER_MS)
#define TCP_TIME_WAIT_SPAN (60 * NS_PER_S)
#define TCP_TRIES_SYN 7u /* MUST-23: 247 s in all */
#define TCP_TRIES_SYNACK 5u
#define TCP_TRIES_ORPHAN 8u
#define TCP_TRIES_DATA 15u

/* --- records and blocks -------------------------------------------------- */

#define RECORD_SACKED 0x01u  /* the receiver has it */
#define RECORD_LOST 0x02u    /* presumed lost */
#define RECORD_RETRANS 0x04u /* sent again, that is in flight */
#define RECORD_EVER 0x08u    /* was ever sent again */
#define RECORD_FIN 0x10u     /* its last number is the FIN */
#define RECORD_LIMITED 0x20u /* sent while the application was the limit */

struct tcp_record {
	uint32_t next;	     /* POOL_NONE at the end */
	struct seq seq, end; /* [seq, end) */
	uint16_t unit;	     /* payload of each segment but the last */
	uint8_t flags;	     /* RECORD_* */
	uint8_t spare;
	int64_t sent_ns; /* last sent */
	/* When it was sent: what had been delivered (delivery rate). */
	uint32_t delivered;
	uint32_t delivered_us, first_us;
	uint32_t spare2;
};

struct tcp_hole {
	uint32_t next;	  /* in order of sequence */
	struct seq start; /* of the stretch held; its bytes are in queue */
	struct queue queue;
	uint32_t touched; /* when last lengthened: newest SACK block first */
	uint32_t spare;
};

struct tcp_extra {
	uint32_t refs;
	int32_t linger_s; /* -1 off, 0 RST */
	uint32_t keep_idle_s, keep_interval_s, keep_count;
	uint32_t linger2_s;
	uint32_t mss; /* 0 = by MTU */
	uint32_t syn_tries, data_tries;
	uint32_t user_timeout_ms;
	uint32_t window_clamp;
	uint32_t defer_accept;
	uint32_t rcvbuf, sndbuf; /* 0 = grows by itself */
	uint32_t rcvlowat, notsent_lowat;
	int32_t wscale; /* offered; -1 none, -2 by buffer */
	uint8_t ttl, traffic_class;
	uint8_t ecn; /* enum minato_ecn */
	uint8_t spare;
};

enum tcp_ca { CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS };

/* The one retransmission timer and what it is armed for. */
enum tcp_timer {
	TIMER_NONE,
	TIMER_RTO,
	TIMER_PROBE,
	TIMER_REORDER,
	TIMER_PERSIST
};

/* Delayed acknowledgment, as Linux does it (delay.c). */
struct tcp_delay {
	struct minato_time at; /* MINATO_NEVER: no ACK is owed */
	struct minato_time last_in;
	int64_t ato_ns;	  /* 0 = no data came yet */
	uint32_t rcv_mss; /* estimate of what the peer sends */
	uint32_t last_len;
	uint8_t quick; /* ACKs still to be sent at once */
	bool pingpong; /* the application answers what it gets */
	bool owed;
	bool pushed, pushed2; /* a short segment came; two of them */
};

struct tcp_cubic {
	uint32_t cnt, last_max, last_cwnd, origin, k, ack_count, friendly;
	int64_t epoch_ns, last_ns;
	uint32_t delay_min_us;
};

/* Leaves slow start before it overflows the path (hystart.c). */
struct tcp_hystart {
	bool found;
	uint8_t samples;
	struct seq end;	   /* of the round */
	int64_t began_ns, last_ns;
	uint32_t least_us; /* of the round */
};

struct tcp_rack {
	int64_t sent_ns; /* of the newest segment delivered */
	struct seq end;
	uint32_t rtt_us;
	uint32_t last_delivered;
	uint8_t steps, persist;
	bool advanced, dsack_seen;
};

/* Undo: proof that retransmissions were not needed (RFC 3522, RFC 2883). */
struct tcp_undo {
	struct seq marker; /* snd_una when the window was reduced */
	bool marked;
	int32_t retrans;   /* not yet known to be needless; -1: none was made */
	uint32_t ssthresh; /* before; 0 = never undo */
	uint32_t cwnd;
};

struct tcp_stats {
	uint64_t bytes_sent, bytes_retrans, dsack;
	uint32_t segs_out, segs_in, data_segs_out, data_segs_in;
	uint32_t total_retrans, dsack_dups, reord_seen, ooo_packets;
	uint32_t delivered_ce, lost;
};

/* Received: where the window grows to (receive auto-tuning). */
struct tcp_tuning {
	uint32_t rtt_us8;   /* 0 = none */
	struct seq rtt_seq; /* a window was received when this is reached */
	int64_t rtt_ns;
	uint32_t last_tsecr;
	struct seq copied; /* what the application has taken */
	struct seq space_seq;
	int64_t space_ns;
	uint32_t space;
};

struct tcp_rate {
	int64_t delivered_ns, first_ns;
	uint32_t last_segs, last_us; /* the newest sample */
	uint32_t limited_until;	     /* delivered count; 0 = not limited */
	bool last_limited;
};

enum tcp_urgent { URGENT_NONE, URGENT_COMING, URGENT_HERE, URGENT_TAKEN };

struct tcp_active {
	uint32_t link; /* the pool's */
	uint32_t rest_next, rest_prev;
	bool resting;
	int64_t owner; /* from the tcp_shared to the struct tcp */

	/* The send queue: bytes from snd_una (or behind the SYN) on. */
	struct queue sendq;
	struct queue_cursor cursor;
	struct seq written_push; /* end of the last write without "more" */
	struct seq pushed;	 /* where PSH was last set */
	struct seq small_end;	 /* end of the last short segment (Nagle) */
	bool more;		 /* the last write said so */

	uint32_t first, last, records; /* tcp_record */
	uint32_t hint;	 /* no record before it is to be sent again */
	struct seq fack; /* one behind the highest sacked; see board_highest */
	uint32_t packets_out, sacked_out, lost_out, retrans_out;

	/* Loss recovery. */
	enum tcp_ca ca;
	struct seq high; /* snd_nxt when the state was entered */
	uint32_t prior_cwnd, prr_delivered, prr_out;
	struct tcp_undo undo;
	int64_t retrans_ns; /* of the first retransmission; 0 = none */
	uint32_t reordering;
	struct tcp_rack rack;
	struct seq probe_end; /* snd_nxt at the tail loss probe */
	bool probe_out, probe_retrans, probe_due;
	bool frto, new_first, reneged;
	uint8_t retransmits; /* timeouts in a row */
	uint8_t backoff;
	uint8_t probes, probe_backoff;
	bool persist_due;
	bool sent_burst;  /* since the window was last judged */
	uint8_t run_left; /* segments until the run in hand ends */
	bool run_long;	  /* it has more than one */

	/* Congestion control. */
	uint32_t cwnd_count;
	bool cwnd_limited;
	uint32_t max_packets_out, cwnd_used;
	struct seq usage_end;
	int64_t cwnd_ns;
	struct tcp_cubic cubic;
	struct tcp_hystart hystart;
	uint32_t delivered;

	/* Round trip times, microseconds. */
	uint32_t mdev_us, mdev_max_us;
	struct seq rtt_seq;
	uint32_t min_rtt_us, min_rtt_next_us;
	int64_t min_rtt_ns;

	enum tcp_timer timer;
	struct minato_time timer_at;
	int64_t persist_since_ns; /* 0 = not probing */

	/* Receiving. */
	struct queue recvq;
	uint32_t holes_first, holes;
	uint32_t touch;
	struct seq fin_seq;
	bool fin_waits; /* a FIN beyond a hole, at fin_seq */
	struct seq dsack_start, dsack_end;
	bool dsack;
	uint32_t rcv_space;    /* bytes the receive buffer may hold */
	uint32_t rcv_ssthresh; /* the window is not opened further at once */
	struct tcp_delay delay;
	struct tcp_tuning tuning;

	/* Urgent data. */
	struct seq urgent_out; /* one behind the urgent byte we send */
	struct seq urgent_in;  /* the byte itself */
	bool urgent_sending;
	uint8_t urgent_state; /* enum tcp_urgent */
	uint8_t urgent_byte;

	struct tcp_stats stats;
	struct tcp_rate rate;
};

static inline struct tcp_active *active_of(const struct tcp_env *e,
					   const struct tcp *c)
{
	return c->active == POOL_NONE ? NULL :
					pool_at(&e->shared->active, c->active);
}

static inline struct tcp_record *record_at(const struct tcp_env *e,
					   uint32_t index)
{
	return pool_at(&e->shared->records, index);
}

static inline uint32_t clock_ms(const struct tcp_env *e)
{
	return (uint32_t)(e->now.ns / NS_PER_MS);
}

static inline uint32_t umin(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}
static inline uint32_t umax(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline int64_t span_min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}
static inline int64_t span_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- block.c: blocks, records, options ----------------------------------- */

/* The active block, taken when there is none; NULL when none can be had. */
struct tcp_active *block_take(struct tcp_env *e, struct tcp *c);
/* Called last in every public call: at rest or not (any more). */
void block_settle(struct tcp_env *e, struct tcp *c);
/* Clears all that the block holds and gives it back. */
void block_give(struct tcp_env *e, struct tcp *c);
/*
 * Is less than one part in `parts` of the payload memory free? What is written
 * leaves a fourth to what is received, what is out of order leaves an eighth
 * to what is in order: so there is always progress.
 */
bool block_memory_low(const struct tcp_env *e, uint32_t parts);
/* The options; the defaults when none was ever changed. */
const struct tcp_extra *extra_of(const struct tcp_env *e, const struct tcp *c);
/* The same, the connection's own, to change. NULL when none is free. */
struct tcp_extra *extra_own(struct tcp_env *e, struct tcp *c);
void extra_share(struct tcp_env *e, struct tcp *c, const struct tcp *from);
void extra_drop(struct tcp_env *e, struct tcp *c);

/* --- life.c: the eleven states ------------------------------------------- */

enum tcp_event {
	EVENT_CONNECT,	/* active OPEN */
	EVENT_CALL,	/* SYN for a listener */
	EVENT_SYN,	/* their SYN crossed ours */
	EVENT_OPEN,	/* our SYN is acknowledged, theirs came */
	EVENT_FIN_SENT, /* our side says it is done */
	EVENT_FIN_ACKED,
	EVENT_FIN_SEEN, /* their FIN is in order */
	EVENT_RESET,	/* by them */
	EVENT_ABORT,	/* by us: RST goes out */
	EVENT_TIMEOUT,	/* they do not answer */
	EVENT_OVER,	/* TIME-WAIT or FIN-WAIT-2 has lasted long enough */
};
/* One event in the life of the connection. `error`: errno, for the owner. */
void life_event(struct tcp_env *e, struct tcp *c, enum tcp_event event,
		int error);
/* The first sequence number of a connection that begins now. */
struct seq life_iss(const struct tcp_env *e, const struct tcp_setup *s);
bool life_synchronized(const struct tcp *c);
/* May data be sent / still come, by the state alone? */
bool life_may_send(const struct tcp *c);
bool life_may_receive(const struct tcp *c);

/* A SYN that asks for ECN, or a SYN-ACK that agrees (RFC 3168 6.1.1). */
static inline bool ecn_setup(const struct tcp_segment *s)
{
	const uint8_t both = TCP_ECE | TCP_CWR;

	return (s->flags & both) == (s->flags & TCP_ACK ? TCP_ECE : both);
}

/* --- arrive.c ------------------------------------------------------------ */

/* One segment on its way through the steps; lives on the stack. */
struct tcp_arrival {
	const struct tcp_segment *s;
	const struct tcp_payload *p;
	struct seq seq, end; /* of the data not yet trimmed, with SYN and FIN */
	uint32_t skip, len;  /* payload: bytes trimmed in front, bytes left */
	uint32_t segs;	     /* of a super-segment */
	bool fin, old_ack;
	enum drop why;
};
/* Owes an answer to a blind or broken segment, within the limits of RFC 5961
   7. */
void arrive_challenge(struct tcp_env *e, struct tcp *c);

/* --- ack.c: step five ---------------------------------------------------- */

#define ACKED_DATA 0x001u /* segments were acknowledged */
#define ACKED_FIN 0x002u
#define ACKED_UNA 0x004u     /* snd_una advanced */
#define ACKED_WINDOW 0x008u  /* the segment changed the window */
#define ACKED_PAYLOAD 0x010u /* the segment carries data */
#define ACKED_SACK 0x020u    /* SACK told something new */
#define ACKED_DSACK 0x040u
#define ACKED_RETRANS 0x080u /* something once retransmitted was acked */
#define ACKED_ORIGINAL                                                         \
	0x100u		   /* something never retransmitted was, below
				 high */
#define ACKED_REARM 0x200u /* the timer starts again */
#define ACKED_LOST_RETRANS 0x400u
#define ACKED_DSACK_PROBE 0x800u
#define ACKED_ECE 0x1000u /* congestion was met (RFC 3168 6.1.2) */
#define ACKED_NOT_DUP (ACKED_PAYLOAD | ACKED_WINDOW | ACKED_DATA)
#define ACKED_PROGRESS (ACKED_DATA | ACKED_SACK)

/* What one ACK did; handed through the files below. */
struct tcp_acked {
	const struct tcp_segment *s;
	uint32_t flags;
	struct seq una_before, fack_before;
	uint32_t in_flight_before, delivered_before, lost_before;
	uint32_t acked;	    /* segments left the queue */
	struct seq reorder; /* lowest original filled late */
	bool reorder_seen;
	int64_t first_ns, last_ns;	     /* acked originals' sending */
	int64_t sack_first_ns, sack_last_ns; /* sacked originals'; 0 none */
	uint32_t prior_delivered;	     /* of the newest sample, 0 none */
	int64_t rtt_us;			     /* of this ACK, -1 none */
	struct tcp_record sample; /* newest delivered: for the rate */
	bool sampled;
};
/* RFC 9293 3.10.7.4 fifth, for synchronized states. False: drop it. */
bool ack_arrive(struct tcp_env *e, struct tcp *c, struct tcp_arrival *a);

/* --- board.c: the scoreboard --------------------------------------------- */

uint32_t record_segs(const struct tcp_record *r);
uint32_t board_in_flight(const struct tcp_active *a);
/* A record for what is being sent, [snd_nxt, end). False: none is free. */
bool board_sent(struct tcp_env *e, struct tcp *c, struct seq end, uint16_t unit,
		bool fin);
/* Removes what is acknowledged up to snd_una. */
void board_clean(struct tcp_env *e, struct tcp *c, struct tcp_acked *k);
/* Marks what the SACK blocks say. */
void board_sack(struct tcp_env *e, struct tcp *c, struct tcp_acked *k);
void board_mark_lost(struct tcp_env *e, struct tcp_active *a, uint32_t index);
/* Splits the record so that it ends after `segs` segments. */
bool board_split(struct tcp_env *e, struct tcp_active *a, uint32_t index,
		 uint32_t segs);
/* Counts segments of another size from now on (a smaller MTU). */
void board_resize(struct tcp_active *a, struct tcp_record *r, uint32_t unit);
/* It was sent once more. A probe leaves the counts and the undo alone: it is
   a question, not a repair. */
void board_retransmitted(struct tcp_env *e, struct tcp_active *a,
			 struct tcp_record *r, bool probe);
/* The first record that is lost and not sent again, or POOL_NONE. */
uint32_t board_next_lost(const struct tcp_env *e, struct tcp_active *a);
/* Is anything in the queue a retransmission? */
bool board_any_retrans(const struct tcp_env *e, const struct tcp_active *a);
void board_clear(struct tcp_env *e, struct tcp_active *a);
/* One behind the highest sequence number sacked, or snd_una. */
struct seq board_highest(const struct tcp *c, const struct tcp_active *a);
/* Counts anew and compares: tests and small connections. */
void board_audit(const struct tcp_env *e, const struct tcp *c);

/* --- recovery.c: the states of congestion -------------------------------- */

void recovery_ack(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		  bool duplicate);
void recovery_timeout(struct tcp_env *e, struct tcp *c);
void recovery_enter(struct tcp_env *e, struct tcp *c);
/* ECE: less, once in a round trip, without a loss (CA_CWR). */
void recovery_echoed(struct tcp_env *e, struct tcp *c);
bool recovery_reducing(const struct tcp_active *a);
/* PRR (RFC 6937): what the window becomes during a reduction. */
void recovery_reduce(struct tcp *c, struct tcp_active *a, uint32_t delivered,
		     bool lost, uint32_t flags);
void recovery_start_reduction(struct tcp_env *e, struct tcp *c, bool by_ecn);
void recovery_end_reduction(struct tcp_env *e, struct tcp *c);
void recovery_keep_open(struct tcp_env *e, struct tcp *c);
/* A smaller MTU: what was too big is sent again without blame. */
void recovery_too_big(struct tcp_env *e, struct tcp *c);
/* Reordering seen from `low` on. */
void recovery_reordered(struct tcp_env *e, struct tcp *c, struct seq low);

/* --- rack.c: RFC 8985 ---------------------------------------------------- */

void rack_advance(const struct tcp_env *e, struct tcp_active *a,
		  const struct tcp_record *r);
void rack_mark_lost(struct tcp_env *e, struct tcp *c);
void rack_timeout(struct tcp_env *e, struct tcp *c);
void rack_update_window(struct tcp_active *a, const struct tcp_acked *k);
/* How long until the record counts as lost by time; <= 0 it is. */
int64_t rack_remaining(const struct tcp_env *e, const struct tcp_active *a,
		       const struct tcp_record *r, int64_t window_ns);
/* Arms the tail loss probe; false when the RTO is to be armed instead. */
bool rack_schedule_probe(struct tcp_env *e, struct tcp *c, bool advancing);
void rack_probe_acked(struct tcp_env *e, struct tcp *c,
		      const struct tcp_acked *k);

/* --- congestion.c, cubic.c, hystart.c, newreno.c -------------------------- */

/* After a loss, or after ECE, which asks for less of a reduction (RFC 8511). */
uint32_t congestion_ssthresh(struct tcp_env *e, struct tcp *c, bool by_ecn);
/* The cwnd to go back to, and the threshold worth remembering. */
uint32_t congestion_current_ssthresh(const struct tcp *c,
				     const struct tcp_active *a);
void congestion_acked(struct tcp_env *e, struct tcp *c, struct tcp_acked *k,
		      uint32_t delivered);
void congestion_lost_state(struct tcp *c, struct tcp_active *a);
bool congestion_limited(const struct tcp *c, const struct tcp_active *a);
/* After sending: was the window the limit? */
void congestion_validate(struct tcp_env *e, struct tcp *c, bool limited);
/* Before sending after a pause (RFC 5681 4.1). */
void congestion_restart(struct tcp_env *e, struct tcp *c);
void congestion_rate_sent(struct tcp_env *e, struct tcp_active *a,
			  struct tcp_record *r);
void congestion_rate_sample(struct tcp_acked *k, const struct tcp_record *r);
void congestion_rate_ack(struct tcp_env *e, struct tcp_active *a,
			 const struct tcp_acked *k);
/* Slow start by `acked` segments; returns what is left of them. */
uint32_t newreno_slow_start(struct tcp *c, uint32_t acked);
/* One more per `per` acknowledged. */
void newreno_additive(struct tcp *c, struct tcp_active *a, uint32_t per,
		      uint32_t acked);
uint32_t newreno_ssthresh(const struct tcp *c, bool by_ecn);
uint32_t cubic_ssthresh(struct tcp *c, struct tcp_active *a, bool by_ecn);
void cubic_acked(const struct tcp_env *e, struct tcp *c, struct tcp_active *a,
		 uint32_t acked);
void cubic_round_trip(const struct tcp_env *e, struct tcp *c,
		      struct tcp_active *a, int64_t rtt_us);
void cubic_idle(const struct tcp_env *e, const struct tcp *c,
		struct tcp_active *a);
void cubic_reset(struct tcp_active *a);

/* One round trip of slow start: is the path full? */
void hystart_round_trip(const struct tcp_env *e, struct tcp *c,
			struct tcp_active *a, uint32_t rtt_us);
void hystart_reset(const struct tcp_env *e, const struct tcp *c,
		   struct tcp_active *a);

/* --- rtt.c: RFC 6298 ----------------------------------------------------- */

/* One measurement in microseconds. */
void rtt_sample(struct tcp_env *e, struct tcp *c, int64_t us);
void rtt_block(struct tcp *c, struct tcp_active *a);
void rtt_min(const struct tcp_env *e, struct tcp_active *a, int64_t us);
/* Without and with backoff, nanoseconds. */
int64_t rtt_timeout(const struct tcp *c);
int64_t rtt_backed_off(const struct tcp *c, const struct tcp_active *a);
/* From the timestamp echoed, microseconds; -1 when there is none. */
int64_t rtt_by_timestamp(const struct tcp_env *e, const struct tcp *c,
			 const struct tcp_segment *s);

/* --- send.c -------------------------------------------------------------- */

/* Payload bytes per segment, options taken off (MUST-16). */
uint32_t send_mss(const struct tcp_env *e, const struct tcp *c);
/* Sequence number of the first byte of the send queue, and of its end. */
struct seq send_first(const struct tcp *c);
struct seq send_written(const struct tcp *c, const struct tcp_active *a);
uint32_t send_unsent(const struct tcp *c, const struct tcp_active *a);
struct seq send_edge(const struct tcp *c); /* of the peer's window */
/* Is something due that needs no timer? For TCP_SIGNAL_OUTPUT. */
bool send_pending(const struct tcp_env *e, const struct tcp *c);

/* --- emit.c: segments ---------------------------------------------------- */

void emit_syn(struct tcp_env *e, struct tcp *c, struct tcp_emit *out);
void emit_reset(struct tcp_env *e, struct tcp *c, struct tcp_emit *out);
/* The RST that answers a segment with an ACK that cannot be: RST alone, from
   reset_seq (RFC 9293 3.10.7.3). */
void emit_bare_reset(struct tcp_env *e, struct tcp *c, struct tcp_emit *out);
/* An ACK without data from `seq`. */
void emit_ack(struct tcp_env *e, struct tcp *c, struct seq seq,
	      struct tcp_emit *out);
/* Data [seq, seq + len), with FIN behind it. */
void emit_data(struct tcp_env *e, struct tcp *c, struct seq seq, uint32_t len,
	       struct tcp_emit *out);
/* What emit_data has made is sent for the first time, and no window probe:
   only that is ECN-capable, and says CWR (RFC 3168 6.1.5, 6.1.6). */
void emit_new(struct tcp *c, struct tcp_emit *out);
uint32_t emit_timestamp(const struct tcp_env *e, const struct tcp *c);
/* MSS we announce. */
uint32_t emit_mss(const struct tcp_env *e, const struct tcp *c);

/* --- window.c: the receive window ---------------------------------------- */

/* Window and scale of the SYN. */
void window_first(struct tcp_env *e, struct tcp *c);
uint8_t window_scale(const struct tcp_env *e, const struct tcp *c);
/* Bytes the peer may still send. */
uint32_t window_offered(const struct tcp *c);
/* What would be offered now. */
uint32_t window_choose(const struct tcp_env *e, const struct tcp *c);
/* Commits it: the field of a segment about to leave. */
uint16_t window_advertise(struct tcp_env *e, struct tcp *c);
void window_received(struct tcp_env *e, struct tcp *c, uint32_t len);
void window_round_trip(struct tcp_env *e, struct tcp *c,
		       const struct tcp_segment *s, uint32_t len);
void window_consumed(struct tcp_env *e, struct tcp *c, uint32_t len);
uint32_t window_full(const struct tcp_env *e, const struct tcp *c);

/* --- delay.c: when to acknowledge ---------------------------------------- */

void delay_init(struct tcp_env *e, struct tcp *c, struct tcp_delay *d);
/* In-order data or FIN came: `len` bytes. */
void delay_received(struct tcp_env *e, struct tcp *c,
		    const struct tcp_arrival *a, uint32_t len);
/* Data came out of order: it tells what the peer's segments are like. */
void delay_estimate(struct tcp_env *e, struct tcp *c,
		    const struct tcp_arrival *a);
/* An ACK is owed: decides whether at once. */
void delay_decide(struct tcp_env *e, struct tcp *c);
void delay_quick(struct tcp_env *e, struct tcp *c);
void delay_schedule(struct tcp_env *e, struct tcp *c);
void delay_sent(struct tcp_env *e, struct tcp *c);
void delay_data_sent(struct tcp_env *e, struct tcp *c);
void delay_expired(struct tcp_env *e, struct tcp *c);
void delay_consumed(struct tcp_env *e, struct tcp *c, uint32_t len);
void delay_pingpong(struct tcp_env *e, struct tcp *c);
bool delay_quickly(const struct tcp *c, const struct tcp_delay *d);

/* --- reassemble.c: in order again ---------------------------------------- */

/* The text of a segment (3.10.7.4 seventh, eighth). */
void reassemble(struct tcp_env *e, struct tcp *c, struct tcp_arrival *a);
/* SACK blocks for a segment that leaves: DSACK, then newest first. */
void reassemble_blocks(struct tcp_env *e, struct tcp *c, uint32_t max,
		       struct tcp_options *o);
void reassemble_duplicate(struct tcp_env *e, struct tcp *c, struct seq start,
			  struct seq end);
void reassemble_clear(struct tcp_env *e, struct tcp_active *a);

/* --- urgent.c ------------------------------------------------------------ */

void urgent_arrive(struct tcp_env *e, struct tcp *c,
		   const struct tcp_arrival *a);
void urgent_take(struct tcp_env *e, struct tcp *c, const struct tcp_arrival *a);
/* Bytes that may be read before the mark stops the reader. */
uint32_t urgent_before(const struct tcp *c, const struct tcp_active *a,
		       uint32_t len);

/* --- timers.c ------------------------------------------------------------ */

void timer_arm(struct tcp_env *e, struct tcp *c, enum tcp_timer what,
	       int64_t span_ns);
void timer_stop(struct tcp_active *a);
/* The whole RTO from now on, no longer than the owner's patience. */
void timer_rto(struct tcp_env *e, struct tcp *c);
/* The RTO from now on, or what is left of it after a probe. */
void timer_rearm(struct tcp_env *e, struct tcp *c);
/* Probe or RTO, after data was sent or acknowledged. */
void timer_set(struct tcp_env *e, struct tcp *c);
/* The window opened or not: the persist timer (RFC 9293 3.8.6.1). */
void timer_persist(struct tcp_env *e, struct tcp *c);
void timer_persist_acked(struct tcp_env *e, struct tcp *c);
/* Some pool was empty: tries again soon. */
void timer_starved(struct tcp_env *e, struct tcp *c);
/* Keepalive from the last sign of life. */
void timer_idle(struct tcp_env *e, struct tcp *c);
/* The idle time changed: what was silent already counts (MUST-27). */
void timer_keep_idle(struct tcp_env *e, struct tcp *c);

#endif
