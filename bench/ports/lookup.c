/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Look-ups in batches of 32, hits and misses, in tables of 1e3 to 1e7 tuples:
 * port_seek and port_tuple_sought, as minato_input has them, and rte_hash over
 * the same keys. Rounds take turns. A hit has compared the whole tuple. Keys
 * lie in the cache, as those of packets just parsed do.
 */
#include "ports.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "measure/measure.h"
#include "port/port.h"

#define ROUNDS 7u
#define STAGE 256u	   /* keys laid ready at a time, outside the clock */
#define STAGES 2048u	   /* of a round */
#define MISSING (1u << 30) /* flows from here on are in no table */

static const struct size {
	const char *name;
	uint32_t count;
} sizes[] = { { "1e3", 1000 }, { "1e5", 100000 }, { "1e6", 1000000 }, { "1e7", 10000000 } };

enum { HIT, MISS };

struct contest {
	uint32_t count;
	struct port_table *table;
	size_t table_bytes;
	struct rte_peer *peer; /* or NULL */
	struct flow flow[STAGE];
	struct port_key key[STAGE];
};

static bool fill(struct contest *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		const struct flow flow = flow_number(i);
		const struct port_key key = key_of(&flow);
		if (port_tuple_insert(c->table, &key, (struct port_tuple_ref){ .owner = i }) < 0)
			return false;
	}
	return true;
}

/* Made for as many entries as it has to hold, which is where it is fastest. It
   refuses some keys when it is nearly full: then for a quarter more. */
static struct rte_peer *open_peer(uint32_t count)
{
	const uint32_t entries[] = { count, count + count / 4 };

	for (size_t k = 0; k < sizeof(entries) / sizeof(entries[0]); k++) {
		struct rte_peer *p = rte_peer_open(entries[k]);
		uint32_t i = 0;
		for (; p != NULL && i < count; i++) {
			const struct flow flow = flow_number(i);
			if (rte_peer_add(p, &flow) < 0)
				break;
		}
		if (p == NULL || i == count)
			return p;
		rte_peer_close(p);
	}
	say("rte_hash does not take %u keys", count);
	return NULL;
}

static struct contest *open_contest(uint32_t count)
{
	const struct port_limits limits = { count, 16, 0, 0 };
	const struct hash_key key = { { 0x6d696e61746f, 0x62656e6368 } };
	struct contest *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->count = count;
	c->table_bytes = port_bytes(&limits);
	c->table = port_init(reserve_populated(c->table_bytes), &limits, &key);
	c->peer = open_peer(count);
	if (fill(c))
		return c;
	say("a table of %u could not be filled", count);
	exit(1);
}

static void close_contest(struct contest *c)
{
	munmap(c->table, c->table_bytes);
	if (c->peer != NULL)
		rte_peer_close(c->peer);
	free(c);
}

/* Lays the keys of a stage ready: of tuples at random, or of none. */
static void stage(struct contest *c, int what, uint64_t number)
{
	for (uint32_t i = 0; i < STAGE; i++) {
		uint64_t x = scatter(~(number * STAGE + i));
		x = what == HIT ? x % c->count : MISSING + x % MISSING;
		c->flow[i] = flow_number(x);
		c->key[i] = key_of(&c->flow[i]);
	}
}

static uint32_t find_ours(struct contest *c)
{
	struct port_probe probe[BATCH];
	struct port_tuple_ref ref;
	uint32_t found = 0;

	for (uint32_t at = 0; at < STAGE; at += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++)
			probe[i].key = &c->key[at + i];
		port_seek(c->table, probe, BATCH);
		for (uint32_t i = 0; i < BATCH; i++)
			found += port_tuple_sought(c->table, &probe[i], &ref, NULL);
	}
	return found;
}

static uint32_t find_theirs(struct contest *c)
{
	uint32_t found = 0;

	for (uint32_t at = 0; at < STAGE; at += BATCH)
		found += rte_peer_find(c->peer, c->flow + at);
	return found;
}

/* Nanoseconds for each look-up of a round. */
static double round_of(struct contest *c, int what, uint64_t number,
		       uint32_t (*find)(struct contest *c))
{
	const uint32_t wanted = what == HIT ? STAGE : 0;
	double spent = 0;

	for (uint64_t i = 0; i < STAGES; i++) {
		double begin;
		uint32_t found;
		stage(c, what, number * STAGES + i);
		begin = now_ns();
		found = find(c);
		spent += now_ns() - begin;
		if (found != wanted) {
			say("%u of %u keys found", found, wanted);
			exit(1);
		}
	}
	return spent / ((double)STAGES * STAGE);
}

static void contest(const struct size *size)
{
	static const char *const ours[] = { "lookup_hit_%s_ns", "lookup_miss_%s_ns" };
	static const char *const theirs[] = { "rte_lookup_hit_%s_ns", "rte_lookup_miss_%s_ns" };
	static const char *const ratio[] = { "lookup_hit_%s_vs_rte", "lookup_miss_%s_vs_rte" };
	struct contest *c = open_contest(size->count);
	double our[2][ROUNDS], their[2][ROUNDS];

	for (uint32_t r = 0; r < ROUNDS; r++) {
		for (int what = HIT; what <= MISS; what++) {
			our[what][r] = round_of(c, what, r, find_ours);
			if (c->peer != NULL)
				their[what][r] = round_of(c, what, r, find_theirs);
		}
	}
	for (int what = HIT; what <= MISS; what++) {
		const double a = measure_median(our[what], ROUNDS);
		figure_of(ours[what], size->name, a, "ns");
		if (c->peer != NULL) {
			const double b = measure_median(their[what], ROUNDS);
			figure_of(theirs[what], size->name, b, "ns");
			figure_of(ratio[what], size->name, b / a, "times");
		}
	}
	close_contest(c);
}

int bench_lookup(void)
{
	pages_begin();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		contest(&sizes[i]);
	pages_end();
	return 0;
}
