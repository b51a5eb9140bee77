/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that the kernel carries on our behalf, from one interface to another.
 *
 * A process that forwards copies each packet out of the kernel and back in; a kernel that forwards
 * copies nothing. So who decides about a flow can have its further packets carried: a table says
 * from which ends to which, and two programs (BPF) at each interface do it. Nothing else is decided
 * there: what is not in the table, and all that is not a plain segment in the midst of a TCP
 * connection, comes up to us as ever.
 *
 *	frame -> filter of our packet socket -> ingress of the interface -> the kernel, or `take`
 *		   in the table? then not           what the filter said?
 *		   for us, and noted how            rewritten, and out
 *
 * The filter alone looks, and both run one after the other on one processor: a packet is handled by
 * one of the two ways, never by both or none, whatever happens to the table meanwhile. The table is
 * of fixed size, in memory that both sides see: who has it mapped needs no system call to change
 * it. It vanishes with the last descriptor, and the programs with those that drive_carry_join
 * returns. Whatever is written there, nothing leaves by an interface that was not joined.
 *
 * Needs CAP_BPF and CAP_NET_ADMIN over the whole system, and Linux 6.6.
 */
#ifndef DRIVE_CARRY_H
#define DRIVE_CARRY_H

#include "drive/drive.h"

struct bpf_insn;

#define DRIVE_CARRY_WAYS 4u	/* places that a flow's hash leaves to choose from */
#define DRIVE_CARRY_SLOTS 8192u /* directions of flows at once; a power of two */

/* One direction of a TCP flow. */
struct drive_carried {
	unsigned from, to;				    /* indices of interfaces, both joined */
	struct minato_endpoint source, destination;	    /* as its packets come */
	struct minato_endpoint new_source, new_destination; /* of IPv6 the same */
	uint8_t mac_source[6], mac_destination[6];	    /* with which they leave */
	uint32_t mtu;  /* there: what is longer comes up to us */
	uint32_t next; /* sequence number of the segment that is carried first */
};

/* How much was carried. */
struct drive_carry_count {
	uint64_t frames, bytes; /* with their Ethernet headers; a run counts as one */
	struct minato_time last;
};

struct drive_carry;

/* Makes an empty table. 0, or negative errno with why it cannot be had here. */
int drive_carry_open(struct drive_carry **out, struct drive_error *error);
/* NULL: nothing. A fork that has it too goes on with it. */
void drive_carry_free(struct drive_carry *carry);
/*
 * In the network namespace of the interface: what arrives for this MAC address and is in the table
 * goes past the packet socket. Returns a descriptor, with which that ends; or negative errno.
 */
int drive_carry_join(const struct drive_carry *carry, int packet, unsigned index,
		     const uint8_t mac[6]);
/*
 * From its segment `next` on this direction is carried, and what came before it comes up to us: so
 * nothing overtakes what waits at the packet socket. Returns its place; -EEXIST (it is there),
 * -ENOSPC (no room for one of its hash). `now` is that of the last frame as long as there is none.
 */
int drive_carry_put(struct drive_carry *carry, const struct drive_carried *what,
		    struct minato_time now);
/* It is to begin there, if it has not yet: all before that was handed on meanwhile. */
void drive_carry_follow(struct drive_carry *carry, int place, uint32_t next);
/* Or with the next one, whichever that is. */
void drive_carry_hurry(struct drive_carry *carry, int place);
/* Whether it has begun. */
bool drive_carry_begun(const struct drive_carry *carry, int place);
/* And from now on no longer; returns what is to be known at last. */
struct drive_carry_count drive_carry_take(struct drive_carry *carry, int place,
					  struct minato_time now);
struct drive_carry_count drive_carry_look(const struct drive_carry *carry, int place);
/* Nothing is carried any more. */
void drive_carry_clear(struct drive_carry *carry);

/* ---- carrycode.c: the programs ---- */

#define DRIVE_CARRY_CODE 400u /* instructions, at most */

/* A place of the table: the one memory that the kernel and we have in common. */
struct drive_carry_slot {
	uint64_t key[5]; /* ends as they come; the last has ports, and 2 * interface + IPv6 */
	uint32_t live;	 /* 0: none; else another number each time */
	uint32_t mtu;
	/* The order, which the filter hands to the other program. */
	uint32_t to, six;
	uint32_t head_change, pseudo_change, port_change; /* of sums (RFC 1624) */
	uint8_t macs[12], ports[4], addrs[8];
	uint8_t unused[4];
	uint64_t frames, bytes, last;
	uint32_t begun; /* 0: not until a segment has `next`, which is as on the wire */
	uint32_t next;
};
/* What the filter hands over, of each processor. */
struct drive_carry_order {
	uint32_t wanted, len;
	uint8_t words[48]; /* of the slot, from `to` on */
	uint8_t hops;
	uint8_t unused[7];
};

/* What a program is made for. */
struct drive_carry_code {
	int slots, order, outs; /* descriptors of maps */
	uint64_t factor;	/* of the hash; odd */
	unsigned index;
	uint8_t mac[6];
};
/* The first slot for a key. */
uint32_t drive_carry_hash(const uint64_t key[5], uint64_t factor);
/* Write them, DRIVE_CARRY_CODE instructions at most; how many. */
uint32_t drive_carry_filter(const struct drive_carry_code *of, struct bpf_insn *out);
uint32_t drive_carry_ingress(const struct drive_carry_code *of, struct bpf_insn *out);

#endif
