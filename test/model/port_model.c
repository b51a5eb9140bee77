/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port table against the naive one: random operations on both, each answer
 * compared. A failure names the seed and the step; MINATO_SEED runs one seed.
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

#define PORT_BASE 2000u
#define PORT_SPAN 24u
#define SCOPES_USED 3u
#define TUPLES_MAX 900u
#define REST_NS 4000

/* One run: both tables, the seed and how far it is. */
static struct {
	struct port_table *t;
	size_t size;
	struct naive n;
	uint64_t random;
	uint64_t seed;
	uint32_t step;
	uint32_t tuples_wanted; /* the population swings around it */
	int64_t now_ns;
	struct port_key early; /* to be inserted, sought before */
	struct port_probe early_probe;
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

/* --- a small world, so that things meet ------------------------------------------ */

static struct minato_addr some_addr(void)
{
	static const char *const texts[] = {
		"10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.9",
		"fd00::1",  "fd00::2",	"fd01::1",  "2001:db8::9",
	};
	static struct minato_addr addrs[8];
	static bool parsed;

	for (int i = 0; i < 8 && !parsed; i++)
		require(minato_addr_parse(texts[i], &addrs[i]) == 0);
	parsed = true;
	return addrs[below(8)];
}

static struct minato_addr some_wildcard(void)
{
	return one_in(2) ? minato_addr4(0, 0, 0, 0) : (struct minato_addr){ { 0 } };
}

static struct minato_addr some_local(void)
{
	return one_in(3) ? some_wildcard() : some_addr();
}

static uint16_t some_port(void)
{
	return (uint16_t)(PORT_BASE + below(PORT_SPAN));
}

static uint8_t some_proto(void)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_TCP, MINATO_UDP, MINATO_UDP,
					  MINATO_ICMP };

	return protos[below(5)];
}

static struct port_key some_key(void)
{
	struct port_key key = {
		.local = some_addr(),
		.local_port = some_port(),
		.remote = some_addr(),
		.remote_port = (uint16_t)(1 + below(6)),
		.scope = (uint8_t)below(SCOPES_USED),
		.face = (uint8_t)below(3),
		.proto = some_proto(),
	};

	if (one_in(10)) {
		key.local = some_wildcard();
		key.local_port = 0;
	}
	return key;
}

static struct naive_tuple *some_tuple(void)
{
	uint32_t start = below(NAIVE_TUPLES);

	for (uint32_t i = 0; i < NAIVE_TUPLES; i++) {
		struct naive_tuple *u = &run.n.tuple[(start + i) % NAIVE_TUPLES];
		if (u->live)
			return u;
	}
	return NULL;
}

static struct naive_entry *some_entry(bool claim)
{
	uint32_t start = below(NAIVE_ENTRIES);

	for (uint32_t i = 0; i < NAIVE_ENTRIES; i++) {
		struct naive_entry *e = &run.n.entry[(start + i) % NAIVE_ENTRIES];
		if (e->live && (!claim || e->e.kind == MINATO_KIND_SOCKET))
			return e;
	}
	return NULL;
}

static struct naive_entry *free_entry(void)
{
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (!run.n.entry[i].live)
			return &run.n.entry[i];
	}
	return NULL;
}

static struct naive_entry *entry_of_index(uint32_t index)
{
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		if (run.n.entry[i].live && run.n.entry[i].index == index)
			return &run.n.entry[i];
	}
	return NULL;
}

static void some_prefix(struct minato_addr *a, uint8_t *prefix_len)
{
	static const uint8_t lens[] = { 128, 128, 120, 112, 96, 64, 16, 1 };

	*prefix_len = 0;
	*a = (struct minato_addr){ { 0 } };
	if (one_in(3))
		return;
	*a = some_addr();
	*prefix_len = lens[below(8)];
	if (one_in(6)) {
		*a = minato_addr4(0, 0, 0, 0);
		*prefix_len = 96;
	}
}

static void some_ports(struct minato_entry *e)
{
	uint32_t form = below(8);

	e->first = some_port();
	e->last = e->first;
	if (form == 0 || form == 1)
		e->last = (uint16_t)(e->first + below(8));
	if (form == 2)
		e->first = e->last = 0;
	if (form == 3) {
		e->first = (uint16_t)below(2);
		e->last = 65535;
	}
	if (form == 4)
		e->last = (uint16_t)(e->first + below(300));
}

