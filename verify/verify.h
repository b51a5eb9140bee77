/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify: the behaviour that the RFCs ask of a NAT, as tests that run.
 *
 * A *row* is one numbered requirement of RFC 4787 (UDP), 5382 (TCP), 5508 (ICMP), 6888
 * (carrier-grade) or 7857 (updates; its sections are the numbers). It is a function that sends
 * packets at a *NAT under test* and looks at what comes out:
 *
 *	inside                       NAT                     outside
 *	A 10.0.0.2, B 10.0.0.3 ..  --    --  X 203.0.113.9, Y 203.0.113.10, R 192.0.2.77 (a router)
 *	                       10.0.0.1   198.51.100.1
 *
 * Both links carry bare IP packets. A NAT under test is a table of functions: minato in virtual
 * time (own.c), Linux's in a namespace of our own (nftables.c). Whatever leaves a NAT, asked for or
 * not, is checked: every checksum is computed again, and no address of the inside may be seen
 * outside, in headers or in the packets that ICMP errors quote.
 *
 * Packets are built and read here, without the help of lib/wire: a mistake there cannot hide. Of
 * the stack verify knows minato.h and gateway.h alone.
 *
 * A grader of NATs elsewhere, with sockets (grade.c), needs a responder outside (respond.c).
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "drive/drive.h"
#include "minato/gateway.h"
#include "minato/minato.h"

/* ---- packet4.c, saying.c: IPv4 packets, built, read and said ---- */

#define VERIFY_DATA_MAX 4096
#define VERIFY_BYTES_MAX (VERIFY_DATA_MAX + 120)
#define VERIFY_TEXT_SIZE 240

#define VERIFY_ICMP 1
#define VERIFY_TCP 6
#define VERIFY_UDP 17
#define VERIFY_DCCP 33

#define VERIFY_FIN 0x01u
#define VERIFY_SYN 0x02u
#define VERIFY_RST 0x04u
#define VERIFY_PSH 0x08u
#define VERIFY_ACK 0x10u
#define VERIFY_URG 0x20u

/* An address and port in host order. */
struct verify_end {
	uint32_t addr;
	uint16_t port;
};

/*
 * A packet by its meaning. `src` and `dst` have the ports of TCP and UDP; an ICMP query has its
 * identifier in both. Of a fragment behind the first, and of protocols beyond these, `data` is all
 * that follows the IP header; of ICMP errors, the quoted packet.
 */
struct verify_packet {
	struct verify_end src, dst;
	uint8_t proto, ttl, tos;
	uint16_t id;
	uint16_t offset; /* in bytes */
	bool df, mf;
	uint8_t option[40]; /* of IP */
	uint8_t option_len;
	uint8_t flags; /* TCP, with what follows */
	uint32_t seq, ack;
	uint16_t window, urgent;
	uint8_t tcp_option[40];
	uint8_t tcp_option_len;
	uint8_t type, code; /* ICMP */
	uint32_t word;	    /* its second one */
	/* Of the first fragment of a UDP datagram: what the header of the whole says. */
	uint16_t keep_sum, keep_len;
	/* What is spoiled when it is built. */
	bool wrong_ip_sum, wrong_sum, no_sum;
	uint16_t len; /* of the data */
	uint8_t data[VERIFY_DATA_MAX];
};

/* Writes the bytes with all checksums; returns how many. */
size_t verify_build(const struct verify_packet *packet, uint8_t bytes[VERIFY_BYTES_MAX]);
/*
 * Reads bytes and computes every checksum again. Returns NULL, or what is wrong; what could be read
 * is in `out` then too.
 */
const char *verify_read(const uint8_t *bytes, size_t len, struct verify_packet *out);
/*
 * The packet that an ICMP error quotes: its IP checksum must be right, its transport checksum is
 * not looked at, and only 8 bytes of that need be there. NULL, or what is wrong.
 */
const char *verify_read_quoted(const struct verify_packet *error, struct verify_packet *out);
/* Makes `out` an ICMP error of that type and code from `from` to the sender of `about`. */
void verify_error_about(struct verify_packet *out, uint32_t from, uint8_t type, uint8_t code,
			const struct verify_packet *about);
bool verify_is_error(const struct verify_packet *packet);
bool verify_is_query(const struct verify_packet *packet);
/* One line: "udp 10.0.0.2:5000 > 203.0.113.9:53, 6 bytes, id 7, df". Returns `out`. */
const char *verify_text(char out[VERIFY_TEXT_SIZE], const struct verify_packet *packet);
/* "10.0.0.2:5000"; of port 0 the address alone. Returns `out`. */
const char *verify_end_text(char out[24], struct verify_end end);
/* The Internet checksum over bytes, `sum` being what was summed before. */
uint16_t verify_sum(const uint8_t *bytes, size_t len, uint32_t sum);

/* ---- a NAT under test ---- */

enum verify_side { VERIFY_INSIDE, VERIFY_OUTSIDE, VERIFY_SIDES };

