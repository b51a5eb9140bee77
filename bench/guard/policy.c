/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A new flow's verdict with ten rules, and with a hundred thousand: the whole look-up (exact
 * tuple, guards, rules, other entries), in batches of 32 as frames come. Rules are of ten forms:
 * single addresses, prefixes of many lengths, ports and ranges, of one side or of both, some
 * thousands on one port, thousands of single ports and of ranges that differ in nothing else, and
 * IPv6. Half of the flows are aimed at some rule, the others come from anywhere. Both tables are
 * asked in turn, and the median of rounds is what counts. Behind it the same for a flow that comes
 * alone, with nothing before it to hide what memory costs; policy_arrive.c lets it come as it does.
 */
#include "bench.h"
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "minato/guard.h"
#include "port/port.h"

#define FLOWS 65536u
#define BATCH 32u
#define ROUNDS 15u
#define FORMS 10u

struct world {
	struct port_table *t;
	struct port_key *flows;
	struct minato_entry *rules;
	uint32_t count;
	double ns[ROUNDS];
	uint64_t hits;
};

static uint64_t state = 42;

uint32_t policy_below(uint32_t bound)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) >> 32) % bound;
}

static struct minato_addr some_addr(void)
{
	return minato_addr4((uint8_t)(1 + policy_below(220)), (uint8_t)policy_below(256),
			    (uint8_t)policy_below(256), (uint8_t)policy_below(256));
}

static struct minato_addr some_six(void)
{
	struct minato_addr a = { { 0x20, 1, (uint8_t)policy_below(256),
				   (uint8_t)policy_below(256) } };

	for (uint32_t i = 4; i < 16; i++)
		a.bytes[i] = (uint8_t)policy_below(256);
	return a;
}

static void ports(struct minato_entry *e, uint16_t first, uint32_t width)
{
	e->proto = MINATO_TCP;
	e->first = first;
	e->last = (uint16_t)(first + width);
}

static void source(struct minato_entry *e, struct minato_addr a, uint8_t length)
{
	e->remote = a;
	e->remote_prefix = length;
}

static void destination(struct minato_entry *e, struct minato_addr a, uint8_t length)
{
	e->local = a;
	e->local_prefix = length;
}

struct minato_entry policy_rule(uint32_t number)
{
	static const uint8_t lengths[] = { 112, 116, 118, 120, 124 };
	const uint8_t length = lengths[(number / FORMS + number) % 5];
	struct minato_entry e = { .kind = MINATO_KIND_GUARD,
				  .scope = MINATO_SCOPE_ANY,
				  .face = MINATO_FACE_ANY,
				  .course = MINATO_COURSE_IN,
				  .order = 1 + number };

	e.verdict = (enum minato_verdict)policy_below(3);
	switch (number % FORMS) {
	case 0: /* a list of addresses */
		source(&e, some_addr(), 128);
		break;
	case 1:
		source(&e, some_addr(), length);
		ports(&e, 22, 0);
		break;
	case 2:
		source(&e, some_addr(), length);
		ports(&e, (uint16_t)(1024 + policy_below(60000)), policy_below(1000));
		break;
	case 3:
		destination(&e, some_addr(), 128);
		ports(&e, 443, 0);
		break;
	case 4:
		ports(&e, (uint16_t)(20000 + policy_below(40000)), 0);
		break;
	case 5:
		ports(&e, (uint16_t)(20000 + policy_below(40000)), policy_below(500));
		break;
	case 6: /* many on one port */
		source(&e, some_addr(), 128);
		ports(&e, 443, 0);
		break;
	case 7:
		source(&e, some_six(), (uint8_t)(policy_below(2) ? 48 : 64));
		break;
	case 8:
		destination(&e, some_addr(), 120);
		source(&e, some_addr(), length);
		ports(&e, (uint16_t)policy_below(1024), policy_below(100));
		break;
	default:
		source(&e, some_addr(), length);
		break;
	}
	return e;
}

struct minato_addr policy_within(struct minato_addr prefix, uint32_t length, bool six)
{
	struct minato_addr a = six ? some_six() : some_addr();

	for (uint32_t bit = 0; bit < length; bit++) {
		const uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		a.bytes[bit / 8] =
			(uint8_t)((a.bytes[bit / 8] & ~mask) | (prefix.bytes[bit / 8] & mask));
	}
	return a;
}

static struct port_key flow(const struct world *w, bool aimed)
{
	const struct minato_entry *e = &w->rules[policy_below(w->count)];
	const bool six = aimed ? e->remote_prefix != 0 && !minato_addr_is4(&e->remote) :
				 policy_below(10) == 0;
	struct port_key key = { .proto = MINATO_TCP, .course = MINATO_COURSE_IN };

