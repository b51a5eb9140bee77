/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flows that the kernel carries, and its programs at interfaces. */
#include "drive/carry.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* In the kernel since Linux 6.6, in its headers later. */
#define TCX_INGRESS 46 /* BPF_TCX_INGRESS */

#define TABLE_SIZE (DRIVE_CARRY_SLOTS * sizeof(struct drive_carry_slot))
/*
 * How long a place is left alone when nothing is there any more: who has read it as it was has long
 * gone on by then.
 */
#define REST_NS INT64_C(100000000)

#define OUTS_MAX 1024u

struct drive_carry {
	int slots, order; /* maps */
	int outs;	  /* another: interfaces that were joined */
	uint64_t factor;
	struct drive_carry_slot *table;
	uint32_t lives;
	int64_t freed_ns[DRIVE_CARRY_SLOTS];
};

/* ---- the kernel's side ---- */

/* unsealed: bpf */
static int bpf(int command, union bpf_attr *attr)
{
	long result = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return result < 0 ? -errno : (int)result;
}

static int make_map(uint32_t type, uint32_t value, uint32_t count, uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = value;
	attr.max_entries = count;
	attr.map_flags = flags;
	return bpf(BPF_MAP_CREATE, &attr);
}

static int add_out(int map, unsigned index)
{
	const uint32_t one = 1;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uint64_t)(uintptr_t)&index;
	attr.value = (uint64_t)(uintptr_t)&one;
	return bpf(BPF_MAP_UPDATE_ELEM, &attr);
}

static int load_program(uint32_t type, const struct bpf_insn *code, uint32_t count)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = count;
	attr.license = (uint64_t)(uintptr_t) "Dual BSD/GPL";
	return bpf(BPF_PROG_LOAD, &attr);
}

static int attach(int program, unsigned index)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = index;
	attr.link_create.attach_type = TCX_INGRESS;
	return bpf(BPF_LINK_CREATE, &attr);
}

/* The ingress first: it does nothing but what the filter orders. */
static int join(const struct drive_carry_code *code, int packet)
{
	struct bpf_insn insn[DRIVE_CARRY_CODE];
	int filter =
		load_program(BPF_PROG_TYPE_SOCKET_FILTER, insn, drive_carry_filter(code, insn));
	int ingress = filter < 0 ? filter :
				   load_program(BPF_PROG_TYPE_SCHED_CLS, insn,
						drive_carry_ingress(code, insn));
	int link = ingress < 0 ? ingress : attach(ingress, code->index);

	if (link >= 0 &&
	    setsockopt(packet, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof(filter)) < 0) {
		int result = -errno;

		close(link);
		link = result;
	}
	if (filter >= 0)
		close(filter);
	if (ingress >= 0)
		close(ingress);
	return link;
}

/* unsealed: setsockopt close */
int drive_carry_join(const struct drive_carry *carry, int packet, unsigned index,
		     const uint8_t mac[6])
{
	struct drive_carry_code code = {
		.slots = carry->slots,
		.order = carry->order,
		.outs = carry->outs,
		.factor = carry->factor,
		.index = index,
	};

	int result = add_out(carry->outs, index);

	memcpy(code.mac, mac, sizeof(code.mac));
	return result < 0 ? result : join(&code, packet);
}

/* unsealed: mmap */
static int make(struct drive_carry *carry)
{
	void *table;

	carry->slots = make_map(BPF_MAP_TYPE_ARRAY, sizeof(struct drive_carry_slot),
				DRIVE_CARRY_SLOTS, BPF_F_MMAPABLE);
	if (carry->slots < 0)
		return carry->slots;
	carry->order = make_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct drive_carry_order), 1, 0);
	if (carry->order < 0)
		return carry->order;
	carry->outs = make_map(BPF_MAP_TYPE_HASH, sizeof(uint32_t), OUTS_MAX, 0);
	if (carry->outs < 0)
		return carry->outs;
	table = mmap(NULL, TABLE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, carry->slots, 0);
	if (table == MAP_FAILED)
		return -errno;
	carry->table = table;
	return drive_seed(&carry->factor, sizeof(carry->factor));
}

int drive_carry_open(struct drive_carry **out, struct drive_error *error)
{
	struct drive_carry *carry = calloc(1, sizeof(*carry));
	int result = -ENOMEM;

	if (carry) {
		carry->slots = carry->order = carry->outs = -1;
		result = make(carry);
		carry->factor |= 1;
	}
	if (result == 0) {
		*out = carry;
		return 0;
	}
	drive_carry_free(carry);
	if (result == -EPERM)
		return drive_fail(error, EPERM,
				  "that needs CAP_BPF and CAP_NET_ADMIN over the whole system");
	return drive_fail(error, -result, "the kernel's bpf(): %s", strerror(-result));
}

/* unsealed: munmap close */
void drive_carry_free(struct drive_carry *carry)
{
	if (!carry)
		return;
	if (carry->table)
		(void)munmap(carry->table, TABLE_SIZE);
	if (carry->slots >= 0)
		close(carry->slots);
	if (carry->order >= 0)
		close(carry->order);
	if (carry->outs >= 0)
		close(carry->outs);
	free(carry);
}

/* ---- the table ---- */

static bool is4(const struct drive_carried *what)
{
	return minato_addr_is4(&what->source.addr);
}

static void copy_addr4(void *to, const struct minato_addr *addr)
{
	memcpy(to, addr->bytes + 12, 4);
}

static void copy_port(void *to, uint16_t port)
{
	const uint8_t bytes[2] = { (uint8_t)(port >> 8), (uint8_t)port };

	memcpy(to, bytes, sizeof(bytes));
}

