/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a world of a seed, and turns its clock until all is told. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "sim/sim.h"

#define START_NS (1000 * SIM_S)
#define CALM_MAX_NS (4000 * SIM_S)
#define AFTER_NS (400 * SIM_S)
#define TURNS_MAX 200000
#define PAGE 4096u
#define PAGES_MAX (1u << 16)

/* --- dice ---------------------------------------------------------------------- */

uint64_t dice_next(struct dice *d)
{
	uint64_t x = d->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint32_t dice_below(struct dice *d, uint32_t bound)
{
	return (uint32_t)((dice_next(d) >> 32) * bound >> 32);
}

bool dice_chance(struct dice *d, uint32_t per_mille)
{
	return per_mille > 0 && dice_below(d, 1000) < per_mille;
}

uint32_t dice_size(struct dice *d, uint32_t max)
{
	uint32_t bits = 1;
	uint32_t value;

	while (bits < 32 && 1u << bits < max)
		bits++;
	value = 1 + dice_below(d, 1u << (1 + dice_below(d, bits)));
	return value > max ? max : value;
}

/* --- words ------------------------------------------------------------------------ */

void sim_fail(struct sim *s, const char *format, ...)
{
	va_list args;

	if (s->failed)
		return;
	s->failed = true;
	va_start(args, format);
	vsnprintf(s->why, sizeof(s->why), format, args);
	va_end(args);
	sim_trace(s, "FAILED: %s", s->why);
}

void sim_trace(const struct sim *s, const char *format, ...)
{
	va_list args;

	if (!s->trace)
		return;
	printf("%12.6f ", (double)(s->now - START_NS) / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* --- making a world ----------------------------------------------------------------- */

static uint32_t pick(struct dice *d, const uint32_t *values, uint32_t count)
{
	return values[dice_below(d, count)];
}

#define PICK(d, ...)                                                                               \
	pick((d), (const uint32_t[]){ __VA_ARGS__ },                                               \
	     sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

static void make_weather(struct sim *s)
{
	struct dice *d = &s->dice;
	struct weather *w = &s->cable.weather;

	*w = (struct weather){
		.loss = PICK(d, 0, 0, 10, 50, 200),
		.repeat = PICK(d, 0, 0, 10, 100),
		.corrupt = PICK(d, 0, 0, 5, 50),
		.marks = PICK(d, 0, 0, 20, 200),
		.delay_ns = (int64_t)PICK(d, 0, 1, 20, 100) * SIM_MS,
		.jitter_ns = (int64_t)PICK(d, 0, 0, 1, 30, 200) * SIM_MS,
		.bytes_per_s = PICK(d, 0, 0, 20000, 200000, 10000000),
		.queue_max = 2 + dice_below(d, 60),
	};
}

static void make_config(struct sim *s, uint32_t node, enum minato_link_type type, uint32_t mtu)
{
	const uint32_t tso = MINATO_OFFLOAD_TSO4 | MINATO_OFFLOAD_TSO6;
	const uint32_t uso = MINATO_OFFLOAD_USO4 | MINATO_OFFLOAD_USO6;
	struct minato_config *c = &s->node[node].config;
	struct dice *d = &s->dice;

	minato_config_init(c);
	c->seed[0] = dice_next(d);
	c->seed[1] = dice_next(d);
	c->sockets_max = s->scarce ? 12 + dice_below(d, 20) : 400;
	c->time_wait_max = s->scarce ? 1 + dice_below(d, 8) : 100;
	c->entries_max = 16;
	c->neighbours_max = s->scarce ? 2 + dice_below(d, 3) : 16;
	c->chunks_large = s->scarce ? 1 + dice_below(d, 4) : 64;
	c->chunks_small = s->scarce ? 16 + dice_below(d, 64) : 1024;
	c->active_max = s->scarce ? 4 + dice_below(d, 20) : 100;
	c->calls_max = s->scarce ? 2 + dice_below(d, 4) : 64;
	c->half_open_max = PICK(d, 0, 1, 2); /* above that by cookies */
	c->link_count = 1;
	c->link[0].type = type;
	c->link[0].mtu = mtu;
	c->link[0].offloads = PICK(d, 0, MINATO_OFFLOAD_CSUM, MINATO_OFFLOAD_CSUM | tso,
				   MINATO_OFFLOAD_CSUM | tso | uso);
	c->link[0].any_destination = node == 0 && s->outside;
	c->link[0].proxy = c->link[0].any_destination;
	if (type == MINATO_LINK_ETHERNET) {
		c->link[0].mac[0] = 2;
		c->link[0].mac[5] = (uint8_t)(node + 1);
	}
}

static void add_routes(struct sim *s, uint32_t node)
{
	const struct minato_addr v4 = minato_addr4(0, 0, 0, 0);
	const struct minato_addr v6 = { { 0 } };
	const struct minato_entry uplink = {
		.kind = MINATO_KIND_UPLINK,
		.scope = 0,
		.face = MINATO_FACE_ANY,
		.last = 65535,
		.user = 4711,
	};
	uint64_t handle;

	if (!s->outside)
		return;
	if (node == 0) {
		if (minato_entry_add(s->node[0].m, &uplink, &handle) != 0)
			sim_fail(s, "no uplink");
		return;
	}
	if (minato_route_add(s->node[node].m, &v4, 0, &s->node[0].v4, 0) != 0 ||
	    minato_route_add(s->node[node].m, &v6, 0, &s->node[0].v6, 0) != 0)
		sim_fail(s, "no route");
}

void world_node(struct sim *s, uint32_t node)
{
	struct node *n = &s->node[node];
	char text[32];
	void *memory;

	/* Whole pages, so that it can be moved by pages. */
	n->size = (minato_size(&n->config) + PAGE - 1) & ~(size_t)(PAGE - 1);
	n->granularity_ns = PICK(&s->dice, 1, 1, 1000, 1000000, 10000000);
	memory = mmap(NULL, n->size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (minato_size(&n->config) == 0 || memory == MAP_FAILED ||
	    minato_create(memory, n->size, &n->config, sim_clock(s, node), &n->m) != 0) {
		sim_fail(s, "node %u: cannot be made", node);
		return;
	}
	snprintf(text, sizeof(text), "10.0.0.%u", node + 1);
	minato_addr_parse(text, &n->v4);
	snprintf(text, sizeof(text), "fd00::%u", node + 1);
	minato_addr_parse(text, &n->v6);
	if (minato_address_add(n->m, 0, &n->v4, 24) != 0 ||
	    minato_address_add(n->m, 0, &n->v6, 64) != 0)
		sim_fail(s, "node %u: no address", node);
}

static void make_world(struct sim *s)
{
	struct dice *d = &s->dice;
	const enum minato_link_type type =
		dice_chance(d, 600) ? MINATO_LINK_ETHERNET : MINATO_LINK_IP;
	const uint32_t mtu = PICK(d, 1500, 1500, 1500, 1280, 9000, 65535);

	s->nodes = 2 + dice_below(d, SIM_NODES - 1);
	s->outside = dice_chance(d, 300);
	s->large = dice_chance(d, 300);
	s->scarce = dice_chance(d, 250);
	s->by_events = dice_chance(d, 700);
	s->size_max = PICK(d, 2000, 50000, 200000, 1000000);
	s->pace_ms = PICK(d, 30, 300, 1500);
	s->flows_max = 1 + dice_below(d, s->scarce ? 8 : SIM_FLOWS);
	s->storm_end = s->now + (2 + (int64_t)dice_below(d, 40)) * SIM_S;
	make_weather(s);
	/* A bit here and another there, in two fragments, no checksum sees. */
	if (s->large)
		s->cable.weather.corrupt = 0;
	for (uint32_t i = 0; i < s->nodes && !s->failed; i++) {
		make_config(s, i, type, mtu);
		world_node(s, i);
	}
	for (uint32_t i = 0; i < s->nodes && !s->failed; i++)
		add_routes(s, i);
	if (!s->failed)
		player_open(s);
	sim_trace(s, "seed %llu: %u nodes, mtu %u, loss %u corrupt %u, %s%s",
		  (unsigned long long)s->seed, s->nodes, mtu, s->cable.weather.loss,
		  s->cable.weather.corrupt, s->scarce ? "scarce " : "",
		  s->outside ? "outside" : "");
}

void world_end(struct sim *s)
{
	cable_clear(&s->cable);
	for (uint32_t i = 0; i < s->nodes; i++) {
		if (!s->node[i].m)
			continue;
		unpoison(s->node[i].m, s->node[i].size);
		munmap(s->node[i].m, s->node[i].size);
	}
}

/* By words and not by memcpy: ASan would stop at the poison of free slots. */
__attribute__((no_sanitize("address"), noinline)) static void copy_page(void *to, const void *from)
{
	volatile uint64_t *out = to;
	const volatile uint64_t *in = from;

	for (size_t i = 0; i < PAGE / sizeof(*out); i++)
		if (in[i] != 0)
			out[i] = in[i];
}

/* Pages that were never touched stay so: only what is resident is copied. */
static bool copy_resident(void *to, void *from, size_t size)
{
	static unsigned char resident[PAGES_MAX];

	if (size / PAGE > PAGES_MAX || mincore(from, size, resident) != 0)
		return false;
	for (size_t at = 0; at < size; at += PAGE)
		if (resident[at / PAGE] & 1)
			copy_page((char *)to + at, (const char *)from + at);
	return true;
}

void sim_move(struct sim *s, uint32_t node)
{
	struct node *n = &s->node[node];
	void *memory = mmap(NULL, n->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || !copy_resident(memory, n->m, n->size)) {
		sim_fail(s, "node %u: cannot be moved", node);
		return;
	}
	unpoison(n->m, n->size);
	munmap(n->m, n->size);
	n->m = memory;
	sim_trace(s, "%u: moved", node);
}

/* --- the clock -------------------------------------------------------------------------- */

struct minato_time sim_clock(const struct sim *s, uint32_t node)
{
	const int64_t step = s->node[node].granularity_ns;

	return (struct minato_time){ s->now / step * step };
}

/* Everything that happens at this instant. */
static void run_instant(struct sim *s)
{
	uint32_t turns = 0;
	bool busy = true;

	while (busy && !s->failed) {
		busy = cable_deliver(s);
		busy |= s->cast->act(s);
		for (uint32_t i = 0; i < s->nodes; i++)
			busy |= cable_collect(s, i);
		if (++turns > TURNS_MAX)
			sim_fail(s, "an instant without end");
	}
	if (!s->failed)
		judge_step(s);
	if (!s->failed && s->cast->judge)
		s->cast->judge(s);
}

static int64_t next_instant(const struct sim *s)
{
	int64_t next = cable_next(&s->cable);

	if (s->cast->next(s) < next)
		next = s->cast->next(s);
	if (!s->calm && s->storm_end < next)
		next = s->storm_end;
	for (uint32_t i = 0; i < s->nodes; i++) {
		const int64_t step = s->node[i].granularity_ns;
		int64_t at = minato_deadline(s->node[i].m).ns;
		if (at == INT64_MAX)
			continue;
		at = (at + step - 1) / step * step;
		if (at < next)
			next = at;
	}
	return next > s->now ? next : s->now + 1;
}

static void calm_down(struct sim *s)
{
	s->calm = true;
	s->cable.weather = (struct weather){ .delay_ns = SIM_MS, .queue_max = 1000 };
	s->spawn_at = INT64_MAX;
	sim_trace(s, "calm");
}

void world_run(struct sim *s, int64_t end, bool (*done)(const struct sim *s))
{
	while (!s->failed && s->now < end) {
		run_instant(s);
		s->steps++;
		if (s->failed || (done && done(s)))
			return;
		s->now = next_instant(s);
		if (s->now > end)
			s->now = end;
		if (!s->calm && s->now >= s->storm_end)
			calm_down(s);
		for (uint32_t i = 0; i < s->nodes; i++)
			minato_advance(s->node[i].m, sim_clock(s, i));
		if (s->calm)
			judge_stuck(s);
	}
}

void world_begin(struct sim *s, uint64_t seed, bool trace, const struct cast *cast)
{
	*s = (struct sim){
		.seed = seed,
		.trace = trace,
		.dice = { seed },
		.wire_dice = { seed ^ 0x77697265 },
		.now = START_NS,
		.cast = cast,
	};
}

static bool calm_and_done(const struct sim *s)
{
	return s->calm && player_done(s);
}

bool sim_run(struct sim *s, uint64_t seed, bool trace)
{
	world_begin(s, seed, trace, &player_cast);
	make_world(s);
	world_run(s, s->storm_end + CALM_MAX_NS, calm_and_done);
	if (!s->failed && !player_done(s))
		sim_fail(s, "not done after %lld s of calm", (long long)(CALM_MAX_NS / SIM_S));
	if (!s->failed)
		judge_flows(s);
	if (!s->failed) {
		player_close(s);
		world_run(s, s->now + AFTER_NS, NULL);
	}
	if (!s->failed)
		judge_end(s);
	sim_trace(s, "%llu steps, %llu frames", (unsigned long long)s->steps,
		  (unsigned long long)s->cable.carried);
	world_end(s);
	return !s->failed;
}
