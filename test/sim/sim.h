/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim: worlds of two to four hosts in one process, under a virtual clock, on a
 * wire that loses, delays, reorders, repeats and corrupts, with programs that
 * use random verbs. A seed says everything: the same seed is the same world.
 *
 *      player.c   programs: talkers over TCP, datagrams, pings, held calls
 *      siege.c    others: a server, who wants something of it, and who only holds on to it
 *          |  verbs                          ^ events
 *      node       a host value each
 *          |  minato_output                  ^ minato_input
 *      cable.c    frames on their way, and what befalls them
 *
 *      world.c    makes a world of a seed and turns its clock
 *      judge.c    what must be true after every step, and at the end
 *
 * A world has a stormy time, in which the wire does its worst, and a calm one,
 * in which all that was begun must come to an end.
 */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "minato/minato.h"

#define SIM_NODES 4
#define SIM_FLOWS 40
#define SIM_STRAYS 64
#define SIM_PARCELS 4096
#define SIM_HELD 64
#define SIM_LISTENERS 3

#define SIM_MS INT64_C(1000000)
#define SIM_S INT64_C(1000000000)

struct sim;

/* --- dice: random numbers, all from the seed ---------------------------------- */

struct dice {
	uint64_t state;
};
uint64_t dice_next(struct dice *d);
uint32_t dice_below(struct dice *d, uint32_t bound);
/* True in `per_mille` of 1000 throws. */
bool dice_chance(struct dice *d, uint32_t per_mille);
/* Small numbers often, large ones sometimes; in [1, max]. */
uint32_t dice_size(struct dice *d, uint32_t max);

/* --- nodes ----------------------------------------------------------------------- */

struct node {
	struct minato *m;
	size_t size;
	struct minato_config config;
	struct minato_addr v4, v6;
	int64_t granularity_ns; /* its clock moves in steps of this */
	uint64_t listener[SIM_LISTENERS];
	uint64_t udp, icmp;
	uint64_t heard; /* datagrams verified */
};

/* --- cable.c: the wire -------------------------------------------------------------- */

struct weather {
	uint32_t loss, repeat, corrupt, marks; /* per mille */
	int64_t delay_ns, jitter_ns;
	uint64_t bytes_per_s; /* 0: no limit */
	uint32_t queue_max;   /* frames waiting for the wire */
};
struct parcel {
	int64_t at;
	uint64_t order;
	uint32_t to;
	struct minato_frame frame; /* data points behind the parcel */
};
struct cable {
	struct weather weather;
	struct parcel *heap[SIM_PARCELS];
	uint32_t count;
	uint64_t order;
	int64_t busy_until[SIM_NODES];
	uint64_t carried, lost, corrupted, repeated;
};
/* Takes all frames that a node has to send; true if there were any. */
bool cable_collect(struct sim *s, uint32_t from);
/* Hands over what has arrived by now; true if anything had. */
bool cable_deliver(struct sim *s);
int64_t cable_next(const struct cable *c);
void cable_clear(struct cable *c);

/* --- player.c: programs ------------------------------------------------------------------- */

enum end_state {
	END_UNUSED,
	END_CONNECTING,
	END_OPEN,
	END_CLOSED, /* by its program, in peace */
	END_FAILED, /* an error was reported */
	END_ABORTED,
};
/* One side of a conversation. */
struct end {
	enum end_state state;
	uint32_t node;
	uint64_t handle;
	uint64_t to_send, sent, received;
	bool shut, eof;
	int error;
	int64_t act_at, progress_at;
};
struct flow {
	uint32_t id;
	struct end end[2]; /* the caller, the called */
	bool silent;	   /* nobody answers: may end as it likes */
};
/* An accepted connection of which nothing is known yet. */
struct stray {
	bool used;
	uint32_t node;
	uint64_t handle;
	uint8_t head[4];
	uint32_t have;
	int64_t since;
};

/* A held call that its owner thinks about, or a datagram flow answered. */
struct held {
	bool used, answered;
	uint32_t node;
	uint64_t handle;
	int64_t act_at;
};

/* What the programs of a world are. */
struct cast {
	/* All act that are due; true if any did. */
	bool (*act)(struct sim *s);
	int64_t (*next)(const struct sim *s);
	/* What they see to after each instant. */
	void (*judge)(struct sim *s);
};
extern const struct cast player_cast;

void player_open(struct sim *s);
/* All programs act that are due; true if any did. */
bool player_act(struct sim *s);
int64_t player_next(const struct sim *s);
/* True when every conversation has come to an end. */
bool player_done(const struct sim *s);
/* Closes what is still open. */
void player_close(struct sim *s);

/* talk.c: the TCP side of a program, one conversation's end at a time. */
void talk_act(struct sim *s, struct flow *f, int side);
/* The byte at this place of the stream that `side` sends. */
uint8_t talk_byte(uint32_t id, int side, uint64_t at);
/* chat.c: datagrams and pings. */
void chat_send(struct sim *s, uint32_t node);
void chat_read(struct sim *s, uint32_t node, uint64_t handle);

/* --- judge.c --------------------------------------------------------------------------------- */

void judge_step(struct sim *s);
void judge_stuck(struct sim *s);
void judge_flows(struct sim *s);
void judge_end(struct sim *s);

/* --- world.c --------------------------------------------------------------------------------- */

struct sim {
	uint64_t seed;
	bool trace, calm, over, failed;
	char why[200];
	struct dice dice, wire_dice;
	int64_t now, storm_end, end;
	struct node node[SIM_NODES];
	uint32_t nodes;
	uint32_t size_max; /* bytes that one side says */
	uint32_t pace_ms;  /* between what programs begin */
	bool large;   /* datagrams longer than links take */
	bool outside; /* node 0 is the way to everywhere */
	bool scarce;  /* memory is */
	struct cable cable;
	struct flow flow[SIM_FLOWS];
	uint32_t flows, flows_max;
	struct stray stray[SIM_STRAYS];
	struct held held[SIM_HELD];
	int64_t spawn_at, sweep_at;
	bool by_events; /* programs act on events alone, they never poll */
	const struct cast *cast;
	uint64_t steps;
};

/* Runs one world. False: it failed, and `why` says so. */
bool sim_run(struct sim *s, uint64_t seed, bool trace);
/* Begins one of this seed that has no node yet. */
void world_begin(struct sim *s, uint64_t seed, bool trace, const struct cast *cast);
/* Makes a node of its config, which links it by its first link. */
void world_node(struct sim *s, uint32_t node);
/* Turns the clock until then; `done` (or NULL) may end that earlier. */
void world_run(struct sim *s, int64_t end, bool (*done)(const struct sim *s));
/* Frees all, however it went. */
void world_end(struct sim *s);
/* siege.c: one world with a server under siege; as sim_run. */
bool siege_run(struct sim *s, uint64_t seed, bool trace);
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Copies a node's memory byte by byte to another place, where it goes on. */
void sim_move(struct sim *s, uint32_t node);
/* The time as this node's clock shows it. */
struct minato_time sim_clock(const struct sim *s, uint32_t node);

#endif