static struct minato_entry some_entry_wish(void)
{
	static const enum minato_kind kinds[] = { MINATO_KIND_FORWARD, MINATO_KIND_UPLINK,
						  MINATO_KIND_GUARD, MINATO_KIND_RESERVED,
						  MINATO_KIND_RIGHT };
	struct minato_entry e = {
		.kind = kinds[below(5)],
		.verdict = (enum minato_verdict)below(3),
		.scope = one_in(5) ? MINATO_SCOPE_ANY : (uint8_t)below(SCOPES_USED),
		.face = one_in(3) ? (uint8_t)below(3) : MINATO_FACE_ANY,
		.proto = one_in(3) ? 0 : some_proto(),
		.user = below(1000),
		.until_ns = one_in(3) ? (uint64_t)run.now_ns + below(4000) : 0,
	};

	some_ports(&e);
	some_prefix(&e.local, &e.local_prefix);
	some_prefix(&e.remote, &e.remote_prefix);
	if (e.kind == MINATO_KIND_RIGHT && !one_in(20)) {
		e.verdict = one_in(2) ? MINATO_PASS : MINATO_REFUSE;
		e.uid = one_in(3) ? MINATO_UID_NONE : below(2);
		e.face = MINATO_FACE_ANY;
		e.remote = (struct minato_addr){ { 0 } };
		e.remote_prefix = 0;
	}
	e.target.addr = some_addr();
	e.target.port = one_in(2) ? (uint16_t)below(65536) : 0;
	if (one_in(50))
		e.local_prefix = (uint8_t)below(256);
	if (one_in(50))
		e.scope = (uint8_t)below(256);
	if (one_in(50))
		e.last = (uint16_t)below(65536);
	return e;
}

/* --- operations ------------------------------------------------------------------- */

static void do_look_up(void)
{
	struct port_key key = some_key();
	bool new_flow = !one_in(4);
	struct naive_tuple *u = some_tuple();
	struct naive_fate want;
	struct port_fate got;
	struct naive_entry *e;

	if (u != NULL && one_in(3))
		key = u->key;
	if (one_in(20))
		key.local_port = (uint16_t)below(65536);
	if (one_in(4))
		key.face = (uint8_t)below(3);
	naive_lookup(&run.n, &key, run.now_ns, new_flow, &want);
	port_lookup(run.t, &key, (struct minato_time){ run.now_ns }, new_flow, &got);

	require(got.exact == (want.tuple != NULL));
	if (want.tuple != NULL) {
		require(got.association == want.tuple->association);
		require(got.tuple.owner == want.tuple->ref.owner);
		require(got.tuple.class == want.tuple->ref.class);
		require(got.entry == POOL_NONE && got.owner == want.tuple->ref.owner);
		return;
	}
	require(got.kind == want.kind);
	require(got.verdict == want.verdict);
	if (want.kind == MINATO_KIND_CLOSED) {
		require(got.entry == POOL_NONE);
		return;
	}
	e = entry_of_index(got.entry);
	for (unsigned i = 0; i < want.group_count; i++) {
		if (want.group[i] == e)
			want.group_count = 0;
	}
	require(want.group_count == 0); /* it was one of them */
	require(got.user == e->e.user);
	/* To be found is no hit. */
	require(port_entry_hits(run.t, got.entry) == e->hits);
	if (new_flow && !one_in(8)) {
		port_hit(run.t, got.entry);
		e->hits++;
	}
	require(memcmp(&got.target, &want.target, sizeof(want.target)) == 0);
	if (want.kind == MINATO_KIND_SOCKET)
		require(got.owner == e->claim.owner);
}

static void do_find_tuple(void)
{
	struct port_key key = some_key();
	struct naive_tuple *u = some_tuple();
	struct port_tuple_ref ref;
	uint32_t index;
	bool found;

	if (u != NULL && one_in(2))
		key = u->key;
	u = naive_find_tuple(&run.n, &key);
	found = port_tuple_find(run.t, &key, &ref, &index);
	require(found == (u != NULL));
	if (u == NULL)
		return;
	require(index == u->index && ref.quiet == u->ref.quiet);
	require(ref.rests == (u->rested != 0));
	require(ref.rests || (ref.owner == u->ref.owner && ref.class == u->ref.class &&
		ref.exclusive == u->ref.exclusive && ref.yields == u->ref.yields));
	if (ref.quiet)
		return;
	port_tuple_key(run.t, index, &key);
	require(memcmp(&key.remote, &u->key.remote, 16) == 0);
	require(key.remote_port == u->key.remote_port && key.scope == u->key.scope);
	require(key.face == u->key.face && key.proto == u->key.proto);
	require(key.local_port == u->key.local_port);
	require(u->association || memcmp(&key.local, &u->key.local, 16) == 0);
}

