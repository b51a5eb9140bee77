/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Thousands of general entries on a handful of ports, at as many addresses and
 * from as many, against the naive table: what is found by hash and in trees is
 * what a scan of all finds. A failure names the seed and the step; MINATO_SEED
 * runs one seed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/check.h"
#include "model/naive.h"

#define STEPS 40000u

static struct {
	struct port_table *t;
	struct naive n;
	uint64_t random, seed;
	uint32_t step;
	uint32_t wanted; /* entries; their number swings around it */
	uint32_t live;
	int64_t now_ns;
} run;

static void require_true(bool fact, const char *text)
{
	if (!fact)
		fail_msg("not so at step %u of seed 0x%llx: %s", run.step,
			 (unsigned long long)run.seed, text);
}
#define require(condition) require_true((condition), #condition)

static uint32_t below(uint32_t bound)
{
	uint64_t z = run.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % bound;
}

static bool one_in(uint32_t count)
{
	return below(count) == 0;
}

/* --- a world of many addresses and few ports ------------------------------ */

static struct minato_addr some_addr(void)
{
	struct minato_addr a = { { 0x20, 1, 0x0d, 0xb8 } };

	if (!one_in(4))
		return minato_addr4(10, (uint8_t)below(2), (uint8_t)below(4), (uint8_t)below(200));
	a.bytes[5] = (uint8_t)below(2);
	a.bytes[14] = (uint8_t)below(3);
	a.bytes[15] = (uint8_t)below(200);
	return a;
}

static uint16_t some_port(void)
{
	static const uint16_t ports[] = { 22, 80, 443, 32767, 32768, 65535 };

	return one_in(12) ? (uint16_t)below(65536) : ports[below(6)];
}

/* Mostly one address alone; else any length that a rule may have. */
static void some_prefix(struct minato_addr *a, uint8_t *prefix_len)
{
	*a = some_addr();
	*prefix_len = 128;
	if (one_in(3))
		*prefix_len = (uint8_t)(minato_addr_is4(a) ? 97 + below(32) : 1 + below(128));
	if (one_in(8))
		*prefix_len = 0;
	if (*prefix_len == 0)
		memset(a, 0, sizeof(*a));
}

static void some_ports(struct minato_entry *e)
{
	const uint16_t other = some_port();

	e->first = e->last = some_port();
	if (one_in(3)) {
		e->first = other < e->last ? other : e->last;
		e->last = other < e->last ? e->last : other;
	}
	if (one_in(10))
		e->first = e->last = 0;
}

static struct minato_entry some_wish(void)
{
	static const enum minato_kind kinds[] = {
		MINATO_KIND_FORWARD, MINATO_KIND_FORWARD,  MINATO_KIND_UPLINK, MINATO_KIND_GUARD,
		MINATO_KIND_GUARD,   MINATO_KIND_RESERVED, MINATO_KIND_RIGHT,  MINATO_KIND_DMZ,
	};
	struct minato_entry e = {
		.kind = kinds[below(8)],
		.scope = one_in(6) ? MINATO_SCOPE_ANY : (uint8_t)below(2),
		.face = one_in(4) ? (uint8_t)below(2) : MINATO_FACE_ANY,
		.proto = one_in(3) ? 0 : MINATO_TCP,
		.user = below(1000),
		.until_ns = one_in(3) ? (uint64_t)run.now_ns + below(100000) : 0,
	};

	some_ports(&e);
	some_prefix(&e.local, &e.local_prefix);
	if (one_in(2))
		some_prefix(&e.remote, &e.remote_prefix);
	e.verdict = e.kind == MINATO_KIND_GUARD ? (enum minato_verdict)below(3) : MINATO_PASS;
	if (e.kind == MINATO_KIND_GUARD && e.verdict != MINATO_PASS)
		e.behind = one_in(3);
	if (e.kind == MINATO_KIND_DMZ) {
		e.translate = true;
		e.first = e.last = 0;
	}
	if (e.kind == MINATO_KIND_RIGHT) {
		e.uid = below(3);
		e.face = MINATO_FACE_ANY;
		e.remote_prefix = 0;
		memset(&e.remote, 0, sizeof(e.remote));
	}
	return e;
}

