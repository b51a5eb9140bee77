/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports chosen: how many one destination gets, and what each costs. */
#include "ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "measure/measure.h"
#include "minato/minato.h"
#include "port/port.h"

#define PORTS 64512u
#define PICKS 20000u
#define ROUNDS 9u
#define TAKES 64u
#define TAKE_ROUNDS 63u
#define CROWD_EACH 32u
#define CROWD_ROUNDS 100u

struct lender {
	struct minato *m;
	size_t size;
	struct minato_wish wish;
	uint64_t *lease; /* what is lent */
	uint32_t count;
};

static struct lender lender_new(uint16_t low, uint16_t high)
{
	struct lender l = { .wish = { .proto = MINATO_TCP, .low = low, .high = high } };
	struct minato_config c;

	minato_config_init(&c);
	c.seed[0] = 0x706f7274;
	c.seed[1] = low;
	l.wish.local = minato_addr4(192, 0, 2, 1);
	l.wish.remote = (struct minato_endpoint){ minato_addr4(198, 51, 100, 1), 443 };
	l.size = minato_size(&c);
	l.lease = calloc(PORTS + 1, sizeof(*l.lease));
	if (l.lease == NULL ||
	    minato_create(reserve(l.size), l.size, &c, (struct minato_time){ 0 }, &l.m) != 0) {
		say("no host value");
		exit(1);
	}
	return l;
}

static void lender_end(struct lender *l)
{
	munmap(l->m, l->size);
	free(l->lease);
}

static bool lend(struct lender *l)
{
	uint16_t port;

	if (minato_port_take(l->m, &l->wish, &l->lease[l->count], &port) != 0)
		return false;
	l->count++;
	return true;
}

static void fill(struct lender *l, uint32_t count)
{
	while (l->count < count && lend(l))
		;
}

/* ns of a port taken and given back, the median of rounds. */
static double pick(struct lender *l)
{
	double values[ROUNDS];

	for (uint32_t r = 0; r < ROUNDS; r++) {
		const double start = now_ns();
		for (uint32_t i = 0; i < PICKS; i++) {
			lend(l);
			minato_port_give(l->m, l->lease[--l->count], true);
		}
		values[r] = (now_ns() - start) / PICKS;
	}
	return measure_median(values, ROUNDS);
}

/* ns until it is said that none is left. */
static double refuse(struct lender *l)
{
	const double start = now_ns();

	for (uint32_t i = 0; i < 1000; i++)
		lend(l);
	return (now_ns() - start) / 1000;
}

/* ns of a port taken, which is later given back outside the clock, as the
   kernel's connections are closed: the median of rounds. */
static double take(struct lender *l)
{
	const uint32_t held = l->count;
	double values[TAKE_ROUNDS];

	for (uint32_t r = 0; r < TAKE_ROUNDS; r++) {
		const double start = now_ns();
		for (uint32_t i = 0; i < TAKES; i++)
			lend(l);
		values[r] = (now_ns() - start) / TAKES;
		while (l->count > held)
			minato_port_give(l->m, l->lease[--l->count], true);
	}
	return measure_median(values, TAKE_ROUNDS);
}

static void beside_the_kernel(void)
{
	const double kernel = connect_choice_ns();
	struct lender l = lender_new(CONNECT_LOW, CONNECT_HIGH);
	double ours;

	if (kernel > 0) {
		fill(&l, CONNECT_HELD);
		ours = take(&l);
		figure("connect_choice_ns", kernel, "ns");
		figure("take_beside_connect_ns", ours, "ns");
		figure("pick_vs_connect_choice", kernel / ours, "times");
	}
	lender_end(&l);
}

/* ns of a choice for any destination, and of a bind to a port, from this
   address; neither finds anything. */
static void ask_crowd(struct port_table *t, const char *name, struct minato_addr local)
{
	const struct port_choice choice = { .proto = MINATO_TCP, .local = local, .alone = true };
	struct port_claim claim = { .proto = MINATO_TCP, .local = local };
	const double start = now_ns();
	uint32_t found = 0;
	double chosen;

	for (uint32_t i = 0; i < CROWD_ROUNDS; i++)
		found += port_choose(t, &choice) != 0;
	chosen = now_ns();
	for (uint32_t i = 0; i < PORTS; i++) {
		claim.port = (uint16_t)(65536 - PORTS + i);
		found += port_bind(t, &claim, NULL) >= 0;
	}
	figure_of("choose_any_full_%s_us", name, (chosen - start) / CROWD_ROUNDS / 1e3, "us");
	figure_of("bind_crowded_%s_ns", name, (now_ns() - chosen) / PORTS, "ns");
	if (found > 0)
		say("%u ports were had where none is free", found);
}

/* Two million connections from two addresses of ours, on every port of each. */
static void every_port_in_use(void)
{
	const struct port_limits limits = { PORTS * CROWD_EACH, 16, 0, 0 };
	const struct hash_key key = { { 0x6d696e61746f, 0x62656e6368 } };
	const size_t size = port_bytes(&limits);
	struct port_table *t = port_init(reserve(size), &limits, &key);

	for (uint32_t i = 0; i < PORTS * CROWD_EACH; i++) {
		const struct port_key k = {
			.local = minato_addr4(192, 0, 2, 1 + i / PORTS % 2),
			.local_port = (uint16_t)(65536 - PORTS + i % PORTS),
			.remote = minato_addr4(198, 51, 100, (uint8_t)(i / PORTS)),
			.remote_port = 443,
			.proto = MINATO_TCP,
		};
		if (port_tuple_insert(t, &k, (struct port_tuple_ref){ .owner = i }) < 0) {
			say("tuple %u was refused", i);
			exit(1);
		}
	}
	ask_crowd(t, "wildcard", minato_addr4(0, 0, 0, 0));
	ask_crowd(t, "address", minato_addr4(192, 0, 2, 1));
	munmap(t, size);
}

int bench_choose(void)
{
	static const struct {
		const char *name;
		double share;
	} at[] = { { "0", 0 },	   { "1", 0.01 },    { "50", 0.5 },	{ "90", 0.9 },
		   { "99", 0.99 }, { "999", 0.999 }, { "9999", 0.9999 } };
	struct lender l = lender_new(0, 0);
	double one = 0;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		fill(&l, (uint32_t)(PORTS * at[i].share));
		const double ns = pick(&l);
		figure_of("pick_%s_ns", at[i].name, ns, "ns");
		if (at[i].share == 0.01)
			one = ns;
		if (at[i].share == 0.999)
			figure("pick_999_over_pick_1", ns / one, "times");
	}
	fill(&l, PORTS + 1);
	figure("fill_64512", l.count, "ports");
	figure("pick_full_ns", refuse(&l), "ns");
	lender_end(&l);
	every_port_in_use();
	beside_the_kernel();
	return 0;
}