static void make_key(uint64_t key[5], const struct drive_carried *what)
{
	uint8_t ports[4];
	uint32_t both;

	memset(key, 0, 5 * sizeof(key[0]));
	if (is4(what)) {
		copy_addr4(key, &what->source.addr);
		copy_addr4((uint8_t *)key + 4, &what->destination.addr);
	} else {
		memcpy(key, what->source.addr.bytes, 16);
		memcpy(key + 2, what->destination.addr.bytes, 16);
	}
	copy_port(ports, what->source.port);
	copy_port(ports + 2, what->destination.port);
	memcpy(&both, ports, sizeof(both));
	key[4] = both | (what->from * UINT64_C(2) + !is4(what)) << 32;
}

static uint32_t load32(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void copy_next(struct drive_carry_slot *slot, uint32_t next)
{
	const uint8_t bytes[4] = { (uint8_t)(next >> 24), (uint8_t)(next >> 16),
				   (uint8_t)(next >> 8), (uint8_t)next };

	__atomic_store_n(&slot->next, load32(bytes), __ATOMIC_RELAXED);
}

/* Ones' complement arithmetic does not mind the order of bytes, nor how wide it is added. */
static uint32_t add(uint32_t sum, uint32_t value)
{
	sum += value;
	return sum + (sum < value);
}

static uint32_t change(uint32_t sum, const void *old, const void *new)
{
	return add(add(sum, ~load32(old)), load32(new));
}

static void describe(struct drive_carry_slot *slot, const struct drive_carried *what)
{
	static const uint8_t one_hop[4] = { 1, 0, 0, 0 };
	static const uint8_t none[4] = { 0, 0, 0, 0 };
	uint8_t old[8];

	slot->mtu = what->mtu;
	slot->to = what->to;
	slot->six = !is4(what);
	memcpy(slot->macs, what->mac_destination, 6);
	memcpy(slot->macs + 6, what->mac_source, 6);
	if (slot->six)
		return;
	copy_addr4(old, &what->source.addr);
	copy_addr4(old + 4, &what->destination.addr);
	copy_addr4(slot->addrs, &what->new_source.addr);
	copy_addr4(slot->addrs + 4, &what->new_destination.addr);
	slot->pseudo_change = change(change(0, old, slot->addrs), old + 4, slot->addrs + 4);
	slot->head_change = change(slot->pseudo_change, one_hop, none);
	copy_port(old, what->source.port);
	copy_port(old + 2, what->destination.port);
	copy_port(slot->ports, what->new_source.port);
	copy_port(slot->ports + 2, what->new_destination.port);
	slot->port_change = change(0, old, slot->ports);
}

/* A free place of the key's, or -EEXIST, -ENOSPC. */
static int find_place(const struct drive_carry *carry, const uint64_t key[5],
		      struct minato_time now)
{
	uint32_t first = drive_carry_hash(key, carry->factor);
	int place = -ENOSPC;

	for (uint32_t i = first; i < first + DRIVE_CARRY_WAYS; i++) {
		const struct drive_carry_slot *slot = &carry->table[i];

		if (slot->live && memcmp(slot->key, key, sizeof(slot->key)) == 0)
			return -EEXIST;
		if (!slot->live && place < 0 &&
		    (carry->freed_ns[i] == 0 || now.ns - carry->freed_ns[i] >= REST_NS))
			place = (int)i;
	}
	return place;
}

int drive_carry_put(struct drive_carry *carry, const struct drive_carried *what,
		    struct minato_time now)
{
	struct drive_carry_slot *slot;
	uint64_t key[5];
	int place;

	make_key(key, what);
	place = find_place(carry, key, now);
	if (place < 0)
		return place;
	slot = &carry->table[place];
	memset(slot, 0, sizeof(*slot));
	memcpy(slot->key, key, sizeof(key));
	describe(slot, what);
	slot->last = (uint64_t)now.ns;
	copy_next(slot, what->next);
	if (++carry->lives == 0)
		carry->lives = 1;
	__atomic_store_n(&slot->live, carry->lives, __ATOMIC_RELEASE);
	return place;
}

void drive_carry_follow(struct drive_carry *carry, int place, uint32_t next)
{
	copy_next(&carry->table[place], next);
}

void drive_carry_hurry(struct drive_carry *carry, int place)
{
	__atomic_store_n(&carry->table[place].begun, 1, __ATOMIC_RELAXED);
}

bool drive_carry_begun(const struct drive_carry *carry, int place)
{
	return __atomic_load_n(&carry->table[place].begun, __ATOMIC_RELAXED) != 0;
}

struct drive_carry_count drive_carry_look(const struct drive_carry *carry, int place)
{
	const struct drive_carry_slot *slot = &carry->table[place];

	return (struct drive_carry_count){
		.frames = __atomic_load_n(&slot->frames, __ATOMIC_RELAXED),
		.bytes = __atomic_load_n(&slot->bytes, __ATOMIC_RELAXED),
		.last.ns = (int64_t)__atomic_load_n(&slot->last, __ATOMIC_RELAXED),
	};
}

struct drive_carry_count drive_carry_take(struct drive_carry *carry, int place,
					  struct minato_time now)
{
	__atomic_store_n(&carry->table[place].live, 0, __ATOMIC_SEQ_CST);
	carry->freed_ns[place] = now.ns;
	return drive_carry_look(carry, place);
}

void drive_carry_clear(struct drive_carry *carry)
{
	for (uint32_t i = 0; i < DRIVE_CARRY_SLOTS; i++) {
		if (!carry->table[i].live)
			continue;
		(void)drive_carry_take(carry, (int)i, drive_now());
	}
}
