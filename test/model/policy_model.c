/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the policy beside a naive evaluator that goes through all of
 * them in order: a million flows while rules come, go and expire. A failure
 * names the seed and the step; MINATO_SEED runs one seed.
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
#include "minato/guard.h"
#include "port/port.h"

#define RULES_MAX 2000u
#define STEPS 250000u
#define HOSTS 64u
#define SOURCES (14u * HOSTS) /* 12 networks of IPv4, 2 of IPv6 */

struct naive_rule {
	struct minato_entry entry;
	uint32_t index; /* in the table */
	bool live;
	int64_t full_ns;	  /* of all together */
	int64_t each_ns[SOURCES]; /* of each source */
};

static struct {
	struct port_table *t;
	struct naive_rule rule[RULES_MAX];
	uint32_t count, wanted, most;
	uint64_t random, seed;
	uint32_t step;
	int64_t now_ns;
	uint32_t hits, asked, limited, sought;
	bool nests; /* prefixes of all lengths lie in each other */
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

/* --- a small world -------------------------------------------------------- */

/* One of which prefixes of every length lie in each other: it leaves the nest behind some bit. */
static struct minato_addr nested_addr(bool six)
{
	struct minato_addr a = { { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 5, [15] = 3 } };
	const uint32_t bit = six ? 33 + below(100) : 98 + below(32);

	if (!six)
		a = minato_addr4(10, 1, 128, 5);
	if (bit < 128)
		a.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	return a;
}

static struct minato_addr some_addr(bool six)
{
	struct minato_addr a = { { 0x20, 1, 0x0d, 0xb8 } };

	if (run.nests && !one_in(8))
		return nested_addr(six);

	if (!six)
		return minato_addr4((uint8_t)(10 + below(3)), (uint8_t)below(2),
				    (uint8_t)(below(2) * 128), (uint8_t)below(HOSTS));
	a.bytes[5] = (uint8_t)below(2);
	a.bytes[7] = (uint8_t)below(HOSTS); /* in the /64 */
	a.bytes[15] = (uint8_t)below(4);
	return a;
}

/* Of IPv6 a /64. */
static uint32_t source_number(const struct minato_addr *a)
{
	if (!minato_addr_is4(a))
		return (12 + a->bytes[5]) * HOSTS + a->bytes[7];
	return ((a->bytes[12] - 10u) * 4 + a->bytes[13] * 2u + (a->bytes[14] >> 7)) * HOSTS +
	       a->bytes[15];
}

static uint8_t some_length(bool six)
{
	static const uint8_t six_lengths[] = { 0, 0, 1, 32, 48, 63, 64, 65, 127, 128 };
	static const uint8_t four_lengths[] = { 0, 0, 80, 96, 97, 104, 112, 113, 120, 127, 128 };

	if (run.nests && !one_in(8))
		return (uint8_t)(six ? below(129) : 96 + below(33));
	return six ? six_lengths[below(sizeof(six_lengths))] :
		     four_lengths[below(sizeof(four_lengths))];
}

static uint16_t some_port(void)
{
	static const uint16_t favourites[] = { 0, 1, 22, 80, 443, 1023, 1024, 32768, 65535 };

	return one_in(3) ? favourites[below(9)] : (uint16_t)below(65536);
}

static uint8_t some_proto(void)
{
	static const uint8_t protos[] = { 0, MINATO_TCP, MINATO_UDP, MINATO_ICMP };

	return protos[below(4)];
}

static void some_side(struct minato_addr *a, uint8_t *length)
{
	const bool six = one_in(2);

	*length = some_length(six);
	*a = (struct minato_addr){ { 0 } };
	if (*length != 0)
		*a = some_addr(six);
}

static void some_ports(struct minato_entry *e)
{
	const uint16_t a = some_port(), b = some_port();

	e->first = a < b ? a : b;
	e->last = a < b ? b : a;
	if (one_in(3))
		e->last = e->first;
	if (one_in(4) || e->proto == MINATO_ICMP) {
		e->first = 0;
		e->last = UINT16_MAX;
	}
	if (e->proto == MINATO_ICMP && one_in(2)) {
		e->first = (uint16_t)(one_in(2) ? 8 : 100);
		e->last = (uint16_t)(e->first + below(100));
	}
}

static struct minato_entry some_rule(void)
{
	struct minato_entry e = { .kind = MINATO_KIND_GUARD };