	key.local = six ? some_six() : some_addr();
	key.remote = six ? some_six() : some_addr();
	key.local_port = (uint16_t)(policy_below(3) ? policy_below(20000) : 443);
	key.remote_port = (uint16_t)(1024 + policy_below(60000));
	if (!aimed)
		return key;
	if (e->local_prefix != 0)
		key.local = policy_within(e->local, e->local_prefix, six);
	if (e->remote_prefix != 0)
		key.remote = policy_within(e->remote, e->remote_prefix, six);
	if (e->last != 0)
		key.local_port =
			(uint16_t)(e->first + policy_below((uint32_t)e->last - e->first + 1));
	return key;
}

static int open_world(struct world *w, uint32_t count)
{
	const struct port_limits limits = { .tuples_max = 1024,
					    .entries_max = count + 16,
					    .rules_max = count };
	const struct hash_key key = { { 7, 11 } };
	void *memory = mmap(NULL, port_bytes(&limits), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	madvise(memory, port_bytes(&limits), MADV_HUGEPAGE);
	w->t = port_init(memory, &limits, &key);
	w->count = count;
	w->rules = calloc(count, sizeof(*w->rules));
	w->flows = calloc(FLOWS, sizeof(*w->flows));
	if (w->rules == NULL || w->flows == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		w->rules[i] = policy_rule(i);
		if (port_add(w->t, &w->rules[i], NULL) < 0)
			return -1;
	}
	for (uint32_t i = 0; i < FLOWS; i++)
		w->flows[i] = flow(w, i % 2 == 0);
	return 0;
}

/* Nanoseconds for each flow; `alone`: one by one instead of in batches. */
static double ask_all(struct world *w, bool alone)
{
	const uint32_t batch = alone ? 1 : BATCH;
	struct port_probe probes[BATCH];
	bool opens[BATCH];
	const double begin = seconds();

	memset(opens, true, sizeof(opens));
	w->hits = 0;
	for (uint32_t i = 0; i < FLOWS; i += batch) {
		for (uint32_t k = 0; k < batch; k++)
			probes[k].key = &w->flows[i + k];
		port_seek(w->t, probes, batch);
		if (!alone)
			port_rules_seek(w->t, probes, opens, batch);
		for (uint32_t k = 0; k < batch; k++) {
			struct port_fate fate;
			port_lookup_sought(w->t, &probes[k], (struct minato_time){ 1 }, true,
					   &fate);
			w->hits += fate.rule != POOL_NONE;
		}
	}
	return (seconds() - begin) * 1e9 / FLOWS;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static void both(struct world *few, struct world *many, bool alone, double *a, double *b)
{
	for (uint32_t r = 0; r < ROUNDS; r++) {
		few->ns[r] = ask_all(few, alone);
		many->ns[r] = ask_all(many, alone);
	}
	*a = median(few->ns);
	*b = median(many->ns);
}

/* One rule more, and one fewer, beside all others. */
static double change_one(struct world *w)
{
	const uint32_t times = 20000;
	const double begin = seconds();

	for (uint32_t i = 0; i < times; i++) {
		const uint32_t at = policy_below(w->count);
		struct minato_entry e = w->rules[at];
		int64_t added;
		port_remove(w->t, at);
		added = port_add(w->t, &e, NULL); /* takes the same place */
		if (added != at)
			say("a rule came back as %lld", (long long)added);
	}
	return (seconds() - begin) * 1e9 / times;
}

int bench_policy(void)
{
	struct world few = { 0 }, many = { 0 };
	double a, b;

	if (open_world(&few, POLICY_FEW) < 0 || open_world(&many, POLICY_MANY) < 0) {
		say("no memory for %u rules", POLICY_MANY);
		return -1;
	}
	both(&few, &many, false, &a, &b);
	say("of %u flows %llu and %llu met a rule", FLOWS, (unsigned long long)few.hits,
	    (unsigned long long)many.hits);
	figure("policy_10_ns", a, "ns");
	figure("policy_1e5_ns", b, "ns");
	figure("policy_1e5_vs_10", b / a, "ratio");
	both(&few, &many, true, &a, &b);
	figure("policy_alone_10_ns", a, "ns");
	figure("policy_alone_1e5_ns", b, "ns");
	figure("policy_alone_1e5_vs_10", b / a, "ratio");
	figure("policy_change_1e5_ns", change_one(&many), "ns");
	return policy_nested() | policy_arrive();
}
