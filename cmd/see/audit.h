/* SPDX-License-Identifier: BSD-2-Clause */
/* Which ports answer from outside, and which of them were meant to. */
#ifndef MINATO_CMD_AUDIT_H
#define MINATO_CMD_AUDIT_H

#include "cmd/see/holders.h"

/* ---- scope.c: from where a listener can be reached, as far as addresses say ---- */

/* From the narrowest on. */
#define CMD_SCOPES(X)                                                                              \
	X(GUEST, "guest")	/* from within a guest's own network alone */                      \
	X(LOOPBACK, "loopback") /* from this host alone */                                         \
	X(LAN, "lan")		/* from networks of private and link-local addresses */            \
	X(EVERYONE, "everyone") /* from wherever this host's addresses can be reached */

enum cmd_scope {
#define X(name, word) CMD_SCOPE_##name,
	CMD_SCOPES(X)
#undef X
};
const char *cmd_scope_word(enum cmd_scope scope);
/* The scope of that name, or -EINVAL. */
int cmd_scope_read(const char *word);
/* Whose neighbours an address of this host can talk to. */
enum cmd_scope cmd_scope_of_address(const struct minato_addr *addr);

#define CMD_ADDRESSES_MAX 256

/* The addresses of this host. */
struct cmd_ground {
	struct drive_hostaddr list[CMD_ADDRESSES_MAX];
	size_t count;
};

int cmd_ground_read(struct cmd_ground *ground, struct drive_error *error);
/*
 * A wildcard reaches as far as the widest of the host's addresses in its families; bound to an
 * interface, of those there.
 */
enum cmd_scope cmd_scope_of(const struct cmd_ground *ground, const struct cmd_holder *holder);

/* ---- expect.c: what is meant to listen ---- */

/* A line of the file. */
struct cmd_expected {
	uint16_t first, last;
	uint8_t proto;
	enum cmd_scope scope; /* the widest that is meant */
	char program[64];     /* or "guest:web"; empty: whichever */
	uint32_t line;
	bool met; /* by something that listens */
};

struct cmd_expectation {
	struct cmd_expected *list;
	size_t count, room;
};

/*
 * Reads the text of a file. Each line is PORT[-PORT]/tcp or /udp, or the name of a service in the
 * place of PORT, then a program or guest:NAME and a scope, both of which may be left out; `#`
 * begins a comment. 0, or -EINVAL with a text of three lines, the last a caret under the fault;
 * -ENOMEM. cmd_expectation_free is due in either case.
 */
int cmd_expectation_read(struct cmd_expectation *all, const char *text, size_t size,
			 const struct minato_services *services, struct drive_error *error);
void cmd_expectation_free(struct cmd_expectation *all);
/*
 * Whether the file names it: port and protocol, its program where both are known, and a scope that
 * is no wider. Marks what was met. `who` is the program, or "guest:NAME".
 */
bool cmd_expectation_meets(struct cmd_expectation *all, const struct cmd_holder *holder,
			   const char *who, enum cmd_scope scope);

/* ---- exposure.c: what answers ---- */

struct cmd_exposure {
	const struct cmd_holder *holder; /* borrowed */
	const struct cmd_holder *behind; /* of a forward: who listens in the guest, or NULL */
	enum cmd_scope scope;
	uint32_t connections; /* at present */
	int64_t unused_ms;    /* since the last one; -1: not known, -2: there was none */
	char who[64];	      /* the program, or "guest:NAME"; empty: not known */
	bool expected;
	bool closed;   /* by us, just now */
	uint16_t last; /* from cmd_exposures_join: of the run that begins here */
	bool joined;   /* likewise: to one that began before */
};

struct cmd_exposures {
	struct cmd_holders holders;
	struct cmd_exposure *list; /* by port and protocol, the host's before the guests' */
	size_t count;
};

/* All that listens, of every scope. 0 or negative errno with a text; free in either case. */
int cmd_exposures_find(struct cmd_exposures *all, struct drive_error *error);
void cmd_exposures_free(struct cmd_exposures *all);
/*
 * Joins ports that follow each other, are published by the same words and differ in nothing that
 * is told of them, so that they are told of once.
 */
void cmd_exposures_join(struct cmd_exposures *all);
/* Each writes into `out`, cut to `size`, and returns it. What to do about it, in one line: */
const char *cmd_exposure_advice(const struct cmd_exposure *one, char *out, size_t size);
/* "80/tcp", or of a run "80-89/tcp". */
const char *cmd_exposure_ports(const struct cmd_exposure *one, char *out, size_t size);
/* As cmd_holder_name. */
const char *cmd_exposure_holder(const struct cmd_exposure *one, char *out, size_t size);

/* ---- audit.c ---- */

extern const struct cmd_command cmd_audit;

#endif