	e.verdict = (enum minato_verdict)below(3);
	e.scope = one_in(4) ? (uint8_t)below(2) : MINATO_SCOPE_ANY;
	e.face = one_in(4) ? (uint8_t)below(2) : MINATO_FACE_ANY;
	e.proto = some_proto();
	e.course = (uint8_t)below(3);
	e.program = one_in(4) ? (uint16_t)(1 + below(3)) : 0;
	if (one_in(3)) { /* many that differ in ports alone */
		e.scope = MINATO_SCOPE_ANY;
		e.face = MINATO_FACE_ANY;
		e.proto = MINATO_TCP;
		e.course = MINATO_COURSE_IN;
		e.program = one_in(4);
	} else {
		some_side(&e.local, &e.local_prefix);
		some_side(&e.remote, &e.remote_prefix);
	}
	some_ports(&e);
	/* No two alike. */
	e.order = (UINT64_C(1) + below(1u << 30)) << 24 | run.step;
	if (one_in(5))
		e.until_ns = (uint64_t)run.now_ns + 1 + below(2000000);
	e.log = one_in(50);
	if (e.verdict == MINATO_PASS && one_in(3)) {
		e.rate_count = 1 + below(5);
		e.rate_span_s = 1 + below(3);
		e.rate_each = !run.nests && one_in(2); /* sources are more than SOURCES */
		e.rate_verdict = one_in(2) ? MINATO_DROP : MINATO_REFUSE;
	}
	return e;
}

/* --- the naive evaluator --------------------------------------------------- */

static bool proto_fits(const struct minato_entry *e, uint8_t proto)
{
	return e->proto == 0 ? proto != MINATO_ICMP : e->proto == proto;
}

static bool matches(const struct naive_rule *r, const struct port_key *key, bool any_program)
{
	const struct minato_entry *e = &r->entry;
	const uint16_t port = key->proto == MINATO_ICMP ? key->icmp_type : key->local_port;

	if (!r->live || (e->until_ns != 0 && (uint64_t)run.now_ns >= e->until_ns))
		return false;
	if (!proto_fits(e, key->proto) || (e->scope != MINATO_SCOPE_ANY && e->scope != key->scope))
		return false;
	if (e->face != MINATO_FACE_ANY && e->face != key->face)
		return false;
	if (e->course != MINATO_COURSE_ANY && e->course != key->course)
		return false;
	if (e->program != 0 && !any_program && e->program != key->program)
		return false;
	return addr_in_prefix(&key->local, &e->local, e->local_prefix) &&
	       addr_in_prefix(&key->remote, &e->remote, e->remote_prefix) && port >= e->first &&
	       port <= e->last;
}

static struct naive_rule *first_match(const struct port_key *key, bool any_program)
{
	struct naive_rule *best = NULL;

