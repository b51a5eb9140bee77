/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port table again, written from its contract alone with plain arrays and
 * linear scans: what the real one is compared with.
 */
#ifndef TEST_MODEL_NAIVE_H
#define TEST_MODEL_NAIVE_H

#include "port/port.h"

#ifndef NAIVE_ENTRIES
#define NAIVE_ENTRIES 96
#endif
#define NAIVE_TUPLES 1024

struct naive_entry {
	bool live;
	uint32_t index; /* in the real table */
	uint64_t order; /* of insertion */
	uint64_t hits;
	struct minato_entry e; /* a claim too, kind SOCKET */
	struct port_claim claim;
	bool accepting;
};

struct naive_tuple {
	bool live;
	uint32_t index;
	bool association;
	struct port_key key;
	struct port_tuple_ref ref;
	uint64_t rested; /* its place among rests, or 0 */
	int64_t rest_until_ns;
};

struct naive {
	struct naive_entry entry[NAIVE_ENTRIES];
	struct naive_tuple tuple[NAIVE_TUPLES];
	uint64_t order;
};

bool naive_in_prefix(const struct minato_addr *a, const struct minato_addr *prefix,
		     unsigned prefix_len);

/* What a look-up must find. `group` lists the entries of which it is one. */
struct naive_fate {
	enum minato_kind kind;
	enum minato_verdict verdict;
	const struct naive_tuple *tuple;
	struct naive_entry *group[NAIVE_ENTRIES];
	unsigned group_count;
	struct minato_endpoint target;
};
void naive_lookup(struct naive *n, const struct port_key *key, int64_t now_ns, bool new_flow,
		  struct naive_fate *out);

bool naive_is_association(const struct port_key *key);
struct naive_tuple *naive_find_tuple(struct naive *n, const struct port_key *key);

/* Whether an entry that lives bars this one. */
bool naive_claim_bars(const struct naive_entry *there, const struct port_claim *claim);
bool naive_bind_allowed(const struct naive *n, const struct port_claim *claim);
/* What port_right must say. */
bool naive_right(const struct naive *n, const struct port_claim *claim, int64_t now_ns,
		 bool otherwise);
bool naive_listen_allowed(const struct naive *n, const struct naive_entry *self);
/* The normal form of an entry: masked, any port as 0..65535. False if wrong. */
bool naive_normal(const struct minato_entry *in, struct minato_entry *out);
bool naive_same_key(const struct minato_entry *a, bool a_v6_only, const struct minato_entry *b,
		    bool b_v6_only);

/* How many tuples, single claims, leases and forwards stand on a port of a scope. */
uint32_t naive_uses(const struct naive *n, uint8_t scope, uint8_t proto, uint16_t port);
/* Whether a choice is towards one destination, and shares with others. */
bool naive_for_one(const struct port_choice *c);
/* Whether the port is wholly unused; not held by any entry and free towards the
   choice's destination; free for it because others of our addresses hold it. */
bool naive_unused(const struct naive *n, const struct port_choice *c, uint16_t port);
bool naive_open(const struct naive *n, const struct port_choice *c, uint16_t port);
bool naive_sharable(const struct naive *n, const struct port_choice *c, uint16_t port);
/* Ends what a choice ends that finds nothing but rests; the port, or 0: none, or one
   that is sharable now. */
uint16_t naive_end_rests(struct naive *n, const struct port_choice *c);

#endif