static struct port_tuple_ref some_ref(void)
{
	return (struct port_tuple_ref){
		.owner = below(PORT_OWNERS_MAX),
		.class = (uint8_t)below(PORT_CLASS_REST),
		.exclusive = one_in(4),
		.yields = one_in(8),
	};
}

/* To an address that nobody binds and no choice is for: half as NAT has them. */
static struct port_key some_quiet_key(void)
{
	static const struct minato_addr six = { { 0xfd, [15] = 0x77 } };
	struct port_key key = some_key();

	key.local = one_in(2) ? minato_addr4(0, 0, 0, 1) : six;
	key.local_port = one_in(2) ? 0 : some_port();
	return key;
}

static bool is_quiet_key(const struct port_key *key)
{
	const struct minato_addr four = minato_addr4(0, 0, 0, 1);

	return minato_addr_equal(&key->local, &four) || key->local.bytes[15] == 0x77;
}

/* Sought now, or long ago. */
static int64_t insert_sought(const struct port_key *key, struct port_tuple_ref ref)
{
	struct port_probe probe = { .key = key };

	if (key == &run.early)
		return port_tuple_insert_sought(run.t, &run.early_probe, ref);
	port_seek(run.t, &probe, 1);
	(void)port_tuple_room(run.t, &probe);
	return port_tuple_insert_sought(run.t, &probe, ref);
}

/* A key to be inserted later. */
static void seek_early(void)
{
	run.early = one_in(2) ? some_quiet_key() : some_key();
	if (naive_is_association(&run.early))
		run.early = some_quiet_key();
	run.early_probe.key = &run.early;
	port_seek(run.t, &run.early_probe, 1);
}

static uint32_t naive_tuple_count(void)
{
	uint32_t count = 0;

	for (int i = 0; i < NAIVE_TUPLES; i++)
		count += run.n.tuple[i].live;
	return count;
}

static void do_insert(void)
{
	const bool early = run.early_probe.key != NULL && one_in(8);
	const bool quiet = early ? is_quiet_key(&run.early) : one_in(3);
	struct port_key key = quiet ? some_quiet_key() : some_key();
	struct port_tuple_ref ref = some_ref();
	struct naive_tuple *there;
	bool taken;
	int64_t got;

	if (early)
		key = run.early;
	there = naive_find_tuple(&run.n, &key);
	taken = there != NULL && there->rested == 0;
	if (there != NULL && !taken)
		there->live = false; /* gives way */
	ref.quiet = quiet;
	if (early || (!naive_is_association(&key) && one_in(2)))
		got = insert_sought(early ? &run.early : &key, ref);
	else
		got = port_tuple_insert(run.t, &key, ref);

	if (early || one_in(20))
		seek_early();
	if (taken || got < 0) {
		require(got == (taken ? -EEXIST : -ENOSPC));
		require(taken || naive_tuple_count() == TUPLES_MAX);
		return;
	}
	for (int i = 0; i < NAIVE_TUPLES; i++) {
		struct naive_tuple *u = &run.n.tuple[i];
		if (u->live)
			continue;
		*u = (struct naive_tuple){ .live = true,
					   .index = quiet ? POOL_NONE : (uint32_t)got,
					   .association = naive_is_association(&key),
					   .key = key,
					   .ref = ref };
		return;
	}
}

static void do_remove_tuple(void)
{
	struct naive_tuple *u = some_tuple();

	if (u == NULL || u->rested != 0)
		return;
	if (!u->ref.quiet && one_in(2))
		port_tuple_remove(run.t, u->index);
	else
		require(port_tuple_erase(run.t, &u->key));
	require(!port_tuple_erase(run.t, &u->key));
	u->live = false;
}

static void do_rest(void)
{
	const struct minato_time until = { run.now_ns + REST_NS };
	struct naive_tuple *u = some_tuple();

	if (u == NULL || u->rested != 0 || u->association || u->ref.quiet)
		return;
	port_tuple_rest(run.t, u->index, until);
	u->rested = ++run.n.order;
	u->rest_until_ns = until.ns;
	u->ref.yields = false;
}

static void expire_rests(void)
{
	port_rest_expire(run.t, (struct minato_time){ run.now_ns });
	for (int i = 0; i < NAIVE_TUPLES; i++) {
		struct naive_tuple *u = &run.n.tuple[i];
		if (u->live && u->rested != 0 && u->rest_until_ns <= run.now_ns)
			u->live = false;
	}
}