	for (uint32_t i = 0; i < run.count; i++) {
		struct naive_rule *r = &run.rule[i];
		if (matches(r, key, any_program) &&
		    (best == NULL || r->entry.order < best->entry.order))
			best = r;
	}
	return best;
}

static bool within_rate(struct naive_rule *r, const struct port_key *key)
{
	const int64_t span = (int64_t)r->entry.rate_span_s * 1000000000;
	const int64_t share = span / r->entry.rate_count;
	int64_t *full = r->entry.rate_each ? &r->each_ns[source_number(&key->remote)] : &r->full_ns;
	const int64_t begin = *full > run.now_ns ? *full : run.now_ns;

	if (begin + share > run.now_ns + span)
		return false;
	*full = begin + share;
	return true;
}

/* --- steps ----------------------------------------------------------------- */

static void add_rule(void)
{
	struct naive_rule *r = &run.rule[run.count];
	const struct minato_entry e = some_rule();
	struct minato_entry got;
	int64_t added;

	if (run.count == run.most) {
		require(port_add(run.t, &e, NULL) == -ENOSPC);
		return;
	}
	added = port_add(run.t, &e, NULL);
	require(added >= 0);
	port_get(run.t, (uint32_t)added, &got);
	require(got.order == e.order && got.program == e.program && got.course == e.course &&
		got.rate_count == e.rate_count && got.rate_each == e.rate_each &&
		got.rate_span_s == e.rate_span_s && got.rate_verdict == e.rate_verdict &&
		got.log == e.log && got.verdict == e.verdict && got.until_ns == e.until_ns);
	*r = (struct naive_rule){ .entry = got, .index = (uint32_t)added, .live = true };
	run.count++;
}

static void remove_rule(void)
{
	uint32_t at;

	if (run.count == 0)
		return;
	at = below(run.count);
	port_remove(run.t, run.rule[at].index);
	run.rule[at] = run.rule[--run.count];
}

/* What a rule has spent stays spent wherever it stands. */
static void move_rule(void)
{
	struct naive_rule *r;
	struct minato_entry got;

	if (run.count == 0)
		return;
	r = &run.rule[below(run.count)];
	r->entry.order = (UINT64_C(1) + below(1u << 30)) << 24 | run.step;
	require(port_order(run.t, r->index, r->entry.order) == 0);
	port_get(run.t, r->index, &got);
	require(got.order == r->entry.order);
}

/* One in four is aimed at some rule. */
static struct port_key some_flow(void)
{
	static const uint8_t protos[] = { MINATO_TCP, MINATO_UDP, MINATO_ICMP };
	const bool six = one_in(2);
	struct port_key key = {
		.local = some_addr(six),
		.remote = some_addr(six),
		.local_port = some_port(),
		.remote_port = some_port(),
		.scope = (uint8_t)below(2),
		.face = (uint8_t)below(2),
		.proto = protos[below(3)],
		.course = (uint8_t)(1 + below(2)),
		.icmp_type = (uint8_t)below(256),
		.program = (uint16_t)below(4),
	};

	if (one_in(4))
		key.program = MINATO_PROGRAM_UNKNOWN;
	if (one_in(4) && run.count > 0)
		key.local_port = run.rule[below(run.count)].entry.first;
	return key;
}

static void compare(const struct port_key *key, const struct port_fate *fate)
{
	const bool unknown = key->program == MINATO_PROGRAM_UNKNOWN;
	struct naive_rule *sure = first_match(key, false);
	struct naive_rule *maybe = unknown ? first_match(key, true) : sure;
	enum minato_verdict verdict;

	require(fate->asks == (maybe != sure));
	if (fate->asks) {
		run.asked++;
		require(fate->rule == POOL_NONE && fate->kind == MINATO_KIND_CLOSED);
		return;
	}
	require(port_rule_entry(run.t, fate->rule) == (sure == NULL ? POOL_NONE : sure->index));
	if (sure == NULL)
		return;
	run.hits++;
	verdict = sure->entry.verdict;
	if (sure->entry.rate_count != 0 && !within_rate(sure, key)) {
		run.limited++;
		verdict = sure->entry.rate_verdict;
	}
	require((fate->kind == MINATO_KIND_GUARD) == (verdict != MINATO_PASS));
	require(verdict == MINATO_PASS || fate->verdict == verdict);
}

/* As one of a batch: sought first; rules may come and go before it is its turn. */
static void look_up_in_batch(const struct port_key *key, struct port_fate *fate)
{
	struct port_key others[40];
	struct port_probe probes[41];
	struct port_askings askings;
	bool opens[41];

	for (uint32_t i = 0; i < 40; i++)
		others[i] = some_flow();
	for (uint32_t i = 0; i < 41; i++) {
		probes[i].key = i == 40 ? key : &others[i];
		opens[i] = i == 40 || one_in(2);
	}
	if (one_in(2)) { /* as frames come */
		port_seek(run.t, probes, 9);
		port_rules_seek(run.t, probes, opens, 9);
		port_seek_opening(run.t, &probes[9], &opens[9], 32, &askings);
		port_rules_near(&askings);
		port_rules_settle(run.t, &askings);
	} else {
		port_seek(run.t, probes, 41);
		port_rules_seek(run.t, probes, opens, 41);
	}
	for (uint32_t i = 0; i < 40; i++)
		require(opens[i] || probes[i].rule_changes == PORT_RULES_UNSOUGHT);
	run.sought += probes[40].rule_changes != PORT_RULES_UNSOUGHT;
	if (one_in(4))
		add_rule();
	if (one_in(4))
		remove_rule();
	if (one_in(4))
		move_rule();
	if (one_in(4))
		run.now_ns += below(1000000);
	port_lookup_sought(run.t, &probes[40], (struct minato_time){ run.now_ns }, true, fate);
}

/* Now and then a flow beside the one before it, which crosses the rules where that did. */
static struct port_key next_flow(void)
{
	static struct port_key last;

