/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two programs, run by the kernel on frames that are handed to it: which are carried, and what
 * becomes of them. Checksums are judged by adding up, not by differences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drive/carry.h"

#define INDEX 7u
#define OUT 9u
#define FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define UP 0x40000
#define REDIRECT 7 /* TCX_REDIRECT */
#define DROPPED 2
#define PASSED UINT32_MAX

static const uint8_t ours[6] = { 2, 0, 0, 0, 1, 1 };
static int slots, order, outs, filter, ingress;

/* ---- the kernel ---- */

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int make_map(uint32_t type, uint32_t size, uint32_t count)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = 4;
	attr.value_size = size;
	attr.max_entries = count;
	return bpf(BPF_MAP_CREATE, &attr);
}

static int load(uint32_t type, const struct bpf_insn *insn, uint32_t count)
{
	union bpf_attr attr;

	assert_true(count <= DRIVE_CARRY_CODE);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uint64_t)(uintptr_t)insn;
	attr.insn_cnt = count;
	attr.license = (uint64_t)(uintptr_t) "Dual BSD/GPL";
	return bpf(BPF_PROG_LOAD, &attr);
}

static void update(int map, uint32_t key, const void *value)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uint64_t)(uintptr_t)&key;
	attr.value = (uint64_t)(uintptr_t)value;
	assert_int_equal(bpf(BPF_MAP_UPDATE_ELEM, &attr), 0);
}

static void store(uint32_t place, const struct drive_carry_slot *slot)
{
	update(slots, place, slot);
}

static struct drive_carry_slot fetch(uint32_t place)
{
	struct drive_carry_slot slot;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)slots;
	attr.key = (uint64_t)(uintptr_t)&place;
	attr.value = (uint64_t)(uintptr_t)&slot;
	assert_int_equal(bpf(BPF_MAP_LOOKUP_ELEM, &attr), 0);
	return slot;
}

static uint32_t run(int program, const uint8_t *bytes, uint32_t len, uint8_t *out)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)program;
	attr.test.data_in = (uint64_t)(uintptr_t)bytes;
	attr.test.data_size_in = len;
	attr.test.data_out = (uint64_t)(uintptr_t)out;
	attr.test.data_size_out = out ? len : 0;
	attr.test.repeat = 1;
	assert_int_equal(bpf(BPF_PROG_TEST_RUN, &attr), 0);
	return attr.test.retval;
}

/* ---- frames ---- */

struct sample {
	uint8_t pad[14]; /* what the kernel takes for the frame's own header, for a filter */
	uint8_t bytes[1600];
	uint32_t len;
};