static void do_assign(void)
{
	struct naive_tuple *u = some_tuple();

	if (u == NULL || u->rested != 0)
		return;
	if (u->ref.quiet) {
		u->ref = some_ref();
		u->ref.quiet = true;
		require(port_tuple_reassign(run.t, &u->key, u->ref));
		return;
	}
	u->ref = some_ref();
	port_tuple_assign(run.t, u->index, u->ref);
}

/* Moves the population towards a size that changes from time to time. */
static void do_tuples(void)
{
	if (one_in(2000))
		run.tuples_wanted = one_in(2) ? below(60) : below(TUPLES_MAX + 40);
	if (port_tuple_count(run.t) < run.tuples_wanted || one_in(4))
		do_insert();
	else
		do_remove_tuple();
}

static void note_entry(struct naive_entry *e, int64_t index)
{
	require(entry_of_index((uint32_t)index) == NULL);
	e->live = true;
	e->index = (uint32_t)index;
	e->order = ++run.n.order;
	e->hits = 0;
	e->accepting = false;
}

static struct port_claim some_claim(void)
{
	return (struct port_claim){
		.scope = (uint8_t)below(SCOPES_USED),
		.proto = some_proto(),
		.local = some_local(),
		.port = some_port(),
		.v6_only = one_in(3),
		.reuse_addr = one_in(2),
		.reuse_port = one_in(2),
		.exclusive = one_in(10),
		.uid = below(2),
		.owner = below(PORT_OWNERS_MAX),
		.user = below(1000),
	};
}

static void do_right(void)
{
	const struct port_claim claim = some_claim();
	const bool otherwise = one_in(2);

	if (claim.proto == MINATO_ICMP)
		return;
	require(port_right(run.t, &claim, (struct minato_time){ run.now_ns }, otherwise) ==
		naive_right(&run.n, &claim, run.now_ns, otherwise));
}

static void do_bind(void)
{
	struct naive_entry *e = free_entry();
	struct port_claim claim = some_claim();
	uint32_t holder = 12345;
	int64_t got;

	if (e == NULL)
		return;
	if (one_in(5)) {
		claim.lent = true;
		claim.v6_only = claim.reuse_addr = claim.reuse_port = claim.exclusive = false;
	}
	got = port_bind(run.t, &claim, &holder);
	require((got >= 0) == naive_bind_allowed(&run.n, &claim));
	if (got < 0) {
		require(got == -EADDRINUSE);
		require(holder == POOL_NONE || entry_of_index(holder) != NULL);
		return;
	}
	require(holder == POOL_NONE);
	note_entry(e, got);
	e->claim = claim;
	e->e = (struct minato_entry){
		.kind = claim.lent ? MINATO_KIND_LEASE : MINATO_KIND_SOCKET,
		.scope = claim.scope,
		.face = MINATO_FACE_ANY,
		.proto = claim.proto,
		.local = claim.local,
		.local_prefix = 128,
		.first = claim.port,
		.last = claim.port,
		.user = claim.user,
	};
	if (minato_addr_is_any(&claim.local))
		e->e.local_prefix = minato_addr_is4(&claim.local) ? 96 : 0;
	if (e->e.local_prefix != 0)
		e->claim.v6_only = false; /* means nothing there */
}

static void do_accepting(void)
{
	struct naive_entry *e = some_entry(true);
	bool accepting = !one_in(4);
	int got;

	if (e == NULL)
		return;
	got = port_accepting(run.t, e->index, accepting);
	if (accepting && !naive_listen_allowed(&run.n, e)) {
		require(got == -EADDRINUSE);
		return;
	}
	require(got == 0);
	e->accepting = accepting;
}

static void do_reuse(void)
{
	struct naive_entry *e = some_entry(true);

	if (e == NULL)
		return;
	e->claim.reuse_addr = one_in(2);
	e->claim.reuse_port = one_in(2);
	port_claim_reuse(run.t, e->index, e->claim.reuse_addr, e->claim.reuse_port);
}

static struct naive_entry *same_key_there(const struct minato_entry *e)
{
	for (int i = 0; i < NAIVE_ENTRIES; i++) {
		struct naive_entry *there = &run.n.entry[i];
		if (there->live &&
		    (there->e.kind == MINATO_KIND_GUARD) == (e->kind == MINATO_KIND_GUARD) &&
		    (there->e.kind == MINATO_KIND_RESERVED) == (e->kind == MINATO_KIND_RESERVED) &&
		    (there->e.kind == MINATO_KIND_RIGHT) == (e->kind == MINATO_KIND_RIGHT) &&
		    (e->kind != MINATO_KIND_RIGHT || there->e.uid == e->uid) &&
		    naive_same_key(&there->e, there->claim.v6_only, e, false))
			return there;
	}
	return NULL;
}