	if (run.step == 0 || !run.nests || one_in(2))
		last = some_flow();
	last.remote_port = some_port();
	last.local_port = (uint16_t)(last.local_port + one_in(4));
	return last;
}

static void one_flow(void)
{
	const struct port_key key = next_flow();
	const struct minato_time now = { run.now_ns };
	struct rule_verdict before, after;
	struct port_fate fate;

	if (one_in(10)) {
		look_up_in_batch(&key, &fate);
		compare(&key, &fate);
		return;
	}

	port_rules_ask(run.t, &key, now, true, &before);
	port_rules_ask(run.t, &key, now, true, &after);
	require(before.rule == after.rule && before.verdict == after.verdict &&
		before.asks == after.asks);
	port_lookup(run.t, &key, now, true, &fate);
	compare(&key, &fate);
	require(fate.asks == before.asks &&
		(fate.kind == MINATO_KIND_GUARD) == (before.verdict != MINATO_PASS));
	/* The same flow once more at that time: the same answer, from memory. */
	if (one_in(8)) {
		struct port_fate again;
		port_lookup(run.t, &key, now, true, &again);
		require(again.kind == fate.kind && again.rule == fate.rule);
	}
}

static void one_step(void)
{
	if (run.count < run.wanted ? one_in(4) : one_in(40))
		add_rule();
	if (run.count > run.wanted ? one_in(4) : one_in(40))
		remove_rule();
	if (one_in(40))
		move_rule();
	if (one_in(10000))
		run.wanted = below(one_in(3) ? 8 : run.most);
	run.now_ns += 1 + below(100);
	if (one_in(100))
		run.now_ns += below(300000000);
	one_flow();
}

/* With few rules groups have no maps, and always go by their trees. */
static void run_seed(uint64_t seed, uint32_t most, bool nests)
{
	const struct port_limits limits = { .tuples_max = 64,
					    .entries_max = RULES_MAX,
					    .rules_max = most };
	const struct hash_key key = { { seed, ~seed } };
	const size_t size = port_bytes(&limits);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	memset(&run, 0, sizeof(run));
	run.t = port_init(memory, &limits, &key);
	run.random = seed;
	run.seed = seed;
	run.most = most;
	run.nests = nests;
	run.wanted = 200;
	run.now_ns = 1000;
	for (run.step = 0; run.step < STEPS; run.step++)
		one_step();
	/* Each branch was gone through often. */
	require((run.t->rules.maps_fresh > 0) == (most > 256));
	require(!nests || run.t->rules.crossed > STEPS / 20);
	require(run.t->rules.blocks.peak > 10);
	require(run.t->rules.strays.peak > 10);
	require(run.sought > STEPS / 40);
	require(run.hits > STEPS / 10 && run.asked > STEPS / 200 && run.limited > STEPS / 500);
	while (run.count > 0)
		remove_rule();
	require(run.t->rules.groups == 0 && run.t->rules.strays.used == 0 &&
		run.t->rules.lines.used == 0 && run.t->rules.blocks.used == 0 &&
		run.t->rules.facets.used == 0 && run.t->rules.rows.used == 0 &&
		run.t->rules.pairs.used == 0 && run.t->rules.rules.used == 0 &&
		run.t->rules.count == 0);
	munmap(memory, size);
}

static void a_million_flows_beside_a_naive_evaluator(void **state)
{
	const char *one = getenv("MINATO_SEED");

	(void)state;
	if (one != NULL) {
		run_seed(strtoull(one, NULL, 0), RULES_MAX, getenv("MINATO_NESTS") != NULL);
		return;
	}
	for (uint64_t seed = 1; seed <= 4; seed++)
		run_seed(seed * UINT64_C(0x9e3779b97f4a7c15), seed % 2 ? 250 : RULES_MAX / 2,
			 false);
	for (uint64_t seed = 5; seed <= 6; seed++)
		run_seed(seed * UINT64_C(0x9e3779b97f4a7c15), seed % 2 ? 250 : RULES_MAX / 2, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_flows_beside_a_naive_evaluator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