static struct naive_entry *find_live(bool claim)
{
	const uint32_t start = below(NAIVE_ENTRIES);

	for (uint32_t i = 0; i < NAIVE_ENTRIES; i++) {
		struct naive_entry *e = &run.n.entry[(start + i) % NAIVE_ENTRIES];
		if (e->live && (!claim || e->e.kind == MINATO_KIND_SOCKET))
			return e;
	}
	return NULL;
}

/* The real table's index is the naive one's place. */
static struct naive_entry *noted(int64_t index)
{
	struct naive_entry *e;

	require(index >= 0 && index < NAIVE_ENTRIES);
	e = &run.n.entry[index];
	require(!e->live);
	memset(e, 0, sizeof(*e));
	e->live = true;
	e->index = (uint32_t)index;
	e->order = ++run.n.order;
	run.live++;
	return e;
}

/* --- operations ------------------------------------------------------------ */

static bool same_set(const struct minato_entry *a, const struct minato_entry *b)
{
	static const enum minato_kind apart[] = { MINATO_KIND_GUARD, MINATO_KIND_RESERVED,
						  MINATO_KIND_RIGHT };

	for (int i = 0; i < 3; i++) {
		if ((a->kind == apart[i] && !a->behind) !=
		    (b->kind == apart[i] && !b->behind))
			return false;
	}
	return a->kind != MINATO_KIND_RIGHT || a->uid == b->uid;
}

static bool key_is_taken(const struct minato_entry *e)
{
	for (uint32_t i = 0; i < NAIVE_ENTRIES; i++) {
		const struct naive_entry *there = &run.n.entry[i];
		if (there->live && same_set(&there->e, e) &&
		    naive_same_key(&there->e, there->claim.v6_only, e, false))
			return true;
	}
	return false;
}

static void do_add(void)
{
	const struct minato_entry wish = some_wish();
	struct minato_entry normal;
	int64_t got = port_add(run.t, &wish, NULL);

	require(naive_normal(&wish, &normal));
	if (key_is_taken(&normal)) {
		require(got == -EADDRINUSE);
		return;
	}
	require(got >= 0);
	noted(got)->e = normal;
}

static struct minato_entry entry_of_claim(const struct port_claim *claim)
{
	struct minato_entry e = {
		.kind = MINATO_KIND_SOCKET,
		.scope = claim->scope,
		.face = MINATO_FACE_ANY,
		.proto = claim->proto,
		.local = claim->local,
		.local_prefix = 128,
		.first = claim->port,
		.last = claim->port,
	};

	if (minato_addr_is_any(&claim->local))
		e.local_prefix = minato_addr_is4(&claim->local) ? 96 : 0;
	return e;
}

static void do_bind(void)
{
	struct port_claim claim = {
		.scope = (uint8_t)below(2),
		.proto = MINATO_TCP,
		.local = some_addr(),
		.port = some_port(),
		.v6_only = one_in(2),
		.reuse_addr = one_in(2),
		.reuse_port = one_in(2),
		.exclusive = one_in(20),
		.uid = below(3),
	};
	struct naive_entry *e;
	int64_t got;

	if (claim.port == 0)
		claim.port = 1;
	if (one_in(40))
		claim.local = one_in(2) ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ { 0 } };
	got = port_bind(run.t, &claim, NULL);
	require((got >= 0) == naive_bind_allowed(&run.n, &claim));
	if (got < 0)
		return;
	e = noted(got);
	e->e = entry_of_claim(&claim);
	e->claim = claim;
	if (e->e.local_prefix != 0)
		e->claim.v6_only = false;
}

static void do_accepting(void)
{
	struct naive_entry *e = find_live(true);
	const bool accepting = !one_in(4);
	int got;

	if (e == NULL)
		return;
	got = port_accepting(run.t, e->index, accepting);
	require((got == 0) == (!accepting || naive_listen_allowed(&run.n, e)));
	if (got == 0)
		e->accepting = accepting;
}