static void do_add(void)
{
	struct naive_entry *e = free_entry();
	struct minato_entry wish = some_entry_wish();
	struct minato_entry normal, back;
	uint32_t holder = 12345;
	struct naive_entry *there;
	int64_t got;

	if (e == NULL)
		return;
	got = port_add(run.t, &wish, &holder);
	if (!naive_normal(&wish, &normal)) {
		require(got == -EINVAL);
		return;
	}
	there = same_key_there(&normal);
	if (there != NULL) {
		require(got == -EADDRINUSE);
		there = entry_of_index(holder);
		require(there != NULL &&
			naive_same_key(&there->e, there->claim.v6_only, &normal, false));
		return;
	}
	require(got >= 0 && holder == POOL_NONE);
	note_entry(e, got);
	e->e = normal;
	memset(&e->claim, 0, sizeof(e->claim));
	port_get(run.t, (uint32_t)got, &back);
	require(back.kind == normal.kind && back.first == normal.first &&
		back.last == normal.last && back.until_ns == normal.until_ns &&
		memcmp(&back.local, &normal.local, 16) == 0);
}

static void do_remove_entry(void)
{
	struct naive_entry *e = some_entry(false);
	uint32_t generation;

	if (e == NULL)
		return;
	generation = port_entry_generation(run.t, e->index);
	require(port_entry_live(run.t, e->index));
	port_remove(run.t, e->index);
	require(!port_entry_live(run.t, e->index));
	require(port_entry_generation(run.t, e->index) != generation);
	e->live = false;
}

static bool goes_first(const struct naive *n, const struct port_choice *c, uint16_t port)
{
	return naive_for_one(c) ? naive_open(n, c, port) : naive_unused(n, c, port);
}

/* Nothing is free but what rests: the oldest alone, or any that is left when all
   have ended, where others hold the port at another address. */
static void check_end_of_rests(const struct port_choice *c, uint16_t port)
{
	const uint16_t oldest = naive_end_rests(&run.n, c);
	bool sharable = false;

	for (uint16_t p = c->low; p <= c->high; p++)
		sharable |= naive_sharable(&run.n, c, p);
	if (oldest != 0)
		require(port == oldest);
	else if (port != 0)
		require(naive_sharable(&run.n, c, port));
	else
		require(!sharable);
}

static void do_choose(void)
{
	struct minato_endpoint remote = { some_addr(), (uint16_t)(1 + below(6)) };
	struct port_choice c = {
		.scope = (uint8_t)below(SCOPES_USED),
		.proto = some_proto(),
		.local = some_local(),
		.remote = one_in(3) ? NULL : &remote,
		.low = some_port(),
	};
	bool first = false, sharable = false;
	uint16_t port;

	c.alone = one_in(4);
	c.other_clock = one_in(3);
	c.high = (uint16_t)(c.low + below(8));
	if (one_in(50))
		port_set_chooser(run.t, (enum minato_chooser)below(MINATO_CHOOSER_COUNT));
	port = port_choose(run.t, &c);
	for (uint16_t p = c.low; p <= c.high; p++) {
		first |= goes_first(&run.n, &c, p);
		sharable |= naive_sharable(&run.n, &c, p);
	}
	if (!first && !sharable) {
		check_end_of_rests(&c, port);
		return;
	}
	require(port >= c.low && port <= c.high);
	require(first ? goes_first(&run.n, &c, port) : naive_sharable(&run.n, &c, port));
}

/* --- from time to time ------------------------------------------------------------- */

__attribute__((no_sanitize("address"))) static void copy_words(void *to, const void *from,
							       size_t size)
{
	for (size_t i = 0; i < size / 8; i++) {
		uint64_t word = ((const volatile uint64_t *)from)[i];
		if (word != 0)
			((volatile uint64_t *)to)[i] = word;
	}
}

static void *fresh_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void release_memory(void *memory, size_t size)
{
	unpoison(memory, size);
	munmap(memory, size);
}

/* A byte copy elsewhere is the same table. */
static void move_table(void)
{
	void *memory = fresh_memory(run.size);

	copy_words(memory, run.t, run.size);
	release_memory(run.t, run.size);
	run.t = memory;
}