static uint32_t add_up(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void put_sum(uint8_t *to, uint32_t sum)
{
	to[0] = (uint8_t)(~sum >> 8);
	to[1] = (uint8_t)~sum;
}

/* The sum of a TCP segment in it: all ones when it is right. */
static uint32_t tcp_sum(const uint8_t *frame, uint32_t len)
{
	bool six = frame[12] == 0x86;
	uint32_t at = six ? 54 : 34;
	uint32_t sum = 6 + len - at;

	sum = add_up(sum, frame + (six ? 22 : 26), six ? 32 : 8);
	return add_up(sum, frame + at, len - at);
}

/* 10.0.0.2:4000 -> 203.0.113.5:80, or the same of IPv6, with `payload` bytes. */
static void make(struct sample *s, bool six, uint32_t payload)
{
	static const uint8_t four[] = { 0x45, 0, 0,  0, 0x12, 0x34, 0x40, 0, 64,  6,
					0,    0, 10, 0, 0,    2,    203,  0, 113, 5 };
	uint8_t *ip = s->bytes + 14;
	uint8_t *tcp = ip + (six ? 40 : 20);

	memset(s, 0, sizeof(*s));
	memcpy(s->bytes, ours, 6);
	s->bytes[6] = 2;
	s->bytes[12] = six ? 0x86 : 0x08;
	s->bytes[13] = six ? 0xdd : 0;
	s->len = (six ? 74 : 54) + payload;
	if (six) {
		ip[0] = 0x60;
		ip[4] = (uint8_t)((20 + payload) >> 8);
		ip[5] = (uint8_t)(20 + payload);
		ip[6] = 6;
		ip[7] = 64;
		ip[8] = 0xfd;
		ip[23] = 2;
		ip[24] = 0x20;
		ip[39] = 5;
	} else {
		memcpy(ip, four, sizeof(four));
		ip[2] = (uint8_t)((40 + payload) >> 8);
		ip[3] = (uint8_t)(40 + payload);
		put_sum(ip + 10, add_up(0, ip, 20));
	}
	tcp[0] = 4000 >> 8;
	tcp[1] = 4000 & 255;
	tcp[3] = 80;
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	for (uint32_t i = 0; i < payload; i++)
		tcp[20 + i] = (uint8_t)(i * 3);
	put_sum(tcp + 16, tcp_sum(s->bytes, s->len));
	assert_int_equal(tcp_sum(s->bytes, s->len), 0xffff);
}

/* Whether the filter has it carried. */
static bool is_carried(const struct sample *s)
{
	uint32_t result = run(filter, s->pad, 14 + s->len, NULL);

	assert_true(result == 0 || result == UP);
	return result == 0;
}

/* As carry.c would write it, but for the sums: those are what the caller says. */
static struct drive_carry_slot slot_of(const struct sample *s)
{
	const bool six = s->bytes[12] == 0x86;
	struct drive_carry_slot slot = { .live = 1, .mtu = 1500, .to = OUT, .six = six };
	uint32_t ports;

	memcpy(slot.key, s->bytes + (six ? 22 : 26), six ? 32 : 8);
	memcpy(&ports, s->bytes + (six ? 54 : 34), 4);
	slot.key[4] = ports | (uint64_t)(2 * INDEX + six) << 32;
	memcpy(slot.macs, "\x02\0\0\0\2\2\x02\0\0\0\2\1", 12);
	return slot;
}

static uint32_t carry(const struct drive_carry_slot *slot)
{
	uint32_t place = drive_carry_hash(slot->key, FACTOR);

	store(place, slot);
	return place;
}

static void forget(uint32_t place)
{
	store(place, &(struct drive_carry_slot){ .live = 0 });
}

static int start(void **state)
{
	const struct drive_carry_code *of;
	struct drive_carry_code code = { .factor = FACTOR, .index = INDEX };
	struct bpf_insn insn[DRIVE_CARRY_CODE];
	cpu_set_t one;

	(void)state;
	slots = make_map(BPF_MAP_TYPE_ARRAY, sizeof(struct drive_carry_slot), DRIVE_CARRY_SLOTS);
	if (slots < 0)
		return 0; /* not allowed: all are skipped */
	order = make_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(struct drive_carry_order), 1);
	code.slots = slots;
	code.order = order;
	outs = make_map(BPF_MAP_TYPE_HASH, 4, 8);
	code.outs = outs;
	update(outs, OUT, &(uint32_t){ 1 });
	memcpy(code.mac, ours, 6);
	of = &code;
	filter = load(BPF_PROG_TYPE_SOCKET_FILTER, insn, drive_carry_filter(of, insn));
	ingress = load(BPF_PROG_TYPE_SCHED_CLS, insn, drive_carry_ingress(of, insn));
	assert_true(filter >= 0 && ingress >= 0);
	/* One processor's order is not another's. */
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	return 0;
}

#define NEEDS_KERNEL()                                                                             \
	do {                                                                                       \
		if (slots < 0)                                                                     \
			skip();                                                                    \
	} while (0)

/* ---- cases ---- */

static void what_is_in_the_table_is_carried(void **state)
{
	struct sample s;

	(void)state;
	NEEDS_KERNEL();
	for (int six = 0; six < 2; six++) {
		struct drive_carry_slot slot;
		uint32_t place;

		make(&s, six, 100);
		assert_false(is_carried(&s));
		slot = slot_of(&s);
		place = carry(&slot);
		assert_true(is_carried(&s));
		assert_true(is_carried(&s));
		slot = fetch(place);
		assert_int_equal(slot.frames, 2);
		assert_int_equal(slot.bytes, 2 * s.len);
		assert_true(slot.last != 0);
		forget(place);
		assert_false(is_carried(&s));
	}
}