static void do_reuse(void)
{
	struct naive_entry *e = find_live(true);

	if (e == NULL)
		return;
	e->claim.reuse_addr = one_in(2);
	e->claim.reuse_port = one_in(2);
	port_claim_reuse(run.t, e->index, e->claim.reuse_addr, e->claim.reuse_port);
}

static void do_remove(void)
{
	struct naive_entry *e = find_live(false);

	if (e == NULL)
		return;
	port_remove(run.t, e->index);
	e->live = false;
	run.live--;
}

static void do_look_up(void)
{
	const struct port_key key = {
		.local = some_addr(),
		.remote = some_addr(),
		.local_port = some_port(),
		.remote_port = 1000,
		.scope = (uint8_t)below(2),
		.face = (uint8_t)below(3),
		.proto = MINATO_TCP,
	};
	struct naive_fate want;
	struct port_fate got;
	bool is_one = false;

	naive_lookup(&run.n, &key, run.now_ns, true, &want);
	port_lookup(run.t, &key, (struct minato_time){ run.now_ns }, true, &got);
	require(got.kind == want.kind && got.verdict == want.verdict);
	require((got.entry == POOL_NONE) == (want.kind == MINATO_KIND_CLOSED));
	for (uint32_t i = 0; i < want.group_count; i++)
		is_one |= want.group[i]->index == got.entry;
	require(is_one || want.group_count == 0);
}

static void do_choose(void)
{
	struct port_choice c = {
		.scope = (uint8_t)below(2),
		.proto = MINATO_TCP,
		.local = some_addr(),
		.low = 443,
		.high = 443,
	};

	if (one_in(10))
		c.local = one_in(2) ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ { 0 } };
	require((port_choose(run.t, &c) == 443) ==
		(naive_unused(&run.n, &c, 443) || naive_sharable(&run.n, &c, 443)));
}

static void step(void)
{
	const uint32_t dice = below(100);

	run.now_ns += below(50);
	if (one_in(5000))
		run.wanted = below(NAIVE_ENTRIES - 1);
	if (dice < 40)
		do_look_up();
	else if (dice < 42)
		do_choose();
	else if (dice < 47)
		do_accepting();
	else if (dice < 48)
		do_reuse();
	else if (run.live > run.wanted)
		do_remove();
	else if (dice < 75)
		do_add();
	else if (dice < 95)
		do_bind();
	else
		do_remove();
}

static void play(uint64_t seed, uint64_t hash_mask, uint32_t steps)
{
	const struct port_limits limits = { 16, NAIVE_ENTRIES, 16, 0, 0 };
	const struct hash_key key = { { seed, ~seed } };
	const size_t size = port_bytes(&limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const char *text = getenv("MINATO_SEED");

	assert_true(memory != MAP_FAILED);
	memset(&run, 0, sizeof(run));
	run.seed = run.random = text != NULL ? strtoull(text, NULL, 0) : seed;
	run.t = port_init(memory, &limits, &key);
	run.t->hash_mask = hash_mask;
	run.wanted = NAIVE_ENTRIES - 1;
	for (run.step = 0; run.step < steps; run.step++)
		step();
	while (run.live > 0)
		do_remove();
	require(run.t->cells.used == 0 && run.t->shapes.used == 0);
	unpoison(memory, size);
	munmap(memory, size);
}

static void thousands_of_entries_on_few_ports(void **state)
{
	(void)state;
	play(0x656e747269657301, UINT64_MAX, STEPS);
	play(0x656e747269657302, UINT64_MAX, STEPS);
}

/* All cells stand in one chain. */
static void all_cells_collide(void **state)
{
	(void)state;
	play(0x656e747269657303, 0, 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thousands_of_entries_on_few_ports),
		cmocka_unit_test(all_cells_collide),
	};

	return cmocka_run_group_tests_name("entries-model", tests, NULL, NULL);
}