/* Who is where; 10.0.0.2 and up are hosts inside. */
#define VERIFY_NAT_INSIDE 0x0a000001u	   /* 10.0.0.1 */
#define VERIFY_NAT_OUTSIDE 0xc6336401u	   /* 198.51.100.1 */
#define VERIFY_HOST(n) (0x0a000002u + (n)) /* A is 0, B is 1 */
#define VERIFY_X 0xcb007109u		   /* 203.0.113.9 */
#define VERIFY_Y 0xcb00710au		   /* 203.0.113.10 */
#define VERIFY_ROUTER 0xc000024du	   /* 192.0.2.77 */

#define VERIFY_POOL_MAX 4
#define VERIFY_FORWARDS_MAX 2

struct verify_forward {
	uint8_t proto;
	uint16_t port;
	struct verify_end to;
};

/* How a NAT is set up for a row; what is 0 is as the NAT has it by itself. */
struct verify_setup {
	struct minato_nat nat;		/* begins as minato_nat_init gives it */
	uint32_t pool[VERIFY_POOL_MAX]; /* outside addresses; none: VERIFY_NAT_OUTSIDE alone */
	uint32_t pool_count;
	uint16_t low, high; /* the ports that translations may have */
	uint32_t mtu[VERIFY_SIDES];
	bool equal_ranges; /* the outside is 10.0.0.0/24 too, the NAT's address there 10.0.0.200 */
	struct verify_forward forward[VERIFY_FORWARDS_MAX];
	uint32_t forward_count;
	uint32_t untranslated; /* a destination that is to be reached as it is */
	uint32_t sessions_max, mappings_max;
};

enum verify_timer {
	VERIFY_TIMER_UDP,
	VERIFY_TIMER_TCP_OPENING,
	VERIFY_TIMER_TCP_OPEN,
	VERIFY_TIMER_TCP_CLOSING,
	VERIFY_TIMER_TCP_RESET,
	VERIFY_TIMER_ICMP,
};

/* What a NAT told whoever manages it, since its start. */
struct verify_told {
	uint32_t mapped, unmapped, refused; /* how many of these, as messages */
	uint32_t inside;		    /* of the last refusal: who was refused */
	bool destinations;		    /* one of them names a destination */
};

struct verify_nat {
	const char *name;
	void *user;
	/* Time is real: to wait costs as much. */
	bool real;
	/*
	 * Begins anew with this setup. 0; -EOPNOTSUPP where it cannot be set up so, with a text; or
	 * another negative errno with a text.
	 */
	int (*start)(void *user, const struct verify_setup *setup, struct drive_error *error);
	/* A packet arrives. */
	void (*put)(void *user, enum verify_side side, const uint8_t *bytes, size_t len);
	/*
	 * Takes the next packet that left, on any side: its length, or 0 when there is none now.
	 * `quick`: one that may still be on its way is not waited for.
	 */
	size_t (*take)(void *user, enum verify_side *side, uint8_t bytes[VERIFY_BYTES_MAX],
		       bool quick);
	/* Time passes; packets that leave meanwhile are kept for take. */
	void (*pass)(void *user, double seconds);
	/* The seconds of a timer as the NAT's settings say; NULL where time is not real. */
	double (*timer)(void *user, enum verify_timer timer, char *name, size_t size);
	/* -EOPNOTSUPP: it tells nobody. */
	int (*told)(void *user, struct verify_told *out);
	/* The host value, for what management may ask; NULL for others. */
	struct minato *(*host)(void *user);
	/* Ends what was started. */
	void (*stop)(void *user);
};

/* ---- own.c: minato in virtual time ---- */

/* NULL when memory is out; to be freed with verify_own_free. */
struct verify_nat *verify_own_make(uint64_t seed);
void verify_own_free(struct verify_nat *nat);

/* ---- linux.c: a NAT of nftables, in real time ----
 *
 * masquerade, snat and dnat in a network namespace of our own, between two tun devices; timers and
 * bounds by what Linux has for them. What it cannot be told is -EOPNOTSUPP.
 */

/*
 * Makes it in this process, which leaves its network namespace (and user namespace, where it is not
 * root) for good: to be called in a child. NULL with a text.
 */
struct verify_nat *verify_linux_make(struct drive_error *error);

/* ---- rowtable.c, table.h: the table ---- */

enum verify_level { VERIFY_MUST, VERIFY_SHOULD, VERIFY_MAY };
/* "must", "should", "may". */
const char *verify_level_word(enum verify_level level);

struct verify_world;

struct verify_row {
	const char *id;	  /* "4787-R3a" */
	const char *asks; /* the requirement, in a few words */
	enum verify_level level;
	bool expected; /* minato is expected to meet it */
	void (*run)(struct verify_world *world);
};

/* The 97 requirements, then how contradictions among them are settled: ids S1, S2 ... */
extern const struct verify_row verify_rows[];
extern const size_t verify_row_count;
#define VERIFY_REQUIREMENTS 97
#define VERIFY_BAR 85 /* as many must be met */
/* The row of that id, without regard to case; or NULL. */
const struct verify_row *verify_find(const char *id);

/* ---- world.c, parallel.c: rows against a NAT ---- */

#define VERIFY_WHY_SIZE 300