/* What came before the first one waits at the packet socket yet. */
static void it_begins_where_nothing_is_before_it(void **state)
{
	(void)state;
	NEEDS_KERNEL();
	for (int six = 0; six < 2; six++) {
		const uint32_t at = six ? 58 : 38;
		struct sample s;
		struct drive_carry_slot slot;
		uint32_t place;

		make(&s, six, 100);
		slot = slot_of(&s);
		memcpy(&slot.next, "\1\2\3\4", 4);
		place = carry(&slot);
		assert_false(is_carried(&s));
		for (uint32_t i = 0; i < 4; i++) {
			assert_false(is_carried(&s));
			s.bytes[at + i] = (uint8_t)(i + 1);
		}
		slot = fetch(place);
		assert_int_equal(slot.begun, 0);
		assert_int_equal(slot.frames, 0);
		assert_true(is_carried(&s));
		slot = fetch(place);
		assert_int_equal(slot.begun, 1);
		/* And goes on, with whatever comes then. */
		s.bytes[at] = 9;
		assert_true(is_carried(&s));
		s.bytes[at] = 0;
		assert_true(is_carried(&s));
		forget(place);
	}
}

static void any_of_the_places_will_do(void **state)
{
	struct sample s;
	struct drive_carry_slot slot;
	uint32_t first;

	(void)state;
	NEEDS_KERNEL();
	make(&s, false, 0);
	slot = slot_of(&s);
	first = drive_carry_hash(slot.key, FACTOR);
	for (uint32_t i = 0; i < DRIVE_CARRY_WAYS; i++) {
		store(first + i, &slot);
		assert_true(is_carried(&s));
		forget(first + i);
	}
	store(first < DRIVE_CARRY_WAYS ? DRIVE_CARRY_SLOTS - 1 : first - 1, &slot);
	assert_false(is_carried(&s));
	forget(first < DRIVE_CARRY_WAYS ? DRIVE_CARRY_SLOTS - 1 : first - 1);
}

static void what_is_not_plain_comes_up(void **state)
{
	static const struct {
		bool six;
		uint32_t at;
		uint8_t value;
	} odd[] = {
		{ false, 0, 4 },     { false, 5, 9 },	  { false, 12, 0x81 }, { false, 13, 6 },
		{ false, 14, 0x46 }, { false, 20, 0x60 }, { false, 20, 0 },    { false, 21, 1 },
		{ false, 22, 1 },    { false, 22, 0 },	  { false, 23, 17 },   { false, 17, 30 },
		{ false, 16, 2 },    { false, 47, 0x11 }, { false, 47, 0x12 }, { false, 47, 0x14 },
		{ false, 29, 3 },    { false, 33, 6 },	  { false, 35, 1 },    { false, 37, 81 },
		{ true, 14, 0x40 },  { true, 20, 0 },	  { true, 20, 44 },    { true, 21, 1 },
		{ true, 18, 2 },     { true, 19, 10 },	  { true, 67, 0x12 },  { true, 37, 3 },
		{ true, 53, 6 },     { true, 55, 1 },	  { true, 57, 81 },    { true, 22, 0xfc },
		{ true, 38, 0x21 },
	};

	(void)state;
	NEEDS_KERNEL();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct sample s;
		struct drive_carry_slot slot;
		uint32_t place;

		make(&s, odd[i].six, 8);
		slot = slot_of(&s);
		place = carry(&slot);
		assert_true(is_carried(&s));
		assert_int_not_equal(s.bytes[odd[i].at], odd[i].value);
		s.bytes[odd[i].at] = odd[i].value;
		if (is_carried(&s))
			fail_msg("byte %u as %u is carried", odd[i].at, odd[i].value);
		forget(place);
	}
}

static void what_is_too_long_comes_up(void **state)
{
	(void)state;
	NEEDS_KERNEL();
	for (int six = 0; six < 2; six++) {
		struct sample s;
		struct drive_carry_slot slot;

		make(&s, six, 1000);
		slot = slot_of(&s);
		slot.mtu = s.len - 14;
		forget(carry(&slot));
		(void)carry(&slot);
		assert_true(is_carried(&s));
		slot.mtu--;
		(void)carry(&slot);
		assert_false(is_carried(&s));
		forget(drive_carry_hash(slot.key, FACTOR));
	}
}

static void short_frames_come_up(void **state)
{
	struct sample s;
	struct drive_carry_slot slot;

	(void)state;
	NEEDS_KERNEL();
	for (int six = 0; six < 2; six++) {
		make(&s, six, 0);
		slot = slot_of(&s);
		(void)carry(&slot);
		assert_true(is_carried(&s));
		while (s.len-- > 1)
			assert_false(is_carried(&s));
		forget(drive_carry_hash(slot.key, FACTOR));
	}
}

