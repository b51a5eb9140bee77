/* SPDX-License-Identifier: BSD-2-Clause */
/* Who holds a port: on this host and in the running guests, in one list. */
#ifndef MINATO_CMD_HOLDERS_H
#define MINATO_CMD_HOLDERS_H

#include "cmd/cmd.h"
#include "kernel/kernel.h"

/* How a port is held. In this order in a list. */
#define CMD_HOLDS(X)                                                                               \
	X(LISTENER, "listener")	    /* waits for connections, or for datagrams of anybody */       \
	X(BOUND, "bound")	    /* taken, and not yet used */                                  \
	X(CONNECTION, "connection") /* the local end of them */                                    \
	X(TIME_WAIT, "time-wait")   /* of connections that have ended: nobody's */

enum cmd_hold {
#define X(name, word) CMD_HOLD_##name,
	CMD_HOLDS(X)
#undef X
};
const char *cmd_hold_word(enum cmd_hold hold);

#define CMD_HOLDER_PIDS 16

/*
 * One or several sockets that hold a port in the same way and at the same address: listeners, all
 * connections, all in TIME-WAIT. What is told of a socket is told of the first.
 */
struct cmd_holder {
	uint16_t port;
	uint8_t proto; /* MINATO_TCP or MINATO_UDP */
	enum cmd_hold hold;
	char guest[VIEW_NAME_SIZE];	    /* in whose network; empty: this host's */
	struct minato_endpoint local, peer; /* peer: of connections and TIME-WAIT */
	bool v6only;			    /* local :: without IPv4 */
	uint32_t interface;		    /* only there; 0: any */
	uint32_t count;
	uint32_t uid, inode;	       /* inode 0: no program has it */
	uint32_t timer_ms;	       /* of TIME-WAIT: until it is over; else 0 */
	struct kernel_process process; /* the oldest that holds it; pid 0: not known, or none */
	uint32_t processes;	       /* how many hold it */
	pid_t pids[CMD_HOLDER_PIDS];   /* as many of them as there is room for, `process` too */
	/* The host's end of a port that minato publishes for a guest, or of connections to it: */
	char published[VIEW_NAME_SIZE]; /* its name; empty: it is none */
	uint16_t guest_port;
	char spec[128]; /* as forward rm takes it; empty: not known */
};

struct cmd_holders {
	struct cmd_holder *list; /* sorted: port, protocol, host first, hold, address */
	size_t count, room;
	bool failed; /* memory ran out */
};

/* Ports first..last, of both protocols where neither is wanted. */
struct cmd_holders_query {
	uint16_t first, last;
	bool tcp, udp;
	bool host, guests; /* where to look */
	const char *guest; /* and only into this guest; NULL: all */
	bool waiting;	   /* only who listens or is bound */
	bool alone;	   /* no guest's minato is asked; so it is not known what is published */
};

/*
 * Finds them. A guest that ends meanwhile, or does not answer, is left out. 0 or negative errno
 * with a text; cmd_holders_free is due after 0.
 */
int cmd_holders_find(struct cmd_holders *holders, const struct cmd_holders_query *query,
		     struct drive_error *error);
void cmd_holders_free(struct cmd_holders *holders);
/* The first of that port, protocol or a later one; the end of the list where none is. */
size_t cmd_holders_first(const struct cmd_holders *holders, uint16_t port, uint8_t proto);
/*
 * The one that is in the way of a bind of the port at one of these places, as the kernel decides it
 * for a socket with SO_REUSEADDR, if several then as the enum has them; NULL where none is.
 */
const struct cmd_holder *cmd_holders_obstacle(const struct cmd_holders *holders,
					      const struct drive_place *places, size_t count,
					      uint16_t port);

/* ---- holding.c: holders in words. Each writes into `out`, cut to `size`, and returns it. ---- */

/* The name of a user, or the number. */
const char *cmd_user_word(char *out, size_t size, uint32_t uid);
/*
 * Who it is, as far as the caller can see: "nginx (pid 12, user www-data, nginx.service)", "minato
 * (pid 7) for port 80 of guest web".
 */
const char *cmd_holder_name(char *out, size_t size, const struct cmd_holder *holder);
/* Its local address, as ss(8) has it: "*" for both families, "[::]", "[fe80::1]%eth0". */
const char *cmd_holder_address(char *out, size_t size, const struct cmd_holder *holder);
/*
 * "nginx (pid 12, user www-data) listens on 0.0.0.0:80", "guest web: 1 in TIME-WAIT, for 42 s at
 * most", and so on.
 */
const char *cmd_holder_text(char *out, size_t size, const struct cmd_holder *holder);

#endif
