/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a verdict costs where prefixes of all lengths lie in each other on both sides: 32 of sources
 * times 32 of destinations, a rule of some port for each pair, in random order. Each flow's addresses
 * leave the nests at random depths, so that it may meet 256 groups on average. `nested_first`: rules
 * have changed since anyone asked; `nested`: they have not.
 */
#include "bench.h"
#include "policy.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "minato/guard.h"
#include "port/port.h"

#define LENGTHS 32u
#define FLOWS 16384u
#define FIRSTS 200u

static struct minato_addr nest(uint8_t first)
{
	return minato_addr4(first, 0x55, 0x33, 0x0f);
}

/* Out of the nest behind so many bits. */
static struct minato_addr leaves(struct minato_addr a, uint32_t bits)
{
	if (bits < LENGTHS)
		a.bytes[12 + bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
	return a;
}

static bool add_rules(struct port_table *t)
{
	for (uint32_t i = 0; i < LENGTHS * LENGTHS; i++) {
		const struct minato_entry e = {
			.kind = MINATO_KIND_GUARD,
			.verdict = MINATO_DROP,
			.scope = MINATO_SCOPE_ANY,
			.face = MINATO_FACE_ANY,
			.course = MINATO_COURSE_IN,
			.proto = MINATO_TCP,
			.local = nest(10),
			.local_prefix = (uint8_t)(97 + i % LENGTHS),
			.remote = nest(20),
			.remote_prefix = (uint8_t)(97 + i / LENGTHS),
			.first = (uint16_t)(8 * policy_below(8)),
			.last = (uint16_t)(64 + 8 * policy_below(8)),
			.order = (UINT64_C(1) + policy_below(1u << 30)) << 20 | i,
		};
		if (port_add(t, &e, NULL) < 0)
			return false;
	}
	return true;
}

static struct port_key flow(void)
{
	return (struct port_key){
		.local = leaves(nest(10), policy_below(LENGTHS + 1)),
		.remote = leaves(nest(20), policy_below(LENGTHS + 1)),
		.local_port = (uint16_t)(1 + policy_below(150)),
		.remote_port = (uint16_t)(1024 + policy_below(60000)),
		.proto = MINATO_TCP,
		.course = MINATO_COURSE_IN,
	};
}

static void ask(struct port_table *t, const struct port_key *key)
{
	struct port_fate fate;

	port_lookup(t, key, (struct minato_time){ 1 }, true, &fate);
}

/* Something that no flow here meets comes and goes. */
static void change(struct port_table *t)
{
	const struct minato_entry e = {
		.kind = MINATO_KIND_GUARD, .scope = 7, .face = MINATO_FACE_ANY, .order = 1
	};
	const int64_t added = port_add(t, &e, NULL);

	if (added >= 0)
		port_remove(t, (uint32_t)added);
}

int policy_nested(void)
{
	const struct port_limits limits = { .tuples_max = 64,
					    .entries_max = 2000,
					    .rules_max = 2000 };
	const struct hash_key key = { { 3, 5 } };
	const size_t size = port_bytes(&limits);
	static struct port_key flows[FLOWS];
	double first = 0, begin;
	struct port_table *t;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	t = port_init(memory, &limits, &key);
	if (!add_rules(t)) {
		munmap(memory, size);
		return -1;
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		flows[i] = flow();
	for (uint32_t i = 0; i < FIRSTS; i++) {
		change(t);
		begin = seconds();
		ask(t, &flows[i]);
		first += seconds() - begin;
	}
	figure("policy_nested_first_ns", first * 1e9 / FIRSTS, "ns");
	for (uint32_t i = 0; i < FLOWS; i++)
		ask(t, &flows[i]);
	begin = seconds();
	for (uint32_t i = 0; i < FLOWS; i++)
		ask(t, &flows[i]);
	figure("policy_nested_ns", (seconds() - begin) * 1e9 / FLOWS, "ns");
	munmap(memory, size);
	return 0;
}
