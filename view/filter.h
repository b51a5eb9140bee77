/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filters of ss(8): words become a small program, which every row is put to.
 *
 *   FILTER    := { "state" STATE | "exclude" STATE } [ EXPR ]
 *   EXPR      := TERM { ("or" | "|" | "||") TERM }
 *   TERM      := FACTOR { [ "and" | "&" | "&&" ] FACTOR }
 *   FACTOR    := ("not" | "!") FACTOR | "(" EXPR ")" | PREDICATE
 *   PREDICATE := ("src" | "dst") [ EQ ] [FAMILY:][HOST[/LENGTH]][:PORT]
 *              | ("sport" | "dport") [ OP ] [:]PORT
 *              | ("dev" | "fwmark" | "cgroup") [ EQ ] VALUE | "autobound"
 *
 * EQ is = or !=, OP a comparison; all have the aliases of ss. "not" binds closest and "or" loosest,
 * as ss(8) says; ss itself reads "and" and "or" from left to right. The program holds numbers, so
 * that no name is looked up twice, and takes no memory but its own array.
 */
#ifndef MINATO_FILTER_H
#define MINATO_FILTER_H

#include "view/view.h"

#define FILTER_TEXT_MAX 65536  /* bytes of a filter */
#define FILTER_WORD_MAX 256    /* of an operand */
#define FILTER_NODES_MAX 32768 /* what fits in the text, but for much "not" and many names */
#define FILTER_DEPTH_MAX 64    /* operators and parentheses that wait for what follows */
#define FILTER_HOSTS_MAX 16    /* addresses of one name that count */

/* ---- filter_eval.c: the program, and what it says of a row ---- */

enum filter_op {
	FILTER_AND, /* of left and right */
	FILTER_OR,
	FILTER_NOT,  /* of left */
	FILTER_HOST, /* the address, where there is a family, and the port, where ported */
	FILTER_PORT, /* the port compares so */
	FILTER_DEVICE,
	FILTER_MARK,
	FILTER_GROUP,
	FILTER_AUTOBOUND,
};

enum filter_compare { FILTER_EQ, FILTER_NE, FILTER_GT, FILTER_LT, FILTER_GE, FILTER_LE };

struct filter_node {
	enum filter_op op;
	uint16_t left, right; /* nodes before this one */
	bool peer;	      /* of HOST and PORT: dst, dport */
	/*
	 * 4, also of IPv6 sockets that speak IPv4 if not strict; 6, of IPv6 sockets alone; 0, any
	 * address. The prefix counts from the IPv6 form, so that of IPv4 is at least 96.
	 */
	uint8_t family, prefix;
	bool strict;
	struct minato_addr addr;
	bool ported;
	enum filter_compare compare; /* of PORT */
	uint16_t port;
	uint32_t interface;
	uint32_t mark, mask;
	uint64_t group; /* the number of a cgroup */
};

/* Bits of filter_program.states, beside 1 << enum minato_state. */
#define FILTER_STATE_NONE 1u	      /* rows that are no sockets */
#define FILTER_STATE_BOUND (1u << 13) /* TCP, bound and not more; as newer kernels list it */

/* All that have a peer, or had one. */
#define FILTER_STATES_CONNECTED                                                                    \
	~((1u << MINATO_LISTEN) | (1u << MINATO_CLOSED) | FILTER_STATE_BOUND | FILTER_STATE_NONE)

struct filter_program {
	bool stated;	 /* there were state words */
	uint32_t states; /* then these are wanted */
	/* Operands stand before their operator and the whole is last; 0: every row will do. */
	size_t count;
	struct filter_node nodes[FILTER_NODES_MAX];
};

/* Whether the expression is true of the row; of states it knows nothing. */
bool filter_match(const struct filter_program *program, const struct view_row *row);
/* Whether such a node is in it; `program` may be NULL. */
bool filter_asks(const struct filter_program *program, enum filter_op op);
/* The bit of the row's state. */
uint32_t filter_state_bit(const struct view_row *row);
/* The states that ss lists of a kernel's sockets: of state words, else of -a and -l. */
uint32_t filter_states(const struct view_filter *filter);

/* ---- filter.c: from words to a program ---- */

/* How a name becomes a number; negative errno where it does not. NULL: numbers only. */
struct filter_names {
	void *user;
	/* The port of a service; -ENOTUNIQ where TCP and UDP differ. */
	int (*service)(void *user, const char *name);
	/* How many addresses the host has; family 4, 6 or 0 for both. */
	int (*host)(void *user, const char *name, uint8_t family,
		    struct minato_addr addrs[FILTER_HOSTS_MAX]);
	/* The index of an interface. */
	int (*device)(void *user, const char *name);
	/* The number of a cgroup; 0 when found. */
	int (*group)(void *user, const char *path, uint64_t *number);
};

/* What is wrong, and with which word. */
struct filter_error {
	size_t at, length; /* of the word in the text; length 0: something is missing there */
	char what[FILTER_WORD_MAX + 128];
	const char *const *candidates; /* words that would be right, up to NULL; or NULL */
	bool service;		       /* a service was meant */
};

/* Reads a filter; 0, or -EINVAL with the error filled. Lines that begin with # are comments. */
int filter_parse(struct filter_program *program, const char *text, const struct filter_names *names,
		 struct filter_error *error);
/*
 * Prints the line of the text that the error is in, and under it a line that points at the word.
 * Bytes that a terminal would obey are replaced.
 */
void filter_point(FILE *out, const char *text, const struct filter_error *error);

/* ---- filter_operand.c: what stands behind src, sport, dev ... ---- */

/* What a name stands for: nodes to be joined by "or". */
struct filter_operands {
	size_t count;
	struct filter_node nodes[FILTER_HOSTS_MAX];
};

/*
 * Each reads the operand of nodes[0], whose op and peer are set: an address with or without a port;
 * a port; what the other predicates take. 0, or -EINVAL with what, candidates and service filled.
 */
int filter_operand_host(struct filter_operands *out, const char *word,
			const struct filter_names *names, struct filter_error *error);
int filter_operand_port(struct filter_node *node, const char *word,
			const struct filter_names *names, struct filter_error *error);
int filter_operand_other(struct filter_node *node, const char *word,
			 const struct filter_names *names, struct filter_error *error);

/* ---- filter_print.c: and back ---- */

/*
 * The one form of all ways to write a filter: numbers for names, words for operators, parentheses
 * only where they change something. Parsing it gives the same meaning. Returns its length, which
 * may be more than fits.
 */
size_t filter_print(char *out, size_t size, const struct filter_program *program);

#endif
