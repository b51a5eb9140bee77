/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two sockets of one port: the first stands in some state, the second tries to bind and, if TCP,
 * to listen. What comes of every such pair, in a host value (pairs_minato.c) and in the Linux
 * kernel (pairs_linux.c).
 */
#ifndef TEST_MODEL_PAIRS_H
#define TEST_MODEL_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "minato/minato.h"

/* Where a socket binds. A and B are two addresses of the host, of each family. */
enum place {
	A4,
	ANY4,
	A6,
	ANY6,
	ONLY6,
	PLACES_OF_FIRST,
	B4 = PLACES_OF_FIRST,
	B6,
	MAPPED4,
	PLACES
};

/* What it has set: bits, and exclusive, which is minato's alone, together with both. */
enum { REUSEADDR = 1, REUSEPORT = 2, SHARINGS = 4, EXCLUSIVE = 4, OPTIONS };

/* How the first one stands there. UDP has the first two. */
enum standing {
	BOUND,
	CONNECTED, /* bound, then connected */
	LISTENING,
	ACCEPTED,  /* a connection whose listener has closed */
	TIME_WAIT, /* the same, closed by us first */
	STANDINGS
};
#define STANDINGS_OF_UDP 2

struct pair_of_sockets {
	enum minato_proto proto, second_proto;
	enum place first, second;
	enum standing standing;
	int first_options, second_options;
	bool other_user; /* the second is of another user */
};

enum outcome {
	NEITHER_FAILS,
	LISTEN_FAILS, /* with EADDRINUSE, as below */
	BIND_FAILS,
	UNTRIED, /* another user cannot be had here */
	BROKEN,	 /* something else failed: the trial itself */
};

/* A world for trials. */
void minato_world(void);
void minato_world_end(void);
enum outcome minato_try(const struct pair_of_sockets *pair);
/* In a network namespace of its own, where the process stays; false: not to be had. */
bool linux_world(void);
/* Each trial is on a port that was never used before: 1..60000 of them. */
enum outcome linux_try(const struct pair_of_sockets *pair);

#endif
