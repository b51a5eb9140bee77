/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DPDK's rte_hash at its fastest: one thread, no locks, no extendable buckets,
 * its default hash (CRC32 by instruction, unkeyed), keys of 16 bytes for which
 * it compares by one vector, positions instead of data.
 */
#include "ports.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_malloc.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define HEAP (650 * HUGE_PAGE)

struct rte_peer {
	struct rte_hash *hash;
};

/* Once for the process; no file, no device, no hugetlbfs. */
static bool start(void)
{
	static int started;
	char cpu[16];
	char args[] = "bench-ports\0--no-huge\0--no-pci\0--no-telemetry\0--no-shconf\0"
		      "-m\0" "1400\0--log-level=error\0-l";
	char *words[16];
	int count = 0;

	if (started != 0)
		return started > 0;
	for (char *at = args; at < args + sizeof(args); at += strlen(at) + 1)
		words[count++] = at;
	snprintf(cpu, sizeof(cpu), "%d", sched_getcpu());
	words[count++] = cpu;
	started = rte_eal_init(count, words) < 0 ? -1 : 1;
	if (started < 0)
		say("DPDK does not start: %s; no figures of rte_hash", rte_strerror(rte_errno));
	return started > 0;
}

/* Where tables lie: in EAL's own memory, which has small pages, or in a heap of
   ours, made once. INT_MIN: it could not be made. */
static int place(void)
{
	static int socket = INT_MAX; /* not asked yet */
	void *memory;

	if (socket != INT_MAX)
		return socket;
	socket = SOCKET_ID_ANY;
	if (!pages_are_huge())
		return socket;
	socket = INT_MIN;
	memory = reserve_populated(HEAP);
	if (rte_malloc_heap_create("huge") < 0 ||
	    rte_malloc_heap_memory_add("huge", memory, HEAP, NULL, 0, HUGE_PAGE) < 0)
		say("DPDK takes no huge pages of ours: %s; try BENCH_SMALL_PAGES=1",
		    rte_strerror(rte_errno));
	else
		socket = rte_malloc_heap_get_socket("huge");
	return socket;
}

struct rte_peer *rte_peer_open(uint32_t entries)
{
	struct rte_hash_parameters parameters = {
		.name = "flows",
		.entries = entries,
		.key_len = sizeof(struct flow),
	};
	struct rte_peer *p;

	if (!start() || place() == INT_MIN)
		return NULL;
	p = malloc(sizeof(*p));
	if (p == NULL)
		return NULL;
	parameters.socket_id = place();
	p->hash = rte_hash_create(&parameters);
	if (p->hash != NULL)
		return p;
	say("rte_hash for %u entries: %s", entries, rte_strerror(rte_errno));
	free(p);
	return NULL;
}

int rte_peer_add(struct rte_peer *p, const struct flow *flow)
{
	return rte_hash_add_key(p->hash, flow) < 0 ? -1 : 0;
}

uint32_t rte_peer_find(struct rte_peer *p, const struct flow *flows)
{
	const void *keys[BATCH];
	int32_t positions[BATCH];
	uint32_t found = 0;

	for (uint32_t i = 0; i < BATCH; i++)
		keys[i] = &flows[i];
	rte_hash_lookup_bulk(p->hash, keys, BATCH, positions);
	for (uint32_t i = 0; i < BATCH; i++)
		found += positions[i] >= 0;
	return found;
}

void rte_peer_close(struct rte_peer *p)
{
	rte_hash_free(p->hash);
	free(p);
}