static void compare_all(void)
{
	uint32_t entry = port_entry_next(run.t, 0);
	uint32_t count = 0;

	require(bucket_sound(run.t));
	require(port_tuple_count(run.t) == naive_tuple_count());
	for (; entry != POOL_NONE; entry = port_entry_next(run.t, entry + 1)) {
		struct naive_entry *e = entry_of_index(entry);
		struct port_claim claim;
		require(e != NULL && e->hits == port_entry_hits(run.t, entry));
		require(port_entry_claim(run.t, entry, &claim) ==
			(e->e.kind == MINATO_KIND_SOCKET || e->e.kind == MINATO_KIND_LEASE));
		count++;
	}
	for (int i = 0; i < NAIVE_ENTRIES; i++)
		count -= run.n.entry[i].live;
	require(count == 0);
	for (uint8_t scope = 0; scope < SCOPES_USED; scope++) {
		uint32_t space = port_space_index(scope, port_slot(MINATO_UDP));
		for (uint32_t i = 0; i < PORT_SPAN + 2; i++) {
			uint16_t p = (uint16_t)(PORT_BASE - 1 + i);
			const struct port_choice c = { .scope = scope, .proto = MINATO_UDP };
			require(port_uses(run.t, space)[p] ==
				naive_uses(&run.n, scope, MINATO_UDP, p));
			require(bitmap_free(port_bitmap(run.t, space), p) ==
				naive_unused(&run.n, &c, p));
		}
	}
}

static void step(void)
{
	uint32_t dice = below(100);

	run.now_ns += below(50);
	expire_rests();
	if (dice < 50)
		do_look_up();
	else if (dice < 55)
		do_find_tuple();
	else if (dice < 75)
		do_tuples();
	else if (dice < 76)
		do_assign();
	else if (dice < 77)
		do_rest();
	else if (dice < 83)
		do_bind();
	else if (dice < 87)
		do_accepting();
	else if (dice < 88)
		do_reuse();
	else if (dice < 92)
		do_add();
	else if (dice < 96)
		do_remove_entry();
	else if (dice < 97)
		do_right();
	else
		do_choose();
}

static void play(uint64_t seed, uint32_t steps, uint64_t hash_mask)
{
	const struct port_limits limits = { TUPLES_MAX, NAIVE_ENTRIES, 2048, 0,
					    .tuples_first =
						    (uint32_t)(seed % 3) * TUPLES_MAX / 4 };
	struct hash_key key = { { seed, ~seed } };

	memset(&run, 0, sizeof(run));
	run.seed = run.random = seed;
	run.size = port_bytes(&limits);
	run.t = port_init(fresh_memory(run.size), &limits, &key);
	run.t->hash_mask = hash_mask;
	if (hash_mask != UINT64_MAX)
		run.t->spread = 0;
	run.tuples_wanted = 60;
	for (run.step = 0; run.step < steps; run.step++) {
		step();
		if (run.step % 5000 == 0)
			compare_all();
		if (run.step % 50000 == 49999)
			move_table();
	}
	compare_all();
	release_memory(run.t, run.size);
}

static uint64_t seed_or(uint64_t seed)
{
	const char *text = getenv("MINATO_SEED");

	if (text != NULL)
		seed = strtoull(text, NULL, 0);
	printf("# seed 0x%llx\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

static void first_third_of_a_million(void **state)
{
	(void)state;
	play(seed_or(0x6d696e61746f0001), 334000, UINT64_MAX);
}

static void second_third_of_a_million(void **state)
{
	(void)state;
	play(seed_or(0x6d696e61746f0002), 334000, UINT64_MAX);
}

static void last_third_of_a_million(void **state)
{
	(void)state;
	play(seed_or(0x6d696e61746f0003), 334000, UINT64_MAX);
}

/* Every key has one home, and its tag says no more than scope and protocol: all
   of it stands in chains. */
static void all_keys_collide(void **state)
{
	(void)state;
	play(seed_or(0x6d696e61746f0004), 50000, 0);
}

/* Few lines for all, so that guests and chains come and go. */
static void buckets_overflow(void **state)
{
	(void)state;
	play(seed_or(0x6d696e61746f0005), 50000, UINT64_C(0x0000000380000007));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_third_of_a_million),
		cmocka_unit_test(second_third_of_a_million),
		cmocka_unit_test(last_third_of_a_million),
		cmocka_unit_test(all_keys_collide),
		cmocka_unit_test(buckets_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