struct verify_outcome {
	bool met;
	char why[VERIFY_WHY_SIZE]; /* what was sent and seen; of deviations the reason */
};

/* Runs one row. With `dump` every packet is written there, one line each. */
void verify_run(const struct verify_row *row, struct verify_nat *nat, FILE *dump,
		struct verify_outcome *out);
/*
 * Runs the rows for which `wanted` says so (goes with verify_rows) against nftables: each in a
 * process and namespace of its own, side by side, since time is real. 0; -EOPNOTSUPP with a text
 * where nft or rights are missing: then nothing was run.
 */
int verify_linux_run(const bool *wanted, struct verify_outcome *out, struct drive_error *error);
/*
 * What one row says of others: 6888-R1 asks that the lists of UDP, TCP and ICMP are obeyed, so it
 * deviates where one that must be met of those was run and is not. `ran` and `out` go with
 * verify_rows.
 */
void verify_conclude(const bool *ran, struct verify_outcome *out);

/* ---- message4.c: what a grader and its responders say to each other ----
 *
 * Datagrams over IPv4. An answer is never longer than its question, and goes to the address that
 * the question came from; to another port of it only for who shows that it can be reached there,
 * by a cookie that a greeting brought. So a responder is of no use to whoever forges addresses.
 */

#define VERIFY_MESSAGE 64 /* bytes at least */
#define VERIFY_MESSAGE_MAX 4000
#define VERIFY_PORT 4787

enum verify_kind {
	VERIFY_GREET = 1,  /* who am I, seen from there? */
	VERIFY_SEND,	   /* send something to this port of mine */
	VERIFY_SEEN = 129, /* the answers */
	VERIFY_SENT,
};

struct verify_message {
	enum verify_kind kind;
	bool full;     /* the answer is to be as long as the question */
	bool other;    /* SEND: from the responder's second port */
	uint16_t port; /* SEND: of the sender, where to */
	uint8_t nonce[16];
	uint64_t cookie;
	struct verify_end seen; /* SEEN: where the question came from */
};

/* `bytes` has room for VERIFY_MESSAGE. */
void verify_message_write(const struct verify_message *message, uint8_t *bytes);
/* False for what is none. */
bool verify_message_read(const uint8_t *bytes, size_t len, struct verify_message *out);
/* SipHash-2-4. */
uint64_t verify_keyed(const uint64_t key[2], const uint8_t *bytes, size_t len);

/* ---- respond.c ---- */

/*
 * Answers at this end, and sends from the next port too, until a signal ends the process or the
 * time is over (0: never). At most 1,000 answers in a second. 0 or negative errno with a text.
 */
int verify_respond(const struct verify_end *at, double seconds, struct drive_error *error);

/* ---- grade.c: what another NAT does ---- */

/* RFC 4787 4.1 and 5, RFC 5780 4.3 and 4.4. */
enum verify_dependence {
	VERIFY_ENDPOINT_INDEPENDENT,
	VERIFY_ADDRESS_DEPENDENT,
	VERIFY_ADDRESS_PORT_DEPENDENT,
};
/* "endpoint-independent" and so on. */
const char *verify_dependence_word(enum verify_dependence dependence);

struct verify_plan {
	struct verify_end server[2]; /* two responders, at two addresses */
	double seconds;		     /* for timers; 0: they are left out */
	uint32_t ports;		     /* mappings to ask for at once, 16..4096 */
};

struct verify_grade {
	struct verify_end local, mapped;
	bool translated; /* there is a NAT */
	enum verify_dependence mapping, filtering;
	bool filtering_known;		/* not where the ports of one host have several addresses */
	bool hairpin, hairpin_external; /* seen by its outside end */
	/* Idle UDP: lived for this long, was over after that; 0: not found. */
	double lived_s, over_s;
	bool timed;
	/* Of mappings asked for at once. */
	uint32_t asked, got;
	uint32_t parity, preserved; /* of those got: port of the same parity, the same port */
	uint32_t addresses;	    /* different outside addresses */
	bool evicted;		    /* the first one was gone then */
	uint32_t guessed;	    /* by the best predictor, of six bits of each port */
	double chance;		    /* how many are guessed blindly, by each predictor */
	uint32_t reach, kept_reach; /* how many the best may by luck; and be kept by luck */
	uint32_t predictors;	    /* 0: there was no game, for fewer than 16 were got */
	char predictor[48];
	bool fragments_out, fragments_in;
};

/* What guesses the next port. */
enum verify_foretold {
	VERIFY_UNJUDGED,  /* too few */
	VERIFY_BY_CHANCE, /* nothing that is told from luck */
	VERIFY_BY_INSIDE, /* the inside port, which is kept */
	VERIFY_BY_ORDER,  /* a predictor, from the ports before */
};
enum verify_foretold verify_foretold(const struct verify_grade *g);
/* The game of the ports' lowest six bits, `got` of them. */
void verify_predict(struct verify_grade *g, const uint16_t *symbol);

/* 0; -ETIMEDOUT and others with a text that names who does not answer. */
int verify_grade(const struct verify_plan *plan, struct verify_grade *out,
		 struct drive_error *error);

#endif
