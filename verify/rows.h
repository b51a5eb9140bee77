/* SPDX-License-Identifier: BSD-2-Clause */
/* What rows are written with: a world around a NAT under test, and how to say what was seen. */
#ifndef VERIFY_ROWS_H
#define VERIFY_ROWS_H

#include "verify/table.h"
#include "verify/verify.h"

/* The rows: rows_4787.c, rows_4787_more.c, rows_5382.c, rows_5508.c, rows_6888.c, rows_7857.c,
   settled.c. */
#define X(rfc, name, id, level, expected, asks) void row_##rfc##_##name(struct verify_world *w);
VERIFY_ROWS(X)
VERIFY_SETTLED(X)
#undef X

#define SEEN_MAX 64

struct seen {
	enum verify_side side;
	struct verify_packet packet;
};

struct verify_world {
	struct verify_nat *nat;
	FILE *dump;
	struct verify_setup setup; /* to be changed before begin() */
	bool begun, may_leak, judged;
	bool quick;   /* do not wait for what may still come */
	double now_s; /* since it began */
	/* What left since the last put(); `next` was not looked at yet, on that side. */
	struct seen *seen;
	size_t seen_count, next[VERIFY_SIDES];
	struct verify_packet fault_packet; /* what broke a rule that always holds */
	char fault[VERIFY_WHY_SIZE];
	char read[VERIFY_WHY_SIZE]; /* settings that were read instead of waited for */
	uint16_t id;		    /* of the last packet made */
	struct verify_outcome outcome;
};

/* ---- world.c ---- */

/* Starts the NAT with world->setup; false where it cannot be, and then the row is judged. */
bool row_begin(struct verify_world *w);
/* The row's verdict; the first one counts. */
void row_met(struct verify_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void row_deviates(struct verify_world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Goes on if it is so, else the row deviates for this reason. */
#define NEED(world, is_so, ...)                                                                    \
	do {                                                                                       \
		if (!(is_so)) {                                                                    \
			row_deviates(world, __VA_ARGS__);                                          \
			return;                                                                    \
		}                                                                                  \
	} while (0)
#define BEGIN(world)                                                                               \
	do {                                                                                       \
		if (!row_begin(world))                                                             \
			return;                                                                    \
	} while (0)

/* A packet arrives; what was seen before is forgotten. */
void row_put(struct verify_world *w, enum verify_side side, const struct verify_packet *p);
/* The same without forgetting. */
void row_put_more(struct verify_world *w, enum verify_side side, const struct verify_packet *p);
/* The next packet that left on this side, or NULL. */
const struct verify_packet *row_look(struct verify_world *w, enum verify_side side);
/* Puts the packet in; the first packet that left on the other side, or NULL. */
const struct verify_packet *row_through(struct verify_world *w, enum verify_side side,
					const struct verify_packet *p);
/* Time passes; what leaves is seen. */
void row_pass(struct verify_world *w, double seconds);
/*
 * Is what the packet wants to reach still reached after so much idle time? Where time is real and
 * the timer is longer than can be waited for, by the NAT's own setting, which `why` then names.
 */
bool row_outlives(struct verify_world *w, enum verify_timer timer, double seconds,
		  enum verify_side side, const struct verify_packet *p);
/* A span in which the NAT's timer would run out without traffic, for a row that sends meanwhile. */
double row_span(struct verify_world *w, enum verify_timer timer, double seconds);

/* ---- making.c: packets of the world ---- */

struct verify_end row_host(uint32_t n, uint16_t port); /* inside: 0 is A */
struct verify_end row_at(uint32_t addr, uint16_t port);
#define A(port) row_host(0, port)
#define B(port) row_host(1, port)
#define TO_X(port) row_at(VERIFY_X, port)
#define TO_Y(port) row_at(VERIFY_Y, port)
bool row_same(struct verify_end a, struct verify_end b);
struct verify_packet row_udp(struct verify_world *w, struct verify_end src, struct verify_end dst);
struct verify_packet row_tcp(struct verify_world *w, struct verify_end src, struct verify_end dst,
			     uint8_t flags);
/* An echo request; the identifier is src's port. */
struct verify_packet row_echo(struct verify_world *w, struct verify_end src, uint32_t dst);
struct verify_packet row_echo_reply(struct verify_world *w, uint32_t src, struct verify_end dst);
/* A packet of `len` bytes of payload, the same for the same seed. */
void row_fill(struct verify_packet *p, uint16_t len, uint8_t seed);
/* "10.0.0.2:5000", in one of a few buffers that are used in turn. */
const char *row_said(struct verify_end end);
/* What came, in words, or "nothing"; likewise. */
const char *row_came(const struct verify_packet *p);

/* ---- flows.c: mappings and connections ---- */

/* Sends a datagram outward: the outside end it got, port 0 if nothing left. */
struct verify_end row_map_udp(struct verify_world *w, struct verify_end inside,
			      struct verify_end to);
struct verify_end row_map_tcp(struct verify_world *w, struct verify_end inside,
			      struct verify_end to);
struct verify_end row_map_icmp(struct verify_world *w, struct verify_end inside, uint32_t to);
/* So many ports, from 20000 on, and none shared (rows_6888.c). */
void row_narrow(struct verify_world *w, uint16_t ports);
/* Does a datagram from there to the outside end arrive at `inside`, exactly? */
bool row_reaches(struct verify_world *w, struct verify_end from, struct verify_end outside,
		 struct verify_end inside);
/* The same with a SYN. */
bool row_syn_reaches(struct verify_world *w, struct verify_end from, struct verify_end outside,
		     struct verify_end inside);

/* A TCP connection whose ends are played by the row. */
struct flow {
	struct verify_end inside, outside, server;
	uint32_t inside_seq, server_seq; /* next to be sent */
};
/* A whole handshake begun inside; false if any part of it was lost or changed. */
bool row_connect_out(struct verify_world *w, struct flow *f, struct verify_end inside,
		     struct verify_end server);
/* One segment of the flow from either side; does it arrive as it was sent? */
bool row_segment(struct verify_world *w, struct flow *f, enum verify_side from, uint8_t flags,
		 uint16_t len);
/* The segment itself, for who wants to spoil it; sequence numbers go on. */
struct verify_packet row_segment_of(struct verify_world *w, struct flow *f, enum verify_side from,
				    uint8_t flags, uint16_t len);
/* FIN and ACK from both. */
bool row_close_flow(struct verify_world *w, struct flow *f);

#endif
