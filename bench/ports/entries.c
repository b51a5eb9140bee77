/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A gateway with as many addresses as there are entries, all on one port: every
 * other entry forwards one of them, the rest are guards that differ in whom they
 * shut out. What it takes to add one, and what a new flow to one of them costs.
 */
#include "ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "port/port.h"

#define FLOWS 1000000u
#define PORT 443
#define MEMBERS 1024u

static struct minato_addr numbered(uint8_t net, uint64_t i)
{
	return minato_addr4(net, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
}

/* Two neighbours are a forward of an address and a guard against a remote. */
static struct minato_entry entry_number(uint32_t i)
{
	struct minato_entry e = {
		.kind = i % 2 == 0 ? MINATO_KIND_FORWARD : MINATO_KIND_GUARD,
		.verdict = MINATO_DROP,
		.face = MINATO_FACE_ANY,
		.proto = MINATO_TCP,
		.first = PORT,
		.last = PORT,
		.target = { numbered(192, i), 8443 },
	};

	if (i % 2 == 0) {
		e.local = numbered(10, i / 2);
		e.local_prefix = 128;
	} else {
		e.remote = numbered(172, i / 2);
		e.remote_prefix = 128;
	}
	return e;
}

static int add_all(struct port_table *table, uint32_t count, double *ns)
{
	const double begin = now_ns();

	for (uint32_t i = 0; i < count; i++) {
		const struct minato_entry e = entry_number(i);
		if (port_add(table, &e, NULL) < 0) {
			say("entry %u of %u was refused", i, count);
			return -1;
		}
	}
	*ns = (now_ns() - begin) / count;
	return 0;
}

/* Each to another address, and past all guards. */
static int look_up_all(struct port_table *table, uint32_t count, double *ns)
{
	const double begin = now_ns();
	uint32_t found = 0;

	for (uint64_t i = 0; i < FLOWS; i++) {
		const uint64_t bits = scatter(i + 1);
		const struct port_key key = {
			.local = numbered(10, bits % ((count + 1) / 2)),
			.remote = numbered(198, bits >> 32),
			.local_port = PORT,
			.remote_port = (uint16_t)(bits >> 16),
			.proto = MINATO_TCP,
		};
		struct port_fate fate;
		port_lookup(table, &key, (struct minato_time){ 1 }, true, &fate);
		found += fate.kind == MINATO_KIND_FORWARD;
	}
	*ns = (now_ns() - begin) / FLOWS;
	if (found == FLOWS)
		return 0;
	say("of %u new flows %u were forwarded", FLOWS, found);
	return -1;
}

/* A group of members that share a port, of which half have left. */
static int bench_group(void)
{
	const struct port_limits limits = { 16, MEMBERS, 0, 0, 0 };
	const struct hash_key key = { { 0x6d696e61746f, 0x62656e6368 } };
	const size_t size = port_bytes(&limits);
	struct port_table *table = port_init(reserve(size), &limits, &key);
	const struct port_claim claim = {
		.proto = MINATO_TCP, .local = numbered(10, 0), .port = PORT, .reuse_port = true
	};
	uint32_t found = 0;

	for (uint32_t i = 0; i < MEMBERS; i++)
		port_accepting(table, (uint32_t)port_bind(table, &claim, NULL), true);
	for (uint32_t left = 0; left < 2; left++) {
		const double begin = now_ns();
		for (uint32_t i = 0; i < FLOWS; i++) {
			const struct port_key flow = { .local = claim.local,
						       .remote = numbered(198, i),
						       .local_port = PORT,
						       .remote_port = 4000,
						       .proto = MINATO_TCP };
			struct port_fate fate;
			port_lookup(table, &flow, (struct minato_time){ 1 }, true, &fate);
			found += fate.kind == MINATO_KIND_SOCKET;
		}
		figure(left ? "lookup_group_1024_half_left_ns" : "lookup_group_1024_ns",
		       (now_ns() - begin) / FLOWS, "ns");
		for (uint32_t i = 0; i < MEMBERS && left == 0; i += 2)
			port_remove(table, i);
	}
	munmap(table, size);
	if (found == 2 * FLOWS)
		return 0;
	say("of %u new flows %u had a member", 2 * FLOWS, found);
	return -1;
}

int bench_entries(void)
{
	static const char *const names[] = { "10", "10000", "100000", "1000000" };
	int result = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && result == 0; i++) {
		const uint32_t count = (uint32_t)strtoul(names[i], NULL, 10);
		const struct port_limits limits = { 16, count, 0, 0, 0 };
		const struct hash_key key = { { 0x6d696e61746f, 0x62656e6368 } };
		const size_t size = port_bytes(&limits), before = resident_bytes();
		struct port_table *table = port_init(reserve(size), &limits, &key);
		double add = 0, find = 0;

		result = add_all(table, count, &add);
		if (result == 0)
			result = look_up_all(table, count, &find);
		figure_of("entry_add_%s_ns", names[i], add, "ns");
		figure_of("lookup_new_flow_%s_ns", names[i], find, "ns");
		if (count == 100000)
			figure("bytes_per_general_entry",
			       (double)(resident_bytes() - before) / count, "bytes");
		munmap(table, size);
	}
	return result == 0 ? bench_group() : result;
}
