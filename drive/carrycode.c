/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two programs of carry.h, instruction by instruction: no compiler for them is needed, neither
 * here nor where minato runs. Registers: 6 the packet, 7 the order of this processor, 8 and 9 what
 * each part says; 10 is the stack's end.
 */
#include "drive/carry.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <string.h>

#define JUMPS 96u
#define WHOLE 0x40000 /* bytes of a packet that a filter lets through: all */
#define SEEN_UP (-1)  /* TCX_NEXT: as if we were not there */
#define DROPPED 2     /* TCX_DROP */

/* Places on the stack; what is read as 8 bytes lies at a multiple of 8. */
#define FRAME4 (-90)  /* 54 bytes from the frame's start: addresses at -64 */
#define FRAME6 (-136) /* 60 bytes behind the Ethernet header: addresses at -128 */
#define KEY (-176)
#define PLACE (-184)
#define SEQUENCE (-180)

#define SLOT(field) ((int16_t)offsetof(struct drive_carry_slot, field))
#define ORDER(field) ((int16_t)offsetof(struct drive_carry_order, field))
/* A field of the slot in the order. */
#define WORD(field) (int16_t)(ORDER(words) + SLOT(field) - SLOT(to))
#define PACKET(field) ((int16_t)offsetof(struct __sk_buff, field))

_Static_assert(sizeof(struct drive_carry_slot) == 128, "an element of the map");
_Static_assert(SLOT(frames) - SLOT(to) == sizeof(((struct drive_carry_order *)0)->words),
	       "an order is all that lies between");
_Static_assert(SLOT(to) % 8 == 0 && ORDER(words) % 8 == 0, "it is copied by words");

enum label {
	UP,
	SIX,
	SEEK,
	FOUND,
	BEGUN,
	RUN4,
	RUN6,
	OUT,
	LOST,
	NEXT,
	LABELS = NEXT + DRIVE_CARRY_WAYS
};

struct code {
	struct bpf_insn *insn;
	uint32_t count;
	struct {
		uint32_t at;
		uint32_t label;
	} jump[JUMPS];
	uint32_t jumps;
	uint32_t label[LABELS];
};

/* ---- instructions ---- */

static void put(struct code *c, int code, int dst, int src, int off, int64_t imm)
{
	c->insn[c->count++] = (struct bpf_insn){
		.code = (uint8_t)code,
		.dst_reg = (unsigned)dst & 15u,
		.src_reg = (unsigned)src & 15u,
		.off = (int16_t)off,
		.imm = (int32_t)imm,
	};
}

static void move(struct code *c, int dst, int src)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void set(struct code *c, int dst, int32_t value)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value);
}

static void set_long(struct code *c, int dst, int kind, uint64_t value)
{
	put(c, BPF_LD | BPF_DW | BPF_IMM, dst, kind, 0, (int32_t)(uint32_t)value);
	put(c, 0, 0, 0, 0, (int32_t)(uint32_t)(value >> 32));
}

/* With a number, or with a register. */
static void compute(struct code *c, int operation, int dst, int32_t value)
{
	put(c, BPF_ALU64 | operation | BPF_K, dst, 0, 0, value);
}

static void combine(struct code *c, int operation, int dst, int src)
{
	put(c, BPF_ALU64 | operation | BPF_X, dst, src, 0, 0);
}

static void load(struct code *c, int size, int dst, int base, int off)
{
	put(c, BPF_LDX | BPF_MEM | size, dst, base, off, 0);
}

static void store(struct code *c, int size, int base, int off, int src)
{
	put(c, BPF_STX | BPF_MEM | size, base, src, off, 0);
}

static void store_number(struct code *c, int size, int base, int off, int32_t value)
{
	put(c, BPF_ST | BPF_MEM | size, base, 0, off, value);
}

static void add_atomic(struct code *c, int base, int off, int src)
{
	put(c, BPF_STX | BPF_ATOMIC | BPF_DW, base, src, off, BPF_ADD);
}

static void go(struct code *c, int condition, int dst, int32_t value, uint32_t label)
{
	c->jump[c->jumps].at = c->count;
	c->jump[c->jumps++].label = label;
	put(c, BPF_JMP | condition | BPF_K, dst, 0, 0, value);
}

static void go_by(struct code *c, int condition, int dst, int src, uint32_t label)
{
	c->jump[c->jumps].at = c->count;
	c->jump[c->jumps++].label = label;
	put(c, BPF_JMP | condition | BPF_X, dst, src, 0, 0);
}

static void here(struct code *c, uint32_t label)
{
	c->label[label] = c->count;
}