/* Also what a slot says in the midst of it is what was ordered. */
static void what_was_ordered_is_done_once(void **state)
{
	struct sample s;
	struct drive_carry_slot slot;
	uint8_t out[1600];

	(void)state;
	NEEDS_KERNEL();
	make(&s, true, 200);
	slot = slot_of(&s);
	(void)carry(&slot);
	assert_int_equal(run(ingress, s.bytes, s.len, out), PASSED);
	assert_true(is_carried(&s));
	forget(drive_carry_hash(slot.key, FACTOR));
	assert_int_equal(run(ingress, s.bytes, s.len, out), REDIRECT);
	assert_memory_equal(out, slot.macs, 12);
	assert_int_equal(out[21], 63);
	assert_int_equal(tcp_sum(out, s.len), 0xffff);
	assert_memory_equal(out + 22, s.bytes + 22, s.len - 22);
	assert_int_equal(run(ingress, s.bytes, s.len, out), PASSED);
	assert_memory_equal(out, s.bytes, s.len);
	/* What another frame was ordered for is not done to this one. */
	(void)carry(&slot);
	assert_true(is_carried(&s));
	assert_int_equal(run(ingress, s.bytes, s.len - 1, out), PASSED);
	forget(drive_carry_hash(slot.key, FACTOR));
}

/* Who may write to the table does not reach further than that. */
static void nothing_leaves_by_an_interface_of_others(void **state)
{
	struct sample s;
	struct drive_carry_slot slot;

	(void)state;
	NEEDS_KERNEL();
	make(&s, false, 10);
	slot = slot_of(&s);
	slot.to = OUT + 1;
	(void)carry(&slot);
	assert_true(is_carried(&s));
	assert_int_equal(run(ingress, s.bytes, s.len, NULL), DROPPED);
	slot.to = OUT;
	(void)carry(&slot);
	assert_true(is_carried(&s));
	assert_int_equal(run(ingress, s.bytes, s.len, NULL), REDIRECT);
	forget(drive_carry_hash(slot.key, FACTOR));
}

static void ends_and_sums_are_changed(void **state)
{
	struct sample s;
	struct drive_carry_slot slot;
	uint8_t out[1600];
	uint32_t old[3];
	uint32_t new[3];
	uint64_t sum;

	(void)state;
	NEEDS_KERNEL();
	for (uint32_t payload = 0; payload < 1400; payload += 99) {
		make(&s, false, payload);
		slot = slot_of(&s);
		memcpy(slot.addrs, "\xc6\x33\x64\x01\xcb\0\x71\x05", 8);
		memcpy(slot.ports, "\xea\x60\0\x50", 4);
		memcpy(old, s.bytes + 26, 12);
		memcpy(new, slot.addrs, 8);
		memcpy(&new[2], slot.ports, 4);
		/* RFC 1624: ~m + m'. */
		sum = (uint64_t)(uint32_t)~old[0] + new[0] + (uint32_t)~old[1] + new[1];
		while (sum >> 32)
			sum = (sum & UINT32_MAX) + (sum >> 32);
		slot.pseudo_change = (uint32_t)sum;
		sum += (uint32_t)~UINT32_C(1); /* the hop limit: the first byte of its word */
		while (sum >> 32)
			sum = (sum & UINT32_MAX) + (sum >> 32);
		slot.head_change = (uint32_t)sum;
		sum = (uint64_t)(uint32_t)~old[2] + new[2];
		slot.port_change = (uint32_t)(sum + (sum >> 32));
		(void)carry(&slot);
		assert_true(is_carried(&s));
		assert_int_equal(run(ingress, s.bytes, s.len, out), REDIRECT);
		assert_int_equal(out[22], 63);
		assert_memory_equal(out + 26, slot.addrs, 8);
		assert_memory_equal(out + 34, slot.ports, 4);
		assert_int_equal(add_up(0, out + 14, 20), 0xffff);
		assert_int_equal(tcp_sum(out, s.len), 0xffff);
		assert_memory_equal(out + 54, s.bytes + 54, payload);
		forget(drive_carry_hash(slot.key, FACTOR));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_the_table_is_carried),
		cmocka_unit_test(it_begins_where_nothing_is_before_it),
		cmocka_unit_test(any_of_the_places_will_do),
		cmocka_unit_test(what_is_not_plain_comes_up),
		cmocka_unit_test(what_is_too_long_comes_up),
		cmocka_unit_test(short_frames_come_up),
		cmocka_unit_test(what_was_ordered_is_done_once),
		cmocka_unit_test(nothing_leaves_by_an_interface_of_others),
		cmocka_unit_test(ends_and_sums_are_changed),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
