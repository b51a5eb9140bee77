/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace: scripts of timed segments, run against the public API on one host
 * value with a bare IP link, under a virtual clock. doc/trace.md tells the
 * language. The packet code here is the tests' own, so that a mistake in
 * lib/wire cannot hide itself.
 *
 *   trace.c  a script, line by line     world.c  the host value and its clock
 *   verbs.c  what the host's owner does words.c  packets as words
 *   pkt.c    packets as bytes
 */
#ifndef TEST_TRACE_TRACE_H
#define TEST_TRACE_TRACE_H

#include "minato/minato.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- pkt.c ---------------------------------------------------------------- */

#define F_FIN 0x01u
#define F_SYN 0x02u
#define F_RST 0x04u
#define F_PSH 0x08u
#define F_ACK 0x10u
#define F_URG 0x20u
#define F_ECE 0x40u
#define F_CWR 0x80u

#define OPTIONS_MAX 40
#define MTU_MAX 65535

/* A TCP segment, a UDP datagram or an ICMP message between the two hosts. */
struct pkt {
	bool is6;
	bool icmp, udp; /* neither: TCP */
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_word;
	uint8_t tos, ttl;
	bool dont_fragment;
	uint8_t src[16], dst[16];	 /* as on the wire, 4 or 16 bytes */
	uint8_t ip_options[OPTIONS_MAX]; /* building, IPv4 */
	uint32_t ip_options_len;
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window, urgent;
	uint8_t options[OPTIONS_MAX];
	uint32_t options_len;
	const uint8_t *payload;
	uint32_t len;
	/* of an ICMP error: the packet inside */
	bool inner_udp;
	uint32_t inner_seq;
	uint16_t inner_sport, inner_dport;
	/* building: what to spoil */
	bool bad_checksum;
	bool no_checksum;    /* UDP: 0 on the wire */
	uint32_t pieces;     /* bytes in each fragment; 0 = whole */
	bool backwards;	     /* the last fragment first */
	uint8_t data_offset; /* TCP: words; 0 = the true one */
	uint16_t udp_len;    /* 0 = the true one */
};

/* ICMP that is no error but an echo or its answer. */
bool pkt_is_echo(const struct pkt *p);
size_t pkt_build(const struct pkt *p, uint8_t *out);
/* One fragment of a built packet: its bytes from `offset` behind the IP header. */
size_t pkt_cut(const struct pkt *p, const uint8_t *whole, uint32_t offset, uint8_t *out);
/* NULL, or what is wrong with it; verifies every checksum. */
const char *pkt_parse(const uint8_t *data, size_t len, struct pkt *p);

/* --- world.c -------------------------------------------------------------- */

#define OUT_MAX 4096
#define SOCKETS 8
#define FLOWS 16
#define BATCH_MAX 64

struct sent {
	int64_t at;
	uint32_t len;
	uint8_t *data;
};

struct sock {
	char name;
	uint64_t handle;
	uint32_t sent, received; /* stream offsets, for the pattern */
};

struct flow {
	uint16_t ours, peers;
	uint32_t iss, irs; /* ours, the peer's */
	bool iss_known;
	uint32_t sent_end; /* one behind the last we sent */
	uint32_t ts_base;  /* our first timestamp value */
	bool ts_known;
};

struct world {
	const char *file;
	int line;
	bool is6;
	uint32_t mtu, tolerance_us;
	struct minato_config config;
	struct minato *m;
	void *memory;
	size_t size;	     /* of it */
	int64_t now, script; /* the host's clock; the script's */
	struct sent out[OUT_MAX];
	uint32_t out_head, out_tail;
	struct sock sock[SOCKETS];
	struct flow flow[FLOWS];
	uint32_t flows;
	uint16_t ours, peers;		      /* of the current flow */
	uint32_t irs;			      /* the peer's next initial number */
	uint32_t isn_last, isn_before;	      /* of ours, in order of appearance */
	uint32_t ts_last, ts_before;	      /* likewise our first timestamps */
	uint32_t nth;			      /* of a repeated line, from 0 */
	struct minato_frame batch[BATCH_MAX]; /* waits for the next arrival */
	uint32_t batched;
	char why[1024];
	jmp_buf fail;
};

__attribute__((noreturn, format(printf, 2, 3))) void fail(struct world *w, const char *fmt, ...);
/* The byte of a stream (or datagram) at that offset. */
uint8_t pattern(uint32_t offset);

struct minato_addr ours_addr(const struct world *w);
struct minato_addr peer_addr(const struct world *w);
struct minato_time clock_of(const struct world *w);
/* Makes the host value; again: forgets the one before. */
void start(struct world *w);
void forget(struct world *w);
/* Takes what is due at this instant. */
void collect(struct world *w);
/* Lets the host value live until `until`; true as soon as something came out
   when `stop` asks for that. */
bool pump(struct world *w, int64_t until, bool stop);

struct sock *find_sock(struct world *w, char name, bool make);
struct flow *find_flow(struct world *w, uint16_t ours, uint16_t peers);

/* The next word of a line, or NULL. Cuts the line there. */
char *next_word(char **at);
int64_t number(struct world *w, const char *text, const char *what);
struct minato_addr address(struct world *w, const char *text);

/* --- words.c -------------------------------------------------------------- */

/* `< ...`; held back for the next one when `wait`. */
void inject(struct world *w, char *at, bool wait);
/* `> ...` */
void expect(struct world *w, char *at);
/* `>? ...`: takes the packet if it is like that, else leaves it. */
void expect_maybe(struct world *w, char *at);
void quiet(struct world *w);
/* Notes the first numbers of a connection, and how far it has sent. */
void learn(struct world *w, const struct pkt *p);

/* --- verbs.c -------------------------------------------------------------- */

const char *error_name(int64_t e);
void act(struct world *w, char *word, char *at);

#endif