static void call(struct code *c, int function)
{
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

static void leave(struct code *c, int32_t result)
{
	set(c, 0, result);
	put(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static uint32_t finish(struct code *c)
{
	for (uint32_t i = 0; i < c->jumps; i++) {
		struct bpf_insn *jump = &c->insn[c->jump[i].at];

		jump->off = (int16_t)(c->label[c->jump[i].label] - c->jump[i].at - 1);
	}
	return c->count;
}

/* ---- steps of both ---- */

/* Register 0 points to the element whose key lies there. */
static void look_up_at(struct code *c, int map, int base, int off, uint32_t otherwise)
{
	set_long(c, 1, BPF_PSEUDO_MAP_FD, (uint32_t)map);
	move(c, 2, base);
	compute(c, BPF_ADD, 2, off);
	call(c, BPF_FUNC_map_lookup_elem);
	go(c, BPF_JEQ, 0, 0, otherwise);
}

/* The number of the element lies on the stack. */
static void look_up(struct code *c, int map, uint32_t otherwise)
{
	look_up_at(c, map, 10, PLACE, otherwise);
}

static void find_order(struct code *c, const struct drive_carry_code *of)
{
	move(c, 6, 1);
	store_number(c, BPF_W, 10, PLACE, 0);
	look_up(c, of->order, UP);
	move(c, 7, 0);
}

/* ---- the filter: whether it is carried, and how ---- */

static void read_frame(struct code *c, int32_t from, int32_t to, int32_t size)
{
	move(c, 1, 6);
	set(c, 2, from);
	move(c, 3, 10);
	compute(c, BPF_ADD, 3, to);
	set(c, 4, size);
	call(c, BPF_FUNC_skb_load_bytes);
	go(c, BPF_JNE, 0, 0, UP);
}

static void check_frame(struct code *c, const struct drive_carry_code *of)
{
	store_number(c, BPF_W, 7, ORDER(wanted), 0);
	load(c, BPF_W, 1, 6, PACKET(pkt_type));
	go(c, BPF_JEQ, 1, PACKET_OUTGOING, UP);
	load(c, BPF_W, 1, 6, PACKET(vlan_present));
	go(c, BPF_JNE, 1, 0, UP);
	read_frame(c, 0, FRAME4, 54);
	for (int i = 0; i < 3; i++) {
		uint16_t part;

		memcpy(&part, of->mac + 2 * i, sizeof(part));
		load(c, BPF_H, 1, 10, FRAME4 + 2 * i);
		go(c, BPF_JNE, 1, part, UP);
	}
	load(c, BPF_H, 1, 10, FRAME4 + 12);
	go(c, BPF_JEQ, 1, htons(0x86dd), SIX);
	go(c, BPF_JNE, 1, htons(0x0800), UP);
}

static void check_hops(struct code *c, int off)
{
	load(c, BPF_B, 1, 10, off);
	go(c, BPF_JLE, 1, 1, UP);
	compute(c, BPF_SUB, 1, 1);
	store(c, BPF_B, 7, ORDER(hops), 1);
}

/* Register 8: IP bytes of one packet on the wire. `whole` is in it already. */
static void check_segment(struct code *c, int tcp, int32_t ip_header, uint32_t run)
{
	go(c, BPF_JLT, 8, ip_header + 20, UP);
	move(c, 2, 8);
	compute(c, BPF_ADD, 2, 14);
	load(c, BPF_W, 1, 6, PACKET(len));
	go_by(c, BPF_JGT, 2, 1, UP);
	load(c, BPF_B, 1, 10, tcp + 13);
	go(c, BPF_JSET, 1, 0x07, UP); /* FIN, SYN, RST */
	load(c, BPF_W, 1, 10, tcp + 4);
	store(c, BPF_W, 10, SEQUENCE, 1);
	load(c, BPF_W, 1, 6, PACKET(gso_size));
	go(c, BPF_JEQ, 1, 0, run);
	load(c, BPF_B, 8, 10, tcp + 12);
	compute(c, BPF_RSH, 8, 4);
	compute(c, BPF_LSH, 8, 2);
	combine(c, BPF_ADD, 8, 1);
	compute(c, BPF_ADD, 8, ip_header);
	here(c, run);
}

static void load_length(struct code *c, int off)
{
	load(c, BPF_H, 8, 10, off);
	put(c, BPF_ALU | BPF_END | BPF_TO_BE, 8, 0, 0, 16);
}

/* The last word of the key: both ports, and where it came from. */
static void add_ports(struct code *c, int off, uint64_t place)
{
	load(c, BPF_W, 1, 10, off);
	set_long(c, 2, 0, place << 32);
	combine(c, BPF_OR, 1, 2);
	store(c, BPF_DW, 10, KEY + 32, 1);
}

static void make_key4(struct code *c, const struct drive_carry_code *of)
{
	load(c, BPF_B, 1, 10, FRAME4 + 14);
	go(c, BPF_JNE, 1, 0x45, UP);
	load(c, BPF_H, 1, 10, FRAME4 + 20);
	/* No fragment, and none to be: else its identification would be ours to choose. */
	go(c, BPF_JNE, 1, htons(0x4000), UP);
	load(c, BPF_B, 1, 10, FRAME4 + 23);
	go(c, BPF_JNE, 1, IPPROTO_TCP, UP);
	check_hops(c, FRAME4 + 22);
	load_length(c, FRAME4 + 16);
	check_segment(c, FRAME4 + 34, 20, RUN4);
	load(c, BPF_DW, 1, 10, FRAME4 + 26);
	store(c, BPF_DW, 10, KEY, 1);
	for (int i = 1; i < 4; i++)
		store_number(c, BPF_DW, 10, KEY + 8 * i, 0);
	add_ports(c, FRAME4 + 34, of->index * UINT64_C(2));
	go(c, BPF_JA, 0, 0, SEEK);
}

static void make_key6(struct code *c, const struct drive_carry_code *of)
{
	here(c, SIX);
	read_frame(c, 14, FRAME6, 60);
	load(c, BPF_B, 1, 10, FRAME6);
	compute(c, BPF_RSH, 1, 4);
	go(c, BPF_JNE, 1, 6, UP);
	load(c, BPF_B, 1, 10, FRAME6 + 6);
	go(c, BPF_JNE, 1, IPPROTO_TCP, UP);
	check_hops(c, FRAME6 + 7);
	load_length(c, FRAME6 + 4);
	compute(c, BPF_ADD, 8, 40);
	check_segment(c, FRAME6 + 40, 40, RUN6);
	for (int i = 0; i < 4; i++) {
		load(c, BPF_DW, 1, 10, FRAME6 + 8 + 8 * i);
		store(c, BPF_DW, 10, KEY + 8 * i, 1);
	}
	add_ports(c, FRAME6 + 40, of->index * UINT64_C(2) + 1);
}

/* As drive_carry_hash, to register 9. */
static void hash(struct code *c, uint64_t factor)
{
	set(c, 9, 0);
	set_long(c, 2, 0, factor);
	for (int i = 0; i < 5; i++) {
		load(c, BPF_DW, 1, 10, KEY + 8 * i);
		combine(c, BPF_XOR, 9, 1);
		combine(c, BPF_MUL, 9, 2);
		move(c, 1, 9);
		compute(c, BPF_RSH, 1, 32);
		combine(c, BPF_XOR, 9, 1);
	}
	compute(c, BPF_AND, 9, DRIVE_CARRY_SLOTS - DRIVE_CARRY_WAYS);
}

uint32_t drive_carry_hash(const uint64_t key[5], uint64_t factor)
{
	uint64_t sum = 0;

	for (int i = 0; i < 5; i++) {
		sum = (sum ^ key[i]) * factor;
		sum ^= sum >> 32;
	}
	return (uint32_t)sum & (DRIVE_CARRY_SLOTS - DRIVE_CARRY_WAYS);
}

static void seek(struct code *c, const struct drive_carry_code *of)
{
	here(c, SEEK);
	hash(c, of->factor);
	for (uint32_t i = 0; i < DRIVE_CARRY_WAYS; i++) {
		store(c, BPF_W, 10, PLACE, 9);
		compute(c, BPF_ADD, 9, 1);
		look_up(c, of->slots, UP);
		load(c, BPF_W, 1, 0, SLOT(live));
		go(c, BPF_JEQ, 1, 0, NEXT + i);
		for (int j = 0; j < 5; j++) {
			load(c, BPF_DW, 2, 0, SLOT(key) + 8 * j);
			load(c, BPF_DW, 3, 10, KEY + 8 * j);
			go_by(c, BPF_JNE, 2, 3, NEXT + i);
		}
		go(c, BPF_JA, 0, 0, FOUND);
		here(c, NEXT + i);
	}
	go(c, BPF_JA, 0, 0, UP);
}

/* In register 0 the slot, in 1 what `live` was before the key was looked at. */
static void give_order(struct code *c)
{
	here(c, FOUND);
	move(c, 9, 0);
	load(c, BPF_W, 2, 9, SLOT(mtu));
	go_by(c, BPF_JGT, 8, 2, UP);
	load(c, BPF_W, 2, 9, SLOT(begun));
	go(c, BPF_JNE, 2, 0, BEGUN);
	load(c, BPF_W, 2, 9, SLOT(next));
	load(c, BPF_W, 3, 10, SEQUENCE);
	go_by(c, BPF_JNE, 2, 3, UP);
	here(c, BEGUN);
	for (int i = 0; i < 48; i += 8) {
		load(c, BPF_DW, 2, 9, SLOT(to) + i);
		store(c, BPF_DW, 7, ORDER(words) + i, 2);
	}
	load(c, BPF_W, 2, 9, SLOT(live));
	go_by(c, BPF_JNE, 1, 2, UP);
	store_number(c, BPF_W, 9, SLOT(begun), 1);
	set(c, 1, 1);
	add_atomic(c, 9, SLOT(frames), 1);
	load(c, BPF_W, 1, 6, PACKET(len));
	store(c, BPF_W, 7, ORDER(len), 1);
	add_atomic(c, 9, SLOT(bytes), 1);
	call(c, BPF_FUNC_ktime_get_coarse_ns);
	store(c, BPF_DW, 9, SLOT(last), 0);
	store_number(c, BPF_W, 7, ORDER(wanted), 1);
	leave(c, 0);
}

uint32_t drive_carry_filter(const struct drive_carry_code *of, struct bpf_insn *out)
{
	struct code c = { .insn = out };

	find_order(&c, of);
	check_frame(&c, of);
	make_key4(&c, of);
	make_key6(&c, of);
	seek(&c, of);
	give_order(&c);
	here(&c, UP);
	leave(&c, WHOLE);
	return finish(&c);
}

/* ---- at ingress: what was ordered ---- */

static void write_frame(struct code *c, int32_t at, int from, int32_t size, int32_t flags)
{
	move(c, 1, 6);
	set(c, 2, at);
	move(c, 3, 7);
	compute(c, BPF_ADD, 3, from);
	set(c, 4, size);
	set(c, 5, flags);
	call(c, BPF_FUNC_skb_store_bytes);
	go(c, BPF_JNE, 0, 0, LOST);
}

/* By the difference of what it is the sum of. */
static void change_sum(struct code *c, int function, int32_t at, int change, int32_t flags)
{
	move(c, 1, 6);
	set(c, 2, at);
	set(c, 3, 0);
	load(c, BPF_W, 4, 7, change);
	set(c, 5, flags);
	call(c, function);
	go(c, BPF_JNE, 0, 0, LOST);
}

static void rewrite4(struct code *c)
{
	const int l3 = BPF_FUNC_l3_csum_replace;
	const int l4 = BPF_FUNC_l4_csum_replace;

	write_frame(c, 22, ORDER(hops), 1, 0);
	write_frame(c, 26, WORD(addrs), 8, 0);
	change_sum(c, l3, 24, WORD(head_change), 0);
	change_sum(c, l4, 50, WORD(pseudo_change), BPF_F_PSEUDO_HDR);
	write_frame(c, 34, WORD(ports), 4, 0);
	change_sum(c, l4, 50, WORD(port_change), 0);
}

uint32_t drive_carry_ingress(const struct drive_carry_code *of, struct bpf_insn *out)
{
	struct code c = { .insn = out };

	find_order(&c, of);
	load(&c, BPF_W, 1, 7, ORDER(wanted));
	go(&c, BPF_JEQ, 1, 0, UP);
	store_number(&c, BPF_W, 7, ORDER(wanted), 0);
	load(&c, BPF_W, 1, 6, PACKET(len));
	load(&c, BPF_W, 2, 7, ORDER(len));
	go_by(&c, BPF_JNE, 1, 2, UP);
	look_up_at(&c, of->outs, 7, WORD(to), LOST);
	write_frame(&c, 0, WORD(macs), 12, 0);
	load(&c, BPF_W, 1, 7, WORD(six));
	go(&c, BPF_JNE, 1, 0, SIX);
	rewrite4(&c);
	go(&c, BPF_JA, 0, 0, OUT);
	here(&c, SIX);
	write_frame(&c, 21, ORDER(hops), 1, BPF_F_RECOMPUTE_CSUM);
	here(&c, OUT);
	load(&c, BPF_W, 1, 7, WORD(to));
	set(&c, 2, 0);
	call(&c, BPF_FUNC_redirect);
	put(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	here(&c, UP);
	leave(&c, SEEN_UP);
	here(&c, LOST);
	leave(&c, DROPPED);
	return finish(&c);
}
